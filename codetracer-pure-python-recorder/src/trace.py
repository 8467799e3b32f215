"""Runs the pure-Python recorder from a checkout: `python src/trace.py prog.py args...`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from codetracer_pure_python_recorder.cli import main  # noqa: E402

del sys.path[0]

if __name__ == "__main__":
    sys.exit(main())
