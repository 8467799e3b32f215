"""The extension's contract in Python, without recording: a journal with a header, exports that are recognised as ours.

CODETRACER_FAKE is a comma-separated list of faults: start-enospc, run-enospc, export-enospc, export-slow (touches the file
CODETRACER_FAKE_READY, then waits), export-broken; no-steps.
"""

import builtins
import errno
import os
import time

version = "0.0-fake"
_process = None
_journal = _live = None
_ever = None
_faults = os.environ["CODETRACER_FAKE"].split(",")
JOURNAL = b"\x89CTJ\r\n\x1a\n" + bytes(56)


def start(journal_path, live_path, options):
    global _process, _journal, _live, _ever
    if is_tracing():
        raise RuntimeError("tracing already active")
    if "start-enospc" in _faults:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), journal_path)
    unknown = set(options) - {
        "script", "max_depth", "max_attr_depth", "max_items", "max_string", "include_stdlib", "include_exec", "redaction", "globals_referenced",
        "capture_io", "skip_prefixes", "keep_prefixes", "own_prefixes", "outer_prefixes", "meta", "main_code", "main_source", "hidden_frames", "compression_level", "modules_from_paths",
    }  # fmt: skip
    assert not unknown, unknown
    assert all(isinstance(value, str) for pair in options["meta"] for value in pair), options["meta"]
    for path in (journal_path, live_path):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with open(journal_path, "wb") as file:
        file.write(JOURNAL)
    _process = _ever = os.getpid()
    _journal, _live = journal_path, live_path


def stop(exit_status=None, exit_signal=None, error_text=None):
    global _process
    if not is_tracing():
        return {}
    _process = None
    if "run-enospc" in _faults:
        failed = (errno.ENOSPC, os.strerror(errno.ENOSPC))
    else:
        failed = None
        os.unlink(_live)
        with open(_journal, "ab") as file:
            file.write(repr((exit_status, exit_signal, error_text)).encode())
    steps = 0 if "no-steps" in _faults else 1234
    return dict(steps=steps, events=5, calls=2, file_bytes=100, cut_items=0, cut_depth=0, cut_string=0, failed=failed)


def flush():
    pass


def is_tracing():
    return _process == os.getpid()


def compile(source, path):
    return builtins.compile(source, path, "exec", dont_inherit=True)


def run(program, *arguments):
    if callable(program):
        program(*arguments)
    else:
        exec(program, *arguments)


def recorded_elsewhere():
    return _ever is not None and _ever != os.getpid()


def _ct():
    head = b"\xc0\xde\x72\xac\xe2\x04\0\x01" + (4096).to_bytes(4, "little") + (34).to_bytes(4, "little")
    entry = bytes(16) + bytes.fromhex("efcb6f4183040000")
    return (head + entry + bytes(24 * 32) + entry).ljust(4096, b"\0")


def minified_sources(journal_path, threshold):
    return []


def export(journal_path, format, target, options, progress, views):
    with open(journal_path, "rb") as file:
        assert file.read().startswith(JOURNAL)
    if format == "ct":
        files = {target: _ct()}
    else:
        assert os.path.isdir(target)
        files = {
            os.path.join(target, "trace.json" if format == "json" else "trace.bin"): b"[]",
            os.path.join(target, "trace_paths.json"): b"[]",
            os.path.join(target, "trace_metadata.json"): b'{"workdir":"/","recorder":{"name":"codetracer_python_recorder"}}',
        }
    for path, content in files.items():
        with open(path, "xb") as file:
            file.write(content)
    if "export-enospc" in _faults:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
    if "export-broken" in _faults:
        raise ZeroDivisionError("a fault")
    if "export-slow" in _faults:
        with open(os.environ["CODETRACER_FAKE_READY"], "w"):
            pass
        for done in range(500):
            if progress is not None:
                progress(done, 500)
            time.sleep(0.02)
    return dict(steps=1234, calls=2, bytes=sum(map(len, files.values())), cut_values=0, cut_variables=0)
