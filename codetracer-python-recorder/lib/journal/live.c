/* Owns the live file's layout and the order of its stores.
 *
 * Invariant: whatever instruction the process dies at, a reader that follows "Recovery" finds only whole events. So a slot's
 * fields are complete before its state says so, and a sealed block's length grows over its boundary only after its state is SEALED,
 * because only then is its boundary looked at.
 */
#include "journal/live.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/memory.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the published length is stored as the machine has it, and the format is little-endian"
#endif

enum { STATE = 0, KIND = 4, FLAGS = 6, SEQUENCE = 8, SEGMENT = 16, FIRST = 24, EVENTS = 32, PUBLISHED = 40, BOUNDARY = 48 };
enum { GROWTH = 64 * 1024 /* so many bytes more at a time, for the system is asked each time; whole pages */ };

static uint8_t *
header(const ct_live *live, uint32_t slot)
{
    return live->map + CT_LIVE_HEADER_SIZE + (size_t)slot * CT_LIVE_SLOT_HEADER_SIZE;
}

static uint64_t *
field64(const ct_live *live, uint32_t slot, size_t offset)
{
    return (uint64_t *)(void *)(header(live, slot) + offset); /* mapped on a page, headers and fields are multiples of 8 */
}

static void
store_field(const ct_live *live, uint32_t slot, size_t offset, uint64_t value)
{
    __atomic_store_n(field64(live, slot, offset), value, __ATOMIC_RELAXED);
}

static void
store_state(const ct_live *live, uint32_t slot, enum ct_live_state state)
{
    __atomic_store_n((uint32_t *)(void *)(header(live, slot) + STATE), (uint32_t)state, __ATOMIC_RELEASE);
}

static size_t
round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* What the file needs from the start. Its size is the whole mapping's: the rest is a hole. */
static int
reserve_first(ct_live *live, const ct_system *system, int file, size_t ordinary)
{
    int result = system->reserve(system->context, file, 0, (off_t)live->data_offset);
    if (result == 0 && ftruncate(file, (off_t)live->map_size) != 0)
        result = errno;
    for (uint32_t slot = 0; result == 0 && slot < live->slot_count; slot++)
        result = system->reserve(system->context, file, (off_t)(live->data_offset + slot * live->slot_size), (off_t)ordinary);
    return result != 0 ? result : ct_own_file_take(&live->file, file);
}

static ct_code
map_file(ct_live *live, const ct_system *system, const char *path, size_t ordinary, ct_error *error)
{
    int file = -1, result;
    void *map;

    if (path) {
        file = ct_create_file(path);
        if (file < 0)
            return ct_fail(error, CT_E_IO, "the live file cannot be created", 0, errno);
        result = reserve_first(live, system, file, ordinary);
        if (result != 0) {
            close(file);
            live->file.descriptor = -1;
            unlink(path);
            return ct_fail(error, CT_E_IO, "no space for the live file", 0, result);
        }
    }
    map = mmap(NULL, live->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | (path ? 0 : MAP_ANONYMOUS), file, 0);
    if (map == MAP_FAILED) {
        result = errno;
        if (path)
            unlink(path);
        return ct_fail(error, result == ENOMEM ? CT_E_NOMEM : CT_E_IO, "the live file cannot be mapped", 0, result);
    }
    live->map = map;
    return CT_OK;
}

ct_code
ct_live_create(ct_live *live, const ct_system *system, const ct_allocator *allocator, const char *path, const uint8_t id[16], uint32_t slot_count,
               size_t slot_size, size_t ordinary, ct_error *error)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t data_offset = round_up(CT_LIVE_HEADER_SIZE + (size_t)slot_count * CT_LIVE_SLOT_HEADER_SIZE, page);
    uint64_t magic;

    slot_size = round_up(slot_size, page);
    ordinary = path && ordinary < slot_size ? round_up(ordinary, page) : slot_size;
    *live = (ct_live){ .map_size = data_offset + slot_count * slot_size, .data_offset = data_offset, .slot_size = slot_size, .slot_count = slot_count,
                       .file = { .descriptor = -1 }, .allocator = allocator };
    live->reserved = ct_allocate(allocator, slot_count * sizeof *live->reserved);
    if (!live->reserved)
        return ct_fail(error, CT_E_NOMEM, "no memory for a recording", 0, 0);
    for (uint32_t slot = 0; slot < slot_count; slot++)
        live->reserved[slot] = ordinary;
    CT_TRY(map_file(live, system, path, ordinary, error));
    ct_store32(live->map + 8, CT_LIVE_VERSION);
    ct_store32(live->map + 12, slot_count);
    ct_store64(live->map + 16, slot_size);
    ct_store64(live->map + 24, data_offset);
    memcpy(live->map + 32, id, 16);
    memcpy(&magic, CT_LIVE_MAGIC, sizeof magic);
    __atomic_store_n((uint64_t *)(void *)live->map, magic, __ATOMIC_RELEASE); /* slots are free: zero */
    return CT_OK;
}

int
ct_live_reserve(ct_live *live, const ct_system *system, const char *path, uint32_t slot, size_t size)
{
    size_t has = live->reserved[slot], wanted = round_up(size, GROWTH);
    if (wanted > live->slot_size)
        wanted = live->slot_size;
    int result = ct_own_file_ensure(&live->file, path);
    if (result == 0)
        result = system->reserve(system->context, live->file.descriptor, (off_t)(live->data_offset + slot * live->slot_size + has), (off_t)(wanted - has));
    if (result == 0)
        live->reserved[slot] = wanted;
    return result;
}

void
ct_live_close(ct_live *live)
{
    if (live->map)
        munmap(live->map, live->map_size);
    live->map = NULL;
    ct_own_file_close(&live->file);
    ct_free(live->allocator, live->reserved);
    live->reserved = NULL;
}

uint8_t *
ct_live_data(const ct_live *live, uint32_t slot)
{
    return live->map + live->data_offset + slot * live->slot_size;
}

uint64_t *
ct_live_published(const ct_live *live, uint32_t slot)
{
    return field64(live, slot, PUBLISHED);
}

void
ct_live_fill(ct_live *live, uint32_t slot, const ct_block *block)
{
    uint8_t *at = header(live, slot);
    at[KIND] = block->kind;
    ct_store16(at + FLAGS, block->flags);
    ct_store32(at + BOUNDARY, 0);
    store_field(live, slot, SEQUENCE, block->sequence);
    store_field(live, slot, SEGMENT, block->segment);
    store_field(live, slot, FIRST, block->first);
    store_field(live, slot, EVENTS, block->events);
    store_field(live, slot, PUBLISHED, 0);
    store_state(live, slot, CT_LIVE_FILLING);
}

void
ct_live_renumber(ct_live *live, uint32_t slot, uint64_t sequence)
{
    store_field(live, slot, SEQUENCE, sequence);
}

void
ct_live_seal(ct_live *live, uint32_t slot, const ct_block *block)
{
    ct_store32(header(live, slot) + BOUNDARY, block->boundary);
    store_field(live, slot, SEQUENCE, block->sequence);
    store_field(live, slot, SEGMENT, block->segment);
    store_state(live, slot, CT_LIVE_SEALED);
    __atomic_store_n(ct_live_published(live, slot), (uint64_t)block->raw_size, __ATOMIC_RELEASE);
}

void
ct_live_free(ct_live *live, uint32_t slot)
{
    store_state(live, slot, CT_LIVE_FREE);
}

void
ct_live_failed(ct_live *live, ct_code code, int system)
{
    /* One store, for both may be read while they are written; system's numbers are small. */
    __atomic_store_n((uint64_t *)(void *)(live->map + CT_LIVE_FAILURE), (uint64_t)(uint32_t)system | (uint64_t)code << 32, __ATOMIC_RELEASE);
}
