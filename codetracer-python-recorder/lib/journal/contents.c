/* Fetches contents: a few decompressed blocks, and copies of the contents used last, in the order of use.
 *
 * Invariant: by_id has exactly copies[0 … count), linked from newest to oldest.
 */

#include "journal/contents.h"

/* Beyond so many bytes only the sure ones stay, and only one block. */
#define BYTES_KEPT ((uint64_t)32 << 20)

/* ---- blocks ---- */

static ct_code
index_block(ct_content_block *block, const ct_journal *journal, const ct_block_entry *entry, ct_error *error)
{
    ct_input in = {block->raw, block->raw + entry->raw, false};
    block->count = 0;
    while (in.at < in.end) {
        size_t offset = (size_t)(in.at - block->raw);
        uint8_t kind = ct_take_byte(&in);
        ct_take_varint(&in);
        ct_take_text(&in);
        if (in.bad || kind < CT_CONTENT_TEXT || kind > CT_CONTENT_NEGATIVE)
            return ct_journal_fail(journal, error, CT_E_CORRUPT, "a content breaks the format", ct_block_position(entry, offset));
        if (block->count == block->offset_capacity) {
            size_t capacity = block->offset_capacity ? block->offset_capacity * 2 : 64;
            uint32_t *offsets = ct_resize(block->allocator, block->offsets, capacity * sizeof *offsets);
            if (!offsets)
                return ct_fail(error, CT_E_NOMEM, "no memory for contents", 0, 0);
            block->offsets = offsets;
            block->offset_capacity = capacity;
        }
        block->offsets[block->count++] = (uint32_t)offset;
    }
    return CT_OK;
}

static void
free_block(ct_content_block *block)
{
    ct_free(block->allocator, block->raw);
    ct_free(block->allocator, block->offsets);
    *block = (ct_content_block){.allocator = block->allocator};
}

/* The last content block that begins at id or before. */
static const ct_block_entry *
find_block(const ct_journal *journal, uint64_t id)
{
    size_t low = 0, high = journal->contents.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (journal->contents.blocks[middle].first <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &journal->contents.blocks[low - 1] : NULL;
}

static ct_code
load_block(ct_contents *contents, const ct_journal *journal, const ct_block_entry *entry, ct_content_block **found, ct_error *error)
{
    ct_content_block *oldest = &contents->blocks[0];
    uint64_t bytes = 0;
    for (size_t i = 0; i < CT_CONTENT_BLOCKS; i++) {
        ct_content_block *block = &contents->blocks[i];
        if (block->entry == entry) {
            block->used = ++contents->clock;
            *found = block;
            return CT_OK;
        }
        bytes += block->capacity;
        if (block->used < oldest->used)
            oldest = block;
    }
    if (bytes + entry->raw > BYTES_KEPT)
        for (size_t i = 0; i < CT_CONTENT_BLOCKS; i++)
            free_block(&contents->blocks[i]);
    oldest->entry = NULL;
    oldest->allocator = contents->allocator;
    CT_TRY(ct_block_read(&contents->reader, journal, entry, &oldest->raw, &oldest->capacity, error));
    CT_TRY(index_block(oldest, journal, entry, error));
    oldest->entry = entry;
    oldest->used = ++contents->clock;
    *found = oldest;
    return CT_OK;
}

/* ---- copies ---- */

static void
unlink_copy(ct_contents *contents, uint16_t i)
{
    ct_content_copy *copy = &contents->copies[i];
    if (contents->newest == i)
        contents->newest = copy->older;
    else
        contents->copies[copy->newer].older = copy->older;
    if (contents->oldest == i)
        contents->oldest = copy->newer;
    else
        contents->copies[copy->older].newer = copy->newer;
}

/* others: how many are linked besides this one. */
static void
link_newest(ct_contents *contents, uint16_t i, size_t others)
{
    if (others) {
        contents->copies[contents->newest].newer = i;
        contents->copies[i].older = contents->newest;
    }
    else
        contents->oldest = i;
    contents->newest = i;
}

/* Where the next copy goes: a free place, or that of the one not used for longest. It is in no list and not in the map. */
static uint16_t
make_place(ct_contents *contents, size_t size)
{
    bool large = contents->bytes + size > BYTES_KEPT;
    if (contents->count < CT_CONTENTS_SURE || (contents->count < CT_CONTENTS_KEPT && !large))
        return (uint16_t)contents->count++;
    uint16_t i = contents->oldest;
    ct_id_map_remove(&contents->by_id, contents->copies[i].id);
    unlink_copy(contents, i);
    return i;
}

static bool
fill(ct_contents *contents, ct_content_copy *copy, const uint8_t *bytes, size_t size)
{
    if (copy->capacity < size || copy->capacity / 4 > size) {
        ct_free(contents->allocator, copy->bytes);
        contents->bytes -= copy->capacity;
        copy->capacity = 0;
        copy->bytes = ct_allocate(contents->allocator, size ? size : 1);
        if (!copy->bytes)
            return false;
        copy->capacity = size;
        contents->bytes += size;
    }
    if (size)
        memcpy(copy->bytes, bytes, size);
    copy->size = size;
    return true;
}

/* A place that could not be filled becomes the last one, and is given up. */
static void
give_up_place(ct_contents *contents, uint16_t i)
{
    uint16_t last = (uint16_t)(contents->count - 1);
    ct_content_copy *copy = &contents->copies[i], *moved = &contents->copies[last];
    ct_free(contents->allocator, copy->bytes);
    contents->bytes -= copy->capacity;
    *copy = (ct_content_copy){0};
    if (i != last) {
        *copy = *moved;
        if (contents->newest == last)
            contents->newest = i;
        else
            contents->copies[copy->newer].older = i;
        if (contents->oldest == last)
            contents->oldest = i;
        else
            contents->copies[copy->older].newer = i;
        ct_id_map_remove(&contents->by_id, copy->id);
        ct_id_map_add(&contents->by_id, copy->id, copy); /* there is room: one was removed */
        *moved = (ct_content_copy){0};
    }
    contents->count--;
}

ct_code
ct_contents_fetch(ct_contents *contents, const ct_journal *journal, uint64_t id, const ct_content_copy **found, ct_error *error)
{
    contents->allocator = contents->by_id.allocator = journal->allocator;
    ct_content_copy *copy = ct_id_map_get(&contents->by_id, id);
    if (copy) {
        uint16_t i = (uint16_t)(copy - contents->copies);
        if (contents->newest != i) {
            unlink_copy(contents, i);
            link_newest(contents, i, contents->count - 1);
        }
        *found = copy;
        return CT_OK;
    }
    const ct_block_entry *entry = find_block(journal, id);
    if (!entry)
        return ct_fail(error, CT_E_CORRUPT, "a content is not in the journal", 0, 0);
    ct_content_block *block;
    CT_TRY(load_block(contents, journal, entry, &block, error));
    if (id - entry->first >= block->count)
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "a content is not in the journal", entry->position);
    ct_input in = {block->raw + block->offsets[id - entry->first], block->raw + entry->raw, false};
    uint8_t kind = ct_take_byte(&in);
    uint64_t true_length = ct_take_varint(&in);
    ct_text text = ct_take_text(&in);

    uint16_t place = make_place(contents, text.size);
    copy = &contents->copies[place];
    if (!fill(contents, copy, (const uint8_t *)text.bytes, text.size) || !ct_id_map_add(&contents->by_id, id, copy)) {
        give_up_place(contents, place);
        return ct_fail(error, CT_E_NOMEM, "no memory for a content", 0, 0);
    }
    copy->id = id;
    copy->kind = kind;
    copy->true_length = true_length;
    link_newest(contents, place, contents->count - 1);
    *found = copy;
    return CT_OK;
}

void
ct_contents_free(ct_contents *contents)
{
    for (size_t i = 0; i < CT_CONTENTS_KEPT; i++)
        ct_free(contents->allocator, contents->copies[i].bytes);
    for (size_t i = 0; i < CT_CONTENT_BLOCKS; i++)
        free_block(&contents->blocks[i]);
    ct_id_map_free(&contents->by_id);
    ct_block_reader_free(&contents->reader);
}
