"""Values: each row of docs/values.md, limits and cuts, and that reading them runs nothing and changes nothing. One recording serves all rows.

What a value must look like is computed here, by Python's own repr and by hand, never by the recorder."""

import json
import math
import os
import re
import struct

import pytest

from codetracer_python_recorder import read

SETUP = '''
import array, collections, dataclasses, datetime, decimal, enum, fractions, functools, pathlib, re, struct, sys, types, uuid, zoneinfo, typing
D, F, dt, P = decimal.Decimal, fractions.Fraction, datetime, pathlib
def bits(n): return struct.unpack("<d", n.to_bytes(8, "little"))[0]
class MyInt(int): pass
class MyFloat(float): pass
class MyStr(str): pass
class MyBytes(bytes): pass
class MyList(list): pass
class MyDict(dict): pass
class MyTuple(tuple): pass
class MySet(set): pass
class MyFrozen(frozenset): pass
class MyComplex(complex): pass
class MyByteArray(bytearray): pass
class MyPath(P.PurePosixPath): pass
class MyDecimal(D): pass
class MyDate(dt.date): pass
class MyDeque(collections.deque): pass
class MyError(ValueError):
    def __init__(self, code): self.code = code
class Plain: pass
class Slots:
    __slots__ = ("b", "a", "unset")
class SlotsAndDict(Slots): pass
class Empty: __slots__ = ()
class Color(enum.Enum): RED = 1; BLUE = (2, 3)
class Number(enum.IntEnum): ONE = 1
class Text(enum.StrEnum): A = "a"
class Bits(enum.Flag): R = 1; W = 2
@dataclasses.dataclass
class Data: x: int; y: list
@dataclasses.dataclass(frozen=True, slots=True)
class Frozen: x: int
Point = collections.namedtuple("Point", "x y")
class Typed(typing.NamedTuple):
    a: int
    b: str = "d"
class Outer:
    class Inner:
        def method(self): pass
        @classmethod
        def of_class(cls): pass
class Meta(type): pass
class OfMeta(metaclass=Meta): pass
class Zone(dt.tzinfo):
    def utcoffset(self, d): raise SystemError
def function(): pass
def made(kind, items=(), **attributes):
    value = kind(items) if items != () else kind()
    for name, a in attributes.items(): setattr(value, name, a)
    return value
def cycle_list(): a = [1]; a.append(a); return a
def cycle_dict(): d = {}; d["d"] = d; return d
def cycle_object(): o = Plain(); o.o = [o]; return o
def cycle_tuple(): a = []; t = (a,); a.append(t); return t
def unfilled(): return object.__new__(Plain)
def raised(e):
    try: raise e
    except BaseException as x: return x
def cell(): x = 1; return (lambda: x).__closure__[0]
SHARED = [1]
'''

SPACE = {}
exec(SETUP.replace("__main__", "x"), SPACE)
SPACE["__name__"] = "__main__"


def typed(kind, **rest):
    return {"type": kind, **rest}


def struct_of(kind, **fields):
    return {"type": kind, "fields": fields}


def text_of(kind, text):
    return {"type": kind, "text": text}


def by_repr(kind):
    """The value's own repr, evaluated in this process."""
    return lambda value: text_of(kind, repr(value))


def path(value):
    return text_of(f"{type(value).__module__}.{type(value).__qualname__}", repr(value))


def same(value):
    return value


def items_of(kind, *items, **rest):
    return {"type": kind, "items": list(items), **rest}


BIG = 2**53

# expression: what print --json shows of it, or a function of the value evaluated here
ROWS = {
    "None": None, "True": True, "False": False, "...": text_of("ellipsis", "Ellipsis"), "NotImplemented": text_of("NotImplementedType", "NotImplemented"),
    # integers
    "0": 0, "-1": -1, "111": 111, "112": 112, "-16": -16, "-17": -17, "2**30": 2**30, "-2**30": -(2**30), "2**53-1": BIG - 1, "1-2**53": 1 - BIG,
    **{f"{sign}(2**{n}{delta})": (lambda value: typed("int", value=str(value)))
       for sign in "+-" for n in (60, 62, 63, 64, 90, 119, 120, 121, 500) for delta in ("", "-1", "+1")},
    "2**53": typed("int", value=str(BIG)), "10**4000": typed("int", value=str(10**4000)), "-(10**4000)": typed("int", value=str(-(10**4000))),
    "7**6000": lambda value: typed("int", value=hex(value)),
    # floats
    "1.5": 1.5, "0.1": 0.1, "1e308": 1e308, "5e-324": 5e-324, "1/3": 1 / 3, "-0.0": -0.0, "2.0": 2.0, "1e16": 1e16, "1.7976931348623157e308": 1.7976931348623157e308,
    "float('nan')": typed("float", value="nan"), "float('inf')": typed("float", value="inf"), "-float('inf')": typed("float", value="-inf"),
    "1+2j": by_repr("complex"), "-0.0+0j": by_repr("complex"), "complex(0.0, -0.0)": by_repr("complex"), "complex('nan+infj')": by_repr("complex"),
    "1e20j": by_repr("complex"), "complex(-1.5, 1e-300)": by_repr("complex"),
    # texts
    "''": "", "'a'": "a", "'é' * 11": same, "'é' * 12": same, "'x' * 22": same, "'x' * 23": same, "'€' * 7": same, "'€' * 8": same, "'😀' * 5": same, "'😀' * 6": same,
    "'x' * 10000": same, "'a\\0b\\n\\t\"\\\\'": same, "'\\x7f\\x80\\xff'": same, "'\\u2028'": same,
    "'\\udc80'": "\udc80", "'a\\ud800b'": "a\ud800b", "'\\udcff' * 30": "\udcff" * 30,
    # bytes
    "b''": by_repr("bytes"), "b'abc'": by_repr("bytes"), "bytes(range(256))": by_repr("bytes"), "b\"it's\"": by_repr("bytes"), "b'\\'\"'": by_repr("bytes"),
    "b'x' * 20": by_repr("bytes"), "b'x' * 21": by_repr("bytes"),
    **{e: lambda value: text_of("bytearray", repr(bytes(value))) for e in ("bytearray(b'a\\xff')", "bytearray()", "bytearray(b'y' * 100)")},
    "memoryview(b'ab')": text_of("memoryview", "b'ab'"), "memoryview(bytearray(b'xyz'))[1:]": text_of("memoryview", "b'yz'"),
    "memoryview(array.array('H', [1]))": text_of("memoryview", "b'\\x01\\x00'"),
    # containers
    "[]": [], "[1, [2, []]]": [1, [2, []]], "()": items_of("tuple"), "(1,)": items_of("tuple", 1), "(1, (2, 'x'))": items_of("tuple", 1, items_of("tuple", 2, "x")),
    "{}": {}, "{'b': 1, 'a': [2]}": {"b": 1, "a": [2]}, "{1: 2, (3,): None}": items_of("dict", [1, 2], [items_of("tuple", 3), None]),
    "{'type': 1}": items_of("dict", ["type", 1]), "dict.fromkeys('zyx')": {"z": None, "y": None, "x": None},
    "set()": items_of("set"), "{1}": items_of("set", 1), "frozenset()": items_of("frozenset"), "frozenset({'a'})": items_of("frozenset", "a"),
    "{3, 1, 2}": lambda value: items_of("set", *value), "set(range(0, 100, 7))": lambda value: items_of("set", *value),
    "collections.deque([1, 2])": items_of("collections.deque", 1, 2), "collections.deque(range(200))": lambda value: items_of("collections.deque", *value),
    "collections.deque(maxlen=3)": items_of("collections.deque"), "collections.deque(range(100), maxlen=70)": lambda value: items_of("collections.deque", *value),
    "Point(1, [2])": items_of("__main__.Point", 1, [2]), "Typed(5)": items_of("__main__.Typed", 5, "d"),
    "collections.OrderedDict(b=1, a=2)": items_of("collections.OrderedDict", ["b", 1], ["a", 2], base="dict"),
    "collections.defaultdict(list, {'a': 1})": items_of("collections.defaultdict", ["a", 1], base="dict"),
    "collections.Counter('aab')": items_of("collections.Counter", ["a", 2], ["b", 1], base="dict"),
    "types.MappingProxyType({})": lambda value: typed("mappingproxy", address=None),
    # subclasses, through the base's storage
    "MyInt(5)": lambda v: typed("__main__.MyInt", value=5), "MyInt(2**70)": lambda v: typed("__main__.MyInt", value=typed("int", value=str(2**70))),
    "MyFloat(1.5)": typed("__main__.MyFloat", value=1.5), "MyStr('é')": typed("__main__.MyStr", value="é"),
    "MyBytes(b'a')": typed("__main__.MyBytes", value=text_of("bytes", "b'a'")), "MyComplex(1, 2)": typed("__main__.MyComplex", value=text_of("complex", "(1+2j)")),
    "MyByteArray(b'q')": text_of("__main__.MyByteArray", "b'q'"),
    "MyList([1, 2])": items_of("__main__.MyList", 1, 2, base="list"), "MyTuple((1,))": items_of("__main__.MyTuple", 1, base="tuple"),
    "MyDict(a=1)": items_of("__main__.MyDict", ["a", 1], base="dict"), "MySet([1])": items_of("__main__.MySet", 1, base="set"),
    "MyFrozen([1])": items_of("__main__.MyFrozen", 1), "MyDeque([1])": items_of("__main__.MyDeque", 1),
    "made(MyList, [1], extra=2)": items_of("__main__.MyList", 1, base="list", fields={"extra": 2}),
    "made(MyDict, {'k': 1}, extra=[3])": items_of("__main__.MyDict", ["k", 1], base="dict", fields={"extra": [3]}),
    # literals from C storage
    **{f"D({text!r})": by_repr("decimal.Decimal") for text in (
        "1.5", "0", "-0", "-0.00", "1E+10", "1E-10", "0.000001", "0.0000001", "123456789012345678901234567890.5", "NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity",
        "1E+999999", "9.99E-400", "0E-8", "0E+3", "1" + "0" * 60, "12.30", "-123E-3", "1E1")},
    "MyDecimal('2.5')": text_of("__main__.MyDecimal", "Decimal('2.5')"),
    **{f"F({a}, {b})": by_repr("fractions.Fraction") for a, b in ((1, 2), (-3, 7), (0, 1), (10**30, 7), (4, 2))},
    "uuid.UUID(int=0)": by_repr("uuid.UUID"), "uuid.UUID('12345678123456781234567812345678')": by_repr("uuid.UUID"), "uuid.UUID(int=2**128-1)": by_repr("uuid.UUID"),
    **{expression: by_repr("datetime." + kind) for expression, kind in (
        ("dt.date(2024, 2, 29)", "date"), ("dt.date.min", "date"), ("dt.date.max", "date"), ("dt.time(1, 2)", "time"), ("dt.time(1, 2, 3)", "time"), ("dt.time(0, 0, 0, 5)", "time"),
        ("dt.time(1, 2, fold=1)", "time"), ("dt.time(1, 2, tzinfo=dt.timezone.utc)", "time"), ("dt.datetime(2024, 1, 2)", "datetime"), ("dt.datetime(2024, 1, 2, 3, 4, 5)", "datetime"),
        ("dt.datetime(2024, 1, 2, 3, 4, 5, 6)", "datetime"), ("dt.datetime(1, 1, 1, 0, 0, 7)", "datetime"), ("dt.datetime(2024, 1, 1, fold=1)", "datetime"),
        ("dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)", "datetime"), ("dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-5, minutes=30), 'X'))", "datetime"),
        ("dt.datetime.max", "datetime"), ("dt.timedelta()", "timedelta"), ("dt.timedelta(1, 2, 3)", "timedelta"), ("dt.timedelta(-1)", "timedelta"), ("dt.timedelta(seconds=-1)", "timedelta"),
        ("dt.timedelta(microseconds=5)", "timedelta"), ("dt.timedelta.max", "timedelta"), ("dt.timezone.utc", "timezone"), ("dt.timezone(dt.timedelta(hours=2))", "timezone"),
        ("dt.timezone(dt.timedelta(hours=2), \"it's\")", "timezone"), ("dt.timezone(-dt.timedelta(seconds=61))", "timezone"))},
    "MyDate(2020, 1, 2)": text_of("__main__.MyDate", "datetime.date(2020, 1, 2)"),
    **{f"P.{kind}({text!r})": path for kind in ("PurePosixPath", "PosixPath", "PureWindowsPath") for text in
       ("/a/b", "", ".", "a//b/./c/", "/", "//x/y", "///z", "..", "é'\"", "c:/d") if kind != "PureWindowsPath" or text[:2] != "//"},
    "P.PurePosixPath('a', '/b', 'c')": path, "P.PurePosixPath('/a') / 'b' / 'c'": path,
    "P.PurePosixPath('/a/b/c').parent": path, "P.PurePosixPath('/a/b.c').with_suffix('.d')": path,
    "P.Path('/x').joinpath('y', 'z')": path,
    "MyPath('/q')": text_of("__main__.MyPath", "MyPath('/q')"),
    # structs
    "range(3)": struct_of("range", start=0, stop=3, step=1), "range(5, -5, -2)": struct_of("range", start=5, stop=-5, step=-2),
    "range(2**70)": struct_of("range", start=0, stop=typed("int", value=str(2**70)), step=1),
    "slice(3)": struct_of("slice", start=None, stop=3, step=None), "slice('a', [1], 2)": struct_of("slice", start="a", stop=[1], step=2),
    "Color.RED": struct_of("__main__.Color", name="RED", value=1), "Color.BLUE": struct_of("__main__.Color", name="BLUE", value=items_of("tuple", 2, 3)),
    "Number.ONE": struct_of("__main__.Number", name="ONE", value=1), "Text.A": struct_of("__main__.Text", name="A", value="a"),
    "Bits.R": struct_of("__main__.Bits", name="R", value=1), "Bits.R | Bits.W": struct_of("__main__.Bits", name="R|W", value=3),
    "ValueError('x', 1)": struct_of("ValueError", args=items_of("tuple", "x", 1)), "raised(KeyError('k'))": struct_of("KeyError", args=items_of("tuple", "k")),
    "raised(OSError(2, 'no', 'f'))": struct_of("FileNotFoundError", args=items_of("tuple", 2, "no")),
    "MyError(7)": struct_of("__main__.MyError", args=items_of("tuple", 7), code=7), "SystemExit(3)": struct_of("SystemExit", args=items_of("tuple", 3)),
    "ExceptionGroup('g', [ValueError(1)])": struct_of("ExceptionGroup", args=items_of("tuple", "g", [struct_of("ValueError", args=items_of("tuple", 1))])),
    "Plain()": struct_of("__main__.Plain"), "made(Plain, x=1, y='z')": struct_of("__main__.Plain", x=1, y="z"), "unfilled()": struct_of("__main__.Plain"),
    "made(Slots, a=1)": struct_of("__main__.Slots", a=1), "made(Slots, a=1, b=2)": struct_of("__main__.Slots", a=1, b=2),
    "made(SlotsAndDict, c=3, b=2)": struct_of("__main__.SlotsAndDict", b=2, c=3), "Empty()": struct_of("__main__.Empty"),
    "Data(1, [2])": struct_of("__main__.Data", x=1, y=[2]), "Frozen(9)": struct_of("__main__.Frozen", x=9),
    "made(Outer.Inner, q=1)": struct_of("__main__.Outer.Inner", q=1), "OfMeta()": struct_of("__main__.OfMeta"),
    "types.SimpleNamespace(a=1)": struct_of("types.SimpleNamespace", a=1),
    # things with names
    "function": text_of("function", "<function __main__.function>"), "lambda: 1": text_of("function", "<function __main__.<lambda>>"),
    "Outer.Inner.method": text_of("function", "<function __main__.Outer.Inner.method>"), "json_dumps": text_of("function", "<function json.dumps>"),
    "len": text_of("builtin_function_or_method", "<built-in function len>"), "os.getpid": text_of("builtin_function_or_method", "<built-in function posix.getpid>"),
    "[].append": text_of("builtin_function_or_method", "<built-in function append>"),
    "Outer.Inner().method": text_of("method", "<bound method __main__.Outer.Inner.method>"), "Outer.Inner.of_class": text_of("method", "<bound method __main__.Outer.Inner.of_class>"),
    "int": text_of("type", "<class int>"), "Outer.Inner": text_of("type", "<class __main__.Outer.Inner>"), "OfMeta": text_of("__main__.Meta", "<class __main__.OfMeta>"),
    "Meta": text_of("type", "<class __main__.Meta>"), "D": text_of("type", "<class decimal.Decimal>"),
    "[sys]": [text_of("module", "<module sys>")],
    # anything else
    "object()": typed("object", address=None), "iter([])": typed("list_iterator", address=None), "cell()": typed("cell", address=None), "(x for x in ())": typed("generator", address=None),
    "re.compile('a')": typed("re.Pattern", address=None), "array.array('i', [1])": typed("array.array", address=None),
    "{}.keys()": typed("dict_keys", address=None), "property()": typed("property", address=None),
    # identity
    "cycle_list()": [1, typed("list", cycle=True, address=None, length=2)], "cycle_dict()": {"d": typed("dict", cycle=True, address=None, length=1)},
    "cycle_object()": struct_of("__main__.Plain", o=[typed("__main__.Plain", cycle=True, address=None)]),
    "cycle_tuple()": items_of("tuple", [typed("tuple", cycle=True, address=None, length=1)]),
    "[SHARED, SHARED]": [[1], [1]], "{'a': SHARED, 'b': (SHARED,)}": {"a": [1], "b": items_of("tuple", [1])},
    # depth: 6 containers, 3 attributes
    "[[[[[[1]]]]]]": [[[[[[1]]]]]], "[[[[[[[1]]]]]]]": [[[[[[typed("list", cut=True, address=None, length=1)]]]]]],
    "[[[[[[[]]]]]]]": lambda value: ANYTHING,
    "made(Plain, a=made(Plain, b=made(Plain, c=1)))": struct_of("__main__.Plain", a=struct_of("__main__.Plain", b=struct_of("__main__.Plain", c=1))),
    "made(Plain, a=made(Plain, b=made(Plain, c=made(Plain, d=1))))":
        struct_of("__main__.Plain", a=struct_of("__main__.Plain", b=struct_of("__main__.Plain", c=typed("__main__.Plain", cut=True, address=None)))),
}  # fmt: skip

ANYTHING = object()
EXPRESSIONS = list(ROWS)
IN_PROGRAM = "import os\nfrom json import dumps as json_dumps\ndef show(v): pass\n"


def without_addresses(value):
    if isinstance(value, dict):
        return {key: None if key == "address" else without_addresses(item) for key, item in value.items()}
    return [without_addresses(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """By expression: what was shown, and what python_inside said (asserted by record_journal)."""
    import reading

    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")
    code = SETUP + IN_PROGRAM + "".join(f"show({expression})\n" for expression in EXPRESSIONS)
    answer = reading.record_journal(tmp_path_factory.mktemp("values"), code)
    arguments = answer.arguments("show")
    assert len(arguments) == len(EXPRESSIONS)
    return {expression: argument.get("v", "absent") for expression, argument in zip(EXPRESSIONS, arguments)}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_row(shown, expression):
    expected = ROWS[expression]
    if callable(expected):
        expected = expected(eval(expression, {**SPACE, "json_dumps": json.dumps, "os": os}))
    if expected is ANYTHING:
        return
    seen = without_addresses(shown[expression])
    if isinstance(seen, dict) and isinstance(expected, dict) and "base" not in expected:
        seen.pop("base", None)
    equal = seen == expected and (repr(seen) == repr(expected) or not isinstance(seen, float))  # -0.0
    assert equal, f"{ascii(seen)} is not {ascii(expected)}"  # ascii: a report with lone surrogates could not be sent


def test_module_as_variable_is_left_out(journal):
    seen = journal("import sys\ndef f(m, n): return m\nf(sys, [sys])\n")
    assert seen.arguments("f") == [{"n": [{"type": "module", "text": "<module sys>"}]}]


def test_every_bit_of_a_float(journal):
    """Signs, subnormals, extremes."""
    patterns = [0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000001, 0x7FF8DEADBEEFCAFE, 0x8000000000000000, 1, 0x800FFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF, 0x3FF0000000000001]
    answer = journal(f"import struct\ndef f(v): pass\nfor n in {patterns}: f(struct.unpack('<d', n.to_bytes(8, 'little'))[0])\n")
    seen = [argument["v"] for argument in answer.arguments("f")]
    for pattern, value in zip(patterns, seen):
        expected = struct.unpack("<d", pattern.to_bytes(8, "little"))[0]
        if math.isnan(expected):
            assert value == {"type": "float", "value": "nan"}
        else:
            assert struct.pack("<d", value) == struct.pack("<d", expected)


def test_huge_integers(journal):
    answer = journal("def f(v): pass\nf(3 ** 20000)\nf(-(7 ** 9000))\n")
    assert [int(argument["v"]["value"], 0) for argument in answer.arguments("f")] == [3**20000, -(7**9000)]


def test_lone_surrogates_stay_apart(journal):
    """As they are in the journal: a text that holds the escape's letters is another one."""
    answer = journal("def f(a, b): return a == b\nf('\\udc80', '\\\\udc80')\n")
    assert ascii(answer.arguments("f")) == r"[{'a': '\udc80', 'b': '\\udc80'}]" and answer.of("return", function="f")[0]["value"] is False


def test_nan_payloads_are_in_the_journal(plain, tmp_path):
    """By its bytes, in the mapping that a process leaves that ends without stop(): blocks are not compressed there. Tag 08, then the IEEE bits."""
    patterns = [0x7FF8000000000001, 0xFFF8000000000000, 0x7FF8DEADBEEFCAFE, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF]
    code = f"""
import os, struct
from codetracer_python_recorder import start
def f(v): pass
start("t")
for n in {patterns}: f(struct.unpack('<d', n.to_bytes(8, 'little'))[0])
os._exit(0)
"""
    answer = plain(code=code)
    assert answer.status == 0, answer
    (live,) = tmp_path.glob("t/**/journal.live")
    raw = live.read_bytes()
    assert [pattern for pattern in patterns if b"\x08" + struct.pack("<Q", pattern) not in raw] == []


# ---- limits ----


def test_limit_of_items(journal):
    answer = journal(
        "def f(v): pass\nf(list(range(12)))\nf(tuple(range(10)))\nf({n: n for n in range(15)})\nf(set(range(11)))\n",
        options=("--max-items", 10),
    )
    shown = [argument["v"] for argument in answer.arguments("f")]
    assert shown[0] == {"type": "list", "items": list(range(10)), "length": 12}
    assert shown[1] == items_of("tuple", *range(10))
    assert shown[2] == {"type": "dict", "items": [[n, n] for n in range(10)], "length": 15}
    assert shown[3] == {"type": "set", "items": list(range(10)), "length": 11}
    assert answer.summary["cut_items"] >= 3


def test_limit_of_strings(journal):
    code = "def f(v): pass\nf('x' * 100)\nf('x' * 16)\nf('é' * 20)\nf('é' * 8)\nf('x' * 17)\nf('€€€€€€')\nf(b'y' * 40)\n"
    answer = journal(code, options=("--max-string", 16))
    shown = [argument["v"] for argument in answer.arguments("f")]
    assert shown[0] == {"type": "str", "value": "x" * 16, "length": 100} and shown[1] == "x" * 16
    assert shown[2] == {"type": "str", "value": "é" * 8, "length": 20} and shown[3] == "é" * 8
    assert shown[4] == {"type": "str", "value": "x" * 16, "length": 17}
    assert shown[5] == {"type": "str", "value": "€" * 5, "length": 6}
    assert shown[6]["type"] == "bytes" and shown[6]["length"] == 40
    assert answer.summary["cut_string"] >= 5


def test_limits_of_depth(journal):
    answer = journal(
        "class C: pass\ndef f(v): pass\nc = C(); c.c = C(); c.c.c = 1\nf([[1]])\nf(c)\nf([c])\nf({'a': (1,)})\n", options=("--max-depth", 1, "--max-attr-depth", 1)
    )
    shown = [without_addresses(argument["v"]) for argument in answer.arguments("f")]
    assert shown[0] == [{"type": "list", "cut": True, "address": None, "length": 1}]
    assert shown[1] == struct_of("__main__.C", c={"type": "__main__.C", "cut": True, "address": None})
    assert shown[2] == [struct_of("__main__.C", c={"type": "__main__.C", "cut": True, "address": None})]
    assert shown[3] == {"a": {"type": "tuple", "cut": True, "address": None, "length": 1}}
    assert answer.summary["cut_depth"] >= 3


def test_depth_of_a_containers_attributes(journal):
    """A field of a list's subclass is one attribute level below it, and none of containers: it is looked at where readers show it, and nothing old is shown."""
    code = """
class L(list): pass
def f(v): pass
inner = [1]
deep = L(); deep.next = L(); deep.next.inner = inner
l = L(); l.inner = inner
f(inner); inner[0] = 2; f([l]); inner[0] = 3; f([l]); inner[0] = 4; f([deep])
"""
    answer = journal(code, options=("--max-depth", 2, "--max-attr-depth", 1))
    shown = [without_addresses(argument["v"]) for argument in answer.arguments("f")]
    assert [value[0]["fields"] for value in shown[1:3]] == [{"inner": [2]}, {"inner": [3]}]
    assert shown[3][0]["fields"]["next"] == {"type": "__main__.L", "base": "list", "items": []}, "no attribute level is left for its inner"
    with read(answer.trace) as trace:
        assert [call.arguments["v"][0].fields["inner"] for call in [call for call in trace.calls if call.function == "f"][1:3]] == [[2], [3]]


def test_objects_can_be_shown_without_attributes(record, tmp_path):
    """--export-depth 6,0: what their type and address say, as deep in a list as alone; other values are whole."""
    program = tmp_path / "program.py"
    program.write_text("class Point:\n    def __init__(self): self.x = 4711\np = Point()\nl = [p, [5]]\nend = 1\n")
    answer = record("--format=json", "--export-depth", "6,0", program)
    events = json.loads((answer.trace / "trace.json").read_text())
    names = [event["VariableName"] for event in events if "VariableName" in event]
    last = {names[event["Value"]["variable_id"]]: event["Value"]["value"] for event in events if "Value" in event}
    assert last["p"]["kind"] == "Raw" and re.fullmatch(r"‹… __main__\.Point at 0x[0-9a-f]+›", last["p"]["r"])
    assert last["l"]["elements"][0] == last["p"]
    assert last["l"]["elements"][1]["elements"][0]["i"] == 5
    assert "4711" not in json.dumps([value for name, value in last.items() if name in "pl"])


def test_default_limits_keep_ten_thousand_items_and_a_megabyte(journal):
    answer = journal("def f(v): pass\nf(list(range(10_000)))\nf('x' * (1 << 20))\nf(list(range(10_001)))\nf('x' * ((1 << 20) + 1))\n")
    values = [argument["v"] for argument in answer.arguments("f")]
    assert len(values[0]) <= 10_000 if isinstance(values[0], list) else values[0]["length"] == 10_000
    assert values[1] == "x" * (1 << 20)
    assert values[2]["length"] == 10_001 and values[3]["length"] == (1 << 20) + 1
    assert answer.summary["cut_items"] == 1 and answer.summary["cut_string"] == 1


# ---- change ----


def test_changes_from_outside_are_seen_at_the_next_line(journal):
    """Objects that another function, a callback from C, or another variable's methods change."""
    answer = journal(
        """
import random, heapq
class C: pass
def change(c, d):
    c[0].append(1); d["x"].y = {"n": len(c[0])}
def f():
    inner, o = [], C()
    c, d = (inner,), {"x": o}
    change(c, d)
    a = 1
    heapq.heappush(inner, 0)
    del o.y
    b = 2
f()
"""
    )
    steps = {event["line"]: event["locals"] for event in answer.of("step", function="f")}
    assert steps[10]["c"] == items_of("tuple", [1]) and steps[10]["d"] == {"x": struct_of("__main__.C", y={"n": 1})}
    assert steps[11]["inner"] == [1] and steps[12]["inner"] == [0, 1] and steps[13]["o"] == struct_of("__main__.C")
    assert steps[9]["c"] == items_of("tuple", []) and steps[9]["d"] == {"x": struct_of("__main__.C")}


def test_list_at_every_step_is_what_it_was(journal):
    """A random list of operations; what the journal shows at each step is what the program itself noted."""
    answer = journal(
        """
import random
r = random.Random(7)
noted = []
def check(x, d, s): noted.append((list(x), dict(d), sorted(s)))
def f():
    x, d, s = [], {}, set()
    for n in range(400):
        k = r.randrange(8)
        if k == 0: x.append(n)
        elif k == 1: x[r.randrange(len(x) + 1):r.randrange(len(x) + 1)] = [n] * r.randrange(3)
        elif k == 2 and x: x.pop(r.randrange(len(x)))
        elif k == 3: x.sort(reverse=n % 2); x.insert(0, n)
        elif k == 4: d[r.randrange(9)] = n; s.add(n % 20)
        elif k == 5: d.pop(r.randrange(9), None); s.discard(r.randrange(20))
        elif k == 6 and n % 5 == 0: x = x[:5]; d = dict(d); s = set(s)
        elif k == 7: x += d.values(); x *= 1; x[::3] = x[::3][::-1]; del x[20:]
        check(x, d, s)
f()
print(repr(noted))
"""
    )
    noted = eval(answer.out)

    def plain(value):
        if isinstance(value, dict) and value.get("type") == "dict":
            return {key: plain(item) for key, item in value["items"]}
        if isinstance(value, dict) and value.get("type") == "set":
            return sorted(value["items"])
        return value

    seen = [tuple(plain(event["locals"][name]) for name in "xds") for event in answer.of("step", function="f") if event["line"] == 18]
    assert seen == [tuple(entry) for entry in noted] and len(seen) == 400


# ---- harmless ----

HOSTILE = '''
import sys
log = []
def bad(name):
    def method(self, *args, **kwargs):
        log.append(name)
        raise SystemError(name)
    return method
NAMES = """repr str bytes format hash bool len length_hint getitem missing iter reversed contains call getattr getattribute dir eq ne lt le gt ge
add radd int float complex index round trunc floor ceil abs neg pos invert enter exit copy deepcopy reduce reduce_ex getstate sizeof fspath
instancecheck subclasscheck class_getitem get set delete next await aiter anext buffer del_ mro_entries prepare"""
body = {f"__{name}__": bad(name) for name in NAMES.split()}
for name in ("__class__", "__dict__", "__slots__x", "__weakref__x", "__module__x", "__name__", "__qualname__x", "args", "name", "value", "_fields_x"):
    body[name.replace("x", "")] = property(bad(name)) if not name.endswith("x") else body.get(name)
body = {k: v for k, v in body.items() if v is not None}
bases = {"Obj": object, "Lst": list, "Dct": dict, "Tpl": tuple, "St": set, "Intg": int, "Flt": float, "Txt": str, "Byt": bytes, "Err": Exception}
def make(kind, base):
    namespace = {k: v for k, v in body.items() if k not in ("__getattribute__", "__class__")}
    return type(kind, (base,), namespace), type(kind + "All", (base,), body)
class Meta(type):
    for name in ("repr", "call", "getattribute", "instancecheck", "subclasscheck", "hash", "eq", "dir", "len", "bool", "iter"):
        if name not in ("call", "getattribute"): locals()[f"__{name}__"] = bad("meta " + name)
    del name
OfMeta = Meta("OfMeta", (), {})
class Dictionary(dict):
    __getitem__ = __contains__ = keys = items = values = get = __iter__ = __len__ = bad("dictionary")
objects = []
for kind, base in bases.items():
    for made in make(kind, base):
        objects.append(base.__new__(made))
holder = type("Holder", (), {})()
object.__setattr__(holder, "__dict__", Dictionary(a=1))
objects += [OfMeta, type.__call__(OfMeta), holder]
def show(o, box):
    x = o
    return x
for o in objects: show(o, [o, (o,), {"k": o}])
class Key:
    def __hash__(self): log.append("hash"); return 1
    def __eq__(self, other): log.append("eq"); return self is other
keys = {Key(): 1, Key(): 2}
del log[:]
def more(k, s): return k
more(keys, set(keys)); del log[:]
more(keys, keys)
print(log, len(objects))
'''


def test_no_method_of_a_hostile_object_is_called(journal):
    plain_answer = journal(HOSTILE, plainly=True)
    answer = journal(HOSTILE)
    assert (answer.out, answer.err) == (plain_answer.out, plain_answer.err) and answer.out.startswith("[] ")
    assert len(answer.of("call", function="show")) == int(answer.out.split()[1])
    assert not answer.of("call", function="bad.<locals>.method")


@pytest.mark.skipif(bool(os.environ.get("CODETRACER_SANITIZE")), reason="a sanitizer's allocator never extends a block in place: times mean nothing")
def test_strings_built_in_place_stay_linear(journal):
    """CPython extends a str in place only while nobody else holds it and it has no hash: recording must not change that."""
    code = """
import time
def build(n):
    s = ""
    begin = time.process_time()
    for i in range(n):
        s += "0123456789" * 100
    return time.process_time() - begin
build(10)
small, large = min(build(100) for _ in range(3)), build(800)
print(large / max(small, 1e-3))
"""
    answer = journal(code, options=("--max-string", 64), events=False)
    assert float(answer.out) < 8 * 5, answer.out


# Garbage of the interpreter's own modules is collected first (`types` leaves a class): whether that was done depends on how much was allocated before the program began.
SAME = """
import sys, weakref, gc
gc.collect()
class C:
    def __init__(self, n): self.n = n
    def __del__(self): order.append(("del", self.n))
order = []
def f(n):
    c = C(n)
    r = weakref.ref(c, lambda _: order.append(("ref", n)))
    keep = [c]
    box = {"c": c, "t": (c, keep)}
    order.append(sys.getrefcount(c)); order.append(sys.getrefcount(keep)); order.append(sys.getrefcount(box)); order.append(sys.getrefcount(box["t"]))
    c = None
    box.clear()
    keep.pop()
    order.append(("end", n))
    s = "x" * 50 + str(n); i = 10 ** 20 + n; b = b"y" * 60 + bytes([n]); x = n / 3
    order.append([sys.getrefcount(v) for v in (s, i, b, x)])
    e = None
    try: raise ValueError(C(-n))
    except ValueError as error: order.append(sys.getrefcount(error))
    g = (v for v in keep); order.append(sys.getrefcount(g)); del g
    return r
for n in range(5):
    r = f(n)
    order.append(r() is None)
class Node:
    def __init__(self): self.me = self
    def __del__(self): order.append("node")
Node(); order.append(gc.collect()); order.append(len(gc.garbage))
for entry in order: print(entry)
"""


def test_references_and_deaths_are_as_without_us(same):
    same(code=SAME)


def test_no_object_of_ours_is_tracked(journal):
    """The number of objects that the garbage collector knows does not depend on how many steps were recorded, and its runs come when they did."""
    code = """
import gc
runs = []
gc.callbacks.append(lambda phase, info: runs.append(info["generation"]) if phase == "start" else None)
class C:
    def __init__(self, n): self.n = n; self.next = [n]
def steps(n):
    for i in range(n):
        x = C(i)
        y = {"k": x, "l": [i]}
gc.collect(); steps(10); gc.collect(); before = len(gc.get_objects())
steps(3000); gc.collect(); after = len(gc.get_objects())
print(after - before, gc.get_count()[1:], len(runs))
kinds = {type(o).__module__.split(".")[0] for o in gc.get_objects()}
"""
    alone, answer = journal(code, plainly=True), journal(code, events=False)
    assert answer.out.split()[0] == alone.out.split()[0]
    assert abs(int(answer.out.split()[-1]) - int(alone.out.split()[-1])) <= 1


def test_hash_and_utf8_of_texts_are_not_filled(journal):
    """ctypes reads the C storage of a str before and after it was recorded."""
    code = """
import ctypes
def state(s): return ctypes.c_ssize_t.from_address(id(s) + 24).value, ctypes.c_ssize_t.from_address(id(s) + 40).value if not s.isascii() else 0
def f(s):
    t = s
    return t
for make in ("abc" * 40, "é€😀" * 40):
    s = make[:-1] + "z"
    before = state(s)
    f(s); f([s])
    print(before == state(s), before)
"""
    answer = journal(code, events=False)
    assert answer.out == "True (-1, 0)\nTrue (-1, 0)\n"
