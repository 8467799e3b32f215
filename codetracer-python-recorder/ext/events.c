/* sys.monitoring's callbacks: one per event, each a small object of our own type called by vectorcall (the cheapest way in).
 *
 * Every callback: is there a recording, is the code recorded (if not: DISABLE, and the interpreter does not call for this place again), which activation, then the
 * head record and the changes. They never raise, and run no Python code.
 *
 * CPython issues dealt with here:
 *   gh-155992 (3.13)        a body on its def's line gives no LINE: PY_START is always on with LINE
 *   gh-140373 (3.13, 3.14)  no PY_UNWIND when a generator is closed: activations.c never counts on it
 *   gh-113728 (3.12)        extra raise/handled/unwind when a generator is closed: an end of a frame that is not known is ignored
 *   gh-129013 (3.12-3.14)   PY_YIELD passes an async generator's wrapper: what it wraps is recorded
 *   gh-118360, gh-112086    RERAISE doubled: not subscribed; of HANDLED only the handlers that the program wrote
 *   gh-120697               STOP_ITERATION or RAISE at a loop's end: neither
 *   tool ids taken by others: any free one will do
 */
#include "recorder.h"

enum { NO_TOOL = -1 };
static int tool_id = NO_TOOL;
static PyObject *tool_name; /* an object that only we have: by it we know our tool id */
static PyObject *disable; /* sys.monitoring.DISABLE */
static PyTypeObject *callback_type;
static PyTypeObject *async_generator_wrapper; /* known once one was seen */

typedef struct callback { PyObject_HEAD vectorcallfunc call; } callback;

/* ---- a callback's beginning and end ---- */

static inline PyObject *
ignore(bool can_disable)
{
    return Py_NewRef(can_disable ? disable : Py_None);
}

static inline int
line_of(PyObject *const *args)
{
    PyLongObject *line = (PyLongObject *)args[1];
    if (__builtin_expect(!_PyLong_IsCompact(line), 0)) /* from 2**30 on: code.replace() and compile() of a tree can say so */
        return (int)PyLong_AsLong(args[1]);
    return (int)_PyLong_CompactValue(line);
}

/* The code unit of an event that tells it; LINE does not. */
static inline int
unit_of(PyObject *const *args)
{
    return (int)_PyLong_CompactValue((PyLongObject *)args[1]) / (int)sizeof(_Py_CODEUNIT);
}

/* An event within a callback, or while recording is paused. *keep: the place must not be switched off. */
static recorder *
begin_busy(recorder *r, PyObject *const *args, enum period_event event, code_info **info, ct_frame **frame, bool *keep)
{
    if (r->busy & RECORDER_INSIDE) { /* our reading of a value has run Python code: never; counted, so that tests can tell */
        r->python_inside++;
        return NULL;
    }
    PyThreadState *tstate = ct_thread_state();
    *frame = ct_current_frame(tstate);
    *info = code_info_of(r, (PyCodeObject *)args[0], *frame);
    if (*info == NULL)
        return NULL;
    enum period_answer answer = period_event(r, event, event == PERIOD_LINE ? line_of(args) : 0, *info, *frame, tstate);
    *keep = answer == PERIOD_IGNORE || (answer == PERIOD_RECORD && (*info)->points); /* a point in code that is not recorded: it may be met again */
    if (answer != PERIOD_RECORD || (*info)->skipped || (event == PERIOD_LINE && (*info)->calls_only))
        return NULL;
    r->busy |= RECORDER_INSIDE;
    recorder_enter_thread(r, tstate);
    quiet_end(r, false);
    return r;
}

/* The recording and code of an event; NULL: nothing to record, and the place may be switched off unless *keep. */
static inline recorder *
begin(PyObject *const *args, enum period_event event, code_info **info, ct_frame **frame, bool *keep)
{
    recorder *r = active_recorder;
    if (__builtin_expect(r == NULL, 0))
        return NULL;
    if (__builtin_expect(r->busy, 0))
        return begin_busy(r, args, event, info, frame, keep);
    PyThreadState *tstate = ct_thread_state();
    *frame = ct_current_frame(tstate);
    *info = code_info_of(r, (PyCodeObject *)args[0], *frame);
    if (*info == NULL)
        return NULL;
    if ((*info)->skipped || (event == PERIOD_LINE && (*info)->calls_only)) {
        if ((*info)->points) {
            recorder_enter_thread(r, tstate);
            quiet_end(r, false);
            period_skipped(r, event, event == PERIOD_LINE ? line_of(args) : 0, *info, *frame);
            *keep = true;
        }
        r->quiet.stretch = NULL; /* a generator that is closed as it dies leaves no other trace: an exception is thrown into it */
        return NULL;
    }
    r->busy = RECORDER_INSIDE;
    bool is_quiet = event != PERIOD_OTHER && quiet_holds(r, tstate, *frame, event == PERIOD_START);
    recorder_enter_thread(r, tstate);
    quiet_end(r, is_quiet);
    return r;
}

static inline PyObject *
end(recorder *r)
{
    r->busy &= (uint8_t)~RECORDER_INSIDE;
    if (__builtin_expect(r->no_memory || (r->stamp & r->check_mask) == 0, 0))
        recorder_check(r);
    return Py_NewRef(Py_None);
}

static inline void
visit_value(recorder *r, object_record *record)
{
    if (record) {
        object_visit(r, record, r->limits.containers, r->limits.attributes);
        objects_look(r);
    }
}

/* A head record with a value, then the last snapshot of the activation. */
static void
write_with_value(recorder *r, enum ct_record head, activation *a, ct_frame *frame, PyObject *value)
{
    uint8_t bytes[CT_VALUE_MAX];
    object_record *record;
    ct_event_begin(r->out);
    enum value_action action = (enum value_action)(head == CT_R_UNWIND ? a->info->exception_action : head == CT_R_YIELD ? a->info->yield_action : a->info->return_action);
    filters_count(r, action, FILTERED_RETURN);
    size_t size = (size_t)((action ? value_encode_as(r, value, action, bytes, &record) : value_encode(r, value, bytes, &record)) - bytes);
    r->hidden[HIDDEN_RETURNS] += bytes[0] == CT_V_REDACTED && !value_is_ruled(action);
    ct_put_value(r->out, head, bytes, size);
    if (a->info->calls_only)
        object_write_deaths(r);
    else
        snapshot_write(r, a, frame);
    visit_value(r, record);
    ct_event_end(r->out);
}

/* CALLBACK(on_event, …) { … }: what is done for an event of recorded code, with r, args (as sys.monitoring passes them), info and frame at hand. `event`
 * says what it means to a paused recording. */
enum { CANNOT_DISABLE = 0, CAN_DISABLE = 1 };
#define CALLBACK(name, can_disable, event)                                                                                          \
    static void name##_of(recorder *r, PyObject *const *args, code_info *info, ct_frame *frame);                                    \
    static PyObject *name(PyObject *self, PyObject *const *args, size_t count, PyObject *names)                                     \
    {                                                                                                                               \
        (void)self; (void)count; (void)names;                                                                                       \
        code_info *info;                                                                                                            \
        ct_frame *frame;                                                                                                            \
        bool keep = false;                                                                                                          \
        recorder *r = begin(args, event, &info, &frame, &keep);                                                                     \
        if (r == NULL)                                                                                                              \
            return ignore(can_disable && !keep);                                                                                    \
        name##_of(r, args, info, frame);                                                                                            \
        return end(r);                                                                                                              \
    }                                                                                                                               \
    static void name##_of(recorder *r, PyObject *const *args __attribute__((unused)), code_info *info __attribute__((unused)), ct_frame *frame)

/* ---- the events ---- */

CALLBACK(on_start, CAN_DISABLE, PERIOD_START)
{
    activation *top = r->thread->top;
    if (top ? ct_frame_previous(frame) != top->frame : !r->thread->entered) {
        /* The caller is not on top: code between them that is not recorded, an end that was not reported, or calls that were running when recording began. */
        ct_frame *caller = ct_frame_previous(frame);
        while (caller) {
            PyCodeObject *code = ct_frame_code(caller);
            code_info *its_info = code ? code_info_of(r, code, caller) : NULL;
            if (its_info && !its_info->skipped)
                break;
            caller = its_info && its_info->outer ? NULL : ct_frame_previous(caller);
        }
        if (caller)
            recorder_activation(r, caller);
        else
            activations_trim(r, frame);
    }
    r->thread->entered = true;
    activation *a = activation_push(r, frame, info, false);
    if (a) {
        r->calls++;
        ct_event_begin(r->out);
        ct_put_call(r->out, info->code, 0);
        if (info->is_namespace)
            object_write_deaths(r); /* a namespace has no arguments: its first line shows what is in it */
        else
            snapshot_write(r, a, frame);
        ct_event_end(r->out);
        if (__builtin_expect(info->points != NULL, 0))
            period_passed(r, info, 0);
        quiet_begin(r, a, frame, unit_of(args));
    }
}

CALLBACK(on_line, CAN_DISABLE, PERIOD_LINE)
{
    activation *a = recorder_activation(r, frame);
    if (a) {
        int line = line_of(args);
        if (__builtin_expect(line == 0, 0))
            line = info->first_line; /* CPython's number for a module without code, which no file has */
        ct_event_begin(r->out);
        ct_put_step(r->out, line - a->line);
        a->line = line;
        snapshot_write(r, a, frame);
        ct_event_end(r->out);
        if (__builtin_expect(info->points != NULL, 0))
            period_passed(r, info, line);
        if (__builtin_expect(r->out->steps >= r->step_limit, 0))
            period_steps_reached(r);
        quiet_begin(r, a, frame, ct_frame_line_unit(frame));
    }
}

CALLBACK(on_return, CAN_DISABLE, PERIOD_END)
{
    activation *a = recorder_activation(r, frame);
    if (a) {
        write_with_value(r, CT_R_RETURN, a, frame, args[2]);
        activation_pop(r, a);
        activation_end(r, a);
        if (!info->hides) /* what is hidden has no record that could die */
            quiet_begin_caller(r, frame, args[2]);
    }
    if (__builtin_expect(frame == r->root, 0))
        period_root_ended(r);
}

/* Objects/genobject.c: a private type that holds one reference. */
typedef struct async_wrapper { PyObject_HEAD PyObject *value; } async_wrapper;

static PyObject *
unwrap_yield(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    /* Few names begin so: of most the call to compare them is spared. */
    if (async_generator_wrapper == NULL && type->tp_name[0] == 'a' && !(type->tp_flags & Py_TPFLAGS_HEAPTYPE) && strcmp(type->tp_name, "async_generator_wrapped_value") == 0)
        async_generator_wrapper = type;
    return type == async_generator_wrapper ? ((async_wrapper *)value)->value : value;
}

CALLBACK(on_yield, CAN_DISABLE, PERIOD_YIELD)
{
    activation *a = recorder_activation(r, frame);
    if (a) {
        write_with_value(r, CT_R_YIELD, a, frame, unwrap_yield(args[2]));
        activation_pop(r, a);
        if (!a->in_generator)
            activation_end(r, a);
    }
}

/* The activation of a generator that runs again; one that began before the recording is attached (NULL then: its CALL says all). */
static activation *
resumed(recorder *r, ct_frame *frame)
{
    activation *a = activation_suspended(r, frame);
    activation *top = r->thread->top;
    if (top && ct_frame_previous(frame) != top->frame)
        activations_trim(r, frame);
    if (a && !a->on_stack) {
        activation_put_on_top(r, a);
        return a;
    }
    recorder_activation(r, frame);
    return NULL;
}

CALLBACK(on_resume, CAN_DISABLE, PERIOD_OTHER)
{
    activation *a = resumed(r, frame);
    if (a) {
        ct_event_begin(r->out);
        ct_put_number(r->out, CT_R_RESUME, a->id);
        object_write_deaths(r);
        ct_event_end(r->out);
        quiet_begin(r, a, frame, unit_of(args));
    }
}

CALLBACK(on_throw, CANNOT_DISABLE, PERIOD_OTHER)
{
    activation *a = resumed(r, frame);
    if (a) {
        uint8_t bytes[CT_VALUE_MAX];
        object_record *record;
        ct_event_begin(r->out);
        size_t size = (size_t)(value_encode_as(r, args[2], (enum value_action)info->exception_action, bytes, &record) - bytes);
        ct_put_number(r->out, CT_R_THROW, a->id);
        ct_put_bytes(r->out, bytes, size);
        object_write_deaths(r);
        visit_value(r, record);
        ct_event_end(r->out);
    }
}

/* The activation that an exception's event is about. Where the frame is not on the stack it is attached, as at a line: a greenlet that had been switched out, a call
 * that was running when recording began. But not a generator's: 3.12 tells of exceptions in generators that are over (gh-113728). */
static activation *
activation_of_exception(recorder *r, PyObject *const *args, ct_frame *frame)
{
    bool is_generator = (((PyCodeObject *)args[0])->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0;
    activation *a = r->thread->top;
    while (is_generator && a && a->frame != frame)
        a = a->below;
    return is_generator && a == NULL ? NULL : recorder_activation(r, frame);
}

CALLBACK(on_unwind, CANNOT_DISABLE, PERIOD_END)
{
    activation *a = activation_of_exception(r, args, frame);
    if (a) {
        write_with_value(r, CT_R_UNWIND, a, frame, args[2]);
        activation_pop(r, a);
        activation_end(r, a);
    }
    if (__builtin_expect(frame == r->root, 0))
        period_root_ended(r);
}

static void
write_exception(recorder *r, enum ct_record head, PyObject *const *args, ct_frame *frame)
{
    activation *a = activation_of_exception(r, args, frame);
    if (a == NULL)
        return;
    PyCodeObject *code = (PyCodeObject *)args[0];
    int line = -1;
    /* A handler's first instruction has no line of its own: that of the first one that has. */
    for (int offset = (int)_PyLong_CompactValue((PyLongObject *)args[1]); line <= 0 && offset < (int)_PyCode_NBYTES(code); offset += (int)sizeof(_Py_CODEUNIT))
        line = PyCode_Addr2Line(code, offset);
    uint8_t bytes[CT_VALUE_MAX];
    object_record *record;
    ct_event_begin(r->out);
    size_t size = (size_t)(value_encode_as(r, args[2], (enum value_action)a->info->exception_action, bytes, &record) - bytes);
    ct_put_value(r->out, head, bytes, size);
    r->out->cursor = ct_write_varint(r->out->cursor, line < 0 ? 0 : (uint64_t)line);
    object_write_deaths(r);
    visit_value(r, record);
    ct_event_end(r->out);
}

/* The instruction that an event of an exception is about. */
static int
opcode_of(PyObject *const *args)
{
    return ct_opcode((PyCodeObject *)args[0], (int)_PyLong_CompactValue((PyLongObject *)args[1]));
}

CALLBACK(on_raise, CANNOT_DISABLE, PERIOD_OTHER)
{
    /* gh-120697: a loop that ends is reported as this, or as STOP_ITERATION, or not at all. It is no exception to the program. */
    int opcode = opcode_of(args);
    if (!((opcode == FOR_ITER || opcode == INSTRUMENTED_FOR_ITER || opcode == SEND) &&
          PyType_IsSubtype(Py_TYPE(args[2]), (PyTypeObject *)PyExc_StopIteration)))
        write_exception(r, CT_R_RAISE, args, frame);
}

CALLBACK(on_handled, CANNOT_DISABLE, PERIOD_OTHER)
{
    /* What the program wrote (except, finally, with, async for) begins with one of these; all other handlers are the compiler's,
     * to clean up and raise again (gh-118360, gh-112086, gh-113728). */
    int opcode = opcode_of(args);
    if (opcode == PUSH_EXC_INFO || opcode == END_ASYNC_FOR)
        write_exception(r, CT_R_HANDLED, args, frame);
}

static const struct { const char *name; vectorcallfunc handler; } EVENTS[] = {
    {"PY_START", on_start}, {"PY_RESUME", on_resume}, {"PY_THROW", on_throw},  {"PY_RETURN", on_return},        {"PY_YIELD", on_yield},
    {"PY_UNWIND", on_unwind}, {"LINE", on_line},      {"RAISE", on_raise},     {"EXCEPTION_HANDLED", on_handled},
};
enum { EVENT_COUNT = sizeof EVENTS / sizeof *EVENTS };

/* ---- installing them ---- */

static void
callback_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMemberDef CALLBACK_MEMBERS[] = {
    {"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(callback, call), Py_READONLY, NULL},
    {0},
};
static PyType_Slot CALLBACK_SLOTS[] = {
    {Py_tp_dealloc, callback_dealloc}, {Py_tp_call, PyVectorcall_Call}, {Py_tp_members, CALLBACK_MEMBERS}, {0, NULL},
};
static PyType_Spec CALLBACK_SPEC = {
    "codetracer_python_recorder._native.callback", sizeof(callback), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, CALLBACK_SLOTS,
};

static PyObject *
monitoring(void)
{
    PyObject *module = PySys_GetObject("monitoring"); /* borrowed */
    if (module == NULL)
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no sys.monitoring");
    return module;
}

PyObject *
monitoring_function(PyObject *module, const char *name)
{
    PyObject *function = PyObject_GetAttrString(module, name);
    if (function == NULL || (PyCFunction_CheckExact(function) && strcmp(((PyCFunctionObject *)function)->m_ml->ml_name, name) == 0))
        return function;
    Py_DECREF(function);
    PyErr_Format(PyExc_RuntimeError, "sys.monitoring.%s has been replaced by something else in this process; recording needs the interpreter's own: "
                 "put that back, or start recording before it is replaced", name);
    return NULL;
}

static bool
take_one(PyObject *module, int id)
{
    PyObject *taken = PyObject_CallMethod(module, "use_tool_id", "iO", id, tool_name);
    Py_XDECREF(taken);
    return taken != NULL;
}

static int
take_tool_id(PyObject *module)
{
    if (tool_name == NULL && (tool_name = PyUnicode_FromString("codetracer")) == NULL)
        return -1;
    /* 3 and 4 belong to nobody; then those of the optimizer, profiler, coverage tool and debugger, if nobody is there. */
    static const int ORDER[] = {3, 4, 5, 2, 1, 0};
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        PyObject *owner = PyObject_CallMethod(module, "get_tool", "i", ORDER[i]);
        if (owner == NULL)
            return -1;
        bool is_free = owner == Py_None;
        Py_DECREF(owner);
        if (!is_free)
            continue;
        if (!take_one(module, ORDER[i]))
            return -1;
        tool_id = ORDER[i];
        return 0;
    }
    PyErr_SetString(PyExc_RuntimeError, "all six tool ids of sys.monitoring are taken by other tools; end one of them (coverage, a debugger, a profiler) to record");
    return -1;
}

/* Whether our id is still ours. The program may have given it back: if nobody has taken it since, it is taken again, for what we asked under it is still set. */
static bool
is_ours(PyObject *module)
{
    PyObject *owner = PyObject_CallMethod(module, "get_tool", "i", tool_id);
    bool ours = owner == tool_name || (owner == Py_None && take_one(module, tool_id));
    Py_XDECREF(owner);
    return ours;
}

static int
register_callback(PyObject *module, long event, PyObject *function)
{
    PyObject *old = PyObject_CallMethod(module, "register_callback", "ilO", tool_id, event, function);
    if (old == NULL)
        return -1;
    Py_DECREF(old);
    return 0;
}

static int
set_events(PyObject *module, long events)
{
    PyObject *done = PyObject_CallMethod(module, "set_events", "il", tool_id, events);
    if (done == NULL)
        return -1;
    Py_DECREF(done);
    return 0;
}

static int
event_bit(PyObject *module, const char *name, long *bit)
{
    PyObject *events = PyObject_GetAttrString(module, "events"); /* public headers lack the numbers in 3.12 */
    PyObject *number = events ? PyObject_GetAttrString(events, name) : NULL;
    Py_XDECREF(events);
    if (number == NULL)
        return -1;
    *bit = PyLong_AsLong(number);
    Py_DECREF(number);
    return *bit == -1 && PyErr_Occurred() ? -1 : 0;
}

int
events_install(recorder *r)
{
    events_remove(); /* a forked child inherits its parent's */
    PyObject *module = monitoring();
    if (module == NULL)
        return -1;
    if (callback_type == NULL && (callback_type = (PyTypeObject *)PyType_FromSpec(&CALLBACK_SPEC)) == NULL)
        return -1;
    Py_XSETREF(disable, PyObject_GetAttrString(module, "DISABLE"));
    if (disable == NULL || period_setup(module) < 0 || take_tool_id(module) < 0)
        return -1;
    long everywhere = 0, line = 0;
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        long bit;
        callback *function = PyObject_New(callback, callback_type);
        if (function == NULL)
            goto failed;
        function->call = EVENTS[i].handler;
        int code = event_bit(module, EVENTS[i].name, &bit) < 0 ? -1 : register_callback(module, bit, (PyObject *)function);
        Py_DECREF(function);
        if (code < 0)
            goto failed;
        if (EVENTS[i].handler == on_line)
            line = bit;
        else
            everywhere |= bit;
    }
    quiet_setup(tool_id);
    /* Places that an earlier recording switched off are switched on again. */
    PyObject *done = PyObject_CallMethod(module, "restart_events", NULL);
    Py_XDECREF(done);
    if (done == NULL || line_events_setup(module, tool_id, line) < 0 || set_events(module, everywhere) < 0 || line_events_of_running_code(r) < 0)
        goto failed;
    return 0;

failed:
    events_remove();
    return -1;
}

bool
events_remove(void)
{
    if (tool_id == NO_TOOL)
        return true;
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *module = monitoring();
    bool ours = module && is_ours(module);
    if (ours) { /* else what is set under the id is the other tool's; the list of line_events.c stays as true as it was */
        line_events_remove();
        if (set_events(module, 0) < 0)
            PyErr_Clear();
        for (size_t i = 0; i < EVENT_COUNT; i++) {
            long bit;
            if (event_bit(module, EVENTS[i].name, &bit) < 0 || register_callback(module, bit, Py_None) < 0)
                PyErr_Clear();
        }
        PyObject *done = PyObject_CallMethod(module, "free_tool_id", "i", tool_id);
        if (done == NULL)
            PyErr_Clear();
        Py_XDECREF(done);
    }
    PyErr_Clear();
    tool_id = NO_TOOL;
    PyErr_SetRaisedException(pending);
    return ours;
}
