"""Text through stdin, stdout and stderr, with the step it happened at; and streams that are what they are without us."""

import subprocess
import sys

import pytest
from conftest import environment_for
from terminals import on_terminal


def outputs(answer, stream=None):
    """(stream, line, text) with the pieces of one stream on one line put together."""
    joined = []
    for event in answer.of("output"):
        if joined and joined[-1][:2] == [event["stream"], event["line"]]:
            joined[-1][2] += event["text"]
        else:
            joined.append([event["stream"], event["line"], event["text"]])
    return [tuple(entry) for entry in joined if stream in (None, entry[0])]


def test_every_way_to_write(journal):
    answer = journal(
        """import sys
print("one", 2, sep="-")
sys.stdout.write("three")
sys.stdout.writelines(["a", "b\\n"])
print("err", file=sys.stderr)
sys.stderr.write("é\\n")
print(end="")
print("x" * 3, flush=True, end="!\\n")
w = sys.stdout.write
w("bound\\n")
sys.__stdout__.write("original\\n")
def f(): print("in f")
f()
for n in range(2):
    print(n)
"""
    )
    assert outputs(answer) == [
        ("stdout", 2, "one-2\n"), ("stdout", 3, "three"), ("stdout", 4, "ab\n"), ("stderr", 5, "err\n"), ("stderr", 6, "é\n"), ("stdout", 8, "xxx!\n"),
        ("stdout", 10, "bound\n"), ("stdout", 11, "original\n"), ("stdout", 12, "in f\n"), ("stdout", 15, "0\n1\n"),
    ]  # fmt: skip
    assert "".join(text for _, _, text in outputs(answer, "stdout")) == answer.out
    assert "".join(text for _, _, text in outputs(answer, "stderr")) == answer.err
    # In the call and at the step it belongs to.
    (inner,) = {(event["function"], event["depth"]) for event in answer.of("output") if event["text"] == "in f"}
    assert inner == ("f", 1)
    loop = [(event["step"], event["text"]) for event in answer.of("output") if event["line"] == 15 and event["text"] != "\n"]
    steps = [event["step"] + 1 for event in answer.of("step") if event["line"] == 15]
    assert loop == list(zip(steps, "01"))


def test_every_way_to_read(journal):
    answer = journal(
        """import sys
a = input()
b = sys.stdin.readline()
c = sys.stdin.read(3)
sys.stdin.readline()
for line in sys.stdin:
    if line == "stop\\n": break
d = sys.stdin.readlines(1)
e = input("prompt: ")
f = sys.stdin.read()
try: input()
except EOFError: print("eof")
print(repr((a, b, c, d, e, f)))
""",
        stdin="one\ntwö\nabcdef\nl1\nl2\nstop\nlist\nasked\nrest\nend",
    )
    assert answer.out == "prompt: eof\n" + repr(("one", "twö\n", "abc", ["list\n"], "asked", "rest\nend")) + "\n"
    assert outputs(answer, "stdin") == [
        ("stdin", 2, "one\n"), ("stdin", 3, "twö\n"), ("stdin", 4, "abc"), ("stdin", 5, "def\n"), ("stdin", 6, "l1\nl2\nstop\n"),
        ("stdin", 8, "list\n"), ("stdin", 9, "asked\n"), ("stdin", 10, "rest\nend"),
    ]  # fmt: skip
    assert ("stdout", 9, "prompt: ") in outputs(answer)


STREAMS = """
import sys, io
for name in ("stdin", "stdout", "stderr"):
    s = getattr(sys, name)
    print(name, type(s), s is getattr(sys, "__" + name + "__"), s.isatty(), s.fileno(), s.encoding, s.errors, s.line_buffering, s.name, s.mode, s.closed,
          type(s.buffer), type(getattr(s.buffer, "raw", None)), sorted(vars(s)), s.write.__qualname__, s.readline.__self__ is s, io.TextIOWrapper.write, type(s).__mro__)
print(input.__name__, input.__module__, type(input), print.__self__, io.TextIOWrapper.__next__)
class Sub(io.TextIOWrapper): pass
t = Sub(io.BytesIO()); t.write("x"); t.flush(); print(t.buffer.getvalue(), len(dir(t)))
"""


def test_streams_are_what_they_are(same):
    seen, _ = same(code=STREAMS)
    assert seen.out.startswith("stdin <class '_io.TextIOWrapper'> True False 0 ")


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.stdout.close()\ntry: print('x')\nexcept ValueError as e: sys.stderr.write(str(e))\n",
        "import sys\nsys.stdout = None\nprint('x')\nsys.stderr.write('on')\n",
        "import sys, io\nsys.stdout = io.StringIO()\nprint('x')\nsys.stderr.write(sys.stdout.getvalue())\n",
        "import sys\ndel sys.stdout\ntry: print('x')\nexcept RuntimeError as e: sys.stderr.write(str(e))\n",
        "import sys\ntry: sys.stdout.write(5)\nexcept TypeError as e: print(e)\ntry: sys.stdout.write('a', 'b')\nexcept TypeError as e: print(e)\n",
        "import sys\ntry: print('\\ud800')\nexcept UnicodeEncodeError as e: print('no')\n",
        "import sys\nsys.stdout.reconfigure(encoding='ascii', errors='backslashreplace')\nprint('é')\n",
        "import os\nos.close(1)\nos.write(2, b'gone')\n",
        "import os\nos.write(1, b'raw\\n')\nprint('text')\n",
        "import sys\nsys.stdout.buffer.write(b'bytes\\n')\nsys.stdout.flush()\nprint('text')\n",
        "import sys, io\nclass W(io.TextIOBase):\n    def write(self, text): sys.__stdout__.write(text.upper()); return len(text)\nsys.stdout = W()\nprint('x')\n",
        "import sys\nclass P:\n    def __getattr__(self, n): return getattr(sys.__stdout__, n)\nsys.stdout = P()\nprint('proxied')\n",
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as s: print('in')\nprint(repr(s.getvalue()))\n",
        "import sys\nsys.stdin.close()\ntry: input()\nexcept ValueError as e: print(e)\n",
    ],
)
def test_unusual_streams(same, code):
    same(code=code)


def test_stream_that_the_program_put_there(journal, tmp_path):
    """A file in sys.stdout's place is the program's stdout."""
    answer = journal("import sys\nsys.stdout = open('file', 'w')\nprint('into file')\nsys.stdout.close()\nsys.stdout = sys.__stdout__\nprint('out')\n")
    assert (tmp_path / "file").read_text() == "into file\n" and answer.out == "out\n"
    assert outputs(answer) == [("stdout", 3, "into file\n"), ("stdout", 6, "out\n")]


def test_other_files_are_not_captured(journal):
    answer = journal("f = open('other', 'w+')\nf.write('no')\nf.seek(0)\nx = f.read()\nprint('yes', file=f)\nf.close()\n")
    assert not answer.of("output")


def test_output_at_the_programs_end(journal):
    code = """
import atexit, sys
atexit.register(lambda: print("atexit"))
class C:
    def __del__(self): sys.__stdout__.write("del\\n")
keep = C()
print("main")
"""
    answer, plain = journal(code), journal(code, plainly=True)
    assert answer.out == plain.out == "main\natexit\ndel\n"
    assert [text for _, _, text in outputs(answer, "stdout")][:1] == ["main\n"] and "atexit" in [event["text"] for event in answer.of("output")]


def test_uncaught_exception_is_printed_as_plain(same):
    same(code="def f():\n    1 / 0\nf()\n")


def test_large_and_odd_texts(journal):
    code = "import sys\nsys.stdout.write('é' * 400_000)\nsys.stdout.write('')\nsys.stdout.write('a\\0b\\r\\n')\nsys.stdout.write(type('S', (str,), {})('sub'))\n"
    answer = journal(code)
    assert "".join(event["text"] for event in answer.of("output")) == "é" * 400_000 + "a\0b\r\nsub"


def test_output_of_threads(journal):
    answer = journal(
        "import threading\ndef work(n):\n    for i in range(5): print(f'{n}:{i}\\n', end='')\nts = [threading.Thread(target=work, args=(n,)) for n in range(3)]\nfor t in ts: t.start()\nfor t in ts: t.join()\n"
    )
    of_thread = {}
    for event in answer.of("output"):
        of_thread.setdefault(event["thread"], []).append(event["text"])
    assert sorted(texts for texts in of_thread.values()) == [[f"{n}:{i}\n" for i in range(5)] for n in range(3)]


@pytest.mark.parametrize("name, descriptors", [("TextIOWrapper", False), ("FileIO", True), ("BufferedWriter", True)])
def test_replaced_types_of_io_are_refused(tmp_path, name, descriptors):
    """Their C storage would be used: whatever stands there, a sentence and no crash. Put back, recording goes on as if nothing had been."""
    code = f"""
import _io
from codetracer_python_recorder import configure_policy, errors, trace
configure_policy(io_capture_fd_fallback={descriptors})
kept = _io.{name}
for other in (len, 5, type({name!r}, (), {{}}), type("Sub", (kept,), {{}})):
    _io.{name} = other
    try:
        with trace("t"): print("recorded")
    except errors.InstallConflict as e:
        print(str(e).split(" in this process")[0])
_io.{name} = kept
with trace("t"): print("recorded")
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment_for(sys.executable), capture_output=True, text=True, timeout=60)
    refused = f"[ERR_TRACER_INSTALL_CONFLICT] _io.{name} has been replaced by something else\n"
    assert process.stdout == 4 * refused + "recorded\n", process.stderr


def test_no_capture_after_the_recording(journal, tmp_path):
    import reading

    journal(
        "from codetracer_python_recorder import trace\nprint('before')\nwith trace('inner', format='journal'):\n    print('in')\nprint('after')\n", plainly=True
    )
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    assert "".join(event["text"] for event in seen.of("output")) == "in\n"


def test_input_at_a_terminal(tmp_path):
    import reading

    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")
    (tmp_path / "prog.py").write_text("import sys\nname = input('name? ')\nprint('hello', name, sys.stdin.isatty(), sys.stdout.isatty())\nx = sys.stdin.readline()\n")
    lines = [(b"name? ", b"Ada\n"), (b"True\r\n", b"more\n")]
    plain = on_terminal([sys.executable, "prog.py"], tmp_path, environment_for(TERM="dumb"), lines)
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--format=journal", "-o", "trace", "prog.py"]
    seen = on_terminal(command, tmp_path, environment_for(TERM="dumb"), lines)
    assert seen == plain and plain[1] == 0 and b"hello Ada True True" in plain[0]
    answer = reading.Journal(reading.print_json(tmp_path / "trace"))
    assert [(event["stream"], event["line"], event["text"]) for event in answer.of("output") if event["line"] != 3] == [
        ("stdout", 2, "name? "), ("stdin", 2, "Ada\n"), ("stdin", 4, "more\n"),
    ]  # fmt: skip


def test_broken_pipe_is_as_plain(tmp_path):
    (tmp_path / "prog.py").write_text("for n in range(100000): print(n)\n")

    def run(*command):
        process = subprocess.Popen([sys.executable, *command, "prog.py"], cwd=tmp_path, env=environment_for(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        return process.wait(), err

    plain = run()
    seen = run("-c", "import sys; from codetracer_python_recorder.cli import main_record; sys.exit(main_record())", "--quiet", "--format=journal", "-o", "trace")
    assert seen[0] == plain[0] and "BrokenPipeError" in seen[1] and "BrokenPipeError" in plain[1]
