/* Definitions: what the events refer to by number. Loaded whole when a journal is opened.
 *
 * Owns the payloads of definitions blocks, into which every ct_text points. Invariant: every id inside a definition refers to one before it, so
 * users of a definition need not check again.
 */

#include "journal/reader.h"
#include "util/memory.h"

/* All definitions of a journal together; a recording of a program with thousands of source files has some tens of megabytes. */
#define TOTAL_LIMIT ((uint64_t)1 << 30)

void *
ct_array_add(ct_array *array, size_t size)
{
    if (array->count == array->capacity) {
        size_t capacity = array->capacity ? array->capacity * 2 : 16;
        void *items = capacity > SIZE_MAX / 2 / size ? NULL : ct_resize(array->allocator, array->items, capacity * size);
        if (!items)
            return NULL;
        array->items = items;
        array->capacity = capacity;
    }
    void *item = (char *)array->items + array->count * size;
    memset(item, 0, size);
    array->count++;
    return item;
}

/* Memory that lives as long as the definitions. */
static void *
own(ct_definitions *definitions, size_t size)
{
    void *memory = ct_allocate(definitions->allocator, size);
    void **place = memory ? ct_array_add(&definitions->owned, sizeof(void *)) : NULL;
    if (!place) {
        ct_free(definitions->allocator, memory);
        return NULL;
    }
    *place = memory;
    return memory;
}

static ct_code
load_names(ct_definitions *definitions, ct_input *in, size_t count, uint32_t *names)
{
    for (size_t i = 0; i < count; i++) {
        names[i] = ct_take_varint32(in);
        if (in->bad || names[i] >= definitions->names.count)
            return CT_E_CORRUPT;
    }
    return CT_OK;
}

static ct_code
load_code(ct_definitions *definitions, ct_input *in)
{
    ct_code_info code = {0};
    code.path = ct_take_varint32(in);
    code.first_line = ct_take_varint32(in);
    code.qualified_name = ct_take_text(in);
    code.module = ct_take_text(in);
    code.flags = ct_take_varint32(in);
    code.arguments = ct_take_varint32(in);
    code.keyword_only = ct_take_varint32(in);
    size_t count = ct_take_count(in, 2);
    uint64_t parameters = (uint64_t)code.arguments + code.keyword_only + !!(code.flags & CT_CODE_VARARGS)
                          + !!(code.flags & CT_CODE_VARKEYWORDS);
    if (in->bad || code.path >= definitions->paths.count || parameters > count)
        return CT_E_CORRUPT;
    code.slot_count = (uint32_t)count;
    code.parameters = (uint32_t)parameters;

    ct_code_info *info = own(definitions, sizeof *info + count * (sizeof(uint32_t) + 1));
    if (!info)
        return CT_E_NOMEM;
    uint32_t *names = (uint32_t *)(void *)(info + 1);
    uint8_t *kinds = (uint8_t *)(names + count);
    for (size_t i = 0; i < count; i++) {
        names[i] = ct_take_varint32(in);
        kinds[i] = ct_take_byte(in);
        if (in->bad || names[i] >= definitions->names.count)
            return CT_E_CORRUPT;
    }
    code.slot_names = names;
    code.slot_kinds = kinds;
    *info = code;
    ct_code_info **place = ct_array_add(&definitions->codes, sizeof(ct_code_info *));
    ct_array *columns = ct_array_add(&definitions->columns, sizeof(ct_array));
    if (!place || !columns)
        return CT_E_NOMEM;
    columns->allocator = definitions->allocator;
    *place = info;
    return CT_OK;
}

static ct_code
load_shape(ct_definitions *definitions, ct_input *in)
{
    size_t count = ct_take_count(in, 1);
    uint32_t *names = in->bad ? NULL : own(definitions, count * sizeof *names);
    if (in->bad)
        return CT_E_CORRUPT;
    if (!names)
        return CT_E_NOMEM;
    CT_TRY(load_names(definitions, in, count, names));
    ct_shape_info *shape = ct_array_add(&definitions->shapes, sizeof *shape);
    if (!shape)
        return CT_E_NOMEM;
    *shape = (ct_shape_info){(uint32_t)count, names};
    return CT_OK;
}

static ct_code
load_source(ct_definitions *definitions, ct_input *in)
{
    uint32_t path = ct_take_varint32(in);
    uint64_t offset = ct_take_varint(in);
    ct_text text = ct_take_text(in);
    if (in->bad || path >= definitions->paths.count)
        return CT_E_CORRUPT;
    ct_source_text *source = (ct_source_text *)definitions->sources.items + path;
    ct_source_piece *piece = ct_array_add(&definitions->pieces, sizeof *piece);
    if (!piece)
        return CT_E_NOMEM;
    *piece = (ct_source_piece){offset, text, path, 0};
    if (offset == 0 || !source->last)
        source->first = definitions->pieces.count; /* a file recorded again: the last text counts */
    else
        ((ct_source_piece *)definitions->pieces.items)[source->last - 1].next = definitions->pieces.count;
    source->last = definitions->pieces.count;
    return CT_OK;
}

static ct_code
load_text(ct_array *texts, ct_input *in)
{
    ct_text text = ct_take_text(in);
    ct_text *place = in->bad ? NULL : ct_array_add(texts, sizeof *place);
    if (!place)
        return in->bad ? CT_E_CORRUPT : CT_E_NOMEM;
    *place = text;
    return CT_OK;
}

static ct_code
load_path(ct_definitions *definitions, ct_input *in)
{
    CT_TRY(load_text(&definitions->paths, in));
    return ct_array_add(&definitions->sources, sizeof(ct_source_text)) ? CT_OK : CT_E_NOMEM;
}

static ct_code
load_type(ct_definitions *definitions, ct_input *in)
{
    uint8_t look = ct_take_byte(in);
    uint8_t flags = ct_take_byte(in);
    ct_text name = ct_take_text(in);
    if (in->bad || look > CT_LOOK_BYTES)
        return CT_E_CORRUPT;
    ct_type_info *type = ct_array_add(&definitions->types, sizeof *type);
    if (!type)
        return CT_E_NOMEM;
    *type = (ct_type_info){(enum ct_look)look, flags, name};
    return CT_OK;
}

/* A decimal number below 2^32 at the beginning of the text, which is moved behind it. */
static bool
take_decimal(ct_text *text, uint32_t *number)
{
    uint64_t value = 0;
    size_t size = 0;
    for (; size < text->size && text->bytes[size] >= '0' && text->bytes[size] <= '9' && value <= UINT32_MAX; size++)
        value = value * 10 + (uint64_t)(text->bytes[size] - '0');
    *text = (ct_text){text->bytes + size, text->size - size};
    *number = (uint32_t)value;
    return size && value <= UINT32_MAX;
}

static bool
take_sign(ct_text *text, char sign)
{
    if (!text->size || *text->bytes != sign)
        return false;
    *text = (ct_text){text->bytes + 1, text->size - 1};
    return true;
}

/* `CODE DIFFERENCE[:COLUMN] …`; a code's lines go on from those of its META before. */
static ct_code
load_columns(ct_definitions *definitions, ct_text text)
{
    uint32_t code, difference;
    if (!take_decimal(&text, &code) || code >= definitions->codes.count)
        return CT_E_CORRUPT;
    ct_array *lines = (ct_array *)definitions->columns.items + code;
    int64_t line = ((ct_code_info **)definitions->codes.items)[code]->first_line;
    if (lines->count)
        line = ((ct_line_column *)lines->items)[lines->count - 1].line;
    while (text.size) {
        ct_line_column item = {0};
        bool first = !lines->count, blank = take_sign(&text, ' '), back = take_sign(&text, '-');
        if (!blank || !take_decimal(&text, &difference) || (take_sign(&text, ':') && !take_decimal(&text, &item.column)))
            return CT_E_CORRUPT;
        line += back ? -(int64_t)difference : (int64_t)difference;
        if (line < 0 || line > INT32_MAX || (!first && (back || !difference)))
            return CT_E_CORRUPT;
        item.line = (uint32_t)line;
        ct_line_column *place = ct_array_add(lines, sizeof *place);
        if (!place)
            return CT_E_NOMEM;
        *place = item;
    }
    return CT_OK;
}

static ct_code
load_meta(ct_definitions *definitions, ct_input *in)
{
    ct_text key = ct_take_text(in);
    ct_text value = ct_take_text(in);
    if (!in->bad && key.size == strlen(CT_COLUMNS_KEY) && memcmp(key.bytes, CT_COLUMNS_KEY, key.size) == 0)
        return load_columns(definitions, value);
    ct_meta_info *meta = in->bad ? NULL : ct_array_add(&definitions->metas, sizeof *meta);
    if (!meta)
        return in->bad ? CT_E_CORRUPT : CT_E_NOMEM;
    *meta = (ct_meta_info){key, value};
    return CT_OK;
}

static ct_code
load_one(ct_definitions *definitions, ct_input *in)
{
    switch (ct_take_byte(in)) {
    case CT_DEF_PATH: return load_path(definitions, in);
    case CT_DEF_NAME: return load_text(&definitions->names, in);
    case CT_DEF_CODE: return load_code(definitions, in);
    case CT_DEF_TYPE: return load_type(definitions, in);
    case CT_DEF_SHAPE: return load_shape(definitions, in);
    case CT_DEF_SOURCE: return load_source(definitions, in);
    case CT_DEF_META: return load_meta(definitions, in);
    default: return CT_E_CORRUPT;
    }
}

ct_code
ct_definitions_load(ct_definitions *definitions, uint8_t *payload, size_t size, const ct_block_entry *block, ct_error *error)
{
    void **place = ct_array_add(&definitions->owned, sizeof(void *));
    if (!place) {
        ct_free(definitions->allocator, payload);
        return ct_fail(error, CT_E_NOMEM, "no memory for definitions", 0, 0);
    }
    *place = payload;
    if (definitions->bytes + size > TOTAL_LIMIT)
        return ct_fail(error, CT_E_LIMIT, "the journal has more definitions than this library reads", block->position, 0);
    definitions->bytes += size;
    if (block->first != definitions->count)
        return ct_fail(error, CT_E_CORRUPT, "a definitions block does not continue the one before", block->position, 0);
    for (ct_input in = {payload, payload + size, false}; in.at < in.end; definitions->count++) {
        uint64_t position = ct_block_position(block, (uint64_t)(in.at - payload));
        ct_code code = load_one(definitions, &in);
        if (code == CT_E_NOMEM)
            return ct_fail(error, code, "no memory for definitions", 0, 0);
        if (code != CT_OK)
            return ct_fail(error, code, "a definition breaks the format", position, 0);
    }
    return CT_OK;
}

static void
arrays_of(ct_definitions *definitions, ct_array *arrays[10])
{
    ct_array *all[10] = {&definitions->paths, &definitions->names, &definitions->codes, &definitions->types, &definitions->shapes,
                        &definitions->metas, &definitions->pieces, &definitions->sources, &definitions->owned,
                        &definitions->columns};
    memcpy(arrays, all, sizeof all);
}

void
ct_definitions_init(ct_definitions *definitions, const ct_allocator *allocator)
{
    ct_array *arrays[10];
    *definitions = (ct_definitions){.allocator = allocator};
    arrays_of(definitions, arrays);
    for (int i = 0; i < 10; i++)
        arrays[i]->allocator = allocator;
}

void
ct_definitions_free(ct_definitions *definitions)
{
    for (size_t i = 0; i < definitions->owned.count; i++)
        ct_free(definitions->allocator, ((void **)definitions->owned.items)[i]);
    for (size_t i = 0; i < definitions->sources.count; i++)
        ct_free(definitions->allocator, ((ct_source_text *)definitions->sources.items)[i].assembled);
    for (size_t i = 0; i < definitions->columns.count; i++)
        ct_free(definitions->allocator, ((ct_array *)definitions->columns.items)[i].items);
    ct_array *arrays[10];
    arrays_of(definitions, arrays);
    for (int i = 0; i < 10; i++)
        ct_free(definitions->allocator, arrays[i]->items);
    *definitions = (ct_definitions){0};
}

/* ---- public: definitions of a journal ---- */

ct_text
ct_journal_path(const ct_journal *journal, uint32_t path)
{
    const ct_array *paths = &journal->definitions.paths;
    return path < paths->count ? ((const ct_text *)paths->items)[path] : (ct_text){NULL, 0};
}

ct_text
ct_journal_name(const ct_journal *journal, uint32_t name)
{
    const ct_array *names = &journal->definitions.names;
    return name < names->count ? ((const ct_text *)names->items)[name] : (ct_text){NULL, 0};
}

const ct_code_info *
ct_journal_code(const ct_journal *journal, uint32_t code)
{
    const ct_array *codes = &journal->definitions.codes;
    return code < codes->count ? ((ct_code_info *const *)codes->items)[code] : NULL;
}

const ct_line_column *
ct_journal_lines(const ct_journal *journal, uint32_t code, size_t *count)
{
    const ct_array *columns = &journal->definitions.columns;
    const ct_array *lines = code < columns->count ? (const ct_array *)columns->items + code : NULL;
    *count = lines ? lines->count : 0;
    return *count ? lines->items : NULL;
}

uint32_t
ct_journal_column(const ct_journal *journal, uint32_t code, int64_t line)
{
    size_t low = 0, high;
    const ct_line_column *lines = ct_journal_lines(journal, code, &high);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lines[middle].line == line)
            return lines[middle].column;
        if (lines[middle].line < line)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

const ct_type_info *
ct_journal_type(const ct_journal *journal, uint32_t type)
{
    const ct_array *types = &journal->definitions.types;
    return type < types->count ? (const ct_type_info *)types->items + type : NULL;
}

const ct_shape_info *
ct_journal_shape(const ct_journal *journal, uint32_t shape)
{
    const ct_array *shapes = &journal->definitions.shapes;
    return shape < shapes->count ? (const ct_shape_info *)shapes->items + shape : NULL;
}

const ct_meta_info *
ct_journal_meta(const ct_journal *journal, uint32_t index)
{
    const ct_array *metas = &journal->definitions.metas;
    return index < metas->count ? (const ct_meta_info *)metas->items + index : NULL;
}

ct_text
ct_journal_meta_value(const ct_journal *journal, const char *key)
{
    const ct_meta_info *metas = journal->definitions.metas.items;
    size_t size = strlen(key);
    for (size_t i = journal->definitions.metas.count; i-- > 0;)
        if (metas[i].key.size == size && memcmp(metas[i].key.bytes, key, size) == 0)
            return metas[i].value;
    return (ct_text){NULL, 0};
}

/* Puts a source's pieces together. The size is bounded by the pieces, whatever their offsets say. */
static ct_code
assemble(const ct_definitions *definitions, ct_source_text *source, ct_error *error)
{
    const ct_source_piece *pieces = definitions->pieces.items;
    size_t size = 0;
    for (size_t i = source->first; i; i = pieces[i - 1].next) {
        if (pieces[i - 1].offset != size)
            return ct_fail(error, CT_E_CORRUPT, "the pieces of a source do not fit together", 0, 0);
        size += pieces[i - 1].text.size;
    }
    char *text = ct_allocate(definitions->allocator, size + 1);
    if (!text)
        return ct_fail(error, CT_E_NOMEM, "no memory for a source", 0, 0);
    source->size = 0;
    for (size_t i = source->first; i; i = pieces[i - 1].next) {
        memcpy(text + source->size, pieces[i - 1].text.bytes, pieces[i - 1].text.size);
        source->size += pieces[i - 1].text.size;
    }
    source->assembled = text;
    return CT_OK;
}

ct_code
ct_journal_source(ct_journal *journal, uint32_t path, ct_text *text, ct_error *error)
{
    if (!journal || !text)
        return ct_fail(error, CT_E_PARAM, "an argument is missing", 0, 0);
    ct_definitions *definitions = &journal->definitions;
    if (path >= definitions->paths.count)
        return ct_fail(error, CT_E_PARAM, "there is no such path", 0, 0);
    ct_source_text *source = (ct_source_text *)definitions->sources.items + path;
    if (!source->first)
        return CT_END;
    const ct_source_piece *first = (ct_source_piece *)definitions->pieces.items + source->first - 1;
    if (!first->next && first->offset == 0) {
        *text = first->text;
        return CT_OK;
    }
    pthread_mutex_lock(&journal->lock);
    ct_code code = source->assembled ? CT_OK : assemble(definitions, source, error);
    if (code == CT_OK)
        *text = (ct_text){source->assembled, source->size};
    pthread_mutex_unlock(&journal->lock);
    return code;
}
