"""One recording from its beginning to the trace in the output folder, and the Python API for it.

`Recording` is what the command line and the API share: it makes the private folder, starts and stops the extension, exports and
puts the trace in place. It prints nothing and installs no handler; who uses it does. There is at most one at a time in a process, and
in a forked child it is nobody's: every method does nothing there.
"""

import os
import sys
from _thread import LockType, allocate_lock

from . import _native, errors, export, filters, folder, periods, prefixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import CodeType, TracebackType
    from typing import Any, Literal, Self

    from ._native import Exported, Summary

DEFAULT_FORMAT = "ct"
# zstd's level for a journal that is deleted after the export: quick rather than small.
THROWAWAY_LEVEL = -5
# Dumps into folders of our own choice: more are not kept.
DEFAULT_DUMPS = 10
# What the blocks that are being filled take while a recording runs (lib/journal/live.c).
LIVE_FILE_MB = 5

# Limits: smallest and largest value, as in the extension. The defaults are the extension's.
RECORDING_LIMITS = {"max_depth": (1, 100), "max_attr_depth": (0, 100), "max_items": (1, 1_000_000), "max_string": (16, 32 << 20)}
# export_depth may also be a pair: containers, attributes (0: objects without any).
EXPORT_LIMITS = {"export_nodes": (1, 1 << 62), "export_depth": (1, 100), "export_string": (1, 1 << 62)}
SWITCHES = ("include_stdlib", "include_exec", "redaction", "verify_capture")
GLOBALS = ("none", "referenced")
# Which part of the run: checked and turned into what the extension takes.
PERIODS = ("start_at", "stop_at", "start_paused", "max_steps", "max_seconds", "max_size", "last")


class Limits:
    """Everything that says how much is recorded and exported, checked. TypeError for an unknown name, ValueError for a bad value."""

    __slots__ = ("recording", "budget", "when_raises", "filters", "max_dumps")

    def __init__(self, values: "dict[str, Any]") -> None:
        self.recording: dict[str, object] = {}
        self.budget: dict[str, int] = {}
        self.when_raises = False
        self.filters: list[str] = []
        self.max_dumps = DEFAULT_DUMPS
        for name, value in values.items():
            if name in RECORDING_LIMITS:
                self.recording[name] = _within(RECORDING_LIMITS[name], name, value)
            elif name in EXPORT_LIMITS:
                if name == "export_depth" and isinstance(value, tuple) and len(value) == 2:
                    value, attributes = value
                    self.budget["export_attr_depth"] = _within((0, 100), name, attributes)
                self.budget[name] = _within(EXPORT_LIMITS[name], name, value)
            elif name in SWITCHES:
                self.recording[name] = _switch(name, value)
            elif name == "globals":
                if value not in GLOBALS:
                    raise ValueError(f"globals must be one of {', '.join(GLOBALS)}, not {value!r}")
                self.recording["globals_referenced"] = value == "referenced"
            elif name in PERIODS:
                self._period(name, value)
            elif name == "activation_path":
                self.recording.setdefault("points", []).append((os.path.abspath(os.fspath(value)), -1, True))  # type: ignore[attr-defined]
            elif name == "trace_filter":
                self.filters = filters.split(value)
            elif name == "max_dumps":
                self.max_dumps = _within((1, 1_000_000), name, value)
            elif name == "when_raises":
                self.when_raises = _switch(name, value)
            else:
                raise TypeError(f"there is no option {name!r}")

    @property
    def begins_paused(self) -> bool:
        return bool(self.recording.get("paused")) or any(starts for _, _, starts in self.recording.get("points", ()))  # type: ignore[attr-defined]

    @property
    def keeps_end(self) -> bool:
        return "last_steps" in self.recording or "last_bytes" in self.recording

    def _period(self, name: str, value: object) -> None:
        if name in ("start_at", "stop_at"):
            points = self.recording.setdefault("points", [])
            points.extend(periods.points(name, value))  # type: ignore[attr-defined]
        elif name == "start_paused":
            self.recording["paused"] = _switch(name, value)
        elif name == "max_steps":
            self.recording[name] = _within((1, 1 << 62), name, value)
        elif name == "max_seconds":
            self.recording["max_milliseconds"] = periods.milliseconds(value, name)
        elif name == "last":
            key, number = periods.last(value, name)
            self.recording[key] = number
        else:
            self.recording[name] = periods.size(value, name)


def checked_limits(values: "dict[str, Any]") -> Limits:
    """For the Python API: what is wrong is a UsageError."""
    try:
        return Limits(values)
    except errors.RecorderError:
        raise
    except TypeError as error:
        raise errors.BadType("ERR_USAGE", str(error)) from None
    except ValueError as error:
        raise errors.BadValue("ERR_USAGE", str(error)) from None


def _switch(name: str, value: object) -> bool:
    """`redaction=None` is not to switch it off, nor `when_raises="no"` anything on."""
    if not isinstance(value, int) or value not in (0, 1):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _within(bounds: tuple[int, int], name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    least, most = bounds
    if value < least and most == 1 << 62:  # which nobody means
        raise ValueError(f"{name} must be {least} or more, not {value}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {value}")
    return value


NEW, RUNNING, DONE = "new", "running", "done"


class Result:
    """What came of a recording. `path` is the trace as a person would name it; None when nothing was kept. `note`: what else is to be said."""

    __slots__ = ("path", "size", "summary", "exported", "note", "format")

    def __init__(
        self, path: str | None, size: int, summary: "Summary", exported: "Exported | None", note: str = "", format: str = DEFAULT_FORMAT
    ) -> None:
        self.path = path
        self.format = format
        self.note = note
        self.size = size
        self.summary = summary
        self.exported = exported

    def sentence(self) -> str:
        """The closing line: where, steps, size, anything left out."""
        if self.path is None:
            return self.note
        summary = self.summary
        steps, dropped = summary.get("steps", 0), summary.get("dropped_steps", 0)
        counted = f"the last {steps - dropped:,} of {_count(steps, 'step')}" if dropped else _count(steps, "step")
        shown = self.path if self.path.isprintable() else ascii(self.path)
        text = f"{shown}: {counted}, {export.size_text(self.size)}"
        cut = [
            f"{_count(number, what)} ({option})"
            for number, what, option in (
                (summary.get("cut_items", 0), "container", "--max-items"),
                (summary.get("cut_depth", 0), "deep value", "--max-depth"),
                (summary.get("cut_string", 0), "long string", "--max-string"),
            )
            if number
        ]
        if cut:
            text += "; cut in the recording: " + ", ".join(cut)
        if summary.get("missed"):
            text += f"; {_count(summary['missed'], 'change')} had been missed by the quick look (mended here; please report this program)"
        redacted = summary.get("redacted") or {}
        places = redacted.get("output", 0)
        values = sum(number for kind, number in redacted.items() if kind not in ("output", "unknown"))
        if values or places:
            hidden = [_count(values, "value")] if values else []
            if places:
                hidden.append(_count(places, "place") + " in the output")
            text += f"; redacted: {', '.join(hidden)} (--no-redaction)"
        if self.exported and self.exported.get("cut_values", 0):
            shortened = self.exported["cut_values"]
            cut_text = f"{_count(shortened, 'value')} of {_count(self.exported.get('cut_variables', 0), 'variable')} {'is' if shortened == 1 else 'are'} shortened"
            names = "(--export-nodes, --export-depth, --export-string)"
            whole = "it whole" if shortened == 1 else "them whole"
            if self.format == "ct":  # the journal is inside
                text += f"; in CodeTracer's view {cut_text} {names}, `codetracer-trace print` shows {whole}"
            else:
                text += f"; {cut_text} in this format {names}, ct and journal keep {whole}"
        return f"{text}; {self.note}" if self.note else text


def filtered_text(summary: "Summary") -> str:
    """What filters have kept from being recorded line by line; empty: nothing. A module's body counts as a function."""
    causes = ((summary.get("calls_only", 0), "recorded as calls"), (summary.get("skipped_by_rules", 0), "skipped by filters"))
    return ", ".join(f"{_count(number, 'function')} {how}" for number, how in causes if number)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class Recording:
    """begin() starts it, finish() ends it and puts the trace in place; discard() when it never began."""

    __slots__ = (
        "format", "stem", "limits", "policy", "folder", "process", "state", "is_command_line", "autoformat", "program_failed", "raised", "unwanted", "result",
        "dumps", "script",
    )  # fmt: skip

    def __init__(
        self, path: str, format: str, stem: str, limits: Limits, *, policy: "dict[str, Any] | None" = None, is_command_line: bool = False,
        autoformat: int = 0,
    ) -> None:
        active = current_here()
        if active is not None or _native.is_tracing():
            where = f" into {active.folder.shown!r}" if active is not None else ""
            raise errors.AlreadyTracing("ERR_ALREADY_TRACING", f"tracing already active{where}: stop() that recording first")
        if policy is not None:
            from . import reporting

            reporting.begin(policy)
        self.script = ""  # absolute path of the program, or "": known when the recording begins
        self.policy = policy  # of policy.effective(); None: nobody asked for anything but the defaults
        self.format = format
        self.stem = stem_for_file(stem)
        self.limits = limits
        self.process = os.getpid()
        self.state = NEW
        self.is_command_line = is_command_line
        self.autoformat = autoformat  # bytes of a line, on the average, above which a source is minified; 0: no views are made
        self.program_failed = False  # … and without a step there is nothing to keep
        self.raised = False  # an exception left the block that is recorded
        self.unwanted = False  # nothing is to be kept in any case
        self.result: Result | None = None
        self.dumps: list[str] = []  # folders of ours, the oldest first
        self.folder: folder.OutputFolder = folder.OutputFolder(path, export.file_names(format, self.stem))

    def is_here(self) -> bool:
        """False in a forked child, which records nothing and must not touch the parent's files."""
        return self.process == os.getpid() and (_native.is_tracing() or not _native.recorded_elsewhere())

    def begin(
        self,
        arguments: list[str],
        *,
        program: str,
        script: str | None,
        code: "CodeType | None" = None,
        source: str | None = None,
        hidden_frames: int = 0,
        framework: str | None = None,
        meta: "Iterable[tuple[str, str]]" = (),
        sources: "dict[str, str] | None" = None,
        left_out: "Iterable[str]" = (),
        launcher: str | None = None,
        is_module: bool = False,
    ) -> None:
        """The last thing before the program's own code. `code` and `source`: of a program that lies in no file. `hidden_frames`: frames of
        ours below the program's, which are not to count against its recursion limit. `framework`: the one of prefixes.FRAMEWORKS that runs the
        program and is not recorded itself. `meta`: more lines of metadata. `sources`: the texts behind file names of
        code that lies in no file. `left_out`: names in module namespaces that are not the program's.
        `launcher`: the console script that the process began with, when it is ours. `is_module`: the program was named by `-m`, which finds it from the
        working directory: a server that lies elsewhere than the project it serves."""
        global current
        standard = prefixes.standard_library()
        try:
            workdir = os.getcwd()
        except OSError:
            workdir = ""
        lines = [
            ("program", program),
            *(("arg", argument) for argument in arguments),
            ("workdir", workdir),
            ("stem", self.stem),
            ("python", f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))} {sys.executable}"),
            ("recorder", f"{folder.RECORDER} {_native.version}"),
            *meta,
        ]
        if script:
            self.script = _tidy(script)
            lines.append(("script", self.script))
        try:
            places = [os.path.dirname(script) if script else workdir, *([workdir] if is_module or (script and workdir and prefixes.is_installed(script, standard)) else [])]
            rules = filters.chain(places, self.limits.filters, framework)
        except BaseException:
            self.discard()
            raise
        lines += filters.metadata(rules)
        options: dict[str, object] = {
            **self.limits.recording,
            **filters.options(rules),
            "script": script or "",
            "skip_prefixes": standard,
            "keep_prefixes": prefixes.site_packages(standard),
            "own_prefixes": prefixes.own(launcher) + (prefixes.framework(framework) if framework in prefixes.HOSTS else []),
            "outer_prefixes": prefixes.framework(framework) if framework else [],
            "meta": lines,
            "hidden_frames": hidden_frames,
        }
        if self.policy is not None:
            options["capture_io"] = self.policy["io_capture_line_proxies"]
            if self.policy["io_capture_fd_fallback"]:
                options["forwarder"] = os.path.join(os.path.dirname(_native.__file__), "codetracer-forward")
            options["modules_from_paths"] = not self.policy["module_name_from_globals"]
        if self.format != "journal":
            options["compression_level"] = THROWAWAY_LEVEL
        if sources:
            options["sources"] = sources
        if left_out:
            options["left_out"] = list(left_out)
        if code is not None:
            options["main_code"], options["main_source"] = code, source
        try:
            _native.start(self.folder.journal, self.folder.live, options)
        except OSError as error:
            self.discard()
            import errno  # not loaded at every start

            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = f"it needs {LIVE_FILE_MB} MB there to begin: make room, or choose another folder" if full else "choose another folder"
            raise errors.EnvironmentError(
                "ERR_IO",
                f"recording into {self.folder.shown!r} could not start ({errors.reason(error)}); {remedy}",
                path=self.folder.shown,
            ) from None
        except RuntimeError as error:
            self.discard()
            raise errors.InstallConflict("ERR_TRACER_INSTALL_CONFLICT", str(error)) from None
        except MemoryError:
            self.discard()
            raise errors.EnvironmentError("ERR_NO_MEMORY", "there is not enough memory to start a recording; give the process more") from None
        except BaseException:
            self.discard()
            raise
        self.state = RUNNING
        current = self
        if self.policy is not None:
            from . import reporting

            reporting.log(self.policy, "info", "recording started", path=self.folder.shown, format=self.format)

    def discard(self) -> None:
        if self.process == os.getpid():
            self.folder.discard()

    def flush(self) -> None:
        if self.is_here():
            _native.flush()

    def dump(self, path: str | None) -> str | None:
        """A complete trace of what is recorded so far, while the recording goes on: into the folder `path`, or a new one within the output folder.
        Where the trace is; None when nothing is recorded. EnvironmentError, KeyboardInterrupt: then nothing is left there."""
        if not self.is_here() or self.state != RUNNING or not _native.is_tracing():
            return None
        chosen = path if path is not None else self._new_dump()
        target = folder.OutputFolder(chosen, export.file_names(self.format, self.stem))
        _native.hold(True)
        try:
            _native.flush()
            export.export(self.folder.journal, self.format, target.exported, self.stem, {**self.limits.budget, "goes_on": 1}, True)
            names = os.listdir(target.exported)
            target.commit()
        except BaseException as error:
            target.discard()
            if not isinstance(error, (OSError, ValueError)) or isinstance(error, errors.RecorderError):
                raise
            why = errors.reason(error) if isinstance(error, OSError) else str(error)
            raise errors.EnvironmentError(
                "ERR_IO", f"the trace could not be dumped to {target.shown!r} ({why}); the recording goes on", path=target.shown
            ) from None
        finally:
            _native.hold(False)
        if path is None:
            self.dumps.append(chosen)
            while len(self.dumps) > self.limits.max_dumps:
                folder.remove_trace(self.dumps.pop(0))
        return os.path.join(target.path, names[0]) if len(names) == 1 else target.path

    def _new_dump(self) -> str:
        """Numbers go on, also after those of an earlier recording, so that a higher one is always a later one."""
        ends = [name.removeprefix("dump-") for name in os.listdir(self.folder.path) if name.startswith("dump-")]
        number = max((int(end) for end in ends if end.isascii() and end.isdecimal()), default=0) + 1
        return os.path.join(self.folder.path, f"dump-{number}")

    def finish(
        self,
        exit_status: int | None = None,
        exit_signal: int | None = None,
        error_text: str | None = None,
        progress: "export.Progress | None" = None,
    ) -> Result | None:
        """Ends the recording; when it was ended before, only says again what came of it. None in a forked child, and after a failure.
        Raises NotFinished (the recording is kept), KeyboardInterrupt (kept, too)."""
        global current
        here = self.is_here()
        if here and self.state == RUNNING:
            for call in before_end:
                call()
        if current is self:
            current = None
        if not here or self.state != RUNNING:
            return self.result
        self.state = DONE
        ended = allocate_lock()
        _ending.append((self, ended))
        with ended:
            try:
                return self._end(exit_status, exit_signal, error_text, progress)
            finally:
                _ending.remove((self, ended))

    def _end(self, exit_status: int | None, exit_signal: int | None, error_text: str | None, progress: "export.Progress | None") -> Result | None:
        self.folder.begin_export()
        summary = _native.stop(exit_status, exit_signal, error_text)
        failed = summary.get("failed")
        if failed:
            why = os.strerror(failed[0]) if failed[0] else failed[1]
            kept = self._keep_partial(progress) if self.policy is not None and self.policy["keep_partial_trace"] else None
            self.folder.end_export()
            raise errors.NotFinished(
                "ERR_TRACE_INCOMPLETE",
                f"recording stopped before the program's end ({why}); what was recorded until then is kept: "
                f"{kept or errors.recover_command(self.folder.shown)}",
                folder=self.folder.shown,
            )
        if self.limits.when_raises and not periods.failed(self, exit_status, exit_signal, error_text):
            self.discard()
            self.result = Result(None, 0, summary, None, "nothing is kept, because the program did not fail (--when-raises)")
            return self.result
        nothing = not summary.get("steps", 0)
        filtered = filtered_text(summary)
        if nothing and self.requires_trace and not self.unwanted:
            self.discard()
            raise errors.UsageError(
                "ERR_TRACE_MISSING",
                f"a trace is required, and no line of the program was recorded{filtered and ': ' + filtered}; {self.folder.shown!r} is as it was",
                status=1,
                path=self.folder.shown,
            )
        if self.unwanted or (self.program_failed and nothing and not self.limits.begins_paused and not filtered):
            self.discard()
            why = f"nothing was recorded, because the program failed before any line that is recorded; {self.folder.shown!r} is as it was"
            self.result = Result(None, 0, summary, None, why)
            return self.result
        if nothing and not summary.get("calls", 0) and self.limits.begins_paused and summary.get("stopped_by") is None:
            self.discard()
            points = self.limits.recording.get("points")
            why = f"nothing was recorded, because no start point was reached: {periods.why_not_reached(points, self.script, starts=True)}" if isinstance(points, list) else "the recording was never switched on"
            self.result = Result(None, 0, summary, None, f"{why}; {self.folder.shown!r} is as it was")
            return self.result
        try:
            exported = export.export(
                self.folder.journal, self.format, self.folder.exported, self.stem, self.limits.budget, self.limits.keeps_end, progress, self._views()
            )
            names = os.listdir(self.folder.exported)
            self.folder.add_spans()
            self.folder.commit()
        except (OSError, ValueError, errors.RecorderError) as error:
            self._keep_journal()
            why = errors.reason(error) if isinstance(error, OSError) else errors.sentence(error)
            if os.path.lexists(self.folder.journal):
                kept = f"the recording is complete and kept: {errors.recover_command(self.folder.shown)}"
            else:
                kept = "the recording is not where it was written: the program has removed its folder, or sees another file system"
            raise errors.NotFinished(
                "ERR_IO",
                f"the trace could not be written ({why}); {kept}",
                folder=self.folder.shown,
            ) from None
        except BaseException:
            self._keep_journal()
            raise
        path = os.path.join(self.folder.path, names[0]) if len(names) == 1 else self.folder.path
        shown = os.path.join(self.folder.shown, names[0]) if len(names) == 1 else self.folder.shown
        size = export.size_on_disk(path) if len(names) == 1 else sum(
            export.size_on_disk(os.path.join(self.folder.path, name)) for name in names
        )
        notes = []
        if slow := summary.get("slow_patterns"):
            notes.append(f"patterns of the trace filter took too long and were not followed everywhere: {', '.join(map(repr, slow))}")
        if summary.get("stopped_by") not in (None, "activation-path"):
            notes.append(f"not recorded to the program's end (--{summary['stopped_by']})")
        elif nothing and filtered:
            notes.append(f"no line was recorded: {filtered} (codetracer-trace info names the filters)")
        elif nothing and self.is_command_line and not self.limits.recording.get("include_stdlib"):
            notes.append("no line was recorded (the standard library is, only with --include-stdlib)")
        else:
            notes += self._stop_points_missed(summary)
        note = "; ".join(notes)
        self.result = Result(shown, size, summary, exported, note, self.format)
        if self.policy is not None:
            from . import reporting

            reporting.log(self.policy, "info", "recording finished", path=shown, steps=summary.get("steps", 0), size=size)
        return self.result

    @property
    def requires_trace(self) -> bool:
        return self.policy is not None and bool(self.policy["require_trace"])

    @property
    def fails_quietly(self) -> bool:
        """A failure changes neither the exit status nor the course of the program."""
        return runs_anyway(self.policy)

    def _keep_partial(self, progress: "export.Progress | None") -> str | None:
        """Makes a trace of what there is. Where it is; None when that fails, too, and the recording is left as it is."""
        try:
            export.export(self.folder.journal, self.format, self.folder.exported, self.stem, self.limits.budget, self.limits.keeps_end, progress)
            names = os.listdir(self.folder.exported)
            self.folder.commit()
        except (OSError, ValueError, errors.RecorderError):
            self._keep_journal()
            return None
        return os.path.join(self.folder.shown, names[0]) if len(names) == 1 else self.folder.shown

    def _views(self) -> "list[tuple[bytes, bytes, bytes, bytes]]":
        """Formatted views of minified sources, when the program has ended: while it runs, no process is started in its name."""
        if not (self.is_command_line and self.autoformat and self.format in ("ct", "ct-multi")):
            return []
        from . import source_views

        return source_views.make(self.folder.journal, self.autoformat, self.policy)

    def _stop_points_missed(self, summary: "Summary") -> list[str]:
        points, reached = self.limits.recording.get("points"), summary.get("reached", ())
        stops = [was for (_, _, starts), was in zip(points, reached, strict=True) if not starts] if isinstance(points, list) else []
        if not stops or any(stops):
            return []
        return [f"no stop point was reached: {periods.why_not_reached(points, self.script, starts=False)}"]  # type: ignore[arg-type]

    def _keep_journal(self) -> None:
        """Of a private folder whose export failed, the journal stays and nothing else."""
        name = export.file_names("journal", self.stem)[0]
        if self.format == "journal" and os.path.exists(os.path.join(self.folder.exported, name)):
            os.rename(os.path.join(self.folder.exported, name), self.folder.journal)
        folder.remove_tree(self.folder.exported)
        self.folder.end_export()


def runs_anyway(policy: "dict[str, Any] | None") -> bool:
    """The policy says that what cannot be recorded is to run without a recording."""
    return policy is not None and policy["on_recorder_error"] == "disable" and not policy["require_trace"]


# The recording of this process, and of nobody in a forked child.
current: Recording | None = None
_ending: "list[tuple[Recording, LockType]]" = []  # those whose traces are being written, and what is held as long
before_end: "list[Callable[[], None]]" = []  # who has something to add when a recording is about to end


def current_here() -> Recording | None:
    return current if current is not None and current.is_here() else None


def _tidy(path: str) -> str:
    """Without `.` and `..`, as the recorder writes the paths of code, if that is still the same file (a link before a `..` says no)."""
    tidied = os.path.normpath(path)
    try:
        return tidied if os.path.samefile(path, tidied) else path
    except OSError:
        return path


def stem_for_file(stem: str) -> str:
    """A stem that is a possible file name: no separators, not too long, something; and not hidden, for no reader looks for a trace among hidden files."""
    for separator in (os.sep, os.altsep, "\0"):
        if separator:
            stem = stem.replace(separator, "_")
    return os.fsdecode(os.fsencode(stem.lstrip("."))[:200]) or "trace"


def stem_of_program() -> str:
    """For a recording started by the program itself."""
    name = sys.argv[0] if getattr(sys, "argv", None) else ""
    if not isinstance(name, str) or name in ("-c", "-m", "-", ""):
        return "trace"
    return os.path.splitext(os.path.basename(name))[0] or "trace"


# ---- the Python API ----


class TraceSession:
    """A recording started by start(). A with-statement stops it at its end. One that could not begin, under the policy `disable`, does nothing."""

    __slots__ = ("path", "format", "_recording")

    def __init__(self, path: str, format: str, recording: Recording | None) -> None:
        self.path = path
        self.format = format
        self._recording = recording

    def stop(self, *, exit_code: int | None = None) -> None:
        """Ends the recording and puts the trace in place. Does nothing when it was stopped before."""
        if self._recording is not None:
            _finish(self._recording, exit_code)

    def flush(self) -> None:
        """Everything recorded so far is on its way to the disk: `codetracer-trace print` shows it."""
        if self._recording is not None and current is self._recording:
            self._recording.flush()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, traceback: "TracebackType | None"
    ) -> "Literal[False]":
        if self._recording is not None:
            self._recording.raised = kind is not None
        try:
            self.stop()
        except errors.RecorderError as failure:
            if kind is None:
                raise
            report_error(failure, None)  # what left the block is not to be replaced
        return False

    def __repr__(self) -> str:
        state = "not recorded" if self._recording is None else "recording" if current is self._recording else "stopped"
        return f"<TraceSession {self.path!r} format={self.format!r} {state}>"


def start(
    path: "str | os.PathLike[str]",
    *,
    format: str = DEFAULT_FORMAT,
    start_on_enter: "str | os.PathLike[str] | None" = None,
    policy: "Mapping[str, Any] | None" = None,
    apply_env_policy: bool = True,
    **limits: "Any",
) -> TraceSession:
    """Begins recording every thread of this process into the folder `path`, which is made when it does not exist.

    Limits: max_depth, max_attr_depth, max_items, max_string, export_nodes, export_depth, export_string (whole numbers),
    include_stdlib, include_exec, redaction (on by default), verify_capture (booleans), globals ("none" or "referenced"). Periods: start_at, stop_at (a text or a list of texts), start_paused,
    when_raises (booleans), max_steps, max_seconds, max_size, last; of dump(): max_dumps. They mean what the command line's options mean; of when_raises: the trace is kept only if
    an exception left the with-block, stop() got an exit code other than 0, or the program ends by an exception.

    start_on_enter: recording waits until code of this file begins, and ends with it. policy: as for configure_policy(), for this recording;
    apply_env_policy=False: the environment's settings do not count.

    All errors are RecorderErrors: also RuntimeErrors when a recording is active, ValueErrors when `path` is a file or a format or limit is not possible.
    Under the policy `disable` an EnvironmentError is said on standard error, and the program runs on without a recording.
    """
    values = effective_policy(policy, apply_env_policy)
    try:
        return _start(path, format, start_on_enter, values, limits)
    except errors.RecorderError as error:
        if isinstance(error, errors.EnvironmentError) and runs_anyway(values):
            report_error(error, values)
            return TraceSession(os.fsdecode(path), export.canonical(format), None)
        if values is not None:
            from . import reporting

            reporting.error(values, error)
        raise


def effective_policy(policy: "Mapping[str, Any] | None" = None, apply_env_policy: bool = True) -> "dict[str, Any] | None":
    """For whoever starts a recording. None: nobody has said anything, and the module that knows policies is not needed."""
    said = policy is not None or f"{__package__}.policy" in sys.modules
    if not said and not (apply_env_policy and any(name.startswith("CODETRACER_") for name in os.environ)):
        return None
    from . import policy as policies

    values = policies.effective(policy, apply_env_policy=apply_env_policy)
    if apply_env_policy:
        warn_once(policies.ignored_variables(os.environ), values)
    return values


def _start(
    path: "str | os.PathLike[str]",
    format: str,
    start_on_enter: "str | os.PathLike[str] | None",
    policy: "dict[str, Any] | None",
    limits: "dict[str, Any]",
) -> TraceSession:
    name = os.fsdecode(path)
    chosen = export.canonical(format)
    if start_on_enter is not None:
        limits["activation_path"] = os.fsdecode(start_on_enter)
    recording = Recording(name, chosen, stem_of_program(), checked_limits(limits), policy=policy)

    _register_at_exit()
    arguments = [item for item in getattr(sys, "argv", []) if isinstance(item, str)]
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    recording.begin(
        arguments[1:],
        program=arguments[0] if arguments else "<unknown>",
        script=os.path.abspath(script) if isinstance(script, str) else None,
    )
    return TraceSession(name, chosen, recording)


def stop(*, exit_code: int | None = None) -> None:
    """Ends the active recording and puts its trace in place. Does nothing when there is none."""
    recording = current_here()
    if recording is not None:
        _finish(recording, exit_code)


def flush() -> None:
    """Everything recorded so far is on its way to the disk. Does nothing when there is no recording."""
    recording = current_here()
    if recording is not None:
        recording.flush()


def dump(path: "str | os.PathLike[str] | None" = None) -> str | None:
    """Writes what is recorded so far as a complete trace, while the recording goes on: into the folder `path`, or into a new one within the output folder
    (`dump-1`, `dump-2` …), of which the last `max_dumps` stay. The trace is what a recording would be that ended here; of one with `last` it is the end up to here. Where it is; None when
    there is no recording."""
    recording = current_here()
    if recording is None:
        return None
    try:
        return recording.dump(None if path is None else os.fsdecode(path))
    except errors.RecorderError as error:
        if not recording.fails_quietly:
            raise
        report_error(error, recording.policy)
        return None


def is_tracing() -> bool:
    """Whether this process is being recorded."""
    return _native.is_tracing()


class trace:
    """`with trace("trace-out"): …` records the block. Options are those of start()."""

    __slots__ = ("_path", "_options", "_session")

    def __init__(self, path: "str | os.PathLike[str]", **options: "Any") -> None:
        self._path = path
        self._options = options
        self._session: TraceSession | None = None

    def __enter__(self) -> TraceSession:
        self._session = start(self._path, **self._options)
        return self._session

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, traceback: "TracebackType | None"
    ) -> "Literal[False]":
        session, self._session = self._session, None
        if session is not None:
            session.__exit__(kind, error, traceback)
        return False


def _finish(recording: Recording, exit_code: int | None) -> None:
    try:
        recording.finish(exit_code)
    except errors.RecorderError as error:
        if recording.fails_quietly:
            report_error(error, recording.policy)
            return
        if recording.policy is not None:
            from . import reporting

            reporting.error(recording.policy, error)
        raise
    except KeyboardInterrupt as error:
        error.add_note(f"The recording is complete and kept: {errors.recover_command(recording.folder.shown)}")
        raise


_registered = False


def _register_at_exit() -> None:
    """Once in a process: the earlier it is registered, the later it runs, and the more of the end is recorded."""
    global _registered
    if not _registered:
        import atexit

        atexit.register(_at_exit)
        _registered = True


def _at_exit() -> None:
    """The program ends, and nobody stopped the recording that it started; or another thread is about to: a daemon thread, as servers have, would end in the middle."""
    for ending, ended in list(_ending):
        if ending.process == os.getpid():
            try:
                with ended:
                    pass
            except KeyboardInterrupt:
                report(f"interrupted while writing the trace; the recording is complete and kept: {errors.recover_command(ending.folder.shown)}")
    recording = current_here()
    if recording is None or recording.is_command_line:
        return
    try:
        recording.finish()
    except Exception as error:
        report_error(error if isinstance(error, errors.RecorderError) else internal(error, recording), recording.policy)
    except KeyboardInterrupt:
        report(f"interrupted while writing the trace; the recording is complete and kept: {errors.recover_command(recording.folder.shown)}")


def internal(error: BaseException, recording: Recording) -> errors.InternalError:
    return errors.InternalError(
        "ERR_UNKNOWN",
        f"internal error while writing the trace ({type(error).__name__}: {error}); the recording is kept: "
        f"{errors.recover_command(recording.folder.shown)}",
        folder=recording.folder.shown,
    )


def report_error(error: errors.RecorderError, policy: "dict[str, Any] | None") -> None:
    """Where the policy wants it, or in plain words."""
    if policy is not None:
        from . import reporting

        if reporting.error(policy, error):
            return
    report(error.message)


_told: set[str] = set()


def report_once(message: str) -> None:
    if message not in _told:
        _told.add(message)
        report(message)


_warned = False


def warn_once(message: str, policy: "dict[str, Any]") -> None:
    global _warned
    if message and not _warned:
        _warned = True
        from . import reporting

        if not reporting.log(policy, "warn", message):
            report(message)


# ---- CODETRACER_TRACE ----

_automatic: Recording | None = None


def start_from_environment(path: str) -> None:
    """At the import of the package. Whatever goes wrong is said, and the program runs on."""
    global _automatic
    if current_here() is not None or _native.is_tracing() or _native.recorded_elsewhere():
        return
    values = None
    try:
        values = effective_policy()
        if is_disabled(os.environ):
            return
        _start(path, os.environ.get("CODETRACER_FORMAT") or DEFAULT_FORMAT, None, values, {})
        _automatic = current
    except errors.RecorderError as error:
        report_error(error, values)


def forget_automatic() -> None:
    """The command line records: what began with the import of its own package is nothing that anybody wanted."""
    global _automatic
    if _automatic is not None and _automatic is current:
        _automatic.unwanted = True
        _automatic.finish()
    _automatic = None


def is_disabled(environment: "Mapping[str, str]") -> bool:
    text = environment.get("CODETRACER_PYTHON_RECORDER_DISABLED", "")
    if not text.strip():
        return False
    from . import policy

    return policy.boolean("CODETRACER_PYTHON_RECORDER_DISABLED", text)


def report(message: str) -> None:
    say(f"codetracer: {message}")


def say(line: str) -> None:
    """One line on the stderr that the process began with, whatever the program has made of sys.stderr since. Nothing when
    descriptor 2 is another file now: the program's own, perhaps."""
    try:
        if _stderr is not None and _stderr == _identity(2):
            os.write(2, f"{line}\n".encode("utf-8", "surrogateescape"))
    except (OSError, UnicodeError):
        pass


def _identity(descriptor: int) -> "tuple[int, int, int] | None":
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino, getattr(status, "st_rdev", 0)


_stderr = _identity(2)
