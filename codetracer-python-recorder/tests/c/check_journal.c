/* check_journal PATH: walks a journal and holds every key state against the state that was reached. Prints `segments N steps N`; status 1
 * and a sentence when they differ or the journal is damaged. For tests/python/test_key_states.py.
 */
#include <inttypes.h>
#include <stdio.h>

#include "codetracer/replay.h"
#include "model/replay_check.h"

int
main(int argc, char **argv)
{
    ct_error error = {0};
    ct_journal *journal;
    ct_replay *replay;
    const ct_event *event;
    if (argc != 2 || ct_journal_open(argv[1], NULL, &journal, &error) != CT_OK || ct_replay_new(journal, &replay, &error) != CT_OK) {
        fprintf(stderr, "check_journal: %s\n", argc == 2 && error.message ? error.message : "usage: check_journal PATH");
        return 1;
    }
    ct_replay_verify_keys(replay, true);
    ct_code code;
    do
        code = ct_replay_next(replay, &event, &error);
    while (code == CT_OK);
    ct_journal_counts counts;
    ct_journal_count(journal, &counts);
    if (code != CT_END)
        fprintf(stderr, "check_journal: %s (at byte %" PRIu64 ")\n", error.message, error.position);
    else
        printf("segments %" PRIu64 " steps %" PRIu64 "\n", counts.segments, counts.steps);
    ct_replay_free(replay);
    ct_journal_close(journal);
    return code != CT_END;
}
