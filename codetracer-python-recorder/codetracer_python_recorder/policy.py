"""The policy: what happens when recording fails, where errors and log lines go, what of the output is captured.

Defaults < environment < what was set explicitly: configure_policy(), then the `policy` of start() or the command line's options. Loaded only when
one of these is used. What a variable or argument may be is said here once; docs/environment.md lists them.
"""

import os
import sys

from . import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

DEFAULTS: "dict[str, Any]" = {
    "on_recorder_error": "abort",
    "require_trace": False,
    "keep_partial_trace": False,
    "log_level": None,
    "log_file": None,
    "json_errors": False,
    "module_name_from_globals": True,
    "propagate_script_exit": False,
    "io_capture_line_proxies": True,
    "io_capture_fd_fallback": False,
}
ON_ERROR = ("abort", "disable")
LEVELS = {"off": 0, "error": 1, "warn": 2, "warning": 2, "info": 3, "debug": 4, "trace": 5}
TRUE, FALSE = ("1", "true", "t", "yes", "y"), ("0", "false", "f", "no", "n")
CAPTURE_OFF = ("0", "off", "false", "disable", "disabled", "none")
CAPTURE_ON = ("1", "on", "true", "enable", "enabled")
UPLOAD = "CODETRACER_MANAGED_UPLOAD_"


def _refuse(name: str, expected: str, value: object) -> errors.BadValue:
    return errors.BadValue("ERR_INVALID_POLICY_VALUE", f"{name} must be {expected}, not {value!r}", name=name)


def boolean(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise _refuse(name, "true or false (or 1, 0, yes, no)", text)


def on_error(name: str, text: object) -> str:
    word = text.strip().lower() if isinstance(text, str) else text
    if word not in ON_ERROR:
        raise _refuse(name, "abort or disable", text)
    return str(word)


def levels(text: str) -> "dict[str, int] | None":
    """What `warn` or `codetracer_python_recorder=debug,other=off` asks for, by target; "" is every target. None when it is neither."""
    found = {}
    for part in text.split(","):
        target, _, level = part.strip().rpartition("=")
        if level.strip().lower() not in LEVELS:
            return None
        found[target.strip()] = LEVELS[level.strip().lower()]
    return found


def log_level(name: str, text: object) -> "str | None":
    if text is None or text == "":
        return None
    if not isinstance(text, str) or levels(text) is None:
        raise _refuse(name, "off, error, warn, info, debug or trace, or a list of TARGET=LEVEL", text)
    return text


def log_file(name: str, value: object) -> "str | None":
    """The path as it was given: reporting takes it from the folder in which the recording starts. Empty: standard error."""
    try:
        text = os.fsdecode(value) if value is not None else ""  # type: ignore[arg-type]
    except TypeError:
        raise _refuse(name, "a path", value) from None
    return text or None


def capture(name: str, text: str) -> "dict[str, bool]":
    word = text.strip().lower()
    if word in CAPTURE_OFF:
        return {"io_capture_line_proxies": False, "io_capture_fd_fallback": False}
    if not word or word in CAPTURE_ON:
        return {"io_capture_line_proxies": True, "io_capture_fd_fallback": False}
    tokens = [token.strip() for token in word.replace("+", ",").split(",")]
    if not all(token in ("proxies", "proxy", "fd", "mirror", "fallback") for token in tokens):
        raise _refuse(name, "off, proxies or proxies+fd", text)
    fallback = any(token in ("fd", "mirror", "fallback") for token in tokens)
    return _check_capture(name, {"io_capture_line_proxies": True, "io_capture_fd_fallback": fallback})


def _check_capture(name: str, values: "dict[str, Any]") -> "dict[str, Any]":
    if values.get("io_capture_fd_fallback") and sys.platform != "linux":
        raise errors.BadValue(
            "ERR_INVALID_POLICY_VALUE", f"{name}: what C code and child processes write can be recorded on Linux only; use proxies or off", name=name
        )
    return values


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refuse(name, "True or False", value)
    return value


_EXPLICIT: "dict[str, Callable[[str, Any], Any]]" = {"on_recorder_error": on_error, "log_level": log_level, "log_file": log_file}
_VARIABLES: "dict[str, tuple[str, Callable[[str, str], Any]]]" = {
    "CODETRACER_ON_RECORDER_ERROR": ("on_recorder_error", on_error),
    "CODETRACER_REQUIRE_TRACE": ("require_trace", boolean),
    "CODETRACER_KEEP_PARTIAL_TRACE": ("keep_partial_trace", boolean),
    "CODETRACER_LOG_LEVEL": ("log_level", log_level),
    "CODETRACER_LOG_FILE": ("log_file", log_file),
    "CODETRACER_JSON_ERRORS": ("json_errors", boolean),
    "CODETRACER_MODULE_NAME_FROM_GLOBALS": ("module_name_from_globals", boolean),
    "CODETRACER_PROPAGATE_SCRIPT_EXIT": ("propagate_script_exit", boolean),
}


def of_environment(environment: "Mapping[str, str]") -> "dict[str, Any]":
    """What variables say. One that is empty says nothing, but of log_file, where it says standard error."""
    found: "dict[str, Any]" = {}
    for variable, (name, read) in _VARIABLES.items():
        text = environment.get(variable)
        if text is not None and (text.strip() or name == "log_file"):
            found[name] = read(variable, text)
    if environment.get("CODETRACER_CAPTURE_IO") is not None:
        found.update(capture("CODETRACER_CAPTURE_IO", environment["CODETRACER_CAPTURE_IO"]))
    return found


def explicit(values: "Mapping[str, Any]") -> "dict[str, Any]":
    """Checked arguments of configure_policy(); None says nothing."""
    found: "dict[str, Any]" = {}
    for name, value in values.items():
        if name not in DEFAULTS:
            raise errors.BadType("ERR_INVALID_POLICY_VALUE", f"there is no policy {name!r}; there are {', '.join(DEFAULTS)}", name=str(name))
        if value is not None:
            found[name] = _EXPLICIT.get(name, _flag)(name, value)
    if found.get("io_capture_line_proxies") is False:
        found["io_capture_fd_fallback"] = False
    return _check_capture("io_capture_fd_fallback", found)


_environment: "dict[str, Any] | None" = None  # read when it is first needed, and again at every start
_configured: "dict[str, Any]" = {}


def configure_policy(
    *,
    on_recorder_error: str | None = None,
    require_trace: bool | None = None,
    keep_partial_trace: bool | None = None,
    log_level: str | None = None,
    log_file: "str | os.PathLike[str] | None" = None,
    json_errors: bool | None = None,
    io_capture_line_proxies: bool | None = None,
    io_capture_fd_fallback: bool | None = None,
    module_name_from_globals: bool | None = None,
    propagate_script_exit: bool | None = None,
) -> None:
    """Sets, for recordings that start from now on, what is given here. It counts more than the environment does."""
    values = dict(locals())
    _configured.update(explicit(values))
    if log_level == "":
        _configured["log_level"] = None
    if log_file == "":
        _configured["log_file"] = None


def configure_policy_from_env() -> None:
    """Reads the environment again."""
    global _environment
    _environment = of_environment(os.environ)


def effective(policy: "Mapping[str, Any] | None" = None, *, apply_env_policy: bool = True) -> "dict[str, Any]":
    """What holds for a recording that starts now."""
    if policy is not None and not hasattr(policy, "items"):
        raise errors.BadType("ERR_INVALID_POLICY_VALUE", f"policy must be a dict, as for configure_policy(), not {type(policy).__name__}")
    if apply_env_policy:
        configure_policy_from_env()
    return {**DEFAULTS, **(_environment or {} if apply_env_policy else {}), **_configured, **explicit(policy or {})}


def policy_snapshot() -> "dict[str, Any]":
    """The policy of the active recording, else of one that would start now."""
    from . import session

    recording = session.current_here()
    if recording is not None and recording.policy is not None:
        values = dict(recording.policy)
    else:
        if _environment is None:
            configure_policy_from_env()
        values = {**DEFAULTS, **(_environment or {}), **_configured}
    proxies, fallback = values.pop("io_capture_line_proxies"), values.pop("io_capture_fd_fallback")
    return {**values, "io_capture": {"line_proxies": proxies, "fd_fallback": fallback}}


def ignored_variables(environment: "Mapping[str, str]") -> str:
    """The warning about what is asked for and not there; empty when nothing is."""
    names = sorted(name for name, text in environment.items() if name.startswith(UPLOAD) and text)
    return f"ignored, because this recorder sends nothing over a network: {', '.join(names)}" if names else ""
