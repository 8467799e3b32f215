/* Periods: whether events are recorded just now.
 *
 * A recording is paused by pause(), before its first start point, from a stop point on, and for good after a limit. While it is paused each place of the
 * program is switched off in the interpreter when it is met once, so that the program runs at its own speed; going on switches all places on again
 * (sys.monitoring.restart_events, for all tools: others that had switched places off are asked once more).
 *
 * Invariant: what is known by address stays true through a pause. Deaths of objects and generators are seen by lifetime.c as always; the end of an activation
 * on a stack is seen here, since the places where its code returns or yields stay on. It is written as LOST: the end lies in the gap. What was called
 * meanwhile and still runs is attached at its next event (activations.c), as at a recording's start.
 *
 * GAP is written where events begin to be missing.
 */
#include "recorder.h"

#include <stdlib.h>
#include <time.h>

static PyObject *restart_events; /* sys.monitoring's own function: it is called from within callbacks, where no Python may run */

int
period_setup(PyObject *monitoring)
{
    Py_XSETREF(restart_events, monitoring_function(monitoring, "restart_events"));
    return restart_events ? 0 : -1;
}

static void
stop_here(recorder *r, enum ct_gap_reason reason)
{
    fd_capture_pause(r);
    r->busy |= RECORDER_PAUSED;
    r->quiet.stretch = NULL;
    ct_event_begin(r->out);
    *r->out->cursor++ = CT_R_GAP;
    *r->out->cursor++ = (uint8_t)reason;
    object_write_deaths(r);
    ct_event_end(r->out);
}

static void
go_on(recorder *r)
{
    PyObject *done = PyObject_CallNoArgs(restart_events);
    if (done == NULL)
        PyErr_Clear(); /* no memory: places that are off stay off, which the next pause and resumption may mend */
    Py_XDECREF(done);
    fd_capture_resume(r);
    r->busy &= (uint8_t)~RECORDER_PAUSED;
    r->waiting = false;
    period_time_begins(r);
}

static uint64_t
period_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* a few nanoseconds; exact to a few milliseconds */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
period_time_begins(recorder *r)
{
    if (r->time_limit && r->deadline == 0)
        r->deadline = period_clock() + r->time_limit;
}

void
period_pause(recorder *r, enum ct_gap_reason reason)
{
    if (r->busy & RECORDER_PAUSED)
        return;
    recorder_enter_thread(r, ct_thread_state());
    stop_here(r, reason);
}

void
period_wait(recorder *r)
{
    period_pause(r, CT_GAP_WAITING);
    r->waiting = true;
}

void
period_resume(recorder *r)
{
    if ((r->busy & RECORDER_PAUSED) && r->stopped_by == NULL)
        go_on(r);
}

static void
stop_for_good(recorder *r, const char *by)
{
    if (r->stopped_by)
        return;
    r->stopped_by = by;
    if (!(r->busy & RECORDER_PAUSED))
        stop_here(r, CT_GAP_LIMIT);
    r->waiting = false;
    r->step_limit = UINT64_MAX;
}

/* ---- limits ---- */

void
period_check(recorder *r)
{
    if (r->deadline && period_clock() >= r->deadline)
        stop_for_good(r, "max-seconds");
    if (r->size_limit && (r->stamp & 255) == 0) {
        ct_recording_counts counts;
        ct_recording_count(r->out, &counts);
        if (counts.file_bytes >= r->size_limit)
            stop_for_good(r, "max-size");
    }
}

void
period_root_ended(recorder *r)
{
    r->root = NULL;
    stop_for_good(r, "activation-path");
}

void
period_steps_reached(recorder *r)
{
    stop_for_good(r, "max-steps");
}

/* ---- start and stop points ---- */

static bool
ends_with_part(const char *whole, const char *part, char separator)
{
    size_t size = strlen(whole), tail = strlen(part);
    return tail && size >= tail && memcmp(whole + size - tail, part, tail) == 0 && (size == tail || whole[size - tail - 1] == separator);
}

/* A file is named by its whole path, or by the end of it. The second text of a module, `app#2.py`, answers to `app.py`, too. */
static bool
is_in_file(const period_point *point, const char *path)
{
    return point->line == POINT_FILE ? strcmp(path, point->where) == 0 : ends_with_part(path, point->where, '/');
}

/* `name` is the code's module and qualified name, with a dot between. */
code_points *
period_points_of(recorder *r, const char *path, const char *loaded, const char *name)
{
    code_points *points = NULL;
    for (size_t i = 0; i < r->point_count; i++) {
        const period_point *point = &r->points[i];
        if (point->line ? !is_in_file(point, path) && !is_in_file(point, loaded) : !ends_with_part(name, point->where, '.'))
            continue;
        if (points == NULL && (points = calloc(1, sizeof *points + r->point_count * sizeof *points->at)) == NULL) {
            r->no_memory = true;
            return NULL;
        }
        points->at[points->count++] = (code_point){
            .line = point->line == POINT_FILE ? 0 : point->line, .starts = point->starts, .is_root = point->line == POINT_FILE, .number = i};
    }
    return points;
}

/* The point of that kind at the event, or NULL: `line` 0 is the code's beginning. */
static const code_point *
point_at(const code_info *info, int line, bool starts)
{
    for (size_t i = 0; info->points && i < info->points->count; i++)
        if (info->points->at[i].line == line && info->points->at[i].starts == starts)
            return &info->points->at[i];
    return NULL;
}

void
period_passed(recorder *r, const code_info *info, int line)
{
    const code_point *point = point_at(info, line, false);
    if (point && !(r->busy & RECORDER_PAUSED)) {
        r->points[point->number].reached = true;
        stop_here(r, CT_GAP_WAITING);
        r->waiting = true;
    }
}

void
period_skipped(recorder *r, enum period_event event, int line, const code_info *info, ct_frame *frame)
{
    if (event == PERIOD_LINE || event == PERIOD_START)
        period_passed(r, info, line);
    else if (event == PERIOD_END && frame == r->root)
        period_root_ended(r);
}

/* ---- events while paused ---- */

static bool
is_on_a_stack(const recorder *r, const code_info *info)
{
    for (const thread_record *thread = r->threads; thread; thread = thread->next)
        for (const activation *a = thread->top; a; a = a->below)
            if (a->info == info)
                return true;
    return false;
}

/* A frame leaves its thread's stack, in the gap. */
static void
leave(recorder *r, PyThreadState *tstate, const ct_frame *frame)
{
    const thread_record *thread = r->threads;
    while (thread && thread->tstate_id != tstate->id)
        thread = thread->next;
    const activation *a = thread ? thread->top : NULL;
    while (a && a->frame != frame)
        a = a->below;
    if (a == NULL)
        return;
    recorder_enter_thread(r, tstate);
    bool ends = frame == r->root && !a->in_generator;
    activations_lose_to(r, a);
    if (ends)
        period_root_ended(r);
}

enum period_answer
period_event(recorder *r, enum period_event event, int line, code_info *info, ct_frame *frame, PyThreadState *tstate)
{
    switch (event) {
    case PERIOD_LINE:
    case PERIOD_START:
        if (r->waiting) {
            const code_point *point = point_at(info, event == PERIOD_LINE ? line : 0, true);
            if (point) {
                r->points[point->number].reached = true;
                go_on(r);
                if (point->is_root)
                    r->root = frame;
                return PERIOD_RECORD;
            }
        }
        return PERIOD_OFF;
    case PERIOD_END:
    case PERIOD_YIELD:
        if (info->skipped && r->root) { /* which may be of this code */
            if (event == PERIOD_END && frame == r->root)
                period_root_ended(r);
            return info->points ? PERIOD_IGNORE : PERIOD_OFF;
        }
        if (!info->skipped && is_on_a_stack(r, info)) {
            leave(r, tstate, frame);
            return PERIOD_IGNORE;
        }
        return PERIOD_OFF;
    case PERIOD_OTHER:
        return PERIOD_OFF;
    }
    return PERIOD_IGNORE;
}
