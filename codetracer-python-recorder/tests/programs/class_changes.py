"""Classes and instances change: methods added, __class__ assigned, names reused."""


class A:
    def name(self):
        return "A"


class B:
    def name(self):
        return "B"


thing = A()
thing.x = 1
thing.__class__ = B
print(thing.name())
A.added = lambda self: "added"
old = A()


class A:
    pass


several = [old, A()]
A.__qualname__ = "Renamed"
A.__module__ = 5
print(old.added(), type(several[1]).__qualname__)



class Plain:
    def method(self):
        return type(self).__qualname__


def rename(thing):
    thing.method()  # the type has a version now
    Plain.__qualname__ = "First"  # which this does not change
    first = thing.method()
    Plain.__qualname__ = "".join(["Sec", "ond"])
    second = thing.method()
    Plain.__name__ = "Third"
    return first, second, thing


print(rename(Plain())[:2])
