/* A map from ids to pointers: open addressing, linear probing, removal by shifting back, so that there are no tombstones.
 * Owns its cells, not what they point to. Zeroed but for the allocator is empty. Invariant: at most three quarters of the cells are taken.
 */
#ifndef CT_MODEL_ID_MAP_H
#define CT_MODEL_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/memory.h"

typedef struct ct_id_cell { uint64_t id; void *value; /* NULL: free */ } ct_id_cell;
typedef struct ct_id_map {
    ct_id_cell *cells;
    size_t count, mask; /* cells - 1; 0 while there are none */
    unsigned shift;
    const ct_allocator *allocator;
} ct_id_map;

static inline size_t
ct_id_map_home(const ct_id_map *map, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> map->shift);
}

static inline void *
ct_id_map_get(const ct_id_map *map, uint64_t id)
{
    if (!map->cells)
        return NULL;
    for (size_t i = ct_id_map_home(map, id);; i = (i + 1) & map->mask) {
        const ct_id_cell *cell = &map->cells[i];
        if (!cell->value || cell->id == id)
            return cell->value;
    }
}

static inline void
ct_id_map_place(ct_id_map *map, uint64_t id, void *value)
{
    size_t i = ct_id_map_home(map, id);
    while (map->cells[i].value)
        i = (i + 1) & map->mask;
    map->cells[i] = (ct_id_cell){id, value};
}

/* The id must not be in the map. False: no memory, nothing happened. */
static inline bool
ct_id_map_add(ct_id_map *map, uint64_t id, void *value)
{
    if (!map->cells || (map->count + 1) > map->mask - map->mask / 4) {
        ct_id_map old = *map;
        size_t size = old.cells ? (old.mask + 1) * 2 : 16;
        ct_id_cell *cells = ct_allocate_zero(map->allocator, size, sizeof *cells);
        if (!cells)
            return false;
        map->cells = cells;
        map->mask = size - 1;
        map->shift = old.cells ? old.shift - 1 : 60;
        for (size_t i = 0; old.cells && i <= old.mask; i++)
            if (old.cells[i].value)
                ct_id_map_place(map, old.cells[i].id, old.cells[i].value);
        ct_free(map->allocator, old.cells);
    }
    ct_id_map_place(map, id, value);
    map->count++;
    return true;
}

static inline void
ct_id_map_remove(ct_id_map *map, uint64_t id)
{
    if (!map->cells)
        return;
    size_t hole = ct_id_map_home(map, id);
    while (map->cells[hole].value && map->cells[hole].id != id)
        hole = (hole + 1) & map->mask;
    if (!map->cells[hole].value)
        return;
    map->count--;
    for (size_t i = (hole + 1) & map->mask; map->cells[i].value; i = (i + 1) & map->mask) {
        size_t home = ct_id_map_home(map, map->cells[i].id);
        if (((i - home) & map->mask) >= ((i - hole) & map->mask)) { /* its way from home passes the hole */
            map->cells[hole] = map->cells[i];
            hole = i;
        }
    }
    map->cells[hole].value = NULL;
}

static inline void
ct_id_map_clear(ct_id_map *map)
{
    if (map->cells)
        memset(map->cells, 0, (map->mask + 1) * sizeof *map->cells);
    map->count = 0;
}

static inline void
ct_id_map_free(ct_id_map *map)
{
    ct_free(map->allocator, map->cells);
    *map = (ct_id_map){.allocator = map->allocator};
}

#endif
