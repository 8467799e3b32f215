/* Input: a container (.ct); or, without its magic, the files in one, which is put together here, so that the fuzzer need not find out about blocks,
 * mappings and compression:
 *
 *     u8 version, then per file: u8 name (index in NAMES), u8 number of pieces, per piece: u8 kind, u16 size, bytes
 *
 * Kinds: 0 the bytes, 1 a zstd frame of them, 2 a chunk of events.log (header and frame; the first two bytes are the number of events), 3 the offset of
 * a piece of the file before, whose number is the first byte, 4 the file's size is to be told as 0, as of one whose writer was killed.
 */
#include "target.h"

#include <zstd.h>

#include "container_bytes.h"

static const char *const NAMES[] = {
    "events.log", "events.fmt", "meta.json", "meta.dat", "paths.dat", "paths.off", "funcs.dat", "funcs.off", "types.dat", "types.off", "varnames.dat",
    "varnames.off", "steps.dat", "steps.idx", "values.dat", "values.idx", "values.off", "calls.dat", "calls.idx", "events.dat", "events.idx", "events.off",
    "srcviews.dat", "srcviews.off", "journal.ctj",
};
enum { NAME_COUNT = sizeof NAMES / sizeof *NAMES, ENTRIES = 30, BLOCK = 1024, SIZE = 4 << 20, MOST_PIECES = 32, MOST_FILE = 512 << 10 };

typedef struct input { const uint8_t *at, *end; } input;

static unsigned
take(input *in, int size)
{
    unsigned number = 0;
    for (int i = 0; i < size && in->at < in->end; i++)
        number |= (unsigned)*in->at++ << 8 * i;
    return number;
}

typedef struct inner { uint8_t *bytes; size_t size, pieces[MOST_PIECES]; bool no_size; } inner;

static void
put(inner *file, const void *bytes, size_t size)
{
    if (size > MOST_FILE - file->size)
        size = MOST_FILE - file->size;
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void
put_piece(inner *file, const inner *before, unsigned kind, const uint8_t *bytes, size_t size)
{
    static uint8_t frame[ZSTD_COMPRESSBOUND(1 << 16)];
    size_t skipped = kind == 2 && size >= 2 ? 2 : 0, framed = ZSTD_compress(frame, sizeof frame, bytes + skipped, size - skipped, 1);
    uint8_t header[16] = {0};
    switch (kind) {
    case 0: put(file, bytes, size); break;
    case 1: put(file, frame, framed); break;
    case 2:
        box_store(header, framed | (skipped ? (uint64_t)bytes[0] << 32 | (uint64_t)bytes[1] << 40 : 0));
        put(file, header, sizeof header);
        put(file, frame, framed);
        break;
    case 3:
        box_store(header, before->pieces[size ? bytes[0] % MOST_PIECES : 0]);
        put(file, header, 8);
        break;
    default: file->no_size = true;
    }
}

static void
put_together(box *b, input in)
{
    static uint8_t memory[2][MOST_FILE];
    inner files[2] = {{.bytes = memory[0]}, {.bytes = memory[1]}};
    for (unsigned number = 0; number < ENTRIES && in.at < in.end; number++) {
        inner *file = &files[number % 2];
        const char *name = NAMES[take(&in, 1) % NAME_COUNT];
        unsigned pieces = take(&in, 1) % MOST_PIECES;
        *file = (inner){.bytes = file->bytes};
        for (unsigned i = 0; i < pieces; i++) {
            unsigned kind = take(&in, 1) % 5, size = take(&in, 2);
            if (size > in.end - in.at)
                size = (unsigned)(in.end - in.at);
            file->pieces[i] = file->size;
            put_piece(file, &files[(number + 1) % 2], kind, in.at, size);
            in.at += size;
        }
        if ((b->next + file->size / BLOCK + 8) * BLOCK > b->size)
            return;
        unsigned slot = b->slot;
        box_add(b, name, file->bytes, file->size);
        if (file->no_size)
            box_store(b->at + 16 + 24 * (uint64_t)slot, 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    box b;
    if (size >= 5 && memcmp(data, "\xC0\xDE\x72\xAC\xE2", 5) == 0) {
        look_at_bytes(data, size);
        return 0;
    }
    if (!box_open(&b, SIZE, BLOCK, 2 + take(&in, 1) % 3, ENTRIES))
        abort();
    put_together(&b, in);
    look_at_bytes(b.at, b.next * b.block);
    box_close(&b);
    return 0;
}
