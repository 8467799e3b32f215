/* Texts that formats demand: clean UTF-8, numbers and byte strings as literals, base64. No state, no allocation of its own. */
#ifndef CT_FORMATS_TEXT_H
#define CT_FORMATS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buffer.h"

/* Whether the bytes are UTF-8 as Unicode has it (no surrogates, no overlong forms). */
bool ct_text_is_clean(const uint8_t *bytes, size_t size);

/* Appends the text as clean UTF-8: a lone surrogate (its three-byte form) as `\udc80` or, for names of files, as U+FFFD; what is no
 * encoded character at all as U+FFFD. */
void ct_text_clean(ct_buffer *out, const uint8_t *bytes, size_t size, bool escape_surrogates);

/* Where the mark "‹… N more of M›" begins with which an export ended a text that it cut; `size` when there is none. *rest: N, *all: M. */
size_t ct_text_cut_mark(const uint8_t *bytes, size_t size, uint64_t *rest, uint64_t *all);

/* The greatest size <= limit at which no character is cut, and how many characters that is. */
size_t ct_text_prefix(const uint8_t *bytes, size_t size, uint64_t limit, uint64_t *characters);

enum { CT_NUMBER_TEXT_MAX = 400 }; /* bytes that the longest number below needs: 5e-324 without an exponent */

size_t ct_text_of_u64(char *out, uint64_t value);
size_t ct_text_of_i64(char *out, int64_t value);

/* As Rust's Display writes an f64: shortest digits that round-trip, never an exponent, no `.0` (trace-json.md section 4). */
size_t ct_text_of_float(char *out, double value);

/* As Python's repr writes the parts of a complex: shortest digits, exponent below 1e-4 and from 1e16, no `.0`. */
size_t ct_text_of_complex(char *out, double real, double imaginary);

/* As Python's repr writes bytes: b'…'. */
void ct_text_of_bytes(ct_buffer *out, const uint8_t *bytes, size_t size);

/* Standard padded base64 of a magnitude given little-endian, most significant byte first. */
void ct_text_base64_reversed(ct_buffer *out, const uint8_t *bytes, size_t size);

#endif
