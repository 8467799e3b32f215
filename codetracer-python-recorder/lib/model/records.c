/* Walks over records without applying them. Format: docs/journal-format.md, "Events". */
#include "model/records.h"

static void
skip_value(ct_input *in)
{
    ct_value value;
    ct_take_value(in, &value);
}

static void
skip_values(ct_input *in, uint64_t count)
{
    for (uint64_t i = 0; i < count && !in->bad; i++)
        skip_value(in);
}

static void
skip_varints(ct_input *in, uint64_t count)
{
    for (uint64_t i = 0; i < count && !in->bad; i++)
        ct_take_varint(in);
}

void
ct_skip_record(ct_input *in, uint8_t tag, const ct_journal *journal, uint64_t *address)
{
    if (tag >= CT_R_SLOT_SHORT) {
        skip_value(in);
        return;
    }
    if (tag >= CT_R_STEP_SHORT)
        return;
    switch (tag) {
    case CT_R_THREAD:
    case CT_R_THREAD_EXIT:
    case CT_R_RESUME:
    case CT_R_ENDED:
    case CT_R_STEP:
    case CT_R_UNBIND:
    case CT_R_GLOBAL_UNBIND:
    case CT_R_DIED:
        ct_take_varint(in);
        break;
    case CT_R_THREAD_START:
        skip_varints(in, 2);
        ct_take_text(in);
        break;
    case CT_R_CALL:
        ct_take_varint(in);
        ct_take_byte(in);
        break;
    case CT_R_THROW:
    case CT_R_SLOT:
    case CT_R_GLOBAL:
        ct_take_varint(in);
        skip_value(in);
        break;
    case CT_R_RETURN:
    case CT_R_YIELD:
    case CT_R_UNWIND:
        skip_value(in);
        break;
    case CT_R_RAISE:
    case CT_R_HANDLED:
        skip_value(in);
        ct_take_varint(in);
        break;
    case CT_R_OUTPUT:
        ct_take_byte(in);
        ct_take_text(in);
        break;
    case CT_R_LOST:
    case CT_R_KEY_END:
        break;
    case CT_R_GAP:
        ct_take_byte(in);
        break;
    case CT_R_OBJECT: {
        skip_varints(in, 2);
        uint8_t flags = ct_take_byte(in);
        if (flags & CT_O_ADDRESS)
            *address += (uint64_t)ct_take_svarint(in);
        if (flags & CT_O_PAYLOAD)
            skip_value(in);
        if (flags & CT_O_ITEMS) {
            ct_take_varint(in);
            skip_values(in, ct_take_varint(in));
        }
        if (flags & CT_O_LENGTH)
            ct_take_varint(in);
        if (flags & CT_O_FIELDS) {
            const ct_shape_info *shape = ct_journal_shape(journal, ct_take_varint32(in));
            if (shape)
                skip_values(in, shape->count);
            else
                in->bad = true;
        }
        break;
    }
    case CT_R_SPLICE:
        skip_varints(in, 3);
        skip_values(in, ct_take_varint(in));
        ct_take_varint(in);
        break;
    case CT_R_ITEM:
    case CT_R_FIELD:
        skip_varints(in, 2);
        skip_value(in);
        break;
    case CT_R_LENGTH:
        skip_varints(in, 2);
        break;
    case CT_R_KEY_BEGIN:
        skip_varints(in, 4);
        break;
    case CT_R_KEY_ACTIVATION:
        skip_varints(in, 2);
        ct_take_byte(in);
        ct_take_varint(in);
        break;
    case CT_R_KEY_THREAD:
        skip_varints(in, 2);
        ct_take_text(in);
        skip_varints(in, ct_take_varint(in));
        break;
    default:
        in->bad = true;
    }
}

void
ct_count_events(ct_input in, const ct_journal *journal, uint64_t *events, uint64_t *steps)
{
    uint64_t address = 0;
    while (in.at < in.end) {
        uint8_t tag = ct_take_byte(&in);
        ct_skip_record(&in, tag, journal, &address);
        if (in.bad)
            return;
        if (CT_R_IS_HEAD(tag)) {
            ++*events;
            *steps += tag == CT_R_STEP || tag >= CT_R_STEP_SHORT;
        }
    }
}
