/* Owns the journal file while it grows: the writer thread, compression, block headers, and the first failure.
 *
 * Invariants: blocks reach the file whole and in the order of their sequence numbers; a slot is free only when its block is in the file;
 * after a failure no byte is written, and blocks that were not written stay in the live file for recovery.
 * The thread calls nothing of the event thread's and blocks all signals.
 */
#include "journal/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

void
ct_writer_fail(ct_writer *writer, ct_code code, const char *message, int system)
{
    if (writer->failed)
        return;
    (void)ct_fail(&writer->error, code, message, writer->file_offset, system);
    if (writer->live.map)
        ct_live_failed(&writer->live, code, system);
    __atomic_store_n(&writer->failed, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&writer->face.limit, NULL, __ATOMIC_RELAXED); /* so that the event thread looks */
    pthread_cond_broadcast(&writer->progress);
    pthread_cond_broadcast(&writer->work);
}

uint64_t
ct_writer_time(const ct_writer *writer)
{
    return ct_clock_monotonic() - writer->clock_start;
}

static void
make_header(uint8_t header[CT_BLOCK_HEADER_SIZE], const ct_block *block, enum ct_codec codec, size_t stored_size, const uint8_t *payload)
{
    memset(header, 0, CT_BLOCK_HEADER_SIZE);
    memcpy(header, CT_BLOCK_MAGIC, 4);
    header[4] = block->kind;
    header[5] = (uint8_t)codec;
    ct_store16(header + 6, block->flags);
    ct_store32(header + 8, (uint32_t)stored_size);
    ct_store32(header + 12, block->raw_size);
    ct_store64(header + 16, block->sequence);
    ct_store64(header + 24, block->segment);
    ct_store64(header + 32, block->first);
    ct_store64(header + 40, block->events);
    ct_store64(header + 48, block->time);
    ct_store32(header + 56, block->boundary);
    ct_store64(header + 64, XXH3_64bits(payload, block->raw_size));
    ct_store64(header + 72, XXH3_64bits(header, 72));
}

static ct_code
append_to_file(ct_writer *writer, struct iovec *parts, uint64_t offset, ct_error *error)
{
    int result = ct_own_file_ensure(&writer->file, writer->journal_path);
    if (result == 0) {
        result = ct_write_all(writer->system, writer->file.descriptor, parts, 2, (off_t)offset);
        if (result != 0)
            (void)!ftruncate(writer->file.descriptor, (off_t)offset); /* half a block is of use to nobody */
    }
    return result == 0 ? CT_OK : ct_fail(error, CT_E_IO, "the journal cannot be written", offset, result);
}

/* Without the lock, or with it and no thread. Grows `*offset`. */
static ct_code
write_block(ct_writer *writer, const ct_block *block, const uint8_t *payload, uint64_t *offset, ct_error *error)
{
    uint8_t header[CT_BLOCK_HEADER_SIZE];
    const uint8_t *stored = payload;
    size_t stored_size = block->raw_size;
    enum ct_codec codec = CT_CODEC_STORED;

    if (block->raw_size > 1) {
        /* One byte less: what would not get smaller is an error of zstd's, and stored; so is a block it had no memory for. */
        size_t room = block->raw_size - 1 < writer->compressed_size ? block->raw_size - 1 : writer->compressed_size;
        size_t size = ZSTD_compress2(writer->compressor, writer->compressed, room, payload, block->raw_size);
        if (!ZSTD_isError(size)) {
            codec = CT_CODEC_ZSTD;
            stored = writer->compressed;
            stored_size = size;
        }
    }
    make_header(header, block, codec, stored_size, payload);

    if (writer->sink.append) {
        CT_TRY(writer->sink.append(writer->sink.context, header, sizeof header, error));
        CT_TRY(writer->sink.append(writer->sink.context, stored, stored_size, error));
    }
    else {
        struct iovec parts[2] = { { header, sizeof header }, { (void *)(uintptr_t)stored, stored_size } };
        CT_TRY(append_to_file(writer, parts, *offset, error));
    }
    *offset += sizeof header + stored_size;
    return CT_OK;
}

/* Writes the first block of the queue. Under the lock, which is given up meanwhile only when `unlock` says so. */
static void
write_first(ct_writer *writer, bool unlock)
{
    uint32_t slot = writer->queue[writer->queue_head];
    const ct_block *block = &writer->blocks[slot];
    const uint8_t *payload = ct_live_data(&writer->live, slot);
    uint64_t begin = writer->file_offset, end = begin;
    ct_error error = { 0 };
    ct_code code;

    writer->queue_head = (writer->queue_head + 1) % writer->live.slot_count;
    writer->queue_count--;
    writer->writing = true;
    if (unlock)
        pthread_mutex_unlock(&writer->lock);
    code = write_block(writer, block, payload, &end, &error);
    if (unlock)
        pthread_mutex_lock(&writer->lock);
    writer->writing = false;
    if (code == CT_OK) {
        writer->file_offset = end;
        writer->raw_bytes += block->raw_size;
        if (block->flags & CT_BLOCK_BEGINS_SEGMENT)
            writer->segments[block->segment].offset = begin;
        if (ct_keeps_end(&writer->keep))
            code = ct_keep_written(writer, block, payload, begin, end - begin, &error);
    }
    if (code == CT_OK) {
        ct_live_free(&writer->live, slot);
        writer->free_slots[writer->free_count++] = slot;
        pthread_cond_broadcast(&writer->progress);
    }
    else
        ct_writer_fail(writer, code, error.message, error.system);
}

static void
write_queue(ct_writer *writer)
{
    ct_size_signal saved;
    ct_size_signal_block(&saved);
    while (writer->queue_count > 0 && !writer->failed)
        write_first(writer, false);
    ct_size_signal_restore(&saved);
}

void
ct_writer_write(ct_writer *writer, const ct_block *block, const uint8_t *payload)
{
    ct_size_signal saved;
    ct_error error = { 0 };
    ct_size_signal_block(&saved);
    ct_code code = write_block(writer, block, payload, &writer->file_offset, &error);
    ct_size_signal_restore(&saved);
    if (code != CT_OK)
        ct_writer_fail(writer, code, error.message, error.system);
}

static void *
run(void *argument)
{
    ct_writer *writer = argument;

#if defined(__linux__)
    pthread_setname_np(pthread_self(), "ct-writer");
#endif
    pthread_mutex_lock(&writer->lock);
    writer->thread_number = ct_thread_number();
    for (;;) {
        if (writer->queue_count > 0 && !writer->failed)
            write_first(writer, true);
        else if (writer->stop)
            break;
        else if (!writer->armed || writer->asked || writer->failed)
            pthread_cond_wait(&writer->work, &writer->lock);
        else if (ct_clock_monotonic() >= writer->deadline) {
            /* Only the event thread can seal, and only between records; if it records nothing more, the live file keeps what is there. */
            writer->asked = true;
            __atomic_store_n(&writer->face.limit, NULL, __ATOMIC_RELAXED);
        }
        else {
            struct timespec until = { .tv_sec = (time_t)(writer->deadline / 1000000000), .tv_nsec = (long)(writer->deadline % 1000000000) };
            pthread_cond_timedwait(&writer->work, &writer->lock, &until);
        }
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static bool
start(ct_writer *writer)
{
    if (!writer->running && !writer->failed) {
        writer->running = writer->system->start_thread(writer->system->context, &writer->thread, run, writer) == 0;
        if (writer->running)
            writer->after_fork = false;
    }
    return writer->running;
}

void
ct_writer_kick(ct_writer *writer)
{
    if (start(writer))
        pthread_cond_signal(&writer->work);
    else
        write_queue(writer);
}

void
ct_writer_wait(ct_writer *writer)
{
    ct_writer_kick(writer);
    if (writer->running)
        pthread_cond_wait(&writer->progress, &writer->lock);
}

void
ct_writer_stop(ct_writer *writer)
{
    while (writer->running) {
        if (writer->joining) { /* another thread forks */
            pthread_cond_wait(&writer->progress, &writer->lock);
            continue;
        }
        pthread_t thread = writer->thread;
        writer->joining = writer->stop = true;
        pthread_cond_broadcast(&writer->work);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(thread, NULL);
        ct_thread_gone(writer->thread_number); /* written before it ended */
        pthread_mutex_lock(&writer->lock);
        writer->running = writer->joining = writer->stop = false;
        pthread_cond_broadcast(&writer->progress);
    }
    write_queue(writer); /* what was sealed while the thread was already leaving */
}
