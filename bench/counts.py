"""Counts the instructions that recording adds to five fixed programs, and fails when there are more than 3 % more than the repository says.

Counts hardly jitter where times do, so they can gate a change: valgrind's cachegrind runs each program once plainly and once recorded as a journal, with the same
hashes and an environment of its own. What is expected stands in bench/counts.json, by what a count depends on: CPython's version and compiler, ours, the C library's
version and the processor's features that libraries choose their code by. Where nothing is expected for these, the last commit that changed counts.json is built and
counted too, in the same run."""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPECTED = HERE / "counts.json"
PROGRAMS = {"loop": 20_000, "fib": 19, "queens": 2, "objects": 1_500, "async": 1_500}
MORE_IS_WORSE = 1.03
# What glibc and zstd look at, of what valgrind shows to the program.
FEATURES = ("avx2", "bmi1", "bmi2", "erms", "fsrm")


def key(python):
    about = "import platform; print(platform.python_implementation(), platform.python_version(), platform.python_compiler())"
    interpreter = subprocess.run([python, "-I", "-c", about], check=True, capture_output=True, text=True).stdout.strip()
    compiler = subprocess.run([os.environ.get("CC") or "cc", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    features = [name for name in FEATURES if flags and name in flags[1].split()]
    return f"{interpreter}; {compiler}; {' '.join(platform.libc_ver())}; {platform.machine()} {' '.join(features)}"


def instructions(command, folder):
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONPATH": str(HERE / "support")}
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    still = ["setarch", "-R"] if subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0 else []  # no address randomisation
    done = subprocess.run([*still, *valgrind, *map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode or counted is None:
        sys.exit(f"{' '.join(map(str, command))} under valgrind ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return int(counted[1].replace(",", ""))


def added(python):
    """By program: the instructions that recording it adds."""
    counts = {}
    subprocess.run([python, "-m", "compileall", "-q", str(HERE / "support")], check=True)  # else the first program that is counted does it
    with tempfile.TemporaryDirectory(prefix="counts.") as scratch:
        folder = Path(scratch)
        for name, size in PROGRAMS.items():
            program = [shutil.copy(HERE / "workloads" / f"{name}.py", folder), size]
            recorder = [python, "-m", "codetracer_python_recorder", "--quiet", "--format", "journal", "-o", "out"]
            counts[name] = instructions([*recorder, *program], folder) - instructions([python, *program], folder)
            shutil.rmtree(folder / "out")
            print(f"{name}: {counts[name]:,}", file=sys.stderr, flush=True)
    return counts


def git(*arguments):
    return subprocess.run(["git", "-C", HERE, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def of_base():
    """The counts of the last commit that changed counts.json, built here."""
    commit = git("log", "-1", "--format=%H", "--", EXPECTED)
    print(f"Nothing is expected of this machine's kind: building {commit[:12]} to compare with.", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="counts-base.") as scratch:
        tree, venv = Path(scratch) / "tree", Path(scratch) / "venv"
        git("worktree", "add", "--detach", tree, commit)
        try:
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, tree / "codetracer-python-recorder"], check=True)
            return added(venv / "bin" / "python")
        finally:
            git("worktree", "remove", "--force", tree)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="write what is counted into counts.json")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("make counts needs valgrind: install it with your system's package manager (sudo apt-get install valgrind)")
    known = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    kind, now = key(sys.executable), added(sys.executable)
    if options.accept:
        EXPECTED.write_text(json.dumps({**known, kind: now}, indent=1) + "\n")
        print(f"{EXPECTED.name}: written for {kind}")
        return
    before = known.get(kind) or of_base()
    print(f"\n{kind}\n\n{'program':8} {'expected':>14} {'counted':>14}")
    worse = []
    for name, count in now.items():
        ratio = count / before[name]
        print(f"{name:8} {before[name]:14,} {count:14,}  {ratio - 1:+.1%}")
        if ratio > MORE_IS_WORSE:
            worse.append(name)
    if worse:
        sys.exit(f"\nMore than {MORE_IS_WORSE - 1:.0%} more instructions for {', '.join(worse)}. Look where they are spent (valgrind --tool=callgrind), or, if they are "
                 "worth it, say why in the commit and accept them: make counts ACCEPT=1")  # fmt: skip
    print("\n5 passed, 0 failed")


if __name__ == "__main__":
    main()
