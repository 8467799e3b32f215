"""A comprehension whose variable is kept in a cell by lambdas."""


def makers():
    late = [lambda: number for number in range(3)]
    fixed = [lambda number=number: number for number in range(3)]
    return [f() for f in late], [f() for f in fixed]


print(makers())
