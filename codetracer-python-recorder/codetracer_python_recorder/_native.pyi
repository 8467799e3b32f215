"""The extension module. Written in C, under ext/."""

from collections.abc import Callable
from types import CodeType
from typing import Any, TypedDict

version: str

class Summary(TypedDict, total=False):
    steps: int
    events: int
    calls: int
    file_bytes: int
    cut_items: int
    cut_depth: int
    cut_string: int
    missed: int
    quiet: int
    failed: tuple[int, str] | None
    stopped_by: str | None
    redacted: dict[str, int]
    dropped_steps: int
    slow_patterns: list[str] | None
    calls_only: int  # code objects of which filters want calls alone
    skipped_by_rules: int  # … and nothing
    reached: tuple[bool, ...]  # of each start and stop point

class Exported(TypedDict):
    steps: int
    calls: int
    bytes: int
    cut_values: int
    cut_variables: int

def start(journal_path: str, live_path: str, options: dict[str, Any]) -> None:
    """Begins recording now, in all threads. RuntimeError when already recording or when no monitoring tool id is free,
    OSError (errno, filename) when the files cannot be made."""

def stop(exit_status: int | None = None, exit_signal: int | None = None, error_text: str | None = None) -> Summary:
    """Ends recording and completes the journal. An empty dict when nothing is being recorded."""

def flush() -> None:
    """Everything recorded so far is in the journal when this returns."""

def hold(held: bool) -> None:
    """Whether the journal of a recording that keeps only its end is to stay as it is, for who reads it. Calls nest."""

def mute(muted: bool) -> None:
    """Whether text that this thread writes is not the program's just now, and is left out."""

def is_tracing() -> bool: ...
def pause() -> None: ...
def resume() -> None: ...
def is_paused() -> bool: ...
def position() -> tuple[int, int, int] | None:
    """Steps so far, and this thread's number; None when nothing is being recorded just now."""

def define_meta(key: str, value: str) -> bool:
    """A line of the trace's metadata. False: the value holds a known secret and was not written. Nothing when not recording."""

def export(
    journal_path: str,
    format: str,
    target: str,
    options: dict[str, int],
    progress: Callable[[int, int], None] | None,
    views: list[tuple[bytes, bytes, bytes, bytes]],
) -> Exported:
    """Makes another format, one of export.FORMATS, from a journal. Containers and `journal`: target is a file that does not exist; the others: an existing
    folder. views, which `ct` and `ct-multi` keep: (path, name, content, map) of formatted sources."""

def minified_sources(journal_path: str, threshold: int) -> list[tuple[bytes, bytes]]:
    """(path, text) of the sources whose lines, blank ones apart, are longer than that on the average."""

def check_pattern(match: int, pattern: str) -> tuple[str, int] | None:
    """What is wrong with a trace filter's pattern, and at which byte; match: 0 glob, 1 regex, 2 literal."""

def recorded_elsewhere() -> bool:
    """True in a forked child of a recording process."""

def compile(source: str | bytes, path: str) -> CodeType:
    """A program's code, as the interpreter compiles a file (bytes) or -c (str). SyntaxError."""

def run(program: CodeType | Callable[..., object], *arguments: Any) -> object:
    """run(code, namespace) or run(function, *arguments): with no frame below its own, as the interpreter runs a program."""
