/* Finding a trace without opening it. Private to the library. */
#ifndef CT_FORMATS_OPEN_H
#define CT_FORMATS_OPEN_H

#include <limits.h>

#include "codetracer/trace.h"

/* The file of the trace that `path` names (of a recording that was cut: its private folder), and what it is. Errors: those of ct_trace_open(). */
ct_code ct_trace_find(const char *path, char file[PATH_MAX], enum ct_trace_format *format, ct_error *error);

/* The message of a CT_E_CORRUPT after which all of the trace is in the journal nonetheless. */
extern const char CT_IMPORT_RESCUED[];

#endif
