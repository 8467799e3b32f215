"""Which code tells its lines to us: all that is recorded, from the moment on when recording begins, wherever it stands then; and nothing else. What the interpreter has
set is asked of sys.monitoring; which lines run is by hand."""

import textwrap

import reading

ASK = """
import json, sys, textwrap
M = sys.monitoring
def ours():
    return next(n for n in range(6) if M.get_tool(n) == "codetracer")
def told(tool, *functions):
    return [M.get_local_events(tool, function.__code__) == M.events.LINE for function in functions]
"""


def test_only_what_is_recorded_tells_lines(record):
    answer = record(code=ASK + """
def mine():
    return textwrap.wrap(json.dumps([1, {"two": 2}], indent=1))
mine()
tool = ours()
print(told(tool, mine), told(tool, json.dumps, textwrap.wrap, json.JSONEncoder.encode), bool(M.get_events(tool) & M.events.LINE))
""", options=("--quiet",))  # fmt: skip
    assert answer.out == "[True] [False, False, False] False\n", answer


def test_nothing_is_left_when_recording_ends(plain, tmp_path):
    """Not in code that runs, in code that ran, in a generator that waits; a tool that gets our id next would be told."""
    answer = plain(code=ASK + f"""
from codetracer_python_recorder import start, stop
def ran(): return 1
def waits():
    yield 1
    yield 2
def runs():
    start({str(tmp_path / "out")!r})
    generator = waits()
    next(generator); ran()
    tool = ours()
    print(told(tool, ran, waits, runs))
    stop()
    M.use_tool_id(tool, "next")
    print([M.get_local_events(tool, f.__code__) for f in (ran, waits, runs)], M.get_events(tool))
    seen = []
    M.register_callback(tool, M.events.LINE, lambda *event: seen.append(event))
    next(generator); ran()
    M.free_tool_id(tool)
    print(seen)
runs()
""")  # fmt: skip
    assert answer.out == "[True, True, True]\n[0, 0, 0] 0\n[]\n", answer


def test_a_tool_that_took_our_id_keeps_it(plain, tmp_path):
    """A program may give back an id that is not its own, as in a `finally` behind a use_tool_id that failed. What it asks under that id then stays when recording ends."""
    answer = plain(code=ASK + f"""
from codetracer_python_recorder import RecorderError, start, stop
def theirs():
    return 1
def mine():
    return 2
start({str(tmp_path / "out")!r})
mine()
tool, seen = ours(), []
M.free_tool_id(tool)
M.use_tool_id(tool, "theirs")
M.register_callback(tool, M.events.LINE, lambda code, line: seen.append((code.co_name, line - code.co_firstlineno)))
M.set_local_events(tool, theirs.__code__, M.events.LINE)
try:
    stop()
except RecorderError as error:
    print(error.code)
print(M.get_tool(tool), told(tool, theirs))
seen.clear()
theirs()
print([event for event in seen if event[0] == "theirs"])
""")  # fmt: skip
    assert answer.out == "ERR_TRACE_INCOMPLETE\ntheirs [True]\n[('theirs', 1)]\n", answer


def test_that_the_id_was_taken_is_told(record):
    """What runs from then on is not in the trace; a trace that only ends there would say that the program did."""
    answer = record(code=ASK + """
def mine():
    return 2
mine()
tool = ours()
M.free_tool_id(tool)
M.use_tool_id(tool, "theirs")
mine()
print("goes on")
""", options=["--format=journal"])  # fmt: skip
    told = answer.err.splitlines()[-1]
    assert (answer.status, answer.out) == (1, "goes on\n") and "to another tool" in told and f"codetracer-trace recover {answer.trace}" in told, answer


def test_nothing_is_left_under_an_id_that_was_given_back(plain, tmp_path):
    answer = plain(code=ASK + f"""
from codetracer_python_recorder import start, stop
def ran():
    return 1
start({str(tmp_path / "out")!r})
ran()
tool = ours()
M.free_tool_id(tool)
stop()
free = M.get_tool(tool)
M.use_tool_id(tool, "next")
print(free, M.get_local_events(tool, ran.__code__), M.get_events(tool), [M.register_callback(tool, 1 << bit, None) for bit in range(6)])
""")  # fmt: skip
    assert answer.out == "None 0 0 [None, None, None, None, None, None]\n", answer


def test_code_that_runs_elsewhere_when_recording_begins(journal, tmp_path):
    """In a thread that waits, in a generator and a coroutine that wait, further out: no event of theirs need come before their next line."""
    code = """
        import threading, time
        from codetracer_python_recorder import start, stop
        here, go_on = threading.Event(), False
        def in_thread():
            here.set()
            while not go_on:
                time.sleep(0.001)
            a = 1
            b = 2
        def generator():
            yield 1
            c = 3
            yield 2
        async def coroutine():
            await Once()
            d = 4
        class Once:
            def __await__(self):
                yield
        def outer():
            inner()
            e = 5
        def inner():
            start("inner")
            f = 6
        thread = threading.Thread(target=in_thread)
        thread.start()
        here.wait()
        waiting, awaiting = generator(), coroutine()
        next(waiting); awaiting.send(None)
        outer()
        go_on = True
        thread.join()
        next(waiting)
        try: awaiting.send(None)
        except StopIteration: pass
        stop()
    """
    journal(textwrap.dedent(code).lstrip("\n"), plainly=True)
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    loop, *others = map(seen.lines, ("in_thread", "generator", "coroutine", "outer", "inner"))
    assert loop[-2:] == [8, 9] and set(loop[:-2]) <= {6, 7}
    assert others == [[12, 13], [16], [22], [25]]


def test_code_that_dies_is_let_go(journal):
    """The list of what tells lines holds nothing: code that the program drops dies at once, and recording goes on and ends."""
    answer = journal("""
import weakref
def kept(): return 0
last, died = lambda: None, 0
for i in range(2000):
    def dropped(x): return x + 1
    dropped.__code__ = dropped.__code__.replace(co_firstlineno=i + 1)
    died += last() is None
    assert dropped(i) == i + 1 and kept() == 0
    last = weakref.ref(dropped.__code__)
print(died)
""")  # fmt: skip
    assert answer.out == "2000\n"
    assert len(answer.of("call", function="dropped")) == 2000 == len(answer.lines("kept"))


def test_lines_are_told_up_to_the_largest(journal):
    """Of 2**30 and more the interpreter makes an int of another form."""
    answer = journal("""
def far():
    x = 1
    return x
for first in (2**30 - 2, 2**31 - 3):
    far.__code__ = far.__code__.replace(co_firstlineno=first)
    far()
""")  # fmt: skip
    assert answer.lines("far") == [2**30 - 1, 2**30, 2**31 - 2, 2**31 - 1]
