"""The pytest plugin's face: its options. What records is in pytest_recording.py, loaded only when one of them is given.

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
        metavar="DIR",
        help=f"record each test into a folder of its own below DIR, named after the test; DIR only as --codetracer=DIR (default: {DEFAULT_FOLDER})",
    )
    # Each of these asks for a recording, too: None where it was not given.
    group.addoption(
        "--codetracer-per",
        choices=("test", "session"),
        help="one trace for each test (default), or one for the whole session; with pytest-xdist one for each worker",
    )
    group.addoption("--codetracer-failed-only", action="store_true", default=None, help="keep the traces of tests that fail, no others")
    group.addoption("--codetracer-format", metavar="FORMAT", help="as codetracer-record's --format (default: ct)")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """`--codetracer tests/` is meant as the option and a folder of tests: DIR comes only behind an equals sign, which argparse cannot express."""
    if "--codetracer" in args:
        import copy

        args[:] = [f"--codetracer={DEFAULT_FOLDER}" if argument == "--codetracer" else argument for argument in args]
        early_config.known_args_namespace = parser.parse_known_args(args, namespace=copy.copy(early_config.option))


def pytest_configure(config: pytest.Config) -> None:
    given = config.option
    if any(value is not None for value in (given.codetracer, given.codetracer_per, given.codetracer_failed_only, given.codetracer_format)):
        from . import pytest_recording

        pytest_recording.configure(config)
