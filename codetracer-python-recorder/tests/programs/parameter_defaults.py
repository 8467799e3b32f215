"""Default values, among them a mutable one that keeps its changes."""


def collect(item, into=[], *, scale=2):
    into.append(item * scale)
    return into


collect(1)
collect(2, scale=3)
collect(3, [])
