/* Sources and sinks of files and memory. A file's context is its descriptor, so nothing is allocated here. */
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/memory.h"
#include "util/os.h"

ct_code
ct_about(const char *subject, ct_error *error, ct_code code)
{
    if (error) {
        size_t size = strnlen(subject, sizeof error->subject - 1);
        memcpy(error->subject, subject, size);
        error->subject[size] = 0;
    }
    return code;
}

static int
descriptor(void *context)
{
    return (int)(intptr_t)context;
}

/* ---- sources ---- */

ct_code
ct_descriptor_read(int file, uint64_t position, void *bytes, size_t count, size_t *got, ct_error *error)
{
    *got = 0;
    while (*got < count) {
        ssize_t more = pread(file, (uint8_t *)bytes + *got, count - *got, (off_t)(position + *got));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return ct_fail(error, CT_E_IO, "the file cannot be read", position + *got, errno);
        if (more == 0)
            break;
        *got += (size_t)more;
    }
    return CT_OK;
}

static ct_code
read_file(void *context, uint64_t offset, void *bytes, size_t count, ct_error *error)
{
    size_t got;
    CT_TRY(ct_descriptor_read(descriptor(context), offset, bytes, count, &got, error));
    return got == count ? CT_OK : ct_fail(error, CT_E_CORRUPT, "the file became shorter while it was read", offset + got, 0);
}

static void
close_file(void *context)
{
    close(descriptor(context));
}

ct_code
ct_source_of_descriptor(int file, ct_source *source, ct_error *error)
{
    struct stat status;
    *source = (ct_source){0};
    int problem = fstat(file, &status) != 0 ? errno : !S_ISREG(status.st_mode) ? EINVAL : 0;
    if (problem) {
        close(file);
        return ct_fail(error, CT_E_IO, "this is not a file", 0, problem);
    }
    *source = (ct_source){.context = (void *)(intptr_t)file, .size = (uint64_t)status.st_size, .read = read_file, .close = close_file};
    return CT_OK;
}

ct_code
ct_source_open_file(const char *path, ct_source *source, ct_error *error)
{
    if (!path || !source)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *source = (ct_source){0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return file < 0 ? ct_fail(error, CT_E_IO, "the file cannot be opened", 0, errno) : ct_source_of_descriptor(file, source, error);
}

static ct_code
read_memory(void *context, uint64_t offset, void *bytes, size_t count, ct_error *error)
{
    (void)error;
    if (count)
        memcpy(bytes, (const uint8_t *)context + offset, count);
    return CT_OK;
}

void
ct_source_of_memory(const void *bytes, size_t size, ct_source *source)
{
    *source = (ct_source){.context = (void *)(uintptr_t)bytes, .size = size, .read = read_memory};
}

ct_code
ct_source_read(const ct_source *source, uint64_t offset, void *bytes, size_t count, ct_error *error)
{
    if (offset > source->size || count > source->size - offset)
        return ct_fail(error, CT_E_CORRUPT, "the bytes end too early", source->size, 0);
    ct_code code = source->read(source->context, offset, bytes, count, error);
    if (code == CT_E_CORRUPT && source->place && error)
        error->position = source->place(source->context, offset);
    return code;
}

void
ct_source_close(ct_source *source)
{
    if (source->close)
        source->close(source->context);
    *source = (ct_source){0};
}

/* ---- a whole file ---- */

/* Whether the system refuses this name, whatever happens elsewhere. */
static bool
is_of_the_name(int problem)
{
    static const int problems[] = {ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, ENAMETOOLONG, EINVAL, EISDIR, ENXIO};
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (problems[i] == problem)
            return true;
    return false;
}

ct_code
ct_read_small_file(const char *path, uint64_t most, const ct_allocator *allocator, char **bytes, size_t *size, ct_error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), problem = errno;
    struct stat status;
    if (file < 0)
        return ct_fail(error, is_of_the_name(problem) ? CT_END : CT_E_IO, "the file cannot be opened", 0, problem);
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size > most) {
        close(file);
        return ct_fail(error, CT_END, "this is no file, or it is too large", 0, EINVAL);
    }
    char *read_bytes = ct_allocate(allocator, (size_t)status.st_size + 1);
    ct_code code = read_bytes ? read_file((void *)(intptr_t)file, 0, read_bytes, (size_t)status.st_size, error)
                              : ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    close(file);
    if (code != CT_OK) {
        ct_free(allocator, read_bytes);
        return code == CT_E_CORRUPT ? ct_fail(error, CT_E_IO, "the file became shorter while it was read", 0, 0) : code;
    }
    read_bytes[status.st_size] = 0;
    *bytes = read_bytes;
    *size = (size_t)status.st_size;
    return CT_OK;
}

/* ---- sinks ---- */

static ct_code
write_failed(int problem, uint64_t offset, ct_error *error)
{
    return ct_fail(error, CT_E_IO, "the file cannot be written", offset, problem);
}

ct_code
ct_descriptor_append(int file, const void *bytes, size_t count, ct_error *error)
{
    const uint8_t *at = bytes;
    while (count) {
        ssize_t done = write(file, at, count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            int problem = done < 0 ? errno : ENOSPC;
            off_t offset = lseek(file, 0, SEEK_CUR);
            return write_failed(problem, offset < 0 ? 0 : (uint64_t)offset, error);
        }
        at += done;
        count -= (size_t)done;
    }
    return CT_OK;
}

static ct_code
append_file(void *context, const void *bytes, size_t count, ct_error *error)
{
    return ct_descriptor_append(descriptor(context), bytes, count, error);
}

/* The file's own position stays at its end, where the next append goes. */
static ct_code
write_file_at(void *context, uint64_t offset, const void *bytes, size_t count, ct_error *error)
{
    int file = descriptor(context);
    struct iovec part = {(void *)(uintptr_t)bytes, count};
    int problem = ct_write_all(&ct_system_default, file, &part, 1, (off_t)offset);
    if (problem == 0 && lseek(file, 0, SEEK_END) < 0)
        problem = errno;
    return problem ? write_failed(problem, offset, error) : CT_OK;
}

static ct_code
close_written(void *context, ct_error *error)
{
    int file = descriptor(context);
    int problem = fdatasync(file) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno; /* not every file system can */
    if (close(file) != 0 && errno != EINTR && !problem) /* where a network file system reports late */
        problem = errno;
    return problem ? write_failed(problem, 0, error) : CT_OK;
}

static ct_code
close_unsynced(void *context, ct_error *error)
{
    return close(descriptor(context)) != 0 && errno != EINTR ? write_failed(errno, 0, error) : CT_OK; /* some file systems say here that the disk is full */
}

void
ct_sink_of_descriptor(int file, ct_sink *sink)
{
    *sink = (ct_sink){.context = (void *)(intptr_t)file, .append = append_file, .write_at = write_file_at, .close = close_unsynced};
}

ct_code
ct_sink_create_file(const char *path, ct_sink *sink, ct_error *error)
{
    if (!path || !sink)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *sink = (ct_sink){0};
    int file = ct_create_file(path);
    if (file < 0)
        return ct_fail(error, CT_E_IO, "the file cannot be created", 0, errno);
    *sink = (ct_sink){.context = (void *)(intptr_t)file, .append = append_file, .write_at = write_file_at, .close = close_written};
    return CT_OK;
}

ct_code
ct_sink_close(ct_sink *sink, ct_error *error)
{
    ct_sink closed = *sink;
    *sink = (ct_sink){0};
    return closed.close ? closed.close(closed.context, error) : CT_OK;
}
