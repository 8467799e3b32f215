/* Cursor: a replay that is moved to an event, and what is read of the program's state there.
 *
 * A replay is used by one thread at a time, and moving it may take long, so the GIL is released meanwhile: every method holds the cursor's lock.
 * Invariant: between methods `event` is the event behind which the replay stands, or NULL when it has to be moved by seeking; a cursor with a replay is in
 * its Journal's list, and keeps the trace open.
 *
 * A fork() takes only its own thread along: a cursor that another one was using stays locked in the child, with its replay as it was in the middle of something.
 * The child gives up both (renew).
 */
#include "reader.h"

#include <pthread.h>
#include <pythread.h>

typedef struct cursor_object {
    PyObject_HEAD
    journal_object *journal;
    open_trace *trace;
    ct_replay *replay;
    const ct_event *event;
    changes *changes;             /* NULL: nobody asks what changed */
    PyThread_type_lock lock;
    bool held;
    unsigned long holder;         /* the thread that holds the lock */
    unsigned forks;               /* as the process had when the lock was made */
    struct cursor_object *next, **link;
} cursor_object;

enum { SIGNALS = 1 << 16 }; /* events between two looks for Ctrl-C */

/* ---- fork() ---- */

static unsigned forks; /* of this process and those it comes from; written in a child that has one thread yet */

static void count_fork(void) { forks++; }
static void watch(void) { (void)pthread_atfork(NULL, NULL, count_fork); }

static void
watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
}

/* ---- the lock, and the replay behind it ---- */

static void
forget_replay(cursor_object *self)
{
    self->replay = NULL;
    self->event = NULL;
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    self->trace = NULL;
}

static void
drop_replay(cursor_object *self)
{
    if (!self->replay)
        return;
    open_trace *trace = self->trace;
    ct_replay_free(self->replay);
    forget_replay(self);
    open_trace_release(trace);
}

/* In a child of fork(), before the first use: a lock of its own, for a thread that is not here may hold the old one, or wait for it. What that thread was moving is
 * left where it is. */
static bool
renew(cursor_object *self)
{
    PyThread_type_lock fresh = PyThread_allocate_lock();
    changes *unused = self->changes && self->held ? changes_new() : NULL;
    if (!fresh || (self->changes && self->held && !unused)) {
        if (fresh)
            PyThread_free_lock(fresh);
        PyErr_NoMemory();
        return false;
    }
    if (self->held) {
        if (self->replay)
            forget_replay(self);
        if (self->changes)
            self->changes = unused;
    }
    self->lock = fresh;
    self->held = false;
    self->forks = forks;
    return true;
}

static void
unlock(cursor_object *self)
{
    if (!self->journal->trace)
        drop_replay(self); /* it was closed meanwhile */
    self->held = false;
    PyThread_release_lock(self->lock);
}

static bool
make_replay(cursor_object *self, ct_error *error)
{
    if (ct_replay_new(self->journal->trace->journal, &self->replay, error) != CT_OK)
        return false;
    self->trace = self->journal->trace;
    self->trace->users++;
    self->link = &self->journal->cursors;
    self->next = self->journal->cursors;
    if (self->next)
        self->next->link = &self->next;
    self->journal->cursors = self;
    return true;
}

static bool
lock(cursor_object *self)
{
    unsigned long me = PyThread_get_thread_ident();
    if (self->forks != forks && !renew(self))
        return false;
    if (self->held && self->holder == me) { /* the garbage collector ran a finalizer that reads on */
        PyErr_SetString(PyExc_RuntimeError, "a trace is read by a finalizer while this thread reads the same place");
        return false;
    }
    if (!PyThread_acquire_lock(self->lock, NOWAIT_LOCK)) {
        Py_BEGIN_ALLOW_THREADS
        PyThread_acquire_lock(self->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS
    }
    self->held = true;
    self->holder = me;
    ct_error error = {0};
    if (!self->journal->trace)
        raise_closed();
    else if (self->replay || make_replay(self, &error))
        return true;
    else
        raise_trace_error(self->journal->state, self->journal->path, &error);
    unlock(self);
    return false;
}

/* Of those that are in use now the replay is dropped by unlock(). */
void
cursor_journal_closed(cursor_object *cursor)
{
    for (cursor_object *next; cursor; cursor = next) {
        next = cursor->next;
        if (PyThread_acquire_lock(cursor->lock, NOWAIT_LOCK)) {
            drop_replay(cursor);
            PyThread_release_lock(cursor->lock);
        }
    }
}

/* ---- moving; without the GIL ---- */

static ct_code
go_on(cursor_object *self, ct_error *error)
{
    if (self->changes && self->event && !changes_pass(self->changes, self->replay, self->event)) {
        self->event = NULL;
        return ct_fail(error, CT_E_NOMEM, "no memory for what changed", 0, 0);
    }
    return ct_replay_next(self->replay, &self->event, error);
}

static ct_code
seek(cursor_object *self, uint64_t step, ct_error *error)
{
    if (self->event && self->event->kind == CT_EVENT_STEP && self->event->step == step)
        return CT_OK;
    if (self->changes)
        changes_forget(self->changes);
    self->event = NULL;
    return ct_replay_seek_step(self->replay, step, &self->event, error);
}

/* `hint`: a step whose event is not behind the wanted one; -1: there is none. */
static ct_code
move_to(cursor_object *self, uint64_t number, int64_t hint, ct_error *error)
{
    const ct_event *event = self->event;
    bool past_hint = event && (hint < 0 || event->step + (event->kind == CT_EVENT_STEP) > (uint64_t)hint);
    if (event && event->number == number)
        return CT_OK;
    if (!event || event->number > number || !past_hint) {
        if (hint >= 0) {
            CT_TRY(seek(self, (uint64_t)hint, error));
        } else {
            if (self->changes)
                changes_forget(self->changes);
            ct_replay *replay;
            CT_TRY(ct_replay_new(self->trace->journal, &replay, error));
            ct_replay_free(self->replay);
            self->replay = replay;
            self->event = NULL;
        }
    }
    while (!self->event || self->event->number < number)
        CT_TRY(go_on(self, error));
    return self->event->number == number ? CT_OK : ct_fail(error, CT_E_PARAM, "there is no such event", 0, 0);
}

/* ---- the place of a call of a method: which event, and whether the cursor may move there ---- */

typedef struct place { unsigned long long event; long long hint; int move; } place;

/* Locks. 1: the cursor stands there; 0: it does not, and may not move; -1: an exception. Not locked unless 1. */
static int
enter(cursor_object *self, const place *wanted)
{
    if (!lock(self))
        return -1;
    if (self->event && self->event->number == wanted->event)
        return 1;
    ct_error error = {0};
    ct_code code = CT_END;
    if (wanted->move) {
        Py_BEGIN_ALLOW_THREADS
        code = move_to(self, wanted->event, wanted->hint, &error);
        Py_END_ALLOW_THREADS
        if (code == CT_OK && self->journal->trace)
            return 1;
        if (code == CT_END)
            ct_fail(&error, CT_E_PARAM, "there is no such event", 0, 0);
        if (self->journal->trace)
            raise_trace_error(self->journal->state, self->journal->path, &error);
        else
            raise_closed();
    }
    unlock(self);
    return wanted->move ? -1 : 0;
}

/* ---- facts: (event, step, kind, thread, activation or -1, code or -1, line, depth, extra) ---- */

static PyObject *
extra_of(const ct_event *event)
{
    switch (event->kind) {
    case CT_EVENT_OUTPUT:
        if (event->descriptors)
            return Py_BuildValue("iNiy#", (int)event->stream, text_of(event->text.bytes, event->text.size), (int)event->descriptors, event->text.bytes, (Py_ssize_t)event->text.size);
        return Py_BuildValue("iN", (int)event->stream, text_of(event->text.bytes, event->text.size));
    case CT_EVENT_THREAD_START:
        return Py_BuildValue("KN", (unsigned long long)event->thread->system_id, text_of(event->thread->name.bytes, event->thread->name.size));
    case CT_EVENT_CALL:
        return PyBool_FromLong(event->activation->flags & CT_CALL_ATTACHED);
    case CT_EVENT_GAP:
        return PyLong_FromLong(event->reason);
    default:
        return Py_NewRef(Py_None);
    }
}

static PyObject *
facts(const ct_event *event)
{
    const ct_activation *activation = event->activation;
    bool has_line = event->kind == CT_EVENT_STEP || event->kind == CT_EVENT_RAISE || event->kind == CT_EVENT_HANDLED;
    size_t depth = event->thread ? event->thread->depth : 0;
    depth -= activation && activation->on_stack && depth;
    return Py_BuildValue("KKiKLLLnN", (unsigned long long)event->number, (unsigned long long)event->step, (int)event->kind,
                         (unsigned long long)(event->thread ? event->thread->number : 0), activation ? (long long)activation->id : -1LL,
                         activation ? (long long)activation->code : -1LL,
                         (long long)(has_line ? event->line : activation ? activation->line : 0), (Py_ssize_t)depth, extra_of(event));
}

static PyObject *
finish_move(cursor_object *self, ct_code code, const ct_error *error)
{
    PyObject *answer = NULL;
    if (!self->journal->trace)
        raise_closed();
    else if (code == CT_END)
        answer = Py_NewRef(Py_None);
    else if (code != CT_OK)
        raise_trace_error(self->journal->state, self->journal->path, error);
    else
        answer = facts(self->event);
    unlock(self);
    return answer;
}

static PyObject *
cursor_step(cursor_object *self, PyObject *argument)
{
    unsigned long long step = PyLong_AsUnsignedLongLong(argument);
    if (PyErr_Occurred() || !lock(self))
        return NULL;
    ct_error error = {0};
    ct_code code;
    Py_BEGIN_ALLOW_THREADS
    code = seek(self, step, &error);
    Py_END_ALLOW_THREADS
    return finish_move(self, code, &error);
}

static PyObject *
cursor_event(cursor_object *self, PyObject *arguments)
{
    unsigned long long number;
    long long hint;
    if (!PyArg_ParseTuple(arguments, "KL", &number, &hint) || !lock(self))
        return NULL;
    ct_error error = {0};
    ct_code code;
    Py_BEGIN_ALLOW_THREADS
    code = move_to(self, number, hint, &error);
    Py_END_ALLOW_THREADS
    return finish_move(self, code, &error);
}

/* The GIL is kept: an event is quickly passed, and giving it away costs more. */
static PyObject *
cursor_next_event(cursor_object *self, PyObject *Py_UNUSED(none))
{
    if (!lock(self))
        return NULL;
    ct_error error = {0};
    return finish_move(self, go_on(self, &error), &error);
}

static PyObject *
next_of(cursor_object *self, enum ct_event_kind kind)
{
    if (!lock(self))
        return NULL;
    ct_error error = {0};
    ct_code code;
    for (unsigned passed = 1; (code = go_on(self, &error)) == CT_OK && self->event->kind != kind; passed++)
        if (passed % SIGNALS == 0 && PyErr_CheckSignals() < 0) {
            unlock(self);
            return NULL;
        }
    return finish_move(self, code, &error);
}

static PyObject *cursor_next_step(cursor_object *self, PyObject *Py_UNUSED(none)) { return next_of(self, CT_EVENT_STEP); }
static PyObject *cursor_next_call(cursor_object *self, PyObject *Py_UNUSED(none)) { return next_of(self, CT_EVENT_CALL); }

/* ---- state at an event ---- */

/* Frames counted from the innermost: the event's activation, then what is below it on the thread's stack. NULL: no more. */
static const ct_activation *
frame_at(const ct_event *event, size_t frame)
{
    size_t depth = event->thread ? event->thread->depth : 0;
    const ct_activation *own = event->activation;
    if (own && !(depth && event->thread->stack[depth - 1] == own)) {
        if (frame == 0)
            return own;
        frame--;
    }
    return frame < depth ? event->thread->stack[depth - 1 - frame] : NULL;
}

static snapshot_object *
snapshot_or_new(journal_object *journal, PyObject *given)
{
    PyTypeObject *type = journal->state->snapshot;
    if (given == Py_None)
        return (snapshot_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (Py_TYPE(given) == type)
        return (snapshot_object *)Py_NewRef(given);
    PyErr_SetString(PyExc_TypeError, "snapshot must be a Snapshot or None");
    return NULL;
}

/* locals(event, hint, move, snapshot, frame) -> (locals, globals, snapshot) */
static PyObject *
cursor_locals(cursor_object *self, PyObject *arguments)
{
    place wanted;
    PyObject *given, *locals = NULL, *globals = NULL;
    Py_ssize_t frame;
    if (!PyArg_ParseTuple(arguments, "KLpOn", &wanted.event, &wanted.hint, &wanted.move, &given, &frame))
        return NULL;
    int there = enter(self, &wanted);
    if (there <= 0)
        return there ? NULL : Py_NewRef(Py_None);
    builder b = {self->journal, self->replay, snapshot_or_new(self->journal, given)};
    if (b.snapshot) {
        const ct_activation *a = frame < 0 ? NULL : frame_at(self->event, (size_t)frame);
        locals = a ? build_slots(&b, a->slots, a->slot_count) : PyDict_New();
        if (locals)
            globals = a ? build_slots(&b, a->globals, a->global_count) : PyDict_New();
    }
    unlock(self);
    if (globals)
        return Py_BuildValue("NNN", locals, globals, b.snapshot);
    Py_XDECREF(locals);
    Py_XDECREF((PyObject *)b.snapshot);
    return NULL;
}

/* value(event, hint, move, snapshot) -> (value, snapshot): what was returned, raised … */
static PyObject *
cursor_value(cursor_object *self, PyObject *arguments)
{
    place wanted;
    PyObject *given, *value = NULL;
    if (!PyArg_ParseTuple(arguments, "KLpO", &wanted.event, &wanted.hint, &wanted.move, &given))
        return NULL;
    int there = enter(self, &wanted);
    if (there <= 0)
        return there ? NULL : Py_NewRef(Py_None);
    builder b = {self->journal, self->replay, snapshot_or_new(self->journal, given)};
    if (b.snapshot)
        value = self->event->value.kind == CT_UNBOUND ? Py_NewRef(Py_None) : build_value(&b, &self->event->value);
    unlock(self);
    if (value)
        return Py_BuildValue("NN", value, b.snapshot);
    Py_XDECREF((PyObject *)b.snapshot);
    return NULL;
}

/* stack(event, hint, move) -> [(activation, code, line), …], the innermost first */
static PyObject *
cursor_stack(cursor_object *self, PyObject *arguments)
{
    place wanted;
    if (!PyArg_ParseTuple(arguments, "KLp", &wanted.event, &wanted.hint, &wanted.move))
        return NULL;
    int there = enter(self, &wanted);
    if (there <= 0)
        return there ? NULL : Py_NewRef(Py_None);
    PyObject *list = PyList_New(0);
    const ct_activation *a;
    for (size_t frame = 0; list && (a = frame_at(self->event, frame)); frame++) {
        PyObject *item = Py_BuildValue("KIL", (unsigned long long)a->id, (unsigned)a->code, (long long)a->line);
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    unlock(self);
    return list;
}

/* changed(event) -> names, or None: the cursor is elsewhere, or did not pass the step before of the same activation */
static PyObject *
cursor_changed(cursor_object *self, PyObject *argument)
{
    place wanted = {.event = PyLong_AsUnsignedLongLong(argument)};
    int there = PyErr_Occurred() ? -1 : enter(self, &wanted);
    if (there <= 0)
        return there ? NULL : Py_NewRef(Py_None);
    PyObject *names = self->changes && self->event->activation
                          ? changes_at(self->changes, self->journal, self->replay, self->event->activation)
                          : Py_NewRef(Py_None);
    unlock(self);
    return names;
}

static ct_code
go_from(cursor_object *self, uint64_t step, uint64_t event, ct_error *error)
{
    CT_TRY(seek(self, step, error));
    while (self->event->number < event)
        CT_TRY(go_on(self, error));
    return CT_OK;
}

/* follow(step, event) -> names, or None: goes from the step to the event, and tells what changed of the event's activation since the step, if that is one of the
 * same activation. */
static PyObject *
cursor_follow(cursor_object *self, PyObject *arguments)
{
    unsigned long long step, event;
    if (!PyArg_ParseTuple(arguments, "KK", &step, &event))
        return NULL;
    if (!self->changes) {
        PyErr_SetString(PyExc_ValueError, "the cursor does not follow changes");
        return NULL;
    }
    if (!lock(self))
        return NULL;
    ct_error error = {0};
    ct_code code;
    PyObject *names = NULL;
    changes_forget(self->changes);
    Py_BEGIN_ALLOW_THREADS
    code = go_from(self, step, event, &error);
    Py_END_ALLOW_THREADS
    if (!self->journal->trace)
        raise_closed();
    else if (code != CT_OK)
        raise_trace_error(self->journal->state, self->journal->path, &error);
    else if (self->event->activation)
        names = changes_at(self->changes, self->journal, self->replay, self->event->activation);
    else
        names = Py_NewRef(Py_None);
    unlock(self);
    return names;
}

/* ---- the type ---- */

static PyObject *
cursor_make(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"journal", "follow", NULL};
    reader_state *state = PyType_GetModuleState(type);
    PyObject *journal;
    int follow = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O!|p", names, state->journal, &journal, &follow))
        return NULL;
    cursor_object *self = (cursor_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->journal = (journal_object *)Py_NewRef(journal);
    watch_forks();
    self->forks = forks;
    self->lock = PyThread_allocate_lock();
    self->changes = follow ? changes_new() : NULL;
    if (self->lock && (self->changes || !follow))
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void
cursor_dealloc(cursor_object *self)
{
    PyTypeObject *type = TYPE_OF(self);
    if (self->forks == forks || !self->held) {
        drop_replay(self);
        changes_free(self->changes);
    }
    if (self->lock && self->forks == forks)
        PyThread_free_lock(self->lock);
    Py_DECREF(self->journal);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef METHODS[] = {
    {"step", (PyCFunction)cursor_step, METH_O, "step($self, number, /)\n--\n\nGoes to that step: its facts."},
    {"event", (PyCFunction)cursor_event, METH_VARARGS, "event($self, number, hint, /)\n--\n\nGoes to that event: its facts. hint: a step not behind it, or -1."},
    {"next_event", (PyCFunction)cursor_next_event, METH_NOARGS, "next_event($self, /)\n--\n\nGoes to the next event: its facts, or None at the end."},
    {"next_step", (PyCFunction)cursor_next_step, METH_NOARGS, "next_step($self, /)\n--\n\nGoes to the next step: its facts, or None at the end."},
    {"next_call", (PyCFunction)cursor_next_call, METH_NOARGS, "next_call($self, /)\n--\n\nGoes to the next call: its facts, or None at the end."},
    {"locals", (PyCFunction)cursor_locals, METH_VARARGS, "locals($self, event, hint, move, snapshot, frame, /)\n--\n\n(locals, globals, snapshot) of a frame; 0 is the innermost."},
    {"value", (PyCFunction)cursor_value, METH_VARARGS, "value($self, event, hint, move, snapshot, /)\n--\n\n(value, snapshot)."},
    {"stack", (PyCFunction)cursor_stack, METH_VARARGS, "stack($self, event, hint, move, /)\n--\n\n[(activation, code, line), …], the innermost first."},
    {"changed", (PyCFunction)cursor_changed, METH_O, "changed($self, event, /)\n--\n\nNames that changed since the activation's last step, if that was passed; else None."},
    {"follow", (PyCFunction)cursor_follow, METH_VARARGS, "follow($self, step, event, /)\n--\n\nGoes from a step to an event: names that changed, or None."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot SLOTS[] = {{Py_tp_doc, "Cursor(journal, follow=False)\n--\n\nA place in a trace."}, {Py_tp_new, cursor_make},
                              {Py_tp_dealloc, cursor_dealloc}, {Py_tp_methods, METHODS}, {0, NULL}};
PyType_Spec CURSOR_SPEC = {"codetracer_python_recorder._reader.Cursor", sizeof(cursor_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, SLOTS};
