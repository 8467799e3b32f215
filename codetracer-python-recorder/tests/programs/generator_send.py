"""Values are sent into a generator."""


def average():
    total = count = 0
    value = None
    while True:
        sent = yield value
        total += sent
        count += 1
        value = total / count


running = average()
next(running)
print(running.send(10), running.send(20))
