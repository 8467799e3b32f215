"""Sudden ends: what was recorded (the promise: until 200 ms before; in fact to the last event) is there for `codetracer-trace`, and the output folder can be used again."""

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time

import pytest
import reading
from conftest import environment_for

pytestmark = pytest.mark.skipif(not reading.trace_tool(), reason="codetracer-trace is not installed")

# Each tells by a mapped file how far it is.
PROGRAMS = {
    "loop": """
def run():
    n = 0
    while True:
        n += 1
        tell(n)
""",
    "objects": """
class C: pass
def run():
    n, kept = 0, {}
    while True:
        n += 1
        kept[n % 500] = [n, str(n) * 20]
        c = C(); c.n = n
        tell(n)
""",
    "sleeping": """
def run():
    n = 0
    while True:
        n += 1
        tell(n)
        if n % 50 == 0: time.sleep(0.002 if n % 1000 else 100)
""",
    "in_c": """
def run():
    n = 0
    while True:
        n += 1
        tell(n)
        if n == 3000: sum(range(10 ** 12))
""",
    "threads": """
import threading
def body():
    while True: other(1)
def other(x): return [x]
def run():
    for _ in range(2): threading.Thread(target=body, daemon=True).start()
    n = 0
    while True:
        n += 1
        tell(n)
""",
}
HEAD = """
import mmap, time, os
os.truncate(os.open("progress", os.O_RDWR | os.O_CREAT), 8)
_number = memoryview(mmap.mmap(os.open("progress", os.O_RDWR), 8)).cast("q")
def tell(n): _number[0] = n
"""


def progress(folder):
    try:
        return int.from_bytes((folder / "progress").read_bytes(), "little")
    except FileNotFoundError:
        return 0


def start(folder, code, *options):
    (folder / "prog.py").write_text(code)
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--out-dir", "trace", *options, "prog.py"]
    return subprocess.Popen(command, cwd=folder, env=environment_for(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def tool(*arguments):
    return subprocess.run([reading.trace_tool(), *map(str, arguments)], capture_output=True, text=True, timeout=60)


def last_told(trace, folder):
    """The n of the last call of tell() in a trace. Only the end of what the tool prints is parsed."""
    path = folder / "printed"
    with open(path, "wb") as file:
        done = subprocess.run([reading.trace_tool(), "print", "--json", "--function", "tell", str(trace)], stdout=file, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 100_000))
        lines = file.read().decode().split("\n")[1 if file.tell() > 100_000 else 0 :]
    return max(event["arguments"]["n"] for event in map(json.loads, filter(None, lines)) if event["event"] == "call")


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_at_any_moment(tmp_path, name, at):
    chosen = random.Random(f"{name} {at}").uniform(0.0, 0.25)
    process = start(tmp_path, HEAD + PROGRAMS[name] + "run()\n")
    end = time.monotonic() + 20
    while progress(tmp_path) < 10:
        assert time.monotonic() < end and process.poll() is None, process.communicate()
        time.sleep(0.005)
    time.sleep(chosen)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    reached = progress(tmp_path)

    # What lies there can be read as it is, and recovered; of a process's death nothing is lost but the event being written.
    before = last_told(tmp_path / "trace", tmp_path)
    recovered = tool("recover", tmp_path / "trace")
    assert recovered.returncode == 0, recovered.stderr
    assert last_told(tmp_path / "trace", tmp_path) == before
    assert before in (reached, reached + 1)
    assert tool("info", tmp_path / "trace").returncode == 0


@pytest.mark.parametrize("form", ["journal", "json", "ct"])
def test_a_recovery_that_has_no_room_can_be_made_again(tmp_path, form):
    start(tmp_path, "import os, random\nfor n in range(9000):\n    x = random.random()\n    y = n\nos.kill(os.getpid(), 9)\n").communicate()
    command = f"ulimit -f 16; exec {shlex.quote(str(reading.trace_tool()))} recover trace --format {form}"
    failed = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert failed.returncode == 1 and failed.stdout == "" and "File too large" in failed.stderr, failed
    assert tool("recover", tmp_path / "trace").returncode == 0
    assert sum(event["event"] == "step" for event in reading.print_json(tmp_path / "trace")) == 1 + 1 + 3 * 9000 + 1


def test_killed_before_anything_happened(tmp_path):
    process = start(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert tool("recover", tmp_path / "trace").returncode == 0
    assert [event["line"] for event in reading.print_json(tmp_path / "trace") if event["event"] == "step"][-1] == 2


@pytest.mark.parametrize(
    ("ending", "status"),
    [("os._exit(5)", 5), ("os.abort()", -signal.SIGABRT), ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV), ("os.kill(os.getpid(), 9)", -9)],
    ids=["_exit", "abort", "segfault", "kill"],
)
def test_ends_without_finish(tmp_path, ending, status):
    code = f"import os\ndef work(n): return n\nfor n in range(1000): work(n)\nlast = 'here'\n{ending}\n"
    if status == -signal.SIGSEGV and os.environ.get("CODETRACER_SANITIZE"):
        pytest.skip("AddressSanitizer turns SIGSEGV into an exit status")
    process = start(tmp_path, code)
    out, err = process.communicate(timeout=30)
    assert process.returncode == status
    recovered = tool("recover", tmp_path / "trace")
    assert recovered.returncode == 0, recovered.stderr
    answer = reading.Journal(reading.print_json(tmp_path / "trace"))
    assert [event["n"] for event in answer.arguments("work")] == list(range(1000))
    assert answer.of("step")[-1]["line"] == 5 and answer.of("step")[-1]["locals"]["last"] == "here"


def test_recording_again_into_the_same_folder(tmp_path):
    """A killed recording leaves its parts; the next one into this folder works, and the first can still be recovered."""
    process = start(tmp_path, "import os\nfirst = 1\nos.kill(os.getpid(), 9)\n")
    process.communicate()
    left = os.listdir(tmp_path / "trace")
    process = start(tmp_path, "second = 2\n")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    assert "prog.ct" in os.listdir(tmp_path / "trace") and set(left) <= set(os.listdir(tmp_path / "trace"))
    assert "second" in tool("print", tmp_path / "trace" / "prog.ct").stdout
    whole = tool("print", tmp_path / "trace")
    assert "second" in whole.stdout and "unfinished recording, too" in whole.stderr and whole.returncode == 0
    assert tool("recover", tmp_path / "trace").returncode == 0
    assert sorted(os.listdir(tmp_path / "trace")) == ["earlier", "prog.ct"], "the newer trace stays, the recovered one is below"
    assert os.listdir(tmp_path / "trace" / "earlier") == ["prog.ctj"] and "first" in tool("print", tmp_path / "trace" / "earlier").stdout
    again = tool("print", tmp_path / "trace")
    assert "second" in again.stdout and again.stderr == ""


@pytest.mark.parametrize("form", ["journal", "ct", "ct-single", "json"])
@pytest.mark.parametrize("to", ["journal", "json"])
def test_recovered_beside_an_older_trace(tmp_path, form, to):
    """The folder shows what was recorded last; the trace before it is whole in a folder of its own, and what is not ours stays."""
    process = start(tmp_path, "first = 1\nend = 2\n", "--format", form)
    process.communicate(timeout=30)
    names = sorted(os.listdir(tmp_path / "trace"))
    (tmp_path / "trace" / "other.ct").write_bytes(b"foreign")
    (tmp_path / "trace" / "earlier").mkdir()
    process = start(tmp_path, "import os\nsecond = 2\nos.kill(os.getpid(), 9)\n")
    process.communicate(timeout=30)
    recovered = tool("recover", "--format", to, tmp_path / "trace")
    assert recovered.returncode == 0 and f"is in {tmp_path / 'trace' / 'earlier-2'} now" in recovered.stderr
    assert sorted(os.listdir(tmp_path / "trace" / "earlier-2")) == names and os.listdir(tmp_path / "trace" / "earlier") == []
    assert (tmp_path / "trace" / "other.ct").read_bytes() == b"foreign"
    (tmp_path / "trace" / "other.ct").unlink()
    assert "second" in tool("print", tmp_path / "trace").stdout
    assert "first" in tool("print", tmp_path / "trace" / "earlier-2").stdout
    assert not [name for name in os.listdir(tmp_path / "trace") if name.startswith(".")]


def test_two_killed_recordings_in_one_folder(tmp_path):
    for code in ("first = 1", "second = 2"):
        start(tmp_path, f"import os\n{code}\nos.kill(os.getpid(), 9)\n").communicate(timeout=30)
    assert tool("recover", tmp_path / "trace").returncode == 0
    assert sorted(os.listdir(tmp_path / "trace")) == ["earlier", "prog.ctj"]
    assert "second" in tool("print", tmp_path / "trace").stdout and "first" in tool("print", tmp_path / "trace" / "earlier").stdout


def test_print_of_a_recording_whose_export_was_killed(tmp_path):
    """The journal is complete, but still in the private folder. It is what is shown, so nothing is said to be missing."""
    process = start(tmp_path, "only = 1\n", "--format", "journal")
    process.communicate(timeout=30)
    private = tmp_path / "killed" / ".recording-1-0123456789ab"
    private.mkdir(parents=True)
    (tmp_path / "trace" / "prog.ctj").rename(private / "journal.ctj")
    answer = tool("print", tmp_path / "killed")
    assert (answer.returncode, answer.stderr) == (0, "") and "only" in answer.stdout


@pytest.mark.parametrize("form", ["ct", "json", "journal"])
def test_a_recording_whose_trace_is_being_written_is_left_alone(tmp_path, form):
    """And is recovered once that has failed, though the process lives on."""
    (tmp_path / "prog.py").write_text(f"""\
import subprocess
from codetracer_python_recorder import RecorderError, export, start, stop
whole, fails = export.export, False
def recover():
    done = subprocess.run([{reading.trace_tool()!r}, "recover", "own"], capture_output=True, text=True)
    print(done.returncode, "still being written" in done.stderr)
def during_export(*arguments, **options):
    recover()
    if fails:
        raise OSError(28, "full")
    return whole(*arguments, **options)
export.export = during_export
start("own", format={form!r})
stop()
recover()
fails = True
start("own", format={form!r})
try:
    stop()
except RecorderError:
    recover()
""")
    answer = subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=60)
    assert answer.stdout.split("\n") == ["1 True", "0 False", "1 True", "0 False", ""], answer
    assert sorted(os.listdir(tmp_path / "own")) == ["earlier", "prog.ctj"]


def test_recovery_leaves_no_parts(tmp_path):
    """What a killed export or a recovery that did not succeed has put into the private folder goes with it."""
    process = start(tmp_path, "import os\nos.kill(os.getpid(), 9)\n")
    process.communicate()
    (private,) = (tmp_path / "trace").iterdir()
    (private / "trace" / "files" / "tmp").mkdir(parents=True)
    (private / "trace" / "files" / "tmp" / "prog.py").write_text("")
    (tmp_path / "trace" / "trace.json").write_text("[]")
    refused = tool("recover", tmp_path / "trace", "--format", "json")
    assert refused.returncode == 1 and "trace.json exists already" in refused.stderr
    assert sorted(os.listdir(private)) == ["journal.ctj", "journal.live", "trace"]
    assert tool("recover", tmp_path / "trace").returncode == 0
    assert sorted(os.listdir(tmp_path / "trace")) == ["prog.ctj", "trace.json"]


def test_exec_replaces_the_process(tmp_path):
    """os.exec*: the new program is not recorded; what was before is there."""
    process = start(tmp_path, "import os, sys\nx = 1\nsys.stdout.flush()\nos.execv(sys.executable, [sys.executable, '-c', 'print(6 * 7)'])\n")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "42\n", "")
    assert tool("recover", tmp_path / "trace").returncode == 0
    assert [event["line"] for event in reading.print_json(tmp_path / "trace") if event["event"] == "step"][-1] == 4
