/* Writing a journal: what a recorder calls while the program runs.
 *
 * One thread at a time may call these functions (under CPython: whoever holds the GIL). A writer thread of the library's own
 * compresses and writes; it blocks all signals, and calls nothing of the caller's but its sink and allocator. Records are put together by the inline functions below,
 * straight into the block that is being filled, which lies in a shared file mapping and so outlives the process.
 *
 * The pattern, for every event:
 *
 *     ct_event_begin(r);              one bounds check, room for CT_EVENT_ROOM bytes
 *     ct_put_step(r, line_delta);     the head record; the line less that of the call's last step, at its first step less the code's first line
 *     ct_put_slot(r, 3, value, n);    changes; before any that may be longer than what is left: ct_room(r, n)
 *     ct_event_end(r);                publishes: from here on the event survives a kill
 *
 * Errors never surface here: after a failure (full disk, no memory) everything written is discarded, and ct_recording_failed() tells; numbers that
 * functions return are then still good to be used. Texts are WTF-8, and copied. Format: docs/journal-format.md.
 *
 * The shortest recording is a path, a code, a call, a step and a return: ct_define_path(), ct_define_code(), and then as events ct_put_call(), ct_put_step(),
 * ct_put_value(r, CT_R_RETURN, …). A thread need not be named.
 */
#ifndef CODETRACER_RECORD_H
#define CODETRACER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/io.h"
#include "codetracer/journal.h"
#include "codetracer/memory.h"

/* Bytes that ct_event_begin() guarantees. Every block has this much slack behind its limit, so a fixed-size record never
 * needs a second check. */
enum { CT_EVENT_ROOM = 512 };

/* The caller reads steps, events and wants_segment; the rest is for the inline functions below. */
typedef struct ct_recording {
    uint8_t *cursor;          /* next byte of the events block being filled */
    uint8_t *limit;           /* beyond it, call ct_recording_more(); the writer thread sets it to NULL to ask for a seal (atomic) */
    uint8_t *base;            /* first byte of the block */
    uint64_t *published;      /* in the live file: bytes of the block that are complete */
    uint8_t *boundary;        /* end of the last complete event in this block */
    uint64_t steps;           /* steps so far; ct_put_step counts */
    uint64_t events;          /* events so far; ct_event_end counts */
    uint64_t last_address;    /* of the last OBJECT record written */
    bool wants_segment;       /* changes outweigh the key state: at the next event boundary, write a new one */
    struct ct_recording_private *private_;
} ct_recording;

/* All zero but for the journal are the defaults. The paths are copied and made absolute. */
typedef struct ct_recording_options {
    const char *journal_path;     /* created; must not exist */
    const ct_sink *journal;       /* instead of journal_path: the journal is appended here. Copied, not closed; called by one thread at a time, mostly the
                                     writer thread */
    const char *live_path;        /* created; must not exist; removed by ct_recording_finish. NULL: what is not written yet lies in memory, and is lost
                                     with the process */
    uint64_t start_time_ns;       /* since 1970 UTC; 0 = now */
    uint32_t block_size;          /* raw bytes after which a block is sealed; 0 = 512 KiB; 128 KiB when only the end is kept */
    uint32_t largest_record;      /* longest record the caller will ever ask room for; 0 = 2 MiB */
    uint32_t queue_blocks;        /* slots of the live file; 0 = 6. When all wait to be written, the caller waits */
    uint32_t seal_milliseconds;   /* 0 = 200 */
    int compression_level;        /* zstd; 0 = 1 */
    uint64_t segment_bytes;       /* of events between two key states, at least as many as the key state has; 0 = 16 times the key state's, from
                                     1 to 4 MiB; 256 KiB, of contents, too, when only the end is kept */
    /* Only the end of the recording is kept: what comes before at least the last keep_steps steps, or makes the file larger than about keep_bytes, is given
     * back to the file system while recording goes on, segment by segment. Both 0: everything is kept. Needs journal_path, on a file system that can make
     * holes in files (CT_E_IO). */
    uint64_t keep_steps, keep_bytes;
    const ct_allocator *allocator; /* NULL: the C library's (memory.h) */
    const char *temporary_folder; /* where an import into it takes temporary space (binary-v0 does); NULL: $TMPDIR, or /tmp. It stays until the recording is finished */
} ct_recording_options;

/* Creates the files (mode 0600, never following a link), reserves what ordinary records take of the live file, and starts recording: blocks are
 * handed to a writer thread that is started at the first full block, or after seal_milliseconds. On success *recording is the caller's until
 * ct_recording_finish(). On failure nothing is left behind: CT_E_PARAM (neither path nor sink, or both; a size that is too large), CT_E_IO, CT_E_NOMEM. */
CT_API ct_code ct_recording_open(const ct_recording_options *options, ct_recording **recording, ct_error *error);

/* The 16 bytes of the recording's id (UUIDv7). */
CT_API const uint8_t *ct_recording_id(const ct_recording *recording);

/* The allocator of its options. */
CT_API const ct_allocator *ct_recording_allocator(const ct_recording *recording);
/* The folder of its options, which may be NULL. */
CT_API const char *ct_recording_temporary_folder(const ct_recording *recording);

/* True once writing has failed, and why (error may be NULL); the error is kept. Recording should stop; nothing more is kept. */
CT_API bool ct_recording_failed(const ct_recording *recording, ct_error *error);

/* Before fork(): drains and joins the writer thread, which comes back at the next full block. CPython >= 3.12 counts the system's threads after a
 * fork and warns. In the child: ct_recording_abandon_in_child(), which unmaps, closes the descriptors and frees, touching no file. */
CT_API void ct_recording_before_fork(ct_recording *recording);
CT_API void ct_recording_after_fork_in_parent(ct_recording *recording);
CT_API void ct_recording_abandon_in_child(ct_recording *recording);

/* Seals what is there and waits until it is written: what a reader of the file then sees. Between two events only. */
CT_API ct_code ct_recording_flush(ct_recording *recording, ct_error *error);

/* For reading the journal of a recording that keeps only its end while it goes on: nothing is given back to the file system until as many calls with false have
 * come as with true. From any thread. */
CT_API void ct_recording_hold(ct_recording *recording, bool hold);

/* Flushes, writes the end block, joins the writer, removes the live file, frees. Also after a failure, whose error it returns (then the files
 * stay as they are, for recovery). The recording is gone in any case. Between two events only. */
CT_API ct_code ct_recording_finish(ct_recording *recording, ct_error *error);

/* Bytes written to the journal so far, bytes of blocks before compression, how often the caller had to wait for the disk (stalls), and how many of
 * the steps are not there any more because only the end is kept. */
typedef struct ct_recording_counts { uint64_t file_bytes, raw_bytes, steps, events, contents, stalls, dropped_steps; } ct_recording_counts;
CT_API void ct_recording_count(const ct_recording *recording, ct_recording_counts *counts);

/* Key state. When recording->wants_segment is true at an event boundary, call ct_segment_begin(), write KEY_BEGIN … KEY_END with the
 * functions below (ct_room before each record), then ct_segment_ready(). */
CT_API void ct_segment_begin(ct_recording *recording);
CT_API void ct_segment_ready(ct_recording *recording);

/* Definitions, at any time, also within an event, but before the record that refers to them. Each returns the new id (ids count from 0 per kind); the
 * interning ones return the old id for the same content. A definition that is longer than options.largest_record fails the recording, CT_E_LIMIT. */
CT_API uint32_t ct_define_path(ct_recording *recording, const char *bytes, size_t count);  /* interns */
CT_API uint32_t ct_define_name(ct_recording *recording, const char *bytes, size_t count);  /* interns */
CT_API uint32_t ct_define_shape(ct_recording *recording, const uint32_t *names, size_t count); /* interns */
CT_API uint32_t ct_define_type(ct_recording *recording, enum ct_look look, unsigned flags, const char *name, size_t count);

typedef struct ct_code_slot { uint32_t name; uint8_t kind; } ct_code_slot;
typedef struct ct_code_definition {
    uint32_t path, first_line;
    const char *qualified_name; size_t qualified_name_size;
    const char *module; size_t module_size;
    uint32_t flags, arguments, keyword_only, slot_count;
    const ct_code_slot *slots;
} ct_code_definition;
CT_API uint32_t ct_define_code(ct_recording *recording, const ct_code_definition *definition);
/* In which columns the lines of a code begin: all lines on which it has steps, each once, in order, in one call or in several. before: the last line of the call
 * before, or the code's first line. */
CT_API void ct_define_columns(ct_recording *recording, uint32_t code, uint32_t before, const ct_line_column *lines, size_t count);

CT_API void ct_define_source(ct_recording *recording, uint32_t path, const char *bytes, size_t count); /* cut into pieces as needed */
CT_API void ct_define_meta(ct_recording *recording, const char *key, const char *value, size_t count);

/* The id of a content (kind: enum ct_content_kind), written now unless the same one was. true_length: characters for text, else bytes. */
CT_API uint64_t ct_content(ct_recording *recording, enum ct_content_kind kind, const void *bytes, size_t count, uint64_t true_length);

/* ---- the event stream, inline ---- */

/* What ct_room() calls: seals, so that count bytes and CT_EVENT_ROOM fit. More than options.largest_record is a fault of the caller's, and ends the
 * process by abort(), since the bytes would go beyond the block. */
CT_API void ct_recording_more(ct_recording *recording, size_t count);

/* Room for count bytes (at most largest_record) and CT_EVENT_ROOM more. */
static inline void
ct_room(ct_recording *r, size_t count)
{
    uint8_t *limit = __atomic_load_n(&r->limit, __ATOMIC_RELAXED);
    if (__builtin_expect(r->cursor > limit || count > (size_t)(limit - r->cursor), 0))
        ct_recording_more(r, count);
}

static inline void ct_event_begin(ct_recording *r) { ct_room(r, 0); }

/* The event is complete: counted, and visible to a reader of the live file. */
static inline void
ct_event_end(ct_recording *r)
{
    r->events++;
    r->boundary = r->cursor;
    __atomic_store_n(r->published, (uint64_t)(r->cursor - r->base), __ATOMIC_RELEASE);
}

static inline uint8_t *
ct_write_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline uint64_t ct_zigzag(int64_t value) { return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63); }
static inline int64_t ct_unzigzag(uint64_t value) { return (int64_t)(value >> 1) ^ -(int64_t)(value & 1); }
static inline uint8_t *ct_write_svarint(uint8_t *at, int64_t value) { return ct_write_varint(at, ct_zigzag(value)); }

/* Values: written at `at`, which needs CT_VALUE_MAX bytes; return the end. */
static inline uint8_t *
ct_write_int(uint8_t *at, int64_t value)
{
    if (value >= CT_V_SMALL_INT_MIN && value <= CT_V_SMALL_INT_MAX) {
        *at++ = (uint8_t)(CT_V_SMALL_INT + (value - CT_V_SMALL_INT_MIN));
        return at;
    }
    *at++ = CT_V_INT;
    return ct_write_svarint(at, value);
}

static inline uint8_t *
ct_write_float(uint8_t *at, double value)
{
    *at++ = CT_V_FLOAT;
    memcpy(at, &value, 8);
    return at + 8;
}

static inline uint8_t *
ct_write_complex(uint8_t *at, double real, double imaginary)
{
    *at++ = CT_V_COMPLEX;
    memcpy(at, &real, 8);
    memcpy(at + 8, &imaginary, 8);
    return at + 16;
}

static inline uint8_t *
ct_write_short_text(uint8_t *at, const void *bytes, size_t count) /* count <= CT_V_TEXT_MAX */
{
    *at++ = (uint8_t)(CT_V_TEXT + count);
    memcpy(at, bytes, count);
    return at + count;
}

static inline uint8_t *
ct_write_short_bytes(uint8_t *at, const void *bytes, size_t count) /* count <= CT_V_BYTES_MAX */
{
    *at++ = CT_V_BYTES;
    *at++ = (uint8_t)count;
    memcpy(at, bytes, count);
    return at + count;
}

static inline uint8_t *
ct_write_bigint(uint8_t *at, bool negative, const void *magnitude, size_t count) /* little-endian, count <= CT_V_BIGINT_MAX */
{
    *at++ = CT_V_BIGINT;
    *at++ = negative;
    *at++ = (uint8_t)count;
    memcpy(at, magnitude, count);
    return at + count;
}

static inline uint8_t *
ct_write_object(uint8_t *at, uint64_t id)
{
    *at++ = CT_V_OBJECT;
    return ct_write_varint(at, id);
}

static inline uint8_t *
ct_write_content(uint8_t *at, uint64_t id)
{
    *at++ = CT_V_CONTENT;
    return ct_write_varint(at, id);
}

/* Records. `value` is an encoded value of `count` bytes. */
static inline void
ct_put_step(ct_recording *r, int64_t line_difference)
{
    r->steps++;
    if (line_difference >= CT_STEP_SHORT_MIN && line_difference <= CT_STEP_SHORT_MAX)
        *r->cursor++ = (uint8_t)(CT_R_STEP_SHORT + (line_difference - CT_STEP_SHORT_MIN));
    else {
        *r->cursor++ = CT_R_STEP;
        r->cursor = ct_write_svarint(r->cursor, line_difference);
    }
}

static inline void
ct_put_slot(ct_recording *r, uint32_t slot, const uint8_t *value, size_t count)
{
    uint8_t *at = r->cursor;
    if (slot < 128)
        *at++ = (uint8_t)(CT_R_SLOT_SHORT + slot);
    else {
        *at++ = CT_R_SLOT;
        at = ct_write_varint(at, slot);
    }
    memcpy(at, value, count);
    r->cursor = at + count;
}

static inline void
ct_put_number(ct_recording *r, enum ct_record record, uint64_t number) /* THREAD, THREAD_EXIT, RESUME, ENDED, UNBIND, DIED, GLOBAL_UNBIND, CODE */
{
    *r->cursor++ = (uint8_t)record;
    r->cursor = ct_write_varint(r->cursor, number);
}

static inline void
ct_put_call(ct_recording *r, uint32_t code, unsigned flags)
{
    *r->cursor++ = CT_R_CALL;
    r->cursor = ct_write_varint(r->cursor, code);
    *r->cursor++ = (uint8_t)flags;
}

static inline void
ct_put_value(ct_recording *r, enum ct_record record, const uint8_t *value, size_t count) /* RETURN, YIELD, UNWIND */
{
    *r->cursor++ = (uint8_t)record;
    memcpy(r->cursor, value, count);
    r->cursor += count;
}

static inline void
ct_put_bytes(ct_recording *r, const void *bytes, size_t count) /* after ct_room(r, count) */
{
    memcpy(r->cursor, bytes, count);
    r->cursor += count;
}

#endif
