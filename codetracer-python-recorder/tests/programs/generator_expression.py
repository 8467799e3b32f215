"""Generator expressions have frames of their own, with .0 as argument."""

numbers = [3, 1, 2]
total = sum(n * n for n in numbers)
nested = list((a, b) for a in "xy" for b in range(2))
spread = tuple(
    n
    for n in numbers
    if n > 1
)
print(total, nested, spread)
