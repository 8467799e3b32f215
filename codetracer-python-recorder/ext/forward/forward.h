/* What the recorder and the program that forwards its output share: one page at the beginning of the log's file, mapped by both, and file descriptors.
 *
 * The log is a file without a name. Behind the page lie the bytes that passed, in order; the recorder makes holes of what it has taken.
 * Counters only grow, each written by one side.
 */
#ifndef CT_FORWARD_H
#define CT_FORWARD_H

#include <stdatomic.h>
#include <stdint.h>

enum { FORWARD_LOG_DATA = 4096 }; /* where the bytes begin in the log's file */
enum { FORWARD_LOG = 3, FORWARD_IN = 4, FORWARD_OUT = 5, FORWARD_DESCRIPTORS = 6 };

typedef struct forward_page {
    /* by the forwarder */
    _Atomic uint64_t logged;    /* bytes in the log */
    _Atomic uint64_t passed;    /* bytes read, counted when they are in the log or will never be */
    _Atomic uint64_t forwarded; /* bytes handed on */
    _Atomic uint64_t lost;      /* bytes for which the log had no room */
    _Atomic uint32_t busy;      /* 1 from before a read until its bytes are counted in `passed` */
    _Atomic uint32_t writing;   /* 1 while it hands on */
    _Atomic uint32_t gone;      /* 1: it reads no more */
    /* by the recorder */
    _Atomic uint32_t quiet;     /* 1: nothing is to be logged */
} forward_page;

#endif
