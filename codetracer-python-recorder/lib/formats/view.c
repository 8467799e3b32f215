/* See view.h. The rules are docs/values.md's, "Limits, and how a cut looks"; the order of checks for a child is: room for another node,
 * an object open on the path, depth, then its record. */
#include "formats/view.h"

#include <string.h>

#include "formats/text.h"

/* A container or object whose record stands in nodes[node] and whose children are still to come. */
struct ct_view_pending {
    size_t node;
    const ct_object *object;
    size_t parent;                /* in the queue; SIZE_MAX for the first */
    uint32_t container_level, attribute_level, nesting;
};

void
ct_view_start(ct_view *view, ct_replay *replay, ct_types *types, const ct_view_limits *limits)
{
    const ct_allocator *allocator = types->scratch.allocator;
    *view = (ct_view){ .replay = replay, .resolver = replay, .types = types, .limits = *limits, .texts.allocator = allocator,
                       .scratch.allocator = allocator };
}

void
ct_view_free(ct_view *view)
{
    ct_free(view->texts.allocator, view->nodes);
    ct_free(view->texts.allocator, view->objects);
    ct_free(view->texts.allocator, view->queue);
    ct_free(view->texts.allocator, view->names);
    ct_arena_free(&view->texts);
    ct_buffer_free(&view->scratch);
}

/* Room for `count` more elements of `size` bytes. */
static bool
reserve(const ct_allocator *allocator, void **array, size_t *capacity, size_t used, size_t count, size_t size)
{
    if (*capacity - used >= count)
        return true;
    size_t wanted = *capacity < 32 ? 32 : *capacity;
    while (wanted - used < count) {
        if (wanted > SIZE_MAX / 2 / size)
            return false;
        wanted *= 2;
    }
    void *bigger = ct_resize(allocator, *array, wanted * size);
    if (!bigger)
        return false;
    *array = bigger;
    *capacity = wanted;
    return true;
}

static ct_code
add_nodes(ct_view *view, size_t count, size_t *first)
{
    if (!reserve(view->texts.allocator, (void **)&view->nodes, &view->node_capacity, view->node_count, count, sizeof *view->nodes))
        return CT_E_NOMEM;
    *first = view->node_count;
    view->node_count += count;
    return CT_OK;
}

/* Copies the text made in view->scratch into the view. */
static ct_code
keep_scratch(ct_view *view, ct_view_node *node)
{
    if (view->scratch.failed)
        return CT_E_NOMEM;
    uint8_t *copy = ct_arena_take(&view->texts, view->scratch.size + 1);
    if (!copy)
        return CT_E_NOMEM;
    if (view->scratch.size)
        memcpy(copy, view->scratch.bytes, view->scratch.size);
    node->text.bytes = copy;
    node->text.size = view->scratch.size;
    return CT_OK;
}

static void
add_number(ct_buffer *out, uint64_t value)
{
    char text[24];
    ct_buffer_add(out, text, ct_text_of_u64(text, value));
}

static void
add_address(ct_buffer *out, uint64_t address)
{
    static const char before[6] = { ' ', 'a', 't', ' ', '0', 'x' };
    char text[sizeof before + 16], *at = text + sizeof text;
    do /* objects are many: printf would take a tenth of an export's time */
        *--at = "0123456789abcdef"[address & 15];
    while (address >>= 4);
    at -= sizeof before;
    memcpy(at, before, sizeof before);
    ct_buffer_add(out, at, (size_t)(text + sizeof text - at));
}

static void
add_name(ct_view *view, const ct_object *object)
{
    ct_text name = ct_types_name(view->types, object->type);
    ct_text_clean(&view->scratch, (const uint8_t *)name.bytes, name.size, true);
}

/* ‹… N more of M› */
static void
add_rest(ct_buffer *out, uint64_t shown, uint64_t all)
{
    ct_buffer_add_text(out, "‹… ");
    add_number(out, all - shown);
    ct_buffer_add_text(out, " more of ");
    add_number(out, all);
    ct_buffer_add_text(out, "›");
}

/* node becomes the Raw mark whose text is in scratch. Counted are the cuts made here, not those that the recording made: of those the journal has no more. */
static ct_code
cut_mark(ct_view *view, ct_view_node *node, bool here)
{
    view->cuts += here;
    node->kind = CT_VIEW_RAW;
    CT_TRY(ct_types_fixed(view->types, CT_FIXED_CUT, &node->type));
    return keep_scratch(view, node);
}

static ct_code
cut_rest(ct_view *view, ct_view_node *node, uint64_t shown, uint64_t all, bool here)
{
    view->scratch.size = 0;
    add_rest(&view->scratch, shown, all);
    return cut_mark(view, node, here);
}

static ct_code
cut_field(ct_view *view, ct_view_node *node)
{
    view->scratch.size = 0;
    ct_buffer_add_text(&view->scratch, "‹…›");
    return cut_mark(view, node, true);
}

static bool is_container(enum ct_look look) { return look >= CT_LOOK_LIST && look <= CT_LOOK_SET; }

static ct_code
cut_whole(ct_view *view, ct_view_node *node, const ct_object *object, enum ct_look look, bool here)
{
    view->scratch.size = 0;
    ct_buffer_add_text(&view->scratch, "‹… ");
    add_name(view, object);
    if (is_container(look)) {
        ct_buffer_add_text(&view->scratch, " of ");
        add_number(&view->scratch, object->true_length);
    } else
        add_address(&view->scratch, object->address);
    ct_buffer_add_text(&view->scratch, "›");
    return cut_mark(view, node, here);
}

/* A literal that an export has cut (b'…'‹… N more of M›, in which a byte may take four characters) and that was read from there. Cut again, its mark
 * would tell the length of what was left. */
static bool
is_cut_already(const ct_view *view, const uint8_t *bytes, size_t size)
{
    uint64_t rest, all;
    size_t end = size && bytes[size - 1] == ')' ? size - 1 : size, mark = ct_text_cut_mark(bytes, end, &rest, &all);
    return mark < end && mark / 4 <= view->limits.string_bytes + sizeof "memoryview(b''" / 4;
}

/* The text of a String or Raw: as it is where it can stay where it is, else copied: cleaned and cut. */
static ct_code
fill_text(ct_view *view, ct_view_node *node, const ct_value *value)
{
    const uint8_t *bytes = value->data.bytes;
    size_t size = (size_t)value->data.size, kept = size;
    uint64_t characters = value->data.true_length;
    if (size > view->limits.string_bytes && !is_cut_already(view, bytes, size))
        kept = ct_text_prefix(bytes, size, view->limits.string_bytes, &characters);
    else if (value->content && value->data.true_length != size) /* cut by the journal? Only contents can be. */
        kept = ct_text_prefix(bytes, size, size, &characters);
    uint64_t all = value->data.true_length;
    if (!value->content && kept < size)
        ct_text_prefix(bytes, size, size, &all);
    bool cut = value->content ? characters < all : kept < size;
    if (!cut && !value->content && ct_text_is_clean(bytes, size)) {
        node->text.bytes = bytes;
        node->text.size = size;
        return CT_OK;
    }
    view->scratch.size = 0;
    ct_text_clean(&view->scratch, bytes, kept, true);
    if (cut) {
        view->cuts += kept < size;
        add_rest(&view->scratch, characters, all);
    }
    return keep_scratch(view, node);
}

/* b'…', within the type's name unless that is `bytes` itself. */
static ct_code
fill_bytes(ct_view *view, ct_view_node *node, const ct_value *value, const ct_object *object)
{
    size_t size = (size_t)value->data.size;
    size_t kept = size < view->limits.string_bytes ? size : (size_t)view->limits.string_bytes;
    uint64_t all = value->content ? value->data.true_length : size;
    /* A bytes, or of a class derived from it: the literal alone. Else the name of the base goes around it: bytearray may be derived from, memoryview not. */
    const ct_type_info *info = object ? ct_journal_type(view->types->journal, object->type) : NULL;
    bool wrapped = info && info->look == CT_LOOK_BYTES;
    view->scratch.size = 0;
    if (wrapped) {
        bool is_view = info->name.size == 10 && memcmp(info->name.bytes, "memoryview", 10) == 0;
        const char *open = is_view ? "memoryview(" : "bytearray(";
        ct_buffer_add(&view->scratch, open, strlen(open));
    }
    ct_text_of_bytes(&view->scratch, value->data.bytes, kept);
    if (kept < all) {
        view->cuts += kept < size;
        add_rest(&view->scratch, kept, all);
    }
    if (wrapped)
        ct_buffer_add_byte(&view->scratch, ')');
    return keep_scratch(view, node);
}

/* An integer beyond 64 bits. One whose magnitude is longer than a string may be is cut as a whole: a part of its digits would be another
 * number. */
static ct_code
fill_bigint(ct_view *view, ct_view_node *node, const ct_value *value)
{
    uint64_t all = value->content ? value->data.true_length : value->data.size;
    if (value->data.size < all || value->data.size > view->limits.string_bytes) {
        view->scratch.size = 0;
        ct_buffer_add_text(&view->scratch, "‹… int of ");
        add_number(&view->scratch, all);
        ct_buffer_add_text(&view->scratch, "›");
        return cut_mark(view, node, value->data.size == all);
    }
    size_t size = (size_t)value->data.size;
    while (size > 1 && value->data.bytes[size - 1] == 0)
        size--;
    node->kind = CT_VIEW_BIGINT;
    node->negative = value->negative;
    view->scratch.size = 0;
    ct_buffer_add(&view->scratch, value->data.bytes, size);
    return keep_scratch(view, node);
}

static ct_code
raw_text(ct_view *view, ct_view_node *node, const char *text, size_t size)
{
    node->kind = CT_VIEW_RAW;
    view->scratch.size = 0;
    ct_buffer_add(&view->scratch, text, size);
    return keep_scratch(view, node);
}

/* What a value is not shown for: redacted, or dropped by a rule. Its type would say nothing. */
static ct_code
fill_hidden(ct_view *view, ct_view_node *node, ct_value_kind kind)
{
    const char *text = kind == CT_REDACTED ? "<redacted>" : "<dropped>";
    node->kind = CT_VIEW_ERROR;
    node->text.bytes = (const uint8_t *)text;
    node->text.size = strlen(text);
    return ct_types_fixed(view->types, kind == CT_REDACTED ? CT_FIXED_REDACTED : CT_FIXED_DROPPED, &node->type);
}

/* A value that is no object, or the payload of `object` (whose type it then bears). */
static ct_code
fill_scalar(ct_view *view, ct_view_node *node, const ct_value *value, const ct_object *object, ct_error *error)
{
    char text[2 * CT_NUMBER_TEXT_MAX];
    ct_value resolved;
    enum ct_fixed_type fixed;
    enum ct_type_kind kind = CT_KIND_RAW;
    if (value->content) {
        resolved = *value;
        CT_TRY(ct_replay_resolve(view->resolver, &resolved, error));
        if (!resolved.content)
            resolved.content = value->content; /* whether it came from a content decides about cuts */
        value = &resolved;
    }
    switch (value->kind) {
    case CT_NONE: node->kind = CT_VIEW_NONE; fixed = CT_FIXED_NONE; kind = CT_KIND_NONE; break;
    case CT_BOOL: node->kind = CT_VIEW_BOOL; node->boolean = value->boolean; fixed = CT_FIXED_BOOL; kind = CT_KIND_BOOL; break;
    case CT_INT: node->kind = CT_VIEW_INT; node->integer = value->integer; fixed = CT_FIXED_INT; kind = CT_KIND_INT; break;
    case CT_FLOAT: node->kind = CT_VIEW_FLOAT; node->number = value->number[0]; fixed = CT_FIXED_FLOAT; kind = CT_KIND_FLOAT; break;
    case CT_BIGINT:
        CT_TRY(fill_bigint(view, node, value));
        if (node->kind == CT_VIEW_RAW)
            return CT_OK; /* a cut, which has its own type */
        fixed = CT_FIXED_INT;
        kind = CT_KIND_INT;
        break;
    case CT_TEXT:
        node->kind = CT_VIEW_STRING;
        CT_TRY(fill_text(view, node, value));
        fixed = CT_FIXED_STRING;
        kind = CT_KIND_STRING;
        break;
    case CT_BYTES:
        node->kind = CT_VIEW_RAW;
        CT_TRY(fill_bytes(view, node, value, object));
        fixed = CT_FIXED_BYTES;
        break;
    case CT_COMPLEX:
        CT_TRY(raw_text(view, node, text, ct_text_of_complex(text, value->number[0], value->number[1])));
        fixed = CT_FIXED_COMPLEX;
        break;
    case CT_ELLIPSIS:
        CT_TRY(raw_text(view, node, "Ellipsis", 8));
        fixed = CT_FIXED_ELLIPSIS;
        break;
    case CT_NOTIMPLEMENTED:
        CT_TRY(raw_text(view, node, "NotImplemented", 14));
        fixed = CT_FIXED_NOTIMPLEMENTED;
        break;
    case CT_REDACTED:
    case CT_DROPPED:
        return fill_hidden(view, node, value->kind);
    default:
        return ct_fail(error, CT_E_CORRUPT, "a payload is no scalar", 0, 0);
    }
    view->forms_differ |= node->kind == CT_VIEW_BOOL || node->kind == CT_VIEW_FLOAT || node->kind == CT_VIEW_BIGINT;
    return object ? ct_types_plain(view->types, object->type, kind, &node->type) : ct_types_fixed(view->types, fixed, &node->type);
}

/* <QUALNAME at 0x…>, with `before` behind the angle. */
static ct_code
fill_opaque(ct_view *view, ct_view_node *node, const ct_object *object, const char *before)
{
    node->kind = CT_VIEW_RAW;
    view->scratch.size = 0;
    ct_buffer_add_text(&view->scratch, before);
    add_name(view, object);
    add_address(&view->scratch, object->address);
    ct_buffer_add_byte(&view->scratch, '>');
    CT_TRY(keep_scratch(view, node));
    return ct_types_plain(view->types, object->type, CT_KIND_RAW, &node->type);
}

static bool
is_open(const ct_view *view, size_t at, uint64_t id)
{
    for (; at != SIZE_MAX; at = view->queue[at].parent)
        if (view->queue[at].object->id == id)
            return true;
    return false;
}

/* Fills nodes[index] from the value, which is a child of queue[parent] (SIZE_MAX: the variable's value), and queues it when it has
 * children of its own. */
static ct_code
fill(ct_view *view, size_t index, const ct_value *value, size_t parent, uint32_t container_level, uint32_t attribute_level,
     uint32_t nesting, ct_error *error)
{
    ct_view_node *node = &view->nodes[index];
    if (value->kind == CT_INT && view->types->fixed[CT_FIXED_INT]) { /* the most common, so without ceremony */
        *node = (ct_view_node){ .kind = CT_VIEW_INT, .type = view->types->fixed[CT_FIXED_INT] - 1, .integer = value->integer };
        return CT_OK;
    }
    *node = (ct_view_node){ .kind = CT_VIEW_NONE };
    if (value->kind == CT_UNBOUND)
        return cut_field(view, node); /* only in damaged journals */
    if (value->kind != CT_OBJECT)
        return fill_scalar(view, node, value, NULL, error);

    const ct_object *object = ct_replay_object(view->replay, value->object);
    const ct_type_info *info = object ? ct_journal_type(view->types->journal, object->type) : NULL;
    if (!info)
        return ct_fail(error, CT_E_CORRUPT, "a value refers to an object that is not there", 0, 0);
    if (!reserve(view->texts.allocator, (void **)&view->objects, &view->object_capacity, view->object_count, 1, sizeof *view->objects))
        return CT_E_NOMEM;
    view->objects[view->object_count++] = object->id;

    switch (info->look) {
    case CT_LOOK_SCALAR:
    case CT_LOOK_BYTES:
        if (object->flags & CT_O_PAYLOAD)
            return fill_scalar(view, node, &object->payload, object, error);
        return fill_opaque(view, node, object, "<");
    case CT_LOOK_LITERAL:
        if (object->flags & CT_O_PAYLOAD && object->payload.kind == CT_REDACTED)
            return fill_hidden(view, node, CT_REDACTED);
        if (!(object->flags & CT_O_PAYLOAD) || object->payload.kind != CT_TEXT)
            return fill_opaque(view, node, object, "<");
        CT_TRY(fill_scalar(view, node, &object->payload, NULL, error));
        node->kind = CT_VIEW_RAW;
        return ct_types_plain(view->types, object->type, CT_KIND_RAW, &node->type);
    case CT_LOOK_LIST:
    case CT_LOOK_TUPLE:
    case CT_LOOK_DICT:
    case CT_LOOK_SET:
    case CT_LOOK_STRUCT:
        break;
    default:
        return fill_opaque(view, node, object, "<");
    }

    bool container = is_container(info->look);
    uint32_t records = info->look == CT_LOOK_DICT ? 2 : 1; /* a pair is a record of its own */
    if (parent != SIZE_MAX && is_open(view, parent, object->id))
        return fill_opaque(view, node, object, "<cycle: ");
    const bool recorded = container ? object->flags & CT_O_ITEMS && !object->items_unknown : (object->flags & CT_O_FIELDS) != 0;
    if ((container ? container_level >= view->limits.container_depth : attribute_level >= view->limits.attribute_depth)
        || nesting + records >= view->limits.nesting || !recorded)
        return cut_whole(view, node, object, info->look, recorded);
    if (!reserve(view->texts.allocator, (void **)&view->queue, &view->queue_capacity, view->queue_count, 1, sizeof *view->queue))
        return CT_E_NOMEM;
    view->queue[view->queue_count++] = (struct ct_view_pending){
        .node = index, .object = object, .parent = parent,
        .container_level = container_level + container, .attribute_level = attribute_level + !container, .nesting = nesting + records,
    };
    node->kind = info->look == CT_LOOK_STRUCT ? CT_VIEW_STRUCT : info->look == CT_LOOK_TUPLE ? CT_VIEW_TUPLE : CT_VIEW_SEQUENCE;
    if (info->look == CT_LOOK_STRUCT)
        return CT_OK; /* its type depends on its fields */
    return ct_types_plain(view->types, object->type,
                          info->look == CT_LOOK_TUPLE ? CT_KIND_TUPLE : info->look == CT_LOOK_SET ? CT_KIND_SET : CT_KIND_SEQ, &node->type);
}

/* The children of a list, tuple or set. */
static ct_code
expand_items(ct_view *view, size_t at, uint64_t *counted, ct_error *error)
{
    struct ct_view_pending pending = view->queue[at];
    const ct_object *object = pending.object;
    uint64_t room = view->limits.nodes - *counted;
    size_t shown = object->item_count < room ? object->item_count : (size_t)room, first;
    bool cut = shown < object->true_length;
    CT_TRY(add_nodes(view, shown + cut, &first));
    view->nodes[pending.node].children.first = first;
    view->nodes[pending.node].children.count = shown + cut;
    *counted += shown;
    for (size_t i = 0; i < shown; i++)
        CT_TRY(fill(view, first + i, &object->items[i], at, pending.container_level, pending.attribute_level, pending.nesting, error));
    return cut ? cut_rest(view, &view->nodes[first + shown], shown, object->true_length, shown < object->item_count) : CT_OK;
}

static ct_code
expand_dict(ct_view *view, size_t at, uint64_t *counted, ct_error *error)
{
    struct ct_view_pending pending = view->queue[at];
    const ct_object *object = pending.object;
    uint64_t room = (view->limits.nodes - *counted) / 2;
    size_t pairs = object->item_count / 2, shown = pairs < room ? pairs : (size_t)room, first, second;
    bool cut = shown < object->true_length;
    uint32_t tuple;
    CT_TRY(add_nodes(view, shown + cut, &first));
    CT_TRY(add_nodes(view, 2 * shown, &second));
    view->nodes[pending.node].children.first = first;
    view->nodes[pending.node].children.count = shown + cut;
    *counted += 2 * shown;
    for (size_t i = 0; i < shown; i++) {
        CT_TRY(ct_types_fixed(view->types, CT_FIXED_TUPLE, &tuple));
        view->nodes[first + i] = (ct_view_node){ .kind = CT_VIEW_TUPLE, .type = tuple, .children = { second + 2 * i, 2 } };
        for (size_t k = 2 * i; k < 2 * i + 2; k++)
            CT_TRY(fill(view, second + k, &object->items[k], at, pending.container_level, pending.attribute_level, pending.nesting,
                        error));
    }
    return cut ? cut_rest(view, &view->nodes[first + shown], shown, object->true_length, shown < pairs) : CT_OK;
}

static ct_code
expand_struct(ct_view *view, size_t at, uint64_t *counted, ct_error *error)
{
    struct ct_view_pending pending = view->queue[at];
    const ct_object *object = pending.object;
    const ct_shape_info *shape = ct_journal_shape(view->types->journal, object->shape);
    size_t count = 0, first;
    if (!shape || shape->count != object->field_count)
        return ct_fail(error, CT_E_CORRUPT, "an object has other fields than its shape", 0, 0);
    if (!reserve(view->texts.allocator, (void **)&view->names, &view->name_capacity, 0, object->field_count + 1, sizeof *view->names))
        return CT_E_NOMEM;
    for (size_t i = 0; i < object->field_count; i++)
        if (object->fields[i].kind != CT_UNBOUND)
            view->names[count++] = shape->names[i];
    CT_TRY(ct_types_struct(view->types, object->type, count == object->field_count ? object->shape : UINT32_MAX, view->names, count,
                           &view->nodes[pending.node].type));
    CT_TRY(add_nodes(view, count, &first));
    view->nodes[pending.node].children.first = first;
    view->nodes[pending.node].children.count = count;
    for (size_t i = 0; i < object->field_count; i++) {
        if (object->fields[i].kind == CT_UNBOUND)
            continue;
        if (*counted >= view->limits.nodes) {
            view->nodes[first] = (ct_view_node){ .kind = CT_VIEW_RAW };
            CT_TRY(cut_field(view, &view->nodes[first]));
        } else {
            ++*counted;
            CT_TRY(fill(view, first, &object->fields[i], at, pending.container_level, pending.attribute_level, pending.nesting, error));
        }
        first++;
    }
    return CT_OK;
}

ct_code
ct_view_build(ct_view *view, const ct_value *value, ct_error *error)
{
    uint64_t counted = 1;
    size_t first;
    view->node_count = view->object_count = view->queue_count = 0;
    view->cuts = 0;
    view->forms_differ = false;
    ct_arena_reset(&view->texts);
    CT_TRY(add_nodes(view, 1, &first));
    CT_TRY(fill(view, 0, value, SIZE_MAX, 0, 0, 0, error));
    for (size_t at = 0; at < view->queue_count; at++) {
        const ct_type_info *info = ct_journal_type(view->types->journal, view->queue[at].object->type);
        CT_TRY(info->look == CT_LOOK_STRUCT ? expand_struct(view, at, &counted, error)
               : info->look == CT_LOOK_DICT ? expand_dict(view, at, &counted, error)
                                            : expand_items(view, at, &counted, error));
    }
    return CT_OK;
}
