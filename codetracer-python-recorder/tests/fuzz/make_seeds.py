"""Makes corpus/ anew: small traces of tests/programs in every format, in forms that a fuzzer can change with effect. Run by hand, with the environment of
`make dev`: PYTHONPATH=codetracer-python-recorder .venv/bin/python codetracer-python-recorder/tests/fuzz/make_seeds.py

Compressed bytes would be a wall to the fuzzer: journals are stored here, and the frames of containers are taken apart (fuzz_ct.c puts them together).
"""

import contextlib
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import zstandard

HERE = Path(__file__).parent
PROGRAMS = HERE.parent / "programs"
GOLDEN = HERE.parent / "golden"
CORPUS = HERE / "corpus"
NAMES = ["threads_exception", "instances", "numbers_exact", "output_mixed"]
MOST = 8000  # bytes of a table
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz./-"
# As in fuzz_ct.c.
INNER = """events.log events.fmt meta.json meta.dat paths.dat paths.off funcs.dat funcs.off types.dat types.off varnames.dat varnames.off steps.dat steps.idx
    values.dat values.idx values.off calls.dat calls.idx events.dat events.idx events.off srcviews.dat srcviews.off journal.ctj""".split()


TOOL = HERE.parents[2] / "build" / ("dev-%d.%d" % sys.version_info[:2]) / "lib" / "codetracer-trace"
TRACED = Path("/tmp/traced")  # where programs and interpreter seem to be: traces name their place


def record(folder, script, *options, status=0, error=subprocess.PIPE):
    """Records script, which lies in TRACED. The folder of the trace."""
    command = [TRACED / "python", "-m", "codetracer_python_recorder", "--quiet", "--format", "journal", "-o", folder, *options, script]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=error, timeout=60, cwd=TRACED)
    assert done.returncode == status, (done.stderr or done.stdout).decode()
    return folder


def converted(journal, kind, file=""):
    """The bytes of the trace's file."""
    out = journal.parent.with_name(f"{journal.parent.name}-{kind}")
    subprocess.run([TOOL, "convert", journal, out, "--to", kind], check=True, capture_output=True, timeout=60)
    return (out if out.is_file() else out / file).read_bytes()


def keep(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


# ---- journals ----


def stored_journal(journal):
    """With uncompressed blocks, without the end block (whose offsets would be others). Checksums are fuzz_journal.c's business."""
    out, at = journal[:64], 64
    while at < len(journal):
        header = bytearray(journal[at : at + 80])
        stored, raw = struct.unpack_from("<II", header, 8)
        payload = journal[at + 80 : at + 80 + stored]
        at += 80 + stored
        if header[4] == 3:
            break
        if header[5] == 1:
            payload = zstandard.ZstdDecompressor().decompress(payload, max_output_size=raw)
        header[5] = 0
        struct.pack_into("<I", header, 8, raw)
        out += bytes(header) + payload
    return out


def small_live(live):
    """A live file with room for what is in it and no more."""
    count, size, data = struct.unpack_from("<IQQ", live, 12)
    slots = []
    for i in range(count):
        header = live[64 + 64 * i : 128 + 64 * i]
        state, published = struct.unpack_from("<I", header)[0], struct.unpack_from("<Q", header, 40)[0]
        if state and published:
            slots.append((header, live[data + i * size : data + i * size + published]))
    size = max(len(payload) for _, payload in slots)
    header = bytearray(live[:64])
    struct.pack_into("<IQQ", header, 12, len(slots), size, 64 + 64 * len(slots))
    return bytes(header) + b"".join(header for header, _ in slots) + b"".join(payload.ljust(size, b"\0") for _, payload in slots)


def killed(folder, program):
    """A program that is gone before anything of it was written elsewhere than into the live file."""
    script = TRACED / "killed.py"
    script.write_text(program.read_text() + "\nimport os\nos._exit(0)\n")
    out = record(folder / "killed", script)
    (left,) = out.glob(".recording-*")
    journal, live = (left / "journal.ctj").read_bytes(), small_live((left / "journal.live").read_bytes())
    shutil.rmtree(out)
    return b"LIVE" + struct.pack("<I", len(journal)) + journal + live


# ---- containers ----


def inner_blocks(container):
    """Name, size and places of the blocks of the files in a container; small ones, with one level of mapping."""
    block, entries = struct.unpack_from("<II", container, 8)
    for slot in range(entries):
        size, root, number = struct.unpack_from("<QQQ", container, 16 + 24 * slot)
        name = ""
        while number:
            name += LETTERS[number % 40 - 1]
            number //= 40
        if name in INNER and size <= (block // 8 - 1) * block:
            yield name, size, [at * block for at in struct.unpack_from(f"<{(size + block - 1) // block}Q", container, root * block)], block


def inner_files(container):
    for name, size, places, block in inner_blocks(container):
        yield name, b"".join(container[at : at + block] for at in places)[:size]


def piece(kind, content):
    return struct.pack("<BH", kind, len(content)) + content


def pieces_of(name, content):
    """As fuzz_ct.c takes them; and where each begins in the file."""
    out, places, at = [], [], 0
    while at < len(content):
        chunk = name == "events.log" and content[at + 16 : at + 20] == b"\x28\xb5\x2f\xfd"
        start = at + 16 if chunk else at
        places.append(at)
        if content[start : start + 4] == b"\x28\xb5\x2f\xfd":
            decoder = zstandard.ZstdDecompressor().decompressobj()
            raw = decoder.decompress(content[start:])
            out.append(piece(2, content[at + 4 : at + 6] + raw) if chunk else piece(1, raw))
            at = len(content) - len(decoder.unused_data)
        else:
            end = len(content) if name != "events.log" else min(at + 8, len(content))
            out.append(piece(0, content[at:end]))
            at = end
    return out, places


def taken_apart(container):
    out, places, full = bytes([container[5] - 2]), [], None
    for name, content in inner_files(container):
        if full and name.endswith(".off"):
            content = content.replace(struct.pack("<Q", full), struct.pack("<Q", MOST))
        full = len(content) if len(content) > MOST and name.endswith(".dat") else None
        if full:
            content = content[:MOST]  # paths.dat of ct-multi is mostly padding
        if name.endswith(".idx") and places and content:
            head = len(content) % 8
            pieces = [piece(0, content[:head])]
            for at in range(head, len(content), 8):
                offset = struct.unpack_from("<Q", content, at)[0]
                pieces.append(piece(3, bytes([places.index(offset)])) if offset in places else piece(0, content[at : at + 8]))
        else:
            pieces, places = pieces_of(name, content)
        if len(pieces) < 32 and all(len(part) <= 0xFFFF + 3 for part in pieces):
            out += bytes([INNER.index(name), len(pieces)]) + b"".join(pieces)
    return out


@contextlib.contextmanager
def traced_folder():
    TRACED.mkdir()
    try:
        (TRACED / "python").symlink_to(sys._base_executable)
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
    finally:
        shutil.rmtree(TRACED)


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    with traced_folder() as folder:
        for name in NAMES:
            program = PROGRAMS / f"{name}.py"
            (journal,) = record(folder / name, shutil.copy(program, TRACED), "--max-string", "64").glob("*.ctj")
            keep("journal", name, stored_journal(journal.read_bytes()))
            keep("journal", f"{name}.live", killed(folder, program))
            keep("json", name, converted(journal, "json", "trace.json")[:12000])
            keep("binary", f"{name}.v0", converted(journal, "binary-v0", "trace.bin"))
            file = converted(journal, "binary", "trace.bin")
            keep("binary", name, zstandard.ZstdDecompressor().decompressobj().decompress(file[8:]))
            for kind in ("ct", "ct-single", "ct-multi"):
                keep("ct", f"{name}.{kind}", taken_apart(converted(journal, kind)))
            if name == NAMES[0]:
                keep("journal", f"{name}.zstd", journal.read_bytes())
                keep("binary", f"{name}.v1", file)
    for file in sorted(GOLDEN.glob("*.ct")):
        keep("ct", f"golden.{file.stem}", taken_apart(file.read_bytes()))
    keep("ct", "golden.whole", (GOLDEN / "single_stream.ct").read_bytes())
    keep("json", "golden", (GOLDEN / "all_events.json").read_bytes())
    for file in sorted(GOLDEN.glob("binary_v[01]/trace.bin")):
        keep("binary", f"golden.{file.parent.name}", file.read_bytes())


if __name__ == "__main__":
    main()
