/* See ct_spans.h. */
#include "formats/ct_spans.h"

#include <stdlib.h>

#include "formats/intern.h"
#include "formats/text.h"

enum { CHUNK = 64, TYPES_HEADER = 18, TYPES_ENTRY = 28, SHARES_TIME = 2, MAY_OVERLAP = 4 };

/* ---- where they begin and end ---- */

static ct_code
count_one(void *context, const ct_span *span)
{
    (void)span;
    ++*(size_t *)context;
    return CT_OK;
}

typedef struct collecting { ct_spans *spans; size_t index; } collecting;

static ct_code
collect(void *context, const ct_span *span)
{
    collecting *c = context;
    if (span->has_steps) {
        c->spans->ends[c->spans->end_count++] = (ct_spans_end){ span->first_step, 2 * c->index };
        c->spans->ends[c->spans->end_count++] = (ct_spans_end){ span->last_step, 2 * c->index + 1 };
    }
    c->index++;
    return CT_OK;
}

static int
by_step(const void *left, const void *right)
{
    const ct_spans_end *a = left, *b = right;
    return a->step < b->step ? -1 : a->step > b->step;
}

ct_code
ct_spans_start(ct_spans *spans)
{
    CT_TRY(ct_journal_spans(spans->journal, count_one, &spans->count));
    if (!spans->count)
        return CT_OK;
    spans->ends = ct_allocate_zero(spans->ctfs->allocator, 2 * spans->count, sizeof *spans->ends);
    spans->steps = ct_allocate_zero(spans->ctfs->allocator, 2 * spans->count, sizeof *spans->steps);
    if (!spans->ends || !spans->steps)
        return CT_E_NOMEM;
    collecting c = { .spans = spans };
    CT_TRY(ct_journal_spans(spans->journal, collect, &c));
    qsort(spans->ends, spans->end_count, sizeof *spans->ends, by_step);
    return CT_OK;
}

void
ct_spans_reach(ct_spans *spans, uint64_t number)
{
    for (; spans->next_end < spans->end_count && spans->ends[spans->next_end].step == spans->step; spans->next_end++)
        spans->steps[spans->ends[spans->next_end].number] = number;
}

/* ---- the three files ---- */

typedef struct writing {
    ct_spans *spans;
    ct_ctfs_file *data, *index;
    ct_chunk chunk;
    ct_buffer record, compressed, clean;
    size_t done;                   /* spans */
    size_t in_chunk;
    ct_intern types;
    ct_buffer type_of;             /* of each span, u32 */
} writing;

static void
put_number(ct_buffer *out, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        ct_buffer_add_byte(out, (uint8_t)(number >> (8 * i)));
}

static void
put_text(writing *w, ct_text text)
{
    w->clean.size = 0;
    ct_text_clean(&w->clean, (const uint8_t *)text.bytes, text.size, false);
    ct_buffer_add_varint(&w->record, w->clean.size);
    ct_buffer_add(&w->record, w->clean.bytes, w->clean.size);
    w->record.failed |= w->clean.failed;
}

static bool is_word(ct_text text, const char *word) { return text.size == strlen(word) && memcmp(text.bytes, word, text.size) == 0; }

static ct_code
flush(writing *w)
{
    uint8_t place[16];
    if (!w->in_chunk)
        return CT_OK;
    for (int i = 0; i < 8; i++) {
        place[i] = (uint8_t)(ct_ctfs_size(w->data) >> (8 * i));
        place[8 + i] = (uint8_t)(w->done >> (8 * i));
    }
    CT_TRY(ct_ctfs_append(w->spans->ctfs, w->index, place, sizeof place));
    w->compressed.size = 0;
    CT_TRY(ct_chunk_compress(&w->chunk, w->spans->zstd, &w->compressed, w->spans->error));
    CT_TRY(ct_ctfs_append(w->spans->ctfs, w->data, w->compressed.bytes, w->compressed.size));
    ct_chunk_empty(&w->chunk);
    w->in_chunk = 0;
    return CT_OK;
}

static ct_code
put_span(void *context, const ct_span *span)
{
    writing *w = context;
    uint32_t type;
    w->record.size = 0;
    ct_buffer_add_varint(&w->record, w->done + 1);
    ct_buffer_add_varint(&w->record, 0);
    ct_buffer_add_byte(&w->record, 0);
    ct_buffer_add_byte(&w->record, is_word(span->status, "ok") ? 1 : is_word(span->status, "error") ? 2 : 0);
    ct_buffer_add_varint(&w->record, span->start_ns);
    ct_buffer_add_varint(&w->record, span->end_ns);
    ct_buffer_add_varint(&w->record, 0);
    ct_buffer_add_varint(&w->record, span->thread);
    ct_buffer_add_varint(&w->record, w->spans->steps[2 * w->done]);
    ct_buffer_add_varint(&w->record, w->spans->steps[2 * w->done + 1]);
    put_text(w, span->type);
    CT_TRY(ct_intern_add(&w->types, w->clean.bytes, w->clean.size, &type, NULL));
    ct_buffer_add(&w->type_of, &type, sizeof type);
    put_text(w, span->label);
    ct_buffer_add_byte(&w->record, SHARES_TIME | MAY_OVERLAP);
    ct_buffer_add_varint(&w->record, span->metadata_count);
    for (size_t i = 0; i < span->metadata_count; i++) {
        put_text(w, span->metadata[i].key);
        put_text(w, span->metadata[i].value);
    }
    ct_buffer_add_varint(&w->chunk.raw, w->record.size);
    ct_buffer_add(&w->chunk.raw, w->record.bytes, w->record.size);
    if (w->record.failed || w->chunk.raw.failed || w->type_of.failed)
        return CT_E_NOMEM;
    w->done++;
    return ++w->in_chunk == CHUNK ? flush(w) : CT_OK;
}

/* Header, a table of the types, their names, and lists of ids. */
static void
put_types(const writing *w, uint64_t *members, uint64_t *ids, ct_buffer *out)
{
    const uint32_t *type_of = (const uint32_t *)(const void *)w->type_of.bytes;
    size_t name_at = TYPES_HEADER + w->types.count * TYPES_ENTRY, list_at = name_at + w->types.keys.size;
    uint64_t before = 0;
    for (size_t i = 0; i < w->done; i++)
        members[type_of[i]]++;
    ct_buffer_add(out, "YTPS", 4);
    put_number(out, 1, 2);
    put_number(out, w->types.count, 4);
    put_number(out, TYPES_HEADER, 8);
    for (size_t type = 0; type < w->types.count; type++) {
        put_number(out, type, 4);
        put_number(out, w->types.entries[type].size, 4);
        put_number(out, name_at + w->types.entries[type].offset, 8);
        put_number(out, members[type], 4);
        put_number(out, list_at + 8 * before, 8);
        before += members[type];
        members[type] = before - members[type]; /* where its list begins, and then how far it is */
    }
    ct_buffer_add(out, w->types.keys.bytes, w->types.keys.size);
    for (size_t i = 0; i < w->done; i++)
        ids[members[type_of[i]]++] = i + 1;
    for (size_t i = 0; i < w->done; i++)
        put_number(out, ids[i], 8);
}

static ct_code
write_types(const writing *w, ct_ctfs_file *file)
{
    const ct_allocator *allocator = w->spans->ctfs->allocator;
    ct_buffer out = { .allocator = allocator };
    uint64_t *members = ct_allocate_zero(allocator, w->types.count + 1, sizeof *members);
    uint64_t *ids = ct_allocate_zero(allocator, w->done + 1, sizeof *ids);
    bool memory = members && ids;
    if (memory)
        put_types(w, members, ids, &out);
    ct_code code = !memory || out.failed ? CT_E_NOMEM : ct_ctfs_append(w->spans->ctfs, file, out.bytes, out.size);
    ct_free(allocator, members);
    ct_free(allocator, ids);
    ct_buffer_free(&out);
    return code;
}

static ct_code
write_all(writing *w, unsigned slot)
{
    static const uint8_t HEAD[8] = { CHUNK, [4] = 2 }; /* records in a chunk at most, version */
    ct_ctfs *ctfs = w->spans->ctfs;
    ct_ctfs_file *types;
    CT_TRY(ct_ctfs_add(ctfs, slot, "spans.dat", &w->data));
    CT_TRY(ct_ctfs_add(ctfs, slot + 1, "spans.idx", &w->index));
    CT_TRY(ct_ctfs_add(ctfs, slot + 2, "spantype.ns", &types));
    CT_TRY(ct_ctfs_append(ctfs, w->index, HEAD, sizeof HEAD));
    CT_TRY(ct_journal_spans(w->spans->journal, put_span, w));
    CT_TRY(flush(w));
    return write_types(w, types);
}

ct_code
ct_spans_write(ct_spans *spans, unsigned slot)
{
    const ct_allocator *allocator = spans->ctfs->allocator;
    writing w = { .spans = spans };
    if (!spans->count)
        return CT_OK;
    w.chunk.raw.allocator = w.record.allocator = w.compressed.allocator = w.clean.allocator = w.type_of.allocator = w.types.keys.allocator = allocator;
    ct_code code = write_all(&w, slot);
    ct_chunk_free(&w.chunk);
    ct_buffer_free(&w.record);
    ct_buffer_free(&w.compressed);
    ct_buffer_free(&w.clean);
    ct_buffer_free(&w.type_of);
    ct_intern_free(&w.types);
    return code;
}

void
ct_spans_free(ct_spans *spans)
{
    if (!spans->ctfs)
        return;
    ct_free(spans->ctfs->allocator, spans->ends);
    ct_free(spans->ctfs->allocator, spans->steps);
}
