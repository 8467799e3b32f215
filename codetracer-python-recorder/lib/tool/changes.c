/* Which locals changed since an activation's previous step, and where within them. Owns per living activation the event up to which its locals were shown and, if removals are
 * asked for, the names that were bound then: the replayed state keeps nothing of a name that lost its value.
 * Invariant: an activation that was never shown has every local changed, and none removed. */
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

/* Names' ids: first the locals, then the globals. */
typedef struct bound { uint32_t *names; size_t locals, globals, room; } bound;
typedef struct seen { uint64_t activation, event, objects; bound bound; bool used; } seen;

/* An object met in this walk, with the fewest levels above it so far: what is out of reach by one way may be within by another. */
typedef struct visited { uint64_t id; uint32_t containers, attributes; bool used; } visited;

enum { MOST_OBJECTS = 2000 }; /* looked at per local (docs/print-json.md); a change beyond them goes unnoticed */

struct changes {
    value_reader *reader;
    bool with_removed;
    uint32_t *removed;    /* what changes_removed() answered last */
    size_t removed_room;
    seen *table;          /* open addressing, room is a power of two */
    size_t room, count;
    visited visited[4096];
    size_t visits;
};

changes *changes_new(value_reader *reader, bool with_removed)
{
    changes *c = must_have(calloc(1, sizeof *c));
    c->reader = reader;
    c->with_removed = with_removed;
    c->room = 64;
    c->table = must_have(calloc(c->room, sizeof *c->table));
    return c;
}

void changes_free(changes *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->room; i++)
        if (c->table[i].used)
            free(c->table[i].bound.names);
    free(c->table);
    free(c->removed);
    free(c);
}

static size_t place_of(uint64_t key, size_t room)
{
    return (size_t)((key + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (room - 1);
}

static seen *find(const changes *c, uint64_t activation)
{
    for (size_t i = place_of(activation, c->room); c->table[i].used; i = (i + 1) & (c->room - 1))
        if (c->table[i].activation == activation)
            return &c->table[i];
    return NULL;
}

static seen *insert(changes *c, seen entry)
{
    size_t i = place_of(entry.activation, c->room);
    while (c->table[i].used)
        i = (i + 1) & (c->room - 1);
    c->table[i] = entry;
    c->count++;
    return &c->table[i];
}

static void remember(bound *b, const ct_activation *a)
{
    size_t count = a->slot_count + a->global_count;
    if (count > b->room) {
        b->room = count + count / 2;
        b->names = must_have(realloc(b->names, b->room * sizeof *b->names));
    }
    b->locals = a->slot_count;
    b->globals = a->global_count;
    for (size_t i = 0; i < a->slot_count; i++)
        b->names[i] = a->slots[i].name;
    for (size_t i = 0; i < a->global_count; i++)
        b->names[a->slot_count + i] = a->globals[i].name;
}

void changes_seen(changes *c, const ct_activation *activation, uint64_t event)
{
    seen *s = find(c, activation->id);
    uint64_t objects = ct_replay_objects_changed(c->reader->replay);
    if (!s && c->count * 2 >= c->room) {
        seen *old = c->table;
        size_t room = c->room;
        c->room *= 2;
        c->count = 0;
        c->table = must_have(calloc(c->room, sizeof *c->table));
        for (size_t i = 0; i < room; i++)
            if (old[i].used)
                insert(c, old[i]);
        free(old);
    }
    if (!s)
        s = insert(c, (seen){.activation = activation->id, .used = true});
    s->event = event;
    s->objects = objects;
    if (c->with_removed)
        remember(&s->bound, activation);
}

/* The names that no slot has now. Both are in the same order but for what was bound anew, so the search begins behind the last one found. */
static size_t missing(const uint32_t *were, size_t count, const ct_slot *slots, size_t slot_count, uint32_t *out)
{
    size_t found = 0, next = 0;
    for (size_t i = 0; i < count; i++) {
        size_t tried = 0;
        while (tried < slot_count && slots[(next + tried) % slot_count].name != were[i])
            tried++;
        if (tried == slot_count)
            out[found++] = were[i];
        else
            next = (next + tried + 1) % slot_count;
    }
    return found;
}

size_t changes_removed(changes *c, const ct_activation *a, const uint32_t **removed)
{
    const seen *s = find(c, a->id);
    size_t count = s ? s->bound.locals + s->bound.globals : 0;
    if (count > c->removed_room) {
        c->removed_room = count * 2;
        c->removed = must_have(realloc(c->removed, c->removed_room * sizeof *c->removed));
    }
    *removed = c->removed;
    if (count == 0)
        return 0;
    size_t found = missing(s->bound.names, s->bound.locals, a->slots, a->slot_count, c->removed);
    return found + missing(s->bound.names + s->bound.locals, s->bound.globals, a->globals, a->global_count, c->removed + found);
}

void changes_ended(changes *c, const ct_activation *activation)
{
    seen *s = find(c, activation->id);
    if (!s)
        return;
    free(s->bound.names);
    /* Close the gap: what stands behind it may have been put there only because this place was taken. */
    size_t hole = (size_t)(s - c->table), mask = c->room - 1;
    c->table[hole].used = false;
    c->count--;
    for (size_t i = (hole + 1) & mask; c->table[i].used; i = (i + 1) & mask) {
        size_t wanted = place_of(c->table[i].activation, c->room);
        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            c->table[hole] = c->table[i];
            c->table[i].used = false;
            hole = i;
        }
    }
}

/* Whether the walk has not been at this object yet, or only deeper, and may go on. */
static bool visit(changes *c, uint64_t id, uint32_t containers, uint32_t attributes)
{
    size_t mask = sizeof c->visited / sizeof *c->visited - 1, i = (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 40) & mask;
    if (c->visits >= MOST_OBJECTS)
        return false;
    while (c->visited[i].used && c->visited[i].id != id)
        i = (i + 1) & mask;
    visited *v = &c->visited[i];
    if (v->used && v->containers <= containers && v->attributes <= attributes)
        return false;
    if (!v->used)
        *v = (visited){id, containers, attributes, true};
    if (containers < v->containers)
        v->containers = containers;
    if (attributes < v->attributes)
        v->attributes = attributes;
    c->visits++;
    return true;
}

/* The object, if the walk comes to it for the first time within the recording's depth; else NULL. */
static const ct_object *arrive(changes *c, const ct_value *value, uint32_t containers, uint32_t attributes, const ct_type_info **type)
{
    if (value->kind != CT_OBJECT || !visit(c, value->object, containers, attributes))
        return NULL;
    const ct_object *o = ct_replay_object(c->reader->replay, value->object);
    *type = o ? ct_journal_type(c->reader->journal, o->type) : NULL;
    if (!*type)
        return NULL;
    bool container = (*type)->look >= CT_LOOK_LIST && (*type)->look <= CT_LOOK_SET;
    bool beyond = (container && containers >= c->reader->container_limit) || ((*type)->look == CT_LOOK_STRUCT && attributes >= c->reader->attribute_limit);
    return beyond ? NULL : o;
}

static bool object_changed(changes *c, const ct_value *value, uint64_t since, uint32_t containers, uint32_t attributes)
{
    const ct_type_info *type;
    const ct_object *o = arrive(c, value, containers, attributes, &type);
    if (!o)
        return false;
    if (o->changed > since)
        return true;
    for (size_t i = 0; i < o->item_count && !o->items_unknown; i++)
        if (object_changed(c, &o->items[i], since, containers + 1, attributes))
            return true;
    for (size_t i = 0; i < o->field_count && attributes < c->reader->attribute_limit; i++)
        if (object_changed(c, &o->fields[i], since, containers, attributes + 1))
            return true;
    return false;
}

static void begin_walk(changes *c)
{
    if (c->visits)
        memset(c->visited, 0, sizeof c->visited);
    c->visits = 0;
}

/* ---- where within a variable ---- */

typedef struct parts_walk { changes *c; uint64_t since; text path; changed_parts *found; } parts_walk;

static void add_part(parts_walk *w, const ct_value *value, uint32_t containers, uint32_t attributes)
{
    changed_parts *found = w->found;
    if (found->count == MOST_PARTS) {
        found->more = true;
        return;
    }
    changed_part *part = &found->parts[found->count++];
    *part = (changed_part){.value = *value, .containers = containers, .attributes = attributes};
    text_add(&part->path, w->path.bytes, w->path.size);
}

static size_t changed_since(const uint64_t *numbers, size_t count, uint64_t since)
{
    size_t changed = 0;
    for (size_t i = 0; i < count; i++)
        changed += numbers[i] > since;
    return changed;
}

/* Whether what changed is better told by its items and fields than by the whole: a container that fits says more when it is seen as it is now. */
static bool in_parts(const parts_walk *w, const ct_object *o, const ct_type_info *type, uint32_t containers, uint32_t attributes)
{
    enum { FITS = 60 };
    if (o->reshaped > w->since || o->items_unknown)
        return false;
    if (type->look == CT_LOOK_STRUCT)
        return o->fields_changed && o->item_count == 0;
    bool named = type->look == CT_LOOK_LIST || type->look == CT_LOOK_TUPLE || type->look == CT_LOOK_DICT;
    if (!named || !o->items_changed || o->field_count || changed_since(o->items_changed, o->item_count, w->since) > 2 * MOST_PARTS)
        return false;
    text whole = {0};
    value_text_within(w->c->reader, &(ct_value){.kind = CT_OBJECT, .object = o->id}, containers, attributes, FITS, &whole);
    bool fits = whole.size <= FITS;
    text_free(&whole);
    return !fits;
}

static void walk_parts(parts_walk *w, const ct_value *value, uint32_t containers, uint32_t attributes);

static void walk_part(parts_walk *w, const ct_value *value, bool changed, uint32_t containers, uint32_t attributes)
{
    if (changed)
        add_part(w, value, containers, attributes);
    else
        walk_parts(w, value, containers, attributes);
}

static void walk_items(parts_walk *w, const ct_object *o, const ct_type_info *type, bool changed, uint32_t containers, uint32_t attributes)
{
    enum { KEY_BUDGET = 40 };
    size_t size = w->path.size, step = type->look == CT_LOOK_DICT ? 2 : 1;
    if (type->look == CT_LOOK_SET) {
        for (size_t i = 0; i < o->item_count; i++) /* which have no places: what is within them is told of the set */
            if (object_changed(w->c, &o->items[i], w->since, containers + 1, attributes)) {
                add_part(w, &(ct_value){.kind = CT_OBJECT, .object = o->id}, containers, attributes);
                return;
            }
        return;
    }
    for (size_t i = 0; i + step <= o->item_count && !w->found->more; i += step) {
        const ct_value *item = &o->items[i + step - 1];
        bool item_changed = changed && (o->items_changed[i] > w->since || o->items_changed[i + step - 1] > w->since);
        if (!item_changed && item->kind != CT_OBJECT)
            continue;
        text_char(&w->path, '[');
        if (step == 2)
            value_text_within(w->c->reader, &o->items[i], containers + 1, attributes, KEY_BUDGET, &w->path);
        else
            text_format(&w->path, "%zu", i);
        text_char(&w->path, ']');
        walk_part(w, item, item_changed, containers + 1, attributes);
        w->path.size = size;
    }
}

static void walk_fields(parts_walk *w, const ct_object *o, bool changed, uint32_t containers, uint32_t attributes)
{
    const ct_shape_info *shape = o->flags & CT_O_FIELDS ? ct_journal_shape(w->c->reader->journal, o->shape) : NULL;
    size_t size = w->path.size;
    for (size_t i = 0; shape && i < o->field_count && i < shape->count && attributes < w->c->reader->attribute_limit && !w->found->more; i++) {
        ct_text name = ct_journal_name(w->c->reader->journal, shape->names[i]);
        text_char(&w->path, '.');
        text_safe(&w->path, name.bytes, name.size);
        walk_part(w, &o->fields[i], changed && o->fields_changed[i] > w->since, containers, attributes + 1);
        w->path.size = size;
    }
}

static void walk_parts(parts_walk *w, const ct_value *value, uint32_t containers, uint32_t attributes)
{
    const ct_type_info *type;
    const ct_object *o = w->found->more ? NULL : arrive(w->c, value, containers, attributes, &type);
    if (!o)
        return;
    bool changed = o->changed > w->since;
    if (changed && !in_parts(w, o, type, containers, attributes)) {
        add_part(w, value, containers, attributes);
        return;
    }
    if (!o->items_unknown)
        walk_items(w, o, type, changed, containers, attributes);
    walk_fields(w, o, changed, containers, attributes);
}

bool changes_within(changes *c, const ct_activation *activation, const ct_slot *slot, changed_parts *parts)
{
    const seen *s = find(c, activation->id);
    *parts = (changed_parts){0};
    if (!s || slot->changed > s->event)
        return false;
    begin_walk(c);
    parts_walk w = {.c = c, .since = s->event, .found = parts};
    walk_parts(&w, &slot->value, 0, 0);
    text_free(&w.path);
    if (parts->count > 0 && parts->parts[0].path.size > 0)
        return true;
    changed_parts_free(parts);
    return false;
}

void changed_parts_free(changed_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        text_free(&parts->parts[i].path);
    *parts = (changed_parts){0};
}

bool changes_slot(changes *c, const ct_activation *activation, const ct_slot *slot)
{
    const seen *s = find(c, activation->id);
    if (!s || slot->changed > s->event)
        return true;
    if (slot->value.kind != CT_OBJECT || s->objects == ct_replay_objects_changed(c->reader->replay))
        return false;
    begin_walk(c);
    return object_changed(c, &slot->value, s->event, 0, 0);
}
