"""Dataclasses: plain, frozen, with slots, with default factories, in each other."""

import dataclasses


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True)
class Line:
    start: Point
    end: Point
    tags: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Slim:
    value: object


line = Line(Point(1), Point(2, 3))
line.tags.append("t")
slim = Slim(line)
moved = dataclasses.replace(line, end=Point(9, 9))
try:
    line.start = None
except dataclasses.FrozenInstanceError as error:
    print(error)
print(moved.end.x, slim.value.start == Point(1))
