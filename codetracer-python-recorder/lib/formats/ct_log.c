/* See ct_log.h: events.log (ctfs.md section 8), written and read.
 *
 * Written are split-binary events, values in the form of the Rust crates. Read are split-binary, or CBOR as in V1; they lie in chunks (a header and a zstd
 * frame each), in zstd frames alone, or, CBOR only, as they are; the eight bytes in front are the Rust writer's. Invariant of reading: an event is handed on
 * when it is there as a whole. What is cut or damaged ends the log, and ct_reading.problem says where.
 */
#include "formats/ct_log.h"

#include <zstd.h>

#include "formats/cbor_read.h"
#include "formats/ct_reading.h"

enum {
    /* Raw bytes in a frame that is written. It begins with whole snapshots, so it ends only when it has enough steps to be worth them, or is large. */
    LOG_CHUNK = 512 * 1024, LOG_CHUNK_STEPS = 2048, LOG_CHUNK_MOST = 16 * 1024 * 1024,
    PIECE = 256 * 1024,            /* of CBOR that is read */
    PREFIX = 8, CHUNK_HEADER = 16,
};

/* What an event begins with. */
enum {
    STEP, PATH, VARIABLE_NAME, VARIABLE, TYPE, VALUE, FUNCTION, CALL, RETURN, EVENT, ASM, BIND_VARIABLE, ASSIGNMENT, DROP_VARIABLES, COMPOUND_VALUE, CELL_VALUE,
    ASSIGN_COMPOUND_ITEM, ASSIGN_CELL, VARIABLE_CELL, DROP_VARIABLE, THREAD_START, THREAD_EXIT, THREAD_SWITCH, DROP_LAST_STEP,
};

static ct_code
flush(ct_log *log)
{
    uint8_t header[16];
    if (!log->count)
        return CT_OK;
    log->compressed->size = 0;
    CT_TRY(ct_chunk_compress(&log->chunk, log->zstd, log->compressed, log->error));
    if (log->compressed->size > UINT32_MAX)
        return ct_fail(log->error, CT_E_LIMIT, "an event is too big for the container", 0, 0);
    for (int i = 0; i < 4; i++) {
        header[i] = (uint8_t)(log->compressed->size >> (8 * i));
        header[4 + i] = (uint8_t)(log->count >> (8 * i));
    }
    for (int i = 0; i < 8; i++)
        header[8 + i] = (uint8_t)(log->first >> (8 * i));
    CT_TRY(ct_ctfs_append(log->ctfs, log->file, header, sizeof header));
    CT_TRY(ct_ctfs_append(log->ctfs, log->file, log->compressed->bytes, log->compressed->size));
    log->first += log->count;
    log->count = log->chunk_steps = 0;
    ct_chunk_empty(&log->chunk);
    ct_buffer_empty(log->compressed);
    return CT_OK;
}

static inline ct_code
end_events(ct_log *log, uint32_t count)
{
    log->count += count;
    if (__builtin_expect(log->chunk.raw.failed, 0))
        return CT_E_NOMEM;
    if (log->chunk.raw.size < LOG_CHUNK || (log->chunk_steps < LOG_CHUNK_STEPS && log->chunk.raw.size < LOG_CHUNK_MOST))
        return CT_OK;
    return flush(log);
}

static void
put_text(ct_log *log, ct_text text)
{
    ct_buffer_add_u32(&log->chunk.raw, (uint32_t)text.size);
    ct_buffer_add(&log->chunk.raw, text.bytes, text.size);
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
    const ct_log *log = context;
    (void)count;
    (void)size;
    *at++ = STEP;
    return u64_at(u64_at(at, log->path), log->line);
}

static uint8_t *
log_head(uint8_t *at, uint32_t variable, size_t size)
{
    *at++ = VALUE;
    return u32_at(u64_at(at, variable), size);
}

static size_t
log_head_size(uint32_t variable, size_t size)
{
    (void)variable;
    (void)size;
    return LOG_HEAD;
}

ct_code
ct_log_step(ct_log *log, uint32_t path, int64_t line, ct_named_value *values, size_t count)
{
    log->path = path;
    log->line = (uint64_t)line;
    log->chunk_steps++;
    if (count)
        CT_TRY(ct_snapshots_put(&log->snapshots, log->linear, &log->chunk, values, count));
    else {
        uint8_t *at = ct_buffer_room(&log->chunk.raw, LOG_STEP);
        if (!at)
            return CT_E_NOMEM;
        log_front(log, at, 0, 0);
        if (!ct_chunk_match_again(&log->chunk, log->chunk.raw.size, LOG_STEP, &log->bare_step))
            return CT_E_NOMEM;
        log->chunk.raw.size += LOG_STEP;
    }
    return end_events(log, 1 + (uint32_t)count);
}

ct_code
ct_log_path(ct_log *log, ct_text path)
{
    ct_buffer_add_byte(&log->chunk.raw, PATH);
    put_text(log, path);
    return end_events(log, 1);
}

ct_code
ct_log_function(ct_log *log, uint32_t path, int64_t line, ct_text name)
{
    ct_buffer_add_byte(&log->chunk.raw, FUNCTION);
    ct_buffer_add_u64(&log->chunk.raw, path);
    ct_buffer_add_u64(&log->chunk.raw, (uint64_t)line);
    put_text(log, name);
    return end_events(log, 1);
}

ct_code
ct_log_variable(ct_log *log, ct_text name)
{
    ct_buffer_add_byte(&log->chunk.raw, VARIABLE_NAME);
    put_text(log, name);
    return end_events(log, 1);
}

ct_code
ct_log_type(ct_log *log, const ct_type_definition *type)
{
    ct_buffer *out = &log->chunk.raw;
    ct_buffer_add_byte(out, TYPE);
    ct_buffer_add_u32(out, 0); /* its length, known only behind it */
    size_t start = out->size;
    ct_encode_type(out, CT_FORM_V1, type);
    if (!out->failed)
        u32_at(out->bytes + start - 4, out->size - start);
    return end_events(log, 1);
}

static ct_code
room_for_calls(ct_log *log, size_t function)
{
    if (__builtin_expect(2 * function + 1 < log->call_count, 1))
        return CT_OK;
    size_t wanted = log->call_count ? log->call_count : 256;
    while (wanted <= 2 * function + 1)
        wanted *= 2;
    ct_standing *bigger = ct_resize(log->ctfs->allocator, log->calls, wanted * sizeof *bigger);
    if (!bigger)
        return CT_E_NOMEM;
    memset(bigger + log->call_count, 0, (wanted - log->call_count) * sizeof *bigger);
    log->calls = bigger;
    log->call_count = wanted;
    return CT_OK;
}

enum { ARGUMENT_NAME = 13, ARGUMENT_VALUE = 6 };

static size_t
argument_size(const ct_log *log, const ct_named_value *argument)
{
    uint8_t head[9];
    return ARGUMENT_NAME + (size_t)(ct_cbor_head_at(head, 0, argument->variable) - head) + ARGUMENT_VALUE + argument->value.size[log->form];
}

/* The matches of a call's `size` bytes at raw position `first`; its arguments are at their end. */
static bool
match_call(ct_log *log, size_t first, size_t size, const ct_named_value *arguments, size_t count, ct_standing *last)
{
    size_t at = first, behind = first + size, position = behind;
    ct_standing before = *last, old = before;
    for (size_t i = 0; i < count; i++)
        position -= argument_size(log, &arguments[i]);
    for (size_t i = 0; i < count; i++) { /* a large value with what is in front of it */
        position += argument_size(log, &arguments[i]);
        size_t value_size = arguments[i].value.size[log->form];
        if (value_size <= CT_SMALL_VALUE)
            continue;
        if (!ct_snapshots_match(&log->chunk, log->form, at, position - value_size - at, &arguments[i].value, old))
            return false;
        at = position;
        old = before.size > at - first ? (ct_standing){ before.at + (at - first), before.size - (at - first) } : (ct_standing){ 0 };
    }
    *last = (ct_standing){ log->chunk.base + first, size };
    return at == behind || ct_chunk_match(&log->chunk, at, behind - at, old);
}

/* Of a call without arguments all bytes are the same each time. */
ct_code
ct_log_call(ct_log *log, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    enum { CALL_FRONT = 1 + 8 + 4 + 9 };
    CT_TRY(room_for_calls(log, function));
    /* The first call of <toplevel> has no step; one behind it may. */
    ct_standing once = {0}, *last = own_step ? &log->calls[2 * (size_t)function + (count != 0)] : &once;
    ct_buffer *out = &log->chunk.raw;
    size_t first = out->size, room = LOG_STEP + CALL_FRONT, step_size = own_step ? LOG_STEP : 0;
    for (size_t i = 0; i < count; i++)
        room += argument_size(log, &arguments[i]);
    uint8_t *at = ct_buffer_room(out, room), *start = at;
    if (!at)
        return CT_E_NOMEM;
    if (!count && last->size && ct_chunk_reaches(&log->chunk, first, last->at)) {
        size_t there = (size_t)(last->at - log->chunk.base);
        memcpy(at, out->bytes + there, last->size);
        if (!ct_chunk_add_match(&log->chunk, first, last->size, first - there))
            return CT_E_NOMEM;
        last->at = log->chunk.base + first;
        out->size += last->size;
        return end_events(log, 2);
    }
    if (own_step) {
        log->path = path;
        log->line = (uint64_t)line;
        at = log_front(log, at, 0, 0);
    }
    *at++ = CALL;
    at = u64_at(at, function);
    uint8_t *length = at;
    at = ct_cbor_head_at(at + 4, 4, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, "\xA2\x6B" "variable_id", ARGUMENT_NAME);
        at = ct_cbor_head_at(at + ARGUMENT_NAME, 0, arguments[i].variable);
        memcpy(at, "\x65" "value", ARGUMENT_VALUE);
        memcpy(at + ARGUMENT_VALUE, arguments[i].value.bytes[log->form], arguments[i].value.size[log->form]);
        at += ARGUMENT_VALUE + arguments[i].value.size[log->form];
    }
    u32_at(length, (size_t)(at - length) - 4);
    size_t size = (size_t)(at - start);
    if (size - step_size > UINT32_MAX)
        return ct_fail(log->error, CT_E_LIMIT, "an event is too big for the container", 0, 0);
    if (!match_call(log, first, size, arguments, count, last))
        return CT_E_NOMEM;
    out->size += size;
    return end_events(log, own_step ? 2 : 1);
}

ct_code
ct_log_leave(ct_log *log, const ct_encoded *value)
{
    ct_buffer *out = &log->chunk.raw;
    size_t first = out->size, size = value->size[log->form];
    uint8_t *at = ct_buffer_room(out, 5 + size);
    if (!at || size > UINT32_MAX)
        return CT_E_NOMEM;
    *at++ = RETURN;
    memcpy(u32_at(at, size), value->bytes[log->form], size);
    out->size += 5 + size;
    ct_standing *last = &log->leaves[size % CT_LOG_LEAVES];
    if (size > CT_SMALL_VALUE ? !ct_snapshots_match(&log->chunk, log->form, first, 5, value, *last) : !ct_chunk_match(&log->chunk, first, 5 + size, *last))
        return CT_E_NOMEM;
    *last = (ct_standing){ log->chunk.base + first, 5 + size };
    return end_events(log, 1);
}

ct_code
ct_log_output(ct_log *log, enum ct_stream_number stream, ct_text text)
{
    ct_buffer *out = &log->chunk.raw;
    ct_buffer_add_byte(out, EVENT);
    ct_buffer_add_byte(out, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
    ct_buffer_add_u32(out, 0); /* no metadata */
    put_text(log, text);
    return end_events(log, 1);
}

ct_code
ct_log_thread(ct_log *log, enum ct_linear_thread what, uint64_t thread)
{
    ct_buffer_add_byte(&log->chunk.raw, what == CT_LINEAR_THREAD_START ? THREAD_START
                                      : what == CT_LINEAR_THREAD_EXIT ? THREAD_EXIT : THREAD_SWITCH);
    ct_buffer_add_u64(&log->chunk.raw, thread);
    return end_events(log, 1);
}

ct_code
ct_log_start(ct_log *log, unsigned slot)
{
    ct_ctfs_file *format;
    log->snapshots = (ct_snapshots){ .form = log->form, .front = log_front, .head = log_head, .head_size = log_head_size, .context = log,
                                       .allocator = log->ctfs->allocator };
    log->chunk.raw.allocator = log->ctfs->allocator;
    CT_TRY(ct_ctfs_add(log->ctfs, slot, "events.log", &log->file));
    CT_TRY(ct_ctfs_add(log->ctfs, slot + 1, "events.fmt", &format));
    CT_TRY(ct_ctfs_append(log->ctfs, format, "split-binary", 12));
    return ct_ctfs_append(log->ctfs, log->file, "\xC0\xDE\x72\xAC\xE2\x01\x00\x00", 8);
}

ct_code ct_log_finish(ct_log *log) { return flush(log); }

void
ct_log_free(ct_log *log)
{
    ct_chunk_free(&log->chunk);
    ct_snapshots_free(&log->snapshots);
    ct_free(log->ctfs->allocator, log->calls);
}

/* ---- reading: split-binary ---- */

typedef enum layout { CHUNKS, FRAMES, BARE } layout;

static const ct_stream_words WORDS = CT_STREAM_WORDS("events.log");
static const char WRONG_COUNT[] = "a chunk of events.log holds more events than its header counts: what follows is lost";
static const char NO_EVENT[] = "what stands here in events.log is no event, or its value breaks the format";

typedef struct log_in {
    ct_reading *r;
    ct_inner *file;
    bool is_cbor;
    layout layout;
    uint64_t position;             /* in the file */
    uint64_t chunk;                /* number of the next one */
    ct_frames frames;
    ct_buffer pending;             /* CBOR: what is not handed on yet */
} log_in;

static uint64_t
take(ct_input *in, size_t bytes)
{
    const uint8_t *at = ct_take_bytes(in, bytes);
    return at ? ct_load_number(at, bytes) : 0;
}

static ct_text
take_string(ct_input *in)
{
    uint64_t size = take(in, 4);
    const uint8_t *bytes = ct_take_bytes(in, size);
    return bytes ? (ct_text){(const char *)bytes, (size_t)size} : (ct_text){"", 0};
}

/* `u32 length, CBOR` as an input of its own. */
static ct_input
take_cbor(ct_input *in)
{
    ct_text bytes = take_string(in);
    return (ct_input){(const uint8_t *)bytes.bytes, (const uint8_t *)bytes.bytes + bytes.size, in->bad};
}

static ct_code
on_type(ct_reading *r, ct_input *in)
{
    ct_input body = take_cbor(in);
    ct_code code = ct_cbor_type(r->sink, &body);
    in->bad = in->bad || body.bad;
    return code;
}

static ct_code
on_call(ct_reading *r, ct_input *in)
{
    uint64_t function = take(in, 8);
    ct_input body = take_cbor(in);
    CT_TRY(ct_cbor_arguments(r->sink, &r->tree, &body));
    in->bad = in->bad || body.bad;
    return in->bad ? CT_OK : r->sink->call(r->sink->context, function);
}

static ct_code
on_value(ct_reading *r, ct_input *in, bool returned)
{
    uint64_t variable = returned ? 0 : take(in, 8);
    ct_input body = take_cbor(in);
    size_t node = ct_cbor_take_value(&r->tree, &body);
    in->bad = in->bad || body.bad;
    if (in->bad)
        return CT_OK;
    if (!node)
        return CT_E_NOMEM;
    return returned ? r->sink->returned(r->sink->context, &r->tree, node) : r->sink->value(r->sink->context, variable, &r->tree, node);
}

static ct_code
on_other(const ct_reading *r, const ct_input *in, const char *kind)
{
    return in->bad || !r->sink->other ? CT_OK : r->sink->other(r->sink->context, kind);
}

static ct_code
on_event(ct_reading *r, ct_input *in)
{
    const ct_stream_sink *sink = r->sink;
    uint64_t number, count;
    ct_text text, metadata;
    uint64_t tag = take(in, 1);
    switch (tag) {
    case STEP:
        number = take(in, 8);
        count = take(in, 8);
        return in->bad ? CT_OK : sink->step(sink->context, number, (int64_t)count, 0);
    case PATH:
        text = take_string(in);
        return in->bad ? CT_OK : sink->path(sink->context, text.bytes, text.size);
    case VARIABLE_NAME:
    case VARIABLE:
        text = take_string(in);
        return in->bad ? CT_OK : sink->variable(sink->context, text.bytes, text.size);
    case TYPE: return on_type(r, in);
    case VALUE: return on_value(r, in, false);
    case FUNCTION:
        number = take(in, 8);
        count = take(in, 8);
        text = take_string(in);
        return in->bad ? CT_OK : sink->function(sink->context, number, (int64_t)count, text.bytes, text.size);
    case CALL: return on_call(r, in);
    case RETURN: return on_value(r, in, true);
    case EVENT:
        number = take(in, 1);
        metadata = take_string(in);
        text = take_string(in);
        return in->bad ? CT_OK : sink->event(sink->context, number, metadata.bytes, metadata.size, text.bytes, text.size);
    case ASM:
        for (count = take(in, 4); count > 0 && !in->bad; count--)
            take_string(in);
        return on_other(r, in, "Asm");
    case BIND_VARIABLE: ct_take_bytes(in, 16); return on_other(r, in, "BindVariable");
    case ASSIGNMENT: take_string(in); return on_other(r, in, "Assignment");
    case DROP_VARIABLES: ct_take_bytes(in, take(in, 4) * 8); return on_other(r, in, "DropVariables");
    case COMPOUND_VALUE:
    case CELL_VALUE:
    case ASSIGN_CELL:
        ct_take_bytes(in, 8);
        take_string(in);
        return on_other(r, in, tag == COMPOUND_VALUE ? "CompoundValue" : tag == CELL_VALUE ? "CellValue" : "AssignCell");
    case ASSIGN_COMPOUND_ITEM: ct_take_bytes(in, 24); return on_other(r, in, "AssignCompoundItem");
    case VARIABLE_CELL: ct_take_bytes(in, 16); return on_other(r, in, "VariableCell");
    case DROP_VARIABLE: ct_take_bytes(in, 8); return on_other(r, in, "DropVariable");
    case THREAD_START:
    case THREAD_EXIT:
    case THREAD_SWITCH:
        number = take(in, 8);
        return in->bad ? CT_OK : sink->thread(sink->context, tag == THREAD_START ? CT_THREAD_STARTS : tag == THREAD_EXIT ? CT_THREAD_EXITS : CT_THREAD_SWITCHES, number);
    case DROP_LAST_STEP: return sink->drop_step(sink->context);
    default: in->bad = true; return CT_OK;
    }
}

/* The events of a chunk. *good: all of them. *left: bytes behind them. */
static ct_code
split_events(log_in *log, uint64_t count, uint64_t place, bool *good, uint64_t *left)
{
    ct_reading *r = log->r;
    ct_input in = {log->frames.raw.bytes, log->frames.raw.bytes + log->frames.raw.size, false};
    *good = true;
    for (; count > 0; count--) {
        ct_reading_at(r, place);
        ct_stream_forget(&r->tree);
        CT_TRY(on_event(r, &in));
        if (in.bad) {
            *good = false;
            return CT_OK;
        }
    }
    *left = ct_input_left(&in);
    return CT_OK;
}

/* ---- CBOR ---- */

static ct_code
cbor_events(log_in *log, const uint8_t *bytes, size_t size, uint64_t place, bool *good)
{
    ct_reading *r = log->r;
    ct_buffer *pending = &log->pending;
    size_t at = 0;
    ct_buffer_add(pending, bytes, size);
    if (pending->failed)
        return CT_E_NOMEM;
    *good = true;
    while (at < pending->size) {
        size_t span = ct_cbor_span(pending->bytes + at, pending->size - at);
        if (span == 0)
            break;
        ct_input in = {pending->bytes + at, pending->bytes + at + (span == SIZE_MAX ? 0 : span), span == SIZE_MAX};
        ct_reading_at(r, place);
        if (!in.bad)
            CT_TRY(ct_cbor_event(r->sink, &r->tree, &in));
        if (in.bad || pending->size - at > CT_FRAME_MOST) {
            *good = false;
            return CT_OK;
        }
        at += span;
    }
    if (at) {
        memmove(pending->bytes, pending->bytes + at, pending->size - at);
        pending->size -= at;
    }
    return CT_OK;
}

/* ---- the file ---- */

/* Without events.fmt, which may be cut off or not have been made: an event in CBOR begins with a map or a text, one in split-binary with a tag. */
static ct_code
tell_form(log_in *log)
{
    uint64_t size, offset = log->position + CHUNK_HEADER;
    ct_frame_end end;
    log->is_cbor = true;
    if (log->layout != CHUNKS)
        return CT_OK;
    CT_TRY(ct_frames_read(&log->frames, offset, ct_inner_size(log->file) - offset, &size, &end, log->r->error));
    log->is_cbor = log->frames.raw.size == 0 || log->frames.raw.bytes[0] >= 0x60;
    return CT_OK;
}

static ct_code
open_log(ct_reading *r, log_in *log, ct_log_state *state)
{
    ct_code code;
    uint8_t start[PREFIX + CHUNK_HEADER + 4], name[16] = {0};
    size_t got, size = 0;
    *log = (log_in){.r = r, .pending.allocator = r->sink->allocator};
    *state = CT_LOG_ABSENT;
    log->file = ct_container_find(r->container, "events.log", CT_LAST_ENTRY, &code, r->error);
    if (log->file && ct_inner_is_shared(log->file))
        ct_reading_problem(r, CT_SHARED_BLOCKS, ct_inner_place(log->file, 0));
    if (code != CT_OK || !log->file)
        return code;
    ct_inner *format = ct_container_find(r->container, "events.fmt", CT_LAST_ENTRY, &code, r->error);
    if (format && ct_inner_size(format) < sizeof name)
        CT_TRY(ct_inner_read(format, 0, name, sizeof name - 1, &size, r->error));
    *state = CT_LOG_FOREIGN;
    if (code != CT_OK || (size && memcmp(name, "split-binary", 13) != 0 && memcmp(name, "cbor", 5) != 0))
        return code;
    log->is_cbor = name[0] == 'c';
    ct_frames_open(&log->frames, log->file);
    CT_TRY(ct_inner_read(log->file, 0, start, sizeof start, &got, r->error));
    const uint8_t *at = start;
    if (got >= PREFIX && memcmp(start, "\xC0\xDE\x72\xAC\xE2", 5) == 0) {
        at += PREFIX;
        got -= PREFIX;
        log->position = PREFIX;
    }
    uint32_t first = got >= 4 ? (uint32_t)ct_load_number(at, 4) : 0;
    bool in_chunk = got >= CHUNK_HEADER + 4 && ct_load_number(at + CHUNK_HEADER, 4) == ZSTD_MAGICNUMBER;
    log->layout = first == ZSTD_MAGICNUMBER ? FRAMES : in_chunk ? CHUNKS : BARE;
    if (!size)
        CT_TRY(tell_form(log));
    *state = got > 0 && (log->is_cbor || log->layout == CHUNKS) ? CT_LOG_READABLE : CT_LOG_DAMAGED;
    return CT_OK;
}

static void
close_log(log_in *log)
{
    ct_frames_free(&log->frames);
    ct_buffer_free(&log->pending);
}

/* One chunk, frame or piece. CT_END: there is none, or it was the last that could be read. */
static ct_code
read_piece(log_in *log)
{
    ct_reading *r = log->r;
    uint64_t there = ct_inner_size(log->file) - log->position, limit = there, count = UINT64_MAX, size = 0;
    uint64_t place = ct_inner_place(log->file, log->position);
    ct_frame_end end = CT_FRAME_WHOLE;
    ct_log_chunk chunk = {.file = log->file, .header = log->position, .before = r->events};
    bool good = true, last = false;
    if (there == 0)
        return CT_END;
    if (log->layout == CHUNKS) {
        uint8_t header[CHUNK_HEADER];
        size_t got;
        CT_TRY(ct_inner_read(log->file, log->position, header, sizeof header, &got, r->error));
        limit = got < sizeof header ? 0 : ct_load_number(header, 4);
        count = got < sizeof header ? 0 : ct_load_number(header + 4, 4);
        there -= got;
        last = limit > there;
        if (limit == 0 || last)
            ct_reading_problem(r, WORDS.cut, place);
        if (limit == 0)
            return CT_END;
        log->position += CHUNK_HEADER;
        chunk.frame = log->position;
        chunk.told = limit;
        chunk.first = ct_load_number(header + 8, 8);
        chunk.number = log->chunk++;
    }
    if (log->layout == BARE) {
        size_t wanted = there < PIECE ? (size_t)there : PIECE, got;
        uint8_t *room = ct_buffer_room(&log->frames.raw, PIECE);
        if (!room)
            return CT_E_NOMEM;
        CT_TRY(ct_inner_read(log->file, log->position, room, wanted, &got, r->error));
        log->frames.raw.size = 0;
        CT_TRY(cbor_events(log, room, got, place, &good));
        if (got < wanted)
            end = CT_FRAME_CUT;
        size = got;
    }
    else {
        CT_TRY(ct_frames_read(&log->frames, log->position, limit < there ? limit : there, &size, &end, r->error));
        if (log->is_cbor)
            CT_TRY(cbor_events(log, log->frames.raw.bytes, log->frames.raw.size, place, &good));
        else
            CT_TRY(split_events(log, count, place, &good, &chunk.left));
    }
    if (end != CT_FRAME_WHOLE) {
        ct_reading_problem(r, end == CT_FRAME_CUT ? WORDS.cut : end == CT_FRAME_TOO_LARGE ? WORDS.large : WORDS.damaged, place);
        return CT_END;
    }
    if (!good) {
        ct_reading_problem(r, NO_EVENT, place);
        return CT_END;
    }
    if (chunk.left) /* the events are counted in the chunk's header, which has no checksum; chunks behind would go on from events that nobody saw */
        ct_reading_problem(r, WRONG_COUNT, place);
    if (r->watch && log->layout == CHUNKS && !log->is_cbor) {
        chunk.stored = size;
        CT_TRY(r->watch->chunk(r->watch->context, &chunk, r->error));
    }
    log->position += log->layout == CHUNKS ? limit : size;
    return last || chunk.left ? CT_END : CT_OK;
}

ct_code
ct_log_look(ct_reading *r, ct_log_state *state)
{
    log_in log;
    ct_code code = open_log(r, &log, state);
    close_log(&log);
    return code;
}

ct_code
ct_log_read(ct_reading *r)
{
    log_in log;
    ct_log_state state;
    ct_meta meta;
    ct_code code = ct_read_meta(r, CT_LAST_ENTRY, &meta);
    if (code != CT_OK)
        return code;
    code = open_log(r, &log, &state);
    while (code == CT_OK && state == CT_LOG_READABLE)
        code = read_piece(&log);
    if (log.pending.size)
        ct_reading_problem(r, WORDS.cut, ct_inner_place(log.file, log.position ? log.position - 1 : 0));
    ct_reading_problem(r, meta.problem.message, meta.problem.place);
    close_log(&log);
    return code == CT_END ? CT_OK : code;
}
