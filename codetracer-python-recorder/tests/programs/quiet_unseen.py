"""Code that is not recorded changes what lines show that seem to change nothing (ext/quiet.c: it leaves a mark where frames are pushed)."""
import functools
import gc
import random
import weakref

exec("""
def change(items, x=None):
    items[0] = x
    return items

def walk(items):
    for x in 1, 2:
        items[0] = [x]
        yield x

def waiting(items):
    try:
        yield 1
    finally:
        items[0] = "closed"

def adding(items):
    return lambda ref: items.append(ref)

class Leaves:
    def __init__(self, items):
        self.items = items
    def __del__(self):
        self.items[0] = "left"

kept = []

class Returns:
    def __init__(self, items):
        self.items = items
    def __del__(self):
        kept.append(self)
        self.items[0] = len(kept)

class Key:
    def __init__(self, items):
        self.items = items
    def __hash__(self):
        return hash(1)
    def __eq__(self, other):
        self.items[0] = "compared"
        return False

class Hidden:
    w = 1
    def __init__(self, items):
        self.items = items
    @property
    def v(self):
        self.items[0] = "property"
        return 1
""")


class Node:
    def __init__(self, v):
        self.v = v


def give(x, *more):
    return x


def calls(n):
    random.seed(5)
    items = [1, [2]]
    node = Node(items)
    for i in range(n):
        x = give(i)
        change(items, i)
        x = give(change(items, x))
        x = give(give(i), change(items, [i]))
        x = give(change(node.v, i)) is items
        random.shuffle(items)
        x = give(random.shuffle(items))
        items.reverse()
        x = i
    return items


def generators(n):
    items = [1]
    for i in range(n):
        for x in walk(items):
            y = x
        a, b = walk(items)
        x = [y for y in walk(items)]
        x = 2 in walk(items)
        g = waiting(items)
        for x in g:
            y = 1
            break
        g = None
        x = i
        m = map(items.append, (1, 2))
        for x in m:
            y = x
        a, b = map(items.append, (1, 2))
        f = iter(items.pop, 1)
        for x in f:
            y = x
        items[0] = i
    return items


def mixed_iterators(n):
    items = [1]
    for i in range(n):
        for source in [1], (2,), {3}, {4: 4}, walk(items), map(items.append, (1,)), zip(walk(items)), enumerate(walk(items)):
            for x in source:
                y = x
        items[:] = [i]
    return items


def ends(n):
    items = [1]
    for i in range(n):
        x = Leaves(items)
        x = None
        y = 1
        give(Leaves(items))
        y = 2
        x = give(give(Leaves(items)).items)
        y = give(Leaves(items)).items is give(items)
        x = Leaves(items)
        x = i
        cell = [Leaves(items)]
        cell = cell[0]
        cell = i
        node = Node(1)
        seen = weakref.ref(node, adding(items))
        node = None
        y = 3
        del items[1:]
    return items


def properties(n):
    items = [1]
    for i in range(n):
        for node in Node(1), Node(2), Hidden(items), Node(3):
            x = node.v
            x = give(node.v)
            y = i
    return items


def compared(n):
    items = [1]
    table = {Key(items): 0, 1: 1}
    names = {Key(items), 1}
    for i in range(n):
        x = give(1 in table)
        items[0] = i
        x = give(table[1])
        items[0] = i
        x = give(1 in names)
        items[0] = i
        x = table[1]
        items[0] = i
        table[1] = i
    return items


def collected(n):
    items = [1]
    for i in range(n):
        one = Leaves(items)
        one.me = one
        one = None
        x = give(i)
        y = (x, [x], {"x": x})
        y = i
    gc.collect()
    return items


def returning(items):
    return Returns(items)


def displays(n):
    """What an equal key replaces is let go before the call, and lives on: its death is not seen."""
    items = [1]
    key = 1
    for i in range(n):
        give({1: returning(items), 1: 2}, items)  # noqa: F601
        give({key: returning(items), key: 2}, items)
        give({key: [returning(items)], key: 2}, items)
    return items


held = None


def let_go():
    global held
    held = None
    if held:
        a = b = c = d = e = f = g = h = i = j = k = l = m = n = 0  # noqa: F841  its frame is longer than that of __del__
    return 1


def let_go_of(n):
    """What was loaded from a global before a call is held by nothing else after it."""
    global held
    items = [1]
    for i in range(n):
        held = Returns(items)
        give(held is let_go(), items)
    return items


class Constant:
    """Iterated over in C, which changes what is shown and leaves no mark."""


def made_by_hand(items, n):
    """A constant that the compiler could not make, where it puts a tuple: LIST_EXTEND runs what it brings."""
    for _ in range(n):
        x = [1, 2, 3, 4] is None
        x = False
    return x


def constants(n):
    items = [0]
    Constant.__iter__ = staticmethod(functools.partial(map, items.append, (1, 2)))
    consts = tuple(Constant() if c == (1, 2, 3, 4) else c for c in made_by_hand.__code__.co_consts)
    made_by_hand.__code__ = made_by_hand.__code__.replace(co_consts=consts)
    return made_by_hand(items, n)


gc.disable()
calls(14)
generators(14)
mixed_iterators(5)
ends(14)
properties(8)
compared(12)
collected(10)
displays(12)
let_go_of(12)
constants(12)
print("end")
