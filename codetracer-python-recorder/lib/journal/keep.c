/* Owns what is in the file of a recording that keeps only its end: which blocks are there, and which of them are needed.
 *
 * The unit is the segment: its key state makes everything before it unnecessary but definitions, which are kept for ever (a program has
 * only so many), and those contents that the state or later events name. So, once the key state of a new segment is in the file, early segments are dropped as
 * far as enough remains, and with them every content block that no kept segment names. Dropped blocks that lie side by side become one range:
 * a header of kind DROPPED that says how long it is, and a hole. The header is written before the hole is made, so at any moment the file can be read.
 *
 * Proof that no content is named after it was dropped. Whoever names a content either took its number from ct_content(), or copies a value that the
 * recorder holds: of a slot or an object that is alive. The first is noted at once, by ct_keep_use(), with the segment that is open then. Of the second every value is
 * in each key state; blocks are written in order, so the key states of all segments up to `ready_segment` were noted before anything is dropped. What a value that
 * came alive later names was given by ct_content() later. What is noted for a segment at or behind the first kept one stays.
 *
 * The lock is held throughout: the event thread takes it in ct_keep_use() only.
 */
#include "journal/keep.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "journal/writer.h"
#include "model/records.h"
#include "util/memory.h"

/* ---- contents ---- */

/* The content block that holds a number, or NULL. What is not written yet counts to the last block, which is never dropped. */
static ct_piece *
block_of(ct_keep *keep, uint64_t content)
{
    size_t low = 0, high = keep->content_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keep->pieces[keep->contents[middle]].first <= content)
            low = middle + 1;
        else
            high = middle;
    }
    ct_piece *piece = low ? &keep->pieces[keep->contents[low - 1]] : NULL;
    return piece && content < piece->end ? piece : NULL;
}

static void
note(ct_keep *keep, uint64_t content, uint64_t segment)
{
    ct_piece *piece = block_of(keep, content);
    if (piece && piece->segment < segment)
        piece->segment = segment;
}

bool
ct_keep_use(ct_writer *writer, uint64_t content)
{
    ct_keep *keep = &writer->keep;
    pthread_mutex_lock(&writer->lock);
    bool is_there = keep->content_count == 0 || block_of(keep, content) != NULL; /* none written: it is in the block that is being filled */
    note(keep, content, writer->segment);
    if (keep->content_count == 0 || keep->pieces[keep->contents[keep->content_count - 1]].first <= content)
        keep->pending = writer->segment; /* in the last block of the file, or in one that waits to be written */
    pthread_mutex_unlock(&writer->lock);
    return is_there;
}

bool
ct_keep_shape(ct_writer *writer, uint32_t shape, size_t fields)
{
    ct_keep *keep = &writer->keep;
    bool kept = true;
    pthread_mutex_lock(&writer->lock);
    if (shape >= keep->shape_capacity) {
        size_t capacity = keep->shape_capacity ? keep->shape_capacity * 2 : 256;
        uint32_t *shapes = ct_resize(writer->allocator, keep->shapes, capacity * sizeof *shapes);
        if ((kept = shapes != NULL)) {
            keep->shapes = shapes;
            keep->shape_capacity = capacity;
        }
    }
    if (kept)
        keep->shapes[shape] = (uint32_t)fields;
    pthread_mutex_unlock(&writer->lock);
    return kept;
}

typedef struct noting { ct_keep *keep; uint64_t segment; } noting;

static void
note_value(void *context, const ct_value *value)
{
    const noting *n = context;
    if (value->content)
        note(n->keep, value->content - 1, n->segment);
}

/* What an events block names. */
static ct_code
note_events(ct_keep *keep, const ct_block *block, const uint8_t *payload, ct_error *error)
{
    noting n = {keep, block->segment};
    ct_references references = {.value = note_value, .context = &n, .shapes = keep->shapes, .shape_count = keep->shape_capacity};
    uint64_t address = 0;
    for (ct_input in = {payload, payload + block->raw_size, false}; in.at < in.end;) {
        uint8_t tag = ct_take_byte(&in);
        ct_scan_record(&in, tag, NULL, &address, &references);
        if (in.bad)
            return ct_fail(error, CT_E_CORRUPT, "a record that was written breaks the format", 0, 0);
    }
    return CT_OK;
}

/* ---- pieces ---- */

static ct_code
add_piece(ct_writer *writer, const ct_piece *piece, ct_error *error)
{
    ct_keep *keep = &writer->keep;
    if (keep->count == keep->capacity) {
        size_t capacity = keep->capacity ? keep->capacity * 2 : 64;
        ct_piece *pieces = ct_resize(writer->allocator, keep->pieces, capacity * sizeof *pieces);
        if (!pieces)
            return ct_fail(error, CT_E_NOMEM, "no memory for the list of blocks", 0, 0);
        keep->pieces = pieces;
        keep->capacity = capacity;
    }
    if (piece->kind == CT_BLOCK_CONTENT) {
        if (keep->content_count == keep->content_capacity) {
            size_t capacity = keep->content_capacity ? keep->content_capacity * 2 : 64;
            size_t *contents = ct_resize(writer->allocator, keep->contents, capacity * sizeof *contents);
            if (!contents)
                return ct_fail(error, CT_E_NOMEM, "no memory for the list of blocks", 0, 0);
            keep->contents = contents;
            keep->content_capacity = capacity;
        }
        if (keep->content_count)
            keep->pieces[keep->contents[keep->content_count - 1]].end = piece->first;
        keep->contents[keep->content_count++] = keep->count;
    }
    keep->pieces[keep->count++] = *piece;
    return CT_OK;
}

/* ---- dropping ---- */

static uint64_t
bytes_from(const ct_keep *keep, uint64_t segment)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < keep->count; i++)
        if (!keep->pieces[i].gone && keep->pieces[i].segment >= segment)
            bytes += keep->pieces[i].size;
    return bytes;
}

/* Whether the segment before `next` may go. */
static bool
is_enough(const ct_writer *writer, uint64_t next)
{
    const ct_keep *keep = &writer->keep;
    if (keep->steps && writer->segments[keep->ready_segment].steps - writer->segments[next].steps < keep->steps)
        return false;
    return !keep->bytes || bytes_from(keep, next - 1) > keep->bytes;
}

/* The header of a range, then the hole behind it. */
static ct_code
give_back(ct_writer *writer, const ct_piece *range, ct_error *error)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE] = CT_BLOCK_MAGIC;
    struct iovec part = {header, sizeof header};
    header[4] = CT_BLOCK_DROPPED;
    ct_store64(header + 16, range->sequence);
    ct_store64(header + 32, range->size - sizeof header);
    ct_store64(header + 64, XXH3_64bits("", 0));
    ct_store64(header + 72, XXH3_64bits(header, 72));
    int result = ct_write_all(writer->system, writer->file.descriptor, &part, 1, (off_t)range->offset);
    if (result == 0)
        result = writer->system->punch(writer->system->context, writer->file.descriptor, (off_t)(range->offset + sizeof header),
                                       (off_t)(range->size - sizeof header));
    return result == 0 ? CT_OK : ct_fail(error, CT_E_IO, "the beginning of the recording cannot be given back to the file system", range->offset, result);
}

/* Makes one range of neighbours that are gone, and gives back those that are new. */
static ct_code
join_ranges(ct_writer *writer, ct_error *error)
{
    ct_keep *keep = &writer->keep;
    ct_code code = CT_OK;
    size_t kept = 0;
    keep->content_count = 0;
    for (size_t i = 0; i < keep->count;) {
        ct_piece piece = keep->pieces[i++];
        bool is_new = piece.gone && piece.kind != CT_BLOCK_DROPPED;
        while (piece.gone && i < keep->count && keep->pieces[i].gone) {
            is_new |= keep->pieces[i].kind != CT_BLOCK_DROPPED;
            piece.size += keep->pieces[i].size;
            piece.sequence = keep->pieces[i++].sequence;
            is_new = true;
        }
        if (is_new) {
            piece.kind = CT_BLOCK_DROPPED;
            if (code == CT_OK)
                code = give_back(writer, &piece, error);
        }
        if (piece.kind == CT_BLOCK_CONTENT)
            keep->contents[keep->content_count++] = kept; /* there is room: it was there before */
        keep->pieces[kept++] = piece;
    }
    keep->count = kept;
    return code;
}

static ct_code
drop(ct_writer *writer, ct_error *error)
{
    ct_keep *keep = &writer->keep;
    uint64_t first = keep->first_segment;
    if (keep->holds)
        return CT_OK;
    while (keep->first_segment < keep->ready_segment && is_enough(writer, keep->first_segment + 1))
        keep->first_segment++;
    if (keep->first_segment == first)
        return CT_OK;
    size_t last_content = keep->content_count ? keep->contents[keep->content_count - 1] : SIZE_MAX;
    for (size_t i = 0; i < keep->count; i++)
        if (keep->pieces[i].segment < keep->first_segment && i != last_content)
            keep->pieces[i].gone = true;
    return join_ranges(writer, error);
}

ct_code
ct_keep_written(ct_writer *writer, const ct_block *block, const uint8_t *payload, uint64_t offset, uint64_t size, ct_error *error)
{
    ct_keep *keep = &writer->keep;
    ct_piece piece = {.offset = offset, .size = size, .sequence = block->sequence, .segment = block->segment, .kind = block->kind};
    if (block->kind == CT_BLOCK_DEFINITIONS)
        piece.segment = UINT64_MAX;
    if (block->kind == CT_BLOCK_CONTENT) {
        piece.first = block->first;
        piece.end = UINT64_MAX;
        if (piece.segment < keep->pending)
            piece.segment = keep->pending;
    }
    CT_TRY(add_piece(writer, &piece, error));
    if (block->kind != CT_BLOCK_EVENTS)
        return CT_OK;
    CT_TRY(note_events(keep, block, payload, error));
    /* A block with a boundary ends behind the key state, which is then in the file whole. */
    if (block->boundary == 0 || block->segment <= keep->ready_segment)
        return CT_OK;
    keep->ready_segment = block->segment;
    return drop(writer, error);
}

void
ct_recording_hold(ct_recording *recording, bool hold)
{
    ct_writer *writer = recording->private_;
    pthread_mutex_lock(&writer->lock);
    if (hold)
        writer->keep.holds++;
    else if (writer->keep.holds && --writer->keep.holds == 0 && !writer->failed) {
        /* At once: no further segment need come. */
        ct_error error = { 0 };
        ct_code code = drop(writer, &error);
        if (code != CT_OK)
            ct_writer_fail(writer, code, error.message, error.system);
    }
    pthread_mutex_unlock(&writer->lock);
}

ct_code
ct_keep_probe(ct_writer *writer, ct_error *error)
{
    int result = writer->file.descriptor < 0 ? ENOTSUP : writer->system->punch(writer->system->context, writer->file.descriptor, 1 << 20, 4096);
    return result == 0 ? CT_OK : ct_fail(error, CT_E_IO, "this file system cannot give back the beginning of a file, which keeping only the end needs", 0, result);
}

void
ct_keep_free(ct_writer *writer)
{
    ct_free(writer->allocator, writer->keep.pieces);
    ct_free(writer->allocator, writer->keep.contents);
    ct_free(writer->allocator, writer->keep.shapes);
}
