"""Formatted views of minified sources, for the containers that have a place for them: made when the program has ended, by black in a process of its own.

A view is extra: whatever goes wrong with it, the trace is made without, and only the log says so."""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TIME_LIMIT = 10.0  # seconds, for all of them together
WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "source_formatter.py")


def make(journal: str, threshold: int, policy: "dict[str, Any] | None") -> list[tuple[bytes, bytes, bytes, bytes]]:
    """(path, name, content, map) for each source with lines that long. Those with a map beside them, FILE.map, have been made from something better."""
    from . import _native

    views = []
    end = time.monotonic() + TIME_LIMIT
    for path, text in _native.minified_sources(journal, threshold):
        try:
            if os.path.exists(path + b".map"):
                continue
            name = os.path.splitext(os.path.basename(path))[0] + b".fmt.py"
            content, mapped = _format(name, os.path.basename(path), text, end - time.monotonic())
            views.append((path, name, content, mapped))
        except Exception as error:
            _log(policy, os.fsdecode(path), error)
    return views


def _format(name: bytes, original: bytes, text: bytes, seconds: float) -> tuple[bytes, bytes]:
    """Content and map. OSError, ValueError, subprocess.SubprocessError."""
    import json
    import subprocess

    if seconds <= 0:
        raise ValueError("there was no time left for it")
    environment = {**os.environ, "CODETRACER_PYTHON_RECORDER_DISABLED": "1", "PYTHONIOENCODING": "utf-8:surrogateescape"}
    environment.pop("CODETRACER_TRACE", None)
    done = subprocess.run(
        [sys.executable, "-P", WORKER, os.fsdecode(name), os.fsdecode(original)], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=seconds, cwd="/", env=environment,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"the formatter ended with {done.returncode}")
    answer = json.loads(done.stdout)
    return answer["content"].encode("utf-8", "surrogateescape"), json.dumps(answer["map"]).encode()


def _log(policy: "dict[str, Any] | None", path: str, error: Exception) -> None:
    if policy is not None:
        from . import reporting

        reporting.log(policy, "info", "no formatted view was made of a minified source", path=path, reason=f"{type(error).__name__}: {error}")
