/* Writing meta.dat (ctfs.md section 7): what a container says about the program. Reading it: ct_reading.h. */
#ifndef CT_FORMATS_CT_META_H
#define CT_FORMATS_CT_META_H

#include "codetracer/replay.h"
#include "formats/ctfs.h"

/* The recorder, as the metadata of traces that this project writes names it. In meta.dat it is recorder_id, which upstream's writers leave empty: by it a
 * container of ours is known. */
#define CT_OUR_RECORDER "codetracer-python-recorder"

/* Bits of its flags. */
enum {
    CT_META_MCR = 1 << 0, CT_META_LAUNCH = 1 << 1, CT_META_LAYOUT = 1 << 2, CT_META_FILTERS = 1 << 3, CT_META_COLUMNS = 1 << 4, CT_META_VIEWS = 1 << 5,
    CT_META_CALLS_CHUNKED = 1 << 8, CT_META_STEPS_CHUNKED = 1 << 9, CT_META_VALUES_CHUNKED = 1 << 10, CT_META_EVENTS_CHUNKED = 1 << 11,
    CT_META_SPANS = 1 << 13, CT_META_KNOWN = 0x3FFF
};

typedef struct ct_meta_out {
    ct_journal *journal;           /* set by the owner */
    ct_buffer paths;               /* its allocator is set by the owner */
    uint64_t path_count;
} ct_meta_out;

/* The next path of the trace. */
ct_code ct_meta_path(ct_meta_out *meta, ct_text path);
/* CT_META_FILTERS among the flags: with the filters that were in force, if there were any. */
ct_code ct_meta_write(const ct_meta_out *meta, ct_ctfs *ctfs, ct_ctfs_file *file, unsigned flags);
void ct_meta_free(ct_meta_out *meta);

#endif
