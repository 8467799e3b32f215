"""Iterator classes, iter with a sentinel, zip, enumerate and itertools."""

import itertools


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        while self.n:
            self.n -= 1
            yield self.n


def take():
    return queue.pop()


queue = [0, 2, 1]
print(list(iter(take, 0)), list(Countdown(2)))
for number, letter in zip(Countdown(3), "ab"):
    pair = (number, letter)
groups = {key: list(items) for key, items in itertools.groupby("aab", key=str.upper)}
print(pair, groups, list(itertools.accumulate([1, 2, 3], lambda a, b: a * b)))
