"""Where a key's entry lies in a dict is found before the line runs that stores it (ext/compat/compat.h ct_dict_position, ext/quiet.c place_of), and that entry alone is compared (ext/image.c):
keys that are equal and of other types, or have the same hash; dicts with holes, of several sizes, shared, and changed by the line itself."""


def entries(n):
    """Which entry of a dict it is, is told by its key as the line begins."""
    a = {i: 0 for i in range(8)}
    b = a
    texts = {"a": 0, "b": 1, "c": 2}
    mixed = {1.0: 0, 2: 1, "a": 2, 2 ** 61 - 1: 3, 0: 4, -2: 5, -1: 6}  # the same hashes: 1 and 1.0, 0 and 2 ** 61 - 1, -1 and -2
    holes = {i: 0 for i in range(8)}
    del holes[3], texts["b"]
    texts["b"] = 3
    c = [a, texts, mixed]
    i = j = 0
    for k in range(n):
        i = k % 8
        a[i] = k * 1000
        j = i; a[j] = k
        j = (i + 1) % 8; a[j] = k * 1000
        a[j] = i; j = 0; a[j] = k
        a[i] = 1; a[j] = 2
        a[i], a[j] = a[j], a[i] + 1000
        b[i] = -k * 1000; a[j] = k
        a[i + 8] = k * 1000
        a[i + 8] = k; a[i] = k * 1000
        if k % 2: a[i] = k
        a[True] = k * 1000
        a[1.0] = k * 1001
        key = "abc"[k % 3]
        texts[key] = k * 1000
        texts["a"] = k; key = "b"; texts[key] = k
        texts["a" + key] = k * 1000
        mixed[1] = k * 1000
        mixed[0] = k; mixed[-1] = k
        mixed[-2] = k * 1000
        mixed[-1] = k * 1001
        mixed["a"] = k * 1000
        mixed[2] = k; mixed[2.0] = k * 1000
        holes[i] = k * 1000
        holes[k % 3] = k
        a[i] = [k]
        a[i].append(k)
        a[i] = k; c[0] = a; c[1] = k * 1000
        c[1] = texts
        a[i] = a
        a[i] = 10
        if k == n // 2: a = dict(b); texts = {"b": 1, "a": 2}
        if k == n // 2: b.clear(); b[0] = 1
    return c


class Number(int):
    """Equal to a number in another place."""

    def __hash__(self):
        return 3

    def __eq__(self, other):
        return int(self) + 1 == other


class Word(str):
    __hash__ = str.__hash__

    def __eq__(self, other):
        return False


def keys(n):
    """The first key with that hash is of another type, which has its own idea of what is equal; or the code meets another kind of dict."""
    a = {Number(2): 0, 3: 1, 4: 2}
    b = {Word("a"): 0, "a": 1, "b": 2}
    same = [{1: 0, 2: 1}, {1.0: 0, 2: 1}, {True: 0, 2: 1}, {"a": 0, 1: 1}, {2: 0, 1: 1}, [0, 1], {(1, 2): 0, 1: 1}]
    word = "a"
    for k in range(n):
        a[3] = k * 1000
        i = k % 2 + 3
        a[i] = k * 1000
        b["a"] = k * 1000
        word = "b" if k % 2 else "a"
        b[word] = k * 1000
        one = same[k // 6 % 7]
        i = k
        one[1] = k * 1000
        i = 1
        one[i] = k * 1001
        one[i] = k
        same[3][word] = k * 1000
        if k == n // 2: del a[3]
        if k == n // 2: a[3] = 5
    return a, b


class Less(int):
    def __hash__(self):
        return 3

    __eq__ = int.__gt__


class OtherNumber(int):
    __hash__ = int.__hash__
    __eq__ = int.__ne__


class Before(str):
    def __hash__(self):
        return hash("a")

    __eq__ = str.__gt__


class OtherWord(str):
    __hash__ = str.__hash__
    __eq__ = str.__ne__


def compared_in_c(n):
    """What tells whether the keys are equal leaves no mark: a function written in C, which takes different ones for equal, or equal ones for different."""
    a = {Less(2): 0, 3: 1}
    b = {OtherNumber(3): 0, 3: 1}
    c = {Before("A"): 0, "a": 1}
    d = {OtherWord("a"): 0, "a": 1}
    Less.__eq__ = int.__lt__
    Before.__eq__ = str.__lt__
    for k in range(n):
        a[3] = k * 1000
        b[3] = k * 1000
        c["a"] = k * 1000
        d["a"] = k * 1000
    return a, b, c, d


def sizes(n):
    """Tables whose places are told by one byte, or by two; and one that grows."""
    a = dict.fromkeys(range(130, -1, -1), 0)
    b = {}
    for k in range(n):
        a[k * 7 % 130] = k * 1000
        b[k] = k
        b[k // 2] = k * 1000
        if k == n // 2: del a[130]
    return b


entries(16)
keys(42)
print([list(made.values()) for made in compared_in_c(12)])
sizes(16)
