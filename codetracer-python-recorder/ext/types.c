/* How objects of a type are read: decided once per type, from its flags, its layout and its bases.
 *
 * Invariant: a type_info lives no longer than its type. Static types live for ever; a heap type's allocation is watched
 * (lifetime.c), so an address that is used again never finds the old type's offsets. Types are not held: a held class would
 * outlive its last instance, which the program can see.
 */
#include "recorder.h"

#include <stddef.h>
#include <stdlib.h>

PyObject *
dict_get_text(PyObject *dict, const char *key)
{
    Py_ssize_t position = 0;
    PyObject *name, *value;
    while (PyDict_Next(dict, &position, &name, &value))
        if (PyUnicode_CheckExact(name) && PyUnicode_CompareWithASCIIString(name, key) == 0)
            return value;
    return NULL;
}

size_t
type_qualified_name(recorder *r, PyTypeObject *type, char *buffer, size_t capacity)
{
    size_t size = 0;
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || ((PyHeapTypeObject *)type)->ht_qualname == NULL) {
        const char *name = type->tp_name;
        if (strncmp(name, "builtins.", 9) == 0)
            name += 9;
        size = strlen(name) < capacity ? strlen(name) : capacity - 1;
        memcpy(buffer, name, size);
        buffer[size] = 0;
        return size;
    }
    const char *bytes;
    size_t count;
    PyObject *module = type->tp_dict ? dict_get_text(type->tp_dict, "__module__") : NULL;
    if (module && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "builtins") != 0 &&
        text_utf8(r, module, capacity / 2, &bytes, &count)) {
        memcpy(buffer, bytes, count);
        size = count;
        buffer[size++] = '.';
    }
    if (text_utf8(r, ((PyHeapTypeObject *)type)->ht_qualname, capacity - size - 1, &bytes, &count)) {
        memcpy(buffer + size, bytes, count);
        size += count;
    }
    buffer[size] = 0;
    return size;
}

/* True when `type` is the C type of that name from the standard library, whose storage we know: not a Python class that calls
 * itself so (those have neither a dotted tp_name from C nor a module that made them). */
static bool
is_c_type(PyTypeObject *type, const char *name)
{
    if (strcmp(type->tp_name, name) != 0)
        return false;
    return !(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || ((PyHeapTypeObject *)type)->ht_module != NULL;
}

static bool
is_python_class(PyTypeObject *type, const char *module, const char *name)
{
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || strcmp(type->tp_name, name) != 0 || type->tp_dict == NULL)
        return false;
    PyObject *in = dict_get_text(type->tp_dict, "__module__");
    return in && PyUnicode_Check(in) && PyUnicode_CompareWithASCIIString(in, module) == 0;
}

/* The reading that a known C or standard-library base decides, or READ_OPAQUE. */
static enum reading
reading_of_known_base(PyTypeObject *type)
{
    static const struct { const char *name; enum reading reading; } C_TYPES[] = {
        {"datetime.datetime", READ_DATETIME}, {"datetime.date", READ_DATE},           {"datetime.time", READ_TIME},
        {"datetime.timedelta", READ_TIMEDELTA}, {"datetime.timezone", READ_TIMEZONE}, {"decimal.Decimal", READ_DECIMAL},
        {"collections.deque", READ_DEQUE},
    };
    for (PyTypeObject *base = type; base && base != &PyBaseObject_Type; base = base->tp_base) {
        for (size_t i = 0; i < sizeof C_TYPES / sizeof *C_TYPES; i++)
            if (is_c_type(base, C_TYPES[i].name))
                return C_TYPES[i].reading;
        if (is_python_class(base, "fractions", "Fraction"))
            return READ_FRACTION;
        if (is_python_class(base, "uuid", "UUID"))
            return READ_UUID;
        if (is_python_class(base, "pathlib", "PurePath") || is_python_class(base, "pathlib._local", "PurePath"))
            return READ_PATH;
    }
    return READ_OPAQUE;
}

static bool
has_enum_metaclass(PyTypeObject *type)
{
    for (PyTypeObject *meta = Py_TYPE(type); meta && meta != &PyType_Type; meta = meta->tp_base)
        if (is_python_class(meta, "enum", "EnumType"))
            return true;
    return false;
}

static enum reading
reading_of(PyTypeObject *type)
{
    if (type == &PyFunction_Type)
        return READ_FUNCTION;
    if (type == &PyCFunction_Type)
        return READ_BUILTIN;
    if (type == &PyMethod_Type)
        return READ_METHOD;
    if (PyType_FastSubclass(type, Py_TPFLAGS_TYPE_SUBCLASS))
        return READ_CLASS;
    if (PyType_IsSubtype(type, &PyModule_Type))
        return READ_MODULE;
    if (type == &PyRange_Type)
        return READ_RANGE;
    if (type == &PySlice_Type)
        return READ_SLICE;
    if (has_enum_metaclass(type))
        return READ_ENUM;
    if (PyType_FastSubclass(type, Py_TPFLAGS_BASE_EXC_SUBCLASS))
        return READ_EXCEPTION;
    if (PyType_FastSubclass(type, Py_TPFLAGS_LIST_SUBCLASS))
        return READ_LIST;
    if (PyType_FastSubclass(type, Py_TPFLAGS_TUPLE_SUBCLASS))
        return READ_TUPLE;
    if (PyType_FastSubclass(type, Py_TPFLAGS_DICT_SUBCLASS))
        return READ_DICT;
    if (PyType_IsSubtype(type, &PySet_Type) || PyType_IsSubtype(type, &PyFrozenSet_Type))
        return READ_SET;
    if (PyType_FastSubclass(type, Py_TPFLAGS_LONG_SUBCLASS))
        return READ_BASE_INT;
    if (PyType_IsSubtype(type, &PyFloat_Type))
        return READ_BASE_FLOAT;
    if (PyType_FastSubclass(type, Py_TPFLAGS_UNICODE_SUBCLASS))
        return READ_BASE_TEXT;
    if (PyType_FastSubclass(type, Py_TPFLAGS_BYTES_SUBCLASS))
        return READ_BASE_BYTES;
    if (PyType_IsSubtype(type, &PyComplex_Type))
        return READ_BASE_COMPLEX;
    if (PyType_IsSubtype(type, &PyByteArray_Type))
        return READ_BYTEARRAY;
    if (type == &PyMemoryView_Type)
        return READ_MEMORYVIEW;
    return reading_of_known_base(type);
}

static enum ct_look
look_of(enum reading reading)
{
    switch (reading) {
    case READ_LIST: case READ_DEQUE: return CT_LOOK_LIST;
    case READ_TUPLE: return CT_LOOK_TUPLE;
    case READ_DICT: return CT_LOOK_DICT;
    case READ_SET: return CT_LOOK_SET;
    case READ_INSTANCE: case READ_EXCEPTION: case READ_ENUM: case READ_RANGE: case READ_SLICE: return CT_LOOK_STRUCT;
    case READ_BYTEARRAY: case READ_MEMORYVIEW: return CT_LOOK_BYTES;
    case READ_BASE_INT: case READ_BASE_FLOAT: case READ_BASE_TEXT: case READ_BASE_BYTES: case READ_BASE_COMPLEX: return CT_LOOK_SCALAR;
    case READ_OPAQUE: return CT_LOOK_OPAQUE;
    default: return CT_LOOK_LITERAL;
    }
}

/* Only members that hold a plain object reference, of classes made by Python: Py_T_OBJECT_EX is what __slots__ makes. */
static size_t
collect_members(recorder *r, PyTypeObject *type, slot_member *into)
{
    PyTypeObject *chain[64];
    size_t depth = 0, count = 0;
    for (PyTypeObject *base = type; base && base != &PyBaseObject_Type && depth < 64; base = base->tp_base)
        if ((base->tp_flags & Py_TPFLAGS_HEAPTYPE) && ((PyHeapTypeObject *)base)->ht_slots)
            chain[depth++] = base;
    while (depth-- > 0)
        for (PyMemberDef *member = chain[depth]->tp_members; member && member->name; member++) {
            if (member->type != Py_T_OBJECT_EX || member->offset <= 0)
                continue;
            if (into)
                into[count] = (slot_member){member->offset, name_define(r, member->name, strlen(member->name))};
            count++;
        }
    return count;
}

static bool
declares_slots(PyTypeObject *type)
{
    for (; type && type != &PyBaseObject_Type; type = type->tp_base)
        if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) && ((PyHeapTypeObject *)type)->ht_slots)
            return true;
    return false;
}

/* What is done with a named tuple's fields: they are attributes, by the words of their names and by rules. */
static void
judge_items(recorder *r, type_info *info)
{
    PyObject *fields = NULL;
    for (PyTypeObject *base = info->type; base && fields == NULL; base = base->tp_base)
        if ((base->tp_flags & Py_TPFLAGS_HEAPTYPE) && base->tp_dict)
            fields = dict_get_text(base->tp_dict, "_fields");
    if (fields == NULL || !PyTuple_Check(fields))
        return;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *field = PyTuple_GET_ITEM(fields, i);
        const char *bytes;
        size_t size;
        if (field == NULL || !PyUnicode_Check(field) || !text_utf8(r, field, SIZE_MAX, &bytes, &size))
            continue;
        uint8_t action = filters_attribute_action(r, bytes, size, r->redaction && redaction_is_secret_key(r, field) ? VALUE_HIDE_TEXTS : VALUE_SHOW);
        if (action == VALUE_SHOW)
            continue;
        if (info->item_actions == NULL && !(info->item_actions = calloc((size_t)PyTuple_GET_SIZE(fields), 1))) {
            r->no_memory = true;
            return;
        }
        info->item_actions[i] = action;
        info->item_action_count = (size_t)i + 1;
    }
}

static void
type_info_free(type_info *info)
{
    for (size_t i = 0; i < info->key_count; i++)
        Py_XDECREF(info->key_objects[i]);
    free(info->key_objects);
    free(info->key_names);
    free(info->members);
    free(info->item_actions);
    free(info->shape_names);
    free(info->name);
    Py_XDECREF(info->qualname);
    free(info);
}

/* Exact containers, and instances of classes that `class` made (of others, PyType_FromSpec notes a name) and that have no finalizer: what these hold is in slots and the attributes' dict alone. */
static bool
dies_quietly(const type_info *info)
{
    const PyTypeObject *type = info->type;
    switch (info->reading) {
    case READ_LIST: return type == &PyList_Type;
    case READ_TUPLE: return type == &PyTuple_Type;
    case READ_DICT: return type == &PyDict_Type;
    case READ_SET: return type == &PySet_Type || type == &PyFrozenSet_Type;
    case READ_INSTANCE: break;
    default: return false;
    }
    if (type->tp_finalize || type->tp_del)
        return false;
    while (type->tp_flags & Py_TPFLAGS_HEAPTYPE && ((const PyHeapTypeObject *)type)->_ht_tpname == NULL)
        type = type->tp_base;
    return type == &PyBaseObject_Type;
}

/* By what a renamed class is told (look_at in objects.c). A version of 0, while the interpreter has not given a new one, means looking again next time; so
 * does a name that is not held, because its end could run code. */
static void
note_naming(type_info *info)
{
    info->version = info->type->tp_version_tag;
    info->dies_quietly = dies_quietly(info);
    if (info->type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        PyObject *name = ((PyHeapTypeObject *)info->type)->ht_qualname;
        Py_XSETREF(info->qualname, name && PyUnicode_CheckExact(name) ? Py_NewRef(name) : NULL);
    }
}

static void
define_type(recorder *r, type_info *info)
{
    PyTypeObject *type = info->type;
    bool builtin = type == &PyList_Type || type == &PyTuple_Type || type == &PyDict_Type || type == &PySet_Type || type == &PyFrozenSet_Type;
    const char *name = info->name;
    size_t size = info->name_size;
    redaction_hide_name(r, &name, &size); /* type(password, …) */
    info->id = ct_define_type(r->out, look_of(info->reading), builtin ? CT_TYPE_BUILTIN : 0, name, size);
}

type_info *
type_info_of(recorder *r, PyTypeObject *type)
{
    type_info *info = pointer_map_get(&r->types, type);
    if (info)
        return info;
    char name[1024];
    size_t name_size = type_qualified_name(r, type, name, sizeof name);
    info = calloc(1, sizeof *info);
    if (info == NULL || !(info->name = malloc(name_size + 1)) || !pointer_map_set(&r->types, type, info)) {
        if (info)
            free(info->name);
        free(info);
        r->no_memory = true;
        return NULL;
    }
    memcpy(info->name, name, name_size + 1);
    info->name_size = name_size;
    info->type = type;
    info->reading = reading_of(type);
    info->managed_dict = (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
    /* A negative offset counts from the end of a variable-sized object. Of those only tuples keep attributes that we show. */
    info->has_dict = !info->managed_dict && (type->tp_dictoffset > 0 || (type->tp_dictoffset < 0 && info->reading == READ_TUPLE));
    info->dict_offset = type->tp_dictoffset;
    bool own_storage = info->reading == READ_OPAQUE || info->reading == READ_FRACTION || info->reading == READ_UUID ||
        info->reading == READ_PATH || info->reading == READ_ENUM || info->reading == READ_EXCEPTION || info->reading == READ_LIST ||
        info->reading == READ_DICT || info->reading == READ_SET || info->reading == READ_TUPLE;
    if (own_storage && (info->member_count = collect_members(r, type, NULL)) > 0) {
        info->members = malloc(info->member_count * sizeof *info->members);
        if (info->members)
            collect_members(r, type, info->members);
        else {
            info->member_count = 0;
            r->no_memory = true;
        }
    }
    if (info->reading == READ_TUPLE && (r->redaction || r->filter))
        judge_items(r, info);
    if (info->reading == READ_OPAQUE && (info->managed_dict || info->has_dict || info->member_count || declares_slots(type)))
        info->reading = READ_INSTANCE;
    info->is_container = info->reading >= READ_LIST && info->reading <= READ_DEQUE;
    switch (info->reading) {
    case READ_RANGE: case READ_DECIMAL: case READ_DATE: case READ_TIME: case READ_DATETIME: case READ_TIMEDELTA: case READ_TIMEZONE:
    case READ_BASE_INT: case READ_BASE_FLOAT: case READ_BASE_TEXT: case READ_BASE_BYTES: case READ_BASE_COMPLEX:
        info->immutable = true; /* what is shown of it lies in immutable C storage */
        break;
    default:
        break;
    }
    note_naming(info);
    define_type(r, info);
    info->shape = UINT32_MAX;
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        info->block = (char *)type - ct_size_before(Py_TYPE(type));
        lifetime_watch(info->block);
    }
    return info;
}

void
type_info_refresh(recorder *r, type_info *info)
{
    char name[1024];
    size_t size = type_qualified_name(r, info->type, name, sizeof name);
    note_naming(info);
    if (size == info->name_size && memcmp(name, info->name, size) == 0)
        return;
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        r->no_memory = true;
        return;
    }
    memcpy(copy, name, size + 1);
    free(info->name);
    info->name = copy;
    info->name_size = size;
    define_type(r, info);
}

void
type_info_died(recorder *r, type_info *info)
{
    pointer_map_remove(&r->types, info->type);
    lifetime_unwatch(info->block);
    type_info_free(info);
}

void
types_free(recorder *r)
{
    for (size_t i = 0; r->types.entries && i <= r->types.mask; i++)
        if ((uintptr_t)r->types.entries[i].key > 1) {
            type_info *info = r->types.entries[i].value;
            if (info->block)
                lifetime_unwatch(info->block);
            type_info_free(info);
        }
    pointer_map_clear(&r->types);
}
