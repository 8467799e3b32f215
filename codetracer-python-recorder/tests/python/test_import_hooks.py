"""Import hooks that an environment brings with it (`.pth` files of setuptools, virtualenv, editable installs) are no part of the program."""

import os
import subprocess
import sys
from pathlib import Path

import codetracer_python_recorder
import pytest
from codetracer_python_recorder import read
from conftest import environment_for

FINDER = """\
import sys
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        cls.asked = name
        return None
sys.meta_path.insert(0, Finder)
"""
# The names that these tools give their modules, in a folder of installed packages; and two that are a program's own business.
HOOKS = (
    "_distutils_hack/__init__.py", "_virtualenv.py", "__editable___some_thing_1_0_finder.py", "_editable_impl_some_thing.py",
    "_some_thing_editable_loader.py", "_some_thing_editable.py",
)  # fmt: skip
OTHERS = ("company_hook.py", "some_thing_finder.py")
PROGRAM = "import json\nimport plain_package\ndef f():\n    raise ValueError('no ' + plain_package.NAME)\nf()\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """(python, packages): an environment of its own, in which the recorder can be imported."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    python = folder / "bin" / "python"
    packages = Path(subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True).stdout.strip())
    for name in (*HOOKS, *OTHERS):
        path = packages / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(FINDER)
        module = name.removesuffix(".py").removesuffix("/__init__")
        (packages / f"{module}.pth").write_text(f"import {module}\n")
    (packages / "plain_package.py").write_text("NAME = 'plain'\n")
    return python, packages


def files_of(environment, tmp_path, record_script, *options):
    python, _ = environment
    (tmp_path / "prog.py").write_text(PROGRAM)
    recorder = str(Path(codetracer_python_recorder.__file__).parent.parent)
    done = subprocess.run(
        [python, str(record_script), "-o", "trace", *options, "prog.py"], cwd=tmp_path, env=environment_for(PYTHONPATH=recorder), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "ValueError: no plain" in done.stderr, done
    with read(tmp_path / "trace") as trace:
        steps = [(os.path.relpath(step.path, environment[1]) if "site-packages" in step.path else os.path.basename(step.path), step.line) for step in trace.steps]
    return steps


def test_hooks_are_not_recorded(environment, tmp_path, record_script):
    steps = files_of(environment, tmp_path, record_script)
    assert {file for file, _ in steps} == {"prog.py", "plain_package.py", *OTHERS}
    own = [step for step in steps if step[0] not in OTHERS]
    assert own == [("prog.py", 1), ("prog.py", 2), ("plain_package.py", 1), ("prog.py", 3), ("prog.py", 5), ("prog.py", 4)]


@pytest.mark.parametrize("how", ["--include-stdlib", "filter"])
def test_hooks_are_recorded_when_asked_for(environment, tmp_path, record_script, how):
    options = [how]
    if how == "filter":
        (tmp_path / "hooks.toml").write_text(
            '[meta]\nname = "hooks"\nversion = 1\n[scope]\ndefault_exec = "trace"\ndefault_value_action = "allow"\n'
            '[[scope.rules]]\nselector = "obj:Finder.find_spec"\nexec = "trace"\n'
        )
        options = ["--trace-filter", "hooks.toml"]
    files = {file for file, _ in files_of(environment, tmp_path, record_script, *options)}
    assert files.issuperset({"prog.py", "plain_package.py", *HOOKS, *OTHERS})
