#!/usr/bin/env python3
"""What recording costs: the same programs without recorder, under callbacks that do nothing (the floor), under
codetracer-python-recorder 0.3.0 (the recorder that this one replaces), under other tools (coverage: which lines ran; viztracer: calls without values; PySnooper: lines and
variables, by repr), and under this one in each format. Everything is measured in one run, turn by turn, so that ratios hold; absolute figures are of this machine and hour.

    make bench                       all programs, 3 repetitions
    make bench QUICK=1               loop, fib, queens, bm_nqueens, once
    make bench DOCUMENT=1            also puts the tables into docs/performance.md

Cost is end to end: CPU time of the process and its children from start to exit (so with the interpreter's start, the writer thread and
the export), less that of the plain run at the same size, divided by the LINE events outside the standard library. Medians are shown.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

from measure import DOCUMENT, HERE, OURS, RESULTS, THEIRS, Bench, document_between

# name: size that every recorder gets (some 30,000 lines), and one that fast ones get besides (millions of lines), or None
PROGRAMS = {
    "loop": (8000, 500_000),
    "fib": (19, 27),
    "queens": (2, 60),
    "bm_nqueens": (6, 8),
    "objects": (3000, None),
    "async": (3000, None),
    "bm_deltablue": (60, None),
    "bm_go": (1, None),
}
# Programs whose time is in code that is not recorded: the standard library, a function that a filter skips, a thousand modules that it skips; and the same
# modules recorded. What is shown, program, size, options of this recorder.
SKIPPED = [
    ("standard library", "stdlib", 60, ""),
    ("a function that a filter skips", "fib", 35, "--trace-filter {support}/skip-fib.toml "),
    ("1,000 modules that a filter skips", "modules", 1000, "--trace-filter {support}/skip-modules.toml "),
    ("1,000 modules recorded", "modules", 1000, ""),
]
SKIPPING = ["plain", "floor", "journal", "ct"]
BAR = ["loop", "fib", "queens", "bm_nqueens"]  # where the first bar is: 30 times cheaper than 0.3.0's json, 48 bytes per line

PLAIN_OBJECTS = "ct-multi, objects as one text"
# Bytes per line of its .ct, geometric mean over these programs at the size that all get. It is not on PyPI: its authors' builds were measured, once.
SUCCESSOR_BYTES = 15.5

# name: command, and whether it also gets the large size
RECORDERS = {
    "plain": ("{python}", True),
    "floor": ("{python} {support}/under_floor.py -", True),
    "coverage": ("{peer} -m coverage run --data-file={out}/data", True),
    "viztracer": ("{peer} -m viztracer --quiet -o {out}/trace.json --", False),
    "pysnooper": ("{peer} {support}/under_pysnooper.py {out}/log", False),
    "0.3.0 json": (THEIRS + "json", False),
    "0.3.0 binary": (THEIRS + "binary", False),
    "journal": (OURS + "journal", True),
    "ct": (OURS + "ct", True),
    "json": (OURS + "json", False),
    # Shows what that recorder's successor writes into its .ct: one layout, objects by one text.
    PLAIN_OBJECTS: (OURS + "ct-multi --export-depth 6,0", False),
}


def measure(bench, programs, recorders, repetitions, results):
    """Turn by turn: every repetition runs every recorder once, beside the plain program of the same size."""
    for program in programs:
        mid, large = PROGRAMS[program]
        for size, kind in [(mid, "mid")] + ([(large, "large")] if large else []):
            names = [name for name in recorders if kind == "mid" or RECORDERS[name][1]]
            everything, own = bench.lines(program, size)
            table = results.setdefault(f"{program} {kind}", {"size": size, "lines": own, "all_lines": everything, "runs": {name: [] for name in names}})
            for _ in range(repetitions):
                for name in names:
                    if any("failed" in run for run in table["runs"][name]):
                        continue  # it will not do better
                    for _ in range(3 if name == "plain" else 1):
                        table["runs"][name].append(bench.run(RECORDERS[name][0], program, size))
            print(f"{program} {kind}: {own:,} lines", file=sys.stderr, flush=True)


def measure_skipped(bench, recorders, repetitions, results):
    for title, program, size, options in SKIPPED:
        bench.run(RECORDERS["plain"][0], program, size)  # what it writes for itself is there
        names = [name for name in SKIPPING if name in recorders]
        runs = {name: [] for name in names}
        for _ in range(repetitions):
            for name in names:
                command = RECORDERS[name][0]
                runs[name].append(bench.run(command + (" " + options if command.startswith(OURS) else ""), program, size))
        results[f"{title} skipped"] = {"size": size, "runs": runs}
        print(title, file=sys.stderr, flush=True)


def good(table, name):
    return [run for run in table["runs"].get(name, []) if "failed" not in run]


def median(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def figures(table, name):
    """Of one recorder on one program, or None: added ns per line, bytes per line, added seconds after the program's end, peak memory ratio, slowdown."""
    runs, plain = good(table, name), good(table, "plain")
    if not runs or not plain:
        return None
    lines = table["all_lines" if name == "floor" else "lines"]
    after = median(runs, "after")
    return {
        "ns": (median(runs, "cpu") - median(plain, "cpu")) / lines * 1e9,
        "wall": (median(runs, "wall") - median(plain, "wall")) / lines * 1e9,
        "bytes": median(runs, "bytes") / lines,
        "after": None if after is None else after - median(plain, "after"),
        "memory": median(runs, "memory") / median(plain, "memory"),
        "slower": median(runs, "wall") / median(plain, "wall"),
    }


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def markdown(title, results, kind, names, cell):
    keys = [key for key in results if key.endswith(" " + kind)]
    if not keys:
        return []
    out = ["", f"### {title}", "", "| program | lines | " + " | ".join(names) + " |", "|---|---:|" + "---:|" * len(names)]
    for key in keys:
        table = results[key]
        row = []
        for name in names:
            failures = [run["failed"] for run in table["runs"].get(name, []) if "failed" in run]
            row.append(failures[0] if failures else cell(table, name))
        out.append(f"| {key.split()[0]} | {table['lines']:,} | {' | '.join(row)} |")
    return out


def geometric_means(results, names):
    """Bytes per line over all programs, where all were measured."""
    tables = [results[program + " mid"] for program in PROGRAMS if program + " mid" in results]
    found = {name: [figures(table, name) for table in tables] for name in names}
    whole = {name: statistics.geometric_mean(one["bytes"] for one in all_) for name, all_ in found.items() if len(tables) == len(PROGRAMS) and all(all_)}
    if not whole:
        return []
    cells = " | ".join(f"{whole[name]:.1f}" if name in whole else "–" for name in names)
    return [f"| **geometric mean** | | {cells} |", "", f"The recorder's successor upstream, which shows an object as one text: {SUCCESSOR_BYTES} (not measured in this run)."]


def plain_cell(key, digits=0):
    def cell(table, name):
        found = figures(table, name)
        return number(found and found[key], digits)

    return cell


def skipped_table(results, recorders):
    """CPU of the whole process, plain = 1: the median over the repetitions of what each took beside the plain run of the same repetition."""
    names = [name for name in SKIPPING if name in recorders and name != "plain"]
    out = ["", "### Code that is not recorded: CPU of the whole process, plain = 1", "",
           "| program | plain, s | " + " | ".join(names) + " |",
           "|---|---:|" + "---:|" * len(names)]  # fmt: skip
    for key, table in results.items():
        if not key.endswith(" skipped"):
            continue
        plain, row = table["runs"]["plain"], []
        for name in names:
            failures = [run["failed"] for run in table["runs"][name] if "failed" in run]
            ratios = [run["cpu"] / base["cpu"] for run, base in zip(table["runs"][name], plain)]
            row.append(failures[0] if failures else f"{statistics.median(ratios):.3f}")
        out.append(f"| {key.removesuffix(" skipped")} | {statistics.median(run['cpu'] for run in plain):.2f} | {' | '.join(row)} |")
    return out if len(out) > 5 else []


def times_cheaper(reference):
    """Than 0.3.0's json per line; at the large size than its figure at the size it can do."""

    def cell(table, name):
        ours, theirs = figures(table, name), reference(table)
        if not ours or not theirs:
            return "–"
        if ours["ns"] <= 0:
            return "not measurable"
        ratio = theirs["ns"] / ours["ns"]
        return number(ratio, 1 if ratio < 10 else 0)

    return cell


def tables(results, recorders, repetitions, version):
    names = [name for name in recorders if name not in ("plain", "floor", PLAIN_OBJECTS)]
    sized = names + [name for name in recorders if name == PLAIN_OBJECTS]
    large = [name for name in names if RECORDERS[name][1]]
    with_floor = [name for name in recorders if name not in ("plain", PLAIN_OBJECTS)]
    compared = [name for name in names if name != "0.3.0 json"]
    of_table = {id(table): key.split()[0] for key, table in results.items()}

    def mid_reference(table):
        return figures(results[of_table[id(table)] + " mid"], "0.3.0 json")

    out = [f"CPython {version}, {os.cpu_count()} cores, {repetitions} repetition{'s' * (repetitions > 1)}, load {os.getloadavg()[0]:.1f} at the end."]
    out += markdown("Times cheaper per line than 0.3.0's json, end to end, the same program", results, "mid", compared, times_cheaper(mid_reference))
    out += markdown("The same with a longer run of this recorder (0.3.0's json per line as above)", results, "large", large, times_cheaper(mid_reference))
    out += markdown("Trace bytes per line", results, "mid", sized, plain_cell("bytes", 1))
    out += geometric_means(results, sized)
    out += markdown("Trace bytes per line, longer run", results, "large", large, plain_cell("bytes", 1))
    out += markdown("Seconds from the program's end to the end of the process", results, "mid", names, plain_cell("after", 2))
    out += markdown("The same, longer run", results, "large", large, plain_cell("after", 2))
    out += markdown("Added nanoseconds of CPU per line, end to end", results, "mid", with_floor, plain_cell("ns"))
    out += markdown("The same, longer run", results, "large", ["floor", *large], plain_cell("ns"))
    out += markdown("Wall time of the whole process, plain = 1, longer run", results, "large", ["floor", *large], plain_cell("slower", 1))
    out += markdown("Peak memory, plain = 1", results, "mid", names, plain_cell("memory", 1))
    out += skipped_table(results, recorders)
    notes = []
    for key, table in results.items():
        printed = {run["printed"] for run in good(table, "plain")}
        for name in recorders:
            if {run["printed"] for run in good(table, name)} - printed:
                notes.append(f"* {key}, {name}: the program printed something else than plain")
    return "\n".join(out + ([""] + notes if notes else [])) + "\n"


def bar(results):
    """The first bar: at the size that both recorders get, where the start of the interpreter counts most, and with a longer run of this one."""
    lines = []
    for program in BAR:
        peer = figures(results[program + " mid"], "0.3.0 json") if program + " mid" in results else None
        for kind, how in (("mid", "the same program"), ("large", "a longer run")):
            ours = figures(results[f"{program} {kind}"], "ct") if f"{program} {kind}" in results else None
            if not ours or not peer:
                continue
            ratio = peer["ns"] / ours["ns"] if ours["ns"] > 0 else float("inf")
            verdict = "met" if ratio >= 30 and ours["bytes"] <= 48 else "MISSED"
            lines.append(
                f"{program}, {how}: ct is {ratio:.0f} times cheaper per line than 0.3.0's json (30 wanted), "
                f"{ours['bytes']:.1f} bytes per line (48 allowed): {verdict}"
            )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="python with codetracer-python-recorder 0.3.0 and pyperformance")
    parser.add_argument("--python", default=sys.executable, help="python with this recorder (default: the one that runs this)")
    parser.add_argument("--quick", action="store_true", help="the four programs of the bar, once")
    parser.add_argument("--programs", type=lambda text: text.split(","), help="comma-separated: " + ",".join(PROGRAMS))
    parser.add_argument("--skipped", action="store_true", help="also the programs whose time is in code that is not recorded (default: with all programs)")
    parser.add_argument("--recorders", type=lambda text: text.split(","), help="comma-separated: " + ",".join(RECORDERS))
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--document", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    programs = options.programs or (BAR if options.quick else list(PROGRAMS))
    recorders = ["plain"] + [name for name in options.recorders or RECORDERS if name != "plain"]
    for given, known in ((programs, PROGRAMS), (recorders, RECORDERS)):
        if set(given) - set(known):
            parser.error(f"unknown: {', '.join(set(given) - set(known))}; known: {', '.join(known)}")
    repetitions = options.repetitions or (1 if options.quick else 3)
    version = Bench.ask(options.python, "import platform; print(platform.python_version())")
    results, interrupted = {}, False
    with tempfile.TemporaryDirectory(prefix="codetracer-bench-") as scratch:
        bench = Bench(options.python, options.peer, scratch)
        try:
            measure(bench, programs, recorders, repetitions, results)
            if options.skipped or not (options.quick or options.programs):
                measure_skipped(bench, recorders, max(repetitions, 5), results)
        except KeyboardInterrupt:
            interrupted = True
    text = tables(results, recorders, repetitions, version)
    print(text)
    print("\n".join(bar(results)))
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{'quick' if options.quick else 'all'}-{'.'.join(version.split('.')[:2])}.json"
    kept.write_text(json.dumps({"python": version, "repetitions": repetitions, "interrupted": interrupted, "results": results}, indent=1) + "\n")
    print(f"Every single run: {kept.relative_to(HERE.parent)}", file=sys.stderr)
    if options.document and not interrupted:
        document_between("<!-- measured: make bench DOCUMENT=1 -->\n", "<!-- end of what was measured -->", text)
        print(f"Written: {DOCUMENT.relative_to(HERE.parent)}", file=sys.stderr)
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
