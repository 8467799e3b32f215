"""Keeps results of run.py: adds them to results-X.Y.json beside this file, and puts what is there into docs/reliability.md.

    python table.py build/cpython-3.12.jsonl build/cpython-3.13.jsonl
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- results, by table.py -->\n", "<!-- end of results -->\n"
# What is kept of a module's result.
KEPT = ("verdict", "tests", "failed", "excepted", "unsteady", "small", "plain", "recorded")
VERDICTS = ("same", "different", "slow", "cannot", "none")


def kept(version):
    """What was kept of the modules, by name."""
    file = HERE / f"results-{version}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def keep(version, lines):
    results = kept(version)
    for line in lines:
        result = json.loads(line)
        results[result["module"]] = {key: result[key] for key in KEPT if result.get(key)}
    ordered = ",\n".join(f"  {json.dumps(module)}: {json.dumps(results[module])}" for module in sorted(results))
    (HERE / f"results-{version}.json").write_text("{\n" + ordered + "\n}\n")


def cell(result):
    if result is None:
        return ""
    text = result["verdict"]
    if "tests" in result:
        text += f", {result['tests']}"
    if result.get("excepted"):
        text += ", some cannot"
    if result.get("failed"):
        text += f", {result['failed']} fail plainly"
    return text


def document():
    versions = sorted(re.search(r"-(.*)\.json", file.name).group(1) for file in HERE.glob("results-*.json"))
    results = {}
    lines = []
    for version in versions:
        of = kept(version)
        for module, result in of.items():
            results.setdefault(module.removeprefix("test."), {})[version] = result
        counts = ", ".join(f"{sum(result['verdict'] == verdict for result in of.values())} {verdict}" for verdict in VERDICTS)
        tests = sum(result.get("tests", 0) for result in of.values() if result["verdict"] == "same")
        lines.append(f"CPython {version}: {len(of)} modules: {counts}. The same are {tests:,} tests.\n\n")
    lines += f"| Module | {' | '.join(versions)} |\n", "|---|" + "---|" * len(versions) + "\n"
    for module in sorted(results):
        lines.append(f"| {module} | {' | '.join(cell(results[module].get(version)) for version in versions)} |\n")
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "".join(lines) + END + rest.partition(END)[2])


if __name__ == "__main__":
    for path in sys.argv[1:]:
        keep(re.search(r"\d+\.\d+", Path(path).name).group(), Path(path).read_text().splitlines())
    document()
