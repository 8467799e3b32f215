/* A file that is written front to back through a buffer. Its owner appends to `buffer` and now and then calls ct_outfile_drain. */
#ifndef CT_FORMATS_OUTFILE_H
#define CT_FORMATS_OUTFILE_H

#include "codetracer/error.h"
#include "codetracer/io.h"
#include "formats/buffer.h"

enum { CT_OUTFILE_DRAIN = 256 * 1024 };

typedef struct ct_outfile {
    int file;                      /* -1: it goes to the sink */
    ct_sink sink;                  /* all zero: none */
    ct_buffer buffer;
    uint64_t written;              /* bytes before the buffer */
} ct_outfile;

/* In this folder. Of *out only the allocator of the buffer counts. Errors as of ct_folder.create. */
ct_code ct_outfile_create(ct_outfile *out, const ct_folder *folder, const char *name, ct_error *error);
/* The same for a file without a name in the folder of `path`. */
ct_code ct_outfile_create_unnamed(ct_outfile *out, const char *path, ct_error *error);
ct_code ct_outfile_flush(ct_outfile *out, ct_error *error);
/* Flushes and closes. */
ct_code ct_outfile_finish(ct_outfile *out, ct_error *error);
/* Closes without a word. */
void ct_outfile_abandon(ct_outfile *out);

static inline ct_code
ct_outfile_drain(ct_outfile *out, ct_error *error)
{
    return out->buffer.size < CT_OUTFILE_DRAIN && !out->buffer.failed ? CT_OK : ct_outfile_flush(out, error);
}

/* All of it at this offset. 0 or an errno. */
int ct_write_fully_at(int file, const void *bytes, size_t count, uint64_t offset);

#endif
