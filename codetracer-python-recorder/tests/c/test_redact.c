/* Names by words, and known texts found in other text: against lists written by hand, and against a search that looks everywhere. */
#include "check.h"

#include <stdlib.h>

#include "codetracer/redact.h"

static void
names_that_are_secrets(void)
{
    static const char *const names[] = {
        "session_cookie_name_secret", "secret_name", "password_name", "session_cookie_named", "cookie_name_password", "session_cookie", "password_field",
        "name_session_cookie", "password_fieldname",
        "password", "PASSWORD", "passwords", "password1", "_password", "__password__", "Config__password", "db_password", "dbPassword", "dbpassword", "DB-PASSWORD",
        "user.password", "passwd", "pwd", "PGPASSWORD", "pw", "passphrase", "pass_phrase", "passPhrase", "passcode", "secret", "secrets", "SECRET_KEY",
        "clientSecret", "client-secret", "mysecret1", "api_key", "apiKey", "APIKey", "APIkey", "apikey", "API_KEYS", "x-api-key", "X-Api-Key", "privateKey",
        "private_key_pem", "rsa_private_key", "access_key", "aws_access_key_id", "AWS_SECRET_ACCESS_KEY", "authToken", "auth_token", "authtoken", "auth0_token",
        "oauth2_token", "accessToken", "refresh_tokens", "id_token", "session_cookie", "sessionCookie", "session_id", "sessionid", "SESSIONID", "session_key",
        "credit_card", "creditCardNumber", "creditcard", "card_number", "cardNumbers", "cvv", "cvv2", "CVC", "ssn", "userSSN", "user_ssn", "iban", "IBAN", "jwt",
        "jwt_token", "JWTToken", "myJWT", "bearer", "bearer_token", "credentials", "user_credential", "creds", "Authorization", "authorization",
        "Proxy-Authorization", "social_security_number", "seed_phrase", "dbPass", "user_pass", "encryption_key", "csrf_token", "csrfToken", "pinCode",
        "password_\xC3\xBC" "ber", "\xC3\xBC" "ber_password", "a.b.c.secret", "HTTPPassword", "set-cookie",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!ct_name_is_secret(names[i], strlen(names[i])))
            CHECK_FAIL("%s is not taken for a secret", names[i]);
    CHECK(true);
}

static void
names_that_are_harmless(void)
{
    static const char *const names[] = {
        "SESSION_COOKIE_NAME", "sessionCookieName", "password_field_name", "api_key_header_name", "csrf_token_param_name_", "secret_column_name",
        "", "_", "x", "key", "keys", "Key", "token", "tokens", "TOKEN", "auth", "session", "sessions", "card", "cards", "pan", "company", "author", "authors",
        "authority", "compass", "expand", "panel", "discard", "discard_card", "keyboard", "keyword", "monkey", "turkey", "donkey", "hockey", "passenger", "passage",
        "bypass", "pass_count", "passed", "passes", "first_pass", "trespass", "secretary", "secretaries", "secretion", "tokenize", "tokenizer", "token_type",
        "token_count", "next_token", "pad_token_id", "eos_token", "token_id", "primary_key", "foreign_key", "sort_key", "cache_key", "public_key", "dict_key",
        "key_id", "keypad", "session_count", "session_timeout", "auth_method", "is_authenticated", "authored", "credit", "credits", "accredited", "creditor",
        "cardinal", "cardboard", "postcard", "wildcard", "card_type", "cookie", "cookies", "cookie_jar", "pane", "japan", "span", "expanse", "companion", "pin",
        "spin", "opinion", "pwdx", "ssnake", "lesson", "ibanez", "liban", "cvvx", "jwtx", "api", "api_version", "private", "privately", "access",
        "access_level", "accessed", "refresh", "refresh_rate", "word", "words", "crossword", "swordfish", "phrase", "number", "card_index", "account", "user",
        "username", "user_id", "host", "url", "email", "code", "pincushion", "passport", "compassion", "surpass", "underpass", "encompass", "mapping", "pand_a",
        "c_vv", "ss_n", "i_ban", "j_wt", "p_w_d", "\xE5\xAF\x86\xE7\xA0\x81x", "1", "12345", "a1b2",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ct_name_is_secret(names[i], strlen(names[i])))
            CHECK_FAIL("%s is taken for a secret", names[i]);
    CHECK(true);
}

static void
long_names(void)
{
    char name[600];
    memset(name, 'a', sizeof name);
    CHECK(!ct_name_is_secret(name, sizeof name));
    memcpy(name, "password_", 9);
    CHECK(ct_name_is_secret(name, sizeof name));
    memset(name, 'A', sizeof name);
    CHECK(!ct_name_is_secret(name, sizeof name));
}

static uint32_t seed = 1;
static uint32_t
draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static ct_secret_added add(ct_secrets *s, const char *text) { return ct_secrets_add(s, text, strlen(text)); }
static bool found(const ct_secrets *s, const char *text) { return ct_secrets_found(s, text, strlen(text)); }

static void
known_texts(void)
{
    ct_secrets *s = ct_secrets_new(NULL);
    CHECK(s != NULL);
    CHECK(!found(s, "hunter2hunter2"));
    CHECK_EQ_INT(add(s, "seven77"), CT_SECRET_SHORT);
    CHECK_EQ_INT(add(s, "   seven77  \n"), CT_SECRET_SHORT);
    CHECK_EQ_INT(add(s, "hunter2hunter2"), CT_SECRET_NEW);
    CHECK_EQ_INT(add(s, "hunter2hunter2"), CT_SECRET_KNOWN);
    CHECK_EQ_INT(add(s, " hunter2hunter2\n"), CT_SECRET_KNOWN);
    CHECK_EQ_INT(add(s, "eight888"), CT_SECRET_NEW);
    CHECK_EQ_INT(ct_secrets_count(s), 2);
    CHECK(found(s, "hunter2hunter2"));
    CHECK(found(s, "xhunter2hunter2"));
    CHECK(found(s, "the password is hunter2hunter2."));
    CHECK(found(s, "eight888"));
    CHECK(found(s, "eight8888"));
    CHECK(!found(s, "hunter2hunter"));
    CHECK(!found(s, "unter2hunter2"));
    CHECK(!found(s, "eight88"));
    CHECK(!found(s, ""));
    CHECK(!ct_secrets_found(s, NULL, 0));
    ct_secrets_free(s);
    ct_secrets_free(NULL);
}

static void
long_secrets_are_found_by_their_beginning(void)
{
    static char secret[100000], text[100100];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (char)('a' + draw(26));
    ct_secrets *s = ct_secrets_new(NULL);
    CHECK(s != NULL);
    CHECK_EQ_INT(ct_secrets_add(s, secret, sizeof secret), CT_SECRET_NEW);
    memset(text, '-', sizeof text);
    CHECK(!ct_secrets_found(s, text, sizeof text));
    memcpy(text + 50, secret, sizeof secret);
    CHECK(ct_secrets_found(s, text, sizeof text));
    CHECK(ct_secrets_found(s, text, 50 + 256));
    CHECK(!ct_secrets_found(s, text, 50 + 255));
    ct_masked_stream stream = {0};
    const void *masked;
    size_t size;
    uint64_t count = 0;
    char all[200];
    size_t used = 0;
    for (size_t at = 0; at < sizeof text; at += 1000) { /* spread over many writes */
        CHECK(ct_secrets_mask(s, &stream, text + at, sizeof text - at < 1000 ? sizeof text - at : 1000, &masked, &size, &count));
        CHECK(used + size < sizeof all);
        memcpy(all + used, masked, size);
        used += size;
    }
    CHECK_EQ_INT(count, 1);
    char expected[110 + 1];
    memset(expected, '-', sizeof expected);
    memcpy(expected + 50, "<redacted>", 10);
    CHECK_MEM(all, used, expected, 110);
    ct_secrets_free(s);
}

/* Few letters, so that secrets overlap each other and themselves. */
static void
random_texts_against_a_plain_search(void)
{
    for (int round = 0; round < 300; round++) {
        enum { SECRETS = 40, LONGEST = 300 };
        static char secrets[SECRETS][LONGEST];
        static size_t sizes[SECRETS];
        char text[2000], expected[4000], got[8000];
        bool covered[2000] = {false};
        ct_secrets *s = ct_secrets_new(NULL);
        CHECK(s != NULL);
        size_t count = 1 + draw(SECRETS), size = draw(sizeof text);
        uint32_t letters = 1 + draw(3);
        for (size_t i = 0; i < count; i++) {
            sizes[i] = 8 + draw(draw(4) == 0 ? 240 : 12);
            for (size_t j = 0; j < sizes[i]; j++)
                secrets[i][j] = (char)('a' + draw(letters));
            CHECK(ct_secrets_add(s, secrets[i], sizes[i]) <= CT_SECRET_KNOWN);
        }
        for (size_t i = 0; i < size; i++)
            text[i] = (char)('a' + draw(letters + 1));
        for (int i = 0; i < 5; i++) {
            size_t which = draw((uint32_t)count);
            if (sizes[which] <= size)
                memcpy(text + draw((uint32_t)(size - sizes[which] + 1)), secrets[which], sizes[which]);
        }
        bool any = false;
        for (size_t i = 0; i < count; i++)
            for (size_t at = 0; at + sizes[i] <= size; at++)
                if (memcmp(text + at, secrets[i], sizes[i]) == 0) {
                    any = true;
                    for (size_t j = 0; j < sizes[i]; j++)
                        covered[at + j] = true;
                }
        CHECK_EQ_INT(ct_secrets_found(s, text, size), any);
        size_t used = 0;
        for (size_t i = 0; i < size; i++)
            if (!covered[i])
                expected[used++] = text[i];
            else if (i == 0 || !covered[i - 1]) {
                memcpy(expected + used, "<redacted>", 10);
                used += 10;
            }
        ct_masked_stream stream = {0};
        const void *masked;
        size_t masked_size;
        uint64_t places = 0;
        CHECK(ct_secrets_mask(s, &stream, text, size, &masked, &masked_size, &places));
        memcpy(got, masked, masked_size);
        memcpy(got + masked_size, stream.held, stream.held_size);
        CHECK_MEM(got, masked_size + stream.held_size, expected, used);

        /* In pieces: of no secret all bytes are there, and nothing is held but beginnings. */
        stream = (ct_masked_stream){0};
        used = 0;
        for (size_t at = 0; at < size;) {
            size_t piece = 1 + draw(20);
            if (piece > size - at)
                piece = size - at;
            CHECK(ct_secrets_mask(s, &stream, text + at, piece, &masked, &masked_size, &places));
            memcpy(got + used, masked, masked_size);
            used += masked_size;
            at += piece;
            bool begins = stream.held_size == 0;
            for (size_t i = 0; i < count; i++)
                begins = begins || (sizes[i] > stream.held_size && memcmp(secrets[i], stream.held, stream.held_size) == 0);
            CHECK(begins);
        }
        memcpy(got + used, stream.held, stream.held_size);
        used += stream.held_size;
        for (size_t i = 0; i < count; i++)
            CHECK(memmem(got, used, secrets[i], sizes[i]) == NULL);
        ct_secrets_free(s);
    }
}

static void
a_secret_split_anywhere(void)
{
    static const char text[] = "user=bob password=hunter2hunter2 ok\n", expected[] = "user=bob password=<redacted> ok\n";
    ct_secrets *s = ct_secrets_new(NULL);
    CHECK(s != NULL);
    add(s, "hunter2hunter2");
    add(s, "w\xC3\xB6rt\xC3\xB6rb\xC3\xBC" "ch");
    for (size_t step = 1; step < sizeof text; step++) {
        ct_masked_stream stream = {0};
        const void *masked;
        size_t size, used = 0;
        uint64_t count = 0;
        char got[100];
        for (size_t at = 0; at < sizeof text - 1; at += step) {
            size_t piece = sizeof text - 1 - at < step ? sizeof text - 1 - at : step;
            CHECK(ct_secrets_mask(s, &stream, text + at, piece, &masked, &size, &count));
            memcpy(got + used, masked, size);
            used += size;
        }
        CHECK_EQ_INT(stream.held_size, 0);
        CHECK_EQ_INT(count, 1);
        CHECK_MEM(got, used, expected, sizeof expected - 1);
    }
    /* What is not finished is held, and comes when it turns out to be something else. */
    ct_masked_stream stream = {0};
    const void *masked;
    size_t size;
    uint64_t count = 0;
    CHECK(ct_secrets_mask(s, &stream, "go hunter2", 10, &masked, &size, &count));
    CHECK_MEM(masked, size, "go ", 3);
    CHECK_MEM(stream.held, stream.held_size, "hunter2", 7);
    CHECK(ct_secrets_mask(s, &stream, "!", 1, &masked, &size, &count));
    CHECK_MEM(masked, size, "hunter2!", 8);
    CHECK_EQ_INT(count, 0);
    ct_secrets_free(s);
}

/* Seven bytes whose hash is that of the first two of the secret. */
static void
what_only_looks_like_a_beginning(void)
{
    ct_secrets *s = ct_secrets_new(NULL);
    CHECK(s != NULL);
    add(s, "hunter2-very-long");
    ct_masked_stream stream = {0};
    const void *masked;
    size_t size;
    uint64_t count = 0;
    CHECK(ct_secrets_mask(s, &stream, "API key: ", 9, &masked, &size, &count));
    CHECK_MEM(masked, size, "API key: ", 9);
    CHECK_EQ_INT(stream.held_size, 0);
    ct_secrets_free(s);
}

/* Sixty thousand secrets with one beginning, and a text made of that beginning. */
static void
many_secrets_of_one_beginning(void)
{
    ct_secrets *s = ct_secrets_new(NULL);
    char text[64];
    CHECK(s != NULL);
    for (int i = 0; i < 60000; i++) {
        int size = snprintf(text, sizeof text, "sk_live_0000_%08x", (unsigned)i * 2654435761u);
        CHECK_EQ_INT(ct_secrets_add(s, text, (size_t)size), CT_SECRET_NEW);
    }
    enum { SIZE = 1 << 20 };
    char *large = malloc(SIZE);
    CHECK(large != NULL);
    for (size_t i = 0; i < SIZE; i++)
        large[i] = "sk_live_0000_"[i % 13];
    CHECK(!ct_secrets_found(s, large, SIZE));
    memcpy(large + SIZE - 21, text, 21);
    CHECK(ct_secrets_found(s, large, SIZE));
    for (int i = 60000; i < 70000; i++) {
        snprintf(text, sizeof text, "sk_live_0000_%08x", (unsigned)i * 2654435761u);
        ct_secret_added added = ct_secrets_add(s, text, 21);
        CHECK(added == (i < 65536 ? CT_SECRET_NEW : CT_SECRET_FULL));
    }
    /* Nor does the end of each write cost a look at all of them: this would take minutes. */
    ct_masked_stream stream = {0};
    const void *masked;
    size_t masked_size;
    uint64_t count = 0;
    for (int i = 0; i < 20000; i++) {
        for (size_t j = 0; j < 300; j++)
            large[j] = (char)('0' + draw(75));
        CHECK(ct_secrets_mask(s, &stream, large, 300, &masked, &masked_size, &count));
    }
    CHECK_EQ_INT(count, 0);
    free(large);
    ct_secrets_free(s);
}

static long allowed;
static void *
failing(void *context, void *block, size_t size)
{
    (void)context;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return allowed-- > 0 ? realloc(block, size) : NULL;
}

static void
no_memory_is_said(void)
{
    const ct_allocator allocator = {NULL, failing};
    for (long n = 0; n < 100; n++) {
        allowed = n;
        ct_secrets *s = ct_secrets_new(&allocator);
        if (s == NULL)
            continue;
        ct_secret_added added = add(s, "hunter2hunter2");
        CHECK(added == CT_SECRET_NEW || added == CT_SECRET_FULL);
        ct_masked_stream stream = {0};
        const void *masked;
        size_t size;
        uint64_t count = 0;
        if (added == CT_SECRET_NEW && ct_secrets_mask(s, &stream, "hunter2hunter2", 14, &masked, &size, &count)) {
            CHECK_MEM(masked, size, "<redacted>", 10);
            ct_secrets_free(s);
            return;
        }
        ct_secrets_free(s);
    }
    CHECK_FAIL("it never succeeded");
}

int
main(int argc, char **argv)
{
    check_arguments(argc, argv);
    RUN(names_that_are_secrets);
    RUN(names_that_are_harmless);
    RUN(long_names);
    RUN(known_texts);
    RUN(long_secrets_are_found_by_their_beginning);
    RUN(random_texts_against_a_plain_search);
    RUN(a_secret_split_anywhere);
    RUN(what_only_looks_like_a_beginning);
    RUN(many_secrets_of_one_beginning);
    RUN(no_memory_is_said);
    return check_summary();
}
