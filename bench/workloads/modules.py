"""Imports n modules of its own, written beside it the first time, each with a class and two functions."""

import compileall
import importlib
import sys
from pathlib import Path

from timed import timed

MODULE = '''
"""Module {i}."""
import re

LIMIT = {i}
NAMES = ["a", "b", "c"]


class Thing:
    kind = "thing {i}"

    def __init__(self, value):
        self.value = value

    def double(self):
        return self.value * 2


def first(value):
    return Thing(value).double()


def second(value, *, times=2):
    return first(value) * times
'''


def package(n):
    folder = Path(__file__).with_name(f"many{n}")
    if not folder.exists():
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for i in range(n):
            (folder / f"module{i}.py").write_text(MODULE.format(i=i))
        compileall.compile_dir(folder, quiet=1)
    sys.path.insert(0, str(folder.parent))
    return folder.name


def main(n):
    name = package(n)
    return sum(importlib.import_module(f"{name}.module{i}").LIMIT for i in range(n))


if __name__ == "__main__":
    timed(main)
