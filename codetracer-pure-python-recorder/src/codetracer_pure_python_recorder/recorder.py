"""Turns the events of `sys.settrace` into the events of a trace.

Owns the call stacks of all threads, the rule which code is recorded, and the moments at which something is written.
All of it happens under one lock. The invariant: the trace is one stack of calls, and each event that belongs to a call
is written while that call is on its top.

Two events tell only afterwards what they were, so their writing waits for the next one (`_undecided`):
* a generator's resume is a throw if the next event is an exception raised at the very instruction of the resume;
* the exception that unwinds a frame is known for certain when the caller's frame is told of it.
"""

import gc
import os
import sys
import sysconfig
import threading
import traceback
import types

from codetracer_pure_python_recorder import __version__, frames, streams
from codetracer_pure_python_recorder.values import ValueEncoder, qualname
from codetracer_pure_python_recorder.writer import TraceWriter, utf8_path

NAME = "codetracer_pure_python_recorder"
MAIN_THREAD = 1
ROOM = 60  # Python frames that the recorder needs below the deepest frame of the program
NORMAL_EXITS = ("RETURN_", "YIELD_", "RESUME")  # 3.13 reports a yield at the RESUME that follows it


class Activation:
    """One frame of recorded code, from its first call to its end; it is the frame's local trace function.

    It must not refer to the frame, nor to an exception: either would keep the program's objects alive.
    """

    def __init__(self, recorder, frame, path):
        self.recorder = recorder
        self.path = path
        self.first_line = frame.f_code.co_firstlineno
        self.function_id = recorder.writer.function(path, self.first_line, frames.function_name(frame))
        self.variables = frames.Variables(frame)
        self.last_line = None  # of the newest Step
        self.raised_at = None  # f_lasti of an exception if that was this frame's newest event
        self.handled = None  # id of the exception that was being handled at the newest line
        self.candidate = None  # record of the exception that would unwind this frame, as far as is known

    def __call__(self, frame, event, arg):
        self.recorder.guarded(self.recorder.on_event, frame, event, arg, self)
        return self


class Thread:
    """A thread in which recorded code has run."""

    def __init__(self, number):
        self.number = number
        self.stack = []


def ends_thread(frame):
    """True for `Thread._delete`, which `threading` calls last in each thread, after its excepthook."""
    caller = frame.f_back
    return frame.f_code.co_name == "_delete" and caller is not None and caller.f_code.co_name == "_bootstrap_inner"


class Resume:
    """Undecided: the resume of a generator, or a throw into it."""

    def __init__(self, activation, lasti):
        self.activation = activation
        self.lasti = lasti


class Unwind:
    """Undecided: a frame was left by an exception, probably the one of `candidate`."""

    def __init__(self, code, candidate):
        self.code = code
        self.candidate = candidate


class CodeRule:
    """Which files are recorded: all but the standard library, this recorder, and names in angle brackets."""

    def __init__(self):
        paths = sysconfig.get_paths()
        library = [paths["stdlib"], paths["platstdlib"]]
        self._library = tuple({os.path.join(form(path), "") for path in library for form in (str, os.path.realpath)})
        here = os.path.dirname(os.path.abspath(__file__))
        self._recorder = (os.path.join(here, ""), os.path.join(os.path.dirname(here), "trace.py"))
        self._paths = {}

    def path(self, filename):
        """The absolute path of a recorded file, None for any other."""
        if filename not in self._paths:
            self._paths[filename] = self._decide(filename)
        return self._paths[filename]

    def _decide(self, filename):
        if filename.startswith("<") and filename.endswith(">"):
            return None
        path = os.path.abspath(filename)
        if path.startswith(self._recorder):
            return None
        for folder in self._library:
            if path.startswith(folder):
                first = path[len(folder):].split(os.sep)[0]
                return path if first in ("site-packages", "dist-packages") else None
        return path


class Recorder:
    def __init__(self, folder, program, args):
        self.writer = TraceWriter(folder)
        self._metadata = {
            "workdir": utf8_path(os.getcwd()),
            "program": utf8_path(program),
            "args": [utf8_path(arg) for arg in args],
            "recorder": {"name": NAME, "version": __version__},
        }
        self._values = ValueEncoder(self.writer)
        self._values.hidden_types = (id(streams.Write),)
        self._values.stand_ins = {id(streams.Input): streams.Input.original}
        self._rule = CodeRule()
        self._lock = threading.RLock()
        self._threads = {threading.get_ident(): Thread(MAIN_THREAD)}
        self._thread_count = MAIN_THREAD
        self._current = self._threads[threading.get_ident()]
        self._undecided = None
        self._output = None  # (kind, text) written since the newest event
        self._active = False

    def start(self):
        self.writer.start(self._metadata["program"])
        streams.watch(self.note_output)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._disarm)
        self._active = True
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        if hasattr(sys, "monitoring"):
            self._survive_recursion_errors()

    def finish(self, status):
        """Ends the trace; `status` is the exit status of the program."""
        self._disarm()
        with self._lock:
            self._decide()
            self._write_output()
            for _ in self._current.stack:
                self.writer.call_return(self._values.encode(None))
            self.writer.call_return(self._values.encode(status))
            self.writer.finish(self._metadata)

    def uncaught(self, exception):
        """The exception left the program's outermost frame, which no frame can be told of."""
        with self._lock:
            if isinstance(self._undecided, Unwind):
                self._undecided.candidate = self._values.encode(exception)

    def _disarm(self):
        self._active = False
        sys.settrace(None)
        threading.settrace(None)

    # Trace functions.

    def trace(self, frame, event, arg):
        """The global trace function: a frame begins, or a generator's frame goes on."""
        resumed = isinstance(frame.f_trace, Activation)
        path = self._rule.path(frame.f_code.co_filename)
        if resumed:
            return frame.f_trace(frame, "resume", arg)
        if path is not None:
            require_room(ROOM)
            return self.guarded(self.on_call, frame, path)
        return self.guarded(self.on_foreign_call, frame)

    def guarded(self, function, frame, *args):
        """Runs one of the handlers below: under the lock, without garbage collection, leaving the frame as it was."""
        if not self._active:
            return None
        collecting = gc.isenabled()
        gc.disable()
        try:
            with self._lock:
                return function(frame, *args)
        except Exception:  # a fault of the recorder: the program must not see it
            self._disarm()
            print("codetracer-record: recording stopped by an error of the recorder", file=sys.__stderr__)
            traceback.print_exc(file=sys.__stderr__)
            return None
        finally:
            frames.release(frame)
            if collecting:
                gc.enable()

    def on_call(self, frame, path):
        thread = self._enter()
        activation = Activation(self, frame, path)
        variables = dict(activation.variables.items(frame))
        names = [name for name in frames.parameter_names(frame.f_code) if name in variables]
        self._begin_call(activation, [(name, self._values.encode(variables[name])) for name in names])
        thread.stack.append(activation)
        return activation

    def on_event(self, frame, event, arg, activation):
        thread = self._enter(activation, frame, event, arg)
        if event == "resume":
            self._undecided = Resume(activation, frame.f_lasti)
            thread.stack.append(activation)
        else:
            while thread.stack[-1] is not activation:
                self.writer.call_return(self._values.encode(None))
                thread.stack.pop()
        if event == "line":
            self._on_line(frame, activation)
        elif event == "return":
            self._on_return(frame, arg, activation)
            thread.stack.pop()
        activation.raised_at = None
        if event == "exception":
            activation.raised_at = frame.f_lasti
            activation.candidate = self._values.encode(arg[1])

    def on_foreign_call(self, frame):
        """Code that is not recorded: it may be told of an exception first, and it may be what a thread does last."""
        self._decide()
        if ends_thread(frame) and self._thread() is not None:
            self._exit_thread()
        frame.f_trace_lines = False
        return self.foreign_event

    def foreign_event(self, frame, event, arg):
        self.guarded(self.on_foreign_event, frame, event, arg)
        return self.foreign_event

    def on_foreign_event(self, frame, event, arg):
        self._decide(None, frame, event, arg)

    # What the events mean.

    def _on_line(self, frame, activation):
        exception = sys.exc_info()[1]
        if exception is not None and id(exception) != activation.handled:
            activation.candidate = self._values.encode(exception)
        activation.handled = None if exception is None else id(exception)
        if frame.f_lineno == activation.last_line and frames.jumped_within_line(frame):
            return
        activation.last_line = frame.f_lineno
        self.writer.step(activation.path, frame.f_lineno)
        for name, value in activation.variables.items(frame):
            if name != "__builtins__" and not issubclass(type(value), types.ModuleType):
                self.writer.value(name, self._values.encode(value))

    def _on_return(self, frame, arg, activation):
        if arg is None and self._is_unwinding(frame, activation):
            self._undecided = Unwind(frame.f_code, activation.candidate)
        else:
            self.writer.call_return(self._values.encode(unwrap_async(arg)))

    def _is_unwinding(self, frame, activation):
        if activation.raised_at == frame.f_lasti:
            return True
        return not frames.opcode_name(frame).startswith(NORMAL_EXITS)

    def _begin_call(self, activation, arguments):
        self.writer.step(activation.path, activation.first_line)
        self.writer.call(activation.function_id, arguments)

    def _decide(self, activation=None, frame=None, event=None, arg=None):
        """Writes what waited for this event; output that waits is always younger than that."""
        undecided, self._undecided = self._undecided, None
        if isinstance(undecided, Resume):
            thrown = event == "exception" and undecided.activation is activation and undecided.lasti == frame.f_lasti
            self._begin_call(undecided.activation, [("exception", self._values.encode(arg[1]))] if thrown else [])
        elif isinstance(undecided, Unwind):
            record = undecided.candidate
            if event == "exception":
                _, exception, place = arg
                below = place and place.tb_next
                if below and below.tb_frame.f_code is undecided.code:
                    record = self._values.encode(exception)
            self.writer.call_return(record)

    # Output.

    def _write_output(self):
        if self._output is not None:
            kind, text = self._output
            self._output = None
            for line in lines_of(text):
                self.writer.output(kind, line)

    def note_output(self, kind, text):
        with self._lock:
            if not self._active or not isinstance(text, str):
                return
            self._decide()
            if self._thread() is not None:
                self._enter_thread(self._thread())
            if self._output is not None and self._output[0] != kind:
                self._write_output()
            self._output = (kind, (self._output[1] if self._output else "") + str.__str__(text))

    # Threads.

    def _thread(self):
        return self._threads.get(threading.get_ident())

    def _start_thread(self):
        self._thread_count += 1
        thread = self._threads[threading.get_ident()] = Thread(self._thread_count)
        self._decide()
        self._write_output()
        self.writer.thread("ThreadStart", thread.number)
        return thread

    def _exit_thread(self):
        self._decide()
        self._write_output()
        self.writer.thread("ThreadExit", self._threads.pop(threading.get_ident()).number)

    def _enter(self, *event):
        """Called first by each event of recorded code: finishes what came before, and makes its thread the current."""
        thread = self._thread() or self._start_thread()
        if thread is self._current:
            self._decide(*event)
        self._enter_thread(thread)
        self._write_output()
        return thread

    def _enter_thread(self, thread):
        if thread is self._current:
            return
        self._decide()
        self._write_output()
        for _ in self._current.stack:
            self.writer.call_return(self._values.encode(None))
        self._current = thread
        self.writer.thread("ThreadSwitch", thread.number)
        for activation in thread.stack:
            self._begin_call(activation, [])

    # Deep recursion.

    def _survive_recursion_errors(self):
        """Switches tracing on again after a RecursionError.

        `trace` raises one for a call that leaves the recorder no room; CPython then removes the trace function.
        """
        monitoring = sys.monitoring
        tool = next(tool for tool in range(6) if monitoring.get_tool(tool) is None)
        monitoring.use_tool_id(tool, NAME)

        def on_unwind(code, offset, exception):
            if self._active and isinstance(exception, RecursionError) and sys.gettrace() is None:
                sys.settrace(self.trace)

        monitoring.register_callback(tool, monitoring.events.PY_UNWIND, on_unwind)
        monitoring.set_events(tool, monitoring.events.PY_UNWIND)


def require_room(count):
    """Raises RecursionError unless `count` more Python frames can be entered."""
    if count:
        require_room(count - 1)


def lines_of(text):
    return [line for line in text.replace("\n", "\n\0").split("\0") if line]


def unwrap_async(value):
    """What an async generator yields reaches trace functions in a wrapper that only the garbage collector can open."""
    if qualname(type(value)) == "async_generator_wrapped_value":
        return gc.get_referents(value)[0]
    return value
