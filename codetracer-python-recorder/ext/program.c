/* The program to be recorded, compiled and run as the interpreter does it with a file or `-c`: by the functions that Python/pythonrun.c uses, without Python code of ours around it. */
#include "session.h"

PyObject *
program_compile(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *source, *path;
    if (!PyArg_ParseTuple(args, "OO&:compile", &source, PyUnicode_FSDecoder, &path))
        return NULL;
    /* builtins.compile() would ask whether the source is a syntax tree, for which the 120 classes of _ast are made, in programs that never look at one (12 million instructions). */
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    flags.cf_flags = PyCF_SOURCE_IS_UTF8;
    const char *text = NULL;
    Py_ssize_t size = 0;
    if (PyUnicode_Check(source)) {
        flags.cf_flags |= PyCF_IGNORE_COOKIE;
        text = PyUnicode_AsUTF8AndSize(source, &size);
    }
    else if (PyBytes_Check(source)) {
        text = PyBytes_AS_STRING(source);
        size = PyBytes_GET_SIZE(source);
    }
    else
        PyErr_SetString(PyExc_TypeError, "compile() takes the source as str or bytes");
    if (text && strlen(text) != (size_t)size) {
        PyErr_SetString(PyExc_SyntaxError, "source code string cannot contain null bytes");
        text = NULL;
    }
    PyObject *code = text ? Py_CompileStringObject(text, path, Py_file_input, &flags, -1) : NULL;
    Py_DECREF(path);
    return code;
}

PyObject *
program_run(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    bool is_code = count == 2 && PyCode_Check(args[0]) && PyDict_Check(args[1]);
    if (!is_code && (count < 1 || !PyCallable_Check(args[0]))) {
        PyErr_SetString(PyExc_TypeError, "run() takes code and a dict, or a function and its arguments");
        return NULL;
    }
    /* Our callers' frames stay what they are; they are out of sight of sys._getframe(), warnings and tracebacks while the program runs. */
    PyThreadState *tstate = ct_thread_state();
    ct_frame *caller = ct_current_frame(tstate);
    PyObject *result = NULL;
    ct_set_current_frame(tstate, NULL);
    if (!is_code)
        result = PyObject_Vectorcall(args[0], args + 1, (size_t)count - 1, NULL);
    else if (PySys_Audit("exec", "O", args[0]) == 0) /* as run_eval_code_obj() in Python/pythonrun.c */
        result = PyEval_EvalCode(args[0], args[1], args[1]);
    ct_set_current_frame(tstate, caller);
    return result;
}
