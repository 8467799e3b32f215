/* ct_journal_copy, ct_journal_save: a journal as one complete file, whatever state it was found in.
 *
 * Blocks of the source file are copied as they are; those of the live file are compressed and get headers; the last events block of a recording
 * that was cut ends at its boundary. Bytes are only appended. Invariant: a saved file is either
 * whole, with its end block, or gone.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>
#include <zstd.h>

#include "codetracer/record.h"
#include "journal/live.h"
#include "journal/reader.h"
#include "util/memory.h"
#include "util/zstd_memory.h"

enum { WORTH_COMPRESSING = 256 }; /* bytes: an end block mostly has less, and a compressor costs memory */

typedef struct saving {
    const ct_journal *journal;
    ct_block_reader reader;
    ZSTD_CCtx *compressor;
    const ct_sink *sink;
    uint64_t position, sequence, time, definitions;
    uint64_t *segments;          /* position of each segment's first block */
    size_t segment_count;
    uint8_t *raw, *stored;
    size_t raw_capacity, stored_capacity;
    ct_error *error;
} saving;

static ct_code
put(saving *s, const void *header, size_t header_size, const void *bytes, size_t size)
{
    CT_TRY(s->sink->append(s->sink->context, header, header_size, s->error));
    if (size)
        CT_TRY(s->sink->append(s->sink->context, bytes, size, s->error));
    s->position += header_size + size;
    return CT_OK;
}

static ct_code
reserve(saving *s, size_t size)
{
    if (s->stored_capacity >= size)
        return CT_OK;
    ct_free(s->journal->allocator, s->stored);
    s->stored = ct_allocate(s->journal->allocator, size);
    s->stored_capacity = s->stored ? size : 0;
    return s->stored ? CT_OK : ct_fail(s->error, CT_E_NOMEM, "no memory for a block", 0, 0);
}

static void
seal_header(uint8_t header[CT_BLOCK_HEADER_SIZE], uint64_t sequence)
{
    ct_store64(header + 16, sequence);
    ct_store64(header + 72, XXH3_64bits(header, 72));
}

/* A block whose payload is at hand: `size` bytes of s->raw. */
static ct_code
put_made(saving *s, const ct_block_entry *block, uint32_t size)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE] = CT_BLOCK_MAGIC;
    uint8_t *bytes = s->raw;
    size_t stored = size;
    if (size >= WORTH_COMPRESSING) {
        CT_TRY(reserve(s, ZSTD_compressBound(size)));
        size_t compressed = ZSTD_compress2(s->compressor, s->stored, s->stored_capacity, s->raw, size);
        if (ZSTD_isError(compressed))
            return ct_fail(s->error, CT_E_NOMEM, "no memory to compress a block", 0, 0);
        if (compressed < size) {
            header[5] = CT_CODEC_ZSTD;
            bytes = s->stored;
            stored = compressed;
        }
    }
    header[4] = block->kind;
    ct_store16(header + 6, block->flags);
    ct_store32(header + 8, (uint32_t)stored);
    ct_store32(header + 12, size);
    ct_store64(header + 24, block->segment);
    ct_store64(header + 32, block->first);
    ct_store64(header + 40, block->events);
    ct_store64(header + 48, s->time);
    ct_store32(header + 56, block->boundary < size ? block->boundary : size);
    ct_store64(header + 64, XXH3_64bits(s->raw, size));
    seal_header(header, s->sequence++);
    return put(s, header, sizeof header, bytes, stored);
}

static ct_code
put_copied(saving *s, const ct_block_entry *block)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE];
    CT_TRY(reserve(s, (size_t)block->stored + 1));
    CT_TRY(ct_source_read(&s->journal->source, block->position - sizeof header, header, sizeof header, s->error));
    CT_TRY(ct_source_read(&s->journal->source, block->position, s->stored, block->stored, s->error));
    s->time = ct_load64(header + 48);
    ct_store64(header + 24, block->segment); /* these are numbered anew when the beginning is gone; definitions and contents as they were */
    ct_store64(header + 32, block->first);
    ct_store64(header + 40, block->events);
    seal_header(header, s->sequence++);
    return put(s, header, sizeof header, s->stored, block->stored);
}

static ct_code
put_block(saving *s, const ct_block_entry *block)
{
    if (block->kind == CT_BLOCK_EVENTS && block->flags & CT_BLOCK_BEGINS_SEGMENT && s->segment_count < s->journal->segment_count)
        s->segments[s->segment_count++] = s->position;
    CT_TRY(ct_block_read(&s->reader, s->journal, block, &s->raw, &s->raw_capacity, s->error));
    return block->live || block->limit < block->raw ? put_made(s, block, block->limit) : put_copied(s, block);
}

/* All blocks in the order of their sequence numbers: three lists, each in that order, merged. */
static ct_code
put_blocks(saving *s)
{
    const ct_block_list *lists[] = {&s->journal->definition_blocks, &s->journal->contents, &s->journal->events};
    size_t at[3] = {0};
    for (;;) {
        const ct_block_entry *next = NULL;
        size_t from = 0;
        for (size_t i = 0; i < 3; i++)
            if (at[i] < lists[i]->count && (!next || lists[i]->blocks[at[i]].sequence < next->sequence)) {
                next = &lists[i]->blocks[at[i]];
                from = i;
            }
        if (!next)
            return CT_OK;
        at[from]++;
        CT_TRY(put_block(s, next));
    }
}

void
ct_journal_goes_on(ct_journal *journal)
{
    journal->goes_on = true;
}

/* A META that says so, for afterwards nothing else does. */
static ct_code
put_note(saving *s)
{
    static const char killed[] = "the recording was cut: its process was killed", cut[] = "the end of its file was missing", dumped[] = "while the recording went on";
    const char *key = s->journal->goes_on ? "dumped" : "recovered";
    size_t key_size = strlen(key);
    char value[120];
    if (s->journal->goes_on)
        memcpy(value, dumped, sizeof dumped);
    else if (s->journal->counts.failed == CT_OK)
        strcpy(value, s->journal->live ? killed : cut); /* only a process that is killed leaves a live file */
    else if (s->journal->counts.failed_system)
        snprintf(value, sizeof value, "the recording was cut: it could not be written (error %d)", s->journal->counts.failed_system);
    else
        snprintf(value, sizeof value, "the recording was cut: it could not go on%s", s->journal->counts.failed == CT_E_NOMEM ? " (no memory)" : "");
    size_t value_size = strlen(value);
    uint8_t *note = s->raw_capacity >= 128 ? s->raw : ct_resize(s->journal->allocator, s->raw, 128);
    if (!note)
        return ct_fail(s->error, CT_E_NOMEM, "no memory for a definition", 0, 0);
    s->raw = note;
    if (s->raw_capacity < 128)
        s->raw_capacity = 128;
    uint8_t *at = note;
    *at++ = CT_DEF_META;
    *at++ = (uint8_t)key_size;
    memcpy(at, key, key_size);
    at += key_size;
    *at++ = (uint8_t)value_size;
    memcpy(at, value, value_size);
    at += value_size;
    uint32_t size = (uint32_t)(at - note);
    uint64_t segment = s->segment_count ? s->segment_count - 1 : 0;
    ct_block_entry block = {.kind = CT_BLOCK_DEFINITIONS, .segment = segment, .first = s->journal->definitions.count, .boundary = size};
    s->definitions++;
    return put_made(s, &block, size);
}

/* The range that is gone, of no size: it says how many steps came before, and that contents are missing among the numbers. */
static ct_code
put_dropped(saving *s)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE] = CT_BLOCK_MAGIC;
    header[4] = CT_BLOCK_DROPPED;
    ct_store64(header + 40, s->journal->counts.dropped_steps);
    ct_store64(header + 64, XXH3_64bits("", 0));
    seal_header(header, s->sequence++);
    return put(s, header, sizeof header, NULL, 0);
}

static ct_code
put_end(saving *s)
{
    const ct_journal *j = s->journal;
    size_t most = (5 + 3 * s->segment_count) * 10;
    uint8_t *payload = s->raw_capacity >= most ? s->raw : ct_resize(s->journal->allocator, s->raw, most);
    if (!payload)
        return ct_fail(s->error, CT_E_NOMEM, "no memory for the end block", 0, 0);
    s->raw = payload;
    if (s->raw_capacity < most)
        s->raw_capacity = most;
    uint8_t *at = payload;
    at = ct_write_varint(at, j->counts.events);
    at = ct_write_varint(at, j->counts.steps);
    at = ct_write_varint(at, s->definitions);
    at = ct_write_varint(at, j->counts.contents);
    at = ct_write_varint(at, s->segment_count);
    uint64_t position = 0, steps = 0, events = 0;
    for (size_t i = 0; i < s->segment_count; i++) {
        at = ct_write_varint(at, s->segments[i] - position);
        at = ct_write_varint(at, j->segments[i].steps - steps);
        at = ct_write_varint(at, j->segments[i].events - events);
        position = s->segments[i];
        steps = j->segments[i].steps;
        events = j->segments[i].events;
    }
    uint32_t size = (uint32_t)(at - payload);
    ct_block_entry end = {.kind = CT_BLOCK_END, .boundary = size, .segment = s->segment_count ? s->segment_count - 1 : 0};
    return put_made(s, &end, size);
}

static ct_code
save(saving *s)
{
    uint8_t header[CT_FILE_HEADER_SIZE];
    s->segments = ct_allocate_zero(s->journal->allocator, s->journal->segment_count + 1, sizeof *s->segments);
    s->compressor = ct_zstd_compressor(s->journal->allocator);
    if (!s->segments || !s->compressor)
        return ct_fail(s->error, CT_E_NOMEM, "no memory to save the journal", 0, 0);
    ZSTD_CCtx_setParameter(s->compressor, ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(s->compressor, ZSTD_c_checksumFlag, 1);
    CT_TRY(ct_source_read(&s->journal->source, 0, header, sizeof header, s->error));
    if (s->journal->dropped && s->journal->minor < CT_JOURNAL_MINOR) {
        ct_store16(header + 10, CT_JOURNAL_MINOR);
        ct_store64(header + 56, XXH3_64bits(header, 56));
    }
    CT_TRY(put(s, header, sizeof header, NULL, 0));
    if (s->journal->dropped)
        CT_TRY(put_dropped(s));
    CT_TRY(put_blocks(s));
    s->definitions = s->journal->definitions.count;
    if (!s->journal->counts.complete)
        CT_TRY(put_note(s));
    return put_end(s);
}

ct_code
ct_journal_copy(ct_journal *journal, const ct_sink *sink, ct_error *error)
{
    if (!journal || !sink || !sink->append)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    if (journal->damage_sequence != UINT64_MAX)
        return ct_journal_fail(journal, error, CT_E_CORRUPT, journal->damage_message, journal->damage_position);
    saving s = {.journal = journal, .error = error, .sink = sink};
    ct_code code = save(&s);
    ZSTD_freeCCtx(s.compressor);
    ct_block_reader_free(&s.reader);
    ct_free(journal->allocator, s.segments);
    ct_free(journal->allocator, s.raw);
    ct_free(journal->allocator, s.stored);
    return code;
}

ct_code
ct_journal_save(ct_journal *journal, const char *path, ct_error *error)
{
    if (!journal || !path)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    if (journal->damage_sequence != UINT64_MAX) /* before a file is made */
        return ct_journal_fail(journal, error, CT_E_CORRUPT, journal->damage_message, journal->damage_position);
    ct_sink file;
    CT_TRY(ct_sink_create_file(path, &file, error));
    ct_code code = ct_journal_copy(journal, &file, error);
    ct_code closed = ct_sink_close(&file, code == CT_OK ? error : NULL);
    if (code == CT_OK)
        code = closed;
    if (code != CT_OK)
        unlink(path);
    return code;
}
