"""Exceptions with attributes, slots, notes and standard fields."""


class Failure(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Slotted(Exception):
    __slots__ = ("detail",)


def fail(error):
    raise error


errors = [Failure(7, "seven"), Slotted("slots"), OSError(2, "none", "/file"), KeyError("k"), SystemExit(3)]
errors[1].detail = [1]
errors[0].add_note("noted")
for error in errors:
    try:
        fail(error)
    except BaseException as caught:
        kind = type(caught).__name__
        print(kind)
