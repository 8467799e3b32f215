/* See encode.h. Member names and their order are part of the formats: serde reads by name, ct-print's decoder by position. */
#include "formats/encode.h"

#include "formats/capnp.h"
#include "formats/text.h"

/* ---- JSON ---- */
#define ADD(out, literal) ct_buffer_add((out), "" literal, sizeof(literal) - 1)

void
ct_json_string(ct_buffer *out, const void *text, size_t size)
{
    static const char DIGITS[] = "0123456789abcdef";
    const uint8_t *bytes = text;
    uint8_t *at = ct_buffer_room(out, size * 6 + 2);
    if (!at)
        return;
    uint8_t *start = at;
    *at++ = '"';
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = bytes[i];
        if (byte >= ' ' && byte != '"' && byte != '\\') {
            *at++ = byte;
            continue;
        }
        *at++ = '\\';
        switch (byte) {
        case '"': case '\\': *at++ = byte; break;
        case '\b': *at++ = 'b'; break;
        case '\t': *at++ = 't'; break;
        case '\n': *at++ = 'n'; break;
        case '\f': *at++ = 'f'; break;
        case '\r': *at++ = 'r'; break;
        default:
            memcpy(at, "u00", 3);
            at[3] = (uint8_t)DIGITS[byte >> 4];
            at[4] = (uint8_t)DIGITS[byte & 15];
            at += 5;
        }
    }
    *at++ = '"';
    out->size += (size_t)(at - start);
}

void
ct_json_number(ct_buffer *out, int64_t value)
{
    uint8_t *at = ct_buffer_room(out, 24);
    if (at)
        out->size += ct_text_of_i64((char *)at, value);
}

void
ct_json_unsigned(ct_buffer *out, uint64_t value)
{
    uint8_t *at = ct_buffer_room(out, 24);
    if (at)
        out->size += ct_text_of_u64((char *)at, value);
}

static void
json_list(ct_buffer *out, const ct_view_node *nodes, const ct_view_node *node)
{
    ct_buffer_add_byte(out, '[');
    for (size_t i = 0; i < node->children.count; i++) {
        if (i)
            ct_buffer_add_byte(out, ',');
        ct_encode(out, CT_FORM_JSON, nodes, node->children.first + i);
    }
    ct_buffer_add_byte(out, ']');
}

static void
encode_json(ct_buffer *out, const ct_view_node *nodes, const ct_view_node *node)
{
    char number[CT_NUMBER_TEXT_MAX];
    switch (node->kind) {
    case CT_VIEW_NONE: ADD(out, "{\"kind\":\"None\""); break;
    case CT_VIEW_BOOL:
        if (node->boolean)
            ADD(out, "{\"kind\":\"Bool\",\"b\":true");
        else
            ADD(out, "{\"kind\":\"Bool\",\"b\":false");
        break;
    case CT_VIEW_INT:
        ADD(out, "{\"kind\":\"Int\",\"i\":");
        ct_json_number(out, node->integer);
        break;
    case CT_VIEW_BIGINT:
        ADD(out, "{\"kind\":\"BigInt\",\"b\":\"");
        ct_text_base64_reversed(out, node->text.bytes, node->text.size);
        if (node->negative)
            ADD(out, "\",\"negative\":true");
        else
            ADD(out, "\",\"negative\":false");
        break;
    case CT_VIEW_FLOAT:
        ADD(out, "{\"kind\":\"Float\",\"f\":\"");
        ct_buffer_add(out, number, ct_text_of_float(number, node->number));
        ADD(out, "\"");
        break;
    case CT_VIEW_STRING:
        ADD(out, "{\"kind\":\"String\",\"text\":");
        ct_json_string(out, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_RAW:
        ADD(out, "{\"kind\":\"Raw\",\"r\":");
        ct_json_string(out, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_ERROR:
        ADD(out, "{\"kind\":\"Error\",\"msg\":");
        ct_json_string(out, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_SEQUENCE:
        ADD(out, "{\"kind\":\"Sequence\",\"elements\":");
        json_list(out, nodes, node);
        ADD(out, ",\"is_slice\":false");
        break;
    case CT_VIEW_TUPLE:
        ADD(out, "{\"kind\":\"Tuple\",\"elements\":");
        json_list(out, nodes, node);
        break;
    case CT_VIEW_STRUCT:
        ADD(out, "{\"kind\":\"Struct\",\"field_values\":");
        json_list(out, nodes, node);
        break;
    }
    ADD(out, ",\"type_id\":");
    ct_json_unsigned(out, node->type);
    ADD(out, "}");
}

/* ---- CBOR (RFC 8949): definite lengths, shortest heads ---- */
uint8_t *
ct_cbor_head_at(uint8_t *at, unsigned major, uint64_t value)
{
    uint8_t first = (uint8_t)(major << 5);
    if (value < 24) {
        *at++ = (uint8_t)(first | value);
        return at;
    }
    unsigned bytes = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
    *at++ = (uint8_t)(first | (bytes == 1 ? 24 : bytes == 2 ? 25 : bytes == 4 ? 26 : 27));
    for (unsigned i = bytes; i-- > 0;)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *
int_at(uint8_t *at, int64_t value)
{
    return value >= 0 ? ct_cbor_head_at(at, 0, (uint64_t)value) : ct_cbor_head_at(at, 1, ~(uint64_t)value);
}

void
ct_cbor_put_head(ct_buffer *out, unsigned major, uint64_t value)
{
    uint8_t *at = ct_buffer_room(out, 9);
    if (at)
        out->size += (size_t)(ct_cbor_head_at(at, major, value) - at);
}

static void
cbor_text(ct_buffer *out, const void *bytes, size_t size)
{
    ct_cbor_put_head(out, 3, size);
    ct_buffer_add(out, bytes, size);
}

static void
cbor_list(ct_buffer *out, enum ct_form form, const ct_view_node *nodes, const ct_view_node *node)
{
    ct_cbor_put_head(out, 4, node->children.count);
    for (size_t i = 0; i < node->children.count; i++)
        ct_encode(out, form, nodes, node->children.first + i);
}

#define KIND(n, s, name) n "\x64" "kind" s name /* map of n pairs, "kind": name */
#define TYPE_ID "\x67" "type_id"

static void
encode_cbor(ct_buffer *out, enum ct_form form, const ct_view_node *nodes, const ct_view_node *node)
{
    char number[CT_NUMBER_TEXT_MAX];
    uint8_t *at;
    switch (node->kind) {
    case CT_VIEW_NONE: ADD(out, KIND("\xA2", "\x64", "None")); break;
    case CT_VIEW_BOOL:
        if (form == CT_FORM_NIM && node->boolean)
            ADD(out, KIND("\xA4", "\x64", "Bool") "\x61" "b\xF5\x64" "text\x64" "true");
        else if (form == CT_FORM_NIM)
            ADD(out, KIND("\xA4", "\x64", "Bool") "\x61" "b\xF4\x64" "text\x65" "false");
        else {
            ADD(out, KIND("\xA3", "\x64", "Bool") "\x61" "b");
            ct_buffer_add_byte(out, node->boolean ? 0xF5 : 0xF4);
        }
        break;
    case CT_VIEW_INT: /* the record that matters for speed: written in one go */
        if ((at = ct_buffer_room(out, 48))) {
            uint8_t *start = at;
            memcpy(at, KIND("\xA3", "\x63", "Int") "\x61" "i", 12);
            at = int_at(at + 12, node->integer);
            memcpy(at, TYPE_ID, 8);
            at = ct_cbor_head_at(at + 8, 0, node->type);
            out->size += (size_t)(at - start);
        }
        return;
    case CT_VIEW_BIGINT:
        ADD(out, KIND("\xA4", "\x66", "BigInt") "\x61" "b");
        if (form == CT_FORM_NIM) {
            ct_cbor_put_head(out, 2, node->text.size);
            for (size_t i = node->text.size; i-- > 0;)
                ct_buffer_add_byte(out, node->text.bytes[i]);
        } else {
            ct_cbor_put_head(out, 3, (node->text.size + 2) / 3 * 4);
            ct_text_base64_reversed(out, node->text.bytes, node->text.size);
        }
        ADD(out, "\x68" "negative");
        ct_buffer_add_byte(out, node->negative ? 0xF5 : 0xF4);
        break;
    case CT_VIEW_FLOAT:
        ADD(out, KIND("\xA3", "\x65", "Float") "\x61" "f");
        if (form == CT_FORM_NIM) {
            uint64_t bits;
            memcpy(&bits, &node->number, 8);
            ct_buffer_add_byte(out, 0xFB);
            for (unsigned i = 8; i-- > 0;)
                ct_buffer_add_byte(out, (uint8_t)(bits >> (8 * i)));
        } else
            cbor_text(out, number, ct_text_of_float(number, node->number));
        break;
    case CT_VIEW_STRING:
        ADD(out, KIND("\xA3", "\x66", "String") "\x64" "text");
        cbor_text(out, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_RAW:
        ADD(out, KIND("\xA3", "\x63", "Raw") "\x61" "r");
        cbor_text(out, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_ERROR:
        ADD(out, KIND("\xA3", "\x65", "Error") "\x63" "msg");
        cbor_text(out, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_SEQUENCE:
        ADD(out, KIND("\xA4", "\x68", "Sequence") "\x68" "elements");
        cbor_list(out, form, nodes, node);
        ADD(out, "\x68" "is_slice\xF4");
        break;
    case CT_VIEW_TUPLE:
        ADD(out, KIND("\xA3", "\x65", "Tuple") "\x68" "elements");
        cbor_list(out, form, nodes, node);
        break;
    case CT_VIEW_STRUCT:
        ADD(out, KIND("\xA3", "\x66", "Struct") "\x6C" "field_values");
        cbor_list(out, form, nodes, node);
        break;
    }
    ADD(out, TYPE_ID);
    ct_cbor_put_head(out, 0, node->type);
}

/* ---- Cap'n Proto: which member is in which word of a Value says trace-binary.md section 2 ---- */

/* The struct's words are there, from `value` on, and are zero. */
static void
encode_capnp(ct_buffer *out, size_t value, const ct_view_node *nodes, const ct_view_node *node)
{
    enum { INT = 0, FLOAT = 1, BOOL = 2, STRING = 3, SEQUENCE = 4, TUPLE = 5, STRUCT = 6, RAW = 9, ERROR = 10, NONE = 11, BIGINT = 13 };
    const size_t first_word = value, tag_word = value + 1, first_pointer = value + CT_V0_VALUE_DATA, second_pointer = first_pointer + 1;
    size_t type_pointer = second_pointer;
    uint64_t tag = NONE, bits = 0;
    switch (node->kind) {
    case CT_VIEW_NONE: type_pointer = first_pointer; break;
    case CT_VIEW_BOOL:
        tag = BOOL, bits = node->boolean, type_pointer = first_pointer;
        break;
    case CT_VIEW_INT:
        tag = INT, bits = (uint64_t)node->integer, type_pointer = first_pointer;
        break;
    case CT_VIEW_FLOAT:
        tag = FLOAT, type_pointer = first_pointer;
        memcpy(&bits, &node->number, 8);
        break;
    case CT_VIEW_BIGINT:
        tag = BIGINT, bits = node->negative;
        ct_capnp_add_reversed(out, first_pointer, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_STRING:
    case CT_VIEW_RAW:
    case CT_VIEW_ERROR:
        tag = node->kind == CT_VIEW_STRING ? STRING : node->kind == CT_VIEW_RAW ? RAW : ERROR;
        ct_capnp_add_text(out, first_pointer, node->text.bytes, node->text.size);
        break;
    case CT_VIEW_SEQUENCE:
    case CT_VIEW_TUPLE:
    case CT_VIEW_STRUCT: {
        tag = node->kind == CT_VIEW_SEQUENCE ? SEQUENCE : node->kind == CT_VIEW_TUPLE ? TUPLE : STRUCT;
        size_t child = ct_capnp_add_list(out, first_pointer, node->children.count, CT_V0_VALUE_DATA, CT_V0_VALUE_POINTERS);
        for (size_t i = 0; i < node->children.count; i++, child += CT_V0_VALUE_DATA + CT_V0_VALUE_POINTERS)
            encode_capnp(out, child, nodes, &nodes[node->children.first + i]);
        break;
    }
    }
    ct_capnp_put(out, first_word, bits);
    ct_capnp_put(out, tag_word, tag);
    ct_capnp_add_number(out, type_pointer, node->type);
}

void
ct_encode(ct_buffer *out, enum ct_form form, const ct_view_node *nodes, size_t at)
{
    if (form == CT_FORM_JSON)
        encode_json(out, nodes, &nodes[at]);
    else if (form == CT_FORM_V0)
        encode_capnp(out, ct_capnp_take(out, CT_V0_VALUE_DATA + CT_V0_VALUE_POINTERS), nodes, &nodes[at]);
    else
        encode_cbor(out, form, nodes, &nodes[at]);
}

void
ct_encode_type(ct_buffer *out, enum ct_form form, const ct_type_definition *type)
{
    bool is_struct = type->kind == CT_KIND_STRUCT;
    if (form == CT_FORM_JSON) {
        ADD(out, "{\"kind\":");
        ct_json_unsigned(out, type->kind);
        ADD(out, ",\"lang_type\":");
        ct_json_string(out, type->name.bytes, type->name.size);
        if (!is_struct) {
            ADD(out, ",\"specific_info\":{\"kind\":\"None\"}}");
            return;
        }
        ADD(out, ",\"specific_info\":{\"kind\":\"Struct\",\"fields\":[");
        for (size_t i = 0; i < type->field_count; i++) {
            if (i)
                ct_buffer_add_byte(out, ',');
            ADD(out, "{\"name\":");
            ct_json_string(out, type->fields[i].bytes, type->fields[i].size);
            ADD(out, ",\"type_id\":");
            ct_json_unsigned(out, type->field_type);
            ADD(out, "}");
        }
        ADD(out, "]}}");
        return;
    }
    ADD(out, "\xA3\x64" "kind");
    ct_cbor_put_head(out, 0, type->kind);
    ADD(out, "\x69" "lang_type");
    cbor_text(out, type->name.bytes, type->name.size);
    ADD(out, "\x6D" "specific_info");
    if (!is_struct) {
        ADD(out, KIND("\xA1", "\x64", "None"));
        return;
    }
    ADD(out, KIND("\xA2", "\x66", "Struct") "\x66" "fields");
    ct_cbor_put_head(out, 4, type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        ADD(out, "\xA2\x64" "name");
        cbor_text(out, type->fields[i].bytes, type->fields[i].size);
        ADD(out, TYPE_ID);
        ct_cbor_put_head(out, 0, type->field_type);
    }
}
