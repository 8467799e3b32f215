/* Which trace filters were in force: metas `filter.source`, each `NAME SHA-256 PATH` (docs/journal-format.md), in the order in which they are laid over each other. */
#ifndef CT_FORMATS_PROVENANCE_H
#define CT_FORMATS_PROVENANCE_H

#include <string.h>

#include "codetracer/replay.h"

typedef struct ct_provenance {
    ct_text name, path;
    const char *digest;            /* 64 hexadecimal digits */
} ct_provenance;

/* Name and path may hold spaces: the digest is what is told from them. False: there is none. */
static inline bool
ct_provenance_of(ct_text meta, ct_provenance *source)
{
    enum { DIGEST = 64 };
    size_t digits = 0;
    for (size_t at = 0; at < meta.size; at++) {
        char byte = meta.bytes[at];
        if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f'))
            digits++;
        else if (byte == ' ' && digits == DIGEST && at > DIGEST && meta.bytes[at - DIGEST - 1] == ' ') {
            *source = (ct_provenance){{meta.bytes, at - DIGEST - 1}, {meta.bytes + at + 1, meta.size - at - 1}, meta.bytes + at - DIGEST};
            return true;
        }
        else
            digits = 0;
    }
    return false;
}

/* The next one from meta *at on, which is moved behind it. False: there is none. */
static inline bool
ct_provenance_next(const ct_journal *journal, uint32_t *at, ct_provenance *source)
{
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    while (*at < counts.metas) {
        const ct_meta_info *meta = ct_journal_meta(journal, (*at)++);
        if (meta && meta->key.size == 13 && memcmp(meta->key.bytes, "filter.source", 13) == 0 && ct_provenance_of(meta->value, source))
            return true;
    }
    return false;
}

#endif
