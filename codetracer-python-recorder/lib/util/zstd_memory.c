/* See zstd_memory.h. */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_customMem; the library brings its own zstd, of a known version */
#include "util/zstd_memory.h"

#include <stdint.h>

#include "util/memory.h"

static void *
allocate(void *allocator, size_t size)
{
    return ct_allocate(allocator, size);
}

static void
give_back(void *allocator, void *block)
{
    ct_free(allocator, block);
}

static ZSTD_customMem
memory_of(const ct_allocator *allocator)
{
    return (ZSTD_customMem){allocate, give_back, (void *)(uintptr_t)allocator};
}

ZSTD_CCtx *
ct_zstd_compressor(const ct_allocator *allocator)
{
    return ZSTD_createCCtx_advanced(memory_of(allocator));
}

ZSTD_DCtx *
ct_zstd_decompressor(const ct_allocator *allocator)
{
    return ZSTD_createDCtx_advanced(memory_of(allocator));
}
