/* CPython 3.12: frames and instances. See compat.h for what each function promises. */
#ifndef CT_COMPAT_CPYTHON312_H
#define CT_COMPAT_CPYTHON312_H

#define CT_C_RECURSION_LIMIT C_RECURSION_LIMIT

static inline PyThreadState *ct_thread_state(void) { return _PyThreadState_UncheckedGet(); }
static inline ct_frame *ct_current_frame(PyThreadState *tstate) { return tstate->cframe->current_frame; }
static inline void ct_set_current_frame(PyThreadState *tstate, ct_frame *frame) { tstate->cframe->current_frame = frame; }

static inline PyCodeObject *
ct_frame_code(ct_frame *frame)
{
    /* An entry frame of the C stack runs a trampoline, not the program. */
    return frame->owner == FRAME_OWNED_BY_CSTACK || _PyFrame_IsIncomplete(frame) ? NULL : frame->f_code;
}

static inline ct_frame *ct_frame_previous(ct_frame *frame) { return frame->previous; }
static inline PyObject **ct_frame_slots(ct_frame *frame) { return frame->localsplus; }
static inline PyObject *ct_frame_namespace(ct_frame *frame) { return frame->f_locals; }
static inline PyObject *ct_frame_globals(ct_frame *frame) { return frame->f_globals; }
static inline PyObject *ct_frame_builtins(ct_frame *frame) { return frame->f_builtins; }
static inline bool ct_frame_in_generator(ct_frame *frame) { return frame->owner == FRAME_OWNED_BY_GENERATOR; }

/* 3.13's names of instructions. */
#define CALL_LEN CALL_NO_KW_LEN
#define CALL_LIST_APPEND CALL_NO_KW_LIST_APPEND
#define CALL_STR_1 CALL_NO_KW_STR_1
#define CALL_TUPLE_1 CALL_NO_KW_TUPLE_1
#define CALL_TYPE_1 CALL_NO_KW_TYPE_1

static inline int ct_unit_if_line(ct_frame *frame, const _Py_CODEUNIT *at);
static inline int ct_frame_line_unit(ct_frame *frame) { return ct_unit_if_line(frame, frame->prev_instr); }

static inline int
ct_frame_resume_unit(ct_frame *frame)
{
    return (int)(frame->prev_instr - _PyCode_CODE(frame->f_code)) + 1 + frame->return_offset;
}

static inline PyObject *
ct_managed_dict(PyObject *object)
{
    if (!(Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT))
        return NULL;
    PyDictOrValues dorv = *_PyObject_DictOrValuesPointer(object);
    return _PyDictOrValues_IsValues(dorv) ? NULL : _PyDictOrValues_GetDict(dorv);
}

/* Attributes of an instance with a managed dict: a tagged pointer to values (their count and order in the bytes before
 * them, last first), or a dict. pycore_object.h, Objects/dictobject.c. */
static inline void
ct_instance_view(PyObject *object, ct_instance_attributes *view)
{
    PyDictOrValues dorv = *_PyObject_DictOrValuesPointer(object);
    view->dict = NULL;
    view->count = 0;
    if (!_PyDictOrValues_IsValues(dorv)) {
        view->dict = _PyDictOrValues_GetDict(dorv);
        return;
    }
    PyDictValues *values = _PyDictOrValues_GetValues(dorv);
    const uint8_t *size = (const uint8_t *)values - 2;
    view->values = values->values;
    view->keys = DK_UNICODE_ENTRIES(((PyHeapTypeObject *)Py_TYPE(object))->ht_cached_keys);
    view->count = *size;
    view->order = size - 1;
    view->order_step = -1;
}

#endif
