"""under_floor.py FILE SCRIPT ARGUMENTS…: runs a script with callbacks that do nothing. With a FILE other than "-", lines are counted into it."""

import runpy
import sys
import sysconfig

import floor_events

counts = sys.argv[1]
sys.argv = sys.argv[2:]
sys.monitoring.use_tool_id(3, "floor")
events = sys.monitoring.events
library = None if counts == "-" else sysconfig.get_path("stdlib")
floor_events.watch(3, [events.LINE, events.PY_START, events.PY_RETURN], library)
runpy.run_path(sys.argv[0], run_name="__main__")
if library:
    with open(counts, "w") as file:
        file.write("%d %d" % floor_events.counted())
