"""Generators written on one line: each loop is on the line of the yield."""


def forever():
    n = 0
    while True: n = yield n


def three(): yield 1; yield 2; yield 3


generator = forever()
print(next(generator), generator.send(5), generator.send(6))
print(list(three()))
generator.close()
