/* Everything that differs between CPython versions, behind one set of names.
 *
 * The rest of ext/ includes this file and nothing internal to CPython. Each supported version has a file of its own, which
 * defines the functions listed below; a difference that stems from a CPython issue names it there.
 *
 *   ct_thread_state()                 the current thread's state, unchecked
 *   ct_current_frame(tstate)          its innermost frame, complete or not
 *   ct_set_current_frame(tstate, frame)   makes it that one, or none (NULL); to be put back before the C function that did it returns
 *   ct_frame_code(frame)              its code object, borrowed; NULL for a frame that runs no Python code (yet)
 *   ct_frame_previous(frame)          the frame that called it, or NULL
 *   ct_frame_slots(frame)             its localsplus: PyObject *[co_nlocalsplus], NULL where unbound
 *   ct_frame_namespace(frame)         f_locals of a module or class body, borrowed, or NULL
 *   ct_frame_globals(frame), ct_frame_builtins(frame)   borrowed
 *   ct_frame_in_generator(frame)      true: it is part of a generator, coroutine or async generator, and outlives its suspensions
 *   ct_instance_view(object, view)    where the instance's attributes lie: in line, or in a dict
 *   ct_dict_is_text_keyed(dict)       every key is an exact str: a lookup by str runs no Python code
 *   ct_dict_text_entries(dict, &entries)   the entries of a dict of such keys whose values lie beside them, those without a value unused; their
 *                                     number, or -1: it is laid out in another way
 *   ct_dict_entries(dict, &entries)   the same of a dict whose keys are not all exact strs; -1: they are
 *   ct_dict_entry(dict, at, &key)     value and key of the entry there, borrowed; NULL: there is none, it is unused, or the dict is laid out in another way
 *   ct_dict_is_packed(dict)           none of its entries is unused
 *   ct_dict_position(dict, key)       which of these entries a store under that key (ct_dict_key: an exact str or int) replaces the value of; -1: it makes a new one, or it is not known:
 *                                     keys of other types would be asked whether they are equal, or are long ints
 *   ct_opcode(code, offset)           the instruction there as the compiler wrote it or specialised, without line and instruction events
 *   ct_frame_has_object(frame)        somebody has it as a frame object, or had
 *   ct_frame_keyword_defaults(frame)  the __kwdefaults__ of the function that runs in it, borrowed, or NULL
 *   ct_frame_line_unit(frame)         in a LINE event: the code unit that is about to run; -1: it is no line's first
 *   ct_frame_resume_unit(frame)       of a frame that has called another: the code unit where it goes on
 *   ct_frame_stack_top(frame)         in a LINE event, and of a frame whose call the interpreter runs without C between (ct_frame_previous): where the top of its value
 *                                     stack is; NULL: that is empty
 *   ct_is_plain_names(frame)          its globals, builtins and namespace are exact dicts of exact strs
 *   ct_counter(instruction)           the counter in an instruction's inline cache, the first word of it in all families (PEP 659)
 *   ct_cached_attribute(instruction, owner)   the attribute that this LOAD_ATTR, if it is specialised for an instance's own, would load from owner; borrowed; NULL
 *   ct_managed_dict(object)           the dict that an instance's attributes are in too, or only; borrowed; NULL
 *   ct_gil_switches(tstate)           how often the GIL has gone to another thread
 *   ct_collections(tstate)            how often garbage was collected
 *   ct_is_alone(tstate, tool)         the interpreter calls nobody but that tool at events, and evaluates frames itself
 *   ct_warns_of_bytes(tstate)         python -b: bytes are compared with texts, and made texts, with a warning
 *   ct_object_free()                  the function that frees objects now: another one, when an allocator hook has come or gone
 *   ct_recursion_room(frames, c_levels)   so many more (or fewer) Python frames and C levels may be entered by this thread;
 *                                     sys.getrecursionlimit() stays
 *   ct_c_levels()                     how many C levels this thread is in (calls of the evaluation loop and of C functions)
 *
 * Thread/GIL: all need the GIL.
 */
#ifndef CT_COMPAT_H
#define CT_COMPAT_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#include <Python.h>

#include <stdbool.h>

#include "internal/pycore_code.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_long.h"
#include "internal/pycore_object.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"
#include "opcode.h"
#undef Py_BUILD_CORE

typedef _PyInterpreterFrame ct_frame;

/* The attributes of an instance: `dict` when they are in a dict, else `count` of them in line, the i-th in order of
 * definition being value(order[i]) under key(order[i]). Neither: no attributes. */
typedef struct ct_instance_attributes {
    PyObject *dict;
    PyObject *const *values;
    PyDictUnicodeEntry *keys;
    const uint8_t *order;
    int order_step; /* the order array runs forwards (1) or backwards (-1) */
    int count;
} ct_instance_attributes;

#if PY_VERSION_HEX >= 0x030E0000
#error "this recorder supports CPython 3.12 and 3.13"
#elif PY_VERSION_HEX >= 0x030D0000
#include "compat/cpython313.h"
#elif PY_VERSION_HEX >= 0x030C0000
#include "compat/cpython312.h"
#else
#error "this recorder supports CPython 3.12 and 3.13"
#endif

/* Both versions: the object that holds a generator's frame begins this many bytes before it. */
#define CT_GENERATOR_FRAME_OFFSET offsetof(PyGenObject, gi_iframe)

static inline bool
ct_dict_is_text_keyed(PyObject *dict)
{
    return ((PyDictObject *)dict)->ma_keys->dk_kind != DICT_KEYS_GENERAL;
}

static inline Py_ssize_t
ct_dict_text_entries(PyObject *dict, PyDictUnicodeEntry **entries)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (((PyDictObject *)dict)->ma_values != NULL || keys->dk_kind == DICT_KEYS_GENERAL)
        return -1;
    *entries = DK_UNICODE_ENTRIES(keys);
    return keys->dk_nentries;
}

static inline Py_ssize_t
ct_dict_entries(PyObject *dict, PyDictKeyEntry **entries)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (((PyDictObject *)dict)->ma_values != NULL || keys->dk_kind != DICT_KEYS_GENERAL)
        return -1;
    *entries = DK_ENTRIES(keys);
    return keys->dk_nentries;
}

static inline PyObject *
ct_dict_entry(PyObject *dict, Py_ssize_t at, PyObject **key)
{
    PyDictUnicodeEntry *texts;
    PyDictKeyEntry *others;
    if (at < ct_dict_text_entries(dict, &texts)) {
        *key = texts[at].me_key;
        return texts[at].me_value;
    }
    if (at < ct_dict_entries(dict, &others)) {
        *key = others[at].me_key;
        return others[at].me_value;
    }
    return NULL;
}

static inline bool ct_dict_is_packed(PyObject *dict) { return ((PyDictObject *)dict)->ma_keys->dk_nentries == ((PyDictObject *)dict)->ma_used; }

/* A key: an exact str, or (text NULL) an exact int. */
typedef struct ct_dict_key { PyObject *text; int64_t number; } ct_dict_key;

/* dictkeys_get_index, Objects/dictobject.c. Negative: nothing was ever there (-1), or it was deleted. */
static inline Py_ssize_t
ct_dict_slot(const PyDictKeysObject *keys, size_t slot)
{
    if (keys->dk_log2_size < 8)
        return ((const int8_t *)keys->dk_indices)[slot];
    if (keys->dk_log2_size < 16)
        return ((const int16_t *)keys->dk_indices)[slot];
    return keys->dk_log2_size < 32 ? ((const int32_t *)keys->dk_indices)[slot] : (Py_ssize_t)((const int64_t *)keys->dk_indices)[slot];
}

static inline bool
ct_is_same_text(PyObject *a, PyObject *b)
{
    return a == b || (PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) && PyUnicode_KIND(a) == PyUnicode_KIND(b) &&
                      memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)PyUnicode_GET_LENGTH(a) * PyUnicode_KIND(a)) == 0);
}

/* Slots are tried in the order of the lookups in Objects/dictobject.c, which end at the first that holds an equal key, or was never filled. Of these two types an equal key of an exact
 * type is found without asking anybody; at one of another type with the same hash (1.0, a str's subclass) it is given up. */
static inline Py_ssize_t
ct_dict_position(PyObject *dict, ct_dict_key key)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    bool is_text_keyed = keys->dk_kind != DICT_KEYS_GENERAL;
    Py_hash_t hash = key.text ? ((PyASCIIObject *)key.text)->hash : key.number == -1 ? -2 : (Py_hash_t)key.number; /* long_hash, of one digit: others are not found */
    if (((PyDictObject *)dict)->ma_values != NULL || hash == -1 || (is_text_keyed && key.text == NULL))
        return -1;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash;
    for (size_t slot = (size_t)hash & mask;; perturb >>= 5, slot = (slot * 5 + perturb + 1) & mask) {
        Py_ssize_t at = ct_dict_slot(keys, slot);
        if (at == -1)
            return -1;
        if (at < 0)
            continue;
        if (is_text_keyed) {
            PyObject *there = DK_UNICODE_ENTRIES(keys)[at].me_key;
            if (((PyASCIIObject *)there)->hash == hash && ct_is_same_text(there, key.text))
                return at;
            continue;
        }
        const PyDictKeyEntry *entry = &DK_ENTRIES(keys)[at];
        if (entry->me_hash != hash)
            continue;
        if (key.text && PyUnicode_CheckExact(entry->me_key)) {
            if (ct_is_same_text(entry->me_key, key.text))
                return at;
        }
        else if (key.text || !PyLong_CheckExact(entry->me_key) || !PyUnstable_Long_IsCompact((PyLongObject *)entry->me_key))
            return -1;
        else if (PyUnstable_Long_CompactValue((PyLongObject *)entry->me_key) == key.number)
            return at;
    }
}

static inline int
ct_opcode(PyCodeObject *code, int offset)
{
    int index = offset / (int)sizeof(_Py_CODEUNIT);
    int opcode = _PyCode_CODE(code)[index].op.code;
    /* The offset of a RAISE may be that of an instruction's last inline cache: any number may stand there, these two as well. */
    _PyCoMonitoringData *data = code->_co_monitoring;
    if (opcode == INSTRUMENTED_LINE && data && data->lines)
        opcode = data->lines[index].original_opcode;
    if (opcode == INSTRUMENTED_INSTRUCTION && data && data->per_instruction_opcodes)
        opcode = data->per_instruction_opcodes[index];
    return opcode;
}

static inline int
ct_unit_if_line(ct_frame *frame, const _Py_CODEUNIT *at)
{
    PyCodeObject *code = ct_frame_code(frame);
    ptrdiff_t unit = code ? at - _PyCode_CODE(code) : -1;
    return unit >= 0 && unit < Py_SIZE(code) && at->op.code == INSTRUMENTED_LINE ? (int)unit : -1;
}

static inline bool ct_frame_has_object(ct_frame *frame) { return frame->frame_obj != NULL; }

static inline PyObject *
ct_frame_keyword_defaults(ct_frame *frame)
{
    PyObject *function = frame->f_funcobj;
    return function && PyFunction_Check(function) ? ((PyFunctionObject *)function)->func_kwdefaults : NULL;
}

static inline PyObject **
ct_frame_stack_top(ct_frame *frame)
{
    int top = frame->stacktop - 1;
    return top >= ct_frame_code(frame)->co_nlocalsplus ? &frame->localsplus[top] : NULL;
}

static inline bool
ct_is_plain_names(ct_frame *frame)
{
    PyObject *namespace = ct_frame_namespace(frame);
    return PyDict_CheckExact(frame->f_globals) && PyDict_CheckExact(frame->f_builtins) && ct_dict_is_text_keyed(frame->f_globals) &&
           ct_dict_is_text_keyed(frame->f_builtins) && (namespace == NULL || namespace == frame->f_globals || (PyDict_CheckExact(namespace) && ct_dict_is_text_keyed(namespace)));
}

static inline uint16_t ct_counter(const _Py_CODEUNIT *instruction) { return instruction[1].cache; }

static inline PyObject *
ct_cached_attribute(const _Py_CODEUNIT *instruction, PyObject *owner)
{
    const _PyAttrCache *cache = (const _PyAttrCache *)(instruction + 1);
    int opcode = instruction->op.code;
    uint32_t version = (uint32_t)cache->version[0] | (uint32_t)cache->version[1] << 16;
    if ((opcode != LOAD_ATTR_INSTANCE_VALUE && opcode != LOAD_ATTR_SLOT) || version == 0 || Py_TYPE(owner)->tp_version_tag != version)
        return NULL;
    if (opcode == LOAD_ATTR_SLOT)
        return *(PyObject **)((char *)owner + cache->index);
    ct_instance_attributes view = {0};
    ct_instance_view(owner, &view);
    return view.dict ? NULL : view.values[cache->index];
}

static inline bool ct_warns_of_bytes(PyThreadState *tstate) { return tstate->interp->config.bytes_warning != 0; }
static inline unsigned long ct_gil_switches(PyThreadState *tstate) { return tstate->interp->ceval.gil->switch_number; }

static inline Py_ssize_t
ct_collections(PyThreadState *tstate)
{
    const struct gc_generation_stats *stats = tstate->interp->gc.generation_stats;
    return stats[0].collections + stats[1].collections + stats[2].collections;
}

/* Whether one of the pointers is not NULL. Asked at most events, of a hundred: four at a time. */
static inline bool
ct_is_any(PyObject *const *at, size_t count)
{
    typedef uintptr_t four __attribute__((vector_size(4 * sizeof(uintptr_t)), aligned(sizeof(uintptr_t)), may_alias));
    four seen = {0};
    uintptr_t left = 0;
    for (; count >= 4; count -= 4, at += 4)
        seen |= *(const four *)at;
    for (; count > 0; count--)
        left |= (uintptr_t)*at++;
    return (seen[0] | seen[1] | seen[2] | seen[3] | left) != 0;
}

static inline bool
ct_is_alone(PyThreadState *tstate, int tool)
{
#ifdef Py_GIL_DISABLED
    (void)tstate; (void)tool;
    return false; /* other threads run at any time */
#else
    PyInterpreterState *interpreter = tstate->interp;
    bool others = tstate->c_tracefunc || tstate->c_profilefunc || interpreter->eval_frame;
    /* By its functions, not by its name: giving an id back leaves them, and they are called on (sys.monitoring.free_tool_id, Python/instrumentation.c). Ids from 6 on
     * are sys.setprofile's and sys.settrace's own, asked for above. */
    enum { TOOLS = 6 };
    PyObject *const *first = interpreter->monitoring_callables[0], *const *own = interpreter->monitoring_callables[tool];
    others |= ct_is_any(first, (size_t)(own - first));
    others |= ct_is_any(own + _PY_MONITORING_EVENTS, (size_t)(first + TOOLS * _PY_MONITORING_EVENTS - own) - _PY_MONITORING_EVENTS);
    return !others;
#endif
}

typedef void (*ct_free_function)(void *, void *);

static inline ct_free_function
ct_object_free(void)
{
    return _PyRuntime.allocators.standard.obj.free;
}

static inline void
ct_recursion_room(int frames, int c_levels)
{
    ct_thread_state()->py_recursion_remaining += frames;
    ct_thread_state()->c_recursion_remaining += c_levels;
}

static inline int
ct_c_levels(void)
{
    return CT_C_RECURSION_LIMIT - ct_thread_state()->c_recursion_remaining;
}

/* What PyObject_GC_New and the like put before an object: the block that is freed begins there. */
static inline size_t
ct_size_before(PyTypeObject *type)
{
    return (size_t)_PyType_PreHeaderSize(type);
}

#endif
