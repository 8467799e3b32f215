"""A generator with finally is closed, one without is closed, one ignores being closed."""


def careful():
    try:
        yield 1
    finally:
        print("cleaning")


def careless():
    yield 1
    yield 2


def stubborn():
    try:
        yield 1
    except GeneratorExit:
        yield 2


for make in (careful, careless, stubborn):
    generator = make()
    next(generator)
    try:
        generator.close()
    except RuntimeError as error:
        print(error)
