"""The extension module behind reader.py. Written in C, under ext/reader/. Numbers of events, steps and calls count from 0."""

import os
from typing import Any, Self, final

EVENT_KINDS: tuple[str, ...]

# (event, step, kind as a place in EVENT_KINDS, thread, activation or -1, code or -1, line, depth, extra): extra is of an output (stream, text), of a thread's
# start (system id, name), of a call whether it was running already, of a gap its reason, else None.
type Facts = tuple[int, int, int, int, int, int, int, int, Any]

# (event, end event, first step, last step, parent, code, depth, thread, kind of the end or -1, attached)
type CallFacts = tuple[int, int | None, int | None, int | None, int | None, int, int, int, int, int]

class TraceError(ValueError):
    """A trace cannot be read: there is none, or it is damaged."""

    position: int | None
    """The byte in its file at which it is damaged, or None."""

@final
class Object:
    """An object that is no plain Python value: its type's name and its attributes.

    object[key] is value[key] where there is a value, else fields[key]. Two are equal when they are the same object of the program in the same state."""

    @property
    def type(self) -> str: ...
    @property
    def value(self) -> Any:
        """Of a subclass of a built-in type what the built-in part holds: an int, a str, a list …; else None."""
    @property
    def fields(self) -> dict[str, Any]: ...
    @property
    def address(self) -> int: ...
    @property
    def id(self) -> int:
        """Its number in the trace: the same number is the same object."""
    def __getitem__(self, key: Any, /) -> Any: ...

@final
class Literal:
    """A value that is known by its text: Decimal('1.5'), a date, a path, a function, a class."""

    @property
    def type(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def id(self) -> int: ...

@final
class Opaque:
    """An object of which only its type and address are known."""

    @property
    def type(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def id(self) -> int: ...

@final
class Cut:
    """A value that was recorded in part, or not at all, because of the recording's limits."""

    @property
    def type(self) -> str: ...
    @property
    def value(self) -> Any:
        """What was recorded of it: the beginning of a str or of a container; None: nothing."""
    @property
    def fields(self) -> dict[str, Any] | None:
        """Attributes by name, of a subclass of a container; else None."""
    @property
    def length(self) -> int | None:
        """How long it was: characters, bytes or items; None for an object."""
    @property
    def address(self) -> int | None: ...
    @property
    def id(self) -> int | None: ...

@final
class Snapshot:
    """The objects of one moment that were made so far."""

@final
class Journal:
    """An open trace. Everything but `closed`, `complete`, `steps`, `events`, `format` and `damage` raises ValueError once it is closed."""

    closed: bool
    complete: bool
    steps: int
    events: int
    format: str
    damage: TraceError | None
    id: bytes
    start_time: int
    def __new__(cls, path: str | os.PathLike[str]) -> Self: ...
    def close(self) -> None: ...
    def metas(self) -> list[tuple[str, str]]: ...
    def paths(self) -> list[str]: ...
    def codes(self) -> list[tuple[int, int, str, str, str, tuple[str, ...], tuple[str, ...]]]:
        """(path, first line, qualified name, module, kind, parameters, variables)"""
    def source(self, path: int, /) -> bytes | None: ...
    def spans(self) -> list[tuple[str, str, str, str, int | None, int | None, int | None, str, str, dict[str, str]]]:
        """(id, label, type, status, thread, first step, last step, start, end, metadata)"""
    def column(self, code: int, line: int, /) -> int | None: ...
    def index(self) -> Index: ...

@final
class Cursor:
    """A place in a trace. Methods with `event` and `hint` (a step not behind it, or -1) go there if `move` is true; else they answer None when the cursor is
    elsewhere. Any thread may use it; they take turns."""

    def __new__(cls, journal: Journal, follow: bool = False) -> Self: ...
    def step(self, number: int, /) -> Facts: ...
    def event(self, number: int, hint: int, /) -> Facts: ...
    def next_event(self) -> Facts | None: ...
    def next_step(self) -> Facts | None: ...
    def next_call(self) -> Facts | None: ...
    def locals(
        self, event: int, hint: int, move: bool, snapshot: Snapshot | None, frame: int, /
    ) -> tuple[dict[str, Any], dict[str, Any], Snapshot] | None: ...
    def value(self, event: int, hint: int, move: bool, snapshot: Snapshot | None, /) -> tuple[Any, Snapshot] | None: ...
    def stack(self, event: int, hint: int, move: bool, /) -> list[tuple[int, int, int]] | None:
        """(activation, code, line), the innermost first."""
    def changed(self, event: int, /) -> tuple[str, ...] | None: ...
    def follow(self, step: int, event: int, /) -> tuple[str, ...] | None: ...

@final
class Index:
    """What one pass over all events tells."""

    calls: int
    outputs: int
    bytes: int
    damage: TraceError | None
    def call(self, number: int, /) -> CallFacts: ...
    def children(self, number: int, /) -> list[int]: ...
    def output(self, number: int, /) -> int: ...
    def hint(self, event: int, /) -> int: ...
    def previous(self, step: int, call: int, /) -> int | None: ...
    def threads(self) -> list[tuple[int, str, int, int, int | None, int | None]]:
        """(number, name, system id, first event, start event, exit event)"""

def make_value(kind: int, type: str, address: int, id: int, text: str | None, /) -> Object | Literal | Opaque | Cut:
    """One of reader's values, without what is in it: for copy and pickle."""
