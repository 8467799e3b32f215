/* Prints every step of a trace, in any format: its number, file, line, and the names of the locals that have a value there.
 *
 *     cc walk_trace.c $(pkg-config --cflags --libs codetracer) -o walk_trace && ./walk_trace trace-out
 */
#include <codetracer/codetracer.h>

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    ct_error error = {0};
    ct_journal *journal = NULL;
    ct_replay *replay = NULL;
    const ct_event *event;
    ct_code code = ct_trace_open(argc > 1 ? argv[1] : "trace-out", NULL, &journal, NULL, &error);
    if (code == CT_OK)
        code = ct_replay_new(journal, &replay, &error);
    while (code == CT_OK && (code = ct_replay_next(replay, &event, &error)) == CT_OK) {
        if (event->kind != CT_EVENT_STEP)
            continue;
        const ct_activation *frame = event->activation;
        ct_text file = ct_journal_path(journal, ct_journal_code(journal, frame->code)->path);
        printf("%" PRIu64 " %.*s:%" PRId64, event->step, (int)file.size, file.bytes, event->line);
        for (size_t i = 0; i < frame->slot_count; i++) {
            ct_text name = ct_journal_name(journal, frame->slots[i].name);
            printf(" %.*s", (int)name.size, name.bytes);
        }
        putchar('\n');
    }
    if (code != CT_END)
        fprintf(stderr, "%s\n", error.message);
    ct_replay_free(replay);
    ct_journal_close(journal);
    return code == CT_END ? 0 : 1;
}
