"""Programs that nobody here wrote, from PyPI (../requirements-programs.txt), recorded whole.

Each must behave as plain: output, errors, exit status, and what it writes. Its journal is read to the end, event by event, and each call in it
must end or be suspended; its exports are read by CodeTracer's own readers, which must count what the recorder counted.

The limits of values are the default ones unless a program here says otherwise, and why. Inputs are small, because json repeats every value at every line.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment_for
from reading import record_journal, trace_tool
from test_formats import tool

CHECKOUT = Path(__file__).resolve().parents[3]
# `make test` installs the programs there; CODETRACER_PROGRAMS names another folder.
PROGRAMS = Path(os.environ.get("CODETRACER_PROGRAMS") or CHECKOUT / "build" / ("programs-%d.%d" % sys.version_info[:2]))
# pyperf there runs a benchmark once, in the size that is its first argument.
SUPPORT = CHECKOUT / "bench" / "support"
BENCHMARKS = PROGRAMS / "pyperformance" / "data-files" / "benchmarks"

UGLY = """\
import os,  sys
class A( object ):
    def g(self,*args,**kw):  return  lambda y : y+self.x
    x = {'a':1,
      "y":os}
print( A().g()(3) )
"""

TEMPLATE = """\
import jinja2
environment = jinja2.Environment(autoescape=True)
template = environment.from_string('''\\
{% macro item(name) %}<li>{{ name | upper }}</li>{% endmacro %}
{% for user in users if user.name %}{{ loop.index }}: {{ item(user.name) }}
{% else %}nobody{% endfor %}''')
print(template.render(users=[{"name": "a<b"}, {"name": ""}, {"name": "c"}]))
print(template.render(users=[]))
try:
    environment.from_string("{% for %}").render()
except jinja2.TemplateSyntaxError as error:
    print(error)
"""

COMMAND = """\
import click

@click.group()
@click.option("--loud/--quiet", default=False)
@click.pass_context
def main(context, loud):
    context.obj = loud

@main.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--count", type=click.IntRange(1, 3), default=1, show_default=True)
@click.pass_obj
def hello(loud, names, count):
    "Greets."
    for name in names * count:
        click.echo(name.upper() if loud else name)

main()
"""


class Program:
    """`arguments` of the command line and `files` in its folder; `calls`: functions that must be among the recorded ones; `options` of the
    recorder beside the default ones; `json`: options of the json export."""

    def __init__(self, *arguments, files={}, calls, status=0, options=(), json=()):
        self.arguments, self.files, self.calls, self.status, self.options, self.json = arguments, files, calls, status, options, json


def benchmark(name, *arguments, smaller=None, **how):
    """A script of pyperformance; `smaller`: a replacement within it, for one that does not take its size from outside."""
    return Program(f"bm_{name}.py", *arguments, files={f"bm_{name}.py": (BENCHMARKS / f"bm_{name}" / "run_benchmark.py", smaller)}, **how)


# Exports of values in json are as long as the values are large, at every line: where that is hundreds of megabytes, fewer nodes.
SMALL = ("--export-nodes", "20")

ALL = {
    # Generators within generators, one of them suspended for good.
    "nqueens": benchmark("nqueens", "5", calls={"n_queens", "permutations"}),
    # Virtual calls, linked objects. Its one size is two million lines; 50,000 do.
    "richards": benchmark("richards", "1", smaller=("10000", "250"), calls={"Task.runTask", "HandlerTask.fn"}, json=SMALL),
    # Objects that refer to each other in all directions.
    "deltablue": benchmark("deltablue", "3", calls={"Planner.incremental_add", "StayConstraint.__init__"}, json=SMALL),
    # A graph of 81 squares that all reach each other: to print it whole at each of 50,000 lines takes minutes, so it is followed less deep.
    "go": benchmark("go", "1", calls={"Board.useful_fast", "Square.find"}, options=("--max-attr-depth", "1"), json=SMALL),
    # asyncio: tasks that wait for one another.
    "async_tree": benchmark("async_tree", "3", "none", calls={"AsyncTree.recurse_with_gather", "NoneAsyncTree.workload_func"}, json=SMALL),
    # A large application: command line, configuration, tokenizer, parser, visitors, generators; writes a file.
    "black": Program(
        "-m", "black", "--fast", "--no-cache", "ugly.py", files={"ugly.py": "x = { 'a':1 }\n"},
        calls={"format_file_in_place", "LineGenerator.visit_default", "transform_line"}, json=SMALL,
    ),  # fmt: skip
    # An abstract syntax tree, visitors by name, an exit status that is not 0.
    "pyflakes": Program("-m", "pyflakes", "ugly.py", files={"ugly.py": UGLY}, calls={"Checker.handleChildren", "Checker.IMPORT"}, status=1, json=SMALL),
    # Regular expressions, many small functions that are generators.
    "pycodestyle": Program("-m", "pycodestyle", "ugly.py", files={"ugly.py": UGLY}, calls={"Checker.check_all", "StyleGuide.input_file"}, status=1, json=SMALL),
    # Many rules on one state; a hundred modules imported.
    "markdown_it": Program(
        "-m", "markdown_it.cli.parse", "a.md", files={"a.md": "# Hi\n\n* one *two* `three`\n* [a](b) <c>\n\n> q\n"},
        calls={"ParserBlock.tokenize", "RendererHTML.render"}, json=SMALL,
    ),  # fmt: skip
    # Lexer and parser of regular expressions; runs code that it compiles; a template's error becomes an exception with a rewritten traceback.
    "jinja2": Program("template.py", files={"template.py": TEMPLATE}, calls={"Parser.parse_for", "CodeGenerator.visit_For"}, json=SMALL),
    # A command line application: decorators, context managers, closures. Once well, and once ended by an exception that becomes status 2.
    "click": Program("hello.py", "--loud", "hello", "--count", "2", "a", "b", files={"hello.py": COMMAND}, calls={"hello", "Context.invoke"}),
    "click_usage": Program("hello.py", "hello", "--count", "9", "a", files={"hello.py": COMMAND}, calls={"UsageError.show"}, status=2),
    # A package's own tests, by unittest.
    "pyflakes_tests": Program(
        "-m", "unittest", "pyflakes.test.test_builtin",
        calls={"TestCase.flakes", "TestBuiltins.test_builtin_unbound_local"}, json=SMALL,
    ),  # fmt: skip
    # The same by pytest, which is itself recorded. Its configuration and plugins reach everything from everywhere: at the default depth each of
    # 200,000 lines takes a while, so values are followed less deep.
    "toolz_tests": Program(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--assert=plain", "--pyargs", "toolz.tests.test_recipes",
        calls={"test_countby", "countby", "PluginManager.register"}, options=("--max-depth", "2", "--max-attr-depth", "0"), json=None,
    ),  # fmt: skip
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def programs():
    if not (PROGRAMS / "black").is_dir():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no programs in {PROGRAMS}: `make test` installs them")
    # black's wheels hold its grammar; built from source, it would be made anew in each run: 300,000 lines.
    subprocess.run([sys.executable, "-c", "from blib2to3 import pygram; pygram.initialize()"], env=environment(), check=True)


def environment():
    before = environment_for().get("PYTHONPATH")
    return environment_for(
        PYTHONPATH=os.pathsep.join(filter(None, [before, str(SUPPORT), str(PROGRAMS)])), PYTHONHASHSEED=0, PYTHONDONTWRITEBYTECODE=1, NO_COLOR=1
    )


def prepared(folder, program):
    """The program's folder, fresh; always of the same name, for names are printed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in program.files.items():
        if isinstance(content, tuple):
            source, smaller = content
            content = source.read_text()
            assert not smaller or smaller[0] in content
            content = content.replace(*smaller) if smaller else content
        (folder / name).write_text(content)
    return folder


def behaviour(folder, program, process):
    """Everything to be compared: what it printed (without how long it took), its status, what its files hold now."""
    files = {name: (folder / name).read_text() for name in program.files}
    return process.returncode, untimed(process.stdout), untimed(process.stderr), files


def untimed(text):
    return re.sub(r"\d+\.\d+s", "N s", text)


def record(folder, program, out, *options):
    """Under the recorder, as a user would: the program's behaviour; the trace is in `out`."""
    prepared(folder, program)
    command = ["-m", "codetracer_python_recorder", "--quiet", "--propagate-script-exit", "-o", str(out), *program.options, *options]
    process = subprocess.run([sys.executable, *command, *program.arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    return behaviour(folder, program, process)


HEAD = re.compile(rb'\{"step":(\d+),"event":"([a-z-]+)","thread":(\d+)(?:,"depth":(\d+),"activation":(\d+),"file":"(?:[^"\\]|\\.)*","line":\d+,"function":"([^"]*)")?')


def read_journal(trace):
    """Reads `print --json` to its end and follows every activation. Returns the number of steps and of calls, and the functions called."""
    stacks, suspended, ended, functions, steps, calls = {}, set(), set(), set(), 0, 0
    env = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    with subprocess.Popen([trace_tool(), "print", "--json", str(trace)], stdout=subprocess.PIPE, env=env, bufsize=1 << 20) as process:
        for number, line in enumerate(process.stdout):
            assert line.endswith(b"}\n"), line[-100:]
            if number % 997 == 0 and len(line) < 1_000_000:
                json.loads(line)
            step, kind, thread, depth, activation, function = HEAD.match(line).groups()
            assert int(step) == steps, line[:200]
            if kind == b"step":
                steps += 1
            if activation is None:
                continue
            stack = stacks.setdefault(thread, [])
            if kind in (b"call", b"resume", b"throw"):
                if kind == b"call":
                    calls += 1
                    functions.add(function.decode())
                    assert activation not in ended and activation not in suspended, line[:200]
                else:
                    suspended.remove(activation)
                assert len(stack) == int(depth), line[:200]
                stack.append(activation)
                continue
            if kind == b"ended":
                suspended.remove(activation)
                ended.add(activation)
                continue
            assert stack and stack[-1] == activation and len(stack) == int(depth) + 1, (line[:200], len(stack))
            if kind in (b"return", b"unwind", b"lost", b"yield"):
                (suspended if kind == b"yield" else ended).add(stack.pop())
                assert kind != b"lost", line[:200]
    assert process.returncode == 0
    assert not any(stacks.values()), f"calls that never ended: {stacks}"
    return steps, calls, functions


def check_json(folder):
    """ct-verify, and the balance of calls by our own counting."""
    verified = subprocess.run([tool("ct-verify/ct-verify"), "--strict", "--empty-frames-ok", str(folder)], capture_output=True, text=True, timeout=300)
    assert verified.returncode == 0, verified.stdout[-2000:] + verified.stderr[-2000:]
    counts = {name: int(number) for name, number in re.findall(r"^count (\w+) (\d+)$", verified.stdout, re.M)}
    depth = 0
    tail = b""
    with open(folder / "trace.json", "rb") as file:
        # A quote within a string is escaped, so these bytes are nothing but events.
        while chunk := file.read(1 << 20):
            end = None
            for found in re.finditer(rb'\{"(?:(Call)|Return|(Step))":', tail + chunk):
                end = found.end()
                if found[2]:
                    assert depth >= 1
                    continue
                depth += 1 if found[1] else -1
                assert depth >= 0
            tail = (tail + chunk)[max(end or 0, len(tail + chunk) - 10) :]
    assert depth == 0
    assert counts["Call"] == counts["Return"]
    return counts


def ct_counts(folder):
    (file,) = folder.glob("*.ct")
    summary = subprocess.run([tool("ct-print"), "--summary", str(file)], capture_output=True, text=True, timeout=300, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"^  (\w+): (\d+)$", summary, re.M)}


@pytest.mark.parametrize("name", ALL)
def test_program(name, tmp_path):
    program, folder = ALL[name], tmp_path / "program"
    prepared(folder, program)
    plain = subprocess.run([sys.executable, *program.arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)
    expected = behaviour(folder, program, plain)
    assert expected[0] == program.status, expected

    prepared(folder, program)
    recorded = record_journal(folder, None, *program.arguments, options=program.options, env=environment(), timeout=300, check=False, events=False)
    assert behaviour(folder, program, Process(recorded)) == expected
    assert recorded.summary["python_inside"] == 0 and recorded.summary["failed"] is None, recorded.summary
    steps, calls, functions = read_journal(folder / "trace")
    assert steps == recorded.summary["steps"] and program.calls <= functions, (program.calls - functions, len(functions))

    # The default format.
    assert record(folder, program, tmp_path / "ct") == expected
    in_ct = ct_counts(tmp_path / "ct")
    assert in_ct["calls"] >= calls and in_ct["steps"] >= steps, (in_ct, steps, calls)

    if program.json is not None:
        assert record(folder, program, tmp_path / "json", "--format", "json", *program.json) == expected
        in_json = check_json(tmp_path / "json")
        # Calls in pieces (generators, threads) have more than one Call, each with a step at its `def` line; and <toplevel> has one.
        assert in_json["Call"] >= calls and in_json["Step"] >= steps, (in_json, steps, calls)
        assert abs(in_json["Step"] - in_ct["steps"]) <= 2, (in_json, in_ct)


class Process:
    def __init__(self, recorded):
        self.returncode, self.stdout, self.stderr = recorded.status, recorded.out, recorded.err


def test_black_is_python():
    """What is recorded is black's source, not the compiled form of its wheels."""
    where = "import black, black.linegen, blib2to3.pytree; print(black.__file__, black.linegen.__file__, blib2to3.pytree.__file__)"
    files = subprocess.run([sys.executable, "-c", where], env=environment(), capture_output=True, text=True, check=True).stdout.split()
    assert all(file.endswith(".py") and file.startswith(str(PROGRAMS)) for file in files), files
