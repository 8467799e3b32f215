"""async with, with an exception that is swallowed."""

import asyncio


class Guard:
    async def __aenter__(self):
        await asyncio.sleep(0)
        return "entered"

    async def __aexit__(self, kind, error, traceback):
        await asyncio.sleep(0)
        return kind is KeyError


async def main():
    async with Guard() as state:
        result = state
    async with Guard():
        raise KeyError("swallowed")
    return result


print(asyncio.run(main()))
