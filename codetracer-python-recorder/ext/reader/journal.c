/* Journal: an open trace, its definitions and its metadata. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "codetracer/trace.h"

enum { DEEPEST = 200 }; /* a recording goes to 100 (--max-depth), what a format nests to 200; what a strange file says is cut to it */

void
open_trace_release(open_trace *trace)
{
    if (--trace->users)
        return;
    ct_journal_close(trace->journal);
    free(trace);
}

PyObject *
text_of(const char *bytes, size_t size)
{
    PyObject *text = PyUnicode_DecodeUTF8(size ? bytes : "", (Py_ssize_t)size, "surrogatepass");
    if (text || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return text;
    PyErr_Clear();
    return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)size, "replace");
}

static PyObject *
kept_text(PyObject **kept, ct_text text)
{
    if (!*kept) {
        *kept = text_of(text.bytes, text.size);
        if (*kept)
            PyUnicode_InternInPlace(kept);
    }
    return Py_XNewRef(*kept);
}

PyObject *
journal_name(journal_object *self, uint32_t name)
{
    return name < self->counts.names ? kept_text(&self->names[name], ct_journal_name(self->trace->journal, name)) : PyUnicode_FromString("");
}

PyObject *
journal_type_name(journal_object *self, uint32_t type)
{
    const ct_type_info *info = ct_journal_type(self->trace->journal, type);
    return info && type < self->counts.types ? kept_text(&self->types[type], info->name) : PyUnicode_FromString("object");
}

static ct_journal *
journal_of(journal_object *self)
{
    return self->trace ? self->trace->journal : raise_closed();
}

/* How deep the recording looked; a trace that does not say was not cut by depth. */
static uint32_t
limit_of(const ct_journal *journal, const char *key)
{
    ct_text text = ct_journal_meta_value(journal, key);
    uint32_t number = 0;
    if (text.size == 0 || text.size > 9)
        return DEEPEST;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return DEEPEST;
        number = number * 10 + (uint32_t)(text.bytes[i] - '0');
    }
    return number < DEEPEST ? number : DEEPEST;
}

static PyObject *
journal_make(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"path", NULL};
    PyObject *encoded = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O&", names, PyUnicode_FSConverter, &encoded))
        return NULL;
    journal_object *self = (journal_object *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    open_trace *trace = calloc(1, sizeof *trace);
    const char *path = PyBytes_AsString(encoded);
    if (!self || !trace || !path)
        goto failed;
    self->state = PyType_GetModuleState(type);
    self->path = PyUnicode_DecodeFSDefault(path);
    if (!self->path)
        goto failed;
    ct_error error = {0};
    ct_code code;
    enum ct_trace_format format = CT_TRACE_JOURNAL;
    Py_BEGIN_ALLOW_THREADS
    code = ct_trace_open(path, NULL, &trace->journal, &format, &error);
    Py_END_ALLOW_THREADS
    if (!trace->journal) {
        raise_trace_error(self->state, self->path, &error);
        goto failed;
    }
    if (code != CT_OK)
        self->damage = error;
    self->trace = trace;
    trace->users = 1;
    self->format = ct_trace_format_name(format);
    ct_journal_count(trace->journal, &self->counts);
    self->container_limit = limit_of(trace->journal, "limit.container-depth");
    self->attribute_limit = limit_of(trace->journal, "limit.attribute-depth");
    self->names = PyMem_Calloc(self->counts.names + 1, sizeof *self->names);
    self->types = PyMem_Calloc(self->counts.types + 1, sizeof *self->types);
    if (self->names && self->types) {
        Py_DECREF(encoded);
        return (PyObject *)self;
    }
    trace = NULL;
failed:
    if (!PyErr_Occurred())
        PyErr_NoMemory();
    free(trace);
    Py_XDECREF((PyObject *)self);
    Py_DECREF(encoded);
    return NULL;
}

static PyObject *
journal_close(journal_object *self, PyObject *Py_UNUSED(none))
{
    open_trace *trace = self->trace;
    self->trace = NULL;
    if (trace) {
        cursor_journal_closed(self->cursors);
        open_trace_release(trace);
    }
    Py_RETURN_NONE;
}

static void
free_texts(PyObject **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        Py_XDECREF(texts[i]);
    PyMem_Free(texts);
}

static void
journal_dealloc(journal_object *self)
{
    PyTypeObject *type = TYPE_OF(self);
    if (self->trace)
        open_trace_release(self->trace); /* every cursor holds a reference to the Journal: there is none */
    free_texts(self->names, self->counts.names);
    free_texts(self->types, self->counts.types);
    Py_XDECREF(self->path);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* ---- definitions ---- */

static PyObject *
journal_metas(journal_object *self, PyObject *Py_UNUSED(none))
{
    ct_journal *journal = journal_of(self);
    PyObject *list = journal ? PyList_New(0) : NULL;
    for (uint32_t i = 0; list && i < self->counts.metas; i++) {
        const ct_meta_info *meta = ct_journal_meta(journal, i);
        PyObject *pair = Py_BuildValue("NN", text_of(meta->key.bytes, meta->key.size), text_of(meta->value.bytes, meta->value.size));
        if (!pair || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

static PyObject *
journal_paths(journal_object *self, PyObject *Py_UNUSED(none))
{
    ct_journal *journal = journal_of(self);
    PyObject *list = journal ? PyList_New(0) : NULL;
    for (uint32_t i = 0; list && i < self->counts.paths; i++) {
        ct_text path = ct_journal_path(journal, i);
        PyObject *text = text_of(path.bytes, path.size);
        if (!text || PyList_Append(list, text) < 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static const char *
code_kind(uint32_t flags)
{
    return flags & CT_CODE_MODULE ? "module" : flags & CT_CODE_NAMESPACE ? "class" : flags & CT_CODE_GENERATOR ? "generator"
           : flags & CT_CODE_COROUTINE ? "coroutine" : flags & CT_CODE_ASYNC_GENERATOR ? "async generator" : "function";
}

/* (path, first line, qualified name, module, kind, names of parameters, names of variables) */
static PyObject *
code_tuple(journal_object *self, const ct_code_info *code)
{
    bool namespace = code->flags & CT_CODE_NAMESPACE;
    uint32_t count = namespace ? 0 : code->slot_count, parameters = namespace ? 0 : code->parameters;
    PyObject *names = PyTuple_New(count);
    for (uint32_t i = 0; names && i < count; i++) {
        PyObject *name = journal_name(self, code->slot_names[i]);
        if (!name || PyTuple_SetItem(names, i, name) < 0)
            Py_CLEAR(names);
    }
    PyObject *first = names ? PyTuple_GetSlice(names, 0, parameters) : NULL;
    if (!first) {
        Py_XDECREF(names);
        return NULL;
    }
    return Py_BuildValue("IINNsNN", code->path, code->first_line, text_of(code->qualified_name.bytes, code->qualified_name.size),
                         text_of(code->module.bytes, code->module.size), code_kind(code->flags), first, names);
}

static PyObject *
journal_codes(journal_object *self, PyObject *Py_UNUSED(none))
{
    ct_journal *journal = journal_of(self);
    PyObject *list = journal ? PyList_New(0) : NULL;
    for (uint32_t i = 0; list && i < self->counts.codes; i++) {
        PyObject *code = code_tuple(self, ct_journal_code(journal, i));
        if (!code || PyList_Append(list, code) < 0)
            Py_CLEAR(list);
        Py_XDECREF(code);
    }
    return list;
}

static PyObject *
journal_source(journal_object *self, PyObject *argument)
{
    ct_journal *journal = journal_of(self);
    unsigned long path = journal ? PyLong_AsUnsignedLong(argument) : 0;
    if (PyErr_Occurred())
        return NULL;
    if (path >= self->counts.paths) {
        PyErr_SetString(PyExc_IndexError, "the trace has no path of that number");
        return NULL;
    }
    ct_error error = {0};
    ct_text text;
    ct_code code = ct_journal_source(journal, (uint32_t)path, &text, &error);
    if (code == CT_END)
        Py_RETURN_NONE;
    if (code != CT_OK)
        return raise_trace_error(self->state, self->path, &error);
    return PyBytes_FromStringAndSize(text.size ? text.bytes : "", (Py_ssize_t)text.size);
}

static PyObject *
journal_column(journal_object *self, PyObject *arguments)
{
    ct_journal *journal = journal_of(self);
    unsigned code;
    long long line;
    if (!journal || !PyArg_ParseTuple(arguments, "IL", &code, &line))
        return NULL;
    uint32_t column = ct_journal_column(journal, code, line);
    return column ? PyLong_FromUnsignedLong(column) : Py_NewRef(Py_None);
}

static PyObject *
number_or_none(bool is_told, uint64_t number)
{
    return is_told ? PyLong_FromUnsignedLongLong(number) : Py_NewRef(Py_None);
}

/* CT_E_STOPPED: a Python exception is set. */
static ct_code
add_span(void *context, const ct_span *span)
{
    PyObject *facts = PyDict_New();
    for (size_t i = 0; facts && i < span->metadata_count; i++) {
        const ct_span_fact *fact = &span->metadata[i];
        PyObject *key = text_of(fact->key.bytes, fact->key.size), *value = text_of(fact->value.bytes, fact->value.size);
        if (!key || !value || PyDict_SetItem(facts, key, value) < 0)
            Py_CLEAR(facts);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    PyObject *tuple = !facts ? NULL : Py_BuildValue("NNNNNNNNNN", text_of(span->id.bytes, span->id.size), text_of(span->label.bytes, span->label.size),
        text_of(span->type.bytes, span->type.size), text_of(span->status.bytes, span->status.size), number_or_none(span->has_thread, span->thread),
        number_or_none(span->has_steps, span->first_step), number_or_none(span->has_steps, span->last_step),
        text_of(span->start.bytes, span->start.size), text_of(span->end.bytes, span->end.size), facts);
    bool added = tuple && PyList_Append(context, tuple) == 0;
    Py_XDECREF(tuple);
    return added ? CT_OK : CT_E_STOPPED;
}

static PyObject *
journal_spans(journal_object *self, PyObject *Py_UNUSED(none))
{
    ct_journal *journal = journal_of(self);
    PyObject *list = journal ? PyList_New(0) : NULL;
    ct_code code = list ? ct_journal_spans(journal, add_span, list) : CT_OK;
    if (code == CT_OK)
        return list;
    Py_DECREF(list);
    return code == CT_E_STOPPED ? NULL : PyErr_NoMemory();
}

static PyObject *
journal_index(journal_object *self, PyObject *Py_UNUSED(none))
{
    return journal_of(self) ? index_make(self) : NULL;
}

/* ---- members ---- */

static PyObject *get_closed(journal_object *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(!self->trace); }
static PyObject *get_complete(journal_object *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(self->counts.complete); }
static PyObject *get_steps(journal_object *self, void *Py_UNUSED(closure)) { return PyLong_FromUnsignedLongLong(self->counts.steps); }
static PyObject *get_events(journal_object *self, void *Py_UNUSED(closure)) { return PyLong_FromUnsignedLongLong(self->counts.events); }
static PyObject *get_format(journal_object *self, void *Py_UNUSED(closure)) { return PyUnicode_FromString(self->format); }

static PyObject *
get_damage(journal_object *self, void *Py_UNUSED(closure))
{
    return self->damage.code == CT_OK ? Py_NewRef(Py_None) : trace_error_new(self->state, self->path, &self->damage);
}

static PyObject *
get_id(journal_object *self, void *Py_UNUSED(closure))
{
    ct_journal *journal = journal_of(self);
    return journal ? PyBytes_FromStringAndSize((const char *)ct_journal_id(journal), 16) : NULL;
}

static PyObject *
get_start_time(journal_object *self, void *Py_UNUSED(closure))
{
    ct_journal *journal = journal_of(self);
    return journal ? PyLong_FromUnsignedLongLong(ct_journal_start_time(journal)) : NULL;
}

static PyMethodDef METHODS[] = {
    {"close", (PyCFunction)journal_close, METH_NOARGS, "close($self, /)\n--\n\nCloses the trace and what its cursors hold of it."},
    {"metas", (PyCFunction)journal_metas, METH_NOARGS, "metas($self, /)\n--\n\nThe metadata: pairs of key and value."},
    {"paths", (PyCFunction)journal_paths, METH_NOARGS, "paths($self, /)\n--\n\nThe source files' paths."},
    {"codes", (PyCFunction)journal_codes, METH_NOARGS,
     "codes($self, /)\n--\n\nThe code objects: (path, first line, qualified name, module, kind, parameters, variables)."},
    {"source", (PyCFunction)journal_source, METH_O, "source($self, path, /)\n--\n\nThe bytes of the source file of that number, or None."},
    {"column", (PyCFunction)journal_column, METH_VARARGS, "column($self, code, line, /)\n--\n\nThe column in which the code of a line begins, or None."},
    {"spans", (PyCFunction)journal_spans, METH_NOARGS,
     "spans($self, /)\n--\n\nThe spans: (id, label, type, status, thread, first step, last step, start, end, metadata)."},
    {"index", (PyCFunction)journal_index, METH_NOARGS, "index($self, /)\n--\n\nReads all events once: an Index."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef MEMBERS[] = {
    {"closed", (getter)get_closed, NULL, NULL, NULL}, {"complete", (getter)get_complete, NULL, NULL, NULL}, {"steps", (getter)get_steps, NULL, NULL, NULL},
    {"events", (getter)get_events, NULL, NULL, NULL}, {"format", (getter)get_format, NULL, NULL, NULL}, {"damage", (getter)get_damage, NULL, NULL, NULL},
    {"id", (getter)get_id, NULL, NULL, NULL}, {"start_time", (getter)get_start_time, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot SLOTS[] = {
    {Py_tp_doc, "Journal(path)\n--\n\nAn open trace."}, {Py_tp_new, journal_make}, {Py_tp_dealloc, journal_dealloc},
    {Py_tp_methods, METHODS}, {Py_tp_getset, MEMBERS}, {0, NULL}};
PyType_Spec JOURNAL_SPEC = {"codetracer_python_recorder._reader.Journal", sizeof(journal_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, SLOTS};
