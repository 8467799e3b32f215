"""The library's reading of containers, held against CodeTracer's own printer: the same events, in the same order."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from test_formats import GOLDEN, helper, run, tool


def events_read(path):
    program = Path(helper()).with_name("print_events")
    return subprocess.run([program, path], capture_output=True, text=True, timeout=300)


def value_of(value):
    """A value as tests/c/event_text.h writes it."""
    kind = value["kind"]
    inside = {"Sequence": "[]", "Tuple": "()", "Struct": "{}"}.get(kind)
    if inside:
        items = value["field_values" if kind == "Struct" else "elements"]
        text = inside[0] + ", ".join(value_of(item) for item in items) + inside[1]
    elif kind in ("String", "Raw", "Error"):
        text = value[{"String": "text", "Raw": "r", "Error": "msg"}[kind]]
        text = "".join(f"\\{ord(c):02x}" if c < " " or c == "\\" else c for c in text)
        text = f"raw'{text}'" if kind != "String" else f"'{text}'"
    elif kind == "BigInt":
        text = "-big" if value["negative"] else "big"
    elif kind == "Float":
        text = f"{float(value['f']):.17g}"
    else:
        text = str({"None": None, "Bool": value.get("b"), "Int": value.get("i")}[kind])
    return f"{text}:{value['type_id']}"


def lines_of(shown):
    """What ct-print --full shows, as lines of tests/c/event_text.h. A step's kind tells whether it is a step."""
    columns = shown["metadata"]["flags"]["has_column_aware_steps"]
    for name, word in (("paths", "path"), ("types", "type 16"), ("varnames", "variable")):
        for item in shown[name]:
            yield f"{word} {item}"
    for event in shown["events"]:
        kind = event["kind"]
        if kind == "step":
            if event["step_kind"] in ("sekThreadSwitch", "sekThreadStart", "sekThreadExit"):
                word = {"sekThreadSwitch": "switches", "sekThreadStart": "starts", "sekThreadExit": "exits"}[event["step_kind"]]
                yield f"thread {word} {event['thread_id']}"
            else:
                yield f"step {event['path_id']}:{event['line']}" + (f":{event['column']}" if columns else "")
            for var in event["vars"]:
                yield f"value {var['varname_id']} {value_of(var['value'])}"
        elif kind == "call_entry":
            for arg in event["args"]:
                yield f"argument {arg['varname_id']} {value_of(arg['value'])}"
            yield f"call {event['function_id']}"
        elif kind == "call_exit":
            yield f"return {value_of(event['return_value'])}"
        elif kind == "io":
            yield f"event {event['io_kind']} " + "".join(f"\\{ord(c):02x}" if c < " " or c == "\\" else c for c in event["text"])


# The printer folds the kinds of output to these.
IO_KINDS = {"0": "ioStdout", "2": "ioStderr", "12": "ioStderr", "3": "ioFileOp", "11": "ioError"}


def same_as_printed(path, columns=True):
    """columns: whether the file tells any; where every line has length 1, ct-print shows column 1, and the reader none."""
    text = run(tool("ct-print"), "--full", path)
    expected = list(lines_of(json.loads(re.sub(r'": (-?)(inf|nan)\b', r'": "\1\2"', text))))
    if not columns:
        expected = [re.sub(r"^(step \d+:\d+):1$", r"\1", line) for line in expected]
    done = events_read(path)
    assert done.returncode == 0, done.stderr
    read = []
    for line in done.stdout.splitlines():
        if line.startswith(("meta ", "function ", "source ")):
            continue
        event = re.fullmatch(r"event (\d+) \S* (.*)", line)
        read.append(f"event {IO_KINDS[event[1]]} {event[2]}" if event else re.sub(r"0x[0-9a-f]+(?=:\d)", "big", line))
    order = {"path": 0, "type": 1, "variable": 2}
    tables = sorted((line for line in read if line.split()[0] in order), key=lambda line: order[line.split()[0]])
    read = tables + [line for line in read if line.split()[0] not in order]
    assert read == expected
    assert any(line.startswith("step ") for line in read)


def multi_stream_half(source, target):
    """What ct-print sees of a container with both layouts: not the entries from 31 on."""
    data = bytearray(source.read_bytes())
    start, end = 16 + 24 * 31, 16 + 24 * 40
    data[start:end] = bytes(end - start)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("name", ["multistream_line", "multistream_column", "dual_slot31"])
def test_upstream_files(name, tmp_path):
    same_as_printed(multi_stream_half(GOLDEN / f"{name}.ct", tmp_path / "half.ct"))


@pytest.mark.parametrize("kind", ["everything", "loop", "calls", "lists", "longfile"])
def test_what_this_project_writes(kind, tmp_path):
    run(helper(), "journal", kind, {"loop": 20000, "calls": 2000}.get(kind, 300), tmp_path / "sample.ctj")
    run(helper(), "ct", tmp_path / "sample.ctj", tmp_path / "sample.ct")
    same_as_printed(multi_stream_half(tmp_path / "sample.ct", tmp_path / "half.ct"), columns=False)


def test_variables_that_nothing_names():
    """Upstream's smallest container uses two; the tool calls them by their numbers."""
    text = run(Path(helper()).parents[2] / "lib" / "codetracer-trace", "print", GOLDEN / "minimal_trace.ct")
    assert "variable 1 = 42" in text and "variable 2 = 'hello'" in text


def test_the_tool_says_that_a_container_is_cut(tmp_path):
    """Where its files lie is told by blocks at its end: without them nothing can be read, and the sentence says why."""
    run(helper(), "journal", "loop", 40, tmp_path / "sample.ctj")
    run(helper(), "ct", tmp_path / "sample.ctj", tmp_path / "sample.ct")
    (tmp_path / "cut.ct").write_bytes((tmp_path / "sample.ct").read_bytes()[:30000])
    done = subprocess.run([Path(helper()).parents[2] / "lib" / "codetracer-trace", "print", tmp_path / "cut.ct"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "") and "nothing of events.log is there: the container was cut off" in done.stderr, done


def test_the_tool_reads_what_is_intact(tmp_path):
    """A container cut off in its middle: the program prints what is there, then says what is not."""
    program = Path(helper()).parents[2] / "lib" / "codetracer-trace"
    run(helper(), "journal", "loop", 40000, tmp_path / "sample.ctj")
    run(helper(), "ct", tmp_path / "sample.ctj", tmp_path / "sample.ct")
    data = bytearray((tmp_path / "sample.ct").read_bytes())
    start, end = 16 + 24 * 34, 16 + 24 * 40
    data[start:end] = bytes(end - start)  # without the journal in it, which a cut container has no more

    def printed(name, size):
        (tmp_path / name).write_bytes(data[:size])
        done = subprocess.run([program, "print", tmp_path / name], capture_output=True, text=True)
        # The folder of which paths are told relative may be in what is lost.
        return done, [line.replace("/p/", "").split() for line in done.stdout.splitlines()]

    whole, all_lines = printed("whole.ct", len(data))
    assert whole.returncode == 1 and "journal.ctj, which" in whole.stderr
    multi_stream_half(tmp_path / "sample.ct", tmp_path / "half.ct")
    streams = subprocess.run([program, "print", tmp_path / "half.ct"], capture_output=True, text=True, check=True)
    stream_lines = [line.replace("/p/", "").split() for line in streams.stdout.splitlines()]
    cut_lines, rescued = [], 0
    for percent in range(2, 100, 2):
        cut, lines = printed(f"{percent}.ct", len(data) * percent // 100)
        if "all of the trace was read from the streams" in cut.stderr:
            assert cut.returncode == 1 and lines == stream_lines
            rescued += 1
            continue
        last = len(lines) - 1  # its variables may be lost with what follows
        assert not lines or (lines[:last] == all_lines[:last] and lines[last] == all_lines[last][: len(lines[last])])
        assert cut.returncode == 1
        if lines and lines != all_lines:
            assert "events.log ends too early" in cut.stderr and "what stands before that was read" in cut.stderr
            cut_lines.append(len(lines))
    assert max(cut_lines) > 1000 and rescued
