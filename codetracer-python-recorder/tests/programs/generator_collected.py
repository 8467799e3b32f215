"""A generator that is suspended in try/finally is dropped."""


def open_thing():
    try:
        yield "open"
    finally:
        print("closed")


generator = open_thing()
next(generator)
del generator
print("after")
for first in open_thing():
    break
generator = None
print("end")
