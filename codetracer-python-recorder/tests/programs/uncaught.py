"""An uncaught exception ends the program with status 1."""


def fail(n):
    if n:
        fail(n - 1)
    raise ValueError("uncaught")


fail(1)
