"""Decorators with and without arguments, on functions and classes."""

import functools


def plain(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ["wrapped", function(*args)]

    return wrapper


def tagged(tag):
    def decorate(target):
        target.tag = tag
        return target

    return decorate


@tagged("outer")
@plain
def add(a, b):
    return a + b


@tagged("class")
class Thing:
    pass


print(add(1, 2), add.tag, Thing.tag, add.__name__)
