/* Memory of a caller's allocator; NULL is the C library's. So whatever is all zero takes memory from the C library.
 * No other file of the library calls malloc() and its like. */
#ifndef CT_UTIL_MEMORY_H
#define CT_UTIL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "codetracer/memory.h"

/* NULL: no memory, and the block is as it was. A size of 0 is as good as 1. */
void *ct_resize(const ct_allocator *allocator, void *block, size_t size);
void *ct_allocate(const ct_allocator *allocator, size_t size);
void *ct_allocate_zero(const ct_allocator *allocator, size_t count, size_t size);
void ct_free(const ct_allocator *allocator, void *block); /* NULL: nothing happens */

/* Room in an array for one item behind its first `count`; false: no memory, and the array is as it was. array: where its pointer stands. */
bool ct_grow(const ct_allocator *allocator, void *array, size_t *capacity, size_t count, size_t size);
#define CT_GROW(allocator, items, capacity, count) ct_grow((allocator), &(items), &(capacity), (count), sizeof *(items))

/* count bytes and a zero behind them. */
char *ct_copy_text(const ct_allocator *allocator, const char *bytes, size_t count);

#endif
