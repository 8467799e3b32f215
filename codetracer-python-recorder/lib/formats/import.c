/* See import.h. Owns the state of the program as the stream tells it: per thread a stack of activations, per activation what each variable holds.
 * Invariant: an object of the journal belongs to one variable of one activation (or one event) and dies after that has got another value or
 * ended; a value that looks the same as the one before costs nothing.
 */
#include "formats/import.h"

#include <stdio.h>

#include <xxhash.h>

enum { MOST_ITEMS = 20000, MOST_TEXT = 1 << 20 };

typedef struct type_in {
    uint64_t kind;
    char *name;
    size_t size;
    uint32_t *fields;              /* names' ids of the journal */
    size_t field_count;
    uint32_t shape, ids[9];        /* + 1; ids by look */
} type_in;

typedef struct variable_in { char *name; size_t size; uint32_t id; /* + 1 */ } variable_in;

typedef struct function_in {
    uint32_t path;
    int64_t line;
    char *name;
    size_t size;
    bool called, is_module, is_toplevel;
    uint32_t code;                 /* + 1 */
    uint32_t *variables;           /* arguments first */
    size_t variable_count, variable_capacity, arguments;
} function_in;

typedef struct slot_in { uint64_t hash, first, last, seen; bool bound; } slot_in;
typedef struct activation_in { uint64_t id; uint32_t function; int64_t line; slot_in *slots; } activation_in;
typedef struct thread_in { uint64_t number, external; bool known; activation_in *stack; size_t depth, capacity; } thread_in;

/* A value, taken out of its tree: a preorder dump, which is also what its hash is made of. */
typedef struct value_in { uint64_t variable; size_t at, size; uint64_t hash; } value_in;
typedef struct values_in { value_in *items; size_t count, capacity; ct_buffer bytes; } values_in;
typedef struct step_in { uint64_t path; int64_t line; values_in values; } step_in;
typedef struct range_in { uint64_t first, last; } range_in;

struct ct_import {
    ct_recording *r;
    ct_error *error;
    const char *message;
    bool writing, any_call;
    ct_import_node *nodes;
    size_t node_count, node_capacity;
    uint32_t *paths;
    size_t path_count, path_capacity;
    type_in *types;
    size_t type_count, type_capacity;
    variable_in *variables;
    size_t variable_count, variable_capacity;
    function_in *functions;
    size_t function_count, function_capacity;
    ct_intern slots;               /* (function, variable) */
    uint32_t *slot_of;             /* by number in `slots`: index in the function's variables */
    size_t slot_of_capacity;
    thread_in *threads;
    size_t thread_count, thread_capacity, current;
    uint64_t next_thread;
    step_in steps[2];              /* not written yet: what follows may show that the last one is a call's own */
    size_t step_count;
    values_in arguments;
    values_in result;
    uint64_t epoch, next_activation, next_object;
    uint64_t toplevel;             /* function, + 1 */
    bool toplevel_running;
    range_in *dead;                /* objects whose last use was the event before */
    size_t dead_count, dead_capacity;
    ct_buffer record;
    bool has_status;
    int64_t status;
};

static ct_code
no_memory(ct_import *im)
{
    im->message = "no memory";
    return CT_E_NOMEM;
}

static ct_code
corrupt(ct_import *im, const char *message)
{
    im->message = message;
    return CT_E_CORRUPT;
}

const char *
ct_import_message(const ct_import *im)
{
    return im->message ? im->message : "the trace breaks its format";
}

/* Room for one more item; false: no memory. */
static bool
grow(void *array, size_t *capacity, size_t count, size_t size)
{
    void **items = array;
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *bigger = realloc(*items, wanted * size);
    if (!bigger)
        return false;
    *items = bigger;
    *capacity = wanted;
    return true;
}
#define GROW(items, capacity, count) grow(&(items), &(capacity), (count), sizeof *(items))

static char *
copy(const char *bytes, size_t size)
{
    char *copied = malloc(size + 1);
    if (copied) {
        memcpy(copied, bytes, size);
        copied[size] = 0;
    }
    return copied;
}

/* ---- trees and dumps ---- */

void
ct_import_forget(ct_import *im)
{
    im->node_count = 0;
}

ct_import_node *
ct_import_at(ct_import *im, size_t node)
{
    return &im->nodes[node - 1];
}

size_t
ct_import_add(ct_import *im, size_t parent, size_t *last_sibling)
{
    if (!GROW(im->nodes, im->node_capacity, im->node_count))
        return 0;
    im->nodes[im->node_count++] = (ct_import_node){.kind = CT_IN_NONE};
    if (parent) {
        im->nodes[parent - 1].children++;
        if (*last_sibling)
            im->nodes[*last_sibling - 1].next = im->node_count;
        else
            im->nodes[parent - 1].first = im->node_count;
        *last_sibling = im->node_count;
    }
    return im->node_count;
}

static void
dump_number(ct_buffer *out, uint64_t number)
{
    uint8_t *at = ct_buffer_room(out, 10);
    if (at)
        out->size += (size_t)(ct_write_varint(at, number) - at);
}

static void
dump(const ct_import *im, size_t index, ct_buffer *out)
{
    const ct_import_node *node = &im->nodes[index - 1];
    dump_number(out, (uint64_t)node->kind * 2 + node->negative);
    dump_number(out, node->type);
    switch (node->kind) {
    case CT_IN_NONE:
        break;
    case CT_IN_BOOL:
    case CT_IN_INT:
        dump_number(out, ct_zigzag(node->integer));
        break;
    case CT_IN_FLOAT:
        ct_buffer_add(out, &node->number, sizeof node->number);
        break;
    case CT_IN_BIGINT:
    case CT_IN_STRING:
    case CT_IN_RAW:
        dump_number(out, node->size);
        ct_buffer_add(out, node->bytes, node->size);
        break;
    default:
        dump_number(out, node->children);
        for (size_t child = node->first; child; child = im->nodes[child - 1].next)
            dump(im, child, out);
    }
}

static ct_code
keep(ct_import *im, values_in *values, uint64_t variable, size_t node)
{
    if (!GROW(values->items, values->capacity, values->count))
        return no_memory(im);
    size_t at = values->bytes.size;
    dump(im, node, &values->bytes);
    if (values->bytes.failed)
        return no_memory(im);
    size_t size = values->bytes.size - at;
    values->items[values->count++] = (value_in){variable, at, size, XXH3_64bits(values->bytes.bytes + at, size)};
    return CT_OK;
}

static void
clear(values_in *values)
{
    values->count = 0;
    values->bytes.size = 0;
}

static void
free_values(values_in *values)
{
    free(values->items);
    ct_buffer_free(&values->bytes);
}

/* ---- from a dump to the journal ---- */

typedef struct dumped { const uint8_t *at; } dumped;

static uint64_t
take_number(dumped *in)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *in->at++;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return number;
    }
}

static const type_in *
type_of(const ct_import *im, uint64_t type)
{
    return type < im->type_count ? &im->types[type] : NULL;
}

static bool
is_named(const type_in *type, const char *name)
{
    return !type || (type->size == strlen(name) && memcmp(type->name, name, type->size) == 0);
}

/* The journal's type for one of the stream's, shown as `look`. */
static uint32_t
journal_type(ct_import *im, uint64_t number, enum ct_look look, const char *usual)
{
    static const char *const builtin[][2] = {{"List", "list"}, {"Tuple", "tuple"}, {"Dict", "dict"}, {"Set", "set"}, {"FrozenSet", "frozenset"}};
    type_in *type = number < im->type_count ? &im->types[number] : NULL;
    if (!type)
        return ct_define_type(im->r, look, CT_TYPE_BUILTIN, usual, strlen(usual));
    if (!type->ids[look]) {
        const char *name = type->name;
        size_t size = type->size;
        unsigned flags = 0;
        for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
            if (look >= CT_LOOK_LIST && look <= CT_LOOK_SET && is_named(type, builtin[i][0])) {
                name = builtin[i][1];
                size = strlen(name);
                flags = CT_TYPE_BUILTIN;
            }
        type->ids[look] = ct_define_type(im->r, look, flags, name, size) + 1;
    }
    return type->ids[look] - 1;
}

static size_t write_value(ct_import *im, dumped *in, uint8_t out[CT_VALUE_MAX]);

/* Room for an OBJECT record and the record begun; the rest is added to im->record. */
static void
begin_object(ct_import *im, uint64_t id, uint32_t type, unsigned flags)
{
    im->record.size = 0;
    ct_buffer_add_byte(&im->record, CT_R_OBJECT);
    dump_number(&im->record, id);
    dump_number(&im->record, type);
    ct_buffer_add_byte(&im->record, (uint8_t)(flags | CT_O_ADDRESS));
    dump_number(&im->record, 0); /* no address is known, so all differences are zero */
}

static void
put_object(ct_import *im)
{
    if (im->record.failed)
        return;
    ct_room(im->r, im->record.size);
    ct_put_bytes(im->r, im->record.bytes, im->record.size);
}

static size_t
write_text(ct_import *im, const uint8_t *bytes, size_t size, uint8_t out[CT_VALUE_MAX])
{
    if (size <= CT_V_TEXT_MAX)
        return (size_t)(ct_write_short_text(out, bytes, size) - out);
    uint64_t characters = 0;
    size_t kept = size;
    for (size_t i = 0; i < size; i++)
        characters += (bytes[i] & 0xC0) != 0x80;
    for (kept = kept > MOST_TEXT ? (size_t)MOST_TEXT : kept; kept < size && kept > 0 && (bytes[kept] & 0xC0) == 0x80; kept--)
        ;
    return (size_t)(ct_write_content(out, ct_content(im->r, CT_CONTENT_TEXT, bytes, kept, characters)) - out);
}

static size_t
write_big(ct_import *im, bool negative, const uint8_t *bytes, size_t size, uint8_t out[CT_VALUE_MAX])
{
    uint8_t *turned = malloc(size + 1);
    size_t count = 0;
    for (size_t i = size; turned && i-- > 0;)
        turned[count++] = bytes[i];
    while (count > 0 && turned[count - 1] == 0)
        count--;
    uint64_t all = count;
    if (count > MOST_TEXT)
        count = MOST_TEXT;
    uint8_t *end = count <= CT_V_BIGINT_MAX
                       ? ct_write_bigint(out, negative, turned ? turned : bytes, count)
                       : ct_write_content(out, ct_content(im->r, negative ? CT_CONTENT_NEGATIVE : CT_CONTENT_INTEGER, turned, count, all));
    free(turned);
    return (size_t)(end - out);
}

/* An object whose state is one value: a subclass of int and the like, or a literal. */
static size_t
wrap(ct_import *im, uint64_t type, enum ct_look look, const char *usual, const uint8_t *value, size_t size, uint8_t out[CT_VALUE_MAX])
{
    uint64_t id = im->next_object++;
    uint8_t payload[CT_VALUE_MAX];
    memcpy(payload, value, size);
    begin_object(im, id, journal_type(im, type, look, usual), CT_O_PAYLOAD);
    ct_buffer_add(&im->record, payload, size);
    put_object(im);
    return (size_t)(ct_write_object(out, id) - out);
}

/* "‹… N more of M›" of type Cut: M. */
static bool
is_cut(const ct_import *im, dumped in, uint64_t *length)
{
    static const char middle[] = " more of ";
    uint64_t kind = take_number(&in), type = take_number(&in);
    if (kind != CT_IN_RAW * 2 || !type_of(im, type) || !is_named(type_of(im, type), "Cut"))
        return false;
    size_t size = (size_t)take_number(&in);
    const char *text = (const char *)in.at, *found = memmem(text, size, middle, sizeof middle - 1);
    if (!found)
        return false;
    *length = 0;
    for (found += sizeof middle - 1; found < text + size && *found >= '0' && *found <= '9'; found++)
        *length = *length * 10 + (uint64_t)(*found - '0');
    return true;
}

/* A sequence whose type or items say that it is a dict: its items, but for a cut's mark, are pairs. */
static bool
is_dict(ct_import *im, const type_in *type, dumped in, size_t count)
{
    static const char *const known[] = {"Dict", "collections.OrderedDict", "collections.defaultdict", "collections.Counter"};
    bool named = false;
    uint64_t length;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        named = named || (type && is_named(type, known[i]));
    if (!named)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count && is_cut(im, in, &length))
            break;
        if (take_number(&in) != CT_IN_TUPLE * 2)
            return false;
        take_number(&in);
        if (take_number(&in) != 2)
            return false;
        /* Over the pair: two values. */
        for (size_t open = 2; open > 0; open--) {
            uint64_t kind = take_number(&in) / 2;
            take_number(&in);
            if (kind == CT_IN_BOOL || kind == CT_IN_INT)
                take_number(&in);
            else if (kind == CT_IN_FLOAT)
                in.at += sizeof(double);
            else if (kind == CT_IN_BIGINT || kind == CT_IN_STRING || kind == CT_IN_RAW) {
                size_t size = (size_t)take_number(&in);
                in.at += size;
            }
            else if (kind != CT_IN_NONE)
                open += (size_t)take_number(&in);
        }
    }
    return true;
}

static uint32_t
shape_of(ct_import *im, uint64_t number, size_t count)
{
    type_in *type = number < im->type_count ? &im->types[number] : NULL;
    if (type && type->field_count == count && type->field_count) {
        if (!type->shape)
            type->shape = ct_define_shape(im->r, type->fields, type->field_count) + 1;
        return type->shape - 1;
    }
    /* More values than names, or fewer: their numbers stand for names that are missing. */
    uint32_t *names = malloc((count + 1) * sizeof *names), shape;
    for (size_t i = 0; names && i < count; i++) {
        char name[24];
        int size = snprintf(name, sizeof name, "%zu", i);
        names[i] = type && i < type->field_count ? type->fields[i] : ct_define_name(im->r, name, (size_t)size);
    }
    shape = ct_define_shape(im->r, names, names ? count : 0);
    free(names);
    return shape;
}

static size_t
write_compound(ct_import *im, ct_import_kind kind, uint64_t type_number, dumped *in, uint8_t out[CT_VALUE_MAX])
{
    const type_in *type = type_of(im, type_number);
    size_t count = (size_t)take_number(in), kept = 0;
    uint64_t id = im->next_object++, length = count, told;
    bool dict = kind == CT_IN_SEQUENCE && is_dict(im, type, *in, count);
    ct_buffer values = {0};
    uint8_t value[CT_VALUE_MAX];
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count && kind != CT_IN_STRUCT && is_cut(im, *in, &told)) {
            length = told > count - 1 ? told : count - 1;
            (void)write_value(im, in, value);
            break;
        }
        if (dict) {
            take_number(in);
            take_number(in);
            take_number(in);
        }
        for (int part = 0; part <= dict; part++) {
            size_t size = write_value(im, in, value);
            if (kept < MOST_ITEMS)
                ct_buffer_add(&values, value, size);
        }
        kept += kept < MOST_ITEMS;
    }
    enum ct_look look = dict                     ? CT_LOOK_DICT
                        : kind == CT_IN_TUPLE    ? CT_LOOK_TUPLE
                        : kind == CT_IN_STRUCT   ? CT_LOOK_STRUCT
                        : type && type->kind == 1 ? CT_LOOK_SET
                                                 : CT_LOOK_LIST;
    uint32_t journal = journal_type(im, type_number, look, kind == CT_IN_TUPLE ? "tuple" : kind == CT_IN_STRUCT ? "object" : "list");
    if (kind == CT_IN_STRUCT) {
        uint32_t shape = shape_of(im, type_number, kept);
        begin_object(im, id, journal, CT_O_FIELDS);
        dump_number(&im->record, shape);
    }
    else {
        begin_object(im, id, journal, CT_O_ITEMS);
        dump_number(&im->record, length);
        dump_number(&im->record, dict ? kept * 2 : kept);
    }
    if (values.size)
        ct_buffer_add(&im->record, values.bytes, values.size);
    if (values.failed)
        im->record.failed = true;
    put_object(im);
    ct_buffer_free(&values);
    return (size_t)(ct_write_object(out, id) - out);
}

/* Writes the objects inside (within the event at hand) and encodes the value; returns its size. */
static size_t
write_value(ct_import *im, dumped *in, uint8_t out[CT_VALUE_MAX])
{
    uint64_t head = take_number(in), number = take_number(in);
    const type_in *type = type_of(im, number);
    size_t size = 0;
    switch ((ct_import_kind)(head / 2)) {
    case CT_IN_NONE:
        out[0] = CT_V_NONE;
        return 1;
    case CT_IN_BOOL:
        out[0] = ct_unzigzag(take_number(in)) ? CT_V_TRUE : CT_V_FALSE;
        return 1;
    case CT_IN_INT:
        size = (size_t)(ct_write_int(out, ct_unzigzag(take_number(in))) - out);
        return is_named(type, "Int") ? size : wrap(im, number, CT_LOOK_SCALAR, "int", out, size, out);
    case CT_IN_FLOAT: {
        double value;
        memcpy(&value, in->at, sizeof value);
        in->at += sizeof value;
        size = (size_t)(ct_write_float(out, value) - out);
        return is_named(type, "Float") ? size : wrap(im, number, CT_LOOK_SCALAR, "float", out, size, out);
    }
    case CT_IN_BIGINT: {
        size_t count = (size_t)take_number(in);
        const uint8_t *bytes = in->at;
        in->at += count;
        size = write_big(im, head & 1, bytes, count, out);
        return is_named(type, "Int") ? size : wrap(im, number, CT_LOOK_SCALAR, "int", out, size, out);
    }
    case CT_IN_STRING: {
        size_t count = (size_t)take_number(in);
        const uint8_t *bytes = in->at;
        in->at += count;
        size = write_text(im, bytes, count, out);
        return is_named(type, "String") ? size : wrap(im, number, CT_LOOK_SCALAR, "str", out, size, out);
    }
    case CT_IN_RAW: {
        size_t count = (size_t)take_number(in);
        const uint8_t *bytes = in->at;
        in->at += count;
        if (type && is_named(type, "ellipsis")) {
            out[0] = CT_V_ELLIPSIS;
            return 1;
        }
        if (type && is_named(type, "NotImplementedType")) {
            out[0] = CT_V_NOTIMPLEMENTED;
            return 1;
        }
        size = write_text(im, bytes, count, out);
        return wrap(im, number, CT_LOOK_LITERAL, "object", out, size, out);
    }
    default:
        return write_compound(im, (ct_import_kind)(head / 2), number, in, out);
    }
}

/* ---- definitions ---- */

ct_code
ct_import_path(ct_import *im, const char *bytes, size_t size)
{
    if (!GROW(im->paths, im->path_capacity, im->path_count))
        return no_memory(im);
    im->paths[im->path_count++] = im->writing ? ct_define_path(im->r, bytes, size) : 0;
    return CT_OK;
}

/* `<pkg.mod>` is a module's code; Python's own names in angle brackets are not. */
static bool
names_module(const char *name, size_t size)
{
    static const char *const others[] = {"<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<toplevel>", "<top-level>"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (size == strlen(others[i]) && memcmp(name, others[i], size) == 0)
            return false;
    return size > 2 && name[0] == '<' && name[size - 1] == '>';
}

ct_code
ct_import_function(ct_import *im, uint64_t path, int64_t line, const char *bytes, size_t size)
{
    if (path >= im->path_count)
        return corrupt(im, "a function in a path that is not defined");
    function_in *f;
    if (im->writing) { /* known from the first run, but for its path's id */
        if (im->function_count >= im->function_capacity)
            return corrupt(im, "the trace changed while it was read");
        f = &im->functions[im->function_count++];
        f->path = im->paths[path];
        return CT_OK;
    }
    if (!GROW(im->functions, im->function_capacity, im->function_count))
        return no_memory(im);
    f = &im->functions[im->function_count];
    *f = (function_in){.line = line, .name = copy(bytes, size), .size = size, .is_module = names_module(bytes, size)};
    f->is_toplevel = (size == 10 && memcmp(bytes, "<toplevel>", 10) == 0) || (size == 11 && memcmp(bytes, "<top-level>", 11) == 0);
    if (!f->name)
        return no_memory(im);
    im->function_count++;
    return CT_OK;
}

ct_code
ct_import_variable(ct_import *im, const char *bytes, size_t size)
{
    if (im->writing) { /* known from the first run: a function's code names variables that the stream defines later */
        if (im->variable_count >= im->variable_capacity)
            return corrupt(im, "the trace changed while it was read");
        im->variable_count++;
        return CT_OK;
    }
    if (!GROW(im->variables, im->variable_capacity, im->variable_count))
        return no_memory(im);
    im->variables[im->variable_count] = (variable_in){.name = copy(bytes, size), .size = size};
    if (!im->variables[im->variable_count].name)
        return no_memory(im);
    im->variable_count++;
    return CT_OK;
}

/* The name's id in the journal. */
static uint32_t
name_of(ct_import *im, uint64_t variable)
{
    variable_in *v = &im->variables[variable];
    if (!v->id)
        v->id = ct_define_name(im->r, v->name, v->size) + 1;
    return v->id - 1;
}

ct_code
ct_import_type(ct_import *im, uint64_t kind, const char *bytes, size_t size, const char *fields, size_t field_count)
{
    if (!im->writing)
        return CT_OK;
    if (!GROW(im->types, im->type_capacity, im->type_count))
        return no_memory(im);
    type_in *type = &im->types[im->type_count];
    *type = (type_in){.kind = kind, .name = copy(bytes, size), .size = size, .field_count = field_count};
    type->fields = malloc((field_count + 1) * sizeof *type->fields);
    if (!type->name || !type->fields) {
        free(type->name);
        free(type->fields);
        return no_memory(im);
    }
    for (size_t i = 0; i < field_count; i++, fields += strlen(fields) + 1)
        type->fields[i] = ct_define_name(im->r, fields, strlen(fields));
    im->type_count++;
    return CT_OK;
}

ct_code
ct_import_source(ct_import *im, uint64_t path, const char *bytes, size_t size)
{
    if (path < im->path_count && im->writing)
        ct_define_source(im->r, im->paths[path], bytes, size);
    return CT_OK;
}

/* The variable's index in the function's list; in the first run it is put there. */
static ct_code
slot_of(ct_import *im, uint32_t function, uint64_t variable, uint32_t *slot)
{
    function_in *f = &im->functions[function];
    uint32_t key[2] = {function, (uint32_t)variable}, number;
    bool is_new;
    if (variable >= im->variable_count || variable > UINT32_MAX)
        return corrupt(im, "a variable that is not defined");
    if (ct_intern_add(&im->slots, key, sizeof key, &number, &is_new) != CT_OK)
        return no_memory(im);
    if (is_new) {
        if (im->writing)
            return corrupt(im, "the trace changed while it was read");
        if (!GROW(f->variables, f->variable_capacity, f->variable_count) || !grow(&im->slot_of, &im->slot_of_capacity, number, sizeof *im->slot_of))
            return no_memory(im);
        im->slot_of[number] = (uint32_t)f->variable_count;
        f->variables[f->variable_count++] = (uint32_t)variable;
    }
    *slot = im->slot_of[number];
    return CT_OK;
}

static uint32_t
code_of(ct_import *im, uint32_t function)
{
    function_in *f = &im->functions[function];
    if (!f->code) {
        ct_code_slot *slots = malloc((f->variable_count + 1) * sizeof *slots);
        bool names = f->is_module || f->is_toplevel;
        for (size_t i = 0; slots && i < f->variable_count; i++) {
            uint64_t variable = f->variables[i];
            slots[i] = (ct_code_slot){name_of(im, variable), i < f->arguments ? CT_SLOT_PARAMETER : 0};
        }
        ct_code_definition definition = {
            .path = f->path, .first_line = f->line > 0 && f->line <= INT32_MAX ? (uint32_t)f->line : 0,
            .qualified_name = f->is_module ? "<module>" : f->name, .qualified_name_size = f->is_module ? 8 : f->size,
            .module = f->is_module ? f->name + 1 : "", .module_size = f->is_module ? f->size - 2 : 0,
            .flags = names ? CT_CODE_NAMESPACE | (f->is_module ? CT_CODE_MODULE : 0u) : 0u,
            .arguments = names ? 0 : (uint32_t)f->arguments,
            .slot_count = names || !slots ? 0 : (uint32_t)f->variable_count, .slots = slots,
        };
        f->code = ct_define_code(im->r, &definition) + 1;
        free(slots);
    }
    return f->code - 1;
}

/* ---- events of the journal ---- */

static ct_code
bury(ct_import *im, uint64_t first, uint64_t last)
{
    if (first == last)
        return CT_OK;
    if (!GROW(im->dead, im->dead_capacity, im->dead_count))
        return no_memory(im);
    im->dead[im->dead_count++] = (range_in){first, last};
    return CT_OK;
}

/* Behind the head record: what the event before was the last to use is gone. */
static void
put_deaths(ct_import *im)
{
    for (size_t i = 0; i < im->dead_count; i++)
        for (uint64_t id = im->dead[i].first; id < im->dead[i].last; id++) {
            ct_room(im->r, 16);
            ct_put_number(im->r, CT_R_DIED, id);
        }
    im->dead_count = 0;
}

static activation_in *
top(ct_import *im)
{
    thread_in *thread = &im->threads[im->current];
    return thread->depth ? &thread->stack[thread->depth - 1] : NULL;
}

/* Puts the variables that differ; with `whole`, those that are not among the values are unbound. */
static ct_code
put_variables(ct_import *im, const values_in *values, bool whole)
{
    activation_in *a = top(im);
    function_in *f = &im->functions[a->function];
    bool names = f->is_module || f->is_toplevel;
    uint8_t encoded[CT_VALUE_MAX];
    uint32_t slot;
    im->epoch++;
    for (size_t i = 0; i < values->count; i++) {
        const value_in *value = &values->items[i];
        CT_TRY(slot_of(im, a->function, value->variable, &slot));
        if (!im->writing)
            continue;
        slot_in *s = &a->slots[slot];
        s->seen = im->epoch;
        if (s->bound && s->hash == value->hash)
            continue;
        if (s->bound)
            CT_TRY(bury(im, s->first, s->last));
        s->first = im->next_object;
        dumped in = {values->bytes.bytes + value->at};
        size_t size = write_value(im, &in, encoded);
        s->last = im->next_object;
        s->hash = value->hash;
        s->bound = true;
        ct_room(im->r, 64);
        ct_put_slot(im->r, names ? name_of(im, value->variable) : slot, encoded, size);
    }
    for (size_t i = 0; im->writing && whole && i < f->variable_count; i++) {
        slot_in *s = &a->slots[i];
        if (!s->bound || s->seen == im->epoch)
            continue;
        s->bound = false;
        CT_TRY(bury(im, s->first, s->last));
        ct_room(im->r, 64);
        ct_put_number(im->r, CT_R_UNBIND, names ? name_of(im, f->variables[i]) : i);
    }
    return im->record.failed ? no_memory(im) : CT_OK;
}

static ct_code
push(ct_import *im, uint32_t function, const values_in *arguments)
{
    thread_in *thread = &im->threads[im->current];
    function_in *f = &im->functions[function];
    if (!GROW(thread->stack, thread->capacity, thread->depth))
        return no_memory(im);
    activation_in a = {.id = im->next_activation++, .function = function, .line = f->line > 0 && f->line <= INT32_MAX ? f->line : 0};
    if (im->writing) {
        a.slots = calloc(f->variable_count + 1, sizeof *a.slots);
        if (!a.slots)
            return no_memory(im);
        uint32_t code = code_of(im, function);
        ct_event_begin(im->r);
        ct_put_call(im->r, code, 0);
        thread->stack[thread->depth++] = a;
        put_deaths(im);
        CT_TRY(put_variables(im, arguments, false));
        ct_event_end(im->r);
        return CT_OK;
    }
    thread->stack[thread->depth++] = a;
    CT_TRY(put_variables(im, arguments, false));
    if (!f->called)
        f->arguments = f->variable_count; /* what the first call names stands first */
    f->called = true;
    return CT_OK;
}

static ct_code
write_step(ct_import *im, const step_in *step)
{
    activation_in *a = top(im);
    if (!a) { /* a line of no function: <toplevel> is a function after all */
        uint32_t function = im->toplevel ? (uint32_t)im->toplevel - 1 : 0;
        if (!im->function_count)
            return corrupt(im, "a step before any function");
        static const values_in none;
        im->toplevel_running = true;
        CT_TRY(push(im, function, &none));
        a = top(im);
    }
    if (!im->writing)
        return put_variables(im, &step->values, true);
    ct_event_begin(im->r);
    ct_put_step(im->r, step->line - a->line);
    a->line = step->line;
    put_deaths(im);
    CT_TRY(put_variables(im, &step->values, true));
    ct_event_end(im->r);
    return CT_OK;
}

static ct_code
write_steps(ct_import *im, size_t keep_last)
{
    for (size_t i = 0; i + keep_last < im->step_count; i++)
        CT_TRY(write_step(im, &im->steps[i]));
    if (keep_last && im->step_count == 2) {
        step_in written = im->steps[0];
        im->steps[0] = im->steps[1];
        im->steps[1] = written;
    }
    im->step_count = im->step_count < keep_last ? im->step_count : keep_last;
    return CT_OK;
}

/* ---- events of the stream ---- */

ct_code
ct_import_step(ct_import *im, uint64_t path, int64_t line)
{
    if (path >= im->path_count)
        return corrupt(im, "a step in a path that is not defined");
    if (line < INT32_MIN || line > INT32_MAX)
        return corrupt(im, "a step in a line that no file has");
    CT_TRY(write_steps(im, 1));
    step_in *step = &im->steps[im->step_count++];
    step->path = path;
    step->line = line;
    clear(&step->values);
    return CT_OK;
}

ct_code
ct_import_value(ct_import *im, uint64_t variable, size_t node)
{
    if (variable >= im->variable_count)
        return corrupt(im, "a variable that is not defined");
    /* Values behind a call or a return belong to a step that is written: they repeat the arguments of the call that follows. */
    return im->step_count ? keep(im, &im->steps[im->step_count - 1].values, variable, node) : CT_OK;
}

ct_code
ct_import_argument(ct_import *im, uint64_t variable, size_t node)
{
    if (variable >= im->variable_count)
        return corrupt(im, "a variable that is not defined");
    return keep(im, &im->arguments, variable, node);
}

/* Upstream repeats a call's arguments at the step before: they are no locals of the caller. */
static void
drop_repeated(values_in *values, const values_in *arguments)
{
    size_t n = arguments->count;
    if (n == 0 || n > values->count)
        return;
    for (size_t i = 0; i < n; i++) {
        const value_in *value = &values->items[values->count - n + i], *argument = &arguments->items[i];
        if (value->variable != argument->variable || value->hash != argument->hash)
            return;
    }
    values->count -= n;
}

ct_code
ct_import_call(ct_import *im, uint64_t function)
{
    if (function >= im->function_count)
        return corrupt(im, "a call of a function that is not defined");
    function_in *f = &im->functions[function];
    bool first = !im->any_call;
    im->any_call = true;
    if (first && f->is_toplevel) {
        im->toplevel = function + 1;
        clear(&im->arguments);
        return CT_OK;
    }
    step_in *own = im->step_count ? &im->steps[im->step_count - 1] : NULL;
    if (own && own->values.count == 0 && own->line == f->line)
        im->step_count--;
    if (im->step_count)
        drop_repeated(&im->steps[im->step_count - 1].values, &im->arguments);
    CT_TRY(write_steps(im, 0));
    ct_code code = push(im, (uint32_t)function, &im->arguments);
    clear(&im->arguments);
    return code;
}

ct_code
ct_import_return(ct_import *im, size_t node)
{
    CT_TRY(write_steps(im, 0));
    activation_in *a = top(im);
    if (!a) { /* <toplevel>'s: its value is the exit status */
        const ct_import_node *value = ct_import_at(im, node);
        im->has_status = value->kind == CT_IN_INT;
        im->status = value->integer;
        return CT_OK;
    }
    thread_in *thread = &im->threads[im->current];
    thread->depth--;
    if (!im->writing)
        return CT_OK;
    clear(&im->result);
    CT_TRY(keep(im, &im->result, 0, node));
    /* The head record holds the value, and what is inside it follows: so its record is put together first. */
    uint8_t encoded[CT_VALUE_MAX];
    uint64_t first = im->next_object;
    ct_event_begin(im->r);
    const ct_import_node *value = ct_import_at(im, node);
    bool compound = value->kind >= CT_IN_SEQUENCE || value->kind == CT_IN_RAW;
    const type_in *type = type_of(im, value->type);
    bool wrapped = (value->kind == CT_IN_INT || value->kind == CT_IN_BIGINT) ? !is_named(type, "Int")
                   : value->kind == CT_IN_FLOAT                               ? !is_named(type, "Float")
                   : value->kind == CT_IN_STRING                              ? !is_named(type, "String")
                                                                              : false;
    if (value->kind == CT_IN_RAW && type && (is_named(type, "ellipsis") || is_named(type, "NotImplementedType")))
        compound = false;
    dumped in = {im->result.bytes.bytes};
    if (compound || wrapped) {
        /* The value's own object gets its id before those inside it. */
        size_t size = (size_t)(ct_write_object(encoded, first) - encoded);
        ct_put_value(im->r, CT_R_RETURN, encoded, size);
        put_deaths(im);
        (void)write_value(im, &in, encoded);
    }
    else {
        size_t size = write_value(im, &in, encoded);
        ct_put_value(im->r, CT_R_RETURN, encoded, size);
        put_deaths(im);
    }
    ct_event_end(im->r);
    ct_code code = bury(im, first, im->next_object);
    for (size_t i = 0; code == CT_OK && i < im->functions[a->function].variable_count; i++)
        if (a->slots[i].bound)
            code = bury(im, a->slots[i].first, a->slots[i].last);
    free(a->slots);
    return code == CT_OK && im->record.failed ? no_memory(im) : code;
}

ct_code
ct_import_output(ct_import *im, uint64_t kind, const char *bytes, size_t size)
{
    enum { PIECE = 1 << 20 };
    CT_TRY(write_steps(im, 0));
    if (!im->writing)
        return CT_OK;
    /* Write, WriteOther and TraceLogEvent (what .ct has for stderr), Read; the others have no place in a journal. */
    int stream = kind == 0 ? CT_STDOUT : kind == 2 || kind == 12 ? CT_STDERR : kind == 3 ? CT_STDIN : -1;
    while (stream >= 0 && size) {
        size_t count = size < PIECE ? size : PIECE;
        ct_event_begin(im->r);
        ct_room(im->r, count + 32);
        *im->r->cursor++ = CT_R_OUTPUT;
        *im->r->cursor++ = (uint8_t)stream;
        im->r->cursor = ct_write_varint(im->r->cursor, count);
        ct_put_bytes(im->r, bytes, count);
        put_deaths(im);
        ct_event_end(im->r);
        bytes += count;
        size -= count;
    }
    return CT_OK;
}

static void
put_thread_start(ct_import *im, const thread_in *thread)
{
    ct_event_begin(im->r);
    *im->r->cursor++ = CT_R_THREAD_START;
    im->r->cursor = ct_write_varint(im->r->cursor, thread->number);
    im->r->cursor = ct_write_varint(im->r->cursor, thread->external);
    *im->r->cursor++ = 0;
    ct_event_end(im->r);
}

static ct_code
thread_index(ct_import *im, uint64_t external, bool starts, size_t *index)
{
    for (size_t i = 0; i < im->thread_count; i++)
        if (im->threads[i].known && im->threads[i].external == external) {
            *index = i;
            return CT_OK;
        }
    if (!starts && im->thread_count && !im->threads[0].known && im->threads[0].number == 0) {
        im->threads[0].known = true; /* back in the first thread, whose id nothing told before */
        im->threads[0].external = external;
        *index = 0;
        return CT_OK;
    }
    if (!GROW(im->threads, im->thread_capacity, im->thread_count))
        return no_memory(im);
    im->threads[im->thread_count] = (thread_in){.number = im->next_thread++, .external = external, .known = true};
    *index = im->thread_count++;
    if (im->writing)
        put_thread_start(im, &im->threads[*index]);
    return CT_OK;
}

ct_code
ct_import_threads(ct_import *im, ct_import_thread what, uint64_t external)
{
    size_t index;
    CT_TRY(write_steps(im, 0));
    CT_TRY(thread_index(im, external, what == CT_IN_THREAD_START, &index));
    if (what == CT_IN_THREAD_EXIT && im->writing) {
        ct_event_begin(im->r);
        ct_put_number(im->r, CT_R_THREAD_EXIT, im->threads[index].number);
        ct_event_end(im->r);
    }
    if (what == CT_IN_THREAD_EXIT) /* its number may be used again by another */
        im->threads[index].known = false;
    if (what == CT_IN_THREAD_SWITCH && index != im->current) {
        im->current = index;
        if (im->writing) {
            ct_event_begin(im->r);
            ct_put_number(im->r, CT_R_THREAD, im->threads[index].number);
        }
    }
    return CT_OK;
}

ct_code
ct_import_drop_step(ct_import *im)
{
    if (im->step_count)
        im->step_count--; /* a step that was written already stays */
    return CT_OK;
}

/* ---- life ---- */

static ct_code
start(ct_import *im)
{
    im->thread_count = im->current = 0;
    im->next_thread = 1;
    im->toplevel_running = im->any_call = im->has_status = false;
    im->toplevel = 0;
    im->step_count = im->node_count = im->next_activation = im->epoch = im->next_object = 0;
    im->path_count = im->variable_count = im->function_count = 0;
    clear(&im->arguments);
    if (!GROW(im->threads, im->thread_capacity, im->thread_count))
        return no_memory(im);
    im->threads[im->thread_count++] = (thread_in){.number = 0};
    return CT_OK;
}

static void
free_stacks(ct_import *im)
{
    for (size_t i = 0; i < im->thread_count; i++) {
        for (size_t k = 0; k < im->threads[i].depth; k++)
            free(im->threads[i].stack[k].slots);
        free(im->threads[i].stack);
    }
    im->thread_count = 0;
}

ct_code
ct_import_new(ct_recording *recording, ct_import **im, ct_error *error)
{
    *im = calloc(1, sizeof **im);
    if (!*im || ((*im)->r = recording, start(*im)) != CT_OK) {
        ct_import_free(*im);
        *im = NULL;
        return ct_fail(error, CT_E_NOMEM, "no memory to read the trace", 0, 0);
    }
    return CT_OK;
}

ct_code
ct_import_write(ct_import *im)
{
    CT_TRY(write_steps(im, 0));
    size_t functions = im->function_count, variables = im->variable_count;
    free_stacks(im);
    im->writing = true;
    CT_TRY(start(im));
    im->function_capacity = functions; /* the second run may not name more */
    im->variable_capacity = variables;
    return CT_OK;
}

ct_code
ct_import_end(ct_import *im)
{
    CT_TRY(write_steps(im, 0));
    if (im->has_status) {
        char text[24];
        int size = snprintf(text, sizeof text, "%lld", (long long)im->status);
        ct_define_meta(im->r, "exit.status", text, (size_t)size);
    }
    return CT_OK;
}

void
ct_import_free(ct_import *im)
{
    if (!im)
        return;
    free_stacks(im);
    free(im->threads);
    for (size_t i = 0; i < im->type_count; i++) {
        free(im->types[i].name);
        free(im->types[i].fields);
    }
    free(im->types);
    for (size_t i = 0; i < (im->writing ? im->variable_capacity : im->variable_count); i++)
        free(im->variables[i].name);
    free(im->variables);
    for (size_t i = 0; i < (im->writing ? im->function_capacity : im->function_count); i++) {
        free(im->functions[i].name);
        free(im->functions[i].variables);
    }
    free(im->functions);
    free(im->paths);
    free(im->nodes);
    free(im->slot_of);
    free(im->dead);
    for (size_t i = 0; i < 2; i++)
        free_values(&im->steps[i].values);
    free_values(&im->arguments);
    free_values(&im->result);
    ct_intern_free(&im->slots);
    ct_buffer_free(&im->record);
    free(im);
}
