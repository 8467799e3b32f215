/* ct_export_ct: one container with two layouts (ctfs.md section 11), for each of CodeTracer's readers the one it reads best.
 *
 *   slots 0-16    the multi-stream layout (sections 2-7): all that ct-print sees
 *   slots 31-33   events.log, events.fmt and a second meta.dat (section 8): what the replay server takes
 *
 * Invariant: every zstd frame is whole, has its content size (readers refuse others) and a checksum. Memory holds one chunk per stream.
 */
#include <unistd.h>
#include <zstd.h>

#include "codetracer/export.h"
#include "formats/calls.h"
#include "formats/ctfs.h"
#include "formats/linear.h"
#include "formats/snapshots.h"
#include "formats/text.h"
#include "formats/trace_id.h"

enum {
    NIM_NESTING = 32,              /* ctfs.md section 4.1 */
    LINES_PER_FILE = 100000,       /* section 3: line-only gli */
    STEPS_CHUNK = 4096, VALUES_CHUNK = 2048, CALLS_CHUNK = 2048, EVENTS_CHUNK = 64,
    LOG_CHUNK = 512 * 1024,        /* raw bytes of events.log in a frame */
    STREAM_ROOM = 128 * 1024,
    LEAVES = 64,
};

enum { FORM_LOG, FORM_STREAMS };   /* places in ct_encoded */

/* Section 2.1 */
typedef struct table {
    ct_ctfs_file *data, *offsets;
} table;

/* Section 2.2 */
typedef struct chunked {
    ct_ctfs_file *data, *index;
    ct_chunk chunk;
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
    ct_linear *linear;
    ct_snapshots stream_snapshots, log_snapshots;
    uint64_t log_path, log_line;   /* of the step at hand */
    ct_chunk log_chunk;
    ct_standing *log_calls;        /* two for each function: its call (with its own step) without arguments, and with */
    size_t log_call_count;
    ct_standing log_leaves[LEAVES]; /* by size */
    ct_standing log_bare_step;     /* a step without variables */
    uint32_t log_count;            /* events in log_chunk */
    uint64_t log_first;            /* number of the first of them */
    ct_error *error;
} ct_file;

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
    f->compressed.size = 0;
    CT_TRY(ct_chunk_compress(&c->chunk, f->zstd, &f->compressed, f->error));
    CT_TRY(ct_ctfs_append(&f->ctfs, c->data, f->compressed.bytes, f->compressed.size));
    ct_chunk_empty(&c->chunk);
    ct_buffer_empty(&f->compressed);
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
static uint8_t *
stream_front(void *context, uint8_t *at, size_t count, size_t size)
{
    (void)context;
    at = ct_put_varint_at(at, 1 + ct_varint_size(count) + size);
    *at++ = 0;
    return ct_put_varint_at(at, count);
}

static uint8_t *stream_head(uint8_t *at, uint32_t variable, size_t size) { return ct_put_varint_at(ct_put_varint_at(at, variable), size); }
static size_t stream_head_size(uint32_t variable, size_t size) { return ct_varint_size(variable) + ct_varint_size(size); }

static ct_code
stream_values(ct_file *f, ct_named_value *values, size_t count)
{
    if (count)
        CT_TRY(ct_snapshots_put(&f->stream_snapshots, f->linear, &f->values.chunk, values, count));
    else {
        ct_buffer_add_byte(&f->values.chunk.raw, 0);
        if (f->values.chunk.raw.failed)
            return CT_E_NOMEM;
    }
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
    return ZSTD_isError(result) ? ct_chunk_failed(result, f->error) : append_u64(f, f->calls_index, ct_ctfs_size(f->calls_data));
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
            return ct_chunk_failed(left, f->error);
        CT_TRY(ct_ctfs_append(&f->ctfs, f->calls_data, at, out.pos));
    }
    return CT_OK;
}

static ct_code write_calls(void *context, const void *bytes, size_t count) { return stream(context, bytes, count, ZSTD_e_continue); }
static ct_code
end_calls(void *context)
{
    ct_file *f = context;
    CT_TRY(stream(f, NULL, 0, ZSTD_e_end));
    ZSTD_CCtx_reset(f->zstd, ZSTD_reset_session_only);
    return CT_OK;
}

static ct_code
write_all_calls(ct_file *f)
{
    const ct_calls_sink sink = { .context = f, .begin = begin_calls, .write = write_calls, .end = end_calls };
    return ct_calls_finish(&f->call_spill, CALLS_CHUNK, &sink);
}

/* ---- the events.log half ---- */

static ct_code
flush_log(ct_file *f)
{
    uint8_t header[16];
    if (!f->log_count)
        return CT_OK;
    f->compressed.size = 0;
    CT_TRY(ct_chunk_compress(&f->log_chunk, f->zstd, &f->compressed, f->error));
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
    ct_chunk_empty(&f->log_chunk);
    ct_buffer_empty(&f->compressed);
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

enum { LOG_STEP = 17, LOG_HEAD = 13 };

static uint8_t *
log_front(void *context, uint8_t *at, size_t count, size_t size)
{
    const ct_file *f = context;
    (void)count;
    (void)size;
    *at++ = 0;
    return u64_at(u64_at(at, f->log_path), f->log_line);
}

static uint8_t *
log_head(uint8_t *at, uint32_t variable, size_t size)
{
    *at++ = 5;
    return u32_at(u64_at(at, variable), size);
}

static size_t
log_head_size(uint32_t variable, size_t size)
{
    (void)variable;
    (void)size;
    return LOG_HEAD;
}

/* A step with its values; without any it looks like *bare. */
static ct_code
log_step(ct_file *f, uint32_t path, int64_t line, ct_named_value *values, size_t count, ct_standing *bare)
{
    f->log_path = path;
    f->log_line = (uint64_t)line;
    if (count)
        CT_TRY(ct_snapshots_put(&f->log_snapshots, f->linear, &f->log_chunk, values, count));
    else {
        uint8_t *at = ct_buffer_room(&f->log_chunk.raw, LOG_STEP);
        if (!at)
            return CT_E_NOMEM;
        log_front(f, at, 0, 0);
        if (!ct_chunk_match_again(&f->log_chunk, f->log_chunk.raw.size, LOG_STEP, bare))
            return CT_E_NOMEM;
        f->log_chunk.raw.size += LOG_STEP;
    }
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
on_step(void *context, uint32_t path, int64_t line, ct_named_value *values, size_t count)
{
    ct_file *f = context;
    CT_TRY(stream_step(f, path, line));
    CT_TRY(stream_values(f, values, count));
    return log_step(f, path, line, values, count, &f->log_bare_step);
}

static ct_code
room_for_calls(ct_file *f, size_t function)
{
    if (__builtin_expect(2 * function + 1 < f->log_call_count, 1))
        return CT_OK;
    size_t wanted = f->log_call_count ? f->log_call_count : 256;
    while (wanted <= 2 * function + 1)
        wanted *= 2;
    ct_standing *bigger = realloc(f->log_calls, wanted * sizeof *bigger);
    if (!bigger)
        return CT_E_NOMEM;
    memset(bigger + f->log_call_count, 0, (wanted - f->log_call_count) * sizeof *bigger);
    f->log_calls = bigger;
    f->log_call_count = wanted;
    return CT_OK;
}

/* The call's own step, when it has one, and the call. Of a call without arguments all bytes are the same each time. */
static ct_code
log_call(ct_file *f, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    enum { CALL_FRONT = 1 + 8 + 4 + 9, ARGUMENT_FRONT = 13 + 9 + 6 };
    ct_standing *last = &f->log_calls[2 * (size_t)function + (count != 0)];
    ct_buffer *out = &f->log_chunk.raw;
    size_t first = out->size, room = LOG_STEP + CALL_FRONT, step_size = own_step ? LOG_STEP : 0;
    for (size_t i = 0; i < count; i++)
        room += ARGUMENT_FRONT + arguments[i].value.size[FORM_LOG];
    uint8_t *at = ct_buffer_room(out, room), *start = at;
    if (!at)
        return CT_E_NOMEM;
    if (!count && last->size && own_step && ct_chunk_reaches(&f->log_chunk, first, last->at)) {
        size_t there = (size_t)(last->at - f->log_chunk.base);
        memcpy(at, out->bytes + there, last->size);
        if (!ct_chunk_add_match(&f->log_chunk, first, last->size, first - there))
            return CT_E_NOMEM;
        last->at = f->log_chunk.base + first;
        out->size += last->size;
        return end_log_events(f, 2);
    }
    if (own_step) {
        f->log_path = path;
        f->log_line = (uint64_t)line;
        at = log_front(f, at, 0, 0);
    }
    *at++ = 7;
    at = u64_at(at, function);
    uint8_t *length = at;
    at = ct_cbor_head_at(at + 4, 4, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, "\xA2\x6B" "variable_id", 13);
        at = ct_cbor_head_at(at + 13, 0, arguments[i].variable);
        memcpy(at, "\x65" "value", 6);
        memcpy(at + 6, arguments[i].value.bytes[FORM_LOG], arguments[i].value.size[FORM_LOG]);
        at += 6 + arguments[i].value.size[FORM_LOG];
    }
    u32_at(length, (size_t)(at - length) - 4);
    size_t size = (size_t)(at - start);
    if (size - step_size > UINT32_MAX || !ct_chunk_match_again(&f->log_chunk, first, size, last))
        return CT_E_NOMEM;
    out->size += size;
    return end_log_events(f, own_step ? 2 : 1);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments, size_t count)
{
    ct_file *f = context;
    f->arguments.size = 0;
    ct_buffer_add_varint(&f->arguments, count);
    for (size_t i = 0; i < count; i++) {
        if (!arguments[i].encoded)
            CT_TRY(ct_linear_encode(f->linear, &arguments[i]));
        ct_buffer_add_varint(&f->arguments, arguments[i].variable);
        ct_buffer_add_varint(&f->arguments, arguments[i].value.size[FORM_STREAMS]);
        ct_buffer_add(&f->arguments, arguments[i].value.bytes[FORM_STREAMS], arguments[i].value.size[FORM_STREAMS]);
    }
    if (f->arguments.failed)
        return CT_E_NOMEM;
    /* Its own step is the first of the call (section 5: the next step), as the loader has it for the other layout. */
    CT_TRY(ct_calls_enter(&f->call_spill, function, f->step_count, &f->arguments));
    CT_TRY(room_for_calls(f, function));
    if (own_step) {
        CT_TRY(stream_step(f, path, line));
        CT_TRY(stream_values(f, NULL, 0));
    }
    return log_call(f, function, path, line, own_step, arguments, count);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    ct_file *f = context;
    CT_TRY(ct_calls_leave(&f->call_spill, last_step(f), value->bytes[FORM_STREAMS], value->size[FORM_STREAMS]));
    ct_buffer *out = &f->log_chunk.raw;
    size_t first = out->size, size = value->size[FORM_LOG];
    uint8_t *at = ct_buffer_room(out, 5 + size);
    if (!at || size > UINT32_MAX)
        return CT_E_NOMEM;
    *at++ = 8;
    memcpy(u32_at(at, size), value->bytes[FORM_LOG], size);
    out->size += 5 + size;
    if (!ct_chunk_match_again(&f->log_chunk, first, 5 + size, &f->log_leaves[size % LEAVES]))
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
    CT_TRY(ct_ctfs_append(&f->ctfs, f->calls_index, "\x00\x08\x00\x00", 4)); /* CALLS_CHUNK */
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

static void
take_encoder(void *context, ct_linear *linear)
{
    ct_file *f = context;
    f->linear = linear;
}

static ct_code
write_all(ct_file *f, const char *path, const ct_export_options *options, ct_export_result *result)
{
    const ct_linear_sink sink = {
        .context = f, .form_count = 2, .forms = { [FORM_LOG] = CT_FORM_V1, [FORM_STREAMS] = CT_FORM_NIM }, .nesting = NIM_NESTING, .encoder = take_encoder,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    f->zstd = ct_chunk_compressor();
    if (!f->zstd)
        return CT_E_NOMEM;
    f->stream_snapshots = (ct_snapshots){ .form = FORM_STREAMS, .front = stream_front, .head = stream_head, .head_size = stream_head_size };
    f->log_snapshots = (ct_snapshots){ .form = FORM_LOG, .front = log_front, .head = log_head, .head_size = log_head_size, .context = f };
    CT_TRY(ct_calls_start(&f->call_spill, path, f->error));
    CT_TRY(start(f));
    CT_TRY(ct_linear_run(f->journal, options, &sink, result, f->error));
    return finish(f, &result->bytes);
}

static void
release(ct_file *f)
{
    ct_buffer *buffers[] = { &f->arguments, &f->compressed, &f->path_list };
    ct_chunk *chunks[] = { &f->steps.chunk, &f->values.chunk, &f->events.chunk, &f->log_chunk };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        ct_buffer_free(buffers[i]);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
        ct_chunk_free(chunks[i]);
    ct_snapshots_free(&f->stream_snapshots);
    ct_snapshots_free(&f->log_snapshots);
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
    CT_TRY(ct_ctfs_create(&f.ctfs, path, ct_journal_allocator(journal), error)); /* when it fails, the file there is not ours to remove */
    ct_code code = write_all(&f, path, options, result);
    if (code != CT_OK) {
        unlink(path);
        if (error->code != code)
            ct_fail(error, code, code == CT_E_NOMEM ? "no memory" : "the export failed", 0, 0);
    }
    release(&f);
    return code;
}
