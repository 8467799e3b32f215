"""Nearly all of its time in modules of the standard library that are written in Python: json's encoder, pprint, textwrap, difflib. Few lines are its own,
and what they hold does not change."""

import difflib
import json
import pprint
import textwrap

from timed import timed


def report(rows):
    text = json.dumps(rows, indent=1)
    shown = pprint.pformat(rows, width=40)
    lines = textwrap.wrap(text, 24)
    return len(lines) + len(difflib.get_close_matches("number", shown.split(), n=5, cutoff=0.5))


def main(n):
    rows = [{"number": i, "parts": list(range(i % 13)), "name": f"row {i}"} for i in range(500)]
    found = 0
    for _ in range(n):
        found += report(rows)
    return found


if __name__ == "__main__":
    timed(main)
