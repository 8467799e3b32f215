/* Signal handlers that are functions written in C. The interpreter calls them between two instructions, and no frame of Python's tells that they ran (quiet.c); so once
 * there is one (which is rare: a handler gets the signal's number and a frame), every event looks at everything. default_int_handler only raises.
 *
 * A functools.partial of a function in Python is as good as that function: what it calls pushes a frame. asyncio.run installs one for Ctrl-C.
 *
 * Invariant: recorder.restless is set from the moment on when such a handler is installed (handles_signals: one in Python): signal.signal's function is wrapped, those that are there at start are asked for.
 */
#include "recorder.h"

#include <signal.h>

typedef PyObject *(*fast_function)(PyObject *, PyObject *const *, Py_ssize_t);

static PyMethodDef *signal_function; /* NULL: not wrapped */
static fast_function next_signal;

/* By its name, which only C gives to a type like this, and nobody changes: to import it would show in the program's sys.modules. */
static bool
is_partial(PyObject *handler)
{
    const PyTypeObject *type = Py_TYPE(handler);
    return type->tp_flags & Py_TPFLAGS_HEAPTYPE && type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE && ((const PyHeapTypeObject *)type)->_ht_tpname &&
           strcmp(type->tp_name, "functools.partial") == 0;
}

static bool
is_python_s(PyObject *handler)
{
    if (!is_partial(handler))
        return is_in_python(handler);
    PyObject *function = PyObject_GetAttrString(handler, "func"); /* a member of the C struct */
    bool is_python = function && is_in_python(function);
    PyErr_Clear();
    Py_XDECREF(function); /* the partial holds it */
    return is_python;
}

static bool
is_harmless(PyObject *handler)
{
    return handler == Py_None || PyLong_Check(handler) ||
           (PyCFunction_CheckExact(handler) && strcmp(((PyCFunctionObject *)handler)->m_ml->ml_name, "default_int_handler") == 0);
}

static void
look_at(recorder *r, PyObject *handler)
{
    bool is_python = is_python_s(handler);
    r->handles_signals |= is_python;
    r->restless |= !is_python && !is_harmless(handler);
}

static PyObject *
hooked_signal(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *result = next_signal(module, arguments, count);
    if (result && active_recorder && count > 1)
        look_at(active_recorder, arguments[1]);
    return result;
}

int
signals_install(recorder *r)
{
    PyObject *module = PyImport_ImportModule("_signal");
    PyObject *function = module ? PyObject_GetAttrString(module, "signal") : NULL;
    if (function == NULL) {
        Py_XDECREF(module);
        return -1;
    }
    PyMethodDef *method = PyCFunction_CheckExact(function) ? ((PyCFunctionObject *)function)->m_ml : NULL;
    if (signal_function)
        ; /* a forked child inherits its parent's */
    else if (method && method->ml_flags == METH_FASTCALL && strcmp(method->ml_name, "signal") == 0) {
        signal_function = method;
        next_signal = (fast_function)(void (*)(void))method->ml_meth;
        method->ml_meth = (PyCFunction)(void (*)(void))hooked_signal;
    }
    else
        r->restless = true; /* something else stands there: who knows what it installs */
    for (int number = 1; number < NSIG; number++) {
        PyObject *handler = PyObject_CallMethod(module, "getsignal", "i", number);
        if (handler == NULL)
            PyErr_Clear(); /* no such signal */
        else
            look_at(r, handler);
        Py_XDECREF(handler);
    }
    Py_DECREF(function);
    Py_DECREF(module);
    return 0;
}

void
signals_remove(void)
{
    if (signal_function)
        signal_function->ml_meth = (PyCFunction)(void (*)(void))next_signal;
    signal_function = NULL;
}
