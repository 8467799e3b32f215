"""Async generators yield values, await in between, and are closed."""

import asyncio


async def ticker(n):
    try:
        for tick in range(n):
            yield tick
            await asyncio.sleep(0)
    finally:
        print("ticker left")


async def main():
    seen = [tick async for tick in ticker(2)]
    generator = ticker(5)
    seen.append(await generator.__anext__())
    await generator.aclose()
    return seen


print(asyncio.run(main()))
