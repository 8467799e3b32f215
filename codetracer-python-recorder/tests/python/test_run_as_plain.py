"""A program under the recorder sees, prints and returns what it does under plain Python. Every case runs both ways and is compared."""

import os
import signal
import subprocess
import sys
import time
import zipfile

import codetracer_python_recorder
import pytest
from conftest import environment_for

LOOK = """\
import sys, os
main = sys.modules["__main__"]
print(sys.argv, sys.path, os.getcwd())
print(list(main.__dict__)[:10])
for name in ("__name__", "__file__", "__cached__", "__package__", "__doc__", "__annotations__"):
    print(name, main.__dict__.get(name, "absent"))
spec = main.__spec__
print(spec and (spec.name, spec.origin, spec.cached, spec.parent, spec.submodule_search_locations))
loader = main.__loader__
print(loader if isinstance(loader, type) else (type(loader), getattr(loader, "name", None), getattr(loader, "path", None)))
print(type(__builtins__), main.__dict__ is globals(), __name__, type(main))
frame, names = sys._getframe(), []
while frame:
    names.append(frame.f_code.co_name)
    frame = frame.f_back
print(names)
"""

# Programs as code. Stdin is two lines.
SCRIPTS = {
    "look": LOOK,
    "stdin": "import sys\nprint(input('? '), sys.stdin.readline(), sys.stdin.isatty(), sys.stdin.fileno())",
    "stderr": "import sys\nprint('o'); print('e', file=sys.stderr); sys.stdout.write('no newline')",
    "raise": "def f(x):\n    return 1 / x\nf(0)",
    "raise_chain": "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('why') from e",
    "raise_group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "raise_from_import": "import json\njson.loads('{')",
    "raise_base": "class B(BaseException): pass\nraise B('b')",
    "raise_bad_str": "class B(Exception):\n    def __str__(self): raise ValueError\nraise B",
    "recursion": "def f(): f()\ntry: f()\nexcept RecursionError as e: print(e)",
    "exit": "import sys\nsys.exit()",
    "exit_0": "import sys\nsys.exit(0)",
    "exit_7": "import sys\nsys.exit(7)",
    "exit_256": "import sys\nsys.exit(256)",
    "exit_minus": "import sys\nsys.exit(-1)",
    "exit_huge": "import sys\nsys.exit(2**70)",
    "exit_true": "import sys\nsys.exit(True)",
    "exit_text": "import sys\nprint('out')\nsys.exit('a message')",
    "exit_tuple": "raise SystemExit(1, 2)",
    "exit_float": "raise SystemExit(3.5)",
    "exit_object": "class X:\n    def __str__(self): return 'an X'\nraise SystemExit(X())",
    "exit_builtin": "exit(4)",
    "exit_in_function": "import sys\ndef f():\n    try: sys.exit(5)\n    finally: print('finally')\nf()",
    "os_exit": "import os\nprint('lost, perhaps', flush=True)\nos._exit(9)",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt_subclass": "class K(KeyboardInterrupt): pass\nraise K('k')",
    "interrupt_signal": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)",
    "interrupt_caught": "import os, signal, time\ntry:\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\nexcept KeyboardInterrupt: print('caught')",
    "term": "import os, signal\nprint('x', flush=True)\nos.kill(os.getpid(), signal.SIGTERM)",
    "kill": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "term_handled": "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(12))\nos.kill(os.getpid(), signal.SIGTERM)\nfor _ in range(10**6): pass",
    "handlers": "import signal\nprint([(s, signal.getsignal(s)) for s in sorted(signal.valid_signals()) if signal.getsignal(s) != signal.SIG_DFL][:5])",
    "abort": "import os\nos.abort()",
    "atexit": "import atexit\natexit.register(print, 'first'); atexit.register(lambda: print(sorted(globals())))\nprint('end')",
    "atexit_after_raise": "import atexit\natexit.register(lambda: print(sorted(globals()), flush=True))\n1/0",
    "atexit_after_exit": "import atexit, sys\natexit.register(lambda: print(sorted(globals())))\nsys.exit(2)",
    "atexit_raises": "import atexit\nclass F:\n    def __repr__(self): return 'F'\n    def __call__(self): 1/0\natexit.register(F())",
    "atexit_registers": "import atexit\natexit.register(lambda: atexit.register(print, 'late'))",
    "atexit_exits": "import atexit, sys\natexit.register(sys.exit, 3)",
    "atexit_clear": "import atexit\natexit.register(print, 'never')\natexit.unregister(print)",
    "last_exc": "import atexit, sys\natexit.register(lambda: print(sys.last_type, sys.last_value, sys.last_traceback.tb_lineno, sys.last_exc.__traceback__ is sys.last_traceback))\n1/0",
    "thread_outlives": "import threading, time, atexit\natexit.register(print, 'atexit')\ndef f(): time.sleep(.1); print('thread')\nthreading.Thread(target=f).start()\nprint('main')",
    "thread_outlives_exit": "import threading, time, sys\ndef f(): time.sleep(.1); print('thread')\nthreading.Thread(target=f).start()\nsys.exit(6)",
    "thread_daemon": "import threading, time\nthreading.Thread(target=lambda: time.sleep(100), daemon=True).start()",
    "thread_raises": "import threading\nt = threading.Thread(target=lambda: 1/0, name='T'); t.start(); t.join()",
    "thread_exits": "import threading, sys\nt = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join()",
    "destructor": "class D:\n    def __del__(self): print('del')\nd = D()",
    "hook": "import sys\ndef hook(k, e, t):\n    print('hook', k, e, t.tb_lineno, t.tb_frame.f_code.co_name, t.tb_frame.f_globals is globals(), e.__traceback__ is t, sys.excepthook is hook)\nsys.excepthook = hook\n1/0",
    "hook_none": "import sys\ndef f(): 1/0\nsys.excepthook = None\nf()",
    "hook_deleted": "import sys\ndef f(): 1/0\ndel sys.excepthook\nf()",
    "hook_fails": "import sys\ndef hook(*a): raise KeyError(a[0])\nsys.excepthook = hook\n1/0",
    "hook_raises_exit": "import sys\ndef hook(*a): sys.exit(8)\nsys.excepthook = hook\n1/0",
    "hook_prints_traceback": "import sys, traceback\nsys.excepthook = traceback.print_exception\n1/0",
    "hook_forgets": "import sys\ndef hook(*a):\n    print('hook')\n    del sys.last_exc, sys.last_value, sys.last_traceback\nsys.excepthook = hook\n1/0",
    "stack_walk": "import sys, traceback, inspect\ntraceback.print_stack()\nprint(sys._getframe().f_back, len(inspect.stack()))\ntry: sys._getframe(1)\nexcept ValueError as e: print(e)",
    "stack_in_function": "import traceback, sys\ndef f():\n    traceback.print_stack()\n    return [len(s) for s in map(traceback.extract_stack, sys._current_frames().values())]\nprint(f())",
    "stack_of_warning": "import warnings\nwarnings.warn('w', stacklevel=1); warnings.warn('w', stacklevel=2); warnings.warn('w', DeprecationWarning, stacklevel=9)",
    "stack_of_generator": "import traceback\ndef g():\n    while True:\n        traceback.print_stack(); yield\nG = g(); next(G); next(G)\ndef f(): next(G)\nf()",
    "traceback_walk": "import sys\ntry: 1/0\nexcept ZeroDivisionError as e:\n    t = e.__traceback__\n    print(t.tb_next, t.tb_lineno)",
    "pickle_main": "import pickle\nclass C: pass\nprint(type(pickle.loads(pickle.dumps(C()))) is C)",
    "warnings": "import warnings\nwarnings.warn('w')\nwarnings.warn('d', DeprecationWarning)",
    "syntax_warning": "x = '\\d'\nprint(1 is 1)",
    "inspect_source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nprint(A(1))",
    "future_not_inherited": "def f(x: undefined_name = 1 if True else 2): pass" if sys.version_info >= (3, 14) else "try:\n    def f(x: undefined_name): pass\nexcept NameError as e: print(e)",
    # Of code that dies, a function that was registered for extra data hears only where some was set.
    "code_extra": "import ctypes\ncalls = []\nfree = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(calls.append)\nctypes.pythonapi.PyUnstable_Eval_RequestCodeExtraIndex(free)\nfor _ in range(3):\n    exec('def f(): return 1\\nf()')\ndel f\nprint(calls)",
    "delete_main": "import sys\ndel sys.modules['__main__']\nprint(1)",
    "close_stdout": "import sys\nsys.stdout.close()",
    "close_stderr": "import sys\nsys.stderr.close()",
    "close_descriptors": "import os\nos.closerange(1, 3)",
    "stdout_none": "import sys\nsys.stdout = sys.stderr = None",
    "replaced_stdout": "import sys, io\nprint('a')\nsys.stdout = io.StringIO()\nprint('b')",
    "chdir": "import os, tempfile\nos.chdir(tempfile.gettempdir())\nprint('x')",
    "fork": "import os, sys\nprint('p', flush=True)\npid = os.fork()\nif not pid:\n    print('child'); sys.exit(3)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "fork_raises": "import os, sys\npid = os.fork()\nif not pid:\n    1/0\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "fork_warnings": "import os, warnings\nwarnings.simplefilter('error')\npid = os.fork()\nif not pid: os._exit(0)\nos.wait()",
    "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(5)'])",
    "multiprocessing": "import multiprocessing\ndef f(x): return x * 2\nif __name__ == '__main__':\n    with multiprocessing.get_context('spawn').Pool(1) as p: print(p.map(f, [1, 2]))",
    "encodings": "import sys\nprint(sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stderr.line_buffering)",
    "annotations": "x: int = 1\nprint(__annotations__)",
    "empty": "",
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(same, name):
    if ("fork" in name or "descriptors" in name) and not hasattr(os, "fork"):
        pytest.skip("needs fork")
    same("a", "-b", "--", "", code=SCRIPTS[name], stdin="one\ntwo\n")


@pytest.mark.parametrize("name", ["look", "raise", "exit_text", "interrupt", "fork", "atexit_after_raise", "exit_in_function"])
def test_script_by_module_name_with_propagation(same, name):
    same("a", code=SCRIPTS[name], by="module", options=["--quiet", "--propagate-script-exit"])


NO_TRACEBACK_CHANGE = [
    name
    for name in SCRIPTS
    if name.startswith(("raise", "exit", "hook", "last", "atexit_after", "syntax", "thread")) and name != "exit_huge"
]


@pytest.mark.parametrize("name", NO_TRACEBACK_CHANGE)
def test_output_is_plain_when_the_status_is_not(record, plain, name):
    """Without propagation the exception is printed by us, and the status is 0."""
    expected = plain(code=SCRIPTS[name])
    seen = record(code=SCRIPTS[name], by="module", options=["--quiet"])
    assert (seen.status, seen.out, seen.program_err) == (0, expected.out, expected.err)
    sentence = f"Script exited with status {expected.status}; returning 0. Use '--propagate-script-exit' to mirror the script exit code.\n"
    assert seen.err == expected.err + (sentence if expected.status else "")


@pytest.mark.parametrize("name", ["raise", "exit_text", "stderr", "thread_outlives_exit"])
def test_order_of_stdout_and_stderr(same, name):
    same(code="print('before')\n" + SCRIPTS[name], merge=True)


@pytest.mark.parametrize("flags", [["-P"], ["-O"], ["-B"], ["-u"], ["-W", "error"], ["-X", "utf8=0"], ["-X", "dev"], ["-E", "-s"]], ids=" ".join)
def test_interpreter_flags(same, flags):
    if "-E" in flags and os.environ.get("PYTHONPATH"):
        pytest.skip("the package is found through PYTHONPATH")
    for name in ("look", "raise", "hook_forgets"):
        same(code=SCRIPTS[name], flags=flags)


def test_isolated_mode(same):
    probe = [sys.executable, "-I", "-c", "import codetracer_python_recorder; print(codetracer_python_recorder.__file__)"]
    if subprocess.run(probe, cwd="/", capture_output=True, text=True).stdout.strip() != codetracer_python_recorder.__file__:
        pytest.skip("the package under test is not the installed one")
    same(code=LOOK, flags=["-I"])
    same(code=LOOK, flags=["-I"], by="module", options=["--quiet", "--propagate-script-exit"])


@pytest.fixture
def tree(tmp_path):
    """Programs in all places from which Python runs them."""
    files = {
        "sub/tool.py": "import neighbour\n" + LOOK,
        "sub/neighbour.py": "print('neighbour', __name__)",
        "pkg/__init__.py": "import sys\nprint('init', sys.argv, __name__)",
        "pkg/__main__.py": "from . import part\n" + LOOK,
        "pkg/part.py": LOOK,
        "pkg/broken.py": "1/0",
        "pkg/syntax.py": "x = (",
        "pkg/exits.py": "raise SystemExit('text')",
        "broken_package/__init__.py": "1/0",
        "broken_package/part.py": "",
        "single.py": LOOK,
        "interrupted.py": "raise KeyboardInterrupt",
        "folder/__main__.py": "import beside\n" + LOOK,
        "folder/beside.py": "",
        "empty/nothing.txt": "",
        "folder_raises/__main__.py": "def f(): 1/0\nf()",
        "no_extension": LOOK,
        "sp ace/na'me.py": LOOK,
        "dotted.name.py": LOOK,
        "os.py": "raise SystemExit('the wrong os')",
        "signal.py": "raise SystemExit('the wrong signal')",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("os.py", "signal.py"):
        (tmp_path / "shadow").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "shadow" / name)
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "import inner\n" + LOOK)
        archive.writestr("inner.py", "print(__file__)")
    with zipfile.ZipFile(tmp_path / "raises.zip", "w") as archive:
        archive.writestr("__main__.py", "def f():\n    1/0\nf()")
    (tmp_path / "link.py").symlink_to("sub/tool.py")
    (tmp_path / "link_to_folder").symlink_to("folder")
    subprocess.run([sys.executable, "-c", "import py_compile; py_compile.compile('single.py', cfile='compiled.pyc')"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["sub/tool.py"], ["./sub/tool.py"], ["sub/../sub/tool.py", "x"], ["link.py"], ["no_extension"], ["sp ace/na'me.py"], ["dotted.name.py"],
        ["compiled.pyc"], ["folder"], ["folder/"], ["./folder", "-x"], ["link_to_folder"], ["folder_raises"], ["app.pyz", "a"], ["raises.zip"],
        ["-m", "pkg", "a", "-b"], ["-m", "pkg.part"], ["-m", "single"], ["-m", "pkg.broken"], ["-m", "pkg.syntax"], ["-m", "pkg.exits"],
        ["-m", "interrupted"], ["-m", "broken_package.part"], ["-m", "timeit", "-n1", "-r1", "-h"], ["-msingle", "q"], ["-m", "pkg.absent"],
        ["-m", "absent"], ["-m", "absent.part"], ["-m", ".relative"], ["-m", "json"], ["-m", "single.py"], ["-m", "folder"],
        ["-c", LOOK, "a", "-b"], ["-c", "1/0"], ["-c", "import sys; sys.exit(3)", "x"], ["-cprint(1)"], ["-c", ""], ["-c", "x = ("], ["-c", " x = 1"],
        ["-c", "def f():\n    1/0\nf()"], ["-c", "raise KeyboardInterrupt"], ["-c", "import inspect\ndef f(): pass\nprint(inspect.getfile(f))"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_places(same, tree, arguments):
    for _ in range(2):  # the second time with byte code in the caches
        seen, _ = same(*arguments)


@pytest.mark.parametrize("arguments", [["-m", "pkg"], ["folder"], ["-c", LOOK], ["single.py"], ["app.pyz"]], ids=" ".join)
def test_places_with_safe_path(same, tree, arguments):
    same(*arguments, flags=["-P"])
    same(*arguments, flags=["-P"], by="module", options=["--quiet", "--propagate-script-exit"])


@pytest.mark.parametrize("name", ["single.py", "../tree/single.py"])
def test_absolute_path_and_other_folder(same, tree, tmp_path, name):
    same(tree / "single.py", cwd=tmp_path / "sub")
    same("../single.py", cwd=tmp_path / "sub")


@pytest.mark.parametrize("arguments", ["../prog.py", "-c 'import sys; print(sys.argv, sys.path)'", "-m prog"])
def test_a_working_folder_that_is_gone(tmp_path, record_script, arguments):
    (tmp_path / "prog.py").write_text("import sys\nprint(sys.argv, sys.path, __file__)\n")

    def run(command):
        script = f"mkdir gone && cd gone && rmdir ../gone && exec {command} {arguments}"
        return subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=60)

    plain, recorded = run(sys.executable), run(f"{sys.executable} {record_script} -q -o {tmp_path / 'out'}")
    assert (recorded.returncode, recorded.stdout) == (plain.returncode, plain.stdout), recorded.stderr
    assert "Traceback" not in recorded.stderr
    nowhere = run(f"{sys.executable} {record_script} -q")  # into ./trace-out
    assert nowhere.returncode and "Traceback" not in nowhere.stderr


def test_modules_of_the_program_do_not_hide_the_recorders(same, tree):
    (tree / "shadow" / "prog.py").write_text("print('ran')")
    same("prog.py", cwd=tree / "shadow")
    same("prog.py", cwd=tree / "shadow", by="module", options=["--quiet", "--propagate-script-exit"])


@pytest.mark.parametrize("arguments", [["prog.py"], ["-m", "prog"], ["-c", "import prog"]], ids=" ".join)
def test_modules_are_those_of_plain_python_and_ours(record, plain, tmp_path, arguments):
    (tmp_path / "prog.py").write_text("import sys\nprint(*sys.modules)")
    expected, seen = set(plain(*arguments).out.split()), set(record(*arguments).out.split())
    extra = {name for name in seen - expected if not name.startswith("codetracer_python_recorder")}
    assert extra <= {"atexit"}  # a built-in module
    assert expected <= seen


# What the interpreter's own reader of files says differently from compile().
SOURCES = {
    "unterminated": b'x = """abc\n\n',
    "indentation": b"def f():\nx=1\n",
    "dedent": b"if 1:\n    x\n  y\n",
    "tabs": b"if 1:\n\tx\n        y\n",
    "never closed": b"f(\n\n",
    "character": "x = \u201ca\u201d\n".encode(),
    "null": b"x=1\0\n",
    "null in line 2": b"y=2\nx=1\0\n",
    "not utf-8": b'x = "\xe9"\n',
    "not utf-8 in line 3": b'y=2 2\n\nx = "\xe9"\n',
    "not utf-8 in a comment": b"print(1)\n# \xff\n",
    "cut utf-8": b'x="\xe2\x82"\n',
    "utf-16": "x=1\n".encode("utf-16"),
    "latin-1": b'# coding: latin-1\nx = "\xe9"\nprint(ascii(x))\n',
    "latin-1, emacs": b'#!/usr/bin/env python\n# -*- coding: latin-1 -*-\nprint(ascii("\xe9"))\n',
    "latin-1, vim": b'# vim: set fileencoding=latin-1 :\nprint(ascii("\xe9"))\n',
    "cookie in line 3": b'\n\n# coding: latin-1\nprint(ascii("\xe9"))\n',
    "cookie behind code": b'x = 1\n# coding: latin-1\nprint(ascii("\xe9"))\n',
    "latin-1, syntax": b'# coding: latin-1\nx = "\xe9" +\n',
    "unknown encoding": b"# coding: nope\nx=1\n",
    "unknown encoding in line 2": b"#!/x\n# -*- coding: nope -*-\n",
    "ascii": b'# coding: ascii\nx="\xc3\xa9"\n',
    "mark and cookie": b"\xef\xbb\xbf# coding: latin-1\nx\n",
    "byte order mark": b"\xef\xbb\xbfprint(1)\n",
    "mark, not utf-8": b"\xef\xbb\xbfprint('\xe9')\n",
    "carriage returns": b"x = 1\rprint(x)\r",
    "crlf": b"x = 1\r\nif x:\r\n    print(x)\r\n",
    "form feed": b"\x0cx = (\n",
    "format string": b'f"{a b}"\n',
    "return": b"return 1\n",
    "escape": b'x = "\\N{foo}"\n',
    "deep": b"(" * 300 + b")" * 300,
    "no last newline": b"print(1)",
    "shebang": b"#!/usr/bin/env python\nprint(1)",
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_source_files(same, record, tmp_path, name):
    (tmp_path / "prog.py").write_bytes(SOURCES[name])
    seen, expected = same("prog.py")
    assert bool(seen.names) == (expected.status == 0)
    if expected.status:
        assert record("prog.py", by="module", options=["--quiet"]).status == 1  # nothing was recorded


def test_fifo_as_script(same, tmp_path):
    if not os.path.exists("/dev/stdin"):
        pytest.skip("no /dev/stdin")
    same("/dev/stdin", stdin="print(__file__, __name__)")


def test_broken_pipe_gives_status_120(record, tmp_path, record_script):
    (tmp_path / "prog.py").write_text("import sys\nsys.stdin.read()\nprint('x')")

    def run(*command):
        process = subprocess.Popen(
            [sys.executable, *command, "prog.py"], cwd=tmp_path, env=environment_for(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        process.stdout.close()
        process.stdin.close()
        error = process.stderr.read()
        process.stderr.close()
        return process.wait(), error

    assert run(str(record_script), "--quiet", "-o", tmp_path / "trace") == run()
    assert (tmp_path / "trace" / "prog.ct").exists()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("handled", [False, True])
def test_signal_from_outside_reaches_the_program(record_script, tmp_path, number, handled):
    handler = f"import signal, sys\nsignal.signal({int(number)}, lambda n, f: sys.exit(40))\n" if handled else ""
    (tmp_path / "prog.py").write_text(handler + "import time\nprint('ready', flush=True)\ntime.sleep(60)")

    def run(*command):
        process = subprocess.Popen(
            [sys.executable, *command, "prog.py"], cwd=tmp_path, env=environment_for(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)  # so that it sleeps
        process.send_signal(number)
        out, error = process.communicate(timeout=30)
        return process.returncode, out, error

    assert run(str(record_script), "--quiet", "-o", tmp_path / "trace") == run()
    finished = handled or number == signal.SIGINT
    assert (tmp_path / "trace" / "prog.ct").exists() == finished
