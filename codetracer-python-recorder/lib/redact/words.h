/* The words that make a name a secret's. docs/redaction.md has the same lists; tests/python/test_redaction.py compares them.
 * Each also with a plural s. */
#ifndef CT_REDACT_WORDS_H
#define CT_REDACT_WORDS_H

/* One of these words anywhere in the name. */
static const char *const SECRET_WORDS[] = {
    "password", "passwd", "pwd", "pw", "pswd", "passphrase", "passcode", "secret", "credential", "creds", "cvv", "cvc", "ssn", "iban", "jwt", "bearer", "otp",
};

/* A word that ends so: `dbpassword`. */
static const char *const SECRET_ENDINGS[] = {"password", "passwd", "passphrase", "secret"};

/* Two words next to each other, or written as one: `api_key`, `apiKey`, `apikey`. */
static const char *const SECRET_PAIRS[] = {
    "pass word", "pass phrase", "pass code",
    "user pass", "db pass", "admin pass", "root pass", "login pass", "mail pass", "smtp pass", "ftp pass",
    "api key", "private key", "secret key", "access key", "auth key", "session key", "ssh key", "master key", "encryption key", "decryption key",
    "signing key", "shared key", "hmac key", "aes key", "rsa key", "deploy key",
    "auth token", "access token", "refresh token", "bearer token", "api token", "id token", "session token", "security token", "csrf token", "xsrf token",
    "oauth token", "reset token", "login token", "personal token", "user token", "client token", "bot token", "github token", "gitlab token", "slack token",
    "session cookie", "auth cookie", "login cookie", "set cookie", "session id", "sess id", "auth header", "authorization header",
    "credit card", "debit card", "card number", "card no", "card pin", "cc number", "pin code", "pin number",
    "social security", "security code", "security answer", "seed phrase", "recovery phrase", "recovery code", "backup code",
};

/* What has a name of its own that is no secret: a name that ends in one of these and `name` is not one, as `SESSION_COOKIE_NAME`. */
static const char *const NAMED_THINGS[] = {"cookie", "header", "field", "parameter", "param", "variable", "column"};

/* The whole name. */
static const char *const SECRET_NAMES[] = {"authorization", "proxy authorization"};

#endif
