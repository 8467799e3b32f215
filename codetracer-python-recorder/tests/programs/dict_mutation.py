"""Dicts are changed in all ways."""

table = {"a": 1}
table["b"] = 2
table.update(c=3, d=4)
del table["a"]
table["a"] = "at the end"
popped = table.pop("b")
table.setdefault("list", []).append(1)
table |= {"e": 5}
last = table.popitem()
keys = {(1, 2): "tuple", 1.5: "float", None: "none", True: "bool", b"b": "bytes"}
for key in list(table):
    table[key] = key * 2
copy = dict(table)
table.clear()
print(copy, popped, last, len(keys))
