"""Looks for changes that the quick look at objects misses, in programs made at random (mutations.py), for some time.

`python hunt.py [--seconds 60] [--first SEED] [--kind KIND]`: each seed gives a program of each kind that mutations.py makes. Without --first it
begins where the number of commits says, so that every run of a growing repository tries others. Exit status 1 if something was missed; the seeds are printed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))
import mutations  # noqa: E402
import reading  # noqa: E402


def missed(seed, kind):
    """What was missed in that program, as a text; None: nothing."""
    program = mutations.make_program(seed, kind)
    with tempfile.TemporaryDirectory() as folder:
        try:
            recorded = reading.record_journal(folder, program, options=mutations.options(seed, kind), events=False)
        except (AssertionError, subprocess.TimeoutExpired):
            # Some programs let their lists grow until there is no time or memory left: then they do so without us as well.
            try:
                plain = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20).returncode
            except subprocess.TimeoutExpired:
                return None
            return None if plain else "its recording failed"
    summary = recorded.summary
    if summary["missed"] or summary["python_inside"]:
        return f"{summary['missed']} changes missed, Python code ran {summary['python_inside']} times within the recorder"
    return None


def commits():
    counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return int(counted.stdout) if counted.returncode == 0 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, help="the first seed")
    parser.add_argument("--kind", choices=mutations.KINDS, help="programs of this kind only")
    options = parser.parse_args()
    kinds = mutations.KINDS if options.kind is None else [options.kind]
    seed = first = options.first if options.first is not None else 10_000 + 1_000 * commits()
    end = time.monotonic() + options.seconds
    found = 0
    while time.monotonic() < end:
        for kind in kinds:
            what = missed(seed, kind)
            if what:
                found += 1
                print(f"python {HERE.name}/mutations.py {seed} {kind}: {what}", file=sys.stderr)
        seed += 1
    print(f"hunt: seeds {first} to {seed - 1}, programs of {len(kinds)} kinds: {found or 'nothing'} missed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
