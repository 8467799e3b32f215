"""The C recorder against the pure-Python one, event by event and local by local: on every program of ../programs, and on generated ones.

The two share nothing but docs/values.md: one reads CPython's storage from `sys.monitoring` callbacks in C, the other asks Python from
`sys.settrace`. Both also have to leave the program's output and status as plain Python has them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from compare import compare  # noqa: E402
from generate import make_program  # noqa: E402

PROGRAMS = HERE.parent / "programs"
PACKAGE = HERE.parent.parent
ORACLE = PACKAGE.parent / "codetracer-pure-python-recorder" / "src" / "trace.py"
GENERATED = int(os.environ.get("CODETRACER_GENERATED", "40"))

# Where the two differ and why. Every message must match the pattern: anything else is a failure.
KNOWN = {
    "asyncio_exception": ("attributes of a C type that hides its __dict__: the oracle cannot reach them", r"_GatheringFuture\("),
    "asyncio_gather": ("as above", r"_GatheringFuture\("),
    "typing_generics": ("as above", r"typing\.TypeVar\("),
    "generator_stopiteration": (
        "sys.settrace never shows the RuntimeError that a StopIteration becomes on its way out of a generator",
        r"return value of broken: A StopIteration\(.*, B RuntimeError\(",
    ),
    "recursion_error": (
        "the oracle is Python: its own frames and its tracing count against the recursion limit (test_run_as_plain has the depth itself)",
        r"recursion_error\.py:\d+ in dive",
    ),
}
KNOWN_GENERATED = {
    "a generator is closed, and a nested exception was handled in its finally: the oracle cannot tell which of the two leaves it": (
        r"return value of generator_\d+: A \w+\(.*\), B GeneratorExit\(args=Tuple\[\]\)$"
    ),
}
NO_TRACE = {"syntax_error": "a program that does not compile never starts: nothing is recorded"}


def environment(**variables):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CODETRACER_", "PYTHON")) or key == "PYTHONMALLOC"}
    env.update(PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", **variables)
    if not str(Path(_package_file())).startswith(sys.prefix):
        env["PYTHONPATH"] = str(PACKAGE)
    return env


def _package_file():
    import codetracer_python_recorder

    return codetracer_python_recorder.__file__


def run(command, program, **variables):
    given = program.with_suffix(".in")
    process = subprocess.run(
        [sys.executable, *command, program.name],
        cwd=program.parent, env=environment(**variables), input=given.read_bytes() if given.exists() else b"", capture_output=True, timeout=120,
    )  # fmt: skip
    return process.returncode, process.stdout, process.stderr


def record_both(program, folder):
    """Plain, oracle and recorder: the same output and status; the two traces' folders."""
    plain = run([], program)
    oracle, ours = folder / "oracle", folder / "ours"
    seen_by_oracle = run([str(ORACLE)], program, CODETRACER_DB_TRACE_PATH=str(oracle))
    options = ["--quiet", "--propagate-script-exit", "--format", "json", "-o", str(ours)]
    seen = run(["-m", "codetracer_python_recorder", *options], program)
    assert seen == plain, "the recorded program did not behave as plain"
    assert seen_by_oracle == plain, "the program under the oracle did not behave as plain"
    return oracle, ours


@pytest.mark.parametrize("name", sorted(path.stem for path in PROGRAMS.glob("*.py")))
def test_program(name, tmp_path):
    oracle, ours = record_both(PROGRAMS / (name + ".py"), tmp_path)
    if name in NO_TRACE:
        assert not ours.exists() or not list(ours.iterdir())
        return
    messages = compare(str(oracle), str(ours))
    if name in KNOWN:
        reason, pattern = KNOWN[name]
        assert messages, f"no difference any more: take {name} off the list ({reason})"
        messages = [message for message in messages if not re.search(pattern, message)]
    assert not messages, "\n".join(messages)


@pytest.mark.parametrize("seed", range(GENERATED))
def test_generated(seed, tmp_path):
    program = tmp_path / f"generated_{seed}.py"
    program.write_text(make_program(seed), encoding="utf-8")
    oracle, ours = record_both(program, tmp_path)
    messages = compare(str(oracle), str(ours))
    for pattern in KNOWN_GENERATED.values():
        messages = [message for message in messages if not re.search(pattern, message)]
    assert not messages, f"seed {seed}: python generate.py {seed} prints the program\n" + "\n".join(messages)
