/* Counted things in sentences: "1 step", "2 steps". */
#ifndef CT_UTIL_PLURAL_H
#define CT_UTIL_PLURAL_H

#include <stdint.h>

static inline const char *
ct_plural(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* Two arguments for "%" PRIu64 " %s": the number and its noun, of which the plural ends in s. */
#define CT_COUNTED(count, noun) (uint64_t)(count), ct_plural(count, noun, noun "s")

#endif
