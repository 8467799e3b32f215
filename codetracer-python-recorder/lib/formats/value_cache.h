/* Values encoded in the one or two forms that a format wants, remembered as long as they do not change.
 *
 * A value that stands at a variable looks the same in whichever variable, so what is remembered is found by the object (or content) at
 * its top: no state per activation. Invariant: an entry is used only while no object that it shows has changed since; the bytes
 * handed out live until the next ct_value_cache_begin.
 */
#ifndef CT_FORMATS_VALUE_CACHE_H
#define CT_FORMATS_VALUE_CACHE_H

#include "formats/encode.h"
#include "formats/view.h"

enum { CT_FORMS_MAX = 2 };

/* Where the value was written last in the stream of that form; whoever writes keeps it. size 0: nowhere yet. */
typedef struct ct_written { uint64_t at, serial; size_t size; } ct_written;

typedef struct ct_encoded {
    const uint8_t *bytes[CT_FORMS_MAX];
    size_t size[CT_FORMS_MAX];
    uint64_t cuts;                 /* docs/values.md: cuts inside that were made here */
    uint64_t serial;               /* of an object or content: two of the same are the same bytes. 0: any other value */
    ct_written *written;           /* of an object or content, by form; NULL: of any other value */
    bool alone;                    /* an object that shows no other: the same as long as it does not change itself */
} ct_encoded;

typedef struct ct_cached_value ct_cached_value;
typedef struct ct_value_cache {
    ct_view view;
    unsigned form_count;
    enum ct_form forms[CT_FORMS_MAX];
    uint64_t event;                /* number of the event at hand */
    uint64_t last_serial;
    ct_arena scalars;
    ct_buffer scratch[CT_FORMS_MAX];
    ct_cached_value **table;
    size_t table_size, entry_count, looks_due;
    ct_cached_value *newest, *oldest;
    size_t remembered, budget;     /* bytes */
} ct_value_cache;

void ct_value_cache_start(ct_value_cache *cache, ct_replay *replay, ct_types *types, const ct_view_limits *limits, unsigned form_count,
                     const enum ct_form *forms);
void ct_value_cache_free(ct_value_cache *cache);

/* The state is now that behind event number `event`; what was handed out is no longer valid. */
void ct_value_cache_begin(ct_value_cache *cache, uint64_t event);
ct_code ct_value_cache_encode(ct_value_cache *cache, const ct_value *value, ct_encoded *encoded, ct_error *error);

#endif
