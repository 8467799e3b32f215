"""Running a program exactly as `python` itself runs it: a script, a folder or zip with __main__.py, `-m module`, `-c code`.

What CPython does in C (Modules/main.c, Python/pythonrun.c) is repeated here step by step, because runpy differs: sys.path[0],
`__file__` and `__cached__` taken back at the end, the flush before a traceback, the words of encoding errors. For -m, folders and
zips CPython itself calls runpy._run_module_as_main, and so do we. Exceptions leave through the interpreter's own end, so that the
exit status, SystemExit's message, sys.last_exc and death by SIGINT are CPython's work; only our frames are taken off the traceback.
While the program runs it cannot see them: they are not below its own.

The program's sys.modules is meant to hold what it holds under plain Python and this package, nothing else: import nothing here
at the top that is not loaded at every start.
"""

import os
import sys

from . import _native, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType, ModuleType, TracebackType

SCRIPT, FOLDER, MODULE, COMMAND = "script", "folder", "-m", "-c"

# The module of the console script. After an uncaught exception the interpreter takes __file__ out of its namespace (Python/pythonrun.c,
# _PyRun_SimpleFileObject) but has given up its own reference to it: nobody else may hold one then.
_displaced: "list[ModuleType | None]" = []


class Program:
    """A program ready to run. load_script(), load_module() and load_command() make one."""

    __slots__ = ("kind", "name", "argv0", "path", "path0", "loader", "code", "source")

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        argv0: str,
        path: str | None,
        path0: str | None,
        loader: object = None,
        code: "CodeType | None" = None,
        source: str | None = None,
    ) -> None:
        self.kind = kind
        self.name = name  # the stem of the trace's file
        self.argv0 = argv0  # sys.argv[0] at the start
        self.path = path  # absolute path of the script, the folder or the zip; for -m the file that is likely to run
        self.path0 = path0  # sys.path[0]; None: nothing is added
        self.loader = loader
        self.code = code
        self.source = source

    @property
    def script(self) -> str | None:
        """The file that runs as __main__, as far as known beforehand."""
        return os.path.join(self.path, "__main__.py") if self.kind == FOLDER and self.path else self.path

    def run(self, arguments: list[str], begin: "Callable[[int], None]") -> None:
        """Sets the stage, calls begin(frames) as the last thing, and runs the program. Its exceptions come out of here; the program's own
        frames are those behind this one. `frames`: how many there are up to this one, which plain Python does not have."""
        sys.argv = [self.argv0, *arguments]
        if self.path0 is not None:
            sys.path.insert(0, self.path0)
        main = _fresh_main()
        _displaced.append(sys.modules.get("__main__"))
        sys.modules["__main__"] = main
        namespace = main.__dict__
        del main
        if self.kind in (MODULE, FOLDER):
            import runpy

            begin(_depth(sys._getframe()))
            if self.kind == MODULE:
                _native.run(runpy._run_module_as_main, self.name)  # type: ignore[attr-defined]
            else:
                _native.run(runpy._run_module_as_main, "__main__", False)  # type: ignore[attr-defined]
            return
        code = self.code
        assert code is not None
        self.code = None
        if self.kind == SCRIPT:
            namespace["__file__"] = self.path
            namespace["__cached__"] = None
            namespace["__loader__"] = self.loader
        begin(_depth(sys._getframe()))
        try:
            _native.run(code, namespace)
        finally:
            if self.kind == SCRIPT:
                flush_output()
        if self.kind == SCRIPT:
            forget_file(namespace)


def _depth(frame: "FrameType | None") -> int:
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth


def load_script(path: str) -> Program:
    """TargetError when there is no such program, SyntaxError when it cannot be compiled."""
    if path == "-":
        raise errors.UsageError(
            "ERR_MISSING_POSITIONAL_ARG", "a program that comes from standard input cannot be recorded; save it in a file, or use -c"
        )
    absolute = _absolute(path)
    importer = _importer(absolute)
    stem = os.path.splitext(os.path.basename(absolute.rstrip("/" + os.sep)))[0]
    if importer is not None:
        if importer.find_spec("__main__") is None:  # type: ignore[attr-defined]
            what = "a folder" if os.path.isdir(absolute) else "an archive"
            raise errors.TargetError(
                "ERR_TARGET",
                f"can't find '__main__' module in {absolute!r}: {what} can be run only with a file __main__.py in it; name a script",
                path=path,
            )
        return Program(FOLDER, stem, argv0=path, path=absolute, path0=absolute)
    try:
        with open(absolute, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:
        number = f"[Errno {error.errno}] {error.strerror}" if isinstance(error, OSError) else str(error)
        raise errors.TargetError(
            "ERR_TARGET", f"can't open file {absolute!r}: {number}; name a Python script, or use -m MODULE or -c CODE", status=2, path=path
        ) from None

    from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader, SourcelessFileLoader

    compiled = absolute.endswith(".pyc") or data[:4] == MAGIC_NUMBER
    return Program(
        SCRIPT,
        stem,
        argv0=path,
        path=absolute,
        path0=None if sys.flags.safe_path else _folder_of(path),
        loader=(SourcelessFileLoader if compiled else SourceFileLoader)("__main__", absolute),
        code=_code_of_pyc(data, absolute, MAGIC_NUMBER) if compiled else compile_file(data, absolute),
    )


def load_module(name: str) -> Program:
    path0 = None
    if not sys.flags.safe_path:
        try:
            path0 = os.getcwd()
        except OSError:
            pass
    return Program(MODULE, name, argv0="-m", path=_file_of_module(name, path0), path0=path0)


def load_command(text: str) -> Program:
    """SyntaxError when it cannot be compiled."""
    if sys.version_info >= (3, 14):
        from textwrap import dedent

        text = dedent(text)
    source = text + "\n"
    if sys.version_info >= (3, 13):
        _show_lines_of_command(source, None)
    code = _native.compile(source, "<string>")
    if sys.version_info >= (3, 13):
        _show_lines_of_command(source, code)
    return Program(
        COMMAND, "command", argv0="-c", path=None, path0=None if sys.flags.safe_path else "", code=code, source=source
    )


def compile_file(data: bytes, path: str) -> "CodeType":
    """With the words of the interpreter's reader of files, where they differ from the compiler's."""
    cookie = _cookie(data)
    if cookie is None and not data.startswith(b"\xef\xbb\xbf"):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise SyntaxError(
                f"Non-UTF-8 code starting with '\\x{data[error.start]:02x}' in file {path} on line {line}, "
                "but no encoding declared; see https://peps.python.org/pep-0263/ for details"
            ) from None
    null = data.find(b"\0")
    if null >= 0:
        start = data.rfind(b"\n", 0, null) + 1
        text = data[start:null].decode("utf-8", "replace")
        raise SyntaxError("source code cannot contain null bytes", (path, data.count(b"\n", 0, null) + 1, 0, text))
    try:
        return _native.compile(data, path)
    except SyntaxError as error:
        if error.lineno == 0:  # about the encoding, not about a line
            message = error.msg if error.msg.startswith("encoding problem: ") else f"encoding problem: {cookie}"
            raise SyntaxError(message) from None
        raise


def _cookie(data: bytes) -> str | None:
    """The encoding that the file declares by a comment (PEP 263), or None."""
    for line in data[3 if data.startswith(b"\xef\xbb\xbf") else 0 :].split(b"\n", 2)[:2]:
        line = line.lstrip(b" \t\f").rstrip(b"\r")
        if line[:1] != b"#":
            if line:
                return None
            continue
        at = line.find(b"coding")
        while at >= 0:
            rest = line[at + 6 :]
            if rest[:1] in (b":", b"="):
                rest = rest[1:].lstrip(b" \t")
                size = 0
                while size < len(rest) and (rest[size : size + 1].isalnum() or rest[size : size + 1] in b"-_."):
                    size += 1
                if size:
                    return rest[:size].decode("ascii")
            at = line.find(b"coding", at + 6)
    return None


def _code_of_pyc(data: bytes, path: str, magic: bytes) -> "CodeType":
    if data[:4] != magic:
        raise errors.TargetError("ERR_TARGET", f"bad magic number in {path!r}: it was compiled by another version of Python", path=path)
    import marshal

    try:
        code = marshal.loads(memoryview(data)[16:])
    except (ValueError, EOFError, TypeError):
        code = None
    if not isinstance(code, type(compile_file.__code__)):
        raise errors.TargetError("ERR_TARGET", f"bad code object in {path!r}", path=path)
    return code


def _show_lines_of_command(source: str, code: "CodeType | None") -> None:
    """From 3.13 on tracebacks show the lines of -c; CPython registers them in linecache, under a key that changed within 3.13."""
    import linecache

    if code is None:
        return
    key = code if hasattr(linecache, "_interactive_cache") else "<string>"
    linecache._register_code(key, source, "<string>")  # type: ignore[attr-defined]


def _absolute(path: str) -> str:
    """Py_RunMain's rule: joined to the working directory, not normalised."""
    if os.path.isabs(path):
        return path
    try:
        if os.name == "nt":
            return os.path.abspath(path)
        return os.getcwd() + "/" + path if path not in ("", ".") else os.getcwd()
    except OSError:
        return path


def _folder_of(script: str) -> str:
    """sys.path[0] of a script: the folder of the file behind all links."""
    try:
        return os.path.dirname(os.path.realpath(script) if os.name != "nt" else os.path.abspath(script))
    except OSError:  # the working directory is gone
        return os.path.dirname(script)


def _importer(path: str) -> object:
    """As PyImport_GetImporter: what can import from this path, or None. A plain file has none."""
    cache = sys.path_importer_cache
    if path not in cache:
        found = None
        for hook in sys.path_hooks:
            try:
                found = hook(path)
                break
            except ImportError:
                continue
        cache[path] = found
    return cache[path]


def _file_of_module(name: str, path0: str | None) -> str | None:
    """The file that `-m name` is likely to run, found without importing anything. runpy decides."""
    from _frozen_importlib_external import PathFinder

    places: list[str] | None = ([path0] if path0 is not None else []) + sys.path
    spec = None
    whole = ""
    for part in name.split("."):
        whole = f"{whole}.{part}" if whole else part
        try:
            spec = PathFinder.find_spec(whole, places)
        except Exception:
            return None
        if spec is None:
            return None
        places = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    if spec is not None and places is not None:
        spec = PathFinder.find_spec(f"{whole}.__main__", places)
    return spec.origin if spec is not None and spec.has_location else None


def _fresh_main() -> "ModuleType":
    """As Python/pylifecycle.c's add_main_module."""
    import builtins

    from _frozen_importlib import BuiltinImporter

    main = type(sys)("__main__")
    if sys.version_info < (3, 14):
        main.__dict__["__annotations__"] = {}
    main.__dict__["__builtins__"] = builtins
    main.__dict__["__loader__"] = BuiltinImporter
    return main


def forget_file(namespace: dict[str, object]) -> None:
    """When a script has ended, CPython takes these names back: a function registered with atexit does not see them."""
    namespace.pop("__file__", None)
    namespace.pop("__cached__", None)


def flush_output() -> None:
    """Before a script's traceback is printed, and in any case at its end, its output goes out: stderr first."""
    for stream in (getattr(sys, "stderr", None), getattr(sys, "stdout", None)):
        try:
            stream.flush()  # type: ignore[union-attr]
        except BaseException:
            pass  # as flush_io() in pythonrun.c


# ---- the end ----


def program_did_not_start(error: BaseException) -> bool:
    """-m found no such module: runpy says so by sys.exit with a message."""
    return isinstance(error, SystemExit) and type(error.__context__).__module__ == "runpy"


def status_of(error: BaseException) -> int:
    """The exit status that the interpreter gives for an exception that nobody caught."""
    if not isinstance(error, SystemExit):
        return 1
    code = error.code
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    status = int(code) if -(2**63) <= code < 2**63 else -1
    return status & (0xFF if os.name != "nt" else 0xFFFFFFFF)


def traceback_of_program(error: BaseException) -> "TracebackType | None":
    """The traceback without the frames that led to the program. None when the program had no frame yet."""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code is Program.run.__code__:
            return traceback.tb_next
        traceback = traceback.tb_next
    return None


def hide_our_frames(script: bool) -> None:
    """To be called when an exception is about to leave for the interpreter, which calls sys.excepthook: for that one call the hook
    is a function of ours that takes our frames away first. `script`: and forgets __file__ afterwards, as CPython does."""
    hook = getattr(sys, "excepthook", _MISSING)

    def excepthook(kind: type[BaseException], error: BaseException, traceback: object) -> None:
        if hook is _MISSING:
            del sys.excepthook
        else:
            sys.excepthook = hook  # type: ignore[assignment]
        try:
            _call_hook(hook, error)
        finally:
            if script:
                _forget_file_of_main()

    sys.excepthook = excepthook


def print_uncaught(error: BaseException, script: bool) -> int:
    """What the interpreter prints for an exception that nobody caught, for when the exit status is not to be the program's. That
    status."""
    if isinstance(error, SystemExit):
        if error.code is not None and not isinstance(error.code, int):
            _print(error.code)
        return status_of(error)
    sys.last_exc = sys.last_value = error
    sys.last_type = type(error)
    try:
        _call_hook(getattr(sys, "excepthook", _MISSING), error)
    except SystemExit as another:
        return print_uncaught(another, False)
    if script:
        _forget_file_of_main()
    return 1


_MISSING = object()  # the program has deleted sys.excepthook


def _call_hook(hook: object, error: BaseException) -> None:
    """As _PyErr_PrintEx() in pythonrun.c, without our frames. Raises only the SystemExit of a hook."""
    error.__traceback__ = sys.last_traceback = traceback = traceback_of_program(error)
    if hook is _MISSING:
        _print("sys.excepthook is missing")
        sys.__excepthook__(type(error), error, traceback)
        return
    try:
        hook(type(error), error, traceback)  # type: ignore[operator]
    except SystemExit:
        raise
    except BaseException as another:
        if another.__context__ is error:
            another.__context__ = None  # only because we are handling it
        another.__traceback__ = another.__traceback__.tb_next  # type: ignore[union-attr]
        _print("Error in sys.excepthook:")
        sys.__excepthook__(type(another), another, another.__traceback__)
        _print("\nOriginal exception was:")
        sys.__excepthook__(type(error), error, error.__traceback__)


def _forget_file_of_main() -> None:
    main = sys.modules.get("__main__")
    if main is not None:
        forget_file(main.__dict__)


def _print(value: object) -> None:
    try:
        print(value, file=sys.stderr, flush=True)
    except Exception:
        pass
