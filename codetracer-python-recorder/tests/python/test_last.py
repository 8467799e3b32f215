"""--last: only the end of a run is kept, on a disk that does not fill. The judge is a recording of the whole run: its end must be the same."""

import json
import signal
import subprocess
import sys
import time

import pytest
import reading
from codetracer_python_recorder import TraceError, read
from conftest import Recorded, environment_for

# Objects, texts that come again after the blocks they were written in are gone, one that lives all the time, generators, exceptions.
PROGRAM = """\
import sys
class Node:
    def __init__(self, n, text):
        self.n = n
        self.text = text
def gen(items):
    for item in items:
        try:
            yield item
        except ValueError:
            pass
def work(i, state, forever):
    text = f"a text that is long enough to be a content of its own: {i % 70}"
    state.append(Node(i, text))
    if len(state) > 3:
        state.pop(0)
    try:
        if i % 3 == 0:
            raise KeyError(text)
    except KeyError as error:
        caught = error
    return text
def main(n):
    state = []
    forever = "the very first long text, which is in the state at the end as it was at the beginning"
    counter = gen(range(n))
    for i in counter:
        last = work(i, state, forever)
    return last
main(int(sys.argv[1]))
"""

THREADS = """\
import threading, sys
def work(number, turns):
    values = {}
    for i in range(turns):
        values[i % 7] = f"thread {number} writes a text that is long enough {i % 300}"
    return len(values)
threads = [threading.Thread(target=work, args=(n, int(sys.argv[1]))) for n in range(3)]
for t in threads: t.start()
for t in threads: t.join()
done = True
"""


# Blocks and segments so small that much is dropped in a short run.
DRIVER = """\
import sys
from codetracer_python_recorder import _native
def start(journal, live, options, real=_native.start):
    real(journal, live, {**options, "segment_bytes": 6000, "block_bytes": 2000})
_native.start = start
from codetracer_python_recorder.cli import main_record
sys.exit(main_record())
"""


@pytest.fixture
def record(tmp_path):
    """record(turns, code=…, options=…): the program under the command line, with small blocks."""

    def run(turns, code, options=(), out=None):
        out = out or tmp_path / "trace"
        (tmp_path / "prog.py").write_text(code)
        command = [sys.executable, "-c", DRIVER, "-o", str(out), *map(str, options), "prog.py", str(turns)]
        return Recorded(subprocess.run(command, cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=60), out)

    return run


def without_address(item):
    item.pop("address", None)
    return item


def events(trace):
    found = []
    for event in (json.loads(json.dumps(event), object_hook=without_address) for event in reading.print_json(trace, "--all-locals")):
        event.pop("changed", None)  # at the first step everything has changed
        event.pop("step", None)
        event.pop("system_id", None)
        for name in ("__loader__", "__spec__"):
            event.get("locals", {}).pop(name, None)
        found.append(event)
    return found


def verified(trace):
    done = subprocess.run([reading.trace_tool(), "verify", str(trace)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("limit, turns", [("200", 400), ("1", 300), ("2000", 600), ("12kB", 600)])
def test_the_end_is_that_of_the_whole_recording(record, tmp_path, limit, turns):
    whole = record(turns, code=PROGRAM, options=["--quiet", "--format=journal"], out=tmp_path / "whole")
    record_last = record(turns, code=PROGRAM, options=["--format=journal", "--last", limit])
    assert (whole.status, record_last.status) == (0, 0), record_last
    expected, kept = events(whole.trace), events(record_last.trace)
    assert kept[0]["event"] == "gap" and kept[0]["reason"] == "dropped"
    kept = kept[1:]
    assert len(kept) < len(expected) * 0.8
    assert kept == expected[-len(kept) :]
    steps = sum(e["event"] == "step" for e in kept)
    if limit.isdigit():
        assert steps >= int(limit)
    else:
        assert (record_last.trace / "prog.ctj").stat().st_size < 40_000
    assert f"the last {steps:,} of {sum(e['event'] == 'step' for e in expected):,} steps" in record_last.err
    assert verified(record_last.trace) == (0, verified(record_last.trace)[1])


@pytest.mark.parametrize("size, turns", [(200, 8000), (50_000, 600)])
def test_long_texts_count(record, tmp_path, size, turns):
    """They are not among the events: with 100 kB in each turn all 60 MB were one segment, and stayed."""
    code = f"import os\nfor i in range({turns}):\n    text = os.urandom({size}).hex()\n    kept = text[:4]\n"
    seen = record(turns, code=code, options=["--format=journal", "--last", "500kB"])
    assert (seen.trace / "prog.ctj").stat().st_size < 1_000_000
    assert verified(seen.trace)[0] == 0, verified(seen.trace)
    steps = [e["locals"] for e in events(seen.trace) if e["event"] == "step" and e["line"] == 4]
    assert steps[-1]["i"] == turns - 1 and 3 <= len(steps) < turns / 2
    assert [step["i"] for step in steps] == list(range(steps[0]["i"], turns)) and all(len(step["text"]) == 2 * size for step in steps)


def test_a_short_run_is_kept_whole(record, tmp_path):
    whole = record(20, code=PROGRAM, options=["--quiet", "--format=journal"], out=tmp_path / "whole")
    seen = record(20, code=PROGRAM, options=["--format=journal", "--last", "100000"])
    assert events(seen.trace) == events(whole.trace)
    assert "the last" not in seen.err


def test_threads(record):
    seen = record(900, code=THREADS, options=["--format=journal", "--last", "300"])
    assert seen.status == 0 and verified(seen.trace)[0] == 0, verified(seen.trace)
    kept = events(seen.trace)
    assert kept[0]["reason"] == "dropped"
    at = {}
    for event in kept[1:]:
        if event["event"] == "step" and event["function"] == "work" and "i" in event["locals"]:
            thread, i = event["thread"], event["locals"]["i"]
            assert i in (at.get(thread, i), at.get(thread, i) + 1)
            at[thread] = i
    assert at and max(at.values()) == 899


@pytest.mark.parametrize("form", ["ct", "ct-single", "ct-multi", "json", "binary"])
def test_formats(record, form):
    """Calls that were running where the trace begins are opened there; the rules of CodeTracer's loader hold."""
    seen = record(600, code=PROGRAM, options=[f"--format={form}", "--last", "200"])
    assert seen.status == 0, seen
    assert verified(seen.trace)[0] == 0, verified(seen.trace)
    steps = [e for e in events(seen.trace) if e["event"] == "step"]
    assert (steps[-1]["function"], steps[-1]["line"]) == ("main", 29) and steps[-1]["locals"]["i"] == 599
    assert steps[-1]["locals"]["forever"].startswith("the very first")
    if form != "ct":
        calls = [e["function"] for e in events(seen.trace) if e["event"] == "call"]
        assert calls[:2] == ["<module>", "main"]


def on_disk(folder):
    return sum((path.stat().st_blocks * 512) for path in folder.rglob("*.ctj"))


def test_the_disk_does_not_fill_and_a_kill_leaves_the_end(tmp_path, record_script):
    """The file's size grows, what it takes on the disk does not."""
    endless = PROGRAM.replace("main(int(sys.argv[1]))", "import itertools\nrange = lambda n: itertools.count()\nmain(1)")
    (tmp_path / "prog.py").write_text(endless)
    process = subprocess.Popen(
        [sys.executable, str(record_script), "-o", "t", "--quiet", "--last", "5000", "prog.py"], cwd=tmp_path, env=environment_for(),
        stderr=subprocess.PIPE,
    )  # fmt: skip
    sizes, apparent = [], []
    deadline = time.monotonic() + 60
    while len(sizes) < 8 and time.monotonic() < deadline:
        time.sleep(0.5)
        files = list((tmp_path / "t").rglob("*.ctj"))
        if files:
            sizes.append(on_disk(tmp_path / "t"))
            apparent.append(files[0].stat().st_size)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert apparent[-1] > 1.5 * max(sizes), (sizes, apparent)
    assert max(sizes) < 3_000_000, sizes
    done = subprocess.run([reading.trace_tool(), "recover", "--format", "journal", str(tmp_path / "t")], capture_output=True, text=True)
    if done.returncode == 2:  # without the option: the format that the recording was to have
        done = subprocess.run([reading.trace_tool(), "recover", str(tmp_path / "t")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [e for e in events(tmp_path / "t") if e["event"] == "step"]
    assert len(steps) >= 5000
    numbers = [e["locals"]["i"] for e in steps if e["function"] == "main" and "i" in e["locals"]]
    assert numbers == sorted(numbers) and len(set(numbers)) > 300
    assert verified(tmp_path / "t")[0] == 0


def test_from_python(tmp_path):
    code = "from codetracer_python_recorder import trace\nwith trace('t', last=200, format='journal'):\n    total = 0\n    for i in range(60000):\n        total += i\n"
    (tmp_path / "prog.py").write_text(code)
    subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), check=True, timeout=60)
    kept = events(tmp_path / "t")
    assert kept[0]["reason"] == "dropped"
    assert [e["locals"]["i"] for e in kept if e["event"] == "step"][-1] == 59999


@pytest.mark.parametrize("value", ["0", "-5", "many", "5XB", "1.5"])
def test_wrong_values(record, value):
    seen = record(1, code="print(1)", options=["--last", value])
    assert seen.status == 2 and "last must be a number" in seen.err and seen.out == "", seen


def test_what_a_running_recording_drops_while_it_is_read_is_no_damage(tmp_path, record_script):
    endless = "def work(i):\n    held = {'number': i, 'items': [i] * 5}\n    return held\n\ni = 0\nwhile True:\n    i += 1\n    work(i)\n"
    (tmp_path / "prog.py").write_text(endless)
    out, tool = tmp_path / "t", reading.trace_tool()
    command = [sys.executable, str(record_script), "-o", "t", "--quiet", "--format", "journal", "--last", "2000", "prog.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment_for())
    try:

        def wait_for_more():
            before = sum(path.stat().st_size for path in out.rglob("*.ctj"))
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and sum(path.stat().st_size for path in out.rglob("*.ctj")) < before + 4_000_000:
                time.sleep(0.05)

        wait_for_more()
        process.send_signal(signal.SIGSTOP)
        # The kernel's pipe fills, and the printer waits in the middle of the trace.
        printer = subprocess.Popen([tool, "print", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert printer.stdout.readline()
        with read(out) as trace:
            first = trace.steps[0]
            process.send_signal(signal.SIGCONT)
            wait_for_more()
            with pytest.raises(TraceError, match="has gone on and keeps only its end") as raised:
                print(first.locals, [step.locals for step in trace.steps])
            assert raised.value.position is None
        _, told = printer.communicate(timeout=60)
        assert printer.returncode == 1
        assert "has gone on and keeps only its end" in told and "byte" not in told
        for _ in range(25):  # each opens and reads all of it anew, when it has to
            done = subprocess.run([tool, "verify", str(out)], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0 and "unfinished" in done.stdout, done.stdout + done.stderr
    finally:
        process.kill()
        process.wait()
