"""Middleware for web applications: each request is a span of the trace, or a trace of its own."""

from .asgi import CodeTracerASGIMiddleware
from .wsgi import CodeTracerWSGIMiddleware

__all__ = ["CodeTracerASGIMiddleware", "CodeTracerWSGIMiddleware"]
