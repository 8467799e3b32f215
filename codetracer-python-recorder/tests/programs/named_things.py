"""Functions, methods, built-ins, classes and modules that get other names, and their old ones again."""

import types


class Plain:
    def method(self):
        return 1


class Other:
    pass


def function():
    return 2


def rename(held, attribute, names):
    thing = held[0]
    kept = getattr(thing, attribute)
    held += [(thing,), {"it": thing}]
    for name in names:
        try:
            setattr(thing, attribute, name)
        except (AttributeError, TypeError):
            refused = name
    setattr(thing, attribute, kept)
    again = len(held)
    return again


bound = Plain().method
builtin = [].append
module = types.ModuleType("first")
names = ["one", "two", "one", "".join(["t", "wo"])]
odd = [None, 3, "three", None, "three"]

rename([function], "__module__", names + odd)
rename([function], "__qualname__", names + odd)
rename([bound.__func__, bound], "__qualname__", names)
rename([bound.__func__, bound], "__module__", odd)
rename([builtin], "__module__", names + odd)
rename([Plain], "__module__", names + odd)
rename([Plain], "__qualname__", names + odd)
rename([Plain], "__name__", names)
rename([module], "__name__", names + odd)

things = [function, bound, builtin, Plain, module, int, len]
del module.__name__
module.__name__ = "second"
Plain.__module__ = "third"
module.__dict__.clear()
module.first, module.__name__ = 1, "fourth"
function, Plain = Plain, function
print([type(thing).__name__ for thing in things])
