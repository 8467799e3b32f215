#!/usr/bin/env python3
"""How cost grows: with the size of a container of which one element changes, and with the length of a program; and what start-up costs.

    make bench-scaling                    prints the tables
    make bench-scaling DOCUMENT=1         also puts them into docs/performance.md, and draws docs/images

Cost per line within a container is a difference: the CPU of a long run less that of a short one, both less the plain program's, divided by the lines between the two. So
what start and exit cost, and building the container, is not in it. 0.3.0 gets few lines, for each repeats the container; sizes that would take it minutes are left out.
Peak memory is that of the process, less the plain program's.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from measure import DOCUMENT, HERE, OURS, RESULTS, THEIRS, Bench, document_between

# Of workloads/containers.py: kind, what is shown for it, lines in a round; and its sizes.
KINDS = [("list", "list", 2), ("dict", "dict", 2), ("graph", "graph, `node.number = i`", 3), ("element", "graph, `nodes[j].number = i`", 2)]
SIZES = {"list": (10, 100, 1000, 10_000, 100_000), "dict": (10, 100, 1000, 10_000, 100_000), "graph": (10, 100, 1000, 10_000), "element": (10, 100, 1000, 10_000)}
LENGTHS = (12_500, 125_000, 1_250_000, 12_500_000)  # rounds of `loop`, of four lines
LINES_OF_LOOP = 4
STARTS = 15
# name: command, rounds of the short and of the long run, the largest container and the longest `loop` that it gets
RECORDERS = {
    "journal": (OURS + "journal", (200, 20_200), 100_000, LENGTHS[-1]),
    "ct": (OURS + "ct", (200, 5_200), 100_000, LENGTHS[-1]),
    "0.3.0 json": (THEIRS + "json", (20, 220), 10_000, LENGTHS[1]),
}
PLAIN = "{python}"
BEGIN, END = "<!-- measured: make bench-scaling DOCUMENT=1 -->\n", "<!-- end of what make bench-scaling measured -->"


def checked(result, what):
    if "failed" in result:
        sys.exit(f"{what}: {result['failed']}\n{result['log']}")
    return result


def containers(bench, repetitions):
    """{kind: {recorder: {size: [ns of CPU per line]}}}; an empty list: not tried, or it failed."""
    found = {}
    for kind, _, lines in KINDS:
        sizes = SIZES[kind]
        found[kind] = {name: {size: [] for size in sizes} for name in RECORDERS}
        for _ in range(repetitions):
            for size in sizes:
                for name, (command, rounds, largest, _) in RECORDERS.items():
                    if size > largest:
                        continue
                    added = []
                    for count in rounds:
                        plain = checked(bench.run(PLAIN, "containers", count, kind, size), f"plain {kind} {size}")
                        recorded = bench.run(command, "containers", count, kind, size, timeout=300)
                        added.append(None if "failed" in recorded else recorded["cpu"] - plain["cpu"])
                    if None not in added:
                        found[kind][name][size].append((added[1] - added[0]) / (rounds[1] - rounds[0]) / lines * 1e9)
        print(kind, file=sys.stderr, flush=True)
    return found


def lengths(bench):
    """{recorder: {lines: what was measured, less the plain run's memory}}"""
    found = {name: {} for name in RECORDERS}
    for rounds in LENGTHS:
        plain = checked(bench.run(PLAIN, "loop", rounds), f"plain loop {rounds}")
        for name, (command, _, _, longest) in RECORDERS.items():
            if rounds > longest:
                continue
            result = bench.run(command, "loop", rounds, timeout=900)
            if "failed" not in result:
                found[name][rounds * LINES_OF_LOOP] = {**result, "over_plain": result["memory"] - plain["memory"]}
        print(f"loop {rounds:,}", file=sys.stderr, flush=True)
    return found


def start_up(bench):
    """Milliseconds of wall time that recording adds to a program of one empty line, by format."""
    empty = bench.scratch / "program-empty" / "empty.py"
    empty.parent.mkdir()
    empty.write_text("\n")
    added = {name: [] for name in ("ct", "journal")}
    for turn in range(STARTS + 1):
        plain = checked(bench.run(PLAIN, "empty"), "plain")["wall"]
        for name, all_ in added.items():
            recorded = checked(bench.run(str(Path(bench.python).parent / "codetracer-record") + " --quiet -o {out} --format " + name, "empty"), name)["wall"]
            if turn:  # the first warms the caches
                all_.append((recorded - plain) * 1000)
    return {name: statistics.median(all_) for name, all_ in added.items()}


def microseconds(runs):
    return f"{statistics.median(runs) / 1000:,.2f}" if runs else "–"


def tables(found, repetitions, version):
    out = [f"CPython {version}, {os.cpu_count()} cores, {repetitions} repetition{'s' * (repetitions > 1)}, load {os.getloadavg()[0]:.1f} at the end."]
    out += ["", "### A container of which one element changes in every round of a loop: added microseconds of CPU per line", ""]
    sizes = SIZES["list"]
    out += ["| container | recorder | " + " | ".join(f"{size:,}" for size in sizes) + " | largest / smallest |", "|---|---|" + "---:|" * (len(sizes) + 1)]
    for kind, shown, _ in KINDS:
        for name, by_size in found["containers"][kind].items():
            medians = [statistics.median(runs) for runs in by_size.values() if runs]
            ratio = f"{medians[-1] / medians[0]:,.1f}" if len(medians) > 1 and medians[0] > 0 else "–"
            out.append(f"| {shown} | {name} | " + " | ".join(microseconds(by_size.get(size)) for size in sizes) + f" | {ratio} |")
    out += ["", "### A longer program (`loop`)", "", "| recorder | lines | peak MB over plain | trace MB | seconds after the program's end | wall seconds in all |", "|---|---:|---:|---:|---:|---:|"]
    for name, by_lines in found["lengths"].items():
        for lines, one in by_lines.items():
            out.append(f"| {name} | {lines:,} | {one['over_plain'] / 1e6:.0f} | {one['bytes'] / 1e6:,.1f} | {one['after']:.2f} | {one['wall']:.1f} |")
    start = ", ".join(f"{name} {value:.0f}" for name, value in found["start"].items())
    out += ["", f"Start-up: milliseconds that `codetracer-record` takes longer than the interpreter for an empty program, by format: {start} (medians of {STARTS})."]
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="python with codetracer-python-recorder 0.3.0 and pyperformance")
    parser.add_argument("--python", default=sys.executable, help="python with this recorder (default: the one that runs this)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--document", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    version = Bench.ask(options.python, "import platform; print(platform.python_version())")
    with tempfile.TemporaryDirectory(prefix="codetracer-bench-") as scratch:
        bench = Bench(options.python, options.peer, scratch)
        found = {"containers": containers(bench, options.repetitions), "lengths": lengths(bench), "start": start_up(bench)}
    text = tables(found, options.repetitions, version)
    print(text)
    kept = RESULTS / f"scaling-{'.'.join(version.split('.')[:2])}.json"
    kept.write_text(json.dumps({"python": version, "repetitions": options.repetitions, **found}, indent=1) + "\n")
    print(f"Every figure: {kept.relative_to(HERE.parent)}", file=sys.stderr)
    if options.document:
        document_between(BEGIN, END, text)
        print(f"Written: {DOCUMENT.relative_to(HERE.parent)}", file=sys.stderr)


if __name__ == "__main__":
    main()
