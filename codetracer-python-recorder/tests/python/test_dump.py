"""dump() and --dump-signal: a trace of what is there, while the recording goes on. The judge is the recording itself: a dump is what it holds up to there."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

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
        (["--toggle-signal", "SEGV"], "--toggle-signal needs the name of a signal that can be handled, as SIGUSR2, not 'SEGV'"),
        (["--dump-signal", "USR1", "--toggle-signal", "SIGUSR1"], "--toggle-signal and --dump-signal need two signals, not one for both"),
    ],
)
def test_wrong_options(record, options, says):
    seen = record(options, "print(1)")
    assert (seen.status, seen.out) == (2, "") and says in seen.err, seen


@pytest.mark.parametrize("form", ["ct", "json"])
def test_only_the_last_dumps_are_kept(record, tmp_path, form):
    """Numbers go up. Nothing is removed that is not a dump of this recording."""
    (tmp_path / "trace" / "dump-7").mkdir(parents=True)  # of an earlier one
    (tmp_path / "trace" / "dump-x").mkdir()
    code = (
        "import os\nfrom codetracer_python_recorder import dump\nfor n in range(4):\n    place = dump()\n"
        "    if n == 1: open('trace/dump-9/note', 'w').close()\n    dump('mine')\nprint(place)\n"
    )
    seen = record(["--quiet", f"--format={form}", "--max-dumps=2"], code)
    assert seen.status == 0 and seen.err == "", seen
    names = ["dump-10", "dump-11", "dump-7", "dump-9", "dump-x"]
    assert [name for name in seen.names if name.startswith("dump")] == names and "trace/dump-11" in seen.out
    assert os.listdir(tmp_path / "trace" / "dump-9") == ["note"] and os.listdir(tmp_path / "trace" / "dump-7") == []
    for place in ("trace/dump-10", "trace/dump-11", "mine", "trace"):
        assert verified(tmp_path / place)[0] == 0
    for wrong in ("0", "x"):
        assert record([f"--max-dumps={wrong}"], "pass").status == 2


def test_ten_dumps_by_default(tmp_path):
    (tmp_path / "prog.py").write_text("from codetracer_python_recorder import dump, trace\nwith trace('t', format='journal'):\n    for n in range(12): dump()\n")
    subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), check=True, timeout=60)
    assert {name for name in os.listdir(tmp_path / "t") if name.startswith("dump")} == {f"dump-{n}" for n in range(3, 13)}


@pytest.mark.parametrize("form", ["journal", "ct"])
def test_with_output_of_descriptors(record, tmp_path, form):
    """What children and C code wrote until then is in the dump, once; what comes later is in the recording, and all of it has reached its place."""
    code = (
        "import ctypes, os, subprocess\nfrom codetracer_python_recorder import dump\nprint('text', flush=True)\nsubprocess.run(['echo', 'child'])\n"
        "ctypes.CDLL(None).dprintf(1, b'C\\n')\nos.write(2, b'error\\n')\nx = 1\ndump('dumped')\nsubprocess.run(['echo', 'later'])\nx = 2\n"
    )
    seen = record(["--quiet", f"--format={form}", "--io-capture=proxies+fd"], code)
    assert (seen.status, seen.out, seen.err) == (0, "text\nchild\nC\nlater\n", "error\n"), seen

    def outputs(place):
        joined = {"stdout": "", "stderr": ""}
        for e in events(place):
            if e["event"] == "output":
                joined[e["stream"]] += e["text"]
        return joined

    assert outputs(tmp_path / "dumped") == {"stdout": "text\nchild\nC\n", "stderr": "error\n"}
    assert outputs(seen.trace) == {"stdout": "text\nchild\nC\nlater\n", "stderr": "error\n"}
    assert verified(tmp_path / "dumped")[0] == verified(seen.trace)[0] == 0


# ---- the documentation ----

DOCUMENT = (Path(__file__).parents[3] / "docs" / "periods.md").read_text()
SIGNALS = re.findall(r"^(    codetracer-record .* &\n    until .*\n(?:    kill .*\n)+)", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("lines", SIGNALS, ids=["dump", "toggle"])
def test_lines_of_the_documentation(tmp_path, record_script, lines):
    """As they are typed. What asks whether the server answers asks for a file here."""
    command = tmp_path / "codetracer-record"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{record_script}' \"$@\"\n")
    command.chmod(0o755)
    (tmp_path / "curl").write_text("#!/bin/sh\nexec test -e ready\n")
    (tmp_path / "curl").chmod(0o755)
    (tmp_path / "server.py").write_text(
        "import os, time\nopen('ready', 'w').close()\nn = 0\nwhile not os.path.exists('stop'):\n    n += 1\n    time.sleep(0.001)\n"
    )
    first, until, *kills = (line.strip() for line in lines.splitlines())
    script = "\n".join([first, "server=$!", until, *(f"sleep 0.3\n{kill}\nsleep 0.3" for kill in kills), "touch stop", "wait $server"])
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env={**environment_for(), "PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    trace = tmp_path / "trace-out"

    def in_loop(place):
        return [e for e in events(place) if e["event"] == "step" and e["line"] == 5]

    steps = in_loop(trace)
    assert len(steps) > 20
    if "--dump-signal" in first:
        assert "dumped to " in done.stderr and 0 < len(in_loop(trace / "dump-1")) < len(steps) - 20
    else:
        gaps = [e["reason"] for e in events(trace) if e["event"] == "gap"]
        assert gaps == ["paused", "paused"] and steps[0]["locals"]["n"] > 20  # from the start on, and from the second signal on
