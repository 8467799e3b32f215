/* See import_values.h. Owns the way of a value: the tree that a format's reader builds, the dump that is kept of it, and what the journal
 * gets: an encoded value, and an OBJECT record for each object in it.
 * Invariant: an object's record follows those of the objects inside it, but its id comes before theirs; so the ids that writing one value uses are
 * [next_object before, next_object after), and its own is the first of them.
 */
#include "formats/import_values.h"

#include <stdio.h>

#include "formats/text.h"

#include <xxhash.h>

enum { MOST_ITEMS = 20000, MOST_TEXT = 1 << 20 };

typedef struct dumped { const uint8_t *at; } dumped;

/* ---- dumps ---- */

static void
dump_number(ct_buffer *out, uint64_t number)
{
    uint8_t *at = ct_buffer_room(out, 10);
    if (at)
        out->size += (size_t)(ct_write_varint(at, number) - at);
}

static void
dump(const ct_stream_tree *tree, size_t index, ct_buffer *out)
{
    const ct_stream_node *node = ct_stream_at(tree, index);
    dump_number(out, (uint64_t)node->kind * 2 + node->negative);
    dump_number(out, node->type);
    switch (node->kind) {
    case CT_NODE_NONE:
        break;
    case CT_NODE_BOOL:
    case CT_NODE_INT:
        dump_number(out, ct_zigzag(node->integer));
        break;
    case CT_NODE_FLOAT:
        ct_buffer_add(out, &node->number, sizeof node->number);
        break;
    case CT_NODE_BIGINT:
    case CT_NODE_STRING:
    case CT_NODE_RAW:
        dump_number(out, node->size);
        ct_buffer_add(out, node->bytes, node->size);
        break;
    default:
        dump_number(out, node->children);
        for (size_t child = node->first; child; child = ct_stream_at(tree, child)->next)
            dump(tree, child, out);
    }
}

ct_code
ct_import_values_keep(ct_kept_values *kept, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    if (!CT_GROW(kept->bytes.allocator, kept->items, kept->capacity, kept->count))
        return CT_E_NOMEM;
    size_t at = kept->bytes.size;
    dump(tree, node, &kept->bytes);
    if (kept->bytes.failed)
        return CT_E_NOMEM;
    size_t size = kept->bytes.size - at;
    kept->items[kept->count++] = (ct_kept_value){variable, at, size, XXH3_64bits(kept->bytes.bytes + at, size)};
    return CT_OK;
}

void
ct_kept_clear(ct_kept_values *kept)
{
    kept->count = 0;
    kept->bytes.size = 0;
}

void
ct_kept_free(ct_kept_values *kept)
{
    ct_free(kept->bytes.allocator, kept->items);
    ct_buffer_free(&kept->bytes);
}

/* ---- types ---- */

ct_code
ct_import_values_type(ct_import_values *v, const ct_stream_type *told)
{
    if (!CT_GROW(v->allocator, v->types, v->type_capacity, v->type_count))
        return CT_E_NOMEM;
    ct_import_type_entry *type = &v->types[v->type_count];
    *type = (ct_import_type_entry){.kind = told->kind, .name = ct_copy_text(v->allocator, told->name, told->name_size), .size = told->name_size,
                                   .field_count = told->field_count};
    type->fields = ct_allocate(v->allocator, (told->field_count + 1) * sizeof *type->fields);
    if (!type->name || !type->fields) {
        ct_free(v->allocator, type->name);
        ct_free(v->allocator, type->fields);
        return CT_E_NOMEM;
    }
    const uint8_t *fields = told->fields;
    for (size_t i = 0; i < told->field_count; i++) {
        ct_text name = ct_stream_take_name(&fields);
        type->fields[i] = ct_define_name(v->r, name.bytes, name.size);
    }
    v->type_count++;
    return CT_OK;
}

/* ---- from a dump to the journal ---- */

static uint64_t
take_number(dumped *in)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *in->at++;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return number;
    }
}

static const ct_import_type_entry *
type_of(const ct_import_values *v, uint64_t type)
{
    return type < v->type_count ? &v->types[type] : NULL;
}

static bool
is_named(const ct_import_type_entry *type, const char *name)
{
    return !type || (type->size == strlen(name) && memcmp(type->name, name, type->size) == 0);
}

/* The journal's type for one of the stream's, shown as `look`. */
static uint32_t
journal_type(ct_import_values *v, uint64_t number, enum ct_look look, const char *usual)
{
    static const char *const builtin[][2] = {{"List", "list"}, {"Tuple", "tuple"}, {"Dict", "dict"}, {"Set", "set"}, {"FrozenSet", "frozenset"}};
    ct_import_type_entry *type = number < v->type_count ? &v->types[number] : NULL;
    if (!type)
        return ct_define_type(v->r, look, CT_TYPE_BUILTIN, usual, strlen(usual));
    if (!type->ids[look]) {
        const char *name = type->name;
        size_t size = type->size;
        /* Marks of cuts that are kept as texts and those that an export makes anew have one type. */
        unsigned flags = is_named(type, "Cut") ? CT_TYPE_BUILTIN : 0;
        for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
            if (look >= CT_LOOK_LIST && look <= CT_LOOK_SET && is_named(type, builtin[i][0])) {
                name = builtin[i][1];
                size = strlen(name);
                flags = CT_TYPE_BUILTIN;
            }
        type->ids[look] = ct_define_type(v->r, look, flags, name, size) + 1;
    }
    return type->ids[look] - 1;
}

/* Raw or Error of that type and text, which stands for a value that is not shown. */
static uint8_t
hidden_tag(const ct_import_type_entry *type, const void *bytes, size_t size)
{
    if (type && is_named(type, "Redacted") && size == 10 && memcmp(bytes, "<redacted>", 10) == 0)
        return CT_V_REDACTED;
    return type && is_named(type, "Dropped") && size == 9 && memcmp(bytes, "<dropped>", 9) == 0 ? CT_V_DROPPED : 0;
}

static size_t write_value(ct_import_values *v, dumped *in, uint8_t out[CT_VALUE_MAX]);

/* Room for an OBJECT record and the record begun; the rest is added to v->record. */
static void
begin_object(ct_import_values *v, uint64_t id, uint32_t type, unsigned flags)
{
    v->record.size = 0;
    ct_buffer_add_byte(&v->record, CT_R_OBJECT);
    dump_number(&v->record, id);
    dump_number(&v->record, type);
    ct_buffer_add_byte(&v->record, (uint8_t)(flags | CT_O_ADDRESS));
    dump_number(&v->record, 0); /* no address is known, so all differences are zero */
}

static void
put_object(ct_import_values *v)
{
    if (v->record.failed)
        return;
    ct_room(v->r, v->record.size);
    ct_put_bytes(v->r, v->record.bytes, v->record.size);
}

static size_t
write_text(ct_import_values *v, const uint8_t *bytes, size_t size, uint8_t out[CT_VALUE_MAX])
{
    if (size <= CT_V_TEXT_MAX)
        return (size_t)(ct_write_short_text(out, bytes, size) - out);
    uint64_t characters, passed;
    size_t kept = ct_text_prefix(bytes, size, MOST_TEXT, &passed);
    (void)ct_text_prefix(bytes, size, size, &characters);
    return (size_t)(ct_write_content(out, ct_content(v->r, CT_CONTENT_TEXT, bytes, kept, characters)) - out);
}

/* A str. One that was cut is a cut one again, so that who writes it anew tells how long it was, and not how long the rest is. */
static size_t
write_string(ct_import_values *v, const uint8_t *bytes, size_t size, uint8_t out[CT_VALUE_MAX])
{
    uint64_t rest, all, characters;
    size_t shown = ct_text_cut_mark(bytes, size, &rest, &all);
    (void)ct_text_prefix(bytes, shown, shown, &characters);
    if (shown == size || rest == 0 || characters + rest != all)
        return write_text(v, bytes, size, out);
    size_t kept = ct_text_prefix(bytes, shown, MOST_TEXT, &characters);
    return (size_t)(ct_write_content(out, ct_content(v->r, CT_CONTENT_TEXT, bytes, kept, all)) - out);
}

static size_t
write_big(ct_import_values *v, bool negative, const uint8_t *bytes, size_t size, uint8_t out[CT_VALUE_MAX])
{
    uint8_t *turned = ct_allocate(v->allocator, size + 1);
    size_t count = 0;
    if (!turned)
        v->record.failed = true;
    for (size_t i = size; turned && i-- > 0;)
        turned[count++] = bytes[i];
    while (count > 0 && turned[count - 1] == 0)
        count--;
    uint64_t all = count;
    if (count > MOST_TEXT)
        count = MOST_TEXT;
    uint8_t *end = count <= CT_V_BIGINT_MAX
                       ? ct_write_bigint(out, negative, turned ? turned : bytes, count)
                       : ct_write_content(out, ct_content(v->r, negative ? CT_CONTENT_NEGATIVE : CT_CONTENT_INTEGER, turned, count, all));
    ct_free(v->allocator, turned);
    return (size_t)(end - out);
}

/* An object whose state is one value: a subclass of int and the like, or a literal. */
static size_t
wrap(ct_import_values *v, uint64_t type, enum ct_look look, const char *usual, const uint8_t *value, size_t size, uint8_t out[CT_VALUE_MAX])
{
    uint64_t id = v->next_object++;
    uint8_t payload[CT_VALUE_MAX];
    memcpy(payload, value, size);
    begin_object(v, id, journal_type(v, type, look, usual), CT_O_PAYLOAD);
    ct_buffer_add(&v->record, payload, size);
    put_object(v);
    return (size_t)(ct_write_object(out, id) - out);
}

/* "‹… N more of M›" of type Cut: M. */
static bool
is_cut(const ct_import_values *v, dumped in, uint64_t *length)
{
    uint64_t kind = take_number(&in), type = take_number(&in), rest;
    if (kind != CT_NODE_RAW * 2 || !type_of(v, type) || !is_named(type_of(v, type), "Cut"))
        return false;
    size_t size = (size_t)take_number(&in);
    return ct_text_cut_mark(in.at, size, &rest, length) == 0 && size > 0;
}

/* A sequence whose type or items say that it is a dict: its items, but for a cut's mark, are pairs. */
static bool
is_dict(ct_import_values *v, const ct_import_type_entry *type, dumped in, size_t count)
{
    static const char *const known[] = {"Dict", "collections.OrderedDict", "collections.defaultdict", "collections.Counter"};
    bool named = false;
    uint64_t length;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        named = named || (type && is_named(type, known[i]));
    if (!named)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count && is_cut(v, in, &length))
            break;
        if (take_number(&in) != CT_NODE_TUPLE * 2)
            return false;
        take_number(&in);
        if (take_number(&in) != 2)
            return false;
        /* Over the pair: two values. */
        for (size_t open = 2; open > 0; open--) {
            uint64_t kind = take_number(&in) / 2;
            take_number(&in);
            if (kind == CT_NODE_BOOL || kind == CT_NODE_INT)
                take_number(&in);
            else if (kind == CT_NODE_FLOAT)
                in.at += sizeof(double);
            else if (kind == CT_NODE_BIGINT || kind == CT_NODE_STRING || kind == CT_NODE_RAW) {
                size_t size = (size_t)take_number(&in);
                in.at += size;
            }
            else if (kind != CT_NODE_NONE)
                open += (size_t)take_number(&in);
        }
    }
    return true;
}

static uint32_t
shape_of(ct_import_values *v, uint64_t number, size_t count)
{
    ct_import_type_entry *type = number < v->type_count ? &v->types[number] : NULL;
    if (type && type->field_count == count && type->field_count) {
        if (!type->shape)
            type->shape = ct_define_shape(v->r, type->fields, type->field_count) + 1;
        return type->shape - 1;
    }
    /* More values than names, or fewer: their numbers stand for names that are missing. */
    uint32_t *names = ct_allocate(v->allocator, (count + 1) * sizeof *names), shape;
    for (size_t i = 0; names && i < count; i++) {
        char name[24];
        int size = snprintf(name, sizeof name, "%zu", i);
        names[i] = type && i < type->field_count ? type->fields[i] : ct_define_name(v->r, name, (size_t)size);
    }
    if (!names)
        v->record.failed = true;
    shape = ct_define_shape(v->r, names, names ? count : 0);
    ct_free(v->allocator, names);
    return shape;
}

static size_t
write_compound(ct_import_values *v, ct_node_kind kind, uint64_t type_number, dumped *in, uint8_t out[CT_VALUE_MAX])
{
    const ct_import_type_entry *type = type_of(v, type_number);
    size_t count = (size_t)take_number(in), kept = 0;
    uint64_t id = v->next_object++, length = count, told;
    bool dict = kind == CT_NODE_SEQUENCE && is_dict(v, type, *in, count);
    ct_buffer values = {.allocator = v->allocator};
    uint8_t value[CT_VALUE_MAX];
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count && kind != CT_NODE_STRUCT && is_cut(v, *in, &told)) {
            length = told > count - 1 ? told : count - 1;
            (void)write_value(v, in, value);
            break;
        }
        if (dict) {
            take_number(in);
            take_number(in);
            take_number(in);
        }
        for (int part = 0; part <= dict; part++) {
            size_t size = write_value(v, in, value);
            if (kept < MOST_ITEMS)
                ct_buffer_add(&values, value, size);
        }
        kept += kept < MOST_ITEMS;
    }
    enum ct_look look = dict                     ? CT_LOOK_DICT
                        : kind == CT_NODE_TUPLE    ? CT_LOOK_TUPLE
                        : kind == CT_NODE_STRUCT   ? CT_LOOK_STRUCT
                        : type && type->kind == 1 ? CT_LOOK_SET
                                                 : CT_LOOK_LIST;
    uint32_t journal = journal_type(v, type_number, look, kind == CT_NODE_TUPLE ? "tuple" : kind == CT_NODE_STRUCT ? "object" : "list");
    if (kind == CT_NODE_STRUCT) {
        uint32_t shape = shape_of(v, type_number, kept);
        begin_object(v, id, journal, CT_O_FIELDS);
        dump_number(&v->record, shape);
    }
    else {
        begin_object(v, id, journal, CT_O_ITEMS);
        dump_number(&v->record, length);
        dump_number(&v->record, dict ? kept * 2 : kept);
    }
    if (values.size)
        ct_buffer_add(&v->record, values.bytes, values.size);
    if (values.failed)
        v->record.failed = true;
    put_object(v);
    ct_buffer_free(&values);
    return (size_t)(ct_write_object(out, id) - out);
}

/* Writes the objects inside (within the event at hand) and encodes the value; returns its size. */
static size_t
write_value(ct_import_values *v, dumped *in, uint8_t out[CT_VALUE_MAX])
{
    uint64_t head = take_number(in), number = take_number(in);
    const ct_import_type_entry *type = type_of(v, number);
    size_t size = 0;
    switch ((ct_node_kind)(head / 2)) {
    case CT_NODE_NONE:
        out[0] = CT_V_NONE;
        return 1;
    case CT_NODE_BOOL:
        out[0] = ct_unzigzag(take_number(in)) ? CT_V_TRUE : CT_V_FALSE;
        return 1;
    case CT_NODE_INT:
        size = (size_t)(ct_write_int(out, ct_unzigzag(take_number(in))) - out);
        return is_named(type, "Int") ? size : wrap(v, number, CT_LOOK_SCALAR, "int", out, size, out);
    case CT_NODE_FLOAT: {
        double value;
        memcpy(&value, in->at, sizeof value);
        in->at += sizeof value;
        size = (size_t)(ct_write_float(out, value) - out);
        return is_named(type, "Float") ? size : wrap(v, number, CT_LOOK_SCALAR, "float", out, size, out);
    }
    case CT_NODE_BIGINT: {
        size_t count = (size_t)take_number(in);
        const uint8_t *bytes = in->at;
        in->at += count;
        size = write_big(v, head & 1, bytes, count, out);
        return is_named(type, "Int") ? size : wrap(v, number, CT_LOOK_SCALAR, "int", out, size, out);
    }
    case CT_NODE_STRING: {
        size_t count = (size_t)take_number(in);
        const uint8_t *bytes = in->at;
        in->at += count;
        size = write_string(v, bytes, count, out);
        return is_named(type, "String") ? size : wrap(v, number, CT_LOOK_SCALAR, "str", out, size, out);
    }
    case CT_NODE_RAW: {
        size_t count = (size_t)take_number(in);
        const uint8_t *bytes = in->at;
        in->at += count;
        if (type && is_named(type, "ellipsis")) {
            out[0] = CT_V_ELLIPSIS;
            return 1;
        }
        if (type && is_named(type, "NotImplementedType")) {
            out[0] = CT_V_NOTIMPLEMENTED;
            return 1;
        }
        if ((out[0] = hidden_tag(type, bytes, count)))
            return 1;
        size = write_text(v, bytes, count, out);
        return wrap(v, number, CT_LOOK_LITERAL, "object", out, size, out);
    }
    default:
        return write_compound(v, (ct_node_kind)(head / 2), number, in, out);
    }
}

/* ---- for the state ---- */

void
ct_import_values_start(ct_import_values *v)
{
    v->next_object = 0;
}

size_t
ct_import_values_write(ct_import_values *v, const ct_kept_values *kept, size_t index, uint8_t out[CT_VALUE_MAX])
{
    dumped in = {kept->bytes.bytes + kept->items[index].at};
    return write_value(v, &in, out);
}

/* As write_value() decides. */
bool
ct_import_values_is_object(const ct_import_values *v, const ct_stream_tree *tree, size_t index)
{
    const ct_stream_node *node = ct_stream_at(tree, index);
    const ct_import_type_entry *type = type_of(v, node->type);
    switch (node->kind) {
    case CT_NODE_NONE:
    case CT_NODE_BOOL:
        return false;
    case CT_NODE_INT:
    case CT_NODE_BIGINT:
        return !is_named(type, "Int");
    case CT_NODE_FLOAT:
        return !is_named(type, "Float");
    case CT_NODE_STRING:
        return !is_named(type, "String");
    case CT_NODE_RAW:
        return !type || !(is_named(type, "ellipsis") || is_named(type, "NotImplementedType") || hidden_tag(type, node->bytes, node->size));
    default:
        return true;
    }
}

void
ct_import_values_free(ct_import_values *v)
{
    for (size_t i = 0; i < v->type_count; i++) {
        ct_free(v->allocator, v->types[i].name);
        ct_free(v->allocator, v->types[i].fields);
    }
    ct_free(v->allocator, v->types);
    ct_buffer_free(&v->record);
}
