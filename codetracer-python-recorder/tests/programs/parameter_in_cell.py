"""Parameters that live in cells because an inner function uses them."""


def outer(a, b, *rest, c=3, **extra):
    def inner():
        return a, c, rest, extra

    b += 1
    return inner


print(outer(1, 2, 9, d=4)())
