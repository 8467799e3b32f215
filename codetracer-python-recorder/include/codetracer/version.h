/* The library's version, by the rules of semantic versioning: another major number breaks programs that use it, another minor number adds to it.
 * The journal format has a version of its own: CT_JOURNAL_MAJOR in journal.h. */
#ifndef CODETRACER_VERSION_H
#define CODETRACER_VERSION_H

#include "codetracer/api.h"

/* Of these headers. */
#define CT_VERSION_MAJOR 1
#define CT_VERSION_MINOR 0
#define CT_VERSION_PATCH 0
/* For comparisons: 1.2.3 is 10203. */
#define CT_VERSION_NUMBER (CT_VERSION_MAJOR * 10000 + CT_VERSION_MINOR * 100 + CT_VERSION_PATCH)

/* Of the library that the program runs with, for example "1.0.0", or "1.0.0.dev0" before that is released. Constant text, never NULL; callable from any
 * thread. */
CT_API const char *ct_version(void);

#endif
