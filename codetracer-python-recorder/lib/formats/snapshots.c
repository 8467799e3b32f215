/* See snapshots.h. */
#include "formats/snapshots.h"

static ct_code
last_of(ct_snapshots *s, size_t place, size_t count, ct_snapshot **last)
{
    if (__builtin_expect(place >= s->last_count, 0)) {
        size_t wanted = s->last_count ? s->last_count : 256;
        while (wanted <= place)
            wanted *= 2;
        ct_snapshot *bigger = ct_resize(s->allocator, s->last, wanted * sizeof *bigger);
        if (!bigger)
            return CT_E_NOMEM;
        memset(bigger + s->last_count, 0, (wanted - s->last_count) * sizeof *bigger);
        s->last = bigger;
        s->last_count = wanted;
    }
    *last = &s->last[place];
    if (__builtin_expect(count > s->plan_capacity, 0)) {
        uint32_t *plan = ct_resize(s->allocator, s->plan, 2 * count * sizeof *plan);
        if (!plan)
            return CT_E_NOMEM;
        s->plan = plan;
        s->plan_capacity = 2 * count;
    }
    return CT_OK;
}

/* Which pieces stay, and the size of all together. Variables come in the order of their slots, so a piece is looked for behind the one before it.
 * *aligned: the variables are those of the last record. */
static ct_code
plan(ct_snapshots *s, ct_linear *linear, const ct_snapshot *last, bool usable, ct_named_value *values, size_t count, size_t *size, bool *aligned)
{
    size_t sum = 0;
    uint32_t next = 0;
    *aligned = usable && last->count == count;
    for (size_t i = 0; i < count; i++) {
        ct_named_value *named = &values[i];
        uint32_t k = usable ? next : last->count;
        while (k < last->count && last->pieces[k].variable != named->variable)
            k++;
        *aligned = *aligned && k == i;
        s->plan[i] = 0;
        if (k < last->count) {
            next = k + 1;
            if (last->pieces[k].serial == named->serial) {
                s->plan[i] = k + 1;
                sum += last->pieces[k].size;
                continue;
            }
        }
        if (!named->encoded)
            CT_TRY(ct_linear_encode(linear, named));
        size_t bytes = named->value.size[s->form];
        sum += s->head_size(named->variable, bytes) + bytes;
    }
    *size = sum;
    return CT_OK;
}

/* Where the variable's piece stood in the last record, at place i or behind. */
static ct_standing
standing_of(const ct_snapshot *last, size_t i, uint32_t variable)
{
    for (size_t k = i; k < last->count; k++)
        if (last->pieces[k].variable == variable)
            return (ct_standing){ last->at + last->pieces[k].at, last->pieces[k].size };
    return (ct_standing){ 0 };
}

bool
ct_snapshots_match(ct_chunk *chunk, unsigned form, size_t at, size_t head, const ct_encoded *value, ct_standing last)
{
    size_t value_size = value->size[form], size = head + value_size;
    ct_written before = { 0 };
    if (value->written) {
        before = value->written[form];
        value->written[form] = (ct_written){ chunk->base + at + head, value->serial, value_size };
    }
    if (!before.size || !ct_chunk_reaches(chunk, at + head, before.at) || (last.size == size && size <= CT_SMALL_VALUE))
        return ct_chunk_match(chunk, at, size, last);
    if (head && !ct_chunk_match(chunk, at, head, last.size >= head ? (ct_standing){ last.at, head } : (ct_standing){ 0 }))
        return false;
    if (before.serial == value->serial)
        return ct_chunk_add_known(chunk, at + head, value_size, at + head - (size_t)(before.at - chunk->base));
    return ct_chunk_match(chunk, at + head, value_size, (ct_standing){ before.at, before.size });
}

ct_code
ct_snapshots_put(ct_snapshots *s, ct_linear *linear, ct_chunk *chunk, ct_named_value *values, size_t count)
{
    ct_snapshot *last;
    size_t size;
    bool aligned;
    CT_TRY(last_of(s, values[0].place, count, &last));
    size_t start = chunk->raw.size;
    bool usable = last->size && ct_chunk_reaches(chunk, start, last->at);
    CT_TRY(plan(s, linear, last, usable, values, count, &size, &aligned));
    if (!aligned && s->spare_capacity < count) {
        ct_snapshot_piece *spare = ct_resize(s->allocator, s->spare, (count + 4) * sizeof *spare);
        if (!spare)
            return CT_E_NOMEM;
        s->spare = spare;
        s->spare_capacity = (uint32_t)count + 4;
    }
    uint8_t *room = ct_buffer_room(&chunk->raw, size + CT_SNAPSHOT_FRONT);
    if (!room || size > UINT32_MAX / 2)
        return CT_E_NOMEM;
    uint8_t *at = s->front(s->context, room, count, size);
    uint32_t front = (uint32_t)(at - room), position = front;
    if (!ct_chunk_match(chunk, start, front, usable && last->front == front ? (ct_standing){ last->at, front } : (ct_standing){ 0 }))
        return CT_E_NOMEM;

    ct_snapshot_piece *pieces = aligned ? last->pieces : s->spare;
    for (size_t i = 0, behind; i < count; i = behind) {
        uint32_t k = s->plan[i], bytes;
        behind = i + 1;
        if (k) { /* a run of pieces that stay */
            while (behind < count && s->plan[behind] == k + (behind - i))
                behind++;
            const ct_snapshot_piece *old = &last->pieces[k - 1], *old_end = old + (behind - i) - 1;
            uint32_t from = old->at;
            uint64_t there = last->at + from - chunk->base;
            bytes = old_end->at + old_end->size - from;
            memcpy(at, chunk->raw.bytes + there, bytes);
            if (!ct_chunk_add_known(chunk, start + position, bytes, start + position - (size_t)there))
                return CT_E_NOMEM;
            for (size_t n = i; (!aligned || position != from) && n < behind; n++, old++)
                pieces[n] = (ct_snapshot_piece){ old->serial, old->variable, old->at - from + position, old->size };
        } else {
            const ct_named_value *named = &values[i];
            size_t value_size = named->value.size[s->form];
            uint8_t *value = s->head(at, named->variable, value_size);
            memcpy(value, named->value.bytes[s->form], value_size);
            bytes = (uint32_t)(value - at) + (uint32_t)value_size;
            if (!ct_snapshots_match(chunk, s->form, start + position, bytes - (uint32_t)value_size, &named->value,
                                    usable ? standing_of(last, aligned ? i : 0, named->variable) : (ct_standing){ 0 }))
                return CT_E_NOMEM;
            pieces[i] = (ct_snapshot_piece){ named->serial, named->variable, position, bytes };
        }
        at += bytes;
        position += bytes;
    }
    if (!aligned) { /* the last one's list is the next spare one */
        s->spare = last->pieces;
        last->pieces = pieces;
        uint32_t capacity = last->capacity;
        last->capacity = s->spare_capacity;
        s->spare_capacity = capacity;
    }
    last->at = chunk->base + start;
    last->size = position;
    last->front = front;
    last->count = (uint32_t)count;
    chunk->raw.size += position;
    return CT_OK;
}

void
ct_snapshots_free(ct_snapshots *s)
{
    for (size_t i = 0; i < s->last_count; i++)
        ct_free(s->allocator, s->last[i].pieces);
    ct_free(s->allocator, s->last);
    ct_free(s->allocator, s->plan);
    ct_free(s->allocator, s->spare);
    *s = (ct_snapshots){ .allocator = s->allocator };
}
