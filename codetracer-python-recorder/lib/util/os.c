/* Files, clocks, randomness and threads, by POSIX and Linux. Owns nothing; see os.h. */
#include "util/memory.h"
#include "util/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#endif

/* Programs may count on getting low descriptors (and select() on low numbers): ours are not among them. */
enum { FIRST_DESCRIPTOR = 250 };

/* zstd keeps its tables on the heap; pages of a stack count only when touched. */
enum { WRITER_STACK = 512 * 1024 };

static ssize_t
write_at(void *context, int file, const struct iovec *parts, int count, off_t offset)
{
    (void)context;
    return pwritev(file, parts, count, offset);
}

static int
write_zeros(int file, off_t offset, off_t size)
{
    static const char zeros[65536];
    for (off_t at = offset, end = offset + size; at < end;) {
        size_t count = end - at < (off_t)sizeof zeros ? (size_t)(end - at) : sizeof zeros;
        ssize_t written = pwrite(file, zeros, count, at);
        if (written > 0)
            at += written;
        else if (written < 0 && errno == EINTR)
            continue;
        else
            return written < 0 ? errno : ENOSPC;
    }
    return 0;
}

static int
reserve(void *context, int file, off_t offset, off_t size)
{
    int result;
    (void)context;
#if defined(FS_NOCOW_FL) && defined(FS_IOC_SETFLAGS)
    /* btrfs: copy-on-write would need new space at each write-back, and a full disk would then be a SIGBUS. Elsewhere refused, and so it is once the file has any bytes. */
    int flags = 0;
    if (offset == 0 && ioctl(file, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_NOCOW_FL;
        (void)ioctl(file, FS_IOC_SETFLAGS, &flags);
    }
#endif
    do
        result = posix_fallocate(file, offset, size);
    while (result == EINTR);
    if (result == EOPNOTSUPP || result == EINVAL || result == ENOSYS)
        result = write_zeros(file, offset, size);
    return result;
}

static int
punch(void *context, int file, off_t offset, off_t size)
{
    (void)context;
#if defined(__linux__)
    int result;
    do
        result = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
#else
    (void)file; (void)offset; (void)size;
    return ENOTSUP;
#endif
}

static int
start_thread(void *context, pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int result;

    (void)context;
    result = pthread_attr_init(&attributes);
    if (result != 0)
        return result;
    (void)pthread_attr_setstacksize(&attributes, WRITER_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the thread */
    result = pthread_create(thread, &attributes, run, argument);
    if (result == EINVAL) /* glibc takes thread-local storage from the stack, and a program may have much of it */
        result = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}

const ct_system ct_system_default = {
    .context = NULL,
    .write_at = write_at,
    .reserve = reserve,
    .punch = punch,
    .start_thread = start_thread,
};

int
ct_write_all(const ct_system *system, int file, struct iovec *parts, int count, off_t offset)
{
    while (count > 0) {
        if (parts->iov_len == 0) {
            parts++;
            count--;
            continue;
        }
        ssize_t written = system->write_at(system->context, file, parts, count, offset);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return errno ? errno : EIO;
        }
        if (written == 0)
            return ENOSPC;
        offset += written;
        for (size_t rest = (size_t)written; rest > 0;) {
            size_t taken = rest < parts->iov_len ? rest : parts->iov_len;
            parts->iov_base = (char *)parts->iov_base + taken;
            parts->iov_len -= taken;
            rest -= taken;
            if (rest > 0) {
                parts++;
                count--;
            }
        }
    }
    return 0;
}

int
ct_raise_descriptor(int file)
{
    int high = fcntl(file, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
    if (high < 0)
        return file;
    close(file);
    return high;
}

int
ct_create_file(const char *path)
{
    int file;
    do
        file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    while (file < 0 && errno == EINTR);
    return file < 0 ? -1 : ct_raise_descriptor(file);
}

const char *
ct_temporary_folder(const char *wanted)
{
    const char *folder = wanted ? wanted : getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

int
ct_create_unnamed_file(const char *folder)
{
    int file = -1;
#ifdef O_TMPFILE
    do
        file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    while (file < 0 && errno == EINTR);
    if (file >= 0)
        return ct_raise_descriptor(file);
#endif
    for (int attempt = 0; file < 0 && attempt < 100; attempt++) {
        char path[PATH_MAX];
        uint64_t number;
        ct_random_bytes(&number, sizeof number);
        if (snprintf(path, sizeof path, "%s/.codetracer-%016" PRIx64, folder, number) >= (int)sizeof path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        file = ct_create_file(path);
        if (file >= 0)
            unlink(path);
        else if (errno != EEXIST)
            return -1;
    }
    return file;
}

static bool
is_same_file(const ct_own_file *file, int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && status.st_dev == file->device && status.st_ino == file->inode;
}

int
ct_own_file_take(ct_own_file *file, int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return errno;
    *file = (ct_own_file){ descriptor, status.st_dev, status.st_ino };
    return 0;
}

bool
ct_own_file_is_open(const ct_own_file *file)
{
    return file->descriptor >= 0 && is_same_file(file, file->descriptor);
}

int
ct_own_file_ensure(ct_own_file *file, const char *path)
{
    int descriptor;
    if (ct_own_file_is_open(file))
        return 0;
    descriptor = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    if (!is_same_file(file, descriptor)) {
        close(descriptor);
        return EBADF;
    }
    file->descriptor = ct_raise_descriptor(descriptor);
    return 0;
}

void
ct_own_file_close(ct_own_file *file)
{
    if (ct_own_file_is_open(file))
        close(file->descriptor);
    file->descriptor = -1;
}

char *
ct_absolute_path(const ct_allocator *allocator, const char *path)
{
    char folder[PATH_MAX];
    size_t folder_size = 0, path_size = strlen(path);
    char *result;

    if (path[0] != '/') {
        if (!getcwd(folder, sizeof folder))
            return NULL;
        folder_size = strlen(folder);
    }
    result = ct_allocate(allocator, folder_size + 1 + path_size + 1);
    if (!result) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(result, folder, folder_size);
    if (folder_size > 0)
        result[folder_size++] = '/';
    memcpy(result + folder_size, path, path_size + 1);
    return result;
}

static uint64_t
read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t
ct_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t
ct_clock_real(void)
{
    return read_clock(CLOCK_REALTIME);
}

void
ct_random_bytes(void *bytes, size_t count)
{
    uint8_t *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);
        if (got > 0) {
            at += got;
            count -= (size_t)got;
        }
        else if (got < 0 && errno == EINTR)
            continue;
        else
            break;
    }
    /* Without getrandom (a sandbox may forbid it) clock and process id must do: nothing secret is made here. */
    uint64_t state = ct_clock_real() ^ (ct_clock_monotonic() << 20) ^ ((uint64_t)getpid() << 48);
    for (; count > 0; count--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        *at++ = (uint8_t)(state >> 56);
    }
}

void
ct_make_uuid7(uint8_t id[16], uint64_t time_ns)
{
    uint64_t milliseconds = time_ns / 1000000;
    ct_random_bytes(id, 16);
    for (int i = 0; i < 6; i++)
        id[i] = (uint8_t)(milliseconds >> (40 - 8 * i));
    id[6] = (uint8_t)((id[6] & 0x0F) | 0x70);
    id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
}

long
ct_thread_number(void)
{
#if defined(__linux__)
    return syscall(SYS_gettid);
#else
    return 0;
#endif
}

/* pthread_join() returns when the kernel has let go of the thread's memory; it is taken off the process's list after that (kernel/exit.c, exit_mm and
 * release_task). CPython counts the list after a fork. */
void
ct_thread_gone(long number)
{
#if defined(__linux__)
    const struct timespec moment = { 0, 20000 };
    for (int tries = 0; tries < 5000 && number && syscall(SYS_tgkill, (long)getpid(), number, 0) == 0; tries++)
        nanosleep(&moment, NULL);
#else
    (void)number;
#endif
}

void
ct_size_signal_block(ct_size_signal *saved)
{
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    sigemptyset(&pending);
    sigpending(&pending);
    saved->was_pending = sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &set, &saved->mask);
}

void
ct_size_signal_restore(const ct_size_signal *saved)
{
    if (!saved->was_pending) {
        const struct timespec now = { 0, 0 };
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGXFSZ);
        while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &saved->mask, NULL);
}
