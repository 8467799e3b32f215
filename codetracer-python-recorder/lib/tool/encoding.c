/* Sources that say in a comment that they are not UTF-8 (PEP 263), for people to read. Of the encodings, those of one byte for western languages are known; what else
 * there is stays as it is, and bytes that are no UTF-8 are shown escaped. */
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

/* What the bytes 0x80 to 0x9F are in windows-1252; 0: nothing. */
static const uint16_t WINDOWS[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                     0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

typedef enum encoding { OTHER, LATIN_1, LATIN_9, WINDOWS_1252 } encoding;

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* The encoding that a comment line names behind `coding:` or `coding=`. False: the line names none. */
static bool named(const char *at, const char *end, encoding *found)
{
    static const struct { const char *name; encoding is; } known[] = {
        {"latin-1", LATIN_1}, {"latin1", LATIN_1}, {"l1", LATIN_1}, {"iso-8859-1", LATIN_1}, {"iso8859-1", LATIN_1}, {"iso-latin-1", LATIN_1},
        {"iso-8859-15", LATIN_9}, {"iso8859-15", LATIN_9}, {"latin-9", LATIN_9}, {"latin9", LATIN_9}, {"cp1252", WINDOWS_1252}, {"windows-1252", WINDOWS_1252}};
    char name[16];
    size_t size = 0;
    while (at < end && strchr(" \t\f", *at) && *at)
        at++;
    if (at == end || *at != '#')
        return false;
    const char *coding = memmem(at, (size_t)(end - at), "coding", 6);
    while (coding && coding + 6 < end && coding[6] != ':' && coding[6] != '=')
        coding = memmem(coding + 1, (size_t)(end - coding - 1), "coding", 6);
    if (!coding || coding + 7 >= end)
        return false;
    for (at = coding + 7; at < end && (*at == ' ' || *at == '\t'); at++)
        ;
    for (; at < end && is_name(*at) && size + 1 < sizeof name; at++)
        name[size++] = *at == '_' ? '-' : *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    name[size] = 0;
    *found = OTHER;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            *found = known[i].is;
    return size > 0;
}

static unsigned character(encoding by, unsigned char byte)
{
    if (by == WINDOWS_1252 && byte >= 0x80 && byte < 0xA0)
        return WINDOWS[byte - 0x80];
    if (by == LATIN_9)
        switch (byte) {
        case 0xA4: return 0x20AC;
        case 0xA6: return 0x0160;
        case 0xA8: return 0x0161;
        case 0xB4: return 0x017D;
        case 0xB8: return 0x017E;
        case 0xBC: return 0x0152;
        case 0xBD: return 0x0153;
        case 0xBE: return 0x0178;
        default: break;
        }
    return byte;
}

char *source_decoded(ct_text source, size_t *size)
{
    encoding by = OTHER;
    const char *at = source.bytes, *end = source.bytes + source.size;
    for (int line = 0; line < 2 && at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        if (named(at, stop, &by))
            break;
        at = stop + (stop < end);
    }
    if (by == OTHER)
        return NULL;
    char *out = must_have(malloc(source.size * 3 + 1)), *to = out;
    for (size_t i = 0; i < source.size; i++) {
        unsigned c = character(by, (unsigned char)source.bytes[i]);
        if (c < 0x80)
            *to++ = (char)c;
        else if (c < 0x800) {
            *to++ = (char)(0xC0 | c >> 6);
            *to++ = (char)(0x80 | (c & 0x3F));
        } else {
            *to++ = (char)(0xE0 | c >> 12);
            *to++ = (char)(0x80 | (c >> 6 & 0x3F));
            *to++ = (char)(0x80 | (c & 0x3F));
        }
    }
    *size = (size_t)(to - out);
    return out;
}
