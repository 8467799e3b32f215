/* See trace_folder.h: what lies beside a file of events. Invariant: only regular files of a bounded size are read, and none outside the folder is
 * named by what the trace says.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yyjson.h>

#include "formats/trace_folder.h"
#include "formats/provenance.h"
#include "util/json_memory.h"
#include "util/memory.h"

enum { MOST_METADATA = 16 << 20, MOST_SOURCE = 64 << 20 };

char *
ct_trace_folder_of(const char *path, const ct_allocator *allocator)
{
    const char *slash = strrchr(path, '/');
    return slash ? ct_copy_text(allocator, path, slash == path ? 1 : (size_t)(slash - path)) : ct_copy_text(allocator, ".", 1);
}

/* All of a regular file; NULL when it is none, is larger than `most`, is empty, or cannot be read. */
static char *
read_whole(const char *path, off_t most, const ct_allocator *allocator, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return NULL;
    char *bytes = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= most ? ct_allocate(allocator, (size_t)status.st_size + 1) : NULL;
    ssize_t got = bytes ? read(file, bytes, (size_t)status.st_size) : -1;
    close(file);
    if (got > 0) {
        *size = (size_t)got;
        return bytes;
    }
    ct_free(allocator, bytes);
    return NULL;
}

static void
give_text(const ct_stream_sink *sink, const char *key, yyjson_val *value)
{
    if (yyjson_is_str(value))
        sink->meta(sink->context, key, yyjson_get_str(value), yyjson_get_len(value));
}

/* One of trace_filter's, as the recording says it (provenance.h). */
static void
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
    if (!text.failed && ct_provenance_of((ct_text){(const char *)text.bytes, text.size}, &source))
        sink->meta(sink->context, "filter.source", (const char *)text.bytes, text.size);
    ct_buffer_free(&text);
}

void
ct_trace_folder_give_metadata(const char *folder, const ct_stream_sink *sink)
{
    size_t size, index, most;
    yyjson_alc memory;
    char *name = ct_allocate(sink->allocator, strlen(folder) + 32);
    if (!name)
        return;
    sprintf(name, "%s/trace_metadata.json", folder);
    char *text = read_whole(name, MOST_METADATA, sink->allocator, &size);
    ct_free(sink->allocator, name);
    yyjson_doc *doc = text ? yyjson_read_opts(text, size, 0, ct_json_memory(sink->allocator, &memory), NULL) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc), *arguments = yyjson_obj_get(root, "args"), *argument, *filter;
    give_text(sink, "program", yyjson_obj_get(root, "program"));
    give_text(sink, "script", yyjson_obj_get(root, "program"));
    yyjson_arr_foreach(arguments, index, most, argument)
        give_text(sink, "arg", argument);
    give_text(sink, "workdir", yyjson_obj_get(root, "workdir"));
    yyjson_arr_foreach(yyjson_obj_get(yyjson_obj_get(root, "trace_filter"), "filters"), index, most, filter)
        give_filter(sink, filter);
    give_text(sink, "recorder", yyjson_obj_get(yyjson_obj_get(root, "recorder"), "name"));
    yyjson_doc_free(doc);
    ct_free(sink->allocator, text);
}

void
ct_trace_folder_give_source(const char *folder, uint64_t number, const char *path, size_t size, const ct_stream_sink *sink)
{
    bool inside = size && path[0] == '/' && !memmem(path, size, "/../", 4) && !memchr(path, 0, size);
    size_t text_size, before = strlen(folder);
    char *name = inside ? ct_allocate(sink->allocator, before + size + 8) : NULL;
    if (!name)
        return;
    memcpy(name, folder, before);
    memcpy(name + before, "/files", 6);
    memcpy(name + before + 6, path, size);
    name[before + 6 + size] = 0;
    char *text = read_whole(name, MOST_SOURCE, sink->allocator, &text_size);
    ct_free(sink->allocator, name);
    if (text)
        (void)sink->source(sink->context, number, text, text_size);
    ct_free(sink->allocator, text);
}
