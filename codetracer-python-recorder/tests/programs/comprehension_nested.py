"""Comprehensions in comprehensions, and one with two loops."""


def pairs(n):
    grid = [[row * column for column in range(n)] for row in range(n)]
    flat = [cell for line in grid for cell in line if cell]
    return grid, flat, {a: [b for b in range(a)] for a in range(n)}


print(pairs(3))
