/* See pattern.h. Regular expressions are PCRE2's, with the options that make them behave like RE2's where both have the same syntax. Globs are
 * translated, with the meaning of the Rust crate globset with literal_separator, whose users have these files: the same steps as its parser's.
 *
 * Invariant: a match ends after MATCH_LIMIT steps at most, and a pattern that reached it MOST_SLOW times is not tried again.
 */
#include "filter/pattern.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#define PCRE2_STATIC
#include <pcre2.h>

#include "util/memory.h"

enum { LONGEST_PATTERN = 4096, MATCH_LIMIT = 200000, DEPTH_LIMIT = 20000, HEAP_LIMIT_KIB = 16384, MOST_SLOW = 50, DEEPEST_BRACES = 16 };

struct pattern_engine {
    const ct_allocator *allocator;
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_match_data *match;
};

static void *
allocate(size_t size, void *allocator)
{
    return ct_allocate(allocator, size);
}

static void
give_back(void *block, void *allocator)
{
    ct_free(allocator, block);
}

pattern_engine *
pattern_engine_new(const ct_allocator *allocator)
{
    pattern_engine *engine = ct_allocate_zero(allocator, 1, sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->allocator = allocator;
    engine->memory = pcre2_general_context_create(allocate, give_back, (void *)(uintptr_t)allocator);
    engine->limits = engine->memory ? pcre2_match_context_create(engine->memory) : NULL;
    engine->match = engine->limits ? pcre2_match_data_create(1, engine->memory) : NULL;
    if (engine->match == NULL) {
        pattern_engine_free(engine);
        return NULL;
    }
    pcre2_set_match_limit(engine->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(engine->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(engine->limits, HEAP_LIMIT_KIB);
    return engine;
}

void
pattern_engine_free(pattern_engine *engine)
{
    if (engine == NULL)
        return;
    pcre2_match_data_free(engine->match);
    pcre2_match_context_free(engine->limits);
    pcre2_general_context_free(engine->memory);
    ct_free(engine->allocator, engine);
}

/* ---- globs ---- */

/* The regular expression being made, and of each open brace whether it has a token yet. `slash`: the last token is a separator that `**` takes back. */
typedef struct glob {
    char *out;
    size_t size;
    int depth;
    bool has_tokens[DEEPEST_BRACES + 1];
    enum { LAST_OTHER, LAST_SLASH, LAST_PREFIX, LAST_SUFFIX } last;
} glob;

static void
add(glob *g, const char *text)
{
    size_t size = strlen(text);
    memcpy(g->out + g->size, text, size);
    g->size += size;
    g->has_tokens[g->depth] = true;
    g->last = LAST_OTHER;
}

static void
add_literal(glob *g, char byte)
{
    char text[3] = {'\\', byte, 0};
    bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '/' || (byte & 0x80);
    add(g, plain ? text + 1 : text);
    if (byte == '/')
        g->last = LAST_SLASH;
}

/* Behind two stars. Returns where to go on. */
static size_t
two_stars(glob *g, const char *text, size_t size, size_t at)
{
    char before = at > 2 ? text[at - 3] : 0, next = at < size ? text[at] : 0;
    bool end = at == size;
    if (!g->has_tokens[g->depth]) {
        if (!end && next != '/' && !(g->depth && (next == ',' || next == '}'))) {
            add(g, "[^/]*");
            return at;
        }
        add(g, end ? ".*" : next == '/' ? "(?:/?|.*/)" : ".*");
        g->last = LAST_PREFIX;
        return next == '/' ? at + 1 : at;
    }
    bool closes = g->depth && (next == ',' || next == '}');
    if (before != '/' || !(end || closes || next == '/') || g->last == LAST_OTHER) {
        add(g, "[^/]*");
        return at;
    }
    if (g->last == LAST_SLASH) {
        g->size--;
        add(g, end || closes ? "/.*" : "(?:/|/.*/)");
        g->last = end || closes ? LAST_SUFFIX : LAST_PREFIX;
    }
    else if (g->last == LAST_PREFIX && (end || closes)) { /* a, **, ** */
        add(g, ".*");
        g->last = LAST_SUFFIX;
    }
    return next == '/' ? at + 1 : at;
}

/* A class, `at` behind its bracket. Returns where it ends, or 0 with *problem. */
static size_t
class_of(glob *g, const char *text, size_t size, size_t at, const char **problem)
{
    bool negated = at < size && (text[at] == '!' || text[at] == '^');
    add(g, negated ? "[^" : "[");
    at += negated;
    for (size_t first = at; at < size; at++) {
        if (text[at] == ']' && at > first) {
            add(g, "]");
            return at + 1;
        }
        if (text[at] == '-' && at > first && at + 1 < size && text[at + 1] != ']') {
            if ((unsigned char)text[at - 1] > (unsigned char)text[at + 1]) {
                *problem = "a range in [...] goes from a higher to a lower character";
                return 0;
            }
            add(g, "-");
            at++;
        }
        char escaped[3] = {'\\', text[at], 0};
        bool alphanumeric = (text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z') || (text[at] >= '0' && text[at] <= '9');
        add(g, alphanumeric || (text[at] & 0x80) || text[at] == '_' ? escaped + 1 : escaped);
    }
    *problem = "a [ is not closed by a ]";
    return 0;
}

/* The regular expression of a glob at g->out, which has room for 12 bytes for each of the pattern's. False with *problem and *position. */
static bool
translate(glob *g, const char *text, size_t size, const char **problem, size_t *position)
{
    add(g, "\\A(?:");
    g->has_tokens[0] = false;
    for (size_t at = 0; at < size;) {
        size_t began = at;
        *position = at;
        switch (text[at++]) {
        case '?':
            add(g, "[^/]");
            break;
        case '*':
            if (at < size && text[at] == '*')
                at = two_stars(g, text, size, at + 1);
            else
                add(g, "[^/]*");
            break;
        case '[':
            if ((at = class_of(g, text, size, at, problem)) == 0)
                return false;
            break;
        case '{':
            if (g->depth == DEEPEST_BRACES) {
                *problem = "braces are nested too deeply";
                return false;
            }
            add(g, "(?:");
            g->has_tokens[++g->depth] = false;
            break;
        case ',':
            if (g->depth == 0)
                add_literal(g, ',');
            else {
                add(g, "|");
                g->has_tokens[g->depth] = false;
            }
            break;
        case '}':
            if (g->depth == 0) {
                *problem = "a } has no { before it";
                return false;
            }
            g->depth--;
            add(g, ")");
            break;
        case '\\':
            if (at == size) {
                *problem = "a \\ at the end has nothing behind it";
                return false;
            }
            began = at++;
            /* fall through */
        default:
            add_literal(g, text[began]);
        }
    }
    *position = size;
    *problem = "a { is not closed by a }";
    if (g->depth)
        return false;
    add(g, ")\\z");
    return true;
}

/* ---- patterns ---- */

static ct_code
compile(pattern_engine *engine, const char *text, size_t size, uint32_t options, pattern *made, ct_error *error)
{
    pcre2_compile_context *context = pcre2_compile_context_create(engine->memory);
    if (context == NULL)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    pcre2_set_parens_nest_limit(context, 100);
    int number = 0;
    PCRE2_SIZE offset = 0;
    made->code = pcre2_compile((PCRE2_SPTR)text, size, options | PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &number, &offset, context);
    pcre2_compile_context_free(context);
    if (made->code)
        return CT_OK;
    if (number == PCRE2_ERROR_HEAP_FAILED)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    ct_fail(error, CT_E_CORRUPT, "the regular expression is wrong", offset, 0);
    if (error)
        pcre2_get_error_message(number, (PCRE2_UCHAR *)error->subject, sizeof error->subject);
    return CT_E_CORRUPT;
}

ct_code
pattern_make(pattern_engine *engine, ct_filter_match match, const char *text, size_t size, pattern *made, ct_error *error)
{
    *made = (pattern){.match = match, .size = size};
    if (size == 0)
        return ct_fail(error, CT_E_CORRUPT, "the pattern is empty", 0, 0);
    if (size > LONGEST_PATTERN)
        return ct_fail(error, CT_E_CORRUPT, "the pattern is longer than 4096 bytes", LONGEST_PATTERN, 0);
    if ((made->text = ct_copy_text(engine->allocator, text, size)) == NULL)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    ct_code code = CT_OK;
    if (match == CT_FILTER_REGEX)
        code = compile(engine, text, size, PCRE2_DOLLAR_ENDONLY, made, error);
    else if (match == CT_FILTER_GLOB) {
        glob g = {.out = ct_allocate(engine->allocator, size * 12 + 16)};
        const char *problem = NULL;
        size_t position = 0;
        if (g.out == NULL)
            code = ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
        else if (!translate(&g, text, size, &problem, &position))
            code = ct_fail(error, CT_E_CORRUPT, problem, position, 0);
        else
            code = compile(engine, g.out, g.size, PCRE2_DOTALL, made, error);
        ct_free(engine->allocator, g.out);
    }
    if (code != CT_OK)
        pattern_drop(engine, made);
    return code;
}

void
pattern_drop(pattern_engine *engine, pattern *p)
{
    pcre2_code_free(p->code);
    ct_free(engine->allocator, p->text);
    *p = (pattern){0};
}

pattern_answer
pattern_matches(pattern_engine *engine, pattern *p, const char *subject, size_t size)
{
    if (p->match == CT_FILTER_LITERAL)
        return p->size == size && memcmp(p->text, subject, size) == 0 ? PATTERN_YES : PATTERN_NO;
    if (p->slow >= MOST_SLOW)
        return PATTERN_TOO_SLOW;
    int found = pcre2_match(p->code, (PCRE2_SPTR)subject, size, 0, 0, engine->match, engine->limits);
    if (found >= 0)
        return PATTERN_YES;
    if (found == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO;
    p->slow++;
    return PATTERN_TOO_SLOW;
}
