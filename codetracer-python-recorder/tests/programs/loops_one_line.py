"""Loops on one line, at module level and in functions: one step however often they turn."""

n = 3
while n: n -= 1
for i in range(3): n += i


def run():
    total = 0
    for i in range(3): total += i
    while True: break
    return total


print(n, run())
