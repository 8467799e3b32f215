/* Sources and sinks: files, memory, and the caller's own, which fail; a journal read from within other bytes and written into them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <codetracer/io.h>
#include <codetracer/replay.h>

#include "check.h"
#include "sample_journal.h"

static char folder[] = "/tmp/ct-io-XXXXXX";
static char path[64], other[64];

/* ---- a source and a sink of the test's own ---- */

typedef struct part {
    const uint8_t *bytes;   /* of the whole */
    uint64_t begins;        /* where the part does */
    long reads_left;        /* then a read fails; -1: never */
    int closed;
} part;

static ct_code
read_part(void *context, uint64_t offset, void *bytes, size_t count, ct_error *error)
{
    part *p = context;
    if (p->reads_left == 0)
        return ct_fail(error, CT_E_IO, "the line is dead", offset, 0);
    p->reads_left -= p->reads_left > 0;
    memcpy(bytes, p->bytes + p->begins + offset, count);
    return CT_OK;
}

static void
close_part(void *context)
{
    ((part *)context)->closed++;
}

typedef struct kept { uint8_t bytes[1 << 18]; size_t size, limit; } kept;

static ct_code
append_kept(void *context, const void *bytes, size_t count, ct_error *error)
{
    kept *k = context;
    if (count > k->limit - k->size)
        return ct_fail(error, CT_E_IO, "full", k->size, 0);
    memcpy(k->bytes + k->size, bytes, count);
    k->size += count;
    return CT_OK;
}

static size_t
read_whole(const char *name, uint8_t *bytes, size_t limit)
{
    FILE *file = fopen(name, "rb");
    size_t size = file ? fread(bytes, 1, limit, file) : 0;
    if (file)
        fclose(file);
    return size;
}

/* ---- tests ---- */

static void
a_file_is_read_at_any_place(void)
{
    ct_source source;
    ct_error error;
    char bytes[8] = "";
    FILE *file = fopen(other, "wb");
    CHECK(file);
    fputs("0123456789", file);
    fclose(file);
    CHECK_EQ_INT(ct_source_open_file(other, &source, &error), CT_OK);
    CHECK_EQ_UINT(source.size, 10);
    CHECK_EQ_INT(ct_source_read(&source, 3, bytes, 4, &error), CT_OK);
    CHECK_MEM(bytes, 4, "3456", 4);
    CHECK_EQ_INT(ct_source_read(&source, 10, bytes, 0, &error), CT_OK);
    CHECK_EQ_INT(ct_source_read(&source, 8, bytes, 3, &error), CT_E_CORRUPT);
    CHECK_EQ_INT(ct_source_read(&source, UINT64_MAX, bytes, 2, &error), CT_E_CORRUPT);
    CHECK_EQ_INT(truncate(other, 5), 0);
    CHECK_EQ_INT(ct_source_read(&source, 4, bytes, 3, &error), CT_E_CORRUPT);
    CHECK_STR(error.message, "the file became shorter while it was read");
    CHECK_EQ_UINT(error.position, 5);
    ct_source_close(&source);
    ct_source_close(&source);
    CHECK_EQ_INT(ct_source_open_file(folder, &source, &error), CT_E_IO);
    CHECK_EQ_INT(ct_source_open_file("/dev/null", &source, &error), CT_E_IO);
    unlink(other);
    CHECK_EQ_INT(ct_source_open_file(other, &source, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, ENOENT);
}

static void
a_file_is_written_to_its_end_and_over(void)
{
    ct_sink sink;
    ct_error error;
    uint8_t bytes[32];
    struct stat status;
    CHECK_EQ_INT(ct_sink_create_file(other, &sink, &error), CT_OK);
    CHECK_EQ_INT(sink.append(sink.context, "abcdef", 6, &error), CT_OK);
    CHECK_EQ_INT(sink.write_at(sink.context, 1, "XY", 2, &error), CT_OK);
    CHECK_EQ_INT(sink.append(sink.context, "gh", 2, &error), CT_OK);
    CHECK_EQ_INT(sink.write_at(sink.context, 9, "Z", 1, &error), CT_OK);
    CHECK_EQ_INT(sink.append(sink.context, "!", 1, &error), CT_OK);
    CHECK_EQ_INT(ct_sink_close(&sink, &error), CT_OK);
    CHECK_EQ_INT(ct_sink_close(&sink, &error), CT_OK);
    CHECK_MEM(bytes, read_whole(other, bytes, sizeof bytes), "aXYdefgh\0Z!", 11);
    CHECK_EQ_INT(stat(other, &status), 0);
    CHECK_EQ_INT(status.st_mode & 0777, 0600);
    CHECK_EQ_INT(ct_sink_create_file(other, &sink, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, EEXIST);
    unlink(other);
}

/* Steps of a journal in another's middle, walked. */
static ct_code
walk(const ct_source *source, uint64_t *steps)
{
    ct_journal *journal;
    ct_replay *replay;
    const ct_event *event;
    *steps = 0;
    CT_TRY(ct_journal_open_source(source, NULL, &journal, NULL));
    ct_code code = ct_replay_new(journal, &replay, NULL);
    if (code == CT_OK) {
        while ((code = ct_replay_next(replay, &event, NULL)) == CT_OK)
            *steps += event->kind == CT_EVENT_STEP;
        ct_replay_free(replay);
    }
    ct_journal_close(journal);
    return code;
}

static void
a_journal_within_other_bytes(void)
{
    static kept whole;
    whole = (kept){.limit = sizeof whole.bytes};
    CHECK(sample_everything(path));
    ct_journal *journal, *again;
    ct_journal_counts counts, counts_again;
    ct_sink sink = {.context = &whole, .append = append_kept};
    ct_error error;
    CHECK_EQ_INT(append_kept(&whole, "before", 6, NULL), CT_OK);
    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_journal_copy(journal, &sink, &error), CT_OK);
    CHECK_EQ_INT(ct_journal_save(journal, other, &error), CT_OK);
    static uint8_t saved[sizeof whole.bytes];
    CHECK_MEM(whole.bytes + 6, whole.size - 6, saved, read_whole(other, saved, sizeof saved));
    ct_journal_count(journal, &counts);
    uint64_t size = whole.size - 6;
    CHECK_EQ_INT(append_kept(&whole, "behind", 6, NULL), CT_OK);

    part middle = {whole.bytes, 6, -1, 0};
    ct_source source = {.context = &middle, .size = size, .read = read_part, .close = close_part};
    CHECK_EQ_INT(ct_journal_open_source(&source, NULL, &again, &error), CT_OK);
    ct_journal_count(again, &counts_again);
    CHECK(counts_again.complete);
    CHECK_EQ_UINT(counts_again.steps, counts.steps);
    CHECK_EQ_UINT(counts_again.events, counts.events);
    CHECK_EQ_UINT(counts_again.file_bytes, size);
    CHECK_EQ_INT(middle.closed, 0);
    ct_journal_close(again);
    CHECK_EQ_INT(middle.closed, 1);

    /* Memory is a source too. */
    uint64_t steps;
    ct_source_of_memory(saved, size, &source);
    CHECK_EQ_INT(walk(&source, &steps), CT_END);
    CHECK_EQ_UINT(steps, counts.steps);

    /* Every read may fail: the error is handed up, and the source is closed once. */
    long fails = 0;
    for (ct_code code = CT_E_IO; code != CT_END; fails++) {
        middle = (part){whole.bytes, 6, fails, 0};
        source = (ct_source){.context = &middle, .size = size, .read = read_part, .close = close_part};
        code = walk(&source, &steps);
        CHECK(code == CT_E_IO || (code == CT_END && steps == counts.steps));
        CHECK_EQ_INT(middle.closed, 1);
    }
    CHECK(fails > 4);

    /* So may every write. */
    for (size_t limit = 0; limit < size; limit += size / 50 + 1) {
        whole.size = 0;
        whole.limit = limit;
        CHECK_EQ_INT(ct_journal_copy(journal, &sink, &error), CT_E_IO);
        CHECK_STR(error.message, "full");
    }
    ct_journal_close(journal);
    unlink(path);
    unlink(other);
}

static ct_code
record_into(const ct_sink *sink, ct_error *error)
{
    ct_recording *r;
    ct_recording_options options = {.journal = sink, .block_size = 1000};
    CT_TRY(ct_recording_open(&options, &r, error));
    uint8_t value[CT_VALUE_MAX];
    ct_code_slot slot = {ct_define_name(r, "n", 1), CT_SLOT_PARAMETER};
    uint32_t code = ct_define_code(r, &(ct_code_definition){.path = ct_define_path(r, "/a.py", 5), .first_line = 1, .qualified_name = "f",
                                                            .qualified_name_size = 1, .module = "m", .module_size = 1, .arguments = 1, .slot_count = 1,
                                                            .slots = &slot});
    ct_event_begin(r);
    ct_put_bytes(r, "\x01\x00", 2); /* THREAD 0 */
    ct_put_bytes(r, "\x02\x00\x00\x00", 4); /* THREAD_START: 0, system id 0, no name */
    ct_event_end(r);
    ct_event_begin(r);
    ct_put_call(r, code, 0);
    ct_put_slot(r, 0, value, (size_t)(ct_write_int(value, 7) - value));
    ct_event_end(r);
    for (int i = 0; i < 3000; i++) {
        ct_event_begin(r);
        ct_put_step(r, i % 2 ? -1 : 1);
        ct_put_slot(r, 0, value, (size_t)(ct_write_int(value, i * i) - value));
        ct_event_end(r);
    }
    return ct_recording_finish(r, error);
}

static void
a_recording_into_a_sink(void)
{
    static kept whole;
    ct_sink sink = {.context = &whole, .append = append_kept};
    ct_error error;
    whole = (kept){.limit = sizeof whole.bytes};
    CHECK_EQ_INT(record_into(&sink, &error), CT_OK);
    ct_source source;
    uint64_t steps;
    ct_source_of_memory(whole.bytes, whole.size, &source);
    CHECK_EQ_INT(walk(&source, &steps), CT_END);
    CHECK_EQ_UINT(steps, 3000);
    size_t size = whole.size;
    for (size_t limit = 0; limit < size; limit += size / 40 + 1) {
        whole = (kept){.limit = limit};
        CHECK_EQ_INT(record_into(&sink, &error), CT_E_IO);
        CHECK_STR(error.message, "full");
        CHECK(whole.size <= limit);
    }
    ct_recording *r;
    CHECK_EQ_INT(ct_recording_open(&(ct_recording_options){0}, &r, &error), CT_E_PARAM);
    CHECK_EQ_INT(ct_recording_open(&(ct_recording_options){.journal = &sink, .journal_path = path}, &r, &error), CT_E_PARAM);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/a.ctj", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    RUN(a_file_is_read_at_any_place);
    RUN(a_file_is_written_to_its_end_and_over);
    RUN(a_journal_within_other_bytes);
    RUN(a_recording_into_a_sink);
    rmdir(folder);
    return check_summary();
}
