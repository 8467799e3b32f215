/* All of the library. A page that begins with an example: docs/c-library.md.
 *
 *     trace.h     open a trace, whatever it is               record.h    write a journal while a program runs
 *     replay.h    walk it, with the whole state at each step  journal.h   the numbers of the journal format
 *     export.h    write it in another format                 io.h        the caller's bytes
 *     import.h    another format into a recording            memory.h    the caller's memory
 *     verify.h    hold a trace against every rule            version.h   which library this is
 *     redact.h    names and texts that are secrets          api.h       what is public
 *     filter.h    how much of which function is recorded     error.h     how failure is told
 */
#ifndef CODETRACER_CODETRACER_H
#define CODETRACER_CODETRACER_H

#include "codetracer/error.h"
#include "codetracer/export.h"
#include "codetracer/filter.h"
#include "codetracer/import.h"
#include "codetracer/io.h"
#include "codetracer/journal.h"
#include "codetracer/memory.h"
#include "codetracer/record.h"
#include "codetracer/redact.h"
#include "codetracer/replay.h"
#include "codetracer/trace.h"
#include "codetracer/verify.h"
#include "codetracer/version.h"

#endif
