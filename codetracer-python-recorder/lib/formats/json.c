/* ct_export_json: trace.json, trace_metadata.json, trace_paths.json and files/ (trace-json.md sections 1, 2, 7).
 *
 * Byte for byte what serde writes: member order and the absence of spaces matter. Invariant: on failure nothing that was created stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/export.h"
#include "codetracer/version.h"
#include "formats/linear.h"
#include "formats/outfile.h"
#include "formats/text.h"
#include "formats/trace_id.h"

/* serde_json reads at most 128 arrays and objects inside each other; a record takes two and its event four at most. */
enum { JSON_NESTING = 60 };

typedef struct json_export {
    ct_outfile out;
    ct_buffer *b;
    bool any;
    ct_buffer paths;               /* trace_paths.json, growing */
    ct_error *error;
} json_export;

#define ADD(buffer, literal) ct_buffer_add((buffer), "" literal, sizeof(literal) - 1)

static void
begin_event(json_export *j)
{
    if (j->any)
        ct_buffer_add_byte(j->b, ',');
    j->any = true;
}

static ct_code end_event(json_export *j) { return ct_outfile_drain(&j->out, j->error); }

static ct_code
on_path(void *context, ct_text path)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Path\":");
    ct_json_string(j->b, path.bytes, path.size);
    ADD(j->b, "}");
    if (j->paths.size)
        ct_buffer_add_byte(&j->paths, ',');
    ct_json_string(&j->paths, path.bytes, path.size);
    return j->paths.failed ? CT_E_NOMEM : end_event(j);
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Function\":{\"path_id\":");
    ct_json_unsigned(j->b, path);
    ADD(j->b, ",\"line\":");
    ct_json_number(j->b, line);
    ADD(j->b, ",\"name\":");
    ct_json_string(j->b, name.bytes, name.size);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_variable(void *context, ct_text name)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"VariableName\":");
    ct_json_string(j->b, name.bytes, name.size);
    ADD(j->b, "}");
    return end_event(j);
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Type\":");
    ct_encode_type(j->b, CT_FORM_JSON, type);
    ADD(j->b, "}");
    return end_event(j);
}

static void
add_step(json_export *j, uint32_t path, int64_t line)
{
    begin_event(j);
    ADD(j->b, "{\"Step\":{\"path_id\":");
    ct_json_unsigned(j->b, path);
    ADD(j->b, ",\"line\":");
    ct_json_number(j->b, line);
    ADD(j->b, "}}");
}

static void
add_named(json_export *j, const ct_named_value *named)
{
    ADD(j->b, "{\"variable_id\":");
    ct_json_unsigned(j->b, named->variable);
    ADD(j->b, ",\"value\":");
    ct_buffer_add(j->b, named->value.bytes[0], named->value.size[0]);
    ADD(j->b, "}");
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, const ct_named_value *values, size_t count)
{
    json_export *j = context;
    add_step(j, path, line);
    for (size_t i = 0; i < count; i++) {
        ADD(j->b, ",{\"Value\":");
        add_named(j, &values[i]);
        ADD(j->b, "}");
    }
    return end_event(j);
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, const ct_named_value *arguments, size_t count)
{
    json_export *j = context;
    if (own_step)
        add_step(j, path, line);
    begin_event(j);
    ADD(j->b, "{\"Call\":{\"function_id\":");
    ct_json_unsigned(j->b, function);
    ADD(j->b, ",\"args\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            ct_buffer_add_byte(j->b, ',');
        add_named(j, &arguments[i]);
    }
    ADD(j->b, "]}}");
    return end_event(j);
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Return\":{\"return_value\":");
    ct_buffer_add(j->b, value->bytes[0], value->size[0]);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    json_export *j = context;
    begin_event(j);
    ADD(j->b, "{\"Event\":{\"kind\":");
    ct_json_unsigned(j->b, stream == CT_STDOUT ? 0 : stream == CT_STDERR ? 2 : 3); /* Write, WriteOther, Read */
    ADD(j->b, ",\"metadata\":\"\",\"content\":");
    ct_json_string(j->b, text.bytes, text.size);
    ADD(j->b, "}}");
    return end_event(j);
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    json_export *j = context;
    begin_event(j);
    ct_buffer_add_text(j->b, what == CT_LINEAR_THREAD_START ? "{\"ThreadStart\":"
                             : what == CT_LINEAR_THREAD_EXIT ? "{\"ThreadExit\":" : "{\"ThreadSwitch\":");
    ct_json_unsigned(j->b, thread);
    ADD(j->b, "}");
    return end_event(j);
}

/* ---- the small files ---- */

static void
add_clean_string(ct_buffer *out, ct_text text)
{
    ct_buffer cleaned = { 0 };
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

/* A number that a meta holds; null when it holds none. */
static void
add_meta_number(ct_buffer *out, const char *name, const ct_journal *journal, const char *key)
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
        ct_buffer_add_text(out, "null");
}

static void
add_number(ct_buffer *out, const char *name, uint64_t value)
{
    ct_json_string(out, name, strlen(name));
    ct_buffer_add_byte(out, ':');
    ct_json_unsigned(out, value);
}

static void
make_metadata(ct_buffer *out, const ct_journal *journal, const ct_export_options *options, const ct_export_result *result)
{
    char id[CT_TRACE_ID_SIZE + 1];
    ct_linear_limits limits;
    ct_journal_counts counts;
    bool any = false;
    ct_linear_limits_of(journal, options, JSON_NESTING, &limits);
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
    ct_buffer_add_text(out, counts.complete ? "true" : "false");
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
    add_number(out, "values", result->cut_values);
    ct_buffer_add_byte(out, ',');
    add_number(out, "variables", result->cut_variables);
    ADD(out, "}}}");
}

/* ---- files/ ---- */

/* What was created, to be removed when something fails: terminated paths, folders with a slash at their end. */
typedef struct created_list {
    ct_buffer names;
    int root;
} created_list;

/* To be asked before something is created: what cannot be noted cannot be removed. */
static ct_code
room_to_note(created_list *list, size_t size, ct_error *error)
{
    return ct_buffer_room(&list->names, size + 2) ? CT_OK : ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
}

static void
note_created(created_list *list, const char *path, size_t size, bool folder)
{
    ct_buffer_add(&list->names, path, size);
    if (folder)
        ct_buffer_add_byte(&list->names, '/');
    ct_buffer_add_byte(&list->names, 0);
}

static void
remove_created(created_list *list)
{
    size_t end = list->names.size;
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && list->names.bytes[start - 1])
            start--;
        char *name = (char *)list->names.bytes + start;
        size_t size = end - 1 - start;
        bool folder = size && name[size - 1] == '/';
        if (folder)
            name[size - 1] = 0;
        unlinkat(list->root, name, folder ? AT_REMOVEDIR : 0);
        end = start;
    }
}

/* An error of this path alone: no copy of this source, and no reason to give up the export. */
static bool
is_of_the_name(int problem)
{
    return problem == ENAMETOOLONG || problem == EINVAL || problem == EILSEQ || problem == ENOTDIR || problem == EISDIR || problem == EEXIST
           || problem == ELOOP;
}

static ct_code
write_source(created_list *list, const char *relative, ct_text text, uint64_t *bytes, ct_error *error)
{
    CT_TRY(room_to_note(list, strlen(relative), error));
    ct_outfile out = { .file = openat(list->root, relative, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) };
    if (out.file < 0)
        return is_of_the_name(errno) ? CT_OK : ct_fail(error, CT_E_IO, "cannot create the copy of a source file", 0, errno);
    note_created(list, relative, strlen(relative), false);
    int problem = ct_write_fully_at(out.file, text.bytes, text.size, 0);
    if (close(out.file) != 0 && !problem)
        problem = errno;
    if (problem)
        return ct_fail(error, CT_E_IO, "cannot write the copy of a source file", 0, problem);
    *bytes += text.size;
    return CT_OK;
}

/* Whether a path, taken as one below a folder, stays below it. */
static bool
is_inside(const ct_buffer *path)
{
    for (size_t at = 0; at + 2 <= path->size; at++)
        if (path->bytes[at] == '.' && path->bytes[at + 1] == '.' && (at == 0 || path->bytes[at - 1] == '/')
            && (at + 2 == path->size || path->bytes[at + 2] == '/'))
            return false;
    return path->size && !memchr(path->bytes, 0, path->size);
}

/* *usable: there is a folder now, and no link stands in its place. */
static ct_code
make_folder(created_list *list, const char *folder, bool *usable, ct_error *error)
{
    struct stat status;
    size_t size = strlen(folder);
    CT_TRY(room_to_note(list, size, error));
    *usable = true;
    if (mkdirat(list->root, folder, 0700) == 0)
        note_created(list, folder, size, true);
    else if (errno == EEXIST)
        *usable = fstatat(list->root, folder, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    else {
        *usable = false;
        if (!is_of_the_name(errno))
            return ct_fail(error, CT_E_IO, "cannot create a folder for sources", 0, errno);
    }
    return CT_OK;
}

/* Copies a source to files/PATH, path without its first slashes. Each folder on the way is made here, and a link in its place is not
 * followed, so the copy lies inside whatever the journal says; `..` is refused all the same. */
static ct_code
copy_source(created_list *list, ct_text path, ct_text text, uint64_t *bytes, ct_error *error)
{
    ct_buffer parts = { 0 }, relative = { 0 };
    ct_code code = CT_OK;
    bool usable = false;
    ct_buffer_add_text(&relative, "files");
    ct_text_clean(&parts, (const uint8_t *)path.bytes, path.size, false); /* under the name that trace.json gives */
    for (size_t at = 0, end; at < parts.size && is_inside(&parts); at = end + 1) {
        for (end = at; end < parts.size && parts.bytes[end] != '/'; end++)
            ;
        const uint8_t *part = parts.bytes + at;
        size_t size = end - at;
        if (size == 0 || (size == 1 && part[0] == '.'))
            continue;
        ct_buffer_add_byte(&relative, 0);
        if (relative.failed)
            break;
        code = make_folder(list, (const char *)relative.bytes, &usable, error); /* what stands in relative so far */
        if (code != CT_OK || !usable)
            break;
        relative.bytes[relative.size - 1] = '/';
        ct_buffer_add(&relative, part, size);
    }
    ct_buffer_add_byte(&relative, 0);
    if (parts.failed || relative.failed)
        code = ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    if (code == CT_OK && usable)
        code = write_source(list, (const char *)relative.bytes, text, bytes, error);
    ct_buffer_free(&parts);
    ct_buffer_free(&relative);
    return code;
}

static ct_code
copy_sources(created_list *list, ct_journal *journal, uint64_t *bytes, ct_error *error)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text text;
        ct_code code = ct_journal_source(journal, i, &text, error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        CT_TRY(copy_source(list, ct_journal_path(journal, i), text, bytes, error));
    }
    return CT_OK;
}

/* ---- */

static char *
join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* Creates folder/name and writes what fill puts into the buffer. */
static ct_code
open_in(created_list *list, const char *folder, const char *name, ct_outfile *out, ct_error *error)
{
    char *path = join(folder, name);
    if (!path)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    ct_code code = room_to_note(list, strlen(name), error);
    if (code == CT_OK)
        code = ct_outfile_create(out, path, error);
    free(path);
    if (code == CT_OK)
        note_created(list, name, strlen(name), false);
    return code;
}

static ct_code
write_small(created_list *list, const char *folder, const char *name, ct_buffer *content, uint64_t *bytes, ct_error *error)
{
    ct_outfile out = { .file = -1 };
    if (content->failed)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    CT_TRY(open_in(list, folder, name, &out, error));
    ct_buffer_add(&out.buffer, content->bytes, content->size);
    ct_code code = ct_outfile_finish(&out, error);
    *bytes += content->size;
    return code;
}

static ct_code
write_all(json_export *j, created_list *list, ct_journal *journal, const char *folder, const ct_export_options *options,
          ct_export_result *result, ct_error *error)
{
    const ct_linear_sink sink = {
        .context = j, .form_count = 1, .forms = { CT_FORM_JSON }, .nesting = JSON_NESTING,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    ct_buffer small = { 0 };
    CT_TRY(open_in(list, folder, "trace.json", &j->out, error));
    j->b = &j->out.buffer;
    ct_buffer_add_byte(j->b, '[');
    CT_TRY(ct_linear_run(journal, options, &sink, result, error));
    ct_buffer_add_byte(j->b, ']');
    CT_TRY(ct_outfile_flush(&j->out, error));
    result->bytes = j->out.written;
    CT_TRY(ct_outfile_finish(&j->out, error));

    make_metadata(&small, journal, options, result);
    ct_code code = write_small(list, folder, "trace_metadata.json", &small, &result->bytes, error);
    small.size = 0;
    if (code == CT_OK) {
        ct_buffer_add_byte(&small, '[');
        ct_buffer_add(&small, j->paths.bytes, j->paths.size);
        ct_buffer_add_byte(&small, ']');
        code = write_small(list, folder, "trace_paths.json", &small, &result->bytes, error);
    }
    ct_buffer_free(&small);
    return code == CT_OK ? copy_sources(list, journal, &result->bytes, error) : code;
}

ct_code
ct_export_json(ct_journal *journal, const char *folder, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    static const ct_export_options DEFAULTS;
    ct_export_result own_result;
    ct_error own_error;
    if (!journal || !folder)
        return ct_fail(error, CT_E_PARAM, "ct_export_json needs a journal and a folder", 0, 0);
    result = result ? result : &own_result;
    error = error ? error : &own_error;
    *result = (ct_export_result){ 0 };
    *error = (ct_error){ CT_OK, NULL, 0, 0 };
    json_export j = { .out.file = -1, .error = error };
    created_list list = { .root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
    if (list.root < 0)
        return ct_fail(error, CT_E_IO, "cannot open the folder for the export", 0, errno);
    ct_code code = write_all(&j, &list, journal, folder, options ? options : &DEFAULTS, result, error);
    ct_outfile_abandon(&j.out);
    if (code != CT_OK)
        remove_created(&list);
    ct_buffer_free(&j.paths);
    ct_buffer_free(&list.names);
    close(list.root);
    return code;
}
