"""Objects that contain themselves: list, dict, tuple through list, instance."""


class Node:
    def __init__(self):
        self.me = self


items = [1]
items.append(items)
table = {}
table["table"] = table
inner = []
pair = (inner, 1)
inner.append(pair)
node = Node()
left, right = {"name": "left"}, {"name": "right"}
left["other"], right["other"] = right, left
print(len(items), len(table), len(inner))
