"""TOML with the line of every key, so that a mistake in a file can be shown where it is.

The standard library's tomllib does not tell lines, and imports modules that the recorded program would find loaded. Here is what files of settings
need: all of TOML 1.0 but that floats and dates are read as `Other`, which no setting is.
"""


class TomlError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Other:
    """A float, a date or a time, as it is written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Table(dict[str, object]):
    """`line`: where it begins; `lines`: of its keys."""

    __slots__ = ("line", "lines", "kind")

    def __init__(self, line: int, kind: str) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.kind = kind  # "header", "implied" by a longer header, "dotted" key, "inline"


BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
DEEPEST = 50


def loads(text: str) -> Table:
    return _Reader(text.replace("\r\n", "\n")).document()


class _Reader:
    __slots__ = ("text", "at", "line", "counted", "depth")

    def __init__(self, text: str) -> None:
        self.text = text + ("\0" if text.endswith("\n") else "\n\0")  # a NUL is an error wherever it stands, so it ends everything
        self.at = 0
        self.line = 1
        self.counted = 0
        self.depth = 0

    def fail(self, message: str) -> TomlError:
        return TomlError(self.here(), message)

    def here(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

    def spaces(self) -> None:
        while self.text[self.at] in " \t":
            self.at += 1

    def comment(self) -> None:
        """White space and a comment, if there is one."""
        self.spaces()
        if self.text[self.at] == "#":
            end = self.text.index("\n", self.at)
            while self.at < end:
                if (self.text[self.at] < " " and self.text[self.at] != "\t") or self.text[self.at] == "\x7f":
                    raise self.fail(f"the character {self.text[self.at]!r} must not stand in a comment")
                self.at += 1

    def blank(self) -> None:
        """White space, line ends and comments."""
        while True:
            self.comment()
            if self.text[self.at] != "\n":
                return
            self.at += 1

    def end_of_line(self) -> None:
        self.comment()
        if self.text[self.at] != "\n":
            raise self.fail(f"nothing but a comment may follow here, not {self.rest()}")

    def rest(self) -> str:
        return repr(self.text[self.at : self.text.index("\n", self.at)][:30]) if self.at < len(self.text) - 1 else "the file's end"

    def document(self) -> Table:
        root = Table(1, "header")
        current = root
        while True:
            self.blank()
            if self.at == len(self.text) - 1:
                return root
            if self.text.startswith("[[", self.at):
                current = self.header(root, 2)
            elif self.text[self.at] == "[":
                current = self.header(root, 1)
            else:
                self.assignment(current)
            self.end_of_line()

    def header(self, root: Table, brackets: int) -> Table:
        line = self.here()
        self.at += brackets
        path = self.key()
        if not self.text.startswith("]" * brackets, self.at):
            raise self.fail(f"the header needs {']' * brackets} behind it, not {self.rest()}")
        self.at += brackets
        table = root
        for name in path[:-1]:
            table = self.inside(table, name, "implied", line)
        name = path[-1]
        if brackets == 2:
            items = table.setdefault(name, [])
            if not isinstance(items, list) or not all(isinstance(item, Table) and item.kind == "header" for item in items):
                raise TomlError(line, f"{name!r} was given another value before")
            items.append(Table(line, "header"))
        elif name in table:
            found = table[name]
            if not isinstance(found, Table) or found.kind != "implied":
                raise TomlError(line, f"{name!r} is given twice")
            found.kind, found.line = "header", line
        else:
            table[name] = Table(line, "header")
        table.lines.setdefault(name, line)
        made = table[name]
        return made[-1] if isinstance(made, list) else made  # type: ignore[return-value]

    def inside(self, table: Table, name: str, kind: str, line: int) -> Table:
        if name not in table:
            table[name] = Table(line, kind)
            table.lines[name] = line
        found = table[name]
        if kind == "implied" and isinstance(found, list) and found and isinstance(found[-1], Table) and found[-1].kind == "header":
            found = found[-1]
        if not isinstance(found, Table) or found.kind == "inline" or (kind == "dotted" and found.kind != "dotted"):
            raise TomlError(line, f"{name!r} was given another value before")
        return found

    def assignment(self, table: Table) -> None:
        line = self.here()
        path = self.key()
        if self.text[self.at] != "=":
            raise self.fail(f"a key needs an = behind it, not {self.rest()}")
        self.at += 1
        self.spaces()
        for name in path[:-1]:
            table = self.inside(table, name, "dotted", line)
        if path[-1] in table:
            raise TomlError(line, f"{path[-1]!r} is given twice")
        table.lines[path[-1]] = line
        table[path[-1]] = self.value()

    def key(self) -> list[str]:
        path = []
        while True:
            self.spaces()
            if self.text[self.at] in "\"'":
                path.append(self.string(self.text[self.at]))
            else:
                begin = self.at
                while self.text[self.at] in BARE:
                    self.at += 1
                if begin == self.at:
                    raise self.fail(f"a key is expected here, not {self.rest()}")
                path.append(self.text[begin : self.at])
            self.spaces()
            if self.text[self.at] != ".":
                return path
            if len(path) == DEEPEST:
                raise self.fail("the key has too many parts")
            self.at += 1

    def value(self) -> object:
        first = self.text[self.at]
        if first in "\"'":
            return self.string(first * 3 if self.text.startswith(first * 3, self.at) else first)
        if first in "[{":
            self.depth += 1
            if self.depth > DEEPEST:
                raise self.fail("values are nested too deeply")
            made = self.array() if first == "[" else self.inline_table()
            self.depth -= 1
            return made
        begin = self.at
        while self.text[self.at] not in " \t\n\0,]}#":
            self.at += 1
        word = self.text[begin : self.at]
        if word in ("true", "false"):
            return word == "true"
        digits = word.lstrip("+-")
        if len(word) - len(digits) <= 1 and digits[:1].isdecimal() and digits.isascii():
            if digits.replace("_", "0").isdecimal() and (digits == "0" or digits[0] != "0") and "__" not in digits and digits[-1] != "_":
                return int(word) if len(digits) < 20 else Other(word)
            return Other(word)
        if digits in ("inf", "nan"):
            return Other(word)
        self.at = begin
        raise self.fail(f"a value is expected here, not {self.rest()}; a text needs quotes")

    def array(self) -> list[object]:
        items: list[object] = []
        self.at += 1
        while True:
            self.blank()
            if self.text[self.at] == "]":
                self.at += 1
                return items
            items.append(self.value())
            self.blank()
            if self.text[self.at] == ",":
                self.at += 1
            elif self.text[self.at] != "]":
                raise self.fail(f"a list needs a comma or a ] here, not {self.rest()}")

    def inline_table(self) -> Table:
        table = Table(self.here(), "dotted")
        self.at += 1
        self.spaces()
        while self.text[self.at] != "}" or table:
            self.on_one_line()
            self.assignment(table)
            self.on_one_line()
            if self.text[self.at] == "}":
                break
            if self.text[self.at] != ",":
                raise self.fail(f"a table in braces needs a comma or a }} here, not {self.rest()}")
            self.at += 1
        self.at += 1
        _close(table)
        return table

    def on_one_line(self) -> None:
        self.spaces()
        if self.text[self.at] in "\n#":
            raise self.fail("a table in braces must be closed on its line; write a [header] for a longer one")

    def string(self, quotes: str) -> str:
        raw = quotes[0] == "'"
        several = len(quotes) == 3
        self.at += len(quotes)
        if several and self.text[self.at] == "\n":
            self.at += 1
        parts: list[str] = []
        while True:
            letter = self.text[self.at]
            if self.text.startswith(quotes, self.at):
                self.at += len(quotes)
                while several and self.text[self.at] == quotes[0] and len(quotes) < 5:  # up to two quotes may stand before the end
                    parts.append(quotes[0])
                    quotes += quotes[0]
                    self.at += 1
                return "".join(parts)
            if letter == "\n" and not several:
                raise self.fail("a text is not closed on its line")
            if letter == "\0" and self.at == len(self.text) - 1:
                raise self.fail("a text is not closed before the file's end")
            if (letter < " " and letter not in "\t\n") or letter == "\x7f":
                raise self.fail(f"the character {letter!r} must not stand in a text")
            self.at += 1
            if letter == "\\" and not raw:
                self.escape(parts, several)
            else:
                parts.append(letter)

    def escape(self, parts: list[str], several: bool) -> None:
        letter = self.text[self.at]
        if letter in ESCAPES:
            parts.append(ESCAPES[letter])
            self.at += 1
            return
        if letter in "uU":
            digits = self.text[self.at + 1 : self.at + (5 if letter == "u" else 9)]
            if all(digit in "0123456789abcdefABCDEF" for digit in digits):
                number = int(digits, 16)
                if number < 0xD800 or 0xDFFF < number < 0x110000:
                    parts.append(chr(number))
                    self.at += 1 + len(digits)
                    return
        elif several and self.text[self.at :].lstrip(" \t")[:1] == "\n":
            while self.text[self.at] in " \t\n":
                self.at += 1
            return
        raise self.fail(f"\\{letter} is no escape; write \\\\ for a backslash, or put the text in single quotes")


def _close(table: Table) -> None:
    table.kind = "inline"
    for value in table.values():
        if isinstance(value, Table) and value.kind == "dotted":
            _close(value)
