/* Random event streams, written with the real writer, read back, and compared at every event with a model that is as simple as can be.
 *
 * The model holds every value as its encoded bytes. A snapshot is a text of bytes of the whole state; the reader's is made through replay.h
 * alone. Also: seeking anywhere gives the same snapshot as walking there, key states equal the states they stand for, and journals that were
 * changed behind the checksums never crash the reader.
 */
#include <signal.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <codetracer/record.h>
#include <codetracer/replay.h>

#include "check.h"
#include "failing_memory.h"
#include "journal/reader.h"
#include "journal_bytes.h"
#include "model/replay_check.h"

static char folder[] = "/tmp/ct-random-XXXXXX";
static char path[64], live_path[64];

static uint64_t random_state;

static uint32_t
draw(uint32_t limit) /* 0 … limit - 1 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % limit);
}

/* ---- the model ---- */

typedef struct mvalue { uint8_t at[CT_VALUE_MAX], size; } mvalue; /* size 0: unbound */

enum { CODES = 6, NAMES = 40, OBJECTS = 4000, ALIVE = 60, ITEMS = 600, ACTIVATIONS = 3000, THREADS = 4, DEPTH = 40, MAX_FIELDS = 3, CONTENTS = 50 };

typedef struct mobject {
    bool alive, unknown;
    uint64_t address, true_length, changed;
    uint32_t type, shape, item_count, field_count;
    uint8_t flags;
    mvalue payload, *items, fields[MAX_FIELDS];
} mobject;

typedef struct mbinding { uint32_t number; mvalue value; uint64_t changed; } mbinding;
typedef struct mactivation {
    bool alive, on_stack;
    uint32_t code;
    uint8_t flags;
    int64_t line;
    mbinding slots[NAMES], globals[NAMES]; /* bound ones, in the order in which they are shown */
    uint32_t slot_count, global_count;
} mactivation;
typedef struct mthread { bool alive; uint64_t system_id; uint32_t depth, stack[DEPTH]; } mthread;

static struct {
    mobject objects[OBJECTS];
    mactivation activations[ACTIVATIONS];
    mthread threads[THREADS];
    uint32_t order[THREADS]; /* of coming */
    uint32_t thread_count, current;
    uint32_t object_count, alive_count, activation_count;
    uint32_t dying; /* id + 1: died before the key state; its DIED comes with the next event */
    uint64_t events, steps;
    int64_t active; /* activation of the event, -1: none */
} m;

static const struct { uint32_t slots, first_line, flags; } CODE[CODES] = {{3, 5, 0}, {12, 100, 0}, {0, 1, CT_CODE_NAMESPACE}, {30, 7, CT_CODE_GENERATOR},
                                                                          {1, 9, 0}, {0, 2, CT_CODE_NAMESPACE | CT_CODE_MODULE}};
static const enum ct_look TYPES[] = {CT_LOOK_LIST, CT_LOOK_DICT, CT_LOOK_STRUCT, CT_LOOK_OPAQUE};

/* ---- snapshots ---- */

static void
snapshot_number(bytes *b, uint64_t number)
{
    put(b, &number, 8);
}

static void
snapshot_value(bytes *b, const mvalue *value)
{
    put_byte(b, value->size);
    put(b, value->at, value->size);
}

static void
snapshot_bindings(bytes *b, const mbinding *bindings, uint32_t count, bool changed)
{
    snapshot_number(b, count);
    for (uint32_t i = 0; i < count; i++) {
        snapshot_number(b, bindings[i].number);
        snapshot_value(b, &bindings[i].value);
        if (changed)
            snapshot_number(b, bindings[i].changed);
    }
}

static void
model_activation(bytes *b, uint32_t id, bool changed)
{
    const mactivation *a = &m.activations[id];
    snapshot_number(b, id);
    snapshot_number(b, a->code);
    put_byte(b, a->flags);
    put_byte(b, a->on_stack);
    snapshot_number(b, (uint64_t)a->line);
    snapshot_bindings(b, a->slots, a->slot_count, changed);
    snapshot_bindings(b, a->globals, a->global_count, changed);
}

static void
model_snapshot(bytes *b, bool changed)
{
    b->size = 0;
    for (uint32_t i = 0; i < m.object_count; i++) {
        const mobject *o = &m.objects[i];
        put_byte(b, o->alive);
        if (!o->alive)
            continue;
        uint64_t numbers[] = {o->address, o->true_length, o->type, o->shape, o->item_count, o->field_count, o->flags, o->unknown};
        put(b, numbers, sizeof numbers);
        snapshot_value(b, &o->payload);
        for (uint32_t j = 0; j < o->item_count; j++)
            snapshot_value(b, &o->items[j]);
        for (uint32_t j = 0; j < o->field_count; j++)
            snapshot_value(b, &o->fields[j]);
        if (changed)
            snapshot_number(b, o->changed);
    }
    for (uint32_t i = 0; i < m.thread_count; i++) {
        const mthread *t = &m.threads[m.order[i]];
        snapshot_number(b, m.order[i]);
        snapshot_number(b, t->system_id);
        for (uint32_t j = 0; j < t->depth; j++)
            model_activation(b, t->stack[j], changed);
    }
    put_byte(b, m.active >= 0);
    if (m.active >= 0)
        model_activation(b, (uint32_t)m.active, changed);
}

static void
replay_value(bytes *b, const ct_value *v)
{
    uint8_t at[CT_VALUE_MAX + 8], *end = at;
    if (v->content)
        end = ct_write_content(at, v->content - 1);
    else
        switch (v->kind) {
        case CT_UNBOUND: break;
        case CT_NONE: *end++ = CT_V_NONE; break;
        case CT_BOOL: *end++ = v->boolean ? CT_V_TRUE : CT_V_FALSE; break;
        case CT_ELLIPSIS: *end++ = CT_V_ELLIPSIS; break;
        case CT_NOTIMPLEMENTED: *end++ = CT_V_NOTIMPLEMENTED; break;
        case CT_REDACTED: *end++ = CT_V_REDACTED; break;
        case CT_DROPPED: *end++ = CT_V_DROPPED; break;
        case CT_INT: end = ct_write_int(at, v->integer); break;
        case CT_BIGINT: end = ct_write_bigint(at, v->negative, v->data.bytes, v->data.size); break;
        case CT_FLOAT: end = ct_write_float(at, v->number[0]); break;
        case CT_COMPLEX: end = ct_write_complex(at, v->number[0], v->number[1]); break;
        case CT_TEXT: end = ct_write_short_text(at, v->data.bytes, v->data.size); break;
        case CT_BYTES: end = ct_write_short_bytes(at, v->data.bytes, v->data.size); break;
        case CT_OBJECT: end = ct_write_object(at, v->object); break;
        }
    put_byte(b, (unsigned)(end - at));
    put(b, at, (size_t)(end - at));
}

static void
replay_slots(bytes *b, const ct_slot *slots, size_t count, bool changed)
{
    snapshot_number(b, count);
    for (size_t i = 0; i < count; i++) {
        snapshot_number(b, slots[i].number);
        replay_value(b, &slots[i].value);
        if (changed)
            snapshot_number(b, slots[i].changed);
    }
}

static void
replay_activation(bytes *b, const ct_activation *a, bool changed)
{
    snapshot_number(b, a->id);
    snapshot_number(b, a->code);
    put_byte(b, a->flags);
    put_byte(b, a->on_stack);
    snapshot_number(b, (uint64_t)a->line);
    replay_slots(b, a->slots, a->slot_count, changed);
    replay_slots(b, a->globals, a->global_count, changed);
}

static void
replay_snapshot(bytes *b, const ct_replay *replay, const ct_event *event, uint32_t objects, bool changed)
{
    b->size = 0;
    for (uint32_t i = 0; i < objects; i++) {
        const ct_object *o = ct_replay_object(replay, i);
        put_byte(b, o != NULL);
        if (!o)
            continue;
        uint64_t numbers[] = {o->address, o->true_length, o->type, o->shape, o->item_count, o->field_count, o->flags, o->items_unknown};
        put(b, numbers, sizeof numbers);
        replay_value(b, &o->payload);
        for (size_t j = 0; j < o->item_count; j++)
            replay_value(b, &o->items[j]);
        for (size_t j = 0; j < o->field_count; j++)
            replay_value(b, &o->fields[j]);
        if (changed)
            snapshot_number(b, o->changed);
    }
    for (size_t i = 0; i < ct_replay_thread_count(replay); i++) {
        const ct_thread *t = ct_replay_thread(replay, i);
        snapshot_number(b, t->number);
        snapshot_number(b, t->system_id);
        for (size_t j = 0; j < t->depth; j++)
            replay_activation(b, t->stack[j], changed);
    }
    put_byte(b, event->activation != NULL);
    if (event->activation)
        replay_activation(b, event->activation, changed);
}

/* ---- random programs ---- */

static ct_recording *r;

static void
write_bytes(const bytes *b)
{
    ct_room(r, b->size);
    ct_put_bytes(r, b->at, b->size);
}

static mvalue
random_value(void)
{
    mvalue v = {0};
    uint8_t text[24], *end = v.at;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)draw(256);
    switch (draw(12)) {
    case 0: *end++ = draw(3) ? (uint8_t)(CT_V_NONE + draw(5)) : (uint8_t)(CT_V_REDACTED + draw(2)); break;
    case 1:
    case 2: end = ct_write_int(v.at, (int64_t)draw(300) - 100); break;
    case 3: end = ct_write_int(v.at, (int64_t)(random_state * 7)); break;
    case 4: end = ct_write_bigint(v.at, draw(2), text, draw(CT_V_BIGINT_MAX + 1)); break;
    case 5: end = ct_write_float(v.at, draw(100) / 7.0); break;
    case 6: end = ct_write_complex(v.at, draw(100) / 7.0, -1.5); break;
    case 7: end = ct_write_short_bytes(v.at, text, draw(CT_V_BYTES_MAX + 1)); break;
    case 8:
    case 9: end = ct_write_short_text(v.at, text, draw(CT_V_TEXT_MAX + 1)); break;
    case 10: end = ct_write_object(v.at, draw(m.object_count + 3)); break;
    default: end = ct_write_content(v.at, draw(CONTENTS)); break;
    }
    v.size = (uint8_t)(end - v.at);
    return v;
}

static void
put_mvalue(bytes *b, const mvalue *value)
{
    if (value->size)
        put(b, value->at, value->size);
    else
        put_byte(b, CT_V_UNBOUND);
}

/* An OBJECT record for what the model has now. */
static void
put_object(bytes *b, uint32_t id, uint64_t *last_address, bool address)
{
    const mobject *o = &m.objects[id];
    unsigned flags = o->flags & ~(unsigned)CT_O_ADDRESS;
    put_byte(b, CT_R_OBJECT);
    put_varint(b, id);
    put_varint(b, o->type);
    put_byte(b, flags | (address ? CT_O_ADDRESS : 0));
    if (address) {
        put_svarint(b, (int64_t)(o->address - *last_address));
        *last_address = o->address;
    }
    if (flags & CT_O_PAYLOAD)
        put_mvalue(b, &o->payload);
    if (flags & CT_O_ITEMS) {
        put_varint(b, o->true_length);
        put_varint(b, o->item_count);
        for (uint32_t i = 0; i < o->item_count; i++)
            put_mvalue(b, &o->items[i]);
    }
    if (flags & CT_O_LENGTH)
        put_varint(b, o->true_length);
    if (flags & CT_O_FIELDS) {
        put_varint(b, o->shape);
        for (uint32_t i = 0; i < o->field_count; i++)
            put_mvalue(b, &o->fields[i]);
    }
}

static void
define_object(uint32_t id)
{
    mobject *o = &m.objects[id];
    bool known = o->alive;
    static bytes b;
    b.size = 0;
    if (!o->items)
        o->items = calloc(ITEMS, sizeof(mvalue));
    o->alive = true;
    o->type = draw(4);
    if (!known)
        o->address = 0x7f0000000000 + draw(1 << 30) * UINT64_C(16);
    o->flags = (uint8_t)(CT_O_ADDRESS | (draw(16) * 2 & (CT_O_PAYLOAD | CT_O_ITEMS | CT_O_FIELDS)));
    if (!(o->flags & CT_O_ITEMS) && draw(4) == 0)
        o->flags |= CT_O_LENGTH;
    o->unknown = o->flags & CT_O_LENGTH;
    o->payload = o->flags & CT_O_PAYLOAD ? random_value() : (mvalue){0};
    o->item_count = o->flags & CT_O_ITEMS ? draw(draw(10) ? 8 : 200) * 2 : 0;
    o->true_length = o->flags & (CT_O_ITEMS | CT_O_LENGTH) ? draw(1000) : 0;
    for (uint32_t i = 0; i < o->item_count; i++)
        o->items[i] = random_value();
    o->shape = o->flags & CT_O_FIELDS ? draw(3) : 0;
    o->field_count = o->flags & CT_O_FIELDS ? o->shape + 1 : 0;
    for (uint32_t i = 0; i < o->field_count; i++)
        o->fields[i] = draw(4) ? random_value() : (mvalue){0};
    o->changed = m.events;
    put_object(&b, id, &r->last_address, !known || draw(2));
    write_bytes(&b);
}

static void
splice(uint32_t id)
{
    mobject *o = &m.objects[id];
    static bytes b;
    uint32_t start = draw(o->item_count + 1), removed = draw(o->item_count - start + 1), added = draw(6);
    if ((removed + added) % 2)
        added++;
    if (o->item_count - removed + added > ITEMS)
        return;
    b.size = 0;
    put_byte(&b, CT_R_SPLICE);
    put_varint(&b, id);
    put_varint(&b, start);
    put_varint(&b, removed);
    put_varint(&b, added);
    memmove(o->items + start + added, o->items + start + removed, (o->item_count - start - removed) * sizeof *o->items);
    for (uint32_t i = 0; i < added; i++) {
        o->items[start + i] = random_value();
        put_mvalue(&b, &o->items[start + i]);
    }
    o->item_count = o->item_count - removed + added;
    o->true_length = draw(1000);
    put_varint(&b, o->true_length);
    o->changed = m.events;
    write_bytes(&b);
}

static void
change_object(void)
{
    if (!m.object_count)
        return;
    uint32_t id = m.object_count - 1 - draw(m.object_count < 100 ? m.object_count : 100);
    mobject *o = &m.objects[id];
    static bytes b;
    b.size = 0;
    if (!o->alive || m.dying == id + 1)
        return;
    switch (draw(8)) {
    case 0:
        define_object(id);
        return;
    case 1:
        for (uint32_t i = draw(m.object_count), n = 0; n < 50; i = (i + 1) % m.object_count, n++)
            if (m.objects[i].alive && m.dying != i + 1) {
                o = &m.objects[id = i]; /* also an old one */
                break;
            }
        put_byte(&b, CT_R_DIED);
        put_varint(&b, id);
        o->alive = false;
        m.alive_count--;
        break;
    case 2:
        put_byte(&b, CT_R_LENGTH);
        put_varint(&b, id);
        o->true_length = draw(5000);
        put_varint(&b, o->true_length);
        o->flags = (uint8_t)((o->flags & ~CT_O_ITEMS) | CT_O_LENGTH);
        o->unknown = true;
        o->item_count = 0;
        break;
    case 3:
    case 4:
        if (o->item_count) {
            uint32_t i = draw(o->item_count);
            o->items[i] = random_value();
            put_byte(&b, CT_R_ITEM);
            put_varint(&b, id);
            put_varint(&b, i);
            put_mvalue(&b, &o->items[i]);
            break;
        }
        return;
    case 5:
        if (o->field_count) {
            uint32_t i = draw(o->field_count);
            o->fields[i] = draw(4) ? random_value() : (mvalue){0};
            put_byte(&b, CT_R_FIELD);
            put_varint(&b, id);
            put_varint(&b, i);
            put_mvalue(&b, &o->fields[i]);
            break;
        }
        return;
    default:
        if (o->flags & CT_O_ITEMS)
            splice(id);
        return;
    }
    o->changed = m.events;
    write_bytes(&b);
}

/* Two or three objects, in any order of their ids. */
static void
new_objects(void)
{
    uint32_t first = m.object_count, count = draw(3) + 1;
    if (first + count > OBJECTS || m.alive_count > ALIVE)
        return;
    m.object_count += count;
    m.alive_count += count;
    if (draw(2))
        for (uint32_t i = 0; i < count; i++)
            define_object(first + i);
    else
        for (uint32_t i = count; i-- > 0;)
            define_object(first + i);
}

static void
bind(mbinding *bindings, uint32_t *count, uint32_t number, mvalue value, bool sorted)
{
    uint32_t i = 0;
    while (i < *count && bindings[i].number != number)
        i++;
    if (value.size == 0) {
        if (i < *count)
            memmove(&bindings[i], &bindings[i + 1], (--*count - i) * sizeof *bindings);
        return;
    }
    if (i == *count) {
        if (sorted)
            for (i = 0; i < *count && bindings[i].number < number;)
                i++;
        memmove(&bindings[i + 1], &bindings[i], (*count - i) * sizeof *bindings);
        ++*count;
    }
    bindings[i] = (mbinding){number, value, m.events};
}

static void
change_variable(void)
{
    static bytes b;
    mactivation *a = &m.activations[m.active];
    bool namespace = CODE[a->code].flags & CT_CODE_NAMESPACE, global = draw(6) == 0;
    uint32_t number = draw(namespace || global ? NAMES : CODE[a->code].slots);
    mvalue value = draw(6) ? random_value() : (mvalue){0};
    b.size = 0;
    if (!value.size && (draw(2) || global)) {
        put_byte(&b, global ? CT_R_GLOBAL_UNBIND : CT_R_UNBIND);
        put_varint(&b, number);
    }
    else {
        put_byte(&b, global ? CT_R_GLOBAL : draw(9) ? CT_R_SLOT_SHORT + number : CT_R_SLOT);
        if (b.at[0] < CT_R_SLOT_SHORT)
            put_varint(&b, number);
        put_mvalue(&b, &value);
    }
    if (global)
        bind(a->globals, &a->global_count, number, value, false);
    else
        bind(a->slots, &a->slot_count, number, value, !namespace);
    write_bytes(&b);
}

static void
write_key_state(void)
{
    static bytes b;
    uint64_t last = r->last_address;
    ct_segment_begin(r);
    b.size = 0;
    put_byte(&b, CT_R_KEY_BEGIN);
    put_varint(&b, m.activation_count);
    put_varint(&b, m.object_count);
    put_varint(&b, m.current);
    put_varint(&b, last);
    write_bytes(&b);
    for (uint32_t i = 0; i < m.activation_count; i++) {
        mactivation *a = &m.activations[i];
        if (!a->alive)
            continue;
        b.size = 0;
        put_byte(&b, CT_R_KEY_ACTIVATION);
        put_varint(&b, i);
        put_varint(&b, a->code);
        put_byte(&b, a->flags);
        put_varint(&b, (uint64_t)a->line);
        for (uint32_t j = 0; j < a->slot_count; j++) {
            put_byte(&b, CT_R_SLOT_SHORT + a->slots[j].number);
            put_mvalue(&b, &a->slots[j].value);
        }
        for (uint32_t j = 0; j < a->global_count; j++) {
            put_byte(&b, CT_R_GLOBAL);
            put_varint(&b, a->globals[j].number);
            put_mvalue(&b, &a->globals[j].value);
        }
        write_bytes(&b);
    }
    for (uint32_t i = 0; i < m.object_count; i++)
        if (m.objects[i].alive && m.dying != i + 1) {
            b.size = 0;
            put_object(&b, i, &r->last_address, true);
            write_bytes(&b);
        }
    for (uint32_t i = 0; i < m.thread_count; i++) {
        const mthread *t = &m.threads[m.order[i]];
        b.size = 0;
        put_byte(&b, CT_R_KEY_THREAD);
        put_varint(&b, m.order[i]);
        put_varint(&b, t->system_id);
        put_str(&b, "t");
        put_varint(&b, t->depth);
        for (uint32_t j = 0; j < t->depth; j++)
            put_varint(&b, t->stack[j]);
        write_bytes(&b);
    }
    b.size = 0;
    put_byte(&b, CT_R_KEY_END);
    write_bytes(&b);
    ct_segment_ready(r);
}

/* What the test keeps of each event. */
typedef struct expected { uint64_t hash, hash_changed, step; uint32_t objects; bool is_step; int64_t line; } expected;
static expected *seen;
static size_t seen_capacity;

static uint32_t
suspended_generator(void)
{
    for (uint32_t i = 0, start = draw(m.activation_count + 1); i < m.activation_count; i++) {
        uint32_t id = (start + i) % m.activation_count;
        if (m.activations[id].alive && !m.activations[id].on_stack)
            return id;
    }
    return UINT32_MAX;
}

static void
switch_thread(void)
{
    if (draw(8) == 0 && m.thread_count) {
        m.current = m.order[draw(m.thread_count)];
        ct_put_number(r, CT_R_THREAD, m.current);
    }
}

/* One event of the model; the record is written first, then its changes. Returns whether it was a step. */
static bool
random_event(void)
{
    static bytes b;
    mthread *t = &m.threads[m.current];
    mactivation *top = t->depth ? &m.activations[t->stack[t->depth - 1]] : NULL;
    uint32_t choice = draw(100), id;
    mvalue value = random_value();
    int64_t line = 0;
    bool ends = false, is_step = false;
    m.active = top ? (int64_t)t->stack[t->depth - 1] : -1;
    b.size = 0;
    if (!t->alive || (choice < 2 && m.thread_count < THREADS)) {
        uint32_t number = m.current;
        if (t->alive)
            for (number = 0; m.threads[number].alive;)
                number++;
        m.threads[number] = (mthread){.alive = true, .system_id = draw(1000)};
        m.order[m.thread_count++] = number;
        put_byte(&b, CT_R_THREAD_START);
        put_varint(&b, number);
        put_varint(&b, m.threads[number].system_id);
        put_str(&b, "t");
        m.active = -1;
    }
    else if (m.activation_count < ACTIVATIONS && (!top || (choice < 14 && t->depth < DEPTH))) {
        uint32_t code = draw(CODES);
        id = m.activation_count++;
        m.activations[id] = (mactivation){.alive = true, .on_stack = true, .code = code, .flags = (uint8_t)(draw(9) == 0), .line = CODE[code].first_line};
        t->stack[t->depth++] = id;
        put_byte(&b, CT_R_CALL);
        put_varint(&b, code);
        put_byte(&b, m.activations[id].flags);
        m.active = id;
    }
    else if (!top) { /* no more calls */
        RAW(&b, CT_R_GAP, 1);
        m.active = -1;
    }
    else if (choice < 20 && (id = suspended_generator()) != UINT32_MAX && t->depth < DEPTH) {
        if (choice == 14) {
            put_byte(&b, CT_R_ENDED);
            put_varint(&b, id);
            m.activations[id].alive = false;
        }
        else {
            put_byte(&b, choice < 18 ? CT_R_RESUME : CT_R_THROW);
            put_varint(&b, id);
            if (choice >= 18)
                put_mvalue(&b, &value);
            t->stack[t->depth++] = id;
            m.activations[id].on_stack = true;
        }
        m.active = id;
    }
    else if (choice < 32) {
        static const uint8_t TAGS[] = {CT_R_RETURN, CT_R_RETURN, CT_R_UNWIND, CT_R_LOST};
        uint8_t tag = CODE[top->code].flags & CT_CODE_GENERATOR && draw(5) ? CT_R_YIELD : TAGS[draw(4)];
        put_byte(&b, tag);
        if (tag != CT_R_LOST)
            put_mvalue(&b, &value);
        top->on_stack = false;
        ends = tag != CT_R_YIELD;
        t->depth--;
    }
    else if (choice < 36) {
        put_byte(&b, choice < 34 ? CT_R_RAISE : CT_R_HANDLED);
        put_mvalue(&b, &value);
        put_varint(&b, (uint64_t)(line = draw(1000)));
    }
    else if (choice == 36) {
        put_byte(&b, CT_R_OUTPUT);
        put_byte(&b, draw(3));
        put_str(&b, "some output of the program");
    }
    else if (choice == 37) {
        RAW(&b, CT_R_GAP, 1);
        m.active = -1;
    }
    else if (choice == 38 && m.thread_count > 1 && t->depth == 0) {
        put_byte(&b, CT_R_THREAD_EXIT);
        put_varint(&b, m.current);
        m.active = -1;
        /* gone from the next event on: see below */
    }
    else {
        int64_t difference = (int64_t)draw(80) - 20;
        if (top->line + difference < 0)
            difference = -top->line;
        top->line += difference;
        ct_put_step(r, difference);
        is_step = true;
    }
    if (b.size)
        write_bytes(&b);
    for (uint32_t changes = draw(draw(40) ? 5 : 60); changes-- > 0;) {
        uint32_t kind = draw(10);
        if (kind < 5 && m.active >= 0 && (CODE[m.activations[m.active].code].slots || CODE[m.activations[m.active].code].flags & CT_CODE_NAMESPACE))
            change_variable();
        else if (kind < 7)
            new_objects();
        else
            change_object();
    }
    if (ends)
        m.activations[m.active].alive = false;
    return is_step;
}

static void
note_event(bool is_step)
{
    static bytes b;
    if (m.events == seen_capacity) {
        seen_capacity = seen_capacity * 2 + 1024;
        seen = realloc(seen, seen_capacity * sizeof *seen);
    }
    expected *e = &seen[m.events];
    e->is_step = is_step;
    e->step = m.steps;
    e->objects = m.object_count;
    model_snapshot(&b, false);
    e->hash = XXH3_64bits(b.at, b.size);
    model_snapshot(&b, true);
    e->hash_changed = XXH3_64bits(b.at, b.size);
    m.events++;
    m.steps += is_step;
}

/* Records `events` random events; the journal is finished only if asked. */
static bool
record(uint64_t seed, uint64_t events, uint32_t block_size, uint64_t segment_bytes)
{
    ct_recording_options options = {.journal_path = path, .live_path = live_path, .block_size = block_size, .largest_record = 64 << 10,
                                    .queue_blocks = 16, .segment_bytes = segment_bytes, .seal_milliseconds = 60000};
    for (uint32_t i = 0; i < OBJECTS; i++)
        free(m.objects[i].items);
    memset(&m, 0, sizeof m);
    random_state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    unlink(path);
    unlink(live_path);
    ct_error error;
    if (ct_recording_open(&options, &r, &error) != CT_OK)
        return false;
    ct_define_path(r, "/f.py", 5);
    uint32_t names[NAMES];
    char name[8];
    for (uint32_t i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "n%u", i);
        names[i] = ct_define_name(r, name, strlen(name));
    }
    for (uint32_t i = 0; i < CODES; i++) {
        ct_code_slot slots[NAMES] = {{0}};
        for (uint32_t j = 0; j < CODE[i].slots; j++)
            slots[j].name = names[j + i];
        ct_define_code(r, &(ct_code_definition){.first_line = CODE[i].first_line, .qualified_name = "f", .qualified_name_size = 1, .module = "",
                                               .flags = CODE[i].flags, .slot_count = CODE[i].slots, .slots = slots});
    }
    for (uint32_t i = 0; i < 4; i++)
        ct_define_type(r, TYPES[i], 0, "T", 1);
    for (uint32_t i = 0; i < 3; i++)
        ct_define_shape(r, names, i + 1);
    for (uint32_t i = 0; i < CONTENTS; i++) {
        char text[64];
        snprintf(text, sizeof text, "a text that is too long to stand in place, number %u", i);
        ct_content(r, CT_CONTENT_TEXT, text, strlen(text), strlen(text));
    }
    write_key_state();
    bytes died = {0};
    while (m.events < events && !ct_recording_failed(r, NULL)) {
        if (r->wants_segment) {
            for (uint32_t i = 0; i < m.object_count && !m.dying; i++)
                if (m.objects[i].alive)
                    m.dying = i + 1;
            write_key_state();
        }
        ct_event_begin(r);
        switch_thread();
        bool is_step = random_event();
        if (m.dying && m.objects[m.dying - 1].alive) {
            died.size = 0;
            put_byte(&died, CT_R_DIED);
            put_varint(&died, m.dying - 1);
            write_bytes(&died);
            m.objects[m.dying - 1].alive = false;
            m.alive_count--;
        }
        m.dying = 0;
        ct_event_end(r);
        note_event(is_step);
    }
    free(died.at);
    return true;
}

/* ---- reading back ---- */

static ct_journal *journal;
static ct_replay *replay, *other;
static ct_error error;

static void
open_all(const char *name)
{
    journal = NULL;
    replay = other = NULL;
    CHECK_EQ_INT(ct_journal_open(name, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &other, &error), CT_OK);
    ct_replay_track_parts(replay); /* and not the other: the state is the same */
}

/* ---- which items and fields changed: against what each was at the event before, by hashes ---- */

static struct { uint64_t *items, *fields; size_t item_count, field_count; bool there; } known[OBJECTS];

static uint64_t *
hashes_of(const ct_value *values, size_t count)
{
    static bytes b;
    uint64_t *hashes = malloc((count + 1) * sizeof *hashes);
    for (size_t i = 0; i < count; i++) {
        b.size = 0;
        replay_value(&b, &values[i]);
        hashes[i] = XXH3_64bits(b.at, b.size);
    }
    return hashes;
}

static void
forget_parts(uint32_t i)
{
    free(known[i].items);
    free(known[i].fields);
    memset(&known[i], 0, sizeof known[i]);
}

/* What is not numbered with this event is what it was: at its place, or, where items came in between, in its order. */
static bool
parts_are_right(const ct_object *o, uint32_t i, const uint64_t *items, const uint64_t *fields, uint64_t event)
{
    if (o->reshaped > event || (o->item_count && !o->items_changed) || (o->field_count && !o->fields_changed))
        return false;
    if (o->reshaped == event)
        return true;
    if (!known[i].there || o->item_count < known[i].item_count || o->field_count < known[i].field_count)
        return false;
    bool in_place = o->item_count == known[i].item_count;
    size_t at = 0;
    for (size_t j = 0; j < o->item_count; j++) {
        if (o->items_changed[j] == event && o->changed == event) {
            at += in_place;
            continue;
        }
        while (!in_place && at < known[i].item_count && known[i].items[at] != items[j])
            at++;
        if (o->items_changed[j] >= event || at >= known[i].item_count || known[i].items[at++] != items[j])
            return false;
    }
    for (size_t j = 0; j < o->field_count; j++)
        if (o->fields_changed[j] != event && (o->fields_changed[j] > event || j >= known[i].field_count || known[i].fields[j] != fields[j]))
            return false;
    return true;
}

static bool
check_parts(uint32_t objects, uint64_t event)
{
    bool right = true;
    for (uint32_t i = 0; i < objects && right; i++) {
        const ct_object *o = ct_replay_object(replay, i);
        if (!o || (known[i].there && o->changed != event)) {
            if (!o)
                forget_parts(i);
            continue;
        }
        uint64_t *items = hashes_of(o->items, o->item_count), *fields = hashes_of(o->fields, o->field_count);
        right = parts_are_right(o, i, items, fields, event);
        forget_parts(i);
        known[i].items = items;
        known[i].fields = fields;
        known[i].item_count = o->item_count;
        known[i].field_count = o->field_count;
        known[i].there = true;
    }
    return right;
}

static void
close_all(void)
{
    ct_replay_free(replay);
    ct_replay_free(other);
    ct_journal_close(journal);
}

/* Walks to the end; every event must be as it was. */
static void
check_walk(uint64_t *walked, ct_code *end)
{
    static bytes b;
    const ct_event *event;
    *walked = 0;
    ct_replay_verify_keys(replay, true);
    while ((*end = ct_replay_next(replay, &event, &error)) == CT_OK) {
        CHECK(*walked < m.events);
        const expected *e = &seen[*walked];
        CHECK_EQ_UINT(event->number, *walked);
        CHECK_EQ_UINT(event->step, e->step);
        CHECK((event->kind == CT_EVENT_STEP) == e->is_step);
        replay_snapshot(&b, replay, event, e->objects, false);
        if (XXH3_64bits(b.at, b.size) != e->hash)
            CHECK_FAIL("another state at event %" PRIu64, *walked);
        replay_snapshot(&b, replay, event, e->objects, true);
        if (XXH3_64bits(b.at, b.size) != e->hash_changed)
            CHECK_FAIL("other numbers of changes at event %" PRIu64, *walked);
        if (!check_parts(e->objects, *walked))
            CHECK_FAIL("other parts changed at event %" PRIu64, *walked);
        ++*walked;
    }
    for (uint32_t i = 0; i < OBJECTS; i++)
        forget_parts(i);
}

static void
check_seeks(int count)
{
    static bytes b;
    const ct_event *event;
    uint64_t *steps = malloc((m.steps + 1) * sizeof *steps); /* event of each step */
    for (uint64_t i = 0; i < m.events; i++)
        if (seen[i].is_step)
            steps[seen[i].step] = i;
    uint64_t step = 0;
    for (int i = 0; i < count && m.steps; i++) {
        step = draw(3) ? draw((uint32_t)m.steps) : step + draw(5);
        if (step >= m.steps)
            step = 0;
        ct_code code = ct_replay_seek_step(other, step, &event, &error);
        if (code != CT_OK)
            fprintf(stderr, "step %" PRIu64 ": %s at %" PRIu64 "\n", step, error.message, error.position);
        const expected *e = &seen[steps[step]];
        const char *difference = "";
        if (code == CT_OK && i % 8 == 0) { /* also what replay.h does not show: the suspended */
            ct_replay *walking;
            const ct_event *at;
            code = ct_replay_new(journal, &walking, &error);
            for (uint64_t n = 0; code == CT_OK && n <= steps[step]; n++)
                code = ct_replay_next(walking, &at, &error);
            if (code == CT_OK && !ct_replay_same(walking, other, &difference)) {
                fprintf(stderr, "%s\n", difference);
                code = CT_E_CORRUPT;
            }
            ct_replay_free(walking);
        }
        if (code == CT_OK)
            replay_snapshot(&b, other, event, e->objects, false);
        if (code != CT_OK || event->number != steps[step] || XXH3_64bits(b.at, b.size) != e->hash) {
            free(steps);
            CHECK_FAIL("another state at step %" PRIu64, step);
        }
    }
    free(steps);
}

static void
reading_gives_back_what_was_written(void)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t walked;
        ct_code end;
        CHECK(record(seed, seed % 4 ? 1500 : 6000, seed % 3 ? 700 : 100000, seed % 3 ? 3000 : 20000));
        CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
        open_all(path);
        ct_journal_counts counts;
        ct_journal_count(journal, &counts);
        CHECK(counts.complete);
        CHECK_EQ_UINT(counts.events, m.events);
        CHECK_EQ_UINT(counts.steps, m.steps);
        check_walk(&walked, &end);
        if (end != CT_END)
            fprintf(stderr, "%s at %" PRIu64 "\n", error.message, error.position);
        CHECK_EQ_INT(end, CT_END);
        CHECK_EQ_UINT(walked, m.events);
        check_seeks(100);
        close_all();
        if (check_failed())
            CHECK_FAIL("of seed %" PRIu64, seed);
    }
}

/* While it is being recorded, and as a kill would leave it. */
static void
a_recording_not_finished_is_read_to_its_last_event(void)
{
    for (uint64_t seed = 30; seed < 50; seed++) {
        uint64_t walked;
        ct_code end;
        CHECK(record(seed, 20 + seed * 13, 700, 3000));
        open_all(folder);
        ct_journal_counts counts;
        ct_journal_count(journal, &counts);
        CHECK(!counts.complete);
        CHECK_EQ_UINT(counts.events, m.events);
        CHECK_EQ_UINT(counts.steps, m.steps);
        check_walk(&walked, &end);
        CHECK_EQ_INT(end, CT_END);
        CHECK_EQ_UINT(walked, m.events);
        check_seeks(10);
        close_all();
        CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
        if (check_failed())
            CHECK_FAIL("of seed %" PRIu64, seed);
    }
}

static uint8_t *
read_whole(size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert(file && fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    assert(data && fread(data, 1, *size, file) == *size);
    fclose(file);
    return data;
}

/* Damage anywhere: what is read is a prefix of what was written, then an end or an error. */
static void
damage_leaves_a_prefix(void)
{
    size_t size;
    CHECK(record(77, 250, 700, 3000));
    CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
    uint8_t *data = read_whole(&size);
    random_state = 4711;
    for (int i = 0; i < 800; i++) {
        size_t at = draw((uint32_t)size), length = size;
        uint8_t *copy = malloc(size);
        memcpy(copy, data, size);
        switch (i % 4) {
        case 0: copy[at] ^= (uint8_t)(1 + draw(255)); break;
        case 1: length = at; break;
        case 2: memset(copy + at, 0, size - at); break;
        default: memset(copy + at, 0xA5, size - at < 40 ? size - at : 40);
        }
        write_file(path, copy, length);
        free(copy);
        uint64_t walked;
        ct_code end = ct_journal_open(path, NULL, &journal, &error);
        if (end == CT_OK) {
            ct_journal_close(journal);
            open_all(path);
            check_walk(&walked, &end);
            close_all();
        }
        CHECK(end == CT_END || end == CT_E_CORRUPT || end == CT_E_VERSION);
        if (check_failed())
            CHECK_FAIL("of damage %d at %zu", i, at);
    }
    free(data);
}

/* Damage that the checksums do not see: payloads are changed and sealed again. Nothing is promised but that the reader survives. */
static void
nonsense_with_right_checksums_is_survived(void)
{
    CHECK(record(78, 500, 2000, 6000));
    CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
    open_all(path);
    ct_block_reader reader = {0};
    random_state = 815;
    char changed_path[80];
    snprintf(changed_path, sizeof changed_path, "%s/changed", folder);
    size_t size;
    uint64_t opened = 0, events = 0;
    uint8_t *data = read_whole(&size);
    for (int round = 0; round < 1200; round++) {
        journal_file f = {0};
        file_header(&f);
        for (size_t at = 64; at < size;) { /* block after block, decompressed */
            ct_block_entry entry = {.position = at + 80, .codec = data[at + 5], .stored = ct_load32(data + at + 8), .raw = ct_load32(data + at + 12),
                                    .checksum = ct_load64(data + at + 64), .limit = ct_load32(data + at + 12)};
            bytes raw = {0};
            size_t capacity = 0;
            CHECK_EQ_INT(ct_block_read(&reader, journal, &entry, &raw.at, &capacity, &error), CT_OK);
            raw.size = entry.raw;
            raw.capacity = capacity;
            unsigned changes = round % 3 ? draw(40) == 0 : draw(4);
            if (data[at + 4] == CT_BLOCK_DEFINITIONS && draw(6))
                changes = 0;
            for (; changes && raw.size; changes--) {
                size_t place = draw((uint32_t)raw.size);
                switch (draw(5)) {
                case 0: raw.at[place] = (uint8_t)draw(256); break;
                case 1: raw.at[place] ^= (uint8_t)(1 << draw(8)); break;
                case 2: raw.at[place] = 0xFF; break;
                case 3: memmove(raw.at + place, raw.at + place + 1, raw.size - place - 1), raw.size--; break;
                default: raw.size = place + 1;
                }
            }
            if (data[at + 4] == CT_BLOCK_END) { /* its offsets are others now */
                f.events = m.events;
                f.steps = m.steps;
                f.definitions = journal->definitions.count;
                f.contents = CONTENTS;
                if (round % 2)
                    end_block(&f);
                free(raw.at);
                break;
            }
            uint32_t boundary = draw(30) ? ct_load32(data + at + 56) : draw((uint32_t)raw.size + 1);
            add_block(&f, data[at + 4], ct_load16(data + at + 6), &raw, ct_load64(data + at + 32), ct_load64(data + at + 40), boundary);
            free(raw.at);
            at += 80 + entry.stored;
        }
        write_file(changed_path, f.b.at, f.b.size);
        free_file(&f);
        ct_journal *changed;
        if (ct_journal_open(changed_path, NULL, &changed, &error) == CT_OK) {
            ct_replay *reading;
            const ct_event *event;
            static bytes b;
            CHECK_EQ_INT(ct_replay_new(changed, &reading, &error), CT_OK);
            ct_replay_verify_keys(reading, round % 2);
            opened++;
            for (; ct_replay_next(reading, &event, &error) == CT_OK; events++)
                if (event->number % 16 == 0)
                    replay_snapshot(&b, reading, event, 300, true);
            for (int i = 0; i < 10; i++)
                if (ct_replay_seek_step(reading, draw((uint32_t)m.steps), &event, &error) == CT_OK)
                    replay_snapshot(&b, reading, event, 300, true);
            for (uint64_t i = 0; i < CONTENTS; i++)
                ct_replay_resolve(reading, &(ct_value){.content = i + 1}, &error);
            ct_text text;
            ct_journal_source(changed, 0, &text, &error);
            ct_replay_free(reading);
            ct_journal_close(changed);
        }
    }
    unlink(changed_path);
    ct_block_reader_free(&reader);
    free(data);
    close_all();
    CHECK(opened > 600); /* else this shows nothing */
    CHECK(events > 600 * 100);
}

/* ---- while it is being written, and after a kill ---- */

/* In a child: steps whose slot 0 is their number; now and then a new content, a new name as a global, an event longer than a block. */
static void
record_until_killed(void)
{
    ct_recording_options options = {.journal_path = path, .live_path = live_path, .block_size = 3000, .segment_bytes = 60000, .seal_milliseconds = 5};
    uint8_t value[CT_VALUE_MAX];
    char text[64];
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the test */
#endif
    if (ct_recording_open(&options, &r, &error) != CT_OK)
        _exit(1);
    ct_define_path(r, "/f.py", 5);
    ct_code_slot slots[2] = {{ct_define_name(r, "i", 1), 0}, {0, 0}};
    ct_define_code(r, &(ct_code_definition){.first_line = 1, .qualified_name = "f", .qualified_name_size = 1, .module = "", .slot_count = 2, .slots = slots});
    uint64_t content = 0;
    for (uint64_t i = 0;; i++) {
        if (i == 0 || r->wants_segment) {
            bytes b = {0};
            ct_segment_begin(r);
            RAW(&b, CT_R_KEY_BEGIN, 1, 0, 0, 0);
            if (i == 0)
                b.at[1] = 0;
            else {
                RAW(&b, CT_R_KEY_ACTIVATION, 0, 0, 0, 1, CT_R_SLOT_SHORT);
                put(&b, value, (size_t)(ct_write_int(value, (int64_t)i - 1) - value));
                put_byte(&b, CT_R_SLOT_SHORT + 1);
                put(&b, value, (size_t)(ct_write_content(value, content) - value));
                RAW(&b, CT_R_KEY_THREAD, 0, 0, 0, 1, 0);
            }
            put_byte(&b, CT_R_KEY_END);
            write_bytes(&b);
            free(b.at);
            ct_segment_ready(r);
        }
        if (i == 0) {
            ct_event_begin(r);
            ct_put_call(r, 0, 0);
            ct_event_end(r);
        }
        ct_event_begin(r);
        ct_put_step(r, 0);
        ct_put_slot(r, 0, value, (size_t)(ct_write_int(value, (int64_t)i) - value));
        if (i % 50 == 0) {
            snprintf(text, sizeof text, "a text too long to stand in place %llu", (unsigned long long)i);
            content = ct_content(r, CT_CONTENT_TEXT, text, strlen(text), strlen(text));
            ct_put_slot(r, 1, value, (size_t)(ct_write_content(value, content) - value));
        }
        if (i % 77 == 0) {
            uint32_t name = ct_define_name(r, text, (size_t)snprintf(text, sizeof text, "g%llu", (unsigned long long)i));
            ct_room(r, 64);
            *r->cursor++ = CT_R_GLOBAL;
            r->cursor = ct_write_varint(r->cursor, name);
            *r->cursor++ = CT_V_NONE;
            ct_room(r, 64);
            *r->cursor++ = CT_R_GLOBAL_UNBIND;
            r->cursor = ct_write_varint(r->cursor, name);
        }
        for (int j = 0; i % 501 == 0 && j < 800; j++) {
            ct_room(r, 64);
            ct_put_slot(r, 0, value, (size_t)(ct_write_int(value, (int64_t)(i + (j < 799))) - value));
            ct_room(r, 64);
            ct_put_slot(r, 0, value, (size_t)(ct_write_int(value, (int64_t)i) - value));
        }
        ct_event_end(r);
        if (i % 32 == 0)
            usleep(50); /* so that reading keeps up */
    }
}

static void
check_growing(uint64_t *steps)
{
    const ct_event *event;
    ct_code code;
    open_all(folder);
    while ((code = ct_replay_next(replay, &event, &error)) == CT_OK) {
        if (event->kind != CT_EVENT_STEP)
            continue;
        CHECK_EQ_INT(event->activation->slots[0].value.integer, event->step);
        CHECK_EQ_UINT(event->activation->slot_count, 2);
        CHECK_EQ_UINT(event->activation->global_count, 0);
        if (event->step % 50 == 0 || event->step % 333 == 0) {
            char text[64];
            ct_value value = event->activation->slots[1].value;
            snprintf(text, sizeof text, "a text too long to stand in place %llu", (unsigned long long)(event->step / 50 * 50));
            CHECK_EQ_INT(ct_replay_resolve(replay, &value, &error), CT_OK);
            CHECK_MEM(value.data.bytes, value.data.size, text, strlen(text));
        }
    }
    if (code != CT_END)
        fprintf(stderr, "%s at %" PRIu64 "\n", error.message, error.position);
    CHECK_EQ_INT(code, CT_END);
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    *steps = counts.steps;
    close_all();
}

static void
a_recording_is_read_while_it_is_written_and_after_a_kill(void)
{
    for (int round = 0; round < 5; round++) {
        unlink(path);
        unlink(live_path);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            record_until_killed();
        while (access(live_path, F_OK) != 0)
            usleep(100);
        uint64_t steps = 0, before = 0;
        usleep(20000);
        for (int i = 0; i < 8 && !check_failed(); i++) {
            before = steps;
            check_growing(&steps);
            if (!check_failed() && steps < before)
                check_report_(__FILE__, __LINE__, "%" PRIu64 " steps after %" PRIu64, steps, before);
            usleep(500 * (useconds_t)(i + round));
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (check_failed())
            return;
        before = steps;
        check_growing(&steps);
        CHECK(steps >= before && steps > 0);
    }
}

/* ---- no memory ---- */

static ct_code
read_all(const ct_allocator *allocator, ct_journal **opened, ct_replay **reading, uint64_t *events)
{
    const ct_event *event;
    ct_code code;
    *events = 0;
    CT_TRY(ct_journal_open(folder, allocator, opened, &error));
    CT_TRY(ct_replay_new(*opened, reading, &error));
    ct_replay_track_parts(*reading);
    ct_replay_verify_keys(*reading, true);
    while ((code = ct_replay_next(*reading, &event, &error)) == CT_OK)
        ++*events;
    if (code != CT_END)
        return code;
    for (uint64_t i = 0; i < CONTENTS; i++)
        CT_TRY(ct_replay_resolve(*reading, &(ct_value){.content = i + 1}, &error));
    CT_TRY(ct_replay_seek_step(*reading, m.steps / 2, &event, &error));
    return CT_OK;
}

/* The n-th allocation and all behind it fail: the reader says so, gives everything back, and a replay can be used again. */
static void
any_allocation_may_fail(void)
{
    CHECK(record(79, 300, 700, 3000)); /* not finished: the live file is read too */
    for (long n = 0;; n++) {
        failing_memory memory;
        ct_journal *opened = NULL;
        ct_replay *reading = NULL;
        const ct_event *event;
        uint64_t events;
        const ct_allocator *allocator = failing_memory_start(&memory, n);
        memory.all_behind = true;
        ct_code code = read_all(allocator, &opened, &reading, &events);
        bool failed = memory.failed;
        memory.left = LONG_MAX;
        CHECK_EQ_INT(code, failed ? CT_E_NOMEM : CT_OK);
        if (reading) {
            CHECK_EQ_INT(ct_replay_seek_step(reading, m.steps / 3, &event, &error), CT_OK);
            CHECK_EQ_UINT(event->step, m.steps / 3);
        }
        ct_replay_free(reading);
        ct_journal_close(opened);
        CHECK_EQ_INT(memory.live, 0);
        if (!failed)
            break;
    }
    CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/journal.ctj", folder);
    snprintf(live_path, sizeof live_path, "%s/journal.live", folder);
    RUN(reading_gives_back_what_was_written);
    RUN(a_recording_not_finished_is_read_to_its_last_event);
    RUN(damage_leaves_a_prefix);
    RUN(nonsense_with_right_checksums_is_survived);
    RUN(any_allocation_may_fail);
    RUN(a_recording_is_read_while_it_is_written_and_after_a_kill);
    unlink(path);
    unlink(live_path);
    rmdir(folder);
    for (uint32_t i = 0; i < OBJECTS; i++)
        free(m.objects[i].items);
    free(seen);
    return check_summary();
}
