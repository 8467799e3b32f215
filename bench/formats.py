#!/usr/bin/env python3
"""What traces cost once they are recorded: writing each format from a journal, and going to a step of a long trace.

    make bench-formats                    prints the tables
    make bench-formats DOCUMENT=1         also puts them into docs/performance.md

The traces: `loop` with ten million steps, which are cheap ones, and pyperformance's nqueens with 0.8 million, whose steps hold lists. Speed is
CPU time of `codetracer-trace convert`; MB are those of the trace that it writes. A step is gone to by `codetracer-trace print --from N --to N`,
whose wall time is measured from start to exit, at random N.

The last table has bytes per step of all eight programs at the size that every recorder gets, objects not looked into (--max-attr-depth 0): upstream's
HEAD, which shows an object as one string in a multi-stream container, took 15.5 in the geometric mean (a figure of its own benchmark, not of this run).
"""

import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import DOCUMENT, HERE, Bench, document_between
from run import PROGRAMS as ALL_PROGRAMS

PROGRAMS = {"loop": 2_500_000, "bm_nqueens": 8}
FORMATS = ("ct", "ct-single", "ct-multi", "json", "binary", "binary-v0")
SEEKS = 20
BEGIN, END = "<!-- measured: make bench-formats DOCUMENT=1 -->\n", "<!-- end of what make bench-formats measured -->"


def run(*command):
    """CPU seconds, wall seconds, peak bytes, status, what was said on stderr."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read().decode(errors="replace")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss * 1024, process.returncode, words


def size_of(path):
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def export(tool, journal, steps, scratch):
    rows = [f"| journal | {steps:,} | – | – | {size_of(journal) / steps:.1f} | – |"]
    kept = None
    for format in FORMATS:
        target = scratch / ("out." + format)
        cpu, _, memory, status, words = run(tool, "convert", journal, target, "--to", format)
        if status:
            rows.append(f"| {format} | {words.strip().split(': ')[-1][:60]} | | | | |")
        else:
            size = size_of(target)
            rows.append(f"| {format} | {steps:,} | {steps / cpu / 1e6:.2f} | {size / cpu / 1e6:,.0f} | {size / steps:.1f} | {memory / 1e6:.0f} |")
        if format == "ct":
            kept = target
        elif target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
    return rows, kept


def seek(tool, traces, steps):
    rows = []
    chosen = random.Random(7)
    places = [chosen.randrange(steps) for _ in range(SEEKS)]
    for name, trace in traces.items():
        times, peaks = [], []
        for place in places:
            _, wall, memory, status, words = run(tool, "print", trace, "--from", place, "--to", place)
            if status:
                sys.exit(f"print {trace} --from {place}: status {status}: {words}")
            times.append(wall * 1000)
            peaks.append(memory)
        rows.append(f"| {name} | {statistics.median(times):.1f} | {max(times):.1f} | {max(peaks) / 1e6:.0f} |")
    return rows


def steps_of(tool, journal):
    told = subprocess.run([tool, "info", journal], capture_output=True, text=True, check=True).stdout
    return int(next(line for line in told.splitlines() if line.startswith("steps")).split()[1].replace(",", ""))


def recorded(bench, program, size, options=""):
    """The journal of a run."""
    result = bench.run(f"{{python}} -m codetracer_python_recorder --quiet --propagate-script-exit -o {{out}} --format journal {options}", program, size)
    if "failed" in result:
        sys.exit(f"{program}: {result['failed']}\n{result['log']}")
    return next((bench.scratch / "out").glob("*.ctj"))


def bytes_per_step(tool, bench):
    rows, columns = [], ("journal", "ct-single", "ct-multi", "ct")
    means = dict.fromkeys(columns, 0.0)
    for program, (size, _) in ALL_PROGRAMS.items():
        journal = recorded(bench, program, size, "--max-attr-depth 0")
        steps = steps_of(tool, journal)
        sizes = {"journal": size_of(journal)}
        for format in columns[1:]:
            target = bench.scratch / "bytes.ct"
            run(tool, "convert", journal, target, "--to", format)
            sizes[format] = size_of(target)
            target.unlink()
        for name in columns:
            means[name] += math.log(sizes[name] / steps) / len(ALL_PROGRAMS)
        rows.append(f"| {program} | {steps:,} | " + " | ".join(f"{sizes[name] / steps:.1f}" for name in columns) + " |")
    rows.append("| geometric mean | | " + " | ".join(f"{math.exp(means[name]):.1f}" for name in columns) + " |")
    return ["| program | steps | " + " | ".join(columns) + " |", "|---|---:|" + "---:|" * len(columns), *rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="python with pyperformance")
    parser.add_argument("--python", default=sys.executable, help="python with this recorder (default: the one that runs this)")
    parser.add_argument("--document", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    tool = Path(os.path.abspath(options.python)).parent / "codetracer-trace"
    out = [f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start."]
    with tempfile.TemporaryDirectory(prefix="codetracer-bench-") as scratch:
        bench = Bench(options.python, options.peer, scratch)
        for program, size in PROGRAMS.items():
            journal = recorded(bench, program, size)
            steps = steps_of(tool, journal)
            rows, container = export(tool, journal, steps, bench.scratch)
            out += ["", f"### Writing `{program}`", "", "| format | steps | million steps per second | MB per second | bytes per step | peak MB |", "|---|---:|---:|---:|---:|---:|", *rows]
            rows = seek(tool, {"journal": journal, "ct": container}, steps)
            out += ["", f"### Going to a step of `{program}`", "", "| trace | median ms | most ms | peak MB |", "|---|---:|---:|---:|", *rows]
            container.unlink()
        out += ["", "### Bytes per step, objects not looked into", "", *bytes_per_step(tool, bench)]
    text = "\n".join(out) + "\n"
    print(text)
    if options.document:
        document_between(BEGIN, END, text)
        print(f"Written: {DOCUMENT.relative_to(HERE.parent)}", file=sys.stderr)


if __name__ == "__main__":
    main()
