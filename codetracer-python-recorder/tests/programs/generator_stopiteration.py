"""StopIteration raised inside a generator becomes RuntimeError."""


def broken():
    yield 1
    next(iter(()))


try:
    list(broken())
except RuntimeError as error:
    print(error, type(error.__cause__).__name__)
