"""Generates small random Python programs that are valid, deterministic and end: food for the differential tests.

    python generate.py SEED                 the program of that seed, on stdout

`make_program(seed)` is all that is needed; `programs()` is the same as a hypothesis strategy. The programs only use what
every recorder must show alike: no addresses in their output, no sets of objects, no clocks. They end because every loop
is over a range or a list copied beforehand, and functions only call those defined before them.
"""

import random
import sys

try:
    from hypothesis import strategies
except ImportError:
    strategies = None

NAMES = ("a", "b", "c", "d", "e")
MAX_DEPTH = 3
INDENT = "    "


class Generator:
    """Writes one program. `functions` are the names of functions (of one argument) that may be called so far."""

    def __init__(self, choice):
        self._choice = choice  # choice(sequence) -> one of its members
        self._lines = []
        self._functions = []
        self._generators = []
        self._classes = []
        self._numbers = 0

    def program(self):
        self._line(0, '"""A generated program."""')
        for _ in range(self._choice((1, 2, 3))):
            self._choice((self._class, self._generator, self._function, self._closure))()
        self._function()
        self._block(0, self._choice((4, 6, 8)), ())
        self._line(0, "print(ascii(%s))" % self._scalar(()))
        return "\n".join(self._lines) + "\n"

    # Definitions.

    def _function(self):
        name = self._fresh("function")
        self._line(0, "def %s(%s):" % (name, self._choice(("x", "x, y=2", "x, *rest", "x, *, k=None", "x, **extra"))))
        self._block(1, self._choice((2, 3, 5)), ("x",))
        self._line(1, "return %s" % self._expression(("x",)))
        self._functions.append(name)

    def _closure(self):
        name = self._fresh("closure")
        self._line(0, "def %s(x):" % name)
        self._line(1, "total = [x]")
        self._line(1, "count = 0")
        self._line(1, "def inner(step):")
        self._line(2, "nonlocal count")
        self._line(2, "count += step")
        self._block(2, 2, ("x", "step"))
        self._line(2, "total.append(step)")
        self._line(2, "return count")
        self._block(1, 1, ("x",))
        self._line(1, "return [inner(n) for n in range(3)], total")
        self._functions.append(name)

    def _generator(self):
        name = self._fresh("generator")
        self._line(0, "def %s(x):" % name)
        self._line(1, "try:")
        self._line(2, "for step in range(3):")
        self._block(3, 1, ("x", "step"))
        self._line(3, "got = yield %s" % self._scalar(("x", "step")))
        self._line(3, "if got is not None: x = got")
        self._line(1, "finally:")
        self._block(2, 1, ("x",))
        self._generators.append(name)

    def _class(self):
        name = self._fresh("Class")
        bases = self._choice(["", "(list)", "(dict)"] + ["(%s)" % other for other in self._classes[-1:]])
        self._line(0, "class %s%s:" % (name, bases))
        self._line(1, "shared = %s" % self._scalar(()))
        self._line(1, "table = [n * 2 for n in range(%s)]" % self._choice("123"))
        self._line(1, "def __init__(self, x=0):")
        self._line(2, "super().__init__()")
        self._line(2, "self.x = x")
        self._line(2, "self.items = [x]")
        self._line(1, "def change(self, x):")
        self._line(2, "self.x, self.items = x, self.items + [x]")
        self._block(2, 1, ("x",))
        self._line(2, "return self")
        self._classes.append(name)

    # Statements.

    def _block(self, depth, count, known):
        """Statements at one indentation; `known` are names that are bound. Variables used below are bound first."""
        for name in NAMES[:2]:
            if name not in known:
                self._line(depth, "%s = %s" % (name, self._container(known)))
        known = tuple(dict.fromkeys(known + NAMES[:2]))
        for _ in range(count):
            self._statement(depth, known)

    def _statement(self, depth, known):
        statements = [self._assign, self._mutate, self._mutate, self._print, self._call, self._delete]
        if depth < MAX_DEPTH:
            statements += [self._if, self._for, self._while, self._try, self._match, self._comprehension]
        self._choice(statements)(depth, known)

    def _assign(self, depth, known):
        form = self._choice(("%s = %s", "%s = %s", "%s: object = %s", "%s = other = %s"))
        self._line(depth, form % (self._choice(NAMES[2:]), self._expression(known)))

    def _mutate(self, depth, known):
        """Changes one of the containers that are bound at the beginning of each block, whichever kind it is."""
        name = self._choice(NAMES[:2])
        value = self._scalar(known)
        action = self._choice(
            (
                "%s.append(V)", "%s.extend([V, V])", "%s.insert(0, V)", "%s[:1] = [V, V]", "%s[::2] = []", "del %s[-1:]",
                "%s.reverse()", "%s.clear()", "%s.pop()", "%s += [V]", "%s *= 2", "%s.update(k=V)", "%s['k'] = V",
                "%s.pop('k')", "%s.setdefault('s', []).append(V)", "%s.add('v')", "%s |= {'k'}", "%s.discard('v')",
                "%s.sort(key=str)", "%s[0] = %s", "%s['self'] = %s",
            )
        )  # fmt: skip
        action = action.replace("%s", name).replace("V", value)
        self._line(depth, "try: %s" % action)
        self._line(depth, "except Exception as failure: print(type(failure).__name__)")

    def _print(self, depth, known):
        self._line(depth, "print(ascii(%s), type(%s).__name__)" % (self._scalar(known), self._choice(known)))

    def _call(self, depth, known):
        options = ["print(len(str(%s)) > 3)" % self._scalar(known)]
        options += ["%s = %s(%s)" % (self._choice(NAMES[2:]), name, self._scalar(known)) for name in self._functions]
        options += ["print(sorted([2, 1], key=lambda n: -n), list(map(str, range(2))))"]
        options += ["g = %s(1); next(g); g.close()" % name for name in self._generators]
        options += ["print(sum(1 for _ in %s(%s)))" % (name, self._choice("123")) for name in self._generators]
        options += ["o = %s(); o.change(%s).change('s')" % (name, self._scalar(known)) for name in self._classes]
        self._line(depth, self._choice(options))

    def _delete(self, depth, known):
        name = self._choice(NAMES[2:])
        self._line(depth, "%s = %s" % (name, self._container(known)))
        self._line(depth, "del %s" % name)

    def _if(self, depth, known):
        self._line(depth, "if %s:" % self._condition(known))
        self._statement(depth + 1, known)
        self._line(depth, self._choice(("else:", "elif %s:" % self._condition(known))))
        self._statement(depth + 1, known)

    def _for(self, depth, known):
        name = self._fresh("i")
        source = self._choice(("range(3)", "list(%s)" % NAMES[0], "enumerate('xy')", "(n + 1 for n in range(2))"))
        self._line(depth, "for %s in %s:" % (name, source))
        self._statement(depth + 1, known + (name,))
        exits = ("if %s == 1: break", "if %s == 0: continue", "%s = None")
        self._line(depth + 1, self._choice(exits) % name)
        if self._choice((True, False)):
            self._line(depth, "else:")
            self._statement(depth + 1, known)

    def _while(self, depth, known):
        name = self._fresh("n")
        self._line(depth, "%s = %s" % (name, self._choice("123")))
        if self._choice((True, False)):
            self._line(depth, "while %s: %s -= 1" % (name, name))
            return
        self._line(depth, "while %s:" % name)
        self._line(depth + 1, "%s -= 1" % name)
        self._statement(depth + 1, known + (name,))

    def _try(self, depth, known):
        self._line(depth, "try:")
        self._statement(depth + 1, known)
        self._line(depth + 1, self._choice(("raise ValueError(%s)" % self._scalar(known), "1 / 0", "[][0]", "pass")))
        error = self._fresh("error")
        self._line(depth, "except (ValueError, IndexError) as %s:" % error)
        self._statement(depth + 1, known + (error,))
        self._line(depth, "except ArithmeticError:")
        self._statement(depth + 1, known)
        if self._choice((True, False)):
            self._line(depth, "else:")
            self._statement(depth + 1, known)
        if self._choice((True, False)):
            self._line(depth, "finally:")
            self._statement(depth + 1, known)

    def _match(self, depth, known):
        self._line(depth, "match %s:" % self._expression(known))
        for pattern in ("[first, *_]:", "{'k': found}:", "int() | str() as found:", "_:"):
            self._line(depth + 1, "case " + pattern)
            self._statement(depth + 2, known)

    def _comprehension(self, depth, known):
        target = self._choice(NAMES[2:])
        value = self._choice(("n", "(n, %s)" % self._scalar(known), "[m for m in range(n)]", "str(n)"))
        form = self._choice(
            (
                "%s = [V for n in range(3)]", "%s = {n: V for n in range(3)}", "%s = tuple(V for n in range(3) if n)",
                "%s = [\nD    V\nD    for n in range(2)\nD]", "%s = list(map(lambda n: V, range(2)))",
                "%s = [p for n in range(2) for p in (V, n)]",
            )
        )  # fmt: skip
        self._line(depth, form.replace("V", value).replace("D", INDENT * depth) % target)

    # Expressions.

    def _condition(self, known):
        return self._choice(("%s", "not %s", "str(%s) > '2'", "(w := %s)", "%s in ([], {}, 1)")) % self._choice(known)

    def _expression(self, known):
        return self._choice((self._scalar, self._container))(known)

    def _scalar(self, known):
        constants = ("0", "1", "-7", "2 ** 70", "1.5", "-0.0", "1e300", "True", "None", "'text'", "'\\udc80 é'", "b'x'")
        texts = ("len(str(%s))", "f'{type(%s).__name__!r:>8}'", "str(%s)[:2] == '['", "(%s and 1)")
        forms = constants + constants + (texts if known else ())
        form = self._choice(forms)
        return form % self._choice(known) if "%" in form else form

    def _container(self, known):
        parts = {"V": self._scalar(()), "W": self._scalar(())}
        form = self._choice(
            ("[V, W]", "[]", "{'k': V}", "{1: [V], 's': (W,)}", "(V, [W])", "{'v', 'w'}", "[[V], {'k': W}]", "range(3)")
        )
        return "".join(parts.get(character, character) for character in form)

    # Text.

    def _fresh(self, stem):
        self._numbers += 1
        return "%s_%d" % (stem, self._numbers)

    def _line(self, depth, text):
        self._lines.append(INDENT * depth + text)


def make_program(seed):
    return Generator(random.Random(seed).choice).program()


def programs():
    """A hypothesis strategy of programs, which can be shrunk choice by choice."""

    @strategies.composite
    def program(draw):
        return Generator(lambda options: draw(strategies.sampled_from(list(options)))).program()

    return program()


if __name__ == "__main__":
    sys.stdout.write(make_program(int(sys.argv[1])))
