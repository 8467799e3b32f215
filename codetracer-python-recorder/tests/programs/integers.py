"""Integers around 64 bits, large, negative, and booleans."""

small = [0, -1, 255, 256]
edges = [2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64]
large = 3**500
negative = -large
flags = [True, False, True + True]
text = str(large)[:5]
print(text, edges[2] - 1 == edges[0])
