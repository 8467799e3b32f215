/* See text.h. Invariant: whatever goes in, what comes out is clean UTF-8. */
#include "formats/text.h"

#include <math.h>
#include <string.h>
#include <yyjson.h>

/* Bytes of the character at `at`: 0 when there is none; *surrogate: it is the three-byte form of one. */
static size_t
character_at(const uint8_t *at, size_t left, bool *surrogate)
{
    uint8_t lead = at[0];
    *surrogate = false;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F))
        return 0;
    *surrogate = lead == 0xED && at[1] >= 0xA0;
    return size;
}

/* Bytes of ASCII at the beginning, eight at a time. */
static size_t
ascii_run(const uint8_t *bytes, size_t size)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < size && bytes[i] < 0x80)
        i++;
    return i;
}

bool
ct_text_is_clean(const uint8_t *bytes, size_t size)
{
    for (size_t i = ascii_run(bytes, size); i < size; i += ascii_run(bytes + i, size - i)) {
        bool surrogate;
        size_t count = character_at(bytes + i, size - i, &surrogate);
        if (!count || surrogate)
            return false;
        i += count;
    }
    return true;
}

void
ct_text_clean(ct_buffer *out, const uint8_t *bytes, size_t size, bool escape_surrogates)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < size;) {
        bool surrogate;
        size_t run = ascii_run(bytes + i, size - i);
        ct_buffer_add(out, bytes + i, run);
        i += run;
        if (i == size)
            break;
        size_t count = character_at(bytes + i, size - i, &surrogate);
        if (count && !surrogate)
            ct_buffer_add(out, bytes + i, count);
        else if (surrogate && escape_surrogates) {
            unsigned code = 0xD000u | (unsigned)(bytes[i + 1] & 0x3F) << 6 | (unsigned)(bytes[i + 2] & 0x3F);
            char text[6] = { '\\', 'u', 'd', DIGITS[code >> 8 & 15], DIGITS[code >> 4 & 15], DIGITS[code & 15] };
            ct_buffer_add(out, text, sizeof text);
        } else
            ct_buffer_add_text(out, "\xEF\xBF\xBD");
        i += count ? count : 1;
    }
}

size_t
ct_text_prefix(const uint8_t *bytes, size_t size, uint64_t limit, uint64_t *characters)
{
    size_t end = size;
    if (limit < size) {
        end = (size_t)limit;
        while (end > 0 && (bytes[end] & 0xC0) == 0x80)
            end--;
    }
    uint64_t count = 0;
    for (size_t i = 0; i < end; i++)
        count += (bytes[i] & 0xC0) != 0x80;
    *characters = count;
    return end;
}

/* Digits before `end`, at most as many as 64 bits surely hold; where they begin, or `end`. */
static size_t
number_before(const uint8_t *bytes, size_t end, uint64_t *value)
{
    size_t at = end;
    uint64_t place = 1;
    for (*value = 0; at > 0 && end - at < 19 && bytes[at - 1] >= '0' && bytes[at - 1] <= '9'; at--, place *= 10)
        *value += (uint64_t)(bytes[at - 1] - '0') * place;
    return at;
}

static bool
ends_with(const uint8_t *bytes, size_t size, const char *ending)
{
    size_t count = strlen(ending);
    return size >= count && memcmp(bytes + size - count, ending, count) == 0;
}

size_t
ct_text_cut_mark(const uint8_t *bytes, size_t size, uint64_t *rest, uint64_t *all)
{
    static const char open[] = "‹… ", middle[] = " more of ", close[] = "›";
    if (!ends_with(bytes, size, close))
        return size;
    size_t end = size - strlen(close), at = number_before(bytes, end, all);
    if (at == end || !ends_with(bytes, at, middle))
        return size;
    end = at - strlen(middle);
    at = number_before(bytes, end, rest);
    return at == end || !ends_with(bytes, at, open) ? size : at - strlen(open);
}

size_t
ct_text_of_u64(char *out, uint64_t value)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

size_t
ct_text_of_i64(char *out, int64_t value)
{
    if (value >= 0)
        return ct_text_of_u64(out, (uint64_t)value);
    *out = '-';
    return 1 + ct_text_of_u64(out + 1, 0 - (uint64_t)value);
}

/* The shortest digits of a finite, positive number that round-trip, the nearest ones of these: value = 0.DIGITS · 10^point.
 * yyjson has the algorithm (Schubfach); its text is taken apart again. */
static size_t
shortest_digits(double value, char digits[20], int *point)
{
    char pool[1024], all[64];
    yyjson_alc allocator;
    yyjson_val number;
    size_t size = 0, count = 0, zeros = 0;
    int exponent = 0, before = -1;
    memset(&number, 0, sizeof number);
    yyjson_set_real(&number, value);
    yyjson_alc_pool_init(&allocator, pool, sizeof pool);
    const char *text = yyjson_val_write_opts(&number, 0, &allocator, &size, NULL);
    for (size_t i = 0; text && i < size && count < sizeof all; i++) {
        if (text[i] == '.')
            before = (int)count;
        else if (text[i] == 'e' || text[i] == 'E') {
            bool negative = text[i + 1] == '-';
            for (i += text[i + 1] == '-' || text[i + 1] == '+' ? 2 : 1; i < size; i++)
                exponent = exponent * 10 + (text[i] - '0');
            exponent = negative ? -exponent : exponent;
        } else
            all[count++] = text[i];
    }
    *point = (before < 0 ? (int)count : before) + exponent;
    while (zeros < count && all[zeros] == '0')
        zeros++;
    while (count > zeros && all[count - 1] == '0')
        count--;
    *point -= (int)zeros;
    count -= zeros;
    if (count > 20)
        count = 20; /* never: 17 digits are enough for any double */
    memcpy(digits, all + zeros, count);
    return count;
}

/* 0.DIGITS · 10^point without an exponent. */
static size_t
positional(char *out, const char *digits, size_t count, int point)
{
    size_t at = 0;
    if (point <= 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = point; i < 0; i++)
            out[at++] = '0';
        memcpy(out + at, digits, count);
        return at + count;
    }
    for (size_t i = 0; i < (size_t)point || i < count; i++) {
        if (i == (size_t)point)
            out[at++] = '.';
        out[at++] = i < count ? digits[i] : '0';
    }
    return at;
}

size_t
ct_text_of_float(char *out, double value)
{
    char digits[20], *at = out;
    int point;
    if (isnan(value)) {
        memcpy(out, "NaN", 3);
        return 3;
    }
    if (signbit(value)) {
        *at++ = '-';
        value = -value;
    }
    if (isinf(value)) {
        memcpy(at, "inf", 3);
        return (size_t)(at - out) + 3;
    }
    if (value < 9007199254740992.0 && value == (double)(uint64_t)value)
        return (size_t)(at - out) + ct_text_of_u64(at, (uint64_t)value);
    size_t count = shortest_digits(value, digits, &point);
    return (size_t)(at - out) + positional(at, digits, count, point);
}

static size_t
python_float(char *out, double value, bool always_sign)
{
    char digits[20], *at = out;
    int point;
    if (signbit(value) && !isnan(value))
        *at++ = '-';
    else if (always_sign)
        *at++ = '+';
    value = fabs(value);
    if (isnan(value) || isinf(value)) {
        memcpy(at, isnan(value) ? "nan" : "inf", 3);
        return (size_t)(at - out) + 3;
    }
    if (value == 0) {
        *at++ = '0';
        return (size_t)(at - out);
    }
    size_t count = shortest_digits(value, digits, &point);
    if (point > -4 && point <= 16) /* CPython's format code 'r' */
        return (size_t)(at - out) + positional(at, digits, count, point);
    *at++ = digits[0];
    if (count > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, count - 1);
        at += count - 1;
    }
    int exponent = point - 1;
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10)
        *at++ = '0';
    return (size_t)(at - out) + ct_text_of_u64(at, (uint64_t)exponent);
}

size_t
ct_text_of_complex(char *out, double real, double imaginary)
{
    char *at = out;
    bool only_imaginary = real == 0 && !signbit(real);
    if (!only_imaginary) {
        *at++ = '(';
        at += python_float(at, real, false);
    }
    at += python_float(at, imaginary, !only_imaginary);
    *at++ = 'j';
    if (!only_imaginary)
        *at++ = ')';
    return (size_t)(at - out);
}

void
ct_text_of_bytes(ct_buffer *out, const uint8_t *bytes, size_t size)
{
    static const char DIGITS[] = "0123456789abcdef";
    char quote = size && memchr(bytes, '\'', size) && !memchr(bytes, '"', size) ? '"' : '\'';
    ct_buffer_add_byte(out, 'b');
    ct_buffer_add_byte(out, (uint8_t)quote);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes[i], *at = ct_buffer_room(out, 4);
        if (!at)
            return;
        char letter = byte == '\t' ? 't' : byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte == '\\' || byte == quote ? (char)byte : 0;
        if (letter) {
            at[0] = '\\';
            at[1] = (uint8_t)letter;
            out->size += 2;
        } else if (byte >= ' ' && byte < 0x7F) {
            at[0] = byte;
            out->size += 1;
        } else {
            at[0] = '\\';
            at[1] = 'x';
            at[2] = (uint8_t)DIGITS[byte >> 4];
            at[3] = (uint8_t)DIGITS[byte & 15];
            out->size += 4;
        }
    }
    ct_buffer_add_byte(out, (uint8_t)quote);
}

void
ct_text_base64_reversed(ct_buffer *out, const uint8_t *bytes, size_t size)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t count = size - i < 3 ? size - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < count ? bytes[size - 1 - i - k] : 0u);
        char text[4] = { LETTERS[group >> 18], LETTERS[group >> 12 & 63], LETTERS[group >> 6 & 63], LETTERS[group & 63] };
        if (count < 3)
            text[3] = '=';
        if (count < 2)
            text[2] = '=';
        ct_buffer_add(out, text, 4);
    }
}
