"""`python -m codetracer_python_recorder`."""

import sys

from codetracer_python_recorder.cli import main_module

if __name__ == "__main__":
    sys.exit(main_module())
