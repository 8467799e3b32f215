/* A CTFS container for reading (ctfs.md section 1): its directory, and the files in it by way of their block mappings.
 *
 * Owns the container's source; inner files belong to it and live as long. Nothing in a container is trusted: a file is never longer than the container,
 * a lookup follows at most nine mapping blocks, and a block that is not there ends its file (see `got`), so that a container that its writer left
 * half written, or that was cut off, can be read as far as it goes. One thread at a time.
 */
#ifndef CT_FORMATS_CTFS_READ_H
#define CT_FORMATS_CTFS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/io.h"
#include "codetracer/memory.h"

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

/* *got < count: the file ends there, or what should follow is not in the container. Other codes are the system's (and no memory). */
ct_code ct_inner_read(ct_inner *file, uint64_t offset, void *bytes, size_t count, size_t *got, ct_error *error);
/* Where that byte lies in the container's file, for messages; 0: nowhere. */
uint64_t ct_inner_place(ct_inner *file, uint64_t offset);

/* The inner file as a source of its own, for any number of threads at once. It takes the container, which ends with it, or at once when this fails. */
ct_code ct_inner_source(ct_inner *file, ct_source *source, ct_error *error);

#endif
