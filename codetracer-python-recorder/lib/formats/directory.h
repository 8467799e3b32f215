/* A folder of the file system as a ct_folder: what an export to a path writes its files into.
 *
 * Invariant: what was created here is noted, so that of a failed export nothing stays; nothing is written over, no link is followed, and no file lies
 * outside whatever its name says.
 */
#ifndef CT_FORMATS_DIRECTORY_H
#define CT_FORMATS_DIRECTORY_H

#include "codetracer/io.h"
#include "formats/buffer.h"

typedef struct ct_directory {
    int root;
    ct_buffer created;             /* to be removed when something fails: terminated paths, folders with a slash at their end */
} ct_directory;

ct_code ct_directory_open(ct_directory *d, const char *path, const ct_allocator *allocator, ct_error *error);
/* As long as the directory is open, and does not move. */
ct_folder ct_directory_folder(ct_directory *d);
/* remove: what was created; the files in it are closed. */
void ct_directory_close(ct_directory *d, bool remove);

#endif
