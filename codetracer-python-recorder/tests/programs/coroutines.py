"""Coroutines that await each other, driven by hand."""


class Pause:
    def __init__(self, name):
        self.name = name

    def __await__(self):
        answer = yield self.name
        return answer


async def inner(n):
    answer = await Pause("inner %d" % n)
    return answer * 2


async def outer():
    first = await inner(1)
    second = await inner(2)
    return first + second


coroutine = outer()
print(coroutine.send(None), coroutine.send(10))
try:
    coroutine.send(20)
except StopIteration as stop:
    print(stop.value)
