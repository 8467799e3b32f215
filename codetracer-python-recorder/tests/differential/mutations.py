"""Programs made at random that change objects in every way Python has: for a recorder that looks only at what has changed. Stdlib only, no recorder needed.

`python mutations.py SEED` prints one; `python mutations.py SEED KIND` one of another kind, see KINDS; `hot` is one whose few statements run many times, so that the interpreter specialises their
instructions (PEP 659), while the objects that they meet change their types. Statements that fail are part of it: their errors are caught where they happen.
"""

import random
import sys

HEAD = """\
import bisect, collections, copy, heapq, operator, threading

class Plain:
    def __init__(self, v=None):
        self.v = v
        self.w = None
    def give(self):
        return self.w
    def take(self, x):
        self.w = x
        return self
    def swap(self, other):
        self.w, other.w = other.w, self.w
    def __iadd__(self, other):
        self.v = other
        return self

class Slotted:
    __slots__ = ("v", "w")
    def __init__(self, v=None):
        self.v = v
        self.w = None
    give, take, swap = Plain.give, Plain.take, Plain.swap

class Noisy(Plain):
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        self.__dict__["count"] = self.__dict__.get("count", 0) + 1
    @property
    def grown(self):
        self.v = [self.v]
        return self.v
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.__dict__[name] = 1.5
        return 1.5

class Items(list):
    pass

class Leaves:
    def __init__(self, where):
        self.where = where
    def __del__(self):
        self.where.append("left")

SHARED = [1, [2.5]]
TABLE = {"a": SHARED}

def put(x, y):
    x.w = y
    return x

def change(items, x):
    items[0] = x
    del items[4:]
    return items

def walk(items):
    for x in items[:2]:
        items[0] = x
        yield x

def elsewhere(f):
    t = threading.Thread(target=f)
    t.start()
    t.join()
"""

HOT_HEAD = """\
import functools, random, weakref

Plain.counted = 1

class Lists:
    v, w = [1], [2]
    def give(self):
        return self.v
    take, swap = Plain.take, Plain.swap

def give(x):
    return x

def pick(items, k=0):
    return items[k]

def step(items, x):
    items[0] = x
    return 1

def hold(items):
    def inner():
        items[0] = (items, 1)
        items.append(2)
        del items[3:]
        return items
    return inner

class Kept:
    @functools.cached_property
    def kept(self):
        return [1]
    @property
    def shown(self):
        return self.v

# Code that is not recorded: what it does is seen by its effects only.
exec('''
def unseen_put(items, x):
    items[0] = x
    return items
def unseen_walk(items):
    for x in (1, 2, 3):
        items[0] = x
        yield x
def unseen_closing(items):
    try:
        yield 1
        yield 2
    finally:
        items[0] = 'closed'
def unseen_adding(items):
    return lambda *ignored: items.append(1)
def unseen_take(x, *more, y=1):
    return x
class Unseen:
    def __init__(self, items):
        self.v = items
    w = 1
    def changed(self, *ignored):
        self.v.append(1)
        del self.v[5:]
        return 0
    __len__ = __add__ = __radd__ = __getitem__ = __hash__ = __lt__ = __neg__ = changed
    def __bool__(self): return not self.changed()
    def __eq__(self, other): return bool(self.changed())
    def __contains__(self, x): return bool(self.changed())
    def __iter__(self): return iter([self.changed()])
    def __format__(self, spec): return str(self.changed())
    def __str__(self): return str(self.changed())
    def __call__(self, *ignored): return self.changed()
    give = take = swap = property(changed)
    shown = property(changed)
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        if name != "v": self.changed()
    def __del__(self):
        self.changed()
class UnseenList(list):
    def __setitem__(self, k, x):
        list.__setitem__(self, k, x)
        list.append(self, x)
        del self[6:]
    def append(self, x):
        list.append(self, [x])
''')

for kind in (Plain, Noisy, Lists):
    kind.kept, kind.shown = Kept.__dict__["kept"], Kept.__dict__["shown"]
"""

NAMES_HEAD = """\
import sys

def set_global(x):
    global t
    t = x
    return x

def delete_global():
    global t
    del t

class Late:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        globals()[self.name] = "late"

class Within:
    def __enter__(self):
        globals()["s"] = 1
    def __exit__(self, *ignored):
        globals()["s"] = 2

class Prepared(type):
    def __prepare__(name, bases):
        global prepared
        prepared = {}
        return prepared

exec('''
def unseen_set(x):
    global s
    s = x
    return x
''', globals())
"""

MIXED_HEAD = """\
import contextlib, functools, itertools

def unique(*ignored, numbers=itertools.count(1000)):
    return next(numbers)

# Code that is not recorded: what it lets die lives on, for good (the death of what is shown would be seen), and a call on the same line overwrites where __del__ ran.
exec('''
class Stays:
    def __init__(self, items):
        self.v = items
    def __del__(self):
        kept.append(self)
        self.v[0] = next(numbers)
class StaysList(list):
    __del__ = Stays.__del__
class StaysDict(dict):
    __del__ = Stays.__del__
class StaysTuple(tuple):
    __del__ = Stays.__del__
def stays_list(items, *values):
    made = StaysList(values)
    made.v = items
    return made
def stays_dict(items, **values):
    made = StaysDict(values)
    made.v = items
    return made
def stays_tuple(items, *values):
    made = StaysTuple(values)
    made.v = items
    return made
class Around:
    def __init__(self, items):
        self.v = items
    def __enter__(self):
        self.v[0] = next(numbers)
        return Stays(self.v)
    def __exit__(self, *ignored):
        self.v[0] = next(numbers)
        return True
def stays_yielding(items):
    keeps = Stays(items)
    try:
        yield keeps
        yield 2
    except ValueError:
        items[0] = next(numbers)
        yield 3
    finally:
        items[0] = next(numbers)
''', unseen := {"kept": [], "numbers": itertools.count(2000)})
for name in "Stays", "stays_list", "stays_dict", "stays_tuple", "Around", "stays_yielding":
    globals()[name] = unseen[name]
del unseen, name

def stay(x):
    return Stays(x)

def stay_list(x):
    return stays_list(x, 1, 2)

def stay_dict(x):
    return stays_dict(x, a=1, b=[2])

def stay_tuple(x):
    return stays_tuple(x, 1, 2)

def both(x, *more, y=0, **others):
    return more

def recorded(items):
    keeps = Stays(items)
    try:
        items[0] = yield keeps
        yield 2
    except ValueError:
        yield 3

def within(items):
    \"\"\"An object of a class of its own, whose methods change the list: in C, no frame is pushed.\"\"\"
    change = functools.partial(operator.setitem, items, 0)
    changes = map(change, itertools.count(5000))
    class Made:
        v = items
        given = property(change)
        __iter__ = functools.partial(map, change, (unique(), unique()))
        __getitem__ = __add__ = __neg__ = __call__ = __enter__ = functools.partial(next, changes)
        __bool__ = __contains__ = __lt__ = __eq__ = functools.partial(next, map(operator.not_, changes))
        __format__ = __str__ = functools.partial(next, map(str, changes))
        def __exit__(self, *ignored): return True
    return Made()
"""

REPLACED_HEAD = """\
import ctypes, operator, sys

G = None

# Code that is not recorded.
exec('''
import ctypes, sys
def put_local(frame, name, value):
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
''', unseen := {})
put_local = unseen["put_local"]
"""


ONCE_HEAD = """\
import contextlib, enum, functools, itertools, operator, os, sys, types

class Given(dict):
    pass

class Prepared(type):
    def __prepare__(name, bases, given=dict):
        space = given(t0=[1], t1=2)
        if given is dict:
            globals()["prepared"] = space
        return space
    def __new__(cls, name, bases, space, given=dict):
        return type.__new__(cls, name, bases, dict(space))
    def __init__(self, *ignored, **given):
        pass

class Within:
    def __enter__(self):
        globals()["t1"] = [1]
        return self
    def __exit__(self, *ignored):
        globals()["t2"] = 2
        return True

class Late:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        globals()[self.name] = "late"

def set_global(x):
    global t3
    t3 = x
    return x

def change_caller(name, x):
    sys._getframe(1).f_locals[name] = x
    return x

exec('''
def unseen_set(x):
    global t4
    t4 = x
    return x
def unseen_move(space, name):
    space[name] = space.pop(name, 1)
    return space
''', globals())
"""


ELEMENTS_HEAD = """\
import itertools

class Place(int):
    def __index__(self):
        return 1

class Key(int):
    \"\"\"Changes what is looked up in when it is compared.\"\"\"
    def __hash__(self):
        return int(self)
    def __eq__(self, other):
        changed[0][int(self) + 1] = [other]
        return int(self) == other

class Text(str):
    __hash__ = str.__hash__
    def __eq__(self, other):
        changed[0][0] = [other]
        return str.__eq__(self, other)

# Code that is not recorded: objects whose end runs a function in C, and such as stay.
exec('''
def tells(seen):
    return type("Tells", (), {"__del__": seen.clear})()
class Stays:
    def __init__(self, items):
        self.v = items
    def __del__(self):
        kept.append(self)
        self.v[0] = next(numbers)
def stay(items):
    return Stays(items)
''', unseen := {"kept": [], "numbers": itertools.count(2000)})
tells, stay = unseen["tells"], unseen["stay"]
changed = [[]]
"""


def replacers():
    """Functions that replace what their caller has, and have shorter and longer frames than what runs as that dies."""
    for size in REPLACERS:
        longer = f"    if put_local is None: {' = '.join(f'v{i}' for i in range(size))} = 0\n" if size else ""
        for kind, change in {
            "local": "put_local(sys._getframe(1), name, value)", "global": "globals()['G'] = value", "element": "shown[1] = value", "attribute": "name.w = value", "nothing": "pass",
            "local_in_c": "operator.setitem(sys._getframe(1).f_locals, name, value)", "later": "put_local(sys._getframe(2), name, value)",
        }.items():  # fmt: skip
            yield f"def {kind}_{size}(shown, name, value, given=1):\n    {change}\n{longer}    return given\n"
        yield f"def through_{size}(shown, name, value, given=1):\n    later_{size}(shown, name, value)\n{longer}    return given\n"


REPLACERS = [0, 6, 24]

OBJECTS, LISTS, DICTS = ["a", "b", "c", "d"], ["l", "m", "n", "o"], ["p", "q", "r"]
IN_CLASS = "class Body:\n    global t3, n1, n9, n20\n"


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, names):
        return self.random.choice(names)

    def value(self, depth=0):
        o, l, d, n = self.pick(OBJECTS), self.pick(LISTS), self.pick(DICTS), self.random.randrange(400)
        simple = [str(n), f"{n}.25", f"'text {n}'", f"'x' * {n % 7 + 1}", f"10 ** {n % 30}", "None", "True", f"b'{n}'", f"{n}j"]
        names = [o, l, d, "SHARED", f"{o}.w", f"{o}.v", f"{l}[{n % 3}]", f"{d}.get('a')", f"{o}.give()"]
        made = [
            "Plain(1)", "Slotted(2.5)", "Noisy('n')", "[]", "[1, [2]]", "{}", "{'k': [1]}", "(1, [2], 3)", "(4, 5.5)", "{1, 2}", "frozenset((1.5, 'f'))",
            "Items([1])", "collections.deque([1, 2], 3)", "collections.OrderedDict(k=1)", "collections.defaultdict(list)", f"Leaves({l})", "range(3)",
            "bytearray(b'xy')", f"copy.copy({o})", f"list({l})", f"dict({d})", f"({o}, {l})",
        ]  # fmt: skip
        return self.pick([self.pick(simple), self.pick(names), self.pick(names), self.pick(made)])

    def statement(self):
        o, u, l, m, d, n = self.pick(OBJECTS), self.pick(OBJECTS), self.pick(LISTS), self.pick(LISTS), self.pick(DICTS), self.random.randrange(3)
        x, y = self.value(), self.value()
        return self.pick([
            f"{o}.v = {x}", f"{o}.w = {x}", f"{o}.w.v = {x}", f"{o}.w[0] = {x}", f"{o}.new{n} = {x}", f"del {o}.v", f"del {o}.w", f"{o}.v += 1", f"{o}.w += [5]",
            f"{o} += 3", f"{o}.swap({u})", f"{o}.take({x}).v = {y}", f"{o}.grown", f"{o}.missing{n}", f"setattr({o}, 'v', {x})", f"vars({o})['v'] = {x}",
            f"s = {o}.__dict__", f"s['v'] = {x}", f"s.clear()", f"{o}.__dict__ = {{'v': {x}, 'w': 1}}", f"{o}.__class__ = Noisy", f"{o}.__class__ = Plain",
            f"{l}[{n}] = {x}", f"{l}[k] = {x}", f"{l}[{n}][0] = {x}", f"{l}[k].w = {x}", f"{l}.append({x})", f"{l}.insert(0, {x})", f"{l}.pop()", f"{l} += [{x}]",
            f"{l}[{n}] += 1", f"{l}.extend({m}[:2])", f"{l}[1:2] = [{x}]", f"del {l}[0]", f"del {l}[5:]", f"{l}.reverse()", f"{l}.sort(key=id)",
            f"{l}.sort(key=lambda z: {m}.append(z) or id(z))", f"{l} *= 1", f"{l}.clear()", f"{l}[0], {m}[1] = {x}, {y}", f"{l}[0] = None; {l}[0] = [{n}]",
            f"operator.setitem({l}, 0, {x})", f"bisect.insort({l}, {x}, key=id)", f"heapq.heappush({l}, {n})", f"list(map({l}.append, (1, 2)))",
            f"change({l}, {x})[0] = {y}", f"for z in walk({l}): s = z", f"s = [z for z in walk({l})]", f"s = list(walk({l}))", f"for z in map({l}.append, (1, 2)): pass",
            f"{d}['a'] = {x}", f"{d}[k] = {x}", f"{d}['a'].w = {x}", f"{d}['z{n}'] = {x}", f"{d}.pop('z{n}', 0)", f"{d}['a'] += [1]", f"{d}.update(a={x})",
            f"{d} |= {{'a': {x}}}", f"{d}['a'] = {d}.pop('a')", f"{d}.setdefault('z{n}', []).append({x})", f"{d}.clear()", f"{d}.popitem()", f"{d}[{x}] = {y}",
            f"put({o}, {x}).v = {y}", f"{o} = {self.pick(['Plain(1)', 'Slotted(2)', 'Noisy(3)', u])}", f"{l} = {self.pick([m, '[1, 2, 3, 4]', f'list({m})', f'{m}[:]'])}",
            f"{d} = {self.pick([self.pick(DICTS), '{{}}', f'dict({d})'])}", f"k = {n}", "k = (k + 1) % 3", f"s = {x}; s = None", f"s = ({x}, {y})", f"SHARED.append({x})",
            f"SHARED[0] = {x}", f"TABLE['a'] = {x}", f"{l} = SHARED", f"{d} = TABLE", f"exec('x.v = 5', {{'x': {o}}})", f"exec('x[0] = 5.5', {{'x': {l}}})",
            f"elsewhere(lambda: {l}.append({x}))", f"elsewhere(lambda: setattr({o}, 'w', {x}))", f"copy.copy({o}).w = {x}", f"e = (lambda: {l}.append({x}))", "e()",
            f"{o}.v, {o} = {x}, Plain(9)", f"{o}.w = {u}; {o}.w.v = 3", f"{o}.v = None; {o}.v = {n}.5", f"{l}[0] = None; {l}[0] = 'text ' + str({n})",
            f"s = collections.deque({l}, 4); s.append({x}); s.rotate(1)", f"s = set(map(id, {l})); s.add({n}); s.discard({n})",
        ])  # fmt: skip

    def program(self):
        out = [
            HEAD, "def run():",
            "    a, b, c, d = Plain(), Slotted(), Noisy(3), Plain(a1 := [1.5])", "    l = [1, a, [2], 'x']; m = [b, c, 3, l]; n = Items([l, m, 1]); o = [a1]",
            "    p = {'a': a, 0: 1, 1: 2, 2: 3}; q = {'a': l, 0: 1}; r = {}", "    k = 0; s = {}; e = len",
        ]  # fmt: skip
        for _ in range(120):
            out += ["    try:", "        " + self.statement(), "    except Exception: pass"]
            if self.random.random() < 0.06:
                out += ["    for j in range(3):", "        try:", "            " + self.statement(), "            " + self.statement(), "        except Exception: pass"]
        return "\n".join(out) + "\n    return None\n\nrun()\nSHARED = None\n"


    def quiet_statement(self):
        """One that changes nothing, as long as the objects are what they seem."""
        o, u, l, d, n = self.pick(OBJECTS), self.pick(OBJECTS), self.pick(LISTS), self.pick(DICTS), self.random.randrange(3)
        return self.pick([
            f"s = {o}.v", f"s = {o}.w", f"s = {l}[k]", f"s = {l}[{n}]", f"s = {d}['a']", f"s = {d}[k]", f"s = {l}[k].w", f"t = {o}.v == {u}.v", f"t = {o} is {u}",
            f"t = k in {d}", "t = k + 1", "t = t and not s", f"t = len({l})", f"t = len({o}.v)", "t = k * 2 - 1", "t = 1.5 * k", f"if {o}.v: t = 1", f"if s: t = {n}",
            f"while t and {o}.v: t = 0", f"s, t = {l}[0], {l}[1]", f"s, t = {o}.w", f"t = str(k) + 'x'", f"t = f'{{k}} {{{o}.v}}'", f"for s in {l}: t = s",
            f"for t in {o}.v: s = 1", f"for s in {d}.items(): t = s", f"for t in zip({l}, {l}): s = t", f"for s in enumerate({l}):\n            t = s", f"t = give({o})", f"t = {o}.give()",
            f"t = give(give({o}))", f"t = {o}.give() == {u}.give()", f"t = give({l}[0])", f"t = {l}[0:2]", f"t = (k, {o}.v)", f"t = [{o}, k]", f"t = {o}.shown", f"t = give({o}.shown)",
            "t += s", "t += k", "s += t", f"t = f({o})", "t = f(k)", f"t = {l}[k] + k", f"t = {o}.counted", f"t = dd['a']", "t = dd[k]", f"t = {d}[k] == {d}[0]", "t = f(f(k))", "f(give(k))",
            f"t = pick({l}, k)", f"t = pick({l}, k=1)", f"t = cell()", f"t = {d}.get(k)", f"t = {o}.v + {u}.v", f"t = -k", f"t = s[1]", f"t = t[0]", f"t = k if {o}.v else s",
        ])  # fmt: skip

    def hot_statement(self):
        o, u, l, m, d, n = self.pick(OBJECTS), self.pick(OBJECTS), self.pick(LISTS), self.pick(LISTS), self.pick(DICTS), self.random.randrange(3)
        x = self.pick(["k", "j", "s", "t", "1.5", "[j]", "(j, [k])", o, u, l, "{}", "'x' * k", "Plain(j)", "None"])
        return self.pick([
            f"{o}.v = {x}", f"{o}.w = {x}", f"{o}.v = {u}.v", f"{o}.v += 1", f"{l}[k] = {x}", f"{l}[{n}] = {x}", f"{l}.append({x})", f"{d}['a'] = {x}", f"{d}[k] = {x}",
            f"{o}.w.v = {x}", f"{o}.v[0] = {x}", f"{o}.v.append({x})", f"{o}.v.data.append({x})", f"{l}[0].v = {x}", f"{l}[k].append({x})", f"put({o}, {x})", f"put({o}, {x}).v = k",
            f"{o}.take({x})", f"{o}.swap({u})", f"{o}.v, {o} = {x}, {u}", f"{o}.v = {x}; {o}.v = k", f"{l}[k], k = {x}, 0", f"{l}[0] = {l}[1] = {x}", f"{o}.v = {o}.w = {x}",
            f"change({l}, {x})", f"give(change({l}, {x}))", f"put({o}, change({l}, {x}))", f"random.shuffle({l})", f"give(random.shuffle({l}))", f"u.append({x})", "u.pop()", f"give(u.append({x}))",
            f"put({o}, u.append({x}))", f"u[0] = {x}", f"t = u.data", f"{o}.v = u.data", f"{o}.grown", f"give({o}.grown)", f"t = {o}.kept", f"put({o}, {o}.kept)", f"del {o}.kept",
            f"step({l}, {x})", f"t = step({l}, {x}) + step({m}, 1)", f"t = next(g)", "g = walk(l)", "for t in g: s = 1", "for t in heap: s = 1", f"heap = heapq.merge({l}, {m})",
            f"unseen_put({l}, {x})", f"t = give(unseen_put({l}, {x}))", f"t = give(unseen_take(unseen_put({l}, {x})))", f"for t in unseen_walk({l}): s = t", f"g = unseen_walk({l})",
            f"s, t, k = unseen_walk({l})", f"t = give(s, unseen_put({l}, k))", f"{o} = Unseen({l})", f"s = Unseen({l})", f"t = Unseen({l})", f"k = Unseen({l})", f"{l} = UnseenList({l})",
            f"give(Unseen({l})).v", f"Unseen({l}).v", f"t = {l}[Unseen({l})]", f"t = Unseen({m}) + 1", f"{o}.v = Unseen({l})", f"{d}[1] = Unseen({l})", f"{l}[1] = Unseen({m})",
            f"f = {l}.append", f"f = {l}.pop", "f = give", f"f = {d}.setdefault", "f = len", f"f = functools.partial(bisect.insort, {l})", f"t = {l}", "s = [k]", "t = k", f"s = {l}", f"t = {l}[:2]",
            f"w = weakref.ref(Plain(1), {l}.append)", f"t = Plain(1); w = weakref.ref(t, {l}.append)", "t = None", f"s = Slotted([1])", f"for s in unseen_closing({l}): break", f"s = unseen_closing({l}); next(s)",
            f"w = weakref.ref(Plain(1), unseen_adding({l}))", f"t = Plain(1); w = weakref.ref(t, unseen_adding({l}))", f"{o}.__dict__ = {u}.__dict__", f"Plain.counted = property(functools.partial(list.append, {l}))",
            "Plain.counted = 5", f"dd = {{'a': 1, 0: 1, 1: 2, 2: 3}}", f"{d} = collections.defaultdict(list, a=1)",
            f"t = collections.Counter(a=1)['b']", f"t = dd[j]", f"t = k in dd", f"dd = collections.defaultdict(lambda: {l}.append(1) or 5)", f"dd = collections.defaultdict(list)",
            f"r = vars({o})", f"r['v'] = {x}", f"{o}.__dict__['v'] = {x}", f"e = (lambda: {l}.append({x}))", "e()", "give(e())", f"s = Leaves({l})", "s = None", f"give(Leaves({l}))",
            f"del {l}[6:]", f"{l} = list({m})", f"{l} = [1, a, [2], 3]", f"{l}, {m} = {m}, {l}", f"{o}, {u} = {u}, {o}", f"{o} = {self.pick(['Plain([1])', 'Slotted(2)', 'Noisy([3])', 'Lists()'])}",
            f"{d} = dict(a={x})", "k = (k + 1) % 3", "k = j % 3", f"exec('x.v = j', {{'x': {o}, 'j': j}})", f"elsewhere(lambda: {l}.append({x}))", f"t = hold({l})", "t()", "give(t())",
            f"{l}[(k + 1) % 3].v = {x}", f"{l}[k - j % 2][0] = {x}", f"{l}[-1].w = {x}", f"{o}.v[k].v = {x}", f"{l}[k][{n}] = {x}", f"{d}['a'].v = {x}", f"{l}[k].v, k = {x}, 0",
            f"k = j % 3; {l}[k].v = {x}", f"{l}[{n}] = {u}; {l}[{n}].v = {x}", f"{l}[k], {l}[k].v = {u}, {x}", f"{l}[1], {m}[0] = {m}[0], {l}[1]; {l}[1].v = {x}", f"{l}[0].w.v = {x}",
            f"{l}.append({o}); {l}[-1].v = {x}", f"give({l}[k] is change({l}, {x}), {m})", f"{l}[0][k].append({x})", f"t = {{'a': {o}, 'b': {l}}}; t['a'].v = {x}; t['b'][k] = {x}",
            f"{l}[k * 2 // 3].v = {x}", f"t = {l}[k]; t.v = {x}", f"t = {l}[k]; {l} = {m}; t.v = {x}", f"{l}[1][1][0] = {x}", f"{l}[k] = {l}[1 - k]; {l}[k].v = {x}",
        ])  # fmt: skip

    def hot_program(self):
        out = [
            HEAD, HOT_HEAD, "def run(rounds):", "    a, b, c, d = Plain([1]), Slotted([2]), Noisy(3), Plain(a1 := [1.5])", "    l = [1, a, [2], 'x']; m = [b, c, 3, l]; n = [l, m, 1]; o = [a1, 2, 3]",
            "    p = {'a': a, 0: 1, 1: 2, 2: 3}; q = {'a': l, 0: 1}; r = {}; u = collections.UserList([1, 2]); heap = g = iter(()); dd = {}",
            "    k = 0; s = t = None; e = hold(l); f = give", "    def cell():", "        return k", "    for j in range(rounds):",
        ]  # fmt: skip
        out += self.hot_lines(self.hot_statement)
        return "\n".join(out) + "\n\nfor j in range(8):\n    try: run(40)\n    except Exception: pass\n"

    def hot_lines(self, statement):
        """In a loop of j, two levels deep."""
        out = []
        for _ in range(self.random.randrange(4, 12)):
            line = self.quiet_statement() if self.random.random() < 0.6 else statement()
            if self.random.random() < 0.15:
                line = f"if j % {self.random.randrange(2, 30)} == 1:\n                {statement()}"
            out += ["        try:", "            " + line.replace("\n            ", "\n                "), "        except Exception: pass"] if self.random.random() < 0.5 else ["        " + line]
        return out

    def name_statement(self):
        """One that stores or changes names of a module or class body, by itself or by way of others."""
        if self.random.random() < 0.5:
            return self.hot_statement()
        x = self.pick(["k", "j", "s", "[j]", self.pick(OBJECTS), self.pick(LISTS), "'x' * k", "None", "sys"])
        o, l, name = self.pick(OBJECTS), self.pick(LISTS), self.pick(["t", "s", "fresh", "k"])
        return self.pick([
            f"{name} = {x}", f"{name} = {x}; {name} = k", f"del {name}", f"fresh = {x}", f"set_global({x})", f"t = set_global({x})", f"give(set_global({x}))", f"unseen_set({x})", f"t = give(unseen_set({x}))", "r = prepared", "delete_global()",
            f"globals()[{name!r}] = {x}", f"locals()[{name!r}] = {x}", "r = globals()", "r = locals()", f"r[{name!r}] = {x}", f"exec('{name} = j', globals())", f"exec('{name} = [j]')",
            f"exec('t = [x]; x.append(t)', {{'x': {l}}})", f"{o}.__dict__ = globals()", f"{o}.__dict__ = locals()", f"{o}.t = {x}", f"exec('t = 1; v = [t]', {o}.__dict__)", f"{o}.__dict__ = dict(v=[1], w=2)",
            f"t = [t for t in {l}]", f"t = {{j: {x} for j in range(2)}}", "import bisect as fresh", "from bisect import insort as t", f"def t(v={x}): return v", "t()", f"class t: v = {l}; w = {x}",
            f"t = {{'a': {x}, k: {l}}}", f"t = {{1, 2, 3}}; s = [1, 2, 3]", f"setattr(sys.modules['__main__'], {name!r}, {x})", f"t = Late({name!r})", "s = Late('k')", "t = s = None",
            f"for {name} in {l}: s = {name}", f"with Plain.__new__(Within): t = {x}", f"vars(sys.modules['__main__']).update({name}={x})", f"assert {o}", "t: int = j", f"password = str(j) * 9; t = password",
        ])  # fmt: skip

    def names_program(self):
        # Where the attributes of something shown lie in a dict, as a Noisy's and a class method's do, no line that stores a name is taken for quiet.
        without_dict = "Noisy(3)" if self.random.random() < 0.3 else "Slotted(3)"
        out = [
            HEAD, HOT_HEAD, NAMES_HEAD, self.pick(["if True:", "class Body:", "class Body(metaclass=Prepared):"]), f"    a, b, c, d = Plain([1]), Slotted([2]), {without_dict}, Plain(a1 := [1.5])",
            "    l = [1, a, [2], 'x']; m = [b, c, 3, l]; n = [l, m, 1]; o = [a1, 2, 3]", "    p = {'a': a, 0: 1, 1: 2, 2: 3}; q = {'a': l, 0: 1}; r = {}",
            "    u = collections.UserList([1, 2]); heap = g = iter(()); dd = {}", "    k = 0; s = t = None; e = hold(l); f = give", "    def cell(): return 1", "    for j in range(40):",
        ]  # fmt: skip
        lines = [part.replace("\n", "\n        ") for part in self.hot_lines(self.name_statement)]
        out[-1:] = ["    for i in range(8):", "        try:", "            for j in range(40):", *("        " + line for line in lines), "        except Exception: pass"]
        return "\n".join(out) + "\n"

    def iterator(self):
        """One that changes a list when it is stepped, most of them in C."""
        l, m = self.pick(LISTS), self.pick(LISTS)
        change = f"functools.partial(operator.setitem, {l}, 0)"
        return self.pick([
            f"map({change}, (j, k))", f"map({l}.append, (1, 2))", f"filter({change}, (j, k))", f"filter({l}.append, (1, 2))", f"zip(map({change}, (j, k)), {m})", f"enumerate(map({change}, (j, k)))",
            f"itertools.starmap({l}.__setitem__, [(0, j), (0, k)])", f"itertools.chain({m}, map({change}, (j, j)))", f"itertools.takewhile(lambda x: 1, map({change}, (j,)))", f"iter({l}.pop, j)", f"reversed({l})",
            f"itertools.accumulate((j, k), {l}.__setitem__)", f"itertools.islice(map({change}, (j, k)), 2)", f"recorded({l})", f"stays_yielding({l})", f"walk({l})", f"(x for x in {m})", f"within({l})",
            f"itertools.groupby({m}, key={change})", f"map(unique, {m})", f"(stay(x) for x in ({l}, {m}))", f"map(stay, ({l}, {m}))", f"iter({m})", f"{m}", "g", "g",
        ])  # fmt: skip

    def temporary(self, depth=2):
        """An expression that makes something, most of it held by nothing else."""
        chance = self.random.random()
        l, o, d = self.pick(LISTS), self.pick(OBJECTS), self.pick(DICTS)
        if depth < 2 and (depth == 0 or chance < 0.5):
            return self.pick(["k", "j", "s", "t", "1", "None", "'x'", "1.5", "(1, 2, 3)", l, o, d])
        if chance < 0.75:
            return self.pick([f"stay({l})", f"stay({l})", f"stay_list({l})", f"stay_dict({l})", f"stay_tuple({l})", f"give(stay({l}))", f"[stay({l})]", f"Stays({l})", f"Plain(stay({l}))", f"within({l})"])
        x, y, z = (self.temporary(depth - 1) for _ in range(3))
        i, key = self.iterator(), self.pick(["k", "1", "'a'", "j"])
        displays = [
            f"{{1: {x}, 1: {y}}}", f"{{{key}: {x}, {key}: {y}}}", f"{{{key}: {x}, {key}: {y}, 'z': {z}}}", f"{{'a': {x}, 'b': {y}, 'a': {z}}}", f"{{**{d}, {key}: {x}}}", f"{{{key}: {x}, **{d}}}", f"{{**stay_dict({l})}}",
            f"[*{i}, {x}]", f"[{x}, *{i}]", f"[*{x}]", f"(*{i}, {x})", f"{{*{i}}}", f"{{{x}, {y}}}", f"[{x}, {y}]", f"({x}, {y})", "[1, 2, 3, 4]", "{1, 2, 3}", f"[*(1, 2, 3), {x}]", f"[*({x} if {y} else (1, 2, 3))]",
        ]  # fmt: skip
        calls = [
            f"both(*{i})", f"both({x}, *{i})", f"both(1, **stay_dict({l}))", f"both({x}, y={y})", f"both(*{x}, **{{'z': {y}}})", f"both({x}, *stay_list({l}))", f"both({x}, {y})", f"give({x}, )", f"put({o}, {x})", f"len([{x}])", f"len({x})", f"str({x})",
            f"tuple({x})", f"type({x})", f"list({i})", f"dict(a={x})", f"(lambda v={x}: v)()", f"(lambda: {x})", f"next({i}, 0)", f"Plain({x}).give()", f"put(Plain({x}), {y}).w",
        ]  # fmt: skip
        parts = [
            f"stay_list({l})[0:1]", f"stay_list({l})[:]", f"stay_tuple({l})[k:]", f"({x})[0:2]", f"[{x}, {y}][0:1]", f"[{x}, {y}][k]", f"({x}, {y})[0]", f"[{x}][0]", f"{{1: {x}, 2: {y}}}[1]", f"{{{key}: {x}}}[{key}]", f"{l}[k]",
            f"stay({l}).v", f"Plain({x}).v", f"within({l}).v", f"within({l}).given", f"stay({l}).v[0]", f"({x}, {y})[1:]", f"[{x}, {y}][k:k]",
        ]  # fmt: skip
        compared = [
            f"({x} == {y})", f"({x} is {y})", f"({x} in [{y}])", f"({x} not in ({y}, {z}))", f"(k in {{k: {x}}})", f"([{x}] == [{y}])", f"(k < j < {x})", f"({x} != {y})", f"(stay({l}) is None)", f"(k in {{j, {x}}})", f"k + ({x})", f"-({x})",
            f"f'{{{x}}}'", f"f'{{k}}{{{x}!r}}'",
        ]  # fmt: skip
        ways = [
            f"({x} if {y} else {z})", f"({x} if k else {y})", f"({x} and {y})", f"({x} or {y})", f"(not {x})", f"[{x} if k else {y}, {z}]", f"{{k: {x} if j % 2 else {y}, k: {z}}}", f"(t := {x})", f"[s := {x}, {y}]", f"give(t := {x})",
            f"[{x} for x in {i}]", f"[x for x in {l}]", f"{{k: x for x in {i}}}", f"[y for x in {i} if k for y in ({x}, 1)]", f"[x for x in {x}]", f"[1 for _ in {i} if {x}]",
        ]  # fmt: skip
        return self.pick(self.pick([displays, displays, calls, parts, compared, ways]))

    def mixed_statement(self):
        x, y, l, o, i = self.temporary(), self.temporary(), self.pick(LISTS), self.pick(OBJECTS), self.iterator()
        if self.random.random() < 0.5:
            return self.pick([f"give({x})", f"both({x}, {l})", f"both({x}, {y})", f"t = both({x}, {l})", f"t = give({x}) is {l}", f"put({o}, {x})", f"give({x}); give({y})", f"{o}.take({x})"])
        return self.pick([
            f"t = {x}", f"t = {x}; s = {y}", f"s, t = {x}, {y}", f"s, t = {i}", f"s, *t = {i}", f"[s, t] = [{x}, {y}]", f"{l}[0] = {x}", f"{o}.v = {x}", f"{x}", f"del t; t = {x}", f"t = s = {x}", "t = None", "s = t", f"t = {l}",
            f"g = {i}", "t = next(g)", "g.close()", "t = g.throw(ValueError)", "t = g.send(j)", f"g = {self.pick(['recorded', 'stays_yielding'])}({l}); t = next(g)", "g = iter(()); give(k)", "give(next(g, 0))", f"both(g.close(), {l})",
            f"for t in {i}: s = t", f"for t in {i}: give(t)", f"for s, t in {i}: pass", f"for s in ({x}, {y}): give(s)", f"for s in {x}: t = s", f"for t in {i}: break", f"for t in {i}:\n    if k: continue\n    s = t\nelse:\n    give(t)",
            f"while {x}:\n    t = {y}\n    break", f"if {x}: give({y})", f"if {x} and {y}: t = 1\nelse: give(s)", f"assert {x}", f"assert {x}, {y}", f"while (t := {x}) and k: break",
            f"match {x}:\n    case [s, *t]: give(s)\n    case {{'a': t}}: s = t\n    case Plain(v=t): give(t)\n    case _: s = {y}", f"match ({x}, k):\n    case (Stays(v=t), 0): s = 1\n    case (t, 1 | 2) if give(t): s = 2\n    case _: t = s",
            f"match {i}:\n    case [1, 2]: t = 1\n    case t: give(t)", f"with Around({l}) as t: s = {x}", f"with Around({l}), Around({self.pick(LISTS)}) as t:\n    give({x})\n    t = 1 / 0", f"with within({l}) as t: s = {x}",
            f"with contextlib.suppress(Exception):\n    t = {x}\n    give({y})", f"with contextlib.closing(stays_yielding({l})) as g: t = next(g)", f"with contextlib.closing(g): t = {x}", f"with contextlib.ExitStack() as t:\n    t.callback({l}.append, j)\n    s = {x}",
            f"try: t = {x}\nfinally: give({y})", f"try:\n    t = {x}\n    t = s.missing\nexcept AttributeError as s: give(s)\nfinally:\n    t = {y}", f"try: raise ValueError({x})\nexcept ValueError as t: s = t.args\nelse: give(1)",
            f"exec('t = x; x[0] = unique()', {{'x': {l}, 'unique': unique}})", f"exec('t = [*x]', {{'x': {i}}})", f"exec('give(t)', {{'give': give}}, {{'t': {x}}})", f"eval('x[0]', {{'x': {x}}})", f"def f(v={x}): return v", "t = f()", f"f = lambda *v: {x}", "give(f())",
            f"class t:\n    v = {x}\n    def w(self): return {y}", f"t = t().w()", f"{l}, t = {l}[:5], {x}", f"del {l}[6:]", f"{l} = [1, a, [2], 3]", "k = (k + 1) % 3", "k = j % 3", f"t = {l}[0]; {l}[0] = t", f"t += {x}", f"t = give; t({x})",
        ])  # fmt: skip

    def mixed_program(self):
        """In a function, a module, a class's body (of a function, or whose names are the module's), or run by exec with dicts of its own."""
        names = "a, b, c, d, l, m, n, o, p, q, r, k, s, t, g, f, dd, u, heap, e, w"
        made = [
            "a, b, c, d = Plain([1]), Slotted([2]), Noisy(3), Plain(a1 := [1.5])", "l = [1, a, [2], 'x']; m = [b, c, 3, l]; n = [l, m, 1]; o = [a1, 2, 3]", "p = {'a': a, 0: 1, 1: 2, 2: 3}; q = {'a': l, 0: 1}; r = {}",
            "u = collections.UserList([1, 2]); heap = g = iter(()); dd = {}", "k = j = 0; s = t = w = None; e = hold(l); f = give", "def cell(): return 1",
        ]  # fmt: skip
        body = []
        for _ in range(self.random.randrange(3, 9)):
            chance = self.random.random()
            line = (self.quiet_statement() if chance < 0.2 else self.hot_statement() if chance < 0.3 else self.mixed_statement()).replace("\n            ", "\n    ")
            if self.random.random() < 0.1:
                line = f"if j % {self.random.randrange(2, 10)} == 1:\n{indented(line)}"
            body.append(f"try:\n{indented(line)}\nexcept Exception: pass")
        loop = "for i in range(4):\n    for j in range(20):\n" + indented(indented("\n".join(body)))
        whole = "\n".join(made) + "\n" + loop
        place = self.random.randrange(6)
        if place == 0:
            program = whole
        elif place == 1:
            program = f"class Body:\n    global {names}, j\n{indented(whole)}"
        elif place == 2:
            program = f"def run():\n{indented(chr(10).join(made))}\n    class Body:\n        nonlocal {names}, j\n{indented(indented(loop))}\nrun()"
        elif place == 3:
            own = self.pick(["", ", {}", ", collections.ChainMap({})", ", collections.defaultdict(list)", ", collections.OrderedDict()"])
            program = f"exec(compile({whole!r}, __file__, 'exec'), dict(globals()){own})"
        elif place == 4:
            program = f"def run():\n{indented(whole)}\n    yield t\nfor x in run(): pass"
        else:
            program = f"def run():\n{indented(whole)}\nrun()"
        return f"{HEAD}{HOT_HEAD}{MIXED_HEAD}\n{program}\n"

    def replacing_lines(self, constants):
        """Something is made and held by a variable, a global, an element, an attribute; then a line loads it, calls a function that replaces it, and goes on."""
        l, o, m = self.pick(LISTS[:2]), self.pick("ad"), self.pick(LISTS[:2])
        value = f"stay({l})" if self.random.random() < 0.4 else self.pick([f"stay_list({l})", f"stay_dict({l})", f"stay_tuple({l})", f"within({l})", f"within({l})", "[1, 2]", "Plain(1)", "Plain([1])", "k", "(1, [2])", "{1: 1, 0: [2]}", l, o])
        lasting = self.pick(["", "", "lasting = "])
        place, name, kind = self.pick([("x", "'x'", "local"), ("x", "'x'", "local"), ("x", "'x'", "local_in_c"), ("x", "'x'", "through"), ("G", "0", "global"), (f"{l}[1]", "0", "element"), (f"{o}.w", o, "attribute"), ("c", "'c'", "local")])
        if self.random.random() < 0.1:
            kind = "nothing"
        if self.random.random() < 0.15:
            loaded = f"'constant {len(constants)}'"
            constants.append(value)
        else:
            loaded = place
        new = "None" if self.random.random() < 0.3 else self.pick(["1", "k", "[j]", "[3, 4]", "Plain(2)", "Plain([2])", l, m, o, "(1, 2)", place, f"stay({m})", "{1: 2}"])
        given = self.pick(["", "", ", k", ", None", f", {l}", ", [1]", f", stay({l})"])
        f = f"{kind}_{self.pick(REPLACERS)}({l}, {name}, {new}{given})"
        released = [f"give({loaded} is {f})", f"both({loaded} is {f}, {l})", f"both({loaded} is not {f}, k)", f"{place}.append({f})", f"{place}.v += {f}", f"t = {loaded} == {f}", f"t = {loaded}[{f}]"]
        line = self.pick(released if self.random.random() < 0.5 else [
            f"both({loaded} is {f}, {l})", f"give({loaded} is {f})", f"both({loaded} is {f}, {l})", f"both({loaded} is {f}, {l}, k)", f"both({loaded}, {f})", f"t = {loaded} is {f}", f"{loaded}.append({f})", f"{place}.v = {f}", f"{place}.v += {f}", f"{place}[0] += {f}", f"{place}[0] = {f}", f"{place}[{f}] = k",
            f"t = {loaded} == {f}", f"t = {loaded} + {f}", f"t = {loaded}[{f}]", f"t = {loaded} < {f}", f"give([{loaded}, {f}][1])", f"both(({loaded}, {f})[1], {l})", f"t = f'{{{loaded}}}{{{f}}}'", f"give({loaded}) is {f}", f"t = {{k: {loaded}, k: {f}}}",
            f"give({loaded} if {f} else k)", f"give({loaded} and {f})", f"t = {loaded}.take({f})", f"t = {loaded}.give() is {f}", f"t = {loaded} in [{f}]", f"t = {f} in {loaded}", f"t = {loaded}[{f}:]", f"for t in {loaded}, {f}: give(t)", f"t, s = {loaded}, {f}", f"{place}.v, t = {f}, k",
            f"both(None is {loaded} is {f}, {f})", f"give([{loaded} is {f} for x in ({loaded}, {l})])", f"t = [x.append({f}) for x in ({l}, {m})]", f"both(({loaded} is {f}, {place} is {f}, {loaded}), {f})", f"if {loaded} is {f}: give(k)", f"both({loaded}.v is {f}, {l})", f"give(not ({loaded} is {f}))",
            f"t = {loaded}({f})", f"t = -{loaded} is {f}", f"t = [*{loaded}, {f}]", f"both(*{loaded}, {f})", f"t = len({loaded}) + {f}", f"give({loaded} is not {f}); {l}.append(k); del {l}[5:]",
        ])  # fmt: skip
        return f"try:\n    {place} = {lasting}{value}\n    {line}\nexcept Exception: pass"

    def replaced_program(self):
        """In a function, a generator, or a module; some with constants that no compiler makes."""
        constants = []
        lines = [self.replacing_lines(constants) for _ in range(self.random.randrange(3, 8))]
        made = [
            "a, b, d = Plain([1]), Slotted([2]), Plain(a1 := [1.5]); c = None", "l = [1, 2, [2], 'x']; m = [b, 2, 3, l]", "k = 1; s = t = x = lasting = None",
        ]  # fmt: skip
        loop = "for j in range(24):\n" + indented("\n".join([*lines, "l[4:] = []; m[4:] = []"]))
        whole = "\n".join([*made, loop])
        place = self.random.randrange(4)
        if place == 0 and not constants:
            program = whole
        else:
            cell = "    def cell(): return c\n"
            ways = {"": "run()", "    yield 1\n": "for _ in run(): pass"}
            last = self.pick(list(ways))
            program = f"def run():\n    global G\n{cell}{indented(whole)}\n{last}"
            if constants:
                program += f"\nl = [1, 2, [3]]; m = [2, 3, l]; k = 1; a, d = Plain(1), Plain([2])\nmade = {{{', '.join(f'{chr(39)}constant {i}{chr(39)}: {value}' for i, value in enumerate(constants))}}}"
                program += "\nrun.__code__ = run.__code__.replace(co_consts=tuple(made.get(x, x) if type(x) is str else x for x in run.__code__.co_consts))"
            program += f"\n{ways[last]}"
        return f"{HEAD}{HOT_HEAD}{MIXED_HEAD}{REPLACED_HEAD}{''.join(replacers())}\n{program}\n"

    def place(self):
        n = self.random.randrange(8)
        return self.pick(["i", "i", "j % 8", "k", str(n), f"(i + {n}) % 8", f"i * {n} % 7", f"j - {n}", "i & 3", "-1", f"-i % {n + 1}", "i // 2", "k + k", f"len(l) - {n + 1}", "1.0", "True", "Place(2)", f"{n} + 2 ** 40 - 2 ** 40", "a.w"])

    def key(self):
        return self.pick(["'a'", "'b'", "key", "key", "names[i % 4]", "names[k]", "'a' + ''", "key + 'x'", "str(j % 5)", "'\\xe9'", "'\\u20ac'[:1]", "Text('a')", "a.key", "None", "b'a'", "1"])

    def element(self):
        l, d = self.pick("lm"), self.pick("pqr")
        x = self.pick(["j", "j * 1000", "j * 1000", "-j", "None", "i", "'x' * j", "1.5 * j", "2 ** 70 + j", f"{l}[k]", f"{d}.get(i)", f"{d}.get(key)", "t"])
        return x if self.random.random() < 0.85 else self.pick(["[j]", "[]", "{j: 1}", "(j, 1)", "Plain(j)", "seen", "l", "p", "tells(seen)", "stay(seen)", "a", "h", "1 == j"])

    def elements_statement(self):
        """Mostly one element of a list or dict of scalars is replaced; else something changes which one that is, or what the container is."""
        l, m, d, e, x, y = self.pick("lm"), self.pick("lm"), self.pick("pqr"), self.pick("pqr"), self.element(), self.element()
        one = lambda: self.pick([f"{self.pick('lm')}[{self.place()}]", f"{self.pick('pq')}[{self.place()}]", f"r[{self.key()}]", f"{self.pick('pq')}[{self.key()}]", f"h[{self.random.randrange(3)}][{self.place()}]", f"a.v[{self.place()}]", f"a.table[{self.key()}]"])
        if self.random.random() < 0.7:
            return self.pick([
                f"{one()} = {x}", f"{one()} = {x}", f"{one()} = {x}", f"{one()} = {x}; {one()} = {y}", f"{one()}, {one()} = {x}, {y}", f"{one()} = {one()} = {x}", f"i = {self.place()}; {one()} = {x}", f"{one()}, i = {x}, 3", f"{one()} += 1", f"{one()} = {one()}",
                f"if j % 3: {one()} = {x}", f"{one()} = {x} if j % 2 else {y}", f"key = {self.key()}; {one()} = {x}", f"{l}[i], {l}[k] = {l}[k], {l}[i]", f"{l}.append({x}); {l}[{self.place()}] = {y}", f"{l}[i] = {x}; {l}.append({y})", f"{d}[100 + j % 40] = {x}; {d}[{self.place()}] = {y}",
                f"t = {l}[i]; {l}[i] = {x}", f"{l}[i] = {d}; {d}[{self.place()}] = {x}", f"{one()} = give({x})", f"give({l}); {one()} = {x}",
            ])  # fmt: skip
        return self.pick([
            f"del {one()}", f"{d}.pop({self.place()}, 0)", f"{d}.pop({self.key()}, 0)", f"{d}.clear()", f"{d}.update({{i: j for i in range(8)}})", f"{d} = {{i: j for i in range(8)}}", f"{d} = dict.fromkeys(names, 1)", f"{d}.popitem()", f"{d}[100 + j % 40] = {x}",
            f"{d} = dict({e})", f"{d} = {e}", f"{d}, {e} = {e}, {d}", f"{d}[Key({self.random.randrange(4)})] = {x}", f"{d}[Text('a')] = {x}", f"{d}[{self.pick(['1.0', 'True', '2 ** 61 - 1', '-2', '2 ** 61', '(1, [])' , '(1, 2)', '0.0'])}] = {x}", f"{d} |= {{key: {x}}}", f"{d}.setdefault(key, {x})",
            f"{d} = collections.{self.pick(['OrderedDict', 'UserDict', 'Counter'])}({d})", f"{d} = collections.defaultdict(list, {d})", f"{d} = vars(a)", f"vars(a)[key] = {x}", f"a.v, a.table = {l}, {d}", f"a.v[i] = {x}", f"h[0], h[1] = {l}, {d}", f"h[2] = {self.pick([l, d, 'a', 'h'])}",
            f"{l} = [0, 1, 2, 3, 4, 5, 6, 7]", f"{l} = list({m})", f"{l} = {m}", f"{l}, {m} = {m}, {l}", f"{l}.insert(0, {x})", f"{l}.pop()", f"del {l}[{self.random.randrange(9)}:]", f"{l} += [{x}] * 8", f"{l}[:] = {m}", f"{l}.reverse()", f"{l} = Items({l})", f"{l} = tuple({l})", f"del {l}[20:]",
            "i = (i + 1) % 8", "k = j % 4", "i = j % 8", "key = names[j % 4]", "key = 'a'", f"i = {self.place()}", f"key = {self.key()}", "a.w = i", "a.key = key", f"seen.append({x})", "changed[0] = l", "seen = []", "t = None", f"t = {one()}", f"exec('x[0] = 5; y[0] = 6', {{'x': {l}, 'y': {d}}})",
            f"operator.setitem({l}, 0, {x})", f"elsewhere(lambda: {l}.append({x}))", f"setattr(a, key, {x})", f"{l}.sort(key=str)", "names[0] = key", f"password = 'a long secret ' + str(j % 5); {one()} = password", f"{d}['password'] = 'another secret'",
        ])  # fmt: skip

    def elements_program(self):
        """Of containers of scalars, in a function or a module."""
        made = [
            "l = [0, 1, 2, 3, 4, 5, 6, 7]; m = list(range(300, 312)); p = {i: i for i in range(8)}; q = {i: 1000 + i for i in range(-3, 20)}; r = {'a': 1, 'b': 2, 'c': 3, '\\xe9': 4}; names = ['a', 'b', 'c', '\\u20ac']", "a = Plain(l); a.table = p; a.w = 2; a.key = 'b'",
            "h = [l, p, q]; seen = [1]; i = k = 0; key = 'a'; t = None", self.pick(["", "del p[3], r['b']", "q[5.0] = q.pop(6)", "p[1.0] = p.pop(1)", "p = r", "changed[0] = l"]),
        ]  # fmt: skip
        body = []
        for _ in range(self.random.randrange(3, 9)):
            line = "t = j" if self.random.random() < 0.2 else self.elements_statement()
            if self.random.random() < 0.15:
                line = f"if j % {self.random.randrange(3, 20)} == 1:\n    {self.elements_statement()}"
            body.append(line if self.random.random() < 0.4 else f"try:\n{indented(line)}\nexcept Exception: pass")
        loop = "for _ in range(6):\n    try:\n        for j in range(24):\n" + indented(indented(indented("\n".join([*body, "del l[40:], m[40:]"])))) + "\n    except Exception: pass"
        whole = "\n".join([*made, loop])
        program = f"def run():\n{indented(whole)}\nrun()" if self.random.random() < 0.75 else whole
        return f"{HEAD}\ndef give(x): return x\n{ELEMENTS_HEAD}\n{program}\n"

    def fresh(self):
        """Most names are bound once."""
        if self.random.random() < 0.55:
            self.bound += 1
            return f"n{self.bound}"
        return self.pick(["t0", "t1", "t2", "t3", "t4", "g", "w"]) if self.random.random() < 0.6 or not self.bound else f"n{self.random.randrange(self.bound) + 1}"

    def once_statement(self, depth):
        """One of a body that runs once, and binds names in every way."""
        x, y, z = self.fresh(), self.fresh(), self.fresh()
        o, l, d = self.pick(OBJECTS), self.pick(LISTS), self.pick(DICTS)
        v, u = (self.pick(["1", "None", "'text'", "[1]", "1.5", f"[{o}]", f"({l}, 1)", "{}", "{'k': [2]}", o, l, d, f"Plain({l})", f"{o}.v", f"{l}[0]", "k + 1", "k", "sys", "t0", "t1", y, z, "f'{k}'", "'x' * k", "10 ** 30", "(1, [2])", "os.path"]) for _ in range(2))
        chance = self.random.random()
        if chance < 0.45:
            return self.pick([
                f"{x} = {v}", f"{x} = {v}", f"{x} = {v}", f"{x} = {v}; {y} = {u}", f"{x} = {y} = {v}", f"{x}, {y} = {v}, {u}", f"{x} = {v}; del {x}", f"del {x}; {x} = {v}", f"{x} = {v}; del {y}; {y} = {u}", f"({x} := {v})", f"{x} = ({y} := {v})",
                f"{x} = {v} if k else {u}", f"{x} = ({y} := {v}) if k else ({z} := {u})", f"{x} = k and {v}", f"if k: {x} = {v}", f"if k:\n    {x} = {v}\nelse:\n    {y} = {u}", f"if not k: {x} = {v}", f"{x} = [{y} := {v}, {u}]", f"{x}: int = {v}", f"{x}: 'text'",
                f"{x} = {v}; {x} = {u}", f"del {x}", f"{x} = not {v}", f"{x} = {v}; {y} = {x}; {z} = {y}", f"{x} = {{k: {v}, 2: {u}}}", f"{x} += [1]", f"{x} = missing_name",
                f"{x} = (\n    {v},\n    {u},\n)", f"{x} = {v} if (\n    k) else {u}; {y} = 1", f"{x} = [\n    {v},\n    ({y} := {u}),\n    {z}]",
            ])  # fmt: skip
        if chance < 0.55:  # whose place is not the last
            space = self.pick(["globals()", "locals()"])
            return self.pick([
                f"{x} = sys\n{y} = {v}\n{x} = {u}", f"import os as {x}\n{y} = {v}\n{x} = {u}", f"{x} = {v}\n{y} = {u}\ndel {x}; {x} = {v}", f"{x} = {v}\n{y} = {u}\ndel {x}\n{z} = 1\n{x} = {v}", f"{x} = {v}\n{y} = {u}\n{x} = sys\n{y} = 1\n{x} = 2",
                f"{x} = {v}\n{y} = {u}\nunseen_move({space}, {x!r})\n{x} = {v}", f"{x} = {v}\n{y} = {u}\n{space}.popitem()\n{y} = {v}\n{x} = 1", f"{x} = {v}\nset_global({u}); {y} = 1\nt3 = 5", f"{x} = k and (({y} := {v}) or ({z} := {u}))\n{z} = 1\n{y} = 2",
                f"{x} = {v}\n{y} = {u}\n[{x} for {x} in {l}]\n{x} = 2", f"{x} = {v}\n{y} = {u}\n{z} = [({x}, {y}) for {x} in {l}\n    for {y} in {l}]\n{x} = 2\n{y} = 3", f"try: {x} = {v}; {y} = missing_name\nexcept Exception: {z} = 1\n{y} = 2", f"try:\n    {x} = {v}\n    {y} = 1\n    {z} = missing_name\nexcept NameError as {x}: {z} = {x}\n{x} = 3",
            ])  # fmt: skip
        if chance < 0.63:
            return self.pick([
                f"import os as {x}", f"import os as {x}; {x} = {v}", f"import os.path as {x}, sys as {y}", f"from sys import path as {x}", "from keyword import *", "import sys", "sys = sys", f"from os import path as {x}; {y} = {v}; {x} = 1",
                f"def {x}(v={v}): return v", f"def {x}(v: {v}, *, w={u}) -> {y}: return v", f"{x} = lambda v={v}: v", f"def {x}[T](v: T) -> T: return v", f"type {x} = {y}", f"type {x}[T] = {v}", f"class {x}[T]: v = {v}", f"async def {x}(): pass",
                f"@give\ndef {x}(): return {v}", f"@give\nclass {x}:\n    v = {v}", f"class {x}(enum.Enum):\n    A = 1\n    B = 2",
            ])  # fmt: skip
        if chance < 0.75:
            return self.pick([
                f"{x} = [{y} for {y} in {l}]", f"{x} = [\n    {y}\n    for {y} in {l}\n    if {y}\n]", f"{x} = [{y} := z for z in {l}]", f"{x} = {{{y}: {z} for {y}, {z} in {d}.items()}}", f"{x} = [({y}, z) for {y} in {l}\n    for z in {l}\n    if z is not {y}]",
                f"{x} = list({y} for {y} in {l})", f"{x} = [[{y} for {y} in {l}] for {z} in {l}]", f"for {x} in {l}: {y} = {x}", f"for {x} in {l}:\n    {y} = {x}\n    {z} = {y}", f"for {x} in {l}: del {x}", f"for {x}, {y} in {d}.items(): {z} = {y}",
                f"while k:\n    {x} = k\n    k = 0\nk = 1", f"with Within() as {x}: {y} = {v}", f"with Within() as {x}:\n    {y} = {v}\n    {z} = missing_name", f"with contextlib.nullcontext({v}) as {x}, contextlib.nullcontext({u}) as {y}: {z} = {x}",
                f"try:\n    {x} = {v}\n    {y} = missing_name\nexcept NameError as {z}:\n    {x} = {z}\nfinally:\n    {y} = {u}", f"try: {x} = 1 / 0\nexcept Exception as {y}: {z} = {y}", f"try: {x} = ({v}).missing\nexcept (AttributeError, NameError) as {x}: pass\nelse: {y} = 1",
                f"try: {x} = {v}\nexcept* ValueError as {y}: pass", f"match {v}:\n    case [{x}, *{y}]: {z} = {x}\n    case {{'k': {x}, **{y}}}: pass\n    case Plain(v={z}): {x} = {z}\n    case {x}: pass", f"match ({v}, {u}):\n    case (1 | None as {x}, {y}): pass\n    case ({x}, {y}) if {x}: {z} = 1",
                f"assert k or {v}, {u}", f"{o}.v = {v}; {x} = {u}", f"{l}[0] = {v}; {x} = {l}", f"{l}.append({v}); {x} = {u}", f"{x} = give({v})", f"{x} = give({v}); {y} = {u}", f"give({v}); {x} = {l}", f"{d}['a'] = {v}", f"{x} = {l}.pop()", f"{x} = {l}[0:2]; {y} = {x}[0]",
            ])  # fmt: skip
        if self.shows and chance < 0.8:
            space = self.pick(["globals()", "locals()"])
            return self.pick([
                f"{x} = {space}", f"{x} = {space}.keys()", f"{x} = types.MappingProxyType({space})", f"{x} = {space}.items(); {y} = {v}", f"{o}.__dict__ = {space}", f"{o}.__dict__ = dict(v=1)", f"{x} = prepared", f"prepared[{x!r}] = {v}", f"{space}[1] = 2", f"{space}.pop(1, 0)",
                f"password = 'a long secret {self.random.randrange(99)}'", "del password", f"{x} = password", "shown = api_key = 'another secret'; shown = 1", f"exec(compile({f'v = 1{chr(10)}w = [v]{chr(10)}v = w{chr(10)}a = v'!r}, __file__, 'exec'), {self.pick(['', '{}, '])}{o}.__dict__)",
            ])  # fmt: skip
        if chance < 0.93 or depth == 0:
            space = self.pick(["globals()", "globals()", "locals()", "vars()"])
            return self.pick([
                f"{space}[{x!r}] = {v}", f"{space}['n' + '1'] = {v}", f"{space}.update({x}={v}, {y}={u})", f"{space}.pop({x!r}, None)", f"unseen_move({space}, {x!r})", f"{x} = {v}; unseen_move({space}, {y!r})", f"{space}.setdefault({x!r}, {v})", f"t0 = {space}.popitem()",
                f"set_global({v})", f"{x} = set_global({v})", f"unseen_set({v})", f"{x} = unseen_set({v})", f"change_caller({x!r}, {v})", f"{y} = change_caller({x!r}, {v})",
                f"exec({f'{x} = 1{chr(10)}{y} = [{x}]'!r})", f"exec(compile({f'{x} = 1{chr(10)}{y} = [{x}]{chr(10)}del {x}{chr(10)}{x} = {y}'!r}, __file__, 'exec'))", f"{x} = Late({y!r})", f"{x} = {y} = None",
                f"exec(compile({f'{x} = 1{chr(10)}{y} = 2{chr(10)}{x} = {z}'!r}, __file__, 'exec'), {space})", f"exec(compile({f'{x} = 1{chr(10)}{y} = [2]{chr(10)}{x} = {y}'!r}, __file__, 'exec'), globals(), {space})",
                f"setattr(sys.modules['__main__'], {x!r}, {v})", f"list(map({space}.__setitem__, ({x!r}, {y!r}), (1, 2)))", 
                "__builtins__ = __builtins__", f"operator.setitem({space}, {x!r}, {v}); {y} = {u}", f"[{space}.update({x}=z) for z in {l}]", f"class {x}: exec('v = 1'); w = v", f"exec('class {x}: v = 1')", "__getattr__ = lambda name: 5", f"{x} = sys.modules['__main__'].{y}",
            ])  # fmt: skip
        body = indented("\n".join(self.once_lines(self.random.randrange(3, 12), depth - 1)))
        return self.pick([
            f"class {x}:\n{body}", f"class {x}:\n    global t3, n1, n9, n20\n{body}", f"class {x}(metaclass=Prepared):\n{body}", f"class {x}(metaclass=Prepared, given=collections.OrderedDict):\n{body}", f"class {x}(metaclass=Prepared, given=Given):\n{body}", f"class {x}(Plain):\n{body}",
            f"def {x}({y}={v}):\n    {z} = {u}\n    class Body:\n        nonlocal {z}\n{indented(body)}\n        def method(self): return {y}, {z}, __class__\n    return Body\ntry: {x}()\nexcept Exception: pass",
            f"exec(compile({chr(10).join(self.once_lines(8, depth - 1, ''))!r}, __file__, 'exec'), {self.pick(['dict(globals())', 'dict(globals()), {}', 'globals(), {}', 'dict(globals()), Given()', 'globals(), collections.ChainMap({}, globals())', 'dict(globals()), vars(Plain(1))'])})",
        ])  # fmt: skip

    def once_lines(self, count, depth, head=IN_CLASS):
        """What may stand there: not all of it may in a class's body, or beside a `nonlocal`."""
        made = []
        while len(made) < count:
            line = self.once_statement(depth)
            line = f"try:\n{indented(line)}\nexcept Exception: pass" if self.random.random() < 0.6 else line
            try:
                compile(head + (indented(line) if head else line), "", "exec")
            except SyntaxError:
                continue
            made.append(line)
        return made

    def once_program(self):
        """Modules' and classes' bodies, in which each statement runs once; one that fails ends a body."""
        self.bound = 0
        self.shows = self.random.random() < 0.3  # dicts of names as values, and secrets: with them nothing is taken for quiet any more
        made = [
            "k = 1; g = w = None", f"a, b, c, d = Plain([1]), Slotted([2]), {'Noisy(3)' if self.shows else 'Slotted(3)'}, Plain([1.5])", "l = [1, a, [2], 'x']; m = [b, c, 3, l]; n = [l, m, 1]; o = [2, 3]", "p = {'a': a, 0: 1}; q = {'a': l}; r = {}", "t0 = t1 = 1", "t2 = [t1]",
        ]  # fmt: skip
        if self.random.random() < 0.2:
            made += [f"many{i} = {i}" for i in range(280)]
        bodies = []
        for _ in range(self.random.randrange(4, 8)):
            kind = self.random.randrange(4)
            text = "\n".join(self.once_lines(self.random.randrange(5, 30), 2, IN_CLASS if kind == 0 else ""))
            if kind == 0:
                text = f"class Outer:\n{self.pick(['', '    global t3, n1, n9, n20' + chr(10)])}{indented(text)}"
            elif kind == 1:
                text = f"exec(compile({text!r}, __file__, 'exec'){self.pick(['', ', globals(), {}', ', dict(globals())'])})"
            if kind < 2 or self.random.random() < 0.5:
                text = f"try:\n{indented(text)}\nexcept Exception: pass"
            bodies.append(text)
        program = "\n".join([*made, *bodies])
        return f"{HEAD}\ndef give(x): return x\n{ONCE_HEAD}\ntry:\n{indented(program)}\nexcept Exception: pass\n"


def indented(text):
    return "\n".join("    " + line for line in text.split("\n"))


# What make_program makes: of functions; of functions whose statements run often enough to be specialised; of such statements in a module's or a class's body;
# of displays, iterators, temporary objects that do not die, and statements of all kinds, in all kinds of places; of lines that call what replaces what they have loaded; of bodies
# that run once and bind many names, in every way; of lists and dicts of which single elements are replaced.
KINDS = {"": Maker.program, "hot": Maker.hot_program, "names": Maker.names_program, "mixed": Maker.mixed_program, "replaced": Maker.replaced_program, "once": Maker.once_program, "elements": Maker.elements_program}


def make_program(seed, kind=""):
    return KINDS[kind](Maker(seed))


def options(seed, kind=""):
    """How it is recorded: containers may have more elements than are kept."""
    most = [10_000, 2, 4, 6, 10_000, 9][seed % 6] if kind == "elements" else 10_000
    return ["--verify-capture", f"--max-items={most}"]


if __name__ == "__main__":
    print(make_program(int(sys.argv[1]), *sys.argv[2:]))
