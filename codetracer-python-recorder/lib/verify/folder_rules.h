/* The rules of what lies beside trace.json and trace.bin (trace-json.md sections 1 and 7). */
#ifndef CT_VERIFY_FOLDER_RULES_H
#define CT_VERIFY_FOLDER_RULES_H

#include "verify/report.h"

/* trace: the trace's file; paths: those of its Path events, each ended by a zero byte. */
ct_code ct_folder_rules(const ct_report *report, const char *trace, const char *paths, uint64_t path_count, ct_error *error);

#endif
