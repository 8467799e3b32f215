"""Closures read and write variables of the outer function."""


def counter(start):
    count = start

    def step(by=1):
        nonlocal count
        count += by
        return count

    return step


first = counter(10)
second = counter(20)
print(first(), first(5), second())
