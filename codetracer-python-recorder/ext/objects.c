/* The object table: which objects the journal knows, and what it says of each.
 *
 * A record belongs to one object for as long as that lives (lifetime.c tells of its death) and holds the encoded state that was written last. A
 * visit encodes the object as it is now (object_state.c) and writes what differs. Finding changes this way, by looking at everything that can be reached from
 * the snapshot within the depth limits, needs no assumption about who may have changed what: it is the reference for any faster way.
 *
 * Invariant: after object_visit(record, containers, attributes) and objects_look(), every object within those limits has a record whose state is what the
 * journal says, and the journal says what is in memory.
 */
#include "recorder.h"

#include <stdlib.h>

/* ---- records: in slabs, used again ---- */

enum { SLAB_RECORDS = 64, STATE_KEPT = 256, WORDS_KEPT = 32, MOST_PATCHES = 64 };
typedef struct record_slab { struct record_slab *next; object_record records[SLAB_RECORDS]; } record_slab;

static object_record *
record_new(recorder *r)
{
    if (r->free_records == NULL) {
        record_slab *slab = calloc(1, sizeof *slab);
        if (slab == NULL)
            return NULL;
        slab->next = r->slabs;
        r->slabs = slab;
        for (size_t i = SLAB_RECORDS; i-- > 0;) {
            slab->records[i].block = r->free_records;
            r->free_records = &slab->records[i];
        }
    }
    object_record *record = r->free_records;
    r->free_records = record->block;
    return record;
}

/* Small memory of the record stays for the next one. */
void
object_record_free(recorder *r, object_record *record)
{
    object_record kept = {.block = r->free_records};
    if (record->state_capacity <= STATE_KEPT) {
        kept.state = record->state;
        kept.state_capacity = record->state_capacity;
    }
    else
        free(record->state);
    free(record->patches);
    image_drop(r, record);
    if (record->word_capacity <= WORDS_KEPT && record->child_capacity <= WORDS_KEPT) {
        kept.words = record->words;
        kept.held = record->held;
        kept.children = record->children;
        kept.word_capacity = record->word_capacity;
        kept.child_capacity = record->child_capacity;
    }
    else
        image_free(r, record);
    *record = kept;
    r->free_records = record;
}

/* obj.__class__ = Other: the same object, read in another way from now on. False: no memory. */
static bool
read_as_its_type(recorder *r, object_record *record)
{
    type_info *type = type_info_of(r, Py_TYPE(record->object));
    if (type == NULL)
        return false;
    record->type = type;
    record->has_state = record->settled = false;
    return true;
}

object_record *
object_find_or_new(recorder *r, PyObject *object)
{
    object_record *record = pointer_map_get(&r->objects, object);
    if (record && record->type->type == Py_TYPE(object))
        return record;
    if (record)
        return read_as_its_type(r, record) ? record : NULL;
    type_info *type = type_info_of(r, Py_TYPE(object));
    if (type == NULL)
        return NULL;
    record = record_new(r);
    if (record == NULL || !pointer_map_set(&r->objects, object, record)) {
        if (record)
            object_record_free(r, record);
        r->no_memory = true;
        return NULL;
    }
    record->object = object;
    record->block = (char *)object - ct_size_before(type->type);
    record->type = type;
    record->id = r->object_count++;
    record->length = -1;
    lifetime_watch(record->block);
    return record;
}

/* ---- writing what differs ---- */

static size_t
value_size(const uint8_t *at)
{
    const uint8_t *start = at;
    uint8_t tag = *at++;
    if (tag >= CT_V_TEXT)
        return 1 + (size_t)(tag - CT_V_TEXT);
    switch (tag) {
    case CT_V_INT: case CT_V_OBJECT: case CT_V_CONTENT:
        while (*at++ & 0x80)
            ;
        return (size_t)(at - start);
    case CT_V_BIGINT: return 3 + (size_t)at[1];
    case CT_V_FLOAT: return 9;
    case CT_V_COMPLEX: return 17;
    case CT_V_BYTES: return 2 + (size_t)at[0];
    default: return 1;
    }
}

static uint64_t
read_varint(const uint8_t **at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

static void
put_item(ct_recording *out, enum ct_record record, uint64_t id, uint64_t index, const uint8_t *value, size_t size)
{
    ct_room(out, 0);
    uint8_t *at = out->cursor;
    *at++ = (uint8_t)record;
    at = ct_write_varint(at, id);
    at = ct_write_varint(at, index);
    memcpy(at, value, size);
    out->cursor = at + size;
}

/* Element by element: a few single changes, or one run replaced by another. False: write the whole state. */
static bool
put_difference(recorder *r, object_record *record, const uint8_t *now, size_t now_size, uint8_t flags)
{
    ct_recording *out = r->out;
    if (flags != record->flags || (flags != CT_O_ITEMS && flags != CT_O_FIELDS))
        return false;
    const uint8_t *old = record->state, *old_end = record->state + record->state_size, *now_end = now + now_size;
    uint64_t first_old = read_varint(&old), first_now = read_varint(&now); /* shape, or true length */
    uint64_t old_count = 0, now_count = 0;
    if (flags == CT_O_ITEMS) {
        old_count = read_varint(&old);
        now_count = read_varint(&now);
    }
    else if (first_old != first_now)
        return false;

    const uint8_t *a = old, *b = now;
    if (flags == CT_O_FIELDS || (old_count == now_count && first_old == first_now)) {
        struct { uint64_t index; const uint8_t *value; size_t size; } changes[MOST_SINGLE_CHANGES];
        size_t count = 0;
        for (uint64_t i = 0; a < old_end && b < now_end; i++) {
            size_t a_size = value_size(a), b_size = value_size(b);
            if (a_size != b_size || memcmp(a, b, a_size) != 0) {
                if (count == MOST_SINGLE_CHANGES)
                    return false;
                changes[count].index = i;
                changes[count].value = b;
                changes[count++].size = b_size;
            }
            a += a_size;
            b += b_size;
        }
        for (size_t i = 0; i < count; i++)
            put_item(out, flags == CT_O_FIELDS ? CT_R_FIELD : CT_R_ITEM, record->id, changes[i].index, changes[i].value, changes[i].size);
        return true;
    }
    /* Lengths differ: skip what is equal at the beginning; what is equal at the end by bytes, if that falls on element boundaries. */
    uint64_t start = 0;
    while (a < old_end && b < now_end) {
        size_t a_size = value_size(a);
        if (a_size != value_size(b) || memcmp(a, b, a_size) != 0)
            break;
        a += a_size;
        b += a_size;
        start++;
    }
    size_t equal = 0, most = (size_t)(old_end - a) < (size_t)(now_end - b) ? (size_t)(old_end - a) : (size_t)(now_end - b);
    while (equal < most && old_end[-1 - (ptrdiff_t)equal] == now_end[-1 - (ptrdiff_t)equal])
        equal++;
    /* The replaced run ends, in both, at the first element that lies wholly within the equal bytes. */
    const uint8_t *a_stop = a, *b_stop = b;
    uint64_t removed = 0, added = 0;
    while (a_stop < old_end && (size_t)(old_end - a_stop) > equal) {
        a_stop += value_size(a_stop);
        removed++;
    }
    while (b_stop < now_end && (size_t)(now_end - b_stop) > equal) {
        b_stop += value_size(b_stop);
        added++;
    }
    while (old_end - a_stop != now_end - b_stop) { /* not on the same boundary: take more until it is */
        if (old_end - a_stop > now_end - b_stop) {
            a_stop += value_size(a_stop);
            removed++;
        }
        else {
            b_stop += value_size(b_stop);
            added++;
        }
    }
    size_t bytes = (size_t)(b_stop - b);
    if (bytes > now_size / 2 && bytes > 64)
        return false;
    ct_room(out, bytes + 64);
    uint8_t *at = out->cursor;
    *at++ = CT_R_SPLICE;
    at = ct_write_varint(at, record->id);
    at = ct_write_varint(at, start);
    at = ct_write_varint(at, removed);
    at = ct_write_varint(at, added);
    memcpy(at, b, bytes);
    out->cursor = ct_write_varint(at + bytes, first_now);
    return true;
}

/* An OBJECT record: `flags` says what `state` holds; its address is written the first time, and in key states. */
static void
put_object(recorder *r, object_record *record, uint8_t flags, const uint8_t *state, size_t size, bool with_address)
{
    ct_recording *out = r->out;
    record->type_written = record->type->id;
    ct_room(out, size + 64);
    uint8_t *at = out->cursor;
    *at++ = CT_R_OBJECT;
    at = ct_write_varint(at, record->id);
    at = ct_write_varint(at, record->type->id);
    *at++ = (uint8_t)(flags | (with_address ? CT_O_ADDRESS : 0));
    if (with_address) {
        uint64_t address = (uint64_t)(uintptr_t)record->object;
        at = ct_write_svarint(at, (int64_t)(address - out->last_address));
        out->last_address = address;
    }
    if (size)
        memcpy(at, state, size);
    out->cursor = at + size;
}

/* Beyond the depth limit: the object's type and address, of a container its length. A LENGTH record leaves the fields of a container's subclass as they are, which
 * nobody looks at here: with fields an OBJECT record says that only the length is known, as a key state does. */
static void
visit_outside(recorder *r, object_record *record, Py_ssize_t length)
{
    uint8_t bytes[10];
    size_t size = length < 0 ? 0 : (size_t)(ct_write_varint(bytes, (uint64_t)length) - bytes);
    bool forgets_fields = length >= 0 && record->length != length && record->flags & CT_O_FIELDS;
    if (!record->announced || record->type_written != record->type->id || forgets_fields) {
        put_object(r, record, length < 0 ? 0 : CT_O_LENGTH, bytes, size, !record->announced);
        r->changes++;
        r->cut_depth += !record->announced;
        record->announced = true;
        record->has_state = false;
        record->flags = length < 0 ? 0 : CT_O_LENGTH;
        image_drop(r, record);
    }
    else if (record->length != length) {
        ct_room(r->out, 0);
        r->changes++;
        ct_put_number(r->out, CT_R_LENGTH, record->id);
        ct_put_bytes(r->out, bytes, size);
        record->has_state = false;
    }
    record->length = length;
}

static bool
keep_state(recorder *r, object_record *record, const uint8_t *state, size_t size, uint8_t flags)
{
    if (size > record->state_capacity) {
        size_t capacity = size + size / 8;
        uint8_t *bytes = realloc(record->state, capacity);
        if (bytes == NULL) {
            r->no_memory = true;
            return false;
        }
        record->state = bytes;
        record->state_capacity = (uint32_t)capacity;
    }
    if (size)
        memcpy(record->state, state, size);
    record->state_size = (uint32_t)size;
    record->patch_count = record->patch_size = 0;
    record->flags = flags;
    record->has_state = true;
    return true;
}

/* What is hidden in the state that was written just now, and was not in the one before. */
static void
count_hidden(recorder *r, object_record *record)
{
    for (int i = 0; i < HIDDEN_IN_OBJECTS; i++) {
        if (r->state_hidden[i] > record->hidden_values[i])
            r->hidden[HIDDEN_ITEMS + i] += (uint64_t)(r->state_hidden[i] - record->hidden_values[i]);
        record->hidden_values[i] = r->state_hidden[i];
    }
}

/* ---- patches: a few elements of a state that were written since ----
 *
 * In place they would have to be found in the state, and what is behind them moved. So they are kept beside it, and put in when there are many or the state is asked for.
 */

static bool
add_patch(recorder *r, object_record *record, uint32_t index, const uint8_t *value, size_t size)
{
    size_t needed = record->patch_size + 10 + size;
    if (needed > record->patch_capacity) {
        size_t capacity = needed * 2;
        uint8_t *bytes = realloc(record->patches, capacity);
        if (bytes == NULL) {
            r->no_memory = true;
            return false;
        }
        record->patches = bytes;
        record->patch_capacity = (uint32_t)capacity;
    }
    uint8_t *at = ct_write_varint(record->patches + record->patch_size, index);
    memcpy(at, value, size);
    record->patch_size = (uint32_t)(at + size - record->patches);
    record->patch_count++;
    return true;
}

typedef struct patch { uint64_t index; const uint8_t *value; size_t size, number; } patch;

static int
by_index(const void *left, const void *right)
{
    const patch *a = left, *b = right;
    return a->index != b->index ? a->index < b->index ? -1 : 1 : a->number < b->number ? -1 : 1;
}

/* Puts the patches into the state. False: no memory. */
static bool
put_patches_in(recorder *r, object_record *record)
{
    patch patches[MOST_PATCHES];
    const uint8_t *at = record->patches;
    size_t count = record->patch_count;
    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        patches[i].index = read_varint(&at);
        patches[i].value = at;
        patches[i].size = value_size(at);
        patches[i].number = i;
        at += patches[i].size;
    }
    qsort(patches, count, sizeof *patches, by_index);
    uint8_t *state = malloc((size_t)record->state_size + record->patch_size), *to = state;
    if (state == NULL) {
        r->no_memory = true;
        return false;
    }
    const uint8_t *from = record->state, *end = record->state + record->state_size, *done = from;
    read_varint(&from); /* true length, or shape */
    if (record->flags == CT_O_ITEMS)
        read_varint(&from);
    uint64_t index = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && patches[i + 1].index == patches[i].index)
            continue; /* written again later */
        for (; index < patches[i].index; index++)
            from += value_size(from);
        memcpy(to, done, (size_t)(from - done));
        to += from - done;
        memcpy(to, patches[i].value, patches[i].size);
        to += patches[i].size;
        from += value_size(from);
        index++;
        done = from;
    }
    memcpy(to, done, (size_t)(end - done));
    to += end - done;
    record->state_capacity = record->state_size + record->patch_size;
    free(record->state);
    record->state = state;
    record->state_size = (uint32_t)(to - state);
    record->patch_count = record->patch_size = 0;
    return true;
}

/* Writes the elements that changed, and only those. False: nothing was written, and all is to be looked at. */
static bool
write_changes(recorder *r, object_record *record, const image_changes *changes)
{
    uint8_t values[MOST_SINGLE_CHANGES][CT_VALUE_MAX];
    size_t sizes[MOST_SINGLE_CHANGES], known = r->secrets_known;
    object_record *children[MOST_SINGLE_CHANGES];
    for (size_t c = 0; c < changes->count; c++) {
        sizes[c] = (size_t)(value_encode(r, changes->list[c].value, values[c], &children[c]) - values[c]);
        if (values[c][0] == CT_V_REDACTED || r->secrets_known != known || r->no_memory)
            return false;
    }
    bool equal[MOST_SINGLE_CHANGES];
    for (size_t c = 0; c < changes->count; c++)
        equal[c] = image_is_equal(record, &changes->list[c]);
    if ((record->patch_count + changes->count > MOST_PATCHES && !put_patches_in(r, record)) || !image_change(r, record, changes, children))
        return false;
    bool any = false;
    for (size_t c = 0; c < changes->count; c++) {
        if (equal[c])
            continue;
        put_item(r->out, record->flags == CT_O_FIELDS ? CT_R_FIELD : CT_R_ITEM, record->id, changes->list[c].index, values[c], sizes[c]);
        any |= add_patch(r, record, changes->list[c].index, values[c], sizes[c]);
    }
    r->changes += any;
    return true;
}

/* ---- a run of elements that others have replaced: append(), pop(), insert(), del, add() ---- */

/* Makes room in the state for what it will be, without patches. False: no memory. */
static bool
make_state_room(recorder *r, object_record *record, size_t more)
{
    if (!put_patches_in(r, record))
        return false;
    size_t needed = (size_t)record->state_size + more;
    if (needed <= record->state_capacity)
        return true;
    uint8_t *bytes = realloc(record->state, needed + needed / 2);
    if (bytes == NULL) {
        r->no_memory = true;
        return false;
    }
    record->state = bytes;
    record->state_capacity = (uint32_t)(needed + needed / 2);
    return true;
}

/* A scalar of which any encoding has as many bytes: none is put into a content of its own, whose number may be another each time. */
static bool
is_brief(PyObject *scalar)
{
    PyTypeObject *type = Py_TYPE(scalar);
    if (type == &PyLong_Type)
        return _PyLong_IsCompact((PyLongObject *)scalar);
    if (type == &PyUnicode_Type)
        return PyUnicode_IS_ASCII(scalar) && PyUnicode_GET_LENGTH(scalar) < CT_VALUE_MAX / 2;
    return type == &PyFloat_Type || type == &PyBool_Type || scalar == Py_None;
}

/* The bytes of the run's elements in the state, where that can be told without going through all that are before them: they end it, and are all scalars, or all objects. Else 0. */
static size_t
size_of_removed(recorder *r, const object_record *record, const image_run *run)
{
    uint8_t bytes[CT_VALUE_MAX];
    object_record *child;
    size_t size = 0;
    if (1 + run->start + run->removed != record->word_count)
        return 0;
    for (uint32_t i = run->start; i < run->start + run->removed; i++)
        if (i < record->child_count && record->children[i].address == record->words[1 + i])
            size += 1 + (size_t)(ct_write_varint(bytes, record->children[i].id) - bytes);
        else if (record->child_count == 0 && is_brief(record->words[1 + i]))
            size += (size_t)(value_encode(r, record->words[1 + i], bytes, &child) - bytes);
        else
            return 0;
    return size;
}

/* There is room. */
static void
replace_in_state(object_record *record, const image_run *run, size_t removed_size, const uint8_t *values, size_t size, uint64_t length)
{
    uint8_t head[20];
    const uint8_t *body = record->state, *end = record->state + record->state_size;
    read_varint(&body); /* true length */
    uint64_t count = read_varint(&body);
    const uint8_t *from = body, *behind = end;
    if (run->start == count || removed_size)
        from = end - removed_size;
    else {
        for (uint32_t i = 0; i < run->start; i++)
            from += value_size(from);
        behind = from;
        for (uint32_t i = 0; i < run->removed; i++)
            behind += value_size(behind);
    }
    size_t head_size = (size_t)(ct_write_varint(ct_write_varint(head, length), count - run->removed + run->added) - head);
    size_t kept = (size_t)(from - body), left = (size_t)(end - behind);
    uint8_t *to = record->state + head_size; /* the pieces in the order in which none is written over before it was moved */
    if (to + kept + size > behind) {
        memmove(to + kept + size, behind, left);
        memmove(to, body, kept);
    }
    else {
        memmove(to, body, kept);
        memmove(to + kept + size, behind, left);
    }
    memcpy(record->state, head, head_size);
    memcpy(to + kept, values, size);
    record->state_size = (uint32_t)(head_size + kept + size + left);
}

/* Writes that run alone. False: nothing was written, and all is to be looked at. */
static bool
write_run(recorder *r, object_record *record, const image_run *run, Py_ssize_t length)
{
    uint8_t values[MOST_RUN * CT_VALUE_MAX], *end = values;
    size_t known = r->secrets_known;
    object_record *children[MOST_RUN];
    bool judge = record->type->reading == READ_DICT && r->redaction && !record->keys_name_types;
    for (uint32_t i = 0; i < run->added; i++) {
        const uint8_t *value = end;
        if (judge && i % 2 == 0 && redaction_is_secret_key(r, run->values[i]))
            return false;
        children[i] = NULL;
        end = value_encode(r, run->values[i], end, &children[i]);
        if (*value == CT_V_REDACTED || r->secrets_known != known || r->no_memory)
            return false;
    }
    size_t size = (size_t)(end - values), removed_size = size_of_removed(r, record, run);
    if (!make_state_room(r, record, size + 20) || !image_change_run(r, record, run, children))
        return false;
    ct_room(r->out, size + 64);
    uint8_t *at = r->out->cursor;
    *at++ = CT_R_SPLICE;
    at = ct_write_varint(at, record->id);
    at = ct_write_varint(at, run->start);
    at = ct_write_varint(at, run->removed);
    at = ct_write_varint(at, run->added);
    memcpy(at, values, size);
    r->out->cursor = ct_write_varint(at + size, (uint64_t)length);
    replace_in_state(record, run, removed_size, values, size, (uint64_t)length);
    record->length = length;
    r->changes++;
    return true;
}

/* ---- visits: level by level ----
 *
 * An object may be reached on several ways, with more or fewer levels left to go. Each way takes one level from one of the two limits at each object, so taking the
 * objects in the order in which they are found meets each with the most levels first, but for ways that spend the limits differently: then it is looked at
 * once more, with the larger of each, which covers both. Depth first would meet most objects of a cyclic graph again and again.
 */

/* The first look whose visits still count. */
static inline uint64_t
known_since(const recorder *r)
{
    return r->verifying ? r->look : r->quiet_since;
}

bool
object_is_looked_into(const recorder *r, const object_record *record)
{
    return record->visited >= r->quiet_since && (record->type->is_container ? record->visited_containers : record->visited_attributes) > 0;
}

void
object_visit(recorder *r, object_record *record, int containers, int attributes)
{
    if (record->visited >= known_since(r)) {
        if (record->visited_containers >= containers && record->visited_attributes >= attributes)
            return;
        if (record->visited_containers > containers)
            containers = record->visited_containers;
        if (record->visited_attributes > attributes)
            attributes = record->visited_attributes;
    }
    record->visited = r->look;
    record->visited_containers = (uint8_t)containers;
    record->visited_attributes = (uint8_t)attributes;
    object_look_again(r, record);
}

void
object_look_again(recorder *r, object_record *record)
{
    record->stored_at = ANY_ELEMENT; /* one that is on the queue for one element, too: it is reached in another way, or stored to once more */
    if (record->queued || record->visited < known_since(r))
        return;
    if (r->queue_count == r->queue_capacity) {
        size_t capacity = r->queue_capacity ? r->queue_capacity * 2 : 1024;
        object_record **queue = realloc(r->queue, capacity * sizeof *queue);
        if (queue == NULL) {
            r->no_memory = true;
            return;
        }
        r->queue = queue;
        r->queue_capacity = capacity;
    }
    record->queued = true;
    r->queue[r->queue_count++] = record;
}

void
object_look_at_stored(recorder *r, object_record *record, uint32_t index)
{
    bool was_queued = record->queued;
    object_look_again(r, record);
    if (!was_queued)
        record->stored_at = index;
    PyObject *dict = ct_managed_dict(record->object);
    object_record *its_dict = dict ? pointer_map_get(&r->objects, dict) : NULL;
    if (its_dict)
        object_look_again(r, its_dict);
}

/* A field of a container, where no attribute level is left, is named in its state, and not looked into. */
static inline void
visit_child(recorder *r, object_record *child, bool is_field, int containers, int attributes)
{
    if (!is_field)
        containers--;
    else if (attributes > 0)
        attributes--;
    else
        containers = 0;
    if (child->visited < known_since(r) || child->visited_containers < containers || child->visited_attributes < attributes)
        object_visit(r, child, containers, attributes);
}

static void
look_at(recorder *r, object_record *record)
{
    int containers = record->visited_containers, attributes = record->visited_attributes;
    if (__builtin_expect(record->type->type != Py_TYPE(record->object), 0) && !read_as_its_type(r, record))
        return;
    type_info *type = record->type;
    if (__builtin_expect((type->type->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
            (type->version == 0 || type->version != type->type->tp_version_tag || type->qualname != ((PyHeapTypeObject *)type->type)->ht_qualname), 0))
        type_info_refresh(r, type);
    if (record->announced && record->type_written != type->id)
        record->has_state = record->settled = false; /* renamed, or of another class now: all is written again */
    if (record->settled && record->secrets_known == r->secrets_known && !r->verifying)
        return;
    if (record->guarded && record->has_state && record->secrets_known == r->secrets_known && !r->verifying && literal_is_same(record))
        return;
    r->restless |= type->reading == READ_MEMORYVIEW;
    Py_ssize_t length = object_length(record->object, type->reading);
    bool has_fields = type->reading == READ_INSTANCE || (type->reading >= READ_EXCEPTION && type->reading <= READ_SLICE);
    if ((type->is_container && containers <= 0) || (has_fields && attributes <= 0)) {
        visit_outside(r, record, length);
        return;
    }

    image_changes changes;
    bool is_to_be_compared = record->has_state && !r->verifying;
    bool is_one = is_to_be_compared && record->stored_at != ANY_ELEMENT && image_compare_element(r, record, record->stored_at, &changes);
    if ((is_one || (is_to_be_compared && image_compare(r, record, length, &changes))) && (changes.count == 0 || write_changes(r, record, &changes))) {
        if (!is_one)
            for (uint32_t i = 0; i < record->child_count; i++)
                visit_child(r, record->children[i].record, i >= record->first_field, containers, attributes);
        else if (changes.count && record->child_count) { /* the others were visited when it was */
            object_record *child = pointer_map_get(&r->objects, changes.list[0].value);
            if (child)
                visit_child(r, child, false, containers, attributes);
        }
        return;
    }
    image_run run;
    if (is_to_be_compared && image_compare_run(r, record, length, &run) && write_run(r, record, &run, length)) {
        for (uint32_t i = 0; i < record->child_count; i++)
            visit_child(r, record->children[i].record, false, containers, attributes);
        return;
    }

    size_t known;
    uint8_t flags;
    do { /* again when a text became known, which may stand before it, too */
        known = r->secrets_known;
        r->values.size = 0;
        r->child_count = 0;
        memset(r->state_hidden, 0, sizeof r->state_hidden);
        r->judged = r->not_shown = false;
        flags = object_encode_state(r, record, length);
    } while (__builtin_expect(r->secrets_known != known, 0));
    const uint8_t *state = r->values.bytes;
    size_t size = r->values.size;
    r->values.size = 0;
    if (r->no_memory)
        return;
    if (record->has_state && !put_patches_in(r, record))
        return;
    if (!record->has_state || size != record->state_size || flags != record->flags || (size && memcmp(state, record->state, size) != 0)) {
        if (!record->announced || !record->has_state || !put_difference(r, record, state, size, flags))
            put_object(r, record, flags, state, size, !record->announced);
        r->changes++;
        record->announced = true;
        record->length = length;
        if (length > r->limits.items)
            r->cut_items++;
        count_hidden(r, record);
        keep_state(r, record, state, size, flags);
    }
    record->secrets_known = known;
    if (!r->verifying) /* what the quick look goes by stays as that found it */
        record->whole = !r->not_shown;
    image_take(r, record, length);
    if (r->child_count == 0) {
        /* Nothing below it can change. Neither can what lies in immutable C storage, or a frozenset of scalars; that it is still this object is certain, for
         * its death is seen. A tuple can: enumerate, zip and dict.items() fill theirs anew when nobody else holds it (Objects/enumobject.c). */
        record->settled = type->immutable || (type->type == &PyFrozenSet_Type && flags == CT_O_ITEMS);
        return;
    }
    for (size_t i = 0; i < r->child_count; i++)
        visit_child(r, r->children[i], i >= r->first_field, containers, attributes);
}

void
objects_look(recorder *r)
{
    for (size_t i = 0; i < r->queue_count; i++) {
        r->queue[i]->queued = false;
        look_at(r, r->queue[i]);
    }
    r->queue_count = 0;
}

void
object_write_deaths(recorder *r)
{
    for (size_t i = 0; i < r->died_count; i++) {
        ct_room(r->out, 0);
        ct_put_number(r->out, CT_R_DIED, r->died[i]);
    }
    r->died_count = 0;
    r->died_loudly = false;
}

void
objects_write_key_state(recorder *r)
{
    for (size_t i = 0; r->objects.entries && i <= r->objects.mask; i++) {
        if ((uintptr_t)r->objects.entries[i].key <= 1)
            continue;
        object_record *record = r->objects.entries[i].value;
        if (!record->announced)
            continue;
        uint8_t bytes[10];
        if (record->has_state && put_patches_in(r, record))
            put_object(r, record, record->flags, record->state, record->state_size, true);
        else if (record->length >= 0)
            put_object(r, record, CT_O_LENGTH, bytes, (size_t)(ct_write_varint(bytes, (uint64_t)record->length) - bytes), true);
        else
            put_object(r, record, 0, NULL, 0, true);
    }
}

void
objects_free(recorder *r)
{
    for (size_t i = 0; r->objects.entries && i <= r->objects.mask; i++) {
        if ((uintptr_t)r->objects.entries[i].key <= 1)
            continue;
        object_record *record = r->objects.entries[i].value;
        lifetime_unwatch(record->block);
        for (int g = 0; g < 2; g++)
            Py_CLEAR(record->guards[g]);
    }
    while (r->slabs) {
        record_slab *slab = r->slabs;
        r->slabs = slab->next;
        for (size_t i = 0; i < SLAB_RECORDS; i++) {
            free(slab->records[i].state);
            free(slab->records[i].patches);
            image_free(r, &slab->records[i]);
        }
        free(slab);
    }
    r->free_records = NULL;
    pointer_map_clear(&r->objects);
    pointer_map_clear(&r->attribute_dicts);
    free(r->died);
    free(r->children);
    free(r->queue);
    free(r->words);
    free(r->words_held);
    free(r->field_names);
    free(r->values.bytes);
    free(r->text.bytes);
    free(r->literal.bytes);
}
