/* Looks at everything that an opened trace tells, and keeps a digest of each event: what fuzzers, the corruption test and the golden test have in common.
 *
 * A digest covers the event and what it changed, by names and contents, so that two readings of the same events have the same digests, also where
 * one of them found less behind. Invariant: a damaged trace ends the walk; it never makes it longer than `most` events.
 */
#ifndef WALK_H
#define WALK_H

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <codetracer/replay.h>
#include <codetracer/trace.h>

enum { WALK_NESTING = 6, WALK_NODES = 120 };

typedef struct walk {
    uint64_t *events;   /* digests */
    size_t count, capacity;
    int64_t *lines;     /* of the steps */
    size_t line_count, line_capacity;
    uint64_t most;
    ct_code code;       /* why it ended: CT_END, or what the error says */
    ct_error error;
    /* of the event at hand */
    const ct_journal *journal;
    ct_replay *replay;
    uint64_t digest, number;
    int nodes;
} walk;

static inline void
walk_bytes(walk *w, const void *bytes, size_t size)
{
    w->digest = XXH3_64bits_withSeed(size ? bytes : "", size, w->digest);
}

static inline void
walk_number(walk *w, uint64_t number)
{
    walk_bytes(w, &number, sizeof number);
}

static inline void walk_text(walk *w, ct_text text) { walk_bytes(w, text.bytes, text.size); }

static inline void
walk_failed(walk *w, ct_code code)
{
    if (w->code == CT_OK)
        w->code = code;
}

static inline void walk_value(walk *w, const ct_value *value, int nesting);

static inline void
walk_object(walk *w, const ct_object *object, int nesting)
{
    if (!object) {
        walk_number(w, 0);
        return;
    }
    const ct_type_info *type = ct_journal_type(w->journal, object->type);
    walk_text(w, type->name);
    walk_number(w, (uint64_t)type->look << 8 | type->flags);
    walk_number(w, object->flags | (uint64_t)object->items_unknown << 8);
    if (nesting >= WALK_NESTING || w->nodes <= 0)
        return;
    if (object->flags & (CT_O_ITEMS | CT_O_LENGTH))
        walk_number(w, object->true_length);
    if (object->flags & CT_O_PAYLOAD)
        walk_value(w, &object->payload, nesting + 1);
    for (size_t i = 0; i < object->item_count && w->nodes > 0; i++)
        walk_value(w, &object->items[i], nesting + 1);
    const ct_shape_info *shape = object->flags & CT_O_FIELDS ? ct_journal_shape(w->journal, object->shape) : NULL;
    for (size_t i = 0; shape && i < object->field_count && w->nodes > 0; i++) {
        walk_text(w, ct_journal_name(w->journal, shape->names[i]));
        walk_value(w, &object->fields[i], nesting + 1);
    }
}

static inline void
walk_value(walk *w, const ct_value *value, int nesting)
{
    ct_value whole = *value;
    w->nodes--;
    if (whole.content) {
        ct_code code = ct_replay_resolve(w->replay, &whole, &w->error);
        if (code != CT_OK) {
            walk_failed(w, code);
            return;
        }
    }
    walk_number(w, whole.kind);
    switch (whole.kind) {
    case CT_BOOL: walk_number(w, whole.boolean); break;
    case CT_INT: walk_number(w, (uint64_t)whole.integer); break;
    case CT_FLOAT: walk_bytes(w, whole.number, sizeof whole.number[0]); break;
    case CT_COMPLEX: walk_bytes(w, whole.number, sizeof whole.number); break;
    case CT_BIGINT:
    case CT_TEXT:
    case CT_BYTES:
        walk_bytes(w, whole.data.bytes, (size_t)whole.data.size);
        walk_number(w, whole.data.true_length);
        walk_number(w, whole.kind == CT_BIGINT && whole.negative);
        break;
    case CT_OBJECT: walk_object(w, ct_replay_object(w->replay, whole.object), nesting); break;
    default: break;
    }
}

static inline void
walk_slots(walk *w, const ct_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slots[i].changed >= w->number || w->number % 16 == 0) {
            walk_text(w, ct_journal_name(w->journal, slots[i].name));
            walk_value(w, &slots[i].value, 0);
        }
}

static inline void
walk_event(walk *w, const ct_event *event)
{
    w->digest = 0;
    w->number = event->number;
    w->nodes = WALK_NODES;
    walk_number(w, event->kind);
    walk_number(w, event->step);
    if (event->thread) {
        walk_number(w, event->thread->number);
        walk_number(w, event->thread->depth);
        walk_text(w, event->thread->name);
    }
    if (event->activation) {
        const ct_activation *a = event->activation;
        const ct_code_info *code = ct_journal_code(w->journal, a->code);
        walk_text(w, code->qualified_name);
        walk_text(w, code->module);
        walk_text(w, ct_journal_path(w->journal, code->path));
        walk_number(w, code->first_line);
        walk_number(w, (uint64_t)a->line);
        walk_number(w, a->id);
        walk_number(w, a->flags | (uint64_t)a->on_stack << 8);
        walk_number(w, a->slot_count);
        walk_slots(w, a->slots, a->slot_count);
        walk_slots(w, a->globals, a->global_count);
    }
    switch (event->kind) {
    case CT_EVENT_RETURN: case CT_EVENT_YIELD: case CT_EVENT_UNWIND: case CT_EVENT_THROW: case CT_EVENT_RAISE: case CT_EVENT_HANDLED:
        walk_value(w, &event->value, 0);
        break;
    case CT_EVENT_OUTPUT:
        walk_number(w, event->stream);
        walk_number(w, event->descriptors);
        walk_text(w, event->text);
        break;
    default: break;
    }
    if (event->kind == CT_EVENT_STEP || event->kind == CT_EVENT_RAISE || event->kind == CT_EVENT_HANDLED)
        walk_number(w, (uint64_t)event->line);
    if (event->kind == CT_EVENT_GAP)
        walk_number(w, event->reason);
}

static inline void *
walk_room(void *items, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity * 2 + 256;
    items = realloc(items, *capacity * sizeof(uint64_t));
    if (!items)
        abort();
    return items;
}

static inline void
walk_keep(walk *w, const ct_event *event)
{
    w->events = walk_room(w->events, w->count, &w->capacity);
    w->events[w->count++] = w->digest;
    if (event->kind == CT_EVENT_STEP) {
        w->lines = walk_room(w->lines, w->line_count, &w->line_capacity);
        w->lines[w->line_count++] = event->line;
    }
}

/* All events from the first on. w: zeroed, but for `most` (0: no limit) and, to use it again, what an earlier walk allocated. */
static inline void
walk_events(walk *w, ct_journal *journal)
{
    const ct_event *event;
    w->count = w->line_count = 0;
    w->journal = journal;
    w->error = (ct_error){0};
    w->code = ct_replay_new(journal, &w->replay, &w->error);
    if (w->code != CT_OK)
        return;
    while (w->code == CT_OK && (!w->most || w->count < w->most)) {
        w->code = ct_replay_next(w->replay, &event, &w->error);
        if (w->code != CT_OK)
            break;
        walk_event(w, event);
        if (w->code == CT_OK)
            walk_keep(w, event);
    }
}

/* What there is beside events. */
static inline void
walk_definitions(walk *w, ct_journal *journal)
{
    ct_journal_counts counts;
    ct_text text;
    w->digest = 0;
    w->journal = journal;
    ct_journal_count(journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        walk_text(w, ct_journal_path(journal, i));
        ct_code code = ct_journal_source(journal, i, &text, &w->error);
        if (code == CT_OK)
            walk_text(w, text);
        else if (code != CT_END)
            walk_failed(w, code);
    }
    for (uint32_t i = 0; i < counts.names; i++)
        walk_text(w, ct_journal_name(journal, i));
    for (uint32_t i = 0; i < counts.codes; i++) {
        const ct_code_info *code = ct_journal_code(journal, i);
        for (uint32_t k = 0; k < code->slot_count; k++)
            walk_number(w, (uint64_t)code->slot_names[k] << 8 | code->slot_kinds[k]);
    }
    for (uint32_t i = 0; i < counts.types; i++)
        walk_text(w, ct_journal_type(journal, i)->name);
    for (uint32_t i = 0; i < counts.metas; i++) {
        walk_text(w, ct_journal_meta(journal, i)->key);
        walk_text(w, ct_journal_meta(journal, i)->value);
    }
}

static inline void
walk_free(walk *w)
{
    free(w->events);
    free(w->lines);
}

/* A few seeks, and an event behind each. */
static inline void
walk_seek(walk *w, ct_journal *journal)
{
    ct_journal_counts counts;
    const ct_event *event;
    ct_journal_count(journal, &counts);
    uint64_t steps = counts.steps, places[] = {steps - 1, 0, steps / 2, steps, steps / 3, UINT64_MAX};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        ct_code code = ct_replay_seek_step(w->replay, places[i], &event, &w->error);
        if (code == CT_OK)
            walk_event(w, event);
        if (code == CT_OK && ct_replay_next(w->replay, &event, &w->error) == CT_OK)
            walk_event(w, event);
    }
}

static inline void
walk_end(walk *w)
{
    ct_replay_free(w->replay);
    w->replay = NULL;
}

#endif
