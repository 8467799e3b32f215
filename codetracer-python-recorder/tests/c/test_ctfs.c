/* The container: versions, block sizes, directories, block mappings of every level, files cut off or left open, an inner file as a source. */
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "check.h"
#include "container_bytes.h"
#include "formats/ctfs.h"

static ct_code
open_box(const box *b, uint64_t size, ct_container **container, ct_error *error)
{
    ct_source source;
    ct_source_of_memory(b->at, size, &source);
    return ct_container_open(&source, NULL, container, error);
}

static void
versions_and_sizes(void)
{
    static const unsigned blocks[] = {1024, 2048, 4096};
    uint8_t text[9000], got_text[9000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 31 >> 3);
    for (unsigned version = 1; version <= 5; version++)
        for (size_t s = 0; s < 3; s++) {
            unsigned most = (blocks[s] - 16) / 24;
            box b;
            ct_container *container;
            ct_error error = {0};
            ct_code code;
            size_t got;
            CHECK(box_open(&b, 4 << 20, blocks[s], version, most));
            for (unsigned i = 0; i < most - 2; i++)
                box_add(&b, "filler", "x", 1);
            box_add(&b, "some.text-/9", text, sizeof text);
            box_add(&b, "empty", NULL, 0);
            code = open_box(&b, b.size, &container, &error);
            CHECK_EQ_INT(code, version >= 2 && version <= 4 ? CT_OK : CT_E_VERSION);
            if (code == CT_OK) {
                ct_inner *file = ct_container_find(container, "some.text-/9", CT_FIRST_ENTRY, &code, &error);
                CHECK(file && code == CT_OK);
                CHECK_EQ_UINT(ct_inner_size(file), sizeof text);
                CHECK(!ct_inner_is_open(file) && !ct_inner_is_cut(file));
                CHECK_EQ_INT(ct_inner_read(file, 0, got_text, sizeof got_text, &got, &error), CT_OK);
                CHECK_MEM(got_text, got, text, sizeof text);
                CHECK_EQ_INT(ct_inner_read(file, 4000, got_text, sizeof got_text, &got, &error), CT_OK);
                CHECK_MEM(got_text, got, text + 4000, sizeof text - 4000);
                CHECK_EQ_INT(ct_inner_read(file, 9000, got_text, 1, &got, &error), CT_OK);
                CHECK_EQ_INT(got, 0);
                CHECK(memcmp(b.at + ct_inner_place(file, 5000), text + 5000, 8) == 0);
                file = ct_container_find(container, "empty", CT_FIRST_ENTRY, &code, &error);
                CHECK(file && ct_inner_size(file) == 0 && !ct_inner_is_open(file));
                CHECK(!ct_container_find(container, "none", CT_FIRST_ENTRY, &code, &error) && code == CT_OK);
                ct_container_close(container);
            }
            box_close(&b);
        }
}

static void
names_that_occur_twice(void)
{
    box b;
    ct_container *container;
    ct_code code;
    uint8_t byte = 0;
    size_t got;
    CHECK(box_open(&b, 1 << 16, 1024, 4, 31));
    box_add(&b, "meta.dat", "1", 1);
    box_add(&b, "other", "2", 1);
    box_add(&b, "meta.dat", "3", 1);
    CHECK_EQ_INT(open_box(&b, b.size, &container, NULL), CT_OK);
    for (int last = 0; last < 2; last++) {
        ct_inner *file = ct_container_find(container, "meta.dat", last ? CT_LAST_ENTRY : CT_FIRST_ENTRY, &code, NULL);
        CHECK(file);
        CHECK_EQ_INT(ct_inner_read(file, 0, &byte, 1, &got, NULL), CT_OK);
        CHECK_EQ_INT(byte, last ? '3' : '1');
    }
    ct_container_close(container);
    b.at[12] = 1; /* the reader looks at no more entries than the header says */
    CHECK_EQ_INT(open_box(&b, b.size, &container, NULL), CT_OK);
    CHECK(!ct_container_find(container, "other", CT_FIRST_ENTRY, &code, NULL));
    ct_container_close(container);
    box_close(&b);
}

static void
bad_headers(void)
{
    static const struct { int at, value; ct_code code; uint64_t position; } bad[] = {
        {0, 0, CT_E_CORRUPT, 0}, {5, 9, CT_E_VERSION, 5}, {6, 1, CT_E_VERSION, 6}, {9, 0, CT_E_CORRUPT, 8}, {9, 0x20, CT_E_CORRUPT, 8}, {11, 1, CT_E_CORRUPT, 8}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        box b;
        ct_container *container;
        ct_error error = {0};
        CHECK(box_open(&b, 1 << 16, 4096, 4, 31));
        b.at[bad[i].at] = (uint8_t)bad[i].value;
        CHECK_EQ_INT(open_box(&b, b.size, &container, &error), bad[i].code);
        CHECK(container == NULL && error.message);
        CHECK_EQ_UINT(error.position, bad[i].position);
        box_close(&b);
    }
    box b;
    ct_container *container;
    ct_error error = {0};
    CHECK(box_open(&b, 1 << 16, 4096, 4, 31));
    for (uint64_t size = 0; size < 16; size++)
        CHECK_EQ_INT(open_box(&b, size, &container, &error), CT_E_CORRUPT);
    box_close(&b);
}

/* What a file says of a size: the bytes that are there, from its own mapping. */
static void
cut_open_and_lying(void)
{
    static uint8_t text[20000], got_text[30000];
    box b;
    ct_container *container;
    ct_code code;
    size_t got;
    memset(text, 'a', sizeof text);
    CHECK(box_open(&b, 40 * 1024, 1024, 4, 31));
    box_add(&b, "whole", text, sizeof text);
    uint64_t root = box_entry(&b, "open", 0), stale = box_entry(&b, "stale", 1500), tail = box_entry(&b, "tail", 3), block = box_take(&b);
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t data = i < 2 ? box_take(&b) : block;
        memset(b.at + data * 1024, 'b', 1024);
        box_map(&b, root, i, data);
        box_map(&b, stale, i, data);
    }
    memset(b.at + block * 1024, 'c', 700);
    box_map(&b, tail, 0, block);
    uint64_t loop = box_entry(&b, "loop", UINT64_MAX / 2); /* a mapping that leads to itself */
    for (uint64_t i = 0; i < 128; i++)
        box_store(b.at + loop * 1024 + i * 8, loop);
    box_entry(&b, "far", 10);
    box_store(b.at + 16 + 24 * 5 + 8, 1 << 30); /* its root lies behind the end */
    CHECK_EQ_INT(open_box(&b, b.size, &container, NULL), CT_OK);
    static const struct { const char *name; uint64_t size; bool open, cut; size_t there; } wanted[] = {
        {"whole", 20000, false, false, 20000}, {"open", 3072, true, false, 3072}, {"stale", 3072, true, false, 3072},
        {"tail", 1024, true, false, 1024}, {"loop", 40 * 1024, false, true, 30000}, {"far", 10, false, false, 0}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        ct_inner *file = ct_container_find(container, wanted[i].name, CT_FIRST_ENTRY, &code, NULL);
        CHECK(file);
        CHECK_EQ_UINT(ct_inner_size(file), wanted[i].size);
        CHECK_EQ_INT(ct_inner_is_open(file), wanted[i].open);
        CHECK_EQ_INT(ct_inner_is_cut(file), wanted[i].cut);
        CHECK_EQ_INT(ct_inner_read(file, 0, got_text, sizeof got_text, &got, NULL), CT_OK);
        CHECK_EQ_INT(got, wanted[i].there);
    }
    ct_container_close(container);
    /* Cut off anywhere: what is given is the beginning of what was there. */
    for (uint64_t size = 16; size < b.size; size += 37) {
        if (open_box(&b, size, &container, NULL) != CT_OK)
            continue;
        ct_inner *file = ct_container_find(container, "whole", CT_FIRST_ENTRY, &code, NULL);
        CHECK_EQ_INT(code, CT_OK);
        if (file) {
            CHECK_EQ_INT(ct_inner_read(file, 0, got_text, sizeof got_text, &got, NULL), CT_OK);
            CHECK(got <= sizeof text && memcmp(got_text, text, got) == 0);
            CHECK(got == sizeof text || size < 40 * 1024);
        }
        ct_container_close(container);
    }
    box_close(&b);
}

/* Every level of the mapping. Data blocks are where they are by arithmetic and stay holes, but for marks on both sides of each level's border. */
static void
levels(uint64_t file_size, unsigned block, int most_level, bool whole)
{
    box b;
    uint64_t usable = block / 8 - 1, count = (file_size + block - 1) / block;
    uint64_t room = whole ? count / usable + 100 : 100;
    if (!box_open(&b, (count + room + 2) * block, block, 4, 31)) {
        printf("skipped: no sparse file of %llu bytes here (%s)\n", (unsigned long long)b.size, strerror(errno));
        box_close(&b);
        return;
    }
    uint64_t root = box_entry(&b, "big", file_size), first_data = room + 1, first = 0, span = usable;
    uint64_t marks[16];
    size_t mark_count = 0;
    marks[mark_count++] = 0;
    for (int level = 1; level < most_level; level++, span *= usable) {
        first += span;
        marks[mark_count++] = first * block - 4; /* over the border */
    }
    marks[mark_count++] = file_size - 8;
    for (uint64_t i = 0; whole && i < count; i++)
        box_map(&b, root, i, first_data + i);
    for (size_t i = 0; i < mark_count; i++) {
        box_map(&b, root, marks[i] / block, first_data + marks[i] / block);
        box_map(&b, root, (marks[i] + 7) / block, first_data + (marks[i] + 7) / block);
        box_store(b.at + first_data * block + marks[i], 0x0123456789ABCDEF + i);
    }
    ct_source file, inner;
    ct_container *container;
    ct_code code;
    ct_error error = {0};
    CHECK_EQ_INT(ct_source_open_file(b.path, &file, &error), CT_OK);
    CHECK_EQ_INT(ct_container_open(&file, NULL, &container, &error), CT_OK);
    ct_inner *big = ct_container_find(container, "big", CT_LAST_ENTRY, &code, &error);
    CHECK(big && !ct_inner_is_open(big) && !ct_inner_is_cut(big));
    CHECK_EQ_UINT(ct_inner_size(big), file_size);
    for (size_t i = mark_count; i-- > 0;) {
        uint8_t bytes[8];
        size_t got;
        CHECK_EQ_INT(ct_inner_read(big, marks[i], bytes, 8, &got, &error), CT_OK);
        CHECK_EQ_INT(got, 8);
        CHECK_EQ_UINT(box_load(bytes), 0x0123456789ABCDEF + i);
        CHECK_EQ_UINT(ct_inner_place(big, marks[i]), first_data * block + marks[i]);
    }
    CHECK_EQ_INT(ct_inner_source(big, &inner, &error), CT_OK);
    CHECK_EQ_UINT(inner.size, file_size);
    for (size_t i = 0; i < mark_count; i++) {
        uint8_t bytes[8];
        CHECK_EQ_INT(ct_source_read(&inner, marks[i], bytes, 8, &error), CT_OK);
        CHECK_EQ_UINT(box_load(bytes), 0x0123456789ABCDEF + i);
    }
    if (!whole) {
        uint8_t byte;
        CHECK_EQ_INT(ct_source_read(&inner, 3 * block, &byte, 1, &error), CT_E_CORRUPT); /* never written: the error names where the container ends */
        CHECK_EQ_UINT(error.position, file.size);
    }
    ct_source_close(&inner);
    box_close(&b);
}

static void ten_gigabytes(void) { levels(UINT64_C(10) * 1000 * 1000 * 1000 + 12345, 4096, 3, true); }
static void level_four(void) { levels(UINT64_C(40) << 30, 1024, 4, false); }
static void level_five(void) { levels(UINT64_C(400) << 30, 1024, 5, false); }

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    RUN(versions_and_sizes);
    RUN(names_that_occur_twice);
    RUN(bad_headers);
    RUN(cut_open_and_lying);
    RUN(ten_gigabytes);
    RUN(level_four);
    RUN(level_five);
    return check_summary();
}
