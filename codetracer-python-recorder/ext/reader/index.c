/* Index: what only one pass over all events tells, in arrays of integers.
 *
 *   calls     of each activation, by its number: where it begins and ends, its first and last step, its caller, its code
 *   outputs   numbers of the events
 *   threads   in the order of their first event
 *   places    for every 256th event the steps before it: where to seek for an event
 *   returns   steps whose activation made its step before not one step earlier: (step, that step)
 *
 * Invariant: complete when it is made, and never changed; what stands behind damage is not in it, and `damage` says so.
 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#define NONE32 UINT32_MAX
#define NONE64 UINT64_MAX
enum { PLACE = 256, BATCH = 1 << 16 };

typedef struct call {
    uint64_t event, end, first_step, last_step; /* NONE64: there is none */
    uint64_t thread;
    uint32_t code, depth, parent, first_child, next_sibling; /* NONE32: there is none */
    uint8_t end_kind, flags;
} call;
typedef struct thread { uint64_t number, system_id, first_event, start, exit; char *name; size_t name_size; } thread;
typedef struct step_back { uint64_t step, before; } step_back;

/* An array: items, how many, room. */
#define ARRAY(type) struct { type *items; size_t count, room; }

typedef struct index_object {
    PyObject_HEAD
    journal_object *journal;
    ARRAY(call) calls;
    ARRAY(uint64_t) outputs;
    ARRAY(uint64_t) places;
    ARRAY(step_back) returns;
    ARRAY(thread) threads;
    size_t last_thread; /* place of the one whose event was taken last */
    uint64_t events, steps;
    ct_error damage;
} index_object;

static bool
grow(void *items, size_t *room, size_t count, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room ? *room + *room / 2 : 256;
    void *bigger = realloc(*(void **)items, wanted * size);
    if (!bigger)
        return false;
    *(void **)items = bigger;
    *room = wanted;
    return true;
}
#define GROW(array) grow(&(array).items, &(array).room, (array).count, sizeof *(array).items)

/* ---- the pass; without the GIL ---- */

static bool
take_name(thread *t, ct_text name)
{
    char *copy = realloc(t->name, name.size + 1);
    if (!copy)
        return false;
    if (name.size)
        memcpy(copy, name.bytes, name.size);
    t->name = copy;
    t->name_size = name.size;
    return true;
}

/* NULL: no memory. */
static thread *
thread_of(index_object *self, const ct_event *event)
{
    uint64_t number = event->thread->number;
    if (self->last_thread < self->threads.count && self->threads.items[self->last_thread].number == number)
        return &self->threads.items[self->last_thread];
    for (self->last_thread = 0; self->last_thread < self->threads.count; self->last_thread++)
        if (self->threads.items[self->last_thread].number == number)
            return &self->threads.items[self->last_thread];
    if (!GROW(self->threads))
        return NULL;
    thread *added = &self->threads.items[self->threads.count++];
    *added = (thread){.number = number, .system_id = event->thread->system_id, .first_event = event->number, .start = NONE64, .exit = NONE64};
    return take_name(added, event->thread->name) ? added : NULL;
}

/* Activations are numbered by their calls, so each has its place when its call comes. */
static bool
take_call(index_object *self, const ct_event *event)
{
    const ct_activation *a = event->activation;
    if (a->id != self->calls.count || self->calls.count >= NONE32 || !GROW(self->calls))
        return false;
    size_t depth = event->thread->depth;
    const ct_activation *caller = depth > 1 ? event->thread->stack[depth - 2] : NULL;
    self->calls.items[self->calls.count++] = (call){
        .event = event->number, .end = NONE64, .first_step = NONE64, .last_step = NONE64, .thread = event->thread->number, .code = a->code,
        .depth = depth ? (uint32_t)(depth - 1) : 0, .parent = caller && caller->id < self->calls.count ? (uint32_t)caller->id : NONE32,
        .first_child = NONE32, .next_sibling = NONE32, .flags = a->flags};
    return true;
}

static bool
take_step(index_object *self, const ct_event *event)
{
    if (event->activation->id >= self->calls.count)
        return true;
    call *c = &self->calls.items[event->activation->id];
    if (c->first_step == NONE64) {
        c->first_step = event->step;
    } else if (c->last_step + 1 != event->step) {
        if (!GROW(self->returns))
            return false;
        self->returns.items[self->returns.count++] = (step_back){event->step, c->last_step};
    }
    c->last_step = event->step;
    return true;
}

static bool
take(index_object *self, const ct_event *event)
{
    if (event->number % PLACE == 0) {
        if (!GROW(self->places))
            return false;
        self->places.items[self->places.count++] = event->step;
    }
    thread *of = event->thread && event->kind != CT_EVENT_STEP ? thread_of(self, event) : NULL;
    switch (event->kind) {
    case CT_EVENT_CALL:
        return take_call(self, event) && of;
    case CT_EVENT_STEP:
        return take_step(self, event);
    case CT_EVENT_RETURN: case CT_EVENT_UNWIND: case CT_EVENT_LOST: case CT_EVENT_ENDED:
        if (event->activation->id < self->calls.count) {
            self->calls.items[event->activation->id].end = event->number;
            self->calls.items[event->activation->id].end_kind = (uint8_t)event->kind;
        }
        return true;
    case CT_EVENT_OUTPUT:
        if (!GROW(self->outputs))
            return false;
        self->outputs.items[self->outputs.count++] = event->number;
        return true;
    case CT_EVENT_THREAD_START:
        if (of) {
            of->start = event->number;
            of->system_id = event->thread->system_id;
        }
        return of && take_name(of, event->thread->name);
    case CT_EVENT_THREAD_EXIT:
        if (of)
            of->exit = event->number;
        return of;
    default:
        return true;
    }
}

static ct_code
take_batch(index_object *self, ct_replay *replay, ct_error *error)
{
    const ct_event *event;
    for (int i = 0; i < BATCH; i++) {
        CT_TRY(ct_replay_next(replay, &event, error));
        if (!take(self, event))
            return ct_fail(error, CT_E_NOMEM, "no memory for an index of the trace", 0, 0);
        self->events = event->number + 1;
        self->steps = event->step + (event->kind == CT_EVENT_STEP);
    }
    return CT_OK;
}

static void
link_children(index_object *self)
{
    for (size_t i = self->calls.count; i-- > 0;) {
        call *c = &self->calls.items[i];
        if (c->parent == NONE32)
            continue;
        c->next_sibling = self->calls.items[c->parent].first_child;
        self->calls.items[c->parent].first_child = (uint32_t)i;
    }
}

PyObject *
index_make(journal_object *journal)
{
    PyTypeObject *type = journal->state->index;
    index_object *self = (index_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->journal = (journal_object *)Py_NewRef((PyObject *)journal);
    open_trace *trace = journal->trace;
    trace->users++;
    ct_replay *replay = NULL;
    ct_error error = {0};
    ct_code code = ct_replay_new(trace->journal, &replay, &error);
    while (code == CT_OK) {
        Py_BEGIN_ALLOW_THREADS
        code = take_batch(self, replay, &error);
        Py_END_ALLOW_THREADS
        if (!journal->trace)
            raise_closed();
        if (PyErr_Occurred() || PyErr_CheckSignals() < 0)
            break;
    }
    link_children(self);
    ct_replay_free(replay);
    open_trace_release(trace);
    if (!PyErr_Occurred() && code == CT_E_NOMEM)
        PyErr_NoMemory();
    if (PyErr_Occurred()) {
        Py_DECREF(self);
        return NULL;
    }
    self->damage = code == CT_END ? journal->damage : error;
    return (PyObject *)self;
}

/* ---- questions ---- */

static PyObject *
number_or_none(uint64_t number)
{
    return number == NONE64 ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(number);
}

static PyObject *
call_or_none(uint32_t number)
{
    return number == NONE32 ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(number);
}

/* The number of an item, from 0 to count - 1. */
static bool
take_number(PyObject *argument, size_t count, size_t *number)
{
    *number = PyLong_AsSize_t(argument);
    if (!PyErr_Occurred() && *number < count)
        return true;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_IndexError, "there is none of that number");
    return false;
}

static PyObject *
index_call(index_object *self, PyObject *argument)
{
    size_t number;
    if (!take_number(argument, self->calls.count, &number))
        return NULL;
    const call *c = &self->calls.items[number];
    return Py_BuildValue("KNNNNIIKii", (unsigned long long)c->event, number_or_none(c->end), number_or_none(c->first_step), number_or_none(c->last_step),
                         call_or_none(c->parent), c->code, c->depth, (unsigned long long)c->thread, c->end == NONE64 ? -1 : c->end_kind,
                         c->flags & CT_CALL_ATTACHED ? 1 : 0);
}

static PyObject *
index_children(index_object *self, PyObject *argument)
{
    size_t number;
    if (!take_number(argument, self->calls.count, &number))
        return NULL;
    PyObject *list = PyList_New(0);
    for (uint32_t child = self->calls.items[number].first_child; list && child != NONE32; child = self->calls.items[child].next_sibling) {
        PyObject *item = PyLong_FromUnsignedLong(child);
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *
index_output(index_object *self, PyObject *argument)
{
    size_t number;
    return take_number(argument, self->outputs.count, &number) ? PyLong_FromUnsignedLongLong(self->outputs.items[number]) : NULL;
}

/* The last step before the group of events that holds this one; -1: there is none. */
static PyObject *
index_hint(index_object *self, PyObject *argument)
{
    size_t number;
    if (!take_number(argument, self->events, &number))
        return NULL;
    return PyLong_FromLongLong((long long)self->places.items[number / PLACE] - 1);
}

/* previous(step, call): the step before of the same call, or None. */
static PyObject *
index_previous(index_object *self, PyObject *arguments)
{
    unsigned long long step, number;
    if (!PyArg_ParseTuple(arguments, "KK", &step, &number))
        return NULL;
    if (number >= self->calls.count || self->calls.items[number].first_step == step || step == 0)
        Py_RETURN_NONE;
    size_t low = 0, high = self->returns.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->returns.items[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < self->returns.count && self->returns.items[low].step == step;
    return PyLong_FromUnsignedLongLong(found ? self->returns.items[low].before : step - 1);
}

static PyObject *
index_threads(index_object *self, PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < self->threads.count; i++) {
        const thread *t = &self->threads.items[i];
        PyObject *item = Py_BuildValue("KNKKNN", (unsigned long long)t->number, text_of(t->name, t->name_size),
                                       (unsigned long long)t->system_id, (unsigned long long)t->first_event, number_or_none(t->start),
                                       number_or_none(t->exit));
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *get_calls(index_object *self, void *Py_UNUSED(closure)) { return PyLong_FromSize_t(self->calls.count); }
static PyObject *get_outputs(index_object *self, void *Py_UNUSED(closure)) { return PyLong_FromSize_t(self->outputs.count); }

static PyObject *
get_bytes(index_object *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(self->calls.room * sizeof *self->calls.items + self->outputs.room * sizeof *self->outputs.items
                             + self->places.room * sizeof *self->places.items + self->returns.room * sizeof *self->returns.items
                             + self->threads.room * sizeof *self->threads.items);
}

static PyObject *
get_damage(index_object *self, void *Py_UNUSED(closure))
{
    const journal_object *journal = self->journal;
    return self->damage.code == CT_OK ? Py_NewRef(Py_None) : trace_error_new(journal->state, journal->path, &self->damage);
}

static void
index_dealloc(index_object *self)
{
    PyTypeObject *type = TYPE_OF(self);
    for (size_t i = 0; i < self->threads.count; i++)
        free(self->threads.items[i].name);
    free(self->calls.items);
    free(self->outputs.items);
    free(self->places.items);
    free(self->returns.items);
    free(self->threads.items);
    Py_DECREF(self->journal);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef METHODS[] = {
    {"call", (PyCFunction)index_call, METH_O,
     "call($self, number, /)\n--\n\n(event, end event, first step, last step, parent, code, depth, thread, kind of the end or -1, attached)."},
    {"children", (PyCFunction)index_children, METH_O, "children($self, number, /)\n--\n\nNumbers of the calls that this call made."},
    {"output", (PyCFunction)index_output, METH_O, "output($self, number, /)\n--\n\nThe number of its event."},
    {"hint", (PyCFunction)index_hint, METH_O, "hint($self, event, /)\n--\n\nA step shortly before the event, or -1."},
    {"previous", (PyCFunction)index_previous, METH_VARARGS, "previous($self, step, call, /)\n--\n\nThe step before of the same call, or None."},
    {"threads", (PyCFunction)index_threads, METH_NOARGS, "threads($self, /)\n--\n\n(number, name, system id, first event, start event, exit event) of each."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef MEMBERS[] = {
    {"calls", (getter)get_calls, NULL, NULL, NULL}, {"outputs", (getter)get_outputs, NULL, NULL, NULL}, {"bytes", (getter)get_bytes, NULL, NULL, NULL},
    {"damage", (getter)get_damage, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot SLOTS[] = {{Py_tp_doc, "What one pass over all events tells."}, {Py_tp_dealloc, index_dealloc}, {Py_tp_methods, METHODS},
                              {Py_tp_getset, MEMBERS}, {0, NULL}};
PyType_Spec INDEX_SPEC = {"codetracer_python_recorder._reader.Index", sizeof(index_object), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, SLOTS};
