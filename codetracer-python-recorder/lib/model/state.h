/* The state of the program at an event: activations, threads, objects, and what records do to it.
 *
 * A state owns everything in it. Freed activations and objects go to free lists with their memory, so that a run in a steady state allocates
 * nothing. Functions that return CT_E_CORRUPT leave a constant sentence in state->message; a state that failed may only be cleared.
 */
#ifndef CT_MODEL_STATE_H
#define CT_MODEL_STATE_H

#include "journal/reader.h"
#include "model/id_map.h"
#include "model/values.h"

typedef struct ct_object_cell {
    ct_object object;
    ct_values items, fields;
    ct_inline payload_text;
    bool dead;                    /* in the event at hand; gone behind it */
    struct ct_object_cell *next;  /* of the free list, or of the dead */
} ct_object_cell;

typedef struct ct_activation_cell {
    ct_activation activation;     /* first: pointers to one are pointers to the other */
    ct_bindings slots, globals;
    const ct_code_info *code;
    struct ct_activation_cell *next; /* of the free list */
} ct_activation_cell;

typedef struct ct_thread_cell {
    ct_thread thread;             /* first */
    ct_activation **stack;
    size_t capacity;
    char *name;
} ct_thread_cell;

typedef struct ct_state {
    const ct_journal *journal;
    const ct_allocator *allocator;           /* the journal's */
    ct_id_map activations, objects, threads; /* alive, by id: ct_activation_cell *, … */
    ct_thread_cell **thread_list;            /* in the order in which they came */
    size_t thread_count, thread_capacity;
    uint64_t current_number;                 /* of the current thread */
    ct_thread_cell *current;                 /* NULL: nothing happened in it yet */
    uint64_t activation_count;               /* CALLs so far */
    uint64_t object_count;                   /* ids so far: at the last event boundary, and now */
    uint64_t object_count_now;
    uint64_t address;                        /* last written */
    bool tracks_parts;                       /* objects number their items and fields */
    bool objects_touched;                    /* since somebody set it to false */
    ct_activation_cell *ended, *suspended;   /* in the event at hand */
    ct_thread_cell *exited;
    ct_object_cell *dead, *free_objects;
    ct_activation_cell *free_activations;
    ct_array object_chunks, activation_chunks;
    const char *message;
} ct_state;

void ct_state_init(ct_state *state, const ct_journal *journal);
/* As before the first event; memory is kept. */
void ct_state_clear(ct_state *state);
void ct_state_free(ct_state *state);

static inline ct_code
ct_state_corrupt(ct_state *state, const char *message)
{
    state->message = message;
    return CT_E_CORRUPT;
}

static inline ct_code
ct_state_no_memory(ct_state *state)
{
    state->message = "no memory for the state";
    return CT_E_NOMEM;
}

/* ---- what events do ---- */
ct_code ct_state_current(ct_state *state, ct_thread_cell **thread); /* made when it is not there yet */
ct_code ct_state_thread_start(ct_state *state, uint64_t number, uint64_t system_id, ct_text name, ct_thread_cell **thread);
ct_code ct_state_thread_exit(ct_state *state, uint64_t number, ct_thread_cell **thread);
ct_code ct_state_call(ct_state *state, ct_thread_cell *thread, uint32_t code, uint8_t flags, ct_activation_cell **activation);
ct_code ct_state_resume(ct_state *state, ct_thread_cell *thread, uint64_t id, ct_activation_cell **activation);
ct_code ct_state_leave(ct_state *state, ct_thread_cell *thread, bool ends, ct_activation_cell **activation);
ct_code ct_state_end_suspended(ct_state *state, uint64_t id, ct_activation_cell **activation);
/* Before the next event: frees what ended, exited or died in the last one. */
void ct_state_settle_slow(ct_state *state);

static inline void
ct_state_settle(ct_state *state)
{
    if (CT_UNLIKELY(state->ended || state->suspended || state->exited || state->dead))
        ct_state_settle_slow(state);
    state->object_count = state->object_count_now;
}

/* A change record whose tag was taken. activation: of the event, or NULL; event: its number. */
ct_code ct_state_change(ct_state *state, ct_input *in, uint8_t tag, ct_activation_cell *activation, uint64_t event);

/* ---- objects (objects.c) ---- */
ct_code ct_state_object_record(ct_state *state, ct_input *in, uint8_t tag, uint64_t event);
ct_object_cell *ct_state_object(const ct_state *state, uint64_t id); /* NULL: none, or dead */
void ct_state_bury_objects(ct_state *state);                         /* those of state->dead */
void ct_state_clear_objects(ct_state *state);
void ct_state_free_objects(ct_state *state);

/* ---- the key state (key_state.c) ---- */
typedef struct ct_key_loader { bool begun, done; ct_activation_cell *activation; uint64_t event; } ct_key_loader;
/* Takes one record of a key state into a cleared state. event: number that values get as that of their last change. */
ct_code ct_key_take(ct_key_loader *loader, ct_state *state, ct_input *in);
/* Whether two states are the same, but for numbers of changes and objects that died just before the key state. *difference: a constant sentence when they are not. */
bool ct_state_same(const ct_state *reached, const ct_state *key, const char **difference);

/* Used by key_state.c too. */
ct_code ct_state_add_activation(ct_state *state, uint64_t id, uint32_t code, uint8_t flags, ct_activation_cell **activation);
ct_code ct_state_push(ct_state *state, ct_thread_cell *thread, ct_activation_cell *activation);

#endif
