"""Puts a stand-in for the extension into a process whose PYTHONPATH names this folder: for faults that the real one cannot be
made to have, such as a disk that fills up during the export. CODETRACER_FAKE says what goes wrong (fake_native.py)."""

import os
import sys

if "CODETRACER_FAKE" in os.environ:
    import fake_native

    sys.modules["codetracer_python_recorder._native"] = fake_native
