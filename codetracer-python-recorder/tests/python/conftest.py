"""Fixtures of all Python tests. `record` runs the command line in a process of its own, `plain` the same program without recorder."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent  # codetracer-python-recorder/
FAKE = HERE / "fake"
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and codetracer-trace print cuts its lines there


def environment_for(python=None, fake=None, **variables):
    """The environment of a recorded process: the package under test importable, nothing of ours set by the outside."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CODETRACER_", "PYTHON")) or key == "PYTHONMALLOC"}
    env["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    if not _is_installed() or (python and python != sys.executable):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE), env["PYTHONPATH"]]))
    if fake is None and os.environ.get("CODETRACER_TESTS_FAKE"):
        fake = ""  # by hand: the command line's tests without the extension
    if fake is not None:
        env["PYTHONPATH"] = os.pathsep.join([str(FAKE), env["PYTHONPATH"]])
        env["CODETRACER_FAKE"] = fake
    if not env["PYTHONPATH"]:
        del env["PYTHONPATH"]
    env.update({key: str(value) for key, value in variables.items()})
    return env


def _is_installed():
    import codetracer_python_recorder

    return Path(codetracer_python_recorder.__file__).is_relative_to(sysconfig.get_path("platlib"))


class Recorded:
    """What a recorded program did. `trace` is the output folder, `names` what lies in it."""

    def __init__(self, process, trace):
        self.status = process.returncode  # negative: died by that signal
        self.out = process.stdout
        self.err = process.stderr
        self.trace = Path(trace)

    @property
    def names(self):
        return sorted(os.listdir(self.trace)) if os.path.isdir(self.trace) else []

    @property
    def program_err(self):
        """stderr without the recorder's lines at the end."""
        lines = self.err.splitlines(keepends=True)
        while lines and lines[-1].startswith(("codetracer: ", "Script exited with status ")):
            lines.pop()
        return "".join(lines)

    def __repr__(self):
        return f"<status {self.status}, trace {self.names}\n--- stdout\n{self.out}\n--- stderr\n{self.err}>"


@pytest.fixture(scope="session")
def record_script(tmp_path_factory):
    """A console script codetracer-record as an installer writes it, for the interpreter that it is run by."""
    path = tmp_path_factory.mktemp("bin") / "codetracer-record"
    path.write_text("import sys\nfrom codetracer_python_recorder.cli import main_record\nif __name__ == '__main__':\n    sys.exit(main_record())\n")
    return path


@pytest.fixture
def record(tmp_path, record_script):
    """record(*arguments, options=(), python=sys.executable, by="record" | "module", cwd=tmp_path, stdin="", fake=None, env={}, flags=(), timeout=60).

    Arguments are the program's: ("prog.py", "a"), ("-m", "pkg"), ("-c", "code"). A script may be given as `code="…"`: it is written to
    prog.py. The trace goes to `out` (default: tmp_path/"trace"); `by="record"` is codetracer-record, which ends as the program did.
    """

    def run(
        *arguments, code=None, options=(), python=sys.executable, by="record", cwd=None, out=None, stdin="", fake=None, env={}, flags=(), timeout=60,
        merge=False, text=True,
    ):  # fmt: skip
        cwd = Path(cwd or tmp_path)
        out = Path(out or tmp_path / "trace")
        if code is not None:
            (cwd / "prog.py").write_text(code)
            arguments = ("prog.py", *arguments)
        command = [str(record_script)] if by == "record" else ["-m", "codetracer_python_recorder"]
        process = subprocess.run(
            [python, *flags, *command, "--out-dir", str(out), *map(str, options), *map(str, arguments)],
            cwd=cwd, env=environment_for(python, fake, **env), input=stdin, text=text, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        )  # fmt: skip
        return Recorded(process, out)

    return run


@pytest.fixture
def plain(tmp_path):
    """The same program under plain Python: plain(*arguments, …) -> the same kind of answer."""

    def run(
        *arguments, code=None, python=sys.executable, cwd=None, stdin="", fake=None, env={}, flags=(), timeout=60, merge=False, text=True
    ):
        cwd = Path(cwd or tmp_path)
        if code is not None:
            (cwd / "prog.py").write_text(code)
            arguments = ("prog.py", *arguments)
        process = subprocess.run(
            [python, *flags, *map(str, arguments)], cwd=cwd, env=environment_for(python, fake, **env), input=stdin, text=text,
            timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        )  # fmt: skip
        return Recorded(process, "/nonexistent")

    return run


@pytest.fixture
def same(record, plain):
    """same(*arguments, …): asserts that the recorded program gives the same output and status as plain, and returns both."""

    def check(*arguments, options=("--quiet",), by="record", **how):
        expected = plain(*arguments, **how)
        seen = record(*arguments, options=options, by=by, **how)
        assert (seen.status, seen.out, seen.err) == (expected.status, expected.out, expected.err), seen
        return seen, expected

    return check


@pytest.fixture
def as_user():
    """For tests about permissions: None when this process may do everything (root), else a no-op."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.skip("runs as root, to whom no folder is closed")


def wait_for(condition, seconds=20):
    """Until condition() is true; fails after some seconds."""
    import time

    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def journal(tmp_path):
    """journal(code, …): records a script into a journal and reads it by codetracer-trace: reading.record_journal. Skipped without that tool."""
    import reading

    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")

    def run(*arguments, **how):
        return reading.record_journal(tmp_path, *arguments, **how)

    return run
