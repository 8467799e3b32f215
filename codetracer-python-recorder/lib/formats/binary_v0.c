/* trace.bin as release 0.3.0 of the recorder before this one writes it: one packed Cap'n Proto message (trace-binary.md section 2), V0.
 *
 * ---- writing ---- ct_export_binary_v0. The message is one segment: root pointer, Trace, the list of events, and behind it what the events point
 * at, in their order, so that a file that was cut can be read up to there. How many events there are is known at the end only, so events and
 * what they point at go into files without names first. Invariant: memory does not grow, and what readers could not open is not written.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "codetracer/export.h"
#include "formats/capnp.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/trace_folder.h"

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

/* Of an Event, in this schema's own numbers. */
enum { LOG_WRITE = 0, LOG_READ = 2, LOG_WRITE_OTHER = 11 };

typedef struct v0_export {
    ct_trace_folder *folder;
    ct_outfile out, events, contents; /* contents: packed */
    ct_buffer event;               /* the one at hand: its pointer, then what that points at */
    uint64_t event_count, content_words;
    ct_error *error;
} v0_export;

static ct_code no_memory(v0_export *x) { return ct_fail(x->error, CT_E_NOMEM, "no memory", 0, 0); }

/* ---- events ---- */

static size_t
begin_event(v0_export *x)
{
    x->event.size = 0;
    return ct_capnp_take(&x->event, 1);
}

static uint64_t
word_at(const uint8_t *bytes)
{
    uint64_t word = 0;
    for (unsigned i = 8; i-- > 0;)
        word = word << 8 | bytes[i];
    return word;
}

/* In `events` a pointer says where its target is among the contents; put_events makes it relative. */
static ct_code
end_event(v0_export *x, enum event_tag tag)
{
    ct_buffer *event = &x->event;
    if (event->failed)
        return no_memory(x);
    ct_buffer_add_u64(&x->events.buffer, tag);
    ct_buffer_add_u64(&x->events.buffer, word_at(event->bytes) | x->content_words << 2);
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
on_step(void *context, uint32_t path, int64_t line, ct_named_value *values, size_t count)
{
    v0_export *x = context;
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
    while (count) {
        ssize_t got = pread(from->file, bytes, count, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ct_fail(x->error, CT_E_IO, "a temporary file of the export cannot be read", offset, got < 0 ? errno : EIO);
        bytes += got;
        offset += (uint64_t)got;
        count -= (size_t)got;
    }
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
            uint64_t pointer = word_at(piece + i * 8);
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
