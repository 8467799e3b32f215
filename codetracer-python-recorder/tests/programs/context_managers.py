"""with statements: several at once, nested, swallowing an exception."""


class Guard:
    def __init__(self, name, swallow=False):
        self.name = name
        self.swallow = swallow

    def __enter__(self):
        return self.name

    def __exit__(self, kind, error, traceback):
        return self.swallow


with Guard("a") as a, Guard("b") as b:
    both = a + b
with (
    Guard("c") as c,
    Guard("d", swallow=True),
):
    raise ValueError("swallowed")
try:
    with Guard("e"): raise ValueError("passes")
except ValueError as error:
    print(error, both, c)


def leave(items):
    for item in items:
        with Guard(item):
            if item == "two":
                return item


print(leave(["one", "two", "three"]))
