/* codetracer-trace convert: the same trace in another format. Never overwrites. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/export.h"
#include "tool/export_to.h"
#include "util/plural.h"

static const char HELP[] =
    "usage: codetracer-trace convert IN OUT --to FORMAT\n"
    "\n"
    "Writes the trace IN in another format to OUT, a file that does not exist yet:\n"
    "  ct          one container with everything, for CodeTracer and for this program\n"
    "  ct-single   a plain container with one stream of events, for other readers\n"
    "  ct-multi    a plain container with a stream for each kind (steps, values, calls), for other readers\n"
    "  journal     this recorder's own format\n"
    "or a folder (made if it is not there):\n"
    "  json        trace.json and the files that belong to it\n"
    "  binary      trace.bin (CBOR, zstd) and those files\n"
    "  binary-v0   trace.bin as release 0.3.0 wrote it (Cap'n Proto), up to 64 MiB\n"
    "What the format has no place for is left out: one line on stderr for each kind, with its count, and one for what limits cut.\n"
    "Exit status: 0; 1 IN is damaged or OUT cannot be written; 2 wrong options.\n";

const char *const FORMAT_NAMES[] = {"ct", "ct-single", "ct-multi", "json", "binary", "binary-v0", "journal", NULL};

bool is_folder_format(int format)
{
    return format == FORMAT_JSON || format == FORMAT_BINARY || format == FORMAT_BINARY_V0;
}

static enum ct_layout layout_of(int format)
{
    return format == FORMAT_CT_SINGLE ? CT_LAYOUT_SINGLE : format == FORMAT_CT_MULTI ? CT_LAYOUT_MULTI : CT_LAYOUT_BOTH;
}

static ct_code stop_if_interrupted(void *context, uint64_t done, uint64_t total)
{
    (void)context, (void)done, (void)total;
    return interrupt_came() ? CT_E_STOPPED : CT_OK;
}

int export_to(const char *command, ct_journal *journal, int format, const char *path, const char *shown, const char *whole_in)
{
    ct_error error = {0};
    ct_export_options options = {.layout = layout_of(format), .progress = stop_if_interrupted};
    ct_export_result result = {0};
    interrupt_hold(format == FORMAT_JOURNAL ? path : NULL);
    ct_code code = format <= FORMAT_CT_MULTI    ? ct_export_ct(journal, path, &options, &result, &error)
                   : format == FORMAT_JSON      ? ct_export_json(journal, path, &options, &result, &error)
                   : format == FORMAT_BINARY    ? ct_export_binary(journal, path, &options, &result, &error)
                   : format == FORMAT_BINARY_V0 ? ct_export_binary_v0(journal, path, &options, &result, &error)
                                                : ct_journal_save(journal, path, &error);
    interrupt_release();
    if (code == CT_E_STOPPED) {
        complain(command, "%s: stopped; nothing of it is left.", shown);
        return STATUS_TRACE;
    }
    if (code != CT_OK) {
        complain_error(command, shown, &error);
        return STATUS_TRACE;
    }
    if (result.sources_left_out)
        complain(command, "%s: %" PRIu64 " %s left out: no file in files/ can have that name.", shown,
                 CT_COUNTED(result.sources_left_out, "source"));
    if (result.cut_values) {
        text whole = {0};
        const char *them = ct_plural(result.cut_values, "it", "them");
        if (format == FORMAT_CT) /* the journal is inside */
            text_format(&whole, "; `codetracer-trace print` shows %s whole", them);
        else if (whole_in)
            text_format(&whole, "; %s has %s whole", whole_in, them);
        text_char(&whole, 0);
        complain(command, "%s: %s%" PRIu64 " %s of %" PRIu64 " %s %s cut by the format's limits (docs/values.md)%s.", shown,
                 format == FORMAT_CT ? "in CodeTracer's view " : "", CT_COUNTED(result.cut_values, "value"), CT_COUNTED(result.cut_variables, "variable"),
                 ct_plural(result.cut_values, "is", "are"), whole.bytes);
        text_free(&whole);
    }
    return STATUS_OK;
}

static void on_loss(void *context, const ct_loss *loss)
{
    complain("convert", "%s: %" PRIu64 " %s.", *(const char **)context, loss->count, loss->sentence);
}

/* Says what the journal has and the format leaves out. */
static int tell_losses(ct_journal *journal, int format, const char *path)
{
    static const enum ct_trace_format formats[] = {[FORMAT_CT] = CT_TRACE_CT,         [FORMAT_CT_SINGLE] = CT_TRACE_CT,
                                                   [FORMAT_CT_MULTI] = CT_TRACE_CT,   [FORMAT_JSON] = CT_TRACE_JSON,
                                                   [FORMAT_BINARY] = CT_TRACE_BINARY, [FORMAT_BINARY_V0] = CT_TRACE_BINARY_V0,
                                                   [FORMAT_JOURNAL] = CT_TRACE_JOURNAL};
    ct_error error = {0};
    if (ct_losses(journal, formats[format], layout_of(format), on_loss, &path, &error) == CT_OK)
        return STATUS_OK;
    complain_error("convert", path, &error);
    return STATUS_TRACE;
}

/* A file of the format that is in the folder already, malloc'd; NULL: none. */
static char *file_in_the_way(int format, const char *folder)
{
    const char *const files[] = {format == FORMAT_JSON ? "trace.json" : "trace.bin", "trace_metadata.json", "trace_paths.json", "files"};
    struct stat there;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = path_join(folder, files[i]);
        if (lstat(path, &there) == 0)
            return path;
        free(path);
    }
    return NULL;
}

int command_convert(int argc, char **argv)
{
    int format = -1;
    const option options[] = {{"to", OPTION_CHOICE, &format, NULL, FORMAT_NAMES}, {0}};
    const char *place[2];
    size_t places;
    int status = options_parse(argc, argv, options, HELP, 2, 2, place, &places);
    if (status != STATUS_OK)
        return status < 0 ? STATUS_OK : status;
    if (format < 0) {
        complain("convert", "--to is missing: ct, ct-single, ct-multi, json, binary, binary-v0 or journal.");
        return STATUS_USAGE;
    }
    struct stat there;
    bool in_folder = is_folder_format(format);
    if (in_folder ? stat(place[1], &there) == 0 && !S_ISDIR(there.st_mode) : lstat(place[1], &there) == 0) {
        complain("convert", in_folder ? "%s is no folder; this format needs one." : "%s exists already; give another name or move it away.", place[1]);
        return STATUS_TRACE;
    }
    char *taken = in_folder ? file_in_the_way(format, place[1]) : NULL;
    if (taken) {
        complain("convert", "%s exists already; give another folder or move it away.", taken);
        free(taken);
        return STATUS_TRACE;
    }
    ct_journal *journal;
    status = trace_open("convert", place[0], &journal);
    if (status != STATUS_OK)
        return status;
    bool made = false;
    if (in_folder && !(made = mkdir(place[1], 0777) == 0) && errno != EEXIST) {
        complain("convert", "%s cannot be made: %s.", place[1], strerror(errno));
        status = STATUS_TRACE;
    } else {
        status = export_to("convert", journal, format, place[1], place[1], place[0]);
    }
    if (status != STATUS_OK && made)
        rmdir(place[1]);
    if (status == STATUS_OK)
        status = tell_losses(journal, format, place[1]);
    if (status == STATUS_OK)
        status = trace_end(place[0], journal);
    ct_journal_close(journal);
    return status;
}
