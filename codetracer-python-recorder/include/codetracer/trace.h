/* Opening a trace, whatever it is: a file or a folder, in any format that this library reads.
 *
 *     ct_journal *journal;
 *     if (ct_trace_open("trace-out", NULL, &journal, NULL, &error) == CT_OK) ...      then as in replay.h
 *
 * The format is recognised by content, not by name. A journal is read where it lies, also one within a container (.ct); a trace in another format is
 * first turned into a temporary journal, a file without a name, so that nothing is left behind whatever ends the process. Its sizes, times and id are
 * then not the trace's.
 */
#ifndef CODETRACER_TRACE_H
#define CODETRACER_TRACE_H

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/replay.h"

enum ct_trace_format { CT_TRACE_JOURNAL = 0, CT_TRACE_CT = 1, CT_TRACE_JSON = 2, CT_TRACE_BINARY = 3, CT_TRACE_BINARY_V0 = 4 };

/* "journal", "ct", "json", "binary", "binary-v0": what --to and --format call it. NULL for a number that is no format. */
CT_API const char *ct_trace_format_name(enum ct_trace_format format);

typedef struct ct_trace_options {
    const char *temporary_folder; /* where the temporary journal takes its space; NULL: $TMPDIR, or /tmp */
    const ct_allocator *allocator; /* NULL: the C library's (memory.h) */
} ct_trace_options;

/* path: a trace, or a folder that holds one (also one that is still being recorded or was cut, ct_journal_counts.complete tells). options and format
 * may be NULL. Several threads may open traces at once. On success *journal is the caller's, to be closed with ct_journal_close(). Errors: CT_E_IO
 * when there is nothing that can be read or no temporary journal can be written, CT_E_PARAM when there are several traces (error->subject names
 * them), CT_E_CORRUPT and CT_E_VERSION when it cannot be understood (error->subject: the file in the folder), CT_E_NOMEM. With
 * CT_E_CORRUPT *journal may be there, and then holds what stands before the damaged place, or (ct_journal_counts.rescued) what another part of a container
 * tells of the whole program; the latter also with CT_E_VERSION, when the journal in a container is newer than this library. Else it is NULL when something
 * failed. */
CT_API ct_code ct_trace_open(const char *path, const ct_trace_options *options, ct_journal **journal, enum ct_trace_format *format, ct_error *error);

/* Who wrote a trace, and when its recording began (ns since 1970; 0: its format does not say). recorder: a name, cut if it is long; empty when it is not told. */
typedef struct ct_trace_origin { char recorder[64]; uint64_t start_time; } ct_trace_origin;

/* Tells it without reading what was recorded, however long that is: of a journal its directory and definitions are read, of another format its metadata. Errors: those
 * of ct_trace_open(). */
CT_API ct_code ct_trace_find_origin(const char *path, ct_trace_origin *origin, ct_error *error);

/* A part of a trace as it is stored: a stream of a container, or a file of a folder's. name: terminated, only for the time of the call. */
typedef struct ct_trace_part { const char *name; uint64_t bytes; } ct_trace_part;

/* Hands over the parts of the trace at path, found as ct_trace_open() finds it, in the order in which they are stored; reads directories only. A journal has
 * no parts (ct_journal_counts tells its sizes). What `part` returns, if not CT_OK, ends it. *bytes: of all of it, also of what is in no part. */
CT_API ct_code ct_trace_parts(const char *path, ct_code (*part)(void *context, const ct_trace_part *part), void *context, uint64_t *bytes, ct_error *error);

#endif
