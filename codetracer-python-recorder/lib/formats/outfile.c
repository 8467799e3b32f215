/* See outfile.h. */
#include "formats/outfile.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "util/os.h"

int
ct_write_fully_at(int file, const void *bytes, size_t count, uint64_t offset)
{
    const uint8_t *at = bytes;
    while (count) {
        ssize_t done = pwrite(file, at, count, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? errno : ENOSPC;
        at += done;
        offset += (uint64_t)done;
        count -= (size_t)done;
    }
    return 0;
}

ct_code
ct_outfile_create(ct_outfile *out, const ct_folder *folder, const char *name, ct_error *error)
{
    *out = (ct_outfile){ .file = -1, .buffer.allocator = out->buffer.allocator };
    return folder->create(folder->context, name, &out->sink, error);
}

ct_code
ct_outfile_create_unnamed(ct_outfile *out, const char *path, ct_error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) + 1 : 0;
    *out = (ct_outfile){ .file = -1, .buffer.allocator = out->buffer.allocator };
    if (size + 2 > sizeof folder)
        return ct_fail(error, CT_E_IO, "cannot create a temporary file of the export", 0, ENAMETOOLONG);
    memcpy(folder, path, size);
    memcpy(folder + size, ".", 2);
    out->file = ct_create_unnamed_file(folder);
    return out->file >= 0 ? CT_OK : ct_fail(error, CT_E_IO, "cannot create a temporary file of the export", 0, errno);
}

ct_code
ct_outfile_flush(ct_outfile *out, ct_error *error)
{
    if (out->buffer.failed)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    int problem = 0;
    if (out->sink.append && out->buffer.size)
        CT_TRY(out->sink.append(out->sink.context, out->buffer.bytes, out->buffer.size, error));
    else if (out->file >= 0)
        problem = ct_write_fully_at(out->file, out->buffer.bytes, out->buffer.size, out->written);
    if (problem)
        return ct_fail(error, CT_E_IO, "cannot write the export", out->written, problem);
    out->written += out->buffer.size;
    out->buffer.size = 0;
    if (out->buffer.capacity > 16 * CT_OUTFILE_DRAIN)
        ct_buffer_free(&out->buffer); /* it held one huge value */
    return CT_OK;
}

void
ct_outfile_abandon(ct_outfile *out)
{
    if (out->file >= 0)
        close(out->file);
    out->file = -1;
    (void)ct_sink_close(&out->sink, NULL);
    ct_buffer_free(&out->buffer);
}

ct_code
ct_outfile_finish(ct_outfile *out, ct_error *error)
{
    ct_code code = ct_outfile_flush(out, error);
    if (code == CT_OK)
        code = ct_sink_close(&out->sink, error);
    ct_outfile_abandon(out);
    return code;
}
