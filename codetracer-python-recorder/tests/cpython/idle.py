"""A tool of sys.monitoring that asks for what a recorder asks for, and does nothing: what it changes no recorder on sys.monitoring can leave as it was.

    idle.py PROGRAM ARGUMENTS…
"""

import runpy
import sys


def nothing(*_):
    pass


if __name__ == "__main__":
    monitoring = sys.monitoring
    events = monitoring.events
    monitoring.use_tool_id(4, "idle")
    wanted = 0
    for event in (events.LINE, events.PY_START, events.PY_RETURN, events.PY_YIELD, events.PY_RESUME, events.PY_THROW, events.PY_UNWIND, events.RAISE):
        monitoring.register_callback(4, event, nothing)
        wanted |= event
    monitoring.set_events(4, wanted)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
