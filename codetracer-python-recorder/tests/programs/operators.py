"""Operator overloading: arithmetic, comparison, in place, containment, call, reflected."""


class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __iadd__(self, other):
        self.x += other.x
        return self

    def __eq__(self, other):
        return self.x == other.x

    def __lt__(self, other):
        return self.x < other.x

    def __contains__(self, value):
        return value in (self.x, self.y)

    def __getitem__(self, index):
        return (self.x, self.y)[index]

    def __call__(self, n):
        return n * self.x

    def __bool__(self):
        return bool(self.x)

    def __neg__(self):
        return self * -1


v = Vector(1, 2)
w = 3 * v + v * 2
w += v
checks = [w == v, v < w, 2 in v, w[1], w(2), not w, (-v).x]
print(checks, sorted([w, v])[0] is v)
