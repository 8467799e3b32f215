/* Exports: other formats made from a journal, streaming, so that memory does not grow with the steps. How values look there: docs/values.md.
 *
 *     ct_export_options options = {.string_bytes = 1000};
 *     ct_export_result result;
 *     if (ct_export_ct(journal, "trace.ct", &options, &result, &error) == CT_OK) ...
 *
 * What all of them have in common: the journal is only read, so others may use it at the same time; options, result and error may be NULL. Nothing that is
 * there is written over. On failure what was begun is removed, *error says what happened, and the code is CT_E_IO (the target cannot be written),
 * CT_E_CORRUPT (the journal is damaged; error->position: in the journal), CT_E_LIMIT (the format cannot hold it), CT_E_NOMEM, or what
 * options->progress returned. Memory comes from the journal's allocator.
 */
#ifndef CODETRACER_EXPORT_H
#define CODETRACER_EXPORT_H

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/io.h"
#include "codetracer/replay.h"
#include "codetracer/trace.h"

/* What a .ct holds: the layouts of both of CodeTracer's readers and the journal; or one layout for readers that want it plain. */
enum ct_layout { CT_LAYOUT_BOTH = 0, CT_LAYOUT_SINGLE = 1, CT_LAYOUT_MULTI = 2 };

/* Another view of a source file: its text as a formatter writes it, with a map (Source Map V3) that says where each place of
 * the file is in that text. Containers with the multi-stream layout keep it. */
enum ct_formatter { CT_FORMATTER_PRETTIER = 1, CT_FORMATTER_BLACK = 2 };
typedef struct ct_source_view { ct_text path, name, content, map; enum ct_formatter formatter; } ct_source_view; /* path: as the journal has it */

#define CT_NO_ATTRIBUTES UINT32_MAX

/* All zero are the defaults. Depths are never beyond what the recording looked at. */
typedef struct ct_export_options {
    uint64_t nodes;                /* scalars, containers and objects shown per variable, breadth first; 0 = 1000 */
    uint32_t container_depth;      /* containers within each other; 0 = 6 */
    uint32_t attribute_depth;      /* objects within each other; 0 = 2; CT_NO_ATTRIBUTES: objects are shown by their type and address alone */
    uint64_t string_bytes;         /* of one text; 0 = 16 KiB */
    enum ct_layout layout;         /* ct_export_ct only, as are these: */
    const ct_source_view *views; size_t view_count;
    /* Called now and then, in the caller's thread, with what is done of the journal's events; not CT_OK stops the export with that code (CT_E_STOPPED is
     * meant for it). NULL: none. */
    ct_code (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
} ct_export_options;

typedef struct ct_export_result {
    uint64_t steps, calls, bytes;              /* written */
    uint64_t cut_values;                       /* cuts made by this export (docs/values.md), not those the recording made: each time one is written */
    uint64_t cut_variables;                    /* distinct (code, slot) whose value was cut at least once */
    uint64_t sources_left_out;                 /* texts of which no copy could be made in files/: the path holds `..`, or no file can have its name */
} ct_export_result;

/* Writes trace.json, trace_metadata.json, trace_paths.json (and files/ with the sources, when they are in the journal) into a folder, which must be there
 * already. */
CT_API ct_code ct_export_json(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* The same with trace.bin in place of trace.json: CBOR in seekable zstd, each frame with its checksum. */
CT_API ct_code ct_export_binary(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* The same with trace.bin in the older layout: one packed Cap'n Proto message. CT_E_LIMIT: it would be larger than its readers
 * open, 64 MiB. */
CT_API ct_code ct_export_binary_v0(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* The same three to a folder of the caller's, in which nothing is removed when they fail. Temporary files, in files without a name, lie in $TMPDIR or /tmp. */
CT_API ct_code ct_export_json_to(ct_journal *journal, const ct_folder *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);
CT_API ct_code ct_export_binary_to(ct_journal *journal, const ct_folder *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);
CT_API ct_code ct_export_binary_v0_to(ct_journal *journal, const ct_folder *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* Writes one CTFS container (docs/ct-format.md) to a file, mode 0600. */
CT_API ct_code ct_export_ct(ct_journal *journal, const char *path, const ct_export_options *options, ct_export_result *result, ct_error *error);
/* The same to a sink, which must have write_at and is not closed. A long trace takes temporary space, in files without a name, in $TMPDIR or /tmp. */
CT_API ct_code ct_export_ct_to(ct_journal *journal, const ct_sink *sink, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* A kind of thing that a journal has and a format has no place for. name: one of docs/converting.md's; sentence: what becomes of it, to be put behind the count. Both
 * are constants. */
typedef struct ct_loss { const char *name, *sentence; uint64_t count; } ct_loss;

/* Tells each kind that this journal has and an export to `format` leaves out, in the order of docs/converting.md; `layout` counts for CT_TRACE_CT only. Nothing is told
 * about CT_TRACE_JOURNAL and CT_LAYOUT_BOTH: they hold the whole journal. What the limits of an export cut is no part of this: see ct_export_result. The journal
 * is read twice, and once more where the lines of its code are not told (an import); `found` is called at the end, in this thread. Errors: CT_E_PARAM (an argument is missing, or no such format), CT_E_IO, CT_E_CORRUPT, CT_E_NOMEM. */
CT_API ct_code ct_losses(ct_journal *journal, enum ct_trace_format format, enum ct_layout layout, void (*found)(void *context, const ct_loss *loss),
                         void *context, ct_error *error);

#endif
