/* Bytes for what lies in a container: numbers, frames, values in CBOR (ctfs.md sections 2 to 4). Nothing of the library is used. */
#ifndef STREAM_BYTES_H
#define STREAM_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

/* Of one inner file. */
typedef struct blob { uint8_t at[1 << 16]; size_t size; } blob;

static inline void
put_bytes(blob *b, const void *from, size_t size)
{
    if (size > sizeof b->at - b->size)
        abort();
    memcpy(b->at + b->size, from, size);
    b->size += size;
}

static inline void put_text(blob *b, const char *text) { put_bytes(b, text, strlen(text)); }

static inline void
put_number(blob *b, uint64_t number, int size)
{
    for (; size > 0; size--, number >>= 8) {
        uint8_t byte = (uint8_t)number;
        put_bytes(b, &byte, 1);
    }
}

static inline void
put_varint(blob *b, uint64_t number)
{
    do {
        uint8_t byte = (uint8_t)((number & 0x7F) | (number > 0x7F ? 0x80 : 0));
        put_bytes(b, &byte, 1);
        number >>= 7;
    } while (number);
}

static inline void put_svarint(blob *b, int64_t number) { put_varint(b, number < 0 ? (uint64_t)(-(number + 1)) * 2 + 1 : (uint64_t)number * 2); }

static inline void
put_string(blob *b, const void *from, size_t size)
{
    put_varint(b, size);
    put_bytes(b, from, size);
}

/* The bytes as a zstd frame with its size and a checksum. */
static inline void
put_frame(blob *b, const blob *raw)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    size_t size = ZSTD_compress2(zstd, b->at + b->size, sizeof b->at - b->size, raw->at, raw->size);
    ZSTD_freeCCtx(zstd);
    if (ZSTD_isError(size))
        abort();
    b->size += size;
}

/* ---- CBOR values ---- */
static inline void
put_cbor_text(blob *b, const char *text)
{
    put_number(b, 0x60 + strlen(text), 1); /* shorter than 24 */
    put_text(b, text);
}

/* {"kind": "Int", "i": number, "type_id": type}, both less than 24 */
static inline void
put_int(blob *b, unsigned number, unsigned type)
{
    put_number(b, 0xA3, 1);
    put_cbor_text(b, "kind");
    put_cbor_text(b, "Int");
    put_cbor_text(b, "i");
    put_number(b, number, 1);
    put_cbor_text(b, "type_id");
    put_number(b, type, 1);
}

#endif
