"""A list and a dict of `size` elements held as locals while stepping.

argv: steps [size].  Cost per line as a function of size is the container
snapshot cost.
"""
import sys

from timed import timed


def main(n):
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    data = list(range(size // 2))
    table = {k: k * 2 for k in range(size // 2)}
    s = 0
    for i in range(n):
        s += i
        data[i % len(data)] = s
    return s


if __name__ == "__main__":
    timed(main)
