"""What the journal says of calls, ends of calls, generators, exceptions and threads. Expectations are written by hand from Python's own rules."""

import textwrap

import pytest


@pytest.fixture
def story(journal):
    """story(code, *kinds): the events of functions as short texts (reading.told); line 1 is the first line of `code`."""

    def run(code, *kinds, **how):
        return journal(textwrap.dedent(code).lstrip("\n"), **how).story(*kinds)

    return run


# ---- calls and ends ----


def test_arguments_of_all_kinds(story):
    seen = story(
        """
        def f(a, /, b, c=3, *args, d, e=5, **more): pass
        f(1, 2, d=4)
        f(1, b=2, d=4, e=6, z=7)
        f(1, 2, 30, 4, 5, d=6, y=8, x=9)
        f(*(1, 2), **{"d": 3, "é": 4})
        """,
        "call",
    )
    assert seen == [
        "call f a=1 b=2 c=3 d=4 e=5 args=() more={}",
        "call f a=1 b=2 c=3 d=4 e=6 args=() more={z: 7}",
        "call f a=1 b=2 c=30 d=6 e=5 args=(4, 5) more={y: 8, x: 9}",
        "call f a=1 b=2 c=3 d=3 e=5 args=() more={é: 4}",
    ]


def test_arguments_in_cells_methods_and_lambdas(journal):
    seen = journal(
        """
class C:
    def method(self, x): return lambda: (self, x)
    @classmethod
    def of_class(cls, y): return y
    @staticmethod
    def static(z=7): return z
c = C(); c.method(5)(); c.of_class(6); C.static()
(lambda q, *r: q)(1, 2)
"""
    )
    assert seen.arguments("C.method") == [{"self": {"type": "__main__.C", "fields": {}}, "x": 5}]
    assert seen.arguments("C.of_class") == [{"cls": {"type": "type", "text": "<class __main__.C>"}, "y": 6}]
    assert seen.arguments("C.static") == [{"z": 7}]
    assert seen.arguments("<lambda>") == [{"q": 1, "r": {"type": "tuple", "items": [2]}}]
    assert seen.arguments("C.method.<locals>.<lambda>") == [{}]


def test_last_snapshot_shows_what_the_last_line_assigned(story):
    seen = story(
        """
        def returns(x):
            x = [x]
        def yields(x):
            yield (x := x + 1)
        def unwinds(x):
            x = 1; 1 / 0
        returns(5); list(yields(6))
        try: unwinds(7)
        except ZeroDivisionError: pass
        """
    )
    assert seen == [
        "call returns x=5",
        "returns:2 x=5",
        "return returns None | x=[5]",
        "call yields x=6",
        "yields:4 x=6",
        "yield yields 7 | x=7",
        "resume yields",
        "return yields None | x=7",
        "call unwinds x=7",
        "unwinds:6 x=7",
        "raise unwinds:6 ZeroDivisionError(args=('division by zero',))",
        "unwind unwinds ZeroDivisionError(args=('division by zero',))",
    ]


def test_unwind_has_the_last_locals(journal):
    seen = journal("def f(x):\n    x = [1]; y = 2; del x; raise OSError(5)\ntry: f(0)\nexcept OSError: pass\n")
    (unwind,) = seen.of("unwind")
    assert unwind["locals"] == {"y": 2} and "y" in unwind["changed"]


def test_unbound_again(story):
    seen = story(
        """
        def f():
            for i in (1,):
                x = i
                del x
            del i
            try: raise KeyError
            except KeyError as e: pass
            return
        f()
        """,
        "step",
    )
    assert seen == ["f:2", "f:3 i=1", "f:4 i=1 x=1", "f:2 i=1", "f:5 i=1", "f:6", "f:7", "f:8"]


def test_recursion_nests(journal):
    seen = journal("def fact(n):\n    if n < 2: return 1\n    return n * fact(n - 1)\nfact(50)\n")
    calls = seen.of("call", function="fact")
    assert [(call["depth"], call["arguments"]["n"], call["activation"]) for call in calls] == [(k, 51 - k, k) for k in range(1, 51)]
    returns = seen.of("return", function="fact")
    value, expected = 1, []
    for n in range(1, 51):
        value *= n
        expected.append((51 - n, value))
    assert [(end["depth"], int(end["value"]["value"]) if isinstance(end["value"], dict) else end["value"]) for end in returns] == expected


def test_mutual_recursion_to_the_limit_unwinds_every_frame(journal):
    seen = journal(
        """
import sys
sys.setrecursionlimit(200)
def a(n): b(n + 1)
def b(n): a(n + 1)
try: a(0)
except RecursionError: pass
def after(): return 1
after()
"""
    )
    calls, unwinds = seen.of("call", function="a") + seen.of("call", function="b"), seen.of("unwind")
    assert 150 < len(calls) < 200
    # The call that failed may or may not have begun: every one that began ended.
    assert {event["activation"] for event in calls} == {event["activation"] for event in unwinds}
    assert seen.of("call", function="after")[0]["depth"] == 1
    assert not seen.of("lost")


def test_callbacks_through_c(journal):
    seen = journal(
        """
def key(x): return -x
def low(a, b): return a - b
class K:
    def __init__(self, n): self.n = n
    def __lt__(self, other): return helper(self.n, other.n)
    def __hash__(self): return 3
    def __eq__(self, other): return True
def helper(a, b): return a < b
def top():
    sorted([1, 2], key=key)
    list(map(key, [3]))
    sorted([K(2), K(1)])
    {K(1): 1}[K(1)]
    max([4, 5], key=lambda v: v)
top()
"""
    )
    depths = {(event["function"], event["depth"]) for event in seen.of("call") if event["function"] not in ("<module>", "K")}
    assert depths == {
        ("top", 1), ("key", 2), ("K.__init__", 2), ("K.__lt__", 2), ("helper", 3), ("K.__hash__", 2), ("K.__eq__", 2), ("top.<locals>.<lambda>", 2),
    }  # fmt: skip


def test_callbacks_through_the_standard_library(journal):
    seen = journal(
        """
import functools, re, contextlib, json
def each(m): return inner(m.group())
def inner(t): return t.upper()
def hook(d): return inner(str(d))
@contextlib.contextmanager
def manager():
    yield inner("m")
@functools.singledispatch
def single(x): return inner(str(x))
def top():
    re.sub("a", each, "a-b")
    json.loads('{"a": {}}', object_hook=hook)
    with manager() as m:
        inner(m)
    single(5)
top()
"""
    )
    calls = [(event["function"], event["depth"]) for event in seen.of("call") if event["depth"]]
    assert calls == [
        ("top", 1), ("each", 2), ("inner", 3), ("hook", 2), ("inner", 3), ("hook", 2), ("inner", 3), ("manager", 2), ("inner", 3), ("inner", 2),
        ("single", 2), ("inner", 3),
    ]  # fmt: skip
    assert not seen.of("lost", "ended")
    assert {event["file"].rsplit("/", 1)[1] for event in seen.events if "file" in event} == {"prog.py"}


def test_import_of_an_own_module_nests(journal, tmp_path):
    (tmp_path / "other.py").write_text("VALUE = 1\ndef f(): return VALUE\nf()\n")
    seen = journal("def top():\n    import other\n    return other.f()\ntop()\n")
    calls = [(event["file"].rsplit("/", 1)[1], event["function"], event["depth"], event["module"]) for event in seen.of("call")]
    assert calls == [
        ("prog.py", "<module>", 0, "__main__"),
        ("prog.py", "top", 1, "__main__"),
        ("other.py", "<module>", 2, "other"),
        ("other.py", "f", 3, "other"),
        ("other.py", "f", 2, "other"),
    ]


def test_program_begins_at_depth_zero_by_every_command(record, tmp_path):
    """Neither the console script nor the recorder's own frames are part of the program."""
    import reading

    for by in ("record", "module"):
        answer = record(code="x = 1\n", by=by, options=("--format=journal", "--quiet"))
        assert answer.status == 0, answer
        calls = [event for event in reading.print_json(answer.trace) if event["event"] == "call"]
        assert [(call["file"], call["function"], call["depth"], call.get("attached")) for call in calls] == [
            (str(tmp_path / "prog.py"), "<module>", 0, None)
        ]


# ---- bodies ----


def test_class_bodies(story):
    seen = story(
        """
        class C:
            x = 1
            y = [i for i in range(2)]
            def f(self): pass
            del x
            class D(int):
                z = 2
            x = 3
        """
    )
    assert seen == [
        "call C",
        "C:1",
        "C:2",
        "C:3 x=1",
        "C:4 x=1 y=[0, 1]",
        "C:5 x=1 y=[0, 1] f=<function __main__.C.f>",
        "C:6 y=[0, 1] f=<function __main__.C.f>",
        "call C.D",
        "C.D:6",
        "C.D:7",
        "return C.D None | z=2",
        "C:8 y=[0, 1] f=<function __main__.C.f> D=<class __main__.C.D>",
        "return C None | y=[0, 1] f=<function __main__.C.f> D=<class __main__.C.D> x=3",
    ]


def test_module_snapshots(journal):
    seen = journal("import os\nx = 1\ndel x\ny = os.sep\nx = 2\n__doc__ = 'd'\n")
    steps = [event["locals"] for event in seen.of("step")]
    # Modules and __builtins__ are left out; everything else is there, and a name bound again is last.
    assert [[name for name in values if not name.startswith("__")] for values in steps] == [[], [], ["x"], [], ["y"], ["y", "x"]]
    assert {"__name__", "__spec__", "__file__"} <= steps[0].keys() and "__builtins__" not in steps[0]
    (end,) = seen.of("return")
    assert (end["locals"]["__doc__"], end["locals"]["x"]) == ("d", 2)


def test_inlined_comprehensions(story):
    seen = story(
        """
        def f(n):
            a = [i
                 for i in range(n)]
            b = {k: v for k, v in {1: 2}.items()}
            c = [[x for x in (y,)] for y in (1, 2)]
            i = 9
            d = [i for i in (3,)]
            return i
        f(2)
        """,
        "step",
        "call",
        "return",
    )
    assert [text for text in seen if text.startswith(("f:4", "f:5", "f:6", "f:7", "f:8"))] == [
        "f:4 n=2 a=[0, 1]",
        "f:5 n=2 a=[0, 1] b=dict[[1, 2]]",
        "f:6 n=2 a=[0, 1] b=dict[[1, 2]] c=[[1], [2]]",
        "f:7 n=2 i=9 a=[0, 1] b=dict[[1, 2]] c=[[1], [2]]",
        "f:8 n=2 i=9 a=[0, 1] b=dict[[1, 2]] c=[[1], [2]] d=[3]",
    ]
    assert "f:2 n=2 i=1" in seen  # the comprehension's own variable, on its own line, while it runs
    assert [text for text in seen if not text.startswith("f:")] == ["call f n=2", seen[-1]]  # no call: inlined


def test_comprehension_with_a_closure(story):
    seen = story(
        """
        def f():
            x = "outer"
            g = [lambda: x for x in (1,)][0]
            g()
            return x
        f()
        """
    )
    assert seen == [
        "call f",
        "f:2",
        "f:3 x='outer'",
        "f:4 x='outer' g=<function __main__.f.<locals>.<lambda>>",
        "call f.<lambda>",
        "f.<lambda>:3 x=1",
        "return f.<lambda> 1 | x=1",
        "f:5 x='outer' g=<function __main__.f.<locals>.<lambda>>",
        "return f 'outer' | x='outer' g=<function __main__.f.<locals>.<lambda>>",
    ]


def test_cells_and_free_variables(story):
    seen = story(
        """
        def f(p):
            q = 1
            def g():
                nonlocal q
                q = q + p
            g()
            del p
            q = 3
        f(5)
        """,
        "step",
        "return",
    )
    assert seen == [
        "f:2 p=5",
        "f:3 p=5 q=1",
        "f:6 p=5 g=<function __main__.f.<locals>.g> q=1",
        "f.g:5 p=5 q=1",
        "return f.g None | p=5 q=6",
        "f:7 p=5 g=<function __main__.f.<locals>.g> q=6",
        "f:8 g=<function __main__.f.<locals>.g> q=6",
        "return f None | g=<function __main__.f.<locals>.g> q=3",
    ]


# ---- generators and coroutines ----


def test_generator_is_one_activation(journal):
    seen = journal("def g(n):\n    got = yield n\n    got = yield got\n    return 'end'\ni = g(1)\nnext(i)\ni.send(10)\ntry: i.send(20)\nexcept StopIteration: pass\n")
    events = [event for event in seen.events if event.get("function") == "g"]
    assert {event["activation"] for event in events} == {1} and {event["depth"] for event in events} == {1}
    assert seen.story() == [
        "call g n=1",
        "g:2 n=1",
        "yield g 1 | n=1",
        "resume g",
        "g:3 n=1 got=10",
        "yield g 10 | n=1 got=10",
        "resume g",
        "g:4 n=1 got=20",
        "return g 'end' | n=1 got=20",
    ]


def test_generators_resumed_in_turns(journal):
    seen = journal("def g(n):\n    while True:\n        yield n\n        n += 10\na, b = g(1), g(2)\nfor _ in range(3): next(a), next(b)\n")
    assert [event["value"] for event in seen.of("yield")] == [1, 2, 11, 12, 21, 22]
    assert [event["activation"] for event in seen.of("yield")] == [1, 2] * 3
    assert {event["depth"] for event in seen.of("yield", "resume")} == {1}


def test_throw_into_a_generator(story):
    seen = story(
        """
        def g():
            try:
                yield 1
            except KeyError as e:
                yield 2
        i = g(); next(i); i.throw(KeyError("k"))
        next(i, None)
        """
    )
    assert seen == [
        "call g",
        "g:2",
        "g:3",
        "yield g 1 |",
        "throw g KeyError(args=('k',))",
        "raise g:3 KeyError(args=('k',))",
        "handled g:4 KeyError(args=('k',))",
        "g:4",
        "g:5 e=KeyError(args=('k',))",
        "yield g 2 | e=KeyError(args=('k',))",
        "resume g",
        "return g None |",
    ]


def test_generator_that_is_collected(journal):
    """Its end is known: as a close (throw and unwind, CPython 3.12) or as an end without running (3.13 closes without running what has no handler)."""
    seen = journal("def g():\n    yield 1\ni = g()\nnext(i)\ndel i\nx = 1\n")
    kinds = [event["event"] for event in seen.events if event.get("function") == "g"]
    assert kinds[:3] == ["call", "step", "yield"]
    assert kinds[3:] in (["throw", "raise", "unwind"], ["ended"])
    last = [event for event in seen.events if event.get("function") == "g"][-1]
    step = [event for event in seen.of("step") if event["line"] == 6][0]
    assert seen.events.index(last) < seen.events.index(step)


def test_generator_never_started_has_no_call(journal):
    seen = journal("def g():\n    yield 1\ng()\ni = g()\ni.close()\n")
    assert not seen.of("call", function="g") and not seen.of("ended", "throw", "unwind")


def test_generators_alive_at_the_end(journal):
    seen = journal("def g(n):\n    yield n\nkeep = [g(n) for n in range(5)]\nfor i in keep: next(i)\n")
    assert [event["value"] for event in seen.of("yield")] == [0, 1, 2, 3, 4]


def test_yield_from_nests(story):
    seen = story(
        """
        def outer():
            r = yield from inner()
            return r
        def inner():
            got = yield 1
            return got
        i = outer(); next(i)
        try: i.send(5)
        except StopIteration: pass
        """
    )
    assert seen == [
        "call outer",
        "outer:2",
        "call inner",
        "inner:5",
        "yield inner 1 |",
        "yield outer 1 |",
        "resume outer",
        "resume inner",
        "inner:6 got=5",
        "return inner 5 | got=5",
        "outer:3 r=5",
        "return outer 5 | r=5",
    ]


def test_coroutines_and_async_generators(story):
    seen = story(
        """
        class Wait:
            def __await__(self): return (yield "waits")
        async def sub(x):
            got = await Wait()
            return x + got
        async def numbers():
            yield 1
        async def main():
            a = await sub(1)
            async for n in numbers():
                a += n
            return a
        m = main(); m.send(None)
        try: m.send(10)
        except StopIteration as e: assert e.value == 12
        """,
        "call", "yield", "resume", "return", "raise", "handled", "unwind",
    )  # fmt: skip
    assert seen == [
        "call Wait",
        "return Wait None |",
        "call main",
        "call sub x=1",
        "call Wait.__await__ self=__main__.Wait()",
        "yield Wait.__await__ 'waits' | self=__main__.Wait()",
        "yield sub 'waits' | x=1",
        "yield main 'waits' |",
        "resume main",
        "resume sub",
        "resume Wait.__await__",
        "return Wait.__await__ 10 | self=__main__.Wait()",
        "return sub 11 | x=1 got=10",
        "call numbers",
        "yield numbers 1 |",
        "resume numbers",
        "return numbers None |",
        "raise main:10 StopAsyncIteration(args=())",
        "handled main:10 StopAsyncIteration(args=())",
        "return main 12 | a=12 n=1",
    ]


def test_generator_passed_between_threads(journal):
    seen = journal(
        """
import threading
def g():
    yield 1
    yield 2
i = g()
next(i)
t = threading.Thread(target=next, args=(i,), name="other"); t.start(); t.join()
"""
    )
    yields = seen.of("yield")
    assert [event["value"] for event in yields] == [1, 2]
    assert yields[0]["activation"] == yields[1]["activation"] and yields[0]["thread"] != yields[1]["thread"]
    assert [event["depth"] for event in yields] == [1, 0]


# ---- exceptions ----


def test_exception_through_calls(story):
    seen = story(
        """
        def low():
            raise ValueError("bad", 3)
        def mid():
            low()
        def top():
            try:
                mid()
            except ValueError as e:
                r = 1
        top()
        """,
        "raise", "handled", "unwind", "return",
    )  # fmt: skip
    error = "ValueError(args=('bad', 3))"
    assert seen == [
        f"raise low:2 {error}",
        f"unwind low {error}",
        f"raise mid:4 {error}",
        f"unwind mid {error}",
        f"raise top:7 {error}",
        f"handled top:8 {error}",
        "return top None | r=1",
    ]


def test_exceptions_reraised_chained_and_from_c(journal):
    seen = journal(
        """
def again():
    try:
        [][0]
    except IndexError:
        raise
def other():
    try:
        {}["k"]
    except KeyError as e:
        raise RuntimeError("r") from e
def finally_():
    try:
        int("x")
    finally:
        y = 1
class Mine(Exception):
    def __init__(self, code): self.code = code
def mine(): raise Mine(7)
for f in (again, other, finally_, mine):
    try: f()
    except Exception: pass
"""
    )
    unwinds = [(event["function"], event["value"]["type"], event["value"]["fields"]) for event in seen.of("unwind")]
    assert unwinds == [
        ("again", "IndexError", {"args": {"type": "tuple", "items": ["list index out of range"]}}),
        ("other", "RuntimeError", {"args": {"type": "tuple", "items": ["r"]}}),
        ("finally_", "ValueError", {"args": {"type": "tuple", "items": ["invalid literal for int() with base 10: 'x'"]}}),
        ("mine", "__main__.Mine", {"args": {"type": "tuple", "items": [7]}, "code": 7}),
    ]
    handled = [(event["function"], event["line"]) for event in seen.of("handled") if event["function"] != "<module>"]
    assert handled == [("again", 5), ("other", 10), ("finally_", 16)]
    assert [event["line"] for event in seen.of("handled", function="<module>")] == [22] * 4


def test_every_raise_is_handled_or_unwound(journal):
    """In one activation a raise is followed by a handler or the end of the call, before any further line."""
    seen = journal(
        """
import contextlib
class It:
    n = 0
    def __iter__(self): return self
    def __next__(self):
        self.n += 1
        if self.n > 2: raise StopIteration
        return self.n
@contextlib.contextmanager
def swallow():
    try: yield
    except ValueError: pass
def g():
    for x in It(): yield x
def top():
    with swallow():
        raise ValueError
    for x in It(): pass
    for x in g(): pass
    list(It()), next(iter([]), None), getattr(It, "none", None)
    try:
        try: raise KeyError
        finally: len("x")
    except KeyError: pass
    with contextlib.suppress(OSError): raise OSError
    for x in It():
        try: raise TypeError
        except (TypeError, AttributeError): continue
    a, *b = It()
    try: a, = It()
    except ValueError: pass
    x in It()
top()
"""
    )
    open_raises = set()
    for event in seen.events:
        if event["event"] == "raise":
            open_raises.add(event["activation"])
        elif event["event"] in ("handled", "unwind"):
            assert event["activation"] in open_raises or event["event"] == "handled" or event["event"] == "unwind"
            open_raises.discard(event["activation"])
        elif event["event"] in ("step", "return", "yield", "resume"):
            assert event["activation"] not in open_raises, event
    assert not open_raises


def test_exception_position_is_the_line_of_the_expression(story):
    seen = story(
        """
        def f():
            x = (1 +
                 1 / 0
                 + 2)
        try: f()
        except ZeroDivisionError: pass
        """,
        "raise",
    )
    assert seen == ["raise f:3 ZeroDivisionError(args=('division by zero',))"]


def test_uncaught_exception(journal):
    seen = journal("def f(): raise OSError(2, 'no')\nf()\n", check=False)
    assert seen.status == 1 and seen.err.endswith("FileNotFoundError: [Errno 2] no\n")
    assert [(event["event"], event["function"]) for event in seen.of("raise", "unwind")] == [
        ("raise", "f"), ("unwind", "f"), ("raise", "<module>"), ("unwind", "<module>"),
    ]  # fmt: skip


def test_system_exit_and_exit_status(journal):
    seen = journal("import sys\ndef f(): sys.exit(3)\nf()\n", check=False)
    assert seen.status == 3
    assert [(event["function"], event["value"]["fields"]["args"]["items"]) for event in seen.of("unwind")] == [("f", [3]), ("<module>", [3])]


def test_exception_that_c_swallows(journal):
    seen = journal("class C:\n    def __getattr__(self, name): raise AttributeError(name)\nhasattr(C(), 'x')\ngetattr(C(), 'y', 1)\n")
    assert [event["value"]["fields"]["args"]["items"] for event in seen.of("unwind")] == [["x"], ["y"]]
    assert not seen.of("handled")


def test_finalizer_runs_where_the_object_dies(story):
    seen = story(
        """
        class C:
            def __del__(self): died()
        def died(): pass
        def f():
            c = C()
            c = 1
            return 2
        f()
        """,
        "call", "return", "step",
    )  # fmt: skip
    assert seen[3:] == [
        "return C None |",
        "call f",
        "f:5",
        "f:6 c=__main__.C()",
        "call C.__del__ self=__main__.C()",
        "C.__del__:2 self=__main__.C()",
        "call died",
        "died:3",
        "return died None |",
        "return C.__del__ None | self=__main__.C()",
        "f:7 c=1",
        "return f 2 | c=1",
    ]


# ---- recordings that begin within running calls ----

ATTACHED = """
import os
from codetracer_python_recorder import trace
def h(y): return y * 2
def g(n):
    m = n
    with trace("inner", format="journal"):
        y = n + 1
        z = h(y)
    return z
def f(x):
    r = g(x)
    return r
f(1)
"""


def test_attached_calls(journal, tmp_path):
    import reading

    journal(ATTACHED, plainly=True)
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    assert seen.story() == [
        "attached f x=1",
        "attached g n=1",
        "g:8 n=1 m=1",
        "g:9 n=1 m=1 y=2",
        "call h y=2",
        "h:4 y=2",
        "return h 4 | y=2",
        "g:7 n=1 m=1 y=2 z=4",
    ]
    assert [(event["function"], event["depth"], event.get("attached")) for event in seen.of("call")] == [
        ("<module>", 0, True), ("f", 1, True), ("g", 2, True), ("h", 3, None),
    ]  # fmt: skip


def test_attached_calls_that_end_while_recording(journal, tmp_path):
    import reading

    journal(
        """
from codetracer_python_recorder import start, stop
def g(n):
    start("inner", format="journal")
    return n
def f(x):
    r = g(x)
    try: return bad(r)
    except KeyError: return 5
def bad(r): raise KeyError(r)
v = f(1)
stop()
""",
        plainly=True,
    )
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    assert seen.story() == [
        "attached f x=1",
        "attached g n=1",
        "g:5 n=1",
        "return g 1 | n=1",
        "f:8 x=1 r=1",
        "call bad r=1",
        "bad:10 r=1",
        "raise bad:10 KeyError(args=(1,))",
        "unwind bad KeyError(args=(1,))",
        "raise f:8 KeyError(args=(1,))",
        "handled f:9 KeyError(args=(1,))",
        "f:9 x=1 r=1",
        "return f 5 | x=1 r=1",
    ]


def test_attached_calls_whose_first_event_is_an_exception(journal, tmp_path):
    import reading

    journal(
        """
from codetracer_python_recorder import start, stop
def g(n):
    start("inner", format="journal"), n / 0
def f(x):
    try: g(x)
    except ZeroDivisionError: return 5
v = f(1)
stop()
""",
        plainly=True,
    )
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    assert seen.story() == [
        "attached f x=1",
        "attached g n=1",
        "raise g:4 ZeroDivisionError(args=('division by zero',))",
        "unwind g ZeroDivisionError(args=('division by zero',))",
        "raise f:6 ZeroDivisionError(args=('division by zero',))",
        "handled f:7 ZeroDivisionError(args=('division by zero',))",
        "f:7 x=1",
        "return f 5 | x=1",
    ]


def test_attached_generator(journal, tmp_path):
    import reading

    journal(
        """
from codetracer_python_recorder import start, stop
def g(n):
    yield n
    m = n
    yield m
i = g(1)
next(i)
start("inner", format="journal")
next(i)
next(i, None)
stop()
""",
        plainly=True,
    )
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    assert seen.story() == ["attached g n=1", "g:5 n=1", "g:6 n=1 m=1", "yield g 1 | n=1 m=1", "resume g", "return g None | n=1 m=1"]


def test_recording_in_a_loop_of_deep_calls(journal, tmp_path):
    """Begun 300 calls deep: each is attached once, from the outside in."""
    import reading

    journal(
        """
from codetracer_python_recorder import trace
def down(n):
    if n: return down(n - 1)
    with trace("inner", format="journal"):
        x = 1
down(300)
""",
        plainly=True,
    )
    seen = reading.Journal(reading.print_json(tmp_path / "inner"))
    assert [event["arguments"]["n"] for event in seen.of("call", function="down")] == list(range(300, -1, -1))
    assert all(event["attached"] for event in seen.of("call"))


# ---- threads ----


def test_thread_events(journal):
    seen = journal(
        """
import threading
def work(n): return n
for n in range(2):
    t = threading.Thread(target=work, args=(n,)); t.start(); t.join()
x = 1
"""
    )
    starts = seen.of("thread-start")
    assert [event["thread"] for event in starts] == [1, 2, 3] and len({event["system_id"] for event in starts}) >= 2
    assert [(event["thread"], event["depth"], event["arguments"]["n"]) for event in seen.of("call", function="work")] == [(2, 0, 0), (3, 0, 1)]
    exits = [event["thread"] for event in seen.of("thread-exit")]
    assert exits == [2, 3]
    # An end is written before the next event of another thread that follows it.
    order = [(event["event"], event["thread"]) for event in seen.events if event["event"].startswith("thread") or event.get("line") == 6]
    assert order.index(("thread-exit", 3)) < order.index(("step", 1))


def test_steps_are_numbered(journal):
    seen = journal("def f():\n    return 1\nfor i in range(3): f()\n")
    assert [event["step"] for event in seen.of("step")] == list(range(seen.summary["steps"]))
    assert len(seen.events) == seen.summary["events"] and len(seen.of("call")) == seen.summary["calls"]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_a_file_without_code_is_a_step_at_its_first_line(journal, text):
    """CPython tells of a line 0, which no file has; its code object begins at line 1."""
    assert compile(text, "prog.py", "exec").co_firstlineno == 1
    assert journal(text).lines("<module>") == [1]
