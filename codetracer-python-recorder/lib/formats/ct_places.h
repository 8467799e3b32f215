/* Positions of steps in the multi-stream layout (ctfs.md section 3): one number for a file, a line and a column; made and found again.
 *
 *   by line    100,000 numbers for each file
 *   by column  a number for each byte of each line; where the journal knows no columns, one for each line
 *
 * Invariant: by column no line is without a number of its own (the layout lets empty lines share theirs with the next), and no step lies behind its line's end:
 * a line is as long as its text or as the last column of a step on it, and 1 at least. Memory: a number per line of the files, and of lines behind the ends of
 * their texts there are no more than four million together; what is behind those is put on the last line.
 */
#ifndef CT_FORMATS_CT_PLACES_H
#define CT_FORMATS_CT_PLACES_H

#include "codetracer/replay.h"
#include "formats/buffer.h"
#include "model/decode.h"

typedef struct ct_places_file { uint64_t base, size, lines, *starts; /* NULL: every line has length 1 */ } ct_places_file;

typedef struct ct_places {
    ct_journal *journal;           /* set by the owner, */
    bool by_column;                /* and this: false: only if columns are known, or a file has too many lines for the other way */
    bool has_columns;
    uint64_t *lines;               /* by the journal's path */
    uint64_t unseen;               /* of these lines, how many are beyond the texts */
    uint32_t *first_code, *next_code; /* codes of each path, + 1 */
    ct_places_file *files;         /* by the trace's path */
    size_t file_count, file_capacity;
} ct_places;

ct_code ct_places_start(ct_places *places, ct_error *error);
/* Whether a step at that line of the journal's path is found again there. Asked of what has started. */
bool ct_places_hold(const ct_places *places, uint32_t path, int64_t line);
/* The next path of the trace: its record in paths.dat (section 2.1). */
ct_code ct_places_path(ct_places *places, ct_text path, ct_buffer *record, ct_error *error);
/* column: 0: not known. */
uint64_t ct_places_position(const ct_places *places, uint32_t path, int64_t line, uint32_t column);
void ct_places_free(ct_places *places);

/* ---- reading ---- */

typedef struct ct_place { uint64_t path; int64_t line; uint64_t column; } ct_place; /* column: 0: not known */

/* A source file in the space of positions. */
typedef struct ct_places_in_file {
    uint64_t base, size;
    size_t first_line, lines;      /* in ct_places_in.lines; lines: 0: no table */
    bool has_columns;
} ct_places_in_file;

/* Memory: by column, a number per line of the sources. */
typedef struct ct_places_in {
    const ct_allocator *allocator; /* set by the owner, */
    bool by_column;                /* and this, unless the first path is to tell */
    ct_places_in_file *files;      /* by the trace's path */
    size_t file_count, file_capacity;
    uint64_t *lines;               /* where each line of each file begins, from the file's base */
    size_t line_count, line_capacity;
    uint64_t next_base;
} ct_places_in;

/* The next record of paths.dat. *path lies in it. tell_form: by it is seen whether positions are by column. CT_E_CORRUPT: it breaks the format. */
ct_code ct_places_in_path(ct_places_in *places, bool tell_form, ct_input record, ct_text *path);
/* What is behind everything is put into the last file. */
ct_place ct_places_in_find(const ct_places_in *places, uint64_t position);
/* The line at which a step of that line is found again. */
int64_t ct_places_in_line(const ct_places_in *places, uint64_t path, int64_t line);
void ct_places_in_free(ct_places_in *places);

#endif
