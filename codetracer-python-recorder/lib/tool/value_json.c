/* Values for scripts: docs/print-json.md. Invariant: the output is one valid JSON value, in valid UTF-8; a Python value stands as plain JSON only where
 * nothing of it is lost, else as an object with the member "type". */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tool/tool.h"

void json_string(text *out, const char *bytes, size_t count)
{
    const uint8_t *at = (const uint8_t *)bytes;
    text_char(out, '"');
    for (size_t i = 0, taken; i < count; i += taken) {
        uint32_t point = utf8_decode(at + i, count - i, &taken);
        if (point == '"' || point == '\\')
            text_format(out, "\\%c", (char)point);
        else if (point == '\n')
            text_puts(out, "\\n");
        else if (point == (uint32_t)UTF8_BAD)
            text_puts(out, "\\ufffd");
        else if (point < 0x20 || point == 0x7F || (point >= 0xD800 && point <= 0xDFFF))
            text_format(out, "\\u%04x", point);
        else
            text_add(out, at + i, taken);
    }
    text_char(out, '"');
}

static void any_value(value_reader *r, const ct_value *given, uint32_t containers, uint32_t attributes, text *out);

static void typed(text *out, const char *type, const char *member)
{
    text_format(out, "{\"type\":\"%s\",\"%s\":", type, member);
}

static bool named(const ct_type_info *type, const char *name)
{
    return type->flags & CT_TYPE_BUILTIN && type->name.size == strlen(name) && memcmp(type->name.bytes, name, type->name.size) == 0;
}

static bool spend(value_reader *r)
{
    if (r->nodes == 0)
        return false;
    r->nodes--;
    return true;
}

/* The items as far as the nodes last: of a dict as [key, value]. Returns how many were written (entries). */
static uint64_t array(value_reader *r, const ct_object *o, bool pairs, uint32_t containers, uint32_t attributes, text *out)
{
    size_t step = pairs ? 2 : 1;
    uint64_t written = 0;
    text_char(out, '[');
    for (size_t i = 0; i + step <= o->item_count && !o->items_unknown && spend(r); i += step) {
        if (written++)
            text_char(out, ',');
        if (pairs)
            text_char(out, '[');
        any_value(r, &o->items[i], containers + 1, attributes, out);
        if (pairs) {
            text_char(out, ',');
            any_value(r, &o->items[i + 1], containers + 1, attributes, out);
            text_char(out, ']');
        }
    }
    text_char(out, ']');
    return written;
}

static void fields(value_reader *r, const ct_object *o, uint32_t containers, uint32_t attributes, text *out)
{
    const ct_shape_info *shape = ct_journal_shape(r->journal, o->shape);
    bool first = true, cut = false;
    text_puts(out, ",\"fields\":{");
    for (size_t i = 0; shape && i < o->field_count && i < shape->count; i++) {
        if (o->fields[i].kind == CT_UNBOUND)
            continue;
        if (!spend(r)) {
            cut = true;
            break;
        }
        if (!first)
            text_char(out, ',');
        first = false;
        ct_text name = ct_journal_name(r->journal, shape->names[i]);
        json_string(out, name.bytes, name.size);
        text_char(out, ':');
        any_value(r, &o->fields[i], containers, attributes + 1, out);
    }
    text_char(out, '}');
    if (cut)
        text_puts(out, ",\"cut\":true");
}

/* Whether characters of a text are missing. */
static bool is_cut(const ct_value *value)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; value->content && i < value->data.size; i++)
        kept += (value->data.bytes[i] & 0xC0) != 0x80;
    return value->content && value->data.true_length > kept;
}

/* A dict is a JSON object when every key is a whole str and none of them is "type", which marks the other form. */
static bool is_json_object(value_reader *r, const ct_object *o)
{
    if (o->items_unknown || o->item_count % 2 != 0 || o->item_count / 2 != o->true_length || o->item_count / 2 > r->nodes)
        return false;
    for (size_t i = 0; i < o->item_count; i += 2) {
        ct_value key = o->items[i];
        if ((key.content && ct_replay_resolve(r->replay, &key, &r->error) != CT_OK) || key.kind != CT_TEXT || is_cut(&key))
            return false;
        if (key.data.size == 4 && memcmp(key.data.bytes, "type", 4) == 0)
            return false;
    }
    return true;
}

static void json_object(value_reader *r, const ct_object *o, uint32_t containers, uint32_t attributes, text *out)
{
    text_char(out, '{');
    for (size_t i = 0; i < o->item_count; i += 2) {
        if (i)
            text_char(out, ',');
        ct_value key = o->items[i];
        spend(r);
        if (key.content && ct_replay_resolve(r->replay, &key, &r->error) != CT_OK)
            key.data.size = 0;
        json_string(out, (const char *)key.data.bytes, key.data.size);
        text_char(out, ':');
        any_value(r, &o->items[i + 1], containers + 1, attributes, out);
    }
    text_char(out, '}');
}

static void begin_typed(const ct_type_info *type, text *out)
{
    text_puts(out, "{\"type\":");
    json_string(out, type->name.bytes, type->name.size);
}

/* The member "text". False: there is none, as of a memoryview that has gaps, or it cannot be read. */
static bool literal(value_reader *r, const ct_type_info *type, const ct_object *o, text *out)
{
    ct_value payload = o->payload;
    if ((type->look != CT_LOOK_LITERAL && type->look != CT_LOOK_BYTES) || !(o->flags & CT_O_PAYLOAD))
        return false;
    if ((payload.content && ct_replay_resolve(r->replay, &payload, &r->error) != CT_OK) || (payload.kind != CT_TEXT && payload.kind != CT_BYTES))
        return false;
    text bytes = {0};
    if (payload.kind == CT_TEXT)
        text_add(&bytes, payload.data.bytes, payload.data.size);
    else
        text_python_bytes(&bytes, payload.data.bytes, payload.data.size, SIZE_MAX / 2);
    text_puts(out, ",\"text\":");
    json_string(out, bytes.bytes, bytes.size);
    text_free(&bytes);
    if (payload.kind == CT_BYTES && payload.data.true_length > payload.data.size)
        text_format(out, ",\"length\":%" PRIu64, payload.data.true_length);
    return true;
}

static void object(value_reader *r, const ct_object *o, uint32_t containers, uint32_t attributes, text *out)
{
    static const char *const bases[] = {[CT_LOOK_LIST] = "list", [CT_LOOK_TUPLE] = "tuple", [CT_LOOK_DICT] = "dict", [CT_LOOK_SET] = "set"};
    const ct_type_info *type = ct_journal_type(r->journal, o->type);
    if (!type) {
        typed(out, "object", "address");
        text_format(out, "\"0x%" PRIx64 "\"}", o->address);
        return;
    }
    bool is_container = type->look >= CT_LOOK_LIST && type->look <= CT_LOOK_SET;
    const char *closed = NULL;
    for (size_t i = 0; i < r->open_count; i++)
        if (r->open[i] == o->id)
            closed = "cycle";
    if (!closed && ((is_container && containers >= r->container_limit) || (type->look == CT_LOOK_STRUCT && attributes >= r->attribute_limit)
                    || r->open_count == sizeof r->open / sizeof *r->open))
        closed = "cut";
    if (closed) {
        begin_typed(type, out);
        text_format(out, ",\"%s\":true,\"address\":\"0x%" PRIx64 "\"", closed, o->address);
        if (is_container)
            text_format(out, ",\"length\":%" PRIu64, o->true_length);
        text_char(out, '}');
        return;
    }
    r->open[r->open_count++] = o->id;
    if (o->flags & CT_O_PAYLOAD && o->payload.kind == CT_REDACTED && type->look != CT_LOOK_SCALAR) {
        any_value(r, &o->payload, containers, attributes, out);
        r->open_count--;
        return;
    }
    size_t start = out->size;
    bool with_fields = o->flags & CT_O_FIELDS && o->field_count && attributes < r->attribute_limit;
    if (type->look == CT_LOOK_LIST && named(type, "list")) {
        if (array(r, o, false, containers, attributes, out) != o->true_length) {
            text_insert(out, start, "{\"type\":\"list\",\"items\":");
            text_format(out, ",\"length\":%" PRIu64 "}", o->true_length);
        }
        r->open_count--;
        return;
    }
    if (named(type, "dict") && is_json_object(r, o)) {
        json_object(r, o, containers, attributes, out);
        r->open_count--;
        return;
    }
    begin_typed(type, out);
    if (is_container) {
        if (!named(type, bases[type->look]))
            text_format(out, ",\"base\":\"%s\"", bases[type->look]);
        text_puts(out, ",\"items\":");
        uint64_t written = array(r, o, type->look == CT_LOOK_DICT, containers, attributes, out);
        if (written != o->true_length)
            text_format(out, ",\"length\":%" PRIu64, o->true_length);
    } else if (type->look == CT_LOOK_SCALAR && o->flags & CT_O_PAYLOAD) {
        text_puts(out, ",\"value\":");
        any_value(r, &o->payload, containers, attributes, out);
    } else if (type->look != CT_LOOK_STRUCT && !literal(r, type, o, out)) {
        text_format(out, ",\"address\":\"0x%" PRIx64 "\"", o->address);
    }
    if (with_fields || type->look == CT_LOOK_STRUCT)
        fields(r, o, containers, attributes, out);
    text_char(out, '}');
    r->open_count--;
}

static void any_value(value_reader *r, const ct_value *given, uint32_t containers, uint32_t attributes, text *out)
{
    static const int64_t exact = INT64_C(1) << 53;
    ct_value value = *given;
    if (value.content && ct_replay_resolve(r->replay, &value, &r->error) != CT_OK) {
        text_puts(out, "{\"type\":\"unreadable\"}");
        return;
    }
    switch (value.kind) {
    case CT_UNBOUND: text_puts(out, "{\"type\":\"unbound\"}"); break;
    case CT_NONE: text_puts(out, "null"); break;
    case CT_BOOL: text_puts(out, value.boolean ? "true" : "false"); break;
    case CT_ELLIPSIS: text_puts(out, "{\"type\":\"ellipsis\",\"text\":\"Ellipsis\"}"); break;
    case CT_NOTIMPLEMENTED: text_puts(out, "{\"type\":\"NotImplementedType\",\"text\":\"NotImplemented\"}"); break;
    case CT_REDACTED: text_puts(out, "{\"type\":\"Redacted\",\"text\":\"<redacted>\"}"); break;
    case CT_DROPPED: text_puts(out, "{\"type\":\"Dropped\",\"text\":\"<dropped>\"}"); break;
    case CT_INT:
        if (value.integer > -exact && value.integer < exact) {
            text_format(out, "%" PRId64, value.integer);
        } else {
            typed(out, "int", "value");
            text_format(out, "\"%" PRId64 "\"}", value.integer);
        }
        break;
    case CT_BIGINT:
        typed(out, "int", "value");
        text_char(out, '"');
        number_big(out, value.negative, value.data.bytes, value.data.size);
        text_char(out, '"');
        if (value.data.true_length > value.data.size)
            text_puts(out, ",\"cut\":true");
        text_char(out, '}');
        break;
    case CT_FLOAT:
        if (isfinite(value.number[0])) {
            number_float(out, value.number[0], true);
        } else {
            typed(out, "float", "value");
            text_char(out, '"');
            number_float(out, value.number[0], true);
            text_puts(out, "\"}");
        }
        break;
    case CT_COMPLEX:
        typed(out, "complex", "text");
        text_char(out, '"');
        number_complex(out, value.number[0], value.number[1]);
        text_puts(out, "\"}");
        break;
    case CT_TEXT: {
        bool cut = is_cut(&value);
        if (cut)
            typed(out, "str", "value");
        json_string(out, (const char *)value.data.bytes, value.data.size);
        if (cut)
            text_format(out, ",\"length\":%" PRIu64 "}", value.data.true_length);
        break;
    }
    case CT_BYTES: {
        text literal = {0};
        text_python_bytes(&literal, value.data.bytes, value.data.size, SIZE_MAX / 2);
        typed(out, "bytes", "text");
        json_string(out, literal.bytes, literal.size);
        if (value.data.true_length > value.data.size)
            text_format(out, ",\"length\":%" PRIu64, value.data.true_length);
        text_char(out, '}');
        text_free(&literal);
        break;
    }
    case CT_OBJECT: {
        const ct_object *o = ct_replay_object(r->replay, value.object);
        if (o)
            object(r, o, containers, attributes, out);
        else
            text_puts(out, "{\"type\":\"unknown\"}");
        break;
    }
    }
}

void value_json(value_reader *reader, const ct_value *value, text *out)
{
    reader->open_count = 0;
    reader->nodes = 10000;
    any_value(reader, value, 0, 0, out);
}
