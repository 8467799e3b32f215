"""under_pysnooper.py FILE SCRIPT ARGUMENTS…: runs a script while PySnooper writes every line and every variable that changes into FILE, of files outside the standard library."""

import os
import runpy
import sys
import sysconfig

import pysnooper
import pysnooper.tracer

# It follows calls to a depth, into whatever file: the others' share is not what is measured.
library = sysconfig.get_path("stdlib") + os.sep
own = os.path.dirname(pysnooper.__file__) + os.sep
file, sys.argv = sys.argv[1], sys.argv[2:]


class Tracer(pysnooper.tracer.Tracer):
    def _is_internal_frame(self, frame):
        name = frame.f_code.co_filename
        return name.startswith("<") or (name.startswith(library) and os.sep + "site-packages" + os.sep not in name) or name.startswith(own)


with Tracer(file, depth=10_000):
    runpy.run_path(sys.argv[0], run_name="__main__")
