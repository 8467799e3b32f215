/* ct_verify: finds the trace, and runs over it what its format asks for: the rules of the journal, or a reader with the rules of the stream behind
 * it and those of the files beside the trace. A container is held against itself: what its parts tell must be the same.
 */
#include <inttypes.h>
#include <stdio.h>

#include "formats/ct_reading.h"
#include "formats/open.h"
#include "verify/folder_rules.h"
#include "verify/stream_rules.h"

/* A reader's complaint is a finding: it has read as far as the bytes make sense. */
static ct_code
check_stream(const ct_report *report, ct_stream_reader read, const char *path, bool in_folder, bool bare, ct_stream_rules *rules, ct_error *error)
{
    ct_stream_rules_start(rules, report, NULL);
    rules->bare = bare;
    ct_code code = read(path, &rules->sink, error);
    report->verified->events = rules->state.event + 1;
    report->verified->steps = rules->steps;
    if (code == CT_OK)
        ct_stream_rules_end(rules);
    if (code == CT_E_CORRUPT) {
        ct_report_add(report, "format", NULL, error->position, UINT64_MAX, "%s", error->message);
        code = CT_OK;
    }
    else if (code == CT_OK && in_folder)
        code = ct_folder_rules(report, path, (const char *)rules->paths.bytes, rules->path_count);
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
}

/* ---- containers ---- */

static void
ignore(void *context, const ct_finding *finding)
{
    (void)context;
    (void)finding;
}

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

/* The streams that the Nim library reads, as far as the reader of containers goes: read to the end, and counted. */
static ct_code
check_multi(const ct_report *report, const char *path, const ct_stream_rules *log, ct_error *error)
{
    ct_source source;
    ct_stream_rules rules;
    ct_verified unused = {0};
    const ct_report silent = {ignore, NULL, &unused, report->allocator}; /* the rules of the stream are for events.log: here is another layout */
    ct_code code = ct_source_open_file(path, &source, error);
    CT_TRY(code);
    ct_stream_rules_start(&rules, &silent, NULL);
    ct_reading r = {.sink = &rules.sink, .error = error, .tree.allocator = report->allocator};
    code = ct_container_open(&source, report->allocator, &r.container, error);
    if (code == CT_OK) {
        ct_inner *steps = ct_container_find(r.container, "steps.dat", CT_FIRST_ENTRY, &code, error);
        if (code == CT_OK && steps) {
            code = ct_multi_read(&r);
            if (code == CT_OK && r.problem.message)
                code = ct_fail(error, CT_E_CORRUPT, r.problem.message, r.problem.place, 0);
            if (code == CT_OK && rules.steps == log->steps)
                compare_steps(report, log, &rules);
            if (code == CT_OK && (rules.steps != log->steps || rules.calls_seen != log->calls_seen || rules.values != log->values || rules.outputs != log->outputs))
                ct_report_add(report, "halves", NULL, 0, UINT64_MAX, "the two layouts differ: events.log has %" PRIu64 " steps, %" PRIu64 " calls, %" PRIu64
                              " values, %" PRIu64 " events, the streams have %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64, log->steps, log->calls_seen,
                              log->values, log->outputs, rules.steps, rules.calls_seen, rules.values, rules.outputs);
        }
        ct_container_close(r.container);
    }
    if (code == CT_E_CORRUPT) {
        ct_report_add(report, "format", NULL, error->position, UINT64_MAX, "%s", error->message);
        code = CT_OK;
    }
    ct_stream_tree_free(&r.tree);
    ct_stream_rules_free(&rules);
    return code == CT_E_NOMEM ? ct_fail(error, code, "there is not enough memory", 0, 0) : code;
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
    code = ct_journal_rules_inner(report, &journal, "journal.ctj", error);
    report->verified->events = streams.events;
    report->verified->steps = streams.steps;
    report->verified->unfinished = false;
    return code;
}

/* Which layout the reader takes. */
static ct_code
has_log(const ct_report *report, const char *path, bool *log, ct_error *error)
{
    ct_source source;
    ct_container *container;
    ct_code code;
    *log = true; /* a container that cannot be read: the reader says so */
    CT_TRY(ct_source_open_file(path, &source, error));
    code = ct_container_open(&source, report->allocator, &container, error);
    if (code == CT_E_CORRUPT)
        return CT_OK;
    CT_TRY(code);
    *log = ct_container_find(container, "events.log", CT_LAST_ENTRY, &code, error) != NULL || code == CT_E_CORRUPT;
    ct_container_close(container);
    return code == CT_E_CORRUPT ? CT_OK : code;
}

static ct_code
check_container(const ct_report *report, const char *path, ct_error *error)
{
    ct_stream_rules rules;
    const uint64_t before = report->verified->findings;
    bool log;
    CT_TRY(has_log(report, path, &log, error));
    ct_code code = check_stream(report, ct_ct_read, path, false, !log, &rules, error);
    if (code == CT_OK && report->verified->findings == before && log)
        code = check_multi(report, path, &rules, error);
    ct_stream_rules_free(&rules);
    if (code == CT_OK)
        code = ct_container_rules(report, path, error);
    return code == CT_OK ? check_inner_journal(report, path, error) : code;
}

/* ---- all formats ---- */

ct_code
ct_verify(const char *path, const ct_allocator *allocator, ct_finding_function found, void *context, ct_verified *verified, ct_error *error)
{
    static const ct_stream_reader readers[] = {[CT_TRACE_JSON] = ct_json_read, [CT_TRACE_BINARY] = ct_binary_read, [CT_TRACE_BINARY_V0] = ct_binary_v0_read};
    char file[PATH_MAX];
    enum ct_trace_format format;
    ct_error own = {0};
    const ct_report report = {found, context, verified, allocator};
    ct_stream_rules rules;
    *verified = (ct_verified){0};
    error = error ? error : &own;
    CT_TRY(ct_trace_find(path, file, &format, error));
    snprintf(verified->file, sizeof verified->file, "%.*s", (int)sizeof verified->file - 1, file);
    if (format == CT_TRACE_JOURNAL)
        return ct_journal_rules(&report, file, error);
    if (format == CT_TRACE_CT)
        return check_container(&report, file, error);
    ct_code code = check_stream(&report, readers[format], file, true, false, &rules, error);
    ct_stream_rules_free(&rules);
    return code;
}
