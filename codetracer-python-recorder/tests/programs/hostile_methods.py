"""__repr__, __eq__, __hash__, __str__, __len__, __iter__ and __getattribute__ must never run."""


class Hostile:
    def __init__(self):
        object.__setattr__(self, "value", 1)

    def _fail(self, *args):
        raise RuntimeError("called")

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __getattribute__ = _fail
    __getattr__ = __format__ = __int__ = __index__ = __contains__ = __getitem__ = __reduce_ex__ = _fail


hostile = Hostile()
several = [hostile, (hostile,), {"k": hostile}]


def use(argument):
    local = argument
    return local


use(hostile)
print("not called")
