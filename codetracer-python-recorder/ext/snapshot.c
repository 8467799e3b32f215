/* Snapshots: which variables of an activation changed since its last one.
 *
 * A function's variables are its frame's slots; a module's or class body's are the entries of its namespace, and the slots of a comprehension that was inlined
 * into it. What a reader sees at every step is the complete set; what is written is the difference to the shadow, the value written last.
 *
 * Invariant: after snapshot_write the shadows equal the frame, and every object they refer to has been visited.
 */
#include "recorder.h"

#include <stdlib.h>

/* The variable in a slot: cells are looked through. Whether there is a cell is told by the object, not by the slot's kind: before
 * MAKE_CELL has run, and in an inlined comprehension, the two differ. NULL: unbound. */
static inline PyObject *
slot_value(PyObject **slots, const code_info *info, uint32_t i)
{
    PyObject *value = slots[i];
    if (value && (info->kinds[i] & (CO_FAST_CELL | CO_FAST_FREE)) && Py_TYPE(value) == &PyCell_Type)
        value = ((PyCellObject *)value)->ob_ref;
    return value;
}

/* Modules are left out of snapshots. */
static inline bool
is_shown(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyModule_Type)
        return false;
    /* A class derived from it is at least as large; most types are smaller, which saves the walk over their bases. */
    return type->tp_basicsize < PyModule_Type.tp_basicsize || !PyType_IsSubtype(type, &PyModule_Type);
}

/* Encoded values are a few bytes, for which memcmp is a slow call. */
static inline bool
is_same(const uint8_t *bytes, const shadow *last, size_t size)
{
    if (size != last->size)
        return false;
    while (size > 8) {
        size -= 8;
        uint64_t a, b;
        memcpy(&a, bytes + size, 8);
        memcpy(&b, last->bytes + size, 8);
        if (a != b)
            return false;
    }
    while (size > 0) {
        size--;
        if (bytes[size] != last->bytes[size])
            return false;
    }
    return true;
}

/* Encodes `value` and writes it if it differs from *last.
 *
 * An immortal object (PEP 683) is never freed, so an equal pointer is the same object, and a scalar never changes: nothing to encode then, but for texts that may be secrets. A value with a
 * record is the object of the shadow's record as long as that has the same id and is of this object: then the bytes are the same, and only what is
 * inside must be looked at. Adversarial test: tests/programs/elements_alike.py. */
static inline void
write_if_changed(recorder *r, shadow *last, uint32_t slot, PyObject *value, enum ct_record global, enum filtered_kind kind)
{
    uint8_t bytes[CT_VALUE_MAX];
    object_record *record = last->record;
    if (value == last->lasting)
        return;
    if (record && record->object == value && record->id == last->id && record->type->type == Py_TYPE(value)) {
        object_visit(r, record, r->limits.containers, r->limits.attributes);
        return;
    }
    uint8_t *end;
    if (__builtin_expect(last->action != VALUE_SHOW, 0)) {
        filters_count(r, last->action, kind);
        if (last->action >= VALUE_DROP) {
            if (last->action == VALUE_DROP_SECRET)
                redaction_learn(r, value);
            return; /* never bound */
        }
        end = value_encode_as(r, value, (enum value_action)last->action, bytes, &record);
    }
    else
        end = value_encode(r, value, bytes, &record);
    size_t size = (size_t)(end - bytes);
    /* What a rule hides is counted each time; a text may become known as a secret, and is then hidden where it was shown. */
    bool lasts = record == NULL && _Py_IsImmortal(value) && !value_is_ruled(last->action) &&
                 !(PyUnicode_Check(value) && PyUnicode_GET_LENGTH(value) >= CT_SECRET_LEAST);
    last->lasting = lasts ? value : NULL;
    last->record = record;
    last->id = record ? record->id : 0;
    if (!is_same(bytes, last, size)) {
        ct_room(r->out, 0);
        if (global) {
            ct_put_number(r->out, global, slot);
            ct_put_bytes(r->out, bytes, size);
        }
        else
            ct_put_slot(r->out, slot, bytes, size);
        r->changes++;
        if (bytes[0] == CT_V_REDACTED && !value_is_ruled(last->action))
            r->hidden[last->action == VALUE_HIDE_TEXTS ? HIDDEN_VARIABLES : HIDDEN_TEXTS]++;
        last->size = (uint8_t)size;
        memcpy(last->bytes, bytes, size);
    }
    if (record) {
        /* Its iterator may have filled it anew since it was looked at (Objects/enumobject.c, Modules/itertoolsmodule.c), if no variable had it last. */
        if (record->type->reading == READ_TUPLE && !record->queued)
            record->visited = 0;
        object_visit(r, record, r->limits.containers, r->limits.attributes);
    }
}

static inline void
write_unbound(recorder *r, shadow *last, uint32_t slot, enum ct_record record)
{
    if (last->size == 0)
        return;
    shadow_unbind(last);
    r->changes++;
    ct_room(r->out, 0);
    ct_put_number(r->out, record, slot);
}

/* ---- namespaces ---- */

enum { NO_NAME = UINT32_MAX };

void
namespace_free(namespace_shadow *names)
{
    if (names == NULL)
        return;
    for (size_t i = 0; i < names->count; i++)
        Py_XDECREF(names->names[i].key);
    free(names->names);
    free(names);
}

/* Entries stand in the order of the dict. Insertions happen at the end and deletions close up, so the entry for the next key is nearly always the next one. One that stands before
 * `expected` has moved behind others, or others have come between (they were modules, or shadowed, and so not shown): it is told to be unbound, and comes last, as what is bound anew does.
 * NULL if another key of this name was seen before: of names that are hidden as secrets, which are all one in the trace, the first shows its value. */
static named_shadow *
namespace_entry(recorder *r, code_info *info, namespace_shadow *names, size_t expected, PyObject *key)
{
    if (expected < names->count && names->names[expected].key == key)
        return &names->names[expected];
    uint32_t name = name_of(r, key);
    for (size_t i = 0; i < names->count; i++) {
        named_shadow *entry = &names->names[i];
        if (entry->name != name)
            continue;
        if (entry->seen)
            return NULL;
        if (i >= expected) {
            Py_XSETREF(entry->key, PyUnicode_CheckExact(key) ? Py_NewRef(key) : NULL);
            return entry;
        }
        write_unbound(r, &entry->last, name, CT_R_UNBIND);
        Py_CLEAR(entry->key);
        entry->name = NO_NAME; /* drop_unseen takes it away */
        break;
    }
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 32;
        named_shadow *grown = realloc(names->names, capacity * sizeof *grown);
        if (grown == NULL) {
            r->no_memory = true;
            return NULL;
        }
        names->names = grown;
        names->capacity = capacity;
    }
    uint8_t action = filters_name_action(r, info, info->is_module ? CT_FILTER_GLOBAL : CT_FILTER_LOCAL, key, r->name_actions[name]);
    for (size_t i = 0; i < r->left_out.count; i++)
        if (PyUnicode_CompareWithASCIIString(key, r->left_out.paths[i]) == 0)
            action = VALUE_LEFT_OUT;
    names->hides |= action >= VALUE_HIDE_TEXTS && action != VALUE_LEFT_OUT;
    named_shadow *entry = &names->names[names->count++];
    *entry = (named_shadow){.key = PyUnicode_CheckExact(key) ? Py_NewRef(key) : NULL, .name = name, .last.action = action};
    return entry;
}

static inline bool
is_builtins(PyObject *key)
{
    static const char NAME[] = "__builtins__";
    return PyUnicode_GET_LENGTH(key) == sizeof NAME - 1 && PyUnicode_CompareWithASCIIString(key, NAME) == 0;
}

static void
write_name(recorder *r, code_info *info, namespace_shadow *names, size_t *index, PyObject *key, PyObject *value)
{
    if (!PyUnicode_Check(key) || !is_shown(value) || is_builtins(key))
        return;
    named_shadow *entry = namespace_entry(r, info, names, *index, key);
    if (entry == NULL)
        return;
    *index = (size_t)(entry - names->names) + 1;
    entry->seen = true;
    write_if_changed(r, &entry->last, entry->name, value, 0, info->is_module ? FILTERED_GLOBAL : FILTERED_LOCAL);
}

/* Names not seen this time are gone; what remains closes up, so that a name bound again comes last, as in the dict. */
static void
drop_unseen(recorder *r, namespace_shadow *names)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        named_shadow *entry = &names->names[i];
        if (entry->seen) {
            entry->seen = false;
            if (kept != i)
                names->names[kept] = *entry;
            kept++;
        }
        else {
            write_unbound(r, &entry->last, entry->name, CT_R_UNBIND);
            Py_XDECREF(entry->key);
        }
    }
    names->count = kept;
}

/* The variable of an inlined comprehension in the namespace's body: bound while that runs, and then shadows the name. NULL: not now, or another slot. */
static inline PyObject *
shadowing_value(const activation *a, PyObject **slots, uint32_t i)
{
    PyObject *value = a->info->kinds[i] & CO_FAST_HIDDEN ? slot_value(slots, a->info, i) : NULL;
    return value && is_shown(value) ? value : NULL;
}

static PyObject *
shadow_of(const activation *a, ct_frame *frame, PyObject *key)
{
    PyObject **slots = ct_frame_slots(frame), *value;
    PyCodeObject *code = ct_frame_code(frame);
    for (uint32_t i = 0; i < a->slot_count; i++)
        if ((value = shadowing_value(a, slots, i)) != NULL && PyUnicode_Compare(PyTuple_GET_ITEM(code->co_localsplusnames, i), key) == 0)
            return value;
    return NULL;
}

static bool
is_last_key(PyObject *dict, PyObject *key)
{
    PyDictUnicodeEntry *entries;
    Py_ssize_t count = ct_dict_text_entries(dict, &entries);
    return count > 0 && entries[count - 1].me_key == key;
}

/* The entry of a name that the last line stored: made, if that is the dict's last. NULL: where it stands is not known. */
static named_shadow *
stored_entry(recorder *r, code_info *info, namespace_shadow *names, PyObject *dict, PyObject *key)
{
    size_t at = names->found;
    for (size_t left = names->count; left > 0; left--) {
        at = at + 1 < names->count ? at + 1 : 0;
        if (names->names[at].key == key) {
            names->found = at;
            return &names->names[at];
        }
    }
    uint32_t name = name_of(r, key);
    for (size_t i = 0; i < names->count; i++)
        if (names->names[i].name == name)
            return NULL;
    return is_builtins(key) || !is_last_key(dict, key) ? NULL : namespace_entry(r, info, names, names->count, key);
}

/* Writes the names that the last line stored. False: others may have changed, or their order (one was deleted, or more than one is new). */
static bool
write_stored_names(recorder *r, activation *a, ct_frame *frame)
{
    const uint16_t *stored;
    size_t count;
    namespace_shadow *names = a->names;
    if (r->verifying || names->is_shadowed || !quiet_namespace(r, a, frame, &stored, &count))
        return false;
    for (uint32_t i = 0; i < a->slot_count; i++)
        if (shadowing_value(a, ct_frame_slots(frame), i))
            return false;
    PyObject *dict = ct_frame_namespace(frame);
    size_t known = names->count;
    for (size_t i = 0; i < count; i++) {
        PyObject *key = PyTuple_GET_ITEM(ct_frame_code(frame)->co_names, stored[i]);
        PyObject *value = PyDict_GetItemWithError(dict, key); /* exact strs, an exact dict (ct_is_plain_names): no code runs */
        named_shadow *entry = value && is_shown(value) && names->count == known ? stored_entry(r, a->info, names, dict, key) : NULL;
        if (entry == NULL)
            return false;
        write_if_changed(r, &entry->last, entry->name, value, 0, a->info->is_module ? FILTERED_GLOBAL : FILTERED_LOCAL);
    }
    return true;
}

static void
write_whole_namespace(recorder *r, activation *a, ct_frame *frame)
{
    PyObject *namespace = ct_frame_namespace(frame);
    size_t index = 0;
    a->names->is_shadowed = false;
    if (namespace && PyDict_Check(namespace)) { /* exec() and __prepare__ may give any mapping: only a dict's storage is read */
        Py_ssize_t position = 0;
        PyObject *key, *value;
        while (PyDict_Next(namespace, &position, &key, &value)) {
            PyObject *shadowing = a->slot_count && PyUnicode_CheckExact(key) ? shadow_of(a, frame, key) : NULL;
            write_name(r, a->info, a->names, &index, key, shadowing ? shadowing : value);
        }
    }
    PyObject **slots = ct_frame_slots(frame);
    for (uint32_t i = 0; i < a->slot_count; i++) {
        PyObject *value = shadowing_value(a, slots, i);
        if (value) { /* those that stand in place of a name have been seen */
            write_name(r, a->info, a->names, &index, PyTuple_GET_ITEM(ct_frame_code(frame)->co_localsplusnames, i), value);
            a->names->is_shadowed = true;
        }
    }
    drop_unseen(r, a->names);
}

static void
write_namespace(recorder *r, activation *a, ct_frame *frame)
{
    bool is_first = a->names == NULL;
    if (is_first && (a->names = calloc(1, sizeof *a->names)) == NULL) {
        r->no_memory = true;
        return;
    }
    if (is_first || !write_stored_names(r, a, frame))
        write_whole_namespace(r, a, frame);
    a->names->complete = r->quiet.names_changed;
}

/* ---- functions ---- */

static void
write_globals(recorder *r, activation *a, ct_frame *frame)
{
    PyObject *globals = ct_frame_globals(frame);
    code_info *info = a->info;
    if (globals == NULL || !PyDict_Check(globals) || !ct_dict_is_text_keyed(globals))
        return;
    if (a->globals == NULL) {
        a->globals = calloc(1, sizeof *a->globals);
        named_shadow *names = calloc(info->global_count + 1, sizeof *names);
        if (a->globals == NULL || names == NULL) {
            free(names);
            r->no_memory = true;
            return;
        }
        *a->globals = (namespace_shadow){.names = names, .count = info->global_count, .capacity = info->global_count};
        for (size_t i = 0; i < info->global_count; i++) {
            names[i].name = info->global_names[i];
            names[i].last.action = info->global_actions[i];
        }
    }
    for (size_t i = 0; i < info->global_count; i++) {
        shadow *last = &a->globals->names[i].last;
        PyObject *value = PyDict_GetItemWithError(globals, info->global_keys[i]); /* both exact strs: no code runs */
        if (value && is_shown(value))
            write_if_changed(r, last, info->global_names[i], value, CT_R_GLOBAL, FILTERED_GLOBAL);
        else
            write_unbound(r, last, info->global_names[i], CT_R_GLOBAL_UNBIND);
    }
}

/* What is under secrets' names becomes known before the other variables are written, which may hold the same. */
static void
learn_slots(recorder *r, const activation *a, PyObject **slots)
{
    uint8_t bytes[CT_VALUE_MAX];
    object_record *record;
    for (uint32_t i = 0; i < a->slot_count; i++) {
        enum value_action action = (enum value_action)a->info->actions[i];
        bool secret = action == VALUE_HIDE_TEXTS || action == VALUE_REDACT_SECRET || action == VALUE_DROP_SECRET;
        PyObject *value = secret ? slot_value(slots, a->info, i) : NULL;
        if (value && is_shown(value))
            value_encode_as(r, value, action, bytes, &record);
    }
}

static inline void
write_variables(recorder *r, activation *a, ct_frame *frame)
{
    code_info *info = a->info;
    if (info->is_namespace) {
        write_namespace(r, a, frame);
        return;
    }
    PyObject **slots = ct_frame_slots(frame);
    if (__builtin_expect(info->hides, 0))
        learn_slots(r, a, slots);
    for (uint32_t i = 0; i < a->slot_count; i++) {
        PyObject *value = slot_value(slots, info, i);
        if (value && is_shown(value))
            write_if_changed(r, &a->slots[i], i, value, 0, i < info->parameter_count ? FILTERED_ARGUMENT : FILTERED_LOCAL);
        else
            write_unbound(r, &a->slots[i], i, CT_R_UNBIND);
    }
    if (r->record_globals)
        write_globals(r, a, frame);
}

static void
forget_values(const namespace_shadow *names)
{
    for (size_t i = 0; names && i < names->count; i++) {
        names->names[i].last.lasting = NULL;
        names->names[i].last.record = NULL;
    }
}

/* Takes the snapshot once more, and takes nothing for unchanged: what this writes was missed before. Not so where a text became known as a secret within this event: what
 * was written before it is hidden now, and nothing was missed. */
static void
verify(recorder *r, activation *a, ct_frame *frame, size_t secrets_known)
{
    uint64_t before = r->changes;
    for (uint32_t i = 0; i < a->slot_count; i++) {
        a->slots[i].lasting = NULL;
        a->slots[i].record = NULL;
    }
    forget_values(a->names);
    forget_values(a->globals);
    r->look++;
    r->verifying = true;
    write_variables(r, a, frame);
    objects_look(r);
    r->verifying = false;
    if (r->secrets_known == secrets_known)
        r->missed += r->changes - before;
}

void
snapshot_write(recorder *r, activation *a, ct_frame *frame)
{
    size_t secrets_known = r->secrets_known;
    if (r->died_count)
        object_write_deaths(r);
    write_variables(r, a, frame);
    objects_look(r);
    if (__builtin_expect(r->verify_capture, 0))
        verify(r, a, frame, secrets_known);
}

static void
write_shadow(recorder *r, const shadow *last, uint32_t slot, bool global)
{
    if (last->size == 0)
        return;
    ct_room(r->out, 0);
    if (global) {
        ct_put_number(r->out, CT_R_GLOBAL, slot);
        ct_put_bytes(r->out, last->bytes, last->size);
    }
    else
        ct_put_slot(r->out, slot, last->bytes, last->size);
}

void
snapshot_write_key_state(recorder *r, const activation *a)
{
    ct_recording *out = r->out;
    ct_room(out, 0);
    uint8_t *at = out->cursor;
    *at++ = CT_R_KEY_ACTIVATION;
    at = ct_write_varint(at, a->id);
    at = ct_write_varint(at, a->code);
    *at++ = a->attached ? CT_CALL_ATTACHED : 0;
    out->cursor = ct_write_varint(at, (uint64_t)a->line);
    if (a->names)
        for (size_t i = 0; i < a->names->count; i++)
            write_shadow(r, &a->names->names[i].last, a->names->names[i].name, false);
    else
        for (uint32_t i = 0; i < a->slot_count; i++)
            write_shadow(r, &a->slots[i], i, false);
    if (a->globals)
        for (size_t i = 0; i < a->globals->count; i++)
            write_shadow(r, &a->globals->names[i].last, a->globals->names[i].name, true);
}
