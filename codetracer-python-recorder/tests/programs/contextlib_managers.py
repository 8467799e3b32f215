"""contextmanager, ExitStack, suppress and closing: standard library calls in between are invisible."""

import contextlib


@contextlib.contextmanager
def marked(name):
    print("enter", name)
    try:
        yield name.upper()
    except KeyError as error:
        print("swallow", error)
    finally:
        print("exit", name)


with marked("a") as upper:
    print(upper)
with marked("b"):
    raise KeyError("k")
with contextlib.ExitStack() as stack:
    stack.enter_context(marked("c"))
    stack.callback(print, "callback")
with contextlib.suppress(ZeroDivisionError):
    1 / 0
with contextlib.closing(n for n in range(3)) as numbers:
    next(numbers)
