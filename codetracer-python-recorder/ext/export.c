/* The binding of the library's exports: arguments from Python, the work without the GIL, progress and signals now and then with it. */
#include "session.h"

#include "codetracer/export.h"

#include <string.h>

typedef struct progress_state { PyObject *function; } progress_state;

static ct_code
report_progress(void *context, uint64_t done, uint64_t total)
{
    progress_state *state = context;
    PyGILState_STATE gil = PyGILState_Ensure();
    ct_code code = PyErr_CheckSignals() < 0 ? CT_E_STOPPED : CT_OK;
    if (code == CT_OK && state->function != Py_None) {
        PyObject *result = PyObject_CallFunction(state->function, "KK", (unsigned long long)done, (unsigned long long)total);
        if (result == NULL)
            code = CT_E_STOPPED;
        Py_XDECREF(result);
    }
    PyGILState_Release(gil);
    return code;
}

static int
read_number(PyObject *options, const char *name, uint64_t most, uint64_t *number)
{
    PyObject *value = PyDict_GetItemString(options, name);
    if (value == NULL || value == Py_None)
        return 0;
    *number = PyLong_AsUnsignedLongLong(value);
    if (*number == (uint64_t)-1 && PyErr_Occurred())
        return -1;
    if (*number > most) {
        PyErr_Format(PyExc_ValueError, "%s must be at most %llu", name, (unsigned long long)most);
        return -1;
    }
    return 0;
}

/* Whether the lines that are not blank are longer than that on the average, without their ends. */
static bool
is_minified(ct_text text, uint64_t threshold)
{
    uint64_t lines = 0, bytes = 0;
    for (size_t at = 0; at < text.size;) {
        const char *newline = memchr(text.bytes + at, '\n', text.size - at);
        size_t end = newline ? (size_t)(newline - text.bytes) : text.size, size = end - at;
        size -= size && text.bytes[end - 1] == '\r';
        size_t blank = 0;
        while (blank < size && strchr(" \t\f", text.bytes[at + blank]))
            blank++;
        lines += blank < size;
        bytes += blank < size ? size : 0;
        at = end + 1;
    }
    return lines && bytes / lines > threshold;
}

/* [(path, text)] of a journal's sources that are minified; empty, too, when the journal cannot be read: the export says so. */
PyObject *
minified_sources(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *path, *bytes;
    unsigned long long threshold;
    if (!PyArg_ParseTuple(args, "UK", &path, &threshold) || !PyUnicode_FSConverter(path, &bytes))
        return NULL;
    ct_journal *journal = NULL;
    ct_error error;
    PyObject *list = PyList_New(0);
    if (list && ct_journal_open(PyBytes_AS_STRING(bytes), NULL, &journal, &error) == CT_OK) {
        ct_journal_counts counts;
        ct_journal_count(journal, &counts);
        for (uint32_t i = 0; list && i < counts.paths; i++) {
            ct_text name = ct_journal_path(journal, i), text;
            if (ct_journal_source(journal, i, &text, &error) != CT_OK || !is_minified(text, threshold))
                continue;
            PyObject *pair = Py_BuildValue("y#y#", name.bytes, (Py_ssize_t)name.size, text.bytes, (Py_ssize_t)text.size);
            if (!pair || PyList_Append(list, pair) < 0)
                Py_CLEAR(list);
            Py_XDECREF(pair);
        }
    }
    ct_journal_close(journal);
    Py_DECREF(bytes);
    return list;
}

typedef ct_code (*exporter)(ct_journal *, const char *, const ct_export_options *, ct_export_result *, ct_error *);
/* A journal of which only the end was kept, without the holes. */
static ct_code
save_journal(ct_journal *journal, const char *path, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    (void)options; (void)result;
    return ct_journal_save(journal, path, error);
}

static const struct { const char *name; exporter export; enum ct_layout layout; } EXPORTERS[] = {
    {"ct", ct_export_ct, CT_LAYOUT_BOTH}, {"ct-single", ct_export_ct, CT_LAYOUT_SINGLE}, {"ct-multi", ct_export_ct, CT_LAYOUT_MULTI},
    {"journal", save_journal, 0}, {"json", ct_export_json, 0}, {"binary", ct_export_binary, 0}, {"binary-v0", ct_export_binary_v0, 0}};

/* (path, name, content, map), each bytes, which live as long as the list. NULL: an exception is set. */
static ct_source_view *
read_views(PyObject *list)
{
    Py_ssize_t count = PyList_GET_SIZE(list);
    ct_source_view *views = PyMem_Calloc((size_t)count + 1, sizeof *views);
    if (!views)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; views && i < count; i++) {
        ct_text *const texts[] = {&views[i].path, &views[i].name, &views[i].content, &views[i].map};
        PyObject *parts[4];
        bool good = PyArg_ParseTuple(PyList_GET_ITEM(list, i), "SSSS", &parts[0], &parts[1], &parts[2], &parts[3]);
        for (size_t k = 0; good && k < 4; k++)
            *texts[k] = (ct_text){PyBytes_AS_STRING(parts[k]), (size_t)PyBytes_GET_SIZE(parts[k])};
        views[i].formatter = CT_FORMATTER_BLACK;
        if (!good) {
            PyMem_Free(views);
            views = NULL;
        }
    }
    return views;
}

PyObject *
export_journal(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *journal_path, *target, *options, *function, *views, *journal_bytes = NULL, *target_bytes = NULL, *result = NULL;
    const char *format;
    if (!PyArg_ParseTuple(args, "UsUO!OO!", &journal_path, &format, &target, &PyDict_Type, &options, &function, &PyList_Type, &views))
        return NULL;
    exporter write = NULL;
    enum ct_layout layout = CT_LAYOUT_BOTH;
    for (size_t i = 0; i < sizeof EXPORTERS / sizeof *EXPORTERS; i++)
        if (strcmp(format, EXPORTERS[i].name) == 0) {
            write = EXPORTERS[i].export;
            layout = EXPORTERS[i].layout;
        }
    if (!write)
        return PyErr_Format(PyExc_ValueError, "no such format: '%s' (there are journal, ct, ct-single, ct-multi, json, binary and binary-v0)", format);
    progress_state state = {function};
    ct_export_options export = {.layout = layout, .progress = report_progress, .progress_context = &state};
    uint64_t containers = 0, attributes = UINT64_MAX, goes_on = 0;
    if (read_number(options, "export_nodes", UINT64_MAX, &export.nodes) < 0 || read_number(options, "export_depth", 100, &containers) < 0 ||
        read_number(options, "export_attr_depth", 100, &attributes) < 0 || read_number(options, "goes_on", 1, &goes_on) < 0 ||
        read_number(options, "export_string", UINT64_MAX, &export.string_bytes) < 0)
        return NULL;
    export.container_depth = (uint32_t)containers;
    export.attribute_depth = attributes == UINT64_MAX ? 0 : attributes == 0 ? CT_NO_ATTRIBUTES : (uint32_t)attributes;
    ct_source_view *view_array = read_views(views);
    if (!view_array)
        return NULL;
    export.views = view_array;
    export.view_count = (size_t)PyList_GET_SIZE(views);
    if (!PyUnicode_FSConverter(journal_path, &journal_bytes) || !PyUnicode_FSConverter(target, &target_bytes))
        goto done;

    ct_journal *journal = NULL;
    ct_export_result exported = {0};
    ct_error error = {0};
    ct_code code;
    Py_BEGIN_ALLOW_THREADS
    code = ct_journal_open(PyBytes_AS_STRING(journal_bytes), NULL, &journal, &error);
    if (code == CT_OK && goes_on)
        ct_journal_goes_on(journal);
    if (code == CT_OK)
        code = write(journal, PyBytes_AS_STRING(target_bytes), &export, &exported, &error);
    ct_journal_close(journal);
    Py_END_ALLOW_THREADS
    if (code == CT_OK)
        result = Py_BuildValue("{sKsKsKsKsK}", "steps", exported.steps, "calls", exported.calls, "bytes", exported.bytes, "cut_values",
                               exported.cut_values, "cut_variables", exported.cut_variables);
    else if (PyErr_Occurred())
        ; /* the progress function's exception, or a signal handler's */
    else if (code == CT_E_NOMEM)
        PyErr_NoMemory();
    else if (code == CT_E_STOPPED)
        PyErr_SetNone(PyExc_KeyboardInterrupt);
    else if (error.system) {
        PyObject *arguments = Py_BuildValue("isO", error.system, strerror(error.system), target);
        if (arguments)
            PyErr_SetObject(PyExc_OSError, arguments);
        Py_XDECREF(arguments);
    }
    else if (code == CT_E_LIMIT && error.message) /* nothing is damaged: the format cannot hold it */
        PyErr_SetString(PyExc_ValueError, error.message);
    else
        PyErr_Format(PyExc_ValueError, "%s (at byte %llu of %U)", error.message ? error.message : "the export failed",
                     (unsigned long long)error.position, journal_path);
done:
    PyMem_Free(view_array);
    Py_XDECREF(journal_bytes);
    Py_XDECREF(target_bytes);
    return result;
}
