"""An exception inside an inlined comprehension, caught around it."""


def risky(items):
    x = "kept"
    try:
        result = [10 // x for x in items]
    except ZeroDivisionError:
        result = None
    return x, result


print(risky([1, 2]), risky([1, 0]))
