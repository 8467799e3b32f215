"""codetracer-trace convert between all pairs of formats: what is left out is said, once, where it belongs (docs/converting.md); what is not left out comes back as the
same bytes. The bytes are taken out of the files by this test itself."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import reading
import zstandard
from codetracer_python_recorder import read

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "differential"))
import generate  # noqa: E402

FORMATS = ("json", "binary", "binary-v0", "ct-single", "ct-multi", "ct", "journal")
RICH = FORMATS[:4]
SEEDS = range(4)

EVERYTHING = r'''
import struct, sys, threading
class Numbers(list): pass
LIST = [1]
def numbers(count):
    for i in range(count):
        yield i
def failing():
    x = 1
    raise ValueError("boom")
def use(by):
    LIST.append(by)
    by = by + 1
    return len(LIST)
def main():
    shared = Numbers([1])
    shared.extra = "x"
    other = shared
    lone = "a\udc80b"
    nan, = struct.unpack("<d", struct.pack("<Q", 0x7ff8000000000001))
    pair = complex(nan, 1)
    total = sum(numbers(2))
    try:
        failing()
    except ValueError:
        pass
    use(2)
    waiting = numbers(5)
    next(waiting)
    print("out")
    print("err", file=sys.stderr)
    thread = threading.Thread(target=use, args=(3,), name="worker")
    thread.start()
    thread.join()
main()
'''
# What stands behind the count, for one and for many, and the targets that leave it out; docs/converting.md.
ALL = {"json", "binary", "binary-v0", "ct-single", "ct-multi"}
# CPython 3.12 closes a generator by throwing GeneratorExit into it; 3.13 ends one that has no handler without running it.
ENDS_UNSEEN = sys.version_info >= (3, 13)
LINES = {
    "times? a generator or coroutine was suspended": ALL,
    "generators? that ended while (?:it was|they were) suspended": ALL if ENDS_UNSEEN else set(),
    "times? an exception was raised or handled": ALL,
    "frames? that an exception ended": ALL,
    "ends? of a frame behind whose last step": ALL,
    "values? of (?:a )?global variables?": ALL,
    "objects? that (?:was|were) in a variable more than once": ALL,
    "of (?:a )?derived class(?:es)? that ha(?:s|ve) attributes": ALL,
    "texts? with lone surrogates": ALL,
    "floats? that (?:is|are) a NaN": {"json", "binary", "ct-single"},
    "complex numbers? with such a NaN": ALL,
    "threads? that ha(?:s|ve) a name": ALL,
    "changes? from one thread to another": ALL,
    "frames? whose end was not seen": set(),
    "times? the recording paused": set(),
    "texts? of (?:a )?source files?": {"ct-single"},
    "lines? of (?:a )?functions? whose columns? (?:is|are) known": {"json", "binary", "binary-v0", "ct-single"},
    "functions?: (?:its|their) first lines?": {"ct-multi"},
    "types?: (?:its|their) kinds?": {"ct-multi"},
    "facts? about the recording": ALL,
}


@pytest.fixture(scope="module")
def convert():
    tool = reading.trace_tool()
    if not tool:
        pytest.skip("codetracer-trace is not installed")

    def run(source, target, form):
        done = subprocess.run([tool, "convert", str(source), str(target), "--to", form], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


def record(folder, code, *options):
    return reading.record_journal(folder, code, options=options, check=False, events=False).trace


def test_what_is_left_out_is_said_once(convert, tmp_path):
    trace = record(tmp_path, EVERYTHING, "--globals=referenced")
    for form in FORMATS:
        said = convert(trace, tmp_path / form, form)
        for sentence, targets in LINES.items():
            assert len(re.findall(sentence, said)) == (form in targets), (form, sentence, said)
        assert sum("cut by the format's limits" not in line for line in said.splitlines()) == sum(form in targets for targets in LINES.values()), said
        assert plurals_of_one(said) == []
    said = convert(trace, tmp_path / "again", "json")
    counts = {sentence: int(re.search(r": (\d+) [^:]*?" + sentence, said)[1]) for sentence in LINES if "json" in LINES[sentence]}
    # By the program. The first generator is suspended twice and resumed twice, the second suspended once and closed at the end. An exception is raised in
    # failing(), unwinds it and is handled in main().
    assert counts["times? a generator or coroutine was suspended"] == (5 if ENDS_UNSEEN else 6)
    assert counts.get("generators? that ended while (?:it was|they were) suspended", 0) == ENDS_UNSEEN
    assert counts["frames? that an exception ended"] == (1 if ENDS_UNSEEN else 2)
    assert counts["objects? that (?:was|were) in a variable more than once"] == 1
    assert counts["of (?:a )?derived class(?:es)? that ha(?:s|ve) attributes"] == 1
    assert counts["texts? with lone surrogates"] == counts["floats? that (?:is|are) a NaN"] == counts["complex numbers? with such a NaN"] == 1
    assert counts["threads? that ha(?:s|ve) a name"] == counts["changes? from one thread to another"] == 2


FAR = """\
def far(a):
    return a
def same(a, b):
    c = b
    return a
far.__code__ = far.__code__.replace(co_firstlineno=FIRST)
same.__code__ = same.__code__.replace(co_varnames=("a", "b", "a"))
far(1)
same(2, 3)
"""


@pytest.mark.parametrize("first, held", [(150_000, True), (4_000_000, True), (2**30, False)])
def test_lines_far_behind_their_file_and_variables_of_one_name(convert, tmp_path, first, held):
    """The sentence is there where the line is not, and verify has nothing against either."""
    trace = record(tmp_path, FAR.replace("FIRST", str(first)))
    for form in FORMATS:
        said = convert(trace, tmp_path / form, form)
        lines = {step.line for step in read(tmp_path / form).steps}
        named = ": 1 step at line 0, or far behind the end of its file's text" in said
        assert (first + 1 in lines, named) == ((True, False) if held or form != "ct-multi" else (False, True)), (form, said)
        assert (": 1 function that has several variables of one name" in said) == (form in ALL), (form, said)
        done = subprocess.run([reading.trace_tool(), "verify", str(tmp_path / form)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and ": ok, " in done.stdout, done.stdout


@pytest.mark.parametrize("line", [99_999, 100_000, 3_000_000])
def test_far_lines_of_code_that_is_not_described(convert, tmp_path, line):
    """A trace of other recorders tells lines by its steps alone, and need not have a source."""
    events = [{"Path": "/nowhere/a.py"}, {"Path": "/nowhere/b.py"}, {"Function": {"path_id": 0, "line": 1, "name": "<toplevel>"}},
              {"Call": {"function_id": 0, "args": []}}, {"Step": {"path_id": 0, "line": line}}, {"Step": {"path_id": 1, "line": 2}},
              {"Type": {"kind": 30, "lang_type": "None", "specific_info": {"kind": "None"}}}, {"Return": {"return_value": {"kind": "None", "type_id": 0}}}]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "trace.json").write_text(json.dumps(events))
    (tmp_path / "in" / "trace_metadata.json").write_text('{"workdir": "/nowhere", "program": "a.py", "args": []}')
    (tmp_path / "in" / "trace_paths.json").write_text('["/nowhere/a.py", "/nowhere/b.py"]')
    for form in ("ct-multi", "ct"):
        assert "line 0" not in convert(tmp_path / "in", tmp_path / f"{form}.ct", form)
        places = [(str(step.path), step.line) for step in read(tmp_path / f"{form}.ct").steps]
        assert ("/nowhere/a.py", line) in places and ("/nowhere/b.py", 2) in places
        done = subprocess.run([reading.trace_tool(), "verify", str(tmp_path / f"{form}.ct")], capture_output=True, text=True, timeout=60)
        assert "halves" not in done.stdout, done.stdout


PAUSES = """\
from codetracer_python_recorder import pause, resume
def ends_unseen():
    pause()
def go():
    ends_unseen()
    resume()
for _ in range(3):
    go()
"""


@pytest.mark.parametrize("form", sorted(ALL))
def test_pauses_and_what_ends_in_them(convert, tmp_path, form):
    """In each of the three pauses one frame ends, and go(), which it returns to, goes on."""
    said = convert(record(tmp_path, PAUSES), tmp_path / form, form)
    for sentence in ("frames whose end was not seen: shown as a return of None", "times the recording paused: left out"):
        assert re.findall(r": (\d+) " + re.escape(sentence), said) == ["3"], said


def test_nothing_is_said_of_what_does_not_occur(convert, tmp_path):
    trace = record(tmp_path, "a = 1\nb = 2\n")
    for form in FORMATS:
        said = convert(trace, tmp_path / form, form)
        # b is bound behind the last step; the thread is called MainThread; one function, of two lines.
        expected = {"1 end of a frame behind whose last step": ALL, "1 thread that has a name": ALL, "1 text of a source file: left out": {"ct-single"},
                    "1 function: its first line is left out": {"ct-multi"}, "2 lines of functions whose columns are known": LINES["lines? of (?:a )?functions? whose columns? (?:is|are) known"],
                    "facts about the recording": {"ct-single", "ct-multi"}, "1 fact about the recording": {"json", "binary", "binary-v0"}, "types: their kinds": {"ct-multi"}}
        assert len(said.splitlines()) == sum(form in targets for targets in expected.values()), (form, said)
        for sentence, targets in expected.items():
            assert (sentence in said) == (form in targets), (form, said)
        assert plurals_of_one(said) == []


def test_one_of_a_thing_is_not_many(convert, tmp_path):
    """Of everything that is counted there is one."""
    trace = record(tmp_path, "pass\n")
    (journal,) = trace.glob("*.ctj")
    broken = tmp_path / "broken.ctj"
    broken.write_bytes(journal.read_bytes() + b"x")
    said = ""
    for arguments in (["info", trace], ["verify", trace], ["verify", broken]):
        said += subprocess.run([reading.trace_tool(), *arguments], capture_output=True, text=True, timeout=60).stdout
    for words in ("1 of ", "1 file, 1 function, ", "1 segment", ", 1 step", "broken, 1 finding,", "1 byte follows the end block"):
        assert words in said, (words, said)
    assert plurals_of_one(said) == []


LONG = """\
text = "é" * 20_000 + "x" * 20_000
class Text(str): pass
derived = Text("y" * 20_000)
data = bytes(range(256)) * 100
array = bytearray(data)
window = memoryview(data)
here = [text, data]
own = "‹… 7 more of 10›"
many = list(range(2000))
nested = [[[[[[[1]]]]]]]
text
"""


@pytest.mark.parametrize("through", ["binary", "binary-v0", "ct", "ct-single", "json", "journal"])
def test_what_was_cut_is_not_cut_again(convert, tmp_path, through):
    """Of a text that an export has cut its mark says how long the program's was, however often it is converted."""
    trace = record(tmp_path, LONG)
    convert(trace, tmp_path / "first", "json")
    written = (tmp_path / "first" / "trace.json").read_text()
    for mark in ("é‹… 31808 more of 40000›", "y‹… 3616 more of 20000›", "'‹… 9216 more of 25600›", "'‹… 9216 more of 25600›)", "‹… 7 more of 10›"):
        assert mark + '"' in written, mark
    convert(tmp_path / "first", tmp_path / "through", through)
    convert(tmp_path / "through", tmp_path / "second", "json")
    assert (tmp_path / "second" / "trace.json").read_text() == written
    last = [line for line in reading.print_json(tmp_path / "second") if line["event"] == "step"][-1]["locals"]
    assert last["text"]["length"] == 40_000 and last["text"]["value"] == "é" * 8192
    assert last["own"] == "‹… 7 more of 10›"


@pytest.mark.parametrize("form", ["binary", "binary-v0", "ct", "ct-multi", "json", "journal"])
def test_sources_of_code_without_a_file_are_read_back(convert, tmp_path, form):
    """Also where the path is no absolute one: files/<string>#1."""
    trace = record(tmp_path, "exec('def made(n):\\n    return n + 1\\nmade(1)\\n')\n", "--include-exec")
    convert(trace, tmp_path / "out", form)
    (tmp_path / "prog.py").unlink()
    printed = subprocess.run([reading.trace_tool(), "print", str(tmp_path / "out")], capture_output=True, text=True, timeout=60)
    for line in ("<string>#1:1  def made(n):", "<string>#1:2  return n + 1", "prog.py:1  exec("):
        assert line in printed.stdout, (line, printed)


@pytest.mark.parametrize("through", ["binary", "binary-v0", "ct-single", "json"])
def test_a_zero_byte_in_an_attributes_name_survives(convert, tmp_path, through):
    trace = record(tmp_path, "class Thing: pass\nthing = Thing()\nvars(thing)['x\\0y'] = 1\nvars(thing)['\\0'] = vars(thing)[''] = 2\nthing\n")
    convert(trace, tmp_path / "between", through)
    convert(tmp_path / "between", tmp_path / "out", "json")
    named = [event["Type"]["specific_info"].get("fields") for event in json.loads((tmp_path / "out" / "trace.json").read_text()) if "Type" in event]
    assert ["x\0y", "\0", ""] in [[field["name"] for field in fields] for fields in named if fields]


@pytest.mark.parametrize("form", ["binary", "binary-v0", "json"])
def test_sources_that_cannot_be_kept_are_told(convert, tmp_path, form):
    """Of two names that are no UTF-8 only one is there as U+FFFD; and what lies in files/ already is not taken for the trace's."""
    for name in ("\udcfe", "\udcff"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "odd.py").write_text("x = 1\n")
    trace = record(tmp_path, "import sys\nfor name in ('\\udcfe', '\\udcff'):\n    sys.path[0] = name\n    import odd\n    del sys.modules['odd']\n")
    assert "out: 1 source left out: no file in files/ can have that name." in convert(trace, tmp_path / "out", form)
    (tmp_path / "taken" / "files").mkdir(parents=True)
    done = subprocess.run([reading.trace_tool(), "convert", str(trace), str(tmp_path / "taken"), "--to", form], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "taken/files exists already; give another folder or move it away.\n" in done.stderr
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["files"]


DEEP = """\
whole = ["bottom"]
for i in range(30):
    whole = [whole]
password = "x" * 100
many = list(range(50))
many
"""


@pytest.mark.parametrize("through", ["binary", "binary-v0", "ct", "json", "journal"])
def test_facts_and_limits_survive(convert, tmp_path, through):
    """What trace_metadata.json says is read from there, and a depth that it names is what print goes by."""
    trace = record(tmp_path, DEEP, "--max-depth", "25", "--max-items", "40")
    told = convert(trace, tmp_path / "first", "json")
    # `whole` is deeper than six from the loop's seventh round on: at 25 steps on its first line, 24 on its second, 3 behind it; `many` was cut by the recording
    assert f"first: 52 values of 1 variable are cut by the format's limits (docs/values.md); {trace} has them whole.\n" in told, told
    said = convert(tmp_path / "first", tmp_path / "through", through)
    assert "cut by the format's limits" not in said, said  # once, by the first export
    assert "facts about the recording" not in said and "1 fact about" not in said, said
    convert(tmp_path / "through", tmp_path / "second", "json")
    first, second = (json.loads((tmp_path / name / "trace_metadata.json").read_text()) for name in ("first", "second"))
    assert first["limits"]["journal"]["container_depth"] == 25 and first["cuts"]["journal"]["items"] == 1
    assert first["redacted"]["variables"] > 0
    assert first["cuts"]["export"] == {"values": 52, "variables": 1}
    info = subprocess.run([reading.trace_tool(), "info", str(tmp_path / "through")], capture_output=True, text=True, timeout=60).stdout
    assert "\nshortened     values 52, of variables 1\n" in info, info
    del first["recording_id"], second["recording_id"]
    assert first == second


@pytest.mark.parametrize("through", ["binary", "ct", "json"])
@pytest.mark.parametrize("options, counted, told", [(["--no-redaction"], None, "redacted      switched off\n"), ([], 0, "")])
def test_whether_secrets_were_looked_for_is_not_forgotten(convert, tmp_path, through, options, counted, told):
    """null is not 0: who reads 0 takes it that there are no secrets in the trace. info says of a trace what it says of its journal."""
    trace = record(tmp_path, "password = 'x' * 100\n" if options else "x = 1\n", *options)
    said = convert(trace, tmp_path / "first", "json")
    assert "1 fact about the recording: left out" in said, said  # which Python it was
    convert(tmp_path / "first", tmp_path / "through", through)
    convert(tmp_path / "through", tmp_path / "second", "json")
    for name in ("first", "second"):
        redacted = json.loads((tmp_path / name / "trace_metadata.json").read_text())["redacted"]
        assert len(redacted) == 7 and set(redacted.values()) == {counted}, name
    for place in (trace, tmp_path / "first", tmp_path / "through", tmp_path / "second"):
        info = subprocess.run([reading.trace_tool(), "info", str(place)], capture_output=True, text=True, timeout=60).stdout
        assert "".join(line for line in info.splitlines(True) if line.startswith("redact")) == told, (place, info)


@pytest.mark.parametrize("through", ["binary", "binary-v0", "ct", "json", "journal"])
def test_that_a_recording_was_cut_is_not_forgotten(convert, tmp_path, through):
    trace = record(tmp_path, "import os, signal\nx = 1\nos.kill(os.getpid(), signal.SIGKILL)\n")
    convert(trace, tmp_path / "killed", "json")
    convert(trace, tmp_path / "first", through)
    convert(tmp_path / "first", tmp_path / "second", "json")
    for name in ("killed", "second"):
        assert json.loads((tmp_path / name / "trace_metadata.json").read_text())["complete"] is False, name
        told = subprocess.run([reading.trace_tool(), "info", str(tmp_path / name)], capture_output=True, text=True, timeout=60)
        assert "recovered = the recording was cut\n" in told.stdout and told.returncode == 0, told


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_deep_is_printed_as_deep(tmp_path, form):
    """A format that does not say how deep the recording looked was not cut by that when it is read."""
    trace = reading.record_journal(tmp_path, DEEP, options=("--format", form, "--max-depth", "20", "--export-depth", "20"), check=False, events=False).trace
    value = [line for line in reading.print_json(trace) if line["event"] == "step"][-1]["locals"]["whole"]
    depth = 0
    while isinstance(value, list):
        (value,), depth = value, depth + 1
    assert depth == 20 and value["cut" if form in ("ct", "journal") else "text"], value


def plurals_of_one(said):
    return re.findall(r"(?<![\d,.:/-])1 (?!is\b|was\b|has\b)[a-z]+s\b", said)


def inflate(data):
    """Every frame that begins in the bytes, one behind the other."""
    raw = b""
    while data[:4] == b"\x28\xb5\x2f\xfd":
        one = zstandard.ZstdDecompressor().decompressobj()
        raw += one.decompress(data)
        data = one.unused_data
    return raw, data


def inner(container):
    """name: bytes of each file in a container of blocks of 4096 bytes, mapped in one level (docs/ct-format.md)."""
    letters = "\0" + "0123456789abcdefghijklmnopqrstuvwxyz./-"
    files = {}
    for at in range(16, 4096 - 23, 24):
        size, root, number = (int.from_bytes(container[at + i : at + i + 8], "little") for i in (0, 8, 16))
        name = ""
        while number:
            name, number = name + letters[number % 40], number // 40
        if name and root:
            assert size <= 511 * 4096
            blocks = [int.from_bytes(container[root * 4096 + 8 * i :][:8], "little") for i in range((size + 4095) // 4096)]
            files[name] = b"".join(container[block * 4096 : block * 4096 + 4096] for block in blocks)[:size]
    return files


def content(path, form):
    """What must be identical: docs/converting.md, Round trips."""
    if form == "json":
        return (path / "trace.json").read_bytes()
    if form == "binary":
        return inflate((path / "trace.bin").read_bytes()[8:])[0]
    if form == "binary-v0":
        return (path / "trace.bin").read_bytes()
    if form == "journal":
        return [line for line in reading.print_json(path)]
    files = inner(path.read_bytes())
    if form == "ct-single":
        return inflate(files["events.log"][8:])[0]
    if form == "ct":
        return files["journal.ctj"]
    return {name: inflate(data)[0] or data for name, data in files.items() if name.endswith(".dat") and name != "meta.dat"}


@pytest.fixture(scope="module", params=["everything", *SEEDS], ids=str)
def traces(request, convert, tmp_path_factory):
    """form: the journal of a recording in that format."""
    folder = tmp_path_factory.mktemp("traces")
    code = EVERYTHING.replace("0x7ff8000000000001", "0x7ff8000000000000") if request.param == "everything" else generate.make_program(request.param)
    journal = record(folder, code)
    made = {form: folder / ("x-" + form) for form in FORMATS}
    for form, path in made.items():
        convert(journal, path, form)
    return made


@pytest.mark.parametrize("through", FORMATS)
def test_round_trips(traces, convert, tmp_path, through):
    for target in FORMATS:
        convert(traces[through], tmp_path / target, target)
    if through in ("ct", "journal"):
        for target in ("ct", "journal"):
            assert content(tmp_path / target, target) == content(traces[target], target), target
    if through != "ct-multi":
        for target in RICH:
            assert content(tmp_path / target, target) == content(traces[target], target), target
        ours, expected = content(tmp_path / "ct-multi", "ct-multi"), content(traces["ct-multi"], "ct-multi")
        assert expected.pop("srcviews.dat") == ours.pop("srcviews.dat", None) or through == "ct-single"
        if through not in ("ct", "journal"):  # which have no columns; so the steps, but for them, are compared as another format shows them
            for files in (ours, expected):
                del files["paths.dat"], files["steps.dat"]
            convert(tmp_path / "ct-multi", tmp_path / "ct-multi-json", "json")
            convert(traces["ct-multi"], tmp_path / "traces-json", "json")
            assert content(tmp_path / "ct-multi-json", "json") == content(tmp_path / "traces-json", "json")
        assert ours == expected
        return
    for target in RICH:  # what it does not say is lost, and nothing more behind it
        convert(tmp_path / target, tmp_path / (target + "-json"), "json")
        assert content(tmp_path / (target + "-json"), "json") == content(tmp_path / "json", "json"), target
