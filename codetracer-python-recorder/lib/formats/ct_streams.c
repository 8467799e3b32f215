/* See ct_streams.h. The parts, in order: frames, chunked streams, tables, records.
 *
 * Invariant: memory grows with bytes that were read or decompressed, never by a number that says how many there are; and a stream goes forward only:
 * a chunk or a record that begins before the end of the one before is damage, so no file can be read forever.
 */
#include "formats/ct_streams.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "util/zstd_memory.h"

enum { INPUT_PIECE = 128 * 1024, LOAD_PIECE = 1 << 20, FIRST_ROOM = 1 << 20 };

static ct_code
no_memory(ct_error *error)
{
    return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
}

/* ---- frames ---- */

/* The first bytes of a frame say how much it holds; room for that at once, if it is not much, saves libzstd a copy. */
static bool
first_room(ct_frames *frames, size_t got)
{
    unsigned long long told = ZSTD_getFrameContentSize(frames->input, got);
    return ct_buffer_room(&frames->raw, told <= FIRST_ROOM ? (size_t)told + 1 : FIRST_ROOM) != NULL;
}

ct_code
ct_frames_read(ct_frames *frames, uint64_t offset, uint64_t limit, uint64_t *size, ct_frame_end *end, ct_error *error)
{
    size_t left = 1;
    *size = 0;
    *end = CT_FRAME_CUT;
    frames->raw.size = 0;
    const ct_allocator *allocator = ct_inner_allocator(frames->file);
    if (!frames->zstd && !(frames->zstd = ct_zstd_decompressor(allocator)))
        return no_memory(error);
    if (!frames->input && !(frames->input = ct_allocate(allocator, INPUT_PIECE)))
        return no_memory(error);
    ZSTD_DCtx_reset(frames->zstd, ZSTD_reset_session_only);
    while (left != 0) {
        size_t wanted = INPUT_PIECE, got;
        if (wanted > limit - *size)
            wanted = (size_t)(limit - *size);
        CT_TRY(ct_inner_read(frames->file, offset + *size, frames->input, wanted, &got, error));
        if (*size == 0) {
            uint32_t magic = got < 4 ? 0 : (uint32_t)ct_load_number(frames->input, 4);
            if (got >= 4 && magic != ZSTD_MAGICNUMBER && (magic & ZSTD_MAGIC_SKIPPABLE_MASK) != ZSTD_MAGIC_SKIPPABLE_START)
                *end = CT_FRAME_ABSENT;
            if (*end == CT_FRAME_ABSENT)
                return CT_OK;
            if (!first_room(frames, got))
                return no_memory(error);
        }
        if (got == 0)
            return CT_OK;
        ZSTD_inBuffer in = {frames->input, got, 0};
        bool full = true;
        while (left != 0 && (in.pos < in.size || full)) {
            uint8_t *room = ct_buffer_room(&frames->raw, 1);
            if (!room)
                return no_memory(error);
            ZSTD_outBuffer out = {room, frames->raw.capacity - frames->raw.size, 0};
            left = ZSTD_decompressStream(frames->zstd, &out, &in);
            frames->raw.size += out.pos;
            full = out.pos == out.size;
            if (ZSTD_isError(left) || frames->raw.size > CT_FRAME_MOST) {
                if (ZSTD_isError(left) && ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
                    return no_memory(error);
                *end = ZSTD_isError(left) && ZSTD_getErrorCode(left) != ZSTD_error_frameParameter_windowTooLarge ? CT_FRAME_DAMAGED : CT_FRAME_TOO_LARGE;
                frames->raw.size = 0;
                return CT_OK;
            }
        }
        *size += in.pos;
    }
    *end = CT_FRAME_WHOLE;
    return CT_OK;
}

void
ct_frames_open(ct_frames *frames, ct_inner *file)
{
    *frames = (ct_frames){.file = file, .raw.allocator = file ? ct_inner_allocator(file) : NULL};
}

void
ct_frames_free(ct_frames *frames)
{
    ZSTD_freeDCtx(frames->zstd);
    ct_free(frames->raw.allocator, frames->input);
    ct_buffer_free(&frames->raw);
    *frames = (ct_frames){0};
}

/* ---- chunked streams ---- */

static void
end_chunks(ct_chunks *c, const char *message, uint64_t offset)
{
    c->ended = true;
    if (c->problem.message || !message)
        return;
    c->problem.message = message;
    c->problem.place = ct_inner_place(c->frames.file, offset);
}

/* Bytes of the index before the first offset. */
static uint64_t
header_size(const ct_chunks *c)
{
    return c->is_old ? 12 : 4;
}

ct_code
ct_chunks_open(ct_chunks *c, const ct_stream_words *words, ct_inner *data, ct_inner *index, bool old_steps, ct_error *error)
{
    uint8_t header[4];
    size_t got;
    *c = (ct_chunks){.words = words, .index = index, .ended = !data, .is_old = old_steps};
    ct_frames_open(&c->frames, data);
    if (!index)
        return CT_OK;
    CT_TRY(ct_inner_read(index, 0, header, sizeof header, &got, error));
    uint64_t frame = header_size(c) + (old_steps ? 8u : 0u), size = ct_inner_size(index);
    c->chunk_size = got == sizeof header ? (uint32_t)ct_load_number(header, 4) : 0;
    c->count = size > frame ? (size - frame) / 8 : 0;
    return CT_OK;
}

/* Where the next chunk begins: as the index has it, or behind the one before. */
static ct_code
find_chunk(ct_chunks *c, ct_error *error)
{
    uint8_t offset[8];
    size_t got;
    if (c->number >= c->count)
        return CT_OK;
    CT_TRY(ct_inner_read(c->index, header_size(c) + c->number * 8, offset, sizeof offset, &got, error));
    uint64_t told = ct_load_number(offset, 8);
    if (got < sizeof offset || (ct_inner_is_open(c->index) && told == 0 && c->number > 0)) {
        c->count = c->number; /* the index was cut, the chunks may not have been */
        return CT_OK;
    }
    if (told < c->position) {
        end_chunks(c, c->words->lost, c->position);
        return CT_OK;
    }
    c->position = told;
    return CT_OK;
}

ct_code
ct_chunks_next(ct_chunks *c, ct_error *error)
{
    c->in = (ct_input){0};
    if (c->ended)
        return CT_END;
    CT_TRY(find_chunk(c, error));
    uint64_t there = ct_inner_size(c->frames.file), size;
    ct_frame_end end;
    if (!c->ended && c->position >= there) {
        /* As far as the index goes it is the writer's word that more was there. */
        bool more = c->number < c->count && !(c->position == 0 && ct_inner_is_open(c->index));
        end_chunks(c, more || ct_inner_is_cut(c->frames.file) ? c->words->cut : NULL, c->position);
    }
    if (c->ended)
        return CT_END;
    CT_TRY(ct_frames_read(&c->frames, c->position, there - c->position, &size, &end, error));
    c->place = ct_inner_place(c->frames.file, c->position);
    if (end == CT_FRAME_ABSENT && ct_inner_is_open(c->frames.file) && ct_load_number(c->frames.input, 4) == 0)
        end_chunks(c, c->words->cut, c->position); /* behind the last chunk, in a file whose size was never noted */
    else if (end != CT_FRAME_WHOLE)
        end_chunks(c, end == CT_FRAME_CUT ? c->words->cut : end == CT_FRAME_TOO_LARGE ? c->words->large : c->words->damaged, c->position);
    if (end != CT_FRAME_WHOLE && c->frames.raw.size == 0)
        return CT_END;
    c->in = (ct_input){c->frames.raw.bytes, c->frames.raw.bytes + c->frames.raw.size, false};
    c->position += size;
    c->number++;
    return CT_OK;
}

bool
ct_chunks_skip(ct_chunks *c)
{
    if (c->ended || c->number + 1 >= c->count)
        return false;
    c->number++;
    c->in = (ct_input){0};
    return true;
}

void
ct_chunks_spoil(ct_chunks *c)
{
    c->in.at = c->in.end;
    c->ended = true;
    if (!c->problem.message)
        c->problem = (ct_problem){c->words->damaged, c->place};
}

void
ct_chunks_close(ct_chunks *c)
{
    ct_frames_free(&c->frames);
}

/* ---- tables ---- */

ct_code
ct_inner_load(ct_inner *file, uint64_t offset, uint64_t count, ct_buffer *bytes, ct_error *error)
{
    bytes->size = 0;
    while (bytes->size < count) {
        size_t piece = count - bytes->size < LOAD_PIECE ? (size_t)(count - bytes->size) : LOAD_PIECE, got;
        uint8_t *room = ct_buffer_room(bytes, piece);
        if (!room)
            return no_memory(error);
        CT_TRY(ct_inner_read(file, offset + bytes->size, room, piece, &got, error));
        bytes->size += got;
        if (got < piece)
            break;
    }
    return CT_OK;
}

void
ct_table_open(ct_table *t, const ct_stream_words *words, ct_inner *data, ct_inner *offsets)
{
    *t = (ct_table){.words = words, .data = data, .offsets = data ? offsets : NULL, .record.allocator = data ? ct_inner_allocator(data) : NULL};
}

static ct_code
end_table(ct_table *t, const char *message)
{
    if (message && !t->problem.message)
        t->problem = (ct_problem){message, ct_inner_place(t->data, t->at)};
    t->offsets = NULL;
    return CT_END;
}

ct_code
ct_table_next(ct_table *t, ct_input *record, ct_error *error)
{
    uint8_t bytes[8];
    size_t got;
    *record = (ct_input){0};
    if (!t->offsets)
        return CT_END;
    CT_TRY(ct_inner_read(t->offsets, (t->number + 1) * 8, bytes, sizeof bytes, &got, error));
    uint64_t end = ct_load_number(bytes, got);
    bool is_open = ct_inner_is_open(t->offsets), is_cut = ct_inner_is_cut(t->offsets);
    if (got < sizeof bytes) { /* whole: neither offsets nor data have more */
        bool more = (t->number + 1) * 8 < ct_inner_size(t->offsets) || (t->at < ct_inner_size(t->data) && !ct_inner_is_open(t->data));
        return end_table(t, is_open || is_cut || more ? t->words->cut : NULL);
    }
    if (is_open && end == 0)
        return end_table(t, t->words->cut);
    if (end < t->at)
        return end_table(t, t->words->lost);
    CT_TRY(ct_inner_load(t->data, t->at, end - t->at, &t->record, error));
    if (t->record.size < end - t->at)
        return end_table(t, t->words->cut);
    *record = (ct_input){t->record.bytes, t->record.bytes ? t->record.bytes + t->record.size : NULL, false};
    t->at = end;
    t->number++;
    return CT_OK;
}

void
ct_table_close(ct_table *t)
{
    ct_buffer_free(&t->record);
}

/* ---- records ---- */

ct_code
ct_records_next(ct_records *r, ct_input *record, ct_error *error)
{
    if (r->is_table)
        return ct_table_next(&r->table, record, error);
    ct_chunks *c = &r->chunks;
    while (c->in.at == c->in.end)
        CT_TRY(ct_chunks_next(c, error));
    uint64_t size = ct_take_varint(&c->in);
    const uint8_t *at = c->in.bad ? NULL : ct_take_bytes(&c->in, size);
    if (!at) { /* in a chunk that is whole, or in one of which the beginning is left: that was told already */
        ct_chunks_spoil(c);
        return CT_END;
    }
    *record = (ct_input){at, at + size, false};
    return CT_OK;
}

void
ct_records_spoil(ct_records *r)
{
    if (r->is_table)
        (void)end_table(&r->table, r->table.words->damaged);
    else
        ct_chunks_spoil(&r->chunks);
}

void
ct_records_close(ct_records *r)
{
    ct_table_close(&r->table);
    ct_chunks_close(&r->chunks);
}
