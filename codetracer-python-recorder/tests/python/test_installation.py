"""The installed package is whole: module, extension, scripts and version belong together. And a wheel in a fresh environment works as users get it."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import codetracer_python_recorder
import pytest
from conftest import PACKAGE, _is_installed

BUILD = PACKAGE.parent / "build" / ("pip-%d.%d" % sys.version_info[:2])


def test_extension_has_the_packages_version():
    assert codetracer_python_recorder.__version__ == metadata.version("codetracer-python-recorder")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The folder of programs of an environment with the wheel, and with pytest: one for all workers of pytest-xdist."""
    if "CODETRACER_SANITIZE" in os.environ:
        pytest.skip("no wheel is made of a build with sanitizers")
    if not _is_installed() or not (BUILD / "build.ninja").exists():
        assert not os.environ.get("CI"), f"{BUILD} is not there"
        pytest.skip(f"{BUILD} is not there; `make test` makes it")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheel"
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            make_environment(folder)
            (folder / "whole").touch()
    return folder / "venv" / "bin"


def make_environment(folder):
    """`make test` has compiled already; the wheel is made of that."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = [sys.executable, "-m", "pip", "--quiet"]
    lock = ["flock", str(BUILD.parent / BUILD.name.replace("pip-", ".lock-"))] if shutil.which("flock") else []
    options = [f"-Cbuild-dir={BUILD}", "-Csetup-args=-Dtests=true"]  # as the Makefile's
    subprocess.run(
        [*lock, *pip, "wheel", "--no-deps", "--no-build-isolation", *options, "--wheel-dir", str(folder), str(PACKAGE)], env=environment, check=True, timeout=300
    )
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, timeout=60)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], env=environment, check=True, timeout=120)
    packages = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True).stdout.strip()
    for name in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"):
        place = Path(importlib.util.find_spec(name).origin)
        place = place.parent if place.stem == "__init__" else place
        os.symlink(place, Path(packages) / place.name)


def run(tmp_path, *command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CODETRACER_", "PYTHON", "PYTEST_", "COV"))}
    return subprocess.run([str(part) for part in command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)


def test_pytest_knows_the_plugin(fresh, tmp_path):
    """By its entry point: nothing names it."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    x = 1\n    assert x == 2\n")
    done = run(tmp_path, fresh / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--codetracer=out", "test_it.py")
    assert done.returncode == 1 and "1 trace in out" in done.stdout, done
    done = run(tmp_path, fresh / "codetracer-trace", "print", "out/test_it.py/test_it")
    assert done.returncode == 0 and "test_it.py:3  assert x == 2" in done.stdout, done


def test_console_scripts(fresh, tmp_path):
    (tmp_path / "prog.py").write_text("import os\nos.system('echo child')\nraise SystemExit(3)\n")
    (tmp_path / "test_unit.py").write_text("import unittest\nclass T(unittest.TestCase):\n    def test_it(self): pass\n")
    for script, status in (("codetracer-record", 3), ("codetracer-python-recorder", 0)):
        version = run(tmp_path, fresh / script, "--version")
        assert version.returncode == 0 and codetracer_python_recorder.__version__ in version.stdout
        done = run(tmp_path, fresh / script, "-o", script, "--io-capture=proxies+fd", "prog.py")  # needs codetracer-forward
        assert done.returncode == status and done.stdout == "child\n" and "3 steps" in done.stderr, done
        shown = run(tmp_path, fresh / "codetracer-trace", "print", script)
        assert shown.returncode == 0 and "'child\\n'" in shown.stdout, shown
    done = run(tmp_path, fresh / "codetracer-record", "-o", "unit", "--unittest", "test_unit")  # needs its built-in filter
    told = run(tmp_path, fresh / "codetracer-trace", "info", "unit")
    assert "filter.source = builtin-unittest " in told.stdout, (done, told)
    (tmp_path / "read.py").write_text("from codetracer_python_recorder import read\nwith read('codetracer-record') as trace: print(len(trace.steps))\n")
    assert run(tmp_path, fresh / "python", "read.py").stdout == "3\n"


def test_types_are_part_of_it(fresh, tmp_path):
    """mypy finds them beside the package (py.typed), not in the sources."""
    (tmp_path / "user.py").write_text("from codetracer_python_recorder import dump\nreveal_type(dump())\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", fresh / "python", "--cache-dir", tmp_path / "cache", "user.py"]
    done = run(tmp_path, *command)
    assert done.returncode == 0 and 'Revealed type is "str | None"' in done.stdout.replace("builtins.", ""), done
