"""Lists are changed in all ways."""

items = [5, 3, 1]
items.append(4)
items.insert(1, 9)
items[0] = 0
items[1:3] = ["x", "y", "z"]
items[::2] = [None] * len(items[::2])
del items[0]
del items[1:2]
items += (7, 8)
items *= 2
popped = items.pop()
items.remove("x")
items = [item for item in items if isinstance(item, int)]
items.sort(reverse=True)
items.reverse()
items.extend(n for n in range(2))
copy = items[:]
items.clear()
print(copy, popped)
