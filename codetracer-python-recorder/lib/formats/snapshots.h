/* Snapshot records in a stream: the last one of each code is known, so that a new one is made of pieces of it and of the values that changed.
 *
 * Invariant: what is copied from the last record are pieces whose values have the same serial at the same place, so they are the bytes that
 * encoding would give. A record out of the window, or in an earlier chunk, is not used.
 */
#ifndef CT_FORMATS_SNAPSHOTS_H
#define CT_FORMATS_SNAPSHOTS_H

#include "formats/linear.h"
#include "formats/matches.h"

/* A variable in a record: its bytes with what stands in front of them. */
typedef struct ct_snapshot_piece {
    uint64_t serial;
    uint32_t variable;
    uint32_t at, size;             /* in the record */
} ct_snapshot_piece;

/* The last record of one code. */
typedef struct ct_snapshot {
    uint64_t at;                   /* in the stream */
    size_t size;                   /* 0: none yet */
    uint32_t front;                /* bytes before the first piece */
    uint32_t count, capacity;
    ct_snapshot_piece *pieces;
} ct_snapshot;

typedef struct ct_snapshots {
    unsigned form;                 /* place in ct_encoded */
    /* What stands in front of a record with that many pieces of so many bytes in all, and in front of a value; at most CT_SNAPSHOT_FRONT bytes each. */
    uint8_t *(*front)(void *context, uint8_t *at, size_t count, size_t size);
    uint8_t *(*head)(uint8_t *at, uint32_t variable, size_t size);
    size_t (*head_size)(uint32_t variable, size_t size);
    void *context;                 /* of front */
    const ct_allocator *allocator;
    ct_snapshot *last;             /* by the first value's place */
    size_t last_count;
    uint32_t *plan;                /* of the record at hand: index of the piece that stays + 1; 0: new bytes */
    size_t plan_capacity;
    ct_snapshot_piece *spare;      /* for a record with other variables than the one before */
    uint32_t spare_capacity;
} ct_snapshots;

enum { CT_SNAPSHOT_FRONT = 32, CT_SMALL_VALUE = 512 /* bytes */ };

/* Appends the record of these values (at least one) to the chunk. */
ct_code ct_snapshots_put(ct_snapshots *snapshots, ct_linear *linear, ct_chunk *chunk, ct_named_value *values, size_t count);
/* The matches of a value at raw position `at`, behind `head` other bytes, which is not the one that is known to stand at `last` with its head. A large one is most
 * like what its object was when it was written last, wherever that was; a small one of the same size costs least where what is around it has its matches. */
bool ct_snapshots_match(ct_chunk *chunk, unsigned form, size_t at, size_t head, const ct_encoded *value, ct_standing last);
void ct_snapshots_free(ct_snapshots *snapshots);

#endif
