"""A thread is started and joined, twice."""

import threading

results = []


def work(name, n):
    total = 0
    for i in range(n):
        total += i
    results.append((name, total))


for name in ("a", "b"):
    thread = threading.Thread(target=work, args=(name, 3))
    thread.start(); thread.join()  # one step: between two, what the main thread sees would be chance
print(results)
