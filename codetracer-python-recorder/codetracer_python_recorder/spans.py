"""Spans: named pieces of a recording, as a web request or a test of a session, with the steps and the thread that they lie in.

A finished span is a line `span` of the trace's metadata, in JSON; `codetracer-trace info` shows it. Its `first_step` and `last_step` are what
`codetracer-trace print --from … --to …` takes. Steps of other threads and tasks may lie between them.
"""

import datetime
import json
import os
import threading
import time

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_lock = threading.Lock()
_counts: dict[str, int] = {}


class Span:
    """Begins where it is made; finish() ends it, once. What a span consists of: docs/journal-format.md."""

    __slots__ = ("id", "label", "kind", "start", "_clock", "_position")

    def __init__(self, prefix: str, label: str, kind: str) -> None:
        with _lock:
            _counts[prefix] = number = _counts.get(prefix, 0) + 1
        self.id = f"{prefix}_{number}"
        self.label = label
        self.kind = kind
        self.start = datetime.datetime.now(datetime.timezone.utc)
        self._clock = time.perf_counter()
        self._position = _native.position()

    @property
    def is_recorded(self) -> bool:
        """Whether it began while something was recorded."""
        return self._position is not None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._clock

    def finish(self, status: str, metadata: "dict[str, str]") -> "dict[str, Any]":
        """`status`: `ok`, `error` or another word. The span as it stands in the trace, but for where exactly it ends there, which means nothing beside it."""
        here = _native.position()
        first = last = thread = last_event = None
        if self._position is not None:
            first, thread, _ = self._position
            if here is not None and here[0] > first:
                last, last_event = here[0] - 1, here[2] - 1
        span = {
            "id": self.id,
            "label": self.label,
            "span_type": self.kind,
            "thread": thread,
            "first_step": first if last is not None else None,
            "last_step": last,
            "status": status,
            "metadata": metadata,
            "start_time": self.start.isoformat(),
            "end_time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        }
        if not _native.define_meta("span", json.dumps({**span, "last_event": last_event}, ensure_ascii=False)):
            span["label"] = "<redacted>"
            span["metadata"] = {key: "<redacted>" for key in metadata}
            _native.define_meta("span", json.dumps({**span, "last_event": last_event}, ensure_ascii=False))
        return span


def append(path: str, span: "dict[str, Any]") -> None:
    """A line at the end of a file of spans, whole even when several processes write. OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, (json.dumps(span) + "\n").encode())
    finally:
        os.close(descriptor)
