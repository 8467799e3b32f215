"""An exception ends a thread; the program goes on."""

import threading


def fail():
    raise ValueError("in a thread")


def hook(args):
    print("hook", args.exc_type.__name__)


threading.excepthook = hook
thread = threading.Thread(target=fail)
thread.start(); thread.join()  # one step: between two, what the main thread sees would be chance
print("main")
