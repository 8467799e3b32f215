/* See capnp_read.h. */
#include "formats/capnp_read.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/outfile.h"
#include "util/io.h"
#include "util/os.h"

enum {
    PIECE = 64 * 1024,
    UNPACKED_MOST = 1 << 30        /* bytes of a message that is read: sixteen times what Cap'n Proto's readers take by default */
};

static const char CUT[] = "the file was cut off: it ends within the message";

/* ---- pointers ---- */

bool
ct_capnp_refuse(ct_capnp_message *m, const char *message)
{
    if (m->code == CT_OK) {
        m->code = CT_E_CORRUPT;
        m->why = message;
    }
    return false;
}

/* The words of the segment are in it, and in the file; they are traversed. */
static bool
traverse(ct_capnp_message *m, uint32_t number, uint64_t at, uint64_t words, uint64_t cost)
{
    if (number >= m->segment_count)
        return ct_capnp_refuse(m, "a pointer into a segment that does not exist");
    const ct_capnp_segment *s = &m->segments[number];
    m->position = (s->start + at) * 8;
    if (at > s->words || words > s->words - at)
        return ct_capnp_refuse(m, "a pointer that leads out of its segment");
    if (s->start + at + words > m->words_there)
        return ct_capnp_refuse(m, CUT);
    if (cost > m->traversable)
        return ct_capnp_refuse(m, "pointers lead to the same place again and again");
    m->traversable -= cost;
    return true;
}

static uint64_t
load(const ct_capnp_message *m, uint32_t number, uint64_t at)
{
    return ct_capnp_word(m->bytes + (m->segments[number].start + at) * 8);
}

/* From the pointer in a word (which was traversed) to what it leads to; far pointers are followed. *tag: the pointer, or what stands for it. */
static bool
resolve(ct_capnp_message *m, uint32_t number, uint64_t at, uint64_t *tag, ct_capnp_object *to)
{
    uint64_t word = load(m, number, at);
    *to = (ct_capnp_object){ .segment = number };
    *tag = word;
    if (word == 0)
        return true;
    to->there = true;
    if ((word & 3) == CT_CAPNP_FAR) {
        bool is_double = word >> 2 & 1;
        uint32_t pad_segment = (uint32_t)(word >> 32);
        uint64_t pad = (uint32_t)word >> 3;
        if (!traverse(m, pad_segment, pad, is_double ? 2 : 1, 2))
            return false;
        word = load(m, pad_segment, pad);
        to->segment = pad_segment;
        at = pad;
        *tag = word;
        if (is_double) { /* where the target begins, and then what it is */
            if ((word & 7) != CT_CAPNP_FAR)
                return ct_capnp_refuse(m, "a far pointer's landing pad is none");
            *tag = load(m, pad_segment, pad + 1);
            to->segment = (uint32_t)(word >> 32);
            to->at = (uint32_t)word >> 3;
            return (uint32_t)*tag <= CT_CAPNP_LIST || ct_capnp_refuse(m, "a far pointer's landing pad is none"); /* no distance, and no far pointer */
        }
    }
    if ((word & 3) > CT_CAPNP_LIST)
        return ct_capnp_refuse(m, "a pointer of a kind that has no place here");
    int64_t target = (int64_t)at + 1 + ((int32_t)(uint32_t)word >> 2);
    if (target < 0)
        return ct_capnp_refuse(m, "a pointer that leads out of its segment");
    to->at = (uint64_t)target;
    return true;
}

static bool
follow_struct(ct_capnp_message *m, uint32_t number, uint64_t at, ct_capnp_object *to)
{
    uint64_t tag;
    if (!resolve(m, number, at, &tag, to))
        return false;
    if (!to->there)
        return true;
    if ((tag & 3) != CT_CAPNP_STRUCT)
        return ct_capnp_refuse(m, "a list where a struct should be");
    to->data = tag >> 32 & 0xFFFF;
    to->pointers = (uint32_t)(tag >> 48);
    return traverse(m, to->segment, to->at, to->data + to->pointers, to->data + to->pointers + 1);
}

/* A list of bytes, or of structs. */
static bool
follow_list(ct_capnp_message *m, uint32_t number, uint64_t at, unsigned element, ct_capnp_object *to)
{
    uint64_t tag;
    if (!resolve(m, number, at, &tag, to))
        return false;
    if (!to->there)
        return true;
    to->element = tag >> 32 & 7;
    to->count = tag >> 35;
    if ((tag & 3) != CT_CAPNP_LIST || to->element != element)
        return ct_capnp_refuse(m, "a list of another kind than it should be");
    if (element == CT_CAPNP_BYTE)
        return traverse(m, to->segment, to->at, (to->count + 7) / 8, (to->count + 7) / 8 + 1);
    uint64_t words = to->count;
    if (!traverse(m, to->segment, to->at, 1, 1))
        return false;
    tag = load(m, to->segment, to->at++);
    to->data = tag >> 32 & 0xFFFF;
    to->pointers = (uint32_t)(tag >> 48);
    to->count = (uint32_t)tag >> 2;
    if ((tag & 3) != CT_CAPNP_STRUCT || to->count * (to->data + to->pointers) > words)
        return ct_capnp_refuse(m, "a list whose length contradicts itself");
    /* Elements without a word cost one, or a list of nothing would be as long as it likes. The others are traversed by whoever takes them. */
    return traverse(m, to->segment, to->at, 0, to->data + to->pointers ? 0 : to->count);
}

ct_capnp_object
ct_capnp_element(const ct_capnp_object *list, uint64_t index)
{
    return (ct_capnp_object){ .segment = list->segment, .at = list->at + index * (list->data + list->pointers), .data = list->data, .pointers = list->pointers, .there = true };
}

/* What is not there is zero: a struct of an older schema is shorter. */
uint64_t
ct_capnp_data(const ct_capnp_message *m, const ct_capnp_object *o, unsigned index)
{
    return o->there && index < o->data ? load(m, o->segment, o->at + index) : 0;
}

bool
ct_capnp_struct_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, ct_capnp_object *to)
{
    *to = (ct_capnp_object){ 0 };
    return !o->there || index >= o->pointers || follow_struct(m, o->segment, o->at + o->data + index, to);
}

bool
ct_capnp_list_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, unsigned element, ct_capnp_object *to)
{
    *to = (ct_capnp_object){ 0 };
    return !o->there || index >= o->pointers || follow_list(m, o->segment, o->at + o->data + index, element, to);
}

/* A list of structs with all its elements. */
bool
ct_capnp_structs_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, ct_capnp_object *to)
{
    if (!ct_capnp_list_at(m, o, index, CT_CAPNP_COMPOSITE, to))
        return false;
    uint64_t words = to->count * (to->data + to->pointers);
    return !to->there || traverse(m, to->segment, to->at, words, words);
}

bool
ct_capnp_bytes_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, const char **bytes, size_t *size)
{
    ct_capnp_object list;
    if (!ct_capnp_list_at(m, o, index, CT_CAPNP_BYTE, &list))
        return false;
    *bytes = list.count ? (const char *)m->bytes + (m->segments[list.segment].start + list.at) * 8 : "";
    *size = (size_t)list.count;
    return true;
}

/* Its terminating zero is not counted; a null pointer is an empty one. */
bool
ct_capnp_text_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, const char **bytes, size_t *size)
{
    if (!ct_capnp_bytes_at(m, o, index, bytes, size))
        return false;
    if (*size && (*bytes)[--*size] != 0)
        return ct_capnp_refuse(m, "a text without its end");
    return true;
}

bool
ct_capnp_root(ct_capnp_message *m, ct_capnp_object *root)
{
    if (!m->segment_count)
        return ct_capnp_refuse(m, CUT);
    return traverse(m, 0, 0, 1, 1) && follow_struct(m, 0, 0, root);
}

bool
ct_capnp_enter(ct_capnp_message *m, const ct_capnp_object *element)
{
    return traverse(m, element->segment, element->at, element->data + element->pointers, element->data + element->pointers);
}

/* ---- the message ---- */

/* The table of segments: how many, less one, and the words of each. True with m->segment_count 0: more bytes are wanted. */
static bool
take_table(ct_capnp_message *m, const uint8_t *bytes, size_t size)
{
    if (size < 8)
        return true;
    uint64_t count = (ct_capnp_word(bytes) & UINT32_MAX) + 1, start = count / 2 + 1;
    if (count > CT_CAPNP_SEGMENTS)
        return ct_capnp_refuse(m, "the message has more segments than its readers take");
    if (start > size / 8)
        return true;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t words = ct_capnp_word(bytes + (1 + i) / 2 * 8) >> ((1 + i) % 2 * 32) & UINT32_MAX;
        m->segments[i] = (ct_capnp_segment){ start, words };
        start += words;
    }
    m->segment_count = (uint32_t)count;
    m->words_said = start;
    return true;
}

/* What is in the file from `at` on, as far as the message goes. */
static ct_code
unpack(ct_capnp_message *m, int file, uint64_t at, ct_outfile *out, ct_error *error)
{
    uint8_t piece[PIECE];
    for (;;) {
        size_t got, used = 0;
        CT_TRY(ct_descriptor_read(file, at, piece, sizeof piece, &got, error));
        at += got;
        if (got == 0)
            return ct_outfile_flush(out, error);
        while (used < got) { /* in pieces: a few bytes may stand for many */
            used += ct_capnp_unpack(&m->unpacker, &out->buffer, piece + used, got - used, CT_OUTFILE_DRAIN);
            if (!m->segment_count && !take_table(m, out->buffer.bytes, out->buffer.size))
                return m->code;
            if (m->segment_count && m->words_said > UNPACKED_MOST / 8)
                return ct_fail(error, CT_E_LIMIT, "the message is larger than 1 GiB, which this program does not read", 0, 0);
            m->goes_on = m->segment_count && out->written + out->buffer.size > m->words_said * 8;
            if (m->goes_on)
                return ct_outfile_flush(out, error);
            CT_TRY(ct_outfile_drain(out, error));
        }
    }
}

ct_code
ct_capnp_open(ct_capnp_message *m, int file, uint64_t offset, const char *folder, const ct_allocator *allocator, ct_error *error)
{
    ct_outfile out = { .buffer.allocator = allocator, .file = ct_create_unnamed_file(ct_temporary_folder(folder)) };
    if (out.file < 0)
        return ct_fail(error, CT_E_IO, "no temporary file can be made to unpack the trace; set TMPDIR to a folder with room", 0, errno);
    ct_code code = unpack(m, file, offset, &out, error);
    m->size = (size_t)out.written / 8 * 8;
    m->words_there = m->size / 8;
    m->traversable = 2 * m->words_there + 64; /* a struct costs one word more than it has */
    if (code == CT_OK && m->size) {
        void *map = mmap(NULL, m->size, PROT_READ, MAP_SHARED, out.file, 0);
        m->bytes = map == MAP_FAILED ? NULL : map;
        if (!m->bytes)
            code = CT_E_NOMEM;
    }
    ct_outfile_abandon(&out);
    return code;
}

bool
ct_capnp_is_whole(ct_capnp_message *m)
{
    m->position = m->words_said * 8;
    if (m->goes_on)
        return ct_capnp_refuse(m, "the file goes on behind its message");
    return (m->words_there == m->words_said && !ct_capnp_unpack_ends_within(&m->unpacker)) || ct_capnp_refuse(m, CUT);
}

void
ct_capnp_close(ct_capnp_message *m)
{
    if (m->bytes)
        munmap((void *)(uintptr_t)m->bytes, m->size);
}
