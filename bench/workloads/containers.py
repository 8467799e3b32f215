"""A local container of `size` elements, of which one changes in every round of a loop.

argv: rounds kind size; kind: list, dict, graph (instances, one attribute of one of them changes), or element (the same, without a variable for that one).
"""

import sys

from timed import timed

CHANGED = 1000  # of the elements: a recorder may not look at all of a very long container


class Node:
    def __init__(self, number):
        self.number = number
        self.other = None


def change_list(n, size):
    items = list(range(1000, 1000 + size))
    changed = min(size, CHANGED)
    for i in range(n):
        items[i % changed] = i
    return items[0]


def change_dict(n, size):
    table = {key: key + 1000 for key in range(size)}
    changed = min(size, CHANGED)
    for i in range(n):
        table[i % changed] = i
    return table[0]


def change_graph(n, size):
    nodes = [Node(number) for number in range(size)]
    changed = min(size, CHANGED)
    for i in range(n):
        node = nodes[i % changed]
        node.number = i
    return nodes[0].number


def change_element(n, size):
    nodes = [Node(number) for number in range(size)]
    changed = min(size, CHANGED)
    for i in range(n):
        nodes[i % changed].number = i
    return nodes[0].number


def main(n):
    return globals()["change_" + sys.argv[2]](n, int(sys.argv[3]))


if __name__ == "__main__":
    timed(main)
