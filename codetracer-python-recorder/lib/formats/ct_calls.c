/* See ct_calls.h: calls.dat (ctfs.md section 5), written and read. */
#include "formats/ct_calls.h"

#include <errno.h>
#include <sys/mman.h>

#include "formats/cbor_read.h"
#include "util/memory.h"

/* Position `key` of the file of ends. It never leaves this process, so it is written as it lies in memory. */
struct ct_call_end {
    uint64_t exit_step;
    uint64_t behind;               /* the next key when the call ended: behind its last descendant */
    uint64_t value_offset, value_size;
};

enum {
    WINDOW = 32 * 1024,
    HELD = 1024 * 1024,            /* bytes of entries, and of values returned, before they go to a file */
    GROUP_KEPT = 1024 * 1024,
    VARINT_MOST = 10,
};

ct_code
ct_calls_start(ct_calls *calls, const char *path, const ct_allocator *allocator, ct_error *error)
{
    *calls = (ct_calls){ .entries = { .file = -1, .buffer.allocator = allocator }, .returns = { .file = -1, .buffer.allocator = allocator },
                         .ends = { .file = -1, .buffer.allocator = allocator }, .error = error };
    calls->window = ct_allocate_zero(calls->entries.buffer.allocator, WINDOW, sizeof *calls->window);
    if (!calls->window)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    CT_TRY(ct_outfile_create_unnamed(&calls->entries, path, error));
    CT_TRY(ct_outfile_create_unnamed(&calls->returns, path, error));
    return ct_outfile_create_unnamed(&calls->ends, path, error);
}

void
ct_calls_free(ct_calls *calls)
{
    ct_outfile_abandon(&calls->entries);
    ct_outfile_abandon(&calls->returns);
    ct_outfile_abandon(&calls->ends);
    ct_free(calls->entries.buffer.allocator, calls->open);
    ct_free(calls->entries.buffer.allocator, calls->window);
    calls->open = NULL;
    calls->window = NULL;
}

static ct_code
write_ends(ct_calls *calls, uint64_t key, const ct_call_end *ends, size_t count)
{
    int problem = ct_write_fully_at(calls->ends.file, ends, count * sizeof *ends, key * sizeof *ends);
    return problem ? ct_fail(calls->error, CT_E_IO, "cannot write a temporary file of the export", 0, problem) : CT_OK;
}

static ct_code
drain(ct_calls *calls, ct_outfile *out)
{
    return out->buffer.size < HELD && !out->buffer.failed ? CT_OK : ct_outfile_flush(out, calls->error);
}

ct_code
ct_calls_enter(ct_calls *calls, uint32_t function, uint64_t entry_step, const ct_buffer *arguments)
{
    ct_buffer *out = &calls->entries.buffer;
    if (calls->depth == calls->capacity) {
        size_t capacity = calls->capacity ? calls->capacity * 2 : 256;
        uint64_t *open = ct_resize(calls->entries.buffer.allocator, calls->open, capacity * sizeof *open);
        if (!open)
            return ct_fail(calls->error, CT_E_NOMEM, "no memory", 0, 0);
        calls->open = open;
        calls->capacity = capacity;
    }
    if (calls->count - calls->window_base == WINDOW) {
        CT_TRY(write_ends(calls, calls->window_base, calls->window, WINDOW / 2));
        memcpy(calls->window, calls->window + WINDOW / 2, WINDOW / 2 * sizeof *calls->window);
        calls->window_base += WINDOW / 2;
    }
    calls->window[calls->count - calls->window_base] = (ct_call_end){ .behind = calls->count + 1 };
    uint8_t *at = ct_buffer_room(out, 5 * VARINT_MOST + arguments->size), *start = at;
    if (!at)
        return CT_E_NOMEM;
    at = ct_put_varint_at(at, function);
    at = ct_put_varint_at(at, calls->depth ? calls->open[calls->depth - 1] + 1 : 0);
    at = ct_put_varint_at(at, entry_step);
    at = ct_put_varint_at(at, calls->depth);
    at = ct_put_varint_at(at, arguments->size);
    memcpy(at, arguments->bytes, arguments->size);
    out->size += (size_t)(at - start) + arguments->size;
    calls->open[calls->depth++] = calls->count++;
    return drain(calls, &calls->entries);
}

ct_code
ct_calls_leave(ct_calls *calls, uint64_t exit_step, const void *value, size_t size)
{
    if (!calls->depth)
        return ct_fail(calls->error, CT_E_PARAM, "a return without its call", 0, 0);
    uint64_t key = calls->open[--calls->depth];
    ct_call_end end = { .exit_step = exit_step, .behind = calls->count,
                        .value_offset = calls->returns.written + calls->returns.buffer.size, .value_size = size };
    ct_buffer_add(&calls->returns.buffer, value, size);
    CT_TRY(drain(calls, &calls->returns));
    if (key < calls->window_base)
        return write_ends(calls, key, &end, 1);
    calls->window[key - calls->window_base] = end;
    return CT_OK;
}

/* ---- the last pass ---- */

/* A temporary file's bytes: mapped, or still in memory. */
typedef struct readable {
    const uint8_t *bytes;
    size_t size;
    bool mapped;
} readable;

static ct_code
map(ct_calls *calls, int file, uint64_t size, readable *mapping)
{
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED)
        return ct_fail(calls->error, errno == ENOMEM ? CT_E_NOMEM : CT_E_IO, "cannot map a temporary file of the export", 0, errno);
    *mapping = (readable){ bytes, (size_t)size, true };
    return CT_OK;
}

static ct_code
make_readable(ct_calls *calls, ct_outfile *out, readable *mapping)
{
    if (out->buffer.failed)
        return CT_E_NOMEM;
    *mapping = (readable){ out->buffer.bytes, out->buffer.size, false };
    if (!out->written)
        return CT_OK;
    CT_TRY(ct_outfile_flush(out, calls->error));
    return map(calls, out->file, out->written, mapping);
}

static ct_code
make_ends_readable(ct_calls *calls, readable *mapping)
{
    *mapping = (readable){ (const uint8_t *)calls->window, (size_t)calls->count * sizeof *calls->window, false };
    if (!calls->window_base)
        return CT_OK;
    CT_TRY(write_ends(calls, calls->window_base, calls->window, (size_t)(calls->count - calls->window_base)));
    return map(calls, calls->ends.file, calls->count * sizeof *calls->window, mapping);
}

static void
unmap(const readable *mapping)
{
    if (mapping->mapped)
        munmap((void *)(uintptr_t)mapping->bytes, mapping->size);
}

static uint64_t
take_varint(const uint8_t **at)
{
    uint64_t value = 0;
    unsigned shift = 0;
    while (**at & 0x80) {
        value |= (uint64_t)(*(*at)++ & 0x7F) << shift;
        shift += 7;
    }
    return value | (uint64_t)(*(*at)++) << shift;
}

/* The last pass over the three files, as far as it has come. */
typedef struct pass {
    readable entries, returns, ends_file;
    const ct_call_end *ends;
    const uint8_t *at;             /* in entries: the next call's */
    uint64_t looks;
    ct_buffer head, children;      /* of the record at hand */
    ct_buffer group;               /* the records of a group, as long as they are short */
} pass;

/* Looked at so much: the pages go back (they stay in the system's cache), so that the memory shown for this process does not grow with the
 * number of calls. */
static void
release_now_and_then(pass *p)
{
    const readable *const mappings[3] = { &p->entries, &p->returns, &p->ends_file };
    if (++p->looks % 65536)
        return;
    for (int i = 0; i < 3; i++)
        if (mappings[i]->mapped)
            madvise((void *)(uintptr_t)mappings[i]->bytes, mappings[i]->size, MADV_DONTNEED);
}

/* The record of `key` up to the keys of its children, into p->head; moves p->at. *children_size: bytes of those keys. */
static void
make_head(pass *p, uint64_t key, uint64_t *children_size)
{
    const ct_call_end *end = &p->ends[key];
    uint64_t children = 0;
    p->head.size = 0;
    uint64_t function = take_varint(&p->at);
    uint64_t parent = take_varint(&p->at), entry_step = take_varint(&p->at), depth = take_varint(&p->at), arguments = take_varint(&p->at);
    uint8_t *at = ct_buffer_room(&p->head, 7 * VARINT_MOST + 1 + (size_t)arguments + (size_t)end->value_size), *start = at;
    if (!at)
        return;
    at = ct_put_varint_at(at, function);
    at = ct_put_varint_at(at, ct_zigzag_of((int64_t)parent - 1));
    at = ct_put_varint_at(at, entry_step);
    at = ct_put_varint_at(at, end->exit_step);
    at = ct_put_varint_at(at, depth);
    memcpy(at, p->at, (size_t)arguments);
    at += arguments;
    p->at += arguments;
    at = ct_put_varint_at(at, end->value_size);
    if (end->value_size)
        memcpy(at, p->returns.bytes + end->value_offset, (size_t)end->value_size);
    at += end->value_size;
    *at++ = 0; /* no exception: upstream never writes one */
    *children_size = 0;
    for (uint64_t child = key + 1; child < end->behind; child = p->ends[child].behind) {
        children++;
        *children_size += ct_varint_size(child);
        release_now_and_then(p);
    }
    at = ct_put_varint_at(at, children);
    p->head.size = (size_t)(at - start);
    release_now_and_then(p);
}

static ct_code
write_children(pass *p, uint64_t key, const ct_calls_sink *sink)
{
    for (uint64_t child = key + 1; child < p->ends[key].behind; child = p->ends[child].behind) {
        ct_buffer_add_varint(&p->children, child);
        release_now_and_then(p);
        if (p->children.size >= CT_OUTFILE_DRAIN && !p->children.failed) {
            CT_TRY(sink->write(sink->context, p->children.bytes, p->children.size));
            p->children.size = 0;
        }
    }
    if (p->children.failed)
        return CT_E_NOMEM;
    CT_TRY(sink->write(sink->context, p->children.bytes, p->children.size));
    p->children.size = 0;
    return CT_OK;
}

/* The record whose head was made, behind its length, into the group. */
static ct_code
keep_record(pass *p, uint64_t key, uint64_t size)
{
    ct_buffer *out = &p->group;
    ct_buffer_add_varint(out, size);
    ct_buffer_add(out, p->head.bytes, p->head.size);
    for (uint64_t child = key + 1; child < p->ends[key].behind; child = p->ends[child].behind)
        ct_buffer_add_varint(out, child);
    return out->failed ? CT_E_NOMEM : CT_OK;
}

/* One group of records. It is kept whole and handed out at once; only one with very long records (a call may have very many children) is made a
 * second time, in pieces: behind its size, for that stands at the beginning of what it is compressed into. */
static ct_code
write_group(pass *p, uint64_t first, uint64_t behind, const ct_calls_sink *sink)
{
    const uint8_t *at = p->at;
    uint64_t size = 0, children_size;
    uint8_t length[10];
    bool keep = true;
    p->group.size = 0;
    for (uint64_t key = first; key < behind; key++) {
        make_head(p, key, &children_size);
        if (p->head.failed)
            return CT_E_NOMEM;
        uint64_t record = p->head.size + children_size;
        size += ct_varint_size(record) + record;
        keep = keep && size < GROUP_KEPT;
        if (keep)
            CT_TRY(keep_record(p, key, record));
    }
    CT_TRY(sink->begin(sink->context, size));
    if (keep) {
        CT_TRY(sink->write(sink->context, p->group.bytes, p->group.size));
        return sink->end(sink->context);
    }
    p->at = at;
    for (uint64_t key = first; key < behind; key++) {
        make_head(p, key, &children_size);
        if (p->head.failed)
            return CT_E_NOMEM;
        CT_TRY(sink->write(sink->context, length, (size_t)(ct_put_varint_at(length, p->head.size + children_size) - length)));
        CT_TRY(sink->write(sink->context, p->head.bytes, p->head.size));
        CT_TRY(write_children(p, key, sink));
    }
    return sink->end(sink->context);
}

ct_code
ct_calls_finish(ct_calls *calls, uint64_t group, const ct_calls_sink *sink)
{
    const ct_allocator *allocator = calls->entries.buffer.allocator;
    pass p = { .head.allocator = allocator, .children.allocator = allocator, .group.allocator = allocator };
    ct_code code = make_readable(calls, &calls->entries, &p.entries);
    if (code == CT_OK)
        code = make_readable(calls, &calls->returns, &p.returns);
    if (code == CT_OK)
        code = make_ends_readable(calls, &p.ends_file);
    p.ends = (const ct_call_end *)(const void *)p.ends_file.bytes;
    p.at = p.entries.bytes;
    for (uint64_t first = 0; first < calls->count && code == CT_OK; first += group)
        code = write_group(&p, first, calls->count - first < group ? calls->count : first + group, sink);
    unmap(&p.entries);
    unmap(&p.returns);
    unmap(&p.ends_file);
    ct_buffer_free(&p.head);
    ct_buffer_free(&p.children);
    ct_buffer_free(&p.group);
    return code;
}

/* ---- reading ---- */

enum { NO_RETURN = 0xFF };         /* a call that was left by an exception, or never */

static const ct_stream_words WORDS = CT_STREAM_WORDS("calls.dat");

ct_code
ct_calls_in_open(ct_calls_in *c, ct_reading *r, ct_inner *data, ct_inner *index)
{
    *c = (ct_calls_in){.r = r};
    return ct_chunks_open(&c->records.chunks, &WORDS, data, index, false, r->error);
}

ct_code
ct_calls_in_next(ct_calls_in *c)
{
    ct_input record;
    ct_call_in *call = &c->call;
    *call = (ct_call_in){0};
    ct_code code = ct_records_next(&c->records, &record, c->r->error);
    if (code != CT_OK)
        return code == CT_END ? CT_OK : code;
    call->key = c->next_key++;
    call->function = ct_take_varint(&record);
    call->parent = ct_take_svarint(&record);
    call->entry = ct_take_varint(&record);
    call->exit = ct_take_varint(&record);
    (void)ct_take_varint(&record); /* the depth, which the parents say too */
    call->arguments.at = record.at;
    for (size_t left = ct_take_count(&record, 2); left > 0 && !record.bad; left--) {
        (void)ct_take_varint(&record);
        (void)ct_take_text(&record);
    }
    call->arguments.end = record.at;
    call->result = ct_take_text(&record);
    call->there = !record.bad;
    if (record.bad)
        ct_records_spoil(&c->records);
    return CT_OK;
}

/* Open calls lie in the order of their keys. Each knows the least exit among itself and those below, so that one look at the top tells whether any
 * ends: nearly always it is the top that does, but calls of several threads need not be nested. */
static void
note_least(ct_calls_in *c, size_t from)
{
    for (size_t i = from; i < c->open_count; i++) {
        ct_open_call *call = &c->open[i];
        call->least = i && call[-1].least < call->exit ? call[-1].least : call->exit;
    }
}

static ct_code
begin_call(ct_calls_in *c)
{
    ct_reading *r = c->r;
    ct_call_in *call = &c->call;
    ct_input *in = &call->arguments;
    if (!CT_GROW(r->sink->allocator, c->open, c->open_capacity, c->open_count))
        return CT_E_NOMEM;
    ct_open_call opened = {call->key, call->parent, call->entry, call->exit, 0, ct_allocate(r->sink->allocator, call->result.size), call->result.size};
    if (!opened.result)
        return CT_E_NOMEM;
    memcpy(opened.result, call->result.bytes, call->result.size);
    c->open[c->open_count++] = opened;
    note_least(c, c->open_count - 1);
    ct_reading_at(r, ct_records_place(&c->records));
    ct_stream_forget(&r->tree);
    for (uint64_t left = ct_take_varint(in); left > 0; left--) {
        uint64_t name = ct_take_varint(in);
        ct_text value = ct_take_text(in);
        ct_input body = {(const uint8_t *)value.bytes, (const uint8_t *)value.bytes + value.size, false};
        size_t node = ct_cbor_take_value(&r->tree, &body);
        if (!node && !body.bad)
            return CT_E_NOMEM;
        if (body.bad) /* one that cannot be read is one that is not known */
            ct_reading_problem(r, WORDS.damaged, ct_records_place(&c->records));
        else
            CT_TRY(r->sink->argument(r->sink->context, name, &r->tree, node));
    }
    CT_TRY(r->sink->call(r->sink->context, call->function));
    return ct_calls_in_next(c);
}

static ct_code
end_call(ct_calls_in *c, size_t index, uint64_t place)
{
    ct_reading *r = c->r;
    ct_open_call call = c->open[index];
    size_t node = 0;
    bool memory = true;
    ct_reading_at(r, place);
    ct_stream_forget(&r->tree);
    if (call.result_size && !(call.result_size == 1 && call.result[0] == NO_RETURN)) {
        ct_input body = {call.result, call.result + call.result_size, false};
        node = ct_cbor_take_value(&r->tree, &body);
        memory = node || body.bad;
        if (body.bad) {
            ct_reading_problem(r, WORDS.damaged, place);
            node = 0;
        }
    }
    memmove(&c->open[index], &c->open[index + 1], (c->open_count - index - 1) * sizeof *c->open);
    c->open_count--;
    note_least(c, index);
    ct_code code = memory ? r->sink->returned(r->sink->context, &r->tree, node) : CT_E_NOMEM;
    ct_free(r->sink->allocator, call.result);
    return code;
}

/* Ends what ends with this step, the innermost first; only calls that began behind the one with the key `above` (-1: all). */
static ct_code
end_above(ct_calls_in *c, uint64_t step, int64_t above, uint64_t place)
{
    for (size_t i = c->open_count; i > 0 && c->open[i - 1].least <= step && (int64_t)c->open[i - 1].key > above; i--)
        if (c->open[i - 1].exit <= step)
            CT_TRY(end_call(c, i - 1, place));
    return CT_OK;
}

/* A call without any step in it is entered and left at the last step written: behind that step, not before it. Nothing says so, but the step is not
 * such a call's own when its caller, or another call of the same caller, had it already. */
static bool
is_behind_its_step(const ct_calls_in *c)
{
    const ct_call_in *call = &c->call;
    if (call->entry != call->exit)
        return false;
    for (size_t i = c->open_count; i > 0 && (int64_t)c->open[i - 1].key >= call->parent; i--) {
        const ct_open_call *other = &c->open[i - 1];
        if ((int64_t)other->key == call->parent ? other->entry == call->entry : other->parent == call->parent && other->exit == call->entry)
            return true;
    }
    return false;
}

ct_code
ct_calls_in_begin(ct_calls_in *c, uint64_t step)
{
    while (c->call.there && c->call.entry <= step && !is_behind_its_step(c))
        CT_TRY(begin_call(c));
    return CT_OK;
}

ct_code
ct_calls_in_end(ct_calls_in *c, uint64_t step, uint64_t place)
{
    while (c->call.there && c->call.entry <= step) {
        CT_TRY(end_above(c, step, c->call.parent, place));
        CT_TRY(begin_call(c));
    }
    return end_above(c, step, -1, place);
}

void
ct_calls_in_close(ct_calls_in *c)
{
    for (size_t i = 0; i < c->open_count; i++)
        ct_free(c->r->sink->allocator, c->open[i].result);
    if (c->r)
        ct_free(c->r->sink->allocator, c->open);
    c->open = NULL;
    c->open_count = c->open_capacity = 0;
    ct_records_close(&c->records);
}
