/* The system as the library sees it: files, threads, clocks. What can fail goes through ct_system, so that a test can
 * make it fail. Everything here may be called from any thread. */
#ifndef CT_UTIL_OS_H
#define CT_UTIL_OS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "codetracer/memory.h"

typedef struct ct_system {
    void *context;
    ssize_t (*write_at)(void *context, int file, const struct iovec *parts, int count, off_t offset); /* as pwritev */
    int (*reserve)(void *context, int file, off_t offset, off_t size); /* disk space for these bytes: 0 or an errno */
    int (*punch)(void *context, int file, off_t offset, off_t size); /* the bytes become a hole: 0 or an errno */
    int (*start_thread)(void *context, pthread_t *thread, void *(*run)(void *), void *argument); /* signals blocked: 0 or an errno */
} ct_system;

extern const ct_system ct_system_default;

/* Writes all of it, however often that needs a call; `parts` is used up. 0 or an errno. */
int ct_write_all(const ct_system *system, int file, struct iovec *parts, int count, off_t offset);

/* Creates a new file, 0600, never through a link, with a descriptor out of the way of the program's own. -1 and errno. */
int ct_create_file(const char *path);

/* A file without a name in this folder, 0600, gone with its descriptor; it has one for a moment where the system has no O_TMPFILE. -1 and errno. */
int ct_create_unnamed_file(const char *folder);
/* Where that is done when the caller has not said where (NULL): $TMPDIR, or /tmp. */
const char *ct_temporary_folder(const char *wanted);

/* The same open file under a high number (or as it was); the given descriptor is used up. */
int ct_raise_descriptor(int file);

/* An open file that stays ours by its identity: a program may close any descriptor (a daemon closes all it finds), and the number may be another file's by now. */
typedef struct ct_own_file { int descriptor; /* -1: none */ dev_t device; ino_t inode; } ct_own_file;
int ct_own_file_take(ct_own_file *file, int descriptor); /* of a new file. 0 or an errno: then it is still the caller's */
bool ct_own_file_is_open(const ct_own_file *file);
int ct_own_file_ensure(ct_own_file *file, const char *path); /* opened again when it was closed. 0 or an errno */
void ct_own_file_close(ct_own_file *file);

/* The path from the root, so that it outlives chdir(). NULL and errno. */
char *ct_absolute_path(const ct_allocator *allocator, const char *path);

uint64_t ct_clock_monotonic(void); /* nanoseconds */
uint64_t ct_clock_real(void);      /* nanoseconds since 1970 UTC */

void ct_random_bytes(void *bytes, size_t count);
void ct_make_uuid7(uint8_t id[16], uint64_t time_ns);

/* The system's number of the calling thread; 0 where it has none. */
long ct_thread_number(void);
/* After pthread_join(): returns when the system does not count the thread any more, which is a moment later. */
void ct_thread_gone(long number);

/* Between the two, a write beyond RLIMIT_FSIZE is EFBIG and not a signal that ends the program. */
typedef struct ct_size_signal { sigset_t mask; bool was_pending; } ct_size_signal;
void ct_size_signal_block(ct_size_signal *saved);
void ct_size_signal_restore(const ct_size_signal *saved);

#endif
