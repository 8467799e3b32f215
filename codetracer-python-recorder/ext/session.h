/* Starting and ending a recording: what module.c offers to Python. */
#ifndef CT_SESSION_H
#define CT_SESSION_H

#include "compat/compat.h"

PyObject *session_start(PyObject *module, PyObject *args);          /* (journal_path, live_path, options) */
PyObject *filters_check_pattern(PyObject *module, PyObject *args);
PyObject *session_stop(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *session_flush(PyObject *module, PyObject *unused);
PyObject *session_hold(PyObject *module, PyObject *hold);
PyObject *session_mute(PyObject *module, PyObject *muted);
PyObject *session_is_tracing(PyObject *module, PyObject *unused);
PyObject *session_pause(PyObject *module, PyObject *unused);
PyObject *session_resume(PyObject *module, PyObject *unused);
PyObject *session_is_paused(PyObject *module, PyObject *unused);
PyObject *session_position(PyObject *module, PyObject *unused);
PyObject *session_define_meta(PyObject *module, PyObject *args);     /* (key, value) */
PyObject *session_recorded_elsewhere(PyObject *module, PyObject *unused);

/* program.c */
PyObject *program_compile(PyObject *module, PyObject *args);        /* (source, path) */
PyObject *program_run(PyObject *module, PyObject *const *args, Py_ssize_t count); /* (code, namespace) or (function, *arguments) */

/* export.c */
PyObject *export_journal(PyObject *module, PyObject *args);         /* (journal_path, format, target, options, progress, views) */
PyObject *minified_sources(PyObject *module, PyObject *args);       /* (journal_path, threshold) */

#endif
