/* Which names say that their value is a secret: by whole words, so that `author` and `compass` are not taken for one. */
#include "codetracer/redact.h"

#include <string.h>

#include "redact/words.h"

enum { LONGEST_NAME = 256 };
#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

typedef struct piece { const char *bytes; size_t size; } piece;

typedef enum letter { SEPARATOR, SMALL, CAPITAL } letter;

/* Digits part words, too: `oauth2_token`, `password1`. Bytes of other scripts are taken for small letters. */
static letter
letter_of(char c)
{
    return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80 ? SMALL : c >= 'A' && c <= 'Z' ? CAPITAL : SEPARATOR;
}

static bool
is_word(piece word, const char *expected)
{
    return word.size > 1 && expected[0] == word.bytes[0] && strlen(expected) == word.size && memcmp(expected, word.bytes, word.size) == 0;
}

/* Whether the text is a pair's two words without the blank between them. */
static bool
is_pair(piece text, const char *pair)
{
    if (text.size < 6 || text.bytes[0] != pair[0])
        return false; /* most, quickly */
    const char *blank = strchr(pair, ' ');
    size_t first = (size_t)(blank - pair), second = strlen(blank + 1);
    return text.size == first + second && memcmp(text.bytes, pair, first) == 0 && memcmp(text.bytes + first, blank + 1, second) == 0;
}

static bool
is_any_pair(piece text)
{
    for (size_t i = 0; i < COUNT_OF(SECRET_PAIRS); i++)
        if (is_pair(text, SECRET_PAIRS[i]))
            return true;
    return false;
}

static bool
is_secret_word(piece word)
{
    for (size_t i = 0; i < COUNT_OF(SECRET_WORDS); i++)
        if (is_word(word, SECRET_WORDS[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(SECRET_ENDINGS); i++) {
        size_t size = strlen(SECRET_ENDINGS[i]);
        if (word.size > size && memcmp(word.bytes + word.size - size, SECRET_ENDINGS[i], size) == 0)
            return true;
    }
    return is_any_pair(word);
}

static bool
is_named_thing(piece word)
{
    for (size_t i = 0; i < COUNT_OF(NAMED_THINGS); i++)
        if (is_word(word, NAMED_THINGS[i]))
            return true;
    return false;
}

/* The same with an s at its end taken off. */
static piece
singular(piece word)
{
    return word.size > 1 && word.bytes[word.size - 1] == 's' ? (piece){word.bytes, word.size - 1} : word;
}

bool
ct_name_is_secret(const char *name, size_t size)
{
    /* The words, small and one behind the other, so that two neighbours are one piece of text. */
    char words[LONGEST_NAME];
    size_t used = 0, start = 0, before = 0, earlier = 0, count = 0;
    bool secret = false;
    if (size > LONGEST_NAME)
        size = LONGEST_NAME;
    for (size_t i = 0; i <= size; i++) {
        letter now = i < size ? letter_of(name[i]) : SEPARATOR;
        letter last = i > 0 ? letter_of(name[i - 1]) : SEPARATOR, next = i + 1 < size ? letter_of(name[i + 1]) : SEPARATOR;
        /* A word begins at a capital behind a small letter, and at the last of several capitals that a small letter follows: `APIKey`. */
        bool ends = used > start && (now == SEPARATOR || (now == CAPITAL && (last == SMALL || (last == CAPITAL && next == SMALL))));
        if (ends) {
            piece word = {words + start, used - start}, both = {words + before, used - before};
            secret = secret || is_secret_word(word) || is_secret_word(singular(word)) || (count > 0 && (is_any_pair(both) || is_any_pair(singular(both))));
            count++;
            earlier = before;
            before = start;
            start = used;
        }
        if (now != SEPARATOR)
            words[used++] = now == CAPITAL ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    if (secret)
        return !(count > 1 && is_word((piece){words + before, start - before}, "name") && is_named_thing((piece){words + earlier, before - earlier}));
    piece whole = {words, used};
    for (size_t i = 0; i < COUNT_OF(SECRET_NAMES); i++)
        if (strchr(SECRET_NAMES[i], ' ') ? is_pair(whole, SECRET_NAMES[i]) : is_word(whole, SECRET_NAMES[i]))
            return true;
    return false;
}
