/* The part of the journal writer that keeps only the end of a recording (ct_recording_options.keep_steps, keep_bytes). lib/journal only. */
#ifndef CT_JOURNAL_KEEP_H
#define CT_JOURNAL_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/error.h"

struct ct_recording_private;
struct ct_block;

/* What is in the file: a block, or (gone) a range that was given back to the file system, with one header at its beginning. */
typedef struct ct_piece {
    uint64_t offset, size;
    uint64_t sequence;         /* of the block, or of the last one that was in the range */
    uint64_t segment;          /* events: theirs; contents: the last segment that names one of them; definitions: UINT64_MAX, kept for ever */
    uint64_t first, end;       /* contents: numbers first … end - 1 */
    uint8_t kind;
    bool gone;
} ct_piece;

typedef struct ct_keep {
    uint64_t steps, bytes;     /* keep at least so many steps; at most so many bytes of file. 0: not asked for */
    ct_piece *pieces;          /* in the file's order */
    size_t count, capacity;
    size_t *contents, content_count, content_capacity; /* indices of content blocks that are not gone, in order */
    uint32_t *shapes; size_t shape_capacity; /* fields by shape number: what it takes to walk over an OBJECT record */
    uint32_t holds;            /* ct_recording_hold() */
    uint64_t pending;          /* a content that may not be in the file yet was named in this segment: its block keeps at least to there */
    uint64_t first_segment;    /* the earliest that is kept */
    uint64_t ready_segment;    /* the last one whose key state is in the file */
} ct_keep;

static inline bool ct_keeps_end(const ct_keep *keep) { return keep->steps || keep->bytes; }

/* Whether holes can be made in the file: CT_OK, or CT_E_IO with a sentence. */
ct_code ct_keep_probe(struct ct_recording_private *writer, ct_error *error);

/* A shape was defined. False: no memory. Not under the lock. */
bool ct_keep_shape(struct ct_recording_private *writer, uint32_t shape, size_t fields);

/* The event thread is about to name a content that it knows from earlier. False: it is gone, and must be written anew. Not under the lock. */
bool ct_keep_use(struct ct_recording_private *writer, uint64_t content);

/* A block was written at `offset`: what it names is noted, and what is not needed any more is given back. Under the lock; by whoever writes. */
ct_code ct_keep_written(struct ct_recording_private *writer, const struct ct_block *block, const uint8_t *payload, uint64_t offset, uint64_t size,
                        ct_error *error);

void ct_keep_free(struct ct_recording_private *writer);

#endif
