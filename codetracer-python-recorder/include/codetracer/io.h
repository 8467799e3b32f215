/* Bytes from and to wherever the caller keeps them: a source that is read at any place, a sink that is written.
 *
 * Both are a few functions and a context, small enough to be copied. A file, a part of a larger file, memory, or what a network brings are all the
 * same to the library:
 *
 *     ct_source source;
 *     ct_source_open_file("trace.ctj", &source, &error);
 *     ct_journal_open_source(&source, NULL, &journal, &error);       the journal closes it
 */
#ifndef CODETRACER_IO_H
#define CODETRACER_IO_H

#include <stddef.h>
#include <stdint.h>

#include "codetracer/api.h"
#include "codetracer/error.h"

typedef struct ct_source {
    void *context;
    uint64_t size;            /* bytes there are; does not change */
    /* Exactly count bytes from offset on, which with count is never beyond size. All, or an error (filled in, code returned). Any number of threads may
     * be in it at once. */
    ct_code (*read)(void *context, uint64_t offset, void *bytes, size_t count, ct_error *error);
    void (*close)(void *context); /* called once, when nothing reads any more; NULL: nothing to do */
    /* Of a part of a larger file: where its byte `offset` lies in that, for errors to name. NULL: at `offset`. */
    uint64_t (*place)(void *context, uint64_t offset);
} ct_source;

/* A regular file as it is now: what is appended later is not seen. CT_E_IO when it cannot be opened or is none. */
CT_API ct_code ct_source_open_file(const char *path, ct_source *source, ct_error *error);

/* Bytes of the caller's, which must stay and not change until the source is no longer used. Cannot fail; needs no close. */
CT_API void ct_source_of_memory(const void *bytes, size_t size, ct_source *source);

/* Reads through source->read, after checking that the bytes are there: CT_E_CORRUPT when they are not. */
CT_API ct_code ct_source_read(const ct_source *source, uint64_t offset, void *bytes, size_t count, ct_error *error);

/* Closes it; once. A source that is all zero, or was closed, is left alone. */
CT_API void ct_source_close(ct_source *source);

/* Used by one thread at a time. Every function writes all, or fills the error and returns its code. */
typedef struct ct_sink {
    void *context;
    ct_code (*append)(void *context, const void *bytes, size_t count, ct_error *error);
    /* Over bytes that were appended before, or beyond the end, which then moves (what is between reads as zero). NULL in a sink that cannot: formats that
     * need it say so, with CT_E_PARAM. */
    ct_code (*write_at)(void *context, uint64_t offset, const void *bytes, size_t count, ct_error *error);
    ct_code (*close)(void *context, ct_error *error); /* called once, by whoever made the sink; NULL: nothing to do */
} ct_sink;

/* Creates a file, mode 0600, never through a link; it must not exist. Its bytes are on the disk once ct_sink_close() has succeeded. After a failure
 * the file is still there: removing it is the caller's business. */
CT_API ct_code ct_sink_create_file(const char *path, ct_sink *sink, ct_error *error);

/* Closes it; once. A sink that is all zero, or was closed, is left alone. */
CT_API ct_code ct_sink_close(ct_sink *sink, ct_error *error);

/* A place for several files with names: a folder, an archive, a bucket. Used by one thread at a time. */
typedef struct ct_folder {
    void *context;
    /* A new file, which the library appends to and closes; its write_at is not used. Several may be open at once. name: "trace.json", "files/home/a.py"; no part
     * of it is empty, "." or "..". CT_END, with the error filled: there can be no file of this name: a copy of a source is left out then, and what must be
     * there fails with CT_E_IO. Other codes end the export. */
    ct_code (*create)(void *context, const char *name, ct_sink *file, ct_error *error);
} ct_folder;

#endif
