"""Columns of steps: the journal, read(), print --json and the containers against co_positions() of the same code, worked out here in Python, and against what
CodeTracer's own programs show."""

import json
import subprocess
import sys
import types

import pytest
import reading
from codetracer_python_recorder import read
from conftest import PACKAGE, environment_for
from support.dap import ReplayServer, unless_it_crashes
from test_formats import GOLDEN, run, tool

PROGRAMS = PACKAGE / "tests" / "programs"

SHAPES = '''\
"""Text."""
import os, sys
from os import path as where

def plain(first, second=2): return first + second

def decorated(function):
    return function

class Outer:
    """Text."""
    number = 1

    class Inner: word = "a"; other = word * 2

    @decorated
    @staticmethod
    def way(text="é"):
        é = text; length = len(é) + len("日本"); return length

    def generator(self, count):
        self.count = count
        for number in range(count): yield number
        with open(os.devnull) as file:
            file.read()
        try:
            1 / 0
        except ZeroDivisionError as error:
            del error
        finally:
            count += 1
        return (yield)

async def wait(seconds):
    if (half := seconds / 2) > 1:
        return half
    return [number
            for number in range(
                3) if number
            ]

table = {
    "a":
        1,
}
table["b"] = table["a"]
outer = Outer(); outer.word = "word"
list(Outer().generator(2))
Outer.way()
print(plain(
    1,
  2))
try:
    wait(4).send(None)
except StopIteration: pass
x = lambda: 1; x()
if x():\tlength = 5
'''


def codes_in(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_in(constant)


def columns_of(text, path):
    """{(qualified name, first line): {line: the leftmost byte, from 1, of code that begins there, or None}}"""
    found = {}
    for code in codes_in(compile(text, str(path), "exec", dont_inherit=True)):
        lines = found.setdefault((code.co_qualname, code.co_firstlineno), {})
        for line, end_line, column, end_column in code.co_positions():
            if not line:
                continue
            known = lines.setdefault(line, None)
            if column is not None and (line, column) != (end_line, end_column) and (known is None or column + 1 < known):
                lines[line] = column + 1
    return found


def record(tmp_path, program, *options, **variables):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "-o", out, *options, program]
    given = program.with_suffix(".in").read_bytes() if program.with_suffix(".in").exists() else b""
    subprocess.run(command, check=True, input=given, capture_output=True, timeout=120, env=environment_for(PYTHONHASHSEED="0", **variables))
    return out


def check(trace, path, text):
    expected, seen = columns_of(text, path), set()
    first_lines = {(function.name, function.line) for function in trace.functions}
    for step in trace.steps:
        if step.path != str(path):
            continue
        place = step.function, step.call.line
        assert place in expected and place in first_lines
        assert step.column == expected[place][step.line], (step.function, step.line)
        seen.add(step.column)
    return seen


@pytest.mark.parametrize("format", ["journal", "ct"])
def test_shapes(tmp_path, format):
    program = tmp_path / "shapes.py"
    program.write_text(SHAPES)
    with read(record(tmp_path, program, "--format", format)) as trace:
        assert {1, 5, 9} < check(trace, program, SHAPES)
        # By hand: code behind a colon; a line that a closing bracket ends; the beginning of a class has no place in the text.
        columns = {(step.function, step.line): step.column for step in trace.steps}
        assert columns["plain", 5] == 29
        assert columns["Outer.way", 19] == 9
        assert columns["wait", 36] == 9 and columns["wait", 35] == 8
        assert columns["Outer", 10] is None and columns["Outer", 12] == 5
        assert columns["<module>", 57] == 4


@pytest.mark.parametrize("name", ["comprehension_nested", "generator_throw", "inheritance", "unicode_strings", "import_sibling", "async_generators"])
def test_programs(tmp_path, name):
    program = PROGRAMS / f"{name}.py"
    if not program.exists():
        pytest.fail(f"no such program: {name}")
    with read(record(tmp_path, program)) as trace:
        assert check(trace, program, program.read_bytes())


def test_print_json(tmp_path):
    program = tmp_path / "shapes.py"
    program.write_text(SHAPES)
    out = record(tmp_path, program)
    with read(out) as trace:
        expected = [(step.line, step.column) for step in trace.steps]
    steps = [event for event in reading.print_json(out) if event["event"] == "step"]
    assert [(step["line"], step.get("column")) for step in steps] == expected
    assert not any("column" in event for event in reading.print_json(out) if event["event"] != "step")


def test_without_columns(tmp_path):
    """Python keeps none when it is told so: no step has one, and the containers are as without."""
    program = tmp_path / "shapes.py"
    program.write_text(SHAPES)
    out = record(tmp_path, program, PYTHONNODEBUGRANGES="1", PYTHONDONTWRITEBYTECODE="1")
    with read(out) as trace:
        assert {step.column for step in trace.steps} == {None}
    assert all("column" not in event for event in reading.print_json(out))


def test_a_code_with_more_lines_than_a_record_holds(tmp_path):
    program = tmp_path / "long.py"
    text = "".join(f"{' ' * (4 * (n % 2))}{'if 1:' if n % 2 == 0 else f'x = {n}'}\n" for n in range(6000))
    program.write_text(text)
    with read(record(tmp_path, program, "--format", "journal")) as trace:
        assert check(trace, program, text) == {4, 5}  # of `if 1:` only the 1 is left in the code
        assert len(trace.steps) > 5000
        assert "columns" not in trace.metadata


def test_line_ends_and_empty_lines(tmp_path):
    """What stands between two steps does not move them: a reader of the container finds each in its line and column."""
    program = tmp_path / "ends.py"
    text = "\r\n\r\nif 1:\r\n\r\n\tx = 1\r\n\n\n    \ny = 2 ; \\\n      z = 3\n"
    program.write_bytes(text.encode())
    out = record(tmp_path, program)
    with read(out) as trace:
        ours = [(step.line, step.column) for step in trace.steps]
    assert ours == [(3, 4), (5, 2), (9, 1), (10, 7)]  # of `if 1:` only the 1 is left in the code
    printed = json.loads(run(tool("ct-print"), "--full", next(out.glob("*.ct"))))
    steps = [(event["line"], event["column"]) for event in printed["events"] if event["kind"] == "step"]
    assert steps[-len(ours) :] == ours


def test_an_empty_module(tmp_path):
    """Python says that it begins in line 0, which no file has: it is a step at line 1, without a column, and both halves agree."""
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "main.py").write_text("import empty\nx = 1\n")
    out = record(tmp_path, tmp_path / "main.py")
    with read(out) as trace:
        assert [(step.line, step.column) for step in trace.steps if step.path.endswith("empty.py")] == [(1, None)]
    run(reading.trace_tool(), "verify", out)


def test_the_replay_server_shows_them(tmp_path):
    """Of the multi-stream layout; of events.log, which it takes from a `ct`, it knows lines only."""
    program = tmp_path / "shapes.py"
    program.write_text(SHAPES)
    out = record(tmp_path, program, "--format", "journal")
    (tmp_path / "multi").mkdir()
    run(reading.trace_tool(), "convert", out, tmp_path / "multi" / "shapes.ct", "--to", "ct-multi")
    with read(out) as trace:
        expected = [(step.line, step.column or 1) for step in trace.steps]

    def drive():
        shown = []
        with ReplayServer(tool("replay-server"), tmp_path / "multi") as server:
            for _ in range(len(expected) // 2):
                frame = server.request("stackTrace", threadId=1)["stackFrames"][0]
                shown.append((frame["line"], frame["column"]))
                server.request("stepIn", threadId=1)
                server.wait("stopped")
        return shown

    shown = unless_it_crashes(drive)
    # Between ours are the steps on `def` lines that begin a call.
    rest = iter(shown)
    matched = sum(any(place == other for other in rest) for place in expected[: len(shown) // 2])
    assert matched == len(shown) // 2
    assert len({column for _, column in shown}) > 3


def test_foreign_columns_are_kept(tmp_path):
    """A container of upstream's writer: a.py:2 in column 5, all else in column 1."""
    with read(GOLDEN / "multistream_column.ct") as trace:
        assert [(step.path, step.line, step.column) for step in trace.steps] == [
            ("/p/a.py", 1, 1), ("/p/a.py", 3, 1), ("/p/a.py", 2, 5), ("/p/b.py", 1, 1),
        ]  # fmt: skip
    with read(GOLDEN / "multistream_line.ct") as trace:
        assert {step.column for step in trace.steps} == {None}


def test_through_ct_multi_and_back(tmp_path):
    program = tmp_path / "shapes.py"
    program.write_text(SHAPES)
    out = record(tmp_path, program, "--format", "journal")
    run(reading.trace_tool(), "convert", out, tmp_path / "shapes.ct", "--to", "ct-multi")
    run(reading.trace_tool(), "convert", tmp_path / "shapes.ct", tmp_path / "again.ct", "--to", "ct-multi")
    first, second = (json.loads(run(tool("ct-print"), "--full", tmp_path / name)) for name in ("shapes.ct", "again.ct"))
    kept = [{(event["line"], event["column"]) for event in shown["events"] if event["kind"] == "step" and event["column"] > 1} for shown in (first, second)]
    # Of a step on a `def` line that begins a call nothing else is told; a code has one column for a line, and 1 is what writers say who know none.
    assert kept[0] == kept[1] and len(kept[0]) > 10
