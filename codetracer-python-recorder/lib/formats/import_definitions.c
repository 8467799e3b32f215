/* What a format's stream defines: paths, functions, variables, and from them the journal's codes and slots (import_definitions.h).
 * Invariant: the second run defines nothing that the first did not; a stream that does was changed while it was read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "formats/import_definitions.h"
#include "formats/import_values.h"

ct_code
ct_import_path(ct_import_definitions *d, const char *bytes, size_t size)
{
    if (!CT_GROW(d->allocator, d->paths, d->path_capacity, d->path_count))
        return ct_import_no_memory(d->state);
    d->paths[d->path_count++] = d->writing ? ct_define_path(d->r, bytes, size) : 0;
    if (d->writing && d->path_count == d->script_path) {
        d->script = ct_copy_text(d->allocator, bytes, size);
        d->script_size = size;
        return d->script ? CT_OK : ct_import_no_memory(d->state);
    }
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
ct_import_function_named(ct_import_definitions *d, uint64_t path, int64_t line, const char *bytes, size_t size)
{
    if (path >= d->path_count)
        return ct_import_corrupt(d->state, "a function in a path that is not defined");
    ct_import_function *f;
    if (d->writing) { /* known from the first run, but for its path's id */
        if (d->function_count >= d->function_capacity)
            return ct_import_corrupt(d->state, "the trace changed while it was read");
        f = &d->functions[d->function_count++];
        f->path = d->paths[path];
        return CT_OK;
    }
    if (!CT_GROW(d->allocator, d->functions, d->function_capacity, d->function_count))
        return ct_import_no_memory(d->state);
    f = &d->functions[d->function_count];
    *f = (ct_import_function){.file = path, .line = line, .name = ct_copy_text(d->allocator, bytes, size), .size = size, .is_module = names_module(bytes, size)};
    f->order.seen.keys.allocator = d->allocator;
    f->is_toplevel = (size == 10 && memcmp(bytes, "<toplevel>", 10) == 0) || (size == 11 && memcmp(bytes, "<top-level>", 11) == 0);
    if (!f->name)
        return ct_import_no_memory(d->state);
    if (f->is_toplevel && !d->script_path)
        d->script_path = path + 1;
    d->function_count++;
    return CT_OK;
}

static ct_code
add_variable(ct_import_definitions *d, const char *bytes, size_t size)
{
    if (!CT_GROW(d->allocator, d->variables, d->variable_capacity, d->variable_count))
        return ct_import_no_memory(d->state);
    d->variables[d->variable_count] = (ct_import_variable){.name = ct_copy_text(d->allocator, bytes, size), .size = size};
    if (!d->variables[d->variable_count].name)
        return ct_import_no_memory(d->state);
    d->variable_count++;
    return CT_OK;
}

ct_code
ct_import_variable_named(ct_import_definitions *d, const char *bytes, size_t size)
{
    size_t number = d->variables_named++;
    if (d->writing) /* known from the first run: a function's code names variables that the stream defines later */
        return number < d->variable_capacity ? CT_OK : ct_import_corrupt(d->state, "the trace changed while it was read");
    if (number == d->variable_count)
        return add_variable(d, bytes, size);
    char *name = ct_copy_text(d->allocator, bytes, size); /* used before: ct_import_know_variable() */
    if (!name)
        return ct_import_no_memory(d->state);
    ct_free(d->allocator, d->variables[number].name);
    d->variables[number] = (ct_import_variable){.name = name, .size = size};
    return CT_OK;
}

ct_code
ct_import_know_variable(ct_import_definitions *d, uint64_t variable)
{
    enum { MOST_UNNAMED = 4096 };
    char name[32];
    if (variable < (d->writing ? d->variable_capacity : d->variable_count))
        return CT_OK;
    if (d->writing || variable - d->variables_named >= MOST_UNNAMED)
        return ct_import_corrupt(d->state, "a variable that is not defined");
    while (d->variable_count <= variable) {
        int size = snprintf(name, sizeof name, "variable %zu", d->variable_count);
        CT_TRY(add_variable(d, name, (size_t)size));
    }
    return CT_OK;
}

uint32_t
ct_import_name_of(ct_import_definitions *d, uint64_t variable)
{
    ct_import_variable *v = &d->variables[variable];
    if (!v->id)
        v->id = ct_define_name(d->r, v->name, v->size) + 1;
    return v->id - 1;
}

ct_code
ct_import_slot_of(ct_import_definitions *d, uint32_t function, uint64_t variable, uint32_t *slot)
{
    ct_import_function *f = &d->functions[function];
    uint32_t key[2] = {function, (uint32_t)variable}, number;
    bool is_new;
    if (ct_intern_add(&d->slots, key, sizeof key, &number, &is_new) != CT_OK)
        return ct_import_no_memory(d->state);
    if (d->writing && number >= d->slots_learned) /* known by now, if it was asked for before, but by no slot */
        return ct_import_corrupt(d->state, "the trace changed while it was read");
    if (is_new) {
        if (!CT_GROW(d->allocator, f->variables, f->variable_capacity, f->variable_count) || !CT_GROW(d->allocator, d->slot_of, d->slot_of_capacity, number))
            return ct_import_no_memory(d->state);
        d->slot_of[number] = (uint32_t)f->variable_count;
        f->variables[f->variable_count++] = (ct_import_local){.variable = (uint32_t)variable};
    }
    *slot = d->slot_of[number];
    return CT_OK;
}

static uint32_t first_line_of(const ct_import_function *f) { return f->line > 0 && f->line <= INT32_MAX ? (uint32_t)f->line : 0; }

static ct_code
define_code(ct_import_definitions *d, const ct_import_function *f, uint32_t path, uint32_t *code)
{
    ct_code_slot *slots = ct_allocate(d->allocator, (f->variable_count + 1) * sizeof *slots);
    bool names = f->is_module || f->is_toplevel;
    if (!slots)
        return ct_import_no_memory(d->state);
    for (size_t i = 0; i < f->variable_count; i++) {
        const ct_import_local *local = &f->variables[i];
        slots[i] = (ct_code_slot){ct_import_name_of(d, local->variable), local->is_argument ? CT_SLOT_PARAMETER : 0};
    }
    ct_code_definition definition = {
        .path = path, .first_line = first_line_of(f),
        .qualified_name = f->is_module ? "<module>" : f->name, .qualified_name_size = f->is_module ? 8 : f->size,
        .module = f->is_module ? f->name + 1 : "", .module_size = f->is_module ? f->size - 2 : 0,
        .flags = names ? CT_CODE_NAMESPACE | (f->is_module ? CT_CODE_MODULE : 0u) : 0u,
        .arguments = names ? 0 : (uint32_t)f->arguments,
        .slot_count = names ? 0 : (uint32_t)f->variable_count, .slots = slots,
    };
    *code = ct_define_code(d->r, &definition);
    ct_free(d->allocator, slots);
    return CT_OK;
}

ct_code
ct_import_code_of(ct_import_definitions *d, uint32_t function, uint32_t *path, uint32_t *code)
{
    enum { MOST_OTHER_SLOTS = 4 << 20 };
    const ct_import_function *f = &d->functions[function];
    if (*path != f->path && d->other_slots + f->variable_count > MOST_OTHER_SLOTS)
        *path = f->path;
    uint32_t key[2] = {function, *path}, number;
    bool is_new;
    if (ct_intern_add(&d->codes, key, sizeof key, &number, &is_new) != CT_OK)
        return ct_import_no_memory(d->state);
    if (is_new) {
        if (!CT_GROW(d->allocator, d->code_of, d->code_of_capacity, number))
            return ct_import_no_memory(d->state);
        CT_TRY(define_code(d, f, *path, &d->code_of[number]));
        d->other_slots += *path != f->path ? f->variable_count : 0;
    }
    *code = d->code_of[number];
    return CT_OK;
}

ct_code
ct_import_column_of(ct_import_definitions *d, uint32_t function, uint32_t code, int64_t line, uint64_t column)
{
    uint32_t key[2] = {code, (uint32_t)line}, number;
    bool is_new;
    if (line <= 0)
        return CT_OK;
    if (ct_intern_add(&d->lines, key, sizeof key, &number, &is_new) != CT_OK
        || (is_new && !CT_GROW(d->allocator, d->columns, d->column_capacity, number)))
        return ct_import_no_memory(d->state);
    uint32_t known = column <= INT32_MAX ? (uint32_t)column : 0;
    if (!is_new && d->columns[number].at.column <= 1)
        d->columns[number].at.column = known ? known : d->columns[number].at.column;
    if (is_new)
        d->columns[number] = (ct_import_column){code, first_line_of(&d->functions[function]), {(uint32_t)line, known}};
    return CT_OK;
}

static int
by_code_and_line(const void *left, const void *right)
{
    const ct_import_column *a = left, *b = right;
    return a->code != b->code ? (a->code < b->code ? -1 : 1) : a->at.line < b->at.line ? -1 : a->at.line > b->at.line;
}

void
ct_import_write_columns(ct_import_definitions *d)
{
    enum { PIECE = 256 };
    ct_line_column lines[PIECE];
    if (d->lines.count)
        qsort(d->columns, d->lines.count, sizeof *d->columns, by_code_and_line);
    for (size_t i = 0, count; i < d->lines.count; i += count) {
        const ct_import_column *first = &d->columns[i];
        bool begins = i == 0 || first[-1].code != first->code;
        for (count = 0; count < PIECE && i + count < d->lines.count && first[count].code == first->code; count++)
            lines[count] = first[count].at;
        ct_define_columns(d->r, first->code, begins ? first->first_line : first[-1].at.line, lines, count);
    }
}

/* Behind the first run: the slots as the steps showed them. */
static ct_code
order_variables(ct_import_definitions *d)
{
    for (size_t n = 0; n < d->function_count; n++) {
        ct_import_function *f = &d->functions[n];
        if (!f->variable_count)
            continue;
        uint32_t *places = ct_allocate(d->allocator, f->variable_count * sizeof *places);
        ct_import_local *ordered = ct_allocate(d->allocator, f->variable_count * sizeof *ordered);
        bool done = places && ordered && ct_variable_order_sort(&f->order, places, f->variable_count) == CT_OK;
        for (size_t i = 0; done && i < f->variable_count; i++) {
            const uint32_t key[2] = {(uint32_t)n, f->variables[i].variable};
            uint32_t number;
            bool is_new;
            ordered[places[i]] = f->variables[i];
            if ((done = ct_intern_add(&d->slots, key, sizeof key, &number, &is_new) == CT_OK && !is_new))
                d->slot_of[number] = places[i];
        }
        ct_free(d->allocator, places);
        ct_free(d->allocator, done ? f->variables : ordered);
        if (!done)
            return ct_import_no_memory(d->state);
        f->variables = ordered;
        f->variable_capacity = f->variable_count;
        while (f->arguments < f->variable_count && ordered[f->arguments].is_argument)
            f->arguments++;
    }
    return CT_OK;
}

void
ct_import_definitions_start(ct_import_definitions *d)
{
    d->path_count = d->variable_count = d->variables_named = d->function_count = 0;
}

ct_code
ct_import_definitions_learned(ct_import_definitions *d)
{
    CT_TRY(order_variables(d));
    d->writing = true;
    d->slots_learned = d->slots.count;
    d->function_capacity = d->function_count; /* the second run may not name more */
    d->variable_capacity = d->variable_count;
    return CT_OK;
}

void
ct_import_definitions_free(ct_import_definitions *d)
{
    for (size_t i = 0; i < (d->writing ? d->variable_capacity : d->variable_count); i++)
        ct_free(d->allocator, d->variables[i].name);
    ct_free(d->allocator, d->variables);
    for (size_t i = 0; i < (d->writing ? d->function_capacity : d->function_count); i++) {
        ct_free(d->allocator, d->functions[i].name);
        ct_free(d->allocator, d->functions[i].variables);
        ct_variable_order_free(&d->functions[i].order);
    }
    ct_free(d->allocator, d->functions);
    ct_free(d->allocator, d->paths);
    ct_free(d->allocator, d->script);
    ct_free(d->allocator, d->slot_of);
    ct_free(d->allocator, d->code_of);
    ct_free(d->allocator, d->columns);
    ct_intern_free(&d->lines);
    ct_intern_free(&d->slots);
    ct_intern_free(&d->codes);
}
