/* ct_ct_read: reads a CTFS container (ctfs.md sections 1 and 8). The parts, in order: the container, the events of events.log, meta.dat.
 *
 * Read so far: the layout with events.log in split-binary, which this project writes beside the other one, with or without its 8 bytes in front.
 * Invariant: every number from the file is bounded before it is used; memory grows with the largest chunk, not with the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "formats/cbor_read.h"

enum { MOST_ENTRIES = 170, MOST_CHUNK = 256 << 20, LEVELS = 5, LARGEST_BLOCK = 4096 };

typedef struct inner { uint64_t size, map; bool there; } inner;

typedef struct ct_in {
    int file;
    uint64_t file_size;
    uint32_t block_size;
    uint8_t entries[LARGEST_BLOCK];
    uint32_t entry_count;
    uint8_t maps[LEVELS + 1][LARGEST_BLOCK]; /* the last mapping blocks used, by depth of the lookup */
    uint64_t map_numbers[LEVELS + 1];
    const ct_stream_sink *sink;
    ct_stream_tree tree;
    ct_error *error;
    const char *message;
    uint64_t position;       /* in events.log, for messages */
    uint64_t events;
} ct_in;

static ct_code
fail(ct_in *in, const char *message)
{
    in->message = message;
    return CT_E_CORRUPT;
}

static uint64_t
load(const uint8_t *at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = bytes; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

/* ---- the container ---- */

static ct_code
read_at(ct_in *in, void *bytes, size_t count, uint64_t position)
{
    uint8_t *at = bytes;
    if (position > in->file_size || count > in->file_size - position)
        return fail(in, "a block lies behind the end of the container: it was cut off");
    while (count) {
        ssize_t got = pread(in->file, at, count, (off_t)position);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ct_fail(in->error, CT_E_IO, "the container cannot be read", position, errno);
        if (got == 0)
            return fail(in, "the container became shorter while it was read");
        at += got;
        count -= (size_t)got;
        position += (uint64_t)got;
    }
    return CT_OK;
}

static uint64_t
name_of(const char *name)
{
    static const char letters[] = "\0" "0123456789abcdefghijklmnopqrstuvwxyz./-";
    uint64_t number = 0;
    for (size_t i = strlen(name); i-- > 0;)
        number = number * 40 + (uint64_t)((const char *)memchr(letters + 1, name[i], 39) - letters);
    return number;
}

static ct_code
open_container(ct_in *in)
{
    uint8_t header[16];
    CT_TRY(read_at(in, header, sizeof header, 0));
    if (memcmp(header, "\xC0\xDE\x72\xAC\xE2", 5) != 0)
        return fail(in, "this is no CTFS container");
    if (header[5] < 2 || header[5] > 4)
        return ct_fail(in->error, CT_E_VERSION, "a version of CTFS that this program does not know; it reads 2, 3 and 4", 5, 0);
    if (header[5] == 4 ? header[6] : header[6] | header[7])
        return ct_fail(in->error, CT_E_VERSION, "an encrypted or compressed container, which this program does not read", 6, 0);
    in->block_size = (uint32_t)load(header + 8, 4);
    if (in->block_size != 1024 && in->block_size != 2048 && in->block_size != 4096)
        return fail(in, "a block size that no container has");
    in->entry_count = (uint32_t)load(header + 12, 4);
    uint32_t most = (in->block_size - 16) / 24;
    if (in->entry_count > most)
        in->entry_count = most < MOST_ENTRIES ? most : MOST_ENTRIES;
    for (size_t i = 0; i <= LEVELS; i++)
        in->map_numbers[i] = 0;
    return read_at(in, in->entries, (size_t)in->entry_count * 24, 16);
}

/* Of two of the same name the last, as CodeTracer's loader takes it. */
static inner
find(const ct_in *in, const char *name)
{
    uint64_t wanted = name_of(name);
    inner found = {0};
    for (uint32_t i = 0; i < in->entry_count; i++) {
        const uint8_t *entry = in->entries + (size_t)i * 24;
        if (load(entry + 16, 8) == wanted)
            found = (inner){load(entry, 8), load(entry + 8, 8), true};
    }
    return found;
}

/* Pointer `index` of mapping block `block`; `depth` chooses the place that remembers it. */
static ct_code
pointer(ct_in *in, uint64_t block, uint64_t index, size_t depth, uint64_t *value)
{
    if (block == 0 || block > in->file_size / in->block_size)
        return fail(in, "a mapping block that is not in the container");
    if (in->map_numbers[depth] != block) {
        in->map_numbers[depth] = 0;
        CT_TRY(read_at(in, in->maps[depth], in->block_size, block * in->block_size));
        in->map_numbers[depth] = block;
    }
    *value = load(in->maps[depth] + index * 8, 8);
    return CT_OK;
}

/* The block that holds data block `number` of the file: section 1.3. */
static ct_code
locate(ct_in *in, const inner *file, uint64_t number, uint64_t *block)
{
    uint64_t usable = in->block_size / 8 - 1, span = usable, at = file->map;
    unsigned level = 1;
    while (number >= span) {
        if (level == LEVELS)
            return fail(in, "a file that is larger than a container can hold");
        number -= span;
        CT_TRY(pointer(in, at, usable, 0, &at));
        in->map_numbers[0] = level == 1 ? in->map_numbers[0] : 0;
        span *= usable;
        level++;
    }
    for (unsigned l = level; l > 1; l--) {
        span /= usable;
        CT_TRY(pointer(in, at, number / span, l, &at));
        number %= span;
    }
    return pointer(in, at, number, 1, block);
}

static ct_code
read_inner(ct_in *in, const inner *file, uint64_t offset, void *bytes, size_t count)
{
    uint8_t *at = bytes;
    if (offset > file->size || count > file->size - offset)
        return fail(in, "a file in the container ends too early");
    while (count) {
        uint64_t block, within = offset % in->block_size;
        size_t part = in->block_size - (size_t)within;
        if (part > count)
            part = count;
        CT_TRY(locate(in, file, offset / in->block_size, &block));
        if (block == 0 || block > in->file_size / in->block_size)
            return fail(in, "a data block that is not in the container");
        CT_TRY(read_at(in, at, part, block * in->block_size + within));
        at += part;
        offset += part;
        count -= part;
    }
    return CT_OK;
}

/* ---- numbers of fixed width ---- */

static uint64_t
take(ct_input *in, size_t bytes)
{
    const uint8_t *at = ct_take_bytes(in, bytes);
    return at ? load(at, bytes) : 0;
}

/* ---- events.log ---- */

static ct_text
take_string(ct_input *in)
{
    uint64_t size = take(in, 4);
    const uint8_t *bytes = ct_take_bytes(in, size);
    return bytes ? (ct_text){(const char *)bytes, (size_t)size} : (ct_text){"", 0};
}

/* `u32 length, CBOR` as an input of its own. */
static ct_input
take_cbor(ct_input *in)
{
    ct_text bytes = take_string(in);
    return (ct_input){(const uint8_t *)bytes.bytes, (const uint8_t *)bytes.bytes + bytes.size, in->bad};
}

static ct_code
on_type(ct_in *c, ct_input *in)
{
    ct_input body = take_cbor(in);
    ct_code code = ct_cbor_type(c->sink, &body);
    in->bad = in->bad || body.bad;
    return code;
}

static ct_code
on_call(ct_in *c, ct_input *in)
{
    uint64_t function = take(in, 8);
    ct_input body = take_cbor(in);
    CT_TRY(ct_cbor_arguments(c->sink, &c->tree, &body));
    in->bad = in->bad || body.bad;
    return in->bad ? CT_OK : c->sink->call(c->sink->context, function);
}

static ct_code
on_value(ct_in *c, ct_input *in, bool returned)
{
    uint64_t variable = returned ? 0 : take(in, 8);
    ct_input body = take_cbor(in);
    size_t node = ct_cbor_take_value(&c->tree, &body);
    in->bad = in->bad || body.bad;
    if (in->bad)
        return CT_OK;
    if (!node)
        return CT_E_NOMEM;
    return returned ? c->sink->returned(c->sink->context, &c->tree, node) : c->sink->value(c->sink->context, variable, &c->tree, node);
}

static ct_code
on_other(ct_in *c, const ct_input *in, const char *kind)
{
    return in->bad || !c->sink->other ? CT_OK : c->sink->other(c->sink->context, kind);
}

static ct_code
on_event(ct_in *c, ct_input *in)
{
    uint64_t number, count;
    ct_text text, metadata;
    ct_stream_forget(&c->tree);
    uint64_t tag = take(in, 1);
    switch (tag) {
    case 0:
        number = take(in, 8);
        count = take(in, 8);
        return in->bad ? CT_OK : c->sink->step(c->sink->context, number, (int64_t)count, 0);
    case 1:
        text = take_string(in);
        return in->bad ? CT_OK : c->sink->path(c->sink->context, text.bytes, text.size);
    case 2:
    case 3:
        text = take_string(in);
        return in->bad ? CT_OK : c->sink->variable(c->sink->context, text.bytes, text.size);
    case 4: return on_type(c, in);
    case 5: return on_value(c, in, false);
    case 6:
        number = take(in, 8);
        count = take(in, 8);
        text = take_string(in);
        return in->bad ? CT_OK : c->sink->function(c->sink->context, number, (int64_t)count, text.bytes, text.size);
    case 7: return on_call(c, in);
    case 8: return on_value(c, in, true);
    case 9:
        number = take(in, 1);
        metadata = take_string(in);
        text = take_string(in);
        return in->bad ? CT_OK : c->sink->event(c->sink->context, number, metadata.bytes, metadata.size, text.bytes, text.size);
    case 10:
        for (count = take(in, 4); count > 0 && !in->bad; count--)
            take_string(in);
        return on_other(c, in, "Asm");
    case 11: ct_take_bytes(in, 16); return on_other(c, in, "BindVariable");
    case 12: take_string(in); return on_other(c, in, "Assignment");
    case 13: ct_take_bytes(in, take(in, 4) * 8); return on_other(c, in, "DropVariables");
    case 14:
    case 15:
    case 17:
        ct_take_bytes(in, 8);
        take_string(in);
        return on_other(c, in, tag == 14 ? "CompoundValue" : tag == 15 ? "CellValue" : "AssignCell");
    case 16: ct_take_bytes(in, 24); return on_other(c, in, "AssignCompoundItem");
    case 18: ct_take_bytes(in, 16); return on_other(c, in, "VariableCell");
    case 19: ct_take_bytes(in, 8); return on_other(c, in, "DropVariable");
    case 20:
    case 21:
    case 22:
        number = take(in, 8);
        return in->bad ? CT_OK
                       : c->sink->thread(c->sink->context, tag == 20 ? CT_THREAD_STARTS : tag == 21 ? CT_THREAD_EXITS : CT_THREAD_SWITCHES, number);
    case 23: return c->sink->drop_step(c->sink->context);
    default: return fail(c, "an event of a kind that does not exist");
    }
}

static ct_code
read_log(ct_in *c, const inner *log)
{
    uint8_t header[16], *stored = NULL, *raw = NULL;
    size_t stored_room = 0, raw_room = 0;
    ct_code code = CT_OK;
    c->position = 0;
    if (log->size >= 8) {
        code = read_inner(c, log, 0, header, 8);
        if (code == CT_OK && memcmp(header, "\xC0\xDE\x72\xAC\xE2", 5) == 0)
            c->position = 8;
    }
    while (code == CT_OK && c->position < log->size) {
        if ((code = read_inner(c, log, c->position, header, sizeof header)) != CT_OK)
            break;
        size_t size = (size_t)load(header, 4);
        uint64_t count = load(header + 4, 4);
        if (size > log->size - c->position - sizeof header) {
            code = fail(c, "a chunk of events.log ends behind the file: it was cut off");
            break;
        }
        if (size + 1 > stored_room) {
            free(stored);
            stored = malloc(stored_room = size + 1);
        }
        if (!stored) {
            code = CT_E_NOMEM;
            break;
        }
        if ((code = read_inner(c, log, c->position + sizeof header, stored, size)) != CT_OK)
            break;
        unsigned long long whole = ZSTD_getFrameContentSize(stored, size);
        if (whole > MOST_CHUNK) { /* also: not said, or no frame */
            code = fail(c, "a chunk of events.log is no zstd frame of a size that is said");
            break;
        }
        if (whole + 1 > raw_room) {
            free(raw);
            raw = malloc(raw_room = (size_t)whole + 1);
        }
        if (!raw) {
            code = CT_E_NOMEM;
            break;
        }
        if (ZSTD_decompress(raw, (size_t)whole, stored, size) != whole) {
            code = fail(c, "a chunk of events.log does not decompress, or does not match its checksum");
            break;
        }
        ct_input in = {raw, raw + whole, false};
        for (; count > 0 && code == CT_OK; count--) {
            c->sink->state->byte = c->position;
            c->sink->state->event = c->events++;
            code = on_event(c, &in);
            if (code == CT_E_CORRUPT && !c->message)
                c->message = c->sink->state->message;
            if (code == CT_OK && in.bad)
                code = fail(c, "an event is cut, or its value breaks the format");
        }
        if (code == CT_OK)
            c->position += sizeof header + size;
    }
    free(stored);
    free(raw);
    return code;
}

/* ---- meta.dat ---- */

static void
give(const ct_in *c, const char *key, ct_text value)
{
    if (value.size)
        c->sink->meta(c->sink->context, key, value.bytes, value.size);
}

/* Section 7; what is not there is not told. */
static void
read_meta(ct_in *c)
{
    inner meta = find(c, "meta.dat");
    uint8_t *bytes = meta.there && meta.size >= 8 && meta.size < 1 << 24 ? malloc((size_t)meta.size) : NULL;
    if (bytes && read_inner(c, &meta, 0, bytes, (size_t)meta.size) == CT_OK && memcmp(bytes, "CTMD\x03\x00", 6) == 0) {
        ct_input in = {bytes + 8, bytes + meta.size, false};
        ct_take_text(&in);
        ct_text program = ct_take_text(&in);
        give(c, "program", program);
        give(c, "script", program);
        uint64_t arguments = ct_take_varint(&in);
        for (; arguments > 0 && !in.bad; arguments--) {
            ct_text argument = ct_take_text(&in);
            if (!in.bad)
                c->sink->meta(c->sink->context, "arg", argument.bytes, argument.size);
        }
        give(c, "workdir", ct_take_text(&in));
    }
    c->message = NULL;
    free(bytes);
}

static ct_code
read_container(ct_in *c)
{
    CT_TRY(open_container(c));
    inner log = find(c, "events.log"), format = find(c, "events.fmt");
    char name[16] = "";
    if (!log.there)
        return ct_fail(c->error, CT_E_VERSION,
                       find(c, "steps.dat").there ? "a container in the multi-stream layout alone, which this program does not read yet"
                                                  : "the container holds no trace", 0, 0);
    if (format.there && format.size < sizeof name)
        CT_TRY(read_inner(c, &format, 0, name, (size_t)format.size));
    if (strcmp(name, "split-binary") != 0)
        return ct_fail(c->error, CT_E_VERSION, "events.log is not in split-binary, the only form of it that this program reads", 0, 0);
    if (c->sink->meta)
        read_meta(c);
    return read_log(c, &log);
}

ct_code
ct_ct_read(const char *path, const ct_stream_sink *sink, ct_error *error)
{
    struct stat status;
    ct_in *c = calloc(1, sizeof *c);
    ct_error own = {0};
    if (!c)
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    c->error = error ? error : &own;
    c->sink = sink;
    c->file = open(path, O_RDONLY | O_CLOEXEC);
    ct_code code = c->file < 0 || fstat(c->file, &status) != 0 ? ct_fail(error, CT_E_IO, "the file cannot be opened", 0, errno) : CT_OK;
    if (code == CT_OK) {
        c->file_size = (uint64_t)status.st_size;
        code = read_container(c);
    }
    if (code == CT_E_CORRUPT)
        code = ct_fail(error, code, c->message ? c->message : "the container breaks its format", c->position, 0);
    if (code == CT_E_NOMEM)
        code = ct_fail(error, code, "there is not enough memory", 0, 0);
    ct_stream_tree_free(&c->tree);
    if (c->file >= 0)
        close(c->file);
    free(c);
    return code;
}
