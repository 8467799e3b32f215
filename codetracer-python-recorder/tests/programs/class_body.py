"""A class body is a call of its own, with its names as locals."""


class Point:
    """A point."""

    dimensions = 2
    names = ["x", "y"]

    def __init__(self, x, y):
        self.x = x
        self.y = y

    for name in names:
        length = len(name)
    del name

    class Inner:
        deep = True

    @staticmethod
    def origin():
        return Point(0, 0)

    @classmethod
    def unit(cls):
        return cls(1, 1)


point = Point.unit()
print(point.x, Point.origin().y, Point.Inner.deep)
