"""Functions call each other, with and without return values."""


def add(a, b):
    total = a + b
    return total


def nothing(a):
    a += 1


def early(n):
    if n > 1:
        return "big"
    return


print(add(1, 2), nothing(3), early(1), early(2))
