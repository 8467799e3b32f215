/* The exports: texts, value records under limits, remembered values, the container, the calls stream, whole exports, and what is left
 * when memory or disk end. The formats' real readers are asked in tests/python/test_formats.py. */
#include <codetracer/export.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yyjson.h>
#include <zstd.h>

#include "check.h"
#include "formats/ct_calls.h"
#include "formats/ctfs.h"
#include "formats/linear.h"
#include "formats/text.h"
#include "sample_journal.h"
#include "scratch_folder.h"

/* ---- texts ---- */
static void
floats_as_rust_writes_them(void)
{
    static const struct { double value; const char *text; } CASES[] = {
        { 1.5, "1.5" }, { 1.0, "1" }, { -1.0, "-1" }, { 0.0, "0" }, { -0.0, "-0" }, { 0.1, "0.1" }, { 1e21, "1000000000000000000000" },
        { 1e-7, "0.0000001" }, { 123456.789, "123456.789" }, { 5.684341886080802e-14, "0.00000000000005684341886080802" },
        { 9007199254740993.0, "9007199254740992" }, { 1.7976931348623157e308, "17976931348623157" }, { INFINITY, "inf" },
        { -INFINITY, "-inf" }, { 0.3, "0.3" }, { 2.5e15, "2500000000000000" }, { 1e16, "10000000000000000" }, { 100.25, "100.25" },
    };
    char text[CT_NUMBER_TEXT_MAX + 1];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        size_t size = ct_text_of_float(text, CASES[i].value);
        text[size] = 0;
        if (CASES[i].value > 1e300 && !isinf(CASES[i].value)) {
            CHECK_EQ_INT(size, 309);
            text[17] = 0;
        }
        CHECK_STR(text, CASES[i].text);
    }
    text[ct_text_of_float(text, NAN)] = 0;
    CHECK_STR(text, "NaN");
    text[ct_text_of_float(text, 5e-324)] = 0;
    CHECK_EQ_INT(strlen(text), 326);
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) { /* whatever the number, its text gives it back */
        double value;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        text[ct_text_of_float(text, value)] = 0;
        CHECK(strtod(text, NULL) == value);
    }
}

static void
complex_as_python_writes_it(void)
{
    static const struct { double real, imaginary; const char *text; } CASES[] = {
        { 1, 2, "(1+2j)" }, { 0, 1, "1j" }, { 0, -1, "-1j" }, { -0.0, 1, "(-0+1j)" }, { 1.5, -0.0, "(1.5-0j)" }, { 0, 0, "0j" },
        { INFINITY, NAN, "(inf+nanj)" }, { 1e16, 1e-5, "(1e+16+1e-05j)" }, { 1e15, 1e-4, "(1000000000000000+0.0001j)" },
        { 1.25e100, -1.25e-100, "(1.25e+100-1.25e-100j)" },
    };
    char text[CT_NUMBER_TEXT_MAX];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        text[ct_text_of_complex(text, CASES[i].real, CASES[i].imaginary)] = 0;
        CHECK_STR(text, CASES[i].text);
    }
}

static void
texts_become_clean(void)
{
    static const struct { const char *bytes; size_t size; const char *escaped, *replaced; } CASES[] = {
        { "plain", 5, "plain", "plain" },
        { "h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10, "h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80" },
        { "a\xED\xB2\x80z", 5, "a\\udc80z", "a\xEF\xBF\xBDz" },
        { "\xED\xA0\xBD\xED\xB8\x80", 6, "\\ud83d\\ude00", "\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xFF", 1, "\xEF\xBF\xBD", "\xEF\xBF\xBD" },
        { "ab\xC3", 3, "ab\xEF\xBF\xBD", "ab\xEF\xBF\xBD" },
        { "\xC0\xAF", 2, "\xEF\xBF\xBD\xEF\xBF\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ct_buffer out = { 0 };
        ct_text_clean(&out, (const uint8_t *)CASES[i].bytes, CASES[i].size, true);
        CHECK_MEM(out.bytes, out.size, CASES[i].escaped, strlen(CASES[i].escaped));
        CHECK(ct_text_is_clean(out.bytes, out.size));
        CHECK_EQ_INT(ct_text_is_clean((const uint8_t *)CASES[i].bytes, CASES[i].size), i < 2);
        out.size = 0;
        ct_text_clean(&out, (const uint8_t *)CASES[i].bytes, CASES[i].size, false);
        CHECK_MEM(out.bytes, out.size, CASES[i].replaced, strlen(CASES[i].replaced));
        ct_buffer_free(&out);
    }
}

static void
byte_strings_and_base64(void)
{
    ct_buffer out = { 0 };
    ct_text_of_bytes(&out, (const uint8_t *)"a'\"\\\n\x00\xFF", 7);
    ct_buffer_add_byte(&out, 0);
    CHECK_STR((char *)out.bytes, "b'a\\'\"\\\\\\n\\x00\\xff'");
    out.size = 0;
    ct_text_of_bytes(&out, (const uint8_t *)"it's", 4);
    ct_buffer_add_byte(&out, 0);
    CHECK_STR((char *)out.bytes, "b\"it's\"");
    out.size = 0;
    ct_text_base64_reversed(&out, (const uint8_t *)"\xFF\x02\x01", 3); /* trace-json.md section 4 */
    ct_text_base64_reversed(&out, (const uint8_t *)"\x01", 1);
    ct_text_base64_reversed(&out, (const uint8_t *)"\x01\x02", 2);
    ct_buffer_add_byte(&out, 0);
    CHECK_STR((char *)out.bytes, "AQL/AQ==AgE=");
    ct_buffer_free(&out);
}

static void
the_mark_of_a_cut_text_is_found(void)
{
    static const struct { const char *text; size_t mark; uint64_t rest, all; } CASES[] = {
        { "abc‹… 7 more of 10›", 3, 7, 10 },
        { "‹… 0 more of 18446744073709551›", 0, 0, UINT64_C(18446744073709551) },
        { "abc‹… 7 more of 10› ", 0, 0, 0 }, /* from here on there is none */
        { "abc‹… 7 more of ›", 0, 0, 0 },
        { "abc‹…  more of 10›", 0, 0, 0 },
        { "abc… 7 more of 10›", 0, 0, 0 },
        { "7 more of 10›", 0, 0, 0 },
        { "›", 0, 0, 0 },
        { "", 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint64_t rest = 0, all = 0;
        size_t size = strlen(CASES[i].text), mark = ct_text_cut_mark((const uint8_t *)CASES[i].text, size, &rest, &all);
        CHECK_EQ_INT(mark, i < 2 ? CASES[i].mark : size);
        if (i < 2) {
            CHECK_EQ_INT(rest, CASES[i].rest);
            CHECK_EQ_INT(all, CASES[i].all);
        }
    }
}

/* ---- the container ---- */
static uint64_t
u64_of(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 8; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

/* Block `index` of the inner file mapped at `root` (ctfs.md section 1.3, written down anew). */
static const uint8_t *
data_block(const uint8_t *bytes, uint64_t root, uint64_t index)
{
    uint64_t level = 1, span = 511;
    const uint8_t *map = bytes + root * 4096;
    while (index >= span) {
        index -= span;
        map = bytes + u64_of(map + 511 * 8) * 4096;
        span *= 511;
        level++;
    }
    for (; level > 1; level--) {
        span /= 511;
        map = bytes + u64_of(map + index / span * 8) * 4096;
        index %= span;
    }
    return bytes + u64_of(map + index * 8) * 4096;
}

static void
container_keeps_big_interleaved_files(void)
{
    ct_ctfs ctfs;
    ct_ctfs_file *big, *small, *none;
    ct_error error;
    uint64_t total = 0, size_of_big = 3 * 511 * 4096 + 77;
    const char *path = in_folder("container.ct");
    CHECK_EQ_INT(ct_ctfs_create(&ctfs, path, NULL, &error), CT_OK);
    CHECK_EQ_INT(ct_ctfs_add(&ctfs, 0, "paths.dat", &big), CT_OK);
    CHECK_EQ_INT(ct_ctfs_add(&ctfs, 5, "events.log", &small), CT_OK);
    CHECK_EQ_INT(ct_ctfs_add(&ctfs, 33, "meta.dat", &none), CT_OK);
    for (uint64_t i = 0; i < size_of_big; i++) {
        uint8_t byte = (uint8_t)(i * 7 + i / 4096);
        CHECK_EQ_INT(ct_ctfs_append(&ctfs, big, &byte, 1), CT_OK);
        if (i % 1000 == 0)
            CHECK_EQ_INT(ct_ctfs_append(&ctfs, small, "0123456789", 10), CT_OK);
    }
    CHECK_EQ_INT(ct_ctfs_finish(&ctfs, &total), CT_OK);
    ct_ctfs_abandon(&ctfs);
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    CHECK_EQ_UINT(size, total);
    CHECK_EQ_UINT(size % 4096, 0);
    CHECK_MEM(bytes, 16, "\xC0\xDE\x72\xAC\xE2\x04\x00\x01\x00\x10\x00\x00\x22\x00\x00\x00", 16);
    CHECK_EQ_UINT(u64_of(bytes + 16), size_of_big);
    CHECK_EQ_UINT(u64_of(bytes + 16 + 33 * 24), 0);
    CHECK_MEM(bytes + 16 + 5 * 24 + 16, 8, "\xCF\x32\xA0\xDB\x8B\x6D\x10\x00", 8); /* names: section 1.2's check values */
    CHECK_MEM(bytes + 16 + 33 * 24 + 16, 8, "\xEF\xCB\x6F\x41\x83\x04\x00\x00", 8);
    uint64_t root = u64_of(bytes + 24);
    for (uint64_t i = 0; i < size_of_big; i++)
        if (data_block(bytes, root, i / 4096)[i % 4096] != (uint8_t)(i * 7 + i / 4096))
            CHECK_FAIL("byte %" PRIu64 " differs", i);
    root = u64_of(bytes + 16 + 5 * 24 + 8);
    for (uint64_t i = 0; i < u64_of(bytes + 16 + 5 * 24); i++)
        if (data_block(bytes, root, i / 4096)[i % 4096] != '0' + i % 10)
            CHECK_FAIL("byte %" PRIu64 " differs", i);
    free(bytes);
    unlink(path);
}

/* ---- calls ---- */
enum { CALLS = 100000 };
typedef struct call_model {
    int64_t parent[CALLS];
    uint64_t depth[CALLS], exit[CALLS], next_child[CALLS];
    uint64_t key, group_size;
    ct_buffer group;
    bool right;
} call_model;

static uint64_t
varint_of(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        value |= (uint64_t)(**at & 0x7F) << shift;
        if (!(*(*at)++ & 0x80))
            return value;
    }
}

static void
check_call(call_model *model, const uint8_t *at, const uint8_t *behind)
{
    uint64_t key = model->key++;
    bool right = varint_of(&at) == key % 7;
    uint64_t parent = varint_of(&at);
    right = right && (int64_t)(parent >> 1 ^ (0 - (parent & 1))) == model->parent[key] && varint_of(&at) == key;
    right = right && varint_of(&at) == model->exit[key] && varint_of(&at) == model->depth[key];
    right = right && *at++ == 0 && varint_of(&at) == 8 && u64_of(at) == key * 3; /* no arguments; the value */
    at += 8;
    right = right && *at++ == 0;
    uint64_t children = varint_of(&at), last = key;
    for (uint64_t i = 0; i < children && at < behind; i++) {
        uint64_t child = varint_of(&at);
        right = right && child > last && child < CALLS && model->parent[child] == (int64_t)key;
        last = child;
    }
    model->next_child[key] = children;
    model->right = model->right && right && at == behind;
}

static ct_code
begin_group(void *context, uint64_t size)
{
    call_model *model = context;
    model->group.size = 0;
    model->group_size = size;
    return CT_OK;
}

static ct_code
write_group(void *context, const void *bytes, size_t count)
{
    ct_buffer_add(&((call_model *)context)->group, bytes, count);
    return CT_OK;
}

static ct_code
end_group(void *context)
{
    call_model *model = context;
    const uint8_t *at = model->group.bytes, *behind = at + model->group.size;
    model->right = model->right && model->group.size == model->group_size;
    while (at < behind) {
        uint64_t size = varint_of(&at);
        check_call(model, at, at + size);
        at += size;
    }
    return CT_OK;
}

static void
calls_come_in_order_with_their_children(void)
{
    ct_calls calls;
    ct_error error;
    call_model *model = calloc(1, sizeof *model);
    uint64_t *open = calloc(CALLS, sizeof *open), *children = calloc(CALLS, sizeof *children), depth = 0, made = 0, step = 0;
    uint64_t random = 12345;
    ct_buffer arguments = { 0 };
    ct_buffer_add_byte(&arguments, 0);
    CHECK_EQ_INT(ct_calls_start(&calls, in_folder("calls.ct"), NULL, &error), CT_OK);
    while (made < CALLS || depth) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (made < CALLS && (depth < 1 || (random >> 60) < 9)) {
            model->parent[made] = depth ? (int64_t)open[depth - 1] : -1;
            model->depth[made] = depth;
            if (depth)
                children[open[depth - 1]]++;
            open[depth++] = made;
            CHECK_EQ_INT(ct_calls_enter(&calls, (uint32_t)(made % 7), made, &arguments), CT_OK);
            made++;
        } else if (depth > 1 || made == CALLS) {
            uint64_t key = open[--depth];
            uint8_t value[8];
            for (int i = 0; i < 8; i++)
                value[i] = (uint8_t)(key * 3 >> (8 * i));
            model->exit[key] = step;
            CHECK_EQ_INT(ct_calls_leave(&calls, step++, value, 8), CT_OK);
        }
    }
    model->right = true;
    const ct_calls_sink sink = { .context = model, .begin = begin_group, .write = write_group, .end = end_group };
    CHECK_EQ_INT(ct_calls_finish(&calls, 256, &sink), CT_OK);
    CHECK(model->right);
    CHECK_EQ_UINT(model->key, CALLS);
    for (size_t i = 0; i < CALLS; i++)
        CHECK_EQ_UINT(model->next_child[i], children[i]);
    CHECK_EQ_INT(ct_calls_leave(&calls, 0, "", 0), CT_E_PARAM);
    ct_calls_free(&calls);
    ct_buffer_free(&arguments);
    ct_buffer_free(&model->group);
    free(model);
    free(open);
    free(children);
}

/* ---- whole exports ---- */

/* trace.json of the sample, parsed. Text of the last Value of that variable. */
static yyjson_doc *
export_sample(const char *journal_name, const ct_export_options *options, ct_export_result *result)
{
    ct_journal *journal;
    ct_error error;
    yyjson_doc *document = NULL;
    size_t size;
    const char *target = in_folder("json");
    mkdir(target, 0700);
    if (ct_journal_open(in_folder(journal_name), NULL, &journal, &error) != CT_OK)
        return NULL;
    if (ct_export_json(journal, target, options, result, &error) == CT_OK) {
        char trace[160];
        snprintf(trace, sizeof trace, "%s/trace.json", target);
        uint8_t *bytes = read_file(trace, &size);
        document = yyjson_read((char *)bytes, size, 0);
        free(bytes);
    }
    ct_journal_close(journal);
    remove_tree(target);
    return document;
}

static yyjson_val *
last_value(yyjson_doc *document, const char *variable)
{
    yyjson_val *found = NULL, *event;
    size_t i, count;
    uint64_t id = UINT64_MAX, next = 0;
    yyjson_arr_foreach(yyjson_doc_get_root(document), i, count, event) {
        yyjson_val *name = yyjson_obj_get(event, "VariableName"), *value = yyjson_obj_get(event, "Value");
        if (name && strcmp(yyjson_get_str(name), variable) == 0)
            id = next;
        next += name != NULL;
        if (value && yyjson_get_uint(yyjson_obj_get(value, "variable_id")) == id)
            found = yyjson_obj_get(value, "value");
    }
    return found;
}

static void
check_shown(yyjson_doc *document, const char *variable, const char *expected)
{
    char *text = yyjson_val_write(last_value(document, variable), 0, NULL);
    char plain[4096], *to = plain; /* without type ids, which other tests look at */
    for (const char *at = text; at && *at && to < plain + sizeof plain - 1;) {
        if (strncmp(at, ",\"type_id\":", 11) == 0)
            for (at += 11; *at >= '0' && *at <= '9'; at++)
                ;
        else
            *to++ = *at++;
    }
    *to = 0;
    free(text);
    CHECK_STR(plain, expected);
}

static void
values_are_shown_as_the_page_says(void)
{
    ct_export_result result;
    CHECK(sample_everything(in_folder("every.ctj")));
    yyjson_doc *document = export_sample("every.ctj", NULL, &result);
    CHECK(document);
    check_shown(document, "none", "{\"kind\":\"None\"}");
    check_shown(document, "int64", "{\"kind\":\"Int\",\"i\":-9223372036854775808}");
    check_shown(document, "big", "{\"kind\":\"BigInt\",\"b\":\"DAsKCQgHBgUEAwIB\",\"negative\":true}");
    check_shown(document, "f4", "{\"kind\":\"Float\",\"f\":\"-0\"}");
    check_shown(document, "cplx2", "{\"kind\":\"Raw\",\"r\":\"-1.5e-07j\"}");
    check_shown(document, "lone", "{\"kind\":\"String\",\"text\":\"a\\\\udc80b\"}");
    check_shown(document, "byt", "{\"kind\":\"Raw\",\"r\":\"b\\\"a'\\\\x00\\\\xff\\\\n\\\"\"}");
    check_shown(document, "lst",
                "{\"kind\":\"Sequence\",\"elements\":[{\"kind\":\"Int\",\"i\":100},{\"kind\":\"Tuple\",\"elements\":[{\"kind\":\"Float\","
                "\"f\":\"2.5\"},{\"kind\":\"String\",\"text\":\"t\"}]},{\"kind\":\"Raw\",\"r\":\"<cycle: list at 0x1010>\"}],"
                "\"is_slice\":false}");
    check_shown(document, "dct",
                "{\"kind\":\"Sequence\",\"elements\":[{\"kind\":\"Tuple\",\"elements\":[{\"kind\":\"String\",\"text\":\"k\"},"
                "{\"kind\":\"Int\",\"i\":1}]},{\"kind\":\"Tuple\",\"elements\":[{\"kind\":\"Int\",\"i\":2},{\"kind\":\"Sequence\","
                "\"elements\":[{\"kind\":\"Int\",\"i\":9}],\"is_slice\":false}]},{\"kind\":\"Raw\",\"r\":\"‹… 3 more of 5›\"}],"
                "\"is_slice\":false}");
    check_shown(document, "pt",
                "{\"kind\":\"Struct\",\"field_values\":[{\"kind\":\"Int\",\"i\":1},{\"kind\":\"Struct\",\"field_values\":[{\"kind\":"
                "\"Raw\",\"r\":\"‹… __main__.Point at 0x1070›\"}]}]}");
    check_shown(document, "ba", "{\"kind\":\"Raw\",\"r\":\"bytearray(b'xy')\"}");
    check_shown(document, "mine", "{\"kind\":\"Int\",\"i\":5}");
    check_shown(document, "out", "{\"kind\":\"Raw\",\"r\":\"<_io.TextIOWrapper at 0x1090>\"}");
    CHECK_EQ_UINT(result.cut_variables, 1); /* pt; cutlong and dct are the recording's cuts */
    yyjson_doc_free(document);

    ct_export_options options = { .nodes = 4, .string_bytes = 10 };
    document = export_sample("every.ctj", &options, &result);
    CHECK(document);
    check_shown(document, "long", "{\"kind\":\"String\",\"text\":\"aaaaaaaaaa‹… 290 more of 300›\"}");
    check_shown(document, "huge", "{\"kind\":\"Raw\",\"r\":\"‹… int of 40›\"}");
    /* Four nodes: the list and its three elements; the tuple's are cut. */
    check_shown(document, "lst",
                "{\"kind\":\"Sequence\",\"elements\":[{\"kind\":\"Int\",\"i\":100},{\"kind\":\"Tuple\",\"elements\":[{\"kind\":\"Raw\","
                "\"r\":\"‹… 2 more of 2›\"}]},{\"kind\":\"Raw\",\"r\":\"<cycle: list at 0x1010>\"}],\"is_slice\":false}");
    /* A dict's second pair would need two more, and one is left. */
    check_shown(document, "dct",
                "{\"kind\":\"Sequence\",\"elements\":[{\"kind\":\"Tuple\",\"elements\":[{\"kind\":\"String\",\"text\":\"k\"},"
                "{\"kind\":\"Int\",\"i\":1}]},{\"kind\":\"Raw\",\"r\":\"‹… 4 more of 5›\"}],\"is_slice\":false}");
    yyjson_doc_free(document);

    options = (ct_export_options){ .nodes = 2, .container_depth = 1, .attribute_depth = 1 };
    document = export_sample("every.ctj", &options, &result);
    CHECK(document);
    check_shown(document, "lst",
                "{\"kind\":\"Sequence\",\"elements\":[{\"kind\":\"Int\",\"i\":100},{\"kind\":\"Raw\",\"r\":\"‹… 2 more of 3›\"}],"
                "\"is_slice\":false}");
    check_shown(document, "pt", "{\"kind\":\"Struct\",\"field_values\":[{\"kind\":\"Int\",\"i\":1},{\"kind\":\"Raw\",\"r\":\"‹…›\"}]}");
    yyjson_doc_free(document);

    options = (ct_export_options){ .container_depth = 1, .attribute_depth = 9 }; /* the journal looked 3 attributes deep */
    document = export_sample("every.ctj", &options, &result);
    CHECK(document);
    check_shown(document, "lst",
                "{\"kind\":\"Sequence\",\"elements\":[{\"kind\":\"Int\",\"i\":100},{\"kind\":\"Raw\",\"r\":\"‹… tuple of 2›\"},"
                "{\"kind\":\"Raw\",\"r\":\"<cycle: list at 0x1010>\"}],\"is_slice\":false}");
    check_shown(document, "pt",
                "{\"kind\":\"Struct\",\"field_values\":[{\"kind\":\"Int\",\"i\":1},{\"kind\":\"Struct\",\"field_values\":[{\"kind\":"
                "\"Struct\",\"field_values\":[{\"kind\":\"Int\",\"i\":3},{\"kind\":\"Int\",\"i\":44}]}]}]}");
    yyjson_doc_free(document);
}

/* Events in order, shortened to what a reader steps through. */
static void
add_line(ct_buffer *out, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ct_buffer_add_text(out, line);
}

static const char *
first_key(yyjson_val *object)
{
    yyjson_obj_iter iterator;
    yyjson_obj_iter_init(object, &iterator);
    return yyjson_get_str(yyjson_obj_iter_next(&iterator));
}

static void
threads_share_one_stack(void)
{
    ct_export_result result;
    ct_buffer out = { 0 };
    yyjson_val *event;
    size_t i, count;
    bool on = false;
    CHECK(sample_everything(in_folder("threads.ctj")));
    yyjson_doc *document = export_sample("threads.ctj", NULL, &result);
    CHECK(document);
    yyjson_arr_foreach(yyjson_doc_get_root(document), i, count, event) {
        yyjson_val *step = yyjson_obj_get(event, "Step"), *call = yyjson_obj_get(event, "Call"), *leave = yyjson_obj_get(event, "Return");
        on = on || yyjson_obj_get(event, "ThreadStart");
        if (!on)
            continue;
        if (step)
            add_line(&out, "step %d:%d ", yyjson_get_int(yyjson_obj_get(step, "path_id")), yyjson_get_int(yyjson_obj_get(step, "line")));
        else if (call)
            add_line(&out, "call%d/%zu ", yyjson_get_int(yyjson_obj_get(call, "function_id")),
                     yyjson_arr_size(yyjson_obj_get(call, "args")));
        else if (leave)
            add_line(&out, "return-%s ", yyjson_get_str(yyjson_obj_get(yyjson_obj_get(leave, "return_value"), "kind")));
        else if (!yyjson_obj_get(event, "Value") && !yyjson_obj_get(event, "VariableName") && !yyjson_obj_get(event, "Type"))
            add_line(&out, "%s ", first_key(event));
    }
    ct_buffer_add_byte(&out, 0);
    CHECK_STR((char *)out.bytes,
              "ThreadStart return-None ThreadSwitch step 1:1 call3/2 step 1:2 return-None ThreadSwitch step 0:1 call1/0 step 0:8 "
              "return-None ThreadSwitch step 1:1 call3/0 step 1:3 return-Int ThreadExit ThreadSwitch step 0:1 call1/0 "
              "step 0:2 call4/1 step 0:3 return-Int step 0:2 call4/1 return-None return-None return-Int ");
    ct_buffer_free(&out);
    yyjson_doc_free(document);
}

static void
files_lie_inside_the_folder(void)
{
    ct_journal *journal;
    ct_error error;
    struct stat status;
    size_t size;
    mkdir(in_folder("out"), 0700);
    CHECK(sample_everything(in_folder("files.ctj")));
    CHECK_EQ_INT(ct_journal_open(in_folder("files.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_json(journal, in_folder("out"), NULL, NULL, &error), CT_OK);
    uint8_t *bytes = read_file(in_folder("out/files/p/sub.py"), &size);
    CHECK(bytes);
    CHECK_STR((char *)bytes, "def add(a, b):\n    c = a + b\n    return c\n");
    free(bytes);
    CHECK(stat(in_folder("out/files/evil.py"), &status) != 0 && stat(in_folder("evil.py"), &status) != 0);
    bytes = read_file(in_folder("out/trace_metadata.json"), &size);
    yyjson_doc *document = yyjson_read((char *)bytes, size, 0);
    CHECK(document);
    yyjson_val *root = yyjson_doc_get_root(document);
    CHECK_STR(yyjson_get_str(yyjson_obj_get(root, "program")), "/p/main.py");
    CHECK_EQ_INT(yyjson_arr_size(yyjson_obj_get(root, "args")), 2);
    CHECK_EQ_INT(strlen(yyjson_get_str(yyjson_obj_get(root, "recording_id"))), 36);
    yyjson_doc_free(document);
    free(bytes);

    /* A second export into the same folder fails and leaves the first as it is. */
    CHECK_EQ_INT(ct_export_json(journal, in_folder("out"), NULL, NULL, &error), CT_E_IO);
    CHECK_EQ_INT(error.system, EEXIST);
    CHECK(stat(in_folder("out/trace.json"), &status) == 0 && status.st_size > 1000);
    ct_journal_close(journal);
    remove_tree(in_folder("out"));
}

static ct_code
stop(void *context, uint64_t done, uint64_t total)
{
    *(bool *)context = done <= total;
    return CT_E_STOPPED;
}

static void
progress_can_stop(void)
{
    ct_journal *journal;
    ct_error error;
    bool called = false;
    struct stat status;
    ct_export_options options = { .progress = stop, .progress_context = &called };
    CHECK(sample_loop(in_folder("stop.ctj"), 30000));
    CHECK_EQ_INT(ct_journal_open(in_folder("stop.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_export_ct(journal, in_folder("stop.ct"), &options, NULL, &error), CT_E_STOPPED);
    CHECK(called && error.code == CT_E_STOPPED);
    CHECK(stat(in_folder("stop.ct"), &status) != 0);
    ct_journal_close(journal);
}

/* ---- remembered values are never old ---- */

/* Lists and tuples that refer to each other at random, changed at random. */
static bool
random_journal(const char *path, unsigned steps)
{
    enum { OBJECTS = 40, ITEMS = 4 };
    sample s;
    uint64_t random = 99;
    if (!sample_open(&s, path))
        return false;
    uint32_t file = ct_define_path(s.r, "/p/r.py", 7);
    uint32_t code = sample_code(&s, file, 1, "f", "m", 0, 0, "a b c d e f g h");
    uint32_t list = sample_type(&s, CT_LOOK_LIST, true, "list");
    sample_main_thread(&s);
    sample_call(&s, code, 1);
    for (uint64_t id = 0; id < OBJECTS; id++)
        put_items(&s, id, list, ITEMS, ITEMS, (sample_value[]){ sv_int(1), sv_int(2), sv_object((id * 7) % OBJECTS), sv_int(3) });
    end(&s);
    for (unsigned i = 0; i < steps; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t dice = random >> 33;
        sample_step(&s, 2 + i % 5);
        if (dice % 3 == 0)
            put_slot(&s, (uint32_t)(dice / 3 % 8), dice % 5 ? sv_object(dice / 24 % OBJECTS) : sv_int((int64_t)dice));
        if (dice % 4 == 0) {
            ct_room(s.r, 64);
            ct_put_number(s.r, CT_R_ITEM, dice / 7 % OBJECTS);
            put_number(&s, dice / 11 % ITEMS);
            put(&s, dice % 8 ? sv_object(dice / 13 % OBJECTS) : sv_int((int64_t)(dice % 1000)));
        }
        end(&s);
    }
    sample_leave(&s, CT_R_RETURN, sv_int(0), 0);
    return ct_recording_finish(s.r, NULL) == CT_OK;
}

static ct_code
ignore_type(void *context, const ct_type_definition *type)
{
    (void)context, (void)type;
    return CT_OK;
}

static void
remembered_values_are_never_old(void)
{
    ct_journal *journal;
    ct_replay *replay;
    ct_error error;
    const ct_event *event;
    ct_types types;
    ct_value_cache cache;
    ct_view view;
    const ct_view_limits limits = { .nodes = 60, .string_bytes = 100, .container_depth = 6, .attribute_depth = 2, .nesting = 32 };
    const enum ct_form forms[2] = { CT_FORM_JSON, CT_FORM_NIM };
    unsigned compared = 0;
    CHECK(random_journal(in_folder("random.ctj"), 4000));
    CHECK_EQ_INT(ct_journal_open(in_folder("random.ctj"), NULL, &journal, &error), CT_OK);
    CHECK_EQ_INT(ct_replay_new(journal, &replay, &error), CT_OK);
    ct_types_start(&types, journal, ignore_type, NULL);
    ct_value_cache_start(&cache, replay, &types, &limits, 2, forms);
    cache.budget = 20000; /* so that some are forgotten */
    ct_view_start(&view, replay, &types, &limits);
    while (ct_replay_next(replay, &event, &error) == CT_OK) {
        if (event->kind != CT_EVENT_STEP)
            continue;
        ct_value_cache_begin(&cache, event->number);
        for (size_t i = 0; i < event->activation->slot_count; i++) {
            ct_encoded encoded;
            const ct_value *value = &event->activation->slots[i].value;
            CHECK_EQ_INT(ct_value_cache_encode(&cache, value, &encoded, &error), CT_OK);
            CHECK_EQ_INT(ct_view_build(&view, value, &error), CT_OK);
            for (unsigned f = 0; f < 2; f++) {
                ct_buffer fresh = { 0 };
                ct_encode(&fresh, forms[f], view.nodes, 0);
                CHECK_MEM(encoded.bytes[f], encoded.size[f], fresh.bytes, fresh.size);
                ct_buffer_free(&fresh);
            }
            CHECK_EQ_UINT(encoded.cuts, view.cuts);
            compared++;
        }
    }
    CHECK(compared > 10000);
    ct_view_free(&view);
    ct_value_cache_free(&cache);
    ct_types_free(&types);
    ct_replay_free(replay);
    ct_journal_close(journal);
}

/* ---- when something ends ---- */
static const struct { const char *name; bool is_file; ct_code (*export)(ct_journal *, const char *, const ct_export_options *, ct_export_result *, ct_error *); } FORMATS[] = {
    { "ct", true, ct_export_ct }, { "json", false, ct_export_json }, { "binary", false, ct_export_binary }, { "binary-v0", false, ct_export_binary_v0 },
};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };

static ct_code
export_to_target(size_t format, ct_journal *journal, ct_error *error)
{
    return FORMATS[format].export(journal, in_folder(FORMATS[format].is_file ? "target/x.ct" : "target"), NULL, NULL, error);
}

static bool
is_empty(const char *path)
{
    return rmdir(path) == 0 && mkdir(path, 0700) == 0;
}

static void
disk_ends(void)
{
    ct_error error;
    ct_journal *journal;
    struct rlimit old, limit;
    CHECK(sample_everything(in_folder("disk.ctj")));
    mkdir(in_folder("target"), 0700);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ_INT(ct_journal_open(in_folder("disk.ctj"), NULL, &journal, &error), CT_OK);
    static const rlim_t ends[FORMAT_COUNT] = { 70000, 70000, 2100, 29000 }; /* a little less than the largest file has */
    for (size_t format = 0; format < FORMAT_COUNT; format++)
        for (rlim_t size = 0; size < ends[format]; size += ends[format] / 30) {
            limit = (struct rlimit){ size, old.rlim_max };
            setrlimit(RLIMIT_FSIZE, &limit);
            ct_code code = export_to_target(format, journal, &error);
            setrlimit(RLIMIT_FSIZE, &old);
            CHECK_EQ_INT(code, CT_E_IO);
            CHECK_EQ_INT(error.system, EFBIG);
            CHECK(is_empty(in_folder("target")));
        }
    ct_journal_close(journal);
    remove_tree(in_folder("target"));
}

static void
wrong_arguments(void)
{
    ct_error error;
    CHECK_EQ_INT(ct_export_json(NULL, "x", NULL, NULL, &error), CT_E_PARAM);
    CHECK_EQ_INT(ct_export_binary(NULL, "x", NULL, NULL, NULL), CT_E_PARAM);
    CHECK_EQ_INT(ct_export_binary_v0(NULL, "x", NULL, NULL, NULL), CT_E_PARAM);
    CHECK_EQ_INT(ct_export_ct(NULL, "x", NULL, NULL, NULL), CT_E_PARAM);
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    if (!make_folder("formats"))
        return 1;
    RUN(floats_as_rust_writes_them);
    RUN(complex_as_python_writes_it);
    RUN(texts_become_clean);
    RUN(byte_strings_and_base64);
    RUN(the_mark_of_a_cut_text_is_found);
    RUN(container_keeps_big_interleaved_files);
    RUN(calls_come_in_order_with_their_children);
    RUN(values_are_shown_as_the_page_says);
    RUN(threads_share_one_stack);
    RUN(files_lie_inside_the_folder);
    RUN(progress_can_stop);
    RUN(remembered_values_are_never_old);
    RUN(disk_ends);
    RUN(wrong_arguments);
    remove_tree(folder);
    return check_summary();
}
