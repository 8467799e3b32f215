"""Inlined comprehensions at module level, on one line and on several."""

n = "outer"
flat = [n * n for n in range(3)]
spread = [
    item
    + 1
    for item in flat
]
shadowed = [
    (n,
     len(flat))
    for n in "ab"
]
print(n, flat, spread, shadowed)
