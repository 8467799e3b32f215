/* Verifying traces: every checksum, every id, every rule that a format or CodeTracer's loader has, one finding for each that is broken. Rules have
 * names: docs/verify.md lists them.
 *
 *     ct_verified verified;
 *     ct_code code = ct_verify("trace-out", NULL, on_finding, context, &verified, &error);
 *     if (code == CT_OK && verified.findings == 0) ...        the trace is whole
 */
#ifndef CODETRACER_VERIFY_H
#define CODETRACER_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/trace.h"

typedef struct ct_finding {
    const char *rule;     /* its name, a constant */
    const char *part;     /* the file beside the trace's, or inside it, that `byte` counts in; NULL: the trace's own */
    uint64_t byte;        /* where it begins; of what lies compressed, where that begins */
    bool has_event;
    uint64_t event;       /* number of the event that breaks it, from 0 */
    const char *sentence; /* lives until the function returns */
} ct_finding;

typedef void (*ct_finding_function)(void *context, const ct_finding *finding);

typedef struct ct_verified {
    char file[200];                   /* the trace's file, as `path` leads to it; a longer one is cut */
    enum ct_trace_format format;      /* of the trace; in all but a journal `events` and `steps` count what the format has: definitions, values, a step for each call */
    uint64_t findings, events, steps; /* the latter two as far as they could be read */
    bool unfinished;                  /* a recording that still runs, whose program was killed, or that failed: no finding */
    ct_code failed;                   /* as in ct_journal_counts */
    int failed_system;
} ct_verified;

/* path, options: as for ct_trace_open(); temporary space is taken for binary-v0 only. found is called in this thread, once for each finding. CT_OK: verified,
 * whatever was found. Else the trace could not be looked at (CT_E_IO, CT_E_NOMEM and so on): *error says why. Memory grows with the definitions and
 * with what is alive at one time, not with the steps. */
CT_API ct_code ct_verify(const char *path, const ct_trace_options *options, ct_finding_function found, void *context, ct_verified *verified,
                         ct_error *error);

#endif
