/* See ct_places.h. */
#include "formats/ct_places.h"

#include <string.h>

#include "formats/text.h"
#include "util/memory.h"

enum {
    LINES_PER_FILE = 100000,       /* section 3: line-only gli */
    MOST_UNSEEN = 4 << 20,         /* lines of all files together beyond their texts: each costs a byte of the trace, and code can say that it is at any line */
};

/* ---- how many lines each file has ---- */

static ct_code
lines_of_source(const ct_places *places, uint32_t path, uint64_t *lines, ct_error *error)
{
    ct_text text;
    ct_code code = ct_journal_source(places->journal, path, &text, error);
    *lines = 0;
    for (size_t k = 0; code == CT_OK && k < text.size; k++)
        *lines += text.bytes[k] == '\n';
    return code == CT_END ? CT_OK : code;
}

static void
reach(ct_places *places, const ct_code_info *info, int64_t line, uint32_t path_count)
{
    if (!info || info->path >= path_count || line <= 0 || places->lines[info->path] >= (uint64_t)line)
        return;
    uint64_t wanted = (uint64_t)line - places->lines[info->path];
    uint64_t taken = wanted < MOST_UNSEEN - places->unseen ? wanted : MOST_UNSEEN - places->unseen;
    places->unseen += taken;
    places->lines[info->path] += taken;
}

/* Of code whose lines are not told (of an earlier recorder, or imported), a pass over the journal tells them. */
static ct_code
pass(ct_places *places, uint32_t path_count, ct_error *error)
{
    ct_replay *replay;
    const ct_event *event;
    CT_TRY(ct_replay_new(places->journal, &replay, error));
    ct_code code;
    while ((code = ct_replay_next(replay, &event, error)) == CT_OK)
        if (event->kind == CT_EVENT_STEP)
            reach(places, ct_journal_code(places->journal, event->activation->code), event->line, path_count);
    ct_replay_free(replay);
    return code == CT_END ? CT_OK : code;
}

/* Those of its source, and whatever steps and functions say: code may bear the name of a file that it does not come from. */
static ct_code
count_lines(ct_places *places, const ct_journal_counts *counts, ct_error *error)
{
    const ct_allocator *allocator = ct_journal_allocator(places->journal);
    bool all_told = true;
    places->lines = ct_allocate_zero(allocator, counts->paths + 1u, sizeof *places->lines);
    places->first_code = ct_allocate_zero(allocator, counts->paths + 1u, sizeof *places->first_code);
    places->next_code = ct_allocate_zero(allocator, counts->codes + 1u, sizeof *places->next_code);
    if (!places->lines || !places->first_code || !places->next_code)
        return ct_fail(error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    for (uint32_t i = 0; i < counts->paths; i++)
        CT_TRY(lines_of_source(places, i, &places->lines[i], error));
    for (uint32_t i = 0; i < counts->codes; i++) {
        const ct_code_info *info = ct_journal_code(places->journal, i);
        size_t count;
        const ct_line_column *lines = ct_journal_lines(places->journal, i, &count);
        reach(places, info, info->first_line, counts->paths);
        if (count)
            reach(places, info, lines[count - 1].line, counts->paths);
        all_told = all_told && count;
        if (info->path < counts->paths) {
            places->next_code[i] = places->first_code[info->path];
            places->first_code[info->path] = i + 1;
        }
    }
    return all_told ? CT_OK : pass(places, counts->paths, error);
}

/* By column when columns are known, and when a line-only gli would spill into the next file. */
ct_code
ct_places_start(ct_places *places, ct_error *error)
{
    ct_journal_counts counts;
    ct_journal_count(places->journal, &counts);
    for (uint32_t i = 0; i < counts.codes && !places->has_columns; i++) {
        size_t count;
        const ct_line_column *lines = ct_journal_lines(places->journal, i, &count);
        for (size_t k = 0; k < count && !places->has_columns; k++)
            places->has_columns = lines[k].column > 0;
    }
    places->by_column = places->by_column || places->has_columns;
    CT_TRY(count_lines(places, &counts, error));
    for (uint32_t i = 0; i < counts.paths && !places->by_column; i++)
        places->by_column = places->lines[i] + 1 >= LINES_PER_FILE;
    return CT_OK;
}

bool
ct_places_hold(const ct_places *places, uint32_t path, int64_t line)
{
    return !places->by_column || (line > 0 && (uint64_t)line <= places->lines[path] + 1);
}

/* ---- how long each line is ---- */

static void
lengthen(const ct_places_file *file, uint64_t line, uint64_t length)
{
    if (line > 0 && line <= file->lines && file->starts[line - 1] < length)
        file->starts[line - 1] = length;
}

/* Into starts, as lengths: those of the text, and of the code that says it is there. */
static ct_code
measure(const ct_places *places, uint32_t path, const ct_places_file *file, ct_error *error)
{
    ct_text text;
    ct_code code = ct_journal_source(places->journal, path, &text, error);
    uint64_t line = 1;
    if (code != CT_OK && code != CT_END)
        return code;
    for (size_t at = 0; code == CT_OK && at < text.size; line++) {
        const char *newline = memchr(text.bytes + at, '\n', text.size - at);
        size_t end = newline ? (size_t)(newline - text.bytes) : text.size;
        lengthen(file, line, end - at);
        at = end + 1;
    }
    for (uint32_t i = places->first_code[path]; i; i = places->next_code[i - 1]) {
        size_t count;
        const ct_line_column *lines = ct_journal_lines(places->journal, i - 1, &count);
        for (size_t k = 0; k < count; k++)
            lengthen(file, lines[k].line, lines[k].column);
    }
    return CT_OK;
}

/* Whether the journal's path is that of the trace, which is clean. */
static ct_code
is_path(const ct_places *places, uint32_t number, ct_text path, bool *same)
{
    ct_text known = ct_journal_path(places->journal, number);
    *same = known.size == path.size && memcmp(known.bytes, path.bytes, path.size) == 0;
    if (*same || !memmem(path.bytes, path.size, "\xEF\xBF\xBD", 3)) /* U+FFFD is what cleaning leaves */
        return CT_OK;
    ct_buffer cleaned = {.allocator = ct_journal_allocator(places->journal)};
    ct_text_clean(&cleaned, (const uint8_t *)known.bytes, known.size, false);
    *same = cleaned.size == path.size && memcmp(cleaned.bytes, path.bytes, path.size) == 0;
    ct_code code = cleaned.failed ? CT_E_NOMEM : CT_OK;
    ct_buffer_free(&cleaned);
    return code;
}

/* Of the file of that name: several of the journal's paths may be one when they are clean. */
static ct_code
find_lines(ct_places *places, ct_text path, ct_places_file *file, ct_error *error)
{
    ct_journal_counts counts;
    uint64_t lines = 0;
    bool same;
    ct_journal_count(places->journal, &counts);
    for (uint32_t i = 0; i < counts.paths; i++) {
        CT_TRY(is_path(places, i, path, &same));
        if (same && places->lines[i] > lines)
            lines = places->lines[i];
    }
    file->lines = lines + 1; /* what follows the last newline; and no file is without a place */
    if (!places->has_columns)
        return CT_OK;
    file->starts = ct_allocate_zero(ct_journal_allocator(places->journal), file->lines + 1, sizeof *file->starts);
    if (!file->starts)
        return CT_E_NOMEM;
    for (uint64_t i = 0; i < file->lines; i++)
        file->starts[i] = 1;
    for (uint32_t i = 0; i < counts.paths; i++) {
        CT_TRY(is_path(places, i, path, &same));
        if (same)
            CT_TRY(measure(places, i, file, error));
    }
    return CT_OK;
}

/* The record of a path, by column; lengths become beginnings. */
static void
put_lines(ct_places_file *file, ct_buffer *record)
{
    uint64_t before = 0, at = 0;
    ct_buffer_add_varint(record, file->lines);
    for (uint64_t i = 0; i < file->lines; i++) {
        uint64_t length = file->starts ? file->starts[i] : 1;
        ct_buffer_add_varint(record, ct_zigzag_of((int64_t)(length - before))); /* the first one is itself */
        before = length;
        if (file->starts)
            file->starts[i] = at;
        at += length;
    }
    if (file->starts)
        file->starts[file->lines] = at;
    file->size = at;
}

ct_code
ct_places_path(ct_places *places, ct_text path, ct_buffer *record, ct_error *error)
{
    if (!places->by_column) {
        ct_buffer_add(record, path.bytes, path.size);
        return record->failed ? CT_E_NOMEM : CT_OK;
    }
    if (places->file_count == places->file_capacity) {
        size_t capacity = places->file_count ? places->file_count * 2 : 16;
        ct_places_file *files = ct_resize(ct_journal_allocator(places->journal), places->files, capacity * sizeof *files);
        if (!files)
            return CT_E_NOMEM;
        places->files = files;
        places->file_capacity = capacity;
    }
    ct_places_file *file = &places->files[places->file_count];
    *file = (ct_places_file){ .base = places->file_count ? file[-1].base + file[-1].size : 0 };
    places->file_count++;
    CT_TRY(find_lines(places, path, file, error));
    ct_buffer_add_varint(record, path.size);
    ct_buffer_add(record, path.bytes, path.size);
    put_lines(file, record);
    return record->failed ? CT_E_NOMEM : CT_OK;
}

uint64_t
ct_places_position(const ct_places *places, uint32_t path, int64_t line, uint32_t column)
{
    uint64_t at = line > 0 ? (uint64_t)line : 0;
    if (!places->by_column)
        return (uint64_t)path * LINES_PER_FILE + (at < LINES_PER_FILE ? at : LINES_PER_FILE - 1);
    const ct_places_file *file = &places->files[path];
    at = at ? at - 1 : 0;
    at = at < file->lines ? at : file->lines - 1;
    if (!file->starts)
        return file->base + at;
    uint64_t within = column ? column - 1 : 0, length = file->starts[at + 1] - file->starts[at];
    return file->base + file->starts[at] + (within < length ? within : length - 1);
}

void
ct_places_free(ct_places *places)
{
    if (!places->journal)
        return;
    const ct_allocator *allocator = ct_journal_allocator(places->journal);
    for (size_t i = 0; i < places->file_count; i++)
        ct_free(allocator, places->files[i].starts);
    ct_free(allocator, places->files);
    ct_free(allocator, places->lines);
    ct_free(allocator, places->first_code);
    ct_free(allocator, places->next_code);
}

/* ---- reading ---- */

/* `str path, varint lines, a length per line` and nothing behind it; the lines' beginnings are kept. */
static bool
take_columns(ct_places_in *places, ct_input in, ct_text *path, ct_places_in_file *file, bool *memory)
{
    size_t first = places->line_count;
    uint64_t at = 0;
    int64_t length = 0;
    *path = ct_take_text(&in);
    size_t lines = ct_take_count(&in, 1);
    for (size_t i = 0; i < lines && !in.bad && *memory; i++) {
        int64_t delta = ct_take_svarint(&in);
        if (__builtin_add_overflow(length, delta, &length) || length < 0 || length > INT32_MAX)
            in.bad = true;
        *memory = CT_GROW(places->allocator, places->lines, places->line_capacity, places->line_count);
        if (*memory)
            places->lines[places->line_count++] = at;
        at += (uint64_t)length;
        file->has_columns = file->has_columns || length > 1;
    }
    if (in.bad || in.at != in.end) {
        places->line_count = first;
        return false;
    }
    file->first_line = first;
    file->lines = lines;
    file->size = lines == 0 ? LINES_PER_FILE : at ? at : 1;
    return true;
}

ct_code
ct_places_in_path(ct_places_in *places, bool tell_form, ct_input record, ct_text *path)
{
    ct_places_in_file file = {.base = places->next_base, .size = LINES_PER_FILE};
    ct_text inside;
    bool memory = true;
    *path = record.at ? (ct_text){(const char *)record.at, ct_input_left(&record)} : (ct_text){"", 0};
    if (tell_form) /* hardly any path is one with a table of lines by chance */
        places->by_column = take_columns(places, record, &inside, &file, &memory);
    else if (places->by_column && !take_columns(places, record, &inside, &file, &memory) && memory)
        return CT_E_CORRUPT;
    if (!memory || !CT_GROW(places->allocator, places->files, places->file_capacity, places->file_count))
        return CT_E_NOMEM;
    if (places->by_column)
        *path = inside;
    places->files[places->file_count++] = file;
    places->next_base += file.size;
    return CT_OK;
}

ct_place
ct_places_in_find(const ct_places_in *places, uint64_t position)
{
    if (!places->by_column) {
        uint64_t path = position / LINES_PER_FILE, last = places->file_count ? places->file_count - 1 : 0;
        if (path > last && position >> 32 > 0 && position >> 32 <= last) /* as another of upstream's writers packs them */
            return (ct_place){position >> 32, (int64_t)(position & UINT32_MAX), 0};
        if (path > last)
            path = last;
        uint64_t line = position - path * LINES_PER_FILE;
        return (ct_place){path, line > INT32_MAX ? INT32_MAX : (int64_t)line, 0};
    }
    size_t low = 0, high = places->file_count;
    while (low + 1 < high) { /* the last file that does not begin behind it */
        size_t middle = low + (high - low) / 2;
        if (places->files[middle].base <= position)
            low = middle;
        else
            high = middle;
    }
    if (places->file_count == 0)
        return (ct_place){0};
    const ct_places_in_file *file = &places->files[low];
    uint64_t within = position - file->base;
    if (file->lines == 0)
        return (ct_place){low, within > INT32_MAX ? INT32_MAX : (int64_t)within, 0};
    const uint64_t *lines = places->lines + file->first_line;
    size_t from = 0, to = file->lines;
    while (from + 1 < to) { /* of lines that begin at the same place the last: those before it are empty */
        size_t middle = from + (to - from) / 2;
        if (lines[middle] <= within)
            from = middle;
        else
            to = middle;
    }
    return (ct_place){low, (int64_t)from + 1, file->has_columns ? within - lines[from] + 1 : 0};
}

int64_t
ct_places_in_line(const ct_places_in *places, uint64_t path, int64_t line)
{
    if (path >= places->file_count)
        return line;
    const ct_places_in_file *file = &places->files[path];
    const uint64_t last = places->by_column && file->lines ? file->lines : LINES_PER_FILE - 1;
    return line <= 0 ? places->by_column : (uint64_t)line < last ? line : (int64_t)last;
}

void
ct_places_in_free(ct_places_in *places)
{
    ct_free(places->allocator, places->files);
    ct_free(places->allocator, places->lines);
}
