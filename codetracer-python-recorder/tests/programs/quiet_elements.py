"""Which object a line stores into is found before the line runs, by reading what it will read: elements of lists, tuples and dicts at computed places, attributes of these
(ext/quiet.c). Here the line itself changes what leads there, places are ints of all kinds, and containers change their types while the code stays."""

import collections

# Code that is not recorded; what dies lives on, so its death is not seen.
exec("""
kept = []

class Returns:
    def __init__(self, items):
        self.items = items
    def __del__(self):
        kept.append(self)
        self.items[0] = len(kept)
""")


class Node:
    def __init__(self, v=None):
        self.v = v
        self.w = None


class Shifted(list):
    def __getitem__(self, k):
        return list.__getitem__(self, k - 1)


class Missing(dict):
    def __missing__(self, key):
        self[key] = made = [key]
        return made


class Place(int):
    def __index__(self):
        return 1

    def __mod__(self, other):
        return 2


class Text(str):
    def __hash__(self):
        return hash("a")

    def __eq__(self, other):
        return other == "a"


def rows_and_columns(n):
    rows = [[0, 0, 0, 0] for _ in range(3)]
    last = 3
    for k in range(n):
        y = k % 3
        x = k * 7 % 4
        rows[y][x] = k * 1000
        rows[y][x - 1] = k * 1000
        rows[-1][0] = [k]
        rows[y - last][(x + 1) % 4] = k
        rows[-k // 2 % 3][k // 5 & 3] = k * 1000
        rows[(k - 7) % 3][-k % 4] = -k * 1000
        rows[y][x], rows[y] = k, rows[y - 1]
        rows[y][x] = k; rows[y] = [k, 1, 2, 3]
        rows[y] = [0, 1, 2, k]; rows[y][x] = k * 1000
        rows[y].append(k)
        del rows[y][4:]
        rows[y], rows[y - 1] = rows[y - 1], rows[y]
        y = x = 0; rows[y][x] = k * 1000
        y = 1; rows[y][x] = k; y = 2; rows[y][x] = k
        x, rows[y][x] = 1, k * 1000
        rows[y], rows[y][x] = [k, k, k, k], k + 1
    return rows


def nodes(n):
    items = [Node(i) for i in range(3)]
    j = 0
    for i in range(n):
        items[i % 3].v = i * 1000
        items[i % 3].w = items[(i + 1) % 3]
        items[i % 3].w.v = [i]
        items[i % 3].w.v.append(i)
        items[i % 3].w.w = None
        j = i % 3; items[j].v = i
        items[j].v = i * 1000; j = 0
        j, items[j].v = 1, i
        items[j], items[0].v = Node(i), i
        items[0], items[0].v = items[1], i * 1000 + 1
        items[0] = Node(i)
        items[0].w = items[1]; items[0].w.v = i * 1000 + 2
        items[0], items[2] = items[2], items[0]; items[0].v = i * 1000 + 3; items[2].v = i * 1000 + 4
        items.append(items[1]); items[-1].v = i * 1000 + 5
        items.pop(); items[-1].v = i * 1000 + 6
        items[j].v = items; items[j].v[0].v = i
        items[j].v = i; items[j] = Node(i)
        x = items[j]; items[j] = None; x.v = i
        items[j] = x; x = None
        x = items[2]; items = [Node(2), Node(3), x]; x.v = [i]
        x = items[0]; items = [Node(4), items[1], items[2]]; x.v = i; x = None
        items[j].v += 1 if type(items[j].v) is int else [1]
        if i % 2: items[j].v = i * 1000
        items[i % 2].v = items[i % 2 + 1].v = i
    return items


def chains(n):
    class Board:
        def __init__(self):
            self.rows = [[Node(1), 2], [3, Node(4)]]
            self.at = 0
            self.other = self.rows

        def put(self, k):
            self.rows[self.at][self.at].v = k * 1000
            self.at = k % 2
            self.rows[self.at][1 - self.at] = k * 1000
            self.at, self.rows[self.at][1 - self.at] = 0, k
            self.at = 1; self.rows[self.at][self.at].w = [k]
            self.rows = self.other; self.rows[0][1] = k * 1000
            self.other[self.at][1 - self.at], self.at = k, 0

    board = Board()
    for k in range(n):
        board.put(k)
        board.rows[0][0].v = board.rows[1][1].w = [k]
        board.rows[0][0].v.append(k)
        board.other = [list(board.rows[0]), board.rows[1]]
    return board


def places(n):
    items = [Node(0), Node(1), Node(2), Node(3)]
    big = 1 << 61
    given = [0, True, 2, Place(0), -1, 1 << 70, 2.0, "1", None, 3]
    for k in range(n):
        for at in given:
            try:
                items[at].v = k * 1000
                items[at % 4].w = k * 1000
                items[at * 1].v = k
                items[at + 1].v = k * 1000
                items[big + k - big - k].w = k
                items[k - k - 1].w = k * 1000
                items[at].v, at = k, 0
            except (TypeError, IndexError):
                at = 0
    return items


def by_key(n):
    table = {"a": Node(0), "b": [1, 2], "c": {"d": Node(3)}}
    other = dict(table)
    numbers = {0: Node(5), 1: Node(6)}
    key = "a"
    for k in range(n):
        key = "a"
        table[key].v = k * 1000
        table["b"][k % 2] = k * 1000
        table["c"]["d"].v = [k]
        table["c"]["d"].v.append(k)
        key = "b"; table[key][0] = k
        table[key][1] = k; table = other
        table["a"], table["a"].v = Node(k), k * 1000
        table["a"].v = k; del table["a"]; table["a"] = Node(k)
        table[Text("b" if k % 2 else "a")].w = k
        numbers[k % 2].v = k * 1000
        numbers[k % 2].w = numbers[1 - k % 2]
        numbers[k % 2].w.v = k
        if k == n // 2: table = {Text("a"): Node(7), "b": [3, 4], "c": {"d": Node(8)}}
        if k % 5 == 4: table, other = other, table
    return table


def kinds(n):
    """The same code, other containers."""
    a, b = Node(1), Node(2)
    all_ = [[a, b], (a, b), {0: a, 1: b}, Shifted([a, b]), collections.UserList([a, b]), collections.deque([a, b]), Missing({0: a}), [[a], [b]], (b, a)]
    for k in range(n):
        for items in all_:
            try:
                items[k % 2].v = k * 1000
                items[0].w = k * 1000
                items[k % 2].w, items[0].v = k, [k]
                items[1].append(k)
                items[k % 2][0] = Node(k)
                items[k % 2][0].v = k
            except (TypeError, AttributeError, IndexError):
                pass
        del all_[6][1][3:], all_[7][1][3:]
    return all_


def shared(n):
    """The place and the container lie in cells, and what is called changes them."""
    items = [Node(0), Node(1), Node(2)]
    j = 0

    def turn():
        nonlocal j
        j = (j + 1) % 3
        return j

    def replace():
        nonlocal items
        items = items[1:] + items[:1]
        return items

    for k in range(n):
        items[j].v = k * 1000
        turn(); items[j].v = k
        items[turn()].v = k * 1000
        items[j].w = turn()
        replace()[j].v = k
        items[j].w = replace()
        replace(); items[j].v = k * 1000
        items[j].v, items[j - 1].v = turn(), turn()
        items[j].w = None
    return items


def give(*given):
    return 1


def let_go_of(held, items):
    held[0] = None
    if items is None:
        a = b = c = d = e = f = g = h = i = j = k = l = m = n = 0  # noqa: F841  its frame is longer than that of __del__
    return 1


def only_on_the_stack(n):
    """The call lets go of the element that was loaded before it, and the comparison of the last reference."""
    items = [1]
    held = [None]
    for i in range(n):
        held[0] = Returns(items)
        give(held[0] is let_go_of(held, items), items)
        held[0] = Returns(items)
        give(held[i - i] is let_go_of(held, items), give(items))
        held[0] = Returns(items)
        give((held[0], 1)[1] is let_go_of(held, items), items)
    return items


def loops(n):
    items = [Node(i) for i in range(4)]
    rows = [[0] * 4 for _ in range(4)]
    for k in range(n):
        for i in range(4):
            items[i].v = k * 1000
            rows[i][3 - i] = k * 1000
        for i in range(4): items[i].w = k * 1000; rows[i][0] = k
        i = 0
        while i < 4: rows[i][i] = k * 1000; i += 1
        [rows[i].append(k) for i in range(2)]
        for row in rows: del row[4:]
        i = 0
        rows[i][i], i = k, 3
        for i, items[i].v in enumerate("ab"): rows[i][1] = k
    return items, rows


rows_and_columns(20)
nodes(20)
chains(20)
places(6)
by_key(20)
kinds(8)
shared(16)
only_on_the_stack(16)
loops(8)
