/* A value as docs/values.md shows it: a tree of value records under the export's limits, ready for any encoder.
 *
 * The walk is breadth first and iterative. Invariant: the children of a node stand next to each other in `nodes`, behind their parent;
 * no chain of containers is longer than limits.nesting, so an encoder may recurse. Every text is clean UTF-8.
 */
#ifndef CT_FORMATS_VIEW_H
#define CT_FORMATS_VIEW_H

#include "codetracer/replay.h"
#include "formats/types.h"

typedef struct ct_view_limits {
    uint64_t nodes, string_bytes;
    uint32_t container_depth, attribute_depth; /* the export's or the journal's, whichever is less */
    uint32_t nesting;                          /* records inside each other that the format's readers stand */
} ct_view_limits;

/* Records of trace-json.md section 4 */
typedef enum ct_view_kind {
    CT_VIEW_NONE, CT_VIEW_BOOL, CT_VIEW_INT, CT_VIEW_BIGINT, CT_VIEW_FLOAT, CT_VIEW_STRING, CT_VIEW_RAW, CT_VIEW_ERROR,
    CT_VIEW_SEQUENCE, CT_VIEW_TUPLE, CT_VIEW_STRUCT
} ct_view_kind;

typedef struct ct_view_node {
    ct_view_kind kind;
    uint32_t type;
    bool negative;                                            /* BIGINT */
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct { const uint8_t *bytes; size_t size; } text;   /* STRING, RAW, ERROR; BIGINT: magnitude, little-endian */
        struct { size_t first, count; } children;
    };
} ct_view_node;

typedef struct ct_view {
    const ct_replay *replay;
    ct_replay *resolver;          /* the same one; resolving contents is not const */
    ct_types *types;
    ct_view_limits limits;
    ct_view_node *nodes;          /* [0] is the value */
    size_t node_count, node_capacity;
    uint64_t *objects;            /* ids of all objects looked at */
    size_t object_count, object_capacity;
    uint64_t cuts;
    bool forms_differ;            /* some node's record is not the same in both kinds of CBOR (encode.h) */
    struct ct_view_pending *queue;
    size_t queue_count, queue_capacity;
    ct_arena texts;
    ct_buffer scratch;
    uint32_t *names;              /* field names, scratch */
    size_t name_capacity;
} ct_view;

void ct_view_start(ct_view *view, ct_replay *replay, ct_types *types, const ct_view_limits *limits);
void ct_view_free(ct_view *view);

/* Replaces what the view holds. value must not be CT_UNBOUND. */
ct_code ct_view_build(ct_view *view, const ct_value *value, ct_error *error);

#endif
