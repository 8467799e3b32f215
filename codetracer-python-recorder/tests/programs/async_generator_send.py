"""Values and exceptions are sent into an async generator, driven by hand."""


async def echo():
    received = None
    while True:
        try:
            received = yield received
        except ValueError:
            received = "caught"


def drive(awaitable):
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value


generator = echo()
drive(generator.__anext__())
print(drive(generator.asend([1])))
print(drive(generator.athrow(ValueError())))
drive(generator.aclose())
