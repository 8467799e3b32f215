/* The extension module codetracer_python_recorder._native: a table of functions. What they do is in session.c, program.c and export.c. */
#include "session.h"

#include "codetracer/version.h"

static PyMethodDef FUNCTIONS[] = {
    {"start", session_start, METH_VARARGS,
     "start(journal_path, live_path, options)\n--\n\nBegin recording, in all threads of this process.\n\n"
     "Both files are created. options is a dict: max_depth, max_attr_depth, max_items, max_string, include_stdlib, include_exec, redaction,\n"
     "globals_referenced, capture_io, skip_prefixes, keep_prefixes, own_prefixes (directories and files), meta (pairs of str), sources (file names that are none: texts), left_out (names in namespaces), paused,\n"
     "points (triples: end of a path or function's name, line or 0, starts), max_steps, max_size, max_milliseconds, last_steps, last_bytes.\n"
     "Raises RuntimeError when a recording is active or no monitoring tool id is free, OSError when the files cannot be made."},
    {"stop", (PyCFunction)(void (*)(void))session_stop, METH_VARARGS | METH_KEYWORDS,
     "stop(exit_status=None, exit_signal=None, error_text=None)\n--\n\nEnd the recording and complete the journal.\n\n"
     "Returns a dict of counts: steps, events, calls, file_bytes, cut_items, cut_depth, cut_string, redacted (counts by kind), failed: None or (errno, text), and\n"
     "stopped_by: None or the limit that ended it, dropped_steps: the first ones, of which only the end was kept.\n"
     "An empty dict when nothing was being recorded."},
    {"hold", session_hold, METH_O, "hold(held)\n--\n\nWhether the file of a recording that keeps only its end is to stay as it is, for who reads it. Calls nest."},
    {"mute", session_mute, METH_O, "mute(muted)\n--\n\nWhether text that this thread writes is not the program's just now, and is left out."},
    {"flush", session_flush, METH_NOARGS, "flush()\n--\n\nWait until everything recorded so far is in the journal file."},
    {"is_tracing", session_is_tracing, METH_NOARGS, "is_tracing()\n--\n\nTrue while a recording is active in this process."},
    {"check_pattern", filters_check_pattern, METH_VARARGS,
     "check_pattern(match, pattern)\n--\n\nNone, or (what is wrong, byte position): of a trace filter's pattern; match: 0 glob, 1 regex, 2 literal."},
    {"pause", session_pause, METH_NOARGS, "pause()\n--\n\nRecord nothing until resume(). Nothing when paused, or not recording."},
    {"resume", session_resume, METH_NOARGS,
     "resume()\n--\n\nGo on recording. Nothing when not paused, or when a limit has ended the recording for good."},
    {"is_paused", session_is_paused, METH_NOARGS, "is_paused()\n--\n\nTrue while a recording is active and paused, waits for a start point, or is at its limit."},
    {"position", session_position, METH_NOARGS,
     "position()\n--\n\nThe number of steps so far, this thread's number in the trace, and the number of events so far; None when nothing is being recorded just now."},
    {"define_meta", session_define_meta, METH_VARARGS,
     "define_meta(key, value)\n--\n\nA line of the trace's metadata. False: the value holds a known secret and was not written. Nothing when not recording."},
    {"recorded_elsewhere", session_recorded_elsewhere, METH_NOARGS,
     "recorded_elsewhere()\n--\n\nTrue in a forked child of a recording process: the recording is its parent's."},
    {"compile", program_compile, METH_VARARGS, "compile(source, path)\n--\n\nThe code object of a program, as the interpreter compiles a file (bytes) or -c (str). SyntaxError."},
    {"run", (PyCFunction)(void (*)(void))program_run, METH_FASTCALL,
     "run(code, namespace)\nrun(function, *arguments)\n--\n\nRun code, or call a function, with no frame below its own: as the interpreter runs a program."},
    {"minified_sources", minified_sources, METH_VARARGS,
     "minified_sources(journal_path, threshold)\n--\n\n(path, text) of the sources whose lines, blank ones apart, are longer than that on the average."},
    {"export", export_journal, METH_VARARGS,
     "export(journal_path, format, target, options, progress, views)\n--\n\nWrite a journal in another format: 'ct' as the file target, 'json', 'binary' and\n"
     "'binary-v0' into the folder target.\n\n"
     "progress(done, total) is called now and then, or None. Signals are handled meanwhile. Returns counts: steps, calls, bytes, cut_values,\n"
     "cut_variables. Raises OSError, ValueError for a damaged journal and for one that the format cannot hold, or what progress or a signal handler raised."},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    return PyModule_AddStringConstant(module, "version", ct_version());
}

static PyModuleDef_Slot SLOTS[] = {
    {Py_mod_exec, module_exec},
    /* One recording a process: what it hooks is process-wide. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {0, NULL},
};

static PyModuleDef DEFINITION = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "codetracer_python_recorder._native",
    .m_doc = "The recorder in C. Use codetracer_python_recorder instead.",
    .m_size = 0,
    .m_methods = FUNCTIONS,
    .m_slots = SLOTS,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&DEFINITION);
}
