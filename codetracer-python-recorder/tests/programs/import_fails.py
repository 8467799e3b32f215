"""Imports that fail: no such module, and a module that raises."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
try:
    import does_not_exist
except ImportError as error:
    print(type(error).__name__, error.name)
try:
    import failing
except ValueError as error:
    print(error)
print("failing" in sys.modules)
