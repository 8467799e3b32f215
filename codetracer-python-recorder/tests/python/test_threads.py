"""Threads: each one's steps in its own order, its own stack, its beginning and end."""

import pytest


def check_stacks(events):
    """Replays calls and ends: in each thread the activation of every event is on top of that thread's own stack. Returns stacks left open."""
    stacks, started, ended = {}, set(), set()
    for event in events:
        thread, kind = event["thread"], event["event"]
        if kind == "thread-start":
            assert thread not in started
            started.add(thread)
            continue
        if kind == "thread-exit":
            assert not stacks.get(thread)
            ended.add(thread)
            continue
        assert thread in started and thread not in ended, event
        stack = stacks.setdefault(thread, [])
        if kind in ("call", "resume", "throw"):
            stack.append(event["activation"])
        if kind == "ended" or "activation" not in event:
            continue
        assert stack and stack[-1] == event["activation"], event
        assert event["depth"] == len(stack) - 1, event
        if kind in ("return", "yield", "unwind", "lost"):
            stack.pop()
    return {thread: stack for thread, stack in stacks.items() if stack}


def test_sixteen_threads_of_two_thousand_lines(journal):
    answer = journal(
        """
import sys, threading
sys.setswitchinterval(1e-4)
def leaf(k, i):
    return k * 1000 + i
def gen(k):
    yield k
def work(k):
    total = 0
    for i in range(500):
        total += leaf(k, i)
        x = next(gen(k))
        if i == 250: half_way.wait()
half_way = threading.Barrier(16)
threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
for t in threads: t.start()
for t in threads: t.join()
""",
    )
    assert check_stacks(answer.events) == {}
    starts, exits = answer.of("thread-start"), answer.of("thread-exit")
    assert len(starts) == 17 and {event["thread"] for event in exits} == {event["thread"] for event in starts} - {1}
    by_thread = {}
    for event in answer.events:
        by_thread.setdefault(event["thread"], []).append(event)
    for call in answer.of("call", function="work"):
        k, mine = call["arguments"]["k"], by_thread[call["thread"]]
        assert [event["arguments"] for event in mine if event["event"] == "call" and event["function"] == "leaf"] == [{"k": k, "i": i} for i in range(500)]
        steps = [event["locals"] for event in mine if event["event"] == "step" and event["function"] == "work" and event["line"] == 12]
        assert [(values["i"], values["total"]) for values in steps] == [(i, sum(k * 1000 + j for j in range(i + 1))) for i in range(500)]
    # They did run in turns: none goes on before all are half way.
    order = [event["thread"] for event in answer.of("step", function="work")]
    assert sum(a != b for a, b in zip(order, order[1:])) > 16


def test_thread_names_and_numbers(journal):
    answer = journal(
        """
import threading
def work(): print(threading.get_native_id())
for n in range(3):
    t = threading.Thread(target=work, name=f"worker-{n}"); t.start(); t.join()
"""
    )
    natives = [int(line) for line in answer.out.split()]
    starts = answer.of("thread-start")[1:]
    assert [event["system_id"] for event in starts] == natives
    assert [event["thread"] for event in answer.of("call", function="work")] == [event["thread"] for event in starts] == [2, 3, 4]
    assert [event["thread"] for event in answer.of("thread-exit")] == [2, 3, 4]


def test_exception_that_ends_a_thread(journal):
    answer = journal(
        "import threading\nthreading.excepthook = lambda args: None\ndef low(): raise ValueError('x')\ndef work(): low()\nt = threading.Thread(target=work); t.start(); t.join()\n"
    )
    assert [(event["function"], event["depth"]) for event in answer.of("unwind")] == [("low", 1), ("work", 0)]
    assert check_stacks(answer.events) == {}


def test_sys_exit_in_a_thread(journal):
    answer = journal("import sys, threading\ndef work(): sys.exit()\nt = threading.Thread(target=work); t.start(); t.join()\nprint('on')\n")
    assert answer.out == "on\n" and check_stacks(answer.events) == {}


def test_thread_pool(journal):
    answer = journal(
        """
from concurrent.futures import ThreadPoolExecutor
def square(n): return n * n
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(square, range(200))))
"""
    )
    assert answer.out == f"{sum(n * n for n in range(200))}\n"
    assert sorted(event["arguments"]["n"] for event in answer.of("call", function="square")) == list(range(200))
    assert check_stacks(answer.events) == {}
    assert len(answer.of("thread-exit")) == len(answer.of("thread-start")) - 1


def test_asyncio_to_thread(journal):
    answer = journal(
        """
import asyncio
def slow(n): return n + 1
async def main():
    return await asyncio.gather(*(asyncio.to_thread(slow, n) for n in range(5)))
print(asyncio.run(main()))
"""
    )
    assert answer.out == "[1, 2, 3, 4, 5]\n" and check_stacks(answer.events) == {}


def test_threads_born_in_c(journal):
    """A pthread that was not made by Python calls back through ctypes: it gets a state of its own for each call."""
    answer = journal(
        """
import ctypes
libc = ctypes.CDLL(None)
START = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
seen = []
def inner(n): return n * 2
@START
def body(argument):
    seen.append(inner(argument or 0))
    return None
for n in range(1, 6):
    handle = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(handle), None, body, ctypes.c_void_p(n)) == 0
    assert libc.pthread_join(handle, None) == 0
print(seen)
"""
    )
    assert answer.out == "[2, 4, 6, 8, 10]\n"
    calls = answer.of("call", function="body")
    assert [event["arguments"]["argument"] for event in calls] == [1, 2, 3, 4, 5] and {event["depth"] for event in calls} == {0}
    assert {event["depth"] for event in answer.of("call", function="inner")} == {1}
    assert check_stacks(answer.events) == {} and len(answer.of("thread-exit")) == 5


def test_one_c_thread_that_calls_twice(journal):
    """Two Python thread states, one after the other, in one system thread."""
    answer = journal(
        """
import ctypes
libc = ctypes.CDLL(None)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
START = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def less(a, b): return 0
compare = COMPARE(less)
# qsort(array, count, size, compare) as the body of a thread takes one argument only: a thread whose body is bsearch would do as well.
@START
def body(_):
    array = (ctypes.c_int * 8)(*range(8))
    libc.qsort(array, 8, 4, compare)
    return None
handle = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(handle), None, body, None); libc.pthread_join(handle, None)
"""
    )
    assert {event["depth"] for event in answer.of("call", function="less")} == {1} and check_stacks(answer.events) == {}


@pytest.mark.parametrize("how", ["sleeping", "computing", "locked"])
def test_daemon_threads_at_the_end(journal, how):
    """The program ends under running daemon threads: the end is as plain, and the trace is whole."""
    body = {"sleeping": "time.sleep(100)", "computing": "n = 0\n    while True: n = add(sum(range(20000)))", "locked": "lock.acquire(); lock.acquire()"}[how]
    answer = journal(
        f"""
import threading, time
lock = threading.Lock()
started = threading.Event()
def add(n): return n + 1 if n < 1000 else 0
def work():
    started.set()
    {body}
for _ in range(3): threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.05)
print("end")
"""
    )
    assert (answer.out, answer.err) == ("end\n", "")
    left = check_stacks(answer.events)
    assert 1 not in left
    assert len(answer.of("thread-start")) <= 4 and answer.of("return", function="<module>")


def test_thread_locals_and_snapshots_do_not_mix(journal):
    """One function in two threads that hand over at every line."""
    answer = journal(
        """
import threading
turns = [threading.Semaphore(1), threading.Semaphore(0)]
def work(me):
    x = None
    for i in range(20):
        turns[me].acquire()
        x = (me, i)
        turns[1 - me].release()
threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
for t in threads: t.start()
for t in threads: t.join()
"""
    )
    for event in answer.of("step", function="work"):
        values = event["locals"]
        if values.get("x"):
            assert values["x"]["items"][0] == values["me"]
    after = [(event["locals"]["me"], event["locals"]["i"]) for event in answer.of("step", function="work") if event["line"] == 9]
    assert after == [(k, i) for i in range(20) for k in range(2)]


def test_thread_started_before_the_recording(journal, tmp_path):
    import reading

    journal(
        """
import threading
from codetracer_python_recorder import start, stop
go, done = threading.Event(), threading.Event()
def helper(a): return a
def work():
    x = 1
    go.wait()
    y = helper(x)
    done.set()
t = threading.Thread(target=work); t.start()
start("inner", format="journal")
go.set(); t.join()
stop()
""",
        plainly=True,
    )
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    mine = [reading.told(event) for event in seen.events if event.get("function") in ("work", "helper")]
    assert mine == [
        "attached work", "work:9 x=1", "call helper a=1", "helper:5 a=1", "return helper 1 | a=1", "work:10 x=1 y=1", "return work None | x=1 y=1",
    ]  # fmt: skip
    assert check_stacks([event for event in seen.events if event["thread"] != 1]) == {}
