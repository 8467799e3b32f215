"""The output folder: where a recording is made, and how it takes the place of the trace that was there before.

A recording lives in a private folder `.recording-PID-RANDOM` inside the output folder until it is complete, and is then moved
into place by renaming. One folder holds one trace: an earlier one of ours is replaced whole, in whatever format it was; what
is not ours is never touched. The invariant: whatever happens in between, the old trace or the new one is there whole.

"Ours" is what shows it itself: the recorder's name in trace_metadata.json or in a container's meta.dat, the journal's magic bytes. Links are never ours, and are never followed.
"""

import os
import stat

from . import errors

RECORDER = "codetracer_python_recorder"
RECORDER_NAMES = (RECORDER, "codetracer-python-recorder")
PRIVATE_PREFIX = ".recording-"

JOURNAL_MAGIC = b"\x89CTJ\r\n\x1a\n"
CT_MAGIC = b"\xc0\xde\x72\xac\xe2"

# What a trace of several files consists of. `files` is a folder of source copies, named after their absolute paths.
METADATA, PATHS, SOURCES = "trace_metadata.json", "trace_paths.json", "files"
COMPANIONS = (METADATA, PATHS, SOURCES)
# A line for each web request, beside a trace in any format. The recorder writes it with this beginning.
SPANS, SPANS_BEGIN = "spans.jsonl", b'{"id": "span_'
METADATA_FILES = ("trace.json", "trace.bin", METADATA, PATHS)


class OutputFolder:
    """One output folder during one recording. The constructor makes the private folder or raises RecorderError;
    then either commit() or discard() is called, or the private folder is kept for `codetracer-trace recover`."""

    __slots__ = ("path", "shown", "private", "names", "made")

    def __init__(self, path: str, names: tuple[str, ...]) -> None:
        self.shown = path
        try:
            self.path = os.path.abspath(path)
        except OSError as error:
            raise errors.EnvironmentError(
                "ERR_TRACE_DIR_CREATE_FAILED",
                f"the output folder {path!r} cannot be made: the working directory is gone ({errors.reason(error)}); give the folder's whole path",
                path=path,
            ) from None
        self.names = names
        self.made: list[str] = []  # folders that did not exist before, innermost last
        _check(self.path, path)
        self.check_foreign()
        try:
            self.private = os.path.join(self.path, f"{PRIVATE_PREFIX}{os.getpid()}-{os.urandom(6).hex()}")
            for again in (True,) * 9 + (False,):
                try:
                    self._make_parents(self.path)
                    os.mkdir(self.private, 0o700)
                    break
                except FileNotFoundError:  # another process has just removed a folder above, which it had made and did not need
                    if not again:
                        raise
        except OSError as error:
            self._remove_made()
            raise errors.EnvironmentError(
                "ERR_TRACE_DIR_CREATE_FAILED",
                f"the output folder {path!r} cannot be written ({errors.reason(error)}); choose another folder",
                path=path,
            ) from None

    def _make_parents(self, path: str) -> None:
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        if parent != path:
            self._make_parents(parent)
        try:
            os.mkdir(path, 0o700 if path == self.path else 0o777)
        except FileExistsError:
            if os.path.islink(path) and not os.path.exists(path):
                raise  # a link that leads nowhere
            if stat.S_ISDIR(os.stat(path).st_mode):  # FileNotFoundError: another process was quicker, and has removed it meanwhile
                return
            raise
        self.made.append(path)

    @property
    def journal(self) -> str:
        return os.path.join(self.private, "journal.ctj")

    @property
    def live(self) -> str:
        return os.path.join(self.private, "journal.live")

    @property
    def _exporting(self) -> str:
        return os.path.join(self.private, "exporting")

    def begin_export(self) -> None:
        """From here on the recording has no live file: this one says that, as long as its process lives, it is none to be recovered."""
        try:
            os.close(os.open(self._exporting, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError:
            pass  # a recovery at just this moment is less likely than a disk that is full

    def end_export(self) -> None:
        """What is left is for `codetracer-trace recover`."""
        try:
            os.unlink(self._exporting)
        except OSError:
            pass

    @property
    def exported(self) -> str:
        """The folder in which the finished trace is put together."""
        return os.path.join(self.private, "trace")

    @property
    def spans(self) -> str:
        return os.path.join(self.private, SPANS)

    def add_spans(self) -> None:
        """To what is in `exported`, unless the output folder has a file of that name that is not ours: they are in the journal, too."""
        place = os.path.join(self.path, SPANS)
        if os.path.exists(self.spans) and not (os.path.lexists(place) and SPANS not in _earlier_trace(self.path)):
            os.rename(self.spans, os.path.join(self.exported, SPANS))

    def check_foreign(self) -> None:
        """Raises when a file that is not ours has one of the names that the trace will have."""
        ours = _earlier_trace(self.path)
        for name in self.names:
            if name not in ours and os.path.lexists(os.path.join(self.path, name)):
                raise errors.EnvironmentError(
                    "ERR_TRACE_DIR_CONFLICT",
                    f"{os.path.join(self.shown, name)!r} exists and is not a trace of this recorder, so it is left alone; "
                    "move it away or choose another folder",
                    path=os.path.join(self.path, name),
                )

    def commit(self) -> None:
        """Moves what is in `exported` into place, in exchange for our earlier trace, and removes the private folder."""
        self.check_foreign()
        replaced = os.path.join(self.private, "replaced")
        os.mkdir(replaced, 0o700)
        moved: list[tuple[str, str]] = []
        try:
            for name in _earlier_trace(self.path):
                _move(self.path, replaced, name, moved)
            for name in sorted(os.listdir(self.exported)):
                _move(self.exported, self.path, name, moved)
        except BaseException:
            for here, there in reversed(moved):
                os.rename(there, here)
            os.rmdir(replaced)
            raise
        try:
            if os.path.lexists(self.journal):
                os.unlink(self.journal)  # before the file that says that it is not to be recovered
            remove_tree(self.private)
        except KeyboardInterrupt:
            pass  # the trace is in place: there is nothing left to interrupt

    def discard(self) -> None:
        """Nothing is to be kept: the output folder is as it was before."""
        remove_tree(self.private)
        self._remove_made()

    def _remove_made(self) -> None:
        for path in reversed(self.made):
            try:
                os.rmdir(path)
            except OSError:
                return


def _move(source: str, target: str, name: str, moved: list[tuple[str, str]]) -> None:
    pair = os.path.join(source, name), os.path.join(target, name)
    os.rename(*pair)
    moved.append(pair)


def _check(path: str, shown: str) -> None:
    """Refuses a file, and a folder (or a link to one) that belongs to another user, who could read or replace the trace."""
    try:
        status, link = os.stat(path), os.lstat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise errors.BadValue("ERR_TRACE_DIR_CONFLICT", f"the output folder {shown!r} is a link that leads nowhere; choose another folder", status=1, path=shown) from None
        return
    except NotADirectoryError:
        raise errors.BadValue("ERR_TRACE_DIR_CONFLICT", f"the output folder {shown!r} lies below a file; choose another folder", status=1, path=shown) from None
    except OSError as error:
        raise errors.EnvironmentError(
            "ERR_TRACE_DIR_CREATE_FAILED",
            f"the output folder {shown!r} cannot be used ({errors.reason(error)}); choose another folder",
            path=shown,
        ) from None
    if not stat.S_ISDIR(status.st_mode):
        raise errors.BadValue("ERR_TRACE_DIR_CONFLICT", f"the output folder {shown!r} is a file; choose a folder", status=1, path=shown)
    if hasattr(os, "geteuid") and not status.st_uid == link.st_uid == os.geteuid():
        raise errors.EnvironmentError(
            "ERR_TRACE_DIR_CONFLICT",
            f"the output folder {shown!r} belongs to another user, who could read or change the trace; choose a folder of your own",
            path=shown,
        )


def _earlier_trace(path: str) -> list[str]:
    """Names in the folder that belong to traces of ours."""
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise errors.EnvironmentError(
            "ERR_TRACE_DIR_CREATE_FAILED", f"the output folder {path!r} cannot be read ({errors.reason(error)})", path=path
        ) from None
    ours = [
        name
        for name in names
        if (name.endswith(".ctj") and _is_journal(os.path.join(path, name)))
        or (name.endswith(".ct") and _is_ct(os.path.join(path, name)))
    ]
    if METADATA in names and _is_metadata(os.path.join(path, METADATA)):
        ours += [name for name in METADATA_FILES if name in names and _is_file(os.path.join(path, name))]
        if SOURCES in names and _are_sources(path):
            ours.append(SOURCES)
    if SPANS in names and _read(os.path.join(path, SPANS), len(SPANS_BEGIN)) == SPANS_BEGIN:
        ours.append(SPANS)
    return ours


def _is_file(path: str) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _read(path: str, size: int, offset: int = 0) -> bytes:
    """Bytes of a regular file, from its start; none when it is something else or cannot be read."""
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        if offset:
            os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)
    except (OSError, OverflowError):
        return b""
    finally:
        os.close(descriptor)


def _is_journal(path: str) -> bool:
    return _read(path, len(JOURNAL_MAGIC)) == JOURNAL_MAGIC


def _is_metadata(path: str) -> bool:
    # No JSON parser is loaded for this. A text inside a JSON string cannot match: its quotes stand behind backslashes.
    text = _read(path, 1 << 20).translate(None, b" \t\r\n")
    return any(f'"recorder":{{"name":"{name}"'.encode() in text for name in RECORDER_NAMES)


# The head of a .ct file (CTFS): 12 bytes, u32 number of entries, entries of three u64 (size, block, name). The block of an entry holds the
# numbers of the file's blocks. meta.dat names the recorder behind the format, the trace's id, the program, its arguments and its folder.
_CT_BLOCK = 4096
_META_NAME = bytes.fromhex("efcb6f4183040000")


def _is_ct(path: str) -> bool:
    head = _read(path, _CT_BLOCK)
    if head[:5] != CT_MAGIC:
        return False
    for at in range(16, min(len(head) - 23, 16 + 24 * int.from_bytes(head[12:16], "little")), 24):
        if head[at + 16 : at + 24] == _META_NAME:
            mapping = int.from_bytes(head[at + 8 : at + 16], "little")
            block = int.from_bytes(_read(path, 8, mapping * _CT_BLOCK), "little")
            return _recorder_of(_read(path, _CT_BLOCK, block * _CT_BLOCK)) in _RECORDER_IDS
    return False


_RECORDER_IDS = tuple(name.encode() for name in RECORDER_NAMES)


def _recorder_of(meta: bytes) -> bytes:
    """The recorder's name in (the first block of) a meta.dat; empty when it cannot be told."""
    at = 8

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = meta[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text() -> bytes:
        nonlocal at
        size = number()
        at += size
        return meta[at - size : at]

    try:
        text()  # the trace's id
        text()  # the program
        for _ in range(number()):
            text()  # an argument
        text()  # the working folder
        return text()
    except IndexError:
        return b""


def _are_sources(path: str) -> bool:
    """Whether everything below files/ is named in trace_paths.json."""
    import json

    try:
        with open(os.path.join(path, PATHS), "rb") as file:
            known = {os.path.join(path, SOURCES, name.lstrip("/\\")) for name in json.load(file)}
    except (OSError, ValueError, AttributeError, TypeError):
        return False
    top = os.path.join(path, SOURCES)
    if os.path.islink(top) or not os.path.isdir(top):
        return False
    return all(os.path.join(here, name) in known for here, _, names in os.walk(top) for name in names)


def remove_trace(path: str) -> None:
    """Removes our trace from a folder, and the folder if nothing else is in it, as far as possible."""
    try:
        for name in _earlier_trace(path):
            place = os.path.join(path, name)
            remove_tree(place) if name == SOURCES else os.unlink(place)
        os.rmdir(path)
    except (OSError, errors.EnvironmentError):
        pass


def remove_tree(path: str) -> None:
    """Removes a folder with everything in it as far as possible, following no link."""
    try:
        with os.scandir(path) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    remove_tree(entry.path)
                else:
                    os.unlink(entry.path)
        os.rmdir(path)
    except OSError:
        pass
