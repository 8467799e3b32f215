"""A container that holds the program more than once (docs/ct-format.md): what is damaged is read from where it is intact, and that is said."""

import json
import subprocess
from pathlib import Path

import codetracer_python_recorder
import pytest
import reading
from test_verify_containers import PROGRAM, number, place_of, put_together, take_apart, u64

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


def of_another_writer(container):
    """This recorder's containers with both layouts have a journal, and are damaged without it; others' have none."""
    name = b"codetracer-python-recorder"
    assert name in container
    return container.replace(name, name[::-1])


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
    container, place = DAMAGE[what](of_another_writer(put_together(files)) if journal == "absent" else put_together(files))
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
    assert printed(tmp_path / "t.ct", of_another_writer(put_together(files[:-1])), status=0) == (expected, "")


def test_when_both_halves_are_damaged_the_log_is_read_as_far_as_it_goes(made, tmp_path):
    files = take_apart(made["ct"])[:-1]
    container = put_together(files)
    container = damaged(damaged(container, "events.log", 0, 60), "values.dat", 0, 30)
    _, sentence = printed(tmp_path / "t.ct", container, status=1)
    assert "events.log is damaged here" in sentence and SENTENCE not in sentence


# ---- the journal in it ----

GOLDEN = Path(__file__).parents[1] / "golden"
HEADER = 64  # docs/journal-format.md: the file's header, with its checksum at 56; a block's header has 80 bytes, with the payload's size at 8


def xored(data, first, count):
    return data[:first] + bytes(byte ^ 0x5A for byte in data[first : first + count]) + data[first + count :]


def last_block(journal):
    at = HEADER
    while (behind := at + 80 + number(journal, at + 8) % 2**32) < len(journal):
        at = behind
    return at


def of_version_2(journal):
    """Its checksum, XXH3-64 of the first 56 bytes, is what `xxhsum -H3` says of them."""
    return journal[:8] + b"\2\0" + journal[10:56] + VERSION_2 + journal[HEADER:]


VERSION_2 = u64(0x44F230CC8176959F)
# What is done to it; the byte of the journal that is named; words of the sentence.
JOURNALS = {
    "its first bytes": (lambda j: xored(j, 0, HEADER), lambda j: 0, "journal.ctj in it is damaged here"),
    "its definitions": (lambda j: xored(j, HEADER + 80 + 20, 3), lambda j: HEADER + 80, "journal.ctj in it is damaged here"),
    "its end block": (lambda j: xored(j, len(j) - 2, 1), last_block, "journal.ctj in it ends here"),
    "the last block's header": (lambda j: xored(j, last_block(j) + 20, 1), last_block, "journal.ctj in it ends here"),
    "nothing, but a version to come": (of_version_2, lambda j: 8, "of a version that this program does not know"),
}


@pytest.mark.parametrize("what", JOURNALS)
def test_a_journal_that_cannot_be_used_is_told(tmp_path, what):
    container = (GOLDEN / "ct/4-columns/instances.ct").read_bytes()
    files = take_apart(container)
    name, journal = files[-1]
    assert name == "journal.ctj"
    change, place, words = JOURNALS[what]
    start = place_of(container, "journal.ctj", 0)
    expected, _ = printed(tmp_path / "without.ct", of_another_writer(put_together(files[:-1])), status=0)
    shown, sentence = printed(tmp_path / "t.ct", container[:start] + change(journal) + container[start + len(journal) :], status=1)
    assert len(expected) > 20 and shown == expected

    def is_told(stderr):
        told = stderr.splitlines()
        assert len(told) == 1 and words in told[0] and "layouts for other readers" in told[0] and f"(at byte {start + place(journal)})" in told[0], told
        assert "`codetracer-trace verify`" in told[0] or "a newer codetracer-trace" in told[0]
        return True

    assert is_told(sentence)
    out = tmp_path / "json"
    for arguments in (["info"], ["print", "--limit", "3"], ["print", "--to", "3"], ["convert", out, "--to", "json"]):
        done = subprocess.run([reading.trace_tool(), arguments[0], tmp_path / "t.ct", *arguments[1:]], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        if arguments[0] == "convert":  # which tells what it leaves out, too
            assert is_told(done.stderr.splitlines()[0]) and (out / "trace.json").exists()
        else:
            assert is_told(done.stderr) and done.stdout
    trace = codetracer_python_recorder.read(tmp_path / "t.ct")
    assert (len(trace.steps), trace.damage.position) == (sum(event["event"] == "step" for event in expected), start + place(journal))
    assert words in str(trace.damage)
