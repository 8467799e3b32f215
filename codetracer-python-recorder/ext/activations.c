/* Threads, call stacks and generators: which activation an event belongs to.
 *
 * Each thread has a stack of the activations of recorded code; code that is not recorded is not on it, so calls through it nest by themselves. A
 * generator's activation leaves the stack when it yields and comes back when it is resumed, perhaps on another thread.
 *
 * Invariant: when an event of a frame is handled, that frame's activation is on top of its thread's stack, and below it are the activations of its
 * nearest recorded callers. The interpreter does not report every end (gh-140373: no PY_UNWIND when a generator is closed, 3.13.0-3.14), and recording may begin
 * within running calls, so the stack is never trusted: an event whose frame is not on top brings it in line with the chain of frames.
 */
#include "recorder.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- threads ---- */

static void
set_stream_thread(recorder *r, uint64_t number)
{
    if (r->stream_thread == number)
        return;
    r->stream_thread = number;
    ct_event_begin(r->out);
    ct_put_number(r->out, CT_R_THREAD, number);
}

/* The name that `threading` knows the thread by, threading._active[ident]._name, read from storage; else the system's. */
static void
thread_name(recorder *r, PyThreadState *tstate, char *name, size_t capacity)
{
    if (syscall(SYS_gettid) == getpid())
        strcpy(name, "MainThread"); /* also before anybody has imported threading */
    else if (pthread_getname_np(pthread_self(), name, capacity) != 0)
        name[0] = 0;
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    PyObject *threading = modules && PyDict_Check(modules) ? dict_get_text(modules, "threading") : NULL;
    PyObject *dict = threading && PyModule_CheckExact(threading) ? PyModule_GetDict(threading) : NULL;
    PyObject *active = dict ? dict_get_text(dict, "_active") : NULL;
    Py_ssize_t position = 0;
    PyObject *key, *thread, *found = NULL;
    while (active && PyDict_CheckExact(active) && PyDict_Next(active, &position, &key, &thread))
        if (PyLong_CheckExact(key) && PyLong_AsUnsignedLongMask(key) == tstate->thread_id)
            found = thread;
    if (found == NULL || !(Py_TYPE(found)->tp_flags & Py_TPFLAGS_MANAGED_DICT))
        return;
    ct_instance_attributes view;
    ct_instance_view(found, &view);
    PyObject *text = view.dict ? dict_get_text(view.dict, "_name") : NULL;
    for (int i = 0; i < view.count; i++) {
        size_t index = view.order[i * view.order_step];
        if (view.values[index] && PyUnicode_CompareWithASCIIString(view.keys[index].me_key, "_name") == 0)
            text = view.values[index];
    }
    const char *bytes;
    size_t size;
    if (text && PyUnicode_Check(text) && text_utf8(r, text, capacity - 1, &bytes, &size)) {
        memcpy(name, bytes, size);
        name[size] = 0;
    }
}

static void
announce_thread(recorder *r, thread_record *thread)
{
    size_t size = strlen(thread->name);
    set_stream_thread(r, thread->number);
    ct_event_begin(r->out);
    uint8_t *at = r->out->cursor;
    *at++ = CT_R_THREAD_START;
    at = ct_write_varint(at, thread->number);
    at = ct_write_varint(at, thread->system_id);
    at = ct_write_varint(at, size);
    memcpy(at, thread->name, size);
    r->out->cursor = at + size;
    ct_event_end(r->out);
}

static void
exit_thread(recorder *r, thread_record *thread)
{
    set_stream_thread(r, thread->number);
    while (thread->top) {
        activation *a = thread->top;
        activation_pop(r, a);
        ct_event_begin(r->out);
        *r->out->cursor++ = CT_R_LOST;
        ct_event_end(r->out);
        activation_end(r, a);
    }
    ct_event_begin(r->out);
    ct_put_number(r->out, CT_R_THREAD_EXIT, thread->number);
    ct_event_end(r->out);
    thread->exited = true;
}

/* Threads whose state the interpreter has deleted are at their end. Looked at when another thread begins or goes on: the first event
 * after a thread's end is another thread's. */
static void
exit_ended_threads(recorder *r)
{
    for (thread_record *thread = r->threads; thread; thread = thread->next)
        thread->seen_alive = false;
    for (PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Get()); state; state = PyThreadState_Next(state))
        for (thread_record *thread = r->threads; thread; thread = thread->next)
            thread->seen_alive |= thread->tstate_id == state->id;
    for (thread_record *thread = r->threads; thread; thread = thread->next)
        if (!thread->seen_alive && !thread->exited)
            exit_thread(r, thread);
}

static void
enter_other_thread(recorder *r, PyThreadState *tstate)
{
    r->tstate = tstate;
    r->tstate_id = tstate->id;
    exit_ended_threads(r);
    thread_record *thread = r->threads;
    while (thread && thread->tstate_id != tstate->id)
        thread = thread->next;
    if (thread == NULL) {
        thread = calloc(1, sizeof *thread);
        if (thread == NULL) {
            r->no_memory = true;
            if (r->thread == NULL)
                r->thread = &r->spare_thread;
            return;
        }
        thread->number = ++r->thread_count;
        thread->tstate_id = tstate->id;
        thread->system_id = (uint64_t)syscall(SYS_gettid);
        thread_name(r, tstate, thread->name, sizeof thread->name);
        const char *name = thread->name;
        size_t size = strlen(name);
        redaction_hide_name(r, &name, &size);
        if (name != thread->name)
            memcpy(thread->name, name, size + 1);
        thread->next = r->threads;
        r->threads = thread;
        r->thread = thread;
        announce_thread(r, thread);
    }
    r->thread = thread;
    set_stream_thread(r, thread->number);
}

static void
write_key_state(recorder *r)
{
    ct_recording *out = r->out;
    ct_segment_begin(out);
    ct_event_begin(out);
    *out->cursor++ = CT_R_KEY_BEGIN;
    out->cursor = ct_write_varint(out->cursor, r->activation_count);
    out->cursor = ct_write_varint(out->cursor, r->object_count);
    out->cursor = ct_write_varint(out->cursor, r->stream_thread);
    out->cursor = ct_write_varint(out->cursor, out->last_address);
    objects_write_key_state(r);
    activations_write_key_state(r);
    ct_event_begin(out);
    *out->cursor++ = CT_R_KEY_END;
    ct_segment_ready(out);
}

void
recorder_enter_thread(recorder *r, PyThreadState *tstate)
{
    assert(r->queue_count == 0); /* each event looks at all that it found */
    r->stamp++;
    r->quiet.stretch = NULL; /* deaths may be written now that an event has not seen */
    /* An allocator hook has come or gone: if ours went with it, addresses known until now may be other objects, and types, by now. */
    if (__builtin_expect(ct_object_free() != r->object_free, 0))
        lifetime_check(r);
    if (__builtin_expect(r->out->wants_segment, 0))
        write_key_state(r);
    if (__builtin_expect(tstate != r->tstate || tstate->id != r->tstate_id, 0))
        enter_other_thread(r, tstate);
    if (__builtin_expect(r->ended_count, 0))
        recorder_write_ended(r);
    if (__builtin_expect(r->descriptors != NULL, 0))
        fd_capture_event(r);
}

void
recorder_write_ended(recorder *r)
{
    for (size_t i = 0; i < r->ended_count; i++) {
        ct_event_begin(r->out);
        ct_put_number(r->out, CT_R_ENDED, r->ended[i]);
        ct_event_end(r->out);
    }
    r->ended_count = 0;
}

void
threads_write_exits(recorder *r)
{
    exit_ended_threads(r);
}

void
threads_forget(recorder *r)
{
    while (r->threads) {
        thread_record *next = r->threads->next;
        free(r->threads);
        r->threads = next;
    }
}

/* ---- activations ---- */

enum { POOLED_SLOTS = sizeof ((recorder *)0)->pool / sizeof *((recorder *)0)->pool };

activation *
activation_push(recorder *r, ct_frame *frame, code_info *info, bool attached)
{
    activation *a;
    uint32_t slots = info->slot_count;
    if (slots < POOLED_SLOTS && r->pool[slots]) {
        a = r->pool[slots];
        r->pool[slots] = a->next_free;
    }
    else if ((a = malloc(sizeof *a + slots * sizeof *a->slots)) == NULL) {
        r->no_memory = true;
        return NULL;
    }
    a->frame = frame;
    a->info = info;
    a->id = r->activation_count++;
    a->line = info->first_line;
    a->entry = -1;
    a->code = info->code;
    a->in_generator = ct_frame_in_generator(frame);
    a->attached = attached;
    a->slot_count = slots;
    a->names = a->globals = NULL;
    for (uint32_t i = 0; i < slots; i++) {
        shadow_unbind(&a->slots[i]);
        a->slots[i].action = info->actions[i];
    }
    activation_put_on_top(r, a);
    if (a->in_generator) {
        /* The same frame address in the table: an earlier generator whose end was not reported, nor its death seen. */
        activation *stale = pointer_map_get(&r->suspended, frame);
        if (stale && stale->on_stack) {
            /* It was closed in a thread that has had no event since, where its end was not reported. There it will be found lost: it must not end
             * twice, nor be taken for the new one. */
            lifetime_unwatch((char *)frame - CT_GENERATOR_FRAME_OFFSET - ct_size_before(&PyGen_Type));
            stale->in_generator = false;
            stale->frame = (ct_frame *)stale; /* no frame is there */
        }
        else if (stale) {
            ct_event_begin(r->out);
            ct_put_number(r->out, CT_R_ENDED, stale->id);
            ct_event_end(r->out);
            activation_end(r, stale);
        }
        if (!pointer_map_set(&r->suspended, frame, a))
            r->no_memory = true;
        lifetime_watch((char *)frame - CT_GENERATOR_FRAME_OFFSET - ct_size_before(&PyGen_Type));
    }
    return a;
}

void
activation_put_on_top(recorder *r, activation *a)
{
    a->thread = r->thread;
    a->below = r->thread->top;
    a->on_stack = true;
    r->thread->top = a;
}

void
activation_pop(recorder *r, activation *a)
{
    (void)r;
    a->thread->top = a->below;
    a->below = NULL;
    a->on_stack = false;
}

void
activation_end(recorder *r, activation *a)
{
    if (a->in_generator) {
        pointer_map_remove(&r->suspended, a->frame);
        lifetime_unwatch((char *)a->frame - CT_GENERATOR_FRAME_OFFSET - ct_size_before(&PyGen_Type));
    }
    namespace_free(a->names);
    namespace_free(a->globals);
    if (a->slot_count < POOLED_SLOTS) {
        a->next_free = r->pool[a->slot_count];
        r->pool[a->slot_count] = a;
    }
    else
        free(a);
}

activation *
activation_suspended(recorder *r, ct_frame *frame)
{
    return pointer_map_get(&r->suspended, frame);
}

static void
lose_top(recorder *r)
{
    activation *a = r->thread->top;
    activation_pop(r, a);
    ct_event_begin(r->out);
    *r->out->cursor++ = CT_R_LOST;
    ct_event_end(r->out);
    activation_end(r, a);
}

void
activations_lose_to(recorder *r, const activation *a)
{
    bool done;
    do {
        done = r->thread->top == a;
        lose_top(r);
    } while (!done);
}

static bool
is_caller_of(ct_frame *frame, const ct_frame *caller)
{
    for (frame = ct_frame_previous(frame); frame; frame = ct_frame_previous(frame))
        if (frame == caller)
            return true;
    return false;
}

void
activations_trim(recorder *r, ct_frame *frame)
{
    while (r->thread->top && !is_caller_of(frame, r->thread->top->frame))
        lose_top(r);
}

/* Puts frame, and its callers that are recorded and not on the stack, on it. Depth is bounded by the interpreter's own stack; frames are taken from the
 * outside in by walking the chain once per frame to be attached, which happens only at the start of a recording. */
activation *
activation_resync(recorder *r, ct_frame *frame)
{
    for (activation *a = r->thread->top; a; a = a->below)
        if (a->frame == frame) {
            while (r->thread->top != a)
                lose_top(r);
            return a;
        }
    activations_trim(r, frame);
    ct_frame *known = r->thread->top ? r->thread->top->frame : NULL;
    activation *pushed = NULL;
    for (;;) {
        /* The outermost frame inside `known` that is recorded. */
        ct_frame *outermost = NULL;
        code_info *its_info = NULL;
        for (ct_frame *f = frame; f && f != known; f = ct_frame_previous(f)) {
            PyCodeObject *code = ct_frame_code(f);
            code_info *info = code ? code_info_of(r, code, f) : NULL;
            if (info && info->skipped && info->outer)
                break; /* the command line's frames or the test framework's, and the console script that called it */
            if (info && !info->skipped) {
                outermost = f;
                its_info = info;
            }
        }
        if (outermost == NULL)
            return known == frame ? pushed : NULL;
        pushed = activation_push(r, outermost, its_info, true);
        if (pushed == NULL)
            return NULL;
        r->calls++;
        ct_event_begin(r->out);
        ct_put_call(r->out, pushed->code, CT_CALL_ATTACHED);
        snapshot_write(r, pushed, outermost);
        ct_event_end(r->out);
        known = outermost;
        if (outermost == frame)
            return pushed;
    }
}

void
activations_write_key_state(recorder *r)
{
    ct_recording *out = r->out;
    for (thread_record *thread = r->threads; thread; thread = thread->next)
        for (activation *a = thread->top; a; a = a->below)
            snapshot_write_key_state(r, a);
    for (size_t i = 0; r->suspended.entries && i <= r->suspended.mask; i++) {
        activation *a = r->suspended.entries[i].value;
        if ((uintptr_t)r->suspended.entries[i].key > 1 && !a->on_stack)
            snapshot_write_key_state(r, a);
    }
    for (thread_record *thread = r->threads; thread; thread = thread->next) {
        if (thread->exited)
            continue;
        size_t depth = 0;
        for (activation *a = thread->top; a; a = a->below)
            depth++;
        ct_room(out, depth * 10 + 128);
        uint8_t *at = out->cursor;
        *at++ = CT_R_KEY_THREAD;
        at = ct_write_varint(at, thread->number);
        at = ct_write_varint(at, thread->system_id);
        size_t size = strlen(thread->name);
        at = ct_write_varint(at, size);
        memcpy(at, thread->name, size);
        at = ct_write_varint(at + size, depth);
        /* From the bottom: the stack is linked from the top. */
        uint64_t *ids = malloc((depth + 1) * sizeof *ids);
        if (ids == NULL) {
            r->no_memory = true;
            return;
        }
        size_t index = depth;
        for (activation *a = thread->top; a; a = a->below)
            ids[--index] = a->id;
        for (size_t i = 0; i < depth; i++)
            at = ct_write_varint(at, ids[i]);
        free(ids);
        out->cursor = at;
    }
}

void
activations_free(recorder *r)
{
    for (thread_record *thread = r->threads; thread; thread = thread->next)
        while (thread->top) {
            activation *a = thread->top;
            activation_pop(r, a);
            activation_end(r, a);
        }
    for (size_t i = 0; r->suspended.entries && i <= r->suspended.mask; i++)
        if ((uintptr_t)r->suspended.entries[i].key > 1)
            activation_end(r, r->suspended.entries[i].value);
    pointer_map_clear(&r->suspended);
    for (size_t i = 0; i < POOLED_SLOTS; i++)
        while (r->pool[i]) {
            activation *next = r->pool[i]->next_free;
            free(r->pool[i]);
            r->pool[i] = next;
        }
}
