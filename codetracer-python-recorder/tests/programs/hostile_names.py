"""Keys of a namespace that must not be asked: str subclasses with own methods, objects that are no strings."""


class Name(str):
    def __eq__(self, other):
        if armed:
            raise RuntimeError("compared")
        return str.__eq__(self, other)

    def __hash__(self):
        if armed:
            raise RuntimeError("hashed")
        return str.__hash__(self)

    __ne__ = __str__ = __repr__ = __eq__


class Key:
    @property
    def __class__(self):
        raise RuntimeError("class")

    def __hash__(self):
        if armed:
            raise RuntimeError("hashed")
        return 1


class Box:
    pass


armed = False
box = Box()
globals()[Name("unusual")] = 1
globals()[Key()] = 2
box.__dict__[Name("field")] = 3
box.__dict__[Key()] = 4
armed = True
several = [box, 1]
armed = False
print("done")
