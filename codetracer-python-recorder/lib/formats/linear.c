/* See linear.h. One loop over the replay; what it keeps grows with the program's stack and its definitions, never with its steps. */
#include "formats/linear.h"

#include <errno.h>

#include "formats/text.h"
#include "model/values.h"

enum { PROGRESS_EVERY = 8192, OUTPUT_PIECE = 1024 * 1024 };

typedef struct call_stack {
    uint64_t thread;
    bool started;                  /* a THREAD_START was passed on, or it is the first thread */
    uint32_t *codes;               /* journal codes of the open calls, bottom first */
    size_t depth, capacity;
} call_stack;

typedef struct code_ids {
    uint32_t function, path;       /* + 1; 0: not yet */
    uint32_t first_place;          /* of its slots; 0: a namespace. Those share the first places, by name */
    uint64_t activation, event;    /* of the last whole snapshot: id + 1, and the event's number */
} code_ids;

/* The value that was at a place last (ct_named_value.place). */
typedef struct place_state {
    uint64_t serial;               /* 0: none yet */
    uint64_t cuts;
    uint64_t object_serial;        /* of what was encoded for an object */
    uint64_t checked;              /* ct_replay_objects_changed when an object was last found unchanged, */
    uint64_t event;                /* and the event's number */
    bool alone;                    /* the object shows no other */
    ct_value value;                /* its bytes, if it has any in place, are in `bytes` */
    uint8_t bytes[CT_VALUE_MAX];
} place_state;

struct ct_linear {
    ct_journal *journal;
    ct_replay *replay;
    const ct_linear_sink *sink;
    ct_export_result *result;
    ct_types types;
    ct_value_cache values;
    ct_intern paths, functions, variables, cut_slots;
    uint32_t *path_ids, *variable_ids; /* by the journal's numbers; + 1 */
    code_ids *codes;
    size_t path_count, name_count, code_count;
    ct_named_value *snapshot;
    size_t snapshot_capacity;
    place_state *places;
    uint64_t last_serial;
    call_stack *threads;
    size_t thread_count, thread_capacity;
    size_t current;                /* index in threads; SIZE_MAX: none */
    bool any_thread;
    ct_buffer pending;             /* output that may still be joined with what follows */
    enum ct_stream_number pending_stream;
    ct_buffer scratch;
    ct_error *error;
};
typedef struct ct_linear linear;

/* ---- definitions ---- */

/* Cleans into l->scratch. Names of files: what is no UTF-8 becomes U+FFFD. */
static ct_code
clean(linear *l, ct_text text, bool escape, ct_text *cleaned)
{
    l->scratch.size = 0;
    ct_text_clean(&l->scratch, (const uint8_t *)text.bytes, text.size, escape);
    if (l->scratch.failed)
        return CT_E_NOMEM;
    *cleaned = (ct_text){ l->scratch.size ? (const char *)l->scratch.bytes : "", l->scratch.size };
    return CT_OK;
}

static ct_code
path_of_text(linear *l, ct_text text, uint32_t *id)
{
    bool is_new;
    CT_TRY(clean(l, text, false, &text));
    CT_TRY(ct_intern_add(&l->paths, text.bytes, text.size, id, &is_new));
    return is_new ? l->sink->path(l->sink->context, text) : CT_OK;
}

static ct_code
path_of(linear *l, uint32_t path, uint32_t *id)
{
    if (path >= l->path_count)
        return ct_fail(l->error, CT_E_CORRUPT, "a path that is not defined", 0, 0);
    if (!l->path_ids[path]) {
        CT_TRY(path_of_text(l, ct_journal_path(l->journal, path), id));
        l->path_ids[path] = *id + 1;
    }
    *id = l->path_ids[path] - 1;
    return CT_OK;
}

static ct_code
variable_of_text(linear *l, ct_text text, uint32_t *id)
{
    bool is_new;
    CT_TRY(clean(l, text, true, &text));
    CT_TRY(ct_intern_add(&l->variables, text.bytes, text.size, id, &is_new));
    return is_new ? l->sink->variable(l->sink->context, text) : CT_OK;
}

static inline ct_code
variable_of(linear *l, uint32_t name, uint32_t *id)
{
    if (name >= l->name_count)
        return ct_fail(l->error, CT_E_CORRUPT, "a name that is not defined", 0, 0);
    if (!l->variable_ids[name]) {
        CT_TRY(variable_of_text(l, ct_journal_name(l->journal, name), id));
        l->variable_ids[name] = *id + 1;
    }
    *id = l->variable_ids[name] - 1;
    return CT_OK;
}

/* (path, line, name) identify a function: code that is compiled twice is one. */
static ct_code
function_of(linear *l, uint32_t path, int64_t line, ct_text name, uint32_t *id)
{
    bool is_new;
    uint8_t place[12];
    size_t name_size;
    memcpy(place, &path, 4);
    memcpy(place + 4, &line, 8);
    CT_TRY(clean(l, name, true, &name));
    name_size = name.size;
    ct_buffer_add(&l->scratch, place, sizeof place);
    if (l->scratch.failed)
        return CT_E_NOMEM;
    CT_TRY(ct_intern_add(&l->functions, l->scratch.bytes, l->scratch.size, id, &is_new));
    name = (ct_text){ (const char *)l->scratch.bytes, name_size };
    return is_new ? l->sink->function(l->sink->context, path, line, name) : CT_OK;
}

/* Not every code is a function: an activation may go on in one that says in which other file it is. */
static ct_code
code_path(linear *l, uint32_t code, const ct_code_info **info, uint32_t *path)
{
    if (code >= l->code_count || !(*info = ct_journal_code(l->journal, code)))
        return ct_fail(l->error, CT_E_CORRUPT, "a code that is not defined", 0, 0);
    code_ids *ids = &l->codes[code];
    if (!ids->path) {
        CT_TRY(path_of(l, (*info)->path, path));
        ids->path = *path + 1;
    }
    *path = ids->path - 1;
    return CT_OK;
}

static ct_code
ids_of(linear *l, uint32_t code, const ct_code_info **info, uint32_t *function, uint32_t *path)
{
    CT_TRY(code_path(l, code, info, path));
    code_ids *ids = &l->codes[code];
    if (!ids->function) {
        ct_text name = (*info)->qualified_name;
        ct_buffer angled = { .allocator = ct_journal_allocator(l->journal) };
        if ((*info)->flags & CT_CODE_MODULE) {
            ct_buffer_add_byte(&angled, '<');
            if ((*info)->module.size)
                ct_buffer_add(&angled, (*info)->module.bytes, (*info)->module.size);
            else
                ct_buffer_add_text(&angled, "module");
            ct_buffer_add_byte(&angled, '>');
            name = (ct_text){ (const char *)angled.bytes, angled.size };
        }
        ct_code result = angled.failed ? CT_E_NOMEM : function_of(l, *path, (*info)->first_line, name, function);
        ct_buffer_free(&angled);
        CT_TRY(result);
        ids->function = *function + 1;
    }
    *function = ids->function - 1;
    return CT_OK;
}

/* ---- output: joined within a step, one event a line ---- */

static ct_code
flush_output(linear *l, bool whole)
{
    size_t start = 0, size = l->pending.size;
    const uint8_t *bytes = l->pending.bytes;
    while (start < size) {
        const uint8_t *newline = memchr(bytes + start, '\n', size - start);
        size_t end = newline ? (size_t)(newline - bytes) + 1 : size;
        if (!newline && !whole && size - start < OUTPUT_PIECE)
            break;
        ct_text text, piece = { (const char *)bytes + start, end - start };
        CT_TRY(clean(l, piece, true, &text));
        CT_TRY(l->sink->output(l->sink->context, l->pending_stream, text));
        start = end;
    }
    if (start && start < size)
        memmove(l->pending.bytes, bytes + start, size - start);
    l->pending.size = size - start;
    return CT_OK;
}

static inline ct_code settle(linear *l) { return l->pending.size ? flush_output(l, true) : CT_OK; }

/* ---- calls and threads ---- */

static ct_code
push(const linear *l, call_stack *stack, uint32_t code)
{
    if (stack->depth == stack->capacity) {
        size_t capacity = stack->capacity ? stack->capacity * 2 : 64;
        uint32_t *codes = ct_resize(ct_journal_allocator(l->journal), stack->codes, capacity * sizeof *codes);
        if (!codes)
            return CT_E_NOMEM;
        stack->codes = codes;
        stack->capacity = capacity;
    }
    stack->codes[stack->depth++] = code;
    return CT_OK;
}

static ct_code
leave_with(linear *l, const ct_value *value)
{
    ct_encoded encoded;
    CT_TRY(ct_value_cache_encode(&l->values, value, &encoded, l->error));
    l->result->cut_values += encoded.cuts;
    return l->sink->leave(l->sink->context, &encoded);
}

static ct_code
leave_without(linear *l)
{
    ct_value none = { .kind = CT_NONE };
    return leave_with(l, &none);
}

static ct_code
enter(linear *l, uint32_t code, ct_named_value *arguments, size_t count)
{
    const ct_code_info *info;
    uint32_t function, path;
    CT_TRY(ids_of(l, code, &info, &function, &path));
    l->result->calls++;
    l->result->steps++;
    return l->sink->call(l->sink->context, function, path, info->first_line, true, arguments, count);
}

static ct_code
thread_index(linear *l, uint64_t thread, size_t *index)
{
    for (size_t i = 0; i < l->thread_count; i++)
        if (l->threads[i].thread == thread) {
            *index = i;
            return CT_OK;
        }
    if (l->thread_count == l->thread_capacity) {
        size_t capacity = l->thread_capacity ? l->thread_capacity * 2 : 8;
        call_stack *threads = ct_resize(ct_journal_allocator(l->journal), l->threads, capacity * sizeof *threads);
        if (!threads)
            return CT_E_NOMEM;
        l->threads = threads;
        l->thread_capacity = capacity;
    }
    l->threads[l->thread_count] = (call_stack){ .thread = thread };
    *index = l->thread_count++;
    return CT_OK;
}

/* ThreadStart for every thread but the first, once. */
static ct_code
start_thread(linear *l, size_t index)
{
    if (l->threads[index].started)
        return CT_OK;
    l->threads[index].started = true;
    if (!l->any_thread) {
        l->any_thread = true;
        l->current = index;
        return CT_OK;
    }
    CT_TRY(settle(l));
    return l->sink->thread(l->sink->context, CT_LINEAR_THREAD_START, l->threads[index].thread);
}

static ct_code
close_calls(linear *l)
{
    if (l->current != SIZE_MAX)
        for (size_t i = l->threads[l->current].depth; i > 0; i--)
            CT_TRY(leave_without(l));
    return CT_OK;
}

/* What follows happens in this thread: the one stack of the formats must be its stack. */
static ct_code
switch_to(linear *l, uint64_t thread)
{
    size_t index;
    if (l->current != SIZE_MAX && l->threads[l->current].thread == thread)
        return CT_OK;
    CT_TRY(thread_index(l, thread, &index));
    CT_TRY(start_thread(l, index));
    if (l->current == index)
        return CT_OK;
    CT_TRY(settle(l));
    CT_TRY(close_calls(l));
    l->current = index;
    CT_TRY(l->sink->thread(l->sink->context, CT_LINEAR_THREAD_SWITCH, thread));
    for (size_t i = 0; i < l->threads[index].depth; i++)
        CT_TRY(enter(l, l->threads[index].codes[i], NULL, 0));
    return CT_OK;
}

static ct_code
exit_thread(linear *l, uint64_t thread)
{
    size_t index;
    CT_TRY(thread_index(l, thread, &index));
    CT_TRY(settle(l));
    if (l->current == index) {
        CT_TRY(close_calls(l));
        l->current = SIZE_MAX;
    }
    ct_free(ct_journal_allocator(l->journal), l->threads[index].codes);
    l->threads[index] = l->threads[--l->thread_count];
    if (l->current == l->thread_count)
        l->current = index;
    return l->sink->thread(l->sink->context, CT_LINEAR_THREAD_EXIT, thread);
}

static bool
begins_call(const ct_event *event)
{
    return event->kind == CT_EVENT_CALL || event->kind == CT_EVENT_RESUME || event->kind == CT_EVENT_THROW;
}

static bool
ends_call(const ct_event *event)
{
    return event->kind == CT_EVENT_RETURN || event->kind == CT_EVENT_YIELD || event->kind == CT_EVENT_UNWIND || event->kind == CT_EVENT_LOST;
}

/* The calls that are running before the first event: there are such when the beginning of the recording was not kept. The state is the one behind the
 * event: what it began is there already, what it ended is not there any more. */
static ct_code
take_running(linear *l, const ct_event *first)
{
    size_t index;
    uint64_t current = first->thread ? first->thread->number : 0;
    for (size_t i = 0; i < ct_replay_thread_count(l->replay); i++) {
        const ct_thread *thread = ct_replay_thread(l->replay, i);
        size_t depth = thread->depth;
        if (thread->number == current && begins_call(first))
            depth--;
        CT_TRY(thread_index(l, thread->number, &index));
        for (size_t k = 0; k < depth; k++)
            CT_TRY(push(l, &l->threads[index], thread->stack[k]->code));
        if (thread->number == current && ends_call(first))
            CT_TRY(push(l, &l->threads[index], first->activation->code));
    }
    if (first->kind == CT_EVENT_THREAD_START || first->kind == CT_EVENT_THREAD_EXIT || !first->thread)
        return CT_OK; /* the next event switches to its thread, and so opens its calls */
    CT_TRY(thread_index(l, current, &index));
    CT_TRY(start_thread(l, index));
    for (size_t i = 0; i < l->threads[index].depth; i++)
        CT_TRY(enter(l, l->threads[index].codes[i], NULL, 0));
    return CT_OK;
}

/* ---- snapshots ---- */

static ct_code
room_for_snapshot(linear *l, size_t count)
{
    if (count <= l->snapshot_capacity)
        return CT_OK;
    size_t capacity = l->snapshot_capacity ? l->snapshot_capacity : 64;
    while (capacity < count)
        capacity *= 2;
    ct_named_value *snapshot = ct_resize(ct_journal_allocator(l->journal), l->snapshot, capacity * sizeof *snapshot);
    if (!snapshot)
        return CT_E_NOMEM;
    l->snapshot = snapshot;
    l->snapshot_capacity = capacity;
    return CT_OK;
}

ct_code
ct_linear_encode(linear *l, ct_named_value *named)
{
    named->encoded = true;
    return ct_value_cache_encode(&l->values, named->source, &named->value, l->error);
}

/* Whether the value is the one that was at the place last, as far as can be told without encoding: an object may have changed inside. */
static inline bool
is_at(const place_state *at, const ct_value *value)
{
    const ct_value *last = &at->value;
    if (!at->serial || value->kind != last->kind || value->content != last->content)
        return false;
    switch (value->kind) {
    case CT_INT: return value->integer == last->integer;
    case CT_OBJECT: return value->object == last->object;
    default: return ct_value_same(value, last);
    }
}

/* Whether the object at the place is certainly as it was when it was looked at last. */
static inline bool
is_unchanged(const linear *l, const place_state *at)
{
    if (at->checked == ct_replay_objects_changed(l->replay))
        return true;
    const ct_object *object = at->alone ? ct_replay_object(l->replay, at->value.object) : NULL;
    return object && object->changed <= at->event;
}

static void
remember(place_state *at, const ct_value *value)
{
    at->value = *value;
    if (ct_value_has_inline(value)) {
        memcpy(at->bytes, value->data.bytes, (size_t)value->data.size); /* what stands in place is no longer than a value may be */
        at->value.data.bytes = at->bytes;
    }
}

/* The named value's serial, and its bytes unless the format can do without. */
static ct_code
compare_with_place(linear *l, ct_named_value *named)
{
    place_state *at = &l->places[named->place];
    bool same = is_at(at, named->source), is_object = named->source->kind == CT_OBJECT;
    named->encoded = false;
    if (!l->sink->encoder || !same || (is_object && !is_unchanged(l, at))) {
        CT_TRY(ct_linear_encode(l, named));
        if (!same || (is_object && at->object_serial != named->value.serial)) {
            if (!same)
                remember(at, named->source);
            at->serial = ++l->last_serial;
            at->cuts = named->value.cuts;
            at->object_serial = named->value.serial;
        }
        if (is_object) {
            at->checked = ct_replay_objects_changed(l->replay);
            at->event = l->values.event;
            at->alone = named->value.alone;
        }
    }
    named->serial = at->serial;
    return CT_OK;
}

/* The bound slots of the activation (only its parameters) into l->snapshot. */
static ct_code
take_snapshot(linear *l, const ct_activation *activation, bool parameters_only, size_t *taken)
{
    const ct_code_info *info = ct_journal_code(l->journal, activation->code);
    size_t count = 0;
    code_ids *ids = &l->codes[activation->code];
    uint32_t first_place = info ? ids->first_place : 0;
    /* What is at the places is this activation's last snapshot: a slot that has not changed since holds what is there. */
    bool again = first_place && l->sink->encoder && ids->activation == activation->id + 1;
    uint64_t before = ids->event;
    if (!parameters_only) {
        ids->activation = activation->id + 1;
        ids->event = l->values.event;
    }
    CT_TRY(room_for_snapshot(l, activation->slot_count));
    for (size_t i = 0; i < activation->slot_count; i++) {
        const ct_slot *slot = &activation->slots[i];
        ct_named_value *named = &l->snapshot[count];
        if (slot->value.kind == CT_UNBOUND
            || (parameters_only && (!info || info->flags & CT_CODE_NAMESPACE || slot->number >= info->slot_count
                                    || !(info->slot_kinds[slot->number] & CT_SLOT_PARAMETER))))
            continue;
        CT_TRY(variable_of(l, slot->name, &named->variable));
        named->place = first_place && slot->number < info->slot_count ? first_place + slot->number : slot->name;
        named->source = &slot->value;
        const place_state *at = &l->places[named->place];
        if (again && slot->changed <= before && (slot->value.kind != CT_OBJECT || is_unchanged(l, at))) {
            named->encoded = false;
            named->serial = at->serial;
        } else
            CT_TRY(compare_with_place(l, named));
        uint64_t cuts = at->cuts;
        if (__builtin_expect(cuts != 0, 0)) {
            const uint32_t key[2] = { activation->code, slot->number };
            uint32_t number;
            CT_TRY(ct_intern_add(&l->cut_slots, key, sizeof key, &number, NULL));
            l->result->cut_values += cuts;
            l->result->cut_variables = l->cut_slots.count;
        }
        count++;
    }
    *taken = count;
    return CT_OK;
}

/* ---- events ---- */

static ct_code
on_call(linear *l, const ct_event *event)
{
    size_t count = 0;
    CT_TRY(settle(l));
    CT_TRY(switch_to(l, event->thread->number));
    if (event->kind == CT_EVENT_CALL)
        CT_TRY(take_snapshot(l, event->activation, true, &count));
    else if (event->kind == CT_EVENT_THROW) {
        CT_TRY(room_for_snapshot(l, 1));
        CT_TRY(variable_of_text(l, (ct_text){ "exception", 9 }, &l->snapshot[0].variable));
        l->snapshot[0].place = 0;
        l->snapshot[0].source = &event->value;
        CT_TRY(ct_linear_encode(l, &l->snapshot[0]));
        l->result->cut_values += l->snapshot[0].value.cuts;
        count = 1;
    }
    CT_TRY(enter(l, event->activation->code, l->snapshot, count));
    return push(l, &l->threads[l->current], event->activation->code);
}

static ct_code
on_leave(linear *l, const ct_event *event)
{
    CT_TRY(settle(l));
    CT_TRY(switch_to(l, event->thread->number));
    call_stack *stack = &l->threads[l->current];
    if (!stack->depth)
        return CT_OK; /* one return too many would abort the loader */
    stack->depth--;
    return event->kind == CT_EVENT_LOST || event->value.kind == CT_UNBOUND ? leave_without(l) : leave_with(l, &event->value);
}

static ct_code
on_step(linear *l, const ct_event *event)
{
    const ct_code_info *info;
    uint32_t path;
    size_t count;
    CT_TRY(settle(l));
    CT_TRY(switch_to(l, event->thread->number));
    CT_TRY(code_path(l, event->activation->code, &info, &path));
    CT_TRY(take_snapshot(l, event->activation, false, &count));
    uint32_t column = l->sink->wants_columns ? ct_journal_column(l->journal, event->activation->code, event->line) : 0;
    l->result->steps++;
    return l->sink->step(l->sink->context, path, event->line, column, l->snapshot, count);
}

static ct_code
on_output(linear *l, const ct_event *event)
{
    CT_TRY(switch_to(l, event->thread->number));
    if (l->pending.size && l->pending_stream != event->stream)
        CT_TRY(settle(l));
    l->pending_stream = event->stream;
    ct_buffer_add(&l->pending, event->text.bytes, event->text.size);
    if (l->pending.failed)
        return CT_E_NOMEM;
    return l->pending.size >= OUTPUT_PIECE ? flush_output(l, false) : CT_OK;
}

static ct_code
on_event(linear *l, const ct_event *event)
{
    size_t index;
    ct_value_cache_begin(&l->values, event->number);
    switch (event->kind) {
    case CT_EVENT_STEP: return on_step(l, event);
    case CT_EVENT_CALL:
    case CT_EVENT_RESUME:
    case CT_EVENT_THROW: return on_call(l, event);
    case CT_EVENT_RETURN:
    case CT_EVENT_YIELD:
    case CT_EVENT_UNWIND:
    case CT_EVENT_LOST: return on_leave(l, event);
    case CT_EVENT_OUTPUT: return on_output(l, event);
    case CT_EVENT_THREAD_START:
        CT_TRY(thread_index(l, event->thread->number, &index));
        return start_thread(l, index);
    case CT_EVENT_THREAD_EXIT: return exit_thread(l, event->thread->number);
    default: return CT_OK; /* ENDED, RAISE, HANDLED, GAP: these formats have nothing for them */
    }
}

static bool
meta_number(const ct_journal *journal, const char *key, int64_t *number)
{
    ct_text text = ct_journal_meta_value(journal, key);
    char copy[24], *end;
    if (!text.size || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = 0;
    errno = 0;
    *number = strtoll(copy, &end, 10);
    return !*end && !errno;
}

static ct_code
number_places(linear *l)
{
    uint32_t count = (uint32_t)l->name_count + 1;
    for (size_t i = 0; i < l->code_count; i++) {
        const ct_code_info *info = ct_journal_code(l->journal, (uint32_t)i);
        l->codes[i].first_place = info && !(info->flags & CT_CODE_NAMESPACE) ? count : 0;
        count += l->codes[i].first_place ? info->slot_count : 0;
    }
    l->places = ct_allocate_zero(ct_journal_allocator(l->journal), count, sizeof *l->places);
    return l->places ? CT_OK : CT_E_NOMEM;
}

static ct_code
begin(linear *l)
{
    uint32_t path, function, none;
    ct_text script = ct_journal_meta_value(l->journal, "script");
    if (!script.size)
        script = ct_journal_meta_value(l->journal, "program");
    if (!script.size)
        script = (ct_text){ "", 0 };
    CT_TRY(path_of_text(l, script, &path));
    CT_TRY(function_of(l, path, 1, (ct_text){ "<toplevel>", 10 }, &function));
    l->result->calls++;
    CT_TRY(l->sink->call(l->sink->context, function, path, 1, false, NULL, 0));
    return ct_types_fixed(&l->types, CT_FIXED_NONE, &none);
}

static ct_code
finish(linear *l)
{
    ct_value status = { .kind = CT_INT };
    int64_t number;
    CT_TRY(settle(l));
    CT_TRY(close_calls(l));
    if (meta_number(l->journal, "exit.status", &number))
        status.integer = number;
    else
        status.kind = CT_NONE;
    return leave_with(l, &status);
}

static ct_code
run(linear *l, const ct_export_options *options)
{
    const ct_event *event;
    ct_journal_counts counts;
    uint64_t done = 0;
    ct_code code;
    ct_journal_count(l->journal, &counts);
    CT_TRY(number_places(l));
    if (l->sink->encoder)
        l->sink->encoder(l->sink->context, l);
    CT_TRY(begin(l));
    while ((code = ct_replay_next(l->replay, &event, l->error)) == CT_OK) {
        if (done == 0 && counts.dropped_steps)
            CT_TRY(take_running(l, event));
        CT_TRY(on_event(l, event));
        if (++done % PROGRESS_EVERY == 0 && options->progress)
            CT_TRY(options->progress(options->progress_context, done, counts.events > done ? counts.events : done));
    }
    if (code != CT_END)
        return code;
    return finish(l);
}

void
ct_linear_limits_of(const ct_journal *journal, const ct_export_options *options, uint32_t nesting, ct_linear_limits *limits)
{
    int64_t number;
    *limits = (ct_linear_limits){
        .view = {
            .nodes = options->nodes ? options->nodes : 1000,
            .string_bytes = options->string_bytes ? options->string_bytes : 16 * 1024,
            .container_depth = options->container_depth ? options->container_depth : 6,
            .attribute_depth = options->attribute_depth == CT_NO_ATTRIBUTES ? 0 : options->attribute_depth ? options->attribute_depth : 2,
            .nesting = nesting,
        },
        .journal_container_depth = UINT64_MAX,
        .journal_attribute_depth = UINT64_MAX,
    };
    if (meta_number(journal, "limit.container-depth", &number) && number >= 0)
        limits->journal_container_depth = (uint64_t)number;
    if (meta_number(journal, "limit.attribute-depth", &number) && number >= 0)
        limits->journal_attribute_depth = (uint64_t)number;
    if (limits->journal_container_depth < limits->view.container_depth)
        limits->view.container_depth = (uint32_t)limits->journal_container_depth;
    if (limits->journal_attribute_depth < limits->view.attribute_depth)
        limits->view.attribute_depth = (uint32_t)limits->journal_attribute_depth;
}

static void
release(linear *l)
{
    ct_value_cache_free(&l->values);
    ct_types_free(&l->types);
    ct_intern_free(&l->paths);
    ct_intern_free(&l->functions);
    ct_intern_free(&l->variables);
    ct_intern_free(&l->cut_slots);
    ct_free(ct_journal_allocator(l->journal), l->path_ids);
    ct_free(ct_journal_allocator(l->journal), l->variable_ids);
    ct_free(ct_journal_allocator(l->journal), l->codes);
    ct_free(ct_journal_allocator(l->journal), l->snapshot);
    ct_free(ct_journal_allocator(l->journal), l->places);
    for (size_t i = 0; i < l->thread_count; i++)
        ct_free(ct_journal_allocator(l->journal), l->threads[i].codes);
    ct_free(ct_journal_allocator(l->journal), l->threads);
    ct_buffer_free(&l->pending);
    ct_buffer_free(&l->scratch);
    ct_replay_free(l->replay);
}

ct_code
ct_linear_run(ct_journal *journal, const ct_export_options *options, const ct_linear_sink *sink, ct_export_result *result,
              ct_error *error)
{
    static const ct_export_options DEFAULTS;
    ct_error own = { 0 };
    ct_journal_counts counts;
    ct_linear_limits limits;
    const ct_allocator *allocator = ct_journal_allocator(journal);
    if (!options)
        options = &DEFAULTS;
    if (!error)
        error = &own;
    error->code = CT_OK;
    ct_journal_count(journal, &counts);
    ct_linear_limits_of(journal, options, sink->nesting, &limits);
    linear l = {
        .journal = journal, .sink = sink, .result = result, .error = error, .current = SIZE_MAX,
        .path_count = counts.paths, .name_count = counts.names, .code_count = counts.codes,
        .paths.keys.allocator = allocator, .functions.keys.allocator = allocator, .variables.keys.allocator = allocator,
        .cut_slots.keys.allocator = allocator, .pending.allocator = allocator, .scratch.allocator = allocator,
    };
    l.path_ids = ct_allocate_zero(allocator, l.path_count + 1, sizeof *l.path_ids);
    l.variable_ids = ct_allocate_zero(allocator, l.name_count + 1, sizeof *l.variable_ids);
    l.codes = ct_allocate_zero(allocator, l.code_count + 1, sizeof *l.codes);
    ct_code code = l.path_ids && l.variable_ids && l.codes ? ct_replay_new(journal, &l.replay, error) : CT_E_NOMEM;
    if (code == CT_OK) {
        ct_types_start(&l.types, journal, sink->type, sink->context);
        ct_value_cache_start(&l.values, l.replay, &l.types, &limits.view, sink->form_count, sink->forms);
        code = run(&l, options);
    }
    release(&l);
    if (code != CT_OK && error->code != code)
        ct_fail(error, code, code == CT_E_NOMEM ? "no memory" : code == CT_E_STOPPED ? "stopped" : "the export failed", 0, 0);
    return code;
}
