"""The package's types (py.typed) as a user's mypy sees them, strictly: what is right passes, what is wrong is found where it is. And the package's own
sources, and the extensions' stubs against the extensions."""

import os
import re
import subprocess
import sys

import pytest
from conftest import PACKAGE, _is_installed, environment_for

pytestmark = pytest.mark.skipif("CODETRACER_SANITIZE" in os.environ, reason="mypy is no program of ours")

RIGHT = """\
from pathlib import Path
from typing import Any, Iterator, assert_type

import codetracer_python_recorder as recorder
from codetracer_python_recorder import RecorderError, TraceSession, UsageError, dump, pause, read, record, resume, start, stop, trace
from codetracer_python_recorder.reader import Call, Step


@record
def plain(n: int) -> str:
    return str(n)


@record("trace-out", max_steps=1000)
def with_options(n: int, *, key: str = "k") -> Iterator[int]:
    yield n


@record("trace-out")
async def waits(n: int) -> float:
    return n / 2


def main(folder: Path) -> int:
    session = start(folder, format="json", trace_filter=["a.toml"], policy={"on_recorder_error": "disable"}, max_depth=3)
    assert_type(session, TraceSession)
    session.flush()
    session.stop(exit_code=3)
    with trace("t", start_at="app.py:3", last="50MB") as running:
        running.flush()
        pause()
        resume()
        place = dump("there")
    assert_type(place, str | None)
    assert_type(plain(1), str)
    assert_type(with_options(1, key="x"), Iterator[int])
    assert_type(recorder.is_tracing(), bool)
    assert_type(recorder.__version__, str)
    assert_type(recorder.policy_snapshot(), dict[str, Any])
    recorder.configure_policy(require_trace=True)
    try:
        stop()
    except UsageError as error:
        assert_type(error.code, str)
    except RecorderError as error:
        print(error.kind, error.context)
    with read(folder) as found:
        for step in found.steps:
            assert_type(step, Step)
            assert_type(step.line, int)
        for call in found.calls:
            assert_type(call, Call)
            assert_type(call.function, str)
        return len(found.steps)
"""
# Behind the comment: mypy's own name of the mistake.
WRONG = """\
import codetracer_python_recorder as recorder
from codetracer_python_recorder import dump, record, trace


@record
def f(n: int) -> str:
    return str(n)


@record("trace-out")
def g(n: int) -> str:
    return str(n)


f("1")  # arg-type
g("1")  # arg-type
number: int = dump()  # assignment
recorder.no_such_name  # attr-defined
recorder.stop(code=1)  # call-arg
with trace(3) as session:  # arg-type
    session.stopp()  # attr-defined
"""


def mypy(tmp_path, *arguments):
    environment = environment_for()
    if not _is_installed():
        environment["MYPYPATH"] = str(PACKAGE)
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)


def test_what_is_right_and_what_is_wrong(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    strict = ["mypy", "--strict", "--follow-imports=silent", "--no-error-summary", "--cache-dir", tmp_path / "cache"]
    done = mypy(tmp_path, *strict, "right.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    done = mypy(tmp_path, *strict, "wrong.py")
    found = [(int(line), name) for line, name in re.findall(r"^wrong.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)]
    assert found == [(at, line.rpartition("# ")[2]) for at, line in enumerate(WRONG.splitlines(), 1) if "  # " in line], done


def test_the_packages_own_sources(tmp_path):
    """By [tool.mypy] in pyproject.toml: strict."""
    sources = PACKAGE / "codetracer_python_recorder"
    if not sources.is_dir():
        pytest.skip("the sources are not beside the tests")
    done = mypy(tmp_path, "mypy", "--config-file", PACKAGE / "pyproject.toml", "--no-error-summary", "--cache-dir", tmp_path / "cache", sources)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done


# Types that only the stubs have.
ONLY_IN_STUBS = {"_native": "Exported|Summary", "_reader": "Facts|CallFacts"}


@pytest.mark.parametrize("extension", ONLY_IN_STUBS)
def test_the_extensions_stubs(tmp_path, extension):
    """Their functions, classes, methods and parameters."""
    (tmp_path / "known").write_text(f"codetracer_python_recorder.{extension}.({ONLY_IN_STUBS[extension]})\n")
    arguments = ["--concise", "--allowlist", "known", "--mypy-config-file", PACKAGE / "pyproject.toml", f"codetracer_python_recorder.{extension}"]
    done = mypy(tmp_path, "mypy.stubtest", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
