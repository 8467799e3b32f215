/* The journal's spans as a container has them: spans.dat, spans.idx, spantype.ns.
 *
 * spans.dat is a chunked stream whose records are `varint length, bytes`: span id (from 1), parent (0), flags, status (0 not told, 1 ok, 2 error), begin and end in ns
 * since 1970, process (0), thread, first step, last step, type, label, structure (2: siblings are on one line of time, 4: they may overlap), and the metadata, a count and
 * pairs of texts. spans.idx is that stream's own: chunk size u32, version 2 u16, u16 0, and for each chunk where it begins and how many records there are up to its end, u64 each.
 * spantype.ns lists the ids of each type. Sources: what codetracer-trace-format-nim (span_stream.nim) says of them, and what the
 * replay server takes and refuses.
 *
 * Steps are numbered as the container's own are, which has more of them than the journal: they become known while it is written.
 */
#ifndef CT_FORMATS_CT_SPANS_H
#define CT_FORMATS_CT_SPANS_H

#include "codetracer/replay.h"
#include "formats/ctfs.h"
#include "formats/matches.h"

typedef struct ct_spans_end { uint64_t step, number; } ct_spans_end; /* number: 2 * span, + 1: it is the last step */

typedef struct ct_spans {
    const ct_journal *journal;     /* set by the owner, as are these */
    ct_ctfs *ctfs;
    void *zstd;
    ct_error *error;
    /* Its own. */
    size_t count;                  /* of spans; 0: nothing is written */
    ct_spans_end *ends;            /* by step */
    size_t end_count, next_end;
    uint64_t *steps;               /* the container's: first and last of each span */
    uint64_t step;                 /* of the journal, the next one */
} ct_spans;

ct_code ct_spans_start(ct_spans *spans);
void ct_spans_reach(ct_spans *spans, uint64_t number);
/* The journal's next step has that number in the container. */
static inline void
ct_spans_step(ct_spans *spans, uint64_t number)
{
    if (spans->next_end < spans->end_count && spans->ends[spans->next_end].step == spans->step)
        ct_spans_reach(spans, number);
    spans->step++;
}
/* Into three slots from this one on. */
ct_code ct_spans_write(ct_spans *spans, unsigned slot);
void ct_spans_free(ct_spans *spans);

#endif
