"""Dict subclasses of the standard library: OrderedDict, defaultdict, Counter."""

import collections

ordered = collections.OrderedDict(a=1, b=2)
ordered["c"] = 3
grouped = collections.defaultdict(list)
grouped["x"].append(1)
missing = grouped["y"]
counts = collections.Counter("abca")
counts.subtract("a")
print(list(ordered), dict(grouped), counts["a"])
