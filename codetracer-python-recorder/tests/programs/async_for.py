"""async for over a class with __aiter__ and __anext__."""

import asyncio


class Countdown:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.n:
            raise StopAsyncIteration
        self.n -= 1
        await asyncio.sleep(0)
        return self.n


async def main():
    seen = []
    async for n in Countdown(2):
        seen.append(n)
    else:
        seen.append("else")
    return seen, [n async for n in Countdown(1)]


print(asyncio.run(main()))
