/* Owns the blocks of a recording: which slot is being filled, when it is sealed, where segments begin; and the recording's life from
 * ct_recording_open to ct_recording_finish. What is written into blocks is the caller's (events) and define.c's.
 *
 * Invariants: sequence numbers are given when a block is sealed, definitions and contents before the events that refer to them; there is
 * always an events block with room, if need be the scratch one, whose bytes go nowhere.
 */
#include "journal/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "model/decode.h"
#include "util/memory.h"
#include "util/zstd_memory.h"

enum { DEFAULT_BLOCK = 512 * 1024, DEFAULT_LARGEST = 2 * 1024 * 1024, SMALLEST_LARGEST = 4096, DEFAULT_QUEUE = 6, LARGEST_QUEUE = 1024,
       DEFAULT_SEAL_MILLISECONDS = 200, DEFAULT_LEVEL = 1, DEFAULT_SEGMENT = 4 * 1024 * 1024, SHORT_SEGMENT = 1024 * 1024,
       ORDINARY_RECORD = 16 * 1024 /* what each slot has on the disk from the start, beside a full block; longer records are few */, KEY_SHARE = 16, KEEPING_SEGMENT = 256 * 1024, KEEPING_BLOCK = 128 * 1024, LARGEST_BLOCK = 512 * 1024 * 1024 };

static void
lock(ct_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
}

static void
unlock(ct_writer *writer)
{
    pthread_mutex_unlock(&writer->lock);
}

/* ---- failure ---- */

/* From here on nothing is published: later events may refer to definitions that were not kept. The cursor stays, since the caller may
 * be in the middle of a record; the next ct_room moves it. */
static void
notice_failure(ct_writer *writer)
{
    if (writer->discarding)
        return;
    writer->discarding = true;
    writer->face.published = &writer->ignored;
    writer->face.wants_segment = false;
    __atomic_store_n(&writer->face.limit, NULL, __ATOMIC_RELAXED);
}

static void
use_scratch(ct_writer *writer)
{
    ct_recording *face = &writer->face;
    notice_failure(writer);
    face->cursor = face->base = face->boundary = writer->scratch;
    __atomic_store_n(&face->limit, writer->scratch + writer->block_size, __ATOMIC_RELAXED);
}

void
ct_writer_refuse(ct_writer *writer, ct_code code, const char *message)
{
    lock(writer);
    ct_writer_fail(writer, code, message, 0);
    unlock(writer);
    notice_failure(writer);
}

/* ---- blocks, under the lock ---- */

/* Whether the slot has so many bytes, and what may stand behind a record, on the disk. */
static bool
has_room(ct_writer *writer, uint32_t slot, size_t size)
{
    ct_size_signal saved;
    int result;

    size += CT_EVENT_ROOM + CT_INPUT_PADDING;
    if (ct_live_has(&writer->live, slot, size))
        return true;
    ct_size_signal_block(&saved);
    result = ct_live_reserve(&writer->live, writer->system, writer->live_path, slot, size);
    ct_size_signal_restore(&saved);
    if (result != 0)
        ct_writer_fail(writer, CT_E_IO, "no space for the live file", result);
    return result == 0;
}

static bool
open_block(ct_writer *writer, enum ct_block_kind kind, uint16_t flags, uint64_t first, uint64_t events)
{
    ct_open_block *open = &writer->open[kind];
    uint32_t slot;

    if (writer->free_count == 0)
        writer->stalls++;
    while (writer->free_count == 0 && !writer->failed)
        ct_writer_wait(writer);
    if (writer->failed)
        return false;
    slot = writer->free_slots[--writer->free_count];
    writer->blocks[slot] = (ct_block){
        .kind = (uint8_t)kind, .flags = flags, .sequence = writer->next_sequence, .segment = writer->segment, .first = first, .events = events
    };
    ct_live_fill(&writer->live, slot, &writer->blocks[slot]);
    open->slot = slot;
    open->base = open->cursor = ct_live_data(&writer->live, slot);
    return true;
}

static void
seal(ct_writer *writer, enum ct_block_kind kind, size_t raw_size, size_t boundary)
{
    ct_open_block *open = &writer->open[kind];
    ct_block *block = &writer->blocks[open->slot];

    block->raw_size = (uint32_t)raw_size;
    block->boundary = (uint32_t)boundary;
    block->sequence = writer->next_sequence++;
    block->segment = writer->segment;
    block->time = ct_writer_time(writer);
    ct_live_seal(&writer->live, open->slot, block);
    writer->queue[(writer->queue_head + writer->queue_count) % writer->live.slot_count] = open->slot;
    writer->queue_count++;
    open->slot = CT_NO_SLOT;
    /* A reader takes open blocks whose number is not in the file: they must not keep one that now is. */
    for (int other = 0; other < 3; other++)
        if (writer->open[other].slot != CT_NO_SLOT)
            ct_live_renumber(&writer->live, writer->open[other].slot, writer->next_sequence);
}

static void
seal_records(ct_writer *writer, enum ct_block_kind kind)
{
    ct_open_block *open = &writer->open[kind];
    size_t size;
    if (open->slot == CT_NO_SLOT)
        return;
    size = (size_t)(open->cursor - open->base);
    if (size > 0)
        seal(writer, kind, size, size);
    if (kind == CT_BLOCK_CONTENT)
        writer->content_size += size;
}

/* Whether the bytes begin with the head record of an event; THREAD may stand before it. */
static bool
begins_with_head(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at == CT_R_THREAD) {
        at++;
        while (at < end && *at++ >= 0x80)
            ;
    }
    return at < end && CT_R_IS_HEAD(*at);
}

/* How many bytes of events the segment has before the next key state. A reader that goes to a step takes in all events since the last key state, and in a small
   loop a step is four bytes: 4 MiB of them took 30 ms on average. So segments are short where key states are small, and at most a sixteenth of the events. */
static uint64_t
segment_length(const ct_writer *writer)
{
    uint64_t key_size = writer->key_end - writer->key_begin, length = KEY_SHARE * key_size;

    if (length < writer->short_segment)
        length = writer->short_segment;
    if (length > writer->segment_bytes)
        length = writer->segment_bytes;
    return length > key_size ? length : key_size;
}

/* Where only the end is kept contents count as events do: they go with their segment, and of long texts a segment's events may name a thousand times their own size. */
static void
weigh_segment(ct_writer *writer)
{
    uint64_t size = writer->position > writer->key_end ? writer->position - writer->key_end : 0;

    if (ct_keeps_end(&writer->keep))
        size += writer->content_size;
    if (!writer->in_key_state && size > segment_length(writer))
        writer->face.wants_segment = true;
}

/* Seals what there is of all kinds, in the order in which it refers to each other. */
static void
seal_all(ct_writer *writer)
{
    ct_recording *face = &writer->face;
    size_t raw_size = (size_t)(face->cursor - face->base), boundary = (size_t)(face->boundary - face->base);

    seal_records(writer, CT_BLOCK_DEFINITIONS);
    seal_records(writer, CT_BLOCK_CONTENT);
    if (raw_size == 0)
        return;
    if (boundary > 0)
        writer->head_written = false;
    if (boundary < raw_size && !writer->head_written)
        writer->head_written = begins_with_head(face->boundary, face->cursor);
    seal(writer, CT_BLOCK_EVENTS, raw_size, boundary);
    writer->armed = false;
    writer->position += raw_size;
    weigh_segment(writer);
}

/* The events block after a seal; its deadline begins with the next event. */
static void
open_events(ct_writer *writer, uint16_t flags)
{
    ct_recording *face = &writer->face;
    ct_open_block *open = &writer->open[CT_BLOCK_EVENTS];

    if (open->slot == CT_NO_SLOT) {
        if (!open_block(writer, CT_BLOCK_EVENTS, flags, face->steps, face->events + writer->head_written)) {
            use_scratch(writer);
            return;
        }
        face->cursor = face->base = face->boundary = open->base;
        face->published = ct_live_published(&writer->live, open->slot);
    }
    writer->armed = writer->asked = false;
    __atomic_store_n(&face->limit, NULL, __ATOMIC_RELAXED);
}

static void
arm(ct_writer *writer)
{
    writer->armed = true;
    writer->asked = false;
    writer->deadline = ct_clock_monotonic() + writer->seal_ns;
    __atomic_store_n(&writer->face.limit, writer->face.base + writer->block_size, __ATOMIC_RELAXED);
}

void
ct_recording_more(ct_recording *recording, size_t count)
{
    ct_writer *writer = recording->private_;
    bool sealed = false;

    if (count > writer->largest_record)
        abort(); /* the caller would write beyond the slot */
    lock(writer);
    if (!writer->failed) {
        size_t used = (size_t)(recording->cursor - recording->base);
        bool between_events = recording->cursor == recording->boundary;
        /* A slot holds a full block and the largest record, so nothing else needs a seal; the deadline can wait for the event's end. */
        if (used >= writer->block_size || (writer->asked && between_events && used > 0)) {
            seal_all(writer);
            open_events(writer, 0);
            sealed = true;
        }
    }
    if (!writer->failed)
        (void)has_room(writer, writer->open[CT_BLOCK_EVENTS].slot, (size_t)(recording->cursor - recording->base) + count);
    if (writer->failed)
        use_scratch(writer);
    else if (!writer->asked || recording->cursor == recording->base) {
        if (!writer->armed || writer->asked)
            arm(writer);
        if (sealed || (!writer->running && !writer->after_fork))
            ct_writer_kick(writer);
    }
    unlock(writer);
}

uint8_t *
ct_writer_record(ct_writer *writer, enum ct_block_kind kind, size_t size)
{
    ct_open_block *open = &writer->open[kind];
    bool is_open = open->slot != CT_NO_SLOT;

    if (size > writer->largest_record && !ct_writer_failed(writer))
        ct_writer_refuse(writer, CT_E_LIMIT, "a definition is longer than the largest record");
    if (!ct_writer_failed(writer) && (!is_open || (size_t)(open->cursor - open->base) >= writer->block_size)) {
        lock(writer);
        if (is_open) {
            seal_records(writer, kind);
            weigh_segment(writer);
            ct_writer_kick(writer);
        }
        (void)open_block(writer, kind, 0, open->records, 0);
        unlock(writer);
    }
    if (!ct_writer_failed(writer)) {
        lock(writer);
        (void)has_room(writer, open->slot, (size_t)(open->cursor - open->base) + size);
        unlock(writer);
    }
    if (ct_writer_failed(writer)) {
        notice_failure(writer);
        return NULL;
    }
    return open->cursor;
}

void
ct_writer_record_done(ct_writer *writer, enum ct_block_kind kind, uint8_t *end)
{
    ct_open_block *open = &writer->open[kind];
    open->cursor = end;
    open->records++;
    __atomic_store_n(ct_live_published(&writer->live, open->slot), (uint64_t)(end - open->base), __ATOMIC_RELEASE);
}

/* ---- segments ---- */

static bool
note_segment(ct_writer *writer)
{
    if (writer->segment_count == writer->segment_capacity) {
        size_t capacity = writer->segment_capacity ? writer->segment_capacity * 2 : 64;
        ct_segment_start *bigger = ct_allocate_zero(writer->allocator, capacity, sizeof *bigger);
        if (!bigger)
            return false;
        if (writer->segment_count > 0)
            memcpy(bigger, writer->segments, writer->segment_count * sizeof *bigger);
        ct_free(writer->allocator, writer->segments);
        writer->segments = bigger;
        writer->segment_capacity = capacity;
    }
    writer->segments[writer->segment_count++] = (ct_segment_start){ .steps = writer->face.steps, .events = writer->face.events };
    return true;
}

void
ct_segment_begin(ct_recording *recording)
{
    ct_writer *writer = recording->private_;
    ct_open_block *open = &writer->open[CT_BLOCK_EVENTS];

    lock(writer);
    if (!writer->failed) {
        seal_all(writer);
        if (open->slot != CT_NO_SLOT) { /* nothing was in it */
            ct_live_free(&writer->live, open->slot);
            writer->free_slots[writer->free_count++] = open->slot;
            open->slot = CT_NO_SLOT;
        }
        writer->segment++;
        if (!note_segment(writer))
            ct_writer_fail(writer, CT_E_NOMEM, "no memory for another segment", 0);
        writer->in_key_state = true;
        writer->key_begin = writer->position;
        recording->wants_segment = false;
        open_events(writer, CT_BLOCK_BEGINS_SEGMENT);
        if (!writer->failed)
            ct_writer_kick(writer);
    }
    if (writer->failed)
        use_scratch(writer);
    unlock(writer);
}

void
ct_segment_ready(ct_recording *recording)
{
    ct_writer *writer = recording->private_;
    uint64_t size = (uint64_t)(recording->cursor - recording->base);

    recording->boundary = recording->cursor;
    __atomic_store_n(recording->published, size, __ATOMIC_RELEASE);
    writer->in_key_state = false;
    writer->key_end = writer->position + size;
    writer->content_size = 0;
}

/* ---- a recording's life ---- */

const uint8_t *
ct_recording_id(const ct_recording *recording)
{
    return recording->private_->id;
}

const char *
ct_recording_temporary_folder(const ct_recording *recording)
{
    return recording->private_->temporary_folder;
}

const ct_allocator *
ct_recording_allocator(const ct_recording *recording)
{
    return recording->private_->allocator;
}

bool
ct_recording_failed(const ct_recording *recording, ct_error *error)
{
    const ct_writer *writer = recording->private_;
    if (!ct_writer_failed(writer))
        return false;
    if (error)
        *error = writer->error;
    return true;
}

void
ct_recording_count(const ct_recording *recording, ct_recording_counts *counts)
{
    ct_writer *writer = recording->private_;
    lock(writer);
    *counts = (ct_recording_counts){
        .file_bytes = writer->file_offset, .raw_bytes = writer->raw_bytes, .steps = recording->steps, .events = recording->events,
        .contents = writer->open[CT_BLOCK_CONTENT].records, .stalls = writer->stalls,
        .dropped_steps = writer->segments[writer->keep.first_segment].steps
    };
    unlock(writer);
}

/* Frees the memory; touches no file, and no lock, which in a child may be in any state. */
static void
free_writer(ct_writer *writer)
{
    ct_own_file_close(&writer->file);
    ct_live_close(&writer->live);
    if (writer->scratch)
        munmap(writer->scratch, writer->scratch_size);
    ct_known_free(&writer->paths, writer->allocator);
    ct_known_free(&writer->names, writer->allocator);
    ct_known_free(&writer->shapes, writer->allocator);
    ct_recent_free(&writer->contents, writer->allocator);
    ZSTD_freeCCtx(writer->compressor);
    ct_free(writer->allocator, writer->compressed);
    ct_keep_free(writer);
    ct_free(writer->allocator, writer->segments);
    ct_free(writer->allocator, writer->blocks);
    ct_free(writer->allocator, writer->free_slots);
    ct_free(writer->allocator, writer->queue);
    ct_free(writer->allocator, writer->journal_path);
    ct_free(writer->allocator, writer->live_path);
    ct_free(writer->allocator, writer);
}

static void
destroy_locks(ct_writer *writer)
{
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->progress);
    pthread_mutex_destroy(&writer->lock);
}

static int
make_locks(ct_writer *writer)
{
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    if (result != 0)
        return result;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    result = pthread_mutex_init(&writer->lock, NULL);
    if (result == 0) {
        result = pthread_cond_init(&writer->work, &attributes);
        if (result == 0) {
            result = pthread_cond_init(&writer->progress, NULL);
            if (result != 0)
                pthread_cond_destroy(&writer->work);
        }
        if (result != 0)
            pthread_mutex_destroy(&writer->lock);
    }
    pthread_condattr_destroy(&attributes);
    return result;
}

static ct_code
create_journal(ct_writer *writer, uint64_t start, ct_error *error)
{
    uint8_t header[CT_FILE_HEADER_SIZE] = { 0 };
    struct iovec part = { header, sizeof header };
    int file, result;

    memcpy(header, CT_JOURNAL_MAGIC, 8);
    ct_store16(header + 8, CT_JOURNAL_MAJOR);
    ct_store16(header + 10, CT_JOURNAL_MINOR);
    ct_store32(header + 12, CT_FILE_HEADER_SIZE);
    memcpy(header + 16, writer->id, 16);
    ct_store64(header + 32, start);
    ct_store32(header + 40, (uint32_t)getpid());
    ct_store64(header + 56, XXH3_64bits(header, 56));

    writer->file_offset = CT_FILE_HEADER_SIZE;
    if (writer->sink.append)
        return writer->sink.append(writer->sink.context, header, sizeof header, error);
    file = ct_create_file(writer->journal_path);
    if (file < 0)
        return ct_fail(error, CT_E_IO, "the journal cannot be created", 0, errno);
    result = ct_write_all(writer->system, file, &part, 1, 0);
    if (result == 0)
        result = ct_own_file_take(&writer->file, file);
    if (result != 0) {
        close(file);
        unlink(writer->journal_path);
        return ct_fail(error, CT_E_IO, "the journal cannot be written", 0, result);
    }
    return CT_OK;
}

static ct_code
make_memory(ct_writer *writer, uint32_t slot_count, size_t slot_size, int level, ct_error *error)
{
    void *scratch;

    writer->blocks = ct_allocate_zero(writer->allocator, slot_count, sizeof *writer->blocks);
    writer->free_slots = ct_allocate_zero(writer->allocator, slot_count, sizeof *writer->free_slots);
    writer->queue = ct_allocate_zero(writer->allocator, slot_count, sizeof *writer->queue);
    writer->compressed = ct_allocate(writer->allocator, slot_size);
    writer->compressed_size = slot_size;
    writer->compressor = ct_zstd_compressor(writer->allocator);
    if (!writer->blocks || !writer->free_slots || !writer->queue || !writer->compressed || !writer->compressor)
        return ct_fail(error, CT_E_NOMEM, "no memory for a recording", 0, 0);
    ZSTD_CCtx_setParameter(writer->compressor, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(writer->compressor, ZSTD_c_contentSizeFlag, 1);

    scratch = mmap(NULL, slot_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (scratch == MAP_FAILED)
        return ct_fail(error, CT_E_NOMEM, "no memory for a recording", 0, errno);
    writer->scratch = scratch;
    writer->scratch_size = slot_size;

    for (uint32_t slot = slot_count; slot-- > 0;)
        writer->free_slots[writer->free_count++] = slot;
    for (int kind = 0; kind < 3; kind++)
        writer->open[kind].slot = CT_NO_SLOT;
    if (!note_segment(writer))
        return ct_fail(error, CT_E_NOMEM, "no memory for a recording", 0, 0);
    return CT_OK;
}

static ct_code
keep_path(const ct_writer *writer, const char *path, char **kept, ct_error *error)
{
    if (path && !(*kept = ct_absolute_path(writer->allocator, path)))
        return ct_fail(error, errno == ENOMEM ? CT_E_NOMEM : CT_E_IO, "the working folder has no path", 0, errno);
    return CT_OK;
}

static ct_code
open_recording(ct_writer *writer, const ct_recording_options *options, ct_error *error)
{
    uint32_t queue = options->queue_blocks ? options->queue_blocks : DEFAULT_QUEUE;
    uint32_t slot_count = queue + 3; /* one of each kind is being filled */
    uint64_t now = ct_clock_real(), start = options->start_time_ns ? options->start_time_ns : now;
    size_t slot_size;
    ct_size_signal saved;
    ct_code code;

    writer->keep.steps = options->keep_steps;
    writer->keep.bytes = options->keep_bytes;
    writer->block_size = options->block_size ? options->block_size : ct_keeps_end(&writer->keep) ? KEEPING_BLOCK : DEFAULT_BLOCK;
    writer->largest_record = options->largest_record ? options->largest_record : DEFAULT_LARGEST;
    if (writer->largest_record < SMALLEST_LARGEST)
        writer->largest_record = SMALLEST_LARGEST;
    if (writer->block_size > LARGEST_BLOCK || writer->largest_record > LARGEST_BLOCK || queue > LARGEST_QUEUE)
        return ct_fail(error, CT_E_PARAM, "a size is too large", 0, 0);
    slot_size = (size_t)writer->block_size + writer->largest_record + CT_EVENT_ROOM + CT_INPUT_PADDING; /* keep.c reads what was written */
    writer->seal_ns = (uint64_t)(options->seal_milliseconds ? options->seal_milliseconds : DEFAULT_SEAL_MILLISECONDS) * 1000000;
    writer->segment_bytes = options->segment_bytes ? options->segment_bytes : ct_keeps_end(&writer->keep) ? KEEPING_SEGMENT : DEFAULT_SEGMENT;
    writer->short_segment = options->segment_bytes || ct_keeps_end(&writer->keep) ? writer->segment_bytes : SHORT_SEGMENT;
    writer->clock_start = ct_clock_monotonic() - (now > start ? now - start : 0);
    writer->contents.limit = CT_CONTENT_TABLE;
    ct_make_uuid7(writer->id, now);
    ct_random_bytes(&writer->seed, sizeof writer->seed);

    CT_TRY(keep_path(writer, options->journal_path, &writer->journal_path, error));
    CT_TRY(keep_path(writer, options->live_path, &writer->live_path, error));
    if (options->journal)
        writer->sink = *options->journal;
    CT_TRY(make_memory(writer, slot_count, slot_size, options->compression_level ? options->compression_level : DEFAULT_LEVEL, error));

    ct_size_signal_block(&saved);
    code = create_journal(writer, start, error);
    if (code == CT_OK && ct_keeps_end(&writer->keep)) {
        code = ct_keep_probe(writer, error);
        if (code != CT_OK && writer->journal_path)
            unlink(writer->journal_path);
    }
    if (code == CT_OK) {
        code = ct_live_create(&writer->live, writer->system, writer->allocator, writer->live_path, writer->id, slot_count, slot_size,
                              slot_size - writer->largest_record + ORDINARY_RECORD, error);
        if (code != CT_OK && writer->journal_path)
            unlink(writer->journal_path);
    }
    ct_size_signal_restore(&saved);
    return code;
}

ct_code
ct_recording_open_with(const ct_system *system, const ct_recording_options *options, ct_recording **recording, ct_error *error)
{
    ct_writer *writer;
    ct_recording *face;
    ct_code code;
    int result;

    if (!recording)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *recording = NULL;
    if (!options || !options->journal_path == !options->journal || (options->journal && !options->journal->append))
        return ct_fail(error, CT_E_PARAM, "a recording needs either a path or a sink", 0, 0);
    writer = ct_allocate_zero(options->allocator, 1, sizeof *writer);
    if (!writer)
        return ct_fail(error, CT_E_NOMEM, "no memory for a recording", 0, 0);
    writer->system = system;
    writer->allocator = options->allocator;
    writer->temporary_folder = options->temporary_folder;
    writer->file.descriptor = writer->live.file.descriptor = -1;
    face = &writer->face;
    face->private_ = writer;
    result = make_locks(writer);
    if (result != 0) {
        ct_free(writer->allocator, writer);
        return ct_fail(error, CT_E_NOMEM, "no memory for a recording", 0, result);
    }
    code = open_recording(writer, options, error);
    if (code != CT_OK) {
        destroy_locks(writer);
        free_writer(writer);
        return code;
    }

    lock(writer);
    open_events(writer, CT_BLOCK_BEGINS_SEGMENT);
    unlock(writer);
    static const uint8_t nothing_yet[] = { CT_R_KEY_BEGIN, 0, 0, 0, 0, CT_R_KEY_END };
    ct_put_bytes(face, nothing_yet, sizeof nothing_yet);
    ct_segment_ready(face);
    *recording = face;
    return CT_OK;
}

ct_code
ct_recording_open(const ct_recording_options *options, ct_recording **recording, ct_error *error)
{
    return ct_recording_open_with(&ct_system_default, options, recording, error);
}

/* Seals everything and waits until it is written. Under the lock. */
static void
drain(ct_writer *writer)
{
    if (!writer->failed)
        seal_all(writer);
    while (!writer->failed && (writer->queue_count > 0 || writer->writing))
        ct_writer_wait(writer);
}

ct_code
ct_recording_flush(ct_recording *recording, ct_error *error)
{
    ct_writer *writer = recording->private_;
    lock(writer);
    drain(writer);
    if (!writer->failed)
        open_events(writer, 0);
    if (writer->failed)
        use_scratch(writer);
    unlock(writer);
    if (ct_recording_failed(recording, error))
        return writer->error.code;
    return CT_OK;
}

/* Under the lock, without a thread. */
static void
write_end(ct_writer *writer)
{
    const ct_recording *face = &writer->face;
    ct_block block = { .kind = CT_BLOCK_END, .sequence = writer->next_sequence, .segment = writer->segment, .time = ct_writer_time(writer) };
    ct_segment_start last = { 0 };
    size_t room = (5 + 3 * writer->segment_count) * 10;
    uint8_t *payload = ct_allocate(writer->allocator, room), *at = payload;

    if (!payload) {
        ct_writer_fail(writer, CT_E_NOMEM, "no memory for the journal's end", 0);
        return;
    }
    at = ct_write_varint(at, face->events);
    at = ct_write_varint(at, face->steps);
    at = ct_write_varint(at, writer->open[CT_BLOCK_DEFINITIONS].records);
    at = ct_write_varint(at, writer->open[CT_BLOCK_CONTENT].records);
    at = ct_write_varint(at, writer->segment_count - writer->keep.first_segment);
    for (size_t i = writer->keep.first_segment; i < writer->segment_count; i++) {
        ct_segment_start segment = writer->segments[i];
        at = ct_write_varint(at, segment.offset - last.offset);
        at = ct_write_varint(at, segment.steps - last.steps);
        at = ct_write_varint(at, segment.events - last.events);
        last = segment;
    }
    block.raw_size = block.boundary = (uint32_t)(at - payload);
    ct_writer_write(writer, &block, payload);
    ct_free(writer->allocator, payload);
}

ct_code
ct_recording_finish(ct_recording *recording, ct_error *error)
{
    ct_writer *writer = recording->private_;
    ct_code code = CT_OK;

    lock(writer);
    drain(writer);
    ct_writer_stop(writer);
    if (!writer->failed)
        write_end(writer);
    unlock(writer);
    if (!writer->failed && ct_own_file_is_open(&writer->file)) {
        int file = writer->file.descriptor;
        writer->file.descriptor = -1;
        if (close(file) != 0 && errno != EINTR) /* where a network file system reports late */
            ct_writer_refuse(writer, CT_E_IO, "the journal cannot be written");
    }
    if (!writer->failed && writer->live_path && unlink(writer->live_path) != 0 && errno != ENOENT)
        ct_writer_refuse(writer, CT_E_IO, "the live file cannot be removed");
    if (ct_recording_failed(recording, error))
        code = writer->error.code;
    destroy_locks(writer);
    free_writer(writer);
    return code;
}

/* ---- fork ---- */

void
ct_recording_before_fork(ct_recording *recording)
{
    ct_writer *writer = recording->private_;
    /* Held until after the fork, so that no other thread can start the writer again or be in the middle of an exchange of memory. */
    lock(writer);
    ct_writer_stop(writer);
    writer->after_fork = true;
}

void
ct_recording_after_fork_in_parent(ct_recording *recording)
{
    unlock(recording->private_);
}

void
ct_recording_abandon_in_child(ct_recording *recording)
{
    /* The locks are left as they are: threads that are not here may have been waiting. */
    free_writer(recording->private_);
}
