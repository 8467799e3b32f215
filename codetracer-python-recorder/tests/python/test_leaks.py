"""Many recordings in one process: nothing that they take stays behind. Without a debug build: objects, memory, descriptors and threads are counted."""

import os

import pytest

CODE = """
import asyncio, dataclasses, enum, gc, os, sys, threading, decimal, datetime, pathlib
from codetracer_python_recorder import trace, _native
class Color(enum.Enum): RED = 1
@dataclasses.dataclass
class Data: x: int; y: object
class Slots: __slots__ = ("a", "b")
class Raises(Exception): pass
kept_list = [[n] for n in range(20)]
def gen(n):
    for i in range(n): yield i
def bad(n): raise Raises(n, [n])
async def coroutine(n): return n
def work(n):
    class Local: pass
    o = Local(); o.n = [n, {n: str(n) * 30}]; o.me = o
    s = Slots(); s.a = o
    values = [n, 1.5 * n, 10 ** 30 + n, "x" * 40 + str(n), b"y" * 30, {n}, frozenset([n]), (n, [n]), range(n), slice(n), Color.RED, Data(n, o), decimal.Decimal(n),
              datetime.datetime(2024, 1, 1), pathlib.PurePath("a") / str(n), kept_list, len, work, int, 1j]
    try: bad(n)
    except Raises as e: keep = e
    g = gen(3); next(g)
    list(gen(2)); [x for x in gen(2)]
    c = coroutine(n)
    try: c.send(None)
    except StopIteration: pass
    exec(compile("z = 1", "<s>", "exec"))
    return values
def thread():
    t = threading.Thread(target=work, args=(3,)); t.start(); t.join()
def once(n, format="journal", **how):
    with trace("t", format=format, **how):
        work(n % 50)
        if n % 50 == 0: thread(); sys.stdout.write("")
def state():
    gc.collect(); gc.collect()
    with open("/proc/self/statm") as f: pages = int(f.read().split()[1])
    return len(gc.get_objects()), sys.getallocatedblocks(), pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
"""

sanitized = pytest.mark.skipif(bool(os.environ.get("CODETRACER_SANITIZE")), reason="a sanitizer's allocator keeps freed memory: counts mean nothing")


def grown(answer):
    before, after = (eval(line) for line in answer.out.splitlines())
    return dict(zip(("objects", "blocks", "memory", "descriptors", "threads"), (b - a for a, b in zip(before, after))))


@sanitized
def test_a_thousand_recordings(journal):
    answer = journal(
        CODE + "for n in range(200): once(n)\nbefore = state()\nfor n in range(1000): once(n)\nafter = state()\nprint(before); print(after)\n", plainly=True, timeout=120
    )
    growth = grown(answer)
    assert growth["objects"] < 50 and growth["descriptors"] == 0 and growth["threads"] == 0, growth
    assert growth["blocks"] < 500, growth
    assert growth["memory"] < 3 << 20, growth


@sanitized
@pytest.mark.parametrize("how", ["format='ct'", "format='json'", "globals='referenced', include_stdlib=True, include_exec=True", "max_items=2, max_depth=1, max_string=16"])
def test_recordings_of_other_kinds(journal, how):
    answer = journal(
        CODE + f"for n in range(120): once(n, {how})\nbefore = state()\nfor n in range(50): once(n, {how})\nafter = state()\nprint(before); print(after)\n",
        plainly=True,
        timeout=120,
    )
    growth = grown(answer)
    assert growth["objects"] < 50 and growth["descriptors"] == 0 and growth["threads"] == 0 and growth["blocks"] < 500, growth
    assert growth["memory"] < 4 << 20, growth


@sanitized
def test_a_long_recording_does_not_grow(journal):
    """Objects, classes, functions, code, threads and generators that come and go within one recording."""
    answer = journal(
        CODE
        + """
def many(count):
    for n in range(count):
        work(n)
        ns = {}
        exec(compile(f"def made{n % 7}(a):\\n    b = a\\n    return b", __file__, "exec"), ns)
        ns[f"made{n % 7}"](n)
        if n % 100 == 0: thread()
many(600)
before = state()
many(1800)
after = state()
print(before); print(after)
""",
        events=False,
    )
    growth = grown(answer)
    assert growth["objects"] < 50 and growth["descriptors"] <= 1 and growth["threads"] <= 1, growth
    assert growth["memory"] < 6 << 20, growth


@sanitized
def test_failed_starts_leave_nothing(journal):
    answer = journal(
        CODE
        + """
from codetracer_python_recorder import start, stop
import codetracer_python_recorder.errors as errors
def failing():
    for path, how in (("prog.py", {}), ("t", {"max_depth": 0}), ("t", {"format": "x"}), ("/proc/none/t", {})):
        try: start(path, **how)
        except (ValueError, OSError, RuntimeError, errors.RecorderError): pass
        else: raise SystemError(path)
    start("t")
    try: start("u")
    except RuntimeError: pass
    stop()
for _ in range(20): failing()
before = state()
for _ in range(200): failing()
after = state()
print(before); print(after)
""",
        plainly=True,
        timeout=120,
    )
    growth = grown(answer)
    assert growth["objects"] < 20 and growth["descriptors"] == 0 and growth["threads"] == 0 and growth["memory"] < 3 << 20, growth


DEEP = """
import threading
def nest(make):
    value = None
    for _ in range(100_000):
        value = make(value)
    return value
MAKERS = [lambda v: [v], lambda v: (v,), lambda v: {1: v}, lambda v: [(v,)], lambda v: {1: [v]}, lambda v: [v, [], (1,), {}]]
def work():
    for make in MAKERS:
        value = nest(make)
        del value
threads = [threading.Thread(target=work) for _ in range(3)]
work()
for t in threads: t.start()
for t in threads: t.join()
print("all gone")
"""
SKIP_NESTING = """
[meta]
name = "nesting"
version = 1
[scope]
default_exec = "trace"
default_value_action = "allow"
[[scope.rules]]
selector = "obj:regex:nest|lambda"
exec = "skip"
"""


def test_deep_nests_die_without_using_up_the_stack(record, tmp_path):
    """The wrapped deallocators keep CPython's trashcan in work: nests of 100,000 containers end, in several threads at once."""
    (tmp_path / "skip.toml").write_text(SKIP_NESTING)
    answer = record(code=DEEP, options=("--format=journal", "--trace-filter", tmp_path / "skip.toml"))
    assert (answer.status, answer.out) == (0, "all gone\n"), answer.err
