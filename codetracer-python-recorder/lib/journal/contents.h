/* Contents: long texts, byte strings and integers, by number, as one replay fetches them. Format: docs/journal-format.md, "Content". */
#ifndef CT_JOURNAL_CONTENTS_H
#define CT_JOURNAL_CONTENTS_H

#include "journal/reader.h"
#include "model/id_map.h"

/* Of the contents fetched, this many last ones stay, and more while they are small. */
enum { CT_CONTENTS_SURE = 64, CT_CONTENTS_KEPT = 256, CT_CONTENT_BLOCKS = 8 };

typedef struct ct_content_copy {
    uint64_t id, true_length;
    uint8_t kind;
    uint8_t *bytes;
    size_t size, capacity;
    uint16_t newer, older; /* in the order of use */
} ct_content_copy;

typedef struct ct_content_block {
    const ct_block_entry *entry; /* NULL: free */
    uint8_t *raw;
    size_t capacity;
    uint32_t *offsets;
    size_t count, offset_capacity;
    uint64_t used;               /* clock */
    const ct_allocator *allocator;
} ct_content_block;

typedef struct ct_contents {
    const ct_allocator *allocator; /* the journal's, from the first fetch on */
    ct_id_map by_id;             /* ct_content_copy * */
    ct_content_copy copies[CT_CONTENTS_KEPT];
    size_t count;
    uint64_t bytes;
    uint16_t newest, oldest;
    ct_content_block blocks[CT_CONTENT_BLOCKS];
    uint64_t clock;
    ct_block_reader reader;
} ct_contents;

/* Zeroed is ready. The copy stays at least until CT_CONTENTS_SURE others were fetched. */
ct_code ct_contents_fetch(ct_contents *contents, const ct_journal *journal, uint64_t id, const ct_content_copy **copy, ct_error *error);
void ct_contents_free(ct_contents *contents);

#endif
