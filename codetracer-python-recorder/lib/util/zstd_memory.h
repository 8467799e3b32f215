/* zstd's contexts with a caller's memory. */
#ifndef CT_UTIL_ZSTD_MEMORY_H
#define CT_UTIL_ZSTD_MEMORY_H

#include <zstd.h>

#include "codetracer/memory.h"

ZSTD_CCtx *ct_zstd_compressor(const ct_allocator *allocator);
ZSTD_DCtx *ct_zstd_decompressor(const ct_allocator *allocator);

#endif
