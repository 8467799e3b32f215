/* Journals for tests of the exports, written with the recorder's own interface (record.h).
 *
 * The recordings are made up but well-formed: what a Python program would have left. Everything is in this header so that the C test and
 * the helper program of the Python tests write the same.
 */
#ifndef SAMPLE_JOURNAL_H
#define SAMPLE_JOURNAL_H

#include <codetracer/record.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sample {
    ct_recording *r;
    int64_t line; /* of the activation on top; the writer of a sample keeps it right */
    uint32_t names;
} sample;

#define SAMPLE_UNUSED __attribute__((unused))

SAMPLE_UNUSED static const ct_allocator *sample_allocator;
SAMPLE_UNUSED static ct_error sample_error; /* why a sample could not be written */

SAMPLE_UNUSED static bool
sample_open(sample *s, const char *path)
{
    char live[4096];
    snprintf(live, sizeof live, "%s.live", path);
    ct_recording_options options = { .journal_path = path, .live_path = live, .allocator = sample_allocator };
    *s = (sample){ 0 };
    return ct_recording_open(&options, &s->r, &sample_error) == CT_OK;
}

SAMPLE_UNUSED static void
sample_meta(sample *s, const char *key, const char *value)
{
    ct_define_meta(s->r, key, value, strlen(value));
}

SAMPLE_UNUSED static uint32_t
sample_name(sample *s, const char *name)
{
    return ct_define_name(s->r, name, strlen(name));
}

SAMPLE_UNUSED static uint32_t
sample_type(sample *s, enum ct_look look, bool builtin, const char *name)
{
    return ct_define_type(s->r, look, builtin ? CT_TYPE_BUILTIN : 0, name, strlen(name));
}

/* names: "a b c"; the first `parameters` of them are parameters. */
SAMPLE_UNUSED static uint32_t
sample_code(sample *s, uint32_t path, uint32_t line, const char *name, const char *module, uint32_t flags, uint32_t parameters,
            const char *names)
{
    ct_code_slot slots[64];
    char copy[1024], *save = NULL;
    uint32_t count = 0;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        slots[count] = (ct_code_slot){ .name = sample_name(s, word), .kind = count < parameters ? CT_SLOT_PARAMETER : 0 };
        count++;
    }
    ct_code_definition definition = {
        .path = path, .first_line = line, .qualified_name = name, .qualified_name_size = strlen(name),
        .module = module, .module_size = strlen(module), .flags = flags, .arguments = parameters, .slot_count = count, .slots = slots,
    };
    return ct_define_code(s->r, &definition);
}

SAMPLE_UNUSED static void begin(sample *s) { ct_event_begin(s->r); }
SAMPLE_UNUSED static void end(sample *s) { ct_event_end(s->r); }

SAMPLE_UNUSED static void
sample_step(sample *s, int64_t line)
{
    begin(s);
    ct_put_step(s->r, line - s->line);
    s->line = line;
}

SAMPLE_UNUSED static void
sample_call(sample *s, uint32_t code, int64_t first_line)
{
    begin(s);
    ct_put_call(s->r, code, 0);
    s->line = first_line;
}

/* Values: into `v`, whose size is left in `n`. */
typedef struct sample_value { uint8_t bytes[CT_VALUE_MAX]; size_t size; } sample_value;

SAMPLE_UNUSED static sample_value
sv_int(int64_t value)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_int(v.bytes, value) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_float(double value)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_float(v.bytes, value) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_complex(double real, double imaginary)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_complex(v.bytes, real, imaginary) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_tag(enum ct_tag tag)
{
    sample_value v = { { (uint8_t)tag }, 1 };
    return v;
}

SAMPLE_UNUSED static sample_value
sv_object(uint64_t id)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_object(v.bytes, id) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_content(uint64_t id)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_content(v.bytes, id) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_text(sample *s, const char *text, size_t size, uint64_t characters)
{
    sample_value v = { { 0 }, 0 };
    if (size > CT_V_TEXT_MAX)
        return sv_content(ct_content(s->r, CT_CONTENT_TEXT, text, size, characters));
    v.size = (size_t)(ct_write_short_text(v.bytes, text, size) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_bytes(const char *bytes, size_t size)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_short_bytes(v.bytes, bytes, size) - v.bytes);
    return v;
}

SAMPLE_UNUSED static sample_value
sv_bigint(bool negative, const uint8_t *magnitude, size_t size)
{
    sample_value v = { { 0 }, 0 };
    v.size = (size_t)(ct_write_bigint(v.bytes, negative, magnitude, size) - v.bytes);
    return v;
}

SAMPLE_UNUSED static void
put_slot(sample *s, uint32_t slot, sample_value value)
{
    ct_room(s->r, 64);
    ct_put_slot(s->r, slot, value.bytes, value.size);
}

SAMPLE_UNUSED static void put(sample *s, sample_value value) { ct_put_bytes(s->r, value.bytes, value.size); }
SAMPLE_UNUSED static void put_number(sample *s, uint64_t value) { s->r->cursor = ct_write_varint(s->r->cursor, value); }

SAMPLE_UNUSED static void
put_text(sample *s, const char *text)
{
    put_number(s, strlen(text));
    ct_put_bytes(s->r, text, strlen(text));
}

/* The head of an OBJECT record with its address. */
SAMPLE_UNUSED static void
put_object(sample *s, uint64_t id, uint32_t type, unsigned flags)
{
    uint64_t address = 0x1000 + id * 16;
    ct_room(s->r, 64);
    ct_put_number(s->r, CT_R_OBJECT, id);
    put_number(s, type);
    *s->r->cursor++ = (uint8_t)(flags | CT_O_ADDRESS);
    s->r->cursor = ct_write_svarint(s->r->cursor, (int64_t)(address - s->r->last_address));
    s->r->last_address = address;
}

/* A whole object of items; entries: what its true length says. */
SAMPLE_UNUSED static void
put_items(sample *s, uint64_t id, uint32_t type, uint64_t entries, size_t count, const sample_value *items)
{
    put_object(s, id, type, CT_O_ITEMS);
    put_number(s, entries);
    put_number(s, count);
    for (size_t i = 0; i < count; i++) {
        ct_room(s->r, 64);
        put(s, items[i]);
    }
}

SAMPLE_UNUSED static void
put_fields(sample *s, uint64_t id, uint32_t type, uint32_t shape, size_t count, const sample_value *fields)
{
    put_object(s, id, type, CT_O_FIELDS);
    put_number(s, shape);
    for (size_t i = 0; i < count; i++) {
        ct_room(s->r, 64);
        put(s, fields[i]);
    }
}

SAMPLE_UNUSED static void
put_payload(sample *s, uint64_t id, uint32_t type, sample_value payload)
{
    put_object(s, id, type, CT_O_PAYLOAD);
    put(s, payload);
}

SAMPLE_UNUSED static void
sample_output(sample *s, enum ct_stream_number stream, const char *text)
{
    begin(s);
    ct_room(s->r, strlen(text) + 16);
    *s->r->cursor++ = CT_R_OUTPUT;
    *s->r->cursor++ = (uint8_t)stream;
    put_text(s, text);
    end(s);
}

SAMPLE_UNUSED static void
sample_thread_start(sample *s, uint64_t thread, const char *name)
{
    begin(s);
    ct_put_number(s->r, CT_R_THREAD_START, thread);
    put_number(s, 1000 + thread);
    put_text(s, name);
    end(s);
}

/* Thread 1 starts, and what follows happens in it. */
SAMPLE_UNUSED static void
sample_main_thread(sample *s)
{
    sample_thread_start(s, 1, "MainThread");
    begin(s);
    ct_put_number(s->r, CT_R_THREAD, 1);
}

SAMPLE_UNUSED static void
sample_leave(sample *s, enum ct_record how, sample_value value, int64_t line_below)
{
    begin(s);
    ct_put_value(s->r, how, value.bytes, value.size);
    end(s);
    s->line = line_below;
}

/* A loop of four int locals: steps in all, three lines a turn. */
SAMPLE_UNUSED static bool
sample_loop(const char *path, uint64_t steps)
{
    sample s;
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "program", "/p/loop.py");
    sample_meta(&s, "script", "/p/loop.py");
    sample_meta(&s, "workdir", "/p");
    uint32_t file = ct_define_path(s.r, "/p/loop.py", 10);
    uint32_t module = sample_code(&s, file, 1, "<module>", "__main__", CT_CODE_MODULE | CT_CODE_NAMESPACE, 0, "");
    uint32_t function = sample_code(&s, file, 1, "work", "__main__", 0, 1, "n i total square");
    sample_main_thread(&s);
    sample_call(&s, module, 1);
    end(&s);
    sample_step(&s, 6);
    end(&s);
    sample_call(&s, function, 1);
    put_slot(&s, 0, sv_int((int64_t)steps));
    end(&s);
    int64_t total = 0;
    for (uint64_t i = 0; i < steps / 3; i++) {
        sample_step(&s, 2);
        put_slot(&s, 2, sv_int(total));
        end(&s);
        sample_step(&s, 3);
        put_slot(&s, 1, sv_int((int64_t)i));
        end(&s);
        sample_step(&s, 4);
        put_slot(&s, 3, sv_int((int64_t)(i * i)));
        end(&s);
        total += (int64_t)(i * i % 1000);
    }
    sample_leave(&s, CT_R_RETURN, sv_int(total), 6);
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 0);
    sample_meta(&s, "exit.status", "0");
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

/* Many calls of a small function, for the calls stream. */
SAMPLE_UNUSED static bool
sample_calls(const char *path, uint64_t calls)
{
    sample s;
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "script", "/p/calls.py");
    uint32_t file = ct_define_path(s.r, "/p/calls.py", 11);
    uint32_t module = sample_code(&s, file, 1, "<module>", "__main__", CT_CODE_MODULE | CT_CODE_NAMESPACE, 0, "");
    uint32_t function = sample_code(&s, file, 1, "f", "__main__", 0, 1, "n");
    sample_main_thread(&s);
    sample_call(&s, module, 1);
    end(&s);
    sample_step(&s, 4);
    end(&s);
    for (uint64_t i = 0; i < calls; i++) {
        sample_call(&s, function, 1);
        put_slot(&s, 0, sv_int((int64_t)i));
        end(&s);
        sample_step(&s, 2);
        end(&s);
        sample_leave(&s, CT_R_RETURN, sv_int((int64_t)(2 * i)), 4);
    }
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 0);
    sample_meta(&s, "exit.status", "0");
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

/* Two lists of a thousand ints: one element of the first changes at each step, nothing of the second ever does. */
SAMPLE_UNUSED static bool
sample_lists(const char *path, uint64_t steps)
{
    sample s;
    sample_value items[1000];
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "script", "/p/lists.py");
    uint32_t file = ct_define_path(s.r, "/p/lists.py", 11);
    uint32_t code = sample_code(&s, file, 1, "f", "__main__", 0, 0, "first second i");
    uint32_t list = sample_type(&s, CT_LOOK_LIST, true, "list");
    sample_main_thread(&s);
    sample_call(&s, code, 1);
    for (int i = 0; i < 1000; i++)
        items[i] = sv_int(i);
    put_slot(&s, 0, sv_object(1));
    put_slot(&s, 1, sv_object(2));
    put_items(&s, 1, list, 1000, 1000, items);
    put_items(&s, 2, list, 1000, 1000, items);
    end(&s);
    for (uint64_t i = 0; i < steps; i++) {
        sample_step(&s, 2 + (int64_t)(i % 3));
        put_slot(&s, 2, sv_int((int64_t)i));
        ct_put_number(s.r, CT_R_ITEM, 1);
        put_number(&s, i % 1000);
        put(&s, sv_int((int64_t)i));
        end(&s);
    }
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 0);
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

/* Lists in each other, as many as depth says. */
SAMPLE_UNUSED static bool
sample_deep(const char *path, uint64_t depth)
{
    sample s;
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "script", "/p/deep.py");
    uint32_t file = ct_define_path(s.r, "/p/deep.py", 10);
    uint32_t code = sample_code(&s, file, 1, "f", "__main__", 0, 0, "x");
    uint32_t list = sample_type(&s, CT_LOOK_LIST, true, "list");
    sample_main_thread(&s);
    sample_call(&s, code, 1);
    put_slot(&s, 0, sv_object(1));
    for (uint64_t id = 1; id <= depth; id++)
        put_items(&s, id, list, 1, 1, (sample_value[]){ id < depth ? sv_object(id + 1) : sv_int(1) });
    end(&s);
    sample_step(&s, 2);
    end(&s);
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 0);
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

/* Two files, one with more lines than a line-only position has room for (ctfs.md section 3). */
SAMPLE_UNUSED static bool
sample_long_file(const char *path)
{
    sample s;
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "script", "/p/main.py");
    sample_meta(&s, "program", "/p/main.py");
    uint32_t main_file = ct_define_path(s.r, "/p/main.py", 10), long_file = ct_define_path(s.r, "/p/long.py", 10);
    uint32_t module = sample_code(&s, main_file, 1, "<module>", "__main__", CT_CODE_MODULE | CT_CODE_NAMESPACE, 0, "");
    uint32_t far = sample_code(&s, long_file, 150000, "far", "long", 0, 1, "n");
    sample_main_thread(&s);
    sample_call(&s, module, 1);
    end(&s);
    for (int i = 0; i < 3; i++) {
        sample_step(&s, 2 + i);
        put_slot(&s, sample_name(&s, "i"), sv_int(i));
        end(&s);
        sample_call(&s, far, 150000);
        put_slot(&s, 0, sv_int(i));
        end(&s);
        sample_step(&s, 150001 + i);
        end(&s);
        sample_leave(&s, CT_R_RETURN, sv_int(i), 2 + i);
    }
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 0);
    sample_meta(&s, "exit.status", "0");
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

/* One of everything that the formats show; tests/python/test_formats.py knows this program by heart:
 *
 *   /p/main.py                              /p/sub.py
 *   1 import sub                            1 def add(a, b):
 *   2 def gen(n):                           2     c = a + b
 *   3     got = yield n                     3     return c
 *   4     raise ValueError
 *   5 def fact(n):
 *   6     return 1 if n < 2 else n * fact(n - 1)
 *   7 fact(3) ...
 */
SAMPLE_UNUSED static bool
sample_everything(const char *path)
{
    static const char MAIN[] = "import sub\ndef gen(n):\n    got = yield n\n    raise ValueError\ndef fact(n):\n"
                               "    return 1 if n < 2 else n * fact(n - 1)\nfact(3)\nsub.add(1, 2)\n";
    static const char SUB[] = "def add(a, b):\n    c = a + b\n    return c\n";
    sample s;
    char text[512];
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "program", "/p/main.py");
    sample_meta(&s, "arg", "x");
    sample_meta(&s, "arg", "y \"z\"");
    sample_meta(&s, "workdir", "/p");
    sample_meta(&s, "script", "/p/main.py");
    sample_meta(&s, "limit.container-depth", "6");
    sample_meta(&s, "limit.attribute-depth", "3");
    uint32_t main_file = ct_define_path(s.r, "/p/main.py", 10), sub_file = ct_define_path(s.r, "/p/sub.py", 9);
    ct_define_source(s.r, main_file, MAIN, sizeof MAIN - 1);
    ct_define_source(s.r, sub_file, SUB, sizeof SUB - 1);
    uint32_t evil = ct_define_path(s.r, "/../../evil.py", 14);
    ct_define_source(s.r, evil, "evil", 4);
    uint32_t module = sample_code(&s, main_file, 1, "<module>", "__main__", CT_CODE_MODULE | CT_CODE_NAMESPACE, 0, "");
    uint32_t gen = sample_code(&s, main_file, 2, "gen", "__main__", CT_CODE_GENERATOR, 1, "n got");
    uint32_t fact = sample_code(&s, main_file, 5, "fact", "__main__", 0, 1, "n");
    uint32_t add = sample_code(&s, sub_file, 1, "add", "sub", 0, 2, "a b c");
    uint32_t list = sample_type(&s, CT_LOOK_LIST, true, "list"), tuple = sample_type(&s, CT_LOOK_TUPLE, true, "tuple");
    uint32_t dict = sample_type(&s, CT_LOOK_DICT, true, "dict"), set = sample_type(&s, CT_LOOK_SET, true, "set");
    uint32_t point = sample_type(&s, CT_LOOK_STRUCT, false, "__main__.Point");
    uint32_t error = sample_type(&s, CT_LOOK_STRUCT, true, "ValueError");
    uint32_t function = sample_type(&s, CT_LOOK_LITERAL, true, "function");
    uint32_t opaque = sample_type(&s, CT_LOOK_OPAQUE, false, "_io.TextIOWrapper");
    uint32_t bytearray = sample_type(&s, CT_LOOK_BYTES, true, "bytearray");
    uint32_t my_int = sample_type(&s, CT_LOOK_SCALAR, false, "__main__.MyInt");
    uint32_t point_names[2] = { sample_name(&s, "x"), sample_name(&s, "y") }, args_name[1] = { sample_name(&s, "args") };
    uint32_t point_shape = ct_define_shape(s.r, point_names, 2), error_shape = ct_define_shape(s.r, args_name, 1);
    uint32_t empty_shape = ct_define_shape(s.r, NULL, 0);

    sample_main_thread(&s);
    sample_call(&s, module, 1);
    end(&s);
    sample_step(&s, 1);
    end(&s);

    /* Every kind of value, bound in the module one by one. */
    uint8_t big[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    uint8_t huge[40];
    memset(huge, 0x5A, sizeof huge);
    memset(text, 'a', sizeof text);
    const struct { const char *name; sample_value value; } scalars[] = {
        { "none", sv_tag(CT_V_NONE) }, { "true", sv_tag(CT_V_TRUE) }, { "false", sv_tag(CT_V_FALSE) },
        { "ellipsis", sv_tag(CT_V_ELLIPSIS) }, { "notimpl", sv_tag(CT_V_NOTIMPLEMENTED) },
        { "redacted", sv_tag(CT_V_REDACTED) }, { "dropped", sv_tag(CT_V_DROPPED) },
        { "small", sv_int(7) }, { "minus", sv_int(-7) }, { "int64", sv_int(INT64_MIN) },
        { "big", sv_bigint(true, big, sizeof big) },
        { "huge", sv_content(ct_content(s.r, CT_CONTENT_INTEGER, huge, sizeof huge, sizeof huge)) },
        { "f1", sv_float(1.5) }, { "f2", sv_float(1.0) }, { "f3", sv_float(1e300) }, { "f4", sv_float(-0.0) }, { "f5", sv_float(0.1) },
        { "f6", sv_float(5e-324) }, { "inf", sv_float(INFINITY) }, { "nan", sv_float(NAN) },
        { "cplx", sv_complex(1, 2) }, { "cplx2", sv_complex(0, -1.5e-7) },
        { "text", sv_text(&s, "h\xC3\xA9\n\"\\\x01", 7, 6) }, { "lone", sv_text(&s, "a\xED\xB2\x80" "b", 5, 3) },
        { "long", sv_text(&s, text, 300, 300) }, { "cutlong", sv_text(&s, text, 100, 500) },
        { "byt", sv_bytes("a'\x00\xFF\n", 5) },
    };
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        sample_step(&s, 1);
        put_slot(&s, sample_name(&s, scalars[i].name), scalars[i].value);
        end(&s);
    }
    sample_step(&s, 2);
    put_slot(&s, sample_name(&s, "lst"), sv_object(1));
    put_items(&s, 1, list, 3, 3, (sample_value[]){ sv_int(1), sv_object(2), sv_object(1) });
    put_items(&s, 2, tuple, 2, 2, (sample_value[]){ sv_float(2.5), sv_text(&s, "t", 1, 1) });
    put_slot(&s, sample_name(&s, "dct"), sv_object(3));
    put_items(&s, 3, dict, 5, 4, (sample_value[]){ sv_text(&s, "k", 1, 1), sv_int(1), sv_int(2), sv_object(4) });
    put_items(&s, 4, set, 1, 1, (sample_value[]){ sv_int(9) });
    put_slot(&s, sample_name(&s, "pt"), sv_object(5));
    put_fields(&s, 5, point, point_shape, 2, (sample_value[]){ sv_int(1), sv_object(6) });
    put_fields(&s, 6, point, point_shape, 2, (sample_value[]){ sv_tag(CT_V_UNBOUND), sv_object(7) });
    put_fields(&s, 7, point, point_shape, 2, (sample_value[]){ sv_int(3), sv_int(4) });
    put_slot(&s, sample_name(&s, "fn"), sv_object(8));
    put_payload(&s, 8, function, sv_content(ct_content(s.r, CT_CONTENT_TEXT, "<function __main__.fact>", 24, 24)));
    put_slot(&s, sample_name(&s, "out"), sv_object(9));
    put_object(&s, 9, opaque, 0);
    put_slot(&s, sample_name(&s, "ba"), sv_object(10));
    put_payload(&s, 10, bytearray, sv_bytes("xy", 2));
    put_slot(&s, sample_name(&s, "mine"), sv_object(11));
    put_payload(&s, 11, my_int, sv_int(5));
    put_slot(&s, sample_name(&s, "bare"), sv_object(12));
    put_fields(&s, 12, point, empty_shape, 0, NULL);
    end(&s);

    /* A changed element, a changed field, an unbound name. */
    sample_step(&s, 2);
    ct_put_number(s.r, CT_R_ITEM, 1);
    put_number(&s, 0);
    put(&s, sv_int(100));
    ct_put_number(s.r, CT_R_FIELD, 7);
    put_number(&s, 1);
    put(&s, sv_int(44));
    ct_put_number(s.r, CT_R_UNBIND, sample_name(&s, "small"));
    end(&s);

    /* Recursion. */
    sample_step(&s, 7);
    end(&s);
    for (int n = 3; n >= 1; n--) {
        sample_call(&s, fact, 5);
        put_slot(&s, 0, sv_int(n));
        end(&s);
        sample_step(&s, 6);
        end(&s);
    }
    for (int n = 1, product = 1; n <= 3; n++) {
        product *= n;
        sample_leave(&s, CT_R_RETURN, sv_int(product), n == 3 ? 7 : 6);
    }
    sample_output(&s, CT_STDOUT, "fact");
    sample_output(&s, CT_STDOUT, " 6\nsecond ");
    sample_output(&s, CT_STDERR, "oops\n");
    sample_output(&s, CT_STDIN, "typed\n");

    /* Another file. */
    sample_step(&s, 8);
    end(&s);
    sample_call(&s, add, 1);
    put_slot(&s, 0, sv_int(1));
    put_slot(&s, 1, sv_int(2));
    end(&s);
    sample_step(&s, 2);
    end(&s);
    sample_step(&s, 3);
    put_slot(&s, 2, sv_int(3));
    end(&s);
    sample_leave(&s, CT_R_RETURN, sv_int(3), 8);

    /* A generator: created, yields, is resumed, raises. */
    sample_step(&s, 8);
    end(&s);
    sample_call(&s, gen, 2); /* activation 5 */
    put_slot(&s, 0, sv_int(1));
    end(&s);
    sample_step(&s, 3);
    end(&s);
    sample_leave(&s, CT_R_YIELD, sv_int(1), 8);
    begin(&s);
    ct_put_number(s.r, CT_R_RESUME, 5);
    s.line = 3;
    end(&s);
    sample_step(&s, 4);
    put_slot(&s, 1, sv_tag(CT_V_NONE));
    end(&s);
    begin(&s);
    ct_put_value(s.r, CT_R_RAISE, sv_object(13).bytes, sv_object(13).size);
    put_number(&s, 4);
    put_fields(&s, 13, error, error_shape, 1, (sample_value[]){ sv_object(14) });
    put_items(&s, 14, tuple, 0, 0, NULL);
    end(&s);
    sample_leave(&s, CT_R_UNWIND, sv_object(13), 8);

    /* A generator that the exception is thrown into, while another thread runs. */
    sample_step(&s, 8);
    end(&s);
    sample_thread_start(&s, 2, "worker");
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 2);
    ct_put_call(s.r, add, 0); /* activation 6 */
    s.line = 1;
    put_slot(&s, 0, sv_int(10));
    put_slot(&s, 1, sv_int(20));
    end(&s);
    sample_step(&s, 2);
    end(&s);
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 1);
    ct_put_step(s.r, 0);
    end(&s);
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 2);
    ct_put_step(s.r, 1);
    end(&s);
    begin(&s);
    ct_put_value(s.r, CT_R_RETURN, sv_int(30).bytes, sv_int(30).size);
    end(&s);
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD_EXIT, 2);
    end(&s);
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 1);
    ct_put_call(s.r, gen, 0); /* activation 7 */
    s.line = 2;
    put_slot(&s, 0, sv_int(2));
    end(&s);
    sample_step(&s, 3);
    end(&s);
    sample_leave(&s, CT_R_YIELD, sv_int(2), 8);
    begin(&s);
    ct_put_number(s.r, CT_R_THROW, 7);
    put(&s, sv_object(13));
    end(&s);
    begin(&s);
    *s.r->cursor++ = CT_R_LOST;
    end(&s);
    begin(&s);
    *s.r->cursor++ = CT_R_GAP;
    *s.r->cursor++ = CT_GAP_PAUSED;
    end(&s);
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 0);
    sample_meta(&s, "exit.status", "3");
    return ct_recording_finish(s.r, &sample_error) == CT_OK;
}

#endif
