"""Traces that other programs write and this recorder would not: a function of which steps are in several files, threads whose calls are open at the same time."""

import json
import subprocess

import codetracer_python_recorder
import pytest
import reading
from test_verify import NONE, integer, value, write

PATHS = ["/p/a.nim", "/p/templates.nim", "/p/more.nim"]


@pytest.fixture(scope="module")
def tool():
    found = reading.trace_tool()
    if not found:
        pytest.skip("codetracer-trace is not installed")
    return found


def step(path, line):
    return {"Step": {"path_id": path, "line": line}}


def call(function, *arguments):
    return {"Call": {"function_id": function, "args": [{"variable_id": 0, "value": record} for record in arguments]}}


def give(record):
    return {"Return": {"return_value": record}}


HEAD = [
    *({"Path": path} for path in PATHS),
    {"Function": {"path_id": 0, "line": 1, "name": "<toplevel>"}},
    call(0),
    {"Type": {"kind": 30, "lang_type": "None", "specific_info": {"kind": "None"}}},
    {"Type": {"kind": 7, "lang_type": "Int", "specific_info": {"kind": "None"}}},
    {"VariableName": "x"},
    {"VariableName": "y"},
    {"Function": {"path_id": 0, "line": 3, "name": "f"}},
    {"Function": {"path_id": 1, "line": 3, "name": "g"}},
]
# f goes through two templates; g is in a template's file and goes back to the first one. The step before g's Call is at the line of g, in another file.
IN_SEVERAL_FILES = [
    *HEAD,
    step(0, 20),
    step(0, 3),
    call(1, integer(1)),
    step(0, 4), value(0, integer(1)),
    step(1, 7), value(0, integer(1)), value(1, integer(5)),
    step(2, 7), value(0, integer(2)), value(1, integer(5)),
    step(1, 3),
    call(2, integer(3)),
    step(0, 9), value(0, integer(3)),
    step(1, 4), value(0, integer(4)),
    give(integer(9)),
    step(0, 5), value(0, integer(2)), value(1, integer(5)),
    give(NONE),
    step(1, 21),
    step(0, 22),
    give(NONE),
]  # fmt: skip
SHOWN = [
    ("<toplevel>", 0, 20, {}),
    ("f", 0, 4, {"x": 1}), ("f", 1, 7, {"x": 1, "y": 5}), ("f", 2, 7, {"x": 2, "y": 5}),
    ("g", 0, 9, {"x": 3}), ("g", 1, 4, {"x": 4}),
    ("f", 0, 5, {"x": 2, "y": 5}),
    ("<toplevel>", 1, 21, {}), ("<toplevel>", 0, 22, {}),
]  # fmt: skip


def steps_of(tool, path):
    done = subprocess.run([tool, "print", "--json", path], capture_output=True, text=True, check=True, timeout=60)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return [(e["function"], PATHS.index(e["file"]), e["line"], e["locals"]) for e in events if e["event"] == "step"], events


def test_a_step_is_in_its_own_file(tool, tmp_path):
    write(tmp_path / "t", IN_SEVERAL_FILES)
    shown, events = steps_of(tool, tmp_path / "t")
    assert shown == SHOWN
    assert [(e["event"], e["function"]) for e in events if e["event"] in ("call", "return")] == [
        ("call", "<toplevel>"), ("call", "f"), ("call", "g"), ("return", "g"), ("return", "f"), ("return", "<toplevel>")]  # fmt: skip
    trace = codetracer_python_recorder.read(tmp_path / "t")
    assert [(s.function, PATHS.index(s.path), s.line, dict(s.locals)) for s in trace.steps] == SHOWN
    assert trace.steps[3].path == PATHS[2] and trace.steps[1].path == PATHS[0]  # each by itself, from the front


@pytest.mark.parametrize("through", ["json", "binary", "binary-v0", "ct-single", "ct-multi", "ct", "journal"])
def test_it_stays_there_in_every_format(tool, tmp_path, through):
    write(tmp_path / "t", IN_SEVERAL_FILES)
    for source, target, form in (("t", "u", through), ("u", "v", "json")):
        subprocess.run([tool, "convert", tmp_path / source, tmp_path / target, "--to", form], check=True, capture_output=True, timeout=60)
    subprocess.run([tool, "verify", tmp_path / "u"], check=True, capture_output=True, timeout=60)
    events = json.loads((tmp_path / "v" / "trace.json").read_text())
    path_ids = [e["Path"] for e in events if "Path" in e]
    steps = [(path_ids[e["Step"]["path_id"]], e["Step"]["line"]) for e in events if "Step" in e]
    expected = [(PATHS[path], line) for _, path, line, _ in SHOWN]
    own = [(PATHS[0], 1), (PATHS[0], 3), (PATHS[1], 3)]  # of calls, which a Step of their own precedes
    if through == "ct-multi":  # which has no places of functions, so that calls' own steps are steps
        assert [at for at in steps if at not in own and at[1]] == expected
    else:
        assert [at for at in steps if at not in own] == expected
        names = [(path_ids[e["Function"]["path_id"]], e["Function"]["name"]) for e in events if "Function" in e]
        assert sorted(names) == [(PATHS[0], "<toplevel>"), (PATHS[0], "f"), (PATHS[1], "g")]


# Thread 7 calls g while f is open in the first thread; each goes on where it was.
THREADS = [
    *HEAD,
    step(0, 20),
    step(0, 3),
    call(1, integer(1)),
    step(0, 4), value(0, integer(1)),
    {"ThreadStart": 7}, {"ThreadSwitch": 7},
    step(1, 3),
    call(2, integer(2)),
    step(1, 5), value(0, integer(2)),
    {"ThreadSwitch": 1},
    step(0, 5), value(0, integer(3)),
    {"ThreadSwitch": 7},
    step(1, 6), value(0, integer(4)),
    {"ThreadSwitch": 1},
    give(integer(3)),
    step(0, 21),
    {"ThreadSwitch": 7},
    step(1, 7), value(0, integer(5)),
    give(integer(4)),
    give(integer(77)),
    {"ThreadExit": 7}, {"ThreadSwitch": 1},
    step(0, 22),
    give(NONE),
]  # fmt: skip


def test_each_thread_has_its_own_stack(tool, tmp_path):
    write(tmp_path / "t", THREADS)
    _, events = steps_of(tool, tmp_path / "t")
    shown = [(e["event"], e["thread"], e["depth"], e["function"], e["line"], e.get("locals", {})) for e in events if e["event"] in ("step", "return")]
    assert shown == [
        ("step", 1, 0, "<toplevel>", 20, {}), ("step", 1, 1, "f", 4, {"x": 1}),
        ("step", 7, 0, "g", 5, {"x": 2}),
        ("step", 1, 1, "f", 5, {"x": 3}),
        ("step", 7, 0, "g", 6, {"x": 4}),
        ("return", 1, 1, "f", 5, {"x": 3}), ("step", 1, 0, "<toplevel>", 21, {}),
        ("step", 7, 0, "g", 7, {"x": 5}), ("return", 7, 0, "g", 7, {"x": 5}),
        ("step", 1, 0, "<toplevel>", 22, {}), ("return", 1, 0, "<toplevel>", 22, {}),
    ]  # fmt: skip
    trace = codetracer_python_recorder.read(tmp_path / "t")
    assert [[frame.function for frame in one.stack] for one in trace.steps] == [
        ["<toplevel>"], ["<toplevel>", "f"], ["g"], ["<toplevel>", "f"], ["g"], ["<toplevel>"], ["g"], ["<toplevel>"]]  # fmt: skip
