"""codetracer-trace verify: for each rule of the event stream a trace that breaks it; ct-verify, where it is there, must complain, too (and about the whole
ones must not). Rules of the journal: tests/c/test_verify.c."""

import copy
import json
import os
import subprocess
from pathlib import Path

import pytest
import reading

TOOLS = Path(os.environ.get("CODETRACER_TOOLS") or Path(__file__).resolve().parents[4] / "shared" / "tools")
PROGRAMS = Path(__file__).resolve().parents[1] / "programs"

NONE = {"kind": "None", "type_id": 0}


def integer(number):
    return {"kind": "Int", "i": number, "type_id": 1}


def step(line):
    return {"Step": {"path_id": 0, "line": line}}


def value(variable, record):
    return {"Value": {"variable_id": variable, "value": record}}


WHOLE = [
    {"Path": "/p/a.py"},
    {"Function": {"path_id": 0, "line": 1, "name": "<toplevel>"}},
    {"Call": {"function_id": 0, "args": []}},
    {"Type": {"kind": 30, "lang_type": "None", "specific_info": {"kind": "None"}}},
    {"Type": {"kind": 7, "lang_type": "Int", "specific_info": {"kind": "None"}}},
    {"Type": {"kind": 6, "lang_type": "P", "specific_info": {"kind": "Struct", "fields": [{"name": "x", "type_id": 1}]}}},
    {"VariableName": "a"},
    {"VariableName": "b"},
    {"Function": {"path_id": 0, "line": 3, "name": "f"}},
    step(3),
    {"Call": {"function_id": 1, "args": [{"variable_id": 0, "value": integer(1)}]}},
    step(4),
    value(0, integer(1)),
    value(1, {"kind": "Struct", "field_values": [integer(2)], "type_id": 2}),
    {"Event": {"kind": 0, "metadata": "", "content": "hi\n"}},
    step(5),
    value(0, integer(1)),
    value(1, integer(2)),
    {"Return": {"return_value": NONE}},
    {"Return": {"return_value": integer(0)}},
]
CALL, OUTPUT, LAST = 10, 14, len(WHOLE)


def put(index, *events, instead=0):
    return WHOLE[:index] + list(events) + WHOLE[index + instead :]


def changed(index, change):
    events = copy.deepcopy(WHOLE)
    change(events[index])
    return events


# rule: (events, number of the event that breaks it, whether ct-verify --strict sees it)
BROKEN = {
    "id-undefined": (changed(12, lambda e: e["Value"].update(variable_id=2)), 12, True),
    "id-undefined type": (changed(12, lambda e: e["Value"]["value"].update(type_id=3)), 12, True),
    "id-undefined path": (changed(11, lambda e: e["Step"].update(path_id=1)), 11, True),
    "id-undefined function": (changed(10, lambda e: e["Call"].update(function_id=2)), 10, True),
    "value-kind": (changed(12, lambda e: e["Value"]["value"].update(type_id=0)), 12, False),
    "struct-fields": (changed(13, lambda e: e["Value"]["value"].update(field_values=[])), 13, True),
    "type-kind": (put(6, {"Type": {"kind": 34, "lang_type": "T", "specific_info": {"kind": "None"}}}), 6, True),
    "toplevel": (put(2, instead=1) + [], None, True),
    "toplevel name": (changed(1, lambda e: e["Function"].update(name="main")), 1, False),
    "call-step": (put(9, instead=1), 9, True),
    "call-step line": (changed(9, lambda e: e["Step"].update(line=4)), 10, True),
    "call-step value": (put(10, value(0, integer(1))), 11, True),
    "step-values": (put(16, instead=2), 15, True),
    "return-without-call": (put(LAST, {"Return": {"return_value": NONE}}), LAST, True),
    "balance": (put(LAST - 1, instead=1), 2, True),
    "line-range": (changed(11, lambda e: e["Step"].update(line=-1)), 11, True),
    "event-kind": (changed(OUTPUT, lambda e: e["Event"].update(kind=14)), OUTPUT, True),
    "drop-step": (put(10, "DropLastStep", step(3)), 10, True),
    "value-step": (put(8, value(0, integer(1))), 8, False),
    "outside-call": (put(LAST, step(9)), LAST, False),
    "thread": (put(OUTPUT, {"ThreadStart": 5}, {"ThreadStart": 5}), OUTPUT + 1, False),
    "thread gone": (put(OUTPUT, {"ThreadSwitch": 1}, {"ThreadStart": 5}, {"ThreadExit": 5}, {"ThreadSwitch": 5}), OUTPUT + 3, False),
    "event-foreign": (put(OUTPUT, {"Assignment": {"to": 0, "pass_by": "Value", "from": {"kind": "Compound", "0": [0]}}}), OUTPUT, False),
    "path-text": (put(1, {"Path": "/p/a\0.py"}), 1, False),
}


@pytest.fixture(scope="module")
def tool():
    found = reading.trace_tool()
    if not found:
        pytest.skip("codetracer-trace is not installed")
    return found


def write(folder, events, metadata={"workdir": "/p", "program": "a.py", "args": []}, paths=None):
    folder.mkdir(exist_ok=True)
    pieces = [json.dumps(event, separators=(",", ":")) for event in events]
    (folder / "trace.json").write_text("[" + ",".join(pieces) + "]")
    (folder / "trace_metadata.json").write_text(json.dumps(metadata))
    named = [event["Path"] for event in events if isinstance(event, dict) and "Path" in event]
    (folder / "trace_paths.json").write_text(json.dumps(named if paths is None else paths))
    at, places = 1, []
    for piece in pieces:
        places.append(at)
        at += len(piece.encode()) + 1
    return places


def verify(tool, *traces, options=("--json",), status=None):
    environment = {key: text for key, text in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run([tool, "verify", *options, *map(str, traces)], capture_output=True, text=True, timeout=120, env=environment)
    assert done.stderr == "", done.stderr
    assert status is None or done.returncode == status, (done.returncode, done.stdout)
    return [json.loads(line) for line in done.stdout.splitlines()] if "--json" in options else done.stdout


def upstream(folder):
    """Whether ct-verify finds the trace whole; None: it is not there."""
    path = TOOLS / "ct-verify" / "ct-verify"
    if not path.exists():
        assert not os.environ.get("CI"), "ct-verify is not in %s" % TOOLS
        return None
    return subprocess.run([path, "--strict", "--empty-frames-ok", "--quiet", str(folder)], capture_output=True, timeout=60).returncode == 0


def test_a_whole_trace(tool, tmp_path):
    write(tmp_path / "t", WHOLE)
    assert verify(tool, tmp_path / "t", options=(), status=0) == "%s: ok, 20 events, 3 steps (as the format counts them: a call has a step of its own)\n" % (tmp_path / "t" / "trace.json")
    assert verify(tool, tmp_path / "t", options=("--quiet",), status=0) == ""
    assert upstream(tmp_path / "t") in (True, None)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_with_its_byte(tool, tmp_path, name):
    events, number, seen_upstream = BROKEN[name]
    places = write(tmp_path / "t", events)
    *findings, last = verify(tool, tmp_path / "t", status=1)
    rule = name.split()[0]
    found = [finding for finding in findings if finding["rule"] == rule]
    assert found and last["ok"] is False and last["findings"] == len(findings)
    if number is not None:
        assert (found[0]["event"], found[0]["byte"]) == (number, places[number])
    assert verify(tool, tmp_path / "t", options=("--quiet",), status=1) == ""
    if seen_upstream:
        assert upstream(tmp_path / "t") in (False, None)


def test_a_cut_file_and_what_follows_its_end(tool, tmp_path):
    places = write(tmp_path / "t", WHOLE)
    file = tmp_path / "t" / "trace.json"
    text = file.read_text()
    file.write_text(text[: places[11] + 5])
    finding, _ = verify(tool, file, status=1)
    assert (finding["rule"], finding["byte"]) == ("format", places[11])
    file.write_text(text + " \n[")
    finding, _ = verify(tool, file, status=1)
    assert (finding["rule"], finding["byte"]) == ("format", len(text) + 2)


def test_files_beside_the_trace(tool, tmp_path):
    def only(rule, part):
        *findings, _ = verify(tool, tmp_path / "t", status=1)
        assert [(finding["rule"], finding["part"]) for finding in findings] == [(rule, part)]

    write(tmp_path / "t", WHOLE, paths=["/p/b.py"])
    only("paths-file", "trace_paths.json")
    write(tmp_path / "t", WHOLE, paths=[])
    only("paths-file", "trace_paths.json")
    write(tmp_path / "t", WHOLE, metadata={"workdir": "/p", "program": "a.py"})
    only("metadata-file", "trace_metadata.json")
    write(tmp_path / "t", WHOLE)
    (tmp_path / "t" / "trace_metadata.json").write_text("{")
    only("metadata-file", "trace_metadata.json")
    write(tmp_path / "t", WHOLE)
    (tmp_path / "outside.py").write_text("1\n")
    (tmp_path / "t" / "files" / "p").mkdir(parents=True)
    (tmp_path / "t" / "files" / "p" / "a.py").symlink_to(tmp_path / "outside.py")
    only("files-outside", "files")


def test_many_findings_of_a_rule_are_counted(tool, tmp_path):
    write(tmp_path / "t", put(LAST, *[{"Return": {"return_value": NONE}}] * 50))
    lines = verify(tool, tmp_path / "t", options=(), status=1).splitlines()
    assert len(lines) == 22 and lines[-2].endswith(": return-without-call: 30 more") and ": broken, 50 findings, 70 events" in lines[-1]


def test_several_traces_and_wrong_use(tool, tmp_path):
    write(tmp_path / "a", WHOLE)
    write(tmp_path / "b", put(LAST - 1, instead=1))
    assert [line["ok"] for line in verify(tool, tmp_path / "a", tmp_path / "b", status=1) if "ok" in line] == [True, False]
    for quiet in ("-q", "--quiet"):
        done = subprocess.run([tool, "verify", quiet, tmp_path / "a", tmp_path / "b"], capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    for wrong in ("--q", "-quiet", "-q=1", "-qq"):
        assert subprocess.run([tool, "verify", wrong, tmp_path / "a"], capture_output=True).returncode == 2
    assert subprocess.run([tool, "verify"], capture_output=True).returncode == 2
    assert subprocess.run([tool, "verify", "--nonsense", "x"], capture_output=True).returncode == 2
    assert subprocess.run([tool, "verify", tmp_path / "none"], capture_output=True).returncode == 1


@pytest.mark.parametrize("program", sorted(path for path in PROGRAMS.glob("*.py") if path.stem != "syntax_error")[::12], ids=lambda path: path.stem)
def test_recordings_are_whole_in_every_format(tool, tmp_path, program):
    trace = reading.record_journal(tmp_path, None, str(program), check=False, events=False).trace
    traces = [trace]
    for target in ("json", "binary", "binary-v0", "ct", "ct-single", "ct-multi"):
        traces.append(tmp_path / (target + (".ct" if target.startswith("ct") else "")))
        subprocess.run([tool, "convert", str(trace), str(traces[-1]), "--to", target], check=True, capture_output=True, timeout=120)
    lines = verify(tool, *traces, status=0)
    assert [line["ok"] for line in lines] == [True] * 7
    assert len({line["steps"] for line in lines[1:]}) == 1


@pytest.fixture
def container(tool, tmp_path):
    trace = reading.record_journal(tmp_path, "def f(a):\n    print(a)\n    return a\n\nfor i in range(5):\n    f(i)\n", events=False).trace
    path = tmp_path / "t.ct"
    subprocess.run([tool, "convert", str(trace), str(path), "--to", "ct"], check=True, capture_output=True, timeout=120)
    return path


def entry(container, name):
    """Where a file's entry stands in the directory of a container: ctfs.md 1.1 and 1.2."""
    letters = "\0" + "0123456789abcdefghijklmnopqrstuvwxyz./-"
    number = sum(letters.index(letter) * 40**i for i, letter in enumerate(name))
    (found,) = (at for at in range(16, 4096 - 23, 24) if container[at + 16 : at + 24] == number.to_bytes(8, "little"))
    return found


def first_block(container, name):
    mapping = int.from_bytes(container[entry(container, name) + 8 :][:8], "little") * 4096
    return int.from_bytes(container[mapping : mapping + 8], "little") * 4096


@pytest.mark.parametrize("name, rule", [("events.log", "format"), ("steps.dat", "format"), ("values.dat", "format"), ("journal.ctj", "block")])
def test_damage_in_a_container_is_found(tool, container, name, rule):
    assert [line["ok"] for line in verify(tool, container, status=0)] == [True]
    whole = container.read_bytes()
    damaged = bytearray(whole)
    at = first_block(whole, name) + (64 + 80 + 20 if name == "journal.ctj" else 60)
    damaged[at] ^= 0x55
    container.write_bytes(damaged)
    *findings, _ = verify(tool, container, status=1)
    assert rule in [finding["rule"] for finding in findings]


def zeroed(whole):
    at = entry(whole, "journal.ctj")
    return whole[:at] + bytes(24) + whole[at + 24 :]


def renamed(whole):
    at = entry(whole, "journal.ctj")
    return whole[: at + 16] + (int.from_bytes(whole[at + 16 : at + 24], "little") + 1).to_bytes(8, "little") + whole[at + 24 :]


def count_of(entries):
    return lambda whole: whole[:12] + entries.to_bytes(4, "little") + whole[16:]


@pytest.mark.parametrize(
    "damage, rules",
    [(zeroed, {"unused", "directory"}), (renamed, {"directory"}), (count_of(34), {"unused", "directory"})],
    ids=["zeroed", "renamed", "one entry less"],
)
def test_an_entry_of_a_container_that_is_lost_is_found(tool, container, damage, rules):
    """The directory has no checksum: a container without the entry of its journal can be read, as if there never was one."""
    whole = container.read_bytes()
    damaged = damage(whole)
    assert len(damaged) == len(whole) != damaged
    container.write_bytes(damaged)
    *findings, _ = verify(tool, container, status=1)
    assert {finding["rule"] for finding in findings} >= rules, findings
    assert all(16 <= finding["byte"] < 4096 for finding in findings if finding["rule"] == "directory"), "the place is in the directory"
    printed = subprocess.run([tool, "print", str(container)], capture_output=True, text=True, timeout=60)
    # Read from the layouts for other readers, which leave things out; and it says so.
    assert printed.returncode == 1 and ": journal.ctj, which" in printed.stderr and "(at byte 16)" in printed.stderr and "f(i)" in printed.stdout, printed


def test_a_container_whose_metadata_has_lost_its_name_is_found(tool, container, tmp_path):
    """Then nothing says who wrote it; it is read without program, arguments and folder."""
    single = tmp_path / "single.ct"
    subprocess.run([tool, "convert", str(container), str(single), "--to", "ct-single"], check=True, capture_output=True, timeout=60)
    whole = single.read_bytes()
    at = entry(whole, "meta.dat") + 16
    single.write_bytes(whole[:at] + (int.from_bytes(whole[at : at + 8], "little") + 1).to_bytes(8, "little") + whole[at + 8 :])
    *findings, _ = verify(tool, single, status=1)
    assert [(finding["rule"], finding["byte"]) for finding in findings] == [("directory", at)]


def test_halves_that_tell_different_things(tool, container):
    whole = bytearray(container.read_bytes())
    at = entry(bytes(whole), "events.idx")
    whole[at : at + 8] = (4).to_bytes(8, "little")  # its header, and no chunk: no outputs
    at = entry(bytes(whole), "events.dat")
    whole[at : at + 8] = bytes(8)
    mapping = int.from_bytes(whole[at + 8 : at + 16], "little") * 4096
    whole[mapping : mapping + 8] = bytes(8)
    container.write_bytes(whole)
    *findings, _ = verify(tool, container, status=1)
    assert [finding["rule"] for finding in findings] == ["halves", "unused"]
