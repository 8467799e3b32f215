/*
 * A test framework in one header: a test is a function, a test program runs some of them.
 *
 *     static void adds(void) { CHECK_EQ_INT(1 + 1, 2); }
 *     int main(void) { RUN(adds); return check_summary(); }
 *
 * A failed check prints file:line and the values, counts, and leaves the test function it stands in (so use checks in
 * functions that return void; after calling a helper that checks, `if (check_failed()) return;` where going on makes no
 * sense). check_summary() prints one line and gives main's exit status: 0, or 1 when a check failed or nothing ran.
 * `test_program NAME...` runs only the tests of these names. Not for threads: check on the main thread.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct {
    long checks;      /* made so far */
    long tests;       /* started so far */
    long failed;      /* tests with a failed check */
    bool test_failed; /* the running test has one */
    int filter_count;
    char **filter;
} check_state;

#if defined(__GNUC__)
#define CHECK_UNUSED_ __attribute__((unused))
#define CHECK_PRINTF_ __attribute__((unused, format(printf, 3, 4)))
#else
#define CHECK_UNUSED_
#define CHECK_PRINTF_
#endif

/* Whether the running test has failed already. */
CHECK_UNUSED_ static bool check_failed(void)
{
    return check_state.test_failed;
}

CHECK_PRINTF_ static void check_report_(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    check_state.test_failed = true;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

CHECK_UNUSED_ static void check_dump_(const char *title, const unsigned char *bytes, size_t size, size_t mark)
{
    size_t from = mark > 8 ? mark - 8 : 0;
    size_t to = size - from > 24 ? from + 24 : size;
    fprintf(stderr, "  %-8s at %zu:", title, from);
    for (size_t i = from; i < to; i++)
        fprintf(stderr, i == mark ? " [%02x]" : " %02x", bytes[i]);
    fprintf(stderr, "%s\n", to < size ? " ..." : "");
}

CHECK_UNUSED_ static bool check_mem_(const char *file, int line, const char *text, const void *got, size_t got_size,
                                     const void *expected, size_t expected_size)
{
    const unsigned char *a = got, *b = expected;
    size_t common = got_size < expected_size ? got_size : expected_size;
    size_t i = 0;
    while (i < common && a[i] == b[i])
        i++;
    if (i == common && got_size == expected_size)
        return true;
    check_report_(file, line, "%s: %zu bytes, expected %zu; first difference at %zu", text, got_size, expected_size, i);
    check_dump_("got", a, got_size, i);
    check_dump_("expected", b, expected_size, i);
    return false;
}

/* A condition. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        check_state.checks++;                                                                                          \
        if (!(condition)) {                                                                                            \
            check_report_(__FILE__, __LINE__, "failed: %s", #condition);                                               \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Two integers of any type; CHECK_EQ_UINT for values that may not fit into int64_t. */
#define CHECK_EQ_INT(got, expected)                                                                                    \
    do {                                                                                                               \
        int64_t check_got_ = (int64_t)(got), check_expected_ = (int64_t)(expected);                                    \
        check_state.checks++;                                                                                          \
        if (check_got_ != check_expected_) {                                                                           \
            check_report_(__FILE__, __LINE__, "%s is %" PRId64 ", expected %" PRId64, #got, check_got_,                \
                          check_expected_);                                                                            \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

#define CHECK_EQ_UINT(got, expected)                                                                                   \
    do {                                                                                                               \
        uint64_t check_got_ = (uint64_t)(got), check_expected_ = (uint64_t)(expected);                                 \
        check_state.checks++;                                                                                          \
        if (check_got_ != check_expected_) {                                                                           \
            check_report_(__FILE__, __LINE__, "%s is %" PRIu64 " (0x%" PRIx64 "), expected %" PRIu64 " (0x%" PRIx64    \
                          ")", #got, check_got_, check_got_, check_expected_, check_expected_);                        \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Two texts; NULL equals only NULL. */
#define CHECK_STR(got, expected)                                                                                       \
    do {                                                                                                               \
        const char *check_got_ = (got), *check_expected_ = (expected);                                                 \
        check_state.checks++;                                                                                          \
        if (check_got_ != check_expected_                                                                              \
            && (!check_got_ || !check_expected_ || strcmp(check_got_, check_expected_) != 0)) {                        \
            check_report_(__FILE__, __LINE__, "%s\n  is       \"%s\"\n  expected \"%s\"", #got,                        \
                          check_got_ ? check_got_ : "(NULL)", check_expected_ ? check_expected_ : "(NULL)");           \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Two runs of bytes, each with its own size. */
#define CHECK_MEM(got, got_size, expected, expected_size)                                                              \
    do {                                                                                                               \
        check_state.checks++;                                                                                          \
        if (!check_mem_(__FILE__, __LINE__, #got, (got), (size_t)(got_size), (expected), (size_t)(expected_size)))     \
            return;                                                                                                    \
    } while (0)

/* Fails the test with a printf-like message. */
#define CHECK_FAIL(...)                                                                                                \
    do {                                                                                                               \
        check_report_(__FILE__, __LINE__, __VA_ARGS__);                                                                \
        return;                                                                                                        \
    } while (0)

/* Lets `test_program NAME...` choose: call first in main when wanted. */
CHECK_UNUSED_ static void check_arguments(int argc, char **argv)
{
    check_state.filter_count = argc - 1;
    check_state.filter = argv + 1;
}

CHECK_UNUSED_ static void check_run_(const char *name, void (*test)(void))
{
    bool wanted = check_state.filter_count == 0;
    for (int i = 0; i < check_state.filter_count; i++)
        wanted = wanted || strcmp(check_state.filter[i], name) == 0;
    if (!wanted)
        return;
    check_state.tests++;
    check_state.test_failed = false;
    test();
    if (check_state.test_failed) {
        check_state.failed++;
        fprintf(stderr, "FAILED %s\n", name);
    }
}

#define RUN(test) check_run_(#test, test)

/* Prints the summary; main returns its result. */
CHECK_UNUSED_ static int check_summary(void)
{
    printf("%ld tests, %ld checks, %ld failed\n", check_state.tests, check_state.checks, check_state.failed);
    return check_state.failed > 0 || check_state.tests == 0 ? 1 : 0;
}

#endif
