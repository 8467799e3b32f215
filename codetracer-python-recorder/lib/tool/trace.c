/* TRACE arguments: which file is meant, and a journal of it whatever its format. A trace in another format becomes a journal in a temporary folder
 * that is gone again as soon as the journal is open. Invariant: nothing stays in the temporary folder, also when the program is interrupted. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codetracer/import.h"
#include "tool/tool.h"

static const char *format = "journal";
static char temporary_folder[3072], temporary_journal[3200], temporary_live[3200];

const char *trace_format(void)
{
    return format;
}

static void remove_temporary(void)
{
    unlink(temporary_journal);
    unlink(temporary_live);
    rmdir(temporary_folder);
}

static void interrupted(int signal_number)
{
    remove_temporary();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static int import_trace(const char *command, const char *path, ct_code (*import)(const char *, ct_recording *, ct_error *), ct_journal **journal)
{
    const char *folder = getenv("TMPDIR");
    ct_error error = {0};
    snprintf(temporary_folder, sizeof temporary_folder, "%s/codetracer-trace-XXXXXX", folder && *folder ? folder : "/tmp");
    if (!mkdtemp(temporary_folder)) {
        complain(command, "no temporary folder can be made as %s: %s; set TMPDIR.", temporary_folder, strerror(errno));
        return STATUS_TRACE;
    }
    snprintf(temporary_journal, sizeof temporary_journal, "%s/journal.ctj", temporary_folder);
    snprintf(temporary_live, sizeof temporary_live, "%s/journal.live", temporary_folder);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < 3; i++)
        if (signal(signals[i], interrupted) == SIG_IGN)
            signal(signals[i], SIG_IGN);
    ct_recording *recording;
    ct_recording_options options = {.journal_path = temporary_journal, .live_path = temporary_live};
    ct_code code = ct_recording_open(&options, &recording, &error);
    const char *at = temporary_journal;
    if (code == CT_OK) {
        ct_error ending = {0};
        code = import(path, recording, &error);
        if (code != CT_OK)
            at = path;
        ct_code end = ct_recording_finish(recording, &ending);
        if (code == CT_OK && end != CT_OK) {
            code = end;
            error = ending;
        }
    }
    if (code == CT_OK)
        code = ct_journal_open(temporary_journal, journal, &error);
    remove_temporary();
    for (size_t i = 0; i < 3; i++)
        if (signal(signals[i], SIG_DFL) == SIG_IGN)
            signal(signals[i], SIG_IGN);
    if (code == CT_OK) {
        format = import == ct_import_ct ? "ct" : "json";
        return STATUS_OK;
    }
    complain_error(command, at, &error);
    return STATUS_TRACE;
}

static int open_journal(const char *command, const char *path, ct_journal **journal)
{
    ct_error error = {0};
    if (ct_journal_open(path, journal, &error) == CT_OK)
        return STATUS_OK;
    complain_error(command, path, &error);
    return STATUS_TRACE;
}

static int open_file(const char *command, const char *path, ct_journal **journal)
{
    uint8_t start[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, start, sizeof start);
    int reason = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0) {
        complain(command, "%s cannot be read: %s.", path, strerror(reason));
        return STATUS_TRACE;
    }
    if (got >= 8 && memcmp(start, "\x89" "CTJ\r\n\x1a\n", 8) == 0)
        return open_journal(command, path, journal);
    if (got >= 5 && memcmp(start, "\xC0\xDE\x72\xAC\xE2", 5) == 0)
        return import_trace(command, path, ct_import_ct, journal);
    for (ssize_t i = 0; i < got; i++) {
        if (strchr(" \t\r\n", start[i]) && start[i])
            continue;
        if (start[i] == '[')
            return import_trace(command, path, ct_import_json, journal);
        break;
    }
    complain(command, "%s is no trace: it begins like neither a journal (.ctj), a CTFS container (.ct) nor trace.json.", path);
    return STATUS_TRACE;
}

/* The one trace in a folder. */
static int open_folder(const char *command, const char *path, ct_journal **journal)
{
    static const char *const endings[] = {".ctj", ".ct", "trace.json"};
    char *private_journal = path_join(path, "journal.ctj"), *live = path_join(path, "journal.live");
    bool is_private = is_file(private_journal) && is_file(live);
    free(private_journal);
    free(live);
    if (is_private)
        return open_journal(command, path, journal);
    text found = {0};
    char *one = NULL;
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        names list;
        if (!folder_list(path, i == 2 ? endings[i] : "", i == 2 ? "" : endings[i], &list)) {
            complain(command, "%s cannot be read: %s.", path, strerror(errno));
            return STATUS_TRACE;
        }
        for (size_t k = 0; k < list.count; k++) {
            if (list.items[k][0] == '.' || (i == 2 && strcmp(list.items[k], endings[i]) != 0))
                continue;
            text_format(&found, "%s%s", count ? ", " : "", list.items[k]);
            free(one);
            one = path_join(path, list.items[k]);
            count++;
        }
        names_free(&list);
    }
    int status = STATUS_TRACE;
    names cut = {0};
    if (count == 1)
        status = open_file(command, one, journal);
    else if (count > 1)
        complain(command, "%s holds several traces: %.*s; give the path of one of them.", path, (int)found.size, found.bytes);
    else if (folder_list(path, ".recording-", "", &cut) && cut.count == 1) {
        free(one);
        one = path_join(path, cut.items[0]);
        status = open_journal(command, one, journal);
    } else if (cut.count > 1)
        complain(command, "%s holds %zu unfinished recordings; `codetracer-trace recover %s` finishes them.", path, cut.count, path);
    else
        complain(command, "%s holds no trace: no .ctj, no .ct, no trace.json.", path);
    names_free(&cut);
    text_free(&found);
    free(one);
    return status;
}

int trace_open(const char *command, const char *path, ct_journal **journal)
{
    if (is_folder(path))
        return open_folder(command, path, journal);
    if (!is_file(path)) {
        if (access(path, F_OK) != 0)
            complain(command, "%s: %s.", path, errno == ENOENT ? "there is no such file or folder" : strerror(errno));
        else
            complain(command, "%s is neither a file nor a folder.", path);
        return STATUS_TRACE;
    }
    return open_file(command, path, journal);
}

void trace_note_if_cut(const char *path, const ct_journal *journal)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    if (counts.complete)
        return;
    complain("", "%s is not complete: its program is still running or was killed. `codetracer-trace recover %s` finishes what was killed.", path, path);
}
