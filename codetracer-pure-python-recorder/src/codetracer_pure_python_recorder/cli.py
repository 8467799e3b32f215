"""The command line: runs a program as `python prog.py args...` would, with the recorder switched on.

The program gets a `__main__` module of its own. Threads that outlive the main program and `atexit` functions are still
recorded: the trace is ended by the `atexit` function that is registered first and so runs last.
"""

import argparse
import atexit
import builtins
import importlib.machinery
import os
import signal
import sys
import types

from codetracer_pure_python_recorder import __version__
from codetracer_pure_python_recorder.recorder import ROOM, Recorder

DESCRIPTION = "DEPRECATED: use codetracer-python-recorder. Records the run of a Python program as trace.json."
INTERRUPTED = 128 + int(signal.SIGINT)


def main():
    parser = argparse.ArgumentParser(
        prog="codetracer-record",
        description=DESCRIPTION,
        epilog="The trace goes to the folder $CODETRACER_DB_TRACE_PATH, or else to the current one.",
    )
    parser.add_argument("--version", action="version", version="codetracer-pure-python-recorder " + __version__)
    parser.add_argument("program", help="path of the program")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="its arguments")
    options = parser.parse_args()
    try:
        with open(options.program, "rb") as file:
            source = file.read()
    except OSError as error:
        parser.exit(2, "codetracer-record: can't open file %r: %s\n" % (options.program, error))
    return record(options.program, source, options.args)


def record(program, source, args):
    """Records one run and gives its exit status. The trace is complete when the process has ended."""
    path = os.path.abspath(program)
    module = main_module(path)
    launcher = sys.modules["__main__"]  # kept, or its functions would lose their globals while they run
    sys.modules["__main__"] = module
    sys.argv = [program] + args
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(program))
    recorder = Recorder(os.path.abspath(os.environ.get("CODETRACER_DB_TRACE_PATH") or os.curdir), path, args)
    outcome = {"status": 0, "interrupted": False, "launcher": launcher}
    atexit.register(end, recorder, outcome)
    sys.setrecursionlimit(sys.getrecursionlimit() + ROOM + own_depth())
    recorder.start()
    outcome["status"], outcome["interrupted"] = run(recorder, source, path, module.__dict__)
    return outcome["status"]


def end(recorder, outcome):
    """Runs after all `atexit` functions of the program."""
    recorder.finish(outcome["status"])
    if outcome["interrupted"]:
        if sys.stdout is not None:
            sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


def main_module(path):
    """`__main__` with the names, and in the order, that plain Python gives it."""
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    module.__dict__.update(
        __package__=None,
        __loader__=loader,
        __spec__=None,
        __annotations__={},
        __builtins__=builtins,
        __file__=path,
        __cached__=None,
    )
    return module


def own_depth():
    """Frames that lie below the program's outermost one."""
    frame, depth = sys._getframe(1), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def run(recorder, source, path, namespace):
    """Runs the program to the end of its main module: (the exit status of plain Python, whether it was interrupted)."""
    try:
        exec(compile(source, path, "exec", dont_inherit=True), namespace)
        return 0, False
    except SystemExit as exit_request:
        recorder.uncaught(exit_request)
        return exit_status(exit_request.code), False
    except BaseException as exception:
        recorder.uncaught(exception)
        exception.__traceback__ = exception.__traceback__.tb_next  # without the frame of this function
        sys.last_type, sys.last_value, sys.last_traceback = type(exception), exception, exception.__traceback__
        if sys.version_info >= (3, 12):
            sys.last_exc = exception
        sys.excepthook(type(exception), exception, exception.__traceback__)
        return (INTERRUPTED, True) if isinstance(exception, KeyboardInterrupt) else (1, False)


def exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code)
    print(code, file=sys.stderr)
    return 1
