/* See filter.h. Sources, rules and value patterns lie in three arrays in the order in which they were added; a rule names its patterns by their place.
 *
 * Invariant: deciding allocates nothing that lasts, and cannot fail.
 */
#include <string.h>

#include "codetracer/filter.h"
#include "filter/pattern.h"
#include "util/memory.h"

typedef struct source { char *root; size_t root_size; ct_filter_exec exec; ct_filter_action action; } source;
typedef struct rule { pattern selector; ct_filter_exec exec; ct_filter_action value_default; bool replaces; uint32_t source, first, count; } rule;
typedef struct value_pattern { pattern selector; ct_filter_action action; } value_pattern;

enum { LONGEST_SUBJECT = 4096, MOST = 100000 };

struct ct_filter {
    const ct_allocator *allocator;
    pattern_engine *engine;
    source *sources; size_t source_count;
    rule *rules; size_t rule_count;
    value_pattern *values; size_t value_count;
    bool has_attributes;
};

ct_filter *
ct_filter_new(const ct_allocator *allocator)
{
    ct_filter *filter = ct_allocate_zero(allocator, 1, sizeof *filter);
    if (filter == NULL)
        return NULL;
    filter->allocator = allocator;
    if ((filter->engine = pattern_engine_new(allocator)) == NULL) {
        ct_free(allocator, filter);
        return NULL;
    }
    return filter;
}

void
ct_filter_free(ct_filter *filter)
{
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->source_count; i++)
        ct_free(filter->allocator, filter->sources[i].root);
    for (size_t i = 0; i < filter->rule_count; i++)
        pattern_drop(filter->engine, &filter->rules[i].selector);
    for (size_t i = 0; i < filter->value_count; i++)
        pattern_drop(filter->engine, &filter->values[i].selector);
    ct_free(filter->allocator, filter->sources);
    ct_free(filter->allocator, filter->rules);
    ct_free(filter->allocator, filter->values);
    pattern_engine_free(filter->engine);
    ct_free(filter->allocator, filter);
}

/* Room for one more; arrays grow when their size is a power of two. */
static bool
grow(ct_filter *filter, void *array, size_t count, size_t size)
{
    void **at = array;
    if (count >= MOST)
        return false;
    if (count & (count - 1))
        return true;
    void *grown = ct_resize(filter->allocator, *at, (count ? count * 2 : 1) * size);
    if (grown)
        *at = grown;
    return grown != NULL;
}

ct_code
ct_filter_source(ct_filter *filter, const char *root, ct_filter_exec default_exec, ct_filter_action default_action)
{
    if (!grow(filter, &filter->sources, filter->source_count, sizeof *filter->sources))
        return CT_E_NOMEM;
    source made = {.root_size = root ? strlen(root) : 0, .exec = default_exec, .action = default_action};
    if ((made.root = ct_copy_text(filter->allocator, root ? root : "", made.root_size)) == NULL)
        return CT_E_NOMEM;
    filter->sources[filter->source_count++] = made;
    return CT_OK;
}

ct_code
ct_filter_rule(ct_filter *filter, ct_filter_kind kind, ct_filter_match match, const char *text, size_t size, ct_filter_exec exec, ct_filter_action value_default,
               bool replaces, ct_error *error)
{
    if (kind > CT_FILTER_OBJ || filter->source_count == 0)
        return ct_fail(error, CT_E_PARAM, "a rule needs a source, and one of the kinds pkg, file and obj", 0, 0);
    if (!grow(filter, &filter->rules, filter->rule_count, sizeof *filter->rules))
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    rule made = {.exec = exec, .value_default = value_default, .replaces = replaces, .source = (uint32_t)filter->source_count - 1, .first = (uint32_t)filter->value_count};
    CT_TRY(pattern_make(filter->engine, match, text, size, &made.selector, error));
    made.selector.kind = kind;
    filter->rules[filter->rule_count++] = made;
    return CT_OK;
}

ct_code
ct_filter_value(ct_filter *filter, ct_filter_kind kind, ct_filter_match match, const char *text, size_t size, ct_filter_action action, ct_error *error)
{
    if (kind < CT_FILTER_LOCAL || kind >= CT_FILTER_KINDS || filter->rule_count == 0)
        return ct_fail(error, CT_E_PARAM, "a value pattern needs a rule, and one of the kinds local, global, arg, ret and attr", 0, 0);
    if (!grow(filter, &filter->values, filter->value_count, sizeof *filter->values))
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    value_pattern made = {.action = action};
    CT_TRY(pattern_make(filter->engine, match, text, size, &made.selector, error));
    made.selector.kind = kind;
    filter->values[filter->value_count++] = made;
    filter->rules[filter->rule_count - 1].count++;
    filter->has_attributes |= kind == CT_FILTER_ATTR;
    return CT_OK;
}

/* ---- subjects ---- */

/* The path relative to the root that leaves the shortest rest; the path itself if none holds it. */
static const char *
relative_to_root(const ct_filter *filter, const char *path)
{
    const char *shortest = path;
    for (size_t i = 0; i < filter->source_count; i++) {
        const source *s = &filter->sources[i];
        if (s->root_size && strncmp(path, s->root, s->root_size) == 0 && (path[s->root_size] == '/' || s->root[s->root_size - 1] == '/')) {
            const char *rest = path + s->root_size + (path[s->root_size] == '/');
            if (strlen(rest) < strlen(shortest))
                shortest = rest;
        }
    }
    return shortest;
}

static bool
is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || (byte & 0x80);
}

/* A name that an import could have: words with dots between them. */
static bool
is_module_name(const char *name)
{
    for (bool begins = true;; name++) {
        if (*name == 0 || *name == '.') {
            if (begins || *name == 0)
                return !begins;
            begins = true;
        }
        else if (!is_letter(*name) && (begins || *name < '0' || *name > '9'))
            return false;
        else
            begins = false;
    }
}

/* `a/b/c.py` as `a.b.c`; of a path outside of every root only the file's name. Empty: it is no module's. */
static void
module_of_path(const char *relative, char *module, size_t capacity)
{
    const char *slash = strrchr(relative, '/');
    if (relative[0] == '/')
        relative = slash + 1;
    size_t size = strlen(relative);
    static const char *const ENDS[] = {".py", ".pyw", "/__init__", "/__main__"};
    module[0] = 0;
    if (size >= capacity)
        return;
    memcpy(module, relative, size + 1);
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        size_t end = strlen(ENDS[i]);
        if (size > end && strcmp(module + size - end, ENDS[i]) == 0)
            module[size -= end] = 0;
    }
    for (size_t i = 0; i < size; i++)
        if (module[i] == '.') { /* `a.b/c.py` cannot be imported */
            module[0] = 0;
            return;
        }
        else if (module[i] == '/')
            module[i] = '.';
    if (!is_module_name(module))
        module[0] = 0;
}

typedef struct subjects { const char *path, *relative, *modules[2], *name; } subjects;

static bool
matches(ct_filter *filter, pattern *p, const char *subject, size_t size)
{
    return pattern_matches(filter->engine, p, subject, size) == PATTERN_YES;
}

/* `module.name`, or `name` alone. */
static bool
matches_object(ct_filter *filter, pattern *p, const subjects *of)
{
    char whole[LONGEST_SUBJECT];
    for (size_t i = 0; i < 2; i++) {
        size_t module = strlen(of->modules[i]), name = strlen(of->name);
        if (module == 0 || module + name + 1 >= sizeof whole)
            continue;
        memcpy(whole, of->modules[i], module);
        whole[module] = '.';
        memcpy(whole + module + 1, of->name, name);
        if (matches(filter, p, whole, module + 1 + name))
            return true;
    }
    return matches(filter, p, of->name, strlen(of->name));
}

static bool
rule_matches(ct_filter *filter, rule *r, const subjects *of)
{
    pattern *p = &r->selector;
    switch (p->kind) {
    case CT_FILTER_FILE: {
        const char *path = p->match != CT_FILTER_REGEX && p->text[0] == '/' ? of->path : of->relative;
        return matches(filter, p, path, strlen(path));
    }
    case CT_FILTER_OBJ:
        return matches_object(filter, p, of);
    default:
        return (of->modules[0][0] && matches(filter, p, of->modules[0], strlen(of->modules[0]))) ||
            (of->modules[1][0] && matches(filter, p, of->modules[1], strlen(of->modules[1])));
    }
}

/* ---- decisions ---- */

void
ct_filter_decide(ct_filter *filter, const char *module, const char *path, const char *qualified_name, ct_filter_decision *decision)
{
    char by_path[LONGEST_SUBJECT];
    subjects of = {.path = path, .relative = relative_to_root(filter, path), .modules = {module, ""}, .name = qualified_name};
    bool usable = is_module_name(module);
    if (!usable || strcmp(module, "__main__") == 0) {
        module_of_path(of.relative, by_path, sizeof by_path);
        of.modules[1] = by_path;
        if (!usable)
            of.modules[0] = "";
    }
    *decision = (ct_filter_decision){0};
    uint32_t value_source = 0, pattern_source = 0;
    for (uint32_t i = 0; i < filter->source_count; i++) {
        if (filter->sources[i].exec != CT_FILTER_EXEC_INHERIT)
            decision->exec = filter->sources[i].exec;
        if (filter->sources[i].action != CT_FILTER_INHERIT) {
            decision->value_default = filter->sources[i].action;
            value_source = i;
        }
    }
    for (size_t i = 0; i < filter->rule_count; i++) {
        rule *r = &filter->rules[i];
        if (!rule_matches(filter, r, &of))
            continue;
        if (r->exec != CT_FILTER_EXEC_INHERIT) {
            decision->exec = r->exec;
            decision->by_rule = true;
        }
        if (r->value_default != CT_FILTER_INHERIT) {
            decision->value_default = r->value_default;
            value_source = r->source;
        }
        if (r->replaces) {
            decision->first = r->first;
            decision->count = r->count;
            pattern_source = r->source;
        }
    }
    /* "Drop everything" is not pierced by what a more general source lets through. */
    if (decision->value_default == CT_FILTER_DROP && pattern_source < value_source)
        decision->count = 0;
}

/* A pattern that hides and could not be decided hides. */
static bool
value_matches(ct_filter *filter, value_pattern *v, const char *name, size_t size)
{
    pattern_answer answer = pattern_matches(filter->engine, &v->selector, name, size);
    return answer == PATTERN_YES || (answer == PATTERN_TOO_SLOW && v->action >= CT_FILTER_REDACT);
}

static ct_filter_action
first_match(ct_filter *filter, uint32_t first, uint32_t count, ct_filter_kind kind, const char *name, size_t size)
{
    for (uint32_t i = first; i < first + count; i++)
        if (filter->values[i].selector.kind == kind && value_matches(filter, &filter->values[i], name, size))
            return filter->values[i].action;
    return CT_FILTER_INHERIT;
}

ct_filter_action
ct_filter_action_of(ct_filter *filter, const ct_filter_decision *decision, ct_filter_kind kind, const char *name, size_t size)
{
    return first_match(filter, decision->first, decision->count, kind, name, size);
}

ct_filter_action
ct_filter_attribute(ct_filter *filter, const char *name, size_t size)
{
    ct_filter_action strictest = CT_FILTER_INHERIT;
    for (size_t i = 0; filter->has_attributes && i < filter->rule_count; i++) {
        ct_filter_action action = first_match(filter, filter->rules[i].first, filter->rules[i].count, CT_FILTER_ATTR, name, size);
        if (action > strictest)
            strictest = action;
    }
    return strictest;
}

const char *
ct_filter_slow(const ct_filter *filter, size_t index)
{
    for (size_t i = 0; i < filter->rule_count; i++)
        if (filter->rules[i].selector.slow && index-- == 0)
            return filter->rules[i].selector.text;
    for (size_t i = 0; i < filter->value_count; i++)
        if (filter->values[i].selector.slow && index-- == 0)
            return filter->values[i].selector.text;
    return NULL;
}
