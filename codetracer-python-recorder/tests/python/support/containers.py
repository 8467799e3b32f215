"""CTFS containers taken apart and put together by hand, so that a test can put anything at any slot. Blocks of 4096 bytes, version 4."""

import struct

BLOCK = 4096
POINTERS = BLOCK // 8 - 1  # the last pointer of a mapping block is the chain to the next level
LETTERS = "\0" + "0123456789abcdefghijklmnopqrstuvwxyz./-"


def name_number(name):
    return sum(LETTERS.index(letter) * 40**at for at, letter in enumerate(name))


def number_name(number):
    name = ""
    while number:
        number, letter = divmod(number, 40)
        name += LETTERS[letter]
    return name


def read_container(path):
    """{slot: (name, bytes)}, and the number of entries that the header tells."""
    with open(path, "rb") as file:
        raw = file.read()

    def pointers(block):
        return struct.unpack_from("<512Q", raw, block * BLOCK)

    def blocks(root, count):
        """The data blocks: those of the first level, then those below the chain."""
        level = 1
        while count > 0:
            yield from below(root, level, min(count, POINTERS**level))
            count -= POINTERS**level
            root, level = pointers(root)[POINTERS], level + 1

    def below(block, level, count):
        if level == 1:
            yield from pointers(block)[:count]
            return
        each = POINTERS ** (level - 1)
        for at in range(0, count, each):
            yield from below(pointers(block)[at // each], level - 1, min(each, count - at))

    magic, version, block_size, entries = struct.unpack_from("<5sB2xII", raw)
    assert (magic, version, block_size) == (b"\xc0\xde\x72\xac\xe2", 4, BLOCK)
    files = {}
    for slot in range(entries):
        size, root, name = struct.unpack_from("<QQQ", raw, 16 + 24 * slot)
        if name:
            content = b"".join(raw[block * BLOCK : (block + 1) * BLOCK] for block in blocks(root, -(-size // BLOCK)))
            files[slot] = (number_name(name), content[:size])
    return files, entries


def write_container(path, files, entries=31):
    """files: {slot: (name, content)}; a content that is a number is so many zero bytes, which take no space on disk. Two levels of mapping."""
    head = bytearray(BLOCK)
    struct.pack_into("<5sBBBII", head, 0, b"\xc0\xde\x72\xac\xe2", 4, 0, 1, BLOCK, entries)
    free = 1
    with open(path, "wb") as file:

        def put(block, content):
            file.seek(block * BLOCK)
            file.write(content)

        def take(count):
            nonlocal free
            free += count
            return range(free - count, free)

        def put_pointers(block, targets, chain=0):
            targets = list(targets)
            put(block, struct.pack("<512Q", *targets, *[0] * (POINTERS - len(targets)), chain))

        for slot, (name, content) in files.items():
            size = content if isinstance(content, int) else len(content)
            (root,) = take(1)
            data = take(-(-size // BLOCK))
            rest, chain = data[POINTERS:], 0
            if rest:
                pieces = [rest[at : at + POINTERS] for at in range(0, len(rest), POINTERS)]
                assert len(pieces) <= POINTERS
                (chain,) = take(1)
                below = take(len(pieces))
                put_pointers(chain, below)
                for block, piece in zip(below, pieces):
                    put_pointers(block, piece)
            put_pointers(root, data[:POINTERS], chain)
            if not isinstance(content, int) and data:
                put(data[0], content)
            struct.pack_into("<QQQ", head, 16 + 24 * slot, size, root, name_number(name))
        put(0, bytes(head))
        file.truncate(free * BLOCK)


def varint(data, at):
    """A number in LEB128 at that place, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
