/* The values that the instructions of a line meet: how each is found before the line runs.
 *
 * A value is known by where it comes from (effect_value): a slot, a name, a constant, what a call gave; an attribute or element of such a one, at a place that is computed of ints. While
 * effects.c follows the instructions, these are noted, and which of them lie on the stack and in slots (operands). When a frame is about to run them, quiet.c has them found.
 *
 * Why what is found is what the instruction will meet: a slot that was stored to on the way has what was stored; elements and attributes are noted only up to the first store or call
 * (walk.stored, effects.c); and where anything else could have changed them, the event is loud.
 *
 * Invariant: finding reads memory alone. No Python code runs, and nothing is made.
 */
#include "operands.h"

/* ---- noted ---- */

void
operands_begin(operands *o, size_t slot_count)
{
    o->depth = 0;
    o->value_count = 0;
    o->slot_count = slot_count < OPERAND_SLOTS ? slot_count : OPERAND_SLOTS;
    for (size_t i = 0; i < o->slot_count; i++)
        o->slots[i].known = NOT_STORED;
}

uint8_t
operands_value(operands *o, effect_value value)
{
    if (value.leaves > EFFECT_LEAVES)
        return NOWHERE;
    for (uint8_t i = 0; i < o->value_count; i++)
        if (memcmp(&o->values[i], &value, sizeof value) == 0)
            return i;
    if (o->value_count == EFFECT_VALUES)
        return NOWHERE;
    o->values[o->value_count] = value;
    return o->value_count++;
}

operand
operands_simple(operands *o, enum effect_from from, int number)
{
    uint8_t value = number < 0 || number > UINT16_MAX ? NOWHERE : operands_value(o, (effect_value){.from = (uint8_t)from, .leaves = 1, .number = (uint16_t)number});
    return (operand){value == NOWHERE ? UNKNOWN : FOUND, value};
}

uint8_t
operands_composed(operands *o, enum effect_from from, uint8_t of, uint8_t by, int number)
{
    if (of == NOWHERE || by == NOWHERE)
        return NOWHERE;
    return operands_value(o, (effect_value){.from = (uint8_t)from, .of = of, .by = by, .leaves = (uint8_t)(o->values[of].leaves + o->values[by].leaves), .number = (uint16_t)number});
}

operand
operands_load(operands *o, int slot)
{
    if (slot >= OPERAND_SLOTS)
        return NOT_KNOWN;
    return o->slots[slot].known != NOT_STORED ? o->slots[slot] : operands_simple(o, FROM_SLOT, slot);
}

void
operands_forget(operands *o)
{
    for (size_t i = 0; i < o->depth; i++)
        o->stack[i] = NOT_KNOWN;
    for (size_t i = 0; i < o->slot_count; i++)
        if (o->slots[i].known != NOT_STORED)
            o->slots[i] = NOT_KNOWN;
}

/* ---- found ---- */

PyObject *
operand_plain_dict(PyObject *object)
{
    PyObject *dict = ct_managed_dict(object);
    return dict && PyDict_CheckExact(dict) && ct_dict_is_text_keyed(dict) ? dict : NULL;
}

PyObject *
operand_name(ct_frame *frame, uint16_t name)
{
    return name ? PyTuple_GET_ITEM(ct_frame_code(frame)->co_names, name - 1) : NULL;
}

/* What object.__getattribute__ finds in the instance's dict; borrowed; NULL: not there, or it would look elsewhere first. */
static PyObject *
own_attribute(PyObject *owner, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(owner);
    PyObject *dict = name && type->tp_getattro == PyObject_GenericGetAttr ? operand_plain_dict(owner) : NULL;
    PyObject *found = dict ? operand_in_class(type, name) : NULL;
    return dict == NULL || (found && Py_TYPE(found)->tp_descr_set) ? NULL : PyDict_GetItemWithError(dict, name);
}

/* What LOAD_NAME finds in the frame of a module's or class's body (names are plain there, see watch); borrowed; NULL: nothing. */
static PyObject *
named(ct_frame *frame, PyObject *name)
{
    PyObject *const places[] = {ct_frame_namespace(frame), ct_frame_globals(frame), ct_frame_builtins(frame)};
    PyObject *value = NULL;
    for (size_t i = 0; value == NULL && i < sizeof places / sizeof *places; i++)
        value = places[i] == NULL ? NULL : PyDict_GetItemWithError(places[i], name);
    return value;
}

static PyObject *
in_slot(const finder *f, uint16_t slot)
{
    PyObject *value = ct_frame_slots(f->frame)[slot];
    return value && f->a->info->kinds[slot] & (CO_FAST_CELL | CO_FAST_FREE) && Py_TYPE(value) == &PyCell_Type ? ((PyCellObject *)value)->ob_ref : value;
}

/* As the interpreter divides: downwards. */
static int64_t
divided(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

bool
operand_find_int(const finder *f, uint8_t number, int64_t *found)
{
    const effect_value *value = number == NOWHERE ? NULL : &f->values[number];
    if (value && value->from == FROM_ARITHMETIC) {
        int64_t a, b;
        if (!operand_find_int(f, value->of, &a) || !operand_find_int(f, value->by, &b))
            return false;
        switch (value->number >= NB_INPLACE_ADD ? value->number - NB_INPLACE_ADD : value->number) {
        case NB_ADD: return !__builtin_add_overflow(a, b, found);
        case NB_SUBTRACT: return !__builtin_sub_overflow(a, b, found);
        case NB_MULTIPLY: return !__builtin_mul_overflow(a, b, found);
        case NB_AND: *found = a & b; return true;
        case NB_FLOOR_DIVIDE: case NB_REMAINDER: {
            if (b == 0 || (a == INT64_MIN && b == -1))
                return false;
            int64_t quotient = divided(a, b);
            *found = value->number == NB_FLOOR_DIVIDE || value->number == NB_INPLACE_FLOOR_DIVIDE ? quotient : a - quotient * b;
            return true;
        }
        default: return false;
        }
    }
    PyObject *object = value ? operand_find(f, number) : NULL;
    if (object == NULL || !PyLong_CheckExact(object) || !PyUnstable_Long_IsCompact((PyLongObject *)object))
        return false;
    *found = PyUnstable_Long_CompactValue((PyLongObject *)object);
    return true;
}

/* Of exact containers only, whose elements are loaded without anybody's code; borrowed. */
static PyObject *
element(const finder *f, const effect_value *value)
{
    PyObject *container = operand_find(f, value->of);
    int64_t index;
    if (container && PyDict_CheckExact(container)) {
        PyObject *key = ct_dict_is_text_keyed(container) ? operand_find(f, value->by) : NULL;
        return key && PyUnicode_CheckExact(key) ? PyDict_GetItemWithError(container, key) : NULL;
    }
    if (container == NULL || !(PyList_CheckExact(container) || PyTuple_CheckExact(container)) || !operand_find_int(f, value->by, &index))
        return NULL;
    Py_ssize_t size = Py_SIZE(container);
    index += index < 0 ? size : 0;
    if (index < 0 || index >= size)
        return NULL;
    return PyList_CheckExact(container) ? PyList_GET_ITEM(container, index) : PyTuple_GET_ITEM(container, index);
}

PyObject *
operand_find(const finder *f, uint8_t number)
{
    if (number == NOWHERE)
        return NULL;
    const effect_value *value = &f->values[number];
    PyCodeObject *code = ct_frame_code(f->frame);
    switch (value->from) {
    case FROM_SLOT: return in_slot(f, value->number);
    case FROM_NAME: return named(f->frame, PyTuple_GET_ITEM(code->co_names, value->number));
    case FROM_CALL: return f->r->quiet.returned;
    case FROM_CONSTANT: return PyTuple_GET_ITEM(code->co_consts, value->number);
    case FROM_ATTRIBUTE: {
        PyObject *owner = operand_find(f, value->of), *cached = owner ? ct_cached_attribute(_PyCode_CODE(code) + value->number, owner) : NULL;
        return cached || owner == NULL ? cached : own_attribute(owner, operand_name(f->frame, value->name));
    }
    case FROM_ELEMENT: return element(f, value);
    default: return NULL; /* FROM_ARITHMETIC makes an object of its own */
    }
}
