"""--io-capture proxies+fd: what C code and child processes write. The program's output is compared byte for byte with that of plain Python; what is recorded, with what was written."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import environment_for, wait_for
from terminals import on_terminal

import reading
from codetracer_python_recorder import read

COMMAND = [
    "-c", "import sys; from codetracer_python_recorder.cli import main_record; sys.exit(main_record())",
    "--quiet", "--format=journal", "-o", "trace", "--io-capture=proxies+fd",
]  # fmt: skip
HEAD = "import ctypes, os, subprocess, sys, time\nlibc = ctypes.CDLL(None)\n"
MIXED = HEAD + """\
print("python")
libc.printf(b"c code\\n"); libc.fflush(None)
print("flushed", flush=True)
subprocess.run(["echo", "child"])
os.write(1, b"\\x00\\xff\\xfe binary\\r\\n")
os.write(2, b"error\\n")
print("text error", file=sys.stderr)
sys.stdout.buffer.write(b"buffered \\xc3")
sys.stdout.flush()
subprocess.run("echo one; echo two >&2; echo three", shell=True)
os.fdopen(os.dup(1), "w").write("duplicate\\n")
open(1, "wb", closefd=False, buffering=0).write(b"unbuffered\\n")
libc.printf(b"left in the buffer %d\\n", 5)
print("end")
"""


def start(folder, code, recorded, *options, **how):
    (folder / "prog.py").write_text(code)
    command = [*COMMAND, *options] if recorded else []
    return subprocess.Popen([sys.executable, *command, "prog.py"], cwd=folder, env=environment_for(), stdin=subprocess.DEVNULL, **how)


def to_pipes(folder, code, recorded):
    process = start(folder, code, recorded, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    return out, err, process.returncode


def to_one_pipe(folder, code, recorded):
    process = start(folder, code, recorded, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=60)
    return out, process.returncode


def to_files(folder, code, recorded, mode="wb"):
    seen = []
    names = folder / "out", folder / "err"
    for name in names:
        name.write_bytes(b"was there\n")
    with open(names[0], mode) as out, open(names[1], mode) as err:
        seen.append(start(folder, code, recorded, stdout=out, stderr=err).wait(60))
    return [name.read_bytes() for name in names] + seen


def to_ends_of_files(folder, code, recorded):
    return to_files(folder, code, recorded, "ab")


def to_one_file(folder, code, recorded):
    with open(folder / "both", "wb") as both:
        status = start(folder, code, recorded, stdout=both, stderr=subprocess.STDOUT).wait(60)
    return (folder / "both").read_bytes(), status


def to_terminal(folder, code, recorded):
    (folder / "prog.py").write_text(code)
    return on_terminal([sys.executable, *(COMMAND if recorded else []), "prog.py"], folder, environment_for(TERM="dumb"))


PLACES = [to_pipes, to_one_pipe, to_files, to_ends_of_files, to_one_file, to_terminal]


def outputs(folder):
    with read(folder / "trace") as trace:
        return [(output.stream, output.line, output.data, bool(output.descriptors)) for output in trace.outputs]


def written(folder, *streams):
    return b"".join(data for stream, _, data, _ in outputs(folder) if stream in streams or not streams)


@pytest.mark.parametrize("place", PLACES)
def test_output_is_as_plain(tmp_path, place):
    plain = place(tmp_path, MIXED, False)
    assert place(tmp_path, MIXED, True) == plain and b"\xff\xfe binary" in b"".join(part for part in plain if isinstance(part, bytes))
    # Nothing twice, nothing missing; the order of what lies in different buffers is that of writing.
    shown = b"".join(part for part in plain[:-1]).replace(b"was there\n", b"")
    if place is to_terminal:
        shown = shown.replace(b"\r\n", b"\n")
    assert sorted(written(tmp_path)) == sorted(shown)


STREAMS = """\
import io, os, sys
print("begin", flush=True)
os.write(1, b"past\\n")
sys.stdout.reconfigure(encoding="latin-1", errors="replace", newline="\\r\\n")
print("h\\xe9", "\\u20ac")
sys.stdout.reconfigure(encoding="utf-8", newline="\\n")
sys.stderr.reconfigure(errors="strict")
class Upper(io.TextIOWrapper):
    def write(self, text): return super().write(text.upper())
sys.stdout = Upper(sys.stdout.buffer, encoding="utf-8", line_buffering=True)
print("again")
for stream in sys.stdout, sys.stdout.buffer, sys.stderr.buffer.raw:
    try: print(stream.tell(), file=sys.stderr, flush=True)
    except OSError as error: print(error, file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("place", PLACES)
def test_streams_can_be_changed(tmp_path, place):
    """A stream over a file asks for its position then: it is the file's, though the descriptor is a pipe."""
    plain = place(tmp_path, STREAMS, False)
    assert plain[-1] == 0 and b"h\xe9 ?" in plain[0] and b"AGAIN" in plain[0]
    assert place(tmp_path, STREAMS, True) == plain


def test_steps_streams_and_levels(tmp_path):
    to_pipes(tmp_path, MIXED, True)
    pieces = {}
    for stream, line, data, past in outputs(tmp_path):
        key = stream, line, past
        pieces[key] = pieces.get(key, b"") + data
    assert pieces == {
        ("stdout", 3, False): b"python\n",
        ("stdout", 4, True): b"c code\n",
        ("stdout", 5, False): b"flushed\n",
        ("stdout", 6, True): b"child\n",
        ("stdout", 7, True): b"\x00\xff\xfe binary\r\n",
        ("stderr", 8, True): b"error\n",
        ("stderr", 9, False): b"text error\n",
        ("stdout", 10, True): b"buffered \xc3",
        ("stdout", 12, True): b"one\nthree\n",
        ("stderr", 12, True): b"two\n",
        ("stdout", 13, True): b"duplicate\n",
        ("stdout", 14, True): b"unbuffered\n",
        ("stdout", 16, False): b"end\n",
        ("stdout", 0, True): b"left in the buffer 5\n",
    }


def test_one_place_keeps_order_and_says_that_it_is_one(tmp_path):
    code = HEAD + "subprocess.run('for i in 1 2 3 4 5 6 7 8 9; do echo out$i; echo err$i >&2; done', shell=True)\n"
    out, _ = to_one_pipe(tmp_path, code, True)
    expected = b"".join(b"out%d\nerr%d\n" % (n, n) for n in range(1, 10))
    assert out == expected and written(tmp_path) == expected
    with read(tmp_path / "trace") as trace:
        assert {output.descriptors for output in trace.outputs} == {(1, 2)}
    shown = subprocess.run([reading.trace_tool(), "print", "trace"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert "stdout (fd 1 or 2) 'out1\\nerr1\\n" in shown


def test_json_has_the_bytes(tmp_path):
    to_pipes(tmp_path, HEAD + "os.write(1, b'\\xffa')\nos.write(2, b'text')\nprint()\n", True)
    events = [event for event in reading.print_json(tmp_path / "trace") if event["event"] == "output"]
    assert [(event["stream"], event["text"], event.get("fd"), event.get("hex")) for event in events] == [
        ("stdout", "\ufffda", [1], "ff61"), ("stderr", "text", [2], None), ("stdout", "\n", None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("format", ["ct", "json", "binary"])
def test_exports_have_it(tmp_path, format):
    start(tmp_path, HEAD + "os.write(1, b'from below\\n')\n", True, f"--format={format}", stdout=subprocess.DEVNULL).wait(60)
    with read(tmp_path / "trace") as trace:
        assert [(output.stream, output.text) for output in trace.outputs] == [("stdout", "from below\n")]


LARGE = """\
block = bytes(range(256)) * 4096
for i in range(24): os.write(1, block) if i % 2 else sys.stdout.buffer.write(block)
sys.stdout.flush()
subprocess.run(["head", "-c", "8000000", "/dev/zero"])
"""


@pytest.mark.parametrize("place", [to_pipes, to_files, to_terminal])
def test_large_output(tmp_path, place):
    code = HEAD + ("import tty; tty.setraw(1) if sys.stdout.isatty() else None\n" if place is to_terminal else "") + LARGE
    if place is to_terminal:
        code = code.replace("range(256)", "range(32, 64)") # the test's terminal would change others
    plain = place(tmp_path, code, False)
    assert place(tmp_path, code, True) == plain
    if place is not to_terminal:
        assert len(written(tmp_path)) == len(plain[0]) == 24 * (1 << 20) + 8_000_000
        assert written(tmp_path).replace(b"\0" * 1000, b"") .count(b"\xff") == 24 * 4096


def test_nothing_waits_for_the_recorder(tmp_path):
    """A child writes much while no Python code runs, and its reader is slow: the writer is held up as it is by a pipe, and all is there."""
    process = start(tmp_path, HEAD + "subprocess.run(['head', '-c', '3000000', '/dev/zero'])\nprint('done')\n", True, stdout=subprocess.PIPE)
    time.sleep(1)
    assert process.poll() is None  # held up: plain Python is, too
    out = process.stdout.read()
    assert process.wait(60) == 0 and out == b"\0" * 3_000_000 + b"done\n"
    assert written(tmp_path) == out


@pytest.mark.parametrize("how", ["python", "child", "both"])
def test_closed_reader(tmp_path, how):
    loop = {
        "python": "for n in range(10**9): print(n)",
        "child": "sys.exit(subprocess.run(['yes']).returncode & 127)",
        "both": "print('x', flush=True)\nwhile not os.path.exists('closed'): time.sleep(0.02)\ntime.sleep(0.1)\nprint(subprocess.run(['echo', 'y'], stderr=-3).returncode, file=sys.stderr)\n"
        "print('z', flush=True)",
    }[how]

    def run(recorded):
        process = start(tmp_path, HEAD + loop + "\n", recorded, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = process.stdout.readline()
        process.stdout.close()
        (tmp_path / "closed").touch()
        err = process.stderr.read().decode()
        (tmp_path / "closed").unlink()
        return line, process.wait(60), err.splitlines()[:1], err.splitlines()[-1:]

    assert run(True) == run(False)


def test_closed_streams(tmp_path):
    for code in ("os.close(1)\nos.write(2, b'on')\n", "os.close(2)\nprint('on')\n", "os.dup2(os.open('elsewhere', os.O_CREAT | os.O_WRONLY), 1)\nprint('text', flush=True)\nos.write(1, b'x')\n",
                 "os.closerange(3, 2000)\nprint('text', flush=True)\nos.write(1, b'raw')\nprint('more')\n", "sys.stdout.close()\nos.write(2, b'on')\n", "sys.stdout = None\nprint(1)\nos.write(1, b'x')\n"):  # fmt: skip
        assert to_pipes(tmp_path, HEAD + code, True) == to_pipes(tmp_path, HEAD + code, False), code
    for closed in ("<&- >&-", "2>&-", ">&- 2>&-"):
        command = [sys.executable, *COMMAND, "prog.py"]
        (tmp_path / "prog.py").write_text(HEAD + "open('mark', 'w').write(str(sys.stdout) + str(sys.stderr))\nsubprocess.run(['echo', 'x'])\n")
        seen = []
        for start_it in (command, [sys.executable, "prog.py"]):
            done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *start_it], cwd=tmp_path, env=environment_for(), capture_output=True)
            seen.append((done.returncode, done.stdout, done.stderr if closed != "2>&-" else b"", (tmp_path / "mark").read_text()))
        assert seen[0] == seen[1], closed


ENDINGS = {
    "exit": "os._exit(7)",
    "exec": "os.execvp('sh', ['sh', '-c', 'echo after; exit 7'])",
    "killed": "os.kill(os.getpid(), 9)",
    "term": "os.kill(os.getpid(), 15)",
    "abort": "os.abort()",
    "segv": "import faulthandler; faulthandler.enable(); faulthandler._sigsegv()",
    "raise": "raise ValueError('so')",
    "daemon": "subprocess.Popen('sleep 0.5; echo late', shell=True)",
    "fork": "pid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: os.write(1, b'below')\nprint('parent' if pid else 'child', flush=True)\n",
    "fork_exit": "pid = os.fork()\nif pid == 0:\n    print('child', flush=True)\n    os._exit(3)\nprint(os.waitpid(pid, 0)[1])",
    "fork_nobody": "print(os.getpid() > 0)\ntry: os.wait()\nexcept ChildProcessError: print('no child')",
}


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("place", [to_pipes, to_files, to_one_pipe])
def test_endings(tmp_path, name, place):
    if (name, place) == ("daemon", to_files):
        place = to_pipes  # which end when all of it was written
    code = HEAD + "os.write(1, b'x' * 3000)\nlibc.write(2, b'below\\n', 6)\n" + ENDINGS[name] + "\n"
    plain, seen = place(tmp_path, code, False), place(tmp_path, code, True)
    if name == "segv":  # its report has addresses and the recorder's own calls
        def told():
            written = [(tmp_path / part).read_bytes() for part in ("out", "err")] if place is to_files else filter(lambda part: isinstance(part, bytes), seen)
            return b"".join(written).count(b"Fatal Python error: Segmentation fault")

        wait_for(lambda: told() > 0)
        assert seen[-1] == plain[-1] and told() == 1
    elif place is to_files and name in ("killed", "term", "abort"):  # as with segv, what forwards may be a moment later than whoever waits for the program
        expected = plain[:-1]
        wait_for(lambda: [(tmp_path / part).read_bytes() for part in ("out", "err")] == expected)
        assert seen[-1] == plain[-1]
    else:
        assert seen == plain


def test_kill_at_any_moment(tmp_path):
    """Whatever a killed program has written arrives, and what is recorded is a beginning of it."""
    (tmp_path / "prog.py").write_text(HEAD + "n = 0\nwhile True:\n    n += 1\n    libc.dprintf(1, b'%d\\n', n)\n    os.write(2, b'%d\\n' % n)\n")
    for delay in (0.3, 0.35, 0.42, 0.5):
        process = start(tmp_path, (tmp_path / "prog.py").read_text(), True, stdout=open(tmp_path / "out", "wb"), stderr=subprocess.PIPE)
        os.read(process.stderr.fileno(), 1)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        err = b"1"[:0] + process.stderr.read()
        assert process.wait() == -signal.SIGKILL
        count = err.split(b"\n")[-2]
        wait_for(lambda: int((tmp_path / "out").read_bytes().split(b"\n")[-2]) >= int(count))
        out = (tmp_path / "out").read_bytes().split(b"\n")
        assert out[:-1] == [b"%d" % n for n in range(1, len(out))] and len(out) - 1 - int(count) in (0, 1) and out[-1] == b""
        done = subprocess.run([reading.trace_tool(), "recover", "trace"], cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stderr
        recorded = written(tmp_path, "stdout").split(b"\n")
        assert recorded[:-1] == out[: len(recorded) - 1] and len(out) - len(recorded) <= 2


TERMINAL = HEAD + """\
import fcntl, shutil, signal, struct, termios
print([os.isatty(n) for n in range(3)], sys.stdout.isatty(), sys.stdout.line_buffering, os.get_terminal_size(1), shutil.get_terminal_size())
subprocess.run([sys.executable, "-c", "import sys, os; print(sys.stdout.isatty(), sys.stderr.isatty(), os.get_terminal_size(1))"])
subprocess.run("test -t 1 && echo terminal; test -t 2 && echo terminal >&2; test -t 1 | cat", shell=True)
libc.printf(b"line buffered\\n")
os.write(1, b"tab\\there\\n\\033[1mbold\\033[0m\\n")
fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 11, 33, 0, 0))
for _ in range(100):
    if os.get_terminal_size(1).columns == 33: break
    time.sleep(0.05)
print(os.get_terminal_size(1))
"""


def test_a_terminal_stays_one(tmp_path):
    plain = to_terminal(tmp_path, TERMINAL, False)
    assert to_terminal(tmp_path, TERMINAL, True) == plain
    assert plain[0].startswith(b"[True, True, True] True True") and b"columns=33, lines=11" in plain[0] and plain[1] == 0


def test_input_at_a_terminal(tmp_path):
    code = HEAD + "os.write(1, b'before\\n')\nname = input('name? ')\nos.write(1, b'after\\n')\n"
    seen = []
    for recorded in (False, True):
        (tmp_path / "prog.py").write_text(code)
        command = [sys.executable, *(COMMAND if recorded else []), "prog.py"]
        seen.append(on_terminal(command, tmp_path, environment_for(TERM="dumb"), [(b"name? ", b"Ada\n")]))
    assert seen[0] == seen[1]
    assert [(stream, data, past) for stream, _, data, past in outputs(tmp_path)] == [
        ("stdout", b"before\n", True), ("stdout", b"name? ", False), ("stdin", b"Ada\n", False), ("stdout", b"after\n", True),
    ]  # fmt: skip


def test_secrets_are_hidden(tmp_path):
    code = HEAD + "password = 'correct' + '-horse-battery'\nos.write(1, password.encode() + b'\\n')\nfor part in ('a correct-ho', 'rse-battery b\\n'): libc.dprintf(1, part.encode())\n"
    out, _, _ = to_pipes(tmp_path, code, True)
    assert out == b"correct-horse-battery\na correct-horse-battery b\n"
    assert written(tmp_path) == b"<redacted>\na <redacted> b\n"
    for name in os.listdir(tmp_path / "trace"):
        assert b"correct-horse-battery" not in (tmp_path / "trace" / name).read_bytes()


def test_filters_choose_streams(tmp_path):
    (tmp_path / "filter.toml").write_text('[meta]\nname = "x"\nversion = 1\n[scope]\ndefault_exec = "trace"\ndefault_value_action = "allow"\n[io]\ncapture = true\nstreams = ["stderr"]\n')
    process = start(tmp_path, MIXED, True, "--trace-filter=filter.toml", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert written(tmp_path) == err == b"error\ntext error\ntwo\n"


def test_pauses_leave_it_out(tmp_path):
    code = HEAD + "from codetracer_python_recorder import pause, resume\nos.write(1, b'a\\n')\npause()\nos.write(1, b'b\\n')\nsubprocess.run(['echo', 'c'])\nresume()\nos.write(1, b'd\\n')\nprint('e')\n"
    assert to_pipes(tmp_path, code, True)[0] == b"a\nb\nc\nd\ne\n"
    assert written(tmp_path) == b"a\nd\ne\n"


def test_threads(tmp_path):
    code = HEAD + """\
import threading
def work(n):
    for i in range(200):
        os.write(1, b"%d:%d\\n" % (n, i)); print(f"p{n}:{i}\\n", end="", flush=True)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    out, err, status = to_pipes(tmp_path, code, True)
    assert status == 0 and err == b""
    expected = [[f"{kind}{n}:{i}".encode() for i in range(200)] for n in range(4) for kind in ("", "p")]
    for lines in (out.split(b"\n"), written(tmp_path).replace(b"\n", b"\n").split(b"\n")):
        assert [[line for line in lines if line.startswith(kind[0].split(b":")[0] + b":")] for kind in expected] == expected


def test_from_python(tmp_path):
    """Recordings one after the other in a process: descriptors are the program's own again after each."""
    code = HEAD + """\
from codetracer_python_recorder import configure_policy, policy_snapshot, trace
configure_policy(io_capture_fd_fallback=True)
import threading
def state(): return [(os.fstat(n).st_ino, os.fstat(n).st_dev) for n in (1, 2)], len(os.listdir("/proc/self/fd"))
before = state()
for n in range(3):
    with trace(f"trace{n}", format="journal"):
        libc.dprintf(1, b"in %d\\n", n)
        libc.printf(b"kept %d\\n", n)
        print(policy_snapshot()["io_capture"], threading.active_count())
    assert state() == before, (before, state())
    os.write(1, b"between\\n")
"""
    (tmp_path / "prog.py").write_text(code)
    done = subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), capture_output=True)
    assert done.returncode == 0, done.stderr
    for n in range(3):
        with read(tmp_path / f"trace{n}") as trace:
            recorded = [output.data for output in trace.outputs if output.descriptors]
        assert recorded == [b"in %d\n" % n, b"".join(b"kept %d\n" % m for m in range(n + 1))]
    assert done.stdout.count(b"'fd_fallback': True} 1") == 3 and sorted(done.stdout.split(b"\n"))[1:4] == [b"between"] * 3


def test_environment(tmp_path):
    (tmp_path / "prog.py").write_text("import os\nos.write(1, b'x')\n")
    command = [sys.executable, *COMMAND[:-1], "prog.py"]
    subprocess.run(command, cwd=tmp_path, env=environment_for(CODETRACER_CAPTURE_IO="proxies,fd"), capture_output=True)
    assert written(tmp_path) == b"x"


def test_forks_see_no_threads(tmp_path):
    """CPython warns of a fork when the process has more than one thread."""
    code = "import warnings, os\nwarnings.simplefilter('error')\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)\nprint('fine')\n"
    assert to_pipes(tmp_path, code, True) == (b"fine\n", b"", 0)


def test_no_forwarder_is_one_sentence(tmp_path):
    code = "from codetracer_python_recorder import _native\n_native.start('j', 'l', {'forwarder': '/nonexistent'})\n"
    out, err, status = to_pipes(tmp_path, code, False)
    assert status == 1 and b"file descriptor 1 cannot be captured: the program that forwards it cannot be started (No such file or directory)" in err


# ---- the documentation ----

DOCUMENT = (Path(__file__).parents[3] / "docs" / "output.md").read_text()


def test_the_example_of_the_documentation(tmp_path, record_script):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    (example,) = re.findall(r"((?:    .*\n|\n)*    \$ codetracer-record .*\n(?:    .*\n|\n)*)", DOCUMENT)
    (tmp_path / "prog.py").write_text(code)
    (tmp_path / "bin").mkdir()
    shutil.copy(record_script, tmp_path / "bin" / "record.py")
    for name, command in (("codetracer-record", f"{sys.executable} {tmp_path}/bin/record.py"), ("codetracer-trace", reading.trace_tool())):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    for piece in re.split(r"^    \$ ", example, flags=re.MULTILINE)[1:]:
        command, _, expected = piece.partition("\n")
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment_for(PATH=path), capture_output=True, text=True)
        assert done.stdout == re.sub(r"^    ", "", expected, flags=re.MULTILINE).rstrip("\n") + "\n" and done.stderr == ""
