/* Input: a journal, whose checksums (and sizes of stored payloads) are put right here, or nothing would ever be read behind the first change; or
 * "LIVE", u32 size of the journal, the journal, and the live file beside it. */
#include "target.h"

#include <sys/stat.h>
#include <zstd.h>

#include <codetracer/journal.h>

enum { MOST_RAW = 1 << 20 };

static uint64_t
load(const uint8_t *at, int size)
{
    uint64_t number = 0;
    for (int i = size; i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

static void
store(uint8_t *at, uint64_t number, int size)
{
    for (int i = 0; i < size; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

/* The block that begins at `at`; returns where the next one does. */
static size_t
mend_block(uint8_t *bytes, size_t at, size_t size)
{
    uint8_t *header = bytes + at, *payload = header + CT_BLOCK_HEADER_SIZE;
    const uint8_t *next = memmem(payload, size - at - CT_BLOCK_HEADER_SIZE, CT_BLOCK_MAGIC, 4);
    size_t there = next ? (size_t)(next - payload) : size - at - CT_BLOCK_HEADER_SIZE;
    if (header[5] == CT_CODEC_STORED) {
        store(header + 8, there, 4);
        store(header + 12, there, 4);
        if (load(header + 56, 4) > there)
            store(header + 56, there, 4);
        store(header + 64, XXH3_64bits(payload, there), 8);
    }
    else if (load(header + 8, 4) <= there && load(header + 12, 4) <= MOST_RAW) {
        uint8_t *raw = malloc(load(header + 12, 4) + 1);
        size_t got = raw ? ZSTD_decompress(raw, load(header + 12, 4), payload, load(header + 8, 4)) : 0;
        if (raw && !ZSTD_isError(got))
            store(header + 64, XXH3_64bits(raw, got), 8);
        free(raw);
    }
    store(header + 72, XXH3_64bits(header, 72), 8);
    return at + CT_BLOCK_HEADER_SIZE + there;
}

static void
mend(uint8_t *bytes, size_t size)
{
    size_t at = CT_FILE_HEADER_SIZE;
    if (size < CT_FILE_HEADER_SIZE)
        return;
    memcpy(bytes, CT_JOURNAL_MAGIC, 8);
    store(bytes + 56, XXH3_64bits(bytes, 56), 8);
    while (size - at >= CT_BLOCK_HEADER_SIZE && memcmp(bytes + at, CT_BLOCK_MAGIC, 4) == 0)
        at = mend_block(bytes, at, size);
}

static void
put_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void
look_at_folder(const uint8_t *journal, size_t size, const uint8_t *live, size_t live_size)
{
    static char folder[64], names[2][96];
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/ct-fuzz-XXXXXX", temporary_folder());
        if (!mkdtemp(folder))
            abort();
        snprintf(names[0], sizeof names[0], "%s/journal.ctj", folder);
        snprintf(names[1], sizeof names[1], "%s/journal.live", folder);
    }
    put_file(names[0], journal, size);
    put_file(names[1], live, live_size);
    look_at(folder);
    unlink(names[0]);
    unlink(names[1]);
    rmdir(folder);
    folder[0] = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool has_live = size >= 8 && memcmp(data, "LIVE", 4) == 0;
    size_t from = has_live ? 8 : 0, count = has_live ? load(data + 4, 4) : size;
    if (count > size - from)
        count = size - from;
    uint8_t *journal = malloc(count + 1);
    if (!journal)
        abort();
    memcpy(journal, data + from, count);
    mend(journal, count);
    if (!has_live)
        look_at_bytes(journal, count);
    else
        look_at_folder(journal, count, data + from + count, size - from - count);
    free(journal);
    return 0;
}
