/* Cap'n Proto's encoding (https://capnproto.org/encoding.html) as far as trace.bin in V0 needs it: one segment, built in words; packing, unpacking.
 *
 * A message is built in a ct_buffer that holds nothing but words: places are counted in words from its start, pointers are relative and so may be
 * moved together with what they point at. Invariant: a pointer is written once, into a word that was zero. Failures stay in the buffer.
 */
#ifndef CT_FORMATS_CAPNP_H
#define CT_FORMATS_CAPNP_H

#include "formats/buffer.h"

enum { CT_CAPNP_STRUCT = 0, CT_CAPNP_LIST = 1, CT_CAPNP_FAR = 2 }; /* bits 0 and 1 of a pointer */
/* How large a list's element is, bits 32 to 34 of its pointer. */
enum { CT_CAPNP_VOID, CT_CAPNP_BIT, CT_CAPNP_BYTE, CT_CAPNP_2_BYTES, CT_CAPNP_4_BYTES, CT_CAPNP_8_BYTES, CT_CAPNP_POINTER, CT_CAPNP_COMPOSITE };

static inline size_t ct_capnp_words(const ct_buffer *b) { return b->size / 8; }

/* A word that lies anywhere. */
static inline uint64_t
ct_capnp_word(const uint8_t *at)
{
    uint64_t word = 0;
    for (unsigned i = 8; i-- > 0;)
        word = word << 8 | at[i];
    return word;
}

/* Zero words at the end; the place of the first. */
size_t ct_capnp_take(ct_buffer *b, size_t words);
void ct_capnp_put(ct_buffer *b, size_t word, uint64_t value);

/* Each writes the pointer in word `at` and takes what it points at: a struct (its first data word), a list of structs (its first element's), text with
 * its terminating zero, bytes in reverse order, a struct of one data word. */
size_t ct_capnp_add_struct(ct_buffer *b, size_t at, unsigned data, unsigned pointers);
size_t ct_capnp_add_list(ct_buffer *b, size_t at, size_t count, unsigned data, unsigned pointers);
void ct_capnp_add_text(ct_buffer *b, size_t at, const void *bytes, size_t size);
void ct_capnp_add_reversed(ct_buffer *b, size_t at, const uint8_t *bytes, size_t size);
void ct_capnp_add_number(ct_buffer *b, size_t at, uint64_t number);
/* The pointer in word `at` to a struct that lies elsewhere. */
void ct_capnp_point(ct_buffer *b, size_t at, size_t target, unsigned data, unsigned pointers);

/* Appends words in the packed encoding. What is packed apart may be put together. */
void ct_capnp_pack(ct_buffer *out, const uint8_t *words, size_t count);

/* Where unpacking is; all zero at the beginning. */
typedef struct ct_unpacker {
    enum { CT_UNPACK_TAG, CT_UNPACK_BYTES, CT_UNPACK_ZEROS, CT_UNPACK_RAW_COUNT, CT_UNPACK_RAW } state;
    uint8_t tag;
    unsigned byte;                 /* of the word at hand */
    size_t raw;                    /* bytes that follow as they are */
} ct_unpacker;

/* Unpacks bytes until they end or `most` bytes were appended, roughly; returns how many were used up. */
size_t ct_capnp_unpack(ct_unpacker *u, ct_buffer *out, const uint8_t *bytes, size_t size, size_t most);
/* More bytes must follow. */
static inline bool ct_capnp_unpack_ends_within(const ct_unpacker *u) { return u->state != CT_UNPACK_TAG; }

#endif
