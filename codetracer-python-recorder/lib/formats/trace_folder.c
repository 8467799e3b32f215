/* See trace_folder.h. trace_metadata.json is as serde would write it, with members that only this recorder has behind those that readers ask for. */
#include "formats/trace_folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "codetracer/version.h"
#include "formats/directory.h"
#include "formats/encode.h"
#include "formats/linear.h"
#include "formats/provenance.h"
#include "formats/text.h"
#include "formats/trace_id.h"
#include "util/os.h"

#define ADD(buffer, literal) ct_buffer_add((buffer), "" literal, sizeof(literal) - 1)

/* ---- trace_metadata.json ---- */

static void
add_clean_string(ct_buffer *out, ct_text text)
{
    ct_buffer cleaned = { .allocator = out->allocator };
    ct_text_clean(&cleaned, (const uint8_t *)text.bytes, text.size, false);
    ct_json_string(out, cleaned.size ? (const char *)cleaned.bytes : "", cleaned.size);
    out->failed |= cleaned.failed;
    ct_buffer_free(&cleaned);
}

static void
add_meta(ct_buffer *out, const char *name, const ct_journal *journal, const char *key)
{
    ct_json_string(out, name, strlen(name));
    ct_buffer_add_byte(out, ':');
    add_clean_string(out, ct_journal_meta_value(journal, key));
}

/* A number that a meta holds; `otherwise` when it holds none. */
static void
add_meta_number_or(ct_buffer *out, const char *name, const ct_journal *journal, const char *key, const char *otherwise)
{
    ct_text text = ct_journal_meta_value(journal, key);
    bool number = text.size > 0 && text.size < 20;
    for (size_t i = 0; i < text.size; i++)
        number = number && ((text.bytes[i] >= '0' && text.bytes[i] <= '9') || (i == 0 && text.bytes[i] == '-' && text.size > 1));
    ct_json_string(out, name, strlen(name));
    ct_buffer_add_byte(out, ':');
    if (number)
        ct_buffer_add(out, text.bytes, text.size);
    else
        ct_buffer_add_text(out, otherwise);
}

static void
add_meta_number(ct_buffer *out, const char *name, const ct_journal *journal, const char *key)
{
    add_meta_number_or(out, name, journal, key, "null");
}

static void
add_number(ct_buffer *out, const char *name, uint64_t value)
{
    ct_json_string(out, name, strlen(name));
    ct_buffer_add_byte(out, ':');
    ct_json_unsigned(out, value);
}

/* What this export cut, and what those did that the trace has gone through. */
static void
add_cuts(ct_buffer *out, const char *name, const ct_journal *journal, const char *key, uint64_t here)
{
    ct_text text = ct_journal_meta_value(journal, key);
    uint64_t before = 0;
    for (size_t i = 0; i < text.size && i < 18 && text.bytes[i] >= '0' && text.bytes[i] <= '9'; i++)
        before = before * 10 + (uint64_t)(text.bytes[i] - '0');
    add_number(out, name, before + here);
}

/* ---- trace filters ---- */

static void
add_filter_source(ct_buffer *out, const ct_provenance *source)
{
    ct_buffer_add_text(out, out->bytes[out->size - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    add_clean_string(out, source->name);
    ADD(out, ",\"path\":");
    add_clean_string(out, source->path);
    ADD(out, ",\"sha256\":");
    add_clean_string(out, (ct_text){source->digest, 64});
    ADD(out, ",\"version\":1}");
}

static void
add_value_counts(ct_buffer *out, const char *name, const ct_journal *journal, const char *done)
{
    static const char *const kinds[] = {"argument", "attribute", "global", "local", "return"};
    ct_json_string(out, name, strlen(name));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char key[40];
        snprintf(key, sizeof key, "filter.%s.%s", done, kinds[i]);
        ct_buffer_add_text(out, i ? "," : ":{");
        add_meta_number_or(out, kinds[i], journal, key, "0");
    }
    ct_buffer_add_byte(out, '}');
}

/* As 0.3.0 wrote it, with two more counts of scopes. Nothing when no filter was in force. */
static void
add_trace_filter(ct_buffer *out, const ct_journal *journal)
{
    if (ct_journal_meta_value(journal, "filter.source").size == 0)
        return;
    ADD(out, ",\"trace_filter\":{\"filters\":[");
    ct_provenance source;
    for (uint32_t at = 0; !out->failed && ct_provenance_next(journal, &at, &source);)
        add_filter_source(out, &source);
    ADD(out, "],\"stats\":{");
    add_meta_number_or(out, "scopes_traced", journal, "filter.traced", "0");
    ct_buffer_add_byte(out, ',');
    add_meta_number_or(out, "scopes_calls", journal, "filter.calls", "0");
    ct_buffer_add_byte(out, ',');
    add_meta_number_or(out, "scopes_skipped", journal, "filter.skipped", "0");
    ct_buffer_add_byte(out, ',');
    add_value_counts(out, "value_drops", journal, "dropped");
    ct_buffer_add_byte(out, ',');
    add_value_counts(out, "value_redactions", journal, "redacted");
    ADD(out, "}}");
}

static void
make_metadata(ct_buffer *out, const ct_journal *journal, const ct_export_options *options, uint32_t nesting, const ct_export_result *result)
{
    char id[CT_TRACE_ID_SIZE + 1];
    ct_linear_limits limits;
    ct_journal_counts counts;
    bool any = false;
    ct_linear_limits_of(journal, options, nesting, &limits);
    ct_journal_count(journal, &counts);
    ct_trace_id_text(ct_journal_id(journal), id);
    /* recording_id comes first in the crates that want it; the others ignore it, like everything behind args. */
    ADD(out, "{\"recording_id\":");
    ct_json_string(out, id, CT_TRACE_ID_SIZE);
    ct_buffer_add_byte(out, ',');
    add_meta(out, "workdir", journal, "workdir");
    ct_buffer_add_byte(out, ',');
    add_meta(out, "program", journal, "program");
    ADD(out, ",\"args\":[");
    for (uint32_t i = 0; i < counts.metas; i++) {
        const ct_meta_info *meta = ct_journal_meta(journal, i);
        if (!meta || meta->key.size != 3 || memcmp(meta->key.bytes, "arg", 3) != 0)
            continue;
        if (any)
            ct_buffer_add_byte(out, ',');
        any = true;
        add_clean_string(out, meta->value);
    }
    ADD(out, "],\"recorder\":{\"name\":\"codetracer-python-recorder\",\"version\":");
    ct_json_string(out, ct_version(), strlen(ct_version()));
    ADD(out, "},\"process_exit_status\":{");
    add_meta_number(out, "code", journal, "exit.status");
    ADD(out, ",\"label\":null},\"complete\":");
    ct_buffer_add_text(out, counts.complete && !ct_journal_meta_value(journal, "recovered").size ? "true" : "false");
    ADD(out, ",\"limits\":{\"journal\":{");
    add_meta_number(out, "container_depth", journal, "limit.container-depth");
    ct_buffer_add_byte(out, ',');
    add_meta_number(out, "attribute_depth", journal, "limit.attribute-depth");
    ct_buffer_add_byte(out, ',');
    add_meta_number(out, "items", journal, "limit.items");
    ct_buffer_add_byte(out, ',');
    add_meta_number(out, "string", journal, "limit.string");
    ADD(out, "},\"export\":{");
    add_number(out, "nodes", limits.view.nodes);
    ct_buffer_add_byte(out, ',');
    add_number(out, "container_depth", limits.view.container_depth);
    ct_buffer_add_byte(out, ',');
    add_number(out, "attribute_depth", limits.view.attribute_depth);
    ct_buffer_add_byte(out, ',');
    add_number(out, "string", limits.view.string_bytes);
    ADD(out, "}},\"cuts\":{\"journal\":{");
    add_meta_number(out, "items", journal, "cut.items");
    ct_buffer_add_byte(out, ',');
    add_meta_number(out, "depth", journal, "cut.depth");
    ct_buffer_add_byte(out, ',');
    add_meta_number(out, "string", journal, "cut.string");
    ADD(out, "},\"export\":{");
    add_cuts(out, "values", journal, "shortened.values", result->cut_values);
    ct_buffer_add_byte(out, ',');
    add_cuts(out, "variables", journal, "shortened.variables", result->cut_variables);
    ADD(out, "}},\"redacted\":{");
    static const char *const kinds[] = {"variables", "returns", "items", "attributes", "texts", "output", "unknown"};
    /* What was never hidden is not in the journal; whether it was counted at all tell these two. */
    const bool counted = ct_journal_meta_value(journal, "cut.items").size && !ct_journal_meta_value(journal, "redaction").size;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char key[32];
        snprintf(key, sizeof key, "redacted.%s", kinds[i]);
        if (i)
            ct_buffer_add_byte(out, ',');
        add_meta_number_or(out, kinds[i], journal, key, counted ? "0" : "null");
    }
    ADD(out, "}");
    add_trace_filter(out, journal);
    ADD(out, "}");
}

/* ---- files/ ---- */

/* CT_END: no file of that name can be made. */
static ct_code
write_source(ct_trace_folder *f, const char *name, ct_text text, uint64_t *bytes, ct_error *error)
{
    ct_sink file = {0};
    CT_TRY(f->folder->create(f->folder->context, name, &file, error));
    ct_code code = text.size ? file.append(file.context, text.bytes, text.size, error) : CT_OK;
    ct_code closed = ct_sink_close(&file, code == CT_OK ? error : NULL);
    *bytes += text.size;
    return code != CT_OK ? code : closed;
}

/* Whether a path, taken as one below a folder, stays below it. */
static bool
is_inside(const uint8_t *path, size_t size)
{
    for (size_t at = 0; at + 2 <= size; at++)
        if (path[at] == '.' && path[at + 1] == '.' && (at == 0 || path[at - 1] == '/') && (at + 2 == size || path[at + 2] == '/'))
            return false;
    return size && !memchr(path, 0, size);
}

bool
ct_trace_folder_source_name(const uint8_t *path, size_t size, ct_buffer *name)
{
    bool any = false;
    const bool inside = is_inside(path, size);
    ct_buffer_add_text(name, "files");
    for (size_t at = 0, end; at < size && inside; at = end + 1) {
        for (end = at; end < size && path[end] != '/'; end++)
            ;
        if (end == at || (end == at + 1 && path[at] == '.'))
            continue;
        ct_buffer_add_byte(name, '/');
        ct_buffer_add(name, path + at, end - at);
        any = true;
    }
    ct_buffer_add_byte(name, 0);
    return any;
}

/* Copies a source, if the trace names its path. */
static ct_code
copy_source(ct_trace_folder *f, ct_text path, ct_text text, ct_export_result *result, ct_error *error)
{
    ct_buffer cleaned = { .allocator = f->paths.allocator }, name = { .allocator = f->paths.allocator };
    bool is_new = true;
    uint32_t number;
    ct_text_clean(&cleaned, (const uint8_t *)path.bytes, path.size, false); /* under the name that the event file gives */
    ct_code code = cleaned.failed ? CT_E_NOMEM : ct_intern_add(&f->named, cleaned.bytes, cleaned.size, &number, &is_new);
    bool has_name = code == CT_OK && !is_new && ct_trace_folder_source_name(cleaned.bytes, cleaned.size, &name);
    if (code == CT_E_NOMEM || name.failed)
        code = ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    else if (!is_new)
        code = has_name ? write_source(f, (const char *)name.bytes, text, &result->bytes, error) : CT_END;
    ct_buffer_free(&cleaned);
    ct_buffer_free(&name);
    result->sources_left_out += code == CT_END;
    return code == CT_END ? CT_OK : code;
}

static ct_code
copy_sources(ct_trace_folder *f, ct_journal *journal, ct_export_result *result, ct_error *error)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text text;
        ct_code code = ct_journal_source(journal, i, &text, error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        CT_TRY(copy_source(f, ct_journal_path(journal, i), text, result, error));
    }
    return CT_OK;
}

/* ---- the folder ---- */

ct_code
ct_trace_folder_create(ct_trace_folder *f, const char *name, ct_outfile *out, ct_error *error)
{
    out->buffer.allocator = f->paths.allocator;
    ct_code code = ct_outfile_create(out, f->folder, name, error);
    if (code == CT_END)
        code = error->code = CT_E_IO;
    return code;
}

ct_code
ct_trace_folder_create_unnamed(const ct_trace_folder *f, ct_outfile *out, ct_error *error)
{
    out->buffer.allocator = f->paths.allocator;
    return ct_outfile_create_unnamed(out, f->beside, error);
}

static ct_code
write_small(ct_trace_folder *f, const char *name, ct_buffer *content, uint64_t *bytes, ct_error *error)
{
    ct_outfile out = { .file = -1 };
    if (content->failed)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    CT_TRY(ct_trace_folder_create(f, name, &out, error));
    ct_buffer_add(&out.buffer, content->bytes, content->size);
    ct_code code = ct_outfile_finish(&out, error);
    *bytes += content->size;
    return code;
}

ct_code
ct_trace_folder_name_path(ct_trace_folder *f, ct_text path)
{
    if (f->paths.size)
        ct_buffer_add_byte(&f->paths, ',');
    ct_json_string(&f->paths, path.bytes, path.size);
    uint32_t number;
    return f->paths.failed ? CT_E_NOMEM : ct_intern_add(&f->named, path.bytes, path.size, &number, NULL);
}

/* Everything but the file of events, when that is written. */
static ct_code
complete(ct_trace_folder *f, ct_journal *journal, const ct_export_options *options, uint32_t nesting, ct_export_result *result, ct_error *error)
{
    ct_buffer small = { .allocator = f->paths.allocator };
    make_metadata(&small, journal, options, nesting, result);
    ct_code code = write_small(f, "trace_metadata.json", &small, &result->bytes, error);
    small.size = 0;
    if (code == CT_OK) {
        ct_buffer_add_byte(&small, '[');
        ct_buffer_add(&small, f->paths.bytes, f->paths.size);
        ct_buffer_add_byte(&small, ']');
        code = write_small(f, "trace_paths.json", &small, &result->bytes, error);
    }
    ct_buffer_free(&small);
    return code == CT_OK ? copy_sources(f, journal, result, error) : code;
}

ct_code
ct_trace_folder_export_to(ct_journal *journal, const ct_folder *folder, const char *beside, ct_trace_events_writer write_events, uint32_t nesting,
                          const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    static const ct_export_options DEFAULTS;
    ct_export_result own_result;
    ct_error own_error;
    char temporary[PATH_MAX];
    if (!journal || !folder || !folder->create)
        return ct_fail(error, CT_E_PARAM, "an export needs a journal and a folder", 0, 0);
    options = options ? options : &DEFAULTS;
    result = result ? result : &own_result;
    error = error ? error : &own_error;
    *result = (ct_export_result){ 0 };
    *error = (ct_error){ 0 };
    if (!beside) {
        const char *wanted = ct_temporary_folder(NULL);
        snprintf(temporary, sizeof temporary, "%s/", strlen(wanted) < sizeof temporary - 2 ? wanted : "/tmp");
        beside = temporary;
    }
    const ct_allocator *allocator = ct_journal_allocator(journal);
    ct_trace_folder f = { .folder = folder, .beside = beside, .paths.allocator = allocator, .named.keys.allocator = allocator };
    ct_code code = write_events(&f, journal, options, result, error);
    if (code == CT_OK)
        code = complete(&f, journal, options, nesting, result, error);
    ct_buffer_free(&f.paths);
    ct_intern_free(&f.named);
    return code;
}

ct_code
ct_trace_folder_export(ct_journal *journal, const char *path, ct_trace_events_writer write_events, uint32_t nesting,
                       const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    ct_directory directory;
    char beside[PATH_MAX];
    if (!journal || !path)
        return ct_fail(error, CT_E_PARAM, "an export needs a journal and a folder", 0, 0);
    if (snprintf(beside, sizeof beside, "%s/", path) >= (int)sizeof beside)
        return ct_fail(error, CT_E_IO, "cannot open the folder for the export", 0, ENAMETOOLONG);
    CT_TRY(ct_directory_open(&directory, path, ct_journal_allocator(journal), error));
    ct_folder folder = ct_directory_folder(&directory);
    ct_code code = ct_trace_folder_export_to(journal, &folder, beside, write_events, nesting, options, result, error);
    ct_directory_close(&directory, code != CT_OK);
    return code;
}
