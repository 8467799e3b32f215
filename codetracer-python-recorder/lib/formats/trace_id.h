/* The recording's id as text: lower-case hex with hyphens. */
#ifndef CT_FORMATS_TRACE_ID_H
#define CT_FORMATS_TRACE_ID_H

#include <stdint.h>

enum { CT_TRACE_ID_SIZE = 36 };

static inline void
ct_trace_id_text(const uint8_t id[16], char text[CT_TRACE_ID_SIZE + 1])
{
    static const char DIGITS[] = "0123456789abcdef";
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = DIGITS[id[i] >> 4];
        *at++ = DIGITS[id[i] & 15];
    }
    *at = 0;
}

#endif
