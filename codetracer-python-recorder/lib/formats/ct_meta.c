/* See ct_meta.h and ct_reading.h: meta.dat (ctfs.md section 7), written and read, and meta.json, which old containers have. */
#include "formats/ct_meta.h"

#include <yyjson.h>

#include "formats/ct_reading.h"
#include "formats/provenance.h"
#include "formats/text.h"
#include "formats/trace_id.h"
#include "util/json_memory.h"

enum { MOST_META = 64 << 20, HASH = 32 };

static unsigned digit_of(char digit) { return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

ct_code
ct_meta_path(ct_meta_out *meta, ct_text path)
{
    meta->path_count++;
    ct_buffer_add_varint(&meta->paths, path.size);
    ct_buffer_add(&meta->paths, path.bytes, path.size);
    return meta->paths.failed ? CT_E_NOMEM : CT_OK;
}

void ct_meta_free(ct_meta_out *meta) { ct_buffer_free(&meta->paths); }

static void
meta_text(ct_buffer *out, ct_text text)
{
    ct_buffer cleaned = { .allocator = out->allocator };
    ct_text_clean(&cleaned, (const uint8_t *)text.bytes, text.size, false);
    ct_buffer_add_varint(out, cleaned.size);
    ct_buffer_add(out, cleaned.bytes, cleaned.size);
    out->failed |= cleaned.failed;
    ct_buffer_free(&cleaned);
}

ct_code
ct_meta_write(const ct_meta_out *meta, ct_ctfs *ctfs, ct_ctfs_file *file, unsigned flags)
{
    char id[CT_TRACE_ID_SIZE + 1];
    ct_journal_counts counts;
    ct_buffer out = { .allocator = ctfs->allocator };
    uint64_t arguments = 0, filters = 0;
    ct_provenance source;
    for (uint32_t at = 0; flags & CT_META_FILTERS && ct_provenance_next(meta->journal, &at, &source);)
        filters++;
    if (!filters)
        flags &= ~(unsigned)CT_META_FILTERS;
    ct_journal_count(meta->journal, &counts);
    ct_trace_id_text(ct_journal_id(meta->journal), id);
    ct_buffer_add(&out, "CTMD\x03\x00", 6);
    ct_buffer_add_byte(&out, (uint8_t)flags);
    ct_buffer_add_byte(&out, (uint8_t)(flags >> 8));
    ct_buffer_add_varint(&out, CT_TRACE_ID_SIZE);
    ct_buffer_add(&out, id, CT_TRACE_ID_SIZE);
    meta_text(&out, ct_journal_meta_value(meta->journal, "program"));
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < counts.metas; i++) {
            const ct_meta_info *info = ct_journal_meta(meta->journal, i);
            if (!info || info->key.size != 3 || memcmp(info->key.bytes, "arg", 3) != 0)
                continue;
            if (pass == 0)
                arguments++;
            else
                meta_text(&out, info->value);
        }
        if (pass == 0)
            ct_buffer_add_varint(&out, arguments);
    }
    meta_text(&out, ct_journal_meta_value(meta->journal, "workdir"));
    ct_buffer_add_byte(&out, sizeof CT_OUR_RECORDER - 1);
    ct_buffer_add(&out, CT_OUR_RECORDER, sizeof CT_OUR_RECORDER - 1);
    ct_buffer_add_varint(&out, meta->path_count);
    ct_buffer_add(&out, meta->paths.bytes, meta->paths.size);
    if (filters)
        ct_buffer_add_varint(&out, filters);
    for (uint32_t at = 0; filters && ct_provenance_next(meta->journal, &at, &source);) {
        uint8_t digest[HASH];
        for (size_t i = 0; i < HASH; i++)
            digest[i] = (uint8_t)(digit_of(source.digest[2 * i]) << 4 | digit_of(source.digest[2 * i + 1]));
        meta_text(&out, source.path);
        ct_buffer_add(&out, digest, HASH);
    }
    ct_code code = out.failed ? CT_E_NOMEM : ct_ctfs_append(ctfs, file, out.bytes, out.size);
    ct_buffer_free(&out);
    return code;
}

/* ---- reading ---- */

static void
give(const ct_reading *r, const char *key, ct_text value)
{
    if (value.size && r->sink->meta)
        r->sink->meta(r->sink->context, key, value.bytes, value.size);
}

/* As the recording says it. A container has no names of filters: the path stands for it. */
static ct_code
give_filter(const ct_reading *r, ct_text path, const uint8_t digest[HASH])
{
    ct_buffer text = {.allocator = r->sink->allocator};
    ct_buffer_add(&text, path.bytes, path.size);
    ct_buffer_add_byte(&text, ' ');
    for (size_t i = 0; i < HASH; i++) {
        ct_buffer_add_byte(&text, (uint8_t)"0123456789abcdef"[digest[i] >> 4]);
        ct_buffer_add_byte(&text, (uint8_t)"0123456789abcdef"[digest[i] & 15]);
    }
    ct_buffer_add_byte(&text, ' ');
    ct_buffer_add(&text, path.bytes, path.size);
    if (!text.failed)
        give(r, "filter.source", (ct_text){(const char *)text.bytes, text.size});
    ct_code code = text.failed ? CT_E_NOMEM : CT_OK;
    ct_buffer_free(&text);
    return code;
}

/* Behind the header. False: it is damaged, or *code says that there is no memory. */
static bool
take_meta(const ct_reading *r, ct_input *in, unsigned flags, ct_code *code)
{
    (void)ct_take_text(in); /* the recording's id: the journal made of it gets its own */
    ct_text program = ct_take_text(in);
    if (!in->bad) {
        give(r, "program", program);
        give(r, "script", program);
    }
    for (uint64_t left = ct_take_varint(in); left > 0 && !in->bad; left--) {
        ct_text argument = ct_take_text(in);
        if (!in->bad && r->sink->meta)
            r->sink->meta(r->sink->context, "arg", argument.bytes, argument.size);
    }
    ct_text folder = ct_take_text(in), recorder = ct_take_text(in);
    if (!in->bad) {
        give(r, "workdir", folder);
        give(r, "recorder", recorder);
    }
    for (uint64_t left = ct_take_varint(in); left > 0 && !in->bad; left--)
        (void)ct_take_text(in);
    if (flags & CT_META_MCR)
        return !in->bad; /* the fields of the native recorder, which are not described, stand before all others */
    if (flags & CT_META_LAUNCH)
        (void)ct_take_byte(in);
    if (flags & CT_META_LAYOUT) {
        (void)ct_take_bytes(in, 8);
        (void)ct_take_text(in);
    }
    for (uint64_t left = flags & CT_META_FILTERS ? ct_take_varint(in) : 0; left > 0 && !in->bad; left--) {
        ct_text path = ct_take_text(in);
        const uint8_t *digest = ct_take_bytes(in, HASH);
        if (!in->bad)
            *code = give_filter(r, path, digest);
        if (*code != CT_OK)
            return false;
    }
    return !in->bad;
}

static void
give_json(const ct_reading *r, const char *key, yyjson_val *value)
{
    if (yyjson_is_str(value))
        give(r, key, (ct_text){yyjson_get_str(value), yyjson_get_len(value)});
}

/* {"program", "args", "workdir"}: what old containers have. */
static ct_code
read_meta_json(const ct_reading *r, ct_inner *file, ct_meta *meta)
{
    yyjson_alc memory;
    yyjson_read_err why = {0};
    ct_buffer bytes = {.allocator = r->sink->allocator};
    ct_code code = ct_inner_load(file, 0, ct_inner_size(file), &bytes, r->error);
    yyjson_doc *doc = code == CT_OK && bytes.size ? yyjson_read_opts((char *)bytes.bytes, bytes.size, 0, ct_json_memory(r->sink->allocator, &memory), &why) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc), *argument;
    size_t index, most;
    if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        code = ct_fail(r->error, CT_E_NOMEM, "there is not enough memory", 0, 0);
    else if (code == CT_OK && !doc)
        meta->problem = (ct_problem){"meta.json is damaged or cut off", ct_inner_place(file, 0)};
    give_json(r, "program", yyjson_obj_get(root, "program"));
    give_json(r, "script", yyjson_obj_get(root, "program"));
    yyjson_arr_foreach(yyjson_obj_get(root, "args"), index, most, argument)
        give_json(r, "arg", argument);
    give_json(r, "workdir", yyjson_obj_get(root, "workdir"));
    yyjson_doc_free(doc);
    ct_buffer_free(&bytes);
    return code;
}

ct_code
ct_read_meta(const ct_reading *r, ct_which which, ct_meta *meta)
{
    ct_buffer bytes = {.allocator = r->sink->allocator};
    ct_code code;
    *meta = (ct_meta){0};
    ct_inner *file = ct_container_find(r->container, "meta.dat", which, &code, r->error);
    if (code != CT_OK)
        return code;
    if (!file) {
        ct_inner *json = ct_container_find(r->container, "meta.json", which, &code, r->error);
        return code == CT_OK && json && ct_inner_size(json) <= MOST_META ? read_meta_json(r, json, meta) : code;
    }
    uint64_t size = ct_inner_size(file);
    code = ct_inner_load(file, 0, size < MOST_META ? size : MOST_META, &bytes, r->error);
    if (code == CT_OK && bytes.size >= 8 && memcmp(bytes.bytes, "CTMD", 4) == 0) {
        unsigned version = (unsigned)ct_load_number(bytes.bytes + 4, 2);
        ct_input in = {bytes.bytes + 8, bytes.bytes + bytes.size, false};
        meta->flags = (unsigned)ct_load_number(bytes.bytes + 6, 2);
        if (version != 3)
            code = ct_fail(r->error, CT_E_VERSION, "a version of meta.dat that this program does not know; it reads 3", ct_inner_place(file, 4), 0);
        else if (meta->flags & ~(unsigned)CT_META_KNOWN)
            code = ct_fail(r->error, CT_E_VERSION, "meta.dat says that the container has streams that this program does not know", ct_inner_place(file, 6), 0);
        else if (take_meta(r, &in, meta->flags, &code))
            meta->there = true;
    }
    if (code == CT_OK && !meta->there)
        meta->problem = (ct_problem){bytes.size ? "meta.dat is damaged or cut off" : "meta.dat is empty: it was cut off, or its writer was killed",
                                     ct_inner_place(file, 0)};
    ct_buffer_free(&bytes);
    return code;
}
