"""Trace filters: the grammar by files good and bad, and what rules do to recordings of real programs, by expectation written by hand."""

import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import codetracer_python_recorder
import pytest
import reading
from conftest import environment_for
from test_formats import tool

DOCUMENT = (Path(__file__).parents[3] / "docs" / "filters.md").read_text()
HEAD = """\
[meta]
name = "test"
version = 1
[scope]
default_exec = "trace"
default_value_action = "allow"
"""


def rule(selector, exec=None, patterns=(), more=""):
    text = f"[[scope.rules]]\nselector = '{selector}'\n"
    if exec:
        text += f'exec = "{exec}"\n'
    text += more
    for pattern, action in patterns:
        text += f"[[scope.rules.value_patterns]]\nselector = '{pattern}'\naction = \"{action}\"\n"
    return text


# ---- the grammar ----

GOLDEN = Path(__file__).parents[1] / "golden" / "filters"  # files that are right, and wrong ones with line and sentence beside each
GOOD, BAD = (sorted((GOLDEN / kind).glob("*.toml")) for kind in ("good", "bad"))


def test_golden_files_are_there():
    assert len(GOOD) >= 8 and len(BAD) >= 44


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_good_files(file):
    """Read as tomllib reads them, and accepted."""
    from codetracer_python_recorder import filters, toml_lines

    text = file.read_bytes().decode()
    assert toml_lines.loads(text) == tomllib.loads(text)
    source = filters.parse(text, "/p/.codetracer/f.toml", "f.toml", text.encode())
    assert source.native[0] == "/p" and len(source.digest) == 64


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_bad_files(file):
    from codetracer_python_recorder import errors, filters

    text = file.read_bytes().decode()
    line, sentence = file.with_suffix(".expected").read_bytes().decode().removesuffix("\n").split(": ", 1)
    with pytest.raises(errors.UsageError) as seen:
        filters.parse(text, "/p/f.toml", "f.toml", text.encode())
    assert seen.value.message.startswith(f"f.toml:{line}: ") and sentence in seen.value.message
    assert seen.value.code == "ERR_INVALID_TRACE_FILTER"


def test_a_byte_order_mark_is_no_text(tmp_path):
    from codetracer_python_recorder import filters

    (tmp_path / "f.toml").write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())
    assert filters.load(str(tmp_path / "f.toml")).name == "test"


def test_toml_as_tomllib_reads_it():
    """What one accepts the other does, and the values are the same."""
    import random

    from codetracer_python_recorder import toml_lines

    pieces = ["a", "b.c", '"d e"', "=", " ", "\n", "[", "]", "[[", "]]", "{", "}", ",", '"x"', "'y'", '"""z\n"""', "'''w'''", "1", "-20", "0x1F", "true", "# c", "1.5", "_", "\t", "\\"]
    chance = random.Random(5)
    accepted = 0
    for _ in range(30000):
        text = "".join(chance.choices(pieces, k=chance.randrange(1, 14)))
        try:
            expected = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            expected = None
        try:
            seen = toml_lines.loads(text)
        except toml_lines.TomlError:
            seen = None
        if expected is not None:
            accepted += 1
            assert seen is not None, text
            assert "Other" in repr(seen) or seen == expected, text
    assert accepted > 500


# ---- on real recordings ----

APP = """\
import json
import pack.helper as helper

class User:
    def __init__(self, email):
        self.email = email
        self.age = 3

def login(name, card):
    note = name * 2
    return helper.twice(note)

def gen(n):
    for i in range(n):
        yield i

user = User("ada@x.org")
shown = login("ada", 4711)
list(gen(2))
json.loads("[1]")
"""
HELPER = """\
def twice(text):
    a = text
    try:
        raise ValueError(a)
    except ValueError:
        pass
    return a + text

def other(): return 1
other()
"""


@pytest.fixture
def project(tmp_path, record):
    """project(filter text, …) -> the events of the program under that filter."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "helper.py").write_text(HELPER)
    (tmp_path / "app.py").write_text(APP)

    def run(text, *more, name="f.toml", options=("--format", "journal"), **how):
        (tmp_path / name).write_text(text)
        seen = record("app.py", options=["--trace-filter", name, *more, *options], **how)
        assert seen.status == 0, seen
        checked = subprocess.run([reading.trace_tool(), "verify", str(seen.trace)], capture_output=True, text=True)
        assert checked.returncode == 0, checked
        events = reading.print_json(seen.trace, "--all-locals")
        run.seen = seen
        return events

    return run


def lines(events):
    """function -> how many steps."""
    counts = {}
    for event in events:
        if event["event"] == "step":
            counts[event["function"]] = counts.get(event["function"], 0) + 1
    return counts


def called(events):
    return {event["function"] for event in events if event["event"] == "call"}


@pytest.mark.parametrize(
    "selector",
    ["pkg:pack.helper", "pkg:pack*", "pkg:regex:^pack\\.", "pkg:literal:pack.helper", "file:pack/*.py", "file:**/helper.py", "file:regex:helper", "file:literal:pack/helper.py",
     "obj:pack.helper.*", "obj:regex:^pack.helper.twice$", "obj:literal:twice", "file:./pack/x/../helper.py"],
)  # fmt: skip
def test_each_kind_of_rule_and_match(project, selector):
    events = project(HEAD + rule(selector, "skip"))
    assert "twice" not in called(events) and "login" in called(events) and lines(events)["login"] == 2


def test_a_script_has_two_names(project):
    for selector in ("pkg:__main__", "pkg:app"):
        events = project(HEAD + rule(selector, "skip"))
        assert "login" not in called(events) and "twice" in called(events)


def test_calls_have_no_lines(project):
    events = project(HEAD + rule("pkg:pack.helper", "calls"))
    assert "twice" not in lines(events) and lines(events)["login"] == 2
    inside = [e for e in events if e.get("function") == "twice"]
    assert {"call", "return"} <= {e["event"] for e in inside} and "xada" not in str(inside)
    kinds = [e["event"] for e in events]
    assert "raise" in kinds


@pytest.mark.parametrize("format", ["ct", "ct-single", "ct-multi", "json", "binary"])
def test_calls_in_every_format(project, format):
    project(HEAD.replace('"trace"', '"calls"') + rule("obj:gen", "trace"), options=("--format", format))


PROGRAMS = Path(__file__).parents[1] / "programs"
SOME = ["algorithms", "async_generators", "callbacks", "closures", "comprehension_nested", "context_managers", "coroutines", "exceptions_swallowed_by_c", "finally_return",
        "generator_close", "generator_send", "generator_throw", "generator_yield_from", "inheritance", "getattr_methods", "class_body", "exec_eval"]  # fmt: skip


def calls(events):
    """All but lines: what was called with what, and what came back; without addresses, which differ from run to run."""
    kept = ("event", "thread", "depth", "activation", "function", "module", "arguments", "value", "exception", "text")
    return [re.sub("0x[0-9a-f]+", "0x", str({key: event[key] for key in kept if key in event})) for event in events if event["event"] != "step"]


@pytest.mark.parametrize("name", SOME)
def test_calls_are_those_of_a_full_trace(record, tmp_path, name):
    """The full trace is judged by the oracle elsewhere."""
    (tmp_path / "f.toml").write_text(HEAD.replace('"trace"', '"calls"'))
    folders = []
    for options in ([], ["--trace-filter", "f.toml"]):
        out = tmp_path / f"out{len(folders)}"
        seen = record(str(PROGRAMS / f"{name}.py"), options=["--format", "journal", *options], out=out)
        assert seen.status == 0, seen
        folders.append(reading.print_json(out))
    assert calls(folders[1]) == calls(folders[0]) and not lines(folders[1])


def test_the_default_and_the_standard_library(project):
    events = project(HEAD.replace('"trace"', '"skip"') + rule("obj:login", "trace"))
    assert called(events) == {"login"}
    assert "loads" not in called(project(HEAD))
    events = project(HEAD + rule("pkg:json", "trace"))
    assert "loads" in called(events) and "JSONDecoder.decode" not in called(events)
    events = project(HEAD + rule("pkg:json.decoder", "calls"))
    assert "JSONDecoder.decode" in called(events) and "JSONDecoder.decode" not in lines(events)


def test_a_file_that_leaves_the_defaults_serves_alone_and_behind_another(project, tmp_path):
    """Alone as if it said "trace" and "allow", as builtin ones do; behind another file it changes nothing of that file's defaults."""
    inherit = HEAD.replace('"trace"', '"inherit"').replace('"allow"', '"inherit"') + rule("obj:gen", "skip")
    alone, plain = project(inherit), project(HEAD + rule("obj:gen", "skip"))
    assert lines(alone) == lines(plain) and called(alone) == called(plain) and "gen" not in called(alone)
    (tmp_path / "second.toml").write_text(inherit)
    both = project(HEAD.replace('"trace"', '"calls"'), "--trace-filter", "second.toml")
    assert lines(both) == {} and "login" in called(both) and "gen" not in called(both)


@pytest.mark.parametrize(
    "default, rules, code, told",
    [
        ("calls", "", "def f(): pass\nf()\n", "2 functions recorded as calls"),
        ("skip", "", "def f(): pass\nf()\n", "2 functions skipped by filters"),
        ("skip", rule("obj:f", "calls"), "def f(): pass\nf()\n", "1 function recorded as calls, 1 function skipped by filters"),
        ("skip", "", "import json\njson.loads('[1]')\nraise SystemExit(3)\n", "1 function skipped by filters"),  # not json's, which no rule asks for
        ("trace", rule("pkg:nowhere", "skip"), "", None),
    ],
)
def test_why_no_line_was_recorded(record, tmp_path, default, rules, code, told):
    (tmp_path / "f.toml").write_text(HEAD.replace('"trace"', f'"{default}"') + rules)
    options = ["--trace-filter", "f.toml"]
    seen = record(code=code, options=options) if code else record("-m", "json.tool", "--help", options=options)
    if told is None:
        assert seen.err.endswith("; no line was recorded (the standard library is, only with --include-stdlib)\n"), seen
        return
    assert seen.err.endswith(f"; no line was recorded: {told} (codetracer-trace info names the filters)\n") and seen.names == ["prog.ct"], seen
    required = record("prog.py", options=[*options, "--require-trace"])
    assert f"no line of the program was recorded: {told}; " in required.err and required.status == (seen.status or 1), required


def test_values_by_name(project):
    patterns = [("arg:card", "redact"), ("local:not?", "drop"), ("attr:email", "redact"), ("ret:*login", "redact"), ("global:shown", "drop"),
                ("ret:<yield>", "redact")]  # fmt: skip
    events = project(HEAD + rule("pkg:app", None, patterns))
    text = "\n".join(map(str, events))
    assert "4711" not in text and "redacted" in text
    (call,) = [e for e in events if e["event"] == "call" and e["function"] == "login"]
    assert "ada" in str(call)
    in_login = [e["locals"] for e in events if e["event"] == "step" and e["function"] == "login"]
    assert all("note" not in names and "name" in names for names in in_login)
    in_main = [e["locals"] for e in events if e["event"] == "step" and e["function"] == "<module>"]
    assert not any("shown" in names for names in in_main) and any("user" in names for names in in_main)
    assert "ada@x.org" not in str([names.get("user") for names in in_main]) and "age" in text
    (back,) = [e for e in events if e["event"] == "return" and e["function"] == "login"]
    assert "adaada" not in str(back)
    assert all("redacted" in str(e) for e in events if e["event"] == "yield")


HIDING = """\
class User:
    def __init__(self, email):
        self.email = email

def login(name, card):
    note = name * 2
    return note

def fails():
    raise KeyError("4711")

user = User("ada@x.org")
shown = login("ada", 4711)
try:
    fails()
except KeyError:
    pass
"""
HIDDEN = [("arg:card", "redact"), ("local:note", "drop"), ("attr:email", "redact"), ("ret:<unwind>", "redact"), ("global:shown", "drop")]
# Snapshots are taken at a call, each line and the end. card: all four of login; email: in one object; one exception left one function. note is bound at login's second line and
# its end, shown at the module's lines `try`, `fails()`, `except`, `pass`, and its end.
COUNTS = {"value_redactions": {"argument": 4, "attribute": 1, "global": 0, "local": 0, "return": 1},
          "value_drops": {"argument": 0, "attribute": 0, "global": 5, "local": 2, "return": 0}}  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--no-redaction",), ("--verify-capture",)])
@pytest.mark.parametrize("format", ["json", "binary"])
def test_where_from_and_how_often_in_the_sidecar(project, tmp_path, format, options):
    """The keys are those of 0.3.0. What rules hide is counted as such, with the redaction of secrets or without, and not among the secrets."""
    import hashlib
    import json

    (tmp_path / "app.py").write_text(HIDING)
    text = HEAD.replace('"test"', '"my \\"own\\" filter"') + rule("pkg:app", None, HIDDEN)
    assert "4711" not in str(project(text, options=("--format", format, *options), by="module"))
    seen = project.seen
    assert "redacted" not in seen.err  # no secret was hidden
    told = json.loads((seen.trace / "trace_metadata.json").read_text())
    assert set(told["redacted"].values()) == ({None} if "--no-redaction" in options else {0})  # not counted; nothing found
    assert told["trace_filter"]["filters"] == [
        {"name": 'my "own" filter', "path": str(tmp_path / "f.toml"), "sha256": hashlib.sha256(text.encode()).hexdigest(), "version": 1}
    ]
    stats = told["trace_filter"]["stats"]
    assert {key: stats[key] for key in COUNTS} == COUNTS
    assert stats["scopes_traced"] == 5 and stats["scopes_calls"] == 0 and stats["scopes_skipped"] > 0  # <module>, User, __init__, login, fails
    checked = subprocess.run([tool("ct-verify/ct-verify"), "--strict", "--empty-frames-ok", str(seen.trace)], capture_output=True, text=True)
    assert checked.returncode == 0, checked


def test_no_filter_no_word_of_it(record):
    import json

    assert "trace_filter" not in json.loads((record(code="pass\n", options=["--format=json"]).trace / "trace_metadata.json").read_text())


def test_exceptions_are_hidden_by_their_own_name(project, tmp_path):
    """`<unwind>`: where it is raised, caught and thrown in, and when it leaves. A function's name does not hide it, a default does."""
    (tmp_path / "app.py").write_text(HIDING + "def gen():\n    try:\n        yield\n    except ValueError:\n        pass\n    yield\ng = gen()\nnext(g)\ng.throw(ValueError('47110'))\n")

    def exceptions(*how, **more):
        events = project(HEAD + rule("pkg:app", None, *how, **more))
        found = {(e["event"], "4711" in str(e["value"])) for e in events if e["event"] in ("raise", "handled", "unwind", "throw")}
        assert {"raise", "handled", "unwind", "throw"} == {kind for kind, _ in found}
        return {shown for _, shown in found}

    assert exceptions([("ret:<unwind>", "redact")]) == exceptions([("ret:<unwind>", "drop")]) == {False}
    assert exceptions([("ret:*fails", "redact"), ("ret:literal:gen", "redact")]) == {True}
    assert exceptions([("ret:literal:<unwind>", "allow")], more='value_default = "redact"\n') == {True}
    assert exceptions([("local:x", "allow")], more='value_default = "redact"\n') == {False}


def test_a_rule_without_patterns_keeps_those_there_are(project):
    first = rule("pkg:app", None, [("arg:card", "redact")])
    assert "4711" not in str(project(HEAD + first + rule("pkg:app", "trace")))
    assert "4711" in str(project(HEAD + first + rule("pkg:app", "trace", more="value_patterns = []\n")))


def test_no_rule_shows_a_password(project, tmp_path):
    app = APP.replace("card", "password").replace("4711", '"hunter2hunter2"')
    (tmp_path / "app.py").write_text(app)
    events = project(HEAD + rule("pkg:app", "trace", [("arg:*", "allow"), ("local:*", "allow")]))
    assert "hunter2" not in str(events)


LEARNED = """\
import collections

Row = collections.namedtuple("Row", "id password")

class Client:
    def __init__(self):
        self.api_key = "hunter2-attr"

def connect(password, user):
    return "user=" + user + " " + password

def get_secret():
    return "hunter2-returned"

client = Client()
used = client.api_key
row = Row(1, "hunter2-field")
second = row[1]
dsn = connect("hunter2-argument", "ada")
print(dsn)
DB_PASSWORDS = {"prod": ["hunter2-global", 5]}
copy = "x" + DB_PASSWORDS["prod"][0]
got = get_secret()
"""


@pytest.mark.parametrize("action", ["redact", "drop"])
@pytest.mark.parametrize("pattern", ["arg:password", "attr:*", "global:*PASSWORDS", "ret:get_secret", "local:pass*"])
def test_what_a_rule_hides_whole_is_known_as_a_secret_elsewhere(project, tmp_path, pattern, action):
    """The rule adds to what the name's words do: without it `dsn` is hidden, and with it no less."""
    (tmp_path / "app.py").write_text(LEARNED)
    events = project(HEAD + rule("pkg:app", None, [(pattern, action)]))
    assert "hunter2" not in str(events) and "ada" in str(events)


@pytest.mark.parametrize("format", ["journal", "json", "binary", "ct"])
@pytest.mark.parametrize("action", ["redact", "drop"])
def test_fields_of_named_tuples_are_attributes(project, tmp_path, action, format):
    (tmp_path / "app.py").write_text("import typing\nclass Row(typing.NamedTuple):\n    id: int\n    email: str\n    age: int\nrow = Row(4711, 'ada@' + 'x.org', 99)\nlast = 1\n")
    events = project(HEAD + rule("pkg:app", None, [("attr:email", action)]), options=("--format", format))
    (row,) = {str(e["locals"]["row"]) for e in events if "row" in (e.get("locals") or ())}
    assert "ada@" not in row and "4711" in row and "99" in row and f"<{action}" in row


def test_value_defaults(project):
    events = project(HEAD + rule("obj:login", None, [("arg:name", "allow")], 'value_default = "redact"\n'))
    (call,) = [e for e in events if e["event"] == "call" and e["function"] == "login"]
    assert "ada" in str(call) and "4711" not in str(call)
    events = project(HEAD + rule("obj:login", more='value_default = "drop"\n'))
    assert all(not e["locals"] for e in events if e["event"] == "step" and e["function"] == "login")


@pytest.mark.parametrize("kind", ["dangling", "folder", "pipe", "unreadable", "closed"])
def test_a_filter_that_is_there_and_cannot_be_read_is_not_passed_over(record, tmp_path, kind):
    """It may say what must not be recorded. A pipe is not waited for."""
    above = tmp_path / "project"
    file = above / ".codetracer" / "trace-filter.toml"
    file.parent.mkdir(parents=True)
    {
        "dangling": lambda: file.symlink_to("nowhere"),
        "folder": file.mkdir,
        "pipe": lambda: os.mkfifo(file),
        "unreadable": lambda: file.touch(0),
        "closed": lambda: file.parent.chmod(0),
    }[kind]()
    (above / "src").mkdir()
    (above / "src" / "prog.py").write_text("print('ran')\n")
    command = [sys.executable, "-m", "codetracer_python_recorder", "-o", "out", "project/src/prog.py"]
    if os.geteuid() == 0:  # who may read everything
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    try:
        done = subprocess.run(command, cwd=tmp_path, env=environment_for(), capture_output=True, text=True, timeout=60)
    finally:
        file.parent.chmod(0o700)
    assert (done.returncode, done.stdout) == (2, "") and str(file) in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


def test_a_module_that_lies_elsewhere_takes_the_working_folders(record, tmp_path):
    """`-m uvicorn` runs what is in the project. A script from elsewhere has nothing to do with it, and a module with a file of its own above it has that one."""
    elsewhere, project = tmp_path / "elsewhere", tmp_path / "project"
    for folder in (elsewhere / ".codetracer", project / ".codetracer", project / "src"):
        folder.mkdir(parents=True)
    (elsewhere / "server.py").write_text("x = 1\n")
    (project / ".codetracer" / "trace-filter.toml").write_text(HEAD)

    def sources(*program):
        seen = record(*program, cwd=project / "src", env={"PYTHONPATH": os.pathsep.join([str(elsewhere), environment_for().get("PYTHONPATH", "")])})
        assert seen.status == 0, seen
        info = subprocess.run([reading.trace_tool(), "info", str(seen.trace)], capture_output=True, text=True).stdout
        return re.findall(r"^filter.source = \w+ \w+ (.*)$", info, re.MULTILINE)

    assert sources("-m", "server") == [str(project / ".codetracer" / "trace-filter.toml")]
    assert sources(elsewhere / "server.py") == []
    (elsewhere / ".codetracer" / "trace-filter.toml").write_text(HEAD)
    assert sources("-m", "server") == [str(elsewhere / ".codetracer" / "trace-filter.toml")]


def test_a_console_script_takes_the_working_folders(tmp_path):
    """`codetracer-record venv/bin/server`, and a server that was started as such and records by itself."""
    venv, project = tmp_path / "venv", tmp_path / "project"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=120)
    (project / ".codetracer").mkdir(parents=True)
    (project / "src").mkdir()
    (project / ".codetracer" / "trace-filter.toml").write_text(HEAD)
    (venv / "bin" / "server").write_text("x = 1\n")
    (venv / "bin" / "starts").write_text("from codetracer_python_recorder import trace\nwith trace('itself'):\n    x = 1\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    environment = environment_for()
    environment["PYTHONPATH"] = os.pathsep.join(map(str, {Path(codetracer_python_recorder.__file__).parents[1], *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))}))

    def sources(trace, *command):
        subprocess.run([venv / "bin" / "python", *command], cwd=project / "src", env=environment, check=True, timeout=60)
        info = subprocess.run([reading.trace_tool(), "info", project / "src" / trace], capture_output=True, text=True).stdout
        return re.findall(r"^filter.source = \w+ \w+ (.*)$", info, re.MULTILINE)

    record, found = ("-m", "codetracer_python_recorder", "--quiet", "-o"), [str(project / ".codetracer" / "trace-filter.toml")]
    assert sources("script", *record, "script", venv / "bin" / "server") == found
    assert sources("itself", venv / "bin" / "starts") == found
    assert sources("other", *record, "other", tmp_path / "other.py") == []


def test_order_of_files(project, tmp_path):
    """Nearest folder, then the variable, then the command line; the last match wins."""
    (tmp_path / ".codetracer").mkdir()
    (tmp_path / ".codetracer" / "trace-filter.toml").write_text(HEAD + rule("obj:login", "skip") + rule("obj:gen", "skip") + rule("obj:twice", "skip"))
    inherit = HEAD.replace('"trace"', '"inherit"').replace('"allow"', '"inherit"')
    (tmp_path / "variable.toml").write_text(inherit + rule("obj:login", "calls") + rule("obj:gen", "calls"))
    (tmp_path / "second.toml").write_text(inherit)
    events = project(inherit + rule("obj:gen", "trace"), "--trace-filter", "second.toml::second.toml", env={"CODETRACER_TRACE_FILTER": "variable.toml"})
    assert "twice" not in called(events) and "login" in called(events) and "login" not in lines(events) and "gen" in lines(events)
    info = subprocess.run([reading.trace_tool(), "info", str(project.seen.trace)], capture_output=True, text=True).stdout
    import hashlib

    digest = hashlib.sha256((tmp_path / "variable.toml").read_bytes()).hexdigest()
    assert re.findall(r"^filter.source = test \w+ (.*)$", info, re.MULTILINE) == [
        str(tmp_path / name) for name in (".codetracer/trace-filter.toml", "variable.toml", "f.toml", "second.toml", "second.toml")
    ]
    assert digest in info and re.search(r"^filter.skipped = \d+$", info, re.MULTILINE) and re.search(r"^filter.calls = 1$", info, re.MULTILINE)


@pytest.mark.parametrize("format", ["journal", "ct", "ct-single", "ct-multi", "json", "binary", "binary-v0"])
def test_each_format_tells_which_filters_were_in_force(record, tmp_path, format):
    """Path and SHA-256. Containers have no names: there the path stands for it."""
    import hashlib

    paths = [tmp_path / "one filter.toml", tmp_path / "two.toml"]
    for number, path in enumerate(paths):
        path.write_text(HEAD + f"# {number}\n")
    seen = record(code="x = 1\n", options=[f"--codetracer-format={format}", "--trace-filter", "::".join(map(str, paths))])
    assert seen.status == 0, seen
    info = subprocess.run([reading.trace_tool(), "info", str(seen.trace)], capture_output=True, text=True).stdout
    names = paths if format in ("ct-single", "ct-multi") else ["test", "test"]
    expected = [f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()} {path}" for name, path in zip(names, paths)]
    assert re.findall(r"^filter.source = (.*)$", info, re.MULTILINE) == expected


def test_io(record, tmp_path):
    program = "import sys\nprint('to out')\nprint('to err', file=sys.stderr)\nsys.stdin.read()\n"

    def streams(io):
        (tmp_path / "f.toml").write_text(HEAD + io)
        seen = record(code=program, options=["--format", "journal", "--trace-filter", "f.toml"], stdin="in")
        assert seen.status == 0, seen
        return {e["stream"] for e in reading.print_json(seen.trace) if "stream" in e}

    assert streams("") == {"stdout", "stderr", "stdin"}
    assert streams('[io]\ncapture = true\nstreams = ["stderr"]\n') == {"stderr"}
    assert streams('[io]\ncapture = true\nstreams = ["stdin", "files"]\n') == {"stdin"}
    assert streams("[io]\ncapture = false\n") == set()


def test_a_pattern_that_takes_forever_hangs_nothing(project, tmp_path):
    name = "a" * 60
    (tmp_path / "app.py").write_text("".join(f"def {name}{i}_(): pass\n{name}{i}_()\n" for i in range(200)))
    began = time.monotonic()
    events = project(HEAD + rule("obj:regex:^(\\w+\\w?)+\\s$", "skip"))
    assert time.monotonic() - began < 30 and len(called(events)) == 201
    assert "took too long" in project.seen.err and "'^(\\\\w+\\\\w?)+\\\\s$'" in project.seen.err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [("missing.toml", "the trace filter 'missing.toml' cannot be read (No such file or directory)"), ("a.toml::", "names an empty file"), (".", "cannot be read"),
     ("wrong.toml", "wrong.toml:1: the file needs a key 'meta'"), ("latin.toml", "latin.toml:2: the file must be UTF-8")],
)  # fmt: skip
def test_files_that_cannot_be_used(record, tmp_path, given, sentence):
    (tmp_path / "wrong.toml").write_text("\n")
    (tmp_path / "latin.toml").write_bytes(b"\n\xe9")
    seen = record(code="print(1)", options=["--trace-filter", given])
    assert seen.status == 2 and sentence in seen.err and seen.out == "" and seen.names == [], seen


def test_from_python(tmp_path):
    (tmp_path / "f.toml").write_text(HEAD + rule("obj:hidden", "skip"))
    program = "from codetracer_python_recorder import trace\ndef hidden(): pass\ndef shown(): pass\nwith trace('out', format='journal', trace_filter='f.toml'):\n    hidden(); shown()\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment_for(), capture_output=True, text=True)
    assert done.returncode == 0, done
    (tmp_path / "prog.py").write_text(program)
    done = subprocess.run([sys.executable, "prog.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True)
    assert done.returncode == 0, done
    assert called(reading.print_json(tmp_path / "out")) >= {"shown"} and "hidden" not in called(reading.print_json(tmp_path / "out"))


# ---- the documentation ----


def test_examples_of_the_documentation(tmp_path, record):
    examples = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(examples) == 3
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "metrics.py").write_text("def count(): return 1\n")
    (tmp_path / "shop" / "cart.py").write_text(
        "class C:\n    def __init__(self):\n        self.email = 'a@example.org'\n        self.customer = 'Bob3'\n        self.home_address = 'Baker Street'\n\ncustomers = ['Bob3']\n"
        "def load_customer(customer_number):\n    address = 'Baker Street'\n    customer = 'Bob3'\n    c = C()\n    return c\n"
    )
    (tmp_path / "prog.py").write_text("import json, shop.cart, shop.metrics\ndef run():\n    shop.metrics.count()\n    json.loads('[2]')\n    return shop.cart.load_customer(815)\nrun()\n")
    seen = []
    for example in examples:
        (tmp_path / "f.toml").write_text(example)
        done = record("prog.py", options=["--format", "journal", "--trace-filter", "f.toml"])
        assert done.status == 0, done
        seen.append(reading.print_json(done.trace, "--all-locals"))
    shop, inside, privacy = seen
    assert "count" not in called(shop) and "load_customer" in lines(shop) and "run" in called(shop) and "run" not in lines(shop)
    assert "JSONDecoder.decode" in lines(inside) and "loads" not in called(inside)
    text = str([e for e in privacy if e.get("module") == "shop.cart"])
    assert not any(secret in text for secret in ("815", "Baker Street", "a@example.org", "Bob3")) and "redacted" in text
    assert all(secret in str(shop) for secret in ("815", "Baker Street", "a@example.org", "Bob3"))


def test_commands_of_the_documentation_can_be_typed():
    from codetracer_python_recorder import cli

    commands = re.findall(r"^    (?:\w+=\S+ )?(codetracer-record .*)$", DOCUMENT, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert cli.Options("codetracer-record", shlex.split(command)[1:], {}, True).target == "prog.py"
