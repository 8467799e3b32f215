/* trace.bin read back: fixtures that upstream wrote, and files that are cut or damaged at every place. */
#include <codetracer/export.h>
#include <codetracer/import.h>

#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "check.h"
#include "formats/buffer.h"
#include "formats/stream.h"
#include "sample_journal.h"

/* ---- a folder for each run ---- */
static char folder[64];

static const char *
in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *info)
{
    (void)status, (void)type, (void)info;
    return remove(path);
}

static bool
read_file(const char *path, ct_buffer *bytes)
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
    const char *field = type->fields;
    for (size_t i = 0; i < type->field_count; i++, field += strlen(field) + 1)
        say(c, " "), say(c, field);
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

static ct_code
listen(ct_stream_reader read, const char *path, said *s, ct_error *error)
{
    const ct_stream_sink sink = {
        .context = s, .state = &s->state, .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step,
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
    CHECK(read_file(in_folder("all/trace.bin"), &file));
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
damage(ct_stream_reader read, const ct_buffer *file, bool changes_are_seen)
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
    CHECK_EQ_UINT(least, whole.events); /* the last byte's loss costs nothing */
    CHECK(read_whole > 1 && read_whole < file->size / 2);
    ct_buffer_add(&changed, file->bytes, file->size);
    for (size_t at = 0; at < file->size; at++)
        for (unsigned all = 0; all < 2; all++) { /* one bit, or each */
            changed.bytes[at] = (uint8_t)(file->bytes[at] ^ (all ? 0xFFu : 1u << at % 8));
            write_file(in_folder("d.bin"), changed.bytes, changed.size);
            ct_code code = listen(read, in_folder("d.bin"), &part, &error);
            bool same = part.text.size == whole.text.size && is_beginning(&part, &whole);
            if (code != CT_OK && (code != error.code || !error.message))
                CHECK_FAIL("byte %zu, %u: code %d without a word", at, all, (int)code);
            if (changes_are_seen && (code == CT_OK ? !same : !is_beginning(&part, &whole)))
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

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    golden = getenv("CODETRACER_GOLDEN");
    snprintf(folder, sizeof folder, "/tmp/ct-binary-XXXXXX");
    if (!golden || !mkdtemp(folder))
        return 1;
    RUN(fixtures_say_what_their_json_says);
    RUN(frames_that_are_cut_or_damaged);
    RUN(a_frame_too_large_to_be_held);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return check_summary();
}
