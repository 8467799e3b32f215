/* From the event stream that CodeTracer's formats share (trace-json.md section 3) to a journal.
 *
 * A reader runs twice over its file with the same calls: first to learn which variables each function has (a journal's code says so
 * before its first call), then, after ct_import_write(), to write. A format's reader knows bytes, this file knows meaning.
 *
 * Values: the reader builds a tree in im->nodes (ct_import_node), whose texts need to live only until the call that takes it.
 */
#ifndef CT_FORMATS_IMPORT_H
#define CT_FORMATS_IMPORT_H

#include "codetracer/import.h"
#include "formats/buffer.h"
#include "formats/intern.h"

typedef enum ct_import_kind {
    CT_IN_NONE, CT_IN_BOOL, CT_IN_INT, CT_IN_BIGINT, CT_IN_FLOAT, CT_IN_STRING, CT_IN_RAW, CT_IN_SEQUENCE, CT_IN_TUPLE, CT_IN_STRUCT
} ct_import_kind;

typedef struct ct_import_node {
    ct_import_kind kind;
    bool negative;
    uint32_t type;
    size_t first, next;                    /* child, sibling: index + 1 */
    size_t children;
    int64_t integer;                       /* also BOOL */
    double number;
    const uint8_t *bytes; size_t size;     /* STRING, RAW; BIGINT: magnitude, big-endian */
} ct_import_node;

typedef enum ct_import_thread { CT_IN_THREAD_START, CT_IN_THREAD_EXIT, CT_IN_THREAD_SWITCH } ct_import_thread;

typedef struct ct_import ct_import;
enum { CT_IMPORT_NESTING = 200 };          /* values deeper than this are damage */

ct_code ct_import_new(ct_recording *recording, ct_import **im, ct_error *error);
void ct_import_free(ct_import *im);
/* Between the two runs. */
ct_code ct_import_write(ct_import *im);
/* Behind the second one. */
ct_code ct_import_end(ct_import *im);

/* A tree: nodes are taken one by one; a child is linked behind its parent's last one. Index + 1; 0: no memory. The tree of a call's arguments is a
 * SEQUENCE of values, their variables in `variables`. */
void ct_import_forget(ct_import *im);      /* all trees */
size_t ct_import_add(ct_import *im, size_t parent, size_t *last_sibling);
ct_import_node *ct_import_at(ct_import *im, size_t node);

ct_code ct_import_path(ct_import *im, const char *bytes, size_t size);
ct_code ct_import_function(ct_import *im, uint64_t path, int64_t line, const char *bytes, size_t size);
ct_code ct_import_variable(ct_import *im, const char *bytes, size_t size);
/* fields: count texts, one behind the other, each ended by a zero byte. */
ct_code ct_import_type(ct_import *im, uint64_t kind, const char *bytes, size_t size, const char *fields, size_t field_count);
ct_code ct_import_step(ct_import *im, uint64_t path, int64_t line);
ct_code ct_import_value(ct_import *im, uint64_t variable, size_t node);
ct_code ct_import_argument(ct_import *im, uint64_t variable, size_t node); /* of the call that follows */
ct_code ct_import_call(ct_import *im, uint64_t function);
ct_code ct_import_return(ct_import *im, size_t node);
ct_code ct_import_output(ct_import *im, uint64_t kind, const char *bytes, size_t size);
ct_code ct_import_threads(ct_import *im, ct_import_thread what, uint64_t thread);
ct_code ct_import_drop_step(ct_import *im);
ct_code ct_import_source(ct_import *im, uint64_t path, const char *bytes, size_t size);

/* A sentence for CT_E_CORRUPT that a function above returned. */
const char *ct_import_message(const ct_import *im);

#endif
