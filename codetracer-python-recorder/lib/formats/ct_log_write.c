/* See ct_log_write.h: split-binary events (ctfs.md section 8), values in the form of the Rust crates. */
#include "formats/ct_log_write.h"

enum {
    LOG_CHUNK = 512 * 1024,        /* raw bytes in a frame */
    EVENT_PATH = 1, EVENT_VARIABLE = 2, EVENT_TYPE = 4, EVENT_VALUE = 5, EVENT_FUNCTION = 6, EVENT_CALL = 7, EVENT_RETURN = 8, EVENT_OUTPUT = 9,
    EVENT_THREAD_START = 20, EVENT_THREAD_EXIT = 21, EVENT_THREAD_SWITCH = 22, /* EVENT_STEP is 0 */
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
    log->count = 0;
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
    return log->chunk.raw.size >= LOG_CHUNK ? flush(log) : CT_OK;
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
    *at++ = 0; /* Step */
    return u64_at(u64_at(at, log->path), log->line);
}

static uint8_t *
log_head(uint8_t *at, uint32_t variable, size_t size)
{
    *at++ = EVENT_VALUE;
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
    ct_buffer_add_byte(&log->chunk.raw, EVENT_PATH);
    put_text(log, path);
    return end_events(log, 1);
}

ct_code
ct_log_function(ct_log *log, uint32_t path, int64_t line, ct_text name)
{
    ct_buffer_add_byte(&log->chunk.raw, EVENT_FUNCTION);
    ct_buffer_add_u64(&log->chunk.raw, path);
    ct_buffer_add_u64(&log->chunk.raw, (uint64_t)line);
    put_text(log, name);
    return end_events(log, 1);
}

ct_code
ct_log_variable(ct_log *log, ct_text name)
{
    ct_buffer_add_byte(&log->chunk.raw, EVENT_VARIABLE);
    put_text(log, name);
    return end_events(log, 1);
}

ct_code
ct_log_type(ct_log *log, const ct_type_definition *type)
{
    ct_buffer *out = &log->chunk.raw;
    ct_buffer_add_byte(out, EVENT_TYPE);
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

/* Of a call without arguments all bytes are the same each time. */
ct_code
ct_log_call(ct_log *log, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    enum { CALL_FRONT = 1 + 8 + 4 + 9, ARGUMENT_FRONT = 13 + 9 + 6 };
    CT_TRY(room_for_calls(log, function));
    /* The first call of <toplevel> has no step; one behind it may. */
    ct_standing once = {0}, *last = own_step ? &log->calls[2 * (size_t)function + (count != 0)] : &once;
    ct_buffer *out = &log->chunk.raw;
    size_t first = out->size, room = LOG_STEP + CALL_FRONT, step_size = own_step ? LOG_STEP : 0;
    for (size_t i = 0; i < count; i++)
        room += ARGUMENT_FRONT + arguments[i].value.size[log->form];
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
    *at++ = EVENT_CALL;
    at = u64_at(at, function);
    uint8_t *length = at;
    at = ct_cbor_head_at(at + 4, 4, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, "\xA2\x6B" "variable_id", 13);
        at = ct_cbor_head_at(at + 13, 0, arguments[i].variable);
        memcpy(at, "\x65" "value", 6);
        memcpy(at + 6, arguments[i].value.bytes[log->form], arguments[i].value.size[log->form]);
        at += 6 + arguments[i].value.size[log->form];
    }
    u32_at(length, (size_t)(at - length) - 4);
    size_t size = (size_t)(at - start);
    if (size - step_size > UINT32_MAX || !ct_chunk_match_again(&log->chunk, first, size, last))
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
    *at++ = EVENT_RETURN;
    memcpy(u32_at(at, size), value->bytes[log->form], size);
    out->size += 5 + size;
    if (!ct_chunk_match_again(&log->chunk, first, 5 + size, &log->leaves[size % CT_LOG_LEAVES]))
        return CT_E_NOMEM;
    return end_events(log, 1);
}

ct_code
ct_log_output(ct_log *log, enum ct_stream_number stream, ct_text text)
{
    ct_buffer *out = &log->chunk.raw;
    ct_buffer_add_byte(out, EVENT_OUTPUT);
    ct_buffer_add_byte(out, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
    ct_buffer_add_u32(out, 0); /* no metadata */
    put_text(log, text);
    return end_events(log, 1);
}

ct_code
ct_log_thread(ct_log *log, enum ct_linear_thread what, uint64_t thread)
{
    ct_buffer_add_byte(&log->chunk.raw, what == CT_LINEAR_THREAD_START ? EVENT_THREAD_START
                                      : what == CT_LINEAR_THREAD_EXIT ? EVENT_THREAD_EXIT : EVENT_THREAD_SWITCH);
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
