"""Locals that the called function replaces after the line has loaded them: by frame.f_locals (PEP 667), before 3.13 by what debuggers use. The old value may be held by the
stack alone, and what is stored to is not what is in the variable (ext/effects.c begin_after_call). All of it shows its list to the called function, so that the list was looked at.

Before 3.13 it does so only with an argument: the oracle is a trace function there, which interferes."""
import ctypes
import functools
import itertools
import operator
import sys
import types

ROUNDS = 12 if sys.version_info >= (3, 13) or sys.argv[1:] else 0

exec("""
import ctypes, sys

def put(frame, name, value):
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))

kept = []

class Returns:
    def __init__(self, items):
        self.items = items
    def __del__(self):
        kept.append(self)
        self.items[0] = len(kept)
""")

numbers = itertools.count()


class Plain:
    def __init__(self, v):
        self.v = v

    def change(self, name, value):
        put(sys._getframe(1), name, value)
        return self.v


def give(x, *more):
    return x


def replaced(shown, name, value):
    put(sys._getframe(1), name, value)
    if numbers is None:
        a = b = c = d = e = f = g = h = i = j = k = l = m = n = 0  # noqa: F841  its frame is longer than that of __del__
    return 1


def replaced_in_c(shown, name, value):
    """As above, if there is nothing to be told to the interpreter."""
    operator.setitem(sys._getframe(1).f_locals, name, value)
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(sys._getframe(1)), ctypes.c_int(0))
    if numbers is None:
        a = b = c = d = e = f = g = h = i = j = k = l = m = n = o = p = q = r = s = t = u = v = w = x = y = z = 0  # noqa: F841
    return 1


def replaced_shortly(shown, name, value):
    put(sys._getframe(1), name, value)


def let_go(n):
    items = [1]
    for i in range(n):
        x = Returns(items)
        give(x is replaced(items, "x", None), items)
        x = Returns(items)
        give(x is replaced_in_c(items, "x", i), items)
        x = Returns(items)
        give(x is replaced_shortly(items, "x", i), items)
        x = Returns(items)
        give(None is x is replaced(items, "x", None), replaced(items, "i", items))
        x = y = Returns(items)
        give((x is replaced(items, "x", None), y is replaced(items, "y", x)), items)
        a = b = c = d = e = x = Returns(items)
        give((a, b, c, d, e, x is replaced(items, "x", None), replaced(items, "a", 1)), items)
    return items


def stores(n):
    items = first = [1]
    one = node = Plain(1)
    other = Plain(1)
    for i in range(n):
        items.append(replaced(first, "items", [2]))
        items = first
        node.v += replaced(one, "node", other)
        node = one
        items[0] += replaced(first, "items", [2])
        items = first
        items[i % 3 and replaced(first, "items", [3])] = i
        items = first
        node.v = node.change("node", other)
        node = one
    return items


def operators(n):
    """Whose functions are in C: they push no frame."""
    items = [1]
    change = functools.partial(operator.setitem, items, 0)
    changes = map(change, numbers)

    class Made:
        __add__ = __eq__ = __getitem__ = staticmethod(functools.partial(next, changes))

    for i in range(n):
        x = lasting = Made()  # its death would be seen
        t = x == replaced(items, "x", 1)
        x = lasting = Made()  # its death would be seen
        t = x[replaced(items, "x", [1, 2])]
        x = lasting = Made()  # its death would be seen
        t = x + replaced(items, "x", 1)
        x = i
    return t, lasting


def same(n):
    """By itself: the slot holds what it did."""
    items = [1]
    for i in range(n):
        x = Returns(items)
        give(x is replaced(items, "x", x), items)
        x = i
        give(x + replaced(items, "x", x), items)
    return items


def generator(n):
    items = first = [1]
    for i in range(n):
        x = Returns(items)
        yield give(x is replaced(items, "x", None), items)
        items.append(replaced(first, "items", [2]))
        items = first


@types.coroutine
def waits():
    yield


async def coroutine(n):
    items = first = [1]
    for i in range(n):
        x = Returns(items)
        give(x is replaced(items, "x", None), items)
        await waits()
        items.append(replaced(first, "items", [2]))
        items = first


def comprehensions(n):
    items = [1]
    for i in range(n):
        give([give(x is replaced(items, "x", None), items) for x in map(Returns, (items, items))])
        give([x.append(replaced(items, "x", [2])) for x in (items, items)])
        del items[3:]
    return items


def cells(n):
    items = first = [1]
    x = None

    def inner():
        nonlocal x
        for i in range(n):
            x = Returns(first)
            give(x is replaced(first, "x", None), first)
        return items

    for i in range(n):
        x = Returns(first)
        give(x is replaced(first, "x", None), first)
        items.append(replaced(first, "items", [2]))
        items = first
        del items[3:]
    return inner()


def deeper(n):
    """Not the caller's, its caller's."""
    items = first = [1]

    def through(shown, name, value):
        def within(shown):
            put(sys._getframe(2), name, value)
            return 1

        return within(shown)

    for i in range(n):
        x = Returns(items)
        give(x is through(items, "x", None), items)
        items.append(through(first, "items", [2]))
        items = first
    return items


def suspended(n):
    """Of a generator that waits."""
    def waiting(items):
        x = items
        while True:
            y = x
            x.append((yield y))
            y = 1

    items, other = [1], [2]
    g = waiting(items)
    next(g)
    for i in range(n):
        put(g.gi_frame, "x", other if i % 2 else items)
        g.send(i)
        del items[4:], other[4:]
    return items


let_go(ROUNDS)
stores(ROUNDS)
operators(ROUNDS)
same(ROUNDS)
for _ in generator(ROUNDS):
    pass
for _ in coroutine(ROUNDS).__await__():
    pass
comprehensions(ROUNDS)
cells(ROUNDS)
deeper(ROUNDS)
suspended(ROUNDS)

# of a comprehension that is inlined into a module
shown = [1]
for i in range(ROUNDS if sys.version_info >= (3, 13) else 0):
    [give(x is replaced(shown, "x", None), shown) for x in map(Returns, (shown, shown))]
print("end")
