"""Errors from conversions, lookups and attribute access inside one function."""


def attempt(action):
    try:
        return action()
    except Exception as error:
        return type(error).__name__


actions = [
    lambda: int("x"),
    lambda: {}["k"],
    lambda: [][0],
    lambda: None.missing,
    lambda: undefined,
    lambda: "a" + 1,
    lambda: b"\xff".decode(),
    lambda: (1).__getattribute__("no"),
]
print([attempt(action) for action in actions])
