/* The folder of a trace in several files (trace-json.md sections 1 and 7): beside the file of events, which a format writes,
 * trace_metadata.json, trace_paths.json and files/ with the sources.
 *
 * Invariant: what was created here is noted, so that of a failed export nothing stays; nothing is written over, no link is followed.
 */
#ifndef CT_FORMATS_TRACE_FOLDER_H
#define CT_FORMATS_TRACE_FOLDER_H

#include "codetracer/export.h"
#include "formats/outfile.h"

typedef struct ct_trace_folder {
    const char *path;
    int root;
    ct_buffer created;             /* to be removed when something fails: terminated paths, folders with a slash at their end */
    ct_buffer paths;               /* trace_paths.json, growing */
} ct_trace_folder;

/* The folder exists; path lives as long as f. */
ct_code ct_trace_folder_open(ct_trace_folder *f, const char *path, ct_error *error);
/* The file of events; it must not exist. */
ct_code ct_trace_folder_create(ct_trace_folder *f, const char *name, ct_outfile *out, ct_error *error);
/* The next path of the stream. */
ct_code ct_trace_folder_name_path(ct_trace_folder *f, ct_text path);
/* Everything but the file of events, when that is written; adds to result->bytes. nesting: the format's, as in its sink. */
ct_code ct_trace_folder_complete(ct_trace_folder *f, ct_journal *journal, const ct_export_options *options, uint32_t nesting, ct_export_result *result,
                                 ct_error *error);
/* Without keep, all that was created is removed. */
void ct_trace_folder_close(ct_trace_folder *f, bool keep);

#endif
