"""Tight integer loop."""
from timed import timed


def main(n):
    s = 0
    i = 0
    while i < n:
        if i & 1:
            s += i * 3
        else:
            s ^= i
        i += 1
    return s


if __name__ == "__main__":
    timed(main)
