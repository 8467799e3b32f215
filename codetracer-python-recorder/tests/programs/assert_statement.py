"""assert that holds, fails, and computes its message."""


def check(value):
    assert value, "no %r" % (value,)
    return value


check(1)
try:
    check([])
except AssertionError as error:
    print(error)
