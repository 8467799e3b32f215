"""Errors and log lines as JSON, a line each: for programs that watch the recorder. Loaded only when a policy asks for it.

No JSON module is imported for it, for a program that is recorded may have one of its own in the way.
"""

import os
import sys
import time

from . import errors, policy, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TARGET = "codetracer_python_recorder"
DEFAULT_LEVEL = "warn"


def _new_id() -> str:
    number = bytearray(os.urandom(16))
    number[6], number[8] = number[6] & 0x0F | 0x40, number[8] & 0x3F | 0x80  # RFC 9562, version 4
    text = number.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


run_id = _new_id()


def json_text(value: object) -> str:
    """None, whole numbers, strings and dicts of these, with sorted keys."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, int):
        return str(value)
    parts = []
    for letter in str(value):
        if letter in '"\\':
            parts.append("\\" + letter)
        elif " " <= letter <= "~":
            parts.append(letter)
        else:
            units = letter.encode("utf-16-be", "surrogatepass").hex()
            parts += [f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)]
    return '"' + "".join(parts) + '"'


def begin(values: "dict[str, Any]") -> None:
    """Checks that the log file can be written, and takes its path from the folder that is the current one now."""
    path = values["log_file"]
    if path is None:
        return
    values["log_file"] = os.path.abspath(path)
    try:
        os.close(_open(values["log_file"]))
    except (OSError, ValueError) as error:
        why = errors.reason(error) if isinstance(error, OSError) else str(error)
        raise errors.EnvironmentError(
            "ERR_IO", f"the log file {path!r} cannot be written ({why}); choose another with --log-file", path=path
        ) from None


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def log(values: "dict[str, Any]", level: str, message: str, code: str | None = None, **fields: object) -> bool:
    """A line, if the policy wants one of that level: into its file, else on standard error: then True. What cannot be written is lost."""
    if values["log_level"] is None and values["log_file"] is None:
        return False
    wanted = policy.levels(values["log_level"] or DEFAULT_LEVEL) or {}
    if policy.LEVELS[level] > wanted.get(TARGET, wanted.get("", 0)):
        return False
    caller = sys._getframe(1)
    line: "dict[str, object]" = {
        "ts_micros": time.time_ns() // 1000,
        "level": level.upper(),
        "target": TARGET,
        "run_id": run_id,
        "message": message,
        "module_path": caller.f_globals.get("__name__"),
        "file": os.path.basename(caller.f_code.co_filename),
        "line": caller.f_lineno,
    }
    if code is not None:
        line["error_code"] = code
    if fields:
        line["fields"] = fields
    text = json_text(line)
    if values["log_file"] is None:
        session.say(text)
        return True
    try:
        descriptor = _open(values["log_file"])
        try:
            os.write(descriptor, text.encode() + b"\n")
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        pass
    return False


def error_line(error: errors.RecorderError) -> str:
    return json_text(
        {
            "context": error.context,
            "error_code": error.code,
            "error_kind": error.kind,
            "message": error.message,
            "run_id": run_id,
            "trace_id": None,
        }
    )


def error(values: "dict[str, Any]", problem: errors.RecorderError) -> bool:
    """Logs it, and writes it to standard error if that is wanted: then True."""
    log(values, "error", problem.message, problem.code, **problem.context)
    if values["json_errors"]:
        session.say(error_line(problem))
    return bool(values["json_errors"])
