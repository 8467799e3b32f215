/* codetracer-trace recover: finishes what a killed recording left. Invariant: the private folder goes only after the recovered trace is whole in its
 * place, and no file that was there before is overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/journal.h"
#include "codetracer/trace.h"
#include "tool/export_to.h"
#include "util/plural.h"

static const char HELP[] =
    "usage: codetracer-trace recover FOLDER [--format FORMAT]\n"
    "\n"
    "Finishes the recordings whose program was killed (or whose export was stopped). FOLDER is the folder that was recorded\n"
    "into; every unfinished recording in it (.recording-...) becomes a complete trace there: a journal, NAME.ctj, or with\n"
    "--format what the option says. A folder holds one trace: the newest of those there stays, an older one is moved (or\n"
    "written) into a folder of its own, FOLDER/earlier. A recording whose program still runs is left alone.\n"
    "FOLDER may also be one unfinished recording itself, or a .ctj file that was cut off: then a complete one is written beside it.\n"
    "Exit status: 0, also when there was nothing to do; 1 something could not be recovered; 2 wrong options.\n";

static const char *const ENDINGS[] = {[FORMAT_CT] = ".ct", [FORMAT_CT_SINGLE] = ".ct", [FORMAT_CT_MULTI] = ".ct", [FORMAT_JSON] = "", [FORMAT_BINARY] = "", [FORMAT_BINARY_V0] = "", [FORMAT_JOURNAL] = ".ctj"};

/* The name that the trace would have got: the recorder's own word for it, else the program's name without .py. */
static void stem_of(ct_journal *journal, text *out)
{
    ct_text name = ct_journal_meta_value(journal, "stem");
    if (!name.size)
        name = ct_journal_meta_value(journal, "program");
    if (!name.size)
        name = ct_journal_meta_value(journal, "script");
    const char *slash = name.size ? memrchr(name.bytes, '/', name.size) : NULL;
    if (slash)
        name = (ct_text){slash + 1, (size_t)(name.bytes + name.size - slash - 1)};
    if (name.size > 3 && memcmp(name.bytes + name.size - 3, ".py", 3) == 0)
        name.size -= 3;
    if (name.size == 0 || name.size > 200 || name.bytes[0] == '.' || name.bytes[0] == '-' || memchr(name.bytes, 0, name.size))
        name = (ct_text){"trace", 5};
    text_add(out, name.bytes, name.size);
}

/* FOLDER/STEM.ctj, or STEM-2.ctj and so on when that is taken. */
static char *free_name(const char *folder, ct_journal *journal, const char *ending)
{
    text stem = {0};
    stem_of(journal, &stem);
    size_t size = stem.size;
    for (unsigned n = 1;; n++) {
        stem.size = size;
        if (n > 1)
            text_format(&stem, "-%u", n);
        text_puts(&stem, ending);
        text_char(&stem, 0);
        char *path = path_join(folder, stem.bytes);
        if (access(path, F_OK) != 0 || n == 10000) {
            text_free(&stem);
            return path;
        }
        free(path);
    }
}

/* Moves what lies in `from` into `to`; nothing is moved when one of the names is taken there. */
static bool move_all(const char *from, const char *to)
{
    names list;
    bool free_to_go = folder_list(from, "", "", &list), moved = true;
    for (int pass = 0; pass < 2 && free_to_go && moved; pass++)
        for (size_t i = 0; i < list.count && free_to_go && moved; i++) {
            if (strcmp(list.items[i], ".") == 0 || strcmp(list.items[i], "..") == 0)
                continue;
            char *old = path_join(from, list.items[i]), *new = path_join(to, list.items[i]);
            if (pass == 0 && access(new, F_OK) == 0) {
                complain("recover", "%s exists already; move it away, then try again.", new);
                free_to_go = false;
            } else if (pass == 1 && rename(old, new) != 0) {
                complain("recover", "%s cannot be made: %s.", new, strerror(errno));
                moved = false;
            }
            free(old);
            free(new);
        }
    names_free(&list);
    return free_to_go && moved;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    remove(path);
    return 0;
}

/* A file, or a folder with all that is in it; no link is followed. */
static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- one folder holds one trace: of several the newest stays, an older one goes into a folder of its own below ---- */

/* When a trace of our recorder began, or, where its format does not say, when it was written; 0 when it is none of ours. In nanoseconds since 1970. What was
 * recorded is not read: it may be long. */
static uint64_t when_ours(const char *path)
{
    ct_trace_origin origin;
    struct stat status;
    if (ct_trace_find_origin(path, &origin, NULL) != CT_OK || !is_our_recorder((ct_text){origin.recorder, strlen(origin.recorder)}))
        return 0;
    if (origin.start_time)
        return origin.start_time;
    return stat(path, &status) == 0 ? (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec : 0;
}

static bool is_spans(const char *path)
{
    char begin[13];
    FILE *file = is_file(path) ? fopen(path, "re") : NULL;
    bool ours = file && fread(begin, 1, sizeof begin, file) == sizeof begin && memcmp(begin, "{\"id\": \"span_", sizeof begin) == 0;
    if (file)
        fclose(file);
    return ours;
}

/* FOLDER/earlier, or earlier-2 and so on, made anew. NULL after a sentence. */
static char *make_earlier(const char *folder)
{
    for (unsigned n = 1;; n++) {
        char name[32];
        snprintf(name, sizeof name, n == 1 ? "earlier" : "earlier-%u", n);
        char *path = path_join(folder, name);
        if (mkdir(path, 0700) == 0)
            return path;
        if (errno != EEXIST) {
            complain("recover", "%s cannot be made: %s.", path, strerror(errno));
            free(path);
            return NULL;
        }
        free(path);
    }
}

static void move_one(const char *from, const char *to, const char *name)
{
    char *old = path_join(from, name), *new = path_join(to, name);
    if (rename(old, new) != 0 && errno != ENOENT)
        complain("recover", "%s cannot be moved to %s: %s.", old, new, strerror(errno));
    free(old);
    free(new);
}

/* Where the recovered trace goes: `folder`, from which older traces of ours are then moved away, or a folder below it when there is a newer one.
 * NULL after a sentence. */
static char *make_room(ct_journal *journal, const char *folder)
{
    static const char *const endings[] = {".ctj", ".ct", "trace.json", "trace.bin"};
    static const char *const companions[] = {"trace_metadata.json", "trace_paths.json", "files"};
    uint64_t began = ct_journal_start_time(journal);
    bool newer = false, sidecars = false, any = false;
    names older[4] = {0};
    char *earlier = NULL;
    for (size_t e = 0; e < 4; e++) {
        names list;
        if (!folder_list(folder, e < 2 ? "" : endings[e], e < 2 ? endings[e] : "", &list))
            continue;
        for (size_t i = 0; i < list.count; i++) {
            char *path = path_join(folder, list.items[i]);
            bool plain = list.items[i][0] != '.' && (e < 2 || strcmp(list.items[i], endings[e]) == 0) && is_file(path);
            uint64_t when = plain ? when_ours(path) : 0;
            newer = newer || when > began;
            any = any || when;
            sidecars = sidecars || (when && e >= 2);
            if (!when)
                list.items[i][0] = 0; /* not ours: it stays */
            free(path);
        }
        older[e] = list;
    }
    char *place = NULL;
    if (newer) {
        place = make_earlier(folder);
    } else if (any && (earlier = make_earlier(folder))) {
        char *spans = path_join(folder, "spans.jsonl");
        for (size_t e = 0; e < 4; e++)
            for (size_t i = 0; i < older[e].count; i++)
                if (older[e].items[i][0])
                    move_one(folder, earlier, older[e].items[i]);
        for (size_t i = 0; sidecars && i < sizeof companions / sizeof *companions; i++)
            move_one(folder, earlier, companions[i]);
        if (is_spans(spans))
            move_one(folder, earlier, "spans.jsonl");
        free(spans);
        complain("recover", "the trace that was in %s is in %s now.", folder, earlier);
        free(earlier);
    }
    for (size_t e = 0; e < 4; e++)
        names_free(&older[e]);
    return newer ? place : must_have(strdup(folder));
}

/* Writes the trace into `place` under its own name, first beside it and then moved into place; one_trace: no older one of ours stays beside it. Returns
 * the path, or NULL after a sentence. */
static char *write_trace(ct_journal *journal, int format, const char *place, bool one_trace, const char *private_folder)
{
    char *temporary = path_join(private_folder, is_folder_format(format) ? "recovered.files" : format <= FORMAT_CT_MULTI ? "recovered.ct" : "recovered.ctj");
    char *final = NULL, *folder = NULL;
    bool done = false;
    remove_tree(temporary); /* of a recovery that was itself interrupted */
    if (is_folder_format(format)) {
        if (mkdir(temporary, 0777) != 0 && errno != EEXIST)
            complain("recover", "%s cannot be made: %s.", temporary, strerror(errno));
        else
            done = export_to("recover", journal, format, temporary, place, one_trace ? NULL : "the journal") == STATUS_OK && (folder = one_trace ? make_room(journal, place) : must_have(strdup(place))) &&
                   move_all(temporary, folder);
        final = done ? must_have(strdup(folder)) : NULL;
    } else {
        done = export_to("recover", journal, format, temporary, place, one_trace ? NULL : "the journal") == STATUS_OK && (folder = one_trace ? make_room(journal, place) : must_have(strdup(place)));
        while (done && !final) {
            final = free_name(folder, journal, ENDINGS[format]);
            if (link(temporary, final) == 0 || (errno != EEXIST && rename(temporary, final) == 0))
                break;
            if (errno != EEXIST) {
                complain("recover", "%s cannot be made: %s.", final, strerror(errno));
                done = false;
            } else {
                free(final);
                final = NULL;
            }
        }
    }
    remove_tree(temporary);
    free(temporary);
    free(folder);
    if (!done) {
        free(final);
        return NULL;
    }
    return final;
}

static void report(const char *path, ct_journal *journal, bool killed, int format)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    text out = {0};
    text_safe(&out, path, strlen(path));
    text_puts(&out, ": ");
    text_number(&out, counts.steps);
    text_format(&out, " %s recovered", ct_plural(counts.steps, "step", "steps"));
    ct_text program = ct_journal_meta_value(journal, "program");
    if (program.size) {
        text_puts(&out, " of ");
        text_safe(&out, program.bytes, program.size);
    }
    if (counts.complete)
        text_puts(&out, "; the recording was complete.");
    else if (counts.failed == CT_OK)
        text_puts(&out, killed ? "; the recording ends where its program was killed." : "; the recording ends where its file was cut.");
    else {
        text_puts(&out, "; ");
        why_unfinished(&out, counts.failed, counts.failed_system);
        text_puts(&out, ".");
    }
    if (format == FORMAT_JOURNAL) {
        text word = {0};
        text_format(&out, " For CodeTracer: codetracer-trace convert %s OUT.ct --to ct", shell_path(path, &word));
        text_free(&word);
    }
    text_char(&out, '\n');
    output_write(out.bytes, out.size);
    output_finish();
    text_free(&out);
}

static char *parent_of(const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 0 && path[size - 1] != '/')
        size--;
    while (size > 1 && path[size - 1] == '/')
        size--;
    return must_have(size ? strndup(path, size) : strdup("."));
}

/* The spans' lines go beside the trace, as they do when a recording ends; a file of that name that is there already stays. */
static void move_spans(const char *private_folder, const char *trace, int format)
{
    char *old = path_join(private_folder, "spans.jsonl"), *folder = is_folder_format(format) ? must_have(strdup(trace)) : parent_of(trace);
    char *new = path_join(folder, "spans.jsonl");
    if (is_spans(old) && link(old, new) != 0 && (errno == EEXIST || rename(old, new) != 0))
        complain("recover", "%s cannot be made: %s.", new, strerror(errno));
    free(old);
    free(folder);
    free(new);
}

/* What the recorder and recoveries put there, the journal's last file at the very end; a folder that holds something else stays. */
static void remove_private(const char *private_folder)
{
    static const char *const OURS[] = {"trace", "exporting", "recovered.files", "recovered.ct", "recovered.ctj", "spans.jsonl", "journal.live", "journal.ctj"};
    for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) {
        char *path = path_join(private_folder, OURS[i]);
        remove_tree(path);
        free(path);
    }
    rmdir(private_folder);
}

/* One private folder. */
static int recover_recording(const char *private_folder, const char *folder, int format)
{
    long process = recording_process(private_folder);
    if (process) {
        complain("recover", "%s is still being written by process %ld; it is left alone. When that process has ended, try again.", private_folder, process);
        return STATUS_TRACE;
    }
    ct_journal *journal;
    ct_error error = {0};
    if (ct_journal_open(private_folder, NULL, &journal, &error) != CT_OK) {
        complain_error("recover", private_folder, &error);
        return STATUS_TRACE;
    }
    char *path = write_trace(journal, format, folder, true, private_folder);
    if (path) {
        report(path, journal, true, format);
        move_spans(private_folder, path, format);
        remove_private(private_folder);
    }
    ct_journal_close(journal);
    free(path);
    return path ? STATUS_OK : STATUS_TRACE;
}

static bool begins_as_journal(const char *file)
{
    char begin[8];
    FILE *opened = fopen(file, "re");
    bool is_journal = opened && fread(begin, 1, sizeof begin, opened) == sizeof begin && memcmp(begin, CT_JOURNAL_MAGIC, sizeof begin) == 0;
    if (opened)
        fclose(opened);
    return is_journal;
}

/* A .ctj file: complete, or cut off. */
static int recover_file(const char *file, int format)
{
    ct_journal *journal;
    ct_error error = {0};
    ct_journal_counts counts;
    if (ct_journal_open(file, NULL, &journal, &error) != CT_OK) {
        if (error.code == CT_E_CORRUPT && !begins_as_journal(file))
            complain("recover", "%s is no journal (.ctj): only of those, and of recordings, the beginning makes a trace. `codetracer-trace verify` tells what is wrong with others.", file);
        else
            complain_error("recover", file, &error);
        return STATUS_TRACE;
    }
    ct_journal_count(journal, &counts);
    char *folder = parent_of(file), *path = NULL;
    int status = STATUS_OK;
    if (counts.complete) {
        complain("recover", "%s is complete; there is nothing to recover.", file);
    } else {
        text private_name = {0};
        text_format(&private_name, "%s/.recovering-XXXXXX", folder);
        text_char(&private_name, 0);
        if (!mkdtemp(private_name.bytes))
            complain("recover", "nothing can be written in %s: %s.", folder, strerror(errno));
        else {
            path = write_trace(journal, format, folder, false, private_name.bytes);
            rmdir(private_name.bytes);
        }
        text_free(&private_name);
        if (path)
            report(path, journal, false, format);
        status = path ? STATUS_OK : STATUS_TRACE;
    }
    free(path);
    free(folder);
    ct_journal_close(journal);
    return status;
}

static int recover_folder(const char *folder, int format)
{
    names list;
    int status = STATUS_OK;
    char *inside = path_join(folder, "journal.ctj"), *live = path_join(folder, "journal.live");
    const char *name = strrchr(folder, '/');
    bool is_private = is_file(inside) && (is_file(live) || strncmp(name ? name + 1 : folder, ".recording-", 11) == 0);
    free(inside);
    free(live);
    if (is_private) {
        /* `.` has no name to take the parent from, and cannot be removed. */
        bool is_here = strcmp(name ? name + 1 : folder, ".") == 0 || strcmp(name ? name + 1 : folder, "..") == 0;
        char *whole = is_here ? realpath(folder, NULL) : NULL, *parent = parent_of(whole ? whole : folder);
        status = recover_recording(whole ? whole : folder, parent, format);
        free(whole);
        free(parent);
        return status;
    }
    if (!folder_list(folder, ".recording-", "", &list)) {
        complain("recover", "%s cannot be read: %s.", folder, strerror(errno));
        return STATUS_TRACE;
    }
    for (size_t i = 0; i < list.count && !interrupt_came(); i++) {
        char *private_folder = path_join(folder, list.items[i]), *journal = path_join(private_folder, "journal.ctj");
        if (is_file(journal)) {
            if (recover_recording(private_folder, folder, format) != STATUS_OK)
                status = STATUS_TRACE;
        } else if (access(journal, F_OK) != 0 && errno == ENOENT) {
            complain("recover", "%s holds no journal; nothing can be recovered from it. You may delete it.", private_folder);
        } else {
            complain("recover", "%s cannot be read: %s.", journal, strerror(errno));
            status = STATUS_TRACE;
        }
        free(private_folder);
        free(journal);
    }
    if (list.count == 0)
        complain("recover", "%s holds no unfinished recording; there is nothing to recover.", folder);
    names_free(&list);
    return status;
}

int command_recover(int argc, char **argv)
{
    int format = FORMAT_JOURNAL;
    const option options[] = {{"format", OPTION_CHOICE, &format, NULL, FORMAT_NAMES}, {0}};
    const char *place;
    size_t places;
    int status = options_parse(argc, argv, options, HELP, 1, 1, &place, &places);
    if (status != STATUS_OK)
        return status < 0 ? STATUS_OK : status;
    if (is_file(place)) {
        /* That of a recording is not all of it, and may still grow: its folder is meant. */
        char *inside = parent_of(place), *live = path_join(inside, "journal.live");
        const char *slash = strrchr(place, '/');
        bool is_recording = strcmp(slash ? slash + 1 : place, "journal.ctj") == 0 && is_file(live);
        status = is_recording ? recover_folder(inside, format) : recover_file(place, format);
        free(live);
        free(inside);
        return status;
    }
    if (!is_folder(place)) {
        if (access(place, F_OK) == 0)
            complain("recover", "%s: this is neither a folder nor a file.", place);
        else
            complain("recover", "%s: %s.", place, errno == ENOENT ? "there is no such folder" : strerror(errno));
        return STATUS_TRACE;
    }
    /* A folder's name without slashes behind it, so that its own name can be looked at. */
    char *folder = must_have(strdup(place));
    for (size_t size = strlen(folder); size > 1 && folder[size - 1] == '/'; size--)
        folder[size - 1] = 0;
    status = recover_folder(folder, format);
    free(folder);
    return status;
}
