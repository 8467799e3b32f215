/* See ctfs.h. The mapping of section 1.3: a tree of level L covers 511^L data blocks; the root of each is found through pointer 511 of the
 * root before it. Blocks are handed out in the order of section 1.4. */
#include "formats/ctfs.h"

#include <errno.h>
#include <unistd.h>

#include "formats/outfile.h"
#include "util/os.h"

enum { POINTERS = 511, LEAST_ENTRIES = 31 };

typedef struct mapping {
    uint64_t block;
    size_t used;                   /* pointers set, of the 511 */
    uint8_t bytes[CT_CTFS_BLOCK];
} mapping;

struct ct_ctfs_file {
    uint64_t size, root, name;
    unsigned level;                /* of the tree being filled: 1 … 5 */
    mapping maps[CT_CTFS_LEVELS];  /* [0] holds data blocks, [level - 1] is the root of the tree; those between lead to it */
    uint64_t data_block;           /* of `data`; 0: none is open */
    size_t data_used;
    uint8_t data[CT_CTFS_BLOCK];
};

static uint64_t
base40(const char *name)
{
    static const char ALPHABET[] = "0123456789abcdefghijklmnopqrstuvwxyz./-";
    uint64_t value = 0;
    for (size_t i = strlen(name); i-- > 0;)
        value = value * 40 + (uint64_t)(strchr(ALPHABET, name[i]) - ALPHABET) + 1;
    return value;
}

static void
put_u64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void
put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static ct_code
write_at(ct_ctfs *ctfs, uint64_t block, const uint8_t *bytes, size_t count)
{
    if (ctfs->sink)
        return ctfs->sink->write_at(ctfs->sink->context, block * CT_CTFS_BLOCK, bytes, count * CT_CTFS_BLOCK, ctfs->error);
    int problem = ct_write_fully_at(ctfs->file, bytes, count * CT_CTFS_BLOCK, block * CT_CTFS_BLOCK);
    return problem ? ct_fail(ctfs->error, CT_E_IO, "cannot write the container", block * CT_CTFS_BLOCK, problem) : CT_OK;
}

/* The newest blocks, up to `end`, go to the file: what is not settled yet as zeros, to be written over. */
static ct_code
write_newest(ct_ctfs *ctfs, uint64_t end)
{
    uint64_t count = end - ctfs->first_newest;
    if (count > CT_CTFS_TOGETHER)
        count = CT_CTFS_TOGETHER;
    CT_TRY(write_at(ctfs, ctfs->first_newest, ctfs->newest, (size_t)count));
    memset(ctfs->newest, 0, (size_t)count * CT_CTFS_BLOCK);
    ctfs->first_newest += count;
    return CT_OK;
}

static ct_code
write_block(ct_ctfs *ctfs, uint64_t block, const uint8_t *bytes)
{
    if (block < ctfs->first_newest)
        return write_at(ctfs, block, bytes, 1);
    while (block - ctfs->first_newest >= CT_CTFS_TOGETHER)
        CT_TRY(write_newest(ctfs, block));
    memcpy(ctfs->newest + (block - ctfs->first_newest) * CT_CTFS_BLOCK, bytes, CT_CTFS_BLOCK);
    return CT_OK;
}

ct_code
ct_ctfs_create(ct_ctfs *ctfs, const char *path, const ct_allocator *allocator, ct_error *error)
{
    *ctfs = (ct_ctfs){ .file = ct_create_file(path), .next_block = 1, .allocator = allocator, .error = error };
    if (ctfs->file < 0)
        return ct_fail(error, CT_E_IO, "cannot create the container", 0, errno);
    ctfs->newest = ct_allocate_zero(allocator, CT_CTFS_TOGETHER, CT_CTFS_BLOCK);
    if (ctfs->newest)
        return CT_OK;
    ct_ctfs_abandon(ctfs);
    unlink(path);
    return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
}

ct_code
ct_ctfs_create_in(ct_ctfs *ctfs, const ct_sink *sink, const ct_allocator *allocator, ct_error *error)
{
    *ctfs = (ct_ctfs){ .file = -1, .sink = sink, .next_block = 1, .allocator = allocator, .error = error };
    ctfs->newest = ct_allocate_zero(allocator, CT_CTFS_TOGETHER, CT_CTFS_BLOCK);
    return ctfs->newest ? CT_OK : ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
}

static void
open_map(ct_ctfs *ctfs, mapping *map)
{
    map->block = ctfs->next_block++;
    map->used = 0;
    memset(map->bytes, 0, sizeof map->bytes);
}

ct_code
ct_ctfs_add(ct_ctfs *ctfs, unsigned slot, const char *name, ct_ctfs_file **file)
{
    if (slot >= CT_CTFS_ENTRIES || ctfs->files[slot])
        return ct_fail(ctfs->error, CT_E_PARAM, "no such slot in the container", 0, 0);
    ct_ctfs_file *added = ct_allocate_zero(ctfs->allocator, 1, sizeof *added);
    if (!added)
        return ct_fail(ctfs->error, CT_E_NOMEM, "no memory", 0, 0);
    added->name = base40(name);
    added->level = 1;
    open_map(ctfs, &added->maps[0]);
    added->root = added->maps[0].block;
    ctfs->files[slot] = added;
    *file = added;
    return CT_OK;
}

uint64_t ct_ctfs_size(const ct_ctfs_file *file) { return file->size; }

static void
set_pointer(mapping *map, size_t index, uint64_t block)
{
    put_u64(map->bytes + 8 * index, block);
}

/* A place for one more pointer in maps[0]: full mapping blocks are written and new ones opened. */
static ct_code
make_room(ct_ctfs *ctfs, ct_ctfs_file *file)
{
    unsigned free_at = 0;
    if (file->maps[0].used < POINTERS)
        return CT_OK;
    while (free_at < file->level && file->maps[free_at].used == POINTERS)
        free_at++;
    if (free_at == file->level) { /* the tree is full: the next one hangs on its root */
        if (file->level == CT_CTFS_LEVELS)
            return ct_fail(ctfs->error, CT_E_LIMIT, "an inner file is too big for the container", 0, 0);
        for (unsigned i = 0; i + 1 < file->level; i++)
            CT_TRY(write_block(ctfs, file->maps[i].block, file->maps[i].bytes));
        uint64_t chain = ctfs->next_block;
        set_pointer(&file->maps[file->level - 1], POINTERS, chain);
        CT_TRY(write_block(ctfs, file->maps[file->level - 1].block, file->maps[file->level - 1].bytes));
        file->level++;
        free_at = file->level - 1;
        open_map(ctfs, &file->maps[free_at]);
    } else
        for (unsigned i = 0; i < free_at; i++)
            CT_TRY(write_block(ctfs, file->maps[i].block, file->maps[i].bytes));
    for (unsigned i = free_at; i > 0; i--) {
        set_pointer(&file->maps[i], file->maps[i].used++, ctfs->next_block);
        open_map(ctfs, &file->maps[i - 1]);
    }
    return CT_OK;
}

ct_code
ct_ctfs_append(ct_ctfs *ctfs, ct_ctfs_file *file, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    while (count) {
        if (!file->data_block) {
            CT_TRY(make_room(ctfs, file));
            file->data_block = ctfs->next_block++;
            file->data_used = 0;
            set_pointer(&file->maps[0], file->maps[0].used++, file->data_block);
        }
        size_t part = CT_CTFS_BLOCK - file->data_used;
        if (part > count)
            part = count;
        memcpy(file->data + file->data_used, at, part);
        file->data_used += part;
        file->size += part;
        at += part;
        count -= part;
        if (file->data_used == CT_CTFS_BLOCK) {
            CT_TRY(write_block(ctfs, file->data_block, file->data));
            file->data_block = 0;
        }
    }
    return CT_OK;
}

static ct_code
finish_file(ct_ctfs *ctfs, ct_ctfs_file *file)
{
    if (file->data_block) {
        memset(file->data + file->data_used, 0, CT_CTFS_BLOCK - file->data_used);
        CT_TRY(write_block(ctfs, file->data_block, file->data));
    }
    for (unsigned i = 0; i < file->level; i++)
        CT_TRY(write_block(ctfs, file->maps[i].block, file->maps[i].bytes));
    return CT_OK;
}

ct_code
ct_ctfs_finish(ct_ctfs *ctfs, uint64_t *bytes)
{
    uint8_t first[CT_CTFS_BLOCK] = { 0xC0, 0xDE, 0x72, 0xAC, 0xE2, 4, 0, 1 }; /* magic, version, no encryption, one shard */
    put_u32(first + 8, CT_CTFS_BLOCK);
    unsigned entries = LEAST_ENTRIES;
    for (unsigned i = entries; i < CT_CTFS_ENTRIES; i++)
        entries = ctfs->files[i] ? i + 1 : entries;
    put_u32(first + 12, entries);
    for (size_t i = 0; i < CT_CTFS_ENTRIES; i++) {
        ct_ctfs_file *file = ctfs->files[i];
        if (!file)
            continue;
        CT_TRY(finish_file(ctfs, file));
        put_u64(first + 16 + 24 * i, file->size);
        put_u64(first + 24 + 24 * i, file->root);
        put_u64(first + 32 + 24 * i, file->name);
    }
    while (ctfs->first_newest < ctfs->next_block)
        CT_TRY(write_newest(ctfs, ctfs->next_block));
    CT_TRY(write_at(ctfs, 0, first, 1));
    *bytes = ctfs->next_block * CT_CTFS_BLOCK;
    if (ctfs->sink)
        return CT_OK;
    int file = ctfs->file;
    ctfs->file = -1;
    return close(file) == 0 ? CT_OK : ct_fail(ctfs->error, CT_E_IO, "cannot write the container", 0, errno);
}

void
ct_ctfs_abandon(ct_ctfs *ctfs)
{
    for (size_t i = 0; i < CT_CTFS_ENTRIES; i++) {
        ct_free(ctfs->allocator, ctfs->files[i]);
        ctfs->files[i] = NULL;
    }
    ct_free(ctfs->allocator, ctfs->newest);
    ctfs->newest = NULL;
    if (ctfs->file >= 0)
        close(ctfs->file);
    ctfs->file = -1;
}
