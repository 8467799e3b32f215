/* yyjson with a caller's memory. */
#ifndef CT_UTIL_JSON_MEMORY_H
#define CT_UTIL_JSON_MEMORY_H

#include <yyjson.h>

#include "codetracer/memory.h"

/* Fills *memory and returns it; the documents made with it use the allocator, not *memory. */
const yyjson_alc *ct_json_memory(const ct_allocator *allocator, yyjson_alc *memory);

#endif
