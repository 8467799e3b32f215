/* codetracer-trace info: what a trace says about itself. Of a journal only its header, definitions and end are read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "codetracer/trace.h"
#include "tool/tool.h"
#include "util/plural.h"

static const char HELP[] =
    "usage: codetracer-trace info TRACE\n"
    "\n"
    "Says what was recorded, when and by what; how many steps and events there are; what the parts of the file weigh;\n"
    "which limits were in force and what they cut; and whether the recording is complete.\n"
    "TRACE is the folder that was recorded into, or the trace's file.\n"
    "Exit status: 0; 1 the trace is damaged or cannot be read; 2 wrong options.\n";

static void label(text *out, const char *name)
{
    text_format(out, "%-14s", name);
}

/* A number with its noun. */
static void counted(text *out, uint64_t n, const char *one, const char *many)
{
    text_number(out, n);
    text_format(out, " %s", ct_plural(n, one, many));
}

static void line(text *out, const char *name, ct_text value)
{
    if (!value.bytes || value.size == 0)
        return;
    label(out, name);
    text_safe(out, value.bytes, value.size);
    text_char(out, '\n');
}

static void program(text *out, ct_journal *journal, uint32_t metas)
{
    ct_text name = ct_journal_meta_value(journal, "program");
    if (!name.size)
        name = ct_journal_meta_value(journal, "script");
    if (!name.size)
        return;
    label(out, "program");
    text_safe(out, name.bytes, name.size);
    for (uint32_t i = 0; i < metas; i++) {
        const ct_meta_info *meta = ct_journal_meta(journal, i);
        if (meta && meta->key.size == 3 && memcmp(meta->key.bytes, "arg", 3) == 0) {
            text_char(out, ' ');
            if (meta->value.size && !memchr(meta->value.bytes, ' ', meta->value.size))
                text_safe(out, meta->value.bytes, meta->value.size);
            else
                text_python_string(out, (const uint8_t *)meta->value.bytes, meta->value.size, 1000);
        }
    }
    text_char(out, '\n');
}

static void start(text *out, ct_journal *journal)
{
    const uint8_t *id = ct_journal_id(journal);
    time_t seconds = (time_t)(ct_journal_start_time(journal) / 1000000000u);
    struct tm parts;
    char when[64];
    label(out, "recording");
    for (int i = 0; id && i < 16; i++)
        text_format(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    text_char(out, '\n');
    if (seconds && gmtime_r(&seconds, &parts) && strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts)) {
        label(out, "started");
        text_format(out, "%s\n", when);
    }
}

static void pairs(text *out, const char *name, ct_journal *journal, const char *const (*keys)[2])
{
    bool any = false;
    for (; (*keys)[0]; keys++) {
        ct_text value = ct_journal_meta_value(journal, (*keys)[0]);
        if (!value.size)
            continue;
        if (!any)
            label(out, name);
        text_format(out, "%s%s ", any ? ", " : "", (*keys)[1]);
        text_safe(out, value.bytes, value.size);
        any = true;
    }
    if (any)
        text_char(out, '\n');
}

/* META that this program does not know by name: kept visible. */
static void others(text *out, ct_journal *journal, uint32_t metas, bool own)
{
    static const char *const known[] = {"program", "arg", "workdir", "python", "recorder", "script", "limit.container-depth",
                                        "limit.attribute-depth", "limit.items", "limit.string", "exit.status", "exit.signal",
                                        "cut.items", "cut.depth", "cut.string", "redaction", "redacted.variables", "redacted.returns",
                                        "redacted.items", "redacted.attributes", "redacted.texts", "redacted.output", "redacted.unknown",
                                        "shortened.values", "shortened.variables", "span", "stem"};
    for (uint32_t i = 0; i < metas; i++) {
        const ct_meta_info *meta = ct_journal_meta(journal, i);
        bool is_known = !meta;
        for (size_t k = 0; meta && k < sizeof known / sizeof *known; k++)
            is_known = is_known || (meta->key.size == strlen(known[k]) && memcmp(meta->key.bytes, known[k], meta->key.size) == 0);
        if (is_known || (own && meta->key.size == 9 && memcmp(meta->key.bytes, "recovered", 9) == 0)) /* of its own journal `complete` says it */
            continue;
        text_safe(out, meta->key.bytes, meta->key.size);
        text_puts(out, " = ");
        text_safe(out, meta->value.bytes, meta->value.size);
        text_char(out, '\n');
    }
}

/* A line for each: what it is called, and what `print --span` takes. */
static ct_code add_span(void *context, const ct_span *span)
{
    text *out = context;
    label(out, "span");
    text_safe(out, span->id.bytes, span->id.size);
    text_puts(out, ": ");
    text_safe(out, span->label.bytes, span->label.size);
    text_format(out, " (");
    text_safe(out, span->type.bytes, span->type.size);
    text_puts(out, ", ");
    text_safe(out, span->status.bytes, span->status.size);
    if (span->end_ns > span->start_ns && span->start_ns)
        text_format(out, ", %.3f ms", (double)(span->end_ns - span->start_ns) / 1e6);
    text_puts(out, ")");
    if (span->has_steps) {
        text_puts(out, ", steps ");
        text_number(out, span->first_step);
        text_puts(out, " to ");
        text_number(out, span->last_step);
    }
    else
        text_puts(out, ", no step");
    if (span->has_thread)
        text_format(out, ", thread %" PRIu64, span->thread);
    text_char(out, '\n');
    return CT_OK;
}

static void put_size(text *out, uint64_t bytes, uint64_t steps)
{
    label(out, "size");
    counted(out, bytes, "byte", "bytes");
    if (steps)
        text_format(out, ", %.1f a step", (double)bytes / (double)steps);
}

/* Of what this recorder wrote as ct-multi, which alone says no functions' lines: a call begins there with a step of its own (docs/ct-format.md), which the recording does
 * not count. */
static bool counts_calls(ct_journal *journal, const ct_journal_counts *c)
{
    bool lines_known = true;
    for (uint32_t i = 0; i < c->codes && lines_known; i++)
        lines_known = ct_journal_code(journal, i)->first_line != 0;
    return c->imported && !lines_known && is_our_recorder(ct_journal_meta_value(journal, "recorder"));
}

static void amounts(text *out, ct_journal *journal, const ct_journal_counts *c, bool sizes)
{
    static const char *const kinds[] = {"events", "definitions", "content"};
    label(out, "steps");
    text_number(out, c->steps);
    text_puts(out, " of ");
    counted(out, c->events, "event", "events");
    text_puts(out, counts_calls(journal, c) ? "; in this layout each call has a step of its own, which the recording did not count\n" : "\n");
    if (c->dropped_steps) {
        label(out, "not kept");
        counted(out, c->dropped_steps, "step", "steps");
        text_puts(out, " before the first one that is here\n");
    }
    label(out, "definitions");
    counted(out, c->paths, "file, ", "files, ");
    counted(out, c->codes, "function, ", "functions, ");
    counted(out, c->names, "name, ", "names, ");
    counted(out, c->types, "type, ", "types, ");
    counted(out, c->shapes, "shape; ", "shapes; ");
    counted(out, c->contents, "long value\n", "long values\n");
    if (!sizes)
        return;
    put_size(out, c->file_bytes, c->steps);
    text_puts(out, "; ");
    counted(out, c->blocks, "block, ", "blocks, ");
    counted(out, c->segments, "segment\n", "segments\n");
    for (int i = 0; i < 3; i++) {
        text_format(out, "  %-12s", kinds[i]);
        counted(out, c->stored_bytes[i], "byte of ", "bytes of ");
        text_number(out, c->raw_bytes[i]);
        text_char(out, '\n');
    }
}

typedef struct parts { text *out; uint64_t bytes; } parts;

static ct_code add_part(void *context, const ct_trace_part *part)
{
    parts *p = context;
    text_puts(p->out, "  ");
    text_safe(p->out, part->name, strlen(part->name));
    for (size_t i = strlen(part->name); i < 20; i++)
        text_char(p->out, ' ');
    text_char(p->out, ' ');
    counted(p->out, part->bytes, "byte\n", "bytes\n");
    return CT_OK;
}

/* What a trace that is no journal consists of. */
static void add_parts(text *out, const char *place, uint64_t steps)
{
    text list = {0};
    parts p = {&list, 0};
    if (ct_trace_parts(place, add_part, &p, &p.bytes, NULL) == CT_OK && list.size) {
        put_size(out, p.bytes, steps);
        text_puts(out, strcmp(trace_format(), "ct") == 0 ? ", with these files in the container:\n" : ", in these files:\n");
        text_add(out, list.bytes, list.size);
    }
    text_free(&list);
}

int command_info(int argc, char **argv)
{
    static const char *const limits[][2] = {{"limit.container-depth", "containers"}, {"limit.attribute-depth", "attributes"},
                                            {"limit.items", "items"}, {"limit.string", "bytes of text"}, {NULL, NULL}};
    static const char *const cuts[][2] = {{"cut.items", "containers' items"}, {"cut.depth", "by depth"}, {"cut.string", "texts"}, {NULL, NULL}};
    static const char *const shortened[][2] = {{"shortened.values", "values"}, {"shortened.variables", "of variables"}, {NULL, NULL}};
    static const char *const redacted[][2] = {{"redaction", "switched"}, {"redacted.variables", "variables"}, {"redacted.returns", "returned values"},
                                              {"redacted.items", "items"}, {"redacted.attributes", "attributes"}, {"redacted.texts", "texts with a secret"},
                                              {"redacted.output", "places in the output"}, {"redacted.unknown", "secrets not kept in mind"}, {NULL, NULL}};
    static const char *const ends[][2] = {{"exit.status", "status"}, {"exit.signal", "signal"}, {NULL, NULL}};
    const option options[] = {{0}};
    const char *place;
    size_t places;
    int status = options_parse(argc, argv, options, HELP, 1, 1, &place, &places);
    if (status != STATUS_OK)
        return status < 0 ? STATUS_OK : status;
    ct_journal *journal;
    status = trace_open("info", place, &journal);
    if (status != STATUS_OK)
        return status;
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    text out = {0};
    program(&out, journal, counts.metas);
    line(&out, "script", ct_journal_meta_value(journal, "script"));
    line(&out, "folder", ct_journal_meta_value(journal, "workdir"));
    line(&out, "python", ct_journal_meta_value(journal, "python"));
    line(&out, "recorder", ct_journal_meta_value(journal, "recorder"));
    bool own = !counts.imported, bare = strcmp(trace_format(), "journal") == 0;
    line(&out, "format", (ct_text){trace_format(), strlen(trace_format())});
    if (own)
        start(&out, journal);
    pairs(&out, "ended with", journal, ends);
    if (own)
        label(&out, "complete");
    if (own) {
        ct_text recovered = ct_journal_meta_value(journal, "recovered");
        text_puts(&out, !counts.complete ? "no: " : recovered.size ? "recovered (" : "yes");
        if (counts.complete && recovered.size) {
            text_safe(&out, recovered.bytes, recovered.size);
            text_char(&out, ')');
        }
        if (trace_is_cut(place, &counts))
            text_puts(&out, "the end of the file is missing");
        else if (!counts.complete)
            why_unfinished(&out, counts.failed, counts.failed_system);
        text_char(&out, '\n');
    }
    amounts(&out, journal, &counts, bare);
    if (!bare)
        add_parts(&out, place, counts.steps);
    pairs(&out, "limits", journal, limits);
    pairs(&out, "cut", journal, cuts);
    pairs(&out, "shortened", journal, shortened);
    pairs(&out, "redacted", journal, redacted);
    others(&out, journal, counts.metas, own);
    ct_journal_spans(journal, add_span, &out);
    output_write(out.bytes, out.size);
    output_finish();
    text_free(&out);
    status = trace_end(place, journal);
    ct_journal_close(journal);
    return status;
}
