/* Value records in the encodings that formats use. Failures stay in the buffer (ct_buffer.failed). */
#ifndef CT_FORMATS_ENCODE_H
#define CT_FORMATS_ENCODE_H

#include "formats/types.h"
#include "formats/view.h"

enum ct_form {
    CT_FORM_JSON, /* trace-json.md section 4 */
    CT_FORM_V1,   /* CBOR as the Rust crates have it: the same members, floats and big integers as text (trace-binary.md section 1.1) */
    CT_FORM_V0,   /* Cap'n Proto: the struct Value, then what it points at; to be put where only words stand (trace-binary.md section 2) */
    CT_FORM_NIM   /* CBOR as ct-print has it: real floats, byte strings, `text` beside `b` (ctfs.md section 4.1) */
};

enum { CT_V0_VALUE_DATA = 3, CT_V0_VALUE_POINTERS = 3 }; /* words of a struct Value */

/* The record of nodes[at] with everything inside. Recurses as deep as the view's nesting limit. */
void ct_encode(ct_buffer *out, enum ct_form form, const ct_view_node *nodes, size_t at);

/* A type record without its event's name (JSON, V1). */
void ct_encode_type(ct_buffer *out, enum ct_form form, const ct_type_definition *type);

/* "…" with what must be escaped escaped. */
void ct_json_string(ct_buffer *out, const void *bytes, size_t size);
void ct_json_number(ct_buffer *out, int64_t value);
void ct_json_unsigned(ct_buffer *out, uint64_t value);

/* The head of a CBOR item in its shortest form (RFC 8949). */
void ct_cbor_put_head(ct_buffer *out, unsigned major, uint64_t value);
uint8_t *ct_cbor_head_at(uint8_t *at, unsigned major, uint64_t value); /* at most 9 bytes; returns their end */

#endif
