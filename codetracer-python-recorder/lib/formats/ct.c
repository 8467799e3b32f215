/* ct_export_ct: one container with two layouts (ctfs.md section 11), for each of CodeTracer's readers the one it reads best.
 *
 *   slots 0-16    the multi-stream layout (sections 2-7): all that ct-print sees
 *   slots 31-33   events.log, events.fmt and a second meta.dat (section 8): what the replay server takes
 *
 * Invariant: every zstd frame is whole, has its content size (readers refuse others) and a checksum. Memory holds one chunk per stream.
 */
#include <unistd.h>
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_compressSequences */
#include <zstd.h>
#include <zstd_errors.h>

#include "codetracer/export.h"
#include "formats/calls.h"
#include "formats/ctfs.h"
#include "formats/linear.h"
#include "formats/text.h"
#include "formats/trace_id.h"

enum {
    NIM_NESTING = 32,              /* ctfs.md section 4.1 */
    LINES_PER_FILE = 100000,       /* section 3: line-only gli */
    STEPS_CHUNK = 4096, VALUES_CHUNK = 256, CALLS_CHUNK = 256, EVENTS_CHUNK = 64,
    LOG_CHUNK = 512 * 1024,        /* raw bytes of events.log in a frame */
    STREAM_ROOM = 128 * 1024,
    LEAVES = 64, LEAST_MATCH = 8, LEAST_TAIL = 4, GAP_MOST = 32, HEADS = 4096,
    WINDOW_LOG = 19,               /* no match reaches back further: readers need not keep more */
    CHUNK_MATCHED = 256 * 1024 * 1024,
    LITERALS_MOST = 16,            /* one byte in so many; a chunk with more of them is left to zstd alone */
    LEVEL = -1,                    /* literals as they are: 1 costs 40 ns more per line and 6 bytes less */
};

enum { FORM_LOG, FORM_STREAMS };   /* places in ct_encoded */

/* Where something stood last in a stream, counted from the stream's beginning over all its chunks. */
typedef struct seen {
    uint64_t at;
    size_t size;                   /* 0: nowhere yet */
    uint64_t serial;               /* ct_encoded.serial of the value in it */
    uint32_t variable;             /* to which it belongs */
} seen;

/* A chunk and what repeats in it, found while it is filled: a step looks like the last one of the same function but for the values that
 * changed. zstd finds the same by itself, but slower: with the matches given and LEVEL -1, bm_nqueens took 730 ns per line instead of 900,
 * and 38 bytes instead of 26 (about half of that is LEVEL's).
 * Invariant: matches do not overlap and are in order; a chunk without good ones is left to zstd alone. */
typedef struct matched {
    ct_buffer raw;                 /* the chunk being filled */
    uint64_t base;                 /* bytes of earlier chunks */
    ZSTD_Sequence *matches;
    size_t match_count, match_capacity;
    size_t covered;                /* where the last match ends */
    size_t literals;               /* bytes in no match, up to there */
    uint32_t *heads;               /* by hash of eight bytes that were like nothing before: where + 1 */
    seen *seen;                    /* by ct_named_value.place */
    size_t seen_count;
} matched;

/* Section 2.1 */
typedef struct table {
    ct_ctfs_file *data, *offsets;
} table;

/* Section 2.2 */
typedef struct chunked {
    ct_ctfs_file *data, *index;
    matched chunk;
    size_t records, limit;
} chunked;

typedef struct ct_file {
    ct_journal *journal;
    ct_ctfs ctfs;
    ZSTD_CCtx *zstd;
    table paths, functions, types, variables;
    chunked steps, values, events;
    ct_ctfs_file *calls_data, *calls_index;
    ct_ctfs_file *meta, *log, *log_format, *log_meta;
    ct_calls call_spill;
    ct_buffer arguments, compressed;
    ct_buffer path_list;           /* of meta.dat */
    uint64_t path_count;
    uint64_t step_count;           /* ids of the multi-stream layout: thread events count */
    uint64_t position;             /* gli of the last step */
    bool chunk_has_position;
    bool by_column;                /* column-aware, every line of length 1: a file has too many lines for line-only gli */
    uint64_t *bases, *line_counts; /* by path id, when by_column */
    size_t base_capacity;
    matched log_chunk;
    seen *log_calls;               /* two for each function: its own step, its call */
    size_t log_call_count;
    seen log_leaves[LEAVES];       /* by size */
    seen log_bare_step;            /* a step without variables */
    uint32_t log_count;            /* events in log_chunk */
    uint64_t log_first;            /* number of the first of them */
    ct_error *error;
} ct_file;

/* ---- zstd frames ---- */

static ct_code
zstd_failed(ct_file *f, size_t result)
{
    return ct_fail(f->error, ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? CT_E_NOMEM : CT_E_LIMIT,
                   "cannot compress a part of the container", 0, 0);
}

/* The bytes as one frame, into f->compressed. */
static ct_code
compress(ct_file *f, matched *chunk)
{
    const ct_buffer *raw = &chunk->raw;
    size_t bound = ZSTD_compressBound(raw->size), size;
    f->compressed.size = 0;
    uint8_t *at = ct_buffer_room(&f->compressed, bound);
    if (!at || raw->failed)
        return CT_E_NOMEM;
    if (chunk->match_count && raw->size < CHUNK_MATCHED && chunk->literals + (raw->size - chunk->covered) <= raw->size / LITERALS_MOST)
        size = ZSTD_compressSequences(f->zstd, at, bound, chunk->matches, chunk->match_count, raw->bytes, raw->size);
    else
        size = ZSTD_compress2(f->zstd, at, bound, raw->size ? (const void *)raw->bytes : "", raw->size);
    if (ZSTD_isError(size))
        return zstd_failed(f, size);
    f->compressed.size = size;
    return CT_OK;
}

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

static inline bool
in_window(const matched *chunk, size_t at, uint64_t old)
{
    /* Half of it is to spare, for a match from the end of a record much longer than the one before. */
    return old >= chunk->base && chunk->base + at - old - 1 < (UINT64_C(1) << WINDOW_LOG) / 2;
}

static bool
add_match(matched *chunk, size_t at, size_t size, size_t distance)
{
    ZSTD_Sequence *last = chunk->match_count ? &chunk->matches[chunk->match_count - 1] : NULL;
    if (last && chunk->covered == at && last->offset == distance) {
        last->matchLength += (unsigned)size;
        chunk->covered += size;
        return true;
    }
    if (chunk->match_count == chunk->match_capacity) {
        size_t capacity = chunk->match_capacity ? chunk->match_capacity * 2 : 1024;
        ZSTD_Sequence *matches = realloc(chunk->matches, capacity * sizeof *matches);
        if (!matches)
            return false;
        chunk->matches = matches;
        chunk->match_capacity = capacity;
    }
    chunk->matches[chunk->match_count++] = (ZSTD_Sequence){
        .offset = (unsigned)distance, .litLength = (unsigned)(at - chunk->covered), .matchLength = (unsigned)size,
    };
    chunk->literals += at - chunk->covered;
    chunk->covered = at + size;
    return true;
}

/* What is like nothing known is looked for as zstd's fastest strategy does it. */
static bool
find_matches(matched *chunk, size_t at, size_t end)
{
    const uint8_t *bytes = chunk->raw.bytes;
    if (!chunk->heads && !(chunk->heads = calloc(HEADS, sizeof *chunk->heads)))
        return false;
    while (at + LEAST_MATCH <= end) {
        uint64_t word = load(bytes + at);
        uint32_t *head = &chunk->heads[(word * UINT64_C(0x9E3779B97F4A7C15)) >> 52];
        size_t known = *head;
        *head = (uint32_t)at + 1;
        if (known && in_window(chunk, at, chunk->base + known - 1) && load(bytes + known - 1) == word) {
            size_t same = same_bytes(bytes + at, bytes + known - 1, end - at);
            if (!add_match(chunk, at, same, at - (known - 1)))
                return false;
            at += same;
        } else
            at += 1 + (at - chunk->covered) / 64;
    }
    return true;
}

/* See match. */
static bool
match_bytes(matched *chunk, size_t at, size_t size, seen old)
{
    const uint8_t *bytes = chunk->raw.bytes;
    size_t end = at + size;
    if (!old.size || !in_window(chunk, at, old.at))
        return find_matches(chunk, at, end);
    size_t distance = at - (size_t)(old.at - chunk->base), most = old.size < size ? old.size : size;
    size_t same = same_bytes(bytes + at, bytes + at - distance, most);
    /* A short beginning counts only when it prolongs the match before it. */
    if (same >= LEAST_MATCH || (same && chunk->match_count && chunk->covered == at && chunk->matches[chunk->match_count - 1].offset == distance)) {
        if (!add_match(chunk, at, same, distance))
            return false;
    }
    at += same;
    if (size != old.size) {
        distance += size - old.size;
        if (distance - 1 >= (size_t)1 << WINDOW_LOG || distance > at) /* 0 and less, too: one is inside the other's beginning */
            return find_matches(chunk, at, end);
        if (at < end - most + same)
            at = end - most + same;
    }
    while (at + LEAST_MATCH <= end) {
        if (load(bytes + at) != load(bytes + at - distance)) {
            at++;
            if (at > chunk->covered + GAP_MOST)
                return find_matches(chunk, at - GAP_MOST, end);
            continue;
        }
        same = same_bytes(bytes + at, bytes + at - distance, end - at);
        if (!add_match(chunk, at, same, distance))
            return false;
        at += same;
    }
    for (same = 0; same < end - at && bytes[end - 1 - same] == bytes[end - 1 - same - distance];)
        same++;
    return same < LEAST_TAIL || add_match(chunk, end - same, same, distance);
}

/* The `size` bytes at `at`, the last of the chunk, look like *last if that is in this chunk; from now on they are *last. Where the two differ
 * in size, what is behind the first difference is taken to be the same from the end. serial: of the variable's value in it, 0 when there is
 * none; a value that has not changed is not even looked at. */
static inline bool
match(matched *chunk, size_t at, size_t size, uint64_t serial, uint32_t variable, seen *last)
{
    seen old = *last;
    uint64_t here = chunk->base + at;
    *last = (seen){ here, size, serial, variable };
    if (serial && serial == old.serial && size == old.size && variable == old.variable && in_window(chunk, at, old.at)) {
        ZSTD_Sequence *match = chunk->match_count ? &chunk->matches[chunk->match_count - 1] : NULL;
        if (!match || chunk->covered != at || match->offset != here - old.at)
            return add_match(chunk, at, size, (size_t)(here - old.at));
        match->matchLength += (unsigned)size;
        chunk->covered += size;
        return true;
    }
    return match_bytes(chunk, at, size, old);
}

/* Room in the table of a chunk for the places of these values. */
static inline ct_code
room_for_places(seen **places, size_t *count, size_t place)
{
    if (__builtin_expect(place < *count, 1))
        return CT_OK;
    size_t wanted = *count ? *count : 256;
    while (wanted <= place)
        wanted *= 2;
    seen *bigger = realloc(*places, wanted * sizeof *bigger);
    if (!bigger)
        return CT_E_NOMEM;
    memset(bigger + *count, 0, (wanted - *count) * sizeof *bigger);
    *places = bigger;
    *count = wanted;
    return CT_OK;
}

/* A buffer that held something huge gives it back. */
static void
empty(ct_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->capacity > 16 * 1024 * 1024)
        ct_buffer_free(buffer);
}

/* What stands in front of a first variable looks like what stood in front of it the last time. */
static inline ct_code
match_front(matched *chunk, size_t at, size_t size, size_t place)
{
    CT_TRY(room_for_places(&chunk->seen, &chunk->seen_count, place));
    seen front = chunk->seen[place];
    if (front.size && front.at >= chunk->base + size)
        front = (seen){ front.at - size, size, 0, 0 };
    else
        front.size = 0;
    return match(chunk, at, size, 0, 0, &front) ? CT_OK : CT_E_NOMEM;
}

static void
empty_chunk(matched *chunk)
{
    chunk->base += chunk->raw.size;
    chunk->match_count = chunk->covered = chunk->literals = 0;
    if (chunk->heads)
        memset(chunk->heads, 0, HEADS * sizeof *chunk->heads);
    empty(&chunk->raw);
}

static void
free_chunk(matched *chunk)
{
    ct_buffer_free(&chunk->raw);
    free(chunk->matches);
    free(chunk->seen);
    free(chunk->heads);
}

/* ---- the multi-stream half ---- */

static ct_code
append_u64(ct_file *f, ct_ctfs_file *file, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return ct_ctfs_append(&f->ctfs, file, bytes, sizeof bytes);
}

static ct_code
add_record(ct_file *f, table *t, const void *bytes, size_t size)
{
    CT_TRY(ct_ctfs_append(&f->ctfs, t->data, bytes, size));
    return append_u64(f, t->offsets, ct_ctfs_size(t->data));
}

static ct_code
flush_chunk(ct_file *f, chunked *c)
{
    if (!c->records)
        return CT_OK;
    CT_TRY(append_u64(f, c->index, ct_ctfs_size(c->data)));
    CT_TRY(compress(f, &c->chunk));
    CT_TRY(ct_ctfs_append(&f->ctfs, c->data, f->compressed.bytes, f->compressed.size));
    empty_chunk(&c->chunk);
    empty(&f->compressed);
    c->records = 0;
    return CT_OK;
}

static inline ct_code
end_record(ct_file *f, chunked *c)
{
    return ++c->records == c->limit ? flush_chunk(f, c) : CT_OK;
}

static ct_code
start_chunked(ct_file *f, chunked *c, size_t limit)
{
    uint8_t bytes[4] = { (uint8_t)limit, (uint8_t)(limit >> 8), 0, 0 };
    c->limit = limit;
    return ct_ctfs_append(&f->ctfs, c->index, bytes, sizeof bytes);
}

static ct_code
end_step_record(ct_file *f)
{
    f->step_count++;
    CT_TRY(end_record(f, &f->steps));
    if (!f->steps.records)
        f->chunk_has_position = false;
    return CT_OK;
}

static uint64_t
position_of(const ct_file *f, uint32_t path, int64_t line)
{
    uint64_t at = line > 0 ? (uint64_t)line : 0;
    if (!f->by_column)
        return (uint64_t)path * LINES_PER_FILE + (at < LINES_PER_FILE ? at : LINES_PER_FILE - 1);
    at = at ? at - 1 : 0;
    return f->bases[path] + (at < f->line_counts[path] ? at : f->line_counts[path] - 1);
}

/* Section 3: the first step of a chunk is absolute. */
static ct_code
stream_step(ct_file *f, uint32_t path, int64_t line)
{
    uint64_t position = position_of(f, path, line);
    int64_t delta = (int64_t)(position - f->position);
    uint8_t *at = ct_buffer_room(&f->steps.chunk.raw, 11), *start = at;
    if (!at)
        return CT_E_NOMEM;
    if (f->chunk_has_position && delta >= -64 && delta <= 63) {
        *at++ = 1;
        at = ct_put_varint_at(at, ct_zigzag_of(delta));
    } else {
        *at++ = 0;
        at = ct_put_varint_at(at, position);
    }
    f->steps.chunk.raw.size += (size_t)(at - start);
    f->position = position;
    f->chunk_has_position = true;
    return end_step_record(f);
}

/* Section 4: record n belongs to step n; nothing at all when it has no values. */
static ct_code
stream_values(ct_file *f, const ct_named_value *values, size_t count)
{
    matched *chunk = &f->values.chunk;
    ct_buffer *out = &chunk->raw;
    size_t size = count ? 1 + ct_varint_size(count) : 0, room = 16;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = values[i].value.size[FORM_STREAMS];
        size += ct_varint_size(values[i].variable) + ct_varint_size(bytes) + bytes;
    }
    room += size;
    uint8_t *at = ct_buffer_room(out, room), *start = at;
    if (!at)
        return CT_E_NOMEM;
    at = ct_put_varint_at(at, size);
    if (count) {
        *at++ = 0;
        at = ct_put_varint_at(at, count);
        CT_TRY(match_front(chunk, (size_t)(start - out->bytes), (size_t)(at - start), values[0].place));
    }
    for (size_t i = 0; i < count; i++) {
        size_t bytes = values[i].value.size[FORM_STREAMS];
        uint8_t *first = at;
        at = ct_put_varint_at(at, values[i].variable);
        at = ct_put_varint_at(at, bytes);
        memcpy(at, values[i].value.bytes[FORM_STREAMS], bytes);
        at += bytes;
        CT_TRY(room_for_places(&chunk->seen, &chunk->seen_count, values[i].place));
        if (!match(chunk, (size_t)(first - out->bytes), (size_t)(at - first), values[i].value.serial, values[i].variable, &chunk->seen[values[i].place]))
            return CT_E_NOMEM;
    }
    out->size += (size_t)(at - start);
    return end_record(f, &f->values);
}

static uint64_t last_step(const ct_file *f) { return f->step_count ? f->step_count - 1 : 0; }

/* Chunks of calls.dat are compressed as they come: a call may have very many children. */
static ct_code
begin_calls(void *context, uint64_t size)
{
    ct_file *f = context;
    ZSTD_CCtx_reset(f->zstd, ZSTD_reset_session_only);
    size_t result = ZSTD_CCtx_setPledgedSrcSize(f->zstd, size);
    return ZSTD_isError(result) ? zstd_failed(f, result) : append_u64(f, f->calls_index, ct_ctfs_size(f->calls_data));
}

static ct_code
stream(ct_file *f, const void *bytes, size_t count, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = { count ? bytes : "", count, 0 };
    size_t left = 1;
    f->compressed.size = 0;
    uint8_t *at = ct_buffer_room(&f->compressed, STREAM_ROOM);
    if (!at)
        return CT_E_NOMEM;
    while (directive == ZSTD_e_end ? left > 0 : in.pos < in.size) {
        ZSTD_outBuffer out = { at, STREAM_ROOM, 0 };
        left = ZSTD_compressStream2(f->zstd, &out, &in, directive);
        if (ZSTD_isError(left))
            return zstd_failed(f, left);
        CT_TRY(ct_ctfs_append(&f->ctfs, f->calls_data, at, out.pos));
    }
    return CT_OK;
}

static ct_code write_calls(void *context, const void *bytes, size_t count) { return stream(context, bytes, count, ZSTD_e_continue); }
static ct_code end_calls(void *context) { return stream(context, NULL, 0, ZSTD_e_end); }

static ct_code
write_all_calls(ct_file *f)
{
    const ct_calls_sink sink = { .context = f, .begin = begin_calls, .write = write_calls, .end = end_calls };
    CT_TRY(ct_calls_finish(&f->call_spill, CALLS_CHUNK, &sink));
    ZSTD_CCtx_reset(f->zstd, ZSTD_reset_session_only);
    return CT_OK;
}

/* ---- the events.log half ---- */

static ct_code
flush_log(ct_file *f)
{
    uint8_t header[16];
    if (!f->log_count)
        return CT_OK;
    CT_TRY(compress(f, &f->log_chunk));
    if (f->compressed.size > UINT32_MAX)
        return ct_fail(f->error, CT_E_LIMIT, "an event is too big for the container", 0, 0);
    for (int i = 0; i < 4; i++) {
        header[i] = (uint8_t)(f->compressed.size >> (8 * i));
        header[4 + i] = (uint8_t)(f->log_count >> (8 * i));
    }
    for (int i = 0; i < 8; i++)
        header[8 + i] = (uint8_t)(f->log_first >> (8 * i));
    CT_TRY(ct_ctfs_append(&f->ctfs, f->log, header, sizeof header));
    CT_TRY(ct_ctfs_append(&f->ctfs, f->log, f->compressed.bytes, f->compressed.size));
    f->log_first += f->log_count;
    f->log_count = 0;
    empty_chunk(&f->log_chunk);
    empty(&f->compressed);
    return CT_OK;
}

static inline ct_code
end_log_events(ct_file *f, uint32_t count)
{
    f->log_count += count;
    if (__builtin_expect(f->log_chunk.raw.failed, 0))
        return CT_E_NOMEM;
    return f->log_chunk.raw.size >= LOG_CHUNK ? flush_log(f) : CT_OK;
}

static void
log_text(ct_file *f, ct_text text)
{
    ct_buffer_add_u32(&f->log_chunk.raw, (uint32_t)text.size);
    ct_buffer_add(&f->log_chunk.raw, text.bytes, text.size);
}

static inline uint8_t *
u32_at(uint8_t *at, size_t value)
{
    uint32_t little = (uint32_t)value;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    little = __builtin_bswap32(little);
#endif
    memcpy(at, &little, 4);
    return at + 4;
}

static inline uint8_t *
u64_at(uint8_t *at, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(at, &value, 8);
    return at + 8;
}

static ct_code
log_step(ct_file *f, uint32_t path, int64_t line, const ct_named_value *values, size_t count, seen *own)
{
    enum { STEP_SIZE = 17 };
    matched *chunk = &f->log_chunk;
    size_t room = STEP_SIZE;
    for (size_t i = 0; i < count; i++)
        room += 13 + values[i].value.size[FORM_LOG];
    uint8_t *at = ct_buffer_room(&f->log_chunk.raw, room), *start = at;
    if (!at)
        return CT_E_NOMEM;
    *at++ = 0;
    at = u64_at(at, path);
    at = u64_at(at, (uint64_t)line);
    if (count)
        CT_TRY(match_front(chunk, (size_t)(start - chunk->raw.bytes), STEP_SIZE, values[0].place));
    else if (!match(chunk, (size_t)(start - chunk->raw.bytes), STEP_SIZE, 0, 0, own))
        return CT_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = values[i].value.size[FORM_LOG];
        uint8_t *first = at;
        *at++ = 5;
        at = u64_at(at, values[i].variable);
        at = u32_at(at, bytes);
        memcpy(at, values[i].value.bytes[FORM_LOG], bytes);
        at += bytes;
        CT_TRY(room_for_places(&chunk->seen, &chunk->seen_count, values[i].place));
        if (!match(chunk, (size_t)(first - chunk->raw.bytes), (size_t)(at - first), values[i].value.serial, values[i].variable, &chunk->seen[values[i].place]))
            return CT_E_NOMEM;
    }
    f->log_chunk.raw.size += room;
    return end_log_events(f, 1 + (uint32_t)count);
}

/* ---- the sink ---- */

/* Lines of the file of that (clean) name, as far as the journal knows; by_column only. */
static ct_code
lines_of(ct_file *f, ct_text path, uint64_t *lines)
{
    ct_journal_counts counts;
    ct_journal_count(f->journal, &counts);
    *lines = LINES_PER_FILE;
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text known = ct_journal_path(f->journal, i), text;
        if (known.size != path.size || memcmp(known.bytes, path.bytes, path.size) != 0)
            continue;
        ct_code code = ct_journal_source(f->journal, i, &text, f->error);
        if (code != CT_OK && code != CT_END)
            return code;
        uint64_t found = 1;
        for (size_t k = 0; code == CT_OK && k < text.size; k++)
            found += text.bytes[k] == '\n';
        *lines = found > *lines ? found : *lines;
        for (uint32_t k = 0; k < counts.codes; k++) {
            const ct_code_info *info = ct_journal_code(f->journal, k);
            if (info->path == i && *lines < (uint64_t)info->first_line + LINES_PER_FILE && info->first_line >= LINES_PER_FILE / 2)
                *lines = (uint64_t)info->first_line + LINES_PER_FILE;
        }
    }
    return CT_OK;
}

/* Section 3: whether a line-only gli could spill into the next file. */
static ct_code
choose_positions(ct_file *f)
{
    ct_journal_counts counts;
    ct_journal_count(f->journal, &counts);
    for (uint32_t i = 0; i < counts.codes && !f->by_column; i++)
        f->by_column = ct_journal_code(f->journal, i)->first_line >= LINES_PER_FILE;
    for (uint32_t i = 0; i < counts.paths && !f->by_column; i++) {
        ct_text text;
        size_t lines = 1;
        ct_code code = ct_journal_source(f->journal, i, &text, f->error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        for (size_t k = 0; k < text.size; k++)
            lines += text.bytes[k] == '\n';
        f->by_column = lines >= LINES_PER_FILE;
    }
    return CT_OK;
}

static ct_code
add_column_path(ct_file *f, ct_text path)
{
    ct_buffer record = { 0 };
    size_t id = (size_t)f->path_count;
    if (id == f->base_capacity) {
        size_t capacity = id ? id * 2 : 16;
        uint64_t *bases = realloc(f->bases, capacity * sizeof *bases);
        f->bases = bases ? bases : f->bases;
        uint64_t *counts = realloc(f->line_counts, capacity * sizeof *counts);
        f->line_counts = counts ? counts : f->line_counts;
        if (!bases || !counts)
            return CT_E_NOMEM;
        f->base_capacity = capacity;
    }
    CT_TRY(lines_of(f, path, &f->line_counts[id]));
    f->bases[id] = id ? f->bases[id - 1] + f->line_counts[id - 1] : 0;
    ct_buffer_add_varint(&record, path.size);
    ct_buffer_add(&record, path.bytes, path.size);
    ct_buffer_add_varint(&record, f->line_counts[id]);
    for (uint64_t i = 0; i < f->line_counts[id]; i++)
        ct_buffer_add_byte(&record, i ? 0 : 2); /* the first length is 1, the others do not differ */
    ct_code code = record.failed ? CT_E_NOMEM : add_record(f, &f->paths, record.bytes, record.size);
    ct_buffer_free(&record);
    return code;
}

static ct_code
on_path(void *context, ct_text path)
{
    ct_file *f = context;
    CT_TRY(f->by_column ? add_column_path(f, path) : add_record(f, &f->paths, path.bytes, path.size));
    f->path_count++;
    ct_buffer_add_varint(&f->path_list, path.size);
    ct_buffer_add(&f->path_list, path.bytes, path.size);
    ct_buffer_add_byte(&f->log_chunk.raw, 1);
    log_text(f, path);
    return f->path_list.failed ? CT_E_NOMEM : end_log_events(f, 1);
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    ct_file *f = context;
    CT_TRY(add_record(f, &f->functions, name.bytes, name.size));
    ct_buffer_add_byte(&f->log_chunk.raw, 6);
    ct_buffer_add_u64(&f->log_chunk.raw, path);
    ct_buffer_add_u64(&f->log_chunk.raw, (uint64_t)line);
    log_text(f, name);
    return end_log_events(f, 1);
}

static ct_code
on_variable(void *context, ct_text name)
{
    ct_file *f = context;
    CT_TRY(add_record(f, &f->variables, name.bytes, name.size));
    ct_buffer_add_byte(&f->log_chunk.raw, 2);
    log_text(f, name);
    return end_log_events(f, 1);
}

/* A length that is known only behind what it counts. */
static size_t
open_length(ct_buffer *out)
{
    ct_buffer_add_u32(out, 0);
    return out->size;
}

static void
close_length(ct_buffer *out, size_t start)
{
    if (!out->failed)
        u32_at(out->bytes + start - 4, out->size - start);
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    ct_file *f = context;
    CT_TRY(add_record(f, &f->types, type->name.bytes, type->name.size));
    ct_buffer_add_byte(&f->log_chunk.raw, 4);
    size_t start = open_length(&f->log_chunk.raw);
    ct_encode_type(&f->log_chunk.raw, CT_FORM_V1, type);
    close_length(&f->log_chunk.raw, start);
    return end_log_events(f, 1);
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, const ct_named_value *values, size_t count)
{
    ct_file *f = context;
    CT_TRY(stream_step(f, path, line));
    CT_TRY(stream_values(f, values, count));
    return log_step(f, path, line, values, count, &f->log_bare_step);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    ct_file *f = context;
    f->arguments.size = 0;
    ct_buffer_add_varint(&f->arguments, count);
    for (size_t i = 0; i < count; i++) {
        ct_buffer_add_varint(&f->arguments, arguments[i].variable);
        ct_buffer_add_varint(&f->arguments, arguments[i].value.size[FORM_STREAMS]);
        ct_buffer_add(&f->arguments, arguments[i].value.bytes[FORM_STREAMS], arguments[i].value.size[FORM_STREAMS]);
    }
    if (f->arguments.failed)
        return CT_E_NOMEM;
    /* Its own step is the first of the call (section 5: the next step), as the loader has it for the other layout. */
    CT_TRY(ct_calls_enter(&f->call_spill, function, f->step_count, &f->arguments));
    CT_TRY(room_for_places(&f->log_calls, &f->log_call_count, 2 * (size_t)function + 1));
    if (own_step) {
        CT_TRY(stream_step(f, path, line));
        CT_TRY(stream_values(f, NULL, 0));
        CT_TRY(log_step(f, path, line, NULL, 0, &f->log_calls[2 * function]));
    }
    ct_buffer *out = &f->log_chunk.raw;
    size_t first = out->size; /* without its step, which may have ended a chunk */
    ct_buffer_add_byte(out, 7);
    ct_buffer_add_u64(out, function);
    size_t start = open_length(out);
    ct_cbor_put_head(out, 4, count);
    for (size_t i = 0; i < count; i++) {
        ct_buffer_add(out, "\xA2\x6B" "variable_id", 13);
        ct_cbor_put_head(out, 0, arguments[i].variable);
        ct_buffer_add(out, "\x65" "value", 6);
        ct_buffer_add(out, arguments[i].value.bytes[FORM_LOG], arguments[i].value.size[FORM_LOG]);
    }
    close_length(out, start);
    if (out->failed || !match(&f->log_chunk, first, out->size - first, 0, 0, &f->log_calls[2 * function + 1]))
        return CT_E_NOMEM;
    return end_log_events(f, 1);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    ct_file *f = context;
    CT_TRY(ct_calls_leave(&f->call_spill, last_step(f), value->bytes[FORM_STREAMS], value->size[FORM_STREAMS]));
    ct_buffer *out = &f->log_chunk.raw;
    size_t first = out->size;
    ct_buffer_add_byte(out, 8);
    ct_buffer_add_u32(out, (uint32_t)value->size[FORM_LOG]);
    ct_buffer_add(out, value->bytes[FORM_LOG], value->size[FORM_LOG]);
    if (out->failed || !match(&f->log_chunk, first, out->size - first, value->serial, 0, &f->log_leaves[value->size[FORM_LOG] % LEAVES]))
        return CT_E_NOMEM;
    return end_log_events(f, 1);
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    ct_file *f = context;
    ct_buffer *out = &f->events.chunk.raw;
    /* Write, WriteOther, Read; in the streams standard error is 12, or ct-print takes it for standard output (section 6). */
    uint8_t kind = stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 12 : 3;
    ct_buffer_add_varint(out, 1 + ct_varint_size(last_step(f)) + 1 + ct_varint_size(text.size) + text.size);
    ct_buffer_add_byte(out, kind);
    ct_buffer_add_varint(out, last_step(f));
    ct_buffer_add_varint(out, 0);
    ct_buffer_add_varint(out, text.size);
    ct_buffer_add(out, text.bytes, text.size);
    if (out->failed)
        return CT_E_NOMEM;
    CT_TRY(end_record(f, &f->events));
    ct_buffer_add_byte(&f->log_chunk.raw, 9);
    ct_buffer_add_byte(&f->log_chunk.raw, kind == 12 ? 2 : kind);
    ct_buffer_add_u32(&f->log_chunk.raw, 0);
    log_text(f, text);
    return end_log_events(f, 1);
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    ct_file *f = context;
    bool start = what == CT_LINEAR_THREAD_START, leave = what == CT_LINEAR_THREAD_EXIT;
    ct_buffer_add_byte(&f->steps.chunk.raw, start ? 5 : leave ? 6 : 4);
    ct_buffer_add_varint(&f->steps.chunk.raw, thread);
    if (f->steps.chunk.raw.failed)
        return CT_E_NOMEM;
    CT_TRY(end_step_record(f));
    CT_TRY(stream_values(f, NULL, 0)); /* a thread event counts as a step */
    ct_buffer_add_byte(&f->log_chunk.raw, start ? 20 : leave ? 21 : 22);
    ct_buffer_add_u64(&f->log_chunk.raw, thread);
    return end_log_events(f, 1);
}

/* ---- the container ---- */

static ct_code
start(ct_file *f)
{
    const struct { const char *name; ct_ctfs_file **file; } files[] = { /* by slot; calls.idx and meta.dat are written at the end */
        { "paths.dat", &f->paths.data }, { "paths.off", &f->paths.offsets }, { "funcs.dat", &f->functions.data },
        { "funcs.off", &f->functions.offsets }, { "types.dat", &f->types.data }, { "types.off", &f->types.offsets },
        { "varnames.dat", &f->variables.data }, { "varnames.off", &f->variables.offsets }, { "steps.dat", &f->steps.data },
        { "steps.idx", &f->steps.index }, { "values.dat", &f->values.data }, { "values.idx", &f->values.index },
        { "calls.dat", &f->calls_data }, { "events.dat", &f->events.data }, { "events.idx", &f->events.index },
        { "calls.idx", &f->calls_index }, { "meta.dat", &f->meta },
    };
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        CT_TRY(ct_ctfs_add(&f->ctfs, i, files[i].name, files[i].file));
    CT_TRY(ct_ctfs_add(&f->ctfs, 31, "events.log", &f->log));
    CT_TRY(ct_ctfs_add(&f->ctfs, 32, "events.fmt", &f->log_format));
    CT_TRY(ct_ctfs_add(&f->ctfs, 33, "meta.dat", &f->log_meta));
    CT_TRY(append_u64(f, f->paths.offsets, 0));
    CT_TRY(append_u64(f, f->functions.offsets, 0));
    CT_TRY(append_u64(f, f->types.offsets, 0));
    CT_TRY(append_u64(f, f->variables.offsets, 0));
    CT_TRY(start_chunked(f, &f->steps, STEPS_CHUNK));
    CT_TRY(start_chunked(f, &f->values, VALUES_CHUNK));
    CT_TRY(ct_ctfs_append(&f->ctfs, f->calls_index, "\x00\x01\x00\x00", 4)); /* CALLS_CHUNK */
    CT_TRY(start_chunked(f, &f->events, EVENTS_CHUNK));
    CT_TRY(ct_ctfs_append(&f->ctfs, f->log_format, "split-binary", 12));
    CT_TRY(ct_ctfs_append(&f->ctfs, f->log, "\xC0\xDE\x72\xAC\xE2\x01\x00\x00", 8));
    return choose_positions(f);
}

static void
meta_text(ct_buffer *out, ct_text text)
{
    ct_buffer cleaned = { 0 };
    ct_text_clean(&cleaned, (const uint8_t *)text.bytes, text.size, false);
    ct_buffer_add_varint(out, cleaned.size);
    ct_buffer_add(out, cleaned.bytes, cleaned.size);
    out->failed |= cleaned.failed;
    ct_buffer_free(&cleaned);
}

/* Section 7; `flags` of the one for events.log is 0. */
static ct_code
write_meta(ct_file *f, ct_ctfs_file *file, unsigned flags)
{
    char id[CT_TRACE_ID_SIZE + 1];
    ct_journal_counts counts;
    ct_buffer out = { 0 };
    uint64_t arguments = 0;
    ct_journal_count(f->journal, &counts);
    ct_trace_id_text(ct_journal_id(f->journal), id);
    ct_buffer_add(&out, "CTMD\x03\x00", 6);
    ct_buffer_add_byte(&out, (uint8_t)flags);
    ct_buffer_add_byte(&out, (uint8_t)(flags >> 8));
    ct_buffer_add_varint(&out, CT_TRACE_ID_SIZE);
    ct_buffer_add(&out, id, CT_TRACE_ID_SIZE);
    meta_text(&out, ct_journal_meta_value(f->journal, "program"));
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < counts.metas; i++) {
            const ct_meta_info *meta = ct_journal_meta(f->journal, i);
            if (!meta || meta->key.size != 3 || memcmp(meta->key.bytes, "arg", 3) != 0)
                continue;
            if (pass == 0)
                arguments++;
            else
                meta_text(&out, meta->value);
        }
        if (pass == 0)
            ct_buffer_add_varint(&out, arguments);
    }
    meta_text(&out, ct_journal_meta_value(f->journal, "workdir"));
    ct_buffer_add_byte(&out, 0); /* recorder_id: always empty */
    ct_buffer_add_varint(&out, f->path_count);
    ct_buffer_add(&out, f->path_list.bytes, f->path_list.size);
    ct_code code = out.failed ? CT_E_NOMEM : ct_ctfs_append(&f->ctfs, file, out.bytes, out.size);
    ct_buffer_free(&out);
    return code;
}

static ct_code
finish(ct_file *f, uint64_t *bytes)
{
    CT_TRY(flush_chunk(f, &f->steps));
    CT_TRY(flush_chunk(f, &f->values));
    CT_TRY(flush_chunk(f, &f->events));
    CT_TRY(write_all_calls(f));
    CT_TRY(flush_log(f));
    CT_TRY(write_meta(f, f->meta, f->by_column ? 0x0F10 : 0x0F00));
    CT_TRY(write_meta(f, f->log_meta, 0));
    return ct_ctfs_finish(&f->ctfs, bytes);
}

static ct_code
write_all(ct_file *f, const char *path, const ct_export_options *options, ct_export_result *result)
{
    const ct_linear_sink sink = {
        .context = f, .form_count = 2, .forms = { [FORM_LOG] = CT_FORM_V1, [FORM_STREAMS] = CT_FORM_NIM }, .nesting = NIM_NESTING,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    f->zstd = ZSTD_createCCtx();
    if (!f->zstd)
        return CT_E_NOMEM;
    ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_windowLog, WINDOW_LOG);
    CT_TRY(ct_calls_start(&f->call_spill, path, f->error));
    CT_TRY(start(f));
    CT_TRY(ct_linear_run(f->journal, options, &sink, result, f->error));
    return finish(f, &result->bytes);
}

static void
release(ct_file *f)
{
    ct_buffer *buffers[] = { &f->arguments, &f->compressed, &f->path_list };
    matched *chunks[] = { &f->steps.chunk, &f->values.chunk, &f->events.chunk, &f->log_chunk };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        ct_buffer_free(buffers[i]);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        free_chunk(chunks[i]);
    free(f->log_calls);
    ct_calls_free(&f->call_spill);
    ct_ctfs_abandon(&f->ctfs);
    free(f->bases);
    free(f->line_counts);
    ZSTD_freeCCtx(f->zstd);
}

ct_code
ct_export_ct(ct_journal *journal, const char *path, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    ct_export_result own_result;
    ct_error own_error;
    if (!journal || !path)
        return ct_fail(error, CT_E_PARAM, "ct_export_ct needs a journal and a path", 0, 0);
    result = result ? result : &own_result;
    error = error ? error : &own_error;
    *result = (ct_export_result){ 0 };
    *error = (ct_error){ 0 };
    ct_file f = { .journal = journal, .error = error, .call_spill = { .entries.file = -1, .returns.file = -1, .ends.file = -1 } };
    CT_TRY(ct_ctfs_create(&f.ctfs, path, error)); /* when it fails, the file there is not ours to remove */
    ct_code code = write_all(&f, path, options, result);
    if (code != CT_OK) {
        unlink(path);
        if (error->code != code)
            ct_fail(error, code, code == CT_E_NOMEM ? "no memory" : "the export failed", 0, 0);
    }
    release(&f);
    return code;
}
