"""Type parameters and type aliases of Python 3.12."""


def first[T](items: list[T]) -> T:
    return items[0]


class Stack[T]:
    kept: list[T]

    def __init__(self) -> None:
        self.kept = []

    def push(self, item: T) -> None:
        self.kept.append(item)


type Pair[A, B] = tuple[A, B]

stack = Stack[int]()
stack.push(first([3]))
print(stack.kept, Pair.__name__)
