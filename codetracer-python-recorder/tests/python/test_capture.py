"""That the quick look at values misses nothing: with --verify-capture each snapshot is taken a second time, looking at everything, and what that still has
to write is counted. The oracle is the slow way, which test_differential.py compares with the pure-Python recorder."""

import os
import sys
from pathlib import Path

import pytest
import reading

DIFFERENTIAL = Path(__file__).parent.parent / "differential"
sys.path.insert(0, str(DIFFERENTIAL))
import mutations  # noqa: E402

PROGRAMS = DIFFERENTIAL.parent / "programs"
SEEDS = int(os.environ.get("CODETRACER_MUTATIONS", "40"))
# A run of CODETRACER_MUTATIONS=2000 CODETRACER_FIRST_MUTATION=1000 tries others than everyday's.
FIRST = int(os.environ.get("CODETRACER_FIRST_MUTATION", "0"))


def missed(recorded):
    return recorded.summary["missed"]


@pytest.mark.parametrize("name", sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem != "syntax_error"))
def test_nothing_is_missed(tmp_path, name):
    given = (PROGRAMS / name).with_suffix(".in")
    recorded = reading.record_journal(
        tmp_path, None, PROGRAMS / f"{name}.py", options=["--verify-capture"], stdin=given.read_text() if given.exists() else "", check=False, events=False,
        text=given.exists(),
    )  # fmt: skip
    assert recorded.summary is not None and missed(recorded) == 0, recorded.summary


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_nothing_is_missed_of_random_changes(tmp_path, seed):
    recorded = reading.record_journal(tmp_path, mutations.make_program(seed), options=["--verify-capture"], events=False)
    assert missed(recorded) == 0, f"python {DIFFERENTIAL.name}/mutations.py {seed} prints the program"


def test_what_is_missed_is_found(tmp_path):
    """An exact float never changes, the quick look relies on it. Here one is written to behind Python's back."""
    code = """
import ctypes
items = [0.5, 1.5]
def f(items):
    x = 1
    ctypes.c_double.from_address(id(items[0]) + 16).value = 7.5
    x = 2
    x = 3
    return items
f([float("0.5"), 1.5])
"""
    recorded = reading.record_journal(tmp_path, code, options=["--verify-capture"])
    assert missed(recorded) == 1
    steps = [event["locals"].get("items") for event in recorded.events if event["event"] == "step" and event["function"] == "f"]
    assert steps[-1] == [7.5, 1.5], "and mended"
    quick = reading.record_journal(tmp_path, code)
    steps = [event["locals"].get("items") for event in quick.events if event["event"] == "step" and event["function"] == "f"]
    assert steps[-1] == [0.5, 1.5] and missed(quick) == 0


@pytest.mark.skipif(bool(os.environ.get("CODETRACER_SANITIZE")), reason="a sanitizer's allocator keeps freed memory: counts mean nothing")
def test_what_the_program_lets_go_unseen_is_not_kept(tmp_path):
    """Texts and bytes that are elements are held to tell that they are still the same: not many of the large ones, for where nothing is recorded the program may let
    them go and count on the memory."""
    code = """
def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096
unseen = {}
exec('''
def measure(items):
    global freed
    before = resident()
    items.clear()
    freed = (before - resident()) / 1e6
''', unseen)
unseen['resident'] = resident
def g(items):
    x = 1
    x = 2
    unseen['measure'](items)
    return unseen['freed']
print(g([bytes([n]) * 1_000_000 for n in range(60)]))
"""
    recorded = reading.record_journal(tmp_path, code)
    assert float(recorded.out) > 60 - 20, "of 60 MB at most 16 may stay"
