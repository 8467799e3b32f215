/* Which names changed since an activation's step before. Kept per activation that is alive: the number of that step's event, and the names bound there.
 *
 * Invariant: what is kept of an activation is of its last step that was passed; a value changed when the replay says that its slot, or an object within the
 * recording's depth of it, changed at a later event.
 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

typedef struct seen {
    uint64_t activation, event, objects;
    uint32_t *names;              /* bound then: locals, then globals */
    size_t count, room;
    bool used, stepped;           /* stepped: false: only its call was passed */
} seen;

typedef struct visited { uint64_t id; uint32_t containers, attributes; bool used; } visited;

struct changes {
    seen *table;                  /* open addressing; room is a power of two */
    size_t room, count;
    visited *visited;             /* objects looked at for one name, and how near to it */
    size_t visited_room, visited_count;
};

static size_t
place_of(uint64_t key, size_t room)
{
    return (size_t)((key + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 24) & (room - 1);
}

changes *
changes_new(void)
{
    return calloc(1, sizeof(changes));
}

void
changes_forget(changes *c)
{
    for (size_t i = 0; i < c->room; i++)
        free(c->table[i].names);
    free(c->table);
    c->table = NULL;
    c->room = c->count = 0;
}

void
changes_free(changes *c)
{
    if (!c)
        return;
    changes_forget(c);
    free(c->visited);
    free(c);
}

static seen *
find(const changes *c, uint64_t activation)
{
    for (size_t i = c->room ? place_of(activation, c->room) : 0; c->room && c->table[i].used; i = (i + 1) & (c->room - 1))
        if (c->table[i].activation == activation)
            return &c->table[i];
    return NULL;
}

static seen *
insert(seen *table, size_t room, const seen *entry)
{
    size_t i = place_of(entry->activation, room);
    while (table[i].used)
        i = (i + 1) & (room - 1);
    table[i] = *entry;
    return &table[i];
}

static seen *
find_or_add(changes *c, uint64_t activation)
{
    seen *found = find(c, activation);
    if (found)
        return found;
    if (c->count * 2 >= c->room) {
        size_t room = c->room ? c->room * 2 : 64;
        seen *table = calloc(room, sizeof *table);
        if (!table)
            return NULL;
        for (size_t i = 0; i < c->room; i++)
            if (c->table[i].used)
                insert(table, room, &c->table[i]);
        free(c->table);
        c->table = table;
        c->room = room;
    }
    c->count++;
    return insert(c->table, c->room, &(seen){.activation = activation, .used = true});
}

static void
forget_one(changes *c, uint64_t activation)
{
    seen *s = find(c, activation);
    if (!s)
        return;
    free(s->names);
    size_t hole = (size_t)(s - c->table), mask = c->room - 1;
    c->table[hole] = (seen){0};
    c->count--;
    /* Close the gap: what stands behind it may have been put there only because this place was taken. */
    for (size_t i = (hole + 1) & mask; c->table[i].used; i = (i + 1) & mask) {
        size_t wanted = place_of(c->table[i].activation, c->room);
        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            c->table[hole] = c->table[i];
            c->table[i] = (seen){0};
            hole = i;
        }
    }
}

bool
changes_pass(changes *c, const ct_replay *replay, const ct_event *event)
{
    const ct_activation *a = event->activation;
    switch (event->kind) {
    case CT_EVENT_CALL:
        return find_or_add(c, a->id) != NULL;
    case CT_EVENT_RETURN: case CT_EVENT_UNWIND: case CT_EVENT_LOST: case CT_EVENT_ENDED:
        forget_one(c, a->id);
        return true;
    case CT_EVENT_STEP:
        break;
    default:
        return true;
    }
    seen *s = find_or_add(c, a->id);
    size_t count = a->slot_count + a->global_count;
    if (s && count > s->room) {
        uint32_t *names = realloc(s->names, (count + count / 2) * sizeof *names);
        if (!names)
            return false;
        s->names = names;
        s->room = count + count / 2;
    }
    if (!s)
        return false;
    s->event = event->number;
    s->objects = ct_replay_objects_changed(replay);
    s->stepped = true;
    s->count = count;
    for (size_t i = 0; i < count; i++)
        s->names[i] = i < a->slot_count ? a->slots[i].name : a->globals[i - a->slot_count].name;
    return true;
}

/* ---- objects ---- */

typedef struct walk { changes *changes; journal_object *journal; const ct_replay *replay; uint64_t since; bool no_memory; } walk;

/* Whether the walk has to look at this object: it was not met as near before. */
static bool
visit(walk *w, uint64_t id, uint32_t containers, uint32_t attributes)
{
    changes *c = w->changes;
    if (c->visited_count * 2 >= c->visited_room) {
        size_t room = c->visited_room ? c->visited_room * 2 : 64;
        visited *table = calloc(room, sizeof *table);
        if (!table) {
            w->no_memory = true;
            return false;
        }
        for (size_t i = 0; i < c->visited_room; i++) {
            size_t j = place_of(c->visited[i].id, room);
            while (c->visited[i].used && table[j].used)
                j = (j + 1) & (room - 1);
            if (c->visited[i].used)
                table[j] = c->visited[i];
        }
        free(c->visited);
        c->visited = table;
        c->visited_room = room;
    }
    size_t i = place_of(id, c->visited_room);
    for (; c->visited[i].used; i = (i + 1) & (c->visited_room - 1)) {
        visited *v = &c->visited[i];
        if (v->id != id)
            continue;
        if (v->containers <= containers && v->attributes <= attributes)
            return false;
        if (containers < v->containers)
            v->containers = containers;
        if (attributes < v->attributes)
            v->attributes = attributes;
        return true;
    }
    c->visited[i] = (visited){id, containers, attributes, true};
    c->visited_count++;
    return true;
}

/* No deeper than the limits allow, both at most DEEPEST. */
static bool
object_changed(walk *w, const ct_value *value, uint32_t containers, uint32_t attributes)
{
    if (value->kind != CT_OBJECT || !visit(w, value->object, containers, attributes))
        return false;
    const ct_object *o = ct_replay_object(w->replay, value->object);
    const ct_type_info *type = o ? ct_journal_type(w->journal->trace->journal, o->type) : NULL;
    if (!type)
        return false;
    bool container = type->look >= CT_LOOK_LIST && type->look <= CT_LOOK_SET;
    if ((container && containers >= w->journal->container_limit) || (type->look == CT_LOOK_STRUCT && attributes >= w->journal->attribute_limit))
        return false;
    if (o->changed > w->since)
        return true;
    for (size_t i = 0; i < o->item_count && !o->items_unknown; i++)
        if (object_changed(w, &o->items[i], containers + 1, attributes))
            return true;
    for (size_t i = 0; i < o->field_count && attributes < w->journal->attribute_limit; i++)
        if (object_changed(w, &o->fields[i], containers, attributes + 1))
            return true;
    return false;
}

static bool
slot_changed(walk *w, const seen *s, const ct_slot *slot)
{
    if (!s->stepped || slot->changed > s->event)
        return true;
    if (slot->value.kind != CT_OBJECT || s->objects == ct_replay_objects_changed(w->replay))
        return false;
    if (w->changes->visited_count)
        memset(w->changes->visited, 0, w->changes->visited_room * sizeof *w->changes->visited);
    w->changes->visited_count = 0;
    return object_changed(w, &slot->value, 0, 0);
}

static const ct_slot *
bound_at(const ct_activation *a, size_t i)
{
    return i < a->slot_count ? &a->slots[i] : &a->globals[i - a->slot_count];
}

static int
append_name(PyObject *list, journal_object *journal, uint32_t name)
{
    PyObject *text = journal_name(journal, name);
    int done = text ? PyList_Append(list, text) : -1;
    Py_XDECREF(text);
    return done;
}

PyObject *
changes_at(changes *c, journal_object *journal, const ct_replay *replay, const ct_activation *a)
{
    const seen *s = find(c, a->id);
    if (!s)
        Py_RETURN_NONE;
    walk w = {c, journal, replay, s->event, false};
    PyObject *list = PyList_New(0);
    int done = list ? 0 : -1;
    for (size_t i = 0; done == 0 && i < a->slot_count + a->global_count; i++) {
        const ct_slot *slot = bound_at(a, i);
        if (slot_changed(&w, s, slot))
            done = append_name(list, journal, slot->name);
    }
    /* Those that are bound no more. Both are in the same order but for what was bound anew, so the search begins behind the last one found. */
    size_t bound = a->slot_count + a->global_count, next = 0;
    for (size_t i = 0; done == 0 && i < s->count; i++) {
        size_t tried = 0;
        while (tried < bound && bound_at(a, (next + tried) % bound)->name != s->names[i])
            tried++;
        if (tried < bound)
            next = (next + tried + 1) % bound;
        else
            done = append_name(list, journal, s->names[i]);
    }
    if (done == 0 && w.no_memory) {
        PyErr_NoMemory();
        done = -1;
    }
    PyObject *names = done == 0 ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return names;
}
