"""The order of events, against expectations written by hand."""

import sys

import pytest

needs_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="inlined comprehensions came with Python 3.12")


def test_a_program_from_start_to_end(record):
    trace = record(
        """\
        def add(a, b):
            c = a + b
            return c
        total = add(1, 2)
        print("total", total)
        """
    )
    assert [what for what, _ in trace.events[:4]] == ["Path", "Function", "Call", "Type"]
    assert trace.types[0]["kind"] == 30
    add = "add=<function __main__.add>"
    assert trace.lines() == [
        "call <toplevel>()",
        "step 1",
        "call <__main__>()",
        "step 1",
        "step 4 " + add,
        "step 1",
        "call add(a=1, b=2)",
        "step 2 a=1 b=2",
        "step 3 a=1 b=2 c=3",
        "return 3",
        "step 5 %s total=3" % add,
        "event 0 'total 3\\n'",
        "return None",
        "return 0",
    ]


def test_parameters_in_the_order_of_co_varnames(record):
    trace = record("def f(a, /, b, *rest, c, **extra): pass\nf(1, 2, 3, c=4, d=5)\n")
    assert trace.body("f")[0] == "call f(a=1, b=2, c=4, rest=Tuple[3], extra=Dict[Tuple['d', 5]])"


def test_class_bodies_and_lambdas_are_calls(record):
    trace = record("class A:\n    x = 1\n    class B: pass\nf = lambda: 2\nf()\n")
    lines = trace.lines(values=False)
    start = lines.index("call A()")
    assert lines[start:start + 6] == ["call A()", "step 1", "step 2", "step 3", "step 3", "call A.B()"]
    assert trace.body("<lambda>") == ["call <lambda>()", "step 4", "return 2"]


def test_one_line_loops_are_one_step(record):
    trace = record("def f(n):\n    while n: n -= 1\n    for i in range(3): n += i\n    return n\nf(3)\n")
    steps = [line.split()[1] for line in trace.body("f") if line.startswith("step")]
    assert steps == ["2", "3", "4"]


def test_generator(record):
    trace = record(
        """\
        def g(x):
            got = yield x
            yield got
        i = g(1)
        next(i)
        i.send(5)
        """
    )
    lines = [line for line in trace.lines() if "i=<" not in line]
    start = lines.index("call g(x=1)")
    assert lines[start:start + 8] == [
        "call g(x=1)", "step 2 x=1", "return 1", "step 1", "call g()", "step 3 x=1 got=5", "return 5", "return None",
    ]  # fmt: skip


def test_throw_is_a_call_with_the_exception(record):
    trace = record(
        """\
        def g():
            try:
                yield
            except ValueError:
                yield None
        i = g()
        next(i)
        i.throw(ValueError("v"))
        try: i.throw(KeyError("k"))
        except KeyError: pass
        """
    )
    lines = trace.lines(values=False)
    assert "call g(exception=ValueError(args=Tuple['v']))" in lines
    throw = lines.index("call g(exception=KeyError(args=Tuple['k']))")
    assert lines[throw + 1] == "return KeyError(args=Tuple['k'])"


@pytest.mark.parametrize(
    "body, returned",
    [
        ("raise ValueError(1)", "ValueError(args=Tuple[1])"),
        ("try: raise ValueError(1)\n    finally:\n        x = 1", "ValueError(args=Tuple[1])"),
        ("try: raise ValueError(1)\n    except ValueError: raise", "ValueError(args=Tuple[1])"),
        ("try: 1 / 0\n    except ArithmeticError as e: raise KeyError(2) from e", "KeyError(args=Tuple[2])"),
        (
            "try: raise KeyError(1)\n    finally:\n        try: raise TypeError(2)\n        except TypeError: pass",
            "KeyError(args=Tuple[1])",
        ),
    ],
)
def test_unwinding_returns_the_exception(record, body, returned):
    trace = record("def f():\n    %s\ntry: f()\nexcept Exception: pass\n" % body)
    assert trace.body("f")[-1] == "return " + returned


def test_bare_raise_in_a_helper(record):
    trace = record(
        """\
        def helper():
            raise
        try:
            try: raise OSError("o")
            except OSError: helper()
        except OSError: pass
        """
    )
    assert trace.body("helper")[-1] == "return OSError(args=Tuple['o'])"


def test_async_generator_yields_plain_values(record):
    trace = record(
        """\
        async def g():
            yield [1]
        def drive(awaitable):
            try: awaitable.send(None)
            except StopIteration as stop: return stop.value
        drive(g().__anext__())
        """
    )
    assert trace.body("g")[-1] == "return List[1]"


COMPREHENSION = """\
n = "o"
xs = [
    n
    for n in range(2)
]
"""


@needs_3_12
@pytest.mark.parametrize("head", ["if True:", "class C:", "def f():"])
def test_inlined_comprehensions(record, head):
    indented = "".join("    %s\n" % line for line in COMPREHENSION.splitlines() + ["end = 1"])
    trace = record("%s\n%s%s" % (head, indented, "f()\n" if head == "def f():" else ""))
    inside = [line for line in trace.lines() if line.startswith("step 4 ")]
    assert [part for line in inside for part in line.split() if part.startswith("n=")] == ["n=0", "n=1"]
    assert [line for line in trace.lines() if line.startswith("step 7 n='o' xs=List[0, 1]")]


def test_free_and_cell_variables_are_locals(record):
    trace = record(
        """\
        def outer(a):
            b = 2
            def inner():
                nonlocal b
                b = a
                return b
            return inner()
        outer(1)
        """
    )
    assert trace.body("outer.<locals>.inner")[1:3] == ["step 5 a=1 b=2", "step 6 a=1 b=1"]


def test_output_is_joined_within_a_step_and_cut_at_newlines(record):
    trace = record('import sys\nprint("a", 1); sys.stdout.write("b\\nc"); print("e", file=sys.stderr); print("f")\n')
    assert [line for line in trace.lines() if line.startswith("event")] == [
        "event 0 'a 1\\n'", "event 0 'b\\n'", "event 0 'c'", "event 2 'e\\n'", "event 0 'f\\n'",
    ]  # fmt: skip
    assert (trace.stdout, trace.stderr) == ("a 1\nb\ncf\n", "e\n")


def test_input(record):
    trace = record('import sys\na = input()\nb = next(sys.stdin)\nc = sys.stdin.read()\nd = 1\n', input="x\ny\nz\nw")
    assert [line for line in trace.lines() if line.startswith("event")] == [
        "event 3 'x\\n'", "event 3 'y\\n'", "event 3 'z\\n'", "event 3 'w'",
    ]  # fmt: skip
    assert trace.shown("c") == "'z\\nw'"


def test_threads(record):
    trace = record(
        """\
        import threading
        def work(n):
            return n
        t = threading.Thread(target=work, args=(1,))
        t.start()
        t.join()
        """
    )
    lines = [line for line in trace.lines(values=False) if not line.startswith("event")]
    start = lines.index("ThreadSwitch 2")
    assert "ThreadStart 2" in lines and "ThreadExit 2" in lines
    assert lines[start - 1] == "return None", "the open call of the main thread is closed"
    assert lines[start + 1:start + 3] == ["step 2", "call work(n=1)"]
    back = lines.index("ThreadSwitch 1")
    assert lines[back + 1:back + 3] == ["step 1", "call <__main__>()"]
    assert lines[-2:] == ["return None", "return 0"]


def test_recursion_error_does_not_end_the_recording(record):
    if sys.version_info < (3, 12):
        pytest.skip("needs sys.monitoring")
    trace = record(
        """\
        def dive(n):
            global depth
            depth = n
            dive(n + 1)
        try:
            dive(1)
        except RecursionError:
            print(depth)
        after = 1
        """
    )
    assert trace.lines(values=False).count("event 0 %r" % trace.stdout) == 1
    assert trace.lines(values=False)[-3:] == ["step 9", "return None", "return 0"]
    assert len([line for line in trace.lines(values=False) if line.startswith("call dive")]) == int(trace.stdout)


def test_standard_library_and_strings_are_not_recorded(record):
    trace = record('import json\njson.dumps([1])\nexec("def f(): return 1\\nf()")\neval("1 + 1")\n')
    assert [function["name"] for function in trace.functions] == ["<toplevel>", "<__main__>"]
