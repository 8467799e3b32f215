/* What the files of codetracer-trace share. The program is the library's user: everything about traces comes from
 * include/codetracer/, and only terminals, options and sentences live here.
 *
 * Exit status of every subcommand: STATUS_OK, STATUS_TRACE (the trace is damaged or cannot be read or written),
 * STATUS_USAGE. Every failure is one sentence on stderr: what, where, what to do.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codetracer/error.h"
#include "codetracer/replay.h"
#include "tool/text.h"

enum { STATUS_OK = 0, STATUS_TRACE = 1, STATUS_USAGE = 2 };

/* ---- subcommands: argv[0] is the subcommand's name ---- */
int command_print(int argc, char **argv);
int command_info(int argc, char **argv);
int command_recover(int argc, char **argv);
int command_convert(int argc, char **argv);
int command_verify(int argc, char **argv);

/* ---- options.c ---- */
typedef enum option_kind { OPTION_FLAG, OPTION_NUMBER, OPTION_INTEGER, OPTION_TEXT, OPTION_CHOICE } option_kind;
typedef struct option {
    const char *name;         /* without the dashes: one before a single letter, else two */
    option_kind kind;
    void *target;             /* bool, uint64_t, int64_t, const char *, int (the choice's index) */
    bool *given;              /* set when the option was there; may be NULL */
    const char *const *choices; /* NULL-terminated */
} option;

/* Takes the options out of argv and leaves the others in places[0 … place_count). Returns STATUS_OK, or STATUS_USAGE after a
 * sentence, or -1 when --help was asked for and help was printed. */
int options_parse(int argc, char **argv, const option *options, const char *help, size_t place_minimum,
                  size_t place_maximum, const char **places, size_t *place_count);

/* "codetracer-trace COMMAND: SENTENCE" on stderr. */
void complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The word as a shell takes it, in `out`, which lives as long as what is returned: for a command that a sentence gives. */
const char *shell_word(const char *word, text *out);
const char *shell_path(const char *path, text *out); /* no option, too, if it begins with a dash */
/* The same as complain() for a failure of the library: says where in the file and what the system said. */
void complain_error(const char *command, const char *path, const ct_error *error);

/* ---- interrupt.c: Ctrl-C while a trace is written ---- */
/* From here on a signal is noted; with a file, it is removed and the program ends. Not nested. */
void interrupt_hold(const char *half_written);
bool interrupt_came(void);
void interrupt_release(void);
/* Ends the program by the signal that came, if one did. */
void interrupt_obey(void);

/* ---- output.c: standard output ---- */
/* Writes to stdout. A reader that went away ends the program quietly with status 0; any other failure with a sentence and STATUS_TRACE. */
void output_write(const char *bytes, size_t count);
void output_finish(void);
/* COLUMNS, else those of the terminal that stdout is, or 0 when it is none. */
size_t output_columns(void);
bool output_is_terminal(void);

/* ---- trace.c: TRACE arguments ---- */
/* Opens the trace that `path` names: a file or folder, any format. On failure says why on stderr and returns another status than
 * STATUS_OK. *note is set to true when the recording was cut. */
int trace_open(const char *command, const char *path, ct_journal **journal);
/* What the file of the last trace_open() is: "journal", or another format, read through a temporary journal. */
const char *trace_format(void);
/* STATUS_TRACE when a part of the trace is damaged, which trace_open() has said; else STATUS_OK. */
int trace_status(void);
/* Whether it is a journal's file whose end is missing: no recording that was killed, or still runs. */
bool trace_is_cut(const char *path, const ct_journal_counts *counts);
/* To be called when all was done with the trace: says on stderr that a recording or its file was cut, and how to finish it. Returns trace_status(). */
int trace_end(const char *path, const ct_journal *journal);
/* Why a recording is not complete, behind "is not complete: " and the like. failed, system: as in ct_journal_counts. */
void why_unfinished(text *out, ct_code failed, int system);

/* ---- files.c: folders and recordings on disk ---- */
typedef struct names { char **items; size_t count; } names;
/* Entries of a folder that end with `ending` and begin with `beginning`, sorted. False: the folder cannot be read (errno). */
bool folder_list(const char *folder, const char *beginning, const char *ending, names *list);
void names_free(names *list);
char *path_join(const char *folder, const char *name); /* malloc'd */
bool is_folder(const char *path);
bool is_file(const char *path);
/* Whether a trace whose metadata name this recorder is ours. */
bool is_our_recorder(ct_text name);
/* The process that wrote (or writes) this private folder of a recording, if it is still alive and is the same process; else 0. */
long recording_process(const char *folder);

/* ---- encoding.c ---- */
/* A source that is in another encoding than UTF-8 and says so, as UTF-8, malloc'd; NULL: it is not, or not in one that is known. */
char *source_decoded(ct_text source, size_t *size);

/* ---- source.c: lines of source files ---- */
typedef struct sources sources;
sources *sources_new(ct_journal *journal, const char *trace); /* trace: the path it was opened by, which lives as long */
void sources_free(sources *s);
/* The line's text without its end and without its beginning spaces; size 0 when it is not known. Lives until sources_free. */
ct_text sources_line(sources *s, uint32_t path, int64_t line);
/* How many digits the number of the file's last line has; 1 when its lines are not known. */
unsigned sources_digits(sources *s, uint32_t path);
/* The path as people want to see it: relative to the program's folder, or behind site-packages. */
ct_text sources_name(sources *s, uint32_t path);

/* ---- values ---- */
enum { VALUE_DEPTH = 200 }; /* what a reader nests at most; a recording goes to 100 (--max-depth) */
typedef struct value_reader {
    ct_journal *journal;
    ct_replay *replay;
    uint32_t container_limit, attribute_limit; /* what the recording looked at, and never more than VALUE_DEPTH */
    uint64_t open[2 * VALUE_DEPTH + 2];        /* objects open on the path from the variable */
    size_t open_count;
    size_t stop;                               /* value_text: bytes of output behind which nothing more is begun */
    bool ids;                                  /* value_text: objects that can change have their number, as Room#7(…) and #8[…] */
    uint64_t nodes;                            /* value_json: values still to be written */
    ct_error error;                            /* of the last content that could not be read */
} value_reader;
void value_reader_init(value_reader *reader, ct_journal *journal, ct_replay *replay);

/* value_text.c: Python-like, on one line, about `budget` bytes. */
void value_text(value_reader *reader, const ct_value *value, size_t budget, text *out);
/* The same for a value that is met so many levels deep within a variable. */
void value_text_within(value_reader *reader, const ct_value *value, uint32_t containers, uint32_t attributes, size_t budget, text *out);
/* An exception as TYPE(arguments). */
void value_text_exception(value_reader *reader, const ct_value *value, size_t budget, text *out);
void text_python_string(text *out, const uint8_t *bytes, size_t count, size_t budget); /* 'quoted' */
void text_python_bytes(text *out, const uint8_t *bytes, size_t count, size_t budget);  /* b'quoted' */
/* Text that is not ours, for a terminal: control and other invisible characters as escapes. */
void text_safe(text *out, const char *bytes, size_t count);

/* value_json.c: docs/print-json.md. */
void value_json(value_reader *reader, const ct_value *value, text *out);
void json_string(text *out, const char *bytes, size_t count);

/* number_text.c */
void number_float(text *out, double value, bool dot_zero); /* as Python's repr */
void number_complex(text *out, double real, double imaginary);
/* Little-endian magnitude; decimal up to 4,300 digits as Python itself, beyond that hexadecimal with 0x. */
void number_big(text *out, bool negative, const uint8_t *bytes, size_t count);

/* ---- changes.c: which locals changed since this activation's previous step ---- */
typedef struct changes changes;
changes *changes_new(value_reader *reader, bool with_removed);
void changes_free(changes *c);
/* True when the slot's value, or an object within it, changed after this activation's last changes_seen(). */
bool changes_slot(changes *c, const ct_activation *activation, const ct_slot *slot);
/* A place within a variable and what stands there now. path: from the variable on, as `.rooms[0].booked`; within: levels above it. */
typedef struct changed_part { text path; ct_value value; uint32_t containers, attributes; } changed_part;
enum { MOST_PARTS = 4 };
typedef struct changed_parts { changed_part parts[MOST_PARTS]; size_t count; bool more; } changed_parts;
/* Of a slot whose value is the object that it was, and that changed within since changes_seen(): where. False: it is not known, or the variable changed as a whole. */
bool changes_within(changes *c, const ct_activation *activation, const ct_slot *slot, changed_parts *parts);
void changed_parts_free(changed_parts *parts);
/* Names' ids of locals and globals that had a value at that time and have none now; until the next call. Empty without with_removed. */
size_t changes_removed(changes *c, const ct_activation *activation, const uint32_t **removed);
void changes_seen(changes *c, const ct_activation *activation, uint64_t event);
void changes_ended(changes *c, const ct_activation *activation);

/* ---- print ---- */
typedef struct print_options {
    uint64_t from, to, thread, limit;
    uint64_t last_event;         /* with has_to: nothing is printed behind it */
    bool has_to, has_thread, has_limit, all_locals, calls, functions, ids, json, color;
    const char *function, *grep;
    size_t columns;              /* 0: do not cut */
} print_options;

typedef struct printer {
    const print_options *options;
    ct_journal *journal;
    ct_replay *replay;
    value_reader values;
    sources *sources;
    changes *changes;
    unsigned step_digits;
    uint64_t last_thread;        /* of the last event printed */
    bool any;                    /* something was printed */
    bool any_of_thread;          /* an event that happened in some thread was printed */
    bool in_gap;                 /* of an event LOST: the call ended while nothing was recorded, for this reason (enum ct_gap_reason) */
    uint8_t gap_reason;
    size_t depth;                /* of the event to be printed: event_depth() when it happened */
} printer;

/* Put the event's line (with its end) into out; false: there is nothing to say about it. */
bool print_people(printer *p, const ct_event *event, text *out);
bool print_json(printer *p, const ct_event *event, text *out);
/* How deep the event's activation is (was) on its thread's stack; 0 at the bottom. */
size_t event_depth(const ct_event *event);
/* "paused", "waiting", "limit" */
const char *gap_reason_name(uint8_t reason);
/* Where a function begins, as FILE:LINE, or FILE where the line is not known. */
void add_place_of_code(printer *p, const ct_code_info *code, text *out);

/* ---- print_functions.c: how often each function was called ---- */
typedef struct call_counts call_counts;
call_counts *call_counts_new(ct_journal *journal);
void call_counts_free(call_counts *c);
void call_counts_add(call_counts *c, const ct_activation *activation);
/* A line for each function that was called, the most called first. */
void call_counts_print(const call_counts *c, printer *p);

#endif
