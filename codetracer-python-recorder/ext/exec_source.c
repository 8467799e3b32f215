/* The texts behind exec(), eval() and compile(), with --include-exec: such code has no file, so its text is kept in the trace, under a path
 * made up for it: its file name and a number, `<string>#3`.
 *
 * Which text a code object came from must be certain:
 *   exec(text), eval(text)   raise the audit event `compile` with the text and, right after, `exec` with the code object; nothing can come between
 *                            them in a thread, and the GIL is not given up (gh: Python/pythonrun.c, run_mod)
 *   compile(text, …)         its C function is wrapped, and so sees the text and the code object it gives
 * Code that came from neither (marshal, a syntax tree) is recorded without a text.
 */
#include "recorder.h"

#include <stdlib.h>

typedef PyObject *(*keyword_function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

static bool hook_added;
static PyMethodDef *compile_function;
static keyword_function next_compile;

static void
forget(recorder *r)
{
    Py_CLEAR(r->compiled_name);
    free(r->compiled_text);
    r->compiled_text = NULL;
}

/* Takes a copy of a text as it was handed to the compiler: str, bytes or bytearray; of other buffers nothing. */
static bool
take_text(recorder *r, PyObject *source)
{
    const char *bytes;
    size_t size;
    if (PyUnicode_Check(source)) {
        if (!text_utf8(r, source, 16 << 20, &bytes, &size))
            return false;
    }
    else if (PyBytes_Check(source)) {
        bytes = PyBytes_AS_STRING(source);
        size = (size_t)PyBytes_GET_SIZE(source);
    }
    else
        return false;
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, bytes, size);
    free(r->compiled_text);
    r->compiled_text = copy;
    r->compiled_size = size;
    return true;
}

static void
give(recorder *r, PyCodeObject *code, const char *text, size_t text_size)
{
    const char *bytes;
    size_t size;
    if (!text_utf8(r, code->co_filename, 4096, &bytes, &size) || size < 2 || bytes[0] != '<' || bytes[size - 1] != '>')
        return; /* it has a file */
    char path[4096 + 32];
    memcpy(path, bytes, size);
    snprintf(path + size, 32, "#%llu", (unsigned long long)++r->exec_count);
    code_info_give_source(r, code, path, text, text_size);
}

static int
on_audit(const char *event, PyObject *args, void *unused)
{
    (void)unused;
    recorder *r = active_recorder;
    if (r == NULL || !r->include_exec || (r->busy & RECORDER_INSIDE) || !recorder_is_ours(r))
        return 0;
    if (strcmp(event, "compile") == 0 && PyTuple_GET_SIZE(args) == 2) {
        forget(r);
        PyObject *name = PyTuple_GET_ITEM(args, 1);
        if (PyUnicode_CheckExact(name) && take_text(r, PyTuple_GET_ITEM(args, 0)))
            r->compiled_name = Py_NewRef(name);
    }
    else if (strcmp(event, "exec") == 0 && PyTuple_GET_SIZE(args) == 1 && PyCode_Check(PyTuple_GET_ITEM(args, 0))) {
        PyCodeObject *code = (PyCodeObject *)PyTuple_GET_ITEM(args, 0);
        if (r->compiled_text && r->compiled_name && PyUnicode_Compare(code->co_filename, r->compiled_name) == 0)
            give(r, code, r->compiled_text, r->compiled_size);
        forget(r);
    }
    return 0;
}

static PyObject *
hooked_compile(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *result = next_compile(self, args, count, names);
    recorder *r = active_recorder;
    if (r && r->include_exec && recorder_is_ours(r)) {
        if (result && PyCode_Check(result) && count > 0 && take_text(r, args[0]))
            give(r, (PyCodeObject *)result, r->compiled_text, r->compiled_size);
        forget(r); /* its own audit event must not be paired with a later exec() of other code */
    }
    return result;
}

int
exec_source_install(recorder *r)
{
    if (!r->include_exec)
        return 0;
    if (!hook_added && PySys_AddAuditHook(on_audit, NULL) < 0)
        return -1;
    hook_added = true;
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    PyObject *compile = builtins ? dict_get_text(builtins, "compile") : NULL;
    if (compile && PyCFunction_CheckExact(compile) && ((PyCFunctionObject *)compile)->m_ml->ml_flags == (METH_FASTCALL | METH_KEYWORDS)) {
        compile_function = ((PyCFunctionObject *)compile)->m_ml;
        next_compile = (keyword_function)(void (*)(void))compile_function->ml_meth;
        compile_function->ml_meth = (PyCFunction)(void (*)(void))hooked_compile;
    }
    return 0;
}

void
exec_source_remove(recorder *r)
{
    if (compile_function)
        compile_function->ml_meth = (PyCFunction)(void (*)(void))next_compile;
    compile_function = NULL;
    forget(r);
}
