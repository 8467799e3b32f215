"""Frameworks that tests record programs with (../../requirements-frameworks.txt): where they are, and what a program needs to find them."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from conftest import _is_installed, environment_for

CHECKOUT = Path(__file__).resolve().parents[4]
# `make test` installs them there; CODETRACER_FRAMEWORKS names another folder.
FOLDER = Path(os.environ.get("CODETRACER_FRAMEWORKS") or CHECKOUT / "build" / ("frameworks-%d.%d" % sys.version_info[:2]))


def need(*names):
    """Skips the test that asks for packages which are not there; with CI=true that is a failure."""
    for name in names:
        if not (FOLDER / name).exists() and not (FOLDER / f"{name}.py").exists() and importlib.util.find_spec(name) is None:
            assert not os.environ.get("CI"), f"{name} is not installed in {FOLDER}"
            pytest.skip(f"{name} is not installed; `make {FOLDER.relative_to(CHECKOUT)}/.installed` does")


def environment(**variables):
    env = environment_for(**variables)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), str(FOLDER)]))
    return {key: value for key, value in env.items() if not key.startswith(("PYTEST_", "COV_", "COVERAGE_"))}


def pytest_command(*arguments):
    """pytest with our plugin, which an installation registers by itself. pytest-rerunfailures is there only when it is asked for: with workers it opens a socket."""
    reruns = () if any(str(argument).startswith("--reruns") for argument in arguments) else ("-p", "no:rerunfailures")
    plugin = () if _is_installed() else ("-p", "codetracer_python_recorder.pytest_plugin")
    return [sys.executable, "-m", "pytest", *plugin, *reruns, "-p", "no:cacheprovider", *map(str, arguments)]
