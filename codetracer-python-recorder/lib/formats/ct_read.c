/* ct_ct_read: one pass over a CTFS container. What can be read from events.log is read from there, for it says more (functions' places, kinds of
 * types); else the multi-stream layout. The parts are in files of their own: ctfs_read.c (the container), ct_streams.c (what its files are made
 * of), ct_meta_read.c, ct_log_read.c, ct_multi_read.c.
 *
 * Invariant: what is intact is handed on, whatever is wrong behind it; then CT_E_CORRUPT says what, and where.
 */
#include "formats/ct_reading.h"

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
