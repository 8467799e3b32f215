/* The system and the caller's I/O at their worst. A small trace in every format is opened, walked, verified, exported; for every n the n-th call of the system
 * fails, reads nothing, or does only a part; and so for the caller's own sources, sinks and folders. What is not whole must be an error that is told; nothing
 * may be left behind. The system's calls are the functions below, which stand before the C library's: the library is linked into this program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <codetracer/codetracer.h>

#include "check.h"
#include "failing_memory.h"
#include "sample_journal.h"
#include "scratch_folder.h"
#include "walk.h"

/* ---- the system ---- */

/* The n-th call fails; the n-th reads nothing, as when a file became shorter; all do a part or are interrupted; from the n-th time on that the trace is opened
 * another one is there. */
typedef enum manner { FAILS, ENDS, IN_PARTS, CHANGES } manner;

static struct { bool on; manner manner; long left; int problem; const char *what; const char *path, *other; } system_calls;

/* True: this call fails, with errno set. */
static bool
fails(const char *what)
{
    if (!system_calls.on)
        return false;
    if (system_calls.manner > ENDS || __atomic_fetch_sub(&system_calls.left, 1, __ATOMIC_RELAXED) != 0)
        return false;
    system_calls.what = what;
    errno = system_calls.problem;
    return true;
}

static bool
interrupted(void)
{
    static unsigned turn;
    if (!system_calls.on || system_calls.manner != IN_PARTS || __atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED) % 3)
        return false;
    errno = EINTR;
    return true;
}

static size_t
part_of(size_t count)
{
    return system_calls.on && system_calls.manner == IN_PARTS && count > 1 ? (count + 2) / 3 : count;
}

ssize_t
pread(int file, void *bytes, size_t count, off_t offset)
{
    if (fails("pread"))
        return system_calls.manner == ENDS ? 0 : -1;
    return interrupted() ? -1 : syscall(SYS_pread64, file, bytes, part_of(count), offset);
}

ssize_t
read(int file, void *bytes, size_t count)
{
    if (fails("read"))
        return system_calls.manner == ENDS ? 0 : -1;
    return interrupted() ? -1 : syscall(SYS_read, file, bytes, part_of(count));
}

ssize_t
pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    if (system_calls.manner != ENDS && fails("pwrite"))
        return -1;
    return interrupted() ? -1 : syscall(SYS_pwrite64, file, bytes, part_of(count), offset);
}

ssize_t
write(int file, const void *bytes, size_t count)
{
    if (system_calls.manner != ENDS && fails("write"))
        return -1;
    return interrupted() ? -1 : syscall(SYS_write, file, bytes, part_of(count));
}

ssize_t
pwritev(int file, const struct iovec *parts, int count, off_t offset)
{
    if (system_calls.manner != ENDS && fails("pwritev"))
        return -1;
    if (interrupted())
        return -1;
    if (system_calls.on && system_calls.manner == IN_PARTS)
        return syscall(SYS_pwrite64, file, parts[0].iov_base, part_of(parts[0].iov_len), offset);
    return syscall(SYS_pwritev, file, parts, count, offset, 0);
}

int
open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    if (system_calls.on && system_calls.manner == CHANGES && strcmp(path, system_calls.path) == 0 && system_calls.left-- <= 0) {
        system_calls.what = "open";
        path = system_calls.other;
    }
    return system_calls.manner != ENDS && fails("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int
openat(int folder_file, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return system_calls.manner != ENDS && fails("openat") ? -1 : (int)syscall(SYS_openat, folder_file, path, flags, mode);
}

int
ftruncate(int file, off_t size)
{
    return system_calls.manner != ENDS && fails("ftruncate") ? -1 : (int)syscall(SYS_ftruncate, file, size);
}

int
fdatasync(int file)
{
    (void)file; /* what a disk does with it is not tested here, and takes long */
    return system_calls.manner != ENDS && fails("fdatasync") ? -1 : 0;
}

int
mkdirat(int folder_file, const char *path, mode_t mode)
{
    return system_calls.manner != ENDS && fails("mkdirat") ? -1 : (int)syscall(SYS_mkdirat, folder_file, path, mode);
}

/* CHECK_FAIL for functions that return something. */
#define REPORT(...) (check_report_(__FILE__, __LINE__, __VA_ARGS__))

/* ---- scenarios: what is done; *digest: of all that was read ---- */

static char at[160], target[160];
static bool told; /* that the trace is not whole */

typedef ct_code (*scenario)(const ct_allocator *allocator, uint64_t *digest, ct_error *error);

static ct_code
read_all(ct_journal *journal, uint64_t *digest, ct_error *error)
{
    walk w = {0};
    walk_events(&w, journal);
    ct_code code = w.code == CT_END ? CT_OK : w.code;
    *digest = 0;
    for (size_t i = 0; i < w.count; i++)
        *digest = *digest * 31 + w.events[i];
    w.code = CT_OK;
    if (code == CT_OK) {
        walk_definitions(&w, journal);
        code = w.code;
    }
    *digest = *digest * 31 + w.digest;
    const ct_event *event;
    if (code == CT_OK) {
        code = ct_replay_seek_step(w.replay, 5, &event, &w.error);
        *digest = *digest * 31 + (code == CT_OK ? event->number : 0);
    }
    if (code != CT_OK) { /* a reader can be used after an error, and still tells no lies */
        w.most = 3;
        ct_replay *replay;
        if (ct_replay_new(journal, &replay, NULL) == CT_OK) {
            for (int i = 0; i < 3 && ct_replay_next(replay, &event, NULL) == CT_OK; i++)
                if (event->number != (uint64_t)i)
                    REPORT("event %d is another after an error", i);
            ct_replay_free(replay);
        }
    }
    walk_end(&w);
    if (code != CT_OK)
        *error = w.error;
    walk_free(&w);
    return code;
}

static ct_code
open_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    const ct_trace_options options = {.temporary_folder = folder, .allocator = allocator};
    ct_journal *journal = NULL;
    ct_journal_counts counts;
    ct_code code = ct_trace_open(at, &options, &journal, NULL, error), walked = CT_OK;
    if (journal) {
        ct_error later;
        ct_journal_count(journal, &counts);
        walked = read_all(journal, digest, code == CT_OK ? error : &later);
        *digest = *digest * 31 + counts.complete + 2 * counts.rescued;
        told = !counts.complete;
    }
    ct_journal_close(journal);
    return code == CT_OK ? walked : code;
}

static void
count_finding(void *context, const ct_finding *finding)
{
    uint64_t *digest = context;
    *digest = *digest * 31 + strlen(finding->rule) + finding->byte;
}

static ct_code
verify_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    const ct_trace_options options = {.temporary_folder = folder, .allocator = allocator};
    ct_verified verified;
    *digest = 0;
    ct_code code = ct_verify(at, &options, count_finding, digest, &verified, error);
    *digest = *digest * 31 + verified.events + verified.steps * 7 + verified.unfinished;
    told = verified.findings || verified.unfinished;
    return code;
}

static ct_code
origin_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    (void)allocator;
    ct_trace_origin origin;
    ct_code code = ct_trace_find_origin(at, &origin, error);
    told = true; /* of a damaged trace less is known */
    *digest = code == CT_OK ? origin.start_time + strlen(origin.recorder) : 0;
    return code;
}

static ct_code
count_part(void *context, const ct_trace_part *part)
{
    uint64_t *digest = context;
    *digest = *digest * 31 + part->bytes + strlen(part->name);
    return CT_OK;
}

static ct_code
parts_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    (void)allocator;
    uint64_t bytes = 0;
    *digest = 0;
    ct_code code = ct_trace_parts(at, count_part, digest, &bytes, error);
    *digest = *digest * 31 + bytes;
    return code;
}

typedef ct_code (*exporter)(ct_journal *, const char *, const ct_export_options *, ct_export_result *, ct_error *);
static const struct { const char *name; exporter export; enum ct_layout layout; const char *file; } FORMATS[] = {
    {"ct", ct_export_ct, CT_LAYOUT_BOTH, "x.ct"},
    {"ct-single", ct_export_ct, CT_LAYOUT_SINGLE, "x.ct"},
    {"ct-multi", ct_export_ct, CT_LAYOUT_MULTI, "x.ct"},
    {"json", ct_export_json, 0, "trace.json"},
    {"binary", ct_export_binary, 0, "trace.bin"},
    {"binary-v0", ct_export_binary_v0, 0, "trace.bin"},
};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };
static size_t format;

static uint64_t
digest_of_files(const char *path)
{
    uint64_t digest = 0;
    struct dirent *entry;
    DIR *directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        char name[600];
        size_t size = 0;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        if (entry->d_type == DT_DIR) {
            digest += digest_of_files(name);
            continue;
        }
        uint8_t *bytes = read_file(name, &size);
        if (bytes && strcmp(entry->d_name, "trace_metadata.json") != 0)
            digest += XXH3_64bits(bytes, size) ^ XXH3_64bits(entry->d_name, strlen(entry->d_name));
        free(bytes);
    }
    if (directory)
        closedir(directory);
    return digest;
}

static ct_code
export_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    ct_journal *journal;
    ct_export_result result;
    CT_TRY(ct_journal_open(in_folder("x.ctj"), allocator, &journal, error));
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    told = !counts.complete;
    ct_export_options options = {.layout = FORMATS[format].layout};
    char path[200];
    snprintf(path, sizeof path, FORMATS[format].export == ct_export_ct ? "%s/x.ct" : "%s", target);
    ct_code code = FORMATS[format].export(journal, path, &options, &result, error);
    ct_journal_close(journal);
    bool on = system_calls.on;
    system_calls.on = false;
    *digest = digest_of_files(target);
    if (code != CT_OK && *digest)
        REPORT("%s: something is left (%s failed)", FORMATS[format].name, system_calls.what);
    remove_tree(target);
    mkdir(target, 0700);
    system_calls.on = on;
    return code;
}

static ct_code
save_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    ct_journal *journal;
    char path[200];
    CT_TRY(ct_journal_open(at, allocator, &journal, error));
    snprintf(path, sizeof path, "%s/saved.ctj", target);
    ct_code code = ct_journal_save(journal, path, error);
    ct_journal_close(journal);
    bool on = system_calls.on;
    system_calls.on = false;
    *digest = digest_of_files(target);
    if (code != CT_OK && *digest)
        REPORT("save: something is left (%s failed)", system_calls.what);
    *digest = 0; /* it says when it was written */
    remove_tree(target);
    mkdir(target, 0700);
    system_calls.on = on;
    return code;
}

/* What is recorded is there, or the failure is told. */
static ct_code
record_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    char path[200];
    snprintf(path, sizeof path, "%s/recorded.ctj", target);
    sample_allocator = allocator;
    sample_error = (ct_error){0};
    bool done = sample_everything(path);
    sample_allocator = NULL;
    *error = sample_error;
    bool on = system_calls.on;
    system_calls.on = false;
    *digest = 0;
    if (done) {
        ct_journal *journal;
        ct_error why;
        if (ct_journal_open(path, NULL, &journal, &why) != CT_OK || read_all(journal, digest, &why) != CT_OK)
            REPORT("what was recorded cannot be read: %s (%s failed)", why.message, system_calls.what);
        ct_journal_close(journal);
    }
    remove_tree(target);
    mkdir(target, 0700);
    system_calls.on = on;
    return done ? CT_OK : error->code;
}

/* ---- the loop ---- */

static int
open_files(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static void
everywhere(const char *what, scenario run, manner how, int problem)
{
    failing_memory memory;
    uint64_t expected = 0, digest = 0;
    ct_error error = {0};
    CHECK_EQ_INT(run(failing_memory_start(&memory, NOTHING_FAILS), &expected, &error), CT_OK);
    for (long n = 0;; n++) {
        int files = open_files();
        const ct_allocator *allocator = failing_memory_start(&memory, NOTHING_FAILS);
        error = (ct_error){0};
        digest = 0;
        system_calls.manner = how;
        system_calls.problem = problem;
        system_calls.left = n;
        told = false;
        system_calls.what = NULL;
        system_calls.on = true;
        ct_code code = run(allocator, &digest, &error);
        system_calls.on = false;
        if (memory.live)
            REPORT("%s: call %ld (%s): %ld blocks were not given back", what, n, system_calls.what, memory.live);
        if (open_files() != files)
            REPORT("%s: call %ld (%s): files stay open", what, n, system_calls.what);
        if (code == CT_OK && digest != expected && !(how == ENDS && told) && how != CHANGES)
            REPORT("%s: call %ld (%s): success, and something else was read or written", what, n, system_calls.what);
        if (code != CT_OK && (error.code != code || !error.message))
            REPORT("%s: call %ld (%s): code %d, and the error says %d", what, n, system_calls.what, (int)code, (int)error.code);
        if (code != CT_OK && !system_calls.what)
            REPORT("%s: nothing failed, and it did: %s", what, error.message);
        if (code != CT_OK && how == FAILS && (code != CT_E_IO || error.system != problem))
            REPORT("%s: call %ld (%s): code %d, system %d: %s", what, n, system_calls.what, (int)code, error.system, error.message);
        if (!system_calls.what) {
            CHECK(how >= IN_PARTS || n > 0); /* there was something that could fail */
            break;
        }
    }
}

static void
all_ways(const char *what, scenario run)
{
    everywhere(what, run, FAILS, EIO);
    everywhere(what, run, ENDS, 0);
    everywhere(what, run, IN_PARTS, 0);
}

static void
a_journal(void)
{
    snprintf(at, sizeof at, "%s", in_folder("x.ctj"));
    all_ways("open", open_scenario);
    all_ways("verify", verify_scenario);
    all_ways("origin", origin_scenario);
    all_ways("save", save_scenario);
    everywhere("record", record_scenario, FAILS, ENOSPC);
    everywhere("record", record_scenario, IN_PARTS, 0);
}

typedef bool (*sample_maker)(const char *path);
static bool sample_some_calls(const char *path) { return sample_calls(path, 30); }
static bool sample_some_steps(const char *path) { return sample_loop(path, 40); }
static bool sample_some_lists(const char *path) { return sample_lists(path, 10); }

/* The trace is another one when it is read again: a recorder of another kind is still writing it, say. */
static void
while_it_changes(void)
{
    static const sample_maker makers[] = {sample_everything, sample_some_calls, sample_some_steps, sample_some_lists};
    enum { COUNT = sizeof makers / sizeof *makers };
    static char places[COUNT][128], files[COUNT][160];
    for (size_t i = 0; i < COUNT; i++) {
        ct_journal *journal;
        ct_error error;
        char path[160];
        snprintf(places[i], sizeof places[i], "%s/other%zu", folder, i);
        CHECK_EQ_INT(mkdir(places[i], 0700), 0);
        snprintf(path, sizeof path, "%s.ctj", places[i]);
        snprintf(files[i], sizeof files[i], "%s/%s", places[i], FORMATS[format].file);
        CHECK(makers[i](path));
        CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
        CHECK_EQ_INT(FORMATS[format].export(journal, FORMATS[format].export == ct_export_ct ? files[i] : places[i], &(ct_export_options){.layout = FORMATS[format].layout}, NULL, &error), CT_OK);
        ct_journal_close(journal);
        unlink(path);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < COUNT; k++) {
            memcpy(at, files[i], sizeof at);
            system_calls.path = files[i];
            system_calls.other = files[k];
            everywhere("another trace", open_scenario, CHANGES, 0);
            everywhere("another trace", verify_scenario, CHANGES, 0);
        }
    for (size_t i = 0; i < COUNT; i++)
        remove_tree(places[i]);
}

static void
every_format(void)
{
    for (format = 0; format < FORMAT_COUNT; format++) {
        all_ways(FORMATS[format].name, export_scenario);
        if (check_failed())
            return;
        char place[160], made[200];
        ct_error error;
        ct_journal *journal;
        snprintf(place, sizeof place, "%s/made", folder);
        mkdir(place, 0700);
        snprintf(at, sizeof at, "%s", place);
        snprintf(made, sizeof made, FORMATS[format].export == ct_export_ct ? "%s/x.ct" : "%s", place);
        CHECK_EQ_INT(ct_journal_open(in_folder("x.ctj"), NULL, &journal, &error), CT_OK);
        CHECK_EQ_INT(FORMATS[format].export(journal, made, &(ct_export_options){.layout = FORMATS[format].layout}, NULL, &error), CT_OK);
        ct_journal_close(journal);
        all_ways(FORMATS[format].name, open_scenario);
        all_ways(FORMATS[format].name, verify_scenario);
        all_ways(FORMATS[format].name, origin_scenario);
        all_ways(FORMATS[format].name, parts_scenario);
        while_it_changes();
        remove_tree(place);
        if (check_failed())
            return;
    }
}

/* ---- the caller's source, sink and folder ---- */

static struct { long left; bool failed; ct_code code; int opened, closed; } caller;

static ct_code
caller_fails(ct_error *error)
{
    if (__atomic_fetch_sub(&caller.left, 1, __ATOMIC_RELAXED) != 0)
        return CT_OK;
    caller.failed = true;
    return ct_fail(error, caller.code, "the caller's own sentence", 0, 77);
}

static uint8_t *in_memory;
static size_t memory_size;

static ct_code
read_memory(void *context, uint64_t offset, void *bytes, size_t count, ct_error *error)
{
    (void)context;
    CT_TRY(caller_fails(error));
    if (offset + count > memory_size)
        REPORT("read beyond the end");
    else if (count)
        memcpy(bytes, in_memory + offset, count);
    return CT_OK;
}

static void
close_memory(void *context)
{
    (void)context;
    caller.closed++;
}

static ct_code
source_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    const ct_source source = {.size = memory_size, .read = read_memory, .close = close_memory};
    ct_journal *journal;
    caller.opened++;
    CT_TRY(ct_journal_open_source(&source, allocator, &journal, error));
    ct_code code = read_all(journal, digest, error);
    ct_journal_close(journal);
    return code;
}

static ct_code
append(void *context, const void *bytes, size_t count, ct_error *error)
{
    uint64_t *digest = context;
    CT_TRY(caller_fails(error));
    for (size_t i = 0; digest && i < count; i++)
        *digest = *digest * 31 + ((const uint8_t *)bytes)[i];
    return CT_OK;
}

static ct_code
write_at(void *context, uint64_t offset, const void *bytes, size_t count, ct_error *error)
{
    *(uint64_t *)context += offset;
    return append(context, bytes, count, error);
}

static ct_code
close_sink(void *context, ct_error *error)
{
    (void)context;
    caller.closed++;
    return caller_fails(error);
}

static ct_code
copy_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    ct_journal *journal;
    const ct_sink sink = {.context = digest, .append = append};
    CT_TRY(ct_journal_open(in_folder("x.ctj"), allocator, &journal, error));
    ct_code code = ct_journal_copy(journal, &sink, error);
    ct_journal_close(journal);
    *digest = 0; /* it says when it was written */
    return code;
}

/* From another format, and so through a recording into the caller's sink. */
static ct_code
import_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    const ct_sink sink = {.append = append};
    const ct_recording_options options = {.journal = &sink, .allocator = allocator};
    ct_recording *recording;
    ct_error later;
    *digest = 0;
    CT_TRY(ct_recording_open(&options, &recording, error));
    ct_code code = ct_import_ct(in_folder("single.ct"), recording, error);
    ct_code end = ct_recording_finish(recording, code == CT_OK ? error : &later);
    return code == CT_OK ? end : code;
}

static ct_code
container_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    ct_journal *journal;
    const ct_sink sink = {.context = digest, .write_at = write_at};
    CT_TRY(ct_journal_open(in_folder("x.ctj"), allocator, &journal, error));
    ct_code code = ct_export_ct_to(journal, &sink, &(ct_export_options){.layout = FORMATS[format].layout}, NULL, error);
    ct_journal_close(journal);
    return code;
}

static ct_code
create(void *context, const char *name, ct_sink *sink, ct_error *error)
{
    CT_TRY(caller_fails(error));
    if (strstr(name, "..") || name[0] == '/')
        REPORT("a name that leads out: %s", name);
    caller.opened++;
    *sink = (ct_sink){.context = strcmp(name, "trace_metadata.json") == 0 ? NULL : context, .append = append, .close = close_sink};
    return CT_OK;
}

static ct_code
folder_scenario(const ct_allocator *allocator, uint64_t *digest, ct_error *error)
{
    static ct_code (*const to[])(ct_journal *, const ct_folder *, const ct_export_options *, ct_export_result *, ct_error *) = {ct_export_json_to, ct_export_binary_to, ct_export_binary_v0_to};
    ct_journal *journal;
    const ct_folder where = {.context = digest, .create = create};
    CT_TRY(ct_journal_open(in_folder("x.ctj"), allocator, &journal, error));
    ct_code code = to[format](journal, &where, NULL, NULL, error);
    ct_journal_close(journal);
    return code;
}

static void
caller_fails_everywhere(const char *what, scenario run)
{
    static const ct_code codes[] = {CT_E_IO, CT_E_NOMEM, CT_E_LIMIT, CT_E_STOPPED};
    uint64_t expected = 0, digest;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (long n = -1;; n++) {
            failing_memory memory;
            ct_error error = {0};
            digest = 0;
            caller.left = n;
            caller.code = codes[i];
            caller.failed = false;
            caller.opened = caller.closed = 0;
            ct_code code = run(failing_memory_start(&memory, NOTHING_FAILS), &digest, &error);
            if (memory.live || caller.opened != caller.closed)
                REPORT("%s: call %ld: %ld blocks stay, %d opened, %d closed", what, n, memory.live, caller.opened, caller.closed);
            if (caller.failed ? code != codes[i] || error.code != codes[i] || error.system != 77 : code != CT_OK)
                REPORT("%s: call %ld: code %d for %d: %s", what, n, (int)code, (int)codes[i], error.message ? error.message : "(none)");
            expected = n < 0 ? digest : expected;
            if (code == CT_OK && digest != expected)
                REPORT("%s: call %ld: success, and something else was read or written", what, n);
            if (!caller.failed && n >= 0) {
                CHECK(n > 0); /* there was something that could fail */
                break;
            }
        }
}

static void
what_the_caller_gives(void)
{
    ct_error error;
    ct_journal *journal;
    in_memory = read_file(in_folder("x.ctj"), &memory_size);
    CHECK(in_memory);
    caller_fails_everywhere("source", source_scenario);
    free(in_memory);
    caller_fails_everywhere("copy", copy_scenario);
    CHECK_EQ_INT(ct_journal_open(in_folder("x.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_ct(journal, in_folder("single.ct"), &(ct_export_options){.layout = CT_LAYOUT_SINGLE}, NULL, &error), CT_OK);
    ct_journal_close(journal);
    caller_fails_everywhere("import", import_scenario);
    for (format = 0; format < 3; format++)
        caller_fails_everywhere("container", container_scenario);
    for (format = 0; format < 3; format++)
        caller_fails_everywhere("folder", folder_scenario);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!make_folder("failures"))
        return 1;
    snprintf(target, sizeof target, "%s/target", folder);
    if (mkdir(target, 0700) != 0 || !sample_everything(in_folder("x.ctj")))
        return 1;
    RUN(a_journal);
    RUN(every_format);
    RUN(what_the_caller_gives);
    remove_tree(folder);
    return check_summary();
}
