"""Subclasses of int, float, str, list, tuple, dict, set, bytes and complex with attributes."""


class Number(int):
    pass


class Ratio(float):
    pass


class Text(str):
    pass


class Items(list):
    pass


class Pair(tuple):
    pass


class Table(dict):
    pass


class Unique(set):
    pass


class Data(bytes):
    pass


class Plane(complex):
    pass


values = [Number(5), Ratio(1.5), Text("t"), Items([1]), Pair((1, 2)), Table(a=1), Unique([1]), Data(b"d"), Plane(1j)]
for value in values:
    value.attribute = "own"
print(len(values))
