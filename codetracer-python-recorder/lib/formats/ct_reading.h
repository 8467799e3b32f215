/* Private to the reader of containers (ct.c, ct_meta.c, ct_log.c, ct_multi.c, ct_calls.c): what one pass over a container holds. */
#ifndef CT_FORMATS_CT_READING_H
#define CT_FORMATS_CT_READING_H

#include "formats/ct_meta.h"
#include "formats/ct_places.h"
#include "formats/ct_streams.h"
#include "formats/stream.h"

/* A chunk of events.log in split-binary, after its events were handed on: for who asks for more than a reader needs. */
typedef struct ct_log_chunk {
    ct_inner *file;
    uint64_t header, frame;        /* where they begin in the file */
    uint64_t number;               /* of the chunk, from 0 */
    uint64_t first, before;        /* the number of its first event as its header says; events in the chunks before it */
    uint64_t told, stored;         /* bytes of its frame as its header says, and as they are */
    uint64_t left;                 /* bytes behind the last event that its header counts */
} ct_log_chunk;

/* What it returns, if not CT_OK, ends the pass. */
typedef struct ct_log_watch { ct_code (*chunk)(void *context, const ct_log_chunk *chunk, ct_error *error); void *context; } ct_log_watch;

typedef struct ct_reading {
    ct_container *container;
    const ct_stream_sink *sink;
    ct_error *error;
    ct_stream_tree tree;
    const ct_log_watch *watch;     /* NULL: nobody asks */
    uint64_t events;               /* handed on so far */
    ct_problem problem;            /* the first one: the pass reads on and returns it at its end */
} ct_reading;

#define CT_SHARED_BLOCKS "two files of the container begin in the same block: its directory is damaged"

static inline void
ct_reading_problem(ct_reading *r, const char *message, uint64_t place)
{
    if (!r->problem.message && message)
        r->problem = (ct_problem){message, place};
}

/* Before an event is handed on: where it is. */
static inline void
ct_reading_at(ct_reading *r, uint64_t place)
{
    r->sink->state->byte = place;
    r->sink->state->event = r->events++;
}

/* As ct_ct_read(), of a container that lies anywhere; it closes the source. watch: of events.log; may be NULL. */
ct_code ct_ct_read_source(const ct_source *source, const ct_stream_sink *sink, const ct_log_watch *watch, ct_error *error);

/* ---- ct_meta.c ---- */

typedef struct ct_meta { bool there; unsigned flags; ct_problem problem; } ct_meta;

/* Hands on what meta.dat (or, in older containers, meta.json) says about the program. `which`: of two files of that name. CT_E_VERSION: one that this
 * program does not know. What is wrong with it is left in *meta: for the reader of the streams to say, unless something worse is wrong with those. */
ct_code ct_read_meta(const ct_reading *r, ct_which which, ct_meta *meta);

/* ---- ct_log.c: section 8 ---- */

/* What there is of events.log: none, one in a form that events.fmt names and that this program does not know, one that is damaged from its beginning, or one that
 * can be read, at least from its beginning. */
typedef enum ct_log_state { CT_LOG_ABSENT, CT_LOG_FOREIGN, CT_LOG_DAMAGED, CT_LOG_READABLE } ct_log_state;
ct_code ct_log_look(ct_reading *r, ct_log_state *state);
ct_code ct_log_read(ct_reading *r);

/* ---- ct_multi.c: sections 2 to 6 ---- */
ct_code ct_multi_read(ct_reading *r);
/* Of these only the space of positions; nothing of the sink is called. *places is to be freed, whatever is returned. */
ct_code ct_multi_places(ct_reading *r, ct_places_in *places);

#endif
