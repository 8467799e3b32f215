"""What both kinds of middleware share: where spans go, and the recordings of single requests.

A process has one recording at a time. So with a folder for traces, a recording begins with a request that comes while no other is running, and ends when
none is running any more: a request that comes alone has a trace of its own, requests that overlap share one, and each is in one whole. Nothing of all
this may fail a request: what goes wrong is told once on stderr.
"""

import os
import re
import sys
import threading
import time

from .. import _native, errors, export, session, spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_lock = threading.Condition(threading.RLock())  # a response may be collected while it is held
_running = 0  # requests that belong to a recording of ours,
_answering = 0  # and those of them whose answer is being sent,
_answered = 0.0  # the last of which began then (time.monotonic)
ENDS_WITHIN = 0.25  # seconds: a client has its answer, and asks again, before the server has closed the response. What goes on for longer is a stream
_recording: session.Recording | None = None
_count = 0
_told: set[str] = set()


class Requests:
    """One middleware's options."""

    def __init__(self, manifest_path: "str | os.PathLike[str] | None", trace_dir: "str | os.PathLike[str] | None", framework: str | None, format: str,
                 limits: "dict[str, Any]") -> None:  # fmt: skip
        manifest = os.fspath(manifest_path) if manifest_path is not None else os.environ.get("CODETRACER_SPAN_MANIFEST")
        self.manifest = os.path.abspath(manifest) if manifest else None
        self.trace_dir = os.path.abspath(trace_dir) if trace_dir is not None else None
        self.framework = framework
        self.format = export.canonical(format)
        session.Limits(limits)  # what is wrong is told here
        self.limits = limits

    def begin(self, kind: str, method: str, path: str) -> "Request":
        return Request(self, kind, method, path)


class Request:
    """A request that runs. end() ends it, once."""

    __slots__ = ("_options", "_span", "_metadata", "_is_counted", "_is_answering", "status")

    def __init__(self, options: Requests, kind: str, method: str, path: str) -> None:
        label = f"{method} {path}"
        self._options = options
        self._is_answering = False
        self._is_counted = options.trace_dir is not None and _enter(options, label, kind == "wsgi")
        self._span = spans.Span(f"span_{kind}", label, "web-request")
        # Without the query: it is where secrets are.
        self._metadata = {"http.method": method, "http.url": path}
        if options.framework:
            self._metadata["http.framework"] = options.framework
        self.status: int | None = None
        _open.add(self)

    def answers(self) -> None:
        """A piece of the response goes out."""
        global _answering, _answered
        if self._is_counted and not self._is_answering:
            self._is_answering = True
            with _lock:
                _answering += 1
                _answered = time.monotonic()

    def end(self, error: BaseException | None = None) -> None:
        self._finish(self.status if error is None and self.status is not None else 500)
        if self._is_counted:
            self._is_counted = False
            _leave(self._is_answering)

    def interrupt(self) -> None:
        """The recording ends, the request does not: what was seen of it is in a span, too. A request that began before the recording belongs to no end of it."""
        if self._span.is_recorded:
            self._finish(self.status)

    def _finish(self, status: int | None) -> None:
        try:
            _open.remove(self)
        except KeyError:  # done already
            return
        if status is not None:
            self._metadata["http.status_code"] = str(status)
        self._metadata["http.duration_ms"] = f"{self._span.seconds * 1000:.3f}"
        done = self._span.finish("unfinished" if status is None else "error" if status >= 400 else "ok", self._metadata)
        manifest = self._options.manifest
        recording = session.current_here()
        if recording is not None and (manifest is None or manifest == os.path.join(recording.folder.path, "spans.jsonl")):
            manifest = recording.folder.spans
        if manifest is not None:
            try:
                spans.append(manifest, done)
            except OSError as problem:
                _tell(f"spans cannot be written ({errors.reason(problem)})")


_open: set[Request] = set()  # those whose span is to come


def _interrupt_all() -> None:
    for request in list(_open):
        request.interrupt()


session.before_end.append(_interrupt_all)


def _enter(options: Requests, label: str, may_wait: bool) -> bool:
    """Whether the request belongs to a recording of ours. One that somebody else has started is left to them."""
    global _running, _recording, _count
    with _lock:
        if may_wait:
            _lock.wait_for(lambda: _running == 0 or _running > _answering, max(0.0, _answered + ENDS_WITHIN - time.monotonic()))
        if _running == 0:
            if _native.is_tracing() or _native.recorded_elsewhere():
                return False
            _count += 1
            name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{_count:04d}-{_name(label)}"
            main = getattr(sys.modules.get("__main__"), "__file__", None)
            try:
                place = os.path.join(str(options.trace_dir), name)
                policy = session.effective_policy()
                recording = session.Recording(place, options.format, _name(label), session.Limits(options.limits), policy=policy)
                session._register_at_exit()
                recording.begin([], program=label, script=os.path.abspath(main) if isinstance(main, str) else None)
            except (errors.RecorderError, ValueError, RuntimeError) as problem:
                _tell(f"requests are not recorded: {errors.sentence(problem)}")
                return False
            _recording = recording
        _running += 1
        return True


def _leave(was_answering: bool) -> None:
    global _running, _answering, _recording
    with _lock:
        _running -= 1
        _answering -= was_answering
        _lock.notify_all()
        if _running:
            return
        recording, _recording = _recording, None
        if recording is not None:
            try:
                recording.finish()
            except errors.RecorderError as problem:
                _tell(problem.message)


def _name(label: str) -> str:
    """A request as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", label).strip("-.")[:60] or "request"


def _tell(message: str) -> None:
    if message not in _told:
        _told.add(message)
        session.report(message)
