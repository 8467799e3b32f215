/* See ct_multi_write.h. */
#include "formats/ct_multi_write.h"

#include "formats/text.h"

#include <zstd.h>

enum {
    STEPS_CHUNK = 4096, VALUES_CHUNK = 512, CALLS_CHUNK = 2048, EVENTS_CHUNK = 64,
    FIRST_CHUNK_BYTES = 512 * 1024, LEAST_RECORDS = 16,
    STREAM_ROOM = 128 * 1024,
};

static ct_code
append_u64(ct_multi *multi, ct_ctfs_file *file, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return ct_ctfs_append(multi->ctfs, file, bytes, sizeof bytes);
}

static ct_code
add_record(ct_multi *multi, ct_multi_table *t, const void *bytes, size_t size)
{
    CT_TRY(ct_ctfs_append(multi->ctfs, t->data, bytes, size));
    return append_u64(multi, t->offsets, ct_ctfs_size(t->data));
}

/* The index begins with the number of records in a chunk. */
static ct_code
begin_stream(ct_multi *multi, ct_ctfs_file *index, size_t limit)
{
    uint8_t bytes[4] = { (uint8_t)limit, (uint8_t)(limit >> 8), 0, 0 };
    return ct_ctfs_append(multi->ctfs, index, bytes, sizeof bytes);
}

static ct_code
flush_chunk(ct_multi *multi, ct_multi_stream *c)
{
    if (!c->begun)
        CT_TRY(begin_stream(multi, c->index, c->limit));
    c->begun = true;
    if (!c->records)
        return CT_OK;
    CT_TRY(append_u64(multi, c->index, ct_ctfs_size(c->data)));
    multi->compressed->size = 0;
    CT_TRY(ct_chunk_compress(&c->chunk, multi->zstd, multi->compressed, multi->error));
    CT_TRY(ct_ctfs_append(multi->ctfs, c->data, multi->compressed->bytes, multi->compressed->size));
    ct_chunk_empty(&c->chunk);
    ct_buffer_empty(multi->compressed);
    c->records = 0;
    return CT_OK;
}

/* All chunks have as many records as the first, which ends early when its records are large: a chunk is to stay in the processor's cache while it is made. */
static inline ct_code
end_record(ct_multi *multi, ct_multi_stream *c)
{
    c->records++;
    if (!c->begun && c->chunk.raw.size >= FIRST_CHUNK_BYTES && c->records >= LEAST_RECORDS && c->records < c->limit)
        c->limit = c->records;
    return c->records == c->limit ? flush_chunk(multi, c) : CT_OK;
}

static ct_code
end_step_record(ct_multi *multi)
{
    multi->step_count++;
    CT_TRY(end_record(multi, &multi->steps));
    if (!multi->steps.records)
        multi->has_position = false;
    return CT_OK;
}

/* Section 3: the first step of a chunk is absolute. */
static ct_code
stream_step(ct_multi *multi, uint32_t path, int64_t line, uint32_t column)
{
    uint64_t position = ct_places_position(&multi->places, path, line, column);
    int64_t delta = (int64_t)(position - multi->position);
    uint8_t *at = ct_buffer_room(&multi->steps.chunk.raw, 11), *start = at;
    if (!at)
        return CT_E_NOMEM;
    if (multi->has_position && delta >= -64 && delta <= 63) {
        *at++ = 1;
        at = ct_put_varint_at(at, ct_zigzag_of(delta));
    } else {
        *at++ = 0;
        at = ct_put_varint_at(at, position);
    }
    multi->steps.chunk.raw.size += (size_t)(at - start);
    multi->position = position;
    multi->has_position = true;
    return end_step_record(multi);
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
stream_values(ct_multi *multi, ct_named_value *values, size_t count)
{
    if (count)
        CT_TRY(ct_snapshots_put(&multi->snapshots, multi->linear, &multi->values.chunk, values, count));
    else {
        ct_buffer_add_byte(&multi->values.chunk.raw, 0);
        if (multi->values.chunk.raw.failed)
            return CT_E_NOMEM;
    }
    return end_record(multi, &multi->values);
}

static uint64_t last_step(const ct_multi *multi) { return multi->step_count ? multi->step_count - 1 : 0; }

/* Chunks of calls.dat are compressed as they come: a call may have very many children. */
static ct_code
begin_calls(void *context, uint64_t size)
{
    ct_multi *multi = context;
    ZSTD_CCtx_reset(multi->zstd, ZSTD_reset_session_only);
    size_t result = ZSTD_CCtx_setPledgedSrcSize(multi->zstd, size);
    return ZSTD_isError(result) ? ct_chunk_failed(result, multi->error) : append_u64(multi, multi->calls_index, ct_ctfs_size(multi->calls_data));
}

static ct_code
stream(ct_multi *multi, const void *bytes, size_t count, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = { count ? bytes : "", count, 0 };
    size_t left = 1;
    multi->compressed->size = 0;
    uint8_t *at = ct_buffer_room(multi->compressed, STREAM_ROOM);
    if (!at)
        return CT_E_NOMEM;
    while (directive == ZSTD_e_end ? left > 0 : in.pos < in.size) {
        ZSTD_outBuffer out = { at, STREAM_ROOM, 0 };
        left = ZSTD_compressStream2(multi->zstd, &out, &in, directive);
        if (ZSTD_isError(left))
            return ct_chunk_failed(left, multi->error);
        CT_TRY(ct_ctfs_append(multi->ctfs, multi->calls_data, at, out.pos));
    }
    return CT_OK;
}

static ct_code write_calls(void *context, const void *bytes, size_t count) { return stream(context, bytes, count, ZSTD_e_continue); }
static ct_code
end_calls(void *context)
{
    ct_multi *multi = context;
    CT_TRY(stream(multi, NULL, 0, ZSTD_e_end));
    ZSTD_CCtx_reset(multi->zstd, ZSTD_reset_session_only);
    return CT_OK;
}

static ct_code
write_all_calls(ct_multi *multi)
{
    const ct_calls_sink sink = { .context = multi, .begin = begin_calls, .write = write_calls, .end = end_calls };
    return ct_calls_finish(&multi->calls, CALLS_CHUNK, &sink);
}

/* ---- sources ---- */

static ct_code
put_view(ct_multi *multi, uint64_t id, unsigned kind, ct_text name, ct_text content, ct_text map)
{
    ct_buffer record = { .allocator = multi->ctfs->allocator }, clean = { .allocator = multi->ctfs->allocator };
    const ct_text texts[] = { name, content, map };
    if (!multi->views.data) {
        CT_TRY(ct_ctfs_add(multi->ctfs, CT_MULTI_SLOTS + 1, "srcviews.dat", &multi->views.data));
        CT_TRY(ct_ctfs_add(multi->ctfs, CT_MULTI_SLOTS + 2, "srcviews.off", &multi->views.offsets));
        CT_TRY(append_u64(multi, multi->views.offsets, 0));
    }
    ct_buffer_add_varint(&record, id);
    ct_buffer_add_byte(&record, (uint8_t)kind);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        clean.size = 0;
        ct_text_clean(&clean, (const uint8_t *)texts[i].bytes, texts[i].size, false);
        ct_buffer_add_varint(&record, clean.size);
        ct_buffer_add(&record, clean.bytes, clean.size);
    }
    ct_code code = record.failed || clean.failed ? CT_E_NOMEM : add_record(multi, &multi->views, record.bytes, record.size);
    ct_buffer_free(&record);
    ct_buffer_free(&clean);
    return code;
}

/* The text of a file as a raw source view (section 7), if the journal has it, and the other views of it. */
static ct_code
add_views(ct_multi *multi, uint64_t id, ct_text path)
{
    enum { RAW = 0 };
    static const ct_text nothing = { "", 0 };
    ct_journal_counts counts;
    ct_text text;
    ct_journal_count(multi->journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text known = ct_journal_path(multi->journal, i);
        if (known.size != path.size || memcmp(known.bytes, path.bytes, path.size) != 0)
            continue;
        ct_code code = ct_journal_source(multi->journal, i, &text, multi->error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        CT_TRY(put_view(multi, id, RAW, nothing, text, nothing));
        break;
    }
    for (size_t i = 0; i < multi->other_view_count; i++) {
        const ct_source_view *view = &multi->other_views[i];
        if (view->path.size == path.size && memcmp(view->path.bytes, path.bytes, path.size) == 0)
            CT_TRY(put_view(multi, id, view->formatter, view->name, view->content, view->map));
    }
    return CT_OK;
}

/* ---- the events ---- */

ct_code
ct_multi_path(ct_multi *multi, ct_text path)
{
    multi->arguments.size = 0; /* between two calls it is free */
    CT_TRY(ct_places_path(&multi->places, path, &multi->arguments, multi->error));
    CT_TRY(add_record(multi, &multi->paths, multi->arguments.bytes, multi->arguments.size));
    return add_views(multi, multi->path_count++, path);
}

ct_code ct_multi_function(ct_multi *multi, ct_text name) { return add_record(multi, &multi->functions, name.bytes, name.size); }
ct_code ct_multi_variable(ct_multi *multi, ct_text name) { return add_record(multi, &multi->variables, name.bytes, name.size); }
ct_code ct_multi_type(ct_multi *multi, ct_text name) { return add_record(multi, &multi->types, name.bytes, name.size); }

ct_code
ct_multi_step(ct_multi *multi, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count)
{
    CT_TRY(stream_step(multi, path, line, column));
    return stream_values(multi, values, count);
}

ct_code
ct_multi_call(ct_multi *multi, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    multi->arguments.size = 0;
    ct_buffer_add_varint(&multi->arguments, count);
    for (size_t i = 0; i < count; i++) {
        ct_buffer_add_varint(&multi->arguments, arguments[i].variable);
        ct_buffer_add_varint(&multi->arguments, arguments[i].value.size[multi->form]);
        ct_buffer_add(&multi->arguments, arguments[i].value.bytes[multi->form], arguments[i].value.size[multi->form]);
    }
    if (multi->arguments.failed)
        return CT_E_NOMEM;
    /* Its own step is the first of the call (section 5: the next step), as the loader has it for the other layout. */
    CT_TRY(ct_calls_enter(&multi->calls, function, multi->step_count, &multi->arguments));
    return own_step ? ct_multi_step(multi, path, line, 0, NULL, 0) : CT_OK;
}

ct_code
ct_multi_leave(ct_multi *multi, const ct_encoded *value)
{
    return ct_calls_leave(&multi->calls, last_step(multi), value->bytes[multi->form], value->size[multi->form]);
}

ct_code
ct_multi_output(ct_multi *multi, enum ct_stream_number stream, ct_text text)
{
    ct_buffer *out = &multi->events.chunk.raw;
    /* Write, Read; standard error is 12, or ct-print takes it for standard output (section 6). */
    ct_buffer_add_varint(out, 1 + ct_varint_size(last_step(multi)) + 1 + ct_varint_size(text.size) + text.size);
    ct_buffer_add_byte(out, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 12 : 3);
    ct_buffer_add_varint(out, last_step(multi));
    ct_buffer_add_varint(out, 0);
    ct_buffer_add_varint(out, text.size);
    ct_buffer_add(out, text.bytes, text.size);
    return out->failed ? CT_E_NOMEM : end_record(multi, &multi->events);
}

ct_code
ct_multi_thread(ct_multi *multi, enum ct_linear_thread what, uint64_t thread)
{
    ct_buffer_add_byte(&multi->steps.chunk.raw, what == CT_LINEAR_THREAD_START ? 5 : what == CT_LINEAR_THREAD_EXIT ? 6 : 4);
    ct_buffer_add_varint(&multi->steps.chunk.raw, thread);
    if (multi->steps.chunk.raw.failed)
        return CT_E_NOMEM;
    CT_TRY(end_step_record(multi));
    return stream_values(multi, NULL, 0); /* a thread event counts as a step */
}

/* ---- life ---- */

ct_code
ct_multi_start(ct_multi *multi, const char *path)
{
    const struct { const char *name; ct_ctfs_file **file; } files[] = { /* by slot, in the order of section 2; calls.idx is written at the end */
        { "paths.dat", &multi->paths.data }, { "paths.off", &multi->paths.offsets }, { "funcs.dat", &multi->functions.data },
        { "funcs.off", &multi->functions.offsets }, { "types.dat", &multi->types.data }, { "types.off", &multi->types.offsets },
        { "varnames.dat", &multi->variables.data }, { "varnames.off", &multi->variables.offsets }, { "steps.dat", &multi->steps.data },
        { "steps.idx", &multi->steps.index }, { "values.dat", &multi->values.data }, { "values.idx", &multi->values.index },
        { "calls.dat", &multi->calls_data }, { "events.dat", &multi->events.data }, { "events.idx", &multi->events.index },
        { "calls.idx", &multi->calls_index },
    };
    _Static_assert(sizeof files / sizeof *files == CT_MULTI_SLOTS, "the owner puts what follows behind them");
    const ct_allocator *allocator = multi->ctfs->allocator;
    multi->steps.chunk.raw.allocator = multi->values.chunk.raw.allocator = multi->events.chunk.raw.allocator = allocator;
    multi->arguments.allocator = allocator;
    multi->snapshots = (ct_snapshots){ .form = multi->form, .front = stream_front, .head = stream_head, .head_size = stream_head_size,
                                       .allocator = allocator };
    CT_TRY(ct_calls_start(&multi->calls, path, allocator, multi->error));
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        CT_TRY(ct_ctfs_add(multi->ctfs, i, files[i].name, files[i].file));
    CT_TRY(append_u64(multi, multi->paths.offsets, 0));
    CT_TRY(append_u64(multi, multi->functions.offsets, 0));
    CT_TRY(append_u64(multi, multi->types.offsets, 0));
    CT_TRY(append_u64(multi, multi->variables.offsets, 0));
    multi->values.limit = VALUES_CHUNK; /* its index begins with its first chunk */
    multi->steps.limit = STEPS_CHUNK;
    multi->events.limit = EVENTS_CHUNK;
    multi->steps.begun = multi->events.begun = true;
    CT_TRY(begin_stream(multi, multi->steps.index, STEPS_CHUNK));
    CT_TRY(begin_stream(multi, multi->calls_index, CALLS_CHUNK));
    CT_TRY(begin_stream(multi, multi->events.index, EVENTS_CHUNK));
    multi->places.journal = multi->journal;
    return ct_places_start(&multi->places, multi->error);
}

ct_code
ct_multi_finish(ct_multi *multi)
{
    CT_TRY(flush_chunk(multi, &multi->steps));
    CT_TRY(flush_chunk(multi, &multi->values));
    CT_TRY(flush_chunk(multi, &multi->events));
    return write_all_calls(multi);
}

void
ct_multi_free(ct_multi *multi)
{
    ct_chunk_free(&multi->steps.chunk);
    ct_chunk_free(&multi->values.chunk);
    ct_chunk_free(&multi->events.chunk);
    ct_snapshots_free(&multi->snapshots);
    ct_buffer_free(&multi->arguments);
    ct_calls_free(&multi->calls);
    ct_places_free(&multi->places);
}
