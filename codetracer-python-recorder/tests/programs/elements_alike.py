"""Lists and tuples whose elements are small constants, changed so that little looks different: what a comparison of addresses must not miss."""


def swap(items):
    items[0], items[1] = items[1], items[0]
    items[0] = True
    items[0] = 1
    items[0] = 1.0
    items[0] = 1
    items[1] = None
    items[1] = 0
    items.append(256)
    items[-1] = 257
    items[-1] = 256
    items.pop()
    items.clear()
    items.extend((1, 0))
    items[:] = [1, 0]
    items.reverse()
    items.sort()
    return items


def grow(items):
    for n in range(3):
        items.insert(0, n)
        del items[-1]
    items += ["a", "b"]
    items[3] = "".join(["a"])
    items[3] = "a"
    items[4] = items
    items[4] = "b"
    return len(items)


def reused():
    seen = []
    for pair in enumerate("ab"):
        seen.append(pair[0])
    for pair in zip((1, 2), (3, 4)):
        seen.append(pair[1])
    for pair in {1: 2, 3: 4}.items():
        seen.append(pair[0])
    return seen


def fresh():
    other = row = [0, 0]
    row = [0, 0]
    row = [0, 1]
    del row
    row = [0, 1]
    return row


class Items(list):
    pass


swap([1, 0])
grow([5, 6, 7])
print(reused(), fresh())
own = Items([1, 2])
own.mark = 1
own.mark = 2
own[0] = 2
own.__class__ = Items
print(own)
