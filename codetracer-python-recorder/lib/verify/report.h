/* Findings on their way to whoever asked for them. Private to lib/verify/. */
#ifndef CT_VERIFY_REPORT_H
#define CT_VERIFY_REPORT_H

#include "codetracer/io.h"
#include "codetracer/verify.h"
#include "formats/ctfs.h"

typedef struct ct_report {
    ct_finding_function found;
    void *context;
    ct_verified *verified;
    const ct_allocator *allocator;
} ct_report;

/* A finding at a byte of `part`; event UINT64_MAX: of no event. */
void ct_report_add(const ct_report *report, const char *rule, const char *part, uint64_t byte, uint64_t event, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* ---- journal_rules.c: all of docs/journal-format.md ---- */
ct_code ct_journal_rules(const ct_report *report, const char *path, ct_error *error);
/* Of a journal that lies in another file, whose name within that is `part`; it closes the source. */
ct_code ct_journal_rules_inner(const ct_report *report, const ct_source *source, const char *part, ct_error *error);

/* ---- container_rules.c: the structure of a container and of the multi-stream layout; what a reader complains about is left to it ---- */
ct_code ct_container_rules(const ct_report *report, const char *path, ct_error *error);
/* One frame of the stream with that name; ours: in a container of this project. */
ct_code ct_frame_rules(const ct_report *report, bool ours, const char *name, ct_inner *file, uint64_t offset, ct_error *error);

#endif
