"""A pool of one worker thread runs functions in order."""

import concurrent.futures


def square(n):
    return n * n


with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
    futures = [pool.submit(square, n) for n in range(3)]
    print([future.result() for future in futures])
