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
    "What the format has no place for is left out; what its limits cut is said in one line.\n"
    "Exit status: 0; 1 IN is damaged or OUT cannot be written; 2 wrong options.\n";

const char *const FORMAT_NAMES[] = {"ct", "ct-single", "ct-multi", "json", "binary", "binary-v0", "journal", NULL};

bool is_folder_format(int format)
{
    return format == FORMAT_JSON || format == FORMAT_BINARY || format == FORMAT_BINARY_V0;
}

int export_to(const char *command, ct_journal *journal, int format, const char *path)
{
    ct_error error = {0};
    ct_export_options options = {0};
    ct_export_result result = {0};
    options.layout = format == FORMAT_CT_SINGLE ? CT_LAYOUT_SINGLE : format == FORMAT_CT_MULTI ? CT_LAYOUT_MULTI : CT_LAYOUT_BOTH;
    ct_code code = format <= FORMAT_CT_MULTI    ? ct_export_ct(journal, path, &options, &result, &error)
                   : format == FORMAT_JSON      ? ct_export_json(journal, path, &options, &result, &error)
                   : format == FORMAT_BINARY    ? ct_export_binary(journal, path, &options, &result, &error)
                   : format == FORMAT_BINARY_V0 ? ct_export_binary_v0(journal, path, &options, &result, &error)
                                                : ct_journal_save(journal, path, &error);
    if (code != CT_OK) {
        complain_error(command, path, &error);
        return STATUS_TRACE;
    }
    if (result.cut_values)
        complain(command, "%s: %" PRIu64 " values of %" PRIu64 " variables are cut by the format's limits (docs/values.md); the journal has them whole.",
                 path, result.cut_values, result.cut_variables);
    return STATUS_OK;
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
    ct_journal *journal;
    status = trace_open("convert", place[0], &journal);
    if (status != STATUS_OK)
        return status;
    bool made = false;
    if (in_folder && !(made = mkdir(place[1], 0777) == 0) && errno != EEXIST) {
        complain("convert", "%s cannot be made: %s.", place[1], strerror(errno));
        status = STATUS_TRACE;
    } else {
        status = export_to("convert", journal, format, place[1]);
    }
    if (status != STATUS_OK && made)
        rmdir(place[1]);
    if (status == STATUS_OK)
        status = trace_end(place[0], journal);
    ct_journal_close(journal);
    return status;
}
