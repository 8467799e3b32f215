"""Middleware for ASGI applications: Starlette, FastAPI, any other."""

from .requests import Requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from typing import Any


class CodeTracerASGIMiddleware:
    """`app.add_middleware(CodeTracerASGIMiddleware)`, or `app = CodeTracerASGIMiddleware(app)`. Options as of CodeTracerWSGIMiddleware. HTTP requests are spans;
    what else comes (lifespan, websockets) passes through."""

    def __init__(
        self,
        app: "Callable[..., Awaitable[None]]",
        manifest_path: "str | os.PathLike[str] | None" = None,
        *,
        framework: str | None = None,
        trace_dir: "str | os.PathLike[str] | None" = None,
        format: str = "ct",
        **limits: "Any",
    ) -> None:
        self.app = app
        self._requests = Requests(manifest_path, trace_dir, framework, format, limits)

    async def __call__(self, scope: "dict[str, Any]", receive: "Callable[..., Any]", send: "Callable[..., Any]") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = self._requests.begin("asgi", scope.get("method", "GET"), scope.get("path", ""))

        async def sending(message: "dict[str, Any]") -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            request.end(error)
            raise
        request.end()
