"""Traces, read: `read(path)` gives a `Trace`.

    from codetracer_python_recorder import read

    with read("trace-out") as trace:
        for step in trace.steps:
            if "balance" in step.changed:
                print(step.number, step.path, step.line, step.locals.get("balance"))

Everything is read when it is asked for: a step's variables when `locals` is, a call's end when `return_value` is. Walking through `steps`, `events` or
`calls` is one pass over the file; any of them can also be had by its number. Manual: docs/python-api.md.
"""

import io
import os
import tokenize
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

from ._reader import EVENT_KINDS, Cursor, Cut, Index, Journal, Literal, Object, Opaque, Snapshot, TraceError

if TYPE_CHECKING:
    from ._reader import CallFacts, Facts

__all__ = [
    "Call", "Cut", "Event", "Frame", "Function", "Literal", "Object", "Opaque", "Output", "Step", "Thread", "Trace", "TraceError", "read",
]  # fmt: skip

_STEP = EVENT_KINDS.index("step")
_OUTCOMES = {"return": "returned", "unwind": "raised", "ended": "collected", "lost": "lost"}
_STREAMS = ("stdout", "stderr", "stdin")
_DESCRIPTORS = {1: (1,), 2: (2,), 3: (1, 2)}  # by the bits in the facts of an output
_REASONS = {1: "paused", 2: "waiting", 3: "limit"}
_FAR = 20_000  # steps: beyond that a seek is quicker than passing them
_NEAR_START = 4_096  # events: up to there one walks from the start, without an index
_BLOCK = 1_024  # steps that are read at a time when going backwards


def read(path: str | os.PathLike[str]) -> "Trace":
    """Opens a trace: a file, or a folder that holds one, in any format, also one that is still being recorded or whose program was killed.

    Raises TraceError when there is none, or when nothing of it can be read.
    """
    return Trace(path)


class Function(NamedTuple):
    """A piece of code: a function, a class body, a module."""

    name: str
    """Qualified: `Class.method`, `<module>`."""
    module: str
    """The module it belongs to; "" when it has none."""
    path: str
    line: int
    kind: str
    """`function`, `generator`, `coroutine`, `async generator`, `class` or `module`."""
    parameters: tuple[str, ...]
    variables: tuple[str, ...]
    """All local variables, parameters first; of classes and modules none, for theirs are not fixed."""


class Thread(NamedTuple):
    """A thread of the program."""

    number: int
    """As in `step.thread`."""
    name: str
    system_id: int
    start: int | None
    """Number of the event; None when it was running before the recording began."""
    exit: int | None
    """Number of the event; None when its end was not seen."""


class Span(NamedTuple):
    """A named piece of the run: a web request, a test."""

    id: str
    label: str
    """As `GET /orders/7`."""
    type: str
    """`web-request`, `test` or another word."""
    status: str
    """`ok`, `error` or another word."""
    thread: int | None
    """Number of the thread that began it."""
    first_step: int | None
    last_step: int | None
    """Numbers in `trace.steps`; None when no step lies between beginning and end. Steps of other threads may lie between these."""
    start: str
    end: str
    """ISO 8601, UTC."""
    metadata: dict[str, str]


class Trace:
    """An open trace. A context manager: at the end of the block it is closed, and what was not read yet cannot be read any more."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._journal = Journal(self._path)
        self._paths: list[str] = self._journal.paths()
        self._codes = [Function(name, module, self._path_of(where), line, kind, parameters, variables)
                       for where, line, name, module, kind, parameters, variables in self._journal.codes()]  # fmt: skip
        self._cursor = Cursor(self._journal)
        self._follower = Cursor(self._journal, True)
        self._known_index: Index | None = None

    def close(self) -> None:
        """Closes the files. May be called twice."""
        self._journal.close()

    @property
    def closed(self) -> bool:
        return self._journal.closed

    def __enter__(self) -> Self:
        if self.closed:
            raise ValueError("the trace is closed")
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._journal.format}, {self._journal.steps:,} steps" + ("" if self.complete else ", not complete")
        return f"<Trace {self._path!r}: {state}>"

    def _path_of(self, number: int) -> str:
        return self._paths[number] if number < len(self._paths) else ""

    @property
    def _index(self) -> Index:
        if self._known_index is None:
            self._known_index = self._journal.index()
        return self._known_index

    def _hint(self, event: int) -> int:
        """A step to seek for that event; -1: from the start."""
        return self._index.hint(event) if event > _NEAR_START else -1

    def _event(self, number: int) -> "Event":
        return Event(self, self._cursor.event(number, self._hint(number)))

    # What there is.

    @property
    def metadata(self) -> dict[str, Any]:
        """What the recorder noted, by the names of docs/journal-format.md (`script`, `python`, `exit.status` …; `arg` is a list), and `format`, `complete`,
        `steps` and `events`; of a journal also `id` and `start_time` (nanoseconds since 1970)."""
        journal = self._journal
        found: dict[str, Any] = {"format": journal.format, "complete": journal.complete, "steps": journal.steps, "events": journal.events, "arg": []}
        if journal.format == "journal":
            found["id"] = journal.id.hex()
            found["start_time"] = journal.start_time
        for key, value in journal.metas():
            if key == "arg":
                found["arg"].append(value)
            elif key != "span":  # see `spans`
                found[key] = value
        return found

    @property
    def complete(self) -> bool:
        """False: the program is still running, or was killed; the trace is what there is of it."""
        return self._journal.complete

    @property
    def damage(self) -> TraceError | None:
        """What was found damaged when the trace was opened. The trace then ends before it; a walk to its end raises this."""
        return self._journal.damage

    @property
    def paths(self) -> list[str]:
        """Paths of the source files, as they were where the program ran."""
        return list(self._paths)

    @property
    def functions(self) -> list[Function]:
        """All code of which something was recorded."""
        return list(self._codes)

    def source(self, path: str) -> str | None:
        """The text of a source file as it was recorded; None when the trace has none. KeyError when it is none of `paths`."""
        if path not in self._paths:
            raise KeyError(path)
        text = self._journal.source(self._paths.index(path))
        if text is None:
            return None
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
        except SyntaxError:
            encoding = "utf-8"
        return text.decode(encoding, "replace")

    @property
    def steps(self) -> "Steps":
        """Every line that was executed."""
        return Steps(self, range(self._journal.steps))

    @property
    def events(self) -> "Events":
        """Everything in the order in which it happened, steps among it."""
        return Events(self, range(self._journal.events))

    @property
    def calls(self) -> "Calls":
        """Every call; a generator or coroutine is one. The first use reads the whole trace once."""
        return Calls(self, range(self._index.calls))

    @property
    def outputs(self) -> "Outputs":
        """What was written to stdout and stderr and read from stdin. The first use reads the whole trace once."""
        return Outputs(self, range(self._index.outputs))

    @property
    def spans(self) -> list[Span]:
        """The named pieces of the run, as web requests and tests, in the order in which they ended."""
        return [Span(*facts) for facts in self._journal.spans()]

    @property
    def threads(self) -> list[Thread]:
        """The threads, in the order of their first event. The first use reads the whole trace once."""
        return [Thread(number, name, system_id, start, end) for number, name, system_id, _, start, end in self._index.threads()]


# ---- moments: what a step and an event have in common ----


class Frame:
    """One level of a stack: a call that was running, with its variables as they were last seen."""

    __slots__ = ("_code", "_moment", "_place", "call", "line")

    def __init__(self, moment: "Moment", place: int, activation: int, code: int, line: int) -> None:
        self._moment = moment
        self._place = place  # 0: the innermost
        self._code = moment._trace._codes[code]
        self.call = Call(moment._trace, activation, code)
        self.line = line

    @property
    def function(self) -> str:
        return self._code.name

    @property
    def module(self) -> str:
        return self._code.module

    @property
    def path(self) -> str:
        return self._code.path

    @property
    def locals(self) -> dict[str, Any]:
        return self._moment._frame_state(self._place)[0]

    @property
    def globals(self) -> dict[str, Any]:
        return self._moment._frame_state(self._place)[1]

    def __eq__(self, other: object) -> bool:
        return self._place == other._place and self._moment == other._moment if isinstance(other, Frame) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._moment, self._place))

    def __repr__(self) -> str:
        return f"<Frame {self.function} at {self.path}:{self.line}>"


class Moment:
    """A place in the trace, and the program's state there. Step and Event are such."""

    __slots__ = ("_cursor", "_facts", "_snapshot", "_states", "_trace")

    # Facts: (event, step, kind, thread, activation or -1, code or -1, line, depth, extra), as Cursor gives them.

    def __init__(self, trace: Trace, facts: "Facts", cursor: Cursor | None = None) -> None:
        self._trace = trace
        self._facts = facts
        self._cursor = cursor  # which may still stand here
        self._snapshot: Snapshot | None = None
        self._states: list[tuple[dict[str, Any], dict[str, Any]]] | None = None

    def _ask(self, question: str, *arguments: Any) -> Any:
        event, step, kind = self._facts[:3]
        hint = step if kind == _STEP else step - 1
        if self._cursor is not None:
            answer = getattr(self._cursor, question)(event, hint, False, *arguments)
            if answer is not None:
                return answer
            self._cursor = None
        return getattr(self._trace._cursor, question)(event, hint, True, *arguments)

    def _before_locals(self) -> None:
        """For what comes first in a snapshot, so that it does not depend on the order of questions how deep it is known."""

    def _frame_state(self, place: int) -> tuple[dict[str, Any], dict[str, Any]]:
        self._before_locals()
        states = self._states or []
        while len(states) <= place:
            found, named, self._snapshot = self._ask("locals", self._snapshot, len(states))
            states.append((found, named))
        self._states = states
        return states[place]

    @property
    def thread(self) -> int:
        """Number of the thread in which it happened; `trace.threads` has their names."""
        return self._facts[3]

    @property
    def depth(self) -> int:
        """How many calls are below this one on its thread's stack."""
        return self._facts[7]

    @property
    def line(self) -> int:
        """The line reached, or concerned; 0 for what happens outside of all calls."""
        return self._facts[6]

    @property
    def path(self) -> str:
        """Path of the source file; "" for what happens outside of all calls."""
        code = self._facts[5]
        return self._trace._codes[code].path if code >= 0 else ""

    @property
    def function(self) -> str:
        """Qualified name: `Class.method`, `<module>`; "" for what happens outside of all calls."""
        code = self._facts[5]
        return self._trace._codes[code].name if code >= 0 else ""

    @property
    def module(self) -> str:
        """Name of the function's module; "" when it has none."""
        code = self._facts[5]
        return self._trace._codes[code].module if code >= 0 else ""

    @property
    def call(self) -> "Call | None":
        """The call in which it happened."""
        activation = self._facts[4]
        return Call(self._trace, activation, self._facts[5]) if activation >= 0 else None

    @property
    def locals(self) -> dict[str, Any]:
        """Local variables by name, in the order of the function's variables; those without a value are not there."""
        return self._frame_state(0)[0]

    @property
    def globals(self) -> dict[str, Any]:
        """Globals that the function refers to, when they were recorded (`--globals=referenced`)."""
        return self._frame_state(0)[1]

    @property
    def stack(self) -> list[Frame]:
        """The calls that were running in this thread, the outermost first: the last one is where this happened."""
        frames = self._ask("stack")
        return [Frame(self, place, *frames[place]) for place in reversed(range(len(frames)))]


class Step(Moment):
    """A line that is about to be executed, with the local variables as they were then."""

    __slots__ = ("_changed",)
    _changed: tuple[str, ...]  # when it was asked for

    @property
    def number(self) -> int:
        """From 0."""
        return self._facts[1]

    @property
    def event(self) -> int:
        """Its number in `trace.events`."""
        return self._facts[0]

    @property
    def column(self) -> int | None:
        """Where on its line the code begins: from 1, in bytes of UTF-8; None when it is not known."""
        return self._trace._journal.column(self._facts[5], self._facts[6])

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the locals (and globals) that changed since the step before in the same call, also inside of an object that they hold, and behind them
        those that have no value any more. At the first step of a call: all."""
        try:
            return self._changed
        except AttributeError:
            names = self._changed_here()
            self._changed = self._changed_by_seeking() if names is None else names
            return self._changed

    def _changed_here(self) -> tuple[str, ...] | None:
        """While the cursor that made this step stands there, and has passed the step before of the same call."""
        return None if self._cursor is None else self._cursor.changed(self._facts[0])

    def _changed_by_seeking(self) -> tuple[str, ...]:
        event, number, _, _, activation = self._facts[:5]
        names = None
        if number > 0:
            follower = self._trace._follower
            names = follower.follow(number - 1, event)
            if names is None:
                before = self._trace._index.previous(number, activation)
                names = None if before is None else follower.follow(before, event)
        if names is None:
            return tuple(self.locals) + tuple(self.globals)
        return names

    def __eq__(self, other: object) -> bool:
        return self._facts[1] == other._facts[1] and self._trace is other._trace if isinstance(other, Step) else NotImplemented

    def __hash__(self) -> int:
        return hash(("step", self._facts[1]))

    def __repr__(self) -> str:
        return f"<Step {self.number}: {self.path}:{self.line} in {self.function}>"


class Event(Moment):
    """Something that happened."""

    __slots__ = ("_value",)
    _value: Any  # when it was asked for

    @property
    def number(self) -> int:
        """From 0, its place in `trace.events`."""
        return self._facts[0]

    @property
    def kind(self) -> str:
        """`step`, `call`, `resume`, `throw`, `return`, `yield`, `unwind`, `lost`, `ended`, `raise`, `handled`, `output`, `thread-start`, `thread-exit` or
        `gap`: docs/python-api.md says what they mean."""
        return EVENT_KINDS[self._facts[2]]

    @property
    def step(self) -> int:
        """Of a step its number in `trace.steps`; of any other event the number of steps before it."""
        return self._facts[1]

    @property
    def value(self) -> Any:
        """What was returned or yielded; the exception that was raised, thrown, handled or leaves the call. None for all other events."""
        try:
            return self._value
        except AttributeError:
            self._value, self._snapshot = self._ask("value", self._snapshot)
            return self._value

    def _before_locals(self) -> None:
        self.value

    @property
    def text(self) -> str | None:
        """Of an output what was written or read; of a thread's start its name; None for all other events."""
        return self._facts[8][1] if self.kind in ("output", "thread-start") else None

    @property
    def reason(self) -> str | None:
        """Of a gap why nothing was recorded: `paused`, `waiting` (for a start point) or `limit`; None for all other events."""
        return _REASONS.get(self._facts[8], "unknown") if self.kind == "gap" else None

    @property
    def stream(self) -> str | None:
        """Of an output `stdout`, `stderr` or `stdin`; None for all other events."""
        return _STREAMS[self._facts[8][0]] if self.kind == "output" else None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Of an output that did not go through Python's text streams, but to a file descriptor: `(1,)` or `(2,)`; `(1, 2)` if both led to the same place, so that it
        is not known which it was. Empty for all other events."""
        return _DESCRIPTORS[self._facts[8][2]] if self.kind == "output" and len(self._facts[8]) > 2 else ()

    @property
    def data(self) -> bytes | None:
        """Of an output its bytes, of text in UTF-8; None for all other events."""
        if self.kind != "output":
            return None
        extra = self._facts[8]
        found: bytes = extra[3] if len(extra) > 2 else extra[1].encode("utf-8", "surrogatepass")
        return found

    def __eq__(self, other: object) -> bool:
        return self._facts[0] == other._facts[0] and self._trace is other._trace if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(("event", self._facts[0]))

    def __repr__(self) -> str:
        where = f" in {self.function} at {self.path}:{self.line}" if self.function else ""
        said = f" {self.text!r}" if self.text is not None else ""
        return f"<Event {self.number}: {self.kind}{said}{where}>"


Output = Event


class Call:
    """A call of a function, or the execution of a module or class body. A generator or coroutine is one call, however often it is resumed."""

    __slots__ = ("_arguments", "_code", "_known", "_moment", "_trace", "number")

    def __init__(self, trace: Trace, number: int, code: int | None = None, moment: Event | None = None) -> None:
        self._trace = trace
        self.number = number
        """From 0, its place in `trace.calls`."""
        self._code = code
        self._moment = moment  # the event with which it begins
        self._known: CallFacts | None = None

    @property
    def _record(self) -> "CallFacts":
        if self._known is None:
            self._known = self._trace._index.call(self.number)
        return self._known

    @property
    def _function(self) -> Function:
        if self._code is None:
            self._code = self._record[5]
        return self._trace._codes[self._code]

    @property
    def function(self) -> str:
        """Qualified name: `Class.method`, `<module>`."""
        return self._function.name

    @property
    def module(self) -> str:
        return self._function.module

    @property
    def path(self) -> str:
        """Path of the source file."""
        return self._function.path

    @property
    def line(self) -> int:
        """The line where the function begins."""
        return self._function.line

    @property
    def start(self) -> Event:
        """The event with which it begins."""
        if self._moment is None:
            self._moment = self._trace._event(self._record[0])
        return self._moment

    @property
    def end(self) -> Event | None:
        """The event with which it ends; None when its end is not in the trace."""
        return None if self._record[1] is None else self._trace._event(self._record[1])

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters' values by name; `*args` and `**kwargs` as their tuple and dict."""
        found = self.start.locals
        return {name: found[name] for name in self._function.parameters if name in found}

    @property
    def outcome(self) -> str | None:
        """`returned`, `raised` (an exception left it), `collected` (a generator that was not run to its end), `lost` (the interpreter did not say), or None: its
        end is not in the trace."""
        kind = self._record[8]
        return None if kind < 0 else _OUTCOMES[EVENT_KINDS[kind]]

    @property
    def return_value(self) -> Any:
        """What it returned; None also when it did not return: see `outcome`."""
        return self.end.value if self.outcome == "returned" else None  # type: ignore[union-attr]

    @property
    def exception(self) -> Any:
        """The exception that left it; None when none did."""
        return self.end.value if self.outcome == "raised" else None  # type: ignore[union-attr]

    @property
    def first_step(self) -> int | None:
        """Number of its first step; None when it has none."""
        return self._record[2]

    @property
    def last_step(self) -> int | None:
        """Number of its last step; between the two are also the steps of what it called, and of other threads."""
        return self._record[3]

    @property
    def parent(self) -> "Call | None":
        """The call that made it; None at the bottom of a stack."""
        number = self._record[4]
        return None if number is None else Call(self._trace, number)

    @property
    def children(self) -> "list[Call]":
        """The calls that it made, in their order."""
        return [Call(self._trace, number) for number in self._trace._index.children(self.number)]

    @property
    def depth(self) -> int:
        """How many calls are below it on its thread's stack."""
        return self._record[6]

    @property
    def thread(self) -> int:
        """Number of the thread in which it began."""
        return self._record[7]

    @property
    def attached(self) -> bool:
        """It was running already when recording began."""
        return bool(self._record[9])

    def __eq__(self, other: object) -> bool:
        return self.number == other.number and self._trace is other._trace if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(("call", self.number))

    def __repr__(self) -> str:
        return f"<Call {self.number}: {self.function} at {self.path}:{self.line}>"


# ---- sequences ----


class _Lazy[T](Sequence[T]):
    """Items of the trace by their numbers. A slice is one of the same kind, and reads nothing."""

    __slots__ = ("_numbers", "_trace")

    def __init__(self, trace: Trace, numbers: range) -> None:
        self._trace = trace
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> T | Self:
        if isinstance(index, slice):
            return type(self)(self._trace, self._numbers[index])
        try:
            number = self._numbers[index]
        except IndexError:
            raise IndexError(f"there are {len(self._numbers)} {type(self).__name__.lower()}, no {index}") from None
        return self._item(number)

    def __iter__(self) -> Iterator[T]:
        if not self._numbers:
            return
        if self._numbers.step > 0:
            yield from self._forward(self._numbers)
        else:
            yield from self._backward(self._numbers)

    def __reversed__(self) -> Iterator[T]:
        return iter(self[::-1])

    def __eq__(self, other: object) -> bool:
        return self._trace is other._trace and self._numbers == other._numbers if isinstance(other, _Lazy) and type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), self._numbers))

    def __repr__(self) -> str:
        return f"<{len(self._numbers):,} {type(self).__name__.lower()} of {self._trace._path!r}>"

    def _item(self, number: int) -> T:
        raise NotImplementedError

    def _forward(self, numbers: range) -> Iterator[T]:
        return map(self._item, numbers)

    def _backward(self, numbers: range) -> Iterator[T]:
        return map(self._item, numbers)


class Steps(_Lazy[Step]):
    """Steps by number."""

    __slots__ = ()

    def _item(self, number: int) -> Step:
        return Step(self._trace, self._trace._cursor.step(number))

    def _forward(self, numbers: range) -> Iterator[Step]:
        trace = self._trace
        cursor = Cursor(trace._journal, True)
        facts = cursor.step(numbers[0]) if numbers[0] else cursor.next_step()
        for number in numbers:
            while facts is not None and facts[1] < number:
                facts = cursor.step(number) if numbers.step > _FAR else cursor.next_step()
            if facts is None:
                break
            yield Step(trace, facts, cursor)
        if numbers[-1] == trace._journal.steps - 1 and trace.damage:
            raise trace.damage

    def _backward(self, numbers: range) -> Iterator[Step]:
        """In blocks that are read forwards, for a seek takes as long as many steps."""
        for at in range(0, len(numbers), _BLOCK):
            block = []
            for step in self._forward(numbers[at:at + _BLOCK][::-1]):
                names = step._changed_here()
                kept = Step(step._trace, step._facts)
                if names is not None:
                    kept._changed = names
                block.append(kept)
            yield from reversed(block)


class Events(_Lazy[Event]):
    """Events by number."""

    __slots__ = ()

    def _item(self, number: int) -> Event:
        return self._trace._event(number)

    def _forward(self, numbers: range) -> Iterator[Event]:
        trace = self._trace
        cursor = Cursor(trace._journal)
        first = numbers[0]
        facts = cursor.event(first, trace._hint(first)) if first else cursor.next_event()
        for number in numbers:
            while facts is not None and facts[0] < number:
                facts = cursor.next_event()
            if facts is None:
                break
            yield Event(trace, facts, cursor)
        if numbers[-1] == trace._journal.events - 1 and trace.damage:
            raise trace.damage


class Outputs(_Lazy[Event]):
    """Outputs by number: events of the kind `output`."""

    __slots__ = ()

    def _item(self, number: int) -> Event:
        return self._trace._event(self._trace._index.output(number))


class Calls(_Lazy[Call]):
    """Calls by number."""

    __slots__ = ()

    def _item(self, number: int) -> Call:
        return Call(self._trace, number)

    def _forward(self, numbers: range) -> Iterator[Call]:
        trace = self._trace
        cursor = Cursor(trace._journal)
        first = trace._index.call(numbers[0])[0]
        facts: Facts | None = cursor.event(first, trace._hint(first))
        for number in numbers:
            while facts is not None and facts[4] < number:
                facts = cursor.next_call()
            if facts is None:
                break
            yield Call(trace, number, facts[5], Event(trace, facts, cursor))
        if numbers[-1] == trace._index.calls - 1 and trace._index.damage:
            raise trace._index.damage
