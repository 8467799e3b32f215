"""codetracer-trace, as a user runs it, on journals that tests/c/tool_sample.c writes.

The executable: as reading.trace_tool() finds it. The helper: CODETRACER_TOOL_SAMPLE, else from a build folder of this checkout.
"""

import json
import math
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import reading

CHECKOUT = Path(__file__).parents[3]
VERSION = "%d.%d" % sys.version_info[:2]


def _sample():
    if os.environ.get("CODETRACER_TOOL_SAMPLE"):
        return os.environ["CODETRACER_TOOL_SAMPLE"]
    kinds = ["sanitize"] if os.environ.get("CODETRACER_SANITIZE") else ["pip", "dev"]
    built = [path for kind in kinds if (path := CHECKOUT / "build" / f"{kind}-{VERSION}" / "tests" / "c" / "tool_sample").exists()]
    return str(max(built, key=os.path.getmtime)) if built else None


TOOL, SAMPLE = reading.trace_tool(), _sample()
assert (TOOL and SAMPLE) or not os.environ.get("CI"), "codetracer-trace or tests/c/tool_sample is missing: with CI=true these tests must run"
pytestmark = [
    pytest.mark.skipif(not TOOL, reason="codetracer-trace is not installed"),
    pytest.mark.skipif(not SAMPLE, reason="tests/c/tool_sample is not built"),
]


def clean_environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "COLUMNS", "NO_COLOR")}
    return {**env, "TERM": "xterm", **more}


def run(*arguments, status=0, **environment):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, timeout=120, env=clean_environment(**environment))
    assert done.returncode == status, (done.stdout[-2000:], done.stderr[-4000:])
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    return done


def make(kind, path, count=0, status=0):
    with_count = kind in ("everything", "loop", "calls")
    arguments = [SAMPLE, kind, str(count), path] if with_count else [SAMPLE, kind, path]
    done = subprocess.run(arguments, capture_output=True, stdin=subprocess.DEVNULL, env=clean_environment(), timeout=120)
    assert done.returncode == status, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    path = tmp_path_factory.mktemp("everything") / "everything.ctj"
    make("everything", path)
    return path


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    path = tmp_path_factory.mktemp("changes") / "changes.ctj"
    make("changes", path)
    return path


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    path = tmp_path_factory.mktemp("loop") / "loop.ctj"
    make("loop", path, 300_000)
    return path


def test_print_shows_what_happened(changes):
    lines = run("print", changes).out.splitlines()
    assert lines[0].split() == ["thread", "1", "started:", "MainThread"]
    assert lines[1].split() == ["call", "<module>", "changes.py:1"]
    assert lines[2] == "0  changes.py:5  f([])"
    assert lines[3] == "     call Box.f(items=[])  changes.py:1"
    assert lines[4] == "1    changes.py:2  items.append(1)"
    # The variable is the same, the list in it is not; text from the program cannot reach the terminal as it is.
    assert "| items = [1], evil = \"\\x1b[2J\\u202e'\", ring = [[...], 3, ‹… 3 more of 5›], text = 'xxx" in lines[5]
    assert lines[6] == "     return [1]"
    assert lines[7] == "   stdout 'out\\x1b[31m\\n'"
    assert "   in thread 2: worker" in lines and "   in thread 1: MainThread" in lines
    assert lines[-2:] == ["   raise ValueError('boom')  at changes.py:6", "   unwind ValueError('boom')"]
    assert "\x1b" not in "".join(lines)


def test_unchanged_locals_only_with_all_locals(everything):
    assert "| c = 3" in run("print", everything, "--function", "add").out
    lines = [line for line in run("print", everything, "--function", "add", "--all-locals").out.splitlines() if "sub.py:3" in line]
    assert "| a = 1, b = 2, c = 3" in lines[0]


def test_values_in_python_notation(everything):
    out = run("print", everything).out
    for expected in ("none = None", "int64 = -9223372036854775808", "big = -3727165692135864801209549313", "f2 = 1.0", "f3 = 1e+300",
                     "f4 = -0.0", "f6 = 5e-324", "cplx = (1+2j)", "cplx2 = -1.5e-07j", r"lone = 'a\udc80b'", "400 more of 500",
                     """byt = b"a'\\x00\\xff\\n\"""", "lst = [1, (2.5, 't'), [...]]", "2: {9}, ‹… 3 more of 5›}", "mine = MyInt(5)",
                     "ba = bytearray(b'xy')", "out = <_io.TextIOWrapper at 0x1090>"):
        assert expected in out, expected
    huge = int.from_bytes(b"\x5a" * 40, "little")
    assert f"huge = {huge}" in out


def test_choosing_events(loop, changes):
    lines = run("print", loop, "--from", 250_000, "--to", 250_001).out.splitlines()
    assert [line.split()[0] for line in lines] == ["250000", "250001"]
    assert len(run("print", loop, "--limit", 7).out.splitlines()) == 7
    assert run("print", changes, "--thread", 2).out.splitlines()[-1].strip() == "return None"
    assert "call <module>" not in run("print", changes, "--thread", 2).out
    only = run("print", changes, "--function", "f").out
    assert "Box.f" in only and "<module>" not in only and "Box.f" in run("print", changes, "--function", "__main__.Box.f").out
    assert run("print", changes, "--function", "x.f").out == ""
    found = run("print", changes, "--grep", "boom").out.splitlines()
    assert found and all("boom" in line for line in found)


def test_the_end(loop):
    """Steps below 0 are counted from the end, and found as fast as those from the beginning."""
    steps = 300_001
    last = run("print", loop, "--from", steps - 5).out
    assert run("print", loop, "--from", -5).out == last and last.splitlines()[0].startswith(f"{steps - 5} ")
    assert run("print", loop, "--from=-5", "--to=-4").out == run("print", loop, "--from", steps - 5, "--to", steps - 4).out
    assert run("print", loop, "--from", -steps - 7, "--limit", 3).out == run("print", loop, "--limit", 3).out
    (read, shown), (as_much, same) = bytes_read("print", loop, "--from", -5), bytes_read("print", loop, "--from", steps - 5)
    # A sanitizer's runtime reads /proc/self/maps when it begins, whose length varies with the addresses in it.
    assert abs(read - as_much) <= (1000 if "CODETRACER_SANITIZE" in os.environ else 0) and shown == same
    assert run("print", loop, "--to", -steps - 1, status=2).err == f"codetracer-trace print: --to -{steps + 1} lies before the first step: the trace has {steps} steps.\n"


def test_calls_alone(tmp_path):
    """Expected by hand: a call with its place, and how it ended; no lines, no output, no exceptions on their way."""
    program = "def f(n):\n    print(n)\n    if n == 2:\n        raise ValueError(n)\n    return n\n\n\ndef g():\n    yield f(1)\n\n\nlist(g())\ntry:\n    f(2)\nexcept ValueError:\n    pass\n"
    trace = reading.record_journal(tmp_path, program, events=False).trace
    shown = [line.strip() for line in run("print", trace, "--calls").out.splitlines()]
    assert shown == ["thread 1 started: MainThread", "call <module>  prog.py:1", "call g()  prog.py:8", "call f(n=1)  prog.py:1", "return 1", "yield 1", "resume g", "return None",
                     "call f(n=2)  prog.py:1", "unwind ValueError(2)", "return None", "thread 1 ended: MainThread"][: len(shown)]  # fmt: skip
    assert "return None" in shown[10]
    events = [json.loads(line)["event"] for line in run("print", trace, "--calls", "--json").out.splitlines()]
    assert {"step", "output", "raise", "handled"}.isdisjoint(events) and events.count("call") == 4


def test_how_often_functions_were_called(tmp_path):
    program = "class C:\n    def m(self):\n        return 1\n\n\ndef f():\n    yield C().m()\n    yield C().m()\n\n\nfor i in range(12):\n    list(f())\n"
    trace = reading.record_journal(tmp_path, program, events=False).trace
    assert run("print", trace, "--functions").out == "24  C.m  prog.py:2\n12  f  prog.py:6\n 1  <module>  prog.py:1\n 1  C  prog.py:1\n"
    assert run("print", trace, "--functions", "--function", "m", "--to", -4).out == "23  C.m  prog.py:2\n"
    assert run("print", trace, "--functions", "--limit", 1).out == "24  C.m  prog.py:2\n"
    assert run("print", trace, "--functions", "--grep", "prog.py:6").out == "12  f  prog.py:6\n"
    first = json.loads(run("print", trace, "--functions", "--json").out.splitlines()[0])
    assert first == {"calls": 24, "function": "C.m", "module": "__main__", "file": str(tmp_path / "prog.py"), "line": 2}


def test_what_is_written_at_one_step_is_one_line(tmp_path):
    program = "import sys\nprint('a', 1)\nprint('b'); print('c')\nprint('d', file=sys.stderr); print('e', end='')\ndef f():\n    print('g', end='')\n    return 'h'\nprint('f', f())\n"
    trace = reading.record_journal(tmp_path, program, events=False).trace
    shown = [line.strip() for line in run("print", trace).out.splitlines() if " std" in line]
    assert shown == [r"stdout 'a 1\n'", r"stdout 'b\nc\n'", r"stderr 'd\n'", "stdout 'e'", "stdout 'g'", r"stdout 'f h\n'"]
    assert run("print", trace, "--grep", r"'a 1\n'").out.strip() == r"stdout 'a 1\n'"
    texts = [event["text"] for line in run("print", trace, "--json").out.splitlines() if (event := json.loads(line))["event"] == "output"]
    assert len(texts) > 6 and "".join(texts) == "a 1\nb\nc\nd\negf h\n"


def test_lines_of_a_file_begin_in_one_column(tmp_path):
    trace = reading.record_journal(tmp_path, "".join(f"x{i} = {i}\n" for i in range(12)), events=False).trace
    lines = [line for line in run("print", trace).out.splitlines() if re.match(r" *\d", line)]
    assert len(lines) == 12 and {line.index("  x") for line in lines[:9]} == {lines[0].index("  x")} and len({line.index("x", 12) for line in lines}) == 1
    assert len({line.index("|") for line in lines[1:]}) == 1


@pytest.mark.parametrize("options, said, reason", [
    (["--max-steps=9"], "ended after recording had stopped", "limit"), (["--stop-at=prog.py:3"], "ended while nothing was recorded", "waiting"),
    (["--toggle-signal=SIGUSR1"], "ended while recording was paused", "paused"),
])  # fmt: skip
def test_a_call_that_ended_while_nothing_was_recorded(tmp_path, record_script, options, said, reason):
    """Is not called a fault of the interpreter."""
    program = "import os, signal\ndef f():\n    os.getpid()\n    if 'toggle' in __file__:\n        signal.raise_signal(signal.SIGUSR1)\n    for i in range(9):\n        pass\n    return 1\n"
    program += "f()\nif 'toggle' in __file__:\n    signal.raise_signal(signal.SIGUSR1)\nx = 1\n"
    if reason == "paused":
        (tmp_path / "toggle").mkdir()
    script = (tmp_path / "toggle" if reason == "paused" else tmp_path) / "prog.py"
    script.write_text(program)
    out = tmp_path / "out"
    subprocess.run([sys.executable, record_script, "-o", out, "--format", "journal", *options, script], check=True, env=clean_environment(**({"LD_PRELOAD": os.environ["LD_PRELOAD"]} if "LD_PRELOAD" in os.environ else {})), capture_output=True, timeout=60)
    assert said in run("print", out).out and "the interpreter" not in run("print", out).out
    lost = [json.loads(line) for line in run("print", out, "--json").out.splitlines() if '"lost"' in line]
    assert lost and {event["reason"] for event in lost} == {reason}


CHANGED_WITHIN = """
class Room:
    def __init__(self, name):
        self.name = name
        self.booked = []
class Office:
    def __init__(self):
        self.rooms = [Room("N" * 30 + str(i)) for i in range(6)]
        self.count = 0
def number_all(rooms):
    for room in rooms:
        room.n = 1
def book(room):
    room.booked.append("Ann")
def main():
    office = Office()
    numbers = list(range(1000, 1100))
    table = {i: [i] * 9 for i in range(30)}
    pair = ({1, 2}, [3])
    book(office.rooms[2])           #| office.rooms[2].booked = ['Ann']
    office.count += 1               #| office.count = 1
    office.extra = 5                #| office.extra = 5
    numbers.append(7)               #| numbers[100] = 7
    numbers[50] = 8; numbers[51]=9  #| numbers[50] = 8, numbers[51] = 9
    table[3].append(4)              #| table[3] = [3, 3, 3, 3, 3, 3, 3, 3, 3, 4]
    table["k"] = office.rooms[0]    #| table['k'] = Room(
    pair[1].append(pair[0])         #| pair[1] = [3, {1, 2}]
    pair[0].add(3)                  #| pair[0] = {1, 2, 3}
    office.rooms[0].name = "x"      #| office.rooms[0].name = 'x', table['k'].name = 'x'
    number_all(office.rooms)        #| office.rooms[0].n = 1, office.rooms[1].n = 1, office.rooms[2].n = 1, office.rooms[3].n = 1, more in office, table['k'].n = 1
    office.count += 0               #
    del numbers[0]                  #| numbers = [1001, 1002,
    office = None                   #| office = None
    return
main()
"""


def test_what_changed_within_an_object(tmp_path):
    """Its place and its new value, not the whole object. The next line of the program shows what a line changed: expected by hand, beside it."""
    trace = reading.record_journal(tmp_path, re.sub(" *#.*", "", CHANGED_WITHIN), events=False).trace
    lines = CHANGED_WITHIN.splitlines()
    shown = {}
    for line in run("print", trace, "--function", "main").out.splitlines():
        found = re.match(r" *\d+ +prog\.py:(\d+) .*?(\| [a-z].*)?$", line.replace(lines[int(re.findall(r"py:(\d+)", line)[0]) - 1].split("#")[0].strip(), "", 1)) if "py:" in line else None
        if found:
            shown[int(found[1])] = found[2] or ""
    for number, line in enumerate(lines, 1):
        if "#" in line:
            after = next(n for n in range(number + 1, 99) if n in shown)
            expected = line.split("#")[1]
            assert shown[after].startswith(expected) if expected.endswith(("(", ",")) else shown[after] == expected, (number, shown[after])
    colored = run("print", trace, "--function", "main", "--color=always").out
    assert "\x1b[1;33moffice.rooms[2].booked = ['Ann']\x1b[0m" in colored
    assert "office.rooms[2].booked = ['Ann']" in run("print", trace, "--function", "main", "--width=100").out


def test_the_same_object_has_the_same_number(tmp_path):
    """--ids: what two names or places mean is one object or two."""
    program = "def f():\n    a = [1]\n    b = [1]\n    c = {'a': a, 'b': b, 't': (a,), 's': set(), 'f': frozenset()}\n    a.append(2)\n    return c\nf()\n"
    trace = reading.record_journal(tmp_path, program, events=False).trace
    shown = run("print", trace, "--ids", "--function", "f").out
    found = re.search(r"c = #(\d+)\{'a': #(\d+)\[1\], 'b': #(\d+)\[1\], 't': \(#(\d+)\[1\],\), 's': #(\d+)set\(\), 'f': frozenset\(\{\}\)\}", shown)
    assert found and found[2] == found[4] and len(set(found.groups())) == 4, shown
    assert f"a = #{found[2]}[1, 2]" in shown and f"return #{found[1]}{{" in shown
    assert "#" not in run("print", trace, "--function", "f").out
    assert "does not go with --json" in run("print", trace, "--ids", "--json", status=2).err


def test_wrong_arguments_are_one_sentence_and_status_2(loop, tmp_path):
    for arguments in (["print"], ["print", loop, "x"], ["print", loop, "--from"], ["print", loop, "--from", "--1"], ["print", loop, "--from", "-"],
                      ["print", loop, "--to", "-999999999"], ["print", loop, "--from", "-3", "--to", "-4"], ["print", loop, "--width", "39"], ["print", loop, "--width", "-1"],
                      ["print", loop, "--calls", "--functions"],
                      ["print", loop, "--color", "blue"], ["print", loop, "--nothing"], ["print", loop, "--from", "999999999"],
                      ["print", loop, "--from", "5", "--to", "4"], ["convert", loop, tmp_path / "x"], ["nothing"],
                      ["recover", loop, "--format", "x"], ["print", loop, "--json=1"]):
        done = run(*arguments, status=2)
        assert done.out == "" and done.err.startswith("codetracer-trace") and done.err.count("\n") == 1, arguments


def test_help_for_a_person():
    assert "print TRACE" in run("--help").out
    for command in ("print", "info", "convert", "recover"):
        assert run(command, "--help").out.startswith(f"usage: codetracer-trace {command} ")
        assert run("help", command).out == run(command, "--help").out
    assert run("help", "absent", status=2).err.startswith("codetracer-trace: there is no command 'absent'")
    assert run("--version").out.startswith("codetracer-trace ")


def test_bad_traces_are_one_sentence_and_status_1(tmp_path, loop):
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "text.ctj"
    text.write_text("no trace\n")
    several = tmp_path / "several"
    several.mkdir()
    for name in ("a.ctj", "b.ctj"):
        shutil.copy(loop, several / name)
    for path in (tmp_path / "missing", empty, text, several, "/dev/null"):
        done = run("print", path, status=1)
        assert done.out == "" and done.err.count("\n") == 1 and str(path) in done.err
    assert "a.ctj, b.ctj" in run("info", several, status=1).err


def test_what_matches_nothing_is_said(tmp_path, changes):
    for options, said in ((["--function=absent"], "no function matches 'absent'"), (["--grep=absent"], "no printed line contains 'absent'"), (["--thread=77"], "nothing happened in thread 77"),
                          (["--function=f", "--from=4"], "nothing of function 'f' happened between these steps"), (["--functions", "--grep=absent"], "no printed line contains 'absent'"),
                          (["--thread", "1", "--grep=absent", "--from=1"], "no printed line in thread 1 between these steps contains 'absent'")):  # fmt: skip
        done = run("print", changes, *options)
        assert done.out == "" and done.err == f"codetracer-trace print: {changes}: {said}.\n"
    os.mkfifo(tmp_path / "pipe")
    assert "neither a folder nor a file" in run("recover", tmp_path / "pipe", status=1).err


@pytest.fixture(scope="module")
def long_loop(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "loop.ctj"
    make("loop", path, 2_000_000)
    return path


def stopped(begin_anew, number):
    """Sends the signal as soon as the tool has begun to write; returns what it said. On a busy machine it may have ended before: then once more."""
    for _ in range(20):
        arguments, target = begin_anew()
        process = subprocess.Popen([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
        while process.poll() is None and not target.exists():
            time.sleep(0.0005)
        process.send_signal(number)
        output, error = process.communicate(timeout=60)
        if process.returncode:
            assert (process.returncode, output) == (-number, b""), error
            return error.decode()
    pytest.fail("the tool was never seen at work")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form, files", [("json", ["trace.json"]), ("binary", ["trace.bin"]), ("binary-v0", ["trace.bin"]), ("ct", None), ("ct-single", None),
                                         ("ct-multi", None), ("journal", None)])
def test_a_conversion_that_is_stopped_leaves_nothing(tmp_path, long_loop, number, form, files):
    """Ends by the signal, as a caller expects, and not before it was writing."""
    out = tmp_path / "out"
    if files:
        out.mkdir()
        (out / "mine").write_text("kept")
    source = tmp_path.with_name(tmp_path.name + ".ctj") if form == "binary-v0" else long_loop
    if form == "binary-v0":  # which holds no more than 64 MiB
        make("loop", source, 400_000)
    target = out / files[0] if files else out

    def begin_anew():
        if files:
            for path in out.iterdir():
                if path.name != "mine":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            out.unlink(missing_ok=True)
        return ["convert", source, out, "--to", form], target

    error = stopped(begin_anew, number)
    assert os.listdir(tmp_path) == (["out"] if files else []) and (not files or os.listdir(out) == ["mine"])
    assert error == ("" if form == "journal" else f"codetracer-trace convert: {out}: stopped; nothing of it is left.\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form, name", [("journal", "recovered.ctj"), ("ct", "recovered.ct"), ("ct-multi", "recovered.ct"), ("json", "recovered.files/trace.json"),
                                        ("binary", "recovered.files/trace.bin")])
def test_a_recovery_that_is_stopped_can_be_begun_again(tmp_path, number, form, name):
    private = tmp_path / ".recording-test"
    steps, before = 0, []

    def begin_anew():
        nonlocal steps, before
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        steps = int(make("killed", tmp_path, status=-9))
        before = sorted(os.listdir(private))
        return ["recover", tmp_path, "--format", form], private / name

    stopped(begin_anew, number)
    assert os.listdir(tmp_path) == [".recording-test"] and sorted(os.listdir(private)) == before
    assert f": {steps:,} steps recovered" in run("recover", tmp_path, "--format", form).out
    assert not private.exists()


def test_a_conversion_overwrites_nothing(tmp_path, changes):
    out = tmp_path / "out"
    run("convert", changes, out, "--to", "json")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    for form, name in (("json", "trace.json"), ("binary", "trace_metadata.json")):
        error = run("convert", changes, out, "--to", form, status=1).err
        assert error == f"codetracer-trace convert: {out}/{name} exists already; give another folder or move it away.\n"
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_a_folder_with_one_trace(tmp_path, changes):
    shutil.copy(changes, tmp_path / "changes.ctj")
    (tmp_path / "foreign.txt").write_text("x")
    (tmp_path / "folder.ct").mkdir()
    assert run("print", tmp_path).out == run("print", changes).out


def test_json_lines_are_json_and_exact(everything, changes):
    events = [json.loads(line) for line in run("print", "--json", everything).out.splitlines()]
    assert {"step", "event", "thread"} <= set.intersection(*(set(event) for event in events))
    steps = [event for event in events if event["event"] == "step"]
    assert [event["step"] for event in steps] == list(range(len(steps)))
    locals_ = {name: value for step in steps for name, value in step["locals"].items()}
    assert locals_["none"] is None and locals_["true"] is True and locals_["minus"] == -7
    assert locals_["int64"] == {"type": "int", "value": "-9223372036854775808"}
    assert locals_["huge"] == {"type": "int", "value": str(int.from_bytes(b"\x5a" * 40, "little"))}
    assert isinstance(locals_["f2"], float) and locals_["f3"] == 1e300 and math.copysign(1, locals_["f4"]) == -1
    assert locals_["nan"] == {"type": "float", "value": "nan"} and locals_["lone"] == "a\udc80b"
    assert locals_["redacted"] == {"type": "Redacted", "text": "<redacted>"} and locals_["dropped"] == {"type": "Dropped", "text": "<dropped>"}
    assert locals_["cutlong"] == {"type": "str", "value": "a" * 100, "length": 500}
    assert eval(locals_["byt"]["text"]) == b"a'\x00\xff\n"
    first = steps[28]["locals"]["lst"]
    assert first[:2] == [1, {"type": "tuple", "items": [2.5, "t"]}] and first[2]["cycle"] is True
    assert locals_["pt"]["type"] == "__main__.Point" and locals_["pt"]["fields"]["x"] == 1
    call = next(event for event in events if event["event"] == "call" and event["function"] == "add")
    assert call["arguments"] == {"a": 1, "b": 2} and call["depth"] == 1 and call["file"] == "/p/sub.py"
    returned = next(event for event in events if event["event"] == "return" and event["function"] == "add")
    assert returned["value"] == 3 and returned["activation"] == call["activation"]
    changed = [json.loads(line) for line in run("print", "--json", changes).out.splitlines()]
    assert [event["changed"] for event in changed if event["event"] == "step" and event["function"] == "Box.f"][1][0] == "items"


def on_terminal(arguments, **environment):
    """What the program writes when its stdout is a terminal. The terminal stays open until all is read: a terminal that its last writer closes can
    end for the reader before what was written (Linux, n_tty_read: the end is looked at after the buffer)."""
    ours, theirs = pty.openpty()
    out = b""
    with subprocess.Popen([TOOL, *map(str, arguments)], stdout=theirs, stderr=subprocess.DEVNULL, env=clean_environment(**environment)) as process:
        ended = False
        while True:
            if select.select([ours], [], [], 0 if ended else 0.02)[0]:
                out += os.read(ours, 65536)
            elif ended:
                break
            else:
                ended = process.poll() is not None
    os.close(ours), os.close(theirs)
    assert process.returncode == 0
    return out.decode().replace("\r\n", "\n")


def test_colour_and_width_only_on_a_terminal(changes):
    shown = on_terminal(["print", changes], COLUMNS="60")
    assert "\x1b[1;33mitems = " in shown
    assert "\x1b[" not in on_terminal(["print", changes], COLUMNS="60", NO_COLOR="1")
    for options, environment in (["--width=60"], {}), ([], {"COLUMNS": "60"}), (["--width=60"], {"COLUMNS": "100"}):  # no terminal
        lines = run("print", changes, *options, **environment).out.splitlines()
        assert max(map(len, lines)) == 60 and not any("……" in line for line in lines)
    assert run("print", changes, "--width=0", COLUMNS="60").out == run("print", changes).out
    plain = on_terminal(["print", "--color=never", changes], COLUMNS="60")
    assert "\x1b" not in plain and max(map(len, plain.splitlines())) <= 60 and "…" in plain
    assert "\x1b[1;33m" in run("print", "--color=always", changes).out
    long = next(line for line in run("print", changes).out.splitlines() if "text = " in line)
    assert 2000 < len(long.split("text = ")[1]) < 2100  # of 3,000


def test_a_closed_pager_is_no_failure(loop):
    with subprocess.Popen([TOOL, "print", str(loop)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


def test_a_full_disk_is_said(loop):
    with open("/dev/full", "w") as full:
        done = subprocess.run([TOOL, "print", str(loop)], stdout=full, stderr=subprocess.PIPE, env=clean_environment(), timeout=60)
    assert done.returncode == 1 and b"No space left" in done.stderr


def test_info(everything):
    out = run("info", everything).out
    for expected in ("program       /p/main.py x", "steps         45 of 74 events", "complete      yes", "ended with    status 3", "limits"):
        assert expected in out


def test_info_names_the_steps_that_the_recording_did_not_count(tmp_path):
    """As ct-multi each call begins with a step of its own (docs/ct-format.md): three calls, the module's among them."""
    trace = reading.record_journal(tmp_path, "def f():\n    return 1\nf()\nf()\n", events=False).trace
    note = "; in this layout each call has a step of its own, which the recording did not count"
    for form in ("journal", "ct", "ct-single", "ct-multi", "json", "binary", "binary-v0"):
        run("convert", trace, tmp_path / form, "--to", form)
        (steps,) = (line for line in run("info", tmp_path / form).out.splitlines() if line.startswith("steps "))
        assert steps.split()[1] == ("8" if form == "ct-multi" else "5") and steps.endswith(note) == (form == "ct-multi"), (form, steps)


def test_info_tells_what_a_container_and_a_folder_consist_of(tmp_path, everything):
    """The directory of a container is decoded here a second time, by ctfs.md section 1."""
    run("convert", everything, tmp_path / "a.ct", "--to", "ct")
    run("convert", everything, tmp_path / "json", "--to", "json")
    data = (tmp_path / "a.ct").read_bytes()
    expected = []
    for at in range(16, 16 + 24 * int.from_bytes(data[12:16], "little"), 24):
        size, _, number = (int.from_bytes(data[at + k : at + k + 8], "little") for k in (0, 8, 16))
        name = ""
        while number:
            name += " 0123456789abcdefghijklmnopqrstuvwxyz./-"[number % 40]
            number //= 40
        if name:
            expected.append((name, size))
    told = [line.split() for line in run("info", tmp_path / "a.ct").out.splitlines() if line.startswith("  ")]
    assert [(name, int(size.replace(",", ""))) for name, size, _ in told] == expected
    told = [line.split() for line in run("info", tmp_path / "json").out.splitlines() if line.startswith("  ")]
    assert {name: int(size.replace(",", "")) for name, size, _ in told} == {
        path.name: path.stat().st_size for path in (tmp_path / "json").iterdir() if path.is_file()
    }
    for path, heading in ((tmp_path / "a.ct", ", with these files in the container:"), (tmp_path / "json", ", in these files:")):
        lines = run("info", path).out.splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("  "))
        assert lines[first - 1].startswith("size ") and lines[first - 1].endswith(heading)
    lines = run("info", tmp_path / "a.ct").out.splitlines()
    assert "complete      yes" in lines and any(line.startswith("started") for line in lines), "the journal inside is the recording's own"
    (tmp_path / "json" / "trace.json").rename(tmp_path / "json" / "the_trace_of_a_longer_name.json")
    told = [line.split() for line in run("info", tmp_path / "json" / "the_trace_of_a_longer_name.json").out.splitlines() if line.startswith("  ")]
    assert "the_trace_of_a_longer_name.json" in [name for name, *_ in told]


def test_changes_within_an_object_that_is_met_too_deep_first(tmp_path):
    """By one way from the variable the changed list is beyond the recording's depth, by a shorter one it is within: the variable changed."""
    code = "x = [[0]]\nv = [[[[[x]]]], x]\nx[0][0] = 1\nend = 2\n"
    events = reading.record_journal(tmp_path, "def f():\n" + "".join(f"    {line}\n" for line in code.splitlines()) + "f()\n").events
    last = [event for event in events if event["event"] == "step" and event["function"] == "f"][-1]
    assert last["locals"]["v"][1] == [[1]] and last["changed"] == ["x", "v"]


def test_recover_a_killed_recording(tmp_path):
    steps = int(make("killed", tmp_path, status=-9))
    private = tmp_path / ".recording-test"
    assert private.is_dir()
    shown = run("print", tmp_path)  # before it is recovered
    assert shown.out.splitlines()[-1].startswith(f"{steps - 1} ") and "recover" in shown.err
    sizes = dict(re.findall(r"^ *(size|events|definitions|content) +([\d,]+) bytes?", run("info", tmp_path).out, re.M))
    sizes = {name: int(size.replace(",", "")) for name, size in sizes.items()}
    assert sizes.pop("size") >= sum(sizes.values()) > 64, "also what lies in the live file is counted"
    done = run("recover", tmp_path)
    assert f"loop.ctj: {steps:,} steps recovered of /p/loop.py" in done.out and done.out.count("\n") == 1
    command = done.out.partition("For CodeTracer: ")[2].split()
    converted = tmp_path.parent / f"{tmp_path.name}.ct"
    assert command[0] == "codetracer-trace" and run(*command[1:3], converted, *command[4:]).err == ""
    assert converted.exists()
    assert sorted(os.listdir(tmp_path)) == ["loop.ctj"]
    recovered = run("print", tmp_path)
    assert recovered.out == shown.out and recovered.err == ""
    info = run("info", tmp_path).out
    assert "complete      recovered (the recording was cut: its process was killed)\n" in info and "recovered = " not in info
    assert "nothing to recover" in run("recover", tmp_path).err
    assert "is complete" in run("recover", tmp_path / "loop.ctj").err


@pytest.mark.parametrize("form, names", [("ct", ["loop.ct"]), ("json", ["trace.json", "trace_metadata.json", "trace_paths.json"]),
                                         ("binary", ["trace.bin", "trace_metadata.json", "trace_paths.json"])])
def test_recover_into_a_format(tmp_path, form, names):
    make("killed", tmp_path, status=-9)
    run("recover", tmp_path, "--format", form)
    assert sorted(os.listdir(tmp_path)) == names
    assert "199999" in run("print", tmp_path, "--from", 199_999).out


def test_recover_overwrites_nothing(tmp_path):
    (tmp_path / "loop.ctj").write_text("precious")
    make("killed", tmp_path, status=-9)
    run("recover", tmp_path)
    assert (tmp_path / "loop.ctj").read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["loop-2.ctj", "loop.ctj"]
    (tmp_path / "trace.json").write_text("precious")
    make("killed", tmp_path, status=-9)
    done = run("recover", tmp_path, "--format", "json", status=1)
    assert "exists already" in done.err and (tmp_path / "trace.json").read_text() == "precious"
    assert (tmp_path / ".recording-test").is_dir()


def test_a_running_recording_is_left_alone(tmp_path):
    with subprocess.Popen([SAMPLE, "running", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment()) as process:
        process.stdout.readline()
        done = run("recover", tmp_path, status=1)
        assert f"process {process.pid}" in done.err and (tmp_path / ".recording-test" / "journal.live").exists()
        assert run("recover", tmp_path / ".recording-test" / "journal.ctj", status=1).err == done.err
        assert len(run("print", tmp_path, "--limit", 5).out.splitlines()) == 5
        process.stdin.close()
        assert process.wait(timeout=60) == 0
    run("recover", tmp_path)
    assert os.listdir(tmp_path) == ["loop.ctj"]


@pytest.mark.parametrize("name", [".", "journal.ctj", "../.recording-test/."])
def test_recover_from_within_a_recording(tmp_path, name):
    make("killed", tmp_path, status=-9)
    done = subprocess.run([TOOL, "recover", name], capture_output=True, text=True, timeout=60, cwd=tmp_path / ".recording-test")
    assert done.returncode == 0 and "loop.ctj: " in done.stdout, done
    assert os.listdir(tmp_path) == ["loop.ctj"]


def test_what_recover_is_not_for(tmp_path, changes):
    run("convert", changes, tmp_path / "whole.ct", "--to", "ct")
    said = run("recover", tmp_path / "whole.ct", status=1).err
    assert said.startswith(f"codetracer-trace recover: {tmp_path}/whole.ct is no journal (.ctj)") and said.count("\n") == 1


def test_a_file_that_was_cut_off(tmp_path, loop):
    whole = loop.read_bytes()
    cut = tmp_path / "cut.ctj"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    said = f"codetracer-trace: {cut} is not complete: its end is missing. `codetracer-trace recover {cut}` makes a whole trace of what there is.\n"
    printed = run("print", cut, status=1)
    assert printed.err == said and printed.out
    assert run("print", tmp_path, status=1).err == said  # the folder it lies in
    assert "complete      no: the end of the file is missing\n" in run("info", cut, status=1).out
    assert said in run("convert", cut, tmp_path / "converted", "--to", "json", status=1).err
    assert re.search(r"loop\.ctj: [\d,]+ steps recovered of /p/loop\.py; the recording ends where its file was cut\.", run("recover", cut).out)
    assert "complete      recovered (the end of its file was missing)\n" in run("info", tmp_path / "loop.ctj").out
    assert run("print", tmp_path / "loop.ctj").out == printed.out


def test_names_cannot_command_a_terminal(tmp_path, loop):
    """Control characters of a name are escaped, a sentence stays a line, and a command in it can be pasted into a shell."""
    folder = tmp_path / "it's \x1b[31m\n-red"
    folder.mkdir()
    (folder / "cut.ctj").write_bytes(loop.read_bytes()[:5000])
    for command in ("print", "info", "verify"):
        done = run(command, folder, status=1)
        assert "\x1b" not in done.err + done.out and done.err.count("\n") == (command != "verify")
    assert run("print", folder / "\x9b", status=1).err == f"codetracer-trace print: {tmp_path}/it's \\x1b[31m\\n-red/\\x9b: there is no such file or folder\n"
    (tmp_path / "-it's").mkdir()
    (tmp_path / "-it's" / "cut.ctj").write_bytes(loop.read_bytes()[:5000])
    done = subprocess.run([TOOL, "print", "--", "-it's"], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    (command,) = re.findall("`codetracer-trace (.*)`", done.stderr)
    assert shlex.split(command) == ["recover", "./-it's/cut.ctj"]


def test_a_limit_counts_lines(tmp_path):
    """Also those that say which thread goes on."""
    program = "import threading\nfor i in range(3):\n    t = threading.Thread(target=lambda: 1)\n    t.start()\n    t.join()\n"
    trace = reading.record_journal(tmp_path, program, events=False).trace
    lines = run("print", trace).out.splitlines(True)
    for limit in range(1, len(lines)):
        assert run("print", trace, "--limit", limit).out == "".join(lines[:limit])


def test_a_mark_of_utf_8_is_no_source(tmp_path):
    (tmp_path / "marked.py").write_bytes(b"\xef\xbb\xbfvalue = 1\nprint(value)\n")
    trace = reading.record_journal(tmp_path, None, "marked.py", events=False).trace
    assert "marked.py:1  value = 1\n" in run("print", trace).out


def test_source_is_cut_by_columns_of_the_terminal(tmp_path):
    """Not by bytes: letters that take two are no wider."""
    for name, word in (("latin", "a"), ("greek", "α")):
        (tmp_path / name).mkdir()
        trace = reading.record_journal(tmp_path / name, f"x = '{word * 20}'\ny = '{word * 60}'\n", events=False).trace
        printed = on_terminal(["print", "--color=never", trace], COLUMNS="60")
        assert f"x = '{word * 20}'" in printed and f"prog.py:2  y = '{word * 20}…" in printed, printed


@pytest.mark.parametrize("form", ["ct", "json", "binary", "binary-v0"])
def test_other_formats_read_back(tmp_path, loop, form):
    out = tmp_path / ("x.ct" if form == "ct" else "x")
    if form == "binary-v0":
        refused = run("convert", loop, out, "--to", form, status=1)
        assert "64 MiB" in refused.err and "choose the format binary or ct" in refused.err and not out.exists()
        loop = tmp_path / "short.ctj"
        make("loop", loop, 30_000)
    run("convert", loop, out, "--to", form)

    def steps(path):
        events = [json.loads(line) for line in run("print", "--json", path).out.splitlines()]
        return [(e["event"], e["function"], e.get("locals"), e.get("value")) for e in events if e["event"] in ("step", "return")]

    ours, theirs = steps(loop), steps(out)
    assert [e[:2] for e in ours if e[0] == "step"] == [e[:2] for e in theirs if e[0] == "step"]
    assert [e for e in ours if e[0] == "step"] == [e for e in theirs if e[0] == "step"]
    assert [e[3] for e in ours if e[0] == "return"] == [e[3] for e in theirs if e[0] == "return"]
    assert f"format        {form}" in run("info", out).out
    assert "exists already" in run("convert", loop, out, "--to", "ct", status=1).err


def test_reading_other_formats_leaves_nothing_behind(tmp_path, everything):
    run("convert", everything, tmp_path / "x.ct", "--to", "ct")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run("print", tmp_path / "x.ct", TMPDIR=str(temporary))
    data = bytearray((tmp_path / "x.ct").read_bytes())
    data[9000:] = b"\xff" * (len(data) - 9000)
    (tmp_path / "x.ct").write_bytes(data)
    assert run("print", tmp_path / "x.ct", status=1, TMPDIR=str(temporary)).err.count("\n") == 1
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("text", ["", "[", "[{]", '[{"Step":{"path_id":0,"line":1}}]', '[{"Path":"a"},{"Step":{"path_id":0}}]', '[{"Path":1}]', '["x"]', '[{"Path":"a"}',
                                  '[{"Path":"a"} {"Path":"b"}]', '[{"Call":{"function_id":9,"args":[]}}]', "[1]"])
def test_damaged_json(tmp_path, text):
    path = tmp_path / "trace.json"
    path.write_text(text)
    done = run("print", path, status=1)
    assert done.err.count("\n") == 1


def test_convert_to_a_journal_is_the_same(tmp_path, everything):
    run("convert", everything, tmp_path / "copy.ctj", "--to", "journal")
    assert run("print", "--json", tmp_path / "copy.ctj").out == run("print", "--json", everything).out


# ---- what is read ----


def bytes_read(*arguments, stop_after=None):
    """What the tool read from files (read, pread), by the system's count; with stop_after the output is closed behind so many bytes."""
    process = subprocess.Popen([TOOL, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    shown = process.stdout.read(stop_after) if stop_after else process.stdout.read()
    process.stdout.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    counts = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
    error = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 0, error
    return int(counts["rchar"]), shown.decode()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Five million steps."""
    folder = tmp_path_factory.mktemp("large")
    make("loop", folder / "journal", 5_000_000)
    return folder


def test_info_reads_little_of_a_large_trace(large):
    size = (large / "journal").stat().st_size
    few, shown = bytes_read("info", large / "journal")
    assert "5,000,00" in shown and size > 5_000_000
    assert few < size / 20, (few, size)


def test_print_begins_without_reading_what_comes_later(large):
    size = (large / "journal").stat().st_size
    few, shown = bytes_read("print", large / "journal", "--limit", 20)
    assert len(shown.splitlines()) == 20 and few < size / 10, (few, size)


@pytest.mark.parametrize("form", ["ct", "ct-single", "ct-multi"])
def test_a_container_of_ten_gigabytes(tmp_path, everything, form):
    """All but its first part is a hole, which nobody needs to read."""
    whole = tmp_path / "t.ct"
    run("convert", everything, whole, "--to", form)
    shown = run("print", whole).out
    with open(whole, "r+b") as file:
        file.truncate(10_000_000_000)
    assert bytes_read("print", whole)[1] == shown
    for command in ("info", "print"):
        assert bytes_read(command, whole)[0] < 2_000_000  # of 10,000,000,000


@pytest.mark.parametrize("form", ["ct", "ct-multi"])
def test_who_waits_is_told_what_for(tmp_path, everything, form):
    """Only on a terminal, and only of a trace that has no journal to begin with."""
    trace = tmp_path / "t.ct"
    run("convert", everything, trace, "--to", form)
    with open(trace, "r+b") as file:
        file.truncate(200_000_000)
    ours, theirs = pty.openpty()
    done = subprocess.run([TOOL, "print", trace, "--limit", "1"], stdout=subprocess.PIPE, stderr=theirs, env=clean_environment(), timeout=60)
    os.write(theirs, b"end")
    error = os.read(ours, 4096).decode()
    os.close(ours), os.close(theirs)
    assert done.returncode == 0 and done.stdout.count(b"\n") == 1
    assert ("reading all of its 200 MB first" in error and error.count("\n") == 1) if form == "ct-multi" else error == "end", error
    assert run("print", trace, "--limit", "1").err == ""


@pytest.mark.parametrize("form", ["json", "binary", "ct-single", "ct-multi"])
def test_recover_does_not_read_the_trace_that_was_there(tmp_path, form):
    """Only whether it is one of this recorder's: then it is moved away."""
    if form in ("json", "binary"):
        run("convert", _recorded(tmp_path), tmp_path, "--to", form)
        old = tmp_path / ("trace.json" if form == "json" else "trace.bin")
    else:
        old = tmp_path / "old.ct"
        run("convert", _recorded(tmp_path), old, "--to", form)
    size = old.stat().st_size
    with open(old, "r+b") as file:
        file.truncate(200_000_000)  # a hole: what reads it reads 200 MB
    os.utime(old, (1, 1))
    without = tmp_path.with_name(tmp_path.name + "-without")
    without.mkdir()
    make("killed", without, status=-9)
    shutil.copytree(without, tmp_path, dirs_exist_ok=True)  # the same one: how far another gets before it is killed differs
    expected, _ = bytes_read("recover", without)
    few, _ = bytes_read("recover", tmp_path)
    assert few < expected + size + 100_000, (few, expected)
    assert old.name in os.listdir(tmp_path / "earlier") and sorted(os.listdir(tmp_path)) == ["earlier", "loop.ctj"]


def _recorded(tmp_path):
    folder = tmp_path.with_name(tmp_path.name + "-recorded")
    folder.mkdir()
    return reading.record_journal(folder, "x = 1\n", events=False).trace


# ---- what cannot be read or written ----


@pytest.fixture
def as_nobody():
    """as_nobody(*arguments) -> (status, output, sentences) of the tool run as a user to whom folders are closed, and a folder that he can reach."""
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("runs as root, to whom no folder is closed, and setpriv is not there")
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(TOOL, folder / "tool")

        def go(*arguments):
            done = subprocess.run([*prefix, folder / "tool", *map(str, arguments)], capture_output=True, text=True, timeout=60, env=clean_environment(), cwd=folder)
            return done.returncode, done.stdout, done.stderr

        go.folder = folder
        yield go
        for path in folder.rglob("*"):
            path.chmod(0o700)


def test_what_may_not_be_written(as_nobody, changes):
    shutil.copy(changes, as_nobody.folder / "t.ctj")
    (as_nobody.folder / "t.ctj").chmod(0o644)
    closed = as_nobody.folder / "closed"
    closed.mkdir()
    cut = closed / "cut.ctj"
    cut.write_bytes(changes.read_bytes()[:-100])
    cut.chmod(0o644)
    make("killed", closed, status=-9)
    for path in (closed / ".recording-test", *(closed / ".recording-test").iterdir()):
        path.chmod(0o755)
    closed.chmod(0o555)
    (closed / ".recording-test").chmod(0o555)
    for arguments, place in [(["convert", "t.ctj", closed / "x", "--to", form], closed / "x") for form in ("json", "binary", "ct", "journal")] + [
        (["convert", "t.ctj", closed, "--to", "json"], closed), (["recover", closed], closed), (["recover", closed, "--format", "json"], closed), (["recover", cut], closed)]:  # fmt: skip
        status, output, error = as_nobody(*arguments)
        assert (status, output, error.count("\n")) == (1, "", 1) and str(place) in error and "Permission denied" in error, (arguments, error)
    assert sorted(os.listdir(closed)) == [".recording-test", "cut.ctj"] and sorted(os.listdir(closed / ".recording-test")) == ["journal.ctj", "journal.live"]


def test_what_may_not_be_read(as_nobody, changes):
    file, folder = as_nobody.folder / "t.ctj", as_nobody.folder / "folder"
    shutil.copy(changes, file)
    folder.mkdir()
    make("killed", folder, status=-9)
    for path in (file, folder / ".recording-test"):
        path.chmod(0)
    for arguments in (["print", file], ["info", file], ["verify", file], ["convert", file, as_nobody.folder / "x", "--to", "ct"], ["recover", file],
                      ["print", folder], ["info", folder], ["verify", folder], ["recover", folder], ["recover", folder / ".recording-test"]):  # fmt: skip
        status, output, error = as_nobody(*arguments)
        assert (status, output, error.count("\n")) == (1, "", 1) and "Permission denied" in error and "delete" not in error, (arguments, error)


@pytest.mark.parametrize("form", ["journal", "ct", "ct-single", "ct-multi", "json", "binary"])
def test_a_file_that_grows_too_large_leaves_nothing(tmp_path, form, loop):
    """As on a full disk: no file may have more than so many bytes (ulimit -f)."""
    make("killed", tmp_path, status=-9)
    private = tmp_path / ".recording-test"
    for arguments in (["convert", loop, tmp_path / "out", "--to", form], ["recover", tmp_path, "--format", form]):
        command = ["/bin/sh", "-c", 'ulimit -f 3; exec "$@"', "sh", TOOL, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment())
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1) and "File too large" in done.stderr, done.stderr
    assert os.listdir(tmp_path) == [".recording-test"] and sorted(os.listdir(private)) == ["journal.ctj", "journal.live"]


def test_what_is_no_file(tmp_path, changes):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "a.ctj")
    for place in (tmp_path / "fifo", "/dev/null", "/dev/zero"):
        for arguments in (["print", place], ["info", place], ["verify", place], ["convert", place, tmp_path / "x", "--to", "ct"], ["recover", place]):
            error = run(*arguments, status=1).err
            assert error.count("\n") == 1 and "neither a f" in error, (arguments, error)
    for command in ("print", "info", "verify"):
        assert "holds no trace" in run(command, tmp_path / "folder", status=1).err
    for i in range(20):
        shutil.copy(changes, tmp_path / f"{i:02}.ctj")
    for command in ("print", "info", "verify"):
        assert "several traces; give the path of one of them (00.ctj, 01.ctj, 02.ctj, 03.ctj, …)" in run(command, tmp_path, status=1).err
