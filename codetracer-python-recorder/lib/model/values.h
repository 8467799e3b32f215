/* Where values live in a replayed state: arrays of values (an object's items or fields) and bindings (an activation's slots or globals).
 *
 * Both keep the bytes of texts that stand in place beside the values, in an array made when the first one comes. Invariant: a value with
 * ct_value_has_inline() at index i points to texts[i]. All failures are of memory, and leave what was there.
 * Zeroed but for the allocator is empty.
 */
#ifndef CT_MODEL_VALUES_H
#define CT_MODEL_VALUES_H

#include "codetracer/memory.h"
#include "model/decode.h"

typedef struct ct_values {
    ct_value *values;
    ct_inline *texts; /* as many, or NULL */
    uint64_t *changed; /* as many, when they are `numbered`: events at which each was taken; else NULL */
    size_t capacity;
    bool numbered;
    const ct_allocator *allocator;
} ct_values;

/* Room for count values; keeps those there are. */
bool ct_values_reserve(ct_values *values, size_t count);
/* The room for texts, which ct_values_take() needs. */
bool ct_values_add_texts(ct_values *values);
/* Moves count values within the array. */
void ct_values_move(ct_values *values, size_t to, size_t from, size_t count);
void ct_values_free(ct_values *values);

/* Takes a value from the input to index, which has room. False: no memory. What is bad is left as unbound or worse: ask the input. */
static inline bool
ct_values_take(ct_values *values, size_t index, ct_input *in)
{
    ct_value *value = &values->values[index];
    ct_take_value(in, value);
    if (ct_value_has_inline(value)) {
        if (CT_UNLIKELY(!values->texts) && !ct_values_add_texts(values)) {
            value->kind = CT_UNBOUND;
            return false;
        }
        ct_value_own(value, &values->texts[index]);
    }
    return true;
}

bool ct_value_same(const ct_value *a, const ct_value *b);

enum { CT_BINDINGS_DIRECT = 1024, CT_BINDINGS_LINEAR = 8 };

/* Bound names in order: by slot number, or (`by_binding`) in the order of binding. */
typedef struct ct_bindings {
    ct_slot *cells;
    ct_inline *texts;
    uint32_t count, capacity;
    uint32_t *index;          /* by slot: by number below CT_BINDINGS_DIRECT, index + 1; by binding: a hash table of index + 1 */
    uint32_t index_size;
    bool by_binding;
    const ct_allocator *allocator;
} ct_bindings;

/* Binds number to the value that follows in the input; "unbound" unbinds. */
ct_code ct_bindings_take(ct_bindings *bindings, uint32_t number, uint32_t name, ct_input *in, uint64_t event);
void ct_bindings_unbind(ct_bindings *bindings, uint32_t number);
/* Unbinds all; gives back large memory. */
void ct_bindings_clear(ct_bindings *bindings, bool by_binding);
void ct_bindings_free(ct_bindings *bindings);

#endif
