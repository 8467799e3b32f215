"""ct-print, CodeTracer's printer of containers, against this library's own reading of the same recording: every program of tests/programs.

What ct-print must show is worked out from `codetracer-trace print --json` of the journal, by the test's own code (support/exported.py). That the
journal is right is for the differential tests, which hold it against the oracle.
"""

import base64
import json
import re
import subprocess
import sys

import pytest
import reading
from conftest import PACKAGE, environment_for
from support.exported import Exported, without_address
from test_formats import run, tool

PROGRAMS = PACKAGE / "tests" / "programs"


class Printed:
    """The answer of ct-print --full in the form of Exported."""

    def __init__(self, path):
        text = run(tool("ct-print"), "--full", path)
        self.shown = shown = json.loads(re.sub(r'": (-?)(inf|nan)\b', r'": "\1\2"', text))
        self.types = shown["types"]
        self.steps, self.calls, self.output = [], {}, []
        self.columns = []
        self.functions = []  # of each step: its number, function and depth
        for event in shown["events"]:
            kind = event["kind"]
            if kind == "step":
                assert event["step_index"] == len(self.steps)
                if event["step_kind"].startswith("sekThread"):
                    assert event["vars"] == []
                    self.steps.append((event["step_kind"], event["thread_id"]))
                    self.functions.append(None)
                    self.columns.append(None)
                else:
                    assert event["path"] == shown["paths"][event["path_id"]]
                    self.steps.append((event["path"], event["line"], self.named(event["vars"])))
                    self.functions.append((event["function"], event["depth"]))
                    self.columns.append(event["column"])
            elif kind == "call_entry":
                assert event["function"] == shown["functions"][event["function_id"]]
                self.calls[event["call_key"]] = dict(
                    function=event["function"], args=self.named(event["args"]), entry=event["entry_step"], depth=event["depth"],
                    parent=event["parent_call_key"], children=event["children"], exit=event["exit_step"],
                )  # fmt: skip
            elif kind == "call_exit":
                call = self.calls[event["call_key"]]
                assert (event["function"], event["exit_step"]) == (call["function"], call["exit"])
                call["value"] = self.value(event["return_value"])
            elif kind == "io":
                self.output.append((event["io_kind"], event["step_id"], event["text"]))
            else:
                raise AssertionError(event)

    def named(self, variables):
        assert all(self.shown["varnames"][variable["varname_id"]] == variable["varname"] for variable in variables)
        assert all(self.types[variable["type_id"]] == variable["type_name"] for variable in variables if "type_id" in variable)
        return [(variable["varname"], self.value(variable["value"])) for variable in variables]

    def value(self, record):
        kind, name = record["kind"], self.types[record["type_id"]]
        if kind == "BigInt":
            number = int.from_bytes(base64.b64decode(record["b"]), "big")
            return name, str(-number if record["negative"] else number)
        if kind in ("Sequence", "Tuple", "Struct"):
            return name, [self.value(part) for part in record["field_values" if kind == "Struct" else "elements"]]
        content = {"Int": "i", "Float": "f", "Bool": "b", "String": "text", "Raw": "r"}.get(kind)
        content = "" if content is None else record[content]
        if kind == "Float":
            return name, float(content)
        return name, content if kind == "Bool" else without_address(str(content))


@pytest.fixture
def recorded(tmp_path):
    """recorded(name): the events of that program's journal, its status, and the containers that are made of it: ct and ct-multi."""
    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")

    def record(name):
        given = (PROGRAMS / f"{name}.in").read_bytes() if (PROGRAMS / f"{name}.in").exists() else b""
        command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--propagate-script-exit", "--format", "journal", "-o", tmp_path / "journal"]
        environment = environment_for(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")
        done = subprocess.run([*command, PROGRAMS / f"{name}.py"], input=given, capture_output=True, timeout=120, env=environment, cwd=PROGRAMS)
        for form in ("ct", "ct-multi"):
            run(reading.trace_tool(), "convert", tmp_path / "journal", tmp_path / form, "--to", form)
        return reading.print_json(tmp_path / "journal"), done.returncode, tmp_path / "ct", tmp_path / "ct-multi"

    return record


@pytest.mark.parametrize("name", sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem != "syntax_error"))
def test_program(name, recorded):
    events, status, *containers = recorded(name)
    expected = Exported(events, status)
    for container in containers:
        printed = Printed(container)
        assert printed.shown["metadata"]["flags"]["has_column_aware_steps"]
        same(expected, printed)
        columns = [expected.columns.get(number, 1) if len(step) == 3 else None for number, step in enumerate(expected.steps)]
        assert printed.columns == columns
        metadata = printed.shown["metadata"]
        assert (metadata["program"], metadata["args"], metadata["workdir"]) == (str(PROGRAMS / f"{name}.py"), [], str(PROGRAMS))


def same(expected, printed):
    for at, (ours, theirs) in enumerate(zip(expected.steps, printed.steps)):
        assert repr(theirs) == repr(ours), f"step {at}"  # by repr: nan is nan, 0.0 is not -0.0
    assert [printed.calls[key] for key in range(len(printed.calls))] == expected.calls
    assert printed.output == expected.output
    within = [None] * len(expected.steps)
    for call in expected.calls:  # callers come before their callees
        for at in range(call["entry"], call["exit"] + 1):
            within[at] = call["function"], call["depth"]
    assert printed.functions == [place if len(step) == 3 else None for place, step in zip(within, expected.steps)]
    counts = printed.shown["counts"]
    assert counts["steps"] == counts["values"] == len(printed.steps) == len(expected.steps)
    assert (counts["calls"], counts["io_events"]) == (len(expected.calls), len(expected.output))
    for table in ("paths", "functions", "varnames", "types"):
        assert counts[table] == len(printed.shown[table])
    steps = [step for step in expected.steps if len(step) == 3]
    assert set(printed.shown["paths"]) == {path for path, _, _ in steps}
    assert set(printed.shown["functions"]) == {call["function"] for call in expected.calls}
    assert set(printed.shown["varnames"]) >= {variable for _, _, variables in steps for variable, _ in variables}
