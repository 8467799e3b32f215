/* codetracer-trace: reads recordings from the command line. Chooses the subcommand; each has a file of its own. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "codetracer/version.h"
#include "tool/tool.h"

static const char HELP[] =
    "usage: codetracer-trace COMMAND ...\n"
    "\n"
    "Reads what codetracer-record has recorded.\n"
    "\n"
    "  print TRACE                     what the program did, line by line, with the locals that changed\n"
    "  info TRACE                      what was recorded, how much of it, and whether anything was cut\n"
    "  convert IN OUT --to FORMAT      the same trace in another format: ct, ct-single, ct-multi, json,\n"
    "                                  binary, binary-v0, journal\n"
    "  verify TRACE...                 whether traces are whole and keep every rule of their format\n"
    "  recover FOLDER                  finishes a recording whose program was killed\n"
    "\n"
    "TRACE is the folder that was recorded into, or the trace's file.\n"
    "`codetracer-trace COMMAND --help` tells more. `codetracer-trace --version` prints the version.\n"
    "Exit status: 0; 1 the trace is damaged or cannot be read or written; 2 wrong arguments.\n";

static const struct { const char *name; int (*run)(int argc, char **argv); } COMMANDS[] = {
    {"print", command_print}, {"info", command_info}, {"convert", command_convert}, {"verify", command_verify}, {"recover", command_recover}};

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (strcmp(argv[0], COMMANDS[i].name) == 0)
            return COMMANDS[i].run(argc, argv);
    complain("", "there is no command '%s'; `codetracer-trace --help` lists them.", argv[0]);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* so that a closed pager is an error of write(): output.c */
    signal(SIGXFSZ, SIG_IGN); /* and a file that is larger than is allowed (ulimit -f): what is half written is then removed */
    if (argc < 2) {
        fputs(HELP, stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 && argc == 3)
        return run(2, (char *[]){argv[2], "--help", NULL});
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        output_write(HELP, sizeof HELP - 1);
        output_finish();
        return STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        text version = {0};
        text_format(&version, "codetracer-trace %s\n", ct_version());
        output_write(version.bytes, version.size);
        output_finish();
        text_free(&version);
        return STATUS_OK;
    }
    int status = run(argc - 1, argv + 1);
    interrupt_obey();
    return status;
}
