"""CodeTracer's replay server walks recorded programs: what it answers is what the oracle saw, and the same from each format.

Each program is recorded once and exported as ct, ct-single, json and binary. The oracle (the pure-Python recorder) records it too; from its trace.json
follows what the server must say at each step, and where each move must lead. docs/testing.md says where the server is looked for.
"""

import base64
import json
import os
import random
import re
import subprocess
import sys

import pytest
import reading
from conftest import PACKAGE, environment_for
from support.dap import ReplayServer
from test_formats import linear, names_of, run, tool

PROGRAMS = PACKAGE / "tests" / "programs"
ORACLE = PACKAGE.parent / "codetracer-pure-python-recorder" / "src" / "trace.py"
FORMATS = ("ct", "ct-single", "json", "binary")
SET_KIND = 1
WALKED = 400  # steps that are looked at one by one
MOVES = 60

NAMES = (
    "recursion",
    "import_sibling",  # two files more, one of them in a package
    "generators",
    "generator_throw",
    "nested_exceptions",
    "threads_in_turn",
    "inheritance",
    "comprehension_nested",
    "numbers_exact",
    "unicode_strings",
    "deep_values",
    "big_values",
    "input_lines",
    "output_mixed",
)

# Written for this.
OWN = {
    # One thread after the other, so that their order is the program's, and no Thread object in any snapshot, which would show numbers of the
    # operating system.
    "threads_in_turn": """\
import threading

def add(n, results):
    for i in range(n):
        results.append(i * n)
    print("added", n)

def in_thread(n):
    results = []
    thread = threading.Thread(target=add, args=(n, results)); thread.start(); thread.join(); del thread
    return results

total = in_thread(2) + in_thread(3)
print(total)
""",
    # Beyond what exports keep of a value, in few steps.
    "big_values": """\
def many(numbers):
    return -(3 ** 9000)

def long(text):
    return len(text)

def pairs(table):
    nested = [[table] * 2, "text"]

print(many(list(range(1500))) % 10, long("\\u00e9\\U0001f600" * 5000))
pairs({n: [n / 7, str(n)] for n in range(400)})
""",
}


class Expected:
    """The oracle's trace as the server should show it."""

    def __init__(self, events):
        self.paths, self.names = names_of(events, "Path"), names_of(events, "VariableName")
        self.types = [(e["kind"], e["lang_type"], [f["name"] for f in e["specific_info"].get("fields", ())]) for e in names_of(events, "Type")]
        # The server knows no thread: its calls are closed and opened anew, which it shows.
        steps, calls, output = linear([event for event in events if not next(iter(event)).startswith("Thread")])
        self.steps = [(self.paths[step["place"][0]], step["place"][1]) for step in steps]
        self.locals = [self.named(step["vars"]) for step in steps]
        self.stacks, self.call_of = [[] for _ in steps], [0] * len(steps)
        for key, call in enumerate(calls):
            for at in range(call["entry"], call["exit"] + 1):
                self.stacks[at].append(call["function"])
                self.call_of[at] = key
            if call["depth"]:
                self.locals[call["entry"]] = self.named(call["args"])
        # The loader hands a Call the step before it; the first one it gave to <toplevel> already.
        self.stacks[0], self.call_of[0], self.locals[0] = ["<toplevel>"], 0, []
        self.calls = [(call["depth"], call["function"], self.named(call["args"]), self.value(call["value"])) for call in calls]
        self.output = output

    def named(self, pairs):
        return [(self.names[pair["variable_id"]], self.value(pair["value"])) for pair in pairs]

    def value(self, record):
        kind, name, fields = self.types[record["type_id"]]
        if record["kind"] == "BigInt":
            number = int.from_bytes(base64.b64decode(record["b"]), "big")
            return kind, name, str(-number if record["negative"] else number)
        if record["kind"] in ("Sequence", "Tuple"):
            parts = [self.value(part) for part in record["elements"]]
            return kind, name, sorted(parts, key=repr) if kind == SET_KIND else parts
        if record["kind"] == "Struct":
            return kind, name, list(zip(fields, map(self.value, record["field_values"]), strict=True))
        member = {"Int": "i", "Float": "f", "Bool": "b", "String": "text", "Raw": "r"}.get(record["kind"])
        return kind, name, without_address(str(record[member])) if member else ""

    def move(self, command, at):
        """Where it leads. next and stepBack stay out of calls, which are one deeper, and leave the line if they stay in the call."""
        depth, last = len(self.stacks[at]), len(self.steps) - 1
        if command == "stepIn":
            return min(at + 1, last)

        def over(i):
            return len(self.stacks[i]) <= depth and (self.call_of[i], self.steps[i]) != (self.call_of[at], self.steps[at])

        ahead, behind = range(at + 1, last + 1), range(at - 1, -1, -1)
        found = {
            "next": (i for i in ahead if over(i)),
            "stepOut": (i for i in ahead if len(self.stacks[i]) < depth),
            "stepBack": (i for i in behind if over(i)),
        }[command]
        return next(found, 0 if command == "stepBack" else last)


def without_address(text):
    return re.sub(r"(?<= at )0x[0-9a-f]+(?=[>›])", "@", text)


def shown_value(value):
    """A value as ct/load-locals and the call trace have it, in the form of Expected.value."""
    kind, name = value["typ"]["kind"], value["typ"]["langType"]
    parts = [shown_value(part) for part in value["elements"]]
    if kind == 6:
        return kind, name, list(zip(value["typ"]["labels"], parts, strict=True))
    if kind in (0, 1, 27):
        return kind, name, sorted(parts, key=repr) if kind == SET_KIND else parts
    member = {7: "i", 8: "f", 9: "text", 12: "b", 16: "r"}.get(kind)
    return kind, name, without_address(str(value[member])) if member else ""


def in_one_line(value):
    """A value as the editor's list of variables shows it; None: with a tuple, which the server dumps in the
    way of Rust, or a set, whose order is not known."""
    kind, name, content = value
    if kind == SET_KIND and len(content) > 1:
        return None
    if kind in (0, 1, 6):
        parts = [in_one_line(part[1] if kind == 6 else part) for part in content]
        return None if None in parts else ("(%s)" if kind == 6 else "[%s]") % ", ".join(parts)
    return {27: None, 30: "nil", 12: str(content).lower(), 9: f'"{content}"'}.get(kind, content)


class Walk:
    """A server that has opened a trace, the step where it stands, and everything that it answered."""

    def __init__(self, server):
        self.server, self.answers = server, []
        self.ticks, self.path, self.line = 0, None, None

    def ask(self, command, **arguments):
        answer = self.server.request(command, **arguments)
        self.answers.append((command, answer))
        return answer

    def move(self, command):
        """The step where it stands afterwards."""
        self.server.events.clear()
        self.ask(command, threadId=1)
        self.server.wait("stopped")
        return self.moved_to([event["body"] for event in self.server.events if event["event"] == "ct/complete-move"][-1])

    def jump(self, command, arguments):
        """CodeTracer's own moves have no answer but the event."""
        self.server.events.clear()
        self.server.send(command, arguments)
        return self.moved_to(self.server.wait("ct/complete-move"))

    def moved_to(self, body):
        where = body["location"]
        self.answers.append(where)
        self.ticks, self.path, self.line = where["rrTicks"], where["path"], where["line"]
        return self.ticks

    def stack(self):
        return self.ask("stackTrace", threadId=1)["stackFrames"]

    def locals(self):
        asked = dict(rrTicks=self.ticks, countBudget=100000, minCountLimit=100000, depthLimit=100, watchExpressions=[], lang=0)
        return [(local["expression"], shown_value(local["value"])) for local in self.ask("ct/load-locals", **asked)["locals"]]

    def variables(self, frame):
        (scope,) = self.ask("scopes", frameId=frame["id"])["scopes"]
        return scope["name"], self.ask("variables", variablesReference=scope["variablesReference"])["variables"]

    def breakpoints(self, places):
        for path in {path for path, _ in places}:
            lines = [{"line": line} for of_path, line in sorted(places) if of_path == path]
            answer = self.ask("setBreakpoints", source={"path": path}, breakpoints=lines)
            assert [(b["line"], b["verified"]) for b in answer["breakpoints"]] == [(line["line"], True) for line in lines]

    def no_breakpoints(self, places):
        for path in {path for path, _ in places}:
            self.ask("setBreakpoints", source={"path": path}, breakpoints=[])

    def calls(self, count):
        asked = dict(
            location={}, startCallLineIndex=0, depth=1000, height=count + 10, rawIgnorePatterns="", autoCollapsing=False, optimizeCollapse=False,
            renderCallLineIndex=0,
        )  # fmt: skip
        lines = self.ask("ct/load-calltrace-section", **asked)["callLines"]
        return [(line["depth"], line["content"]["call"]) for line in lines if line["content"]["kind"] == 0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """made(name, text=None): the folders of the exports of that program of tests/programs, and what the oracle says of it. Made once."""
    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")
    kept = {}

    def make(name):
        if name not in kept:
            folder, program = tmp_path_factory.mktemp(name), PROGRAMS / f"{name}.py"
            if name in OWN:
                program = folder / f"{name}.py"
                program.write_text(OWN[name])
            given = (PROGRAMS / f"{name}.in").read_bytes() if (PROGRAMS / f"{name}.in").exists() else b""
            environment = environment_for(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", CODETRACER_DB_TRACE_PATH=folder / "oracle")
            recorder = ["-m", "codetracer_python_recorder", "--quiet", "--format", "journal", "-o", folder / "journal"]
            for command in ([ORACLE], recorder):
                subprocess.run([sys.executable, *command, program], input=given, capture_output=True, timeout=60, env=environment, cwd=PROGRAMS)
            for form in FORMATS:
                target = folder / form
                if form.startswith("ct"):
                    target.mkdir()
                    target /= f"{name}.ct"
                run(reading.trace_tool(), "convert", folder / "journal", target, "--to", form)
            kept[name] = folder, Expected(json.loads((folder / "oracle" / "trace.json").read_text()))
        return kept[name]

    return make


# CODETRACER_CONSUMERS=all (make test-consumers): every program but these, in two formats.
NOT_WALKED = {
    "asyncio_exception": "the oracle does not see some attributes: test_differential.py",
    "asyncio_gather": "as above",
    "typing_generics": "as above",
    "generator_stopiteration": "the oracle sees another exception: test_differential.py",
    "recursion_error": "the oracle's own frames count: test_differential.py",
    "syntax_error": "it has no trace",
    "threads": "snapshots show numbers of the operating system; threads_in_turn stands for these",
    "threads_alternating": "as above",
    "threads_exception": "as above",
    "threads_local": "as above",
    "threads_pool": "as above",
}
if os.environ.get("CODETRACER_CONSUMERS") == "all":
    FORMATS = ("ct", "json")
    # Nor those of thousands of steps that are there for what capture might miss (test_capture.py): ct-print reads them in test_formats.py.
    CAPTURE = re.compile("quiet_|same_pointers|elements_replaced")
    NAMES = (*OWN, *sorted(name for path in PROGRAMS.glob("*.py") if (name := path.stem) not in NOT_WALKED and not CAPTURE.match(name)))


@pytest.mark.parametrize("name", NAMES)
def test_program(name, made):
    folder, expected = made(name)
    answers = {}
    for form in FORMATS:
        with ReplayServer(tool("replay-server"), folder / form) as server:
            walk = Walk(server)
            every_step(walk, expected)
            moves(walk, expected, name)
            breakpoints(walk, expected)
            outputs(walk, expected)
            call_trace(walk, expected)
            answers[form] = walk.answers
    for form in FORMATS:
        assert answers[form] == answers["json"], form


def every_step(walk, expected):
    """Forward to the end, one step after the other: place, stack, and all locals with types and values."""
    for at in range(1, min(len(expected.steps), WALKED)):
        assert walk.move("stepIn") == at
        place = f"step {at}, {expected.steps[at]}"
        assert (walk.path, walk.line) == expected.steps[at], place
        stack = walk.stack()
        assert [frame["name"] for frame in stack] == expected.stacks[at][::-1], place
        assert (stack[0]["source"]["path"], stack[0]["line"]) == expected.steps[at], place
        assert sorted(walk.locals()) == sorted(expected.locals[at]), place
        scope, variables = walk.variables(stack[0])
        assert scope == expected.stacks[at][-1], place
        assert [variable["name"] for variable in variables] == [name for name, _ in expected.locals[at]], place
        for variable, (_, value) in zip(variables, expected.locals[at]):
            line = in_one_line(value)
            assert line is None or without_address(variable["value"]) == line, (place, variable)


def moves(walk, expected, seed):
    """Moves in any order lead where the oracle's stacks say."""
    chance = random.Random(seed)
    for _ in range(MOVES):
        command = chance.choice(["next", "stepIn", "stepOut", "stepBack", "stepBack"])
        before, there = walk.ticks, expected.move(command, walk.ticks)
        assert walk.move(command) == there, f"{command} at step {before}, {expected.steps[before]} in {expected.stacks[before]}"


def breakpoints(walk, expected):
    """In up to three files at the same time: forward to each, and back."""
    places = set()
    for path in list(dict.fromkeys(path for path, _ in expected.steps))[:3]:
        in_file = [place for place in expected.steps if place[0] == path]
        places |= {in_file[len(in_file) // 2], in_file[-1]}
    hits = [at for at, place in enumerate(expected.steps) if place in places]
    last = len(expected.steps) - 1
    assert walk.move("reverseContinue") == 0
    walk.breakpoints(places)
    for at in [at for at in hits if at > 0][:20]:
        assert walk.move("continue") == at
    for at in [at for at in hits if at < walk.ticks][::-1][:20]:
        assert walk.move("reverseContinue") == at
    walk.no_breakpoints(places)
    assert walk.move("continue") == last
    assert walk.move("reverseContinue") == 0


def outputs(walk, expected):
    """The event log, with the step of each event, and jumps there; the terminal has what went to stdout."""
    events = walk.ask("ct/event-load")["events"]
    assert joined((event["kind"], event["directLocationRRTicks"], event["content"]) for event in events) == joined(expected.output)
    for event in events[-1:] + events[:1]:
        there = event["directLocationRRTicks"]
        assert (event["highLevelPath"], event["highLevelLine"]) == expected.steps[there]
        assert walk.jump("ct/event-jump", event) == there
    terminal = walk.ask("ct/load-terminal")
    assert "".join(event["content"] for event in terminal) == "".join(text for kind, _, text in expected.output if kind == 0)


def joined(output):
    """Into how many events the output of one step is cut is up to the recorder."""
    pieces = []
    for kind, step, text in output:
        if pieces and pieces[-1][:2] == (kind, step):
            text = pieces.pop()[2] + text
        pieces.append((kind, step, text))
    return pieces


def call_trace(walk, expected):
    calls = walk.calls(len(expected.calls))
    said = [
        (depth, call["rawName"], [(a["name"], shown_value(a["value"])) for a in call["args"]], shown_value(call["returnValue"]))
        for depth, call in calls
    ]
    assert said == expected.calls
    for _, call in calls[len(calls) // 2 :][:1] + calls[-1:]:
        assert walk.jump("ct/calltrace-jump", call["location"]) == call["location"]["rrTicks"]
        assert (walk.path, walk.line) == expected.steps[walk.ticks]
