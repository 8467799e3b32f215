/* ct_trace_parts: what a trace is stored as, told from directories alone. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "codetracer/trace.h"
#include "formats/ctfs.h"
#include "formats/open.h"

static ct_code
size_of(const char *path, uint64_t *bytes, ct_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT ? CT_END : ct_fail(error, CT_E_IO, "it cannot be looked at", 0, errno);
    *bytes = (uint64_t)status.st_size;
    return CT_OK;
}

static ct_code
of_container(const char *file, ct_code (*part)(void *, const ct_trace_part *), void *context, ct_error *error)
{
    ct_source source;
    ct_container *container;
    ct_trace_part found;
    char name[13];
    ct_code code = CT_OK;
    CT_TRY(ct_source_open_file(file, &source, error));
    CT_TRY(ct_container_open(&source, NULL, &container, error));
    found.name = name;
    for (uint32_t entry = 0; code == CT_OK && ct_container_next(container, &entry, name, &found.bytes);)
        code = part(context, &found);
    ct_container_close(container);
    return code;
}

/* The event file and those beside it that belong to it. */
static ct_code
of_folder(const char *file, ct_code (*part)(void *, const ct_trace_part *), void *context, uint64_t *bytes, ct_error *error)
{
    static const char *const others[] = {"trace_metadata.json", "trace_paths.json"};
    const char *slash = strrchr(file, '/');
    char path[PATH_MAX];
    ct_trace_part found = {slash ? slash + 1 : file, *bytes};
    CT_TRY(part(context, &found));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int folder = slash ? (int)(slash - file) + 1 : 0;
        if (snprintf(path, sizeof path, "%.*s%s", folder, file, others[i]) >= (int)sizeof path)
            return CT_OK;
        found.name = others[i];
        ct_code code = size_of(path, &found.bytes, error);
        if (code == CT_END)
            continue;
        CT_TRY(code);
        *bytes += found.bytes;
        CT_TRY(part(context, &found));
    }
    return CT_OK;
}

ct_code
ct_trace_parts(const char *path, ct_code (*part)(void *context, const ct_trace_part *part), void *context, uint64_t *bytes, ct_error *error)
{
    char file[PATH_MAX];
    enum ct_trace_format format;
    if (!path || !part || !bytes)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    CT_TRY(ct_trace_find(path, file, &format, error));
    CT_TRY(size_of(file, bytes, error));
    if (format == CT_TRACE_JOURNAL)
        return CT_OK;
    return format == CT_TRACE_CT ? of_container(file, part, context, error) : of_folder(file, part, context, bytes, error);
}
