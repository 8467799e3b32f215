/* See ctfs.h: containers, written and read.
 *
 * The mapping of section 1.3: a tree of level L covers 511^L data blocks (of 4,096 bytes, as they are written); the root of each is found through the last
 * pointer of the root before it. Written blocks are handed out in the order of section 1.4.
 *
 * Invariant of reading: a mapping block is remembered by the place it has in a lookup, so each inner file remembers at most nine, and reading a file front
 * to back reads each mapping block once. Blocks that follow each other are read at once.
 */
#include "formats/ctfs.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "formats/outfile.h"
#include "util/memory.h"
#include "util/os.h"

enum {
    ENTRY = 24,                    /* of the directory: size, mapping, name */
    POINTERS = 511, LEAST_ENTRIES = 31, /* written */
    MOST_ENTRIES = 170, LARGEST_BLOCK = 4096, PLACES = 2 * CT_CTFS_LEVELS - 1, /* read */
};


typedef struct mapping_out {
    uint64_t block;
    size_t used;                   /* pointers set, of the 511 */
    uint8_t bytes[CT_CTFS_BLOCK];
} mapping_out;

struct ct_ctfs_file {
    uint64_t size, root, name;
    unsigned level;                /* of the tree being filled: 1 … 5 */
    mapping_out maps[CT_CTFS_LEVELS]; /* [0] holds data blocks, [level - 1] is the root of the tree; those between lead to it */
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
open_map(ct_ctfs *ctfs, mapping_out *map)
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
set_pointer(mapping_out *map, size_t index, uint64_t block)
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
        put_u64(first + CT_CTFS_HEADER + ENTRY * i, file->size);
        put_u64(first + CT_CTFS_HEADER + ENTRY * i + 8, file->root);
        put_u64(first + CT_CTFS_HEADER + ENTRY * i + 16, file->name);
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

/* ---- reading ---- */


typedef struct mapping_in { uint64_t block; uint8_t *bytes; } mapping_in;

struct ct_inner {
    ct_container *container;
    ct_inner *next;
    uint64_t size, map;
    bool is_open, is_cut, is_shared;
    mapping_in maps[PLACES];       /* by level on the way up, then on the way down */
};

struct ct_container {
    ct_source source;
    const ct_allocator *allocator;
    uint32_t block_size, entry_count;
    uint8_t entries[LARGEST_BLOCK];
    ct_inner *files;
};

static uint64_t
load(const uint8_t *at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = bytes; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

/* ---- the container's bytes ---- */

/* As much as there is. */
static ct_code
read_at(const ct_container *c, void *bytes, size_t count, uint64_t position, size_t *got, ct_error *error)
{
    *got = position >= c->source.size ? 0 : count < c->source.size - position ? count : (size_t)(c->source.size - position);
    return *got ? ct_source_read(&c->source, position, bytes, *got, error) : CT_OK;
}

/* ---- the directory ---- */

static ct_code
read_directory(ct_container *c, ct_error *error)
{
    uint8_t header[CT_CTFS_HEADER];
    size_t got;
    CT_TRY(read_at(c, header, sizeof header, 0, &got, error));
    if (got < 5 || memcmp(header, "\xC0\xDE\x72\xAC\xE2", 5) != 0)
        return ct_fail(error, CT_E_CORRUPT, "this is no CTFS container: it does not begin with its five bytes", 0, 0);
    if (got < sizeof header)
        return ct_fail(error, CT_E_CORRUPT, "the container ends within its header: it was cut off", got, 0);
    if (header[5] < 2 || header[5] > 4)
        return ct_fail(error, CT_E_VERSION, "a version of CTFS that this program does not know; it reads 2, 3 and 4", 5, 0);
    if (header[5] == 4 ? header[6] : header[6] | header[7])
        return ct_fail(error, CT_E_VERSION, "an encrypted or compressed container, which this program does not read", 6, 0);
    c->block_size = (uint32_t)load(header + 8, 4);
    if (c->block_size != 1024 && c->block_size != 2048 && c->block_size != 4096)
        return ct_fail(error, CT_E_CORRUPT, "the container's block size is none of 1024, 2048, 4096", 8, 0);
    uint32_t most = (c->block_size - CT_CTFS_HEADER) / ENTRY;
    c->entry_count = (uint32_t)load(header + 12, 4);
    if (c->entry_count > most)
        c->entry_count = most < MOST_ENTRIES ? most : MOST_ENTRIES;
    CT_TRY(read_at(c, c->entries, (size_t)c->entry_count * ENTRY, CT_CTFS_HEADER, &got, error));
    c->entry_count = (uint32_t)(got / ENTRY);
    return CT_OK;
}

/* Section 1.2: base 40, the first character counts least. */
static uint64_t
number_of_name(const char *name)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz./-";
    uint64_t number = 0;
    for (size_t i = strlen(name); i-- > 0;)
        number = number * 40 + (uint64_t)(strchr(letters, name[i]) - letters) + 1;
    return number;
}

/* ---- mapping blocks: section 1.3 ---- */

/* Blocks are numbered from 1; one that the container holds in part counts. */
static bool
is_block(const ct_container *c, uint64_t block)
{
    return block > 0 && block <= (c->source.size - 1) / c->block_size;
}

/* The mapping block in that place of the lookup, all of it; NULL: it is not there (or, with *code, cannot be read). */
static const uint8_t *
mapping_block(ct_inner *file, uint64_t block, size_t place, ct_code *code, ct_error *error)
{
    const ct_container *c = file->container;
    mapping_in *map = &file->maps[place];
    size_t got;
    if (map->block == block && block)
        return map->bytes;
    if (!is_block(c, block))
        return NULL;
    if (!map->bytes && !(map->bytes = ct_allocate(c->allocator, c->block_size))) {
        *code = ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
        return NULL;
    }
    map->block = 0;
    *code = read_at(c, map->bytes, c->block_size, block * c->block_size, &got, error);
    if (*code != CT_OK || got < c->block_size)
        return NULL;
    map->block = block;
    return map->bytes;
}

/* The block of the file's data block `number`, and how many of the `wanted` ones from there follow it without a gap. 0: it is not there. */
static uint64_t
data_block(ct_inner *file, uint64_t number, uint64_t wanted, uint64_t *run, ct_code *code, ct_error *error)
{
    const ct_container *c = file->container;
    uint64_t usable = c->block_size / 8 - 1, span = usable, block = file->map;
    size_t level = 1;
    const uint8_t *map;
    *run = 0;
    for (; number >= span; level++) {
        if (level == CT_CTFS_LEVELS || !(map = mapping_block(file, block, level - 1, code, error)))
            return 0;
        number -= span;
        span *= usable;
        block = load(map + usable * 8, 8);
    }
    for (size_t l = level; l > 1; l--) {
        if (!(map = mapping_block(file, block, l == level ? level - 1 : (size_t)PLACES - l, code, error)))
            return 0;
        span /= usable;
        block = load(map + number / span * 8, 8);
        number %= span;
    }
    if (!(map = mapping_block(file, block, level == 1 ? 0 : (size_t)PLACES - 1, code, error)))
        return 0;
    uint64_t first = load(map + number * 8, 8);
    if (!is_block(c, first))
        return 0;
    for (*run = 1; *run < wanted && number + *run < usable && load(map + (number + *run) * 8, 8) == first + *run; ++*run)
        ;
    return first;
}

/* ---- inner files ---- */

/* A writer puts bytes into a block, then the block into the mapping, then the size into the directory. A block behind the last one that the size
 * speaks of, or bytes behind the size in the last one, were written by one that was killed in between. */
static ct_code
measure(ct_inner *file, ct_error *error)
{
    const ct_container *c = file->container;
    uint64_t blocks = (file->size + c->block_size - 1) / c->block_size, run;
    uint8_t rest[LARGEST_BLOCK];
    ct_code code = CT_OK;
    if (file->size > c->source.size) {
        file->is_cut = true;
        file->size = c->source.size;
        return CT_OK;
    }
    size_t within = (size_t)(file->size % c->block_size), got;
    if (within) {
        uint64_t last = data_block(file, blocks - 1, 1, &run, &code, error);
        if (last == 0)
            return code;
        CT_TRY(read_at(c, rest, c->block_size - within, last * c->block_size + within, &got, error));
        while (got > 0 && rest[got - 1] == 0)
            got--;
        file->is_open = got > 0;
    }
    while (data_block(file, blocks, UINT64_MAX, &run, &code, error) && blocks < c->source.size / c->block_size) {
        file->is_open = true;
        blocks += run;
    }
    if (file->is_open)
        file->size = blocks * c->block_size < c->source.size ? blocks * c->block_size : c->source.size;
    return code;
}

ct_inner *
ct_container_find(ct_container *c, const char *name, ct_which which, ct_code *code, ct_error *error)
{
    uint64_t wanted = number_of_name(name);
    const uint8_t *found = NULL;
    *code = CT_OK;
    for (uint32_t i = 0; i < c->entry_count && !(found && which == CT_FIRST_ENTRY); i++)
        if (load(c->entries + (size_t)i * ENTRY + 16, 8) == wanted)
            found = c->entries + (size_t)i * ENTRY;
    if (!found)
        return NULL;
    ct_inner *file = ct_allocate_zero(c->allocator, 1, sizeof *file);
    if (!file) {
        *code = ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
        return NULL;
    }
    file->container = c;
    file->next = c->files;
    c->files = file;
    file->size = load(found, 8);
    file->map = load(found + 8, 8);
    for (uint32_t i = 0; i < c->entry_count && file->map; i++) {
        uint64_t number = load(c->entries + (size_t)i * ENTRY + 16, 8);
        file->is_shared = file->is_shared || (number && number != wanted && load(c->entries + (size_t)i * ENTRY + 8, 8) == file->map);
    }
    *code = measure(file, error);
    return *code == CT_OK ? file : NULL;
}

bool
ct_container_next(const ct_container *c, uint32_t *entry, char name[13], uint64_t *size)
{
    static const char ALPHABET[] = "0123456789abcdefghijklmnopqrstuvwxyz./-";
    while (*entry < c->entry_count) {
        const uint8_t *at = c->entries + (size_t)(*entry)++ * ENTRY;
        uint64_t number = load(at + 16, 8);
        size_t length = 0;
        for (; number && length < 12; number /= 40)
            name[length++] = number % 40 ? ALPHABET[number % 40 - 1] : ' ';
        name[length] = 0;
        *size = load(at, 8);
        if (length)
            return true;
    }
    return false;
}

const ct_allocator *ct_inner_allocator(const ct_inner *file) { return file->container->allocator; }
uint64_t ct_inner_size(const ct_inner *file) { return file->size; }
bool ct_inner_is_open(const ct_inner *file) { return file->is_open; }
bool ct_inner_is_cut(const ct_inner *file) { return file->is_cut; }
bool ct_inner_is_shared(const ct_inner *file) { return file->is_shared; }

ct_code
ct_inner_read(ct_inner *file, uint64_t offset, void *bytes, size_t count, size_t *got, ct_error *error)
{
    const ct_container *c = file->container;
    uint8_t *at = bytes;
    ct_code code = CT_OK;
    *got = 0;
    if (offset >= file->size)
        return CT_OK;
    if (count > file->size - offset)
        count = (size_t)(file->size - offset);
    while (*got < count) {
        uint64_t position = offset + *got, within = position % c->block_size, run;
        uint64_t wanted = (within + (count - *got) + c->block_size - 1) / c->block_size;
        uint64_t block = data_block(file, position / c->block_size, wanted, &run, &code, error);
        if (block == 0)
            return code;
        uint64_t there = run * c->block_size - within;
        size_t part = count - *got < there ? count - *got : (size_t)there, read;
        CT_TRY(read_at(c, at + *got, part, block * c->block_size + within, &read, error));
        *got += read;
        if (read < part)
            return CT_OK;
    }
    return CT_OK;
}

uint64_t
ct_inner_place(ct_inner *file, uint64_t offset)
{
    ct_code code = CT_OK;
    uint64_t run, size = file->container->block_size, block = data_block(file, offset / size, 1, &run, &code, NULL), end = file->container->source.size;
    uint64_t place = block && block <= end / size ? block * size + offset % size : end;
    return place < end ? place : end;
}

/* ---- life ---- */

ct_code
ct_container_open(const ct_source *source, const ct_allocator *allocator, ct_container **container, ct_error *error)
{
    ct_source taken = *source;
    ct_container *c = ct_allocate_zero(allocator, 1, sizeof *c);
    *container = NULL;
    if (!c) {
        ct_source_close(&taken);
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    }
    c->source = taken;
    c->allocator = allocator;
    ct_code code = read_directory(c, error);
    if (code == CT_OK)
        *container = c;
    else
        ct_container_close(c);
    return code;
}

static void
free_inner(ct_inner *file)
{
    for (size_t i = 0; i < PLACES; i++)
        ct_free(file->container->allocator, file->maps[i].bytes);
    ct_free(file->container->allocator, file);
}

void
ct_container_close(ct_container *c)
{
    if (!c)
        return;
    while (c->files) {
        ct_inner *file = c->files;
        c->files = file->next;
        free_inner(file);
    }
    ct_source_close(&c->source);
    ct_free(c->allocator, c);
}

/* ---- an inner file as a source ---- */

typedef struct shared_file { ct_inner *file; pthread_mutex_t lock; } shared_file;

/* The lookup is one thread's at a time, for it changes what is remembered; the bytes themselves are read outside. */
static ct_code
read_shared(void *context, uint64_t offset, void *bytes, size_t count, ct_error *error)
{
    shared_file *shared = context;
    const ct_container *c = shared->file->container;
    uint8_t *at = bytes;
    while (count) {
        ct_code code = CT_OK;
        uint64_t within = offset % c->block_size, run;
        pthread_mutex_lock(&shared->lock);
        uint64_t block = data_block(shared->file, offset / c->block_size, (within + count + c->block_size - 1) / c->block_size, &run, &code, error);
        pthread_mutex_unlock(&shared->lock);
        if (code != CT_OK)
            return code;
        uint64_t there = run * c->block_size - within;
        size_t part = count < there ? count : (size_t)there, got = 0;
        if (block)
            CT_TRY(read_at(c, at, part, block * c->block_size + within, &got, error));
        if (got < part || block == 0)
            return ct_fail(error, CT_E_CORRUPT, "a block of the file is not in the container: it was cut off, or its writer was killed", offset, 0);
        at += part;
        offset += part;
        count -= part;
    }
    return CT_OK;
}

static uint64_t
place_shared(void *context, uint64_t offset)
{
    shared_file *shared = context;
    ct_inner *file = shared->file;
    bool behind = offset >= file->size && file->size;
    pthread_mutex_lock(&shared->lock);
    uint64_t place = ct_inner_place(file, behind ? file->size - 1 : offset);
    pthread_mutex_unlock(&shared->lock);
    return behind && place < file->container->source.size ? place + 1 : place;
}

static void
close_shared(void *context)
{
    shared_file *shared = context;
    ct_container *c = shared->file->container;
    pthread_mutex_destroy(&shared->lock);
    ct_free(c->allocator, shared);
    ct_container_close(c);
}

ct_code
ct_inner_source(ct_inner *file, ct_source *source, ct_error *error)
{
    shared_file *shared = ct_allocate(file->container->allocator, sizeof *shared);
    *source = (ct_source){0};
    if (!shared) {
        ct_container_close(file->container);
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    }
    shared->file = file;
    pthread_mutex_init(&shared->lock, NULL);
    *source = (ct_source){.context = shared, .size = file->size, .read = read_shared, .close = close_shared, .place = place_shared};
    return CT_OK;
}
