"""dump() and --dump-signal: a trace of what is there, while the recording goes on. The judge is the recording itself: a dump is what it holds up to there."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import Recorded, environment_for
from test_last import DRIVER, PROGRAM, events, verified

DUMPING = "import codetracer_python_recorder as recorder\n" + PROGRAM.replace(
    "    for i in counter:\n", "    for i in counter:\n        if i == n - 20: recorder.dump('dumped')\n"
)
THREADS = """\
import sys, threading, time
from codetracer_python_recorder import dump
stop = False
def work(number):
    values, i = {}, 0
    while not stop:
        i += 1
        values[i % 7] = f"thread {number} writes a text that is long enough {i % 300}"
threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
for t in threads: t.start()
for n in range(4):
    time.sleep(0.1)
    print(dump(f"dumped/{n}"))
stop = True
for t in threads: t.join()
"""


@pytest.fixture
def record(tmp_path):
    """record(options, code, turns): a program under the command line, with blocks so small that much is dropped in a short run."""

    def run(options, code, turns=0, out="trace"):
        (tmp_path / "prog.py").write_text(code)
        command = [sys.executable, "-c", DRIVER, "-o", out, *options, "prog.py", str(turns)]
        return Recorded(subprocess.run(command, cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=100), tmp_path / out)

    return run


@pytest.mark.parametrize("options", [[], ["--last", "200"]])
def test_a_dump_holds_what_the_recording_holds_up_to_there(record, tmp_path, options):
    seen = record(["--quiet", "--format=journal", *options], DUMPING, 300)
    assert seen.status == 0 and seen.err == "", seen
    dumped = events(tmp_path / "dumped")
    whole = events(record(["--quiet", "--format=journal"], DUMPING, 300, out="whole").trace)
    if options:
        assert dumped[0]["event"] == "gap" and dumped[0]["reason"] == "dropped"
        del dumped[0]
    line = DUMPING[: DUMPING.index("if i == n - 20")].count("\n") + 1
    end = next(at for at, e in enumerate(whole) if e["event"] == "step" and e["line"] == line and e["locals"]["i"] == 280) + 1
    assert whole[end]["event"] == "step" and whole[end]["function"] == "main"
    assert len(dumped) > 200 and dumped == whole[max(0, end - len(dumped)) : end]
    assert bool(options) == (len(dumped) < end)
    assert verified(tmp_path / "dumped")[0] == 0
    # … and the recording is what it would be without.
    final = events(seen.trace)[len(options) > 0 :]
    assert final == whole[len(whole) - len(final) :]


@pytest.mark.parametrize("form", ["ct", "json"])
def test_dumps_while_other_threads_go_on(record, tmp_path, form):
    """Nothing that a dump reads may be given back meanwhile."""
    seen = record(["--quiet", "--last", "300", f"--format={form}"], THREADS)
    assert seen.status == 0 and seen.err == "", seen
    for number in range(4):
        place = tmp_path / "dumped" / str(number)
        assert verified(place)[0] == 0, (number, verified(place))
        assert sum(e["event"] == "step" for e in events(place)) >= 300 or number == 0
    assert seen.out.split() == [str(tmp_path / "dumped" / str(n) / ("prog.ct" if form == "ct" else "")).rstrip("/") for n in range(4)]


def info(trace):
    import reading

    return subprocess.run([reading.trace_tool(), "info", str(trace)], capture_output=True, text=True, check=True).stdout


def test_by_a_signal(tmp_path, record_script):
    """The program that gets the signal does not notice: its results are right, a sleep is whole."""
    (tmp_path / "prog.py").write_text(
        "import time\ntotal = n = 0\nprint('ready', flush=True)\nend = time.monotonic() + 2.5\n"
        "while time.monotonic() < end:\n    n += 1\n    total += n\n    time.sleep(0.0002)\nbefore = time.monotonic()\ntime.sleep(0.2)\n"
        "print(total == n * (n + 1) // 2, time.monotonic() - before >= 0.2)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(record_script), "-o", "t", "--last", "500", "--dump-signal", "usr1", "prog.py"], cwd=tmp_path,
        env=environment_for(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    for _ in range(2):
        time.sleep(0.3)
        process.send_signal(signal.SIGUSR1)
        assert re.fullmatch(r"codetracer: dumped to .*/t/dump-\d/prog\.ct\n", process.stderr.readline())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "True True\n"), err
    assert err.startswith("codetracer: t/prog.ct: ") and err.count("\n") == 1
    assert sorted(os.listdir(tmp_path / "t")) == ["dump-1", "dump-2", "prog.ct"]
    ends = []
    for place in (tmp_path / "t" / "dump-1", tmp_path / "t" / "dump-2", tmp_path / "t"):
        assert verified(place)[0] == 0
        steps = [e for e in events(place) if e["event"] == "step"]
        assert {e["function"] for e in steps} == {"<module>"} and len(steps) >= 500, len(steps)
        ends.append(steps[-1]["locals"]["n"])
        text = info(place)
        assert ("dumped = while the recording went on" in text) == (place.name != "t") and "killed" not in text
    assert ends[0] < ends[1] < ends[2]


def test_a_dump_that_cannot_be_made(record, tmp_path):
    """The recording goes on, and nothing is left there."""
    code = (
        "import codetracer_python_recorder as r, os\nopen('file', 'w').close()\n"
        "try:\n    r.dump('file')\nexcept r.RecorderError as error:\n    print(error.code)\n"
        "from codetracer_python_recorder import _native\nreal = _native.export\n"
        "def full(*arguments): raise OSError(28, 'No space left on device')\n_native.export = full\n"
        "try:\n    r.dump('there')\nexcept r.EnvironmentError as error:\n    print(error)\n_native.export = real\nprint(os.path.exists('there'))\n"
    )
    seen = record(["--quiet"], code)
    assert seen.status == 0 and seen.err == "", seen
    assert seen.out == (
        "ERR_TRACE_DIR_CONFLICT\n[ERR_IO] the trace could not be dumped to 'there' (No space left on device); the recording goes on (path=there)\nFalse\n"
    )
    assert [e for e in events(seen.trace) if e["event"] == "step"][-1]["line"] == code.count("\n")


def test_without_a_recording(tmp_path):
    code = "from codetracer_python_recorder import dump, start, stop\nprint(dump())\nstart('t')\nprint(dump().endswith('/t/dump-1/prog.ct'))\nstop()\nprint(dump())\n"
    (tmp_path / "prog.py").write_text(code)
    done = subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("None\nTrue\nNone\n", "")


@pytest.mark.parametrize(
    "options, says",
    [
        (["--dump-signal", "SIGKILL"], "--dump-signal needs the name of a signal that can be handled, as SIGUSR2, not 'SIGKILL'"),
        (["--dump-signal", "USR1", "--toggle-signal", "SIGUSR1"], "--toggle-signal and --dump-signal need two signals, not one for both"),
    ],
)
def test_wrong_options(record, options, says):
    seen = record(options, "print(1)")
    assert (seen.status, seen.out) == (2, "") and says in seen.err, seen
