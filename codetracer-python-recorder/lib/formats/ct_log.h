/* Writing events.log: the single-stream layout of a container (ctfs.md section 8), which CodeTracer's replay server reads best. Reading it: ct_reading.h.
 *
 * Invariant: every frame is whole, has its content size and a checksum; an event does not straddle frames. Memory holds one frame's raw bytes.
 */
#ifndef CT_FORMATS_CT_LOG_H
#define CT_FORMATS_CT_LOG_H

#include "formats/ctfs.h"
#include "formats/linear.h"
#include "formats/matches.h"
#include "formats/snapshots.h"

enum { CT_LOG_LEAVES = 64 };

typedef struct ct_log {
    /* Set by the owner. */
    ct_ctfs *ctfs;
    void *zstd;                    /* ct_chunk_compressor() */
    ct_buffer *compressed;         /* scratch */
    ct_linear *linear;
    unsigned form;                 /* place of CT_FORM_V1 in ct_encoded */
    ct_error *error;
    /* Its own. */
    ct_ctfs_file *file;
    ct_snapshots snapshots;
    uint64_t path, line;           /* of the step at hand */
    ct_chunk chunk;
    ct_standing *calls;            /* two for each function: its call (with its own step) without arguments, and with */
    size_t call_count;
    ct_standing leaves[CT_LOG_LEAVES]; /* returns, by size of the value */
    ct_standing bare_step;         /* a step without variables */
    uint32_t count, chunk_steps;   /* events in the chunk, and steps among them (but those of calls) */
    uint64_t first;                /* number of the first of them */
} ct_log;

/* events.log in this slot, events.fmt in the one behind it. */
ct_code ct_log_start(ct_log *log, unsigned slot);
ct_code ct_log_path(ct_log *log, ct_text path);
ct_code ct_log_function(ct_log *log, uint32_t path, int64_t line, ct_text name);
ct_code ct_log_variable(ct_log *log, ct_text name);
ct_code ct_log_type(ct_log *log, const ct_type_definition *type);
ct_code ct_log_step(ct_log *log, uint32_t path, int64_t line, ct_named_value *values, size_t count);
/* The call's own step, when it has one, and the call. The arguments are encoded. */
ct_code ct_log_call(ct_log *log, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count);
ct_code ct_log_leave(ct_log *log, const ct_encoded *value);
ct_code ct_log_output(ct_log *log, enum ct_stream_number stream, ct_text text);
ct_code ct_log_thread(ct_log *log, enum ct_linear_thread what, uint64_t thread);
ct_code ct_log_finish(ct_log *log);
void ct_log_free(ct_log *log);

#endif
