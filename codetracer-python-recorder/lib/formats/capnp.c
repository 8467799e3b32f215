/* See capnp.h. */
#include "formats/capnp.h"

size_t
ct_capnp_take(ct_buffer *b, size_t words)
{
    size_t first = ct_capnp_words(b);
    uint8_t *at = ct_buffer_room(b, words * 8);
    if (at) {
        memset(at, 0, words * 8);
        b->size += words * 8;
    }
    return first;
}

void
ct_capnp_put(ct_buffer *b, size_t word, uint64_t value)
{
    if (b->failed)
        return;
    for (unsigned i = 0; i < 8; i++)
        b->bytes[word * 8 + i] = (uint8_t)(value >> (8 * i));
}

/* Words between the one behind the pointer and its target, as a signed number of 30 bits. */
static uint32_t
distance(size_t at, size_t target)
{
    return (uint32_t)(target - at - 1) << 2;
}

void
ct_capnp_point(ct_buffer *b, size_t at, size_t target, unsigned data, unsigned pointers)
{
    ct_capnp_put(b, at, distance(at, target) | CT_CAPNP_STRUCT | (uint64_t)data << 32 | (uint64_t)pointers << 48);
}

size_t
ct_capnp_add_struct(ct_buffer *b, size_t at, unsigned data, unsigned pointers)
{
    size_t target = ct_capnp_take(b, data + pointers);
    ct_capnp_point(b, at, target, data, pointers);
    return target;
}

static void
point_list(ct_buffer *b, size_t at, size_t target, unsigned element, size_t count)
{
    ct_capnp_put(b, at, distance(at, target) | CT_CAPNP_LIST | (uint64_t)element << 32 | (uint64_t)count << 35);
}

size_t
ct_capnp_add_list(ct_buffer *b, size_t at, size_t count, unsigned data, unsigned pointers)
{
    size_t words = count * (data + pointers), tag = ct_capnp_take(b, 1 + words);
    point_list(b, at, tag, CT_CAPNP_COMPOSITE, words);
    ct_capnp_put(b, tag, (uint64_t)count << 2 | (uint64_t)data << 32 | (uint64_t)pointers << 48);
    return tag + 1;
}

void
ct_capnp_add_text(ct_buffer *b, size_t at, const void *bytes, size_t size)
{
    size_t target = ct_capnp_take(b, size / 8 + 1);
    point_list(b, at, target, CT_CAPNP_BYTE, size + 1);
    if (!b->failed && size)
        memcpy(b->bytes + target * 8, bytes, size);
}

void
ct_capnp_add_reversed(ct_buffer *b, size_t at, const uint8_t *bytes, size_t size)
{
    size_t target = ct_capnp_take(b, (size + 7) / 8);
    point_list(b, at, target, CT_CAPNP_BYTE, size);
    for (size_t i = 0; i < size && !b->failed; i++)
        b->bytes[target * 8 + i] = bytes[size - 1 - i];
}

void
ct_capnp_add_number(ct_buffer *b, size_t at, uint64_t number)
{
    ct_capnp_put(b, ct_capnp_add_struct(b, at, 1, 0), number);
}

/* ---- packing: a byte whose bits say which bytes of the word are not zero, and those ---- */

static unsigned
zeros_in(const uint8_t *word)
{
    unsigned zeros = 0;
    for (unsigned i = 0; i < 8; i++)
        zeros += word[i] == 0;
    return zeros;
}

void
ct_capnp_pack(ct_buffer *out, const uint8_t *words, size_t count)
{
    const uint8_t *end = words + count * 8;
    while (words < end) {
        uint8_t packed[10], *at = packed + 1;
        packed[0] = 0;
        for (unsigned i = 0; i < 8; i++)
            if (words[i]) {
                packed[0] |= (uint8_t)(1u << i);
                *at++ = words[i];
            }
        words += 8;
        if (packed[0] != 0 && packed[0] != 0xFF) {
            ct_buffer_add(out, packed, (size_t)(at - packed));
            continue;
        }
        /* Behind the tags 00 and FF stands how many words follow that are zero, or are written as they are (for those packing wins little). */
        const uint8_t *next = words;
        while (next < end && next < words + 255 * 8 && (packed[0] ? zeros_in(next) < 2 : zeros_in(next) == 8))
            next += 8;
        *at++ = (uint8_t)((next - words) / 8);
        ct_buffer_add(out, packed, (size_t)(at - packed));
        if (packed[0])
            ct_buffer_add(out, words, (size_t)(next - words));
        words = next;
    }
}

static void
add_zeros(ct_buffer *out, size_t count)
{
    uint8_t *at = ct_buffer_room(out, count);
    if (at) {
        memset(at, 0, count);
        out->size += count;
    }
}

size_t
ct_capnp_unpack(ct_unpacker *u, ct_buffer *out, const uint8_t *bytes, size_t size, size_t most)
{
    size_t end = out->size + most, used = 0;
    while (used < size && out->size < end && !out->failed) {
        switch (u->state) {
        case CT_UNPACK_TAG:
            u->tag = bytes[used++];
            u->byte = 0;
            u->state = u->tag ? CT_UNPACK_BYTES : CT_UNPACK_ZEROS;
            break;
        case CT_UNPACK_BYTES:
            for (; u->byte < 8; u->byte++) {
                bool is_there = u->tag >> u->byte & 1;
                if (is_there && used == size)
                    return used;
                ct_buffer_add_byte(out, is_there ? bytes[used++] : 0);
            }
            u->state = u->tag == 0xFF ? CT_UNPACK_RAW_COUNT : CT_UNPACK_TAG;
            break;
        case CT_UNPACK_ZEROS:
            add_zeros(out, 8 + (size_t)bytes[used++] * 8);
            u->state = CT_UNPACK_TAG;
            break;
        case CT_UNPACK_RAW_COUNT:
            u->raw = (size_t)bytes[used++] * 8;
            u->state = u->raw ? CT_UNPACK_RAW : CT_UNPACK_TAG;
            break;
        case CT_UNPACK_RAW: {
            size_t count = u->raw < size - used ? u->raw : size - used;
            ct_buffer_add(out, bytes + used, count);
            used += count;
            u->raw -= count;
            if (!u->raw)
                u->state = CT_UNPACK_TAG;
            break;
        }
        }
    }
    return used;
}
