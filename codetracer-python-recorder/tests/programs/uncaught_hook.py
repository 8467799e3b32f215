"""An own sys.excepthook is called for an uncaught exception."""

import sys


def hook(kind, error, traceback):
    print("hook", kind.__name__, error)


sys.excepthook = hook
raise KeyError("uncaught")
