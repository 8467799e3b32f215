"""Exceptions are thrown into a generator: handled, changed and not handled."""


def patient():
    handled = 0
    while True:
        try:
            yield handled
        except ValueError:
            handled += 1
        except KeyError as error:
            raise LookupError("changed") from error


generator = patient()
next(generator)
print(generator.throw(ValueError("one")))
try:
    generator.throw(KeyError("two"))
except LookupError as error:
    print(error)
other = patient()
next(other)
try:
    other.throw(OSError("three"))
except OSError as error:
    print(error)
fresh = patient()
try:
    fresh.throw(ValueError("before the start"))
except ValueError as error:
    print(error)
