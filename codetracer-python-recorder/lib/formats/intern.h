/* Byte strings to dense numbers, in order of first use. */
#ifndef CT_FORMATS_INTERN_H
#define CT_FORMATS_INTERN_H

#include "codetracer/error.h"
#include "formats/buffer.h"

typedef struct ct_intern_entry { uint64_t hash; size_t offset, size; } ct_intern_entry;
typedef struct ct_intern {
    uint32_t *slots;           /* number + 1; 0 = free */
    size_t slot_count;         /* a power of two */
    ct_intern_entry *entries;
    size_t count, capacity;
    ct_buffer keys;
} ct_intern;                   /* empty when all but keys.allocator is zero */

/* *number of the key; *is_new (NULL is allowed): it was not there. */
ct_code ct_intern_add(ct_intern *intern, const void *key, size_t size, uint32_t *number, bool *is_new);
void ct_intern_free(ct_intern *intern);

#endif
