/* trace.bin as release 0.3.0 of the recorder before this one writes it: one packed Cap'n Proto message (trace-binary.md section 2), V0.
 *
 * Writing, ct_export_binary_v0: the message is one segment: root pointer, Trace, the list of events, and behind it what the events point at, in
 * their order, so that a file that was cut can be read up to there. How many events there are is known at the end only, so events and what they
 * point at go into files without names first. Memory does not grow, and what readers could not open is not written.
 *
 * Reading, ct_binary_v0_read: nothing in the message is trusted (capnp_read.h), as many values as the file has bytes are the most, and nesting is
 * bounded. There are no checksums in this format: only what breaks its rules is noticed. A message that was cut is read as far as its events and
 * what they point at are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/export.h"
#include "formats/capnp_read.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/stream.h"
#include "formats/trace_folder.h"
#include "util/io.h"

static const uint8_t MAGIC[8] = { 0xC0, 0xDE, 0x72, 0xAC, 0xE2, 0, 0, 0 };

enum {
    NESTING = 28,                  /* readers follow 64 pointers and list elements into each other, a record is two of them; 29 they just stand */
    EVENT_WORDS = 2,               /* tag, pointer */
    HEAD_WORDS = 3,                /* root pointer, Trace, tag of the list of events */
    PIECE = 64 * 1024
};

/* What a reader may traverse by default: 64 MiB. */
#define MOST_WORDS (8u << 20)

enum event_tag {
    TAG_STEP, TAG_PATH, TAG_VARIABLE_NAME, TAG_VARIABLE, TAG_TYPE, TAG_VALUE, TAG_FUNCTION, TAG_CALL, TAG_RETURN, TAG_EVENT, TAG_ASM, TAG_BIND_VARIABLE,
    TAG_ASSIGNMENT, TAG_DROP_VARIABLES, TAG_COMPOUND_VALUE, TAG_CELL_VALUE, TAG_ASSIGN_COMPOUND_ITEM, TAG_ASSIGN_CELL, TAG_VARIABLE_CELL,
    TAG_DROP_VARIABLE, TAG_DROP_LAST_STEP, TAG_THREAD_START, TAG_THREAD_EXIT, TAG_THREAD_SWITCH
};

/* EventLogKind in this schema's own numbers, and what is meant in trace.json's. */
enum { LOG_WRITE = 0, LOG_READ = 2, LOG_WRITE_OTHER = 11 };
static const uint8_t LOG_KINDS[] = { 0, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 2, 5, 13 };

typedef struct v0_export {
    ct_trace_folder *folder;
    ct_outfile out, events, contents; /* contents: packed */
    ct_buffer event;               /* the one at hand: its pointer, then what that points at */
    uint64_t event_count, content_words;
    ct_error *error;
} v0_export;

static ct_code no_memory(v0_export *x) { return ct_fail(x->error, CT_E_NOMEM, "no memory", 0, 0); }

/* ======== writing ======== */

static size_t
begin_event(v0_export *x)
{
    x->event.size = 0;
    return ct_capnp_take(&x->event, 1);
}

/* In `events` a pointer says where its target is among the contents; put_events makes it relative. */
static ct_code
end_event(v0_export *x, enum event_tag tag)
{
    ct_buffer *event = &x->event;
    if (event->failed)
        return no_memory(x);
    ct_buffer_add_u64(&x->events.buffer, tag);
    ct_buffer_add_u64(&x->events.buffer, ct_capnp_word(event->bytes) | x->content_words << 2);
    ct_capnp_pack(&x->contents.buffer, event->bytes + 8, ct_capnp_words(event) - 1);
    x->event_count++;
    x->content_words += ct_capnp_words(event) - 1;
    /* Each word is traversed once, but the list of events twice: readers ask for it to learn its length, and again for what is in it. */
    if (HEAD_WORDS + 2 * EVENT_WORDS * x->event_count + 1 + x->content_words > MOST_WORDS)
        return ct_fail(x->error, CT_E_LIMIT,
                       "the trace is larger than what readers of binary-v0 open, 64 MiB of Cap'n Proto; choose the format binary or ct", 0, 0);
    if (event->capacity > 16 * PIECE)
        ct_buffer_free(event); /* it held one huge value */
    CT_TRY(ct_outfile_drain(&x->events, x->error));
    return ct_outfile_drain(&x->contents, x->error);
}

static ct_code
on_path(void *context, ct_text path)
{
    v0_export *x = context;
    size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 0, 1);
    ct_capnp_add_text(&x->event, at, path.bytes, path.size);
    CT_TRY(ct_trace_folder_name_path(x->folder, path));
    return end_event(x, TAG_PATH);
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    v0_export *x = context;
    size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 0, 3);
    ct_capnp_add_number(&x->event, at, path);
    ct_capnp_add_number(&x->event, at + 1, (uint64_t)line);
    ct_capnp_add_text(&x->event, at + 2, name.bytes, name.size);
    return end_event(x, TAG_FUNCTION);
}

static ct_code
on_variable(void *context, ct_text name)
{
    v0_export *x = context;
    ct_capnp_add_text(&x->event, begin_event(x), name.bytes, name.size);
    return end_event(x, TAG_VARIABLE_NAME);
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    v0_export *x = context;
    ct_buffer *b = &x->event;
    bool is_struct = type->kind == CT_KIND_STRUCT;
    size_t at = ct_capnp_add_struct(b, begin_event(x), 1, 2);
    ct_capnp_put(b, at, type->kind);
    ct_capnp_add_text(b, at + 1, type->name.bytes, type->name.size);
    size_t info = ct_capnp_add_struct(b, at + 2, 1, 1);
    if (is_struct) {
        ct_capnp_put(b, info, 1);
        size_t field = ct_capnp_add_list(b, info + 1, type->field_count, 0, 2);
        for (size_t i = 0; i < type->field_count; i++, field += 2) {
            ct_capnp_add_text(b, field, type->fields[i].bytes, type->fields[i].size);
            ct_capnp_add_number(b, field + 1, type->field_type);
        }
    }
    return end_event(x, TAG_TYPE);
}

static ct_code
put_step(v0_export *x, uint32_t path, int64_t line)
{
    size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 0, 2);
    ct_capnp_add_number(&x->event, at, path);
    ct_capnp_add_number(&x->event, at + 1, (uint64_t)line);
    return end_event(x, TAG_STEP);
}

/* The pointer in word `at` to a value, which was encoded before: its struct first. */
static void
add_value(ct_buffer *b, size_t at, const ct_encoded *value)
{
    ct_capnp_point(b, at, ct_capnp_words(b), CT_V0_VALUE_DATA, CT_V0_VALUE_POINTERS);
    ct_buffer_add(b, value->bytes[0], value->size[0]);
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count)
{
    v0_export *x = context;
    (void)column; /* the format has lines only */
    CT_TRY(put_step(x, path, line));
    for (size_t i = 0; i < count; i++) {
        size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 0, 2);
        ct_capnp_add_number(&x->event, at, values[i].variable);
        add_value(&x->event, at + 1, &values[i].value);
        CT_TRY(end_event(x, TAG_VALUE));
    }
    return CT_OK;
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments, size_t count)
{
    v0_export *x = context;
    if (own_step)
        CT_TRY(put_step(x, path, line));
    size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 0, 2);
    ct_capnp_add_number(&x->event, at, function);
    size_t argument = ct_capnp_add_list(&x->event, at + 1, count, 0, 2);
    for (size_t i = 0; i < count; i++, argument += 2) {
        ct_capnp_add_number(&x->event, argument, arguments[i].variable);
        add_value(&x->event, argument + 1, &arguments[i].value);
    }
    return end_event(x, TAG_CALL);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    v0_export *x = context;
    size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 0, 1);
    add_value(&x->event, at, value);
    return end_event(x, TAG_RETURN);
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    v0_export *x = context;
    size_t at = ct_capnp_add_struct(&x->event, begin_event(x), 1, 2);
    ct_capnp_put(&x->event, at, stream == CT_STDOUT ? LOG_WRITE : stream == CT_STDERR ? LOG_WRITE_OTHER : LOG_READ);
    ct_capnp_add_text(&x->event, at + 1, text.bytes, text.size);
    ct_capnp_add_text(&x->event, at + 2, "", 0);
    return end_event(x, TAG_EVENT);
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    v0_export *x = context;
    ct_capnp_add_number(&x->event, begin_event(x), thread);
    return end_event(x, what == CT_LINEAR_THREAD_START ? TAG_THREAD_START : what == CT_LINEAR_THREAD_EXIT ? TAG_THREAD_EXIT : TAG_THREAD_SWITCH);
}

/* ---- the message ---- */

/* The next bytes of a file that was written; they are all there. */
static ct_code
read_back(v0_export *x, const ct_outfile *from, uint64_t offset, uint8_t *bytes, size_t count)
{
    size_t got;
    CT_TRY(ct_descriptor_read(from->file, offset, bytes, count, &got, x->error));
    if (got < count)
        return ct_fail(x->error, CT_E_IO, "a temporary file of the export cannot be read", offset, EIO);
    return CT_OK;
}

static void
put_word(uint8_t *at, uint64_t word)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(word >> (8 * i));
}

static ct_code
put_events(v0_export *x, uint8_t piece[PIECE])
{
    uint64_t words = EVENT_WORDS * x->event_count, at = 0;
    for (size_t count; at < words; at += count) {
        count = words - at < PIECE / 8 ? (size_t)(words - at) : PIECE / 8;
        CT_TRY(read_back(x, &x->events, at * 8, piece, count * 8));
        for (size_t i = 1; i < count; i += EVENT_WORDS) {
            uint64_t pointer = ct_capnp_word(piece + i * 8);
            if (pointer >> 32) /* no null pointer: from its place in words to where the contents begin */
                put_word(piece + i * 8, pointer + ((words - (at + i) - 1) << 2));
        }
        ct_capnp_pack(&x->out.buffer, piece, count);
        CT_TRY(ct_outfile_drain(&x->out, x->error));
    }
    return CT_OK;
}

static ct_code
put_contents(v0_export *x, uint8_t piece[PIECE])
{
    for (uint64_t at = 0; at < x->contents.written; at += PIECE) {
        size_t count = x->contents.written - at < PIECE ? (size_t)(x->contents.written - at) : PIECE;
        CT_TRY(read_back(x, &x->contents, at, piece, count));
        ct_buffer_add(&x->out.buffer, piece, count);
        CT_TRY(ct_outfile_drain(&x->out, x->error));
    }
    return CT_OK;
}

static ct_code
write_message(v0_export *x, ct_journal *journal, const ct_export_options *options, ct_export_result *result)
{
    const ct_linear_sink sink = {
        .context = x, .form_count = 1, .forms = { CT_FORM_V0 }, .nesting = NESTING,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    uint8_t piece[PIECE];
    CT_TRY(ct_linear_run(journal, options, &sink, result, x->error));
    CT_TRY(ct_outfile_flush(&x->events, x->error));
    CT_TRY(ct_outfile_flush(&x->contents, x->error));

    uint64_t words = EVENT_WORDS * x->event_count;
    put_word(piece, (HEAD_WORDS + words + x->content_words) << 32);            /* the table: one segment, of so many words */
    put_word(piece + 8, (uint64_t)1 << 48);                                    /* the root: a Trace, right behind it */
    put_word(piece + 16, CT_CAPNP_LIST | (uint64_t)CT_CAPNP_COMPOSITE << 32 | words << 35);
    put_word(piece + 24, x->event_count << 2 | (uint64_t)1 << 32 | (uint64_t)1 << 48);
    ct_buffer_add(&x->out.buffer, MAGIC, sizeof MAGIC);
    ct_capnp_pack(&x->out.buffer, piece, 1 + HEAD_WORDS);
    CT_TRY(put_events(x, piece));
    CT_TRY(put_contents(x, piece));
    CT_TRY(ct_outfile_flush(&x->out, x->error));
    result->bytes = x->out.written;
    return ct_outfile_finish(&x->out, x->error);
}

static ct_code
write_events(ct_trace_folder *folder, ct_journal *journal, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    v0_export x = { .folder = folder, .event.allocator = folder->paths.allocator, .events.file = -1, .contents.file = -1, .error = error };
    CT_TRY(ct_trace_folder_create(folder, "trace.bin", &x.out, error));
    ct_code code = ct_trace_folder_create_unnamed(folder, &x.events, error);
    if (code == CT_OK)
        code = ct_trace_folder_create_unnamed(folder, &x.contents, error);
    if (code == CT_OK)
        code = write_message(&x, journal, options, result);
    ct_outfile_abandon(&x.out);
    ct_outfile_abandon(&x.events);
    ct_outfile_abandon(&x.contents);
    ct_buffer_free(&x.event);
    return code;
}

ct_code
ct_export_binary_v0(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export(journal, folder, write_events, NESTING, options, result, error);
}

ct_code
ct_export_binary_v0_to(ct_journal *journal, const ct_folder *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export_to(journal, folder, NULL, write_events, NESTING, options, result, error);
}

/* ======== reading ======== */

typedef struct v0_in {
    ct_capnp_message m;
    uint64_t values_left;
    uint64_t events, paths;
    const char *folder;
    const ct_stream_sink *sink;
    ct_stream_tree tree;
    ct_error *error;
} v0_in;

/* The number in the struct that a pointer leads to: ids and lines are such structs. */
static bool
number_at(v0_in *in, const ct_capnp_object *o, unsigned index, int64_t *number)
{
    ct_capnp_object to;
    if (!ct_capnp_struct_at(&in->m, o, index, &to))
        return false;
    *number = (int64_t)ct_capnp_data(&in->m, &to, 0);
    return true;
}

static bool
id_at(v0_in *in, const ct_capnp_object *o, unsigned index, uint64_t *id)
{
    int64_t number;
    if (!number_at(in, o, index, &number))
        return false;
    *id = (uint64_t)number;
    return number >= 0 || ct_capnp_refuse(&in->m, "an id below zero");
}

/* ---- values ---- */

static bool take_value(v0_in *in, const ct_capnp_object *value, size_t parent, size_t *sibling, unsigned depth, size_t *node);

static bool
take_children(v0_in *in, const ct_capnp_object *value, size_t node, unsigned depth)
{
    ct_capnp_object list;
    size_t sibling = 0, child;
    if (!ct_capnp_structs_at(&in->m, value, 0, &list))
        return false;
    for (uint64_t i = 0; i < list.count; i++) {
        ct_capnp_object element = ct_capnp_element(&list, i);
        if (!take_value(in, &element, node, &sibling, depth + 1, &child))
            return false;
    }
    return true;
}

static bool
take_value(v0_in *in, const ct_capnp_object *value, size_t parent, size_t *sibling, unsigned depth, size_t *node)
{
    enum { TEXT = 1, CHILDREN = 2, STANDS_IN = 4 };
    static const struct { ct_node_kind kind; unsigned type_pointer, what; } KINDS[] = {
        [0] = { CT_NODE_INT, 0, 0 }, [1] = { CT_NODE_FLOAT, 0, 0 }, [2] = { CT_NODE_BOOL, 0, 0 }, [3] = { CT_NODE_STRING, 1, TEXT },
        [4] = { CT_NODE_SEQUENCE, 1, CHILDREN }, [5] = { CT_NODE_TUPLE, 1, CHILDREN }, [6] = { CT_NODE_STRUCT, 1, CHILDREN },
        [7] = { CT_NODE_STRUCT, 2, STANDS_IN }, [8] = { CT_NODE_NONE, 1, 0 }, [9] = { CT_NODE_RAW, 1, TEXT }, [10] = { CT_NODE_RAW, 1, TEXT | STANDS_IN },
        [11] = { CT_NODE_NONE, 0, 0 }, [12] = { CT_NODE_RAW, 3, STANDS_IN }, [13] = { CT_NODE_BIGINT, 1, 0 },
    };
    enum { VARIANT = 7, REFERENCE = 8, CELL = 12 };
    uint64_t tag = ct_capnp_data(&in->m, value, 1) & 0xFFFF, bits = ct_capnp_data(&in->m, value, 0), type = 0;
    ct_capnp_object inside;
    if (tag >= sizeof KINDS / sizeof *KINDS)
        return ct_capnp_refuse(&in->m, "a value of a kind that does not exist");
    if (depth >= CT_STREAM_NESTING)
        return ct_capnp_refuse(&in->m, "values that are nested too deep");
    if (in->values_left-- == 0)
        return ct_capnp_refuse(&in->m, "more values than the file has bytes");
    if (tag == REFERENCE) /* Python has none that it would not show as what it leads to */
        return ct_capnp_struct_at(&in->m, value, 0, &inside) && take_value(in, &inside, parent, sibling, depth + 1, node);
    if (!(*node = ct_stream_add(&in->tree, parent, sibling))) {
        in->m.code = CT_E_NOMEM;
        return false;
    }
    if (KINDS[tag].type_pointer < CT_V0_VALUE_POINTERS && !id_at(in, value, KINDS[tag].type_pointer, &type))
        return false;
    const char *bytes = "";
    size_t size = 0, first = 0, child;
    if ((KINDS[tag].what & TEXT) && !ct_capnp_text_at(&in->m, value, 0, &bytes, &size))
        return false;
    if (KINDS[tag].kind == CT_NODE_BIGINT && !ct_capnp_bytes_at(&in->m, value, 0, &bytes, &size))
        return false;
    if (tag == CELL)
        bytes = "<cell>", size = 6;
    ct_stream_node *n = ct_stream_at(&in->tree, *node);
    n->kind = KINDS[tag].kind;
    n->stands_in = KINDS[tag].what & STANDS_IN;
    n->type = tag != CELL && type < UINT32_MAX ? (uint32_t)type : UINT32_MAX;
    n->integer = n->kind == CT_NODE_BOOL ? (int64_t)(bits & 1) : (int64_t)bits;
    n->negative = n->kind == CT_NODE_BIGINT && bits & 1;
    memcpy(&n->number, &bits, sizeof n->number);
    n->bytes = (const uint8_t *)bytes;
    n->size = size;
    if (tag == VARIANT)
        return ct_capnp_struct_at(&in->m, value, 1, &inside) && take_value(in, &inside, *node, &first, depth + 1, &child);
    return !(KINDS[tag].what & CHILDREN) || take_children(in, value, *node, depth);
}

static bool
value_at(v0_in *in, const ct_capnp_object *o, unsigned index, size_t *node)
{
    ct_capnp_object value;
    size_t none = 0;
    return ct_capnp_struct_at(&in->m, o, index, &value) && take_value(in, &value, 0, &none, 0, node);
}

/* ---- events ---- */

/* What the sink returned. */
static bool
done(v0_in *in, ct_code code)
{
    if (code == CT_E_CORRUPT)
        return ct_capnp_refuse(&in->m, in->sink->state->message);
    in->m.code = code;
    return code == CT_OK;
}

static bool
take_type(v0_in *in, const ct_capnp_object *type)
{
    const ct_stream_sink *sink = in->sink;
    ct_stream_type given = { .kind = ct_capnp_data(&in->m, type, 0) & 0xFFFF };
    ct_buffer names = { .allocator = sink->allocator };
    ct_capnp_object info, fields = { 0 };
    bool good = ct_capnp_text_at(&in->m, type, 0, &given.name, &given.name_size) && ct_capnp_struct_at(&in->m, type, 1, &info);
    if (good && (ct_capnp_data(&in->m, &info, 0) & 0xFFFF) == 1)
        good = ct_capnp_structs_at(&in->m, &info, 0, &fields);
    for (uint64_t i = 0; good && i < fields.count; i++) {
        ct_capnp_object field = ct_capnp_element(&fields, i);
        const char *name;
        size_t size;
        good = ct_capnp_text_at(&in->m, &field, 0, &name, &size);
        if (good)
            ct_stream_add_name(&names, name, size);
    }
    given.fields = names.bytes;
    given.field_count = (size_t)fields.count;
    good = good && done(in, names.failed ? CT_E_NOMEM : sink->type(sink->context, &given));
    ct_buffer_free(&names);
    return good;
}

static bool
take_call(v0_in *in, const ct_capnp_object *call)
{
    const ct_stream_sink *sink = in->sink;
    ct_capnp_object arguments;
    uint64_t function, variable;
    size_t node;
    if (!id_at(in, call, 0, &function) || !ct_capnp_structs_at(&in->m, call, 1, &arguments))
        return false;
    for (uint64_t i = 0; i < arguments.count; i++) {
        ct_capnp_object argument = ct_capnp_element(&arguments, i);
        if (!id_at(in, &argument, 0, &variable) || !value_at(in, &argument, 1, &node) ||
            !done(in, sink->argument(sink->context, variable, &in->tree, node)))
            return false;
    }
    return done(in, sink->call(sink->context, function));
}

static bool
take_path(v0_in *in, const ct_capnp_object *path)
{
    const ct_stream_sink *sink = in->sink;
    const char *bytes;
    size_t size;
    if (!ct_capnp_text_at(&in->m, path, 0, &bytes, &size) || !done(in, sink->path(sink->context, bytes, size)))
        return false;
    in->paths++;
    return !sink->source || done(in, ct_trace_folder_give_source(in->folder, in->paths - 1, bytes, size, sink, in->error));
}

/* Events that this library has no use for. */
static const char *
name_of_other(uint64_t tag)
{
    switch (tag) {
    case TAG_ASM: return "Asm";
    case TAG_BIND_VARIABLE: return "BindVariable";
    case TAG_ASSIGNMENT: return "Assignment";
    case TAG_DROP_VARIABLES: return "DropVariables";
    case TAG_COMPOUND_VALUE: return "CompoundValue";
    case TAG_CELL_VALUE: return "CellValue";
    case TAG_ASSIGN_COMPOUND_ITEM: return "AssignCompoundItem";
    case TAG_ASSIGN_CELL: return "AssignCell";
    case TAG_VARIABLE_CELL: return "VariableCell";
    case TAG_DROP_VARIABLE: return "DropVariable";
    default: return NULL;
    }
}

static bool
take_event(v0_in *in, const ct_capnp_object *event)
{
    const ct_stream_sink *sink = in->sink;
    void *c = sink->context;
    uint64_t tag = ct_capnp_data(&in->m, event, 0) & 0xFFFF, id;
    const char *text, *metadata, *other = name_of_other(tag);
    size_t size, metadata_size, node;
    int64_t line;
    ct_capnp_object body = { 0 };
    in->sink->state->byte = (in->m.segments[event->segment].start + event->at) * 8;
    in->sink->state->event = in->events++;
    ct_stream_forget(&in->tree);
    if (tag == TAG_DROP_LAST_STEP)
        return done(in, sink->drop_step(c));
    if (tag == TAG_VARIABLE_NAME || tag == TAG_VARIABLE)
        return ct_capnp_text_at(&in->m, event, 0, &text, &size) && done(in, sink->variable(c, text, size));
    if (other)
        return !sink->other || done(in, sink->other(c, other));
    if (!ct_capnp_struct_at(&in->m, event, 0, &body))
        return false;
    if (!body.there)
        return ct_capnp_refuse(&in->m, "an event without its content");
    switch (tag) {
    case TAG_STEP: return id_at(in, &body, 0, &id) && number_at(in, &body, 1, &line) && done(in, sink->step(c, id, line, 0));
    case TAG_PATH: return take_path(in, &body);
    case TAG_TYPE: return take_type(in, &body);
    case TAG_VALUE: return id_at(in, &body, 0, &id) && value_at(in, &body, 1, &node) && done(in, sink->value(c, id, &in->tree, node));
    case TAG_FUNCTION:
        return id_at(in, &body, 0, &id) && number_at(in, &body, 1, &line) && ct_capnp_text_at(&in->m, &body, 2, &text, &size) &&
               done(in, sink->function(c, id, line, text, size));
    case TAG_CALL: return take_call(in, &body);
    case TAG_RETURN: return value_at(in, &body, 0, &node) && done(in, sink->returned(c, &in->tree, node));
    case TAG_EVENT:
        id = ct_capnp_data(&in->m, &body, 0) & 0xFFFF;
        if (id >= sizeof LOG_KINDS)
            return ct_capnp_refuse(&in->m, "an entry of the log of a kind that does not exist");
        return ct_capnp_text_at(&in->m, &body, 0, &text, &size) && ct_capnp_text_at(&in->m, &body, 1, &metadata, &metadata_size) &&
               done(in, sink->event(c, LOG_KINDS[id], metadata, metadata_size, text, size));
    case TAG_THREAD_START:
    case TAG_THREAD_EXIT:
    case TAG_THREAD_SWITCH: /* u64, the only one */
        return done(in, sink->thread(c, tag == TAG_THREAD_START ? CT_THREAD_STARTS : tag == TAG_THREAD_EXIT ? CT_THREAD_EXITS : CT_THREAD_SWITCHES,
                                     ct_capnp_data(&in->m, &body, 0)));
    default: return ct_capnp_refuse(&in->m, "an event of a kind that does not exist");
    }
}

/* ---- the message ---- */

static bool
take_events(v0_in *in)
{
    ct_capnp_object trace, events;
    if (!ct_capnp_root(&in->m, &trace) || !ct_capnp_list_at(&in->m, &trace, 0, CT_CAPNP_COMPOSITE, &events))
        return false;
    if (!trace.there)
        return ct_capnp_refuse(&in->m, "the message holds no trace");
    for (uint64_t i = 0; i < events.count; i++) {
        ct_capnp_object event = ct_capnp_element(&events, i);
        if (!ct_capnp_enter(&in->m, &event) || !take_event(in, &event))
            return false;
    }
    return ct_capnp_is_whole(&in->m);
}

static ct_code
read_file(v0_in *in, int file, ct_error *error)
{
    uint8_t magic[sizeof MAGIC];
    struct stat status;
    size_t got;
    if (fstat(file, &status) != 0)
        return ct_fail(error, CT_E_IO, "the file cannot be read", 0, errno);
    CT_TRY(ct_descriptor_read(file, 0, magic, sizeof magic, &got, error));
    if (got != sizeof magic || memcmp(magic, MAGIC, sizeof magic) != 0)
        return ct_capnp_refuse(&in->m, "this is no trace.bin in Cap'n Proto") ? CT_OK : in->m.code;
    in->values_left = (uint64_t)status.st_size;
    CT_TRY(ct_capnp_open(&in->m, file, sizeof MAGIC, in->sink->temporary_folder, in->sink->allocator, error));
    return take_events(in) ? CT_OK : in->m.code;
}

ct_code
ct_binary_v0_read(const char *path, const ct_stream_sink *sink, ct_error *error)
{
    v0_in *in = ct_allocate_zero(sink->allocator, 1, sizeof *in);
    char *folder = ct_trace_folder_of(path, sink->allocator);
    int file = -1;
    ct_code code = in && folder ? CT_OK : CT_E_NOMEM;
    if (code == CT_OK && (file = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        code = ct_fail(error, CT_E_IO, "the file cannot be opened", 0, errno);
    if (code == CT_OK) {
        in->folder = folder;
        in->sink = sink;
        in->tree.allocator = sink->allocator;
        in->error = error;
        if (sink->meta)
            code = ct_trace_folder_give_metadata(folder, sink, error);
        if (code == CT_OK)
            code = read_file(in, file, error);
        if (code == CT_E_CORRUPT)
            ct_fail(error, code, in->m.why, in->m.position, 0);
        ct_capnp_close(&in->m);
        ct_stream_tree_free(&in->tree);
        close(file);
    }
    ct_free(sink->allocator, folder);
    ct_free(sink->allocator, in);
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}
