/* trace.json (trace-json.md): writing it with the files that belong to it (trace_folder.h), and reading it.
 *
 * Written byte for byte as serde writes: member order and the absence of spaces matter. Read by splitting the top-level array into its events here, so that
 * memory grows with the largest event and not with the file; each event is given to yyjson. Invariants: when writing fails nothing that was created stays;
 * of a file that is read nothing is believed but what the JSON grammar and the checks below say.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include <yyjson.h>

#include "codetracer/export.h"
#include "formats/buffer.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/stream.h"
#include "formats/trace_folder.h"
#include "util/json_memory.h"

/* serde_json reads at most 128 arrays and objects inside each other; a record takes two and its event four at most. */
enum { JSON_NESTING = 60 };

typedef struct json_export {
    ct_outfile out;
    ct_buffer *b;
    bool any;
    ct_trace_folder *folder;
    ct_error *error;
} json_export;

#define ADD(buffer, literal) ct_buffer_add((buffer), "" literal, sizeof(literal) - 1)

static void
begin_event(json_export *j)
{
    if (j->any)
        ct_buffer_add_byte(j->b, ',');
    j->any = true;
}

static ct_code end_event(json_export *j) { return ct_outfile_drain(&j->out, j->error); }

static ct_code
on_path(void *context, ct_text path)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Path\":");
    ct_json_string(j->b, path.bytes, path.size);
    ADD(j->b, "}");
    CT_TRY(ct_trace_folder_name_path(j->folder, path));
    return end_event(j);
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Function\":{\"path_id\":");
    ct_json_unsigned(j->b, path);
    ADD(j->b, ",\"line\":");
    ct_json_number(j->b, line);
    ADD(j->b, ",\"name\":");
    ct_json_string(j->b, name.bytes, name.size);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_variable(void *context, ct_text name)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"VariableName\":");
    ct_json_string(j->b, name.bytes, name.size);
    ADD(j->b, "}");
    return end_event(j);
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Type\":");
    ct_encode_type(j->b, CT_FORM_JSON, type);
    ADD(j->b, "}");
    return end_event(j);
}

static void
add_step(json_export *j, uint32_t path, int64_t line)
{
    begin_event(j);
    ADD(j->b, "{\"Step\":{\"path_id\":");
    ct_json_unsigned(j->b, path);
    ADD(j->b, ",\"line\":");
    ct_json_number(j->b, line);
    ADD(j->b, "}}");
}

static void
add_named(json_export *j, const ct_named_value *named)
{
    ADD(j->b, "{\"variable_id\":");
    ct_json_unsigned(j->b, named->variable);
    ADD(j->b, ",\"value\":");
    ct_buffer_add(j->b, named->value.bytes[0], named->value.size[0]);
    ADD(j->b, "}");
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count)
{
    json_export *j = context;
    (void)column; /* the format has lines only */
    add_step(j, path, line);
    for (size_t i = 0; i < count; i++) {
        ADD(j->b, ",{\"Value\":");
        add_named(j, &values[i]);
        ADD(j->b, "}");
    }
    return end_event(j);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments, size_t count)
{
    json_export *j = context;
    if (own_step)
        add_step(j, path, line);
    begin_event(j);
    ADD(j->b, "{\"Call\":{\"function_id\":");
    ct_json_unsigned(j->b, function);
    ADD(j->b, ",\"args\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            ct_buffer_add_byte(j->b, ',');
        add_named(j, &arguments[i]);
    }
    ADD(j->b, "]}}");
    return end_event(j);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Return\":{\"return_value\":");
    ct_buffer_add(j->b, value->bytes[0], value->size[0]);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Event\":{\"kind\":");
    ct_json_unsigned(j->b, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
    ADD(j->b, ",\"metadata\":\"\",\"content\":");
    ct_json_string(j->b, text.bytes, text.size);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    json_export *j = context;
    begin_event(j);
    ct_buffer_add_text(j->b, what == CT_LINEAR_THREAD_START ? "{\"ThreadStart\":"
                             : what == CT_LINEAR_THREAD_EXIT ? "{\"ThreadExit\":" : "{\"ThreadSwitch\":");
    ct_json_unsigned(j->b, thread);
    ADD(j->b, "}");
    return end_event(j);
}

static ct_code
write_array(json_export *j, ct_journal *journal, const ct_export_options *options, ct_export_result *result)
{
    const ct_linear_sink sink = {
        .context = j, .form_count = 1, .forms = { CT_FORM_JSON }, .nesting = JSON_NESTING,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    ct_buffer_add_byte(j->b, '[');
    CT_TRY(ct_linear_run(journal, options, &sink, result, j->error));
    ct_buffer_add_byte(j->b, ']');
    CT_TRY(ct_outfile_flush(&j->out, j->error));
    result->bytes = j->out.written;
    return ct_outfile_finish(&j->out, j->error);
}

static ct_code
write_events(ct_trace_folder *folder, ct_journal *journal, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    json_export j = { .folder = folder, .b = &j.out.buffer, .error = error };
    CT_TRY(ct_trace_folder_create(folder, "trace.json", &j.out, error));
    ct_code code = write_array(&j, journal, options, result);
    ct_outfile_abandon(&j.out);
    return code;
}

ct_code
ct_export_json(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export(journal, folder, write_events, JSON_NESTING, options, result, error);
}

ct_code
ct_export_json_to(ct_journal *journal, const ct_folder *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export_to(journal, folder, NULL, write_events, JSON_NESTING, options, result, error);
}

/* ---- reading ---- */

enum { CHUNK = 1 << 20, MOST_EVENT = 256 << 20 };

typedef struct json_in {
    int file;
    uint8_t *bytes;
    size_t size, at, capacity;     /* bytes[at … size) are not read yet */
    uint64_t position;             /* of bytes[0] in the file */
    bool end;
    const ct_stream_sink *sink;
    ct_stream_tree tree;
    const char *folder;
    uint64_t events;
    const char *message;
    ct_error *error;
} json_in;

static ct_code
fail(json_in *in, const char *message)
{
    in->message = message;
    return CT_E_CORRUPT;
}

/* More bytes behind those that are there; false at the end of the file, or with *code set. */
static bool
more(json_in *in, ct_code *code)
{
    if (in->end)
        return false;
    if (in->at > 0) {
        memmove(in->bytes, in->bytes + in->at, in->size - in->at);
        in->position += in->at;
        in->size -= in->at;
        in->at = 0;
    }
    if (in->capacity - in->size < CHUNK) {
        size_t capacity = in->capacity ? in->capacity * 2 : (size_t)CHUNK * 2;
        uint8_t *bigger = capacity > (size_t)MOST_EVENT * 2 ? NULL : ct_resize(in->sink->allocator, in->bytes, capacity);
        if (!bigger) {
            *code = capacity > (size_t)MOST_EVENT * 2 ? fail(in, "an event is larger than 256 MiB") : CT_E_NOMEM;
            return false;
        }
        in->bytes = bigger;
        in->capacity = capacity;
    }
    ssize_t got;
    while ((got = read(in->file, in->bytes + in->size, CHUNK)) < 0 && errno == EINTR)
        ;
    if (got < 0) {
        *code = ct_fail(in->error, CT_E_IO, "the file cannot be read", in->position + in->size, errno);
        return false;
    }
    in->end = got == 0;
    in->size += (size_t)got;
    return got > 0;
}

/* The next byte that is no space; 0 at the end. */
static uint8_t
peek(json_in *in, ct_code *code)
{
    for (;;) {
        for (; in->at < in->size; in->at++)
            if (in->bytes[in->at] != ' ' && in->bytes[in->at] != '\n' && in->bytes[in->at] != '\r' && in->bytes[in->at] != '\t')
                return in->bytes[in->at];
        if (!more(in, code))
            return 0;
    }
}

/* How many bytes the event at in->at has; 0: the file ends within it. */
static size_t
event_size(json_in *in, ct_code *code)
{
    size_t size = 0;
    unsigned depth = 0;
    bool text = false, escaped = false;
    for (;;) {
        for (; in->at + size < in->size; size++) {
            uint8_t byte = in->bytes[in->at + size];
            if (escaped)
                escaped = false;
            else if (text && byte == '\\')
                escaped = true;
            else if (byte == '"') {
                text = !text;
                if (!text && depth == 0)
                    return size + 1;
            }
            else if (!text && (byte == '{' || byte == '['))
                depth++;
            else if (!text && (byte == '}' || byte == ']')) {
                if (depth == 0)
                    return 0;
                if (--depth == 0)
                    return size + 1;
            }
            else if (!text && depth == 0)
                return 0;
        }
        if (!more(in, code))
            return 0;
    }
}

/* ---- values ---- */

static int64_t
integer_of(yyjson_val *value, bool *good)
{
    if (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)
        return (int64_t)yyjson_get_uint(value);
    if (yyjson_is_sint(value))
        return yyjson_get_sint(value);
    if (yyjson_is_str(value) && yyjson_get_len(value)) { /* the loader turns digits in a string into a number */
        char *end;
        errno = 0;
        long long number = strtoll(yyjson_get_str(value), &end, 10);
        if (!errno && end == yyjson_get_str(value) + yyjson_get_len(value))
            return number;
    }
    *good = false;
    return 0;
}

static uint64_t
id_of(yyjson_val *value, bool *good)
{
    if (!yyjson_is_uint(value)) {
        *good = false;
        return 0;
    }
    return yyjson_get_uint(value);
}

static double
float_of(yyjson_val *value, bool *good)
{
    if (yyjson_is_num(value))
        return yyjson_get_num(value);
    const char *text = yyjson_get_str(value);
    if (!text || !*text) {
        *good = false;
        return 0;
    }
    if (strcmp(text, "NaN") == 0 || strcmp(text, "nan") == 0)
        return (double)NAN;
    char *end;
    double number = strtod(text, &end);
    if (end != text + yyjson_get_len(value))
        *good = false;
    return number;
}

/* Standard base64, decoded over itself. */
static size_t
decode_base64(uint8_t *bytes, size_t size, bool *good)
{
    size_t out = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    while (size > 0 && bytes[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = bytes[i];
        unsigned digit = c >= 'A' && c <= 'Z'   ? c - 65u
                         : c >= 'a' && c <= 'z' ? c - 'a' + 26u
                         : c >= '0' && c <= '9' ? c - '0' + 52u
                         : c == '+'             ? 62u
                         : c == '/'             ? 63u
                                                : 64u;
        if (digit == 64) {
            *good = false;
            return 0;
        }
        bits = (bits << 6 | digit) & 0xFFFFFF;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[out++] = (uint8_t)(bits >> count);
        }
    }
    return out;
}

static size_t tree(json_in *in, yyjson_val *value, size_t parent, size_t *sibling, unsigned depth, bool *good);

static void
put_text(json_in *in, size_t node, ct_node_kind kind, yyjson_val *text, bool *good)
{
    ct_stream_node *n = ct_stream_at(&in->tree, node);
    n->kind = kind;
    n->bytes = (const uint8_t *)yyjson_get_str(text);
    n->size = yyjson_get_len(text);
    if (!n->bytes)
        *good = false;
}

static void
put_children(json_in *in, size_t node, ct_node_kind kind, yyjson_val *list, unsigned depth, bool *good)
{
    size_t index, most, sibling = 0;
    yyjson_val *item;
    ct_stream_at(&in->tree, node)->kind = kind;
    if (!yyjson_is_arr(list))
        *good = false;
    yyjson_arr_foreach(list, index, most, item)
    {
        if (*good)
            tree(in, item, node, &sibling, depth + 1, good);
    }
}

/* A value record with everything inside; the index of its node. */
static size_t
tree(json_in *in, yyjson_val *value, size_t parent, size_t *sibling, unsigned depth, bool *good)
{
    const char *kind = yyjson_get_str(yyjson_obj_get(value, "kind"));
    if (kind && strcmp(kind, "Reference") == 0 && depth < CT_STREAM_NESTING) /* Python has none that it would not show as what it leads to */
        return tree(in, yyjson_obj_get(value, "dereferenced"), parent, sibling, depth + 1, good);
    size_t node = kind && depth < CT_STREAM_NESTING ? ct_stream_add(&in->tree, parent, sibling) : 0;
    if (!node) {
        *good = false;
        return 0;
    }
    yyjson_val *type = yyjson_obj_get(value, "type_id");
    uint64_t type_id = type ? id_of(type, good) : UINT32_MAX;
    ct_stream_at(&in->tree, node)->type = type_id < UINT32_MAX ? (uint32_t)type_id : UINT32_MAX;
    ct_stream_at(&in->tree, node)->stands_in =
        strcmp(kind, "Char") == 0 || strcmp(kind, "Error") == 0 || strcmp(kind, "Variant") == 0 || strcmp(kind, "Cell") == 0;
    if (strcmp(kind, "None") == 0)
        return node;
    if (strcmp(kind, "Int") == 0) {
        ct_stream_at(&in->tree, node)->kind = CT_NODE_INT;
        ct_stream_at(&in->tree, node)->integer = integer_of(yyjson_obj_get(value, "i"), good);
    }
    else if (strcmp(kind, "Bool") == 0) {
        yyjson_val *b = yyjson_obj_get(value, "b");
        ct_stream_at(&in->tree, node)->kind = CT_NODE_BOOL;
        ct_stream_at(&in->tree, node)->integer = yyjson_get_bool(b);
        *good = *good && yyjson_is_bool(b);
    }
    else if (strcmp(kind, "Float") == 0) {
        ct_stream_at(&in->tree, node)->kind = CT_NODE_FLOAT;
        ct_stream_at(&in->tree, node)->number = float_of(yyjson_obj_get(value, "f"), good);
    }
    else if (strcmp(kind, "String") == 0)
        put_text(in, node, CT_NODE_STRING, yyjson_obj_get(value, "text"), good);
    else if (strcmp(kind, "Char") == 0)
        put_text(in, node, CT_NODE_STRING, yyjson_obj_get(value, "c"), good);
    else if (strcmp(kind, "Raw") == 0)
        put_text(in, node, CT_NODE_RAW, yyjson_obj_get(value, "r"), good);
    else if (strcmp(kind, "Error") == 0)
        put_text(in, node, CT_NODE_RAW, yyjson_obj_get(value, "msg"), good);
    else if (strcmp(kind, "Sequence") == 0)
        put_children(in, node, CT_NODE_SEQUENCE, yyjson_obj_get(value, "elements"), depth, good);
    else if (strcmp(kind, "Tuple") == 0)
        put_children(in, node, CT_NODE_TUPLE, yyjson_obj_get(value, "elements"), depth, good);
    else if (strcmp(kind, "Struct") == 0)
        put_children(in, node, CT_NODE_STRUCT, yyjson_obj_get(value, "field_values"), depth, good);
    else if (strcmp(kind, "BigInt") == 0) {
        put_text(in, node, CT_NODE_BIGINT, yyjson_obj_get(value, "b"), good);
        ct_stream_node *n = ct_stream_at(&in->tree, node);
        n->negative = yyjson_get_bool(yyjson_obj_get(value, "negative"));
        if (n->bytes)
            n->size = decode_base64((uint8_t *)(uintptr_t)n->bytes, n->size, good); /* yyjson's own copy of the text */
    }
    else if (strcmp(kind, "Variant") == 0) {
        size_t inner = 0;
        ct_stream_at(&in->tree, node)->kind = CT_NODE_STRUCT;
        tree(in, yyjson_obj_get(value, "contents"), node, &inner, depth + 1, good);
    }
    else if (strcmp(kind, "Cell") == 0) {
        ct_stream_at(&in->tree, node)->kind = CT_NODE_RAW;
        ct_stream_at(&in->tree, node)->bytes = (const uint8_t *)"<cell>";
        ct_stream_at(&in->tree, node)->size = 6;
    }
    else
        *good = false;
    return node;
}

/* ---- events ---- */

static ct_code
take_type(json_in *in, yyjson_val *body, bool *good)
{
    uint64_t kind = id_of(yyjson_obj_get(body, "kind"), good);
    yyjson_val *name = yyjson_obj_get(body, "lang_type"), *field, *fields = yyjson_obj_get(yyjson_obj_get(body, "specific_info"), "fields");
    ct_buffer names = {.allocator = in->sink->allocator};
    size_t index, most, count = 0;
    yyjson_arr_foreach(fields, index, most, field)
    {
        yyjson_val *text = yyjson_obj_get(field, "name");
        ct_stream_add_name(&names, yyjson_is_str(text) ? yyjson_get_str(text) : "?", yyjson_is_str(text) ? yyjson_get_len(text) : 1);
        count++;
    }
    *good = *good && yyjson_is_str(name);
    ct_code code = !*good           ? CT_OK
                   : names.failed ? CT_E_NOMEM
                                  : in->sink->type(in->sink->context, &(ct_stream_type){kind, yyjson_get_str(name), yyjson_get_len(name),
                                                                                        names.bytes, count});
    ct_buffer_free(&names);
    return code;
}

static ct_code
take_call(json_in *in, yyjson_val *body, bool *good)
{
    size_t index, most, none = 0;
    yyjson_val *argument, *list = yyjson_obj_get(body, "args");
    uint64_t function = id_of(yyjson_obj_get(body, "function_id"), good);
    yyjson_arr_foreach(list, index, most, argument)
    {
        uint64_t variable = id_of(yyjson_obj_get(argument, "variable_id"), good);
        size_t node = tree(in, yyjson_obj_get(argument, "value"), 0, &none, 0, good);
        if (!*good)
            return CT_OK;
        CT_TRY(in->sink->argument(in->sink->context, variable, &in->tree, node));
    }
    return *good ? in->sink->call(in->sink->context, function) : CT_OK;
}

static ct_code
take_path(json_in *in, yyjson_val *body, uint64_t *paths, bool *good)
{
    if (!(*good = yyjson_is_str(body)))
        return CT_OK;
    CT_TRY(in->sink->path(in->sink->context, yyjson_get_str(body), yyjson_get_len(body)));
    if (in->sink->source)
        CT_TRY(ct_trace_folder_give_source(in->folder, *paths, yyjson_get_str(body), yyjson_get_len(body), in->sink, in->error));
    ++*paths;
    return CT_OK;
}

static ct_code
take_event(json_in *in, yyjson_val *event, uint64_t *paths)
{
    static const char *const ignored[] = {"Asm", "BindVariable", "Assignment", "DropVariables", "CompoundValue", "CellValue",
                                          "AssignCompoundItem", "AssignCell", "VariableCell", "DropVariable"};
    ct_stream_forget(&in->tree);
    if (yyjson_equals_str(event, "DropLastStep"))
        return in->sink->drop_step(in->sink->context);
    yyjson_obj_iter members;
    yyjson_val *key = yyjson_is_obj(event) && yyjson_obj_size(event) == 1 && yyjson_obj_iter_init(event, &members) ? yyjson_obj_iter_next(&members) : NULL;
    if (!key)
        return fail(in, "an event is not an object with one member");
    const char *name = yyjson_get_str(key);
    yyjson_val *body = yyjson_obj_iter_get_val(key);
    bool good = true;
    size_t none = 0;
    ct_code code = CT_OK;
    if (strcmp(name, "Value") == 0) {
        uint64_t variable = id_of(yyjson_obj_get(body, "variable_id"), &good);
        size_t node = tree(in, yyjson_obj_get(body, "value"), 0, &none, 0, &good);
        code = good ? in->sink->value(in->sink->context, variable, &in->tree, node) : CT_OK;
    }
    else if (strcmp(name, "Step") == 0) {
        uint64_t path = id_of(yyjson_obj_get(body, "path_id"), &good);
        int64_t line = integer_of(yyjson_obj_get(body, "line"), &good);
        code = good ? in->sink->step(in->sink->context, path, line, 0) : CT_OK;
    }
    else if (strcmp(name, "Call") == 0)
        code = take_call(in, body, &good);
    else if (strcmp(name, "Return") == 0) {
        size_t node = tree(in, yyjson_obj_get(body, "return_value"), 0, &none, 0, &good);
        code = good ? in->sink->returned(in->sink->context, &in->tree, node) : CT_OK;
    }
    else if (strcmp(name, "Event") == 0) {
        uint64_t kind = id_of(yyjson_obj_get(body, "kind"), &good);
        yyjson_val *content = yyjson_obj_get(body, "content"), *metadata = yyjson_obj_get(body, "metadata");
        good = good && yyjson_is_str(content);
        code = good ? in->sink->event(in->sink->context, kind, yyjson_is_str(metadata) ? yyjson_get_str(metadata) : "", yyjson_get_len(metadata),
                                      yyjson_get_str(content), yyjson_get_len(content))
                    : CT_OK;
    }
    else if (strcmp(name, "Path") == 0)
        code = take_path(in, body, paths, &good);
    else if (strcmp(name, "Function") == 0) {
        uint64_t path = id_of(yyjson_obj_get(body, "path_id"), &good);
        int64_t line = integer_of(yyjson_obj_get(body, "line"), &good);
        yyjson_val *text = yyjson_obj_get(body, "name");
        good = good && yyjson_is_str(text);
        code = good ? in->sink->function(in->sink->context, path, line, yyjson_get_str(text), yyjson_get_len(text)) : CT_OK;
    }
    else if (strcmp(name, "VariableName") == 0 || strcmp(name, "Variable") == 0) {
        good = yyjson_is_str(body);
        code = good ? in->sink->variable(in->sink->context, yyjson_get_str(body), yyjson_get_len(body)) : CT_OK;
    }
    else if (strcmp(name, "Type") == 0)
        code = take_type(in, body, &good);
    else if (strncmp(name, "Thread", 6) == 0) {
        uint64_t thread = id_of(body, &good);
        ct_stream_thread what = strcmp(name, "ThreadStart") == 0 ? CT_THREAD_STARTS : strcmp(name, "ThreadExit") == 0 ? CT_THREAD_EXITS : CT_THREAD_SWITCHES;
        good = good && (what != CT_THREAD_SWITCHES || strcmp(name, "ThreadSwitch") == 0);
        code = good ? in->sink->thread(in->sink->context, what, thread) : CT_OK;
    }
    else if (strcmp(name, "DropLastStep") == 0)
        code = in->sink->drop_step(in->sink->context);
    else {
        bool known = false;
        for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
            known = known || strcmp(name, ignored[i]) == 0;
        if (!known)
            return fail(in, "an event of a kind that does not exist");
        code = in->sink->other ? in->sink->other(in->sink->context, name) : CT_OK;
    }
    if (in->tree.failed)
        return CT_E_NOMEM;
    if (!good)
        return fail(in, "an event's members are not those of its kind");
    if (code == CT_E_CORRUPT)
        in->message = in->sink->state->message;
    return code;
}

/* The trace ends at its bracket; what follows belongs to no trace. */
static ct_code
end_array(json_in *in)
{
    ct_code code = CT_OK;
    in->at++;
    (void)peek(in, &code);
    return code == CT_OK && in->at < in->size ? fail(in, "something follows the trace's closing bracket") : code;
}

/* The whole array, event by event. */
static ct_code
read_array(json_in *in)
{
    ct_code code = CT_OK;
    uint64_t paths = 0;
    if (peek(in, &code) != '[')
        return code != CT_OK ? code : fail(in, "trace.json is not an array");
    in->at++;
    if (peek(in, &code) == ']')
        return end_array(in);
    while (code == CT_OK) {
        peek(in, &code);
        size_t size = code == CT_OK ? event_size(in, &code) : 0;
        if (code != CT_OK)
            return code;
        if (size == 0)
            return fail(in, in->at == in->size || in->end ? "the file ends within the trace: it was cut off" : "what stands here is no event");
        yyjson_read_err problem;
        yyjson_alc memory;
        yyjson_doc *doc = yyjson_read_opts((char *)in->bytes + in->at, size, YYJSON_READ_NOFLAG, ct_json_memory(in->sink->allocator, &memory), &problem);
        if (!doc)
            return problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? CT_E_NOMEM : fail(in, "an event is no JSON");
        in->sink->state->byte = in->position + in->at;
        in->sink->state->event = in->events++;
        code = take_event(in, yyjson_doc_get_root(doc), &paths);
        yyjson_doc_free(doc);
        if (code != CT_OK)
            return code;
        in->at += size;
        uint8_t next = peek(in, &code);
        if (code != CT_OK)
            return code;
        if (next == ']')
            return end_array(in);
        if (next != ',')
            return fail(in, next ? "a comma is missing between two events" : "the file ends within the trace: it was cut off");
        in->at++;
    }
    return code;
}

ct_code
ct_json_read(const char *path, const ct_stream_sink *sink, ct_error *error)
{
    json_in in = {.error = error, .file = open(path, O_RDONLY | O_CLOEXEC), .sink = sink, .tree.allocator = sink->allocator};
    if (in.file < 0)
        return ct_fail(error, CT_E_IO, "the file cannot be opened", 0, errno);
    char *folder = ct_trace_folder_of(path, sink->allocator);
    ct_code code = folder ? CT_OK : CT_E_NOMEM;
    in.folder = folder;
    if (folder && sink->meta)
        code = ct_trace_folder_give_metadata(folder, sink, error);
    if (code == CT_OK)
        code = read_array(&in);
    close(in.file);
    ct_free(in.sink->allocator, in.bytes);
    ct_free(in.sink->allocator, folder);
    ct_stream_tree_free(&in.tree);
    if (code == CT_E_CORRUPT)
        return ct_fail(error, code, in.message ? in.message : "the trace breaks its format", in.position + in.at, 0);
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}
