"""What is read from a frame: its function's name, its arguments, its locals; and how reading is kept without effect.

The one invariant: after `release(frame)` the frame is as it would be without a trace function.
"""

import bisect
import dis
import inspect
import sys

PARAMETER_FLAGS = (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)


def function_name(frame):
    code = frame.f_code
    if code.co_name == "<module>":
        name = dict.get(frame.f_globals, "__name__")
        if issubclass(type(name), str):
            return "<%s>" % str.__str__(name)
    return getattr(code, "co_qualname", code.co_name)


def parameter_names(code):
    """All parameters in the order of `co_varnames`: positional, keyword-only, *args, **kwargs."""
    count = code.co_argcount + code.co_kwonlyargcount + sum(bool(code.co_flags & flag) for flag in PARAMETER_FLAGS)
    return code.co_varnames[:count]


def slot_names(code):
    """The names of the frame's slots in their order: locals, cells, free variables; each name once."""
    return tuple(dict.fromkeys(code.co_varnames + code.co_cellvars + code.co_freevars))


def opcode_name(frame):
    return dis.opname[frame.f_code.co_code[frame.f_lasti]]


_jumps = {}


def jumped_within_line(frame):
    """Whether a line event tells of a jump backwards to the same line: to sys.settrace that is one, but the line goes on.

    The frame stands at the jump (3.13) or at its target (before).
    """
    code = frame.f_code
    if code not in _jumps:
        starts = [(offset, line) for offset, line in dis.findlinestarts(code)]
        offsets = [offset for offset, _ in starts]

        def line(offset):
            return starts[bisect.bisect_right(offsets, offset) - 1][1]

        found = _jumps[code] = set()
        for instruction in dis.get_instructions(code):
            is_jump = instruction.opcode in dis.hasjabs or instruction.opcode in dis.hasjrel
            if is_jump and instruction.argval <= instruction.offset:
                if line(instruction.offset) == line(instruction.argval):
                    found.update((instruction.offset, instruction.argval))
    return frame.f_lasti in _jumps[code]


class Variables:
    """Reads the variables of one frame; made at the frame's call event, when its namespace can be had."""

    def __init__(self, frame):
        code = frame.f_code
        self._optimized = bool(code.co_flags & inspect.CO_OPTIMIZED)
        # Outside functions the only fast locals are those of inlined comprehensions (PEP 709).
        self._slots = slot_names(code) if self._optimized else code.co_varnames
        # While a comprehension runs, f_locals of a class or module is no longer its namespace: keep that one.
        self._namespace = None if self._optimized else frame.f_locals
        # A cell of class bodies that Python 3.12 copies into the namespace for a trace function.
        self._foreign_name = "__classdict__" if "__classdict__" in code.co_cellvars else None

    def items(self, frame):
        """The variables that are bound now: (name, value) in order, the name a plain str."""
        slots = frame.f_locals
        if self._optimized:
            return [(name, slots[name]) for name in self._slots if name in slots]
        items = {}
        if issubclass(type(self._namespace), dict):  # a namespace of another kind could only be read by its methods
            for name, value in list(dict.items(self._namespace)):
                if issubclass(type(name), str):
                    items[str.__str__(name)] = value
        if slots is not self._namespace:
            items.update((name, slots[name]) for name in self._slots if name in slots)
        if self._foreign_name in items:
            del items[self._foreign_name]
        return list(items.items())


def _no_release(frame):
    """From Python 3.13 on (PEP 667) reading a frame leaves no trace in it."""


class _Release312:
    """Undoes what a trace function's call does to a frame of Python 3.12 and 3.11.

    Before each call CPython copies the frame's variables into a dict, and afterwards copies the dict back. That keeps
    dead objects alive, overwrites what another thread stored into a cell meanwhile, and replaces the variables of a
    comprehension that is inlined into a class or module (they are not in the dict) by None or by a global of that
    name. So the dict is emptied unless the program holds it too, and the flag that asks for copying back is cleared.
    """

    FLAG_OFFSET = 2 * 8 + 3 * 8 + 4 + 2  # PyFrameObject.f_fast_as_locals, after f_lineno, f_trace_lines, f_trace_opcodes

    def __init__(self):
        import ctypes

        self._byte = ctypes.c_char.from_address

    def __call__(self, frame):
        code = frame.f_code
        variables = frame.f_locals
        if code.co_flags & inspect.CO_OPTIMIZED:
            if sys.getrefcount(variables) <= 3:  # the frame's, this function's, getrefcount's
                for name in slot_names(code):
                    variables.pop(name, None)
        elif "__classdict__" in code.co_cellvars:
            dict.pop(variables, "__classdict__", None)
        self._byte(id(frame) + self.FLAG_OFFSET).value = b"\0"


def _make_release():
    if sys.version_info[:2] in ((3, 11), (3, 12)) and sys.implementation.name == "cpython" and sys.maxsize > 1 << 32:
        return _Release312()
    return _no_release


release = _make_release()
