/* A fork while recording. The parent goes on; the child stops recording at once, writes to none of the parent's files and prints nothing.
 *
 * pthread_atfork sees every fork of the process, also those of C libraries. Before it, the writer thread is drained and joined: CPython
 * counts the system's threads after os.fork() and warns when there is more than one (3.12+).
 */
#include "recorder.h"

#include <pthread.h>

bool forked_from_recording;
static bool handlers_set;

static void
before_fork(void)
{
    if (active_recorder)
        ct_recording_before_fork(active_recorder->out);
}

static void
after_fork_in_parent(void)
{
    if (active_recorder)
        ct_recording_after_fork_in_parent(active_recorder->out);
}

static void
after_fork_in_child(void)
{
    recorder *r = active_recorder;
    fd_capture_after_fork_in_child();
    if (r == NULL)
        return;
    active_recorder = NULL; /* callbacks answer DISABLE from here on; what the recorder held is the parent's and stays */
    forked_from_recording = true;
    ct_recording_abandon_in_child(r->out);
}

int
fork_setup(void)
{
    if (!handlers_set && pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    handlers_set = true;
    return 0;
}
