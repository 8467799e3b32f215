/* A growing text, and UTF-8 as terminals see it. Running out of memory ends the program with a sentence. */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text { char *bytes; size_t size, room; } text;

void text_free(text *t);
static inline void text_clear(text *t) { t->size = 0; }
void text_add(text *t, const void *bytes, size_t count);
void text_puts(text *t, const char *string);
void text_char(text *t, char c);
void text_insert(text *t, size_t at, const char *string);
void text_number(text *out, uint64_t n); /* 1234567 as 1,234,567 */
void text_format(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_format_list(text *t, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
/* UTF-8 of a code point; a surrogate gets its three-byte form. */
void text_code_point(text *t, uint32_t point);

/* Decodes one code point (WTF-8) of at most `count` bytes, count > 0; *taken is at least 1. Bytes that are no UTF-8: 0xFFFFFFFF, one byte. */
uint32_t utf8_decode(const uint8_t *bytes, size_t count, size_t *taken);
enum { UTF8_BAD = -1 };
/* Columns that a terminal gives to it: 0, 1 or 2. */
unsigned utf8_columns(uint32_t point);
/* Not to be shown as it is: control characters, invisible ones, those that turn the direction of text, surrogates. */
bool utf8_unsafe(uint32_t point);

void *must_have(void *memory); /* ends the program when it is NULL */

#endif
