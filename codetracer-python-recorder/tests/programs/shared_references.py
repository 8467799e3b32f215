"""One list that is seen in several places, changed through one of them."""

shared = [0]
grid = [shared] * 3
table = {"a": shared, "b": grid}
grid[1].append(1)
copied = [list(row) for row in grid]
grid[0] = None
shared.clear()
print(grid, table["a"], copied)
