/* See ct_multi.h: the multi-stream layout (ctfs.md sections 2 to 6), written and read. The parts of reading, in order: tables, the steps stream, where functions
 * are, values, output, the merge.
 *
 * Four streams become one sequence of events. What orders them are step ids: a call begins before the step that it names first and ends behind the one
 * that it names last, a step's values and what the program wrote stand behind the step. Invariant: reading holds one chunk of each stream, the calls that
 * are open, and, by column, a number per line of the sources.
 */
#include "formats/ct_multi.h"

#include <zstd.h>

#include "formats/cbor_read.h"
#include "formats/ct_reading.h"
#include "formats/text.h"
#include "util/memory.h"

enum {
    STEPS_CHUNK = 4096, VALUES_CHUNK = 512, CALLS_CHUNK = 2048, EVENTS_CHUNK = 64,
    FIRST_CHUNK_BYTES = 16 * 1024 * 1024, LEAST_RECORDS = 16,
    STREAM_ROOM = 128 * 1024,
};

/* What a record of the steps begins with, and the view that is a source's own text. */
enum { ABSOLUTE_STEP, DELTA_STEP, RAISE, CATCH, THREAD_SWITCH, THREAD_START, THREAD_EXIT, DELTA_COLUMN };
enum { RAW_VIEW = 0 };

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

/* All chunks have as many records as the first, which ends early when its records are large: a reader holds a chunk in memory, and so does the export. */
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
        *at++ = DELTA_STEP;
        at = ct_put_varint_at(at, ct_zigzag_of(delta));
    } else {
        *at++ = ABSOLUTE_STEP;
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
        CT_TRY(put_view(multi, id, RAW_VIEW, nothing, text, nothing));
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
    ct_buffer_add_byte(&multi->steps.chunk.raw, what == CT_LINEAR_THREAD_START ? THREAD_START
                                                    : what == CT_LINEAR_THREAD_EXIT ? THREAD_EXIT : THREAD_SWITCH);
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

unsigned
ct_multi_meta_flags(const ct_multi *multi)
{
    return CT_META_FILTERS | CT_META_CALLS_CHUNKED | CT_META_STEPS_CHUNKED | CT_META_VALUES_CHUNKED | CT_META_EVENTS_CHUNKED
           | (multi->places.by_column ? CT_META_COLUMNS : 0u) | (multi->views.data ? CT_META_VIEWS : 0u);
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

/* ---- reading ---- */

enum { RAW_TYPE = 16 };

static const ct_stream_words PATHS = CT_STREAM_WORDS("paths.dat"), FUNCTIONS = CT_STREAM_WORDS("funcs.dat"), TYPES = CT_STREAM_WORDS("types.dat"),
                             NAMES = CT_STREAM_WORDS("varnames.dat"), STEPS = CT_STREAM_WORDS("steps.dat"), VALUES = CT_STREAM_WORDS("values.dat"),
                             EVENTS = CT_STREAM_WORDS("events.dat"), VIEWS = CT_STREAM_WORDS("srcviews.dat");

typedef struct step_in { unsigned tag; uint64_t number; int64_t delta; ct_text message; } step_in;

typedef struct named_value { uint64_t name; size_t node; } named_value;

typedef struct multi_in {
    ct_reading *r;
    ct_places_in places;
    uint64_t *function_paths;
    size_t function_count;

    ct_chunks steps;
    uint64_t position;             /* gli of the last step */
    uint64_t step;                 /* id of the next one */
    ct_records values, events;
    ct_calls_in calls;
    uint64_t event_step;           /* of the event at hand */
    ct_input event;
    bool event_there;
    named_value *named;
    size_t named_capacity;
} multi_in;

#define GROW(items, capacity, count) CT_GROW(m->r->sink->allocator, items, capacity, count)

/* ctfs.md section 11: ct-print, for which this half is, takes the first of two files with the same name. */
static ct_code
find(const multi_in *m, const char *name, ct_inner **file)
{
    ct_code code;
    *file = ct_container_find(m->r->container, name, CT_FIRST_ENTRY, &code, m->r->error);
    if (*file && ct_inner_is_shared(*file))
        ct_reading_problem(m->r, CT_SHARED_BLOCKS, ct_inner_place(*file, 0));
    return code;
}

/* ---- tables: section 2.1 ---- */

static ct_text
text_of(const ct_input *record)
{
    return record->at ? (ct_text){(const char *)record->at, ct_input_left(record)} : (ct_text){"", 0};
}

static ct_code
open_table(multi_in *m, ct_table *table, const ct_stream_words *words, const char *data_name, const char *offsets_name)
{
    ct_inner *data, *offsets;
    CT_TRY(find(m, data_name, &data));
    CT_TRY(find(m, offsets_name, &offsets));
    if (!data != !offsets) /* a name in the directory, which has no checksum */
        ct_reading_problem(m->r, "a table of the container is there without its offsets, or they without it: its directory is damaged",
                           ct_inner_place(data ? data : offsets, 0));
    ct_table_open(table, words, data, offsets);
    return CT_OK;
}

static ct_code
close_table(multi_in *m, ct_table *table, ct_code code)
{
    ct_reading_problem(m->r, table->problem.message, table->problem.place);
    ct_table_close(table);
    return code == CT_END ? CT_OK : code;
}

static ct_code
read_paths(multi_in *m, const ct_meta *meta)
{
    ct_table table = {0};
    ct_input record;
    ct_text path;
    const ct_stream_sink *sink = m->r->sink;
    ct_code code = open_table(m, &table, &PATHS, "paths.dat", "paths.off");
    m->places.by_column = meta->there && meta->flags & CT_META_COLUMNS;
    for (bool first = true; code == CT_OK && (code = ct_table_next(&table, &record, m->r->error)) == CT_OK; first = false) {
        /* A writer that was killed left no meta.dat: then the first record tells. */
        code = ct_places_in_path(&m->places, first && !meta->there, record, &path);
        if (code == CT_E_CORRUPT) {
            ct_reading_problem(m->r, PATHS.damaged, ct_inner_place(table.data, table.at));
            code = CT_END;
        }
        if (code == CT_OK && sink->path) {
            ct_reading_at(m->r, ct_inner_place(table.data, table.at));
            code = sink->path(sink->context, path.bytes, path.size);
        }
    }
    return close_table(m, &table, code);
}

static ct_code
read_functions(multi_in *m)
{
    ct_table table = {0};
    ct_input record;
    ct_code code = open_table(m, &table, &FUNCTIONS, "funcs.dat", "funcs.off");
    for (uint64_t i = 0; code == CT_OK && (code = ct_table_next(&table, &record, m->r->error)) == CT_OK; i++) {
        ct_text name = text_of(&record);
        ct_reading_at(m->r, ct_inner_place(table.data, table.at));
        /* The table has no lines, and no step of a function need be its first line. */
        code = m->r->sink->function(m->r->sink->context, i < m->function_count ? m->function_paths[i] : 0, 0, name.bytes, name.size);
    }
    return close_table(m, &table, code);
}

static ct_code
read_names(multi_in *m, bool types)
{
    ct_table table = {0};
    ct_input record;
    const ct_stream_sink *sink = m->r->sink;
    ct_code code = types ? open_table(m, &table, &TYPES, "types.dat", "types.off") : open_table(m, &table, &NAMES, "varnames.dat", "varnames.off");
    while (code == CT_OK && (code = ct_table_next(&table, &record, m->r->error)) == CT_OK) {
        ct_text name = text_of(&record);
        ct_reading_at(m->r, ct_inner_place(table.data, table.at));
        ct_stream_type type = {.kind = RAW_TYPE, .name = name.bytes, .name_size = name.size};
        code = types ? sink->type(sink->context, &type) : sink->variable(sink->context, name.bytes, name.size);
    }
    return close_table(m, &table, code);
}

/* The text of a source is its raw view; the others show the same another way. */
static ct_code
read_views(multi_in *m)
{
    ct_table table = {0};
    ct_input record;
    if (!m->r->sink->source)
        return CT_OK;
    ct_code code = open_table(m, &table, &VIEWS, "srcviews.dat", "srcviews.off");
    while (code == CT_OK && (code = ct_table_next(&table, &record, m->r->error)) == CT_OK) {
        uint64_t path = ct_take_varint(&record), kind = ct_take_byte(&record);
        (void)ct_take_text(&record);
        ct_text content = ct_take_text(&record);
        if (record.bad) {
            ct_reading_problem(m->r, VIEWS.damaged, ct_inner_place(table.data, table.at));
            code = CT_END;
        }
        else if (kind == RAW_VIEW)
            code = m->r->sink->source(m->r->sink->context, path, content.bytes, content.size);
    }
    return close_table(m, &table, code);
}

/* ---- the steps stream: section 3 ---- */

/* One event; what breaks the format sets in->bad. */
static step_in
take_step(ct_input *in)
{
    step_in step = {.tag = ct_take_byte(in)};
    switch (step.tag) {
    case DELTA_STEP:
    case DELTA_COLUMN:
        step.delta = ct_take_svarint(in);
        break;
    case RAISE:
        step.number = ct_take_varint(in);
        step.message = ct_take_text(in);
        break;
    case ABSOLUTE_STEP:
    case CATCH:
    case THREAD_SWITCH:
    case THREAD_START:
    case THREAD_EXIT:
        step.number = ct_take_varint(in);
        break;
    default:
        in->bad = true;
    }
    return step;
}

/* Whether a chunk is in the old framing, which has the number of events in front of them. */
static bool
is_counted(ct_input in)
{
    const uint8_t *count = ct_take_bytes(&in, 4);
    for (uint64_t left = count ? ct_load_number(count, 4) : 0; left > 0 && !in.bad; left--)
        (void)take_step(&in);
    return count && !in.bad && in.at == in.end;
}

static ct_code
open_steps(multi_in *m, const ct_meta *meta)
{
    bool old = meta->there && !(meta->flags & CT_META_STEPS_CHUNKED);
    ct_inner *data, *index;
    CT_TRY(find(m, "steps.dat", &data));
    CT_TRY(find(m, "steps.idx", &index));
    m->position = 0;
    if (!meta->there) { /* what meta.dat would say, the first chunk shows */
        ct_code code = ct_chunks_open(&m->steps, &STEPS, data, NULL, false, m->r->error);
        if (code == CT_OK)
            code = ct_chunks_next(&m->steps, m->r->error);
        old = code == CT_OK && is_counted(m->steps.in);
        ct_chunks_close(&m->steps);
        if (code != CT_OK && code != CT_END)
            return code;
    }
    return ct_chunks_open(&m->steps, &STEPS, data, index, old, m->r->error);
}

static bool
move(multi_in *m, int64_t delta)
{
    bool good = delta >= 0 ? m->position <= UINT64_MAX - (uint64_t)delta : m->position >= -(uint64_t)delta;
    m->position += (uint64_t)delta;
    return good;
}

static ct_code
next_step(multi_in *m, step_in *step)
{
    ct_input *in = &m->steps.in;
    while (in->at == in->end) {
        CT_TRY(ct_chunks_next(&m->steps, m->r->error));
        if (m->steps.is_old) /* the number of events, which says nothing that their end does not */
            (void)ct_take_bytes(in, 4);
    }
    *step = take_step(in);
    if (step->tag == ABSOLUTE_STEP)
        m->position = step->number;
    else if (step->tag == DELTA_STEP || step->tag == DELTA_COLUMN)
        in->bad = !move(m, step->delta) || in->bad;
    if (!in->bad)
        return CT_OK;
    ct_chunks_spoil(&m->steps);
    return CT_END;
}

static ct_code
open_records(multi_in *m, ct_records *records, const ct_stream_words *words, const char *const names[3], bool table)
{
    ct_inner *data, *index, *offsets = NULL;
    *records = (ct_records){0};
    CT_TRY(find(m, names[0], &data));
    CT_TRY(find(m, names[1], &index));
    if (names[2])
        CT_TRY(find(m, names[2], &offsets));
    records->is_table = offsets && (table || !index);
    if (!records->is_table)
        return ct_chunks_open(&records->chunks, words, data, index, false, m->r->error);
    ct_table_open(&records->table, words, data, offsets);
    return CT_OK;
}

static ct_code
open_calls(multi_in *m)
{
    ct_inner *data, *index;
    CT_TRY(find(m, "calls.dat", &data));
    CT_TRY(find(m, "calls.idx", &index));
    return ct_calls_in_open(&m->calls, m->r, data, index);
}

/* ---- where functions are ---- */

typedef struct first_call { uint64_t function, entry; } first_call;

static int
by_entry(const void *a, const void *b)
{
    const first_call *x = a, *y = b;
    return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* The functions' table names no files, but the first step of a function's first call is in its file. */
static ct_code
place_functions(multi_in *m, const ct_meta *meta)
{
    first_call *wanted = NULL;
    size_t count = 0, capacity = 0, known = 0;
    ct_inner *offsets;
    CT_TRY(find(m, "funcs.off", &offsets));
    uint64_t most = offsets ? ct_inner_size(offsets) / 8 : 0;
    ct_code code = open_calls(m);
    while (code == CT_OK && count + 1 < most && (code = ct_calls_in_next(&m->calls)) == CT_OK && m->calls.call.there) {
        uint64_t function = m->calls.call.function;
        if (function >= most)
            continue;
        while (code == CT_OK && m->function_count <= function) {
            if (GROW(m->function_paths, known, m->function_count))
                m->function_paths[m->function_count++] = UINT64_MAX;
            else
                code = CT_E_NOMEM;
        }
        if (code != CT_OK || m->function_paths[function] != UINT64_MAX)
            continue;
        if (!GROW(wanted, capacity, count)) {
            code = CT_E_NOMEM;
            break;
        }
        m->function_paths[function] = 0;
        wanted[count++] = (first_call){function, m->calls.call.entry};
    }
    for (size_t i = 0; i < m->function_count; i++)
        m->function_paths[i] = 0;
    ct_calls_in_close(&m->calls);
    if (code == CT_OK && count)
        code = open_steps(m, meta);
    if (code == CT_OK && count) {
        uint64_t id = 0, chunk = m->steps.chunk_size;
        size_t next = 0;
        step_in step = {0};
        qsort(wanted, count, sizeof *wanted, by_entry);
        while (code == CT_OK && next < count) {
            while (chunk && m->steps.in.at == m->steps.in.end && wanted[next].entry >= id + chunk && ct_chunks_skip(&m->steps))
                id += chunk;
            if ((code = next_step(m, &step)) != CT_OK)
                break;
            for (; next < count && wanted[next].entry <= id; next++)
                m->function_paths[wanted[next].function] = ct_places_in_find(&m->places, m->position).path;
            id++;
        }
        ct_chunks_close(&m->steps);
    }
    ct_free(m->r->sink->allocator, wanted);
    return code == CT_END ? CT_OK : code;
}

/* ---- the merge: values and output: sections 4 and 6 ---- */

static ct_code
open_values(multi_in *m, const ct_meta *meta)
{
    static const char *const names[] = {"values.dat", "values.idx", "values.off"};
    return open_records(m, &m->values, &VALUES, names, meta->there && !(meta->flags & CT_META_VALUES_CHUNKED));
}

/* The record of the step at hand. Nothing of it is handed on when one of its values cannot be read. */
static ct_code
give_values(multi_in *m, bool is_step)
{
    ct_reading *r = m->r;
    ct_input in;
    size_t count = 0;
    ct_code code = ct_records_next(&m->values, &in, r->error);
    if (code != CT_OK || in.at == in.end)
        return code;
    bool old = m->values.is_table;
    if (!old && ct_take_byte(&in) != 0)
        in.bad = true;
    ct_stream_forget(&r->tree);
    for (size_t left = ct_take_count(&in, 2); left > 0 && !in.bad; left--) {
        uint64_t name = ct_take_varint(&in);
        if (old)
            (void)ct_take_varint(&in); /* the type, which the value names too */
        ct_text value = ct_take_text(&in);
        ct_input body = {(const uint8_t *)value.bytes, (const uint8_t *)value.bytes + value.size, in.bad};
        size_t node = in.bad ? 0 : ct_cbor_take_value(&r->tree, &body);
        in.bad = in.bad || body.bad;
        if (!in.bad && (!node || !GROW(m->named, m->named_capacity, count)))
            return CT_E_NOMEM;
        if (!in.bad)
            m->named[count++] = (named_value){name, node};
    }
    if (in.bad) {
        ct_records_spoil(&m->values);
        return CT_END;
    }
    for (size_t i = 0; i < count && is_step; i++) {
        ct_reading_at(r, ct_records_place(&m->values));
        CT_TRY(r->sink->value(r->sink->context, m->named[i].name, &r->tree, m->named[i].node));
    }
    return CT_OK;
}

/* The next record of the events stream into m->event, behind its step's id. */
static ct_code
next_event(multi_in *m)
{
    ct_code code = ct_records_next(&m->events, &m->event, m->r->error);
    m->event_there = code == CT_OK;
    if (code != CT_OK)
        return code == CT_END ? CT_OK : code;
    ct_input in = m->event;
    (void)ct_take_byte(&in);
    m->event_step = ct_take_varint(&in);
    return CT_OK;
}

static ct_code
open_events(multi_in *m, const ct_meta *meta)
{
    static const char *const names[] = {"events.dat", "events.idx", "events.off"};
    CT_TRY(open_records(m, &m->events, &EVENTS, names, meta->there && !(meta->flags & CT_META_EVENTS_CHUNKED)));
    return next_event(m);
}

/* What was written at that step. */
static ct_code
give_events(multi_in *m, uint64_t step)
{
    static const uint8_t old_kinds[] = {0 /* Write */, 2 /* WriteOther */, 1 /* WriteFile */, 11 /* Error */};
    const ct_stream_sink *sink = m->r->sink;
    while (m->event_there && m->event_step <= step) {
        ct_input in = m->event;
        bool old = m->events.is_table;
        uint64_t kind = ct_take_byte(&in);
        (void)ct_take_varint(&in);
        ct_text metadata = old ? (ct_text){"", 0} : ct_take_text(&in), content = ct_take_text(&in);
        if (in.bad || (old && kind >= sizeof old_kinds)) {
            ct_records_spoil(&m->events);
            m->event_there = false;
            return CT_OK;
        }
        ct_reading_at(m->r, ct_records_place(&m->events));
        CT_TRY(sink->event(sink->context, old ? old_kinds[kind] : kind, metadata.bytes, metadata.size, content.bytes, content.size));
        CT_TRY(next_event(m));
    }
    return CT_OK;
}

/* ---- the merge ---- */

static ct_code
give_step(multi_in *m, const step_in *step)
{
    const ct_stream_sink *sink = m->r->sink;
    ct_reading_at(m->r, m->steps.place);
    switch (step->tag) {
    case RAISE:
        return sink->raised ? sink->raised(sink->context, step->number, step->message.bytes, step->message.size) : CT_OK;
    case CATCH:
        return sink->caught ? sink->caught(sink->context, step->number) : CT_OK;
    case THREAD_SWITCH:
    case THREAD_START:
    case THREAD_EXIT:
        return sink->thread(sink->context, step->tag == THREAD_START ? CT_THREAD_STARTS : step->tag == THREAD_EXIT ? CT_THREAD_EXITS : CT_THREAD_SWITCHES,
                            step->number);
    default: {
        ct_place at = ct_places_in_find(&m->places, m->position);
        return sink->step(sink->context, at.path, at.line, at.column);
    }
    }
}

static ct_code
merge(multi_in *m)
{
    step_in step;
    bool values = true;
    ct_code code;
    while ((code = next_step(m, &step)) == CT_OK) {
        bool is_step = step.tag == ABSOLUTE_STEP || step.tag == DELTA_STEP || step.tag == DELTA_COLUMN;
        CT_TRY(ct_calls_in_begin(&m->calls, m->step));
        CT_TRY(give_step(m, &step));
        if (values) {
            code = give_values(m, is_step);
            values = code == CT_OK;
            if (code == CT_END && !ct_records_problem(&m->values)->message)
                ct_reading_problem(m->r, "values.dat ends before steps.dat does: from this step on no variables are known", m->steps.place);
            if (code != CT_OK && code != CT_END)
                return code;
        }
        CT_TRY(give_events(m, m->step));
        CT_TRY(ct_calls_in_end(&m->calls, m->step, m->steps.place));
        m->step++;
    }
    if (code != CT_END)
        return code;
    /* What is left belongs to no step: to a program that made none, or to steps that are lost. */
    bool whole = !m->steps.problem.message;
    if (whole && m->step == 0) {
        CT_TRY(give_events(m, 0));
        CT_TRY(ct_calls_in_end(&m->calls, 0, m->steps.place));
    }
    if (whole && (m->calls.call.there || m->event_there))
        ct_reading_problem(m->r, "calls.dat or events.dat tells of steps that steps.dat does not have: its end is missing", m->steps.place);
    return CT_OK;
}

static ct_code
read_streams(multi_in *m, const ct_meta *meta)
{
    CT_TRY(open_steps(m, meta));
    CT_TRY(open_values(m, meta));
    CT_TRY(open_events(m, meta));
    CT_TRY(open_calls(m));
    CT_TRY(ct_calls_in_next(&m->calls));
    ct_code code = merge(m);
    const ct_problem *problems[] = {&m->steps.problem, ct_records_problem(&m->calls.records), ct_records_problem(&m->values), ct_records_problem(&m->events)};
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        ct_reading_problem(m->r, problems[i]->message, problems[i]->place);
    return code;
}

/* A writer makes these before the first step (section 2). Entries of the directory carry no checksum: without this a damaged one would hand on
   steps without their calls and variables, as if the program had had none. */
static ct_code
require_streams(const multi_in *m)
{
#define ALWAYS(name) {name, "the container's directory is damaged: " name ", which every multi-stream trace has, is not in it"}
    static const struct { const char *name, *missing; } always[] = {
        ALWAYS("steps.dat"), ALWAYS("values.dat"), ALWAYS("calls.dat"), ALWAYS("events.dat"),
        ALWAYS("paths.dat"), ALWAYS("funcs.dat"), ALWAYS("varnames.dat"),
    };
#undef ALWAYS
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        ct_inner *file;
        CT_TRY(find(m, always[i].name, &file));
        if (!file)
            return ct_fail(m->r->error, CT_E_CORRUPT, always[i].missing, CT_CTFS_HEADER, 0);
    }
    return CT_OK;
}

ct_code
ct_multi_read(ct_reading *r)
{
    multi_in m = {.r = r, .places.allocator = r->sink->allocator};
    ct_meta meta;
    ct_code code = require_streams(&m);
    if (code == CT_OK)
        code = ct_read_meta(r, CT_FIRST_ENTRY, &meta);
    if (code == CT_OK)
        code = read_paths(&m, &meta);
    if (code == CT_OK)
        code = place_functions(&m, &meta);
    if (code == CT_OK)
        code = read_functions(&m);
    if (code == CT_OK)
        code = read_names(&m, true);
    if (code == CT_OK)
        code = read_names(&m, false);
    if (code == CT_OK)
        code = read_views(&m);
    if (code == CT_OK)
        code = read_streams(&m, &meta);
    ct_reading_problem(r, meta.problem.message, meta.problem.place);
    if (code == CT_OK && !meta.there)
        ct_reading_problem(r, "meta.dat is missing: the writer of the container was killed, and what it had not written yet is lost", 0);
    ct_chunks_close(&m.steps);
    ct_records_close(&m.values);
    ct_calls_in_close(&m.calls);
    ct_records_close(&m.events);
    ct_free(r->sink->allocator, m.named);
    ct_places_in_free(&m.places);
    ct_free(r->sink->allocator, m.function_paths);
    return code;
}

ct_code
ct_multi_places(ct_reading *r, ct_places_in *places)
{
    multi_in m = {.r = r, .places.allocator = r->sink->allocator};
    ct_meta meta;
    ct_code code = ct_read_meta(r, CT_FIRST_ENTRY, &meta);
    if (code == CT_OK)
        code = read_paths(&m, &meta);
    *places = m.places;
    return code;
}
