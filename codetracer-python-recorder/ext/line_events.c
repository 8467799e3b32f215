/* Which code objects tell their lines. LINE is asked for per code object (sys.monitoring.set_local_events), of those whose lines are recorded and of those with a
 * start or stop point. Asked for in all code, each line of what is skipped would be told once before it is switched off, and one that a loop comes to from
 * itself never would be: no event is told there, so nobody can answer DISABLE (_Py_call_instrumentation_line, Python/instrumentation.c).
 *
 * Invariant: a code object is in the list while its local events are set. The list holds no reference, for code that the program drops must die: code_info_free
 * takes it out, when the code dies or its info is made anew.
 */
#include "recorder.h"

static code_info *first_teller;
static PyObject *set_local_events; /* sys.monitoring's own function: it is called from within callbacks, where no Python may run */
static PyObject *tool, *line_bit, *no_bits;

int
line_events_setup(PyObject *monitoring, int tool_id, long line)
{
    Py_XSETREF(set_local_events, monitoring_function(monitoring, "set_local_events"));
    if (set_local_events == NULL)
        return -1;
    Py_XSETREF(tool, PyLong_FromLong(tool_id));
    Py_XSETREF(line_bit, PyLong_FromLong(line));
    Py_XSETREF(no_bits, PyLong_FromLong(0));
    return tool && line_bit && no_bits ? 0 : -1;
}

static int
set_bits(PyCodeObject *code, PyObject *bits)
{
    PyObject *arguments[] = {tool, (PyObject *)code, bits};
    ct_recursion_room(0, 1); /* the program may have used up its own */
    PyObject *done = PyObject_Vectorcall(set_local_events, arguments, 3, NULL);
    ct_recursion_room(0, -1);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

void
line_events_begin(recorder *r, PyCodeObject *code, code_info *info)
{
    if (set_bits(code, line_bit) < 0) {
        /* Else the program has given our tool id back, and another tool's events would be set: there is nobody to tell lines to. */
        r->no_memory |= PyErr_ExceptionMatches(PyExc_MemoryError) != 0;
        PyErr_Clear();
        return;
    }
    info->teller = code;
    info->next_teller = first_teller;
    if (first_teller)
        first_teller->previous_teller = info;
    first_teller = info;
}

void
line_events_forget(code_info *info)
{
    if (info->teller == NULL)
        return;
    if (info->previous_teller)
        info->previous_teller->next_teller = info->next_teller;
    else
        first_teller = info->next_teller;
    if (info->next_teller)
        info->next_teller->previous_teller = info->previous_teller;
    info->teller = NULL;
    info->previous_teller = info->next_teller = NULL;
}

void
line_events_remove(void)
{
    while (first_teller) {
        PyCodeObject *code = first_teller->teller;
        line_events_forget(first_teller);
        if (set_bits(code, no_bits) < 0)
            PyErr_Clear();
    }
}

/* ---- what runs when recording begins ---- */

/* Other code has its info made, and so begins to tell its lines, when its first event comes, which is a call, a resumption or an exception. */
static void
look_at_frames(recorder *r, ct_frame *frame)
{
    for (; frame; frame = ct_frame_previous(frame)) {
        PyCodeObject *code = ct_frame_code(frame);
        if (code)
            code_info_of(r, code, frame);
    }
}

typedef struct greenlets { PyTypeObject *type; PyObject *found; bool failed; } greenlets;

static int
find_greenlet(PyObject *object, void *context)
{
    greenlets *all = context;
    if (PyObject_TypeCheck(object, all->type) && PyList_Append(all->found, object) < 0)
        all->failed = true;
    return !all->failed;
}

/* The frames of greenlets that are switched out are in no thread's chain; greenlet.gr_frame is the innermost. Only where greenlet's own type, in C, stands in a module of
 * that name, and by the getter of that type: the program may have another module so called, or a subclass with a gr_frame of its own, and none of it is to run. */
static int
look_at_greenlets(recorder *r)
{
    PyObject *modules = PyImport_GetModuleDict(), *module = PyDict_GetItemString(modules, "greenlet"); /* borrowed, as what follows */
    PyObject *type = module && PyModule_CheckExact(module) ? PyDict_GetItemString(PyModule_GetDict(module), "greenlet") : NULL;
    if (type == NULL || !PyType_CheckExact(type) || ((PyTypeObject *)type)->tp_flags & Py_TPFLAGS_HEAPTYPE)
        return 0;
    PyObject *members = PyType_GetDict((PyTypeObject *)type);
    PyObject *getter = members ? PyDict_GetItemString(members, "gr_frame") : NULL;
    greenlets all = {(PyTypeObject *)type, NULL, false};
    if (getter && Py_IS_TYPE(getter, &PyGetSetDescr_Type) && (all.found = PyList_New(0)) != NULL) {
        PyUnstable_GC_VisitObjects(find_greenlet, &all);
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all.found) && !all.failed; i++) {
            PyObject *object = PyList_GET_ITEM(all.found, i);
            PyObject *frame = PyGetSetDescr_Type.tp_descr_get(getter, object, (PyObject *)Py_TYPE(object));
            if (frame && PyFrame_Check(frame))
                look_at_frames(r, ((PyFrameObject *)frame)->f_frame);
            all.failed = frame == NULL;
            Py_XDECREF(frame);
        }
    }
    Py_XDECREF(all.found);
    Py_XDECREF(members);
    return PyErr_Occurred() ? -1 : 0;
}

int
line_events_of_running_code(recorder *r)
{
    for (PyThreadState *state = PyInterpreterState_ThreadHead(r->interpreter); state; state = PyThreadState_Next(state))
        look_at_frames(r, ct_current_frame(state));
    return look_at_greenlets(r);
}
