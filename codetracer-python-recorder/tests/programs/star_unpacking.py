"""Unpacking with stars, nested targets and swapped variables."""

first, *middle, last = range(5)
(a, (b, *c)), d = (1, "xyz"), 4
a, b = b, a
head, *empty = [1]
merged = [*middle, *c, *{"k": 1}]
mapping = {**{"x": 1}, "y": 2, **{"x": 3}}
print(first, middle, last, a, b, c, d, head, empty, merged, mapping)
