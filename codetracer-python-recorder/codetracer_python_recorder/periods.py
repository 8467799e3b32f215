"""Which part of a run is recorded: start and stop points, limits, pause() and resume(), @record, a signal that switches.

What is left out is marked in the trace as a gap. The state itself is the extension's (ext/period.c); here is what users write.
"""

import _thread
import os
import sys

from . import _native, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any, Literal, Self, TypeVar, overload

    from .session import Recording

    Function = TypeVar("Function", bound="Callable[..., Any]")
else:

    def overload(function: object) -> object:  # typing is not loaded for it
        return function


NOT_HANDLED = ("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGIOT", "SIGTRAP", "SIGSYS")
UNITS = {"": 1, "B": 1, "K": 10**3, "KB": 10**3, "M": 10**6, "MB": 10**6, "G": 10**9, "GB": 10**9}


# ---- options ----


def point(text: object, name: str) -> tuple[str, int]:
    """`FILE:LINE` as (file, line), `FUNCTION` as (function, 0). ValueError when it is neither."""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string, FILE:LINE or FUNCTION, not {text!r}")
    where, colon, number = text.rpartition(":")
    if colon:
        if where and number.isascii() and number.isdigit() and 0 < int(number) < 2**31:
            where = os.path.normpath(where)
            return os.path.abspath(where) if where.startswith(os.pardir + os.sep) else where, int(number)  # `../app.py` is the end of no path
    elif text and all(part.isidentifier() or (part[:1] == "<" and part[-1:] == ">") for part in text.split(".")):
        return text, 0
    raise ValueError(f"{name} must be FILE:LINE or FUNCTION (as app.py:120, Account.withdraw), not {text!r}")


def points(name: str, value: object) -> list[tuple[str, int, bool]]:
    """For the extension: the points of `start_at` or `stop_at`, one or a list, each with whether recording starts there."""
    texts = list(value) if isinstance(value, (list, tuple)) else [value]
    return [(*point(text, name), name == "start_at") for text in texts]


def why_not_reached(points: "list[tuple[str, int, bool]]", script: str, *, starts: bool) -> str:
    """Each start (or stop) point as it was written, with the reason where that can be known: nobody sees by himself that line 18 is a comment."""
    return ", ".join(_why_not(where, line, script) for where, line, kind in points if kind is starts)


def _why_not(where: str, line: int, script: str) -> str:
    if line == 0:
        return f"{where} (no function of this name was called)"
    shown = f"{where}:{line}" if line > 0 else where
    files = [file for file in [script, *_files_of_modules()] if file == where or file.endswith(os.sep + where)]
    if not files:
        return f"{shown} (no module of this file was loaded)"
    try:
        with open(files[0], "rb") as file:
            text = file.read()
    except OSError:
        return shown
    lines = text.splitlines()
    if line > len(lines):
        return f"{shown} (the file has {len(lines)} lines)"
    if line > 0 and lines[line - 1].strip()[:1] in (b"", b"#"):
        return f"{shown} (the line is {'blank' if not lines[line - 1].strip() else 'a comment'})"
    following = _lines_with_code(text, line)
    if line < 0 or not following or following[0] == line:
        return shown
    return f"{shown} (no code begins in this line; the next with code is {following[0]})"


def _lines_with_code(text: bytes, least: int) -> list[int]:
    """Sorted, from `least` on. The text may have changed since it was loaded, or be of no program at all: then none."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            left: list[object] = [compile(text, "<points>", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: set[int] = set()
    for code in left:  # grows
        if isinstance(code, type(_lines_with_code.__code__)):
            found.update(line for _, _, line in code.co_lines() if line is not None and line >= least)
            left += code.co_consts
    return sorted(found)


def _files_of_modules() -> list[str]:
    """Without asking the modules themselves: an attribute may be code of theirs."""
    spaces = [vars(module) for module in list(sys.modules.values()) if type(module) is type(sys)]
    return [os.path.abspath(file) for space in spaces if type(file := space.get("__file__")) is str]


def milliseconds(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.001 <= value <= 10**9:
        raise ValueError(f"{name} must be a number of seconds from 0.001 to 1000000000, not {value!r}")
    return int(value * 1000)


def size(value: object, name: str) -> int:
    """Bytes, of a whole number or a text like `50MB`."""
    if isinstance(value, str):
        text = value.strip().upper()
        digits = text.rstrip("KMGB ")
        unit = text[len(digits) :].strip()
        if digits.isascii() and digits.isdigit() and unit in UNITS:
            value = int(digits) * UNITS[unit]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 60:
        raise ValueError(f"{name} must be a number of bytes, as 500000 or 50MB, not {value!r}")
    return value


def last(value: object, name: str) -> tuple[str, int]:
    """`last`: a number of lines, or a size with its unit."""
    try:
        if isinstance(value, str) and value.strip()[-1:].isalpha():
            return "last_bytes", size(value, name)
        steps = int(value)  # type: ignore[call-overload]
        if isinstance(value, (bool, float)) or not 1 <= steps <= 1 << 60:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number of lines (100000) or a size (50MB), not {value!r}") from None
    return "last_steps", steps


# ---- pausing ----


def pause() -> None:
    """From here on nothing is recorded, in no thread, until resume(). The program runs at its own speed meanwhile. Does nothing when
    there is no recording, or it is paused."""
    _native.pause()


def resume() -> None:
    """Goes on recording. Does nothing when there is no recording, or it is not paused, or a limit has ended it."""
    _native.resume()


def is_paused() -> bool:
    """Whether there is a recording that records nothing just now: paused, waiting for a start point, or ended by a limit."""
    return _native.is_paused()


def toggle(number: int, frame: object) -> None:
    """A signal handler: pauses or goes on."""
    if _native.is_paused():
        _native.resume()
    else:
        _native.pause()


def dump(number: int, frame: object) -> None:
    """A signal handler: writes a trace of what is there. Nothing of it reaches the program that was interrupted."""
    from . import session

    recording = session.current_here()
    if recording is None:
        return
    try:
        path = recording.dump(None)
    except errors.RecorderError as error:
        session.report_error(error, recording.policy)
    except Exception as error:
        session.report(f"nothing was dumped: internal error ({type(error).__name__}: {error})")
    else:
        if path is not None:
            session.report(f"dumped to {path}")


def signal_number(option: str, name: object) -> int:
    """The number of a signal by name, `SIGUSR2` or `USR2`. ValueError. Not one that a fault raises: a handler in Python never ends it, for the faulty instruction
    runs again before the handler does (signal module, "Execution of Python signal handlers")."""
    import _signal  # type: ignore[import-not-found]

    text = str(name).upper()
    text = text if text.startswith("SIG") else f"SIG{text}"
    found = getattr(_signal, text, None)
    if not isinstance(found, int) or found <= 0 or text in NOT_HANDLED:
        raise ValueError(f"{option} must be the name of a signal that can be handled, as SIGUSR2, not {name!r}")
    return int(found)


# ---- @record ----


class _Period:
    """Records while at least one such block runs, if nothing was recorded before it. Blocks may nest, in several threads: `lock` makes what one decides one
    step for the others, and may be taken again by a destructor that runs meanwhile."""

    lock = _thread.RLock()
    running = 0
    resumed = False  # by us: the last block pauses

    __slots__ = ("_path", "_options")

    def __init__(self, path: "str | os.PathLike[str]", options: "dict[str, Any]") -> None:
        """What is wrong with the options is told here, where they stand, and not to the function's first caller."""
        from . import export, session

        session.checked_limits({name: value for name, value in options.items() if name not in ("format", "start_on_enter", "policy", "apply_env_policy")})
        export.canonical(options.get("format", session.DEFAULT_FORMAT))
        self._path = os.fsdecode(path)
        self._options = {**options, "start_paused": True}

    def __enter__(self) -> "Self":
        with _Period.lock:
            if _Period.running == 0:
                self._begin()
                _Period.resumed = _native.is_paused()
            _Period.running += 1
            if _Period.resumed:
                _native.resume()
        return self

    def _begin(self) -> None:
        if sys.is_finalizing():  # a generator that is closed by the interpreter's end: it is too late to record, and to import
            return
        from . import session

        if session.current_here() is None and not _native.is_tracing() and not _native.recorded_elsewhere():
            try:
                session.start(self._path, **self._options)
            except errors.RecorderError as error:  # nothing that the function has to do with
                session.report_once(error.message)

    def __exit__(self, *unused: object) -> "Literal[False]":
        with _Period.lock:
            _Period.running -= 1
            if _Period.running == 0 and _Period.resumed:
                _native.pause()
        return False

    @classmethod
    def forked(cls) -> None:
        """In a child a thread that is not there may have held the lock."""
        cls.lock = _thread.RLock()


class _Awaited:
    """`await _Awaited(inner, period)`, of a coroutine or what an asynchronous generator gives to be awaited: records while it runs, not while it waits."""

    __slots__ = ("_inner", "_period")

    def __init__(self, inner: "Any", period: _Period) -> None:
        self._inner = inner
        self._period = period

    def _take(self) -> "Any":
        inner, self._inner = self._inner, None
        return inner

    def __await__(self) -> "Generator[Any, Any, Any]":
        return _driving(self._take, self._period)()


def _driving(function: "Callable[..., Any]", period: _Period) -> "Callable[..., Generator[Any, Any, Any]]":
    """A generator function that runs the generator or coroutine which `function` makes, with the period around each piece of it. What is thrown in goes to the
    inner one, GeneratorExit too (which `yield from` keeps): what it makes of that is what the caller of close() is to see. No value is held longer than the inner one
    holds it."""

    def wrapper(*args: "Any", **keywords: "Any") -> "Generator[Any, Any, Any]":
        inner = function(*args, **keywords)
        del args, keywords
        step, argument = inner.send, None
        try:
            while True:
                try:
                    with period:
                        given = [step(argument)]
                except StopIteration as end:
                    return end.value
                finally:
                    argument = None
                try:
                    argument = yield given.pop()
                    step = inner.send
                except BaseException as error:
                    step, argument = inner.throw, error
        finally:
            del inner, step  # an exception that leaves holds this frame

    return wrapper


@overload
def record(path: "Function", /) -> "Function": ...
@overload
def record(path: "str | os.PathLike[str]" = ..., **options: "Any") -> "Callable[[Function], Function]": ...
def record(path: "str | os.PathLike[str] | Callable[..., Any]" = "trace-out", **options: "Any") -> "Any":
    """A decorator: what runs while the function runs is recorded, and nothing else.

        @record("trace-out")
        def suspicious(order): ...

    The first call starts a recording into the folder, which is finished when the program ends, or by stop(); between calls it is paused. Of generators
    and coroutines that is recorded which runs inside them, not what runs while they wait. When a recording is running already, it is left as it is;
    when it is paused, it goes on for the call. Options are those of start(). Without any, `@record` alone will do.
    """
    if callable(path):
        return _decorate(path, _Period("trace-out", options))
    period = _Period(path, options)
    return lambda function: _decorate(function, period)


_watches_forks = False


def _decorate(function: "Function", period: _Period) -> "Function":
    import functools

    global _watches_forks
    if not _watches_forks and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_Period.forked)
        _watches_forks = True
    flags = getattr(getattr(function, "__code__", None), "co_flags", None)
    if flags is None:
        raise errors.UsageError("ERR_USAGE", f"@record goes above a function, not above {function!r}")

    if flags & 0x200:  # inspect.CO_ASYNC_GENERATOR

        @functools.wraps(function)
        async def wrapper(*args: "Any", **keywords: "Any") -> "AsyncGenerator[Any, Any]":
            inner = function(*args, **keywords)
            call, argument = inner.asend, None
            while True:
                awaited, argument = _Awaited(call(argument), period), None
                try:
                    given = [await awaited]
                except StopAsyncIteration:
                    return
                try:
                    argument = yield given.pop()
                    call = inner.asend
                except BaseException as error:
                    call, argument = inner.athrow, error

    elif flags & 0x80:  # CO_COROUTINE

        @functools.wraps(function)
        async def wrapper(*args: "Any", **keywords: "Any") -> "Any":
            return await _Awaited(function(*args, **keywords), period)

    elif flags & 0x20:  # CO_GENERATOR
        driving = functools.wraps(function)(_driving(function, period))
        if flags & 0x100:  # CO_ITERABLE_COROUTINE
            import types

            driving = types.coroutine(driving)
        return _called_as(function, driving, flags)  # type: ignore[return-value]

    else:

        @functools.wraps(function)
        def wrapper(*args: "Any", **keywords: "Any") -> "Any":
            with period:
                return function(*args, **keywords)

        return wrapper  # type: ignore[return-value]

    return _called_as(function, wrapper, flags)  # type: ignore[return-value]


def _called_as(function: "Callable[..., Any]", driving: "Callable[..., Any]", flags: int) -> "Callable[..., Any]":
    """`driving`, but wrong arguments are an error at the call, as of `function`: a generator of ours would only find them when it first runs. inspect sees by its flags
    what kind of function it is."""
    import functools
    import types

    def wrapper(*args: "Any", **keywords: "Any") -> "Any":
        made = function(*args, **keywords)
        if hasattr(made, "close"):
            made.close()  # it has not begun: none of it runs, and a coroutine does not complain that nobody awaited it
        del made
        return driving(*args, **keywords)

    code = wrapper.__code__.replace(co_flags=wrapper.__code__.co_flags | flags & 0x3A0)
    return functools.wraps(function)(types.FunctionType(code, globals(), closure=wrapper.__closure__))


# ---- keeping only failures ----


def failed(recording: "Recording", exit_status: int | None, exit_signal: int | None, error_text: str | None) -> bool:
    """For --when-raises: whether the program failed, as far as is known when the recording ends."""
    if exit_status or exit_signal or error_text or recording.program_failed or recording.raised:
        return True
    uncaught = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return exit_status is None and uncaught is not None and not isinstance(uncaught, SystemExit)
