/* The module: its types, and what the library's errors become. */
#include "reader.h"

#include <string.h>

PyObject *
trace_error_new(const reader_state *state, PyObject *path, const ct_error *error)
{
    PyObject *text = NULL, *position = NULL, *made = NULL;
    const char *message = error->message ? error->message : "the trace cannot be read";
    const char *system = error->system ? strerror(error->system) : "";
    text = PyUnicode_FromFormat("%U: %s%s%s%s%s", path, error->subject, error->subject[0] ? ": " : "", message, *system ? ": " : "", system);
    bool placed = error->code == CT_E_CORRUPT || error->code == CT_E_VERSION;
    if (text && placed)
        replace(&text, PyUnicode_FromFormat("%U (at byte %llu)", text, (unsigned long long)error->position));
    if (text)
        made = PyObject_CallFunctionObjArgs(state->trace_error, text, NULL);
    position = placed ? PyLong_FromUnsignedLongLong(error->position) : Py_NewRef(Py_None);
    if (made && (!position || PyObject_SetAttrString(made, "position", position) < 0))
        Py_CLEAR(made);
    Py_XDECREF(position);
    Py_XDECREF(text);
    return made;
}

void *
raise_trace_error(const reader_state *state, PyObject *path, const ct_error *error)
{
    if (error->code == CT_E_NOMEM)
        return PyErr_NoMemory();
    PyObject *made = trace_error_new(state, path, error);
    if (made)
        PyErr_SetObject(state->trace_error, made);
    Py_XDECREF(made);
    return NULL;
}

void *
raise_closed(void)
{
    PyErr_SetString(PyExc_ValueError, "the trace is closed");
    return NULL;
}

/* In the order of enum ct_event_kind; called as in docs/print-json.md. */
static const char *const EVENT_KINDS[] = {
    [CT_EVENT_THREAD_START] = "thread-start", [CT_EVENT_THREAD_EXIT] = "thread-exit", [CT_EVENT_CALL] = "call", [CT_EVENT_RESUME] = "resume",
    [CT_EVENT_THROW] = "throw", [CT_EVENT_RETURN] = "return", [CT_EVENT_YIELD] = "yield", [CT_EVENT_UNWIND] = "unwind", [CT_EVENT_LOST] = "lost",
    [CT_EVENT_ENDED] = "ended", [CT_EVENT_RAISE] = "raise", [CT_EVENT_HANDLED] = "handled", [CT_EVENT_OUTPUT] = "output", [CT_EVENT_STEP] = "step",
    [CT_EVENT_GAP] = "gap"};

static int
add_kinds(PyObject *module)
{
    Py_ssize_t count = sizeof EVENT_KINDS / sizeof *EVENT_KINDS;
    PyObject *kinds = PyTuple_New(count);
    for (Py_ssize_t i = 0; kinds && i < count; i++)
        if (PyTuple_SetItem(kinds, i, PyUnicode_InternFromString(EVENT_KINDS[i])) < 0)
            Py_CLEAR(kinds);
    int done = kinds ? PyModule_AddObjectRef(module, "EVENT_KINDS", kinds) : -1;
    Py_XDECREF(kinds);
    return done;
}

static int
add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type ? PyModule_AddType(module, *type) : -1;
}

static int
module_exec(PyObject *module)
{
    reader_state *state = PyModule_GetState(module);
    const struct { PyType_Spec *spec; PyTypeObject **type; } types[] = {
        {&JOURNAL_SPEC, &state->journal}, {&CURSOR_SPEC, &state->cursor}, {&INDEX_SPEC, &state->index}, {&SNAPSHOT_SPEC, &state->snapshot},
        {&OBJECT_SPEC, &state->object}, {&LITERAL_SPEC, &state->literal}, {&OPAQUE_SPEC, &state->opaque}, {&CUT_SPEC, &state->cut},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (add_type(module, types[i].spec, types[i].type) < 0)
            return -1;
    if (add_kinds(module) < 0)
        return -1;
    state->comparing = PyUnicode_InternFromString("codetracer_python_recorder: being compared");
    PyObject *members = Py_BuildValue("{s:O}", "position", Py_None);
    if (state->comparing && members)
        state->trace_error = PyErr_NewExceptionWithDoc(
            "codetracer_python_recorder.TraceError",
            "A trace cannot be read: there is none, or it is damaged.\n\n"
            "`position` is the byte in its file at which it is damaged, or None.",
            PyExc_ValueError, members);
    Py_XDECREF(members);
    return state->trace_error ? PyModule_AddObjectRef(module, "TraceError", state->trace_error) : -1;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    reader_state *state = PyModule_GetState(module);
    Py_VISIT(state->journal);
    Py_VISIT(state->cursor);
    Py_VISIT(state->index);
    Py_VISIT(state->snapshot);
    Py_VISIT(state->object);
    Py_VISIT(state->literal);
    Py_VISIT(state->opaque);
    Py_VISIT(state->cut);
    Py_VISIT(state->trace_error);
    return 0;
}

static int
module_clear(PyObject *module)
{
    reader_state *state = PyModule_GetState(module);
    Py_CLEAR(state->journal);
    Py_CLEAR(state->cursor);
    Py_CLEAR(state->index);
    Py_CLEAR(state->snapshot);
    Py_CLEAR(state->object);
    Py_CLEAR(state->literal);
    Py_CLEAR(state->opaque);
    Py_CLEAR(state->cut);
    Py_CLEAR(state->trace_error);
    Py_CLEAR(state->comparing);
    return 0;
}

static PyMethodDef METHODS[] = {
    {"make_value", make_value, METH_VARARGS, "make_value($module, kind, type, address, id, text, /)\n--\n\nOne of reader's values, without what is in it: for copy and pickle."},
    {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};

static PyModuleDef DEFINITION = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "codetracer_python_recorder._reader",
    .m_doc = "Traces, read. Use codetracer_python_recorder.read() instead.",
    .m_size = sizeof(reader_state),
    .m_methods = METHODS,
    .m_slots = SLOTS,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
};

PyMODINIT_FUNC
PyInit__reader(void)
{
    return PyModuleDef_Init(&DEFINITION);
}
