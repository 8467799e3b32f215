/* A sink that writes what a reader hands on as text, a line per event: what tests compare. */
#ifndef EVENT_TEXT_H
#define EVENT_TEXT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/stream.h"

typedef struct event_text {
    ct_stream_state state;
    ct_stream_sink sink;
    size_t size;
    bool full;
    char text[1 << 20];
} event_text;

__attribute__((format(printf, 2, 3))) static inline void
event_put(event_text *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out->text + out->size, sizeof out->text - out->size, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof out->text - out->size)
        out->full = true;
    else
        out->size += (size_t)size;
}

static inline void
event_bytes(event_text *out, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        event_put(out, (unsigned char)bytes[i] < ' ' || bytes[i] == '\\' ? "\\%02x" : "%c", (unsigned char)bytes[i]);
}

static inline void
event_value(event_text *out, const ct_stream_tree *tree, size_t index)
{
    if (index == 0) {
        event_put(out, "-");
        return;
    }
    const ct_stream_node *node = ct_stream_at(tree, index);
    switch (node->kind) {
    case CT_NODE_NONE: event_put(out, "None"); break;
    case CT_NODE_BOOL: event_put(out, node->integer ? "True" : "False"); break;
    case CT_NODE_INT: event_put(out, "%" PRId64, node->integer); break;
    case CT_NODE_FLOAT: event_put(out, "%.17g", node->number); break;
    case CT_NODE_BIGINT:
        event_put(out, node->negative ? "-0x" : "0x");
        for (size_t i = 0; i < node->size; i++)
            event_put(out, "%02x", node->bytes[i]);
        break;
    case CT_NODE_STRING:
    case CT_NODE_RAW:
        event_put(out, node->kind == CT_NODE_RAW ? "raw'" : "'");
        event_bytes(out, (const char *)node->bytes, node->size);
        event_put(out, "'");
        break;
    default:
        event_put(out, node->kind == CT_NODE_SEQUENCE ? "[" : node->kind == CT_NODE_TUPLE ? "(" : "{");
        for (size_t child = node->first; child; child = ct_stream_at(tree, child)->next) {
            event_value(out, tree, child);
            event_put(out, ct_stream_at(tree, child)->next ? ", " : "");
        }
        event_put(out, node->kind == CT_NODE_SEQUENCE ? "]" : node->kind == CT_NODE_TUPLE ? ")" : "}");
    }
    if (node->type == UINT32_MAX)
        event_put(out, ":?");
    else
        event_put(out, ":%" PRIu32, node->type);
}

static ct_code
event_named(void *context, const char *what, const char *bytes, size_t size)
{
    event_put(context, "%s ", what);
    event_bytes(context, bytes, size);
    event_put(context, "\n");
    return CT_OK;
}

static ct_code event_path(void *context, const char *bytes, size_t size) { return event_named(context, "path", bytes, size); }
static ct_code event_variable(void *context, const char *bytes, size_t size) { return event_named(context, "variable", bytes, size); }

static ct_code
event_function(void *context, uint64_t path, int64_t line, const char *bytes, size_t size)
{
    event_put(context, "function %" PRIu64 ":%" PRId64, path, line);
    return event_named(context, "", bytes, size);
}

static ct_code
event_type(void *context, const ct_stream_type *type)
{
    event_put(context, "type %" PRIu64, type->kind);
    const uint8_t *fields = type->fields;
    for (size_t i = 0; i < type->field_count; i++) {
        ct_text field = ct_stream_take_name(&fields);
        event_put(context, " .%.*s", (int)field.size, field.bytes);
    }
    return event_named(context, "", type->name, type->name_size);
}

static ct_code
event_step(void *context, uint64_t path, int64_t line, uint64_t column)
{
    event_put(context, "step %" PRIu64 ":%" PRId64, path, line);
    if (column)
        event_put(context, ":%" PRIu64, column);
    event_put(context, "\n");
    return CT_OK;
}

static ct_code
event_with_value(void *context, const char *what, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    event_put(context, "%s %" PRIu64 " ", what, variable);
    event_value(context, tree, node);
    event_put(context, "\n");
    return CT_OK;
}

static ct_code event_variable_value(void *c, uint64_t v, const ct_stream_tree *tree, size_t node) { return event_with_value(c, "value", v, tree, node); }
static ct_code event_argument(void *c, uint64_t v, const ct_stream_tree *tree, size_t node) { return event_with_value(c, "argument", v, tree, node); }

static ct_code
event_call(void *context, uint64_t function)
{
    event_put(context, "call %" PRIu64 "\n", function);
    return CT_OK;
}

static ct_code
event_returned(void *context, const ct_stream_tree *tree, size_t node)
{
    event_put(context, "return ");
    event_value(context, tree, node);
    event_put(context, "\n");
    return CT_OK;
}

static ct_code
event_event(void *context, uint64_t kind, const char *metadata, size_t metadata_size, const char *content, size_t size)
{
    event_put(context, "event %" PRIu64 " ", kind);
    event_bytes(context, metadata, metadata_size);
    return event_named(context, "", content, size);
}

static ct_code
event_thread(void *context, ct_stream_thread what, uint64_t thread)
{
    event_put(context, "thread %s %" PRIu64 "\n", what == CT_THREAD_STARTS ? "starts" : what == CT_THREAD_EXITS ? "exits" : "switches", thread);
    return CT_OK;
}

static ct_code
event_drop_step(void *context)
{
    event_put(context, "drop step\n");
    return CT_OK;
}

static ct_code
event_raised(void *context, uint64_t type, const char *bytes, size_t size)
{
    event_put(context, "raised %" PRIu64, type);
    return event_named(context, "", bytes, size);
}

static ct_code
event_caught(void *context, uint64_t type)
{
    event_put(context, "caught %" PRIu64 "\n", type);
    return CT_OK;
}

static ct_code
event_other(void *context, const char *kind)
{
    event_put(context, "other %s\n", kind);
    return CT_OK;
}

static ct_code
event_source(void *context, uint64_t path, const char *bytes, size_t size)
{
    event_put(context, "source %" PRIu64, path);
    return event_named(context, "", bytes, size);
}

static void
event_meta(void *context, const char *key, const char *bytes, size_t size)
{
    event_put(context, "meta %s", key);
    event_named(context, "", bytes, size);
}

static inline void
event_text_start(event_text *out)
{
    out->size = 0;
    out->full = false;
    out->text[0] = 0;
    out->state = (ct_stream_state){0};
    out->sink = (ct_stream_sink){
        .context = out, .state = &out->state, .path = event_path, .function = event_function, .variable = event_variable, .type = event_type,
        .step = event_step, .value = event_variable_value, .argument = event_argument, .call = event_call, .returned = event_returned,
        .event = event_event, .thread = event_thread, .drop_step = event_drop_step, .raised = event_raised, .caught = event_caught,
        .other = event_other, .source = event_source, .meta = event_meta};
}

#endif
