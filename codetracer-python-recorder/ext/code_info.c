/* What the recorder knows of a code object: whether it is recorded, and its definition in the journal. Made once per code object, when it
 * first runs, and kept in the code object's own extra slot, so it dies with it.
 *
 * Without a rule of the user's (filters.c): the standard library (by directory), import hooks of the environment (by name), frozen modules, the recorder
 * itself and code with a name in angle brackets are skipped.
 * Skipped code is switched off in the interpreter: it tells no lines (line_events.c), and of what else it tells each place costs one callback (events.c returns
 * DISABLE).
 */
#include "effects.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static Py_ssize_t extra_index = -1;
static PyObject *name_key; /* "__name__" */

static void
code_info_free(void *extra)
{
    code_info *info = extra;
    if (info == NULL)
        return;
    line_events_forget(info);
    effects_free(info);
    free(info->given_path);
    free(info->points);
    free(info->names); /* and kinds, actions */
    free(info->global_keys);
    free(info->global_names);
    free(info->global_actions);
    free(info);
}

int
code_info_setup(void)
{
    if (extra_index < 0) {
        extra_index = PyUnstable_Eval_RequestCodeExtraIndex(code_info_free);
        if (extra_index < 0) {
            PyErr_SetString(PyExc_RuntimeError, "the interpreter has no free slot for per-code data");
            return -1;
        }
    }
    if (name_key == NULL)
        name_key = PyUnicode_InternFromString("__name__");
    return name_key ? 0 : -1;
}

static bool
lies_under(const char *path, const path_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t size = strlen(list->paths[i]);
        if (strncmp(path, list->paths[i], size) == 0 && (path[size] == '/' || path[size] == 0 || (size && path[size - 1] == '/')))
            return true;
    }
    return false;
}

/* A module that a `.pth` file of an environment loads to change how imports are done; the interpreter runs its finder at every import, as it runs importlib, so
 * it is taken for a part of the standard library. Names: setuptools (`_distutils_hack`, `__editable___NAME_finder.py`), virtualenv (`_virtualenv.py`), editables
 * and hatchling (`_editable_impl_NAME.py`, editables/), meson-python (`_NAME_editable_loader.py`), scikit-build-core (`_NAME_editable.py`). */
static bool
is_import_hook(const char *path)
{
    static const struct { const char *begin, *end; } NAMES[] = {
        {"_distutils_hack/", ""}, {"_virtualenv.py", ""}, {"__editable___", "_finder.py"}, {"_editable_impl_", ".py"}, {"editables/redirector.py", ""},
        {"_", "_editable_loader.py"}, {"_", "_editable.py"},
    };
    static const char *const FOLDERS[] = {"/site-packages/", "/dist-packages/"}; /* the only ones in which site looks for .pth files */
    for (size_t folder = 0; folder < sizeof FOLDERS / sizeof *FOLDERS; folder++) {
        const char *name = NULL;
        for (const char *at = path; (at = strstr(at, FOLDERS[folder])) != NULL;)
            name = at += strlen(FOLDERS[folder]);
        for (size_t i = 0; name && i < sizeof NAMES / sizeof *NAMES; i++) {
            size_t size = strlen(name), begin = strlen(NAMES[i].begin), end = strlen(NAMES[i].end);
            if (strncmp(name, NAMES[i].begin, begin) != 0)
                continue;
            if (end == 0 || (size >= begin + end && strcmp(name + size - end, NAMES[i].end) == 0 && strchr(name, '/') == NULL))
                return true;
        }
    }
    return false;
}

static bool
is_recorded(const recorder *r, const char *path)
{
    size_t size = strlen(path);
    for (size_t i = 0; i < r->texts.count; i++)
        if (strcmp(path, r->texts.paths[i]) == 0)
            return true;
    if (size == 0 || lies_under(path, &r->own))
        return false;
    if (path[0] == '<' && path[size - 1] == '>')
        return r->include_exec && strncmp(path, "<frozen", 7) != 0;
    if (r->include_stdlib)
        return true;
    return !is_import_hook(path) && (!lies_under(path, &r->skip) || lies_under(path, &r->keep));
}

/* Takes `.`, `..` and doubled slashes out of an absolute path, if what is left is still the same file (a symbolic link before a `..` says no). */
static void
tidy(char *path)
{
    if (path[0] != '/' || (strstr(path, "/.") == NULL && strstr(path, "//") == NULL))
        return;
    char *tidied = malloc(strlen(path) + 1);
    if (tidied == NULL)
        return;
    size_t size = 0;
    for (const char *at = path; *at;) {
        const char *part = ++at; /* behind a slash */
        while (*at && *at != '/')
            at++;
        size_t length = (size_t)(at - part);
        if (length == 2 && memcmp(part, "..", 2) == 0)
            while (size && tidied[--size] != '/')
                ;
        else if (length && !(length == 1 && part[0] == '.')) {
            tidied[size++] = '/';
            memcpy(tidied + size, part, length);
            size += length;
        }
    }
    tidied[size] = 0;
    struct stat before, after;
    if (size && stat(path, &before) == 0 && stat(tidied, &after) == 0 && before.st_dev == after.st_dev && before.st_ino == after.st_ino)
        strcpy(path, tidied);
    free(tidied);
}

/* The absolute path of a code object's file, as a malloc'ed string. */
static char *
path_of(recorder *r, PyCodeObject *code)
{
    const char *bytes;
    size_t size;
    if (!text_utf8(r, code->co_filename, 1 << 16, &bytes, &size))
        return NULL;
    bool relative = size && bytes[0] != '/' && bytes[0] != '<';
    size_t prefix = relative ? strlen(r->workdir) + 1 : 0;
    char *path = malloc(prefix + size + 1);
    if (path == NULL) {
        r->no_memory = true;
        return NULL;
    }
    if (relative) {
        memcpy(path, r->workdir, prefix - 1);
        path[prefix - 1] = '/';
    }
    memcpy(path + prefix, bytes, size);
    path[prefix + size] = 0;
    tidy(path);
    return path;
}

enum { LARGEST_SOURCE = 16 << 20 };

/* What is known of a path's text, made if need be; NULL: no memory. */
static kept_source *
source_of(recorder *r, uint32_t path_id)
{
    if (path_id >= r->source_count) {
        size_t count = path_id + 64;
        kept_source *sources = realloc(r->sources, count * sizeof *sources);
        if (sources == NULL)
            return NULL;
        memset(sources + r->source_count, 0, (count - r->source_count) * sizeof *sources);
        r->sources = sources;
        r->source_count = count;
    }
    return &r->sources[path_id];
}

/* Writes a path's text, the first time; later nothing. */
static void
define_source(recorder *r, uint32_t path_id, const char *text, size_t size)
{
    kept_source *source = source_of(r, path_id);
    if (source == NULL || source->versions)
        return;
    source->versions = 1;
    source->hash = XXH3_64bits(text, size);
    ct_define_source(r->out, path_id, text, size);
}

/* Opens the file of a path as text_utf8 gives it: bytes of a name that are no UTF-8 are U+DC80 to U+DCFF in Python (PEP 383), and three bytes here. */
static int
open_source(const char *path)
{
    char name[PATH_MAX];
    size_t size = 0;
    for (const unsigned char *at = (const unsigned char *)path; *at; at++) {
        if (size + 1 == sizeof name)
            return -1;
        if (at[0] == 0xED && (at[1] == 0xB2 || at[1] == 0xB3) && at[2]) {
            name[size++] = (char)((at[1] & 3) << 6 | (at[2] & 0x3F));
            at += 2;
        }
        else
            name[size++] = (char)*at;
    }
    name[size] = 0;
    return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* The text of a file, malloc'ed; NULL: there is none, or too much. */
static char *
read_source(const char *path, size_t *size)
{
    char *text = NULL;
    int file = open_source(path);
    struct stat status;
    if (file < 0)
        return NULL;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= LARGEST_SOURCE) {
        text = malloc((size_t)status.st_size + 1);
        ssize_t count = text ? read(file, text, (size_t)status.st_size) : -1;
        if (count < 0) {
            free(text);
            text = NULL;
        }
        *size = count < 0 ? 0 : (size_t)count;
    }
    close(file);
    return text;
}

/* Keeps the text of the file as it is now, when its code is first met: it may be gone or changed when the trace is read. */
static void
keep_source(recorder *r, uint32_t path_id, const char *path)
{
    kept_source *source = source_of(r, path_id);
    size_t size;
    char *text = source && source->versions == 0 ? read_source(path, &size) : NULL;
    if (text)
        define_source(r, path_id, text, size);
    else if (source && source->versions == 0)
        source->versions = 1; /* not to be tried again */
    free(text);
}

/* A module's body runs whose file has another text than the one that is in the trace under its path: it was changed and loaded again (importlib.reload).
 * Its code gets a path of its own, `module#2.py`, with the new text; malloc'ed. NULL: the text is the same, or the first one. */
static char *
later_version(recorder *r, const char *path)
{
    kept_source *source = source_of(r, ct_define_path(r->out, path, strlen(path)));
    size_t size;
    char *text = source && source->versions ? read_source(path, &size) : NULL;
    char *version = NULL;
    if (text && XXH3_64bits(text, size) != source->hash && (version = malloc(strlen(path) + 32)) != NULL) {
        const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
        size_t stem = dot ? (size_t)(dot - path) : strlen(path);
        source->hash = XXH3_64bits(text, size);
        sprintf(version, "%.*s#%u%s", (int)stem, path, ++source->versions, path + stem);
        define_source(r, ct_define_path(r->out, version, strlen(version)), text, size);
    }
    free(text);
    return version;
}

/* globals()["__name__"] of the frame, borrowed, or NULL. */
static PyObject *
module_name(ct_frame *frame)
{
    PyObject *globals = ct_frame_globals(frame);
    if (globals == NULL || !PyDict_Check(globals))
        return NULL;
    PyObject *name = ct_dict_is_text_keyed(globals) ? PyDict_GetItemWithError(globals, name_key) : dict_get_text(globals, "__name__");
    return name && PyUnicode_Check(name) ? name : NULL;
}

static bool
describe_slots(recorder *r, PyCodeObject *code, code_info *info)
{
    info->slot_count = (uint32_t)code->co_nlocalsplus;
    info->parameter_count = (uint32_t)(code->co_argcount + code->co_kwonlyargcount + ((code->co_flags & CO_VARARGS) != 0) + ((code->co_flags & CO_VARKEYWORDS) != 0));
    info->names = malloc((info->slot_count + 1) * (sizeof *info->names + 2));
    if (info->names == NULL)
        return false;
    info->kinds = (uint8_t *)(info->names + info->slot_count + 1);
    info->actions = info->kinds + info->slot_count + 1;
    memcpy(info->kinds, PyBytes_AS_STRING(code->co_localspluskinds), info->slot_count);
    for (uint32_t i = 0; i < info->slot_count; i++) {
        info->names[i] = name_of(r, PyTuple_GET_ITEM(code->co_localsplusnames, i));
        PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames, i);
        info->actions[i] = filters_name_action(r, info, i < info->parameter_count ? CT_FILTER_ARG : CT_FILTER_LOCAL, name, r->name_actions[info->names[i]]);
        info->hides |= info->actions[i] != VALUE_SHOW;
    }
    const char *name;
    size_t size;
    uint8_t by_name = VALUE_SHOW;
    if (r->redaction && !info->is_namespace && text_utf8(r, code->co_name, 256, &name, &size) && ct_name_is_secret(name, size))
        by_name = VALUE_HIDE_TEXTS;
    info->return_action = value_stricter(info->return_action, by_name);
    info->yield_action = value_stricter(info->yield_action, by_name);
    return true;
}

/* The module's name by its file: the file's own, behind the folders above it that are packages. 0: none, or it is too long. */
static size_t
module_of_path(const char *path, char *name, size_t room)
{
    char file[4096];
    size_t end = strlen(path);
    if (end >= 3 && memcmp(path + end - 3, ".py", 3) == 0)
        end -= 3;
    if (end + sizeof "/__init__.py" > sizeof file || path[0] != '/')
        return 0;
    size_t start = end;
    while (path[start - 1] != '/')
        start--;
    while (start > 1) {
        memcpy(file, path, start);
        memcpy(file + start, "__init__.py", sizeof "__init__.py");
        if (access(file, F_OK) != 0)
            break;
        start--;
        while (path[start - 1] != '/')
            start--;
    }
    static const char INIT[] = "/__init__";
    if (end - start > sizeof INIT - 1 && memcmp(path + end - (sizeof INIT - 1), INIT, sizeof INIT - 1) == 0)
        end -= sizeof INIT - 1;
    if (end - start > room)
        return 0;
    for (size_t i = 0; i < end - start; i++)
        name[i] = path[start + i] == '/' ? '.' : path[start + i];
    return end - start;
}

/* The names that the code looks up as globals: all of co_names that its module has; attribute names among them do no harm
 * unless a global has the same name, which is then recorded though only an attribute was meant. */
static bool
describe_globals(recorder *r, PyCodeObject *code, code_info *info)
{
    info->global_count = (size_t)PyTuple_GET_SIZE(code->co_names);
    info->global_keys = malloc((info->global_count + 1) * sizeof *info->global_keys);
    info->global_names = malloc((info->global_count + 1) * sizeof *info->global_names);
    info->global_actions = malloc(info->global_count + 1);
    if (info->global_keys == NULL || info->global_names == NULL || info->global_actions == NULL)
        return false;
    for (size_t i = 0; i < info->global_count; i++) {
        info->global_keys[i] = PyTuple_GET_ITEM(code->co_names, i);
        info->global_names[i] = name_of(r, info->global_keys[i]);
        info->global_actions[i] = filters_name_action(r, info, CT_FILTER_GLOBAL, info->global_keys[i], r->name_actions[info->global_names[i]]);
    }
    return true;
}

static void
define(recorder *r, PyCodeObject *code, code_info *info, const char *path, ct_frame *frame)
{
    ct_code_definition definition = {.path = ct_define_path(r->out, path, strlen(path)), .first_line = (uint32_t)code->co_firstlineno};
    if (path[0] != '<')
        keep_source(r, definition.path, path);

    char module[512];
    PyObject *name = r->modules_from_paths ? NULL : module_name(frame);
    const char *bytes;
    size_t size;
    if (r->modules_from_paths) {
        definition.module = module;
        definition.module_size = module_of_path(path, module, sizeof module);
    }
    else if (name && text_utf8(r, name, sizeof module, &bytes, &size)) {
        memcpy(module, bytes, size);
        definition.module = module;
        definition.module_size = size;
    }
    if (definition.module)
        redaction_hide_name(r, &definition.module, &definition.module_size);
    static const struct { int theirs; uint32_t ours; } FLAGS[] = {
        {CO_VARARGS, CT_CODE_VARARGS}, {CO_VARKEYWORDS, CT_CODE_VARKEYWORDS}, {CO_GENERATOR, CT_CODE_GENERATOR},
        {CO_COROUTINE, CT_CODE_COROUTINE}, {CO_ASYNC_GENERATOR, CT_CODE_ASYNC_GENERATOR},
    };
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
        if (code->co_flags & FLAGS[i].theirs)
            definition.flags |= FLAGS[i].ours;
    if (info->is_namespace) {
        definition.flags |= CT_CODE_NAMESPACE;
        if (info->is_module)
            definition.flags |= CT_CODE_MODULE;
    }
    definition.arguments = (uint32_t)code->co_argcount;
    definition.keyword_only = (uint32_t)code->co_kwonlyargcount;

    ct_code_slot few[32], *slots = info->slot_count <= sizeof few / sizeof *few ? few : malloc(info->slot_count * sizeof *slots);
    if (slots == NULL) {
        r->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < info->slot_count; i++) {
        uint8_t kind = info->kinds[i];
        slots[i].name = info->names[i];
        slots[i].kind = (uint8_t)((i < info->parameter_count ? CT_SLOT_PARAMETER : 0) | (kind & CO_FAST_CELL ? CT_SLOT_CELL : 0) |
                                  (kind & CO_FAST_FREE ? CT_SLOT_FREE : 0) | (kind & CO_FAST_HIDDEN ? CT_SLOT_HIDDEN : 0));
    }
    definition.slots = slots;
    definition.slot_count = info->slot_count;
    /* Last, for it may use the same buffer as the texts before. */
    if (text_utf8(r, code->co_qualname, 1 << 16, &definition.qualified_name, &definition.qualified_name_size)) {
        redaction_hide_name(r, &definition.qualified_name, &definition.qualified_name_size); /* exec() of a def with a text in its name, code.replace(co_qualname=…) */
        info->code = ct_define_code(r->out, &definition);
        columns_define(r, code, info->code);
    }
    if (slots != few)
        free(slots);
}

static void
find_points(recorder *r, PyCodeObject *code, code_info *info, const char *path, ct_frame *frame)
{
    char name[2048], *loaded = path_of(r, code);
    size_t used = 0;
    PyObject *parts[] = {module_name(frame), code->co_qualname};
    for (size_t i = 0; i < 2; i++) {
        const char *bytes;
        size_t size;
        if (parts[i] == NULL || !text_utf8(r, parts[i], sizeof name / 2 - 2, &bytes, &size))
            continue;
        if (used)
            name[used++] = '.';
        memcpy(name + used, bytes, size);
        used += size;
    }
    name[used] = 0;
    if (loaded)
        info->points = period_points_of(r, path, loaded, name);
    free(loaded);
}

static void give_path(recorder *r, PyCodeObject *code, const char *path);

static void
give_path_to_inner(recorder *r, PyCodeObject *code, const char *path)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(code->co_consts, i);
        if (PyCode_Check(constant)) /* as deep as the program's own blocks nest: the compiler allows 100 at most */
            give_path(r, (PyCodeObject *)constant, path);
    }
}

/* What `co_extra` leads to, in CPython 3.12 and 3.13 (Objects/codeobject.c). */
typedef struct {
    Py_ssize_t size;
    void *extras[1];
} code_extra;

/* The interpreter makes room for every index that was requested, and when the code dies it calls each one's function, also where nothing was set: a
 * function of the program's (by ctypes; it may be gone by then) would be called for all code that is recorded. So the room that we made ends behind our own place. */
static int
set_info(PyCodeObject *code, code_info *info)
{
    Py_ssize_t before = code->co_extra ? ((code_extra *)code->co_extra)->size : 0;
    if (PyUnstable_Code_SetExtra((PyObject *)code, extra_index, info) < 0)
        return -1;
    if (before <= extra_index)
        ((code_extra *)code->co_extra)->size = extra_index + 1;
    return 0;
}

code_info *
code_info_of(recorder *r, PyCodeObject *code, ct_frame *frame)
{
    void *extra = NULL;
    PyUnstable_Code_GetExtra((PyObject *)code, extra_index, &extra);
    code_info *info = extra;
    if (__builtin_expect(info != NULL && info->session == r->session, 1))
        return info;

    char *path = info && info->given_path ? strdup(info->given_path) : path_of(r, code);
    bool given = info && info->given_path;
    info = calloc(1, sizeof *info); /* setting it frees the one of an earlier recording, or that had only a given path */
    if (info == NULL || path == NULL || set_info(code, info) < 0) {
        PyErr_Clear();
        free(info);
        free(path);
        r->no_memory = true;
        return NULL;
    }
    info->session = r->session;
    info->skipped = !given && !is_recorded(r, path);
    info->own = lies_under(path, &r->own);
    info->outer = info->own || lies_under(path, &r->outer);
    if (r->filter && !info->own && *path) {
        bool by_place = !info->skipped;
        filters_decide(r, code, info, path, module_name(frame), by_place);
        r->skipped_by_rules += info->skipped && by_place;
        r->filtered_codes[info->skipped ? CT_FILTER_SKIP : info->calls_only ? CT_FILTER_CALLS : CT_FILTER_TRACE]++;
    }
    if (!info->skipped && !given && path[0] == '/' && PyUnicode_CompareWithASCIIString(code->co_name, "<module>") == 0) {
        char *version = later_version(r, path);
        if (version) {
            give_path_to_inner(r, code, version);
            free(path);
            path = version;
        }
    }
    if (r->point_count && !info->own)
        find_points(r, code, info, path, frame);
    if (!info->skipped) {
        info->first_line = code->co_firstlineno;
        info->is_namespace = !(code->co_flags & CO_OPTIMIZED);
        info->is_module = info->is_namespace && PyUnicode_CompareWithASCIIString(code->co_name, "<module>") == 0;
        if (!describe_slots(r, code, info) || (r->record_globals && !info->is_namespace && !describe_globals(r, code, info)))
            r->no_memory = true;
        else
            define(r, code, info, path, frame);
    }
    free(path);
    if ((!info->skipped && !info->calls_only) || info->points)
        line_events_begin(r, code, info);
    return info;
}

static void
give_path(recorder *r, PyCodeObject *code, const char *path)
{
    void *old = NULL;
    PyUnstable_Code_GetExtra((PyObject *)code, extra_index, &old);
    if (old && ((code_info *)old)->session == r->session)
        return; /* it has run already */
    code_info *info = calloc(1, sizeof *info);
    if (info == NULL || (info->given_path = strdup(path)) == NULL || set_info(code, info) < 0) {
        PyErr_Clear();
        code_info_free(info);
        r->no_memory = true;
        return;
    }
    give_path_to_inner(r, code, path);
}

void
code_info_give_text(recorder *r, const char *path, const char *source, size_t size)
{
    define_source(r, ct_define_path(r->out, path, strlen(path)), source, size);
}

void
code_info_give_source(recorder *r, PyCodeObject *code, const char *path, const char *source, size_t size)
{
    code_info_give_text(r, path, source, size);
    give_path(r, code, path);
}
