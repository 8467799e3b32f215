"""Sets and frozensets of numbers and strings."""

numbers = {3, 1, 2}
numbers.add(4)
numbers.discard(1)
frozen = frozenset([1, 2])
words = {"alpha", "beta"}
nested = {frozen, frozenset()}
numbers |= {10, 11}
numbers -= {10}
empty = set()
print(sorted(numbers), sorted(words), len(nested))
