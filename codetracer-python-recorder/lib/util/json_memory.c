/* See json_memory.h. */
#include "util/json_memory.h"

#include <stdint.h>

#include "util/memory.h"

static void *
allocate(void *allocator, size_t size)
{
    return ct_allocate(allocator, size);
}

static void *
resize(void *allocator, void *block, size_t old, size_t size)
{
    (void)old;
    return ct_resize(allocator, block, size);
}

static void
give_back(void *allocator, void *block)
{
    ct_free(allocator, block);
}

const yyjson_alc *
ct_json_memory(const ct_allocator *allocator, yyjson_alc *memory)
{
    *memory = (yyjson_alc){allocate, resize, give_back, (void *)(uintptr_t)allocator};
    return memory;
}
