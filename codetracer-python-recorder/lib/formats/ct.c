/* A CTFS container for CodeTracer's readers, written in one of three layouts, and read.
 *
 *   both     slots 0-18   the multi-stream layout with its meta.dat and the sources: all that ct-print sees
 *            slots 31-33  events.log, events.fmt and a second meta.dat: what the replay server takes (ctfs.md section 11)
 *            slot 34      journal.ctj, our own journal whole: what this library reads. The others know no such name
 *   multi    the first of these alone, column-aware
 *   single   the second alone
 *
 * The parts are in files of their own, each written and read there: ctfs.c (the container), ct_meta.c, ct_log.c (the single-stream layout), ct_multi.c with
 * ct_places.c and ct_calls.c (the multi-stream layout), ct_spans.c; ct_streams.c has what the streams are made of for reading.
 *
 * Reading is one pass. What can be read from events.log is read from there, for it says more (functions' places, kinds of types); else the multi-stream layout.
 * Invariant: what is intact is handed on, whatever is wrong behind it; then CT_E_CORRUPT says what, and where.
 */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#include "codetracer/export.h"
#include "formats/ct_log.h"
#include "formats/ct_meta.h"
#include "formats/ct_multi.h"
#include "formats/ct_reading.h"
#include "formats/ct_spans.h"

enum {
    NIM_NESTING = 32,              /* ctfs.md section 4.1 */
    LOG_SLOT = 31,                 /* in the layout with both: behind all that ct-print looks at */
    JOURNAL_SLOT = 34,
    SPANS_SLOT = 35,               /* and two more */
};

typedef struct ct_file {
    ct_journal *journal;
    ct_ctfs ctfs;
    ZSTD_CCtx *zstd;
    bool has_log, has_multi;
    ct_log log;
    ct_multi multi;
    ct_spans spans;
    uint64_t log_steps;            /* in events.log so far */
    ct_ctfs_file *multi_meta, *log_meta;
    ct_linear *linear;
    ct_buffer compressed;
    ct_meta_out meta;
    ct_error *error;
} ct_file;

/* ---- the sink: each event to each layout ---- */

#define TO_EACH(multi_call, log_call) \
    do {                              \
        if (f->has_multi)             \
            CT_TRY(multi_call);       \
        if (f->has_log)               \
            CT_TRY(log_call);         \
        return CT_OK;                 \
    } while (0)

static ct_code
on_path(void *context, ct_text path)
{
    ct_file *f = context;
    CT_TRY(ct_meta_path(&f->meta, path));
    TO_EACH(ct_multi_path(&f->multi, path), ct_log_path(&f->log, path));
}

static ct_code
on_function(void *context, uint32_t path, int64_t line, ct_text name)
{
    ct_file *f = context;
    TO_EACH(ct_multi_function(&f->multi, name), ct_log_function(&f->log, path, line, name));
}

static ct_code
on_variable(void *context, ct_text name)
{
    ct_file *f = context;
    TO_EACH(ct_multi_variable(&f->multi, name), ct_log_variable(&f->log, name));
}

static ct_code
on_type(void *context, const ct_type_definition *type)
{
    ct_file *f = context;
    TO_EACH(ct_multi_type(&f->multi, type->name), ct_log_type(&f->log, type));
}

static ct_code
on_step(void *context, uint32_t path, int64_t line, uint32_t column, ct_named_value *values, size_t count)
{
    ct_file *f = context;
    ct_spans_step(&f->spans, f->log_steps++);
    TO_EACH(ct_multi_step(&f->multi, path, line, column, values, count), ct_log_step(&f->log, path, line, values, count));
}

static ct_code
on_call(void *context, uint32_t function, uint32_t path, int64_t line, bool own_step, ct_named_value *arguments, size_t count)
{
    ct_file *f = context;
    for (size_t i = 0; i < count; i++)
        if (!arguments[i].encoded)
            CT_TRY(ct_linear_encode(f->linear, &arguments[i]));
    f->log_steps += own_step;
    TO_EACH(ct_multi_call(&f->multi, function, path, line, own_step, arguments, count),
            ct_log_call(&f->log, function, path, line, own_step, arguments, count));
}

static ct_code
on_leave(void *context, const ct_encoded *value)
{
    ct_file *f = context;
    TO_EACH(ct_multi_leave(&f->multi, value), ct_log_leave(&f->log, value));
}

static ct_code
on_output(void *context, enum ct_stream_number stream, ct_text text)
{
    ct_file *f = context;
    TO_EACH(ct_multi_output(&f->multi, stream, text), ct_log_output(&f->log, stream, text));
}

static ct_code
on_thread(void *context, enum ct_linear_thread what, uint64_t thread)
{
    ct_file *f = context;
    TO_EACH(ct_multi_thread(&f->multi, what, thread), ct_log_thread(&f->log, what, thread));
}

static void
take_encoder(void *context, ct_linear *linear)
{
    ct_file *f = context;
    f->linear = f->log.linear = f->multi.linear = linear;
}

/* ---- the container ---- */

static ct_code
start(ct_file *f, const char *path)
{
    if (f->has_multi) {
        CT_TRY(ct_multi_start(&f->multi, path));
        CT_TRY(ct_ctfs_add(&f->ctfs, CT_MULTI_SLOTS, "meta.dat", &f->multi_meta));
    }
    if (f->has_log) {
        unsigned slot = f->has_multi ? LOG_SLOT : 0;
        CT_TRY(ct_log_start(&f->log, slot));
        CT_TRY(ct_ctfs_add(&f->ctfs, slot + 2, "meta.dat", &f->log_meta));
    }
    return CT_OK;
}

static ct_code
append_to_file(void *context, const void *bytes, size_t count, ct_error *error)
{
    (void)error; /* the container has one of its own */
    void **both = context;
    return ct_ctfs_append(both[0], both[1], bytes, count);
}

/* The journal, in blocks that follow each other but for those of the mapping. */
static ct_code
write_journal(ct_file *f)
{
    ct_ctfs_file *file;
    CT_TRY(ct_ctfs_add(&f->ctfs, JOURNAL_SLOT, "journal.ctj", &file));
    void *both[2] = { &f->ctfs, file };
    const ct_sink sink = { .context = both, .append = append_to_file };
    return ct_journal_copy(f->journal, &sink, f->error);
}

static ct_code
finish(ct_file *f, uint64_t *bytes)
{
    if (f->has_multi) {
        CT_TRY(ct_multi_finish(&f->multi));
        CT_TRY(ct_meta_write(&f->meta, &f->ctfs, f->multi_meta, ct_multi_meta_flags(&f->multi)));
    }
    if (f->has_log) {
        CT_TRY(ct_log_finish(&f->log));
        /* Beside the streams it has as few flags as can be: with some the replay server reads them, too (docs/ct-format.md). */
        CT_TRY(ct_meta_write(&f->meta, &f->ctfs, f->log_meta, (f->spans.count ? CT_META_SPANS : 0) | (f->multi.other_view_count ? CT_META_VIEWS : 0)
                                                              | (f->has_multi ? 0 : CT_META_FILTERS)));
        CT_TRY(ct_spans_write(&f->spans, f->has_multi ? SPANS_SLOT : 3));
    }
    if (f->has_multi && f->has_log)
        CT_TRY(write_journal(f));
    return ct_ctfs_finish(&f->ctfs, bytes);
}

static ct_code
write_all(ct_file *f, const char *path, const ct_export_options *options, ct_export_result *result)
{
    ct_linear_sink sink = {
        .context = f, .wants_columns = f->has_multi, .nesting = NIM_NESTING, .encoder = take_encoder,
        .path = on_path, .function = on_function, .variable = on_variable, .type = on_type, .step = on_step, .call = on_call,
        .leave = on_leave, .output = on_output, .thread = on_thread,
    };
    f->log.ctfs = f->multi.ctfs = &f->ctfs;
    f->zstd = ct_chunk_compressor(f->ctfs.allocator);
    if (!f->zstd)
        return CT_E_NOMEM;
    f->compressed.allocator = f->meta.paths.allocator = f->ctfs.allocator;
    f->log.zstd = f->multi.zstd = f->zstd;
    f->log.compressed = f->multi.compressed = &f->compressed;
    f->log.error = f->multi.error = f->error;
    f->multi.journal = f->meta.journal = f->journal;
    f->multi.places.by_column = !f->has_log;
    if (f->has_log) {
        f->log.form = sink.form_count;
        sink.forms[sink.form_count++] = CT_FORM_V1;
    }
    if (f->has_multi) {
        f->multi.form = sink.form_count;
        sink.forms[sink.form_count++] = CT_FORM_NIM;
    }
    if (options) {
        f->multi.other_views = options->views;
        f->multi.other_view_count = options->view_count;
    }
    f->spans = (ct_spans){ .journal = f->journal, .ctfs = &f->ctfs, .zstd = f->zstd, .error = f->error };
    CT_TRY(start(f, path));
    CT_TRY(ct_spans_start(&f->spans));
    CT_TRY(ct_linear_run(f->journal, options, &sink, result, f->error));
    return finish(f, &result->bytes);
}

/* To a new file at `path`, or to the sink. */
static ct_code
export(ct_journal *journal, const char *path, const ct_sink *sink, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    const char *folder = getenv("TMPDIR");
    char beside[PATH_MAX];
    ct_export_result own_result;
    ct_error own_error;
    result = result ? result : &own_result;
    error = error ? error : &own_error;
    *result = (ct_export_result){ 0 };
    *error = (ct_error){ 0 };
    enum ct_layout layout = options ? options->layout : CT_LAYOUT_BOTH;
    if ((unsigned)layout > CT_LAYOUT_MULTI || (options && options->view_count && !options->views))
        return ct_fail(error, CT_E_PARAM, "there is no such layout, or the views are missing", 0, 0);
    const ct_allocator *allocator = ct_journal_allocator(journal);
    ct_file f = { .journal = journal, .error = error, .has_log = layout != CT_LAYOUT_MULTI, .has_multi = layout != CT_LAYOUT_SINGLE,
                  .multi.calls = { .entries.file = -1, .returns.file = -1, .ends.file = -1 } };
    /* When it fails, the file there is not ours to remove. */
    CT_TRY(path ? ct_ctfs_create(&f.ctfs, path, allocator, error) : ct_ctfs_create_in(&f.ctfs, sink, allocator, error));
    if (!path)
        snprintf(beside, sizeof beside, "%s/", folder && *folder && strlen(folder) < sizeof beside - 2 ? folder : "/tmp");
    ct_code code = write_all(&f, path ? path : beside, options, result);
    if (code != CT_OK) {
        if (path)
            unlink(path);
        if (error->code != code)
            ct_fail(error, code, code == CT_E_NOMEM ? "no memory" : "the export failed", 0, 0);
    }
    ct_log_free(&f.log);
    ct_multi_free(&f.multi);
    ct_spans_free(&f.spans);
    ct_buffer_free(&f.compressed);
    ct_meta_free(&f.meta);
    ct_ctfs_abandon(&f.ctfs);
    ZSTD_freeCCtx(f.zstd);
    return code;
}

ct_code
ct_export_ct(ct_journal *journal, const char *path, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    if (!journal || !path)
        return ct_fail(error, CT_E_PARAM, "ct_export_ct needs a journal and a path", 0, 0);
    return export(journal, path, NULL, options, result, error);
}

ct_code
ct_export_ct_to(ct_journal *journal, const ct_sink *sink, const ct_export_options *options, ct_export_result *result, ct_error *error)
{
    if (!journal || !sink || !sink->write_at)
        return ct_fail(error, CT_E_PARAM, "ct_export_ct_to needs a journal and a sink that can write at a place", 0, 0);
    return export(journal, NULL, sink, options, result, error);
}

/* ---- reading ---- */

static ct_code
read_container(ct_reading *r)
{
    ct_log_state state;
    ct_code code;
    CT_TRY(ct_log_look(r, &state));
    if (state == CT_LOG_READABLE)
        return ct_log_read(r);
    ct_inner *steps = ct_container_find(r->container, "steps.dat", CT_FIRST_ENTRY, &code, r->error), *log = NULL;
    if (code == CT_OK && steps && state != CT_LOG_DAMAGED)
        return ct_multi_read(r);
    if (code == CT_OK)
        log = ct_container_find(r->container, "events.log", CT_LAST_ENTRY, &code, r->error);
    if (code != CT_OK)
        return code;
    size_t got = 0;
    if (log)
        CT_TRY(ct_inner_read(log, 0, &(char){0}, 1, &got, r->error));
    if (log && !got)
        return ct_fail(r->error, CT_E_CORRUPT, "nothing of events.log is there: the container was cut off, or its writer was killed", ct_inner_place(log, 0), 0);
    return log ? ct_fail(r->error, CT_E_CORRUPT, "events.log is in no form that this program knows: split-binary in chunks, or cbor", ct_inner_place(log, 0), 0)
               : ct_fail(r->error, CT_E_CORRUPT, "the container holds no trace: neither events.log nor steps.dat", 0, 0);
}

static ct_code
read_streams_beside(ct_reading *r)
{
    ct_code code;
    ct_inner *log = ct_container_find(r->container, "events.log", CT_LAST_ENTRY, &code, r->error), *steps = NULL;
    if (code == CT_OK)
        steps = ct_container_find(r->container, "steps.dat", CT_FIRST_ENTRY, &code, r->error);
    if (code != CT_OK)
        return code;
    return log && steps ? ct_multi_read(r) : ct_fail(r->error, CT_E_CORRUPT, "the container has no streams beside events.log", 0, 0);
}

static ct_code
read_source(const ct_source *source, const ct_stream_sink *sink, const ct_log_watch *watch, ct_code (*read)(ct_reading *), ct_error *error)
{
    ct_error own;
    ct_reading r = {.sink = sink, .watch = watch, .error = error ? error : &own, .tree.allocator = sink->allocator};
    CT_TRY(ct_container_open(source, sink->allocator, &r.container, error));
    sink->state->message = NULL;
    ct_code code = read(&r);
    if (code == CT_OK && r.problem.message)
        code = ct_fail(error, CT_E_CORRUPT, r.problem.message, r.problem.place, 0);
    else if (code == CT_E_CORRUPT && sink->state->message)
        code = ct_fail(error, code, sink->state->message, sink->state->byte, 0);
    else if (code == CT_E_NOMEM)
        code = ct_fail(error, code, "there is not enough memory", 0, 0);
    ct_container_close(r.container);
    ct_stream_tree_free(&r.tree);
    return code;
}

ct_code
ct_ct_read_source(const ct_source *source, const ct_stream_sink *sink, const ct_log_watch *watch, ct_error *error)
{
    return read_source(source, sink, watch, read_container, error);
}

ct_code
ct_ct_read(const char *path, const ct_stream_sink *sink, ct_error *error)
{
    ct_source source;
    CT_TRY(ct_source_open_file(path, &source, error));
    return ct_ct_read_source(&source, sink, NULL, error);
}

ct_code
ct_ct_read_streams(const char *path, const ct_stream_sink *sink, ct_error *error)
{
    ct_source source;
    CT_TRY(ct_source_open_file(path, &source, error));
    return read_source(&source, sink, NULL, read_streams_beside, error);
}
