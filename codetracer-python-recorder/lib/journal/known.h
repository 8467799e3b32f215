/* Numbers by content: what was written once is found again by the 128-bit hash of its kind and bytes.
 * Not thread-safe, except that `lock` is held while memory is exchanged, so that a fork (whose handler holds it) finds a whole table. */
#ifndef CT_JOURNAL_KNOWN_H
#define CT_JOURNAL_KNOWN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/memory.h"

typedef struct ct_key { uint64_t low, high; } ct_key;

/* Different kinds (anything that tells apart) never share a key; seed: the recording's own, so that no program can aim at collisions. */
ct_key ct_key_of(uint64_t seed, uint64_t kind, const void *bytes, size_t count);

typedef struct ct_known_entry {
    ct_key key;
    uint64_t number_plus_1; /* 0: empty */
} ct_known_entry;

typedef struct ct_known {
    ct_known_entry *entries;
    size_t capacity, count; /* capacity: 0 or a power of two, at most three quarters full */
} ct_known;

typedef struct ct_known_memory { const ct_allocator *allocator; pthread_mutex_t *lock; } ct_known_memory;

bool ct_known_find(const ct_known *table, ct_key key, uint64_t *number);
bool ct_known_add(ct_known *table, const ct_known_memory *memory, ct_key key, uint64_t number); /* not yet in it. false: no memory */
void ct_known_free(ct_known *table, const ct_allocator *allocator);

/* A bounded table: two generations of at most `limit` / 2 each. What is found or added goes into the young one; when that is full the old one
 * is emptied and they change places. So an entry is forgotten only when limit / 2 others were used since. */
typedef struct ct_recent {
    ct_known young, old;
    size_t limit;
} ct_recent;

bool ct_recent_find(ct_recent *recent, const ct_known_memory *memory, ct_key key, uint64_t *number);
bool ct_recent_add(ct_recent *recent, const ct_known_memory *memory, ct_key key, uint64_t number);
/* The same content has another number from now on. */
void ct_recent_renumber(ct_recent *recent, ct_key key, uint64_t number);
void ct_recent_free(ct_recent *recent, const ct_allocator *allocator);

#endif
