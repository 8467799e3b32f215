"""Every golden file that was ever put into tests/golden still says the same: FORMAT/VERSION/NAME.jsonl is what was read of it when it was added."""

import json

import pytest

from reading import print_json
from test_formats import GOLDEN

KEPT = sorted(GOLDEN.glob("*/*/*.jsonl"))
FORMATS = ["binary", "binary-v0", "ct", "ct-multi", "ct-single", "journal", "json"]


def trace_of(expected):
    (trace,) = [path for path in expected.parent.glob(f"{expected.stem}*") if path != expected]
    return trace


def test_every_format_has_golden_files():
    assert sorted({path.parent.parent.name for path in KEPT}) == FORMATS


@pytest.mark.parametrize("expected", KEPT, ids=lambda path: "/".join(path.parts[-3:]))
def test_still_decodes_to_the_same(expected):
    wanted = [json.loads(line) for line in expected.read_text().splitlines()]
    shown = print_json(trace_of(expected))
    assert len(shown) == len(wanted)
    # Later versions of the tool may say more of an event, not less and nothing else.
    assert [{key: event.get(key) for key in want} for event, want in zip(shown, wanted)] == wanted


@pytest.mark.parametrize("name", sorted({path.name for path in KEPT if path.parent.parent.name == "json"}))
def test_formats_agree(name):
    """What one program left in the formats without a journal inside is read as the same events, but for what their layouts do not hold."""
    read = {path.parent.parent.name: path.read_text() for path in KEPT if path.name == name}
    assert read["json"] == read["binary"] == read["binary-v0"] == read["ct-single"]
    assert read["journal"] == read["ct"]
