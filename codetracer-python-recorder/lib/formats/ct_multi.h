/* Writing the multi-stream layout of a container (ctfs.md sections 2 to 6), which ct-print reads. Reading it: ct_reading.h.
 *
 * Invariant: every frame is whole, has its content size (readers refuse others) and a checksum; record n of the values belongs to record n of the
 * steps. Memory holds one chunk per stream, and what ct_calls.h says.
 */
#ifndef CT_FORMATS_CT_MULTI_H
#define CT_FORMATS_CT_MULTI_H

#include "formats/ct_calls.h"
#include "formats/ct_places.h"
#include "formats/ctfs.h"
#include "formats/linear.h"
#include "formats/matches.h"
#include "formats/snapshots.h"

enum { CT_MULTI_SLOTS = 16 };      /* it takes the first ones; the next is its meta.dat's, and two more are for sources, if there are any */

/* Section 2.1 */
typedef struct ct_multi_table {
    ct_ctfs_file *data, *offsets;
} ct_multi_table;

/* Section 2.2 */
typedef struct ct_multi_stream {
    ct_ctfs_file *data, *index;
    ct_chunk chunk;
    size_t records, limit;
    bool begun;                    /* the limit stands in the index */
} ct_multi_stream;

typedef struct ct_multi {
    /* Set by the owner. */
    ct_journal *journal;
    ct_ctfs *ctfs;
    void *zstd;                    /* ct_chunk_compressor() */
    ct_buffer *compressed;         /* scratch */
    ct_linear *linear;
    unsigned form;                 /* place of CT_FORM_NIM in ct_encoded */
    ct_places places;              /* its by_column */
    const ct_source_view *other_views; size_t other_view_count; /* beside the files' texts as they are */
    ct_error *error;
    /* Its own. */
    ct_multi_table paths, functions, types, variables;
    ct_multi_table views;          /* data NULL: there are none */
    ct_multi_stream steps, values, events;
    ct_ctfs_file *calls_data, *calls_index;
    ct_calls calls;
    ct_buffer arguments;
    ct_snapshots snapshots;
    uint64_t path_count;
    uint64_t step_count;           /* thread events count as steps */
    uint64_t position;             /* gli of the last step */
    bool has_position;             /* the chunk of steps has one already */
} ct_multi;

/* path: of the container, for temporary files beside it. */
ct_code ct_multi_start(ct_multi *multi, const char *path);
ct_code ct_multi_path(ct_multi *multi, ct_text path);
ct_code ct_multi_function(ct_multi *multi, ct_text name);
ct_code ct_multi_variable(ct_multi *multi, ct_text name);
ct_code ct_multi_type(ct_multi *multi, ct_text name);
ct_code ct_multi_step(ct_multi *multi, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count);
/* The arguments are encoded. */
ct_code ct_multi_call(ct_multi *multi, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count);
ct_code ct_multi_leave(ct_multi *multi, const ct_encoded *value);
ct_code ct_multi_output(ct_multi *multi, enum ct_stream_number stream, ct_text text);
ct_code ct_multi_thread(ct_multi *multi, enum ct_linear_thread what, uint64_t thread);
ct_code ct_multi_finish(ct_multi *multi);
/* For its meta.dat. */
unsigned ct_multi_meta_flags(const ct_multi *multi);
void ct_multi_free(ct_multi *multi);

#endif
