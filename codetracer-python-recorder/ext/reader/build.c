/* Recorded values as Python values.
 *
 * What a variable holds is a graph: objects are shared, and contain each other in circles. It is built in two passes and without recursion, for a chain of
 * objects may be as long as a list. First every object within the recording's depth is found, with the fewest levels from the variable; then objects are
 * made, each once: what may be empty at first (list, dict, Object, Cut) is made at once and filled later, what may not (tuple, frozenset, keys) when its parts
 * are there.
 * Invariant: an object has one Python object in a snapshot; nothing of the program that was recorded runs, for hashes and comparisons are those of built-in types
 * and of values.c.
 */
#include "reader.h"

#include <string.h>

/* ---- Snapshot: the objects made so far ---- */

static size_t
place_of(uint64_t id, size_t room)
{
    return (size_t)((id + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 24) & (room - 1);
}

static PyObject *
snapshot_find(const snapshot_object *s, uint64_t id)
{
    for (size_t i = s->room ? place_of(id, s->room) : 0; s->room && s->made[i].object; i = (i + 1) & (s->room - 1))
        if (s->made[i].id == id)
            return s->made[i].object;
    return NULL;
}

static void
snapshot_put(made_object *made, size_t room, uint64_t id, PyObject *object)
{
    size_t i = place_of(id, room);
    while (made[i].object)
        i = (i + 1) & (room - 1);
    made[i] = (made_object){id, object};
}

/* Takes a new reference. */
static int
snapshot_add(snapshot_object *s, uint64_t id, PyObject *object)
{
    if (s->count * 2 >= s->room) {
        size_t room = s->room ? s->room * 2 : 16;
        made_object *made = PyMem_Calloc(room, sizeof *made);
        if (!made) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; i < s->room; i++)
            if (s->made[i].object)
                snapshot_put(made, room, s->made[i].id, s->made[i].object);
        PyMem_Free(s->made);
        s->made = made;
        s->room = room;
    }
    snapshot_put(s->made, s->room, id, Py_NewRef(object));
    s->count++;
    return 0;
}

static void
snapshot_clear(snapshot_object *self)
{
    made_object *made = self->made;
    size_t room = self->room;
    self->made = NULL;
    self->room = self->count = 0;
    for (size_t i = 0; i < room; i++)
        Py_XDECREF(made[i].object);
    PyMem_Free(made);
}

static void
snapshot_dealloc(snapshot_object *self)
{
    PyTypeObject *type = TYPE_OF(self);
    snapshot_clear(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyType_Slot SLOTS[] = {{Py_tp_doc, "The objects of one moment that were made so far."}, {Py_tp_dealloc, snapshot_dealloc}, {0, NULL}};
PyType_Spec SNAPSHOT_SPEC = {"codetracer_python_recorder._reader.Snapshot", sizeof(snapshot_object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, SLOTS};

/* ---- scalars ---- */

static PyObject *
cut(const builder *b, const char *type, PyObject *value, uint64_t length)
{
    value_object *made = value ? value_new(b->journal->state->cut, PyUnicode_FromString(type), 0, 0) : NULL;
    if (!made) {
        Py_XDECREF(value);
        return NULL;
    }
    made->value = value == Py_None ? NULL : value;
    made->length = PyLong_FromUnsignedLongLong(length);
    if (!made->length)
        Py_CLEAR(made);
    return (PyObject *)made;
}

static PyObject *
big_integer(const builder *b, const ct_value *value)
{
    if (value->data.true_length > value->data.size)
        return cut(b, "int", Py_NewRef(Py_None), value->data.true_length);
    PyObject *magnitude = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s", (const char *)value->data.bytes,
                                              (Py_ssize_t)value->data.size, "little");
    if (magnitude && value->negative)
        replace(&magnitude, PyNumber_Negative(magnitude));
    return magnitude;
}

/* What is not in the trace: redacted, or dropped by a rule. */
static PyObject *
hidden(const builder *b, const char *type, const char *text)
{
    value_object *made = value_new(b->journal->state->literal, PyUnicode_FromString(type), 0, 0);
    if (made && !(made->value = PyUnicode_FromString(text)))
        Py_CLEAR(made);
    return (PyObject *)made;
}

/* Anything but an object. */
static PyObject *
scalar(const builder *b, const ct_value *given)
{
    ct_value value = *given;
    ct_error error = {0};
    if (value.content && ct_replay_resolve(b->replay, &value, &error) != CT_OK)
        return raise_trace_error(b->journal->state, b->journal->path, &error);
    switch (value.kind) {
    case CT_NONE: return Py_NewRef(Py_None);
    case CT_BOOL: return PyBool_FromLong(value.boolean);
    case CT_ELLIPSIS: return Py_NewRef(Py_Ellipsis);
    case CT_NOTIMPLEMENTED: return Py_NewRef(Py_NotImplemented);
    case CT_REDACTED: return hidden(b, "Redacted", "<redacted>");
    case CT_DROPPED: return hidden(b, "Dropped", "<dropped>");
    case CT_INT: return PyLong_FromLongLong(value.integer);
    case CT_BIGINT: return big_integer(b, &value);
    case CT_FLOAT: return PyFloat_FromDouble(value.number[0]);
    case CT_COMPLEX: return PyComplex_FromDoubles(value.number[0], value.number[1]);
    case CT_TEXT: {
        PyObject *text = text_of((const char *)value.data.bytes, value.data.size);
        if (text && value.content && value.data.true_length > (uint64_t)PyUnicode_GetLength(text))
            return cut(b, "str", text, value.data.true_length);
        return text;
    }
    case CT_BYTES: {
        PyObject *bytes = PyBytes_FromStringAndSize(value.data.size ? (const char *)value.data.bytes : "", (Py_ssize_t)value.data.size);
        return bytes && value.content && value.data.true_length > value.data.size ? cut(b, "bytes", bytes, value.data.true_length) : bytes;
    }
    case CT_UNBOUND: case CT_OBJECT: break;
    }
    return Py_NewRef(Py_None);
}

/* ---- the graph ---- */

typedef struct node {
    uint64_t id;
    const ct_object *object;      /* NULL: the trace does not know it */
    const ct_type_info *type;     /* the same */
    PyObject *made;
    uint32_t containers, attributes; /* fewest levels from a variable */
    bool queued, open;            /* open: its parts are being made */
} node;

typedef struct frame { size_t node, part; } frame;

typedef struct graph {
    const builder *b;
    node *nodes;
    size_t count, room;
    size_t *table, table_room;    /* id -> index + 1 */
    size_t *queue, queued, queue_room;
    frame *stack;
    size_t depth, stack_room;
} graph;

static int
grow(void *array, size_t *room, size_t needed, size_t size)
{
    if (needed <= *room)
        return 0;
    size_t wanted = *room ? *room * 2 : 32;
    void *bigger = PyMem_Realloc(*(void **)array, wanted * size);
    if (!bigger) {
        PyErr_NoMemory();
        return -1;
    }
    *(void **)array = bigger;
    *room = wanted;
    return 0;
}

static void
graph_free(graph *g)
{
    for (size_t i = 0; i < g->count; i++)
        Py_XDECREF(g->nodes[i].made);
    PyMem_Free(g->nodes);
    PyMem_Free(g->table);
    PyMem_Free(g->queue);
    PyMem_Free(g->stack);
}

static node *
find_node(const graph *g, uint64_t id)
{
    for (size_t i = g->table_room ? place_of(id, g->table_room) : 0; g->table_room && g->table[i]; i = (i + 1) & (g->table_room - 1))
        if (g->nodes[g->table[i] - 1].id == id)
            return &g->nodes[g->table[i] - 1];
    return NULL;
}

static int
add_to_table(graph *g)
{
    if (g->count * 2 > g->table_room) {
        size_t room = g->table_room ? g->table_room * 2 : 64;
        size_t *table = PyMem_Calloc(room, sizeof *table);
        if (!table) {
            PyErr_NoMemory();
            return -1;
        }
        PyMem_Free(g->table);
        g->table = table;
        g->table_room = room;
        for (size_t n = 0; n + 1 < g->count; n++) {
            size_t i = place_of(g->nodes[n].id, room);
            while (table[i])
                i = (i + 1) & (room - 1);
            table[i] = n + 1;
        }
    }
    size_t i = place_of(g->nodes[g->count - 1].id, g->table_room);
    while (g->table[i])
        i = (i + 1) & (g->table_room - 1);
    g->table[i] = g->count;
    return 0;
}

static int
push_queue(graph *g, size_t index)
{
    if (grow(&g->queue, &g->queue_room, g->queued + 1, sizeof *g->queue) < 0)
        return -1;
    g->queue[g->queued++] = index;
    return 0;
}

/* The object is that many levels away, at most. */
static int
reach(graph *g, const ct_value *value, uint32_t containers, uint32_t attributes)
{
    if (value->kind != CT_OBJECT)
        return 0;
    node *n = find_node(g, value->object);
    if (!n) {
        PyObject *made = snapshot_find(g->b->snapshot, value->object);
        if (grow(&g->nodes, &g->room, g->count + 1, sizeof *g->nodes) < 0)
            return -1;
        n = &g->nodes[g->count++];
        *n = (node){.id = value->object, .containers = containers, .attributes = attributes, .made = Py_XNewRef(made)};
        if (add_to_table(g) < 0)
            return -1;
        if (made)
            return 0; /* by an earlier frame of this snapshot, with all that is in it */
        n->object = ct_replay_object(g->b->replay, n->id);
        n->type = n->object ? ct_journal_type(g->b->journal->trace->journal, n->object->type) : NULL;
    } else {
        if (n->made || (n->containers <= containers && n->attributes <= attributes))
            return 0;
        if (containers < n->containers)
            n->containers = containers;
        if (attributes < n->attributes)
            n->attributes = attributes;
    }
    if (n->queued)
        return 0;
    n->queued = true;
    return push_queue(g, (size_t)(n - g->nodes));
}

static bool
is_container(const node *n)
{
    return n->type && n->type->look >= CT_LOOK_LIST && n->type->look <= CT_LOOK_SET;
}

/* Whether the recording looked into it: docs/journal-format.md, "Depth". */
static bool
is_looked_into(const graph *g, const node *n)
{
    if (!n->type)
        return false;
    if (is_container(n))
        return n->containers < g->b->journal->container_limit;
    return n->type->look != CT_LOOK_STRUCT || n->attributes < g->b->journal->attribute_limit;
}

static bool
has_fields(const graph *g, const node *n)
{
    return n->object->field_count && n->attributes < g->b->journal->attribute_limit;
}

static size_t
item_count(const node *n)
{
    size_t count = n->object->items_unknown || !is_container(n) ? 0 : n->object->item_count;
    return n->type->look == CT_LOOK_DICT ? count & ~(size_t)1 : count;
}

/* Everything that can be reached from what is queued. */
static int
explore(graph *g)
{
    for (size_t at = 0; at < g->queued; at++) {
        size_t index = g->queue[at];
        g->nodes[index].queued = false;
        const node n = g->nodes[index]; /* a copy: the array may move */
        if (!is_looked_into(g, &n))
            continue;
        size_t items = item_count(&n);
        for (size_t i = 0; i < items; i++)
            if (reach(g, &n.object->items[i], n.containers + 1, n.attributes) < 0)
                return -1;
        for (size_t i = 0; has_fields(g, &n) && i < n.object->field_count; i++)
            if (reach(g, &n.object->fields[i], n.containers, n.attributes + 1) < 0)
                return -1;
    }
    g->queued = 0;
    return 0;
}

/* ---- making ---- */

static bool
is_called(const node *n, const char *name)
{
    return n->type->name.size == strlen(name) && memcmp(n->type->name.bytes, name, n->type->name.size) == 0;
}

/* The built-in container of that name. */
static bool
is_named(const node *n, enum ct_look look, const char *name)
{
    return n->type->flags & CT_TYPE_BUILTIN && n->type->look == look && is_called(n, name);
}

/* These are known by their name, which has no module, and by their look: recorders mark only containers as built-in. */
static bool
is_range_or_slice(const node *n)
{
    return n->type->look == CT_LOOK_STRUCT && n->object->field_count == 3 && (is_called(n, "range") || is_called(n, "slice"));
}

static bool
is_whole(const node *n)
{
    size_t entries = n->type->look == CT_LOOK_DICT ? item_count(n) / 2 : item_count(n);
    return !n->object->items_unknown && entries == n->object->true_length;
}

/* A value whose object, if it is one, was made. A new reference. */
static PyObject *
made(const graph *g, const ct_value *value)
{
    if (value->kind != CT_OBJECT)
        return scalar(g->b, value);
    const node *n = find_node(g, value->object);
    if (n && n->made)
        return Py_NewRef(n->made);
    PyErr_SetString(PyExc_SystemError, "an object was not made before it is used");
    return NULL;
}

static value_object *
new_value(const graph *g, PyTypeObject *type, const node *n)
{
    return value_new(type, journal_type_name(g->b->journal, n->object->type), n->object->address, n->id + 1);
}

static PyObject *
opaque(const graph *g, const node *n)
{
    PyTypeObject *type = g->b->journal->state->opaque;
    return (PyObject *)(n->object ? new_value(g, type, n) : value_new(type, PyUnicode_FromString("object"), 0, n->id + 1));
}

/* Beyond the depth, or cut: filled later as far as it is known. */
static PyObject *
cut_object(const graph *g, const node *n)
{
    value_object *made = new_value(g, g->b->journal->state->cut, n);
    if (made && is_container(n) && !(made->length = PyLong_FromUnsignedLongLong(n->object->true_length)))
        Py_CLEAR(made);
    return (PyObject *)made;
}

static PyObject *
list_of(const graph *g, const node *n)
{
    size_t count = item_count(n);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = made(g, &n->object->items[i]);
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *
pairs_of(const graph *g, const node *n)
{
    size_t count = item_count(n);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < count; i += 2) {
        PyObject *key = made(g, &n->object->items[i]), *value = key ? made(g, &n->object->items[i + 1]) : NULL;
        PyObject *pair = value ? PyTuple_Pack(2, key, value) : NULL;
        if (!pair || PyList_Append(list, pair) < 0)
            Py_CLEAR(list);
        Py_XDECREF(key);
        Py_XDECREF(value);
        Py_XDECREF(pair);
    }
    return list;
}

/* Fills the dict, with None for every value if not `values`. NULL without exception: the keys cannot be keys of one dict. */
static PyObject *
dict_of(const graph *g, const node *n, PyObject *dict, bool values)
{
    size_t count = item_count(n);
    PyDict_Clear(dict); /* a NaN made again would be another key */
    for (size_t i = 0; i < count; i += 2) {
        PyObject *key = made(g, &n->object->items[i]), *value = !key ? NULL : values ? made(g, &n->object->items[i + 1]) : Py_NewRef(Py_None);
        int done = value ? PyDict_SetItem(dict, key, value) : -1;
        Py_XDECREF(key);
        Py_XDECREF(value);
        if (done < 0) {
            if (PyErr_ExceptionMatches(PyExc_TypeError))
                PyErr_Clear();
            return NULL;
        }
    }
    return (size_t)PyDict_Size(dict) == count / 2 ? dict : NULL;
}

static PyObject *
new_dict_of(const graph *g, const node *n, bool values)
{
    PyObject *dict = PyDict_New();
    if (dict && !dict_of(g, n, dict, values))
        Py_CLEAR(dict);
    return dict;
}

/* NULL without exception: the items cannot be in one set. */
static PyObject *
set_of(const graph *g, const node *n, bool frozen)
{
    PyObject *list = list_of(g, n);
    PyObject *set = !list ? NULL : frozen ? PyFrozenSet_New(list) : PySet_New(list);
    if (list && !set && PyErr_ExceptionMatches(PyExc_TypeError))
        PyErr_Clear();
    if (set && PySet_Size(set) != PyList_Size(list))
        Py_CLEAR(set);
    Py_XDECREF(list);
    return set;
}

/* What the built-in part of a container holds; all that is in it was made. */
static PyObject *
contents_of(const graph *g, const node *n)
{
    PyObject *contents = NULL;
    if (n->type->look == CT_LOOK_DICT)
        contents = new_dict_of(g, n, true);
    else if (n->type->look == CT_LOOK_SET)
        contents = set_of(g, n, false);
    if (contents || PyErr_Occurred())
        return contents;
    if (n->type->look == CT_LOOK_DICT)
        return pairs_of(g, n);
    contents = list_of(g, n);
    if (contents && n->type->look == CT_LOOK_TUPLE)
        replace(&contents, PyList_AsTuple(contents));
    return contents;
}

/* The field of that name; NULL: there is none. */
static const ct_value *
field_named(const graph *g, const node *n, const char *name)
{
    const ct_journal *journal = g->b->journal->trace->journal;
    const ct_shape_info *shape = n->object->field_count ? ct_journal_shape(journal, n->object->shape) : NULL;
    for (size_t i = 0; shape && i < n->object->field_count && i < shape->count; i++) {
        ct_text text = ct_journal_name(journal, shape->names[i]);
        if (text.size == strlen(name) && memcmp(text.bytes, name, text.size) == 0 && n->object->fields[i].kind != CT_UNBOUND)
            return &n->object->fields[i];
    }
    return NULL;
}

/* range or slice, whose parts were made; NULL without exception: it cannot be one. */
static PyObject *
three_parts(const graph *g, const node *n, bool range)
{
    static const char *const names[] = {"start", "stop", "step"};
    PyObject *parts[3] = {NULL, NULL, NULL}, *answer = NULL;
    bool there = true;
    for (int i = 0; i < 3 && there; i++) {
        const ct_value *field = field_named(g, n, names[i]);
        parts[i] = field ? made(g, field) : NULL;
        there = parts[i] && (!range || PyLong_CheckExact(parts[i]));
    }
    if (there && range)
        answer = PyObject_CallFunctionObjArgs((PyObject *)&PyRange_Type, parts[0], parts[1], parts[2], NULL);
    else if (there)
        answer = PySlice_New(parts[0], parts[1], parts[2]);
    if (!answer && PyErr_ExceptionMatches(PyExc_ValueError))
        PyErr_Clear();
    for (int i = 0; i < 3; i++)
        Py_XDECREF(parts[i]);
    return answer;
}

static PyObject *
fields_of(const graph *g, const node *n)
{
    const ct_shape_info *shape = ct_journal_shape(g->b->journal->trace->journal, n->object->shape);
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && shape && has_fields(g, n) && i < n->object->field_count && i < shape->count; i++) {
        if (n->object->fields[i].kind == CT_UNBOUND)
            continue;
        PyObject *name = journal_name(g->b->journal, shape->names[i]), *value = name ? made(g, &n->object->fields[i]) : NULL;
        if (!value || PyDict_SetItem(dict, name, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return dict;
}

/* What has a payload: subclasses of scalars, literals, bytes-like objects. */
static PyObject *
payload_object(const graph *g, const node *n)
{
    reader_state *state = g->b->journal->state;
    if (!(n->object->flags & CT_O_PAYLOAD) || n->object->payload.kind == CT_OBJECT || n->type->look == CT_LOOK_OPAQUE)
        return opaque(g, n);
    PyObject *payload = scalar(g->b, &n->object->payload);
    if (!payload)
        return NULL;
    if (n->type->look == CT_LOOK_BYTES && is_called(n, "bytearray") && PyBytes_CheckExact(payload)) {
        PyObject *array = PyByteArray_FromObject(payload);
        Py_DECREF(payload);
        return array;
    }
    if (n->type->look == CT_LOOK_BYTES && Py_TYPE(payload) == state->cut) { /* the mark tells the type that the program had */
        value_object *cut = (value_object *)payload;
        replace(&cut->type, journal_type_name(g->b->journal, n->object->type));
        cut->address = n->object->address;
        cut->id = n->id + 1;
        if (!cut->type)
            Py_CLEAR(payload);
        return payload;
    }
    bool literal = n->type->look == CT_LOOK_LITERAL && PyUnicode_CheckExact(payload);
    value_object *made = new_value(g, literal ? state->literal : state->object, n);
    if (!made)
        Py_DECREF(payload);
    else
        made->value = payload;
    return (PyObject *)made;
}

/* ---- the order ----
 *
 * A part of an object that has to be there before the object can be: of tuples, sets and slices all, of dicts the keys. */

static const ct_value *
needed_part(const graph *g, const node *n, size_t part)
{
    bool looked_into = is_looked_into(g, n);
    if (!looked_into || !is_whole(n))
        return NULL;
    if (is_named(n, CT_LOOK_TUPLE, "tuple") || is_named(n, CT_LOOK_SET, "set") || is_named(n, CT_LOOK_SET, "frozenset"))
        return part < item_count(n) ? &n->object->items[part] : NULL;
    if (is_named(n, CT_LOOK_DICT, "dict"))
        return part < item_count(n) / 2 ? &n->object->items[2 * part] : NULL;
    return NULL;
}

static const ct_value *
needed_field(const graph *g, const node *n, size_t part)
{
    return is_range_or_slice(n) && is_looked_into(g, n) && part < n->object->field_count ? &n->object->fields[part] : NULL;
}

/* Everything needed was made. */
static PyObject *
make_now(const graph *g, node *n)
{
    reader_state *state = g->b->journal->state;
    PyObject *answer = NULL;
    if (!n->type)
        return opaque(g, n);
    if (!is_looked_into(g, n))
        return cut_object(g, n);
    switch (n->type->look) {
    case CT_LOOK_STRUCT:
        if (is_range_or_slice(n))
            answer = three_parts(g, n, is_called(n, "range"));
        return answer || PyErr_Occurred() ? answer : (PyObject *)new_value(g, state->object, n);
    case CT_LOOK_LIST: case CT_LOOK_TUPLE: case CT_LOOK_DICT: case CT_LOOK_SET:
        break;
    default:
        return payload_object(g, n);
    }
    if (!is_whole(n))
        return cut_object(g, n);
    if (is_named(n, CT_LOOK_LIST, "list"))
        return PyList_New(0);
    if (is_named(n, CT_LOOK_TUPLE, "tuple"))
        return contents_of(g, n);
    if (is_named(n, CT_LOOK_DICT, "dict"))
        answer = new_dict_of(g, n, false);
    else if (is_named(n, CT_LOOK_SET, "set") || is_named(n, CT_LOOK_SET, "frozenset"))
        answer = set_of(g, n, is_named(n, CT_LOOK_SET, "frozenset"));
    return answer || PyErr_Occurred() ? answer : (PyObject *)new_value(g, state->object, n);
}

static int
push_frame(graph *g, size_t index)
{
    if (grow(&g->stack, &g->stack_room, g->depth + 1, sizeof *g->stack) < 0)
        return -1;
    g->stack[g->depth++] = (frame){index, 0};
    g->nodes[index].open = true;
    return 0;
}

/* Makes the object, with what it needs; what may be filled later is queued. */
static int
make(graph *g, const ct_value *value)
{
    node *n = value->kind == CT_OBJECT ? find_node(g, value->object) : NULL;
    if (!n || n->made)
        return 0;
    if (push_frame(g, (size_t)(n - g->nodes)) < 0)
        return -1;
    while (g->depth) {
        frame *top = &g->stack[g->depth - 1];
        n = &g->nodes[top->node];
        const ct_value *part = NULL;
        if (n->type)
            part = is_container(n) ? needed_part(g, n, top->part) : needed_field(g, n, top->part);
        if (part) {
            top->part++;
            node *p = part->kind == CT_OBJECT ? find_node(g, part->object) : NULL;
            if (!p || p->made)
                continue;
            if (!p->open) {
                if (push_frame(g, (size_t)(p - g->nodes)) < 0)
                    return -1;
                continue;
            }
            p->made = cut_object(g, p); /* an unchangeable object within itself: no program makes one */
            if (!p->made)
                return -1;
            continue;
        }
        g->depth--;
        n->open = false;
        PyObject *now = n->made ? NULL : make_now(g, n);
        if (!n->made && !now)
            return -1;
        if (!n->made)
            n->made = now;
        if (snapshot_add(g->b->snapshot, n->id, n->made) < 0 || push_queue(g, (size_t)(n - g->nodes)) < 0)
            return -1;
    }
    return 0;
}

static int
make_parts(graph *g, const node *n)
{
    size_t items = item_count(n);
    for (size_t i = 0; i < items; i++)
        if (make(g, &n->object->items[i]) < 0)
            return -1;
    for (size_t i = 0; has_fields(g, n) && i < n->object->field_count; i++)
        if (make(g, &n->object->fields[i]) < 0)
            return -1;
    return 0;
}

static int
fill(graph *g, const node *n)
{
    reader_state *state = g->b->journal->state;
    PyTypeObject *type = Py_TYPE(n->made);
    if (!n->type || !is_looked_into(g, n))
        return 0;
    if (type == &PyList_Type) {
        size_t count = item_count(n);
        for (size_t i = 0; i < count; i++) {
            PyObject *item = make(g, &n->object->items[i]) < 0 ? NULL : made(g, &n->object->items[i]);
            int done = item ? PyList_Append(n->made, item) : -1;
            Py_XDECREF(item);
            if (done < 0)
                return -1;
        }
        return 0;
    }
    if (type == &PyDict_Type)
        return make_parts(g, n) < 0 || !dict_of(g, n, n->made, true) ? -1 : 0;
    if (type != state->object && type != state->cut)
        return 0;
    value_object *value = (value_object *)n->made;
    if (make_parts(g, n) < 0)
        return -1;
    if (is_container(n) && !n->object->items_unknown && !(value->value = contents_of(g, n)))
        return -1;
    if ((type == state->object || (is_container(n) && has_fields(g, n))) && !(value->fields = fields_of(g, n)))
        return -1;
    return 0;
}

/* The value with everything in it. */
static PyObject *
finish(graph *g, const ct_value *value)
{
    if (make(g, value) < 0)
        return NULL;
    for (size_t at = 0; at < g->queued; at++) {
        const node n = g->nodes[g->queue[at]]; /* a copy: nodes do not move any more, but this says so */
        if (fill(g, &n) < 0)
            return NULL;
    }
    g->queued = 0;
    return made(g, value);
}

PyObject *
build_value(const builder *b, const ct_value *value)
{
    if (value->kind != CT_OBJECT)
        return scalar(b, value);
    graph g = {.b = b};
    PyObject *answer = reach(&g, value, 0, 0) < 0 || explore(&g) < 0 ? NULL : finish(&g, value);
    graph_free(&g);
    if (!answer)
        snapshot_clear(b->snapshot); /* there may be unfinished objects in it */
    return answer;
}

PyObject *
build_slots(const builder *b, const ct_slot *slots, size_t count)
{
    graph g = {.b = b};
    PyObject *dict = PyDict_New();
    bool found = dict;
    for (size_t i = 0; found && i < count; i++)
        found = reach(&g, &slots[i].value, 0, 0) == 0;
    found = found && explore(&g) == 0;
    for (size_t i = 0; found && i < count; i++) {
        PyObject *name = journal_name(b->journal, slots[i].name), *value = name ? finish(&g, &slots[i].value) : NULL;
        found = value && PyDict_SetItem(dict, name, value) == 0;
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    graph_free(&g);
    if (!found) {
        Py_CLEAR(dict);
        snapshot_clear(b->snapshot);
    }
    return dict;
}
