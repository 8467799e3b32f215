/* CBOR as CodeTracer's formats have it (trace-binary.md 1.1, ctfs.md 4.1): heads and texts; the value records inside, in the form of the Rust crates
 * (V1) as well as in that of the Nim library, for both are told apart item by item; and V1's events, one item each.
 *
 * Input is a ct_input (model/decode.h) over memory that may be written to: big integers in base64 are decoded in place. What does not fit, or breaks
 * the format, sets `bad`, which stays set; a function that returns a ct_code returns CT_OK then. Lengths are definite, as encoders write them, but
 * for text in pieces, which is joined in place.
 */
#ifndef CT_FORMATS_CBOR_READ_H
#define CT_FORMATS_CBOR_READ_H

#include "formats/stream.h"
#include "model/decode.h"

typedef struct ct_cbor_head { unsigned major, info; uint64_t number; } ct_cbor_head;

ct_cbor_head ct_cbor_take_head(ct_input *in);
ct_text ct_cbor_take_text(ct_input *in);           /* a text string, which keys are too */
uint64_t ct_cbor_take_unsigned(ct_input *in);
int64_t ct_cbor_take_integer(ct_input *in);
size_t ct_cbor_take_map(ct_input *in);             /* the head of a map: its pairs; never more than the bytes left */
size_t ct_cbor_take_array(ct_input *in);
void ct_cbor_skip(ct_input *in);                   /* one item with all that is in it */

static inline bool
ct_text_is(ct_text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.bytes, word, text.size) == 0;
}

/* How much of one item there is, for a stream whose pieces cut items: its size; 0: more bytes are wanted; SIZE_MAX: no item begins so. */
size_t ct_cbor_span(const uint8_t *bytes, size_t size);

/* A value record: its node. 0 and in->bad: it is none (or, with in->bad unset, there is no memory). */
size_t ct_cbor_take_value(ct_stream_tree *tree, ct_input *in);
/* The fields of a Type record; the array of arguments of the call that follows: handed on. */
ct_code ct_cbor_type(const ct_stream_sink *sink, ct_input *in);
ct_code ct_cbor_arguments(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in);

/* One event of V1, handed on. CT_E_CORRUPT: the sink's message says why. */
ct_code ct_cbor_event(const ct_stream_sink *sink, ct_stream_tree *tree, ct_input *in);

#endif
