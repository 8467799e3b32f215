"""Names that the lines of bodies bind for the first time, and once (ext/snapshot.c stored_entry): bodies are followed from their first line on (ext/effects.c), so most of
these lines look at nothing but what they store."""

import collections
import sys as sys_module

one = 1
text = "a text that is new here"
numbers = [1, 2, 3]
first, second = 4, 5
third = fourth = 6
del second
second = 7; del first; first = 8
ninth = 9; del ninth
ninth = "bound again"
(walrus := 10)
chosen = (left := 11) if one else (right := 12)
chosen = (left := 13) if not one else (right := 14)
sys_module = "was a module"
again = collections
again = 15
__builtins__ = __builtins__
globals()["by" + "_dict"] = 16
by_dict = 17
__annotations__ = {}
noted: int = 18


def function(value, *, other=numbers):
    return value


class Body:
    one = 19
    text = "in a class"
    rows = [numbers]
    numbers.append(4)
    del one
    one = 20
    __slots__ = ()

    def method(self):
        return self

    inner = [x for x in rows]
    last = numbers


class Ordered(type):
    @classmethod
    def __prepare__(cls, name, bases):
        return collections.OrderedDict(given=21)


class Prepared(metaclass=Ordered):
    new = given
    given = 22
    later = new


class Dying:
    def __del__(self):
        globals()["by_death"] = 23


held = Dying()
held = 24
after = by_death
by_death = 25


def changes():
    global by_call
    by_call = 26
    return by_call


called = changes()
by_call = 27
exec("by_exec = 28\ninner = by_exec\nby_exec = inner")
by_exec = 29
for name in "ab":
    looped = name
    exec(f"new_{name} = looped")
    last = looped
new_a = 30

space = {}
exec("x = 1\ny = [x]\nz = y\ndel x\nx = y\n", space)
other = {}
exec("a = 1\nspace['unseen'] = a\nb = space\nc = b\n", other | {"space": space})
def shown(n):
    a = [x for x in range(n)
         if x]
    return a


collections, re_bound = 31, [
    y
    for y in range(3)
    if y
]
y = 32
re_bound = [
    y
    for y in range(3)
    if y
]
y = 33
print(sorted(name for name in globals() if not name.startswith("_")))
