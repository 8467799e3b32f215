/* TRACE arguments: a journal of the trace, whatever its format. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codetracer/trace.h"
#include "tool/tool.h"

static enum ct_trace_format format = CT_TRACE_JOURNAL;
static bool damaged; /* a part of the last trace cannot be read */

const char *trace_format(void)
{
    return ct_trace_format_name(format);
}

/* What is no journal and has none in it is turned into one before anything is shown (docs/converting.md). */
typedef struct parts_seen { bool foreign, json; } parts_seen;

static ct_code look_for_journal(void *context, const ct_trace_part *part)
{
    parts_seen *seen = context;
    seen->foreign = strcmp(part->name, "journal.ctj") != 0;
    seen->json = seen->json || strcmp(part->name, "trace.json") == 0;
    return seen->foreign ? CT_OK : CT_END;
}

/* A person who waits is told what for. */
static void say_that_it_is_read_first(const char *command, const char *path)
{
    enum { LONG = 20, LONG_JSON = 200 }; /* MB that may take more than a second; only json is not compressed */
    parts_seen seen = {0};
    uint64_t bytes = 0;
    text word = {0};
    if (isatty(STDERR_FILENO) && ct_trace_parts(path, look_for_journal, &seen, &bytes, NULL) == CT_OK && seen.foreign && bytes / 1000000 >= (seen.json ? LONG_JSON : LONG))
        complain(command, "%s: reading all of its %" PRIu64 " MB first, as of every trace without a journal; `codetracer-trace convert %s OUT.ctj --to journal` makes one, "
                          "which opens at once.", path, bytes / 1000000, shell_path(path, &word));
    text_free(&word);
}

int trace_open(const char *command, const char *path, ct_journal **journal)
{
    ct_error error = {0};
    say_that_it_is_read_first(command, path);
    if (ct_trace_open(path, NULL, journal, &format, &error) == CT_OK)
        return STATUS_OK;
    damaged = *journal != NULL;
    if (damaged) {
        ct_journal_counts counts;
        ct_journal_count(*journal, &counts);
        text sentence = {0};
        text_format(&sentence, "%s%s%c", error.message, counts.rescued ? "" : "; what stands before that was read", 0);
        error.message = sentence.bytes;
        complain_error(command, path, &error);
        text_free(&sentence);
        return STATUS_OK;
    }
    complain_error(command, path, &error);
    return STATUS_TRACE;
}

/* A journal's file that has lost its end, and is in no private folder of a recording: its name, malloc'd; else NULL. */
static char *cut_file(const char *path, const ct_journal_counts *counts)
{
    names list;
    char *file = NULL;
    if (counts->complete || counts->failed != CT_OK)
        return NULL;
    if (!is_folder(path))
        return must_have(strdup(path));
    if (folder_list(path, "", ".ctj", &list) && list.count) {
        char *live = path_join(path, "journal.live");
        file = is_file(live) ? NULL : path_join(path, list.items[0]);
        free(live);
    }
    names_free(&list);
    return file;
}

bool trace_is_cut(const char *path, const ct_journal_counts *counts)
{
    char *file = cut_file(path, counts);
    free(file);
    return file != NULL;
}

static bool holds(const char *folder, const char *beginning, const char *ending)
{
    names list;
    bool any = folder_list(folder, beginning, ending, &list) && list.count > 0;
    names_free(&list);
    return any;
}

/* Beside a trace: with none there, what was opened is that recording, whole already, and only its export was killed. */
static bool holds_unfinished_too(const char *folder)
{
    return holds(folder, ".recording-", "") &&
           (holds(folder, "", ".ctj") || holds(folder, "", ".ct") || holds(folder, "trace.", "json") || holds(folder, "trace.", "bin"));
}

void why_unfinished(text *out, ct_code failed, int system)
{
    if (failed == CT_OK)
        text_puts(out, "its program is still running or was killed");
    else
        text_format(out, "it stopped before the program's end (%s)", system ? strerror(system) : failed == CT_E_NOMEM ? "no memory" : "an error of the recorder");
}

int trace_status(void)
{
    return damaged ? STATUS_TRACE : STATUS_OK;
}

int trace_end(const char *path, const ct_journal *journal)
{
    ct_journal_counts counts;
    text why = {0}, word = {0};
    ct_journal_count(journal, &counts);
    char *cut = cut_file(path, &counts);
    if (cut) {
        damaged = true;
        complain("", "%s is not complete: its end is missing. `codetracer-trace recover %s` makes a whole trace of what there is.", cut, shell_path(cut, &word));
    } else if (!counts.complete) {
        why_unfinished(&why, counts.failed, counts.failed_system);
        text_char(&why, 0);
        complain("", "%s is not complete: %s. `codetracer-trace recover %s` %s.", path, why.bytes, shell_path(path, &word),
                 counts.failed == CT_OK ? "finishes what was killed" : "makes a whole trace of what there is");
    } else if (is_folder(path) && holds_unfinished_too(path))
        complain("", "%s holds an unfinished recording, too, which is not shown: its program is still running or was killed. "
                     "`codetracer-trace recover %s` finishes what was killed.", path, shell_path(path, &word));
    text_free(&why);
    text_free(&word);
    free(cut);
    return trace_status();
}
