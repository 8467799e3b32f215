"""The Python API, in processes of its own: each case is a small program, run by plain Python."""

import subprocess
import sys

import pytest
from conftest import environment_for

IMPORT = "from codetracer_python_recorder import *\nimport codetracer_python_recorder as package, os, sys\n"


@pytest.fixture
def program(tmp_path):
    def run(code, fake=None, status=0, err=""):
        (tmp_path / "prog.py").write_text(IMPORT + code)
        process = subprocess.run(
            [sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(fake=fake), capture_output=True, text=True, timeout=60
        )
        assert process.returncode == status, process.stderr
        if err is not None:
            assert process.stderr == err
        return process.stdout if err is not None else process.stderr

    return run


CASES = {
    "trace": ("with trace('t') as s:\n    print(is_tracing(), s.path, s.format)\nprint(is_tracing(), os.listdir('t'))", "True t ct\nFalse ['prog.ct']\n"),
    "start_stop": ("s = start('t'); x = 1; stop(); print(os.listdir('t'), repr(s)); stop(); s.stop()", "['prog.ct'] <TraceSession 't' format='ct' stopped>\n"),
    "session_stop": ("s = start('t', format='journal'); print(repr(s)); s.flush(); s.stop(exit_code=3); print(os.listdir('t'))", "<TraceSession 't' format='journal' recording>\n['prog.ctj']\n"),
    "session_with": ("with start('t'): pass\nprint(is_tracing())", "False\n"),
    "alias": ("print(start('t', format='ctfs').format)", "ct\n"),
    "json": ("with trace('t', format=TRACE_JSON): pass\nprint(sorted(n for n in os.listdir('t') if n != 'files'))", "['trace.json', 'trace_metadata.json', 'trace_paths.json']\n"),
    "constants": ("from codetracer_python_recorder import _native\nprint(DEFAULT_FORMAT, TRACE_BINARY, TRACE_JSON, package.__version__ == _native.version)", "ct binary json True\n"),
    "path_object": ("import pathlib\nwith trace(pathlib.Path('a') / 'b'): pass\nprint(os.listdir('a/b'))", "['prog.ct']\n"),
    "bytes": ("with trace(b'a'): pass\nprint(os.listdir('a'))", "['prog.ct']\n"),
    "idle": ("stop(); stop(exit_code=2); flush(); print(is_tracing())", "False\n"),
    "again": ("for n in range(3):\n    with trace('t'): pass\n    with trace(f't{n}'): pass\nprint(os.listdir('t'), os.listdir('t2'))", "['prog.ct'] ['prog.ct']\n"),
    "twice": ("start('t')\ntry: start('u')\nexcept RuntimeError as e: print(e, os.path.exists('u'))", "[ERR_ALREADY_TRACING] tracing already active into 't': stop() that recording first False\n"),
    "twice_different_file": ("open('f', 'w')\nstart('t')\ntry: start('f')\nexcept RuntimeError as e: print(e)", "[ERR_ALREADY_TRACING] tracing already active into 't': stop() that recording first\n"),
    "path_is_a_file": ("open('f', 'w').close()\ntry: start('f')\nexcept ValueError as e: print(e)\nprint(is_tracing())", "[ERR_TRACE_DIR_CONFLICT] the output folder 'f' is a file; choose a folder (path=f)\nFalse\n"),
    "unknown_format": ("try: start('t', format='x')\nexcept ValueError as e: print(e, os.path.exists('t'))", "[ERR_UNSUPPORTED_FORMAT] there is no format 'x'; choose one of ct, ct-single, ct-multi, json, binary, binary-v0, journal (format=x) False\n"),
    "binary": ("with trace('t', format=TRACE_BINARY): pass\nprint(sorted(n for n in os.listdir('t') if n != 'files'), open('t/trace.bin', 'rb').read(8).hex())", "['trace.bin', 'trace_metadata.json', 'trace_paths.json'] c0de72ace2010000\n"),
    "binary_v0": ("with trace('t', format='Binary-V0'): pass\nprint(sorted(n for n in os.listdir('t') if n != 'files'), open('t/trace.bin', 'rb').read(8).hex())", "['trace.bin', 'trace_metadata.json', 'trace_paths.json'] c0de72ace2000000\n"),
    "unknown_option": ("try: start('t', max_dept=1)\nexcept TypeError as e: print(e)", "[ERR_USAGE] there is no option 'max_dept'\n"),
    "bad_limit": ("try: start('t', max_depth=0)\nexcept ValueError as e: print(e)", "[ERR_USAGE] max_depth must be from 1 to 100, not 0\n"),
    "bad_switch": ("try: start('t', redaction=None)\nexcept TypeError as e: print(e)", "[ERR_USAGE] redaction must be True or False, not None\n"),
    "bad_switch_of_a_period": ("try: start('t', when_raises='no')\nexcept UsageError as e: print(e)", "[ERR_USAGE] when_raises must be True or False, not 'no'\n"),
    "bad_limit_type": ("try: start('t', max_items='5')\nexcept TypeError as e: print(e)", "[ERR_USAGE] max_items must be a whole number, not '5'\n"),
    "bad_globals": ("try: start('t', globals='some')\nexcept ValueError as e: print(e)", "[ERR_USAGE] globals must be one of none, referenced, not 'some'\n"),
    "limits": ("with trace('t', max_depth=2, max_attr_depth=0, max_items=3, max_string=16, export_nodes=1, export_depth=(2, 1), export_string=4, include_stdlib=True, include_exec=False, globals='referenced'): pass\nprint(1)", "1\n"),
    "foreign": ("os.mkdir('t'); open('t/prog.ct', 'w').close()\nfrom codetracer_python_recorder.errors import RecorderError\ntry: start('t')\nexcept RecorderError as e: print(e.code, e.kind, is_tracing())", "ERR_TRACE_DIR_CONFLICT Environment False\n"),
    "exception_in_block": ("try:\n    with trace('t'): 1/0\nexcept ZeroDivisionError: print(os.listdir('t'))", "['prog.ct']\n"),
    "at_exit": ("import atexit\natexit.register(lambda: print(is_tracing()))\nstart('t')\natexit.register(lambda: print(is_tracing()))", "True\nFalse\n"),
    "no_argv": ("sys.argv = []\nwith trace('t'): pass\nprint(os.listdir('t'))", "['trace.ct']\n"),
    "odd_argv": ("sys.argv = ['-c']\nwith trace('t'): pass\nprint(os.listdir('t'))", "['trace.ct']\n"),
    "other_thread": ("import threading\ns = start('t')\nt = threading.Thread(target=stop); t.start(); t.join()\nprint(os.listdir('t'))", "['prog.ct']\n"),
    "fork": ("s = start('t')\nif not os.fork():\n    print(is_tracing()); stop(); s.stop(); flush(); sys.stdout.flush(); sys.exit(0)\nos.wait(); print(is_tracing()); stop(); print(os.listdir('t'))", "False\nTrue\n['prog.ct']\n"),
    "fork_starts_own": ("start('t')\nif not os.fork():\n    start('child'); sys.exit(0)\nos.wait(); stop(); print(os.listdir('t'), os.listdir('child'))", "['prog.ct'] ['prog.ct']\n"),
    "from_imports": ("from codetracer_python_recorder import TraceSession\nprint(TraceSession.__name__, set(package.__all__) <= set(dir(package)))", "TraceSession True\n"),
    "absent_name": ("print(hasattr(package, 'nonsense'))", "False\n"),
    "program_without_lines": ("t = trace('t')\nwith t: pass\nwith t: pass\nprint(os.listdir('t'))", "['prog.ct']\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(program, name):
    code, expected = CASES[name]
    assert program(code) == expected


def test_recording_that_nobody_stops_is_finished_at_the_end(program, tmp_path):
    assert program("start('t')\nsys.exit(3)", status=3) == ""
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["prog.ct"]


def test_uncaught_exception_is_plain(program, tmp_path):
    assert program("start('t')\n1/0", status=1, err=None).endswith("ZeroDivisionError: division by zero\n")
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["prog.ct"]


def test_failed_export_raises_from_stop(program):
    code = "start('t')\ntry: stop()\nexcept package.session.errors.NotFinished as e: print(e.message)\nprint(is_tracing())"
    out = program(code, fake="export-enospc")
    assert "No space left on device" in out and "codetracer-trace recover t\nFalse\n" in out


def test_failed_export_at_the_end_is_said(program):
    err = program("start('t')", fake="export-enospc", err=None)
    assert err.startswith("codetracer: the trace could not be written (No space left") and err.endswith("codetracer-trace recover t\n")


def test_program_may_stop_the_command_lines_recording(record):
    code = "from codetracer_python_recorder import stop, is_tracing\nprint(is_tracing()); stop(); print(is_tracing())"
    answer = record(code=code)
    assert (answer.status, answer.out, answer.names) == (0, "True\nFalse\n", ["prog.ct"])
    assert answer.err.startswith("codetracer: ") and "prog.ct" in answer.err


def test_import_is_lazy():
    code = "import sys; before = set(sys.modules); import codetracer_python_recorder; print(*sorted(set(sys.modules) - before))"
    process = subprocess.run([sys.executable, "-c", code], env=environment_for(), capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["codetracer_python_recorder"]
