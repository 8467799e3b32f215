/* See ctfs_read.h. The parts, in order: the container's bytes, the directory, mapping blocks, inner files, life, an inner file as a source.
 *
 * Invariant: a mapping block is remembered by the place it has in a lookup, so each inner file remembers at most nine, and reading a file front to
 * back reads each mapping block once. Blocks that follow each other are read at once.
 */
#include "formats/ctfs_read.h"

#include <pthread.h>
#include <string.h>

#include "util/memory.h"

enum { MOST_ENTRIES = 170, LEVELS = 5, PLACES = 2 * LEVELS - 1, LARGEST_BLOCK = 4096, ENTRY_SIZE = 24, HEADER_SIZE = 16 };

typedef struct mapping { uint64_t block; uint8_t *bytes; } mapping;

struct ct_inner {
    ct_container *container;
    ct_inner *next;
    uint64_t size, map;
    bool is_open, is_cut;
    mapping maps[PLACES];          /* by level on the way up, then on the way down */
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
    uint8_t header[HEADER_SIZE];
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
    uint32_t most = (c->block_size - HEADER_SIZE) / ENTRY_SIZE;
    c->entry_count = (uint32_t)load(header + 12, 4);
    if (c->entry_count > most)
        c->entry_count = most < MOST_ENTRIES ? most : MOST_ENTRIES;
    CT_TRY(read_at(c, c->entries, (size_t)c->entry_count * ENTRY_SIZE, HEADER_SIZE, &got, error));
    c->entry_count = (uint32_t)(got / ENTRY_SIZE);
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
    mapping *map = &file->maps[place];
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
        if (level == LEVELS || !(map = mapping_block(file, block, level - 1, code, error)))
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
        if (load(c->entries + (size_t)i * ENTRY_SIZE + 16, 8) == wanted)
            found = c->entries + (size_t)i * ENTRY_SIZE;
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
    *code = measure(file, error);
    return *code == CT_OK ? file : NULL;
}

bool
ct_container_next(const ct_container *c, uint32_t *entry, char name[13], uint64_t *size)
{
    static const char ALPHABET[] = "0123456789abcdefghijklmnopqrstuvwxyz./-";
    while (*entry < c->entry_count) {
        const uint8_t *at = c->entries + (size_t)(*entry)++ * ENTRY_SIZE;
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
    uint64_t run, size = file->container->block_size, block = data_block(file, offset / size, 1, &run, &code, NULL);
    return block ? block * size + offset % size : 0;
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
    *source = (ct_source){.context = shared, .size = file->size, .read = read_shared, .close = close_shared};
    return CT_OK;
}
