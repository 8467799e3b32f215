"""Records every line, local, call and value of a Python program for CodeTracer.

    from codetracer_python_recorder import trace

    with trace("trace-out"):
        work()

`start(path)` and `stop()` do the same without a block; a recording that nobody stops is finished at the program's end.
`read(path)` opens a trace, in any format.
From a command line: `codetracer-record prog.py`, or `python -m codetracer_python_recorder --help`.

Importing this package imports nothing else: what a name needs is loaded when the name is first used, so that a program that
runs under the recorder finds its `sys.modules` as it expects it. But with CODETRACER_TRACE=DIR in the environment, importing it begins a recording
into DIR, which ends with the process.

PYTEST_DONT_REWRITE: pytest would warn, under `codetracer-record --pytest`, that this package was imported before it.
"""

import os as _os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._native import version as __version__
    from .middleware import CodeTracerASGIMiddleware, CodeTracerWSGIMiddleware
    from .errors import EnvironmentError, InternalError, RecorderError, TargetError, UsageError
    from .policy import configure_policy, configure_policy_from_env, policy_snapshot
    from .reader import Trace, TraceError, read
    from .periods import is_paused, pause, record, resume
    from .session import TraceSession, dump, flush, is_tracing, start, stop, trace

DEFAULT_FORMAT = "ct"
TRACE_BINARY = "binary"
TRACE_JSON = "json"

__all__ = [
    "CodeTracerASGIMiddleware",
    "CodeTracerWSGIMiddleware",
    "DEFAULT_FORMAT",
    "EnvironmentError",
    "InternalError",
    "RecorderError",
    "TRACE_BINARY",
    "TRACE_JSON",
    "TargetError",
    "Trace",
    "TraceError",
    "TraceSession",
    "UsageError",
    "__version__",
    "configure_policy",
    "configure_policy_from_env",
    "dump",
    "flush",
    "is_paused",
    "is_tracing",
    "pause",
    "policy_snapshot",
    "read",
    "record",
    "resume",
    "start",
    "stop",
    "trace",
]

_FROM_MIDDLEWARE = ("CodeTracerASGIMiddleware", "CodeTracerWSGIMiddleware")
_FROM_ERRORS = ("EnvironmentError", "InternalError", "RecorderError", "TargetError", "UsageError")
_FROM_PERIODS = ("is_paused", "pause", "record", "resume")
_FROM_POLICY = ("configure_policy", "configure_policy_from_env", "policy_snapshot")
_FROM_READER = ("Trace", "TraceError", "read")
_FROM_SESSION = ("TraceSession", "dump", "flush", "is_tracing", "start", "stop", "trace")


def load_ipython_extension(shell: object) -> None:
    """IPython's `%load_ext codetracer_python_recorder`: the magic `%%codetracer`."""
    from . import ipython

    ipython.load(shell)


if not TYPE_CHECKING:  # to whom a name that is not there is a mistake

    def __getattr__(name: str) -> object:
        if name in _FROM_SESSION:
            from . import session

            value = getattr(session, name)
        elif name in _FROM_MIDDLEWARE:
            from . import middleware

            value = getattr(middleware, name)
        elif name in _FROM_PERIODS:
            from . import periods

            value = getattr(periods, name)
        elif name in _FROM_ERRORS:
            from . import errors

            value = getattr(errors, name)
        elif name in _FROM_POLICY:
            from . import policy

            value = getattr(policy, name)
        elif name in _FROM_READER:
            from . import reader

            value = getattr(reader, name)
        elif name == "__version__":
            from ._native import version as value
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


if _os.environ.get("CODETRACER_TRACE"):
    from .session import start_from_environment as _start_from_environment

    _start_from_environment(_os.environ["CODETRACER_TRACE"])
