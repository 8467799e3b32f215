/* codetracer-trace verify: what the library found, a line each. Of one rule no more than MOST_TOLD lines, however often it is broken. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codetracer/verify.h"
#include "tool/tool.h"
#include "util/plural.h"

enum { MOST_TOLD = 20, MOST_RULES = 64 };

static const char HELP[] =
    "usage: codetracer-trace verify TRACE... [-q] [--json]\n"
    "\n"
    "Reads traces to the end and checks everything that can be checked: checksums, sizes, ids, the balance of calls, and\n"
    "the rules that CodeTracer's loader relies on. Each finding is a line: FILE: byte N: RULE: what is wrong. Of one rule\n"
    "at most 20 are shown. The last line of a trace says whether it is whole. docs/verify.md explains the rules.\n"
    "TRACE is the folder that was recorded into, or the trace's file, in any format.\n"
    "\n"
    "  -q, --quiet  nothing is printed; the status tells\n"
    "  --json       one JSON object a line: the findings, then one for the trace\n"
    "\n"
    "Exit status: 0 all traces are whole; 1 a rule is broken, or a trace cannot be read; 2 wrong options.\n";

typedef struct verifier {
    const char *file;
    bool quiet, json;
    struct { const char *rule; uint64_t count; } rules[MOST_RULES];
    size_t rule_count;
    text out;
} verifier;

static void flush(verifier *v)
{
    if (!v->quiet)
        output_write(v->out.bytes, v->out.size);
    text_clear(&v->out);
}

static void put_json_text(text *out, const char *name, const char *value)
{
    text_format(out, "\"%s\":", name);
    json_string(out, value, strlen(value));
}

static void put_people(verifier *v, const ct_finding *finding)
{
    text_safe(&v->out, v->file, strlen(v->file));
    if (finding->part)
        text_format(&v->out, " (%s)", finding->part);
    text_format(&v->out, ": byte %" PRIu64 ": %s: ", finding->byte, finding->rule);
    text_safe(&v->out, finding->sentence, strlen(finding->sentence));
    if (finding->has_event)
        text_format(&v->out, " (event %" PRIu64 ")", finding->event);
    text_puts(&v->out, ".\n");
}

static void put_json(verifier *v, const ct_finding *finding)
{
    text_char(&v->out, '{');
    put_json_text(&v->out, "file", v->file);
    if (finding->part) {
        text_char(&v->out, ',');
        put_json_text(&v->out, "part", finding->part);
    }
    text_format(&v->out, ",\"byte\":%" PRIu64 ",", finding->byte);
    if (finding->has_event)
        text_format(&v->out, "\"event\":%" PRIu64 ",", finding->event);
    put_json_text(&v->out, "rule", finding->rule);
    text_char(&v->out, ',');
    put_json_text(&v->out, "sentence", finding->sentence);
    text_puts(&v->out, "}\n");
}

static void on_finding(void *context, const ct_finding *finding)
{
    verifier *v = context;
    size_t i = 0;
    while (i < v->rule_count && strcmp(v->rules[i].rule, finding->rule) != 0)
        i++;
    if (i == v->rule_count && v->rule_count < MOST_RULES)
        v->rules[v->rule_count++].rule = finding->rule;
    if (i < MOST_RULES && v->rules[i].count++ >= MOST_TOLD)
        return;
    if (v->json)
        put_json(v, finding);
    else
        put_people(v, finding);
    flush(v);
}

/* What was left out, and the last line. */
static void put_end(verifier *v, const ct_verified *verified)
{
    for (size_t i = 0; i < v->rule_count; i++) {
        if (v->rules[i].count <= MOST_TOLD || v->json)
            continue;
        text_safe(&v->out, v->file, strlen(v->file));
        text_format(&v->out, ": %s: %" PRIu64 " more\n", v->rules[i].rule, v->rules[i].count - MOST_TOLD);
    }
    if (v->json) {
        text_char(&v->out, '{');
        put_json_text(&v->out, "file", v->file);
        text_format(&v->out, ",\"ok\":%s,\"findings\":%" PRIu64 ",\"events\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"unfinished\":%s}\n",
                    verified->findings ? "false" : "true", verified->findings, verified->events, verified->steps, verified->unfinished ? "true" : "false");
    } else {
        text_safe(&v->out, v->file, strlen(v->file));
        if (verified->findings)
            text_format(&v->out, ": broken, %" PRIu64 " %s", CT_COUNTED(verified->findings, "finding"));
        else
            text_puts(&v->out, ": ok");
        text_format(&v->out, ", %" PRIu64 " %s, %" PRIu64 " %s%s", CT_COUNTED(verified->events, "event"), CT_COUNTED(verified->steps, "step"),
                    verified->format == CT_TRACE_JOURNAL ? "" : " (as the format counts them: a call has a step of its own)");
        if (verified->unfinished && !verified->findings) {
            text_puts(&v->out, ", unfinished: ");
            why_unfinished(&v->out, verified->failed, verified->failed_system);
        }
        text_char(&v->out, '\n');
    }
    flush(v);
}

static int verify_one(const char *path, bool quiet, bool json)
{
    ct_verified verified;
    verifier v = {.file = verified.file, .quiet = quiet, .json = json};
    ct_error error = {0};
    int status = STATUS_TRACE;
    if (ct_verify(path, NULL, on_finding, &v, &verified, &error) == CT_OK) {
        put_end(&v, &verified);
        status = verified.findings ? STATUS_TRACE : STATUS_OK;
    } else {
        complain_error("verify", path, &error);
    }
    text_free(&v.out);
    return status;
}

int command_verify(int argc, char **argv)
{
    bool quiet = false, json = false;
    const option options[] = {{"quiet", OPTION_FLAG, &quiet, NULL, NULL}, {"q", OPTION_FLAG, &quiet, NULL, NULL}, {"json", OPTION_FLAG, &json, NULL, NULL}, {0}};
    const char **places = must_have(malloc((size_t)argc * sizeof *places));
    size_t count;
    int status = options_parse(argc, argv, options, HELP, 1, (size_t)argc, places, &count);
    for (size_t i = 0; status >= 0 && status != STATUS_USAGE && i < count; i++) {
        int one = verify_one(places[i], quiet, json);
        status = one > status ? one : status;
    }
    output_finish();
    free(places);
    return status < 0 ? STATUS_OK : status;
}
