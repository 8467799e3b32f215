/* The texts of known secrets, and the search for them in other text.
 *
 * Of each secret eight bytes in a row, its window, are in a hash table. The search looks at every eight bytes of a text: nearly all are dismissed by one bit of
 * `filter`; the others are looked up, and the rest of the secret is compared. Of a secret's possible windows the one is taken that fewest others have, so
 * secrets with a common beginning (`sk_live_…`) do not share a chain. Of a long secret only the beginning is kept: then a match costs at most that
 * much, and a text that holds the secret cut is hidden, too.
 *
 * Invariant: `filter` has the bit of every window, `openings` that of every beginning of one to eight bytes, and `beginnings` those of one to seven bytes themselves.
 */
#include "codetracer/redact.h"

#include <string.h>

#include "util/memory.h"

enum { KEPT = 256, MOST_SECRETS = 1 << 16, OPENING_BITS = 16, WINDOW = CT_SECRET_LEAST };

typedef struct secret {
    uint64_t window;
    size_t at;                /* in `bytes` */
    uint32_t size;            /* kept, at most KEPT */
    uint32_t window_offset;
    uint64_t whole;           /* size of all of it */
    uint32_t next;            /* in the chain of its window, index + 1 */
    uint32_t next_opening;    /* in the chain of its first eight bytes */
} secret;

struct ct_secrets {
    const ct_allocator *allocator;
    secret *items;
    size_t count, capacity;
    uint8_t *bytes;           /* of all of them */
    size_t byte_count, byte_capacity;
    uint32_t *chains;         /* by window: index + 1; behind them as many by first eight bytes */
    unsigned chain_bits;
    uint64_t *filter;         /* by window: a bit, 16 for each chain */
    uint64_t openings[(1 << OPENING_BITS) / 64];
    uint64_t *beginnings;     /* open addressing, at most half full */
    size_t beginning_count;
    unsigned beginning_bits;
    uint8_t *masked, *joined; /* results of ct_secrets_mask */
    int32_t *cover;
    size_t mask_capacity;
};

static uint64_t
load(const uint8_t *at)
{
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static uint64_t hash_of(uint64_t bytes) { return (bytes ^ bytes >> 29) * UINT64_C(0x9E3779B97F4A7C15); }

static bool
has_bit(const uint64_t *bits, uint64_t index)
{
    return bits[index / 64] >> index % 64 & 1;
}

static void
set_bit(uint64_t *bits, uint64_t index)
{
    bits[index / 64] |= UINT64_C(1) << index % 64;
}

/* The bit in `openings` of the first `size` bytes (1 to 8) at a place. */
static uint64_t
opening_of(const uint8_t *at, size_t size)
{
    uint64_t bytes = 0;
    memcpy(&bytes, at, size);
    return hash_of(bytes + size) >> (64 - OPENING_BITS);
}

/* One to seven bytes and how many they are, as a number that is not 0. */
static uint64_t
beginning_of(const uint8_t *at, size_t size)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < size; i++)
        bytes = bytes << 8 | at[i];
    return bytes << 8 | size;
}

/* Where a beginning is in the table, or the empty place where it belongs. */
static size_t
beginning_place(const uint64_t *table, unsigned bits, uint64_t beginning)
{
    size_t place = hash_of(beginning) >> (64 - bits);
    while (table[place] && table[place] != beginning)
        place = (place + 1) & (((size_t)1 << bits) - 1);
    return place;
}

static bool
is_beginning(const ct_secrets *s, const uint8_t *at, size_t size)
{
    return s->beginnings[beginning_place(s->beginnings, s->beginning_bits, beginning_of(at, size))] != 0;
}

static void
add_beginnings(ct_secrets *s, const uint8_t *bytes)
{
    for (size_t size = 1; size < WINDOW; size++) {
        uint64_t beginning = beginning_of(bytes, size);
        uint64_t *place = &s->beginnings[beginning_place(s->beginnings, s->beginning_bits, beginning)];
        s->beginning_count += *place == 0;
        *place = beginning;
    }
}

/* Room for the beginnings of one more secret. */
static bool
grow_beginnings(ct_secrets *s)
{
    if (s->beginning_bits && s->beginning_count + WINDOW <= (size_t)1 << (s->beginning_bits - 1))
        return true;
    unsigned bits = s->beginning_bits ? s->beginning_bits + 1 : 7;
    uint64_t *fresh = ct_allocate_zero(s->allocator, (size_t)1 << bits, sizeof *fresh);
    if (fresh == NULL)
        return false;
    for (size_t i = 0; s->beginning_bits && i < (size_t)1 << s->beginning_bits; i++)
        if (s->beginnings[i])
            fresh[beginning_place(fresh, bits, s->beginnings[i])] = s->beginnings[i];
    ct_free(s->allocator, s->beginnings);
    s->beginnings = fresh;
    s->beginning_bits = bits;
    return true;
}

ct_secrets *
ct_secrets_new(const ct_allocator *allocator)
{
    ct_secrets *s = ct_allocate_zero(allocator, 1, sizeof *s);
    if (s)
        s->allocator = allocator;
    return s;
}

void
ct_secrets_free(ct_secrets *s)
{
    if (s == NULL)
        return;
    if (s->bytes)
        memset(s->bytes, 0, s->byte_capacity);
    ct_free(s->allocator, s->items);
    ct_free(s->allocator, s->bytes);
    ct_free(s->allocator, s->chains);
    ct_free(s->allocator, s->filter);
    if (s->beginnings)
        memset(s->beginnings, 0, sizeof *s->beginnings << s->beginning_bits);
    ct_free(s->allocator, s->beginnings);
    ct_free(s->allocator, s->masked);
    ct_free(s->allocator, s->joined);
    ct_free(s->allocator, s->cover);
    ct_free(s->allocator, s);
}

size_t ct_secrets_count(const ct_secrets *s) { return s->count; }

/* ---- adding ---- */

static uint64_t chain_at(const ct_secrets *s, uint64_t window) { return hash_of(window) >> (64 - s->chain_bits); }
static uint64_t filter_at(const ct_secrets *s, uint64_t window) { return hash_of(window) >> (60 - s->chain_bits); }

/* Of the secrets that begin as the eight bytes there. */
static uint32_t *opening_chain(const ct_secrets *s, const uint8_t *at) { return &s->chains[((size_t)1 << s->chain_bits) + chain_at(s, load(at))]; }

static void
link_secret(ct_secrets *s, size_t index)
{
    secret *item = &s->items[index];
    uint32_t *chain = &s->chains[chain_at(s, item->window)];
    item->next = *chain;
    *chain = (uint32_t)index + 1;
    set_bit(s->filter, filter_at(s, item->window));
    uint32_t *opening = opening_chain(s, s->bytes + item->at);
    item->next_opening = *opening;
    *opening = (uint32_t)index + 1;
}

/* Twice as many chains as there are secrets, and 16 bits of the filter for each. */
static bool
grow_chains(ct_secrets *s)
{
    if (s->chain_bits && s->count < (size_t)1 << (s->chain_bits - 1))
        return true;
    unsigned bits = s->chain_bits ? s->chain_bits + 1 : 6;
    size_t chains = (size_t)1 << bits;
    uint32_t *fresh = ct_allocate_zero(s->allocator, 2 * chains, sizeof *fresh);
    uint64_t *filter = ct_allocate_zero(s->allocator, chains * 16 / 64, sizeof *filter);
    if (fresh == NULL || filter == NULL) {
        ct_free(s->allocator, fresh);
        ct_free(s->allocator, filter);
        return false;
    }
    ct_free(s->allocator, s->chains);
    ct_free(s->allocator, s->filter);
    s->chains = fresh;
    s->filter = filter;
    s->chain_bits = bits;
    for (size_t i = 0; i < s->count; i++)
        link_secret(s, i);
    return true;
}

static bool
grow_lists(ct_secrets *s, size_t size)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 16;
        secret *items = ct_resize(s->allocator, s->items, capacity * sizeof *items);
        if (items == NULL)
            return false;
        s->items = items;
        s->capacity = capacity;
    }
    if (s->byte_capacity - s->byte_count < size) {
        size_t capacity = s->byte_capacity * 2 + size + 1024;
        uint8_t *bytes = ct_resize(s->allocator, s->bytes, capacity);
        if (bytes == NULL)
            return false;
        s->bytes = bytes;
        s->byte_capacity = capacity;
    }
    return true;
}

static size_t
sharing(const ct_secrets *s, uint64_t window)
{
    size_t count = 0;
    for (uint32_t i = s->chains[chain_at(s, window)]; i; i = s->items[i - 1].next)
        count += s->items[i - 1].window == window;
    return count;
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const secret *
find_same(const ct_secrets *s, const uint8_t *bytes, size_t size, uint64_t whole)
{
    /* It may be filed under any of the windows that could have been chosen. */
    const size_t offsets[] = {size - WINDOW, 0, (size - WINDOW) / 2};
    for (size_t o = 0; o < 3; o++)
        for (uint32_t i = s->chains[chain_at(s, load(bytes + offsets[o]))]; i; i = s->items[i - 1].next) {
            const secret *item = &s->items[i - 1];
            if (item->size == size && item->whole == whole && memcmp(s->bytes + item->at, bytes, size) == 0)
                return item;
        }
    return NULL;
}

ct_secret_added
ct_secrets_add(ct_secrets *s, const void *given, size_t size)
{
    const uint8_t *bytes = given;
    while (size && is_space(bytes[0])) {
        bytes++;
        size--;
    }
    while (size && is_space(bytes[size - 1]))
        size--;
    if (size < CT_SECRET_LEAST)
        return CT_SECRET_SHORT;
    uint64_t whole = size;
    if (size > KEPT)
        size = KEPT;
    if (s->count && find_same(s, bytes, size, whole))
        return CT_SECRET_KNOWN;
    if (s->count >= MOST_SECRETS || !grow_chains(s) || !grow_lists(s, size) || !grow_beginnings(s))
        return CT_SECRET_FULL;

    const size_t offsets[] = {size - WINDOW, 0, (size - WINDOW) / 2};
    size_t best = 0, fewest = SIZE_MAX;
    for (size_t o = 0; o < 3; o++) {
        size_t others = sharing(s, load(bytes + offsets[o]));
        if (others < fewest) {
            fewest = others;
            best = offsets[o];
        }
    }
    memcpy(s->bytes + s->byte_count, bytes, size);
    s->items[s->count] = (secret){.window = load(bytes + best), .at = s->byte_count, .size = (uint32_t)size, .window_offset = (uint32_t)best, .whole = whole};
    s->byte_count += size;
    for (size_t opening = 1; opening <= WINDOW; opening++)
        set_bit(s->openings, opening_of(bytes, opening));
    add_beginnings(s, bytes);
    link_secret(s, s->count++);
    return CT_SECRET_NEW;
}

/* ---- searching ---- */

/* A secret whose window stands at text[at], in the chain behind `from` (index + 1; 0: the first); 0: none. */
static uint32_t
match_at(const ct_secrets *s, const uint8_t *text, size_t size, size_t at, uint32_t from)
{
    uint64_t window = load(text + at);
    for (uint32_t i = from ? s->items[from - 1].next : s->chains[chain_at(s, window)]; i; i = s->items[i - 1].next) {
        const secret *item = &s->items[i - 1];
        if (item->window == window && item->window_offset <= at && item->size <= size - (at - item->window_offset)
            && memcmp(s->bytes + item->at, text + at - item->window_offset, item->size) == 0)
            return i;
    }
    return 0;
}

/* The next place whose window may be a secret's; SIZE_MAX: none. */
static size_t
candidate(const ct_secrets *s, const uint8_t *text, size_t size, size_t from)
{
    const uint64_t *filter = s->filter;
    unsigned shift = 60 - s->chain_bits;
    for (size_t i = from; i + WINDOW <= size; i++)
        if (__builtin_expect(has_bit(filter, hash_of(load(text + i)) >> shift), 0))
            return i;
    return SIZE_MAX;
}

bool
ct_secrets_found(const ct_secrets *s, const void *bytes, size_t size)
{
    if (s->count == 0 || size < WINDOW)
        return false;
    for (size_t at = candidate(s, bytes, size, 0); at != SIZE_MAX; at = candidate(s, bytes, size, at + 1))
        if (match_at(s, bytes, size, at, 0))
            return true;
    return false;
}

/* ---- masking ---- */

static bool
mask_room(ct_secrets *s, size_t size)
{
    if (size <= s->mask_capacity)
        return true;
    s->mask_capacity = 0;
    uint8_t *joined = ct_resize(s->allocator, s->joined, size);
    if (joined)
        s->joined = joined;
    uint8_t *masked = ct_resize(s->allocator, s->masked, size * 2 + 16); /* the mark is 10 bytes, in place of 8 at least, but at the end */
    if (masked)
        s->masked = masked;
    int32_t *cover = ct_resize(s->allocator, s->cover, (size + 1) * sizeof *cover);
    if (cover)
        s->cover = cover;
    if (joined == NULL || masked == NULL || cover == NULL)
        return false;
    s->mask_capacity = size;
    return true;
}

static bool continues(uint8_t byte) { return (byte & 0xC0) == 0x80; }

/* Where the longest end of the text begins that is the beginning of a secret, not before `from`; size: nowhere. `openings` dismisses nearly all. */
static size_t
unfinished(const ct_secrets *s, const uint8_t *text, size_t size, size_t from)
{
    size_t at = size > KEPT - 1 ? size - (KEPT - 1) : 0;
    for (at = at < from ? from : at; at < size; at++) {
        size_t left = size - at;
        if (continues(text[at]) || !has_bit(s->openings, opening_of(text + at, left < WINDOW ? left : WINDOW)))
            continue;
        if (left < WINDOW) {
            if (is_beginning(s, text + at, left))
                return at;
            continue;
        }
        for (uint32_t i = *opening_chain(s, text + at); i; i = s->items[i - 1].next_opening)
            if (s->items[i - 1].size > left && memcmp(s->bytes + s->items[i - 1].at, text + at, left) == 0)
                return at;
    }
    return size;
}

bool
ct_secrets_mask(ct_secrets *s, ct_masked_stream *stream, const void *bytes, size_t size, const void **masked, size_t *masked_size, uint64_t *count)
{
    static const char MARK[] = "<redacted>";
    const uint8_t *text = bytes;
    *masked = bytes;
    *masked_size = size;
    if (s->count == 0 && stream->held_size == 0 && stream->left == 0)
        return true;
    if (stream->held_size) {
        if (!mask_room(s, stream->held_size + size))
            return false;
        memcpy(s->joined, stream->held, stream->held_size);
        if (size)
            memcpy(s->joined + stream->held_size, bytes, size);
        size += stream->held_size;
        stream->held_size = 0;
        text = s->joined;
    }
    /* What is left of a secret that an earlier piece began, and whose mark is written. */
    size_t skipped = stream->left < size ? (size_t)stream->left : size;
    while (skipped && skipped < size && continues(text[skipped]))
        skipped++;
    stream->left -= skipped < stream->left ? skipped : stream->left;
    text += skipped;
    size -= skipped;

    size_t first = s->count ? candidate(s, text, size, 0) : SIZE_MAX, covered_to = 0;
    bool any = false;
    for (size_t at = first; at != SIZE_MAX; at = candidate(s, text, size, at + 1))
        for (uint32_t i = match_at(s, text, size, at, 0); i; i = match_at(s, text, size, at, i)) {
            if (!any) {
                if (!mask_room(s, size))
                    return false;
                memset(s->cover, 0, (size + 1) * sizeof *s->cover);
                any = true;
            }
            size_t start = at - s->items[i - 1].window_offset, end = size;
            if (s->items[i - 1].whole <= size - start)
                end = start + (size_t)s->items[i - 1].whole;
            else if (s->items[i - 1].whole - (size - start) > stream->left)
                stream->left = s->items[i - 1].whole - (size - start);
            while (start > 0 && continues(text[start]))
                start--;
            while (end < size && continues(text[end]))
                end++;
            s->cover[start]++;
            s->cover[end]--;
            if (end > covered_to)
                covered_to = end;
        }

    size_t kept = stream->left || s->count == 0 ? size : unfinished(s, text, size, covered_to);
    stream->held_size = size - kept;
    if (stream->held_size)
        memcpy(stream->held, text + kept, stream->held_size);
    if (!any) {
        *masked = text;
        *masked_size = kept;
        return true;
    }
    uint8_t *out = s->masked;
    int32_t depth = 0;
    for (size_t i = 0; i < kept; i++) {
        int32_t before = depth;
        depth += s->cover[i];
        if (depth == 0)
            *out++ = text[i];
        else if (before == 0) {
            memcpy(out, MARK, sizeof MARK - 1);
            out += sizeof MARK - 1;
            ++*count;
        }
    }
    *masked = s->masked;
    *masked_size = (size_t)(out - s->masked);
    return true;
}
