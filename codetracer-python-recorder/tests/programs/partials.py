"""functools.partial, partialmethod, reduce and singledispatch."""

import functools


def power(base, exponent):
    return base**exponent


square = functools.partial(power, exponent=2)


class Door:
    def set_state(self, state):
        self.state = state

    open = functools.partialmethod(set_state, "open")


@functools.singledispatch
def describe(value):
    return "something"


@describe.register
def _(value: int):
    return "int"


door = Door()
door.open()
print(square(3), door.state, functools.reduce(power, [2, 3]), describe(1), describe(""))
