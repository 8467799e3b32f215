"""Web applications under the recorder: spans of requests, and a trace for each. Real servers, concurrent requests."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import reading
from conftest import environment_for, wait_for
from support import frameworks

TOGETHER = 3  # requests that wait for each other in their handlers

FLASK = """\
import os, sys, threading
from flask import Flask
from werkzeug.serving import make_server
from codetracer_python_recorder.middleware.wsgi import CodeTracerWSGIMiddleware

app = Flask(__name__)
barrier = threading.Barrier(3, timeout=60)

def double(n):
    return n * 2

@app.route("/orders/<int:n>")
def orders(n):
    barrier.wait()
    result = double(n)
    return str(result)

@app.route("/alone/<int:n>")
def alone(n):
    result = double(n)
    return str(result)

@app.route("/stream")
def stream():
    def pieces():
        for piece in "abc":
            yield piece
    return pieces()

@app.route("/boom")
def boom():
    return str(1 // 0)

@app.route("/quit")
def leave():
    threading.Thread(target=server.shutdown).start()
    return "bye"

app.wsgi_app = CodeTracerWSGIMiddleware(app.wsgi_app, **eval(os.environ.get("OPTIONS", "{}")))
server = make_server("127.0.0.1", 0, app, threaded=True)
server.daemon_threads = False  # the end waits for requests
print(server.server_port, flush=True)
server.serve_forever()
server.server_close()
"""
STARLETTE = """\
import asyncio, os, socket
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from codetracer_python_recorder.middleware.asgi import CodeTracerASGIMiddleware

barrier = asyncio.Barrier(3)

def double(n):
    return n * 2

async def orders(request):
    n = request.path_params["n"]
    await barrier.wait()
    result = double(n)
    return PlainTextResponse(str(result))

async def alone(request):
    n = request.path_params["n"]
    result = double(n)
    return PlainTextResponse(str(result))

async def stream(request):
    async def pieces():
        for piece in "abc":
            yield piece
    return StreamingResponse(pieces())

async def boom(request):
    return PlainTextResponse(str(1 // 0))

async def leave(request):
    server.should_exit = True
    return PlainTextResponse("bye")

routes = [Route("/orders/{n:int}", orders), Route("/alone/{n:int}", alone), Route("/stream", stream), Route("/boom", boom), Route("/quit", leave)]
app = Starlette(routes=routes)
app.add_middleware(CodeTracerASGIMiddleware, **eval(os.environ.get("OPTIONS", "{}")))
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
server.run(sockets=[listening])
"""
SERVERS = {"wsgi": (FLASK, ("flask", "werkzeug")), "asgi": (STARLETTE, ("starlette", "uvicorn"))}
# Frameworks are big: their values are not what is asked for here.
SMALL = ["--max-attr-depth=1", "--max-depth=2"]


@pytest.fixture
def serve(tmp_path):
    """serve(kind, recorder's options or None, …): a server that runs; `get(path)` asks it, `end()` ends it and gives the process."""
    running = []

    class Server:
        def __init__(self, kind, options, **variables):
            code, packages = SERVERS[kind]
            frameworks.need(*packages)
            (tmp_path / "server.py").write_text(code)
            command = ["server.py"]
            if options is not None:
                command = ["-c", "import sys; from codetracer_python_recorder.cli import main_record; sys.exit(main_record())", "--quiet", *options, *command]
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=tmp_path, env=frameworks.environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            running.append(self.process)
            self.port = int(self.process.stdout.readline())

        def get(self, path):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=120) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        def together(self, *paths):
            answers = {}
            threads = [threading.Thread(target=lambda path=path: answers.update({path: self.get(path)})) for path in paths]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return answers

        def end(self):
            assert self.get("/quit") == (200, "bye")
            out, err = self.process.communicate(timeout=120)
            assert self.process.returncode == 0, err
            return err

    yield Server
    for process in running:
        if process.poll() is None:
            process.kill()
            process.communicate()


def in_order(spans):
    return sorted((span for span in spans if span["label"] != "GET /quit"), key=lambda span: int(span["id"].rpartition("_")[2]))


def read_spans(lines):
    """Spans in the order in which they began, but for the one that ends the server."""
    return in_order(map(json.loads, lines))


def spans_of(trace):
    return in_order(reading.spans_of(trace))


def steps_between(trace, span):
    return [
        e for e in reading.print_json(trace, "--all-locals", "--from", str(span["first_step"]), "--to", str(span["last_step"]))
        if e["event"] == "step" and e["file"].endswith("server.py")
    ]  # fmt: skip


PATHS = [f"/orders/{n}" for n in range(TOGETHER * 2)]
ANSWERS = {f"/orders/{n}": (200, str(n * 2)) for n in range(TOGETHER * 2)}


@pytest.mark.parametrize("kind", SERVERS)
def test_each_request_is_a_span(serve, tmp_path, kind):
    server = serve(kind, ["-o", "out", "--format=ct", *SMALL])
    assert server.together(*PATHS) == ANSWERS
    assert server.get("/stream") == (200, "abc")
    assert server.get("/missing?password=hunter2")[0] == 404 and server.get("/boom")[0] == 500
    server.end()

    trace = tmp_path / "out"
    assert sorted(path.name for path in trace.iterdir()) == ["server.ct", "spans.jsonl"]
    spans = spans_of(trace)
    assert read_spans((trace / "spans.jsonl").read_text().splitlines()) == spans
    labels = {span["label"]: span for span in spans}
    assert sorted(labels) == sorted(["GET " + path for path in [*PATHS, "/stream", "/missing", "/boom"]])  # and no query
    assert len({span["id"] for span in spans}) == len(spans) and all(span["id"].startswith(f"span_{kind}_") for span in spans)
    for n in range(TOGETHER * 2):
        span = labels[f"GET /orders/{n}"]
        steps = [e for e in steps_between(trace, span) if e["locals"].get("n") == n and e["function"] in ("orders", "double")]
        code = SERVERS[kind][0].splitlines()
        assert [e["line"] for e in steps][-3:] == [code.index(text) + 1 for text in ("    result = double(n)", "    return n * 2")] + [steps[-1]["line"]]
        assert {e["thread"] for e in steps} == {span["thread"]}
        assert span["status"] == "ok" and span["metadata"]["http.status_code"] == "200" and span["metadata"]["http.method"] == "GET"
        assert float(span["metadata"]["http.duration_ms"]) > 0
    # the whole of a streamed response is in its span
    assert [e["locals"]["piece"] for e in steps_between(trace, labels["GET /stream"]) if e["function"].endswith("pieces") and "piece" in e["locals"]][-1] == "c"
    assert (labels["GET /boom"]["status"], labels["GET /boom"]["metadata"]["http.status_code"]) == ("error", "500")
    assert (labels["GET /missing"]["status"], labels["GET /missing"]["metadata"]["http.status_code"]) == ("error", "404")
    # requests that ran together lie together; with threads each has its own
    overlapping = [labels[f"GET /orders/{n}"] for n in range(TOGETHER * 2)]
    assert any(a is not b and a["first_step"] < b["first_step"] < a["last_step"] for a in overlapping for b in overlapping)
    assert len({span["thread"] for span in overlapping}) == (1 if kind == "asgi" else TOGETHER * 2)
    checked = subprocess.run([reading.trace_tool(), "verify", str(trace)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("kind", SERVERS)
def test_a_trace_for_each_request(serve, tmp_path, kind):
    server = serve(kind, None, OPTIONS=repr({"trace_dir": "out", "format": "journal", "max_depth": 2, "max_attr_depth": 1}))
    for n in range(3):
        assert server.get(f"/alone/{n}") == (200, str(n * 2))
    assert server.together(*PATHS[:TOGETHER]) == {path: ANSWERS[path] for path in PATHS[:TOGETHER]}
    server.end()
    traces = sorted((tmp_path / "out").iterdir())
    spans = [spans_of(trace) for trace in traces]
    # those that came alone have a trace each; those that waited for each other share one; /quit has its own
    assert [len(of) for of in spans[:4]] == [1, 1, 1, TOGETHER]
    for n in range(3):
        assert traces[n].name.endswith(f"GET-alone-{n}") and spans[n][0]["label"] == f"GET /alone/{n}"
        steps = [e for e in steps_between(traces[n], spans[n][0]) if e["function"] == "alone"]
        assert steps[-1]["locals"]["result"] == n * 2
    shared = {span["label"] for span in spans[3]}
    assert shared == {"GET " + path for path in PATHS[:TOGETHER]}
    ended = [e["locals"]["result"] for e in reading.print_json(traces[3], "--all-locals") if e["event"] == "step" and e["function"] == "orders" and "result" in e["locals"]]
    assert sorted(set(ended)) == [0, 2, 4]


def test_a_long_stream_delays_nobody(tmp_path):
    """While an answer goes on, others begin at once: only just after it has begun they wait for its end."""
    code = """\
import time
from codetracer_python_recorder import CodeTracerWSGIMiddleware
def app(environ, start_response):
    start_response("200 OK", [])
    return iter([b"x"] * 3)
wrapped = CodeTracerWSGIMiddleware(app, trace_dir="out", format="journal")
stream = wrapped({"PATH_INFO": "/stream"}, lambda *given: None)
next(stream)
time.sleep(0.5)
begin = time.monotonic()
for n in range(20):
    body = wrapped({"PATH_INFO": "/other"}, lambda *given: None)
    body.close()
print(time.monotonic() - begin)
stream.close()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=frameworks.environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and float(done.stdout) < 2.5, done  # 20 waits would be 5 seconds
    (trace,) = (tmp_path / "out").iterdir()
    assert [span["label"] for span in spans_of(trace)] == ["GET /stream"] + ["GET /other"] * 20


def test_a_trace_that_is_written_at_the_end_is_finished(tmp_path):
    """Servers' threads are daemons: they end with the program, also while one writes the trace of a response that nobody closed."""
    code = """\
import threading, time
from codetracer_python_recorder import CodeTracerWSGIMiddleware
from codetracer_python_recorder import export
def app(environ, start_response):
    start_response("200 OK", [])
    n = 1
    yield b"x"
def slowly(*given, real=export.export):
    writing.set()
    time.sleep(0.5)
    return real(*given)
export.export = slowly
writing = threading.Event()
wrapped = CodeTracerWSGIMiddleware(app, trace_dir="out", format="journal")
def serve():
    body = wrapped({"PATH_INFO": "/reset"}, lambda *given: None)
    next(body)
    del body
threading.Thread(target=serve, daemon=True).start()
writing.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=frameworks.environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (trace,) = (tmp_path / "out").iterdir()
    assert sorted(path.name for path in trace.iterdir()) == ["GET-reset.ctj", "spans.jsonl"]
    assert [(span["label"], span["status"]) for span in spans_of(trace)] == [("GET /reset", "ok")]


def test_policy_of_the_environment(serve, tmp_path):
    variables = {"CODETRACER_LOG_LEVEL": "info", "CODETRACER_LOG_FILE": str(tmp_path / "log")}
    server = serve("wsgi", None, OPTIONS=repr({"trace_dir": "out"}), **variables)
    assert server.get("/alone/4") == (200, "8")
    server.end()
    assert (tmp_path / "log").read_text().count('"message":"recording finished"') == len(list((tmp_path / "out").iterdir())) > 0


def test_nothing_happens_without_a_recording(serve, tmp_path):
    server = serve("wsgi", None)
    assert server.get("/alone/4") == (200, "8")
    assert server.end().count("codetracer") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.py"]


@pytest.mark.parametrize("how", ["environment", "argument"])
def test_another_place_for_spans(serve, tmp_path, how):
    elsewhere = {"CODETRACER_SPAN_MANIFEST": "mine.jsonl"} if how == "environment" else {"OPTIONS": "{'manifest_path': 'mine.jsonl', 'framework': 'flask'}"}
    server = serve("wsgi", ["-o", "out", *SMALL], **elsewhere)
    server.get("/alone/4")
    server.end()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["server.ct"]
    spans = read_spans((tmp_path / "mine.jsonl").read_text().splitlines())
    assert [span["label"] for span in spans] == ["GET /alone/4"] and spans == spans_of(tmp_path / "out")
    assert spans[0]["metadata"].get("http.framework") == (None if how == "environment" else "flask")


# ---- without a server ----


CALLS = """\
from codetracer_python_recorder import CodeTracerWSGIMiddleware, CodeTracerASGIMiddleware
import asyncio, io, sys

def wsgi(how):
    def app(environ, start_response):
        start_response("201 Created", [])
        if how == "list":
            return [b"x"]
        if how == "raises":
            raise KeyError(how)
        if how == "file":
            return io.BytesIO(b"line\\nline\\n")
        return pieces()
    def pieces():
        yield b"a"
        if how == "late":
            raise KeyError(how)
        yield b"b"
    return app

for how in ("list", "raises", "file", "generator", "late", "unfinished"):
    seen = []
    body = None
    try:
        body = CodeTracerWSGIMiddleware(wsgi(how))({"REQUEST_METHOD": "PUT", "SCRIPT_NAME": "/m", "PATH_INFO": "/\\xc3\\xbc"}, lambda *given: seen.append(given))
        for piece in body:
            seen.append(piece)
            if how == "unfinished":
                break
    except KeyError as error:
        seen.append(error)
    finally:
        if hasattr(body, "close"):
            body.close()
            body.close()
    print(how, seen, type(body) is list)

async def asgi():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204})
        if scope["path"] == "/raises":
            raise KeyError
    sent = []
    async def send(message): sent.append(message)
    wrapped = CodeTracerASGIMiddleware(app)
    await wrapped({"type": "http", "method": "GET", "path": "/x"}, None, send)
    try:
        await wrapped({"type": "http", "method": "GET", "path": "/raises"}, None, send)
    except KeyError as error:
        sent.append(error)
    await wrapped({"type": "lifespan", "path": "/"}, None, send)
    print(sent)
asyncio.run(asgi())
"""


def test_applications_behave_as_without_us(record, tmp_path):
    seen = record(code=CALLS, options=["--quiet", "--format=json"])
    assert seen.status == 0, seen
    started = "('201 Created', [])"
    assert seen.out.splitlines() == [
        f"list [{started}, b'x'] True", f"raises [{started}, KeyError('raises')] False", f"file [{started}, b'line\\n', b'line\\n'] False",
        f"generator [{started}, b'a', b'b'] False", f"late [{started}, b'a', KeyError('late')] False", f"unfinished [{started}, b'a'] False",
        "[{'type': 'http.response.start', 'status': 204}, {'type': 'http.response.start', 'status': 204}, KeyError(), {'type': 'http.response.start', 'status': 204}]",
    ]  # fmt: skip
    # json has no place for metadata of ours: there the spans are beside it
    spans = [json.loads(line) for line in (tmp_path / "trace" / "spans.jsonl").read_text().splitlines()]
    assert [(span["label"], span["metadata"]["http.status_code"], span["status"]) for span in spans] == [
        ("PUT /m/ü", "201", "ok"), ("PUT /m/ü", "500", "error"), ("PUT /m/ü", "201", "ok"), ("PUT /m/ü", "201", "ok"), ("PUT /m/ü", "500", "error"),
        ("PUT /m/ü", "201", "ok"), ("GET /x", "204", "ok"), ("GET /raises", "500", "error"),
    ]  # fmt: skip
    # the next trace in the folder takes them away, and a file that is not ours stays
    assert record("-c", "1", options=["--quiet"]).names == ["command.ct"]
    (tmp_path / "trace" / "spans.jsonl").write_text("mine\n")
    record(code=CALLS, options=["--quiet"])
    assert (tmp_path / "trace" / "spans.jsonl").read_text() == "mine\n"


def test_requests_that_the_recordings_end_interrupts(tmp_path):
    """Each that began in it has a span up to there, once, though the server closes its answer later or never; one that began before has its own end."""
    code = """\
from codetracer_python_recorder import CodeTracerWSGIMiddleware, trace
def app(environ, start_response):
    if environ["PATH_INFO"] != "/hangs":
        start_response(environ["PATH_INFO"][1:4], [])
    seen = environ["PATH_INFO"]
    yield b"x"
wrapped = CodeTracerWSGIMiddleware(app, "manifest")
def begun(path):
    body = wrapped({"PATH_INFO": path}, lambda *given: None)
    next(body)
    return body
before = begun("/200-before")
with trace("out", format="journal"):
    bodies = [begun(path) for path in ("/200", "/404", "/hangs")]
for body in [before, *bodies]:
    body.close()
"""
    (tmp_path / "server.py").write_text(code)
    subprocess.run([sys.executable, "server.py"], cwd=tmp_path, env=environment_for(), check=True, timeout=60)
    spans = {span["label"]: span for span in spans_of(tmp_path / "out")}
    assert {label: (span["status"], span["metadata"].get("http.status_code")) for label, span in spans.items()} == {
        "GET /200": ("ok", "200"), "GET /404": ("error", "404"), "GET /hangs": ("unfinished", None),
    }  # fmt: skip
    for label, span in spans.items():
        steps = [e for e in steps_between(tmp_path / "out", span) if e["function"] == "app"]
        assert steps[0]["locals"]["environ"]["PATH_INFO"] == label[4:]
    lines = [json.loads(line) for line in (tmp_path / "manifest").read_text().splitlines()]
    assert sorted(line["label"] for line in lines) == ["GET /200", "GET /200-before", "GET /404", "GET /hangs"]
    assert [line["first_step"] for line in lines if line["label"] == "GET /200-before"] == [None]


@pytest.mark.parametrize("format, names", [("journal", ["prog.ctj"]), ("json", ["files", "trace.json", "trace_metadata.json", "trace_paths.json"])])
def test_recover_takes_the_spans_along(record, tmp_path, format, names):
    """And leaves nothing that a reader would take for an unfinished recording. What is there already stays: an earlier trace's below, a file of the user's at its place."""
    killed = CALLS + "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"

    def recovered():
        record(code=killed, options=["--quiet"])
        done = subprocess.run([reading.trace_tool(), "recover", "--format", format, "trace"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done
        return sorted(path.name for path in (tmp_path / "trace").iterdir()), done.stderr

    def labels(folder):
        return [json.loads(line)["label"] for line in (folder / "spans.jsonl").read_text().splitlines()]

    found, said = recovered()
    assert found == sorted([*names, "spans.jsonl"])
    # what a format cuts is gone with the recording, and the folder that is named is one that is there
    assert re.fullmatch("" if format == "journal" else r"codetracer-trace recover: trace: \d+ values of 1 variable are cut by the format's limits \(docs/values\.md\)\.\n", said)
    assert labels(tmp_path / "trace") == ["PUT /m/ü"] * 6 + ["GET /x", "GET /raises"]
    assert recovered()[0] == sorted(["earlier", *names, "spans.jsonl"])
    assert labels(tmp_path / "trace" / "earlier") == labels(tmp_path / "trace") and len(labels(tmp_path / "trace")) == 8
    (tmp_path / "trace" / "spans.jsonl").write_text("mine\n")
    found, said = recovered()
    assert found == sorted(["earlier", "earlier-2", *names, "spans.jsonl"]) and "trace/spans.jsonl cannot be made: File exists." in said
    assert (tmp_path / "trace" / "spans.jsonl").read_text() == "mine\n"


def test_start_response_takes_keywords(record):
    """PEP 3333 says that applications give them by position. Servers take both."""
    code = """\
from codetracer_python_recorder import CodeTracerWSGIMiddleware
def start_response(status, headers, exc_info=None):
    print(status, headers, exc_info)
def app(environ, start_response):
    start_response("200 OK", headers=[], exc_info=None)
    start_response(status="503 Busy", headers=[], exc_info=(None, None, None))
    return []
CodeTracerWSGIMiddleware(app)({"PATH_INFO": "/"}, start_response)
"""
    seen = record(code=code, options=["--quiet", "--format=journal"])
    assert (seen.status, seen.out.splitlines()) == (0, ["200 OK [] None", "503 Busy [] (None, None, None)"]), seen
    (span,) = spans_of(seen.trace)
    assert (span["status"], span["metadata"]["http.status_code"]) == ("error", "503")


def test_known_secrets_are_hidden_in_spans(record, tmp_path):
    code = """\
from codetracer_python_recorder import CodeTracerWSGIMiddleware
def app(environ, start_response):
    password = "correct-horse-battery"
    start_response("200 OK", [])
    return []
CodeTracerWSGIMiddleware(app)({"PATH_INFO": "/reset/correct-horse-battery"}, lambda *given: None)
"""
    seen = record(code=code, options=["--quiet", "--format=journal"])
    (span,) = spans_of(seen.trace)
    assert span["label"] == "<redacted>" and span["last_step"] > span["first_step"]
    assert "correct-horse" not in (seen.trace / "spans.jsonl").read_text()


# ---- the documentation ----


DOCUMENT = Path(__file__).parents[3] / "docs" / "web.md"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def served(folder, port, *program):
    """What the server says to /orders/7, recorded until Ctrl-C."""
    run = [sys.executable, "-c", "import sys; from codetracer_python_recorder.cli import main_record; sys.exit(main_record())"]
    server = subprocess.Popen([*run, *SMALL, *program], cwd=folder, env=frameworks.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for wait in range(600):
            try:
                said = urllib.request.urlopen(f"http://127.0.0.1:{port}/orders/7", timeout=60).read().decode()
                wait_for(lambda: list(folder.glob("trace-out/.recording-*/spans.jsonl")))  # the request ends behind its last byte
                return said
            except urllib.error.URLError:
                assert server.poll() is None, server.communicate()
                time.sleep(0.1)
    finally:
        server.send_signal(signal.SIGINT)
        output, _ = server.communicate(timeout=60)
        assert server.returncode == 0 and "codetracer: trace-out" in output, output


@pytest.mark.skipif(not DOCUMENT.exists(), reason="docs/ is not beside the tests")
def test_examples_of_the_documentation(tmp_path):
    frameworks.need("flask", "starlette", "uvicorn")
    text = DOCUMENT.read_text()
    flask, reader, starlette, each = re.findall(r"```python\n(.*?)```", text, re.S)
    port = free_port()
    (tmp_path / "server.py").write_text(flask.replace("port=5000", f"port={port}"))
    (tmp_path / "asgi.py").write_text(starlette)
    commands = re.findall(r"^    (codetracer-\S* .*)$", text, re.M)
    assert [command for command in commands if command.startswith("codetracer-record")] == ["codetracer-record server.py", "codetracer-record -m uvicorn asgi:app"]
    assert served(tmp_path, port, "server.py") == "order 7"
    (span,) = spans_of(tmp_path / "trace-out")
    assert span["label"] == "GET /orders/7"
    for command in map(shlex.split, commands[1:-1]):
        shown = subprocess.run([reading.trace_tool(), *command[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert shown.returncode == 0, shown
    assert "order = " in shown.stdout
    walked = subprocess.run([sys.executable, "-c", reader.replace('"error"', '"ok"')], cwd=tmp_path, env=frameworks.environment(), capture_output=True, text=True)
    assert walked.stdout.startswith("GET /orders/7 200 ["), walked
    port = free_port()
    assert served(tmp_path, port, "-m", "uvicorn", "asgi:app", "--port", str(port)) == "order 7"
    assert [span["label"] for span in spans_of(tmp_path / "trace-out")] == ["GET /orders/7"]
    ask_flask = "\nprint(app.test_client().get('/orders/7').text)\n"
    flask = flask.partition("app.wsgi_app = ")[0]
    (tmp_path / "server.py").write_text(flask + each + ask_flask)
    seen = subprocess.run([sys.executable, "server.py"], cwd=tmp_path, env=frameworks.environment(), capture_output=True, text=True, timeout=120)
    assert seen.stdout == "order 7\n", seen
    (trace,) = (tmp_path / "traces").iterdir()
    assert trace.name.endswith("GET-orders-7") and spans_of(trace)
