/* Opening a trace: which file is meant, which format it has, and a journal of it.
 *
 * A format is known by how its files begin; names only say which files of a folder are looked at. Invariant: the temporary journal has no name.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codetracer/import.h"
#include "codetracer/trace.h"
#include "formats/ct_reading.h"
#include "formats/open.h"
#include "formats/trace_folder.h"
#include "journal/reader.h"
#include "util/io.h"
#include "util/memory.h"
#include "util/os.h"

/* ---- formats ---- */

static bool
begins_journal(const uint8_t *start, size_t size)
{
    return size >= 8 && memcmp(start, CT_JOURNAL_MAGIC, 8) == 0;
}

/* Containers and both layouts of trace.bin share a magic; the byte behind it tells them apart. */
static bool
begins_shared(const uint8_t *start, size_t size)
{
    return size >= 6 && memcmp(start, "\xC0\xDE\x72\xAC\xE2", 5) == 0;
}

static bool begins_binary(const uint8_t *start, size_t size) { return begins_shared(start, size) && start[5] == 1; }
static bool begins_binary_v0(const uint8_t *start, size_t size) { return begins_shared(start, size) && start[5] == 0; }
static bool begins_container(const uint8_t *start, size_t size) { return begins_shared(start, size) && start[5] > 1; }

static bool
begins_array(const uint8_t *start, size_t size)
{
    size_t i = 0;
    while (i < size && (start[i] == ' ' || start[i] == '\t' || start[i] == '\r' || start[i] == '\n'))
        i++;
    return i < size && start[i] == '[';
}

typedef struct reader {
    const char *name;
    const char *file;              /* what its file in a folder is called; with a dot first: how its name ends */
    bool (*begins)(const uint8_t *start, size_t size);
    ct_code (*import)(const char *path, ct_recording *recording, ct_error *error); /* NULL: it is a journal */
} reader;

static const reader READERS[] = {
    [CT_TRACE_JOURNAL] = {"journal", ".ctj", begins_journal, NULL},
    [CT_TRACE_CT] = {"ct", ".ct", begins_container, ct_import_ct},
    [CT_TRACE_JSON] = {"json", "trace.json", begins_array, ct_import_json},
    [CT_TRACE_BINARY] = {"binary", "trace.bin", begins_binary, ct_import_binary},
    [CT_TRACE_BINARY_V0] = {"binary-v0", "trace.bin", begins_binary_v0, ct_import_binary_v0},
};
enum { FORMAT_COUNT = sizeof READERS / sizeof *READERS, START = 64 };

const char *
ct_trace_format_name(enum ct_trace_format format)
{
    return (unsigned)format < FORMAT_COUNT ? READERS[format].name : NULL;
}

/* ---- a file ---- */

static ct_code
append_temporary(void *context, const void *bytes, size_t count, ct_error *error)
{
    ct_code code = ct_descriptor_append(*(int *)context, bytes, count, error);
    return code == CT_E_IO ? ct_fail(error, code, "the temporary journal cannot be written; set TMPDIR to a folder with room", 0, error ? error->system : 0) : code;
}

static ct_code
import_into(int file, const char *path, const reader *from, const char *folder, const ct_allocator *allocator, ct_error *error)
{
    ct_recording *recording;
    ct_error ending = {0};
    ct_sink sink = {.context = &file, .append = append_temporary};
    ct_recording_options options = {.journal = &sink, .temporary_folder = folder, .allocator = allocator};
    CT_TRY(ct_recording_open(&options, &recording, error));
    ct_code code = from->import(path, recording, error);
    ct_code end = ct_recording_finish(recording, &ending);
    if (end == CT_OK || (code != CT_OK && code != end))
        return code;
    if (error)
        *error = ending;
    return end;
}

/* What could be read of a trace that is damaged; nothing: NULL. */
static void
open_intact_part(int file, const ct_allocator *allocator, bool rescued, ct_journal **journal)
{
    ct_source source;
    ct_journal_counts counts;
    if (ct_source_of_descriptor(file, &source, NULL) != CT_OK || ct_journal_open_source(&source, allocator, journal, NULL) != CT_OK)
        return;
    ct_journal_count(*journal, &counts);
    (*journal)->counts.imported = true;
    (*journal)->counts.rescued = rescued;
    if (counts.events)
        return;
    ct_journal_close(*journal);
    *journal = NULL;
}

static ct_code
import_trace(const char *path, const reader *from, const ct_trace_options *options, ct_journal **journal, ct_error *error)
{
    const char *folder = ct_temporary_folder(options->temporary_folder);
    ct_source source;
    int file = ct_create_unnamed_file(folder);
    if (file < 0)
        return ct_about(folder, error, ct_fail(error, CT_E_IO, "no temporary journal can be made; set TMPDIR to a folder with room", 0, errno));
    ct_code code = import_into(file, path, from, folder, options->allocator, error);
    if (code != CT_OK) {
        if (code == CT_E_CORRUPT)
            open_intact_part(file, options->allocator, error->message == CT_IMPORT_RESCUED, journal);
        else
            close(file);
        return code;
    }
    CT_TRY(ct_source_of_descriptor(file, &source, error));
    CT_TRY(ct_journal_open_source(&source, options->allocator, journal, error));
    (*journal)->counts.imported = true;
    return CT_OK;
}

/* ---- the journal in a container ---- */

static const char LOST_DAMAGED[] = "journal.ctj in it is damaged here; the trace was read from the layouts for other readers beside it, which leave things out "
                                   "(docs/converting.md); `codetracer-trace verify` tells what is damaged";
static const char LOST_CUT[] = "journal.ctj in it ends here, before its end; the trace was read from the layouts for other readers beside it, which leave things out "
                               "(docs/converting.md); `codetracer-trace verify` tells what is missing";
static const char LOST_VERSION[] = "journal.ctj in it is of a version that this program does not know; the trace was read from the layouts for other readers beside it, "
                                   "which leave things out (docs/converting.md); a newer codetracer-trace shows all of it";

static const char LOST_ENTRY[] = "journal.ctj, which this recorder puts into such a container, is not in its directory, which begins here and is damaged; the trace was "
                                 "read from the layouts for other readers beside it, which leave things out (docs/converting.md); `codetracer-trace verify` tells more";

static void
note_ours(void *context, const char *key, const char *bytes, size_t size)
{
    if (strcmp(key, "recorder") == 0)
        *(bool *)context = size == sizeof CT_OUR_RECORDER - 1 && memcmp(bytes, CT_OUR_RECORDER, size) == 0;
}

/* Whether a container without journal once had one: this recorder's has, if it has both layouts. Entries of the directory carry no checksum, so
 * without this question one that is damaged would cost what the layouts leave out, and nobody be told. */
static ct_code
had_journal(ct_container *container, const ct_allocator *allocator, bool *had, ct_error *error)
{
    bool ours = false;
    ct_code code;
    ct_meta meta;
    const ct_stream_sink sink = {.context = &ours, .meta = note_ours, .allocator = allocator};
    const ct_reading reading = {.sink = &sink, .container = container, .error = error};
    *had = false;
    ct_inner *steps = ct_container_find(container, "steps.dat", CT_FIRST_ENTRY, &code, error), *log = NULL;
    if (code == CT_OK && steps)
        log = ct_container_find(container, "events.log", CT_LAST_ENTRY, &code, error);
    if (code != CT_OK || !log)
        return code;
    code = ct_read_meta(&reading, CT_LAST_ENTRY, &meta);
    *had = code == CT_OK && ours;
    return code == CT_E_VERSION ? CT_OK : code; /* the layouts' reader tells */
}

/* Behind the last block that can be used. */
static uint64_t
end_of_blocks(const ct_journal *journal)
{
    const ct_block_list *const lists[] = {&journal->events, &journal->contents, &journal->definition_blocks};
    uint64_t end = CT_FILE_HEADER_SIZE;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i]->count) {
            const ct_block_entry *last = &lists[i]->blocks[lists[i]->count - 1];
            end = last->position + last->stored > end ? last->position + last->stored : end;
        }
    return end;
}

/* The journal that a container of this project holds as a whole, read where it lies. CT_END: there is none, or not all of it: then *lost says what is wrong with
 * it. */
static ct_code
open_inner_journal(const char *path, const ct_allocator *allocator, ct_journal **journal, ct_error *lost, ct_error *error)
{
    ct_source file, inner;
    ct_container *container;
    ct_journal_counts counts;
    ct_code code;
    CT_TRY(ct_source_open_file(path, &file, error));
    CT_TRY(ct_container_open(&file, allocator, &container, error));
    ct_inner *found = ct_container_find(container, "journal.ctj", CT_LAST_ENTRY, &code, error);
    if (!found || ct_inner_is_cut(found) || ct_inner_is_open(found)) {
        bool had = false;
        if (found)
            ct_fail(lost, CT_E_CORRUPT, LOST_CUT, file.size, 0);
        else if (code == CT_OK)
            code = had_journal(container, allocator, &had, error);
        if (had)
            ct_fail(lost, CT_E_CORRUPT, LOST_ENTRY, CT_CTFS_HEADER, 0);
        ct_container_close(container);
        return code == CT_OK ? CT_END : code;
    }
    CT_TRY(ct_inner_source(found, &inner, error));
    code = ct_journal_open_source(&inner, allocator, journal, error);
    if (code == CT_E_CORRUPT || code == CT_E_VERSION) {
        ct_fail(lost, code, code == CT_E_VERSION ? LOST_VERSION : LOST_DAMAGED, error->position, 0);
        return CT_END;
    }
    CT_TRY(code);
    ct_journal_count(*journal, &counts);
    const bool damaged = (*journal)->damage_sequence != UINT64_MAX;
    if (counts.complete && !damaged)
        return CT_OK;
    ct_fail(lost, CT_E_CORRUPT, damaged ? LOST_DAMAGED : LOST_CUT, inner.place(inner.context, damaged ? (*journal)->damage_position : end_of_blocks(*journal)), 0);
    ct_journal_close(*journal);
    *journal = NULL;
    return CT_END;
}

static ct_code
recognise(const ct_source *source, enum ct_trace_format *found, ct_error *error)
{
    uint8_t start[START];
    size_t size = source->size < sizeof start ? (size_t)source->size : sizeof start;
    CT_TRY(ct_source_read(source, 0, start, size, error));
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (READERS[i].begins(start, size)) {
            *found = (enum ct_trace_format)i;
            return CT_OK;
        }
    return ct_fail(error, CT_E_CORRUPT, "this is no trace: it begins like neither a journal (.ctj), a CTFS container (.ct), trace.bin nor trace.json", 0, 0);
}

static ct_code
open_file(const char *path, const ct_trace_options *options, ct_journal **journal, enum ct_trace_format *found, ct_error *error)
{
    ct_source source;
    ct_error lost = {0};
    CT_TRY(ct_source_open_file(path, &source, error));
    ct_code code = recognise(&source, found, error);
    if (code == CT_OK && !READERS[*found].import)
        return ct_journal_open_source(&source, options->allocator, journal, error);
    ct_source_close(&source);
    CT_TRY(code);
    code = *found == CT_TRACE_CT ? open_inner_journal(path, options->allocator, journal, &lost, error) : CT_END;
    if (code == CT_END)
        code = import_trace(path, &READERS[*found], options, journal, error);
    if (code != CT_OK || lost.code == CT_OK)
        return code;
    (*journal)->counts.rescued = true;
    *error = lost;
    return lost.code;
}

/* ---- a folder ---- */

/* The first names, in order, of those that were asked for; all are counted. */
enum { SHOWN = 4 };
typedef struct names { char items[SHOWN][NAME_MAX + 1]; size_t count; } names;

static void
names_add(names *list, const char *name)
{
    size_t i = list->count < SHOWN ? list->count : SHOWN;
    list->count++;
    for (; i > 0 && strcmp(name, list->items[i - 1]) < 0; i--)
        if (i < SHOWN)
            memcpy(list->items[i], list->items[i - 1], sizeof list->items[i]);
    if (i < SHOWN)
        snprintf(list->items[i], sizeof list->items[i], "%s", name);
}

static ct_code
names_error(const names *list, const char *message, ct_error *error)
{
    char text[sizeof error->subject] = "";
    size_t used = 0;
    for (size_t i = 0; i < list->count && i <= SHOWN && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", i < SHOWN ? list->items[i] : "…");
    return ct_about(text, error, ct_fail(error, CT_E_PARAM, message, 0, 0));
}

static bool
is_trace_name(const char *name)
{
    size_t size = strlen(name);
    for (int i = 0; i < FORMAT_COUNT && name[0] != '.'; i++) {
        const char *file = READERS[i].file;
        size_t wanted = strlen(file);
        if (size >= wanted && strcmp(name + size - wanted, file) == 0 && (file[0] == '.' || size == wanted))
            return true;
    }
    return false;
}

static bool
is_file_in(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The one trace in it; else the one recording that was cut. *name: where it begins in `path`, that of a recording's own folder is empty. */
static ct_code
find_in_folder(const char *folder, char path[PATH_MAX], const char **name, bool *recording, ct_error *error)
{
    *recording = is_file_in(folder, "journal.ctj") && is_file_in(folder, "journal.live");
    if (*recording) {
        *name = "";
        return snprintf(path, PATH_MAX, "%s", folder) < PATH_MAX ? CT_OK : ct_fail(error, CT_E_IO, "the path is too long", 0, ENAMETOOLONG);
    }
    names traces = {.count = 0}, cut = {.count = 0};
    DIR *entries = opendir(folder);
    if (!entries)
        return ct_fail(error, CT_E_IO, "the folder cannot be read", 0, errno);
    for (const struct dirent *entry; (entry = readdir(entries));)
        if (is_trace_name(entry->d_name) && is_file_in(folder, entry->d_name))
            names_add(&traces, entry->d_name);
        else if (strncmp(entry->d_name, ".recording-", 11) == 0)
            names_add(&cut, entry->d_name);
    closedir(entries);
    if (traces.count > 1)
        return names_error(&traces, "the folder holds several traces; give the path of one of them", error);
    if (!traces.count && cut.count > 1)
        return names_error(&cut, "the folder holds several unfinished recordings; `codetracer-trace recover` finishes them", error);
    if (!traces.count && !cut.count)
        return ct_fail(error, CT_E_IO, "the folder holds no trace: no .ctj, no .ct, no trace.json, no trace.bin", 0, 0);

    int size = snprintf(path, PATH_MAX, "%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/");
    *recording = !traces.count;
    *name = path + size;
    if (size >= PATH_MAX || snprintf(path + size, PATH_MAX - (size_t)size, "%s", traces.count ? traces.items[0] : cut.items[0]) >= PATH_MAX - size)
        return ct_fail(error, CT_E_IO, "the path is too long", 0, ENAMETOOLONG);
    return CT_OK;
}

static ct_code
open_folder(const char *folder, const ct_trace_options *options, ct_journal **journal, enum ct_trace_format *found, ct_error *error)
{
    char path[PATH_MAX];
    const char *name;
    bool recording;
    *found = CT_TRACE_JOURNAL;
    CT_TRY(find_in_folder(folder, path, &name, &recording, error));
    ct_code code = recording ? ct_journal_open(path, options->allocator, journal, error) : open_file(path, options, journal, found, error);
    return code != CT_OK && *name && error && !error->subject[0] ? ct_about(name, error, code) : code;
}

static ct_code
look_at(const char *path, bool *is_folder, ct_error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT ? ct_fail(error, CT_E_IO, "there is no such file or folder", 0, 0)
                               : ct_fail(error, CT_E_IO, "it cannot be opened", 0, errno);
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
        return ct_fail(error, CT_E_IO, "this is neither a file nor a folder", 0, 0);
    *is_folder = S_ISDIR(status.st_mode);
    return CT_OK;
}

ct_code
ct_trace_find(const char *path, char file[PATH_MAX], enum ct_trace_format *format, ct_error *error)
{
    const char *name;
    bool is_folder, recording = false;
    ct_source source;
    CT_TRY(look_at(path, &is_folder, error));
    if (is_folder)
        CT_TRY(find_in_folder(path, file, &name, &recording, error));
    else if (snprintf(file, PATH_MAX, "%s", path) >= PATH_MAX)
        return ct_fail(error, CT_E_IO, "the path is too long", 0, ENAMETOOLONG);
    *format = CT_TRACE_JOURNAL;
    if (recording)
        return CT_OK;
    CT_TRY(ct_source_open_file(file, &source, error));
    ct_code code = recognise(&source, format, error);
    ct_source_close(&source);
    return code;
}

ct_code
ct_trace_open(const char *path, const ct_trace_options *options, ct_journal **journal, enum ct_trace_format *format, ct_error *error)
{
    static const ct_trace_options none = {0};
    bool is_folder;
    enum ct_trace_format found;
    ct_error own;
    error = error ? error : &own;
    if (!path || !journal)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    if (!options)
        options = &none;
    *journal = NULL;
    CT_TRY(look_at(path, &is_folder, error));
    ct_code code = is_folder ? open_folder(path, options, journal, &found, error) : open_file(path, options, journal, &found, error);
    if (*journal && format)
        *format = found;
    return code;
}

/* ---- who wrote it ---- */

static void
set_recorder(ct_trace_origin *origin, const char *bytes, size_t size)
{
    size = size < sizeof origin->recorder ? size : sizeof origin->recorder - 1;
    if (size)
        memcpy(origin->recorder, bytes, size);
    origin->recorder[size] = 0;
}

static void
note_recorder(void *context, const char *key, const char *bytes, size_t size)
{
    if (strcmp(key, "recorder") == 0)
        set_recorder(context, bytes, size);
}

static void
take_from_journal(ct_journal *journal, ct_trace_origin *origin)
{
    ct_text recorder = ct_journal_meta_value(journal, "recorder");
    set_recorder(origin, recorder.bytes, recorder.size);
    origin->start_time = ct_journal_start_time(journal);
    ct_journal_close(journal);
}

/* Of the two meta.dat of a container that has two the last one is CodeTracer's loader's; both name the recorder. */
static ct_code
take_from_container(const char *file, const ct_stream_sink *sink, ct_error *error)
{
    ct_source source;
    ct_meta meta;
    ct_reading reading = {.sink = sink, .error = error};
    CT_TRY(ct_source_open_file(file, &source, error));
    CT_TRY(ct_container_open(&source, NULL, &reading.container, error));
    ct_code code = ct_read_meta(&reading, CT_LAST_ENTRY, &meta);
    ct_container_close(reading.container);
    return code;
}

ct_code
ct_trace_find_origin(const char *path, ct_trace_origin *origin, ct_error *error)
{
    char file[PATH_MAX];
    enum ct_trace_format format;
    ct_journal *journal;
    ct_error own, lost;
    error = error ? error : &own;
    if (!path || !origin)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    *origin = (ct_trace_origin){.start_time = 0};
    CT_TRY(ct_trace_find(path, file, &format, error));
    const ct_stream_sink sink = {.context = origin, .meta = note_recorder};
    ct_code code = format == CT_TRACE_JOURNAL ? ct_journal_open(file, NULL, &journal, error)
                   : format == CT_TRACE_CT    ? open_inner_journal(file, NULL, &journal, &lost, error)
                                              : CT_END;
    if (code == CT_OK)
        take_from_journal(journal, origin);
    if (code != CT_END)
        return code;
    if (format == CT_TRACE_CT)
        return take_from_container(file, &sink, error);
    char *folder = ct_trace_folder_of(file, NULL);
    if (!folder)
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    code = ct_trace_folder_give_metadata(folder, &sink, error);
    ct_free(NULL, folder);
    return code;
}
