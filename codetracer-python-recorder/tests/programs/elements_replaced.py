"""A few elements of a container replaced at a time (ext/image.c image_change, ext/objects.c patches): scalars by objects and back, what died by what lies at its address, the same
object at two places, equal scalars, and enough of them that the state is put together anew."""


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Own(list):
    pass


def scalars(items):
    for i in range(70): # more than patches are kept
        items[i % 7] = i * 1000
    items[0] = items[0] + 0
    items[1] = int("69000")
    items[2] = 1.5
    items[2] = float("1.5")
    items[3] = -0.0
    items[3] = 0.0
    items[4] = "a text that is somewhat longer " * 3
    items[4] = "".join(["a text that is somewhat longer "] * 3)
    items[5] = b"some bytes"
    items[5] = 1j
    items[6] = True
    items[6] = 1
    items[6] = 1.0
    items.append(1)
    items[0], items[1] = items[1], items[0]
    items[0], items[1], items[2], items[3] = 1, 2, 3, 4
    items[0], items[1], items[2], items[3], items[4] = 9, 8, 7, 6, 5
    del items[3]
    items[3] = 10 ** 40
    items[3] = 10 ** 40 + 1
    items[3] = "x" * 100_000
    items[3] = "y"
    return items


def objects(items):
    first = items[0]
    for i in range(20):
        items[i % 5] = [i] # often at the address of the one that dies
    items[1] = items[2] = [first]
    items[1] = None
    items[2] = None
    items[3] = first
    items[0] = first
    items[3] = 5
    first.append("in it")
    items[0] = 6
    first.append("not in it any more")
    items[1] = first
    items[1], items[4] = items[4], items[1]
    items[4].append("in it again")
    items[0] = [[0]]
    items[0][0] = [1]
    items[0][0][0] = 2
    items[0] = Own([1, 2])
    items[0][1] = 3
    items[0].attribute = 4
    items[0][0] = 5
    a = b = None
    for i in range(10):
        items[0] = None
        items[1] = None
        items[1] = (i,)
        items[0] = (i + 1000,)
    return items


def entries(table):
    for i in range(70):
        table[i % 5] = i * 1000
    table["text"] = [1]
    table["text"] = [2]
    table["text"].append(3)
    table[2.0] = "under an equal key"
    table[True] = 5
    del table[2]
    table[2] = "comes last"
    table[None] = table
    table[None] = 7
    return table


def attributes(point):
    for i in range(70):
        point.x = i * 1000
    point.x = [1]
    point.y = [2]
    point.x, point.y = point.y, point.x
    point.x.append(3)
    point.x = None
    point.x = 4
    del point.x
    point.x = 6
    point.__dict__["y"] = 7
    point.y = 8
    return point


scalars([0] * 7)
objects([[0], [1], [2], [3], [4]])
entries({0: 0, 1: 1, 2: 2, 3: 3, 4: 4})
attributes(Point(1, 2))
