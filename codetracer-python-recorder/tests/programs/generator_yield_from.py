"""yield from passes values, sent values, exceptions and the return value."""


def inner():
    received = yield "a"
    try:
        yield received
    except ValueError:
        yield "caught"
    return "result"


def outer():
    got = yield from inner()
    yield from "xy"
    return got


generator = outer()
print(next(generator), generator.send("sent"), generator.throw(ValueError()))
print(list(generator))
