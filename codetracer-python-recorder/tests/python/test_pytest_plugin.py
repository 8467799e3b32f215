"""Tests under the recorder: `codetracer-record --pytest` and `--unittest`, and pytest's own option `--codetracer`."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import codetracer_python_recorder
import pytest
import reading
from support import frameworks

TESTS = """\
import unittest, pytest

def helper(x):
    y = x + 1
    return y

@pytest.fixture
def value():
    a = 5
    yield a
    b = 6

@pytest.fixture(scope="module")
def wide():
    w = 1
    return w

def test_good(wide):
    assert helper(1) == 2

def test_bad(value, wide):
    print("told")
    assert helper(value) == 2

@pytest.mark.skip
def test_skipped(): pass

@pytest.mark.parametrize("p", ["a", "b/c::d", "ü x"])
def test_p(p): pass

@pytest.mark.xfail
def test_expected():
    assert 0

@pytest.fixture
def broken():
    raise ValueError("no fixture")

def test_error(broken): pass

class TestGroup:
    class TestInner:
        def test_deep(self): pass

class Case(unittest.TestCase):
    def test_case(self):
        self.assertEqual(helper(2), 3)
"""
# By pytest's own words (-rA), in order.
OUTCOMES = {
    "test_it.py::test_good": "passed", "test_it.py::test_bad": "failed", "test_it.py::test_skipped": "skipped", "test_it.py::test_p[a]": "passed",
    "test_it.py::test_p[b/c::d]": "passed", "test_it.py::test_p[\\xfc x]": "passed", "test_it.py::test_expected": "xfailed", "test_it.py::test_error": "error",
    "test_it.py::TestGroup::TestInner::test_deep": "passed", "test_it.py::Case::test_case": "passed",
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """run(*arguments): pytest in a process of its own, in tmp_path."""

    def go(*arguments, files={"test_it.py": TESTS}, **variables):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return subprocess.run(
            frameworks.pytest_command(*arguments), cwd=tmp_path, env=frameworks.environment(**variables), capture_output=True, text=True, timeout=120
        )

    return go


def info(trace):
    """The metadata lines of a trace that are not everyone's."""
    told = subprocess.run([reading.trace_tool(), "info", str(trace)], capture_output=True, text=True, check=True).stdout
    return [tuple(line.split(" = ", 1)) for line in told.splitlines() if " = " in line]


def traces(folder):
    """node id: (folder, metadata) of each trace below a folder."""
    found = {}
    for place in sorted({path.parent for path in Path(folder).rglob("*.ct*")}):
        lines = dict(info(place))
        assert lines["test.id"] not in found
        found[lines["test.id"]] = place, lines
    return found


def lines(trace):
    return [(Path(e["file"]).name, e["line"]) for e in reading.print_json(trace) if e["event"] == "step"]


def plain_words(text):
    """pytest's output without what differs from run to run."""
    return re.sub(r"\d+\.\d+s|0x[0-9a-f]+", "…", text)


# ---- the command line ----


ASKING = """\
import sys
def test_stage():
    print(sys.argv, sys.path[:2], __name__, sys.modules["__main__"].__spec__.name)
    assert 0
"""


UNIT = """
import unittest
class Case(unittest.TestCase):
    def test_case(self):
        with self.subTest():
            self.assertEqual(1, 1)
"""


@pytest.mark.parametrize("framework, ends", [("pytest", 1), ("unittest", 0)])
def test_framework_runs_as_plain(tmp_path, record, plain, framework, ends):
    (tmp_path / "test_stage.py").write_text(ASKING)
    (tmp_path / "test_unit.py").write_text(ASKING.replace("def test_stage():", "def stage():").replace("    assert 0", "stage()") + UNIT)
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "test_stage.py"] if framework == "pytest" else ["-v", "test_unit"]
    expected = plain("-m", framework, *arguments)
    seen = record(f"--{framework}", *arguments, options=["--quiet", "--format=journal"])
    assert seen.status == expected.status == ends
    assert plain_words(seen.out) == plain_words(expected.out) and plain_words(seen.err) == plain_words(expected.err)
    assert "sys.argv" not in seen.out.splitlines()[0]
    files = {Path(e["file"]).name for e in reading.print_json(seen.trace) if e["event"] == "step"}
    assert files == {"test_stage.py" if framework == "pytest" else "test_unit.py"}  # and nothing of the framework


@pytest.mark.parametrize("framework", ["pytest", "unittest"])
def test_built_in_filters_of_frameworks(record, tmp_path, framework):
    """They are files: named in the metadata with their hash, overruled by the user's rules, left out on request."""
    import hashlib

    package = Path(codetracer_python_recorder.__file__).parent
    (tmp_path / "packaging_app.py").write_text("def mine(): return 1\n")
    (tmp_path / "test_it.py").write_text("import unittest, packaging_app\nclass TestIt(unittest.TestCase):\n    def test_it(self): packaging_app.mine()\n")
    of_framework = {"pytest": "_pytest.unittest", "unittest": "unittest.case"}[framework]
    (tmp_path / "mine.toml").write_text(
        '[meta]\nname = "mine"\nversion = 1\n[scope]\ndefault_exec = "trace"\ndefault_value_action = "allow"\n'
        f"[[scope.rules]]\nselector = 'pkg:{of_framework}'\nexec = \"calls\"\n"
    )
    arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "test_it.py"] if framework == "pytest" else ["test_it"]

    def modules(*options):
        seen = record(f"--{framework}", *arguments, options=["--quiet", "--format=journal", *options])
        assert seen.status == 0, seen
        told = subprocess.run([reading.trace_tool(), "info", str(seen.trace)], capture_output=True, text=True).stdout
        events = reading.print_json(seen.trace)
        modules.steps = {e.get("function") for e in events if e["event"] == "step"}
        return re.findall("^filter.source = (.*)$", told, re.MULTILINE), {e["module"] for e in events if e["event"] == "call"}

    text = (package / f"builtin-{framework}.toml").read_bytes()
    built_in = f"builtin-{framework} {hashlib.sha256(text).hexdigest()} {package}/builtin-{framework}.toml"
    sources, seen = modules()
    assert sources == [built_in] and seen == {"test_it", "packaging_app"} and {"mine", "TestIt.test_it"} <= modules.steps
    sources, seen = modules("--trace-filter=mine.toml")
    assert sources[0] == built_in and len(sources) == 2 and seen == {"test_it", "packaging_app", of_framework}
    begins = [] if framework == "pytest" else ["--include-stdlib", "--start-at=TestProgram.runTests"]
    sources, seen = modules("--no-framework-filters", "--max-steps=300", *begins)
    assert sources == [] and any(module.split(".")[0] in ("_pytest", "unittest") for module in seen)


def test_framework_takes_the_rest(record, tmp_path):
    (tmp_path / "test_it.py").write_text("import sys\ndef test_it():\n    pass\n")
    seen = record("--pytest", "--format=json", options=["--quiet"])
    assert seen.status == 4 and "unrecognized arguments: --format=json" in seen.err


# ---- a trace for each test ----


def test_a_trace_for_each_test(run, tmp_path):
    seen = run("--codetracer=out", "-q")
    assert seen.returncode == 1 and "1 failed, 6 passed, 1 skipped, 1 xfailed, 1 error" in seen.stdout, seen
    found = traces(tmp_path / "out")
    expected = {node: outcome for node, outcome in OUTCOMES.items() if outcome != "skipped"}  # of which nothing ran
    assert {node: made["test.outcome"] for node, (_, made) in found.items()} == expected
    assert all(0 < float(made["test.duration"]) < 60 for _, made in found.values())
    assert f"{len(expected)} traces in out" in seen.stdout

    # setup, call and teardown; the wider fixture is seen by the first test that needs it
    folder = tmp_path / "out" / "test_it.py"
    assert lines(folder / "test_good") == [("test_it.py", n) for n in (15, 16, 19, 4, 5)]
    assert lines(folder / "test_bad") == [("test_it.py", n) for n in (9, 10, 22, 23, 4, 5, 11)]
    assert lines(folder / "TestGroup" / "TestInner" / "test_deep") == [("test_it.py", 43)]
    out = [e["text"] for e in reading.print_json(folder / "test_bad") if e["event"] == "output"]
    assert "told" in out
    # what failed is named with what to type, and that works
    commands = [line.partition(": ")[2] for line in seen.stdout.splitlines() if line.startswith("test_it.py::") and ": codetracer-trace" in line]
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        assert words[:2] == ["codetracer-trace", "print"] and subprocess.run([reading.trace_tool(), *words[1:]], cwd=tmp_path, capture_output=True).returncode == 0


def test_results_are_those_without_us(run):
    expected, seen = run("-q", "-rA"), run("-q", "-rA", "--codetracer=out")
    assert seen.returncode == expected.returncode

    def without_ours(text):
        text = re.sub(r"-+ codetracer -+\n.*\n", "", text)
        return plain_words(re.sub(r"=+ codetracer =+\n(?:.*\n)*?(?==)", "", text))

    assert without_ours(seen.stdout) == plain_words(expected.stdout)
    assert seen.stdout != expected.stdout


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_failed_only(run, tmp_path, workers):
    if workers:
        frameworks.need("xdist")
    seen = run("--codetracer=out", "--codetracer-failed-only", "--codetracer-format=journal", *workers)
    found = traces(tmp_path / "out")
    assert {node: made["test.outcome"] for node, (_, made) in found.items()} == {n: o for n, o in OUTCOMES.items() if o in ("failed", "error")}
    assert "2 traces in out" in seen.stdout
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["test_bad.ctj", "test_error.ctj"]
    assert sorted(path.name for path in (tmp_path / "out" / "test_it.py").iterdir()) == ["test_bad", "test_error"]  # no empty folders


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_test_that_passes_when_it_is_run_again_is_kept(run, tmp_path, workers):
    """It is what somebody who looks for a flaky test waits for. All attempts are in its trace."""
    frameworks.need("pytest_rerunfailures", *(["xdist"] if workers else []))
    code = "import pathlib\ntimes = pathlib.Path('times')\ndef test_flaky():\n    n = len(times.read_text()) if times.exists() else 0\n    times.write_text('x' * (n + 1))\n    assert n == 2\ndef test_good():\n    pass\n"
    done = run("--codetracer=out", "--codetracer-failed-only", "--reruns=3", *workers, files={"test_it.py": code})
    assert done.returncode == 0 and "2 passed, 2 rerun" in done.stdout, done.stdout + done.stderr
    found = traces(tmp_path / "out")
    assert {node: made["test.outcome"] for node, (_, made) in found.items()} == {"test_it.py::test_flaky": "passed"}
    steps = [event for event in reading.print_json(found["test_it.py::test_flaky"][0]) if event["event"] == "step" and event["line"] == 6]
    assert [step["locals"]["n"] for step in steps] == [0, 1, 2]


@pytest.mark.parametrize("workers", [[], ["-n1"]])
def test_a_test_with_a_failing_subtest_has_failed(run, tmp_path, workers):
    """unittest's own: pytest then says that the subtest failed, and that the test passed."""
    code = """
import time, unittest

class T(unittest.TestCase):
    def test_parts(self):
        for part in range(3):
            with self.subTest(part=part):
                time.sleep(0.3)
                self.assertNotEqual(part, 1)

    def test_whole(self):
        for part in range(3):
            with self.subTest(part=part):
                if part == 2:
                    self.skipTest("no")
"""
    done = run("--codetracer", "--codetracer-failed-only", *workers, files={"test_it.py": code})
    assert done.returncode == 1, done.stdout + done.stderr
    found = traces(tmp_path / "trace-out")
    assert list(found) == ["test_it.py::T::test_parts"]
    assert found["test_it.py::T::test_parts"][1]["test.outcome"] == "failed"
    assert 0.9 <= float(found["test_it.py::T::test_parts"][1]["test.duration"]) < 1.75, "parts do not count twice"
    assert "test_it.py::T::test_parts: codetracer-trace print trace-out/test_it.py/T/test_parts" in done.stdout


@pytest.mark.parametrize("workers", [[], ["-n1"]])
def test_a_test_that_fails_before_its_first_line_names_no_trace(run, tmp_path, workers):
    """There is none; of one whose teardown ran there is."""
    code = """
import pytest

@pytest.fixture
def cleans(request):
    request.addfinalizer(lambda: [1])

def test_without_lines(no_such_fixture): pass

def test_with_lines(cleans, no_such_fixture): pass

def test_good(): pass
"""
    done = run("--codetracer=out", "-q", *workers, files={"test_it.py": code})
    assert done.returncode == 1 and "1 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    assert sorted(traces(tmp_path / "out")) == ["test_it.py::test_good", "test_it.py::test_with_lines"]
    assert re.findall("codetracer-trace print (.*)", done.stdout.partition("= codetracer =")[2]) == ["out/test_it.py/test_with_lines"]
    assert "out/test_it.py/test_without_lines" not in done.stdout


def test_the_folder_stands_behind_an_equals_sign(run, tmp_path):
    seen = run("--codetracer", "tests", files={"tests/test_a.py": "def test_a(more): pass\n", "tests/conftest.py": "import pytest\n@pytest.fixture\ndef more(): return 1\n\
def pytest_addoption(parser): parser.addoption('--ours')\n", "test_b.py": "assert 0\n"})  # fmt: skip
    assert seen.returncode == 0 and "1 passed" in seen.stdout, seen
    assert list(traces(tmp_path / "trace-out")) == ["tests/test_a.py::test_a"]


@pytest.mark.parametrize("option", ["--codetracer-failed-only", "--codetracer-format=json", "--codetracer-per=session", "--codetracer-per=test"])
@pytest.mark.parametrize("workers", [[], ["-n1"]])
def test_each_option_asks_for_a_recording(run, tmp_path, option, workers):
    seen = run(option, *workers, files={"test_it.py": "def test_it():\n    assert not 1\n"})
    places = {str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("trace.json" if "json" in option else "*.ct")}
    expected = "trace-out" + ("/gw0" if workers else "") if "session" in option else "trace-out/test_it.py/test_it"
    assert places == {expected}
    told = seen.stdout.partition("1 trace in trace-out\n")[2].splitlines()[0]
    assert told.endswith(f"codetracer-trace print {expected}"), seen.stdout


def test_nothing_is_loaded_without_the_option(run):
    code = """\
import sys
def test_it():
    ours = {name for name in sys.modules if name.startswith("codetracer_python_recorder")}
    assert ours <= {"codetracer_python_recorder", "codetracer_python_recorder.pytest_plugin"}, ours
"""
    seen = run("-q", files={"test_it.py": code})
    assert seen.returncode == 0, seen
    assert run("-q", "--codetracer", files={"test_it.py": code}).returncode == 1  # it can fail


def test_interrupted(run, tmp_path):
    seen = run("--codetracer=out", "--codetracer-failed-only", files={"test_it.py": "def test_it():\n    x = 1\n    raise KeyboardInterrupt\n"})
    assert seen.returncode == 2
    (made,) = traces(tmp_path / "out").values()
    assert made[1]["test.outcome"] == "interrupted" and lines(made[0]) == [("test_it.py", 2), ("test_it.py", 3)]


@pytest.mark.parametrize(
    "options, says",
    [
        (["--codetracer", "--codetracer-format=pdf"], "--codetracer-format: there is no format 'pdf'"),
        (["--codetracer-format=xml"], "--codetracer-format: there is no format 'xml'"),
        (["--codetracer-format="], "--codetracer-format: "),
        (["--codetracer="], "--codetracer= needs the name of a folder"),
    ],
)
def test_usage_errors(run, options, says):
    seen = run(*options)
    assert seen.returncode == 4 and says in seen.stderr and "Traceback" not in seen.stderr


def test_not_twice(tmp_path, record):
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    plugin = frameworks.pytest_command()[3:]
    seen = record("--pytest", *plugin, "--codetracer", "test_it.py", options=["--quiet"])
    assert seen.status == 4 and "pytest is being recorded already" in seen.err


def test_a_recording_that_cannot_be_made_disturbs_no_test(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "test_it.py").write_text("a file where a folder must go")
    seen = run("--codetracer=out", "-q", "test_it.py", files={"test_it.py": "def test_it(): pass\n"})
    assert seen.returncode == 1 and "1 passed" in seen.stdout
    assert "0 traces in out\ntest_it.py::test_it: not recorded: the output folder" in seen.stdout and "--out-dir" not in seen.stdout


FULL = """\
import resource
def test_full():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
    kept = []
    for i in range(30000):
        kept = [str(i * 7919) * 4 for _ in range(3)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
def test_after():
    pass
"""


@pytest.mark.parametrize("workers", [[], ["-n1"]])
def test_what_hinders_all_tests_is_told_once(run, workers):
    seen = run("--codetracer=out", *workers, CODETRACER_TRACE_FILTER="none.toml")
    said = [line for line in seen.stdout.splitlines() if "not recorded: " in line]
    cause = "not recorded: the trace filter 'none.toml' cannot be read (No such file or directory); name an existing file"
    assert len(said) == 1 and said[0].endswith(f": {cause} ({len(OUTCOMES) - 1} more tests likewise)"), seen.stdout


@pytest.mark.parametrize("options", [["-q"], ["-q", "--codetracer-per=session"], ["-n1"]])
@pytest.mark.parametrize("policy, failing, status", [("abort", False, 1), ("disable", False, 0), ("abort", True, 1), (None, None, 5)])
def test_status_when_a_recording_fails(run, options, policy, failing, status):
    """The tests pass, and pytest ends with 1, unless nobody minds. What pytest has to say itself comes first."""
    if "-n1" in options:
        frameworks.need("xdist")
    if policy is None:  # no test, so no recording that could fail
        seen = run("--codetracer=out", *options, files={"test_it.py": "", "out/gw0": "a file", "out/x": ""})
        assert seen.returncode == status, seen
        return
    text = FULL + ("def test_fails(): assert 0\n" if failing else "")
    seen = run("--codetracer=out", *options, files={"test_it.py": text}, CODETRACER_ON_RECORDER_ERROR=policy)
    assert seen.returncode == status and "2 passed" in seen.stdout, seen
    told = seen.stdout[seen.stdout.index("= codetracer =") :]
    assert "recording stopped before the program's end (File too large); what was recorded until then is kept: codetracer-trace recover" in told
    assert ("tests were not recorded as asked, so the exit status is not 0" in told) == (policy == "abort")


@pytest.mark.parametrize("options", [["-q"], ["-v"], ["-s"], ["-n1"]], ids=lambda options: options[0])
def test_the_output_is_the_tests_own(run, tmp_path, options):
    """Not pytest's own progress, which it writes between the phases; but what another thread writes meanwhile."""
    if "-n1" in options:
        frameworks.need("xdist")
    text = """\
import conftest, sys, threading
def test_good(): print("good")
def test_bad():
    print("bad"); print("told", file=sys.stderr)
    assert 0
def test_thread(request):
    def tells():
        conftest.reports.wait()
        print("meanwhile")
        conftest.told.set()
    thread = threading.Thread(target=tells)
    thread.start()
    request.addfinalizer(thread.join)
"""
    conftest = """\
import threading
reports, told = threading.Event(), threading.Event()
def pytest_runtest_logreport(report):
    if report.when == "call" and "thread" in report.nodeid and not told.is_set():
        reports.set()
        assert told.wait(5)
"""
    seen = run("--codetracer=out", *options, files={"test_it.py": text, "conftest.py": conftest})
    assert "1 failed, 2 passed" in seen.stdout, seen

    def output(test):
        return [e["text"] for e in reading.print_json(tmp_path / "out" / "test_it.py" / test) if e["event"] == "output"]

    assert output("test_good") == ["good", "\n"] and output("test_bad") == ["bad", "\n", "told", "\n"]
    assert output("test_thread") == ["meanwhile", "\n"]


def test_policy_of_the_environment(run, tmp_path):
    tests = {"test_it.py": "def test_it(): print('said')\n"}
    seen = run("--codetracer=out", "-q", files=tests, CODETRACER_CAPTURE_IO="off", CODETRACER_LOG_LEVEL="info", CODETRACER_LOG_FILE="log")
    assert seen.returncode == 0, seen
    assert [line.split('"message":"')[1].split('"')[0] for line in (tmp_path / "log").read_text().splitlines()] == ["recording started", "recording finished"]
    assert {e["event"] for e in reading.print_json(tmp_path / "out" / "test_it.py" / "test_it")}.isdisjoint({"output"})
    run("--codetracer=loud", "-q", files=tests)
    assert "output" in {e["event"] for e in reading.print_json(tmp_path / "loud" / "test_it.py" / "test_it")}
    seen = run("--codetracer=wrong", "-q", files=tests, CODETRACER_REQUIRE_TRACE="perhaps")
    assert seen.returncode == 1 and "not recorded: CODETRACER_REQUIRE_TRACE must be true or false" in seen.stdout


def test_a_test_that_records_itself(run, tmp_path):
    code = """\
import pytest
from codetracer_python_recorder import trace, is_tracing
def test_it():
    assert is_tracing()
    with pytest.raises(RuntimeError, match="tracing already active"):
        with trace("mine"): pass
"""
    assert run("--codetracer=out", files={"test_it.py": code}).returncode == 0
    assert len(traces(tmp_path / "out")) == 1


# ---- names ----


NASTY = [
    "a.py::t", "a.py::t[x]", "a.py::t[X]", "a.py::t[../../x]", "a.py::t[a::b]", "a.py::t[a/b]", "a.py::t[a_b]", "../a.py::t", "/abs/a.py::t", "abs/a.py::t", "a.py::.hidden",
    "a.py::_hidden", "a.py::t[%s]" % ("y" * 300), "a.py::t[%sz]" % ("y" * 300), "a.py::t[\n]", "a.py::t[\0]", "a.py::t[\udc80]", "a.py::t[ü]", "a.py::t[u]", "a.py", "::", "",
    "a.py::A::t", "a.py::A.t", "a.py::A::t[..]", "a.py::..::..::t", "..", "a.py::t[-rf]", "a.py::-rf", "a.py::t[\\]", "a.py::t[$(x)`y`'\"]", "a.py::t[]",
]  # fmt: skip


def test_folders_are_safe_and_different():
    from codetracer_python_recorder.pytest_recording import folder_of

    folders = [folder_of(node) for node in NASTY]
    assert len({os.path.normpath(folder) for folder in folders} | {""}) == len(set(NASTY)) + 1
    for folder in folders:
        assert not os.path.isabs(folder) and folder and folder.isascii() and folder.isprintable()
        for part in folder.split("/"):
            assert 0 < len(part) <= 120 and part[0] not in ".-" and not set(part) & set("\\$`'\"; *?&|<>()")
    assert folder_of("tests/a.py::A::t[x-1]") == "tests/a.py/A/t[x-1]"  # what is harmless stays


def test_workers_make_the_same_folders_at_the_same_time(tmp_path):
    code = """\
import sys
from codetracer_python_recorder.folder import OutputFolder
for n in range(300):
    OutputFolder(f"{sys.argv[1]}/{n}/tests/{sys.argv[2]}", ("x.ct",)).discard()
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)], env=frameworks.environment(), stderr=subprocess.PIPE, text=True) for n in range(3)
    ]
    assert [(worker.communicate()[1], worker.returncode) for worker in workers] == [("", 0)] * 3


# ---- one for the session ----


def test_a_trace_for_the_session(run, tmp_path):
    seen = run("--codetracer=out", "--codetracer-per=session", "-p", "no:xdist")
    assert seen.returncode == 1 and "1 trace in out" in seen.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pytest.ct"]
    spans = reading.spans_of(tmp_path / "out")
    assert {span["label"]: span["metadata"]["test.outcome"] for span in spans} == OUTCOMES
    events = [e for e in reading.print_json(tmp_path / "out") if e["event"] == "step"]
    assert {Path(e["file"]).name for e in events} == {"test_it.py"}
    spans = {span["label"]: span for span in spans}
    bad = spans["test_it.py::test_bad"]
    assert [e["line"] for e in events if bad["first_step"] <= e["step"] <= bad["last_step"]] == [9, 10, 22, 23, 4, 5, 11]
    assert bad["thread"] == 1 and bad["status"] == "error" and spans["test_it.py::test_skipped"]["first_step"] is None
    shown = subprocess.run(
        [reading.trace_tool(), "print", "out", "--from", str(bad["first_step"]), "--to", str(bad["last_step"])], cwd=tmp_path, capture_output=True, text=True
    )
    assert "test_it.py:9" in shown.stdout and "test_it.py:11" in shown.stdout and "test_it.py:19" not in shown.stdout


def test_a_good_session_is_not_kept_with_failed_only(run, tmp_path):
    run("--codetracer=out", "--codetracer-per=session", "--codetracer-failed-only", files={"test_it.py": "def test_it(): pass\n"})
    assert not (tmp_path / "out").exists()


# ---- with other plugins ----


ASYNC = """\
import asyncio, pytest, pay

@pytest.mark.asyncio
@pytest.mark.parametrize("n", range(4))
async def test_waits(n):
    got = await asyncio.gather(pay.later(n), pay.later(n + 1))
    assert got == [n, n + 1]

@pytest.mark.parametrize("n", range(4))
def test_plain(n):
    assert pay.price(n) == (n * 2 if n else 1)

def test_fails():
    assert pay.price(-1) == 0
"""
PAY = """\
import asyncio

def price(n):
    if n == 0:
        return 1
    elif n > 100:
        return 0
    return n * 2

async def later(n):
    await asyncio.sleep(0)
    return n

def never():
    return price(3)
"""


@pytest.mark.parametrize("per", ["test", "session"])
def test_xdist_asyncio_and_cov_at_once(run, tmp_path, per):
    frameworks.need("xdist", "pytest_asyncio", "pytest_cov")
    options = ["-n2", "--cov=pay", "--cov-branch", "--cov-report=json"]
    coverage = []
    for more in ([], ["--codetracer=out", f"--codetracer-per={per}"]):
        seen = run(*options, *more, files={"test_it.py": ASYNC, "pay.py": PAY})
        assert seen.returncode == 1 and "1 failed, 8 passed" in seen.stdout, seen
        measured = json.loads((tmp_path / "coverage.json").read_text())
        coverage.append((measured["files"], measured["totals"]))
    assert coverage[0] == coverage[1] and 0 < coverage[0][1]["percent_covered"] < 100
    if per == "test":
        found = traces(tmp_path / "out")
        assert len(found) == 9 and [n for n, (_, made) in found.items() if made["test.outcome"] == "failed"] == ["test_it.py::test_fails"]
        assert {path for path, _ in lines(found["test_it.py::test_waits[2]"][0])} == {"test_it.py", "pay.py"}
        assert [line for path, line in lines(found["test_it.py::test_waits[2]"][0]) if path == "pay.py"] == [11, 11, 12, 12]
        assert "9 traces in out" in seen.stdout and "test_it.py::test_fails: codetracer-trace print out/test_it.py/test_fails" in seen.stdout
    else:
        spans = [span for worker in ("gw0", "gw1") for span in reading.spans_of(tmp_path / "out" / worker)]
        assert len(spans) == len({span["label"] for span in spans}) == 9


CRASH = """\
import os
def test_good(): x = 1
def test_ends():
    y = 2
    os._exit(3)
def test_after(): z = 3
"""


@pytest.mark.parametrize("options, workers", [([], [""]), (["--dist=each"], ["gw0/", "gw1/"]), (["--codetracer-failed-only"], [""])], ids=["load", "each", "failed-only"])
def test_a_worker_that_ends(run, tmp_path, options, workers):
    """What it has written is counted, what it was writing is brought back. Of --dist=each all workers run each test: in folders of their own."""
    frameworks.need("xdist")
    for _ in range(10):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        seen = run("-n2", "--codetracer=out", *options, files={"test_it.py": CRASH})
        # xdist 3.8's scheduler of --dist=each now and then raises KeyError when two workers are replaced at once; then pytest prints no summary, plugins or none.
        if "xdist/scheduler/each.py" not in seen.stdout:
            break
    written = {path.parent.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.ct")}
    # Of --dist=each a second worker's end may come when the run is over already, and what it writes after the count is taken (xdist's timing); of the others all is certain.
    most = 0 if "--codetracer-failed-only" in options else 2 * len(workers)
    assert len(written) <= most and len(written) >= (1 if len(workers) > 1 else most), seen
    counted = int(re.search(r"(\d+) traces? in out", seen.stdout).group(1))
    assert counted == len(written) or (len(workers) > 1 and 1 <= counted < len(written)), seen
    met = [worker for worker in workers if (tmp_path / "out" / worker / "test_it.py" / "test_ends").exists()]
    assert met and (met == workers or len(workers) > 1), seen
    for worker in met:
        path = f"out/{worker}test_it.py/test_ends"
        assert f"test_it.py::test_ends: its process ended; what was seen until then: codetracer-trace recover {path}\n" in seen.stdout
        assert subprocess.run([reading.trace_tool(), "recover", path], cwd=tmp_path).returncode == 0
        assert lines(tmp_path / path) == [("test_it.py", 4), ("test_it.py", 5)]


def test_a_worker_that_ends_in_a_trace_of_the_session(run, tmp_path):
    frameworks.need("xdist")
    seen = run("-n1", "--codetracer=out", "--codetracer-per=session", files={"test_it.py": CRASH})
    assert "test_it.py::test_ends: its process ended; what was seen until then: codetracer-trace recover out/gw0\n" in seen.stdout, seen
    assert subprocess.run([reading.trace_tool(), "recover", "out/gw0"], cwd=tmp_path).returncode == 0
    assert ("test_it.py", 5) in lines(tmp_path / "out" / "gw0")


# ---- the documentation ----


DOCUMENT = Path(__file__).parents[3] / "docs" / "pytest.md"


@pytest.mark.skipif(not DOCUMENT.exists(), reason="docs/ is not beside the tests")
def test_examples_of_the_documentation(tmp_path):
    frameworks.need("xdist", "pytest_asyncio", "pytest_cov")
    text = DOCUMENT.read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_pay.py").write_text(code)
    (tmp_path / "tests" / "test_unit.py").write_text(UNIT)
    commands = re.findall(r"^    ((?:pytest|codetracer-)\S* .*)$", text, re.M)
    assert len(commands) >= 7
    tool = str(Path(reading.trace_tool()).parent)
    for command in commands:
        words = shlex.split(command)
        if words[0] == "pytest":
            words = frameworks.pytest_command(*words[1:])
        elif words[0] == "codetracer-record":
            words = [sys.executable, "-c", "import sys; from codetracer_python_recorder.cli import main_record; sys.exit(main_record())", *words[1:]]
        else:
            assert words[0] == "codetracer-trace"
            words[0] = os.path.join(tool, words[0])
        done = subprocess.run(words, cwd=tmp_path, env=frameworks.environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, 1) if words[0] == sys.executable else done.returncode == 0, (command, done.stdout, done.stderr)


@pytest.mark.skipif(not DOCUMENT.exists(), reason="docs/ is not beside the tests")
def test_versions_of_the_documentation_are_those_that_are_tried():
    tried = dict(re.findall(r"^\| ([a-z-]+) \| ([0-9.]+) \|", DOCUMENT.read_text(), re.M))
    pinned = {}
    for name in ("requirements.txt", "requirements-frameworks.txt"):
        pinned.update(re.findall(r"^([\w-]+)==(\S+)$", (Path(__file__).parents[1] / name).read_text(), re.M))
    assert set(tried) == {"pytest", "pytest-xdist", "pytest-asyncio", "pytest-cov", "pytest-rerunfailures", "coverage", "pytest-timeout"}
    assert tried == {name: pinned[name] for name in tried}
