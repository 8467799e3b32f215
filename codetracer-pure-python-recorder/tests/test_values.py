"""How values look, row by row of docs/values.md."""

import base64
import datetime

import pytest

HEADER = """\
import collections, datetime, decimal, enum, fractions, math, pathlib, types, uuid
class Plain: pass
class Slots:
    __slots__ = ("b", "a")
class Color(enum.Enum):
    RED = 1
class Level(enum.IntEnum):
    LOW = 1
Pair = collections.namedtuple("Pair", "x y")
class Items(list): pass
class Number(int): pass
def function(): pass
p = Plain(); p.z = 1; p.a = [2]
s = Slots(); s.a = 1
"""


@pytest.mark.parametrize(
    "expression, shown, kind, name",
    [
        ("True", "True", 12, "Bool"),
        ("2**63 - 1", str(2**63 - 1), 7, "Int"),
        ("1.0", "'1'", 8, "Float"),
        ("1e22", "'10000000000000000000000'", 8, "Float"),
        ("-1.5e-7", "'-0.00000015'", 8, "Float"),
        ("-0.0", "'-0'", 8, "Float"),
        ("float('nan')", "'NaN'", 8, "Float"),
        ("float('-inf')", "'-inf'", 8, "Float"),
        ("'a\\udc80'", r"'a\\udc80'", 9, "String"),
        ("[1, 'a']", "List[1, 'a']", 0, "List"),
        ("(1,)", "Tuple[1]", 27, "Tuple"),
        ("Pair(1, 2)", "__main__.Pair[1, 2]", 27, "__main__.Pair"),
        ("{'k': 1}", "Dict[Tuple['k', 1]]", 0, "Dict"),
        ("{1}", "Set[1]", 1, "Set"),
        ("frozenset([1])", "FrozenSet[1]", 1, "FrozenSet"),
        ("collections.deque([1])", "collections.deque[1]", 0, "collections.deque"),
        ("Items([1])", "__main__.Items[1]", 0, "__main__.Items"),
        ("Number(4)", "4", 7, "__main__.Number"),
        ("b'a\\x00'", "b'a\\x00'", 16, "bytes"),
        ("bytearray(b'a')", "bytearray(b'a')", 16, "bytearray"),
        ("memoryview(b'a')", "memoryview(b'a')", 16, "memoryview"),
        ("1+2j", "(1+2j)", 16, "complex"),
        ("decimal.Decimal('1E+5')", "Decimal('1E+5')", 16, "decimal.Decimal"),
        ("fractions.Fraction(1, 2)", "Fraction(1, 2)", 16, "fractions.Fraction"),
        ("uuid.UUID(int=1)", "UUID('00000000-0000-0000-0000-000000000001')", 16, "uuid.UUID"),
        ("pathlib.PurePosixPath('/a') / 'b'", "PurePosixPath('/a/b')", 16, None),
        ("range(1, 5)", "range(start=1, stop=5, step=1)", 6, "range"),
        ("slice(2)", "slice(start=None, stop=2, step=None)", 6, "slice"),
        ("Color.RED", "__main__.Color(name='RED', value=1)", 6, "__main__.Color"),
        ("Level.LOW", "__main__.Level(name='LOW', value=1)", 6, "__main__.Level"),
        ("ValueError('v')", "ValueError(args=Tuple['v'])", 6, "ValueError"),
        ("p", "__main__.Plain(z=1, a=List[2])", 6, "__main__.Plain"),
        ("s", "__main__.Slots(a=1)", 6, "__main__.Slots"),
        ("function", "<function __main__.function>", 16, "function"),
        ("len", "<built-in function len>", 16, "builtin_function_or_method"),
        ("math.sin", "<built-in function math.sin>", 16, "builtin_function_or_method"),
        ("[].append", "<built-in function append>", 16, "builtin_function_or_method"),
        ("types.MethodType(function, 1)", "<bound method __main__.function>", 16, "method"),
        ("Plain", "<class __main__.Plain>", 16, "type"),
        ("int", "<class int>", 16, "type"),
        ("[math]", "List[<module math>]", 0, "List"),
        ("...", "Ellipsis", 16, "ellipsis"),
        ("NotImplemented", "NotImplemented", 16, "NotImplementedType"),
    ],
)
def test_row(record, expression, shown, kind, name):
    trace = record(HEADER + "value = %s\nend = 1\n" % expression)
    found = trace.variable("value")
    assert trace.show(found) == shown
    assert trace.type(found)[0] == kind
    if name is not None:
        assert trace.type(found)[1] == name


def test_big_integers(record):
    trace = record("value = -0x0102FF00000000000000\nend = 1\n")
    found = trace.variable("value")
    assert found["kind"] == "BigInt" and found["negative"] is True
    assert base64.b64decode(found["b"]) == bytes([1, 2, 0xFF]) + bytes(7)


@pytest.mark.parametrize(
    "value",
    [
        datetime.date(2024, 2, 29),
        datetime.time(),
        datetime.time(1, 2, 0, 5),
        datetime.time(1, 2, 3, fold=1, tzinfo=datetime.timezone.utc),
        datetime.datetime(2024, 1, 2, 3, 4),
        datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone(datetime.timedelta(hours=-2), "X")),
        datetime.timedelta(),
        datetime.timedelta(days=-1, seconds=5, microseconds=7),
        datetime.timezone(datetime.timedelta(minutes=90)),
    ],
)
def test_dates_look_like_their_repr(record, value):
    assert record("import datetime\nvalue = %r\nend = 1\n" % value).shown("value") == repr(value)


def test_modules_and_builtins_are_no_variables(record):
    trace = record("import sys\nglobals()[5] = 1\nend = 1\n")
    assert "sys" not in trace.names and "__builtins__" not in trace.names and "__name__" in trace.names


def test_cycles(record):
    trace = record("items = [1]\nitems.append(items)\nend = 1\n")
    text = trace.shown("items")
    assert text.startswith("List[1, <cycle: list at 0x") and text.endswith(">]")


def test_long_strings(record):
    trace = record("exact = 'x' * 16384\nlong = 'é' * 8193\nend = 1\n")
    assert trace.variable("exact")["text"] == "x" * 16384
    assert trace.variable("long")["text"] == "é" * 8192 + "‹… 1 more of 8193›"


def test_node_limit(record):
    trace = record("items = list(range(1000))\ntable = {n: n for n in range(500)}\nmany = [[n] for n in range(600)]\nend = 1\n")
    elements = trace.variable("items")["elements"]
    assert len(elements) == 1000 and elements[-1]["r"] == "‹… 1 more of 1000›"
    elements = trace.variable("table")["elements"]
    assert len(elements) == 500 and elements[-1]["r"] == "‹… 1 more of 500›"
    elements = trace.variable("many")["elements"]
    assert len(elements) == 600 and trace.show(elements[398]) == "List[398]"
    assert trace.show(elements[399]) == "List[‹… 1 more of 1›]"


def test_depth_limits(record):
    trace = record(
        """\
        class Link:
            def __init__(self, n): self.n = n
        nested = [[[[[[[1]]]]]]]
        chain = Link(Link(Link(1)))
        end = 1
        """
    )
    assert trace.shown("nested") == "List[List[List[List[List[List[‹… list of 1›]]]]]]"
    assert trace.shown("chain").startswith("__main__.Link(n=__main__.Link(n=‹… __main__.Link at 0x")


def test_nothing_of_the_program_runs(record):
    trace = record(
        """\
        class Meta(type):
            def __getattribute__(cls, name):
                if armed: raise SystemExit(name)
                return super().__getattribute__(name)
            def __hash__(cls): raise SystemExit("hash")
        class Hostile(metaclass=Meta):
            def fail(self, *args): raise SystemExit("called")
            __repr__ = __eq__ = __hash__ = __len__ = __iter__ = __getattribute__ = __bool__ = fail
        armed = False
        h = Hostile()
        armed = True
        several = [h, Hostile]
        end = armed = False
        """
    )
    assert (trace.status, trace.stderr) == (0, "")
    assert trace.shown("several") == "List[__main__.Hostile(), <class __main__.Hostile>]"


def test_classes_of_one_name_have_different_types(record):
    trace = record("def make():\n    class A: pass\n    return A()\npair = [make(), make()]\nend = 1\n")
    first, second = trace.variable("pair")["elements"]
    assert first["type_id"] != second["type_id"] and trace.type(first) == trace.type(second)
