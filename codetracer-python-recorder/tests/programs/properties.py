"""Properties run when the program asks, never for the recorder."""


class Circle:
    calls = 0

    def __init__(self, radius):
        self._radius = radius

    @property
    def radius(self):
        Circle.calls += 1
        return self._radius

    @radius.setter
    def radius(self, value):
        if value < 0:
            raise ValueError("negative")
        self._radius = value


circle = Circle(1)
circle.radius = 2
circle.radius += 1
try:
    circle.radius = -1
except ValueError as error:
    message = str(error)
print(circle.radius, Circle.calls)
