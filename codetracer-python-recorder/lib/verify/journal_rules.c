/* All of docs/journal-format.md that opening a journal does not look at already. The parts, in order: contents, references, the
 * replay with its key states, the end of the file.
 *
 * Every payload is read, so every checksum is compared. Invariant: what is reported once (a damaged block, say) is not reported again by a later part.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/reader.h"
#include "model/records.h"
#include "model/replay_check.h"
#include "util/memory.h"
#include "util/plural.h"
#include "verify/report.h"

typedef struct check {
    const ct_report *report;
    const char *part;      /* for findings */
    ct_journal *journal;
    ct_block_reader reader;
    uint8_t *raw;
    size_t capacity;
    uint64_t contents;     /* how many the content blocks hold */
    uint64_t told[64];     /* blocks that a finding is about: the replay stops at them, too */
    size_t told_count;
} check;

/* A payload; false: a finding says why not, or *code is another failure. */
static bool
read_payload(check *c, const ct_block_entry *block, ct_code *code, ct_error *error)
{
    *code = ct_block_read(&c->reader, c->journal, block, &c->raw, &c->capacity, error);
    if (*code != CT_E_CORRUPT)
        return *code == CT_OK;
    *code = CT_OK;
    if (c->told_count < sizeof c->told / sizeof *c->told)
        c->told[c->told_count++] = error->position;
    ct_report_add(c->report, "block", c->part, error->position, UINT64_MAX, "block %" PRIu64 ": %s", block->sequence, error->message);
    return false;
}

/* ---- contents ---- */

static uint64_t
characters(ct_text text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((uint8_t)text.bytes[i] & 0xC0) != 0x80;
    return count;
}

static void
check_content_block(check *c, const ct_block_entry *block)
{
    ct_input in = {c->raw, c->raw + block->raw, false};
    uint64_t id = block->first;
    for (; in.at < in.end; id++) {
        uint64_t at = ct_block_position(block, (uint64_t)(in.at - c->raw));
        uint8_t kind = ct_take_byte(&in);
        uint64_t length = ct_take_varint(&in);
        ct_text text = ct_take_text(&in);
        if (in.bad || kind < CT_CONTENT_TEXT || kind > CT_CONTENT_NEGATIVE) {
            ct_report_add(c->report, "content", c->part, at, UINT64_MAX, "content %" PRIu64 " is of a kind that does not exist, or is cut", id);
            break; /* where the next one begins is not known */
        }
        if ((kind == CT_CONTENT_TEXT ? characters(text) : text.size) > length)
            ct_report_add(c->report, "content", c->part, at, UINT64_MAX, "content %" PRIu64 " is longer than the length it gives, %" PRIu64, id, length);
    }
    c->contents = id;
}

static ct_code
check_contents(check *c, ct_error *error)
{
    const ct_block_list *list = &c->journal->contents;
    for (size_t i = 0; i < list->count; i++) {
        const ct_block_entry *block = &list->blocks[i];
        ct_code code;
        if (block->first != c->contents && !(c->journal->dropped && block->first > c->contents)) /* those between were not kept */
            ct_report_add(c->report, "content", c->part, block->position, UINT64_MAX, "block %" PRIu64 " begins with content %" PRIu64 ", but %" PRIu64
                          " %s before it", block->sequence, block->first, c->contents, ct_plural(c->contents, "comes", "come"));
        if (read_payload(c, block, &code, error))
            check_content_block(c, block);
        else if (code != CT_OK)
            return code;
        else
            c->contents = i + 1 < list->count ? list->blocks[i + 1].first : c->journal->counts.contents;
    }
    return CT_OK;
}

/* ---- references ---- */

/* What values name must be there: contents in blocks before, objects in records up to the end of the event. */
static ct_code
check_references(check *c, ct_error *error)
{
    const ct_journal *journal = c->journal;
    ct_references references = {0};
    uint64_t address = 0, event = 0;
    size_t content = 0;
    for (size_t i = 0; i < journal->events.count; i++) {
        const ct_block_entry *block = &journal->events.blocks[i];
        ct_code code;
        if (block->sequence >= journal->damage_sequence)
            break;
        if (!read_payload(c, block, &code, error)) {
            CT_TRY(code);
            continue;
        }
        while (content < journal->contents.count && journal->contents.blocks[content].sequence < block->sequence)
            content++;
        uint64_t contents = content < journal->contents.count ? journal->contents.blocks[content].first : c->contents;
        event = block->events;
        for (ct_input in = {c->raw, c->raw + block->limit, false}; in.at < in.end;) {
            uint64_t at = ct_block_position(block, (uint64_t)(in.at - c->raw));
            uint8_t tag = ct_take_byte(&in);
            if (ct_record_ends_event(tag) && references.objects > references.defined) {
                ct_report_add(c->report, "object-undefined", c->part, at, event ? event - 1 : 0, "object %" PRIu64
                              " is named by an event before this place, but no record defines it", references.objects - 1);
                references.objects = 0;
            }
            ct_scan_record(&in, tag, journal, &address, &references);
            if (in.bad)
                break; /* the replay says what is wrong */
            event += CT_R_IS_HEAD(tag);
            if (references.contents > contents) {
                ct_report_add(c->report, "content-undefined", c->part, at, event ? event - 1 : 0, "content %" PRIu64
                              " is named, but %" PRIu64 " %s in the blocks before", references.contents - 1, contents, ct_plural(contents, "lies", "lie"));
                references.contents = 0;
            }
        }
    }
    if (references.objects > references.defined)
        ct_report_add(c->report, "object-undefined", c->part, journal->events.blocks[journal->events.count - 1].position, event ? event - 1 : 0,
                      "object %" PRIu64 " is named by the last event, but no record defines it", references.objects - 1);
    return CT_OK;
}

/* ---- the replay ---- */

/* After a failure: behind the first step of a segment that begins later. CT_END: there is none. *events: how many came before. */
static ct_code
go_on(const check *c, ct_replay *replay, uint64_t *events, ct_error *error)
{
    const ct_event *event;
    for (size_t i = 0; i < c->journal->segment_count; i++) {
        const ct_segment_entry *segment = &c->journal->segments[i];
        if (segment->events <= *events || segment->steps >= c->journal->counts.steps)
            continue;
        ct_code code = ct_replay_seek_step(replay, segment->steps, &event, error);
        if (code == CT_OK)
            *events = event->number + 1;
        if (code != CT_E_CORRUPT)
            return code;
    }
    return CT_END;
}

static bool
was_told(const check *c, const ct_error *error)
{
    bool told = c->journal->damage_sequence != UINT64_MAX && error->position == c->journal->damage_position;
    for (size_t i = 0; i < c->told_count; i++)
        told = told || c->told[i] == error->position;
    return told;
}

static ct_code
check_events(check *c, ct_error *error)
{
    ct_replay *replay;
    const ct_event *event;
    uint64_t events = 0;
    CT_TRY(ct_replay_new(c->journal, &replay, error));
    ct_replay_verify_keys(replay, true);
    ct_code code = CT_OK;
    while (code == CT_OK) {
        code = ct_replay_next(replay, &event, error);
        if (code == CT_OK)
            events = event->number + 1;
        else if (code == CT_E_CORRUPT) {
            if (!was_told(c, error))
                ct_report_add(c->report, ct_replay_key_differed(replay) ? "key-state" : "record", c->part, error->position, events, "%s", error->message);
            code = go_on(c, replay, &events, error);
        }
    }
    ct_replay_free(replay);
    return code == CT_END ? CT_OK : code;
}

/* ---- the end of the file ---- */

static uint64_t
end_of(const ct_block_list *list)
{
    uint64_t end = 0;
    for (size_t i = 0; i < list->count; i++)
        if (!list->blocks[i].live && list->blocks[i].position + list->blocks[i].stored > end)
            end = list->blocks[i].position + list->blocks[i].stored;
    return end;
}

static ct_code
check_end(check *c, bool is_folder, ct_error *error)
{
    const ct_journal *journal = c->journal;
    const ct_block_list *lists[] = {&journal->events, &journal->contents, &journal->definition_blocks};
    uint64_t end = CT_FILE_HEADER_SIZE;
    uint8_t header[CT_BLOCK_HEADER_SIZE];
    for (size_t i = 0; i < 3; i++)
        end = end_of(lists[i]) > end ? end_of(lists[i]) : end;
    if (journal->damage_sequence != UINT64_MAX) {
        ct_report_add(c->report, "block", c->part, journal->damage_position, UINT64_MAX, "%s", journal->damage_message);
        return CT_OK;
    }
    if (!journal->counts.complete) {
        c->report->verified->unfinished = true;
        c->report->verified->failed = journal->counts.failed;
        c->report->verified->failed_system = journal->counts.failed_system;
        if (!is_folder)
            ct_report_add(c->report, "end", c->part, end, UINT64_MAX, "%s",
                          end < journal->source.size ? "the last whole block ends here, and more follows: the journal is cut or damaged"
                                                     : "the journal has no end block: it was cut here");
        return CT_OK;
    }
    /* The end block, and blocks of later versions before it. */
    for (ct_code code; (code = ct_source_read(&journal->source, end, header, sizeof header, error)) != CT_E_CORRUPT;) {
        CT_TRY(code);
        if (memcmp(header, CT_BLOCK_MAGIC, 4) != 0)
            break;
        end += CT_BLOCK_HEADER_SIZE + ct_load32(header + 8);
        if (header[4] == CT_BLOCK_END)
            break;
    }
    if (end != journal->source.size)
        ct_report_add(c->report, "end", c->part, end, UINT64_MAX, "%" PRIu64 " %s the end block",
                      journal->source.size - end, ct_plural(journal->source.size - end, "byte follows", "bytes follow"));
    if (journal->counts.contents != c->contents)
        ct_report_add(c->report, "end", c->part, end, UINT64_MAX, "the end block counts %" PRIu64 " %s, in the blocks %s %" PRIu64,
                      CT_COUNTED(journal->counts.contents, "content"), ct_plural(c->contents, "is", "are"), c->contents);
    return CT_OK;
}

/* code: that of opening. */
static ct_code
run(check *c, bool is_folder, ct_code code, ct_error *error)
{
    if (code == CT_E_CORRUPT || code == CT_E_VERSION) {
        ct_report_add(c->report, code == CT_E_VERSION ? "version" : "structure", c->part, error->position, UINT64_MAX, "%s", error->message);
        return CT_OK;
    }
    CT_TRY(code);
    c->report->verified->events = c->journal->counts.events;
    c->report->verified->steps = c->journal->counts.steps;
    code = check_contents(c, error);
    if (code == CT_OK)
        code = check_references(c, error);
    if (code == CT_OK)
        code = check_events(c, error);
    if (code == CT_OK)
        code = check_end(c, is_folder, error);
    ct_block_reader_free(&c->reader);
    ct_free(c->journal->allocator, c->raw);
    ct_journal_close(c->journal);
    return code;
}

ct_code
ct_journal_rules(const ct_report *report, const char *path, ct_error *error)
{
    struct stat status;
    bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    ct_code code = CT_E_GONE;
    /* With a finding it is not read again: that would be told twice. */
    for (int i = 0; code == CT_E_GONE && i < CT_GONE_TRIES && !report->verified->findings; i++) {
        check c = {.report = report};
        code = run(&c, is_folder, ct_journal_open(path, report->allocator, &c.journal, error), error);
    }
    return code;
}

ct_code
ct_journal_rules_inner(const ct_report *report, const ct_source *source, const char *part, ct_error *error)
{
    check c = {.report = report, .part = part};
    return run(&c, false, ct_journal_open_source(source, report->allocator, &c.journal, error), error);
}
