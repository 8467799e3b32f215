"""Subclasses of containers and strings whose methods lie or fail."""


class LyingList(list):
    def __iter__(self):
        raise RuntimeError("iterated")

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        raise RuntimeError("indexed")


class LyingDict(dict):
    def items(self):
        raise RuntimeError("items")

    keys = values = __iter__ = __len__ = __getitem__ = items


class LyingStr(str):
    def __str__(self):
        raise RuntimeError("str")

    encode = __len__ = __getitem__ = __iter__ = __repr__ = __str__


class LyingInt(int):
    def __int__(self):
        raise RuntimeError("int")

    __index__ = __repr__ = __str__ = __abs__ = __lt__ = __int__


class LyingClass:
    @property
    def __class__(self):
        raise RuntimeError("class")


items = LyingList([1, 2])
table = LyingDict(a=1)
text = LyingStr("text")
number = LyingInt(7)
big = LyingInt(2**70)
lying = LyingClass()
items.attribute = "own"
print("not called")
