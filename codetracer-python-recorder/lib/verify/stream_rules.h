/* The rules of the event stream that CodeTracer's formats share, as a sink of it (formats/stream.h): what its loader panics at or misreads. */
#ifndef CT_VERIFY_STREAM_RULES_H
#define CT_VERIFY_STREAM_RULES_H

#include "formats/buffer.h"
#include "formats/ct_places.h"
#include "formats/stream.h"
#include "verify/report.h"

typedef struct ct_rule_function { uint64_t path; int64_t line; } ct_rule_function;
typedef struct ct_rule_type { uint64_t kind; size_t fields; } ct_rule_type;
/* shown: how many variables the call's last step had; 0 also when that is not known. */
typedef struct ct_rule_call { uint64_t byte, event, shown; } ct_rule_call;

enum { CT_RULE_WINDOWS = 4096 };

typedef struct ct_stream_rules {
    ct_stream_sink sink;           /* to be given to the reader */
    ct_stream_state state;         /* event: UINT64_MAX before the first one */
    const ct_report *report;
    const char *part;              /* for findings: the file within the trace that the reader's bytes count in; NULL: the trace's own */
    bool bare;                     /* the layout has neither functions' places nor kinds of types: no rules about them */
    ct_buffer paths;               /* every path, ended by a zero byte */
    uint64_t path_count, variable_count;
    bool python;                   /* some path ends in .py */
    bool ours;                     /* containers: this project's recorder made the trace, as meta.dat says */
    ct_rule_function *functions;
    size_t function_count, function_capacity;
    ct_rule_type *types;
    size_t type_count, type_capacity;
    ct_rule_call *calls;           /* open ones; the first may be the one that the loader invents */
    size_t depth, call_capacity;
    uint64_t *threads;             /* that run */
    size_t thread_count, thread_capacity;
    uint64_t steps, calls_seen, values, outputs;
    /* All steps in groups of `window`: what of each is the same in every layout, summed. Two groups become one when there are too many. */
    uint64_t windows[CT_RULE_WINDOWS], window, summed;
    const ct_places_in *places;    /* of the layout that this one is held against: a line for which that has no position counts as the one that stands for it */
    bool any_step, invented;
    bool first_known;              /* the thread that nothing started has shown its number */
    struct {
        uint64_t byte, event, path, values;
        int64_t line;
        bool there;                /* it may get values */
        bool adjacent;             /* only definitions since */
        bool used;                 /* a Call or Return came since */
    } step;                        /* the newest */
} ct_stream_rules;

void ct_stream_rules_start(ct_stream_rules *rules, const ct_report *report, const char *part);
/* Behind the last event. */
void ct_stream_rules_end(ct_stream_rules *rules);
void ct_stream_rules_free(ct_stream_rules *rules);

#endif
