/* Trace filters: how much is recorded of a function, and of which values.
 *
 * A filter is made of sources, each of rules in order, each with value patterns of its own. Sources are added from the most general to the most
 * particular: ct_filter_source(), then for each rule ct_filter_rule(), then for each of its patterns ct_filter_value(). A recorder asks ct_filter_decide()
 * once for each function, and then ct_filter_action_of() for the names in it. Grammar and meaning for users: docs/filters.md.
 *
 * A pattern is a glob (`*` and `?` do not match a slash, `**` does), a literal, or a regular expression that is searched for anywhere. Matching is
 * limited: what takes too long counts as no match for a rule, and as a match for a pattern that hides values; ct_filter_slow() names such patterns.
 *
 * One thread at a time may use a ct_filter. Texts are UTF-8.
 */
#ifndef CODETRACER_FILTER_H
#define CODETRACER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/memory.h"

typedef enum ct_filter_exec { CT_FILTER_EXEC_INHERIT, CT_FILTER_TRACE, CT_FILTER_CALLS, CT_FILTER_SKIP } ct_filter_exec;
typedef enum ct_filter_action { CT_FILTER_INHERIT, CT_FILTER_ALLOW, CT_FILTER_REDACT, CT_FILTER_DROP } ct_filter_action;
typedef enum ct_filter_match { CT_FILTER_GLOB, CT_FILTER_REGEX, CT_FILTER_LITERAL } ct_filter_match;
typedef enum ct_filter_kind {
    CT_FILTER_PKG, CT_FILTER_FILE, CT_FILTER_OBJ,                                                   /* of rules */
    CT_FILTER_LOCAL, CT_FILTER_GLOBAL, CT_FILTER_ARG, CT_FILTER_RET, CT_FILTER_ATTR, CT_FILTER_KINDS /* of value patterns */
} ct_filter_kind;

typedef struct ct_filter ct_filter;

/* NULL: no memory. */
CT_API ct_filter *ct_filter_new(const ct_allocator *allocator);
CT_API void ct_filter_free(ct_filter *filter); /* NULL is allowed */

/* Begins a source. `root`: the absolute folder to which paths are relative in its rules, without a slash at its end; NULL or empty: it has none. */
CT_API ct_code ct_filter_source(ct_filter *filter, const char *root, ct_filter_exec default_exec, ct_filter_action default_action);

/* Adds a rule to the last source. `replaces`: values are judged by this rule's patterns alone, even if it has none; else by those of the rule before it that
 * matched. CT_E_CORRUPT: the pattern is wrong; error->message says how, error->position where in it. */
CT_API ct_code ct_filter_rule(ct_filter *filter, ct_filter_kind kind, ct_filter_match match, const char *pattern, size_t size, ct_filter_exec exec,
                              ct_filter_action value_default, bool replaces, ct_error *error);

/* Adds a pattern to the last rule, which replaces. */
CT_API ct_code ct_filter_value(ct_filter *filter, ct_filter_kind kind, ct_filter_match match, const char *pattern, size_t size, ct_filter_action action,
                               ct_error *error);

typedef struct ct_filter_decision {
    ct_filter_exec exec;            /* INHERIT: no rule and no default says anything */
    bool by_rule;                   /* exec comes from a rule, not from a default */
    ct_filter_action value_default; /* INHERIT: as ALLOW */
    uint32_t first, count;          /* of the value patterns: for ct_filter_action_of */
} ct_filter_decision;

/* A function of a program, all texts terminated, none NULL: its module's name (`__main__` and "" are looked up by path, too), the absolute path of its
 * file, its qualified name. */
CT_API void ct_filter_decide(ct_filter *filter, const char *module, const char *path, const char *qualified_name, ct_filter_decision *decision);

/* What is done with the value under a name: by the first pattern of this kind that matches. INHERIT: none does. */
CT_API ct_filter_action ct_filter_action_of(ct_filter *filter, const ct_filter_decision *decision, ct_filter_kind kind, const char *name, size_t size);

/* What is done with an attribute of an object, which is seen from everywhere: the strictest that any rule says. */
CT_API ct_filter_action ct_filter_attribute(ct_filter *filter, const char *name, size_t size);

/* The patterns that took too long, one by one from 0; NULL: no more. */
CT_API const char *ct_filter_slow(const ct_filter *filter, size_t index);

#endif
