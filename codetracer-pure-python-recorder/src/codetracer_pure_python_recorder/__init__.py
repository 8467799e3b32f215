"""The deprecated pure-Python recorder of CodeTracer: `sys.settrace` in, `trace.json` out.

It is kept as an independent oracle for the tests of codetracer-python-recorder, which is the recorder to use.
"""

__version__ = "0.1.0"
