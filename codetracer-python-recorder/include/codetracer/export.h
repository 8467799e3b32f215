/* Exports: other formats made from a journal, streaming. Format documents: docs/values.md, and the formats' own. */
#ifndef CODETRACER_EXPORT_H
#define CODETRACER_EXPORT_H

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/replay.h"

/* What a .ct holds: the layouts of both of CodeTracer's readers and the journal; or one layout for readers that want it plain. */
enum ct_layout { CT_LAYOUT_BOTH = 0, CT_LAYOUT_SINGLE = 1, CT_LAYOUT_MULTI = 2 };

typedef struct ct_export_options {
    uint64_t nodes;                /* per variable, breadth first; 0 = 1000 */
    uint32_t container_depth;      /* 0 = 6 */
    uint32_t attribute_depth;      /* 0 = 2 */
    uint64_t string_bytes;         /* 0 = 16 KiB */
    enum ct_layout layout;         /* ct_export_ct only */
    /* Called now and then with what is done of the journal's events; not CT_OK stops the export with that code. NULL: none. */
    ct_code (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
} ct_export_options;

typedef struct ct_export_result {
    uint64_t steps, calls, bytes;              /* written */
    uint64_t cut_values;                       /* cuts made by this export (docs/values.md): each time one is written */
    uint64_t cut_variables;                    /* distinct (code, slot) whose value was cut at least once */
} ct_export_result;

/* Writes trace.json, trace_metadata.json, trace_paths.json (and files/ with the sources, when they are in the journal) into folder, which exists. Files must not exist. */
CT_API ct_code ct_export_json(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* The same with trace.bin in place of trace.json: CBOR in seekable zstd, each frame with its checksum. */
CT_API ct_code ct_export_binary(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* The same with trace.bin in the older layout: one packed Cap'n Proto message. CT_E_LIMIT: it would be larger than its readers open, 64 MiB. */
CT_API ct_code ct_export_binary_v0(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error);

/* Writes one CTFS container (docs/ct-format.md) to path, which must not exist. */
CT_API ct_code ct_export_ct(ct_journal *journal, const char *path, const ct_export_options *options, ct_export_result *result, ct_error *error);

#endif
