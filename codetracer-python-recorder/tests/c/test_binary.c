/* trace.bin read back: fixtures that upstream wrote, and files that are cut or damaged at every place. */
#include <codetracer/export.h>
#include <codetracer/import.h>

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "check.h"
#include "formats/buffer.h"
#include "formats/capnp.h"
#include "formats/cbor_read.h"
#include "formats/stream.h"
#include "sample_journal.h"
#include "scratch_folder.h"

static bool
read_into(const char *path, ct_buffer *bytes)
{
    FILE *file = fopen(path, "rb");
    uint8_t piece[4096];
    bytes->size = 0;
    if (!file)
        return false;
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;)
        ct_buffer_add(bytes, piece, got);
    fclose(file);
    return true;
}

static void
write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size);
    if (file)
        fclose(file);
}

/* ---- a sink that writes down what it is given: one line an event, as trace.json has it, more or less ---- */
typedef struct said { ct_buffer text; size_t events; ct_stream_state state; } said;

static void
say(said *s, const char *text)
{
    ct_buffer_add_text(&s->text, text);
}

static void
say_bytes(said *s, const void *bytes, size_t size)
{
    ct_buffer_add(&s->text, bytes, size);
}

static void
say_number(said *s, double number)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g ", number);
    say(s, isnan(number) ? "nan " : text);
}

static ct_code
end_line(said *s)
{
    s->events++;
    say(s, "\n");
    return CT_OK;
}

static void
say_value(said *s, const ct_stream_tree *tree, size_t node)
{
    static const char *const kinds[] = { "None", "Bool", "Int", "BigInt", "Float", "String", "Raw", "Sequence", "Tuple", "Struct" };
    const ct_stream_node *n = ct_stream_at(tree, node);
    say(s, kinds[n->kind]);
    say(s, n->negative ? "- " : " ");
    switch (n->kind) {
    case CT_NODE_BOOL:
    case CT_NODE_INT: say_number(s, (double)n->integer); break;
    case CT_NODE_FLOAT: say_number(s, n->number); break;
    case CT_NODE_BIGINT:
        for (size_t i = 0; i < n->size; i++)
            say_number(s, n->bytes[i]);
        break;
    case CT_NODE_STRING:
    case CT_NODE_RAW: say_bytes(s, n->bytes, n->size); break;
    default: break;
    }
    say(s, "of ");
    say_number(s, (double)n->type);
    for (size_t child = n->first; child; child = ct_stream_at(tree, child)->next) {
        say(s, "(");
        say_value(s, tree, child);
        say(s, ")");
    }
}

static ct_code on_path(void *c, const char *bytes, size_t size) { return say(c, "Path "), say_bytes(c, bytes, size), end_line(c); }
static ct_code on_variable(void *c, const char *name, size_t size) { return say(c, "VariableName "), say_bytes(c, name, size), end_line(c); }
static ct_code on_call(void *c, uint64_t function) { return say(c, "Call "), say_number(c, (double)function), end_line(c); }
static ct_code on_drop_step(void *c) { return say(c, "DropLastStep"), end_line(c); }
static ct_code on_other(void *c, const char *kind) { return say(c, kind), end_line(c); }

static ct_code
on_function(void *c, uint64_t path, int64_t line, const char *name, size_t size)
{
    say(c, "Function "), say_number(c, (double)path), say_number(c, (double)line), say_bytes(c, name, size);
    return end_line(c);
}

static ct_code
on_type(void *c, const ct_stream_type *type)
{
    say(c, "Type "), say_number(c, (double)type->kind), say_bytes(c, type->name, type->name_size);
    const uint8_t *fields = type->fields;
    for (size_t i = 0; i < type->field_count; i++) {
        ct_text field = ct_stream_take_name(&fields);
        say_bytes(c, field.bytes, field.size);
    }
    return end_line(c);
}

static ct_code
on_step(void *c, uint64_t path, int64_t line, uint64_t column)
{
    say(c, "Step "), say_number(c, (double)path), say_number(c, (double)line);
    return column ? CT_E_CORRUPT : end_line(c);
}

static ct_code
on_value(void *c, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    say(c, "Value "), say_number(c, (double)variable), say_value(c, tree, node);
    return end_line(c);
}

/* Behind the call on the same line would be nicer, but it comes before it. */
static ct_code
on_argument(void *c, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    say(c, "with "), say_number(c, (double)variable), say_value(c, tree, node), say(c, " ");
    return CT_OK;
}

static ct_code on_return(void *c, const ct_stream_tree *tree, size_t node) { return say(c, "Return "), say_value(c, tree, node), end_line(c); }

static ct_code
on_event(void *c, uint64_t kind, const char *metadata, size_t metadata_size, const char *content, size_t size)
{
    say(c, "Event "), say_number(c, (double)kind), say_bytes(c, metadata, metadata_size), say(c, "|"), say_bytes(c, content, size);
    return end_line(c);
}

static ct_code
on_thread(void *c, ct_stream_thread what, uint64_t thread)
{
    say(c, what == CT_THREAD_STARTS ? "ThreadStart " : what == CT_THREAD_EXITS ? "ThreadExit " : "ThreadSwitch ");
    say_number(c, (double)thread);
    return end_line(c);
}

static const ct_allocator *listening; /* what the reader takes memory from; NULL: the C library's */

static ct_code
listen(ct_stream_reader read, const char *path, said *s, ct_error *error)
{
    const ct_stream_sink sink = {
        .context = s, .state = &s->state, .allocator = listening, .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step,
        .value = on_value, .argument = on_argument, .call = on_call, .returned = on_return, .event = on_event, .thread = on_thread,
        .drop_step = on_drop_step, .other = on_other };
    s->text.size = s->events = 0;
    *error = (ct_error){ 0 };
    return read(path, &sink, error);
}

/* ---- what upstream wrote ---- */
static const char *golden;

static void
fixtures_say_what_their_json_says(void)
{
    static const struct { const char *name; ct_stream_reader read; } FILES[] = { { "binary_v1/trace.bin", ct_binary_read } };
    static const char *const NOT_IN_V0[] = { "VariableName bi\n", "Value 6 BigInt- 1 2 255 of 1 \n" };
    char path[1024];
    said json = { 0 }, other = { 0 };
    ct_error error;
    snprintf(path, sizeof path, "%s/all_events.json", golden);
    CHECK_EQ_INT(listen(ct_json_read, path, &json, &error), CT_OK);
    CHECK_EQ_UINT(json.events, 42);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", golden, FILES[i].name);
        CHECK_EQ_INT(listen(FILES[i].read, path, &other, &error), CT_OK);
        CHECK_MEM(other.text.bytes, other.text.size, json.text.bytes, json.text.size);
    }
    for (size_t i = 0; i < 2; i++) { /* the ids of the variables behind it are one less in V0 */
        char *at = memmem(json.text.bytes, json.text.size, NOT_IN_V0[i], strlen(NOT_IN_V0[i]));
        CHECK(at);
        size_t size = strlen(NOT_IN_V0[i]), behind = (size_t)((char *)json.text.bytes + json.text.size - at) - size;
        memmove(at, at + size, behind);
        json.text.size -= size;
    }
    static const char *const LESS[] = { "Value 7 ", "Value 8 ", "with 8 " };
    for (size_t i = 0; i < 3; i++) {
        char *at = memmem(json.text.bytes, json.text.size, LESS[i], strlen(LESS[i]));
        CHECK(at);
        at[strlen(LESS[i]) - 2]--;
    }
    snprintf(path, sizeof path, "%s/binary_v0/trace.bin", golden);
    CHECK_EQ_INT(listen(ct_binary_v0_read, path, &other, &error), CT_OK);
    CHECK_MEM(other.text.bytes, other.text.size, json.text.bytes, json.text.size);
    snprintf(path, sizeof path, "%s/binary_v1_4frames/trace.bin", golden);
    CHECK_EQ_INT(listen(ct_binary_read, path, &other, &error), CT_OK);
    CHECK_EQ_UINT(other.events, 300040);
    ct_buffer_free(&json.text);
    ct_buffer_free(&other.text);
}

/* ---- damage ---- */

static bool
is_beginning(const said *part, const said *whole)
{
    return part->text.size <= whole->text.size && (!part->text.size || memcmp(part->text.bytes, whole->text.bytes, part->text.size) == 0);
}

/* The events of a trace.bin in frames of so many bytes, with a seek table. */
static void
make_frames(const ct_buffer *events, size_t frame, bool checksums, ct_buffer *file)
{
    ct_buffer table = { 0 };
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, checksums);
    file->size = 0;
    ct_buffer_add(file, "\xC0\xDE\x72\xAC\xE2\x01\0\0", 8);
    for (size_t at = 0; at < events->size; at += frame) {
        size_t count = events->size - at < frame ? events->size - at : frame;
        uint8_t *to = ct_buffer_room(file, ZSTD_compressBound(count));
        size_t size = ZSTD_compress2(zstd, to, ZSTD_compressBound(count), events->bytes + at, count);
        CHECK(!ZSTD_isError(size));
        file->size += size;
        ct_buffer_add_u32(&table, (uint32_t)size);
        ct_buffer_add_u32(&table, (uint32_t)count);
    }
    ct_buffer_add_u32(file, 0x184D2A5E);
    ct_buffer_add_u32(file, (uint32_t)table.size + 9);
    ct_buffer_add(file, table.bytes, table.size);
    ct_buffer_add_u32(file, (uint32_t)(table.size / 8));
    ct_buffer_add_byte(file, 0);
    ct_buffer_add_u32(file, 0x8F92EAB1);
    ct_buffer_free(&table);
    ZSTD_freeCCtx(zstd);
}

/* The decompressed events of what ct_export_binary wrote of a sample. */
static void
sample_events(bool loop, ct_buffer *events)
{
    ct_journal *journal;
    ct_error error;
    ct_buffer file = { 0 };
    nftw(in_folder("all"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    remove(in_folder("all.ctj"));
    CHECK(loop ? sample_loop(in_folder("all.ctj"), 80000) : sample_everything(in_folder("all.ctj")));
    mkdir(in_folder("all"), 0700);
    CHECK_EQ_INT(ct_journal_open(in_folder("all.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_binary(journal, in_folder("all"), NULL, NULL, &error), CT_OK);
    ct_journal_close(journal);
    CHECK(read_into(in_folder("all/trace.bin"), &file));
    events->size = 0;
    for (size_t at = 8, size; (size = ZSTD_findFrameCompressedSize(file.bytes + at, file.size - at)), at + size < file.size; at += size) {
        size_t room = 2 << 20, raw = ZSTD_decompress(ct_buffer_room(events, room), room, file.bytes + at, size);
        CHECK(!ZSTD_isError(raw));
        events->size += raw;
    }
    ct_buffer_free(&file);
}

/* Reads the file at every length, and with every byte changed. What is handed on is always a beginning of what the whole file says, and all of it
 * only when all is well or what is damaged holds no event. */
static void
damage(ct_stream_reader read, const ct_buffer *file, bool has_checksums)
{
    said whole = { 0 }, part = { 0 };
    ct_error error;
    ct_buffer changed = { 0 };
    size_t least = 0, read_whole = 0;
    write_file(in_folder("d.bin"), file->bytes, file->size);
    CHECK_EQ_INT(listen(read, in_folder("d.bin"), &whole, &error), CT_OK);
    CHECK(whole.events > 30);
    for (size_t size = 0; size < file->size; size++) {
        write_file(in_folder("d.bin"), file->bytes, size);
        if (listen(read, in_folder("d.bin"), &part, &error) != CT_E_CORRUPT || !error.message)
            CHECK_FAIL("cut at %zu: code %d", size, (int)error.code);
        if (!is_beginning(&part, &whole) || part.events < least)
            CHECK_FAIL("cut at %zu: %zu events, which are not those of the file, or %zu before", size, part.events, least);
        least = part.events;
        read_whole += part.events == whole.events;
    }
    if (has_checksums) { /* the last byte's loss costs nothing: it is the seek table's */
        CHECK_EQ_UINT(least, whole.events);
        CHECK(read_whole > 1 && read_whole < file->size / 2);
    }
    CHECK(least + 1 >= whole.events);
    ct_buffer_add(&changed, file->bytes, file->size);
    for (size_t at = 0; at < file->size; at++)
        for (unsigned all = 0; all < 2; all++) { /* one bit, or each */
            changed.bytes[at] = (uint8_t)(file->bytes[at] ^ (all ? 0xFFu : 1u << at % 8));
            write_file(in_folder("d.bin"), changed.bytes, changed.size);
            ct_code code = listen(read, in_folder("d.bin"), &part, &error);
            bool same = part.text.size == whole.text.size && is_beginning(&part, &whole);
            if (code != CT_OK && (code != error.code || !error.message))
                CHECK_FAIL("byte %zu, %u: code %d without a word", at, all, (int)code);
            if (has_checksums && (code == CT_OK ? !same : !is_beginning(&part, &whole)))
                CHECK_FAIL("byte %zu, %u: code %d, %zu events, which are not those of the file", at, all, (int)code, part.events);
            changed.bytes[at] = file->bytes[at];
        }
    ct_buffer_free(&whole.text);
    ct_buffer_free(&part.text);
    ct_buffer_free(&changed);
}

static void
frames_that_are_cut_or_damaged(void)
{
    ct_buffer events = { 0 }, file = { 0 };
    sample_events(false, &events);
    size_t size = 0;
    for (int i = 0; i < 250; i++) /* enough of them to have all kinds, few enough for every byte of their file to be changed */
        size += ct_cbor_span(events.bytes + size, events.size - size);
    events.size = size;
    make_frames(&events, events.size / 5 + 1, true, &file); /* events straddle them */
    damage(ct_binary_read, &file, true);
    make_frames(&events, events.size, true, &file);
    damage(ct_binary_read, &file, true);
    ct_buffer_free(&events);
    ct_buffer_free(&file);
}

/* Such a frame is decompressed twice: it would take too much memory to hold its events until it is known to be whole. */
static void
a_frame_too_large_to_be_held(void)
{
    ct_buffer events = { 0 }, file = { 0 };
    said whole = { 0 }, part = { 0 };
    ct_error error;
    sample_events(true, &events);
    CHECK(events.size > 16 << 20);
    for (int checksum = 0; checksum < 2; checksum++) {
        make_frames(&events, 2 << 20, true, &file);
        write_file(in_folder("f.bin"), file.bytes, file.size);
        CHECK_EQ_INT(listen(ct_binary_read, in_folder("f.bin"), &whole, &error), CT_OK);
        make_frames(&events, events.size, checksum, &file);
        write_file(in_folder("f.bin"), file.bytes, file.size);
        CHECK_EQ_INT(listen(ct_binary_read, in_folder("f.bin"), &part, &error), CT_OK);
        CHECK_EQ_UINT(part.events, 400006);
        CHECK(part.text.size == whole.text.size && is_beginning(&part, &whole));

        write_file(in_folder("f.bin"), file.bytes, file.size * 9 / 10);
        CHECK_EQ_INT(listen(ct_binary_read, in_folder("f.bin"), &part, &error), CT_E_CORRUPT);
        CHECK(part.events > 300000 && is_beginning(&part, &whole));

        file.bytes[file.size / 2] ^= 1;
        write_file(in_folder("f.bin"), file.bytes, file.size);
        ct_code code = listen(ct_binary_read, in_folder("f.bin"), &part, &error);
        if (checksum) {
            CHECK_EQ_INT(code, CT_E_CORRUPT);
            CHECK_EQ_UINT(part.events, 0);
            CHECK_EQ_UINT(error.position, 8);
        }
    }
    ct_buffer_free(&events);
    ct_buffer_free(&file);
    ct_buffer_free(&whole.text);
    ct_buffer_free(&part.text);
}

/* What this library writes in Cap'n Proto says what it writes in CBOR. */
static void
both_layouts_say_the_same(void)
{
    ct_journal *journal;
    ct_error error;
    said v1 = { 0 }, v0 = { 0 };
    CHECK(sample_everything(in_folder("same.ctj")));
    mkdir(in_folder("same1"), 0700);
    mkdir(in_folder("same0"), 0700);
    CHECK_EQ_INT(ct_journal_open(in_folder("same.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_binary(journal, in_folder("same1"), NULL, NULL, &error), CT_OK);
    CHECK_EQ_INT(ct_export_binary_v0(journal, in_folder("same0"), NULL, NULL, &error), CT_OK);
    ct_journal_close(journal);
    CHECK_EQ_INT(listen(ct_binary_read, in_folder("same1/trace.bin"), &v1, &error), CT_OK);
    CHECK_EQ_INT(listen(ct_binary_v0_read, in_folder("same0/trace.bin"), &v0, &error), CT_OK);
    CHECK_MEM(v0.text.bytes, v0.text.size, v1.text.bytes, v1.text.size);
    ct_buffer_free(&v1.text);
    ct_buffer_free(&v0.text);
}

/* Upstream's file, whose message has several kinds of events; it carries no checksum: a change may be another value. */
static void
messages_that_are_cut_or_damaged(void)
{
    char path[1024];
    ct_buffer file = { 0 };
    snprintf(path, sizeof path, "%s/binary_v0/trace.bin", golden);
    CHECK(read_into(path, &file));
    damage(ct_binary_v0_read, &file, false);
    ct_buffer_free(&file);
}

/* What this library writes has the list of events first: what is there of a file that was cut is a beginning. */
static void
a_message_of_ours_that_is_cut(void)
{
    ct_journal *journal;
    ct_buffer file = { 0 };
    said whole = { 0 }, part = { 0 };
    ct_error error;
    size_t least = 0;
    CHECK(sample_everything(in_folder("ours.ctj")));
    mkdir(in_folder("ours"), 0700);
    CHECK_EQ_INT(ct_journal_open(in_folder("ours.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_binary_v0(journal, in_folder("ours"), NULL, NULL, &error), CT_OK);
    ct_journal_close(journal);
    CHECK(read_into(in_folder("ours/trace.bin"), &file));
    CHECK_EQ_INT(listen(ct_binary_v0_read, in_folder("ours/trace.bin"), &whole, &error), CT_OK);
    for (size_t size = 0; size < file.size; size += 89) {
        write_file(in_folder("ours.bin"), file.bytes, size);
        if (listen(ct_binary_v0_read, in_folder("ours.bin"), &part, &error) != CT_E_CORRUPT || !is_beginning(&part, &whole) || part.events < least)
            CHECK_FAIL("cut at %zu: code %d, %zu events", size, (int)error.code, part.events);
        least = part.events;
    }
    CHECK(least > whole.events * 9 / 10);
    ct_buffer_free(&file);
    ct_buffer_free(&whole.text);
    ct_buffer_free(&part.text);
}

/* Memory that ends: the n-th request fails. */
typedef struct failing { long left; } failing;

static void *
fail_sometimes(void *context, void *block, size_t size)
{
    failing *f = context;
    if (!size) {
        free(block);
        return NULL;
    }
    return f->left-- == 0 ? NULL : realloc(block, size);
}

static void
memory_that_ends(void)
{
    static const struct { const char *name; ct_stream_reader read; } FILES[] = {
        { "binary_v1/trace.bin", ct_binary_read }, { "binary_v0/trace.bin", ct_binary_v0_read } };
    char path[1024];
    said s = { 0 };
    ct_error error;
    for (size_t i = 0; i < 2; i++) {
        long n = 0;
        snprintf(path, sizeof path, "%s/%s", golden, FILES[i].name);
        for (ct_code code = CT_E_NOMEM; code != CT_OK; n++) {
            failing f = { .left = n };
            const ct_allocator allocator = { .resize = fail_sometimes, .context = &f };
            listening = &allocator;
            code = listen(FILES[i].read, path, &s, &error);
            listening = NULL;
            if (code != CT_OK && (code != CT_E_NOMEM || error.code != CT_E_NOMEM))
                CHECK_FAIL("request %ld: code %d (%s)", n, (int)code, error.message);
        }
        CHECK(n > 4);
    }
    ct_buffer_free(&s.text);
}

/* A message of hand-made segments, packed into a file. */
static ct_code
listen_to_segments(const ct_buffer *segments, uint32_t count, said *s, ct_error *error)
{
    ct_buffer file = { 0 }, message = { 0 };
    ct_buffer_add_u32(&message, count - 1);
    for (uint32_t i = 0; i < count; i++)
        ct_buffer_add_u32(&message, (uint32_t)ct_capnp_words(&segments[i]));
    if (message.size % 8)
        ct_buffer_add_u32(&message, 0);
    for (uint32_t i = 0; i < count; i++)
        ct_buffer_add(&message, segments[i].bytes, segments[i].size);
    ct_buffer_add(&file, "\xC0\xDE\x72\xAC\xE2\0\0\0", 8);
    ct_capnp_pack(&file, message.bytes, ct_capnp_words(&message));
    write_file(in_folder("m.bin"), file.bytes, file.size);
    ct_buffer_free(&file);
    ct_buffer_free(&message);
    return listen(ct_binary_v0_read, in_folder("m.bin"), s, error);
}

/* Root, Trace and `count` events; where the first event is. */
static size_t
begin_message(ct_buffer *b, size_t count)
{
    b->size = 0;
    return ct_capnp_add_list(b, ct_capnp_add_struct(b, ct_capnp_take(b, 1), 0, 1), count, 1, 1);
}

/* A Return of a value (3 data words, 3 pointers) that is still Int 0. */
static size_t
begin_return(ct_buffer *b)
{
    size_t event = begin_message(b, 1);
    ct_capnp_put(b, event, 8);
    return ct_capnp_add_struct(b, ct_capnp_add_struct(b, event + 1, 0, 1), 3, 3);
}

static void
pointers_that_lead_astray(void)
{
    ct_buffer b[2] = { 0 };
    said s = { 0 };
    ct_error error;

    /* Each of 40 lists holds the one below it twice: two to the 40th values, in a few hundred words. */
    size_t value = begin_return(&b[0]), last = 0;
    ct_capnp_put(&b[0], value + 1, 5);
    for (int i = 0; i < 40; i++) {
        size_t first = ct_capnp_add_list(&b[0], value + 3, 2, 3, 3);
        ct_capnp_put(&b[0], first + 1, 5);
        ct_capnp_put(&b[0], first + 7, 5);
        if (last) /* the second element of the list above: the same list, its pointer one element further away */
            ct_capnp_put(&b[0], last, (uint64_t)(first - 1 - last - 1) << 2 | 1 | (uint64_t)7 << 32 | (uint64_t)12 << 35);
        last = first + 6 + 3;
        value = first;
    }
    CHECK_EQ_INT(listen_to_segments(b, 1, &s, &error), CT_E_CORRUPT);
    CHECK_STR(error.message, "pointers lead to the same place again and again");

    /* A value that is its own only element. */
    value = begin_return(&b[0]);
    ct_capnp_put(&b[0], value + 1, 5);
    size_t element = ct_capnp_add_list(&b[0], value + 3, 1, 3, 3);
    ct_capnp_put(&b[0], element + 1, 5);
    ct_capnp_put(&b[0], element + 3, 0xFFFFFFED | (uint64_t)7 << 32 | (uint64_t)6 << 35); /* five words back: to the tag */
    CHECK_EQ_INT(listen_to_segments(b, 1, &s, &error), CT_E_CORRUPT);
    CHECK(error.message && s.events == 0);

    /* A list of nothing, as long as it can be. */
    value = begin_return(&b[0]);
    ct_capnp_put(&b[0], value + 1, 5);
    size_t tag = ct_capnp_add_list(&b[0], value + 3, 0, 0, 0) - 1;
    ct_capnp_put(&b[0], tag, (uint64_t)0x1FFFFFFF << 2);
    CHECK_EQ_INT(listen_to_segments(b, 1, &s, &error), CT_E_CORRUPT);
    CHECK_STR(error.message, "pointers lead to the same place again and again");

    /* Targets outside: behind the segment, before it, in one that is not there. */
    static const uint64_t OUTSIDE[] = { (uint64_t)1000 << 2 | (uint64_t)1 << 32, 0xFFFFFF00 | (uint64_t)1 << 32, 2 | (uint64_t)7 << 32, 6 | (uint64_t)1 << 32, 3 };
    for (size_t i = 0; i < sizeof OUTSIDE / sizeof *OUTSIDE; i++) {
        value = begin_return(&b[0]);
        ct_capnp_put(&b[0], value + 3, OUTSIDE[i]);
        CHECK_EQ_INT(listen_to_segments(b, 1, &s, &error), CT_E_CORRUPT);
        CHECK(error.message && s.events == 0);
    }

    /* Far pointers are followed: to a landing pad with a pointer, and to one that says where and what. */
    for (int twice = 0; twice < 2; twice++) {
        value = begin_return(&b[0]);
        b[1].size = 0;
        size_t number = ct_capnp_take(&b[1], 1), pad = ct_capnp_take(&b[1], 2);
        ct_capnp_put(&b[1], number, 9);
        if (twice) {
            ct_capnp_put(&b[1], pad, 2 | (uint64_t)number << 3 | (uint64_t)1 << 32);
            ct_capnp_put(&b[1], pad + 1, (uint64_t)1 << 32);
        } else
            ct_capnp_put(&b[1], pad, 0xFFFFFFF8 | (uint64_t)1 << 32); /* two words back */
        ct_capnp_put(&b[0], value, 42);
        ct_capnp_put(&b[0], value + 3, 2 | (twice ? 4 : 0) | (uint64_t)pad << 3 | (uint64_t)1 << 32);
        CHECK_EQ_INT(listen_to_segments(b, 2, &s, &error), CT_OK);
        CHECK_MEM(s.text.bytes, s.text.size, "Return Int 42 of 9 \n", 20);
    }
    ct_buffer_free(&b[0]);
    ct_buffer_free(&b[1]);
    ct_buffer_free(&s.text);
}

/* Two bytes stand for 2 KiB of zeros: what is unpacked is bounded, and there are no more values than bytes. */
static void
a_packed_file_that_swells(void)
{
    ct_buffer b = { 0 }, file = { 0 };
    said s = { 0 };
    ct_error error;
    size_t value = begin_return(&b);
    ct_capnp_put(&b, value + 1, 5);
    ct_capnp_add_list(&b, value + 3, 200000, 3, 3); /* 1,200,000 words of zeros: each six an Int 0 */
    CHECK_EQ_INT(listen_to_segments(&b, 1, &s, &error), CT_E_CORRUPT);
    CHECK_STR(error.message, "more values than the file has bytes");
    for (uint32_t words = 1; words && !check_failed(); words = words == 1 ? UINT32_MAX : 0) { /* said to be short, said to be 32 GiB */
        uint8_t table[8] = { 0, 0, 0, 0, (uint8_t)words, (uint8_t)(words >> 8), (uint8_t)(words >> 16), (uint8_t)(words >> 24) };
        file.size = 0;
        ct_buffer_add(&file, "\xC0\xDE\x72\xAC\xE2\0\0\0", 8);
        ct_capnp_pack(&file, table, 1);
        for (int i = 0; i < 600000; i++)
            ct_buffer_add(&file, "\0\xFF", 2);
        write_file(in_folder("m.bin"), file.bytes, file.size);
        CHECK_EQ_INT(listen(ct_binary_v0_read, in_folder("m.bin"), &s, &error), words == 1 ? CT_E_CORRUPT : CT_E_LIMIT);
    }
    ct_buffer_free(&b);
    ct_buffer_free(&file);
    ct_buffer_free(&s.text);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    golden = getenv("CODETRACER_GOLDEN");
    if (!golden || !make_folder("binary"))
        return 1;
    RUN(fixtures_say_what_their_json_says);
    RUN(both_layouts_say_the_same);
    RUN(frames_that_are_cut_or_damaged);
    RUN(messages_that_are_cut_or_damaged);
    RUN(a_message_of_ours_that_is_cut);
    RUN(memory_that_ends);
    RUN(pointers_that_lead_astray);
    RUN(a_packed_file_that_swells);
    RUN(a_frame_too_large_to_be_held);
    remove_tree(folder);
    return check_summary();
}
