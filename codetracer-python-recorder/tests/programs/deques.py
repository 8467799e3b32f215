"""Deques, bounded and changed at both ends."""

import collections

recent = collections.deque(maxlen=3)
for n in range(5):
    recent.append(n)
recent.appendleft("left")
recent.rotate(1)
nested = collections.deque([[1], recent])
print(list(recent), len(nested))
