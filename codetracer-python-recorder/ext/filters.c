/* Trace filters: what the user's rules say of a code object. They come checked from filters.py, are asked once per code object and once per name, and
 * their answers are kept in its code_info and in r->attribute_actions; what they mean to values is carried out by redaction.c.
 *
 * Invariant: a rule makes values more hidden than their names' words do (redaction.c), never less; and what a secret's name makes known is known with any rule.
 */
#include "recorder.h"

#include "session.h"

#include <stdlib.h>

/* The text of an object of the command line's own making, which has no surrogates, and its size. */
static int
add_value(ct_filter *filter, PyObject *pattern)
{
    int kind, match, action;
    const char *text;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(pattern, "iis#i", &kind, &match, &text, &size, &action))
        return -1;
    ct_error error;
    if (ct_filter_value(filter, (ct_filter_kind)kind, (ct_filter_match)match, text, (size_t)size, (ct_filter_action)action, &error) != CT_OK) {
        PyErr_Format(PyExc_ValueError, "%s: %s", text, error.message);
        return -1;
    }
    return 0;
}

static int
add_rule(ct_filter *filter, PyObject *rule)
{
    int kind, match, exec, action;
    const char *text;
    Py_ssize_t size;
    PyObject *patterns;
    if (!PyArg_ParseTuple(rule, "iis#iiO", &kind, &match, &text, &size, &exec, &action, &patterns))
        return -1;
    ct_error error;
    if (ct_filter_rule(filter, (ct_filter_kind)kind, (ct_filter_match)match, text, (size_t)size, (ct_filter_exec)exec, (ct_filter_action)action,
                       patterns != Py_None, &error) != CT_OK) {
        PyErr_Format(PyExc_ValueError, "%s: %s", text, error.message);
        return -1;
    }
    for (Py_ssize_t i = 0; patterns != Py_None && i < PyList_GET_SIZE(patterns); i++)
        if (add_value(filter, PyList_GET_ITEM(patterns, i)) < 0)
            return -1;
    return 0;
}

/* filters: (root, exec, action, rules) for each source; a rule is (kind, match, pattern, exec, action, None or value patterns). */
int
filters_read(recorder *r, PyObject *options)
{
    PyObject *sources = PyDict_GetItemString(options, "filters");
    if (sources == NULL || !PyList_Check(sources) || PyList_GET_SIZE(sources) == 0)
        return 0;
    if ((r->filter = ct_filter_new(NULL)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(sources); i++) {
        PyObject *root, *rules;
        int exec, action;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(sources, i), "O&iiO!", PyUnicode_FSConverter, &root, &exec, &action, &PyList_Type, &rules))
            return -1;
        ct_code code = ct_filter_source(r->filter, PyBytes_AS_STRING(root), (ct_filter_exec)exec, (ct_filter_action)action);
        Py_DECREF(root);
        if (code != CT_OK) {
            PyErr_NoMemory();
            return -1;
        }
        for (Py_ssize_t rule = 0; rule < PyList_GET_SIZE(rules); rule++)
            if (add_rule(r->filter, PyList_GET_ITEM(rules, rule)) < 0)
                return -1;
    }
    return 0;
}

PyObject *
filters_check_pattern(PyObject *module, PyObject *args)
{
    (void)module;
    int match;
    const char *text;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "is#", &match, &text, &size))
        return NULL;
    ct_filter *filter = ct_filter_new(NULL);
    ct_error error = {.code = CT_E_NOMEM};
    if (filter && ct_filter_source(filter, NULL, CT_FILTER_TRACE, CT_FILTER_ALLOW) == CT_OK &&
        ct_filter_rule(filter, CT_FILTER_PKG, (ct_filter_match)match, text, (size_t)size, CT_FILTER_TRACE, CT_FILTER_ALLOW, false, &error) == CT_OK)
        error.code = CT_OK;
    ct_filter_free(filter);
    if (error.code == CT_OK)
        Py_RETURN_NONE;
    if (error.code == CT_E_NOMEM)
        return PyErr_NoMemory();
    return Py_BuildValue("sn", error.subject[0] ? error.subject : error.message, (Py_ssize_t)error.position);
}

/* ---- code objects ---- */

enum { LONGEST_NAME = 2048 };

/* Copies a str, cut; "" if it is none. */
static void
copy_text(recorder *r, PyObject *text, char *copy, size_t capacity)
{
    const char *bytes;
    size_t size = 0;
    if (text && text_utf8(r, text, capacity - 1, &bytes, &size))
        memcpy(copy, bytes, size);
    copy[size] = 0;
}

static enum value_action
value_action_of(ct_filter_action action)
{
    return action == CT_FILTER_DROP ? VALUE_DROP : action == CT_FILTER_REDACT ? VALUE_REDACT : VALUE_SHOW;
}

uint8_t
filters_name_action(recorder *r, code_info *info, ct_filter_kind kind, PyObject *name, uint8_t by_words)
{
    if (!info->judged)
        return by_words;
    char text[LONGEST_NAME];
    copy_text(r, name, text, sizeof text);
    size_t size = strlen(text);
    ct_filter_action action = ct_filter_action_of(r->filter, &info->decision, kind, text, size);
    if (action == CT_FILTER_INHERIT && kind == CT_FILTER_ARG)
        action = ct_filter_action_of(r->filter, &info->decision, CT_FILTER_LOCAL, text, size);
    if (action == CT_FILTER_INHERIT)
        action = info->decision.value_default;
    return value_stricter(value_action_of(action), by_words);
}

/* What is returned goes by the function's name, with its module's or without; what is yielded also by `<yield>`; an exception by `<unwind>` alone, for it is not what the function
 * makes. */
static void
judge_results(recorder *r, code_info *info, const char *module, const char *name)
{
    char whole[2 * LONGEST_NAME + 2];
    size_t size = (size_t)snprintf(whole, sizeof whole, "%s%s%s", module, *module ? "." : "", name);
    ct_filter_action action = ct_filter_action_of(r->filter, &info->decision, CT_FILTER_RET, whole, size);
    if (action == CT_FILTER_INHERIT)
        action = ct_filter_action_of(r->filter, &info->decision, CT_FILTER_RET, name, strlen(name));
    ct_filter_action yield = ct_filter_action_of(r->filter, &info->decision, CT_FILTER_RET, "<yield>", 7);
    if (yield == CT_FILTER_INHERIT)
        yield = action;
    ct_filter_action unwind = ct_filter_action_of(r->filter, &info->decision, CT_FILTER_RET, "<unwind>", 8);
    info->exception_action = value_action_of(unwind == CT_FILTER_INHERIT ? info->decision.value_default : unwind);
    info->return_action = value_action_of(action == CT_FILTER_INHERIT ? info->decision.value_default : action);
    info->yield_action = value_action_of(yield == CT_FILTER_INHERIT ? info->decision.value_default : yield);
}

void
filters_decide(recorder *r, PyCodeObject *code, code_info *info, const char *path, PyObject *module, bool by_place)
{
    char module_name[LONGEST_NAME], name[LONGEST_NAME];
    copy_text(r, module, module_name, sizeof module_name);
    copy_text(r, code->co_qualname, name, sizeof name);
    ct_filter_decide(r->filter, module_name, path, name, &info->decision);
    ct_filter_exec exec = info->decision.exec;
    bool made_up = path[0] == '<'; /* no file: rules cannot switch on what there is no text of */
    bool recorded = info->decision.by_rule && !made_up ? true : by_place;
    info->skipped = exec == CT_FILTER_SKIP || !recorded;
    info->calls_only = exec == CT_FILTER_CALLS;
    info->judged = !info->skipped && (info->decision.count || info->decision.value_default > CT_FILTER_ALLOW);
    if (info->judged)
        judge_results(r, info, module_name, name);
}

/* ---- attributes ---- */

uint8_t
filters_attribute_action(recorder *r, const char *name, size_t size, uint8_t by_words)
{
    return r->filter ? value_stricter(value_action_of(ct_filter_attribute(r->filter, name, size)), by_words) : by_words;
}

/* ---- statistics ---- */

void
filters_count(recorder *r, uint8_t action, enum filtered_kind kind)
{
    if (value_is_ruled(action) && !r->verifying)
        r->filtered_values[action >= VALUE_DROP][kind]++;
}

static void
define_count(recorder *r, const char *key, uint64_t count)
{
    char number[32];
    ct_define_meta(r->out, key, number, (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)count));
}

PyObject *
filters_summary(recorder *r)
{
    if (r->filter == NULL)
        return Py_NewRef(Py_None);
    define_count(r, "filter.traced", r->filtered_codes[CT_FILTER_TRACE]);
    define_count(r, "filter.calls", r->filtered_codes[CT_FILTER_CALLS]);
    define_count(r, "filter.skipped", r->filtered_codes[CT_FILTER_SKIP]);
    static const char *const KINDS[FILTERED_KINDS] = {"argument", "global", "local", "return"};
    for (int drop = 0; drop < 2; drop++) {
        const char *done = drop ? "dropped" : "redacted";
        char key[40];
        for (int kind = 0; kind < FILTERED_KINDS; kind++) {
            snprintf(key, sizeof key, "filter.%s.%s", done, KINDS[kind]);
            if (r->filtered_values[drop][kind])
                define_count(r, key, r->filtered_values[drop][kind]);
        }
        snprintf(key, sizeof key, "filter.%s.attribute", done);
        uint64_t attributes = r->hidden[drop ? DROPPED_ATTRIBUTES : HIDDEN_RULED_ATTRIBUTES];
        if (attributes)
            define_count(r, key, attributes);
    }
    PyObject *slow = PyList_New(0);
    const char *text;
    for (size_t i = 0; slow && (text = ct_filter_slow(r->filter, i)); i++) {
        ct_define_meta(r->out, "filter.slow-pattern", text, strlen(text));
        PyObject *copy = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        if (copy == NULL || PyList_Append(slow, copy) < 0)
            Py_CLEAR(slow);
        Py_XDECREF(copy);
    }
    return slow;
}
