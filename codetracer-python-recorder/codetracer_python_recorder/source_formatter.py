"""A program: formats a Python source with black and says where each place of the source is in the result. source_views.py starts it; it imports nothing of the
package and knows nothing of traces.

    python source_formatter.py NAME ORIGINAL < source      ->  {"content": text, "map": a Source Map, version 3}

In the map the source is what was "generated", and the result its "source": for that is how CodeTracer's replay server uses it. It looks up the places that were
recorded, and shows what it finds; the result lies in the folder VIEWS then.
"""

import io
import json
import sys
import tokenize

LAYOUT = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
VIEWS = "sourcemap-translate"
MAY_COME_AND_GO = frozenset("(),;")  # what a formatter adds and takes away
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def formatted(text: str) -> str:
    import black

    # Texts stay as they are written: it is a view of this program.
    made: str = black.format_str(text, mode=black.Mode(string_normalization=False))
    return made


def tokens(text: str) -> list[tuple[str, int, int]]:
    """(text, line from 0, column from 0 in UTF-16 units, as maps count them) of what is more than layout. Comments are all alike: they get a blank in front."""
    lines = text.splitlines(keepends=True)
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            line, column = token.start
            before = lines[line - 1][:column] if line <= len(lines) else ""
            found.append(("#" if token.type == tokenize.COMMENT else token.string, line - 1, len(before.encode("utf-16-le", "surrogatepass")) // 2))
    return found


def paired(new: list[tuple[str, int, int]], old: list[tuple[str, int, int]]) -> list[tuple[int, int, int, int]]:
    """(line, column, original line, original column) of the tokens that are in both."""
    pairs = []
    n = o = 0
    while n < len(new) and o < len(old):
        if new[n][0] == old[o][0]:
            pairs.append((*new[n][1:], *old[o][1:]))
            n, o = n + 1, o + 1
            continue
        added, gone = new[n][0] in MAY_COME_AND_GO, old[o][0] in MAY_COME_AND_GO
        if added and (not gone or (n + 1 < len(new) and new[n + 1][0] == old[o][0])):
            n += 1
        elif gone:
            o += 1
        else:
            n, o = n + 1, o + 1
    return pairs


def digits(number: int) -> str:
    """Base64 VLQ."""
    rest = number << 1 if number >= 0 else (-number << 1) | 1
    text = ""
    while True:
        rest, digit = rest >> 5, rest & 31
        text += DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return text


def mappings(pairs: list[tuple[int, int, int, int]]) -> str:
    """Of the original's places, in order, to those of the new text."""
    lines: list[list[str]] = []
    last = last_line = last_column = 0
    for line, column, original_line, original_column in sorted(pairs, key=lambda pair: pair[2:]):
        while len(lines) <= original_line:
            lines.append([])
            last = 0
        lines[original_line].append(digits(original_column - last) + "A" + digits(line - last_line) + digits(column - last_column))
        last, last_line, last_column = original_column, line, column
    return ";".join(",".join(segments) for segments in lines)


def main(name: str, original: str) -> int:
    source = sys.stdin.buffer.read()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text = io.TextIOWrapper(io.BytesIO(source), encoding).read()
    content = formatted(text)
    found = mappings(paired(tokens(content), tokens(text)))
    json.dump({"content": content, "map": {"version": 3, "file": original, "sources": [f"{VIEWS}/{name}"], "names": [], "mappings": found}}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
