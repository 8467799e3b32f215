/* See folder_rules.h. A file that is not there, or may not be read, is a finding; what the system fails at is none. */
#include "verify/folder_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yyjson.h>

#include "util/io.h"
#include "util/json_memory.h"
#include "util/memory.h"
#include "util/plural.h"

enum { MOST_SIDECAR = 64 << 20 };

/* What the rules know. */
typedef struct folder {
    const ct_report *report;
    ct_error *error;
    char *path;
    bool bare;          /* neither sidecar is there */
} folder;

static char *
join(const folder *f, const char *name, const char *more)
{
    size_t size = strlen(f->path) + strlen(name) + strlen(more) + 2;
    char *joined = ct_allocate(f->report->allocator, size);
    if (joined)
        snprintf(joined, size, "%s/%s%s", f->path, name, more);
    return joined;
}

/* The file as JSON. *doc NULL: it is not there, or a finding said why it cannot be used. The loader needs neither sidecar, so that one may lack both. */
static ct_code
read_sidecar(const folder *f, const char *name, const char *rule, bool may_lack, yyjson_doc **doc)
{
    *doc = NULL;
    char *text, *path = join(f, name, "");
    size_t size;
    ct_error problem;
    if (!path)
        return CT_E_NOMEM;
    ct_code code = ct_read_small_file(path, MOST_SIDECAR, f->report->allocator, &text, &size, &problem);
    ct_free(f->report->allocator, path);
    if (code == CT_END) {
        if (problem.system == ENOENT && may_lack)
            return CT_OK;
        ct_report_add(f->report, rule, name, 0, UINT64_MAX, "%s", problem.system == ENOENT ? "the file is missing"
                      : problem.system == EINVAL ? "this is no file of at most 64 MiB" : "the file cannot be opened");
        return CT_OK;
    }
    if (code != CT_OK)
        return ct_about(name, f->error, ct_fail(f->error, code, problem.message, problem.position, problem.system));
    yyjson_read_err wrong = {0};
    yyjson_alc memory;
    *doc = yyjson_read_opts(text, size, 0, ct_json_memory(f->report->allocator, &memory), &wrong);
    ct_free(f->report->allocator, text);
    if (!*doc && wrong.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return CT_E_NOMEM;
    if (!*doc)
        ct_report_add(f->report, rule, name, wrong.pos, UINT64_MAX, "this is no JSON: %s", wrong.msg);
    return CT_OK;
}

/* `ct host` asks for workdir, program and args; the crates for texts in all of them. */
static ct_code
check_metadata(const folder *f)
{
    static const char NAME[] = "trace_metadata.json", RULE[] = "metadata-file";
    yyjson_doc *doc;
    CT_TRY(read_sidecar(f, NAME, RULE, f->bare, &doc));
    yyjson_val *root = yyjson_doc_get_root(doc), *arguments = yyjson_obj_get(root, "args"), *argument;
    size_t index, most;
    if (!doc)
        return CT_OK;
    if (!yyjson_is_obj(root))
        ct_report_add(f->report, RULE, NAME, 0, UINT64_MAX, "this is no object");
    else {
        static const char *const texts[] = {"workdir", "program"};
        for (size_t i = 0; i < 2; i++)
            if (!yyjson_is_str(yyjson_obj_get(root, texts[i])))
                ct_report_add(f->report, RULE, NAME, 0, UINT64_MAX, "there is no text \"%s\"", texts[i]);
        bool good = yyjson_is_arr(arguments);
        yyjson_arr_foreach(arguments, index, most, argument)
            good = good && yyjson_is_str(argument);
        if (!good)
            ct_report_add(f->report, RULE, NAME, 0, UINT64_MAX, "there is no list of texts \"args\"");
    }
    yyjson_doc_free(doc);
    return CT_OK;
}

static ct_code
check_paths(const folder *f, const char *paths, uint64_t path_count)
{
    static const char NAME[] = "trace_paths.json", RULE[] = "paths-file";
    yyjson_doc *doc;
    CT_TRY(read_sidecar(f, NAME, RULE, f->bare, &doc));
    yyjson_val *root = yyjson_doc_get_root(doc), *path;
    size_t index, most;
    if (!doc)
        return CT_OK;
    if (!yyjson_is_arr(root))
        ct_report_add(f->report, RULE, NAME, 0, UINT64_MAX, "this is no list");
    else if (yyjson_arr_size(root) != path_count)
        ct_report_add(f->report, RULE, NAME, 0, UINT64_MAX, "%" PRIu64 " %s %s here, %" PRIu64 " in the trace",
                      CT_COUNTED(yyjson_arr_size(root), "path"), ct_plural(yyjson_arr_size(root), "is", "are"), path_count);
    else {
        const char *at = paths;
        yyjson_arr_foreach(root, index, most, path)
        {
            if (!yyjson_equals_str(path, at))
                ct_report_add(f->report, RULE, NAME, 0, UINT64_MAX, "path %zu is another than in the trace", index);
            at += strlen(at) + 1;
        }
    }
    yyjson_doc_free(doc);
    return CT_OK;
}

/* The copy of /a/b.py is files/a/b.py: it must be inside, wherever `..` and links lead. */
static ct_code
check_files(const folder *f, const char *paths, uint64_t path_count)
{
    char whole[PATH_MAX], led[PATH_MAX];
    char *files = join(f, "files", "");
    if (!files)
        return CT_E_NOMEM;
    bool there = realpath(files, whole) != NULL;
    ct_free(f->report->allocator, files);
    for (uint64_t i = 0; there && i < path_count; i++, paths += strlen(paths) + 1) {
        if (paths[0] != '/')
            continue;
        char *copy = join(f, "files", paths);
        if (!copy)
            return CT_E_NOMEM;
        bool exists = realpath(copy, led) != NULL;
        ct_free(f->report->allocator, copy);
        size_t size = strlen(whole);
        struct stat status;
        if (exists && (strncmp(led, whole, size) != 0 || led[size] != '/'))
            ct_report_add(f->report, "files-outside", "files", 0, UINT64_MAX, "the copy of path %" PRIu64 " lies outside of the folder", i);
        else if (exists && (stat(led, &status) != 0 || !S_ISREG(status.st_mode)))
            ct_report_add(f->report, "files-outside", "files", 0, UINT64_MAX, "the copy of path %" PRIu64 " is no file", i);
    }
    return CT_OK;
}

ct_code
ct_folder_rules(const ct_report *report, const char *trace, const char *paths, uint64_t path_count, ct_error *error)
{
    const char *slash = strrchr(trace, '/');
    folder f = {.report = report, .error = error, .path = slash ? ct_copy_text(report->allocator, trace, slash == trace ? 1 : (size_t)(slash - trace)) : ct_copy_text(report->allocator, ".", 1)};
    char *metadata = f.path ? join(&f, "trace_metadata.json", "") : NULL, *list = f.path ? join(&f, "trace_paths.json", "") : NULL;
    f.bare = metadata && list && access(metadata, F_OK) != 0 && access(list, F_OK) != 0;
    ct_code code = metadata && list ? check_metadata(&f) : CT_E_NOMEM;
    ct_free(report->allocator, metadata);
    ct_free(report->allocator, list);
    if (code == CT_OK)
        code = check_paths(&f, paths ? paths : "", path_count);
    if (code == CT_OK)
        code = check_files(&f, paths ? paths : "", path_count);
    ct_free(report->allocator, f.path);
    return code;
}
