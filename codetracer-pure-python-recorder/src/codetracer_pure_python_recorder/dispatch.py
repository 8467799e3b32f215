"""The console script `codetracer-record`: runs the native recorder if it is installed, else the pure-Python one.

Both packages install this script under one name and carry this file with identical text (a test compares them), so it
does not matter which of them was installed last.
"""

import importlib.util
import sys


def main() -> int:
    if importlib.util.find_spec("codetracer_python_recorder") is not None:
        try:
            from codetracer_python_recorder.cli import main_record
        except ImportError as error:
            print("codetracer-record: the native recorder cannot be used (%s)" % error, file=sys.stderr)
        else:
            return main_record()
    if importlib.util.find_spec("codetracer_pure_python_recorder") is not None:
        from codetracer_pure_python_recorder.cli import main as main_pure

        status: int = main_pure()
        return status
    print("codetracer-record: no recorder is installed: pip install codetracer-python-recorder", file=sys.stderr)
    return 1
