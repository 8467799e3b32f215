"""The decorator @record: what it records, and that the function stays what it is. What a plain function of that kind does is the measure."""

import subprocess
import sys

import pytest
import reading
from conftest import environment_for
from test_periods import balanced, gaps, program, steps  # noqa: F401


def test_record_decorator(program, tmp_path):
    out = program("""
@record('t')
def inner(x):
    "doc"
    y = x * 2
    return helper(y)
def helper(y):
    return y + 1
def outside():
    z = 5
    return z
print(outside(), inner(1), outside(), inner(2), inner.__name__, inner.__doc__, is_paused())
""")
    assert out == "5 3 5 5 inner doc True\n"
    functions = [function for _, function, _ in steps(tmp_path / "t")]
    assert functions == ["inner", "inner", "helper"] * 2
    balanced(tmp_path / "t")


def test_record_of_generators_and_coroutines(program, tmp_path):
    out = program("""
import asyncio, inspect
@record('t')
def gen(n):
    got = []
    try:
        for i in range(n):
            got.append((yield i))
    except KeyError as e:
        got.append(repr(e))
        yield 'caught'
    return got
@record('t')
async def coro(n):
    a = n
    await asyncio.sleep(0)
    return await other(a)
async def other(a):
    await asyncio.sleep(0)
    return a + 1
@record('t')
async def agen(n):
    for i in range(n):
        await asyncio.sleep(0)
        got = yield i
async def noise():
    for i in range(10):
        await asyncio.sleep(0)
g = gen(3)
print(next(g), g.send('s'), g.throw(KeyError('k')))
try: next(g)
except StopIteration as e: print(e.value)
async def main():
    task = asyncio.create_task(noise())
    print(await coro(1), [x async for x in agen(3)])
    a = agen(5)
    print(await a.asend(None), await a.asend(9))
    await a.aclose()
    await task
asyncio.run(main())
print(inspect.isgeneratorfunction(gen), inspect.iscoroutinefunction(coro), inspect.isasyncgenfunction(agen))
try:
    list(gen('x'))
except TypeError as e: print('TypeError')
""")
    assert out == "0 1 caught\n['s', \"KeyError('k')\"]\n2 [0, 1, 2]\n0 1\nTrue True True\nTypeError\n"
    functions = {function for _, function, _ in steps(tmp_path / "t")}
    assert functions == {"gen", "coro", "other", "agen"}
    assert subprocess.run([reading.trace_tool(), "verify", str(tmp_path / "t")], capture_output=True).returncode == 0


def test_record_within_a_recording(program, tmp_path):
    program("""
@record('u')
def f(): return 1
with trace('t'):
    f()
    x = 1
""")
    assert not (tmp_path / "u").exists()
    assert [function for _, function, _ in steps(tmp_path / "t")] == ["<module>", "f", "<module>", "<module>"]


def test_record_lets_exceptions_through(program, tmp_path):
    assert program("""
@record
def f(): raise ValueError('x')
for i in range(2):
    try: f()
    except ValueError as e: print(e)
""") == "x\nx\n"
    assert len(steps(tmp_path / "trace-out")) == 2


def test_wrong_arguments_are_an_error_at_the_call(tmp_path):
    """Not when the generator or coroutine first runs: what catches it stands around the call."""
    code = """
import gc, inspect, types, warnings
warnings.simplefilter("always")
@on
def gen(a, /, b=1, *, c): yield a, b, c
@on
async def coro(n): return n
@on
async def agen(n): yield n
@on
@types.coroutine
def old(n): yield n
class K:
    @on
    async def method(self, n): return n
for function in gen, coro, agen, old, K().method:
    for given in (1, 2, 3, 4), ():
        try: function(*given)
        except TypeError as error: print("at the call:", error)
    print(inspect.isgeneratorfunction(function), inspect.iscoroutinefunction(function), inspect.isasyncgenfunction(function), inspect.signature(function))
print(list(gen(1, c=2)), inspect.isawaitable(old(1)), inspect.iscoroutine(made := coro(1)), made.close())
coro(5)
gc.collect()
"""
    (tmp_path / "prog.py").write_text(code)  # the same lines in warnings
    plain, recorded = (
        subprocess.run(
            [sys.executable, "-c", f"{on}\nexec(compile(open('prog.py').read(), 'prog.py', 'exec'))"],
            cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=60,
        )
        for on in ("on = lambda f: f", "from codetracer_python_recorder import record as on")
    )  # fmt: skip
    assert plain.returncode == 0 and plain.stdout.count("at the call:") == 10 and "never awaited" in plain.stderr, plain
    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (0, plain.stdout, plain.stderr)


GENERATORS = """
def returns():
    try: yield 1
    except GeneratorExit: return 9
def ignores():
    try: yield 1
    except GeneratorExit: yield 2
def converts():
    try: yield 1
    except GeneratorExit: raise ValueError('converted')
def passes():
    try: yield 1
    finally: helper()
def stops():
    yield 1
    raise StopIteration(5)
def helper(): pass
def ways():
    yield 'close', lambda g: g.close()
    yield 'throw exit', lambda g: g.throw(GeneratorExit)
    yield 'throw', lambda g: g.throw(KeyError('k'))
    yield 'next', lambda g: next(g)
    yield 'send', lambda g: g.send(3)
def tried(f, *args):
    try: return f(*args)
    except BaseException as e: return type(e).__name__, str(e), getattr(e, 'value', None), type(e.__context__).__name__, type(e.__cause__).__name__
for function in returns, ignores, converts, passes, stops:
    for began in False, True:
        for name, way in ways():
            g = RECORD(function)()
            if began: next(g)
            print(function.__name__, began, name, tried(way, g), tried(next, g))
"""


def test_generators_end_as_plain_ones(program, tmp_path):
    expected = program("RECORD = lambda function: function\n" + GENERATORS)
    assert "returns True close 9" in expected or sys.version_info < (3, 13)
    assert program("RECORD = record('t')\n" + GENERATORS) == expected
    balanced(tmp_path / "t")


ASYNC_GENERATORS = """
import asyncio
async def agen(n):
    try:
        while True:
            try: got = yield n
            except KeyError: got = 'key'
            if got == 'end': return
            n = got
    except GeneratorExit:
        if n == 7: return
        raise
    finally:
        await asyncio.sleep(0)
agen = RECORD(agen)
async def tried(f, *args):
    try: return await f(*args)
    except BaseException as e: return type(e).__name__, str(e)
async def main():
    for first in ('asend', None), ('athrow', ValueError('first')), ('asend', 4), ('aclose',):
        for then in ('asend', 7), ('asend', 'end'), ('athrow', KeyError(1)), ('athrow', ValueError('v')), ('athrow', GeneratorExit), ('aclose',):
            for last in ('asend', 1), ('aclose',), ('athrow', GeneratorExit):
                a = agen(1)
                print([await tried(getattr(a, name), *args) for name, *args in (first, then, last)])
    async for v in agen(1): break
asyncio.run(main())
"""


def test_asynchronous_generators_end_as_plain_ones(program, tmp_path):
    expected = program("RECORD = lambda function: function\n" + ASYNC_GENERATORS)
    assert len(expected.splitlines()) == 72
    assert program("RECORD = record('t')\n" + ASYNC_GENERATORS) == expected
    balanced(tmp_path / "t")


@pytest.mark.parametrize("decorator", ["lambda function: function", "record('t')"])
def test_a_generator_that_the_interpreters_end_closes(program, decorator):
    """Nothing can be imported then: the generator is closed as a plain one, and not a word is said."""
    code = f"""
@{decorator}
def gen():
    try: yield 1
    finally: print('closed')
g = gen()
print(next(g))
"""
    assert program(code, stderr="") == "1\nclosed\n"


def test_coroutines_of_generators_can_be_awaited(program, tmp_path):
    assert program("""
import asyncio, types
@record('t')
@types.coroutine
def old():
    yield
    return 5
async def main(): print(await old())
asyncio.run(main())
""") == "5\n"
    assert {function for _, function, _ in steps(tmp_path / "t")} == {"old"}


def test_one_gap_for_each_pause(program, tmp_path):
    """A period with nothing in it is none."""
    program("""
import asyncio
@record('t')
def gen():
    yield 1
    yield 2
list(gen())
@record('t')
async def agen():
    yield 1
    yield 2
async def main(): return [x async for x in agen()]
asyncio.run(main())
""")
    assert gaps(tmp_path / "t") == ["paused"] * 7  # at the start, and after each of two times three pieces


def test_nothing_is_kept_alive(program):
    """What is yielded, sent, thrown and raised lives as long as with a plain generator."""
    code = """
import gc, weakref
gc.disable()
class Thing: pass
class Error(Exception): pass
seen = []
def watched(thing):
    seen.append(weakref.ref(thing))
    return thing
def gen():
    yield watched(Thing())
    yield
    try: yield
    except Error: pass
    yield
    raise watched(Error())
g = RECORD(gen)()
next(g)
print([ref() for ref in seen])
g.send(watched(Thing()))
print([ref() for ref in seen])
next(g)
g.throw(watched(Error()))
print([ref() for ref in seen])
try: next(g)
except Error: pass
print([ref() for ref in seen])
async def coro(): raise watched(Error())
async def agen():
    yield watched(Thing())
    raise watched(Error())
coro, agen = RECORD(coro), RECORD(agen)
try: coro().send(None)
except Error: pass
a = agen()
try: a.asend(None).send(None)
except StopIteration: pass
print([ref() for ref in seen])
try: a.asend(None).send(None)
except Error: pass
print([ref() for ref in seen])
"""
    expected = program("RECORD = lambda function: function\n" + code)
    assert "Thing" not in expected and "Error" not in expected and len(expected.splitlines()) == 6
    assert program("RECORD = record('t')\n" + code) == expected


def test_first_calls_in_many_threads(program, tmp_path):
    """One recording, and at the end it is paused, whoever came first."""
    assert program("""
import sys, threading
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
@record('t')
def f(n): return n
def calls():
    barrier.wait()
    for n in range(100): f(n)
threads = [threading.Thread(target=calls) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
x = 1
print(is_paused())
""", stderr="") == "True\n"
    # Other threads are recorded while one is within the function: the main thread may not have begun to wait yet.
    assert {function for _, function, _ in steps(tmp_path / "t")} <= {"f", "calls", "<module>"}


def test_a_child_of_a_fork_goes_on(program, tmp_path):
    """Though another thread of the parent begins a period just then."""
    assert program("""
import os, threading
@record('t')
def f(n): return n
f(1)
ends = False
def calls():
    while not ends: f(2)
thread = threading.Thread(target=calls)
thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        os._exit(f(3))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
ends = True
thread.join()
""") == ""


def test_what_cannot_be_recorded_runs(program, tmp_path):
    (tmp_path / "file").write_text("")
    assert program("""
@record('file')
def f(): return 1
print(f(), f())
""", stderr="codetracer: the output folder 'file' is a file; choose a folder\n") == "1 1\n"


@pytest.mark.parametrize("options", ["max_steps=0", "maximum=1", "format='xml'", "start_at='a b'"])
def test_wrong_options_are_told_at_the_decorator(program, options):
    assert program(f"""
from codetracer_python_recorder import UsageError
try:
    @record('t', {options})
    def f(): return 1
except UsageError as error: print('wrong')
""") == "wrong\n"
