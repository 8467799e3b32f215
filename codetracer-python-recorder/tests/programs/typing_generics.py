"""Generic classes, protocols, NewType and TypedDict of the typing module."""

import typing

T = typing.TypeVar("T")
UserId = typing.NewType("UserId", int)


class Box(typing.Generic[T]):
    def __init__(self, content: T):
        self.content = content


class Sized(typing.Protocol):
    def size(self) -> int: ...


class Movie(typing.TypedDict):
    title: str


box = Box[int](1)
user = UserId(5)
movie = Movie(title="t")
print(box.content, user, movie)
