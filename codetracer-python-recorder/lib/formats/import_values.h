/* Private to the import (import.c, import_values.c): values on their way from a format's stream to the journal.
 *
 * A reader's tree (stream.h) lives until the call that takes it; what must live longer is kept as a dump: the tree in preorder, whose hash says
 * whether a variable's value looks the same as before. Writing a kept value puts the objects inside it into the journal, within the event at hand.
 * Who holds an object and when it dies is import.c's business.
 */
#ifndef CT_FORMATS_IMPORT_VALUES_H
#define CT_FORMATS_IMPORT_VALUES_H

#include "codetracer/record.h"
#include "formats/buffer.h"
#include "formats/stream.h"
#include "util/memory.h"

typedef struct ct_import_type_entry {
    uint64_t kind;
    char *name;
    size_t size;
    uint32_t *fields;              /* names' ids of the journal */
    size_t field_count;
    uint32_t shape, ids[9];        /* + 1; ids by look */
} ct_import_type_entry;

typedef struct ct_import_values {
    ct_recording *r;
    const ct_allocator *allocator; /* the recording's */
    ct_import_type_entry *types;
    size_t type_count, type_capacity;
    uint64_t next_object;          /* the id that the next one gets */
    ct_buffer record;              /* one OBJECT record; `failed`: what was written since is not whole */
} ct_import_values;

/* A value, taken out of its tree. */
typedef struct ct_kept_value { uint64_t variable; size_t at, size; uint64_t hash; } ct_kept_value;
typedef struct ct_kept_values { ct_kept_value *items; size_t count, capacity; ct_buffer bytes; } ct_kept_values;

/* All that fails here fails for want of memory. */
void ct_import_values_start(ct_import_values *v);  /* before each run */
void ct_import_values_free(ct_import_values *v);
ct_code ct_import_values_type(ct_import_values *v, const ct_stream_type *type);

/* Puts a dump of the tree behind the others. */
ct_code ct_import_values_keep(ct_kept_values *kept, uint64_t variable, const ct_stream_tree *tree, size_t node);
void ct_kept_clear(ct_kept_values *kept);
void ct_kept_free(ct_kept_values *kept);

/* Writes the objects of a kept value (within the event at hand) and encodes it; returns its size. */
size_t ct_import_values_write(ct_import_values *v, const ct_kept_values *kept, size_t index, uint8_t out[CT_VALUE_MAX]);
/* Whether writing the tree's value makes an object of it: then that gets the id next_object. */
bool ct_import_values_is_object(const ct_import_values *v, const ct_stream_tree *tree, size_t node);

#endif
