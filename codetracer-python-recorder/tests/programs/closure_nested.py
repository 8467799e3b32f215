"""A variable that passes through two levels of functions."""


def level0(x):
    def level1():
        y = x + 1

        def level2():
            nonlocal x, y
            x, y = y, x
            return x

        return level2(), x, y

    return level1()


print(level0(1))
