/* A fuzz target without the fuzzer: gives it every file of the folders named, each within the time that `make fuzz` allows. A crash, or a sanitizer's
 * report, is the failure; so is a folder without files. For `meson test`. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECONDS = 10, MOST = 4 << 20 };

static int
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(MOST);
    if (!file || !bytes)
        return 1;
    size_t size = fread(bytes, 1, MOST, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees a read behind its end */
    if (!exact)
        return 1;
    for (size_t i = 0; i < size; i++)
        exact[i] = bytes[i];
    free(bytes);
    fprintf(stderr, "%s\n", path);
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(exact, size);
    alarm(0);
    free(exact);
    return 0;
}

int
main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        int count = 0;
        DIR *folder = opendir(argv[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] == '.')
                continue;
            failed |= run_file(path);
            count++;
        }
        if (folder)
            closedir(folder);
        if (!count)
            fprintf(stderr, "no inputs in %s\n", argv[i]);
        failed |= !count;
    }
    return failed;
}
