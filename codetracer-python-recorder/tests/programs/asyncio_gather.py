"""asyncio runs coroutines in turn."""

import asyncio


async def worker(name, steps):
    done = []
    for step in range(steps):
        await asyncio.sleep(0)
        done.append((name, step))
    return done


async def main():
    results = await asyncio.gather(worker("a", 1), worker("b", 2))
    return [item for result in results for item in result]


print(asyncio.run(main()))
