/* See memory.h. */
#include "util/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *
ct_resize(const ct_allocator *allocator, void *block, size_t size)
{
    if (!size)
        size = 1;
    return allocator ? allocator->resize(allocator->context, block, size) : realloc(block, size);
}

void *
ct_allocate(const ct_allocator *allocator, size_t size)
{
    return ct_resize(allocator, NULL, size);
}

void *
ct_allocate_zero(const ct_allocator *allocator, size_t count, size_t size)
{
    if (!allocator)
        return calloc(count ? count : 1, size);
    if (count > SIZE_MAX / size)
        return NULL;
    void *block = ct_allocate(allocator, count * size);
    return block ? memset(block, 0, count * size) : NULL;
}

void
ct_free(const ct_allocator *allocator, void *block)
{
    if (!allocator)
        free(block);
    else if (block)
        allocator->resize(allocator->context, block, 0);
}

bool
ct_grow(const ct_allocator *allocator, void *array, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *items;
    memcpy(&items, array, sizeof items);
    items = wanted > SIZE_MAX / size ? NULL : ct_resize(allocator, items, wanted * size);
    if (!items)
        return false;
    memcpy(array, &items, sizeof items);
    *capacity = wanted;
    return true;
}

char *
ct_copy_text(const ct_allocator *allocator, const char *bytes, size_t count)
{
    char *copy = ct_allocate(allocator, count + 1);
    if (copy) {
        memcpy(copy, bytes, count);
        copy[count] = 0;
    }
    return copy;
}
