/* Imports: other formats turned into a journal, streaming. What a format does not say (addresses, identity, generators' suspensions) the journal made
 * of it does not know either. Format documents: docs/values.md, and the formats' own. */
#ifndef CODETRACER_IMPORT_H
#define CODETRACER_IMPORT_H

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/record.h"

/* Reads trace.json (and trace_metadata.json beside it, when it is there) into a recording that was just opened; the caller finishes it, also after a
 * failure, so that what was read before a damaged place can be seen. error->position: the byte of trace.json. */
CT_API ct_code ct_import_json(const char *path, ct_recording *recording, ct_error *error);

/* The same for a CTFS container, either layout. error->position: the byte of the container, or of the file within it where there is none. */
CT_API ct_code ct_import_ct(const char *path, ct_recording *recording, ct_error *error);

/* The same for trace.bin in CBOR and zstd, with the files beside it as those of trace.json. error->position: the byte where a damaged frame begins. */
CT_API ct_code ct_import_binary(const char *path, ct_recording *recording, ct_error *error);

/* The same for trace.bin in Cap'n Proto. error->position: the byte of the unpacked message. */
CT_API ct_code ct_import_binary_v0(const char *path, ct_recording *recording, ct_error *error);

#endif
