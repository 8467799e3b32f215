/* trace.bin as readers since 2024 know it: CBOR events in seekable zstd (trace-binary.md section 1), V1.
 *
 * ---- writing ---- ct_export_binary. Invariant: memory grows by eight bytes for each frame, a frame holds at most 2 MiB of events and
 * carries its checksum, and the seek table says of each frame what it is.
 */
#include <stdio.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "codetracer/export.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/trace_folder.h"

static const uint8_t MAGIC[8] = { 0xC0, 0xDE, 0x72, 0xAC, 0xE2, 1, 0, 0 };

enum {
    NESTING = 60,                  /* as in json: the reader crates decode both by the same code */
    FRAME = 2 * 1024 * 1024,       /* of events: where upstream's writer ends one */
    PIECE = 256 * 1024,            /* of events, that are compressed together */
    LEVEL = 3                      /* upstream's, which is zstd's default */
};

#define SKIPPABLE 0x184D2A5Eu
#define SEEKABLE 0x8F92EAB1u
#define ADD(buffer, literal) ct_buffer_add((buffer), "" literal, sizeof(literal) - 1)

/* ---- frames ---- */

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

/* ---- events: members by name, in the order of the structs that serde reads them into ---- */

static void
add_text(ct_buffer *b, ct_text text)
{
    ct_cbor_head(b, 3, text.size);
    ct_buffer_add(b, text.bytes, text.size);
}

static void
add_integer(ct_buffer *b, int64_t number)
{
    if (number >= 0)
        ct_cbor_head(b, 0, (uint64_t)number);
    else
        ct_cbor_head(b, 1, ~(uint64_t)number);
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
    ct_cbor_head(&x->events, 0, path);
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
    ct_cbor_head(&x->events, 0, path);
    ADD(&x->events, "\x64" "line");
    add_integer(&x->events, line);
}

static void
add_named(binary_export *x, const ct_named_value *named)
{
    ADD(&x->events, "\xA2\x6B" "variable_id");
    ct_cbor_head(&x->events, 0, named->variable);
    ADD(&x->events, "\x65" "value");
    ct_buffer_add(&x->events, named->value.bytes[0], named->value.size[0]);
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, const ct_named_value *values, size_t count)
{
    binary_export *x = context;
    add_step(x, path, line);
    for (size_t i = 0; i < count; i++) {
        ADD(&x->events, "\xA1\x65" "Value");
        add_named(x, &values[i]);
    }
    return end_event(x);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    binary_export *x = context;
    if (own_step)
        add_step(x, path, line);
    ADD(&x->events, "\xA1\x64" "Call\xA2\x6B" "function_id");
    ct_cbor_head(&x->events, 0, function);
    ADD(&x->events, "\x64" "args");
    ct_cbor_head(&x->events, 4, count);
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
    ct_cbor_head(&x->events, 0, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
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
    ct_cbor_head(&x->events, 0, thread);
    return end_event(x);
}

/* ---- */

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
    binary_export x = { .folder = folder, .error = error };
    CT_TRY(ct_trace_folder_create(folder, "trace.bin", &x.out, error));
    x.zstd = ZSTD_createCCtx();
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
