"""Conditional expressions, short circuits and chained comparisons."""


def touched(value):
    seen.append(value)
    return value


seen = []
result = (touched(1) if touched(0) else touched(2)) and touched(3) or touched(4)
chain = touched(1) < touched(3) < touched(2) < touched(9)
print(result, chain, seen)
