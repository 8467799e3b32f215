"""The program behaves as under plain Python, and the files are complete."""

import json
import pathlib
import subprocess
import sys

import pytest

from conftest import CHECKOUT, LAUNCHER, PACKAGE


def plain(tmp_path, *options):
    """The program that was recorded last, without the recorder."""
    command = [sys.executable, *options, str(tmp_path / "program.py"), "a", "-b"]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, cwd=str(tmp_path))


@pytest.mark.parametrize(
    "program",
    [
        "import sys, os, __main__\nprint(sys.argv, sys.path[0], os.getcwd(), __main__.__dict__ is globals())",
        "print(list(globals()), __name__, __file__, __spec__, __builtins__, __package__, __annotations__, __cached__)",
        "import trace\nprint(trace.__file__)",
        "import sys\nsys.exit(3)",
        "import sys\nsys.exit('text')",
        "import sys\nsys.exit()",
        "def f(): raise ValueError('v')\nf()",
        "def f(:",
        "import atexit\natexit.register(print, 'bye')\nraise KeyError(1)",
        "import sys\nsys.excepthook = lambda *args: print(args[0])\n1 / 0",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()\nprint('main')",
        "def f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\nprint(f(0) > 900)",
        "def f():\n    x = 1\n    a = sorted(locals()); y = 2\n    return a, sorted(locals())\nprint(f())",
        "class D:\n    def __del__(self): print('del')\ndef f():\n    d = D()\n    del d\n    print('after')\nf()",
        "raise KeyboardInterrupt",
    ],
)
def test_as_plain_python(record, tmp_path, program):
    trace = record(program + "\n", "a", "-b")
    expected = plain(tmp_path)
    assert (trace.status, trace.stdout, trace.stderr) == (expected.returncode, expected.stdout, expected.stderr)


@pytest.mark.parametrize("status", [0, 3])
def test_exit_status_is_the_last_return(record, status):
    trace = record("import sys\nsys.exit(%d)\n" % status)
    assert (trace.status, trace.lines()[-1]) == (status, "return %d" % status)


def test_exit_status_of_an_uncaught_exception(record):
    lines = record("raise ValueError('v')\n").lines()
    assert lines[-1] == "return 1" and "return ValueError(args=Tuple['v'])" in lines


def test_metadata_and_paths(record, tmp_path):
    trace = record("x = 1\n", "a", "b")
    script = str(tmp_path / "program.py")
    assert json.loads((trace.folder / "trace_metadata.json").read_text("utf-8")) == {
        "workdir": str(tmp_path),
        "program": script,
        "args": ["a", "b"],
        "recorder": {"name": "codetracer_pure_python_recorder", "version": "0.1.0"},
    }
    assert json.loads((trace.folder / "trace_paths.json").read_text("utf-8")) == [script]


def test_current_folder_is_the_default(tmp_path):
    (tmp_path / "program.py").write_text("import os\nos.chdir('/')\n")
    command = [sys.executable, str(LAUNCHER), "program.py"]
    subprocess.run(command, cwd=str(tmp_path), check=True, env={"PATH": "/usr/bin:/bin"})
    assert (tmp_path / "trace.json").exists()


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_forked_child_leaves_the_trace_alone(record):
    trace = record("import os\nif os.fork() == 0:\n    x = 1\nelse:\n    os.wait()\nend = 1\n")
    assert trace.status == 0 and trace.lines()[-1] == "return 0"
    assert "step 3" not in trace.lines(values=False)


def test_help_and_usage():
    shown = subprocess.run([sys.executable, str(LAUNCHER), "--help"], stdout=subprocess.PIPE, universal_newlines=True)
    assert "DEPRECATED: use codetracer-python-recorder" in shown.stdout
    missing = subprocess.run([sys.executable, str(LAUNCHER), "no_such_file.py"], stderr=subprocess.PIPE)
    assert missing.returncode == 2


def test_both_packages_carry_the_same_dispatcher():
    own = PACKAGE / "src" / "codetracer_pure_python_recorder" / "dispatch.py"
    native = CHECKOUT / "codetracer-python-recorder" / "codetracer_python_recorder" / "dispatch.py"
    if not native.exists():
        pytest.skip("not in a checkout of both packages")
    assert own.read_text() == native.read_text()


def run_dispatcher(tmp_path, *folders):
    """codetracer-record with only these folders to import from (and no packages of the environment)."""
    code = "import sys; sys.path[:0] = %r; from codetracer_pure_python_recorder.dispatch import main; sys.exit(main())"
    (tmp_path / "program.py").write_text("x = 1\n")
    folders = [str(folder) for folder in folders] + [str(PACKAGE / "src")]
    command = [sys.executable, "-S", "-c", code % folders, "program.py"]
    return subprocess.run(
        command, cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
    )


def native_package(tmp_path, cli):
    package = tmp_path / "native" / "codetracer_python_recorder"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text(cli)
    return package.parent


def test_dispatcher_prefers_the_native_recorder(tmp_path):
    folder = native_package(tmp_path, "def main_record():\n    print('native')\n    return 5\n")
    finished = run_dispatcher(tmp_path, folder)
    assert (finished.returncode, finished.stdout) == (5, "native\n")


def test_dispatcher_without_the_native_recorder(tmp_path):
    finished = run_dispatcher(tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "") and (tmp_path / "trace.json").exists()


def test_dispatcher_says_that_the_native_recorder_is_broken(tmp_path):
    folder = native_package(tmp_path, "raise ImportError('no extension for this Python')\n")
    finished = run_dispatcher(tmp_path, folder)
    assert finished.returncode == 0 and "no extension for this Python" in finished.stderr
    assert (tmp_path / "trace.json").exists()
