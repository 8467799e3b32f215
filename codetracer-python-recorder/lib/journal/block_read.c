/* Reads one payload: from the source, through zstd, past the checksum. Nothing is believed before its size was bounded. */

#include <xxhash.h>

#include "journal/reader.h"
#include "util/memory.h"
#include "util/zstd_memory.h"

static ct_code
reserve(const ct_journal *journal, uint8_t **bytes, size_t *capacity, size_t size, ct_error *error)
{
    if (*capacity >= size && *bytes)
        return CT_OK;
    ct_free(journal->allocator, *bytes);
    *capacity = 0;
    *bytes = ct_allocate(journal->allocator, size);
    if (!*bytes)
        return ct_fail(error, CT_E_NOMEM, "no memory for a block", 0, 0);
    *capacity = size;
    return CT_OK;
}

uint64_t
ct_block_position(const ct_block_entry *block, uint64_t offset)
{
    return block->position + (block->codec == CT_CODEC_STORED ? offset : 0);
}

/* Whether so many stored bytes can become so many. A block of a zstd frame has at least four bytes, and at most 128 KiB come of it (RFC 8878, 3.1.1.2): what a
 * header says decides no more than this. */
static bool
can_hold(const ct_block_entry *block)
{
    enum { LEAST_BLOCK = 4 };
    return block->codec == CT_CODEC_STORED || block->raw / ZSTD_BLOCKSIZE_MAX <= block->stored / LEAST_BLOCK;
}

static ct_code
read_payload(ct_block_reader *reader, const ct_journal *journal, const ct_block_entry *block, uint8_t **raw, size_t *capacity,
              ct_error *error)
{
    reader->allocator = journal->allocator;
    if (!block->live && !can_hold(block))
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "a block does not decompress to its size", block->position);
    CT_TRY(reserve(journal, raw, capacity, (size_t)block->raw + CT_INPUT_PADDING, error));
    memset(*raw + block->raw, 0, CT_INPUT_PADDING);
    if (block->live) {
        memcpy(*raw, block->live, block->raw);
        return CT_OK;
    }
    if (block->codec == CT_CODEC_STORED) {
        CT_TRY(ct_source_read(&journal->source, block->position, *raw, block->stored, error)); /* stored == raw: the index saw to it */
    }
    else {
        CT_TRY(reserve(journal, &reader->stored, &reader->stored_capacity, (size_t)block->stored + 1, error));
        CT_TRY(ct_source_read(&journal->source, block->position, reader->stored, block->stored, error));
        if (!reader->decompression && !(reader->decompression = ct_zstd_decompressor(journal->allocator)))
            return ct_fail(error, CT_E_NOMEM, "no memory to decompress", 0, 0);
        if (ZSTD_getFrameContentSize(reader->stored, block->stored) != block->raw
            || ZSTD_decompressDCtx(reader->decompression, *raw, block->raw, reader->stored, block->stored) != block->raw)
            return ct_journal_fail(journal, error, CT_E_CORRUPT, "a block does not decompress to its size", block->position);
    }
    if (XXH3_64bits(*raw, block->raw) != block->checksum)
        return ct_journal_fail(journal, error, CT_E_CORRUPT, "a block's payload does not match its checksum", block->position);
    return CT_OK;
}

ct_code
ct_block_read(ct_block_reader *reader, const ct_journal *journal, const ct_block_entry *block, uint8_t **raw, size_t *capacity,
              ct_error *error)
{
    ct_code code = read_payload(reader, journal, block, raw, capacity, error);
    if (code == CT_E_CORRUPT && !block->live && !journal->counts.complete && ct_journal_is_gone(journal, block->position))
        return ct_fail(error, CT_E_GONE, "the recording has gone on and keeps only its end: what comes next was dropped meanwhile; read it again", 0, 0);
    return code;
}

void
ct_block_reader_free(ct_block_reader *reader)
{
    ZSTD_freeDCtx(reader->decompression);
    ct_free(reader->allocator, reader->stored);
    *reader = (ct_block_reader){0};
}
