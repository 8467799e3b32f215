/* See trace_folder.h: what lies beside a file of events. Invariant: only regular files of a bounded size are read, and none outside the folder is
 * named by what the trace says.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <yyjson.h>

#include "formats/trace_folder.h"
#include "formats/provenance.h"
#include "util/io.h"
#include "util/json_memory.h"
#include "util/memory.h"

enum { MOST_METADATA = 16 << 20, MOST_SOURCE = 64 << 20 };

char *
ct_trace_folder_of(const char *path, const ct_allocator *allocator)
{
    const char *slash = strrchr(path, '/');
    return slash ? ct_copy_text(allocator, path, slash == path ? 1 : (size_t)(slash - path)) : ct_copy_text(allocator, ".", 1);
}

static void
give_text(const ct_stream_sink *sink, const char *key, yyjson_val *value)
{
    if (yyjson_is_str(value))
        sink->meta(sink->context, key, yyjson_get_str(value), yyjson_get_len(value));
}

static void
give_number(const ct_stream_sink *sink, const char *before, const char *name, size_t name_size, yyjson_val *value)
{
    char key[64], digits[24];
    if (!yyjson_is_uint(value) || name_size >= sizeof key / 2)
        return;
    int size = snprintf(key, sizeof key, "%s%s", before, name);
    for (int i = 0; i < size; i++)
        key[i] = key[i] == '_' ? '-' : key[i];
    size = snprintf(digits, sizeof digits, "%" PRIu64, yyjson_get_uint(value));
    sink->meta(sink->context, key, digits, (size_t)size);
}

/* How much was hidden, as a journal says it: zeros not at all, and that nothing was looked for by `redaction`. Without counts of cuts nothing was counted. */
static void
give_redaction(const ct_stream_sink *sink, yyjson_val *root)
{
    static const char OFF[] = "off";
    size_t index, most;
    yyjson_val *name, *value, *redacted = yyjson_obj_get(root, "redacted");
    yyjson_obj_foreach(redacted, index, most, name, value)
        if (yyjson_get_uint(value))
            give_number(sink, "redacted.", yyjson_get_str(name), yyjson_get_len(name), value);
    if (yyjson_is_null(yyjson_obj_get(redacted, "variables")) && yyjson_is_uint(yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(root, "cuts"), "journal"), "items")))
        sink->meta(sink->context, "redaction", OFF, sizeof OFF - 1);
}

/* The numbers of an object, as the journal has them: `before`, and the member's name without its first `skip` bytes and with - for _. */
static void
give_numbers(const ct_stream_sink *sink, const char *before, size_t skip, yyjson_val *object)
{
    size_t index, most;
    yyjson_val *name, *value;
    yyjson_obj_foreach(object, index, most, name, value)
        if (yyjson_get_len(name) > skip)
            give_number(sink, before, yyjson_get_str(name) + skip, yyjson_get_len(name) - skip, value);
}

/* One of trace_filter's, as the recording says it (provenance.h). */
static ct_code
give_filter(const ct_stream_sink *sink, yyjson_val *filter)
{
    static const char *const PARTS[] = {"name", "sha256", "path"};
    ct_buffer text = {.allocator = sink->allocator};
    ct_provenance source;
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        yyjson_val *part = yyjson_obj_get(filter, PARTS[i]);
        if (i)
            ct_buffer_add_byte(&text, ' ');
        ct_buffer_add(&text, yyjson_is_str(part) ? yyjson_get_str(part) : "", yyjson_is_str(part) ? yyjson_get_len(part) : 0);
    }
    bool failed = text.failed;
    if (!failed && ct_provenance_of((ct_text){(const char *)text.bytes, text.size}, &source))
        sink->meta(sink->context, "filter.source", (const char *)text.bytes, text.size);
    ct_buffer_free(&text);
    return failed ? CT_E_NOMEM : CT_OK;
}

static ct_code
give_document(const ct_stream_sink *sink, yyjson_val *root)
{
    yyjson_val *arguments = yyjson_obj_get(root, "args"), *argument, *filter;
    size_t index, most;
    give_text(sink, "program", yyjson_obj_get(root, "program"));
    give_text(sink, "script", yyjson_obj_get(root, "program"));
    yyjson_arr_foreach(arguments, index, most, argument)
        give_text(sink, "arg", argument);
    give_text(sink, "workdir", yyjson_obj_get(root, "workdir"));
    yyjson_arr_foreach(yyjson_obj_get(yyjson_obj_get(root, "trace_filter"), "filters"), index, most, filter)
        CT_TRY(give_filter(sink, filter));
    yyjson_val *statistics = yyjson_obj_get(yyjson_obj_get(root, "trace_filter"), "stats");
    give_numbers(sink, "filter.", sizeof "scopes_" - 1, statistics);
    give_numbers(sink, "filter.dropped.", 0, yyjson_obj_get(statistics, "value_drops"));
    give_numbers(sink, "filter.redacted.", 0, yyjson_obj_get(statistics, "value_redactions"));
    give_text(sink, "recorder", yyjson_obj_get(yyjson_obj_get(root, "recorder"), "name"));
    static const char CUT[] = "the recording was cut"; /* why, only its journal said */
    if (yyjson_is_false(yyjson_obj_get(root, "complete")))
        sink->meta(sink->context, "recovered", CUT, sizeof CUT - 1);
    give_numbers(sink, "limit.", 0, yyjson_obj_get(yyjson_obj_get(root, "limits"), "journal"));
    give_numbers(sink, "cut.", 0, yyjson_obj_get(yyjson_obj_get(root, "cuts"), "journal"));
    yyjson_val *shortened = yyjson_obj_get(yyjson_obj_get(root, "cuts"), "export");
    if (yyjson_get_uint(yyjson_obj_get(shortened, "values")))
        give_numbers(sink, "shortened.", 0, shortened);
    give_redaction(sink, root);
    return CT_OK;
}

static ct_code
no_memory(ct_error *error)
{
    return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
}

ct_code
ct_trace_folder_give_metadata(const char *folder, const ct_stream_sink *sink, ct_error *error)
{
    static const char NAME[] = "trace_metadata.json";
    size_t size;
    char *text, *name = ct_allocate(sink->allocator, strlen(folder) + sizeof NAME + 1);
    ct_error problem;
    if (!name)
        return no_memory(error);
    sprintf(name, "%s/%s", folder, NAME);
    ct_code code = ct_read_small_file(name, MOST_METADATA, sink->allocator, &text, &size, &problem);
    ct_free(sink->allocator, name);
    if (code != CT_OK)
        return code == CT_END ? CT_OK : ct_about(NAME, error, ct_fail(error, code, problem.message, problem.position, problem.system));
    yyjson_alc memory;
    yyjson_read_err why = {0};
    yyjson_doc *doc = size ? yyjson_read_opts(text, size, 0, ct_json_memory(sink->allocator, &memory), &why) : NULL;
    code = doc ? give_document(sink, yyjson_doc_get_root(doc)) : why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? CT_E_NOMEM : CT_OK;
    yyjson_doc_free(doc);
    ct_free(sink->allocator, text);
    return code == CT_E_NOMEM ? no_memory(error) : code;
}

ct_code
ct_trace_folder_give_source(const char *folder, uint64_t number, const char *path, size_t size, const ct_stream_sink *sink, ct_error *error)
{
    size_t text_size, before = strlen(folder) + 1;
    char *text;
    ct_error problem;
    ct_buffer name = {.allocator = sink->allocator};
    ct_buffer_add(&name, folder, before - 1);
    ct_buffer_add_byte(&name, '/');
    bool has_name = ct_trace_folder_source_name((const uint8_t *)path, size, &name);
    if (name.failed || !has_name) {
        const bool failed = name.failed;
        ct_buffer_free(&name);
        return failed ? no_memory(error) : CT_OK;
    }
    ct_code code = ct_read_small_file((const char *)name.bytes, MOST_SOURCE, sink->allocator, &text, &text_size, &problem);
    if (code != CT_OK && code != CT_END)
        ct_about((const char *)name.bytes + before, error, ct_fail(error, code, problem.message, problem.position, problem.system));
    ct_buffer_free(&name);
    if (code != CT_OK)
        return code == CT_END ? CT_OK : code;
    code = text_size ? sink->source(sink->context, number, text, text_size) : CT_OK;
    ct_free(sink->allocator, text);
    return code;
}
