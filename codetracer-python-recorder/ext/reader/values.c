/* Object, Literal, Opaque and Cut: recorded values that no built-in Python value is exactly.
 *
 * All four are one structure with different members shown. They cannot be changed from Python. Invariant: equal values have equal hashes; of a value with
 * an id the hash is that of type and id, so it can be a key before its fields are filled in.
 */
#include "reader.h"

value_object *
value_new(PyTypeObject *of, PyObject *type, uint64_t address, uint64_t id)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(of, Py_tp_alloc);
    value_object *made = type ? (value_object *)allocate(of, 0) : NULL;
    if (!made) {
        Py_XDECREF(type);
        return NULL;
    }
    made->type = type;
    made->address = address;
    made->id = id;
    return made;
}

static int
value_traverse(value_object *self, visitproc visit, void *arg)
{
    Py_VISIT(TYPE_OF(self));
    Py_VISIT(self->type);
    Py_VISIT(self->value);
    Py_VISIT(self->fields);
    Py_VISIT(self->length);
    return 0;
}

static int
value_clear(value_object *self)
{
    Py_CLEAR(self->value);
    Py_CLEAR(self->fields);
    Py_CLEAR(self->length);
    return 0;
}

static void
value_dealloc(value_object *self)
{
    PyTypeObject *type = TYPE_OF(self);
    PyObject_GC_UnTrack(self);
    value_clear(self);
    Py_CLEAR(self->type);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* closure: the member's offset. */
static PyObject *
get_or_none(value_object *self, void *closure)
{
    PyObject *value = *(PyObject **)(void *)((char *)self + (uintptr_t)closure);
    return Py_NewRef(value ? value : Py_None);
}

static PyObject *
number_or_none(uint64_t number, bool there)
{
    return there ? PyLong_FromUnsignedLongLong(number) : Py_NewRef(Py_None);
}

static PyObject *
get_address(value_object *self, void *Py_UNUSED(closure))
{
    return number_or_none(self->address, self->id != 0);
}

static PyObject *
get_id(value_object *self, void *Py_UNUSED(closure))
{
    return number_or_none(self->id - 1, self->id != 0);
}

static reader_state *
state_of(void *self)
{
    return PyType_GetModuleState(TYPE_OF(self));
}

static Py_hash_t
value_hash(value_object *self)
{
    PyObject *key = self->id && TYPE_OF(self) != state_of(self)->literal
                        ? Py_BuildValue("OK", self->type, (unsigned long long)self->id)
                        : Py_BuildValue("OO", self->type, self->value ? self->value : Py_None);
    Py_hash_t hash = key ? PyObject_Hash(key) : -1;
    Py_XDECREF(key);
    return hash;
}

static int
same_member(PyObject *a, PyObject *b)
{
    return a && b ? PyObject_RichCompareBool(a, b, Py_EQ) : a == b;
}

static int
same_members(const value_object *a, const value_object *b)
{
    int same = same_member(a->value, b->value);
    if (same > 0)
        same = same_member(a->fields, b->fields);
    return same > 0 ? same_member(a->length, b->length) : same;
}

/* Objects refer to each other in circles, and a comparison of two snapshots must end: a pair that is being compared already, further up in this thread, is
 * taken as equal there; whether it is will come out. */
static int
same_unless_open(const reader_state *state, const value_object *a, const value_object *b)
{
    PyObject *of_thread = PyThreadState_GetDict();
    PyObject *open = of_thread ? PyDict_GetItemWithError(of_thread, state->comparing) : NULL;
    if (!of_thread || (!open && PyErr_Occurred()))
        return -1;
    if (open)
        Py_INCREF(open);
    else if (!(open = PySet_New(NULL)) || PyDict_SetItem(of_thread, state->comparing, open) < 0) {
        Py_XDECREF(open);
        return -1;
    }
    PyObject *pair = Py_BuildValue("NN", PyLong_FromVoidPtr((void *)(uintptr_t)a), PyLong_FromVoidPtr((void *)(uintptr_t)b));
    int same = pair ? PySet_Contains(open, pair) : -1;
    if (same == 0) {
        same = PySet_Add(open, pair) < 0 ? -1 : 1;
        if (same > 0 && Py_EnterRecursiveCall(" in comparison of recorded values") != 0)
            same = -1;
        else if (same > 0) {
            same = same_members(a, b);
            Py_LeaveRecursiveCall();
        }
        PyObject *raised = PyErr_GetRaisedException();
        if (PySet_Discard(open, pair) < 0)
            PyErr_Clear();
        PyErr_SetRaisedException(raised);
    }
    Py_XDECREF(pair);
    Py_DECREF(open);
    return same;
}

static PyObject *
value_compare(value_object *self, PyObject *other, int operation)
{
    if ((operation != Py_EQ && operation != Py_NE) || Py_TYPE(other) != TYPE_OF(self))
        Py_RETURN_NOTIMPLEMENTED;
    const value_object *right = (value_object *)other;
    const reader_state *state = state_of(self);
    int same = self == right;
    if (!same) {
        bool by_text = TYPE_OF(self) == state->literal;
        same = self->id != right->id && !by_text ? 0 : same_member(self->type, right->type);
        if (same > 0)
            same = by_text ? same_member(self->value, right->value) : same_unless_open(state, self, right);
    }
    return same < 0 ? NULL : PyBool_FromLong(operation == Py_EQ ? same : !same);
}

/* name=value, … */
static PyObject *
fields_text(PyObject *fields)
{
    PyObject *parts = PyList_New(0), *name, *value;
    for (Py_ssize_t at = 0; parts && PyDict_Next(fields, &at, &name, &value);) {
        PyObject *part = PyUnicode_FromFormat("%U=%R", name, value);
        if (!part || PyList_Append(parts, part) < 0)
            Py_CLEAR(parts);
        Py_XDECREF(part);
    }
    PyObject *comma = PyUnicode_FromString(", ");
    PyObject *text = parts && comma ? PyUnicode_Join(comma, parts) : NULL;
    Py_XDECREF(comma);
    Py_XDECREF(parts);
    return text;
}

static PyObject *
object_repr(value_object *self)
{
    int open = Py_ReprEnter((PyObject *)self);
    if (open)
        return open < 0 ? NULL : PyUnicode_FromFormat("%U(...)", self->type);
    PyObject *text = NULL;
    PyObject *fields = self->fields && PyDict_Size(self->fields) ? fields_text(self->fields) : PyUnicode_FromString("");
    if (fields && self->value)
        text = PyUnicode_FromFormat("%U(%R%s%U)", self->type, self->value, PyUnicode_GetLength(fields) ? ", " : "", fields);
    else if (fields)
        text = PyUnicode_FromFormat("%U(%U)", self->type, fields);
    Py_XDECREF(fields);
    Py_ReprLeave((PyObject *)self);
    return text;
}

static PyObject *
literal_repr(value_object *self)
{
    return PyObject_Str(self->value);
}

static PyObject *
opaque_repr(value_object *self)
{
    char address[32];
    PyOS_snprintf(address, sizeof address, "0x%llx", (unsigned long long)self->address);
    return PyUnicode_FromFormat("<%U at %s>", self->type, address);
}

static PyObject *
cut_repr(value_object *self)
{
    int open = Py_ReprEnter((PyObject *)self);
    if (open)
        return open < 0 ? NULL : PyUnicode_FromFormat("Cut(%U, ...)", self->type);
    PyObject *text = PyUnicode_FromFormat("Cut(%R, value=%R, length=%R)", self->type, self->value ? self->value : Py_None,
                                          self->length ? self->length : Py_None);
    Py_ReprLeave((PyObject *)self);
    return text;
}

static PyObject *
object_item(value_object *self, PyObject *key)
{
    if (self->value)
        return PyObject_GetItem(self->value, key);
    PyObject *found = self->fields ? PyDict_GetItemWithError(self->fields, key) : NULL;
    if (!found && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, key);
    return Py_XNewRef(found);
}

/* An attribute of the recorded object is an item of this one: whoever writes it as in the program is told so. */
static PyObject *
object_attribute(PyObject *self, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(self, name);
    const value_object *object = (value_object *)self;
    if (found || !object->fields || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyObject *raised = PyErr_GetRaisedException();
    int there = PyDict_Contains(object->fields, name);
    if (there > 0)
        PyErr_Format(PyExc_AttributeError, "%U is a recorded attribute of this %U: use object%s[%R]", name, object->type, object->value ? ".fields" : "", name);
    if (there == 0)
        PyErr_SetRaisedException(raised);
    else
        Py_DECREF(raised);
    return NULL;
}

/* ---- copy.deepcopy() and pickle: first the object, then what is in it, for they may go around in circles ---- */

static PyTypeObject *
kind_type(const reader_state *state, int kind)
{
    PyTypeObject *const types[] = {state->object, state->literal, state->opaque, state->cut};
    return kind >= 0 && kind < 4 ? types[kind] : NULL;
}

static PyObject *
value_reduce(value_object *self, PyObject *Py_UNUSED(none))
{
    const reader_state *state = state_of(self);
    int kind = 0;
    while (kind_type(state, kind) != TYPE_OF(self))
        kind++;
    /* A Literal's hash is made of its text: it must be there at once. */
    PyObject *text = kind_type(state, kind) == state->literal && self->value ? self->value : Py_None;
    PyObject *value = self->value ? self->value : Py_None, *fields = self->fields ? self->fields : Py_None, *length = self->length ? self->length : Py_None;
    PyObject *module = PyType_GetModule(TYPE_OF(self));
    PyObject *make = module ? PyObject_GetAttrString(module, "make_value") : NULL;
    return make ? Py_BuildValue("N(iOKKO)(OOO)", make, kind, self->type, (unsigned long long)self->address, (unsigned long long)self->id, text, value, fields, length)
                : NULL;
}

static void
take(PyObject **member, PyObject *value)
{
    if (!*member && value != Py_None)
        *member = Py_NewRef(value);
}

/* None, or a dict by names. */
static bool
has_names(PyObject *fields)
{
    PyObject *name, *value;
    if (fields == Py_None)
        return true;
    if (!PyDict_Check(fields))
        return false;
    for (Py_ssize_t at = 0; PyDict_Next(fields, &at, &name, &value);)
        if (!PyUnicode_Check(name))
            return false;
    return true;
}

static PyObject *
value_setstate(value_object *self, PyObject *state)
{
    PyObject *value, *fields, *length;
    if (!PyTuple_Check(state) || !PyArg_ParseTuple(state, "OOO", &value, &fields, &length) || !has_names(fields)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "this is not the state of a recorded value");
        return NULL;
    }
    if (self->fields || self->length || (self->value && TYPE_OF(self) != state_of(self)->literal))
        return PyErr_Format(PyExc_TypeError, "a recorded value cannot be changed");
    take(&self->value, value);
    take(&self->fields, fields);
    take(&self->length, length);
    Py_RETURN_NONE;
}

PyObject *
make_value(PyObject *module, PyObject *arguments)
{
    int kind;
    PyObject *type, *text;
    unsigned long long address, id;
    if (!PyArg_ParseTuple(arguments, "iUKKO", &kind, &type, &address, &id, &text))
        return NULL;
    const reader_state *state = PyModule_GetState(module);
    PyTypeObject *of = kind_type(state, kind);
    if (!of)
        return PyErr_Format(PyExc_ValueError, "there is no kind %d of recorded values", kind);
    if (of == state->literal ? !PyUnicode_Check(text) : text != Py_None)
        return PyErr_Format(PyExc_TypeError, "a Literal is made with its text, and nothing else is");
    value_object *made = value_new(of, Py_NewRef(type), address, id);
    if (made)
        take(&made->value, text);
    return (PyObject *)made;
}

static PyMethodDef VALUE_METHODS[] = {
    {"__reduce__", (PyCFunction)value_reduce, METH_NOARGS, NULL}, {"__setstate__", (PyCFunction)value_setstate, METH_O, NULL}, {NULL, NULL, 0, NULL}};

#define MEMBER(name, field, doc) {name, Py_T_OBJECT_EX, offsetof(value_object, field), Py_READONLY, doc}
#define MAYBE(name, field, doc) {name, (getter)get_or_none, NULL, doc, (void *)offsetof(value_object, field)}
#define TYPE_MEMBER MEMBER("type", type, "The type's name: module.qualname, without module for built-in types.")
#define PLACE                                                                                                       \
    {"address", (getter)get_address, NULL, "Where it was in memory; None for what is no object of its own.", NULL}, \
        {"id", (getter)get_id, NULL, "Its number in the trace: the same number is the same object.", NULL},         \
    {NULL, NULL, NULL, NULL, NULL}
#define COMMON                                                                                                              \
    {Py_tp_dealloc, value_dealloc}, {Py_tp_traverse, value_traverse}, {Py_tp_clear, value_clear}, {Py_tp_hash, value_hash}, \
    {Py_tp_richcompare, value_compare}, {Py_tp_methods, VALUE_METHODS}
#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE)

static PyMemberDef OBJECT_MEMBERS[] = {TYPE_MEMBER, MEMBER("fields", fields, "Its attributes by name, a dict."), {NULL, 0, 0, 0, NULL}};
static PyMemberDef LITERAL_MEMBERS[] = {TYPE_MEMBER, MEMBER("text", value, "How it is written in Python, or shown."), {NULL, 0, 0, 0, NULL}};
static PyMemberDef TYPE_MEMBERS[] = {TYPE_MEMBER, {NULL, 0, 0, 0, NULL}};
static PyGetSetDef PLACES[] = {PLACE};
static PyGetSetDef OBJECT_PLACES[] = {
    MAYBE("value", value, "Of a subclass of a built-in type what the built-in part holds: an int, a str, a list …; else None."), PLACE};
static PyGetSetDef CUT_PLACES[] = {
    MAYBE("value", value, "What was recorded of it: the beginning of a str or of a container; None: nothing."),
    MAYBE("fields", fields, "Attributes by name, of a subclass of a container; else None."),
    MAYBE("length", length, "How long it was: characters, bytes or items; None for an object."), PLACE};

static PyType_Slot OBJECT_SLOTS[] = {
    {Py_tp_doc, "An object that is no plain Python value: its type's name and its attributes.\n\n"
                "object[key] is value[key] where there is a value, else fields[key]. Two are equal when they are the same object of the program in the\n"
                "same state."},
    COMMON, {Py_tp_repr, object_repr}, {Py_tp_members, OBJECT_MEMBERS}, {Py_tp_getset, OBJECT_PLACES}, {Py_mp_subscript, object_item},
    {Py_tp_getattro, object_attribute}, {0, NULL}};
static PyType_Slot LITERAL_SLOTS[] = {
    {Py_tp_doc, "A value that is known by its text: Decimal('1.5'), a date, a path, a function, a class."},
    COMMON, {Py_tp_repr, literal_repr}, {Py_tp_members, LITERAL_MEMBERS}, {Py_tp_getset, PLACES}, {0, NULL}};
static PyType_Slot OPAQUE_SLOTS[] = {
    {Py_tp_doc, "An object of which only its type and address are known."},
    COMMON, {Py_tp_repr, opaque_repr}, {Py_tp_members, TYPE_MEMBERS}, {Py_tp_getset, PLACES}, {0, NULL}};
static PyType_Slot CUT_SLOTS[] = {
    {Py_tp_doc, "A value that was recorded in part, or not at all, because of the recording's limits."},
    COMMON, {Py_tp_repr, cut_repr}, {Py_tp_members, TYPE_MEMBERS}, {Py_tp_getset, CUT_PLACES}, {0, NULL}};

PyType_Spec OBJECT_SPEC = {"codetracer_python_recorder.reader.Object", sizeof(value_object), 0, FLAGS, OBJECT_SLOTS};
PyType_Spec LITERAL_SPEC = {"codetracer_python_recorder.reader.Literal", sizeof(value_object), 0, FLAGS, LITERAL_SLOTS};
PyType_Spec OPAQUE_SPEC = {"codetracer_python_recorder.reader.Opaque", sizeof(value_object), 0, FLAGS, OPAQUE_SLOTS};
PyType_Spec CUT_SPEC = {"codetracer_python_recorder.reader.Cut", sizeof(value_object), 0, FLAGS, CUT_SLOTS};
