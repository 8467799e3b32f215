/* corrupt_trace [--checked | --streams] [--spare FROM-TO]… [--unit NUMBER:FROM-TO]… COUNT SEED FILE [LIKE…]: changes a trace in COUNT random ways and reads each. For tests/python/test_corruption.py.
 *
 * Every outcome must be a trace or an error that says what is wrong, in time. With --checked the events that are read must be those of FILE, or of one of
 * LIKE (other readings of the same program that a reader may fall back to): all of them, or the first ones and an error. With --streams, for
 * steps, values and calls that lie apart, so that one may be whole where another is damaged, an error may come with steps that lack the rest: their lines must be
 * those of FILE. --unit: bytes of FILE under one checksum (a block, a frame; it may lie in several pieces); an error must then name a byte that is not before the
 * changed units, nor, when nothing was moved, behind them. Bytes named by --spare carry names without a checksum: a change there may change what is said. Prints what came out; status 1 and a sentence for each
 * outcome that must not be.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "walk.h"

enum { SECONDS = 10, MOST_LIKE = 8, MOST_SPARE = 64, MOST_UNITS = 4096, MOST_SHOWN = 10 };

typedef struct span { size_t from, to; } span;
typedef struct unit { unsigned number; span span; } unit;

static struct {
    bool checked, streams;
    span spare[MOST_SPARE];
    size_t spare_count;
    unit units[MOST_UNITS];
    size_t unit_count;
    unsigned long placed;  /* errors of which the place was looked at */
    const uint8_t *original;
    size_t size;
    walk like[MOST_LIKE];
    size_t like_count;
    unsigned long whole, part, refused, failed;
    const char *temporary;
} test;

/* ---- random numbers that are the same everywhere ---- */

static uint64_t state;

static uint64_t
below(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit ? (state >> 11) % limit : 0;
}

/* ---- changes ---- */

typedef struct change { const char *what; size_t from, count, other; } change;

/* out has room for twice the file. Returns the new size. */
static size_t
corrupt(uint8_t *out, change *c)
{
    static const char *const WHAT[] = {"byte", "zeros", "noise", "cut", "doubled", "removed", "swapped"};
    size_t size = test.size;
    unsigned kind = (unsigned)below(sizeof WHAT / sizeof *WHAT);
    memcpy(out, test.original, size);
    *c = (change){.what = WHAT[kind], .from = (size_t)below(size)};
    size_t left = size - c->from, most = kind == 0 ? 1 : kind == 2 ? 64 : (size_t)1 << below(13);
    c->count = 1 + (size_t)below(most);
    if (c->count > left)
        c->count = left;
    switch (kind) {
    case 0: out[c->from] ^= (uint8_t)(1 + below(255)); break;
    case 1: memset(out + c->from, 0, c->count); break;
    case 2:
        for (size_t i = 0; i < c->count; i++)
            out[c->from + i] = (uint8_t)below(256);
        break;
    case 3:
        c->count = left;
        return c->from;
    case 4:
        memmove(out + c->from + c->count, out + c->from, left);
        return size + c->count;
    case 5:
        memmove(out + c->from, out + c->from + c->count, left - c->count);
        return size - c->count;
    default:
        c->other = (size_t)below(size - c->count + 1);
        if (c->other + c->count > c->from && c->from + c->count > c->other)
            c->other = c->from; /* they overlap: nothing is changed */
        memcpy(out + c->from, test.original + c->other, c->count);
        memcpy(out + c->other, test.original + c->from, c->count);
    }
    return size;
}

static bool
touches(const uint8_t *bytes, size_t size, const span *part)
{
    for (size_t i = part->from; i < part->to && i < test.size; i++)
        if (i >= size || bytes[i] != test.original[i])
            return true;
    return false;
}

static bool
is_spared(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < test.spare_count; i++)
        if (touches(bytes, size, &test.spare[i]))
            return true;
    return false;
}

/* ---- outcomes ---- */

typedef struct outcome {
    ct_code code;          /* CT_END: read to the end without a complaint */
    const char *message;
    uint64_t position;
    bool complete;
    walk events;
} outcome;

static void
read_trace(const char *path, outcome *o)
{
    ct_trace_options options = {.temporary_folder = test.temporary};
    ct_journal *journal = NULL;
    ct_journal_counts counts;
    ct_error error = {0};
    o->events.count = o->events.line_count = 0;
    o->complete = true;
    o->code = ct_trace_open(path, &options, &journal, NULL, &error);
    o->message = error.message;
    o->position = error.position;
    if (!journal)
        return;
    ct_journal_count(journal, &counts);
    o->complete = counts.complete;
    walk_events(&o->events, journal);
    if (o->code == CT_OK) {
        o->code = o->events.code;
        o->message = o->events.error.message;
        o->position = o->events.error.position;
    }
    walk_end(&o->events);
    ct_journal_close(journal);
}

/* Events that are the same as those of a reading, from the first on. */
static size_t
most_alike(const walk *events, size_t *whole)
{
    size_t best = 0;
    *whole = 0;
    for (size_t i = 0; i < test.like_count; i++) {
        size_t k = 0;
        while (k < events->count && k < test.like[i].count && events->events[k] == test.like[i].events[k])
            k++;
        if (k > best || i == 0) {
            best = k;
            *whole = test.like[i].count;
        }
    }
    return best;
}

static bool
lines_alike(const walk *events)
{
    const walk *like = &test.like[0];
    return events->line_count <= like->line_count && memcmp(events->lines, like->lines, events->line_count * sizeof *like->lines) == 0;
}

/* The least and the greatest byte of the unit with this number. */
static span
whole_unit(unsigned number)
{
    span whole = {SIZE_MAX, 0};
    for (size_t i = 0; i < test.unit_count; i++)
        if (test.units[i].number == number) {
            whole.from = test.units[i].span.from < whole.from ? test.units[i].span.from : whole.from;
            whole.to = test.units[i].span.to > whole.to ? test.units[i].span.to : whole.to;
        }
    return whole;
}

static bool
is_in_unit(size_t byte)
{
    for (size_t i = 0; i < test.unit_count; i++)
        if (test.units[i].span.from <= byte && byte < test.units[i].span.to)
            return true;
    return false;
}

/* Whether the error names a place where something can be wrong: a byte of the changed units, or what is between them. When bytes changed that are in no unit nothing is known. */
static bool
is_placed(const outcome *o, const uint8_t *bytes, size_t size)
{
    size_t first = 0;
    span wrong = {SIZE_MAX, 0};
    while (first < size && first < test.size && bytes[first] == test.original[first])
        first++;
    if (!is_in_unit(first < test.size ? first : test.size - 1))
        return true;
    for (size_t i = first; i < test.size && size == test.size; i++)
        if (bytes[i] != test.original[i] && !is_in_unit(i))
            return true;
    for (size_t i = 0; i < test.unit_count; i++)
        if (touches(bytes, size, &test.units[i].span) || (first == test.size && test.units[i].span.to == test.size)) {
            span whole = whole_unit(test.units[i].number);
            wrong.from = whole.from < wrong.from ? whole.from : wrong.from;
            wrong.to = whole.to > wrong.to ? whole.to : wrong.to;
        }
    test.placed++;
    return o->position >= wrong.from && (size != test.size || o->position <= wrong.to);
}

/* NULL, or what is wrong. */
static const char *
judge(const outcome *o, bool strict, const uint8_t *bytes, size_t size)
{
    size_t whole, alike = most_alike(&o->events, &whole);
    if (o->code == CT_OK || (o->code != CT_END && o->code != CT_E_CORRUPT && o->code != CT_E_VERSION))
        return "it ended with a code that is not about damage";
    if (o->code != CT_END && (!o->message || !*o->message))
        return "an error without a message";
    if (test.unit_count && o->code == CT_E_CORRUPT && !is_placed(o, bytes, size))
        return "an error names a place where nothing is wrong";
    if (!strict)
        return NULL;
    if (test.streams && o->code != CT_END)
        return lines_alike(&o->events) ? NULL : "a step is read that is not one of the trace's";
    if (alike < o->events.count)
        return "an event is read that is not one of the trace's";
    if (o->code == CT_END && o->complete && alike < whole)
        return "events are missing, and nothing says so";
    return NULL;
}

static bool
run(uint8_t *bytes, outcome *o, unsigned long number)
{
    char path[64];
    change c;
    size_t size = corrupt(bytes, &c);
    int file = memfd_create("trace", MFD_CLOEXEC);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size)
        return false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    alarm(SECONDS);
    read_trace(path, o);
    alarm(0);
    close(file);
    bool strict = test.checked && !is_spared(bytes, size);
    const char *wrong = judge(o, strict, bytes, size);
    size_t whole, alike = most_alike(&o->events, &whole);
    *(o->code == CT_END && o->complete ? &test.whole : o->events.count ? &test.part : &test.refused) += 1;
    if (wrong && test.failed++ < MOST_SHOWN)
        fprintf(stderr, "change %lu, %s at %zu, %zu bytes, with %zu: %s (%zu events of which %zu are as they were, of %zu; code %d, %s, at %" PRIu64 ")\n", number,
                c.what, c.from, c.count, c.other, wrong, o->events.count, alike, whole, (int)o->code, o->message ? o->message : "-", o->position);
    return true;
}

/* ---- */

static bool
read_like(const char *path)
{
    outcome o = {0};
    if (test.like_count == MOST_LIKE)
        return false;
    read_trace(path, &o);
    if (o.code != CT_END || o.events.count == 0)
        fprintf(stderr, "%s is no whole trace: %s\n", path, o.message ? o.message : "nothing is in it");
    test.like[test.like_count++] = o.events;
    return o.code == CT_END && o.events.count > 0;
}

static uint8_t *
read_original(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    test.size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(test.size + 1);
    if (!bytes || fread(bytes, 1, test.size, file) != test.size)
        return NULL;
    fclose(file);
    return bytes;
}

static void
too_long(int signal)
{
    static const char SENTENCE[] = "a change made a reader hang\n";
    (void)signal;
    (void)!write(2, SENTENCE, sizeof SENTENCE - 1);
    _exit(1);
}

int
main(int argc, char **argv)
{
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++)
        if (strcmp(argv[at], "--checked") == 0)
            test.checked = true;
        else if (strcmp(argv[at], "--streams") == 0)
            test.checked = test.streams = true;
        else if (strcmp(argv[at], "--spare") == 0 && at + 1 < argc && test.spare_count < MOST_SPARE
                 && sscanf(argv[++at], "%zu-%zu", &test.spare[test.spare_count].from, &test.spare[test.spare_count].to) == 2)
            test.spare_count++;
        else if (strcmp(argv[at], "--unit") == 0 && at + 1 < argc && test.unit_count < MOST_UNITS
                 && sscanf(argv[++at], "%u:%zu-%zu", &test.units[test.unit_count].number, &test.units[test.unit_count].span.from,
                           &test.units[test.unit_count].span.to) == 3)
            test.unit_count++;
        else
            return 2;
    if (argc - at < 3)
        return 2;
    unsigned long count = strtoul(argv[at], NULL, 10);
    state = strtoull(argv[at + 1], NULL, 10) * 0x9E3779B97F4A7C15u + 1;
    test.temporary = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL;
    signal(SIGALRM, too_long);
    uint8_t *original = read_original(argv[at + 2]);
    test.original = original;
    uint8_t *bytes = original && test.size ? malloc(2 * test.size) : NULL;
    bool good = bytes != NULL;
    for (int i = at + 2; good && i < argc; i++)
        good = read_like(argv[i]);
    outcome o = {0};
    for (unsigned long i = 0; good && i < count; i++)
        good = run(bytes, &o, i);
    printf("whole %lu part %lu refused %lu failed %lu placed %lu\n", test.whole, test.part, test.refused, test.failed, test.placed);
    for (size_t i = 0; i < test.like_count; i++)
        walk_free(&test.like[i]);
    walk_free(&o.events);
    free(original);
    free(bytes);
    return !good || test.failed;
}
