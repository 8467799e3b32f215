/* See cbor_read.h. Owns CBOR items and value records; the events of V1 are in cbor_events.c.
 * Invariant: nothing is taken that is not there, and nesting deeper than CT_STREAM_NESTING is refused before it is followed.
 */
#include "formats/cbor_read.h"

#include <math.h>
#include <stdlib.h>

/* ---- items ---- */

ct_cbor_head
ct_cbor_take_head(ct_input *in)
{
    uint8_t first = ct_take_byte(in);
    ct_cbor_head head = {first >> 5, first & 31u, first & 31u};
    if (head.info >= 24) {
        size_t bytes = head.info > 27 ? 0 : (size_t)1 << (head.info - 24);
        if (bytes == 0 || ct_input_left(in) < bytes) {
            in->bad = true;
            head.number = 0;
            return head;
        }
        head.number = 0;
        for (size_t i = 0; i < bytes; i++)
            head.number = head.number << 8 | *in->at++;
    }
    return head;
}

static size_t
take_many(ct_input *in, unsigned major)
{
    ct_cbor_head head = ct_cbor_take_head(in);
    if (head.major != major || head.number > ct_input_left(in))
        in->bad = true;
    return in->bad ? 0 : (size_t)head.number;
}

size_t ct_cbor_take_array(ct_input *in) { return take_many(in, 4); }
size_t ct_cbor_take_map(ct_input *in) { return take_many(in, 5); }

/* A text in pieces, whose number is not told: they are moved together. The crates write floats of many digits so. */
static ct_text
join_pieces(ct_input *in)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)in->at;
    size_t size = 0;
    while (!in->bad && in->at < in->end && *in->at != 0xFF) {
        ct_cbor_head head = ct_cbor_take_head(in);
        const uint8_t *piece = head.major == 3 ? ct_take_bytes(in, head.number) : NULL;
        if (piece)
            memmove(bytes + size, piece, (size_t)head.number);
        else
            in->bad = true;
        size += piece ? (size_t)head.number : 0;
    }
    ct_take_byte(in);
    return in->bad ? (ct_text){"", 0} : (ct_text){(const char *)bytes, size};
}

static ct_text
take_string(ct_input *in, bool bytes_too)
{
    if (!in->bad && in->at < in->end && *in->at == 0x7F) {
        in->at++;
        return join_pieces(in);
    }
    ct_cbor_head head = ct_cbor_take_head(in);
    if (head.major != 3 && !(bytes_too && head.major == 2))
        in->bad = true;
    const uint8_t *bytes = in->bad ? NULL : ct_take_bytes(in, head.number);
    return bytes ? (ct_text){(const char *)bytes, (size_t)head.number} : (ct_text){"", 0};
}

ct_text ct_cbor_take_text(ct_input *in) { return take_string(in, false); }

uint64_t
ct_cbor_take_unsigned(ct_input *in)
{
    ct_cbor_head head = ct_cbor_take_head(in);
    if (head.major != 0)
        in->bad = true;
    return in->bad ? 0 : head.number;
}

int64_t
ct_cbor_take_integer(ct_input *in)
{
    ct_cbor_head head = ct_cbor_take_head(in);
    if (head.major > 1 || head.number > INT64_MAX)
        in->bad = true;
    return in->bad ? 0 : head.major ? -1 - (int64_t)head.number : (int64_t)head.number;
}

static bool
take_bool(ct_input *in)
{
    ct_cbor_head head = ct_cbor_take_head(in);
    if (head.major != 7 || (head.info != 20 && head.info != 21))
        in->bad = true;
    return !in->bad && head.info == 21;
}

/* A length that reaches behind the end may be damage too: only more bytes tell. */
size_t
ct_cbor_span(const uint8_t *bytes, size_t size)
{
    ct_input in = {bytes, bytes + size, false};
    bool in_pieces = false;
    for (uint64_t open = 1; open > 0; open--) {
        if (in.at == in.end)
            return 0;
        if (in_pieces && *in.at == 0xFF) {
            in.at++;
            in_pieces = false;
            continue;
        }
        if (!in_pieces && *in.at == 0x7F) { /* its pieces, and then its end, in place of the item */
            in.at++;
            in_pieces = true;
            open++;
            continue;
        }
        if ((*in.at & 31) > 27 || (in_pieces && *in.at >> 5 != 3))
            return SIZE_MAX;
        ct_cbor_head head = ct_cbor_take_head(&in);
        bool string = head.major == 2 || head.major == 3, many = head.major == 4 || head.major == 5;
        if (in.bad || ((string || many) && head.number > ct_input_left(&in)))
            return 0;
        if (string)
            in.at += head.number;
        open += head.major == 4 ? head.number : head.major == 5 ? 2 * head.number : head.major == 6 || in_pieces;
    }
    return (size_t)(in.at - bytes);
}

void
ct_cbor_skip(ct_input *in)
{
    size_t size = in->bad ? 0 : ct_cbor_span(in->at, ct_input_left(in));
    if (size == 0 || size == SIZE_MAX)
        in->bad = true;
    else
        in->at += size;
}

/* ---- value records ---- */

/* A number: text (V1), a float (Nim), or an integer. */
static double
take_float(ct_input *in)
{
    if (in->at < in->end && *in->at >> 5 == 3) {
        ct_text given = ct_cbor_take_text(in);
        char text[512], *end = text;
        double number = 0;
        if (!in->bad && given.size < sizeof text) {
            memcpy(text, given.bytes, given.size);
            text[given.size] = 0;
            if (ct_text_is(given, "NaN") || ct_text_is(given, "nan"))
                return (double)NAN;
            number = strtod(text, &end);
        }
        in->bad = in->bad || end == text || end != text + given.size;
        return number;
    }
    ct_cbor_head head = ct_cbor_take_head(in);
    double number = 0;
    if (head.major == 7 && head.info == 27)
        memcpy(&number, &head.number, sizeof number);
    else if (head.major == 7 && head.info == 26) {
        uint32_t bits = (uint32_t)head.number;
        float narrow;
        memcpy(&narrow, &bits, sizeof narrow);
        number = (double)narrow;
    }
    else if (head.major <= 1)
        number = head.major ? -1.0 - (double)head.number : (double)head.number;
    else
        in->bad = true;
    return number;
}

static void
put_text(ct_stream_tree *tree, size_t node, ct_text text)
{
    ct_stream_at(tree, node)->bytes = (const uint8_t *)text.bytes;
    ct_stream_at(tree, node)->size = text.size;
}

/* A big integer's magnitude: bytes (Nim), or base64 (V1), which is decoded over itself. */
static ct_text
take_magnitude(ct_input *in)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bool is_text = in->at < in->end && *in->at >> 5 == 3;
    ct_text given = take_string(in, true);
    if (!is_text || in->bad)
        return given;
    uint8_t *bytes = (uint8_t *)(uintptr_t)given.bytes;
    size_t size = given.size, out = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    while (size > 0 && bytes[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++) {
        const char *letter = memchr(letters, bytes[i], 64);
        if (!letter) {
            in->bad = true;
            break;
        }
        bits = (bits << 6 | (uint32_t)(letter - letters)) & 0xFFFFFF;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[out++] = (uint8_t)(bits >> count);
        }
    }
    return (ct_text){given.bytes, out};
}

static size_t take_record(ct_stream_tree *tree, ct_input *in, size_t parent, size_t *sibling, unsigned depth);

/* false: no memory, or in->bad. */
static bool
take_children(ct_stream_tree *tree, ct_input *in, size_t node, unsigned depth)
{
    size_t sibling = 0;
    for (size_t left = ct_cbor_take_array(in); left > 0; left--)
        if (!take_record(tree, in, node, &sibling, depth + 1))
            return false;
    return !in->bad;
}

/* Nim's reference to a value that was shown before: a tag around its number (ctfs.md 4.1, ValueRef). */
static size_t
take_reference(ct_stream_tree *tree, ct_input *in, size_t parent, size_t *sibling)
{
    ct_cbor_head tag = ct_cbor_take_head(in);
    (void)ct_cbor_take_unsigned(in);
    in->bad = in->bad || tag.number != 256;
    size_t node = in->bad ? 0 : ct_stream_add(tree, parent, sibling);
    if (node) {
        ct_stream_at(tree, node)->kind = CT_NODE_RAW;
        ct_stream_at(tree, node)->stands_in = true;
        ct_stream_at(tree, node)->type = UINT32_MAX;
        put_text(tree, node, (ct_text){"<value shown before>", 20});
    }
    return node;
}

/* A record with everything inside; `kind` stands first in every encoder's. */
static size_t
take_record(ct_stream_tree *tree, ct_input *in, size_t parent, size_t *sibling, unsigned depth)
{
    static const struct { const char *name; ct_node_kind kind; const char *text; bool stands_in; } kinds[] = {
        {"None", CT_NODE_NONE, "", false}, {"Bool", CT_NODE_BOOL, "", false}, {"Int", CT_NODE_INT, "", false},
        {"BigInt", CT_NODE_BIGINT, "", false}, {"Float", CT_NODE_FLOAT, "", false}, {"String", CT_NODE_STRING, "text", false},
        {"Char", CT_NODE_STRING, "c", true}, {"Raw", CT_NODE_RAW, "r", false}, {"Error", CT_NODE_RAW, "msg", true},
        {"Enum", CT_NODE_RAW, "name", true}, {"Cell", CT_NODE_RAW, "", true}, {"Sequence", CT_NODE_SEQUENCE, "", false},
        {"Set", CT_NODE_SEQUENCE, "", false}, {"Tuple", CT_NODE_TUPLE, "", false}, {"Struct", CT_NODE_STRUCT, "", false},
        {"Variant", CT_NODE_STRUCT, "", true}, {"Reference", CT_NODE_TUPLE, "", true}};
    if (in->at < in->end && *in->at >> 5 == 6)
        return take_reference(tree, in, parent, sibling);
    size_t pairs = ct_cbor_take_map(in), k = 0;
    ct_text key = ct_cbor_take_text(in);
    in->bad = in->bad || pairs == 0 || depth >= CT_STREAM_NESTING || !ct_text_is(key, "kind");
    ct_text name = ct_cbor_take_text(in);
    while (k < sizeof kinds / sizeof *kinds && !ct_text_is(name, kinds[k].name))
        k++;
    in->bad = in->bad || k == sizeof kinds / sizeof *kinds;
    size_t node = in->bad ? 0 : ct_stream_add(tree, parent, sibling);
    if (!node)
        return 0;
    ct_node_kind kind = kinds[k].kind;
    ct_stream_at(tree, node)->kind = kind;
    ct_stream_at(tree, node)->stands_in = kinds[k].stands_in;
    ct_stream_at(tree, node)->type = UINT32_MAX;
    put_text(tree, node, ct_text_is(name, "Cell") ? (ct_text){"<cell>", 6} : (ct_text){"", 0});
    bool whole = true;
    for (size_t i = 1; i < pairs && whole && !in->bad; i++) {
        key = ct_cbor_take_text(in);
        size_t inside = 0;
        if (in->bad)
            break;
        if (ct_text_is(key, "type_id")) {
            uint64_t type = ct_cbor_take_unsigned(in);
            ct_stream_at(tree, node)->type = type < UINT32_MAX ? (uint32_t)type : UINT32_MAX;
        }
        else if (kind == CT_NODE_INT && ct_text_is(key, "i"))
            ct_stream_at(tree, node)->integer = ct_cbor_take_integer(in);
        else if (kind == CT_NODE_BOOL && ct_text_is(key, "b"))
            ct_stream_at(tree, node)->integer = take_bool(in);
        else if (kind == CT_NODE_FLOAT && ct_text_is(key, "f"))
            ct_stream_at(tree, node)->number = take_float(in);
        else if (kind == CT_NODE_BIGINT && ct_text_is(key, "b"))
            put_text(tree, node, take_magnitude(in));
        else if (kind == CT_NODE_BIGINT && ct_text_is(key, "negative"))
            ct_stream_at(tree, node)->negative = take_bool(in);
        else if (*kinds[k].text && ct_text_is(key, kinds[k].text))
            put_text(tree, node, take_string(in, true));
        else if (ct_text_is(key, "elements") || ct_text_is(key, "members") || ct_text_is(key, "field_values"))
            whole = take_children(tree, in, node, depth);
        else if (ct_text_is(key, "contents") || ct_text_is(key, "dereferenced"))
            whole = take_record(tree, in, node, &inside, depth + 1) != 0;
        else
            ct_cbor_skip(in);
    }
    return in->bad || !whole ? 0 : node;
}

size_t
ct_cbor_take_value(ct_stream_tree *tree, ct_input *in)
{
    size_t none = 0;
    return take_record(tree, in, 0, &none, 0);
}
