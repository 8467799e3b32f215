"""Calls with * and **."""


def f(a, b=2, *args, c=3, **kwargs):
    return a, b, args, c, kwargs


numbers = (1, 2, 3)
options = {"c": 4, "d": 5}
print(f(*numbers), f(*numbers, 4, **options), f(*"ab", **{"e": 6}), f(0, *(), **{}))
