"""codetracer-trace verify on containers: for each rule of docs/verify.md about their structure one that breaks it. A container is taken apart and put together again by
this test itself (docs/ct-format.md)."""

import subprocess

import pytest
import reading
import zstandard
from test_verify import verify

BLOCK = 4096
LETTERS = "\0" + "0123456789abcdefghijklmnopqrstuvwxyz./-"
PROGRAM = "def f(a):\n    print(a)\n    b = a\n    return b\n\nfor i in range(5):\n    f(i)\n"


def u64(number):
    return number.to_bytes(8, "little")


def number(data, at=0):
    return int.from_bytes(data[at : at + 8], "little")


def take_apart(container):
    """[(name, bytes)] in the order of the directory."""
    files = []
    for at in range(16, BLOCK - 23, 24):
        size, root, code, name = number(container, at), number(container, at + 8), number(container, at + 16), ""
        while code:
            name, code = name + LETTERS[code % 40], code // 40
        assert size <= 511 * BLOCK
        blocks = [number(container, root * BLOCK + 8 * i) for i in range((size + BLOCK - 1) // BLOCK)]
        if name:
            files.append((name, b"".join(container[b * BLOCK : b * BLOCK + BLOCK] for b in blocks)[:size]))
    return files


def put_together(files):
    head = bytearray(b"\xc0\xde\x72\xac\xe2\x04\x00\x01" + BLOCK.to_bytes(4, "little") + len(files).to_bytes(4, "little"))
    blocks = []
    for name, data in files:
        root = len(blocks) + 1
        pieces = [data[i : i + BLOCK].ljust(BLOCK, b"\0") for i in range(0, len(data), BLOCK)]
        blocks.append(b"".join(u64(root + 1 + i) for i in range(len(pieces))).ljust(BLOCK, b"\0"))
        blocks += pieces
        head += u64(len(data)) + u64(root) + u64(sum(LETTERS.index(letter) * 40**i for i, letter in enumerate(name)))
    return bytes(head).ljust(BLOCK, b"\0") + b"".join(blocks)


def frame(raw, checksum=True, size=True):
    if size:
        return zstandard.ZstdCompressor(write_checksum=checksum).compress(raw)
    one = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=False).compressobj()
    return one.compress(raw) + one.flush()


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def take_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def records(raw):
    found, at = [], 0
    while at < len(raw):
        size, at = take_varint(raw, at)
        found.append(raw[at : at + size])
        at += size
    return found


def call_fields(record):
    """function, parent (zigzag), entry, exit, depth, what stands between, children."""
    fields, at = [], 0
    for _ in range(5):
        value, at = take_varint(record, at)
        fields.append(value)
    start = at
    count, at = take_varint(record, at)
    for _ in range(count):
        _, at = take_varint(record, at)
        size, at = take_varint(record, at)
        at += size
    for _ in range(2):
        size, at = take_varint(record, at)
        at += size
    middle, children = record[start:at], []
    count, at = take_varint(record, at)
    for _ in range(count):
        child, at = take_varint(record, at)
        children.append(child)
    assert at == len(record)
    return fields + [middle, children]


def call_record(fields):
    children = fields[6]
    return b"".join(map(varint, fields[:5])) + fields[5] + varint(len(children)) + b"".join(map(varint, children))


class Parts:
    """The files of a container, to be changed."""

    def __init__(self, container):
        self.files = dict(take_apart(container))

    def raw(self, stem):
        return zstandard.ZstdDecompressor().decompress(self.files[stem + ".dat"])

    def put_records(self, stem, items, **options):
        self.files[stem + ".dat"] = frame(b"".join(varint(len(item)) + item for item in items), **options)

    def change_call(self, key, field, change):
        calls = records(self.raw("calls"))
        fields = call_fields(calls[key])
        fields[field] = change(fields[field])
        calls[key] = call_record(fields)
        self.put_records("calls", calls)

    def bytes_of(self):
        return put_together(list(self.files.items()))


@pytest.fixture(scope="module")
def tool():
    found = reading.trace_tool()
    if not found:
        pytest.skip("codetracer-trace is not installed")
    return found


@pytest.fixture(scope="module")
def made(tool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    trace = reading.record_journal(folder, PROGRAM, events=False).trace
    for form in ("ct", "ct-multi", "ct-single"):
        subprocess.run([tool, "convert", str(trace), str(folder / form), "--to", form], check=True, capture_output=True, timeout=60)
    return {form: (folder / form).read_bytes() for form in ("ct", "ct-multi", "ct-single")}


def rules_of(tool, path, container, status=1):
    path.write_bytes(container)
    *findings, last = verify(tool, path, status=status)
    assert last["ok"] is (status == 0)
    return {finding["rule"] for finding in findings}


def test_what_is_put_together_again_is_whole(tool, made, tmp_path):
    for container in made.values():
        assert rules_of(tool, tmp_path / "t.ct", put_together(take_apart(container)), status=0) == set()


def no_checksum(parts):
    parts.put_records("values", records(parts.raw("values")), checksum=False)


def no_size(parts):
    parts.put_records("values", records(parts.raw("values")), size=False)


def meta(change):
    def apply(parts):
        parts.files["meta.dat"] = change(parts.files["meta.dat"])

    return apply


def index(change):
    def apply(parts):
        parts.files["values.idx"] = change(parts.files["values.idx"])

    return apply


def table(change):
    def apply(parts):
        parts.files["varnames.off"] = change(parts.files["varnames.off"])

    return apply


def call(key, field, change):
    return lambda parts: parts.change_call(key, field, change)


# Call 0 is <toplevel>, 1 the module, 2 to 6 are f's.
BROKEN = {
    "frame checksum": no_checksum,
    "frame size": no_size,
    "meta id": meta(lambda data: data[:9] + b"X" + data[10:]),
    "meta flags": meta(lambda data: data[:6] + b"\x40\x0f" + data[8:]),
    "meta paths": meta(lambda data: data.replace(b"prog.py", b"prog.px").replace(b"prog.px", b"prog.py", 1) if data.count(b"prog.py") > 1 else data[:-1] + b"x"),
    "index offset": index(lambda data: data[:4] + u64(1)),
    "index more": index(lambda data: data + u64(9)),
    "index none": index(lambda data: bytes(4) + data[4:]),
    "index chunk": index(lambda data: (3).to_bytes(4, "little") + data[4:]),
    "table order": table(lambda data: data[:8] + u64(1 << 20) + data[16:]),
    "table end": table(lambda data: data[:-8] + u64(number(data[-8:]) - 1)),
    "table size": table(lambda data: data + b"\1"),
    "value-count": lambda parts: parts.put_records("values", records(parts.raw("values"))[:-1]),
    "call-tree depth": call(3, 4, lambda depth: depth + 1),
    "call-tree parent": call(3, 1, lambda parent: 2 * 40),
    "call-tree children": call(1, 6, lambda children: children[:-1]),
    "call-tree order": call(1, 6, lambda children: children[::-1]),
    "call-tree exit": call(2, 3, lambda exit: 1 << 20),
    "call-tree within": call(0, 3, lambda exit: exit - 1),
    "id-undefined": call(3, 0, lambda function: 99),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_of_the_streams_is_named(tool, made, tmp_path, name):
    parts = Parts(made["ct-multi"])
    BROKEN[name](parts)
    assert name.split()[0] in rules_of(tool, tmp_path / "t.ct", parts.bytes_of())


def change_bytes(container, at, value):
    return container[:at] + value + container[at + len(value) :]


def mapping(container):
    """Where the mapping block of the second file is."""
    return number(container, 16 + 24 + 8) * BLOCK


@pytest.mark.parametrize(
    "rule, change",
    [
        ("directory", lambda c: change_bytes(c, 12, (171).to_bytes(4, "little"))),
        ("mapping", lambda c: change_bytes(c, mapping(c), u64(number(c, mapping(c)) - 2))),  # a block of the file before
        ("mapping", lambda c: change_bytes(c, mapping(c), u64(1 << 40))),
        ("mapping", lambda c: change_bytes(c, mapping(c), u64(0))),
        ("mapping", lambda c: change_bytes(c, mapping(c) + 8, u64(len(c) // BLOCK)) + bytes(BLOCK)),  # behind its size
        ("size", lambda c: change_bytes(c, 16 + 24, u64(1 << 40))),
    ],
    ids=["directory", "twice", "outside", "missing", "behind", "size"],
)
def test_a_broken_rule_of_the_container_is_named(tool, made, tmp_path, rule, change):
    assert rule in rules_of(tool, tmp_path / "t.ct", change(Parts(made["ct-multi"]).bytes_of()))


def place_of(container, name, which):
    """Where a file's first byte is; which: of several entries of that name."""
    found = []
    for at in range(16, BLOCK - 23, 24):
        code, letters = number(container, at + 16), ""
        while code:
            letters, code = letters + LETTERS[code % 40], code // 40
        if letters == name:
            found.append(number(container, number(container, at + 8) * BLOCK) * BLOCK)
    return found[which]


class Log:
    """The events of events.log, in one chunk behind the eight bytes in front (docs/ct-format.md)."""

    def __init__(self, data):
        size, self.count, self.first = (int.from_bytes(data[at : at + n], "little") for at, n in ((8, 4), (12, 4), (16, 8)))
        assert size == len(data) - 24
        self.prefix, self.raw = data[:8], zstandard.ZstdDecompressor().decompress(data[24:])
        self.frame, self.behind = frame, b""

    def bytes_of(self):
        body = self.frame(self.raw) + self.behind
        return self.prefix + len(body).to_bytes(4, "little") + self.count.to_bytes(4, "little") + u64(self.first) + body


def log_first(log):
    log.first = 1


def log_count(log):
    log.count -= 1


def log_behind(log):
    log.behind = b"more"


def log_no_checksum(log):
    log.frame = lambda raw: frame(raw, checksum=False)


def log_no_size(log):
    log.frame = lambda raw: frame(raw, size=False)


def log_bad_checksum(log):
    log.frame = lambda raw: frame(raw)[:-1] + bytes([frame(raw)[-1] ^ 1])


def add_event(event):
    def apply(log):
        log.raw += event
        log.count += 1

    return apply


LOG_BROKEN = {
    "chunk first": log_first,
    "chunk count": log_count,
    "chunk size": log_behind,
    "frame checksum": log_no_checksum,
    "frame size": log_no_size,
    "format checksum": log_bad_checksum,
    "format tag": add_event(b"\x18"),
    "format cut": add_event(b"\x00" + u64(0)),
    "id-undefined path": add_event(b"\x00" + u64(99) + u64(1)),
    "id-undefined function": add_event(b"\x07" + u64(99) + b"\1\0\0\0\x80"),
}


@pytest.mark.parametrize("form", ["ct", "ct-single"])
@pytest.mark.parametrize("name", LOG_BROKEN)
def test_a_broken_frame_of_events_log_is_named(tool, made, tmp_path, form, name):
    files = take_apart(made[form])
    (at,) = (i for i, (name, _) in enumerate(files) if name == "events.log")
    log = Log(files[at][1])
    assert log.prefix[:5] == b"\xc0\xde\x72\xac\xe2" and log.first == 0
    LOG_BROKEN[name](log)
    files[at] = ("events.log", log.bytes_of())
    (tmp_path / "t.ct").write_bytes(container := put_together(files))
    *findings, _ = verify(tool, tmp_path / "t.ct", status=1)
    rule = name.split()[0]
    place = place_of(container, "events.log", 0) + (24 if rule == "frame" else 8)
    assert (rule, place) in [(finding["rule"], finding["byte"]) for finding in findings]


@pytest.mark.parametrize("form, which", [("ct", 0), ("ct", -1), ("ct-single", 0), ("ct-multi", 0)])
@pytest.mark.parametrize("at, value", [(4, b"\4\0"), (6, b"\0\x40")], ids=["version", "flags"])
def test_a_meta_dat_that_nobody_knows_is_named(tool, made, tmp_path, form, which, at, value):
    container = put_together(take_apart(made[form]))
    place = place_of(container, "meta.dat", which) + at
    (tmp_path / "t.ct").write_bytes(change_bytes(container, place, value))
    *findings, _ = verify(tool, tmp_path / "t.ct", status=1)
    assert ("version", place) in [(finding["rule"], finding["byte"]) for finding in findings]


def test_a_container_of_another_version_is_named(tool, made, tmp_path):
    (tmp_path / "t.ct").write_bytes(change_bytes(made["ct"], 5, b"\x09"))
    assert [(f["rule"], f["byte"]) for f in verify(tool, tmp_path / "t.ct", status=1)[:-1]] == [("version", 5)]


def undefined_type(parts):
    raw = parts.raw("values")
    at = raw.index(b"type_id") + 7
    assert raw[at] < 23
    items = records(raw[:at] + b"\x17" + raw[at + 1 :])
    parts.put_records("values", items)


def undefined_variable(parts):
    items = records(parts.raw("values"))
    at = next(i for i, item in enumerate(items) if item[:1] == b"\0" and item[1:2] > b"\0")
    items[at] = items[at][:2] + b"\x63" + items[at][3:]
    parts.put_records("values", items)


def undefined_argument(parts):
    calls = records(parts.raw("calls"))
    fields = call_fields(calls[3])
    assert fields[5][0] == 1
    fields[5] = fields[5][:1] + b"\x63" + fields[5][2:]
    calls[3] = call_record(fields)
    parts.put_records("calls", calls)


@pytest.mark.parametrize("form", ["ct", "ct-multi"])
@pytest.mark.parametrize(
    "stem, change", [("values", undefined_type), ("values", undefined_variable), ("calls", undefined_argument), ("calls", call(3, 0, lambda function: 99))]
)
def test_ids_of_the_streams_are_held_against_their_tables(tool, made, tmp_path, form, stem, change):
    files = take_apart(made[form])
    parts = Parts(made["ct-multi"])
    parts.files.update(dict(reversed(files)))  # of equal names the first
    change(parts)
    for i, (name, _) in enumerate(files):
        if name == stem + ".dat":
            files[i] = (name, parts.files[name])
    (tmp_path / "t.ct").write_bytes(container := put_together(files))
    *findings, _ = verify(tool, tmp_path / "t.ct", status=1)
    assert {(finding["rule"], finding["byte"]) for finding in findings} == {("id-undefined", place_of(container, stem + ".dat", 0))}


def test_both_halves_are_read_when_one_is_damaged(tool, made, tmp_path):
    container = bytearray(put_together(take_apart(made["ct"])))
    places = [place_of(container, name, 0) + 30 for name in ("events.log", "steps.dat")]
    for place in places:
        container[place] ^= 0x55
    (tmp_path / "t.ct").write_bytes(container)
    *findings, _ = verify(tool, tmp_path / "t.ct", status=1)
    assert {finding["byte"] for finding in findings if finding["rule"] == "format"} == {places[0] - 22, places[1] - 30}


def test_halves_are_compared_step_by_step(tool, made, tmp_path):
    container = made["ct"]
    files = take_apart(container)
    at = next(i for i, (name, _) in enumerate(files) if name == "steps.dat")
    raw = bytearray(zstandard.ZstdDecompressor().decompress(files[at][1]))
    assert raw[:2] == b"\0\0"  # an absolute step in the first column of the first line; then differences
    raw[1] = 100  # columns further on, and so some lines
    files[at] = ("steps.dat", frame(bytes(raw)))
    assert rules_of(tool, tmp_path / "t.ct", put_together(files)) == {"halves"}
