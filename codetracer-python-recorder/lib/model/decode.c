/* The parts of decode.h that are not worth repeating at every call. */
#include "model/decode.h"

uint64_t
ct_take_long_varint(ct_input *in)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1)
            break;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return number;
    }
    in->bad = true;
    return 0;
}

/* Characters of WTF-8: bytes that do not continue one. */
static uint64_t
count_characters(const uint8_t *bytes, size_t size)
{
    uint64_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (bytes[i] & 0xC0) != 0x80;
    return count;
}

static void
take_inline(ct_input *in, ct_value *value, ct_value_kind kind, uint64_t size, uint64_t limit)
{
    const uint8_t *bytes = size <= limit ? ct_take_bytes(in, size) : NULL;
    if (!bytes) {
        in->bad = true;
        value->kind = CT_UNBOUND;
        return;
    }
    value->kind = kind;
    value->data.bytes = bytes;
    value->data.size = size;
    value->data.true_length = kind == CT_TEXT ? count_characters(bytes, size) : size;
}

void
ct_take_value_slow(ct_input *in, ct_value *value)
{
    memset(value, 0, sizeof *value); /* CT_UNBOUND */
    uint8_t tag = ct_take_byte(in);
    if (tag >= CT_V_TEXT && tag <= CT_V_TEXT + CT_V_TEXT_MAX) {
        take_inline(in, value, CT_TEXT, (uint64_t)(tag - CT_V_TEXT), CT_V_TEXT_MAX);
        return;
    }
    if (tag >= CT_V_SMALL_INT && tag < CT_V_TEXT) {
        value->kind = CT_INT;
        value->integer = (int64_t)tag - CT_V_SMALL_INT + CT_V_SMALL_INT_MIN;
        return;
    }
    switch (tag) {
    case CT_V_UNBOUND:
        break;
    case CT_V_NONE:
        value->kind = CT_NONE;
        break;
    case CT_V_FALSE:
    case CT_V_TRUE:
        value->kind = CT_BOOL;
        value->boolean = tag == CT_V_TRUE;
        break;
    case CT_V_ELLIPSIS:
        value->kind = CT_ELLIPSIS;
        break;
    case CT_V_NOTIMPLEMENTED:
        value->kind = CT_NOTIMPLEMENTED;
        break;
    case CT_V_REDACTED:
        value->kind = CT_REDACTED;
        break;
    case CT_V_DROPPED:
        value->kind = CT_DROPPED;
        break;
    case CT_V_INT:
        value->kind = CT_INT;
        value->integer = ct_take_svarint(in);
        break;
    case CT_V_BIGINT: {
        uint8_t negative = ct_take_byte(in);
        if (negative > 1)
            in->bad = true;
        take_inline(in, value, CT_BIGINT, ct_take_varint(in), CT_V_BIGINT_MAX);
        value->negative = negative != 0;
        break;
    }
    case CT_V_FLOAT:
    case CT_V_COMPLEX: {
        size_t size = tag == CT_V_FLOAT ? 8 : 16;
        const uint8_t *bytes = ct_take_bytes(in, size);
        value->kind = tag == CT_V_FLOAT ? CT_FLOAT : CT_COMPLEX;
        if (bytes)
            memcpy(value->number, bytes, size); /* IEEE, little-endian, as on every machine this is built for */
        break;
    }
    case CT_V_BYTES:
        take_inline(in, value, CT_BYTES, ct_take_varint(in), CT_V_BYTES_MAX);
        break;
    case CT_V_OBJECT:
        value->kind = CT_OBJECT;
        value->object = ct_take_varint(in);
        break;
    case CT_V_CONTENT: {
        uint64_t id = ct_take_varint(in);
        if (id == UINT64_MAX) {
            in->bad = true;
            break;
        }
        value->kind = CT_TEXT; /* until ct_replay_resolve() knows better */
        value->content = id + 1;
        break;
    }
    default:
        in->bad = true;
    }
}
