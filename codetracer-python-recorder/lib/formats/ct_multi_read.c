/* See ct_reading.h: the multi-stream layout (ctfs.md sections 2 to 6). The parts, in order: tables, places of steps, the steps stream, where functions
 * are, calls, values, output, the merge.
 *
 * Four streams become one sequence of events. What orders them are step ids: a call begins before the step that it names first and ends behind the one
 * that it names last, a step's values and what the program wrote stand behind the step. Invariant: memory holds one chunk of each stream, the calls that
 * are open, and, for column-aware steps, a number per line of the sources.
 */
#include "formats/cbor_read.h"
#include "formats/ct_reading.h"
#include "util/memory.h"

enum { LINES_PER_FILE = 100000, RAW_TYPE = 16, RAW_VIEW = 0, NO_VALUE = 0xFF };
enum { ABSOLUTE_STEP, DELTA_STEP, RAISE, CATCH, THREAD_SWITCH, THREAD_START, THREAD_EXIT, DELTA_COLUMN };

static const ct_stream_words PATHS = CT_STREAM_WORDS("paths.dat"), FUNCTIONS = CT_STREAM_WORDS("funcs.dat"), TYPES = CT_STREAM_WORDS("types.dat"),
                             NAMES = CT_STREAM_WORDS("varnames.dat"), STEPS = CT_STREAM_WORDS("steps.dat"), VALUES = CT_STREAM_WORDS("values.dat"),
                             CALLS = CT_STREAM_WORDS("calls.dat"), EVENTS = CT_STREAM_WORDS("events.dat"), VIEWS = CT_STREAM_WORDS("srcviews.dat");

/* A source file in the space of positions. */
typedef struct file_in {
    uint64_t base, size;
    size_t first_line, lines;      /* in multi_in.lines; lines: 0: no table */
    bool has_columns;
} file_in;

typedef struct step_in { unsigned tag; uint64_t number; int64_t delta; ct_text message; } step_in;

/* A call whose record was read and that has not begun. */
typedef struct call_in {
    bool there;
    uint64_t key, function, entry, exit;
    int64_t parent;
    ct_input arguments;
    ct_text result;
} call_in;

typedef struct open_call { uint64_t key; int64_t parent; uint64_t entry, exit, least; uint8_t *result; size_t result_size; } open_call;

typedef struct named_value { uint64_t name; size_t node; } named_value;

typedef struct multi_in {
    ct_reading *r;
    bool by_column;
    file_in *files;
    size_t file_count, file_capacity;
    uint64_t *lines;               /* column-aware: where each line of each file begins, from the file's base */
    size_t line_count, line_capacity;
    uint64_t *function_paths;
    size_t function_count;

    ct_chunks steps;
    uint64_t position;             /* gli of the last step */
    uint64_t step;                 /* id of the next one */
    ct_records values, calls, events;
    uint64_t next_call;            /* key of the next record */
    call_in call;
    uint64_t event_step;           /* of the event at hand */
    ct_input event;
    bool event_there;
    named_value *named;
    size_t named_capacity;
    open_call *open;
    size_t open_count, open_capacity;
} multi_in;

static bool
grow(const multi_in *m, void *array, size_t *capacity, size_t count, size_t size)
{
    void **items = array;
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *bigger = ct_resize(m->r->sink->allocator, *items, wanted * size);
    if (!bigger)
        return false;
    *items = bigger;
    *capacity = wanted;
    return true;
}
#define GROW(items, capacity, count) grow(m, &(items), &(capacity), (count), sizeof *(items))

/* ctfs.md section 11: ct-print, for which this half is, takes the first of two files with the same name. */
static ct_code
find(const multi_in *m, const char *name, ct_inner **file)
{
    ct_code code;
    *file = ct_container_find(m->r->container, name, CT_FIRST_ENTRY, &code, m->r->error);
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

/* `str path, varint lines, a length per line` and nothing behind it; the lines' beginnings are kept. */
static bool
take_columns(multi_in *m, ct_input in, ct_text *path, file_in *file, bool *memory)
{
    size_t first = m->line_count;
    uint64_t at = 0;
    int64_t length = 0;
    *path = ct_take_text(&in);
    size_t lines = ct_take_count(&in, 1);
    for (size_t i = 0; i < lines && !in.bad && *memory; i++) {
        int64_t delta = ct_take_svarint(&in);
        if (__builtin_add_overflow(length, delta, &length) || length < 0 || length > INT32_MAX)
            in.bad = true;
        *memory = GROW(m->lines, m->line_capacity, m->line_count);
        if (*memory)
            m->lines[m->line_count++] = at;
        at += (uint64_t)length;
        file->has_columns = file->has_columns || length > 1;
    }
    if (in.bad || in.at != in.end) {
        m->line_count = first;
        return false;
    }
    file->first_line = first;
    file->lines = lines;
    file->size = lines == 0 ? LINES_PER_FILE : at ? at : 1;
    return true;
}

static ct_code
read_paths(multi_in *m, const ct_meta *meta)
{
    ct_table table = {0};
    ct_input record;
    uint64_t base = 0;
    ct_code code = open_table(m, &table, &PATHS, "paths.dat", "paths.off");
    m->by_column = meta->there && meta->flags & CT_META_COLUMNS;
    while (code == CT_OK && (code = ct_table_next(&table, &record, m->r->error)) == CT_OK) {
        ct_text path = text_of(&record), inside;
        file_in file = {.base = base, .size = LINES_PER_FILE};
        bool memory = true;
        /* A writer that was killed left no meta.dat: the record itself tells, for hardly any path is one with a table of lines by chance. */
        if (!meta->there && m->file_count == 0)
            m->by_column = take_columns(m, record, &inside, &file, &memory);
        else if (m->by_column && !take_columns(m, record, &inside, &file, &memory) && memory) {
            ct_reading_problem(m->r, PATHS.damaged, ct_inner_place(table.data, table.at));
            code = CT_END;
            break;
        }
        if (!memory || !GROW(m->files, m->file_capacity, m->file_count)) {
            code = CT_E_NOMEM;
            break;
        }
        m->files[m->file_count++] = file;
        base += file.size;
        if (m->by_column)
            path = inside;
        ct_reading_at(m->r, ct_inner_place(table.data, table.at));
        code = m->r->sink->path(m->r->sink->context, path.bytes, path.size);
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
        ct_stream_type type = {.kind = RAW_TYPE, .name = name.bytes, .name_size = name.size, .fields = ""};
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

/* ---- places of steps: section 3 ---- */

typedef struct place { uint64_t path; int64_t line; uint64_t column; } place;

static place
place_of(const multi_in *m, uint64_t gli)
{
    if (!m->by_column) {
        uint64_t path = gli / LINES_PER_FILE, last = m->file_count ? m->file_count - 1 : 0;
        if (path > last && gli >> 32 > 0 && gli >> 32 <= last) /* as another of upstream's writers packs them */
            return (place){gli >> 32, (int64_t)(gli & UINT32_MAX), 0};
        if (path > last)
            path = last;
        uint64_t line = gli - path * LINES_PER_FILE;
        return (place){path, line > INT32_MAX ? INT32_MAX : (int64_t)line, 0};
    }
    size_t low = 0, high = m->file_count;
    while (low + 1 < high) { /* the last file that does not begin behind it */
        size_t middle = low + (high - low) / 2;
        if (m->files[middle].base <= gli)
            low = middle;
        else
            high = middle;
    }
    if (m->file_count == 0)
        return (place){0};
    const file_in *file = &m->files[low];
    uint64_t within = gli - file->base;
    if (file->lines == 0)
        return (place){low, within > INT32_MAX ? INT32_MAX : (int64_t)within, 0};
    const uint64_t *lines = m->lines + file->first_line;
    size_t from = 0, to = file->lines;
    while (from + 1 < to) { /* of lines that begin at the same place the last: those before it are empty */
        size_t middle = from + (to - from) / 2;
        if (lines[middle] <= within)
            from = middle;
        else
            to = middle;
    }
    return (place){low, (int64_t)from + 1, file->has_columns ? within - lines[from] + 1 : 0};
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

/* ---- calls: section 5 ---- */

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
    static const char *const names[] = {"calls.dat", "calls.idx", NULL};
    m->next_call = 0;
    return open_records(m, &m->calls, &CALLS, names, false);
}

/* The next record of the calls stream into m->call; at its end there is none. */
static ct_code
next_call(multi_in *m)
{
    ct_input record;
    call_in *call = &m->call;
    *call = (call_in){0};
    ct_code code = ct_records_next(&m->calls, &record, m->r->error);
    if (code != CT_OK)
        return code == CT_END ? CT_OK : code;
    call->key = m->next_call++;
    call->function = ct_take_varint(&record);
    call->parent = ct_take_svarint(&record);
    call->entry = ct_take_varint(&record);
    call->exit = ct_take_varint(&record);
    (void)ct_take_varint(&record); /* the depth, which the parents say too */
    call->arguments.at = record.at;
    for (size_t left = ct_take_count(&record, 2); left > 0 && !record.bad; left--) {
        (void)ct_take_varint(&record);
        (void)ct_take_text(&record);
    }
    call->arguments.end = record.at;
    call->result = ct_take_text(&record);
    call->there = !record.bad;
    if (record.bad)
        ct_records_spoil(&m->calls);
    return CT_OK;
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
    while (code == CT_OK && count + 1 < most && (code = next_call(m)) == CT_OK && m->call.there) {
        uint64_t function = m->call.function;
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
        wanted[count++] = (first_call){function, m->call.entry};
    }
    for (size_t i = 0; i < m->function_count; i++)
        m->function_paths[i] = 0;
    ct_records_close(&m->calls);
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
                m->function_paths[wanted[next].function] = place_of(m, m->position).path;
            id++;
        }
        ct_chunks_close(&m->steps);
    }
    ct_free(m->r->sink->allocator, wanted);
    return code == CT_END ? CT_OK : code;
}

/* ---- the merge: calls ---- */

/* Open calls lie in the order of their keys. Each knows the least exit among itself and those below, so that one look at the top tells whether any
 * ends: nearly always it is the top that does, but calls of several threads need not be nested. */
static void
note_least(multi_in *m, size_t from)
{
    for (size_t i = from; i < m->open_count; i++) {
        open_call *call = &m->open[i];
        call->least = i && call[-1].least < call->exit ? call[-1].least : call->exit;
    }
}

static ct_code
begin_call(multi_in *m)
{
    ct_reading *r = m->r;
    call_in *call = &m->call;
    ct_input *in = &call->arguments;
    if (!GROW(m->open, m->open_capacity, m->open_count))
        return CT_E_NOMEM;
    open_call opened = {call->key, call->parent, call->entry, call->exit, 0, ct_allocate(r->sink->allocator, call->result.size), call->result.size};
    if (!opened.result)
        return CT_E_NOMEM;
    memcpy(opened.result, call->result.bytes, call->result.size);
    m->open[m->open_count++] = opened;
    note_least(m, m->open_count - 1);
    ct_reading_at(r, ct_records_place(&m->calls));
    ct_stream_forget(&r->tree);
    for (uint64_t left = ct_take_varint(in); left > 0; left--) {
        uint64_t name = ct_take_varint(in);
        ct_text value = ct_take_text(in);
        ct_input body = {(const uint8_t *)value.bytes, (const uint8_t *)value.bytes + value.size, false};
        size_t node = ct_cbor_take_value(&r->tree, &body);
        if (!node && !body.bad)
            return CT_E_NOMEM;
        if (body.bad) /* one that cannot be read is one that is not known */
            ct_reading_problem(r, CALLS.damaged, ct_records_place(&m->calls));
        else
            CT_TRY(r->sink->argument(r->sink->context, name, &r->tree, node));
    }
    CT_TRY(r->sink->call(r->sink->context, call->function));
    return next_call(m);
}

static ct_code
end_call(multi_in *m, size_t index)
{
    ct_reading *r = m->r;
    open_call call = m->open[index];
    size_t node = 0;
    bool memory = true;
    ct_reading_at(r, m->steps.place);
    ct_stream_forget(&r->tree);
    if (call.result_size && !(call.result_size == 1 && call.result[0] == NO_VALUE)) {
        ct_input body = {call.result, call.result + call.result_size, false};
        node = ct_cbor_take_value(&r->tree, &body);
        memory = node || body.bad;
        if (body.bad) {
            ct_reading_problem(r, CALLS.damaged, m->steps.place);
            node = 0;
        }
    }
    memmove(&m->open[index], &m->open[index + 1], (m->open_count - index - 1) * sizeof *m->open);
    m->open_count--;
    note_least(m, index);
    ct_code code = memory ? r->sink->returned(r->sink->context, &r->tree, node) : CT_E_NOMEM;
    ct_free(r->sink->allocator, call.result);
    return code;
}

/* Ends what ends with this step, the innermost first; only calls that began behind the one with the key `above` (-1: all). */
static ct_code
end_above(multi_in *m, uint64_t step, int64_t above)
{
    for (size_t i = m->open_count; i > 0 && m->open[i - 1].least <= step && (int64_t)m->open[i - 1].key > above; i--)
        if (m->open[i - 1].exit <= step)
            CT_TRY(end_call(m, i - 1));
    return CT_OK;
}

/* A call without any step in it is entered and left at the last step written: behind that step, not before it. Nothing says so, but the step is not
 * such a call's own when its caller, or another call of the same caller, had it already. */
static bool
is_behind_its_step(const multi_in *m)
{
    const call_in *call = &m->call;
    if (call->entry != call->exit)
        return false;
    for (size_t i = m->open_count; i > 0 && (int64_t)m->open[i - 1].key >= call->parent; i--) {
        const open_call *other = &m->open[i - 1];
        if ((int64_t)other->key == call->parent ? other->entry == call->entry : other->parent == call->parent && other->exit == call->entry)
            return true;
    }
    return false;
}

static ct_code
begin_calls(multi_in *m)
{
    while (m->call.there && m->call.entry <= m->step && !is_behind_its_step(m))
        CT_TRY(begin_call(m));
    return CT_OK;
}

static ct_code
end_calls(multi_in *m, uint64_t step)
{
    while (m->call.there && m->call.entry <= step) {
        CT_TRY(end_above(m, step, m->call.parent));
        CT_TRY(begin_call(m));
    }
    return end_above(m, step, -1);
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
        place at = place_of(m, m->position);
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
        CT_TRY(begin_calls(m));
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
        CT_TRY(end_calls(m, m->step));
        m->step++;
    }
    if (code != CT_END)
        return code;
    /* What is left belongs to no step: to a program that made none, or to steps that are lost. */
    bool whole = !m->steps.problem.message;
    if (whole && m->step == 0) {
        CT_TRY(give_events(m, 0));
        CT_TRY(end_calls(m, 0));
    }
    if (whole && (m->call.there || m->event_there))
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
    CT_TRY(next_call(m));
    ct_code code = merge(m);
    const ct_problem *problems[] = {&m->steps.problem, ct_records_problem(&m->calls), ct_records_problem(&m->values), ct_records_problem(&m->events)};
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        ct_reading_problem(m->r, problems[i]->message, problems[i]->place);
    return code;
}

ct_code
ct_multi_read(ct_reading *r)
{
    multi_in m = {.r = r};
    ct_meta meta;
    ct_code code = ct_read_meta(r, CT_FIRST_ENTRY, &meta);
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
    ct_records_close(&m.calls);
    ct_records_close(&m.events);
    for (size_t i = 0; i < m.open_count; i++)
        ct_free(r->sink->allocator, m.open[i].result);
    ct_free(r->sink->allocator, m.open);
    ct_free(r->sink->allocator, m.named);
    ct_free(r->sink->allocator, m.files);
    ct_free(r->sink->allocator, m.lines);
    ct_free(r->sink->allocator, m.function_paths);
    return code;
}
