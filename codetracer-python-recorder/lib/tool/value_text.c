/* Values for people: Python-like, on one line. Invariant: no user text reaches a terminal unescaped, and no value makes the walk longer
 * than its budget or deeper than the recording looked. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "util/plural.h"

/* How deep the recording looked; a trace that does not say was not cut by depth. */
static uint32_t limit_of(ct_journal *journal, const char *key)
{
    ct_text value = ct_journal_meta_value(journal, key);
    uint32_t number = 0;
    if (!value.bytes || value.size == 0 || value.size > 9)
        return VALUE_DEPTH;
    for (size_t i = 0; i < value.size; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9')
            return VALUE_DEPTH;
        number = number * 10 + (uint32_t)(value.bytes[i] - '0');
    }
    return number > VALUE_DEPTH ? (uint32_t)VALUE_DEPTH : number;
}

void value_reader_init(value_reader *reader, ct_journal *journal, ct_replay *replay)
{
    *reader = (value_reader){.journal = journal, .replay = replay};
    reader->container_limit = limit_of(journal, "limit.container-depth");
    reader->attribute_limit = limit_of(journal, "limit.attribute-depth");
}

static void escape(text *out, uint32_t point)
{
    switch (point) {
    case '\n': text_puts(out, "\\n"); return;
    case '\r': text_puts(out, "\\r"); return;
    case '\t': text_puts(out, "\\t"); return;
    default: text_format(out, point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x", point); return;
    }
}

void text_safe(text *out, const char *bytes, size_t count)
{
    const uint8_t *at = (const uint8_t *)bytes;
    for (size_t i = 0, taken; i < count; i += taken) {
        uint32_t point = utf8_decode(at + i, count - i, &taken);
        if (point == (uint32_t)UTF8_BAD)
            escape(out, at[i]);
        else if (utf8_unsafe(point))
            escape(out, point);
        else
            text_add(out, at + i, taken);
    }
}

void text_python_string(text *out, const uint8_t *bytes, size_t count, size_t budget)
{
    char quote = memchr(bytes ? (const void *)bytes : "", '\'', count) && !memchr(bytes, '"', count) ? '"' : '\'';
    size_t stop = out->size + budget;
    text_char(out, quote);
    for (size_t i = 0, taken; i < count; i += taken) {
        if (out->size >= stop) {
            text_puts(out, "…");
            break;
        }
        uint32_t point = utf8_decode(bytes + i, count - i, &taken);
        if (point == (uint32_t)UTF8_BAD)
            escape(out, bytes[i]);
        else if (point == (uint32_t)quote || point == '\\')
            text_format(out, "\\%c", (char)point);
        else if (utf8_unsafe(point))
            escape(out, point);
        else
            text_add(out, bytes + i, taken);
    }
    text_char(out, quote);
}

void text_python_bytes(text *out, const uint8_t *bytes, size_t count, size_t budget)
{
    char quote = memchr(bytes ? (const void *)bytes : "", '\'', count) && !memchr(bytes, '"', count) ? '"' : '\'';
    size_t stop = out->size + budget;
    text_char(out, 'b');
    text_char(out, quote);
    for (size_t i = 0; i < count; i++) {
        if (out->size >= stop) {
            text_puts(out, "…");
            break;
        }
        if (bytes[i] == (uint8_t)quote || bytes[i] == '\\')
            text_format(out, "\\%c", (char)bytes[i]);
        else if (bytes[i] < 0x20 || bytes[i] >= 0x7F)
            escape(out, bytes[i]);
        else
            text_char(out, (char)bytes[i]);
    }
    text_char(out, quote);
}

static void any_value(value_reader *r, const ct_value *value, uint32_t containers, uint32_t attributes, text *out);

static bool full(const value_reader *r, const text *out)
{
    return out->size >= r->stop;
}

static size_t left(const value_reader *r, const text *out)
{
    return full(r, out) ? 0 : r->stop - out->size;
}

/* "‹… 7 more of 10›", as in docs/values.md. */
static void more(text *out, bool first, uint64_t kept, uint64_t all)
{
    if (all > kept)
        text_format(out, "%s‹… %" PRIu64 " more of %" PRIu64 "›", first ? "" : ", ", all - kept, all);
}

static void items(value_reader *r, const ct_object *o, bool pairs, uint32_t containers, uint32_t attributes, text *out)
{
    size_t step = pairs ? 2 : 1, count = o->item_count / step * step;
    if (o->items_unknown) {
        text_format(out, "‹… %" PRIu64 "›", o->true_length);
        return;
    }
    for (size_t i = 0; i < count; i += step) {
        if (full(r, out)) {
            text_puts(out, i ? ", …" : "…");
            return;
        }
        if (i)
            text_puts(out, ", ");
        any_value(r, &o->items[i], containers + 1, attributes, out);
        if (pairs) {
            text_puts(out, ": ");
            any_value(r, &o->items[i + 1], containers + 1, attributes, out);
        }
    }
    more(out, count == 0, count / step, o->true_length);
}

static void fields(value_reader *r, const ct_object *o, size_t from, bool first, uint32_t containers, uint32_t attributes, text *out)
{
    const ct_shape_info *shape = o->flags & CT_O_FIELDS ? ct_journal_shape(r->journal, o->shape) : NULL;
    for (size_t i = from; shape && i < o->field_count && i < shape->count; i++) {
        if (o->fields[i].kind == CT_UNBOUND)
            continue;
        if (!first)
            text_puts(out, ", ");
        if (full(r, out)) {
            text_puts(out, "…");
            return;
        }
        first = false;
        ct_text name = ct_journal_name(r->journal, shape->names[i]);
        text_safe(out, name.bytes, name.size);
        text_char(out, '=');
        any_value(r, &o->fields[i], containers, attributes + 1, out);
    }
}

static void type_name(value_reader *r, const ct_type_info *type, text *out)
{
    static const char main_module[] = "__main__."; /* people know where they are */
    size_t skip = sizeof main_module - 1;
    (void)r;
    if (type->name.size <= skip || memcmp(type->name.bytes, main_module, skip) != 0)
        skip = 0;
    text_safe(out, type->name.bytes + skip, type->name.size - skip);
}

static bool named(const ct_type_info *type, const char *name)
{
    return type->name.size == strlen(name) && memcmp(type->name.bytes, name, type->name.size) == 0;
}

static const char *const LOOK_OPEN[] = {[CT_LOOK_LIST] = "[", [CT_LOOK_TUPLE] = "(", [CT_LOOK_DICT] = "{", [CT_LOOK_SET] = "{"};
static const char *const LOOK_CLOSE[] = {[CT_LOOK_LIST] = "]", [CT_LOOK_TUPLE] = ")", [CT_LOOK_DICT] = "}", [CT_LOOK_SET] = "}"};

static bool is_container(enum ct_look look)
{
    return look == CT_LOOK_LIST || look == CT_LOOK_TUPLE || look == CT_LOOK_DICT || look == CT_LOOK_SET;
}

/* Whether the brackets alone say what it is. */
static bool is_plain(const ct_type_info *type)
{
    if (!(type->flags & CT_TYPE_BUILTIN))
        return false;
    return named(type, "list") || named(type, "tuple") || named(type, "dict") || named(type, "set");
}

/* Tuples and frozensets cannot change: which of two equal ones it is tells nothing. */
static void number(const value_reader *r, const ct_object *o, const ct_type_info *type, text *out)
{
    if (r->ids && (type->look == CT_LOOK_LIST || type->look == CT_LOOK_DICT || type->look == CT_LOOK_STRUCT || (type->look == CT_LOOK_SET && !named(type, "frozenset"))))
        text_format(out, "#%" PRIu64, o->id);
}

/* An object that is not looked into: open already, or beyond the depth. */
static void closed_object(value_reader *r, const ct_object *o, const ct_type_info *type, const char *dots, text *out)
{
    bool plain = is_container(type->look) && is_plain(type);
    if (!plain)
        type_name(r, type, out);
    number(r, o, type, out);
    text_puts(out, plain ? LOOK_OPEN[type->look] : "(");
    if (is_container(type->look) && strcmp(dots, "…") == 0)
        text_format(out, "‹… %" PRIu64 "›", o->true_length);
    else
        text_puts(out, dots);
    text_puts(out, plain ? LOOK_CLOSE[type->look] : ")");
}

static void container(value_reader *r, const ct_object *o, const ct_type_info *type, uint32_t containers, uint32_t attributes, text *out)
{
    bool plain = is_plain(type);
    bool one_tuple = type->look == CT_LOOK_TUPLE && o->true_length == 1 && !o->items_unknown;
    if (type->look == CT_LOOK_SET && plain && o->true_length == 0) {
        number(r, o, type, out);
        text_puts(out, "set()");
        return;
    }
    /* A named tuple's own parentheses do; anything else not built in wraps the brackets: defaultdict({…}). */
    bool wrap = !plain && type->look != CT_LOOK_TUPLE;
    if (!plain)
        type_name(r, type, out);
    number(r, o, type, out);
    if (wrap)
        text_char(out, '(');
    text_puts(out, LOOK_OPEN[type->look]);
    items(r, o, type->look == CT_LOOK_DICT, containers, attributes, out);
    if (one_tuple && plain)
        text_char(out, ',');
    text_puts(out, LOOK_CLOSE[type->look]);
    if (wrap) {
        if (o->field_count && attributes < r->attribute_limit)
            fields(r, o, 0, false, containers, attributes, out);
        text_char(out, ')');
    }
}

static void object(value_reader *r, const ct_object *o, uint32_t containers, uint32_t attributes, text *out)
{
    const ct_type_info *type = ct_journal_type(r->journal, o->type);
    bool holds = type && (is_container(type->look) || type->look == CT_LOOK_STRUCT || o->field_count);
    if (!type) {
        text_format(out, "<object at 0x%" PRIx64 ">", o->address);
        return;
    }
    for (size_t i = 0; holds && i < r->open_count; i++)
        if (r->open[i] == o->id) {
            closed_object(r, o, type, "...", out);
            return;
        }
    if ((is_container(type->look) && containers >= r->container_limit) || (type->look == CT_LOOK_STRUCT && attributes >= r->attribute_limit)
        || r->open_count == sizeof r->open / sizeof *r->open) {
        closed_object(r, o, type, "…", out);
        return;
    }
    r->open[r->open_count++] = o->id;
    bool is_value = type->look == CT_LOOK_LITERAL || type->look == CT_LOOK_SCALAR || type->look == CT_LOOK_BYTES;
    switch (is_value && !(o->flags & CT_O_PAYLOAD) ? CT_LOOK_OPAQUE : type->look) {
    case CT_LOOK_LIST:
    case CT_LOOK_TUPLE:
    case CT_LOOK_DICT:
    case CT_LOOK_SET:
        container(r, o, type, containers, attributes, out);
        break;
    case CT_LOOK_STRUCT:
        type_name(r, type, out);
        number(r, o, type, out);
        text_char(out, '(');
        fields(r, o, 0, true, containers, attributes, out);
        text_char(out, ')');
        break;
    case CT_LOOK_LITERAL: {
        ct_value payload = o->payload;
        if ((!payload.content || ct_replay_resolve(r->replay, &payload, &r->error) == CT_OK) && payload.kind == CT_TEXT) {
            size_t size = payload.data.size, room = left(r, out) + 40;
            text_safe(out, (const char *)payload.data.bytes, size < room ? size : room);
            if (size > room)
                text_puts(out, "…");
        } else {
            any_value(r, &o->payload, containers, attributes, out);
        }
        break;
    }
    case CT_LOOK_SCALAR:
    case CT_LOOK_BYTES: {
        bool bare = type->look == CT_LOOK_BYTES ? named(type, "bytes") : type->flags & CT_TYPE_BUILTIN;
        if (!bare) {
            type_name(r, type, out);
            text_char(out, '(');
        }
        any_value(r, &o->payload, containers, attributes, out);
        if (attributes < r->attribute_limit)
            fields(r, o, 0, false, containers, attributes, out);
        if (!bare)
            text_char(out, ')');
        break;
    }
    default:
        text_char(out, '<');
        type_name(r, type, out);
        text_format(out, " at 0x%" PRIx64 ">", o->address);
        break;
    }
    r->open_count--;
}

/* Where bytes lie elsewhere in the journal and cannot be read, the value says so; the walk goes on. */
static bool resolved(value_reader *r, ct_value *value, text *out)
{
    if (!value->content || ct_replay_resolve(r->replay, value, &r->error) == CT_OK)
        return true;
    text_puts(out, "‹unreadable›");
    return false;
}

static uint64_t characters(const uint8_t *bytes, uint64_t count)
{
    uint64_t characters = 0;
    for (uint64_t i = 0; i < count; i++)
        characters += (bytes[i] & 0xC0) != 0x80;
    return characters;
}

static void any_value(value_reader *r, const ct_value *given, uint32_t containers, uint32_t attributes, text *out)
{
    ct_value value = *given;
    if (!resolved(r, &value, out)) /* what kind it is, the content itself says */
        return;
    switch (value.kind) {
    case CT_UNBOUND: text_puts(out, "‹unbound›"); break;
    case CT_NONE: text_puts(out, "None"); break;
    case CT_BOOL: text_puts(out, value.boolean ? "True" : "False"); break;
    case CT_ELLIPSIS: text_puts(out, "Ellipsis"); break;
    case CT_NOTIMPLEMENTED: text_puts(out, "NotImplemented"); break;
    case CT_REDACTED: text_puts(out, "<redacted>"); break;
    case CT_DROPPED: text_puts(out, "<dropped>"); break;
    case CT_INT: text_format(out, "%" PRId64, value.integer); break;
    case CT_FLOAT: number_float(out, value.number[0], true); break;
    case CT_COMPLEX: number_complex(out, value.number[0], value.number[1]); break;
    case CT_BIGINT:
        if (value.data.size > 200 && value.data.size > left(r, out) / 3)
            text_format(out, "‹int of %" PRIu64 " %s›", CT_COUNTED(value.data.true_length, "byte"));
        else
            number_big(out, value.negative, value.data.bytes, value.data.size);
        break;
    case CT_TEXT:
        text_python_string(out, value.data.bytes, value.data.size, left(r, out) + 8);
        if (value.content) {
            uint64_t kept = characters(value.data.bytes, value.data.size);
            more(out, true, kept, value.data.true_length);
        }
        break;
    case CT_BYTES:
        text_python_bytes(out, value.data.bytes, value.data.size, left(r, out) + 8);
        more(out, true, value.data.size, value.data.true_length);
        break;
    case CT_OBJECT: {
        const ct_object *o = ct_replay_object(r->replay, value.object);
        if (o)
            object(r, o, containers, attributes, out);
        else
            text_puts(out, "‹unknown object›");
        break;
    }
    }
}

void value_text_within(value_reader *reader, const ct_value *value, uint32_t containers, uint32_t attributes, size_t budget, text *out)
{
    reader->open_count = 0;
    reader->stop = out->size + budget;
    any_value(reader, value, containers, attributes, out);
}

void value_text(value_reader *reader, const ct_value *value, size_t budget, text *out)
{
    value_text_within(reader, value, 0, 0, budget, out);
}

void value_text_exception(value_reader *reader, const ct_value *value, size_t budget, text *out)
{
    const ct_object *o = value->kind == CT_OBJECT ? ct_replay_object(reader->replay, value->object) : NULL;
    const ct_type_info *type = o ? ct_journal_type(reader->journal, o->type) : NULL;
    const ct_shape_info *shape = o && o->flags & CT_O_FIELDS ? ct_journal_shape(reader->journal, o->shape) : NULL;
    if (type && type->look == CT_LOOK_STRUCT && shape && o->field_count > 0 && shape->count > 0 && o->fields[0].kind == CT_OBJECT) {
        ct_text name = ct_journal_name(reader->journal, shape->names[0]);
        const ct_object *arguments = ct_replay_object(reader->replay, o->fields[0].object);
        const ct_type_info *kind = arguments ? ct_journal_type(reader->journal, arguments->type) : NULL;
        if (name.size == 4 && memcmp(name.bytes, "args", 4) == 0 && kind && kind->look == CT_LOOK_TUPLE && arguments != o) {
            reader->open_count = 0;
            reader->open[reader->open_count++] = o->id;
            reader->stop = out->size + budget;
            type_name(reader, type, out);
            text_char(out, '(');
            items(reader, arguments, false, 0, 1, out);
            fields(reader, o, 1, arguments->item_count == 0, 0, 0, out);
            text_char(out, ')');
            return;
        }
    }
    value_text(reader, value, budget, out);
}
