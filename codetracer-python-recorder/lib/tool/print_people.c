/* One event as a line for people. A line is put together twice over: as pieces with a style each, of which the terminal sees as many as
 * fit its width. Invariant: exactly one line, and every style that is begun is ended. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

enum { LONGEST_VALUE = 2000, SOURCE_COLUMN = 34 };

typedef enum style { PLAIN, DIM, PLACE, SOURCE, CHANGED, CALL, BACK, TROUBLE, IO, NOTE } style;
static const char *const STYLES[] = {"", "\x1b[2m", "\x1b[36m", "", "\x1b[1;33m", "\x1b[32m", "\x1b[34m", "\x1b[1;31m", "\x1b[35m", "\x1b[7m"};

typedef struct line { printer *p; text *out; size_t columns, used; bool cut; text piece; } line;

static void put(line *l, style s, const char *bytes, size_t count)
{
    bool color = l->p->options->color && *STYLES[s] && count;
    if (l->cut)
        return;
    if (color)
        text_puts(l->out, STYLES[s]);
    for (size_t i = 0, taken; i < count; i += taken) {
        uint32_t point = utf8_decode((const uint8_t *)bytes + i, count - i, &taken);
        unsigned wide = utf8_columns(point);
        if (l->columns && l->used + wide > l->columns - 1) {
            if (l->out->size < 3 || memcmp(l->out->bytes + l->out->size - 3, "…", 3) != 0)
                text_puts(l->out, "…");
            l->cut = true;
            break;
        }
        l->used += wide;
        text_add(l->out, bytes + i, taken);
    }
    if (color)
        text_puts(l->out, "\x1b[0m");
}

static void puts_as(line *l, style s, const char *string)
{
    put(l, s, string, strlen(string));
}

/* What l->piece holds. */
static void put_piece(line *l, style s)
{
    put(l, s, l->piece.bytes, l->piece.size);
    text_clear(&l->piece);
}

static void fill_to(line *l, size_t column)
{
    while (l->used < column && !l->cut)
        puts_as(l, PLAIN, " ");
}

/* Spaces for the depth: two each; where deep recursion would push everything out of sight, the depth in numbers. */
static void indent(line *l, size_t depth)
{
    size_t most = l->columns ? l->columns / 6 : 30;
    if (depth <= most) {
        fill_to(l, l->used + 2 * depth);
        return;
    }
    size_t to = l->used + 2 * most;
    text_format(&l->piece, "[%zu deep]", depth);
    put_piece(l, DIM);
    fill_to(l, to);
}

static size_t value_budget(const line *l, size_t values)
{
    if (!l->columns)
        return LONGEST_VALUE;
    size_t free_columns = l->columns > l->used ? l->columns - l->used : 0;
    size_t share = free_columns / (values ? values : 1);
    return share > 24 ? share : 24;
}

static void add_name(line *l, uint32_t name)
{
    ct_text n = ct_journal_name(l->p->journal, name);
    text_safe(&l->piece, n.bytes, n.size);
}

/* ---- locals: what is shown at a step ---- */

/* Of a local, or of a place within one. name: its beginning in shown_list.names. */
typedef struct shown { size_t name, name_size; ct_value value; uint32_t containers, attributes; bool changed, more; } shown;
typedef struct shown_list { shown *items; size_t count, room; text names; } shown_list;

static shown *show(shown_list *list)
{
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 16;
        list->items = must_have(realloc(list->items, list->room * sizeof *list->items));
    }
    shown *item = &list->items[list->count++];
    *item = (shown){.name = list->names.size};
    return item;
}

static void show_name(const line *l, shown_list *list, const char *mark, uint32_t name, const text *path)
{
    ct_text n = ct_journal_name(l->p->journal, name);
    shown *item = show(list);
    text_puts(&list->names, mark);
    text_safe(&list->names, n.bytes, n.size);
    if (path)
        text_add(&list->names, path->bytes, path->size);
    item->name_size = list->names.size - item->name;
}

/* With --all-locals every local, else those that changed, and where an object changed within, what changed there. Names like __name__ are the interpreter's own; a
 * person asks for them. */
static void show_slot(const line *l, shown_list *list, const ct_activation *a, const ct_slot *slot, const char *mark)
{
    bool all = l->p->options->all_locals, changed = changes_slot(l->p->changes, a, slot);
    ct_text n = ct_journal_name(l->p->journal, slot->name);
    bool dunder = n.size > 4 && memcmp(n.bytes, "__", 2) == 0 && memcmp(n.bytes + n.size - 2, "__", 2) == 0;
    changed_parts parts;
    if (!all && (dunder || !changed))
        return;
    if (all || !changes_within(l->p->changes, a, slot, &parts)) {
        show_name(l, list, mark, slot->name, NULL);
        list->items[list->count - 1].value = slot->value;
        list->items[list->count - 1].changed = changed;
        return;
    }
    for (size_t i = 0; i < parts.count; i++) {
        const changed_part *part = &parts.parts[i];
        show_name(l, list, mark, slot->name, &part->path);
        shown *item = &list->items[list->count - 1];
        item->value = part->value;
        item->containers = part->containers;
        item->attributes = part->attributes;
        item->changed = true;
    }
    if (parts.more) {
        show_name(l, list, "more in ", slot->name, NULL);
        list->items[list->count - 1].more = list->items[list->count - 1].changed = true;
    }
    changed_parts_free(&parts);
}

/* The locals that changed since the activation's previous step, or all; behind a "|". */
static void put_locals(line *l, const ct_activation *a, size_t column)
{
    shown_list list = {0};
    for (size_t i = 0; i < a->slot_count; i++)
        show_slot(l, &list, a, &a->slots[i], "");
    for (size_t i = 0; i < a->global_count; i++)
        show_slot(l, &list, a, &a->globals[i], "global ");
    if (list.count) {
        fill_to(l, column);
        puts_as(l, PLAIN, "  ");
    }
    size_t budget = value_budget(l, list.count);
    for (size_t i = 0; i < list.count && !l->cut; i++) {
        const shown *item = &list.items[i];
        puts_as(l, DIM, i ? ", " : "| ");
        text_add(&l->piece, list.names.bytes + item->name, item->name_size);
        if (!item->more) {
            text_puts(&l->piece, " = ");
            value_text_within(&l->p->values, &item->value, item->containers, item->attributes, budget, &l->piece);
        }
        put_piece(l, item->changed ? CHANGED : PLAIN);
    }
    text_free(&list.names);
    free(list.items);
}

static void add_function(line *l, const ct_activation *a)
{
    const ct_code_info *code = ct_journal_code(l->p->journal, a->code);
    if (code)
        text_safe(&l->piece, code->qualified_name.bytes, code->qualified_name.size);
    else
        text_puts(&l->piece, "?");
}

static void put_arguments(line *l, const ct_activation *a)
{
    const ct_code_info *code = ct_journal_code(l->p->journal, a->code);
    if (!code || code->flags & CT_CODE_NAMESPACE)
        return;
    uint32_t stars = code->arguments + code->keyword_only;
    size_t wanted = 0;
    for (size_t i = 0; i < a->slot_count; i++)
        wanted += a->slots[i].number < code->parameters;
    size_t budget = value_budget(l, wanted);
    bool first = true;
    puts_as(l, CALL, "(");
    for (size_t i = 0; i < a->slot_count; i++) {
        uint32_t number = a->slots[i].number;
        if (number >= code->parameters)
            continue;
        if (!first)
            text_puts(&l->piece, ", ");
        first = false;
        if (number == stars && code->flags & CT_CODE_VARARGS)
            text_char(&l->piece, '*');
        else if (number >= stars)
            text_puts(&l->piece, "**");
        add_name(l, a->slots[i].name);
        text_char(&l->piece, '=');
        value_text(&l->p->values, &a->slots[i].value, budget, &l->piece);
        put_piece(l, CALL);
    }
    puts_as(l, CALL, ")");
}

static size_t text_columns(const text *t)
{
    size_t columns = 0;
    for (size_t i = 0, taken; i < t->size; i += taken)
        columns += utf8_columns(utf8_decode((const uint8_t *)t->bytes + i, t->size - i, &taken));
    return columns;
}

void add_place_of_code(printer *p, const ct_code_info *code, text *out)
{
    ct_text name = sources_name(p->sources, code->path);
    text_add(out, name.bytes, name.size);
    if (code->first_line)
        text_format(out, ":%" PRIu32, code->first_line);
}

/* A call: where the function stands is what arguments leave room for. */
static void put_call(line *l, const ct_activation *a)
{
    const ct_code_info *code = ct_journal_code(l->p->journal, a->code);
    text place = {0};
    text_puts(&l->piece, a->flags & CT_CALL_ATTACHED ? "already in " : "call ");
    add_function(l, a);
    put_piece(l, CALL);
    if (code)
        add_place_of_code(l->p, code, &place);
    size_t columns = l->columns, wide = text_columns(&place) + 2;
    if (columns > l->used + wide + 24)
        l->columns -= wide;
    put_arguments(l, a);
    if (l->columns != columns)
        l->cut = false;
    l->columns = columns;
    if (place.size) {
        puts_as(l, PLAIN, "  ");
        put(l, PLACE, place.bytes, place.size);
    }
    text_free(&place);
}

static void put_place(line *l, const ct_activation *a, int64_t number)
{
    const ct_code_info *code = ct_journal_code(l->p->journal, a->code);
    ct_text name = code ? sources_name(l->p->sources, code->path) : (ct_text){"?", 1};
    text_add(&l->piece, name.bytes, name.size);
    text_format(&l->piece, ":%" PRId64, number);
    put_piece(l, PLACE);
}

/* To at most so many columns of a terminal, with … at the end when something was cut off. */
static void shorten(text *t, size_t most)
{
    size_t keep = 0, used = 0;
    for (size_t i = 0, taken; i < t->size; i += taken) {
        used += utf8_columns(utf8_decode((const uint8_t *)t->bytes + i, t->size - i, &taken));
        if (used < most)
            keep = i + taken;
    }
    if (used <= most)
        return;
    t->size = keep;
    text_puts(t, "…");
}

static void put_step(line *l, const ct_event *event)
{
    const ct_activation *a = event->activation;
    const ct_code_info *code = ct_journal_code(l->p->journal, a->code);
    put_place(l, a, event->line);
    /* Lines of one file begin in one column. */
    unsigned digits = 1, most_digits = code ? sources_digits(l->p->sources, code->path) : 1;
    for (int64_t n = event->line; n >= 10; n /= 10)
        digits++;
    fill_to(l, l->used + (digits < most_digits ? most_digits - digits : 0) + 2);
    size_t column = l->used;
    ct_text source = code ? sources_line(l->p->sources, code->path, event->line) : (ct_text){"", 0};
    if (source.size)
        text_safe(&l->piece, source.bytes, source.size);
    else
        add_function(l, a);
    /* On a terminal what changed matters more than the end of a long source line. */
    size_t most = l->columns ? l->columns * 2 / 3 : 0;
    if (most > column + 20)
        shorten(&l->piece, most - column);
    put_piece(l, source.size ? SOURCE : DIM);
    size_t room = l->columns && l->columns / 3 < SOURCE_COLUMN ? l->columns / 3 : (size_t)SOURCE_COLUMN;
    put_locals(l, a, column + room);
}

static void put_value(line *l, style s, const char *word, const ct_value *value, bool exception)
{
    text_puts(&l->piece, word);
    text_char(&l->piece, ' ');
    (exception ? value_text_exception : value_text)(&l->p->values, value, value_budget(l, 1), &l->piece);
    put_piece(l, s);
}

static void put_event(line *l, const ct_event *event)
{
    static const char *const streams[] = {"stdout", "stderr", "stdin"};
    const ct_activation *a = event->activation;
    switch (event->kind) {
    case CT_EVENT_STEP:
        put_step(l, event);
        return;
    case CT_EVENT_CALL:
        put_call(l, a);
        return;
    case CT_EVENT_RESUME:
        text_puts(&l->piece, "resume ");
        add_function(l, a);
        put_piece(l, CALL);
        return;
    case CT_EVENT_THROW:
        text_puts(&l->piece, "resume ");
        add_function(l, a);
        put_piece(l, CALL);
        put_value(l, TROUBLE, " by throwing", &event->value, true);
        return;
    case CT_EVENT_RETURN:
    case CT_EVENT_YIELD:
    case CT_EVENT_UNWIND:
        put_value(l, event->kind == CT_EVENT_UNWIND ? TROUBLE : BACK,
                  event->kind == CT_EVENT_RETURN ? "return" : event->kind == CT_EVENT_YIELD ? "yield" : "unwind", &event->value,
                  event->kind == CT_EVENT_UNWIND);
        if (a && !l->p->options->calls)
            put_locals(l, a, l->used);
        return;
    case CT_EVENT_LOST:
        puts_as(l, BACK,
                !l->p->in_gap                        ? "ended (the interpreter did not say how)"
                : l->p->gap_reason == CT_GAP_LIMIT   ? "ended after recording had stopped"
                : l->p->gap_reason == CT_GAP_PAUSED  ? "ended while recording was paused"
                                                     : "ended while nothing was recorded");
        return;
    case CT_EVENT_ENDED:
        text_puts(&l->piece, "ended without running again: ");
        add_function(l, a);
        put_piece(l, BACK);
        return;
    case CT_EVENT_RAISE:
    case CT_EVENT_HANDLED:
        put_value(l, TROUBLE, event->kind == CT_EVENT_RAISE ? "raise" : "caught", &event->value, true);
        if (a) {
            puts_as(l, PLAIN, "  at ");
            put_place(l, a, event->line);
        }
        return;
    case CT_EVENT_OUTPUT:
        text_puts(&l->piece, (unsigned)event->stream < 3 ? streams[event->stream] : "stream");
        if (event->descriptors)
            text_puts(&l->piece, event->descriptors == 1 ? " (fd 1)" : event->descriptors == 2 ? " (fd 2)" : " (fd 1 or 2)");
        text_char(&l->piece, ' ');
        text_python_string(&l->piece, (const uint8_t *)event->text.bytes, event->text.size, value_budget(l, 1));
        put_piece(l, IO);
        return;
    case CT_EVENT_THREAD_START:
    case CT_EVENT_THREAD_EXIT:
        text_format(&l->piece, "thread %" PRIu64 " %s", event->thread ? event->thread->number : 0,
                    event->kind == CT_EVENT_THREAD_START ? "started" : "ended");
        if (event->thread && event->thread->name.size) {
            text_puts(&l->piece, ": ");
            text_safe(&l->piece, event->thread->name.bytes, event->thread->name.size);
        }
        put_piece(l, NOTE);
        return;
    case CT_EVENT_GAP:
        puts_as(l, NOTE,
                event->reason == CT_GAP_PAUSED    ? "recording was paused here"
                : event->reason == CT_GAP_WAITING ? "not recorded from here to the next start point"
                : event->reason == CT_GAP_LIMIT   ? "not recorded from here on: a limit was reached"
                                                  : "events are missing here");
        return;
    }
}

bool print_people(printer *p, const ct_event *event, text *out)
{
    bool of_thread = event->kind != CT_EVENT_THREAD_START && event->kind != CT_EVENT_THREAD_EXIT && event->kind != CT_EVENT_GAP;
    line l = {.p = p, .out = out, .columns = p->options->columns};
    if (of_thread && event->thread && event->thread->number != p->last_thread) {
        if (p->any_of_thread || event->thread->number > 1) {
            text_format(&l.piece, "%*s  in thread %" PRIu64, (int)p->step_digits, "", event->thread->number);
            if (event->thread->name.size) {
                text_puts(&l.piece, ": ");
                text_safe(&l.piece, event->thread->name.bytes, event->thread->name.size);
            }
            put_piece(&l, NOTE);
            text_char(out, '\n');
            l.used = 0;
            l.cut = false;
        }
        p->last_thread = event->thread->number;
    }
    if (event->kind == CT_EVENT_STEP)
        text_format(&l.piece, "%*" PRIu64 "  ", (int)p->step_digits, event->step);
    else
        text_format(&l.piece, "%*s  ", (int)p->step_digits, "");
    put_piece(&l, DIM);
    if (of_thread)
        indent(&l, p->depth);
    put_event(&l, event);
    text_char(out, '\n');
    text_free(&l.piece);
    return true;
}
