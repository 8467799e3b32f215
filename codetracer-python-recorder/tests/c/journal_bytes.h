/* Journals made by hand, byte by byte, for tests: independent of the writer. */
#ifndef JOURNAL_BYTES_H
#define JOURNAL_BYTES_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>
#include <zstd.h>

#include <codetracer/journal.h>
#include <codetracer/record.h> /* ct_write_varint and its like */

typedef struct bytes { uint8_t *at; size_t size, capacity; } bytes;

__attribute__((unused)) static void
put(bytes *b, const void *data, size_t size)
{
    if (b->capacity - b->size < size || !b->at) {
        b->capacity = (b->size + size) * 2 + 256;
        b->at = realloc(b->at, b->capacity);
        assert(b->at);
    }
    if (size)
        memcpy(b->at + b->size, data, size);
    b->size += size;
}

__attribute__((unused)) static void
put_byte(bytes *b, unsigned byte)
{
    uint8_t one = (uint8_t)byte;
    put(b, &one, 1);
}

__attribute__((unused)) static void
put_varint(bytes *b, uint64_t number)
{
    uint8_t buffer[10];
    put(b, buffer, (size_t)(ct_write_varint(buffer, number) - buffer));
}

__attribute__((unused)) static void
put_svarint(bytes *b, int64_t number)
{
    put_varint(b, ct_zigzag(number));
}

__attribute__((unused)) static void
put_str(bytes *b, const char *text)
{
    put_varint(b, strlen(text));
    put(b, text, strlen(text));
}

/* Records as a list of bytes and numbers: RAW(&b, 1, 2, 3) */
#define RAW(b, ...)                                             \
    do {                                                        \
        static const uint8_t raw_[] = {__VA_ARGS__};            \
        put((b), raw_, sizeof raw_);                            \
    } while (0)

__attribute__((unused)) static void
store(uint8_t *at, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

typedef struct journal_file {
    bytes b;
    uint64_t sequence, segments, definitions, contents, steps, events;
    bytes starts; /* of the end block: per segment */
    uint64_t last_start[3];
    bool compress;
} journal_file;

__attribute__((unused)) static void
file_header(journal_file *f)
{
    uint8_t header[64] = {0};
    memcpy(header, CT_JOURNAL_MAGIC, 8);
    store(header + 8, 1, 2);
    store(header + 12, 64, 4);
    memcpy(header + 16, "0123456789abcdef", 16);
    store(header + 32, 1700000000000000000, 8);
    store(header + 56, XXH3_64bits(header, 56), 8);
    put(&f->b, header, 64);
}

/* first, events: of the header; boundary: UINT32_MAX for the raw size. */
__attribute__((unused)) static void
add_block(journal_file *f, unsigned kind, unsigned flags, const bytes *payload, uint64_t first, uint64_t events, uint32_t boundary)
{
    uint8_t header[80] = {0};
    size_t bound = ZSTD_compressBound(payload->size), stored_size = payload->size;
    uint8_t *stored = payload->at, *buffer = NULL;
    if (f->compress) {
        stored = buffer = malloc(bound);
        assert(buffer);
        stored_size = ZSTD_compress(buffer, bound, payload->at, payload->size, 1);
    }
    if (flags & CT_BLOCK_BEGINS_SEGMENT) {
        uint64_t now[3] = {f->b.size, first, events};
        f->segments++;
        for (int i = 0; i < 3; i++) {
            put_varint(&f->starts, now[i] - f->last_start[i]);
            f->last_start[i] = now[i];
        }
    }
    memcpy(header, "CTBK", 4);
    header[4] = (uint8_t)kind;
    header[5] = f->compress ? CT_CODEC_ZSTD : CT_CODEC_STORED;
    store(header + 6, flags, 2);
    store(header + 8, stored_size, 4);
    store(header + 12, payload->size, 4);
    store(header + 16, f->sequence++, 8);
    store(header + 24, f->segments ? f->segments - 1 : 0, 8);
    store(header + 32, first, 8);
    store(header + 40, events, 8);
    store(header + 56, boundary < payload->size ? boundary : payload->size, 4);
    store(header + 64, XXH3_64bits(payload->at, payload->size), 8);
    store(header + 72, XXH3_64bits(header, 72), 8);
    put(&f->b, header, 80);
    put(&f->b, stored, stored_size);
    free(buffer);
}

__attribute__((unused)) static void
end_block(journal_file *f)
{
    bytes payload = {0};
    put_varint(&payload, f->events);
    put_varint(&payload, f->steps);
    put_varint(&payload, f->definitions);
    put_varint(&payload, f->contents);
    put_varint(&payload, f->segments);
    put(&payload, f->starts.at, f->starts.size);
    add_block(f, CT_BLOCK_END, 0, &payload, 0, 0, UINT32_MAX);
    free(payload.at);
}

__attribute__((unused)) static void
free_file(journal_file *f)
{
    free(f->b.at);
    free(f->starts.at);
    *f = (journal_file){0};
}

__attribute__((unused)) static void
write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert(file);
    if (size)
        assert(fwrite(data, 1, size, file) == size);
    assert(fclose(file) == 0);
}

#endif
