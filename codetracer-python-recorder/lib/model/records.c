/* Walks over records without applying them. Format: docs/journal-format.md, "Events". */
#include "model/records.h"

static void
scan_value(ct_input *in, ct_references *references)
{
    ct_value value;
    ct_take_value(in, &value);
    if (value.kind == CT_OBJECT && value.object >= references->objects)
        references->objects = value.object + 1;
    if (value.content > references->contents)
        references->contents = value.content;
    if (references->value && !in->bad)
        references->value(references->context, &value);
}

static void
scan_values(ct_input *in, uint64_t count, ct_references *references)
{
    for (uint64_t i = 0; i < count && !in->bad; i++)
        scan_value(in, references);
}

static void
skip_varints(ct_input *in, uint64_t count)
{
    for (uint64_t i = 0; i < count && !in->bad; i++)
        ct_take_varint(in);
}

void
ct_scan_record(ct_input *in, uint8_t tag, const ct_journal *journal, uint64_t *address, ct_references *references)
{
    if (tag >= CT_R_SLOT_SHORT) {
        scan_value(in, references);
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
    case CT_R_CODE:
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
        scan_value(in, references);
        break;
    case CT_R_RETURN:
    case CT_R_YIELD:
    case CT_R_UNWIND:
        scan_value(in, references);
        break;
    case CT_R_RAISE:
    case CT_R_HANDLED:
        scan_value(in, references);
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
        uint64_t id = ct_take_varint(in);
        if (id >= references->defined && id != UINT64_MAX)
            references->defined = id + 1;
        ct_take_varint(in);
        uint8_t flags = ct_take_byte(in);
        if (flags & CT_O_ADDRESS)
            *address += (uint64_t)ct_take_svarint(in);
        if (flags & CT_O_PAYLOAD)
            scan_value(in, references);
        if (flags & CT_O_ITEMS) {
            ct_take_varint(in);
            scan_values(in, ct_take_varint(in), references);
        }
        if (flags & CT_O_LENGTH)
            ct_take_varint(in);
        if (flags & CT_O_FIELDS) {
            uint32_t number = ct_take_varint32(in);
            const ct_shape_info *shape = journal ? ct_journal_shape(journal, number) : NULL;
            if (shape)
                scan_values(in, shape->count, references);
            else if (!journal && number < references->shape_count)
                scan_values(in, references->shapes[number], references);
            else
                in->bad = true;
        }
        break;
    }
    case CT_R_SPLICE:
        skip_varints(in, 3);
        scan_values(in, ct_take_varint(in), references);
        ct_take_varint(in);
        break;
    case CT_R_ITEM:
    case CT_R_FIELD:
        skip_varints(in, 2);
        scan_value(in, references);
        break;
    case CT_R_LENGTH:
        skip_varints(in, 2);
        break;
    case CT_R_KEY_BEGIN: {
        ct_take_varint(in);
        uint64_t objects = ct_take_varint(in);
        if (objects > references->defined)
            references->defined = objects;
        skip_varints(in, 2);
        break;
    }
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
ct_skip_record(ct_input *in, uint8_t tag, const ct_journal *journal, uint64_t *address)
{
    ct_references unused = {0};
    ct_scan_record(in, tag, journal, address, &unused);
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
