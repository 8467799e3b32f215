/* The two containers that the recorder is made of: a map from pointers to pointers, and a stack of bytes.
 *
 * Memory comes from malloc, never from Python's allocators: our own frees must not look like deaths of the program's objects
 * (lifetime.c), nor show in tracemalloc.
 */
#include "recorder.h"

#include <stdlib.h>

#define REMOVED ((const void *)1)

static size_t
slot_of(const void *key, size_t mask)
{
    return (size_t)(((uintptr_t)key >> 4) * 0x9E3779B97F4A7C15u >> 17) & mask;
}

void *
pointer_map_get(const pointer_map *map, const void *key)
{
    if (map->entries == NULL)
        return NULL;
    for (size_t i = slot_of(key, map->mask);; i = (i + 1) & map->mask) {
        if (map->entries[i].key == key)
            return map->entries[i].value;
        if (map->entries[i].key == NULL)
            return NULL;
    }
}

static bool
resize(pointer_map *map)
{
    size_t size = 64;
    while (size < map->live * 4)
        size *= 2;
    struct pointer_entry *entries = calloc(size, sizeof *entries);
    if (entries == NULL)
        return false;
    for (size_t i = 0; map->entries && i <= map->mask; i++) {
        if (map->entries[i].key == NULL || map->entries[i].key == REMOVED)
            continue;
        size_t at = slot_of(map->entries[i].key, size - 1);
        while (entries[at].key)
            at = (at + 1) & (size - 1);
        entries[at] = map->entries[i];
    }
    free(map->entries);
    map->entries = entries;
    map->mask = size - 1;
    map->used = map->live;
    return true;
}

bool
pointer_map_set(pointer_map *map, const void *key, void *value)
{
    /* At three quarters, a key that is not there takes 8.5 probes on the average (Knuth 6.4); most keys that are asked for, freed blocks, are not. */
    if (map->entries == NULL || (map->used + 1) * 8 > (map->mask + 1) * 5)
        if (!resize(map))
            return false;
    size_t at = slot_of(key, map->mask), removed = SIZE_MAX;
    for (; map->entries[at].key; at = (at + 1) & map->mask) {
        if (map->entries[at].key == key) {
            map->entries[at].value = value;
            return true;
        }
        if (map->entries[at].key == REMOVED && removed == SIZE_MAX)
            removed = at;
    }
    if (removed != SIZE_MAX)
        at = removed;
    else
        map->used++;
    map->live++;
    map->entries[at] = (struct pointer_entry){key, value};
    return true;
}

void *
pointer_map_remove(pointer_map *map, const void *key)
{
    if (map->entries == NULL)
        return NULL;
    for (size_t i = slot_of(key, map->mask); map->entries[i].key; i = (i + 1) & map->mask)
        if (map->entries[i].key == key) {
            void *value = map->entries[i].value;
            map->entries[i] = (struct pointer_entry){REMOVED, NULL};
            map->live--;
            /* What ends a run of entries need not be passed by. */
            if (map->entries[(i + 1) & map->mask].key == NULL)
                for (; map->entries[i].key == REMOVED; i = (i - 1) & map->mask, map->used--)
                    map->entries[i].key = NULL;
            return value;
        }
    return NULL;
}

void
pointer_map_clear(pointer_map *map)
{
    free(map->entries);
    *map = (pointer_map){0};
}

uint8_t *
scratch_room(scratch *s, size_t count)
{
    if (s->capacity - s->size < count) {
        size_t capacity = s->capacity ? s->capacity : 4096;
        while (capacity - s->size < count)
            capacity *= 2;
        uint8_t *bytes = realloc(s->bytes, capacity);
        if (bytes == NULL)
            return NULL;
        s->bytes = bytes;
        s->capacity = capacity;
    }
    return s->bytes + s->size;
}
