"""docs/quick-start.md and the README's example, done as they say: the programs are run, and each command shows what the page shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import reading
from conftest import environment_for

PAGE = Path(__file__).parents[3] / "docs" / "quick-start.md"
pytestmark = [
    pytest.mark.skipif(not PAGE.exists(), reason="docs/ is not beside the tests"),
    pytest.mark.skipif(not reading.trace_tool(), reason="codetracer-trace is not installed"),
]


def test_the_readme_is_what_happens(tmp_path, record_script):
    text = (PAGE.parents[1] / "README.md").read_text()
    (tmp_path / "examples").symlink_to(PAGE.parents[1] / "examples")
    block = re.search(r"^```\n\$ (codetracer-record.*?)^```", text, re.M | re.S)[1]
    shown = [part.split("\n", 1) for part in re.split(r"^\$ ", block, flags=re.M)]
    assert [line.split()[0] for line, _ in shown] == ["codetracer-record", "codetracer-trace"]
    compare(tmp_path, record_script, shown)


def test_the_page_is_what_happens(tmp_path, record_script):
    text = PAGE.read_text()
    programs = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    for name, program in zip(("prices.py", "look.py"), programs, strict=True):
        (tmp_path / name).write_text(program)
    shown = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```", text, re.M | re.S)
    assert len(shown) == 3
    compare(tmp_path, record_script, shown)


def compare(tmp_path, record_script, shown):
    """Each command, in this order, prints what stands behind it."""
    commands = {"codetracer-record": [sys.executable, str(record_script)], "codetracer-trace": [reading.trace_tool()], "python": [sys.executable]}
    for line, expected in shown:
        name, *arguments = shlex.split(line)
        done = subprocess.run(
            [*commands[name], *arguments], cwd=tmp_path, env=environment_for(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout
        # The size depends on the interpreter's version, by a few bytes.
        assert re.sub(r"[\d.]+ kB$", "N kB", done.stdout, flags=re.M) == re.sub(r"[\d.]+ kB$", "N kB", expected, flags=re.M)
