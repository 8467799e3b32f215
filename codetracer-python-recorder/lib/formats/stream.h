/* The event stream that CodeTracer's formats share (trace-json.md section 3), as functions that take it. A reader knows bytes and calls; a consumer
 * (a sink) knows meaning: import.c makes a journal of it. A reader makes one pass for each call and holds nothing between two.
 *
 * Invariant: what is passed belongs to the reader and lives until the function returns. A reader checks the grammar of its bytes and no more: an
 * id may be one that was never defined.
 */
#ifndef CT_FORMATS_STREAM_H
#define CT_FORMATS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/error.h"
#include "codetracer/memory.h"
#include "codetracer/replay.h"
#include "formats/buffer.h"

/* ---- values ---- */
typedef enum ct_node_kind {
    CT_NODE_NONE, CT_NODE_BOOL, CT_NODE_INT, CT_NODE_BIGINT, CT_NODE_FLOAT, CT_NODE_STRING, CT_NODE_RAW, CT_NODE_SEQUENCE, CT_NODE_TUPLE, CT_NODE_STRUCT
} ct_node_kind;

typedef struct ct_stream_node {
    ct_node_kind kind;
    bool negative;                         /* BIGINT */
    bool stands_in;                        /* for a kind that is not among these (Char, Error, Cell, Variant): its type's kind is another */
    uint32_t type;                         /* UINT32_MAX: not told */
    size_t first, next;                    /* child, sibling: index + 1 */
    size_t children;
    int64_t integer;                       /* INT, BOOL */
    double number;
    const uint8_t *bytes; size_t size;     /* STRING, RAW; BIGINT: magnitude, big-endian */
} ct_stream_node;

/* The reader's; all trees of one event. */
typedef struct ct_stream_tree {
    ct_stream_node *nodes;
    size_t count, capacity;
    bool failed;                           /* there was no memory for a node */
    const ct_allocator *allocator;
} ct_stream_tree;

enum { CT_STREAM_NESTING = 200 };          /* values deeper than this are damage */

/* A child is linked behind its parent's last one. Index + 1; 0: no memory. */
size_t ct_stream_add(ct_stream_tree *tree, size_t parent, size_t *last_sibling);
static inline ct_stream_node *ct_stream_at(const ct_stream_tree *tree, size_t node) { return &tree->nodes[node - 1]; }

static inline void
ct_stream_forget(ct_stream_tree *tree)
{
    tree->count = 0;
    tree->failed = false;
}

void ct_stream_tree_free(ct_stream_tree *tree);

/* ---- events ---- */
typedef enum ct_stream_thread { CT_THREAD_STARTS, CT_THREAD_EXITS, CT_THREAD_SWITCHES } ct_stream_thread;

typedef struct ct_stream_type {
    uint64_t kind;                         /* TypeKind of trace-json.md section 5 */
    const char *name; size_t name_size;
    const uint8_t *fields; size_t field_count; /* names, one behind the other: ct_stream_take_name() */
} ct_stream_type;

/* A name may hold any byte, so its size stands before it. */
static inline void
ct_stream_add_name(ct_buffer *names, const char *bytes, size_t size)
{
    ct_buffer_add(names, &size, sizeof size);
    ct_buffer_add(names, bytes, size);
}

static inline ct_text
ct_stream_take_name(const uint8_t **names)
{
    ct_text name;
    memcpy(&name.size, *names, sizeof name.size);
    name.bytes = (const char *)*names + sizeof name.size;
    *names += sizeof name.size + name.size;
    return name;
}

/* Where the reader is, and what the sink has against it. */
typedef struct ct_stream_state {
    uint64_t byte;        /* set by the reader before each event: where it begins in the file (ct: in the container's file; in what is compressed, the chunk) */
    uint64_t event;       /* set by the reader: its number, from 0 */
    const char *message;  /* set by the sink when it returns CT_E_CORRUPT: a constant sentence, which the reader puts into its error */
} ct_stream_state;

/* Anything but CT_OK ends the pass and is what the reader returns. All functions are there, but those that say so. */
typedef struct ct_stream_sink {
    void *context;
    ct_stream_state *state;
    const ct_allocator *allocator;         /* what the reader takes its memory from */
    const char *temporary_folder;          /* where it unpacks what it cannot read in place; NULL: $TMPDIR, or /tmp */
    ct_code (*path)(void *context, const char *bytes, size_t size);
    ct_code (*function)(void *context, uint64_t path, int64_t line, const char *name, size_t size);
    ct_code (*variable)(void *context, const char *name, size_t size);
    ct_code (*type)(void *context, const ct_stream_type *type);
    ct_code (*step)(void *context, uint64_t path, int64_t line, uint64_t column); /* column: from 1; 0: not told */
    ct_code (*value)(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node);
    ct_code (*argument)(void *context, uint64_t variable, const ct_stream_tree *tree, size_t node); /* of the call that follows */
    ct_code (*call)(void *context, uint64_t function);
    ct_code (*returned)(void *context, const ct_stream_tree *tree, size_t node); /* node 0: without a value */
    ct_code (*event)(void *context, uint64_t kind, const char *metadata, size_t metadata_size, const char *content, size_t size);
    ct_code (*thread)(void *context, ct_stream_thread what, uint64_t thread);
    ct_code (*drop_step)(void *context);
    ct_code (*raised)(void *context, uint64_t type, const char *message, size_t size); /* NULL: not wanted */
    ct_code (*caught)(void *context, uint64_t type);                                   /* NULL: not wanted */
    ct_code (*other)(void *context, const char *kind);         /* an event of another kind, by its name; NULL: not wanted */
    ct_code (*source)(void *context, uint64_t path, const char *bytes, size_t size); /* the text of a file; NULL: not looked for */
    void (*meta)(void *context, const char *key, const char *bytes, size_t size);    /* keys as a journal's META; NULL: not looked for */
} ct_stream_sink;

/* ---- readers: one pass over the file ---- */
typedef ct_code (*ct_stream_reader)(const char *path, const ct_stream_sink *sink, ct_error *error);

/* trace.json, with trace_metadata.json and files/ beside it. error->position: the byte of trace.json. */
ct_code ct_json_read(const char *path, const ct_stream_sink *sink, ct_error *error);
/* A CTFS container. error->position: the byte of the container, or of the file within it where there is none. */
ct_code ct_ct_read(const char *path, const ct_stream_sink *sink, ct_error *error);
/* The multi-stream layout of a container that has events.log, too, which is what ct_ct_read() reads; CT_E_CORRUPT also when there are not both. */
ct_code ct_ct_read_streams(const char *path, const ct_stream_sink *sink, ct_error *error);
/* trace.bin in CBOR, with the same beside it. error->position: where the frame begins that is damaged, or holds what is wrong. */
ct_code ct_binary_read(const char *path, const ct_stream_sink *sink, ct_error *error);
/* trace.bin in Cap'n Proto, with the same beside it. error->position: the byte of the unpacked message. */
ct_code ct_binary_v0_read(const char *path, const ct_stream_sink *sink, ct_error *error);

#endif
