"""finally that returns, breaks and continues over an exception or a return."""


def swallow():
    try:
        raise ValueError
    finally:
        return "from finally"


def override():
    try:
        return "first"
    finally:
        cleanup = True


def loop():
    seen = []
    for n in range(4):
        try:
            if n == 1:
                continue
            if n == 3:
                break
            seen.append(n)
        finally:
            seen.append("f%d" % n)
    return seen


print(swallow(), override(), loop())
