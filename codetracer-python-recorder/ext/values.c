/* Python values as journal values (docs/journal-format.md, "Values"). Scalars of exact built-in types stand in place; long
 * texts, byte strings and integers are content; everything else is an object with a record.
 *
 * Nothing is called on a value: numbers and texts are read from their C storage. A str's cached UTF-8 and hash are neither used nor filled:
 * filling them would be a write that the program can notice (a str with a hash is no longer extended in place by +=).
 */
#include "recorder.h"

#include <stdlib.h>

/* How many bytes of UTF-8 (WTF-8 for lone surrogates) code point c takes. */
static size_t
utf8_size(Py_UCS4 c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static uint8_t *
utf8_put(uint8_t *at, Py_UCS4 c)
{
    if (c < 0x80)
        *at++ = (uint8_t)c;
    else if (c < 0x800) {
        *at++ = (uint8_t)(0xC0 | c >> 6);
        *at++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    else if (c < 0x10000) {
        *at++ = (uint8_t)(0xE0 | c >> 12);
        *at++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *at++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    else {
        *at++ = (uint8_t)(0xF0 | c >> 18);
        *at++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        *at++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *at++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    return at;
}

bool
text_utf8(recorder *r, PyObject *text, size_t limit, const char **bytes, size_t *size)
{
    size_t length = (size_t)PyUnicode_GET_LENGTH(text);
    if (PyUnicode_IS_ASCII(text)) {
        *bytes = (const char *)PyUnicode_DATA(text);
        *size = length < limit ? length : limit;
        return true;
    }
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    size_t most = length < limit ? length : limit; /* a character takes at least one byte */
    r->text.size = 0;
    uint8_t *start = scratch_room(&r->text, most * (kind == PyUnicode_1BYTE_KIND ? 2 : kind == PyUnicode_2BYTE_KIND ? 3 : 4) + 4);
    if (start == NULL) {
        r->no_memory = true;
        return false;
    }
    uint8_t *at = start;
    for (size_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if ((size_t)(at - start) + utf8_size(c) > limit)
            break;
        at = utf8_put(at, c);
    }
    *bytes = (const char *)start;
    *size = (size_t)(at - start);
    return true;
}

/* A value that was cut, as content: counted when it is new, for the same one is encoded again at every line. */
static uint8_t *
write_cut(recorder *r, uint64_t content, uint8_t *at)
{
    if (content >= r->cut_content_end) {
        r->cut_content_end = content + 1;
        r->cut_text++;
    }
    return ct_write_content(at, content);
}

static bool
is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}

static size_t
count_characters(const char *utf8, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += !is_continuation(utf8[i]);
    return count;
}

/* A value that a known secret stands in. */
static uint8_t *
write_redacted(recorder *r, uint8_t *at)
{
    r->state_hidden[HIDDEN_TEXTS - HIDDEN_ITEMS]++;
    *at++ = CT_V_REDACTED;
    return at;
}

/* Also what stands across the limit: its first half would stay. */
static __attribute__((noinline)) bool
has_secret(recorder *r, PyObject *text)
{
    enum { LONGEST_SECRET = 256 };
    const char *bytes;
    size_t size;
    return text_utf8(r, text, r->limits.text + LONGEST_SECRET, &bytes, &size) && redaction_finds(r, bytes, size);
}

uint8_t *
value_encode_text(recorder *r, const char *utf8, size_t size, uint8_t *at)
{
    if (r->secrets_known && redaction_finds(r, utf8, size))
        return write_redacted(r, at);
    if (size <= CT_V_TEXT_MAX)
        return ct_write_short_text(at, utf8, size);
    size_t kept = size;
    if (kept > r->limits.text) {
        for (kept = r->limits.text; kept && is_continuation(utf8[kept]); kept--)
            ;
        return write_cut(r, ct_content(r->out, CT_CONTENT_TEXT, utf8, kept, count_characters(utf8, size)), at);
    }
    return ct_write_content(at, ct_content(r->out, CT_CONTENT_TEXT, utf8, kept, count_characters(utf8, size)));
}

uint8_t *
value_encode_str(recorder *r, PyObject *text, uint8_t *at)
{
    const char *bytes;
    size_t size, length = (size_t)PyUnicode_GET_LENGTH(text);
    if (__builtin_expect(r->secrets_known != 0, 0) && has_secret(r, text))
        return write_redacted(r, at);
    if (!text_utf8(r, text, r->limits.text, &bytes, &size))
        return ct_write_short_text(at, "", 0);
    if (size <= CT_V_TEXT_MAX && size + 4 <= r->limits.text)
        return ct_write_short_text(at, bytes, size);
    /* Near the limit: was it cut? (Far from it, text_utf8 kept every character.) */
    if (size + 4 > r->limits.text && count_characters(bytes, size) < length)
        return write_cut(r, ct_content(r->out, CT_CONTENT_TEXT, bytes, size, length), at);
    return ct_write_content(at, ct_content(r->out, CT_CONTENT_TEXT, bytes, size, length));
}

uint8_t *
value_encode_bytes(recorder *r, const void *bytes, size_t size, uint8_t *at)
{
    if (r->secrets_known && redaction_finds(r, bytes, size < r->limits.text ? size : r->limits.text))
        return write_redacted(r, at);
    if (size <= CT_V_BYTES_MAX)
        return ct_write_short_bytes(at, bytes, size);
    if (size > r->limits.text)
        return write_cut(r, ct_content(r->out, CT_CONTENT_BYTES, bytes, r->limits.text, size), at);
    return ct_write_content(at, ct_content(r->out, CT_CONTENT_BYTES, bytes, size, size));
}

uint8_t *
value_encode_int(recorder *r, PyLongObject *number, uint8_t *at)
{
    if (_PyLong_IsCompact(number))
        return ct_write_int(at, _PyLong_CompactValue(number));

    size_t digits = number->long_value.lv_tag >> _PyLong_NON_SIZE_BITS;
    bool negative = (number->long_value.lv_tag & 3) == 2;
    const digit *digit_at = number->long_value.ob_digit;
    if (digits <= 3) { /* up to 90 bits */
        unsigned __int128 magnitude = 0;
        for (size_t i = digits; i-- > 0;)
            magnitude = magnitude << PyLong_SHIFT | digit_at[i];
        if (magnitude <= (unsigned __int128)INT64_MAX + negative)
            return ct_write_int(at, negative ? (int64_t)(~(uint64_t)magnitude + 1) : (int64_t)magnitude);
    }
    /* Digits of PyLong_SHIFT bits to bytes, little-endian, leading zeros dropped. */
    size_t most = (digits * PyLong_SHIFT + 7) / 8 + 8;
    r->text.size = 0;
    uint8_t *bytes = scratch_room(&r->text, most);
    if (bytes == NULL) {
        r->no_memory = true;
        return ct_write_int(at, 0);
    }
    size_t count = 0, have = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < digits; i++) {
        bits |= (uint64_t)digit_at[i] << have;
        for (have += PyLong_SHIFT; have >= 8; have -= 8, bits >>= 8)
            bytes[count++] = (uint8_t)bits;
    }
    if (have)
        bytes[count++] = (uint8_t)bits;
    while (count && bytes[count - 1] == 0)
        count--;
    if (count <= CT_V_BIGINT_MAX)
        return ct_write_bigint(at, negative, bytes, count);
    enum ct_content_kind kind = negative ? CT_CONTENT_NEGATIVE : CT_CONTENT_INTEGER;
    if (count > r->limits.text) /* The high bytes say most about a number; what is kept is its upper part. */
        return write_cut(r, ct_content(r->out, kind, bytes + count - r->limits.text, r->limits.text, count), at);
    return ct_write_content(at, ct_content(r->out, kind, bytes, count, count));
}

uint8_t *
value_encode(recorder *r, PyObject *object, uint8_t *at, object_record **record)
{
    PyTypeObject *type = Py_TYPE(object);
    *record = NULL;
    if (type == &PyLong_Type)
        return value_encode_int(r, (PyLongObject *)object, at);
    if (type == &PyUnicode_Type)
        return value_encode_str(r, object, at);
    if (type == &PyFloat_Type)
        return ct_write_float(at, ((PyFloatObject *)object)->ob_fval);
    if (object == Py_None) {
        *at++ = CT_V_NONE;
        return at;
    }
    if (type == &PyBool_Type) {
        *at++ = object == Py_True ? CT_V_TRUE : CT_V_FALSE;
        return at;
    }
    if (type == &PyBytes_Type)
        return value_encode_bytes(r, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object), at);
    if (type == &PyComplex_Type) {
        Py_complex c = ((PyComplexObject *)object)->cval;
        return ct_write_complex(at, c.real, c.imag);
    }
    if (object == Py_Ellipsis || object == Py_NotImplemented) {
        *at++ = object == Py_Ellipsis ? CT_V_ELLIPSIS : CT_V_NOTIMPLEMENTED;
        return at;
    }
    *record = object_find_or_new(r, object);
    if (*record == NULL) {
        *at++ = CT_V_NONE; /* no memory: the recording ends with this event */
        return at;
    }
    return ct_write_object(at, (*record)->id);
}

uint32_t
name_of(recorder *r, PyObject *text)
{
    void *known = pointer_map_get(&r->names, text);
    if (known)
        return (uint32_t)((uintptr_t)known - 1);
    const char *bytes;
    size_t size;
    if (!text_utf8(r, text, 4096, &bytes, &size))
        return 0;
    uint32_t name = name_define(r, bytes, size);
    /* Kept by address, so the str is held: only exact ones, and not without bound. */
    if (PyUnicode_CheckExact(text) && size <= 256) {
        if (r->names.live >= 1 << 16)
            names_forget(r);
        if (pointer_map_set(&r->names, text, (void *)((uintptr_t)name + 1)))
            Py_INCREF(text);
    }
    return name;
}

void
names_forget(recorder *r)
{
    for (size_t i = 0; r->names.entries && i <= r->names.mask; i++) {
        PyObject *text = (PyObject *)r->names.entries[i].key;
        if ((uintptr_t)text > 1)
            Py_DECREF(text);
    }
    pointer_map_clear(&r->names);
}
