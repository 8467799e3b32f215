/* Numbers as Python's repr writes them. Invariant: reading the text back gives the same number, bit for bit (but for NaN). */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

void number_float(text *out, double value, bool dot_zero)
{
    if (isnan(value)) {
        text_puts(out, "nan");
        return;
    }
    if (isinf(value)) {
        text_puts(out, value < 0 ? "-inf" : "inf");
        return;
    }
    /* The fewest digits that read back the same. Fifteen always survive, except below the normal range. */
    char scientific[48];
    int precision = fabs(value) < DBL_MIN ? 1 : 15;
    for (; precision <= 17; precision++) {
        snprintf(scientific, sizeof scientific, "%.*e", precision - 1, value);
        if (strtod(scientific, NULL) == value)
            break;
    }
    char digits[24];
    int count = 0;
    const char *at = scientific;
    if (*at == '-') {
        text_char(out, '-');
        at++;
    }
    for (; *at && *at != 'e'; at++)
        if (*at != '.' && *at != ',' && count < (int)sizeof digits)
            digits[count++] = *at;
    int exponent = *at == 'e' ? atoi(at + 1) : 0;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (exponent < -4 || exponent >= 16) {
        text_char(out, digits[0]);
        if (count > 1) {
            text_char(out, '.');
            text_add(out, digits + 1, (size_t)count - 1);
        }
        text_format(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        text_puts(out, "0.");
        for (int i = -1; i > exponent; i--)
            text_char(out, '0');
        text_add(out, digits, (size_t)count);
        return;
    }
    for (int i = 0; i <= exponent; i++)
        text_char(out, i < count ? digits[i] : '0');
    if (count > exponent + 1) {
        text_char(out, '.');
        text_add(out, digits + exponent + 1, (size_t)(count - exponent - 1));
    } else if (dot_zero) {
        text_puts(out, ".0");
    }
}

void number_complex(text *out, double real, double imaginary)
{
    bool bare = real == 0.0 && !signbit(real);
    if (!bare) {
        text_char(out, '(');
        number_float(out, real, false);
        if (!signbit(imaginary) || isnan(imaginary))
            text_char(out, '+');
    }
    number_float(out, imaginary, false);
    text_char(out, 'j');
    if (!bare)
        text_char(out, ')');
}

void number_big(text *out, bool negative, const uint8_t *bytes, size_t count)
{
    enum { MOST_BYTES = 1785 }; /* 4,300 digits */
    while (count > 0 && bytes[count - 1] == 0)
        count--;
    if (count == 0) {
        text_char(out, '0');
        return;
    }
    if (negative)
        text_char(out, '-');
    if (count > MOST_BYTES) {
        text_puts(out, "0x");
        text_format(out, "%x", bytes[count - 1]);
        for (size_t i = count - 1; i-- > 0;)
            text_format(out, "%02x", bytes[i]);
        return;
    }
    uint32_t words[MOST_BYTES / 4 + 1] = {0}, groups[MOST_BYTES / 3 + 2];
    size_t word_count = (count + 3) / 4, group_count = 0;
    for (size_t i = 0; i < count; i++)
        words[i / 4] |= (uint32_t)bytes[i] << (8 * (i % 4));
    while (word_count > 0) {
        uint64_t rest = 0;
        for (size_t i = word_count; i-- > 0;) {
            uint64_t part = (rest << 32) | words[i];
            words[i] = (uint32_t)(part / 1000000000u);
            rest = part % 1000000000u;
        }
        groups[group_count++] = (uint32_t)rest;
        while (word_count > 0 && words[word_count - 1] == 0)
            word_count--;
    }
    text_format(out, "%" PRIu32, groups[--group_count]);
    while (group_count-- > 0)
        text_format(out, "%09" PRIu32, groups[group_count]);
}
