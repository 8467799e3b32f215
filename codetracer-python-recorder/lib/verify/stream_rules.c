/* See stream_rules.h. Each rule has its name where it is reported; docs/verify.md says what it means. Sources: spec page codetracer-loader.md ("Rules of
 * the event stream"), trace-json.md sections 3 to 6.
 *
 * Invariant: a rule that is broken is reported and the state goes on as the loader's would; nothing here fails but for want of memory.
 */
#include "util/memory.h"
#include "util/plural.h"
#include "verify/stream_rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { MOST_TYPE_KIND = 33, MOST_EVENT_KIND = 13 };

#define FOUND(rules, rule, ...) ct_report_add((rules)->report, rule, (rules)->part, (rules)->state.byte, (rules)->state.event, __VA_ARGS__)

#define GROW(items, capacity, count) CT_GROW(r->report->allocator, items, capacity, count)

static bool
is_defined(ct_stream_rules *r, const char *what, uint64_t id, uint64_t count)
{
    if (id >= count)
        FOUND(r, "id-undefined", "%s %" PRIu64 " is used, but %" PRIu64 " %s defined before it", what, id, count, ct_plural(count, "is", "are"));
    return id < count;
}

/* ---- values ---- */

/* Whether a value of this kind may have a type of that kind (trace-json.md section 5). Raw stands for anything. */
static bool
kinds_match(ct_node_kind value, uint64_t type)
{
    switch (value) {
    case CT_NODE_NONE: return type == 30;
    case CT_NODE_BOOL: return type == 12;
    case CT_NODE_INT:
    case CT_NODE_BIGINT: return type == 7;
    case CT_NODE_FLOAT: return type == 8;
    case CT_NODE_STRING: return type == 9 || type == 10;
    case CT_NODE_SEQUENCE: return type <= 5 || type == 33;
    case CT_NODE_TUPLE: return type == 27;
    case CT_NODE_STRUCT: return type == 6;
    case CT_NODE_RAW: return true;
    }
    return true;
}

/* All nodes from this one on in the tree's order: a value and what is inside it were added one behind the other. */
static void
check_value(ct_stream_rules *r, const ct_stream_tree *tree, size_t node)
{
    static const char *const names[] = {"None", "Bool", "Int", "BigInt", "Float", "String", "Raw", "Sequence", "Tuple", "Struct"};
    const ct_stream_node *value = ct_stream_at(tree, node);
    for (size_t child = value->first; child; child = ct_stream_at(tree, child)->next)
        check_value(r, tree, child); /* the reader bounds the depth: CT_STREAM_NESTING */
    if (value->type == UINT32_MAX) {
        if (!value->stands_in)
            FOUND(r, "id-undefined", "a value of kind %s has no type", names[value->kind]);
        return;
    }
    if (!is_defined(r, "type", value->type, r->type_count) || value->stands_in || r->bare)
        return;
    const ct_rule_type *type = &r->types[value->type];
    if (!kinds_match(value->kind, type->kind))
        FOUND(r, "value-kind", "a value of kind %s has type %" PRIu32 ", which is of kind %" PRIu64, names[value->kind], value->type, type->kind);
    else if (value->kind == CT_NODE_STRUCT && value->children != type->fields)
        FOUND(r, "struct-fields", "a Struct has %" PRIu64 " %s, its type %" PRIu32 " has %" PRIu64 " %s", CT_COUNTED(value->children, "value"), value->type,
              CT_COUNTED(type->fields, "field"));
}

/* ---- definitions ---- */

static ct_code
on_path(void *context, const char *bytes, size_t size)
{
    ct_stream_rules *r = context;
    if (memchr(bytes, 0, size))
        FOUND(r, "path-text", "path %" PRIu64 " holds a zero byte, which no file's path can", r->path_count);
    if (size >= 3 && memcmp(bytes + size - 3, ".py", 3) == 0)
        r->python = true;
    ct_buffer_add(&r->paths, bytes, memchr(bytes, 0, size) ? 0 : size);
    ct_buffer_add_byte(&r->paths, 0);
    r->path_count++;
    return r->paths.failed ? CT_E_NOMEM : CT_OK;
}

static ct_code
on_function(void *context, uint64_t path, int64_t line, const char *name, size_t size)
{
    ct_stream_rules *r = context;
    is_defined(r, "path", path, r->path_count);
    if (!r->bare && r->function_count == 0 && !(size == 10 && memcmp(name, "<toplevel>", 10) == 0) && !(size == 11 && memcmp(name, "<top-level>", 11) == 0))
        FOUND(r, "toplevel", "the first function is not <toplevel>: the loader invents one, which shifts the ids of the others");
    if (!GROW(r->functions, r->function_capacity, r->function_count))
        return CT_E_NOMEM;
    r->functions[r->function_count++] = (ct_rule_function){path, line};
    return CT_OK;
}

static ct_code
on_variable(void *context, const char *name, size_t size)
{
    (void)name;
    (void)size;
    ((ct_stream_rules *)context)->variable_count++;
    return CT_OK;
}

static ct_code
on_type(void *context, const ct_stream_type *type)
{
    ct_stream_rules *r = context;
    if (type->kind > MOST_TYPE_KIND)
        FOUND(r, "type-kind", "type %zu is of kind %" PRIu64 ", which does not exist", r->type_count, type->kind);
    if (!GROW(r->types, r->type_capacity, r->type_count))
        return CT_E_NOMEM;
    r->types[r->type_count++] = (ct_rule_type){type->kind, type->field_count};
    return CT_OK;
}

/* ---- steps and calls ---- */

static ct_rule_call *
top(ct_stream_rules *r)
{
    return r->depth ? &r->calls[r->depth - 1] : NULL;
}

static void
sum_step(ct_stream_rules *r)
{
    if (r->summed == CT_RULE_WINDOWS * r->window) {
        for (size_t i = 0; i < CT_RULE_WINDOWS; i++)
            r->windows[i] = i < CT_RULE_WINDOWS / 2 ? r->windows[2 * i] + r->windows[2 * i + 1] : 0;
        r->window *= 2;
    }
    const int64_t line = r->places ? ct_places_in_line(r->places, r->step.path, r->step.line) : r->step.line;
    const uint64_t step[] = {r->summed, r->step.path, (uint64_t)line, r->step.values};
    r->windows[r->summed++ / r->window] += XXH3_64bits(step, sizeof step);
}

/* The newest step gets no more values. A call that showed several variables and shows none at once has lost them; the last one alone may have been
 * deleted by the program. */
static void
close_step(ct_stream_rules *r)
{
    ct_rule_call *call = top(r);
    if (!r->step.there)
        return;
    r->step.there = false;
    sum_step(r);
    if (r->python && call && r->step.values == 0 && call->shown > 1)
        ct_report_add(r->report, "step-values", r->part, r->step.byte, r->step.event,
                      "the Step at line %" PRId64 " has no Values, though its call showed %" PRIu64 " %s at the Step before", r->step.line,
                      CT_COUNTED(call->shown, "variable"));
    if (call)
        call->shown = r->step.values;
}

static ct_code
push(ct_stream_rules *r)
{
    if (!GROW(r->calls, r->call_capacity, r->depth))
        return CT_E_NOMEM;
    r->calls[r->depth++] = (ct_rule_call){r->state.byte, r->state.event, 0};
    return CT_OK;
}

static ct_code
on_step(void *context, uint64_t path, int64_t line, uint64_t column)
{
    ct_stream_rules *r = context;
    (void)column;
    close_step(r);
    is_defined(r, "path", path, r->path_count);
    if (line < 0 || line > INT32_MAX)
        FOUND(r, "line-range", "a Step is at line %" PRId64 ", which no file has", line);
    if (r->calls_seen == 0 && !r->invented && !r->bare)
        FOUND(r, "toplevel", "a Step comes before the first Call: the loader invents a function, which shifts the ids of the others");
    if (r->depth == 0) {
        if (r->calls_seen && !r->bare)
            FOUND(r, "outside-call", "a Step happens in no Call");
        if (!r->invented)
            CT_TRY(push(r));
        r->invented = true;
    }
    r->steps++;
    r->any_step = true;
    r->step.byte = r->state.byte;
    r->step.event = r->state.event;
    r->step.path = path;
    r->step.line = line;
    r->step.values = 0;
    r->step.there = r->step.adjacent = true;
    r->step.used = false;
    return CT_OK;
}

static ct_code
on_value(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    ct_stream_rules *r = context;
    is_defined(r, "variable", variable, r->variable_count);
    check_value(r, tree, node);
    if (!r->any_step)
        FOUND(r, "value-step", "a Value comes before any Step");
    r->step.values++;
    r->values++;
    r->step.adjacent = false;
    return CT_OK;
}

static ct_code
on_argument(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node)
{
    ct_stream_rules *r = context;
    is_defined(r, "variable", variable, r->variable_count);
    check_value(r, tree, node);
    return CT_OK;
}

static ct_code
on_call(void *context, uint64_t function)
{
    ct_stream_rules *r = context;
    bool known = is_defined(r, "function", function, r->function_count), own = false;
    if (r->calls_seen++ == 0 && !r->any_step) {
        if (function != 0 && !r->bare)
            FOUND(r, "toplevel", "the first Call is of function %" PRIu64 " and not of <toplevel>", function);
    }
    else if (known && !r->bare) {
        const ct_rule_function *f = &r->functions[function];
        if (!r->any_step || r->step.used)
            FOUND(r, "call-step", "a Call of function %" PRIu64 " has no Step of its own: none since the Call or Return before", function);
        else if (r->step.path != f->path || r->step.line != f->line)
            FOUND(r, "call-step", "a Call of function %" PRIu64 " (path %" PRIu64 ", line %" PRId64 ") follows the Step of event %" PRIu64 " at path %" PRIu64
                  ", line %" PRId64, function, f->path, f->line, r->step.event, r->step.path, r->step.line);
        else if (!r->step.adjacent)
            FOUND(r, "call-step", "a Call of function %" PRIu64 " has no Step of its own: other events stand between it and the Step of event %" PRIu64,
                  function, r->step.event);
        else
            own = true;
    }
    if ((own || r->bare) && r->step.there)
        sum_step(r);
    if (own || r->bare)
        r->step.there = false;
    else
        close_step(r);
    r->step.used = true;
    return push(r);
}

static ct_code
on_return(void *context, const ct_stream_tree *tree, size_t node)
{
    ct_stream_rules *r = context;
    close_step(r);
    if (node)
        check_value(r, tree, node);
    r->step.used = true;
    if (r->depth)
        r->depth--;
    else
        FOUND(r, "return-without-call", "a Return comes when no Call is open: the loader dies of it");
    return CT_OK;
}

static ct_code
on_drop_step(void *context)
{
    ct_stream_rules *r = context;
    if (r->steps < 2)
        FOUND(r, "drop-step", "DropLastStep needs two Steps before it: the loader dies of it");
    else
        r->steps--;
    r->step.there = false;
    return CT_OK;
}

/* ---- other events ---- */

static ct_code
on_event(void *context, uint64_t kind, const char *metadata, size_t metadata_size, const char *content, size_t size)
{
    ct_stream_rules *r = context;
    (void)metadata;
    (void)metadata_size;
    (void)content;
    (void)size;
    r->outputs++;
    if (kind > MOST_EVENT_KIND)
        FOUND(r, "event-kind", "an Event is of kind %" PRIu64 ", which does not exist", kind);
    r->step.adjacent = false;
    return CT_OK;
}

/* Only threads that run are remembered. One of them was there before the first event, and nothing needs to tell its start. */
static ct_code
on_thread(void *context, ct_stream_thread what, uint64_t number)
{
    ct_stream_rules *r = context;
    size_t i = 0;
    r->step.adjacent = false;
    while (i < r->thread_count && r->threads[i] != number)
        i++;
    bool runs = i < r->thread_count;
    if (what == CT_THREAD_STARTS ? runs : !runs && r->first_known)
        FOUND(r, "thread", "thread %" PRIu64 " %s", number,
              what == CT_THREAD_STARTS  ? "starts, though it runs"
              : what == CT_THREAD_EXITS ? "exits, but it has not started, or has exited before"
                                        : "goes on, but it has not started, or has exited");
    r->first_known = r->first_known || (what != CT_THREAD_STARTS && !runs);
    if (what == CT_THREAD_EXITS && runs)
        r->threads[i] = r->threads[--r->thread_count];
    else if (what != CT_THREAD_EXITS && !runs) {
        if (!GROW(r->threads, r->thread_capacity, r->thread_count))
            return CT_E_NOMEM;
        r->threads[r->thread_count++] = number;
    }
    if (what == CT_THREAD_SWITCHES) {
        close_step(r);
        for (size_t k = 0; k < r->depth; k++) /* whose step comes next is not known: there is one stack for all threads */
            r->calls[k].shown = 0;
    }
    return CT_OK;
}

static ct_code
on_other(void *context, const char *kind)
{
    ct_stream_rules *r = context;
    if (strcmp(kind, "Assignment") == 0)
        FOUND(r, "event-foreign", "an Assignment is encoded otherwise by every version of the crates");
    if (strcmp(kind, "VariableCell") == 0 && r->depth == 0)
        FOUND(r, "outside-call", "a VariableCell stands in no Call: the loader dies of it");
    r->step.adjacent = false;
    return CT_OK;
}

/* ---- life ---- */

void
ct_stream_rules_start(ct_stream_rules *r, const ct_report *report, const char *part)
{
    *r = (ct_stream_rules){.report = report, .part = part, .window = 1, .state.event = UINT64_MAX, .paths.allocator = report->allocator};
    r->sink = (ct_stream_sink){
        .context = r, .state = &r->state, .allocator = report->allocator, .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step,
        .value = on_value, .argument = on_argument, .call = on_call, .returned = on_return, .event = on_event, .thread = on_thread,
        .drop_step = on_drop_step, .other = on_other};
}

void
ct_stream_rules_end(ct_stream_rules *r)
{
    close_step(r);
    for (size_t i = r->invented ? 1 : 0; i < r->depth; i++)
        ct_report_add(r->report, "balance", r->part, r->calls[i].byte, r->calls[i].event, "the Call of event %" PRIu64 " has no Return", r->calls[i].event);
    if (r->calls_seen == 0 && !r->bare)
        ct_report_add(r->report, "toplevel", r->part, 0, UINT64_MAX, "there is no Call: the trace does not begin with <toplevel>");
}

void
ct_stream_rules_free(ct_stream_rules *r)
{
    ct_buffer_free(&r->paths);
    ct_free(r->report->allocator, r->functions);
    ct_free(r->report->allocator, r->types);
    ct_free(r->report->allocator, r->calls);
    ct_free(r->report->allocator, r->threads);
}
