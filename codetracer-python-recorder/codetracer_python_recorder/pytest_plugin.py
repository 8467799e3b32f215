"""The pytest plugin's face: its options. What records is in pytest_recording.py, loaded only when `--codetracer` is given.

pytest loads this module whenever it is installed, also for runs that record nothing: it imports nothing that is not loaded then.
"""

import pytest

DEFAULT_FOLDER = "trace-out"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("codetracer", "recording of tests (codetracer-python-recorder)")
    group.addoption(
        "--codetracer",
        nargs="?",
        const=DEFAULT_FOLDER,
        metavar="=DIR",
        help=f"record each test into a folder of its own below DIR (default: {DEFAULT_FOLDER}), named after the test",
    )
    group.addoption(
        "--codetracer-per",
        choices=("test", "session"),
        default="test",
        help="one trace for each test (default), or one for the whole session; with pytest-xdist one for each worker",
    )
    group.addoption("--codetracer-failed-only", action="store_true", help="keep the traces of tests that fail, no others")
    group.addoption("--codetracer-format", default="ct", metavar="FORMAT", help="as codetracer-record's --format (default: ct)")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """`--codetracer tests/` is meant as the option and a folder of tests: DIR comes only behind an equals sign, which argparse cannot express."""
    if "--codetracer" in args:
        import copy

        args[:] = [f"--codetracer={DEFAULT_FOLDER}" if argument == "--codetracer" else argument for argument in args]
        early_config.known_args_namespace = parser.parse_known_args(args, namespace=copy.copy(early_config.option))


def pytest_configure(config: pytest.Config) -> None:
    if config.option.codetracer is not None:
        from . import pytest_recording

        pytest_recording.configure(config)
