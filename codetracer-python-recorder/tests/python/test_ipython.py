"""`%%codetracer`, in a real IPython and in a real Jupyter kernel."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import reading
from support import frameworks

# Runs cells, one after the other, each with its number and what it prints.
SHELL = """\
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
for cell in eval(sys.stdin.read()):
    shell.run_cell(cell, store_history=True)
"""
KERNEL = """\
import sys
from jupyter_client import KernelManager
manager = KernelManager(kernel_cmd=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
def show(message):
    content = message["content"]
    if message["msg_type"] == "stream":
        print(content["text"], end="")
    elif message["msg_type"] == "execute_result":
        print("Out:", content["data"]["text/plain"])
    elif message["msg_type"] == "error":
        print(content["ename"], content["evalue"])
for cell in eval(sys.stdin.read()):
    client.execute_interactive(cell, timeout=60, output_hook=show)
manager.shutdown_kernel(now=True)
"""
LOAD = "%load_ext codetracer_python_recorder"
DEFINE = "def price(n):\n    twice = n * 2\n    return twice\n"


def run(tmp_path, cells, driver=SHELL, **variables):
    frameworks.need("IPython", *(["ipykernel", "jupyter_client"] if driver is KERNEL else []))
    done = subprocess.run(
        [sys.executable, "-c", driver], input=repr(cells), cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env=frameworks.environment(IPYTHONDIR=tmp_path / "ipython", JUPYTER_RUNTIME_DIR=tmp_path / "jupyter", **variables),
    )  # fmt: skip
    assert done.returncode == 0, done
    return done


def steps(trace):
    return [(e["line"], e["function"], e["locals"]) for e in reading.print_json(trace, "--all-locals") if e["event"] == "step"]


@pytest.mark.parametrize("driver", [SHELL, KERNEL], ids=["ipython", "jupyter"])
def test_a_cell_is_recorded(tmp_path, driver):
    cell = "%%codetracer --out out\nx = 2\ntotal = price(x)\ntotal\n"
    told = run(tmp_path, [LOAD, DEFINE, cell, DEFINE.replace("2", "3"), "total + 1"], driver).stdout
    assert re.search(r"Out(\[3\])?: 4\n", told) and re.search(r"codetracer: out/cell-\d+.ct: 5 steps", told) and re.search(r"Out(\[5\])?: 5\n", told), told
    seen = steps(tmp_path / "out")
    # nothing of IPython, and of its variables none
    assert [(line, function) for line, function, _ in seen] == [(1, "<module>"), (2, "<module>"), (2, "price"), (3, "price"), (3, "<module>")]
    assert seen[3][2] == {"n": 2, "twice": 4}
    assert set(seen[-1][2]) - {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtin__"} == {"price", "x", "total"}
    # the texts of both cells are in the trace, as they were
    shown = subprocess.run([reading.trace_tool(), "print", str(tmp_path / "out")], capture_output=True, text=True).stdout
    for text in ("x = 2", "total = price(x)", "twice = n * 2", "return twice"):
        assert re.search(rf":\d  {re.escape(text)}\s", shown), shown
    checked = subprocess.run([reading.trace_tool(), "verify", str(tmp_path / "out")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("driver", [SHELL, KERNEL], ids=["ipython", "jupyter"])
def test_a_command_of_the_shell_is_one_line(tmp_path, driver):
    """In a kernel pexpect runs it, and is loaded for the first one."""
    told = run(tmp_path, [LOAD, "%%codetracer --out out\n!echo from the shell\nx = 2\n"], driver).stdout
    assert "from the shell" in told and "codetracer: out/cell-2.ct: 2 steps" in told, told


def test_a_cell_that_fails(tmp_path):
    told = run(tmp_path, [LOAD, DEFINE, "%%codetracer --format journal\nprice(None)\n", "1 + 1"]).stdout
    assert "TypeError: unsupported operand" in told and "codetracer: trace-out/cell-3.ctj" in told and "Out[4]: 2" in told
    assert [e["value"]["type"] for e in reading.print_json(tmp_path / "trace-out") if e["event"] == "raise"][0] == "TypeError"


@pytest.mark.parametrize("driver", [SHELL, KERNEL], ids=["ipython", "jupyter"])
@pytest.mark.parametrize("cell", ["price(None)", "x = (", "%%codetracer\\n1"], ids=["raises", "syntax", "magic"])
def test_a_cell_that_fails_is_a_failed_cell(tmp_path, driver, cell):
    """Its error is shown once, and a notebook that runs all cells stops there. The next cell is as good as it is, also after a silent one."""
    cell = cell.replace("\\n", "\n")
    silent = "silent='--format' in cell"
    driver = driver.replace("shell.run_cell(cell, store_history=True)", f"print(shell.run_cell(cell, store_history=True, {silent}).success)")
    driver = driver.replace(
        "client.execute_interactive(cell, timeout=60, output_hook=show)",
        f"print(client.execute_interactive(cell, timeout=60, output_hook=show, stop_on_error=False, {silent})['content']['status'] == 'ok')",
    )
    done = run(tmp_path, [LOAD, DEFINE, "%%codetracer\n" + cell, "1 + 1", "%%codetracer --format json\n" + cell, "2 + 2"], driver)
    told = done.stdout + done.stderr
    words = re.findall("^(?:True|False)$", told, re.M)
    assert words[:4] + words[5:] == ["True", "True", "False", "True", "True"], told
    assert len(re.findall(r"^(?!-)\w*Error\b(?!.*Traceback)", told, re.M)) in (1, 2), told


@pytest.mark.parametrize("driver", [SHELL, KERNEL], ids=["ipython", "jupyter"])
def test_a_semicolon_silences(tmp_path, driver):
    told = run(tmp_path, [LOAD, DEFINE, "%%codetracer\nprice(2);", "%%codetracer\nprice(3)", "price(4)"], driver).stdout
    assert re.findall(r"Out(?:\[\d\])?: (\d+)", told) == ["6", "8"], told


@pytest.mark.parametrize(
    "line, says",
    [
        ("--format pdf", "there is no format 'pdf'"), ("--nix", "unrecognized arguments: --nix"), ("--out 'x", "No closing quotation"),
        ("--out file", "'file' is a file; choose a folder"),
    ],
)  # fmt: skip
def test_wrong_options(tmp_path, line, says):
    (tmp_path / "file").write_text("")
    done = run(tmp_path, [LOAD, f"%%codetracer {line}\nprint('it ran')\n"])
    assert says in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr and "it ran" not in done.stdout


@pytest.mark.parametrize("policy", ["abort", "disable"])
def test_policy_of_the_environment(tmp_path, policy):
    """Under `disable` a cell that cannot be recorded runs all the same."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cell-2.ct").write_text("somebody's own")
    done = run(tmp_path, [LOAD, "%%codetracer --out out\nprint('it ran')\n"], CODETRACER_ON_RECORDER_ERROR=policy)
    assert "exists and is not a trace of this recorder" in done.stdout + done.stderr
    assert ("it ran\n" in done.stdout) == (policy == "disable"), done


def test_not_within_another_recording(tmp_path):
    cells = [LOAD, "from codetracer_python_recorder import start, stop\nstart('mine');", "%%codetracer\n1\n", "stop()"]
    done = run(tmp_path, cells)
    assert "tracing already active" in done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "ipython") == ["mine"]


def test_asynchronous_cells(tmp_path):
    run(tmp_path, [LOAD, "%%codetracer\nimport asyncio\nawait asyncio.sleep(0)\ny = 1\n"])
    assert [line for line, _, _ in steps(tmp_path / "trace-out")] == [1, 2, 3]


DOCUMENT = Path(__file__).parents[3] / "docs" / "ipython.md"


@pytest.mark.skipif(not DOCUMENT.exists(), reason="docs/ is not beside the tests")
def test_examples_of_the_documentation(tmp_path):
    text = DOCUMENT.read_text()
    cells = re.findall(r"```\n(.*?)```", text, re.S)
    assert "Out[3]: 6" in run(tmp_path, cells).stdout
    (command,) = re.findall(r"^    (codetracer-trace .*)$", text, re.M)
    shown = subprocess.run([reading.trace_tool(), *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert shown.stdout.count("return twice") == 3
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (Path(__file__).parents[1] / "requirements-frameworks.txt").read_text(), re.M))
    assert re.search(r"IPython (\S+) and ipykernel (\S+)\.", text).groups() == (pinned["ipython"], pinned["ipykernel"])
