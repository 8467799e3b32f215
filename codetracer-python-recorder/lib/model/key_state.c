/* The key state at the start of a segment: loading it, and comparing two states. Format: docs/journal-format.md, "Key state". */
#include "model/state.h"

/* ---- loading ---- */

static ct_code
key_begin(ct_key_loader *loader, ct_state *state, ct_input *in)
{
    state->activation_count = ct_take_varint(in);
    uint64_t objects = ct_take_varint(in);
    state->current_number = ct_take_varint(in);
    state->address = ct_take_varint(in);
    state->object_count = 0; /* within the key state, every id below `objects` may come */
    state->object_count_now = objects;
    loader->begun = true;
    return CT_OK;
}

static ct_code
key_activation(ct_key_loader *loader, ct_state *state, ct_input *in)
{
    uint64_t id = ct_take_varint(in);
    uint32_t code = ct_take_varint32(in);
    uint8_t flags = ct_take_byte(in);
    uint64_t line = ct_take_varint(in);
    if (in->bad || id >= state->activation_count || ct_id_map_get(&state->activations, id))
        return ct_state_corrupt(state, "an activation of the key state breaks the format");
    CT_TRY(ct_state_add_activation(state, id, code, flags, &loader->activation));
    loader->activation->activation.line = (int64_t)line;
    return CT_OK;
}

static ct_code
key_thread(ct_key_loader *loader, ct_state *state, ct_input *in)
{
    uint64_t number = ct_take_varint(in), system_id = ct_take_varint(in);
    ct_text name = ct_take_text(in);
    size_t depth = ct_take_count(in, 1);
    if (in->bad || ct_id_map_get(&state->threads, number))
        return ct_state_corrupt(state, "a thread of the key state breaks the format");
    ct_thread_cell *thread;
    loader->activation = NULL;
    CT_TRY(ct_state_thread_start(state, number, system_id, name, &thread));
    for (size_t i = 0; i < depth; i++) {
        ct_activation_cell *activation;
        CT_TRY(ct_state_resume(state, thread, ct_take_varint(in), &activation));
    }
    return CT_OK;
}

static ct_code
key_object(ct_key_loader *loader, ct_state *state, ct_input *in)
{
    size_t alive = state->objects.count;
    uint64_t count = state->object_count_now;
    CT_TRY(ct_state_object_record(state, in, CT_R_OBJECT, loader->event));
    if (state->objects.count == alive || state->object_count_now != count)
        return ct_state_corrupt(state, "an object of the key state is there twice, or has a wrong id");
    return CT_OK;
}

ct_code
ct_key_take(ct_key_loader *loader, ct_state *state, ct_input *in)
{
    uint8_t tag = ct_take_byte(in);
    ct_code code;
    if (!loader->begun)
        code = tag == CT_R_KEY_BEGIN ? key_begin(loader, state, in) : ct_state_corrupt(state, "a segment does not begin with a key state");
    else if (tag == CT_R_OBJECT)
        code = key_object(loader, state, in);
    else if (tag == CT_R_KEY_ACTIVATION)
        code = key_activation(loader, state, in);
    else if (tag == CT_R_KEY_THREAD)
        code = key_thread(loader, state, in);
    else if (tag == CT_R_KEY_END) {
        state->object_count = state->object_count_now;
        state->objects_touched = false;
        loader->done = true;
        code = CT_OK;
    }
    else if (tag >= CT_R_SLOT_SHORT || tag == CT_R_SLOT || tag == CT_R_GLOBAL)
        code = ct_state_change(state, in, tag, loader->activation, loader->event);
    else
        code = ct_state_corrupt(state, "a record has no place in a key state");
    if (code == CT_OK && in->bad)
        return ct_state_corrupt(state, "a record of the key state is cut");
    return code;
}

/* ---- comparing ---- */

static bool
same_values(const ct_value *a, const ct_value *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!ct_value_same(&a[i], &b[i]))
            return false;
    return true;
}

static bool
same_object(const ct_object *a, const ct_object *b)
{
    return a->address == b->address && a->type == b->type && a->flags == b->flags && a->true_length == b->true_length
           && a->items_unknown == b->items_unknown && ct_value_same(&a->payload, &b->payload) && a->item_count == b->item_count
           && same_values(a->items, b->items, a->item_count) && a->shape == b->shape && a->field_count == b->field_count
           && same_values(a->fields, b->fields, a->field_count);
}

/* Globals have no order of their own: a key state may give them in another. */
static bool
same_slots(const ct_slot *a, const ct_slot *b, size_t count, bool ordered)
{
    for (size_t i = 0; i < count; i++) {
        size_t j = i;
        if (!ordered)
            for (j = 0; j < count && b[j].number != a[i].number;)
                j++;
        if (j == count || a[i].name != b[j].name || a[i].number != b[j].number || !ct_value_same(&a[i].value, &b[j].value))
            return false;
    }
    return true;
}

static bool
same_activation(const ct_activation *a, const ct_activation *b)
{
    return a->code == b->code && a->flags == b->flags && a->on_stack == b->on_stack && a->line == b->line
           && a->slot_count == b->slot_count && same_slots(a->slots, b->slots, a->slot_count, true)
           && a->global_count == b->global_count && same_slots(a->globals, b->globals, a->global_count, false);
}

static bool
same_thread(const ct_thread *a, const ct_thread *b)
{
    if (a->system_id != b->system_id || a->name.size != b->name.size || memcmp(a->name.bytes, b->name.bytes, a->name.size) != 0
        || a->depth != b->depth)
        return false;
    for (size_t i = 0; i < a->depth; i++)
        if (a->stack[i]->id != b->stack[i]->id)
            return false;
    return true;
}

/* In `reached` there may be objects more: those that died just before the key state, and whose DIED comes behind it. */
bool
ct_state_same(const ct_state *reached, const ct_state *key, const char **difference)
{
    const ct_state *a = reached, *b = key;
    *difference = "the counts of activations, objects or the current thread differ";
    if (a->activation_count != b->activation_count || a->object_count_now > b->object_count_now
        || a->current_number != b->current_number || a->activations.count != b->activations.count
        || a->objects.count < b->objects.count || a->thread_count != b->thread_count)
        return false;
    for (size_t i = 0; b->objects.count && i <= b->objects.mask; i++) {
        const ct_object_cell *cell = b->objects.cells[i].value;
        const ct_object_cell *other = cell ? ct_id_map_get(&a->objects, cell->object.id) : NULL;
        *difference = "an object differs";
        if (cell && (!other || !same_object(&cell->object, &other->object)))
            return false;
    }
    for (size_t i = 0; a->activations.count && i <= a->activations.mask; i++) {
        const ct_activation_cell *cell = a->activations.cells[i].value;
        const ct_activation_cell *other = cell ? ct_id_map_get(&b->activations, cell->activation.id) : NULL;
        *difference = "an activation differs";
        if (cell && (!other || !same_activation(&cell->activation, &other->activation)))
            return false;
    }
    for (size_t i = 0; i < a->thread_count; i++) {
        const ct_thread_cell *other = ct_id_map_get(&b->threads, a->thread_list[i]->thread.number);
        *difference = "a thread differs";
        if (!other || !same_thread(&a->thread_list[i]->thread, &other->thread))
            return false;
    }
    *difference = NULL;
    return true;
}
