"""Formatted views of minified sources: made by black after the program's end, kept in containers, shown by ct-print and by the replay server."""

import ast
import io
import json
import subprocess
import sys
import tokenize

import pytest
from codetracer_python_recorder import read, source_views
from support import frameworks
from support.containers import read_container, varint
from support.dap import ReplayServer, unless_it_crashes
from test_formats import run, tool

SOURCE = (
    ";".join(f"v{i}=({i},[{i},'ab'],{{'k':{i}}})" for i in range(60)) + ";print(len(v1+v2))\n"
    "class A:x=1;y=2;z=lambda q,r=1:(q,r);" + ";".join(f"w{i}={i}" for i in range(200)) + "\n"
    "def f(a,b=(1,2,),*c):r=((a+b[0]));" + ";".join(f"s{i}='é日'" for i in range(200)) + ";return(r)#end\n"
    "print(f(1));" + ";".join(f"t{i}=[\"x\",{i}]" for i in range(200)) + "\n"
)
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def record(tmp_path, *options, code=SOURCE, **variables):
    (tmp_path / "mini.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "-o", tmp_path / "out", *options, tmp_path / "mini.py"]
    seen = subprocess.run(command, capture_output=True, text=True, env=frameworks.environment(PYTHONUTF8="1", **variables), timeout=60)
    assert seen.returncode == 0, seen.stderr
    return seen


def views(out):
    """[(kind, name, content, map)] of a container, by the format's description."""
    files, _ = read_container(next(out.glob("*.ct")))
    files = {name: content for slot, (name, content) in files.items() if slot < 31}
    data, offsets = files["srcviews.dat"], files["srcviews.off"]
    found = []
    for start in range(0, len(offsets) - 8, 8):
        record = data[int.from_bytes(offsets[start : start + 8], "little") : int.from_bytes(offsets[start + 8 : start + 16], "little")]
        _, at = varint(record, 0)
        kind, at = record[at], at + 1
        texts = []
        for _ in range(3):
            size, at = varint(record, at)
            texts.append(record[at : at + size].decode())
            at += size
        assert at == len(record)
        found.append((kind, *texts))
    return found


def places(mapped):
    """{(line, column) of the original: (line, column) of the view}, from 0."""
    found, line, column = {}, 0, 0
    for original, segments in enumerate(mapped["mappings"].split(";")):
        place = 0
        for segment in filter(None, segments.split(",")):
            numbers, value, shift = [], 0, 0
            for letter in segment:
                digit = DIGITS.index(letter)
                value |= (digit & 31) << shift
                shift += 5
                if digit < 32:
                    numbers.append(-(value >> 1) if value & 1 else value >> 1)
                    value = shift = 0
            assert len(numbers) == 4 and numbers[1] == 0
            place, line, column = place + numbers[0], line + numbers[2], column + numbers[3]
            found[original, place] = line, column
    return found


def words(text):
    """{(line, column): word}, from 0."""
    return {(token.start[0] - 1, token.start[1]): token.string for token in tokenize.generate_tokens(io.StringIO(text).readline)}


@pytest.mark.parametrize("format", ["ct", "ct-multi"])
def test_what_is_kept(tmp_path, format):
    frameworks.need("black")
    record(tmp_path, "--format", format)
    (raw, view) = views(tmp_path / "out")
    assert raw == (0, "", SOURCE, "")
    kind, name, content, mapped = view
    assert (kind, name) == (2, "mini.fmt.py")
    command = [sys.executable, "-m", "black", "-q", "--skip-string-normalization", "-"]
    assert content == subprocess.run(command, input=SOURCE, capture_output=True, text=True, check=True, env=frameworks.environment(PYTHONUTF8="1")).stdout
    assert ast.dump(ast.parse(content)) == ast.dump(ast.parse(SOURCE))

    mapped = json.loads(mapped)
    assert (mapped["version"], mapped["file"], mapped["sources"]) == (3, "mini.py", ["sourcemap-translate/mini.fmt.py"])
    old, new, found = words(SOURCE), words(content), places(mapped)
    assert all(old[here] == new[there] or old[here][0] == new[there][0] == "#" for here, there in found.items())
    # Every name, number and string has its place; the statements are in the order of the lines.
    assert {here for here, word in old.items() if word.isidentifier() or word.isdecimal() or word.startswith(("'", '"'))} <= set(found)
    statements = [(node.lineno - 1, node.col_offset) for node in ast.parse(SOURCE).body]
    formatted = [(node.lineno - 1, node.col_offset) for node in ast.parse(content).body]
    assert [found[place] for place in statements] == formatted


def test_ct_print_shows_it(tmp_path):
    frameworks.need("black")
    record(tmp_path)
    shown = json.loads(run(tool("ct-print"), "--full", tmp_path / "out" / "mini.ct"))
    assert [(view["view_kind"], view["view_name"]) for view in shown["source_views"]] == [(0, ""), (2, "mini.fmt.py")]
    assert shown["counts"]["steps"] > 5


@pytest.mark.parametrize("format, by_column", [("ct", False), ("ct-multi", True)])
def test_the_replay_server_shows_it(tmp_path, format, by_column):
    """It writes the view beside the trace, and each place is shown in it: exactly where columns are known to it, else at the line's beginning."""
    frameworks.need("black")
    record(tmp_path, "--format", format)
    (_, (_, _, content, mapped)) = views(tmp_path / "out")
    found = places(json.loads(mapped))
    with read(tmp_path / "out") as trace:
        recorded = {(step.line - 1, step.column - 1 if by_column and step.column else 0) for step in trace.steps}
    expected = {(found[place][0] + 1, found[place][1] + 1) for place in recorded if place in found}
    assert len(expected) >= 4

    def drive():
        seen = set()
        with ReplayServer(tool("replay-server"), tmp_path / "out") as server:
            for _ in range(16):
                frame = server.request("stackTrace", threadId=1)["stackFrames"][0]
                assert frame["source"]["path"] == str(tmp_path / "out" / "sourcemap-translate" / "mini.fmt.py")
                seen.add((frame["line"], frame["column"]))
                server.request("stepIn", threadId=1)
                server.wait("stopped")
        return seen

    seen = unless_it_crashes(drive) if by_column else drive()
    assert (tmp_path / "out" / "sourcemap-translate" / "mini.fmt.py").read_text() == content
    assert seen >= expected if by_column else {line for line, _ in seen} >= {line for line, _ in expected}


def test_breakpoints_are_in_the_file(tmp_path):
    frameworks.need("black")
    record(tmp_path)
    (_, (_, _, content, _)) = views(tmp_path / "out")
    with ReplayServer(tool("replay-server"), tmp_path / "out") as server:
        server.request("setBreakpoints", source={"path": str(tmp_path / "mini.py")}, breakpoints=[{"line": 4}])
        server.request("continue", threadId=1)
        server.wait("stopped")
        line = server.request("stackTrace", threadId=1)["stackFrames"][0]["line"]
        assert content.splitlines()[line - 1] == "print(f(1))"


@pytest.mark.parametrize("options, variables, code", [
    (["--no-autoformat"], {}, SOURCE),
    ([], {"CT_AUTOFORMAT": "Off"}, SOURCE),
    ([], {"CT_AUTOFORMAT_THRESHOLD": "100000"}, SOURCE),
    ([], {}, "x = 1\ny = [\n" + "    'word',\n" * 100 + "]\n" + f"z = '{'a' * 5000}'\n"),  # one long line among many
])  # fmt: skip
def test_none_is_made(tmp_path, options, variables, code):
    frameworks.need("black")
    record(tmp_path, *options, code=code, **variables)
    assert [kind for kind, *_ in views(tmp_path / "out")] == [0]


def test_threshold(tmp_path):
    frameworks.need("black")
    record(tmp_path, code="x = 1; y = [x, 2]\n\n\nz = (x, y)\n", CT_AUTOFORMAT_THRESHOLD="10")
    assert [content for kind, _, content, _ in views(tmp_path / "out") if kind == 2] == ["x = 1\ny = [x, 2]\n\n\nz = (x, y)\n"]


def test_a_file_with_a_map_of_its_own(tmp_path):
    frameworks.need("black")
    (tmp_path / "mini.py.map").write_text("{}")
    record(tmp_path)
    assert [kind for kind, *_ in views(tmp_path / "out")] == [0]


@pytest.mark.parametrize("black, reason", [
    ("raise ImportError('no black here')", "no black here"),
    ("def Mode(**options): pass\ndef format_str(text, mode): raise ValueError('cannot parse')", "cannot parse"),
    ("import os; os._exit(7)", "ended with 7"),
])  # fmt: skip
def test_failures_are_for_the_log_alone(tmp_path, black, reason):
    folder = tmp_path / "fake"
    folder.mkdir()
    (folder / "black.py").write_text(black)
    environment = frameworks.environment()
    (tmp_path / "mini.py").write_text(SOURCE, encoding="utf-8")
    environment["PYTHONPATH"] = f"{folder}:{environment['PYTHONPATH']}"
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--log-level=info", f"--log-file={tmp_path / 'log'}", "-o", tmp_path / "out"]
    seen = subprocess.run([*command, tmp_path / "mini.py"], capture_output=True, text=True, env=environment, timeout=60)
    assert (seen.returncode, seen.stderr) == (0, "")
    assert [kind for kind, *_ in views(tmp_path / "out")] == [0]
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (said,) = [line["fields"] for line in lines if "formatted view" in line["message"]]
    assert said["path"] == str(tmp_path / "mini.py") and reason in said["reason"]


def test_time_limit(tmp_path, monkeypatch):
    record(tmp_path, "--format", "journal")
    (tmp_path / "black.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(source_views, "TIME_LIMIT", 0.5)
    assert source_views.make(str(next((tmp_path / "out").glob("*.ctj"))), 500, None) == []


def test_not_while_the_program_runs(tmp_path):
    """stop() in a program that goes on starts no process in its name."""
    (tmp_path / "mini.py").write_text(SOURCE, encoding="utf-8")
    code = (
        "import signal, sys\nseen = []\nsignal.signal(signal.SIGCHLD, lambda *_: seen.append(1))\n"
        "from codetracer_python_recorder import trace\nwith trace('out'):\n    import mini\nassert not seen\n"
    )
    seen = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=frameworks.environment(PYTHONUTF8="1"), capture_output=True, text=True, timeout=60)
    assert seen.returncode == 0, seen.stderr
    assert (0, "", SOURCE, "") in views(tmp_path / "out") and {kind for kind, *_ in views(tmp_path / "out")} == {0}
