/* See ct_multi_write.h. */
#include "formats/ct_multi_write.h"

#include "formats/text.h"

#include <zstd.h>

enum {
    LINES_PER_FILE = 100000,       /* section 3: line-only gli */
    STEPS_CHUNK = 4096, VALUES_CHUNK = 2048, CALLS_CHUNK = 2048, EVENTS_CHUNK = 64,
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

static ct_code
flush_chunk(ct_multi *multi, ct_multi_stream *c)
{
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

static inline ct_code
end_record(ct_multi *multi, ct_multi_stream *c)
{
    return ++c->records == c->limit ? flush_chunk(multi, c) : CT_OK;
}

/* The index begins with the number of records in a chunk. */
static ct_code
start_stream(ct_multi *multi, ct_ctfs_file *index, size_t limit, ct_multi_stream *c)
{
    uint8_t bytes[4] = { (uint8_t)limit, (uint8_t)(limit >> 8), 0, 0 };
    if (c)
        c->limit = limit;
    return ct_ctfs_append(multi->ctfs, index, bytes, sizeof bytes);
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

static uint64_t
position_of(const ct_multi *multi, uint32_t path, int64_t line)
{
    uint64_t at = line > 0 ? (uint64_t)line : 0;
    if (!multi->by_column)
        return (uint64_t)path * LINES_PER_FILE + (at < LINES_PER_FILE ? at : LINES_PER_FILE - 1);
    at = at ? at - 1 : 0;
    return multi->bases[path] + (at < multi->line_counts[path] ? at : multi->line_counts[path] - 1);
}

/* Section 3: the first step of a chunk is absolute. */
static ct_code
stream_step(ct_multi *multi, uint32_t path, int64_t line)
{
    uint64_t position = position_of(multi, path, line);
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

/* ---- places ---- */

/* How many lines each file has, by the journal's paths: those of its source, and whatever steps and functions say (code may bear the name of a file that
 * it does not come from). By_column only: costs a pass over the journal. */
static ct_code
count_lines(ct_multi *multi)
{
    ct_journal *journal = multi->journal;
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    multi->lines = ct_allocate_zero(ct_journal_allocator(journal), counts.paths + 1u, sizeof *multi->lines);
    if (!multi->lines)
        return CT_E_NOMEM;
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text text;
        ct_code code = ct_journal_source(journal, i, &text, multi->error);
        if (code != CT_OK && code != CT_END)
            return code;
        for (size_t k = 0; code == CT_OK && k < text.size; k++)
            multi->lines[i] += text.bytes[k] == '\n';
    }
    for (uint32_t i = 0; i < counts.codes; i++) {
        const ct_code_info *info = ct_journal_code(journal, i);
        if (info->path < counts.paths && multi->lines[info->path] < info->first_line)
            multi->lines[info->path] = info->first_line;
    }
    ct_replay *replay;
    const ct_event *event;
    CT_TRY(ct_replay_new(journal, &replay, multi->error));
    ct_code code;
    while ((code = ct_replay_next(replay, &event, multi->error)) == CT_OK) {
        const ct_code_info *info = event->kind == CT_EVENT_STEP ? ct_journal_code(journal, event->activation->code) : NULL;
        if (info && info->path < counts.paths && event->line > 0 && multi->lines[info->path] < (uint64_t)event->line)
            multi->lines[info->path] = (uint64_t)event->line;
    }
    ct_replay_free(replay);
    return code == CT_END ? CT_OK : code;
}

/* Lines of the file of that (clean) name. One whose name had to be cleaned gets as many as the longest file has. */
static uint64_t
lines_of(const ct_multi *multi, ct_text path)
{
    ct_journal_counts counts;
    uint64_t lines = 0, longest = 0;
    bool found = false;
    ct_journal_count(multi->journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text known = ct_journal_path(multi->journal, i);
        bool same = known.size == path.size && memcmp(known.bytes, path.bytes, path.size) == 0;
        found = found || same;
        if (same && multi->lines[i] > lines)
            lines = multi->lines[i];
        if (multi->lines[i] > longest)
            longest = multi->lines[i];
    }
    return (found ? lines : longest) + 1; /* what follows the last newline; and no file is without a place */
}

/* Section 3: whether a line-only gli could spill into the next file. */
static ct_code
choose_positions(ct_multi *multi)
{
    ct_journal_counts counts;
    ct_journal_count(multi->journal, &counts);
    for (uint32_t i = 0; i < counts.codes && !multi->by_column; i++)
        multi->by_column = ct_journal_code(multi->journal, i)->first_line >= LINES_PER_FILE;
    for (uint32_t i = 0; i < counts.paths && !multi->by_column; i++) {
        ct_text text;
        size_t lines = 1;
        ct_code code = ct_journal_source(multi->journal, i, &text, multi->error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        for (size_t k = 0; k < text.size; k++)
            lines += text.bytes[k] == '\n';
        multi->by_column = lines >= LINES_PER_FILE;
    }
    return CT_OK;
}

static ct_code
add_column_path(ct_multi *multi, ct_text path)
{
    ct_buffer record = { .allocator = multi->ctfs->allocator };
    size_t id = (size_t)multi->path_count;
    if (id == multi->base_capacity) {
        size_t capacity = id ? id * 2 : 16;
        uint64_t *bases = ct_resize(multi->ctfs->allocator, multi->bases, capacity * sizeof *bases);
        multi->bases = bases ? bases : multi->bases;
        uint64_t *counts = ct_resize(multi->ctfs->allocator, multi->line_counts, capacity * sizeof *counts);
        multi->line_counts = counts ? counts : multi->line_counts;
        if (!bases || !counts)
            return CT_E_NOMEM;
        multi->base_capacity = capacity;
    }
    multi->line_counts[id] = lines_of(multi, path);
    multi->bases[id] = id ? multi->bases[id - 1] + multi->line_counts[id - 1] : 0;
    ct_buffer_add_varint(&record, path.size);
    ct_buffer_add(&record, path.bytes, path.size);
    ct_buffer_add_varint(&record, multi->line_counts[id]);
    for (uint64_t i = 0; i < multi->line_counts[id]; i++)
        ct_buffer_add_byte(&record, i ? 0 : 2); /* the first length is 1, the others do not differ */
    ct_code code = record.failed ? CT_E_NOMEM : add_record(multi, &multi->paths, record.bytes, record.size);
    ct_buffer_free(&record);
    return code;
}

/* ---- sources ---- */

/* The text of a file as a raw source view (section 7), if the journal has it. */
static ct_code
add_view(ct_multi *multi, uint64_t id, ct_text path)
{
    enum { RAW = 0 };
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
        if (!multi->views.data) {
            CT_TRY(ct_ctfs_add(multi->ctfs, CT_MULTI_SLOTS + 1, "srcviews.dat", &multi->views.data));
            CT_TRY(ct_ctfs_add(multi->ctfs, CT_MULTI_SLOTS + 2, "srcviews.off", &multi->views.offsets));
            CT_TRY(append_u64(multi, multi->views.offsets, 0));
        }
        ct_buffer record = { .allocator = multi->ctfs->allocator };
        ct_buffer clean = { .allocator = multi->ctfs->allocator };
        ct_text_clean(&clean, (const uint8_t *)text.bytes, text.size, false);
        ct_buffer_add_varint(&record, id);
        ct_buffer_add_byte(&record, RAW);
        ct_buffer_add_varint(&record, 0); /* no name of its own */
        ct_buffer_add_varint(&record, clean.size);
        ct_buffer_add(&record, clean.bytes, clean.size);
        ct_buffer_add_varint(&record, 0); /* no source map */
        code = record.failed || clean.failed ? CT_E_NOMEM : add_record(multi, &multi->views, record.bytes, record.size);
        ct_buffer_free(&record);
        ct_buffer_free(&clean);
        return code;
    }
    return CT_OK;
}

/* ---- the events ---- */

ct_code
ct_multi_path(ct_multi *multi, ct_text path)
{
    CT_TRY(multi->by_column ? add_column_path(multi, path) : add_record(multi, &multi->paths, path.bytes, path.size));
    return add_view(multi, multi->path_count++, path);
}

ct_code ct_multi_function(ct_multi *multi, ct_text name) { return add_record(multi, &multi->functions, name.bytes, name.size); }
ct_code ct_multi_variable(ct_multi *multi, ct_text name) { return add_record(multi, &multi->variables, name.bytes, name.size); }
ct_code ct_multi_type(ct_multi *multi, ct_text name) { return add_record(multi, &multi->types, name.bytes, name.size); }

ct_code
ct_multi_step(ct_multi *multi, uint32_t path, int64_t line, ct_named_value *values, size_t count)
{
    CT_TRY(stream_step(multi, path, line));
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
    return own_step ? ct_multi_step(multi, path, line, NULL, 0) : CT_OK;
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
    CT_TRY(start_stream(multi, multi->steps.index, STEPS_CHUNK, &multi->steps));
    CT_TRY(start_stream(multi, multi->values.index, VALUES_CHUNK, &multi->values));
    CT_TRY(start_stream(multi, multi->calls_index, CALLS_CHUNK, NULL));
    CT_TRY(start_stream(multi, multi->events.index, EVENTS_CHUNK, &multi->events));
    if (!multi->by_column)
        CT_TRY(choose_positions(multi));
    return multi->by_column ? count_lines(multi) : CT_OK;
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
    ct_free(multi->ctfs->allocator, multi->lines);
    ct_free(multi->ctfs->allocator, multi->bases);
    ct_free(multi->ctfs->allocator, multi->line_counts);
}
