/* Deaths: the process-wide hooks that tell when an object, a type or a generator is gone.
 *
 * The recorder holds no reference to what it records, so it must learn of every death: an address that is used again would otherwise pass for
 * the old object. Nearly all objects die in PyObject_Free, which a hook on the object domain's allocator sees; lists, dicts, tuples, slices and MemoryErrors
 * may go to a free list instead, so their tp_dealloc is wrapped. C extensions that keep free lists of their own are not seen: there a
 * reused address shows as the same object with another state (docs/architecture.md).
 *
 * The hook costs the load of a bit per free: a table counts the watched blocks per hash of the address, and only a count that is not zero looks further. The bits say which
 * are not; they lie beside the counts, in 8 KiB that stay in the processor's nearest cache.
 * Hooks stay in place for ever once another allocator hook (tracemalloc) was put over ours: taking them out then would drop that one.
 *
 * This, events.c, signals.c, weakrefs.c and io_capture.c are the only files that change the interpreter; with fork.c, quiet.c and fd_capture.c the only ones with global state.
 */
#include "recorder.h"

#include <stdlib.h>

enum { FILTER_BITS = 16 };
static uint8_t watched_count[1 << FILTER_BITS]; /* watched blocks per hash; 255 sticks */
static uint64_t watched_bits[(1 << FILTER_BITS) / 64]; /* of the counts that are not zero */
static PyMemAllocatorEx next_allocator;
static bool allocator_hooked;
static void *probe; /* a block whose death lifetime_check waits for */

static inline size_t
filter_slot(const void *block)
{
    return (size_t)(((uintptr_t)block >> 4) * 0x9E3779B97F4A7C15u >> (64 - FILTER_BITS));
}

static inline bool
may_be_watched(const void *block)
{
    size_t slot = filter_slot(block);
    return watched_bits[slot / 64] >> slot % 64 & 1;
}

void
lifetime_watch(const void *block)
{
    size_t slot = filter_slot(block);
    if (watched_count[slot] != UINT8_MAX)
        watched_count[slot]++;
    watched_bits[slot / 64] |= (uint64_t)1 << slot % 64;
}

void
lifetime_unwatch(const void *block)
{
    size_t slot = filter_slot(block);
    if (watched_count[slot] != UINT8_MAX && watched_count[slot] != 0 && --watched_count[slot] == 0)
        watched_bits[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

/* Whether its death ran nothing, and let nothing go that could unless that is seen to die as well. An exact container, or an instance of a class of Python's without __del__, lets go what it refers
 * to. It has been looked into since anything happened, so that is what the journal says, or what instructions put there since, which is held elsewhere or known (quiet.c); each of these has a record and is
 * judged by its own death. What is known but lies where nobody looks any more, at the border of what is shown or beyond it, may refer to anything by now. Its class is as it was, too, for it was read at that look. */
static bool
dies_quietly(const recorder *r, const object_record *record)
{
    return record->type->dies_quietly && record->whole && record->length <= r->limits.items && object_is_looked_into(r, record);
}

/* The object that lies at `object` is gone. */
static void
object_died(recorder *r, object_record *record)
{
    r->died_loudly = r->died_loudly || !dies_quietly(r, record);
    pointer_map_remove(&r->objects, record->object);
    lifetime_unwatch(record->block);
    if (r->died_count == r->died_capacity) {
        size_t capacity = r->died_capacity ? r->died_capacity * 2 : 256;
        uint64_t *died = realloc(r->died, capacity * sizeof *died);
        if (died == NULL)
            r->no_memory = true;
        else {
            r->died = died;
            r->died_capacity = capacity;
        }
    }
    if (r->died_count < r->died_capacity)
        r->died[r->died_count++] = record->id;
    for (int i = 0; i < 2; i++) {
        PyObject *guard = record->guards[i];
        record->guards[i] = NULL;
        Py_XDECREF(guard); /* an exact str: its end runs nothing */
    }
    object_record_free(r, record);
}

static void
generator_died(recorder *r, activation *a)
{
    if (a->on_stack)
        return; /* it was closed where no event tells of the end: its thread will find it lost, or a new generator takes its frame's address (activation_push) */
    if (r->ended_count == r->ended_capacity) {
        size_t capacity = r->ended_capacity ? r->ended_capacity * 2 : 64;
        uint64_t *ended = realloc(r->ended, capacity * sizeof *ended);
        if (ended == NULL)
            r->no_memory = true;
        else {
            r->ended = ended;
            r->ended_capacity = capacity;
        }
    }
    if (r->ended_count < r->ended_capacity)
        r->ended[r->ended_count++] = a->id;
    activation_end(r, a);
}

static void
block_freed(const void *block)
{
    recorder *r = active_recorder;
    if (r == NULL || !recorder_is_ours(r))
        return;
    if (block == probe)
        probe = NULL;
    /* What PyObject_GC_New puts before an object: nothing, the GC's head, or that and the managed dict and weakref pointers. */
    for (size_t before = 0; before <= 32; before += 16) {
        PyObject *object = (PyObject *)((char *)block + before);
        object_record *record = pointer_map_get(&r->objects, object);
        if (record && record->block == block)
            object_died(r, record);
        type_info *info = pointer_map_get(&r->types, object);
        if (info && info->block == block)
            type_info_died(r, info);
        activation *a = pointer_map_get(&r->suspended, (char *)object + CT_GENERATOR_FRAME_OFFSET);
        if (a)
            generator_died(r, a);
    }
}

/* The context is the next allocator's own: malloc and calloc are left to it directly. */
static void
hooked_free(void *context, void *block)
{
    if (block && may_be_watched(block))
        block_freed(block);
    next_allocator.free(context, block);
}

static void *
hooked_realloc(void *context, void *block, size_t size)
{
    void *moved = next_allocator.realloc(context, block, size);
    /* A block that moved is free at its old address. (In-place growth keeps the object: same address, same record.) */
    if (moved && moved != block && block && may_be_watched(block))
        block_freed(block);
    return moved;
}

/* Types whose deallocators may keep the block on a free list. */
static PyTypeObject **
kept_types(size_t *count)
{
    static PyTypeObject *types[5];
    types[0] = &PyList_Type;
    types[1] = &PyDict_Type;
    types[2] = &PyTuple_Type;
    types[3] = &PySlice_Type;
    types[4] = (PyTypeObject *)PyExc_MemoryError;
    *count = 5;
    return types;
}

static destructor next_dealloc[5];

static inline void
kept_died(PyObject *object, size_t index)
{
    recorder *r = active_recorder;
    if (r && may_be_watched((char *)object - ct_size_before(Py_TYPE(object))) && recorder_is_ours(r)) {
        object_record *record = pointer_map_get(&r->objects, object);
        if (record)
            object_died(r, record);
    }
    next_dealloc[index](object);
}

/* The deallocators of containers keep a deep nest from using up the C stack, but only while they find themselves in tp_dealloc (the trashcan, cpython/object.h).
 * So the wrapper does it in their place, in the same way: untracked first. Those of slice and MemoryError have no such thing.
 *
 * Nearly no nest is deep, and the trashcan costs several times what the wrapper does. So the first levels are only counted, as many as use little of the stack;
 * from there on the trashcan's own count begins. The count is of all threads: each takes back what it added, so one that waits within a deallocator only sends the
 * others to the trashcan earlier. Interpreters with a GIL of their own can lose one of two counts made at once: what is left over, or below zero and so a large
 * number, also sends to the trashcan, never past it. Without any GIL there is no count. */
enum { SHALLOW = 32 };
#ifdef Py_GIL_DISABLED
enum { died_depth = SHALLOW };
#define DIED_SHALLOW(object, index) ((void)(object))
#else
static unsigned died_depth;
#define DIED_SHALLOW(object, index) (died_depth++, kept_died(object, index), (void)died_depth--)
#endif

#define NESTED_DIED(name, index)                                                                                                    \
    static void name(PyObject *object)                                                                                              \
    {                                                                                                                               \
        if (died_depth < SHALLOW) {                                                                                                 \
            DIED_SHALLOW(object, index);                                                                                            \
            return;                                                                                                                 \
        }                                                                                                                           \
        PyObject_GC_UnTrack(object);                                                                                                \
        Py_TRASHCAN_BEGIN(object, name)                                                                                             \
        kept_died(object, index);                                                                                                   \
        Py_TRASHCAN_END                                                                                                             \
    }
NESTED_DIED(list_died, 0)
NESTED_DIED(dict_died, 1)
NESTED_DIED(tuple_died, 2)
static void slice_died(PyObject *object) { kept_died(object, 3); }
static void memory_error_died(PyObject *object) { kept_died(object, 4); }

static const destructor WRAPPERS[5] = {list_died, dict_died, tuple_died, slice_died, memory_error_died};
static bool wrapped[5];

int
lifetime_install(void)
{
    memset(watched_count, 0, sizeof watched_count);
    memset(watched_bits, 0, sizeof watched_bits);
    if (!allocator_hooked) {
        PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &next_allocator);
        PyMemAllocatorEx ours = next_allocator;
        ours.free = hooked_free;
        ours.realloc = hooked_realloc;
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
        allocator_hooked = true;
    }
    size_t count;
    PyTypeObject **types = kept_types(&count);
    for (size_t i = 0; i < count; i++)
        if (!wrapped[i]) {
            next_dealloc[i] = types[i]->tp_dealloc;
            types[i]->tp_dealloc = WRAPPERS[i];
            wrapped[i] = true;
        }
    return 0;
}

void
lifetime_remove(void)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &now);
    if (allocator_hooked && now.free == hooked_free) {
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &next_allocator);
        allocator_hooked = false;
    }
    size_t count;
    PyTypeObject **types = kept_types(&count);
    for (size_t i = 0; i < count; i++)
        if (wrapped[i] && types[i]->tp_dealloc == WRAPPERS[i]) {
            types[i]->tp_dealloc = next_dealloc[i];
            wrapped[i] = false;
        }
}

void
lifetime_check(recorder *r)
{
    r->object_free = ct_object_free();
    probe = PyObject_Malloc(16);
    if (probe == NULL)
        return;
    lifetime_watch(probe);
    const void *block = probe;
    PyObject_Free((void *)block);
    lifetime_unwatch(block);
    if (probe == NULL)
        return; /* the hook has seen it die: it is in place, or under one that calls it */
    probe = NULL;
    /* A tool that was there before us has left and put back what it had found (tracemalloc does). Deaths went unseen: nothing that
     * was known by its address is known any more. The tool's hook must not be called again, so ours goes over what is there now. */
    PyMemAllocatorEx now;
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &now);
    next_allocator = now;
    PyMemAllocatorEx ours = now;
    ours.free = hooked_free;
    ours.realloc = hooked_realloc;
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
    r->object_free = ct_object_free();
    r->died_loudly = true; /* any of them */
    for (size_t i = 0; r->objects.entries && i <= r->objects.mask; i++)
        if ((uintptr_t)r->objects.entries[i].key > 1)
            object_died(r, r->objects.entries[i].value);
    for (size_t i = 0; r->types.entries && i <= r->types.mask; i++)
        if ((uintptr_t)r->types.entries[i].key > 1 && ((type_info *)r->types.entries[i].value)->block)
            type_info_died(r, r->types.entries[i].value);
}
