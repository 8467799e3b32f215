"""match with all kinds of patterns, guards and no match."""


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


def describe(value):
    match value:
        case 0 | 1:
            return "small"
        case int(n) if n > 100:
            return "large %d" % n
        case str() as text:
            return "text " + text
        case [first, *rest]:
            return "list of %d" % (1 + len(rest))
        case {"kind": kind, **others}:
            return kind, others
        case Point(x=0, y=y):
            return "on the axis at %d" % y
        case Point(x, y):
            return x, y
        case None:
            return "none"
    return "no match"


for value in (1, 200, 50, "a", [1, 2], [], {"kind": "k", "n": 1}, Point(0, 2), Point(1, 2), None, 1.5):
    print(describe(value))
