/* See ct_reading.h: events.log (ctfs.md section 8). Events are split-binary, or CBOR as in V1; they lie in chunks (a header and a zstd frame each), in
 * zstd frames alone, or, CBOR only, as they are; the eight bytes in front are the Rust writer's.
 *
 * Invariant: an event is handed on when it is there as a whole. What is cut or damaged ends the log, and ct_reading.problem says where.
 */
#include "formats/cbor_read.h"
#include "formats/ct_reading.h"

#include <zstd.h>

enum { CHUNK_HEADER = 16, PIECE = 256 * 1024, PREFIX = 8 };
typedef enum layout { CHUNKS, FRAMES, BARE } layout;

static const ct_stream_words WORDS = CT_STREAM_WORDS("events.log");
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

/* ---- split-binary ---- */

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
    case 0:
        number = take(in, 8);
        count = take(in, 8);
        return in->bad ? CT_OK : sink->step(sink->context, number, (int64_t)count, 0);
    case 1:
        text = take_string(in);
        return in->bad ? CT_OK : sink->path(sink->context, text.bytes, text.size);
    case 2:
    case 3:
        text = take_string(in);
        return in->bad ? CT_OK : sink->variable(sink->context, text.bytes, text.size);
    case 4: return on_type(r, in);
    case 5: return on_value(r, in, false);
    case 6:
        number = take(in, 8);
        count = take(in, 8);
        text = take_string(in);
        return in->bad ? CT_OK : sink->function(sink->context, number, (int64_t)count, text.bytes, text.size);
    case 7: return on_call(r, in);
    case 8: return on_value(r, in, true);
    case 9:
        number = take(in, 1);
        metadata = take_string(in);
        text = take_string(in);
        return in->bad ? CT_OK : sink->event(sink->context, number, metadata.bytes, metadata.size, text.bytes, text.size);
    case 10:
        for (count = take(in, 4); count > 0 && !in->bad; count--)
            take_string(in);
        return on_other(r, in, "Asm");
    case 11: ct_take_bytes(in, 16); return on_other(r, in, "BindVariable");
    case 12: take_string(in); return on_other(r, in, "Assignment");
    case 13: ct_take_bytes(in, take(in, 4) * 8); return on_other(r, in, "DropVariables");
    case 14:
    case 15:
    case 17:
        ct_take_bytes(in, 8);
        take_string(in);
        return on_other(r, in, tag == 14 ? "CompoundValue" : tag == 15 ? "CellValue" : "AssignCell");
    case 16: ct_take_bytes(in, 24); return on_other(r, in, "AssignCompoundItem");
    case 18: ct_take_bytes(in, 16); return on_other(r, in, "VariableCell");
    case 19: ct_take_bytes(in, 8); return on_other(r, in, "DropVariable");
    case 20:
    case 21:
    case 22:
        number = take(in, 8);
        return in->bad ? CT_OK : sink->thread(sink->context, tag == 20 ? CT_THREAD_STARTS : tag == 21 ? CT_THREAD_EXITS : CT_THREAD_SWITCHES, number);
    case 23: return sink->drop_step(sink->context);
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
    if (r->watch && log->layout == CHUNKS && !log->is_cbor) {
        chunk.stored = size;
        CT_TRY(r->watch->chunk(r->watch->context, &chunk, r->error));
    }
    log->position += log->layout == CHUNKS ? limit : size;
    return last ? CT_END : CT_OK;
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
