"""Exports as the formats' own readers see them: ct-verify, ct-print and CodeTracer's replay server, on journals that a C helper wrote.

The readers lie in shared/tools beside the checkout, or where CODETRACER_TOOLS says. Without them these tests are skipped, but not under CI.
"""

import io
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import cbor2
import pytest
import reading
import zstandard
from conftest import environment_for

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TOOLS = Path(os.environ.get("CODETRACER_TOOLS") or ROOT.parent / "shared" / "tools")


def tool(name):
    path = TOOLS / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is not there")
        pytest.skip(f"{name} is not there")
    return str(path)


def helper():
    """export_sample, which `make test` and `meson test` build with the C tests; CODETRACER_EXPORT_SAMPLE names another."""
    given = os.environ.get("CODETRACER_EXPORT_SAMPLE")
    found = [Path(given)] if given else sorted(ROOT.glob("build/*/tests/c/export_sample"), key=lambda path: path.stat().st_mtime)
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("export_sample is not built")
        pytest.skip("export_sample is not built")
    return str(found[-1])


def run(*arguments, expected=0):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == expected, f"{arguments}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module", params=["everything", "loop", "calls", "lists", "longfile"])
def sample(request, tmp_path_factory):
    return make_sample(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return make_sample("everything", tmp_path_factory.mktemp("all"))


class Sample:
    pass


def make_sample(kind, folder, count=None):
    sample = Sample()
    folder.mkdir(exist_ok=True)
    journal = folder / "sample.ctj"
    sample.kind = kind
    for name in ("json", "ct", "binary", "binary_v0"):
        setattr(sample, name, folder / name)
        (folder / name).mkdir()
    run(helper(), "journal", kind, count or {"loop": 20000, "calls": 2000}.get(kind, 300), journal)
    sample.json_result = json.loads(run(helper(), "json", journal, sample.json))
    sample.ct_result = json.loads(run(helper(), "ct", journal, sample.ct / "sample.ct"))
    sample.binary_result = json.loads(run(helper(), "binary", journal, sample.binary))
    sample.binary_v0_result = json.loads(run(helper(), "binary-v0", journal, sample.binary_v0))
    sample.events = json.loads((sample.json / "trace.json").read_text())
    return sample


def names_of(events, key):
    return [event[key] for event in events if key in event]


def printed(sample):
    """What ct-print --full shows. It writes infinity and NaN as no JSON reader takes them."""
    text = run(tool("ct-print"), "--full", sample.ct / "sample.ct")
    return json.loads(re.sub(r'": (-?)(inf|nan)\b', r'": "\1\2"', text))


def test_json_is_what_serde_writes(sample):
    """Compact, one array, members in order: writing the parsed text again gives the same bytes."""
    text = (sample.json / "trace.json").read_text()
    assert text == json.dumps(sample.events, ensure_ascii=False, separators=(",", ":"))
    assert json.loads((sample.json / "trace_paths.json").read_text()) == names_of(sample.events, "Path")


def frames_of(trace):
    """(compressed size, raw size, with checksum) of each frame of a trace.bin, and its events' bytes; the seek table is checked."""
    frames, raw, at = [], b"", 8
    assert trace[:8] == bytes.fromhex("C0DE72ACE2010000")
    while trace[at : at + 4] == bytes.fromhex("28B52FFD"):
        decoder = zstandard.ZstdDecompressor().decompressobj()
        piece = decoder.decompress(trace[at:])
        assert decoder.eof
        size = len(trace) - at - len(decoder.unused_data)
        frames.append((size, len(piece), zstandard.get_frame_parameters(trace[at:]).has_checksum))
        raw, at = raw + piece, at + size
    entries = b"".join(struct.pack("<II", *frame[:2]) for frame in frames)
    assert trace[at:] == struct.pack("<II", 0x184D2A5E, len(entries) + 9) + entries + struct.pack("<IBI", len(frames), 0, 0x8F92EAB1)
    return frames, raw


def test_binary_holds_the_events_of_trace_json_byte_for_byte(sample):
    """As an independent encoder writes them, which writes what upstream did: test_fixtures_are_what_the_encoder_writes."""
    frames, raw = frames_of((sample.binary / "trace.bin").read_bytes())
    assert raw == b"".join(cbor2.dumps(event) for event in sample.events)
    assert all(has_checksum for _, _, has_checksum in frames)
    assert [size for _, size, _ in frames[:-1]] == [2 << 20] * (len(frames) - 1)
    for name in ("trace_metadata.json", "trace_paths.json"):
        assert (sample.binary / name).read_bytes() == (sample.json / name).read_bytes()
    assert sample.binary_result["bytes"] == sum(path.stat().st_size for path in sample.binary.rglob("*") if path.is_file())


def test_binary_of_one_frame_and_of_several(tmp_path):
    sizes = []
    for count in (10, 20000):
        sample = make_sample("loop", tmp_path / str(count), count)
        sizes.append(len(frames_of((sample.binary / "trace.bin").read_bytes())[0]))
    assert sizes[0] == 1 and sizes[1] > 2


def cbor_items(raw):
    stream, items = io.BytesIO(raw), []
    while stream.tell() < len(raw):
        items.append(cbor2.load(stream))
    return items


@pytest.mark.parametrize("name, events", [("binary_v1", 42), ("binary_v1_4frames", 300040)])
def test_fixtures_are_what_the_encoder_writes(name, events):
    """The encoder that our files are compared with gives upstream's very bytes, and its frames end where ours do.

    One thing upstream writes as this encoder (and we) do not: the digits of 1e300, a text in two pieces."""
    frames, raw = frames_of((GOLDEN / name / "trace.bin").read_bytes())
    items = cbor_items(raw)
    in_pieces = bytes.fromhex("7F 78 C1") + b"1" + b"0" * 192 + bytes.fromhex("78 6C") + b"0" * 108 + bytes.fromhex("FF")
    assert len(items) == events and b"".join(map(cbor2.dumps, items)) == raw.replace(in_pieces, cbor2.dumps("1" + "0" * 300))
    assert [size for _, size, _ in frames[:-1]] == [2 << 20] * (len(frames) - 1)


def verified(folder):
    """What ct-verify counts in a trace that breaks no rule, and the events that it reads."""
    out = run(tool("ct-verify/ct-verify"), "--strict", "--empty-frames-ok", "--dump", folder)
    return dict(re.findall(r"^count (\w+) (\d+)$", out, re.M)), re.findall(r"^(?:depth|steps) .*$|^[{\"].*$", out, re.M)


def test_ct_verify_finds_no_rule_broken(sample):
    counts, events = verified(sample.json)
    assert int(counts["Step"]) == sample.json_result["steps"] == sample.ct_result["steps"] == sample.binary_result["steps"]
    assert int(counts["Call"]) == int(counts["Return"]) == sample.json_result["calls"]
    assert sum(map(int, counts.values())) == len(sample.events) == len(events) - 2
    assert verified(sample.binary) == verified(sample.binary_v0) == (counts, events)
    assert sample.binary_v0_result["bytes"] == sum(path.stat().st_size for path in sample.binary_v0.rglob("*") if path.is_file())


def test_binary_v0_nests_as_deep_as_its_readers_stand(tmp_path):
    """28 records into each other; what is deeper is cut, where trace.json has it still."""
    journal = tmp_path / "deep.ctj"
    run(helper(), "journal", "deep", 40, journal)
    deepest = []
    for name in ("json", "binary", "binary-v0"):
        (tmp_path / name).mkdir()
        subprocess.run([helper(), name, journal, tmp_path / name], env={**os.environ, "EXPORT_DEPTH": "100"}, check=True, capture_output=True)
        deepest.append(max(line.count('"Sequence"') for line in verified(tmp_path / name)[1]))
    assert deepest == [40, 40, 27]


def test_binary_v0_refuses_what_its_readers_could_not_open(tmp_path):
    """64 words a step: 131,000 are nearly all that 64 MiB hold, of which the list of events counts twice."""
    for count, fits in ((131000, True), (131100, False)):
        folder = tmp_path / str(count)
        folder.mkdir()
        run(helper(), "journal", "loop", count, tmp_path / f"{count}.ctj")
        if fits:
            run(helper(), "binary-v0", tmp_path / f"{count}.ctj", folder)
            assert int(verified(folder)[0]["Step"]) == count + 1
        else:
            done = subprocess.run([helper(), "binary-v0", tmp_path / f"{count}.ctj", folder], capture_output=True, text=True)
            assert done.returncode == 1 and "64 MiB" in done.stderr and "choose the format binary or ct" in done.stderr
            assert list(folder.iterdir()) == []


def same_value(ours, theirs):
    """A record of trace.json against ct-print's, which has real floats, `text` beside `b`, and byte strings in its own way."""
    assert ours["kind"] == theirs["kind"] and ours["type_id"] == theirs["type_id"], (ours, theirs)
    kind = ours["kind"]
    if kind == "Float":
        assert float(ours["f"]) == float(theirs["f"]) or ours["f"] == "NaN", (ours, theirs)
    elif kind == "BigInt":
        assert ours["negative"] == theirs["negative"]
    elif kind in ("Sequence", "Tuple", "Struct"):
        key = "field_values" if kind == "Struct" else "elements"
        assert len(ours[key]) == len(theirs[key])
        for a, b in zip(ours[key], theirs[key]):
            same_value(a, b)
    else:
        key = {"Int": "i", "Bool": "b", "String": "text", "Raw": "r"}.get(kind)
        assert key is None or ours[key] == theirs[key], (ours, theirs)


def linear(events):
    """trace.json as ct-print's streams have it: steps (thread events count) with place and values; calls; output."""
    steps, calls, output, open_calls, functions = [], [], [], [], names_of(events, "Function")
    for event in events:
        (key, body), = event.items()
        if key == "Step":
            steps.append({"place": (body["path_id"], body["line"]), "vars": []})
        elif key.startswith("Thread"):
            steps.append({"thread": (key, body), "vars": []})
        elif key == "Value":
            steps[-1]["vars"].append(body)
        elif key == "Call":
            own_step = len(calls) > 0
            calls.append({"function": functions[body["function_id"]]["name"], "args": body["args"], "entry": len(steps) - own_step,
                          "depth": len(open_calls), "parent": open_calls[-1] if open_calls else -1})
            open_calls.append(len(calls) - 1)
        elif key == "Return":
            call = calls[open_calls.pop()]
            call["value"], call["exit"] = body["return_value"], len(steps) - 1
        elif key == "Event":
            output.append((body["kind"], len(steps) - 1, body["content"]))
    assert not open_calls
    return steps, calls, output


def test_ct_print_shows_the_same_as_trace_json(sample):
    shown = printed(sample)
    steps, calls, output = linear(sample.events)
    counts = shown["counts"]
    assert shown["paths"] == names_of(sample.events, "Path")
    assert shown["functions"] == [function["name"] for function in names_of(sample.events, "Function")]
    assert shown["varnames"] == names_of(sample.events, "VariableName")
    assert shown["types"] == [type_["lang_type"] for type_ in names_of(sample.events, "Type")]
    assert (counts["steps"], counts["values"], counts["calls"], counts["io_events"]) == (len(steps), len(steps), len(calls), len(output))

    their_steps = [event for event in shown["events"] if event["kind"] == "step"]
    assert len(their_steps) == len(steps)
    for ours, theirs in zip(steps, their_steps):
        if "place" in ours:
            assert (theirs["path_id"], theirs["line"]) == ours["place"], theirs
        else:
            assert theirs["step_kind"] == "sek" + ours["thread"][0] and theirs["thread_id"] == ours["thread"][1]
        assert [var["varname_id"] for var in theirs["vars"]] == [var["variable_id"] for var in ours["vars"]]
        for a, b in zip(ours["vars"], theirs["vars"]):
            same_value(a["value"], b["value"])

    entries = {event["call_key"]: event for event in shown["events"] if event["kind"] == "call_entry"}
    exits = {event["call_key"]: event for event in shown["events"] if event["kind"] == "call_exit"}
    assert sorted(entries) == sorted(exits) == list(range(len(calls)))
    for key, ours in enumerate(calls):
        entry, exit_ = entries[key], exits[key]
        assert (entry["function"], entry["entry_step"], exit_["exit_step"], entry["depth"]) == (
            ours["function"], ours["entry"], ours["exit"], ours["depth"])
        assert entry.get("parent_call_key", -1) == ours["parent"]
        assert entry["children"] == [k for k, call in enumerate(calls) if call["parent"] == key] if len(calls) < 100 else True
        assert [arg["varname_id"] for arg in entry["args"]] == [arg["variable_id"] for arg in ours["args"]]
        for a, b in zip(ours["args"], entry["args"]):
            same_value(a["value"], b["value"])
        same_value(ours["value"], exit_["return_value"])

    kinds = {0: "ioStdout", 2: "ioStderr", 3: "ioFileOp"}
    their_output = [(event["io_kind"], event["step_id"], event["text"]) for event in shown["events"] if event["kind"] == "io"]
    assert their_output == [(kinds[kind], step, text) for kind, step, text in output]


def test_definitions_of_everything(everything):
    """A few facts by hand, so that the two exports cannot be wrong together."""
    names = names_of(everything.events, "VariableName")
    assert names[:3] == ["none", "true", "false"] and "exception" in names
    assert [(f["name"], f["path_id"], f["line"]) for f in names_of(everything.events, "Function")] == [
        ("<toplevel>", 0, 1), ("<__main__>", 0, 1), ("fact", 0, 5), ("add", 1, 1), ("gen", 0, 2)]
    assert [(e["kind"], e["content"]) for e in names_of(everything.events, "Event")] == [
        (0, "fact 6\n"), (0, "second "), (2, "oops\n"), (3, "typed\n")]
    points = [t for t in names_of(everything.events, "Type") if t["lang_type"] == "__main__.Point"]
    assert [[f["name"] for f in t["specific_info"]["fields"]] for t in points] == [["x", "y"], ["y"], []]
    assert everything.events[-1] == {"Return": {"return_value": {
        "kind": "Int", "i": 3, "type_id": [t["lang_type"] for t in names_of(everything.events, "Type")].index("Int")}}}


def test_replay_server_answers_the_same_for_all(everything):
    drives = []
    for folder in (everything.json, everything.ct, everything.binary, everything.binary_v0):
        out = run(tool("dap-drive.py"), folder, "--steps", 12, "--break", "/p/sub.py:3", "--hits", 2, "--expect", "add:3", "--full")
        drives.append([json.loads(line.replace(str(folder), "FOLDER")) for line in out.splitlines()])
    json_drive, *others = drives
    assert others == [json_drive] * 3
    stops = [(line["stack"][0]["name"], line["stack"][0]["line"], line.get("variables")) for line in json_drive if line.get("stack")]
    at_return = [variables for name, at, variables in stops if (name, at) == ("add", 3) and variables]
    assert any(v.get("c") == "3" for scopes in at_return for v in scopes.values()), stops
    assert any("fact 6" in json.dumps(line) for line in json_drive if str(line.get("step", "")).startswith("ct/load-terminal"))


PROGRAMS = Path(__file__).resolve().parents[1] / "programs"


@pytest.mark.parametrize("name", sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem != "syntax_error"))
def test_every_program_in_every_format(name, tmp_path):
    """What ct-verify reads of trace.json and of both layouts of trace.bin is the same, breaks no rule, and makes the same journal again."""
    given = (PROGRAMS / f"{name}.in").read_bytes() if (PROGRAMS / f"{name}.in").exists() else b""
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--format", "journal", "-o", tmp_path / "journal", PROGRAMS / f"{name}.py"]
    environment = environment_for(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")
    subprocess.run(command, input=given, capture_output=True, timeout=120, env=environment, cwd=PROGRAMS)
    said, printed = {}, {}
    for form in ("json", "binary", "binary-v0"):
        run(reading.trace_tool(), "convert", tmp_path / "journal", tmp_path / form, "--to", form)
        said[form] = verified(tmp_path / form)
        printed[form] = run(reading.trace_tool(), "print", "--json", tmp_path / form)
    assert int(said["json"][0]["Step"]) > 0
    assert said["binary"] == said["binary-v0"] == said["json"]
    events = json.loads((tmp_path / "json" / "trace.json").read_text())
    assert frames_of((tmp_path / "binary" / "trace.bin").read_bytes())[1] == b"".join(map(cbor2.dumps, events))
    assert printed["binary"] == printed["binary-v0"] == printed["json"]
