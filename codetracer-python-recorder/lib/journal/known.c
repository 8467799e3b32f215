/* Owns the hash tables behind interning: open addressing, linear probing, nothing is ever removed singly.
 * Invariant: a key is in a table at most once, and at least a quarter of the entries is empty, so that every probe ends. */
#include "journal/known.h"

#include <string.h>
#include <xxhash.h>

#include "util/memory.h"

enum { FIRST_CAPACITY = 256 };

ct_key
ct_key_of(uint64_t seed, uint64_t kind, const void *bytes, size_t count)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, count, seed ^ (kind * UINT64_C(0x9E3779B97F4A7C15)));
    return (ct_key){ .low = hash.low64, .high = hash.high64 };
}

static ct_known_entry *
probe(const ct_known *table, ct_key key)
{
    size_t at = (size_t)key.low & (table->capacity - 1);
    for (;;) {
        ct_known_entry *entry = &table->entries[at];
        if (entry->number_plus_1 == 0 || (entry->key.low == key.low && entry->key.high == key.high))
            return entry;
        at = (at + 1) & (table->capacity - 1);
    }
}

bool
ct_known_find(const ct_known *table, ct_key key, uint64_t *number)
{
    const ct_known_entry *entry;
    if (table->count == 0)
        return false;
    entry = probe(table, key);
    *number = entry->number_plus_1 - 1;
    return entry->number_plus_1 != 0;
}

static bool
grow(ct_known *table, const ct_known_memory *memory)
{
    ct_known bigger = { .capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY, .count = table->count };
    if (bigger.capacity > SIZE_MAX / 2 / sizeof *bigger.entries)
        return false;
    pthread_mutex_lock(memory->lock);
    bigger.entries = ct_allocate_zero(memory->allocator, bigger.capacity, sizeof *bigger.entries);
    if (bigger.entries) {
        for (size_t i = 0; i < table->capacity; i++)
            if (table->entries[i].number_plus_1 != 0)
                *probe(&bigger, table->entries[i].key) = table->entries[i];
        ct_free(memory->allocator, table->entries);
        *table = bigger;
    }
    pthread_mutex_unlock(memory->lock);
    return bigger.entries != NULL;
}

bool
ct_known_add(ct_known *table, const ct_known_memory *memory, ct_key key, uint64_t number)
{
    if ((table->count + 1) > table->capacity / 4 * 3 && !grow(table, memory))
        return false;
    *probe(table, key) = (ct_known_entry){ .key = key, .number_plus_1 = number + 1 };
    table->count++;
    return true;
}

void
ct_known_free(ct_known *table, const ct_allocator *allocator)
{
    ct_free(allocator, table->entries);
    *table = (ct_known){ 0 };
}

bool
ct_recent_find(ct_recent *recent, const ct_known_memory *memory, ct_key key, uint64_t *number)
{
    if (ct_known_find(&recent->young, key, number))
        return true;
    if (!ct_known_find(&recent->old, key, number))
        return false;
    /* Without memory it only stays old. A number that is in both generations is the same in both. */
    (void)ct_recent_add(recent, memory, key, *number);
    return true;
}

bool
ct_recent_add(ct_recent *recent, const ct_known_memory *memory, ct_key key, uint64_t number)
{
    if (recent->young.count >= recent->limit / 2) {
        ct_known oldest = recent->old;
        pthread_mutex_lock(memory->lock);
        recent->old = recent->young;
        recent->young = oldest;
        pthread_mutex_unlock(memory->lock);
        if (recent->young.count > 0)
            memset(recent->young.entries, 0, recent->young.capacity * sizeof *recent->young.entries);
        recent->young.count = 0;
    }
    return ct_known_add(&recent->young, memory, key, number);
}

void
ct_recent_renumber(ct_recent *recent, ct_key key, uint64_t number)
{
    ct_known *tables[] = { &recent->young, &recent->old };
    for (int i = 0; i < 2; i++) {
        uint64_t before;
        if (ct_known_find(tables[i], key, &before))
            probe(tables[i], key)->number_plus_1 = number + 1;
    }
}

void
ct_recent_free(ct_recent *recent, const ct_allocator *allocator)
{
    ct_known_free(&recent->young, allocator);
    ct_known_free(&recent->old, allocator);
}
