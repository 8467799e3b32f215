"""A signal handler written in Python runs between two lines."""

import signal

caught = []


def handler(number, frame):
    caught.append(number)


signal.signal(signal.SIGUSR1, handler)
signal.raise_signal(signal.SIGUSR1)
after = len(caught)
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
print(after)
