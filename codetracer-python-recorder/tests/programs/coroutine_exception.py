"""Exceptions pass through awaits, and a coroutine is closed."""


class Pause:
    def __await__(self):
        yield "paused"


async def failing():
    try:
        await Pause()
    finally:
        state = "left"


async def outer():
    try:
        await failing()
    except ValueError as error:
        return "handled %s" % error


coroutine = outer()
coroutine.send(None)
try:
    coroutine.throw(ValueError("thrown"))
except StopIteration as stop:
    print(stop.value)
closed = outer()
closed.send(None)
closed.close()
