/* See value_cache.h: scalars are encoded each time (nanoseconds), everything else is kept in a hash table with a least-recently-used list. */
#include "formats/value_cache.h"

#include "formats/text.h"

struct ct_cached_value {
    uint64_t key;                  /* object id · 2, content id · 2 + 1 */
    uint64_t encoded_at;           /* number of the event */
    uint64_t checked;              /* ct_replay_objects_changed when it was last found unchanged */
    uint64_t cuts, serial;
    bool one_form;                 /* the second form is the first */
    ct_cached_value *next;         /* in the bucket */
    ct_cached_value *newer, *older;
    ct_written written[CT_FORMS_MAX];
    size_t size[CT_FORMS_MAX], object_count, capacity;
    uint64_t *objects;             /* a piece of memory of `capacity` bytes: the objects shown, then the forms */
};

enum { SCALAR_ROOM = 448, TIDY = 1024 * 1024, BUDGET = 32 * 1024 * 1024, INITIAL_TABLE = 1024 };

void
ct_value_cache_start(ct_value_cache *cache, ct_replay *replay, ct_types *types, const ct_view_limits *limits, unsigned form_count,
                const enum ct_form *forms)
{
    *cache = (ct_value_cache){ .form_count = form_count, .budget = BUDGET };
    for (unsigned f = 0; f < form_count; f++)
        cache->forms[f] = forms[f];
    ct_view_start(&cache->view, replay, types, limits);
    cache->scalars.allocator = cache->view.texts.allocator;
    for (unsigned f = 0; f < CT_FORMS_MAX; f++)
        cache->scratch[f].allocator = cache->view.texts.allocator;
}

static void
free_entry(const ct_value_cache *cache, ct_cached_value *entry)
{
    ct_free(cache->view.texts.allocator, entry->objects);
    ct_free(cache->view.texts.allocator, entry);
}

void
ct_value_cache_free(ct_value_cache *cache)
{
    while (cache->newest) {
        ct_cached_value *older = cache->newest->older;
        free_entry(cache, cache->newest);
        cache->newest = older;
    }
    ct_free(cache->view.texts.allocator, cache->table);
    ct_view_free(&cache->view);
    ct_arena_free(&cache->scalars);
    for (unsigned f = 0; f < CT_FORMS_MAX; f++)
        ct_buffer_free(&cache->scratch[f]);
}

static size_t
bucket_of(const ct_value_cache *cache, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (cache->table_size - 1);
}

static void
unlink_age(ct_value_cache *cache, ct_cached_value *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void
link_newest(ct_value_cache *cache, ct_cached_value *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static size_t footprint(const ct_cached_value *entry) { return sizeof *entry + entry->capacity + 32; }

static void
forget_oldest(ct_value_cache *cache)
{
    ct_cached_value *entry = cache->oldest, **link = &cache->table[bucket_of(cache, entry->key)];
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    unlink_age(cache, entry);
    cache->remembered -= footprint(entry);
    cache->entry_count--;
    free_entry(cache, entry);
}

void
ct_value_cache_begin(ct_value_cache *cache, uint64_t event)
{
    cache->event = event;
    ct_arena_reset(&cache->scalars);
    /* Beyond what the processor's caches hold, an object that has died makes room at once: without this a program that makes many
     * short-lived objects spent 150 ns per line in waiting for memory. Two looks for each that came find those that have gone. */
    if (cache->looks_due && cache->remembered > TIDY && cache->oldest) {
        cache->looks_due--;
        ct_cached_value *entry = cache->oldest;
        if (!(entry->key & 1) && !ct_replay_object(cache->view.replay, entry->key / 2))
            forget_oldest(cache);
        else {
            unlink_age(cache, entry);
            link_newest(cache, entry);
        }
    }
    while (cache->remembered > cache->budget && cache->oldest)
        forget_oldest(cache);
}

/* A scalar that needs no memory of its own; false: it is none. */
static bool
is_simple(const ct_value *value, ct_view_node *node, enum ct_fixed_type *type)
{
    if (value->content)
        return false;
    switch (value->kind) {
    case CT_INT: node->kind = CT_VIEW_INT; node->integer = value->integer; *type = CT_FIXED_INT; return true;
    case CT_NONE: node->kind = CT_VIEW_NONE; *type = CT_FIXED_NONE; return true;
    case CT_BOOL: node->kind = CT_VIEW_BOOL; node->boolean = value->boolean; *type = CT_FIXED_BOOL; return true;
    case CT_FLOAT: node->kind = CT_VIEW_FLOAT; node->number = value->number[0]; *type = CT_FIXED_FLOAT; return true;
    case CT_TEXT:
        if (value->data.size > CT_V_TEXT_MAX || !ct_text_is_clean(value->data.bytes, (size_t)value->data.size))
            return false;
        node->kind = CT_VIEW_STRING;
        node->text.bytes = value->data.bytes;
        node->text.size = (size_t)value->data.size;
        *type = CT_FIXED_STRING;
        return true;
    default: return false;
    }
}

/* Whether one encoding does for all forms: the two kinds of CBOR differ in few records. */
static bool
needs_one_form(const ct_value_cache *cache, bool forms_differ)
{
    return cache->form_count == 1 || (!forms_differ && cache->forms[0] != CT_FORM_JSON && cache->forms[1] != CT_FORM_JSON);
}

static ct_code
encode_simple(ct_value_cache *cache, const ct_view_node *node, ct_encoded *encoded)
{
    encoded->cuts = 0;
    encoded->serial = 0;
    encoded->written = NULL;
    bool one = needs_one_form(cache, node->kind == CT_VIEW_BOOL || node->kind == CT_VIEW_FLOAT);
    for (unsigned f = 0; f < cache->form_count; f++) {
        if (f && one) {
            encoded->bytes[f] = encoded->bytes[0];
            encoded->size[f] = encoded->size[0];
            continue;
        }
        uint8_t *piece = ct_arena_take(&cache->scalars, SCALAR_ROOM);
        if (!piece)
            return CT_E_NOMEM;
        ct_buffer out = { .bytes = piece, .capacity = SCALAR_ROOM }; /* enough for any of is_simple: it never grows */
        ct_encode(&out, cache->forms[f], node, 0);
        ct_arena_shrink(&cache->scalars, piece, out.size);
        encoded->bytes[f] = piece;
        encoded->size[f] = out.size;
    }
    return CT_OK;
}

/* Into cache->scratch: `forms` of them. */
static ct_code
build(ct_value_cache *cache, const ct_value *value, unsigned *forms, ct_error *error)
{
    CT_TRY(ct_view_build(&cache->view, value, error));
    *forms = needs_one_form(cache, cache->view.forms_differ) ? 1 : cache->form_count;
    for (unsigned f = 0; f < *forms; f++) {
        ct_buffer *out = &cache->scratch[f];
        if (out->capacity > 1024 * 1024)
            ct_buffer_free(out);
        out->size = 0;
        ct_encode(out, cache->forms[f], cache->view.nodes, 0);
        if (out->failed)
            return CT_E_NOMEM;
    }
    return CT_OK;
}

/* Other scalars: rare enough not to be remembered. */
static ct_code
encode_other_scalar(ct_value_cache *cache, const ct_value *value, ct_encoded *encoded, ct_error *error)
{
    unsigned forms;
    CT_TRY(build(cache, value, &forms, error));
    encoded->cuts = cache->view.cuts;
    encoded->serial = 0;
    encoded->written = NULL;
    for (unsigned f = 0; f < cache->form_count; f++) {
        if (f >= forms) {
            encoded->bytes[f] = encoded->bytes[0];
            encoded->size[f] = encoded->size[0];
            continue;
        }
        uint8_t *piece = ct_arena_take(&cache->scalars, cache->scratch[f].size);
        if (!piece)
            return CT_E_NOMEM;
        memcpy(piece, cache->scratch[f].bytes, cache->scratch[f].size);
        encoded->bytes[f] = piece;
        encoded->size[f] = cache->scratch[f].size;
    }
    return CT_OK;
}

static ct_code
grow_table(ct_value_cache *cache)
{
    size_t size = cache->table_size ? cache->table_size * 2 : INITIAL_TABLE;
    ct_cached_value **table = ct_allocate_zero(cache->view.texts.allocator, size, sizeof *table);
    if (!table)
        return CT_E_NOMEM;
    ct_free(cache->view.texts.allocator, cache->table);
    cache->table = table;
    cache->table_size = size;
    for (ct_cached_value *entry = cache->newest; entry; entry = entry->older) {
        ct_cached_value **link = &table[bucket_of(cache, entry->key)];
        entry->next = *link;
        *link = entry;
    }
    return CT_OK;
}

/* Whether nothing that the entry shows has changed since it was encoded. */
static bool
is_current(ct_value_cache *cache, ct_cached_value *entry)
{
    uint64_t changed = ct_replay_objects_changed(cache->view.replay);
    if (entry->key & 1 || entry->checked == changed)
        return true;
    for (size_t i = 0; i < entry->object_count; i++) {
        const ct_object *object = ct_replay_object(cache->view.replay, entry->objects[i]);
        if (!object || object->changed > entry->encoded_at)
            return false;
    }
    entry->checked = changed;
    return true;
}

/* Encodes anew into the entry. */
static ct_code
renew(ct_value_cache *cache, ct_cached_value *entry, const ct_value *value, ct_error *error)
{
    unsigned forms;
    CT_TRY(build(cache, value, &forms, error));
    size_t ids = cache->view.object_count * sizeof *entry->objects, needed = ids;
    for (unsigned f = 0; f < forms; f++)
        needed += cache->scratch[f].size;
    if (needed > entry->capacity || needed < entry->capacity / 4) {
        size_t capacity = entry->capacity ? needed + needed / 4 : needed; /* one that changed once changes again */
        uint64_t *memory = ct_allocate(cache->view.texts.allocator, capacity ? capacity : 1);
        if (!memory)
            return CT_E_NOMEM;
        ct_free(cache->view.texts.allocator, entry->objects);
        cache->remembered += capacity - entry->capacity;
        entry->objects = memory;
        entry->capacity = capacity;
    }
    if (ids)
        memcpy(entry->objects, cache->view.objects, ids);
    entry->object_count = cache->view.object_count;
    entry->one_form = forms == 1;
    uint8_t *at = (uint8_t *)entry->objects + ids;
    for (unsigned f = 0; f < forms; f++) {
        memcpy(at, cache->scratch[f].bytes, cache->scratch[f].size);
        entry->size[f] = cache->scratch[f].size;
        at += entry->size[f];
    }
    entry->cuts = cache->view.cuts;
    entry->serial = ++cache->last_serial;
    entry->encoded_at = cache->event;
    entry->checked = ct_replay_objects_changed(cache->view.replay);
    return CT_OK;
}

static ct_code
find(ct_value_cache *cache, uint64_t key, const ct_value *value, ct_cached_value **found, ct_error *error)
{
    ct_cached_value **bucket = cache->table_size ? &cache->table[bucket_of(cache, key)] : NULL, *entry = bucket ? *bucket : NULL;
    while (entry && entry->key != key) {
        bucket = &entry->next;
        entry = entry->next;
    }
    if (entry) {
        ct_cached_value **first = &cache->table[bucket_of(cache, key)];
        if (*first != entry) { /* to the front: what stands before it is of dead objects mostly, and not in the processor's cache */
            *bucket = entry->next;
            entry->next = *first;
            *first = entry;
        }
        if (entry != cache->newest) {
            unlink_age(cache, entry);
            link_newest(cache, entry);
        }
        *found = entry;
        return is_current(cache, entry) ? CT_OK : renew(cache, entry, value, error);
    }
    if (cache->entry_count >= cache->table_size)
        CT_TRY(grow_table(cache));
    entry = ct_allocate_zero(cache->view.texts.allocator, 1, sizeof *entry);
    if (!entry)
        return CT_E_NOMEM;
    entry->key = key;
    ct_code code = renew(cache, entry, value, error);
    if (code != CT_OK) {
        cache->remembered -= entry->capacity;
        free_entry(cache, entry);
        return code;
    }
    ct_cached_value **link = &cache->table[bucket_of(cache, key)];
    entry->next = *link;
    *link = entry;
    link_newest(cache, entry);
    cache->entry_count++;
    cache->looks_due += 2;
    cache->remembered += footprint(entry) - entry->capacity;
    *found = entry;
    return CT_OK;
}

ct_code
ct_value_cache_encode(ct_value_cache *cache, const ct_value *value, ct_encoded *encoded, ct_error *error)
{
    ct_view_node node;
    enum ct_fixed_type fixed;
    memset(&node, 0, sizeof node);
    if (is_simple(value, &node, &fixed) && (value->kind != CT_TEXT || value->data.size <= cache->view.limits.string_bytes)) {
        CT_TRY(ct_types_fixed(cache->view.types, fixed, &node.type));
        return encode_simple(cache, &node, encoded);
    }
    if (value->kind != CT_OBJECT && !value->content)
        return encode_other_scalar(cache, value, encoded, error);

    ct_cached_value *entry;
    CT_TRY(find(cache, value->kind == CT_OBJECT ? value->object * 2 : (value->content - 1) * 2 + 1, value, &entry, error));
    const uint8_t *at = (const uint8_t *)(entry->objects + entry->object_count);
    encoded->cuts = entry->cuts;
    encoded->serial = entry->serial;
    encoded->written = entry->written;
    encoded->alone = entry->object_count == 1;
    for (unsigned f = 0; f < cache->form_count; f++) {
        encoded->bytes[f] = at;
        encoded->size[f] = entry->size[entry->one_form ? 0 : f];
        at += entry->one_form ? 0 : entry->size[f];
    }
    return CT_OK;
}
