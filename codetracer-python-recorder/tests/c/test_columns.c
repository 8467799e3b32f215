/* Columns of a journal's lines (docs/journal-format.md, META `columns`): written and read, broken ones, and that numbers in them cost an export no memory. */
#include <stdlib.h>
#include <unistd.h>

#include <codetracer/export.h>

#include "check.h"
#include "sample_journal.h"

static char folder[] = "/tmp/ct-columns-XXXXXX";
static char path[64], target[64];

enum { FIRST_LINE = 10 };

/* A journal of one code and one step in it, with these columns, either way. */
static bool
make(const ct_line_column *lines, size_t count, const char *meta)
{
    sample s;
    unlink(path);
    if (!sample_open(&s, path))
        return false;
    uint32_t file = ct_define_path(s.r, "/p/a.py", 7);
    uint32_t function = sample_code(&s, file, FIRST_LINE, "f", "a", 0, 0, "");
    if (lines)
        ct_define_columns(s.r, function, FIRST_LINE, lines, count);
    if (meta)
        sample_meta(&s, "columns", meta);
    sample_main_thread(&s);
    sample_call(&s, function, FIRST_LINE);
    end(&s);
    sample_step(&s, FIRST_LINE + 1);
    end(&s);
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

static void
are_read_as_they_were_written(void)
{
    enum { MANY = 50000 };
    ct_line_column *lines = malloc(MANY * sizeof *lines);
    CHECK(lines != NULL);
    for (uint32_t i = 0; i < MANY; i++)
        lines[i] = (ct_line_column){ 3 + 7 * i, i % 5 ? i % 1000 * 4000000u : 0 }; /* begins before the code's first line */
    CHECK(make(lines, MANY, NULL));
    ct_journal *journal;
    ct_error error;
    size_t count;
    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    const ct_line_column *read = ct_journal_lines(journal, 0, &count);
    CHECK_EQ_UINT(count, MANY);
    CHECK(memcmp(read, lines, MANY * sizeof *lines) == 0);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_EQ_UINT(ct_journal_column(journal, 0, lines[i].line), lines[i].column);
        CHECK_EQ_UINT(ct_journal_column(journal, 0, lines[i].line + 1), 0);
    }
    CHECK_EQ_UINT(ct_journal_column(journal, 0, -5), 0);
    CHECK_EQ_UINT(ct_journal_column(journal, 1, 3), 0);
    CHECK(ct_journal_lines(journal, 1, &count) == NULL && count == 0);
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    CHECK_EQ_UINT(counts.metas, 0); /* it is the code's, and no fact about the recording */
    ct_journal_close(journal);
    free(lines);
}

static void
what_breaks_the_format_is_told(void)
{
    static const struct { const char *meta; bool good; } metas[] = {
        { "0 0:1", true }, { "0 -10:3 4", true }, { "0 1 1 1:4294967295", true }, { "0", true },
        { "", false }, { "1 0:1", false }, { "x", false }, { "0 ", false }, { "0  1", false }, { "0 1:", false }, { "0 1:x", false }, { "0 1,2", false },
        { "0 1:4294967296", false }, { "0 4294967296", false }, { "0 99999999999999999999999", false }, { "0 -11", false }, { "0 1 0", false },
        { "0 1 -1", false }, { "0 2147483647", false }, { "0 1 4294967295", false }, { "0 --1", false }, { "0 1\n", false },
    };
    for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) {
        ct_journal *journal;
        ct_replay *replay;
        const ct_event *event;
        ct_error error = { 0 };
        ct_code code;
        CHECK(make(NULL, 0, metas[i].meta));
        CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
        CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
        while ((code = ct_replay_next(replay, &event, &error)) == CT_OK)
            ;
        if ((code == CT_END) != metas[i].good)
            fprintf(stderr, "columns '%s'\n", metas[i].meta);
        CHECK_EQ_INT(code, metas[i].good ? CT_END : CT_E_CORRUPT);
        ct_replay_free(replay);
        ct_journal_close(journal);
    }
}

static size_t most;

/* Notes the largest block, and has none that are larger. */
static void *
resize(void *context, void *block, size_t size)
{
    (void)context;
    most = size > most ? size : most;
    if (size && size <= (size_t)256 << 20)
        return realloc(block, size);
    if (!size)
        free(block);
    return NULL;
}

static void
lines_that_no_text_has_cost_no_memory(void)
{
    static const ct_allocator allocator = { .resize = resize };
    ct_journal *journal;
    ct_error error;
    ct_export_result result;
    const ct_export_options multi = { .layout = CT_LAYOUT_MULTI };
    CHECK(make(NULL, 0, "0 1:4000000000 2147483000:5"));
    CHECK_EQ_INT(ct_journal_open(path, &allocator, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_ct(journal, target, &multi, &result, &error), CT_OK);
    CHECK(most < (size_t)64 << 20);
    CHECK(result.bytes < 64 << 20);
    ct_journal_close(journal);
    unlink(target);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/a.ctj", folder);
    snprintf(target, sizeof target, "%s/a.ct", folder);
    RUN(are_read_as_they_were_written);
    RUN(what_breaks_the_format_is_told);
    RUN(lines_that_no_text_has_cost_no_memory);
    unlink(path);
    rmdir(folder);
    return check_summary();
}
