"""Functions, methods, built-ins, classes and other callables as values."""

import math


class Thing:
    def method(self):
        return 1

    @staticmethod
    def static():
        return 2

    @classmethod
    def of_class(cls):
        return 3


thing = Thing()
functions = [len, math.sin, [].append, Thing.method, thing.method, Thing.static, Thing.of_class, lambda: 4]
slots = [str.upper, "a".upper, (1).__add__, int.__add__, dict.fromkeys, type, Thing, ValueError]
thing.method.__func__.attribute = 1
renamed = thing.method
Thing.method.__qualname__ = "renamed"
print(renamed(), Thing.static(), thing.of_class())
