/* The object table: which objects the journal knows, and what it says of each.
 *
 * A record belongs to one object for as long as that lives (lifetime.c tells of its death) and holds the encoded state that was written last. A
 * visit encodes the object as it is now and writes what differs. Finding changes this way, by looking at everything that can be reached from
 * the snapshot within the depth limits, needs no assumption about who may have changed what: it is the reference for any faster way.
 *
 * Invariant: after object_visit(record, containers, attributes), every object within those limits has a record whose state is what the
 * journal says, and the journal says what is in memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* process_vm_readv */
#endif
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* Modules/_collectionsmodule.c and Objects/rangeobject.c, the same in 3.12 and 3.13. */
enum { DEQUE_BLOCK = 64 };
typedef struct deque_block { struct deque_block *left; PyObject *data[DEQUE_BLOCK]; struct deque_block *right; } deque_block;
typedef struct deque_object { PyObject_VAR_HEAD deque_block *left, *right; Py_ssize_t left_index, right_index; } deque_object;
typedef struct range_object { PyObject_HEAD PyObject *start, *stop, *step, *length; } range_object;

/* ---- records: in slabs, used again ---- */

enum { SLAB_RECORDS = 64, STATE_KEPT = 256, ELEMENTS_KEPT = 32 };
typedef struct record_slab { struct record_slab *next; object_record records[SLAB_RECORDS]; } record_slab;

static object_record *
record_new(recorder *r)
{
    if (r->free_records == NULL) {
        record_slab *slab = calloc(1, sizeof *slab);
        if (slab == NULL)
            return NULL;
        slab->next = r->slabs;
        r->slabs = slab;
        for (size_t i = SLAB_RECORDS; i-- > 0;) {
            slab->records[i].block = r->free_records;
            r->free_records = &slab->records[i];
        }
    }
    object_record *record = r->free_records;
    r->free_records = record->block;
    return record;
}

/* Small memory of the record stays for the next one. */
void
object_record_free(recorder *r, object_record *record)
{
    object_record kept = {.block = r->free_records};
    if (record->state_capacity <= STATE_KEPT) {
        kept.state = record->state;
        kept.state_capacity = record->state_capacity;
    }
    else
        free(record->state);
    if (record->element_capacity <= ELEMENTS_KEPT) {
        kept.elements = record->elements;
        kept.element_capacity = record->element_capacity;
    }
    else
        free(record->elements);
    *record = kept;
    r->free_records = record;
}

object_record *
object_find_or_new(recorder *r, PyObject *object)
{
    object_record *record = pointer_map_get(&r->objects, object);
    if (record && record->type->type == Py_TYPE(object))
        return record;
    type_info *type = type_info_of(r, Py_TYPE(object));
    if (type == NULL)
        return NULL;
    if (record) { /* obj.__class__ = Other: the same object, read in another way from now on */
        record->type = type;
        record->has_state = false;
        record->settled = false;
        return record;
    }
    record = record_new(r);
    if (record == NULL || !pointer_map_set(&r->objects, object, record)) {
        if (record)
            object_record_free(r, record);
        r->no_memory = true;
        return NULL;
    }
    record->object = object;
    record->block = (char *)object - ct_size_before(type->type);
    record->type = type;
    record->id = r->object_count++;
    record->length = -1;
    record->element_count = -1;
    lifetime_watch(record->block);
    return record;
}

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
    if (object)
        at = value_encode(r, object, at, &child);
    else
        *at++ = CT_V_UNBOUND;
    scratch_take(&r->values, at);
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
    if (__builtin_expect(action == VALUE_DROP, 0))
        return;
    add_field_name(r, name);
    if (__builtin_expect(action >= VALUE_HIDE_TEXTS, 0) && value)
        append_hidden(r, value, action, HIDDEN_ATTRIBUTES, false);
    else
        append(r, value);
}

static Py_ssize_t
true_length(PyObject *object, enum reading reading)
{
    switch (reading) {
    case READ_LIST: case READ_TUPLE: case READ_DEQUE: return Py_SIZE(object);
    case READ_DICT: return ((PyDictObject *)object)->ma_used;
    case READ_SET: return ((PySetObject *)object)->used;
    default: return -1;
    }
}

/* The elements of a list or tuple; named: which of the first 64 are fields with a secret's name. */
static void
append_elements(recorder *r, PyObject **elements, Py_ssize_t count, bool hidden, uint64_t named)
{
    if (__builtin_expect(!hidden && !named, 1)) {
        for (Py_ssize_t i = 0; i < count; i++)
            append(r, elements[i]);
        return;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (elements[i] && (hidden || (i < 64 && named >> i & 1)))
            append_hidden(r, elements[i], VALUE_HIDE_TEXTS, HIDDEN_ITEMS, false);
        else
            append(r, elements[i]);
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
        append_elements(r, ((PyListObject *)object)->ob_item, shown, hidden, 0);
        break;
    case READ_TUPLE:
        append_elements(r, ((PyTupleObject *)object)->ob_item, shown, hidden, record->type->hidden_items);
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
    while (PyDict_Next(dict, &position, &key, &value))
        if (PyUnicode_Check(key) && (Py_ssize_t)r->field_count < r->limits.items)
            append_field(r, name_of(r, key), value);
}

static PyObject *
instance_dict(PyObject *object, const type_info *type)
{
    Py_ssize_t offset = type->dict_offset;
    if (offset < 0) /* from the end of a variable-sized object: Objects/object.c, _PyObject_ComputedDictPointer */
        offset += (Py_ssize_t)_PyObject_VAR_SIZE(type->type, Py_SIZE(object));
    return *(PyObject **)((char *)object + offset);
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
        PyObject *dict = instance_dict(object, type);
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
    PyObject *dict = type->managed_dict ? view.dict : type->has_dict ? instance_dict(object, type) : NULL;
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

/* Encodes the whole state at the end of r->values and its children on r->children; returns the state's flags. */
static uint8_t
encode_state(recorder *r, object_record *record, Py_ssize_t length)
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

/* ---- writing what differs ---- */

static size_t
value_size(const uint8_t *at)
{
    const uint8_t *start = at;
    uint8_t tag = *at++;
    if (tag >= CT_V_TEXT)
        return 1 + (size_t)(tag - CT_V_TEXT);
    switch (tag) {
    case CT_V_INT: case CT_V_OBJECT: case CT_V_CONTENT:
        while (*at++ & 0x80)
            ;
        return (size_t)(at - start);
    case CT_V_BIGINT: return 3 + (size_t)at[1];
    case CT_V_FLOAT: return 9;
    case CT_V_COMPLEX: return 17;
    case CT_V_BYTES: return 2 + (size_t)at[0];
    default: return 1;
    }
}

static uint64_t
read_varint(const uint8_t **at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

static void
put_item(ct_recording *out, enum ct_record record, uint64_t id, uint64_t index, const uint8_t *value, size_t size)
{
    ct_room(out, 0);
    uint8_t *at = out->cursor;
    *at++ = (uint8_t)record;
    at = ct_write_varint(at, id);
    at = ct_write_varint(at, index);
    memcpy(at, value, size);
    out->cursor = at + size;
}

enum { MOST_SINGLE_CHANGES = 4 };

/* Element by element: a few single changes, or one run replaced by another. False: write the whole state. */
static bool
put_difference(recorder *r, object_record *record, const uint8_t *now, size_t now_size, uint8_t flags)
{
    ct_recording *out = r->out;
    if (flags != record->flags || (flags != CT_O_ITEMS && flags != CT_O_FIELDS))
        return false;
    const uint8_t *old = record->state, *old_end = record->state + record->state_size, *now_end = now + now_size;
    uint64_t first_old = read_varint(&old), first_now = read_varint(&now); /* shape, or true length */
    uint64_t old_count = 0, now_count = 0;
    if (flags == CT_O_ITEMS) {
        old_count = read_varint(&old);
        now_count = read_varint(&now);
    }
    else if (first_old != first_now)
        return false;

    const uint8_t *a = old, *b = now;
    if (flags == CT_O_FIELDS || (old_count == now_count && first_old == first_now)) {
        struct { uint64_t index; const uint8_t *value; size_t size; } changes[MOST_SINGLE_CHANGES];
        size_t count = 0;
        for (uint64_t i = 0; a < old_end && b < now_end; i++) {
            size_t a_size = value_size(a), b_size = value_size(b);
            if (a_size != b_size || memcmp(a, b, a_size) != 0) {
                if (count == MOST_SINGLE_CHANGES)
                    return false;
                changes[count].index = i;
                changes[count].value = b;
                changes[count++].size = b_size;
            }
            a += a_size;
            b += b_size;
        }
        for (size_t i = 0; i < count; i++)
            put_item(out, flags == CT_O_FIELDS ? CT_R_FIELD : CT_R_ITEM, record->id, changes[i].index, changes[i].value, changes[i].size);
        return true;
    }
    /* Lengths differ: skip what is equal at the beginning; what is equal at the end by bytes, if that falls on element boundaries. */
    uint64_t start = 0;
    while (a < old_end && b < now_end) {
        size_t a_size = value_size(a);
        if (a_size != value_size(b) || memcmp(a, b, a_size) != 0)
            break;
        a += a_size;
        b += a_size;
        start++;
    }
    size_t equal = 0, most = (size_t)(old_end - a) < (size_t)(now_end - b) ? (size_t)(old_end - a) : (size_t)(now_end - b);
    while (equal < most && old_end[-1 - (ptrdiff_t)equal] == now_end[-1 - (ptrdiff_t)equal])
        equal++;
    /* The replaced run ends, in both, at the first element that lies wholly within the equal bytes. */
    const uint8_t *a_stop = a, *b_stop = b;
    uint64_t removed = 0, added = 0;
    while (a_stop < old_end && (size_t)(old_end - a_stop) > equal) {
        a_stop += value_size(a_stop);
        removed++;
    }
    while (b_stop < now_end && (size_t)(now_end - b_stop) > equal) {
        b_stop += value_size(b_stop);
        added++;
    }
    while (old_end - a_stop != now_end - b_stop) { /* not on the same boundary: take more until it is */
        if (old_end - a_stop > now_end - b_stop) {
            a_stop += value_size(a_stop);
            removed++;
        }
        else {
            b_stop += value_size(b_stop);
            added++;
        }
    }
    size_t bytes = (size_t)(b_stop - b);
    if (bytes > now_size / 2 && bytes > 64)
        return false;
    ct_room(out, bytes + 64);
    uint8_t *at = out->cursor;
    *at++ = CT_R_SPLICE;
    at = ct_write_varint(at, record->id);
    at = ct_write_varint(at, start);
    at = ct_write_varint(at, removed);
    at = ct_write_varint(at, added);
    memcpy(at, b, bytes);
    out->cursor = ct_write_varint(at + bytes, first_now);
    return true;
}

/* An OBJECT record: `flags` says what `state` holds; its address is written the first time, and in key states. */
static void
put_object(recorder *r, object_record *record, uint8_t flags, const uint8_t *state, size_t size, bool with_address)
{
    ct_recording *out = r->out;
    record->type_written = record->type->id;
    ct_room(out, size + 64);
    uint8_t *at = out->cursor;
    *at++ = CT_R_OBJECT;
    at = ct_write_varint(at, record->id);
    at = ct_write_varint(at, record->type->id);
    *at++ = (uint8_t)(flags | (with_address ? CT_O_ADDRESS : 0));
    if (with_address) {
        uint64_t address = (uint64_t)(uintptr_t)record->object;
        at = ct_write_svarint(at, (int64_t)(address - out->last_address));
        out->last_address = address;
    }
    if (size)
        memcpy(at, state, size);
    out->cursor = at + size;
}

/* Beyond the depth limit: the object's type and address, of a container its length. */
static void
visit_outside(recorder *r, object_record *record, Py_ssize_t length)
{
    uint8_t bytes[10];
    size_t size = length < 0 ? 0 : (size_t)(ct_write_varint(bytes, (uint64_t)length) - bytes);
    if (!record->announced || record->type_written != record->type->id) {
        put_object(r, record, length < 0 ? 0 : CT_O_LENGTH, bytes, size, !record->announced);
        r->cut_depth += !record->announced;
        record->announced = true;
        record->has_state = false;
    }
    else if (record->length != length) {
        ct_room(r->out, 0);
        ct_put_number(r->out, CT_R_LENGTH, record->id);
        ct_put_bytes(r->out, bytes, size);
        record->has_state = false;
    }
    record->length = length;
}

static bool
keep_state(recorder *r, object_record *record, const uint8_t *state, size_t size, uint8_t flags)
{
    if (size > record->state_capacity) {
        size_t capacity = size + size / 8;
        uint8_t *bytes = realloc(record->state, capacity);
        if (bytes == NULL) {
            r->no_memory = true;
            return false;
        }
        record->state = bytes;
        record->state_capacity = (uint32_t)capacity;
    }
    if (size)
        memcpy(record->state, state, size);
    record->state_size = (uint32_t)size;
    record->flags = flags;
    record->has_state = true;
    record->element_count = -1; /* what was kept belongs to the state before */
    return true;
}

/* ---- lists and tuples of immortal scalars: compared by pointer ----
 *
 * An object that is immortal (PEP 683: small ints, None, the bools, interned texts) is never freed, so an equal pointer is the same object; exact ints,
 * floats, texts, bools and None never change. So a list or tuple whose elements are all such, and are at the same addresses as when its state was
 * written, has that state. Nothing is held. Adversarial test: tests/programs/elements_alike.py.
 */

static PyObject *const *
elements_of(PyObject *object, Py_ssize_t *count)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type == &PyList_Type) {
        *count = Py_SIZE(object);
        return ((PyListObject *)object)->ob_item;
    }
    if (type == &PyTuple_Type) {
        *count = Py_SIZE(object);
        return ((PyTupleObject *)object)->ob_item;
    }
    return NULL;
}

static inline bool
has_same_elements(const object_record *record)
{
    Py_ssize_t count;
    if (record->element_count < 0 || !record->has_state)
        return false;
    PyObject *const *elements = elements_of(record->object, &count);
    if (elements == NULL || count != record->element_count)
        return false;
    if (count > 32)
        return memcmp(elements, record->elements, (size_t)count * sizeof *elements) == 0;
    for (Py_ssize_t i = 0; i < count; i++) /* of short ones the call would be most of the work */
        if (elements[i] != record->elements[i])
            return false;
    return true;
}

/* After its state was written or found unchanged: keeps the elements if all are immortal scalars. */
static void
keep_elements(const recorder *r, object_record *record)
{
    Py_ssize_t count = 0;
    record->element_count = -1;
    PyObject *const *elements = elements_of(record->object, &count);
    if (elements == NULL || count == 0 || count > r->limits.items)
        return;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *element = elements[i];
        PyTypeObject *type = element ? Py_TYPE(element) : NULL;
        bool scalar = type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBool_Type || type == &PyFloat_Type || element == Py_None;
        if (element == NULL || !scalar || !_Py_IsImmortal(element))
            return;
    }
    if (count > record->element_capacity) {
        PyObject **kept = realloc(record->elements, (size_t)count * sizeof *kept);
        if (kept == NULL)
            return; /* without them it is encoded each time */
        record->elements = kept;
        record->element_capacity = count;
    }
    memcpy(record->elements, elements, (size_t)count * sizeof *elements);
    record->element_count = count;
}

/* What is hidden in the state that was written just now, and was not in the one before. */
static void
count_hidden(recorder *r, object_record *record)
{
    for (int i = 0; i < HIDDEN_IN_OBJECTS; i++) {
        if (r->state_hidden[i] > record->hidden_values[i])
            r->hidden[HIDDEN_ITEMS + i] += (uint64_t)(r->state_hidden[i] - record->hidden_values[i]);
        record->hidden_values[i] = r->state_hidden[i];
    }
}

void
object_visit(recorder *r, object_record *record, int containers, int attributes)
{
    if (record->visited == r->stamp) {
        if (record->visited_containers >= containers && record->visited_attributes >= attributes)
            return;
        /* Seen in this event with other levels left: look with the larger of each, which covers both. */
        if (record->visited_containers > containers)
            containers = record->visited_containers;
        if (record->visited_attributes > attributes)
            attributes = record->visited_attributes;
    }
    record->visited = r->stamp;
    record->visited_containers = (uint8_t)containers;
    record->visited_attributes = (uint8_t)attributes;

    type_info *type = record->type;
    if (__builtin_expect((type->type->tp_flags & Py_TPFLAGS_HEAPTYPE) && (type->version == 0 || type->version != type->type->tp_version_tag), 0))
        type_info_refresh(r, type);
    if (record->announced && record->type_written != type->id)
        record->has_state = record->settled = false; /* renamed, or of another class now: all is written again */
    if (record->settled)
        return;
    Py_ssize_t length = true_length(record->object, type->reading);
    bool has_fields = type->reading == READ_INSTANCE || (type->reading >= READ_EXCEPTION && type->reading <= READ_SLICE);
    if ((type->is_container && containers <= 0) || (has_fields && attributes <= 0)) {
        visit_outside(r, record, length);
        return;
    }

    if (has_same_elements(record))
        return;

    /* The state is put together in r->values, which is empty: children are visited after it was written, never within. */
    size_t children = r->child_count;
    size_t known;
    uint8_t flags;
    do { /* again when a text became known, which may stand before it, too */
        known = r->secrets_known;
        r->values.size = 0;
        r->child_count = children;
        memset(r->state_hidden, 0, sizeof r->state_hidden);
        flags = encode_state(r, record, length);
    } while (__builtin_expect(r->secrets_known != known, 0));
    const uint8_t *state = r->values.bytes;
    size_t size = r->values.size;
    r->values.size = 0;
    if (r->no_memory) {
        r->child_count = children;
        return;
    }
    if (!record->has_state || size != record->state_size || flags != record->flags || (size && memcmp(state, record->state, size) != 0)) {
        if (!record->announced || !record->has_state || !put_difference(r, record, state, size, flags))
            put_object(r, record, flags, state, size, !record->announced);
        record->announced = true;
        record->length = length;
        if (length > r->limits.items)
            r->cut_items++;
        count_hidden(r, record);
        keep_state(r, record, state, size, flags);
    }
    if (r->child_count == children) {
        keep_elements(r, record);
        /* Nothing below it can change. Neither can what lies in immutable C storage, or a frozenset of scalars; that it is still this object is certain, for
         * its death is seen. A tuple can: enumerate, zip and dict.items() fill theirs anew when nobody else holds it (Objects/enumobject.c). */
        record->settled = type->immutable || (type->type == &PyFrozenSet_Type && flags == CT_O_ITEMS);
        return;
    }
    size_t first_field = r->first_field, last = r->child_count;
    for (size_t i = children; i < first_field; i++)
        object_visit(r, r->children[i], containers - 1, attributes);
    for (size_t i = first_field; i < last; i++) { /* a container's, where no attribute level is left, are named in its state, and not looked into */
        bool within = attributes > 0;
        object_visit(r, r->children[i], within ? containers : 0, within ? attributes - 1 : 0);
    }
    r->child_count = children;
}

void
object_write_deaths(recorder *r)
{
    for (size_t i = 0; i < r->died_count; i++) {
        ct_room(r->out, 0);
        ct_put_number(r->out, CT_R_DIED, r->died[i]);
    }
    r->died_count = 0;
}

void
objects_write_key_state(recorder *r)
{
    for (size_t i = 0; r->objects.entries && i <= r->objects.mask; i++) {
        if ((uintptr_t)r->objects.entries[i].key <= 1)
            continue;
        object_record *record = r->objects.entries[i].value;
        if (!record->announced)
            continue;
        uint8_t bytes[10];
        if (record->has_state)
            put_object(r, record, record->flags, record->state, record->state_size, true);
        else if (record->length >= 0)
            put_object(r, record, CT_O_LENGTH, bytes, (size_t)(ct_write_varint(bytes, (uint64_t)record->length) - bytes), true);
        else
            put_object(r, record, 0, NULL, 0, true);
    }
}

void
objects_free(recorder *r)
{
    for (size_t i = 0; r->objects.entries && i <= r->objects.mask; i++) {
        if ((uintptr_t)r->objects.entries[i].key <= 1)
            continue;
        object_record *record = r->objects.entries[i].value;
        lifetime_unwatch(record->block);
        for (int g = 0; g < 2; g++)
            Py_CLEAR(record->guards[g]);
    }
    while (r->slabs) {
        record_slab *slab = r->slabs;
        r->slabs = slab->next;
        for (size_t i = 0; i < SLAB_RECORDS; i++) {
            free(slab->records[i].state);
            free(slab->records[i].elements);
        }
        free(slab);
    }
    r->free_records = NULL;
    pointer_map_clear(&r->objects);
    free(r->died);
    free(r->children);
    free(r->field_names);
    free(r->values.bytes);
    free(r->text.bytes);
    free(r->literal.bytes);
}
