"""range and slice objects."""

steps = range(0, 10, 3)
part = slice(1, None, 2)
odd = slice([1], "a", None)
nested = [range(2), slice(0, 2**70)]
print(list(steps), "abcdef"[part])
