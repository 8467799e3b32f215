/* Activations, threads and their stacks, and the change records of an event. Objects: objects.c.
 *
 * Invariant: an activation in the map is on exactly one stack (on_stack), or suspended, or left its stack in the event at hand
 * (state->ended, state->suspended).
 */

#include "model/state.h"
#include "util/memory.h"

enum { CHUNK = 16 };

void
ct_state_init(ct_state *state, const ct_journal *journal)
{
    const ct_allocator *allocator = journal->allocator;
    *state = (ct_state){.journal = journal, .allocator = allocator, .activations.allocator = allocator, .objects.allocator = allocator,
                        .threads.allocator = allocator, .object_chunks.allocator = allocator, .activation_chunks.allocator = allocator};
}

/* ---- activations ---- */

static ct_activation_cell *
allocate(ct_state *state)
{
    if (!state->free_activations) {
        ct_activation_cell *chunk = ct_allocate_zero(state->allocator, CHUNK, sizeof *chunk);
        void **place = chunk ? ct_array_add(&state->activation_chunks, sizeof(void *)) : NULL;
        if (!place) {
            ct_free(state->allocator, chunk);
            return NULL;
        }
        *place = chunk;
        for (size_t i = CHUNK; i-- > 0;) {
            chunk[i].globals.by_binding = true;
            chunk[i].slots.allocator = chunk[i].globals.allocator = state->allocator;
            chunk[i].next = state->free_activations;
            state->free_activations = &chunk[i];
        }
    }
    ct_activation_cell *cell = state->free_activations;
    state->free_activations = cell->next;
    return cell;
}

static void
give_back(ct_state *state, ct_activation_cell *cell)
{
    ct_bindings_clear(&cell->slots, cell->slots.by_binding);
    ct_bindings_clear(&cell->globals, true);
    cell->next = state->free_activations;
    state->free_activations = cell;
}

static void
end_activation(ct_state *state, ct_activation_cell *cell)
{
    ct_id_map_remove(&state->activations, cell->activation.id);
    give_back(state, cell);
}

ct_code
ct_state_add_activation(ct_state *state, uint64_t id, uint32_t code, uint8_t flags, ct_activation_cell **activation)
{
    const ct_code_info *info = ct_journal_code(state->journal, code);
    if (!info)
        return ct_state_corrupt(state, "a call's code is not there");
    ct_activation_cell *cell = allocate(state);
    if (!cell || !ct_id_map_add(&state->activations, id, cell)) {
        if (cell)
            give_back(state, cell);
        return ct_state_no_memory(state);
    }
    bool is_namespace = info->flags & CT_CODE_NAMESPACE;
    if (cell->slots.by_binding != is_namespace)
        ct_bindings_clear(&cell->slots, is_namespace);
    cell->code = info;
    cell->next = NULL;
    cell->activation = (ct_activation){.id = id, .code = code, .flags = flags, .line = info->first_line};
    *activation = cell;
    return CT_OK;
}

ct_code
ct_state_push(ct_state *state, ct_thread_cell *thread, ct_activation_cell *activation)
{
    if (thread->thread.depth == thread->capacity) {
        size_t capacity = thread->capacity ? thread->capacity * 2 : 16;
        ct_activation **stack = ct_resize(state->allocator, thread->stack, capacity * sizeof *stack);
        if (!stack)
            return ct_state_no_memory(state);
        thread->stack = stack;
        thread->thread.stack = stack;
        thread->capacity = capacity;
    }
    size_t depth = thread->thread.depth;
    activation->activation.caller = depth ? thread->stack[depth - 1] : NULL;
    activation->activation.thread = thread->thread.number;
    activation->activation.on_stack = true;
    thread->stack[depth] = &activation->activation;
    thread->thread.depth = depth + 1;
    return CT_OK;
}

ct_code
ct_state_call(ct_state *state, ct_thread_cell *thread, uint32_t code, uint8_t flags, ct_activation_cell **activation)
{
    CT_TRY(ct_state_add_activation(state, state->activation_count, code, flags, activation));
    state->activation_count++;
    return ct_state_push(state, thread, *activation);
}

static ct_code
find_suspended(ct_state *state, uint64_t id, ct_activation_cell **activation)
{
    *activation = ct_id_map_get(&state->activations, id);
    if (!*activation || (*activation)->activation.on_stack)
        return ct_state_corrupt(state, "an activation goes on that is not suspended");
    return CT_OK;
}

ct_code
ct_state_resume(ct_state *state, ct_thread_cell *thread, uint64_t id, ct_activation_cell **activation)
{
    CT_TRY(find_suspended(state, id, activation));
    return ct_state_push(state, thread, *activation);
}

/* The top activation ends or is suspended. During the event its caller can still be told. */
ct_code
ct_state_leave(ct_state *state, ct_thread_cell *thread, bool ends, ct_activation_cell **activation)
{
    if (!thread->thread.depth)
        return ct_state_corrupt(state, "an activation ends on an empty stack");
    *activation = (ct_activation_cell *)(void *)thread->stack[--thread->thread.depth];
    (*activation)->activation.on_stack = false;
    if (ends)
        state->ended = *activation;
    else
        state->suspended = *activation;
    return CT_OK;
}

ct_code
ct_state_end_suspended(ct_state *state, uint64_t id, ct_activation_cell **activation)
{
    CT_TRY(find_suspended(state, id, activation));
    state->ended = *activation;
    return CT_OK;
}

/* ---- threads ---- */

static ct_code
add_thread(ct_state *state, uint64_t number, ct_thread_cell **thread)
{
    if (state->thread_count == state->thread_capacity) {
        size_t capacity = state->thread_capacity ? state->thread_capacity * 2 : 8;
        ct_thread_cell **list = ct_resize(state->allocator, state->thread_list, capacity * sizeof(ct_thread_cell *));
        if (!list)
            return ct_state_no_memory(state);
        state->thread_list = list;
        state->thread_capacity = capacity;
    }
    ct_thread_cell *cell = ct_allocate_zero(state->allocator, 1, sizeof *cell);
    if (!cell || !ct_id_map_add(&state->threads, number, cell)) {
        ct_free(state->allocator, cell);
        return ct_state_no_memory(state);
    }
    cell->thread.number = number;
    cell->thread.name.bytes = "";
    state->thread_list[state->thread_count++] = cell;
    if (number == state->current_number)
        state->current = cell;
    *thread = cell;
    return CT_OK;
}

ct_code
ct_state_current(ct_state *state, ct_thread_cell **thread)
{
    if (CT_UNLIKELY(!state->current)) {
        state->current = ct_id_map_get(&state->threads, state->current_number);
        if (!state->current)
            return add_thread(state, state->current_number, thread);
    }
    *thread = state->current;
    return CT_OK;
}

ct_code
ct_state_thread_start(ct_state *state, uint64_t number, uint64_t system_id, ct_text name, ct_thread_cell **thread)
{
    ct_thread_cell *cell = ct_id_map_get(&state->threads, number);
    if (!cell)
        CT_TRY(add_thread(state, number, &cell));
    char *copy = ct_allocate(state->allocator, name.size + 1);
    if (!copy)
        return ct_state_no_memory(state);
    memcpy(copy, name.bytes, name.size);
    ct_free(state->allocator, cell->name);
    cell->name = copy;
    cell->thread.name = (ct_text){copy, name.size};
    cell->thread.system_id = system_id;
    *thread = cell;
    return CT_OK;
}

ct_code
ct_state_thread_exit(ct_state *state, uint64_t number, ct_thread_cell **thread)
{
    *thread = ct_id_map_get(&state->threads, number);
    if (!*thread)
        return ct_state_corrupt(state, "a thread ends that is not there");
    state->exited = *thread;
    return CT_OK;
}

static void
free_thread(const ct_state *state, ct_thread_cell *thread)
{
    ct_free(state->allocator, thread->stack);
    ct_free(state->allocator, thread->name);
    ct_free(state->allocator, thread);
}

static void
remove_thread(ct_state *state, ct_thread_cell *thread)
{
    while (thread->thread.depth)
        end_activation(state, (ct_activation_cell *)(void *)thread->stack[--thread->thread.depth]);
    size_t i = 0;
    while (state->thread_list[i] != thread)
        i++;
    state->thread_count--;
    memmove(state->thread_list + i, state->thread_list + i + 1, (state->thread_count - i) * sizeof *state->thread_list);
    ct_id_map_remove(&state->threads, thread->thread.number);
    if (state->current == thread)
        state->current = NULL;
    free_thread(state, thread);
}

/* ---- between events ---- */

void
ct_state_settle_slow(ct_state *state)
{
    if (state->ended)
        end_activation(state, state->ended);
    if (state->suspended)
        state->suspended->activation.caller = NULL; /* it may be gone before this one is */
    if (state->exited)
        remove_thread(state, state->exited);
    state->ended = state->suspended = NULL;
    state->exited = NULL;
    ct_state_bury_objects(state);
}

void
ct_state_clear(ct_state *state)
{
    for (size_t i = 0; state->activations.cells && i <= state->activations.mask; i++)
        if (state->activations.cells[i].value)
            give_back(state, state->activations.cells[i].value);
    ct_id_map_clear(&state->activations);
    for (size_t i = 0; i < state->thread_count; i++)
        free_thread(state, state->thread_list[i]);
    state->thread_count = 0;
    ct_id_map_clear(&state->threads);
    ct_state_clear_objects(state);
    state->current_number = 0;
    state->current = NULL;
    state->activation_count = state->object_count = state->object_count_now = state->address = 0;
    state->ended = state->suspended = NULL;
    state->exited = NULL;
    state->objects_touched = false;
}

void
ct_state_free(ct_state *state)
{
    for (size_t i = 0; i < state->thread_count; i++)
        free_thread(state, state->thread_list[i]);
    ct_free(state->allocator, state->thread_list);
    for (size_t i = 0; i < state->activation_chunks.count; i++) {
        ct_activation_cell *chunk = ((ct_activation_cell **)state->activation_chunks.items)[i];
        for (size_t j = 0; j < CHUNK; j++) {
            ct_bindings_free(&chunk[j].slots);
            ct_bindings_free(&chunk[j].globals);
        }
        ct_free(state->allocator, chunk);
    }
    ct_free(state->allocator, state->activation_chunks.items);
    ct_id_map_free(&state->activations);
    ct_id_map_free(&state->threads);
    ct_state_free_objects(state);
}

/* ---- changes ---- */

/* The name of a slot: in a namespace the slot number is a name's id. */
static bool
slot_name(const ct_state *state, const ct_code_info *code, uint32_t slot, uint32_t *name)
{
    if (code->flags & CT_CODE_NAMESPACE) {
        *name = slot;
        return slot < state->journal->definitions.names.count;
    }
    if (slot >= code->slot_count)
        return false;
    *name = code->slot_names[slot];
    return true;
}

static ct_code
change_slot(ct_state *state, ct_input *in, ct_activation_cell *cell, uint32_t slot, bool unbind, uint64_t event)
{
    uint32_t name;
    if (CT_UNLIKELY(!slot_name(state, cell->code, slot, &name)))
        return ct_state_corrupt(state, "a slot is changed that is not there");
    ct_code code = CT_OK;
    if (unbind)
        ct_bindings_unbind(&cell->slots, slot);
    else
        code = ct_bindings_take(&cell->slots, slot, name, in, event);
    cell->activation.slots = cell->slots.cells;
    cell->activation.slot_count = cell->slots.count;
    return code;
}

static ct_code
change_global(ct_state *state, ct_input *in, ct_activation_cell *cell, uint32_t name, bool unbind, uint64_t event)
{
    if (name >= state->journal->definitions.names.count)
        return ct_state_corrupt(state, "a global's name is not there");
    ct_code code = CT_OK;
    if (unbind)
        ct_bindings_unbind(&cell->globals, name);
    else
        code = ct_bindings_take(&cell->globals, name, name, in, event);
    cell->activation.globals = cell->globals.cells;
    cell->activation.global_count = cell->globals.count;
    return code;
}

/* It goes on in another code with the same variables. */
static ct_code
change_code(ct_state *state, ct_activation_cell *cell, uint32_t number)
{
    const ct_code_info *before = cell->code, *code = ct_journal_code(state->journal, number);
    if (!code || (code->flags ^ before->flags) & CT_CODE_NAMESPACE || code->slot_count != before->slot_count
        || (code->slot_count && memcmp(code->slot_names, before->slot_names, code->slot_count * sizeof *code->slot_names) != 0))
        return ct_state_corrupt(state, "an activation goes on in a code that is not there, or that has other variables");
    cell->code = code;
    cell->activation.code = number;
    return CT_OK;
}

ct_code
ct_state_change(ct_state *state, ct_input *in, uint8_t tag, ct_activation_cell *activation, uint64_t event)
{
    ct_code code;
    if (tag >= CT_R_OBJECT && tag <= CT_R_LENGTH)
        code = ct_state_object_record(state, in, tag, event);
    else if (tag < CT_R_SLOT_SHORT && (tag < CT_R_SLOT || tag > CT_R_CODE))
        return ct_state_corrupt(state, "there is no such record, or not here");
    else if (!activation)
        return ct_state_corrupt(state, "a variable is changed outside of any activation");
    else if (tag >= CT_R_SLOT_SHORT)
        code = change_slot(state, in, activation, (uint32_t)(tag - CT_R_SLOT_SHORT), false, event);
    else {
        uint32_t number = ct_take_varint32(in);
        if (tag <= CT_R_UNBIND)
            code = change_slot(state, in, activation, number, tag == CT_R_UNBIND, event);
        else if (tag == CT_R_CODE)
            code = change_code(state, activation, number);
        else
            code = change_global(state, in, activation, number, tag == CT_R_GLOBAL_UNBIND, event);
    }
    if (code == CT_E_NOMEM)
        return ct_state_no_memory(state);
    if (CT_UNLIKELY(in->bad))
        return ct_state_corrupt(state, "a record is cut, or a number in it breaks the format");
    return code;
}
