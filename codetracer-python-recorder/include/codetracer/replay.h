/* Reading a journal: opening it, its definitions, and walking its events with the complete state at each.
 *
 * A ct_journal is an open file (or the folder of a killed recording); it is read-only and may be shared by several ct_replay, each used by one
 * thread at a time. A ct_replay stands behind one event; its state is what the program looked like there, whole.
 *
 *     ct_journal *journal;  ct_replay *replay;  const ct_event *event;
 *     ct_journal_open(path, NULL, &journal, &error);
 *     ct_replay_new(journal, &replay, &error);
 *     while (ct_replay_next(replay, &event, &error) == CT_OK)
 *         if (event->kind == CT_EVENT_STEP) ... event->activation->slots ...
 *
 * Everything pointed to belongs to the journal or the replay: definitions live as long as the journal; events, activations, objects and
 * values only until the next ct_replay_next / ct_replay_seek_step. A replay is freed before its journal is closed.
 *
 * Errors: CT_E_IO (it cannot be read), CT_E_CORRUPT (the bytes break the format; error->position), CT_E_VERSION (written by a later version),
 * CT_E_NOMEM, CT_E_PARAM (NULL where nothing may be missing, a step that is not there). Format: docs/journal-format.md.
 */
#ifndef CODETRACER_REPLAY_H
#define CODETRACER_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/io.h"
#include "codetracer/journal.h"
#include "codetracer/memory.h"

typedef struct ct_text { const char *bytes; size_t size; } ct_text; /* not terminated; WTF-8 */

/* ---- definitions ---- */
typedef struct ct_code_info {
    uint32_t path, first_line;
    uint32_t flags;                /* enum ct_code_flag */
    uint32_t arguments;            /* parameters that can be given by position */
    uint32_t keyword_only;         /* and those that cannot */
    uint32_t slot_count;           /* variables; of a module or class 0: theirs are named as they come (CT_CODE_NAMESPACE) */
    ct_text qualified_name, module;
    const uint32_t *slot_names;    /* name ids */
    const uint8_t *slot_kinds;     /* enum ct_slot_kind */
    uint32_t parameters;           /* leading slots that are parameters: all of arguments, keyword_only, *args, **kwargs */
} ct_code_info;
typedef struct ct_type_info {
    enum ct_look look;             /* how its objects are shown: as a list, a dict, by fields … */
    unsigned flags;                /* CT_TYPE_BUILTIN */
    ct_text name;                  /* `module.qualname`; of a built-in type without module */
} ct_type_info;
typedef struct ct_shape_info { uint32_t count; const uint32_t *names; } ct_shape_info; /* the names (ids) of an object's fields */
typedef struct ct_meta_info { ct_text key, value; } ct_meta_info;

typedef struct ct_journal ct_journal;
typedef struct ct_journal_counts {
    uint64_t events, steps, contents, segments, blocks, file_bytes, stored_bytes[3], raw_bytes[3]; /* per block kind; file_bytes: with what only
                                 the live file of a recording has */
    uint32_t paths, names, codes, types, shapes, metas;
    uint64_t dropped_steps;   /* before the first one that is there: a recording that kept only its end. Steps are numbered from 0 nevertheless */
    bool complete;            /* has its end block; false: a recording that was cut, read as far as it goes */
    ct_code failed;           /* of one that was cut: what made it stop while the program went on (a full disk: CT_E_IO with failed_system ENOSPC); CT_OK: it is not known */
    int failed_system;        /* the system's errno, or 0 */
    bool imported;            /* made from a trace in another format: its id, times and sizes are not that trace's */
    bool rescued;             /* imported, and all of it is there, though a part of the trace is damaged (CT_E_CORRUPT, CT_E_VERSION): another part tells of the same program */
} ct_journal_counts;

/* path: a .ctj file, or a folder that holds one, or the private folder of a recording (journal.ctj with journal.live). Definitions are loaded
 * now; events and contents as they are asked for. A damaged tail is not an error (complete is false); a damaged middle is found when read. allocator:
 * memory.h; NULL: the C library's. */
CT_API ct_code ct_journal_open(const char *path, const ct_allocator *allocator, ct_journal **journal, ct_error *error);
/* The same for a .ctj file that lies elsewhere, for example within another file. The source is copied, and closed by ct_journal_close(), or at once when
 * this fails. */
CT_API ct_code ct_journal_open_source(const ct_source *source, const ct_allocator *allocator, ct_journal **journal, ct_error *error);
/* NULL is allowed. Its replays are freed already. */
CT_API void ct_journal_close(ct_journal *journal);
/* Appends the journal, as far as it could be read, to a sink as one complete .ctj file: whole blocks as they are, what the live file held as further
 * blocks, and an end block. The sink is not closed. After a failure part of it may have been appended. */
CT_API ct_code ct_journal_copy(ct_journal *journal, const ct_sink *sink, ct_error *error);
/* The same into a new file: path must not exist. On failure nothing is left behind. */
CT_API ct_code ct_journal_save(ct_journal *journal, const char *path, ct_error *error);
/* The recording that is read goes on: copies of it say that they were taken meanwhile, and not that it was cut. */
CT_API void ct_journal_goes_on(ct_journal *journal);
/* The allocator that the journal was opened with. */
CT_API const ct_allocator *ct_journal_allocator(const ct_journal *journal);
CT_API void ct_journal_count(const ct_journal *journal, ct_journal_counts *counts);
CT_API const uint8_t *ct_journal_id(const ct_journal *journal);           /* 16 bytes */
CT_API uint64_t ct_journal_start_time(const ct_journal *journal);         /* ns since 1970 */

/* By id, from 0 to the count in ct_journal_counts; a number that is none: NULL, or a text with bytes NULL. */
CT_API ct_text ct_journal_path(const ct_journal *journal, uint32_t path);
CT_API ct_text ct_journal_name(const ct_journal *journal, uint32_t name);
CT_API const ct_code_info *ct_journal_code(const ct_journal *journal, uint32_t code);
/* The lines of a code on which steps can be, in order, with the column in which the code on each begins; NULL: it is not known. */
CT_API const ct_line_column *ct_journal_lines(const ct_journal *journal, uint32_t code, size_t *count);
/* Of one of them the column; 0: it is not known. */
CT_API uint32_t ct_journal_column(const ct_journal *journal, uint32_t code, int64_t line);
CT_API const ct_type_info *ct_journal_type(const ct_journal *journal, uint32_t type);
CT_API const ct_shape_info *ct_journal_shape(const ct_journal *journal, uint32_t shape);
CT_API const ct_meta_info *ct_journal_meta(const ct_journal *journal, uint32_t index);
/* The value of the last META of that key; size 0 and bytes NULL when there is none. */
CT_API ct_text ct_journal_meta_value(const ct_journal *journal, const char *key);
/* The text of a source file as it was recorded; CT_END when it is not in the journal. *text belongs to the journal. */
CT_API ct_code ct_journal_source(ct_journal *journal, uint32_t path, ct_text *text, ct_error *error);

/* ---- spans: named pieces of the run, as a web request or a test ---- */
typedef struct ct_span_fact { ct_text key, value; } ct_span_fact;
typedef struct ct_span {
    ct_text id, label, type, status;   /* status: `ok`, `error` or another word */
    bool has_thread, has_steps;
    uint64_t thread;                   /* that began it */
    uint64_t first_step, last_step;    /* steps of other threads may lie between them */
    uint64_t last_event;               /* the last step, or what came behind it before the next; UINT64_MAX: not told */
    uint64_t start_ns, end_ns;         /* since 1970; 0: not told */
    ct_text start, end;                /* the same, ISO 8601 */
    ct_span_fact *metadata; size_t metadata_count;
} ct_span;
/* Tells each, in the order in which they ended; what is told is there until `found` returns. Anything but CT_OK from it ends this, and is returned. Errors:
 * CT_E_PARAM, CT_E_NOMEM. */
CT_API ct_code ct_journal_spans(const ct_journal *journal, ct_code (*found)(void *context, const ct_span *span), void *context);

/* ---- values ---- */
typedef enum ct_value_kind {
    CT_UNBOUND, CT_NONE, CT_BOOL, CT_ELLIPSIS, CT_NOTIMPLEMENTED, CT_REDACTED, CT_DROPPED, CT_INT, CT_BIGINT, CT_FLOAT, CT_COMPLEX, CT_TEXT, CT_BYTES, CT_OBJECT
} ct_value_kind;

/* A value, decoded. Content is resolved lazily: `content` is its id + 1 (0: the bytes are here); ct_replay_resolve() fetches the bytes. Until then
 * kind is CT_TEXT, whatever the content is, and data is empty. Bytes are as recorded: that texts are WTF-8 is not checked. */
typedef struct ct_value {
    ct_value_kind kind;
    bool negative;               /* CT_BIGINT */
    union {
        bool boolean;
        int64_t integer;
        double number[2];        /* CT_FLOAT: [0]; CT_COMPLEX: real, imaginary */
        struct { const uint8_t *bytes; uint64_t size, true_length; } data; /* CT_TEXT (true_length in characters), CT_BYTES, CT_BIGINT (LE magnitude) */
        uint64_t object;         /* id */
    };
    uint64_t content;
} ct_value;

typedef struct ct_object {
    uint64_t id, address;
    uint32_t type;
    uint8_t flags;               /* enum ct_object_flag: which of the following there are */
    uint64_t true_length;        /* of the items (a dict's entries) */
    uint64_t changed;            /* number of the event at which its state last changed */
    ct_value payload;            /* what a subclass of a scalar holds; the text of a literal; bytes of what is like bytes */
    size_t item_count; const ct_value *items;   /* flat: of a dict keys and values alternate */
    uint32_t shape; size_t field_count; const ct_value *fields; /* named by the shape */
    bool items_unknown;          /* only its length was looked at since its last full state */
    /* Only with ct_replay_track_parts(), else NULL: for each item and field the number of the event at which it last changed or came; and of the event at which
     * something was removed, or the state became another one as a whole (as at its first definition): what changed then, the numbers of the parts do not tell. */
    const uint64_t *items_changed, *fields_changed;
    uint64_t reshaped;
} ct_object;

typedef struct ct_slot {
    uint32_t name;               /* name id */
    uint32_t number;             /* slot number in the code; for a namespace the name id */
    ct_value value;
    uint64_t changed;            /* number of the event at which it last changed */
} ct_slot;

typedef struct ct_activation {
    uint64_t id;
    uint32_t code;               /* may change at a STEP: to that of a part of the function in another file */
    uint8_t flags;               /* CT_CALL_ATTACHED */
    bool on_stack;               /* false: suspended or ended */
    int64_t line;                /* of its last step; its code's first line before one */
    struct ct_activation *caller; /* the activation below it on the stack; NULL at the bottom */
    uint64_t thread;             /* on whose stack it is, or was last */
    size_t slot_count;           /* bound slots only: in slot order; in a namespace in the order of binding */
    const ct_slot *slots;
    size_t global_count;
    const ct_slot *globals;
} ct_activation;

typedef struct ct_thread {
    uint64_t number, system_id;
    ct_text name;
    size_t depth;
    ct_activation *const *stack; /* bottom first */
} ct_thread;

typedef enum ct_event_kind {
    CT_EVENT_THREAD_START, CT_EVENT_THREAD_EXIT, CT_EVENT_CALL, CT_EVENT_RESUME, CT_EVENT_THROW, CT_EVENT_RETURN, CT_EVENT_YIELD,
    CT_EVENT_UNWIND, CT_EVENT_LOST, CT_EVENT_ENDED, CT_EVENT_RAISE, CT_EVENT_HANDLED, CT_EVENT_OUTPUT, CT_EVENT_STEP, CT_EVENT_GAP
} ct_event_kind;

typedef struct ct_event {
    ct_event_kind kind;
    uint64_t number;             /* of the event, from 0 */
    uint64_t step;               /* STEP: its number, from 0; else the number of steps so far */
    const ct_thread *thread;     /* in which it happened (THREAD_START, THREAD_EXIT: the thread meant) */
    const ct_activation *activation; /* CALL … STEP: the one concerned, also when it has just ended; OUTPUT: the top one or NULL */
    ct_value value;              /* RETURN, YIELD, UNWIND, THROW, RAISE, HANDLED */
    int64_t line;                /* STEP, RAISE, HANDLED */
    enum ct_stream_number stream; /* OUTPUT */
    uint8_t descriptors;         /* OUTPUT: any bytes, written to file descriptor 1 (bit 0), 2 (bit 1), or one of the two, and not through Python's text streams; else 0 */
    ct_text text;                /* OUTPUT */
    uint8_t reason;              /* GAP */
} ct_event;

typedef struct ct_replay ct_replay;
/* Stands before the first event. The caller frees it, before the journal is closed. */
CT_API ct_code ct_replay_new(ct_journal *journal, ct_replay **replay, ct_error *error);
CT_API void ct_replay_free(ct_replay *replay); /* NULL is allowed */
/* From here on objects tell which of their items and fields changed, which takes memory and time. To be called before the first event is read. NULL is allowed. */
CT_API void ct_replay_track_parts(ct_replay *replay);
/* Goes behind the next event with all its changes; *event is filled only with CT_OK. CT_END at the end. */
CT_API ct_code ct_replay_next(ct_replay *replay, const ct_event **event, ct_error *error);
/* Goes behind step number `step` (CT_E_PARAM when there is none): nearest key state, then forward. What did not change since the key state has
 * as `changed` the number of the event before it. After any failure a replay can be used again by seeking. */
CT_API ct_code ct_replay_seek_step(ct_replay *replay, uint64_t step, const ct_event **event, ct_error *error);
/* NULL: no such object now (its id has died). */
CT_API const ct_object *ct_replay_object(const ct_replay *replay, uint64_t id);
/* Fills value->data from its content when it lies elsewhere (value->content != 0). The bytes live until the next resolve that evicts them: at least
 * the last 64 resolved stay. */
CT_API ct_code ct_replay_resolve(ct_replay *replay, ct_value *value, ct_error *error);
/* The threads that are there now, in the order in which they came; an index beyond them: NULL. */
CT_API size_t ct_replay_thread_count(const ct_replay *replay);
CT_API const ct_thread *ct_replay_thread(const ct_replay *replay, size_t index);
/* Grows with every event at which any object changed: two equal numbers, no object changed between. */
CT_API uint64_t ct_replay_objects_changed(const ct_replay *replay);

#endif
