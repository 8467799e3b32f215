"""Exceptions of Python code that C code swallows: hasattr, getattr, iteration protocols."""


class Shy:
    @property
    def hidden(self):
        raise AttributeError("hidden")

    def __getitem__(self, index):
        if index > 1:
            raise IndexError(index)
        return index

    def __len__(self):
        raise TypeError("no length")


shy = Shy()
print(hasattr(shy, "hidden"), getattr(shy, "hidden", "default"), 1 in shy)
print(list(iter(shy)))
