/* The extension module codetracer_python_recorder._reader: traces as Python objects, for reader.py.
 *
 * It stands on the C library's public headers and CPython's limited API, and knows no file format. All state is in the module's state and in objects:
 * several interpreters may import it.
 *
 *   module.c    the module and what errors become
 *   journal.c   Journal: an open trace and its definitions
 *   cursor.c    Cursor: one replay, moved to an event; what is read there
 *   build.c     recorded values -> Python values: a snapshot is a graph, built without recursion
 *   values.c    Object, Literal, Opaque, Cut: what has no exact Python value
 *   changes.c   which names changed since an activation's last step
 *   index.c     Index: what needs one pass over all events: calls, outputs, threads
 *
 * Invariant: a ct_journal is closed when no replay of it is left, and a replay is used by one thread at a time (cursor.c).
 */
#ifndef CODETRACER_READER_H
#define CODETRACER_READER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/replay.h"

/* In the limited API Py_TYPE takes no other pointer. */
#define TYPE_OF(object) Py_TYPE((PyObject *)(object))

/* Steals `value`. */
static inline void
replace(PyObject **place, PyObject *value)
{
    PyObject *old = *place;
    *place = value;
    Py_XDECREF(old);
}

typedef struct reader_state {
    PyTypeObject *journal, *cursor, *index, *snapshot, *object, *literal, *opaque, *cut;
    PyObject *trace_error;
    PyObject *comparing; /* key of the thread's dict: pairs that are being compared */
} reader_state;

/* ---- module.c ---- */
/* Raises what `error` says about the trace at `path`: TraceError, MemoryError. Returns NULL. */
void *raise_trace_error(const reader_state *state, PyObject *path, const ct_error *error);
PyObject *trace_error_new(const reader_state *state, PyObject *path, const ct_error *error);
void *raise_closed(void);

/* ---- journal.c ---- */
typedef struct open_trace { ct_journal *journal; size_t users; } open_trace; /* users: the Journal until it is closed, and every replay */

struct cursor_object;
typedef struct journal_object {
    PyObject_HEAD
    reader_state *state;
    PyObject *path;
    open_trace *trace;            /* NULL: closed */
    struct cursor_object *cursors; /* those with a replay */
    ct_journal_counts counts;
    const char *format;
    ct_error damage;              /* CT_OK: none was found when it was opened */
    uint32_t container_limit, attribute_limit; /* how deep the recording looked */
    PyObject **names, **types;    /* texts that were asked for */
} journal_object;

extern PyType_Spec JOURNAL_SPEC;
void open_trace_release(open_trace *trace);
/* New references; NULL with an exception. For a number that the trace does not define: "". */
PyObject *journal_name(journal_object *journal, uint32_t name);
PyObject *journal_type_name(journal_object *journal, uint32_t type);
/* Text as str: lone surrogates stay; what is no UTF-8 becomes U+FFFD. */
PyObject *text_of(const char *bytes, size_t size);

/* ---- values.c ---- */
typedef struct value_object {
    PyObject_HEAD
    PyObject *type, *value, *fields, *length; /* NULL: reads as None */
    uint64_t address, id;                      /* id: the object's number in the trace + 1; 0: it has none */
} value_object;

extern PyType_Spec OBJECT_SPEC, LITERAL_SPEC, OPAQUE_SPEC, CUT_SPEC;
/* Steals `type`. The other members are NULL, to be filled in before anything but build.c sees it. */
PyObject *make_value(PyObject *module, PyObject *arguments); /* the module's function, with which copies begin */
value_object *value_new(PyTypeObject *of, PyObject *type, uint64_t address, uint64_t id);

/* ---- build.c ---- */
typedef struct made_object { uint64_t id; PyObject *object; } made_object;
typedef struct snapshot_object {
    PyObject_HEAD
    made_object *made; /* open addressing; room is a power of two or 0; object NULL: free */
    size_t room, count;
} snapshot_object;

extern PyType_Spec SNAPSHOT_SPEC;
/* Values of one moment, among which an object appears once. */
typedef struct builder {
    journal_object *journal;
    ct_replay *replay;
    snapshot_object *snapshot;
} builder;
/* A dict of the slots' values by name. Both: a failure empties the snapshot. */
PyObject *build_slots(const builder *b, const ct_slot *slots, size_t count);
PyObject *build_value(const builder *b, const ct_value *value);

/* ---- changes.c ---- */
typedef struct changes changes;
changes *changes_new(void);
void changes_free(changes *changes);
void changes_forget(changes *changes);
/* An event is left behind: what is needed of it later is kept. False: no memory. */
bool changes_pass(changes *changes, const ct_replay *replay, const ct_event *event);
/* A tuple of names, in the order of the variables, then those that lost their value; None when the step before of this activation was not passed. */
PyObject *changes_at(changes *changes, journal_object *journal, const ct_replay *replay, const ct_activation *activation);

/* ---- cursor.c, index.c ---- */
extern PyType_Spec CURSOR_SPEC, INDEX_SPEC;
void cursor_journal_closed(struct cursor_object *cursor);
PyObject *index_make(journal_object *journal);

#endif
