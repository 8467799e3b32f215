"""__del__ of a function's locals, deleted and at its end."""


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


def run():
    first = Loud("first")
    second = Loud("second")
    del first
    second = None
    third = Loud("third")
    return 1


print(run())
