/* See variable_order.h. A topological sort of the pairs, depth first without recursion: lists may be as long as a stranger makes them. */
#include "formats/variable_order.h"

#include <xxhash.h>

#include "util/memory.h"

#define NONE UINT32_MAX

ct_code
ct_variable_order_note(ct_variable_order *order, const uint32_t *list, size_t count)
{
    const ct_allocator *allocator = order->seen.keys.allocator;
    uint64_t hash = XXH3_64bits(list, count * sizeof *list);
    if (count < 2 || hash == order->last)
        return CT_OK;
    order->last = hash;
    for (size_t i = 1; i < count; i++) {
        const uint32_t key[2] = {list[i - 1], list[i]};
        uint32_t number;
        bool is_new;
        CT_TRY(ct_intern_add(&order->seen, key, sizeof key, &number, &is_new));
        if (!is_new)
            continue;
        if (order->count == order->capacity) {
            size_t capacity = order->capacity ? order->capacity * 2 : 16;
            ct_ordered_pair *pairs = ct_resize(allocator, order->pairs, capacity * sizeof *pairs);
            if (!pairs)
                return CT_E_NOMEM;
            order->pairs = pairs;
            order->capacity = capacity;
        }
        order->pairs[order->count++] = (ct_ordered_pair){key[0], key[1], NONE};
    }
    return CT_OK;
}

ct_code
ct_variable_order_sort(ct_variable_order *order, uint32_t *places, size_t count)
{
    const ct_allocator *allocator = order->seen.keys.allocator;
    /* Per variable: its first pair not followed yet, and below it on the stack. */
    uint32_t *first = ct_allocate(allocator, (count + 1) * sizeof *first), *below = ct_allocate_zero(allocator, count + 1, sizeof *below);
    uint8_t *met = ct_allocate_zero(allocator, count + 1, sizeof *met);
    ct_code code = first && below && met ? CT_OK : CT_E_NOMEM;
    for (size_t i = 0; code == CT_OK && i < count; i++)
        first[i] = NONE;
    for (size_t i = 0; code == CT_OK && i < order->count; i++) {
        order->pairs[i].next = first[order->pairs[i].before];
        first[order->pairs[i].before] = (uint32_t)i;
    }
    uint32_t place = (uint32_t)count;
    for (size_t root = count; code == CT_OK && root-- > 0;) {
        if (met[root])
            continue;
        met[root] = 1;
        below[root] = NONE;
        for (uint32_t top = (uint32_t)root; top != NONE;) {
            uint32_t pair = first[top];
            if (pair == NONE) { /* all that stands behind it has its place */
                places[top] = --place;
                top = below[top];
                continue;
            }
            first[top] = order->pairs[pair].next;
            uint32_t behind = order->pairs[pair].behind;
            if (met[behind])
                continue;
            met[behind] = 1;
            below[behind] = top;
            top = behind;
        }
    }
    ct_free(allocator, first);
    ct_free(allocator, below);
    ct_free(allocator, met);
    return code;
}

void
ct_variable_order_free(ct_variable_order *order)
{
    ct_free(order->seen.keys.allocator, order->pairs);
    ct_intern_free(&order->seen);
}
