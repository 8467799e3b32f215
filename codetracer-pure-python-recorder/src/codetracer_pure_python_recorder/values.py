"""Turns Python values into value records, as docs/values.md of the project describes them.

No method of the traced program may run here: types are taken with `type()`, never from `__class__`; storage is read
through the methods and descriptors of the built-in base (`list.__getitem__`, the `__dict__` descriptor of the type);
nothing asks a value for its repr, length, hash or equality. Tables are keyed by `id(type)`, for a metaclass may define
`__hash__` and `__eq__`.
"""

import base64
import collections
import datetime
import decimal
import enum
import fractions
import itertools
import pathlib
import types
import uuid
import weakref

from codetracer_pure_python_recorder.writer import utf8_text

MAX_NODES = 1000
MAX_CONTAINER_LEVEL = 6
MAX_ATTRIBUTE_LEVEL = 2
MAX_STRING_BYTES = 16 * 1024

SEQ, SET, STRUCT, INT, FLOAT, STRING, BOOL, RAW, TUPLE, NONE, ANY = 0, 1, 6, 7, 8, 9, 12, 16, 27, 30, 32

MISSING = object()
DECIMAL_CONTEXT = decimal.Context(capitals=1)
INT64 = range(-(1 << 63), 1 << 63)


# What can be known of a type without asking it.

_type_mro = type.__dict__["__mro__"].__get__
_type_dict = type.__dict__["__dict__"].__get__
_type_module = type.__dict__["__module__"].__get__
_type_qualname = type.__dict__["__qualname__"].__get__
_type_dictoffset = type.__dict__["__dictoffset__"].__get__


def mro(cls):
    return _type_mro(cls) or (cls, object)


def is_a(cls, base):
    return any(ancestor is base for ancestor in mro(cls))


def qualname(cls):
    try:
        module = _type_module(cls)
    except AttributeError:
        module = None
    return dotted(module, _type_qualname(cls))


def dotted(module, name):
    """MODULE.NAME, or only NAME when the module is `builtins` or no string."""
    name = utf8_text(name)
    if not is_a(type(module), str):
        return name
    module = utf8_text(module)
    return name if module == "builtins" else module + "." + name


def descriptor(base, name):
    """The reader of a slot or getset of a standard class, which works on its subclasses' instances too."""
    return base.__dict__[name].__get__


# What can be read of an instance.


def instance_dict(value, cls):
    """The instance's own dict, an empty one if the type has one that cannot be read, None if the type has none."""
    if _type_dictoffset(cls) == 0:
        return None
    for ancestor in mro(cls):
        entry = _type_dict(ancestor).get("__dict__")
        if type(entry) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            found = entry.__get__(value, cls)
            return found if is_a(type(found), dict) else {}
    return {}


def slot_items(value, cls):
    """The filled `__slots__` as (name, value), base classes first, a class's own in the order of their storage."""
    for ancestor in reversed(mro(cls)):
        namespace = _type_dict(ancestor)
        if "__slots__" not in namespace:
            continue
        for name, member in list(namespace.items()):
            if type(member) is types.MemberDescriptorType and member.__objclass__ is ancestor:
                try:
                    yield member.__name__, member.__get__(value, cls)
                except AttributeError:
                    pass


def attribute_items(value, cls):
    items = list(slot_items(value, cls))
    own = instance_dict(value, cls)
    if own is not None:
        items += [(name, item) for name, item in list(dict.items(own)) if is_a(type(name), str)]
    return items


def has_attributes(cls):
    return _type_dictoffset(cls) != 0 or any("__slots__" in _type_dict(ancestor) for ancestor in mro(cls))


# Texts of the standard types that are shown as Raw.


def float_text(number):
    """As Rust displays an f64: the shortest digits that round-trip, never an exponent."""
    text = float.__repr__(number)
    if text == "nan":
        return "NaN"
    if "e" in text:
        text = format(decimal.Decimal(text), "f")
    return text[:-2] if text.endswith(".0") else text


def cut_mark(left_out, total):
    return "‹… %d more of %d›" % (left_out, total)


def string_text(text):
    text = str.__str__(text)
    if len(text.encode("utf-8", "surrogatepass")) <= MAX_STRING_BYTES:
        return utf8_text(text)
    size = kept = 0
    for character in text:
        size += len(character.encode("utf-8", "surrogatepass"))
        if size > MAX_STRING_BYTES:
            break
        kept += 1
    return utf8_text(text[:kept]) + cut_mark(len(text) - kept, len(text))


def bytes_text(template, data):
    text = template % bytes.__repr__(data[:MAX_STRING_BYTES])
    if len(data) > MAX_STRING_BYTES:
        text += cut_mark(len(data) - MAX_STRING_BYTES, len(data))
    return text


def timedelta_text(value):
    parts = []
    for name in ("days", "seconds", "microseconds"):
        number = descriptor(datetime.timedelta, name)(value)
        if number:
            parts.append("%s=%d" % (name, number))
    return "datetime.timedelta(%s)" % (", ".join(parts) or "0")


def timezone_text(value):
    if value is datetime.timezone.utc:
        return "datetime.timezone.utc"
    offset, *name = datetime.timezone.__getinitargs__(value)
    return "datetime.timezone(%s)" % ", ".join([timedelta_text(offset)] + [str.__repr__(part) for part in name])


def datetime_text(base, value):
    """The text of `repr` for date, time and datetime, without asking a foreign tzinfo."""

    def get(name):
        return descriptor(base, name)(value)

    numbers = []
    if base is not datetime.time:
        numbers += [descriptor(datetime.date, name)(value) for name in ("year", "month", "day")]
    if base is not datetime.date:
        numbers += [get("hour"), get("minute")]
        if get("second") or get("microsecond"):
            numbers.append(get("second"))
        if get("microsecond"):
            numbers.append(get("microsecond"))
    parts = [str(number) for number in numbers]
    if base is not datetime.date:
        zone = get("tzinfo")
        keywords = ["fold=1"] if get("fold") else []
        if zone is not None:
            keywords.append("tzinfo=" + (timezone_text(zone) if type(zone) is datetime.timezone else address_text(zone)))
        parts += keywords if base is datetime.datetime else reversed(keywords)  # as CPython orders them
    return "datetime.%s(%s)" % (base.__name__, ", ".join(parts))


def path_text(value, cls):
    """The text is built by a plain path of the same flavour, so that no method of a subclass runs."""
    windows = is_a(cls, pathlib.PureWindowsPath)
    plain = pathlib.PureWindowsPath if windows else pathlib.PurePosixPath
    if "_raw_paths" in pathlib.PurePath.__dict__:
        text = plain(*descriptor(pathlib.PurePath, "_raw_paths")(value)).as_posix()
    else:  # before Python 3.12
        drive, root, parts = (descriptor(pathlib.PurePath, name)(value) for name in ("_drv", "_root", "_parts"))
        text = plain._from_parsed_parts(drive, root, parts).as_posix()
    return "%s(%s)" % (utf8_text(type.__dict__["__name__"].__get__(cls)), str.__repr__(text))


def address_text(value):
    return "<%s at 0x%x>" % (qualname(type(value)), id(value))


def callable_name(function):
    """MODULE.NAME of what a bound method is bound to."""
    if type(function) is types.FunctionType:
        return dotted(function.__module__, function.__qualname__)
    if is_a(type(function), types.BuiltinFunctionType):
        return dotted(function.__module__, function.__name__)
    if is_a(type(function), type):
        return qualname(function)
    return qualname(type(function))


def module_name(module):
    name = descriptor(types.ModuleType, "__dict__")(module).get("__name__")
    return utf8_text(name) if is_a(type(name), str) else "?"


# The nodes of a value that is being encoded.


class Container:
    def __init__(self, record_kind, type_id, length, take, pairs=False):
        self.record_kind = record_kind
        self.type_id = type_id
        self.length = length
        self.take = take  # take(n) -> the first n items, (key, value) tuples if `pairs`
        self.pairs = pairs


class Instance:
    def __init__(self, fields):
        self.fields = fields


class ValueEncoder:
    """`encode(value)` gives the record; types are defined in the writer on the way."""

    def __init__(self, writer):
        self._writer = writer
        self._classes = {}  # id(class) -> (weak reference, number): identity of classes without keeping them alive
        self._class_count = 0
        self.hidden_types = ()  # ids of the recorder's own types, which are left out of instances
        self.stand_ins = {}  # id(type of a stand-in of the recorder) -> function that gives what it stands for
        self._readers = {
            id(base): reader
            for base, reader in [
                (type(None), self._none),
                (bool, self._bool),
                (int, self._int),
                (float, self._float),
                (str, self._str),
                (list, self._list),
                (tuple, self._tuple),
                (dict, self._dict),
                (set, self._set),
                (frozenset, self._set),
                (collections.deque, self._deque),
                (bytes, self._bytes),
                (bytearray, self._bytearray),
                (memoryview, self._memoryview),
                (complex, self._complex),
                (decimal.Decimal, self._decimal),
                (fractions.Fraction, self._fraction),
                (uuid.UUID, self._uuid),
                (datetime.datetime, self._datetime),
                (datetime.date, self._datetime),
                (datetime.time, self._datetime),
                (datetime.timedelta, self._timedelta),
                (datetime.timezone, self._timezone),
                (pathlib.PurePath, self._path),
                (range, self._range),
                (slice, self._range),
                (BaseException, self._exception),
                (types.FunctionType, self._function),
                (types.BuiltinFunctionType, self._builtin),
                (types.MethodType, self._method),
                (type, self._class),
                (types.ModuleType, self._module),
                (type(...), self._constant),
                (type(NotImplemented), self._constant),
            ]
        }

    def encode(self, value):
        """Breadth first, so that the limit on nodes keeps what is nearest to the variable."""
        root = {}
        queue = collections.deque()
        self._place(value, root, 0, 0, None, queue)
        count = 1
        while queue:
            value, node, record, containers, attributes, path = queue.popleft()
            path = (id(value), path)
            if isinstance(node, Container):
                count = self._fill_container(node, record, containers + 1, attributes, path, queue, count)
            else:
                count = self._fill_instance(value, node, record, containers, attributes + 1, path, queue, count)
        return root

    def _fill_container(self, node, record, containers, attributes, path, queue, count):
        width = 2 if node.pairs else 1
        kept = min(node.length, (MAX_NODES - count) // width)
        elements = []
        for item in node.take(kept):
            children = [{} for _ in range(width)]
            for child, target in zip(item if node.pairs else (item,), children):
                self._place(child, target, containers, attributes, path, queue)
            elements.append(self._pair(children) if node.pairs else children[0])
        kept = len(elements)
        if kept < node.length:
            elements.append(self._cut(cut_mark(node.length - kept, node.length)))
        record.update(kind=node.record_kind, elements=elements)
        if node.record_kind == "Sequence":
            record["is_slice"] = False
        record["type_id"] = node.type_id
        return count + kept * width

    def _fill_instance(self, value, node, record, containers, attributes, path, queue, count):
        values = []
        for _, child in node.fields:
            if count < MAX_NODES:
                target = {}
                self._place(child, target, containers, attributes, path, queue)
                count += 1
            else:
                target = self._cut("‹…›")
            values.append(target)
        any_type = self._writer.type(ANY, "Any")
        fields = tuple((utf8_text(name), any_type) for name, _ in node.fields)
        record.update(kind="Struct", field_values=values, type_id=self._class_type(STRUCT, type(value), fields))
        return count

    def _place(self, value, record, containers, attributes, path, queue):
        """Fills the record of a value that has no parts or is cut; queues any other."""
        original = self.stand_ins.get(id(type(value)))
        if original is not None:
            value = original(value)
        node = self._node(value)
        if isinstance(node, dict):
            record.update(node)
            return
        ancestor = path
        while ancestor is not None:
            if ancestor[0] == id(value):
                text = "<cycle: %s at 0x%x>" % (qualname(type(value)), id(value))
                record.update(self._raw(text, self._class_type(RAW, type(value))))
                return
            ancestor = ancestor[1]
        if isinstance(node, Container) and containers >= MAX_CONTAINER_LEVEL:
            record.update(self._cut("‹… %s of %d›" % (qualname(type(value)), node.length)))
        elif isinstance(node, Instance) and attributes >= MAX_ATTRIBUTE_LEVEL:
            record.update(self._cut("‹… %s at 0x%x›" % (qualname(type(value)), id(value))))
        else:
            queue.append((value, node, record, containers, attributes, path))

    def _node(self, value):
        """A record for a value without parts, else its Container or Instance."""
        cls = type(value)
        ancestors = mro(cls)
        if any(ancestor is enum.Enum for ancestor in ancestors):
            return self._enum_member(value, cls)
        for base in ancestors:
            reader = self._readers.get(id(base))
            if reader is not None:
                try:
                    return reader(value, cls, base)
                except (AttributeError, ValueError):  # not initialised yet, released, or too large for a text
                    return self._opaque(value, cls)
        if has_attributes(cls):
            items = attribute_items(value, cls)
            return Instance([item for item in items if id(type(item[1])) not in self.hidden_types])
        return self._opaque(value, cls)

    # Types and small records.

    def _class_type(self, kind, cls, fields=None):
        """The type named after a class; classes of one name are kept apart, exact built-in names are shared."""
        known = self._classes.get(id(cls))
        if known is None or known[0]() is not cls:
            self._class_count += 1
            known = self._classes[id(cls)] = (weakref.ref(cls), self._class_count)
        return self._writer.type(kind, qualname(cls), fields, known[1])

    def _base_type(self, kind, name, cls, base):
        return self._writer.type(kind, name) if cls is base else self._class_type(kind, cls)

    def _raw(self, text, type_id):
        return {"kind": "Raw", "r": text, "type_id": type_id}

    def _cut(self, text):
        return self._raw(text, self._writer.type(RAW, "Cut"))

    def _pair(self, records):
        return {"kind": "Tuple", "elements": records, "type_id": self._writer.type(TUPLE, "Tuple")}

    def _opaque(self, value, cls):
        return self._raw(address_text(value), self._class_type(RAW, cls))

    # One reader for each row of the table: (value, its type, the base that the row is about).

    def _none(self, value, cls, base):
        return {"kind": "None", "type_id": self._writer.type(NONE, "None")}

    def _bool(self, value, cls, base):
        return {"kind": "Bool", "b": value, "type_id": self._writer.type(BOOL, "Bool")}

    def _int(self, value, cls, base):
        number = int.__int__(value)
        type_id = self._base_type(INT, "Int", cls, base)
        if number in INT64:
            return {"kind": "Int", "i": number, "type_id": type_id}
        magnitude = abs(number)
        data = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
        text = base64.b64encode(data).decode("ascii")
        return {"kind": "BigInt", "b": text, "negative": number < 0, "type_id": type_id}

    def _float(self, value, cls, base):
        return {"kind": "Float", "f": float_text(value), "type_id": self._base_type(FLOAT, "Float", cls, base)}

    def _str(self, value, cls, base):
        return {"kind": "String", "text": string_text(value), "type_id": self._base_type(STRING, "String", cls, base)}

    def _list(self, value, cls, base):
        type_id = self._base_type(SEQ, "List", cls, base)
        return Container("Sequence", type_id, list.__len__(value), lambda n: list.__getitem__(value, slice(n)))

    def _tuple(self, value, cls, base):
        type_id = self._base_type(TUPLE, "Tuple", cls, base)
        return Container("Tuple", type_id, tuple.__len__(value), lambda n: tuple.__getitem__(value, slice(n)))

    def _dict(self, value, cls, base):
        def take(n):
            return list(itertools.islice(dict.items(value), n))

        return Container("Sequence", self._base_type(SEQ, "Dict", cls, base), dict.__len__(value), take, pairs=True)

    def _set(self, value, cls, base):
        type_id = self._base_type(SET, "Set" if base is set else "FrozenSet", cls, base)
        take = base.__iter__
        return Container("Sequence", type_id, base.__len__(value), lambda n: list(itertools.islice(take(value), n)))

    def _deque(self, value, cls, base):
        def take(n):
            return list(itertools.islice(base.__iter__(value), n))

        return Container("Sequence", self._class_type(SEQ, cls), base.__len__(value), take)

    def _bytes(self, value, cls, base):
        return self._raw(bytes_text("%s", bytes.__getitem__(value, slice(None))), self._class_type(RAW, cls))

    def _bytearray(self, value, cls, base):
        data = bytes(bytearray.__getitem__(value, slice(None)))
        return self._raw(bytes_text("bytearray(%s)", data), self._class_type(RAW, cls))

    def _memoryview(self, value, cls, base):
        if not value.c_contiguous:
            return self._opaque(value, cls)
        return self._raw(bytes_text("memoryview(%s)", value.tobytes()), self._class_type(RAW, cls))

    def _complex(self, value, cls, base):
        return self._raw(complex.__repr__(value), self._class_type(RAW, cls))

    def _decimal(self, value, cls, base):
        return self._raw("Decimal('%s')" % DECIMAL_CONTEXT.to_sci_string(value), self._class_type(RAW, cls))

    def _fraction(self, value, cls, base):
        numbers = [descriptor(base, name)(value) for name in ("_numerator", "_denominator")]
        return self._raw("Fraction(%s, %s)" % tuple(map(int.__repr__, numbers)), self._class_type(RAW, cls))

    def _uuid(self, value, cls, base):
        digits = "%032x" % descriptor(base, "int")(value)
        ends = (0, 8, 12, 16, 20, 32)
        text = "-".join(digits[start:end] for start, end in zip(ends, ends[1:]))
        return self._raw("UUID('%s')" % text, self._class_type(RAW, cls))

    def _datetime(self, value, cls, base):
        return self._raw(datetime_text(base, value), self._class_type(RAW, cls))

    def _timedelta(self, value, cls, base):
        return self._raw(timedelta_text(value), self._class_type(RAW, cls))

    def _timezone(self, value, cls, base):
        return self._raw(timezone_text(value), self._class_type(RAW, cls))

    def _path(self, value, cls, base):
        return self._raw(path_text(value, cls), self._class_type(RAW, cls))

    def _range(self, value, cls, base):
        return Instance([("start", value.start), ("stop", value.stop), ("step", value.step)])

    def _enum_member(self, value, cls):
        own = instance_dict(value, cls) or {}
        fields = [("name", own.get("_name_", MISSING)), ("value", own.get("_value_", MISSING))]
        return Instance([field for field in fields if field[1] is not MISSING])

    def _exception(self, value, cls, base):
        return Instance([("args", descriptor(BaseException, "args")(value))] + attribute_items(value, cls))

    def _function(self, value, cls, base):
        return self._raw("<function %s>" % callable_name(value), self._class_type(RAW, cls))

    def _builtin(self, value, cls, base):
        return self._raw("<built-in function %s>" % callable_name(value), self._class_type(RAW, base))

    def _method(self, value, cls, base):
        return self._raw("<bound method %s>" % callable_name(value.__func__), self._class_type(RAW, cls))

    def _class(self, value, cls, base):
        return self._raw("<class %s>" % qualname(value), self._class_type(RAW, cls))

    def _module(self, value, cls, base):
        return self._raw("<module %s>" % module_name(value), self._writer.type(RAW, "module"))

    def _constant(self, value, cls, base):
        return self._raw("Ellipsis" if value is ... else "NotImplemented", self._class_type(RAW, cls))
