"""The command line: `codetracer-record`, `codetracer-python-recorder`, `python -m codetracer_python_recorder`.

They differ in one thing: the first ends as the program did, the others end with 0 when recording worked, unless told otherwise.
The course of things: read the options, load the program, make the output folder, register the end, start recording, run. Nothing is
printed in between. The end (close()) is an atexit function that was registered before the program ran, so it runs after all
of the program's own, and after its threads.

Python has no way to change the exit status from an atexit function, and the status must be known before: so it is the program's
(or 0), and only when the trace then cannot be finished does close() flush and end the process itself, by os._exit.
"""

import _signal  # type: ignore[import-not-found]  # now: at the end the program may have emptied sys.modules
import os
import sys

from . import errors, export, periods, run, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

HELP = """\
Record every line, local, call and value of a Python program.

  {name} prog.py args...                record prog.py into ./trace-out
  {name} -o DIR prog.py                 record into DIR
  {name} -m package.module args...      record what `python -m` would run
  {name} -c 'print(1 + 1)'              record a piece of code
  {name} --pytest args...               record a run of pytest, without pytest's own lines
  {name} --unittest args...             the same of unittest
  {name} --format=json prog.py          another format
  {reader}read a trace

What stands behind the program's name belongs to the program.

Where the trace goes:
  -o, --out-dir DIR         folder of the trace; an earlier trace in it is replaced, nothing else in it is touched
                            (default: $CODETRACER_PYTHON_RECORDER_OUT_DIR, else ./trace-out)
  --format FORMAT           (or --codetracer-format)
                            ct: one file, for CodeTracer (default)
                            ct-single, ct-multi: plain containers, for other readers
                            json: trace.json with its companions
                            binary: trace.bin, the same in less space
                            binary-v0: trace.bin as release 0.3.0 wrote it; short traces only
                            journal: the recorder's own format, the quickest to finish

What is recorded:
  --trace-filter FILE       rules on what is recorded of which code, in TOML; FILE::FILE for several
                            (after the nearest .codetracer/trace-filter.toml and those of $CODETRACER_TRACE_FILTER)
  --no-framework-filters    with --pytest and --unittest: the framework's own lines, too
  --include-stdlib          the standard library's lines, too
  --include-exec            code made by exec and eval, too, with its source
  --globals=referenced      for each line of a function also the globals that it refers to;
                            codetracer-trace shows them, CodeTracer has no place for them (default: none)
  --no-redaction            passwords, keys and other secrets, too, which are hidden otherwise
  --io-capture MODE         what it writes to its text streams: proxies (default); also what C code and child
                            processes write: proxies+fd; or off
  --no-module-name-from-globals
                            modules are named after their files; --module-name-from-globals: by __name__ (default)
  --max-depth N             containers inside containers (6)
  --max-attr-depth N        attributes of attributes (3)
  --max-items N             items of a container (10000)
  --max-string BYTES        of a string (1048576)
  --verify-capture          look at every value at every line, instead of where memory has changed: slow;
                            the closing line says whether the quick way had missed anything

Which part of the run is recorded (what is left out is marked; the program runs at its own speed meanwhile):
  --start-at POINT          from here on; POINT is FILE:LINE or FUNCTION, as app.py:120 or Account.withdraw
  --stop-at POINT           up to here, and on from the next --start-at; both may be given several times
  --activation-path FILE    begin when code of this file begins, and end with it
  --max-steps N             at most N lines
  --max-seconds S           at most so long
  --max-size SIZE           until the recording takes 50MB, 2GB …
  --last N|SIZE             keep only the end: at least the last N lines, or about 50MB; the disk holds no more
  --when-raises             keep the trace only if the program fails
  --start-paused            begin when the program calls resume(), or by the signal
  --toggle-signal NAME      this signal, as SIGUSR2, pauses the recording and goes on
  --dump-signal NAME        this signal writes a trace of what is there into DIR/dump-1, dump-2 …; the recording goes on
  --max-dumps N             of these, only the last N are kept (10)

How much of it the formats but journal repeat at each line:
  --export-nodes N          scalars, containers and objects in a variable (1000)
  --export-depth N[,M]      containers inside containers, and attributes of attributes (6,2; 6,0: objects without any)
  --export-string BYTES     of a string (16384)

How it ends:
  --propagate-script-exit     exit status: the program's{propagates}
  --no-propagate-script-exit  exit status: 0 when recording worked{does_not}
                              ($CODETRACER_PROPAGATE_SCRIPT_EXIT decides when neither is given)
  --on-recorder-error abort   when recording fails, it ends, what was seen is kept, the program runs on; status 1
                              (default)
  --on-recorder-error disable
                              the same, with the program's status
  --require-trace             status 1 when no line was recorded
  --keep-partial-trace        when recording fails, make a trace of what was seen
  --json-errors               errors as a line of JSON
  --log-level LEVEL           off, error, warn, info, debug, trace: log lines in JSON on standard error
  --log-file FILE             or here
  -q, --quiet                 do not say at the end where the trace is
  --autoformat, --no-autoformat
                              whether ct and ct-multi keep formatted views of minified sources, by black (yes)
  --omniscient-db MODE        known from earlier versions, without effect
  -V, --version               print the version
  -h, --help                  print this
"""

# Options with a value. The rest of the table: switches, and what they set.
VALUES = {
    "--out-dir": "out_dir",
    "-o": "out_dir",
    "--codetracer-format": "format",
    "--format": "format",
    "--max-depth": "max_depth",
    "--max-attr-depth": "max_attr_depth",
    "--max-items": "max_items",
    "--max-string": "max_string",
    "--export-nodes": "export_nodes",
    "--export-depth": "export_depth",
    "--export-string": "export_string",
    "--globals": "globals",
    "--start-at": "start_at",
    "--stop-at": "stop_at",
    "--max-steps": "max_steps",
    "--max-seconds": "max_seconds",
    "--max-size": "max_size",
    "--last": "last",
    "--max-dumps": "max_dumps",
    "--toggle-signal": "toggle_signal",
    "--dump-signal": "dump_signal",
    "--activation-path": "activation_path",
    "--on-recorder-error": "on_recorder_error",
    "--log-level": "log_level",
    "--log-file": "log_file",
    "--io-capture": "io_capture",
    "--omniscient-db": "omniscient_db",
    "--trace-filter": "trace_filter",
}
# These may be given more than once.
LISTS = ("start_at", "stop_at", "trace_filter")
# Read by what takes them.
TEXTS = ("start_at", "stop_at", "max_size", "last", "activation_path", "trace_filter")
SIGNALS = {"toggle_signal": periods.toggle, "dump_signal": periods.dump}
# What policy.py knows.
POLICIES = ("on_recorder_error", "log_level", "log_file", "require_trace", "keep_partial_trace", "json_errors", "module_name_from_globals")
# 0.3.0's users and HEAD's may give these; they change nothing.
WITHOUT_EFFECT = ("omniscient_db",)
DEFAULT_THRESHOLD = 500
OMNISCIENT_DB = ("off", "on", "lazy", "pre-prepared")
SWITCHES: dict[str, tuple[str, object]] = {
    "--include-stdlib": ("include_stdlib", True),
    "--include-exec": ("include_exec", True),
    "--no-redaction": ("redaction", False),
    "--verify-capture": ("verify_capture", True),
    "--start-paused": ("start_paused", True),
    "--when-raises": ("when_raises", True),
    "--quiet": ("quiet", True),
    "-q": ("quiet", True),
    "--propagate-script-exit": ("propagate", True),
    "--no-propagate-script-exit": ("propagate", False),
    "--require-trace": ("require_trace", True),
    "--keep-partial-trace": ("keep_partial_trace", True),
    "--json-errors": ("json_errors", True),
    "--module-name-from-globals": ("module_name_from_globals", True),
    "--no-module-name-from-globals": ("module_name_from_globals", False),
    "--autoformat": ("autoformat", True),
    "--no-autoformat": ("autoformat", False),
    "--no-framework-filters": ("framework_filters", False),
}
FRAMEWORKS = ("--pytest", "--unittest")
DEFAULT_FOLDER = "trace-out"


class Options:
    """A command line, read. `kind` is run.SCRIPT, run.MODULE or run.COMMAND; with `show`, only that text is to be printed."""

    __slots__ = ("kind", "target", "arguments", "framework", "out_dir", "format", "limits", "quiet", "propagate", "policy", "autoformat", "signals", "show")

    def __init__(self, name: str, arguments: list[str], environment: "Mapping[str, str]", propagate: bool) -> None:
        """UsageError when the line is wrong."""
        self.show: str | None = None
        self.kind = self.target = ""
        self.framework: str | None = None
        self.arguments: list[str] = []
        given: dict[str, object] = {}
        at = 0
        while at < len(arguments):
            argument = arguments[at]
            at += 1
            if argument == "--":
                if at == len(arguments):
                    break
                self.kind, self.target, self.arguments = run.SCRIPT, arguments[at], arguments[at + 1 :]
                break
            if argument == "-" or not argument.startswith("-"):
                self.kind, self.target, self.arguments = run.SCRIPT, argument, arguments[at:]
                break
            if argument[:2] in (run.MODULE, run.COMMAND) and not argument.startswith("--"):
                value = argument[2:]
                if not value:
                    if at == len(arguments):
                        what = "a module's name" if argument == run.MODULE else "a piece of code"
                        raise _usage(f"{argument} needs {what} behind it")
                    value = arguments[at]
                    at += 1
                self.kind, self.target, self.arguments = argument[:2], value, arguments[at:]
                break
            if argument in FRAMEWORKS:
                self.framework = argument[2:]
                self.kind, self.target, self.arguments = run.MODULE, self.framework, arguments[at:]
                break
            if argument in ("-h", "--help"):
                self.show = HELP.format(
                    name=name, reader="codetracer-trace print trace-out".ljust(len(name) + 32), propagates=" (default)" if propagate else "", does_not="" if propagate else " (default)"
                )
                return
            if argument in ("-V", "--version"):
                from ._native import version

                self.show = f"codetracer-python-recorder {version}\n"
                return
            if argument in SWITCHES:
                key, value_of_switch = SWITCHES[argument]
                given[key] = value_of_switch
                continue
            option, equals, value = argument.partition("=")
            if argument.startswith("-o") and len(argument) > 2 and not argument.startswith("--"):
                option, equals, value = "-o", "=", argument[2:].removeprefix("=")
            if option not in VALUES:
                if option in SWITCHES:
                    raise _usage(f"{option} takes no value")
                raise _usage(f"there is no option {option!r}; see --help. If it is the program's, write it behind the program's name")
            if not equals:
                if at == len(arguments):
                    raise _usage(f"{option} needs a value behind it")
                value = arguments[at]
                at += 1
            key, read = VALUES[option], _value(option, VALUES[option], value)
            if key in LISTS:
                given.setdefault(key, []).append(read)  # type: ignore[attr-defined]
            else:
                given[key] = read
        if not self.kind:
            raise errors.UsageError("ERR_MISSING_POSITIONAL_ARG", "name the program to record: a script, -m MODULE or -c CODE; see --help")

        self.out_dir = str(given.pop("out_dir", "") or environment.get("CODETRACER_PYTHON_RECORDER_OUT_DIR", "") or DEFAULT_FOLDER)
        self.format = str(given.pop("format", "") or _value("CODETRACER_FORMAT", "format", environment.get("CODETRACER_FORMAT") or session.DEFAULT_FORMAT))
        self.quiet = bool(given.pop("quiet", False))
        self.framework = self.framework if given.pop("framework_filters", True) else None
        self.autoformat = _autoformat(bool(given.pop("autoformat", True)), environment)
        self.signals = [(given.pop(key), handler) for key, handler in SIGNALS.items() if key in given]
        if len({number for number, _ in self.signals}) < len(self.signals):
            raise _usage("--toggle-signal and --dump-signal need two signals, not one for both")
        chosen = given.pop("propagate", None)
        for name in WITHOUT_EFFECT:
            given.pop(name, None)
        self.policy = _policy(given, environment)
        if chosen is None and environment.get("CODETRACER_PROPAGATE_SCRIPT_EXIT", "").strip():
            assert self.policy is not None
            chosen = self.policy["propagate_script_exit"]
        self.propagate = bool(propagate if chosen is None else chosen)
        if self.policy is not None:
            self.policy["propagate_script_exit"] = self.propagate
        try:
            self.limits = session.Limits(given)
        except errors.RecorderError:
            raise
        except (TypeError, ValueError) as error:
            name, _, rest = errors.sentence(error).partition(" ")
            raise _usage(f"--{name.replace('_', '-')} {rest}") from None


def _autoformat(wanted: bool, environment: "Mapping[str, str]") -> int:
    """From how many bytes a line, on the average, a source is minified; 0: no view of it is wanted."""
    if not wanted or environment.get("CT_AUTOFORMAT", "").strip().lower() in ("0", "off", "false", "no"):
        return 0
    text = environment.get("CT_AUTOFORMAT_THRESHOLD", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 62 else DEFAULT_THRESHOLD


def _value(option: str, key: str, text: str) -> object:
    if key == "out_dir":
        if not text:
            raise _usage(f"{option} needs the name of a folder")
        return text
    if key == "format":
        try:
            return export.canonical(text)
        except ValueError as error:
            raise errors.UsageError("ERR_UNSUPPORTED_FORMAT", f"{option}: {errors.sentence(error)}", format=text) from None
    if key in TEXTS:
        if not text and key == "activation_path":
            raise _usage(f"{option} needs the name of a file")
        return text
    if key in ("on_recorder_error", "log_level", "log_file", "io_capture"):
        from . import policy

        readers = {"on_recorder_error": policy.on_error, "log_level": policy.log_level, "log_file": policy.log_file, "io_capture": policy.capture}
        return readers[key](option, text)
    if key == "omniscient_db":
        if text not in OMNISCIENT_DB:
            raise _usage(f"{option} is one of {', '.join(OMNISCIENT_DB)}, not {text!r}")
        return text
    if key == "max_seconds" or key in SIGNALS:
        try:
            return float(text) if key == "max_seconds" else periods.signal_number(key, text)
        except ValueError:
            what = "a number of seconds" if key == "max_seconds" else "the name of a signal that can be handled, as SIGUSR2"
            raise _usage(f"{option} needs {what}, not {text!r}") from None
    if key == "globals":
        if text not in session.GLOBALS:
            raise _usage(f"{option} is one of {', '.join(session.GLOBALS)}, not {text!r}")
        return text
    try:
        numbers = tuple(int(part) for part in text.split(",")) if key == "export_depth" else (int(text),)
        if len(numbers) > 2:
            raise ValueError
    except ValueError:
        raise _usage(f"{option} needs a whole number{', or two as 6,2' if key == 'export_depth' else ''}, not {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers


def _policy(given: "dict[str, object]", environment: "Mapping[str, str]") -> "dict[str, Any] | None":
    """Takes what is policy out of `given`. None: the defaults, and nothing need be loaded."""
    chosen = {name: given.pop(name) for name in POLICIES if name in given}
    chosen.update(given.pop("io_capture", {}))  # type: ignore[call-overload]
    if not chosen and not any(name.startswith("CODETRACER_") for name in environment):
        return None
    from . import policy

    return {**policy.DEFAULTS, **policy.of_environment(environment), **policy.explicit(chosen)}


def _usage(message: str) -> errors.UsageError:
    return errors.UsageError("ERR_USAGE", message)


def main_record() -> int:
    """The console script `codetracer-record`."""
    return _main("codetracer-record", True)


def main_module() -> int:
    """`python -m codetracer_python_recorder` and the console script `codetracer-python-recorder`."""
    called = getattr(sys.modules.get("__main__"), "__spec__", None)
    return _main("python -m codetracer_python_recorder" if called else "codetracer-python-recorder", False)


def _main(name: str, propagate: bool) -> int:
    """The exit status; or raises what the program raised, for the interpreter to end as it always does."""
    session.forget_automatic()
    try:
        options = Options(name, sys.argv[1:], os.environ, propagate)
        disabled = session.is_disabled(os.environ)
    except errors.RecorderError as error:
        return _refuse(name, error, _early_policy(sys.argv[1:], os.environ))
    if options.show is not None:
        sys.stdout.write(options.show)
        return 0
    if not sys.flags.safe_path and sys.path:
        del sys.path[0]  # ours: the folder of the console script, or of `python -m`
    try:
        if options.kind == run.SCRIPT:
            program = run.load_script(options.target)
        elif options.kind == run.MODULE:
            program = run.load_module(options.target)
        else:
            program = run.load_command(options.target)
        if disabled:
            return _run_unrecorded(options, program)
        if options.policy is not None:
            from . import policy

            session.warn_once(policy.ignored_variables(os.environ), options.policy)
        recording = session.Recording(
            options.out_dir, options.format, program.name, options.limits, policy=options.policy, is_command_line=True, autoformat=options.autoformat
        )
    except errors.EnvironmentError as error:
        if not session.runs_anyway(options.policy):
            return _refuse(name, error, options.policy)
        session.report_error(error, options.policy)
        return _run_unrecorded(options, program)
    except errors.RecorderError as error:
        return _refuse(name, error, options.policy)
    except SyntaxError:
        run.hide_our_frames(False)
        raise
    return _record(name, options, program, recording)


def _run_unrecorded(options: Options, program: run.Program) -> int:
    try:
        program.run(options.arguments, lambda frames: None)
    except BaseException:
        run.hide_our_frames(program.kind == run.SCRIPT)
        raise
    return 0


def _record(name: str, options: Options, program: run.Program, recording: session.Recording) -> int:
    import atexit

    ending = Ending()
    atexit.register(close, options, recording, ending)
    launcher = getattr(sys.modules.get("__main__"), "__file__", None)
    is_script = program.kind == run.SCRIPT
    code = program.code if program.kind == run.COMMAND else None
    shown = program.script or options.target if program.kind == run.MODULE else program.argv0

    def begin(frames: int) -> None:
        for number, handler in options.signals:
            _signal.signal(number, handler)
        try:
            recording.begin(
                options.arguments, program=shown, script=program.script, code=code, source=program.source, hidden_frames=frames,
                framework=options.framework, launcher=launcher, is_module=program.kind == run.MODULE,
            )  # fmt: skip
        except errors.EnvironmentError as error:
            if not session.runs_anyway(options.policy):
                raise
            session.report_error(error, options.policy)
            ending.unrecorded = True

    try:
        program.run(options.arguments, begin)
    except BaseException as error:
        if ending.unrecorded:
            run.hide_our_frames(is_script)
            raise
        if recording.state == session.NEW:
            recording.discard()
            if not isinstance(error, errors.RecorderError):
                raise
            return _refuse(name, error, options.policy)
        ending.set(error)
        recording.program_failed = ending.status != 0
        if run.program_did_not_start(error):
            recording.unwanted = True
        elif ending.status and ending.signal is None and not options.propagate and recording.is_here():  # not in a forked child
            ending.status = ending.hidden_status = run.print_uncaught(error, is_script)
            return 0
        run.hide_our_frames(is_script)
        raise
    ending.status = 0
    return 0


class Ending:
    """How the program ended: an exit status, or death by a signal."""

    __slots__ = ("status", "signal", "error", "hidden_status", "unrecorded")

    def __init__(self) -> None:
        self.status: int | None = None
        self.signal: int | None = None
        self.error: str | None = None
        self.hidden_status = 0  # the program's, when ours is another
        self.unrecorded = False  # the recording could not begin, and the program runs without

    def set(self, error: BaseException) -> None:
        if type(error) is KeyboardInterrupt:
            self.signal = 2  # CPython ends the process by SIGINT
        else:
            self.status = run.status_of(error)
        if not isinstance(error, SystemExit):
            self.error = type(error).__qualname__


class Interruptions:
    """Ctrl-C and SIGTERM while the trace is written: both stop it by KeyboardInterrupt, and `number` says which it was.

    They are ours only then. A signal that the program or its parent ignores stays ignored.
    """

    def __init__(self) -> None:
        self.number = _signal.SIGINT
        self._before: list[tuple[int, object]] = []
        try:
            for number in (_signal.SIGINT, _signal.SIGTERM):
                before = _signal.getsignal(number)
                if before is not None and before != _signal.SIG_IGN:
                    _signal.signal(number, self._interrupt)
                    self._before.append((number, before))
        except ValueError:
            pass  # not in the main thread: nothing can be installed

    def _interrupt(self, number: int, frame: object) -> None:
        self.number = number
        raise KeyboardInterrupt

    def give_back(self) -> None:
        for number, before in self._before:
            _signal.signal(number, before)
        self._before.clear()


def close(options: Options, recording: session.Recording, ending: Ending) -> None:
    """The last of the process's atexit functions: ends the recording, puts the trace in place, says where it is."""
    if not recording.is_here() or recording.state == session.NEW:
        return
    run.flush_output()
    interruptions = Interruptions()
    progress = None if options.quiet else export.Progress.on_terminal()
    try:
        try:
            result = recording.finish(ending.status, ending.signal, ending.error, progress)
        finally:
            if progress is not None:
                progress.clear()
    except KeyboardInterrupt:
        session.report(
            "stopped while writing the trace; the recording is complete and kept: " + errors.recover_command(recording.folder.shown)
        )
        _leave(128 + interruptions.number)
    except Exception as error:
        session.report_error(error if isinstance(error, errors.RecorderError) else session.internal(error, recording), options.policy)
        if not recording.fails_quietly and not (options.propagate and (ending.status or ending.signal)):
            _leave(1)
    else:
        if result is None:
            pass
        elif options.quiet:
            pass
        else:
            session.report(result.sentence())
    if ending.hidden_status:
        session.say(
            f"Script exited with status {ending.hidden_status}; returning 0. Use '--propagate-script-exit' to mirror the script exit code."
        )
    interruptions.give_back()


def _leave(status: int) -> "NoReturn":
    """Ends the process with another status than the one that is already decided; what is skipped are destructors."""
    run.flush_output()
    os._exit(status)


def _early_policy(arguments: list[str], environment: "Mapping[str, str]") -> "dict[str, Any] | None":
    """Of a command line that is wrong: whether its error is wanted as JSON."""
    from . import policy

    wanted = "--json-errors" in arguments or environment.get("CODETRACER_JSON_ERRORS", "").strip().lower() in policy.TRUE
    return {**policy.DEFAULTS, "json_errors": wanted}


def _refuse(name: str, error: errors.RecorderError, policy: "dict[str, Any] | None") -> int:
    """Nothing was recorded and no program was run: why."""
    if policy is not None:
        from . import reporting

        if reporting.error(policy, error):
            return error.status
    print(f"{name}: {error.message}", file=sys.stderr)
    return error.status
