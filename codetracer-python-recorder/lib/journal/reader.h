/* The inside of an open journal, for lib/journal/ and lib/model/ only.
 *
 * A ct_journal is complete once ct_journal_open() returns and does not change after that (but for assembled source texts, under a lock), so any
 * number of threads may read it. What has to be decompressed goes into buffers of the reader's own.
 */
#ifndef CT_JOURNAL_READER_H
#define CT_JOURNAL_READER_H

#include <pthread.h>

#include "codetracer/io.h"
#include "codetracer/memory.h"
#include "codetracer/replay.h"
#include "model/decode.h"

enum { CT_RAW_LIMIT = 64 << 20 }; /* bytes of a block's payload when decompressed: a larger one is not read */

/* A block that can be read. */
typedef struct ct_block_entry {
    uint64_t position;     /* of its payload: in the journal, or of the slot's data in the live file */
    const uint8_t *live;   /* the payload itself (padded), if it came from the live file */
    uint64_t sequence, segment, first, events;
    uint64_t checksum;
    uint32_t stored, raw;
    uint32_t boundary;
    uint32_t limit;        /* how much of raw is to be read: less where a cut recording ends within an event */
    uint8_t kind, codec;
    uint16_t flags;
} ct_block_entry;

typedef struct ct_block_list { ct_block_entry *blocks; size_t count, capacity; } ct_block_list;

typedef struct ct_segment_entry { size_t block; /* index in events */ uint64_t steps, events; } ct_segment_entry;

typedef struct ct_source_piece {
    uint64_t offset;
    ct_text text;
    uint32_t path;
    size_t next;           /* piece of the same path, + 1 */
} ct_source_piece;

typedef struct ct_source_text { size_t first, last; /* pieces, + 1 */ char *assembled; size_t size; } ct_source_text;

/* An array that grows: `items` of `size` bytes each. */
typedef struct ct_array { void *items; size_t count, capacity; const ct_allocator *allocator; } ct_array;

typedef struct ct_definitions {
    ct_array paths, names;   /* ct_text */
    ct_array codes;          /* ct_code_info * */
    ct_array columns;        /* ct_array of ct_line_column, by code */
    ct_array types, shapes;  /* ct_type_info, ct_shape_info */
    ct_array metas;          /* ct_meta_info */
    ct_array pieces;         /* ct_source_piece */
    ct_array sources;        /* ct_source_text, by path */
    ct_array owned;          /* void *: payloads, and arrays of names and kinds */
    uint64_t count, bytes;
    const ct_allocator *allocator;
} ct_definitions;

struct ct_journal {
    const ct_allocator *allocator;
    ct_source source;        /* the file, as long as it was when opened */
    uint8_t id[16];
    uint16_t minor;
    /* Of a recording that keeps only its end the beginning is gone: what is there is numbered from 0 again when the index is made. */
    bool dropped;
    uint64_t base_segment, base_steps, base_events; /* in the file, of the first events block */
    uint64_t start_time;
    ct_block_list events, contents;
    ct_block_list definition_blocks; /* for ct_journal_save: those that were loaded */
    ct_segment_entry *segments;
    size_t segment_count, segment_capacity;
    ct_definitions definitions;
    uint8_t *live;           /* the live file's blocks, one after the other, padded */
    ct_journal_counts counts;
    bool goes_on;            /* ct_journal_goes_on() */
    /* Damage with readable blocks behind it: what has this sequence number or a higher one is not to be trusted. */
    uint64_t damage_sequence; /* UINT64_MAX: none */
    uint64_t damage_position;
    const char *damage_message;
    pthread_mutex_t lock;    /* of definitions.sources[].assembled */
};

/* What it takes to read payloads: one per thread. Zeroed is ready. */
typedef struct ct_block_reader {
    void *decompression;
    uint8_t *stored;
    size_t stored_capacity;
    const ct_allocator *allocator; /* the journal's */
} ct_block_reader;

/* A payload: *raw grows as needed to its size and CT_INPUT_PADDING more. Checks the checksum. */
ct_code ct_block_read(ct_block_reader *reader, const ct_journal *journal, const ct_block_entry *block, uint8_t **raw, size_t *capacity,
                      ct_error *error);
void ct_block_reader_free(ct_block_reader *reader);

/* Whether a recording that keeps only its end has given back what was at this position, since the journal was opened. */
bool ct_journal_is_gone(const ct_journal *journal, uint64_t position);
enum { CT_GONE_TRIES = 10 }; /* so often is it opened again, before the caller is told */

/* Where in the file byte `offset` of the raw payload is, as nearly as can be said. */
uint64_t ct_block_position(const ct_block_entry *block, uint64_t offset);

/* Adds a definitions payload, which belongs to *definitions from now on (also on failure). */
ct_code ct_definitions_load(ct_definitions *definitions, uint8_t *payload, size_t size, const ct_block_entry *block, ct_error *error);
void ct_definitions_init(ct_definitions *definitions, const ct_allocator *allocator);
void ct_definitions_free(ct_definitions *definitions);
/* Room for one more item, zeroed; NULL: no memory. */
void *ct_array_add(ct_array *array, size_t size);


/* The live file: read before the journal is, because a block goes from one to the other. */
typedef struct ct_live_block {
    ct_block_entry entry;
    bool sealed;
    size_t offset; /* in bytes */
} ct_live_block;
typedef struct ct_live_copy {
    ct_live_block *blocks;
    size_t count;
    uint8_t *bytes;
    uint8_t id[16];
    ct_code failed; /* why nothing was recorded any more, and the system's errno */
    int failed_system;
    const ct_allocator *allocator;
} ct_live_copy;
/* CT_END: there is no live file, or none that can be used. */
ct_code ct_live_copy_read(int folder, const char *name, const ct_allocator *allocator, ct_live_copy *copy, ct_error *error);
void ct_live_copy_free(ct_live_copy *copy);

/* An error about byte `position` of the journal; what is named is where that lies in the file that a person has. */
static inline ct_code
ct_journal_fail(const ct_journal *journal, ct_error *error, ct_code code, const char *message, uint64_t position)
{
    return ct_fail(error, code, message, journal->source.place ? journal->source.place(journal->source.context, position) : position, 0);
}

static inline uint16_t ct_load16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
static inline uint32_t ct_load32(const uint8_t *at) { return (uint32_t)ct_load16(at) | (uint32_t)ct_load16(at + 2) << 16; }
static inline uint64_t ct_load64(const uint8_t *at) { return (uint64_t)ct_load32(at) | (uint64_t)ct_load32(at + 4) << 32; }

#endif
