/* Sources and sinks of descriptors, for the library itself. */
#ifndef CT_UTIL_IO_H
#define CT_UTIL_IO_H

#include "codetracer/io.h"

/* The file behind an open descriptor, which is used up, also on failure (CT_E_IO: it is no regular file). */
ct_code ct_source_of_descriptor(int file, ct_source *source, ct_error *error);

/* An open descriptor, which is at its end and is used up. Unlike the sink of ct_sink_create_file(), closing it does not wait for the disk. */
void ct_sink_of_descriptor(int file, ct_sink *sink);

/* Writes all of it at the descriptor's own position. */
ct_code ct_descriptor_append(int file, const void *bytes, size_t count, ct_error *error);

#endif
