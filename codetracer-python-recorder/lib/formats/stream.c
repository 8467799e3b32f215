/* See stream.h. Owns the trees of values that a reader builds. */
#include "formats/stream.h"

#include "util/memory.h"


size_t
ct_stream_add(ct_stream_tree *tree, size_t parent, size_t *last_sibling)
{
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? tree->capacity * 2 : 16;
        ct_stream_node *nodes = ct_resize(tree->allocator, tree->nodes, capacity * sizeof *nodes);
        tree->failed = !nodes;
        if (!nodes)
            return 0;
        tree->nodes = nodes;
        tree->capacity = capacity;
    }
    tree->nodes[tree->count++] = (ct_stream_node){.kind = CT_NODE_NONE};
    if (parent) {
        tree->nodes[parent - 1].children++;
        if (*last_sibling)
            tree->nodes[*last_sibling - 1].next = tree->count;
        else
            tree->nodes[parent - 1].first = tree->count;
        *last_sibling = tree->count;
    }
    return tree->count;
}

void
ct_stream_tree_free(ct_stream_tree *tree)
{
    ct_free(tree->allocator, tree->nodes);
    *tree = (ct_stream_tree){.allocator = tree->allocator};
}
