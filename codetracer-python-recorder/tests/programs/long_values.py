"""Strings and containers that are cut because they are too long."""

text = "x" * 20000
wide = "é" * 10000
edge = "y" * 16384
surrogates = "\udc80" * 3000
items = list(range(1500))
table = {n: str(n) for n in range(700)}
mixed = [[n, [n]] for n in range(500)]
pair = (items, table)
exact = list(range(999))
over = list(range(1000))
print(len(text), len(items))
