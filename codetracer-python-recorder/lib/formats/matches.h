/* A chunk of a stream and what repeats in it, found while it is filled: a step looks like the last one of the same function but for the
 * values that changed. zstd finds the same by itself, but slower.
 *
 * Invariant: matches are in order, do not overlap, and each says that the bytes at its place are those `offset` before; so a chunk compresses to
 * the same content whatever was matched. A chunk with few matches is left to zstd alone.
 */
#ifndef CT_FORMATS_MATCHES_H
#define CT_FORMATS_MATCHES_H

#include "codetracer/error.h"
#include "formats/buffer.h"

enum {
    CT_MATCH_WINDOW_LOG = 23,      /* no match reaches back further: readers need not keep more */
    CT_LEAST_KNOWN = 4,            /* zstd's is 3 */
};

typedef struct ct_match { uint32_t offset, literals, size, repeated; } ct_match; /* laid out as ZSTD_Sequence: matches.c checks it */

typedef struct ct_chunk {
    ct_buffer raw;                 /* what is in it so far; its allocator is the chunk's */
    uint64_t base;                 /* bytes of the stream in earlier chunks */
    ct_match *matches;
    size_t match_count, match_capacity;
    size_t covered;                /* where the last match ends */
    size_t literals;               /* bytes in no match, up to there */
    uint32_t *heads;               /* by hash of eight bytes that were like nothing before: where + 1 */
} ct_chunk;

/* Where something stands in a stream, counted from its beginning over all its chunks. size 0: nowhere. */
typedef struct ct_standing { uint64_t at; size_t size; } ct_standing;

bool ct_chunk_add_match_slow(ct_chunk *chunk, size_t at, size_t size, size_t distance);

/* Whether bytes of the stream at `old` may be matched from raw position `at`. */
static inline bool
ct_chunk_reaches(const ct_chunk *chunk, size_t at, uint64_t old)
{
    /* Half of the window is to spare, for a match from the end of a record much longer than the one before. */
    return old >= chunk->base && chunk->base + at - old - 1 < (UINT64_C(1) << CT_MATCH_WINDOW_LOG) / 2;
}

/* The `size` bytes at raw position `at`, behind everything matched so far, are those `distance` before. False: no memory. */
static inline bool
ct_chunk_add_match(ct_chunk *chunk, size_t at, size_t size, size_t distance)
{
    ct_match *last = chunk->match_count ? &chunk->matches[chunk->match_count - 1] : NULL;
    if (!last || chunk->covered != at || last->offset != distance)
        return ct_chunk_add_match_slow(chunk, at, size, distance);
    last->size += (uint32_t)size;
    chunk->covered += size;
    return true;
}

/* How many of the `size` bytes at raw position `at` go on like the match before them; they are added to it. */
size_t ct_chunk_go_on(ct_chunk *chunk, size_t at, size_t size);

/* The same as ct_chunk_add_match(), but the match before is prolonged as far as it goes: what followed there once follows again more often than not. */
static inline bool
ct_chunk_add_known(ct_chunk *chunk, size_t at, size_t size, size_t distance)
{
    const ct_match *last = chunk->match_count ? &chunk->matches[chunk->match_count - 1] : NULL;
    size_t same = last && chunk->covered == at && last->offset != distance ? ct_chunk_go_on(chunk, at, size) : 0;
    return size - same < CT_LEAST_KNOWN ? true : ct_chunk_add_match(chunk, at + same, size - same, distance);
}

/* The `size` bytes at raw position `at` (the last of the chunk, or about to be) probably look like those at `old`: finds the matches. Where the two
 * differ in size, what is behind the first difference is taken to be the same from the end. False: no memory. */
bool ct_chunk_match(ct_chunk *chunk, size_t at, size_t size, ct_standing old);

/* The same when they stand now where *last says they stood before; *last is moved. */
static inline bool
ct_chunk_match_again(ct_chunk *chunk, size_t at, size_t size, ct_standing *last)
{
    ct_standing old = *last;
    *last = (ct_standing){ chunk->base + at, size };
    return ct_chunk_match(chunk, at, size, old);
}

/* The chunk as one zstd frame with content size and checksum, appended to out. `zstd`: a ZSTD_CCtx made by ct_chunk_compressor(). */
void *ct_chunk_compressor(const ct_allocator *allocator); /* NULL: no memory; freed by ZSTD_freeCCtx */
ct_code ct_chunk_compress(ct_chunk *chunk, void *zstd, ct_buffer *out, ct_error *error);
/* What a compression function of zstd returned as an error of ours. */
ct_code ct_chunk_failed(size_t result, ct_error *error);
/* Begins the next chunk. */
void ct_chunk_empty(ct_chunk *chunk);
void ct_chunk_free(ct_chunk *chunk);

/* Empties a buffer; one that had to hold something huge once, and not this time, gives its memory back. */
static inline void
ct_buffer_empty(ct_buffer *buffer)
{
    bool was_needed = buffer->size >= buffer->capacity / 16;
    buffer->size = 0;
    if (buffer->capacity > 16 * 1024 * 1024 && !was_needed)
        ct_buffer_free(buffer);
}

#endif
