/* The journal's events as the stream that CodeTracer's formats share: steps with snapshots, and one stack of calls.
 *
 * Invariant of the stream (trace-json.md section 6): ids are dense and defined before use; call 0 is `<toplevel>` and comes first;
 * a call's own step (function's path and line, no values) stands right before it; never a return without its call; everything is closed
 * at the end. Threads share the one stack: at a change of threads the calls of one are closed and those of the other opened anew.
 */
#ifndef CT_FORMATS_LINEAR_H
#define CT_FORMATS_LINEAR_H

#include "codetracer/export.h"
#include "formats/value_cache.h"

typedef struct ct_named_value {
    uint32_t variable;
    uint32_t place;                /* the same for one variable of one code each time: dense, for tables of what was there last */
    uint64_t serial;               /* two of the same at one place are the same bytes */
    const ct_value *source;
    bool encoded;                  /* false (only if the format asked for it): `value` is empty until ct_linear_encode() */
    ct_encoded value;
} ct_named_value;

typedef struct ct_linear ct_linear;

enum ct_linear_thread { CT_LINEAR_THREAD_START, CT_LINEAR_THREAD_EXIT, CT_LINEAR_THREAD_SWITCH };

/* What a format does with the stream. Texts are clean UTF-8; everything pointed to lives until the function returns. A definition's id is
 * the number of earlier ones of its kind. Values come in the forms that the format asked for. */
typedef struct ct_linear_sink {
    void *context;
    unsigned form_count;
    enum ct_form forms[CT_FORMS_MAX];
    bool wants_columns;            /* else steps come without */
    uint32_t nesting;              /* of records that the format's readers stand */
    /* A format that copies what has not changed from its own last record sets this: it gets the encoder, and values of a step that are the same as
     * at that place before come without bytes. NULL: all values come encoded. */
    void (*encoder)(void *context, ct_linear *linear);
    ct_code (*path)(void *context, ct_text path);
    ct_code (*function)(void *context, uint32_t path, int64_t line, ct_text name);
    ct_code (*variable)(void *context, ct_text name);
    ct_type_sink type;
    ct_code (*step)(void *context, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count); /* column: 0: not known */
    /* The call's own step and the call. own_step is false for `<toplevel>` only. */
    ct_code (*call)(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments,
                    size_t count);
    ct_code (*leave)(void *context, const ct_encoded *value);
    ct_code (*output)(void *context, enum ct_stream_number stream, ct_text text);
    ct_code (*thread)(void *context, enum ct_linear_thread what, uint64_t thread);
} ct_linear_sink;

/* Fills in the bytes of a value that came without. Only while the function that got it runs. */
ct_code ct_linear_encode(ct_linear *linear, ct_named_value *named);

/* Options with their defaults filled in; depths never beyond the journal's own (its limit.* metas). */
typedef struct ct_linear_limits {
    ct_view_limits view;
    uint64_t journal_container_depth, journal_attribute_depth; /* UINT64_MAX: not said */
} ct_linear_limits;
void ct_linear_limits_of(const ct_journal *journal, const ct_export_options *options, uint32_t nesting, ct_linear_limits *limits);

/* Runs the whole journal through the sink. Fills result but for `bytes`. On failure *error says what (a sink's own words, when it filled
 * the error it was given). */
ct_code ct_linear_run(ct_journal *journal, const ct_export_options *options, const ct_linear_sink *sink, ct_export_result *result,
                      ct_error *error);

#endif
