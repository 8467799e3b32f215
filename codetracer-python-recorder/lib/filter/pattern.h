/* One pattern: compiled once, matched under limits. */
#ifndef CT_FILTER_PATTERN_H
#define CT_FILTER_PATTERN_H

#include "codetracer/filter.h"

struct pcre2_real_code_8;

typedef struct pattern {
    ct_filter_kind kind;
    ct_filter_match match;
    char *text; /* terminated */
    size_t size;
    struct pcre2_real_code_8 *code; /* not of a literal */
    uint32_t slow;                  /* how often it took too long */
} pattern;

typedef struct pattern_engine pattern_engine;

pattern_engine *pattern_engine_new(const ct_allocator *allocator);
void pattern_engine_free(pattern_engine *engine);

/* CT_E_CORRUPT with a message and a position in the text. */
ct_code pattern_make(pattern_engine *engine, ct_filter_match match, const char *text, size_t size, pattern *made, ct_error *error);
void pattern_drop(pattern_engine *engine, pattern *p);

typedef enum pattern_answer { PATTERN_NO, PATTERN_YES, PATTERN_TOO_SLOW } pattern_answer;
pattern_answer pattern_matches(pattern_engine *engine, pattern *p, const char *subject, size_t size);

#endif
