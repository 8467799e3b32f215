"""A loop on one line that calls a function in each turn."""


def step(n):
    return n + 1


total = 0
for i in range(3): total += step(i)
while total > 4: total = step(total) - 2
print(total)
