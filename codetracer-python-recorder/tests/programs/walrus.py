"""Assignment expressions, in conditions, calls and comprehensions."""


def run(data):
    if (n := len(data)) > 2:
        n += 1
    while chunk := data[:2]:
        data = data[2:]
        n -= len(chunk)
    last = None
    doubled = [last := item * 2 for item in range(3)]
    return n, doubled, last


print(run([1, 2, 3]), (total := 5) + total)
