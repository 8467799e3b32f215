"""Traces that were damaged: 2,000 random changes over all formats, the same ones each time (CODETRACER_CHANGES=20000 and CODETRACER_SEED for others).
tests/c/corrupt_trace.c makes them and judges what is read.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from reading import record_journal, trace_tool
from test_formats import helper

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
from make_seeds import inner_blocks  # noqa: E402

CHANGES = int(os.environ.get("CODETRACER_CHANGES", "2000"))
SEED = os.environ.get("CODETRACER_SEED", "1")

# Threads that alternate, exceptions that are caught, objects that change; numbers and texts that do not compress away.
PROGRAM = """\
import random
import sys
import threading
import time

noise = random.Random(7)


class Account:
    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance
        self.history = []

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError(f"{self.owner} has only {self.balance}")
        self.balance -= amount
        self.history.append((amount, noise.random()))
        return self.balance


def numbers(count):
    for _ in range(count):
        yield noise.getrandbits(40)


def work(account, turn, after, rounds):
    for i in range(1, rounds + 1):
        if i % 50 == 0:
            time.sleep(0.21)  # a journal's block ends
        turn.acquire()
        try:
            account.withdraw(noise.randrange(400))
        except ValueError as error:
            text = str(error) + format(noise.getrandbits(200), "x")
            account.balance += sum(numbers(2)) % 1000
        after.release()


rounds = int(sys.argv[1])
locks = threading.Semaphore(1), threading.Semaphore(0)
threads = [
    threading.Thread(target=work, args=(Account(name, 300), locks[i], locks[1 - i], rounds)) for i, name in enumerate(["Ada", "Grace"])
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
"""
# How often the loop runs, so that the file has some 50 to 200 KB; and how large a part of the changes it gets.
FORMATS = {
    "journal": (400, 6),
    "ct": (50, 3),
    "ct-single": (40, 3),
    "ct-multi": (80, 3),
    "binary": (75, 2),
    "binary-v0": (5, 2),
    "json": (5, 2),
}
CHECKED = {"journal": "--checked", "ct": "--checked", "ct-single": "--checked", "ct-multi": "--streams", "binary": "--checked"}
# The multi-stream layout keeps names in tables that have no checksum.
TABLES = {f"{name}.{suffix}" for name in ("paths", "funcs", "types", "varnames") for suffix in ("dat", "off")}


def tables_of(container):
    for name, size, places, block in inner_blocks(container.read_bytes()):
        for number, place in enumerate(places):
            if name in TABLES:
                yield from ("--spare", f"{place}-{place + min(block, size - number * block)}")


def units_of(kind, data):
    """(number, from, to) of what has a checksum of its own: docs/journal-format.md, docs/ct-format.md, RFC 8878. One that lies in several pieces comes several times."""
    if kind in ("journal", "binary"):
        spans = journal_blocks(data) if kind == "journal" else frames(data, 8)
        yield from ((number, *span) for number, span in enumerate(spans))
    elif kind.startswith("ct"):
        number = 0
        for name, size, places, block in inner_blocks(data):
            content = b"".join(data[at : at + block] for at in places)[:size]
            spans = PARTS[name](content) if name in PARTS else []
            for number, (start, end) in enumerate(spans, number + 1):
                for i in range(start // block, (end - 1) // block + 1):
                    yield number, places[i] + max(start - i * block, 0), places[i] + min(end - i * block, block)


def journal_blocks(data):
    yield 0, 64
    at = 64
    while at < len(data):
        size = 80 + int.from_bytes(data[at + 8 : at + 12], "little")
        yield at, at + size
        at += size


def log_chunks(data):
    at = 8
    while at < len(data):
        size = 16 + int.from_bytes(data[at : at + 4], "little")
        yield at, at + size
        at += size


def frames(data, at=0):
    while at < len(data):
        size = frame_size(data[at:])
        yield at, at + size
        at += size


# What a container has in it, but tables and indexes, which have no checksum.
PARTS = {"journal.ctj": journal_blocks, "events.log": log_chunks} | {f"{name}.dat": frames for name in ("steps", "values", "calls", "events")}


def frame_size(data):
    if data[:4] != b"\x28\xb5\x2f\xfd":  # the table of frames: its length follows
        return 8 + int.from_bytes(data[4:8], "little")
    one = zstandard.ZstdDecompressor().decompressobj()
    one.decompress(data)
    return len(data) - len(one.unused_data)


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    """traces(kind, rounds): the file of a trace of PROGRAM."""
    folder = tmp_path_factory.mktemp("traces")

    def make(kind, rounds):
        journal = folder / f"{rounds}"
        if not journal.exists():
            journal.mkdir()
            record_journal(journal, PROGRAM, rounds, events=False)
        (file,) = (journal / "trace").glob("*.ctj")
        if kind == "journal":
            return file
        out = journal / (f"{kind}.ct" if kind.startswith("ct") else kind)
        if not out.exists():
            subprocess.run([trace_tool(), "convert", file, out, "--to", kind], check=True, capture_output=True, timeout=60)
        return out if out.is_file() else out / ("trace.json" if kind == "json" else "trace.bin")

    return make


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_noticed(traces, kind):
    rounds, share = FORMATS[kind]
    file = traces(kind, rounds)
    assert 30_000 < file.stat().st_size < 500_000, file.stat().st_size
    options = [CHECKED[kind]] if kind in CHECKED else []
    units = list(units_of(kind, file.read_bytes()))
    for number, start, end in units:
        options += ["--unit", f"{number}:{start}-{end}"]
    if kind == "ct-multi":
        options += tables_of(file)
    # A container that holds a journal is read by way of its other layouts when the journal is damaged.
    others = [traces(other, rounds) for other in ("ct-single", "ct-multi")] if kind == "ct" else []
    count = CHANGES * share // sum(share for _, share in FORMATS.values())
    program = Path(helper()).with_name("corrupt_trace")
    done = subprocess.run([program, *options, str(count), SEED, file, *others], capture_output=True, text=True, timeout=300)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    outcomes = dict(zip(words[::2], map(int, words[1::2])))
    assert outcomes["whole"] + outcomes["part"] + outcomes["refused"] == count
    assert outcomes["part"] > 0 and outcomes["failed"] == 0
    # Half of a small container is tables, indexes and block maps.
    assert (outcomes["placed"] > count // (6 if kind in ("ct", "ct-multi") else 3)) == bool(units)


def test_a_frame_that_goes_on_behind_the_seek_table(traces, tmp_path):
    """Its own end, with the checksum, is not in the file, though the file is whole: nothing of it is handed on, and the error names it."""
    whole = traces("binary", FORMATS["binary"][0]).read_bytes()
    *before, last = [span for span in frames(whole, 8) if whole[span[0] : span[0] + 4] == zstandard.FRAME_HEADER]
    assert before
    for missing in 1, 4, 40:
        folder = tmp_path / str(missing)
        folder.mkdir()
        (folder / "trace.bin").write_bytes(whole[: last[1] - missing] + whole[last[1] :])
        done = subprocess.run([trace_tool(), "print", "--json", folder], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and f"byte {last[0]:,}" in done.stderr.replace(f"byte {last[0]}", f"byte {last[0]:,}"), done.stderr
        (folder / "trace.bin").write_bytes(whole[: last[0]])  # cut off just there
        cut = subprocess.run([trace_tool(), "print", "--json", folder], capture_output=True, text=True, timeout=60)
        assert done.stdout == cut.stdout and cut.stdout
