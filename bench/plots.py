#!/usr/bin/env python3
"""Draws docs/images from what `make bench` and `make bench-scaling` left in bench/results: cost per line of each program, cost against the size of a container, and
memory against the length of a program.

    make bench-plots
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "codetracer", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 100})
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

from measure import HERE, RESULTS  # noqa: E402
from run import figures  # noqa: E402
from scaling import KINDS  # noqa: E402

IMAGES = HERE.parent / "docs" / "images"
COLOURS = {
    "floor": "#9e9e9e", "journal": "#1b7837", "ct": "#5aae61", "coverage": "#c2a5cf", "viztracer": "#9970ab", "pysnooper": "#762a83", "0.3.0 json": "#e08214",
    "0.3.0 binary": "#b35806",
}  # fmt: skip
NAMES = {"floor": "callbacks that do nothing", "coverage": "coverage (lines only)", "viztracer": "viztracer (calls only)", "pysnooper": "PySnooper (values by repr)"}
PLAIN_NUMBER = FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")


def keep(figure, name):
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    print((IMAGES / f"{name}.svg").relative_to(HERE.parent))


def cost_per_line(measured):
    tables = {key.split()[0]: table for key, table in measured["results"].items() if key.endswith(" mid")}
    shown = [name for name in COLOURS if any(table["runs"].get(name) for table in tables.values())]
    figure, axes = pyplot.subplots(figsize=(8, 3.6))
    width = 0.8 / len(shown)
    for i, name in enumerate(shown):
        found = [figures(table, name) for table in tables.values()]
        heights = [max(one["ns"], 1) / 1000 if one else 0 for one in found]
        axes.bar([x + i * width for x in range(len(tables))], heights, width, color=COLOURS[name], label=NAMES.get(name, name))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(PLAIN_NUMBER)
    axes.set_ylabel("added µs of CPU per line, end to end")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(tables))], [f"{name}\n{table['lines']:,} lines" for name, table in tables.items()], fontsize=7)
    axes.legend(ncols=4, fontsize=7, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1))
    keep(figure, "cost-per-line")


def container_size(measured):
    figure, panels = pyplot.subplots(1, len(KINDS), figsize=(9, 2.6), sharey=True)
    for axes, (kind, shown, _) in zip(panels, KINDS):
        recorders = measured["containers"][kind]
        for name, by_size in recorders.items():
            points = [(int(size), statistics.median(runs) / 1000) for size, runs in by_size.items() if runs]
            axes.plot(*zip(*points), marker="o", markersize=3, color=COLOURS[name], label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(PLAIN_NUMBER)
        axes.xaxis.set_major_formatter(PLAIN_NUMBER)
        axes.set_xticks([10, 1000, 100_000])
        axes.set_title(shown.replace("`", ""), fontsize=8)
        axes.set_xlabel("elements")
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel("added µs of CPU per line")
    panels[0].legend(fontsize=7, frameon=False)
    keep(figure, "container-size")


def memory_against_length(measured):
    figure, axes = pyplot.subplots(figsize=(5, 2.8))
    for name, by_lines in measured["lengths"].items():
        axes.plot([int(lines) for lines in by_lines], [one["over_plain"] / 1e6 for one in by_lines.values()], marker="o", markersize=3, color=COLOURS[name], label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(PLAIN_NUMBER)
    axes.yaxis.set_major_formatter(PLAIN_NUMBER)
    axes.set_xlabel("lines executed")
    axes.set_ylabel("peak MB over plain")
    axes.legend(fontsize=7, frameon=False)
    keep(figure, "memory")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", required=True, help="of Python, as 3.12: whose results are drawn")
    version = parser.parse_args().version
    for prefix, draw in (("all", (cost_per_line,)), ("scaling", (container_size, memory_against_length))):
        file = RESULTS / f"{prefix}-{version}.json"
        if not file.exists():
            sys.exit(f"There is no {file.relative_to(HERE.parent)}: run make bench{'-scaling' * (prefix == 'scaling')} PYTHON_VERSION={version} first.")
        for one in draw:
            one(json.loads(file.read_text()))


if __name__ == "__main__":
    main()
