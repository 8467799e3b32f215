"""Locals that are not bound yet, or only on one way through."""


def run(flag):
    if flag:
        maybe = 1
    try:
        return maybe
    except UnboundLocalError as error:
        return type(error).__name__


print(run(True), run(False))
