/* Reading journals that were made by hand, after docs/journal-format.md and not with the writer. */
#include <sys/stat.h>

#include <codetracer/replay.h>

#include "check.h"
#include "journal_bytes.h"
#include "model/replay_check.h"

static char folder[] = "/tmp/ct-replay-XXXXXX";
static char path[64], live_path[64];

/* ---- a small journal ---- */

/* Definitions that all tests use. Names: 0 a … 4 e. Code 0: f(a, b), slots a b c; 1: module (namespace); 2: generator, slot a.
 * Types: 0 list, 1 dict, 2 struct, 3 opaque. Shapes: 0 (a, b). */
enum { DEFINITIONS = 1 + 5 + 3 + 4 + 1 + 2 };

static void
definitions(bytes *b)
{
    put_byte(b, CT_DEF_PATH);
    put_str(b, "/x/f.py");
    for (char name[] = "a"; name[0] <= 'e'; name[0]++) {
        put_byte(b, CT_DEF_NAME);
        put_str(b, name);
    }
    RAW(b, CT_DEF_CODE, 0, 10, 1, 'f', 1, 'm', 0, 2, 0, 3, 0, CT_SLOT_PARAMETER, 1, CT_SLOT_PARAMETER, 2, 0);
    RAW(b, CT_DEF_CODE, 0, 1, 8, '<', 'm', 'o', 'd', 'u', 'l', 'e', '>', 1, 'm', CT_CODE_NAMESPACE | CT_CODE_MODULE, 0, 0, 0);
    RAW(b, CT_DEF_CODE, 0, 20, 1, 'g', 1, 'm', CT_CODE_GENERATOR, 0, 0, 1, 0, 0);
    RAW(b, CT_DEF_TYPE, CT_LOOK_LIST, 1, 4, 'l', 'i', 's', 't');
    RAW(b, CT_DEF_TYPE, CT_LOOK_DICT, 1, 4, 'd', 'i', 'c', 't');
    RAW(b, CT_DEF_TYPE, CT_LOOK_STRUCT, 0, 1, 'P');
    RAW(b, CT_DEF_TYPE, CT_LOOK_OPAQUE, 0, 1, 'O');
    RAW(b, CT_DEF_SHAPE, 2, 0, 1);
    put_byte(b, CT_DEF_SOURCE);
    RAW(b, 0, 0, 5, 'd', 'e', 'f', ' ', 'f', CT_DEF_SOURCE, 0, 5, 2, '(', ')');
}

static void
key_empty(bytes *b)
{
    RAW(b, CT_R_KEY_BEGIN, 0, 0, 0, 0, CT_R_KEY_END);
}

static void
begin(journal_file *f)
{
    bytes b = {0};
    file_header(f);
    definitions(&b);
    f->definitions = DEFINITIONS;
    add_block(f, CT_BLOCK_DEFINITIONS, 0, &b, 0, 0, UINT32_MAX);
    free(b.at);
}

/* One events block with an empty key state before it. */
static void
add_events(journal_file *f, const bytes *records, uint64_t events, uint64_t steps)
{
    bytes b = {0};
    key_empty(&b);
    put(&b, records->at, records->size);
    add_block(f, CT_BLOCK_EVENTS, CT_BLOCK_BEGINS_SEGMENT, &b, 0, 0, UINT32_MAX);
    f->events += events;
    f->steps += steps;
    free(b.at);
}

static void
save(const journal_file *f)
{
    write_file(path, f->b.at, f->b.size);
}

#define EVENT(expected_kind)                                                    \
    do {                                                                        \
        CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_OK);            \
        CHECK_EQ_INT(event->kind, expected_kind);                               \
    } while (0)

#define CHECK_INT_VALUE(value_, expected_)                                      \
    do {                                                                        \
        CHECK_EQ_INT((value_).kind, CT_INT);                                    \
        CHECK_EQ_INT((value_).integer, expected_);                              \
    } while (0)

#define CHECK_TEXT_VALUE(value_, expected_)                                     \
    do {                                                                        \
        CHECK_EQ_INT((value_).kind, CT_TEXT);                                   \
        CHECK_MEM((value_).data.bytes, (value_).data.size, expected_, strlen(expected_)); \
    } while (0)

enum { SMALL = CT_V_SMALL_INT + 16 /* + n: the int n */, SLOT = CT_R_SLOT_SHORT, STEP = CT_R_STEP_SHORT + 16 /* + n: n lines on */ };

static void
function_call(bool compress)
{
    journal_file f = {.compress = compress};
    bytes b = {0};
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;
    ct_journal_counts counts;
    ct_text text;

    begin(&f);
    RAW(&b, CT_R_THREAD_START, 0, 77, 4, 'm', 'a', 'i', 'n');
    RAW(&b, CT_R_CALL, 0, 0, SLOT + 1, SMALL + 2, SLOT + 0, CT_V_TEXT + 2, 'h', 'i');
    RAW(&b, STEP + 1);
    RAW(&b, STEP + 1, SLOT + 2, CT_V_NONE, SLOT + 0, SMALL + 5);
    RAW(&b, CT_R_UNBIND | 0, 1); /* of the same event */
    RAW(&b, CT_R_STEP, 0xC7, 0x01, CT_R_GLOBAL, 4, CT_V_TRUE); /* -100 */
    RAW(&b, CT_R_OUTPUT, 1, 3, 'o', 'u', 't');
    RAW(&b, CT_R_OUTPUT, 4, 2, 0xFF, 0, CT_R_OUTPUT, 5, 0, CT_R_OUTPUT, 12, 1, '?'); /* 1.5: to a descriptor */
    RAW(&b, CT_R_RETURN, CT_V_TEXT + 1, 'r', SLOT + 2, SMALL + 9);
    add_events(&f, &b, 10, 3);
    end_block(&f);
    save(&f);

    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    ct_journal_count(journal, &counts);
    CHECK(counts.complete);
    CHECK_EQ_UINT(counts.events, 10);
    CHECK_EQ_UINT(counts.steps, 3);
    CHECK_EQ_UINT(counts.segments, 1);
    CHECK_EQ_UINT(counts.names, 5);
    CHECK_EQ_UINT(ct_journal_start_time(journal), 1700000000000000000);
    CHECK_MEM(ct_journal_id(journal), 16, "0123456789abcdef", 16);
    CHECK_EQ_INT(ct_journal_source(journal, 0, &text, &error), CT_OK);
    CHECK_MEM(text.bytes, text.size, "def f()", 7);
    CHECK_EQ_INT(ct_journal_source(journal, 1, &text, &error), CT_E_PARAM);
    CHECK_EQ_INT(ct_journal_code(journal, 0)->parameters, 2);
    CHECK(!ct_journal_code(journal, 3));

    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    EVENT(CT_EVENT_THREAD_START);
    CHECK_EQ_UINT(event->thread->system_id, 77);
    CHECK_MEM(event->thread->name.bytes, event->thread->name.size, "main", 4);
    EVENT(CT_EVENT_CALL);
    const ct_activation *a = event->activation;
    CHECK_EQ_UINT(a->id, 0);
    CHECK_EQ_INT(a->line, 10);
    CHECK_EQ_UINT(a->slot_count, 2);
    CHECK_EQ_INT(a->slots[0].number, 0);
    CHECK_TEXT_VALUE(a->slots[0].value, "hi");
    CHECK_INT_VALUE(a->slots[1].value, 2);
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_INT(event->line, 11);
    CHECK_EQ_UINT(event->step, 0);
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_INT(event->line, 12);
    CHECK_EQ_UINT(a->slot_count, 2);
    CHECK_INT_VALUE(a->slots[0].value, 5);
    CHECK_EQ_UINT(a->slots[0].changed, 3);
    CHECK_EQ_INT(a->slots[1].number, 2);
    CHECK_EQ_INT(a->slots[1].name, 2);
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_INT(event->line, -88);
    CHECK_EQ_UINT(a->global_count, 1);
    CHECK_EQ_INT(a->globals[0].value.kind, CT_BOOL);
    EVENT(CT_EVENT_OUTPUT);
    CHECK_EQ_INT(event->stream, CT_STDERR);
    CHECK_MEM(event->text.bytes, event->text.size, "out", 3);
    CHECK_EQ_UINT(event->descriptors, 0);
    CHECK(event->activation == a);
    EVENT(CT_EVENT_OUTPUT);
    CHECK_EQ_INT(event->stream, CT_STDOUT);
    CHECK_EQ_UINT(event->descriptors, 1);
    CHECK_MEM(event->text.bytes, event->text.size, "\xFF\0", 2);
    EVENT(CT_EVENT_OUTPUT);
    CHECK_EQ_INT(event->stream, CT_STDERR);
    CHECK_EQ_UINT(event->descriptors, 2);
    EVENT(CT_EVENT_OUTPUT);
    CHECK_EQ_INT(event->stream, CT_STDOUT);
    CHECK_EQ_UINT(event->descriptors, 3);
    EVENT(CT_EVENT_RETURN);
    CHECK_TEXT_VALUE(event->value, "r");
    CHECK(event->activation == a && !a->on_stack);
    CHECK_INT_VALUE(a->slots[1].value, 9);
    CHECK_EQ_UINT(event->thread->depth, 0);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);

    CHECK_EQ_INT(ct_replay_seek_step(replay, 3, &event, &error), CT_E_PARAM);
    CHECK_EQ_INT(ct_replay_seek_step(replay, 1, &event, &error), CT_OK);
    CHECK_EQ_UINT(event->number, 3);
    CHECK_EQ_INT(ct_replay_seek_step(replay, 2, &event, &error), CT_OK);
    CHECK_EQ_INT(event->line, -88);
    ct_replay_free(replay);
    ct_journal_close(journal);
    free(b.at);
    free_file(&f);
}

static void function_call_stored(void) { function_call(false); }
static void function_call_compressed(void) { function_call(true); }

static void
namespaces_keep_the_order_of_binding(void)
{
    journal_file f = {0};
    bytes b = {0};
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;

    begin(&f);
    RAW(&b, CT_R_CALL, 1, CT_CALL_ATTACHED, SLOT + 3, SMALL + 3, SLOT + 1, SMALL + 1, SLOT + 2, CT_V_TEXT + 1, 'x');
    RAW(&b, STEP, CT_R_UNBIND, 3, SLOT + 1, SMALL + 7);
    RAW(&b, STEP, SLOT + 3, SMALL + 8);
    RAW(&b, STEP, SLOT + 2, CT_V_UNBOUND);
    add_events(&f, &b, 4, 3);
    save(&f); /* no end block: cut */

    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    CHECK(!counts.complete);
    CHECK_EQ_UINT(counts.events, 4);
    CHECK_EQ_UINT(counts.steps, 3);
    EVENT(CT_EVENT_CALL);
    const ct_activation *a = event->activation;
    CHECK_EQ_INT(a->flags, CT_CALL_ATTACHED);
    CHECK_EQ_UINT(a->slot_count, 3);
    CHECK_EQ_INT(a->slots[0].number, 3);
    CHECK_TEXT_VALUE(a->slots[2].value, "x");
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_UINT(a->slot_count, 2);
    CHECK_INT_VALUE(a->slots[0].value, 7);
    CHECK_TEXT_VALUE(a->slots[1].value, "x");
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_INT(a->slots[2].number, 3);
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_UINT(a->slot_count, 2);
    CHECK_INT_VALUE(a->slots[1].value, 8);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);
    ct_replay_free(replay);
    ct_journal_close(journal);
    free(b.at);
    free_file(&f);
}

static void
generators_and_threads(void)
{
    journal_file f = {0};
    bytes b = {0};
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;

    begin(&f);
    RAW(&b, CT_R_THREAD_START, 0, 1, 0, CT_R_CALL, 1, 0, CT_R_CALL, 2, 0, SLOT, SMALL + 1);
    RAW(&b, CT_R_YIELD, SMALL + 4, SLOT, SMALL + 2);
    RAW(&b, CT_R_THREAD_START, 5, 2, 1, 't', CT_R_THREAD, 5, CT_R_CALL, 0, 0);
    RAW(&b, CT_R_THROW, 1, CT_V_TEXT + 1, 'e');
    RAW(&b, CT_R_RAISE, CT_V_TEXT + 1, 'e', 21, CT_R_HANDLED, CT_V_TEXT + 1, 'e', 22, CT_R_YIELD, CT_V_NONE);
    RAW(&b, CT_R_RESUME, 1, CT_R_YIELD, CT_V_NONE, CT_R_ENDED, 1, CT_R_UNWIND, CT_V_TEXT + 1, 'e', CT_R_THREAD_EXIT, 5);
    RAW(&b, CT_R_THREAD, 0, CT_R_GAP, 1, CT_R_LOST);
    add_events(&f, &b, 17, 0);
    end_block(&f);
    save(&f);

    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    EVENT(CT_EVENT_THREAD_START);
    EVENT(CT_EVENT_CALL);
    EVENT(CT_EVENT_CALL);
    const ct_activation *g = event->activation;
    CHECK(g->caller && g->caller->id == 0);
    EVENT(CT_EVENT_YIELD);
    CHECK(event->activation == g && !g->on_stack && g->caller && g->caller->id == 0);
    CHECK_INT_VALUE(g->slots[0].value, 2);
    EVENT(CT_EVENT_THREAD_START);
    CHECK(!g->caller);
    CHECK_EQ_UINT(ct_replay_thread_count(replay), 2);
    EVENT(CT_EVENT_CALL);
    CHECK_EQ_UINT(event->thread->number, 5);
    CHECK_EQ_UINT(event->activation->id, 2);
    CHECK(!event->activation->caller);
    EVENT(CT_EVENT_THROW);
    CHECK(event->activation == g && g->on_stack && g->caller->id == 2 && g->thread == 5);
    CHECK_TEXT_VALUE(event->value, "e");
    EVENT(CT_EVENT_RAISE);
    CHECK_EQ_INT(event->line, 21);
    EVENT(CT_EVENT_HANDLED);
    CHECK_EQ_INT(event->line, 22);
    CHECK_EQ_INT(g->line, 20);
    EVENT(CT_EVENT_YIELD);
    EVENT(CT_EVENT_RESUME);
    EVENT(CT_EVENT_YIELD);
    EVENT(CT_EVENT_ENDED);
    CHECK(event->activation == g);
    EVENT(CT_EVENT_UNWIND);
    EVENT(CT_EVENT_THREAD_EXIT);
    CHECK_EQ_UINT(event->thread->number, 5);
    EVENT(CT_EVENT_GAP);
    CHECK_EQ_INT(event->reason, 1);
    CHECK_EQ_UINT(ct_replay_thread_count(replay), 1);
    CHECK_EQ_UINT(ct_replay_thread(replay, 0)->number, 0);
    EVENT(CT_EVENT_LOST);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);
    ct_replay_free(replay);
    ct_journal_close(journal);
    free(b.at);
    free_file(&f);
}

static void
objects_change_and_die(void)
{
    journal_file f = {0};
    bytes b = {0};
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;

    begin(&f);
    RAW(&b, CT_R_CALL, 0, 0, SLOT, CT_V_OBJECT, 0);
    /* list 0 = [7, object 2, 'ab'], defined before object 2 */
    RAW(&b, CT_R_OBJECT, 0, 0, CT_O_ADDRESS | CT_O_ITEMS, 100, 3, 3, SMALL + 7, CT_V_OBJECT, 2, CT_V_TEXT + 2, 'a', 'b');
    RAW(&b, CT_R_OBJECT, 2, 2, CT_O_ADDRESS | CT_O_FIELDS, 3, 0, CT_V_UNBOUND, SMALL + 1); /* address 50 - 2 */
    RAW(&b, CT_R_OBJECT, 1, 1, CT_O_ADDRESS | CT_O_ITEMS, 4, 1, 2, SMALL + 1, CT_V_TEXT + 1, 'v');
    RAW(&b, STEP, CT_R_SPLICE, 0, 1, 1, 3, CT_V_TEXT + 1, 'p', CT_V_TEXT + 1, 'q', SMALL + 8, 5); /* [7 'p' 'q' 8 'ab'] */
    RAW(&b, STEP, CT_R_ITEM, 0, 4, CT_V_TEXT + 1, 'z', CT_R_FIELD, 2, 0, SMALL + 3, CT_R_DIED, 1);
    RAW(&b, STEP);
    RAW(&b, STEP, CT_R_LENGTH, 0, 99, 1);
    b.size--; /* LENGTH takes two numbers: 0, 99 */
    RAW(&b, STEP, CT_R_OBJECT, 0, 3, CT_O_PAYLOAD, CT_V_TEXT + 1, 'y');
    RAW(&b, STEP, CT_R_OBJECT, 2, 0, CT_O_LENGTH, 12, CT_R_OBJECT, 3, 0, 0);
    add_events(&f, &b, 7, 6);
    end_block(&f);
    save(&f);

    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    EVENT(CT_EVENT_CALL);
    const ct_object *list = ct_replay_object(replay, 0), *point = ct_replay_object(replay, 2);
    CHECK(list && point && ct_replay_object(replay, 1) && !ct_replay_object(replay, 3));
    CHECK_EQ_UINT(list->address, 50);
    CHECK_EQ_UINT(point->address, 48);
    CHECK_EQ_UINT(ct_replay_object(replay, 1)->address, 50);
    CHECK_EQ_UINT(list->item_count, 3);
    CHECK_EQ_UINT(list->items[1].object, 2);
    CHECK_TEXT_VALUE(list->items[2], "ab");
    CHECK_EQ_UINT(point->field_count, 2);
    CHECK_EQ_INT(point->fields[0].kind, CT_UNBOUND);
    uint64_t changed = ct_replay_objects_changed(replay);
    EVENT(CT_EVENT_STEP);
    CHECK(ct_replay_objects_changed(replay) > changed);
    CHECK_EQ_UINT(list->item_count, 5);
    CHECK_EQ_UINT(list->true_length, 5);
    CHECK_TEXT_VALUE(list->items[1], "p");
    CHECK_TEXT_VALUE(list->items[2], "q");
    CHECK_INT_VALUE(list->items[3], 8);
    CHECK_TEXT_VALUE(list->items[4], "ab");
    CHECK_EQ_UINT(list->changed, 1);
    CHECK_EQ_UINT(point->changed, 0);
    EVENT(CT_EVENT_STEP);
    CHECK_TEXT_VALUE(list->items[4], "z");
    CHECK_INT_VALUE(point->fields[0], 3);
    CHECK(!ct_replay_object(replay, 1));
    changed = ct_replay_objects_changed(replay);
    EVENT(CT_EVENT_STEP);
    CHECK_EQ_UINT(ct_replay_objects_changed(replay), changed);
    EVENT(CT_EVENT_STEP);
    CHECK(list->items_unknown && list->item_count == 0 && list->true_length == 99);
    EVENT(CT_EVENT_STEP);
    CHECK(!list->items_unknown && list->type == 3 && list->address == 50 && (list->flags & CT_O_ADDRESS));
    CHECK_TEXT_VALUE(list->payload, "y");
    EVENT(CT_EVENT_STEP);
    CHECK(point->items_unknown && point->true_length == 12 && point->field_count == 0);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);
    ct_replay_free(replay);
    ct_journal_close(journal);
    free(b.at);
    free_file(&f);
}

/* Whether a journal with these records behind one CALL of f and a step ends in CT_E_CORRUPT, after `good` events. */
static void
corrupt(const bytes *records, int good)
{
    journal_file f = {0};
    bytes b = {0};
    ct_error error = {0};
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;
    begin(&f);
    RAW(&b, CT_R_CALL, 0, 0, CT_R_OBJECT, 0, 0, CT_O_ITEMS, 1, 1, SMALL, CT_R_OBJECT, 1, 1, CT_O_ITEMS, 1, 2, SMALL, SMALL, STEP);
    put(&b, records->at, records->size);
    put_byte(&b, STEP);
    add_events(&f, &b, 0, 0);
    save(&f);
    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    for (int i = 0; i < good; i++)
        CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_E_CORRUPT);
    CHECK(event == NULL);
    CHECK(error.message && error.message[0]);
    CHECK(error.position >= f.b.size - records->size - 2 && error.position < f.b.size);
    CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_E_CORRUPT); /* and stays so */
    ct_replay_free(replay);
    ct_journal_close(journal);
    free(b.at);
    free_file(&f);
}

#define CORRUPT(good, ...)                                      \
    do {                                                        \
        bytes records_ = {0};                                   \
        RAW(&records_, __VA_ARGS__);                            \
        corrupt(&records_, good);                               \
        free(records_.at);                                      \
        if (check_failed())                                     \
            CHECK_FAIL("of CORRUPT(%s)", #__VA_ARGS__);         \
    } while (0)

static void
what_breaks_the_format_is_corrupt(void)
{
    CORRUPT(1, SLOT + 3, SMALL);                         /* no such slot */
    CORRUPT(1, CT_R_SLOT, 0x80, 0x80, 0x80, 0x80, 0x10, SMALL);
    CORRUPT(1, SLOT, 0x10);                              /* reserved values */
    CORRUPT(1, SLOT, 0xB7);
    CORRUPT(1, SLOT, CT_V_BYTES, 21);
    CORRUPT(1, SLOT, CT_V_BIGINT, 0, 16);
    CORRUPT(1, SLOT, CT_V_CONTENT, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1);
    CORRUPT(1, SLOT, CT_V_OBJECT, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2);
    CORRUPT(1, CT_R_GLOBAL, 5, SMALL);                   /* no such name */
    CORRUPT(1, CT_R_DIED, 2, CT_R_LENGTH, 2, 0);         /* no such object: only DIED may say so */
    CORRUPT(1, CT_R_DIED, 0, CT_R_ITEM, 0, 0, SMALL);    /* dead in this event */
    CORRUPT(1, CT_R_DIED, 0, CT_R_OBJECT, 0, 0, 0);
    CORRUPT(2, CT_R_DIED, 0, STEP, CT_R_OBJECT, 0, 0, 0); /* dead before */
    CORRUPT(1, CT_R_OBJECT, 2, 4, 0);                    /* no such type */
    CORRUPT(1, CT_R_OBJECT, 2, 0, 32);                   /* no such flag */
    CORRUPT(1, CT_R_OBJECT, 2, 0, CT_O_ITEMS, 1, 100, SMALL);
    CORRUPT(1, CT_R_OBJECT, 2, 0, CT_O_ITEMS, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, SMALL);
    CORRUPT(1, CT_R_OBJECT, 2, 0, CT_O_FIELDS, 1, SMALL); /* no such shape */
    CORRUPT(1, CT_R_OBJECT, 2, 1, CT_O_ITEMS, 1, 1, SMALL); /* a key without a value */
    CORRUPT(1, CT_R_SPLICE, 0, 2, 0, 1, SMALL, 2);       /* behind the end */
    CORRUPT(1, CT_R_SPLICE, 0, 0, 2, 1, SMALL, 2);
    CORRUPT(1, CT_R_SPLICE, 0, 1, 1, 0, 0);
    CORRUPT(1, CT_R_SPLICE, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, SMALL, 2);
    CORRUPT(1, CT_R_SPLICE, 1, 0, 1, 0, 2);              /* a key without a value */
    CORRUPT(1, CT_R_ITEM, 0, 1, SMALL);
    CORRUPT(1, CT_R_FIELD, 0, 0, SMALL);
    CORRUPT(1, CT_R_LENGTH, 0, 3, CT_R_SPLICE, 0, 0, 0, 0, 1); /* its items are unknown */
    CORRUPT(1, 0x24);                                    /* no such record */
    CORRUPT(1, CT_R_KEY_END);
    CORRUPT(2, CT_R_KEY_BEGIN, 1, 0, 0, 0, CT_R_KEY_END); /* not where a segment begins */
    CORRUPT(2, CT_R_CALL, 3, 0);                         /* no such code */
    CORRUPT(2, CT_R_RESUME, 0);                          /* not suspended */
    CORRUPT(2, CT_R_ENDED, 9);
    CORRUPT(2, CT_R_THREAD_EXIT, 3);
    CORRUPT(2, CT_R_OUTPUT, 3, 0);
    CORRUPT(2, CT_R_OUTPUT, CT_STDIN | CT_OUTPUT_PAST_PYTHON, 0);
    CORRUPT(2, CT_R_OUTPUT, CT_OUTPUT_EITHER, 0);
    CORRUPT(2, CT_R_OUTPUT, CT_STDERR | CT_OUTPUT_PAST_PYTHON | CT_OUTPUT_EITHER, 0);
    CORRUPT(3, CT_R_LOST, CT_R_LOST);                    /* an empty stack */
    CORRUPT(3, CT_R_LOST);                               /* the step behind it */
    CORRUPT(2, CT_R_THREAD, 0, SLOT, SMALL);             /* a change without an event */
    CORRUPT(3, CT_R_GAP, 1, CT_R_LOST, SLOT, 0x10);
    CORRUPT(2, CT_R_OUTPUT, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 'a');
}

/* An event whose changes lie in three blocks, behind an output, whose text is in the first. */
static void
an_event_across_blocks(void)
{
    journal_file f = {0};
    bytes b = {0};
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;

    for (int blocks = 3; blocks >= 1; blocks--) {
        begin(&f);
        b.size = 0;
        key_empty(&b);
        RAW(&b, CT_R_CALL, 0, 0);
        uint32_t boundary = (uint32_t)b.size;
        RAW(&b, CT_R_OUTPUT, 0, 4, 't', 'e', 'x', 't', SLOT, SMALL + 1);
        add_block(&f, CT_BLOCK_EVENTS, CT_BLOCK_BEGINS_SEGMENT, &b, 0, 0, boundary);
        b.size = 0;
        RAW(&b, SLOT + 1, SMALL + 2);
        if (blocks > 1)
            add_block(&f, CT_BLOCK_EVENTS, 0, &b, 0, 2, 0);
        b.size = 0;
        RAW(&b, SLOT + 2, SMALL + 3, STEP);
        if (blocks > 2)
            add_block(&f, CT_BLOCK_EVENTS, 0, &b, 0, 2, UINT32_MAX);
        save(&f);

        CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
        CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
        ct_journal_counts counts;
        ct_journal_count(journal, &counts);
        CHECK_EQ_UINT(counts.events, blocks == 3 ? 3 : 1); /* cut: what is behind the boundary is dropped */
        EVENT(CT_EVENT_CALL);
        if (blocks == 3) {
            EVENT(CT_EVENT_OUTPUT);
            CHECK_MEM(event->text.bytes, event->text.size, "text", 4);
            CHECK_EQ_UINT(event->activation->slot_count, 3);
            EVENT(CT_EVENT_STEP);
        }
        CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);
        ct_replay_free(replay);
        ct_journal_close(journal);
        free_file(&f);
    }
    free(b.at);
}

/* ---- contents ---- */

static void
contents_are_fetched_and_stay(void)
{
    enum { BLOCKS = 30, PER_BLOCK = 20, COUNT = BLOCKS * PER_BLOCK };
    journal_file f = {.compress = true};
    bytes b = {0};
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    char text[32];

    begin(&f);
    for (uint64_t i = 0; i < COUNT;) {
        uint64_t first = i;
        b.size = 0;
        for (int j = 0; j < PER_BLOCK; j++, i++) {
            put_byte(&b, (unsigned)(i % 4 + 1));
            put_varint(&b, i + 1000);
            snprintf(text, sizeof text, "content %d", (int)i);
            put_str(&b, text);
        }
        add_block(&f, CT_BLOCK_CONTENT, 0, &b, first, 0, UINT32_MAX);
    }
    f.contents = COUNT;
    b.size = 0;
    add_events(&f, &b, 0, 0);
    end_block(&f);
    save(&f);

    CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    static const uint8_t *kept[64];
    static uint64_t kept_id[64];
    uint32_t random = 1;
    for (uint64_t round = 0; round < 5000; round++) {
        random = random * 1664525 + 1013904223;
        uint64_t id = round < COUNT ? round : (random >> 8) % COUNT;
        ct_value value = {.kind = CT_TEXT, .content = id + 1};
        CHECK_EQ_INT(ct_replay_resolve(replay, &value, &error), CT_OK);
        CHECK_EQ_INT(value.kind, id % 4 == 0 ? CT_TEXT : id % 4 == 1 ? CT_BYTES : CT_BIGINT);
        CHECK(value.negative == (id % 4 == 3));
        CHECK_EQ_UINT(value.data.true_length, id + 1000);
        kept[round % 64] = value.data.bytes;
        kept_id[round % 64] = id;
        for (int i = 0; i < 64 && kept[i]; i++) {
            snprintf(text, sizeof text, "content %d", (int)kept_id[i]);
            CHECK_MEM(kept[i], strlen(text), text, strlen(text));
        }
    }
    ct_value value = {.kind = CT_TEXT, .content = COUNT + 1};
    CHECK_EQ_INT(ct_replay_resolve(replay, &value, &error), CT_E_CORRUPT);
    value.content = UINT64_MAX;
    CHECK_EQ_INT(ct_replay_resolve(replay, &value, &error), CT_E_CORRUPT);
    value.content = 0;
    CHECK_EQ_INT(ct_replay_resolve(replay, &value, &error), CT_OK);
    ct_replay_free(replay);
    ct_journal_close(journal);
    free(b.at);
    free_file(&f);
}

/* ---- damage ---- */

/* Three segments of steps, each with a content and a definitions block before it. Returns the offsets of the blocks' headers. */
static size_t
three_segments(journal_file *f, size_t offsets[16])
{
    bytes b = {0};
    size_t n = 0;
    begin(f);
    for (unsigned s = 0; s < 3; s++) {
        b.size = 0;
        RAW(&b, CT_DEF_NAME, 1, 'n');
        offsets[n++] = f->b.size;
        add_block(f, CT_BLOCK_DEFINITIONS, 0, &b, f->definitions++, 0, UINT32_MAX);
        b.size = 0;
        RAW(&b, CT_CONTENT_TEXT, 1, 1, 'c');
        offsets[n++] = f->b.size;
        add_block(f, CT_BLOCK_CONTENT, 0, &b, f->contents++, 0, UINT32_MAX);
        b.size = 0;
        put_byte(&b, CT_R_KEY_BEGIN);
        put_varint(&b, s > 0);
        RAW(&b, 0, 0, 0);
        if (s) {
            RAW(&b, CT_R_KEY_ACTIVATION, 0, 0, 0);
            put_varint(&b, 10 + f->steps);
            RAW(&b, CT_R_KEY_THREAD, 0, 0, 0, 1, 0);
        }
        put_byte(&b, CT_R_KEY_END);
        uint64_t steps = f->steps, events = f->events;
        if (!s) {
            RAW(&b, CT_R_CALL, 0, 0);
            f->events++;
        }
        for (int i = 0; i < 10; i++, f->steps++, f->events++)
            put_byte(&b, STEP + 1);
        offsets[n++] = f->b.size;
        add_block(f, CT_BLOCK_EVENTS, CT_BLOCK_BEGINS_SEGMENT, &b, steps, events, UINT32_MAX);
    }
    free(b.at);
    return n;
}

/* Opens path and replays: how many events, and with what code it ends. */
static ct_code
replay_all(uint64_t *events, ct_journal_counts *counts)
{
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;
    *events = 0;
    ct_code code = ct_journal_open(path, NULL, &journal, &error);
    if (code != CT_OK)
        return code;
    ct_journal_count(journal, counts);
    code = ct_replay_new(journal, &replay, &error);
    if (code != CT_OK)
        return code;
    ct_replay_verify_keys(replay, true);
    while ((code = ct_replay_next(replay, &event, &error)) == CT_OK)
        ++*events;
    for (uint64_t step = 0; step < counts->steps && step < 40; step += 3)
        if (ct_replay_seek_step(replay, step, &event, &error) == CT_OK && event->line != (int64_t)(11 + step))
            code = CT_E_PARAM; /* not a prefix */
    ct_replay_free(replay);
    ct_journal_close(journal);
    return code;
}

static void
damage_in_the_middle_is_found_when_reached(void)
{
    journal_file f = {0};
    size_t offsets[16];
    uint64_t events;
    ct_journal_counts counts;
    size_t blocks = three_segments(&f, offsets);
    end_block(&f);
    save(&f);
    CHECK_EQ_INT(replay_all(&events, &counts), CT_END);
    CHECK_EQ_UINT(events, 31);
    CHECK(counts.complete);
    for (size_t i = 0; i < blocks; i++)
        for (size_t part = 0; part < 2; part++) {
            size_t at = offsets[i] + (part ? CT_BLOCK_HEADER_SIZE : 20);
            f.b.at[at] ^= 1;
            save(&f);
            bool content = i % 3 == 1 && part; /* a content is found damaged when it is fetched */
            CHECK_EQ_INT(replay_all(&events, &counts), content ? CT_END : CT_E_CORRUPT);
            CHECK_EQ_UINT(events, content ? 31 : i / 3 ? i / 3 * 10 + 1 : 0);
            CHECK(counts.complete);
            CHECK_EQ_UINT(counts.steps, 30);
            f.b.at[at] ^= 1;
        }
    free_file(&f);
}

/* An event has at least a byte: a file cannot count more than it has. */
static void
counts_are_what_the_blocks_can_hold(void)
{
    static const struct { uint64_t events, steps; int header; } wrong[] = {{UINT64_MAX / 2, UINT64_MAX / 2, 0}, {100, 0, 0}, {0, 100, 0}, {UINT64_MAX / 2, 0, 1}};
    ct_journal *journal;
    ct_journal_counts counts;
    ct_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        journal_file f = {0};
        size_t offsets[16];
        three_segments(&f, offsets);
        if (wrong[i].header) { /* in a block of a recording that was cut */
            uint8_t *at = f.b.at + offsets[8];
            store(at + 40, wrong[i].events, 8);
            store(at + 72, XXH3_64bits(at, 72), 8);
        }
        else {
            f.events += wrong[i].events;
            f.steps += wrong[i].steps;
            end_block(&f);
        }
        save(&f);
        ct_code code = ct_journal_open(path, NULL, &journal, &error);
        if (wrong[i].header) { /* its tail is cut off */
            CHECK_EQ_INT(code, CT_OK);
            ct_journal_count(journal, &counts);
            CHECK(!counts.complete && counts.events == 21 && counts.steps == 20);
            ct_journal_close(journal);
        }
        else {
            CHECK_EQ_INT(code, CT_E_CORRUPT);
            CHECK_STR(error.message, "the end block does not match the blocks before it");
        }
        free_file(&f);
    }
}

static void
a_damaged_tail_is_cut_off(void)
{
    journal_file f = {0};
    size_t offsets[16];
    uint64_t events;
    ct_journal_counts counts;
    size_t blocks = three_segments(&f, offsets), whole = f.b.size;
    for (int ended = 0; ended < 2; ended++) {
        if (ended)
            end_block(&f);
        for (size_t size = f.b.size; size-- > 0;) {
            write_file(path, f.b.at, size);
            ct_code code = replay_all(&events, &counts);
            if (size < 64)
                CHECK_EQ_INT(code, CT_E_CORRUPT);
            else {
                CHECK_EQ_INT(code, CT_END);
                CHECK(!counts.complete);
                size_t expected = size >= whole ? 31 : size >= offsets[8] ? 21 : size >= offsets[5] ? 11 : 0;
                if (size < offsets[8])
                    expected = size >= offsets[6] ? 21 : size >= offsets[3] ? 11 : 0;
                CHECK_EQ_UINT(events, expected);
                CHECK_EQ_UINT(counts.events, expected);
            }
        }
    }
    /* the file grew, the bytes were not written */
    for (size_t size = offsets[0]; size < whole; size += 3) {
        uint8_t *copy = calloc(1, f.b.size);
        memcpy(copy, f.b.at, size);
        write_file(path, copy, whole);
        free(copy);
        CHECK_EQ_INT(replay_all(&events, &counts), CT_END);
        CHECK(!counts.complete && events <= 31 && counts.events == events);
    }
    CHECK_EQ_UINT(blocks, 9);
    free_file(&f);
}

static size_t largest_request;

static void *
watched_resize(void *context, void *block, size_t size)
{
    (void)context;
    largest_request = size > largest_request ? size : largest_request;
    if (size)
        return realloc(block, size);
    free(block);
    return NULL;
}

/* A header can say what it likes: how much memory is taken for a block is decided by the bytes that are there. */
static void
sizes_in_headers_take_no_memory(void)
{
    const ct_allocator watched = {.resize = watched_resize};
    journal_file f = {.compress = true};
    size_t offsets[16];
    ct_journal *journal;
    ct_replay *replay;
    const ct_event *event;
    ct_error error;
    size_t blocks = three_segments(&f, offsets);
    end_block(&f);
    for (size_t i = 0; i < blocks; i++) {
        uint8_t header[CT_BLOCK_HEADER_SIZE], *at = f.b.at + offsets[i];
        memcpy(header, at, sizeof header);
        CHECK_EQ_INT(header[5], CT_CODEC_ZSTD);
        store(at + 12, 60 << 20, 4);
        store(at + 72, XXH3_64bits(at, 72), 8);
        save(&f);
        largest_request = 0;
        CHECK_EQ_INT(ct_journal_open(path, &watched, &journal, &error), CT_OK);
        CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
        ct_code code;
        while ((code = ct_replay_next(replay, &event, &error)) == CT_OK)
            for (size_t slot = 0; event->kind == CT_EVENT_STEP && slot < event->activation->slot_count; slot++) {
                ct_value value = event->activation->slots[slot].value;
                ct_code fetched = ct_replay_resolve(replay, &value, &error);
                CHECK(fetched == CT_OK || fetched == CT_E_CORRUPT);
            }
        CHECK_EQ_INT(code, i % 3 == 1 ? CT_END : CT_E_CORRUPT); /* a content is found damaged when it is fetched */
        ct_replay_free(replay);
        ct_journal_close(journal);
        CHECK(largest_request > 0 && largest_request < 1 << 20);
        memcpy(at, header, sizeof header);
    }
    free_file(&f);
}

static void
any_flipped_byte_leaves_a_prefix(void)
{
    for (int compress = 0; compress < 2; compress++) {
        journal_file f = {.compress = compress};
        size_t offsets[16];
        uint64_t events;
        ct_journal_counts counts;
        three_segments(&f, offsets);
        end_block(&f);
        for (size_t i = 0; i < f.b.size; i++)
            for (int bit = 0; bit < 8; bit += 3) {
                f.b.at[i] ^= (uint8_t)(1 << bit);
                save(&f);
                ct_code code = replay_all(&events, &counts);
                CHECK(code == CT_END || code == CT_E_CORRUPT || code == CT_E_VERSION);
                CHECK(events <= 31);
                f.b.at[i] ^= (uint8_t)(1 << bit);
            }
        free_file(&f);
    }
}

/* ---- the live file ---- */

typedef struct live_slot { uint32_t state; uint8_t kind; uint16_t flags; uint64_t sequence, segment, first, events; const bytes *data; uint32_t boundary; } live_slot;

static void
write_live(const char *id, const live_slot *slots, uint32_t count)
{
    enum { SLOT_SIZE = 4096 };
    size_t data = 4096, size = data + count * SLOT_SIZE;
    uint8_t *b = calloc(1, size);
    memcpy(b, CT_LIVE_MAGIC, 8);
    store(b + 8, 1, 4);
    store(b + 12, count, 4);
    store(b + 16, SLOT_SIZE, 8);
    store(b + 24, data, 8);
    memcpy(b + 32, id, 16);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *h = b + 64 + 64 * i;
        const live_slot *s = &slots[i];
        store(h, s->state, 4);
        h[4] = s->kind;
        store(h + 6, s->flags, 2);
        store(h + 8, s->sequence, 8);
        store(h + 16, s->segment, 8);
        store(h + 24, s->first, 8);
        store(h + 32, s->events, 8);
        store(h + 40, s->data->size, 8);
        store(h + 48, s->boundary, 4);
        memcpy(b + data + i * SLOT_SIZE, s->data->at, s->data->size);
    }
    write_file(live_path, b, size);
    free(b);
}

static ct_code
replay_folder(uint64_t *events, uint64_t *steps, int64_t *last_slot, uint32_t *names)
{
    ct_error error;
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;
    ct_journal_counts counts;
    *events = 0;
    *last_slot = -1;
    ct_code code = ct_journal_open(folder, NULL, &journal, &error);
    if (code != CT_OK)
        return code;
    ct_journal_count(journal, &counts);
    *steps = counts.steps;
    *names = counts.names;
    code = ct_replay_new(journal, &replay, &error);
    if (code != CT_OK)
        return code;
    while ((code = ct_replay_next(replay, &event, &error)) == CT_OK) {
        ++*events;
        if (event->activation && event->activation->slot_count)
            *last_slot = event->activation->slots[0].value.integer;
    }
    if (*events != counts.events)
        code = CT_E_PARAM;
    ct_replay_free(replay);
    ct_journal_close(journal);
    return code;
}

static void
live_blocks_follow_the_file(void)
{
    journal_file f = {0};
    size_t offsets[16];
    uint64_t events, steps;
    uint32_t names;
    int64_t last;
    three_segments(&f, offsets); /* sequence 0 … 9, 31 events, 30 steps */
    save(&f);
    CHECK_EQ_INT(replay_folder(&events, &steps, &last, &names), CT_END); /* no live file */
    CHECK_EQ_UINT(events, 31);

    bytes old = {0}, sealed = {0}, open = {0}, name = {0}, empty = {0};
    RAW(&old, 0xFF, 0xFF);
    RAW(&sealed, STEP, SLOT, SMALL + 1, STEP, SLOT, SMALL + 2);
    RAW(&open, SLOT + 1, SMALL, STEP, SLOT, SMALL + 3);
    RAW(&name, CT_DEF_NAME, 1, 'q');
    put(&empty, "", 0);
    live_slot slots[] = {
        {CT_LIVE_FILLING, CT_BLOCK_EVENTS, 0, 11, 2, 32, 33, &open, 0},
        {CT_LIVE_SEALED, CT_BLOCK_EVENTS, 1, 9, 2, 20, 21, &old, 2}, /* in the file already */
        {CT_LIVE_SEALED, CT_BLOCK_EVENTS, 0, 10, 2, 30, 31, &sealed, 3},
        {CT_LIVE_FILLING, CT_BLOCK_DEFINITIONS, 0, 11, 2, f.definitions, 0, &name, 0},
        {CT_LIVE_FREE, CT_BLOCK_CONTENT, 0, 12, 2, 0, 0, &old, 0},
    };
    write_live("0123456789abcdef", slots, 5);
    CHECK_EQ_INT(replay_folder(&events, &steps, &last, &names), CT_END);
    CHECK_EQ_UINT(events, 34);
    CHECK_EQ_UINT(steps, 33);
    CHECK_EQ_INT(last, 3);
    CHECK_EQ_UINT(names, 9);

    slots[0].data = &empty; /* nothing continues the sealed block: it is cut at its boundary */
    write_live("0123456789abcdef", slots, 5);
    CHECK_EQ_INT(replay_folder(&events, &steps, &last, &names), CT_END);
    CHECK_EQ_UINT(events, 32);
    CHECK_EQ_INT(last, 1);

    slots[2].sequence = 12; /* one is missing between: nothing of the live file fits */
    write_live("0123456789abcdef", slots, 5);
    CHECK_EQ_INT(replay_folder(&events, &steps, &last, &names), CT_END);
    CHECK_EQ_UINT(events, 31);

    slots[2].sequence = 10;
    write_live("0123456789abcdeX", slots, 5); /* of another recording */
    CHECK_EQ_INT(replay_folder(&events, &steps, &last, &names), CT_END);
    CHECK_EQ_UINT(events, 31);

    slots[0].data = &open;
    write_live("0123456789abcdef", slots, 5);
    FILE *file = fopen(live_path, "rb"); /* any damage of the live file: a prefix, or corrupt at its end */
    uint8_t *bytes_of = malloc(4096 * 6);
    CHECK(file && fread(bytes_of, 1, 4096 * 6, file) == 4096 * 6);
    fclose(file);
    for (size_t i = 0; i < 64 + 64 * 5; i++) {
        bytes_of[i] ^= 0x41;
        write_file(live_path, bytes_of, 4096 * 6);
        ct_code code = replay_folder(&events, &steps, &last, &names);
        CHECK(code == CT_END || code == CT_E_CORRUPT || code == CT_E_PARAM);
        CHECK(events <= 34);
        bytes_of[i] ^= 0x41;
    }
    for (size_t size = 0; size < 4096 * 6; size += 97) {
        write_file(live_path, bytes_of, size);
        CHECK_EQ_INT(replay_folder(&events, &steps, &last, &names), CT_END);
        CHECK_EQ_UINT(events, 31);
    }
    unlink(live_path);
    free(bytes_of);
    free(old.at), free(sealed.at), free(open.at), free(name.at), free(empty.at);
    free_file(&f);
}

/* ---- opening ---- */

static void
what_can_be_opened(void)
{
    ct_error error;
    ct_journal *journal = NULL;
    char other[80], named[80];
    journal_file f = {0};
    snprintf(other, sizeof other, "%s/one.ctj", folder);
    snprintf(named, sizeof named, "%s/two.ctj", folder);
    unlink(path);
    CHECK_EQ_INT(ct_journal_open(folder, NULL, &journal, &error), CT_E_IO); /* holds none */
    CHECK_EQ_INT(ct_journal_open(other, NULL, &journal, &error), CT_E_IO);
    CHECK(journal == NULL);
    CHECK_EQ_INT(ct_journal_open("/dev/null", NULL, &journal, &error), CT_E_IO);
    begin(&f);
    write_file(other, f.b.at, f.b.size);
    CHECK_EQ_INT(ct_journal_open(folder, NULL, &journal, &error), CT_OK);
    ct_journal_close(journal);
    write_file(named, f.b.at, f.b.size);
    CHECK_EQ_INT(ct_journal_open(folder, NULL, &journal, &error), CT_E_PARAM); /* holds two */
    f.b.at[8] = 2;
    store(f.b.at + 56, XXH3_64bits(f.b.at, 56), 8);
    write_file(other, f.b.at, f.b.size);
    CHECK_EQ_INT(ct_journal_open(other, NULL, &journal, &error), CT_E_VERSION);
    unlink(other);
    unlink(named);
    free_file(&f);
}

/* CODE: a function of which steps are in several files; and codes that an activation cannot go on in. */
static void
code_in_another_file(void)
{
    static const struct { uint8_t code; bool good; } second[] = {{3, true}, {4, false}, {1, false}, {9, false}};
    for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
        journal_file f = {0};
        bytes b = {0}, more = {0};
        ct_error error;
        ct_journal *journal = NULL;
        ct_replay *replay = NULL;
        const ct_event *event;
        begin(&f);
        put_byte(&more, CT_DEF_PATH);
        put_str(&more, "/x/t.h");
        RAW(&more, CT_DEF_CODE, 1, 10, 1, 'f', 1, 'm', 0, 2, 0, 3, 0, CT_SLOT_PARAMETER, 1, CT_SLOT_PARAMETER, 2, 0); /* 3: f elsewhere */
        RAW(&more, CT_DEF_CODE, 1, 10, 1, 'f', 1, 'm', 0, 2, 0, 3, 0, CT_SLOT_PARAMETER, 2, CT_SLOT_PARAMETER, 1, 0); /* 4: with other slots */
        add_block(&f, CT_BLOCK_DEFINITIONS, 0, &more, DEFINITIONS, 0, UINT32_MAX);
        f.definitions += 3;
        RAW(&b, CT_R_CALL, 0, 0, SLOT + 0, SMALL + 2);
        RAW(&b, STEP + 1, SLOT + 2, SMALL + 3);
        RAW(&b, STEP + 5, CT_R_CODE);
        put_byte(&b, second[i].code);
        RAW(&b, SLOT + 1, SMALL + 4);
        RAW(&b, STEP + 1);
        add_events(&f, &b, 4, 3);
        /* A segment whose key state says in which code the activation is. */
        b.size = 0;
        RAW(&b, CT_R_KEY_BEGIN, 1, 0, 0, 0, CT_R_KEY_ACTIVATION, 0, 3, 0, 17, SLOT + 0, SMALL + 2, SLOT + 1, SMALL + 4, SLOT + 2, SMALL + 3);
        RAW(&b, CT_R_KEY_THREAD, 0, 0, 0, 1, 0, CT_R_KEY_END, STEP + 0, CT_R_CODE, 0, CT_R_RETURN, CT_V_NONE);
        add_block(&f, CT_BLOCK_EVENTS, CT_BLOCK_BEGINS_SEGMENT, &b, 3, 4, UINT32_MAX);
        f.events += 2;
        f.steps++;
        end_block(&f);
        save(&f);
        CHECK_EQ_INT(ct_journal_open(path, NULL, &journal, &error), CT_OK);
        CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
        EVENT(CT_EVENT_CALL);
        EVENT(CT_EVENT_STEP);
        CHECK_EQ_UINT(event->activation->code, 0);
        if (second[i].good) {
            EVENT(CT_EVENT_STEP);
            for (int again = 0; again < 2; again++) {
                CHECK_EQ_UINT(event->activation->code, 3);
                CHECK_EQ_INT(event->line, 16 + again);
                CHECK_EQ_UINT(event->activation->slot_count, 3);
                CHECK_INT_VALUE(event->activation->slots[0].value, 2);
                CHECK_INT_VALUE(event->activation->slots[1].value, 4);
                if (!again)
                    EVENT(CT_EVENT_STEP);
            }
            EVENT(CT_EVENT_STEP);
            CHECK_EQ_UINT(event->activation->code, 0);
            EVENT(CT_EVENT_RETURN);
            CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_END);
            CHECK_EQ_INT(ct_replay_seek_step(replay, 3, &event, &error), CT_OK); /* from the key state */
            CHECK_EQ_UINT(event->activation->code, 0);
            CHECK_EQ_INT(ct_replay_seek_step(replay, 2, &event, &error), CT_OK);
            CHECK_EQ_UINT(event->activation->code, 3);
        }
        else
            CHECK_EQ_INT(ct_replay_next(replay, &event, &error), CT_E_CORRUPT);
        ct_replay_free(replay);
        ct_journal_close(journal);
        free(b.at);
        free(more.at);
        free_file(&f);
    }
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/journal.ctj", folder);
    snprintf(live_path, sizeof live_path, "%s/journal.live", folder);
    RUN(code_in_another_file);
    RUN(function_call_stored);
    RUN(function_call_compressed);
    RUN(namespaces_keep_the_order_of_binding);
    RUN(generators_and_threads);
    RUN(objects_change_and_die);
    RUN(what_breaks_the_format_is_corrupt);
    RUN(an_event_across_blocks);
    RUN(contents_are_fetched_and_stay);
    RUN(damage_in_the_middle_is_found_when_reached);
    RUN(counts_are_what_the_blocks_can_hold);
    RUN(a_damaged_tail_is_cut_off);
    RUN(sizes_in_headers_take_no_memory);
    RUN(any_flipped_byte_leaves_a_prefix);
    RUN(live_blocks_follow_the_file);
    RUN(what_can_be_opened);
    unlink(path);
    rmdir(folder);
    return check_summary();
}
