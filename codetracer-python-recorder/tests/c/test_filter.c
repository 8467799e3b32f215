/* Patterns and rules: against tables written by hand from the documentation of globset and RE2, and from the meaning that docs/filters.md gives. */
#include "check.h"

#include <stdlib.h>
#include <time.h>

#include "codetracer/filter.h"
#include "failing_memory.h"

/* 1, 0, or -1: the pattern is wrong. */
static int
matches(ct_filter_match match, const char *pattern, const char *subject)
{
    ct_filter *f = ct_filter_new(NULL);
    ct_error error = {0};
    int answer = -1;
    ct_filter_source(f, NULL, CT_FILTER_TRACE, CT_FILTER_ALLOW);
    ct_filter_rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "m", 1, CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT, true, NULL);
    if (ct_filter_value(f, CT_FILTER_LOCAL, match, pattern, strlen(pattern), CT_FILTER_ALLOW, &error) == CT_OK) {
        ct_filter_decision decision;
        ct_filter_decide(f, "m", "/m.py", "f", &decision);
        answer = ct_filter_action_of(f, &decision, CT_FILTER_LOCAL, subject, strlen(subject)) == CT_FILTER_ALLOW;
    }
    else if (error.message == NULL || error.code != CT_E_CORRUPT || error.position > strlen(pattern))
        answer = -2;
    ct_filter_free(f);
    return answer;
}

typedef struct expectation { const char *pattern, *subject; int answer; } expectation;

static void
expect(ct_filter_match match, const expectation *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int answer = matches(match, expected[i].pattern, expected[i].subject);
        if (answer != expected[i].answer)
            CHECK_FAIL("%s on %s: %d, expected %d", expected[i].pattern, expected[i].subject, answer, expected[i].answer);
    }
    CHECK(count > 0);
}

static void
globs(void)
{
    static const expectation EXPECTED[] = {
        {"*", "a.b.c", 1}, {"*", "a/b", 0}, {"app.*", "app.models", 1}, {"app.*", "app", 0}, {"app.*", "xapp.models", 0}, {"app*", "app", 1},
        {"src/*.py", "src/a.py", 1}, {"src/*.py", "src/b/a.py", 0}, {"**/*.py", "a.py", 1}, {"**/*.py", "a/b/c.py", 1}, {"**/*.py", "a/b/c.pyc", 0},
        {"src/**", "src/a", 1}, {"src/**", "src/a/b", 1}, {"src/**", "src", 0}, {"a/**/b", "a/b", 1}, {"a/**/b", "a/x/b", 1}, {"a/**/b", "a/x/y/b", 1},
        {"a/**/b", "ab", 0}, {"a/**/**/b", "a/b", 1}, {"a/**/**", "a/b/c", 1}, {"**", "a/b/c", 1}, {"**", "", 1}, {"a**b", "axxb", 1}, {"a**b", "ax/xb", 0},
        {"**/tests/**/*.py", "tests/a.py", 1}, {"**/tests/**/*.py", "x/tests/y/z/a.py", 1}, {"**/tests/**/*.py", "tests.py", 0},
        {"?", "a", 1}, {"?", "", 0}, {"?", "/", 0}, {"?", "\xC3\xA9", 1}, {"f?o", "foo", 1}, {"[abc]x", "bx", 1}, {"[abc]x", "dx", 0}, {"[a-c]", "b", 1},
        {"[!a-c]", "b", 0}, {"[!a-c]", "d", 1}, {"[^a]", "b", 1}, {"[]]", "]", 1}, {"[-a]", "-", 1}, {"[a-]", "-", 1}, {"[.]", "x", 0}, {"[\\]", "\\", 1},
        {"{a,b}.py", "a.py", 1}, {"{a,b}.py", "c.py", 0}, {"{a,b}{c,d}", "bd", 1}, {"{,x}y", "y", 1}, {"{src,{lib,ext}}/*.c", "ext/a.c", 1},
        {"{src,tests}/**", "tests/a/b", 1}, {"{**/a,b}", "x/a", 1}, {"a,b", "a,b", 1}, {"a\\*b", "a*b", 1}, {"a\\*b", "axb", 0}, {"a.b", "axb", 0},
        {"(a)+$", "(a)+$", 1}, {"f.<locals>.g", "f.<locals>.g", 1}, {"*", "a\nb", 1}, {"a b", "a b", 1}, {"#x", "#x", 1},
        {"[", "a", -1}, {"[a", "a", -1}, {"{a", "a", -1}, {"a}", "a", -1}, {"[z-a]", "a", -1}, {"a\\", "a", -1}, {"", "a", -1},
    };
    expect(CT_FILTER_GLOB, EXPECTED, sizeof EXPECTED / sizeof *EXPECTED);
}

static void
regular_expressions(void)
{
    static const expectation EXPECTED[] = {
        {"b", "abc", 1}, {"^b", "abc", 0}, {"^(asyncio|selectors)(\\.|$)", "asyncio.events", 1}, {"^(asyncio|selectors)(\\.|$)", "asyncio2", 0},
        {"(?i)pass(word)?", "myPASS", 1}, {"a{2,3}$", "caaa", 1}, {"\\d+", "x12", 1}, {"\\bkey\\b", "a key b", 1}, {"\\bkey\\b", "monkey", 0},
        {"a$", "a\n", 0}, {"^.$", "\xC3\xA9", 1}, {"\\p{Lu}", "\xC3\x89", 1}, {"(?P<n>a)", "a", 1}, {"[[:alpha:]]", "1", 0}, {"a|", "", 1},
        {".*[\\\\/]site-packages[\\\\/].*", "/x/site-packages/y.py", 1}, {"(", "a", -1}, {"a)", "a", -1}, {"[a", "a", -1}, {"*a", "a", -1}, {"a{3,1}", "a", -1},
        {"\\C", "a", -1}, {"((((a{1000}){1000}){1000}){1000})", "a", -1},
    };
    expect(CT_FILTER_REGEX, EXPECTED, sizeof EXPECTED / sizeof *EXPECTED);
}

static void
literals(void)
{
    static const expectation EXPECTED[] = {{"a.*", "a.*", 1}, {"a.*", "a.b", 0}, {"a", "ab", 0}, {"", "", -1}};
    expect(CT_FILTER_LITERAL, EXPECTED, sizeof EXPECTED / sizeof *EXPECTED);
}

static void
rule(ct_filter *f, ct_filter_kind kind, ct_filter_match match, const char *text, ct_filter_exec exec, ct_filter_action action, bool replaces)
{
    CHECK_EQ_INT(ct_filter_rule(f, kind, match, text, strlen(text), exec, action, replaces, NULL), CT_OK);
}

static void
value(ct_filter *f, ct_filter_kind kind, const char *text, ct_filter_action action)
{
    CHECK_EQ_INT(ct_filter_value(f, kind, CT_FILTER_LITERAL, text, strlen(text), action, NULL), CT_OK);
}

static ct_filter_action
action(ct_filter *f, const ct_filter_decision *d, ct_filter_kind kind, const char *name)
{
    return ct_filter_action_of(f, d, kind, name, strlen(name));
}

static ct_filter_exec
exec_of(ct_filter *f, const char *module, const char *path, const char *name)
{
    ct_filter_decision d;
    ct_filter_decide(f, module, path, name, &d);
    return d.exec;
}

static void
rules_in_order(void)
{
    ct_filter *f = ct_filter_new(NULL);
    ct_filter_decision d;
    ct_filter_source(f, NULL, CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT);
    ct_filter_decide(f, "m", "/p/m.py", "f", &d);
    CHECK(d.exec == CT_FILTER_EXEC_INHERIT && !d.by_rule && d.value_default == CT_FILTER_INHERIT && d.count == 0);
    rule(f, CT_FILTER_PKG, CT_FILTER_GLOB, "*", CT_FILTER_TRACE, CT_FILTER_ALLOW, true);
    value(f, CT_FILTER_LOCAL, "password", CT_FILTER_REDACT);
    ct_filter_source(f, "/p", CT_FILTER_SKIP, CT_FILTER_INHERIT);
    rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "m", CT_FILTER_CALLS, CT_FILTER_INHERIT, false);
    rule(f, CT_FILTER_OBJ, CT_FILTER_LITERAL, "m.C.f", CT_FILTER_SKIP, CT_FILTER_INHERIT, true);
    rule(f, CT_FILTER_FILE, CT_FILTER_GLOB, "sub/*.py", CT_FILTER_EXEC_INHERIT, CT_FILTER_DROP, false);
    rule(f, CT_FILTER_FILE, CT_FILTER_GLOB, "/other/*.py", CT_FILTER_SKIP, CT_FILTER_INHERIT, false);

    ct_filter_decide(f, "m", "/p/m.py", "f", &d); /* a rule without patterns keeps those there are */
    CHECK(d.exec == CT_FILTER_CALLS && d.by_rule && action(f, &d, CT_FILTER_LOCAL, "password") == CT_FILTER_REDACT);
    CHECK_EQ_INT(action(f, &d, CT_FILTER_ARG, "password"), CT_FILTER_INHERIT);
    CHECK_EQ_INT(action(f, &d, CT_FILTER_LOCAL, "other"), CT_FILTER_INHERIT);
    ct_filter_decide(f, "m", "/p/m.py", "C.f", &d); /* an explicit empty list replaces */
    CHECK(d.exec == CT_FILTER_SKIP && d.count == 0);
    ct_filter_decide(f, "n", "/p/sub/n.py", "f", &d); /* drop, set by a later source than the patterns */
    CHECK(d.exec == CT_FILTER_TRACE && d.value_default == CT_FILTER_DROP && d.count == 0);
    CHECK_EQ_INT(exec_of(f, "n", "/other/n.py", "f"), CT_FILTER_SKIP);
    CHECK_EQ_INT(exec_of(f, "n", "/other/n/n.py", "f"), CT_FILTER_TRACE);
    ct_filter_free(f);
}

static void
names_of_modules(void)
{
    ct_filter *f = ct_filter_new(NULL);
    ct_filter_source(f, "/p", CT_FILTER_TRACE, CT_FILTER_ALLOW);
    ct_filter_source(f, "/p/src", CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT);
    rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "app.tool", CT_FILTER_SKIP, CT_FILTER_INHERIT, false);
    rule(f, CT_FILTER_OBJ, CT_FILTER_LITERAL, "app.Main.run", CT_FILTER_CALLS, CT_FILTER_INHERIT, false);
    rule(f, CT_FILTER_OBJ, CT_FILTER_LITERAL, "helper", CT_FILTER_SKIP, CT_FILTER_INHERIT, false);
    rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "__main__", CT_FILTER_EXEC_INHERIT, CT_FILTER_REDACT, false);
    CHECK_EQ_INT(exec_of(f, "app.tool", "/elsewhere/x.py", "f"), CT_FILTER_SKIP);
    CHECK_EQ_INT(exec_of(f, "__main__", "/p/src/app/tool.py", "f"), CT_FILTER_SKIP);      /* a script, by its path below the nearest root */
    CHECK_EQ_INT(exec_of(f, "", "/p/app/tool/__init__.py", "f"), CT_FILTER_SKIP);
    CHECK_EQ_INT(exec_of(f, "not a name", "/p/app/tool/__main__.py", "f"), CT_FILTER_SKIP);
    CHECK_EQ_INT(exec_of(f, "other", "/p/src/app/tool.py", "f"), CT_FILTER_TRACE);        /* it has a name of its own */
    CHECK_EQ_INT(exec_of(f, "__main__", "/nowhere/app.py", "Main.run"), CT_FILTER_CALLS); /* outside of every root: the file's name */
    CHECK_EQ_INT(exec_of(f, "x", "/p/y.py", "helper"), CT_FILTER_SKIP);
    CHECK_EQ_INT(exec_of(f, "", "/p/a.b/c.py", "f"), CT_FILTER_TRACE);
    ct_filter_decision d;
    ct_filter_decide(f, "__main__", "/p/src/app/x.py", "f", &d);
    CHECK_EQ_INT(d.value_default, CT_FILTER_REDACT);
    ct_filter_free(f);
}

static void
attributes(void)
{
    ct_filter *f = ct_filter_new(NULL);
    ct_filter_source(f, NULL, CT_FILTER_TRACE, CT_FILTER_ALLOW);
    rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "a", CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT, true);
    value(f, CT_FILTER_ATTR, "email", CT_FILTER_DROP);
    rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "b", CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT, true);
    value(f, CT_FILTER_ATTR, "email", CT_FILTER_ALLOW);
    value(f, CT_FILTER_ATTR, "name", CT_FILTER_REDACT);
    value(f, CT_FILTER_ATTR, "name", CT_FILTER_DROP);
    CHECK_EQ_INT(ct_filter_attribute(f, "email", 5), CT_FILTER_DROP);
    CHECK_EQ_INT(ct_filter_attribute(f, "name", 4), CT_FILTER_REDACT); /* the first of one rule */
    CHECK_EQ_INT(ct_filter_attribute(f, "other", 5), CT_FILTER_INHERIT);
    ct_filter_free(f);
}

/* Steps that a match may take are limited: a pattern that would take forever says no to a rule, and hides what it should hide. */
static void
catastrophic_patterns(void)
{
    static const char SLOW[] = "^(\\w+\\w?)+$";
    ct_filter *f = ct_filter_new(NULL);
    ct_filter_source(f, NULL, CT_FILTER_TRACE, CT_FILTER_ALLOW);
    rule(f, CT_FILTER_PKG, CT_FILTER_REGEX, "(a+)+$", CT_FILTER_SKIP, CT_FILTER_INHERIT, false);
    rule(f, CT_FILTER_PKG, CT_FILTER_REGEX, SLOW, CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT, true);
    value(f, CT_FILTER_LOCAL, "x", CT_FILTER_ALLOW);
    rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "m", CT_FILTER_EXEC_INHERIT, CT_FILTER_INHERIT, true);
    CHECK_EQ_INT(ct_filter_value(f, CT_FILTER_LOCAL, CT_FILTER_REGEX, SLOW, strlen(SLOW), CT_FILTER_REDACT, NULL), CT_OK);
    CHECK(ct_filter_slow(f, 0) == NULL);
    char name[2001];
    memset(name, 'a', sizeof name - 1);
    strcpy(name + 60, "!");
    ct_filter_decision d;
    clock_t began = clock();
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ_INT(exec_of(f, "m", "/m.py", name), CT_FILTER_TRACE);
        ct_filter_decide(f, "m", "/m.py", "f", &d);
        CHECK_EQ_INT(action(f, &d, CT_FILTER_LOCAL, name), CT_FILTER_REDACT);
    }
    /* The module's name: words only, so it is one that matches too slowly when made so. */
    char module[100];
    memset(module, 'a', 70);
    strcpy(module + 70, ".b.c");
    for (int i = 0; i < 2000; i++)
        CHECK_EQ_INT(exec_of(f, module, "/m.py", "f"), CT_FILTER_TRACE);
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    if (seconds > 30)
        CHECK_FAIL("it took %.1f s", seconds);
    const char *slow = ct_filter_slow(f, 0);
    CHECK(slow != NULL && strcmp(slow, "(a+)+$") == 0);
    ct_filter_free(f);
}

static ct_code
build(const ct_allocator *allocator)
{
    ct_filter *f = ct_filter_new(allocator);
    if (f == NULL)
        return CT_E_NOMEM;
    ct_error error;
    ct_code code = ct_filter_source(f, "/p", CT_FILTER_TRACE, CT_FILTER_ALLOW);
    for (int i = 0; i < 5 && code == CT_OK; i++) {
        code = ct_filter_rule(f, CT_FILTER_FILE, CT_FILTER_GLOB, "**/{a,b}*.py", 12, CT_FILTER_SKIP, CT_FILTER_INHERIT, true, &error);
        if (code == CT_OK)
            code = ct_filter_value(f, CT_FILTER_ATTR, CT_FILTER_REGEX, "(a|b)+c", 7, CT_FILTER_REDACT, &error);
    }
    ct_filter_free(f);
    return code;
}

static void
no_memory_is_said(void)
{
    for (long n = 0; n < 1000; n++) {
        failing_memory memory;
        ct_code code = build(failing_memory_start(&memory, n));
        CHECK_EQ_INT(memory.live, 0);
        if (memory.failed == 0) {
            CHECK_EQ_INT(code, CT_OK);
            CHECK(n > 10);
            return;
        }
        CHECK_EQ_INT(code, CT_E_NOMEM);
    }
    CHECK_FAIL("it never succeeded");
}

static void
wrong_arguments(void)
{
    ct_filter *f = ct_filter_new(NULL);
    ct_error error;
    CHECK_EQ_INT(ct_filter_rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, "m", 1, CT_FILTER_SKIP, CT_FILTER_INHERIT, false, &error), CT_E_PARAM);
    ct_filter_source(f, NULL, CT_FILTER_TRACE, CT_FILTER_ALLOW);
    CHECK_EQ_INT(ct_filter_value(f, CT_FILTER_ARG, CT_FILTER_LITERAL, "m", 1, CT_FILTER_DROP, &error), CT_E_PARAM);
    CHECK_EQ_INT(ct_filter_rule(f, CT_FILTER_ARG, CT_FILTER_LITERAL, "m", 1, CT_FILTER_SKIP, CT_FILTER_INHERIT, false, &error), CT_E_PARAM);
    char longest[5000];
    memset(longest, 'a', sizeof longest);
    CHECK_EQ_INT(ct_filter_rule(f, CT_FILTER_PKG, CT_FILTER_LITERAL, longest, sizeof longest, CT_FILTER_SKIP, CT_FILTER_INHERIT, false, &error), CT_E_CORRUPT);
    CHECK_EQ_INT(ct_filter_rule(f, CT_FILTER_PKG, CT_FILTER_REGEX, "ab(c", 4, CT_FILTER_SKIP, CT_FILTER_INHERIT, false, &error), CT_E_CORRUPT);
    CHECK(strstr(error.subject, "parenthesis") != NULL && error.position == 4);
    ct_filter_free(f);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    RUN(globs);
    RUN(regular_expressions);
    RUN(literals);
    RUN(rules_in_order);
    RUN(names_of_modules);
    RUN(attributes);
    RUN(catastrophic_patterns);
    RUN(no_memory_is_said);
    RUN(wrong_arguments);
    return check_summary();
}
