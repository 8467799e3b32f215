/* Folders and recordings on disk: what lies where, and whether a recording's process is still at work. Only looks; changes nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/journal.h"
#include "tool/tool.h"

bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

char *path_join(const char *folder, const char *name)
{
    size_t size = strlen(folder);
    text joined = {0};
    text_add(&joined, folder, size);
    if (size && folder[size - 1] != '/')
        text_char(&joined, '/');
    text_puts(&joined, name);
    text_char(&joined, 0);
    return joined.bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool folder_list(const char *folder, const char *beginning, const char *ending, names *list)
{
    *list = (names){0};
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    size_t before = strlen(beginning), behind = strlen(ending), room = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t size = strlen(entry->d_name);
        if (size < before + behind || strncmp(entry->d_name, beginning, before) != 0 || strcmp(entry->d_name + size - behind, ending) != 0)
            continue;
        if (list->count == room) {
            room = room ? room * 2 : 16;
            list->items = must_have(realloc(list->items, room * sizeof *list->items));
        }
        list->items[list->count++] = must_have(strdup(entry->d_name));
    }
    closedir(dir);
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, by_name);
    return true;
}

void names_free(names *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (names){0};
}

bool is_our_recorder(ct_text name)
{
    return name.size >= 26 && (memcmp(name.bytes, "codetracer_python_recorder", 26) == 0 || memcmp(name.bytes, "codetracer-python-recorder", 26) == 0);
}

static bool read_at(int folder, const char *name, uint8_t *bytes, size_t count)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, bytes, count, 0);
    close(fd);
    return got == (ssize_t)count;
}

/* When the process began, in seconds since 1970; 0 when it cannot be told. *ended: it is dead, only nobody has asked for its status yet. */
static uint64_t process_start(long process, bool *ended)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file)
        fclose(file);
    line[got] = 0;
    const char *at = strrchr(line, ')'); /* the name may hold anything */
    *ended = at && (strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0);
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    unsigned long long ticks = at ? strtoull(at, NULL, 10) : 0;
    long rate = sysconf(_SC_CLK_TCK);
    file = fopen("/proc/stat", "re");
    unsigned long long boot = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "btime %llu", &boot) == 1)
            break;
    if (file)
        fclose(file);
    return at && boot && rate > 0 ? boot + ticks / (unsigned long long)rate : 0;
}

long recording_process(const char *folder)
{
    uint8_t header[CT_FILE_HEADER_SIZE];
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    bool read = read_at(fd, "journal.ctj", header, sizeof header) && memcmp(header, CT_JOURNAL_MAGIC, 8) == 0;
    /* A recording that has ended has no live file any more; while its process writes the trace, it has the other. */
    bool live = faccessat(fd, "journal.live", F_OK, 0) == 0 || faccessat(fd, "exporting", F_OK, 0) == 0;
    close(fd);
    if (!read || !live)
        return 0;
    uint64_t began = 0;
    uint32_t process = 0;
    for (int i = 7; i >= 0; i--)
        began = began << 8 | header[32 + i];
    for (int i = 3; i >= 0; i--)
        process = process << 8 | header[40 + i];
    if (process == 0 || process > INT32_MAX || (kill((pid_t)process, 0) != 0 && errno == ESRCH))
        return 0;
    /* A number that was given to a later process: it began after the recording did. */
    bool ended;
    uint64_t start = process_start((long)process, &ended);
    return ended || (start && start > began / 1000000000u + 2) ? 0 : (long)process;
}
