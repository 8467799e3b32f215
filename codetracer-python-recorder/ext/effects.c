/* What the instructions of a line may do to the objects that the journal knows: computed once per place in a code object, on a stack of what is known of the
 * values, as the compiler would.
 *
 * A stretch is what may run after an event without another one: from an instruction to the first of another line (where a LINE comes), to a return, a
 * yield, a raise. All that can happen on any way through it is in it, in the order of the code; a stretch that jumps back into itself is loud, so each of its
 * instructions runs at most once.
 *
 * What an instruction does depends on the types it meets, which nobody tells us. But the interpreter writes down what it met: it specialises instructions (PEP 659),
 * and one that runs in its general form counts that in its inline cache. So an instruction that is specialised, and whose counter is the same afterwards, has run its
 * specialised form, or not at all (DEOPT_IF in Python/bytecodes.c goes to the general form, which changes the counter; a hit does not). quiet.c compares; here
 * stand the instructions to be compared ("cells"), and what the values in slots must be where that alone makes an instruction harmless ("checks").
 *
 * Which object an instruction changes is told before it runs, too: operands.c notes the values that are met, and finds them. Here is said where one is not known any more: elements and attributes
 * from the first store or call on (walk.stored), and what another way may have changed.
 *
 * Invariant: what is not listed here as harmless is loud.
 */
#include "effects.h"

#include <stdlib.h>

enum { WAYS = 24 };

typedef struct walk {
    const code_info *info;
    const uint8_t *base;         /* opcode and argument of each unit, as compiled */
    const _Py_CODEUNIT *raw;     /* as instrumented */
    const int32_t *lines;        /* of each unit; -1: none */
    size_t count;
    effect_stretch *s;
    operands *o;                 /* what is known of the values here */
    effect_cell *cells;
    effect_check *checks;
    uint16_t ways[WAYS]; size_t way_count; /* units that are jumped to, all ahead */
    bool stored;                 /* an attribute or element was: what attributes hold is not known any more */
    bool named;                  /* a name was stored: what names mean is not known any more */
} walk;

/* What a name means when the stretch begins. */
static operand
load_name(walk *w, int name)
{
    w->s->looks_up_names = true;
    return w->named ? NOT_KNOWN : operands_simple(w->o, FROM_NAME, name);
}

static void
loud(walk *w, size_t unit)
{
    if (w->s->loud_from == NEVER_LOUD)
        w->s->loud_from = (uint16_t)unit;
}

static void
uncertain(walk *w, size_t unit)
{
    if (w->s->uncertain_from == NEVER_LOUD)
        w->s->uncertain_from = (uint16_t)unit;
}

/* A value is let go: if nobody else holds it, that may run its __del__. */
static void
release(walk *w, operand value, size_t unit)
{
    if (value.known == TEMPORARY || value.known == UNKNOWN)
        uncertain(w, unit);
    else if (operands_is_from(w->o, value, FROM_CALL) && w->s->lets_return_go == NEVER_LOUD)
        w->s->lets_return_go = (uint16_t)unit;
}

/* What was in the slot is let go. */
static void
store(walk *w, int slot, operand value, size_t unit)
{
    if (slot < OPERAND_SLOTS)
        w->o->slots[slot] = value;
    uncertain(w, unit);
}

/* The same of a name: what it meant is let go. */
static void
store_name(walk *w, int name, size_t unit)
{
    effect_stretch *s = w->s;
    s->looks_up_names = w->named = true;
    if (name > UINT16_MAX)
        s->name_count = EFFECT_NAMES;
    if (s->name_count < EFFECT_NAMES)
        s->names[s->name_count] = (uint16_t)name;
    if (s->name_count <= EFFECT_NAMES)
        s->name_count++;
    uncertain(w, unit);
}

/* ---- cells and checks ---- */

static effect_cell *
add_cell(walk *w, size_t unit)
{
    static effect_cell none;
    effect_stretch *s = w->s;
    if (s->cell_count == EFFECT_CELLS) {
        loud(w, unit);
        return &none;
    }
    effect_cell *cell = &w->cells[s->cell_count++];
    *cell = (effect_cell){.unit = (uint16_t)unit, .check = s->check_count, .target = NOWHERE, .index = NOWHERE};
    return cell;
}

/* To be called after add_cell, for each operand that matters. */
static void
add_check(walk *w, effect_cell *cell, operand value, enum effect_need need, bool always, size_t unit)
{
    effect_stretch *s = w->s;
    if (value.known == SCALAR && need != NEED_INVERTIBLE && need != NEED_CONTAINER && need != NEED_SEQUENCE && need != NEED_HASHED)
        return;
    if (s->check_count == EFFECT_CHECKS) {
        loud(w, unit);
        return;
    }
    w->checks[s->check_count++] = (effect_check){.value = value.value, .need = (uint8_t)(value.known == FOUND ? need : NEED_NEVER), .always = always};
    cell->check_count++;
}

/* The same of an owner whose attribute of that name (place in co_names) is loaded or stored. */
static void
add_owner_check(walk *w, effect_cell *cell, operand owner, enum effect_need need, int name, size_t unit)
{
    size_t before = w->s->check_count;
    add_check(w, cell, owner, need, false, unit);
    if (w->s->check_count > before)
        w->checks[before].name = name < UINT16_MAX ? (uint16_t)(name + 1) : 0;
}

/* An instruction that is harmless in its general form if its operands are. `always`: in a specialised one, too, they must be. */
typedef struct wanted { operand value; enum effect_need need; bool always; } wanted;

static effect_cell *
check(walk *w, size_t unit, wanted a, wanted b)
{
    effect_cell *cell = add_cell(w, unit);
    cell->has_generic = true;
    add_check(w, cell, a.value, a.need, a.always, unit);
    add_check(w, cell, b.value, b.need, b.always, unit);
    return cell;
}

/* One that is never specialised. */
static effect_cell *
check_operands(walk *w, size_t unit, enum effect_need need, operand a, operand b)
{
    return check(w, unit, (wanted){a, need, true}, (wanted){b, need, true});
}

static enum effect_computes
computes_of(int operator)
{
    switch (operator >= NB_INPLACE_ADD ? operator - NB_INPLACE_ADD : operator) {
    case NB_ADD: case NB_SUBTRACT: case NB_AND: case NB_OR: case NB_XOR: case NB_LSHIFT: case NB_RSHIFT: return OF_NO_INT;
    case NB_MULTIPLY: case NB_FLOOR_DIVIDE: case NB_REMAINDER: case NB_TRUE_DIVIDE: return OF_LONG_INTS;
    default: return OF_INTS; /* a power of short ones has long ones on its way */
    }
}

static void
compute(effect_cell *cell, enum effect_computes computes, operand a, operand b)
{
    cell->computes = (uint8_t)computes;
    cell->operands[0] = a.value;
    cell->operands[1] = b.value;
}

/* ---- ways ---- */

/* Whether the interpreter reports a line between the two: it does where the line differs from that of the instruction before, which may have none
 * (_Py_call_instrumentation_line, Python/instrumentation.c). */
static bool
is_boundary(const walk *w, size_t unit, size_t next)
{
    return w->raw[next].op.code == INSTRUMENTED_LINE && w->lines[next] > 0 && w->lines[next] != w->lines[unit];
}

static void
jump(walk *w, size_t unit, size_t target)
{
    if (target >= w->count) {
        loud(w, unit);
        return;
    }
    if (is_boundary(w, unit, target))
        return;
    if (target <= unit || w->way_count == WAYS)
        loud(w, unit);
    else
        w->ways[w->way_count++] = (uint16_t)target;
}

/* ---- instructions ---- */

static bool
is_scalar_constant(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return type == &PyLong_Type || type == &PyFloat_Type || type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyComplex_Type || type == &PyBool_Type ||
           value == Py_None;
}

#ifdef KW_NAMES
static bool
are_exact_texts(PyObject *names)
{
    bool exact = PyTuple_CheckExact(names);
    for (Py_ssize_t i = 0; exact && i < PyTuple_GET_SIZE(names); i++)
        exact = PyUnicode_CheckExact(PyTuple_GET_ITEM(names, i));
    return exact;
}
#endif

/* What was loaded out of another value, which holds it. */
static void
push_within(operands *o, operand owner, uint8_t value)
{
    if (value != NOWHERE)
        push(o, (operand){FOUND, value});
    else
        push_known(o, owner.known == TEMPORARY || owner.known == UNKNOWN ? UNKNOWN : HELD);
}

static void
load_attribute(walk *w, size_t unit, int argument)
{
    operands *o = w->o;
    operand owner = pop(o);
    int name = argument >> 1;
    effect_cell *cell = add_cell(w, unit);
    cell->has_generic = true;
    add_owner_check(w, cell, owner, NEED_ATTRIBUTE, name, unit);
    release(w, owner, unit);
    if (argument & 1) { /* a method and its object, or a value and nothing */
        push_known(o, HELD);
        push(o, owner);
        return;
    }
    uint8_t value = owner.known != FOUND || w->stored ? NOWHERE : operands_value(o, (effect_value){
        .from = FROM_ATTRIBUTE, .of = owner.value, .by = NOWHERE, .leaves = o->values[owner.value].leaves, .number = (uint16_t)unit, .name = name < UINT16_MAX ? (uint16_t)(name + 1) : 0});
    push_within(o, owner, value);
}

static void
store_into(walk *w, effect_cell *cell, operand container, size_t unit)
{
    if (container.known == FOUND)
        cell->target = container.value;
    else
        loud(w, unit);
    w->stored = true;
}

static void
branch_on(walk *w, size_t unit, operand value)
{
#ifdef TO_BOOL
    (void)w; (void)unit; (void)value; /* an exact bool: TO_BOOL made it */
#else
    if (value.known != SCALAR) {
        effect_cell *cell = add_cell(w, unit);
        cell->has_generic = true;
        add_check(w, cell, value, NEED_SIZED, true, unit);
        release(w, value, unit);
    }
#endif
}

/* How it is specialised shows when it is about to run (quiet.c): its only argument is what len(), str(), tuple() look at, and what stands under a method
 * is the object that list.append changes. */
static void
call(walk *w, size_t unit, size_t next, int argument)
{
    operands *o = w->o;
    operand last = NOT_KNOWN;
    if (argument)
        last = pop(o);
    drop(o, argument > 1 ? (unsigned)argument - 1 : 0);
    operand self = pop(o);
    pop(o);
    effect_cell *cell = add_cell(w, unit);
    add_check(w, cell, last, NEED_CONTAINER, true, unit);
    if (self.known == FOUND)
        cell->target = self.value;
    if (w->s->call_end == 0) {
        w->s->call = (uint16_t)unit;
        w->s->call_end = (uint16_t)next;
    }
    uncertain(w, unit + 1); /* a function that is not recorded leaves its mark */
    w->stored = true;
    push_known(o, TEMPORARY);
}

/* What the instruction at `unit` does. False: no way leads on to the one after it. */
static bool
step(walk *w, size_t unit, size_t next, PyCodeObject *code)
{
    operands *o = w->o;
    int opcode = w->base[2 * unit], argument = w->base[2 * unit + 1];
    for (size_t i = unit; i > w->s->entry && w->base[2 * (i - 1)] == EXTENDED_ARG && i + 3 > unit; i--)
        argument |= w->base[2 * (i - 1) + 1] << (8 * (unit - i + 1));
    operand a, b;
    effect_cell *cell;
    PyObject *constant;
    switch (opcode) {
    case NOP: case CACHE: case EXTENDED_ARG: case COPY_FREE_VARS: case MAKE_CELL:
        return true;
#ifdef KW_NAMES
    case KW_NAMES: /* made by hand, their __eq__ may run behind the function's frame; 3.13's CALL_KW is loud */
        if (!are_exact_texts(PyTuple_GET_ITEM(code->co_consts, argument)))
            break;
        return true;
#endif
    case RESUME: /* signals, other threads */
        uncertain(w, unit);
        return true;
    case POP_TOP:
        release(w, pop(o), unit);
        return true;
    case PUSH_NULL:
        push_known(o, HELD);
        return true;
    case END_FOR: /* FOR_ITER let go what was iterated over */
        uncertain(w, unit);
        return true;
    case LOAD_CONST:
        constant = PyTuple_GET_ITEM(code->co_consts, argument);
        if (is_scalar_constant(constant))
            push(o, (operand){SCALAR, operands_simple(o, FROM_CONSTANT, argument).value});
        else
            push_known(o, PyTuple_CheckExact(constant) ? CONSTANT_TUPLE : HELD);
        return true;
    case LOAD_FAST: case LOAD_FAST_CHECK: case LOAD_DEREF:
        push(o, operands_load(o, argument));
        return true;
#ifdef LOAD_FAST_LOAD_FAST
    case LOAD_FAST_LOAD_FAST:
        push(o, operands_load(o, argument >> 4));
        push(o, operands_load(o, argument & 15));
        return true;
    case STORE_FAST_LOAD_FAST:
        store(w, argument >> 4, pop(o), unit);
        push(o, operands_load(o, argument & 15));
        return true;
    case STORE_FAST_STORE_FAST:
        store(w, argument >> 4, pop(o), unit);
        store(w, argument & 15, pop(o), unit);
        return true;
#endif
    case LOAD_FAST_AND_CLEAR:
        push(o, operands_load(o, argument));
        store(w, argument, (operand){HELD, NOWHERE}, unit);
        return true;
    case LOAD_CLOSURE: case LOAD_ASSERTION_ERROR:
        push_known(o, HELD);
        return true;
    case STORE_FAST: case STORE_DEREF:
        store(w, argument, pop(o), unit);
        return true;
    case DELETE_FAST:
        store(w, argument, NOT_KNOWN, unit);
        return true;
    case LOAD_GLOBAL:
        w->s->looks_up_names = true;
        push_known(o, w->named ? UNKNOWN : HELD);
        if (argument & 1)
            push_known(o, HELD);
        return true;
    case LOAD_NAME:
        push(o, load_name(w, argument));
        return true;
    case STORE_NAME: case STORE_GLOBAL:
        pop(o);
        store_name(w, argument, unit);
        return true;
    case DELETE_NAME: case DELETE_GLOBAL: /* bound again, it comes behind the others */
        store_name(w, argument, unit);
        w->s->name_count = EFFECT_NAMES + 1;
        return true;
    case LOAD_BUILD_CLASS:
        w->s->looks_up_names = true;
        push_known(o, HELD);
        return true;
#ifdef SET_FUNCTION_ATTRIBUTE
    case MAKE_FUNCTION:
        pop(o);
        push_known(o, TEMPORARY);
        return true;
    case SET_FUNCTION_ATTRIBUTE:
        pop(o);
        pop(o);
        push_known(o, TEMPORARY);
        return true;
#else
    case MAKE_FUNCTION: /* its code, and what the flags say */
        drop(o, 1 + (unsigned)__builtin_popcount((unsigned)argument));
        push_known(o, TEMPORARY);
        return true;
#endif
    case LOAD_ATTR:
        load_attribute(w, unit, argument);
        return true;
    case COPY:
        push(o, (size_t)argument <= o->depth ? o->stack[o->depth - (size_t)argument] : NOT_KNOWN);
        return true;
    case SWAP:
        if ((size_t)argument > o->depth) {
            operands_forget(o);
            o->depth = 0;
        }
        else {
            operand *top = &o->stack[o->depth - 1], *other = &o->stack[o->depth - (size_t)argument];
            operand kept = *top;
            *top = *other;
            *other = kept;
        }
        return true;
    case BINARY_OP: case COMPARE_OP:
        b = pop(o);
        a = pop(o);
        cell = check(w, unit, (wanted){a, NEED_SCALAR, false}, (wanted){b, NEED_SCALAR, false});
        if (opcode == BINARY_OP)
            compute(cell, computes_of(argument), a, b);
        push(o, (operand){SCALAR, opcode == BINARY_OP ? operands_composed(o, FROM_ARITHMETIC, a.value, b.value, argument) : NOWHERE});
        return true;
    case IS_OP:
        release(w, pop(o), unit);
        release(w, pop(o), unit);
        push(o, ANY_SCALAR);
        return true;
    case CONTAINS_OP:
        b = pop(o);
        a = pop(o);
        check(w, unit, (wanted){a, NEED_SCALAR, true}, (wanted){b, NEED_HASHED, false});
        uncertain(w, unit); /* keys of other types with the same hash are asked whether they are equal */
        push(o, ANY_SCALAR);
        return true;
    case BINARY_SUBSCR:
        b = pop(o);
        a = pop(o);
        check(w, unit, (wanted){b, NEED_SCALAR, true}, (wanted){a, NEED_SEQUENCE, false});
        uncertain(w, unit);
        push_within(o, a, a.known == FOUND && !w->stored ? operands_composed(o, FROM_ELEMENT, a.value, b.value, 0) : NOWHERE);
        return true;
    case BINARY_SLICE:
        cell = add_cell(w, unit);
        cell->has_generic = true;
        add_check(w, cell, pop(o), NEED_SCALAR, true, unit);
        add_check(w, cell, pop(o), NEED_SCALAR, true, unit);
        a = pop(o);
        add_check(w, cell, a, NEED_SEQUENCE, true, unit);
        release(w, a, unit);
        push_known(o, TEMPORARY);
        return true;
    case UNARY_NEGATIVE:
        check_operands(w, unit, NEED_SCALAR, pop(o), ANY_SCALAR);
        push(o, ANY_SCALAR);
        return true;
    case UNARY_INVERT:
        check_operands(w, unit, NEED_INVERTIBLE, pop(o), ANY_SCALAR);
        push(o, ANY_SCALAR);
        return true;
    case UNARY_NOT:
        branch_on(w, unit, pop(o));
        push(o, ANY_SCALAR);
        return true;
#ifdef TO_BOOL
    case TO_BOOL:
        a = pop(o);
        cell = add_cell(w, unit);
        cell->has_generic = true;
        add_check(w, cell, a, NEED_SIZED, false, unit);
        release(w, a, unit);
        push(o, ANY_SCALAR);
        return true;
#endif
    case POP_JUMP_IF_FALSE: case POP_JUMP_IF_TRUE:
        branch_on(w, unit, pop(o));
        jump(w, unit, next + (size_t)argument);
        return true;
    case POP_JUMP_IF_NONE: case POP_JUMP_IF_NOT_NONE:
        release(w, pop(o), unit);
        jump(w, unit, next + (size_t)argument);
        return true;
    case JUMP_FORWARD:
        jump(w, unit, next + (size_t)argument);
        return false;
    case JUMP_BACKWARD: case JUMP_BACKWARD_NO_INTERRUPT: /* signals, other threads */
        uncertain(w, unit);
        jump(w, unit, next - (size_t)argument);
        return false;
    case RETURN_VALUE: case RETURN_CONST: case YIELD_VALUE: /* an event of its own */
        return false;
    case STORE_ATTR:
        a = pop(o);
        pop(o);
        cell = add_cell(w, unit);
        cell->has_generic = true;
        add_owner_check(w, cell, a, NEED_STORABLE, argument, unit);
        store_into(w, cell, a, unit);
        uncertain(w, unit); /* what was there is let go */
        return true;
    case STORE_SUBSCR:
        b = pop(o);
        a = pop(o);
        pop(o);
        cell = add_cell(w, unit);
        add_check(w, cell, b, NEED_SCALAR, true, unit);
        store_into(w, cell, a, unit);
        cell->index = b.value;
        uncertain(w, unit);
        return true;
    case BUILD_TUPLE: case BUILD_LIST: case BUILD_STRING:
        drop(o, (unsigned)argument);
        push_known(o, TEMPORARY);
        return true;
    case BUILD_SLICE:
        drop(o, (unsigned)argument);
        push_known(o, UNKNOWN); /* no scalar: a subscript with it is loud */
        return true;
    case BUILD_MAP:
        cell = argument ? add_cell(w, unit) : NULL;
        for (int i = 0; i < argument; i++) {
            cell->has_generic = true;
            pop(o);
            add_check(w, cell, pop(o), NEED_SCALAR, true, unit);
        }
        if (argument > 1) /* the value under an equal key before is let go */
            uncertain(w, unit);
        push_known(o, TEMPORARY);
        return true;
    case LIST_EXTEND: /* of a display whose elements are constants; not known is what another way brings here, `[*(x if y else (1, 2))]` */
        if (pop(o).known != CONSTANT_TUPLE)
            break;
        return true;
    case BUILD_CONST_KEY_MAP: /* {1: a, 1: b}, too */
        drop(o, (unsigned)argument + 1);
        uncertain(w, unit);
        push_known(o, TEMPORARY);
        return true;
    case UNPACK_SEQUENCE:
        a = pop(o);
        add_cell(w, unit);
        release(w, a, unit);
        for (int i = 0; i < argument; i++)
            push_known(o, UNKNOWN);
        return true;
    case GET_ITER:
        a = pop(o);
        check_operands(w, unit, NEED_CONTAINER, a, ANY_SCALAR);
        push_known(o, PLAIN_ITERATOR);
        return true;
    case FOR_ITER:
        a = pop(o);
        push(o, a);
        if (unit == w->s->entry)
            w->s->steps_iterator = true;
        else if (a.known != PLAIN_ITERATOR)
            break;
        jump(w, unit, next + (size_t)argument);
        push_known(o, UNKNOWN);
        return true;
    case CALL:
        call(w, unit, next, argument);
        return true;
#ifdef FORMAT_SIMPLE
    case FORMAT_SIMPLE: case CONVERT_VALUE:
        a = pop(o);
        compute(check_operands(w, unit, NEED_SCALAR, a, ANY_SCALAR), OF_INTS, a, a); /* even one of a digit, when it becomes text */
        push(o, ANY_SCALAR);
        return true;
    case FORMAT_WITH_SPEC:
        b = pop(o);
        a = pop(o);
        compute(check_operands(w, unit, NEED_SCALAR, a, b), OF_INTS, a, b);
        push(o, ANY_SCALAR);
        return true;
#else
    case FORMAT_VALUE:
        b = argument & 4 ? pop(o) : ANY_SCALAR;
        a = pop(o);
        compute(check_operands(w, unit, NEED_SCALAR, a, b), OF_INTS, a, argument & 4 ? b : a); /* even one of a digit, when it becomes text */
        push(o, ANY_SCALAR);
        return true;
#endif
    default:
        break;
    }
    loud(w, unit); /* RERAISE, too: a handler that it leads to is reached without an event */
    o->depth = 0; /* what it leaves on the stack is not known */
    return true;
}

/* What was known before a call that may have changed anything: values on the stack stay, attributes of objects do not; nor, for certain, does what is in slots, so quiet.c
 * compares them with the stack. */
static void
begin_after_call(walk *w)
{
    operands *o = w->o;
    effect_stretch *s = w->s;
    s->cell_count = s->check_count = 0;
    s->loud_from = s->uncertain_from = s->lets_return_go = NEVER_LOUD;
    s->call = s->call_end = 0;
    s->steps_iterator = s->looks_up_names = false;
    w->way_count = 0;
    s->name_count = s->kept_count = 0;
    w->stored = w->named = false;
    effect_value before[EFFECT_VALUES];
    memcpy(before, o->values, o->value_count * sizeof *before);
    o->value_count = 0;
    if (o->depth)
        o->stack[o->depth - 1] = operands_simple(o, FROM_CALL, 0);
    for (size_t i = 0; i + 1 < o->depth; i++) {
        operand *value = &o->stack[i];
        /* HELD by a global, say, which the call may have replaced: the stack's may be the only reference. The others: what was before was not looked at. */
        if (value->known != FOUND) {
            if (value->known != TEMPORARY && value->known != CONSTANT_TUPLE)
                *value = NOT_KNOWN;
            continue;
        }
        const effect_value *was = &before[value->value];
        bool is_kept = was->from == FROM_SLOT && !(w->info->kinds[was->number] & (CO_FAST_CELL | CO_FAST_FREE)) && o->slots[was->number].known == NOT_STORED &&
                       s->kept_count < EFFECT_KEPT;
        if (is_kept)
            s->kept[s->kept_count++] = (effect_kept){.below = (uint8_t)(o->depth - 2 - i), .slot = (uint8_t)was->number};
        *value = is_kept ? operands_simple(o, FROM_SLOT, was->number) : NOT_KNOWN; /* the slot may hold another object now */
    }
    for (size_t i = 0; i < o->slot_count; i++)
        o->slots[i].known = NOT_STORED; /* what is in them now is to be asked now */
}

static void
follow(walk *w, PyCodeObject *code)
{
    effect_stretch *s = w->s;
    bool is_reached = true, has_begun = s->from == 0;
    for (size_t unit = s->entry; unit < w->count;) {
        size_t next = unit + 1;
        while (next < w->count && w->base[2 * next] == CACHE)
            next++;
        bool is_target = false;
        for (size_t i = 0; i < w->way_count; i++)
            is_target |= w->ways[i] == unit;
        if (is_target) {
            if (!is_reached)
                w->o->depth = 0;
            operands_forget(w->o);
            is_reached = true;
        }
        if (unit == s->from && is_reached && !has_begun) {
            begin_after_call(w);
            has_begun = true;
        }
        if (is_reached) {
            is_reached = step(w, unit, next, code);
            if (is_reached && next < w->count && is_boundary(w, unit, next))
                is_reached = false;
        }
        if (!is_reached) { /* to the next unit that is jumped to */
            size_t nearest = w->count;
            for (size_t i = 0; i < w->way_count; i++)
                if (w->ways[i] > unit && w->ways[i] < nearest)
                    nearest = w->ways[i];
            if (s->from > unit && s->from < nearest && !has_begun)
                break; /* the call was not on a way that is understood */
            next = nearest;
        }
        unit = next;
    }
    if (!has_begun)
        s->loud_from = 0;
}

/* ---- specialised instructions ---- */

enum effect_hit
effects_hit(int opcode)
{
    switch (opcode) {
    case LOAD_GLOBAL_BUILTIN: case LOAD_GLOBAL_MODULE:
    case LOAD_ATTR_CLASS: case LOAD_ATTR_INSTANCE_VALUE: case LOAD_ATTR_MODULE: case LOAD_ATTR_SLOT: case LOAD_ATTR_WITH_HINT:
    case LOAD_ATTR_METHOD_LAZY_DICT: case LOAD_ATTR_METHOD_NO_DICT: case LOAD_ATTR_METHOD_WITH_VALUES:
    case BINARY_OP_ADD_FLOAT: case BINARY_OP_ADD_INT: case BINARY_OP_ADD_UNICODE: case BINARY_OP_INPLACE_ADD_UNICODE: case BINARY_OP_MULTIPLY_FLOAT:
    case BINARY_OP_MULTIPLY_INT: case BINARY_OP_SUBTRACT_FLOAT: case BINARY_OP_SUBTRACT_INT:
    case COMPARE_OP_FLOAT: case COMPARE_OP_INT: case COMPARE_OP_STR:
    case BINARY_SUBSCR_LIST_INT: case BINARY_SUBSCR_TUPLE_INT:
    case UNPACK_SEQUENCE_LIST: case UNPACK_SEQUENCE_TUPLE: case UNPACK_SEQUENCE_TWO_TUPLE:
    case STORE_ATTR_INSTANCE_VALUE: case STORE_ATTR_SLOT: case STORE_ATTR_WITH_HINT: case STORE_SUBSCR_LIST_INT:
    case CALL_PY_EXACT_ARGS: case CALL_BOUND_METHOD_EXACT_ARGS: case CALL_TYPE_1: case CALL_LIST_APPEND:
#ifdef CALL_PY_WITH_DEFAULTS
    case CALL_PY_WITH_DEFAULTS:
#else
    case CALL_PY_GENERAL: case CALL_BOUND_METHOD_GENERAL:
    case LOAD_ATTR_NONDESCRIPTOR_NO_DICT: case LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES:
    case BINARY_SUBSCR_STR_INT:
    case TO_BOOL_ALWAYS_TRUE: case TO_BOOL_BOOL: case TO_BOOL_INT: case TO_BOOL_LIST: case TO_BOOL_NONE: case TO_BOOL_STR:
#endif
        return HIT_PLAIN;
    case BINARY_SUBSCR_DICT: case STORE_SUBSCR_DICT: case CALL_LEN: case CALL_STR_1: case CALL_TUPLE_1:
#ifdef CONTAINS_OP_DICT
    case CONTAINS_OP_DICT: case CONTAINS_OP_SET:
#endif
        return HIT_CHECKED;
    default:
        return HIT_NONE;
    }
}

/* ---- one for each place ---- */

/* To follow a stretch costs as much as some looks, and most functions run once: it is done when one is asked for the second time, and not before the
 * code has been asked for more often than it has lines, of which few are as short as this. A module's or class's body is followed at once, and kept when asked for the second time: what a
 * look costs there grows with the names that are bound, and so would the body's cost with the square of them. */
enum { UNITS_A_LINE = 4, SEEN = UINT16_MAX };

struct effect_table {
    PyObject *base;              /* co_code */
    int32_t *lines;
    size_t count;
    uint16_t *numbers;           /* by the unit where a stretch begins, or goes on: its number, from 1; SEEN: it was asked for once */
    effect_stretch **stretches;
    size_t stretch_count;
};

void
effects_free(code_info *info)
{
    effect_table *table = info->effects;
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->stretch_count; i++)
        free(table->stretches[i]);
    free(table->stretches);
    free(table->numbers);
    free(table->lines);
    Py_XDECREF(table->base); /* exact bytes */
    free(table);
    info->effects = NULL;
}

static effect_table *
table_of(recorder *r, PyCodeObject *code, code_info *info)
{
    if (info->effects)
        return info->effects;
    effect_table *table = info->effects = calloc(1, sizeof *table);
    if (table == NULL)
        goto no_memory;
    size_t count = (size_t)Py_SIZE(code);
    table->base = PyCode_GetCode(code); /* a copy of the code; no Python code runs */
    table->lines = malloc((count + 1) * sizeof *table->lines);
    table->numbers = calloc(count + 1, sizeof *table->numbers);
    if (table->base == NULL || table->lines == NULL || table->numbers == NULL || (size_t)PyBytes_GET_SIZE(table->base) != count * sizeof(_Py_CODEUNIT))
        goto no_memory;
    table->count = count;
    columns_lines(code, table->lines, count);
    return table;

no_memory:
    PyErr_Clear();
    effects_free(info);
    r->no_memory = true;
    return NULL;
}

/* What a stretch is followed into. */
struct effect_draft {
    effect_stretch stretch;
    operands o;
    effect_cell cells[EFFECT_CELLS];
    effect_check checks[EFFECT_CHECKS];
    walk w;
};

static effect_stretch *
followed(recorder *r, PyCodeObject *code, const code_info *info, const effect_table *table, uint16_t entry, uint16_t from)
{
    effect_draft *draft = r->quiet.draft;
    if (draft == NULL && (draft = r->quiet.draft = malloc(sizeof *draft)) == NULL) {
        r->no_memory = true;
        return NULL;
    }
    draft->stretch = (effect_stretch){
        .entry = entry, .from = from, .loud_from = NEVER_LOUD, .uncertain_from = NEVER_LOUD, .lets_return_go = NEVER_LOUD,
        .values = draft->o.values, .cells = draft->cells, .checks = draft->checks,
    };
    walk *w = &draft->w;
    w->info = info;
    w->base = (const uint8_t *)PyBytes_AS_STRING(table->base);
    w->raw = _PyCode_CODE(code);
    w->lines = table->lines;
    w->count = table->count;
    w->s = &draft->stretch;
    w->o = &draft->o;
    w->cells = draft->cells;
    w->checks = draft->checks;
    w->way_count = 0;
    w->stored = w->named = false;
    operands_begin(w->o, info->slot_count);
    follow(w, code);
    w->s->value_count = w->o->value_count;
    return w->s;
}

/* A copy that is as large as it needs to be. */
static effect_stretch *
kept(const effect_stretch *from)
{
    size_t values = from->value_count * sizeof *from->values, cells = from->cell_count * sizeof *from->cells, checks = from->check_count * sizeof *from->checks;
    effect_stretch *s = malloc(sizeof *s + values + cells + checks);
    if (s == NULL)
        return NULL;
    char *at = (char *)(s + 1);
    *s = *from;
    s->values = memcpy(at, from->values, values);
    s->cells = memcpy(at + values, from->cells, cells);
    s->checks = memcpy(at + values + cells, from->checks, checks);
    return s;
}

const effect_stretch *
effects_of(recorder *r, PyCodeObject *code, code_info *info, uint16_t entry, uint16_t from)
{
    if (info->effects == NULL && !info->is_namespace && ++info->asked <= Py_SIZE(code) / UNITS_A_LINE)
        return NULL;
    effect_table *table = table_of(r, code, info);
    uint16_t at = from ? from : entry;
    if (table == NULL || at >= table->count || table->count >= NEVER_LOUD)
        return NULL;
    uint16_t number = table->numbers[at];
    if (number == 0) {
        table->numbers[at] = SEEN;
        return info->is_namespace ? followed(r, code, info, table, entry, from) : NULL;
    }
    if (number == SEEN)
        number = 0;
    effect_stretch *s = number ? table->stretches[number - 1] : NULL;
    if (s && s->entry == entry && s->from == from)
        return s;
    if ((s = followed(r, code, info, table, entry, from)) == NULL)
        return NULL;
    effect_stretch **stretches = table->stretches;
    if (!number && (table->stretch_count & (table->stretch_count - 1)) == 0) { /* 0, or full */
        stretches = realloc(stretches, (table->stretch_count ? table->stretch_count * 2 : 1) * sizeof *stretches);
        if (stretches)
            table->stretches = stretches;
    }
    if (stretches == NULL || (s = kept(s)) == NULL) {
        r->no_memory = true;
        return NULL;
    }
    if (number)
        free(stretches[number - 1]); /* the line was entered elsewhere */
    else
        table->numbers[at] = number = (uint16_t)++table->stretch_count;
    return stretches[number - 1] = s;
}
