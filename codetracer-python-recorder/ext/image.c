/* What an object's memory looked like when its state was written: the pointers that lie in it. The same ones mean the same state, so that an object in which
 * nothing changed is neither encoded nor are its children looked up: comparing pointers is all.
 *
 * Why the same pointers are the same state (objects.c asks only of objects that are alive and of the same type as then):
 *   - A state is made of the object's own storage (length, order, names of fields) and of its elements. Storage that is not an element is in the image as well:
 *     the count, an instance's table of keys and the order of its attributes, the dict that has taken them over.
 *   - An element that is an exact int, float, str, bytes or complex is held by the image, unless it is immortal (PEP 683): so its address is not used
 *     again, and objects of these types never change. Holding them keeps nothing else alive, and nothing runs when they go.
 *   - Every other element has a record or is a singleton. The record's id is kept: if the element died, its record is gone or has another id, even when a new object
 *     lies at its address. A live container cannot hold a dead object, so "same pointer, record alive" means the same object (spec/incremental.md, virtual
 *     references). What is inside the element is its own record's business.
 *   - What else goes into a state: texts that became known as secrets since (their number is kept), names and rules (they do not change), the object's place under
 *     a secret's name (redaction.c drops the image).
 * Memory: of what is held and is not small no more than MOST_HELD bytes in all, for it may be held after the program has let it go, as long as the container is not
 * looked at again. Beyond that there is no image, and the container is encoded each time.
 *
 * Adversarial tests: tests/programs/elements_alike.py, tests/programs/same_pointers.py; tests/python/test_capture.py compares with encoding everything.
 *
 * Invariant: of the words, those whose bit in `held` is set are references of ours; no other is ever followed.
 */
#include "recorder.h"

#include <stdlib.h>

/* One walk over an object's storage, either comparing with the image or taking it anew into r->words. */
typedef struct walk {
    recorder *r;
    PyObject *const *at, *const *end; /* comparing: what is expected … */
    const object_record *record;
    image_changes *changes;           /* … and where it is not */
    size_t large;                     /* taking: bytes of what is held and not small */
} walk;

enum walk_mode { COMPARE, TAKE };

static inline bool
is_held_type(PyTypeObject *type)
{
    return type == &PyLong_Type || type == &PyUnicode_Type || type == &PyFloat_Type || type == &PyBytes_Type || type == &PyComplex_Type;
}

static inline bool
is_to_be_held(PyObject *object)
{
    return is_held_type(Py_TYPE(object)) && !_Py_IsImmortal(object);
}

enum { SMALL_HELD = 64, MOST_HELD = 16 << 20 }; /* bytes of content */

/* What holding the object keeps in memory beyond a small object's; 0: little. */
static inline size_t
large_size(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    size_t size = type == &PyUnicode_Type ? (size_t)PyUnicode_GET_LENGTH(object) * PyUnicode_KIND(object)
        : type == &PyBytes_Type           ? (size_t)PyBytes_GET_SIZE(object)
        : type == &PyLong_Type            ? (((PyLongObject *)object)->long_value.lv_tag >> _PyLong_NON_SIZE_BITS) * sizeof(digit)
                                          : 0;
    return size > SMALL_HELD ? size : 0;
}

static bool
grow_words(recorder *r)
{
    size_t capacity = r->word_capacity ? r->word_capacity * 2 : 256;
    PyObject **words = realloc(r->words, capacity * sizeof *words);
    if (words)
        r->words = words;
    uint64_t *held = realloc(r->words_held, capacity / 8);
    if (held)
        r->words_held = held;
    if (words == NULL || held == NULL)
        return false;
    memset(r->words_held + r->word_capacity / 64, 0, (capacity - r->word_capacity) / 8);
    r->word_capacity = capacity;
    return true;
}

/* Where the elements of a plain state begin in words; of a dict, keys and values in turn. */
static inline size_t
first_element(const object_record *record)
{
    return record->type->reading == READ_INSTANCE ? 2 + ((size_t)(uintptr_t)record->words[0] + sizeof(uintptr_t) - 1) / sizeof(uintptr_t) : 1;
}

/* Whether a word that differs is one element replaced by another. */
static __attribute__((noinline)) bool
differs(walk *w, const void *value)
{
    const object_record *record = w->record;
    if (!record->plain || w->changes->count == MOST_SINGLE_CHANGES || *w->at == NULL || value == NULL)
        return false;
    size_t word = (size_t)(w->at - record->words), first = first_element(record);
    if (word < first || (record->type->reading == READ_DICT && (word - first) % 2 == 0))
        return false;
    w->changes->list[w->changes->count++] = (struct image_change){(uint32_t)word, (uint32_t)(word - first), (PyObject *)value};
    w->at++;
    return true;
}

/* A word that differs, but for a few elements, or for which there is no memory, ends the walk. */
static inline __attribute__((always_inline)) bool
word(walk *w, enum walk_mode mode, const void *value, bool is_object)
{
    if (mode == COMPARE) {
        if (w->at < w->end && *w->at == value) {
            w->at++;
            return true;
        }
        return is_object && w->at < w->end && differs(w, value);
    }
    recorder *r = w->r;
    if (r->word_count == r->word_capacity && !grow_words(r))
        return false;
    if (is_object && value && is_to_be_held((PyObject *)value)) {
        w->large += large_size((PyObject *)value);
        if (w->large > MOST_HELD)
            return false;
        r->words_held[r->word_count / 64] |= UINT64_C(1) << (r->word_count % 64);
    }
    r->words[r->word_count++] = (PyObject *)value;
    return true;
}

static inline bool
objects(walk *w, enum walk_mode mode, PyObject *const *items, Py_ssize_t count)
{
    enum { PIECE = 64 };
    if (mode == COMPARE && w->end - w->at < count)
        return false;
    while (mode == COMPARE && count >= PIECE) {
        if (memcmp(w->at, items, PIECE * sizeof *items) == 0)
            w->at += PIECE;
        else
            for (int i = 0; i < PIECE; i++)
                if (!word(w, mode, items[i], true))
                    return false;
        items += PIECE;
        count -= PIECE;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (!word(w, mode, items[i], true))
            return false;
    return true;
}

static inline bool
number(walk *w, enum walk_mode mode, Py_ssize_t value)
{
    return word(w, mode, (const void *)(uintptr_t)value, false);
}

static inline bool
entries(walk *w, enum walk_mode mode, PyObject *dict, Py_ssize_t most)
{
    Py_ssize_t position = 0;
    PyObject *key, *value;
    PyDictUnicodeEntry *texts;
    Py_ssize_t count = ct_dict_text_entries(dict, &texts);
    if (!number(w, mode, ((PyDictObject *)dict)->ma_used))
        return false;
    if (count >= 0) { /* in place, for the calls would be most of the work */
        for (Py_ssize_t i = 0; i < count && most > 0; i++)
            if (texts[i].me_value) {
                if (!word(w, mode, texts[i].me_key, true) || !word(w, mode, texts[i].me_value, true))
                    return false;
                most--;
            }
        return true;
    }
    PyDictKeyEntry *others;
    count = ct_dict_entries(dict, &others);
    if (count >= 0) {
        for (Py_ssize_t i = 0; i < count && most > 0; i++)
            if (others[i].me_value) {
                if (!word(w, mode, others[i].me_key, true) || !word(w, mode, others[i].me_value, true))
                    return false;
                most--;
            }
        return true;
    }
    for (Py_ssize_t i = 0; i < most && PyDict_Next(dict, &position, &key, &value); i++)
        if (!word(w, mode, key, true) || !word(w, mode, value, true))
            return false;
    return true;
}

static inline bool
attributes(walk *w, enum walk_mode mode, PyObject *object, const type_info *type)
{
    for (size_t i = 0; i < type->member_count; i++)
        if (!word(w, mode, *(PyObject **)((char *)object + type->members[i].offset), true))
            return false;
    PyObject *dict = NULL;
    if (type->managed_dict) {
        ct_instance_attributes view = {0};
        ct_instance_view(object, &view);
        dict = view.dict;
        w->r->instance_dicts |= ct_managed_dict(object) != NULL;
        if (!number(w, mode, dict ? -1 : view.count))
            return false;
        if (view.count) { /* which attribute lies where, and in which order they were defined */
            const uint8_t *order = view.order_step > 0 ? view.order : view.order - (view.count - 1);
            if (!word(w, mode, view.keys, false))
                return false;
            for (int i = 0; i < view.count; i += (int)sizeof(uintptr_t)) {
                uintptr_t part = 0;
                int left = view.count - i;
                memcpy(&part, order + i, left < (int)sizeof part ? (size_t)left : sizeof part);
                if (!word(w, mode, (const void *)part, false))
                    return false;
            }
            for (int i = 0; i < view.count; i++)
                if (!word(w, mode, view.values[view.order[i * view.order_step]], true))
                    return false;
        }
    }
    else if (type->has_dict)
        dict = object_dict(object, type);
    if (!word(w, mode, dict, false))
        return false;
    if (dict && !word(w, mode, Py_TYPE(dict), false)) /* an exact one, and one of a class at the same address, differ in what goes with them (lifetime.c) */
        return false;
    return dict == NULL || !PyDict_Check(dict) || entries(w, mode, dict, w->r->limits.items);
}

static inline __attribute__((always_inline)) bool
storage(walk *w, enum walk_mode mode, PyObject *object, const type_info *type, Py_ssize_t length)
{
    Py_ssize_t shown = length < w->r->limits.items ? length : w->r->limits.items;
    switch (type->reading) {
    case READ_LIST: case READ_TUPLE:
        if (!number(w, mode, length) ||
            !objects(w, mode, type->reading == READ_LIST ? ((PyListObject *)object)->ob_item : ((PyTupleObject *)object)->ob_item, shown))
            return false;
        break;
    case READ_DICT:
        if (!entries(w, mode, object, shown))
            return false;
        break;
    case READ_SET: {
        const PySetObject *set = (PySetObject *)object;
        if (!number(w, mode, length))
            return false;
        for (Py_ssize_t i = 0; i <= set->mask && shown > 0; i++)
            if (set->table[i].key && set->table[i].hash != -1) {
                if (!word(w, mode, set->table[i].key, true))
                    return false;
                shown--;
            }
        break;
    }
    case READ_DEQUE: {
        deque_object *deque = (deque_object *)object;
        deque_block *block = deque->left;
        Py_ssize_t index = deque->left_index;
        if (!number(w, mode, length))
            return false;
        for (; shown > 0; shown--) {
            if (!word(w, mode, block->data[index], true))
                return false;
            if (++index == DEQUE_BLOCK) {
                block = block->right;
                index = 0;
            }
        }
        break;
    }
    case READ_EXCEPTION: {
        const PyBaseExceptionObject *exception = (PyBaseExceptionObject *)object;
        if (!word(w, mode, exception->args, true))
            return false;
        for (size_t i = 0; i < type->member_count; i++)
            if (!word(w, mode, *(PyObject **)((char *)object + type->members[i].offset), true))
                return false;
        w->r->instance_dicts |= exception->dict != NULL;
        return word(w, mode, exception->dict, false) &&
            (exception->dict == NULL || !PyDict_Check(exception->dict) || entries(w, mode, exception->dict, w->r->limits.items));
    }
    case READ_INSTANCE: case READ_ENUM:
        return attributes(w, mode, object, type);
    default:
        return false; /* a text, bytes, a view: encoded each time */
    }
    return (type->member_count == 0 && !type->managed_dict && !type->has_dict) || attributes(w, mode, object, type);
}

/* Whether the state's children are the objects that they were, but for those that left. One that died has no record any more, or one with another id: then an element with
 * the same address may be another object, so each such child must be what one of the words was that are no more. `gone`: `count` of them, at most 64. */
static bool
children_live(const object_record *record, PyObject *const *const *gone, size_t count)
{
    uint64_t explained = 0;
    for (uint32_t i = 0; i < record->child_count; i++) {
        const struct child *child = &record->children[i];
        if (__builtin_expect(child->record->id == child->id && child->record->object != NULL, 1))
            continue;
        size_t g = 0;
        while (g < count && (explained >> g & 1 || *gone[g] != child->address))
            g++;
        if (g == count)
            return false;
        explained |= UINT64_C(1) << g;
    }
    return true;
}

bool
image_compare(recorder *r, const object_record *record, Py_ssize_t length, image_changes *changes)
{
    changes->count = 0;
    if (record->word_count == 0 || record->secrets_known != r->secrets_known)
        return false;
    walk w = {.r = r, .at = record->words, .end = record->words + record->word_count, .record = record, .changes = changes};
    if (!storage(&w, COMPARE, record->object, record->type, length) || w.at != w.end)
        return false;
    PyObject *const *gone[MOST_SINGLE_CHANGES];
    for (size_t c = 0; c < changes->count; c++)
        gone[c] = &record->words[changes->list[c].word];
    return children_live(record, gone, changes->count);
}

static size_t
equal_before(PyObject *const *a, PyObject *const *b, size_t most)
{
    enum { PIECE = 64 };
    size_t count = 0;
    while (count + PIECE <= most && memcmp(a + count, b + count, PIECE * sizeof *a) == 0)
        count += PIECE;
    while (count < most && a[count] == b[count])
        count++;
    return count;
}

/* Of what ends at `a` and at `b`. */
static size_t
equal_behind(PyObject *const *a, PyObject *const *b, size_t most)
{
    enum { PIECE = 64 };
    size_t count = 0;
    while (count + PIECE <= most && memcmp(a - count - PIECE, b - count - PIECE, PIECE * sizeof *a) == 0)
        count += PIECE;
    while (count < most && a[-1 - (ptrdiff_t)count] == b[-1 - (ptrdiff_t)count])
        count++;
    return count;
}

/* The elements of a plain container as they are now, in the order of the state: where they lie, or in r->words. NULL: no memory, or there are not `count`. */
static PyObject *const *
elements_now(recorder *r, const object_record *record, size_t count)
{
    enum reading reading = record->type->reading;
    PyDictUnicodeEntry *texts = NULL;
    PyDictKeyEntry *others = NULL;
    Py_ssize_t texts_count = -1, others_count = -1;
    if (reading == READ_LIST)
        return ((PyListObject *)record->object)->ob_item;
    if (reading == READ_DICT) {
        texts_count = ct_dict_text_entries(record->object, &texts);
        if (texts_count < 0)
            others_count = ct_dict_entries(record->object, &others);
        if (texts_count >= 0 && (size_t)texts_count * 2 == count) /* no hole: key and value lie there in turn */
            return (PyObject *const *)texts;
    }
    while (r->word_capacity < count)
        if (!grow_words(r))
            return NULL;
    PyObject **to = r->words, **end = r->words + count;
    if (texts_count >= 0) {
        for (Py_ssize_t i = 0; i < texts_count && to < end; i++)
            if (texts[i].me_value) {
                *to++ = texts[i].me_key;
                *to++ = texts[i].me_value;
            }
    }
    else if (others_count >= 0) {
        for (Py_ssize_t i = 0; i < others_count && to < end; i++)
            if (others[i].me_value) {
                *to++ = others[i].me_key;
                *to++ = others[i].me_value;
            }
    }
    else if (reading == READ_DICT) {
        Py_ssize_t position = 0;
        PyObject *key, *value;
        while (to < end && PyDict_Next(record->object, &position, &key, &value)) {
            *to++ = key;
            *to++ = value;
        }
    }
    else if (reading == READ_SET) {
        const PySetObject *set = (PySetObject *)record->object;
        for (Py_ssize_t i = 0; i <= set->mask && to < end; i++)
            if (set->table[i].key && set->table[i].hash != -1)
                *to++ = set->table[i].key;
    }
    else {
        const deque_object *deque = (deque_object *)record->object;
        const deque_block *block = deque->left;
        Py_ssize_t index = deque->left_index;
        while (to < end) {
            *to++ = block->data[index];
            if (++index == DEQUE_BLOCK) {
                block = block->right;
                index = 0;
            }
        }
    }
    return to == end ? r->words : NULL;
}

bool
image_compare_run(recorder *r, const object_record *record, Py_ssize_t length, image_run *run)
{
    if (record->word_count == 0 || !record->plain || record->type->reading == READ_INSTANCE || record->secrets_known != r->secrets_known ||
        (Py_ssize_t)record->words[0] > r->limits.items || length > r->limits.items)
        return false;
    unsigned step = record->type->reading == READ_DICT ? 2 : 1;
    size_t before = record->word_count - 1, now = (size_t)length * step;
    PyObject *const *items = elements_now(r, record, now);
    if (items == NULL && now)
        return false;
    PyObject *const *words = record->words + 1;
    size_t most = before < now ? before : now, start = now ? equal_before(words, items, most) : 0;
    start -= start % step;
    size_t behind = now ? equal_behind(words + before, items + now, most - start) : 0;
    behind -= behind % step;
    size_t removed = before - start - behind, added = now - start - behind;
    if (removed > MOST_RUN || added > MOST_RUN)
        return false;
    *run = (image_run){.start = (uint32_t)start, .removed = (uint32_t)removed, .added = (uint32_t)added};
    for (size_t i = 0; i < added; i++)
        if ((run->values[i] = items[start + i]) == NULL)
            return false;
    PyObject *const *gone[MOST_RUN];
    for (size_t i = 0; i < removed; i++)
        gone[i] = &words[start + i];
    return children_live(record, gone, removed);
}

/* Of a dict in which no entry is unused: its value stands at the same place in the image, and its key in front of it. NULL: there is another number of them, or another key. */
static PyObject *
entry_value(const object_record *record, size_t position)
{
    PyObject *dict = record->object, *key = NULL, *value = ct_dict_entry(dict, (Py_ssize_t)position, &key);
    bool is_same = ct_dict_is_packed(dict) && (uintptr_t)record->words[0] == (uintptr_t)((PyDictObject *)dict)->ma_used &&
                   (2 * position + 1 >= record->word_count || record->words[2 * position + 1] == key);
    return is_same ? value : NULL;
}

bool
image_compare_element(const recorder *r, const object_record *record, uint32_t index, image_changes *changes)
{
    bool is_dict = record->type->type == &PyDict_Type;
    size_t word = is_dict ? 2 * (size_t)index + 2 : (size_t)index + 1;
    PyObject *now = NULL;
    changes->count = 0;
    if ((!is_dict && record->type->type != &PyList_Type) || !record->plain || record->word_count == 0 || record->secrets_known != r->secrets_known)
        return false;
    if (is_dict)
        now = entry_value(record, index);
    else if ((uintptr_t)record->words[0] == (uintptr_t)Py_SIZE(record->object) && index < Py_SIZE(record->object))
        now = PyList_GET_ITEM(record->object, index);
    if (now == NULL)
        return false; /* the index is another's, if the instruction did not run */
    if (word >= record->word_count)
        return true; /* beyond the limit of items it is not shown */
    if (record->words[word] != now)
        changes->list[changes->count++] = (struct image_change){(uint32_t)word, (uint32_t)word - 1, now};
    else if (record->child_count && !is_held_type(Py_TYPE(now)))
        return false; /* whether it is the object that lay there, its record tells */
    return true;
}

static inline bool
is_held(const object_record *record, size_t word)
{
    return record->held[word / 64] >> (word % 64) & 1;
}

bool
image_is_equal(const object_record *record, const struct image_change *change)
{
    PyObject *old = record->words[change->word], *now = change->value;
    if (!is_held(record, change->word) || Py_TYPE(old) != Py_TYPE(now))
        return false;
    PyTypeObject *type = Py_TYPE(now);
    if (type == &PyLong_Type) {
        const _PyLongValue *a = &((PyLongObject *)old)->long_value, *b = &((PyLongObject *)now)->long_value;
        return a->lv_tag == b->lv_tag && memcmp(a->ob_digit, b->ob_digit, (a->lv_tag >> _PyLong_NON_SIZE_BITS) * sizeof(digit)) == 0;
    }
    if (type == &PyFloat_Type)
        return memcmp(&((PyFloatObject *)old)->ob_fval, &((PyFloatObject *)now)->ob_fval, sizeof(double)) == 0;
    if (type == &PyUnicode_Type)
        return PyUnicode_KIND(old) == PyUnicode_KIND(now) && PyUnicode_GET_LENGTH(old) == PyUnicode_GET_LENGTH(now) &&
               memcmp(PyUnicode_DATA(old), PyUnicode_DATA(now), (size_t)PyUnicode_GET_LENGTH(now) * PyUnicode_KIND(now)) == 0;
    if (type == &PyBytes_Type)
        return Py_SIZE(old) == Py_SIZE(now) && memcmp(PyBytes_AS_STRING(old), PyBytes_AS_STRING(now), (size_t)Py_SIZE(now)) == 0;
    return false;
}

void
image_drop(recorder *r, object_record *record)
{
    r->large_held -= record->large_held;
    record->large_held = 0;
    for (uint32_t i = 0; i < record->word_count; i++)
        if (record->held[i / 64] >> (i % 64) & 1)
            Py_DECREF(record->words[i]); /* an exact scalar: its end runs nothing */
    record->word_count = record->child_count = 0;
}

void
image_free(recorder *r, object_record *record)
{
    image_drop(r, record);
    free(record->words);
    free(record->held);
    free(record->children);
    record->words = NULL;
    record->held = NULL;
    record->children = NULL;
    record->word_capacity = record->child_capacity = 0;
}

static bool
make_room(object_record *record, size_t count, size_t children)
{
    if (count > record->word_capacity) {
        size_t capacity = (count + count / 8 + 7) & ~(size_t)7;
        PyObject **words = realloc(record->words, capacity * sizeof *words);
        if (words)
            record->words = words;
        uint64_t *held = realloc(record->held, (capacity + 63) / 64 * sizeof *held);
        if (held)
            record->held = held;
        if (words == NULL || held == NULL)
            return false;
        record->word_capacity = (uint32_t)capacity;
    }
    if (children > record->child_capacity) {
        size_t capacity = children + children / 8;
        struct child *list = realloc(record->children, capacity * sizeof *list);
        if (list == NULL)
            return false;
        record->children = list;
        record->child_capacity = (uint32_t)capacity;
    }
    return true;
}

/* The entry of the child that the element was; child_count: none, it was a scalar. All that have its address are of that object, for they were alive together; one that stands twice
 * in a container has two. */
static uint32_t
child_of(const object_record *record, const void *address, uint32_t index, const uint32_t *taken, size_t taken_count)
{
    uint32_t likely = record->type->reading == READ_DICT ? index / 2 : index; /* keys are mostly scalars */
    uint32_t i = likely < record->child_count && record->children[likely].address == address ? likely : 0;
    for (; i < record->child_count; i++) {
        size_t t = 0;
        while (t < taken_count && taken[t] != i)
            t++;
        if (t == taken_count && record->children[i].address == address)
            break;
    }
    return i;
}

/* Of those whose record was taken away. */
static void
drop_empty_children(object_record *record)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->child_count; i++)
        if (record->children[i].record)
            record->children[kept++] = record->children[i];
    record->child_count = kept;
}

bool
image_change(recorder *r, object_record *record, const image_changes *changes, object_record *const *children)
{
    uint32_t were[MOST_SINGLE_CHANGES], count = record->child_count;
    bool is_removed = false;
    for (size_t c = 0; c < changes->count; c++) {
        const struct image_change *change = &changes->list[c];
        if ((is_to_be_held(change->value) && large_size(change->value)) || (is_held(record, change->word) && large_size(record->words[change->word])))
            return false; /* their sizes are summed up over all */
    }
    if (!make_room(record, record->word_count, count + changes->count)) {
        r->no_memory = true;
        return false;
    }
    for (size_t c = 0; c < changes->count; c++)
        were[c] = child_of(record, record->words[changes->list[c].word], changes->list[c].index, were, c);
    for (size_t c = 0; c < changes->count; c++) {
        const struct image_change *change = &changes->list[c];
        if (children[c])
            record->children[were[c] < count ? were[c] : record->child_count++] = (struct child){children[c], children[c]->id, change->value};
        else if (were[c] < count) {
            record->children[were[c]].record = NULL;
            is_removed = true;
        }
        PyObject *old = record->words[change->word];
        uint64_t bit = UINT64_C(1) << (change->word % 64), *held = &record->held[change->word / 64];
        bool was_held = *held & bit;
        *held &= ~bit;
        if (is_to_be_held(change->value)) {
            Py_INCREF(change->value);
            *held |= bit;
        }
        record->words[change->word] = change->value;
        if (was_held)
            Py_DECREF(old); /* an exact scalar: its end runs nothing */
    }
    if (is_removed)
        drop_empty_children(record);
    if (record->type->reading != READ_INSTANCE)
        record->first_field = record->child_count;
    return true;
}

/* Bits from `from` on move to `to`; those between are left as they were. */
static void
move_bits(uint64_t *bits, size_t from, size_t to, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        size_t i = to < from ? n : count - 1 - n; /* before what is read yet is written over */
        uint64_t bit = bits[(from + i) / 64] >> ((from + i) % 64) & 1;
        uint64_t *word = &bits[(to + i) / 64];
        *word = (*word & ~(UINT64_C(1) << ((to + i) % 64))) | bit << ((to + i) % 64);
    }
}

bool
image_change_run(recorder *r, object_record *record, const image_run *run, object_record *const *children)
{
    size_t first = 1 + run->start, behind = record->word_count - first - run->removed, large = record->large_held;
    PyObject *let_go[MOST_RUN];
    size_t let_go_count = 0;
    uint32_t were[MOST_RUN];
    for (size_t i = 0; i < run->removed; i++)
        if (is_held(record, first + i))
            large -= large_size(record->words[first + i]);
    for (size_t i = 0; i < run->added; i++)
        if (is_to_be_held(run->values[i]))
            large += large_size(run->values[i]);
    if (r->large_held - record->large_held + large > MOST_HELD)
        return false;
    if (!make_room(record, record->word_count + run->added, record->child_count + run->added)) {
        r->no_memory = true;
        return false;
    }
    r->large_held += large - record->large_held;
    record->large_held = large;
    for (uint32_t i = 0; i < run->removed; i++) {
        were[i] = child_of(record, record->words[first + i], run->start + i, were, i);
        if (is_held(record, first + i))
            let_go[let_go_count++] = record->words[first + i];
    }
    for (size_t i = 0; i < run->removed; i++)
        if (were[i] < record->child_count)
            record->children[were[i]].record = NULL;
    drop_empty_children(record);
    if (behind && run->added != run->removed) {
        memmove(record->words + first + run->added, record->words + first + run->removed, behind * sizeof *record->words);
        move_bits(record->held, first + run->removed, first + run->added, behind);
    }
    for (size_t i = 0; i < run->added; i++) {
        PyObject *value = run->values[i];
        uint64_t bit = UINT64_C(1) << ((first + i) % 64), *held = &record->held[(first + i) / 64];
        *held &= ~bit;
        if (is_to_be_held(value)) {
            Py_INCREF(value);
            *held |= bit;
        }
        record->words[first + i] = value;
        if (children[i])
            record->children[record->child_count++] = (struct child){children[i], children[i]->id, value};
    }
    record->word_count = (uint32_t)(first + run->added + behind);
    record->words[0] = (PyObject *)(uintptr_t)object_length(record->object, record->type->reading);
    record->first_field = record->child_count;
    for (size_t i = 0; i < let_go_count; i++)
        Py_DECREF(let_go[i]); /* exact scalars: their end runs nothing */
    return true;
}

/* Whether elements stand one behind the other in words and state alike, and are shown whatever they are. */
static bool
is_plain(const recorder *r, const object_record *record)
{
    const type_info *type = record->type;
    if (r->judged || record->hidden || type->member_count)
        return false;
    if (type->reading == READ_INSTANCE)
        return type->managed_dict && (uintptr_t)record->words[0] == r->field_count && r->field_count > 0;
    return (type->reading == READ_LIST || type->reading == READ_DICT || type->reading == READ_SET || type->reading == READ_DEQUE) && !type->managed_dict && !type->has_dict;
}

void
image_take(recorder *r, object_record *record, Py_ssize_t length)
{
    size_t children = r->child_count;
    walk w = {.r = r};
    r->word_count = 0;
    bool whole = storage(&w, TAKE, record->object, record->type, length);
    size_t bits = (r->word_count + 63) / 64;
    if (whole)
        for (size_t i = 0; i < r->word_count; i++) /* before the old ones are let go: they may be the same */
            if (r->words_held[i / 64] >> (i % 64) & 1)
                Py_INCREF(r->words[i]);
    image_drop(r, record);
    if (whole && r->large_held + w.large <= MOST_HELD && make_room(record, r->word_count, children)) {
        record->large_held = w.large;
        r->large_held += w.large;
        memcpy(record->words, r->words, r->word_count * sizeof *r->words);
        memcpy(record->held, r->words_held, bits * sizeof *record->held);
        for (size_t i = 0; i < children; i++)
            record->children[i] = (struct child){r->children[i], r->children[i]->id, r->children[i]->object};
        record->word_count = (uint32_t)r->word_count;
        record->child_count = (uint32_t)children;
        record->first_field = (uint32_t)r->first_field;
        record->plain = is_plain(r, record);
    }
    else if (whole)
        for (size_t i = 0; i < r->word_count; i++)
            if (r->words_held[i / 64] >> (i % 64) & 1)
                Py_DECREF(r->words[i]);
    if (bits)
        memset(r->words_held, 0, bits * sizeof *r->words_held);
}
