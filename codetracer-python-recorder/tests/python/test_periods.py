"""Which part of a run is recorded. What a period must hold is cut out of a recording of the whole run, which the oracle judges elsewhere."""

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import reading
from conftest import environment_for

PROGRAM = """\
def f(n):
    t = 0
    for i in range(n):
        t += i
    return t

class K:
    def m(self, x):
        y = f(x)
        return y

def gen(n):
    for i in range(n):
        yield i

k = K()
k.m(2)
total = sum(gen(3))
f(3)
k.m(1)
"""


def steps(trace, *options):
    """(line, function, locals) of each step; addresses and the file's own names left out."""
    return [
        (e["line"], e["function"], {name: value for name, value in e["locals"].items() if not name.startswith("__")})
        for e in reading.print_json(trace, "--all-locals", *options)
        if e["event"] == "step"
    ]


def gaps(trace):
    return [e["reason"] for e in reading.print_json(trace) if e["event"] == "gap"]


def balanced(trace):
    """Every activation that began ends once at most, and in the thread's order; steps belong to the innermost."""
    stack = []
    for event in reading.print_json(trace):
        if event["event"] in ("call", "resume", "throw"):
            stack.append(event["activation"])
        elif event["event"] in ("return", "yield", "unwind", "lost"):
            assert stack.pop() == event["activation"]
        elif event["event"] == "step":
            assert stack[-1] == event["activation"]
    checked = subprocess.run([reading.trace_tool(), "verify", str(trace)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def whole(record, tmp_path):
    def run(code, **how):
        seen = record(code=code, options=["--quiet", "--format=journal"], out=tmp_path / "whole", **how)
        assert seen.status == 0, seen
        return steps(seen.trace)

    return run


def cut(all_steps, begins, ends):
    """The steps from where begins(step) to where ends(step), that one included; again and again."""
    kept, on = [], False
    for step in all_steps:
        if not on and begins(step):
            on = True
        if on:
            kept.append(step)
            if ends(step):
                on = False
    return kept


@pytest.mark.parametrize(
    "options, begins, ends",
    [
        (["--start-at", "prog.py:18"], lambda s: s[0] == 18, lambda s: False),
        (["--start-at=prog.py:4"], lambda s: s[0] == 4, lambda s: False),
        (["--start-at", "K.m"], lambda s: s[1] == "K.m", lambda s: False),
        (["--start-at", "__main__.K.m"], lambda s: s[1] == "K.m", lambda s: False),
        (["--start-at", "m", "--stop-at", "prog.py:10"], lambda s: s[1] == "K.m", lambda s: s[0] == 10),
        (["--start-at", "prog.py:4", "--stop-at", "prog.py:5"], lambda s: s[0] == 4, lambda s: s[0] == 5),
        (["--start-at", "prog.py:13", "--stop-at", "prog.py:14"], lambda s: s[0] == 13, lambda s: s[0] == 14),
        (["--start-at", "prog.py:3", "--start-at", "prog.py:17", "--stop-at", "prog.py:18"], lambda s: s[0] in (3, 17), lambda s: s[0] == 18),
    ],
)
def test_points(record, whole, options, begins, ends):
    expected = cut(whole(PROGRAM), begins, ends)
    seen = record(code=PROGRAM, options=["--quiet", "--format=journal", *options])
    assert seen.status == 0 and expected
    assert steps(seen.trace) == expected
    assert set(gaps(seen.trace)) == {"waiting"} and reading.print_json(seen.trace)[1]["event"] == "gap"
    balanced(seen.trace)


def test_stop_at_alone(record, whole):
    every = whole(PROGRAM)
    seen = record(code=PROGRAM, options=["--quiet", "--stop-at", "K.m"])
    assert steps(seen.trace) == every[: [line for line, _, _ in every].index(17) + 1]
    assert gaps(seen.trace) == ["waiting"]
    last = [e for e in reading.print_json(seen.trace) if e["event"] == "call"][-1]
    assert last["function"] == "K.m"  # the stop point itself is the last thing that is recorded
    balanced(seen.trace)


def test_a_point_in_code_that_is_not_recorded(record):
    code = "import json\na = 1\njson.dumps([a])\nb = 2\njson.loads('1')\nc = 3\n"
    seen = record(code=code, options=["--start-at", "json.dumps", "--stop-at", "json.loads"])
    assert [line for line, _, _ in steps(seen.trace)] == [4, 5]


def test_a_path_is_matched_by_its_end(record, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mod.py").write_text("x = 1\ny = 2\n")
    (tmp_path / "other_mod.py").write_text("x = 1\ny = 2\n")
    code = "import sys\nsys.path.insert(0, 'a')\nimport other_mod\nimport mod\nz = 3\n"
    for spec in ("mod.py:2", "a/mod.py:2", str(tmp_path / "a" / "mod.py") + ":2", f"../{tmp_path.name}/a/mod.py:2"):
        seen = record(code=code, options=["--start-at", spec])
        assert [line for line, _, _ in steps(seen.trace)] == [2, 5], spec


def test_a_point_that_is_never_reached(record):
    """Why is said where it can be known, and the trace that was there stays."""
    program = "# a comment\n\ndef f():\n    return 1\nif False:\n    f()\nelse:\n    f.x = 1\n"
    assert record(code=program).status == 0
    for points, said in ((["nothing.py:3"], "nothing.py:3 (no module of this file was loaded)"), (["prog.py:1"], "prog.py:1 (the line is a comment)"),
                         (["prog.py:2"], "prog.py:2 (the line is blank)"), (["prog.py:99"], "prog.py:99 (the file has 8 lines)"), (["prog.py:4"], "prog.py:4"),
                         (["prog.py:6"], "prog.py:6 (no code begins in this line; the next with code is 8)"),
                         (["prog.py:7"], "prog.py:7 (no code begins in this line; the next with code is 8)"),
                         (["mod.f", "prog.py:4"], "mod.f (no function of this name was called), prog.py:4")):  # fmt: skip
        seen = record(code=program, options=[f"--start-at={point}" for point in points])
        assert seen.status == 0 and seen.err == f"codetracer: nothing was recorded, because no start point was reached: {said}; {str(seen.trace)!r} is as it was\n"
        assert [line for line, _, _ in steps(seen.trace)] == [3, 5, 8]
        seen = record(code=program, options=[f"--stop-at={point}" for point in points])
        assert seen.status == 0 and re.fullmatch(rf"codetracer: {re.escape(str(seen.trace))}/prog.ct: 3 steps, [0-9.]+ kB; no stop point was reached: {re.escape(said)}\n", seen.err)
    for reached in (["--stop-at=f.x", "--stop-at=prog.py:8"], ["--stop-at=f.x", "--max-steps=2"]):
        assert "no stop point" not in record(code=program, options=reached).err


def test_calls_alone_from_a_start_point_on(record, tmp_path):
    """No step, and yet something was recorded."""
    (tmp_path / "calls.toml").write_text('[meta]\nname = "calls"\nversion = 1\n[scope]\ndefault_exec = "calls"\ndefault_value_action = "allow"\n')
    seen = record(code="def f():\n    return 1\nf()\n", options=["--start-at=f", "--trace-filter", str(tmp_path / "calls.toml")])
    assert [event["event"] for event in reading.print_json(seen.trace) if event.get("function") == "f"][:1] == ["call"], seen


@pytest.mark.parametrize("limit", [1, 5, 13])
def test_max_steps(record, whole, limit):
    seen = record(code=PROGRAM, options=["--max-steps", limit])
    assert steps(seen.trace) == whole(PROGRAM)[:limit]
    assert gaps(seen.trace) == ["limit"] and "--max-steps" in seen.err
    balanced(seen.trace)


def test_max_steps_that_are_not_reached(record, whole):
    seen = record(code=PROGRAM, options=["--max-steps", 10000])
    assert steps(seen.trace) == whole(PROGRAM) and gaps(seen.trace) == [] and "--max-steps" not in seen.err


def test_max_seconds(record):
    code = "import time\nfor i in range(8):\n    time.sleep(0.25)\nprint('end')\n"
    seen = record(code=code, options=["--max-seconds", "0.6"])
    assert seen.out == "end\n" and "--max-seconds" in seen.err
    assert max(values.get("i", 0) for _, _, values in steps(seen.trace)) <= 2  # a sleep may take longer, never less
    assert gaps(seen.trace) == ["limit"]


@pytest.mark.parametrize("options, begin, lines", [(("--start-at", "late"), "", [3, 4, 9, 10]), (("--start-paused",), "resume()", [8, 3, 4, 9, 10])])
def test_max_seconds_count_from_where_something_is_recorded(record, options, begin, lines):
    code = f"import time\ndef late():\n    x = 1\n    return x\ntime.sleep(0.7)\nfrom codetracer_python_recorder import resume\n{begin}\nlate()\ntime.sleep(0.7)\nlate()\ny = 2\n"
    seen = record(code=code, options=["--max-seconds", "0.5", *options])
    assert [line for line, _, _ in steps(seen.trace)] == lines, seen
    assert "(--max-seconds)" in seen.err


def test_max_size(record):
    code = "import random\nrandom.seed(1)\ndata = []\nfor i in range(3000):\n    data = random.randbytes(2000)\nprint('end')\n"
    full = record(code=code, options=["--format=journal"])
    seen = record(code=code, options=["--format=journal", "--max-size", "1MB"])
    size = (seen.trace / "prog.ctj").stat().st_size
    assert seen.out == "end\n" and "--max-size" in seen.err and gaps(seen.trace) == ["limit"]
    assert size < 3_500_000 and full.status == 0  # what waits to be written when the limit is seen: at most the queue of blocks
    assert len(steps(seen.trace)) < 3000
    balanced(seen.trace)


# ---- keeping only failures ----


@pytest.mark.parametrize("code, kept", [("x = 1", False), ("import sys; sys.exit(0)", False), ("import sys; sys.exit(3)", True), ("1/0", True), ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", True)])
@pytest.mark.parametrize("by", ["record", "module"])
def test_when_raises(record, plain, code, kept, by):
    seen = record(code=code, options=["--when-raises"], by=by)
    assert bool(seen.names) == kept, seen
    assert ("did not fail" in seen.err) == (not kept)
    if by == "record":
        assert seen.status == plain(code=code).status


API = "from codetracer_python_recorder import *\nimport os, sys\n"


@pytest.fixture
def program(tmp_path):
    def run(code, status=0, stderr=None, **env):
        (tmp_path / "prog.py").write_text(API + code)
        done = subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(**env), capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done.stderr
        assert stderr is None or done.stderr == stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    "code, status, kept",
    [
        ("with trace('t', when_raises=True): pass", 0, False),
        ("try:\n    with trace('t', when_raises=True): 1/0\nexcept ZeroDivisionError: pass", 0, True),
        ("with start('t', when_raises=True): pass", 0, False),
        ("start('t', when_raises=True).stop()", 0, False),
        ("start('t', when_raises=True).stop(exit_code=2)", 0, True),
        ("start('t', when_raises=True)", 0, False),
        ("start('t', when_raises=True)\n1/0", 1, True),
    ],
)
def test_when_raises_from_python(program, tmp_path, code, status, kept):
    program(code, status)
    assert (tmp_path / "t" / "prog.ct").exists() == kept


# ---- pause and resume ----


def texts(trace):
    """The text of each step's line: what the program was doing."""
    text = (trace.parent / "prog.py").read_text().split("\n")
    return [text[line - 1].strip() for line, _, _ in steps(trace)]


def test_pause_within_a_function(program, tmp_path):
    program("""
def work(n):
    a = n
    pause()
    b = a + 1
    resume()
    c = b + 1
    return c
def caller():
    r = work(1)
    return r
with trace('t'):
    d = caller()
    e = 1
""")
    trace = tmp_path / "t"
    assert texts(trace) == ["d = caller()", "r = work(1)", "a = n", "pause()", "c = b + 1", "return c", "return r", "e = 1", "with trace('t'):"]
    events = reading.print_json(trace)
    calls = [e for e in events if e["event"] == "call" and e["function"] == "work"]
    assert len(calls) == 1  # the call goes on behind the gap: it is the same one
    assert [e["value"] for e in events if e["event"] == "return" and e["function"] == "work"] == [3]
    assert gaps(trace) == ["paused"]
    balanced(trace)


def test_calls_that_end_within_the_gap(program, tmp_path):
    """The same frame's memory is used again by another call of the same function: it must not pass for the old one."""
    program("""
def inner(n, how):
    if how == 'pause':
        pause()
    if how == 'resume':
        resume()
    x = n
    return x
def middle(n, how):
    v = inner(n, how)
    return v
start('t')
def main():
    for i in range(3):
        middle(i, 'pause')
        middle(i + 10, '')
        middle(i + 20, 'resume')
main()
stop()
""")
    events = reading.print_json(tmp_path / "t", "--all-locals")
    balanced(tmp_path / "t")
    for event in events:
        if event["event"] == "step" and event["function"] == "inner" and event["locals"].get("x", 20) is not None and event["line"] >= 9:
            assert event["locals"]["n"] >= 20
    lost = [e["activation"] for e in events if e["event"] == "lost"]
    attached = [e for e in events if e["event"] == "call" and e.get("attached") and e["function"] == "inner"]
    assert len(attached) == 3 and all(a["activation"] not in lost for a in attached)
    assert [e["value"] for e in events if e["event"] == "return" and e["function"] == "middle"] == [20, 21, 22]


def test_exceptions_and_recursion_within_the_gap(program, tmp_path):
    program("""
def deep(n):
    if n == 0:
        pause()
        raise ValueError(n)
    deep(n - 1)
def again(n):
    return n if n == 0 else again(n - 1)
with trace('t'):
    for i in range(2):
        try:
            deep(4)
        except ValueError:
            again(3)
            resume()
        z = i
""")
    balanced(tmp_path / "t")
    assert texts(tmp_path / "t").count("z = i") == 2 and "again(n - 1)" not in "".join(texts(tmp_path / "t"))
    assert gaps(tmp_path / "t") == ["paused", "paused"]


def test_generators_across_a_gap(program, tmp_path):
    program("""
def gen():
    for i in range(6):
        yield i
def other():
    yield 'a'
    yield 'b'
start('t')
def main():
    g = gen(); next(g)
    h = other(); next(h)
    pause()
    next(g); list(h); del h
    for n in range(3):
        k = other(); next(k); del k
    resume()
    x = next(g)
    pause()
    list(g)
    resume()
    y = 1
main()
stop()
""")
    balanced(tmp_path / "t")
    events = reading.print_json(tmp_path / "t", "--all-locals")
    assert [e["value"] for e in events if e["event"] == "yield" and e["function"] == "gen"] == [0, 2]
    assert [e["locals"]["i"] for e in events if e["event"] == "step" and e["function"] == "gen" and "i" in e["locals"]][-1] == 2


def test_objects_that_die_within_the_gap(program, tmp_path):
    """Addresses used again in the gap are other objects."""
    program("""
class Box:
    def __init__(self, n): self.n = n
def make(n): return [Box(n), [n], {n: n}, (n,)]
start('t')
def main():
    for n in range(50):
        a = make(n)
        b = 1
        pause()
        del a
        a = make(n + 1000)
        resume()
        c = 2
main()
stop()
""")
    seen = [e for e in reading.print_json(tmp_path / "t", "--all-locals") if e["event"] == "step" and e["function"] == "main" and "a" in e["locals"]]
    text = (tmp_path / "prog.py").read_text().split("\n")
    checked = 0
    for event in seen:
        line = text[event["line"] - 1].strip()
        if line in ("b = 1", "c = 2"):
            n = event["locals"]["n"] + (1000 if line == "c = 2" else 0)
            box, of_list, of_dict, of_tuple = event["locals"]["a"]["items"] if isinstance(event["locals"]["a"], dict) else event["locals"]["a"]
            assert str(box).count(str(n)) and (of_list, str(of_tuple).count(str(n)) > 0) == ([n], True)
            assert str(n) in str(of_dict)
            checked += 1
    assert checked == 100


def test_threads_across_a_gap(program, tmp_path):
    program("""
import threading
def work(n, ready, go, done):
    a = n
    ready.set(); go.wait()
    b = a + 1
    done.append(b)
start('t')
ready = [threading.Event() for i in range(4)]
go = [threading.Event() for i in range(4)]
done = []
threads = [threading.Thread(target=work, args=(i, ready[i], go[i], done)) for i in range(4)]
for t in threads: t.start()
for r in ready: r.wait()
pause()
for i in (0, 1): go[i].set(); threads[i].join()
more = threading.Thread(target=work, args=(7, ready[0], go[0], done)); more.start(); more.join()
resume()
for i in (2, 3): go[i].set(); threads[i].join()
stop()
print(sorted(done))
""")
    events = reading.print_json(tmp_path / "t", "--all-locals")
    assert sorted(e["locals"]["a"] for e in events if e["event"] == "step" and e["locals"].get("b")) == [2, 3]
    stacks = {}
    for event in events:
        stack = stacks.setdefault(event["thread"], [])
        if event["event"] == "call":
            stack.append(event["activation"])
        elif event["event"] in ("return", "unwind", "lost"):
            assert stack.pop() == event["activation"]
        elif event["event"] == "step":
            assert stack[-1] == event["activation"]
    assert subprocess.run([reading.trace_tool(), "verify", str(tmp_path / "t")], capture_output=True).returncode == 0


def test_output_in_the_gap_is_not_recorded(program, tmp_path):
    assert program("with trace('t'):\n    print('one')\n    pause()\n    print('two')\n    resume()\n    print('three')\n") == "one\ntwo\nthree\n"
    assert "".join(e["text"] for e in reading.print_json(tmp_path / "t") if e["event"] == "output") == "one\nthree\n"


def test_without_a_recording_nothing_happens(program):
    assert program("pause(); resume(); pause(); print(is_paused(), is_tracing())") == "False False\n"


def test_start_paused(program, tmp_path):
    assert program("with trace('t', start_paused=True):\n    a = 1\n    print(is_paused(), is_tracing())\n    resume()\n    b = 2\n    print(is_paused())\n") == "True True\nFalse\n"
    assert [line.split(" =")[0] for line in texts(tmp_path / "t")][:1] == ["b"]


def test_what_a_limit_has_ended_cannot_go_on(program, tmp_path):
    assert program("with trace('t', max_steps=2):\n    a = 1\n    b = 2\n    resume()\n    c = 3\n    print(is_paused())\n") == "True\n"
    assert len(steps(tmp_path / "t")) == 2


def test_the_formats_hold_what_was_recorded(record, tmp_path):
    """A gap has no place in CodeTracer's formats; the calls of what was recorded are balanced there, too."""
    for form in ("ct", "json", "binary", "ct-multi", "ct-single"):
        seen = record(code=PROGRAM, options=[f"--format={form}", "--start-at", "m", "--stop-at", "f"], out=tmp_path / form)
        assert seen.status == 0, seen
        checked = subprocess.run([reading.trace_tool(), "verify", str(seen.trace)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout
        # In the containers' layouts each call begins with a step at its first line.
        assert [line for line, _, _ in steps(seen.trace) if line not in (1, 8)] == [9, 9], form


# ---- the program is not touched ----


def test_other_tools_are_asked_again_and_no_more(program):
    """restart_events is for all tools: one that had switched a place off is asked once more, and nothing else changes for it."""
    out = program("""
m = sys.monitoring
m.use_tool_id(1, 'mine')
seen = []
def line(code, n):
    if code.co_name == 'f': seen.append(n)
    return m.DISABLE
m.register_callback(1, m.events.LINE, line)
m.set_events(1, m.events.LINE)
def f():
    x = 1
    return x
with trace('t'):
    f(); f()
    first = len(seen)
    pause(); f(); resume(); f()
    print(first, len(seen) - first)
""")
    assert out == "2 2\n"


def test_a_replaced_restart_events_never_runs(program):
    """Going on calls it within a callback. Replaced before a recording: that one is refused, and not by calling it. Replaced later: the built-in one is used."""
    out = program("""
m = sys.monitoring
genuine = m.restart_events
def mine(*args):
    print('mine ran')
m.restart_events = mine
try:
    start('t')
except RuntimeError as e:
    print(e)
m.restart_events = genuine
with trace('t'):
    m.restart_events = mine
    pause(); x = 1; resume(); y = 2
print('recorded')
""")
    first, second = out.splitlines()
    assert "sys.monitoring.restart_events has been replaced" in first and second == "recorded"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="no such signal on this system")
def test_toggle_signal(record):
    code = "import os, signal\na = 1\nos.kill(os.getpid(), signal.SIGUSR2)\nb = 2\nos.kill(os.getpid(), signal.SIGUSR2)\nc = 3\n"
    seen = record(code=code, options=["--toggle-signal", "usr2"])
    assert seen.status == 0, seen
    lines = [line for line, _, _ in steps(seen.trace)]
    assert lines == [1, 2, 3, 6]
    seen = record(code=code, options=["--start-paused", "--toggle-signal=SIGUSR2"])
    assert [line for line, _, _ in steps(seen.trace)] == [4, 5]


def test_a_long_running_program_is_switched_from_outside(tmp_path, record_script):
    code = "import time, sys\nn = 0\nprint('up', flush=True)\nwhile n < 400:\n    n += 1\n    time.sleep(0.01)\n"
    (tmp_path / "prog.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(record_script), "-o", "t", "--quiet", "--start-paused", "--toggle-signal", "SIGUSR2", "prog.py"],
        cwd=tmp_path, env=environment_for(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "up\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGUSR2)
    time.sleep(0.5)
    process.send_signal(signal.SIGUSR2)
    assert process.wait(60) == 0
    values = [values["n"] for _, _, values in steps(tmp_path / "t")]
    assert values and values[0] > 5 and values[-1] < 390 and sorted(values) == values
    assert gaps(tmp_path / "t") == ["paused", "paused"]


# ---- wrong options ----


@pytest.mark.parametrize(
    "option, sentence",
    [
        ("--start-at=a.py:0", "start-at must be FILE:LINE or FUNCTION"),
        ("--start-at=:3", "start-at must be FILE:LINE or FUNCTION"),
        ("--start-at=a.py:x", "start-at must be FILE:LINE or FUNCTION"),
        ("--stop-at=a b", "stop-at must be FILE:LINE or FUNCTION"),
        ("--stop-at=", "stop-at must be FILE:LINE or FUNCTION"),
        ("--max-steps=0", "max-steps must be 1 or more, not 0"),
        ("--max-steps=-1", "max-steps must be 1 or more, not -1"),
        ("--max-steps=ten", "needs a whole number"),
        ("--max-seconds=soon", "needs a number of seconds"),
        ("--max-seconds=-1", "max-seconds must be a number of seconds"),
        ("--max-seconds=1e10", "max-seconds must be a number of seconds from 0.001 to 1000000000"),
        ("--last=-1", "last must be a number of lines (100000) or a size (50MB), not '-1'"),
        ("--last=10x", "last must be a number of lines (100000) or a size (50MB), not '10x'"),
        ("--max-seconds=nan", "max-seconds must be a number of seconds"),
        ("--max-size=5XB", "max-size must be a number of bytes"),
        ("--max-size=0", "max-size must be a number of bytes"),
        ("--toggle-signal=SIGNONE", "needs the name of a signal"),
        ("--toggle-signal=KILL", "needs the name of a signal"),
        ("--when-raises=1", "takes no value"),
    ],
)
def test_wrong_options(record, option, sentence):
    seen = record(code="print(1)", options=[option])
    assert seen.status == 2 and sentence in seen.err and seen.out == "" and seen.names == [], seen


# ---- the documentation ----

DOCUMENT = (Path(__file__).parents[3] / "docs" / "periods.md").read_text()
PRELUDE = "def prepare(): pass\ndef load_a_million_rows(): pass\ndef suspicious_function(): pass\n"


def test_commands_of_the_documentation_can_be_typed():
    from codetracer_python_recorder import cli

    commands = re.findall(r"^    (codetracer-record .*?)(?:  +#.*)?(?: &)?$", DOCUMENT, re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        options = cli.Options("codetracer-record", shlex.split(command)[1:], {}, True)
        assert options.target in ("prog.py", "server.py", "test_suite.py")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL))
def test_examples_of_the_documentation_run(program, tmp_path, code):
    program(PRELUDE + code)
    seen = {function for _, function, _ in steps(tmp_path / "trace-out")}
    assert "load_a_million_rows" not in seen and any("suspicious" in name for name in seen)
    balanced(tmp_path / "trace-out")


def test_points_in_code_that_is_not_recorded_are_met_again(record):
    """Functions of the standard library, which is skipped: each time, not only the first."""
    code = "import json\nfor n in range(3):\n    json.loads('1')\n    x = n\n    json.dumps(1)\n    y = n\n"
    seen = record(code=code, options=["--quiet", "--format=journal", "--start-at=json.loads", "--stop-at=json.dumps"])
    steps = [e["line"] for e in reading.print_json(seen.trace) if e["event"] == "step"]
    assert steps == [4, 5] * 3, seen
