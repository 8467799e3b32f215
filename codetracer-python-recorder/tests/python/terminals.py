"""Programs on terminals of their own, for tests."""

import os
import pty
import re
import signal
import subprocess

# A session's leader that opens a terminal gets it as its controlling one. The shell stays: when the leader ends, the system throws away what was not read yet.
SESSION = 'exec <"$0" >"$0" 2>&1; "$@"; echo "status $?."; sleep 100'


def on_terminal(command, cwd, env, answers=()):
    """(all that the terminal showed, the command's status); answers: [(what is shown last, what is typed then)], in order.

    What pty.fork() is for, but no Python runs between fork and exec: pytest's worker has threads, and the child could wait for ever for what one of them
    held, such as a lock of a sanitizer's allocator (GCC 12's is not made for fork).
    """
    ours, theirs = pty.openpty()
    answers = list(answers)
    shell = subprocess.Popen(["/bin/sh", "-c", SESSION, os.ttyname(theirs), *map(str, command)], cwd=cwd, env=env, start_new_session=True, stdin=subprocess.DEVNULL)
    shown = b""
    while not (ended := re.search(rb"status (\d+)\.\r?\n$", shown[-40:])):
        shown += os.read(ours, 65536)
        if answers and shown.endswith(answers[0][0]):
            os.write(ours, answers.pop(0)[1])
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    os.close(ours), os.close(theirs)
    return shown[: -len(ended[0])], int(ended[1])
