/* Where code lies in the text: read from a code object's location table (CPython's Objects/locations.md; what co_positions() tells), once, when it is
 * defined. Invariant: the lines are those on which LINE events can come, each once, in order. Nothing of it happens per event.
 *
 * A line's column is that of the leftmost code on it. Instructions without an extent are the compiler's own (RESUME, the beginning of a class body) and stand
 * nowhere in the text.
 */
#include "recorder.h"

#include <stdlib.h>

typedef struct table { const uint8_t *at, *end; } table;

static uint8_t
take_byte(table *t)
{
    return t->at < t->end ? *t->at++ : 0;
}

static uint32_t
take_number(table *t)
{
    uint32_t number = 0;
    for (unsigned shift = 0; shift < 32; shift += 6) {
        uint8_t byte = take_byte(t);
        number |= (uint32_t)(byte & 63) << shift;
        if (!(byte & 64))
            break;
    }
    return number;
}

static int64_t
take_signed(table *t)
{
    uint32_t number = take_number(t);
    return number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

enum { SHORT_FORMS = 10, ONE_LINE = 10, NO_COLUMNS = 13, LONG = 14, NO_LOCATION = 15 };

/* Moves *line on and says where the entry's code begins: 0: in no column that is known. false: nowhere at all. */
static bool
take_entry(table *t, int64_t *line, uint32_t *column)
{
    unsigned form = take_byte(t) >> 3 & 15, byte;
    int64_t lines;
    uint32_t first, last;
    *column = 0;
    switch (form) {
    case NO_LOCATION:
        return false;
    case NO_COLUMNS:
        *line += take_signed(t);
        return true;
    case LONG:
        *line += take_signed(t);
        lines = take_number(t);
        first = take_number(t); /* both from 1, 0: none */
        last = take_number(t);
        *column = first && (lines || first != last) ? first : 0;
        return true;
    case ONE_LINE: case ONE_LINE + 1: case ONE_LINE + 2:
        *line += form - ONE_LINE;
        first = take_byte(t);
        last = take_byte(t);
        *column = first != last ? first + 1 : 0;
        return true;
    default:
        byte = take_byte(t);
        *column = byte & 15 ? (form << 3 | byte >> 4) + 1 : 0;
        return true;
    }
}

static int
by_line(const void *left, const void *right)
{
    const ct_line_column *a = left, *b = right;
    return a->line != b->line ? a->line < b->line ? -1 : 1 : a->column < b->column ? -1 : a->column > b->column;
}

/* Of each line one, with the smallest column that is known. */
static size_t
one_a_line(ct_line_column *lines, size_t count)
{
    size_t kept = 0, sorted = 1;
    while (sorted < count && lines[sorted - 1].line < lines[sorted].line)
        sorted++;
    if (sorted >= count) /* most code has no loop and no call over several lines */
        return count;
    qsort(lines, count, sizeof *lines, by_line);
    for (size_t i = 0; i < count; i++)
        if (kept && lines[kept - 1].line == lines[i].line) {
            if (!lines[kept - 1].column)
                lines[kept - 1].column = lines[i].column;
        }
        else
            lines[kept++] = lines[i];
    return kept;
}

void
columns_define(recorder *r, PyCodeObject *code, uint32_t number)
{
    size_t size = (size_t)PyBytes_GET_SIZE(code->co_linetable), count = 0;
    table t = {(const uint8_t *)PyBytes_AS_STRING(code->co_linetable), (const uint8_t *)PyBytes_AS_STRING(code->co_linetable) + size};
    ct_line_column *lines = malloc((size / 2 + 1) * sizeof *lines); /* no entry that has a line is shorter than two bytes */
    int64_t line = code->co_firstlineno;
    bool any = false;
    if (lines == NULL) {
        r->no_memory = true;
        return;
    }
    while (t.at < t.end) {
        uint32_t column;
        if (!take_entry(&t, &line, &column) || line <= 0 || line > INT32_MAX)
            continue;
        any = any || column;
        ct_line_column *last = count ? &lines[count - 1] : NULL;
        if (last && last->line == line)
            last->column = !last->column || (column && column < last->column) ? column : last->column;
        else
            lines[count++] = (ct_line_column){(uint32_t)line, column};
    }
    if (any) /* else the program was compiled without them (PYTHONNODEBUGRANGES) */
        ct_define_columns(r->out, number, (uint32_t)code->co_firstlineno, lines, one_a_line(lines, count));
    free(lines);
}

void
columns_lines(PyCodeObject *code, int32_t *lines, size_t count)
{
    const uint8_t *bytes = (const uint8_t *)PyBytes_AS_STRING(code->co_linetable);
    table t = {bytes, bytes + PyBytes_GET_SIZE(code->co_linetable)};
    int64_t line = code->co_firstlineno;
    size_t unit = 0;
    while (t.at < t.end && unit < count) {
        size_t units = (*t.at & 7) + 1u;
        uint32_t column;
        bool known = take_entry(&t, &line, &column) && line > 0 && line <= INT32_MAX;
        for (; units > 0 && unit < count; units--)
            lines[unit++] = known ? (int32_t)line : -1;
    }
    while (unit < count)
        lines[unit++] = -1;
}
