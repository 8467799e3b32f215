/* codetracer-trace print: walks the events, chooses, prints. Reads forward only, from the seek point of --from; nothing is counted or
 * looked for beforehand, so that the first line of a huge trace comes at once. */
#include <ctype.h>
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
    "changed since the step before in the same call (or, where an object changed within, what changed in it);\n"
    "calls with arguments, returned values, exceptions, output.\n"
    "TRACE is the folder that was recorded into, or the trace's file.\n"
    "\n"
    "  --from STEP        begin at this step (at once, however long the trace is); --from -20: the last 20 steps\n"
    "  --to STEP          end behind this step and what happened before the next one; below 0: counted from the end\n"
    "  --all-locals       at each step all locals, also __name__ and the like; those that changed stay highlighted\n"
    "  --span NAME        only the steps and the thread of this span (a web request, a test): its id or its label,\n"
    "                     as info lists them, or the label's end\n"
    "  --function NAME    only this function: f, Class.f or package.module.f\n"
    "  --thread N         only this thread\n"
    "  --grep TEXT        only lines that contain this text, as printed (upper and lower case count)\n"
    "  --limit N          end after N lines\n"
    "  --calls            only calls and how they ended: no lines, no output\n"
    "  --functions        instead of events each function that was called, how often, and where it is\n"
    "  --ids              objects that can change with a number of their own, as Room#7(...): the same number, the same object\n"
    "  --width N          cut lines to N columns; 0: not at all\n"
    "  --json             one JSON object per line, with all locals, for scripts; see docs/print-json.md\n"
    "  --color WHEN       auto (on a terminal, unless NO_COLOR is set), always or never\n"
    "\n"
    "Lines are cut to COLUMNS, if that is set, or to the terminal's width; elsewhere only values longer than 2,000 bytes are.\n"
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
static bool is_function(const ct_code_info *code, const char *name)
{
    size_t size = strlen(name);
    if (!code)
        return false;
    ct_text q = code->qualified_name, m = code->module;
    if (q.size >= size && memcmp(q.bytes + q.size - size, name, size) == 0)
        return q.size == size || q.bytes[q.size - size - 1] == '.';
    return m.size + 1 + q.size == size && memcmp(name, m.bytes, m.size) == 0 && name[m.size] == '.'
           && memcmp(name + m.size + 1, q.bytes, q.size) == 0;
}

/* What --calls leaves out. */
static bool is_within_calls(enum ct_event_kind kind)
{
    return kind == CT_EVENT_STEP || kind == CT_EVENT_OUTPUT || kind == CT_EVENT_RAISE || kind == CT_EVENT_HANDLED;
}

static bool wanted(printer *p, const ct_event *event)
{
    const print_options *o = p->options;
    if (o->has_thread && (!event->thread || event->thread->number != o->thread))
        return false;
    if (o->function && !is_function(event->activation ? ct_journal_code(p->journal, event->activation->code) : NULL, o->function))
        return false;
    return !o->calls || !is_within_calls(event->kind);
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

/* ---- what one line needs to know of other events ---- */

/* Outputs that follow each other at one step are one line: print("a", 1) writes four times. */
typedef struct held_output { bool any; ct_event event; text text; size_t depth; } held_output;

/* Threads in which something happened since the last gap: where nothing did, the calls that are LOST ended in it. */
typedef struct gap { bool any; uint8_t reason; uint64_t *threads; size_t count, room; } gap;

typedef struct walk { printer *p; text line; uint64_t lines; held_output held; gap gap; call_counts *counts; } walk;

static bool goes_on(const gap *g, uint64_t thread)
{
    for (size_t i = g->count; i-- > 0;)
        if (g->threads[i] == thread)
            return true;
    return false;
}

static void look_at_gap(walk *w, const ct_event *event)
{
    gap *g = &w->gap;
    w->p->in_gap = false;
    if (event->kind == CT_EVENT_GAP) {
        g->any = true;
        g->reason = event->reason;
        g->count = 0;
    } else if (g->any && event->thread && event->kind != CT_EVENT_THREAD_START && event->kind != CT_EVENT_THREAD_EXIT && !goes_on(g, event->thread->number)) {
        if (event->kind == CT_EVENT_LOST) {
            w->p->in_gap = true;
            w->p->gap_reason = g->reason;
            return;
        }
        if (g->count == g->room) {
            g->room = g->room ? g->room * 2 : 8;
            g->threads = must_have(realloc(g->threads, g->room * sizeof *g->threads));
        }
        g->threads[g->count++] = event->thread->number;
    }
}

/* False: the limit of lines is reached. */
static bool print_event(walk *w, const ct_event *event, size_t depth)
{
    printer *p = w->p;
    const print_options *o = p->options;
    p->depth = depth;
    if (!format_event(p, event, &w->line))
        return true;
    output_write(w->line.bytes, o->has_limit ? limited(&w->line, o->limit, &w->lines) : w->line.size);
    p->any = true;
    p->any_of_thread = p->any_of_thread || event->activation;
    return !o->has_limit || w->lines < o->limit;
}

static bool print_held(walk *w)
{
    held_output *h = &w->held;
    if (!h->any)
        return true;
    h->any = false;
    h->event.text = (ct_text){h->text.bytes, h->text.size};
    return print_event(w, &h->event, h->depth);
}

/* True: the output goes on in the held line. */
static bool hold(walk *w, const ct_event *event)
{
    enum { MOST = 1 << 16 };
    held_output *h = &w->held;
    const ct_event *before = &h->event;
    bool goes_on = h->any && before->step == event->step && before->stream == event->stream && before->descriptors == event->descriptors &&
                   before->thread == event->thread && before->activation == event->activation && h->text.size < MOST;
    if (!goes_on) {
        if (!print_held(w))
            return false;
        h->any = true;
        h->event = *event;
        h->depth = event_depth(event);
        text_clear(&h->text);
    }
    text_add(&h->text, event->text.bytes, event->text.size);
    return true;
}

/* False: no more is to be printed. */
static bool take_event(walk *w, const ct_event *event)
{
    printer *p = w->p;
    const print_options *o = p->options;
    bool held = event->kind == CT_EVENT_OUTPUT && !o->json;
    if (!held && !print_held(w))
        return false;
    if (o->has_to && ((event->kind == CT_EVENT_STEP && event->step > o->to) || event->number > o->last_event))
        return false;
    look_at_gap(w, event);
    bool chosen = wanted(p, event);
    if (w->counts) {
        if (chosen && event->kind == CT_EVENT_CALL && !(event->activation->flags & CT_CALL_ATTACHED))
            call_counts_add(w->counts, event->activation);
        return true;
    }
    if (chosen && !(held ? hold(w, event) : print_event(w, event, event_depth(event))))
        return false;
    keep_account(p, event);
    return true;
}

static ct_code walk_events(printer *p, ct_error *error)
{
    const print_options *o = p->options;
    const ct_event *event;
    walk w = {.p = p, .counts = o->functions ? call_counts_new(p->journal) : NULL};
    ct_code code = o->from ? ct_replay_seek_step(p->replay, o->from, &event, error) : ct_replay_next(p->replay, &event, error);
    while (code == CT_OK && take_event(&w, event))
        code = ct_replay_next(p->replay, &event, error);
    print_held(&w);
    if (w.counts)
        call_counts_print(w.counts, p);
    call_counts_free(w.counts);
    text_free(&w.line);
    text_free(&w.held.text);
    free(w.gap.threads);
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

static bool is_any_function(ct_journal *journal, const char *name)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    for (uint32_t i = 0; i < counts.codes; i++)
        if (is_function(ct_journal_code(journal, i), name))
            return true;
    return false;
}

/* Which choice left nothing to print. */
static void say_what_nothing_matches(const char *path, ct_journal *journal, const print_options *o)
{
    text of = {0}, chosen = {0};
    if (o->function && !is_any_function(journal, o->function)) {
        complain("print", "%s: no function matches '%s'.", path, o->function);
        return;
    }
    if (o->function)
        text_format(&of, " of function '%s'", o->function);
    text_char(&of, 0);
    if (o->has_thread)
        text_format(&chosen, " in thread %" PRIu64, o->thread);
    if (o->from || o->has_to)
        text_puts(&chosen, " between these steps");
    text_char(&chosen, 0);
    if (o->grep)
        complain("print", "%s: no printed line%s%s contains '%s'.", path, of.bytes, chosen.bytes, o->grep);
    else if (*of.bytes || *chosen.bytes)
        complain("print", "%s: nothing%s happened%s.", path, of.bytes, chosen.bytes);
    text_free(&of);
    text_free(&chosen);
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
    if (options->to < options->from && options->has_to) {
        complain("print", "--to %" PRIu64 " lies before --from %" PRIu64 ".", options->to, options->from);
        return STATUS_USAGE;
    }
    printer p = {.options = options, .journal = journal};
    if (ct_replay_new(journal, &p.replay, &error) != CT_OK) {
        complain_error("print", path, &error);
        return STATUS_TRACE;
    }
    value_reader_init(&p.values, journal, p.replay);
    p.sources = sources_new(journal, path);
    p.values.ids = options->ids;
    if (!options->json)
        ct_replay_track_parts(p.replay); /* changes_within() */
    p.changes = changes_new(&p.values, options->json);
    p.step_digits = 1;
    for (uint64_t n = counts.steps; n >= 10; n /= 10)
        p.step_digits++;
    if (counts.dropped_steps && options->from == 0 && !options->functions && !options->grep && !options->function && !options->has_thread)
        print_dropped(options, counts.dropped_steps);
    ct_code code = walk_events(&p, &error);
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
        say_what_nothing_matches(path, journal, options);
    changes_free(p.changes);
    sources_free(p.sources);
    ct_replay_free(p.replay);
    return status;
}

/* --from and --to: what is below 0 is counted from the end. */
static int choose_steps(ct_journal *journal, int64_t from, int64_t to, print_options *o)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    const uint64_t back_from = from < 0 ? (uint64_t)-(from + 1) + 1 : 0, back_to = to < 0 ? (uint64_t)-(to + 1) + 1 : 0;
    if (back_to > counts.steps) {
        complain("print", "--to -%" PRIu64 " lies before the first step: the trace has %" PRIu64 " %s.", back_to, CT_COUNTED(counts.steps, "step"));
        return STATUS_USAGE;
    }
    o->from = from >= 0 ? (uint64_t)from : back_from < counts.steps ? counts.steps - back_from : 0;
    o->to = to >= 0 ? (uint64_t)to : counts.steps - back_to;
    return STATUS_OK;
}

typedef struct span_search { const char *name; bool by_end; ct_span found; size_t matches; } span_search;

/* Between the two no word goes on: a label's end is a name of its own. */
static bool is_boundary(char before, char first)
{
    return !(isalnum((unsigned char)before) || before == '_' || (unsigned char)before >= 0x80) || !(isalnum((unsigned char)first) || first == '_' || (unsigned char)first >= 0x80);
}

static ct_code match_span(void *context, const ct_span *span)
{
    span_search *s = context;
    size_t size = strlen(s->name);
    bool is_id = span->id.size == size && memcmp(span->id.bytes, s->name, size) == 0;
    bool ends_so = size && span->label.size >= size && memcmp(span->label.bytes + span->label.size - size, s->name, size) == 0;
    bool is_label = ends_so && span->label.size == size;
    if (!is_id && !is_label && !(ends_so && s->by_end && is_boundary(span->label.bytes[span->label.size - size - 1], s->name[0])))
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
    if (s.matches == 0) {
        s.by_end = true;
        ct_journal_spans(journal, match_span, &s);
    }
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
    o->last_event = s.found.last_event;
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
    print_options o = {.last_event = UINT64_MAX};
    enum { NARROWEST = 40 };
    const char *span = NULL;
    int64_t from = 0, to = 0;
    uint64_t width = 0;
    bool has_width = false;
    int color = 0;
    const option options[] = {
        {"from", OPTION_INTEGER, &from, NULL, NULL},
        {"to", OPTION_INTEGER, &to, &o.has_to, NULL},
        {"all-locals", OPTION_FLAG, &o.all_locals, NULL, NULL},
        {"span", OPTION_TEXT, &span, NULL, NULL},
        {"function", OPTION_TEXT, &o.function, NULL, NULL},
        {"thread", OPTION_NUMBER, &o.thread, &o.has_thread, NULL},
        {"grep", OPTION_TEXT, &o.grep, NULL, NULL},
        {"limit", OPTION_NUMBER, &o.limit, &o.has_limit, NULL},
        {"calls", OPTION_FLAG, &o.calls, NULL, NULL},
        {"functions", OPTION_FLAG, &o.functions, NULL, NULL},
        {"ids", OPTION_FLAG, &o.ids, NULL, NULL},
        {"width", OPTION_NUMBER, &width, &has_width, NULL},
        {"json", OPTION_FLAG, &o.json, NULL, NULL},
        {"color", OPTION_CHOICE, &color, NULL, when},
        {0}};
    const char *place;
    size_t places;
    int status = options_parse(argc, argv, options, HELP, 1, 1, &place, &places);
    if (status != STATUS_OK)
        return status < 0 ? STATUS_OK : status;
    if (span && (from || o.has_to)) {
        complain("print", "--span says where to begin and to end: it goes with neither --from nor --to.");
        return STATUS_USAGE;
    }
    if (o.calls && o.functions) {
        complain("print", "--calls prints events, --functions counts calls: give one of them.");
        return STATUS_USAGE;
    }
    if (o.ids && o.json) {
        complain("print", "--ids is for people's lines, and does not go with --json.");
        return STATUS_USAGE;
    }
    if (has_width && width != 0 && width < NARROWEST) {
        complain("print", "--width %" PRIu64 ": %d is the least; 0 means that lines are not cut.", width, NARROWEST);
        return STATUS_USAGE;
    }
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool automatic = output_is_terminal() && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
    o.color = !o.json && (color == 1 || (color == 0 && automatic));
    o.columns = o.json ? 0 : has_width ? (size_t)width : output_columns();
    ct_journal *journal;
    status = trace_open("print", place, &journal);
    if (status != STATUS_OK)
        return status;
    status = span ? choose_span(journal, span, &o) : choose_steps(journal, from, to, &o);
    if (status == STATUS_OK)
        status = print_journal(place, journal, &o);
    ct_journal_close(journal);
    return status;
}
