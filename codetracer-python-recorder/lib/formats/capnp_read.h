/* Reading a packed Cap'n Proto message that nobody vouches for (https://capnproto.org/encoding.html).
 *
 * It is unpacked into a file without a name, which is mapped. Invariant: each pointer's target is checked to lie in its segment and in what is there,
 * each word counts when it is traversed, and there are only twice as many as the message has: so nothing can be led into circles, or be shown the same
 * again and again. How deep objects lie in each other the caller bounds.
 *
 * Functions that return a bool fail for good: the first failure is in `code` and `why`.
 */
#ifndef CT_FORMATS_CAPNP_READ_H
#define CT_FORMATS_CAPNP_READ_H

#include "codetracer/error.h"
#include "formats/capnp.h"

enum { CT_CAPNP_SEGMENTS = 512 };  /* the most, as upstream's reader has it */

typedef struct ct_capnp_segment { uint64_t start, words; } ct_capnp_segment; /* in the message */

typedef struct ct_capnp_message {
    ct_code code;
    const char *why;               /* of CT_E_CORRUPT: a constant sentence */
    uint64_t position;             /* of what is looked at, in the message, in bytes */
    ct_capnp_segment segments[CT_CAPNP_SEGMENTS];
    uint32_t segment_count;        /* 0: the file was cut before that is said */
    const uint8_t *bytes;
    size_t size;
    uint64_t words_said;           /* how long the message is by its table */
    uint64_t words_there;          /* fewer when the file was cut */
    bool goes_on;                  /* there is more in the file */
    uint64_t traversable;          /* words that may still be traversed */
    ct_unpacker unpacker;
} ct_capnp_message;                /* all zero before ct_capnp_open */

/* A struct, or the elements of a list. A null pointer leads to one that is not there, in which everything is zero. */
typedef struct ct_capnp_object {
    uint32_t segment;
    uint64_t at;                   /* word */
    uint32_t data, pointers;       /* words of the struct, or of each element of a list of structs */
    uint64_t count;                /* of elements */
    unsigned element;              /* CT_CAPNP_BYTE … */
    bool there;
} ct_capnp_object;

/* Unpacks the file from `offset` on, into a file without a name in the folder (NULL: $TMPDIR, or /tmp); what is not CT_E_CORRUPT fills the error. A message that was cut is opened, too. To be closed in any case. */
ct_code ct_capnp_open(ct_capnp_message *m, int file, uint64_t offset, const char *folder, const ct_allocator *allocator, ct_error *error);
void ct_capnp_close(ct_capnp_message *m);
/* Whether the message was all there, and nothing else: to be asked at the end. */
bool ct_capnp_is_whole(ct_capnp_message *m);
bool ct_capnp_refuse(ct_capnp_message *m, const char *why);

bool ct_capnp_root(ct_capnp_message *m, ct_capnp_object *root);
/* A word of data; what a shorter struct of an older schema does not have is zero. */
uint64_t ct_capnp_data(const ct_capnp_message *m, const ct_capnp_object *o, unsigned index);
/* What pointer `index` leads to: a struct, a list of structs (whose elements may be beyond what is there: ct_capnp_enter), the same with all its
 * elements, bytes, a text without its terminating zero. */
bool ct_capnp_struct_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, ct_capnp_object *to);
bool ct_capnp_list_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, unsigned element, ct_capnp_object *to);
bool ct_capnp_structs_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, ct_capnp_object *to);
bool ct_capnp_bytes_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, const char **bytes, size_t *size);
bool ct_capnp_text_at(ct_capnp_message *m, const ct_capnp_object *o, unsigned index, const char **bytes, size_t *size);
ct_capnp_object ct_capnp_element(const ct_capnp_object *list, uint64_t index);
/* The element's words are traversed: before anything else of a list that ct_capnp_list_at gave. */
bool ct_capnp_enter(ct_capnp_message *m, const ct_capnp_object *element);

#endif
