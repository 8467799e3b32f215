/* CTFS containers (ctfs.md section 1).
 *
 * Written front to back, several inner files growing at the same time. Invariant: a block's content is settled once, when it is full or at the end, and
 * block 0 last of all: a file that was cut has no directory. Memory is one data block and at most five mapping blocks per inner file, whatever their sizes,
 * and the newest blocks, which are written together.
 *
 * Read by its directory, and the files in it by way of their block mappings. A container owns its source; inner files belong to it and live as long. Nothing in
 * a container is trusted: a file is never longer than the container, a lookup follows at most nine mapping blocks, and a block that is not there ends its file
 * (see `got`), so that a container that its writer left half written, or that was cut off, can be read as far as it goes. One thread at a time.
 */
#ifndef CT_FORMATS_CTFS_H
#define CT_FORMATS_CTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/error.h"
#include "codetracer/io.h"
#include "codetracer/memory.h"
#include "formats/buffer.h"

enum { CT_CTFS_BLOCK = 4096, CT_CTFS_LEVELS = 5, CT_CTFS_ENTRIES = 38, CT_CTFS_TOGETHER = 64, CT_CTFS_HEADER = 16 /* bytes in front of the directory */ };

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

/* ---- reading ---- */

typedef struct ct_container ct_container;
typedef struct ct_inner ct_inner;

/* Which of two entries with the same name: CodeTracer's loader takes the last, ct-print the first. */
typedef enum ct_which { CT_FIRST_ENTRY, CT_LAST_ENTRY } ct_which;

/* The source is copied, and closed by ct_container_close(), or at once when this fails. */
ct_code ct_container_open(const ct_source *source, const ct_allocator *allocator, ct_container **container, ct_error *error);
void ct_container_close(ct_container *container); /* NULL is allowed */

/* The inner file, or NULL: none of that name, or (with *code != CT_OK) the container cannot be read. name: at most 12 of 0-9 a-z . / - */
ct_inner *ct_container_find(ct_container *container, const char *name, ct_which which, ct_code *code, ct_error *error);

/* The name and size of the next file in the directory from entry *entry on, which is moved behind it. False: there is none. */
bool ct_container_next(const ct_container *container, uint32_t *entry, char name[13], uint64_t *size);

/* Where it takes memory from: the container's. */
const ct_allocator *ct_inner_allocator(const ct_inner *file);
/* Its bytes. Of a file whose writer was killed before it noted the size: those of the blocks that are there, zeros behind the last written one. */
uint64_t ct_inner_size(const ct_inner *file);
/* The size in the directory is none (0), or less than what is there: the writer was killed. */
bool ct_inner_is_open(const ct_inner *file);
/* The size in the directory is more than the container. */
bool ct_inner_is_cut(const ct_inner *file);

/* A file of another name begins in the same block: one of their entries in the directory, which have no checksum, is damaged. */
bool ct_inner_is_shared(const ct_inner *file);

/* *got < count: the file ends there, or what should follow is not in the container. Other codes are the system's (and no memory). */
ct_code ct_inner_read(ct_inner *file, uint64_t offset, void *bytes, size_t count, size_t *got, ct_error *error);
/* Where that byte lies in the container's file, for messages; its end, when what holds the byte is not in it. */
uint64_t ct_inner_place(ct_inner *file, uint64_t offset);

/* The inner file as a source of its own, for any number of threads at once. It takes the container, which ends with it, or at once when this fails. */
ct_code ct_inner_source(ct_inner *file, ct_source *source, ct_error *error);

#endif
