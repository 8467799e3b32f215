"""A small client of CodeTracer's replay server (Debug Adapter Protocol over standard streams), for tests that ask it for one thing after another.

Answers that come as events are awaited by name, never by silence: a whole drive takes less than a second.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


class Gone(Exception):
    """The server died, its worker panicked, or it refused: the message has its last words."""


class Crashed(Gone):
    """It was ended by a signal, or ended by itself or stood still when it was launched. Of traces in the multi-stream layout all three happen to the server now and
    then, whoever wrote them, since several of its threads open the trace at once: of 4,000 launches of one trace 366 (SIGSEGV), 10 (status 1, mostly an
    IndexDefect of its Nim library), and 21."""


STARTS_WITHIN = 15  # seconds; half of one is usual


def unless_it_crashes(drive, attempts=8):
    """What drive() returns; done again when the server crashes."""
    for _ in range(attempts - 1):
        try:
            return drive()
        except Crashed:
            pass
    return drive()


class ReplayServer:
    """with ReplayServer(program, trace_folder) as server: it is launched, and has stopped at the entry."""

    def __init__(self, program, trace, timeout=30):
        self.timeout, self.events, self.sequence = timeout, [], 0
        self.home = Path(tempfile.mkdtemp(prefix="replay-server."))
        cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ct-replay-server")
        environment = {**os.environ, "HOME": str(self.home), "XDG_DATA_HOME": str(self.home), "TMPDIR": str(self.home), "RUST_LOG": "warn"}
        environment.setdefault("REPLAY_SERVER_CACHE", cache)
        environment.setdefault("PYTHON", sys.executable)  # which has zstandard, to unpack the server
        environment.pop("LD_PRELOAD", None)
        with open(self.home / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [program, "dap-server", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment
            )
        self.inbox = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self.request("initialize", adapterID="ct", clientID="tests", linesStartAt1=True, columnsStartAt1=True, pathFormat="path")
            self.send("launch", {"traceFolder": str(Path(trace).resolve()), "program": "", "ctRRWorkerExe": "", "pid": 1})
            self.send("configurationDone", {})
            self.wait("stopped", Crashed, STARTS_WITHIN)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def last_words(self):
        """Its standard error and its log, from the first panic on, or else the end."""
        text = ""
        for path in [self.home / "stderr", *self.home.glob("codetracer/run-*/*.log")]:
            text += path.read_text(errors="replace")
        at = text.find("panicked at")
        return text[at : at + 1500] if at >= 0 else text[-1500:]

    def _read(self):
        stream = self.process.stdout
        while True:
            length = None
            for line in iter(stream.readline, b"\r\n"):
                if not line:
                    self.inbox.put(None)
                    return
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = stream.read(length)
            if len(body) == length:  # it may die in the middle of one
                self.inbox.put(json.loads(body))

    def send(self, command, arguments):
        """A request that nobody waits for. Its number."""
        self.sequence += 1
        body = json.dumps({"seq": self.sequence, "type": "request", "command": command, "arguments": arguments}).encode()
        try:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self.process.stdin.flush()
        except OSError:
            raise Gone(self.last_words()) from None
        return self.sequence

    def _receive(self, what, end, failure=Gone):
        """One message; events are also kept for `wait`. `failure` is raised when none comes."""
        while True:
            try:
                message = self.inbox.get(timeout=min(0.5, max(0.01, end - time.monotonic())))
                break
            except queue.Empty:
                words = self.last_words()
                if "panicked at" in words or time.monotonic() >= end:
                    raise (Gone if "panicked at" in words else failure)(f"no {what}: {words}") from None
        if message is None:
            status, words = self.process.wait(), self.last_words()
            raise (Crashed if status < 0 else Gone if "panicked at" in words else failure)(f"no {what}, it ended with {status}: {words}")
        if message["type"] == "event":
            self.events.append(message)
        elif not message.get("success", True):
            raise Gone(f"{message.get('command')} refused: {message.get('message')}\n{self.last_words()}")
        return message

    def request(self, command, **arguments):
        number, end = self.send(command, arguments), time.monotonic() + self.timeout
        while True:
            message = self._receive(f"answer to {command}", end)
            if message["type"] == "response" and message.get("request_seq") == number:
                return message.get("body") or {}

    def wait(self, event, failure=Gone, most=float("inf")):
        """The body of the next event of that name, or `failure`."""
        end = time.monotonic() + min(self.timeout, most)
        while True:
            for at, message in enumerate(self.events):
                if message["event"] == event:
                    del self.events[at]
                    return message.get("body")
            self._receive(event, end, failure)
