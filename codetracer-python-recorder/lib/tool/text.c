/* A growing text, and UTF-8 as terminals see it. See text.h. Invariant: size <= room, bytes may be NULL only while room is 0. */
#include "tool/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *must_have(void *memory)
{
    if (!memory) {
        fputs("codetracer-trace: there is not enough memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void make_room(text *t, size_t count)
{
    if (t->room - t->size >= count)
        return;
    size_t room = t->room ? t->room : 256;
    while (room - t->size < count)
        room *= 2;
    t->bytes = must_have(realloc(t->bytes, room));
    t->room = room;
}

void text_free(text *t)
{
    free(t->bytes);
    *t = (text){0};
}

void text_add(text *t, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    make_room(t, count);
    memcpy(t->bytes + t->size, bytes, count);
    t->size += count;
}

void text_puts(text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_char(text *t, char c)
{
    make_room(t, 1);
    t->bytes[t->size++] = c;
}

void text_insert(text *t, size_t at, const char *string)
{
    size_t count = strlen(string);
    make_room(t, count);
    memmove(t->bytes + at + count, t->bytes + at, t->size - at);
    memcpy(t->bytes + at, string, count);
    t->size += count;
}

void text_format_list(text *t, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    make_room(t, 64);
    int count = vsnprintf(t->bytes + t->size, t->room - t->size, format, arguments);
    if (count >= 0 && (size_t)count >= t->room - t->size) {
        make_room(t, (size_t)count + 1);
        vsnprintf(t->bytes + t->size, (size_t)count + 1, format, again);
    }
    va_end(again);
    t->size += count < 0 ? 0 : (size_t)count;
}

void text_format(text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_format_list(t, format, arguments);
    va_end(arguments);
}

void text_code_point(text *t, uint32_t point)
{
    if (point < 0x80) {
        text_char(t, (char)point);
    } else if (point < 0x800) {
        text_char(t, (char)(0xC0 | (point >> 6)));
        text_char(t, (char)(0x80 | (point & 0x3F)));
    } else if (point < 0x10000) {
        text_char(t, (char)(0xE0 | (point >> 12)));
        text_char(t, (char)(0x80 | ((point >> 6) & 0x3F)));
        text_char(t, (char)(0x80 | (point & 0x3F)));
    } else {
        text_char(t, (char)(0xF0 | ((point >> 18) & 0x07)));
        text_char(t, (char)(0x80 | ((point >> 12) & 0x3F)));
        text_char(t, (char)(0x80 | ((point >> 6) & 0x3F)));
        text_char(t, (char)(0x80 | (point & 0x3F)));
    }
}

uint32_t utf8_decode(const uint8_t *bytes, size_t count, size_t *taken)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = bytes[0];
    size_t size = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    *taken = 1;
    if (size == 1)
        return first;
    if (size == 0 || size > count)
        return (uint32_t)UTF8_BAD;
    uint32_t point = first & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return (uint32_t)UTF8_BAD;
        point = (point << 6) | (bytes[i] & 0x3Fu);
    }
    if (point < least[size] || point > 0x10FFFF)
        return (uint32_t)UTF8_BAD;
    *taken = size;
    return point;
}

typedef struct range { uint32_t first, last; } range;

static bool in_ranges(uint32_t point, const range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

unsigned utf8_columns(uint32_t point)
{
    static const range narrow[] = {{0x300, 0x36F}, {0x483, 0x489}, {0x591, 0x5BD}, {0x610, 0x61A}, {0x64B, 0x65F},
                                   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
    static const range wide[] = {{0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
                                 {0xF900, 0xFAFF}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6},
                                 {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if (point < 0x300)
        return 1;
    if (in_ranges(point, narrow, sizeof narrow / sizeof *narrow))
        return 0;
    return in_ranges(point, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

bool utf8_unsafe(uint32_t point)
{
    static const range unsafe[] = {{0, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x61C, 0x61C}, {0x180E, 0x180E}, {0x200B, 0x200F},
                                   {0x2028, 0x202E}, {0x2060, 0x206F}, {0xD800, 0xDFFF}, {0xFEFF, 0xFEFF},
                                   {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}, {0x110000, UINT32_MAX}};
    if (point >= 0x20 && point < 0x7F)
        return false;
    return in_ranges(point, unsafe, sizeof unsafe / sizeof *unsafe);
}

void text_number(text *out, uint64_t n)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, n);
    for (int i = 0; i < count; i++) {
        text_char(out, digits[i]);
        if ((count - i) % 3 == 1 && i + 1 < count)
            text_char(out, ',');
    }
}
