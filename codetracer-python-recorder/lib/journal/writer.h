/* What the parts of the journal writer share: writer.c (blocks and the public face), writer_thread.c (the file), define.c (definitions
 * and contents). Nothing outside lib/journal and its tests includes this. */
#ifndef CT_JOURNAL_WRITER_H
#define CT_JOURNAL_WRITER_H

#include <pthread.h>
#include <zstd.h>

#include "codetracer/record.h"
#include "journal/keep.h"
#include "journal/known.h"
#include "journal/live.h"
#include "util/os.h"

/* ct_recording_open with the system's functions replaced; for tests. */
ct_code ct_recording_open_with(const ct_system *system, const ct_recording_options *options, ct_recording **recording, ct_error *error);

enum { CT_CONTENT_TABLE = 256 * 1024 };  /* contents remembered */
enum { CT_NO_SLOT = UINT32_MAX };

/* A block that is being filled. Of events the cursor is in the public face. */
typedef struct ct_open_block {
    uint32_t slot;             /* or CT_NO_SLOT */
    uint8_t *base, *cursor;
    uint64_t records;          /* definitions, contents: written so far, in all blocks */
} ct_open_block;

typedef struct ct_segment_start { uint64_t offset, steps, events; } ct_segment_start;

struct ct_recording_private {
    ct_recording face; /* first, so that freeing either frees both */

    /* Fixed when opened. */
    const ct_system *system;
    const ct_allocator *allocator;
    const char *temporary_folder; /* the caller's */
    char *journal_path, *live_path; /* NULL: there is none */
    ct_sink sink;              /* append is NULL: the journal is a file */
    ct_own_file file;
    uint8_t id[16];
    uint64_t seed;             /* of the interning hashes */
    uint64_t clock_start;      /* monotonic time at which the recording's time was 0 */
    uint32_t block_size, largest_record;
    uint64_t seal_ns, segment_bytes, short_segment; /* the latter of segments whose key state is small */
    uint8_t *scratch;          /* a slot's size of private memory: where events go after a failure */
    size_t scratch_size;
    uint64_t ignored;          /* what is published after a failure */

    /* The event thread's own. */
    bool discarding;           /* a failure was noticed: nothing is published any more */
    bool head_written;         /* the event that the last sealed block broke off has its head record behind it */
    bool in_key_state;
    uint64_t position;         /* raw bytes of sealed events blocks */
    uint64_t key_begin, key_end; /* of the last key state, as positions */
    uint64_t content_size;     /* raw bytes of the contents behind it, in sealed blocks */
    ct_known paths, names, shapes;
    ct_recent contents;
    uint32_t path_count, name_count, code_count, type_count, shape_count;

    /* Everything below is under the lock; `failed` may be read without. */
    pthread_mutex_t lock;
    pthread_cond_t work;       /* for the writer thread: a block, a deadline, stop */
    pthread_cond_t progress;   /* for the event thread: a slot is free, all is written, the thread has gone, failure */
    ct_live live;              /* slot headers of open blocks, and all data, are the event thread's without the lock */
    ct_block *blocks;          /* per slot */
    uint32_t *free_slots, free_count;  /* a stack: the slot used last is used next, and pages of others are never touched */
    uint32_t *queue, queue_head, queue_count; /* sealed, in order of sequence; a ring */
    ct_open_block open[3];     /* by kind */
    uint64_t next_sequence, segment;
    ct_segment_start *segments;
    size_t segment_count, segment_capacity;

    bool running, stop, joining;
    bool writing;              /* a block is taken from the queue and not yet written */
    bool after_fork;           /* the thread comes back at the next full block, not before */
    bool armed, asked;         /* the events block has a deadline; it has passed */
    uint64_t deadline;         /* monotonic */
    pthread_t thread;
    long thread_number;        /* the system's; 0: it has not begun to run */

    int failed;
    ct_error error;
    uint64_t file_offset, raw_bytes, stalls;
    ct_keep keep;

    /* Used by whoever writes: the thread, or without one the event thread under the lock. */
    ZSTD_CCtx *compressor;
    uint8_t *compressed;
    size_t compressed_size;
};

typedef struct ct_recording_private ct_writer;

/* Remembers the first failure and wakes everybody. Under the lock. */
void ct_writer_fail(ct_writer *writer, ct_code code, const char *message, int system);
static inline bool ct_writer_failed(const ct_writer *writer) { return __atomic_load_n(&writer->failed, __ATOMIC_ACQUIRE) != 0; }

/* Sees that what is in the queue gets written: by the thread, started if need be, or here. Under the lock. */
void ct_writer_kick(ct_writer *writer);
/* Waits for a slot, all written, or whatever else changes; writes itself when there is no thread. Under the lock. */
void ct_writer_wait(ct_writer *writer);
/* Lets the thread finish the queue and joins it. Under the lock, which is given up meanwhile. */
void ct_writer_stop(ct_writer *writer);
/* Writes a block without a slot: the end block. Under the lock, without a thread. */
void ct_writer_write(ct_writer *writer, const ct_block *block, const uint8_t *payload);
uint64_t ct_writer_time(const ct_writer *writer);

/* Room for a record of `size` bytes in the definitions or content block, or NULL (failed). Then ct_writer_record_done() with its end. */
uint8_t *ct_writer_record(ct_writer *writer, enum ct_block_kind kind, size_t size);
void ct_writer_record_done(ct_writer *writer, enum ct_block_kind kind, uint8_t *end);
/* The event thread's own failure: what is being recorded is not published. Not under the lock. */
void ct_writer_refuse(ct_writer *writer, ct_code code, const char *message);

#endif
