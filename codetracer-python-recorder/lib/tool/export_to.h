/* Writing a journal in a format, for convert and recover. */
#ifndef TOOL_EXPORT_TO_H
#define TOOL_EXPORT_TO_H

#include "codetracer/replay.h"
#include "tool/tool.h"

enum { FORMAT_CT, FORMAT_CT_SINGLE, FORMAT_CT_MULTI, FORMAT_JSON, FORMAT_BINARY, FORMAT_BINARY_V0, FORMAT_JOURNAL };
extern const char *const FORMAT_NAMES[]; /* NULL-terminated, in the order above */
/* Whether a trace in this format is several files in a folder. */
bool is_folder_format(int format);

/* Writes the journal as a file (the three ct, journal) or into an existing folder (the others). Files must not exist; what a failure began is removed (of
 * the files). Says on stderr what went wrong, and calls the trace `shown`. whole_in: the name of the trace
 * in which what a format's limits cut can be looked up later on; NULL: there is none. */
int export_to(const char *command, ct_journal *journal, int format, const char *path, const char *shown, const char *whole_in);

#endif
