"""Instances whose attributes are in a dict, where CPython specialises no method's load: what seems a plain load or store, and is none (ext/quiet.c, NEED_ATTRIBUTE and NEED_STORABLE)."""
import functools
import gc

exec('''
class Text(str):
    """A key that is asked whether it is equal, and then changes something."""
    items = None
    def __hash__(self): return str.__hash__(self)
    def __eq__(self, other):
        if self.items is not None: self.items[0] = ("asked", len(self.items))
        return str.__eq__(self, other)

def changing(items):
    def get(self):
        items[0] = ("property", items[1])
        return lambda *ignored: 1
    def put(self, value): items[0] = ("put", value)
    return property(get, put)

def answering(items):
    def __getattr__(self, name):
        items[0] = ("getattr", items[1])
        return 1
    return __getattr__

def asking(items):
    def __getattribute__(self, name):
        items[0] = ("getattribute", items[1])
        return object.__getattribute__(self, name)
    return __getattribute__

def setting(items):
    def __setattr__(self, name, value):
        items[0] = ("setattr", value)
        object.__setattr__(self, name, value)
    return __setattr__

class Staying:
    """Keeps itself when it is let go."""
    kept = []
    def __init__(self, items):
        self.items = items
        self.v = 1
    def plain(self): return self.v
    def __del__(self):
        self.items[0] = ("let go", self.items[1])
        Staying.kept.append(self)
''')


def give(x):
    return x


def wide(x):
    """Its frame is larger than one of Staying.__del__."""
    a = b = c = d = e = f = g = h = i = j = k = l = m = n = o = p = x
    return x


class Node:
    w = 5

    def __init__(self, v):
        self.v = v
        self.next = None
        vars(self)  # the attributes are in a dict from now on

    def plain(self):
        return self.v

    def other(self):
        return self


def made(name):
    """A class of its own for each case: what is done to one changes no other."""
    return type(name, (Node,), {})


def loads(n):
    kind = made("Loaded")
    node, items = kind(1), [0, 0]
    for i in range(n):
        try:
            x = node.plain()
            x = node.other().plain()
        except TypeError:
            x = 3
        x = node.other().other().v
        x = node.v
        x = node.w
        items[1] = i
        if i == n // 2:
            kind.plain = changing(items)
        if i == n // 2 + 8:
            kind.plain = Node.plain
            node.plain = changing
        try:
            x = node.plain(1)
        except TypeError:
            pass
        y = i
    return items


def own_first(n):
    kind = made("Owned")
    node, items = kind(1), [0, 0]
    for i in range(n):
        x = node.plain
        x = node.w
        node.w = i
        node.v = [i]
        items[1] = i
        if i == n // 3:
            kind.v = changing(items)
        if i == n // 2:
            del kind.v
            kind.__setattr__ = setting(items)
        y = node.v
        y = i
    return items


def asked(n):
    kind = made("Asked")
    node, items = kind(1), [0, 0]
    node.__dict__[Text("plain2")] = 1
    for i in range(n):
        x = node.other().w
        node.v = i
        items[1] = i
        if i == n // 2:
            key = Text("plain")
            node.__dict__[key] = changing
            key.items = items
        try:
            x = node.plain()
        except TypeError:
            x = 2
        y = i
    return items


def hooks(n):
    kind = made("Hooked")
    node, items = kind(1), [0, 0]
    for i in range(n):
        x = node.plain()
        try:
            x = node.missing
        except AttributeError:
            x = 0
        items[1] = i
        if i == n // 3:
            kind.__getattr__ = answering(items)
        if i == n // 2:
            kind.__getattribute__ = asking(items)
        y = i
    return items


def shared(n):
    one, two = made("Shared")(1), made("Shared")(2)
    for i in range(n):
        one.v = i
        x = i
        if i == n // 2:
            two.__dict__ = one.__dict__
        y = two
        one.next = [i]
        x = i
    seen = one.__dict__
    for i in range(n):
        one.v = i
        x = i
        one.__class__ = Node
        x = i
    return seen


def staying(n):
    items = [0, 0]
    for i in range(n):
        x = give(Staying(items)).v
        y = i
        x = give(give(Staying(items)).v)
        items[1] = i
        x = give(Staying(items)).plain()
        y = i
        x = give(give(Staying(items)).plain())
        y = i
        x = wide(wide(Staying(items)).v)
        y = i
        Staying.kept.clear()
        items[0] = 0
    return items


def in_c(n):
    """What is called is written in C, so nothing of it is seen but what it does. Two classes take turns, so that no instruction stays specialised."""
    table = {}
    for what in range(6):
        items, kinds = [0], (made("First"), made("Second"))
        nodes = [kind(1) for kind in kinds]
        for i in range(n):
            node = nodes[i % 2]
            x = node.plain
            y = x is node.v
            x = give(node.plain)
            x = give(node.v)
            node.v = i
            y = i
            try:
                node.w = i
            except TypeError:
                pass
            y = i
            try:
                x = node.missing
            except AttributeError:
                x = 0
            y = x
            if i == n // 2:
                for kind in kinds:
                    if what == 0:
                        kind.plain = property(functools.partial(list.append, items))
                    elif what == 1:
                        kind.__getattribute__ = items.append
                    elif what == 2:
                        kind.__getattr__ = items.append
                    elif what == 3:
                        kind.__setattr__ = table.__setitem__
                    elif what == 4:
                        kind.w = property(None, table.__setitem__)
                if what == 5:
                    nodes[1].__dict__ = nodes[0].__dict__
            del items[3:]
    return len(table)


def raised(n):
    items = [0, 0]
    kinds = made("One"), made("Two")
    for i in range(n):
        node = kinds[i % 2](i)
        x = give(node.plain)
        x = give(node.other().plain)
        x = give(node.v)
        if i == n // 2:
            for kind in kinds:
                kind.plain = kind.v = changing(items)
        items[1] = i
        y = i
    return items


gc.disable()
for function in loads, own_first, asked, hooks, shared, staying, in_c, raised:
    print(function(48))
