/* Imports: other formats turned into a journal, streaming. What a format does not say (addresses, identity, generators' suspensions) the journal made of
 * it does not know either. ct_trace_open() does all of this; these functions are for who wants the journal as a file of his own:
 *
 *     ct_recording_options options = {.journal_path = "copy.ctj"};
 *     ct_recording_open(&options, &recording, &error);
 *     ct_code code = ct_import_json("trace.json", recording, &error);
 *     ct_code end = ct_recording_finish(recording, &error);
 *
 * What all of them have in common: the recording was just opened, is the calling thread's, and is finished by the caller, also after a failure, so that
 * what was read before a damaged place can be seen. The file is read twice. Errors: CT_E_IO (it cannot be read), CT_E_CORRUPT (error->position),
 * CT_E_VERSION (a form of it that is not known), CT_E_NOMEM. That the journal cannot be written is told by ct_recording_finish(). Memory comes from the
 * recording's allocator.
 */
#ifndef CODETRACER_IMPORT_H
#define CODETRACER_IMPORT_H

#include "codetracer/api.h"
#include "codetracer/error.h"
#include "codetracer/record.h"

/* trace.json, with trace_metadata.json and files/ beside it where they are there. error->position: the byte of trace.json. */
CT_API ct_code ct_import_json(const char *path, ct_recording *recording, ct_error *error);

/* A CTFS container, either layout. error->position: the byte of the container, or of the file within it where there is none. */
CT_API ct_code ct_import_ct(const char *path, ct_recording *recording, ct_error *error);

/* trace.bin in CBOR and zstd, with the files beside it as those of trace.json. error->position: the byte where a damaged frame begins. */
CT_API ct_code ct_import_binary(const char *path, ct_recording *recording, ct_error *error);

/* trace.bin in Cap'n Proto, with the same beside it. error->position: the byte of the unpacked message. */
CT_API ct_code ct_import_binary_v0(const char *path, ct_recording *recording, ct_error *error);

#endif
