/* The floor: what CPython itself charges for reporting lines and calls to C functions that do nothing. No recorder can cost less.
 * The same callbacks count the lines of a program when asked to. support/under_floor.py is the command line.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

static const char *standard_library; /* files below it are not the program's */
static long long lines, program_lines;

static PyObject *
nothing(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self, (void)args, (void)count;
    Py_RETURN_NONE;
}

static PyObject *
one_line(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self, (void)count;
    const char *file = PyUnicode_AsUTF8(((PyCodeObject *)args[0])->co_filename);
    if (file == NULL)
        return NULL;
    size_t length = strlen(standard_library);
    int of_library = strncmp(file, standard_library, length) == 0 && strncmp(file + length, "/site-packages", 14) != 0;
    lines++;
    program_lines += file[0] != '<' && !of_library;
    Py_RETURN_NONE;
}

static PyMethodDef NOTHING = {"nothing", (PyCFunction)(void (*)(void))nothing, METH_FASTCALL, NULL};
static PyMethodDef ONE_LINE = {"one_line", (PyCFunction)(void (*)(void))one_line, METH_FASTCALL, NULL};

/* watch(tool, [LINE, PY_START, …], folder or None): with a folder, lines are counted. */
static PyObject *
watch(PyObject *self, PyObject *args)
{
    (void)self;
    int tool;
    PyObject *events;
    if (!PyArg_ParseTuple(args, "iO!z", &tool, &PyList_Type, &events, &standard_library))
        return NULL;
    if (standard_library && (standard_library = strdup(standard_library)) == NULL)
        return PyErr_NoMemory();
    PyObject *monitoring = PySys_GetObject("monitoring");
    long all = 0;
    for (Py_ssize_t i = 0; i < PyList_Size(events); i++) {
        PyObject *event = PyList_GetItem(events, i);
        PyObject *callback = PyCFunction_New(standard_library && i == 0 ? &ONE_LINE : &NOTHING, NULL);
        PyObject *before = callback ? PyObject_CallMethod(monitoring, "register_callback", "iOO", tool, event, callback) : NULL;
        Py_XDECREF(callback);
        if (before == NULL)
            return NULL;
        Py_DECREF(before);
        all |= PyLong_AsLong(event);
    }
    return PyObject_CallMethod(monitoring, "set_events", "il", tool, all);
}

static PyObject *
counted(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    return Py_BuildValue("LL", lines, program_lines);
}

static PyMethodDef METHODS[] = {
    {"watch", watch, METH_VARARGS, "watch(tool, events, folder): begin; with a folder, count the first event's lines in and outside it"},
    {"counted", counted, METH_NOARGS, "all lines, and those outside the folder"},
    {0},
};
static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "floor_events", NULL, -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit_floor_events(void)
{
    return PyModule_Create(&MODULE);
}
