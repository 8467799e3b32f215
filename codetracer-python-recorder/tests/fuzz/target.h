/* What the fuzz targets share: bytes become a file, the file a trace, and everything in the trace is looked at. */
#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_EVENTS = 3000 };

/* Temporary journals in memory where the system has a file system for that. */
static inline const char *
temporary_folder(void)
{
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static inline void
look_at(const char *path)
{
    ct_trace_options options = {.temporary_folder = temporary_folder()};
    ct_journal *journal = NULL;
    walk w = {.most = MOST_EVENTS};
    ct_code code = ct_trace_open(path, &options, &journal, NULL, &w.error);
    if (code == CT_OK ? !journal : !w.error.message)
        abort(); /* neither a trace nor a reason */
    if (!journal)
        return;
    walk_definitions(&w, journal);
    walk_events(&w, journal);
    if (w.code != CT_OK && w.code != CT_END && !w.error.message)
        abort();
    if (w.replay)
        walk_seek(&w, journal);
    walk_end(&w);
    walk_free(&w);
    ct_journal_close(journal);
}

/* A file without a name; look at it by the path that is written. */
static inline int
file_of(const void *bytes, size_t size, char path[64])
{
    int file = memfd_create("trace", MFD_CLOEXEC);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size)
        abort();
    snprintf(path, 64, "/proc/self/fd/%d", file);
    return file;
}

static inline void
look_at_bytes(const void *bytes, size_t size)
{
    char path[64];
    int file = file_of(bytes, size, path);
    look_at(path);
    close(file);
}

#endif
