/* Owns the records of definitions and contents, and their numbers.
 * Invariant: a number is given to the caller only after its record is in its block (or the recording has failed, and nothing more is kept).
 */
#include "journal/writer.h"

#include <stdio.h>
#include <string.h>

enum { FIXED_ROOM = 64 /* more than the numbers of any record take, lists apart */, NUMBER_ROOM = 5 /* a uint32_t as varint */ };

static const char no_memory[] = "no memory to remember what was defined";

static ct_known_memory
memory_of(ct_writer *writer)
{
    return (ct_known_memory){ .allocator = writer->allocator, .lock = &writer->lock };
}

/* At most `most` of count bytes of text, never in the middle of a character. */
static size_t
cut_text(const char *bytes, size_t count, size_t most)
{
    if (count <= most)
        return count;
    for (int back = 0; back < 3 && most > 0 && ((uint8_t)bytes[most] & 0xC0) == 0x80; back++)
        most--;
    return most;
}

static uint8_t *
write_text(uint8_t *at, const char *bytes, size_t count)
{
    at = ct_write_varint(at, count);
    if (count > 0)
        memcpy(at, bytes, count);
    return at + count;
}

static uint32_t
define_text(ct_writer *writer, enum ct_definition tag, ct_known *table, uint32_t *next, const char *bytes, size_t count)
{
    const ct_known_memory memory = memory_of(writer);
    ct_key key = ct_key_of(writer->seed, 0, bytes, count);
    uint64_t number;
    size_t kept = cut_text(bytes, count, writer->largest_record - FIXED_ROOM);
    uint8_t *at;

    if (ct_known_find(table, key, &number))
        return (uint32_t)number;
    number = (*next)++;
    at = ct_writer_record(writer, CT_BLOCK_DEFINITIONS, FIXED_ROOM + kept);
    if (at) {
        *at++ = (uint8_t)tag;
        at = write_text(at, bytes, kept);
        ct_writer_record_done(writer, CT_BLOCK_DEFINITIONS, at);
        if (!ct_known_add(table, &memory, key, number))
            ct_writer_refuse(writer, CT_E_NOMEM, no_memory);
    }
    return (uint32_t)number;
}

uint32_t
ct_define_path(ct_recording *recording, const char *bytes, size_t count)
{
    ct_writer *writer = recording->private_;
    return define_text(writer, CT_DEF_PATH, &writer->paths, &writer->path_count, bytes, count);
}

uint32_t
ct_define_name(ct_recording *recording, const char *bytes, size_t count)
{
    ct_writer *writer = recording->private_;
    return define_text(writer, CT_DEF_NAME, &writer->names, &writer->name_count, bytes, count);
}

uint32_t
ct_define_shape(ct_recording *recording, const uint32_t *names, size_t count)
{
    ct_writer *writer = recording->private_;
    const ct_known_memory memory = memory_of(writer);
    ct_key key = ct_key_of(writer->seed, 1, names, count * sizeof *names);
    uint64_t number;
    uint8_t *at;

    if (ct_known_find(&writer->shapes, key, &number))
        return (uint32_t)number;
    number = writer->shape_count++;
    if (ct_keeps_end(&writer->keep) && !ct_keep_shape(writer, (uint32_t)number, count))
        ct_writer_refuse(writer, CT_E_NOMEM, no_memory);
    at = ct_writer_record(writer, CT_BLOCK_DEFINITIONS, FIXED_ROOM + count * NUMBER_ROOM);
    if (at) {
        *at++ = CT_DEF_SHAPE;
        at = ct_write_varint(at, count);
        for (size_t i = 0; i < count; i++)
            at = ct_write_varint(at, names[i]);
        ct_writer_record_done(writer, CT_BLOCK_DEFINITIONS, at);
        if (!ct_known_add(&writer->shapes, &memory, key, number))
            ct_writer_refuse(writer, CT_E_NOMEM, no_memory);
    }
    return (uint32_t)number;
}

uint32_t
ct_define_type(ct_recording *recording, enum ct_look look, unsigned flags, const char *name, size_t count)
{
    ct_writer *writer = recording->private_;
    size_t kept = cut_text(name, count, writer->largest_record - FIXED_ROOM);
    uint8_t *at = ct_writer_record(writer, CT_BLOCK_DEFINITIONS, FIXED_ROOM + kept);
    if (at) {
        *at++ = CT_DEF_TYPE;
        *at++ = (uint8_t)look;
        *at++ = (uint8_t)flags;
        at = write_text(at, name, kept);
        ct_writer_record_done(writer, CT_BLOCK_DEFINITIONS, at);
    }
    return writer->type_count++;
}

uint32_t
ct_define_code(ct_recording *recording, const ct_code_definition *definition)
{
    ct_writer *writer = recording->private_;
    size_t fixed = FIXED_ROOM + (size_t)definition->slot_count * (NUMBER_ROOM + 1);
    size_t most = fixed < writer->largest_record ? (writer->largest_record - fixed) / 2 : 0; /* for each text; too many slots are refused */
    size_t name_size = cut_text(definition->qualified_name, definition->qualified_name_size, most);
    size_t module_size = cut_text(definition->module, definition->module_size, most);
    uint8_t *at = ct_writer_record(writer, CT_BLOCK_DEFINITIONS, fixed + name_size + module_size);
    if (at) {
        *at++ = CT_DEF_CODE;
        at = ct_write_varint(at, definition->path);
        at = ct_write_varint(at, definition->first_line);
        at = write_text(at, definition->qualified_name, name_size);
        at = write_text(at, definition->module, module_size);
        at = ct_write_varint(at, definition->flags);
        at = ct_write_varint(at, definition->arguments);
        at = ct_write_varint(at, definition->keyword_only);
        at = ct_write_varint(at, definition->slot_count);
        for (uint32_t i = 0; i < definition->slot_count; i++) {
            at = ct_write_varint(at, definition->slots[i].name);
            *at++ = definition->slots[i].kind;
        }
        ct_writer_record_done(writer, CT_BLOCK_DEFINITIONS, at);
    }
    return writer->code_count++;
}

/* A META, so that readers of earlier versions pass over it. In pieces: a module may have any number of lines. */
/* Its digits; where the next character goes. */
static char *
write_decimal(char *at, uint32_t number)
{
    char digits[10], *digit = digits + sizeof digits;
    do
        *--digit = (char)('0' + number % 10);
    while (number /= 10);
    size_t size = (size_t)(digits + sizeof digits - digit);
    memcpy(at, digit, size);
    return at + size;
}

void
ct_define_columns(ct_recording *recording, uint32_t code, uint32_t before, const ct_line_column *lines, size_t count)
{
    enum { LONGEST_ITEM = 32 };
    char text[2048];
    for (size_t i = 0; i < count;) {
        char *at = write_decimal(text, code);
        for (; i < count && at + LONGEST_ITEM < text + sizeof text; i++) {
            *at++ = ' ';
            if (lines[i].line < before)
                *at++ = '-';
            at = write_decimal(at, lines[i].line < before ? before - lines[i].line : lines[i].line - before);
            if (lines[i].column) {
                *at++ = ':';
                at = write_decimal(at, lines[i].column);
            }
            before = lines[i].line;
        }
        ct_define_meta(recording, CT_COLUMNS_KEY, text, (size_t)(at - text));
    }
}

void
ct_define_source(ct_recording *recording, uint32_t path, const char *bytes, size_t count)
{
    ct_writer *writer = recording->private_;
    size_t done = 0;
    do { /* an empty source is one empty piece */
        size_t piece = cut_text(bytes + done, count - done, writer->largest_record - FIXED_ROOM);
        uint8_t *at = ct_writer_record(writer, CT_BLOCK_DEFINITIONS, FIXED_ROOM + piece);
        if (!at)
            return;
        *at++ = CT_DEF_SOURCE;
        at = ct_write_varint(at, path);
        at = ct_write_varint(at, done);
        at = write_text(at, bytes + done, piece);
        ct_writer_record_done(writer, CT_BLOCK_DEFINITIONS, at);
        done += piece;
    } while (done < count);
}

void
ct_define_meta(ct_recording *recording, const char *key, const char *value, size_t count)
{
    ct_writer *writer = recording->private_;
    size_t most = (writer->largest_record - FIXED_ROOM) / 2;
    size_t key_size = cut_text(key, strlen(key), most), value_size = cut_text(value, count, most);
    uint8_t *at = ct_writer_record(writer, CT_BLOCK_DEFINITIONS, FIXED_ROOM + key_size + value_size);
    if (at) {
        *at++ = CT_DEF_META;
        at = write_text(at, key, key_size);
        at = write_text(at, value, value_size);
        ct_writer_record_done(writer, CT_BLOCK_DEFINITIONS, at);
    }
}

uint64_t
ct_content(ct_recording *recording, enum ct_content_kind kind, const void *bytes, size_t count, uint64_t true_length)
{
    ct_writer *writer = recording->private_;
    const ct_known_memory memory = memory_of(writer);
    /* The true length is part of what it is: two long texts that were cut may begin alike. */
    ct_key key = ct_key_of(writer->seed, (uint64_t)kind + 8 * true_length, bytes, count);
    size_t most = writer->largest_record - FIXED_ROOM, kept = count;
    uint64_t number;
    uint8_t *at;

    bool is_known = ct_recent_find(&writer->contents, &memory, key, &number);
    if (is_known && (!ct_keeps_end(&writer->keep) || ct_keep_use(writer, number)))
        return number;
    number = writer->open[CT_BLOCK_CONTENT].records;
    if (kept > most)
        kept = kind == CT_CONTENT_TEXT ? cut_text(bytes, count, most) : most;
    at = ct_writer_record(writer, CT_BLOCK_CONTENT, FIXED_ROOM + kept);
    if (at) {
        *at++ = (uint8_t)kind;
        at = ct_write_varint(at, true_length);
        at = write_text(at, bytes, kept);
        ct_writer_record_done(writer, CT_BLOCK_CONTENT, at);
        if (is_known)
            ct_recent_renumber(&writer->contents, key, number);
        else if (!ct_recent_add(&writer->contents, &memory, key, number))
            ct_writer_refuse(writer, CT_E_NOMEM, no_memory);
    }
    return number;
}
