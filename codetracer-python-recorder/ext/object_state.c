/* What an object's state is: its items, fields or payload as the journal has them, read from memory alone.
 *
 * Invariant: nothing is written to the journal but definitions of names, and no Python runs; what the state refers to is on r->children, in the order of the state.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* process_vm_readv */
#endif
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* Objects/rangeobject.c, the same in 3.12 and 3.13. */
typedef struct range_object { PyObject_HEAD PyObject *start, *stop, *step, *length; } range_object;

static inline void
push_child(recorder *r, object_record *child)
{
    if (r->child_count == r->child_capacity) {
        size_t capacity = r->child_capacity ? r->child_capacity * 2 : 256;
        object_record **children = realloc(r->children, capacity * sizeof *children);
        if (children == NULL) {
            r->no_memory = true;
            return;
        }
        r->children = children;
        r->child_capacity = capacity;
    }
    r->children[r->child_count++] = child;
}

/* ---- encoding a state, at the end of r->values ---- */

static void
append(recorder *r, PyObject *object)
{
    uint8_t *at = scratch_room(&r->values, CT_VALUE_MAX);
    if (at == NULL) {
        r->no_memory = true;
        return;
    }
    object_record *child = NULL;
    uint8_t *end = at + 1;
    if (object)
        end = value_encode(r, object, at, &child);
    else
        *at = CT_V_UNBOUND;
    r->judged |= *at == CT_V_REDACTED;
    scratch_take(&r->values, end);
    if (child)
        push_child(r, child);
}

/* Of what is under a name with that action; kind: how it is counted. */
static __attribute__((noinline)) void
append_hidden(recorder *r, PyObject *object, enum value_action action, enum hidden_kind kind, bool is_key)
{
    uint8_t *at = scratch_room(&r->values, CT_VALUE_MAX);
    if (at == NULL) {
        r->no_memory = true;
        return;
    }
    object_record *child;
    r->judged = true;
    r->not_shown |= value_is_ruled(action); /* whatever it is */
    uint8_t *end = is_key ? redaction_encode_key(r, object, at, &child) : value_encode_as(r, object, action, at, &child);
    if (*at == CT_V_REDACTED)
        r->state_hidden[kind - HIDDEN_ITEMS]++;
    scratch_take(&r->values, end);
    if (child)
        push_child(r, child);
}

static void
append_varint(recorder *r, uint64_t number)
{
    uint8_t *at = scratch_room(&r->values, 10);
    if (at == NULL)
        r->no_memory = true;
    else
        scratch_take(&r->values, ct_write_varint(at, number));
}

static void
add_field_name(recorder *r, uint32_t name)
{
    if (r->field_count == r->field_capacity) {
        size_t capacity = r->field_capacity ? r->field_capacity * 2 : 64;
        uint32_t *names = realloc(r->field_names, capacity * sizeof *names);
        if (names == NULL) {
            r->no_memory = true;
            return;
        }
        r->field_names = names;
        r->field_capacity = capacity;
    }
    r->field_names[r->field_count++] = name;
}

static void
append_field(recorder *r, uint32_t name, PyObject *value)
{
    enum value_action action = (enum value_action)r->attribute_actions[name];
    if (__builtin_expect(action >= VALUE_DROP, 0)) {
        if (action == VALUE_DROP_SECRET && value)
            redaction_learn(r, value);
        r->state_hidden[DROPPED_ATTRIBUTES - HIDDEN_ITEMS]++;
        r->not_shown = true;
        return;
    }
    add_field_name(r, name);
    if (__builtin_expect(action >= VALUE_HIDE_TEXTS, 0) && value)
        append_hidden(r, value, action, value_is_ruled(action) ? HIDDEN_RULED_ATTRIBUTES : HIDDEN_ATTRIBUTES, false);
    else
        append(r, value);
}

Py_ssize_t
object_length(PyObject *object, enum reading reading)
{
    switch (reading) {
    case READ_LIST: case READ_TUPLE: case READ_DEQUE: return Py_SIZE(object);
    case READ_DICT: return ((PyDictObject *)object)->ma_used;
    case READ_SET: return ((PySetObject *)object)->used;
    default: return -1;
    }
}

static void
append_elements(recorder *r, PyObject **elements, Py_ssize_t count, bool hidden)
{
    for (Py_ssize_t i = 0; i < count; i++)
        if (__builtin_expect(hidden && elements[i], 0))
            append_hidden(r, elements[i], VALUE_HIDE_TEXTS, HIDDEN_ITEMS, false);
        else
            append(r, elements[i]);
}

/* The items of a named tuple of which some are hidden by their fields' names. A dropped one leaves a mark, for the others have their places. */
static void
append_named_items(recorder *r, const object_record *record, Py_ssize_t count)
{
    const type_info *type = record->type;
    PyObject **items = ((PyTupleObject *)record->object)->ob_item;
    for (Py_ssize_t i = 0; i < count; i++) {
        enum value_action action = (size_t)i < type->item_action_count ? (enum value_action)type->item_actions[i] : VALUE_SHOW;
        if (action < VALUE_HIDE_TEXTS && record->hidden)
            action = VALUE_HIDE_TEXTS;
        if (items[i] == NULL || action < VALUE_HIDE_TEXTS)
            append(r, items[i]);
        else
            append_hidden(r, items[i], action, value_is_ruled(action) ? HIDDEN_RULED_ATTRIBUTES : HIDDEN_ITEMS, false);
        if (items[i] && action >= VALUE_DROP)
            r->state_hidden[DROPPED_ATTRIBUTES - HIDDEN_ITEMS]++;
    }
}

/* An item of a set or deque. */
static inline void
append_item(recorder *r, PyObject *item, bool hidden)
{
    if (__builtin_expect(hidden, 0))
        append_hidden(r, item, VALUE_HIDE_TEXTS, HIDDEN_ITEMS, false);
    else
        append(r, item);
}

static void
append_entries(recorder *r, const object_record *record, Py_ssize_t count)
{
    bool hidden = record->hidden, judge = r->redaction && !record->keys_name_types;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    if (judge && !record->has_state) { /* new: what is secret in it becomes known first, for it may stand under a harmless key, too */
        uint8_t bytes[CT_VALUE_MAX];
        object_record *child;
        for (Py_ssize_t i = 0; i < count && PyDict_Next(record->object, &position, &key, &value); i++)
            if (__builtin_expect(redaction_is_secret_key(r, key), 0))
                value_encode_as(r, value, VALUE_HIDE_TEXTS, bytes, &child);
        position = 0;
    }
    for (Py_ssize_t i = 0; i < count && PyDict_Next(record->object, &position, &key, &value); i++) {
        if (__builtin_expect(hidden, 0))
            append_hidden(r, key, VALUE_HIDE_TEXTS, HIDDEN_ITEMS, true);
        else
            append(r, key);
        if (__builtin_expect(hidden || (judge && redaction_is_secret_key(r, key)), 0))
            append_hidden(r, value, VALUE_HIDE_TEXTS, HIDDEN_ITEMS, false);
        else
            append(r, value);
    }
}

/* Items of a container, after its true length and their number. */
static void
append_items(recorder *r, const object_record *record, Py_ssize_t length)
{
    PyObject *object = record->object;
    enum reading reading = record->type->reading;
    bool hidden = record->hidden;
    Py_ssize_t shown = length < r->limits.items ? length : r->limits.items;
    append_varint(r, (uint64_t)length);
    append_varint(r, (uint64_t)(reading == READ_DICT ? 2 * shown : shown));
    switch (reading) {
    case READ_LIST:
        append_elements(r, ((PyListObject *)object)->ob_item, shown, hidden);
        break;
    case READ_TUPLE:
        if (__builtin_expect(record->type->item_actions != NULL, 0))
            append_named_items(r, record, shown);
        else
            append_elements(r, ((PyTupleObject *)object)->ob_item, shown, hidden);
        break;
    case READ_DICT:
        append_entries(r, record, shown);
        break;
    case READ_SET: {
        PySetObject *set = (PySetObject *)object;
        for (Py_ssize_t i = 0; i <= set->mask && shown > 0; i++)
            if (set->table[i].key && set->table[i].hash != -1) { /* a removed entry has the hash -1 */
                append_item(r, set->table[i].key, hidden);
                shown--;
            }
        break;
    }
    case READ_DEQUE: {
        deque_object *deque = (deque_object *)object;
        deque_block *block = deque->left;
        Py_ssize_t index = deque->left_index;
        for (; shown > 0; shown--) {
            append_item(r, block->data[index], hidden);
            if (++index == DEQUE_BLOCK) {
                block = block->right;
                index = 0;
            }
        }
        break;
    }
    default:
        break;
    }
}

/* The name of the i-th in-line attribute of instances of this type: its key is looked up once. */
static uint32_t
cached_key_name(recorder *r, type_info *type, size_t index, PyObject *key)
{
    if (index >= type->key_count) {
        size_t count = index + 8;
        PyObject **objects = realloc(type->key_objects, count * sizeof *objects);
        if (objects)
            type->key_objects = objects;
        uint32_t *names = realloc(type->key_names, count * sizeof *names);
        if (names)
            type->key_names = names;
        if (objects == NULL || names == NULL) {
            r->no_memory = true;
            return 0;
        }
        for (size_t i = type->key_count; i < count; i++)
            objects[i] = NULL;
        type->key_count = count;
    }
    if (type->key_objects[index] != key) {
        type->key_names[index] = name_of(r, key);
        Py_XSETREF(type->key_objects[index], Py_NewRef(key)); /* keys of shared-key dicts are exact strs */
    }
    return type->key_names[index];
}

static void
append_dict_fields(recorder *r, PyObject *dict)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;
    r->not_shown |= !PyDict_CheckExact(dict); /* it may be one that has attributes of its own */
    while (PyDict_Next(dict, &position, &key, &value)) {
        bool is_shown = PyUnicode_Check(key) && (Py_ssize_t)r->field_count < r->limits.items;
        r->not_shown |= !is_shown || !PyUnicode_CheckExact(key);
        if (is_shown)
            append_field(r, name_of(r, key), value);
    }
}

PyObject *
object_dict(PyObject *object, const type_info *type)
{
    Py_ssize_t offset = type->dict_offset;
    if (offset < 0) /* from the end of a variable-sized object: Objects/object.c, _PyObject_ComputedDictPointer */
        offset += (Py_ssize_t)_PyObject_VAR_SIZE(type->type, Py_SIZE(object));
    return *(PyObject **)((char *)object + offset);
}

enum { ATTRIBUTE_DICTS = 4096 };

/* A dict that comes in another's place is noted as well: the image has its address (image.c), so the attributes are read anew. */
static void
note_attribute_dict(recorder *r, PyObject *dict)
{
    if (dict == NULL || r->instance_dicts)
        return;
    if (r->attribute_dicts.live == ATTRIBUTE_DICTS)
        r->instance_dicts = true;
    else if (!pointer_map_set(&r->attribute_dicts, dict, dict))
        r->no_memory = true;
}

static void
append_attributes(recorder *r, PyObject *object, type_info *type)
{
    for (size_t i = 0; i < type->member_count; i++) {
        PyObject *value = *(PyObject **)((char *)object + type->members[i].offset);
        if (value)
            append_field(r, type->members[i].name, value);
    }
    if (type->managed_dict) {
        ct_instance_attributes view;
        ct_instance_view(object, &view);
        if (view.dict)
            append_dict_fields(r, view.dict);
        for (int i = 0; i < view.count; i++) {
            size_t index = view.order[i * view.order_step];
            PyObject *value = view.values[index];
            if (value)
                append_field(r, cached_key_name(r, type, index, view.keys[index].me_key), value);
        }
    }
    else if (type->has_dict) {
        PyObject *dict = object_dict(object, type);
        note_attribute_dict(r, dict);
        if (dict && PyDict_Check(dict))
            append_dict_fields(r, dict);
    }
}

static void
append_enum_fields(recorder *r, PyObject *object, type_info *type)
{
    uint32_t name = name_define(r, "_name_", 6), value = name_define(r, "_value_", 7);
    PyObject *found_name = NULL, *found_value = NULL;
    ct_instance_attributes view = {0};
    if (type->managed_dict)
        ct_instance_view(object, &view);
    PyObject *dict = type->managed_dict ? view.dict : type->has_dict ? object_dict(object, type) : NULL;
    if (dict && PyDict_Check(dict)) {
        found_name = dict_get_text(dict, "_name_");
        found_value = dict_get_text(dict, "_value_");
    }
    for (int i = 0; i < view.count; i++) {
        size_t index = view.order[i * view.order_step];
        uint32_t key = cached_key_name(r, type, index, view.keys[index].me_key);
        if (key == name)
            found_name = view.values[index];
        else if (key == value)
            found_value = view.values[index];
    }
    if (found_name)
        append_field(r, name_define(r, "name", 4), found_name);
    if (found_value && found_name && r->redaction && redaction_is_secret_key(r, found_name)) {
        add_field_name(r, name_define(r, "value", 5));
        append_hidden(r, found_value, VALUE_HIDE_TEXTS, HIDDEN_ATTRIBUTES, false);
    }
    else if (found_value)
        append_field(r, name_define(r, "value", 5), found_value);
}

/* Finishes the fields begun at r->values offset `at`: their shape goes before them. */
static void
finish_fields(recorder *r, type_info *type, size_t at)
{
    if (type->shape == UINT32_MAX || type->shape_count != r->field_count ||
        (r->field_count && memcmp(type->shape_names, r->field_names, r->field_count * sizeof *r->field_names) != 0)) {
        if (r->field_count > type->shape_capacity) {
            uint32_t *names = realloc(type->shape_names, r->field_count * sizeof *names);
            if (names == NULL) {
                r->no_memory = true;
                return;
            }
            type->shape_names = names;
            type->shape_capacity = r->field_count;
        }
        if (r->field_count)
            memcpy(type->shape_names, r->field_names, r->field_count * sizeof *r->field_names);
        type->shape_count = r->field_count;
        type->shape = ct_define_shape(r->out, r->field_names, r->field_count);
    }
    uint8_t shape[10];
    size_t size = (size_t)(ct_write_varint(shape, type->shape) - shape);
    if (scratch_room(&r->values, size) == NULL) {
        r->no_memory = true;
        return;
    }
    memmove(r->values.bytes + at + size, r->values.bytes + at, r->values.size - at);
    memcpy(r->values.bytes + at, shape, size);
    r->values.size += size;
}

/* The bytes of a contiguous view, as many as are kept; NULL: there is no memory there. What a view of ctypes, mmap or an extension shows may be any
 * address, and a file may have shrunk under its mapping: only the kernel can be asked for it without a risk. */
static const void *
view_bytes(recorder *r, const PyMemoryViewObject *view)
{
    const PyObject *owner = view->mbuf->master.obj;
    if (view->view.len == 0 || (owner && (PyBytes_CheckExact(owner) || PyByteArray_CheckExact(owner))))
        return view->view.buf;
    size_t size = (size_t)view->view.len < r->limits.text ? (size_t)view->view.len : r->limits.text;
    r->text.size = 0;
    uint8_t *bytes = scratch_room(&r->text, size);
    if (bytes == NULL) {
        r->no_memory = true;
        return NULL;
    }
    struct iovec there = {view->view.buf, size}, here = {bytes, size};
    int error = errno;
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    errno = error;
    return got == (ssize_t)size ? bytes : NULL;
}

/* The payload of something like bytes. */
static uint8_t *
encode_buffer(recorder *r, const object_record *record, const void *bytes, size_t size, uint8_t *at)
{
    if (record->hidden) /* of a view's bytes as many are there as are kept */
        return redaction_encode_payload(r, record->object, record->type->reading, bytes, size < r->limits.text ? size : r->limits.text, at);
    return value_encode_bytes(r, bytes, size, at);
}

uint8_t
object_encode_state(recorder *r, object_record *record, Py_ssize_t length)
{
    PyObject *object = record->object;
    type_info *type = record->type;
    uint8_t flags = 0;
    r->field_count = 0;
    r->first_field = r->child_count;
    if (type->is_container) {
        append_items(r, record, length);
        r->first_field = r->child_count;
        flags |= CT_O_ITEMS;
        if (type->member_count == 0 && !type->managed_dict && !type->has_dict)
            return flags;
        size_t at = r->values.size;
        append_attributes(r, object, type);
        if (r->field_count == 0)
            return flags;
        finish_fields(r, type, at);
        return flags | CT_O_FIELDS;
    }
    uint8_t *at;
    switch (type->reading) {
    case READ_OPAQUE:
        return 0;
    case READ_BASE_INT: case READ_BASE_FLOAT: case READ_BASE_TEXT: case READ_BASE_BYTES: case READ_BASE_COMPLEX: case READ_BYTEARRAY:
    case READ_MEMORYVIEW:
        if ((at = scratch_room(&r->values, CT_VALUE_MAX)) == NULL) {
            r->no_memory = true;
            return 0;
        }
        if (type->reading == READ_BASE_INT)
            at = value_encode_int(r, (PyLongObject *)object, at);
        else if (type->reading == READ_BASE_FLOAT)
            at = ct_write_float(at, ((PyFloatObject *)object)->ob_fval);
        else if (type->reading == READ_BASE_TEXT)
            at = record->hidden ? redaction_encode_payload(r, object, READ_BASE_TEXT, NULL, 0, at) : value_encode_str(r, object, at);
        else if (type->reading == READ_BASE_BYTES)
            at = encode_buffer(r, record, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object), at);
        else if (type->reading == READ_BASE_COMPLEX) {
            Py_complex c = ((PyComplexObject *)object)->cval;
            at = ct_write_complex(at, c.real, c.imag);
        }
        else if (type->reading == READ_BYTEARRAY)
            at = encode_buffer(r, record, PyByteArray_AS_STRING(object), (size_t)Py_SIZE(object), at);
        else {
            PyMemoryViewObject *view = (PyMemoryViewObject *)object;
            bool readable = !(view->flags & (_Py_MEMORYVIEW_RELEASED)) && view->mbuf && !(view->mbuf->flags & _Py_MANAGED_BUFFER_RELEASED) &&
                PyBuffer_IsContiguous(&view->view, 'C');
            if (!readable)
                return 0;
            const void *bytes = view_bytes(r, view);
            if (bytes == NULL)
                return 0;
            at = encode_buffer(r, record, bytes, (size_t)view->view.len, at);
        }
        scratch_take(&r->values, at);
        return CT_O_PAYLOAD;
    case READ_INSTANCE:
        append_attributes(r, object, type);
        break;
    case READ_EXCEPTION: {
        PyBaseExceptionObject *exception = (PyBaseExceptionObject *)object;
        append_field(r, name_define(r, "args", 4), exception->args);
        for (size_t i = 0; i < type->member_count; i++) {
            PyObject *value = *(PyObject **)((char *)object + type->members[i].offset);
            if (value)
                append_field(r, type->members[i].name, value);
        }
        r->instance_dicts |= exception->dict != NULL;
        if (exception->dict && PyDict_Check(exception->dict))
            append_dict_fields(r, exception->dict);
        break;
    }
    case READ_ENUM:
        append_enum_fields(r, object, type);
        break;
    case READ_RANGE: case READ_SLICE: {
        range_object *range = (range_object *)object;
        PySliceObject *slice = (PySliceObject *)object;
        bool is_range = type->reading == READ_RANGE;
        append_field(r, name_define(r, "start", 5), is_range ? range->start : slice->start);
        append_field(r, name_define(r, "stop", 4), is_range ? range->stop : slice->stop);
        append_field(r, name_define(r, "step", 4), is_range ? range->step : slice->step);
        break;
    }
    default:
        return literal_write(r, object, type, record) ? CT_O_PAYLOAD : 0;
    }
    finish_fields(r, type, 0);
    return CT_O_FIELDS;
}

