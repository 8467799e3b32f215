"""Spans of requests where they can be seen: read(), codetracer-trace info and print, and spans.dat in containers, as CodeTracer's replay server lists them.

The middleware is called without a server here; test_web.py has real ones."""

import json
import re
import struct
import subprocess
import sys
from datetime import datetime, timezone

import pytest
import reading
import zstandard
from codetracer_python_recorder import read
from conftest import environment_for
from support.containers import read_container, varint, write_container
from support.dap import Gone, ReplayServer, unless_it_crashes
from test_formats import run, tool

PROGRAM = """\
import threading
from codetracer_python_recorder.middleware.wsgi import CodeTracerWSGIMiddleware

def app(environ, start_response):
    number = int(environ["PATH_INFO"].rsplit("/")[-1])
    result = 100 // number
    start_response("200 OK" if number < 3 else "404 Not Found", [])
    return [str(result).encode()]

def ask(path):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "wsgi.url_scheme": "http"}
    answer = wrapped(environ, lambda line, headers, *rest: None)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return body

wrapped = CodeTracerWSGIMiddleware(app)
ask("/orders/1")
thread = threading.Thread(target=ask, args=("/orders/2",)); thread.start(); thread.join()
ask("/orders/3")
try:
    ask("/orders/0")
except ZeroDivisionError:
    pass
"""
FIRST_LINE = 5  # of app()'s body
REQUESTS = [("/orders/1", "ok", 200), ("/orders/2", "ok", 200), ("/orders/3", "error", 404), ("/orders/0", "error", 500)]
HAS_SPANS = 0x2000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spans")
    (folder / "web.py").write_text(PROGRAM)
    before = datetime.now(timezone.utc)
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "-o", folder / "out", folder / "web.py"]
    subprocess.run(command, check=True, capture_output=True, env=environment_for(), timeout=60)
    return folder, before, datetime.now(timezone.utc)


def test_read_lists_them(recorded):
    folder, before, after = recorded
    with read(folder / "out") as trace:
        spans = trace.spans
        assert [(span.label, span.type, span.status, int(span.metadata["http.status_code"])) for span in spans] == [
            (f"GET {path}", "web-request", status, code) for path, status, code in REQUESTS
        ]
        main, other = (thread.number for thread in trace.threads)
        assert [span.thread for span in spans] == [main, other, main, main]
        for span, (path, _, _) in zip(spans, REQUESTS):
            steps = trace.steps[span.first_step : span.last_step + 1]
            assert steps[0].line == FIRST_LINE and {step.function for step in steps} >= {"app"}
            assert steps[0].locals["environ"]["PATH_INFO"] == path
            assert before <= datetime.fromisoformat(span.start) <= datetime.fromisoformat(span.end) <= after
        assert "span" not in trace.metadata


def test_the_tool_lists_them(recorded):
    out = recorded[0] / "out"
    told = re.findall(r"^span +(\S+): GET (\S+) \(web-request, (\w+), [\d.]+ ms\), steps ([\d,]+) to ([\d,]+), thread (\d+)$",
                      run(reading.trace_tool(), "info", out), re.M)  # fmt: skip
    assert [(path, status) for _, path, status, *_ in told] == [(path, status) for path, status, _ in REQUESTS]
    for name, path, _, first, last, thread in told:
        for called in (name, f"GET {path}", path):  # the end of a label, too
            events = reading.print_json(out, "--span", called)
            steps = [event for event in events if event["event"] == "step"]
            assert (steps[0]["step"], steps[-1]["step"]) == (int(first), int(last))
            assert {event["thread"] for event in events} == {int(thread)}
            assert steps[0]["locals"]["environ"]["PATH_INFO"] == path


def test_print_ends_where_the_span_does(recorded):
    """Behind the last step nothing of who called the application: of the request that fails, its exception goes on in ask()."""
    ends = [reading.print_json(recorded[0] / "out", "--span", path)[-1] for path, _, _ in REQUESTS]
    assert [(end["event"], end["function"]) for end in ends] == [("return", "app")] * 3 + [("unwind", "app")]


@pytest.mark.parametrize("options, said", [
    (["--span", "nobody"], "there is no such span"),
    (["--span", "rders/1"], "there is no such span"),
    (["--span", "span_wsgi_1", "--from", "3"], "goes with neither --from nor --to"),
])  # fmt: skip
def test_what_print_refuses(recorded, options, said):
    done = subprocess.run([reading.trace_tool(), "print", recorded[0] / "out", *options], capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and not done.stdout


def test_the_same_label_twice(tmp_path):
    (tmp_path / "web.py").write_text(PROGRAM + 'ask("/orders/1")\n')
    subprocess.run([sys.executable, "-m", "codetracer_python_recorder", "--quiet", "-o", tmp_path / "out", tmp_path / "web.py"], check=True,
                   capture_output=True, env=environment_for(), timeout=60)  # fmt: skip
    done = subprocess.run([reading.trace_tool(), "print", tmp_path / "out", "--span", "GET /orders/1"], capture_output=True, text=True)
    assert done.returncode == 2 and "2 spans are called so" in done.stderr


def server_lists(folder):
    with ReplayServer(tool("replay-server"), folder) as server:
        answer = server.request("ct/load-request-spans")
        places = []
        for request in answer["requests"]:
            server.request("ct/goto-ticks", ticks=request["startGeid"], threadId=1)
            server.wait("stopped")
            frame = server.request("stackTrace", threadId=1)["stackFrames"][0]
            places.append((frame["name"], frame["line"]))
        return answer["requests"], answer["source"], places


@pytest.mark.parametrize("format", ["ct", "ct-single"])
def test_the_replay_server_lists_them_and_goes_there(recorded, tmp_path, format):
    run(reading.trace_tool(), "convert", recorded[0] / "out", tmp_path / "web.ct", "--to", format)
    requests, source, places = server_lists(tmp_path)
    assert source == "span-stream"
    assert [(request["url"], request["status"], request["statusCode"], request["httpMethod"]) for request in requests] == [
        (path, status, code, "GET") for path, status, code in REQUESTS
    ]
    assert not any(request["isOpen"] for request in requests)
    assert places == [("app", FIRST_LINE)] * 4


def test_ct_print_is_not_disturbed(recorded):
    """It does not know the flag; the half that it looks at has none."""
    shown = json.loads(run(tool("ct-print"), "--full", recorded[0] / "out" / "web.ct"))
    with read(recorded[0] / "out") as trace:
        own_steps = sum(event.kind in ("call", "resume") for event in trace.events)
        assert len([event for event in shown["events"] if event["kind"] == "step" and "line" in event]) >= len(trace.steps) + own_steps


def flag(files, slot, flags):
    name, content = files[slot]
    return {**files, slot: (name, content[:6] + struct.pack("<H", flags) + content[8:])}


def test_why_ct_multi_has_none(recorded, tmp_path):
    """The server looks for spans only when the flag is set, and ct-print refuses a meta.dat that has it: one of the two would be without its trace."""
    run(reading.trace_tool(), "convert", recorded[0] / "out", tmp_path / "multi.ct", "--to", "ct-multi")
    multi, _ = read_container(tmp_path / "multi.ct")
    ours, _ = read_container(next((recorded[0] / "out").glob("*.ct")))
    (meta,) = [slot for slot, (name, _) in multi.items() if name == "meta.dat"]
    with_spans = {**multi, 27: ours[35], 28: ours[36], 29: ours[37]}
    assert [ours[slot][0] for slot in (35, 36, 37)] == ["spans.dat", "spans.idx", "spantype.ns"]
    flags = struct.unpack_from("<H", multi[meta][1], 6)[0]
    write_container(tmp_path / "printed.ct", flag(with_spans, meta, flags | HAS_SPANS))
    done = subprocess.run([tool("ct-print"), "--full", tmp_path / "printed.ct"], capture_output=True, text=True)
    assert "step_index" not in done.stdout
    for name, files in ("without", multi), ("with", with_spans):
        (tmp_path / name).mkdir()
        write_container(tmp_path / name / "web.ct", files)
        assert "step_index" in run(tool("ct-print"), "--full", tmp_path / name / "web.ct")

        def drive(folder=tmp_path / name):
            with ReplayServer(tool("replay-server"), folder) as server:
                return server.request("ct/load-request-spans")["requests"]

        assert unless_it_crashes(drive) == []


def test_the_server_refuses_another_index(recorded, tmp_path):
    """So what it takes is what it has read, not what it leaves alone."""
    files, entries = read_container(next((recorded[0] / "out").glob("*.ct")))
    name, index = files[36]
    write_container(tmp_path / "web.ct", {**files, 36: (name, index[:4] + b"\3\0" + index[6:])}, entries)
    with ReplayServer(tool("replay-server"), tmp_path) as server, pytest.raises(Gone, match="unsupported index version 3"):
        server.request("ct/load-request-spans")


def test_more_than_a_chunk(tmp_path):
    """By hand, after the description in lib/formats/ct_spans.h: 150 spans are three chunks of 64 at most, and the index of types has each span."""
    (tmp_path / "web.py").write_text(PROGRAM + 'for _ in range(146):\n    ask("/orders/2")\n')
    subprocess.run([sys.executable, "-m", "codetracer_python_recorder", "--quiet", "-o", tmp_path / "out", tmp_path / "web.py"], check=True,
                   capture_output=True, env=environment_for(), timeout=60)  # fmt: skip
    files, _ = read_container(next((tmp_path / "out").glob("*.ct")))
    data, index, types = (files[slot][1] for slot in (35, 36, 37))
    assert struct.unpack_from("<IHH", index) == (64, 2, 0)
    entries = list(struct.iter_unpack("<QQ", index[8:]))
    assert [total for _, total in entries] == [64, 128, 150] and entries[0][0] == 0
    ids = []
    for (begin, _), end in zip(entries, [place for place, _ in entries[1:]] + [len(data)]):
        chunk, at = zstandard.ZstdDecompressor().decompress(data[begin:end]), 0
        while at < len(chunk):
            size, at = varint(chunk, at)
            ids.append(varint(chunk, at)[0])
            at += size
    assert ids == list(range(1, 151))
    assert struct.unpack_from("<IHIQ", types) == (0x53505459, 1, 1, 18)
    number, name_size, name_at, count, list_at = struct.unpack_from("<IIQIQ", types, 18)
    assert (number, types[name_at : name_at + name_size], count) == (0, b"web-request", 150)
    assert struct.unpack_from("<150Q", types, list_at) == tuple(ids) and list_at + 8 * 150 == len(types)
    assert len(server_lists(tmp_path / "out")[0]) == 150


def test_only_the_end_was_kept(tmp_path):
    """Steps of spans are those of what is left; a span that is not in it has none."""
    (tmp_path / "web.py").write_text(PROGRAM + 'x = 0\nwhile x < 60000:\n    x += 1; y = str(x) * 3\nask("/orders/2")\n')
    subprocess.run([sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--last", "200", "-o", tmp_path / "out", tmp_path / "web.py"], check=True,
                   capture_output=True, env=environment_for(), timeout=60)  # fmt: skip
    with read(tmp_path / "out") as trace:
        assert [span.first_step is None for span in trace.spans] == [True] * 4 + [False]
        assert trace.steps[trace.spans[-1].first_step].line == FIRST_LINE
