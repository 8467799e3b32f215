"""Functions and classes whose body is on the line of the def."""


def f(): return 1
def g(x): y = x + 1; return y
def h(): pass
class Empty: pass
class Short: value = 2; other = value + 1


print(f(), g(2), h(), Short.other)
