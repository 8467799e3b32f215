"""Trace filters: which files of rules are in force, and what stands in them, checked. How they are applied: lib/filter. For users: docs/filters.md.

The order is from general to particular: the built-in one of the framework that runs tests (builtin-pytest.toml, builtin-unittest.toml beside this file), the
nearest `.codetracer/trace-filter.toml` above the program, those of the variable CODETRACER_TRACE_FILTER, those given explicitly. That the standard library is
skipped is below all of them: the extension sees to it by the folders that prefixes.py knows.
"""

import os
import stat
import sys

from . import _native, errors, toml_lines
from .toml_lines import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = "CODETRACER_TRACE_FILTER"
FOLDER, NAME = ".codetracer", "trace-filter.toml"
LARGEST_FILE = 1 << 20
LONGEST_SHOWN = 200  # of a pattern, in a message

# The numbers are those of include/codetracer/filter.h.
EXEC = {"inherit": 0, "trace": 1, "calls": 2, "skip": 3}
ACTIONS = {"inherit": 0, "allow": 1, "redact": 2, "drop": 3, "deny": 2}
PATTERN_ACTIONS = {name: number for name, number in ACTIONS.items() if number}  # there is nothing to inherit
MATCHES = {"glob": 0, "regex": 1, "literal": 2}
RULE_KINDS = {"pkg": 0, "file": 1, "obj": 2}
VALUE_KINDS = {"local": 3, "global": 4, "arg": 5, "ret": 6, "attr": 7}
STREAMS = ("stdin", "stdout", "stderr", "files")
STREAM_BITS = {"stdout": 1, "stderr": 2, "stdin": 4}  # what is done with files is not captured

class Source:
    """One file of rules. `native`: what the extension takes."""

    __slots__ = ("name", "path", "digest", "native", "io")

    def __init__(self, name: str, path: str, digest: str, native: object, io: "tuple[bool, tuple[str, ...]] | None") -> None:
        self.name = name
        self.path = path
        self.digest = digest
        self.native = native
        self.io = io


def find(program_folder: str) -> str | None:
    """The nearest `.codetracer/trace-filter.toml`, from this folder upwards. What is there and cannot be read is found: it may say what must not be recorded."""
    try:
        folder = os.path.abspath(program_folder)
    except OSError:  # the working directory is gone, and above it nobody knows what
        return None
    while True:
        path = os.path.join(folder, FOLDER, NAME)
        if _is_there(path):
            return path
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _is_there(path: str) -> bool:
    try:
        kind = os.lstat(path).st_mode
        if stat.S_ISLNK(kind):
            kind = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return os.path.islink(path)
    except OSError:
        return True
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise _wrong(f"the trace filter {path!r} is no file: make it one, or remove it")  # to read a pipe is to wait
    return True


def split(given: "str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None") -> list[str]:
    """`A::B`, or a list of such texts, as a list of paths."""
    if given is None:
        return []
    if isinstance(given, (str, os.PathLike)):
        given = [given]
    paths: list[str] = []
    for item in given:
        text = os.fspath(item)
        if not isinstance(text, str):
            raise TypeError(f"trace_filter must be a path, or a list of them, not {item!r}")
        parts = [part.strip() for part in text.split("::")]
        if not all(parts) and text.strip():
            raise _wrong(f"{text!r} names an empty file: write FILE::FILE")
        paths.extend(part for part in parts if part)
    return paths


_built_in: dict[str, Source] = {}  # a recording for each test reads it once


def built_in(framework: str) -> Source | None:
    """The rules for a framework that runs the program; None: there are none."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"builtin-{framework}.toml")
    if framework not in _built_in and os.path.isfile(path):
        _built_in[framework] = load(path)
    return _built_in.get(framework)


def chain(program_folders: "Iterable[str]", given: "Iterable[str]", framework: str | None = None) -> list[Source]:
    """The sources in force, from general to particular; of the folders the first that has a file counts. UsageError for what cannot be read or is wrong."""
    below = built_in(framework) if framework else None
    sources: list[Source] = []
    paths = list(filter(None, map(find, program_folders)))[:1]
    paths += split(os.environ.get(VARIABLE, ""))
    paths += given
    for path in paths:
        sources.append(load(path))
    return [below, *sources] if below else sources


def load(path: str) -> Source:
    shown, path = path, os.path.abspath(os.path.expanduser(path))
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _wrong(f"the trace filter {shown!r} cannot be read ({error.strerror}); name an existing file") from None
    if len(content) > LARGEST_FILE:
        raise _wrong(f"the trace filter {shown!r} is larger than 1 MiB")
    try:
        text = content.decode("utf-8-sig")  # some editors put a byte order mark before it
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _wrong(f"{shown}:{line}: the file must be UTF-8") from None
    return parse(text, path, shown, content)


def parse(text: str, path: str, shown: str, content: bytes) -> Source:
    reader = _Reader(shown, _root(path))
    try:
        document = toml_lines.loads(text)
    except toml_lines.TomlError as error:
        raise _wrong(f"{shown}:{error.line}: {error}") from None
    native, name, io = reader.document(document)
    return Source(name, path, _sha256(content), native, io)


def _sha256(content: bytes) -> str:
    """hashlib would stay in the program's sys.modules, with all that it imports."""
    loaded = "_sha2" in sys.modules
    import _sha2  # type: ignore[import-not-found]

    if not loaded:
        del sys.modules["_sha2"]
    digest: str = _sha2.sha256(content).hexdigest()
    return digest


def options(sources: list[Source]) -> dict[str, object]:
    """What the extension takes."""
    made: dict[str, object] = {}
    if sources:
        made["filters"] = [source.native for source in sources]
    for source in sources:
        if source.io is not None:  # the last one decides
            capture, streams = source.io
            made["io_streams"] = sum(bit for name, bit in STREAM_BITS.items() if name in streams) if capture else 0
    return made


def metadata(sources: list[Source]) -> "list[tuple[str, str]]":
    return [("filter.source", f"{source.name} {source.digest} {source.path}") for source in sources]


def _root(path: str) -> str:
    """The folder that paths in a filter are relative to: the one that holds `.codetracer`, or the file."""
    folder = os.path.dirname(path)
    above = folder
    while os.path.basename(above) != FOLDER:
        if above == os.path.dirname(above):
            return folder
        above = os.path.dirname(above)
    return os.path.dirname(above)


def _wrong(message: str) -> errors.UsageError:
    return errors.UsageError("ERR_INVALID_TRACE_FILTER", message)


class _Reader:
    """Checks one document and turns it into what the extension takes."""

    __slots__ = ("shown", "root")

    def __init__(self, shown: str, root: str) -> None:
        self.shown = shown
        self.root = root

    def fail(self, line: int, message: str) -> errors.UsageError:
        return _wrong(f"{self.shown}:{line}: {message}")

    def document(self, document: Table) -> "tuple[object, str, tuple[bool, tuple[str, ...]] | None]":
        self.keys(document, "the file", ("meta", "io", "scope"))
        meta = self.table(document, "meta")
        self.keys(meta, "[meta]", ("name", "version", "description", "labels"))
        name = self.text(meta, "name", "[meta]")
        if not name.strip():
            raise self.fail(meta.lines["name"], "name must not be empty")
        version = self.needed(meta, "version", "[meta]")
        if isinstance(version, bool) or not isinstance(version, int):
            raise self.fail(meta.lines["version"], "version must be a whole number")
        if version != 1:
            raise self.fail(meta.lines["version"], f"version must be 1, not {version}: this recorder knows no other")
        self.text(meta, "description", "[meta]", needed=False)
        self.texts(meta, "labels")
        io = self.io(self.table(document, "io")) if "io" in document else None
        scope = self.table(document, "scope")
        self.keys(scope, "[scope]", ("default_exec", "default_value_action", "rules"))
        default_exec = self.choice(scope, "default_exec", "[scope]", EXEC, needed=True)
        default_action = self.choice(scope, "default_value_action", "[scope]", ACTIONS, needed=True)
        rules = [self.rule(rule) for rule in self.tables(scope, "rules", "[[scope.rules]]")]
        return (self.root, default_exec, default_action, rules), name, io

    def io(self, table: Table) -> tuple[bool, tuple[str, ...]]:
        self.keys(table, "[io]", ("capture", "streams", "modes"))
        capture = table.get("capture", False)
        if not isinstance(capture, bool):
            raise self.fail(table.lines["capture"], "capture must be true or false")
        streams = self.texts(table, "streams")
        self.texts(table, "modes")
        for stream in streams:
            if stream not in STREAMS:
                raise self.fail(table.lines["streams"], f"there is no stream {stream!r}{_meant(stream, STREAMS)}; there are {_list(STREAMS)}")
        if capture and not streams:
            raise self.fail(table.lines["capture"], f"capture = true needs streams, a list of {_list(STREAMS)}")
        return capture, streams

    def rule(self, table: Table) -> object:
        where = "[[scope.rules]]"
        self.keys(table, where, ("selector", "exec", "value_default", "reason", "value_patterns"))
        kind, match, pattern = self.selector(table, where, RULE_KINDS, VALUE_KINDS)
        if kind == RULE_KINDS["file"] and match != MATCHES["regex"]:
            pattern = self.file_pattern(table, pattern)
        execution = self.choice(table, "exec", where, EXEC)
        action = self.choice(table, "value_default", where, ACTIONS)
        self.text(table, "reason", where, needed=False)
        patterns = None
        if "value_patterns" in table:
            patterns = [self.value_pattern(item) for item in self.tables(table, "value_patterns", "[[scope.rules.value_patterns]]")]
        return kind, match, pattern, execution, action, patterns

    def value_pattern(self, table: Table) -> object:
        where = "[[scope.rules.value_patterns]]"
        self.keys(table, where, ("selector", "action", "reason"))
        kind, match, pattern = self.selector(table, where, VALUE_KINDS, RULE_KINDS)
        action = self.choice(table, "action", where, PATTERN_ACTIONS, needed=True)
        self.text(table, "reason", where, needed=False)
        return kind, match, pattern, action

    def selector(self, table: Table, where: str, kinds: dict[str, int], others: dict[str, int]) -> tuple[int, int, str]:
        text = self.text(table, "selector", where)
        line = table.lines["selector"]
        kind, colon, rest = text.partition(":")
        if not colon:
            raise self.fail(line, f"the selector {text!r} needs a kind and a colon before its pattern, as {next(iter(kinds))}:{text}")
        if kind not in kinds:
            also = f"; {kind} belongs into {'[[scope.rules]]' if kind in RULE_KINDS else 'value_patterns'}" if kind in others else ""
            raise self.fail(line, f"there is no kind {kind!r} of selector here{_meant(kind, kinds)}; there are {_list(kinds)}{also}")
        match, colon, pattern = rest.partition(":")
        if not colon:
            match, pattern = "glob", rest
        elif match not in MATCHES:
            raise self.fail(
                line,
                f"there is no kind of match {match!r}{_meant(match, MATCHES)}; there are {_list(MATCHES)}. "
                f"A pattern with a colon in it needs its kind, as {kind}:glob:{rest}",
            )
        if not pattern:
            raise self.fail(line, f"the selector {text!r} has no pattern")
        if "\0" in pattern:
            raise self.fail(line, "a pattern must not have the character NUL in it")
        problem = _native.check_pattern(MATCHES[match], pattern)
        if problem:
            place = len(pattern.encode("utf-8", "surrogatepass")[: problem[1]].decode("utf-8", "ignore")) + 1
            raise self.fail(line, f"the pattern {_short(pattern)} is wrong at character {place}: {problem[0]}")
        return kinds[kind], MATCHES[match], pattern

    def file_pattern(self, table: Table, pattern: str) -> str:
        """Without `.` and `..`: paths have none."""
        parts: list[str] = []
        for part in pattern.split("/"):
            if part == "..":
                if not parts or parts == [""]:
                    raise self.fail(table.lines["selector"], f"the pattern {pattern!r} leads out of the folder that it is relative to; write an absolute path")
                parts.pop()
            elif part != ".":
                parts.append(part)
        return "/".join(parts) or "."

    # ---- types ----

    def keys(self, table: Table, where: str, known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                raise self.fail(table.lines[key], f"there is no key {key!r} in {where}{_meant(key, known)}; there are {_list(known)}")

    def needed(self, table: Table, key: str, where: str) -> object:
        if key not in table:
            raise self.fail(table.line, f"{where} needs a key {key!r}")
        return table[key]

    def table(self, document: Table, key: str) -> Table:
        table = self.needed(document, key, "the file")
        if not isinstance(table, Table):
            raise self.fail(document.lines[key], f"{key} must be a table: write [{key}]")
        return table

    def tables(self, table: Table, key: str, where: str) -> list[Table]:
        items = table.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, Table) for item in items):
            raise self.fail(table.lines[key], f"{key} must be a list of tables: write {where}")
        return items

    def text(self, table: Table, key: str, where: str, needed: bool = True) -> str:
        if not needed and key not in table:
            return ""
        value = self.needed(table, key, where)
        if not isinstance(value, str):
            raise self.fail(table.lines[key], f"{key} must be a text in quotes")
        return value

    def texts(self, table: Table, key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(table.lines[key], f"{key} must be a list of texts")
        return tuple(value)

    def choice(self, table: Table, key: str, where: str, choices: dict[str, int], needed: bool = False) -> int:
        if key not in table and not needed:
            return 0
        value = self.text(table, key, where)
        if value not in choices:
            raise self.fail(table.lines[key], f"{key} cannot be {value!r}{_meant(value, choices)}; it is one of {_list(choices)}")
        return choices[value]


def _short(pattern: str) -> str:
    return repr(pattern) if len(pattern) <= LONGEST_SHOWN else f"{pattern[:LONGEST_SHOWN]!r}…"


def _list(words: "Iterable[str]") -> str:
    return ", ".join(words)


def _meant(word: str, known: "Iterable[str]") -> str:
    """The nearest spelling, if it is near."""
    distance, nearest = min((_distance(word.lower(), candidate), candidate) for candidate in known)
    return f" (is {nearest!r} meant?)" if distance <= max(1, len(nearest) // 3) else ""


def _distance(left: str, right: str) -> int:
    if sorted(left) == sorted(right):
        return int(left != right)
    row = list(range(len(right) + 1))
    for i, a in enumerate(left[:40], 1):
        above, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            above, row[j] = row[j], min(above + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]
