"""What a program sees of itself: arguments, path, __main__ and its names."""

import os
import sys

import __main__

folder = os.path.dirname(os.path.abspath(__file__))
print(__name__, __spec__, __package__, os.path.basename(__file__), len(sys.argv))
print(__main__.__dict__ is globals(), os.path.samefile(sys.path[0], folder), type(__builtins__).__name__)
print([name for name in globals() if name.startswith("__")])
print(type(__loader__).__name__, "trace" in sys.modules, __import__("trace").__file__ is not None)
