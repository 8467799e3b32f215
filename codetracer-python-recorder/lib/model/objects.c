/* Objects of a state: defined, changed, died. Format: docs/journal-format.md, "Events", records 28 to 2D.
 *
 * Invariant: between events, every id below state->object_count is alive in the map or dead for ever. Within an event new ids come in any order
 * (a record may refer to objects that are defined behind it), and the dead stay in the map, marked.
 */

#include "model/state.h"
#include "util/memory.h"

enum { CHUNK = 64, KEEP_VALUES = 64 };

ct_object_cell *
ct_state_object(const ct_state *state, uint64_t id)
{
    ct_object_cell *cell = ct_id_map_get(&state->objects, id);
    return cell && !cell->dead ? cell : NULL;
}

static ct_object_cell *
allocate(ct_state *state)
{
    if (!state->free_objects) {
        ct_object_cell *chunk = ct_allocate_zero(state->allocator, CHUNK, sizeof *chunk);
        void **place = chunk ? ct_array_add(&state->object_chunks, sizeof(void *)) : NULL;
        if (!place) {
            ct_free(state->allocator, chunk);
            return NULL;
        }
        *place = chunk;
        for (size_t i = CHUNK; i-- > 0;) {
            chunk[i].items.allocator = chunk[i].fields.allocator = state->allocator;
            chunk[i].items.numbered = chunk[i].fields.numbered = state->tracks_parts;
            chunk[i].next = state->free_objects;
            state->free_objects = &chunk[i];
        }
    }
    ct_object_cell *cell = state->free_objects;
    state->free_objects = cell->next;
    cell->object = (ct_object){0};
    cell->dead = false;
    cell->next = NULL;
    return cell;
}

static void
give_back(ct_state *state, ct_object_cell *cell)
{
    if (cell->items.capacity > KEEP_VALUES)
        ct_values_free(&cell->items);
    if (cell->fields.capacity > KEEP_VALUES)
        ct_values_free(&cell->fields);
    cell->next = state->free_objects;
    state->free_objects = cell;
}

void
ct_state_bury_objects(ct_state *state)
{
    while (state->dead) {
        ct_object_cell *cell = state->dead;
        state->dead = cell->next;
        ct_id_map_remove(&state->objects, cell->object.id);
        give_back(state, cell);
    }
}

void
ct_state_clear_objects(ct_state *state)
{
    state->dead = NULL;
    for (size_t i = 0; state->objects.cells && i <= state->objects.mask; i++)
        if (state->objects.cells[i].value)
            give_back(state, state->objects.cells[i].value);
    ct_id_map_clear(&state->objects);
}

void
ct_state_free_objects(ct_state *state)
{
    for (size_t i = 0; i < state->object_chunks.count; i++) {
        ct_object_cell *chunk = ((ct_object_cell **)state->object_chunks.items)[i];
        for (size_t j = 0; j < CHUNK; j++) {
            ct_values_free(&chunk[j].items);
            ct_values_free(&chunk[j].fields);
        }
        ct_free(state->allocator, chunk);
    }
    ct_free(state->allocator, state->object_chunks.items);
    ct_id_map_free(&state->objects);
}

/* A dict's items alternate key and value: readers rely on pairs. */
static bool
is_paired(const ct_state *state, const ct_object *object)
{
    const ct_type_info *type = ct_journal_type(state->journal, object->type);
    return type->look != CT_LOOK_DICT || object->item_count % 2 == 0;
}

/* Whether the value that follows in the input is the one that is there. */
static bool
is_same_again(const ct_value *value, const ct_input *in)
{
    ct_input ahead = *in;
    ct_value next;
    ct_take_value(&ahead, &next);
    return !ahead.bad && ct_value_same(value, &next);
}

/* Of numbered values the first `known` are compared with those that they replace. */
static ct_code
take_values(ct_state *state, ct_values *values, size_t start, size_t count, size_t known, ct_input *in, uint64_t event)
{
    for (size_t i = start; i < start + count; i++) {
        if (values->changed && !(i - start < known && is_same_again(&values->values[i], in)))
            values->changed[i] = event;
        if (!ct_values_take(values, i, in))
            return ct_state_no_memory(state);
        if (CT_UNLIKELY(in->bad))
            return ct_state_corrupt(state, "a value breaks the format");
    }
    return CT_OK;
}

/* The object of a redefinition, or a new one. */
static ct_code
find_or_add(ct_state *state, uint64_t id, ct_object_cell **found)
{
    ct_object_cell *cell = ct_id_map_get(&state->objects, id);
    if (cell && cell->dead)
        return ct_state_corrupt(state, "an object is defined after it died");
    if (!cell) {
        if (id < state->object_count || id == UINT64_MAX)
            return ct_state_corrupt(state, "an object is defined after it died");
        cell = allocate(state);
        if (!cell || !ct_id_map_add(&state->objects, id, cell)) {
            if (cell)
                give_back(state, cell);
            return ct_state_no_memory(state);
        }
        cell->object.id = id;
        if (id >= state->object_count_now)
            state->object_count_now = id + 1;
    }
    *found = cell;
    return CT_OK;
}

static ct_code
take_payload(ct_state *state, ct_object_cell *cell, ct_input *in)
{
    ct_take_value(in, &cell->object.payload);
    if (in->bad) {
        cell->object.payload.kind = CT_UNBOUND;
        return ct_state_corrupt(state, "a value breaks the format");
    }
    if (ct_value_has_inline(&cell->object.payload))
        ct_value_own(&cell->object.payload, &cell->payload_text);
    return CT_OK;
}

static ct_code
take_items(ct_state *state, ct_object_cell *cell, const ct_object *before, ct_input *in)
{
    ct_object *object = &cell->object;
    object->true_length = ct_take_varint(in);
    size_t count = ct_take_count(in, 1);
    if (in->bad)
        return ct_state_corrupt(state, "an object's items are not all there");
    if (!ct_values_reserve(&cell->items, count))
        return ct_state_no_memory(state);
    if (!before->items || count < before->item_count)
        object->reshaped = object->changed;
    CT_TRY(take_values(state, &cell->items, 0, count, before->items ? before->item_count : 0, in, object->changed));
    object->items = cell->items.values;
    object->items_changed = cell->items.changed;
    object->item_count = count;
    return is_paired(state, object) ? CT_OK : ct_state_corrupt(state, "a dict has a key without a value");
}

/* How many names two shapes begin with that are the same. */
static size_t
same_names(const ct_shape_info *a, const ct_shape_info *b)
{
    size_t count = 0;
    while (count < a->count && count < b->count && a->names[count] == b->names[count])
        count++;
    return count;
}

static ct_code
take_fields(ct_state *state, ct_object_cell *cell, const ct_object *before, ct_input *in)
{
    ct_object *object = &cell->object;
    object->shape = ct_take_varint32(in);
    const ct_shape_info *shape = ct_journal_shape(state->journal, object->shape);
    if (in->bad || !shape || shape->count > ct_input_left(in)) {
        object->shape = 0;
        return ct_state_corrupt(state, "an object's shape is not there");
    }
    if (!ct_values_reserve(&cell->fields, shape->count))
        return ct_state_no_memory(state);
    size_t known = state->tracks_parts && before->fields ? same_names(ct_journal_shape(state->journal, before->shape), shape) : 0;
    if (!before->fields || known < before->field_count)
        object->reshaped = object->changed;
    CT_TRY(take_values(state, &cell->fields, 0, shape->count, known, in, object->changed));
    object->fields = cell->fields.values;
    object->fields_changed = cell->fields.changed;
    object->field_count = shape->count;
    return CT_OK;
}

/* OBJECT: the whole new state. Only the address stays when the record has none. */
static ct_code
take_object(ct_state *state, ct_input *in, uint64_t id, uint64_t event)
{
    uint32_t type = ct_take_varint32(in);
    uint8_t flags = ct_take_byte(in);
    if (in->bad || !ct_journal_type(state->journal, type) || flags >= 2 * CT_O_LENGTH
        || (flags & (CT_O_ITEMS | CT_O_LENGTH)) == (CT_O_ITEMS | CT_O_LENGTH))
        return ct_state_corrupt(state, "an object's definition breaks the format");
    ct_object_cell *cell;
    CT_TRY(find_or_add(state, id, &cell));
    ct_object *object = &cell->object;
    const ct_object before = *object;
    object->type = type;
    object->flags = (uint8_t)(flags | (object->flags & CT_O_ADDRESS));
    object->true_length = 0;
    object->changed = event;
    object->payload = (ct_value){0};
    object->item_count = object->field_count = 0;
    object->items = object->fields = NULL;
    object->items_changed = object->fields_changed = NULL;
    if (!(before.flags & CT_O_ADDRESS) || type != before.type || (flags & ~CT_O_ADDRESS) != (before.flags & ~CT_O_ADDRESS) || flags & (CT_O_PAYLOAD | CT_O_LENGTH))
        object->reshaped = event;
    object->shape = 0;
    object->items_unknown = flags & CT_O_LENGTH;
    state->objects_touched = true;
    if (flags & CT_O_ADDRESS)
        object->address = state->address += (uint64_t)ct_take_svarint(in);
    if (flags & CT_O_PAYLOAD)
        CT_TRY(take_payload(state, cell, in));
    if (flags & CT_O_ITEMS)
        CT_TRY(take_items(state, cell, &before, in));
    if (flags & CT_O_LENGTH)
        object->true_length = ct_take_varint(in);
    if (flags & CT_O_FIELDS)
        CT_TRY(take_fields(state, cell, &before, in));
    return CT_OK;
}

static ct_code
take_splice(ct_state *state, ct_object_cell *cell, ct_input *in)
{
    ct_object *object = &cell->object;
    uint64_t start = ct_take_varint(in), removed = ct_take_varint(in);
    size_t added = ct_take_count(in, 1), count = object->item_count;
    if (in->bad || start > count || removed > count - start || !(object->flags & CT_O_ITEMS))
        return ct_state_corrupt(state, "items are replaced that are not there");
    size_t from = (size_t)(start + removed), to = (size_t)start + added;
    object->item_count = (size_t)start; /* what is whole, should the rest fail */
    if (removed)
        object->reshaped = object->changed;
    if (!ct_values_reserve(&cell->items, count - (size_t)removed + added))
        return ct_state_no_memory(state);
    ct_values_move(&cell->items, to, from, count - from);
    object->items = cell->items.values;
    object->items_changed = cell->items.changed;
    CT_TRY(take_values(state, &cell->items, (size_t)start, added, 0, in, object->changed));
    object->item_count = to + (count - from);
    object->true_length = ct_take_varint(in);
    return is_paired(state, object) ? CT_OK : ct_state_corrupt(state, "a dict has a key without a value");
}

static ct_code
take_one(ct_state *state, ct_values *values, size_t count, ct_input *in, uint64_t event)
{
    uint64_t index = ct_take_varint(in);
    if (in->bad || index >= count)
        return ct_state_corrupt(state, "an item or field is changed that is not there");
    return take_values(state, values, (size_t)index, 1, 0, in, event);
}

ct_code
ct_state_object_record(ct_state *state, ct_input *in, uint8_t tag, uint64_t event)
{
    uint64_t id = ct_take_varint(in);
    if (tag == CT_R_OBJECT)
        return take_object(state, in, id, event);
    ct_object_cell *cell = ct_state_object(state, id);
    if (!cell && tag == CT_R_DIED)
        return CT_OK; /* it died just before a key state, which does not have it any more */
    if (!cell)
        return ct_state_corrupt(state, "an object is changed that is not there");
    cell->object.changed = event;
    state->objects_touched = true;
    switch (tag) {
    case CT_R_SPLICE:
        return take_splice(state, cell, in);
    case CT_R_ITEM:
        return take_one(state, &cell->items, cell->object.item_count, in, event);
    case CT_R_FIELD:
        return take_one(state, &cell->fields, cell->object.field_count, in, event);
    case CT_R_DIED:
        cell->dead = true;
        cell->next = state->dead;
        state->dead = cell;
        return CT_OK;
    default: /* CT_R_LENGTH */
        cell->object.true_length = ct_take_varint(in);
        cell->object.flags = (uint8_t)((cell->object.flags & ~CT_O_ITEMS) | CT_O_LENGTH);
        cell->object.items_unknown = true;
        cell->object.reshaped = event;
        cell->object.items = NULL;
        cell->object.items_changed = NULL;
        cell->object.item_count = 0;
        return CT_OK;
    }
}
