"""Formats: what they are called, which files they make, and the making of a trace from a finished journal."""

import os

from . import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._native import Exported

FORMATS = ("ct", "ct-single", "ct-multi", "json", "binary", "binary-v0", "journal")
CONTAINERS = ("ct", "ct-single", "ct-multi")
ALIASES = {"ctfs": "ct", "ctj": "journal", "bin": "binary"}


def canonical(name: object) -> str:
    """The format's own name. BadValue when there is no such format."""
    if not isinstance(name, str):
        raise errors.BadType("ERR_UNSUPPORTED_FORMAT", f"format must be a string, not {type(name).__name__}")
    found = ALIASES.get(name.lower(), name.lower())
    if found not in FORMATS:
        raise errors.BadValue("ERR_UNSUPPORTED_FORMAT", f"there is no format {name!r}; choose one of {', '.join(FORMATS)}", format=name)
    return found


def file_names(format: str, stem: str) -> tuple[str, ...]:
    """What the finished trace consists of, inside its folder."""
    if format in CONTAINERS or format == "journal":
        return (stem + (".ctj" if format == "journal" else ".ct"),)
    from .folder import COMPANIONS

    return ("trace.json" if format == "json" else "trace.bin", *COMPANIONS)


def export(
    journal: str,
    format: str,
    folder: str,
    stem: str,
    budget: dict[str, int],
    rewrite: bool,
    progress: "Progress | None" = None,
    views: "list[tuple[bytes, bytes, bytes, bytes]] | None" = None,
) -> "Exported | None":
    """Makes the trace from the journal inside the folder. The journal format is the journal itself, moved there;
    `rewrite`: written anew, because only its end was kept and it has holes; `views`: of source_views.py.
    Raises OSError, ValueError, KeyboardInterrupt."""
    from . import _native

    os.mkdir(folder, 0o700)
    if format == "journal" and not rewrite:
        os.rename(journal, os.path.join(folder, file_names(format, stem)[0]))
        return None
    target = os.path.join(folder, file_names(format, stem)[0]) if format in (*CONTAINERS, "journal") else folder
    if progress is not None:
        progress.target = target
    exported = _native.export(journal, format, target, budget, progress, views or [])
    return None if format == "journal" else exported


class Progress:
    """A bar on the terminal, from the second second on; nothing when stderr is no terminal. Call clear() at the end.
    It says how large `target`, the file or folder that grows, will become: some formats take more than a disk has, and Ctrl-C stops in time."""

    WIDTH = 30

    def __init__(self, descriptor: int = 2) -> None:
        import time

        self._descriptor = descriptor
        self._clock = time.monotonic
        self._next = self._clock() + 1.0
        self._drawn = 0
        self.target: str | None = None

    @classmethod
    def on_terminal(cls, descriptor: int = 2) -> "Progress | None":
        try:
            return cls(descriptor) if os.isatty(descriptor) else None
        except OSError:
            return None

    def __call__(self, done: int, total: int) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + 0.1
        part = min(done / total, 1.0) if total else 0.0
        bar = "#" * int(part * self.WIDTH)
        text = f"writing the trace [{bar:<{self.WIDTH}}] {int(part * 100):3d}%"
        written = size_on_disk(self.target) if self.target else 0
        if written and 0.01 <= part < 1.0:
            text += f" of about {size_text(int(written / part))}"
        self._write("\r" + text.ljust(self._drawn))
        self._drawn = max(self._drawn, len(text))

    def clear(self) -> None:
        if self._drawn:
            self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    def _write(self, text: str) -> None:
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            pass


def size_text(size: int) -> str:
    """A number of bytes for people: `812 bytes`, `5.2 kB`, `1.3 GB`."""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    number = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95 or unit == "TB":
            break
    return f"{number:.1f} {unit}"


def size_on_disk(path: str) -> int:
    """Bytes of a file, or of everything in a folder; what cannot be read counts nothing."""
    try:
        if not os.path.isdir(path):
            return os.stat(path).st_size
        return sum(size_on_disk(os.path.join(path, name)) for name in os.listdir(path))
    except OSError:
        return 0
