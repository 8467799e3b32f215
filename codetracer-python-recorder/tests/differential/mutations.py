"""Programs made at random that change objects in every way Python has: for a recorder that looks only at what has changed. Stdlib only, no recorder needed.

`python mutations.py SEED` prints one. Statements that fail are part of it: their errors are caught where they happen.
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

OBJECTS, LISTS, DICTS = ["a", "b", "c", "d"], ["l", "m", "n", "o"], ["p", "q", "r"]


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


def make_program(seed):
    return Maker(seed).program()


if __name__ == "__main__":
    print(make_program(int(sys.argv[1])))
