/* The recorder: what a running recording consists of, and how its parts fit together.
 *
 *   events.c        sys.monitoring's callbacks            -> one call each into activations.c and snapshot.c
 *   activations.c   threads, call stacks, generators      which activation an event belongs to
 *   snapshot.c      slots and namespaces                  which of its variables changed
 *   values.c        Python values -> journal values       reads C storage only
 *   objects.c       the object table                      which objects changed, key states
 *   object_state.c  what an object's state is
 *   image.c         whether its memory is as it was
 *   types.c         Python types -> how to read them      classified once per type
 *   redaction.c     what is kept out: secrets' names and texts
 *   filters.c       the user's rules on code objects and names
 *   literals.c      texts of Decimal, datetime, Path …    from their C storage or slots
 *   code_info.c     code objects -> definitions, filter   once per code object
 *   columns.c       where the code of each line begins    once per code object
 *   effects.c       what instructions may change          once per place
 *   operands.c      the values that they meet             noted once per place, found at each event
 *   quiet.c         whether anything can have changed     at each event
 *   lifetime.c      deaths of objects, types, generators  process-wide hooks
 *   io_capture.c    text through sys.stdout, stderr, stdin
 *   fd_capture.c    what else is written to descriptors 1 and 2, by fd_channel.c and forward/
 *   signals.c       signal handlers written in C
 *   weakrefs.c      weak references' functions written in C
 *   fork.c          what a fork does to a recording
 *   period.c        pauses, start and stop points, limits
 *   session.c       start, stop, failure
 *
 * The one invariant: between the entry of a callback and its return no Python code runs, nothing that the program can see is
 * written, and the GIL is held all the time. So within a callback borrowed references stay valid, and the GIL is the lock for
 * everything here. No callback ever raises.
 */
#ifndef CT_RECORDER_H
#define CT_RECORDER_H

#include "compat/compat.h"

#include "codetracer/filter.h"
#include "codetracer/record.h"
#include "codetracer/redact.h"

typedef struct recorder recorder;
typedef struct activation activation;
typedef struct code_info code_info;
typedef struct effect_stretch effect_stretch;
typedef struct effect_draft effect_draft;
typedef struct effect_table effect_table;
typedef struct fd_capture fd_capture;
typedef struct object_record object_record;
typedef struct thread_record thread_record;
typedef struct type_info type_info;

/* An open-addressing table from a pointer to a pointer. Keys NULL and (void *)1 are not allowed. */
typedef struct pointer_map {
    struct pointer_entry { const void *key; void *value; } *entries;
    size_t mask, used, live;
} pointer_map;

void *pointer_map_get(const pointer_map *map, const void *key);
bool pointer_map_set(pointer_map *map, const void *key, void *value); /* false: no memory */
void *pointer_map_remove(pointer_map *map, const void *key);          /* the value that was there */
void pointer_map_clear(pointer_map *map);

/* A growing stack of bytes for values being put together; nested users keep positions, never pointers, across growth. */
typedef struct scratch { uint8_t *bytes; size_t size, capacity; } scratch;
uint8_t *scratch_room(scratch *s, size_t count); /* NULL: no memory. The bytes are taken with scratch_take */
static inline void scratch_take(scratch *s, const uint8_t *end) { s->size = (size_t)(end - s->bytes); }

/* What is done with the value under a name, by the name's words or by a user's rule; a higher one wins. */
enum value_action {
    VALUE_SHOW,
    VALUE_OF_NAMES,              /* __annotations__: its keys name no secrets, but types */
    VALUE_HIDE_TEXTS,            /* a secret's name: str and bytes are hidden, in containers too; other objects are judged by their own fields */
    VALUE_REDACT,                /* a rule: hidden, whatever it is */
    VALUE_REDACT_SECRET,         /* the same under a secret's name: the texts in it are known from then on, as if there were no rule */
    VALUE_DROP,                  /* a rule: left out; of what is returned, yielded or raised stands that there was something */
    VALUE_DROP_SECRET,           /* the same under a secret's name */
    VALUE_LEFT_OUT               /* no name of the program's: a notebook's own */
};

static inline bool
value_is_ruled(enum value_action action)
{
    return action >= VALUE_REDACT && action <= VALUE_DROP_SECRET;
}

/* What a rule says and what the words of the name say, together. */
static inline enum value_action
value_stricter(enum value_action meant, enum value_action by_words)
{
    if (meant < VALUE_REDACT)
        return meant > by_words ? meant : by_words;
    if (by_words != VALUE_HIDE_TEXTS)
        return meant;
    return meant == VALUE_REDACT ? VALUE_REDACT_SECRET : meant == VALUE_DROP ? VALUE_DROP_SECRET : meant;
}

/* Whether a str with that hash, as a key, has a secret's name. A key is not held; the hash of 64 bits is as good, and there, as it is in a dict. */
typedef struct key_verdict { Py_hash_t hash; bool secret; } key_verdict;
enum { KEY_VERDICTS = 1024 };

/* What was hidden, by kind; the last: texts that were too many to be known. By rules of a filter are only the attributes so named: for all else, enum filtered_kind. */
enum hidden_kind {
    HIDDEN_VARIABLES, HIDDEN_RETURNS, HIDDEN_ITEMS, HIDDEN_ATTRIBUTES, HIDDEN_TEXTS, HIDDEN_RULED_ATTRIBUTES, DROPPED_ATTRIBUTES, HIDDEN_OUTPUT,
    HIDDEN_FORGOTTEN, HIDDEN_KINDS
};
enum { HIDDEN_IN_OBJECTS = 5 };  /* kinds of what an object's state holds: HIDDEN_ITEMS … DROPPED_ATTRIBUTES */

/* What rules hide: the kinds of value that 0.3.0's metadata counts (attributes: enum hidden_kind). */
enum filtered_kind { FILTERED_ARGUMENT, FILTERED_GLOBAL, FILTERED_LOCAL, FILTERED_RETURN, FILTERED_KINDS };

/* Streams as redaction sees them: enum ct_stream_number, then what goes past Python to the descriptors of the first two. */
enum { OUTPUT_DESCRIPTOR = 3, OUTPUT_STREAMS = 5 };

/* The last journal value written for a slot. size 0: unbound. */
typedef struct shadow {
    PyObject *lasting;           /* the value itself, if it is an immortal scalar; else NULL. Not held */
    object_record *record;       /* of the object that the value is, or NULL. It may have died: then the record has another id, or none */
    uint64_t id;                 /* the record's then */
    uint8_t action;              /* enum value_action of the name; stays when it is unbound */
    uint8_t size;                /* 0: unbound */
    uint8_t bytes[CT_VALUE_MAX];
} shadow;

static inline void
shadow_unbind(shadow *last)
{
    last->lasting = NULL;
    last->record = NULL;
    last->size = 0;
}

typedef struct named_shadow { PyObject *key; uint32_t name; bool seen; shadow last; } named_shadow;

/* The last values of a namespace (module or class body), or of the globals that a function refers to, in dict order. */
typedef struct namespace_shadow {
    named_shadow *names;
    size_t count, capacity;
    size_t found;                /* where the last name that was looked for stands: the next one is often behind it */
    uint64_t complete;           /* quiet_watch.names_changed when it was last as the namespace */
    bool hides;                  /* some name is, or was, hidden */
    bool is_shadowed;            /* by a variable of an inlined comprehension, when it was last written */
} namespace_shadow;

struct activation {
    ct_frame *frame;             /* compared, and read only while an event of this very frame is being handled */
    code_info *info;             /* valid while the frame lives: the frame owns its code */
    uint64_t id;
    int line;
    int entry;                   /* code unit where its line began to run, as quiet.c saw it; -1: not known */
    uint32_t code;               /* journal id; outlives info */
    bool in_generator, on_stack, attached;
    uint32_t slot_count;
    namespace_shadow *names;     /* of a namespace body */
    namespace_shadow *globals;   /* with --globals=referenced */
    activation *below;           /* on its thread's stack */
    activation *next_free;
    thread_record *thread;
    shadow slots[];
};

struct thread_record {
    uint64_t number, tstate_id, system_id;
    char name[64];               /* threading's name for it, cut; else the system's */
    activation *top;
    bool entered;                /* a call was seen in it: what was running before is attached */
    bool exited, seen_alive;
    thread_record *next;
};

/* How objects of a type are read. */
enum reading {
    READ_OPAQUE, READ_LIST, READ_TUPLE, READ_DICT, READ_SET, READ_DEQUE, READ_INSTANCE, READ_EXCEPTION, READ_ENUM, READ_RANGE, READ_SLICE,
    READ_FUNCTION, READ_BUILTIN, READ_METHOD, READ_CLASS, READ_MODULE, READ_BYTEARRAY, READ_MEMORYVIEW, READ_BASE_INT, READ_BASE_FLOAT,
    READ_BASE_TEXT, READ_BASE_BYTES, READ_BASE_COMPLEX, READ_DECIMAL, READ_FRACTION, READ_UUID, READ_PATH, READ_DATE, READ_TIME, READ_DATETIME, READ_TIMEDELTA,
    READ_TIMEZONE
};

typedef struct slot_member { Py_ssize_t offset; uint32_t name; } slot_member;

struct type_info {
    PyTypeObject *type;
    void *block;                 /* allocation that holds a heap type: its death ends this record */
    uint32_t id;                 /* journal type */
    enum reading reading;
    bool is_container;           /* elements count as container levels, else attribute levels */
    bool immutable;              /* the text or payload of an object of this type never changes */
    bool managed_dict;
    bool has_dict;               /* an instance dict at dict_offset */
    bool dies_quietly;           /* the death of an instance runs nothing: it lets go what is in it */
    Py_ssize_t dict_offset;
    uint8_t *item_actions;       /* named tuples: an enum value_action for each of the first fields; NULL: all are shown */
    size_t item_action_count;
    size_t member_count;
    slot_member *members;        /* __slots__ of Python classes, base classes first */
    PyObject **key_objects;      /* in-line attributes: the i-th cached key (held) and its name id */
    uint32_t *key_names;
    size_t key_count;
    uint32_t shape; uint32_t *shape_names; size_t shape_count, shape_capacity; /* the shape written last */
    char *name; size_t name_size;
    unsigned int version;        /* the type's version tag when its name was read, for __module__ … */
    PyObject *qualname;          /* … and its __qualname__, held, which has no version: a class can be renamed. NULL: no exact str, looked at each time */
};

#define ANY_ELEMENT UINT32_MAX

/* What a visit of an unchanged object reads stands first: its first 64 bytes. */
struct object_record {
    PyObject *object;            /* not held: compared, and read only while it is known to be alive. NULL: the record is free */
    type_info *type;
    uint64_t id;
    uint64_t visited;            /* the look that visited it last: nothing has changed in it if none has since recorder.quiet_since … */
    /* image.c: what its memory looked like when the state was written; word_count 0: not known */
    PyObject **words;
    struct child { object_record *record; uint64_t id; const void *address; } *children; /* what the state refers to, in its order, at first … */
    uint32_t word_count, child_count;
    uint8_t visited_containers, visited_attributes; /* … and the levels that were left in that visit */
    bool has_state;              /* state holds what the journal says of it; else only address (and length) were written */
    bool settled;                /* its state can never change */
    bool announced;              /* an OBJECT record was written … */
    bool hidden;                 /* it was under a secret's name: the texts in it are hidden */
    bool queued;                 /* is on recorder.queue … */
    uint32_t stored_at;          /* … because at most this element has changed; ANY_ELEMENT: any may have */
    bool whole;                  /* all that it refers to, but for elements beyond the limit of items, is in its state, and known itself if it is no scalar */
    uint8_t flags;               /* enum ct_object_flag of the state */
    bool guarded;                /* its state is a text that is the same as long as `guards` are (literals.c) */

    bool keys_name_types;        /* an __annotations__ */
    uint32_t type_written;       /* … naming this journal type */
    uint32_t first_field;        /* … those of fields from here on */
    size_t secrets_known;        /* when the state was written */
    uint64_t *held;              /* bits: words that are references of ours */
    size_t large_held;           /* bytes of those that are not small */
    uint32_t word_capacity, child_capacity;
    void *block;                 /* allocation that holds the object */
    int64_t length;              /* the true length written last, or -1 */
    PyObject *guards[2];         /* held exact strings from which a named thing's text was made … */
    uint8_t *state;              /* payload, items, fields, as in the OBJECT record … */
    uint32_t state_size, state_capacity;
    uint8_t *patches;            /* … but for these elements, which were written since: each its place and value (objects.c) */
    uint32_t patch_count, patch_size, patch_capacity;
    bool plain;                  /* its elements are one behind the other in words and in the state alike, and none is judged by its name or hidden */
    uint16_t hidden_values[HIDDEN_IN_OBJECTS]; /* in its state */
};

struct code_info {
    uint64_t session;            /* of the recording it was made for */
    bool skipped;
    struct code_points *points;  /* start and stop points that lie in it; NULL: none */
    bool own;                    /* the recorder's own: never recorded */
    bool outer;                  /* that, or what runs the program: where it is not recorded, what called it is not the program */
    char *given_path;            /* code whose source we were handed: the path made up for it, which is recorded */
    uint32_t code;               /* journal id */
    int first_line;
    uint32_t slot_count;
    bool is_namespace, is_module;
    uint32_t parameter_count;
    uint8_t *kinds;              /* CPython's kinds of the slots */
    uint32_t *names;             /* journal names of the slots */
    uint8_t *actions;            /* enum value_action of the slots */
    bool hides;                  /* some slot's is not VALUE_SHOW */
    int asked;                   /* how often effects.c was, before it had begun to follow the code */
    uint8_t return_action, yield_action;
    uint8_t exception_action;    /* of what is raised in it, thrown into it or leaves it */
    bool calls_only;             /* lines are not recorded */
    bool judged;                 /* a rule says something of its values: `decision` */
    ct_filter_decision decision;
    effect_table *effects;       /* NULL: not asked for yet */
    PyCodeObject *teller;        /* borrowed: the code, while it tells its lines (line_events.c); with its neighbours in the list of these */
    code_info *previous_teller, *next_teller;
    size_t global_count;
    PyObject **global_keys;      /* names in co_names, borrowed from the code */
    uint32_t *global_names;
    uint8_t *global_actions;
};

/* Where recording begins or ends: when line `line` of a file, or (line 0) a function, is reached. */
enum { POINT_FUNCTION = 0, POINT_FILE = -1 /* `where` is a whole path: the first code of it that begins, which also ends the recording */ };
typedef struct period_point { char *where; int line; bool starts, reached; } period_point;
typedef struct code_point { int line; bool starts, is_root; size_t number; } code_point; /* line 0: the code's beginning; the number is recorder.points' */
typedef struct code_points { size_t count; code_point at[]; } code_points;

/* Why an event is not simply recorded; bits of recorder.busy. */
enum { RECORDER_INSIDE = 1 /* a callback is being handled */, RECORDER_PAUSED = 2 };

typedef struct recorder_limits { int containers, attributes; Py_ssize_t items; size_t text; } recorder_limits;

typedef struct path_list { char **paths; size_t count; } path_list;

/* The text of a path: how many different ones there were (0: not looked for yet), and the last one's hash. */
typedef struct kept_source { uint32_t versions; uint64_t hash; } kept_source;

/* quiet.c: what is watched from one event to the next. */
enum { WATCHED_CELLS = 16, WATCHED_TARGETS = 8 };
typedef struct quiet_watch {
    const effect_stretch *stretch; /* what runs now; NULL: anything */
    ct_frame *frame;             /* … in this frame */
    PyObject *returned;          /* … when a call has just returned this to it, */
    bool returned_is_seen;       /* of which it is seen that it dies: a scalar, or known and without __del__, which could keep it */
    uint16_t loud_from;          /* unit from where on anything may happen, as things are now */
    uint16_t computes_from;      /* unit from where on there may be arithmetic that takes so long that signals are handled in it */
    bool alone;                  /* nobody else is called by the interpreter */
    PyObject **mark; PyObject *mark_word; /* where the next frame would be pushed, and what stood there */
    PyObject **behind;           /* where one would be while the frame at `mark`, which returns, is cleared */
    _PyStackChunk *chunk;
    unsigned long switches;      /* of the GIL */
    Py_ssize_t collections;      /* of garbage */
    size_t secrets_known;
    const effect_stretch *names; /* what ran before a quiet event, if it stores names */
    effect_draft *draft;         /* effects.c's; NULL: not needed yet */
    uint64_t names_changed;      /* counts the events before which names may have changed */
    uint8_t cell_count, target_count;
    struct watched_cell { uint16_t unit; _Py_CODEUNIT instruction; uint16_t counter; } cells[WATCHED_CELLS];
    struct watched_target { uint16_t unit; object_record *record; uint32_t index; /* of the element or entry, or ANY_ELEMENT */ } targets[WATCHED_TARGETS];
} quiet_watch;

struct recorder {
    ct_recording *out;
    uint64_t session;
    recorder_limits limits;
    uint64_t segment_bytes;      /* these two 0: the library's defaults */
    uint32_t block_bytes;
    int compression_level;
    int hidden_frames, hidden_c_levels; /* of ours, below the program's */
    PyInterpreterState *interpreter; /* whose GIL is the lock; others (subinterpreters) may free and print beside it */
    uint64_t starting_tstate_id;
    bool include_stdlib, include_exec, record_globals, capture_io, redaction;
    unsigned io_streams;         /* bits of enum ct_stream_number: those that are recorded */
    uint64_t muted_tstate_id;    /* the thread whose text is not the program's just now; 0: none */
    path_list skip, keep, own, outer;
    path_list left_out;          /* names of a namespace that are not the program's, as a notebook's own */
    path_list texts;             /* names of code that lies in no file and is recorded, as cells of a notebook */

    /* periods */
    period_point *points; size_t point_count;
    bool modules_from_paths;     /* modules are named after their files, not by __name__ */
    bool waiting;                /* paused until a start point is reached */
    const ct_frame *root;        /* of the file that the recording begins and ends with, or NULL */
    const char *stopped_by;      /* the limit that ended recording for good, or NULL */
    uint64_t step_limit, size_limit; /* UINT64_MAX: none; 0: none */
    uint64_t time_limit, deadline; /* nanoseconds, 0: none; of period_clock(), 0: none, or nothing was recorded yet */
    uint64_t keep_steps, keep_bytes; /* only the end is kept: so many steps, or bytes; 0: everything */
    uint64_t check_mask;         /* recorder_check and period_check come when stamp & check_mask is 0 */

    char *workdir;
    PyObject *compiled_name;     /* exec_source.c: file name (held) and text of what was compiled last */
    char *compiled_text; size_t compiled_size;
    uint64_t exec_count;
    kept_source *sources; size_t source_count; /* by path */

    /* threads */
    PyThreadState *tstate; uint64_t tstate_id;
    thread_record *thread;       /* of the events being written */
    thread_record *threads;
    uint64_t thread_count, stream_thread;
    thread_record spare_thread;  /* stands in when there is no memory for a record */

    /* activations */
    uint64_t activation_count;
    activation *pool[64];        /* free ones, by number of slots */
    pointer_map suspended;       /* frame of a generator -> its activation, running ones too */

    /* objects */
    pointer_map objects;         /* PyObject * -> object_record * */
    pointer_map types;           /* PyTypeObject * -> type_info * */
    pointer_map names;           /* PyObject * (held exact str) -> name id + 1 */
    object_record *free_records; /* linked by their `block`. Records stay readable until the recording ends: see shadow */
    struct record_slab *slabs;
    uint64_t object_count, stamp;
    uint64_t look;               /* an object that was visited in this one is not looked at again … */
    uint64_t quiet_since;        /* … nor in one since this one, for nothing can have changed meanwhile; while verifying, it is */
    quiet_watch quiet;
    bool handles_signals;        /* there is a handler in Python that does more than raise, or was */
    bool restless;               /* something may change at any time: a memoryview's memory, what a signal's or a weak reference's function in C changes, what warnings of bytes note */
    bool instance_dicts;         /* an instance was seen whose attributes are in a dict, which the program may know as well … */
    pointer_map attribute_dicts; /* … but for those of objects like class methods, which have no other way: those dicts, some of them freed by now */
    uint64_t quiet_events;       /* those before which nothing can have changed */
    uint64_t changes;            /* of variables and objects, as written */
    bool verify_capture, verifying; /* each snapshot is taken once more, looking at everything; what that finds was missed */
    uint64_t missed;
    ct_free_function object_free; /* how objects were freed when lifetime_check looked last; NULL: it has not */
    uint64_t *died; size_t died_count, died_capacity;
    bool died_loudly;            /* one of these may have run something that changed what is shown */
    uint64_t *ended; size_t ended_count, ended_capacity; /* activations of generators that died */
    scratch values, text, literal;
    object_record **children; size_t child_count, child_capacity; /* of the state that is encoded */
    object_record **queue; size_t queue_count, queue_capacity; /* what objects_look is to look at */
    size_t large_held;           /* by all images */
    PyObject **words; uint64_t *words_held; size_t word_count, word_capacity; /* of the image being taken */
    size_t first_field; /* where, in children, those begin that are fields, not elements */
    bool judged;                 /* something in the state that is encoded is hidden, or could be, for its name or a known text */
    bool not_shown;              /* something that the object refers to is not in that state */
    uint32_t *field_names; size_t field_count, field_capacity;

    /* filters */
    ct_filter *filter;           /* NULL: there are no rules */
    uint64_t filtered_codes[CT_FILTER_SKIP + 1];
    uint64_t skipped_by_rules;   /* of these, what would have been recorded without rules */
    uint64_t filtered_values[2][FILTERED_KINDS]; /* redacted, dropped: how often a snapshot or a return would have had such a value */

    /* redaction */
    ct_secrets *secrets;
    size_t secrets_known;        /* 0: nothing is searched */
    uint8_t *name_actions;       /* enum value_action by journal name */
    uint8_t *attribute_actions;  /* the same of attributes: stricter where a rule says so */
    size_t name_action_capacity;
    key_verdict *key_verdicts;   /* [KEY_VERDICTS] */
    struct searched_text { uint64_t low, high; bool found; } searched[256]; /* long texts, by hash */
    ct_masked_stream masked[OUTPUT_STREAMS];
    uint8_t held_flags[2];       /* of the last two: what is held in them has these flags */
    fd_capture *descriptors;     /* NULL: not captured */
    char prompt[80]; size_t prompt_size; /* the last line that was written, if it has no end: what is read next answers it */
    uint16_t state_hidden[HIDDEN_IN_OBJECTS]; /* in the state that is being encoded */
    uint64_t hidden[HIDDEN_KINDS];

    uint64_t calls, cut_items, cut_depth, cut_text;
    uint64_t cut_content_end;    /* contents from here on have not been counted in cut_text */
    uint8_t busy;
    uint64_t python_inside;      /* Python code that ran within one: 0, or a fault of ours */
    bool no_memory;              /* an allocation of ours failed: recording ends at this event */
};

/* The recording of this process, or NULL. Set and cleared with the GIL held. */
extern recorder *active_recorder;

/* Whether this thread runs in the recorded interpreter, whose GIL is the lock: the process-wide hooks are called by others too. */
static inline bool
recorder_is_ours(const recorder *r)
{
    PyThreadState *tstate = ct_thread_state();
    return tstate && tstate->interp == r->interpreter;
}

/* session.c */
void recorder_check(recorder *r); /* now and then, between events: ends the recording if it failed, and sees to the hooks */

/* threads and activations: activations.c. Each is called at the beginning of an event of `frame`. */
void recorder_enter_thread(recorder *r, PyThreadState *tstate); /* tstate: the current one. THREAD records as needed; key state when due */
activation *activation_push(recorder *r, ct_frame *frame, code_info *info, bool attached); /* writes no record */
activation *activation_resync(recorder *r, ct_frame *frame);   /* top of the stack is not frame: brings the stack in line; NULL: not recorded */
void activation_pop(recorder *r, activation *a);               /* off the stack; stays known when suspended */
void activation_end(recorder *r, activation *a);               /* gone: freed */
void activations_lose_to(recorder *r, const activation *a);    /* a, and what is above it, ended unseen: LOST */
activation *activation_suspended(recorder *r, ct_frame *frame);
void activation_put_on_top(recorder *r, activation *a);
void activations_trim(recorder *r, ct_frame *frame);           /* pops what is on the stack but not among frame's callers */
void activations_free(recorder *r);
void activations_write_key_state(recorder *r);
void recorder_write_ended(recorder *r);                        /* ENDED for generators that died unseen */
void threads_write_exits(recorder *r);                         /* THREAD_EXIT for threads that have ended: at the recording's end */
void threads_forget(recorder *r);

static inline activation *
recorder_activation(recorder *r, ct_frame *frame)
{
    activation *top = r->thread->top;
    return __builtin_expect(top != NULL && top->frame == frame, 1) ? top : activation_resync(r, frame);
}

/* quiet.c */
bool quiet_holds(recorder *r, PyThreadState *tstate, ct_frame *frame, bool starts); /* at an event of frame, its beginning or in it: nothing can have changed but what it then looks at */
void quiet_begin(recorder *r, activation *a, ct_frame *frame, int unit); /* at an event's end: a's code goes on at that unit */
void quiet_begin_caller(recorder *r, ct_frame *frame, PyObject *returned); /* … or, since frame is about to be left, its caller's */
void quiet_end(recorder *r, bool held); /* the answer, after recorder_enter_thread: what is to be looked at in this event */
bool quiet_namespace(recorder *r, const activation *a, ct_frame *frame, const uint16_t **stored, size_t *count); /* in a quiet event: no name but these has changed; places in co_names */
void quiet_setup(int tool);

/* columns.c */
void columns_lines(PyCodeObject *code, int32_t *lines, size_t count); /* of each code unit; -1: of none */

/* code_info.c */
void columns_define(recorder *r, PyCodeObject *code, uint32_t number); /* number: the journal's */
code_info *code_info_of(recorder *r, PyCodeObject *code, ct_frame *frame); /* frame: one that runs it, for its module's name. NULL: no memory */
void code_info_give_text(recorder *r, const char *path, const char *source, size_t size); /* of a file that is none */
/* Records `code` and the code objects within it under a path made up for the text they were compiled from. */
void code_info_give_source(recorder *r, PyCodeObject *code, const char *path, const char *source, size_t size);
int code_info_setup(void);          /* once per process; -1 with an exception */

/* snapshot.c */
void snapshot_write(recorder *r, activation *a, ct_frame *frame); /* changes since the last one */
void snapshot_write_key_state(recorder *r, const activation *a);
void namespace_free(namespace_shadow *names);

/* values.c: writes the journal value of an object at `at` (CT_VALUE_MAX bytes), returns the end. *record: the object's record when it has
 * one, to be visited with object_visit, else NULL. */
uint8_t *value_encode(recorder *r, PyObject *object, uint8_t *at, object_record **record);
uint8_t *value_encode_text(recorder *r, const char *utf8, size_t size, uint8_t *at);
uint8_t *value_encode_str(recorder *r, PyObject *text, uint8_t *at);
uint8_t *value_encode_int(recorder *r, PyLongObject *number, uint8_t *at);
uint8_t *value_encode_bytes(recorder *r, const void *bytes, size_t size, uint8_t *at);
/* The text of an exact or derived str as WTF-8, at most `limit` bytes, in r->text from its start; *size bytes. False: no memory. */
bool text_utf8(recorder *r, PyObject *text, size_t limit, const char **bytes, size_t *size);
/* Of a value under a name with that action. */
uint8_t *value_encode_as(recorder *r, PyObject *object, enum value_action action, uint8_t *at, object_record **record);
uint32_t name_of(recorder *r, PyObject *text); /* journal name of a str; kept by pointer (held) */
void names_forget(recorder *r);

/* Modules/_collectionsmodule.c, the same in 3.12 and 3.13. */
enum { DEQUE_BLOCK = 64 };
typedef struct deque_block { struct deque_block *left; PyObject *data[DEQUE_BLOCK]; struct deque_block *right; } deque_block;
typedef struct deque_object { PyObject_VAR_HEAD deque_block *left, *right; Py_ssize_t left_index, right_index; } deque_object;

/* image.c. To be asked of a live object of the type it had then, whose state is the one written last. `length`: object_length. */
enum { MOST_SINGLE_CHANGES = 4 };
typedef struct image_changes {
    size_t count;
    struct image_change { uint32_t word, index; /* of the element, in words and in the state */ PyObject *value; } list[MOST_SINGLE_CHANGES];
} image_changes;
/* True: it is as it was, but for these elements. More than some, or other changes: false. */
bool image_compare(recorder *r, const object_record *record, Py_ssize_t length, image_changes *changes);
/* … but for one run of elements, of a plain list, dict, set or deque all of which is shown. False: other changes. */
enum { MOST_RUN = 32 };
typedef struct image_run { uint32_t start, removed, added; /* elements: of a dict, keys and values */ PyObject *values[MOST_RUN]; } image_run;
bool image_compare_run(recorder *r, const object_record *record, Py_ssize_t length, image_run *run);
/* The same of a list or dict in which at most that element, or the value of that entry, has changed since it was looked into. False: it has to be compared whole. */
bool image_compare_element(const recorder *r, const object_record *record, uint32_t index, image_changes *changes);
/* Whether the element was, and is, an equal scalar. */
bool image_is_equal(const object_record *record, const struct image_change *change);
/* Takes them over; `children`: their records, NULL of scalars. False, and nothing done: the image has to be taken anew. */
bool image_change(recorder *r, object_record *record, const image_changes *changes, object_record *const *children);
bool image_change_run(recorder *r, object_record *record, const image_run *run, object_record *const *children); /* likewise */
void image_take(recorder *r, object_record *record, Py_ssize_t length); /* after object_encode_state, whose children are on r->children */
void image_drop(recorder *r, object_record *record);
void image_free(recorder *r, object_record *record);

/* object_state.c */
PyObject *object_dict(PyObject *object, const type_info *type); /* an instance's, at type->dict_offset; borrowed, or NULL */
Py_ssize_t object_length(PyObject *object, enum reading reading); /* of a container, all of it; of others -1 */
/* Puts the whole state into r->values and its children on r->children, both empty before; those of fields from r->first_field on. Returns the state's flags. */
uint8_t object_encode_state(recorder *r, object_record *record, Py_ssize_t length);

/* objects.c */
object_record *object_find_or_new(recorder *r, PyObject *object);
void object_visit(recorder *r, object_record *record, int containers, int attributes); /* so many levels from it; done by objects_look */
/* Something was stored in the object, which is alive, and nothing else has changed in it since it was looked at: it is looked at if it was before, its dict as well. `index`: of the list's
 * element, of the dict's entry, or ANY_ELEMENT. */
void object_look_at_stored(recorder *r, object_record *record, uint32_t index);
bool object_is_looked_into(const recorder *r, const object_record *record); /* since anything happened: what it refers to is what the journal says. Not so at the border of what is shown, and beyond it */
void object_look_again(recorder *r, object_record *record); /* at one that was visited in this look, with the levels that it had */
void objects_look(recorder *r);  /* what is to be visited, is; within an event */
void object_record_free(recorder *r, object_record *record); /* its object is gone, and not in the table any more */
void object_write_deaths(recorder *r);
void objects_write_key_state(recorder *r);
void objects_free(recorder *r);

/* types.c */
type_info *type_info_of(recorder *r, PyTypeObject *type); /* NULL: no memory */
void type_info_refresh(recorder *r, type_info *info); /* after the class was modified: a new journal type if it was renamed */
void type_info_died(recorder *r, type_info *info);
void types_free(recorder *r);
/* `module.qualname` of a type from its storage, bare for builtins; written into buffer as a terminated string, cut to its size. */
size_t type_qualified_name(recorder *r, PyTypeObject *type, char *buffer, size_t capacity);
PyObject *dict_get_text(PyObject *dict, const char *key); /* borrowed; NULL if absent; runs no Python code */

/* literals.c: writes the text of an object that is shown as a literal into r->values (appended); false: cannot be read, show it opaque. */
bool literal_write(recorder *r, PyObject *object, type_info *info, object_record *record);
/* Whether a guarded record's text would be the same. */
bool literal_is_same(const object_record *record);

/* The forms in which repr() and json.dumps() write a text (or, text NULL, repr() bytes), where they differ from it: their number. In r->literal. */
int literal_forms(recorder *r, const char *bytes, size_t size, PyObject *text, const char *forms[2], size_t sizes[2]);

/* redaction.c */
bool redaction_setup(recorder *r);  /* false: no memory */
void redaction_free(recorder *r);
uint32_t name_define(recorder *r, const char *bytes, size_t size); /* a journal name, with its action */
bool redaction_judge_key(recorder *r, PyObject *key);
/* A key of a dict whose texts are hidden: the name of a field stays. */
uint8_t *redaction_encode_key(recorder *r, PyObject *key, uint8_t *at, object_record **record);
/* The payload of a str or bytes subclass, bytearray or memoryview that is hidden. */
uint8_t *redaction_encode_payload(recorder *r, PyObject *object, enum reading reading, const void *bytes, size_t size, uint8_t *at);
void redaction_learn(recorder *r, PyObject *object); /* the texts in what a rule hides whole, under a secret's name */
void redaction_hide_name(recorder *r, const char **bytes, size_t *size); /* of a thread, function, class: <redacted> if a known text is part of it */
bool redaction_finds(recorder *r, const void *bytes, size_t size); /* a known text in these bytes; to be asked if r->secrets_known */
/* Text that goes to a stream, with known texts masked. False: nothing is left to be written now. */
bool redaction_mask(recorder *r, int stream /* or OUTPUT_DESCRIPTOR + 0, 1 */, const char **bytes, size_t *size);
void redaction_argument(recorder *r, bool *after_option, const char **bytes, size_t *size, char *buffer, size_t capacity);

static inline bool
redaction_is_secret_key(recorder *r, PyObject *key)
{
    if (PyUnicode_CheckExact(key)) {
        Py_hash_t hash = ((PyASCIIObject *)key)->hash;
        const key_verdict *known = &r->key_verdicts[(uint64_t)hash % KEY_VERDICTS];
        if (__builtin_expect(known->hash == hash && hash != -1 && hash != 0, 1))
            return known->secret;
    }
    return redaction_judge_key(r, key);
}

/* filters.c */
int filters_read(recorder *r, PyObject *options); /* -1 with an exception */
/* Whether a code object is recorded, and how; by_place: whether it is where no rule says anything. To be asked if r->filter. */
void filters_decide(recorder *r, PyCodeObject *code, code_info *info, const char *path, PyObject *module, bool by_place);
uint8_t filters_name_action(recorder *r, code_info *info, ct_filter_kind kind, PyObject *name, uint8_t by_words);
void filters_count(recorder *r, uint8_t action, enum filtered_kind kind); /* a value was there that a rule hides; other actions count nothing */
uint8_t filters_attribute_action(recorder *r, const char *name, size_t size, uint8_t by_words);
PyObject *filters_summary(recorder *r); /* writes the counts; the patterns that took too long, None without filters, NULL with an exception */

/* lifetime.c */
void lifetime_watch(const void *block);
void lifetime_unwatch(const void *block);
int lifetime_install(void);   /* -1 with an exception */
void lifetime_remove(void);
void lifetime_check(recorder *r); /* puts the hook back if another tool has taken it out, and forgets what may have died meanwhile */

/* period.c. What an event means that comes while the recording is paused. */
enum period_event { PERIOD_START, PERIOD_LINE, PERIOD_END /* the frame leaves its stack for good */, PERIOD_YIELD /* … and may come back */, PERIOD_OTHER };
enum period_answer { PERIOD_OFF /* switch the place off if possible */, PERIOD_IGNORE, PERIOD_RECORD };
enum period_answer period_event(recorder *r, enum period_event event, int line, code_info *info, ct_frame *frame, PyThreadState *tstate);
void period_passed(recorder *r, const code_info *info, int line); /* a line, or 0: the beginning, was recorded: a stop point? */
void period_steps_reached(recorder *r);
void period_root_ended(recorder *r);                              /* the frame r->root returns or unwinds */
void period_skipped(recorder *r, enum period_event event, int line, const code_info *info, ct_frame *frame); /* an event of code with points that is not recorded */
void period_check(recorder *r);                                   /* now and then: the limits of time and size */
void period_time_begins(recorder *r);                             /* something is recorded from now on: the limit of time counts from the first such moment */
void period_pause(recorder *r, enum ct_gap_reason reason);        /* these three outside of events */
void period_wait(recorder *r);                                    /* for a start point */
void period_resume(recorder *r);                                  /* nothing after a limit */
/* Those in code of the file `path`, which was loaded from `loaded`; malloc'ed. NULL: none. */
code_points *period_points_of(recorder *r, const char *path, const char *loaded, const char *name);
int period_setup(PyObject *monitoring);                           /* -1 with an exception */

/* exec_source.c: with include_exec, the texts that exec(), eval() and compile() get */
int exec_source_install(recorder *r);
void exec_source_remove(recorder *r);

/* io_capture.c */
int io_capture_install(recorder *r);
void io_capture_remove(void);
void io_capture_flush(recorder *r);
/* Bytes that went past Python's text streams; either: stdout or stderr. */
void io_capture_write_bytes(recorder *r, enum ct_stream_number stream, bool either, const char *bytes, size_t size);
PyTypeObject *io_type(const char *name); /* new reference to a type of the module _io; NULL, RuntimeError: another stands in its place */
PyMethodDef *method_of(PyTypeObject *type, const char *name, int flags); /* the definition behind a type's method, if it is called that way; else NULL */

/* fd_capture.c */
int fd_capture_start(recorder *r, const char *forwarder, const char *folder); /* -1 with an exception */
void fd_capture_stop(recorder *r, bool recording);
void fd_capture_event(recorder *r);   /* at the beginning of each event; only if r->descriptors */
void fd_capture_pause(recorder *r);
void fd_capture_resume(recorder *r);  /* what came in the pause is left out */
void fd_capture_settle(void);         /* until what was written is where it belongs */
uint64_t fd_capture_lost(const recorder *r);
fd_capture *fd_capture_begin_editing(recorder *r); /* NULL: no need to end it */
void fd_capture_end_editing(fd_capture *c);
void fd_capture_noted_begin(void);    /* in this thread, what files write is text that was noted */
void fd_capture_noted_end(void);
void fd_capture_after_fork_in_child(void);

/* Whether calling it pushes a frame of Python's at once, which quiet.c sees: a function or its method. Borrows. */
static inline bool
is_in_python(PyObject *function)
{
    return PyFunction_Check(PyMethod_Check(function) ? PyMethod_GET_FUNCTION(function) : function);
}

/* signals.c */
int signals_install(recorder *r); /* -1 with an exception */
void signals_remove(void);

/* weakrefs.c: before monitoring begins, and after it ended */
int weakrefs_install(recorder *r); /* -1 with an exception */
void weakrefs_remove(void);

/* fork.c */
int fork_setup(void);
extern bool forked_from_recording;

/* line_events.c */
int line_events_setup(PyObject *monitoring, int tool_id, long line); /* line: the event's bit. -1 with an exception */
int line_events_of_running_code(recorder *r); /* when recording begins. -1 with an exception */
void line_events_begin(recorder *r, PyCodeObject *code, code_info *info);
void line_events_forget(code_info *info); /* it is about to be freed */
void line_events_remove(void);            /* before the tool id is given back; no code tells its lines any more */

/* events.c */
PyObject *monitoring_function(PyObject *monitoring, const char *name); /* sys.monitoring's own, written in C. NULL with an exception: something else stands there */
int events_install(recorder *r); /* -1 with an exception */
bool events_remove(void);        /* false: others had taken our tool id, and events since then were not ours. Safe in any state; keeps a pending exception */

#endif
