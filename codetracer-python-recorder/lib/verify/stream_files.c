/* ct_verify: finds the trace, and runs over it what its format asks for: the rules of the journal, or a reader with the rules of the stream behind
 * it and those of the files beside the trace. A container is held against itself: what its parts tell must be the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "formats/ct_reading.h"
#include "formats/open.h"
#include "util/plural.h"
#include "verify/folder_rules.h"
#include "verify/stream_rules.h"

/* What a reader says of the bytes is a finding: it has read as far as they make sense. */
static ct_code
complaint(const ct_report *report, ct_code code, ct_error *error)
{
    if (code == CT_E_CORRUPT || code == CT_E_VERSION) {
        ct_report_add(report, code == CT_E_VERSION ? "version" : "format", NULL, error->position, UINT64_MAX, "%s", error->message);
        return CT_OK;
    }
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}

/* code: what the reader that had the rules behind it returned. */
static ct_code
end_stream(const ct_report *report, ct_stream_rules *rules, ct_code code, ct_error *error)
{
    report->verified->events = rules->state.event + 1;
    report->verified->steps = rules->steps;
    if (code == CT_OK)
        ct_stream_rules_end(rules);
    return complaint(report, code, error);
}

static ct_code
check_folder(const ct_report *report, ct_stream_reader read, const char *path, const char *temporary, ct_error *error)
{
    ct_stream_rules rules;
    ct_stream_rules_start(&rules, report, NULL);
    rules.sink.temporary_folder = temporary;
    ct_code code = read(path, &rules.sink, error);
    bool whole = code == CT_OK;
    code = end_stream(report, &rules, code, error);
    if (whole && code == CT_OK)
        code = ct_folder_rules(report, path, (const char *)rules.paths.bytes, rules.path_count, error);
    ct_stream_rules_free(&rules);
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}

/* ---- containers ---- */

/* Step by step: where they are, and how many values they have. */
static void
compare_steps(const ct_report *report, const ct_stream_rules *log, const ct_stream_rules *streams)
{
    for (uint64_t i = 0; i < CT_RULE_WINDOWS; i++)
        if (log->windows[i] != streams->windows[i]) {
            ct_report_add(report, "halves", NULL, 0, UINT64_MAX, "the two layouts differ: among steps %" PRIu64 " to %" PRIu64
                          " one is at another place, or has another number of values", i * log->window, (i + 1) * log->window - 1);
            return;
        }
}

static void
take_recorder(void *context, const char *key, const char *bytes, size_t size)
{
    ct_stream_rules *r = context;
    if (strcmp(key, "recorder") == 0)
        r->ours = size == sizeof CT_OUR_RECORDER - 1 && memcmp(bytes, CT_OUR_RECORDER, size) == 0;
}

/* A chunk of events.log beyond what its reader asks of it. */
static ct_code
check_log_chunk(void *context, const ct_log_chunk *chunk, ct_error *error)
{
    const ct_stream_rules *rules = context;
    uint64_t place = ct_inner_place(chunk->file, chunk->header);
    if (chunk->first != chunk->before)
        ct_report_add(rules->report, "chunk", NULL, place, UINT64_MAX, "events.log: chunk %" PRIu64 " begins with event %" PRIu64 ", its header says %" PRIu64,
                      chunk->number, chunk->before, chunk->first);
    if (chunk->left)
        ct_report_add(rules->report, "chunk", NULL, place, UINT64_MAX, "events.log: chunk %" PRIu64 " holds %" PRIu64 " %s behind the events that its header counts",
                      chunk->number, CT_COUNTED(chunk->left, "byte"));
    if (chunk->told != chunk->stored)
        ct_report_add(rules->report, "chunk", NULL, place, UINT64_MAX, "events.log: the frame of chunk %" PRIu64 " has %" PRIu64 " %s, its header says %" PRIu64,
                      chunk->number, CT_COUNTED(chunk->stored, "byte"), chunk->told);
    return ct_frame_rules(rules->report, rules->ours, "events.log", chunk->file, chunk->frame, error);
}

/* Of the streams beside events.log only what is asked of both layouts alike: events.log has all that the other rules are about. */
static void
pass_on_ids(void *context, const ct_finding *finding)
{
    if (strcmp(finding->rule, "id-undefined") == 0)
        ct_report_add(context, finding->rule, NULL, finding->byte, UINT64_MAX, "the streams beside events.log: %s", finding->sentence);
}

/* The streams that the Nim library reads: read to the end, and held against events.log. log: NULL when that is broken. */
static ct_code
check_multi(const ct_report *report, const char *path, const ct_stream_rules *log, ct_error *error)
{
    ct_source source;
    ct_stream_rules rules;
    ct_verified own = {0};
    ct_report through = *report;
    const ct_report ids = {pass_on_ids, &through, &own, report->allocator};
    ct_code code = ct_source_open_file(path, &source, error);
    CT_TRY(code);
    ct_stream_rules_start(&rules, &ids, NULL);
    rules.bare = true;
    ct_reading r = {.sink = &rules.sink, .error = error, .tree.allocator = report->allocator};
    code = ct_container_open(&source, report->allocator, &r.container, error);
    if (code == CT_OK) {
        ct_inner *steps = ct_container_find(r.container, "steps.dat", CT_FIRST_ENTRY, &code, error);
        if (code == CT_OK && steps) {
            code = ct_multi_read(&r);
            if (code == CT_OK && r.problem.message)
                code = ct_fail(error, CT_E_CORRUPT, r.problem.message, r.problem.place, 0);
            if (code == CT_OK && log && rules.steps == log->steps)
                compare_steps(report, log, &rules);
            if (code == CT_OK && log
                && (rules.steps != log->steps || rules.calls_seen != log->calls_seen || rules.values != log->values || rules.outputs != log->outputs))
                ct_report_add(report, "halves", NULL, 0, UINT64_MAX, "the two layouts differ: events.log has %" PRIu64 " %s, %" PRIu64 " %s, %" PRIu64
                              " %s, %" PRIu64 " %s, the streams have %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64, CT_COUNTED(log->steps, "step"), CT_COUNTED(log->calls_seen, "call"),
                              CT_COUNTED(log->values, "value"), CT_COUNTED(log->outputs, "event"), rules.steps, rules.calls_seen, rules.values, rules.outputs);
        }
        ct_container_close(r.container);
    }
    ct_stream_tree_free(&r.tree);
    ct_stream_rules_free(&rules);
    return complaint(report, code, error);
}

/* Where the streams beside events.log have positions, for whoever compares the two. What is wrong with these streams is said when they are read. */
static ct_code
places_beside(const ct_report *report, const char *path, ct_places_in *places, ct_error *error)
{
    ct_source source;
    const ct_stream_sink none = {.allocator = report->allocator};
    ct_reading r = {.sink = &none, .error = error, .tree.allocator = report->allocator};
    CT_TRY(ct_source_open_file(path, &source, error));
    ct_code code = ct_container_open(&source, report->allocator, &r.container, error);
    if (code == CT_OK) {
        code = ct_multi_places(&r, places);
        ct_container_close(r.container);
    }
    if (code == CT_E_NOMEM)
        return ct_fail(error, code, "there is not enough memory", 0, 0);
    return code == CT_E_CORRUPT || code == CT_E_VERSION ? CT_OK : code;
}

/* The journal that a container of this project holds as a whole. */
static ct_code
check_inner_journal(const ct_report *report, const char *path, ct_error *error)
{
    ct_source file, journal;
    ct_container *container;
    ct_code code;
    CT_TRY(ct_source_open_file(path, &file, error));
    code = ct_container_open(&file, report->allocator, &container, error);
    if (code != CT_OK)
        return code == CT_E_CORRUPT ? CT_OK : code; /* the reader has said it */
    ct_inner *inner = ct_container_find(container, "journal.ctj", CT_LAST_ENTRY, &code, error);
    if (!inner) {
        ct_container_close(container);
        return code == CT_E_CORRUPT ? CT_OK : code;
    }
    const ct_verified streams = *report->verified;
    CT_TRY(ct_inner_source(inner, &journal, error));
    journal.place = NULL; /* findings name bytes of journal.ctj */
    code = ct_journal_rules_inner(report, &journal, "journal.ctj", error);
    report->verified->events = streams.events;
    report->verified->steps = streams.steps;
    report->verified->unfinished = false;
    return code;
}

/* Which layout the reader takes. CT_E_CORRUPT, CT_E_VERSION: neither, for the container cannot be read. */
static ct_code
has_log(const ct_report *report, const char *path, bool *log, ct_error *error)
{
    ct_source source;
    ct_container *container;
    ct_code code;
    CT_TRY(ct_source_open_file(path, &source, error));
    CT_TRY(ct_container_open(&source, report->allocator, &container, error));
    *log = ct_container_find(container, "events.log", CT_LAST_ENTRY, &code, error) != NULL || code == CT_E_CORRUPT;
    ct_container_close(container);
    return code == CT_E_CORRUPT ? CT_OK : code;
}

static ct_code
check_container(const ct_report *report, const char *path, ct_error *error)
{
    ct_stream_rules rules;
    const ct_log_watch watch = {check_log_chunk, &rules};
    ct_source source;
    const uint64_t before = report->verified->findings;
    ct_places_in places = {.allocator = report->allocator};
    bool log;
    ct_code code = has_log(report, path, &log, error);
    if (code != CT_OK)
        return complaint(report, code, error);
    if (log)
        code = places_beside(report, path, &places, error);
    if (code == CT_OK)
        code = ct_source_open_file(path, &source, error);
    if (code != CT_OK) {
        ct_places_in_free(&places);
        return code;
    }
    ct_stream_rules_start(&rules, report, NULL);
    rules.bare = !log;
    rules.places = &places;
    rules.sink.meta = take_recorder;
    code = end_stream(report, &rules, ct_ct_read_source(&source, &rules.sink, &watch, error), error);
    if (code == CT_OK && log)
        code = check_multi(report, path, report->verified->findings == before ? &rules : NULL, error);
    ct_stream_rules_free(&rules);
    ct_places_in_free(&places);
    if (code == CT_OK)
        code = ct_container_rules(report, path, error);
    return code == CT_OK ? check_inner_journal(report, path, error) : code;
}

/* ---- all formats ---- */

ct_code
ct_verify(const char *path, const ct_trace_options *options, ct_finding_function found, void *context, ct_verified *verified, ct_error *error)
{
    static const ct_stream_reader readers[] = {[CT_TRACE_JSON] = ct_json_read, [CT_TRACE_BINARY] = ct_binary_read, [CT_TRACE_BINARY_V0] = ct_binary_v0_read};
    char file[PATH_MAX];
    enum ct_trace_format format;
    ct_error own = {0};
    if (!path || !found || !verified)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    const ct_report report = {found, context, verified, options ? options->allocator : NULL};
    *verified = (ct_verified){0};
    error = error ? error : &own;
    CT_TRY(ct_trace_find(path, file, &format, error));
    snprintf(verified->file, sizeof verified->file, "%.*s", (int)sizeof verified->file - 1, file);
    verified->format = format;
    if (format == CT_TRACE_JOURNAL)
        return ct_journal_rules(&report, file, error);
    if (format == CT_TRACE_CT)
        return check_container(&report, file, error);
    return check_folder(&report, readers[format], file, options ? options->temporary_folder : NULL, error);
}
