/* From a format's event stream (stream.h) to a journal. Owns the state of the program as the stream tells it: per thread a stack of activations, per
 * activation what each variable holds; from it the journal's events. Definitions: import_definitions.c. What a value looks like in the journal: import_values.c.
 * Invariant: an object of the journal belongs to one variable of one activation (or one event) and dies after that has got another value or
 * ended; a value that looks the same as the one before costs nothing.
 */
#include <stdio.h>

#include "codetracer/import.h"
#include "formats/import_definitions.h"
#include "formats/import_values.h"
#include "formats/open.h"

const char CT_IMPORT_RESCUED[] = "events.log or its meta.dat is damaged here; all of the trace was read from the streams beside them, which do not say where functions begin";

typedef struct slot_in { uint64_t hash, first, last, seen; bool bound; } slot_in;
typedef struct activation_in { uint64_t id; uint32_t function, path; int64_t line; slot_in *slots; } activation_in;
typedef struct thread_in { uint64_t number, external; bool known, exited; activation_in *stack; size_t depth, capacity; } thread_in;

typedef struct step_in { uint64_t path, column; int64_t line; ct_kept_values values; } step_in;
typedef struct range_in { uint64_t first, last; } range_in;

typedef struct import {
    ct_recording *r;
    const ct_allocator *allocator; /* the recording's */
    ct_stream_state state;
    ct_import_definitions d;
    bool any_call;
    ct_import_values values;
    thread_in *threads;
    size_t thread_count, thread_capacity, current;
    uint64_t next_thread;          /* for numbers that are taken */
    uint64_t first_thread;         /* number of the one that nothing started, as the first run learned it */
    step_in steps[2];              /* not written yet: what follows may show that the last one is a call's own */
    size_t step_count;
    ct_kept_values arguments;
    ct_kept_values result;
    uint64_t epoch, next_activation;
    uint64_t toplevel;             /* function, + 1 */
    range_in *dead;                /* objects whose last use was the event before */
    size_t dead_count, dead_capacity;
    uint32_t *listed;              /* slots of the values at hand */
    size_t listed_capacity;
    bool has_status;
    int64_t status;
} import;

static ct_code
keep(import *im, ct_kept_values *kept, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    return ct_import_values_keep(kept, variable, tree, node) == CT_OK ? CT_OK : ct_import_no_memory(&im->state);
}

/* ---- definitions ---- */

static ct_code
on_path(void *context, const char *bytes, size_t size)
{
    return ct_import_path(&((import *)context)->d, bytes, size);
}

static ct_code
on_function(void *context, uint64_t path, int64_t line, const char *bytes, size_t size)
{
    return ct_import_function_named(&((import *)context)->d, path, line, bytes, size);
}

static ct_code
on_variable(void *context, const char *bytes, size_t size)
{
    return ct_import_variable_named(&((import *)context)->d, bytes, size);
}

static ct_code
on_type(void *context, const ct_stream_type *type)
{
    import *im = context;
    if (!im->d.writing)
        return CT_OK;
    return ct_import_values_type(&im->values, type) == CT_OK ? CT_OK : ct_import_no_memory(&im->state);
}

static ct_code
on_source(void *context, uint64_t path, const char *bytes, size_t size)
{
    import *im = context;
    if (path < im->d.path_count && im->d.writing)
        ct_define_source(im->r, im->d.paths[path], bytes, size);
    return CT_OK;
}

static void
on_meta(void *context, const char *key, const char *bytes, size_t size)
{
    ct_define_meta(((import *)context)->r, key, bytes, size);
}

/* ---- events of the journal ---- */

static ct_code
bury(import *im, uint64_t first, uint64_t last)
{
    if (first == last)
        return CT_OK;
    if (!CT_GROW(im->allocator, im->dead, im->dead_capacity, im->dead_count))
        return ct_import_no_memory(&im->state);
    im->dead[im->dead_count++] = (range_in){first, last};
    return CT_OK;
}

/* Behind the head record: what the event before was the last to use is gone. */
static void
put_deaths(import *im)
{
    for (size_t i = 0; i < im->dead_count; i++)
        for (uint64_t id = im->dead[i].first; id < im->dead[i].last; id++) {
            ct_room(im->r, 16);
            ct_put_number(im->r, CT_R_DIED, id);
        }
    im->dead_count = 0;
}

static activation_in *
top(import *im)
{
    thread_in *thread = &im->threads[im->current];
    return thread->depth ? &thread->stack[thread->depth - 1] : NULL;
}

/* The slots of these values in that function, into `listed`. Before the event that puts them begins, for it fails when the trace was changed between the runs. */
static ct_code
find_slots(import *im, uint32_t function, const ct_kept_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (!CT_GROW(im->allocator, im->listed, im->listed_capacity, i))
            return ct_import_no_memory(&im->state);
        CT_TRY(ct_import_slot_of(&im->d, function, values->items[i].variable, &im->listed[i]));
    }
    return CT_OK;
}

/* Puts the variables that differ, in the slots that were found for them; with `whole`, those that are not among the values are unbound. */
static ct_code
put_variables(import *im, const ct_kept_values *values, bool whole)
{
    activation_in *a = top(im);
    ct_import_function *f = &im->d.functions[a->function];
    bool names = f->is_module || f->is_toplevel;
    uint8_t encoded[CT_VALUE_MAX];
    im->epoch++;
    for (size_t i = 0; im->d.writing && i < values->count; i++) {
        const ct_kept_value *value = &values->items[i];
        const uint32_t slot = im->listed[i];
        slot_in *s = &a->slots[slot];
        s->seen = im->epoch;
        if (s->bound && s->hash == value->hash)
            continue;
        if (s->bound)
            CT_TRY(bury(im, s->first, s->last));
        s->first = im->values.next_object;
        size_t size = ct_import_values_write(&im->values, values, i, encoded);
        s->last = im->values.next_object;
        s->hash = value->hash;
        s->bound = true;
        ct_room(im->r, 64);
        ct_put_slot(im->r, names ? ct_import_name_of(&im->d, value->variable) : slot, encoded, size);
    }
    if (!im->d.writing && ct_variable_order_note(&f->order, im->listed, values->count) != CT_OK)
        return ct_import_no_memory(&im->state);
    for (size_t i = 0; im->d.writing && whole && i < f->variable_count; i++) {
        slot_in *s = &a->slots[i];
        if (!s->bound || s->seen == im->epoch)
            continue;
        s->bound = false;
        CT_TRY(bury(im, s->first, s->last));
        ct_room(im->r, 64);
        ct_put_number(im->r, CT_R_UNBIND, names ? ct_import_name_of(&im->d, f->variables[i].variable) : i);
    }
    return im->values.record.failed ? ct_import_no_memory(&im->state) : CT_OK;
}

static ct_code
push(import *im, uint32_t function, const ct_kept_values *arguments)
{
    thread_in *thread = &im->threads[im->current];
    ct_import_function *f = &im->d.functions[function];
    CT_TRY(find_slots(im, function, arguments));
    if (!CT_GROW(im->allocator, thread->stack, thread->capacity, thread->depth))
        return ct_import_no_memory(&im->state);
    activation_in a = {.id = im->next_activation++, .function = function, .path = f->path, .line = f->line > 0 && f->line <= INT32_MAX ? f->line : 0};
    if (im->d.writing) {
        uint32_t code;
        CT_TRY(ct_import_code_of(&im->d, function, &a.path, &code));
        a.slots = ct_allocate_zero(im->allocator, f->variable_count + 1, sizeof *a.slots);
        if (!a.slots)
            return ct_import_no_memory(&im->state);
        ct_event_begin(im->r);
        ct_put_call(im->r, code, 0);
        thread->stack[thread->depth++] = a;
        put_deaths(im);
        CT_TRY(put_variables(im, arguments, false));
        ct_event_end(im->r);
        return CT_OK;
    }
    thread->stack[thread->depth++] = a;
    CT_TRY(put_variables(im, arguments, false));
    for (size_t i = 0; i < arguments->count; i++)
        f->variables[im->listed[i]].is_argument = true;
    return CT_OK;
}

static ct_code
write_step(import *im, const step_in *step)
{
    activation_in *a = top(im);
    if (!a) { /* a line of no function: <toplevel> is a function after all */
        uint32_t function = im->toplevel ? (uint32_t)im->toplevel - 1 : 0;
        if (!im->d.function_count)
            return ct_import_corrupt(&im->state, "a step before any function");
        static const ct_kept_values none;
        CT_TRY(push(im, function, &none));
        a = top(im);
    }
    CT_TRY(find_slots(im, a->function, &step->values));
    if (!im->d.writing)
        return put_variables(im, &step->values, true);
    uint32_t path = im->d.paths[step->path], code = 0;
    if (path != a->path || step->column)
        CT_TRY(ct_import_code_of(&im->d, a->function, &path, &code));
    if (step->column)
        CT_TRY(ct_import_column_of(&im->d, a->function, code, step->line, step->column));
    ct_event_begin(im->r);
    ct_put_step(im->r, step->line - a->line);
    a->line = step->line;
    if (path != a->path) {
        ct_room(im->r, 16);
        ct_put_number(im->r, CT_R_CODE, code);
        a->path = path;
    }
    put_deaths(im);
    CT_TRY(put_variables(im, &step->values, true));
    ct_event_end(im->r);
    return CT_OK;
}

static ct_code
write_steps(import *im, size_t keep_last)
{
    for (size_t i = 0; i + keep_last < im->step_count; i++)
        CT_TRY(write_step(im, &im->steps[i]));
    if (keep_last && im->step_count == 2) {
        step_in written = im->steps[0];
        im->steps[0] = im->steps[1];
        im->steps[1] = written;
    }
    im->step_count = im->step_count < keep_last ? im->step_count : keep_last;
    return CT_OK;
}

/* ---- events of the stream ---- */

static ct_code
on_step(void *context, uint64_t path, int64_t line, uint64_t column)
{
    import *im = context;
    if (path >= im->d.path_count)
        return ct_import_corrupt(&im->state, "a step in a path that is not defined");
    if (line < INT32_MIN || line > INT32_MAX)
        return ct_import_corrupt(&im->state, "a step in a line that no file has");
    CT_TRY(write_steps(im, 1));
    step_in *step = &im->steps[im->step_count++];
    step->path = path;
    step->column = column;
    step->line = line;
    ct_kept_clear(&step->values);
    return CT_OK;
}

static ct_code
on_value(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    import *im = context;
    CT_TRY(ct_import_know_variable(&im->d, variable));
    /* Values behind a call or a return belong to a step that is written: they repeat the arguments of the call that follows. */
    return im->step_count ? keep(im, &im->steps[im->step_count - 1].values, variable, tree, node) : CT_OK;
}

static ct_code
on_argument(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    import *im = context;
    CT_TRY(ct_import_know_variable(&im->d, variable));
    return keep(im, &im->arguments, variable, tree, node);
}

static ct_code
on_call(void *context, uint64_t function)
{
    import *im = context;
    if (function >= im->d.function_count)
        return ct_import_corrupt(&im->state, "a call of a function that is not defined");
    ct_import_function *f = &im->d.functions[function];
    bool first = !im->any_call;
    im->any_call = true;
    if (first && f->is_toplevel) {
        im->toplevel = function + 1;
        ct_kept_clear(&im->arguments);
        return CT_OK;
    }
    step_in *own = im->step_count ? &im->steps[im->step_count - 1] : NULL;
    if (own && own->values.count == 0 && own->path == f->file && own->line == f->line)
        im->step_count--;
    CT_TRY(write_steps(im, 0));
    ct_code code = push(im, (uint32_t)function, &im->arguments);
    ct_kept_clear(&im->arguments);
    return code;
}

static ct_code
on_return(void *context, const ct_stream_tree *tree, size_t node)
{
    import *im = context;
    ct_stream_node nothing = {.kind = CT_NODE_NONE, .type = UINT32_MAX};
    const ct_stream_tree none = {.nodes = &nothing, .count = 1, .capacity = 1};
    if (!node) { /* not told: None is what stands for it */
        tree = &none;
        node = 1;
    }
    CT_TRY(write_steps(im, 0));
    activation_in *a = top(im);
    if (!a) { /* <toplevel>'s: its value is the exit status */
        const ct_stream_node *value = ct_stream_at(tree, node);
        im->has_status = value->kind == CT_NODE_INT && im->current == 0;
        im->status = value->integer;
        return CT_OK;
    }
    thread_in *thread = &im->threads[im->current];
    if (!im->d.writing) {
        thread->depth--;
        return CT_OK;
    }
    ct_kept_clear(&im->result);
    CT_TRY(keep(im, &im->result, 0, tree, node));
    thread->depth--; /* its slots are this function's now */
    /* The head record holds the value, and what is inside it follows: so its record is put together first. */
    uint8_t encoded[CT_VALUE_MAX];
    uint64_t first = im->values.next_object;
    ct_event_begin(im->r);
    if (ct_import_values_is_object(&im->values, tree, node)) {
        /* The value's own object gets its id before those inside it. */
        size_t size = (size_t)(ct_write_object(encoded, first) - encoded);
        ct_put_value(im->r, CT_R_RETURN, encoded, size);
        put_deaths(im);
        (void)ct_import_values_write(&im->values, &im->result, 0, encoded);
    }
    else {
        size_t size = ct_import_values_write(&im->values, &im->result, 0, encoded);
        ct_put_value(im->r, CT_R_RETURN, encoded, size);
        put_deaths(im);
    }
    ct_event_end(im->r);
    ct_code code = bury(im, first, im->values.next_object);
    for (size_t i = 0; code == CT_OK && i < im->d.functions[a->function].variable_count; i++)
        if (a->slots[i].bound)
            code = bury(im, a->slots[i].first, a->slots[i].last);
    ct_free(im->allocator, a->slots);
    return code == CT_OK && im->values.record.failed ? ct_import_no_memory(&im->state) : code;
}

static ct_code
on_event(void *context, uint64_t kind, const char *metadata, size_t metadata_size, const char *bytes, size_t size)
{
    import *im = context;
    enum { PIECE = 1 << 20 };
    (void)metadata; /* a journal's events know their thread and place without it */
    (void)metadata_size;
    CT_TRY(write_steps(im, 0));
    if (!im->d.writing)
        return CT_OK;
    /* Write, WriteOther and TraceLogEvent (what .ct has for stderr), Read; the others have no place in a journal. */
    int stream = kind == 0 ? CT_STDOUT : kind == 2 || kind == 12 ? CT_STDERR : kind == 3 ? CT_STDIN : -1;
    while (stream >= 0 && size) {
        size_t count = size < PIECE ? size : PIECE;
        ct_event_begin(im->r);
        ct_room(im->r, count + 32);
        *im->r->cursor++ = CT_R_OUTPUT;
        *im->r->cursor++ = (uint8_t)stream;
        im->r->cursor = ct_write_varint(im->r->cursor, count);
        ct_put_bytes(im->r, bytes, count);
        put_deaths(im);
        ct_event_end(im->r);
        bytes += count;
        size -= count;
    }
    return CT_OK;
}

static void
put_thread_start(import *im, const thread_in *thread)
{
    ct_event_begin(im->r);
    *im->r->cursor++ = CT_R_THREAD_START;
    im->r->cursor = ct_write_varint(im->r->cursor, thread->number);
    im->r->cursor = ct_write_varint(im->r->cursor, thread->external);
    *im->r->cursor++ = 0;
    ct_event_end(im->r);
}

/* The number that the stream gives, so that it comes out again as it was; another one if a thread that runs has it. */
static uint64_t
free_number(import *im, uint64_t wanted)
{
    bool taken;
    do {
        taken = false;
        for (size_t i = 0; i < im->thread_count && !taken; i++)
            taken = !im->threads[i].exited && im->threads[i].number == wanted;
        wanted = taken ? im->next_thread++ : wanted;
    } while (taken);
    return wanted;
}

static ct_code
thread_index(import *im, uint64_t external, bool starts, size_t *index)
{
    for (size_t i = 0; i < im->thread_count; i++)
        if (im->threads[i].known && im->threads[i].external == external) {
            *index = i;
            return CT_OK;
        }
    if (!starts && im->thread_count && !im->threads[0].known && !im->threads[0].exited) {
        im->threads[0].known = true; /* back in the first thread, whose id nothing told before */
        im->threads[0].external = external;
        if (!im->d.writing)
            im->first_thread = external;
        *index = 0;
        return CT_OK;
    }
    if (!CT_GROW(im->allocator, im->threads, im->thread_capacity, im->thread_count))
        return ct_import_no_memory(&im->state);
    im->threads[im->thread_count] = (thread_in){.number = free_number(im, external), .external = external, .known = true};
    *index = im->thread_count++;
    if (im->d.writing)
        put_thread_start(im, &im->threads[*index]);
    return CT_OK;
}

static ct_code
on_thread(void *context, ct_stream_thread what, uint64_t external)
{
    import *im = context;
    size_t index;
    CT_TRY(write_steps(im, 0));
    CT_TRY(thread_index(im, external, what == CT_THREAD_STARTS, &index));
    if (what == CT_THREAD_EXITS && im->d.writing) {
        ct_event_begin(im->r);
        ct_put_number(im->r, CT_R_THREAD_EXIT, im->threads[index].number);
        ct_event_end(im->r);
    }
    if (what == CT_THREAD_EXITS) { /* its number may be used again by another */
        im->threads[index].known = false;
        im->threads[index].exited = true;
    }
    if (what == CT_THREAD_SWITCHES && index != im->current) {
        im->current = index;
        if (im->d.writing) {
            ct_event_begin(im->r);
            ct_put_number(im->r, CT_R_THREAD, im->threads[index].number);
        }
    }
    return CT_OK;
}

static ct_code
on_drop_step(void *context)
{
    import *im = context;
    if (im->step_count)
        im->step_count--; /* a step that was written already stays */
    return CT_OK;
}

/* ---- life ---- */

static ct_code
start(import *im)
{
    im->thread_count = im->current = 0;
    im->next_thread = UINT64_C(1) << 62; /* where no system's numbers are */
    im->any_call = im->has_status = false;
    im->toplevel = 0;
    im->step_count = im->next_activation = im->epoch = 0;
    ct_import_values_start(&im->values);
    ct_import_definitions_start(&im->d);
    ct_kept_clear(&im->arguments);
    if (!CT_GROW(im->allocator, im->threads, im->thread_capacity, im->thread_count))
        return ct_import_no_memory(&im->state);
    im->threads[im->thread_count++] = (thread_in){.number = im->first_thread};
    return CT_OK;
}

static void
free_stacks(import *im)
{
    for (size_t i = 0; i < im->thread_count; i++) {
        for (size_t k = 0; k < im->threads[i].depth; k++)
            ct_free(im->allocator, im->threads[i].stack[k].slots);
        ct_free(im->allocator, im->threads[i].stack);
    }
    im->thread_count = 0;
}

/* Between the two runs. */
static ct_code
begin_writing(import *im)
{
    CT_TRY(write_steps(im, 0));
    free_stacks(im);
    CT_TRY(ct_import_definitions_learned(&im->d));
    CT_TRY(start(im));
    ct_event_begin(im->r);
    ct_put_number(im->r, CT_R_THREAD, im->first_thread); /* belongs to the first event */
    return CT_OK;
}

/* Behind the second one. Of the last step before a damaged place nobody knows whether all its values were read: it is left out. */
static ct_code
end_writing(import *im, bool is_damaged)
{
    CT_TRY(write_steps(im, is_damaged));
    ct_import_write_columns(&im->d);
    if (im->has_status) {
        char text[24];
        int size = snprintf(text, sizeof text, "%lld", (long long)im->status);
        ct_define_meta(im->r, "exit.status", text, (size_t)size);
    }
    if (im->d.script_size)
        ct_define_meta(im->r, "script", im->d.script, im->d.script_size);
    return CT_OK;
}

static void
free_import(import *im)
{
    free_stacks(im);
    ct_free(im->allocator, im->threads);
    ct_free(im->allocator, im->dead);
    ct_free(im->allocator, im->listed);
    for (size_t i = 0; i < 2; i++)
        ct_kept_free(&im->steps[i].values);
    ct_kept_free(&im->arguments);
    ct_kept_free(&im->result);
    ct_import_definitions_free(&im->d);
    ct_import_values_free(&im->values);
    ct_free(im->allocator, im);
}

static import *
new_import(ct_recording *recording)
{
    const ct_allocator *allocator = ct_recording_allocator(recording);
    import *im = ct_allocate_zero(allocator, 1, sizeof *im);
    if (!im)
        return NULL;
    im->r = im->values.r = im->d.r = recording;
    im->allocator = im->values.allocator = im->values.record.allocator = im->d.allocator = im->d.slots.keys.allocator = im->d.codes.keys.allocator = im->d.lines.keys.allocator = allocator;
    im->d.state = &im->state;
    im->steps[0].values.bytes.allocator = im->steps[1].values.bytes.allocator = allocator;
    im->arguments.bytes.allocator = im->result.bytes.allocator = allocator;
    return im;
}

static ct_code
run(import *im, ct_stream_reader read, const char *path, ct_error *error)
{
    const ct_stream_sink sink = {
        .context = im, .state = &im->state, .allocator = im->allocator, .temporary_folder = ct_recording_temporary_folder(im->r), .path = on_path, .function = on_function, .variable = on_variable, .type = on_type,
        .step = on_step, .value = on_value, .argument = on_argument, .call = on_call, .returned = on_return, .event = on_event, .thread = on_thread,
        .drop_step = on_drop_step, .meta = im->d.writing ? on_meta : NULL, .source = im->d.writing ? on_source : NULL};
    return read(path, &sink, error);
}

/* What the import itself could not do. */
static ct_code
own_failure(const import *im, ct_code code, ct_error *error)
{
    return ct_fail(error, code, im->state.message, im->state.byte, 0);
}

/* The first run: which variables each function has, for a journal's code says so before its first call. */
static ct_code
learn(import *im, ct_stream_reader read, const char *path, ct_error *error)
{
    ct_code code = start(im);
    return code == CT_OK ? run(im, read, path, error) : own_failure(im, code, error);
}

/* The second one. Damage that ended the first ends it at the same event: what stands before it is written. */
static ct_code
write_all(import *im, ct_stream_reader read, const char *path, ct_error *error)
{
    ct_code own = begin_writing(im);
    ct_code code = own == CT_OK ? run(im, read, path, error) : own;
    if (own == CT_OK && (code == CT_OK || code == CT_E_CORRUPT))
        own = end_writing(im, code == CT_E_CORRUPT);
    return own == CT_OK ? code : own_failure(im, own, error);
}

/* Of a trace that `read` finds damaged: the import of what `beside` reads instead, if all of that is intact. */
static ct_code
learn_beside(import **im, ct_stream_reader beside, const char *path, bool *rescued, ct_error *error)
{
    ct_error damage;
    import *other = new_import((*im)->r);
    if (!other)
        return own_failure(*im, ct_import_no_memory(&(*im)->state), error);
    ct_code code = learn(other, beside, path, &damage);
    *rescued = code == CT_OK;
    free_import(*rescued ? *im : other);
    if (*rescued)
        *im = other;
    if (code == CT_OK || code == CT_E_CORRUPT || code == CT_E_VERSION)
        return CT_OK;
    if (error)
        *error = damage;
    return code;
}

/* beside: another reader of the same trace, or NULL. */
static ct_code
import_with(ct_stream_reader read, ct_stream_reader beside, const char *path, ct_recording *recording, ct_error *error)
{
    ct_error own;
    bool rescued = false;
    if (!path || !recording)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    import *im = new_import(recording);
    if (!im)
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    error = error ? error : &own;
    ct_code code = learn(im, read, path, error);
    const uint64_t place = error->position;
    if (code == CT_E_CORRUPT && beside) {
        ct_code other = learn_beside(&im, beside, path, &rescued, error);
        code = other == CT_OK ? code : other;
    }
    if (code == CT_OK || code == CT_E_CORRUPT)
        code = write_all(im, rescued ? beside : read, path, error);
    free_import(im);
    return rescued && code == CT_OK ? ct_fail(error, CT_E_CORRUPT, CT_IMPORT_RESCUED, place, 0) : code;
}

ct_code
ct_import_json(const char *path, ct_recording *recording, ct_error *error)
{
    return import_with(ct_json_read, NULL, path, recording, error);
}

ct_code
ct_import_ct(const char *path, ct_recording *recording, ct_error *error)
{
    return import_with(ct_ct_read, ct_ct_read_streams, path, recording, error);
}

ct_code
ct_import_binary(const char *path, ct_recording *recording, ct_error *error)
{
    return import_with(ct_binary_read, NULL, path, recording, error);
}

ct_code
ct_import_binary_v0(const char *path, ct_recording *recording, ct_error *error)
{
    return import_with(ct_binary_v0_read, NULL, path, recording, error);
}
