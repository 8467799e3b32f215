"""What lines store is found again (ext/quiet.c looks at the object, before the line runs, that it will be stored in): by other names, on paths that the line
itself changes, through an instance's dict, in tuples that an iterator fills anew."""


class Node:
    def __init__(self, v=None):
        self.v = v
        self.w = None


class Slots:
    __slots__ = ("v", "w")

    def __init__(self):
        self.v = self.w = [0]


def aliases(n):
    a = Node([1, 2, 3])
    b = a
    items = [a, [1, 2], {"k": [1]}]
    other = items
    for i in range(n):
        a.v = i
        b.w = a
        b.v = [i, i]
        a.v = b.v
        a.v[0] = b
        items[1] = other
        other[1] = [i]
        items[1].append(i)
        other[2]["k"] = i
        a.v, a = b, Node(i)
        b.w = a
        if i % 3:
            a, b = b, a
    return items


def paths(n):
    box = [[0], [1]]
    box[0] = box
    node = Node(Node([1]))
    for i in range(n):
        box[0][0] = box
        box[1][0] = i
        node.v.v = [i]
        node.v.w = node
        node.v, node.v.v = Node(i), i
        node.v.v = [1]
        node.v.v.append(i)
        node.v.v[0], node.v = 5, Node([i])
        node.v = node.w = [i]
        node.v.append(i); node.v = Node(i); node.v.v = [2]
    return node


def chosen(n):
    a, b, c = Node(1), Node(2), Node(3)
    node = Node(a)
    items, other = [1], [2]
    one, two = items, other
    for i in range(n):
        (a if i % 2 else b).v = i
        (a if i % 2 else node.v).v = i
        (i % 2 and a or b).v = [i]
        node.v, node.v.v = b, [i]
        node.v = c
        node.v, node.v.v = a, i
        node.v = c if i % 3 else b
        items.append(give(items := other))
        one[0], items = i, one
        (two if i % 2 else items)[0] = give(i)
        (two if give(i) % 2 else items)[0] = i
        c.v = give(node.v).w = give(i)
    return node


def give(x):
    return x


def slots(n):
    s = Slots()
    t = s
    for i in range(n):
        s.v = i
        t.w = [i]
        s.w[0] = t
        t.w.append(i)
        if i == n - 3:
            s = Node([1])
            s.w = [2]
    return t


def dicts(n):
    node = Node(1)
    plain = {"v": 0}
    table = plain
    for i in range(n):
        table["v"] = i
        plain["v"] = [i]
        if i == n // 2:
            table = node.__dict__
        if i == n // 2 + 10:
            node.__dict__ = plain
        node.v = i
    return table, node


def hold(node, n):
    table = vars(node)
    for i in range(n):
        node.v = i
        table["v"] = [i]
        node.v = [i]
    node.__dict__ = table = dict(table)
    for i in range(n):
        node.v = i
        x = i
        node.w = [i]
        x = 1
    return table


def filled_again(n):
    table = {i: [i] for i in range(n)}
    kept = []
    for pair in table.items():
        one = 1
        two = one
    for pair in zip(range(n), range(n)):
        one = pair[0]
    for pair in enumerate(table):
        one = pair[1]
    pair = None
    for other in table.items():
        pair = other
        other = None
    pairs = iter(table.items())
    for pair in pairs:
        pair = None
        for pair in pairs:
            pair = None
    return pair


def captured(n):
    items = [0]

    def put(x):
        nonlocal items
        items = [x, items[:2]]
        return items

    for i in range(n):
        items[0] = i
        put(i)[0] = 5
        items.append(put(i))
        items[0] = put(i)
        x = items
        x[0] = put
    return items


def recursive(n, items):
    items[0] = n
    if n:
        items[1] = recursive(n - 1, items)
        items[2].v = n
    return items[2]


def indexes(n):
    """Which element it is, is taken from the variable of the index as the line begins."""
    a = [0] * 8
    b = a
    c = [a, 0, 0]
    i = j = 0
    for k in range(n):
        i = k % 8
        a[i] = k * 1000
        j = i; a[j] = k
        j = (i + 1) % 8; a[j] = k * 1000
        a[j] = i; j = 0; a[j] = k
        a[i] = 1; a[j] = 2
        a[i], a[j] = a[j], a[i] + 1000
        b[i] = -k; a[j] = k
        a[i] = k if k % 2 else a[j]
        if k % 2: a[i] = k * 1000
        a.append(k); a[i] = 7
        a[i] = 8; a.append(k)
        a[i] = [k]
        a[i].append(k)
        a[i] = k
        c[0] = a; c[1] = k * 1000
        i = 2; c[i] = k; i = 1; c[i] = k
        a[-1] = k * 1000
        a[True] = 9
        a[i] = a
        a[i] = 10
        del a[8:]
    return c


def constant(j, n):
    """The first variable is none of the indexes."""
    a = [0] * 8
    for k in range(n):
        j = k % 4
        a[5] = k * 1000
        a[j + 1] = k
        a[len(a) - 1] = -k
    return a


def not_reached(n):
    """Instructions that are passed over: what they would store to, and where, may be anything then."""
    a = [0] * 8
    b = (1, 2)
    for k in range(n):
        j = k % 8 if k % 3 else 10 ** 7
        c = a if k % 3 else {0: 1}
        d = a if k % 3 else Node(1)
        if k % 3: a[j] = k * 1000
        if k % 3: c[0] = k * 1000
        j = 1
        if k % 3: c[j] = k
        if k % 3: d[j] = k * 1000
        j = k % 8 if k % 3 else "text"
        if k % 3: a[j] = -k
    return b


def gets_longer_and_shorter(n):
    a = [0] * 4
    for k in range(n):
        i = k % 3
        a.append(k); a[i] = k * 1000
        a[i] = k; a.append(k)
        del a[4:]
        a[i] = -k; del a[3]
        a[i] = k * 1000
        a.insert(0, k)
        a[i] = 5
    return a


def texts(n):
    s = ""
    held = [s]
    for i in range(n):
        s += "x"
        held[0] = s
        s += "y"
    return held


aliases(20)
paths(20)
chosen(16)
slots(20)
dicts(24)
node = Node(1)
hold(node, 12)
filled_again(6)
captured(12)
recursive(16, [0, 0, Node(1)])
indexes(24)
constant(0, 24)
not_reached(48)
gets_longer_and_shorter(24)
texts(12)
print(node.v)
