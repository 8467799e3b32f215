/* The live file (docs/journal-format.md, "The live file"): a mapping of slots, each holding one block that is being filled or waits
 * to be written. The order of stores into a slot's header is what makes a kill at any instruction harmless; it is all in live.c. */
#ifndef CT_JOURNAL_LIVE_H
#define CT_JOURNAL_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/error.h"
#include "codetracer/journal.h"
#include "util/os.h"

/* A block, but for its bytes. */
typedef struct ct_block {
    uint8_t kind;          /* enum ct_block_kind */
    uint16_t flags;
    uint32_t raw_size;     /* set when sealed */
    uint32_t boundary;     /* set when sealed */
    uint64_t sequence;     /* set when sealed; before that the next one */
    uint64_t segment, first, events;
    uint64_t time;         /* set when sealed */
} ct_block;

typedef struct ct_live {
    uint8_t *map;
    size_t map_size, data_offset, slot_size;
    uint32_t slot_count;
    ct_own_file file;
    const ct_allocator *allocator;
    size_t *reserved;      /* per slot: so many bytes of its data are on the disk; a store behind them may be a SIGBUS */
} ct_live;

/* Creates path (which must not exist), reserves space for its headers and the first `ordinary` bytes of each slot, and maps it; NULL: memory, no file. On failure
 * nothing is left behind. The caller blocks SIGXFSZ, also for ct_live_reserve(). */
ct_code ct_live_create(ct_live *live, const ct_system *system, const ct_allocator *allocator, const char *path, const uint8_t id[16], uint32_t slot_count,
                       size_t slot_size, size_t ordinary, ct_error *error);
void ct_live_close(ct_live *live); /* the file stays */

/* Space for the slot's first `size` bytes, which it keeps: 0 or an errno. `path`: the file's. By who fills the slot. */
int ct_live_reserve(ct_live *live, const ct_system *system, const char *path, uint32_t slot, size_t size);
static inline bool ct_live_has(const ct_live *live, uint32_t slot, size_t size) { return size <= live->reserved[slot]; }

uint8_t *ct_live_data(const ct_live *live, uint32_t slot);
uint64_t *ct_live_published(const ct_live *live, uint32_t slot);
void ct_live_fill(ct_live *live, uint32_t slot, const ct_block *block); /* free -> being filled */
void ct_live_renumber(ct_live *live, uint32_t slot, uint64_t sequence); /* being filled: another block was sealed */
void ct_live_seal(ct_live *live, uint32_t slot, const ct_block *block); /* being filled -> sealed */
void ct_live_free(ct_live *live, uint32_t slot);
void ct_live_failed(ct_live *live, ct_code code, int system); /* nothing is recorded any more, and why */

/* Fixed-width integers of the format. */
static inline void
ct_store16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void
ct_store32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static inline void
ct_store64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

#endif
