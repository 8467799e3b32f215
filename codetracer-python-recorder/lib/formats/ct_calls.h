/* Records of calls in the order of entry, though half of each is known only when the call ends (ctfs.md section 5).
 *
 * What is known at entry, what is known at the end, and the values returned go to three temporary files without names in the container's folder,
 * once they are more than is quickly held in memory. Invariant: memory is a stack of the open calls and fixed windows; a list of children is
 * never held, for with keys given at entry the children of k are k+1, the key behind k+1's last descendant, and so on.
 */
#ifndef CT_FORMATS_CT_CALLS_H
#define CT_FORMATS_CT_CALLS_H

#include "formats/ct_reading.h"
#include "formats/outfile.h"

typedef struct ct_call_end ct_call_end;
typedef struct ct_calls {
    ct_outfile entries, returns, ends;
    uint64_t count;                /* calls so far: the next key */
    uint64_t *open;                /* keys, bottom first */
    size_t depth, capacity;
    ct_call_end *window;           /* of the newest calls: keys window_base … count - 1 */
    uint64_t window_base;
    ct_error *error;
} ct_calls;

ct_code ct_calls_start(ct_calls *calls, const char *path, const ct_allocator *allocator, ct_error *error);
void ct_calls_free(ct_calls *calls);

/* arguments: as they stand in the record, from their count on. */
ct_code ct_calls_enter(ct_calls *calls, uint32_t function, uint64_t entry_step, const ct_buffer *arguments);
ct_code ct_calls_leave(ct_calls *calls, uint64_t exit_step, const void *value, size_t size);

/* What takes the records, in groups: for each group its size, then its bytes in pieces (each record behind its length), then its end. */
typedef struct ct_calls_sink {
    void *context;
    ct_code (*begin)(void *context, uint64_t size);
    ct_code (*write)(void *context, const void *bytes, size_t count);
    ct_code (*end)(void *context);
} ct_calls_sink;

/* All calls have ended: hands out their records in key order, `group` at a time. */
ct_code ct_calls_finish(ct_calls *calls, uint64_t group, const ct_calls_sink *sink);

/* ---- reading ---- */

/* A call whose record was read and that has not begun. */
typedef struct ct_call_in {
    bool there;
    uint64_t key, function, entry, exit;
    int64_t parent;
    ct_input arguments;
    ct_text result;
} ct_call_in;

typedef struct ct_open_call { uint64_t key; int64_t parent; uint64_t entry, exit, least; uint8_t *result; size_t result_size; } ct_open_call;

/* Memory: a chunk of the stream and the calls that are open. All zero: nothing is open, and closing it is harmless. */
typedef struct ct_calls_in {
    ct_reading *r;
    ct_records records;
    uint64_t next_key;             /* of the next record */
    ct_call_in call;               /* at hand; at the end of the stream it is not there */
    ct_open_call *open;
    size_t open_count, open_capacity;
} ct_calls_in;

ct_code ct_calls_in_open(ct_calls_in *calls, ct_reading *r, ct_inner *data, ct_inner *index);
/* The next record into calls->call. */
ct_code ct_calls_in_next(ct_calls_in *calls);
/* Hands on the calls that begin before this step. */
ct_code ct_calls_in_begin(ct_calls_in *calls, uint64_t step);
/* Hands on those that end behind it. place: of the step in the container. */
ct_code ct_calls_in_end(ct_calls_in *calls, uint64_t step, uint64_t place);
void ct_calls_in_close(ct_calls_in *calls);

#endif
