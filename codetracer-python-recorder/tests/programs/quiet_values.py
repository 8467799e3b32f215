"""Lines that the interpreter has specialised for one type meet another, whose operation changes an object that is shown (ext/effects.c: a miss is counted)."""
import collections
import functools


class Point:
    def __init__(self, x):
        self.x = x
        self.seen = []


class Watched:
    """Everything that is asked of it is noted in a list that the caller's variables show."""

    def __init__(self, seen):
        self.seen = seen

    @property
    def x(self):
        self.seen.append("x")
        return 1

    def __add__(self, other):
        self.seen.append("add")
        return 1

    def __lt__(self, other):
        self.seen.append("lt")
        return True

    def __getitem__(self, k):
        self.seen.append("getitem")
        return k

    def __len__(self):
        self.seen.append("len")
        return 1

    def __bool__(self):
        self.seen.append("bool")
        return True

    def __contains__(self, k):
        self.seen.append("contains")
        return True

    def __iter__(self):
        self.seen.append("iter")
        return iter([1, 2])

    def __hash__(self):
        self.seen.append("hash")
        return 1

    def __eq__(self, other):
        self.seen.append("eq")
        return True

    def __neg__(self):
        self.seen.append("neg")
        return 1

    def __str__(self):
        self.seen.append("str")
        return "watched"


class Kept:
    def __init__(self, seen):
        self.seen = seen

    @functools.cached_property
    def x(self):
        return len(self.seen)


class BuiltIn:
    """Its operations are functions written in C: no frame of Python's tells that they ran."""

    def __init__(self, seen):
        BuiltIn.__getitem__ = seen.__getitem__
        BuiltIn.__len__ = seen.pop
        BuiltIn.__bool__ = staticmethod(functools.partial(list.__contains__, seen, 1))
        BuiltIn.x = property(functools.partial(list.append, seen))


def attributes(points):
    total = 0
    seen = points[-1].seen
    for p in points:
        value = p.x
        total = value
    value = None
    return total


def operators(values, seen):
    k = 0
    for v in values:
        s = v + 1
        s = v < 3
        s = -v
        s = f"{v}"
        s = str(v)
        if v:
            s = 1
        s = not v
        s = v == 1
        k = k + 1
    return k


def subscripts(items, seen, keys):
    for i in items:
        for k in keys:
            s = i[k]
        s = len(i)
        s = 1 in i
        for s in i:
            k = s
        a, b = i
        k = 0
    return s


def keys(table, names, seen):
    for name in names:
        value = table[name]
        value = name in table
        table[name] = 1
    return table


def missing(tables):
    for table in tables:
        value = table["a"]
        value = None
    return tables


def built_in(items, seen):
    for i in items:
        try:
            s = len(i)
            s = i[0]
        except (IndexError, TypeError):
            s = None
        if i:
            s = 2
        s = 3
    return seen


def own_value(points):
    for p in points:
        try:
            value = p.x
        except AttributeError:
            value = None
        value = 0
    return value


def displays(n):
    items = [0]
    for i in range(n):
        shown = unique = None
        each = map(items.append, [i])
        more = map(items.append, [i, i])
        c = i
        shown = [*(each if c else (1, 2, 3))]
        c = shown
        unique = {*(more if c else (1, 2, 3))}
        c = unique
        del items[5:]


for _ in range(2):
    noted = []
    attributes([Point(i) for i in range(14)] + [Watched(noted), Point(1), Kept(noted), Point(2)])
    operators(list(range(12)) + [Watched(noted), 1, 2, Watched(noted)], noted)
    subscripts([[1, 2]] * 12 + [Watched(noted), (1, 2), Watched(noted)], noted, [0, 1])
    subscripts([(1, 2)] * 12 + [[1, 2], {0: 1, 1: 2}, Watched(noted)], noted, [0, 1])
    keys({"a": 1, Watched(noted): 2}, ["a"] * 12 + [Watched(noted), 1, "a"], noted)
    missing([{"a": 1}] * 12 + [collections.defaultdict(list), {"a": 2}, collections.Counter()])
    numbers = [1, 0, 1, 1]
    built_in([[1, 2]] * 12 + [BuiltIn(numbers), [1, 2], BuiltIn(numbers)], numbers)
    own_value([Point(i) for i in range(12)] + [BuiltIn(numbers), Point(3)])
displays(40)
print(noted[:3], len(numbers))
