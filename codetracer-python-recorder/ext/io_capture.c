/* Text through sys.stdout, sys.stderr and sys.stdin, with the step it happened at.
 *
 * The program's streams are left alone: no proxy stands before them, so their type, identity and attributes are what they are without us. Instead
 * the C functions behind TextIOWrapper.write, read, readline and iteration, and behind input(), are wrapped in place: the wrapper calls the
 * original, and notes the text when the stream is one of the three. A stream that the program put in sys.stdout's place counts when it is a
 * TextIOWrapper, as a file or pytest's capture is.
 *
 * These are process-wide hooks. They are taken out at the end of a recording, if nobody else has put something over them.
 */
#include "recorder.h"

#include <stdlib.h>

typedef PyObject *(*fast_function)(PyObject *, PyObject *const *, Py_ssize_t);

static PyTypeObject *text_type;              /* io.TextIOWrapper, held while hooked */
static PyMethodDef *write_method, *flush_method, *read_method, *readline_method, *input_function;
static PyCFunction next_write, next_flush;
static fast_function next_read, next_readline, next_input;
static iternextfunc next_iternext;
static uint64_t inputs_noted;

enum { LARGEST_PIECE = 256 << 10 };

static void
write_output(recorder *r, uint8_t stream, const char *bytes, size_t size)
{
    while (size) {
        size_t piece = size < LARGEST_PIECE ? size : LARGEST_PIECE;
        for (int back = 0; back < 3 && piece < size && ((uint8_t)bytes[piece] & 0xC0) == 0x80; back++)
            piece--; /* between characters, if they are any */
        ct_room(r->out, piece + 16);
        *r->out->cursor++ = CT_R_OUTPUT;
        *r->out->cursor++ = stream;
        r->out->cursor = ct_write_varint(r->out->cursor, piece);
        ct_put_bytes(r->out, bytes, piece);
        object_write_deaths(r);
        ct_event_end(r->out);
        bytes += piece;
        size -= piece;
    }
}

/* What was held, for it may have been the beginning of a secret, of each stream where it is no longer than `most`. */
static void
write_held(recorder *r, size_t most)
{
    for (int stream = 0; stream < OUTPUT_STREAMS; stream++) {
        ct_masked_stream *masked = &r->masked[stream];
        if (masked->held_size == 0 || masked->held_size > most)
            continue;
        uint8_t number = (uint8_t)(stream < OUTPUT_DESCRIPTOR ? stream : (stream - OUTPUT_DESCRIPTOR) | r->held_flags[stream - OUTPUT_DESCRIPTOR]);
        write_output(r, number, (const char *)masked->held, masked->held_size);
        masked->held_size = 0;
    }
}

static void
note(enum ct_stream_number stream, PyObject *text)
{
    recorder *r = active_recorder;
    const char *bytes;
    size_t size;
    if (r == NULL || (r->busy & RECORDER_PAUSED) || !recorder_is_ours(r) || !PyUnicode_Check(text) || PyUnicode_GET_LENGTH(text) == 0)
        return;
    PyThreadState *tstate = ct_thread_state();
    if (tstate->id == r->muted_tstate_id)
        return;
    recorder_enter_thread(r, tstate); /* writes what came before, and uses the room that the text is about to be in */
    if (stream == CT_STDIN)
        write_held(r, CT_SECRET_LEAST - 1); /* a question stands before its answer; so few bytes are hidden nowhere by themselves */
    if (!text_utf8(r, text, SIZE_MAX, &bytes, &size))
        return;
    if (stream == CT_STDIN)
        inputs_noted++;
    if (!(r->io_streams & 1u << stream))
        return;
    if (!r->redaction || redaction_mask(r, stream, &bytes, &size))
        write_output(r, (uint8_t)stream, bytes, size);
}

void
io_capture_write_bytes(recorder *r, enum ct_stream_number stream, bool either, const char *bytes, size_t size)
{
    uint8_t flags = CT_OUTPUT_PAST_PYTHON | (either ? CT_OUTPUT_EITHER : 0);
    if (!(r->io_streams & 1u << stream))
        return;
    recorder_enter_thread(r, ct_thread_state());
    if (!r->redaction || redaction_mask(r, OUTPUT_DESCRIPTOR + (int)stream, &bytes, &size))
        write_output(r, (uint8_t)stream | flags, bytes, size);
    r->held_flags[stream] = flags;
}

void
io_capture_flush(recorder *r)
{
    recorder_enter_thread(r, ct_thread_state());
    write_held(r, SIZE_MAX);
}

static bool
is_stream(PyObject *object, const char *name, const char *original)
{
    return PySys_GetObject(name) == object || PySys_GetObject(original) == object;
}

static PyObject *
hooked_write(PyObject *self, PyObject *text)
{
    bool out = is_stream(self, "stdout", "__stdout__"), told = out || is_stream(self, "stderr", "__stderr__");
    if (!told)
        return next_write(self, text);
    fd_capture_noted_begin();
    PyObject *result = next_write(self, text);
    fd_capture_noted_end();
    if (result && active_recorder)
        note(out ? CT_STDOUT : CT_STDERR, text);
    return result;
}

static PyObject *
hooked_flush(PyObject *self, PyObject *unused)
{
    if (!is_stream(self, "stdout", "__stdout__") && !is_stream(self, "stderr", "__stderr__"))
        return next_flush(self, unused);
    fd_capture_noted_begin();
    PyObject *result = next_flush(self, unused);
    fd_capture_noted_end();
    return result;
}

static void
note_input(PyObject *self, PyObject *result)
{
    if (result && active_recorder && is_stream(self, "stdin", "__stdin__"))
        note(CT_STDIN, result);
}

static PyObject *
hooked_read(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *result = next_read(self, args, count);
    note_input(self, result);
    return result;
}

static PyObject *
hooked_readline(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *result = next_readline(self, args, count);
    note_input(self, result);
    return result;
}

static PyObject *
hooked_iternext(PyObject *self)
{
    uint64_t before = inputs_noted;
    PyObject *result = next_iternext(self);
    if (inputs_noted == before) /* a subclass's iteration goes through readline, which has noted it */
        note_input(self, result);
    return result;
}

/* At a terminal input() bypasses sys.stdin: the prompt and the line go through the C library. */
static PyObject *
hooked_input(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    uint64_t before = inputs_noted;
    fd_capture *editing = active_recorder && recorder_is_ours(active_recorder) ? fd_capture_begin_editing(active_recorder) : NULL;
    PyObject *result = next_input(self, args, count);
    if (editing)
        fd_capture_end_editing(editing);
    if (result && active_recorder && inputs_noted == before && PyUnicode_CheckExact(result)) {
        if (count > 0 && PyUnicode_CheckExact(args[0]))
            note(CT_STDOUT, args[0]);
        PyObject *line = PyUnicode_FromFormat("%U\n", result);
        if (line)
            note(CT_STDIN, line);
        else
            PyErr_Clear();
        Py_XDECREF(line);
    }
    return result;
}

PyMethodDef *
method_of(PyTypeObject *type, const char *name, int flags)
{
    PyObject *descriptor = type->tp_dict ? dict_get_text(type->tp_dict, name) : NULL;
    if (descriptor == NULL || Py_TYPE(descriptor) != &PyMethodDescr_Type)
        return NULL;
    PyMethodDef *method = ((PyMethodDescrObject *)descriptor)->d_method;
    return (method->ml_flags & (METH_VARARGS | METH_KEYWORDS | METH_FASTCALL | METH_O | METH_NOARGS | METH_METHOD)) == flags ? method : NULL;
}

/* Its C storage is used, so what a program put there under the name will not do. */
PyTypeObject *
io_type(const char *name)
{
    PyObject *io = PyImport_ImportModule("_io");
    PyObject *type = io ? PyObject_GetAttrString(io, name) : NULL;
    Py_XDECREF(io);
    if (type == NULL)
        return NULL;
    if (PyType_Check(type) && strncmp(((PyTypeObject *)type)->tp_name, "_io.", 4) == 0 && strcmp(((PyTypeObject *)type)->tp_name + 4, name) == 0)
        return (PyTypeObject *)type;
    PyErr_Format(PyExc_RuntimeError, "_io.%s has been replaced by something else in this process; recording what is written needs the interpreter's own: "
                                     "put that back, start recording before it is replaced, or record without output (io-capture off)", name);
    Py_DECREF(type);
    return NULL;
}

int
io_capture_install(recorder *r)
{
    (void)r;
    if (text_type)
        return 0;
    if ((text_type = io_type("TextIOWrapper")) == NULL)
        return -1;
    if ((write_method = method_of(text_type, "write", METH_O))) {
        next_write = write_method->ml_meth;
        write_method->ml_meth = hooked_write;
    }
    if ((flush_method = method_of(text_type, "flush", METH_NOARGS))) {
        next_flush = flush_method->ml_meth;
        flush_method->ml_meth = hooked_flush;
    }
    if ((read_method = method_of(text_type, "read", METH_FASTCALL))) {
        next_read = (fast_function)(void (*)(void))read_method->ml_meth;
        read_method->ml_meth = (PyCFunction)(void (*)(void))hooked_read;
    }
    if ((readline_method = method_of(text_type, "readline", METH_FASTCALL))) {
        next_readline = (fast_function)(void (*)(void))readline_method->ml_meth;
        readline_method->ml_meth = (PyCFunction)(void (*)(void))hooked_readline;
    }
    next_iternext = text_type->tp_iternext;
    text_type->tp_iternext = hooked_iternext;

    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    PyObject *input = builtins ? dict_get_text(builtins, "input") : NULL;
    if (input && PyCFunction_CheckExact(input) && ((PyCFunctionObject *)input)->m_ml->ml_flags == METH_FASTCALL) {
        input_function = ((PyCFunctionObject *)input)->m_ml;
        next_input = (fast_function)(void (*)(void))input_function->ml_meth;
        input_function->ml_meth = (PyCFunction)(void (*)(void))hooked_input;
    }
    return 0;
}

void
io_capture_remove(void)
{
    if (text_type == NULL)
        return;
    if (write_method)
        write_method->ml_meth = next_write;
    if (flush_method)
        flush_method->ml_meth = next_flush;
    if (read_method)
        read_method->ml_meth = (PyCFunction)(void (*)(void))next_read;
    if (readline_method)
        readline_method->ml_meth = (PyCFunction)(void (*)(void))next_readline;
    if (text_type->tp_iternext == hooked_iternext)
        text_type->tp_iternext = next_iternext;
    if (input_function)
        input_function->ml_meth = (PyCFunction)(void (*)(void))next_input;
    write_method = flush_method = read_method = readline_method = input_function = NULL;
    Py_CLEAR(text_type);
}
