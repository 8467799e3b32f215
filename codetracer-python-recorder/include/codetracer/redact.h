/* Keeping secrets out of a trace: which names say that their value is one, and where the text of a known one stands in other text.
 *
 * A recorder asks ct_name_is_secret() once for each name. The value under such a name is written as CT_V_REDACTED, and its text becomes known
 * (ct_secrets_add), so that it is found again in whatever else is written: ct_secrets_found() for values, which are then hidden whole;
 * ct_secrets_mask() for output, of which only the secret itself is replaced. What is known is bytes: a text is its UTF-8. Rules: docs/redaction.md.
 *
 * One thread at a time may use a ct_secrets.
 */
#ifndef CODETRACER_REDACT_H
#define CODETRACER_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/api.h"
#include "codetracer/memory.h"

/* Whether a name (WTF-8) says, by its words, that its value is a secret: `db_password`, `apiKey`, `SESSION_COOKIE`. Looks at 256 bytes at most. */
CT_API bool ct_name_is_secret(const char *name, size_t size);

/* Shorter texts are not kept: they would be found everywhere. */
enum { CT_SECRET_LEAST = 8 /* bytes */ };

typedef struct ct_secrets ct_secrets;

/* NULL: no memory. */
CT_API ct_secrets *ct_secrets_new(const ct_allocator *allocator);
CT_API void ct_secrets_free(ct_secrets *secrets); /* NULL is allowed */

typedef enum ct_secret_added { CT_SECRET_NEW, CT_SECRET_KNOWN, CT_SECRET_SHORT, CT_SECRET_FULL } ct_secret_added;
/* Makes a text known. White space around it is left out, and of a long one only the beginning is kept and looked for. FULL: there is no room or no memory
 * for more: 65,536 texts are kept. */
CT_API ct_secret_added ct_secrets_add(ct_secrets *secrets, const void *bytes, size_t size);
CT_API size_t ct_secrets_count(const ct_secrets *secrets);

/* Whether a known text stands anywhere in these bytes. */
CT_API bool ct_secrets_found(const ct_secrets *secrets, const void *bytes, size_t size);

/* One stream of output, in which a secret may be spread over several writes. All zero: nothing was written to it yet. */
typedef struct ct_masked_stream {
    uint8_t held[256];        /* the end of what was written, which may be the beginning of a secret */
    size_t held_size;
    uint64_t left;            /* bytes of a secret that are still to come */
} ct_masked_stream;

/* The next bytes of a stream (WTF-8, whole characters), with `<redacted>` in place of each known text. *masked is the input itself or belongs to `secrets`, until
 * the next call; it may be empty. An end that may be the beginning of a secret is held until the next call. Adds the number of replaced places to *count.
 * False: no memory; then the whole is to be left out. */
CT_API bool ct_secrets_mask(ct_secrets *secrets, ct_masked_stream *stream, const void *bytes, size_t size, const void **masked, size_t *masked_size,
                            uint64_t *count);

#endif
