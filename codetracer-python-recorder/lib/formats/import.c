/* From a format's event stream (stream.h) to a journal. Owns the state of the program as the stream tells it: per thread a stack of activations, per
 * activation what each variable holds; from it the journal's definitions and events. What a value looks like in the journal: import_values.c.
 * Invariant: an object of the journal belongs to one variable of one activation (or one event) and dies after that has got another value or
 * ended; a value that looks the same as the one before costs nothing.
 */
#include <stdio.h>

#include "codetracer/import.h"
#include "formats/import_values.h"
#include "formats/intern.h"
#include "formats/open.h"
#include "formats/variable_order.h"

const char CT_IMPORT_RESCUED[] = "events.log or its meta.dat is damaged here; all of the trace was read from the streams beside them, which do not say where functions begin";

typedef struct variable_in { char *name; size_t size; uint32_t id; /* + 1 */ } variable_in;

/* One of a function's variables; is_argument: some call names it. */
typedef struct local_in { uint32_t variable; bool is_argument; } local_in;

typedef struct function_in {
    uint64_t file;                 /* the stream's number of its path */
    uint32_t path;                 /* the journal's */
    int64_t line;
    char *name;
    size_t size;
    bool is_module, is_toplevel;
    local_in *variables;           /* in the order of their slots */
    ct_variable_order order;
    size_t variable_count, variable_capacity, arguments;
} function_in;

typedef struct slot_in { uint64_t hash, first, last, seen; bool bound; } slot_in;
typedef struct activation_in { uint64_t id; uint32_t function, path; int64_t line; slot_in *slots; } activation_in;
typedef struct thread_in { uint64_t number, external; bool known, exited; activation_in *stack; size_t depth, capacity; } thread_in;

typedef struct step_in { uint64_t path; int64_t line; ct_kept_values values; } step_in;
typedef struct range_in { uint64_t first, last; } range_in;

typedef struct import {
    ct_recording *r;
    const ct_allocator *allocator; /* the recording's */
    ct_stream_state state;
    bool writing, any_call;
    ct_import_values values;
    uint32_t *paths;
    size_t path_count, path_capacity;
    variable_in *variables;
    size_t variable_count, variable_capacity, variables_named;
    function_in *functions;
    size_t function_count, function_capacity;
    ct_intern codes;               /* (function, path of the journal) */
    uint32_t *code_of;             /* by number in `codes`: the journal's */
    size_t code_of_capacity;
    uint64_t other_slots;          /* of codes in other files than their functions' */
    ct_intern slots;               /* (function, variable) */
    uint32_t *slot_of;             /* by number in `slots`: index in the function's variables */
    size_t slot_of_capacity;
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
    uint64_t script_path;          /* where <toplevel> is: a path's number, + 1; from the first run */
    char *script;                  /* its text; the metadata's program may be as the user typed it */
    size_t script_size;
} import;

static ct_code
no_memory(import *im)
{
    im->state.message = "there is not enough memory";
    return CT_E_NOMEM;
}

static ct_code
corrupt(import *im, const char *message)
{
    im->state.message = message;
    return CT_E_CORRUPT;
}

static ct_code
keep(import *im, ct_kept_values *kept, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    return ct_import_values_keep(kept, variable, tree, node) == CT_OK ? CT_OK : no_memory(im);
}

/* ---- definitions ---- */

static ct_code
on_path(void *context, const char *bytes, size_t size)
{
    import *im = context;
    if (!CT_IMPORT_GROW(im->allocator, im->paths, im->path_capacity, im->path_count))
        return no_memory(im);
    im->paths[im->path_count++] = im->writing ? ct_define_path(im->r, bytes, size) : 0;
    if (im->writing && im->path_count == im->script_path) {
        im->script = ct_copy_text(im->allocator, bytes, size);
        im->script_size = size;
        return im->script ? CT_OK : no_memory(im);
    }
    return CT_OK;
}

/* `<pkg.mod>` is a module's code; Python's own names in angle brackets are not. */
static bool
names_module(const char *name, size_t size)
{
    static const char *const others[] = {"<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<toplevel>", "<top-level>"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (size == strlen(others[i]) && memcmp(name, others[i], size) == 0)
            return false;
    return size > 2 && name[0] == '<' && name[size - 1] == '>';
}

static ct_code
on_function(void *context, uint64_t path, int64_t line, const char *bytes, size_t size)
{
    import *im = context;
    if (path >= im->path_count)
        return corrupt(im, "a function in a path that is not defined");
    function_in *f;
    if (im->writing) { /* known from the first run, but for its path's id */
        if (im->function_count >= im->function_capacity)
            return corrupt(im, "the trace changed while it was read");
        f = &im->functions[im->function_count++];
        f->path = im->paths[path];
        return CT_OK;
    }
    if (!CT_IMPORT_GROW(im->allocator, im->functions, im->function_capacity, im->function_count))
        return no_memory(im);
    f = &im->functions[im->function_count];
    *f = (function_in){.file = path, .line = line, .name = ct_copy_text(im->allocator, bytes, size), .size = size, .is_module = names_module(bytes, size)};
    f->order.seen.keys.allocator = im->allocator;
    f->is_toplevel = (size == 10 && memcmp(bytes, "<toplevel>", 10) == 0) || (size == 11 && memcmp(bytes, "<top-level>", 11) == 0);
    if (!f->name)
        return no_memory(im);
    if (f->is_toplevel && !im->script_path)
        im->script_path = path + 1;
    im->function_count++;
    return CT_OK;
}

static ct_code
add_variable(import *im, const char *bytes, size_t size)
{
    if (!CT_IMPORT_GROW(im->allocator, im->variables, im->variable_capacity, im->variable_count))
        return no_memory(im);
    im->variables[im->variable_count] = (variable_in){.name = ct_copy_text(im->allocator, bytes, size), .size = size};
    if (!im->variables[im->variable_count].name)
        return no_memory(im);
    im->variable_count++;
    return CT_OK;
}

static ct_code
on_variable(void *context, const char *bytes, size_t size)
{
    import *im = context;
    size_t number = im->variables_named++;
    if (im->writing) /* known from the first run: a function's code names variables that the stream defines later */
        return number < im->variable_capacity ? CT_OK : corrupt(im, "the trace changed while it was read");
    if (number == im->variable_count)
        return add_variable(im, bytes, size);
    char *name = ct_copy_text(im->allocator, bytes, size); /* used before: know_variable() */
    if (!name)
        return no_memory(im);
    ct_free(im->allocator, im->variables[number].name);
    im->variables[number] = (variable_in){.name = name, .size = size};
    return CT_OK;
}

/* Upstream has traces with variables that nothing names (golden/minimal_trace.ct): they are called by their numbers. */
static ct_code
know_variable(import *im, uint64_t variable)
{
    enum { MOST_UNNAMED = 4096 };
    char name[32];
    if (variable < (im->writing ? im->variable_capacity : im->variable_count))
        return CT_OK;
    if (im->writing || variable - im->variables_named >= MOST_UNNAMED)
        return corrupt(im, "a variable that is not defined");
    while (im->variable_count <= variable) {
        int size = snprintf(name, sizeof name, "variable %zu", im->variable_count);
        CT_TRY(add_variable(im, name, (size_t)size));
    }
    return CT_OK;
}

/* The name's id in the journal. */
static uint32_t
name_of(import *im, uint64_t variable)
{
    variable_in *v = &im->variables[variable];
    if (!v->id)
        v->id = ct_define_name(im->r, v->name, v->size) + 1;
    return v->id - 1;
}

static ct_code
on_type(void *context, const ct_stream_type *type)
{
    import *im = context;
    if (!im->writing)
        return CT_OK;
    return ct_import_values_type(&im->values, type) == CT_OK ? CT_OK : no_memory(im);
}

static ct_code
on_source(void *context, uint64_t path, const char *bytes, size_t size)
{
    import *im = context;
    if (path < im->path_count && im->writing)
        ct_define_source(im->r, im->paths[path], bytes, size);
    return CT_OK;
}

static void
on_meta(void *context, const char *key, const char *bytes, size_t size)
{
    ct_define_meta(((import *)context)->r, key, bytes, size);
}

/* The variable's index in the function's list; in the first run it is put there. */
static ct_code
slot_of(import *im, uint32_t function, uint64_t variable, uint32_t *slot)
{
    function_in *f = &im->functions[function];
    uint32_t key[2] = {function, (uint32_t)variable}, number;
    bool is_new;
    if (ct_intern_add(&im->slots, key, sizeof key, &number, &is_new) != CT_OK)
        return no_memory(im);
    if (is_new) {
        if (im->writing)
            return corrupt(im, "the trace changed while it was read");
        if (!CT_IMPORT_GROW(im->allocator, f->variables, f->variable_capacity, f->variable_count) || !CT_IMPORT_GROW(im->allocator, im->slot_of, im->slot_of_capacity, number))
            return no_memory(im);
        im->slot_of[number] = (uint32_t)f->variable_count;
        f->variables[f->variable_count++] = (local_in){.variable = (uint32_t)variable};
    }
    *slot = im->slot_of[number];
    return CT_OK;
}

static ct_code
define_code(import *im, const function_in *f, uint32_t path, uint32_t *code)
{
    ct_code_slot *slots = ct_allocate(im->allocator, (f->variable_count + 1) * sizeof *slots);
    bool names = f->is_module || f->is_toplevel;
    if (!slots)
        return no_memory(im);
    for (size_t i = 0; i < f->variable_count; i++) {
        const local_in *local = &f->variables[i];
        slots[i] = (ct_code_slot){name_of(im, local->variable), local->is_argument ? CT_SLOT_PARAMETER : 0};
    }
    ct_code_definition definition = {
        .path = path, .first_line = f->line > 0 && f->line <= INT32_MAX ? (uint32_t)f->line : 0,
        .qualified_name = f->is_module ? "<module>" : f->name, .qualified_name_size = f->is_module ? 8 : f->size,
        .module = f->is_module ? f->name + 1 : "", .module_size = f->is_module ? f->size - 2 : 0,
        .flags = names ? CT_CODE_NAMESPACE | (f->is_module ? CT_CODE_MODULE : 0u) : 0u,
        .arguments = names ? 0 : (uint32_t)f->arguments,
        .slot_count = names ? 0 : (uint32_t)f->variable_count, .slots = slots,
    };
    *code = ct_define_code(im->r, &definition);
    ct_free(im->allocator, slots);
    return CT_OK;
}

/* A step may be in another file than its function: in a macro's, a template's, an included one. A journal's steps are in the file of their activation's
 * code, so the function has a code for each of its files. What that would cost is bounded, for each names all variables: behind the bound *path becomes the
 * function's own. */
static ct_code
code_of(import *im, uint32_t function, uint32_t *path, uint32_t *code)
{
    enum { MOST_OTHER_SLOTS = 4 << 20 };
    const function_in *f = &im->functions[function];
    if (*path != f->path && im->other_slots + f->variable_count > MOST_OTHER_SLOTS)
        *path = f->path;
    uint32_t key[2] = {function, *path}, number;
    bool is_new;
    if (ct_intern_add(&im->codes, key, sizeof key, &number, &is_new) != CT_OK)
        return no_memory(im);
    if (is_new) {
        if (!CT_IMPORT_GROW(im->allocator, im->code_of, im->code_of_capacity, number))
            return no_memory(im);
        CT_TRY(define_code(im, f, *path, &im->code_of[number]));
        im->other_slots += *path != f->path ? f->variable_count : 0;
    }
    *code = im->code_of[number];
    return CT_OK;
}

/* ---- events of the journal ---- */

static ct_code
bury(import *im, uint64_t first, uint64_t last)
{
    if (first == last)
        return CT_OK;
    if (!CT_IMPORT_GROW(im->allocator, im->dead, im->dead_capacity, im->dead_count))
        return no_memory(im);
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

/* Puts the variables that differ; with `whole`, those that are not among the values are unbound. */
static ct_code
put_variables(import *im, const ct_kept_values *values, bool whole)
{
    activation_in *a = top(im);
    function_in *f = &im->functions[a->function];
    bool names = f->is_module || f->is_toplevel;
    uint8_t encoded[CT_VALUE_MAX];
    uint32_t slot;
    im->epoch++;
    for (size_t i = 0; i < values->count; i++) {
        const ct_kept_value *value = &values->items[i];
        CT_TRY(slot_of(im, a->function, value->variable, &slot));
        if (!im->writing) {
            if (!CT_IMPORT_GROW(im->allocator, im->listed, im->listed_capacity, i))
                return no_memory(im);
            im->listed[i] = slot;
            continue;
        }
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
        ct_put_slot(im->r, names ? name_of(im, value->variable) : slot, encoded, size);
    }
    if (!im->writing && ct_variable_order_note(&f->order, im->listed, values->count) != CT_OK)
        return no_memory(im);
    for (size_t i = 0; im->writing && whole && i < f->variable_count; i++) {
        slot_in *s = &a->slots[i];
        if (!s->bound || s->seen == im->epoch)
            continue;
        s->bound = false;
        CT_TRY(bury(im, s->first, s->last));
        ct_room(im->r, 64);
        ct_put_number(im->r, CT_R_UNBIND, names ? name_of(im, f->variables[i].variable) : i);
    }
    return im->values.record.failed ? no_memory(im) : CT_OK;
}

static ct_code
push(import *im, uint32_t function, const ct_kept_values *arguments)
{
    thread_in *thread = &im->threads[im->current];
    function_in *f = &im->functions[function];
    if (!CT_IMPORT_GROW(im->allocator, thread->stack, thread->capacity, thread->depth))
        return no_memory(im);
    activation_in a = {.id = im->next_activation++, .function = function, .path = f->path, .line = f->line > 0 && f->line <= INT32_MAX ? f->line : 0};
    if (im->writing) {
        uint32_t code;
        CT_TRY(code_of(im, function, &a.path, &code));
        a.slots = ct_allocate_zero(im->allocator, f->variable_count + 1, sizeof *a.slots);
        if (!a.slots)
            return no_memory(im);
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
    for (size_t i = 0; i < arguments->count; i++) {
        uint32_t slot;
        CT_TRY(slot_of(im, function, arguments->items[i].variable, &slot));
        f->variables[slot].is_argument = true;
    }
    return CT_OK;
}

static ct_code
write_step(import *im, const step_in *step)
{
    activation_in *a = top(im);
    if (!a) { /* a line of no function: <toplevel> is a function after all */
        uint32_t function = im->toplevel ? (uint32_t)im->toplevel - 1 : 0;
        if (!im->function_count)
            return corrupt(im, "a step before any function");
        static const ct_kept_values none;
        CT_TRY(push(im, function, &none));
        a = top(im);
    }
    if (!im->writing)
        return put_variables(im, &step->values, true);
    uint32_t path = im->paths[step->path], code = 0;
    if (path != a->path)
        CT_TRY(code_of(im, a->function, &path, &code));
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
    (void)column; /* a journal's steps are lines */
    if (path >= im->path_count)
        return corrupt(im, "a step in a path that is not defined");
    if (line < INT32_MIN || line > INT32_MAX)
        return corrupt(im, "a step in a line that no file has");
    CT_TRY(write_steps(im, 1));
    step_in *step = &im->steps[im->step_count++];
    step->path = path;
    step->line = line;
    ct_kept_clear(&step->values);
    return CT_OK;
}

static ct_code
on_value(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    import *im = context;
    CT_TRY(know_variable(im, variable));
    /* Values behind a call or a return belong to a step that is written: they repeat the arguments of the call that follows. */
    return im->step_count ? keep(im, &im->steps[im->step_count - 1].values, variable, tree, node) : CT_OK;
}

static ct_code
on_argument(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    import *im = context;
    CT_TRY(know_variable(im, variable));
    return keep(im, &im->arguments, variable, tree, node);
}

static ct_code
on_call(void *context, uint64_t function)
{
    import *im = context;
    if (function >= im->function_count)
        return corrupt(im, "a call of a function that is not defined");
    function_in *f = &im->functions[function];
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
    if (!im->writing) {
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
    for (size_t i = 0; code == CT_OK && i < im->functions[a->function].variable_count; i++)
        if (a->slots[i].bound)
            code = bury(im, a->slots[i].first, a->slots[i].last);
    ct_free(im->allocator, a->slots);
    return code == CT_OK && im->values.record.failed ? no_memory(im) : code;
}

static ct_code
on_event(void *context, uint64_t kind, const char *metadata, size_t metadata_size, const char *bytes, size_t size)
{
    import *im = context;
    enum { PIECE = 1 << 20 };
    (void)metadata; /* a journal's events know their thread and place without it */
    (void)metadata_size;
    CT_TRY(write_steps(im, 0));
    if (!im->writing)
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
        if (!im->writing)
            im->first_thread = external;
        *index = 0;
        return CT_OK;
    }
    if (!CT_IMPORT_GROW(im->allocator, im->threads, im->thread_capacity, im->thread_count))
        return no_memory(im);
    im->threads[im->thread_count] = (thread_in){.number = free_number(im, external), .external = external, .known = true};
    *index = im->thread_count++;
    if (im->writing)
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
    if (what == CT_THREAD_EXITS && im->writing) {
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
        if (im->writing) {
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
    im->path_count = im->variable_count = im->variables_named = im->function_count = 0;
    ct_kept_clear(&im->arguments);
    if (!CT_IMPORT_GROW(im->allocator, im->threads, im->thread_capacity, im->thread_count))
        return no_memory(im);
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

/* Behind the first run: the slots as the steps showed them. */
static ct_code
order_variables(import *im)
{
    for (size_t n = 0; n < im->function_count; n++) {
        function_in *f = &im->functions[n];
        if (!f->variable_count)
            continue;
        uint32_t *places = ct_allocate(im->allocator, f->variable_count * sizeof *places);
        local_in *ordered = ct_allocate(im->allocator, f->variable_count * sizeof *ordered);
        bool done = places && ordered && ct_variable_order_sort(&f->order, places, f->variable_count) == CT_OK;
        for (size_t i = 0; done && i < f->variable_count; i++) {
            const uint32_t key[2] = {(uint32_t)n, f->variables[i].variable};
            uint32_t number;
            bool is_new;
            ordered[places[i]] = f->variables[i];
            if ((done = ct_intern_add(&im->slots, key, sizeof key, &number, &is_new) == CT_OK && !is_new))
                im->slot_of[number] = places[i];
        }
        ct_free(im->allocator, places);
        ct_free(im->allocator, done ? f->variables : ordered);
        if (!done)
            return no_memory(im);
        f->variables = ordered;
        f->variable_capacity = f->variable_count;
        while (f->arguments < f->variable_count && ordered[f->arguments].is_argument)
            f->arguments++;
    }
    return CT_OK;
}

/* Between the two runs. */
static ct_code
begin_writing(import *im)
{
    CT_TRY(write_steps(im, 0));
    CT_TRY(order_variables(im));
    size_t functions = im->function_count, variables = im->variable_count;
    free_stacks(im);
    im->writing = true;
    CT_TRY(start(im));
    im->function_capacity = functions; /* the second run may not name more */
    im->variable_capacity = variables;
    ct_event_begin(im->r);
    ct_put_number(im->r, CT_R_THREAD, im->first_thread); /* belongs to the first event */
    return CT_OK;
}

/* Behind the second one. Of the last step before a damaged place nobody knows whether all its values were read: it is left out. */
static ct_code
end_writing(import *im, bool is_damaged)
{
    CT_TRY(write_steps(im, is_damaged));
    if (im->has_status) {
        char text[24];
        int size = snprintf(text, sizeof text, "%lld", (long long)im->status);
        ct_define_meta(im->r, "exit.status", text, (size_t)size);
    }
    if (im->script_size)
        ct_define_meta(im->r, "script", im->script, im->script_size);
    return CT_OK;
}

static void
free_import(import *im)
{
    free_stacks(im);
    ct_free(im->allocator, im->threads);
    for (size_t i = 0; i < (im->writing ? im->variable_capacity : im->variable_count); i++)
        ct_free(im->allocator, im->variables[i].name);
    ct_free(im->allocator, im->variables);
    for (size_t i = 0; i < (im->writing ? im->function_capacity : im->function_count); i++) {
        ct_free(im->allocator, im->functions[i].name);
        ct_free(im->allocator, im->functions[i].variables);
        ct_variable_order_free(&im->functions[i].order);
    }
    ct_free(im->allocator, im->functions);
    ct_free(im->allocator, im->paths);
    ct_free(im->allocator, im->script);
    ct_free(im->allocator, im->slot_of);
    ct_free(im->allocator, im->code_of);
    ct_free(im->allocator, im->dead);
    ct_free(im->allocator, im->listed);
    for (size_t i = 0; i < 2; i++)
        ct_kept_free(&im->steps[i].values);
    ct_kept_free(&im->arguments);
    ct_kept_free(&im->result);
    ct_intern_free(&im->slots);
    ct_intern_free(&im->codes);
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
    im->r = im->values.r = recording;
    im->allocator = im->values.allocator = im->values.record.allocator = im->slots.keys.allocator = im->codes.keys.allocator = allocator;
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
        .drop_step = on_drop_step, .meta = im->writing ? on_meta : NULL, .source = im->writing ? on_source : NULL};
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
        return own_failure(*im, no_memory(*im), error);
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
