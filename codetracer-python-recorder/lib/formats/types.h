/* The types of an export: which journal type, shown how, has which type id (docs/values.md).
 *
 * Invariant: ids are dense, in order of first use, and a type is handed to `define` before its id is returned. Types that name the
 * same built-in share an id; distinct classes of one name do not; a class has one id for each list of fields shown.
 */
#ifndef CT_FORMATS_TYPES_H
#define CT_FORMATS_TYPES_H

#include "codetracer/replay.h"
#include "formats/intern.h"

/* TypeKind of trace-json.md section 5, those used. */
enum ct_type_kind {
    CT_KIND_SEQ = 0, CT_KIND_SET = 1, CT_KIND_STRUCT = 6, CT_KIND_INT = 7, CT_KIND_FLOAT = 8, CT_KIND_STRING = 9, CT_KIND_BOOL = 12,
    CT_KIND_RAW = 16, CT_KIND_TUPLE = 27, CT_KIND_NONE = 30, CT_KIND_ANY = 32
};

typedef struct ct_type_definition {
    uint32_t id;
    enum ct_type_kind kind;
    ct_text name;              /* clean UTF-8, as every text here */
    size_t field_count;        /* CT_KIND_STRUCT */
    const ct_text *fields;
    uint32_t field_type;       /* the id of Any */
} ct_type_definition;

typedef ct_code (*ct_type_sink)(void *context, const ct_type_definition *type);

enum ct_fixed_type {
    CT_FIXED_NONE, CT_FIXED_BOOL, CT_FIXED_INT, CT_FIXED_FLOAT, CT_FIXED_STRING, CT_FIXED_TUPLE, CT_FIXED_BYTES, CT_FIXED_COMPLEX,
    CT_FIXED_ELLIPSIS, CT_FIXED_NOTIMPLEMENTED, CT_FIXED_REDACTED, CT_FIXED_DROPPED, CT_FIXED_CUT, CT_FIXED_ANY, CT_FIXED_COUNT
};

typedef struct ct_types {
    const ct_journal *journal;
    ct_type_sink define;
    void *context;
    uint32_t fixed[CT_FIXED_COUNT]; /* id + 1; 0: not yet */
    ct_intern names, field_lists, types;
    uint32_t *identities;           /* of journal types, + 1 */
    size_t identity_count;
    ct_buffer scratch;
} ct_types;

void ct_types_start(ct_types *types, const ct_journal *journal, ct_type_sink define, void *context);
void ct_types_free(ct_types *types);

ct_code ct_types_make_fixed(ct_types *types, enum ct_fixed_type which, uint32_t *id);

static inline ct_code
ct_types_fixed(ct_types *types, enum ct_fixed_type which, uint32_t *id)
{
    *id = types->fixed[which] - 1;
    return types->fixed[which] ? CT_OK : ct_types_make_fixed(types, which, id);
}

/* A journal type shown as `kind` (no struct). */
ct_code ct_types_plain(ct_types *types, uint32_t type, enum ct_type_kind kind, uint32_t *id);

/* A journal type shown as a struct of these names; shape: their shape's id, or UINT32_MAX when they are not all of a shape. */
ct_code ct_types_struct(ct_types *types, uint32_t type, uint32_t shape, const uint32_t *names, size_t count, uint32_t *id);

/* How a journal type is called; bytes belong to the journal and may be unclean. */
ct_text ct_types_name(const ct_types *types, uint32_t type);

#endif
