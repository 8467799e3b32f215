/* Walks the events: blocks in order, one event at a time with all its changes, key states at the starts of segments.
 *
 * The meaning of records is in state.c and objects.c. Invariant: between calls the input stands at a head record, THREAD, or the end of a
 * block; replay->events and replay->steps count what was passed. After a failure (or the end) only seeking or freeing helps.
 */

#include "journal/contents.h"
#include "model/records.h"
#include "model/replay_check.h"
#include "model/state.h"

struct ct_replay {
    ct_journal *journal;
    ct_state state;
    ct_input in;
    const ct_block_entry *block;  /* in which the input is; NULL: none yet */
    size_t next_block;            /* index of the one behind it */
    uint8_t *raw;
    size_t capacity;
    ct_block_reader reader;
    uint64_t events, steps;
    uint64_t objects_changed;
    bool fresh;                   /* the next key state is to be loaded, not passed */
    ct_event event;
    ct_inline event_bytes;
    char *carried;                /* text of an event that goes on in the next block */
    ct_error stopped;             /* code CT_OK: it goes on */
    ct_contents contents;
    bool verify, key_differed;
    ct_state *shadow;             /* for verify */
};

static ct_code
stop(ct_replay *replay, ct_code code, const char *message, uint64_t position)
{
    return ct_journal_fail(replay->journal, &replay->stopped, code, message, position);
}

/* The record at `at` cannot be applied: the state says why. */
static ct_code
stop_at(ct_replay *replay, ct_code code, const char *message, const uint8_t *at)
{
    return stop(replay, code, message, ct_block_position(replay->block, (uint64_t)(at - replay->raw)));
}

/* ---- blocks ---- */

/* An OUTPUT's text lies in the block: kept when the event goes on behind it. */
static ct_code
carry_text(ct_replay *replay)
{
    ct_text *text = &replay->event.text;
    if (!text->size || text->bytes == replay->carried)
        return CT_OK;
    char *copy = ct_allocate(replay->journal->allocator, text->size);
    if (!copy)
        return stop(replay, CT_E_NOMEM, "no memory for an output", 0);
    memcpy(copy, text->bytes, text->size);
    ct_free(replay->journal->allocator, replay->carried);
    replay->carried = copy;
    text->bytes = copy;
    return CT_OK;
}

/* Opens the next events block. CT_END: there is none. */
static ct_code
open_next_block(ct_replay *replay)
{
    const ct_journal *journal = replay->journal;
    const ct_block_entry *block = replay->next_block < journal->events.count ? &journal->events.blocks[replay->next_block] : NULL;
    if (!block || block->sequence >= journal->damage_sequence) {
        if (journal->damage_sequence != UINT64_MAX)
            return stop(replay, CT_E_CORRUPT, journal->damage_message, journal->damage_position);
        return CT_END;
    }
    if (block->first != replay->steps || block->events != replay->events)
        return stop(replay, CT_E_CORRUPT, "an events block does not continue the one before", block->position);
    replay->in = (ct_input){0};
    CT_TRY(ct_block_read(&replay->reader, journal, block, &replay->raw, &replay->capacity, &replay->stopped));
    replay->block = block;
    replay->next_block++;
    replay->in = (ct_input){replay->raw, replay->raw + block->limit, false};
    return CT_OK;
}

/* The block in which an event or a key state goes on. */
static ct_code
continue_in_next_block(ct_replay *replay)
{
    uint64_t position = replay->block->position;
    ct_code code = open_next_block(replay);
    if (code == CT_END)
        return stop(replay, CT_E_CORRUPT, "the last event or key state is cut", position);
    CT_TRY(code);
    if (replay->block->flags & CT_BLOCK_BEGINS_SEGMENT)
        return stop(replay, CT_E_CORRUPT, "a segment begins within an event or key state", replay->block->position);
    return CT_OK;
}

/* ---- key states ---- */

static ct_code
load_key(ct_replay *replay, ct_state *state)
{
    ct_state_clear(state);
    for (ct_key_loader loader = {.event = replay->events ? replay->events - 1 : 0}; !loader.done;) {
        if (replay->in.at == replay->in.end) {
            CT_TRY(continue_in_next_block(replay));
            continue;
        }
        const uint8_t *at = replay->in.at;
        ct_code code = ct_key_take(&loader, state, &replay->in);
        if (code != CT_OK)
            return stop_at(replay, code, state->message, at);
    }
    return CT_OK;
}

/* What the key state says besides what the events said: numbers that OBJECT records count from. */
static void
take_key_numbers(ct_state *state, uint64_t objects, uint64_t current, uint64_t address)
{
    state->object_count = state->object_count_now = objects;
    if (state->current_number != current) {
        state->current_number = current;
        state->current = ct_id_map_get(&state->threads, current);
    }
    state->address = address;
}

static ct_code
verify_key(ct_replay *replay)
{
    ct_state *state = &replay->state;
    const uint8_t *at = replay->in.at;
    if (!replay->shadow) {
        replay->shadow = ct_allocate(replay->journal->allocator, sizeof *replay->shadow);
        if (!replay->shadow)
            return stop(replay, CT_E_NOMEM, "no memory for a second state", 0);
        ct_state_init(replay->shadow, replay->journal);
    }
    const ct_block_entry *block = replay->block;
    CT_TRY(load_key(replay, replay->shadow));
    const char *difference;
    replay->key_differed = !ct_state_same(state, replay->shadow, &difference);
    if (replay->key_differed)
        return stop(replay, CT_E_CORRUPT, difference, ct_block_position(block, block == replay->block ? (uint64_t)(at - replay->raw) : 0));
    take_key_numbers(state, replay->shadow->object_count, replay->shadow->current_number, replay->shadow->address);
    return CT_OK;
}

/* A key state met in order: its numbers are taken, its records passed. */
static ct_code
pass_key(ct_replay *replay)
{
    ct_state *state = &replay->state;
    ct_input *in = &replay->in;
    if (ct_take_byte(in) != CT_R_KEY_BEGIN)
        return stop_at(replay, CT_E_CORRUPT, "a segment does not begin with a key state", replay->raw);
    uint64_t activations = ct_take_varint(in), objects = ct_take_varint(in), current = ct_take_varint(in), address = ct_take_varint(in);
    if (in->bad || activations != state->activation_count || objects < state->object_count)
        return stop_at(replay, CT_E_CORRUPT, "a key state does not continue the events before it", replay->raw);
    for (uint8_t tag = CT_R_KEY_BEGIN; tag != CT_R_KEY_END;) {
        if (in->at == in->end) {
            CT_TRY(continue_in_next_block(replay));
            continue;
        }
        const uint8_t *at = in->at;
        tag = ct_take_byte(in);
        if (tag >= CT_R_SLOT_SHORT || tag == CT_R_SLOT || tag == CT_R_GLOBAL || tag == CT_R_OBJECT || tag == CT_R_KEY_ACTIVATION
            || tag == CT_R_KEY_THREAD || tag == CT_R_KEY_END)
            ct_skip_record(in, tag, replay->journal, &address);
        else
            in->bad = true;
        if (in->bad)
            return stop_at(replay, CT_E_CORRUPT, "a record of the key state breaks the format", at);
    }
    take_key_numbers(state, objects, current, address);
    return CT_OK;
}

/* The next block, and past the key state if it begins with one. */
static ct_code
enter_next_block(ct_replay *replay)
{
    ct_code code = open_next_block(replay);
    if (code == CT_END) {
        const ct_journal_counts *counts = &replay->journal->counts;
        if (counts->complete && (replay->events != counts->events || replay->steps != counts->steps))
            return stop(replay, CT_E_CORRUPT, "the end block counts other events than there are", replay->journal->source.size);
        return stop(replay, CT_END, "nothing follows", 0);
    }
    CT_TRY(code);
    bool begins = replay->block->flags & CT_BLOCK_BEGINS_SEGMENT;
    if (!begins)
        return CT_OK; /* the first of the journal begins a segment: the index saw to it */
    if (replay->fresh) {
        replay->fresh = false;
        return load_key(replay, &replay->state);
    }
    return replay->verify ? verify_key(replay) : pass_key(replay);
}

/* ---- events ---- */

/* The value of an event: its bytes are kept beside the event. */
static void
take_event_value(ct_replay *replay)
{
    ct_value *value = &replay->event.value;
    ct_take_value(&replay->in, value);
    if (ct_value_has_inline(value))
        ct_value_own(value, &replay->event_bytes);
}

static ct_code
top_of(ct_state *state, const ct_thread_cell *thread, ct_activation_cell **activation)
{
    if (!thread->thread.depth)
        return ct_state_corrupt(state, "an event happens on an empty stack");
    *activation = (ct_activation_cell *)(void *)thread->stack[thread->thread.depth - 1];
    return CT_OK;
}

static ct_code
take_step(ct_replay *replay, const ct_thread_cell *thread, int64_t difference, ct_activation_cell **activation)
{
    CT_TRY(top_of(&replay->state, thread, activation));
    ct_activation *top = &(*activation)->activation;
    top->line = (int64_t)((uint64_t)top->line + (uint64_t)difference);
    replay->event.kind = CT_EVENT_STEP;
    replay->event.line = top->line;
    return CT_OK;
}

/* The head record behind `tag`, in the current thread. */
static ct_code
take_head(ct_replay *replay, uint8_t tag, ct_thread_cell **thread, ct_activation_cell **activation)
{
    ct_state *state = &replay->state;
    ct_input *in = &replay->in;
    ct_event *event = &replay->event;
    switch (tag) {
    case CT_R_CALL: {
        uint32_t code = ct_take_varint32(in);
        event->kind = CT_EVENT_CALL;
        uint8_t flags = ct_take_byte(in);
        return in->bad ? CT_E_CORRUPT : ct_state_call(state, *thread, code, flags, activation);
    }
    case CT_R_RESUME:
    case CT_R_THROW: {
        uint64_t id = ct_take_varint(in);
        event->kind = tag == CT_R_RESUME ? CT_EVENT_RESUME : CT_EVENT_THROW;
        if (tag == CT_R_THROW)
            take_event_value(replay);
        return in->bad ? CT_E_CORRUPT : ct_state_resume(state, *thread, id, activation);
    }
    case CT_R_RETURN:
    case CT_R_YIELD:
    case CT_R_UNWIND:
    case CT_R_LOST:
        event->kind = tag == CT_R_RETURN ? CT_EVENT_RETURN : tag == CT_R_YIELD ? CT_EVENT_YIELD
                      : tag == CT_R_UNWIND ? CT_EVENT_UNWIND : CT_EVENT_LOST;
        if (tag != CT_R_LOST)
            take_event_value(replay);
        return in->bad ? CT_E_CORRUPT : ct_state_leave(state, *thread, tag != CT_R_YIELD, activation);
    case CT_R_ENDED: {
        uint64_t id = ct_take_varint(in);
        event->kind = CT_EVENT_ENDED;
        return in->bad ? CT_E_CORRUPT : ct_state_end_suspended(state, id, activation);
    }
    case CT_R_RAISE:
    case CT_R_HANDLED:
        event->kind = tag == CT_R_RAISE ? CT_EVENT_RAISE : CT_EVENT_HANDLED;
        take_event_value(replay);
        event->line = (int64_t)ct_take_varint(in);
        return top_of(state, *thread, activation);
    case CT_R_OUTPUT: {
        uint8_t stream = ct_take_byte(in);
        event->kind = CT_EVENT_OUTPUT;
        event->stream = (enum ct_stream_number)(stream & 3);
        event->descriptors = !(stream & CT_OUTPUT_PAST_PYTHON) ? 0 : stream & CT_OUTPUT_EITHER ? 3 : (uint8_t)(1 << (stream & 3));
        event->text = ct_take_text(in);
        if (stream > CT_STDIN && stream != (CT_STDOUT | CT_OUTPUT_PAST_PYTHON) && stream != (CT_STDERR | CT_OUTPUT_PAST_PYTHON) &&
            stream != (CT_STDOUT | CT_OUTPUT_PAST_PYTHON | CT_OUTPUT_EITHER))
            return ct_state_corrupt(state, "an output's stream is not known");
        if ((*thread)->thread.depth)
            return top_of(state, *thread, activation);
        return CT_OK;
    }
    case CT_R_GAP:
        event->kind = CT_EVENT_GAP;
        event->reason = ct_take_byte(in);
        return CT_OK;
    case CT_R_STEP:
        return take_step(replay, *thread, ct_take_svarint(in), activation);
    case CT_R_THREAD_START: {
        uint64_t number = ct_take_varint(in), system_id = ct_take_varint(in);
        ct_text name = ct_take_text(in);
        event->kind = CT_EVENT_THREAD_START;
        return in->bad ? CT_E_CORRUPT : ct_state_thread_start(state, number, system_id, name, thread);
    }
    case CT_R_THREAD_EXIT: {
        uint64_t number = ct_take_varint(in);
        event->kind = CT_EVENT_THREAD_EXIT;
        return in->bad ? CT_E_CORRUPT : ct_state_thread_exit(state, number, thread);
    }
    default:
        return ct_state_corrupt(state, "a record stands where an event should begin");
    }
}

/* The change records of the event, also those in blocks to come. */
static ct_code
take_changes(ct_replay *replay, ct_activation_cell *activation, uint64_t number)
{
    ct_input *in = &replay->in;
    for (;;) {
        if (CT_UNLIKELY(in->at == in->end)) {
            if (replay->block->boundary >= replay->block->limit)
                return CT_OK; /* the event ends with the block */
            CT_TRY(carry_text(replay));
            CT_TRY(continue_in_next_block(replay));
            continue;
        }
        uint8_t tag = *in->at;
        if (ct_record_ends_event(tag))
            return CT_OK;
        const uint8_t *at = in->at++;
        ct_code code = ct_state_change(&replay->state, in, tag, activation, number);
        if (CT_UNLIKELY(code != CT_OK))
            return stop_at(replay, code, replay->state.message, at);
    }
}

/* The tag of the next event: over THREAD records, block ends and key states. */
static ct_code
find_head(ct_replay *replay, uint8_t *tag)
{
    ct_input *in = &replay->in;
    for (;;) {
        if (CT_UNLIKELY(in->at == in->end)) {
            CT_TRY(enter_next_block(replay));
            continue;
        }
        *tag = *in->at++;
        if (CT_LIKELY(*tag != CT_R_THREAD))
            return CT_OK;
        const uint8_t *at = in->at - 1;
        replay->state.current_number = ct_take_varint(in);
        if (in->bad)
            return stop_at(replay, CT_E_CORRUPT, "a thread's number is cut", at);
        replay->state.current = ct_id_map_get(&replay->state.threads, replay->state.current_number);
    }
}

static ct_code
next_event(ct_replay *replay)
{
    ct_state *state = &replay->state;
    ct_thread_cell *thread = NULL;
    ct_activation_cell *activation = NULL;
    uint8_t tag;
    ct_state_settle(state);
    CT_TRY(find_head(replay, &tag));

    const uint8_t *at = replay->in.at - 1;
    ct_event *event = &replay->event;
    *event = (ct_event){.number = replay->events, .step = replay->steps};
    state->message = "an event's record is cut, or a number in it breaks the format";
    ct_code code = CT_OK;
    if (tag != CT_R_THREAD_START && tag != CT_R_THREAD_EXIT)
        code = ct_state_current(state, &thread);
    if (CT_LIKELY(tag >= CT_R_STEP_SHORT && tag < CT_R_SLOT_SHORT && code == CT_OK))
        code = take_step(replay, thread, (int64_t)tag - CT_R_STEP_SHORT + CT_STEP_SHORT_MIN, &activation);
    else if (code == CT_OK)
        code = take_head(replay, tag, &thread, &activation);
    if (CT_UNLIKELY(code != CT_OK || replay->in.bad))
        return stop_at(replay, code == CT_OK ? CT_E_CORRUPT : code, state->message, at);
    event->thread = &thread->thread;
    event->activation = activation ? &activation->activation : NULL;
    replay->events++;
    replay->steps += event->kind == CT_EVENT_STEP;

    CT_TRY(take_changes(replay, activation, event->number));
    if (state->objects_touched) {
        state->objects_touched = false;
        replay->objects_changed++;
    }
    return CT_OK;
}

/* ---- public ---- */

ct_code
ct_replay_new(ct_journal *journal, ct_replay **replay, ct_error *error)
{
    if (!journal || !replay)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *replay = ct_allocate_zero(journal->allocator, 1, sizeof **replay);
    if (!*replay)
        return ct_fail(error, CT_E_NOMEM, "no memory for a replay", 0, 0);
    (*replay)->journal = journal;
    (*replay)->fresh = true;
    ct_state_init(&(*replay)->state, journal);
    return CT_OK;
}

void
ct_replay_track_parts(ct_replay *replay)
{
    if (replay)
        replay->state.tracks_parts = true;
}

void
ct_replay_free(ct_replay *replay)
{
    if (!replay)
        return;
    ct_state_free(&replay->state);
    if (replay->shadow)
        ct_state_free(replay->shadow);
    ct_free(replay->journal->allocator, replay->shadow);
    ct_free(replay->journal->allocator, replay->raw);
    ct_free(replay->journal->allocator, replay->carried);
    ct_block_reader_free(&replay->reader);
    ct_contents_free(&replay->contents);
    ct_free(replay->journal->allocator, replay);
}

ct_code
ct_replay_next(ct_replay *replay, const ct_event **event, ct_error *error)
{
    if (CT_UNLIKELY(!replay || !event))
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    if (CT_UNLIKELY(replay->stopped.code != CT_OK) || CT_UNLIKELY(next_event(replay) != CT_OK)) {
        if (error)
            *error = replay->stopped;
        *event = NULL;
        return replay->stopped.code;
    }
    *event = &replay->event;
    return CT_OK;
}

/* Stands before the first event of a segment; its key state is loaded with the next event. */
static void
go_to_segment(ct_replay *replay, const ct_segment_entry *segment)
{
    ct_state_clear(&replay->state);
    replay->in = (ct_input){0};
    replay->block = NULL;
    replay->next_block = segment->block;
    replay->events = segment->events;
    replay->steps = segment->steps;
    replay->fresh = true;
    replay->objects_changed++;
    replay->stopped = (ct_error){0};
}

/* The last segment with no more than `step` steps before it. */
static const ct_segment_entry *
find_segment(const ct_journal *journal, uint64_t step)
{
    size_t low = 0, high = journal->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (journal->segments[middle].steps <= step)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &journal->segments[low - 1] : NULL;
}

ct_code
ct_replay_seek_step(ct_replay *replay, uint64_t step, const ct_event **event, ct_error *error)
{
    if (!replay || !event)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    const ct_journal *journal = replay->journal;
    *event = NULL;
    if (step >= journal->counts.steps)
        return ct_fail(error, CT_E_PARAM, "there is no such step", 0, 0);
    const ct_segment_entry *segment = find_segment(journal, step);
    if (!segment) /* nothing before the damage */
        return ct_journal_fail(journal, error, CT_E_CORRUPT, journal->damage_message ? journal->damage_message : "the steps are not in the journal",
                               journal->damage_position);
    bool ahead = replay->block && replay->stopped.code == CT_OK && replay->steps <= step
                 && replay->block->segment == journal->events.blocks[segment->block].segment;
    if (!ahead)
        go_to_segment(replay, segment);
    for (;;) {
        ct_code code = ct_replay_next(replay, event, error);
        if (code == CT_END)
            return ct_journal_fail(journal, error, CT_E_CORRUPT, "the journal has fewer steps than it counts", journal->source.size);
        CT_TRY(code);
        if ((*event)->kind == CT_EVENT_STEP && (*event)->step == step)
            return CT_OK;
    }
}

const ct_object *
ct_replay_object(const ct_replay *replay, uint64_t id)
{
    const ct_object_cell *cell = ct_state_object(&replay->state, id);
    return cell ? &cell->object : NULL;
}

ct_code
ct_replay_resolve(ct_replay *replay, ct_value *value, ct_error *error)
{
    static const ct_value_kind KINDS[] = {[CT_CONTENT_TEXT] = CT_TEXT, [CT_CONTENT_BYTES] = CT_BYTES, [CT_CONTENT_INTEGER] = CT_BIGINT,
                                          [CT_CONTENT_NEGATIVE] = CT_BIGINT};
    if (!replay || !value)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    if (!value->content)
        return CT_OK;
    const ct_content_copy *copy;
    CT_TRY(ct_contents_fetch(&replay->contents, replay->journal, value->content - 1, &copy, error));
    value->kind = KINDS[copy->kind];
    value->negative = copy->kind == CT_CONTENT_NEGATIVE;
    value->data.bytes = copy->bytes;
    value->data.size = copy->size;
    value->data.true_length = copy->true_length;
    return CT_OK;
}

size_t
ct_replay_thread_count(const ct_replay *replay)
{
    return replay->state.thread_count;
}

const ct_thread *
ct_replay_thread(const ct_replay *replay, size_t index)
{
    return index < replay->state.thread_count ? &replay->state.thread_list[index]->thread : NULL;
}

uint64_t
ct_replay_objects_changed(const ct_replay *replay)
{
    return replay->objects_changed;
}

/* ---- checks ---- */

void
ct_replay_verify_keys(ct_replay *replay, bool verify)
{
    replay->verify = verify;
}

bool
ct_replay_key_differed(const ct_replay *replay)
{
    return replay->key_differed;
}

bool
ct_replay_same(const ct_replay *walked, const ct_replay *sought, const char **difference)
{
    *difference = "they stand at different events";
    return walked->events == sought->events && walked->steps == sought->steps
           && ct_state_same(&walked->state, &sought->state, difference);
}
