/* See intern.h: open addressing, at most half full, keys copied into one buffer. */
#include "formats/intern.h"

#include <xxhash.h>

static ct_code
grow(ct_intern *intern)
{
    if (intern->count == intern->capacity) {
        size_t capacity = intern->capacity ? intern->capacity * 2 : 64;
        ct_intern_entry *entries = ct_resize(intern->keys.allocator, intern->entries, capacity * sizeof *entries);
        if (!entries)
            return CT_E_NOMEM;
        intern->entries = entries;
        intern->capacity = capacity;
    }
    if ((intern->count + 1) * 2 <= intern->slot_count)
        return CT_OK;
    size_t slot_count = intern->slot_count ? intern->slot_count * 2 : 128;
    uint32_t *slots = ct_allocate_zero(intern->keys.allocator, slot_count, sizeof *slots);
    if (!slots)
        return CT_E_NOMEM;
    for (size_t i = 0; i < intern->count; i++) {
        size_t at = intern->entries[i].hash & (slot_count - 1);
        while (slots[at])
            at = (at + 1) & (slot_count - 1);
        slots[at] = (uint32_t)i + 1;
    }
    ct_free(intern->keys.allocator, intern->slots);
    intern->slots = slots;
    intern->slot_count = slot_count;
    return CT_OK;
}

ct_code
ct_intern_add(ct_intern *intern, const void *key, size_t size, uint32_t *number, bool *is_new)
{
    uint64_t hash = XXH3_64bits(size ? key : "", size);
    size_t at = 0;
    if (is_new)
        *is_new = false;
    if (intern->slot_count)
        for (at = hash & (intern->slot_count - 1); intern->slots[at]; at = (at + 1) & (intern->slot_count - 1)) {
            const ct_intern_entry *entry = &intern->entries[intern->slots[at] - 1];
            if (entry->hash == hash && entry->size == size && (!size || memcmp(intern->keys.bytes + entry->offset, key, size) == 0)) {
                *number = intern->slots[at] - 1;
                return CT_OK;
            }
        }
    if (intern->count >= UINT32_MAX - 1)
        return CT_E_LIMIT;
    CT_TRY(grow(intern));
    size_t offset = intern->keys.size;
    ct_buffer_add(&intern->keys, key, size);
    if (intern->keys.failed)
        return CT_E_NOMEM;
    for (at = hash & (intern->slot_count - 1); intern->slots[at]; at = (at + 1) & (intern->slot_count - 1))
        ;
    *number = (uint32_t)intern->count;
    intern->entries[intern->count++] = (ct_intern_entry){ .hash = hash, .offset = offset, .size = size };
    intern->slots[at] = *number + 1;
    if (is_new)
        *is_new = true;
    return CT_OK;
}

void
ct_intern_free(ct_intern *intern)
{
    ct_free(intern->keys.allocator, intern->slots);
    ct_free(intern->keys.allocator, intern->entries);
    ct_buffer_free(&intern->keys);
    *intern = (ct_intern){ .keys.allocator = intern->keys.allocator };
}
