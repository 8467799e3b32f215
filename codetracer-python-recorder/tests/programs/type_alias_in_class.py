"""A type alias in a class body, beside a comprehension over several lines."""


class Holder:
    type Item = int
    numbers = [
        n
        for n in range(2)
    ]
    total = sum(numbers)


print(Holder.numbers, Holder.total)
