"""Weak references with callbacks, a WeakValueDictionary, and objects that die."""

import weakref


class Thing:
    def __init__(self, name):
        self.name = name


def gone(reference):
    print("gone")


thing = Thing("a")
reference = weakref.ref(thing, gone)
cache = weakref.WeakValueDictionary(a=thing)
print(reference() is thing, len(cache))
thing = None
print(reference(), len(cache))
