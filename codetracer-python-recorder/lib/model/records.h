/* The records of the event stream, without their meaning: skipping, scanning and counting. */
#ifndef CT_MODEL_RECORDS_H
#define CT_MODEL_RECORDS_H

#include "model/decode.h"

/* Skips a record whose tag was taken. An OBJECT's address difference is added to *address. in->bad when there is no such record.
 * The journal tells how many fields a shape has; without one (NULL) the references do. */
void ct_skip_record(ct_input *in, uint8_t tag, const ct_journal *journal, uint64_t *address);

/* The same, and notes what the record refers to. */
typedef struct ct_references {
    void (*value)(void *context, const ct_value *value); /* called for each value; NULL: not asked for */
    void *context;
    const uint32_t *shapes;     /* how many fields each shape has, where there is no journal to ask */
    size_t shape_count;
    uint64_t objects, contents; /* the highest id of an object, a content that a value named, + 1 */
    uint64_t defined;           /* the highest id that an OBJECT record or a key state gave, + 1 */
} ct_references;
void ct_scan_record(ct_input *in, uint8_t tag, const ct_journal *journal, uint64_t *address, ct_references *references);

/* Counts events and steps up to the end, or to the first record that breaks the format. */
void ct_count_events(ct_input in, const ct_journal *journal, uint64_t *events, uint64_t *steps);

/* Whether a record ends the event before it: any head, THREAD, and the key state of a new segment. */
static inline bool
ct_record_ends_event(uint8_t tag)
{
    return (tag >= CT_R_STEP_SHORT && tag < CT_R_SLOT_SHORT) || (tag >= CT_R_THREAD && tag <= CT_R_GAP) || tag == CT_R_KEY_BEGIN;
}

#endif
