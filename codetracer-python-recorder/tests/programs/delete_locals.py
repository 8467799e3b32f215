"""Locals are deleted and bound again."""


def run(a):
    b = a
    del a
    c = [b]
    del b, c[0]
    b = c
    try:
        a
    except UnboundLocalError:
        a = "again"
    return a, b


print(run(1))
