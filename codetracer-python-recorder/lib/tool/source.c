/* Lines of source files: from the journal where it has them, else from the disk. Owns what it read until sources_free.
 * Invariant: each file is looked for once. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/tool.h"

typedef struct file {
    bool looked;
    char *owned;           /* read from the disk, or decoded */
    ct_text all;
    size_t *starts;        /* of each line */
    size_t line_count;
    char *name;
} file;

struct sources {
    ct_journal *journal;
    file *files;
    uint32_t count;
    const char *trace;     /* its path, and when it was last written: a source changed after that may show other lines */
    time_t written;
    char *here;            /* the recorded program's folder, with a slash behind it */
};

sources *sources_new(ct_journal *journal, const char *trace)
{
    sources *s = must_have(calloc(1, sizeof *s));
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    s->journal = journal;
    s->trace = trace;
    struct stat status;
    if (stat(trace, &status) == 0)
        s->written = status.st_mtime;
    s->count = counts.paths;
    s->files = must_have(calloc(s->count ? s->count : 1, sizeof *s->files));
    ct_text folder = ct_journal_meta_value(journal, "workdir");
    if (folder.size > 1) {
        s->here = must_have(malloc(folder.size + 2));
        memcpy(s->here, folder.bytes, folder.size);
        s->here[folder.size] = '/';
        s->here[folder.size + 1] = 0;
    }
    return s;
}

void sources_free(sources *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->count; i++) {
        free(s->files[i].owned);
        free(s->files[i].starts);
        free(s->files[i].name);
    }
    free(s->files);
    free(s->here);
    free(s);
}

static void read_from_disk(sources *s, ct_text path, file *f)
{
    enum { MOST = 64 << 20 };
    if (path.size == 0 || path.bytes[0] == '<' || memchr(path.bytes, 0, path.size))
        return;
    text whole = {0};
    if (path.bytes[0] != '/' && s->here)
        text_puts(&whole, s->here);
    text_add(&whole, path.bytes, path.size);
    text_char(&whole, 0);
    int fd = open(whole.bytes, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0) {
        text_free(&whole);
        return;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= MOST) {
        size_t size = (size_t)status.st_size, have = 0;
        f->owned = must_have(malloc(size));
        while (have < size) {
            ssize_t got = read(fd, f->owned + have, size - have);
            if (got <= 0)
                break;
            have += (size_t)got;
        }
        f->all = (ct_text){f->owned, have};
        if (s->written && status.st_mtime > s->written)
            complain("print", "%s was changed after the recording, and this format does not keep sources: its lines below may not be those that ran.",
                     whole.bytes);
    }
    text_free(&whole);
    close(fd);
}

static void find_lines(file *f)
{
    size_t lines = 1, at = 0;
    for (size_t i = 0; i < f->all.size; i++)
        lines += f->all.bytes[i] == '\n' || f->all.bytes[i] == '\r';
    f->starts = must_have(malloc((lines + 1) * sizeof *f->starts));
    const bool marked = f->all.size >= 3 && memcmp(f->all.bytes, "\xEF\xBB\xBF", 3) == 0; /* that it is UTF-8: no part of the first line */
    f->starts[f->line_count++] = marked ? 3 : 0;
    for (; at < f->all.size; at++) {
        bool both = f->all.bytes[at] == '\r' && at + 1 < f->all.size && f->all.bytes[at + 1] == '\n';
        if (f->all.bytes[at] == '\n' || (f->all.bytes[at] == '\r' && !both))
            f->starts[f->line_count++] = at + 1;
    }
}

static file *looked_for(sources *s, uint32_t path)
{
    ct_text none = {"", 0};
    file *f = &s->files[path];
    if (!f->looked) {
        f->looked = true;
        if (ct_journal_source(s->journal, path, &f->all, NULL) != CT_OK || !f->all.bytes) {
            f->all = none;
            read_from_disk(s, ct_journal_path(s->journal, path), f);
        }
        size_t size;
        char *decoded = f->all.size ? source_decoded(f->all, &size) : NULL;
        if (decoded) {
            free(f->owned);
            f->owned = decoded;
            f->all = (ct_text){decoded, size};
        }
        if (f->all.size)
            find_lines(f);
    }
    return f;
}

unsigned sources_digits(sources *s, uint32_t path)
{
    unsigned digits = 1;
    for (size_t n = path < s->count ? looked_for(s, path)->line_count : 0; n >= 10; n /= 10)
        digits++;
    return digits;
}

ct_text sources_line(sources *s, uint32_t path, int64_t line)
{
    ct_text none = {"", 0};
    if (path >= s->count)
        return none;
    file *f = looked_for(s, path);
    if (line < 1 || (uint64_t)line > f->line_count)
        return none;
    size_t from = f->starts[line - 1], to = (size_t)line < f->line_count ? f->starts[line] : f->all.size;
    while (to > from && strchr(" \t\f\r\n", f->all.bytes[to - 1]) && f->all.bytes[to - 1])
        to--;
    while (from < to && strchr(" \t\f", f->all.bytes[from]) && f->all.bytes[from])
        from++;
    return (ct_text){f->all.bytes + from, to - from};
}

static ct_text shorter(const sources *s, ct_text path)
{
    static const char packages[] = "/site-packages/";
    size_t here = s->here ? strlen(s->here) : 0;
    if (here && path.size > here && memcmp(path.bytes, s->here, here) == 0)
        return (ct_text){path.bytes + here, path.size - here};
    const char *found = path.size ? memmem(path.bytes, path.size, packages, sizeof packages - 1) : NULL;
    if (found && found + sizeof packages - 1 < path.bytes + path.size) {
        found += sizeof packages - 1;
        return (ct_text){found, (size_t)(path.bytes + path.size - found)};
    }
    return path;
}

ct_text sources_name(sources *s, uint32_t path)
{
    if (path >= s->count)
        return (ct_text){"?", 1};
    file *f = &s->files[path];
    if (!f->name) {
        ct_text raw = shorter(s, ct_journal_path(s->journal, path));
        text safe = {0};
        text_safe(&safe, raw.bytes, raw.size);
        text_char(&safe, 0);
        f->name = safe.bytes;
    }
    return (ct_text){f->name, strlen(f->name)};
}
