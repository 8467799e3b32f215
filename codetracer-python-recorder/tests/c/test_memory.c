/* The caller's allocator: everything behind a handle comes from it, goes back to it, and may fail at any call. A small trace is recorded, read, saved,
 * exported in every format and opened again from each; the n-th call fails, for every n. Linked with --wrap=malloc and so on (tests/c/meson.build), which
 * counts what is taken from the C library behind the allocator's back.
 */
#include <sys/stat.h>
#include <unistd.h>

#include <codetracer/codetracer.h>

#include "check.h"
#include "failing_memory.h"
#include "sample_journal.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
static long c_calls;

static void
count(void)
{
    __atomic_fetch_add(&c_calls, 1, __ATOMIC_RELAXED);
}

void *__wrap_malloc(size_t size) { return count(), __real_malloc(size); }
void *__wrap_calloc(size_t items, size_t size) { return count(), __real_calloc(items, size); }
void *__wrap_realloc(void *memory, size_t size) { return count(), __real_realloc(memory, size); }

static char folder[] = "/tmp/ct-memory-XXXXXX";
static char name[8][160];

static const char *
in(const char *file)
{
    static int next;
    next = (next + 1) % 8;
    snprintf(name[next], sizeof name[next], "%s/%s", folder, file);
    return name[next];
}

/* What one scenario does with an allocator; it leaves no handle open. */
typedef ct_code (*scenario)(const ct_allocator *allocator, ct_error *error);

/* For every n: the n-th call fails, and the scenario says so (a recording may do without: what zstd has no memory for is stored as it is); nothing is left
 * in memory or in the folder of its output. */
static void
fail_everywhere(const char *what, scenario run, const char *output, bool may_do_without)
{
    failing_memory memory;
    ct_error error;
    for (long n = 0;; n++) {
        const ct_allocator *allocator = failing_memory_start(&memory, n);
        long before = c_calls;
        error = (ct_error){0};
        ct_code code = run(allocator, &error);
        long outside = c_calls - before - (memory.calls - memory.failed);
        if (outside)
            CHECK_FAIL("%s: %ld calls went to the C library", what, outside);
        if (memory.live)
            CHECK_FAIL("%s: call %ld failed, and %ld blocks were not given back", what, n, memory.live);
        if (memory.failed ? code != CT_E_NOMEM && !(may_do_without && code == CT_OK) : code != CT_OK)
            CHECK_FAIL("%s: call %ld: code %d (%s)", what, n, (int)code, error.message ? error.message : "");
        if (code == CT_E_NOMEM && (error.code != CT_E_NOMEM || !error.message))
            CHECK_FAIL("%s: call %ld: no error was told", what, n);
        if (output && code != CT_OK && (rmdir(output) != 0 || mkdir(output, 0700) != 0))
            CHECK_FAIL("%s: call %ld: something is left", what, n);
        if (output && code == CT_OK) {
            char command[512];
            snprintf(command, sizeof command, "rm -rf %s && mkdir %s", output, output);
            CHECK_EQ_INT(system(command), 0);
        }
        if (!memory.failed) {
            CHECK(n > 10);
            return;
        }
    }
}

/* ---- a walk through all that a journal shows; the sum of what was seen ---- */

static ct_code
walk(ct_journal *journal, uint64_t *seen, ct_error *error)
{
    ct_replay *replay;
    const ct_event *event;
    CT_TRY(ct_replay_new(journal, &replay, error));
    ct_code code;
    *seen = 0;
    while ((code = ct_replay_next(replay, &event, error)) == CT_OK) {
        *seen = *seen * 31 + event->kind + (uint64_t)event->line;
        for (size_t i = 0; code == CT_OK && event->kind == CT_EVENT_STEP && i < event->activation->slot_count; i++) {
            ct_value value = event->activation->slots[i].value;
            if (value.content)
                code = ct_replay_resolve(replay, &value, error);
            *seen = *seen * 31 + value.kind;
        }
        if (code != CT_OK)
            break;
    }
    ct_text text;
    for (uint32_t path = 0; code == CT_END && ct_journal_path(journal, path).bytes; path++)
        if (ct_journal_source(journal, path, &text, error) == CT_E_NOMEM)
            code = CT_E_NOMEM;
    if (code == CT_END)
        code = ct_replay_seek_step(replay, 3, &event, error);
    ct_replay_free(replay);
    return code;
}

static uint64_t expected;
static const char *at; /* the scenario's file */

static ct_code
record_scenario(const ct_allocator *allocator, ct_error *error)
{
    sample_allocator = allocator;
    bool done = sample_everything(in("record/x.ctj"));
    sample_allocator = NULL;
    *error = sample_error;
    if (!done) { /* a recording that failed keeps its files for recovery */
        unlink(in("record/x.ctj"));
        unlink(in("record/x.ctj.live"));
    }
    return done ? CT_OK : error->code;
}

static ct_code
read_scenario(const ct_allocator *allocator, ct_error *error)
{
    ct_journal *journal;
    uint64_t seen;
    CT_TRY(ct_journal_open(at, allocator, &journal, error));
    ct_code code = walk(journal, &seen, error);
    if (code == CT_OK && seen != expected)
        code = ct_fail(error, CT_E_CORRUPT, "something else was read", 0, 0);
    if (code == CT_OK)
        code = ct_journal_save(journal, in("out/saved.ctj"), error);
    ct_journal_close(journal);
    return code;
}

/* Any format, through a temporary journal. */
static ct_code
open_scenario(const ct_allocator *allocator, ct_error *error)
{
    ct_trace_options options = {.temporary_folder = folder, .allocator = allocator};
    ct_journal *journal;
    ct_journal_counts counts;
    ct_code opened = ct_trace_open(at, &options, &journal, NULL, error);
    if (opened != CT_OK) {
        ct_journal_close(journal); /* of a damaged trace there may be one */
        return opened;
    }
    ct_journal_count(journal, &counts);
    uint64_t seen;
    ct_code code = walk(journal, &seen, error);
    if (code == CT_OK && expected != seen && expected)
        code = ct_fail(error, CT_E_CORRUPT, "something else was read", 0, 0);
    if (code == CT_OK)
        expected = seen;
    ct_journal_close(journal);
    return code;
}

typedef ct_code (*exporter)(ct_journal *journal, const char *path, const ct_export_options *options, ct_export_result *result, ct_error *error);
static const struct { const char *name; exporter export; enum ct_layout layout; const char *target, *file; } FORMATS[] = {
    {"ct", ct_export_ct, CT_LAYOUT_BOTH, "out/x.ct", "out/x.ct"},
    {"ct-single", ct_export_ct, CT_LAYOUT_SINGLE, "out/x.ct", "out/x.ct"},
    {"ct-multi", ct_export_ct, CT_LAYOUT_MULTI, "out/x.ct", "out/x.ct"},
    {"json", ct_export_json, 0, "out", "out/trace.json"},
    {"binary", ct_export_binary, 0, "out", "out/trace.bin"},
    {"binary-v0", ct_export_binary_v0, 0, "out", "out/trace.bin"},
};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };
static size_t format;

static ct_code
export_scenario(const ct_allocator *allocator, ct_error *error)
{
    ct_journal *journal;
    CT_TRY(ct_journal_open(at, allocator, &journal, error));
    ct_export_options options = {.layout = FORMATS[format].layout};
    ct_code code = FORMATS[format].export(journal, in(FORMATS[format].target), &options, NULL, error);
    ct_journal_close(journal);
    return code;
}

static void
no_finding(void *context, const ct_finding *finding)
{
    (void)finding;
    ++*(int *)context;
}

static ct_code
verify_scenario(const ct_allocator *allocator, ct_error *error)
{
    ct_verified verified;
    int findings = 0;
    const ct_trace_options options = {.temporary_folder = folder, .allocator = allocator};
    ct_code code = ct_verify(at, &options, no_finding, &findings, &verified, error);
    return code == CT_OK && findings ? ct_fail(error, CT_E_CORRUPT, "there is a finding", 0, 0) : code;
}

static void
no_loss(void *context, const ct_loss *loss)
{
    *(uint64_t *)context += loss->count;
}

static ct_code
losses_scenario(const ct_allocator *allocator, ct_error *error)
{
    ct_journal *journal;
    uint64_t lost = 0;
    ct_code code = ct_journal_open(at, allocator, &journal, error);
    if (code != CT_OK)
        return code;
    code = ct_losses(journal, CT_TRACE_CT, CT_LAYOUT_MULTI, no_loss, &lost, error);
    ct_journal_close(journal);
    return code == CT_OK && !lost ? ct_fail(error, CT_E_CORRUPT, "nothing is told", 0, 0) : code;
}

/* ---- tests ---- */

static void
recording(void)
{
    char output[160];
    snprintf(output, sizeof output, "%s", in("record"));
    CHECK_EQ_INT(mkdir(output, 0700), 0);
    fail_everywhere("record", record_scenario, output, true);
}

static void
reading_and_saving(void)
{
    char source[160], output[160];
    ct_journal *journal;
    snprintf(source, sizeof source, "%s", in("x.ctj"));
    snprintf(output, sizeof output, "%s", in("out"));
    at = source;
    CHECK(sample_everything(at));
    CHECK_EQ_INT(mkdir(output, 0700), 0);
    CHECK_EQ_INT(ct_journal_open(at, NULL, &journal, NULL), CT_OK);
    CHECK_EQ_INT(walk(journal, &expected, NULL), CT_OK);
    ct_journal_close(journal);
    fail_everywhere("read", read_scenario, output, false);
    fail_everywhere("verify", verify_scenario, NULL, false);
    fail_everywhere("losses", losses_scenario, NULL, false);
}

static void
every_format(void)
{
    char source[160], output[160], file[160];
    snprintf(source, sizeof source, "%s", in("x.ctj"));
    snprintf(output, sizeof output, "%s", in("out"));
    CHECK(access(source, F_OK) == 0 || sample_everything(source));
    (void)mkdir(output, 0700);
    for (format = 0; format < FORMAT_COUNT; format++) {
        at = source;
        fail_everywhere(FORMATS[format].name, export_scenario, output, false);
        if (check_failed())
            return;
        ct_error error = {0};
        CHECK_EQ_INT(export_scenario(NULL, &error), CT_OK);
        snprintf(file, sizeof file, "%s", in(FORMATS[format].file));
        at = file;
        expected = 0;
        CHECK_EQ_INT(open_scenario(NULL, &error), CT_OK);
        CHECK(expected);
        fail_everywhere(FORMATS[format].name, open_scenario, NULL, true);
        fail_everywhere(FORMATS[format].name, verify_scenario, NULL, false);
        char command[512];
        snprintf(command, sizeof command, "rm -rf %s && mkdir %s", output, output);
        CHECK_EQ_INT(system(command), 0);
    }
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    RUN(recording);
    RUN(reading_and_saving);
    RUN(every_format);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || check_summary();
}
