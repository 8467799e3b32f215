"""Known objects that die between two events: most let nothing go that runs (ext/lifetime.c dies_quietly), but some are targets of the same line, some hold what has a finalizer in C,
at any depth and behind any number of elements, or where no attribute shows it, and some are let go just before a function begins."""

import functools
import gc
import weakref

ROUNDS = 40

exec("""
def put(x, value):
    x[0] = value

def nested(x, n):
    for i in range(n):
        x = [x]
    return x

def deepest(x):
    while isinstance(x[0], list):
        x = x[0]
    return x

def swap(p, Dict):
    # the interpreter keeps some dicts that died for others: those are made to be enough first
    spare = {}
    kept = [{} for _ in range(300)]
    address = id(p.__dict__)
    kept = None
    p.__dict__ = spare
    made = []
    while not made or id(made[-1]) != address and len(made) < 1000:
        made.append(Dict())
    made[-1]["a"] = 1
    p.__dict__ = made[-1]
    swapped.append(id(made.pop()) == address)
    return made

swapped = []

def paired(x):
    last[:] = [x]
    return [0, x]

def put_last(value):
    last.pop()[0] = value

last = []

def changing(items):
    return lambda reference: items.append(reference)
""")


class Plain:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)


def tells(items):
    """A class whose instances empty items as they die, by a function in C: no frame is seen."""
    return type("Tells", (), {"__del__": items.clear})


def rows(n):
    table = [[i] for i in range(5)]
    named = {i: [i] for i in range(5)}
    points = [Plain(i) for i in range(5)]
    for i in range(n):
        j = i % 5
        table[j] = [i]
        named[j] = [i]
        points[j] = Plain(i)
        points[j].value = [i]
        x = i
        points[j].value = i
    return table, named, points


def targets(n):
    total = 0
    for i in range(n):
        a = [0, 0]
        b = Plain(0)
        a[0] = i; a = None
        b.value = i; b = None
        a = [0]; a[0] = i; total += a[0]; a = [1]; a[0] = i
        c = a; c[0] = -i; del a, c
        total += i
    return total


def values(n):
    total = 0
    for i in range(n):
        pair = (i, i + 1)
        pair = [pair, {i}]
        pair = {"a": pair}
        pair = frozenset([i])
        s = Slotted()
        s.value = pair
        s = None
        pair = None
        total += i
    return total


def finalizers(n):
    seen = []
    Tells = tells(seen)
    row = [None]
    for i in range(n):
        row[0] = [Tells()]
        seen.append(i)
        row[0] = i
        y = i
        row[0] = (Tells(), i)
        seen.append(i)
        row[0] = i
        y = i
        row[0] = Plain(Tells())
        seen.append(i)
        row[0] = i
        y = i
        row[0] = [[[[[[[Tells()]]]]]]]
        seen.append(i)
        row[0] = i
        y = i
        row[0] = [0, 0, 0, Tells()]
        seen.append(i)
        row[0] = i
        y = i
    return y


def out_of_sight(n):
    """Lists that were looked into once, and lie too deep for it as they are changed."""
    seen = []
    Tells = tells(seen)
    for i in range(n):
        deep = nested([i], 14)
        p = deep
        for j in range(14):
            p = p[0]
        p = None
        put(deepest(deep), Tells())
        seen.append(i)
        y = i
        deep = None
        y = 3
    return y


def stored_out_of_sight(n):
    """What a store replaces there may be anything."""
    seen = []
    Tells = tells(seen)
    for i in range(n):
        deep = nested([i], 12)
        p = deep
        for j in range(12):
            p = p[0]
        p = None
        put(deepest(deep), Tells())
        seen.append(i)
        y = i
        deep[0][0][0][0][0][0][0][0][0][0][0][0][0] = i
        y = 3
    return y


def at_the_border(n):
    """The same of each depth by itself."""
    seen = []
    Tells = tells(seen)
    for depth in range(10):
        for i in range(4):
            last = [i]
            p = nested(last, depth)
            y = i
            last = None
            put(deepest(p), Tells())
            seen.append(i)
            y = i
            p = None
            y = 3
    return y


class Instance:
    pass


def not_shown(n):
    """What an instance refers to besides the attributes that are shown."""
    seen = []
    Tells = tells(seen)
    Text = type("Text", (str,), {"__del__": seen.clear})
    Dict = type("Dict", (dict,), {"__del__": seen.clear})
    for i in range(n):
        p = Instance()
        p.__dict__[5] = Tells()
        seen.append(i)
        y = i
        p = None
        y = i
        p = Instance()
        p.__dict__[Text("x")] = 1
        seen.append(i)
        y = i
        p = None
        y = i
        p = Instance()
        p.__dict__ = Dict(a=1)
        seen.append(i)
        y = i
        p = None
        y = i
        p = Instance()
        for name in "abcd":
            p.__dict__[name] = 1
        p.last = Tells()
        seen.append(i)
        y = i
        p = None
        y = i


class Part(functools.partial):
    pass


def of_c(n):
    """Instances with attributes that refer to more in C structs."""
    seen = []
    Tells = tells(seen)
    for i in range(n):
        p = functools.partial(len, Tells())
        seen.append(i)
        y = i
        p = None
        y = i
        p = Part(len, Tells())
        seen.append(i)
        y = i
        p = None
        y = i


def kinds_of_container(n):
    seen = []
    kinds = [type("Own", (base,), {"__slots__": (), "__del__": seen.clear}) for base in (list, tuple, dict, set, frozenset)]
    for i in range(n):
        p = kinds[i % 5]()
        seen.append(i)
        y = i
        p = None
        y = i


def held_by_an_iterator(n):
    """A list that was looked into is changed where only the stack refers to it."""
    seen = []
    Tells = tells(seen)
    for i in range(n):
        p = [i]
        y = i
        for x in paired(p):
            p = None
            put_last(Tells())
            seen.append(i)
            y = i
            break
        y = 3


def another_dict(n):
    """The attributes' dict is replaced by one of another class at the same address, with the same entries."""
    seen = []
    Dict = type("Dict", (dict,), {"__slots__": (), "__del__": seen.clear})
    for i in range(n):
        p = Instance()
        p.__dict__ = {"a": 1}
        y = i
        swap(p, Dict)
        seen.append(i)
        y = i
        p = None
        y = i


def class_changes(n):
    """Between two looks at the instance the class gets a finalizer, and its base does."""
    seen = []
    for i in range(n):
        class Base:
            pass

        class Derived(Base):
            pass

        p, q = Derived(), Derived()
        seen.append(i)
        y = i
        Base.__del__ = seen.clear
        y = i
        p = None
        y = i
        seen.append(i)
        del Base.__del__
        q.__class__ = type("Other", (Base,), {"__del__": seen.clear})
        y = i
        q = None
        y = i


def give(value):
    return value


def watched(items, kept):
    a = b = c = d = e = f = g = h = i = j = k = l = m = n = 0  # noqa: E741, F841  its frame is longer than that of the weak reference's function
    p = Plain(1)
    kept[:] = [weakref.ref(p, changing(items))]
    return p


def before_a_function(n):
    """A weak reference's function runs where the frame of the function that begins will be."""
    items = [0]
    kept = []
    for i in range(n):
        x = give(items) if watched(items, kept) is not None else 0
        give(watched(items, kept) is items) or give(items)
        x = [watched(items, kept), give(items)]
        x = i
        del items[1:]
        y = i


def same_address(n):
    """What dies makes room for another at its address within the line."""
    row = [[0], [0], (0,), Plain(0), {0}, {0: 0}]
    for i in range(n):
        row[0] = 0; row[0] = [i]
        row[1] = None; x = [i, row]
        x = 0; row[1] = [i]; x = [i]
        row[2] = 0; row[2] = (i,)
        x = (i, i); x = 0; x = (i, 2)
        row[3] = 0; row[3] = Plain(i)
        a = Plain(i); a = 0; a = Plain(row)
        row[4] = 0; row[4] = {i}; row[5] = 0; row[5] = {i: i}
        a = [row]; a = 0; b = [i]; c = b; b = 0; c = [0]
    return row


def before_a_call(n):
    seen = []
    Tells = tells(seen)
    row = [None]
    for i in range(n):
        row[0] = [Tells()]
        seen.append(i)
        row[0] = i; give(i)
        y = i
        held = [Tells()]
        seen.append(i)
        held = i; give(i)
        row[0] = Plain([i])
        row[0] = give(i)
        made(row)
        z = i
    return len(seen)


def made(row):
    a = [1]
    b = Plain(a)
    c = {"b": b}
    return c


gc.disable()
rows(ROUNDS)
targets(ROUNDS)
values(ROUNDS)
finalizers(ROUNDS)
before_a_call(ROUNDS)
out_of_sight(ROUNDS)
at_the_border(ROUNDS)
stored_out_of_sight(ROUNDS)
not_shown(ROUNDS)
of_c(ROUNDS)
kinds_of_container(ROUNDS)
held_by_an_iterator(ROUNDS)
another_dict(ROUNDS)
class_changes(ROUNDS)
before_a_function(ROUNDS)
same_address(ROUNDS)
print(all(swapped))
