"""Journals as tests see them: `record_journal` records a program by the command line, `Journal` is what `codetracer-trace print --json` says of it."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import _is_installed, environment_for

CHECKOUT = Path(__file__).parents[3]


def trace_tool():
    """CODETRACER_TRACE_TOOL; else, as the package under test is: installed, next to the interpreter, or of the development build. None: not found, and the
    tests that need it are skipped; with CI=true that is a failure, or a package without its tool would pass."""
    if os.environ.get("CODETRACER_TRACE_TOOL"):
        return os.environ["CODETRACER_TRACE_TOOL"]
    if _is_installed():
        found = shutil.which("codetracer-trace", path=str(Path(sys.executable).parent))
    else:
        built = CHECKOUT / "build" / ("dev-%d.%d" % sys.version_info[:2]) / "lib" / "codetracer-trace"
        found = str(built) if built.exists() else None
    assert found or not os.environ.get("CI"), "codetracer-trace is not installed beside the package under test"
    return found


def print_json(trace, *options):
    """The events of a trace. Floats and big numbers as the tool printed them are kept: json reads them exactly."""
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run([trace_tool(), "print", "--json", *options, str(trace)], capture_output=True, timeout=60, env=environment)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def spans_of(trace):
    """The spans of a trace as read() tells them, as the JSON that spans.jsonl has."""
    from codetracer_python_recorder import read

    names = {"type": "span_type", "start": "start_time", "end": "end_time"}
    with read(trace) as opened:
        return [{names.get(key, key): value for key, value in span._asdict().items()} for span in opened.spans]


# The command line, with the dict that _native.stop() returns kept for the test. It is run by -c: its own frame is <string>.
DRIVER = """\
import os, sys
from codetracer_python_recorder import _native
def stop(*arguments, real=_native.stop, path=os.environ.pop("CODETRACER_TEST_SUMMARY"), open=open, repr=repr):
    summary = real(*arguments)
    with open(path, "w") as file:
        file.write(repr(summary))
    return summary
_native.stop = stop
from codetracer_python_recorder.cli import main_record
sys.exit(main_record())
"""


class Journal:
    """One recording: `events`, and what the program said."""

    def __init__(self, events, process=None, summary=None, trace=None):
        self.events = events
        self.summary = summary
        self.trace = trace
        if process:
            self.status, self.out, self.err = process.returncode, process.stdout, process.stderr

    def of(self, *kinds, function=None):
        return [event for event in self.events if event["event"] in kinds and function in (None, event.get("function"))]

    def lines(self, function):
        return [event["line"] for event in self.of("step", function=function)]

    def arguments(self, function):
        return [event["arguments"] for event in self.of("call", function=function)]

    def story(self, *kinds):
        """Events as short lines, without those of outermost module bodies: for comparing with lists written by hand."""
        return [told(event) for event in self.events if (not kinds or event["event"] in kinds) and "function" in event and event["function"] != "<module>"]


def short(value):
    """A printed value as a short text."""
    if isinstance(value, dict) and "type" in value:
        if "text" in value:
            return value["text"]
        if "fields" in value and "items" not in value:
            return f"{value['type']}({', '.join(f'{k}={short(v)}' for k, v in value['fields'].items())})"
        if "items" in value:
            items = ", ".join(short(item) for item in value["items"])
            return f"({items}{',' if len(value['items']) == 1 else ''})" if value["type"] == "tuple" else f"{value['type']}[{items}]"
        return f"<{value['type']}>"
    if isinstance(value, list):
        return f"[{', '.join(map(short, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {short(v)}" for k, v in value.items()) + "}"
    return repr(value)


def variables(values):
    return "".join(f" {name}={short(value)}" for name, value in values.items() if not (name.startswith("__") and name.endswith("__")))


def told(event):
    kind, where = event["event"], event["function"].replace("<locals>.", "")
    if kind == "step":
        return f"{where}:{event['line']}{variables(event['locals'])}"
    if kind == "call":
        return f"{'attached' if event.get('attached') else 'call'} {where}{variables(event['arguments'])}"
    if kind in ("return", "yield"):
        return f"{kind} {where} {short(event['value'])} |{variables(event['locals'])}"
    if kind == "unwind":
        return f"unwind {where} {short(event['value'])}"
    if kind in ("raise", "handled"):
        return f"{kind} {where}:{event['line']} {short(event['value'])}"
    if kind == "throw":
        return f"throw {where} {short(event['value'])}"
    if kind == "output":
        return f"{event['stream']} {where}:{event['line']} {event['text']!r}"
    return f"{kind} {where}"


def record_journal(
    folder, code=None, *arguments, options=(), stdin="", flags=(), env={}, timeout=60, name="prog.py", check=True, events=True, plainly=False, text=True
):
    """Records a script (its text, or None for arguments that name it) in `folder` into folder/trace, as a journal. With `check` the program must end
    with 0, and nothing of Python may have run inside a callback. `plainly`: without recorder, for what the program prints."""
    folder = Path(folder)
    if code is not None:
        (folder / name).write_text(code, encoding="utf-8")
        arguments = (name, *arguments)
    command = [sys.executable, *flags]
    summary = folder / "summary"
    if not plainly:
        command += ["-c", DRIVER, "--out-dir", str(folder / "trace"), "--format", "journal", "--quiet", *map(str, options)]
        env = {**env, "CODETRACER_TEST_SUMMARY": str(summary)}
    process = subprocess.run(
        [*command, *map(str, arguments)], cwd=folder, env=environment_for(**env), input=stdin, capture_output=True, text=text, timeout=timeout
    )
    if check:
        assert process.returncode == 0, (process.stdout[-1000:], process.stderr[-4000:])
    if plainly:
        return Journal([], process)
    kept = ast.literal_eval(summary.read_text()) if summary.exists() else None
    if check:
        assert kept["python_inside"] == 0 and kept["failed"] is None, kept
    return Journal(print_json(folder / "trace") if events else [], process, kept, folder / "trace")
