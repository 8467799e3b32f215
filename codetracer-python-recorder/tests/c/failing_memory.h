/* An allocator that counts, and whose n-th call for memory fails. */
#ifndef FAILING_MEMORY_H
#define FAILING_MEMORY_H

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include <codetracer/memory.h>

enum { NOTHING_FAILS = -1 };

typedef struct failing_memory {
    ct_allocator allocator;
    long left;         /* calls for memory until one fails */
    bool all_behind;   /* and all after it */
    long calls, failed;
    long live;         /* blocks not given back */
} failing_memory;

static void *
failing_resize(void *context, void *block, size_t size)
{
    failing_memory *memory = context;
    if (size == 0) {
        __atomic_fetch_sub(&memory->live, block != NULL, __ATOMIC_RELAXED);
        free(block);
        return NULL;
    }
    __atomic_fetch_add(&memory->calls, 1, __ATOMIC_RELAXED);
    long left = __atomic_fetch_sub(&memory->left, 1, __ATOMIC_RELAXED);
    if (left == 0 || (left < 0 && memory->all_behind)) {
        __atomic_fetch_add(&memory->failed, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    void *grown = realloc(block, size);
    __atomic_fetch_add(&memory->live, !block && grown, __ATOMIC_RELAXED);
    return grown;
}

/* left: how many calls succeed before one fails, or NOTHING_FAILS. */
static inline const ct_allocator *
failing_memory_start(failing_memory *memory, long left)
{
    *memory = (failing_memory){.allocator = {memory, failing_resize}, .left = left < 0 ? LONG_MAX : left};
    return &memory->allocator;
}

#endif
