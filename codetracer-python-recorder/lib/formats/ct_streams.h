/* What the inner files of a CTFS container are made of (ctfs.md sections 2.1, 2.2, 3): zstd frames, chunked streams with their index, tables with
 * their offsets; and, over the last two, streams of records.
 *
 * A stream is read front to back, one chunk in memory. Where it is cut off or damaged it ends, like one that is whole, and `problem` says what was
 * found: what comes before was intact. Codes other than CT_OK and CT_END are the system's (and no memory).
 */
#ifndef CT_FORMATS_CT_STREAMS_H
#define CT_FORMATS_CT_STREAMS_H

#include "formats/buffer.h"
#include "formats/ctfs.h"
#include "model/decode.h"

/* ---- frames ---- */
typedef enum ct_frame_end {
    CT_FRAME_WHOLE,
    CT_FRAME_ABSENT,               /* no frame begins here */
    CT_FRAME_CUT,                  /* raw: what its intact blocks hold */
    CT_FRAME_DAMAGED,              /* raw: nothing */
    CT_FRAME_TOO_LARGE             /* raw: nothing; no writer makes such frames, and memory is not for strangers to fill */
} ct_frame_end;

enum { CT_FRAME_MOST = 256 << 20 };

typedef struct ct_frames {
    ct_inner *file;
    void *zstd;                    /* ZSTD_DCtx */
    uint8_t *input;
    ct_buffer raw;
} ct_frames;

/* Decompresses the frame that begins at offset, of which no more than `limit` bytes are looked at, into raw. *size: its compressed bytes. A skippable
 * frame is a whole one with nothing in it. */
ct_code ct_frames_read(ct_frames *frames, uint64_t offset, uint64_t limit, uint64_t *size, ct_frame_end *end, ct_error *error);
/* Of the file's memory. */
void ct_frames_open(ct_frames *frames, ct_inner *file);
void ct_frames_free(ct_frames *frames);

/* ---- streams ---- */
typedef struct ct_stream_words { const char *cut, *damaged, *large, *lost; } ct_stream_words;
/* The sentences about a stream with that name. */
#define CT_STREAM_WORDS(name) { name " ends too early: it was cut off, or its writer was killed", \
                                name " is damaged here: what should be a part of it is none, or does not match its checksum", \
                                name " has a chunk of more than 256 MiB, which no writer makes", \
                                name " is not where its index says" }

typedef struct ct_problem { const char *message; uint64_t place; } ct_problem; /* message: NULL when there is none */

typedef struct ct_chunks {
    const ct_stream_words *words;
    ct_inner *index;               /* NULL: chunks are taken one after the other */
    ct_frames frames;
    uint64_t number, count;        /* of the next chunk; as the index has them */
    uint64_t position, place;      /* where the next chunk begins if the index does not say; where the present one lies in the container */
    uint32_t chunk_size;           /* records per chunk, 0: not told */
    bool is_old, ended;            /* as ct_chunks_open() was told; nothing follows */
    ct_input in;                   /* what is left of the present chunk */
    ct_problem problem;
} ct_chunks;

/* data: NULL is an empty stream. old_steps: the framing before meta.dat's bit 9 (12 bytes before the offsets, 8 behind them). */
ct_code ct_chunks_open(ct_chunks *chunks, const ct_stream_words *words, ct_inner *data, ct_inner *index, bool old_steps, ct_error *error);
/* The next chunk, into `in`. CT_END: there is none. */
ct_code ct_chunks_next(ct_chunks *chunks, ct_error *error);
/* The next chunk is passed over without decompressing it; false: that cannot be (its end is not known). */
bool ct_chunks_skip(ct_chunks *chunks);
/* What is left of the chunk breaks the format: the stream ends here. */
void ct_chunks_spoil(ct_chunks *chunks);
void ct_chunks_close(ct_chunks *chunks);

typedef struct ct_table {
    const ct_stream_words *words;
    ct_inner *data, *offsets;
    uint64_t number, at;           /* of the next record; where it begins */
    ct_buffer record;
    ct_problem problem;
} ct_table;

void ct_table_open(ct_table *table, const ct_stream_words *words, ct_inner *data, ct_inner *offsets);
/* The next record, valid until the next call. CT_END: there is none. */
ct_code ct_table_next(ct_table *table, ct_input *record, ct_error *error);
void ct_table_close(ct_table *table);

/* Records of either: in chunks each `varint length, bytes`, or a table. */
typedef struct ct_records { bool is_table; ct_chunks chunks; ct_table table; } ct_records;

ct_code ct_records_next(ct_records *records, ct_input *record, ct_error *error);
/* The record just given breaks the format: the stream ends before it. */
void ct_records_spoil(ct_records *records);
static inline const ct_problem *ct_records_problem(const ct_records *r) { return r->is_table ? &r->table.problem : &r->chunks.problem; }
static inline uint64_t ct_records_place(const ct_records *r) { return r->is_table ? ct_inner_place(r->table.data, r->table.at) : r->chunks.place; }
void ct_records_close(ct_records *records);

/* All of a small inner file, up to `most` bytes, into the buffer. */
ct_code ct_inner_load(ct_inner *file, uint64_t offset, uint64_t count, ct_buffer *bytes, ct_error *error);

/* A little-endian number of so many bytes. */
static inline uint64_t
ct_load_number(const uint8_t *at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = bytes; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

#endif
