/* Helper of tests/python/test_trace_tool.py: writes journals for codetracer-trace to read.
 *
 *     tool_sample everything|loop|calls COUNT OUT.ctj
 *     tool_sample changes OUT.ctj             a list that grows, a cycle, hostile text, two threads, an exception
 *     tool_sample killed FOLDER               FOLDER/.recording-test, whose process is killed in the middle; prints the steps it made
 *     tool_sample running FOLDER              the same, but waits for its stdin to end, then finishes
 */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample_journal.h"

static bool
sample_changes(const char *path)
{
    static const char SOURCE[] = "def f(items):\n    items.append(1)\n    return items\n\nf([])\nraise ValueError('boom')\n";
    sample s;
    if (!sample_open(&s, path))
        return false;
    sample_meta(&s, "program", "/p/changes.py");
    sample_meta(&s, "workdir", "/p");
    uint32_t file = ct_define_path(s.r, "/p/changes.py", 13);
    ct_define_source(s.r, file, SOURCE, sizeof SOURCE - 1);
    uint32_t module = sample_code(&s, file, 1, "<module>", "__main__", CT_CODE_MODULE | CT_CODE_NAMESPACE, 0, "");
    uint32_t f = sample_code(&s, file, 1, "Box.f", "__main__", 0, 1, "items evil ring text");
    uint32_t list = sample_type(&s, CT_LOOK_LIST, true, "list"), tuple = sample_type(&s, CT_LOOK_TUPLE, true, "tuple");
    uint32_t error = sample_type(&s, CT_LOOK_STRUCT, true, "ValueError"), args = sample_name(&s, "args");
    uint32_t shape = ct_define_shape(s.r, &args, 1);
    sample_value item = sv_int(1), text = sv_text(&s, "boom", 4, 4), arguments = sv_object(4), ring[2] = { sv_object(2), sv_int(3) };
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text);
    sample_thread_start(&s, 1, "MainThread");
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 1);
    sample_call(&s, module, 1);
    end(&s);
    sample_step(&s, 5);
    end(&s);
    sample_call(&s, f, 1);
    put_slot(&s, 0, sv_object(1));
    put_items(&s, 1, list, 0, 0, NULL);
    end(&s);
    sample_step(&s, 2);
    end(&s);
    sample_step(&s, 3); /* the list has changed, not the variable */
    put_items(&s, 1, list, 1, 1, &item);
    put_slot(&s, 1, sv_text(&s, "\x1b[2J\xE2\x80\xAE'", 8, 6));
    put_slot(&s, 2, sv_object(2));
    put_items(&s, 2, list, 5, 2, ring);
    put_slot(&s, 3, sv_text(&s, long_text, sizeof long_text, sizeof long_text));
    end(&s);
    sample_leave(&s, CT_R_RETURN, sv_object(1), 5);
    sample_output(&s, CT_STDOUT, "out\x1b[31m\n");
    sample_thread_start(&s, 2, "worker");
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 2);
    sample_call(&s, f, 1);
    put_slot(&s, 0, sv_int(9));
    end(&s);
    sample_step(&s, 2);
    end(&s);
    sample_leave(&s, CT_R_RETURN, sv_tag(CT_V_NONE), 5);
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 1);
    s.line = 5;
    sample_step(&s, 6);
    end(&s);
    begin(&s);
    *s.r->cursor++ = CT_R_RAISE;
    put(&s, sv_object(3));
    put_number(&s, 6);
    put_fields(&s, 3, error, shape, 1, &arguments);
    put_items(&s, 4, tuple, 1, 1, &text);
    end(&s);
    sample_leave(&s, CT_R_UNWIND, sv_object(3), 0);
    return ct_recording_finish(s.r, NULL) == CT_OK;
}

/* A recording in the private folder of `folder`, cut at the end of some event, or finished when stdin ends. */
static bool
sample_unfinished(const char *folder, bool killed)
{
    char private_folder[2048], journal[2100], live[2100];
    snprintf(private_folder, sizeof private_folder, "%s/.recording-test", folder);
    snprintf(journal, sizeof journal, "%s/journal.ctj", private_folder);
    snprintf(live, sizeof live, "%s/journal.live", private_folder);
    ct_recording_options options = { .journal_path = journal, .live_path = live };
    sample s = { 0 };
    if (mkdir(private_folder, 0700) != 0 || ct_recording_open(&options, &s.r, NULL) != CT_OK)
        return false;
    sample_meta(&s, "program", "/p/loop.py");
    uint32_t file = ct_define_path(s.r, "/p/loop.py", 10);
    uint32_t function = sample_code(&s, file, 1, "work", "__main__", 0, 1, "n i");
    sample_thread_start(&s, 1, "MainThread");
    begin(&s);
    ct_put_number(s.r, CT_R_THREAD, 1);
    sample_call(&s, function, 1);
    put_slot(&s, 0, sv_int(5));
    end(&s);
    for (int i = 0; i < 200000; i++) {
        sample_step(&s, 2 + i % 3);
        put_slot(&s, 1, sv_int(i));
        end(&s);
    }
    sample_step(&s, 9); /* not ended: nobody may see it */
    printf("200000\n");
    fflush(stdout);
    if (killed)
        kill(getpid(), SIGKILL);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    end(&s);
    return ct_recording_finish(s.r, NULL) == CT_OK;
}

int
main(int argc, char **argv)
{
    bool done = false;
    if (argc == 4 && strcmp(argv[1], "everything") == 0)
        done = sample_everything(argv[3]);
    else if (argc == 4 && strcmp(argv[1], "loop") == 0)
        done = sample_loop(argv[3], strtoull(argv[2], NULL, 10));
    else if (argc == 4 && strcmp(argv[1], "calls") == 0)
        done = sample_calls(argv[3], strtoull(argv[2], NULL, 10));
    else if (argc == 3 && strcmp(argv[1], "changes") == 0)
        done = sample_changes(argv[2]);
    else if (argc == 3)
        done = sample_unfinished(argv[2], strcmp(argv[1], "killed") == 0);
    return done ? 0 : 1;
}
