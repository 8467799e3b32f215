"""Runs small programs under the recorder and gives their traces in a short form."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
CHECKOUT = PACKAGE.parent
LAUNCHER = PACKAGE / "src" / "trace.py"


class Recording:
    """One recorded run. `lines()` is the trace with one text for each event, without types and definitions."""

    def __init__(self, folder, finished):
        self.folder = folder
        self.status, self.stdout, self.stderr = finished.returncode, finished.stdout, finished.stderr
        self.events = [next(iter(event.items())) for event in json.loads((folder / "trace.json").read_text("utf-8"))]
        self.types = [content for what, content in self.events if what == "Type"]
        self.functions = [content for what, content in self.events if what == "Function"]
        self.names = [content for what, content in self.events if what == "VariableName"]

    def lines(self, dunder=False, values=True):
        """`values=False` leaves out the variables; `dunder` shows those of the form __name__."""
        lines = []
        for what, content in self.events:
            if what == "Step":
                lines.append("step %d" % content["line"])
            elif what == "Value" and values:
                name = self.names[content["variable_id"]]
                if dunder or not name.startswith("__"):
                    lines[-1] += " %s=%s" % (name, self.show(content["value"]))
            elif what == "Call":
                args = ["%s=%s" % (self.names[arg["variable_id"]], self.show(arg["value"])) for arg in content["args"]]
                lines.append("call %s(%s)" % (self.functions[content["function_id"]]["name"], ", ".join(args)))
            elif what == "Return":
                lines.append("return " + self.show(content["return_value"]))
            elif what == "Event":
                lines.append("event %d %r" % (content["kind"], content["content"]))
            elif what.startswith("Thread"):
                lines.append("%s %d" % (what, content))
        return lines

    def body(self, function, **options):
        """The events from the first call of a function to its first return."""
        lines = self.lines(**options)
        start = next(index for index, line in enumerate(lines) if line.startswith("call %s(" % function))
        end = next(index for index in range(start, len(lines)) if lines[index].startswith("return"))
        return lines[start:end + 1]

    def variable(self, name):
        """The newest value record of a variable."""
        number = self.names.index(name)
        return [c["value"] for what, c in self.events if what == "Value" and c["variable_id"] == number][-1]

    def type(self, record):
        content = self.types[record["type_id"]]
        return content["kind"], content["lang_type"]

    def shown(self, name):
        return self.show(self.variable(name))

    def show(self, record):
        kind, type_name = self.type(record)
        if record["kind"] == "None":
            return "None"
        if "elements" in record:
            return "%s[%s]" % (type_name, ", ".join(map(self.show, record["elements"])))
        if "field_values" in record:
            fields = self.types[record["type_id"]]["specific_info"]["fields"]
            parts = ["%s=%s" % (f["name"], self.show(v)) for f, v in zip(fields, record["field_values"])]
            return "%s(%s)" % (type_name, ", ".join(parts))
        value = next(record[key] for key in ("i", "f", "text", "r", "b") if key in record)
        return value if record["kind"] == "Raw" else repr(value)


@pytest.fixture
def record(tmp_path):
    """record(program text, *arguments, input="") -> Recording"""

    def run(program, *arguments, input="", options=()):
        script = tmp_path / "program.py"
        script.write_text(textwrap.dedent(program), "utf-8")
        folder = tmp_path / "trace"
        environment = dict(os.environ, CODETRACER_DB_TRACE_PATH=str(folder), PYTHONDONTWRITEBYTECODE="1")
        command = [sys.executable, *options, str(LAUNCHER), str(script), *arguments]
        finished = subprocess.run(
            command, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
            env=environment, cwd=str(tmp_path), timeout=60,
        )  # fmt: skip
        return Recording(folder, finished)

    return run
