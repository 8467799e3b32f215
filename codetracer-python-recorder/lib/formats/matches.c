/* See matches.h. */
#include "formats/matches.h"
#include "util/zstd_memory.h"

#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_compressSequences */
#include <zstd.h>
#include <zstd_errors.h>

enum {
    LEAST_MATCH = 8, LEAST_TAIL = 4, GAP_MOST = 32, HEADS = 4096,
    CHUNK_MATCHED = 256 * 1024 * 1024,
    LITERALS_MOST = 4,             /* one byte in so many; a chunk with more of them is left to zstd alone */
    LEVEL = 1,
};

_Static_assert(sizeof(ct_match) == sizeof(ZSTD_Sequence) && offsetof(ct_match, offset) == offsetof(ZSTD_Sequence, offset)
               && offsetof(ct_match, literals) == offsetof(ZSTD_Sequence, litLength)
               && offsetof(ct_match, size) == offsetof(ZSTD_Sequence, matchLength), "matches are handed to zstd as they are");

static inline uint64_t
load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* How far the bytes from here on are those at `old`, which stands before. */
static inline size_t
same_bytes(const uint8_t *at, const uint8_t *old, size_t most)
{
    size_t same = 0;
    while (most - same >= 8) {
        uint64_t differing = load(at + same) ^ load(old + same);
        if (differing)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            return same + (size_t)__builtin_clzll(differing) / 8;
#else
            return same + (size_t)__builtin_ctzll(differing) / 8;
#endif
        same += 8;
    }
    while (same < most && at[same] == old[same])
        same++;
    return same;
}

bool
ct_chunk_add_match_slow(ct_chunk *chunk, size_t at, size_t size, size_t distance)
{
    if (chunk->match_count == chunk->match_capacity) {
        size_t capacity = chunk->match_capacity ? chunk->match_capacity * 2 : 1024;
        ct_match *matches = ct_resize(chunk->raw.allocator, chunk->matches, capacity * sizeof *matches);
        if (!matches)
            return false;
        chunk->matches = matches;
        chunk->match_capacity = capacity;
    }
    chunk->matches[chunk->match_count++] =
        (ct_match){ .offset = (uint32_t)distance, .literals = (uint32_t)(at - chunk->covered), .size = (uint32_t)size };
    chunk->literals += at - chunk->covered;
    chunk->covered = at + size;
    return true;
}

size_t
ct_chunk_go_on(ct_chunk *chunk, size_t at, size_t size)
{
    ct_match *last = &chunk->matches[chunk->match_count - 1];
    size_t same = same_bytes(chunk->raw.bytes + at, chunk->raw.bytes + at - last->offset, size);
    last->size += (uint32_t)same;
    chunk->covered += same;
    return same;
}

/* What is like nothing known is looked for as zstd's fastest strategy does it. */
static bool
find_matches(ct_chunk *chunk, size_t at, size_t end)
{
    const uint8_t *bytes = chunk->raw.bytes;
    if (!chunk->heads && !(chunk->heads = ct_allocate_zero(chunk->raw.allocator, HEADS, sizeof *chunk->heads)))
        return false;
    while (at + LEAST_MATCH <= end) {
        uint64_t word = load(bytes + at);
        uint32_t *head = &chunk->heads[(word * UINT64_C(0x9E3779B97F4A7C15)) >> 52];
        size_t known = *head;
        *head = (uint32_t)at + 1;
        if (known && ct_chunk_reaches(chunk, at, chunk->base + known - 1) && load(bytes + known - 1) == word) {
            size_t same = same_bytes(bytes + at, bytes + known - 1, end - at);
            if (!ct_chunk_add_match(chunk, at, same, at - (known - 1)))
                return false;
            at += same;
        } else
            at += 1 + (at - chunk->covered) / 64;
    }
    return true;
}

bool
ct_chunk_match(ct_chunk *chunk, size_t at, size_t size, ct_standing old)
{
    const uint8_t *bytes = chunk->raw.bytes;
    size_t end = at + size, gone_on = chunk->match_count && chunk->covered == at ? ct_chunk_go_on(chunk, at, size) : 0;
    if (gone_on == size)
        return true;
    if (!old.size || !ct_chunk_reaches(chunk, at, old.at))
        return find_matches(chunk, at + gone_on, end);
    size_t distance = at - (size_t)(old.at - chunk->base), most = old.size < size ? old.size : size;
    at += gone_on;
    size_t same = gone_on < most ? same_bytes(bytes + at, bytes + at - distance, most - gone_on) : 0;
    /* A short beginning counts only when it prolongs the match before it. */
    if (same >= LEAST_MATCH || (same && chunk->match_count && chunk->covered == at && chunk->matches[chunk->match_count - 1].offset == distance)) {
        if (!ct_chunk_add_match(chunk, at, same, distance))
            return false;
    }
    at += same;
    if (size != old.size) {
        distance += size - old.size;
        if (distance - 1 >= (size_t)1 << CT_MATCH_WINDOW_LOG || distance > at) /* 0 and less, too: one is inside the other's beginning */
            return find_matches(chunk, at, end);
        size_t tail = end - most + gone_on + same;
        if (at < tail)
            at = tail < end ? tail : end;
    }
    while (at + LEAST_MATCH <= end) {
        if (load(bytes + at) != load(bytes + at - distance)) {
            at++;
            if (at > chunk->covered + GAP_MOST)
                return find_matches(chunk, at - GAP_MOST, end);
            continue;
        }
        same = same_bytes(bytes + at, bytes + at - distance, end - at);
        if (!ct_chunk_add_match(chunk, at, same, distance))
            return false;
        at += same;
    }
    for (same = 0; same < end - at && bytes[end - 1 - same] == bytes[end - 1 - same - distance];)
        same++;
    return same < LEAST_TAIL || ct_chunk_add_match(chunk, end - same, same, distance);
}

void *
ct_chunk_compressor(const ct_allocator *allocator)
{
    ZSTD_CCtx *zstd = ct_zstd_compressor(allocator);
    if (zstd) {
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, CT_MATCH_WINDOW_LOG);
    }
    return zstd;
}

ct_code
ct_chunk_failed(size_t result, ct_error *error)
{
    return ct_fail(error, ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? CT_E_NOMEM : CT_E_LIMIT,
                   "cannot compress a part of the container", 0, 0);
}

ct_code
ct_chunk_compress(ct_chunk *chunk, void *zstd, ct_buffer *out, ct_error *error)
{
    const ct_buffer *raw = &chunk->raw;
    size_t bound = ZSTD_compressBound(raw->size), size;
    uint8_t *at = ct_buffer_room(out, bound);
    if (!at || raw->failed)
        return CT_E_NOMEM;
    if (chunk->match_count && raw->size < CHUNK_MATCHED && chunk->literals + (raw->size - chunk->covered) <= raw->size / LITERALS_MOST)
        size = ZSTD_compressSequences(zstd, at, bound, (const ZSTD_Sequence *)(const void *)chunk->matches, chunk->match_count, raw->bytes,
                                      raw->size);
    else
        size = ZSTD_compress2(zstd, at, bound, raw->size ? (const void *)raw->bytes : "", raw->size);
    if (ZSTD_isError(size))
        return ct_chunk_failed(size, error);
    out->size += size;
    return CT_OK;
}

void
ct_chunk_empty(ct_chunk *chunk)
{
    chunk->base += chunk->raw.size;
    chunk->match_count = chunk->covered = chunk->literals = 0;
    if (chunk->heads)
        memset(chunk->heads, 0, HEADS * sizeof *chunk->heads);
    ct_buffer_empty(&chunk->raw);
}

void
ct_chunk_free(ct_chunk *chunk)
{
    ct_buffer_free(&chunk->raw);
    ct_free(chunk->raw.allocator, chunk->matches);
    ct_free(chunk->raw.allocator, chunk->heads);
    *chunk = (ct_chunk){ .raw.allocator = chunk->raw.allocator };
}
