/* What a container must keep to besides what a reader asks of it: its block mapping, its tables, and the multi-stream layout's indexes, counts and tree of calls. A
 * reader forgives much (a writer may have been killed); here each of it is a finding.
 *
 * Invariant: every block is looked at once, for one met twice is a finding and not entered again; memory is a bit a block, one chunk, and the open calls.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "formats/ct_reading.h"
#include "util/memory.h"
#include "util/plural.h"
#include "verify/report.h"

enum { ENTRY = 24, LEVELS = 5, LARGEST_BLOCK = 4096, FRAME_HEADER = 18, NAME = 13, PART = 32 };

typedef struct rules {
    const ct_report *report;
    ct_error *error;
    /* The container's bytes. */
    ct_source source;
    uint32_t block_size;
    uint64_t blocks;               /* numbered from 1; one in part counts */
    uint8_t *met;                  /* a bit a block */
    bool lost_way;                 /* in a mapping: what blocks belong to is not known of all */
    const char *name;              /* of the inner file at hand */
    uint64_t number, wanted;       /* its next data block; how many its size asks for */
    bool told;                     /* one finding a file: what follows a wrong pointer is wrong, too */
    /* Its files. */
    ct_container *container;
    bool ours, anonymous;          /* meta.dat names this recorder; there is neither meta.dat nor meta.json, which every writer begins with */
    unsigned flags;
    uint64_t steps;
    bool counted;                  /* steps could be counted to the end */
} rules;

#define ADD(r, rule, place, ...) ct_report_add((r)->report, rule, NULL, place, UINT64_MAX, __VA_ARGS__)

/* ---- the mapping of blocks ---- */

static void
mapping_finding(rules *r, uint64_t place, const char *what, uint64_t block)
{
    if (!r->told)
        ADD(r, "mapping", place, "%s: block %" PRIu64 " %s", r->name, block, what);
    r->told = r->lost_way = true;
}

/* Whether a pointer may be followed. */
static bool
meet(rules *r, uint64_t block, uint64_t place)
{
    if (block >= r->blocks) {
        mapping_finding(r, place, "is not in the file", block);
        return false;
    }
    if (r->met[block / 8] >> block % 8 & 1) {
        mapping_finding(r, place, "is used a second time", block);
        return false;
    }
    r->met[block / 8] = (uint8_t)(r->met[block / 8] | 1u << block % 8);
    return true;
}

static ct_code
walk(rules *r, uint64_t block, unsigned level, bool chained)
{
    uint8_t map[LARGEST_BLOCK];
    uint64_t place = block * r->block_size, usable = r->block_size / 8 - 1;
    if (place + r->block_size > r->source.size)
        return CT_OK; /* cut off: the reader says so */
    CT_TRY(ct_source_read(&r->source, place, map, r->block_size, r->error));
    for (uint64_t i = 0; i < usable + chained && !r->told; i++) {
        uint64_t to = ct_load_number(map + i * 8, 8);
        bool up = i == usable;
        if (to == 0) {
            if (!up && r->number < r->wanted)
                mapping_finding(r, place + i * 8, "of its size is missing", r->number);
            continue;
        }
        if (r->number >= r->wanted)
            mapping_finding(r, place + i * 8, "lies behind what its size asks for", to);
        else if (!meet(r, to, place + i * 8))
            return CT_OK;
        else if (up && level < LEVELS)
            CT_TRY(walk(r, to, level + 1, true));
        else if (level > 1 && !up)
            CT_TRY(walk(r, to, level - 1, false));
        else
            r->number++;
    }
    return CT_OK;
}

/* An entry carries no checksum: one that is lost shows in the blocks that it leaves behind. */
static void
check_unused(rules *r)
{
    uint64_t first = 0, count = 0;
    for (uint64_t block = r->blocks; block-- > 0;)
        if (!(r->met[block / 8] >> block % 8 & 1)) {
            first = block;
            count++;
        }
    if (count)
        ADD(r, "unused", first * r->block_size, "%" PRIu64 " %s to no file of the directory: an entry of it is lost, or damaged", count,
            ct_plural(count, "block belongs", "blocks belong"));
}

static ct_code
check_mapping(rules *r)
{
    uint8_t header[CT_CTFS_HEADER], entries[LARGEST_BLOCK] = {0};
    CT_TRY(ct_source_read(&r->source, 0, header, sizeof header, r->error));
    r->block_size = (uint32_t)ct_load_number(header + 8, 4);
    uint64_t count = ct_load_number(header + 12, 4), most = (r->block_size - CT_CTFS_HEADER) / ENTRY;
    if (count > most)
        ADD(r, "directory", 12, "the header counts %" PRIu64 " %s, into the first block fit %" PRIu64, count, ct_plural(count, "entry", "entries"), most);
    count = count < most ? count : most;
    if (CT_CTFS_HEADER + count * ENTRY > r->source.size)
        return CT_OK;
    const size_t there = (size_t)(r->source.size - CT_CTFS_HEADER), room = there < most * ENTRY ? there : (size_t)most * ENTRY;
    CT_TRY(ct_source_read(&r->source, CT_CTFS_HEADER, entries, room, r->error));
    for (uint64_t i = count; i < most; i++)
        if (ct_load_number(entries + i * ENTRY + 16, 8)) {
            ADD(r, "directory", CT_CTFS_HEADER + i * ENTRY, "a file's entry stands behind the %" PRIu64 " that the header counts", count);
            break;
        }
    r->blocks = (r->source.size + r->block_size - 1) / r->block_size;
    if (!(r->met = ct_allocate_zero(r->report->allocator, (size_t)(r->blocks / 8) + 1, 1)))
        return CT_E_NOMEM;
    r->met[0] = 1; /* the directory's own */
    for (uint32_t i = 0; i < count;) {
        char name[NAME];
        uint64_t size;
        if (!ct_container_next(r->container, &i, name, &size))
            break;
        uint64_t place = CT_CTFS_HEADER + (uint64_t)(i - 1) * ENTRY, map = ct_load_number(entries + place - CT_CTFS_HEADER + 8, 8);
        r->name = name;
        r->told = false;
        r->number = 0;
        r->wanted = size / r->block_size + (size % r->block_size != 0);
        if (size > r->source.size) {
            ADD(r, "size", place, "%s is longer than the whole file: %" PRIu64, name, size);
            r->lost_way = true;
        } else if (meet(r, map, place + 8))
            CT_TRY(walk(r, map, 1, true));
    }
    if (!r->lost_way)
        check_unused(r);
    return CT_OK;
}

/* Asked of this project's containers: others may have files that we do not know. And of one that names no recorder: its meta.dat may stand under a damaged name. */
static void
check_names(rules *r)
{
    static const char *const ours[] = {
        "paths.dat", "paths.off", "funcs.dat", "funcs.off", "types.dat", "types.off", "varnames.dat", "varnames.off", "srcviews.dat", "srcviews.off",
        "steps.dat", "steps.idx", "values.dat", "values.idx", "calls.dat", "calls.idx", "events.dat", "events.idx", "meta.dat", "events.log", "events.fmt",
        "journal.ctj", "spans.dat", "spans.idx", "spantype.ns",
    };
    char name[NAME];
    uint64_t size;
    bool log = false, steps = false, journal = false;
    for (uint32_t i = 0; ct_container_next(r->container, &i, name, &size);) {
        size_t k = 0;
        while (k < sizeof ours / sizeof *ours && strcmp(ours[k], name) != 0)
            k++;
        if (k == sizeof ours / sizeof *ours)
            ADD(r, "directory", CT_CTFS_HEADER + (uint64_t)(i - 1) * ENTRY + 16, r->ours ? "this recorder writes no file of the name %s"
                : "meta.dat is missing, and what there is of the name %s nobody writes", name);
        log = log || strcmp(name, "events.log") == 0;
        steps = steps || strcmp(name, "steps.dat") == 0;
        journal = journal || strcmp(name, "journal.ctj") == 0;
    }
    if (log && steps && !journal)
        ADD(r, "directory", CT_CTFS_HEADER, "journal.ctj is missing, which this recorder puts beside the two layouts for other readers");
}

/* ---- meta.dat ---- */

static bool
is_uuid(ct_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.bytes[i] != '-' : !strchr("0123456789abcdef", text.bytes[i]) || !text.bytes[i])
            return false;
    }
    return text.size == 36 && text.bytes[14] == '7' && strchr("89ab", text.bytes[19]);
}

static ct_code
find(rules *r, const char *name, ct_inner **file)
{
    ct_code code;
    *file = ct_container_find(r->container, name, CT_FIRST_ENTRY, &code, r->error);
    return code;
}

static ct_code
check_table(rules *r, const char *stem)
{
    char data_name[PART], offsets_name[PART];
    ct_inner *data, *offsets;
    uint64_t before = 0;
    snprintf(data_name, sizeof data_name, "%s.dat", stem);
    snprintf(offsets_name, sizeof offsets_name, "%s.off", stem);
    CT_TRY(find(r, data_name, &data));
    CT_TRY(find(r, offsets_name, &offsets));
    if (!data || !offsets) {
        if (data || offsets)
            ADD(r, "table", 0, "%s is there without %s", data ? data_name : offsets_name, data ? offsets_name : data_name);
        return CT_OK;
    }
    uint64_t size = ct_inner_size(offsets);
    if (size < 8 || size % 8)
        ADD(r, "table", ct_inner_place(offsets, 0), "%s has %" PRIu64 " %s: no whole number of offsets", offsets_name, CT_COUNTED(size, "byte"));
    for (uint64_t at = 0; at + 8 <= size; at += 8) {
        uint8_t bytes[8];
        size_t got;
        CT_TRY(ct_inner_read(offsets, at, bytes, sizeof bytes, &got, r->error));
        uint64_t offset = ct_load_number(bytes, got);
        if (at ? offset < before : offset != 0) {
            ADD(r, "table", ct_inner_place(offsets, at), "offset %" PRIu64 " of %s is %" PRIu64 ", where the one before is %" PRIu64, at / 8, offsets_name, offset,
                before);
            return CT_OK;
        }
        before = offset;
    }
    if (before != ct_inner_size(data))
        ADD(r, "table", ct_inner_place(offsets, 0), "%s ends at %" PRIu64 ", %s has %" PRIu64 " %s", offsets_name, before, data_name, CT_COUNTED(ct_inner_size(data), "byte"));
    return CT_OK;
}

/* The paths that meta.dat repeats are those of the table, byte by byte; column-aware records have more behind the path. */
static ct_code
check_repeated_paths(rules *r, ct_input *in, uint64_t place)
{
    static const ct_stream_words words = CT_STREAM_WORDS("paths.dat");
    ct_inner *data, *offsets;
    ct_table table;
    ct_input record;
    CT_TRY(find(r, "paths.dat", &data));
    CT_TRY(find(r, "paths.off", &offsets));
    if (!data || !offsets)
        return CT_OK;
    uint64_t told = ct_take_varint(in), i = 0;
    ct_table_open(&table, &words, data, offsets);
    ct_code code;
    while ((code = ct_table_next(&table, &record, r->error)) == CT_OK) {
        ct_text theirs = {record.at ? (const char *)record.at : "", ct_input_left(&record)};
        if (r->flags & CT_META_COLUMNS)
            theirs = ct_take_text(&record);
        ct_text ours = i++ < told ? ct_take_text(in) : (ct_text){NULL, 0};
        if (!ours.bytes || ours.size != theirs.size || memcmp(ours.bytes, theirs.bytes, ours.size) != 0) {
            ADD(r, "meta", place, "path %" PRIu64 " of meta.dat is not that of paths.dat", i - 1);
            told = i;
            break;
        }
    }
    if (i < told)
        ADD(r, "meta", place, "meta.dat names %" PRIu64 " %s, paths.dat has %" PRIu64, CT_COUNTED(told, "path"), i);
    ct_table_close(&table);
    return code == CT_END ? CT_OK : code;
}

static ct_code
check_meta(rules *r)
{
    enum { MOST = 64 << 20 };
    ct_inner *file;
    ct_buffer bytes = {.allocator = r->report->allocator};
    CT_TRY(find(r, "meta.dat", &file));
    if (!file) {
        CT_TRY(find(r, "meta.json", &file));
        r->anonymous = !file;
        return CT_OK;
    }
    if (ct_inner_size(file) > MOST)
        return CT_OK;
    ct_code code = ct_inner_load(file, 0, ct_inner_size(file), &bytes, r->error);
    if (code == CT_OK && bytes.size >= 8) {
        uint64_t place = ct_inner_place(file, 0);
        ct_input in = {bytes.bytes + 8, bytes.bytes + bytes.size, false};
        r->flags = (unsigned)ct_load_number(bytes.bytes + 6, 2);
        ct_text id = ct_take_text(&in);
        if (!is_uuid(id))
            ADD(r, "meta", place, "the recording's id is no UUID of version 7 in lower case");
        (void)ct_take_text(&in);
        for (uint64_t left = ct_take_varint(&in); left > 0 && !in.bad; left--)
            (void)ct_take_text(&in);
        (void)ct_take_text(&in);
        ct_text recorder = ct_take_text(&in);
        r->ours = recorder.size == sizeof CT_OUR_RECORDER - 1 && memcmp(recorder.bytes, CT_OUR_RECORDER, recorder.size) == 0;
        if (r->flags & 0xC0 && !(r->flags & CT_META_COLUMNS))
            ADD(r, "meta", place, "flags %04x: the bits of columns need bit 4", r->flags);
        if (!in.bad)
            code = check_repeated_paths(r, &in, place);
    }
    ct_buffer_free(&bytes);
    return code;
}

/* ---- streams in chunks ---- */

/* Passes one record; in->bad when there is none. */
typedef void (*pass_record)(rules *r, ct_input *in, uint64_t place);

static void
pass_step(rules *r, ct_input *in, uint64_t place)
{
    unsigned tag = ct_take_byte(in);
    (void)r;
    (void)place;
    (void)ct_take_varint(in);
    if (tag == 2)
        (void)ct_take_text(in);
    in->bad = in->bad || tag > 7;
}

static void
pass_sized(rules *r, ct_input *in, uint64_t place)
{
    (void)r;
    (void)place;
    (void)ct_take_text(in);
}

/* A frame's header: section 3.1.1.1 of RFC 8878. */
ct_code
ct_frame_rules(const ct_report *report, bool ours, const char *name, ct_inner *file, uint64_t offset, ct_error *error)
{
    uint8_t header[FRAME_HEADER];
    size_t got;
    CT_TRY(ct_inner_read(file, offset, header, sizeof header, &got, error));
    if (got < 5)
        return CT_OK;
    if (ZSTD_getFrameContentSize(header, got) == ZSTD_CONTENTSIZE_UNKNOWN)
        ct_report_add(report, "frame", NULL, ct_inner_place(file, offset), UINT64_MAX, "%s: a zstd frame does not say how much it holds", name);
    if (ours && !(header[4] & 4))
        ct_report_add(report, "frame", NULL, ct_inner_place(file, offset), UINT64_MAX, "%s: a zstd frame has no checksum, and this recorder writes one", name);
    return CT_OK;
}

static ct_code
check_index_entry(rules *r, const char *name, ct_inner *index, uint64_t chunk, uint64_t position)
{
    uint8_t bytes[8];
    size_t got;
    CT_TRY(ct_inner_read(index, 4 + chunk * 8, bytes, sizeof bytes, &got, r->error));
    if (got == sizeof bytes && ct_load_number(bytes, 8) != position)
        ADD(r, "index", ct_inner_place(index, 4 + chunk * 8), "%s: chunk %" PRIu64 " begins at %" PRIu64 ", its index says %" PRIu64, name, chunk, position,
            ct_load_number(bytes, 8));
    return CT_OK;
}

/* Frames from the first byte of the data to the last, each where the index has it, each full but the last. *whole: to the end. */
static ct_code
check_chunks(rules *r, const char *stem, pass_record pass, uint64_t *records, bool *whole)
{
    char name[PART];
    ct_inner *data, *index;
    uint8_t header[4];
    size_t got;
    *records = 0;
    *whole = false;
    snprintf(name, sizeof name, "%s.dat", stem);
    CT_TRY(find(r, name, &data));
    snprintf(name, sizeof name, "%s.idx", stem);
    CT_TRY(find(r, name, &index));
    if (!data || !index)
        return CT_OK; /* an older framing, or a half that is missing: the reader's business */
    CT_TRY(ct_inner_read(index, 0, header, sizeof header, &got, r->error));
    uint64_t limit = got == sizeof header ? ct_load_number(header, 4) : 0, size = ct_inner_size(data), chunk = 0, last = limit;
    if (limit == 0) {
        ADD(r, "index", ct_inner_place(index, 0), "%s says that a chunk has no records", name);
        return CT_OK;
    }
    ct_frames frames;
    ct_frames_open(&frames, data);
    ct_code code = CT_OK;
    uint64_t position = 0;
    for (; position < size && code == CT_OK; chunk++) {
        uint64_t taken, place = ct_inner_place(data, position), inside = 0;
        ct_frame_end end;
        code = ct_frame_rules(r->report, r->ours, stem, data, position, r->error);
        if (code == CT_OK)
            code = check_index_entry(r, stem, index, chunk, position);
        if (code == CT_OK)
            code = ct_frames_read(&frames, position, size - position, &taken, &end, r->error);
        if (code != CT_OK || end != CT_FRAME_WHOLE)
            break; /* the reader tells */
        if (last != limit)
            ADD(r, "index", place, "%s: chunk %" PRIu64 " has %" PRIu64 " %s, though it is not the last and its index says %" PRIu64, stem, chunk - 1,
                CT_COUNTED(last, "record"), limit);
        ct_input in = {frames.raw.bytes, frames.raw.bytes + frames.raw.size, false};
        for (; in.at < in.end && !in.bad; inside++)
            pass(r, &in, place);
        if (in.bad)
            break;
        if (inside > limit)
            ADD(r, "index", place, "%s: chunk %" PRIu64 " has %" PRIu64 " %s, its index says %" PRIu64, stem, chunk, CT_COUNTED(inside, "record"), limit);
        last = inside < limit ? inside : limit;
        *records += inside;
        position += taken;
    }
    ct_frames_free(&frames);
    *whole = code == CT_OK && position == size;
    if (*whole && ct_inner_size(index) != 4 + 8 * chunk)
        ADD(r, "index", ct_inner_place(index, 0), "%s has %" PRIu64 " %s, for %" PRIu64 " %s it would be %" PRIu64, name, CT_COUNTED(ct_inner_size(index), "byte"),
            CT_COUNTED(chunk, "chunk"), 4 + 8 * chunk);
    return code;
}

/* ---- the tree of calls ---- */

/* What a call's record says of its children, and what theirs say of it: as many, and the same keys. */
typedef struct children { uint64_t count, sum; } children;
typedef struct open_call { uint64_t key, entry, exit, depth, place; children told, met; } open_call;

typedef struct calls {
    rules *r;
    open_call *open;
    size_t count, capacity;
    uint64_t key;
    bool no_memory;
} calls;

static void
add_child(children *c, uint64_t key)
{
    c->count++;
    c->sum += (key + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ key;
}

static void
close_call(calls *c)
{
    const open_call *call = &c->open[--c->count];
    if (call->told.count != call->met.count || call->told.sum != call->met.sum)
        ADD(c->r, "call-tree", call->place, "call %" PRIu64 " lists %" PRIu64 " %s, and %" PRIu64 " %s it as their parent (or they are others)", call->key,
            call->told.count, ct_plural(call->told.count, "child", "children"), call->met.count, ct_plural(call->met.count, "call names", "calls name"));
}

/* Calls stand in the order of their beginning, so a parent is among those that are open. */
static open_call *
parent_of(calls *c, int64_t parent, uint64_t entry)
{
    while (c->count && (parent < 0 || c->open[c->count - 1].key != (uint64_t)parent) && c->open[c->count - 1].exit < entry)
        close_call(c);
    for (size_t i = c->count; parent >= 0 && i-- > 0;)
        if (c->open[i].key == (uint64_t)parent)
            return &c->open[i];
    return NULL;
}

static void
check_call(calls *c, ct_input *record, uint64_t place)
{
    rules *r = c->r;
    uint64_t key = c->key++;
    (void)ct_take_varint(record); /* the function: the rules of the stream ask whether it and the arguments' variables are there */
    int64_t parent = ct_take_svarint(record);
    open_call call = {.key = key, .place = place};
    call.entry = ct_take_varint(record);
    call.exit = ct_take_varint(record);
    call.depth = ct_take_varint(record);
    for (uint64_t left = ct_take_count(record, 2); left > 0 && !record->bad; left--) {
        (void)ct_take_varint(record);
        (void)ct_take_text(record);
    }
    (void)ct_take_text(record);
    (void)ct_take_text(record);
    uint64_t before = key;
    for (uint64_t left = ct_take_count(record, 1); left > 0 && !record->bad; left--) {
        uint64_t child = ct_take_varint(record);
        if (child <= before) {
            ADD(r, "call-tree", place, "call %" PRIu64 " has child %" PRIu64 " behind %" PRIu64 ": keys only grow", key, child, before);
            break;
        }
        add_child(&call.told, before = child);
    }
    if (record->bad)
        return; /* the reader tells */
    if (call.exit < call.entry || (r->counted && r->steps && call.exit >= r->steps))
        ADD(r, "call-tree", place, "call %" PRIu64 " goes from step %" PRIu64 " to step %" PRIu64 " of %" PRIu64, key, call.entry, call.exit, r->steps);
    open_call *above = parent_of(c, parent, call.entry);
    if (parent >= 0 && !above)
        ADD(r, "call-tree", place, "call %" PRIu64 " has parent %" PRIi64 ", which is no open call", key, parent);
    else if (call.depth != (above ? above->depth + 1 : 0))
        ADD(r, "call-tree", place, "call %" PRIu64 " is at depth %" PRIu64 ", its parent at %" PRIi64, key, call.depth, above ? (int64_t)above->depth : -1);
    else if (above && (call.entry < above->entry || call.exit > above->exit))
        ADD(r, "call-tree", place, "call %" PRIu64 " (steps %" PRIu64 " to %" PRIu64 ") is not within its parent (%" PRIu64 " to %" PRIu64 ")", key, call.entry,
            call.exit, above->entry, above->exit);
    if (above)
        add_child(&above->met, key);
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 64;
        open_call *open = ct_resize(r->report->allocator, c->open, capacity * sizeof *open);
        if (!open) {
            c->no_memory = true;
            return;
        }
        c->open = open;
        c->capacity = capacity;
    }
    c->open[c->count++] = call;
}

static ct_code
check_calls(rules *r)
{
    static const ct_stream_words words = CT_STREAM_WORDS("calls.dat");
    ct_inner *data, *index;
    ct_records records = {0};
    ct_input record;
    calls c = {.r = r};
    CT_TRY(find(r, "calls.dat", &data));
    CT_TRY(find(r, "calls.idx", &index));
    if (!data || !index)
        return CT_OK;
    ct_code code = ct_chunks_open(&records.chunks, &words, data, index, false, r->error);
    while (code == CT_OK && (code = ct_records_next(&records, &record, r->error)) == CT_OK) {
        check_call(&c, &record, ct_records_place(&records));
        code = c.no_memory ? CT_E_NOMEM : CT_OK;
    }
    while (code == CT_END && c.count)
        close_call(&c);
    ct_records_close(&records);
    ct_free(r->report->allocator, c.open);
    return code == CT_END ? CT_OK : code;
}

/* ---- the multi-stream layout ---- */

static ct_code
check_streams(rules *r)
{
    uint64_t values, records;
    bool whole, counted;
    static const char *const tables[] = {"paths", "funcs", "types", "varnames", "srcviews"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        CT_TRY(check_table(r, tables[i]));
    if (r->flags & CT_META_STEPS_CHUNKED)
        CT_TRY(check_chunks(r, "steps", pass_step, &r->steps, &r->counted));
    if (r->flags & CT_META_VALUES_CHUNKED) {
        CT_TRY(check_chunks(r, "values", pass_sized, &values, &counted));
        if (counted && r->counted && values != r->steps)
            ADD(r, "value-count", 0, "values.dat has %" PRIu64 " %s, steps.dat %" PRIu64 ": record n belongs to step n", CT_COUNTED(values, "record"), r->steps);
    }
    if (r->flags & CT_META_EVENTS_CHUNKED)
        CT_TRY(check_chunks(r, "events", pass_sized, &records, &whole));
    if (!(r->flags & CT_META_CALLS_CHUNKED))
        return CT_OK;
    CT_TRY(check_chunks(r, "calls", pass_sized, &records, &whole));
    return check_calls(r);
}

ct_code
ct_container_rules(const ct_report *report, const char *path, ct_error *error)
{
    rules r = {.report = report, .error = error};
    ct_source again;
    ct_inner *steps;
    ct_code code = ct_source_open_file(path, &r.source, error);
    CT_TRY(code);
    code = ct_source_open_file(path, &again, error);
    if (code == CT_OK)
        code = ct_container_open(&again, report->allocator, &r.container, error);
    if (code == CT_OK)
        code = check_mapping(&r);
    if (code == CT_OK)
        code = check_meta(&r);
    if (code == CT_OK && (r.ours || r.anonymous))
        check_names(&r);
    if (code == CT_OK)
        code = find(&r, "steps.dat", &steps);
    if (code == CT_OK && steps)
        code = check_streams(&r);
    ct_free(report->allocator, r.met);
    ct_container_close(r.container);
    ct_source_close(&r.source);
    if (code == CT_E_CORRUPT || code == CT_E_VERSION)
        return CT_OK; /* the reader tells */
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}
