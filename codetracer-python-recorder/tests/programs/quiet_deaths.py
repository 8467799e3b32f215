"""What runs without a frame of Python that would leave a mark, or where a mark is covered: generators that are closed as they die, functions of weak references written in C,
objects that keep themselves, dicts that several objects have (ext/quiet.c). A name on the command line: that function alone."""
import contextvars
import gc
import sys
import types
import weakref

exec("""
refs = []
class Plain: pass
class L(list): pass
def waiting(items):
    try:
        yield 1
        yield 2
    finally:
        items[0] = "closed"
def made(items):
    p = Plain()
    refs.append(weakref.ref(p, items.append))
    return p
def two(items):
    return [Plain(), made(items)]
def listed(items):
    l = L([1, 2])
    refs.append(weakref.ref(l, items.append))
    return l
class Leaves:
    def __init__(self, items, kept):
        self.items = items
        self.kept = kept
    def __del__(self):
        self.items[0] = "left"
        self.kept.append(self)
""")

def give(x):
    return x


class Node:
    def __init__(self, v=None):
        self.v = v


class Int(int):
    pass


class Flt(float):
    __slots__ = ("v",)


class Borg:
    shared = {}
    def __init__(self):
        self.__dict__ = self.shared
        self.v = 0


def brk(n):
    items = [0]
    for i in range(n):
        for x in waiting(items):
            break
        y = i
        items[0] = i


def brk2(n):
    items = [0]
    for i in range(n):
        for x in two(items):
            break
        y = i
        items.clear()


def exhaust(n):
    items = [0]
    for i in range(n):
        for x in listed(items):
            y = x
        y = i
        items.clear()


def multi(n):
    items = [0]
    for i in range(n):
        y = (made(items),
             i)[1]
        y = i
        items.clear()


def multi2(n):
    items = [0]
    for i in range(n):
        y = (made(items)
             is
             None)
        y = i
        items.clear()


def module(n):
    items = [0]
    for i in range(n):
        m = types.ModuleType("m")
        m.v = made(items)
        m = None
        y = i
        items.clear()


def hidden(n):
    items = [0]
    a = Int(5)
    b = Flt(5)
    for i in range(n):
        a.v = made(items)
        y = i
        a.v = None
        y = i
        items.clear()


def hidden2(n):
    items = [0]
    b = Flt(5)
    for i in range(n):
        b.v = made(items)
        y = i
        b.v = None
        y = i
        items.clear()


def borg(n):
    a = Borg()
    b = Borg()
    for i in range(n):
        a.v = i
        y = i
        b.v = [i]
        y = 2


def excdict(n):
    e = ValueError(1)
    e.k = 1
    d = e.__dict__
    for i in range(n):
        d["k"] = i
        y = i


def leave(items, kept):
    x = Leaves(items, kept)
    y = 1


def resurrect(n):
    items = [0]
    kept = []
    for i in range(n):
        leave(items, kept)
        y = i
        items[0] = 0
    for i in range(n):
        y = give(leave(items, kept))
        items[0] = i


def oneline(n):
    items = [0]
    kept = []
    for i in range(n):
        x = Leaves(items, kept)
        x = None; give(i)
        y = i
        items[0] = 0


def context(n):
    items = [0]
    for i in range(n):
        c = contextvars.copy_context()
        w = weakref.ref(c, items.append)
        y = i
        c = None
        y = 2
        items.clear()


async def agen():
    yield 1


def hook(n):
    items = [0]
    sys.set_asyncgen_hooks(finalizer=items.append)
    for i in range(n):
        g = agen()
        try:
            g.__anext__().send(None)
        except StopIteration:
            pass
        y = i
        g = None
        y = 2
        del items[:]
    sys.set_asyncgen_hooks(finalizer=None)


def early(items):
    for x in waiting(items):
        return x


def returning(n):
    items = [0]
    for i in range(n):
        early(items)
        y = i
        items[0] = 0


def sent():
    while 1:
        yield 1


def sending(n):
    items = [0]
    g = sent()
    next(g)
    for i in range(n):
        g.send(made(items))
        y = i
        items.clear()


class W: pass


def swap(name, value):
    sys._getframe(1).f_locals[name] = value
    return 1


def flocals(n):
    items = [0]
    W.__add__ = items.append
    for i in range(n):
        w = W()
        y = w + swap("w", 1)
        y = i
        items.clear()


def flocals2(n):
    items = [0]
    a = items
    for i in range(n):
        a = items
        a.append(swap("a", [1]))
        y = i
        y = 3


def sent2(items):
    while 1:
        yield 1
        y = 1


def sending2(n):
    items = [0]
    g = sent2(items)
    next(g)
    for i in range(n):
        g.send(made(items))
        y = i
        items.clear()


def flocals3(n):
    items = [0]
    W.__add__ = items.append
    keep = W()
    for i in range(n):
        w = keep
        y = w + swap("w", 1)
        y = i
        items.clear()


def flocals4(n):
    items = [0]
    other = [0]
    for i in range(n):
        a = items
        a.append(swap("a", other))
        y = i
        y = 3


gc.disable()
FIRST = [brk, returning, borg, excdict, resurrect, oneline, flocals, flocals2, flocals3, flocals4, hook]
LATER = [brk2, exhaust, multi, multi2, module, hidden, hidden2, context, sending, sending2]  # after the first of these nothing is taken for quiet
for function in FIRST + LATER:
    if sys.argv[1:] in ([], [function.__name__]):
        function(40)
print("end")
