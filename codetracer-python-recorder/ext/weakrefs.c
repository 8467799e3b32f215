/* Functions of weak references that are written in C. The interpreter calls them when an object dies, and no frame of Python's tells that they ran (quiet.c); the object may be
 * one that the journal does not know. So once there is one (`weakref.ref(x, items.append)`, which is rare), every event looks at everything.
 *
 * Invariant: recorder.restless is set from the moment on when such a reference is made by Python code: weakref.ref's tp_new and weakref.proxy are wrapped, and those that are
 * there at start are looked for among all objects. References that C code makes for itself keep its own tables (_abc does): they change nothing that is shown.
 */
#include "recorder.h"

typedef PyObject *(*fast_function)(PyObject *, PyObject *const *, Py_ssize_t);

static bool installed;
static newfunc next_new;            /* stays: a class that is left wrapped calls it on */
static PyMethodDef *proxy_function; /* NULL: not wrapped */
static PyCFunction next_proxy;

/* Whether calling it pushes a frame at once: an instance, too, of a class with __call__ in Python (weakref.finalize). */
static bool
runs_in_a_frame(PyObject *function)
{
    if (is_in_python(function))
        return true;
    PyTypeObject *type = Py_TYPE(function);
    PyObject *call = type->tp_flags & Py_TPFLAGS_HEAPTYPE && PyType_CheckExact(type) ? _PyType_Lookup(type, &_Py_ID(__call__)) : NULL; /* borrowed; runs no Python code */
    return call && PyFunction_Check(call);
}

/* _abc's: it takes the reference itself out of a set that only it knows. */
static bool
is_abc_s(PyObject *function)
{
    return PyCFunction_CheckExact(function) && strcmp(((PyCFunctionObject *)function)->m_ml->ml_name, "_destroy") == 0 &&
           ((PyCFunctionObject *)function)->m_self && PyWeakref_Check(((PyCFunctionObject *)function)->m_self);
}

static void
look_at(recorder *r, PyObject *reference)
{
    PyObject *function = ((PyWeakReference *)reference)->wr_callback;
    if (function && !runs_in_a_frame(function) && !is_abc_s(function))
        r->restless = true;
}

static PyObject *
seen(PyObject *reference)
{
    if (reference && active_recorder && PyWeakref_Check(reference))
        look_at(active_recorder, reference);
    return reference;
}

static PyObject *hooked_new(PyTypeObject *type, PyObject *args, PyObject *keywords) { return seen(next_new(type, args, keywords)); }

static PyObject *
hooked_proxy(PyObject *module, PyObject *args)
{
    return seen(next_proxy(module, args));
}

static PyObject *
hooked_fast_proxy(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return seen(((fast_function)(void (*)(void))next_proxy)(module, args, count));
}

/* In the type and all that inherited it. object.__new__ and the like compare a type's tp_new with that of its base, so they are to be the same (tp_new_wrapper, Objects/typeobject.c). */
static int
replace_new(PyTypeObject *type, newfunc old, newfunc new)
{
    if (type->tp_new == old)
        type->tp_new = new;
    PyObject *derived = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
    if (derived == NULL)
        return -1;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(derived); i++)
        result = replace_new((PyTypeObject *)PyList_GET_ITEM(derived, i), old, new);
    Py_DECREF(derived);
    return result;
}

static int
visit(PyObject *object, void *context)
{
    if (PyWeakref_Check(object))
        look_at(context, object);
    return 1;
}

static int
wrap_proxy(recorder *r)
{
    PyObject *module = PyImport_ImportModule("_weakref");
    PyObject *function = module ? PyObject_GetAttrString(module, "proxy") : NULL;
    Py_XDECREF(module);
    if (function == NULL)
        return -1;
    PyMethodDef *method = PyCFunction_CheckExact(function) ? ((PyCFunctionObject *)function)->m_ml : NULL;
    if (method && (method->ml_flags == METH_VARARGS || method->ml_flags == METH_FASTCALL) && strcmp(method->ml_name, "proxy") == 0) {
        proxy_function = method;
        next_proxy = method->ml_meth;
        method->ml_meth = method->ml_flags == METH_VARARGS ? hooked_proxy : (PyCFunction)(void (*)(void))hooked_fast_proxy;
    }
    else
        r->restless = true; /* something else stands there: who knows what it makes */
    Py_DECREF(function);
    return 0;
}

int
weakrefs_install(recorder *r)
{
    PyUnstable_GC_VisitObjects(visit, r);
    if (installed) /* a forked child inherits its parent's */
        return 0;
    installed = true;
    if (_PyWeakref_RefType.tp_new != hooked_new)
        next_new = _PyWeakref_RefType.tp_new;
    if (wrap_proxy(r) < 0)
        return -1;
    return replace_new(&_PyWeakref_RefType, next_new, hooked_new);
}

void
weakrefs_remove(void)
{
    PyObject *pending = PyErr_GetRaisedException();
    if (installed && replace_new(&_PyWeakref_RefType, hooked_new, next_new) < 0)
        PyErr_Clear(); /* no memory: those that are left wrapped ask once more than they need to */
    installed = false;
    if (proxy_function)
        proxy_function->ml_meth = next_proxy;
    proxy_function = NULL;
    PyErr_SetRaisedException(pending);
}
