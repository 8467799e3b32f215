"""functools.lru_cache: cached calls are not made."""

import functools


@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Lazy:
    @functools.cached_property
    def value(self):
        return [1]


lazy = Lazy()
print(fib(5), fib(4), lazy.value, lazy.value, fib.cache_info().hits)
