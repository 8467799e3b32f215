"""Values of kinds that have no parts: Ellipsis, iterators, code, cells, generators, modules in containers."""

import math
import re
import types

odd = [..., NotImplemented, object(), iter([]), (n for n in ()), re.compile("a"), {}.keys(), types.MappingProxyType({})]
modules = {"math": math, "nested": [re]}
code = compile("1", "<x>", "eval")
namespace = types.SimpleNamespace(a=1, b=[2])
generic = list[int]
union = int | None
print(namespace.a)
