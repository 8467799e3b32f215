/* Private to the import (import.c, import_definitions.c): what a format's stream defines, as the journal knows it.
 *
 * A stream defines paths, functions and variables when it first needs them, and never says which variables a function has; a journal's code names its slots
 * before its first call. So a stream is read twice: the first run learns each function's variables and their order, the second one writes. Names are kept from
 * the first run to the second; the journal's ids are of the second.
 */
#ifndef CT_FORMATS_IMPORT_DEFINITIONS_H
#define CT_FORMATS_IMPORT_DEFINITIONS_H

#include "codetracer/record.h"
#include "formats/intern.h"
#include "formats/stream.h"
#include "formats/variable_order.h"

typedef struct ct_import_variable { char *name; size_t size; uint32_t id; /* + 1 */ } ct_import_variable;

/* One of a function's variables; is_argument: some call names it. */
typedef struct ct_import_local { uint32_t variable; bool is_argument; } ct_import_local;

typedef struct ct_import_function {
    uint64_t file;                 /* the stream's number of its path */
    uint32_t path;                 /* the journal's */
    int64_t line;
    char *name;
    size_t size;
    bool is_module, is_toplevel;
    ct_import_local *variables;    /* in the order of their slots */
    ct_variable_order order;
    size_t variable_count, variable_capacity, arguments;
} ct_import_function;

/* Where steps on a line were. */
typedef struct ct_import_column { uint32_t code, first_line; ct_line_column at; } ct_import_column;

typedef struct ct_import_definitions {
    ct_recording *r;
    const ct_allocator *allocator; /* the recording's */
    ct_stream_state *state;        /* where a failure leaves its message */
    bool writing;                  /* the second run */
    uint32_t *paths;               /* the journal's ids */
    size_t path_count, path_capacity;
    ct_import_variable *variables;
    size_t variable_count, variable_capacity, variables_named;
    ct_import_function *functions;
    size_t function_count, function_capacity;
    ct_intern codes;               /* (function, path of the journal) */
    uint32_t *code_of;             /* by number in `codes`: the journal's */
    size_t code_of_capacity;
    uint64_t other_slots;          /* of codes in other files than their functions' */
    ct_intern lines;               /* (code, line) */
    ct_import_column *columns;     /* by number in `lines` */
    size_t column_capacity;
    ct_intern slots;               /* (function, variable) */
    size_t slots_learned;          /* in the first run; the second may not need more */
    uint32_t *slot_of;             /* by number in `slots`: index in the function's variables */
    size_t slot_of_capacity;
    uint64_t script_path;          /* where <toplevel> is: a path's number, + 1; from the first run */
    char *script;                  /* its text; the metadata's program may be as the user typed it */
    size_t script_size;
} ct_import_definitions;

/* What fails leaves its sentence in the state and returns CT_E_NOMEM or CT_E_CORRUPT. */
void ct_import_definitions_start(ct_import_definitions *d);  /* before each run */
ct_code ct_import_definitions_learned(ct_import_definitions *d); /* between the two: slots in the order in which the steps showed them; then `writing` */
void ct_import_definitions_free(ct_import_definitions *d);

ct_code ct_import_path(ct_import_definitions *d, const char *bytes, size_t size);
ct_code ct_import_function_named(ct_import_definitions *d, uint64_t path, int64_t line, const char *bytes, size_t size);
ct_code ct_import_variable_named(ct_import_definitions *d, const char *bytes, size_t size);

/* CT_OK if there is such a variable. Upstream has traces with variables that nothing names (golden/minimal_trace.ct): they are called by their numbers. */
ct_code ct_import_know_variable(ct_import_definitions *d, uint64_t variable);
/* Its name's id in the journal. */
uint32_t ct_import_name_of(ct_import_definitions *d, uint64_t variable);
/* Its index in the function's list; in the first run it is put there. */
ct_code ct_import_slot_of(ct_import_definitions *d, uint32_t function, uint64_t variable, uint32_t *slot);
/* A function's code for steps in that path (of the journal). A step may be in another file than its function: in a macro's, a template's, an included one. A
 * journal's steps are in the file of their activation's code, so the function has a code for each of its files. What that would cost is bounded, for each names
 * all variables: behind the bound *path becomes the function's own. */
ct_code ct_import_code_of(ct_import_definitions *d, uint32_t function, uint32_t *path, uint32_t *code);

/* A step of the code was there. A journal has one column for each line of a code: that of the first step on it that has
 * another than 1, which writers put where they do not know it. */
ct_code ct_import_column_of(ct_import_definitions *d, uint32_t function, uint32_t code, int64_t line, uint64_t column);
/* What became known of columns, behind the last step. */
void ct_import_write_columns(ct_import_definitions *d);

/* ---- what both files need ---- */

static inline ct_code
ct_import_no_memory(ct_stream_state *state)
{
    state->message = "there is not enough memory";
    return CT_E_NOMEM;
}

static inline ct_code
ct_import_corrupt(ct_stream_state *state, const char *message)
{
    state->message = message;
    return CT_E_CORRUPT;
}

#endif
