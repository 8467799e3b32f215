"""Names stored in dicts that are the attributes of objects like class methods (ext/quiet.c is_shown_dict, ext/object_state.c note_attribute_dict). Most of the dicts are never values
themselves, which would be seen otherwise; the objects are among the names, so that each store changes what is shown of them."""

import functools


class A:
    @classmethod
    def f(cls):
        pass

    @staticmethod
    def g():
        pass


def T(values):
    return functools.partial(len, values)  # its attributes are in a dict from the start, unlike those of a class's instance


method, static, rows, part = A.__dict__["f"], A.__dict__["g"], T((1,)), functools.partial(len)
body = compile("x = 1\ny = [x]\nz = y\nx = 2\ny = x\nx = z\nx = 5\ndel y\nx = 6\n", __file__, "exec")
for owner in (method, static, rows, part):
    owner.own = owner
    exec(body, {}, owner.__dict__)
for owner in (rows, part):
    exec(body, owner.__dict__)


def fill(key, count):
    owner = T((2,))
    owner.k = 0
    for i in range(count):
        owner.__dict__[key] = i
        z = i
    return owner


def replaced(count):
    owner = T((3,))
    for i in range(count):
        owner.__dict__ = {"k": i}
        owner.k = -i
        z = i
    return owner


def known(count):
    """The dict is a value itself, and what is stored there."""
    owner = T((3,))
    owner.k = 0
    d = owner.__dict__
    for i in range(count):
        d["k"] = i
        z = i
    return owner


known(60)
fill("k", 60)
replaced(60)


class Body:
    """A class's body is stored in a dict of its own; its globals are an object's attributes."""


shared = T((4,))
shared.own = shared
shared.__dict__.update(Body=Body, T=T)
exec(compile("""
def change(owner, n):
    global x, y
    for i in range(n):
        x = i
        y = [i]
        x = y
        z = i
change(own, 40)
class Inner:
    global x
    for i in range(20):
        x = i
        y = i
""", __file__, "exec"), shared.__dict__)
