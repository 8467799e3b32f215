"""Key states: what a reader finds at a segment's start is what it would have reached by reading all before it.

The recorder is made to begin segments often; tests/c/check_journal.c compares, for every one of them, the state that the replay has reached with the
one that the recorder wrote from its own tables.
"""

import os
import re
import subprocess
import sys

import pytest

from conftest import PACKAGE, environment_for

PROGRAMS = PACKAGE / "tests" / "programs"
RECORD = """
import os, sys
from codetracer_python_recorder import _native
path, folder = sys.argv[1:]
os.mkdir(folder)
code = compile(open(path, encoding="utf-8").read(), path, "exec")
skip = [os.path.dirname(os.__file__)]
_native.start(folder + "/journal.ctj", folder + "/journal.live", {"segment_bytes": 1000, "block_bytes": 1024, "skip_prefixes": skip})
try:
    exec(code, {"__name__": "__main__"})
finally:
    _native.stop(0)
"""
# Loops, so that there is enough for several segments, around what lives long: objects, generators, threads, deep stacks.
BUSY = '''
import threading, collections
class Node:
    def __init__(self, value, rest=None):
        self.value, self.rest = value, rest
def chain(n):
    node = None
    for i in range(n):
        node = Node(i, node)
    return node
def numbers():
    n = 0
    while True:
        n += 1
        yield n
def deep(n, seen):
    seen.append(n)
    return deep(n - 1, seen) if n else len(seen)
alive = numbers()
dropped = numbers()
next(dropped)
def work(log):
    for i in range(300):
        log.append(str(i) * 20)
        if i % 50 == 0:
            log.clear()
table = {}
for i in range(150):
    table[i % 7] = chain(i % 9)
    next(alive)
    text = "x" * i
    if i == 70:
        del dropped
    if i % 30 == 0:
        deep(40, [])
threads = [threading.Thread(target=work, args=([],)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
queue = collections.deque(maxlen=5)
for i in range(200):
    queue.append({i: [i]})
'''


@pytest.fixture(scope="module")
def check_journal():
    found = sorted((PACKAGE.parent / "build").glob("*/tests/c/check_journal"), key=lambda path: path.stat().st_mtime)
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("tests/c/check_journal is not built (make test does)")
    return found[-1]


def check(path, tmp_path, check_journal):
    folder = tmp_path / "trace"
    process = subprocess.run([sys.executable, "-c", RECORD, str(path), str(folder)], env=environment_for(), cwd=PROGRAMS, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    process = subprocess.run([str(check_journal), str(folder)], capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    segments, steps = map(int, re.fullmatch(r"segments (\d+) steps (\d+)\n", process.stdout).groups())
    return segments, steps


def test_of_a_busy_program(tmp_path, check_journal):
    path = tmp_path / "busy.py"
    path.write_text(BUSY)
    segments, steps = check(path, tmp_path, check_journal)
    assert segments > 10 and steps > 3000


@pytest.mark.parametrize("name", ["algorithms", "asyncio_gather", "cycles", "deep_values", "generators", "list_mutation", "threads_alternating"])
def test_of_the_differential_programs(name, tmp_path, check_journal):
    check(PROGRAMS / (name + ".py"), tmp_path, check_journal)


# What was looked at whole, lies beyond the depth limits now, and changes there in what can be seen of it. No line but those of fill() runs afterwards.
BEYOND = """
class Rows(list):
    pass
def fill():
    total = 0
    for i in range(2000):
        total += i * 1000003
def hidden():
    inner = {"type": "word", "n": 1, "m": 2}
    shown = len(inner)
    outer = {"a": {"b": {"c": {"d": {"e": {"plain": inner}}}}}}
    del inner
    outer["a"]["b"]["c"]["d"]["e"]["password"] = outer["a"]["b"]["c"]["d"]["e"].pop("plain")
    fill()
def fields():
    rows = Rows([1, 2])
    rows.name = "n"
    shown = len(rows)
    outer = {"a": {"b": {"c": {"d": {"e": {"f": rows}}}}}}
    del rows
    outer["a"]["b"]["c"]["d"]["e"]["f"].append(3)
    fill()
"""


@pytest.mark.parametrize("what", ["hidden", "fields"])
def test_of_what_changes_beyond_the_limits(what, tmp_path, check_journal):
    path = tmp_path / "beyond.py"
    path.write_text(BEYOND + f"{what}()\n")
    segments, _ = check(path, tmp_path, check_journal)
    assert segments > 5
