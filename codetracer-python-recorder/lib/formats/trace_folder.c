/* See trace_folder.h. trace_metadata.json is as serde would write it, with members that only this recorder has behind those that readers ask for. */
#include "formats/trace_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/version.h"
#include "formats/encode.h"
#include "formats/linear.h"
#include "formats/text.h"
#include "formats/trace_id.h"

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

/* ---- trace filters ---- */

/* A source is noted as `NAME SHA256 PATH` (docs/journal-format.md). Where the digest begins, behind a space; SIZE_MAX: there is none. */
static size_t
digest_in(ct_text source)
{
    enum { DIGEST = 64 };
    size_t digits = 0;
    for (size_t at = 0; at < source.size; at++) {
        char byte = source.bytes[at];
        if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f'))
            digits++;
        else if (byte == ' ' && digits == DIGEST && at > DIGEST && source.bytes[at - DIGEST - 1] == ' ')
            return at - DIGEST;
        else
            digits = 0;
    }
    return SIZE_MAX;
}

static void
add_filter_source(ct_buffer *out, ct_text source)
{
    size_t digest = digest_in(source);
    if (digest == SIZE_MAX)
        return;
    ct_buffer_add_text(out, out->bytes[out->size - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    add_clean_string(out, (ct_text){source.bytes, digest - 1});
    ADD(out, ",\"path\":");
    add_clean_string(out, (ct_text){source.bytes + digest + 65, source.size - digest - 65});
    ADD(out, ",\"sha256\":");
    add_clean_string(out, (ct_text){source.bytes + digest, 64});
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
add_trace_filter(ct_buffer *out, const ct_journal *journal, uint32_t metas)
{
    if (ct_journal_meta_value(journal, "filter.source").size == 0)
        return;
    ADD(out, ",\"trace_filter\":{\"filters\":[");
    for (uint32_t i = 0; i < metas && !out->failed; i++) {
        const ct_meta_info *meta = ct_journal_meta(journal, i);
        if (meta && meta->key.size == 13 && memcmp(meta->key.bytes, "filter.source", 13) == 0)
            add_filter_source(out, meta->value);
    }
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
    ADD(out, "}},\"redacted\":{");
    static const char *const kinds[] = {"variables", "returns", "items", "attributes", "texts", "output", "unknown"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char key[32];
        snprintf(key, sizeof key, "redacted.%s", kinds[i]);
        if (i)
            ct_buffer_add_byte(out, ',');
        add_meta_number(out, kinds[i], journal, key);
    }
    ADD(out, "}");
    add_trace_filter(out, journal, counts.metas);
    ADD(out, "}");
}

/* ---- files/ ---- */

/* To be asked before something is created: what cannot be noted cannot be removed. */
static ct_code
room_to_note(ct_trace_folder *f, size_t size, ct_error *error)
{
    return ct_buffer_room(&f->created, size + 2) ? CT_OK : ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
}

static void
note_created(ct_trace_folder *f, const char *path, size_t size, bool folder)
{
    ct_buffer_add(&f->created, path, size);
    if (folder)
        ct_buffer_add_byte(&f->created, '/');
    ct_buffer_add_byte(&f->created, 0);
}

static void
remove_created(ct_trace_folder *f)
{
    size_t end = f->created.size;
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && f->created.bytes[start - 1])
            start--;
        char *name = (char *)f->created.bytes + start;
        size_t size = end - 1 - start;
        bool folder = size && name[size - 1] == '/';
        if (folder)
            name[size - 1] = 0;
        unlinkat(f->root, name, folder ? AT_REMOVEDIR : 0);
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
write_source(ct_trace_folder *f, const char *relative, ct_text text, uint64_t *bytes, ct_error *error)
{
    CT_TRY(room_to_note(f, strlen(relative), error));
    ct_outfile out = { .file = openat(f->root, relative, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) };
    if (out.file < 0)
        return is_of_the_name(errno) ? CT_OK : ct_fail(error, CT_E_IO, "cannot create the copy of a source file", 0, errno);
    note_created(f, relative, strlen(relative), false);
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
make_folder(ct_trace_folder *f, const char *folder, bool *usable, ct_error *error)
{
    struct stat status;
    size_t size = strlen(folder);
    CT_TRY(room_to_note(f, size, error));
    *usable = true;
    if (mkdirat(f->root, folder, 0700) == 0)
        note_created(f, folder, size, true);
    else if (errno == EEXIST)
        *usable = fstatat(f->root, folder, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    else {
        *usable = false;
        if (!is_of_the_name(errno))
            return ct_fail(error, CT_E_IO, "cannot create a folder for sources", 0, errno);
    }
    return CT_OK;
}

/* Copies a source, if the trace names its path, to files/PATH, path without its first slashes. Each folder on the way is made here, and a link in its place is not
 * followed, so the copy lies inside whatever the journal says; `..` is refused all the same. */
static ct_code
copy_source(ct_trace_folder *f, ct_text path, ct_text text, uint64_t *bytes, ct_error *error)
{
    ct_buffer parts = { .allocator = f->paths.allocator }, relative = { .allocator = f->paths.allocator };
    bool usable = false, is_new = true;
    uint32_t number;
    ct_buffer_add_text(&relative, "files");
    ct_text_clean(&parts, (const uint8_t *)path.bytes, path.size, false); /* under the name that the event file gives */
    ct_code code = parts.failed ? CT_E_NOMEM : ct_intern_add(&f->named, parts.bytes, parts.size, &number, &is_new);
    for (size_t at = 0, end; code == CT_OK && !is_new && at < parts.size && is_inside(&parts); at = end + 1) {
        for (end = at; end < parts.size && parts.bytes[end] != '/'; end++)
            ;
        const uint8_t *part = parts.bytes + at;
        size_t size = end - at;
        if (size == 0 || (size == 1 && part[0] == '.'))
            continue;
        ct_buffer_add_byte(&relative, 0);
        if (relative.failed)
            break;
        code = make_folder(f, (const char *)relative.bytes, &usable, error); /* what stands in relative so far */
        if (code != CT_OK || !usable)
            break;
        relative.bytes[relative.size - 1] = '/';
        ct_buffer_add(&relative, part, size);
    }
    ct_buffer_add_byte(&relative, 0);
    if (code == CT_E_NOMEM || relative.failed)
        code = ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    if (code == CT_OK && usable)
        code = write_source(f, (const char *)relative.bytes, text, bytes, error);
    ct_buffer_free(&parts);
    ct_buffer_free(&relative);
    return code;
}

static ct_code
copy_sources(ct_trace_folder *f, ct_journal *journal, uint64_t *bytes, ct_error *error)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        ct_text text;
        ct_code code = ct_journal_source(journal, i, &text, error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        CT_TRY(copy_source(f, ct_journal_path(journal, i), text, bytes, error));
    }
    return CT_OK;
}

/* ---- the folder ---- */

static char *
join(const ct_trace_folder *f, const char *name)
{
    size_t size = strlen(f->path) + strlen(name) + 2;
    char *path = ct_allocate(f->paths.allocator, size);
    if (path)
        snprintf(path, size, "%s/%s", f->path, name);
    return path;
}

ct_code
ct_trace_folder_create(ct_trace_folder *f, const char *name, ct_outfile *out, ct_error *error)
{
    char *path = join(f, name);
    if (!path)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    ct_code code = room_to_note(f, strlen(name), error);
    out->buffer.allocator = f->paths.allocator;
    if (code == CT_OK)
        code = ct_outfile_create(out, path, error);
    ct_free(f->paths.allocator, path);
    if (code == CT_OK)
        note_created(f, name, strlen(name), false);
    return code;
}

ct_code
ct_trace_folder_create_unnamed(const ct_trace_folder *f, ct_outfile *out, ct_error *error)
{
    char *path = join(f, "trace");
    if (!path)
        return ct_fail(error, CT_E_NOMEM, "no memory", 0, 0);
    out->buffer.allocator = f->paths.allocator;
    ct_code code = ct_outfile_create_unnamed(out, path, error);
    ct_free(f->paths.allocator, path);
    return code;
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
    return code == CT_OK ? copy_sources(f, journal, &result->bytes, error) : code;
}

ct_code
ct_trace_folder_export(ct_journal *journal, const char *folder, ct_trace_events_writer write_events, uint32_t nesting,
                       const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    static const ct_export_options DEFAULTS;
    ct_export_result own_result;
    ct_error own_error;
    if (!journal || !folder)
        return ct_fail(error, CT_E_PARAM, "an export needs a journal and a folder", 0, 0);
    options = options ? options : &DEFAULTS;
    result = result ? result : &own_result;
    error = error ? error : &own_error;
    *result = (ct_export_result){ 0 };
    *error = (ct_error){ 0 };
    const ct_allocator *allocator = ct_journal_allocator(journal);
    ct_trace_folder f = { .path = folder, .root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .created.allocator = allocator,
                          .paths.allocator = allocator, .named.keys.allocator = allocator };
    if (f.root < 0)
        return ct_fail(error, CT_E_IO, "cannot open the folder for the export", 0, errno);
    ct_code code = write_events(&f, journal, options, result, error);
    if (code == CT_OK)
        code = complete(&f, journal, options, nesting, result, error);
    if (code != CT_OK)
        remove_created(&f);
    ct_buffer_free(&f.paths);
    ct_intern_free(&f.named);
    ct_buffer_free(&f.created);
    close(f.root);
    return code;
}
