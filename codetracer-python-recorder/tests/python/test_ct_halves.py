"""A container that holds the program more than once (docs/ct-format.md): what is damaged is read from where it is intact, and that is said."""

import json
import subprocess

import codetracer_python_recorder
import pytest
import reading
from test_verify_containers import PROGRAM, place_of, put_together, take_apart

SENTENCE = "events.log or its meta.dat is damaged here; all of the trace was read from the streams beside them, which do not say where functions begin"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not reading.trace_tool():
        pytest.skip("codetracer-trace is not installed")
    folder = tmp_path_factory.mktemp("made")
    trace = reading.record_journal(folder, PROGRAM, events=False).trace
    for form in ("ct", "ct-multi", "ct-single"):
        subprocess.run([reading.trace_tool(), "convert", str(trace), str(folder / form), "--to", form], check=True, capture_output=True, timeout=60)
    return {form: (folder / form).read_bytes() for form in ("ct", "ct-multi", "ct-single")}


def printed(path, container, status):
    path.write_bytes(container)
    done = subprocess.run([reading.trace_tool(), "print", "--json", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def damaged(container, name, which, at):
    place = place_of(container, name, which) + at
    return container[:place] + bytes([container[place] ^ 0x55]) + container[place + 1 :]


DAMAGE = {
    "a frame of events.log": lambda c: (damaged(c, "events.log", 0, 60), place_of(c, "events.log", 0) + 8),
    "the end of events.log": lambda c: (damaged(c, "events.log", 0, len(dict(take_apart(c))["events.log"]) - 1), place_of(c, "events.log", 0) + 8),
    "the beginning of events.log": lambda c: (damaged(c, "events.log", 0, 24), place_of(c, "events.log", 0)),
    "its meta.dat": lambda c: (damaged(c, "meta.dat", -1, 0), place_of(c, "meta.dat", -1)),
}


@pytest.mark.parametrize("journal", ["absent", "damaged"])
@pytest.mark.parametrize("what", DAMAGE)
def test_the_streams_stand_in_for_a_damaged_log(made, tmp_path, journal, what):
    files = take_apart(made["ct"])
    assert files[-1][0] == "journal.ctj"
    files[-1:] = [] if journal == "absent" else [("journal.ctj", b"X" + files[-1][1][1:])]
    container, place = DAMAGE[what](put_together(files))
    expected, silence = printed(tmp_path / "multi.ct", made["ct-multi"], status=0)
    shown, sentence = printed(tmp_path / "t.ct", container, status=1)
    assert silence == "" and len(expected) > 20
    assert shown == expected
    assert SENTENCE in sentence and "what stands before that was read" not in sentence
    trace = codetracer_python_recorder.read(tmp_path / "t.ct")
    assert (len(trace.steps), trace.damage.position) == (sum(event["event"] == "step" for event in expected), place)


def test_without_damage_the_log_is_read_and_nothing_is_said(made, tmp_path):
    files = take_apart(made["ct"])
    expected, _ = printed(tmp_path / "single.ct", made["ct-single"], status=0)
    assert printed(tmp_path / "t.ct", put_together(files[:-1]), status=0) == (expected, "")


def test_when_both_halves_are_damaged_the_log_is_read_as_far_as_it_goes(made, tmp_path):
    files = take_apart(made["ct"])[:-1]
    container = put_together(files)
    container = damaged(damaged(container, "events.log", 0, 60), "values.dat", 0, 30)
    _, sentence = printed(tmp_path / "t.ct", container, status=1)
    assert "events.log is damaged here" in sentence and SENTENCE not in sentence
