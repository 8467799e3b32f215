"""Bad input: one sentence each, the right status, and nothing lost that was there before."""

import ast
import os
import stat

import pytest
from codetracer_python_recorder.session import LIVE_FILE_MB


def check(answer, status, *words, names=()):
    assert answer.status == status, answer
    assert len(answer.err.splitlines()) == 1 and "Traceback" not in answer.err, answer
    for word in words:
        assert word in answer.err
    assert answer.out == "" and answer.names == sorted(names)


@pytest.mark.parametrize("by", ["record", "module"])
def test_program(record, tmp_path, by):
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.pyc").write_bytes(b"\0\0\r\n" + bytes(12) + b"N")
    (tmp_path / "trace").mkdir()
    (tmp_path / "trace" / "kept").write_text("")
    kept = ["kept"]
    check(record("absent.py", by=by), 2, "can't open file", f"{tmp_path}/absent.py", "No such file", names=kept)
    check(record("empty", by=by), 1, "can't find '__main__' module", "folder", names=kept)
    check(record("old.pyc", by=by), 1, "bad magic number", names=kept)
    check(record("a\nb.py", by=by), 2, "can't open file", names=kept)
    check(record("", by=by), 1, "can't find '__main__' module", names=kept)
    check(record("-", by=by), 2, "standard input", names=kept)
    check(record("--nonsense", by=by), 2, "--nonsense", names=kept)
    check(record(by=by), 2, "name the program", names=kept)
    check(record("--format=binary-v1", "x.py", by=by), 2, "choose one of", names=kept)


def test_unreadable_script(record, tmp_path, as_user):
    (tmp_path / "closed.py").write_text("")
    (tmp_path / "closed.py").chmod(0)
    check(record("closed.py"), 2, "Permission denied")


@pytest.mark.parametrize("by", ["record", "module"])
def test_syntax_error_leaves_everything(record, by):
    record("-c", "x = 1")
    answer = record(code="x = (\n", by=by)
    assert answer.status == 1 and answer.err.endswith("SyntaxError: '(' was never closed\n") and "Traceback" not in answer.err
    assert answer.names == ["command.ct"]


def test_output_folder(record, tmp_path):
    (tmp_path / "file").write_text("content")
    (tmp_path / "dangling").symlink_to("nowhere")
    code = "raise SystemExit('the program ran')"
    check(record(code=code, out=tmp_path / "file"), 1, "'{}/file' is a file".format(tmp_path))
    check(record(code=code, out=tmp_path / "file" / "below"), 1, "below a file")
    check(record(code=code, out=tmp_path / "dangling"), 1, "leads nowhere")
    assert (tmp_path / "file").read_text() == "content" and not (tmp_path / "nowhere").exists()
    check(record(code=code, out="/proc/nonsense/x"), 1, "cannot be")
    check(record(code=code, out=tmp_path / ("x" * 300)), 1, "cannot be")


def test_unwritable_output_folder(record, tmp_path, as_user):
    (tmp_path / "closed").mkdir(mode=0o500)
    check(record(code="", out=tmp_path / "closed"), 1, "cannot be written")
    check(record(code="", out=tmp_path / "closed" / "below"), 1, "cannot be written")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_output_folder_of_another_user(record, tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, -1)
    check(record(code="", out=tmp_path / "theirs"), 1, "belongs to another user")


@pytest.mark.parametrize(
    ("format", "name", "content"),
    [
        ("ct", "prog.ct", b""), ("ct", "prog.ct", b"\xc0\xde\x72\xac\xe2\x04" + bytes(100)), ("journal", "prog.ctj", b"text"), ("json", "trace.json", b"[]"), ("binary", "trace.bin", b"[]"),
        ("json", "trace_metadata.json", b'{"args":["\\"recorder\\":{\\"name\\":\\"codetracer_python_recorder\\""],"recorder":{"name":"another"}}'),
        ("json", "files", None), ("ct", "prog.ct", None), ("ct", "prog.ct", "link"),
    ],
)  # fmt: skip
def test_foreign_file_of_the_same_name(record, tmp_path, format, name, content):
    path = tmp_path / "trace" / name
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    elif content == "link":
        ours = record(code="", out=tmp_path / "ours")
        path.symlink_to(ours.trace / "prog.ct")
    else:
        path.write_bytes(content)
    check(record(code="raise SystemExit('the program ran')", options=["--format", format]), 1, repr(str(path)), "left alone", names=[name])
    assert path.is_symlink() or path.is_dir() or path.read_bytes() == content


def test_foreign_file_that_appears_while_the_program_runs(record):
    answer = record(code="import os\nopen('trace/prog.ct', 'w').write('mine')")
    assert answer.status == 1 and "left alone" in answer.err and "codetracer-trace recover" in answer.err
    assert (answer.trace / "prog.ct").read_text() == "mine"
    (private,) = [name for name in answer.names if name.startswith(".recording-")]
    assert os.listdir(answer.trace / private) == ["journal.ctj"]


def test_what_a_full_disk_is_told_to_need(record, tmp_path):
    """The number is what the file of a running recording takes."""
    code = "import os\nprint([os.stat(f'{at}/journal.live').st_blocks * 512 for at, _, names in os.walk('trace') if 'journal.live' in names])"
    (needed,) = ast.literal_eval(record(code=code).out)
    assert needed <= LIVE_FILE_MB * 1e6 < needed + 1e6


def test_disk_full_at_the_start(record, tmp_path):
    check(record(code="raise SystemExit('the program ran')", fake="start-enospc"), 1, "No space left on device", "needs 5 MB", "make room")
    assert not (tmp_path / "trace").exists()
    record("-c", "x = 1", fake="")
    check(record(code="", fake="start-enospc"), 1, "No space left on device", names=["command.ct"])


def test_second_start(record):
    code = "from codetracer_python_recorder import start\ntry: start('other')\nexcept RuntimeError as e: print(e)"
    answer = record(code=code)
    assert (answer.status, answer.out, answer.names) == (
        0, f"[ERR_ALREADY_TRACING] tracing already active into {str(answer.trace)!r}: stop() that recording first\n", ["prog.ct"],
    )  # fmt: skip


def test_folders_are_closed_to_others(record, tmp_path):
    code = "import os\nfor n in os.listdir('trace'): print(oct(os.stat('trace/' + n).st_mode))"
    assert record(code=code).out == "0o40700\n"
    assert stat.S_IMODE((tmp_path / "trace").stat().st_mode) == 0o700
