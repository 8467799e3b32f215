/* Arrays of values and bindings: see values.h. */
#include "model/values.h"
#include "util/memory.h"

/* What is larger than this is not kept for reuse. */
enum { KEEP = 64 };

/* ---- arrays of values ---- */

static void
point_to_texts(ct_values *values, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++)
        if (ct_value_has_inline(&values->values[i]))
            values->values[i].data.bytes = values->texts[i].bytes;
}

bool
ct_values_reserve(ct_values *values, size_t count)
{
    if (count <= values->capacity)
        return true;
    size_t old = values->capacity, capacity = old > SIZE_MAX / 4 / sizeof(ct_value) ? 0 : old + old / 2;
    if (capacity < count)
        capacity = count < 4 ? 4 : count;
    if (capacity > SIZE_MAX / 2 / sizeof(ct_value))
        return false;
    ct_inline *texts = NULL;
    if (values->texts && !(texts = ct_resize(values->allocator, values->texts, capacity * sizeof *texts)))
        return false;
    if (texts) {
        values->texts = texts;
        point_to_texts(values, 0, old);
    }
    uint64_t *changed = values->numbered ? ct_resize(values->allocator, values->changed, capacity * sizeof *changed) : NULL;
    if (values->numbered && !changed)
        return false;
    values->changed = changed;
    ct_value *grown = ct_resize(values->allocator, values->values, capacity * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + old, 0, (capacity - old) * sizeof *grown);
    values->values = grown;
    values->capacity = capacity;
    return true;
}

bool
ct_values_add_texts(ct_values *values)
{
    values->texts = ct_allocate(values->allocator, values->capacity * sizeof *values->texts);
    return values->texts != NULL;
}

void
ct_values_move(ct_values *values, size_t to, size_t from, size_t count)
{
    if (to == from || count == 0)
        return;
    memmove(values->values + to, values->values + from, count * sizeof *values->values);
    if (values->texts) {
        memmove(values->texts + to, values->texts + from, count * sizeof *values->texts);
        point_to_texts(values, to, count);
    }
    if (values->changed)
        memmove(values->changed + to, values->changed + from, count * sizeof *values->changed);
}

void
ct_values_free(ct_values *values)
{
    ct_free(values->allocator, values->values);
    ct_free(values->allocator, values->texts);
    ct_free(values->allocator, values->changed);
    *values = (ct_values){.numbered = values->numbered, .allocator = values->allocator};
}

bool
ct_value_same(const ct_value *a, const ct_value *b)
{
    if (a->content != b->content || a->kind != b->kind)
        return false;
    if (a->content)
        return true;
    switch (a->kind) {
    case CT_BOOL: return a->boolean == b->boolean;
    case CT_INT: return a->integer == b->integer;
    case CT_FLOAT: return memcmp(a->number, b->number, sizeof a->number[0]) == 0;
    case CT_COMPLEX: return memcmp(a->number, b->number, sizeof a->number) == 0;
    case CT_OBJECT: return a->object == b->object;
    case CT_BIGINT:
    case CT_TEXT:
    case CT_BYTES:
        return a->negative == b->negative && a->data.size == b->data.size && memcmp(a->data.bytes, b->data.bytes, a->data.size) == 0;
    default: return true;
    }
}

/* ---- bindings ---- */

static uint32_t
hash_home(const ct_bindings *bindings, uint32_t number)
{
    return (number * UINT32_C(0x9E3779B1)) >> 7 & (bindings->index_size - 1);
}

static void
hash_place(ct_bindings *bindings, uint32_t number, uint32_t position)
{
    uint32_t i = hash_home(bindings, number);
    while (bindings->index[i])
        i = (i + 1) & (bindings->index_size - 1);
    bindings->index[i] = position + 1;
}

static void
hash_all(ct_bindings *bindings)
{
    memset(bindings->index, 0, bindings->index_size * sizeof *bindings->index);
    for (uint32_t i = 0; i < bindings->count; i++)
        hash_place(bindings, bindings->cells[i].number, i);
}

/* The first cell with this number or a higher one, of bindings by slot. */
static uint32_t
lower_bound(const ct_bindings *bindings, uint32_t number)
{
    uint32_t low = 0, high = bindings->count;
    if (high && bindings->cells[high - 1].number < number)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bindings->cells[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Index + 1 of the cell; 0: not bound. */
static uint32_t
find(const ct_bindings *bindings, uint32_t number)
{
    if (!bindings->by_binding) {
        if (number < CT_BINDINGS_DIRECT)
            return number < bindings->index_size ? bindings->index[number] : 0;
        uint32_t i = lower_bound(bindings, number);
        return i < bindings->count && bindings->cells[i].number == number ? i + 1 : 0;
    }
    if (!bindings->index_size) {
        for (uint32_t i = 0; i < bindings->count; i++)
            if (bindings->cells[i].number == number)
                return i + 1;
        return 0;
    }
    for (uint32_t i = hash_home(bindings, number); bindings->index[i]; i = (i + 1) & (bindings->index_size - 1))
        if (bindings->cells[bindings->index[i] - 1].number == number)
            return bindings->index[i];
    return 0;
}

/* Room in the index for one more binding, of this number. */
static bool
grow_index(ct_bindings *bindings, uint32_t number)
{
    uint32_t size = bindings->index_size;
    if (bindings->by_binding) {
        if (bindings->count < CT_BINDINGS_LINEAR || bindings->count + 1 <= size / 2)
            return true;
        size = size ? size * 2 : 4 * CT_BINDINGS_LINEAR;
    }
    else {
        if (number >= CT_BINDINGS_DIRECT || number < size)
            return true;
        for (size = size ? size : 16; size <= number;)
            size *= 2;
    }
    uint32_t *index = ct_resize(bindings->allocator, bindings->index, size * sizeof *index);
    if (!index)
        return false;
    memset(index + bindings->index_size, 0, (size - bindings->index_size) * sizeof *index);
    bindings->index = index;
    bindings->index_size = size;
    if (bindings->by_binding)
        hash_all(bindings);
    return true;
}

static bool
grow_cells(ct_bindings *bindings)
{
    if (bindings->count < bindings->capacity)
        return true;
    if (bindings->capacity > UINT32_MAX / 4)
        return false;
    uint32_t capacity = bindings->capacity ? bindings->capacity * 2 : 8;
    if (bindings->texts) {
        ct_inline *texts = ct_resize(bindings->allocator, bindings->texts, capacity * sizeof *texts);
        if (!texts)
            return false;
        bindings->texts = texts;
        for (uint32_t i = 0; i < bindings->count; i++)
            if (ct_value_has_inline(&bindings->cells[i].value))
                bindings->cells[i].value.data.bytes = texts[i].bytes;
    }
    ct_slot *cells = ct_resize(bindings->allocator, bindings->cells, capacity * sizeof *cells);
    if (!cells)
        return false;
    bindings->cells = cells;
    bindings->capacity = capacity;
    return true;
}

/* Moves the cells from `from` on to `to`, one up or down; the index follows when it is by number. */
static void
shift(ct_bindings *bindings, uint32_t to, uint32_t from)
{
    uint32_t count = bindings->count - from;
    memmove(bindings->cells + to, bindings->cells + from, count * sizeof *bindings->cells);
    if (bindings->texts)
        memmove(bindings->texts + to, bindings->texts + from, count * sizeof *bindings->texts);
    for (uint32_t i = to; i < to + count; i++) {
        ct_slot *cell = &bindings->cells[i];
        if (ct_value_has_inline(&cell->value))
            cell->value.data.bytes = bindings->texts[i].bytes;
        if (!bindings->by_binding && cell->number < bindings->index_size)
            bindings->index[cell->number] = i + 1;
    }
}

static void
remove_cell(ct_bindings *bindings, uint32_t position)
{
    uint32_t number = bindings->cells[position].number;
    shift(bindings, position, position + 1);
    bindings->count--;
    if (bindings->by_binding && bindings->index_size)
        hash_all(bindings);
    else if (!bindings->by_binding && number < bindings->index_size)
        bindings->index[number] = 0;
}

/* A new binding. Its value's bytes are still in the input. */
static ct_code
bind(ct_bindings *bindings, uint32_t number, uint32_t name, const ct_value *value, uint64_t event)
{
    if (!grow_cells(bindings) || !grow_index(bindings, number))
        return CT_E_NOMEM;
    uint32_t position = bindings->by_binding ? bindings->count : lower_bound(bindings, number);
    if (position < bindings->count)
        shift(bindings, position + 1, position);
    bindings->cells[position] = (ct_slot){name, number, *value, event};
    bindings->count++;
    if (!bindings->by_binding && number < bindings->index_size)
        bindings->index[number] = position + 1;
    else if (bindings->by_binding && bindings->index_size)
        hash_place(bindings, number, position);
    if (ct_value_has_inline(value))
        ct_value_own(&bindings->cells[position].value, &bindings->texts[position]);
    return CT_OK;
}

ct_code
ct_bindings_take(ct_bindings *bindings, uint32_t number, uint32_t name, ct_input *in, uint64_t event)
{
    ct_value value;
    ct_take_value(in, &value);
    if (in->bad)
        return CT_E_CORRUPT;
    uint32_t position = find(bindings, number);
    if (value.kind == CT_UNBOUND) {
        if (position)
            remove_cell(bindings, position - 1);
        return CT_OK;
    }
    if (CT_UNLIKELY(!position || (ct_value_has_inline(&value) && !bindings->texts))) {
        if (!grow_cells(bindings))
            return CT_E_NOMEM;
        if (ct_value_has_inline(&value) && !bindings->texts
            && !(bindings->texts = ct_allocate(bindings->allocator, bindings->capacity * sizeof *bindings->texts)))
            return CT_E_NOMEM;
        if (!position)
            return bind(bindings, number, name, &value, event);
    }
    ct_slot *cell = &bindings->cells[position - 1];
    cell->value = value;
    cell->changed = event;
    if (ct_value_has_inline(&value))
        ct_value_own(&cell->value, &bindings->texts[position - 1]);
    return CT_OK;
}

void
ct_bindings_unbind(ct_bindings *bindings, uint32_t number)
{
    uint32_t position = find(bindings, number);
    if (position)
        remove_cell(bindings, position - 1);
}

void
ct_bindings_clear(ct_bindings *bindings, bool by_binding)
{
    if (bindings->capacity > KEEP || bindings->index_size > 4 * KEEP)
        ct_bindings_free(bindings);
    else if (bindings->by_binding != by_binding) {
        ct_free(bindings->allocator, bindings->index); /* the other kind of index */
        bindings->index = NULL;
        bindings->index_size = 0;
    }
    else if (bindings->by_binding) {
        if (bindings->index_size)
            memset(bindings->index, 0, bindings->index_size * sizeof *bindings->index);
    }
    else
        for (uint32_t i = 0; i < bindings->count; i++)
            if (bindings->cells[i].number < bindings->index_size)
                bindings->index[bindings->cells[i].number] = 0;
    bindings->count = 0;
    bindings->by_binding = by_binding;
}

void
ct_bindings_free(ct_bindings *bindings)
{
    ct_free(bindings->allocator, bindings->cells);
    ct_free(bindings->allocator, bindings->texts);
    ct_free(bindings->allocator, bindings->index);
    *bindings = (ct_bindings){.by_binding = bindings->by_binding, .allocator = bindings->allocator};
}
