/* Sources and sinks of descriptors, for the library itself. */
#ifndef CT_UTIL_IO_H
#define CT_UTIL_IO_H

#include "codetracer/io.h"
#include "codetracer/memory.h"

/* The file behind an open descriptor, which is used up, also on failure (CT_E_IO: it is no regular file). */
ct_code ct_source_of_descriptor(int file, ct_source *source, ct_error *error);

/* An open descriptor, which is at its end and is used up. Unlike the sink of ct_sink_create_file(), closing it does not wait for the disk. */
void ct_sink_of_descriptor(int file, ct_sink *sink);

/* All of a small file, with a zero behind it; *bytes is the caller's. CT_END: there is none, it may not be opened, or is no regular file of at most `most` bytes;
 * error->system says which. CT_E_IO: it is there, and cannot be read. CT_E_NOMEM. */
ct_code ct_read_small_file(const char *path, uint64_t most, const ct_allocator *allocator, char **bytes, size_t *size, ct_error *error);

/* Says what the error is about; what is too long is cut. Returns code. */
ct_code ct_about(const char *subject, ct_error *error, ct_code code);

/* As many of the bytes from `position` on as the file has; *got says how many. */
ct_code ct_descriptor_read(int file, uint64_t position, void *bytes, size_t count, size_t *got, ct_error *error);

/* Writes all of it at the descriptor's own position. */
ct_code ct_descriptor_append(int file, const void *bytes, size_t count, ct_error *error);

#endif
