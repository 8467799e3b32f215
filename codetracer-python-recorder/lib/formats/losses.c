/* ct_losses: what a journal has and the other formats have no place for. Two passes: over the records, which hold every value once, and over the replay, which
 * knows the stacks.
 *
 * Invariant: a kind is counted whatever the target; which target leaves it out is said by KINDS alone. Memory is two bits an object, a cell for each
 * activation that is alive, and what positions of steps take (ct_places.h).
 */
#include <math.h>

#include "codetracer/export.h"
#include "formats/ct_places.h"
#include "formats/text.h"
#include "journal/reader.h"
#include "model/id_map.h"
#include "model/records.h"
#include "util/plural.h"

enum target { JSON = 1, BINARY = 2, BINARY_V0 = 4, SINGLE = 8, MULTI = 16, CT = SINGLE | MULTI, FOLDER = JSON | BINARY | BINARY_V0, ALL = CT | FOLDER };

typedef enum loss_kind {
    SUSPENSIONS, ENDED, EXCEPTIONS, UNWINDS, LOST_ENDS, LAST_SNAPSHOTS, GLOBALS, SHARED, ATTRIBUTES, SURROGATES, NAN_FLOATS, NAN_COMPLEX, THREAD_NAMES,
    THREAD_CHANGES, GAPS, SOURCES, COLUMNS, LINES, SAME_NAMES, PLACES, TYPE_KINDS, FACTS_FOLDER, FACTS_CT, KIND_COUNT
} loss_kind;

/* one, many: the sentence behind a count of 1, and behind others. */
static const struct { const char *name, *one, *many; unsigned targets; } KINDS[KIND_COUNT] = {
    [SUSPENSIONS] = {"suspended", "time a generator or coroutine was suspended or resumed: each part is shown as a call of its own",
                     "times a generator or coroutine was suspended or resumed: each part is shown as a call of its own", ALL},
    [ENDED] = {"ended-suspended", "generator that ended while it was suspended: its end is left out", "generators that ended while they were suspended: their end is left out",
               ALL},
    [EXCEPTIONS] = {"exceptions", "time an exception was raised or handled: left out", "times an exception was raised or handled: left out", ALL},
    [UNWINDS] = {"unwound", "frame that an exception ended: shown as a return of it", "frames that an exception ended: shown as a return of it", ALL},
    [LOST_ENDS] = {"unseen-end", "frame whose end was not seen: shown as a return of None", "frames whose end was not seen: shown as a return of None", ALL},
    [LAST_SNAPSHOTS] = {"last-snapshots", "end of a frame behind whose last step something had changed: the last snapshot is left out",
                        "ends of a frame behind whose last step something had changed: the last snapshot is left out", ALL},
    [GLOBALS] = {"globals", "value of a global variable that functions refer to: left out", "values of global variables that functions refer to: left out", ALL},
    [SHARED] = {"identity", "object that was in a variable more than once: that it is the same one is left out",
                "objects that were in a variable more than once: that they are the same ones is left out", ALL},
    [ATTRIBUTES] = {"attributes", "container or plain value of a derived class that has attributes: these are left out",
                    "containers and plain values of derived classes that have attributes: these are left out", ALL},
    [SURROGATES] = {"surrogates", "text with lone surrogates or bytes that are no character: shown as escapes or U+FFFD",
                    "texts with lone surrogates or bytes that are no character: shown as escapes or U+FFFD", ALL},
    [NAN_FLOATS] = {"nan", "float that is a NaN of another sign or payload: shown as the plain one", "floats that are a NaN of another sign or payload: shown as the plain one",
                    JSON | BINARY | SINGLE},
    [NAN_COMPLEX] = {"nan-complex", "complex number with such a NaN: shown with the plain one", "complex numbers with such a NaN: shown with the plain one", ALL},
    [THREAD_NAMES] = {"threads", "thread that has a name: it and the system id are left out", "threads that have a name: it and the system id are left out", ALL},
    [THREAD_CHANGES] = {"thread-changes", "change from one thread to another: the open calls are closed there, and opened anew",
                        "changes from one thread to another: the open calls are closed there, and opened anew", ALL},
    [GAPS] = {"gaps", "time the recording paused: left out", "times the recording paused: left out", ALL},
    [SOURCES] = {"sources", "text of a source file: left out", "texts of source files: left out", SINGLE},
    [COLUMNS] = {"columns", "line of a function whose column is known: it is left out", "lines of functions whose columns are known: these are left out", FOLDER | SINGLE},
    [LINES] = {"lines", "step at line 0, or far behind the end of its file's text: shown at the nearest line that has a position",
               "steps at line 0, or far behind the ends of their files' texts: shown at the nearest lines that have a position", MULTI},
    [SAME_NAMES] = {"same-names", "function that has several variables of one name: that they are several is left out",
                    "functions that have several variables of one name: that they are several is left out", ALL},
    [PLACES] = {"places", "function: its first line is left out", "functions: their first lines are left out", MULTI},
    [TYPE_KINDS] = {"types", "type: its kind and the types of its fields are left out", "types: their kinds and the types of their fields are left out", MULTI},
    [FACTS_FOLDER] = {"facts", "fact about the recording: left out", "facts about the recording: left out", FOLDER},
    [FACTS_CT] = {"facts", "fact about the recording: left out", "facts about the recording: left out", CT},
};

enum { IN_VARIABLE = 1, IN_SEVERAL = 2, PAGE_OBJECTS = 32 };

typedef struct page { uint64_t bits[2]; } page; /* two bits an object, and one for its attributes */
typedef struct last_step { uint64_t event; size_t slots; } last_step;

typedef struct losses {
    ct_journal *journal;
    const ct_allocator *allocator;
    ct_error *error;
    uint64_t counts[KIND_COUNT];
    ct_id_map pages, activations;
    ct_places places;
    uint32_t path_count;
} losses;

static ct_code
no_memory(const losses *l)
{
    return ct_fail(l->error, CT_E_NOMEM, "there is not enough memory", 0, 0);
}

/* ---- values, in the records ---- */

static ct_code
page_of(losses *l, uint64_t id, page **found)
{
    if ((*found = ct_id_map_get(&l->pages, id / PAGE_OBJECTS)))
        return CT_OK;
    if (!(*found = ct_allocate_zero(l->allocator, 1, sizeof **found)))
        return no_memory(l);
    if (ct_id_map_add(&l->pages, id / PAGE_OBJECTS, *found))
        return CT_OK;
    ct_free(l->allocator, *found);
    return no_memory(l);
}

/* The object was put into a variable. */
static ct_code
note_variable(losses *l, uint64_t id)
{
    page *p;
    CT_TRY(page_of(l, id, &p));
    unsigned shift = 2 * (unsigned)(id % PAGE_OBJECTS);
    unsigned now = (unsigned)(p->bits[0] >> shift) & 3;
    l->counts[SHARED] += now == IN_VARIABLE;
    p->bits[0] |= (uint64_t)(now ? IN_SEVERAL : IN_VARIABLE) << shift;
    return CT_OK;
}

static ct_code
note_attributes(losses *l, uint64_t id)
{
    page *p;
    CT_TRY(page_of(l, id, &p));
    uint64_t bit = UINT64_C(1) << id % PAGE_OBJECTS;
    l->counts[ATTRIBUTES] += !(p->bits[1] & bit);
    p->bits[1] |= bit;
    return CT_OK;
}

/* A NaN that is not the one that reading "NaN" gives. */
static bool
is_special(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return isnan(number) && bits != UINT64_C(0x7FF8000000000000);
}

static void
on_value(void *context, const ct_value *value)
{
    losses *l = context;
    if (value->kind == CT_FLOAT)
        l->counts[NAN_FLOATS] += is_special(value->number[0]);
    else if (value->kind == CT_COMPLEX)
        l->counts[NAN_COMPLEX] += is_special(value->number[0]) || is_special(value->number[1]);
    else if (value->kind == CT_TEXT && !value->content)
        l->counts[SURROGATES] += !ct_text_is_clean(value->data.bytes, (size_t)value->data.size);
}

/* An OBJECT record behind its tag, whose fields may be attributes of something that is shown without. */
static ct_code
look_at_object(losses *l, ct_input in)
{
    uint64_t id = ct_take_varint(&in);
    const ct_type_info *type = ct_journal_type(l->journal, ct_take_varint32(&in));
    uint8_t flags = ct_take_byte(&in);
    ct_value passed;
    if (!type || !(flags & CT_O_FIELDS) || type->look == CT_LOOK_STRUCT)
        return CT_OK;
    if (flags & CT_O_ADDRESS)
        (void)ct_take_svarint(&in);
    if (flags & CT_O_PAYLOAD)
        ct_take_value(&in, &passed);
    if (flags & CT_O_ITEMS) {
        (void)ct_take_varint(&in);
        for (uint64_t left = ct_take_varint(&in); left > 0 && !in.bad; left--)
            ct_take_value(&in, &passed);
    }
    if (flags & CT_O_LENGTH)
        (void)ct_take_varint(&in);
    const ct_shape_info *shape = ct_journal_shape(l->journal, ct_take_varint32(&in));
    return !in.bad && shape && shape->count ? note_attributes(l, id) : CT_OK;
}

/* A record that binds a variable, behind its tag. */
static ct_code
look_at_variable(losses *l, ct_input in, uint8_t tag)
{
    ct_value value;
    if (tag < CT_R_SLOT_SHORT)
        (void)ct_take_varint(&in);
    ct_take_value(&in, &value);
    return !in.bad && value.kind == CT_OBJECT ? note_variable(l, value.object) : CT_OK;
}

/* Key states repeat what was told before them, so they are passed over. */
static ct_code
look_at_records(losses *l, ct_input in, bool *in_key)
{
    ct_references none = {0}, counted = {.value = on_value, .context = l};
    uint64_t address = 0;
    while (in.at < in.end) {
        uint8_t tag = ct_take_byte(&in);
        *in_key = *in_key || tag == CT_R_KEY_BEGIN;
        if (!*in_key && (tag >= CT_R_SLOT_SHORT || tag == CT_R_SLOT))
            CT_TRY(look_at_variable(l, in, tag));
        else if (!*in_key && tag == CT_R_GLOBAL)
            l->counts[GLOBALS]++;
        else if (!*in_key && tag == CT_R_OBJECT)
            CT_TRY(look_at_object(l, in));
        ct_scan_record(&in, tag, l->journal, &address, *in_key ? &none : &counted);
        if (in.bad)
            return ct_fail(l->error, CT_E_CORRUPT, "a record of the journal breaks the format", 0, 0);
        *in_key = *in_key && tag != CT_R_KEY_END;
    }
    return CT_OK;
}

static void
look_at_contents(losses *l, ct_input in)
{
    while (in.at < in.end && !in.bad) {
        uint8_t kind = ct_take_byte(&in);
        (void)ct_take_varint(&in);
        ct_text text = ct_take_text(&in);
        l->counts[SURROGATES] += kind == CT_CONTENT_TEXT && !ct_text_is_clean((const uint8_t *)text.bytes, text.size);
    }
}

static ct_code
look_at_values(losses *l)
{
    const ct_block_list *lists[] = {&l->journal->events, &l->journal->contents};
    ct_block_reader reader = {0};
    uint8_t *raw = NULL;
    size_t capacity = 0;
    bool in_key = false;
    ct_code code = CT_OK;
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; code == CT_OK && i < lists[list]->count; i++) {
            const ct_block_entry *block = &lists[list]->blocks[i];
            if (block->sequence >= l->journal->damage_sequence)
                break; /* the replay tells */
            code = ct_block_read(&reader, l->journal, block, &raw, &capacity, l->error);
            if (code != CT_OK)
                break;
            if (list == 0)
                code = look_at_records(l, (ct_input){raw, raw + block->limit, false}, &in_key);
            else
                look_at_contents(l, (ct_input){raw, raw + block->raw, false});
        }
    ct_block_reader_free(&reader);
    ct_free(l->allocator, raw);
    return code;
}

/* ---- events, in the replay ---- */

static ct_code
note_step(losses *l, const ct_event *event)
{
    const ct_code_info *info = ct_journal_code(l->journal, event->activation->code);
    last_step *last = ct_id_map_get(&l->activations, event->activation->id);
    l->counts[LINES] += info && info->path < l->path_count && !ct_places_hold(&l->places, info->path, event->line);
    if (!last) {
        if (!(last = ct_allocate(l->allocator, sizeof *last)))
            return no_memory(l);
        if (!ct_id_map_add(&l->activations, event->activation->id, last)) {
            ct_free(l->allocator, last);
            return no_memory(l);
        }
    }
    *last = (last_step){event->number, event->activation->slot_count};
    return CT_OK;
}

/* A frame ends here: whether its variables, or what they hold directly, are other than at its last step. */
static void
look_at_end(losses *l, const ct_replay *replay, const ct_event *event, bool gone)
{
    const ct_activation *activation = event->activation;
    last_step *last = ct_id_map_get(&l->activations, activation->id);
    bool changed = activation->slot_count != (last ? last->slots : 0);
    for (size_t i = 0; i < activation->slot_count && !changed; i++) {
        const ct_slot *slot = &activation->slots[i];
        const ct_object *object = slot->value.kind == CT_OBJECT ? ct_replay_object(replay, slot->value.object) : NULL;
        changed = !last || slot->changed > last->event || (object && object->changed > last->event);
    }
    l->counts[LAST_SNAPSHOTS] += changed;
    if (last && gone) {
        ct_id_map_remove(&l->activations, activation->id);
        ct_free(l->allocator, last);
    }
}

static ct_code
look_at_event(losses *l, const ct_replay *replay, const ct_event *event)
{
    switch (event->kind) {
    case CT_EVENT_STEP: return note_step(l, event);
    case CT_EVENT_RESUME:
    case CT_EVENT_THROW: l->counts[SUSPENSIONS]++; break;
    case CT_EVENT_YIELD:
        l->counts[SUSPENSIONS]++;
        look_at_end(l, replay, event, false);
        break;
    case CT_EVENT_UNWIND:
        l->counts[UNWINDS]++;
        look_at_end(l, replay, event, true);
        break;
    case CT_EVENT_LOST:
        l->counts[LOST_ENDS]++;
        look_at_end(l, replay, event, true);
        break;
    case CT_EVENT_RETURN: look_at_end(l, replay, event, true); break;
    case CT_EVENT_ENDED:
        l->counts[ENDED]++;
        look_at_end(l, replay, event, true);
        break;
    case CT_EVENT_RAISE:
    case CT_EVENT_HANDLED: l->counts[EXCEPTIONS]++; break;
    case CT_EVENT_OUTPUT: l->counts[SURROGATES] += !ct_text_is_clean((const uint8_t *)event->text.bytes, event->text.size); break;
    case CT_EVENT_GAP: l->counts[GAPS]++; break;
    case CT_EVENT_THREAD_START: l->counts[THREAD_NAMES] += event->thread->name.size != 0; break;
    default: break;
    }
    return CT_OK;
}

static ct_code
look_at_events(losses *l)
{
    ct_replay *replay;
    const ct_event *event;
    uint64_t thread = 0;
    bool any = false;
    ct_code code = ct_replay_new(l->journal, &replay, l->error);
    CT_TRY(code);
    while (code == CT_OK && (code = ct_replay_next(replay, &event, l->error)) == CT_OK) {
        if (event->kind != CT_EVENT_THREAD_START && event->kind != CT_EVENT_THREAD_EXIT) {
            l->counts[THREAD_CHANGES] += any && thread != event->thread->number;
            thread = event->thread->number;
            any = true;
        }
        code = look_at_event(l, replay, event);
    }
    ct_replay_free(replay);
    return code == CT_END ? CT_OK : code;
}

/* ---- definitions ---- */

static bool
is_one_of(ct_text key, const char *const *names)
{
    for (; *names; names++) {
        size_t size = strlen(*names);
        bool is_prefix = (*names)[size - 1] == '.';
        if (is_prefix ? key.size > size && memcmp(key.bytes, *names, size) == 0 : key.size == size && memcmp(key.bytes, *names, size) == 0)
            return true;
    }
    return false;
}

/* Every format names this recorder, whichever wrote what was converted. */
static bool
is_this_recorder(const ct_meta_info *meta)
{
    static const char *const names[] = {"codetracer_python_recorder", "codetracer-python-recorder"};
    bool is_this = false;
    for (size_t i = 0; i < 2; i++)
        is_this = is_this || (meta->value.size >= strlen(names[i]) && memcmp(meta->value.bytes, names[i], strlen(names[i])) == 0);
    return is_this && meta->key.size == 8 && memcmp(meta->key.bytes, "recorder", 8) == 0;
}

/* Of a function's slots two may have one name: code.replace(co_varnames=…) can make such. */
static ct_code
look_at_names(losses *l, const ct_journal_counts *counts)
{
    uint32_t *last = ct_allocate_zero(l->allocator, counts->names + 1u, sizeof *last); /* the code that had the name last, + 1 */
    if (!last)
        return no_memory(l);
    for (uint32_t i = 0; i < counts->codes; i++) {
        const ct_code_info *info = ct_journal_code(l->journal, i);
        bool several = false;
        for (uint32_t k = 0; info && k < info->slot_count; k++)
            if (info->slot_names[k] < counts->names) {
                several = several || last[info->slot_names[k]] == i + 1;
                last[info->slot_names[k]] = i + 1;
            }
        l->counts[SAME_NAMES] += several;
    }
    ct_free(l->allocator, last);
    return CT_OK;
}

static void
look_at_text(losses *l, ct_text text)
{
    l->counts[SURROGATES] += !ct_text_is_clean((const uint8_t *)text.bytes, text.size);
}

static ct_code
look_at_definitions(losses *l)
{
    static const char *const HELD[] = {"program", "script", "workdir", "arg", "exit.status", "stem", NULL}; /* the last is a file's name, not a fact */
    static const char *const HELD_IN_FOLDERS[] = {"limit.", "cut.", "redacted.", "redaction", "shortened.", "filter.", "recovered", NULL}; /* trace_folder.c */
    ct_journal_counts counts;
    ct_journal_count(l->journal, &counts);
    for (uint32_t i = 0; i < counts.metas; i++) {
        const ct_meta_info *meta = ct_journal_meta(l->journal, i);
        if (!meta || is_one_of(meta->key, HELD) || is_this_recorder(meta))
            continue;
        l->counts[FACTS_CT]++;
        l->counts[FACTS_FOLDER] += !is_one_of(meta->key, HELD_IN_FOLDERS);
    }
    for (uint32_t i = 0; i < counts.names; i++)
        look_at_text(l, ct_journal_name(l->journal, i));
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text text;
        look_at_text(l, ct_journal_path(l->journal, i));
        ct_code code = ct_journal_source(l->journal, i, &text, l->error);
        if (code != CT_OK && code != CT_END)
            return code;
        l->counts[SOURCES] += code == CT_OK;
    }
    for (uint32_t i = 0; i < counts.codes; i++) {
        size_t count;
        const ct_line_column *lines = ct_journal_lines(l->journal, i, &count);
        for (size_t k = 0; k < count; k++)
            l->counts[COLUMNS] += lines[k].column > 0;
    }
    l->counts[PLACES] = counts.codes;
    l->counts[TYPE_KINDS] = counts.types;
    return look_at_names(l, &counts);
}

/* ---- life ---- */

static void
free_map(const losses *l, ct_id_map *map)
{
    for (size_t i = 0; map->cells && i <= map->mask; i++)
        ct_free(l->allocator, map->cells[i].value);
    ct_id_map_free(map);
}

ct_code
ct_losses(ct_journal *journal, enum ct_trace_format format, enum ct_layout layout, void (*found)(void *context, const ct_loss *loss), void *context,
          ct_error *error)
{
    ct_journal_counts counts;
    static const unsigned TARGETS[] = {[CT_TRACE_JSON] = JSON, [CT_TRACE_BINARY] = BINARY, [CT_TRACE_BINARY_V0] = BINARY_V0};
    if (!journal || !found || !ct_trace_format_name(format) || (unsigned)layout > CT_LAYOUT_MULTI)
        return ct_fail(error, CT_E_PARAM, "an argument is missing, or there is no such format or layout", 0, 0);
    unsigned target = format != CT_TRACE_CT ? TARGETS[format] : layout == CT_LAYOUT_SINGLE ? SINGLE : layout == CT_LAYOUT_MULTI ? MULTI : 0;
    if (!target)
        return CT_OK;
    losses l = {.journal = journal, .allocator = ct_journal_allocator(journal), .error = error};
    l.pages.allocator = l.activations.allocator = l.allocator;
    l.places = (ct_places){.journal = journal, .by_column = true};
    ct_journal_count(journal, &counts);
    l.path_count = counts.paths;
    ct_code code = ct_places_start(&l.places, error);
    if (code == CT_OK)
        code = look_at_values(&l);
    if (code == CT_OK)
        code = look_at_events(&l);
    if (code == CT_OK)
        code = look_at_definitions(&l);
    free_map(&l, &l.pages);
    free_map(&l, &l.activations);
    ct_places_free(&l.places);
    for (size_t i = 0; code == CT_OK && i < KIND_COUNT; i++) {
        const ct_loss loss = {KINDS[i].name, ct_plural(l.counts[i], KINDS[i].one, KINDS[i].many), l.counts[i]};
        if (loss.count && KINDS[i].targets & target)
            found(context, &loss);
    }
    return code;
}
