"""Containers and objects that are cut because they are too deep."""


class Link:
    def __init__(self, following):
        self.following = following


chain = None
for n in range(5):
    chain = Link(chain)
nested = []
for n in range(8):
    nested = [nested, n]
table = {}
for n in range(8):
    table = {"deeper": table}
mixed = [[Link([Link([[[[range(3)]]]])])]]
inside = Link(range(2))
deeper = Link(Link(slice(1)))
error = ValueError(ValueError([ValueError(1)]))
print("done")
