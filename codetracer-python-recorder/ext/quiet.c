/* Whether anything that the journal knows can have changed since the last event.
 *
 * At most events nothing has: a line has compared two numbers. Then no object is looked at but those that a variable newly refers to; objects visited since
 * recorder.quiet_since are as the journal says. This file decides it, and whenever it is not sure, it says no: a look at everything is what is done without it.
 *
 * Why nothing can have changed when quiet_holds says so. From the end of the last event to this one
 *   1. only this thread ran Python: the GIL was not switched (its count), no garbage was collected (its count), nobody else is called by the interpreter (other tools of
 *      sys.monitoring, sys.settrace, sys.setprofile, an evaluation function; asked for at each event that is not quiet, for calling something is what registers them);
 *   2. no other frame ran. Either no frame was pushed: a word was written where it would have begun, it is there still, and no new piece of the frames'
 *      memory was begun. (Signal handlers, __del__, properties, operators and all other functions in Python push one there; while a frame that returned is cleared, behind that, where
 *      a second word is. Generators do not: an iterator that is stepped is of a type that runs nobody's code, and one that is closed as it dies gets an exception thrown into it, which
 *      is an event of any code.) Or this event is the beginning of the first function that the frame called, directly, and nothing was let go before the call that could run a
 *      __del__ (its frame would have been where the function's is now) without dying as 4 sees it. 3.13 runs signal handlers before it tells of that beginning, in frames behind
 *      the function's (INSTRUMENTED_RESUME, Python/bytecodes.c): they are given its frame as an object, which stays with it. Nor is there arithmetic before the call that may handle signals, if there are handlers. Keywords' names are compared there, too:
 *      those of defaults must be exact strs (a call that gives keywords: see KW_NAMES in effects.c);
 *   3. so what ran are instructions of the frame's code, on a way that effects.c has looked through, none of which ran twice. Each is harmless by itself, or was specialised when the
 *      last event ended and is so now, with the same counter: it ran in that form or not at all. Or the values in slots that it works with were of types with which it is harmless;
 *   4. no object that the journal knows has died but such as die quietly (lifetime.c), and freeing others runs no code that changes those: frames would be seen (behind the beginning of a
 *      function they would not, so there none has died at all), a weak reference with a function in C makes every
 *      event look at everything (weakrefs.c), and so does a hook for dying asynchronous generators in C. What a store replaces is known: what stands there when the stretch begins is known, for it is looked at
 *      only in what was looked into since anything happened and is shown whole, or, of a container with more elements than are kept, at a place that is shown, or it is a scalar; and what
 *      instructions put there since is held elsewhere or known, for nothing that is not known is let go by any of them;
 *   5. what instructions did change is looked at again here: the objects whose attributes or elements are stored to, or that are appended to, found before they ran.
 *      Attributes in a dict that something else holds, too, are left to a look. Of a list or dict that one instruction stores an element of, at a place that could be told when the line began,
 *      nothing else has changed: an index is no other's, and a key that a dict has keeps its entry, as all others do (insertdict, Objects/dictobject.c; a dict with one more key, or one that was filled anew
 *      by another instruction, is stored to twice, or at no known place). So that one is compared, and looked into, alone: the others are held by the container, and were looked into with it. If it is not shown, nothing is.
 *   6. The names of a module or class lie in a dict that no shown object has for its own; those that a stretch stores are compared, and all of them after an event before which others may have been stored.
 * And what a look reads besides objects is the same: texts that became known as secrets are counted; memory that changes without Python code (a memoryview's) was never seen, nor is
 * there a signal handler written in C (signals.c), which would leave no mark. One thing changes without being told: a tuple that only its iterator holds is filled anew (enumerate, zip). snapshot.c looks at it when a variable gets it.
 *
 * What is assumed: what compares a key of a dict or set with an equal one, or finalizes an object that the journal does not know, changes nothing that is shown if it is written in C (a
 * class in Python may have such a function for its __eq__ or __del__: `C.__eq__ = items.append`), and no C code of others runs beside the program's (pending calls of a debugger, watchers
 * of types and dicts, weak references of extensions) that changes what it shows; nor is a functools.partial given another function (__setstate__) while it handles a signal.
 *
 * Adversarial tests: tests/programs/quiet_*.py, and tests/python/test_capture.py, which looks at everything after each such event.
 */
#include "effects.h"

static PyObject *const MARK = (PyObject *)(uintptr_t)0xC7DE7AACE1u; /* odd: no object's address */
enum { CHUNK_MARK = -1 };

static int own_tool;

void
quiet_setup(int tool)
{
    own_tool = tool;
}

/* ---- what values must be ---- */

/* A descriptor that gives what lies in a C struct, unless an audit hook, which may be written in C, is asked first (Objects/descrobject.c member_get). */
static bool
is_plain_member(PyObject *descriptor)
{
    return Py_TYPE(descriptor) == &PyMemberDescr_Type && !(((PyMemberDescrObject *)descriptor)->d_member->flags & Py_AUDIT_READ);
}

/* Whether object.__getattribute__ loads it without calling anybody (Objects/object.c): what the class has of that name is a function, a slot, or no descriptor; and the instance's dict
 * has no keys that would be asked whether they are equal. */
static bool
loads_plainly(PyObject *owner, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(owner);
    if (name == NULL || type->tp_getattro != PyObject_GenericGetAttr || (type->tp_dictoffset && !(type->tp_flags & Py_TPFLAGS_MANAGED_DICT)))
        return false;
    PyObject *dict = ct_managed_dict(owner), *found = operand_in_class(type, name);
    return (dict == NULL || operand_plain_dict(owner)) &&
           (found == NULL || Py_TYPE(found)->tp_descr_get == NULL || Py_TYPE(found) == &PyFunction_Type || Py_TYPE(found) == &PyMethodDescr_Type || is_plain_member(found));
}

/* Whether object.__setattr__ puts it into the instance's dict, which nothing else holds. */
static bool
stores_plainly(PyObject *owner, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(owner);
    PyObject *dict = name && type->tp_setattro == PyObject_GenericSetAttr ? operand_plain_dict(owner) : NULL;
    PyObject *found = dict ? operand_in_class(type, name) : NULL;
    return dict && Py_REFCNT(dict) == 1 && (found == NULL || Py_TYPE(found)->tp_descr_set == NULL);
}

static bool
is_scalar(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return type == &PyLong_Type || type == &PyUnicode_Type || type == &PyFloat_Type || value == Py_None || type == &PyBool_Type || type == &PyBytes_Type || type == &PyComplex_Type;
}

static bool
is_container(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return type == &PyList_Type || type == &PyTuple_Type || type == &PyDict_Type || type == &PyUnicode_Type || type == &PyRange_Type || type == &PySet_Type ||
           type == &PyFrozenSet_Type || type == &PyBytes_Type;
}

static bool
is_given(const finder *f, const effect_check *check, enum effect_need need)
{
    if (check->need == NEED_NEVER)
        return false;
    PyObject *value = operand_find(f, check->value);
    if (value == NULL)
        return false;
    PyTypeObject *type = Py_TYPE(value);
    switch (need) {
    case NEED_SCALAR:
        return is_scalar(value);
    case NEED_INVERTIBLE:
        return is_scalar(value) && type != &PyBool_Type;
    case NEED_SIZED:
        return is_scalar(value) || is_container(value) ||
               ((type->tp_as_number == NULL || type->tp_as_number->nb_bool == NULL) && (type->tp_as_mapping == NULL || type->tp_as_mapping->mp_length == NULL) &&
                (type->tp_as_sequence == NULL || type->tp_as_sequence->sq_length == NULL));
    case NEED_CONTAINER:
        return is_container(value);
    case NEED_SEQUENCE:
        return type == &PyList_Type || type == &PyTuple_Type || type == &PyUnicode_Type || type == &PyBytes_Type;
    case NEED_HASHED:
        return type == &PyDict_Type || type == &PySet_Type || type == &PyFrozenSet_Type;
    case NEED_ATTRIBUTE:
        return loads_plainly(value, operand_name(f->frame, check->name));
    case NEED_STORABLE:
        return stores_plainly(value, operand_name(f->frame, check->name));
    default:
        return false;
    }
}

static bool
are_given(const finder *f, const effect_check *checks, const effect_cell *cell, int opcode, bool all)
{
    for (size_t i = cell->check; i < (size_t)cell->check + cell->check_count; i++) {
        const effect_check *check = &checks[i];
        enum effect_need need = opcode == CALL_STR_1 ? NEED_SCALAR : check->need;
        if ((all || check->always) && !is_given(f, check, need))
            return false;
    }
    return true;
}

/* Iterators of exact built-in types that step through storage and call nobody. */
static bool
is_plain_iterator(PyObject *iterator)
{
    PyTypeObject *type = Py_TYPE(iterator);
    return type == &PyListIter_Type || type == &PyRangeIter_Type || type == &PyTupleIter_Type || type == &PyDictIterKey_Type || type == &PyDictIterValue_Type ||
           type == &PyDictIterItem_Type || type == &PySetIter_Type || type == &PyUnicodeIter_Type || type == &PyBytesIter_Type;
}

/* ---- the beginning ---- */

static bool
targets_something(int opcode)
{
    return opcode == STORE_ATTR_INSTANCE_VALUE || opcode == STORE_ATTR_SLOT || opcode == STORE_ATTR_WITH_HINT || opcode == STORE_SUBSCR_LIST_INT ||
           opcode == STORE_SUBSCR_DICT || opcode == CALL_LIST_APPEND;
}

/* Where it is stored, if the instruction runs: in a list STORE_SUBSCR_LIST_INT takes an exact int from 0 on of one digit; in a dict it is the entry that has the key already, which keeps
 * its place. ANY_ELEMENT: not known, or a new key, which makes a dict longer. */
static uint32_t
place_of(const finder *f, const effect_cell *cell, PyObject *target)
{
    int64_t place = -1, number;
    if (PyDict_CheckExact(target)) {
        PyObject *key = operand_find(f, cell->index);
        if (key && PyUnicode_CheckExact(key))
            place = ct_dict_position(target, (ct_dict_key){.text = key});
        else if (operand_find_int(f, cell->index, &number))
            place = ct_dict_position(target, (ct_dict_key){.number = number});
    }
    else if (operand_find_int(f, cell->index, &number))
        place = number;
    return place >= 0 && place < ANY_ELEMENT ? (uint32_t)place : ANY_ELEMENT;
}

/* Whether what lies there now is a scalar, which goes without running anything. */
static bool
is_scalar_at(PyObject *target, uint32_t place)
{
    PyObject *key, *value = NULL;
    if (PyList_CheckExact(target))
        value = place < PyList_GET_SIZE(target) ? PyList_GET_ITEM(target, place) : NULL;
    else if (PyDict_CheckExact(target))
        value = ct_dict_entry(target, place, &key);
    return value && is_scalar(value);
}

/* Whether what a store there lets go is known, so that it is seen to die, or runs nothing as it dies: all that is directly in the object is known, or what is shown of it and the place is
 * within the limit of items (what stands at entry n of a dict is at most its n-th item), or a scalar lies there. */
static bool
is_known_there(const recorder *r, const object_record *record, PyObject *target, uint32_t place)
{
    if (record->whole && (record->length <= r->limits.items || (place != ANY_ELEMENT && place < r->limits.items)))
        return true;
    return place != ANY_ELEMENT && is_scalar_at(target, place);
}

/* Whether what it computes with are no ints that look for signals. */
static bool
is_brief(const finder *f, const effect_cell *cell)
{
    for (size_t i = 0; i < sizeof cell->operands; i++) {
        int64_t number;
        if (operand_find_int(f, cell->operands[i], &number)) {
            if (cell->computes == OF_INTS || number <= -(int64_t)PyLong_BASE || number >= (int64_t)PyLong_BASE)
                return false;
            continue;
        }
        PyObject *object = operand_find(f, cell->operands[i]);
        if (object == NULL || (cell->computes == OF_INTS ? PyLong_Check(object) : !PyFloat_CheckExact(object))) /* '%d' % 1 makes a text of it */
            return false;
    }
    return true;
}

/* Notes what the instructions are, and where they stop being harmless, as things are now. */
static void
watch_instructions(recorder *r, const effect_stretch *s, activation *a, ct_frame *frame)
{
    quiet_watch *q = &r->quiet;
    const _Py_CODEUNIT *code = _PyCode_CODE(ct_frame_code(frame));
    const finder f = {r, s->values, a, frame};
    q->loud_from = s->loud_from;
    q->computes_from = NEVER_LOUD;
    q->cell_count = q->target_count = 0;
    for (size_t i = 0; i < s->cell_count; i++) {
        const effect_cell *cell = &s->cells[i];
        if (cell->unit >= q->loud_from)
            return;
        int opcode = code[cell->unit].op.code;
        enum effect_hit hit = effects_hit(opcode);
        bool is_general = hit == HIT_NONE; /* then, with these operands, it is harmless in any form */
        if (is_general ? cell->has_generic && are_given(&f, s->checks, cell, opcode, true) : hit == HIT_PLAIN || are_given(&f, s->checks, cell, opcode, false)) {
            if (is_general ? cell->target != NOWHERE : targets_something(opcode)) {
                PyObject *target = q->target_count == WATCHED_TARGETS || (opcode == STORE_SUBSCR_DICT && r->instance_dicts) ? NULL : operand_find(&f, cell->target);
                if (target && opcode == STORE_SUBSCR_DICT && pointer_map_get(&r->attribute_dicts, target))
                    target = NULL;
                PyObject *dict = target && opcode == STORE_ATTR_WITH_HINT ? ct_managed_dict(target) : NULL;
                if (dict && Py_REFCNT(dict) != 1) /* whose attributes are there as well? */
                    target = NULL;
                object_record *record = target ? pointer_map_get(&r->objects, target) : NULL;
                const uint32_t place = record ? place_of(&f, cell, target) : ANY_ELEMENT;
                if (record == NULL || !object_is_looked_into(r, record) || !is_known_there(r, record, target, place)) {
                    q->loud_from = cell->unit;
                    return;
                }
                q->targets[q->target_count++] = (struct watched_target){cell->unit, record, place};
            }
            if (cell->computes && r->handles_signals && q->computes_from == NEVER_LOUD && !is_brief(&f, cell))
                q->computes_from = cell->unit;
            if (!is_general)
                q->cells[q->cell_count++] = (struct watched_cell){cell->unit, code[cell->unit], ct_counter(code + cell->unit)};
            continue;
        }
        q->loud_from = cell->unit;
        return;
    }
}

/* A dict of names that the journal knows as an object, too (globals(), locals()), or as an object's attributes: storing a name changes that. */
static bool
is_shown_dict(const recorder *r, PyObject *dict)
{
    return dict && (pointer_map_get(&r->objects, dict) || pointer_map_get(&r->attribute_dicts, dict));
}

/* Whether what was loaded from slots before a call is in them still: else it is not what will be found in them, and may be held by the stack alone. From here on
 * it is: nothing runs before the caller goes on, or it leaves a mark. */
static bool
are_kept(const effect_stretch *s, ct_frame *frame)
{
    PyObject **top = ct_frame_stack_top(frame);
    for (size_t i = 0; i < s->kept_count; i++)
        if (top == NULL || *(top - s->kept[i].below) != ct_frame_slots(frame)[s->kept[i].slot])
            return false;
    return true;
}

/* `mark`: where the next frame will begin; the word there is kept, unless it is free. */
static void
watch(recorder *r, PyThreadState *tstate, activation *a, ct_frame *frame, uint16_t entry, uint16_t from, PyObject **mark)
{
    quiet_watch *q = &r->quiet;
    PyCodeObject *code = ct_frame_code(frame);
    code_info *info = a->info;
    if (!q->alone || r->limits.containers < 2 || r->limits.attributes < 2 || r->restless || r->busy & RECORDER_PAUSED || info->calls_only || info->hides || (a->names && a->names->hides) || code == NULL ||
        q->secrets_known != r->secrets_known) /* what this event showed before one became known is looked at again */
        return;
    const effect_stretch *s = effects_of(r, code, info, entry, from);
    if (s == NULL || (s->loud_from != NEVER_LOUD && (s->call_end == 0 || s->loud_from < s->call)))
        return;
    if (s->steps_iterator) {
        PyObject **top = ct_frame_stack_top(frame);
        if (top == NULL || !is_plain_iterator(*top))
            return;
    }
    if (s->kept_count && !are_kept(s, frame))
        return;
    if (s->looks_up_names && !ct_is_plain_names(frame))
        return;
    if (s->name_count && (r->instance_dicts || is_shown_dict(r, ct_frame_namespace(frame)) || is_shown_dict(r, ct_frame_globals(frame))))
        return;
    watch_instructions(r, s, a, frame);
    q->mark = mark;
    q->behind = tstate->datastack_top; /* the same, or behind the frame that returns: what dies with that one runs there */
    if (q->behind + 1 > tstate->datastack_limit)
        return;
    *q->behind = MARK;
    q->mark_word = *mark;
    q->chunk = tstate->datastack_chunk;
    q->chunk->top = (size_t)CHUNK_MARK; /* the interpreter reads it only when it leaves the next piece, and sets it when it begins one (push_chunk, Python/pystate.c) */
    q->switches = ct_gil_switches(tstate);
    q->collections = ct_collections(tstate);
    q->frame = frame;
    q->stretch = s;
}

void
quiet_begin(recorder *r, activation *a, ct_frame *frame, int unit)
{
    a->entry = unit;
    if (unit >= 0 && unit < NEVER_LOUD)
        watch(r, r->tstate, a, frame, (uint16_t)unit, 0, r->tstate->datastack_top);
}

void
quiet_begin_caller(recorder *r, ct_frame *frame, PyObject *returned)
{
    activation *a = r->thread->top;
    if (a == NULL || a->entry < 0 || ct_frame_in_generator(frame) || a->frame != ct_frame_previous(frame))
        return;
    int unit = ct_frame_resume_unit(a->frame);
    r->quiet.returned = returned; /* it will be on the caller's stack */
    r->quiet.returned_is_seen = is_scalar(returned) || (pointer_map_get(&r->objects, returned) && Py_TYPE(returned)->tp_finalize == NULL && Py_TYPE(returned)->tp_del == NULL);
    if (unit > a->entry && unit < NEVER_LOUD)
        watch(r, r->tstate, a, a->frame, (uint16_t)a->entry, (uint16_t)unit, (PyObject **)frame);
}

/* ---- the end ---- */

/* The interpreter looks for a function's keyword defaults with its frame in place already: a key's __eq__ would run behind it. */
static bool
has_plain_defaults(ct_frame *frame)
{
    PyObject *defaults = ct_frame_keyword_defaults(frame);
    return defaults == NULL || (PyDict_CheckExact(defaults) && ct_dict_is_text_keyed(defaults));
}

bool
quiet_holds(recorder *r, PyThreadState *tstate, ct_frame *frame, bool starts)
{
    quiet_watch *q = &r->quiet;
    const effect_stretch *s = q->stretch;
    if (s == NULL)
        return false;
    q->stretch = NULL;
    if (tstate != r->tstate || tstate->id != r->tstate_id || r->died_loudly || (starts && r->died_count) || r->ended_count || q->switches != ct_gil_switches(tstate) ||
        q->collections != ct_collections(tstate) || q->secrets_known != r->secrets_known || r->restless || q->chunk != tstate->datastack_chunk ||
        q->chunk->top != (size_t)CHUNK_MARK)
        return false;
    uint16_t end = NEVER_LOUD;
    if (starts) {
        end = s->call;
        if (s->call_end == 0 || ct_frame_previous(frame) != q->frame || (PyObject **)frame != q->mark || ct_frame_resume_unit(q->frame) != s->call_end ||
            s->uncertain_from <= s->call || (s->lets_return_go <= s->call && !q->returned_is_seen) || q->computes_from <= s->call || q->loud_from < s->call || (q->behind != q->mark && *q->behind != MARK) || ct_frame_has_object(frame) || !has_plain_defaults(frame))
            return false;
    }
    else if (frame != q->frame || *q->mark != q->mark_word || *q->behind != MARK || q->loud_from != NEVER_LOUD)
        return false;
    const _Py_CODEUNIT *code = _PyCode_CODE(ct_frame_code(q->frame));
    for (size_t i = 0; i < q->cell_count && q->cells[i].unit < end; i++) {
        const struct watched_cell *cell = &q->cells[i];
        if (code[cell->unit].cache != cell->instruction.cache || ct_counter(code + cell->unit) != cell->counter)
            return false;
    }
    while (q->target_count && q->targets[q->target_count - 1].unit >= end)
        q->target_count--;
    q->names = starts || s->name_count == 0 ? NULL : s; /* a stretch that stores one before it calls does not hold: see uncertain_from */
    return true;
}

void
quiet_end(recorder *r, bool held)
{
    quiet_watch *q = &r->quiet;
    q->secrets_known = r->secrets_known;
    if (!held) {
        PyObject *finalizer = r->tstate->async_gen_finalizer; /* sys.set_asyncgen_hooks */
        q->alone = ct_is_alone(r->tstate, own_tool) && (finalizer == NULL || is_in_python(finalizer));
        r->quiet_since = ++r->look;
        q->names = NULL;
        q->names_changed++;
        return;
    }
    r->quiet_events++;
    q->names_changed += q->names != NULL;
    for (size_t i = 0; i < q->target_count; i++)
        if (q->targets[i].record->object) /* else it has died since; no record was made meanwhile */
            object_look_at_stored(r, q->targets[i].record, q->targets[i].index);
}

/* The namespace is as it was at the activation's last snapshot, but for at most what the stretch that led here stores: no other dict of names has changed since, and this
 * one not as an object either (is_shown_dict). */
bool
quiet_namespace(recorder *r, const activation *a, ct_frame *frame, const uint16_t **stored, size_t *count)
{
    quiet_watch *q = &r->quiet;
    *count = q->names ? q->names->name_count : 0;
    *stored = q->names ? q->names->names : NULL;
    return a->names->complete + (q->names != NULL) == q->names_changed && *count <= EFFECT_NAMES && !is_shown_dict(r, ct_frame_namespace(frame));
}
