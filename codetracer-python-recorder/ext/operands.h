/* operands.c for effects.c, which notes the values that instructions meet, and for quiet.c, which has them found. */
#ifndef CT_OPERANDS_H
#define CT_OPERANDS_H

#include "recorder.h"

/* How a value that an instruction meets is found before the stretch runs, by reading memory alone. */
enum effect_from {
    FROM_SLOT,                   /* number: the slot */
    FROM_NAME,                   /* of a module or class body; number: place in co_names */
    FROM_CALL,                   /* what the call gave that the stretch goes on after */
    FROM_CONSTANT,               /* number: place in co_consts */
    FROM_ATTRIBUTE,              /* of `of`: by the inline cache of the LOAD_ATTR at unit `number`, or by its name */
    FROM_ELEMENT,                /* of `of`, an exact list, tuple or dict, at `by` */
    FROM_ARITHMETIC              /* of the ints `of` and `by`; number: NB_… */
};
typedef struct effect_value {
    uint8_t from;
    uint8_t of, by;              /* earlier values of the stretch */
    uint8_t leaves;              /* how many values are asked for to find it */
    uint16_t number;
    uint16_t name;               /* FROM_ATTRIBUTE: place in co_names + 1; 0: beyond what fits */
} effect_value;
enum { NOWHERE = UINT8_MAX /* in place of a value's number: it is not known */, EFFECT_VALUES = 64, EFFECT_LEAVES = 16 };

enum known {
    UNKNOWN, HELD /* by what it came from, too */, TEMPORARY /* what a call gave: it may be the only reference */, SCALAR, CONSTANT_TUPLE,
    FOUND /* HELD, and known which it is */, PLAIN_ITERATOR
};
typedef struct operand { uint8_t known; uint8_t value; /* of a SCALAR, too; NOWHERE: it is not known which */ } operand;

enum { OPERAND_DEPTH = 24, OPERAND_SLOTS = 256 };

/* What is known of the values at an instruction of a stretch. */
typedef struct operands {
    effect_value values[EFFECT_VALUES]; uint8_t value_count;
    operand stack[OPERAND_DEPTH]; size_t depth;
    operand slots[OPERAND_SLOTS]; /* what was stored in them on the way; known NOT_STORED: nothing */
    size_t slot_count;
} operands;

enum { NOT_STORED = 255 };
static const operand NOT_KNOWN = {UNKNOWN, NOWHERE}, ANY_SCALAR = {SCALAR, NOWHERE};

static inline void
push(operands *o, operand value)
{
    if (o->depth == OPERAND_DEPTH) { /* the lowest is forgotten: below, nothing is known anyway */
        memmove(o->stack, o->stack + 1, (OPERAND_DEPTH - 1) * sizeof *o->stack);
        o->depth--;
    }
    o->stack[o->depth++] = value;
}

static inline void push_known(operands *o, enum known known) { push(o, (operand){(uint8_t)known, NOWHERE}); }

static inline operand
pop(operands *o)
{
    return o->depth ? o->stack[--o->depth] : NOT_KNOWN;
}

static inline void
drop(operands *o, unsigned count)
{
    while (count--)
        pop(o);
}

void operands_begin(operands *o, size_t slot_count); /* nothing was stored yet, and the stack is not known */
void operands_forget(operands *o); /* ways meet: what is on the stack and was stored differs */
operand operands_load(operands *o, int slot);

/* The number of a value; the same one has one. NOWHERE: there are too many, or it takes too much to find it. */
uint8_t operands_value(operands *o, effect_value value);
operand operands_simple(operands *o, enum effect_from from, int number); /* FOUND, if it has a number */
uint8_t operands_composed(operands *o, enum effect_from from, uint8_t of, uint8_t by, int number);

static inline bool
operands_is_from(const operands *o, operand value, enum effect_from from)
{
    return value.known == FOUND && o->values[value.value].from == from;
}

/* Where a stretch's values are looked for: in the frame that is about to run it. */
typedef struct finder {
    const recorder *r;
    const effect_value *values;
    const activation *a;
    ct_frame *frame;
} finder;

/* The value as it is now, which is what it will be when it is met: where something before that could change it, effects.c says NOWHERE. Borrowed; NULL: not known. */
PyObject *operand_find(const finder *f, uint8_t number);
bool operand_find_int(const finder *f, uint8_t number, int64_t *found); /* the int that it will be; false: not known */

/* Lookups in classes are by exact str among exact strs: no code of anybody's runs. Borrowed. */
static inline PyObject *operand_in_class(PyTypeObject *type, PyObject *name) { return _PyType_Lookup(type, name); }
PyObject *operand_plain_dict(PyObject *object); /* the dict that holds an instance's attributes; NULL: there is none, or they are not in it alone, or it is no dict of exact strs */
PyObject *operand_name(ct_frame *frame, uint16_t name); /* effect_value.name; NULL: beyond what fits */

#endif
