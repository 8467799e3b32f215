/* In which order a function's variables stand, from the orders in which its steps show them. A stream tells no slots, and a step shows only what is bound; but any two
 * variables that some step shows are in the order of their slots there. Built in an import's first run, per function.
 */
#ifndef CT_FORMATS_VARIABLE_ORDER_H
#define CT_FORMATS_VARIABLE_ORDER_H

#include "codetracer/error.h"
#include "formats/intern.h"

typedef struct ct_ordered_pair { uint32_t before, behind, next; } ct_ordered_pair;

typedef struct ct_variable_order {
    ct_intern seen;                /* pairs there are; its allocator is the order's */
    ct_ordered_pair *pairs;        /* next: scratch of the sort */
    size_t count, capacity;
    uint64_t last;                 /* hash of the list noted last */
} ct_variable_order;

/* A step showed these, in this order: numbers by first appearance. Repeating the list before costs a hash. CT_E_NOMEM. */
ct_code ct_variable_order_note(ct_variable_order *order, const uint32_t *list, size_t count);
/* places[n]: where the variable that appeared as the n-th belongs. The order of appearance stays where nothing speaks against it; what contradicts itself is ignored. */
ct_code ct_variable_order_sort(ct_variable_order *order, uint32_t *places, size_t count);
void ct_variable_order_free(ct_variable_order *order);

#endif
