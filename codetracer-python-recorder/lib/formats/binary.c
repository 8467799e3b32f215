/* trace.bin as readers since 2024 know it: CBOR events in seekable zstd (trace-binary.md section 1), V1.
 *
 * Writing, ct_export_binary: memory grows by eight bytes for each frame; a frame holds at most 2 MiB of events and carries its checksum, and the
 * seek table says of each frame what it is.
 *
 * Reading, ct_binary_read: frames are found by walking them, for the seek table may be damaged or, in a file that was cut, not there; it is compared
 * with what was found. No event is handed on before the frame that it ends in is known to decompress and to match its checksum. Memory grows with
 * the largest event and the frames' window. What damage leaves whole is handed on before the error is returned.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd_errors.h>

#include "codetracer/export.h"
#include "formats/cbor_read.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/trace_folder.h"
#include "util/io.h"
#include "util/zstd_memory.h"

static const uint8_t MAGIC[8] = { 0xC0, 0xDE, 0x72, 0xAC, 0xE2, 1, 0, 0 };

enum {
    NESTING = 60,                  /* as in json: the reader crates decode both by the same code */
    FRAME = 2 * 1024 * 1024,       /* of events: where upstream's writer ends one */
    PIECE = 256 * 1024,            /* of events, that are compressed together */
    LEVEL = 3,                     /* upstream's, which is zstd's default */
    ENTRY = 8,                     /* bytes of a frame's entry in the seek table; 4 more with checksums */
    TABLE_ENDS = 9,                /* bytes behind the entries */
    MOST_HELD = 16 * 1024 * 1024,  /* of a frame's events, until it is known to be whole; of a larger one this is found out first */
    MOST_EVENT = 256 * 1024 * 1024
};

#define SKIPPABLE 0x184D2A5Eu
#define SEEKABLE 0x8F92EAB1u
#define ADD(buffer, literal) ct_buffer_add((buffer), "" literal, sizeof(literal) - 1)

/* ======== writing: frames ======== */

typedef struct binary_export {
    ct_trace_folder *folder;
    ct_outfile out;
    ct_buffer events;              /* not compressed yet */
    ct_buffer table;               /* u32 compressed, u32 raw size of each frame that has ended */
    ZSTD_CCtx *zstd;
    uint64_t frame_start;          /* in the file */
    uint32_t in_frame;             /* bytes of events in the frame at hand */
    ct_error *error;
} binary_export;

static ct_code no_memory(binary_export *x) { return ct_fail(x->error, CT_E_NOMEM, "no memory", 0, 0); }

static ct_code
compress(binary_export *x, const uint8_t *bytes, size_t count, ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = { bytes, count, 0 };
    size_t left = 1;
    while (directive == ZSTD_e_end ? left > 0 : in.pos < in.size) {
        size_t room = ZSTD_CStreamOutSize();
        ZSTD_outBuffer out = { ct_buffer_room(&x->out.buffer, room), room, 0 };
        if (!out.dst)
            return no_memory(x);
        left = ZSTD_compressStream2(x->zstd, &out, &in, directive);
        if (ZSTD_isError(left))
            return ct_fail(x->error, ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? CT_E_NOMEM : CT_E_LIMIT,
                           "the events cannot be compressed", 0, 0);
        x->out.buffer.size += out.pos;
        CT_TRY(ct_outfile_drain(&x->out, x->error));
    }
    x->in_frame += (uint32_t)count;
    return CT_OK;
}

static ct_code
end_frame(binary_export *x)
{
    CT_TRY(compress(x, NULL, 0, ZSTD_e_end));
    uint64_t end = x->out.written + x->out.buffer.size;
    ct_buffer_add_u32(&x->table, (uint32_t)(end - x->frame_start));
    ct_buffer_add_u32(&x->table, x->in_frame);
    x->frame_start = end;
    x->in_frame = 0;
    return x->table.failed ? no_memory(x) : CT_OK;
}

static ct_code
compress_events(binary_export *x)
{
    if (x->events.failed)
        return no_memory(x);
    for (size_t at = 0; at < x->events.size;) {
        size_t count = x->events.size - at;
        if (count > FRAME - x->in_frame)
            count = FRAME - x->in_frame;
        CT_TRY(compress(x, x->events.bytes + at, count, ZSTD_e_continue));
        at += count;
        if (x->in_frame == FRAME)
            CT_TRY(end_frame(x));
    }
    x->events.size = 0;
    if (x->events.capacity > 16 * PIECE)
        ct_buffer_free(&x->events); /* it held one huge value */
    return CT_OK;
}

static inline ct_code
end_event(binary_export *x)
{
    return x->events.size < PIECE && !x->events.failed ? CT_OK : compress_events(x);
}

static void
add_seek_table(binary_export *x)
{
    ct_buffer *out = &x->out.buffer;
    ct_buffer_add_u32(out, SKIPPABLE);
    ct_buffer_add_u32(out, (uint32_t)x->table.size + 9);
    ct_buffer_add(out, x->table.bytes, x->table.size);
    ct_buffer_add_u32(out, (uint32_t)(x->table.size / 8));
    ct_buffer_add_byte(out, 0);
    ct_buffer_add_u32(out, SEEKABLE);
}

/* ======== writing: events ======== members by name, in the order of the structs that serde reads them into ---- */

static void
add_text(ct_buffer *b, ct_text text)
{
    ct_cbor_put_head(b, 3, text.size);
    ct_buffer_add(b, text.bytes, text.size);
}

static void
add_integer(ct_buffer *b, int64_t number)
{
    if (number >= 0)
        ct_cbor_put_head(b, 0, (uint64_t)number);
    else
        ct_cbor_put_head(b, 1, ~(uint64_t)number);
}

static ct_code
on_path(void *context, ct_text path)
{
    binary_export *x = context;
    ADD(&x->events, "\xA1\x64" "Path");
    add_text(&x->events, path);
    CT_TRY(ct_trace_folder_name_path(x->folder, path));
    return end_event(x);
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    binary_export *x = context;
    ADD(&x->events, "\xA1\x68" "Function\xA3\x67" "path_id");
    ct_cbor_put_head(&x->events, 0, path);
    ADD(&x->events, "\x64" "line");
    add_integer(&x->events, line);
    ADD(&x->events, "\x64" "name");
    add_text(&x->events, name);
    return end_event(x);
}

static ct_code
on_variable(void *context, ct_text name)
{
    binary_export *x = context;
    ADD(&x->events, "\xA1\x6C" "VariableName");
    add_text(&x->events, name);
    return end_event(x);
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    binary_export *x = context;
    ADD(&x->events, "\xA1\x64" "Type");
    ct_encode_type(&x->events, CT_FORM_V1, type);
    return end_event(x);
}

static void
add_step(binary_export *x, uint32_t path, int64_t line)
{
    ADD(&x->events, "\xA1\x64" "Step\xA2\x67" "path_id");
    ct_cbor_put_head(&x->events, 0, path);
    ADD(&x->events, "\x64" "line");
    add_integer(&x->events, line);
}

static void
add_named(binary_export *x, const ct_named_value *named)
{
    ADD(&x->events, "\xA2\x6B" "variable_id");
    ct_cbor_put_head(&x->events, 0, named->variable);
    ADD(&x->events, "\x65" "value");
    ct_buffer_add(&x->events, named->value.bytes[0], named->value.size[0]);
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count)
{
    binary_export *x = context;
    (void)column; /* the format has lines only */
    add_step(x, path, line);
    for (size_t i = 0; i < count; i++) {
        ADD(&x->events, "\xA1\x65" "Value");
        add_named(x, &values[i]);
    }
    return end_event(x);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments, size_t count)
{
    binary_export *x = context;
    if (own_step)
        add_step(x, path, line);
    ADD(&x->events, "\xA1\x64" "Call\xA2\x6B" "function_id");
    ct_cbor_put_head(&x->events, 0, function);
    ADD(&x->events, "\x64" "args");
    ct_cbor_put_head(&x->events, 4, count);
    for (size_t i = 0; i < count; i++)
        add_named(x, &arguments[i]);
    return end_event(x);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    binary_export *x = context;
    ADD(&x->events, "\xA1\x66" "Return\xA1\x6C" "return_value");
    ct_buffer_add(&x->events, value->bytes[0], value->size[0]);
    return end_event(x);
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    binary_export *x = context;
    ADD(&x->events, "\xA1\x65" "Event\xA3\x64" "kind");
    ct_cbor_put_head(&x->events, 0, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
    ADD(&x->events, "\x68" "metadata\x60\x67" "content");
    add_text(&x->events, text);
    return end_event(x);
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    binary_export *x = context;
    if (what == CT_LINEAR_THREAD_START)
        ADD(&x->events, "\xA1\x6B" "ThreadStart");
    else if (what == CT_LINEAR_THREAD_EXIT)
        ADD(&x->events, "\xA1\x6A" "ThreadExit");
    else
        ADD(&x->events, "\xA1\x6C" "ThreadSwitch");
    ct_cbor_put_head(&x->events, 0, thread);
    return end_event(x);
}

static ct_code
write_frames(binary_export *x, ct_journal *journal, const ct_export_options *options, ct_export_result *result)
{
    const ct_linear_sink sink = {
        .context = x, .form_count = 1, .forms = { CT_FORM_V1 }, .nesting = NESTING,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    ct_buffer_add(&x->out.buffer, MAGIC, sizeof MAGIC);
    x->frame_start = sizeof MAGIC;
    CT_TRY(ct_linear_run(journal, options, &sink, result, x->error));
    CT_TRY(compress_events(x));
    if (x->in_frame)
        CT_TRY(end_frame(x));
    add_seek_table(x);
    CT_TRY(ct_outfile_flush(&x->out, x->error));
    result->bytes = x->out.written;
    return ct_outfile_finish(&x->out, x->error);
}

static ct_code
write_events(ct_trace_folder *folder, ct_journal *journal, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    binary_export x = { .folder = folder, .events.allocator = folder->paths.allocator, .table.allocator = folder->paths.allocator, .error = error };
    CT_TRY(ct_trace_folder_create(folder, "trace.bin", &x.out, error));
    x.zstd = ct_zstd_compressor(folder->paths.allocator);
    ct_code code = x.zstd ? CT_OK : ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    if (code == CT_OK) {
        ZSTD_CCtx_setParameter(x.zstd, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(x.zstd, ZSTD_c_checksumFlag, 1);
        code = write_frames(&x, journal, options, result);
    }
    ZSTD_freeCCtx(x.zstd);
    ct_outfile_abandon(&x.out);
    ct_buffer_free(&x.events);
    ct_buffer_free(&x.table);
    return code;
}

ct_code
ct_export_binary(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export(journal, folder, write_events, NESTING, options, result, error);
}

ct_code
ct_export_binary_to(ct_journal *journal, const ct_folder *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    return ct_trace_folder_export_to(journal, folder, NULL, write_events, NESTING, options, result, error);
}

/* ======== reading ======== */

typedef struct binary_in {
    int file;
    uint64_t end;                  /* of the frames: where the seek table begins, or the file's size */
    uint64_t table, frame_count;   /* the table's first entry, 0: there is no table; how many it has */
    unsigned entry_size;
    bool table_differs;
    uint64_t frames;               /* found so far */
    uint8_t stored[128 * 1024];    /* of the file, from stored_at on */
    uint64_t stored_at;
    size_t stored_size;
    ZSTD_DCtx *zstd;
    ct_buffer raw;                 /* decompressed, and not handed on yet */
    size_t wanted;                 /* so many bytes of raw must be there before it is tried again whether an event is whole */
    uint64_t events, paths;
    const char *folder;
    const ct_stream_sink *sink;
    ct_stream_tree tree;
    const char *message;
    uint64_t position;             /* of what the message is about */
    ct_error *error;
} binary_in;

static ct_code
fail(binary_in *in, const char *message, uint64_t position)
{
    in->message = message;
    in->position = position;
    return CT_E_CORRUPT;
}

/* The bytes at `position`; none at in->end. */
static ct_code
look(binary_in *in, uint64_t position, const uint8_t **bytes, size_t *count)
{
    if (position < in->stored_at || position >= in->stored_at + in->stored_size) {
        in->stored_at = position;
        CT_TRY(ct_descriptor_read(in->file, position, in->stored, sizeof in->stored, &in->stored_size, in->error));
    }
    size_t left = (size_t)(in->stored_at + in->stored_size - position);
    *bytes = in->stored + (position - in->stored_at);
    *count = position >= in->end ? 0 : left < in->end - position ? left : (size_t)(in->end - position);
    return CT_OK;
}

static uint32_t
u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- the seek table: looked for at the end, as the format has it ---- */

static ct_code
find_table(binary_in *in)
{
    uint8_t last[TABLE_ENDS], first[8];
    size_t got;
    if (in->end < sizeof MAGIC + sizeof first + sizeof last)
        return CT_OK;
    CT_TRY(ct_descriptor_read(in->file, in->end - sizeof last, last, sizeof last, &got, in->error));
    if (got < sizeof last || u32_at(last + 5) != SEEKABLE || last[4] & 0x7F)
        return CT_OK;
    uint64_t count = u32_at(last), entry = last[4] ? ENTRY + 4 : ENTRY;
    if (count * entry > in->end - sizeof MAGIC - sizeof first - sizeof last)
        return CT_OK;
    uint64_t start = in->end - sizeof last - count * entry - sizeof first;
    CT_TRY(ct_descriptor_read(in->file, start, first, sizeof first, &got, in->error));
    if (got < sizeof first || u32_at(first) != SKIPPABLE || u32_at(first + 4) != count * entry + sizeof last)
        return CT_OK;
    in->table = start + sizeof first;
    in->frame_count = count;
    in->entry_size = (unsigned)entry;
    in->end = start;
    return CT_OK;
}

static ct_code
compare_with_table(binary_in *in, uint64_t stored, uint64_t raw)
{
    uint8_t entry[ENTRY];
    size_t got = 0;
    if (in->table && in->frames < in->frame_count)
        CT_TRY(ct_descriptor_read(in->file, in->table + in->frames * in->entry_size, entry, sizeof entry, &got, in->error));
    if (in->table && (got < sizeof entry || u32_at(entry) != stored || u32_at(entry + 4) != raw))
        in->table_differs = true;
    in->frames++;
    return CT_OK;
}

/* ---- events ---- */

static ct_code
take_event(binary_in *in, ct_input *item)
{
    const ct_stream_sink *sink = in->sink;
    if (ct_input_left(item) < 6 || memcmp(item->at, "\xA1\x64" "Path", 6) != 0)
        return ct_cbor_event(sink, &in->tree, item);
    item->at += 6; /* here, for the copy of the source that lies beside the trace */
    ct_text path = ct_cbor_take_text(item);
    if (item->bad)
        return CT_OK;
    CT_TRY(sink->path(sink->context, path.bytes, path.size));
    if (sink->source)
        CT_TRY(ct_trace_folder_give_source(in->folder, in->paths, path.bytes, path.size, sink, in->error));
    in->paths++;
    return CT_OK;
}

/* Hands on what is whole in in->raw. `position` is the frame's. */
static ct_code
hand_on(binary_in *in, uint64_t position)
{
    size_t at = 0;
    ct_code code = in->raw.failed ? CT_E_NOMEM : CT_OK;
    while (code == CT_OK && at < in->raw.size && in->raw.size - at >= in->wanted) {
        uint8_t *bytes = in->raw.bytes + at;
        size_t left = in->raw.size - at, span = ct_cbor_span(bytes, left);
        in->wanted = span ? 0 : 2 * left; /* so that each byte is looked at twice at most, on average */
        if (span == 0 && left <= MOST_EVENT)
            break;
        if (span == 0)
            return fail(in, "an event is larger than 256 MiB", position);
        ct_input item = { bytes, bytes + (span == SIZE_MAX ? 0 : span), false };
        in->sink->state->byte = position;
        in->sink->state->event = in->events++;
        if (span == SIZE_MAX)
            return fail(in, "what stands here is no event", position);
        code = take_event(in, &item);
        if (code == CT_E_CORRUPT)
            return fail(in, in->sink->state->message, position);
        if (code == CT_OK && (item.bad || item.at < item.end))
            return fail(in, "an event's members are not those of its kind", position);
        at += span;
    }
    if (at && at < in->raw.size)
        memmove(in->raw.bytes, in->raw.bytes + at, in->raw.size - at);
    in->raw.size -= at;
    return code;
}

/* ---- frames ---- */

/* Decompresses the frame at `position` to its end, to the end of the file (*cut), or to what is wrong. Adds what it holds to in->raw, or, when that is
 * more than MOST_HELD, nothing. With `checked`, a frame that was seen to be whole before: hands its events on as they come. */
static ct_code
decompress(binary_in *in, uint64_t position, bool checked, uint64_t *end, uint64_t *raw_size, bool *cut)
{
    size_t held = in->raw.size, left = 1;
    uint64_t at = position;
    *raw_size = 0;
    *cut = false;
    ZSTD_DCtx_reset(in->zstd, ZSTD_reset_session_only);
    while (left > 0) {
        const uint8_t *bytes;
        size_t count, room = ZSTD_DStreamOutSize();
        CT_TRY(look(in, at, &bytes, &count));
        ZSTD_inBuffer from = { bytes, count, 0 };
        ZSTD_outBuffer to = { ct_buffer_room(&in->raw, room), room, 0 };
        if (!to.dst)
            return CT_E_NOMEM;
        left = ZSTD_decompressStream(in->zstd, &to, &from);
        if (ZSTD_isError(left)) {
            ZSTD_ErrorCode why = ZSTD_getErrorCode(left);
            in->raw.size = held;
            return why == ZSTD_error_memory_allocation ? CT_E_NOMEM
                   : fail(in, why == ZSTD_error_checksum_wrong ? "a frame does not match its checksum: it is damaged" : "a frame does not decompress: it is damaged",
                          position);
        }
        at += from.pos;
        *raw_size += to.pos;
        if (checked || *raw_size <= MOST_HELD)
            in->raw.size += to.pos;
        else
            in->raw.size = held;
        if (checked)
            CT_TRY(hand_on(in, position));
        if (left > 0 && count == 0 && to.pos == 0) {
            if (in->table) { /* the file is whole, so it is the frame that is not; nothing of it was checked */
                in->raw.size = held;
                return fail(in, "a frame goes on behind the seek table's beginning: it is damaged", position);
            }
            *cut = true;
            break;
        }
    }
    *end = at;
    return CT_OK;
}

static ct_code
read_frame(binary_in *in, uint64_t position, uint64_t *end, bool *cut)
{
    uint64_t raw_size;
    CT_TRY(decompress(in, position, false, end, &raw_size, cut));
    CT_TRY(raw_size > MOST_HELD ? decompress(in, position, true, end, &raw_size, cut) : hand_on(in, position));
    return compare_with_table(in, *end - position, raw_size);
}

/* Which kind of frame begins at `position`: 'z' zstd, 's' skippable (of *size bytes), 0 the file ends before it is said, '?' something else. */
static ct_code
frame_kind(binary_in *in, uint64_t position, char *kind, uint64_t *size)
{
    uint8_t head[8];
    size_t got, room = in->end - position < sizeof head ? (size_t)(in->end - position) : sizeof head;
    CT_TRY(ct_descriptor_read(in->file, position, head, room, &got, in->error));
    uint32_t magic = got < 4 ? 0 : u32_at(head);
    *size = got < 8 ? 0 : (uint64_t)u32_at(head + 4) + 8;
    *kind = got < 4 ? 0 : magic == ZSTD_MAGICNUMBER ? 'z' : (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START ? (got < 8 ? 0 : 's') : '?';
    return CT_OK;
}

static ct_code
read_frames(binary_in *in)
{
    static const char cut_off[] = "the file was cut off: it ends before its seek table";
    uint64_t at = sizeof MAGIC, size;
    bool cut = false;
    char kind;
    while (at < in->end && !cut) {
        CT_TRY(frame_kind(in, at, &kind, &size));
        if (kind == 'z')
            CT_TRY(read_frame(in, at, &at, &cut));
        else if (kind == '?')
            return fail(in, "what stands here is no zstd frame", at);
        else if (kind == 's' && size < in->end - at)
            at += size;
        else if (kind == 's' && size == in->end - at)
            return fail(in, "the seek table is damaged", at);
        else
            cut = true;
    }
    in->wanted = 0;
    CT_TRY(hand_on(in, at)); /* an event that was not tried again, because too little had come since */
    if (cut)
        return fail(in, in->table ? "the last frame ends behind the seek table's beginning: it is damaged" : cut_off, at);
    if (!in->table)
        return fail(in, cut_off, at);
    if (in->raw.size)
        return fail(in, "the last frame ends within an event", at);
    if (in->table_differs || in->frames != in->frame_count)
        return fail(in, "the seek table does not say what the frames are: it is damaged", in->table);
    return CT_OK;
}

static ct_code
read_file(binary_in *in)
{
    uint8_t magic[sizeof MAGIC];
    struct stat status;
    size_t got;
    if (fstat(in->file, &status) != 0)
        return ct_fail(in->error, CT_E_IO, "the file cannot be read", 0, errno);
    in->end = (uint64_t)status.st_size;
    CT_TRY(ct_descriptor_read(in->file, 0, magic, sizeof magic, &got, in->error));
    if (got < sizeof magic || memcmp(magic, MAGIC, sizeof magic) != 0)
        return fail(in, "this is no trace.bin of events in zstd", 0);
    CT_TRY(find_table(in));
    in->zstd = ct_zstd_decompressor(in->sink->allocator);
    return in->zstd ? read_frames(in) : CT_E_NOMEM;
}

ct_code
ct_binary_read(const char *path, const ct_stream_sink *sink, ct_error *error)
{
    binary_in *in = ct_allocate_zero(sink->allocator, 1, sizeof *in);
    char *folder = ct_trace_folder_of(path, sink->allocator);
    ct_code code = in && folder ? CT_OK : CT_E_NOMEM;
    if (code == CT_OK) {
        in->file = open(path, O_RDONLY | O_CLOEXEC);
        in->folder = folder;
        in->sink = sink;
        in->raw.allocator = in->tree.allocator = sink->allocator;
        in->error = error;
        if (in->file < 0)
            code = ct_fail(error, CT_E_IO, "the file cannot be opened", 0, errno);
    }
    if (code == CT_OK) {
        if (sink->meta)
            code = ct_trace_folder_give_metadata(folder, sink, error);
        if (code == CT_OK)
            code = read_file(in);
        if (code == CT_E_CORRUPT)
            ct_fail(error, code, in->message, in->position, 0);
        ZSTD_freeDCtx(in->zstd);
        ct_buffer_free(&in->raw);
        ct_stream_tree_free(&in->tree);
        close(in->file);
    }
    ct_free(sink->allocator, folder);
    ct_free(sink->allocator, in);
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}
