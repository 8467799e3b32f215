/* ct_trace_open: which file is meant, which format it has, what is said when it is none, and that nothing is left behind. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <codetracer/export.h>
#include <codetracer/import.h>
#include <codetracer/trace.h>
#include <codetracer/verify.h>

#include "check.h"
#include "container_bytes.h"
#include "sample_journal.h"

static char folder[] = "/tmp/ct-trace-XXXXXX";
static char name[4][128];

/* folder/NAME; four of them may be in use at once. */
static const char *
in(const char *file)
{
    static int next;
    next = (next + 1) % 4;
    snprintf(name[next], sizeof name[next], "%s/%s", folder, file);
    return name[next];
}

static void
write_text(const char *file, const char *text)
{
    FILE *out = fopen(file, "wb");
    if (out) {
        fputs(text, out);
        fclose(out);
    }
}

static int
entries(const char *of)
{
    int count = 0;
    DIR *dir = opendir(of);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return count;
}

static ct_code
steps_of(const char *path, enum ct_trace_format *format, uint64_t *steps, ct_error *error)
{
    ct_journal *journal;
    ct_journal_counts counts;
    ct_trace_options options = {.temporary_folder = in("temporary")};
    CT_TRY(ct_trace_open(path, &options, &journal, format, error));
    ct_journal_count(journal, &counts);
    *steps = counts.steps;
    ct_journal_close(journal);
    return CT_OK;
}

static void
every_format_by_file_and_by_folder(void)
{
    static const char *const FILES[] = {"j/x.ctj", "c/x.ct", "s/trace.json", "b/trace.bin", "v/trace.bin"};
    uint64_t steps, expected = 0;
    ct_journal *journal;
    ct_export_result result;
    ct_error error;
    CHECK_EQ_INT(mkdir(in("j"), 0700), 0);
    CHECK_EQ_INT(mkdir(in("c"), 0700), 0);
    CHECK_EQ_INT(mkdir(in("s"), 0700), 0);
    CHECK_EQ_INT(mkdir(in("b"), 0700), 0);
    CHECK_EQ_INT(mkdir(in("v"), 0700), 0);
    CHECK_EQ_INT(mkdir(in("temporary"), 0700), 0);
    CHECK(sample_everything(in(FILES[CT_TRACE_JOURNAL])));
    CHECK_EQ_INT(ct_journal_open(in("j"), NULL, &journal, &error), CT_OK);
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    expected = counts.steps;
    CHECK_EQ_INT(ct_export_ct(journal, in(FILES[CT_TRACE_CT]), NULL, &result, &error), CT_OK);
    CHECK_EQ_INT(ct_export_json(journal, in("s"), NULL, &result, &error), CT_OK);
    CHECK_EQ_INT(ct_export_binary(journal, in("b"), NULL, &result, &error), CT_OK);
    CHECK_EQ_INT(ct_export_binary_v0(journal, in("v"), NULL, &result, &error), CT_OK);
    ct_journal_close(journal);
    for (int i = 0; i < (int)(sizeof FILES / sizeof *FILES); i++) {
        enum ct_trace_format format;
        CHECK_EQ_INT(steps_of(in(FILES[i]), &format, &steps, &error), CT_OK);
        CHECK_EQ_INT(format, i);
        CHECK_EQ_UINT(steps, expected);
        char parent[2] = {FILES[i][0], 0};
        CHECK_EQ_INT(steps_of(in(parent), &format, &steps, &error), CT_OK);
        CHECK_EQ_INT(format, i);
        CHECK_EQ_UINT(steps, expected);
    }
    CHECK_EQ_INT(entries(in("temporary")), 0);
    /* The name does not matter. */
    enum ct_trace_format format;
    CHECK_EQ_INT(rename(in("c/x.ct"), in("c/trace.json")), 0);
    CHECK_EQ_INT(steps_of(in("c"), &format, &steps, &error), CT_OK);
    CHECK_EQ_INT(format, CT_TRACE_CT);
    CHECK_STR(ct_trace_format_name(format), "ct");
    CHECK_STR(ct_trace_format_name((enum ct_trace_format)99), NULL);
}

static void
what_cannot_be_opened(void)
{
    uint64_t steps;
    ct_error error;
    CHECK_EQ_INT(steps_of(in("nowhere"), NULL, &steps, &error), CT_E_IO);
    CHECK_STR(error.message, "there is no such file or folder");
    CHECK_EQ_INT(steps_of("/dev/null", NULL, &steps, &error), CT_E_IO);
    CHECK_EQ_INT(steps_of(in("temporary"), NULL, &steps, &error), CT_E_IO);
    CHECK_STR(error.message, "the folder holds no trace: no .ctj, no .ct, no trace.json, no trace.bin");
    CHECK_STR(error.subject, "");

    CHECK_EQ_INT(mkdir(in("bad"), 0700), 0);
    write_text(in("bad/c.ct"), "no trace");
    CHECK_EQ_INT(steps_of(in("bad"), NULL, &steps, &error), CT_E_CORRUPT);
    CHECK_STR(error.subject, "c.ct");
    write_text(in("bad/trace.json"), " [{\"Path\":1}]");
    CHECK_EQ_INT(steps_of(in("bad/trace.json"), NULL, &steps, &error), CT_E_CORRUPT);
    CHECK_STR(error.subject, "");
    CHECK_EQ_INT(steps_of(in("bad"), NULL, &steps, &error), CT_E_PARAM);
    CHECK_STR(error.subject, "c.ct, trace.json");
    write_text(in("bad/a.ct"), "");
    write_text(in("bad/e.ctj"), "");
    write_text(in("bad/d.ct"), "");
    write_text(in("bad/.hidden.ct"), "");
    write_text(in("bad/b.ctj"), "");
    CHECK_EQ_INT(steps_of(in("bad"), NULL, &steps, &error), CT_E_PARAM);
    CHECK_STR(error.subject, "a.ct, b.ctj, c.ct, d.ct, …");

    /* Damage: what stands before it is there, but for the last step, of which not all may have been read. */
    ct_journal *part;
    write_text(in("bad/trace.json"), "[{\"Path\":\"/a\"},{\"Function\":{\"path_id\":0,\"line\":1,\"name\":\"f\"}},{\"Call\":{\"function_id\":0,\"args\":[]}},"
                                     "{\"Step\":{\"path_id\":0,\"line\":2}},{\"Step\":{\"path_id\":0,\"line\":3}},{\"Val");
    CHECK_EQ_INT(ct_trace_open(in("bad/trace.json"), NULL, &part, NULL, &error), CT_E_CORRUPT);
    CHECK(part);
    ct_journal_counts counts;
    ct_journal_count(part, &counts);
    CHECK_EQ_UINT(counts.steps, 1);
    ct_journal_close(part);

    /* No place for the temporary journal. */
    ct_journal *journal;
    ct_trace_options options = {.temporary_folder = in("nowhere")};
    CHECK_EQ_INT(ct_trace_open(in("s"), &options, &journal, NULL, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, ENOENT);
    CHECK(!journal);
    CHECK_EQ_INT(entries(in("temporary")), 0);
}

static void
ignore(void *context, const ct_finding *finding)
{
    (void)context;
    (void)finding;
}

/* Whatever takes space takes it where the caller says: the environment is not asked. */
static void
temporary_folder(void)
{
    ct_error error;
    ct_verified verified;
    uint64_t steps;
    char before[PATH_MAX] = "", room[PATH_MAX], none[PATH_MAX];
    snprintf(room, sizeof room, "%s", in("temporary"));
    snprintf(none, sizeof none, "%s", in("nowhere"));
    const char *environment = getenv("TMPDIR");
    if (environment)
        snprintf(before, sizeof before, "%s", environment);
    setenv("TMPDIR", none, 1);
    ct_trace_options options = {.temporary_folder = room};
    CHECK_EQ_INT(steps_of(in("v"), NULL, &steps, &error), CT_OK);
    CHECK_EQ_INT(ct_verify(in("v"), &options, ignore, NULL, &verified, &error), CT_OK);
    CHECK_EQ_UINT(verified.findings, 0);
    CHECK(verified.steps > steps); /* the calls' own, too */
    CHECK_EQ_INT(ct_verify(in("v"), NULL, ignore, NULL, &verified, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, ENOENT);
    CHECK_EQ_INT(ct_verify(in("s"), NULL, ignore, NULL, &verified, &error), CT_OK); /* takes none */
    setenv("TMPDIR", room, 1);
    CHECK_EQ_INT(ct_verify(in("v"), NULL, ignore, NULL, &verified, &error), CT_OK);
    options.temporary_folder = none;
    CHECK_EQ_INT(ct_verify(in("v"), &options, ignore, NULL, &verified, &error), CT_E_IO);
    CHECK_EQ_INT(entries(in("temporary")), 0);
    if (environment)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
}

/* A container that holds a journal is opened through it; when that is damaged, through what else is in it. */
static void
journal_in_a_container(void)
{
    static uint8_t file[1 << 20];
    ct_error error;
    ct_journal *journal, *inner;
    FILE *in_file = fopen(in("j/x.ctj"), "rb");
    CHECK(in_file);
    size_t size = fread(file, 1, sizeof file, in_file);
    fclose(in_file);
    CHECK(size > 1024 && size < sizeof file); /* several blocks */
    CHECK_EQ_INT(ct_journal_open(in("j"), NULL, &journal, &error), CT_OK);
    for (int what = 0; what < 4; what++) {
        box b;
        CHECK(box_open(&b, 1 << 22, 1024, 4, 40));
        for (int i = 0; i < 34; i++)
            box_add(&b, "filler", "x", 1);
        if (what == 1)
            file[3] ^= 1;
        box_add(&b, "journal.ctj", file, what == 2 ? size - 20 : size);
        if (what == 1)
            file[3] ^= 1;
        if (what == 3)
            CHECK_EQ_INT(ftruncate(b.fd, (off_t)((b.next - 1) * b.block)), 0);
        ct_code code = ct_trace_open(b.path, NULL, &inner, NULL, &error); /* whole; not a journal; without its end; cut off with the file */
        if (what == 0) {
            CHECK_EQ_INT(code, CT_OK);
            ct_journal_counts counts, expected;
            ct_journal_count(inner, &counts);
            ct_journal_count(journal, &expected);
            CHECK_EQ_UINT(counts.steps, expected.steps);
            CHECK_EQ_UINT(counts.events, expected.events);
            CHECK_MEM(ct_journal_id(inner), 16, ct_journal_id(journal), 16);
            ct_journal_close(inner);
        }
        else {
            CHECK_EQ_INT(code, CT_E_CORRUPT);
            CHECK_STR(error.message, "the container holds no trace: neither events.log nor steps.dat");
        }
        box_close(&b);
    }
    ct_journal_close(journal);
}

static ct_code no_part(void *context, const ct_trace_part *part) { return (void)context, (void)part, CT_OK; }
static ct_code no_span(void *context, const ct_span *span) { return (void)context, (void)span, CT_OK; }
static void no_finding(void *context, const ct_finding *finding) { (void)context, (void)finding; }
static void no_loss(void *context, const ct_loss *loss) { (void)context, (void)loss; }

/* NULL where the headers do not allow it, and numbers that are none: CT_E_PARAM, with the error and without one. */
static void
what_is_missing_is_told(void)
{
    ct_error error = {0}, *const errors[] = {&error, NULL};
    ct_journal *journal, *other = NULL;
    ct_replay *replay, *second = NULL;
    ct_recording *recording = NULL;
    const ct_event *event;
    ct_text text;
    ct_trace_origin origin;
    ct_verified verified;
    ct_value value = {0};
    uint64_t bytes;
    const ct_sink no_sink = {0};
    const ct_folder no_folder = {0};
    const ct_export_options layout = {.layout = (enum ct_layout)77}, views = {.view_count = 1};
    const char *path = in("j/x.ctj");
    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    for (size_t i = 0; i < 2; i++) {
        ct_error *e = errors[i];
        const ct_code codes[] = {
            ct_trace_open(NULL, NULL, &other, NULL, e), ct_trace_open(path, NULL, NULL, NULL, e),
            ct_trace_find_origin(NULL, &origin, e), ct_trace_find_origin(path, NULL, e),
            ct_trace_parts(NULL, no_part, NULL, &bytes, e), ct_trace_parts(path, NULL, NULL, &bytes, e), ct_trace_parts(path, no_part, NULL, NULL, e),
            ct_journal_open(NULL, NULL, &other, e), ct_journal_open(path, NULL, NULL, e), ct_journal_open_source(NULL, NULL, &other, e),
            ct_journal_copy(NULL, NULL, e), ct_journal_copy(journal, NULL, e), ct_journal_copy(journal, &no_sink, e), ct_journal_save(journal, NULL, e),
            ct_journal_source(NULL, 0, &text, e), ct_journal_source(journal, 0, NULL, e), ct_journal_source(journal, UINT32_MAX, &text, e),
            ct_journal_spans(NULL, no_span, NULL), ct_journal_spans(journal, NULL, NULL),
            ct_replay_new(NULL, &second, e), ct_replay_new(journal, NULL, e), ct_replay_next(NULL, &event, e), ct_replay_next(replay, NULL, e),
            ct_replay_seek_step(NULL, 0, &event, e), ct_replay_seek_step(replay, 0, NULL, e), ct_replay_seek_step(replay, UINT64_MAX, &event, e),
            ct_replay_resolve(NULL, &value, e), ct_replay_resolve(replay, NULL, e),
            ct_export_json(NULL, folder, NULL, NULL, e), ct_export_json(journal, NULL, NULL, NULL, e), ct_export_json_to(journal, &no_folder, NULL, NULL, e),
            ct_export_binary_to(journal, NULL, NULL, NULL, e), ct_export_binary_v0_to(journal, NULL, NULL, NULL, e),
            ct_export_ct(journal, NULL, NULL, NULL, e), ct_export_ct_to(journal, &no_sink, NULL, NULL, e),
            ct_export_ct(journal, in("none.ct"), &layout, NULL, e), ct_export_ct(journal, in("none.ct"), &views, NULL, e),
            ct_losses(NULL, CT_TRACE_JSON, CT_LAYOUT_BOTH, no_loss, NULL, e), ct_losses(journal, CT_TRACE_JSON, CT_LAYOUT_BOTH, NULL, NULL, e),
            ct_losses(journal, (enum ct_trace_format)99, CT_LAYOUT_BOTH, no_loss, NULL, e), ct_losses(journal, CT_TRACE_CT, (enum ct_layout)99, no_loss, NULL, e),
            ct_verify(NULL, NULL, no_finding, NULL, &verified, e), ct_verify(path, NULL, NULL, NULL, &verified, e), ct_verify(path, NULL, no_finding, NULL, NULL, e),
            ct_recording_open(NULL, &recording, e), ct_recording_open(&(ct_recording_options){.journal_path = in("none.ctj")}, NULL, e),
            ct_recording_open(&(ct_recording_options){0}, &recording, e), ct_recording_open(&(ct_recording_options){.journal = &no_sink}, &recording, e),
            ct_import_json(path, NULL, e), ct_import_ct(path, NULL, e), ct_import_binary(path, NULL, e), ct_import_binary_v0(NULL, NULL, e),
        };
        for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
            if (codes[k] != CT_E_PARAM)
                CHECK_FAIL("call %zu gave %d", k, (int)codes[k]);
        CHECK(!other && !second && !recording && access(in("none.ct"), F_OK) != 0 && access(in("none.ctj"), F_OK) != 0);
    }
    CHECK_EQ_INT(error.code, CT_E_PARAM);
    ct_journal_close(NULL);
    ct_replay_free(NULL);
    CHECK(!ct_trace_format_name((enum ct_trace_format)99) && !ct_journal_code(journal, UINT32_MAX) && !ct_journal_name(journal, UINT32_MAX).bytes);
    ct_replay_free(replay);
    ct_journal_close(journal);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    RUN(every_format_by_file_and_by_folder);
    RUN(what_cannot_be_opened);
    RUN(temporary_folder);
    RUN(journal_in_a_container);
    RUN(what_is_missing_is_told);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || check_summary();
}
