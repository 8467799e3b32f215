/* The reader of containers: both layouts in all their forms, upstream's files, and what is cut off, left half written or damaged. Expected events are
 * written by hand from the format's description (ctfs.md); tests/python/test_ct_read.py holds the same files against ct-print. */
#include <stdbool.h>

#include "check.h"
#include "container_bytes.h"
#include "event_text.h"
#include "formats/ct_reading.h"
#include "stream_bytes.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
static long allocations_left = -1; /* -1: any number */

static bool
fails(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}
void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *block, size_t size) { return fails() ? NULL : __real_realloc(block, size); }

static event_text out, whole;
static ct_error error;

static ct_code
read_memory(const void *at, size_t size, event_text *into)
{
    ct_source source;
    event_text_start(into);
    error = (ct_error){0};
    ct_source_of_memory(at, size, &source);
    return ct_ct_read_source(&source, &into->sink, NULL, &error);
}

/* Only the lines that begin so. */
static const char *
only(const event_text *text, const char *start)
{
    static char lines[2][1 << 16];
    static int next;
    char *to = lines[next ^= 1];
    size_t size = 0;
    for (const char *line = text->text; *line; line = strchr(line, '\n') + 1) {
        size_t length = (size_t)(strchr(line, '\n') - line) + 1;
        if (strncmp(line, start, strlen(start)) == 0 && size + length < sizeof lines[0]) {
            memcpy(to + size, line, length);
            size += length;
        }
    }
    to[size] = 0;
    return to;
}

static bool begins_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

static void box_put(box *b, const char *name, const blob *from) { box_add(b, name, from->at, from->size); }

/* ---- the multi-stream layout ---- */

enum { STEPS_PER_CHUNK = 4, VALUES_PER_CHUNK = 3, CALLS_PER_CHUNK = 2, EVENTS_PER_CHUNK = 1 };

typedef struct chunked { blob data, index, chunk; unsigned limit, records; bool count_in_front; } chunked;

static void
end_chunk(chunked *c)
{
    static blob counted;
    if (!c->records)
        return;
    put_number(&c->index, c->data.size, 8);
    counted.size = 0;
    if (c->count_in_front)
        put_number(&counted, c->records, 4);
    put_bytes(&counted, c->chunk.at, c->chunk.size);
    put_frame(&c->data, &counted);
    c->chunk.size = c->records = 0;
}

static void
put_record(chunked *c, const blob *record, bool with_size)
{
    if (!c->index.size)
        put_number(&c->index, c->limit, 4);
    if (c->records == c->limit)
        end_chunk(c);
    if (with_size)
        put_varint(&c->chunk, record->size);
    put_bytes(&c->chunk, record->at, record->size);
    c->records++;
}

typedef struct table { blob data, offsets; } table;

static void
put_row(table *t, const blob *record)
{
    if (!t->offsets.size)
        put_number(&t->offsets, 0, 8);
    put_bytes(&t->data, record->at, record->size);
    put_number(&t->offsets, t->data.size, 8);
}

static void
put_name(table *t, const char *name)
{
    static blob record;
    record.size = 0;
    put_text(&record, name);
    put_row(t, &record);
}

typedef struct streams {
    table paths, functions, types, names, old_values, old_events, views;
    chunked steps, values, calls, events;
    blob meta;
} streams;

static streams s;
static blob r;

static blob *
fresh(void)
{
    r.size = 0;
    return &r;
}

static void
position(uint64_t number, int64_t delta, bool absolute)
{
    put_number(fresh(), absolute ? 0 : 1, 1);
    if (absolute)
        put_varint(&r, number);
    else
        put_svarint(&r, delta);
    put_record(&s.steps, &r, false);
}

static void
other_step(unsigned tag, uint64_t number, const char *message)
{
    put_number(fresh(), tag, 1);
    put_varint(&r, number);
    if (message)
        put_string(&r, message, strlen(message));
    put_record(&s.steps, &r, false);
}

/* Names 0 … count - 1 with the values first, first + 1 … */
static void
values(unsigned count, unsigned first, bool old)
{
    fresh();
    if (count && !old)
        put_number(&r, 0, 1);
    if (count)
        put_varint(&r, count);
    for (unsigned i = 0; i < count; i++) {
        blob value;
        value.size = 0;
        put_int(&value, first + i, 0);
        put_varint(&r, i);
        if (old)
            put_varint(&r, 0);
        put_string(&r, value.at, value.size);
    }
    if (old)
        put_row(&s.old_values, &r);
    else
        put_record(&s.values, &r, true);
}

static void
call(unsigned function, int parent, unsigned entry, unsigned exit_step, int argument, int result)
{
    blob value;
    put_varint(fresh(), function);
    put_svarint(&r, parent);
    put_varint(&r, entry);
    put_varint(&r, exit_step);
    put_varint(&r, parent < 0 ? 0 : 1);
    put_varint(&r, argument >= 0);
    if (argument >= 0) {
        value.size = 0;
        put_int(&value, (unsigned)argument, 0);
        put_varint(&r, 0);
        put_string(&r, value.at, value.size);
    }
    value.size = 0;
    if (result >= 0)
        put_int(&value, (unsigned)result, 0);
    else
        put_number(&value, 0xFF, 1);
    put_string(&r, value.at, value.size);
    put_varint(&r, 0); /* no exception */
    put_varint(&r, 0); /* children: nobody reads them */
    put_record(&s.calls, &r, true);
}

static void
event(unsigned kind, unsigned step, const char *metadata, const char *content, bool old)
{
    put_number(fresh(), kind, 1);
    put_varint(&r, step);
    if (!old)
        put_string(&r, metadata, strlen(metadata));
    put_string(&r, content, strlen(content));
    if (old)
        put_row(&s.old_events, &r);
    else
        put_record(&s.events, &r, true);
}

static void
path_with_lines(const char *path, unsigned lines, const unsigned *lengths)
{
    put_string(fresh(), path, strlen(path));
    put_varint(&r, lines);
    for (unsigned i = 0; i < lines; i++)
        put_svarint(&r, i ? (int64_t)lengths[i] - (int64_t)lengths[i - 1] : (int64_t)lengths[0]);
    put_row(&s.paths, &r);
}

static void
meta(unsigned flags)
{
    blob *m = &s.meta;
    m->size = 0;
    put_text(m, "CTMD");
    put_number(m, 3, 2);
    put_number(m, flags, 2);
    static const char *const texts[] = {"01949fcc-7d92-7e9c-aaaa-cccccccccccc", "/a.py"};
    for (int i = 0; i < 2; i++)
        put_string(m, texts[i], strlen(texts[i]));
    put_varint(m, 2);
    put_string(m, "one", 3);
    put_string(m, "", 0);
    put_string(m, "/w", 2);
    put_string(m, "rec", 3);
    put_varint(m, 1);
    put_string(m, "/a.py", 5);
    if (flags & 2)
        put_number(m, 1, 1);
    if (flags & 4) {
        put_number(m, 77, 8);
        put_string(m, "layout", 6);
    }
    if (flags & 8) {
        put_varint(m, 1);
        put_string(m, "/f.toml", 7);
        for (int i = 0; i < 32; i++)
            put_number(m, 5, 1);
    }
}

/* One made-up program. Its calls: 0 runs all through, 1 has steps 2 to 5, 2 is entered and left behind step 5, 3 has step 8 alone. */
static void
make_streams(bool by_column, bool old)
{
    static const unsigned a_lines[] = {10, 4, 10}, b_lines[] = {3, 3, 3, 3, 3, 0, 3};
    memset(&s, 0, sizeof s);
    s.steps.limit = STEPS_PER_CHUNK;
    s.values.limit = VALUES_PER_CHUNK;
    s.calls.limit = CALLS_PER_CHUNK;
    s.events.limit = EVENTS_PER_CHUNK;
    if (by_column) {
        path_with_lines("/a.py", 3, a_lines);
        path_with_lines("/b.py", 7, b_lines);
    }
    else {
        put_name(&s.paths, "/a.py");
        put_name(&s.paths, "/b.py");
    }
    put_name(&s.functions, "<m>");
    put_name(&s.functions, "f");
    put_name(&s.functions, "g");
    put_name(&s.types, "Int");
    put_name(&s.names, "x");
    put_name(&s.names, "y");
    put_varint(fresh(), 1);
    put_number(&r, 0, 1);
    put_string(&r, "raw", 3);
    put_string(&r, "text of b\n", 10);
    put_string(&r, "", 0);
    put_row(&s.views, &r);
    put_varint(fresh(), 1);
    put_number(&r, 2, 1);
    put_string(&r, "black", 5);
    put_string(&r, "another text", 12);
    put_string(&r, "map", 3);
    put_row(&s.views, &r);
    if (old) {
        s.steps.count_in_front = true;
        put_number(&s.steps.index, STEPS_PER_CHUNK, 4);
        put_number(&s.steps.index, 0, 8);
    }
    /* a.py 1; a.py 2 (column 3); b.py 5; b.py 7 (position of the empty line 6, too); a.py 3 */
    position(by_column ? 0 : 1, 0, true);
    position(0, by_column ? 12 : 1, false);
    position(by_column ? 24 + 12 : 100005, 0, true);
    other_step(2, 0, "oops");
    other_step(3, 0, NULL);
    position(by_column ? 24 + 15 : 100007, 0, true);
    other_step(5, 9, NULL);
    other_step(4, 9, NULL);
    position(by_column ? 14 : 3, 0, true);
    end_chunk(&s.steps);
    if (old)
        put_number(&s.steps.index, 9, 8);
    values(0, 0, old);
    values(1, 1, old);
    values(1, 1, old);
    values(0, 0, old);
    values(0, 0, old);
    values(2, 1, old);
    values(0, 0, old);
    values(0, 0, old);
    values(1, 1, old);
    end_chunk(&s.values);
    call(0, -1, 0, 8, -1, -1);
    call(1, 0, 2, 5, 1, 3);
    call(2, 0, 5, 5, -1, -1);
    call(1, 0, 8, 8, 7, 4);
    end_chunk(&s.calls);
    event(0, 1, "", "hi\n", old);
    event(old ? 1 : 12, 5, "m", "err", old);
    event(0, 8, "", "end", old);
    end_chunk(&s.events);
    meta((by_column ? 0x10 : 0) | (old ? 0x2E : 0x0F2E));
}

static const char HEAD[] = "meta program /a.py\nmeta script /a.py\nmeta arg one\nmeta arg \nmeta workdir /w\nmeta recorder rec\n"
                           "meta filter.source /f.toml 0505050505050505050505050505050505050505050505050505050505050505 /f.toml\n";
static const char TABLES[] =
    "path /a.py\npath /b.py\nfunction 0:0 <m>\nfunction 1:0 f\nfunction 1:0 g\ntype 16 Int\nvariable x\nvariable y\nsource 1 text of b\\0a\n";

static const char *
expected(bool by_column, bool old, bool with_head)
{
    static char text[4096];
    snprintf(text, sizeof text,
             "%s%s"
             "call 0\n" "step 0:1%s\n" "step 0:2%s\n" "value 0 1:0\n" "event 0  hi\\0a\n"
             "argument 0 1:0\n" "call 1\n" "step 1:5%s\n" "value 0 1:0\n" "raised 0 oops\n" "caught 0\n" "step 1:7%s\n" "value 0 1:0\n" "value 1 2:0\n"
             "event %s err\n" "return 3:0\n" "call 2\n" "return -\n" "thread starts 9\n" "thread switches 9\n"
             "argument 0 7:0\n" "call 1\n" "step 0:3%s\n" "value 0 1:0\n" "event 0  end\n" "return 4:0\n" "return -\n",
             with_head ? HEAD : "", TABLES, by_column ? ":1" : "", by_column ? ":3" : "", by_column ? ":1" : "", by_column ? ":1" : "",
             old ? "2 " : "12 m", by_column ? ":1" : "");
    return text;
}

static void
box_streams(box *b, unsigned block, bool old, bool with_meta)
{
    box_open(b, 1 << 18, block, 4, 31);
    box_put(b, "paths.dat", &s.paths.data);
    box_put(b, "paths.off", &s.paths.offsets);
    box_put(b, "funcs.dat", &s.functions.data);
    box_put(b, "funcs.off", &s.functions.offsets);
    box_put(b, "types.dat", &s.types.data);
    box_put(b, "types.off", &s.types.offsets);
    box_put(b, "varnames.dat", &s.names.data);
    box_put(b, "varnames.off", &s.names.offsets);
    box_put(b, "steps.dat", &s.steps.data);
    box_put(b, "steps.idx", &s.steps.index);
    box_put(b, "values.dat", old ? &s.old_values.data : &s.values.data);
    box_put(b, old ? "values.off" : "values.idx", old ? &s.old_values.offsets : &s.values.index);
    box_put(b, "calls.dat", &s.calls.data);
    box_put(b, "events.dat", old ? &s.old_events.data : &s.events.data);
    box_put(b, old ? "events.off" : "events.idx", old ? &s.old_events.offsets : &s.events.index);
    box_put(b, "srcviews.dat", &s.views.data);
    box_put(b, "srcviews.off", &s.views.offsets);
    if (!with_meta)
        return;
    box_put(b, "calls.idx", &s.calls.index);
    box_put(b, "meta.dat", &s.meta);
}

static void
every_form_of_streams(void)
{
    for (int by_column = 0; by_column < 2; by_column++)
        for (int old = 0; old < 2; old++)
            for (unsigned block = 1024; block <= 4096; block *= 2) {
                box b;
                make_streams(by_column, old);
                box_streams(&b, block, old, true);
                CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_OK);
                CHECK_STR(out.text, expected(by_column, old, true));
                box_close(&b);
            }
}

/* Without meta.dat (written last) and calls.idx: what is there is read all the same. */
static void
killed_before_the_end(void)
{
    for (int by_column = 0; by_column < 2; by_column++) {
        box b;
        make_streams(by_column, false);
        box_streams(&b, 1024, false, false);
        CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_E_CORRUPT);
        CHECK_STR(error.message, "meta.dat is missing: the writer of the container was killed, and what it had not written yet is lost");
        CHECK_STR(out.text, expected(by_column, false, false));
        for (int stale = 0; stale < 2; stale++) { /* sizes of which only the first byte, then none, were noted */
            for (unsigned slot = 0; slot < b.slot; slot++)
                box_store(b.at + 16 + 24 * slot, stale || slot % 2 ? 0 : 1);
            CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_E_CORRUPT);
            CHECK(strstr(error.message, "was killed"));
            CHECK_STR(out.text, expected(by_column, false, false));
        }
        box_close(&b);
    }
}

/* A stream that ends too early: the events before that, and a sentence about that stream. */
static void
cut_streams(void)
{
    static const struct { blob *of; size_t keep; const char *message; const char *last; } cuts[] = {
        {&s.steps.data, 20, "steps.dat ends too early", "step 0:1"}, {&s.values.data, 60, "values.dat ends too early", "return -"},
        {&s.calls.data, 70, "calls.dat ends too early", "event 0  end"}, {&s.events.data, 10, "events.dat ends too early", "return -"},
        {&s.paths.data, 7, "paths.dat ends too early", "return -"}, {&s.steps.index, 5, "", "return -"}, {&s.functions.offsets, 17, "funcs.dat ends", "return -"},
        {&s.meta, 30, "meta.dat is damaged", "return -"}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        box b;
        make_streams(false, false);
        cuts[i].of->size = cuts[i].keep;
        box_streams(&b, 1024, false, true);
        ct_code code = read_memory(b.at, b.size, &out);
        if (code != (*cuts[i].message ? CT_E_CORRUPT : CT_OK) || (code != CT_OK && !begins_with(error.message, cuts[i].message)) || !strstr(out.text, cuts[i].last))
            CHECK_FAIL("cut %zu: %s\n%s", i, error.message ? error.message : "no error", out.text);
        box_close(&b);
    }
}

static void
unknown_versions(void)
{
    box b;
    make_streams(false, false);
    s.meta.at[4] = 4;
    box_streams(&b, 4096, false, true);
    CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_E_VERSION);
    CHECK(memcmp(b.at + error.position, "\x04\x00", 2) == 0);
    box_close(&b);
    make_streams(false, false);
    s.meta.at[7] = 0x4F; /* bit 14 */
    box_streams(&b, 4096, false, true);
    CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_E_VERSION);
    box_close(&b);
}

/* ---- events.log ---- */

/* trace-binary.md 1.1 has these items, byte by byte; and the same events in split-binary. */
static const char SINGLE[] =
    "path /p/a.py\nfunction 0:1 <toplevel>\ncall 0\ntype 30 None\nvariable a\nstep 0:1\nvalue 0 -7:1\nvalue 0 1.5:2\nthread switches 9\n"
    "event 0 m hi\nother DropVariables\nreturn None:0\ndrop step\n";

static void
put_hex(blob *b, const char *hex)
{
    for (; *hex; hex++) {
        unsigned byte;
        if (*hex == ' ')
            continue;
        sscanf(hex++, "%2x", &byte);
        put_number(b, byte, 1);
    }
}

static const char *const CBOR[] = {
    "A1 64 50617468 67 2F702F612E7079",
    "A1 68 46756E6374696F6E A3 67 706174685F6964 00 64 6C696E65 01 64 6E616D65 6A 3C746F706C6576656C3E",
    "A1 64 43616C6C A2 6B 66756E6374696F6E5F6964 00 64 61726773 80",
    "A1 64 54797065 A3 64 6B696E64 18 1E 69 6C616E675F74797065 64 4E6F6E65 6D 73706563696669635F696E666F A1 64 6B696E64 64 4E6F6E65",
    "A1 6C 5661726961626C654E616D65 61 61",
    "A1 64 53746570 A2 67 706174685F6964 00 64 6C696E65 01",
    "A1 65 56616C7565 A2 6B 7661726961626C655F6964 00 65 76616C7565 A3 64 6B696E64 63 496E74 61 69 26 67 747970655F6964 01",
    "A1 65 56616C7565 A2 6B 7661726961626C655F6964 00 65 76616C7565 A3 64 6B696E64 65 466C6F6174 61 66 63 312E35 67 747970655F6964 02",
    "A1 6C 546872656164537769746368 09",
    "A1 65 4576656E74 A3 64 6B696E64 00 68 6D65746164617461 61 6D 67 636F6E74656E74 62 6869",
    "A1 6D 44726F705661726961626C6573 81 00",
    "A1 66 52657475726E A1 6C 72657475726E5F76616C7565 A2 64 6B696E64 64 4E6F6E65 67 747970655F6964 00",
    "6C 44726F704C61737453746570"};
static const char *const SPLIT[] = {
    "01 07000000 2F702F612E7079", "06 0000000000000000 0100000000000000 0A000000 3C746F706C6576656C3E", "07 0000000000000000 01000000 80",
    "04 30000000 A3 64 6B696E64 18 1E 69 6C616E675F74797065 64 4E6F6E65 6D 73706563696669635F696E666F A1 64 6B696E64 64 4E6F6E65",
    "02 01000000 61", "00 0000000000000000 0100000000000000",
    "05 0000000000000000 16000000 A3 64 6B696E64 63 496E74 61 69 26 67 747970655F6964 01",
    "05 0000000000000000 1B000000 A3 64 6B696E64 65 466C6F6174 61 66 63 312E35 67 747970655F6964 02",
    "16 0900000000000000", "09 00 01000000 6D 02000000 6869", "0D 01000000 0000000000000000",
    "08 14000000 A2 64 6B696E64 64 4E6F6E65 67 747970655F6964 00", "17"};
enum { SINGLE_COUNT = sizeof SPLIT / sizeof *SPLIT };

typedef enum log_form { ONE_CHUNK, MANY_CHUNKS, FRAMES, BARE } log_form;

static void
put_log(blob *log, bool cbor, log_form form, bool prefix)
{
    static blob raw, frame;
    unsigned count = 0, first = 0;
    log->size = raw.size = 0;
    if (prefix)
        put_bytes(log, "\xC0\xDE\x72\xAC\xE2\x01\x00\x00", 8);
    for (unsigned i = 0; i < SINGLE_COUNT; i++) {
        put_hex(&raw, cbor ? CBOR[i] : SPLIT[i]);
        count++;
        if ((form == ONE_CHUNK || form == FRAMES) && i + 1 < SINGLE_COUNT)
            continue;
        if (form == BARE)
            put_bytes(log, raw.at, raw.size);
        else if (form == FRAMES) { /* cut by bytes, with a seek table behind them */
            blob part;
            for (size_t at = 0; at < raw.size; at += 50) {
                part.size = 0;
                put_bytes(&part, raw.at + at, raw.size - at < 50 ? raw.size - at : 50);
                put_frame(log, &part);
            }
            put_number(log, 0x184D2A5E, 4);
            put_number(log, 9, 4);
            put_bytes(log, "\0\0\0\0\0\xB1\xEA\x92\x8F", 9);
        }
        else {
            frame.size = 0;
            put_frame(&frame, &raw);
            put_number(log, frame.size, 4);
            put_number(log, count, 4);
            put_number(log, first, 8);
            put_bytes(log, frame.at, frame.size);
        }
        first += count;
        raw.size = count = 0;
    }
}

static void
every_form_of_events_log(void)
{
    static blob log;
    for (int cbor = 0; cbor < 2; cbor++)
        for (log_form form = ONE_CHUNK; form <= (cbor ? BARE : MANY_CHUNKS); form++)
            for (int prefix = 0; prefix < 2; prefix++)
                for (int named = 0; named < 2; named++) {
                    box b;
                    CHECK(box_open(&b, 1 << 16, 1024, 3, 31));
                    put_log(&log, cbor, form, prefix);
                    box_put(&b, "events.log", &log);
                    if (named)
                        box_add(&b, "events.fmt", cbor ? "cbor" : "split-binary", cbor ? 4 : 12);
                    ct_code code = read_memory(b.at, b.size, &out);
                    if (code != CT_OK)
                        CHECK_FAIL("cbor %d, form %d, prefix %d: %s\n%s", cbor, (int)form, prefix, error.message, out.text);
                    CHECK_STR(out.text, SINGLE);
                    box_close(&b);
                }
}

static void
events_log_or_streams(void)
{
    static blob log;
    box b;
    make_streams(false, false);
    box_streams(&b, 4096, false, true);
    put_log(&log, false, ONE_CHUNK, true);
    box_put(&b, "events.log", &log);
    CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_OK); 
    CHECK(strstr(out.text, "function 0:1 <toplevel>") && !strstr(out.text, "oops"));
    box_close(&b);
    box_streams(&b, 4096, false, true);
    box_put(&b, "events.log", &log);
    box_add(&b, "events.fmt", "split-binary", 12);
    CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_OK);
    CHECK(strstr(out.text, "function 0:1 <toplevel>") && !strstr(out.text, "oops"));
    box_close(&b);
    box_streams(&b, 4096, false, true);
    box_put(&b, "events.log", &log);
    box_add(&b, "events.fmt", "of the future", 13);
    CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_OK);
    CHECK_STR(out.text, expected(false, false, true));
    box_close(&b);
}

/* ---- upstream's files ---- */

static uint8_t file_bytes[1 << 18];

static size_t
golden(const char *name)
{
    char path[4096];
    const char *folder = getenv("CODETRACER_GOLDEN");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/golden", name);
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(file_bytes, 1, sizeof file_bytes, file) : 0;
    if (file)
        fclose(file);
    return size;
}

/* ctfs.md section 9 */
static void
upstream_streams(void)
{
    for (int by_column = 0; by_column < 2; by_column++) {
        char text[4096];
        snprintf(text, sizeof text,
                 "meta program /p/a.py\nmeta script /p/a.py\nmeta arg x\nmeta workdir /p\npath /p/a.py\npath /p/b.py\nfunction 0:0 <__main__>\n"
                 "function 0:0 add\ntype 16 NoneType\ntype 16 Int\nvariable a\nstep 0:1%s\ncall 0\nstep 0:3%s\nargument 0 1:1\ncall 1\nstep 0:2%s\n"
                 "value 0 1:1\nevent 0 {} hi\\0a\nreturn 1:1\nthread switches 7\nstep 1:1%s\nreturn None:0\n",
                 by_column ? ":1" : "", by_column ? ":1" : "", by_column ? ":5" : "", by_column ? ":1" : "");
        size_t size = golden(by_column ? "multistream_column.ct" : "multistream_line.ct");
        CHECK(size > 0);
        CHECK_EQ_INT(read_memory(file_bytes, size, &out), CT_OK);
        CHECK_STR(out.text, text);
    }
}

/* ctfs.md section 8: the annotated dump */
static void
upstream_single_stream(void)
{
    size_t size = golden("minimal_trace.ct");
    CHECK(size > 0);
    CHECK_EQ_INT(read_memory(file_bytes, size, &out), CT_OK);
    CHECK_STR(out.text, "meta program factorial\nmeta script factorial\nmeta arg 5\nmeta workdir /home/user/demo\npath /src/main.nim\n"
                        "path /src/math_utils.nim\nfunction 0:1 main\nstep 0:1\ncall 0\nstep 0:3\nstep 0:4\nvalue 1 42:7\nstep 1:10\n"
                        "value 2 'hello':9\nreturn None:0\n");
}

/* The one list of events that two of the files hold, one of them beside the other layout. */
static void
both_layouts(void)
{
    size_t size = golden("single_stream.ct");
    CHECK(size > 0);
    CHECK_EQ_INT(read_memory(file_bytes, size, &whole), CT_OK);
    CHECK(strstr(whole.text, "1.5:") && strstr(whole.text, "0x4000"));
    size = golden("dual_slot31.ct");
    CHECK(size > 0);
    CHECK_EQ_INT(read_memory(file_bytes, size, &out), CT_OK);
    CHECK_STR(only(&out, "step"), only(&whole, "step"));
    CHECK_STR(only(&out, "value"), only(&whole, "value"));
    CHECK_STR(only(&out, "call"), only(&whole, "call"));
    CHECK_STR(only(&out, "event"), only(&whole, "event"));
    /* Without its last three entries the container is what ct-print sees. */
    memset(file_bytes + 16 + 24 * 31, 0, 24 * 3);
    CHECK_EQ_INT(read_memory(file_bytes, size, &out), CT_OK);
    CHECK_STR(only(&out, "step"), only(&whole, "step"));
    CHECK_STR(only(&out, "call"), only(&whole, "call"));
    CHECK_STR(only(&out, "return"), only(&whole, "return"));
    CHECK_STR(only(&out, "argument"), only(&whole, "argument"));
    CHECK_STR(only(&out, "thread"), "thread switches 7\n"); /* the start is in the other layout only */
}

/* ---- damage ---- */

static bool
is_prefix(const char *kind)
{
    const char *part = only(&out, kind), *all = only(&whole, kind);
    return begins_with(all, part);
}

/* What a reader may answer: an error with a sentence, or all of it; and in both cases nothing that was not there. */
static bool
is_sound(ct_code code)
{
    if (out.full || (code != CT_OK && (!error.message || (code != CT_E_CORRUPT && code != CT_E_VERSION))))
        return false;
    return is_prefix("step") && is_prefix("value") && is_prefix("event") && is_prefix("path") && is_prefix("variable") && is_prefix("argument");
}

static void
truncated(const uint8_t *at, size_t size)
{
    uint8_t *part = malloc(size);
    CHECK(part && read_memory(at, size, &whole) == CT_OK);
    for (size_t keep = 0; keep < size; keep += keep % 1024 < 300 ? 11 : 97) {
        uint8_t *exact = part + size - keep; /* a byte too far is one that AddressSanitizer sees */
        memcpy(exact, at, keep);
        ct_code code = read_memory(exact, keep, &out);
        if (!is_sound(code) || (code == CT_OK && strcmp(out.text, whole.text) != 0)) {
            free(part);
            CHECK_FAIL("cut to %zu bytes: code %d (%s)\n%s", keep, code, error.message ? error.message : "", out.text);
        }
    }
    free(part);
}

static void
cut_anywhere(void)
{
    static const char *const names[] = {"multistream_line.ct", "minimal_trace.ct", "single_stream.ct"};
    for (size_t i = 0; i < 3 && !check_failed(); i++) {
        size_t size = golden(names[i]);
        truncated(file_bytes, size);
    }
    for (int old = 0; old < 2 && !check_failed(); old++) {
        box b;
        make_streams(old, old);
        box_streams(&b, 1024, old, true);
        truncated(b.at, b.next * b.block);
        box_close(&b);
    }
}

/* Every frame has a checksum here, so what is in chunks is right or an error. */
static void
flipped_anywhere(void)
{
    box b;
    make_streams(false, false);
    box_streams(&b, 1024, false, true);
    size_t size = b.next * b.block;
    CHECK_EQ_INT(read_memory(b.at, size, &whole), CT_OK);
    for (size_t i = 0; i < size && !check_failed(); i += b.at[i] ? 1 : 13)
        for (int bit = 0; bit < 8; bit += 3) {
            b.at[i] ^= (uint8_t)(1 << bit);
            ct_code code = read_memory(b.at, size, &out);
            if (out.full || (code != CT_OK && (!error.message || code == CT_E_NOMEM)) || !(is_prefix("value") || strcmp(only(&out, "step"), only(&whole, "step"))))
                CHECK_FAIL("bit %d of byte %zu: code %d\n%s", bit, i, code, out.text);
            b.at[i] ^= (uint8_t)(1 << bit);
        }
    box_close(&b);
    static const char *const names[] = {"dual_slot31.ct", "minimal_trace.ct"};
    for (size_t k = 0; k < 2; k++) {
        size = golden(names[k]);
        for (size_t i = 0; i < size; i += i < 1024 || file_bytes[i] ? 1 : 61) {
            file_bytes[i] ^= 0x11;
            ct_code code = read_memory(file_bytes, size, &out);
            CHECK(!out.full && (code == CT_OK || error.message));
            file_bytes[i] ^= 0x11;
        }
    }
}

/* A directory's entries have no checksum: one that leads to another file's blocks is told. */
static void
shared_blocks(void)
{
    static const char *const names[] = {"dual_slot31.ct", "minimal_trace.ct", "multistream_line.ct"};
    for (size_t k = 0; k < 3; k++) {
        size_t size = golden(names[k]);
        CHECK_EQ_INT(read_memory(file_bytes, size, &whole), CT_OK);
        for (unsigned i = 0; i < 31; i++)
            for (unsigned j = 0; j < 31; j++) {
                uint8_t *one = file_bytes + 16 + 24 * i, *other = file_bytes + 16 + 24 * j;
                uint64_t root = box_load(one + 8);
                if (i == j || !box_load(one) || !box_load(other) || !box_load(one + 16) || box_load(one + 16) == box_load(other + 16))
                    continue;
                box_store(one + 8, box_load(other + 8));
                ct_code code = read_memory(file_bytes, size, &out);
                if (code == CT_OK && strcmp(out.text, whole.text) != 0)
                    CHECK_FAIL("%s: entry %u with the blocks of %u is read as another program", names[k], i, j);
                box_store(one + 8, root);
            }
    }
}

/* The n-th allocation fails until all is read. */
static void
no_memory(void)
{
    static blob log;
    for (int single = 0; single < 2; single++) {
        box b;
        make_streams(true, false);
        if (single) {
            box_open(&b, 1 << 16, 1024, 3, 31);
            put_log(&log, true, FRAMES, true);
            box_put(&b, "events.log", &log);
        }
        else
            box_streams(&b, 1024, false, true);
        ct_code code = CT_E_NOMEM;
        long n = 0;
        for (; code != CT_OK; n++) {
            allocations_left = n;
            code = read_memory(b.at, b.size, &out);
            allocations_left = -1;
            if (code != CT_OK)
                CHECK_EQ_INT(code, CT_E_NOMEM);
        }
        CHECK(n > 10);
        CHECK_STR(out.text, single ? SINGLE : expected(true, false, true));
        box_close(&b);
    }
}

/* A frame that holds gigabytes of zeros in a few bytes is refused before memory is full of them. */
static void
enormous_frame(void)
{
    static blob log;
    static uint8_t zeros[1 << 20];
    box b;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    CHECK(box_open(&b, 1 << 18, 4096, 4, 31));
    log.size = 0;
    put_number(&log, 0, 8);
    put_number(&log, 0, 8);
    ZSTD_outBuffer to = {log.at, sizeof log.at, log.size};
    for (int i = 0; i < 300; i++) {
        ZSTD_inBuffer from = {zeros, sizeof zeros, 0};
        CHECK(!ZSTD_isError(ZSTD_compressStream2(zstd, &to, &from, i == 299 ? ZSTD_e_end : ZSTD_e_continue)));
    }
    ZSTD_freeCCtx(zstd);
    log.size = to.pos;
    box_store(log.at, (to.pos - 16) | (UINT64_C(1) << 32));
    box_put(&b, "events.log", &log);
    box_add(&b, "events.fmt", "split-binary", 12);
    CHECK_EQ_INT(read_memory(b.at, b.size, &out), CT_E_CORRUPT);
    CHECK_STR(error.message, "events.log has a chunk of more than 256 MiB, which no writer makes");
    box_close(&b);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    RUN(every_form_of_streams);
    RUN(killed_before_the_end);
    RUN(cut_streams);
    RUN(unknown_versions);
    RUN(every_form_of_events_log);
    RUN(events_log_or_streams);
    RUN(upstream_streams);
    RUN(upstream_single_stream);
    RUN(both_layouts);
    RUN(cut_anywhere);
    RUN(flipped_anywhere);
    RUN(shared_blocks);
    RUN(no_memory);
    RUN(enormous_frame);
    return check_summary();
}
