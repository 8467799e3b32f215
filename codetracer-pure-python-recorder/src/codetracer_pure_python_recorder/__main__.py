"""`python -m codetracer_pure_python_recorder prog.py args...`"""

import sys

from codetracer_pure_python_recorder.cli import main

sys.exit(main())
