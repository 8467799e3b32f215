"""Yielding None, returning None and being thrown at are told apart."""


def nothing():
    yield
    yield None
    try:
        yield
    except ValueError:
        yield


generator = nothing()
print(next(generator), next(generator), next(generator), generator.throw(ValueError))
try:
    generator.throw(TypeError("out"))
except TypeError as error:
    print(error)
