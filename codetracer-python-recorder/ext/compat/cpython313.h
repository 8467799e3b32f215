/* CPython 3.13: frames and instances. See compat.h for what each function promises. */
#ifndef CT_COMPAT_CPYTHON313_H
#define CT_COMPAT_CPYTHON313_H

#define CT_C_RECURSION_LIMIT Py_C_RECURSION_LIMIT

static inline PyThreadState *ct_thread_state(void) { return PyThreadState_GetUnchecked(); }
static inline ct_frame *ct_current_frame(PyThreadState *tstate) { return tstate->current_frame; }
static inline void ct_set_current_frame(PyThreadState *tstate, ct_frame *frame) { tstate->current_frame = frame; }

static inline PyCodeObject *
ct_frame_code(ct_frame *frame)
{
    return _PyFrame_IsIncomplete(frame) ? NULL : _PyFrame_GetCode(frame);
}

static inline ct_frame *ct_frame_previous(ct_frame *frame) { return frame->previous; }
static inline PyObject **ct_frame_slots(ct_frame *frame) { return frame->localsplus; }
static inline PyObject *ct_frame_namespace(ct_frame *frame) { return frame->f_locals; }
static inline PyObject *ct_frame_globals(ct_frame *frame) { return frame->f_globals; }
static inline PyObject *ct_frame_builtins(ct_frame *frame) { return frame->f_builtins; }
static inline bool ct_frame_in_generator(ct_frame *frame) { return frame->owner == FRAME_OWNED_BY_GENERATOR; }

static inline int ct_unit_if_line(ct_frame *frame, const _Py_CODEUNIT *at);
static inline int ct_frame_line_unit(ct_frame *frame) { return ct_unit_if_line(frame, frame->instr_ptr); }

static inline int
ct_frame_resume_unit(ct_frame *frame)
{
    return (int)(frame->instr_ptr - _PyCode_CODE(_PyFrame_GetCode(frame))) + frame->return_offset;
}

static inline PyObject *
ct_managed_dict(PyObject *object)
{
    return Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT ? (PyObject *)_PyObject_GetManagedDict(object) : NULL;
}

/* Attributes of an instance with a managed dict: in line behind the object while `valid`, else in the managed dict. While a
 * materialised dict shares the in-line values they are both, and the values are current. Objects/dictobject.c. */
static inline void
ct_instance_view(PyObject *object, ct_instance_attributes *view)
{
    view->dict = NULL;
    view->count = 0;
    if (Py_TYPE(object)->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
        PyDictValues *values = _PyObject_InlineValues(object);
        if (values->valid) {
            view->values = values->values;
            view->keys = DK_UNICODE_ENTRIES(((PyHeapTypeObject *)Py_TYPE(object))->ht_cached_keys);
            view->count = values->size;
            view->order = (const uint8_t *)&values->values[values->capacity];
            view->order_step = 1;
            return;
        }
    }
    view->dict = (PyObject *)_PyObject_GetManagedDict(object);
}

#endif
