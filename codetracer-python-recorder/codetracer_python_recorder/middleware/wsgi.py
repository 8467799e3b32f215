"""Middleware for WSGI applications (PEP 3333): Flask, Django, any other."""

from .requests import Request, Requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any


class CodeTracerWSGIMiddleware:
    """`app.wsgi_app = CodeTracerWSGIMiddleware(app.wsgi_app)`.

    While a recording runs, each request is a span in it. `manifest_path`: a file for the spans' JSON lines (default: $CODETRACER_SPAN_MANIFEST, else spans.jsonl
    beside the trace). `trace_dir`: a folder, where each request makes a trace of its own when no recording runs; requests that overlap share one. `format` and
    other keywords are those of start(), for these.
    """

    def __init__(
        self,
        app: "Callable[..., Iterable[bytes]]",
        manifest_path: "str | os.PathLike[str] | None" = None,
        *,
        framework: str | None = None,
        trace_dir: "str | os.PathLike[str] | None" = None,
        format: str = "ct",
        **limits: "Any",
    ) -> None:
        self.app = app
        self._requests = Requests(manifest_path, trace_dir, framework, format, limits)

    def __call__(self, environ: "dict[str, Any]", start_response: "Callable[..., Any]") -> "Iterable[bytes]":
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        request = self._requests.begin("wsgi", environ.get("REQUEST_METHOD", "GET"), path.encode("latin-1", "replace").decode("utf-8", "replace"))

        def started(*given: "Any", **named: "Any") -> "Any":  # by keyword, too: PEP 3333 forbids it, servers take it
            number = (given[0] if given else named.get("status", ""))[:3]
            request.status = int(number) if number.isascii() and number.isdigit() else 500
            return start_response(*given, **named)

        try:
            body = self.app(environ, started)
        except BaseException as error:
            request.end(error)
            raise
        if isinstance(body, (list, tuple)):  # all of it is there, and servers look at its length
            request.end()
            return body
        return _Body(body, request)


class _Body:
    """A response that is still being made: the request ends when the server closes it."""

    __slots__ = ("_body", "_iterator", "_request")

    def __init__(self, body: "Iterable[bytes]", request: Request) -> None:
        self._body = body
        self._iterator: "Iterator[bytes] | None" = None
        self._request = request

    def __iter__(self) -> "_Body":
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            piece = next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._request.end(error)
            raise
        self._request.answers()
        return piece

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._request.end(error)
            raise
        self._request.end()

    def __del__(self) -> None:
        self._request.end()  # of a server that does not close, as test clients do
