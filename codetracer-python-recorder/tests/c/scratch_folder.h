/* A folder for one run of a test program, and what is done with files in it. */
#ifndef SCRATCH_FOLDER_H
#define SCRATCH_FOLDER_H

#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "check.h"

static char folder[64];

/* False: there can be none. The name tells whose it is when a run was killed. */
static bool
make_folder(const char *name)
{
    snprintf(folder, sizeof folder, "/tmp/ct-%s-XXXXXX", name);
    return mkdtemp(folder) != NULL;
}

static const char *
in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *info)
{
    (void)status, (void)type, (void)info;
    return remove(path);
}

CHECK_UNUSED_ static void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

CHECK_UNUSED_ static uint8_t *
read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    if (fread(bytes, 1, *size, file) != *size)
        *size = 0;
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

#endif
