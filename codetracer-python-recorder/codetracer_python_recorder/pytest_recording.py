"""What `pytest --codetracer` does: a recording around each test, or one around the session.

A test's recording lasts from before its setup to after its teardown. It must not change what the tests do: whatever goes wrong with a recording is told
at the end of the run, and the tests go on. Only pytest's status says it, too, unless the policy is `disable`: who asked for traces is not to find none. With pytest-xdist the workers record, and hand to the controller what is to be told.
"""

import hashlib
import os
import re

import pytest

from . import _native, errors, export, session, spans
from .pytest_plugin import DEFAULT_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

KEPT_OF_FAILED = ("failed", "error", "interrupted")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.,=+@\[\]-]")
LONGEST_NAME = 100
STATUS_OF_FAILURE = 1  # as of the command line


def configure(config: pytest.Config) -> None:
    try:
        format = export.canonical(session.DEFAULT_FORMAT if config.option.codetracer_format is None else config.option.codetracer_format)
    except ValueError as error:
        raise pytest.UsageError(f"--codetracer-format: {errors.sentence(error)}") from None
    if config.option.codetracer is None:
        config.option.codetracer = DEFAULT_FOLDER
    if not config.option.codetracer:
        raise pytest.UsageError("--codetracer= needs the name of a folder")
    if _native.is_tracing():
        raise pytest.UsageError("pytest is being recorded already; leave out either --codetracer or codetracer-record")
    shown = config.option.codetracer
    config.option.codetracer = os.path.join(config.invocation_params.dir, shown)  # workers may run elsewhere
    config.pluginmanager.register(Plugin(config, shown, format), "codetracer-recording")


def folder_of(node: str) -> str:
    """The folder for a test, below the one for all: a level for each part of its node id, `tests/test_pay.py/TestCard/test_refund[eur]`. Different
    node ids have different folders: a part that had to be changed ends with a hash of what it was."""
    path, colons, rest = node.partition("::")
    parts = path.split("/")
    # Behind the path, a bracket begins parameters, in which colons and slashes are text.
    names, bracket, parameters = rest.partition("[")
    parts += names.split("::") if colons else []
    if bracket:
        parts[-1] += bracket + parameters
    return os.path.join(*map(_safe, parts))


def _safe(part: str) -> str:
    name = _UNSAFE.sub("_", part) or "_"
    if name[0] in ".-":
        name = "_" + name[1:]
    name = name[:LONGEST_NAME]
    return name if name == part else f"{name}-{hashlib.sha256(part.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


class Plugin:
    def __init__(self, config: pytest.Config, shown: str, format: str) -> None:
        self.config = config
        self.root: str = config.option.codetracer
        self.shown = shown
        self.format = format
        self.per_test = config.option.codetracer_per != "session"
        self.failed_only = bool(config.option.codetracer_failed_only)
        self.worker: str | None = getattr(config, "workerinput", {}).get("workerid")
        # Every worker runs all tests; a worker's own options do not tell.
        self.each: bool = getattr(config, "workerinput", {}).get("codetracer_each", getattr(config.option, "dist", "no") == "each")
        # The controller of pytest-xdist runs no test.
        self.runs_tests = self.worker is not None or getattr(config.option, "dist", "no") == "no"
        self.recording: session.Recording | None = None
        self.path = ""  # of the recording that runs
        self.outcome: str | None = None
        self.failed_before = False  # and was run again: pytest-rerunfailures
        self.durations: dict[str, float] = {}  # by phase
        self.written = 0
        self.problems: list[str] = []
        self.failing = False  # one of them counts for pytest's status
        self.failing_tests: set[str] = set()  # node ids
        self.failed: dict[str, str] = {}  # trace: its node id, where there is a trace
        self.crashed: dict[str, str] = {}  # trace: node id, of workers that ended, in the controller
        self.seen: dict[object, set[str]] = {}  # folders of the tests that a worker has told of, in the controller
        self.sessions: list[str] = []  # the traces of whole sessions: one, or one for each worker

    # ---- recordings ----

    def begin(self, path: str, stem: str, arguments: list[str], script: str | None, meta: "list[tuple[str, str]]") -> None:
        policy = None
        try:
            policy = session.effective_policy()
            recording = session.Recording(path, self.format, stem, session.Limits({}), policy=policy)
            recording.begin(arguments, program="pytest", script=script, framework="pytest", meta=meta)
        except (errors.RecorderError, ValueError, RuntimeError) as error:
            self.problem(f"{' '.join(arguments)}: not recorded: {errors.sentence(error)}", policy)
            return
        self.recording, self.path = recording, path

    def end(self, keep: bool) -> None:
        if self.recording is None:
            return
        unwanted = not keep or self.is_empty()
        recording, self.recording = self.recording, None
        recording.unwanted = unwanted
        try:
            result = recording.finish()
        except errors.RecorderError as error:
            self.problem(error.message, recording.policy)
        else:
            self.written += result is not None and result.path is not None

    def is_empty(self) -> bool:
        """No line ran so far, as of a test that is skipped by a mark."""
        position = _native.position()
        return position is not None and position[0] == 0

    def problem(self, sentence: str, policy: "dict[str, Any] | None") -> None:
        self.problems.append(sentence)
        self.failing = self.failing or not session.runs_anyway(policy)

    # ---- one for each test ----

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> "Generator[None, Any, None]":
        self.outcome, self.durations, self.failed_before = None, {}, False
        if not self.per_test:
            span = spans.Span("span_test", item.nodeid, "test")
            yield
            outcome = self.outcome or "interrupted"
            span.finish(
                "error" if outcome in KEPT_OF_FAILED else "ok", {"test.outcome": outcome, "test.duration": f"{sum(self.durations.values()):.6f}"}
            )
            return
        folder = self.folder(item.nodeid, self.worker)
        path = getattr(item, "path", None)
        self.begin(
            os.path.join(self.root, folder), os.path.basename(folder), [item.nodeid], str(path) if path else None, [("test.id", item.nodeid)]
        )
        yield
        outcome = self.outcome or "interrupted"
        if self.recording is not None:
            _native.define_meta("test.outcome", outcome)
            _native.define_meta("test.duration", f"{sum(self.durations.values()):.6f}")
            self.end(not self.failed_only or outcome in KEPT_OF_FAILED or self.failed_before)

    def folder(self, node: str, worker: str | None) -> str:
        """Below the root."""
        folder = folder_of(node)
        return os.path.join(worker, folder) if worker is not None and self.each else folder

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self) -> "Generator[None, Any, None]":
        result = yield
        if self.recording is None or (self.per_test and self.is_empty()):  # of a test without a line there is no trace to name
            return
        report: Any = result.get_result()
        report.codetracer = self.path
        if report.failed and self.per_test:
            report.sections.append(("codetracer", f"codetracer-trace print {self.shown_path(self.path)}"))

    # What pytest tells of its progress meanwhile is not the test's output.

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> "Generator[None, Any, None]":
        yield from self.telling()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> "Generator[None, Any, None]":
        yield from self.telling()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> "Generator[None, Any, None]":
        self.note(report)
        yield from self.telling()

    def telling(self) -> "Generator[None, Any, None]":
        if self.per_test:
            _native.mute(True)
        yield
        if self.per_test:
            _native.mute(False)

    def note(self, report: pytest.TestReport) -> None:
        worker: Any = getattr(report, "node", None)
        if worker is not None:  # in pytest-xdist's controller
            if str(report.when) == "???":  # the word of pytest-xdist for a test whose worker ended
                path = os.path.join(self.root, self.folder(report.nodeid, worker.gateway.id) if self.per_test else worker.gateway.id)
                if os.path.isdir(path):
                    self.crashed[path] = report.nodeid
            elif self.per_test and hasattr(report, "codetracer"):
                self.seen.setdefault(worker, set()).add(report.codetracer)
        if self.worker is None and self.per_test:
            if report.failed:
                self.failing_tests.add(report.nodeid)
            if hasattr(report, "codetracer") and report.nodeid in self.failing_tests:
                self.failed[report.codetracer] = report.nodeid
        if report.when == "setup":  # again, when a test is run again
            self.outcome, self.durations = None, {}
        self.durations[str(report.when)] = report.duration  # subtests tell first, the whole call is told last
        self.failed_before |= str(report.outcome) == "rerun"  # an outcome that pytest itself does not know
        if report.failed:
            self.outcome = "failed" if report.when == "call" else "error"
        elif self.outcome in KEPT_OF_FAILED:
            pass  # a test whose subtest failed passes, with unittest
        elif hasattr(report, "wasxfail") and self.outcome is None:
            self.outcome = "xfailed" if report.skipped else "xpassed"
        elif report.skipped:
            self.outcome = "skipped"
        elif report.when == "call":
            self.outcome = "passed"

    # ---- one for the session ----

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        if not self.per_test and self.runs_tests:
            path = os.path.join(self.root, self.worker) if self.worker else self.root
            self.begin(path, "pytest", [str(argument) for argument in self.config.invocation_params.args], None, [])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.per_test:
            before = self.written
            self.end(not self.failed_only or session.testsfailed > 0)
            self.sessions += [self.path] * (self.written - before)
        if self.worker is not None:
            self.config.workeroutput["codetracer"] = (self.written, self.problems, self.failing)  # type: ignore[attr-defined]
        elif self.failing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = STATUS_OF_FAILURE

    # ---- what is told ----

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: "Any") -> None:
        node.workerinput["codetracer_each"] = self.each

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: "Any") -> None:
        """What a worker has to tell; of one that has crashed, what is there."""
        there = sum(os.path.isdir(path) and any(name[0] != "." for name in os.listdir(path)) for path in self.seen.get(node, ()))
        written, problems, failing = getattr(node, "workeroutput", {}).get("codetracer", (there, [], False))
        self.written += written
        self.sessions += [] if self.per_test else [os.path.join(self.root, node.gateway.id)] * written
        self.problems += problems
        self.failing = self.failing or failing

    def pytest_terminal_summary(self, terminalreporter: "Any") -> None:
        terminalreporter.section("codetracer")
        terminalreporter.line(f"{self.written} trace{'' if self.written == 1 else 's'} in {self.shown}")
        for path in self.sessions:
            terminalreporter.line(f"codetracer-trace print {self.shown_path(path)}")
        for path, node in self.failed.items():
            terminalreporter.line(f"{node}: codetracer-trace print {self.shown_path(path)}")
        for path, node in self.crashed.items():
            terminalreporter.line(f"{node}: its process ended; what was seen until then: codetracer-trace recover {self.shown_path(path)}")
        alike: dict[str, list[str]] = {}  # a filter with a mistake is one for every test
        for problem in self.problems:
            alike.setdefault(problem.rpartition(": not recorded: ")[2], []).append(problem)
        for first, *others in alike.values():
            more = f" ({len(others)} more test{'' if len(others) == 1 else 's'} likewise)" if others else ""
            terminalreporter.line(first + more, red=True)
        if self.failing:
            terminalreporter.line("tests were not recorded as asked, so the exit status is not 0 (CODETRACER_ON_RECORDER_ERROR=disable: as without recording)", red=True)

    def shown_path(self, path: str) -> str:
        """A trace's folder to be typed into a shell."""
        import shlex

        return shlex.quote(os.path.normpath(os.path.join(self.shown, os.path.relpath(path, self.root))))
