"""A task fails, another is cancelled."""

import asyncio


async def fail():
    await asyncio.sleep(0)
    raise ValueError("task")


async def wait():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        state = "cancelled"
        raise


async def main():
    results = await asyncio.gather(fail(), return_exceptions=True)
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        results.append("cancelled")
    return [str(result) for result in results]


print(asyncio.run(main()))
