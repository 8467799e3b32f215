"""Named tuples of both spellings, and with a subclass that has a method."""

import collections
import typing

Pair = collections.namedtuple("Pair", "left right", defaults=[None])


class Entry(typing.NamedTuple):
    key: str
    value: int = 0

    def doubled(self):
        return self._replace(value=self.value * 2)


pair = Pair(1)
entry = Entry("k", 2).doubled()
print(pair, entry, pair._asdict())
