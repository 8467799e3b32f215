/* The caller's memory.
 *
 * Whatever opens something takes an allocator; NULL is the C library's. All memory of the library behind that handle comes from it and goes back to it,
 * also what zstd and yyjson need: of a journal its replays, exports and copies, of a recording the import into it. Not from it come the recording's live
 * file or its substitute, the stack of the writer thread, and what the C library itself allocates (for example in opendir()).
 */
#ifndef CODETRACER_MEMORY_H
#define CODETRACER_MEMORY_H

#include <stddef.h>

typedef struct ct_allocator {
    void *context;
    /* As realloc(): block NULL allocates, size 0 frees and returns NULL. Aligned for any type. NULL for another size: there is no memory, and block
     * is as it was; the library then returns CT_E_NOMEM. Any thread that uses the handle may be in it, several at once. */
    void *(*resize)(void *context, void *block, size_t size);
} ct_allocator;

/* An allocator is not copied: it stays where it is until the last handle that uses it is closed. */

#endif
