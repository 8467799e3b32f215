/* Opening a journal: an index of its blocks, its definitions, and what a live file adds.
 *
 * The parts, in order: blocks and their order; the walk over the file; damage; the end block; the live file; counting; open and close.
 * Headers are read, payloads only of definitions, and of the last blocks of a recording that was cut. Invariant: whatever is in
 * journal->events and journal->contents has sizes within bounds and stands in the order of its sequence numbers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <xxhash.h>

#include "journal/reader.h"
#include "model/records.h"
#include "util/io.h"
#include "util/memory.h"

/* The end block is looked for in so many bytes at the end of a file whose walk stopped early. */
enum { END_SEARCH = 4 << 20 };

typedef struct walk {
    ct_journal *journal;
    ct_block_reader reader;
    uint64_t position;             /* of the next header */
    uint64_t next;                 /* its sequence number */
    uint64_t last[3];              /* by kind: sequence number + 1 of the last block; 0: none */
    bool skipped_definitions;      /* definitions behind damage were not loaded */
    bool has_end;
    uint64_t end_position;         /* of the end block's header */
    ct_block_entry end;
} walk;

/* ---- blocks and their order ---- */

static ct_code
append(ct_journal *journal, ct_block_list *list, const ct_block_entry *block, ct_error *error)
{
    if (!CT_GROW(journal->allocator, list->blocks, list->capacity, list->count))
        return ct_fail(error, CT_E_NOMEM, "no memory for the index", 0, 0);
    list->blocks[list->count++] = *block;
    return CT_OK;
}

static const ct_block_entry *
last_of(const ct_block_list *list)
{
    return list->count ? &list->blocks[list->count - 1] : NULL;
}

/* Whether so many events can be before a block: an event has at least a byte, and all of them are in blocks that are there. */
static bool
can_be_before(const ct_block_entry *previous, uint64_t events)
{
    return previous ? events >= previous->events && events - previous->events <= previous->raw : events == 0;
}

static ct_code
add_events(ct_journal *journal, const ct_block_entry *in_file, ct_error *error)
{
    if (journal->dropped && !journal->events.count) {
        journal->base_segment = in_file->segment;
        journal->base_steps = in_file->first;
        journal->base_events = in_file->events;
    }
    ct_block_entry renumbered = *in_file;
    const ct_block_entry *block = &renumbered;
    renumbered.segment -= journal->base_segment;
    renumbered.first -= journal->base_steps;
    renumbered.events -= journal->base_events;
    const ct_block_entry *previous = last_of(&journal->events);
    bool begins = block->flags & CT_BLOCK_BEGINS_SEGMENT;
    uint64_t segment = journal->segment_count - (begins ? 0 : 1);
    if ((!begins && !journal->segment_count) || block->segment != segment || (previous ? block->first < previous->first : block->first)
        || !can_be_before(previous, block->events) || block->first > block->events)
        return ct_fail(error, CT_E_CORRUPT, "an events block does not continue the one before", block->position, 0);
    if (begins && !CT_GROW(journal->allocator, journal->segments, journal->segment_capacity, journal->segment_count))
        return ct_fail(error, CT_E_NOMEM, "no memory for the index", 0, 0);
    CT_TRY(append(journal, &journal->events, block, error));
    if (begins)
        journal->segments[journal->segment_count++] = (ct_segment_entry){journal->events.count - 1, block->first, block->events};
    return CT_OK;
}

static ct_code
add_content(ct_journal *journal, const ct_block_entry *block, ct_error *error)
{
    const ct_block_entry *previous = last_of(&journal->contents);
    if (previous ? block->first < previous->first : block->first && !journal->dropped)
        return ct_fail(error, CT_E_CORRUPT, "a content block does not continue the one before", block->position, 0);
    return append(journal, &journal->contents, block, error);
}

static void
count_block(ct_journal *journal, const ct_block_entry *block, bool removed)
{
    uint64_t sign = removed ? UINT64_MAX : 1;
    journal->counts.blocks += sign;
    journal->counts.stored_bytes[block->kind] += sign * block->stored;
    journal->counts.raw_bytes[block->kind] += sign * block->raw;
}

static void
set_damage(ct_journal *journal, uint64_t sequence, uint64_t position, const char *message)
{
    if (sequence < journal->damage_sequence) {
        journal->damage_sequence = sequence;
        journal->damage_position = position;
        journal->damage_message = message;
    }
}

/* A damaged definitions block is not the end: what does not need it can be read. */
static ct_code
add_definitions(walk *w, const ct_block_entry *block, ct_error *error)
{
    ct_journal *journal = w->journal;
    if (journal->damage_sequence != UINT64_MAX) {
        w->skipped_definitions = true;
        return CT_OK;
    }
    uint8_t *payload = NULL;
    size_t capacity = 0;
    ct_error problem = {0};
    ct_code code = ct_block_read(&w->reader, journal, block, &payload, &capacity, &problem);
    if (code == CT_OK) {
        code = ct_definitions_load(&journal->definitions, payload, block->raw, block, &problem);
    } else {
        ct_free(journal->allocator, payload);
        problem.position = block->position; /* in the journal, whatever that is a part of */
    }
    if (code == CT_E_CORRUPT) {
        set_damage(journal, block->sequence, problem.position, problem.message);
        return CT_OK;
    }
    return code == CT_OK ? append(journal, &journal->definition_blocks, block, error) : ct_fail(error, code, problem.message, problem.position, problem.system);
}

static ct_code
add_block(walk *w, const ct_block_entry *block, ct_error *error)
{
    switch (block->kind) {
    case CT_BLOCK_EVENTS: CT_TRY(add_events(w->journal, block, error)); break;
    case CT_BLOCK_CONTENT: CT_TRY(add_content(w->journal, block, error)); break;
    default: CT_TRY(add_definitions(w, block, error));
    }
    count_block(w->journal, block, false);
    w->last[block->kind] = block->sequence + 1;
    w->next = block->sequence + 1;
    return CT_OK;
}

/* Takes the last block of a list away again. */
static void
drop_last(ct_journal *journal, ct_block_list *list)
{
    const ct_block_entry *block = last_of(list);
    count_block(journal, block, true);
    if (block->kind == CT_BLOCK_EVENTS && block->flags & CT_BLOCK_BEGINS_SEGMENT)
        journal->segment_count--;
    list->count--;
}

/* ---- the walk over the file ---- */

static ct_code
read_file_header(ct_journal *journal, uint64_t *first_block, ct_error *error)
{
    uint8_t header[CT_FILE_HEADER_SIZE];
    if (journal->source.size < sizeof header)
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "the file is too short for a journal", 0);
    CT_TRY(ct_source_read(&journal->source, 0, header, sizeof header, error));
    if (memcmp(header, CT_JOURNAL_MAGIC, 8) != 0)
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "this is not a journal", 0);
    if (XXH3_64bits(header, 56) != ct_load64(header + 56))
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "the journal's header does not match its checksum", 0);
    if (ct_load16(header + 8) != CT_JOURNAL_MAJOR)
        return ct_journal_fail(journal, error, CT_E_VERSION, "the journal was written in a version that this library does not read", 8);
    journal->minor = ct_load16(header + 10);
    *first_block = ct_load32(header + 12);
    if (*first_block < CT_FILE_HEADER_SIZE)
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "the journal's header has a wrong size", 12);
    memcpy(journal->id, header + 16, 16);
    journal->start_time = ct_load64(header + 32);
    return CT_OK;
}

/* The header and the sizes in it: false when this is no whole block. */
static bool
parse_block(const ct_journal *journal, const uint8_t *header, uint64_t position, ct_block_entry *block)
{
    if (memcmp(header, CT_BLOCK_MAGIC, 4) != 0 || XXH3_64bits(header, 72) != ct_load64(header + 72))
        return false;
    *block = (ct_block_entry){
        .position = position + CT_BLOCK_HEADER_SIZE, .kind = header[4], .codec = header[5], .flags = ct_load16(header + 6),
        .stored = ct_load32(header + 8), .raw = ct_load32(header + 12), .sequence = ct_load64(header + 16),
        .segment = ct_load64(header + 24), .first = ct_load64(header + 32), .events = ct_load64(header + 40),
        .boundary = ct_load32(header + 56), .checksum = ct_load64(header + 64),
    };
    block->limit = block->raw;
    return block->codec <= CT_CODEC_ZSTD && block->raw <= CT_RAW_LIMIT && block->boundary <= block->raw
           && (block->codec != CT_CODEC_STORED || block->stored == block->raw)
           && block->stored <= journal->source.size - position - CT_BLOCK_HEADER_SIZE && (block->kind <= CT_BLOCK_DROPPED || journal->minor > CT_JOURNAL_MINOR)
           && (block->kind != CT_BLOCK_DROPPED || block->first <= journal->source.size - block->position);
}

/* CT_END: no whole block at position. */
static ct_code
read_block_header(const ct_journal *journal, uint64_t position, ct_block_entry *block, ct_error *error)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE];
    if (position > journal->source.size || journal->source.size - position < sizeof header)
        return CT_END;
    CT_TRY(ct_source_read(&journal->source, position, header, sizeof header, error));
    return parse_block(journal, header, position, block) ? CT_OK : CT_END;
}

/* The range's header is written before its bytes become a hole, so whoever has met the hole finds it. Ranges may reach beyond what was the file's end. */
bool
ct_journal_is_gone(const ct_journal *journal, uint64_t position)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE];
    if (ct_source_read(&journal->source, 0, header, CT_FILE_HEADER_SIZE, NULL) != CT_OK)
        return false;
    for (uint64_t at = ct_load32(header + 12); at <= position && position - at >= sizeof header;) {
        if (ct_source_read(&journal->source, at, header, sizeof header, NULL) != CT_OK || memcmp(header, CT_BLOCK_MAGIC, 4) != 0
            || XXH3_64bits(header, 72) != ct_load64(header + 72))
            return false;
        bool is_range = header[4] == CT_BLOCK_DROPPED;
        uint64_t size = is_range ? ct_load64(header + 32) : ct_load32(header + 8);
        at += sizeof header;
        if (size > UINT64_MAX - at || (is_range && position - at < size))
            return is_range;
        at += size;
    }
    return false;
}

/* Goes from header to header up to the end block, or to what is no block. */
static ct_code
walk_blocks(walk *w, ct_error *error)
{
    for (;;) {
        ct_block_entry block;
        ct_code code = read_block_header(w->journal, w->position, &block, error);
        bool is_range = code == CT_OK && block.kind == CT_BLOCK_DROPPED;
        if (code == CT_END || (code == CT_OK && (is_range ? block.sequence < w->next : block.sequence != w->next)))
            return CT_OK;
        CT_TRY(code);
        if (is_range) {
            w->journal->dropped = true;
            w->journal->counts.dropped_steps += block.events;
            w->next = block.sequence + 1;
            w->position = block.position + block.first;
            continue;
        }
        if (block.kind == CT_BLOCK_END) {
            w->has_end = true;
            w->end_position = w->position;
            w->end = block;
            return CT_OK;
        }
        if (block.kind > CT_BLOCK_DROPPED) /* of a later minor version */
            w->next++;
        else {
            code = add_block(w, &block, error);
            if (code == CT_E_CORRUPT)
                return CT_OK; /* no block that could be here */
            CT_TRY(code);
        }
        w->position = block.position + block.stored;
    }
}

/* ---- damage ---- */

/* After a walk that stopped early: an end block that reaches to the end of the file shows that the damage is in the middle. */
static ct_code
search_end(walk *w, ct_error *error)
{
    ct_journal *journal = w->journal;
    uint64_t from = w->position;
    if (journal->source.size - from < CT_BLOCK_HEADER_SIZE)
        return CT_OK;
    if (journal->source.size - from > END_SEARCH)
        from = journal->source.size - END_SEARCH;
    size_t size = (size_t)(journal->source.size - from);
    uint8_t *bytes = ct_allocate(journal->allocator, size);
    if (!bytes)
        return ct_fail(error, CT_E_NOMEM, "no memory to look for the end block", 0, 0);
    ct_code code = ct_source_read(&journal->source, from, bytes, size, error);
    for (size_t i = size - CT_BLOCK_HEADER_SIZE + 1; code == CT_OK && i-- > 0 && !w->has_end;)
        if (parse_block(journal, bytes + i, from + i, &w->end) && w->end.kind == CT_BLOCK_END
            && w->end.position + w->end.stored == journal->source.size) {
            w->has_end = true;
            w->end_position = from + i;
            set_damage(journal, w->next, w->position, "a block is damaged, or missing");
        }
    ct_free(journal->allocator, bytes);
    return code;
}

/* Of a recording that was cut, the last blocks may be there in name only (the file grew, the bytes were not written): they are dropped. */
static ct_code
drop_damaged_tail(walk *w, ct_error *error)
{
    ct_journal *journal = w->journal;
    uint8_t *raw = NULL;
    size_t capacity = 0;
    ct_code code = CT_OK;
    while (code == CT_OK) {
        const ct_block_entry *events = last_of(&journal->events), *content = last_of(&journal->contents);
        ct_block_list *list = content && (!events || content->sequence > events->sequence) ? &journal->contents : &journal->events;
        uint64_t last = list->count ? last_of(list)->sequence + 1 : 0;
        if (journal->damage_sequence != UINT64_MAX && journal->damage_sequence + 1 > last && !w->skipped_definitions) {
            w->next = journal->damage_sequence;
            w->last[CT_BLOCK_DEFINITIONS] = 0; /* an open one of the live file has a higher number than any that is left */
            journal->damage_sequence = UINT64_MAX;
            continue;
        }
        if (!list->count || w->last[CT_BLOCK_DEFINITIONS] > last)
            break; /* the last block are definitions, which were read */
        code = ct_block_read(&w->reader, journal, last_of(list), &raw, &capacity, error);
        if (code != CT_E_CORRUPT)
            break;
        code = CT_OK;
        w->next = last - 1;
        w->last[last_of(list)->kind] = w->next;
        drop_last(journal, list);
    }
    ct_free(journal->allocator, raw);
    return code;
}

/* What lies behind the last whole event of a recording that was cut is not read. */
static void
cut_to_boundary(ct_journal *journal)
{
    while (journal->events.count) {
        ct_block_entry *block = &journal->events.blocks[journal->events.count - 1];
        block->limit = block->boundary;
        if (block->limit)
            return;
        drop_last(journal, &journal->events);
    }
}

/* ---- the end block ---- */

static bool
end_matches(const ct_journal *journal, ct_input *in)
{
    ct_journal_counts counts = {0};
    ct_take_varint(in);
    ct_take_varint(in);
    uint64_t definitions = ct_take_varint(in);
    counts.contents = ct_take_varint(in);
    counts.segments = ct_take_varint(in);
    if (in->bad || definitions != journal->definitions.count || counts.segments != journal->segment_count
        || !can_be_before(last_of(&journal->events), journal->counts.events) || journal->counts.steps > journal->counts.events)
        return false;
    uint64_t position = 0, steps = 0, events = 0;
    for (size_t i = 0; i < journal->segment_count; i++) {
        const ct_segment_entry *segment = &journal->segments[i];
        position += ct_take_varint(in);
        steps += ct_take_varint(in);
        events += ct_take_varint(in);
        if (in->bad || position != journal->events.blocks[segment->block].position - CT_BLOCK_HEADER_SIZE
            || steps - journal->base_steps != segment->steps || events - journal->base_events != segment->events)
            return false;
    }
    return true;
}

static ct_code
read_end(walk *w, ct_error *error)
{
    ct_journal *journal = w->journal;
    uint8_t *raw = NULL;
    size_t capacity = 0;
    ct_code code = ct_block_read(&w->reader, journal, &w->end, &raw, &capacity, error);
    if (code == CT_OK) {
        ct_input in = {raw, raw + w->end.raw, false};
        journal->counts.events = ct_take_varint(&in) - journal->base_events;
        journal->counts.steps = ct_take_varint(&in) - journal->base_steps;
        ct_take_varint(&in);
        journal->counts.contents = ct_take_varint(&in);
        journal->counts.complete = true;
        in.at = raw;
        if (journal->damage_sequence == UINT64_MAX && !end_matches(journal, &in))
            code = ct_journal_fail(journal, error, CT_E_CORRUPT, "the end block does not match the blocks before it", w->end_position);
    }
    else if (code == CT_E_CORRUPT)
        code = CT_OK, w->has_end = false; /* a damaged tail */
    ct_free(journal->allocator, raw);
    return code;
}

/* ---- the live file ---- */

static int
by_sequence(const void *a, const void *b)
{
    const ct_live_block *x = a, *y = b;
    if (x->sealed != y->sealed)
        return x->sealed ? -1 : 1;
    if (x->sealed)
        return (x->entry.sequence > y->entry.sequence) - (x->entry.sequence < y->entry.sequence);
    static const int ORDER[] = {[CT_BLOCK_EVENTS] = 2, [CT_BLOCK_DEFINITIONS] = 0, [CT_BLOCK_CONTENT] = 1};
    return ORDER[x->entry.kind] - ORDER[y->entry.kind];
}

/* Appends what is not in the file. An open block has the next free number; it is in the file if a later block of its kind is. */
static ct_code
append_live(walk *w, ct_live_copy *copy, ct_error *error)
{
    ct_journal *journal = w->journal;
    if (memcmp(copy->id, journal->id, 16) != 0 || journal->damage_sequence != UINT64_MAX)
        return CT_OK;
    journal->counts.failed = copy->failed;
    journal->counts.failed_system = copy->failed_system;
    journal->live = copy->bytes;
    copy->bytes = NULL;
    if (copy->count)
        qsort(copy->blocks, copy->count, sizeof *copy->blocks, by_sequence);
    for (size_t i = 0; i < copy->count; i++) {
        ct_block_entry block = copy->blocks[i].entry;
        if (copy->blocks[i].sealed ? block.sequence < w->next : block.sequence < w->last[block.kind])
            continue;
        if (copy->blocks[i].sealed && block.sequence != w->next)
            return CT_OK; /* one between is missing */
        block.sequence = w->next;
        ct_code code = add_block(w, &block, error);
        if (code == CT_E_CORRUPT || journal->damage_sequence != UINT64_MAX)
            return CT_OK;
        CT_TRY(code);
        journal->counts.file_bytes += block.stored;
    }
    return CT_OK;
}

/* ---- counting ---- */

/* Without an end block: what the last blocks hold has to be counted. */
static ct_code
count_cut(walk *w, ct_error *error)
{
    ct_journal *journal = w->journal;
    const ct_block_entry *events = last_of(&journal->events), *content = last_of(&journal->contents);
    uint8_t *raw = NULL;
    size_t capacity = 0;
    ct_code code = CT_OK;
    if (events) {
        journal->counts.events = events->events;
        journal->counts.steps = events->first;
        code = ct_block_read(&w->reader, journal, events, &raw, &capacity, error);
        if (code == CT_OK)
            ct_count_events((ct_input){raw, raw + events->limit, false}, journal, &journal->counts.events, &journal->counts.steps);
    }
    if (content && (code == CT_OK || code == CT_E_CORRUPT)) {
        journal->counts.contents = content->first;
        code = ct_block_read(&w->reader, journal, content, &raw, &capacity, error);
        for (ct_input in = {raw, raw + content->raw, false}; code == CT_OK && in.at < in.end; journal->counts.contents++) {
            ct_take_byte(&in);
            ct_take_varint(&in);
            ct_take_text(&in);
            if (in.bad)
                break;
        }
    }
    ct_free(journal->allocator, raw);
    return code == CT_E_CORRUPT ? CT_OK : code;
}

static void
count_definitions(ct_journal *journal)
{
    const ct_definitions *definitions = &journal->definitions;
    journal->counts.paths = (uint32_t)definitions->paths.count;
    journal->counts.names = (uint32_t)definitions->names.count;
    journal->counts.codes = (uint32_t)definitions->codes.count;
    journal->counts.types = (uint32_t)definitions->types.count;
    journal->counts.shapes = (uint32_t)definitions->shapes.count;
    journal->counts.metas = (uint32_t)definitions->metas.count;
    journal->counts.segments = journal->segment_count;
    journal->counts.dropped_steps += journal->base_steps;
    journal->counts.file_bytes += journal->source.size;
}

/* ---- open and close ---- */

static ct_code
load(ct_journal *journal, ct_live_copy *copy, ct_error *error)
{
    walk w = {.journal = journal};
    ct_code code = read_file_header(journal, &w.position, error);
    if (code == CT_OK)
        code = walk_blocks(&w, error);
    if (code == CT_OK && !w.has_end && w.position < journal->source.size)
        code = search_end(&w, error);
    if (code == CT_OK && w.has_end)
        code = read_end(&w, error);
    if (code == CT_OK && !w.has_end) {
        code = drop_damaged_tail(&w, error);
        if (code == CT_OK && copy)
            code = append_live(&w, copy, error);
        if (code == CT_OK) {
            cut_to_boundary(journal);
            code = count_cut(&w, error);
        }
    }
    ct_block_reader_free(&w.reader);
    count_definitions(journal);
    return code;
}

/* The one name in the folder that ends in .ctj. */
static ct_code
find_journal(int folder, char name[NAME_MAX + 1], ct_error *error)
{
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    if (!entries) {
        int system = errno;
        if (again >= 0)
            close(again);
        return ct_fail(error, CT_E_IO, "the folder cannot be read", 0, system);
    }
    size_t found = 0;
    for (const struct dirent *entry; (entry = readdir(entries));) {
        size_t size = strlen(entry->d_name);
        if (size > 4 && size <= NAME_MAX && strcmp(entry->d_name + size - 4, ".ctj") == 0 && found++ == 0)
            memcpy(name, entry->d_name, size + 1);
    }
    closedir(entries);
    if (found == 0)
        return ct_fail(error, CT_E_IO, "the folder holds no journal", 0, ENOENT);
    return found == 1 ? CT_OK : ct_fail(error, CT_E_PARAM, "the folder holds more than one journal", 0, 0);
}

static ct_code
open_file(int folder, const char *name, ct_source *source, ct_error *error)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return file < 0 ? ct_fail(error, CT_E_IO, "the journal cannot be opened", 0, errno) : ct_source_of_descriptor(file, source, error);
}

/* In the private folder of a recording the live file is read first: what is in neither then is in no file. */
static ct_code
open_in_folder(ct_journal *journal, int folder, ct_error *error)
{
    char name[NAME_MAX + 1];
    ct_live_copy copy = {.allocator = journal->allocator};
    bool is_private = faccessat(folder, "journal.ctj", F_OK, 0) == 0;
    ct_code code = is_private ? ct_live_copy_read(folder, "journal.live", journal->allocator, &copy, error) : find_journal(folder, name, error);
    if (code == CT_OK || (is_private && code == CT_END))
        code = open_file(folder, is_private ? "journal.ctj" : name, &journal->source, error);
    if (code == CT_OK)
        code = load(journal, copy.blocks ? &copy : NULL, error);
    ct_live_copy_free(&copy);
    return code;
}

static ct_code
make(const ct_allocator *allocator, ct_journal **made, ct_error *error)
{
    ct_journal *journal = ct_allocate_zero(allocator, 1, sizeof *journal);
    if (!journal)
        return ct_fail(error, CT_E_NOMEM, "no memory for a journal", 0, 0);
    journal->allocator = allocator;
    ct_definitions_init(&journal->definitions, allocator);
    journal->damage_sequence = UINT64_MAX;
    if (pthread_mutex_init(&journal->lock, NULL) != 0) {
        ct_free(allocator, journal);
        return ct_fail(error, CT_E_NOMEM, "no memory for a lock", 0, 0);
    }
    *made = journal;
    return CT_OK;
}

/* Hands out what was opened, or takes it down. */
static ct_code
opened(ct_code code, ct_journal *made, ct_journal **journal)
{
    if (code == CT_OK)
        *journal = made;
    else
        ct_journal_close(made);
    return code;
}

static ct_code
open_once(const char *path, const ct_allocator *allocator, ct_journal **journal, ct_error *error)
{
    ct_journal *made;
    CT_TRY(make(allocator, &made, error));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ct_code code;
    if (folder >= 0) {
        code = open_in_folder(made, folder, error);
        close(folder);
    }
    else {
        code = open_file(AT_FDCWD, path, &made->source, error);
        if (code == CT_OK)
            code = load(made, NULL, error);
    }
    return opened(code, made, journal);
}

ct_code
ct_journal_open(const char *path, const ct_allocator *allocator, ct_journal **journal, ct_error *error)
{
    if (!path || !journal)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *journal = NULL;
    ct_code code = CT_E_GONE;
    for (int i = 0; code == CT_E_GONE && i < CT_GONE_TRIES; i++)
        code = open_once(path, allocator, journal, error);
    return code;
}

ct_code
ct_journal_open_source(const ct_source *source, const ct_allocator *allocator, ct_journal **journal, ct_error *error)
{
    if (!source || !source->read || !journal)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *journal = NULL;
    ct_source own = *source;
    ct_journal *made;
    ct_code code = make(allocator, &made, error);
    if (code != CT_OK) {
        ct_source_close(&own);
        return code;
    }
    made->source = own;
    return opened(load(made, NULL, error), made, journal);
}

void
ct_journal_close(ct_journal *journal)
{
    if (!journal)
        return;
    ct_source_close(&journal->source);
    ct_definitions_free(&journal->definitions);
    ct_free(journal->allocator, journal->events.blocks);
    ct_free(journal->allocator, journal->contents.blocks);
    ct_free(journal->allocator, journal->definition_blocks.blocks);
    ct_free(journal->allocator, journal->segments);
    ct_free(journal->allocator, journal->live);
    pthread_mutex_destroy(&journal->lock);
    ct_free(journal->allocator, journal);
}

const ct_allocator *
ct_journal_allocator(const ct_journal *journal)
{
    return journal->allocator;
}

void
ct_journal_count(const ct_journal *journal, ct_journal_counts *counts)
{
    *counts = journal->counts;
}

const uint8_t *
ct_journal_id(const ct_journal *journal)
{
    return journal->id;
}

uint64_t
ct_journal_start_time(const ct_journal *journal)
{
    return journal->start_time;
}
