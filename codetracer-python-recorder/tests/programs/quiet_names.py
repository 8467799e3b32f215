"""Names of modules and classes that change otherwise than by the line's own stores (ext/quiet.c, ext/snapshot.c write_stored_names): by functions that store globals, by the
finalizer of what a store lets go, by code that is not recorded, beside names that are shadowed. quiet_names_shown.py is about those in a dict that is shown."""

import collections
import sys

ROUNDS = 24


class Late:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        globals()[self.name] = self.name


def store(x):
    global stored
    stored = x
    return x


def store_slowly(x):
    global stored
    y = x
    stored = y
    z = y
    return z


def forget():
    global forgotten
    del forgotten


# by functions, whose events are quiet, too
stored = forgotten = None
for i in range(ROUNDS):
    a = i
    store(i)
    b = store_slowly(a)
    forgotten = i
    forget()
    c = b

# by what dies
late = died = None
for i in range(ROUNDS):
    late = Late("died")
    a = i
    late = None
    b = i

# by code that is not recorded
exec("def unseen(x):\n    global by_unseen\n    by_unseen = x\n    return x\n", globals())
by_unseen = None
for i in range(ROUNDS):
    unseen(i)
    a = unseen([i])

# what names are added and taken
for i in range(ROUNDS):
    new = i
    newer = new
    del new
    a = newer
    del newer
    import bisect

    bisect = i
    for newest in "ab":
        a = newest
    del newest, bisect

# shadowed by a comprehension's variable
shadowed = 0
for i in range(ROUNDS):
    shadowed = i
    a = [shadowed for shadowed in
         range(3)
         if shadowed]
    b = [
        shadowed
        for shadowed in range(3)
    ]
    c = [shadowed
         for shadowed
         in range(3)]
    shadowed = a
for i in range(ROUNDS):
    [a
     for a in
     (i, 2)]
    b = a
    {a: 1
     for
     a
     in b"ab" if
     a}
    b = i

# a module is no variable
for i in range(ROUNDS):
    last = sys
    b = i
    last = i
    b = last

# a class's body, and functions that know its names
for i in range(3):

    class Body:
        own = []
        names = None
        for j in range(ROUNDS):
            own = [own, j]
            k = j
            own.append(k)
            own = j
            store(k)
            if j == ROUNDS // 2:
                names = locals()
            if names:
                names["k"] = [j]
            l = k


class Shown(type):
    @classmethod
    def __prepare__(cls, name, bases):
        global prepared
        prepared = {}
        return prepared


prepared = None
for i in range(3):

    class Other(metaclass=Shown):
        of_module = prepared
        for j in range(ROUNDS):
            x = j
            of_module["x"] = [j]
            y = x

# names that are no plain texts, and dicts that are none
class Text(str):
    def __hash__(self):
        return str.__hash__(self)

    def __eq__(self, other):
        sys.modules["__main__"].compared = other
        return str.__eq__(self, other)


globals()[Text("other name")] = 1
for i in range(ROUNDS):
    a = i
    b = a
    globals()["compared"] = i
    store(b)
    c = b


class Names(dict):
    def __setitem__(self, name, value):
        dict.__setitem__(self, name, [value])
        dict.__setitem__(self, "last", value)


exec(compile("for i in range(50):\n    v = [i]\n    w = v\n    v.append(w[0] + 1)\n    x = v[1]\n", "names of another kind.py", "exec"), {}, collections.UserDict())
exec(compile("for i in range(50):\n    v = i\n    w = v\n    x = last\n", "names of a kind.py", "exec"), {}, Names())
