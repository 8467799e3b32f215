/* The folder of a trace in several files (trace-json.md sections 1 and 7): beside the file of events, which a format writes,
 * trace_metadata.json, trace_paths.json and files/ with the sources.
 *
 * Invariant: no file is named outside the folder, whatever the journal's paths say.
 */
#ifndef CT_FORMATS_TRACE_FOLDER_H
#define CT_FORMATS_TRACE_FOLDER_H

#include "codetracer/export.h"
#include "formats/intern.h"
#include "formats/outfile.h"
#include "formats/stream.h"

typedef struct ct_trace_folder {
    const ct_folder *folder;
    const char *beside;            /* a path in the folder for temporary files */
    ct_buffer paths;               /* trace_paths.json, growing */
    ct_intern named;               /* what is in it: of these the sources are copied */
} ct_trace_folder;

/* The file of events; it must not exist. */
ct_code ct_trace_folder_create(ct_trace_folder *f, const char *name, ct_outfile *out, ct_error *error);
/* One that only this export sees (ct_outfile_create_unnamed). */
ct_code ct_trace_folder_create_unnamed(const ct_trace_folder *f, ct_outfile *out, ct_error *error);
/* The next path of the stream. */
ct_code ct_trace_folder_name_path(ct_trace_folder *f, ct_text path);

/* Writes the file of events, whole, and sets result->bytes to its size. On failure it may stay as it is. */
typedef ct_code (*ct_trace_events_writer)(ct_trace_folder *f, ct_journal *journal, const ct_export_options *options, ct_export_result *result,
                                          ct_error *error);

/* Puts files/PATH with a zero behind it into `name`, without empty parts and `.` in it. False: this path would lead outside, or names nothing. */
bool ct_trace_folder_source_name(const uint8_t *path, size_t size, ct_buffer *name);

/* An export: the events and everything beside them. beside: NULL: $TMPDIR or /tmp. nesting: the format's, as in its sink. options, result and error may be NULL.
 * What was created when it fails stays. */
ct_code ct_trace_folder_export_to(ct_journal *journal, const ct_folder *folder, const char *beside, ct_trace_events_writer write_events, uint32_t nesting,
                                  const ct_export_options *options, ct_export_result *result, ct_error *error);
/* The same into a folder of the file system; when it fails nothing stays. */
ct_code ct_trace_folder_export(ct_journal *journal, const char *path, ct_trace_events_writer write_events, uint32_t nesting,
                               const ct_export_options *options, ct_export_result *result, ct_error *error);

/* ---- reading: trace_folder_read.c. What is not there, may not be read, or is no such file, is left out; a failure of the system's is none of these ---- */

/* The folder that the file lies in; NULL: no memory. */
char *ct_trace_folder_of(const char *path, const ct_allocator *allocator);
/* trace_metadata.json to sink->meta. */
ct_code ct_trace_folder_give_metadata(const char *folder, const ct_stream_sink *sink, ct_error *error);
/* The copy of path number `number`, files/p/a.py, to sink->source. */
ct_code ct_trace_folder_give_source(const char *folder, uint64_t number, const char *path, size_t size, const ct_stream_sink *sink, ct_error *error);

#endif
