/* codetracer-trace print: walks the events, chooses, prints. Reads forward only, from the seek point of --from; nothing is counted or
 * looked for beforehand, so that the first line of a huge trace comes at once. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"
#include "util/plural.h"

static const char HELP[] =
    "usage: codetracer-trace print TRACE [options]\n"
    "\n"
    "Prints what the program did, one line per event: each line of source it reached, with the locals that\n"
    "changed since the step before in the same call; calls with arguments, returned values, exceptions, output.\n"
    "TRACE is the folder that was recorded into, or the trace's file.\n"
    "\n"
    "  --from STEP        begin at this step (at once, however long the trace is)\n"
    "  --to STEP          end behind this step and what happened before the next one\n"
    "  --all-locals       at each step all locals, also __name__ and the like; those that changed stay highlighted\n"
    "  --span NAME        only the steps and the thread of this span (a web request, a test): its id or its label,\n"
    "                     as info lists them\n"
    "  --function NAME    only this function: f, Class.f or package.module.f\n"
    "  --thread N         only this thread\n"
    "  --grep TEXT        only lines that contain this text, as printed (upper and lower case count)\n"
    "  --limit N          end after N lines\n"
    "  --json             one JSON object per line, with all locals, for scripts; see docs/print-json.md\n"
    "  --color WHEN       auto (on a terminal, unless NO_COLOR is set), always or never\n"
    "\n"
    "On a terminal, lines are cut to its width (COLUMNS); elsewhere only values longer than 2,000 bytes are.\n"
    "For a long trace: codetracer-trace print --color=always TRACE | less -R\n"
    "Exit status: 0; 1 the trace is damaged or cannot be read; 2 wrong options.\n";

size_t event_depth(const ct_event *event)
{
    size_t depth = event->thread ? event->thread->depth : 0;
    switch (event->kind) {
    case CT_EVENT_RETURN:
    case CT_EVENT_YIELD:
    case CT_EVENT_UNWIND:
    case CT_EVENT_LOST:
        return depth; /* it has left the stack, on which it stood above these */
    default:
        return depth ? depth - 1 : 0;
    }
}

/* NAME may be the qualified name, its last part, or the qualified name behind its module. */
static bool is_function(printer *p, const ct_activation *a, const char *name)
{
    const ct_code_info *code = a ? ct_journal_code(p->journal, a->code) : NULL;
    size_t size = strlen(name);
    if (!code)
        return false;
    ct_text q = code->qualified_name, m = code->module;
    if (q.size >= size && memcmp(q.bytes + q.size - size, name, size) == 0)
        return q.size == size || q.bytes[q.size - size - 1] == '.';
    return m.size + 1 + q.size == size && memcmp(name, m.bytes, m.size) == 0 && name[m.size] == '.'
           && memcmp(name + m.size + 1, q.bytes, q.size) == 0;
}

static bool wanted(printer *p, const ct_event *event)
{
    const print_options *o = p->options;
    if (o->has_thread && (!event->thread || event->thread->number != o->thread))
        return false;
    return !o->function || is_function(p, event->activation, o->function);
}

static bool contains(const text *t, const char *what)
{
    return memmem(t->bytes, t->size, what, strlen(what)) != NULL;
}

/* Puts the event's line into `out`; false when the options leave it out. */
static bool format_event(printer *p, const ct_event *event, text *out)
{
    bool (*format)(printer *, const ct_event *, text *) = p->options->json ? print_json : print_people;
    text_clear(out);
    if (!p->options->grep)
        return format(p, event, out);
    /* What --grep looks at is the line as a file would get it; what is shown may be cut and coloured. */
    const print_options *shown = p->options;
    print_options plain = *shown;
    plain.color = false;
    plain.columns = 0;
    uint64_t last_thread = p->last_thread;
    p->options = &plain;
    bool any = format(p, event, out);
    p->options = shown;
    if (!any || !contains(out, shown->grep)) {
        p->last_thread = last_thread;
        return false;
    }
    if (shown->color || shown->columns) {
        p->last_thread = last_thread;
        text_clear(out);
        return format(p, event, out);
    }
    return true;
}

static void keep_account(printer *p, const ct_event *event)
{
    const ct_activation *a = event->activation;
    if (!a)
        return;
    switch (event->kind) {
    case CT_EVENT_CALL: {
        /* The call's line showed the arguments; names that a module or class begins with, and locals of a function that was running already, it did not. */
        const ct_code_info *code = ct_journal_code(p->journal, a->code);
        if (code && !(code->flags & CT_CODE_NAMESPACE) && !(a->flags & CT_CALL_ATTACHED))
            changes_seen(p->changes, a, event->number);
        break;
    }
    case CT_EVENT_STEP:
    case CT_EVENT_YIELD:
        changes_seen(p->changes, a, event->number);
        break;
    case CT_EVENT_RETURN:
    case CT_EVENT_UNWIND:
    case CT_EVENT_LOST:
    case CT_EVENT_ENDED:
        changes_ended(p->changes, a);
        break;
    default:
        break;
    }
}

/* How much of what is printed of an event, mostly one line, the limit has room for; *lines grows by as many. */
static size_t limited(const text *out, uint64_t limit, uint64_t *lines)
{
    size_t size = 0;
    while (size < out->size && *lines < limit) {
        const char *end = memchr(out->bytes + size, '\n', out->size - size);
        size = end ? (size_t)(end + 1 - out->bytes) : out->size;
        ++*lines;
    }
    return size;
}

static ct_code walk(printer *p, ct_error *error)
{
    const print_options *o = p->options;
    const ct_event *event;
    text line = {0};
    uint64_t lines = 0;
    ct_code code = o->from ? ct_replay_seek_step(p->replay, o->from, &event, error) : ct_replay_next(p->replay, &event, error);
    for (; code == CT_OK; code = ct_replay_next(p->replay, &event, error)) {
        if (o->has_to && event->kind == CT_EVENT_STEP && event->step > o->to)
            break;
        if (wanted(p, event) && format_event(p, event, &line)) {
            size_t size = o->has_limit ? limited(&line, o->limit, &lines) : line.size;
            output_write(line.bytes, size);
            p->any = true;
            p->any_of_thread = p->any_of_thread || event->activation;
            if (o->has_limit && lines >= o->limit)
                break;
        }
        keep_account(p, event);
    }
    text_free(&line);
    return code;
}

/* Of a recording that kept only its end: that there was more. */
static void print_dropped(const print_options *options, uint64_t steps)
{
    text out = {0};
    if (options->json)
        text_format(&out, "{\"step\":0,\"event\":\"gap\",\"reason\":\"dropped\",\"steps\":%" PRIu64 "}\n", steps);
    else
        text_format(&out, "only the end of the run was kept: %" PRIu64 " %s came before\n", CT_COUNTED(steps, "step"));
    output_write(out.bytes, out.size);
    text_free(&out);
}

/* Which choice left nothing to print. */
static void say_what_nothing_matches(const char *path, const print_options *o)
{
    text chosen = {0}, word = {0};
    if (o->function)
        text_format(&chosen, " --function=%s", shell_word(o->function, &word));
    if (o->has_thread)
        text_format(&chosen, " --thread=%" PRIu64, o->thread);
    if (o->grep)
        text_format(&chosen, " --grep=%s", shell_word(o->grep, &word));
    text_char(&chosen, 0);
    if (*chosen.bytes)
        complain("print", "%s: nothing%s matches%s.", path, o->from || o->has_to ? " between these steps" : "", chosen.bytes);
    text_free(&chosen);
    text_free(&word);
}

static int print_journal(const char *path, ct_journal *journal, const print_options *options)
{
    ct_error error = {0};
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    if (options->from && options->from >= counts.steps) {
        if (counts.steps == 1)
            complain("print", "--from %" PRIu64 ": the trace has one step, which is 0.", options->from);
        else if (counts.steps)
            complain("print", "--from %" PRIu64 ": the trace has the steps 0 to %" PRIu64 ".", options->from, counts.steps - 1);
        else
            complain("print", "--from %" PRIu64 ": the trace has no steps.", options->from);
        return STATUS_USAGE;
    }
    if (options->has_limit && options->limit == 0)
        return STATUS_OK;
    printer p = {.options = options, .journal = journal};
    if (ct_replay_new(journal, &p.replay, &error) != CT_OK) {
        complain_error("print", path, &error);
        return STATUS_TRACE;
    }
    value_reader_init(&p.values, journal, p.replay);
    p.sources = sources_new(journal, path);
    p.changes = changes_new(&p.values, options->json);
    p.step_digits = 1;
    for (uint64_t n = counts.steps; n >= 10; n /= 10)
        p.step_digits++;
    if (counts.dropped_steps && options->from == 0 && !options->grep && !options->function && !options->has_thread)
        print_dropped(options, counts.dropped_steps);
    ct_code code = walk(&p, &error);
    output_finish();
    int status = STATUS_OK;
    if (code != CT_OK && code != CT_END) {
        complain_error("print", path, &error);
        status = STATUS_TRACE;
    } else if (p.values.error.code != CT_OK) {
        complain_error("print", path, &p.values.error);
        status = STATUS_TRACE;
    } else {
        status = code == CT_END ? trace_end(path, journal) : trace_status();
    }
    if (!p.any && status == STATUS_OK)
        say_what_nothing_matches(path, options);
    changes_free(p.changes);
    sources_free(p.sources);
    ct_replay_free(p.replay);
    return status;
}

typedef struct span_search { const char *name; ct_span found; size_t matches; } span_search;

static ct_code match_span(void *context, const ct_span *span)
{
    span_search *s = context;
    size_t size = strlen(s->name);
    bool is_id = span->id.size == size && memcmp(span->id.bytes, s->name, size) == 0;
    if (!is_id && (span->label.size != size || memcmp(span->label.bytes, s->name, size) != 0))
        return CT_OK;
    s->found = *span; /* its numbers: the texts end with this call */
    s->matches = is_id ? 1 : s->matches + 1;
    return is_id ? CT_END : CT_OK;
}

/* --span: from, to and thread are those of the span. */
static int choose_span(ct_journal *journal, const char *name, print_options *o)
{
    span_search s = {.name = name};
    ct_journal_spans(journal, match_span, &s);
    if (s.matches != 1) {
        complain("print", s.matches ? "--span %s: %zu spans are called so; give the id of one, which codetracer-trace info lists."
                                    : "--span %s: there is no such span; codetracer-trace info lists those there are.", name, s.matches);
        return STATUS_USAGE;
    }
    if (!s.found.has_steps) {
        complain("print", "--span %s: no step lies between its beginning and its end.", name);
        return STATUS_USAGE;
    }
    o->from = s.found.first_step;
    o->to = s.found.last_step;
    o->has_to = true;
    if (s.found.has_thread && !o->has_thread) {
        o->thread = s.found.thread;
        o->has_thread = true;
    }
    return STATUS_OK;
}

int command_print(int argc, char **argv)
{
    static const char *const when[] = {"auto", "always", "never", NULL};
    print_options o = {0};
    const char *span = NULL;
    int color = 0;
    const option options[] = {
        {"from", OPTION_NUMBER, &o.from, NULL, NULL},
        {"to", OPTION_NUMBER, &o.to, &o.has_to, NULL},
        {"all-locals", OPTION_FLAG, &o.all_locals, NULL, NULL},
        {"span", OPTION_TEXT, &span, NULL, NULL},
        {"function", OPTION_TEXT, &o.function, NULL, NULL},
        {"thread", OPTION_NUMBER, &o.thread, &o.has_thread, NULL},
        {"grep", OPTION_TEXT, &o.grep, NULL, NULL},
        {"limit", OPTION_NUMBER, &o.limit, &o.has_limit, NULL},
        {"json", OPTION_FLAG, &o.json, NULL, NULL},
        {"color", OPTION_CHOICE, &color, NULL, when},
        {0}};
    const char *place;
    size_t places;
    int status = options_parse(argc, argv, options, HELP, 1, 1, &place, &places);
    if (status != STATUS_OK)
        return status < 0 ? STATUS_OK : status;
    if (span && (o.from || o.has_to)) {
        complain("print", "--span says where to begin and to end: it goes with neither --from nor --to.");
        return STATUS_USAGE;
    }
    if (o.has_to && o.to < o.from) {
        complain("print", "--to %" PRIu64 " lies before --from %" PRIu64 ".", o.to, o.from);
        return STATUS_USAGE;
    }
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool automatic = output_is_terminal() && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
    o.color = !o.json && (color == 1 || (color == 0 && automatic));
    o.columns = o.json ? 0 : output_columns();
    ct_journal *journal;
    status = trace_open("print", place, &journal);
    if (status != STATUS_OK)
        return status;
    status = span ? choose_span(journal, span, &o) : STATUS_OK;
    if (status == STATUS_OK)
        status = print_journal(place, journal, &o);
    ct_journal_close(journal);
    return status;
}
