"""Python functions called through C: map, filter, sorted, min, sort, re.sub."""

import re


def negate(n):
    return -n


def is_odd(n):
    return n % 2


def shout(match):
    return match.group().upper()


numbers = [3, 1, 2]
print(list(map(negate, numbers)), list(filter(is_odd, numbers)))
print(sorted(numbers, key=negate), min(numbers, key=negate), any(map(is_odd, numbers)))
numbers.sort(key=negate)
print(re.sub("[a-c]", shout, "abcd"), max(map(negate, numbers), default=0))
