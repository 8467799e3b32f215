/* Options of the command line, and the sentences for what goes wrong. One table per subcommand; nothing is guessed or abbreviated. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

/* Names of files are anybody's: what a terminal would take for a command, and what would end the line, is escaped. */
void complain(const char *command, const char *format, ...)
{
    va_list arguments;
    text plain = {0}, line = {0};
    fflush(stdout);
    text_format(&line, "codetracer-trace%s%s: ", *command ? " " : "", command);
    va_start(arguments, format);
    text_format_list(&plain, format, arguments);
    va_end(arguments);
    text_safe(&line, plain.bytes, plain.size);
    text_char(&line, '\n');
    fwrite(line.bytes, 1, line.size, stderr);
    text_free(&plain);
    text_free(&line);
}

const char *shell_path(const char *path, text *out)
{
    text whole = {0};
    text_format(&whole, "%s%s%c", *path == '-' ? "./" : "", path, 0);
    (void)shell_word(whole.bytes, out);
    text_free(&whole);
    return out->bytes;
}

const char *shell_word(const char *word, text *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-";
    text_clear(out);
    if (*word && strspn(word, plain) == strlen(word)) {
        text_puts(out, word);
    } else {
        text_char(out, '\'');
        for (; *word; word++)
            if (*word == '\'')
                text_puts(out, "'\\''");
            else
                text_char(out, *word);
        text_char(out, '\'');
    }
    text_char(out, 0);
    return out->bytes;
}

void complain_error(const char *command, const char *path, const ct_error *error)
{
    char place[sizeof error->subject + 48] = "";
    const char *subject = error->subject;
    if (error->position)
        snprintf(place, sizeof place, " (%s%sat byte %" PRIu64 ")", subject, *subject ? " " : "", error->position);
    else if (*subject)
        snprintf(place, sizeof place, " (%s)", subject);
    const char *message = error->message ? error->message : "it cannot be read";
    complain(command, "%s: %s%s%s%s", path, message, place, error->system ? ": " : "", error->system ? strerror(error->system) : "");
}

static const option *find_option(const option *options, const char *name, size_t size)
{
    for (; options->name; options++)
        if (strlen(options->name) == size && memcmp(options->name, name, size) == 0)
            return options;
    return NULL;
}

static bool take_value(const char *command, const option *o, const char *value)
{
    switch (o->kind) {
    case OPTION_NUMBER: {
        char *end;
        errno = 0;
        unsigned long long number = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || errno) {
            complain(command, "--%s needs a whole number from 0, not '%s'.", o->name, value);
            return false;
        }
        *(uint64_t *)o->target = number;
        return true;
    }
    case OPTION_INTEGER: {
        char *end;
        errno = 0;
        long long number = strtoll(value, &end, 10);
        const char *digits = *value == '-' ? value + 1 : value;
        if (*digits < '0' || *digits > '9' || *end || errno) {
            complain(command, "--%s needs a whole number, below 0 counted from the end, not '%s'.", o->name, value);
            return false;
        }
        *(int64_t *)o->target = number;
        return true;
    }
    case OPTION_TEXT:
        *(const char **)o->target = value;
        return true;
    case OPTION_CHOICE: {
        text all = {0};
        for (int i = 0; o->choices[i]; i++) {
            if (strcmp(o->choices[i], value) == 0) {
                *(int *)o->target = i;
                text_free(&all);
                return true;
            }
            text_format(&all, "%s%s", i ? ", " : "", o->choices[i]);
        }
        complain(command, "--%s is one of %.*s, not '%s'.", o->name, (int)all.size, all.bytes, value);
        text_free(&all);
        return false;
    }
    case OPTION_FLAG:
        break;
    }
    return false;
}

int options_parse(int argc, char **argv, const option *options, const char *help, size_t place_minimum,
                  size_t place_maximum, const char **places, size_t *place_count)
{
    const char *command = argv[0];
    bool only_places = false;
    *place_count = 0;
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (only_places || argument[0] != '-' || argument[1] == 0) {
            if (*place_count == place_maximum) {
                complain(command, "'%s' is one argument too many; see `codetracer-trace %s --help`.", argument, command);
                return STATUS_USAGE;
            }
            places[(*place_count)++] = argument;
            continue;
        }
        if (strcmp(argument, "--") == 0) {
            only_places = true;
            continue;
        }
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            output_write(help, strlen(help));
            output_finish();
            return -1;
        }
        const size_t dashes = argument[1] == '-' ? 2 : 1;
        const char *name = argument + dashes, *equals = strchr(name, '=');
        const size_t size = equals ? (size_t)(equals - name) : strlen(name);
        const option *o = (size == 1) == (dashes == 1) ? find_option(options, name, size) : NULL;
        if (!o) {
            complain(command, "there is no option '%s'; see `codetracer-trace %s --help`.", argument, command);
            return STATUS_USAGE;
        }
        if (o->given)
            *o->given = true;
        if (o->kind == OPTION_FLAG) {
            if (equals) {
                complain(command, "'%.*s' takes no value.", (int)(equals - argument), argument);
                return STATUS_USAGE;
            }
            *(bool *)o->target = true;
            continue;
        }
        if (!equals && i + 1 == argc) {
            complain(command, "--%s needs a value.", o->name);
            return STATUS_USAGE;
        }
        if (!take_value(command, o, equals ? equals + 1 : argv[++i]))
            return STATUS_USAGE;
    }
    if (*place_count < place_minimum) {
        complain(command, "an argument is missing; see `codetracer-trace %s --help`.", command);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}
