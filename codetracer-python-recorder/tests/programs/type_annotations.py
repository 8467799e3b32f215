"""Annotated variables, with and without values, in a module, a class and a function."""

count: int = 1
name: str


class Record:
    key: str
    value: "int" = 2


def annotated(a: int, *, b: list[int] | None = None) -> dict[str, int]:
    local: int = a
    unused: str
    return {"a": local}


print(annotated(1), sorted(Record.__annotations__))
