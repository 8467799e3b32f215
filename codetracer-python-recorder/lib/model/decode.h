/* Taking numbers and values out of bytes that nobody vouches for: docs/journal-format.md, "Values".
 *
 * Owns nothing. Every function checks what is left before it looks; what does not fit, or breaks the format, sets `bad`, which stays set, and
 * yields zeros. So a record is taken piece by piece and `bad` asked once behind it; a loop over a count from the file asks every round.
 */
#ifndef CT_MODEL_DECODE_H
#define CT_MODEL_DECODE_H

#include <string.h>

#include "codetracer/replay.h"

#define CT_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define CT_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef struct ct_input {
    const uint8_t *at, *end;
    bool bad;
} ct_input;

/* Room for the bytes of any text, bytes or integer that stands in place, in whole words. */
enum { CT_INLINE_SIZE = 24 };
typedef struct ct_inline { uint8_t bytes[CT_INLINE_SIZE]; } ct_inline;

/* Every buffer that values are taken from has this many readable bytes behind its end: ct_value_own() copies a whole ct_inline. */
enum { CT_INPUT_PADDING = 32 };

uint64_t ct_take_long_varint(ct_input *in);
void ct_take_value_slow(ct_input *in, ct_value *value);

static inline size_t ct_input_left(const ct_input *in) { return (size_t)(in->end - in->at); }

static inline uint8_t
ct_take_byte(ct_input *in)
{
    if (CT_LIKELY(in->at < in->end))
        return *in->at++;
    in->bad = true;
    return 0;
}

static inline uint64_t
ct_take_varint(ct_input *in)
{
    if (CT_LIKELY(in->at < in->end && *in->at < 0x80))
        return *in->at++;
    return ct_take_long_varint(in);
}

static inline int64_t
ct_take_svarint(ct_input *in)
{
    uint64_t number = ct_take_varint(in);
    return (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
}

/* A varint that must fit 32 bits: the ids of definitions. */
static inline uint32_t
ct_take_varint32(ct_input *in)
{
    uint64_t number = ct_take_varint(in);
    if (CT_UNLIKELY(number > UINT32_MAX)) {
        in->bad = true;
        return UINT32_MAX;
    }
    return (uint32_t)number;
}

/* Bytes in place: NULL and bad when they are not all there. */
static inline const uint8_t *
ct_take_bytes(ct_input *in, uint64_t count)
{
    if (CT_UNLIKELY(count > ct_input_left(in))) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *bytes = in->at;
    if (CT_LIKELY(count)) /* an empty input may be at NULL, from which nothing can be counted */
        in->at += count;
    return bytes;
}

static inline ct_text
ct_take_text(ct_input *in)
{
    uint64_t count = ct_take_varint(in);
    const uint8_t *bytes = ct_take_bytes(in, count);
    return (ct_text){bytes ? (const char *)bytes : "", bytes ? (size_t)count : 0};
}

/* A count of things that take at least `least` bytes each: bad when they cannot all be there. */
static inline size_t
ct_take_count(ct_input *in, size_t least)
{
    uint64_t count = ct_take_varint(in);
    if (CT_UNLIKELY(count > ct_input_left(in) / least)) {
        in->bad = true;
        return 0;
    }
    return (size_t)count;
}

/* A value. Its bytes, if any, still lie in the input: see ct_value_own(). */
static inline void
ct_take_value(ct_input *in, ct_value *value)
{
    if (CT_LIKELY(in->at < in->end) && *in->at >= CT_V_SMALL_INT && *in->at < CT_V_TEXT) {
        value->kind = CT_INT;
        value->negative = false;
        value->integer = (int64_t)*in->at++ - CT_V_SMALL_INT + CT_V_SMALL_INT_MIN;
        value->content = 0;
        return;
    }
    ct_take_value_slow(in, value);
}

/* Whether the value's bytes stand in place (and so have to be kept beside it). */
static inline bool
ct_value_has_inline(const ct_value *value)
{
    return value->kind >= CT_BIGINT && value->kind != CT_FLOAT && value->kind != CT_COMPLEX && value->kind != CT_OBJECT && !value->content;
}

/* Moves the bytes of a value just taken from a padded input into `place`. */
static inline void
ct_value_own(ct_value *value, ct_inline *place)
{
    memcpy(place->bytes, value->data.bytes, CT_INLINE_SIZE);
    value->data.bytes = place->bytes;
}

#endif
