/* A recording from start to stop: its options, the order in which its parts are set up and taken down, and its end by failure.
 *
 * At most one recording at a time in a process. Start and stop are ordinary calls from Python, with the GIL; they may raise.
 */
#include "session.h"

#include "recorder.h"

#include <stdlib.h>
#include <time.h>

recorder *active_recorder;
static recorder *ended_recorder; /* ended by a failure, waits for stop() */
static uint64_t session_count;

enum { USUAL_CHECK_MASK = 1023 };

void
recorder_check(recorder *r)
{
    period_check(r);
    if (!r->no_memory && (r->stamp & USUAL_CHECK_MASK) != 0)
        return;
    lifetime_check(r);
    if (!r->no_memory && !ct_recording_failed(r->out, NULL))
        return;
    fd_capture_pause(r);
    /* Within a callback: the interpreter's events cannot be switched off here, but each place answers DISABLE from now on. */
    active_recorder = NULL;
    ended_recorder = r;
}

/* ---- options ---- */

static int
option_number(PyObject *options, const char *name, Py_ssize_t least, Py_ssize_t most, Py_ssize_t fallback, Py_ssize_t *number)
{
    PyObject *value = PyDict_GetItemString(options, name);
    *number = fallback;
    if (value == NULL || value == Py_None)
        return 0;
    *number = PyLong_AsSsize_t(value);
    if (*number == -1 && PyErr_Occurred())
        return -1;
    if (*number < least || *number > most) {
        PyErr_Format(PyExc_ValueError, "%s must be from %zd to %zd, not %zd", name, least, most, *number);
        return -1;
    }
    return 0;
}

static bool
option_flag(PyObject *options, const char *name, bool fallback)
{
    PyObject *value = PyDict_GetItemString(options, name);
    return value ? value == Py_True : fallback;
}

static int
option_paths(PyObject *options, const char *name, path_list *list)
{
    PyObject *value = PyDict_GetItemString(options, name);
    if (value == NULL)
        return 0;
    PyObject *fast = PySequence_Fast(value, "directories must be a list");
    if (fast == NULL)
        return -1;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);
    list->paths = calloc((size_t)count + 1, sizeof *list->paths);
    for (Py_ssize_t i = 0; list->paths && i < count; i++) {
        PyObject *bytes;
        if (!PyUnicode_FSConverter(PySequence_Fast_GET_ITEM(fast, i), &bytes)) {
            Py_DECREF(fast);
            return -1;
        }
        char *copy = strdup(PyBytes_AS_STRING(bytes));
        Py_DECREF(bytes);
        if (copy && *copy)
            list->paths[list->count++] = copy;
        else
            free(copy);
    }
    Py_DECREF(fast);
    if (list->paths == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static void
paths_free(path_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
}

/* A record must fit a block, and readers take blocks of up to 64 MiB: a dict's items are two values of CT_VALUE_MAX bytes each. */
enum { MOST_ITEMS = 1000000, LONGEST_TEXT = 32 << 20 };

static int
read_options(recorder *r, PyObject *options)
{
    Py_ssize_t containers, attributes, items, text, segment, block, hidden, level;
    if (option_number(options, "max_depth", 0, 100, 6, &containers) < 0 || option_number(options, "max_attr_depth", 0, 100, 3, &attributes) < 0 ||
        option_number(options, "max_items", 0, MOST_ITEMS, 10000, &items) < 0 ||
        option_number(options, "max_string", 16, LONGEST_TEXT, 1 << 20, &text) < 0 ||
        option_number(options, "segment_bytes", 0, PY_SSIZE_T_MAX, 0, &segment) < 0 ||
        option_number(options, "block_bytes", 0, 1 << 26, 0, &block) < 0 ||
        option_number(options, "hidden_frames", 0, 1000, 0, &hidden) < 0 || option_number(options, "compression_level", -7, 19, 0, &level) < 0)
        return -1;
    r->hidden_frames = (int)hidden;
    r->compression_level = (int)level;
    r->block_bytes = (uint32_t)block;
    r->segment_bytes = (uint64_t)segment;
    r->limits = (recorder_limits){(int)containers, (int)attributes, items, (size_t)text};
    r->include_stdlib = option_flag(options, "include_stdlib", false);
    r->include_exec = option_flag(options, "include_exec", false);
    r->record_globals = option_flag(options, "globals_referenced", false);
    r->verify_capture = option_flag(options, "verify_capture", false);
    r->modules_from_paths = option_flag(options, "modules_from_paths", false);
    r->capture_io = option_flag(options, "capture_io", true);
    Py_ssize_t streams;
    if (option_number(options, "io_streams", 0, 7, 7, &streams) < 0)
        return -1;
    r->io_streams = (unsigned)streams;
    r->redaction = option_flag(options, "redaction", true);
    return option_paths(options, "skip_prefixes", &r->skip) < 0 || option_paths(options, "keep_prefixes", &r->keep) < 0 ||
            option_paths(options, "own_prefixes", &r->own) < 0 ||
            option_paths(options, "outer_prefixes", &r->outer) < 0 || option_paths(options, "left_out", &r->left_out) < 0
        ? -1
        : 0;
}

/* points: (where, line, starts) for each start and stop point; where is the end of a path, with line 0 of a function's name, with -1 a whole path. */
static int
read_points(recorder *r, PyObject *options)
{
    PyObject *points = PyDict_GetItemString(options, "points");
    if (points == NULL)
        return 0;
    PyObject *fast = PySequence_Fast(points, "points must be a list");
    if (fast == NULL)
        return -1;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(fast);
    r->points = calloc((size_t)count + 1, sizeof *r->points);
    for (Py_ssize_t i = 0; r->points && i < count; i++) {
        const char *where;
        int line, starts;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fast, i), "sip", &where, &line, &starts)) {
            Py_DECREF(fast);
            return -1;
        }
        char *copy = strdup(where);
        if (copy == NULL)
            break;
        r->points[r->point_count++] = (period_point){.where = copy, .line = line, .starts = starts != 0};
    }
    Py_DECREF(fast);
    if (r->points == NULL || r->point_count != (size_t)count) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
read_limits(recorder *r, PyObject *options)
{
    Py_ssize_t steps, size, milliseconds, last_steps, last_bytes;
    if (option_number(options, "max_steps", 1, PY_SSIZE_T_MAX, 0, &steps) < 0 || option_number(options, "max_size", 1, PY_SSIZE_T_MAX, 0, &size) < 0 ||
        option_number(options, "max_milliseconds", 1, PY_SSIZE_T_MAX / 1000000, 0, &milliseconds) < 0 ||
        option_number(options, "last_steps", 1, PY_SSIZE_T_MAX, 0, &last_steps) < 0 || option_number(options, "last_bytes", 1, PY_SSIZE_T_MAX, 0, &last_bytes) < 0)
        return -1;
    r->keep_steps = (uint64_t)last_steps;
    r->keep_bytes = (uint64_t)last_bytes;
    r->step_limit = steps ? (uint64_t)steps : UINT64_MAX;
    r->size_limit = (uint64_t)size;
    r->time_limit = (uint64_t)milliseconds * 1000000u;
    /* A slow program has few events: the time is looked at with each, the size with every 256th. */
    r->check_mask = r->time_limit ? 0 : r->size_limit ? 255 : USUAL_CHECK_MASK;
    return read_points(r, options);
}

/* Before the first event: a recording may begin with a pause. */
static void
begin_periods(recorder *r, PyObject *options)
{
    bool waits = false;
    for (size_t i = 0; i < r->point_count; i++)
        waits |= r->points[i].starts;
    if (waits)
        period_wait(r);
    else if (option_flag(options, "paused", false))
        period_pause(r, CT_GAP_PAUSED);
    else
        period_time_begins(r);
}

static int
write_meta(recorder *r, PyObject *options)
{
    PyObject *meta = PyDict_GetItemString(options, "meta");
    if (meta) {
        PyObject *fast = PySequence_Fast(meta, "meta must be a list of (key, value)");
        if (fast == NULL)
            return -1;
        bool after_option = false;
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast); i++) {
            const char *key;
            PyObject *value;
            if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fast, i), "sU", &key, &value)) {
                Py_DECREF(fast);
                return -1;
            }
            const char *bytes;
            size_t size;
            char buffer[512];
            if (!text_utf8(r, value, 1 << 20, &bytes, &size))
                continue;
            if (strcmp(key, "arg") == 0)
                redaction_argument(r, &after_option, &bytes, &size, buffer, sizeof buffer);
            ct_define_meta(r->out, key, bytes, size);
        }
        Py_DECREF(fast);
    }
    const struct { const char *key; unsigned long long value; } LIMITS[] = {
        {"limit.container-depth", (unsigned long long)r->limits.containers},
        {"limit.attribute-depth", (unsigned long long)r->limits.attributes},
        {"limit.items", (unsigned long long)r->limits.items},
        {"limit.string", r->limits.text},
    };
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        char number[32];
        int size = snprintf(number, sizeof number, "%llu", LIMITS[i].value);
        ct_define_meta(r->out, LIMITS[i].key, number, (size_t)size);
    }
    return 0;
}

/* main_code, main_source: a program without a file (-c), recorded under the name its code has. */
static int
give_main_source(recorder *r, PyObject *options)
{
    PyObject *code = PyDict_GetItemString(options, "main_code"), *source = PyDict_GetItemString(options, "main_source");
    if (code == NULL || !PyCode_Check(code) || source == NULL || !PyUnicode_Check(source))
        return 0;
    const char *name = PyUnicode_AsUTF8(((PyCodeObject *)code)->co_filename);
    const char *bytes;
    size_t size;
    if (name == NULL)
        return -1;
    if (text_utf8(r, source, 16 << 20, &bytes, &size))
        code_info_give_source(r, (PyCodeObject *)code, name, bytes, size);
    return 0;
}

/* sources: a dict from file names of code that lies in no file, as cells of a notebook, to their texts. */
static int
give_sources(recorder *r, PyObject *options)
{
    PyObject *sources = PyDict_GetItemString(options, "sources"), *name, *text;
    if (sources == NULL || !PyDict_Check(sources))
        return 0;
    if (option_paths(options, "sources", &r->texts) < 0)
        return -1;
    for (Py_ssize_t at = 0; PyDict_Next(sources, &at, &name, &text);) {
        const char *path = PyUnicode_Check(name) && PyUnicode_Check(text) ? PyUnicode_AsUTF8(name) : NULL;
        const char *bytes;
        size_t size;
        if (path == NULL)
            return PyErr_Occurred() ? -1 : 0;
        if (*path && text_utf8(r, text, 16 << 20, &bytes, &size))
            code_info_give_text(r, path, bytes, size);
    }
    return 0;
}

/* forwarder: the path of codetracer-forward, if descriptors 1 and 2 are captured. */
static int
capture_descriptors(recorder *r, PyObject *options, const char *journal)
{
    PyObject *forwarder = PyDict_GetItemString(options, "forwarder"), *path;
    if (forwarder == NULL || !r->capture_io)
        return 0;
    if (!PyUnicode_FSConverter(forwarder, &path))
        return -1;
    const char *slash = strrchr(journal, '/');
    char *folder = slash ? strndup(journal, (size_t)(slash - journal) + 1) : strdup(".");
    int code = folder ? fd_capture_start(r, PyBytes_AS_STRING(path), folder) : -1;
    if (folder == NULL)
        PyErr_NoMemory();
    free(folder);
    Py_DECREF(path);
    return code;
}

/* ---- start ---- */

static void
recorder_free(recorder *r)
{
    activations_free(r);
    threads_forget(r);
    names_forget(r);
    objects_free(r);
    types_free(r);
    redaction_free(r);
    ct_filter_free(r->filter);
    paths_free(&r->skip);
    paths_free(&r->keep);
    paths_free(&r->own);
    paths_free(&r->outer);
    paths_free(&r->texts);
    paths_free(&r->left_out);
    for (size_t i = 0; i < r->point_count; i++)
        free(r->points[i].where);
    free(r->points);
    free(r->ended);
    free(r->sources);
    free(r->workdir);
    free(r->quiet.draft);
    free(r);
}

static PyObject *
raise_error(const ct_error *error, PyObject *path)
{
    if (error->code == CT_E_NOMEM)
        return PyErr_NoMemory();
    if (error->system) {
        PyObject *arguments = Py_BuildValue("isO", error->system, strerror(error->system), path);
        if (arguments)
            PyErr_SetObject(PyExc_OSError, arguments); /* OSError(errno, text, filename) makes the subclass */
        Py_XDECREF(arguments);
    }
    else
        PyErr_Format(PyExc_OSError, "%s: %U", error->message, path);
    return NULL;
}

PyObject *
session_start(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *journal_path, *live_path, *options, *journal_bytes = NULL, *live_bytes = NULL;
    if (!PyArg_ParseTuple(args, "UUO!", &journal_path, &live_path, &PyDict_Type, &options))
        return NULL;
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_RuntimeError, "a subinterpreter cannot be recorded; start the recording in the main interpreter");
        return NULL;
    }
    if (active_recorder || ended_recorder) {
        PyErr_SetString(PyExc_RuntimeError, "tracing already active");
        return NULL;
    }
    recorder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return PyErr_NoMemory();
    r->session = ++session_count;
    r->interpreter = ct_thread_state()->interp;
    if (code_info_setup() < 0 || fork_setup() < 0 || read_options(r, options) < 0 || read_limits(r, options) < 0 ||
        filters_read(r, options) < 0)
        goto failed;
    if (!redaction_setup(r)) {
        PyErr_NoMemory();
        goto failed;
    }
    if ((r->workdir = getcwd(NULL, 0)) == NULL && (r->workdir = strdup("/")) == NULL) {
        PyErr_NoMemory();
        goto failed;
    }
    if (!PyUnicode_FSConverter(journal_path, &journal_bytes) || !PyUnicode_FSConverter(live_path, &live_bytes))
        goto failed;

    ct_recording_options recording = {
        .journal_path = PyBytes_AS_STRING(journal_bytes),
        .live_path = PyBytes_AS_STRING(live_bytes),
        /* The longest record: a text at its limit, or a container's items, each at most CT_VALUE_MAX bytes (a dict's twice). */
        .segment_bytes = r->segment_bytes,
        .keep_steps = r->keep_steps,
        .keep_bytes = r->keep_bytes,
        .block_size = r->block_bytes,
        .compression_level = r->compression_level,
        .largest_record = (uint32_t)(r->limits.text + 4096 > (size_t)r->limits.items * 2 * CT_VALUE_MAX + 4096
                                         ? r->limits.text + 4096
                                         : (size_t)r->limits.items * 2 * CT_VALUE_MAX + 4096) + (1 << 20),
    };
    ct_error error;
    if (ct_recording_open(&recording, &r->out, &error) != CT_OK) {
        raise_error(&error, journal_path);
        goto failed;
    }
    r->restless = ct_warns_of_bytes(ct_thread_state()); /* C code notes each warning in the module's globals */
    if (write_meta(r, options) < 0 || lifetime_install() < 0 || signals_install(r) < 0 || weakrefs_install(r) < 0 || (r->capture_io && io_capture_install(r) < 0) || exec_source_install(r) < 0 ||
        give_main_source(r, options) < 0 || give_sources(r, options) < 0 || capture_descriptors(r, options, PyBytes_AS_STRING(journal_bytes)) < 0)
        goto failed_open;
    /* Frames of the command line's below the program's: they are not to count against its recursion limit. The limit that it sees stays. */
    /* The program's first frame comes two C levels (exec, evaluation) above the caller of this one, and one above none in plain python. */
    r->hidden_c_levels = r->hidden_frames ? ct_c_levels() : 0;
    ct_recursion_room(r->hidden_frames, r->hidden_c_levels);
    r->starting_tstate_id = ct_thread_state()->id;
    forked_from_recording = false;
    active_recorder = r;
    recorder_enter_thread(r, ct_thread_state());
    begin_periods(r, options);
    if (events_install(r) < 0) {
        ct_recursion_room(-r->hidden_frames, -r->hidden_c_levels);
        active_recorder = NULL;
        goto failed_open;
    }
    Py_DECREF(journal_bytes);
    Py_DECREF(live_bytes);
    Py_RETURN_NONE;

failed_open:
    fd_capture_stop(r, false);
    exec_source_remove(r);
    io_capture_remove();
    signals_remove();
    weakrefs_remove();
    lifetime_remove();
    ct_recording_finish(r->out, NULL);
    unlink(PyBytes_AS_STRING(journal_bytes));
    unlink(PyBytes_AS_STRING(live_bytes));
failed:
    Py_XDECREF(journal_bytes);
    Py_XDECREF(live_bytes);
    recorder_free(r);
    return NULL;
}

/* ---- stop ---- */

static void
define_number(recorder *r, const char *key, unsigned long long value)
{
    char number[32];
    int size = snprintf(number, sizeof number, "%llu", value);
    ct_define_meta(r->out, key, number, (size_t)size);
}

/* What was redacted, by kind: in the metadata, and as a dict of those that are not 0. NULL: no memory for that, with an exception. */
static PyObject *
write_hidden(recorder *r)
{
    static const char *const NAMES[HIDDEN_KINDS] = {
        [HIDDEN_VARIABLES] = "redacted.variables", [HIDDEN_RETURNS] = "redacted.returns", [HIDDEN_ITEMS] = "redacted.items",
        [HIDDEN_ATTRIBUTES] = "redacted.attributes", [HIDDEN_TEXTS] = "redacted.texts", [HIDDEN_OUTPUT] = "redacted.output",
        [HIDDEN_FORGOTTEN] = "redacted.unknown",
    };
    PyObject *counts = PyDict_New();
    if (!r->redaction)
        ct_define_meta(r->out, "redaction", "off", 3);
    for (int i = 0; i < HIDDEN_KINDS && r->redaction; i++) {
        if (r->hidden[i] == 0 || NAMES[i] == NULL)
            continue;
        define_number(r, NAMES[i], r->hidden[i]);
        PyObject *number = PyLong_FromUnsignedLongLong(r->hidden[i]);
        if (counts && (number == NULL || PyDict_SetItemString(counts, strchr(NAMES[i], '.') + 1, number) < 0))
            Py_CLEAR(counts);
        Py_XDECREF(number);
    }
    return counts;
}

/* Of each start and stop point, whether it was reached. */
static PyObject *
points_reached(const recorder *r)
{
    PyObject *reached = PyTuple_New((Py_ssize_t)r->point_count);
    for (size_t i = 0; reached && i < r->point_count; i++)
        PyTuple_SET_ITEM(reached, (Py_ssize_t)i, PyBool_FromLong(r->points[i].reached));
    return reached;
}

/* What ended since the last event. */
static void
end_events(recorder *r)
{
    io_capture_flush(r);
    recorder_enter_thread(r, ct_thread_state());
    recorder_write_ended(r);
    threads_write_exits(r);
}

PyObject *
session_stop(PyObject *module, PyObject *args, PyObject *keywords)
{
    (void)module;
    static char *NAMES[] = {"exit_status", "exit_signal", "error_text", NULL};
    PyObject *status = Py_None, *signal = Py_None, *text = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OOO", NAMES, &status, &signal, &text))
        return NULL;
    recorder *r = active_recorder ? active_recorder : ended_recorder;
    if (r == NULL)
        return PyDict_New();
    bool seen_to_the_end = events_remove();
    uint64_t output_lost = fd_capture_lost(r);
    fd_capture_stop(r, active_recorder != NULL);
    exec_source_remove(r);
    io_capture_remove();
    if (ct_thread_state()->id == r->starting_tstate_id)
        ct_recursion_room(-r->hidden_frames, -r->hidden_c_levels);
    if (active_recorder)
        end_events(r);
    active_recorder = NULL;
    ended_recorder = NULL;
    signals_remove();
    weakrefs_remove();
    lifetime_remove();

    long number;
    if (PyLong_Check(status) && (number = PyLong_AsLong(status)) >= 0)
        define_number(r, "exit.status", (unsigned long long)number);
    if (PyLong_Check(signal) && (number = PyLong_AsLong(signal)) > 0)
        define_number(r, "exit.signal", (unsigned long long)number);
    PyErr_Clear();
    const char *bytes;
    size_t size;
    if (PyUnicode_Check(text) && text_utf8(r, text, 1 << 20, &bytes, &size))
        ct_define_meta(r->out, "exit.error", bytes, r->secrets_known && redaction_finds(r, bytes, size) ? 0 : size);
    if (r->stopped_by)
        ct_define_meta(r->out, "stopped", r->stopped_by, strlen(r->stopped_by));
    if (output_lost)
        define_number(r, "output.lost", output_lost);
    define_number(r, "cut.items", r->cut_items);
    define_number(r, "cut.depth", r->cut_depth);
    define_number(r, "cut.string", r->cut_text);
    PyObject *hidden = write_hidden(r), *slow = filters_summary(r), *reached = points_reached(r);

    ct_recording_counts counts;
    bool no_memory = r->no_memory;
    ct_error error = {0};
    ct_code code;
    const char *stopped_by = r->stopped_by;
    uint64_t calls_only = r->filtered_codes[CT_FILTER_CALLS], skipped_by_rules = r->skipped_by_rules;
    uint64_t calls = r->calls, items = r->cut_items, depth = r->cut_depth, cut_text = r->cut_text, inside = r->python_inside, missed = r->missed, quiet = r->quiet_events;
    ct_recording *out = r->out;
    recorder_free(r);
    Py_BEGIN_ALLOW_THREADS
    ct_recording_flush(out, NULL); /* a failure shows in what finish returns */
    ct_recording_count(out, &counts);
    code = ct_recording_finish(out, &error);
    Py_END_ALLOW_THREADS
    PyObject *failed;
    if (code != CT_OK)
        failed = Py_BuildValue("is", error.system, error.message ? error.message : "the journal could not be completed");
    else if (no_memory)
        failed = Py_BuildValue("is", 12 /* ENOMEM */, "the recorder had no memory left and stopped; what it saw before is kept");
    else if (!seen_to_the_end)
        failed = Py_BuildValue("is", 0, "the program gave the recorder's tool id of sys.monitoring to another tool: from then on nothing was seen");
    else
        failed = Py_NewRef(Py_None);
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsKsNszsNsKsNsKsKsN}", "steps", counts.steps, "events", counts.events, "calls", calls, "file_bytes", counts.file_bytes,
                         "cut_items", items, "cut_depth", depth, "cut_string", cut_text, "python_inside", inside, "missed", missed, "quiet", quiet, "failed", failed, "stopped_by", stopped_by,
                         "redacted", hidden, "dropped_steps", counts.dropped_steps, "slow_patterns", slow,
                         "calls_only", calls_only, "skipped_by_rules", skipped_by_rules, "reached", reached);
}

PyObject *
session_flush(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    if (active_recorder) {
        ct_error error;
        if (ct_recording_flush(active_recorder->out, &error) != CT_OK)
            return raise_error(&error, Py_None);
    }
    Py_RETURN_NONE;
}

PyObject *
session_hold(PyObject *module, PyObject *hold)
{
    (void)module;
    if (active_recorder)
        ct_recording_hold(active_recorder->out, hold == Py_True);
    Py_RETURN_NONE;
}

PyObject *
session_mute(PyObject *module, PyObject *muted)
{
    (void)module;
    if (active_recorder)
        active_recorder->muted_tstate_id = muted == Py_True ? ct_thread_state()->id : 0;
    Py_RETURN_NONE;
}

PyObject *
session_is_tracing(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    return PyBool_FromLong(active_recorder != NULL);
}

PyObject *
session_pause(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    if (active_recorder)
        period_pause(active_recorder, CT_GAP_PAUSED);
    Py_RETURN_NONE;
}

PyObject *
session_resume(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    if (active_recorder)
        period_resume(active_recorder);
    Py_RETURN_NONE;
}

PyObject *
session_is_paused(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    return PyBool_FromLong(active_recorder && (active_recorder->busy & RECORDER_PAUSED));
}

PyObject *
session_position(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    recorder *r = active_recorder;
    if (r == NULL || (r->busy & RECORDER_PAUSED) || !recorder_is_ours(r))
        Py_RETURN_NONE;
    recorder_enter_thread(r, ct_thread_state()); /* it may have had no event yet, and so no number */
    return Py_BuildValue("KKK", (unsigned long long)r->out->steps, (unsigned long long)r->thread->number, (unsigned long long)r->out->events);
}

PyObject *
session_define_meta(PyObject *module, PyObject *args)
{
    (void)module;
    const char *key, *bytes;
    PyObject *value;
    size_t size;
    if (!PyArg_ParseTuple(args, "sU", &key, &value))
        return NULL;
    recorder *r = active_recorder;
    if (r && recorder_is_ours(r) && text_utf8(r, value, 1 << 20, &bytes, &size)) {
        if (r->secrets_known && redaction_finds(r, bytes, size))
            Py_RETURN_FALSE;
        ct_define_meta(r->out, key, bytes, size);
    }
    Py_RETURN_TRUE;
}

PyObject *
session_recorded_elsewhere(PyObject *module, PyObject *unused)
{
    (void)module; (void)unused;
    return PyBool_FromLong(forked_from_recording);
}
