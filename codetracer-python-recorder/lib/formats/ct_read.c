/* ct_import_ct: reads a CTFS container (ctfs.md sections 1 and 8). The parts, in order: the container, CBOR values, the events of events.log.
 *
 * Read so far: the layout with events.log in split-binary, which this project writes beside the other one, with or without its 8 bytes in front.
 * Invariant: every number from the file is bounded before it is used; memory grows with the largest chunk, not with the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "formats/import.h"

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
    ct_import *im;
    ct_error *error;
    const char *message;
    uint64_t position;       /* in events.log, for messages */
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

/* ---- bytes and CBOR ---- */

typedef struct input { const uint8_t *at, *end; bool bad; } input;

static uint64_t
take(input *in, size_t bytes)
{
    if ((size_t)(in->end - in->at) < bytes) {
        in->bad = true;
        return 0;
    }
    uint64_t number = load(in->at, bytes);
    in->at += bytes;
    return number;
}

static const uint8_t *
take_bytes(input *in, uint64_t count)
{
    if (in->bad || (uint64_t)(in->end - in->at) < count) {
        in->bad = true;
        return (const uint8_t *)"";
    }
    const uint8_t *bytes = in->at;
    in->at += count;
    return bytes;
}

typedef struct head { unsigned major, info; uint64_t number; } head;

static head
take_head(input *in)
{
    uint8_t first = (uint8_t)take(in, 1);
    head h = {first >> 5, first & 31u, first & 31u};
    if (h.info >= 24) {
        size_t bytes = h.info > 27 ? 0 : (size_t)1 << (h.info - 24);
        if (bytes == 0 || (size_t)(in->end - in->at) < bytes) {
            in->bad = true;
            return h;
        }
        h.number = 0;
        for (size_t i = 0; i < bytes; i++)
            h.number = h.number << 8 | *in->at++;
    }
    return h;
}

static void
skip_item(input *in)
{
    for (uint64_t open = 1; open > 0 && !in->bad; open--) {
        head h = take_head(in);
        uint64_t left = (uint64_t)(in->end - in->at);
        if (h.major == 2 || h.major == 3)
            take_bytes(in, h.number);
        else if ((h.major == 4 || h.major == 5) && h.number > left)
            in->bad = true;
        else if (h.major == 4)
            open += h.number;
        else if (h.major == 5)
            open += 2 * h.number;
        else if (h.major == 6)
            open++;
    }
}

static bool
take_key(input *in, const uint8_t **bytes, size_t *size)
{
    head h = take_head(in);
    if (h.major != 3)
        in->bad = true;
    *bytes = in->bad ? (const uint8_t *)"" : take_bytes(in, h.number);
    *size = in->bad ? 0 : (size_t)h.number;
    return !in->bad;
}

static bool
is(const uint8_t *bytes, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(bytes, text, size) == 0;
}

static int64_t
take_integer(input *in)
{
    head h = take_head(in);
    if (h.major > 1 || h.number > INT64_MAX)
        in->bad = true;
    return in->bad ? 0 : h.major ? -1 - (int64_t)h.number : (int64_t)h.number;
}

static uint64_t
take_unsigned(input *in)
{
    head h = take_head(in);
    if (h.major != 0)
        in->bad = true;
    return in->bad ? 0 : h.number;
}

/* A number as the Rust crates have it (text) or as it is. */
static double
take_float(input *in)
{
    head h = take_head(in);
    if (h.major == 7 && h.info == 27) {
        double number;
        memcpy(&number, &h.number, sizeof number);
        return number;
    }
    if (h.major == 7 && h.info == 26) {
        uint32_t bits = (uint32_t)h.number;
        float number;
        memcpy(&number, &bits, sizeof number);
        return (double)number;
    }
    if (h.major <= 1)
        return h.major ? -1.0 - (double)h.number : (double)h.number;
    const uint8_t *bytes = h.major == 3 ? take_bytes(in, h.number) : (in->bad = true, (const uint8_t *)"");
    char text[512];
    if (in->bad || h.number == 0 || h.number >= sizeof text) {
        in->bad = true;
        return 0;
    }
    memcpy(text, bytes, h.number);
    text[h.number] = 0;
    if (strcmp(text, "NaN") == 0 || strcmp(text, "nan") == 0)
        return (double)NAN;
    char *end;
    double number = strtod(text, &end);
    in->bad = *end != 0;
    return number;
}

/* Text or bytes into the node. */
static void
take_text(ct_in *c, input *in, size_t node)
{
    head h = take_head(in);
    if (h.major != 2 && h.major != 3)
        in->bad = true;
    const uint8_t *bytes = take_bytes(in, in->bad ? 0 : h.number);
    ct_import_at(c->im, node)->bytes = bytes;
    ct_import_at(c->im, node)->size = in->bad ? 0 : (size_t)h.number;
}

/* A big integer: its magnitude as bytes, or in base64 over the chunk's own memory (which is ours). */
static void
take_magnitude(ct_in *c, input *in, size_t node)
{
    bool is_text = in->at < in->end && *in->at >> 5 == 3;
    take_text(c, in, node);
    ct_import_node *n = ct_import_at(c->im, node);
    if (!is_text || in->bad)
        return;
    uint8_t *bytes = (uint8_t *)(uintptr_t)n->bytes;
    size_t size = n->size, out = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    while (size > 0 && bytes[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++) {
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *letter = memchr(letters, bytes[i], 64);
        if (!letter) {
            in->bad = true;
            return;
        }
        bits = (bits << 6 | (uint32_t)(letter - letters)) & 0xFFFFFF;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[out++] = (uint8_t)(bits >> count);
        }
    }
    n->size = out;
}

static size_t tree(ct_in *c, input *in, size_t parent, size_t *sibling, unsigned depth);

static void
take_children(ct_in *c, input *in, size_t node, unsigned depth)
{
    head h = take_head(in);
    size_t sibling = 0;
    if (h.major != 4)
        in->bad = true;
    for (uint64_t i = 0; i < h.number && !in->bad; i++)
        tree(c, in, node, &sibling, depth + 1);
}

/* A value record with everything inside; `kind` stands first in every encoder's. */
static size_t
tree(ct_in *c, input *in, size_t parent, size_t *sibling, unsigned depth)
{
    static const struct { const char *name; ct_import_kind kind; } kinds[] = {
        {"None", CT_IN_NONE}, {"Bool", CT_IN_BOOL}, {"Int", CT_IN_INT}, {"BigInt", CT_IN_BIGINT}, {"Float", CT_IN_FLOAT},
        {"String", CT_IN_STRING}, {"Char", CT_IN_STRING}, {"Raw", CT_IN_RAW}, {"Error", CT_IN_RAW}, {"Cell", CT_IN_RAW},
        {"Sequence", CT_IN_SEQUENCE}, {"Set", CT_IN_SEQUENCE}, {"Tuple", CT_IN_TUPLE}, {"Struct", CT_IN_STRUCT}, {"Variant", CT_IN_STRUCT},
        {"Reference", CT_IN_TUPLE}};
    const uint8_t *key, *name;
    size_t key_size, name_size, node = 0;
    head map = take_head(in);
    if (map.major != 5 || map.number == 0 || depth >= CT_IMPORT_NESTING || !take_key(in, &key, &key_size) || !is(key, key_size, "kind")
        || !take_key(in, &name, &name_size) || !(node = ct_import_add(c->im, parent, sibling))) {
        in->bad = true;
        return 0;
    }
    size_t k = 0;
    while (k < sizeof kinds / sizeof *kinds && !is(name, name_size, kinds[k].name))
        k++;
    if (k == sizeof kinds / sizeof *kinds) {
        in->bad = true;
        return 0;
    }
    ct_import_kind kind = kinds[k].kind;
    ct_import_at(c->im, node)->kind = kind;
    ct_import_at(c->im, node)->type = UINT32_MAX;
    ct_import_at(c->im, node)->bytes = (const uint8_t *)"<cell>";
    ct_import_at(c->im, node)->size = kind == CT_IN_RAW && is(name, name_size, "Cell") ? 6 : 0;
    for (uint64_t i = 1; i < map.number && !in->bad && take_key(in, &key, &key_size); i++) {
        size_t inside = 0;
        if (is(key, key_size, "type_id")) {
            uint64_t type = take_unsigned(in);
            ct_import_at(c->im, node)->type = type < UINT32_MAX ? (uint32_t)type : UINT32_MAX;
        }
        else if (kind == CT_IN_INT && is(key, key_size, "i"))
            ct_import_at(c->im, node)->integer = take_integer(in);
        else if (kind == CT_IN_BOOL && is(key, key_size, "b"))
            ct_import_at(c->im, node)->integer = take_head(in).info == 21;
        else if (kind == CT_IN_FLOAT && is(key, key_size, "f"))
            ct_import_at(c->im, node)->number = take_float(in);
        else if (kind == CT_IN_BIGINT && is(key, key_size, "b"))
            take_magnitude(c, in, node);
        else if (kind == CT_IN_BIGINT && is(key, key_size, "negative"))
            ct_import_at(c->im, node)->negative = take_head(in).info == 21;
        else if (kind == CT_IN_STRING || (kind == CT_IN_RAW && (is(key, key_size, "r") || is(key, key_size, "msg"))))
            take_text(c, in, node);
        else if (is(key, key_size, "elements") || is(key, key_size, "members") || is(key, key_size, "field_values"))
            take_children(c, in, node, depth);
        else if (is(key, key_size, "contents") || is(key, key_size, "dereferenced"))
            tree(c, in, node, &inside, depth + 1);
        else
            skip_item(in);
    }
    return node;
}

/* ---- events.log ---- */

typedef struct place { const uint8_t *bytes; size_t size; } place;

static place
take_string(input *in)
{
    uint64_t size = take(in, 4);
    const uint8_t *bytes = take_bytes(in, size);
    return (place){bytes, in->bad ? 0 : (size_t)size};
}

/* `u32 length, CBOR` as an input of its own. */
static input
take_cbor(input *in)
{
    place bytes = take_string(in);
    return (input){bytes.bytes, bytes.bytes + bytes.size, in->bad};
}

static ct_code
on_type(ct_in *c, input *in)
{
    input body = take_cbor(in);
    uint64_t kind = 0;
    place name = {(const uint8_t *)"", 0};
    ct_buffer fields = {0};
    size_t field_count = 0;
    const uint8_t *key;
    size_t size;
    head map = take_head(&body);
    body.bad = body.bad || map.major != 5;
    for (uint64_t i = 0; i < map.number && !body.bad && take_key(&body, &key, &size); i++) {
        if (is(key, size, "kind"))
            kind = take_unsigned(&body);
        else if (is(key, size, "lang_type"))
            take_key(&body, &name.bytes, &name.size);
        else if (is(key, size, "specific_info")) {
            head info = take_head(&body);
            body.bad = body.bad || info.major != 5;
            for (uint64_t k = 0; k < info.number && !body.bad && take_key(&body, &key, &size); k++) {
                if (!is(key, size, "fields")) {
                    skip_item(&body);
                    continue;
                }
                head list = take_head(&body);
                body.bad = body.bad || list.major != 4;
                for (uint64_t f = 0; f < list.number && !body.bad; f++) {
                    head field = take_head(&body);
                    body.bad = body.bad || field.major != 5;
                    for (uint64_t m = 0; m < field.number && !body.bad && take_key(&body, &key, &size); m++) {
                        if (!is(key, size, "name")) {
                            skip_item(&body);
                            continue;
                        }
                        take_key(&body, &key, &size);
                        for (size_t b = 0; b < size; b++)
                            ct_buffer_add_byte(&fields, key[b] ? key[b] : '?');
                        ct_buffer_add_byte(&fields, 0);
                        field_count++;
                    }
                }
            }
        }
        else
            skip_item(&body);
    }
    in->bad = in->bad || body.bad;
    ct_code code = in->bad        ? CT_OK
                   : fields.failed ? CT_E_NOMEM
                                   : ct_import_type(c->im, kind, (const char *)name.bytes, name.size, (const char *)fields.bytes, field_count);
    ct_buffer_free(&fields);
    return code;
}

static ct_code
on_call(ct_in *c, input *in)
{
    uint64_t function = take(in, 8);
    input body = take_cbor(in);
    head list = take_head(&body);
    body.bad = body.bad || list.major != 4;
    for (uint64_t i = 0; i < list.number && !body.bad; i++) {
        head map = take_head(&body);
        uint64_t variable = 0;
        size_t node = 0, none = 0;
        const uint8_t *key;
        size_t size;
        body.bad = body.bad || map.major != 5;
        for (uint64_t k = 0; k < map.number && !body.bad && take_key(&body, &key, &size); k++) {
            if (is(key, size, "variable_id"))
                variable = take_unsigned(&body);
            else if (is(key, size, "value"))
                node = tree(c, &body, 0, &none, 0);
            else
                skip_item(&body);
        }
        body.bad = body.bad || !node;
        if (!body.bad)
            CT_TRY(ct_import_argument(c->im, variable, node));
    }
    in->bad = in->bad || body.bad;
    return in->bad ? CT_OK : ct_import_call(c->im, function);
}

static ct_code
on_value(ct_in *c, input *in, bool returned)
{
    uint64_t variable = returned ? 0 : take(in, 8);
    size_t none = 0;
    input body = take_cbor(in);
    size_t node = tree(c, &body, 0, &none, 0);
    in->bad = in->bad || body.bad;
    if (in->bad)
        return CT_OK;
    return returned ? ct_import_return(c->im, node) : ct_import_value(c->im, variable, node);
}

static ct_code
on_event(ct_in *c, input *in)
{
    uint64_t number, count;
    place text;
    ct_import_forget(c->im);
    uint64_t tag = take(in, 1);
    switch (tag) {
    case 0:
        number = take(in, 8);
        count = take(in, 8);
        return in->bad ? CT_OK : ct_import_step(c->im, number, (int64_t)count);
    case 1:
        text = take_string(in);
        return in->bad ? CT_OK : ct_import_path(c->im, (const char *)text.bytes, text.size);
    case 2:
    case 3:
        text = take_string(in);
        return in->bad ? CT_OK : ct_import_variable(c->im, (const char *)text.bytes, text.size);
    case 4: return on_type(c, in);
    case 5: return on_value(c, in, false);
    case 6:
        number = take(in, 8);
        count = take(in, 8);
        text = take_string(in);
        return in->bad ? CT_OK : ct_import_function(c->im, number, (int64_t)count, (const char *)text.bytes, text.size);
    case 7: return on_call(c, in);
    case 8: return on_value(c, in, true);
    case 9:
        number = take(in, 1);
        take_string(in);
        text = take_string(in);
        return in->bad ? CT_OK : ct_import_output(c->im, number, (const char *)text.bytes, text.size);
    case 10:
        for (count = take(in, 4); count > 0 && !in->bad; count--)
            take_string(in);
        return CT_OK;
    case 11: take_bytes(in, 16); return CT_OK;
    case 12: take_string(in); return CT_OK;
    case 13: take_bytes(in, take(in, 4) * 8); return CT_OK;
    case 14:
    case 15:
    case 17:
        take_bytes(in, 8);
        take_string(in);
        return CT_OK;
    case 16: take_bytes(in, 24); return CT_OK;
    case 18: take_bytes(in, 16); return CT_OK;
    case 19: take_bytes(in, 8); return CT_OK;
    case 20:
    case 21:
    case 22:
        number = take(in, 8);
        return in->bad ? CT_OK
                       : ct_import_threads(c->im, tag == 20 ? CT_IN_THREAD_START : tag == 21 ? CT_IN_THREAD_EXIT : CT_IN_THREAD_SWITCH, number);
    case 23: return ct_import_drop_step(c->im);
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
        input in = {raw, raw + whole, false};
        for (; count > 0 && code == CT_OK; count--) {
            code = on_event(c, &in);
            if (code == CT_E_CORRUPT && !c->message)
                c->message = ct_import_message(c->im);
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

static place
take_varint_string(input *in)
{
    uint64_t size = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = take(in, 1);
        size |= (byte & 0x7F) << shift;
        if (byte < 0x80)
            break;
    }
    const uint8_t *bytes = take_bytes(in, size);
    return (place){bytes, in->bad ? 0 : (size_t)size};
}

static void
define(ct_recording *recording, const char *key, place value)
{
    if (value.size)
        ct_define_meta(recording, key, (const char *)value.bytes, value.size);
}

/* Section 7; what is not there is not told. */
static void
read_meta(ct_in *c, ct_recording *recording)
{
    inner meta = find(c, "meta.dat");
    uint8_t *bytes = meta.there && meta.size >= 8 && meta.size < 1 << 24 ? malloc((size_t)meta.size) : NULL;
    if (bytes && read_inner(c, &meta, 0, bytes, (size_t)meta.size) == CT_OK && memcmp(bytes, "CTMD\x03\x00", 6) == 0) {
        input in = {bytes + 8, bytes + meta.size, false};
        take_varint_string(&in);
        place program = take_varint_string(&in);
        define(recording, "program", program);
        define(recording, "script", program);
        uint64_t arguments = in.at < in.end && *in.at < 0x80 ? take(&in, 1) : 0;
        for (; arguments > 0 && !in.bad; arguments--) {
            place argument = take_varint_string(&in);
            if (!in.bad)
                ct_define_meta(recording, "arg", (const char *)argument.bytes, argument.size);
        }
        define(recording, "workdir", take_varint_string(&in));
    }
    c->message = NULL;
    free(bytes);
}

static ct_code
read_container(ct_in *c, ct_recording *recording)
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
    CT_TRY(ct_import_new(recording, &c->im, c->error));
    read_meta(c, recording);
    CT_TRY(read_log(c, &log));
    CT_TRY(ct_import_write(c->im));
    CT_TRY(read_log(c, &log));
    return ct_import_end(c->im);
}

ct_code
ct_import_ct(const char *path, ct_recording *recording, ct_error *error)
{
    struct stat status;
    ct_in *c = calloc(1, sizeof *c);
    ct_error own = {0};
    if (!c)
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    c->error = error ? error : &own;
    c->file = open(path, O_RDONLY | O_CLOEXEC);
    ct_code code = c->file < 0 || fstat(c->file, &status) != 0 ? ct_fail(error, CT_E_IO, "the file cannot be opened", 0, errno) : CT_OK;
    if (code == CT_OK) {
        c->file_size = (uint64_t)status.st_size;
        code = read_container(c, recording);
    }
    if (code == CT_E_CORRUPT)
        code = ct_fail(error, code, c->message ? c->message : "the container breaks its format", c->position, 0);
    if (code == CT_E_NOMEM)
        code = ct_fail(error, code, "there is not enough memory", 0, 0);
    ct_import_free(c->im);
    if (c->file >= 0)
        close(c->file);
    free(c);
    return code;
}
