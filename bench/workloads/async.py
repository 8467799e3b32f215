"""Generators and asyncio tasks."""
import asyncio

from timed import timed


def evens(n):
    for i in range(n):
        if i % 2 == 0:
            yield i


def squares(it):
    for v in it:
        yield v * v


async def worker(q, out):
    while True:
        v = await q.get()
        if v is None:
            return
        out[0] += v
        await asyncio.sleep(0)


async def run(n):
    q = asyncio.Queue(10)
    out = [0]
    tasks = [asyncio.create_task(worker(q, out)) for _ in range(4)]
    for v in squares(evens(n)):
        await q.put(v)
    for _ in tasks:
        await q.put(None)
    await asyncio.gather(*tasks)
    return out[0]


def main(n):
    return asyncio.run(run(n))


if __name__ == "__main__":
    timed(main)
