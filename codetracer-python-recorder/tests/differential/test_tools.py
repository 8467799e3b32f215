"""The tools of the differential tests themselves: compare.py tells differences, generate.py makes valid programs."""

import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from compare import compare  # noqa: E402
from generate import make_program  # noqa: E402


def integer(n):
    return {"kind": "Int", "i": n, "type_id": 1}


def raw(text):
    return {"kind": "Raw", "r": text, "type_id": 2}


NONE = {"kind": "None", "type_id": 0}
DEFINITIONS = [
    {"Path": "/p.py"},
    {"Function": {"path_id": 0, "line": 1, "name": "<toplevel>"}},
    {"Function": {"path_id": 0, "line": 1, "name": "f"}},
    {"VariableName": "x"},
    {"VariableName": "y"},
    {"Type": {"kind": 30, "lang_type": "None", "specific_info": {"kind": "None"}}},
    {"Type": {"kind": 7, "lang_type": "Int", "specific_info": {"kind": "None"}}},
    {"Type": {"kind": 16, "lang_type": "object", "specific_info": {"kind": "None"}}},
]
TOPLEVEL = {"Call": {"function_id": 0, "args": []}}
CALL = {"Call": {"function_id": 1, "args": []}}


def step(line, *values):
    found = [{"Value": {"variable_id": index, "value": value}} for index, value in enumerate(values)]
    return [{"Step": {"path_id": 0, "line": line}}] + found


def returned(value=NONE):
    return {"Return": {"return_value": value}}


@pytest.fixture
def differences(tmp_path):
    """differences(events of A, events of B) -> messages"""

    def run(a, b):
        for name, events in (("a", a), ("b", b)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "trace.json").write_text(json.dumps(DEFINITIONS + [TOPLEVEL] + events), "utf-8")
        return compare(str(tmp_path / "a"), str(tmp_path / "b"))

    return run


def test_equal(differences):
    events = step(1) + [CALL] + step(2, integer(1)) + [returned(integer(1))]
    assert differences(events, events) == []


def test_a_value(differences):
    (message,) = differences(step(3, integer(1), integer(2)), step(3, integer(1), integer(5)))
    assert "/p.py:3" in message and "variable y: A Int 2, B Int 5" in message


def test_a_missing_variable(differences):
    (message,) = differences(step(3, integer(1)), step(3, integer(1), integer(5)))
    assert "variable y: A (absent), B Int 5" in message


def test_a_line(differences):
    (message,) = differences(step(3) + step(4), step(3) + step(5))
    assert "A has Step /p.py:4, B has Step /p.py:5" in message


def test_a_return_value(differences):
    a, b = (step(1) + [CALL] + step(2) + [returned(integer(n))] for n in (1, 2))
    (message,) = differences(a, b)
    assert "/p.py:2 in f: return value of f: A Int 1, B Int 2" in message


def test_an_end_too_early(differences):
    (message,) = differences(step(1), step(1) + step(2))
    assert "only B goes on, by 1 entries, with Step /p.py:2" in message


def test_addresses_count_as_identity_within_a_step(differences):
    same = [raw("<object at 0x1>"), raw("<object at 0x1>")]
    also_same = [raw("<object at 0x7>"), raw("<object at 0x7>")]
    assert differences(step(1, *same), step(1, *also_same)) == []


def test_different_identity_is_told(differences):
    same = step(1, raw("<object at 0x1>"), raw("<object at 0x1>"))
    different = step(1, raw("<object at 0x1>"), raw("<object at 0x2>"))
    assert len(differences(same, different)) == 1


def test_threads_may_be_interleaved_otherwise(differences):
    start = step(1) + [CALL] + step(2)
    other_thread = step(1) + [CALL] + step(3, integer(1)) + [returned()]
    again = step(1) + [CALL]
    a = start + [{"ThreadStart": 2}, returned(), {"ThreadSwitch": 2}] + other_thread
    a += [{"ThreadExit": 2}, {"ThreadSwitch": 1}] + again + step(4) + step(5) + [returned()]
    b = start + step(4) + [{"ThreadStart": 2}, returned(), {"ThreadSwitch": 2}] + other_thread
    b += [{"ThreadExit": 2}, {"ThreadSwitch": 1}] + again + step(5) + [returned()]
    assert differences(a, b) == []


@pytest.mark.parametrize("seed", range(50))
def test_generated_programs_are_valid_and_repeatable(seed):
    program = make_program(seed)
    compile(program, "<generated>", "exec")
    assert program == make_program(seed)
