/* See types.h. A type's key is (identity, kind, fields): the identity is the journal's type number, or for a built-in its name's. */
#include "formats/types.h"

#include "formats/text.h"

enum { IDENTITY_OF_NAME = 0x40000000, FIELDS_OF_LIST = 0x40000000 };

static const struct { const char *name; enum ct_type_kind kind; } FIXED[CT_FIXED_COUNT] = {
    [CT_FIXED_NONE] = { "None", CT_KIND_NONE },
    [CT_FIXED_BOOL] = { "Bool", CT_KIND_BOOL },
    [CT_FIXED_INT] = { "Int", CT_KIND_INT },
    [CT_FIXED_FLOAT] = { "Float", CT_KIND_FLOAT },
    [CT_FIXED_STRING] = { "String", CT_KIND_STRING },
    [CT_FIXED_TUPLE] = { "Tuple", CT_KIND_TUPLE },
    [CT_FIXED_BYTES] = { "bytes", CT_KIND_RAW },
    [CT_FIXED_COMPLEX] = { "complex", CT_KIND_RAW },
    [CT_FIXED_ELLIPSIS] = { "ellipsis", CT_KIND_RAW },
    [CT_FIXED_NOTIMPLEMENTED] = { "NotImplementedType", CT_KIND_RAW },
    [CT_FIXED_REDACTED] = { "Redacted", CT_KIND_RAW },
    [CT_FIXED_DROPPED] = { "Dropped", CT_KIND_RAW },
    [CT_FIXED_CUT] = { "Cut", CT_KIND_RAW },
    [CT_FIXED_ANY] = { "Any", CT_KIND_ANY },
};

/* What exports call the built-in types (docs/values.md); others keep their name. */
static const struct { const char *python, *shown; } BUILTINS[] = {
    { "list", "List" }, { "tuple", "Tuple" }, { "dict", "Dict" }, { "set", "Set" }, { "frozenset", "FrozenSet" },
    { "int", "Int" }, { "float", "Float" }, { "str", "String" }, { "bool", "Bool" },
};

void
ct_types_start(ct_types *types, const ct_journal *journal, ct_type_sink define, void *context)
{
    const ct_allocator *allocator = ct_journal_allocator(journal);
    *types = (ct_types){ .journal = journal, .define = define, .context = context, .names.keys.allocator = allocator,
                         .field_lists.keys.allocator = allocator, .types.keys.allocator = allocator, .scratch.allocator = allocator };
}

void
ct_types_free(ct_types *types)
{
    ct_intern_free(&types->names);
    ct_intern_free(&types->field_lists);
    ct_intern_free(&types->types);
    ct_free(types->scratch.allocator, types->identities);
    ct_buffer_free(&types->scratch);
}

static ct_text
shown_name(const ct_type_info *info)
{
    if (info->flags & CT_TYPE_BUILTIN)
        for (size_t i = 0; i < sizeof BUILTINS / sizeof *BUILTINS; i++)
            if (strlen(BUILTINS[i].python) == info->name.size && memcmp(BUILTINS[i].python, info->name.bytes, info->name.size) == 0)
                return (ct_text){ BUILTINS[i].shown, strlen(BUILTINS[i].shown) };
    return info->name;
}

ct_text
ct_types_name(const ct_types *types, uint32_t type)
{
    const ct_type_info *info = ct_journal_type(types->journal, type);
    return info ? info->name : (ct_text){ "?", 1 };
}

static ct_code
identity_of_name(ct_types *types, ct_text name, uint32_t *identity)
{
    CT_TRY(ct_intern_add(&types->names, name.bytes, name.size, identity, NULL));
    *identity |= IDENTITY_OF_NAME;
    return CT_OK;
}

static ct_code
identity_of(ct_types *types, uint32_t type, uint32_t *identity)
{
    const ct_type_info *info = ct_journal_type(types->journal, type);
    if (type >= types->identity_count) {
        size_t count = types->identity_count ? types->identity_count * 2 : 64;
        if (type >= IDENTITY_OF_NAME || !info)
            return CT_E_CORRUPT;
        while (count <= type)
            count *= 2;
        uint32_t *identities = ct_resize(types->scratch.allocator, types->identities, count * sizeof *identities);
        if (!identities)
            return CT_E_NOMEM;
        memset(identities + types->identity_count, 0, (count - types->identity_count) * sizeof *identities);
        types->identities = identities;
        types->identity_count = count;
    }
    if (!types->identities[type]) {
        if (!info)
            return CT_E_CORRUPT;
        *identity = type;
        if (info->flags & CT_TYPE_BUILTIN)
            CT_TRY(identity_of_name(types, shown_name(info), identity));
        types->identities[type] = *identity + 1;
    }
    *identity = types->identities[type] - 1;
    return CT_OK;
}

/* Hands a new type out, its texts cleaned. */
static ct_code
announce(ct_types *types, uint32_t id, enum ct_type_kind kind, ct_text name, const uint32_t *names, size_t count, uint32_t any)
{
    ct_type_definition definition = { .id = id, .kind = kind, .field_count = count, .field_type = any };
    ct_text *fields = NULL;
    size_t *ends = ct_allocate(types->scratch.allocator, (count + 1) * sizeof *ends);
    if (!ends)
        return CT_E_NOMEM;
    types->scratch.size = 0;
    ct_text_clean(&types->scratch, (const uint8_t *)name.bytes, name.size, true);
    ends[0] = types->scratch.size;
    for (size_t i = 0; i < count; i++) {
        ct_text field = ct_journal_name(types->journal, names[i]);
        ct_text_clean(&types->scratch, (const uint8_t *)field.bytes, field.size, true);
        ends[i + 1] = types->scratch.size;
    }
    if (count)
        fields = ct_allocate(types->scratch.allocator, count * sizeof *fields);
    if (types->scratch.failed || (count && !fields)) {
        ct_free(types->scratch.allocator, ends);
        ct_free(types->scratch.allocator, fields);
        return CT_E_NOMEM;
    }
    const char *base = (const char *)types->scratch.bytes;
    definition.name = (ct_text){ base, ends[0] };
    for (size_t i = 0; i < count; i++)
        fields[i] = (ct_text){ base + ends[i], ends[i + 1] - ends[i] };
    definition.fields = fields;
    ct_code code = types->define(types->context, &definition);
    ct_free(types->scratch.allocator, ends);
    ct_free(types->scratch.allocator, fields);
    return code;
}

static ct_code
find(ct_types *types, uint32_t identity, enum ct_type_kind kind, uint32_t list, uint32_t *id, bool *is_new)
{
    const uint32_t key[3] = { identity, (uint32_t)kind, list };
    return ct_intern_add(&types->types, key, sizeof key, id, is_new);
}

ct_code
ct_types_make_fixed(ct_types *types, enum ct_fixed_type which, uint32_t *id)
{
    bool is_new;
    uint32_t identity;
    ct_text name = { FIXED[which].name, strlen(FIXED[which].name) };
    CT_TRY(identity_of_name(types, name, &identity));
    CT_TRY(find(types, identity, FIXED[which].kind, UINT32_MAX, id, &is_new));
    if (is_new)
        CT_TRY(announce(types, *id, FIXED[which].kind, name, NULL, 0, 0));
    types->fixed[which] = *id + 1;
    return CT_OK;
}

ct_code
ct_types_plain(ct_types *types, uint32_t type, enum ct_type_kind kind, uint32_t *id)
{
    bool is_new;
    uint32_t identity;
    CT_TRY(identity_of(types, type, &identity));
    ct_text name = shown_name(ct_journal_type(types->journal, type)), own_name = ct_types_name(types, type);
    if (kind == CT_KIND_RAW && name.bytes != own_name.bytes) { /* the mark of a cycle bears the type's own name */
        name = own_name;
        CT_TRY(identity_of_name(types, name, &identity));
    }
    CT_TRY(find(types, identity, kind, UINT32_MAX, id, &is_new));
    return is_new ? announce(types, *id, kind, name, NULL, 0, 0) : CT_OK;
}

ct_code
ct_types_struct(ct_types *types, uint32_t type, uint32_t shape, const uint32_t *names, size_t count, uint32_t *id)
{
    bool is_new;
    uint32_t identity, any;
    CT_TRY(identity_of(types, type, &identity));
    if (shape >= FIELDS_OF_LIST) {
        CT_TRY(ct_intern_add(&types->field_lists, names, count * sizeof *names, &shape, NULL));
        shape |= FIELDS_OF_LIST;
    }
    CT_TRY(ct_types_fixed(types, CT_FIXED_ANY, &any)); /* before the type that refers to it */
    CT_TRY(find(types, identity, CT_KIND_STRUCT, shape, id, &is_new));
    return is_new ? announce(types, *id, CT_KIND_STRUCT, shown_name(ct_journal_type(types->journal, type)), names, count, any) : CT_OK;
}
