"""What our `.ct` leans on in its readers, one test for each: docs/ct-format.md, "What our layout leans on", has the list.

A container of ours is taken apart and put together in another way, so that each behaviour shows itself alone. When one of these tests fails, the
reader has changed and not we; its message says what that means for the layout.
"""

import json
import struct
import subprocess
import sys

import pytest
import zstandard
from conftest import environment_for
from support.containers import read_container, write_container
from support.dap import STARTS_WITHIN, Gone, ReplayServer, unless_it_crashes
from test_consumers_server import Walk
from test_formats import tool

PROGRAM = """\
import sys

def half(n, big):
    result = n / 2
    return result

print(half(3, 2**70))
print("oops", file=sys.stderr)
"""
RESULT_IS_SET = 5  # the line

SEEN_BY_PRINT = 31  # entries of the directory
META, FREE, LOG, LOG_FORMAT, LOG_META, JOURNAL = 16, 20, 31, 32, 33, 34

BIG, HALF = (7, "Int", str(2**70)), (8, "Float", "1.5")
SHOWN_BY_SERVER = {
    "locals": {"big": BIG, "n": (7, "Int", "3"), "result": HALF},
    "call": ["3", str(2**70)],
    "returned": "1.5",
    "output": [(0, "1.5\n"), (2, "oops\n")],
}
SHOWN_BY_PRINT = {
    "functions": ["<toplevel>", "<__main__>", "half"],
    "steps": 8,
    "calls": 3,
    "result": [1.5],
    "output": [("ioStdout", "1.5\n"), ("ioStderr", "oops\n")],
}


class Ours:
    """The container that we write for PROGRAM, and other ones made of its files."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        (folder / "half.py").write_text(PROGRAM)
        command = [sys.executable, "-m", "codetracer_python_recorder", "--quiet", "-o", folder / "ours", folder / "half.py"]
        subprocess.run(command, check=True, capture_output=True, env=environment_for(), timeout=60)
        self.files, self.entries = read_container(folder / "ours" / "half.ct")

    def server(self, files, entries=35, timeout=30):
        """What the replay server shows of these files, or the text of its failure."""
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        write_container(folder / "half.ct", files, entries)

        def drive():
            with ReplayServer(tool("replay-server"), folder, timeout) as server:
                walk = Walk(server)
                walk.breakpoints({(str(self.folder / "half.py"), RESULT_IS_SET)})
                walk.move("continue")
                call = walk.calls(3)[2][1]
                return {
                    "locals": dict(walk.locals()),
                    "call": [argument["value"]["i"] for argument in call["args"]],
                    "returned": call["returnValue"]["f"],
                    "output": [(event["kind"], event["content"]) for event in walk.ask("ct/event-load")["events"]],
                }

        try:
            return unless_it_crashes(drive, 1 if timeout < STARTS_WITHIN else 8)  # a short one is for what does not start
        except Gone as gone:
            return str(gone)

    def print(self, files, entries=35):
        """What ct-print shows of these files: a table like SHOWN_BY_PRINT; a list when it took them for the single-stream layout; or its complaint."""
        path = self.folder / "printed.ct"
        write_container(path, files, entries)
        done = subprocess.run([tool("ct-print"), "--full", path], capture_output=True, text=True, timeout=60)
        if done.returncode:
            return done.stderr
        shown = json.loads(done.stdout)
        if isinstance(shown, list):
            return shown
        values = [variable for event in shown["events"] if event["kind"] == "step" for variable in event["vars"]]
        return {
            "functions": shown["functions"],
            "steps": shown["counts"]["steps"],
            "calls": shown["counts"]["calls"],
            "result": [variable["value"].get("f") for variable in values if variable["varname"] == "result"],
            "output": [(event["io_kind"], event["text"]) for event in shown["events"] if event["kind"] == "io"],
        }


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Ours(tmp_path_factory.mktemp("layout"))


def without(files, *slots):
    return {slot: file for slot, file in files.items() if slot not in slots}


def frame(records, **how):
    return zstandard.ZstdCompressor(**how).compress(records)


def contents(file):
    return zstandard.ZstdDecompressor().decompress(file[1])


def test_both_show_what_we_write(ours):
    """The base of all tests here; and that our writer still writes what they take apart."""
    assert ours.entries == 35
    assert [ours.files[slot][0] for slot in (META, LOG, LOG_FORMAT, LOG_META, JOURNAL)] == [
        "meta.dat", "events.log", "events.fmt", "meta.dat", "journal.ctj"]  # fmt: skip
    assert sorted(ours.files) == [*range(19), 31, 32, 33, 34]
    assert ours.server(ours.files) == SHOWN_BY_SERVER
    assert ours.print(ours.files) == SHOWN_BY_PRINT


VIEWS = (17, 18)


def test_ct_print_falls_back_to_events_log_when_the_views_are_missing(ours):
    """It looks at 31 entries only as long as the streams open. Flag 0x20 of meta.dat promises srcviews: without them it takes slot 31, and refuses that."""
    assert [ours.files[slot][0] for slot in VIEWS] == ["srcviews.dat", "srcviews.off"] and ours.files[META][1][6] & 0x20
    shown = ours.print(without(ours.files, *VIEWS))
    assert isinstance(shown, str) and "events.log" in shown, (
        "ct-print shows a container whose flags promise source views that are not there: the flag need not be exact any more (ct.c, write_meta)"
    )
    name, meta = ours.files[META]
    unflagged = {**without(ours.files, *VIEWS), META: (name, meta[:6] + bytes([meta[6] & ~0x20]) + meta[7:])}
    assert ours.print(unflagged) == SHOWN_BY_PRINT, "ct-print needs source views even where no flag promises them: write empty ones (ct_multi.c)"
    assert ours.server(without(ours.files, *VIEWS)) == SHOWN_BY_SERVER, "the replay server needs the source views now"


@pytest.mark.parametrize("entries", [31, 34, 35, 64, 170])
def test_ct_print_looks_at_31_entries_whatever_the_header_says(ours, entries):
    assert ours.print(ours.files, entries) == SHOWN_BY_PRINT, (
        f"ct-print goes by max_root_entries ({entries}) now: it sees events.log in slot 31 and leaves the streams. Then both readers can be served only "
        "by a container for each (ct-single, ct-multi), or by an events.log that ct-print reads: without prefix, without floats and big integers."
    )


def test_ct_print_leaves_the_streams_when_it_sees_events_log(ours):
    """Why events.log must be where ct-print does not look."""
    files = {**without(ours.files, LOG), 30: ours.files[LOG]}
    assert ours.print(files) != SHOWN_BY_PRINT, "ct-print reads the streams beside events.log now: slots 31 and up are needed no more"


def test_ct_print_takes_the_first_of_two_equal_names(ours):
    """Should it ever look further than 31 entries, it still takes the right meta.dat."""
    second = {**ours.files, FREE: ours.files[LOG_META]}
    assert ours.print(second) == SHOWN_BY_PRINT, "ct-print takes the last meta.dat now: the one with flags must stay the only one among its 31 entries"
    first = {**ours.files, META: ours.files[LOG_META], FREE: ours.files[META]}
    assert ours.print(first) != SHOWN_BY_PRINT, "ct-print does not mind which meta.dat comes first: one meta.dat may be enough now"


def test_server_looks_at_as_many_entries_as_the_header_says(ours):
    assert ours.server(ours.files, 34) == SHOWN_BY_SERVER, "the replay server needs more of the directory than up to its meta.dat in slot 33"
    shown = ours.server(ours.files, LOG_META)
    assert shown != SHOWN_BY_SERVER, (
        "the replay server looks at entries beyond max_root_entries: if ct-print goes by max_root_entries one day, 31 can stand there and serve both"
    )


def test_server_takes_the_last_of_two_equal_names(ours):
    """Both files are in its directory; only the second has flags 0, with which events.log alone counts."""
    swapped = {**ours.files, META: ours.files[LOG_META], LOG_META: ours.files[META]}
    shown = ours.server(swapped)
    assert shown != SHOWN_BY_SERVER, "the replay server does not go by the last meta.dat any more: see test_server_lays_the_streams_over_events_log"
    last_first = {**ours.files, META: ours.files[LOG_META], FREE: ours.files[META], LOG_META: ours.files[LOG_META]}
    assert ours.server(last_first) == SHOWN_BY_SERVER, "the replay server does not take the last meta.dat of several"


def test_server_lays_the_streams_over_events_log_when_flags_say_so(ours):
    """Why there is a second meta.dat."""
    shown = ours.server(without(ours.files, LOG_META), 33)
    assert shown["call"] == [] and shown["locals"]["result"] != HALF and shown["locals"]["big"] != BIG, (
        "with bits 8 and 10 set the replay server shows arguments, floats and big integers now: the second meta.dat may go"
    )
    assert shown["output"] == SHOWN_BY_SERVER["output"]


def test_server_takes_events_log_before_the_streams(ours):
    """Streams of junk beside it change nothing."""
    junk = {**ours.files, 8: ("steps.dat", b"junk"), 10: ("values.dat", b"junk"), 12: ("calls.dat", b"junk"), 13: ("events.dat", b"junk")}
    assert ours.server(junk) == SHOWN_BY_SERVER, "the replay server reads the streams although there is an events.log: compare its answers with those for json"


def test_server_needs_to_be_told_the_form_of_events_log(ours):
    assert isinstance(ours.server(without(ours.files, LOG_FORMAT), timeout=5), str), "the replay server opens events.log without events.fmt now: it may go"


def test_server_does_not_need_the_prefix_of_events_log(ours):
    """CodeTracer's reader crate does; that it may be left out is the way out should ct-print begin to see slot 31."""
    name, log = ours.files[LOG]
    assert log[:8] == bytes.fromhex("C0DE72ACE2010000")
    assert ours.server({**ours.files, LOG: (name, log[8:])}) == SHOWN_BY_SERVER, "the replay server insists on the eight bytes before events.log now"


def test_nobody_minds_our_journal(ours):
    for files, entries in (
        (without(ours.files, JOURNAL), 34),
        ({**ours.files, JOURNAL: ("journal.ctj", b"\xff" * 3_000_000)}, 35),
        ({JOURNAL: ours.files[JOURNAL], **without(ours.files, JOURNAL)}, 35),  # its blocks come first
    ):
        assert ours.server(files, entries) == SHOWN_BY_SERVER, "journal.ctj means something to the replay server: it needs another name, or a file of its own"
        assert ours.print(files, entries) == SHOWN_BY_PRINT, "journal.ctj means something to ct-print: it needs another name, or a file of its own"


@pytest.mark.parametrize("stored, shown", [(12, "ioStderr"), (2, "ioStdout"), (3, "ioFileOp")])
def test_ct_print_shows_kinds_of_output(ours, stored, shown):
    """Standard error is stored as 12 because 2, its true number, is taken for standard output. Standard input (3) is file access to ct-print."""
    records = bytearray(contents(ours.files[13]))
    second = records[0] + 1  # each record: its length, then its kind
    assert (records[1], records[second + 1]) == (0, 12)
    records[second + 1] = stored
    files = {**ours.files, 13: ("events.dat", frame(bytes(records)))}
    assert ours.print(files)["output"] == [("ioStdout", "1.5\n"), (shown, "oops\n")], (
        f"ct-print folds kind {stored} in another way now: choose the number for standard error anew (ct_multi.c)"
    )


def test_ct_print_goes_by_the_chunk_size_of_the_index(ours):
    """Our chunks of values and calls are larger than upstream's."""
    name, records, chunks, offsets = "values.dat", contents(ours.files[10]), b"", []
    pieces, at = [], 0
    while at < len(records):
        size, head = records[at], 1
        if size >= 0x80:
            size, head = size & 0x7F | records[at + 1] << 7, 2
        pieces.append(records[at : at + head + size])
        at += head + size
    assert len(pieces) == SHOWN_BY_PRINT["steps"]
    for first in range(0, len(pieces), 3):
        offsets.append(len(chunks))
        chunks += frame(b"".join(pieces[first : first + 3]))
    files = {**ours.files, 10: (name, chunks), 11: ("values.idx", struct.pack(f"<I{len(offsets)}Q", 3, *offsets))}
    assert ours.print(files) == SHOWN_BY_PRINT, "ct-print counts on chunks of a fixed number of records: write upstream's numbers (ct_multi.c)"


def test_ct_print_takes_frames_with_checksum_and_needs_their_size(ours):
    records = contents(ours.files[10])
    parameters = zstandard.get_frame_parameters(ours.files[10][1])
    assert parameters.has_checksum and parameters.content_size == len(records)
    with_checksum = {**ours.files, 10: ("values.dat", frame(records, write_checksum=True))}
    assert ours.print(with_checksum) == SHOWN_BY_PRINT, "ct-print refuses frames with a checksum: leave them out of the streams (ct_multi.c)"
    unsized = {**ours.files, 10: ("values.dat", frame(records, write_content_size=False))}
    assert ours.print(unsized) != SHOWN_BY_PRINT, "ct-print reads frames that do not tell their size now: nothing leans on the size any more"


def test_server_takes_frames_with_checksum(ours):
    name, log = ours.files[LOG]
    size = struct.unpack_from("<I", log, 8)[0]
    assert len(log) == 8 + 16 + size and zstandard.get_frame_parameters(log[24:]).has_checksum, "events.log of a small program is one chunk"
    assert ours.server(ours.files) == SHOWN_BY_SERVER, "the replay server refuses frames with a checksum: leave them out of events.log (ct_log.c)"
