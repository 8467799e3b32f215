"""Modules that are loaded again while they are recorded."""

import subprocess

import pytest
import reading

FIRST = "VERSION = 1\ndef f(x):\n    return x + VERSION\n"
SECOND = "VERSION = 2\nclass K:\n    def g(self):\n        return 7\ndef f(x):\n    y = x * 10\n    return y + K().g() * 0 + VERSION\n"
PROGRAM = f"""\
import importlib, sys
sys.dont_write_bytecode = True
open("changing.py", "w").write({FIRST!r})
import changing
old = changing.f
print(changing.f(1))
importlib.reload(changing)
open("changing.py", "w").write({SECOND!r})
importlib.invalidate_caches()
again = importlib.reload(changing)
print(changing.f(1), old(1), again is changing)
"""


@pytest.mark.parametrize("format", ["journal", "ct", "json"])
def test_a_reloaded_module(record, tmp_path, format):
    """Each load is a call of the module's body. A file that was changed has another name from then on, and its new text."""
    seen = record(code=PROGRAM, options=["--quiet", f"--format={format}"])
    assert seen.out == "2\n12 3 True\n"
    steps = [e for e in reading.print_json(seen.trace, "--all-locals") if e["event"] == "step" and "changing" in e["file"]]
    first, second = str(tmp_path / "changing.py"), str(tmp_path / "changing#2.py")
    assert [(e["file"], e["line"]) for e in steps] == [
        *((first, line) for line in (1, 2, 3)),  # loaded, and f(1)
        *((first, line) for line in (1, 2)),  # loaded again, unchanged
        *((second, line) for line in (1, 2, 2, 3, 5, 6, 7, 4)),  # loaded again, changed, and its f(1)
        (first, 3),  # old(1)
    ]  # fmt: skip
    if format != "json":
        assert {e["module"] for e in steps} == {"changing"}
    assert [e["locals"]["y"] for e in steps if e["line"] == 7] == [10]
    text = subprocess.run([reading.trace_tool(), "print", str(seen.trace)], capture_output=True, text=True).stdout
    assert "changing#2.py:6  y = x * 10" in text and "changing.py:3  return x + VERSION" in text
    checked = subprocess.run([reading.trace_tool(), "verify", str(seen.trace)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_program_that_changes_its_own_file(record):
    """Only a module that is loaded again gets another text."""
    seen = record(code="def f():\n    return 1\nopen(__file__, 'a').write('# more\\n')\nf()\n", options=["--quiet", "--format=journal"])
    assert {e["file"].rpartition("/")[2] for e in reading.print_json(seen.trace) if e["event"] == "step"} == {"prog.py"}


def test_points_in_a_module_that_was_changed(record, tmp_path):
    """Its second text is changing#2.py in the trace, and answers to both names."""
    for point in ("changing.py:6", "changing#2.py:6", str(tmp_path / "changing.py") + ":6"):
        seen = record(code=PROGRAM, options=["--quiet", "--format=journal", f"--start-at={point}"])
        steps = [(e["file"].rpartition("/")[2], e["line"]) for e in reading.print_json(seen.trace) if e["event"] == "step"]
        assert steps[:3] == [("changing#2.py", 6), ("changing#2.py", 7), ("changing#2.py", 4)], seen
    seen = record(code=PROGRAM, options=["--quiet", "--format=journal", "--stop-at=changing.py:6"])
    steps = [(e["file"].rpartition("/")[2], e["line"]) for e in reading.print_json(seen.trace) if e["event"] == "step"]
    assert steps[-1] == ("changing#2.py", 6)
    seen = record(code=PROGRAM, options=["--quiet", "--format=journal", "--start-at=changing#2.py:3"])
    steps = [(e["file"].rpartition("/")[2], e["line"]) for e in reading.print_json(seen.trace) if e["event"] == "step"]
    assert steps[0] == ("changing#2.py", 3)  # of the module's own body, not line 3 of the first text
