/* The journal writer: what is in the files, at the end and at any moment before, by a decoder of its own (docs/journal-format.md);
 * and what happens when the system refuses, a process dies, or forks. */
#include <codetracer/record.h>
#include <codetracer/replay.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "check.h"
#include "failing_memory.h"
#include "journal/reader.h"
#include "journal/writer.h"

static char folder[256], journal_path[300], live_path[300];

/* ---- a decoder, independent of the writer ---- */

typedef struct bytes { uint8_t *at; size_t size; } bytes;

typedef struct block {
    unsigned kind, flags;
    uint64_t sequence, segment, first, events, time, offset;
    uint8_t *raw;
    size_t raw_size, boundary;
    bool is_open, dropped_tail;
} block;

typedef struct event { unsigned tag; unsigned changes; int64_t value; uint64_t text; } event;

typedef struct trace {
    block *blocks;
    size_t block_count, file_blocks;
    bool complete;
    event *events;
    size_t event_count, event_room;
    uint64_t steps, definitions, contents, segments;
    uint8_t id[16];
    uint64_t start;
    bytes *definition, *content; /* the first 4096 of each, as they stand */
    char problem[160];
} trace;

#define NOT(condition, ...)                                              \
    do {                                                                 \
        if (!(condition)) {                                              \
            if (!t->problem[0])                                          \
                snprintf(t->problem, sizeof t->problem, __VA_ARGS__);    \
            return;                                                      \
        }                                                                \
    } while (0)

static uint64_t get(const uint8_t *at, int count)
{
    uint64_t value = 0;
    for (int i = count; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static bytes slurp(const char *path)
{
    bytes b = { NULL, 0 };
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file)
        return b;
    if (fstat(fileno(file), &status) == 0) {
        b.at = malloc((size_t)status.st_size + 1);
        b.size = fread(b.at, 1, (size_t)status.st_size, file);
    }
    fclose(file);
    return b;
}

static block *add_block(trace *t)
{
    t->blocks = realloc(t->blocks, (t->block_count + 1) * sizeof *t->blocks);
    memset(&t->blocks[t->block_count], 0, sizeof *t->blocks);
    return &t->blocks[t->block_count++];
}

static void read_journal(trace *t, bytes file)
{
    size_t at = 64;
    NOT(file.size >= 64, "no header");
    NOT(memcmp(file.at, "\x89" "CTJ\r\n\x1a\n", 8) == 0, "magic");
    NOT(get(file.at + 8, 2) == 1 && get(file.at + 10, 2) == 5 && get(file.at + 12, 4) == 64, "version");
    memcpy(t->id, file.at + 16, 16);
    t->start = get(file.at + 32, 8);
    NOT(get(file.at + 44, 8) == 0 && get(file.at + 52, 4) == 0, "zeros");
    NOT(get(file.at + 56, 8) == XXH3_64bits(file.at, 56), "header checksum");
    while (file.size - at >= 80) {
        const uint8_t *h = file.at + at;
        size_t stored = get(h + 8, 4), raw = get(h + 12, 4);
        block *b;
        if (memcmp(h, "CTBK", 4) != 0 || get(h + 72, 8) != XXH3_64bits(h, 72) || stored > file.size - at - 80)
            return;
        NOT(h[4] <= 3 && h[5] <= 1 && get(h + 60, 4) == 0, "block fields");
        b = add_block(t);
        b->kind = h[4];
        b->flags = (unsigned)get(h + 6, 2);
        b->raw_size = raw;
        b->sequence = get(h + 16, 8);
        b->segment = get(h + 24, 8);
        b->first = get(h + 32, 8);
        b->events = get(h + 40, 8);
        b->time = get(h + 48, 8);
        b->boundary = get(h + 56, 4);
        b->offset = at;
        b->raw = malloc(raw + 1);
        if (h[5] == 0) {
            NOT(stored == raw, "stored size");
            memcpy(b->raw, h + 80, raw);
        }
        else {
            NOT(stored < raw, "compressed is larger");
            NOT(ZSTD_getFrameContentSize(h + 80, stored) == raw, "content size");
            NOT(ZSTD_findFrameCompressedSize(h + 80, stored) == stored, "one frame");
            NOT(ZSTD_decompress(b->raw, raw, h + 80, stored) == raw, "zstd");
        }
        NOT(get(h + 64, 8) == XXH3_64bits(b->raw, raw), "payload checksum");
        NOT(b->sequence == t->block_count - 1, "sequence %llu at %zu", (unsigned long long)b->sequence, t->block_count - 1);
        NOT(b->boundary <= raw && (b->kind == 0 || b->boundary == raw), "boundary");
        NOT(b->kind == 0 || (b->events == 0 && b->flags == 0), "kind fields");
        at += 80 + stored;
        if (b->kind == 3) {
            t->complete = true;
            NOT(at == file.size, "bytes behind the end");
        }
    }
    t->file_blocks = t->block_count;
}

static int compare_blocks(const void *x, const void *y)
{
    static const int order[] = { 2, 0, 1 }; /* open: definitions, content, events */
    const block *a = x, *b = y;
    if (a->is_open != b->is_open)
        return a->is_open ? 1 : -1;
    if (a->is_open)
        return order[a->kind] - order[b->kind];
    return a->sequence < b->sequence ? -1 : 1;
}

static void read_live(trace *t, bytes file)
{
    size_t slots, slot_size, data;
    NOT(file.size >= 64 && memcmp(file.at, "\x89" "CTL\r\n\x1a\n", 8) == 0, "live magic");
    NOT(get(file.at + 8, 4) == 1 && memcmp(file.at + 32, t->id, 16) == 0, "live header");
    slots = get(file.at + 12, 4);
    slot_size = get(file.at + 16, 8);
    data = get(file.at + 24, 8);
    NOT(data >= 64 + slots * 64 && file.size >= data + slots * slot_size, "live size");
    for (size_t i = 0; i < slots; i++) {
        const uint8_t *h = file.at + 64 + 64 * i;
        uint64_t state = get(h, 4), sequence = get(h + 8, 8), published = get(h + 40, 8);
        block *b;
        NOT(state <= 2 && h[4] <= 2 && h[5] == 0, "slot state");
        if (state == 0 || sequence < t->file_blocks)
            continue;
        NOT(published <= slot_size, "published");
        b = add_block(t);
        b->kind = h[4];
        b->flags = (unsigned)get(h + 6, 2);
        b->sequence = sequence;
        b->segment = get(h + 16, 8);
        b->first = get(h + 24, 8);
        b->events = get(h + 32, 8);
        b->raw_size = published;
        b->boundary = state == 2 ? get(h + 48, 4) : published;
        b->is_open = state == 1;
        b->raw = malloc(published + 1);
        memcpy(b->raw, file.at + data + i * slot_size, published);
        NOT(b->boundary <= published, "live boundary");
    }
    qsort(t->blocks + t->file_blocks, t->block_count - t->file_blocks, sizeof *t->blocks, compare_blocks);
    for (size_t i = t->file_blocks; i < t->block_count; i++)
        NOT(t->blocks[i].is_open || t->blocks[i].sequence == i, "live sequence");
}

/* What lies behind the last whole event goes. */
static void drop_tail(trace *t)
{
    for (size_t i = t->block_count; i-- > 0;) {
        block *b = &t->blocks[i];
        if (b->kind != 0 || b->raw_size == 0)
            continue;
        if (b->boundary == b->raw_size)
            return;
        b->raw_size = b->boundary;
        b->dropped_tail = true;
        if (b->boundary > 0)
            return;
        if (b->flags & 1)
            return; /* a key state that was not finished */
    }
}

typedef struct reader { const uint8_t *at, *end; bool bad; } reader;

static uint8_t byte(reader *r)
{
    if (r->at >= r->end) {
        r->bad = true;
        return 0;
    }
    return *r->at++;
}

static uint64_t varint(reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b = byte(r);
        value |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80)
            break;
    }
    return value;
}

static void skip(reader *r, uint64_t count)
{
    if (count > (uint64_t)(r->end - r->at))
        r->bad = true;
    else
        r->at += count;
}

static int64_t value(reader *r)
{
    uint8_t tag = byte(r);
    if (tag >= 0x20 && tag <= 0x9F)
        return tag - 0x20 - 16;
    if (tag == 6) {
        uint64_t z = varint(r);
        return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
    }
    if (tag >= 0xA0 && tag <= 0xB6)
        skip(r, tag - 0xA0u);
    else if (tag == 0x0D || tag == 0x0C)
        return (int64_t)varint(r);
    else if (tag > 5)
        r->bad = true;
    return 0;
}

static void read_events(trace *t, const block *b, bool *in_key)
{
    reader r = { b->raw, b->raw + b->raw_size, false };
    NOT(!(b->flags & 1) || b->raw_size == 0 || r.at[0] == 0x30, "segment without key state");
    while (r.at < r.end) {
        bool at_boundary = r.at == b->raw + b->boundary;
        uint8_t tag = byte(&r);
        bool is_step = tag == 0x0F || (tag >= 0x40 && tag <= 0x7F);
        bool is_head = is_step || (tag >= 2 && tag <= 0x10);
        if (is_head) {
            if (t->event_count == t->event_room) {
                t->event_room = t->event_room ? t->event_room * 2 : 1024;
                t->events = realloc(t->events, t->event_room * sizeof *t->events);
            }
            t->events[t->event_count++] = (event){ .tag = is_step ? 0x0F : tag };
            t->steps += is_step;
        }
        else
            NOT(!at_boundary || b->boundary == 0 || tag == 1 || tag == 0x30, "boundary before %02x", tag);
        event *e = t->event_count ? &t->events[t->event_count - 1] : NULL;
        if (tag >= 0x40 && tag <= 0x7F)
            ;
        else if (tag == 1 || tag == 0x0F)
            varint(&r);
        else if (tag == 4) {
            varint(&r);
            byte(&r);
        }
        else if (tag == 7)
            value(&r);
        else if (tag == 0x0E) {
            byte(&r);
            e->text = varint(&r);
            skip(&r, e->text);
        }
        else if (tag >= 0x80 || tag == 0x20) {
            if (tag == 0x20)
                varint(&r);
            NOT(e, "change before any event");
            e->changes++;
            e->value = value(&r);
        }
        else if (tag == 0x30) {
            for (int i = 0; i < 4; i++)
                varint(&r);
            *in_key = true;
        }
        else if (tag == 0x31) {
            varint(&r), varint(&r), byte(&r), varint(&r);
        }
        else if (tag == 0x3F)
            *in_key = false;
        else
            NOT(false, "unknown record %02x at %zu of block %llu", tag, (size_t)(r.at - b->raw), (unsigned long long)b->sequence);
    }
    NOT(!r.bad, "a record goes beyond block %llu", (unsigned long long)b->sequence);
    NOT(r.at == r.end, "record sizes");
}

static void read_records(trace *t, const block *b)
{
    reader r = { b->raw, b->raw + b->raw_size, false };
    while (r.at < r.end) {
        const uint8_t *begin = r.at;
        uint8_t tag = byte(&r);
        uint64_t *count = b->kind == 1 ? &t->definitions : &t->contents;
        if (b->kind == 2) {
            varint(&r);
            skip(&r, varint(&r));
        }
        else if (tag == 1 || tag == 2)
            skip(&r, varint(&r));
        else if (tag == 3) {
            varint(&r), varint(&r);
            skip(&r, varint(&r));
            skip(&r, varint(&r));
            varint(&r), varint(&r), varint(&r);
            for (uint64_t n = varint(&r); n > 0 && !r.bad; n--)
                varint(&r), byte(&r);
        }
        else if (tag == 4) {
            byte(&r), byte(&r);
            skip(&r, varint(&r));
        }
        else if (tag == 5)
            for (uint64_t n = varint(&r); n > 0 && !r.bad; n--)
                varint(&r);
        else if (tag == 6) {
            varint(&r), varint(&r);
            skip(&r, varint(&r));
        }
        else if (tag == 7) {
            skip(&r, varint(&r));
            skip(&r, varint(&r));
        }
        else
            NOT(false, "unknown definition %u", tag);
        NOT(!r.bad, "a definition goes beyond its block");
        if (*count < 4096)
            (b->kind == 1 ? t->definition : t->content)[*count] = (bytes){ (uint8_t *)(uintptr_t)begin, (size_t)(r.at - begin) };
        ++*count;
    }
}

static void read_end(trace *t, const block *b)
{
    reader r = { b->raw, b->raw + b->raw_size, false };
    uint64_t offset = 0, steps = 0, events = 0, n;
    NOT(varint(&r) == t->event_count, "end: events");
    NOT(varint(&r) == t->steps, "end: steps");
    NOT(varint(&r) == t->definitions, "end: definitions");
    NOT(varint(&r) == t->contents, "end: contents");
    n = varint(&r);
    NOT(n == t->segments, "end: %llu segments, not %llu", (unsigned long long)n, (unsigned long long)t->segments);
    for (size_t i = 0; i < t->block_count; i++)
        if (t->blocks[i].flags & 1) {
            offset += varint(&r);
            steps += varint(&r);
            events += varint(&r);
            NOT(offset == t->blocks[i].offset && steps == t->blocks[i].first && events == t->blocks[i].events, "end: segment");
        }
    NOT(r.at == r.end && !r.bad, "end: size");
}

static void read_all(trace *t)
{
    bool in_key = false;
    uint64_t time = 0;
    for (size_t i = 0; i < t->block_count; i++) {
        block *b = &t->blocks[i];
        if (!b->is_open && i < t->file_blocks) {
            NOT(b->time >= time, "time");
            time = b->time;
        }
        if (b->kind == 0 && b->raw_size == 0 && (b->is_open || b->dropped_tail))
            continue; /* nothing is published in it, or nothing is left */
        if (b->kind == 0) {
            if (b->flags & 1)
                t->segments++;
            NOT(b->segment + 1 == t->segments, "segment number");
            NOT(b->first == t->steps, "steps before block %zu: %llu, not %llu", i, (unsigned long long)b->first, (unsigned long long)t->steps);
            NOT(b->events == t->event_count, "events before block %zu: %llu, not %zu", i, (unsigned long long)b->events, t->event_count);
            NOT(in_key || !b->raw_size || b->boundary || t->event_count, "boundary");
            read_events(t, b, &in_key);
        }
        else if (b->kind == 3)
            read_end(t, b);
        else {
            NOT(b->first == (b->kind == 1 ? t->definitions : t->contents), "records before the block");
            read_records(t, b);
        }
        if (t->problem[0])
            return;
    }
}

static trace *decode(const char *journal, const char *live)
{
    trace *t = calloc(1, sizeof *t);
    bytes l = live ? slurp(live) : (bytes){ NULL, 0 }, j = slurp(journal); /* in this order: blocks go from one into the other */
    t->definition = calloc(4096, sizeof *t->definition);
    t->content = calloc(4096, sizeof *t->content);
    read_journal(t, j);
    if (live && !t->problem[0]) {
        read_live(t, l);
        drop_tail(t);
    }
    if (!t->problem[0])
        read_all(t);
    free(j.at);
    free(l.at);
    return t;
}

/* Both files as they are at one moment, as a kill would leave them: while the writer thread stands still. */
static trace *decode_now(ct_recording *r)
{
    ct_writer *writer = r->private_;
    trace *t;
    pthread_mutex_lock(&writer->lock);
    while (writer->writing)
        pthread_cond_wait(&writer->progress, &writer->lock);
    t = decode(journal_path, live_path);
    pthread_mutex_unlock(&writer->lock);
    return t;
}

static void release(trace *t)
{
    for (size_t i = 0; i < t->block_count; i++)
        free(t->blocks[i].raw);
    free(t->blocks);
    free(t->events);
    free(t->definition);
    free(t->content);
    free(t);
}

/* ---- helpers ---- */

static void clean(void)
{
    unlink(journal_path);
    unlink(live_path);
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static ct_recording_options options(void)
{
    clean();
    return (ct_recording_options){ .journal_path = journal_path, .live_path = live_path };
}

/* Event number i: a step and a value that says i. */
static void put_event(ct_recording *r, int64_t i)
{
    uint8_t v[CT_VALUE_MAX];
    ct_event_begin(r);
    ct_put_step(r, i % 100 - 40);
    ct_put_slot(r, (uint32_t)(i % 200), v, (size_t)(ct_write_int(v, i) - v));
    ct_event_end(r);
}

static void put_key_state(ct_recording *r, uint64_t activations)
{
    ct_segment_begin(r);
    ct_room(r, 64);
    ct_put_number(r, CT_R_KEY_BEGIN, 0);
    memset(r->cursor, 0, 3);
    r->cursor += 3;
    for (uint64_t i = 0; i < activations; i++) {
        ct_room(r, 64);
        ct_put_number(r, CT_R_KEY_ACTIVATION, i);
        memset(r->cursor, 0, 3);
        r->cursor += 3;
    }
    ct_room(r, 1);
    *r->cursor++ = CT_R_KEY_END;
    ct_segment_ready(r);
}

static bool events_are_numbered(const trace *t)
{
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].tag != 0x0F || t->events[i].changes != 1 || t->events[i].value != (int64_t)i)
            return false;
    return true;
}

static int thread_count(void)
{
    FILE *file = fopen("/proc/self/stat", "r");
    char text[1024];
    long n = -1;
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[size] = 0;
    if (file)
        fclose(file);
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 20; field++)
        at = strchr(at + 1, ' ');
    if (at)
        n = strtol(at, NULL, 10);
    return (int)n;
}

static void sleep_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&t, &t) != 0)
        ;
}

#define CHECK_SOUND(t) CHECK_STR((t)->problem, "")

/* ---- files that were finished ---- */

static void nothing_recorded(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    ct_error error;
    struct stat status;
    uint8_t id[16];
    o.start_time_ns = 1234567890123456789u;
    CHECK_EQ_INT(ct_recording_open(&o, &r, &error), CT_OK);
    CHECK(stat(journal_path, &status) == 0 && (status.st_mode & 0777) == 0600);
    CHECK(stat(live_path, &status) == 0 && (status.st_mode & 0777) == 0600);
    /* Of each of nine slots a block of 512 KiB and a record of 16 KiB are reserved; of what only long records need, nothing. */
    CHECK((off_t)status.st_blocks * 512 >= 9 * (512 + 16) * 1024 && (off_t)status.st_blocks * 512 < 9 * (512 + 16 + 8) * 1024 + 8192);
    CHECK(status.st_size > 9 * 2048 * 1024);
    memcpy(id, ct_recording_id(r), 16);
    CHECK((id[6] & 0xF0) == 0x70 && (id[8] & 0xC0) == 0x80);
    CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
    CHECK(!exists(live_path));
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_MEM(t->id, 16, id, 16);
    CHECK_EQ_UINT(t->start, o.start_time_ns);
    CHECK(t->complete);
    CHECK_EQ_INT(t->block_count, 2);
    CHECK_MEM(t->blocks[0].raw, t->blocks[0].raw_size, "\x30\0\0\0\0\x3F", 6);
    CHECK_EQ_INT(t->blocks[0].flags, 1);
    CHECK_EQ_INT(t->blocks[0].boundary, 6);
    CHECK_EQ_INT(t->segments, 1);
    release(t);
}

static void a_million_events(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    ct_recording_counts counts;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    for (int64_t i = 0; i < 1000000; i++) {
        put_event(r, i);
        if (r->wants_segment)
            put_key_state(r, 1000);
    }
    ct_recording_count(r, &counts);
    CHECK_EQ_UINT(counts.events, 1000000);
    CHECK_EQ_UINT(counts.steps, 1000000);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK(t->complete);
    CHECK_EQ_INT(t->event_count, 1000000);
    CHECK(events_are_numbered(t));
    release(t);
}

/* record.h: of events a segment has 16 times what its key state has, from 1 to 4 MiB, and at least as much as the key state. A block more, for only where one ends
 * is it looked at. */
static void segments_are_short_where_key_states_are_small(void)
{
    const uint64_t mega = 1 << 20;
    const struct { uint64_t activations, least; } cases[] = { { 0, mega }, { 22000, 0 }, { 100000, 4 * mega }, { 900000, 0 } };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        ct_recording_options o = options();
        ct_recording *r;
        uint64_t key_size = 5, least = cases[c].least, slack = 512 * 1024;
        for (uint64_t i = 0; i < cases[c].activations; i++)
            key_size += 4 + (i < 128 ? 1 : i < 16384 ? 2 : 3); /* as put_key_state writes it */
        if (c == 1)
            least = 16 * key_size;
        else if (c == 3)
            least = key_size;
        CHECK(c != 1 || (least > mega + slack && least < 4 * mega - slack));
        CHECK(c != 3 || least > 4 * mega + slack);
        CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
        for (int64_t i = 0; i < 1600000; i++) {
            put_event(r, i);
            if (r->wants_segment)
                put_key_state(r, cases[c].activations);
        }
        CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
        trace *t = decode(journal_path, NULL);
        CHECK_SOUND(t);
        size_t whole = 0; /* segments, without the first, whose key state is empty, and the last */
        uint64_t length = 0;
        bool behind_first = false;
        for (size_t i = 0; i < t->block_count; i++) {
            const block *b = &t->blocks[i];
            if (b->flags & 1) {
                if (behind_first) {
                    whole++;
                    CHECK(length - key_size > least && length - key_size <= least + slack + 64);
                }
                behind_first = b->segment > 0;
                length = 0;
            }
            if (b->kind == CT_BLOCK_EVENTS)
                length += b->raw_size;
        }
        CHECK(whole > 0);
        release(t);
    }
}

static void events_over_many_blocks(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    uint8_t v[CT_VALUE_MAX];
    size_t broken = 0;
    o.block_size = 300;
    o.queue_blocks = 2;
    o.segment_bytes = 5000;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    for (int64_t i = 0; i < 2000; i++) {
        ct_event_begin(r);
        if (i % 3 == 0)
            ct_put_number(r, CT_R_THREAD, (uint64_t)i * 1000);
        if (i % 5 == 0) {
            ct_room(r, 64); /* may seal between THREAD and its event */
            ct_put_call(r, 7, 0);
        }
        else
            ct_put_step(r, 1);
        for (int64_t n = 0; n < i % 100; n++) {
            ct_room(r, 32);
            ct_put_slot(r, 2, v, (size_t)(ct_write_int(v, i) - v));
        }
        ct_event_end(r);
        if (r->wants_segment)
            put_key_state(r, i % 2 ? 0 : 200); /* the longer one over several blocks */
    }
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, 2000);
    CHECK(t->segments > 20);
    for (size_t i = 0; i < 2000; i++)
        CHECK(t->events[i].changes == i % 100 && (i % 100 == 0 || t->events[i].value == (int64_t)i));
    for (size_t i = 0; i < t->block_count; i++)
        broken += t->blocks[i].boundary < t->blocks[i].raw_size;
    CHECK(broken > 100);
    release(t);
}

static void huge_records(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    size_t size = 2 * 1024 * 1024 - 16;
    char *text = malloc(size);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = (char)(state >> 24); /* does not compress: stored blocks */
    }
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    for (int i = 0; i < 12; i++) {
        ct_event_begin(r);
        ct_room(r, size + 16);
        *r->cursor++ = CT_R_OUTPUT;
        *r->cursor++ = CT_STDOUT;
        r->cursor = ct_write_varint(r->cursor, size);
        ct_put_bytes(r, text, size);
        ct_event_end(r);
        put_event(r, i);
    }
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, 24);
    CHECK_EQ_UINT(t->events[22].text, size);
    CHECK_EQ_INT(t->events[23].value, 11);
    release(t);
    free(text);
}

static void definitions(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    uint32_t names[] = { 0, 300 };
    ct_code_slot slots[] = { { 0, CT_SLOT_PARAMETER }, { 300, CT_SLOT_CELL } };
    ct_code_definition code = { .path = 0, .first_line = 200, .qualified_name = "f", .qualified_name_size = 1, .module = "m", .module_size = 1,
                                .flags = CT_CODE_GENERATOR, .arguments = 1, .slot_count = 2, .slots = slots };
    char *source = malloc(10000);
    size_t pieces = 0;
    memset(source, 'x', 10000);
    memcpy(source + 4030, "\xE2\x82\xAC", 3); /* stands where it is cut */
    o.largest_record = 4096;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    CHECK_EQ_UINT(ct_define_path(r, "a.py", 4), 0);
    CHECK_EQ_UINT(ct_define_path(r, "", 0), 1);
    CHECK_EQ_UINT(ct_define_path(r, "a.py", 4), 0);
    CHECK_EQ_UINT(ct_define_name(r, "a.py", 4), 0);
    CHECK_EQ_UINT(ct_define_shape(r, names, 2), 0);
    CHECK_EQ_UINT(ct_define_shape(r, names, 1), 1);
    CHECK_EQ_UINT(ct_define_shape(r, names, 2), 0);
    CHECK_EQ_UINT(ct_define_shape(r, NULL, 0), 2);
    CHECK_EQ_UINT(ct_define_type(r, CT_LOOK_LIST, CT_TYPE_BUILTIN, "list", 4), 0);
    CHECK_EQ_UINT(ct_define_type(r, CT_LOOK_LIST, 0, "list", 4), 1);
    CHECK_EQ_UINT(ct_define_code(r, &code), 0);
    CHECK_EQ_UINT(ct_define_code(r, &code), 1);
    ct_define_meta(r, "program", "a.py", 4);
    ct_define_source(r, 1, "", 0);
    ct_define_source(r, 0, source, 10000);
    for (uint32_t i = 1; i < 20000; i++) {
        char name[32];
        int n = snprintf(name, sizeof name, "name_%u", i);
        CHECK_EQ_UINT(ct_define_name(r, name, (size_t)n), i);
    }
    CHECK_EQ_UINT(ct_define_name(r, "name_77", 7), 77);
    CHECK_EQ_UINT(ct_define_name(r, source, 10000), 20000); /* too long: cut */
    CHECK_EQ_UINT(ct_define_name(r, source, 9999), 20001);  /* but not confused */
    CHECK_EQ_UINT(ct_define_name(r, source, 10000), 20000);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_MEM(t->definition[0].at, t->definition[0].size, "\1\4" "a.py", 6);
    CHECK_MEM(t->definition[1].at, t->definition[1].size, "\1\0", 2);
    CHECK_MEM(t->definition[2].at, t->definition[2].size, "\2\4" "a.py", 6);
    CHECK_MEM(t->definition[3].at, t->definition[3].size, "\5\2\0\xAC\2", 5);
    CHECK_MEM(t->definition[4].at, t->definition[4].size, "\5\1\0", 3);
    CHECK_MEM(t->definition[5].at, t->definition[5].size, "\5\0", 2);
    CHECK_MEM(t->definition[6].at, t->definition[6].size, "\4\2\1\4list", 8);
    CHECK_MEM(t->definition[8].at, t->definition[8].size, "\3\0\xC8\1\1f\1m\4\1\0\2\0\1\xAC\2\2", 17);
    CHECK_MEM(t->definition[10].at, t->definition[10].size, "\7\7program\4" "a.py", 14);
    CHECK_MEM(t->definition[11].at, t->definition[11].size, "\6\1\0\0", 4);
    char *whole = malloc(10000);
    size_t at = 0;
    for (size_t i = 12; t->definition[i].at[0] == 6; i++, pieces++) {
        reader d = { t->definition[i].at + 2, t->definition[i].at + t->definition[i].size, false };
        CHECK_EQ_UINT(varint(&d), at);
        uint64_t n = varint(&d);
        CHECK(at + n <= 10000);
        memcpy(whole + at, d.at, n);
        at += n;
        CHECK(at == 10000 || ((uint8_t)source[at] & 0xC0) != 0x80);
    }
    CHECK_EQ_INT(pieces, 3);
    CHECK_MEM(whole, at, source, 10000);
    CHECK_EQ_UINT(t->definitions, 12 + 3 + 19999 + 2);
    free(whole);
    free(source);
    release(t);
}

static void a_code_with_too_many_slots(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    ct_error error;
    ct_code_slot slots[1000] = { { 0, 0 } };
    ct_code_definition code = { .qualified_name = "f", .qualified_name_size = 1, .module = "m", .module_size = 1, .slot_count = 1000, .slots = slots };
    o.largest_record = 4096;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    put_event(r, 0);
    ct_event_begin(r);
    ct_put_call(r, ct_define_code(r, &code), 0); /* never published */
    ct_event_end(r);
    CHECK(ct_recording_failed(r, &error));
    CHECK_EQ_INT(error.code, CT_E_LIMIT);
    for (int i = 0; i < 100000; i++)
        put_event(r, i);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_E_LIMIT);
    trace *t = decode(journal_path, live_path);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, 1);
    release(t);
}

static void contents(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    char *text = calloc(1, 3000000);
    o.block_size = 5000;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_TEXT, "abc", 3, 3), 0);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_BYTES, "abc", 3, 3), 1);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_TEXT, "abc", 3, 300), 2);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_TEXT, "abc", 3, 3), 0);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_INTEGER, "abc", 3, 3), 3);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_NEGATIVE, "abc", 3, 3), 4);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_BYTES, "", 0, 0), 5);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_TEXT, text, 3000000, 3000000), 6); /* cut at the largest record */
    put_event(r, 0);
    for (uint32_t i = 0; i < CT_CONTENT_TABLE + 1000; i++) {
        CHECK_EQ_UINT(ct_content(r, CT_CONTENT_BYTES, &i, 4, 4), 7 + i);
        if (i % 1000 == 0)
            CHECK_EQ_UINT(ct_content(r, CT_CONTENT_TEXT, "abc", 3, 3), 0); /* in use, so never forgotten */
    }
    uint32_t recent = CT_CONTENT_TABLE, old = 5;
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_BYTES, &recent, 4, 4), 7 + recent);
    CHECK_EQ_UINT(ct_content(r, CT_CONTENT_BYTES, &old, 4, 4), 7 + CT_CONTENT_TABLE + 1000);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_UINT(t->contents, 7 + CT_CONTENT_TABLE + 1001);
    CHECK_MEM(t->content[0].at, t->content[0].size, "\1\3\3abc", 6);
    CHECK_MEM(t->content[2].at, t->content[2].size, "\1\xAC\2\3abc", 7);
    CHECK_MEM(t->content[5].at, t->content[5].size, "\2\0\0", 3);
    CHECK(t->content[6].size < 2 * 1024 * 1024);
    free(text);
    release(t);
}

/* ---- at any moment ---- */

static void live_after_every_event(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    uint8_t v[CT_VALUE_MAX];
    o.block_size = 200;
    o.largest_record = 4096;
    o.queue_blocks = 3;
    o.segment_bytes = 600;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    for (int64_t i = 0; i < 600; i++) {
        char name[32];
        trace *t;
        if (i % 7 == 0)
            ct_define_name(r, name, (size_t)snprintf(name, sizeof name, "n%d", (int)i));
        if (i % 5 == 0)
            ct_content(r, CT_CONTENT_BYTES, &i, 8, 8);
        ct_event_begin(r);
        ct_put_step(r, 1);
        for (int64_t n = 0; n < 60; n++) {
            ct_room(r, 32);
            ct_put_slot(r, 2, v, (size_t)(ct_write_int(v, i) - v));
        }
        if (i % 10 == 0) {
            t = decode_now(r);
            CHECK_SOUND(t);
            CHECK_EQ_INT(t->event_count, i); /* not yet */
            release(t);
        }
        ct_event_end(r);
        if (i % 50 == 0)
            CHECK_EQ_INT(ct_recording_flush(r, NULL), CT_OK);
        t = decode_now(r);
        CHECK_SOUND(t);
        CHECK_EQ_INT(t->event_count, i + 1);
        CHECK_EQ_INT(t->events[i].changes, 60);
        CHECK_EQ_INT(t->definitions, i / 7 + 1);
        CHECK_EQ_INT(t->contents, i / 5 + 1);
        release(t);
        if (r->wants_segment)
            put_key_state(r, 100);
    }
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
}

static void killed(void)
{
    uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 60; round++) {
        ct_recording_options o = options();
        int status;
        o.block_size = round % 2 ? 500 : 20000;
        o.largest_record = 4096;
        o.segment_bytes = 50000;
        *shared = 0;
        pid_t child = fork();
        if (child == 0) {
            ct_recording *r;
            uint8_t v[CT_VALUE_MAX];
            if (ct_recording_open(&o, &r, NULL) != CT_OK)
                _exit(1);
            for (int64_t i = 0;; i++) {
                if (i % 3 == 0)
                    ct_content(r, CT_CONTENT_BYTES, &i, 8, 8);
                ct_event_begin(r);
                ct_put_step(r, i % 100);
                for (int n = 0; n < 20; n++) {
                    ct_room(r, 32);
                    ct_put_slot(r, 2, v, (size_t)(ct_write_int(v, i) - v));
                }
                ct_event_end(r);
                __atomic_store_n(shared, (uint64_t)i + 1, __ATOMIC_RELEASE);
                if (r->wants_segment)
                    put_key_state(r, 1000);
            }
        }
        while (__atomic_load_n(shared, __ATOMIC_ACQUIRE) == 0 && waitpid(child, &status, WNOHANG) == 0)
            ;
        sleep_ms(round % 20);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
        trace *t = decode(journal_path, live_path);
        CHECK_SOUND(t);
        CHECK(t->event_count == *shared || t->event_count == *shared + 1);
        for (size_t i = 0; i < t->event_count; i++)
            CHECK(t->events[i].changes == 20 && t->events[i].value == (int64_t)i);
        CHECK(t->contents >= (t->event_count + 2) / 3);
        release(t);
    }
    munmap(shared, 4096);
}

static void sealed_in_time(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    ct_recording_counts counts;
    o.seal_milliseconds = 50;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    put_event(r, 0);
    sleep_ms(100);
    CHECK(__atomic_load_n(&r->limit, __ATOMIC_RELAXED) == NULL);
    put_event(r, 1); /* this one seals, and is in the next block */
    for (int i = 0; i < 100; i++) {
        ct_recording_count(r, &counts);
        if (counts.raw_bytes > 0)
            break;
        sleep_ms(5);
    }
    CHECK(counts.raw_bytes > 0);
    put_event(r, 2);
    trace *t = decode_now(r);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->file_blocks, 1);
    CHECK_EQ_INT(t->blocks[1].events, 1);
    CHECK_EQ_INT(t->event_count, 3);
    release(t);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
}

/* ---- a system that refuses ---- */

typedef struct broken {
    int write_delay_ms, write_errno, punches, reserve_errno;
    long writes;
    bool short_writes, interrupts, no_thread;
} broken;

static ssize_t broken_write(void *context, int file, const struct iovec *parts, int count, off_t offset)
{
    broken *b = context;
    struct iovec first = parts[0];
    b->writes++;
    if (b->write_delay_ms)
        sleep_ms(b->write_delay_ms);
    if (b->write_errno && b->writes > 3) {
        errno = b->write_errno;
        return -1;
    }
    if (b->interrupts && b->writes % 3 == 0) {
        errno = EINTR;
        return -1;
    }
    if (b->short_writes) {
        if (first.iov_len > 7)
            first.iov_len = 7 + (size_t)b->writes % 90;
        if (first.iov_len > parts[0].iov_len)
            first.iov_len = parts[0].iov_len;
        return pwritev(file, &first, 1, offset);
    }
    return pwritev(file, parts, count, offset);
}

static int broken_thread(void *context, pthread_t *thread, void *(*run)(void *), void *argument)
{
    broken *b = context;
    return b->no_thread ? EAGAIN : ct_system_default.start_thread(NULL, thread, run, argument);
}

static int reserve(void *context, int file, off_t offset, off_t size)
{
    const broken *b = context;
    return b->reserve_errno ? b->reserve_errno : ct_system_default.reserve(NULL, file, offset, size);
}

static int broken_punch(void *context, int file, off_t offset, off_t size)
{
    broken *b = context;
    return b->punches-- > 0 ? ct_system_default.punch(NULL, file, offset, size) : EOPNOTSUPP;
}

static ct_system breaking(broken *b)
{
    return (ct_system){ .context = b, .write_at = broken_write, .reserve = reserve, .punch = broken_punch, .start_thread = broken_thread };
}

static uint64_t disk_space(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

/* An output of so many bytes. */
static void put_long_event(ct_recording *r, const char *text, size_t size)
{
    ct_event_begin(r);
    ct_room(r, size + 16);
    *r->cursor++ = CT_R_OUTPUT;
    *r->cursor++ = CT_STDOUT;
    r->cursor = ct_write_varint(r->cursor, size);
    ct_put_bytes(r, text, size);
    ct_event_end(r);
}

/* Records beyond what is reserved at the start get their space when they come, also when the program has closed all descriptors; without it the recording fails, and
 * what came before is kept. */
static void long_records(void)
{
    enum { LONG = 1000 * 1000 };
    char *text = calloc(LONG, 1);
    for (int refuses = 0; refuses < 2; refuses++) {
        broken b = { .punches = INT32_MAX };
        ct_system system = breaking(&b);
        ct_recording_options o = options();
        ct_recording *r;
        ct_error error = { 0 };
        o.keep_steps = 1000;
        CHECK_EQ_INT(ct_recording_open_with(&system, &o, &r, &error), CT_OK);
        uint64_t before = disk_space(live_path);
        CHECK(before < 1500 * 1000);
        put_event(r, 0);
        for (int descriptor = 3; descriptor < 1024; descriptor++)
            (void)close(descriptor);
        b.reserve_errno = refuses ? ENOSPC : 0;
        put_long_event(r, text, LONG);
        (void)ct_content(r, CT_CONTENT_BYTES, text, LONG, LONG);
        put_event(r, 1);
        CHECK_EQ_INT(ct_recording_failed(r, &error), refuses);
        if (refuses) {
            CHECK_EQ_INT(error.system, ENOSPC);
            CHECK_STR(error.message, "no space for the live file");
            CHECK(disk_space(live_path) == before);
        }
        else {
            CHECK(disk_space(live_path) >= before + 2 * LONG - 2 * 128 * 1024 && disk_space(live_path) <= before + 2 * LONG);
            for (int i = 0; i < 50; i++)
                put_long_event(r, text, LONG);
            CHECK_EQ_INT(ct_recording_flush(r, NULL), CT_OK);
            CHECK(disk_space(live_path) < 9 * 2500 * 1000); /* that is all that it may ever be */
        }
        CHECK_EQ_INT(ct_recording_finish(r, NULL), refuses ? CT_E_IO : CT_OK);
        trace *t = decode(journal_path, refuses ? live_path : NULL);
        CHECK_SOUND(t);
        CHECK_EQ_INT(t->event_count, refuses ? 1 : 53);
        release(t);
    }
    free(text);
}

/* Where no holes can be made the recording does not begin; where one cannot be made later it fails, and keeps what was there. */
static void no_holes(void)
{
    for (int punches = 0; punches < 3; punches++) {
        broken b = { .punches = punches };
        ct_system system = breaking(&b);
        ct_recording_options o = options();
        ct_recording *r;
        ct_error error;
        o.block_size = 1000;
        o.segment_bytes = 2000;
        o.keep_steps = 10;
        ct_code code = ct_recording_open_with(&system, &o, &r, &error);
        CHECK_EQ_INT(code, punches ? CT_OK : CT_E_IO);
        if (!punches) {
            CHECK_EQ_INT(error.system, EOPNOTSUPP);
            CHECK(access(journal_path, F_OK) != 0 && access(live_path, F_OK) != 0);
            continue;
        }
        for (int64_t i = 0; i < 20000 && !ct_recording_failed(r, NULL); i++) {
            put_event(r, i);
            if (r->wants_segment)
                put_key_state(r, 0);
        }
        CHECK_EQ_INT(ct_recording_finish(r, &error), CT_E_IO);
        CHECK_EQ_INT(error.system, EOPNOTSUPP);
        ct_journal *journal = NULL;
        CHECK_EQ_INT(ct_journal_open(folder, NULL, &journal, &error), CT_OK);
        ct_journal_close(journal);
        unlink(journal_path);
        unlink(live_path);
    }
}

/* While it is held nothing is given back; what that kept too long goes when it is let go, even if nothing is recorded any more. */
static void held_and_let_go(void)
{
    for (int held = 0; held < 3; held++) { /* never; let go at the end; never let go */
        ct_recording_options o = options();
        ct_recording *r;
        ct_error error;
        o.block_size = 1000;
        o.segment_bytes = 2000;
        o.keep_steps = 100;
        CHECK_EQ_INT(ct_recording_open(&o, &r, &error), CT_OK);
        if (held)
            ct_recording_hold(r, true);
        for (int64_t i = 0; i < 20000; i++) {
            put_event(r, i);
            if (r->wants_segment)
                put_key_state(r, 0);
        }
        CHECK_EQ_INT(ct_recording_flush(r, &error), CT_OK);
        if (held == 1)
            ct_recording_hold(r, false);
        CHECK_EQ_INT(ct_recording_finish(r, &error), CT_OK);
        ct_journal *journal = NULL;
        CHECK_EQ_INT(ct_journal_open(folder, NULL, &journal, &error), CT_OK);
        ct_journal_counts counts;
        ct_journal_count(journal, &counts);
        CHECK(held == 2 ? counts.steps == 20000 : counts.steps >= 100 && counts.steps < 1500);
        ct_journal_close(journal);
    }
}

/* Memory of which the asking for a piece lets the recording go on far enough that all that was there is given back. */
typedef struct moving { ct_recording *recording; int64_t put; int until; } moving;

static void put_more(moving *m)
{
    for (int i = 0; i < 3000; i++) {
        put_event(m->recording, m->put++);
        if (m->recording->wants_segment)
            put_key_state(m->recording, 0);
    }
    CHECK_EQ_INT(ct_recording_flush(m->recording, NULL), CT_OK);
}

static void *resize_moving(void *context, void *piece, size_t size)
{
    moving *m = context;
    if (size && --m->until == 0)
        put_more(m);
    if (size)
        return realloc(piece, size);
    free(piece);
    return NULL;
}

/* A recording that keeps only its end may drop its beginning while somebody opens it, at any moment: it is opened whole, from where it then begins. */
static void opened_while_the_beginning_is_dropped(void)
{
    for (int until = 1, last = 0; !last; until++) {
        ct_recording_options o = options();
        moving m = {0};
        ct_allocator memory = { &m, resize_moving };
        o.block_size = 1000;
        o.segment_bytes = 2000;
        o.keep_steps = 500;
        CHECK_EQ_INT(ct_recording_open(&o, &m.recording, NULL), CT_OK);
        put_more(&m);
        m.until = until;
        ct_journal *journal = NULL;
        ct_journal_counts counts = {0};
        int64_t put = m.put;
        CHECK_EQ_INT(ct_journal_open(folder, &memory, &journal, NULL), CT_OK);
        last = m.until > 0;
        if (journal)
            ct_journal_count(journal, &counts);
        uint64_t all = counts.dropped_steps + counts.steps;
        CHECK(all == (uint64_t)put || all == (uint64_t)m.put);
        CHECK(counts.steps >= 500);
        /* What is opened stays as it was: what it has lost since is told as such. */
        ct_block_reader payloads = {0};
        ct_error error = {0};
        uint8_t *raw = NULL;
        size_t capacity = 0;
        put_more(&m);
        if (journal)
            CHECK_EQ_INT(ct_block_read(&payloads, journal, &journal->events.blocks[0], &raw, &capacity, &error), CT_E_GONE);
        ct_block_reader_free(&payloads);
        free(raw);
        ct_journal_close(journal);
        ct_recording_finish(m.recording, NULL);
    }
}

static void slow_disk(void)
{
    broken b = { .write_delay_ms = 5 };
    ct_system system = breaking(&b);
    ct_recording_options o = options();
    ct_recording *r;
    ct_recording_counts counts;
    o.block_size = 1000;
    o.queue_blocks = 1;
    CHECK_EQ_INT(ct_recording_open_with(&system, &o, &r, NULL), CT_OK);
    for (int64_t i = 0; i < 10000; i++)
        put_event(r, i);
    ct_recording_count(r, &counts);
    CHECK(counts.stalls > 10);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, 10000);
    CHECK(events_are_numbered(t));
    release(t);
}

static void short_writes_and_no_thread(void)
{
    const int threads = thread_count(); /* sanitizers have theirs */
    for (int round = 0; round < 2; round++) {
        broken b = { .short_writes = true, .interrupts = true, .no_thread = round == 1 };
        ct_system system = breaking(&b);
        ct_recording_options o = options();
        ct_recording *r;
        o.block_size = 5000;
        CHECK_EQ_INT(ct_recording_open_with(&system, &o, &r, NULL), CT_OK);
        for (int64_t i = 0; i < 30000; i++)
            put_event(r, i);
        CHECK_EQ_INT(ct_recording_flush(r, NULL), CT_OK);
        for (int64_t i = 30000; i < 50000; i++)
            put_event(r, i);
        CHECK_EQ_INT(thread_count(), round == 1 ? threads : threads + 1);
        CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
        trace *t = decode(journal_path, NULL);
        CHECK_SOUND(t);
        CHECK_EQ_INT(t->event_count, 50000);
        CHECK(events_are_numbered(t));
        release(t);
    }
}

static void disk_error(void)
{
    for (int round = 0; round < 3; round++) {
        broken b = { .write_errno = round == 0 ? EIO : ENOSPC, .no_thread = round == 2 };
        ct_system system = breaking(&b);
        ct_recording_options o = options();
        ct_recording *r;
        ct_error error;
        int64_t i = 0;
        o.block_size = 1000;
        CHECK_EQ_INT(ct_recording_open_with(&system, &o, &r, NULL), CT_OK);
        for (; !ct_recording_failed(r, NULL); i++) {
            put_event(r, i);
            if (i % 100 == 0)
                ct_define_name(r, (char *)&i, 8);
        }
        trace *t = decode(journal_path, live_path); /* what was there when it failed is there */
        CHECK_SOUND(t);
        CHECK(t->event_count + 1 >= (size_t)i);
        CHECK(events_are_numbered(t));
        release(t);
        for (int64_t n = 0; n < 100000; n++) {
            put_event(r, n);
            ct_content(r, CT_CONTENT_BYTES, &n, 8, 8);
            ct_define_name(r, (char *)&n, 8);
            CHECK(!r->wants_segment);
        }
        put_key_state(r, 100000);
        CHECK_EQ_INT(ct_recording_flush(r, &error), CT_E_IO);
        CHECK_EQ_INT(error.system, b.write_errno);
        CHECK_EQ_INT(ct_recording_finish(r, &error), CT_E_IO);
        CHECK_EQ_INT(error.system, b.write_errno);
        CHECK(error.message != NULL);
        t = decode(journal_path, live_path);
        CHECK_SOUND(t);
        CHECK(!t->complete);
        CHECK(t->event_count + 1 >= (size_t)i);
        CHECK(events_are_numbered(t));
        release(t);
    }
}

static void file_size_limit(void)
{
    struct rlimit before, limit;
    ct_recording_options o = options();
    ct_recording *r;
    ct_error error;
    int64_t i;
    getrlimit(RLIMIT_FSIZE, &before);
    o.block_size = 1000;
    o.largest_record = 4096;
    limit = before;
    limit.rlim_cur = 20000;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    ct_code code = ct_recording_open(&o, &r, &error); /* the live file is larger */
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK_EQ_INT(code, CT_E_IO);
    CHECK_EQ_INT(error.system, EFBIG);
    CHECK(!exists(journal_path) && !exists(live_path));
    CHECK(r == NULL);

    for (int round = 0; round < 2; round++) {
        o = options();
        o.block_size = 1000;
        o.largest_record = 4096;
        CHECK_EQ_INT(ct_recording_open(&o, &r, &error), CT_OK);
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        for (i = 0; round == 0 ? !ct_recording_failed(r, NULL) : i < 10; i++)
            put_event(r, i);
        if (round == 1) { /* the end block, which the caller's own thread writes */
            limit.rlim_cur = 100;
            setrlimit(RLIMIT_FSIZE, &limit);
        }
        code = ct_recording_finish(r, &error);
        setrlimit(RLIMIT_FSIZE, &before);
        CHECK_EQ_INT(code, CT_E_IO);
        CHECK_EQ_INT(error.system, EFBIG);
        trace *t = decode(journal_path, live_path);
        CHECK_SOUND(t);
        CHECK(t->event_count + 1 >= (size_t)i);
        CHECK(events_are_numbered(t));
        release(t);
    }
}

static void full_disk(void)
{
    char mount_point[300], journal[320], live[320];
    snprintf(mount_point, sizeof mount_point, "%s/full", folder);
    snprintf(journal, sizeof journal, "%s/journal.ctj", mount_point);
    snprintf(live, sizeof live, "%s/journal.live", mount_point);
    mkdir(mount_point, 0700);
    if (mount("none", mount_point, "tmpfs", 0, "size=2m") != 0) {
        printf("full_disk: no small file system can be had, skipped\n");
        rmdir(mount_point);
        return;
    }
    ct_recording_options o = { .journal_path = journal, .live_path = live };
    ct_recording *r = NULL;
    ct_error error;
    int64_t i = 0;
    ct_code too_large = ct_recording_open(&o, &r, &error);
    bool left = exists(journal) || exists(live);
    o.block_size = 1000;
    o.largest_record = 4096;
    ct_code opened = ct_recording_open(&o, &r, NULL), finished = CT_OK;
    trace *t = NULL;
    if (opened == CT_OK) {
        for (; i < 10000000 && !ct_recording_failed(r, NULL); i++)
            put_event(r, i);
        for (int n = 0; n < 100000; n++)
            put_event(r, n);
        finished = ct_recording_finish(r, &error);
        t = decode(journal, live);
    }
    unlink(journal);
    unlink(live);
    umount(mount_point);
    rmdir(mount_point);
    CHECK_EQ_INT(too_large, CT_E_IO);
    CHECK(!left);
    CHECK_EQ_INT(opened, CT_OK);
    CHECK_EQ_INT(finished, CT_E_IO);
    CHECK_EQ_INT(error.system, ENOSPC);
    CHECK_SOUND(t);
    CHECK(t->event_count + 1 >= (size_t)i);
    CHECK(events_are_numbered(t));
    release(t);
}

static void no_memory(void)
{
    int n = 0, opened = 0;
    for (;; n++) {
        failing_memory memory;
        ct_recording_options o = options();
        ct_recording *r;
        ct_error error;
        ct_code code;
        o.block_size = 1000;
        o.segment_bytes = 1000;
        o.allocator = failing_memory_start(&memory, n);
        code = ct_recording_open(&o, &r, &error);
        if (code != CT_OK) {
            CHECK_EQ_INT(memory.live, 0);
            CHECK_EQ_INT(code, CT_E_NOMEM);
            CHECK(!exists(journal_path) && !exists(live_path));
            continue;
        }
        opened++;
        for (int64_t i = 0; i < 5000; i++) {
            uint64_t content = ct_content(r, CT_CONTENT_BYTES, &i, 8, 8);
            uint32_t id = ct_define_name(r, (char *)&i, 8);
            ct_define_path(r, (char *)&i, 8);
            ct_define_shape(r, &id, 1);
            (void)content;
            put_event(r, i);
            if (r->wants_segment)
                put_key_state(r, 10);
        }
        code = ct_recording_finish(r, &error);
        CHECK_EQ_INT(memory.live, 0);
        trace *t = decode(journal_path, code == CT_OK ? NULL : live_path);
        CHECK_SOUND(t);
        CHECK(events_are_numbered(t));
        release(t);
        if (!memory.failed)
            break;
        CHECK(code == CT_E_NOMEM || code == CT_OK); /* what zstd had no memory for is stored as it is */
    }
    CHECK(n - opened >= 5 && opened > 10);
}

static void files_in_the_way(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    ct_error error;
    FILE *file = fopen(live_path, "w");
    fputs("mine", file);
    fclose(file);
    CHECK_EQ_INT(ct_recording_open(&o, &r, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, EEXIST);
    CHECK(!exists(journal_path));
    bytes b = slurp(live_path);
    CHECK_MEM(b.at, b.size, "mine", 4);
    free(b.at);
    clean();
    CHECK(symlink("/tmp/nowhere/else", journal_path) == 0);
    CHECK_EQ_INT(ct_recording_open(&o, &r, &error), CT_E_IO);
    CHECK(exists(journal_path) && !exists(live_path));
    clean();
    o.journal_path = NULL;
    CHECK_EQ_INT(ct_recording_open(&o, &r, &error), CT_E_PARAM);
}

/* Programs close what they find, and go elsewhere. */
static void program_closes_descriptors(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    char before[300], other[300];
    int files[300];
    snprintf(other, sizeof other, "%s/other", folder);
    CHECK(getcwd(before, sizeof before) != NULL && chdir(folder) == 0);
    o.journal_path = "journal.ctj";
    o.live_path = "./journal.live";
    o.block_size = 1000;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    CHECK(chdir("/") == 0);
    for (int64_t i = 0; i < 1000; i++)
        put_event(r, i);
    CHECK_EQ_INT(ct_recording_flush(r, NULL), CT_OK);
    for (int i = 3; i < 1000; i++)
        close(i);
    for (int i = 0; i < 300; i++)
        files[i] = open(other, O_RDWR | O_CREAT, 0600); /* one of them has our number */
    for (int64_t i = 1000; i < 5000; i++)
        put_event(r, i);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    struct stat status;
    for (int i = 0; i < 300; i++) {
        CHECK(fstat(files[i], &status) == 0 && status.st_size == 0);
        close(files[i]);
    }
    unlink(other);
    CHECK(chdir(before) == 0);
    CHECK(!exists(live_path));
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, 5000);
    release(t);
}

/* ---- fork ---- */

static void forks(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    const int threads = thread_count();
    o.block_size = 3000;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    for (int64_t i = 0; i < 20; i++) {
        int status;
        for (int64_t n = 0; n < 1000; n++)
            put_event(r, i * 1000 + n);
        CHECK_EQ_INT(thread_count(), threads + 1);
        ct_recording_before_fork(r);
        CHECK_EQ_INT(thread_count(), threads);
        pid_t child = fork();
        if (child == 0) {
            int high = fcntl(250, F_GETFD);
            ct_recording_abandon_in_child(r);
            _exit(high >= 0 && fcntl(250, F_GETFD) < 0 ? 7 : 1);
        }
        ct_recording_after_fork_in_parent(r);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        CHECK_EQ_INT(thread_count(), threads);
        if (i == 10) { /* a second one costs nothing */
            ct_recording_before_fork(r);
            ct_recording_after_fork_in_parent(r);
        }
    }
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, 20000);
    CHECK(events_are_numbered(t));
    release(t);
}

static void *fork_again_and_again(void *argument)
{
    ct_recording *r = argument;
    for (int i = 0; i < 50; i++) {
        ct_recording_before_fork(r);
        pid_t child = fork();
        if (child == 0) {
            ct_recording_abandon_in_child(r);
            _exit(0);
        }
        ct_recording_after_fork_in_parent(r);
        waitpid(child, NULL, 0);
    }
    return NULL;
}

static void another_thread_forks(void)
{
    ct_recording_options o = options();
    ct_recording *r;
    pthread_t thread;
    int64_t i = 0;
    o.block_size = 2000;
    o.queue_blocks = 1;
    CHECK_EQ_INT(ct_recording_open(&o, &r, NULL), CT_OK);
    CHECK(pthread_create(&thread, NULL, fork_again_and_again, r) == 0);
    for (; i < 300000; i++) {
        put_event(r, i);
        if (i % 4 == 0)
            ct_content(r, CT_CONTENT_BYTES, &i, 8, 8);
    }
    CHECK_EQ_INT(ct_recording_flush(r, NULL), CT_OK);
    pthread_join(thread, NULL);
    CHECK_EQ_INT(ct_recording_finish(r, NULL), CT_OK);
    trace *t = decode(journal_path, NULL);
    CHECK_SOUND(t);
    CHECK_EQ_INT(t->event_count, i);
    CHECK(events_are_numbered(t));
    release(t);
}

int main(int argc, char **argv)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/ct-writer-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(journal_path, sizeof journal_path, "%s/journal.ctj", folder);
    snprintf(live_path, sizeof live_path, "%s/journal.live", folder);
    check_arguments(argc, argv);
    RUN(nothing_recorded);
    RUN(a_million_events);
    RUN(segments_are_short_where_key_states_are_small);
    RUN(events_over_many_blocks);
    RUN(huge_records);
    RUN(definitions);
    RUN(a_code_with_too_many_slots);
    RUN(contents);
    RUN(live_after_every_event);
    RUN(killed);
    RUN(sealed_in_time);
    RUN(long_records);
    RUN(no_holes);
    RUN(held_and_let_go);
    RUN(opened_while_the_beginning_is_dropped);
    RUN(slow_disk);
    RUN(short_writes_and_no_thread);
    RUN(disk_error);
    RUN(file_size_limit);
    RUN(full_disk);
    RUN(no_memory);
    RUN(files_in_the_way);
    RUN(program_closes_descriptors);
    RUN(forks);
    RUN(another_thread_forks);
    clean();
    rmdir(folder);
    return check_summary();
}
