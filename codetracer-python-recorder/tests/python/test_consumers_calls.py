"""Traces of calls alone (a filter's `exec = "calls"`) in CodeTracer's own programs: the call tree, arguments, what came back, and the exception that ended a call, by
expectation written by hand."""

import pytest
from support.dap import ReplayServer, unless_it_crashes
from test_consumers_print import Printed
from test_consumers_server import Walk, shown_value
from test_formats import tool

PROGRAM = """\
def leaf(n, *more, key="k"):
    return n * 2

def middle(text):
    first = leaf(1, 2, key=text)
    second = leaf(first)
    return [first, second, text]

def fails(n):
    leaf(n)
    raise KeyError("missing")

def counts(n):
    yield n

middle("a")
try:
    fails(3)
except KeyError:
    pass
list(counts(5))
"""
FILTER = """\
[meta]
name = "calls"
version = 1
[scope]
default_exec = "calls"
default_value_action = "allow"
"""
INT, TEXT = (lambda n: ("Int", str(n))), (lambda text: ("String", text))


def leaf(depth, n, key="k", more=()):
    return depth, "leaf", 1, {"n": INT(n), "key": TEXT(key), "more": ("Tuple", [INT(item) for item in more])}, INT(n * 2)


# Depth, function, line of its def, arguments, what came back. A generator that goes on is a call of its own in these formats.
EXPECTED = [
    (0, "<toplevel>", 1, {}, INT(0)),
    (1, "<__main__>", 1, {}, ("None", "")),
    (2, "middle", 4, {"text": TEXT("a")}, ("List", [INT(2), INT(4), TEXT("a")])),
    leaf(3, 1, "a", (2,)),
    leaf(3, 2),
    (2, "fails", 9, {"n": INT(3)}, ("KeyError", [("Tuple", [TEXT("missing")])])),
    leaf(3, 3),
    (2, "counts", 13, {"n": INT(5)}, INT(5)),
    (2, "counts", 13, {}, ("None", "")),
]
LINES = [line for _, _, line, _, _ in EXPECTED[1:]]  # each call stands where its function begins


@pytest.fixture
def traced(record, tmp_path):
    def run(format):
        (tmp_path / "calls.toml").write_text(FILTER)
        seen = record(code=PROGRAM, options=["--quiet", "--trace-filter=calls.toml", f"--format={format}"])
        assert seen.status == 0, seen
        return seen.trace

    return run


def plain(value):
    """A value as the server gives it, (kind, type, content), without kinds and names of fields: as ct-print's."""
    _, name, content = value
    if isinstance(content, list):
        return name, [plain(part[1] if len(part) == 2 else part) for part in content]
    return name, content


def test_ct_print(traced):
    printed = Printed(traced("ct") / "prog.ct")
    calls = [printed.calls[key] for key in range(len(printed.calls))]
    lines = [printed.steps[call["entry"]][1] for call in calls]
    assert [(call["depth"], call["function"], line, dict(call["args"]), call["value"]) for call, line in zip(calls, lines)] == EXPECTED
    assert [(line, variables) for _, line, variables in printed.steps] == [(line, []) for line in LINES]


@pytest.mark.parametrize("format", ["ct", "json"])
def test_the_replay_server(traced, format):
    trace = traced(format)

    def drive():
        with ReplayServer(tool("replay-server"), trace) as server:
            walk = Walk(server)
            calls = walk.calls(len(EXPECTED))
            said = [
                (depth, call["rawName"], call["location"]["line"], {a["name"]: plain(shown_value(a["value"])) for a in call["args"]}, plain(shown_value(call["returnValue"])))
                for depth, call in calls
            ]
            assert said == EXPECTED
            walked = [walk.line for _ in LINES[1:] if walk.move("stepIn") is not None]
            assert walked == LINES[1:]
            at = walk.jump("ct/calltrace-jump", calls[6][1]["location"])
            assert (at, walk.line) == (5, 1)
            assert [frame["name"] for frame in walk.stack()] == ["leaf", "fails", "<__main__>", "<toplevel>"]

    unless_it_crashes(drive)
