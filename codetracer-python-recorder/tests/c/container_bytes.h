/* Builds CTFS containers byte by byte for tests (ctfs.md section 1), in a mapped file that may be sparse: nothing of the library is used. */
#ifndef CONTAINER_BYTES_H
#define CONTAINER_BYTES_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct box {
    int fd;
    uint8_t *at;
    uint64_t size, block, usable, next;
    unsigned slot;
    char path[64];
} box;

static inline void box_store(uint8_t *at, uint64_t number) { for (int i = 0; i < 8; i++) at[i] = (uint8_t)(number >> 8 * i); }

static inline uint64_t
box_load(const uint8_t *at)
{
    uint64_t number = 0;
    for (int i = 8; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

/* false: the system has no files of that size. */
static inline bool
box_open(box *b, uint64_t size, unsigned block, unsigned version, unsigned entries)
{
    *b = (box){.fd = -1, .size = size, .block = block, .usable = block / 8 - 1, .next = 1};
    strcpy(b->path, "/tmp/codetracer-container-XXXXXX");
    b->fd = mkstemp(b->path);
    if (b->fd < 0 || ftruncate(b->fd, (off_t)size) != 0)
        return false;
    b->at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, b->fd, 0);
    if (b->at == MAP_FAILED) {
        b->at = NULL;
        return false;
    }
    memcpy(b->at, "\xC0\xDE\x72\xAC\xE2", 5);
    b->at[5] = (uint8_t)version;
    b->at[7] = version == 4;
    for (int i = 0; i < 4; i++) {
        b->at[8 + i] = (uint8_t)(block >> 8 * i);
        b->at[12 + i] = (uint8_t)(entries >> 8 * i);
    }
    return true;
}

static inline void
box_close(box *b)
{
    if (b->at)
        munmap(b->at, b->size);
    if (b->fd >= 0) {
        close(b->fd);
        unlink(b->path);
    }
}

static inline uint64_t
box_take(box *b)
{
    if ((b->next + 1) * b->block > b->size)
        abort();
    return b->next++;
}

static inline uint64_t
box_follow(box *b, uint64_t map, uint64_t pointer)
{
    uint8_t *at = b->at + map * b->block + pointer * 8;
    if (!box_load(at))
        box_store(at, box_take(b));
    return box_load(at);
}

/* Data block `number` of the file with this root is `block`. */
static inline void
box_map(box *b, uint64_t root, uint64_t number, uint64_t block)
{
    uint64_t span = b->usable, node = root;
    int level = 1;
    for (; number >= span; level++) {
        number -= span;
        span *= b->usable;
        node = box_follow(b, node, b->usable);
    }
    for (; level > 1; level--) {
        span /= b->usable;
        node = box_follow(b, node, number / span);
        number %= span;
    }
    box_store(b->at + node * b->block + number * 8, block);
}

/* An entry of the directory; returns the file's root. */
static inline uint64_t
box_entry(box *b, const char *name, uint64_t size)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz./-";
    uint64_t number = 0, weight = 1, root = box_take(b);
    for (; *name; name++, weight *= 40)
        number += weight * (uint64_t)(strchr(letters, *name) - letters + 1);
    uint8_t *entry = b->at + 16 + 24 * (uint64_t)b->slot++;
    box_store(entry, size);
    box_store(entry + 8, root);
    box_store(entry + 16, number);
    return root;
}

/* A whole inner file, in the next slot. */
static inline void
box_add(box *b, const char *name, const void *from, size_t size)
{
    uint64_t root = box_entry(b, name, size);
    for (uint64_t i = 0; i * b->block < size; i++) {
        uint64_t block = box_take(b), left = size - i * b->block;
        memcpy(b->at + block * b->block, (const uint8_t *)from + i * b->block, left < b->block ? left : b->block);
        box_map(b, root, i, block);
    }
}

#endif
