"""In place of the real pyperf: a benchmark of pyperformance runs once, in this process, in the size that its first argument says."""

import argparse
import sys

from timed import timed

# Where a benchmark keeps its size in a global variable. Others take it as their argument.
SIZES = {"go": "GAMES", "async_tree_none": "NUM_RECURSE_LEVELS", "async_tree_io": "NUM_RECURSE_LEVELS"}


class Runner:
    def __init__(self, **options):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()

    def parse_args(self):
        return self.argparser.parse_args(sys.argv[2:])

    def bench_func(self, name, function, *arguments):
        def main(n):
            if name not in SIZES:
                return function(n)
            getattr(function, "__func__", function).__globals__[SIZES[name]] = n
            return function(*arguments)

        timed(main)

    def bench_async_func(self, name, function):
        import asyncio  # only here: it is large

        def main(n):
            function.__func__.__globals__[SIZES[name]] = n
            return asyncio.run(function())

        timed(main)
