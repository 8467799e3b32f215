/* Copies the blocks of a live file, which a running recorder may be changing meanwhile: docs/journal-format.md, "The live file".
 *
 * Read, not mapped: the file may be cut or damaged. The copy is taken of slots whose headers were the same before and after, the open events
 * block first, so that what it refers to is in the copies taken later, or in the journal, which is read later still.
 */
#include <fcntl.h>
#include <errno.h>

#include "journal/reader.h"
#include "util/io.h"
#include "util/memory.h"

enum { SLOT_LIMIT = 4096, ATTEMPTS = 100 };

typedef struct live_layout { uint32_t slots; uint64_t slot_size, data; } live_layout;

static ct_code
read_layout(const ct_source *file, live_layout *layout, ct_live_copy *copy, ct_error *error)
{
    uint8_t header[CT_LIVE_HEADER_SIZE];
    CT_TRY(ct_source_read(file, 0, header, sizeof header, error));
    if (memcmp(header, CT_LIVE_MAGIC, 8) != 0 || ct_load32(header + 8) != CT_LIVE_VERSION)
        return CT_END;
    layout->slots = ct_load32(header + 12);
    layout->slot_size = ct_load64(header + 16);
    layout->data = ct_load64(header + 24);
    memcpy(copy->id, header + 32, 16);
    if (ct_load32(header + CT_LIVE_FAILURE + 4) <= CT_E_STOPPED) {
        copy->failed = (ct_code)ct_load32(header + CT_LIVE_FAILURE + 4);
        copy->failed_system = (int)(ct_load32(header + CT_LIVE_FAILURE) & INT32_MAX);
    }
    if (layout->slots > SLOT_LIMIT || layout->slot_size > CT_RAW_LIMIT
        || layout->data < CT_LIVE_HEADER_SIZE + (uint64_t)layout->slots * CT_LIVE_SLOT_HEADER_SIZE || layout->data > file->size
        || layout->slots * layout->slot_size > file->size - layout->data)
        return CT_END;
    return CT_OK;
}

/* What must be the same before and after: all but the published length. */
static bool
same_headers(const uint8_t *before, const uint8_t *after, uint32_t slots)
{
    for (uint32_t i = 0; i < slots; i++, before += CT_LIVE_SLOT_HEADER_SIZE, after += CT_LIVE_SLOT_HEADER_SIZE)
        if (memcmp(before, after, 40) != 0)
            return false;
    return true;
}

static ct_code
copy_slot(const ct_source *file, const live_layout *layout, uint32_t slot, ct_live_copy *copy, size_t *used, size_t *capacity, ct_error *error)
{
    uint8_t header[CT_LIVE_SLOT_HEADER_SIZE]; /* read again: the published length before the bytes */
    CT_TRY(ct_source_read(file, CT_LIVE_HEADER_SIZE + (uint64_t)slot * CT_LIVE_SLOT_HEADER_SIZE, header, sizeof header, error));
    uint64_t published = ct_load64(header + 40);
    uint8_t kind = header[4];
    if (kind > CT_BLOCK_CONTENT || published == 0 || published > layout->slot_size)
        return CT_OK;
    size_t size = (size_t)published;
    if (*capacity - *used < size + CT_INPUT_PADDING) {
        size_t wanted = *used + size + CT_INPUT_PADDING;
        uint8_t *bytes = ct_resize(copy->allocator, copy->bytes, wanted);
        if (!bytes)
            return ct_fail(error, CT_E_NOMEM, "no memory for the live file", 0, 0);
        copy->bytes = bytes;
        *capacity = wanted;
    }
    uint64_t position = layout->data + slot * layout->slot_size;
    CT_TRY(ct_source_read(file, position, copy->bytes + *used, size, error));
    memset(copy->bytes + *used + size, 0, CT_INPUT_PADDING);

    bool sealed = ct_load32(header) == CT_LIVE_SEALED;
    uint32_t boundary = sealed && kind == CT_BLOCK_EVENTS ? ct_load32(header + 48) : (uint32_t)size;
    ct_live_block *block = &copy->blocks[copy->count++];
    *block = (ct_live_block){
        .entry = {.position = position, .sequence = ct_load64(header + 8), .segment = ct_load64(header + 16), .first = ct_load64(header + 24),
                  .events = ct_load64(header + 32), .stored = (uint32_t)size, .raw = (uint32_t)size, .limit = (uint32_t)size,
                  .boundary = boundary < size ? boundary : (uint32_t)size, .kind = kind, .codec = CT_CODEC_STORED,
                  .flags = ct_load16(header + 6)},
        .sealed = sealed,
        .offset = *used,
    };
    *used += size + CT_INPUT_PADDING;
    return CT_OK;
}

static bool
is_open_events(const uint8_t *header)
{
    return ct_load32(header) == CT_LIVE_FILLING && header[4] == CT_BLOCK_EVENTS;
}

static ct_code
copy_slots(const ct_source *file, const live_layout *layout, uint8_t *before, uint8_t *after, ct_live_copy *copy, ct_error *error)
{
    size_t size = (size_t)layout->slots * CT_LIVE_SLOT_HEADER_SIZE, used = 0, capacity = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        CT_TRY(ct_source_read(file, CT_LIVE_HEADER_SIZE, before, size, error));
        copy->count = used = 0;
        for (int pass = 0; pass < 2; pass++)
            for (uint32_t i = 0; i < layout->slots; i++) {
                const uint8_t *header = before + (size_t)i * CT_LIVE_SLOT_HEADER_SIZE;
                uint32_t state = ct_load32(header);
                if ((state == CT_LIVE_FILLING || state == CT_LIVE_SEALED) && is_open_events(header) == (pass == 0))
                    CT_TRY(copy_slot(file, layout, i, copy, &used, &capacity, error));
            }
        CT_TRY(ct_source_read(file, CT_LIVE_HEADER_SIZE, after, size, error));
        if (same_headers(before, after, layout->slots))
            break; /* if it never is: the checks of sequence numbers take what fits */
    }
    for (size_t i = 0; i < copy->count; i++)
        copy->blocks[i].entry.live = copy->bytes + copy->blocks[i].offset;
    return CT_OK;
}

ct_code
ct_live_copy_read(int folder, const char *name, const ct_allocator *allocator, ct_live_copy *copy, ct_error *error)
{
    *copy = (ct_live_copy){.allocator = allocator};
    int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return errno == ENOENT ? CT_END : ct_fail(error, CT_E_IO, "the live file cannot be opened", 0, errno);
    ct_source file;
    if (ct_source_of_descriptor(descriptor, &file, NULL) != CT_OK)
        return CT_END;
    live_layout layout;
    ct_code code = read_layout(&file, &layout, copy, error);
    if (code == CT_OK) {
        size_t size = (size_t)layout.slots * CT_LIVE_SLOT_HEADER_SIZE;
        uint8_t *headers = ct_allocate(copy->allocator, size * 2);
        copy->blocks = ct_allocate(copy->allocator, (size_t)layout.slots * 2 * sizeof *copy->blocks); /* a slot may be met in both passes */
        code = headers && copy->blocks ? copy_slots(&file, &layout, headers, headers + size, copy, error)
                                       : ct_fail(error, CT_E_NOMEM, "no memory for the live file", 0, 0);
        ct_free(copy->allocator, headers);
    }
    ct_source_close(&file);
    if (code != CT_OK)
        ct_live_copy_free(copy);
    return code == CT_E_CORRUPT ? CT_END : code; /* it is shorter than it says */
}

void
ct_live_copy_free(ct_live_copy *copy)
{
    ct_free(copy->allocator, copy->blocks);
    ct_free(copy->allocator, copy->bytes);
    copy->blocks = NULL;
    copy->bytes = NULL;
    copy->count = 0;
}
