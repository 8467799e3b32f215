"""Inlined comprehensions in a class body, on one line and on several."""


class Table:
    size = 3
    row = [0 for _ in range(3)]
    rows = [
        [column, 1]
        for column in range(2)
    ]
    names = {
        letter: number
        for number, letter in enumerate("ab")
    }


print(Table.row, Table.rows, Table.names)
