/* A CTFS container written front to back (ctfs.md section 1): several inner files grow at the same time.
 *
 * Invariant: a block's content is settled once, when it is full or at the end, and block 0 last of all: a file that was cut has no directory. Memory
 * is one data block and at most five mapping blocks per inner file, whatever their sizes, and the newest blocks, which are written together.
 */
#ifndef CT_FORMATS_CTFS_H
#define CT_FORMATS_CTFS_H

#include "codetracer/error.h"
#include "codetracer/io.h"
#include "formats/buffer.h"

enum { CT_CTFS_BLOCK = 4096, CT_CTFS_LEVELS = 5, CT_CTFS_ENTRIES = 38, CT_CTFS_TOGETHER = 64 };

typedef struct ct_ctfs_file ct_ctfs_file;
typedef struct ct_ctfs {
    int file;                      /* -1: it goes to `sink` */
    const ct_sink *sink;
    uint64_t next_block;
    uint8_t *newest;               /* CT_CTFS_TOGETHER blocks from first_newest on; zero where nothing was settled yet */
    uint64_t first_newest;
    ct_ctfs_file *files[CT_CTFS_ENTRIES]; /* by slot of the directory; NULL: free slot */
    const ct_allocator *allocator;
    ct_error *error;
} ct_ctfs;

/* Creates the container, which must not exist. */
ct_code ct_ctfs_create(ct_ctfs *ctfs, const char *path, const ct_allocator *allocator, ct_error *error);
/* A container that goes to a sink, which must have write_at, and is not closed. */
ct_code ct_ctfs_create_in(ct_ctfs *ctfs, const ct_sink *sink, const ct_allocator *allocator, ct_error *error);

/* An inner file in this slot. name: at most 12 of 0-9 a-z . / - */
ct_code ct_ctfs_add(ct_ctfs *ctfs, unsigned slot, const char *name, ct_ctfs_file **file);
ct_code ct_ctfs_append(ct_ctfs *ctfs, ct_ctfs_file *file, const void *bytes, size_t count);
uint64_t ct_ctfs_size(const ct_ctfs_file *file);

/* Writes what is left, the directory, and closes the file it created. *bytes: size of the container. */
ct_code ct_ctfs_finish(ct_ctfs *ctfs, uint64_t *bytes);
/* Closes and frees; harmless after ct_ctfs_finish. */
void ct_ctfs_abandon(ct_ctfs *ctfs);

#endif
