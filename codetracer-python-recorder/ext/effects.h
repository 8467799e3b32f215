/* effects.c for quiet.c: what the instructions that run from one event to the next may do. */
#ifndef CT_EFFECTS_H
#define CT_EFFECTS_H

#include "operands.h"

/* What a value must be for an instruction to do no more than it seems to. */
enum effect_need {
    NEED_NONE,
    NEED_NEVER,                  /* not known what it is: never given */
    NEED_SCALAR,                 /* an exact int, float, str, bytes, complex, bool or None: no code of anybody's runs to add, compare, hash, format it */
    NEED_INVERTIBLE,             /* that, but no bool: ~True warns, and C code notes that in the module's globals (Objects/boolobject.c) */
    NEED_SIZED,                  /* that, or an exact built-in container, or an instance of a class that has neither __bool__ nor __len__: so it has a truth */
    NEED_CONTAINER,              /* an exact list, tuple, dict, set, frozenset, deque, str, bytes or range: has a length and can be iterated without anybody's code */
    NEED_SEQUENCE,               /* an exact list, tuple, str or bytes */
    NEED_HASHED,                 /* an exact dict, set or frozenset */
    NEED_ATTRIBUTE,              /* whose attribute of that name is loaded without anybody's code */
    NEED_STORABLE                /* an instance where an attribute of that name is put into its dict, and only there */
};

typedef struct effect_check {
    uint8_t value;
    uint16_t name;               /* of NEED_ATTRIBUTE and NEED_STORABLE: place in co_names + 1; 0: beyond what fits */
    uint8_t need;
    bool always;                 /* else only if the instruction is not specialised */
} effect_check;

/* Which ints look for signals as they are computed with (SIGCHECK, Objects/longobject.c). */
enum effect_computes { OF_NO_INT, OF_LONG_INTS /* of more than a digit */, OF_INTS };

/* An instruction whose effect depends on the types that it meets. */
typedef struct effect_cell {
    uint16_t unit;
    uint8_t check, check_count;  /* in the stretch's checks */
    bool has_generic;            /* with all of its checks given, it is harmless though not specialised */
    uint8_t computes;            /* enum effect_computes: signals are handled in it if one of … */
    uint8_t operands[2];         /* … these is such an int, or NOWHERE */
    uint8_t target;              /* the value that it changes; NOWHERE: none … */
    uint8_t index;               /* … and at which index; NOWHERE: not known */
} effect_cell;

/* A value that was loaded from a slot before the call that the stretch goes on after, and lies so far below the top of the caller's stack (0: there). Of others the callee
 * may change the slot: by frame.f_locals (PEP 667), and before 3.13 by PyFrame_LocalsToFast. */
typedef struct effect_kept { uint8_t below; uint8_t slot; } effect_kept;

enum { EFFECT_CELLS = 16, EFFECT_CHECKS = 40, EFFECT_NAMES = 4, EFFECT_KEPT = 4, NEVER_LOUD = UINT16_MAX };

/* The instructions from `entry` (or, of those, from `from` on, when a call returned there) to the next line's. */
struct effect_stretch {
    uint16_t entry, from;
    uint16_t loud_from;          /* from this unit on anything may happen; NEVER_LOUD */
    uint16_t call;               /* the first call that may be one of a Python function … */
    uint16_t call_end;           /* … and where that returns; 0: none */
    uint16_t uncertain_from;     /* from this unit on something may run Python code, which leaves its mark (quiet.c) until a call covers it; NEVER_LOUD */
    uint16_t lets_return_go;     /* at this unit what a call gave, after which the stretch goes on, is let go; NEVER_LOUD */
    bool steps_iterator;         /* begins with a FOR_ITER: what is on top of the stack must be an iterator that runs nobody's code */
    bool looks_up_names;         /* of globals, builtins, a module's or class's body */
    uint8_t name_count;          /* of those stored there; more than EFFECT_NAMES: too many to tell, or one is deleted */
    uint16_t names[EFFECT_NAMES]; /* places in co_names */
    uint8_t kept_count;
    effect_kept kept[EFFECT_KEPT]; /* all of them must still be in their slots when the stretch begins */
    uint8_t cell_count, check_count, value_count;
    const effect_value *values;
    const effect_cell *cells;
    const effect_check *checks;
};

/* NULL: not yet, or no memory. Valid until the next call. `from` 0: all of it. Code units; the code has its instrumentation. Needs the GIL; runs no Python code. */
const effect_stretch *effects_of(recorder *r, PyCodeObject *code, code_info *info, uint16_t entry, uint16_t from);
void effects_free(code_info *info);

/* What a specialised instruction does when its guards hold. */
enum effect_hit { HIT_NONE /* it is not specialised, or may run anything */, HIT_PLAIN /* nothing but what it is named after */, HIT_CHECKED /* that, if its checks are given */ };
enum effect_hit effects_hit(int opcode);

#endif
