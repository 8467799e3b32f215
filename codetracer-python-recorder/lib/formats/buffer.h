/* Bytes that grow, and memory that is given back all at once. Both are empty when all but the allocator is zero. Private to the library.
 *
 * Invariant of a ct_buffer: after an allocation failed (`failed`), it takes no more bytes and what it holds is not to be used; so
 * an encoder may append many times and ask once at the end.
 */
#ifndef CT_FORMATS_BUFFER_H
#define CT_FORMATS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

typedef struct ct_buffer {
    uint8_t *bytes;
    size_t size, capacity;
    bool failed;
    const ct_allocator *allocator;
} ct_buffer;

static inline void
ct_buffer_free(ct_buffer *buffer)
{
    ct_free(buffer->allocator, buffer->bytes);
    *buffer = (ct_buffer){ .allocator = buffer->allocator };
}

static inline bool
ct_buffer_grow(ct_buffer *buffer, size_t count)
{
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    if (buffer->failed || count > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4) {
        buffer->failed = true;
        return false;
    }
    while (capacity < buffer->size + count)
        capacity *= 2;
    uint8_t *bytes = ct_resize(buffer->allocator, buffer->bytes, capacity);
    if (!bytes) {
        buffer->failed = true;
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

/* Where `count` bytes may be written; NULL after a failure. The caller then moves `size`. */
static inline uint8_t *
ct_buffer_room(ct_buffer *buffer, size_t count)
{
    if (__builtin_expect(buffer->capacity - buffer->size < count || buffer->failed, 0) && !ct_buffer_grow(buffer, count))
        return NULL;
    return buffer->bytes + buffer->size;
}

static inline void
ct_buffer_add(ct_buffer *buffer, const void *bytes, size_t count)
{
    uint8_t *at = count ? ct_buffer_room(buffer, count) : NULL;
    if (at) {
        memcpy(at, bytes, count);
        buffer->size += count;
    }
}

static inline void
ct_buffer_add_byte(ct_buffer *buffer, uint8_t byte)
{
    uint8_t *at = ct_buffer_room(buffer, 1);
    if (at) {
        *at = byte;
        buffer->size++;
    }
}

static inline void ct_buffer_add_text(ct_buffer *buffer, const char *text) { ct_buffer_add(buffer, text, strlen(text)); }

static inline void
ct_buffer_add_u32(ct_buffer *buffer, uint32_t value)
{
    uint8_t bytes[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24) };
    ct_buffer_add(buffer, bytes, 4);
}

static inline void
ct_buffer_add_u64(ct_buffer *buffer, uint64_t value)
{
    ct_buffer_add_u32(buffer, (uint32_t)value);
    ct_buffer_add_u32(buffer, (uint32_t)(value >> 32));
}

/* Unsigned LEB128, at most ten bytes. */
static inline uint8_t *
ct_put_varint_at(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline size_t
ct_varint_size(uint64_t value)
{
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}

static inline void
ct_buffer_add_varint(ct_buffer *buffer, uint64_t value)
{
    uint8_t *at = ct_buffer_room(buffer, 10);
    if (at)
        buffer->size += (size_t)(ct_put_varint_at(at, value) - at);
}

static inline uint64_t ct_zigzag_of(int64_t value) { return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63); }

/* ---- arena: pieces that stay where they are until ct_arena_reset ---- */
typedef struct ct_arena_chunk {
    struct ct_arena_chunk *next;
    size_t capacity;
} ct_arena_chunk;

typedef struct ct_arena {
    ct_arena_chunk *first, *current;
    size_t used; /* of the current chunk */
    const ct_allocator *allocator;
} ct_arena;

enum { CT_ARENA_CHUNK = 64 * 1024 };

/* count bytes, aligned to 8; NULL when there is no memory. ct_arena_shrink gives back the end of the piece taken last. */
static inline void *
ct_arena_take(ct_arena *arena, size_t count)
{
    if (count > SIZE_MAX / 4)
        return NULL;
    count = (count + 7) & ~(size_t)7;
    while (arena->current) {
        if (arena->current->capacity - arena->used >= count) {
            void *piece = (uint8_t *)(arena->current + 1) + arena->used;
            arena->used += count;
            return piece;
        }
        if (!arena->current->next)
            break;
        arena->current = arena->current->next;
        arena->used = 0;
    }
    size_t capacity = count > CT_ARENA_CHUNK ? count : CT_ARENA_CHUNK;
    ct_arena_chunk *chunk = ct_allocate(arena->allocator, sizeof *chunk + capacity);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->capacity = capacity;
    if (arena->current)
        arena->current->next = chunk;
    else
        arena->first = chunk;
    arena->current = chunk;
    arena->used = count;
    return chunk + 1;
}

static inline void
ct_arena_shrink(ct_arena *arena, const void *piece, size_t count)
{
    arena->used = (size_t)((const uint8_t *)piece - (const uint8_t *)(arena->current + 1)) + ((count + 7) & ~(size_t)7);
}

/* Everything taken is given back; big chunks (of a single long text) go back to the system. */
static inline void
ct_arena_reset(ct_arena *arena)
{
    ct_arena_chunk **link = &arena->first;
    size_t kept = 0;
    while (*link) {
        ct_arena_chunk *chunk = *link;
        if (chunk->capacity > CT_ARENA_CHUNK || kept >= 16) {
            *link = chunk->next;
            ct_free(arena->allocator, chunk);
        } else {
            kept++;
            link = &chunk->next;
        }
    }
    arena->current = arena->first;
    arena->used = 0;
}

static inline void
ct_arena_free(ct_arena *arena)
{
    while (arena->first) {
        ct_arena_chunk *next = arena->first->next;
        ct_free(arena->allocator, arena->first);
        arena->first = next;
    }
    *arena = (ct_arena){ .allocator = arena->allocator };
}

#endif
