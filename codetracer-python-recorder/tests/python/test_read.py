"""codetracer_python_recorder.read: traces as Python objects.

What must be read comes from elsewhere: Python's own values, evaluated here; the pure-Python recorder (../differential/test_read_oracle.py); what `print --json` says of
changes; and reading in order against reading at random."""

import collections
import copy
import datetime
import decimal
import enum
import fractions
import gc
import os
import pathlib
import pickle
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import types
import uuid
from pathlib import Path

import pytest
import reading
from conftest import environment_for
from test_values import EXPRESSIONS, IN_PROGRAM, SETUP

from codetracer_python_recorder import Trace, TraceError, read
from codetracer_python_recorder.reader import Cut, Event, Literal, Object, Opaque, Step

pytestmark = pytest.mark.skipif(not reading.trace_tool(), reason="codetracer-trace is not installed")
sanitized = pytest.mark.skipif(bool(os.environ.get("CODETRACER_SANITIZE")), reason="a sanitizer's allocator keeps freed memory: counts mean nothing")
MANUAL = Path(__file__).parents[3] / "docs" / "python-api.md"


def record(folder, code, *arguments, **how):
    """The trace's folder."""
    return reading.record_journal(folder, code, *arguments, events=False, **how).trace


PROGRAM = """
import threading

class Account:
    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance
    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError(f"{self.owner} has only {self.balance}")
        self.balance -= amount

def numbers(n):
    for i in range(n):
        got = yield i
    return "end"

def deep(n, *rest, key=None, **more):
    here = [n]
    if n:
        below = deep(n - 1, *rest, n, key=here, at=n)
    return here

def work(account):
    total = 0
    for i in numbers(3):
        total += i
        try:
            account.withdraw(40)
        except ValueError as error:
            print("refused:", error)
            last = str(error)
    unfinished = numbers(5)
    next(unfinished)
    del total
    return last

account = Account("Ada", 100)
deep(3)
thread = threading.Thread(target=work, args=(account,), name="worker")
thread.start()
thread.join()
try:
    work(None)
except AttributeError:
    pass
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return record(tmp_path_factory.mktemp("read"), PROGRAM)


@pytest.fixture
def trace(folder):
    with read(folder) as trace:
        yield trace


# ---- values ----

SPACE = {"__name__": "__main__"}
exec(SETUP + IN_PROGRAM, SPACE)

SCALARS = (int, bool, type(None), str, bytes, type(...), type(NotImplemented), range, slice, bytearray)
SHOWN_BY_TEXT = (decimal.Decimal, fractions.Fraction, uuid.UUID, datetime.date, datetime.time, datetime.timedelta, datetime.timezone, pathlib.PurePath)
NAMED = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type)
BASES = (int, float, str, bytes, complex, list, tuple, dict, set, frozenset, collections.deque)


def name_of(kind):
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def bits(value):
    return struct.pack("<2d", value.real, value.imag)


def attributes_of(real):
    found = {"args": real.args} if isinstance(real, BaseException) else {}
    for base in reversed(type(real).__mro__):
        slots = base.__dict__.get("__slots__", ())
        found.update((name, getattr(real, name)) for name in sorted([slots] if isinstance(slots, str) else slots) if hasattr(real, name))
    return {**found, **getattr(real, "__dict__", {})}


def check(seen, real, open_pairs=(), cut_at=None):
    """That `seen` is what a snapshot says of the real value, as deep as it goes; `cut_at`: at this many levels it must be cut."""
    if (id(seen), id(real)) in open_pairs:
        return
    if cut_at == 0:
        assert type(seen) is Cut and seen.value is None and seen.type == name_of(type(real))
        assert seen.length == (len(real) if isinstance(real, list) else None)
        return
    inner = ((*open_pairs, (id(seen), id(real))), None if cut_at is None else cut_at - 1)
    kind = type(real)
    if kind in SCALARS:
        assert type(seen) is kind and seen == real
    elif kind in (float, complex):
        assert type(seen) is kind and bits(seen) == bits(real)
    elif kind in (list, tuple):
        assert type(seen) is kind and len(seen) == len(real)
        for a, b in zip(seen, real):
            check(a, b, *inner)
    elif kind is dict:
        assert type(seen) is kind and list(seen) == list(real)
        for key in real:
            check(seen[key], real[key], *inner)
    elif kind in (set, frozenset):
        assert type(seen) is kind and seen == real
    elif kind is memoryview:
        assert type(seen) is Object and (seen.type, seen.value) == ("memoryview", bytes(real))
    elif isinstance(real, bytearray):
        assert type(seen) is Object and (seen.type, seen.value) == (name_of(kind), bytes(real))
    elif isinstance(real, enum.Enum):
        assert type(seen) is Object and seen.type == name_of(kind) and seen.value is None
        check(seen.fields, {"name": real.name, "value": real.value}, *inner)
    elif isinstance(real, SHOWN_BY_TEXT):
        assert type(seen) is Literal and seen.type == name_of(kind) and str(seen) == seen.text
        if kind.__module__ != "__main__":
            assert seen.text == repr(real)
    elif isinstance(real, NAMED):
        assert type(seen) is Literal and re.fullmatch(r"<(function|built-in function|bound method|class|module) .*>", seen.text)
    elif isinstance(real, BASES):
        base = next(base for base in BASES if isinstance(real, base))
        plain = list(real) if base is collections.deque else set(real) if base is frozenset else base(real)
        assert type(seen) is Object and seen.type == name_of(kind)
        check(seen.value, plain, *inner)
        check(seen.fields, getattr(real, "__dict__", {}) if isinstance(real, (list, dict)) else {}, *inner)
    elif isinstance(real, BaseException) or kind.__module__ in ("__main__", "types") and hasattr(real, "__dict__") or "__slots__" in kind.__dict__:
        assert type(seen) is Object and (seen.type, seen.value) == (name_of(kind), None) and seen.id is not None and seen.address
        check(seen.fields, attributes_of(real), *inner)
    else:
        assert type(seen) is Opaque and seen.type == name_of(kind) and seen.address


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """By expression the value that was read."""
    code = SETUP + IN_PROGRAM + "".join(f"show({expression})\n" for expression in EXPRESSIONS)
    with read(record(tmp_path_factory.mktemp("values"), code)) as trace:
        found = [call.arguments.get("v", "absent") for call in trace.calls if call.function == "show"]
    assert len(found) == len(EXPRESSIONS)
    return dict(zip(EXPRESSIONS, found))


CUT_ROWS = {
    "[[[[[[[1]]]]]]]": 6,
    "made(Plain, a=made(Plain, b=made(Plain, c=made(Plain, d=1))))": None,
}


@pytest.mark.parametrize("expression", [expression for expression in EXPRESSIONS if expression != "[[[[[[[]]]]]]]"])
def test_value(shown, expression):
    seen = shown[expression]
    if expression.startswith("made(Plain, a=made(Plain, b=made(Plain, c=made("):
        cut = seen["a"]["b"]["c"]
        assert type(cut) is Cut and (cut.type, cut.value, cut.length) == ("__main__.Plain", None, None) and cut.address
        return
    real = eval(expression, SPACE)
    if expression.startswith("{}.keys") or isinstance(real, (types.MappingProxyType, property)):
        assert type(seen) is Opaque
    elif expression == "cell()" or isinstance(real, (types.GeneratorType, re.Pattern)) or type(real).__name__ in ("array", "list_iterator", "object"):
        assert type(seen) is Opaque and seen.type == name_of(type(real)) and repr(seen) == f"<{seen.type} at {seen.address:#x}>"
    elif expression.startswith("{") and isinstance(real, set) or isinstance(real, enum.Flag):
        check(seen, real)
    else:
        check(seen, real, cut_at=CUT_ROWS.get(expression))


def test_identity_within_a_snapshot(shown):
    one = shown["cycle_list()"]
    assert one[1] is one
    one = shown["cycle_dict()"]
    assert one["d"] is one
    one = shown["cycle_object()"]
    assert one["o"][0] is one
    one = shown["cycle_tuple()"]
    assert one[0][0] is one
    one = shown["[SHARED, SHARED]"]
    assert one[0] is one[1]
    one = shown["{'a': SHARED, 'b': (SHARED,)}"]
    assert one["a"] is one["b"][0]
    assert one["a"] is not shown["[SHARED, SHARED]"][0] and one["a"] == shown["[SHARED, SHARED]"][0]


def test_values_in_keys_and_chains(tmp_path):
    """Instances as keys, keys that do not hash here, a chain far longer than Python's stack, in lists and in tuples."""
    code = """
class Key: pass
class Odd(list):
    def __hash__(self): return 1
class Node: pass
def show(a, b, c, d, e, f, g): pass
k = Key(); k.me = k
exec('''
chain, tuples, nodes, tupled = None, (), [], []
for n in range(5000):
    chain = Node(); chain.next = nodes[-1] if nodes else None; nodes.append(chain)
    tuples = (n, tuples) if n % 2 else (tuples, n); tupled.append(tuples)
''')  # not recorded: at each line all of it would be looked at
show({k: 1, (k, 2): [k]}, {Odd([1]): 2, 3: 4}, {k, Key()}, nodes, tupled, {Odd([]), float('nan')}, {float('nan'): 1, float('nan'): 2})
"""
    with read(record(tmp_path, code)) as trace:
        (call,) = [call for call in trace.calls if call.function == "show"]
        a, b, c, d, e, f, g = call.arguments.values()
        key = next(iter(a))
        assert type(key) is Object and key["me"] is key and a[key] == 1 and a[key, 2] == [key] and key in c and len(c) == 2
        assert [(type(k), v) for k, v in b.items()] == [(Object, 2), (int, 4)] and next(iter(b)).value == [1]
        assert len(d) == 5000 and all(node["next"] is below for node, below in zip(d[1:], d)) and d[0].fields == {"next": None}
        assert len(e) == 5000 and all(one[1] is below or one[0] is below for one, below in zip(e[1:], e)) and e[1] == (1, ((), 0))
        assert len(f) == 2 and [one.value for one in f if type(one) is Object] == [[]]
        assert list(g.values()) == [1, 2] and all(one != one for one in g)


def test_values_cannot_be_changed_or_made(shown):
    one = shown["Plain()"]
    for value in (one, shown["D('1.5')"], shown["object()"]):
        with pytest.raises(AttributeError):
            value.type = "x"
        with pytest.raises(TypeError):
            type(value)()
        with pytest.raises(AttributeError):
            value.other = 1
        assert hash(value) == hash(value) and value == value and value != 1
    with pytest.raises(KeyError):
        one["missing"]
    assert shown["MyList([1, 2])"][1] == 2 and shown["collections.Counter('aab')"]["a"] == 2


def test_reprs(shown):
    assert repr(shown["made(Plain, x=1, y='z')"]) == "__main__.Plain(x=1, y='z')"
    assert repr(shown["made(MyList, [1], extra=2)"]) == "__main__.MyList([1], extra=2)"
    assert repr(shown["cycle_object()"]) == "__main__.Plain(o=[__main__.Plain(...)])"
    assert repr(shown["D('1.5')"]) == "Decimal('1.5')"
    assert repr(shown["[[[[[[[1]]]]]]]"]) == "[[[[[[Cut('list', value=None, length=1)]]]]]]"


def test_every_bit_of_a_float(tmp_path):
    patterns = [0x7FF8000000000001, 0xFFF8000000000000, 0x7FF8DEADBEEFCAFE, 0x8000000000000000, 1, 0x800FFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF]
    code = f"import struct\ndef f(v): pass\nfor n in {patterns}: f(struct.unpack('<d', n.to_bytes(8, 'little'))[0])\n"
    with read(record(tmp_path, code)) as trace:
        seen = [call.arguments["v"] for call in trace.calls if call.function == "f"]
    assert [int.from_bytes(struct.pack("<d", value), "little") for value in seen] == patterns


def test_cuts(tmp_path):
    code = """
class L(list): pass
def f(v): pass
l = L(range(12)); l.own = 1
for v in ("é" * 20, b"y" * 40, list(range(12)), {n: n for n in range(15)}, tuple(range(12)), l, bytearray(b"z" * 40), 7 ** 400): f(v)
"""
    with read(record(tmp_path, code, options=("--max-items", 10, "--max-string", 16))) as trace:
        seen = [call.arguments["v"] for call in trace.calls if call.function == "f"]
    assert all(type(value) is Cut for value in seen)
    assert [(value.type, value.value, value.length) for value in seen] == [
        ("str", "é" * 8, 20), ("bytes", b"y" * 16, 40), ("list", list(range(10)), 12), ("dict", {n: n for n in range(10)}, 15), ("tuple", tuple(range(10)), 12),
        ("__main__.L", list(range(10)), 12), ("bytearray", b"z" * 16, 40), ("int", None, len((7**400).to_bytes(200, "little").rstrip(b"\0"))),
    ]  # fmt: skip
    assert seen[5].fields == {"own": 1}


def test_equality_follows_the_program(tmp_path):
    """Equal: the same object in the same state. Circles end."""
    code = """
class Node: pass
def see(): pass
a, b = Node(), Node()
a.other, b.other, a.n, b.n = b, a, 1, 1
see()
see()
b.n = 2
see()
"""
    with read(record(tmp_path, code)) as trace:
        moments = [call.parent and trace.steps[call.first_step - 1].locals for call in trace.calls if call.function == "see"]
    first, second, third = moments
    assert first["a"] == second["a"] and first["a"] is not second["a"] and hash(first["a"]) == hash(second["a"]) and first["a"] != first["b"]
    assert first["a"] != third["a"] and first["a"].id == third["a"].id and third["a"]["other"]["n"] == 2


# ---- steps ----


def facts(step):
    return step.number, step.event, step.path, step.line, step.function, step.module, step.thread, step.depth, step.call


def test_random_is_as_in_order(trace):
    in_order = [(facts(step), step.locals, step.changed, [(f.function, f.line, f.locals) for f in step.stack]) for step in trace.steps]
    assert len(in_order) == len(trace.steps)
    numbers = list(range(len(in_order))) * 2
    random.Random(1).shuffle(numbers)
    for number in numbers:
        step = trace.steps[number]
        assert (facts(step), step.locals, step.changed, [(f.function, f.line, f.locals) for f in step.stack]) == in_order[number]
        assert trace.steps[number - len(in_order)] == step and hash(trace.steps[number]) == hash(step)


def test_kept_steps_can_be_asked_later(trace):
    steps = list(trace.steps)
    for step in random.Random(2).sample(steps, len(steps)):
        again = trace.steps[step.number]
        assert (step.changed, step.locals, step.globals) == (again.changed, again.locals, again.globals)


def test_sequences(trace):
    steps = trace.steps
    count = len(steps)
    assert [step.number for step in steps] == list(range(count)) == [step.number for step in reversed(steps)][::-1]
    numbers = range(count)
    for part in (slice(3, 9), slice(None, None, 7), slice(-5, None), slice(None, None, -1), slice(20, 3, -4), slice(5, 5), slice(-1, -999, -13), slice(2, 10**9, 3)):
        assert [step.number for step in steps[part]] == list(numbers[part]) and len(steps[part]) == len(numbers[part])
        assert [step.locals for step in steps[part]] == [steps[n].locals for n in numbers[part]]
        assert [step.changed for step in steps[part]] == [steps[n].changed for n in numbers[part]]
        assert [event.number for event in trace.events[part]] == list(range(len(trace.events))[part])
        assert [call.number for call in trace.calls[part]] == list(range(len(trace.calls))[part])
        assert [call.arguments for call in trace.calls[part]] == [trace.calls[n].arguments for n in range(len(trace.calls))[part]]
    assert steps[10:20][2:4][-1].number == 13 and steps[-1].number == count - 1 and not steps[7:7]
    assert steps[4] in steps[2:6] and steps[4] not in steps[5:]
    assert steps == trace.steps and steps[2:9][1:3] == steps[3:5] and hash(steps[2:9][1:3]) == hash(steps[3:5]) and steps[:3] != steps[:4]
    assert steps[3:5] != trace.events[3:5] and steps[3:5] != [steps[3], steps[4]]
    for wrong in (count, -count - 1, 2**70):
        with pytest.raises(IndexError):
            steps[wrong]
    with pytest.raises(TypeError):
        steps["1"]
    assert isinstance(steps, collections.abc.Sequence) and steps[:0] is not None and "steps" in repr(steps)


def test_changes_are_those_that_print_tells(folder, trace):
    """print shows arguments and what is yielded in lines of their own and leaves them out of the step behind: those steps are looked at by hand."""
    before, compared = {}, 0
    for event in reading.print_json(folder):
        if event["event"] == "step":
            step = trace.steps[event["step"]]
            assert (step.line, step.function, step.thread, step.depth) == (event["line"], event["function"], event["thread"], event["depth"])
            if before.get(event["activation"]) == "step":
                assert step.changed == tuple(event["changed"])
                compared += 1
            elif before.get(event["activation"]) == "call":
                assert step.changed == tuple(step.locals)
        if "activation" in event and event["event"] in ("step", "call", "yield"):
            before[event["activation"]] = event["event"]
    assert compared > 40
    assert any(set(step.changed) - set(step.locals) for step in trace.steps), "no variable lost its value: the test looks at less than it should"


def test_stack(trace):
    step = next(step for step in trace.steps if step.function == "deep" and step.locals["n"] == 0)
    assert [frame.function for frame in step.stack] == ["<module>", "deep", "deep", "deep", "deep"]
    assert [frame.locals.get("n") for frame in step.stack[1:]] == [3, 2, 1, 0] and step.stack[-1].locals is step.locals
    assert step.stack[-2].locals["here"] is step.locals["key"], "an object of two frames is one"
    assert step.depth == 4 and step.call.depth == 4 and step.call.parent.parent.parent.arguments["n"] == 3
    assert step.locals["rest"] == (3, 2, 1) and step.locals["more"] == {"at": 1}
    assert step.stack == trace.steps[step.number].stack and len({*step.stack, *trace.steps[step.number].stack}) == 5


def test_globals(tmp_path):
    code = "limit = [1]\nother = 2\ndef f():\n    x = len(limit)\n    return x\nf()\n"
    with read(record(tmp_path, code, options=("--globals", "referenced"))) as trace:
        step = next(step for step in trace.steps if step.function == "f")
        assert step.globals == {"limit": [1]} and step.stack[-1].globals == {"limit": [1]} and "limit" in step.changed


# ---- calls, events, threads ----


def test_calls(trace):
    calls = {call.number: call for call in trace.calls}
    assert list(calls) == list(range(len(trace.calls)))
    deep = [call for call in calls.values() if call.function == "deep"]
    assert [call.arguments for call in deep][:2] == [{"n": 3, "key": None, "rest": (), "more": {}}, {"n": 2, "key": [3], "rest": (3,), "more": {"at": 3}}]
    assert [call.return_value for call in deep] == [[3], [2], [1], [0]] and {call.outcome for call in deep} == {"returned"}
    for call in calls.values():
        assert all(child.parent == call and child.depth == call.depth + 1 for child in call.children)
        own = [step.number for step in trace.steps if step.call == call]
        assert (call.first_step, call.last_step) == ((own[0], own[-1]) if own else (None, None))
    refused = [call for call in calls.values() if call.function == "Account.withdraw" and call.outcome == "raised"]
    assert len(refused) == 1 and refused[0].exception.type == "ValueError" and refused[0].exception["args"] == ("Ada has only 20",)
    assert refused[0].return_value is None and refused[0].end.kind == "unwind" and refused[0].start.kind == "call"
    outermost = trace.calls[0]
    assert (outermost.function, outermost.parent, outermost.depth, outermost.module, outermost.attached) == ("<module>", None, 0, "__main__", False)
    assert sum(len(call.children) for call in calls.values()) + sum(call.parent is None for call in calls.values()) == len(calls)


def test_a_generator_is_one_call(trace):
    generators = [call for call in trace.calls if call.function == "numbers"]
    by_thread = collections.Counter(call.thread for call in generators)
    assert sorted(by_thread.values()) == [1, 2]
    whole, unfinished = [call for call in generators if by_thread[call.thread] == 2]
    assert (whole.outcome, whole.return_value, whole.arguments) == ("returned", "end", {"n": 3}) and whole.parent.function == "work"
    assert unfinished.outcome in ("collected", "raised") and unfinished.arguments == {"n": 5}
    events = [event for event in trace.events if event.call == whole]
    assert [event.value for event in events if event.kind == "yield"] == [0, 1, 2] and [event.kind for event in events].count("resume") == 3


def test_events(trace):
    kinds = collections.Counter(event.kind for event in trace.events)
    assert kinds["step"] == len(trace.steps) and kinds["call"] == len(trace.calls) and kinds["output"] == len(trace.outputs) and kinds["thread-start"] == 2
    told = [(e.number, e.kind, e.step, e.thread, e.line, e.function, e.text, e.stream, e.value, e.locals) for e in trace.events]
    for number in random.Random(3).sample(range(len(told)), len(told)):
        e = trace.events[number]
        assert (e.number, e.kind, e.step, e.thread, e.line, e.function, e.text, e.stream, e.value, e.locals) == told[number]
    for event in trace.events:
        if event.kind == "step":
            assert trace.steps[event.step].event == event.number and trace.steps[event.step].locals == event.locals
        if event.kind == "return" and event.function == "deep":
            assert event.locals["here"] is event.value, "what was returned is the object that the variable holds"


def test_outputs(trace):
    assert "".join(output.text for output in trace.outputs) == "refused: Ada has only 20\n"
    assert {(output.stream, output.kind, output.function) for output in trace.outputs} == {("stdout", "output", "work")}
    first = trace.outputs[0]
    assert isinstance(first, Event) and trace.steps[first.step - 1].line == first.line and trace.events[first.number] == first
    assert "error" in first.locals and trace.outputs[-1].text == "\n"


def test_threads(trace):
    main, worker = trace.threads
    assert (main.number, worker.number, worker.name) == (1, 2, "worker") and main.name == "MainThread"
    assert trace.events[worker.start].kind == "thread-start" and trace.events[worker.start].text == "worker" and trace.events[worker.exit].kind == "thread-exit"
    steps = [step for step in trace.steps if step.thread == worker.number]
    assert {step.function for step in steps} == {"work", "numbers", "Account.withdraw"} and steps[0].depth == 0
    assert {step.thread for step in trace.steps if step.function == "deep"} == {main.number}


def test_many_threads_keep_their_steps_apart(tmp_path):
    code = """
import threading
def body(k):
    for i in range(300):
        mine = (k, i)
threads = [threading.Thread(target=body, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""
    with read(record(tmp_path, code)) as trace:
        steps = [step for step in trace.steps if step.function == "body"]
        for number in {step.thread for step in steps}:
            own = [step for step in steps if step.thread == number]
            seen = [step.locals["mine"] for step in own if "mine" in step.changed]
            assert seen == [(own[0].locals["k"], i) for i in range(300)]
        sample = random.Random(4).sample(steps, 100)
        assert [step.changed for step in sample] == [trace.steps[step.number].changed for step in sample]


# ---- the trace ----


def test_what_there_is(folder, trace):
    assert trace.metadata["script"] == str(folder.parent / "prog.py") and trace.metadata["exit.status"] == "0" and trace.metadata["arg"] == []
    assert (trace.metadata["format"], trace.metadata["complete"], trace.metadata["steps"]) == ("journal", True, len(trace.steps))
    assert abs(trace.metadata["start_time"] / 1e9 - time.time()) < 3600 and len(trace.metadata["id"]) == 32
    assert trace.paths == [str(folder.parent / "prog.py")] and trace.source(trace.paths[0]) == PROGRAM and trace.complete and trace.damage is None
    with pytest.raises(KeyError):
        trace.source("/other")
    functions = {function.name: function for function in trace.functions}
    assert functions["deep"].parameters == ("n", "key", "rest", "more") and functions["deep"].variables == ("n", "key", "rest", "more", "here", "below")
    assert (functions["numbers"].kind, functions["Account"].kind, functions["<module>"].kind, functions["deep"].kind) == ("generator", "class", "module", "function")
    assert functions["deep"].line == PROGRAM.split("\n").index("def deep(n, *rest, key=None, **more):") + 1 and functions["deep"].path == trace.paths[0]
    assert repr(trace).startswith("<Trace ") and f"{len(trace.steps):,} steps" in repr(trace) and isinstance(trace, Trace)
    assert repr(trace.steps[5]).startswith("<Step 5: ") and isinstance(trace.steps[5], Step)


def test_source_in_its_encoding(tmp_path):
    (tmp_path / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"))
    with read(record(tmp_path, None, "latin.py")) as trace:
        assert trace.source(trace.paths[0]) == "# -*- coding: latin-1 -*-\nname = 'é'\n" and trace.steps[-1].line == 2


@pytest.mark.parametrize("given", [str, os.fsencode, lambda path: path, lambda path: next(path.glob("*.ctj"))])
def test_paths_as_python_has_them(folder, given):
    with read(given(folder)) as trace:
        assert len(trace.steps) > 50


@pytest.mark.parametrize("kind", ["ct", "json", "binary"])
def test_other_formats(folder, tmp_path, kind, trace):
    done = subprocess.run([reading.trace_tool(), "convert", folder, tmp_path / "out", "--to", kind], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with read(tmp_path / "out") as other:
        assert other.metadata["format"] == kind
        wanted = [(step.line, step.locals["n"]) for step in trace.steps if step.function == "deep"]
        assert [(step.line, step.locals["n"]) for step in other.steps if "deep" in step.function and "n" in step.locals] == wanted


def told(trace):
    """All that a trace of any format tells of steps, calls and output, to be compared."""
    steps = [(step.path, step.line, step.function, step.depth, repr(step.locals)) for step in trace.steps]
    calls = [(call.function, call.line, call.outcome, call.depth, call.first_step, call.last_step, repr(call.arguments), repr(call.return_value)) for call in trace.calls]
    return steps, calls, [(output.stream, output.text, output.step) for output in trace.outputs]


def test_formats_agree(folder, tmp_path, trace):
    """The container with everything tells what the journal tells; the formats of one stack tell the same as each other, whose steps are the journal's."""
    seen = {}
    for kind in ("ct", "ct-single", "json", "binary", "binary-v0"):
        done = subprocess.run([reading.trace_tool(), "convert", folder, tmp_path / kind, "--to", kind], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with read(tmp_path / kind) as other:
            seen[kind] = told(other)
            walked = [(step.number, step.changed, step.locals) for step in other.steps]
            assert walked[::-1] == [(step.number, step.changed, step.locals) for step in reversed(other.steps)]
    assert seen.pop("ct") == told(trace)
    first = seen.pop("ct-single")
    for kind, (steps, calls, outputs) in seen.items():
        assert steps == first[0] and calls == first[1] and outputs == first[2], kind
    assert [(step.path, step.line, step.function) for step in trace.steps] == [step[:3] for step in first[0]]
    assert "".join(output.text for output in trace.outputs) == "".join(text for _, text, _ in first[2])


def test_without_the_recorder(folder):
    """Reading loads nothing that records."""
    code = f"""
import sys, codetracer_python_recorder as c
with c.read({str(folder)!r}) as trace: assert trace.steps[3].locals
assert not [name for name in sys.modules if name.startswith('codetracer') and name.rpartition('.')[2] not in ('codetracer_python_recorder', 'reader', '_reader')]
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment_for(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_in_a_recorded_program(tmp_path, folder):
    code = f"from codetracer_python_recorder import read\nwith read({str(folder)!r}) as t:\n    n = len(t.steps)\n    d = t.steps[30].locals\n"
    with read(record(tmp_path, code)) as trace:
        assert trace.steps[-1].locals["n"] > 50 and trace.paths == [str(tmp_path / "prog.py")]


# ---- what goes wrong ----


def test_use_after_close(folder):
    trace = read(folder)
    step, other, steps, walk = trace.steps[30], trace.steps[31], trace.steps, iter(trace.steps)
    locals_before, first = step.locals, next(walk)
    calls = trace.calls
    trace.close()
    trace.close()
    assert trace.closed and "closed" in repr(trace) and step.locals is locals_before and other.line and first.line
    for use in (
        lambda: steps[0], lambda: next(walk), lambda: list(trace.steps), lambda: other.locals, lambda: first.locals, lambda: other.changed, lambda: other.stack,
        lambda: trace.events[3], lambda: calls[3].arguments, lambda: trace.__enter__(), lambda: trace.metadata, lambda: trace.source(trace.paths[0]), lambda: read(folder).__exit__() or trace.steps[1],
    ):  # fmt: skip
        with pytest.raises(ValueError, match="closed"):
            use()


def test_nothing_there(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.ctj").write_text("no trace at all")
    for path, said in ((tmp_path / "missing", "there is no such file"), (tmp_path / "empty", "holds no trace"), (tmp_path / "text.ctj", "this is no trace")):
        with pytest.raises(TraceError, match=said) as caught:
            read(path)
        assert str(path) in str(caught.value)
    assert caught.value.position == 0 and issubclass(TraceError, ValueError)
    for wrong in (1, None, "a\0b"):
        with pytest.raises((TypeError, ValueError)):
            read(wrong)


def all_of(trace):
    """Everything, as far as it goes; and what stopped it."""
    seen, error = [], None
    try:
        for step in trace.steps:
            seen.append((step.line, step.function, step.locals))
    except TraceError as caught:
        error = caught
    return seen, error


def test_cut_and_damaged(folder, tmp_path):
    """At random places: what is read is what was there, or a TraceError with the place."""
    with read(folder) as trace:
        whole, error = all_of(trace)
    assert error is None
    bytes_of = next(folder.glob("*.ctj")).read_bytes()
    path = tmp_path / "damaged.ctj"
    chosen, cut, refused = random.Random(5), 0, 0
    for turn in range(200):
        damaged = bytearray(bytes_of)
        if turn % 4 == 0:
            del damaged[chosen.randrange(len(damaged)):]
        else:
            damaged[chosen.randrange(len(damaged))] ^= 1 << chosen.randrange(8)
        path.write_bytes(damaged)
        try:
            with read(path) as trace:
                seen, error = all_of(trace)
                try:
                    assert len(trace.calls) >= 0 and trace.source(trace.paths[0]) is not None
                    list(trace.calls)
                    list(trace.events)
                except (TraceError, IndexError):
                    pass
        except TraceError as caught:
            refused += 1
            assert caught.position is not None and 0 <= caught.position <= len(bytes_of)
            continue
        assert [entry[:2] for entry in seen] == [entry[:2] for entry in whole[:len(seen)]]
        if len(seen) < len(whole):
            cut += 1
            assert error is not None or not trace.complete
    assert cut > 20 and refused > 1


def test_a_damaged_trace_in_another_format(folder, tmp_path):
    """What stands before the damaged place is there; a walk to the end says that something is missing."""
    done = subprocess.run([reading.trace_tool(), "convert", folder, tmp_path / "out", "--to", "json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "out" / "trace.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) * 2 // 3])
    with read(path.parent) as trace:
        seen, error = all_of(trace)
        assert seen and isinstance(trace.damage, TraceError) and str(error) == str(trace.damage) and trace.damage.position <= len(whole) * 2 // 3
        assert trace.steps[len(seen) - 1].line == seen[-1][0]
        for walk in (trace.events, trace.calls, reversed(trace.steps)):
            with pytest.raises(TraceError):
                list(walk)


def test_a_killed_recording(tmp_path):
    code = "import os\ndef f(n):\n    square = n * n\n    return square\nfor n in range(50): f(n)\nos.kill(os.getpid(), 9)\n"
    answer = reading.record_journal(tmp_path, code, check=False, events=False)
    assert answer.status == -signal.SIGKILL
    with read(answer.trace) as trace:
        assert not trace.complete and trace.metadata["complete"] is False and "not complete" in repr(trace)
        assert [call.return_value for call in trace.calls if call.function == "f"] == [n * n for n in range(50)]
        assert trace.steps[-1].line == 6 and trace.calls[0].outcome is None and trace.calls[0].end is None and trace.calls[0].return_value is None


def test_a_running_recording(tmp_path):
    """As far as it is when it is opened."""
    (tmp_path / "prog.py").write_text("def f(n):\n    return n\nfor n in range(100): f(n)\nprint('there', flush=True)\ninput()\n")
    command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "--format", "journal", "-o", "trace", "prog.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment_for(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "there\n"
        with read(tmp_path / "trace") as trace:
            assert [call.arguments["n"] for call in trace.calls if call.function == "f"] == list(range(100)) and not trace.complete
    finally:
        process.communicate("\n", timeout=60)


def hostile_values():
    """tests/c/hostile_values of whatever build there is: each writes the same."""
    kinds = ("dev", "pip", "sanitize")
    version = "%d.%d" % sys.version_info[:2]
    built = [path for kind in kinds if (path := reading.CHECKOUT / "build" / f"{kind}-{version}" / "tests" / "c" / "hostile_values").exists()]
    assert built or not os.environ.get("CI"), "tests/c/hostile_values is missing: with CI=true these tests must run"
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def look_at(value, seen):
    """Everything that can be reached, with what Python does to values."""
    if id(value) in seen:
        return
    seen.add(id(value))
    inner = value.items() if isinstance(value, dict) else value if isinstance(value, (list, tuple, set, frozenset)) else ()
    if isinstance(value, (Object, Cut, Opaque, Literal)):
        assert isinstance(value.type, str) and isinstance(repr(value), str) and isinstance(hash(value), int)
        inner = (getattr(value, "value", None), getattr(value, "fields", None))
    for one in inner:
        look_at(one, seen)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_hostile_values(first, tmp_path):
    """Objects that no program has are read as something, or refused; the answer does not depend on the way there."""
    program, walked = hostile_values(), 0
    if not program:
        pytest.skip("tests/c/hostile_values is not built")
    for seed in range(first, first + 50):
        path = tmp_path / f"{seed}.ctj"
        subprocess.run([program, str(seed), path], check=True, env={key: value for key, value in os.environ.items() if key != "LD_PRELOAD"})
        try:
            with read(path) as trace:
                steps = list(trace.steps)
                for step in steps:
                    look_at(step.locals, seen := set())
                    assert step.changed == trace.steps[step.number].changed and step.stack[-1].locals is step.locals
                    walked += len(seen)
                for before, after in zip(steps, steps[1:]):
                    try:
                        before.locals == after.locals
                    except RecursionError:  # a list within itself, as in Python
                        pass
                for event in trace.events:
                    look_at((event.value, event.locals), set())
        except TraceError as refused:
            assert refused.position
    assert walked > 1000


# ---- many, much, at once ----

LOOP = "def f(count):\n    total = 0\n    for i in range(count):\n        total += i\n        pair = [i, total]\n    return total\nf({})\n"


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    folder = record(tmp_path_factory.mktemp("long"), LOOP.format(350_000), timeout=120)
    with read(folder) as trace:
        assert len(trace.steps) > 1_000_000
        yield trace


@sanitized
def test_memory_stays_flat_over_a_million_steps(long):
    seen, most = 0, 0
    for step in long.steps:
        seen += 1
        if seen == 100_000:
            before = resident()
        if seen % 50_000 == 0 and seen > 100_000:
            step.locals, step.changed
            most = max(most, resident() - before)
    assert seen == len(long.steps) and most < 8 << 20, most


def test_random_steps_of_a_million(long):
    """Their values are what arithmetic says."""
    body = next(step.number for step in long.steps if step.function == "f")
    for number in random.Random(6).sample(range(body + 2, len(long.steps) - 3), 60):
        turn, place = divmod(number - body - 2, 3)  # 0: `total +=`, 1: `pair =`, 2: `for`
        step = long.steps[number]
        assert step.line == (4, 5, 3)[place]
        total = sum(range(turn + 1)) if place else sum(range(turn))
        assert (step.locals["i"], step.locals["total"]) == (turn, total)
        assert step.locals.get("pair") == ([turn, total] if place == 2 else [turn - 1, sum(range(turn))] if turn else None)
        changed = {0: ("i",), 1: ("total",) if turn else (), 2: ("pair",)}[place]
        assert step.changed == changed
    assert long._index.bytes < 1 << 20


@sanitized
def test_a_thousand_traces_leave_nothing(folder):
    def once():
        with read(folder) as trace:
            walk = iter(trace.steps)
            for _ in range(5):
                next(walk).locals
            trace.steps[40].stack[0].locals, trace.steps[41].changed, trace.calls[2].arguments, trace.events[7].value, trace.threads, trace.metadata
            kept = trace.steps[33]
        with pytest.raises(ValueError):
            kept.locals
        with pytest.raises(TraceError):
            read(folder / "missing")

    def state():
        gc.collect()
        return len(gc.get_objects()), sys.getallocatedblocks(), len(os.listdir("/proc/self/fd")), resident()

    for _ in range(100):
        once()
    before = state()
    for _ in range(1000):
        once()
    objects, blocks, descriptors, memory = (b - a for a, b in zip(before, state()))
    assert objects < 50 and blocks < 200 and descriptors == 0 and memory < 8 << 20, (objects, blocks, descriptors, memory)


@sanitized
def test_circles_are_collected(shown, tmp_path):
    folder = record(tmp_path, "class C: pass\nc = C(); c.me = [c, {1: c}, (c,)]\nx = 1\n")
    with read(folder) as trace:
        def count():
            gc.collect()
            return sum(type(thing) is Object for thing in gc.get_objects())

        before = count()
        for _ in range(20):
            assert trace.steps[-1].locals["c"]["me"][2][0]["me"][0].type == "__main__.C"
        assert count() == before


def test_two_threads_at_once(folder, trace):
    """Each asks at random, both of one trace, while a third closes and opens its own."""
    expected = [(step.line, step.locals, step.changed) for step in trace.steps]
    wrong, stop = [], time.monotonic() + 3

    def ask(seed):
        chosen = random.Random(seed)
        try:
            while time.monotonic() < stop and not wrong:
                step = trace.steps[chosen.randrange(len(expected))]
                if (step.line, step.locals, step.changed) != expected[step.number]:
                    wrong.append(step)
                if chosen.random() < 0.02 and [s.line for s in trace.steps] != [line for line, _, _ in expected]:
                    wrong.append("walk")
        except BaseException as error:
            wrong.append(error)

    def reopen():
        while time.monotonic() < stop:
            with read(folder) as other:
                other.steps[10].locals

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(2)] + [threading.Thread(target=reopen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong


FORKS = """
import os, signal, sys, threading, warnings
from codetracer_python_recorder import read
warnings.simplefilter("ignore")
trace = read(sys.argv[1])
wanted = [step.locals for step in trace.steps[:20]]
changed = [step.changed for step in trace.steps[:20]]
stop = False
def reads():
    while not stop:
        for n in range(0, len(trace.steps), 3):
            trace.steps[n].locals, trace.steps[n].changed
threads = [threading.Thread(target=reads) for _ in range(2)]
[thread.start() for thread in threads]
for _ in range(20):
    pid = os.fork()
    if not pid:
        signal.alarm(50)
        try:
            same = [trace.steps[n].locals for n in range(20)] == wanted and [trace.steps[n].changed for n in range(20)] == changed
            trace.close()
            os._exit(0 if same and trace.closed else 3)
        except BaseException:
            os._exit(4)
    status = os.waitpid(pid, 0)[1]
    if status:
        stop = True
        sys.exit(f"a child ended with {status}")
stop = True
"""


@pytest.mark.skipif(bool(os.environ.get("CODETRACER_SANITIZE")), reason="GCC 12's sanitizer does not unlock its allocator in a fork's child: it waits in calloc for ever")
def test_a_fork_while_other_threads_read(folder):
    """The child reads on, though the threads that were reading are not in it."""
    done = subprocess.run([sys.executable, "-c", FORKS, folder], env=environment_for(), capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done


def test_closed_while_another_thread_reads(folder):
    for turn in range(30):
        trace, answers = read(folder), []

        def ask():
            try:
                while True:
                    trace.steps[turn].locals, trace.steps[-1].changed, len(trace.calls)
            except ValueError as error:
                answers.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.005)
        trace.close()
        for thread in threads:
            thread.join(10)
        assert answers == ["the trace is closed"] * 2


def test_a_step_far_away_costs_little_of_a_walk(long):
    """Held against a walk over the steps in the same process, not against a clock: the machine may be busy (docs/performance.md has the milliseconds)."""
    begin = time.process_time()
    for _ in zip(range(len(long.steps) // 4), long.steps):
        pass
    walk = 4 * (time.process_time() - begin)
    chosen, times = random.Random(7), []
    for number in chosen.sample(range(len(long.steps)), 20):
        long.steps[(number + len(long.steps) // 2) % len(long.steps)]  # elsewhere
        begin = time.process_time()
        long.steps[number].locals
        times.append(time.process_time() - begin)
    assert sorted(times)[10] < walk / 25, (walk, times)


# ---- the manual ----


def examples():
    text = MANUAL.read_text(encoding="utf-8") if MANUAL.exists() else ""
    return re.findall(r"^```python\n(.*?)^```(?:\n\n?```text\n(.*?)^```)?", text, re.M | re.S)


@pytest.mark.skipif(not MANUAL.exists(), reason="docs/ is not beside the tests")
def test_examples_of_the_manual(tmp_path):
    """Each is run as it stands, in a folder with the trace that the manual names; what is printed is what the manual shows."""
    program = MANUAL.parents[1] / "examples" / "locals_snapshot.py"
    record(tmp_path, None, str(program)).rename(tmp_path / "trace-out")
    assert len(examples()) >= 7
    for code, printed in examples():
        (tmp_path / "example.py").write_text(code)
        done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True)
        assert done.returncode == 0, f"{code}\n{done.stderr}"
        assert done.stdout == printed, code


def test_attributes_are_items_and_who_forgets_is_told(tmp_path):
    code = """
class Account:
    def __init__(self):
        self.refused = 3
class Names(list):
    pass
account, names = Account(), Names([1])
names.refused = 4
end = 1
"""
    with read(record(tmp_path, code)) as trace:
        seen = trace.steps[-1].locals
        account, names = seen["account"], seen["names"]
        for value, way in ((account, "object['refused']"), (names, "object.fields['refused']")):
            with pytest.raises(AttributeError) as told:
                value.refused
            assert str(told.value) == f"refused is a recorded attribute of this {value.type}: use {way}"
            assert eval(way, {"object": value}) == (3 if value is account else 4)
            with pytest.raises(AttributeError, match="no attribute 'other'"):
                value.other
            assert getattr(value, "other", 5) == 5


def test_values_can_be_copied_and_pickled(tmp_path):
    """Circles, keys of dicts and sets, parts that were cut: the copy is equal and another object."""
    code = """
import datetime
class Node:
    def __init__(self, name):
        self.name, self.peers, self.day = name, [], datetime.date(2024, 1, 2)
a, b = Node('a'), Node('b')
a.peers.append(b)
b.peers += [a, b]
def f(node, table, names, cut, opaque):
    return node
f(a, {a: 1, datetime.date(2024, 1, 2): b}, {datetime.date(2024, 1, 3)}, list(range(50)), iter([]))
"""
    with read(record(tmp_path, code, options=["--max-items", "10"])) as trace:
        (step,) = [step for step in trace.steps if step.function.endswith("f")]
        values = dict(step.locals)
    for copied in (copy.deepcopy(values), pickle.loads(pickle.dumps(values)), copy.copy(values)):
        assert copied == values and list(copied) == ["node", "table", "names", "cut", "opaque"]
        node = copied["node"]
        assert node.fields["peers"][0].fields["peers"][0] is node and copied["table"][node] == 1
        assert (node.type, node.id, node.address) == (values["node"].type, values["node"].id, values["node"].address)
    assert copy.deepcopy(values)["node"] is not values["node"]
    with pytest.raises(TypeError, match="cannot be changed"):
        values["node"].__setstate__((1, {}, None))


def test_pickles_of_others(shown):
    """What no pickle of ours holds makes no value: a repr reads the names of fields as texts."""
    make, (kind, *_) = shown["Plain()"].__reduce__()[:2]
    for state in (5, (), (None, [1], None), (None, {1: 2}, None)):
        with pytest.raises(TypeError):
            make(kind, "x", 0, 1, None).__setstate__(state)
    literal = shown["D('1.5')"].__reduce__()[1][0]
    for wrong in ((literal, "x", 0, 1, None), (literal, "x", 0, 1, 5), (kind, "x", 0, 1, "text")):
        with pytest.raises(TypeError):
            make(*wrong)
    with pytest.raises(ValueError):
        make(17, "x", 0, 1, None)


def test_as_deep_as_the_recording_looked(tmp_path):
    code = "class A: pass\nlists = []\nfirst = node = A()\nfor i in range(90):\n    lists = [lists]\n    node.next = A()\n    node = node.next\nlists\n"
    path = record(tmp_path, code, options=("--max-depth", "100", "--max-attr-depth", "100"))
    with read(path) as trace:
        seen = trace.steps[-1].locals
        lists, node, depth = seen["lists"], seen["first"], 0
        while lists:
            (lists,), node, depth = lists, node.fields["next"], depth + 1
        assert depth == 90 and node.fields == {}
    last = [line for line in reading.print_json(path) if line["event"] == "step"][-1]["locals"]
    assert '"cut"' not in str(last).replace("'", '"')
