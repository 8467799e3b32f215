"""Abstract base classes, __init_subclass__ and __subclasshook__."""

import abc


class Shape(abc.ABC):
    registry = []

    def __init_subclass__(cls, **options):
        super().__init_subclass__()
        Shape.registry.append((cls.__name__, options))

    @abc.abstractmethod
    def area(self):
        """How large it is."""


class Square(Shape, sides=4):
    def area(self):
        return 4


try:
    Shape()
except TypeError:
    print("abstract")
print(Square().area(), Shape.registry)
