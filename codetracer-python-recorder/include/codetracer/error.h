/* Errors of the library: frozen numbers, constant text, a position.
 *
 * Every function that can fail returns a ct_code. Where it takes a ct_error *, it fills it when it fails (NULL is allowed; what is in it after success means
 * nothing):
 * `message` is a constant sentence, `position` the byte offset in the file at hand (or 0), `system` the errno (or 0), `subject` the name of what the
 * message is about where that is not what the caller named, for example a file within the folder ("": the message says it all; long ones are cut).
 */
#ifndef CODETRACER_ERROR_H
#define CODETRACER_ERROR_H

#include <stdint.h>

typedef enum ct_code {
    CT_OK = 0,
    CT_E_PARAM = 1,   /* a wrong argument, the caller's fault: NULL where that is not allowed, a number that is none */
    CT_E_NOMEM = 2,   /* no memory */
    CT_E_IO = 3,      /* the system refused: see ct_error.system */
    CT_E_CORRUPT = 4, /* the bytes break the format: see ct_error.position */
    CT_E_VERSION = 5, /* a format version that this library does not know */
    CT_E_LIMIT = 6,   /* the target cannot hold this */
    CT_E_STOPPED = 7, /* the caller's progress function asked to stop */
    CT_END = 8,       /* not an error: nothing follows */
    CT_E_GONE = 9     /* a recording that keeps only its end has gone on, and given back what was to be read: open it again */
} ct_code;

typedef struct ct_error {
    ct_code code;
    const char *message;
    uint64_t position;
    int system;
    char subject[200];
} ct_error;

/* Fills *error (NULL is allowed) and returns code. */
static inline ct_code
ct_fail(ct_error *error, ct_code code, const char *message, uint64_t position, int system)
{
    if (error) {
        error->code = code;
        error->message = message;
        error->position = position;
        error->system = system;
        error->subject[0] = 0;
    }
    return code;
}

/* One way to hand an error up. */
#define CT_TRY(expr)              \
    do {                          \
        ct_code code_ = (expr);   \
        if (code_ != CT_OK)       \
            return code_;         \
    } while (0)

#endif
