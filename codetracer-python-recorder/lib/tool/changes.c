/* Which locals changed since an activation's previous step. Owns one number per living activation: the event up to which its locals were shown.
 * Invariant: an activation that was never shown has every local changed. */
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

typedef struct seen { uint64_t activation, event, objects; bool used; } seen;

enum { MOST_OBJECTS = 2000 }; /* looked at per local; a change beyond them goes unnoticed */

struct changes {
    value_reader *reader;
    seen *table;          /* open addressing, room is a power of two */
    size_t room, count;
    uint64_t visited[4096]; /* objects met in this walk, id + 1 */
    size_t visited_count;
};

changes *changes_new(value_reader *reader)
{
    changes *c = must_have(calloc(1, sizeof *c));
    c->reader = reader;
    c->room = 64;
    c->table = must_have(calloc(c->room, sizeof *c->table));
    return c;
}

void changes_free(changes *c)
{
    if (c)
        free(c->table);
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

static void insert(changes *c, seen entry)
{
    size_t i = place_of(entry.activation, c->room);
    while (c->table[i].used)
        i = (i + 1) & (c->room - 1);
    c->table[i] = entry;
    c->count++;
}

void changes_seen(changes *c, const ct_activation *activation, uint64_t event)
{
    seen *s = find(c, activation->id);
    uint64_t objects = ct_replay_objects_changed(c->reader->replay);
    if (s) {
        s->event = event;
        s->objects = objects;
        return;
    }
    if (c->count * 2 >= c->room) {
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
    insert(c, (seen){activation->id, event, objects, true});
}

void changes_ended(changes *c, const ct_activation *activation)
{
    seen *s = find(c, activation->id);
    if (!s)
        return;
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

/* Whether the walk meets this object for the first time and may go on. */
static bool visit(changes *c, uint64_t id)
{
    size_t mask = sizeof c->visited / sizeof *c->visited - 1, i = (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 40) & mask;
    if (c->visited_count >= MOST_OBJECTS)
        return false;
    for (; c->visited[i]; i = (i + 1) & mask)
        if (c->visited[i] == id + 1)
            return false;
    c->visited[i] = id + 1;
    c->visited_count++;
    return true;
}

static bool object_changed(changes *c, const ct_value *value, uint64_t since, uint32_t containers, uint32_t attributes)
{
    if (value->kind != CT_OBJECT || !visit(c, value->object))
        return false;
    const ct_object *o = ct_replay_object(c->reader->replay, value->object);
    const ct_type_info *type = o ? ct_journal_type(c->reader->journal, o->type) : NULL;
    if (!type)
        return false;
    bool container = type->look >= CT_LOOK_LIST && type->look <= CT_LOOK_SET;
    if ((container && containers >= c->reader->container_limit) || (type->look == CT_LOOK_STRUCT && attributes >= c->reader->attribute_limit))
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

bool changes_slot(changes *c, const ct_activation *activation, const ct_slot *slot)
{
    const seen *s = find(c, activation->id);
    if (!s || slot->changed > s->event)
        return true;
    if (slot->value.kind != CT_OBJECT || s->objects == ct_replay_objects_changed(c->reader->replay))
        return false;
    if (c->visited_count)
        memset(c->visited, 0, sizeof c->visited);
    c->visited_count = 0;
    return object_changed(c, &slot->value, s->event, 0, 0);
}
