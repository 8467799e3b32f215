"""Inlined comprehensions in a function, on one line and on several."""


def squares(limit):
    n = "outer"
    flat = [n * n for n in range(limit)]
    spread = [
        n
        + limit
        for n in range(limit)
        if n % 2
    ]
    table = {key: value for key, value in enumerate(flat)}
    kinds = {len(str(item)) for item in flat}
    return n, flat, spread, table, kinds


print(squares(4))
