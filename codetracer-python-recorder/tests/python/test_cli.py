"""The command line: options, the closing line, exit statuses, names of traces, what is replaced."""

import os
import re
import signal
import stat
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import codetracer_python_recorder
import pytest
import reading
from codetracer_python_recorder import cli, errors, export, folder, prefixes, run, session
from conftest import environment_for, wait_for

SENTENCE = "Script exited with status {}; returning 0. Use '--propagate-script-exit' to mirror the script exit code.\n"


def read(*arguments, environment={}, propagate=False):
    return cli.Options("name", list(arguments), environment, propagate)


@pytest.mark.parametrize(
    ("line", "kind", "target", "rest"),
    [
        (["a.py"], run.SCRIPT, "a.py", []),
        (["a.py", "-o", "x", "--", "-m"], run.SCRIPT, "a.py", ["-o", "x", "--", "-m"]),
        (["--", "-strange.py", "--quiet"], run.SCRIPT, "-strange.py", ["--quiet"]),
        (["-", "x"], run.SCRIPT, "-", ["x"]),
        (["", "x"], run.SCRIPT, "", ["x"]),
        (["-m", "a.b", "--help"], run.MODULE, "a.b", ["--help"]),
        (["-ma.b"], run.MODULE, "a.b", []),
        (["-m", "--", "x"], run.MODULE, "--", ["x"]),
        (["-c", "1/0", "-c", "2"], run.COMMAND, "1/0", ["-c", "2"]),
        (["-cpass"], run.COMMAND, "pass", []),
        (["-c", ""], run.COMMAND, "", []),
        (["--quiet", "-o", "d", "-m", "x"], run.MODULE, "x", []),
    ],
)
def test_where_the_options_end(line, kind, target, rest):
    options = read(*line)
    assert (options.kind, options.target, options.arguments) == (kind, target, rest)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ([], "out_dir", "trace-out"), (["-o", "d"], "out_dir", "d"), (["-od"], "out_dir", "d"), (["-o=d"], "out_dir", "d"), (["--out-dir=d=e"], "out_dir", "d=e"),
        (["-o", "-x"], "out_dir", "-x"), ([], "format", "ct"), (["--format=bin"], "format", "binary"), (["--format", "binary-v0"], "format", "binary-v0"), (["--format", "json"], "format", "json"), (["--codetracer-format=journal"], "format", "journal"),
        (["--format=ctfs"], "format", "ct"), (["--format=JSON", "--format=ct"], "format", "ct"), ([], "quiet", False), (["--quiet"], "quiet", True), (["-q"], "quiet", True),
        (["--propagate-script-exit"], "propagate", True), (["--propagate-script-exit", "--no-propagate-script-exit"], "propagate", False),
    ],
)  # fmt: skip
def test_options(line, name, value):
    assert getattr(read(*line, "a.py"), name) == value


def test_limits():
    limits = read(
        "--max-depth=9", "--max-attr-depth", "0", "--max-items=5", "--max-string=100", "--export-nodes=7", "--export-depth=3,1",
        "--export-string=8", "--include-stdlib", "--include-exec", "--globals=referenced", "a.py",
    ).limits  # fmt: skip
    assert limits.recording == dict(
        max_depth=9, max_attr_depth=0, max_items=5, max_string=100, include_stdlib=True, include_exec=True, globals_referenced=True
    )
    assert limits.budget == dict(export_nodes=7, export_depth=3, export_attr_depth=1, export_string=8)
    assert read("--globals=none", "a.py").limits.recording == {"globals_referenced": False}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([], "name the program"), (["--"], "name the program"), (["--quiet"], "name the program"), (["-m"], "-m needs"), (["-c"], "-c needs"),
        (["-o"], "-o needs"), (["-o", ""], "-o needs"), (["--out-dir="], "--out-dir needs"), (["--unknown", "a.py"], "'--unknown'"), (["-x", "a.py"], "'-x'"),
        (["--out", "d", "a.py"], "'--out'"), (["--quiet=1", "a.py"], "takes no value"), (["--q", "a.py"], "'--q'"), (["--format=xml", "a.py"], "no format 'xml'"),
        (["--format", "bina", "a.py"], "choose one of ct, ct-single, ct-multi, json, binary, binary-v0, journal"), (["--max-depth=x", "a.py"], "whole number"), (["--max-depth=0", "a.py"], "--max-depth must be from 1"),
        (["--max-items=-1", "a.py"], "--max-items must be"), (["--export-depth=1,2,3", "a.py"], "needs a whole number, or two as 6,2, not '1,2,3'"), (["--globals=all", "a.py"], "none, referenced"),
    ],
)  # fmt: skip
def test_usage_errors(line, words):
    with pytest.raises(errors.UsageError) as caught:
        read(*line)
    assert words in str(caught.value) and "\n" not in str(caught.value) and caught.value.status == 2


@pytest.mark.parametrize("text", ["1", "true", "T", " yes ", "Y"])
def test_environment_switches_propagation_on(text):
    assert read("a.py", environment={"CODETRACER_PROPAGATE_SCRIPT_EXIT": text}).propagate is True
    assert read("--no-propagate-script-exit", "a.py", environment={"CODETRACER_PROPAGATE_SCRIPT_EXIT": text}).propagate is False


@pytest.mark.parametrize("text", ["0", "false", "F", "no", "n"])
def test_environment_switches_propagation_off(text):
    assert read("a.py", environment={"CODETRACER_PROPAGATE_SCRIPT_EXIT": text}, propagate=True).propagate is False


def test_environment_default_and_nonsense():
    for default in (True, False):
        assert read("a.py", environment={"CODETRACER_PROPAGATE_SCRIPT_EXIT": ""}, propagate=default).propagate is default
    with pytest.raises(errors.UsageError) as caught:
        read("a.py", environment={"CODETRACER_PROPAGATE_SCRIPT_EXIT": "perhaps"})
    assert caught.value.code == "ERR_INVALID_POLICY_VALUE"
    assert read("a.py", environment={"CODETRACER_PYTHON_RECORDER_OUT_DIR": "e"}).out_dir == "e"
    assert read("-od", "a.py", environment={"CODETRACER_PYTHON_RECORDER_OUT_DIR": "e"}).out_dir == "d"
    assert read("a.py", environment={"CODETRACER_PYTHON_RECORDER_OUT_DIR": ""}).out_dir == "trace-out"


@pytest.mark.parametrize("name", ["codetracer-record", "python -m codetracer_python_recorder"])
def test_help_has_columns(name):
    """In each section all that is said of options begins in one column."""
    for section in cli.Options(name, ["--help"], {}, True).show.split("\n\n"):
        texts = [re.search(r"(?<=  )\S", line[2:]) for line in section.splitlines() if line.startswith("  ")]
        assert len({text.start() for text in texts if text}) <= 1, section


@pytest.mark.parametrize("by", ["record", "module"])
def test_help_and_version(record, by):
    for option in ("--help", "-h"):
        answer = record(options=[option], by=by)
        assert answer.status == 0 and answer.err == "" and answer.names == []
        for name in [*cli.VALUES, *cli.SWITCHES]:
            assert name in answer.out
        assert max(map(len, answer.out.splitlines())) <= 120
    answer = record(options=["-V"], by=by)
    assert (answer.status, answer.out.split()[0]) == (0, "codetracer-python-recorder") and len(answer.out.split()) == 2
    assert record(options=["--version"], by=by).out == answer.out


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["prog.py"], "prog"), (["a.b.py"], "a.b"), (["noext"], "noext"), (["-m", "pkg.mod"], "pkg.mod"), (["-c", "x = 1"], "command"), (["dir/"], "dir"), (["./dir/../prog.py"], "prog"),
     (["pkg"], "pkg"), ([".hidden.py"], "hidden"), (["é.py"], "é")],
)  # fmt: skip
@pytest.mark.parametrize("format", ["ct", "journal"])
def test_name_of_the_trace(record, tmp_path, arguments, name, format):
    for path in ("prog.py", "a.b.py", "noext", "pkg/__init__.py", "pkg/__main__.py", "pkg/mod.py", "dir/__main__.py", ".hidden.py", "é.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x = 1\n")
    answer = record(*arguments, options=["--format", format])
    assert answer.status == 0 and answer.names == [name + (".ct" if format == "ct" else ".ctj")], answer
    assert f"{answer.names[0]}: " in answer.err
    with codetracer_python_recorder.read(answer.trace) as trace:
        assert len(trace.steps)


def test_closing_line(record):
    answer = record(code="print('out', flush=True)\nimport sys; print('err', file=sys.stderr)\n")
    assert answer.out == "out\n"
    lines = answer.err.splitlines()
    assert lines[0] == "err" and len(lines) == 2
    assert lines[1].startswith(f"codetracer: {answer.trace}/prog.ct: ") and " step" in lines[1] and lines[1].endswith(("kB", "bytes"))
    quiet = record(code="print(1)", options=["--quiet"])
    assert (quiet.out, quiet.err) == ("1\n", "")


@pytest.mark.skipif("CODETRACER_TESTS_FAKE" in os.environ, reason="the stand-in records nothing")
def test_steps_are_counted(record):
    assert "/prog.ct: 3 steps, " in record(code="x = 1\nx = 2\nx = 3\n").err


@pytest.mark.skipif("CODETRACER_TESTS_FAKE" in os.environ, reason="the stand-in records nothing")
def test_steps_of_a_command_are_counted(record):
    assert "/command.ct: 2 steps, " in record("-c", "x = 1\nx = 2").err


@pytest.mark.parametrize("letter", ["\n", "\r", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e"])
def test_a_name_cannot_break_the_closing_line(record, tmp_path, letter):
    """Control characters, ends of lines and what turns the direction of text are shown as escapes, of the script and of the folder."""
    script = tmp_path / f"a{letter}b.py"
    script.write_text("x = 1\n")
    for options in ([], ["-o", tmp_path / f"out{letter}codetracer: fine"]):
        answer = record(script, options=options)
        assert answer.err.count("\n") == 1 and letter not in answer.err[:-1], answer.err
        assert answer.err.startswith("codetracer: ") and ascii(letter)[1:-1] in answer.err


def test_closing_line_is_the_last_thing(record):
    code = "import atexit, threading, time\natexit.register(print, 'atexit')\ndef f(): time.sleep(.1); print('thread')\nthreading.Thread(target=f).start()\nprint('end')"
    answer = record(code=code, merge=True)
    assert answer.out.splitlines()[:3] == ["end", "thread", "atexit"]
    assert answer.out.splitlines()[3].startswith("codetracer: ")


def test_closing_line_goes_to_no_file_of_the_program(record, tmp_path):
    code = "import os\nos.close(2)\nfile = open('mine', 'w')\nassert file.fileno() == 2\nfile.write('x'); file.flush()"
    assert record(code=code).status == 0
    assert (tmp_path / "mine").read_text() == "x"


def test_cuts_are_named():
    result = session.Result("a.ct", 1234567, dict(steps=1, cut_items=2, cut_depth=1000, cut_string=1), dict(cut_values=9, cut_variables=1))
    assert result.sentence() == (
        "a.ct: 1 step, 1.2 MB; cut in the recording: 2 containers (--max-items), 1,000 deep values (--max-depth), 1 long string (--max-string)"
        "; in CodeTracer's view 9 values of 1 variable are shortened (--export-nodes, --export-depth, --export-string), `codetracer-trace print` shows them whole"
    )


@pytest.mark.parametrize("format", ["ct", "json"])
def test_what_is_said_of_shortened_values_is_true(record, format):
    """In a `.ct` print shows them whole; in json they are not there, and the sentence says where they are."""
    seen = record(code="import os\nx = list(range(1, 31))\ny = 1\n", options=["--format", format, "--export-nodes=10"])
    told = seen.err.partition("; ")[2]
    place, rest = ("in CodeTracer's view ", "`codetracer-trace print` shows it whole") if format == "ct" else ("", "ct and journal keep it whole")
    assert told.startswith(place) and told.endswith(f"(--export-nodes, --export-depth, --export-string), {rest}\n"), told
    last = [event for event in reading.print_json(seen.trace) if event["event"] == "step"][-1]
    assert (len(last["locals"]["x"]) == 30 if format == "ct" else "30" not in str(last["locals"]["x"]).split()), last


@pytest.mark.parametrize("format", ["ct", "json"])
def test_what_the_recording_cut_is_not_said_to_be_kept(record, format):
    """Its own limits cut these: no other format has more of them, and the options of exports do not help."""
    code = "x = list(range(30))\ny = 'x' * 9000\nz = b'y' * 9000\nd = [[[[1]]]]\nn = 7 ** 40000\nm = {k: k for k in range(30)}\nend = 1\n"
    seen = record(code=code, options=["--format", format, "--max-items=10", "--max-string=4000", "--max-depth=2"])
    assert seen.err.endswith("; cut in the recording: 2 containers (--max-items), 1 deep value (--max-depth), 3 long strings (--max-string)\n"), seen.err
    seen = record(code=code, options=["--format", format, "--max-items=10", "--export-nodes=8"])
    assert "cut in the recording: 2 containers (--max-items); " in seen.err and " of 2 variables are shortened" in seen.err, seen.err  # 8 of the 10 that were recorded


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (10**15, "1000.0 TB")])
def test_sizes(size, text):
    assert export.size_text(size) == text


STATUSES = [("", 0), ("import sys; sys.exit()", 0), ("import sys; sys.exit(3)", 3), ("import sys; sys.exit('x')", 1), ("1/0", 1), ("import sys; sys.exit(256)", 0), ("import sys; sys.exit(-1)", 255)]  # fmt: skip


@pytest.mark.parametrize(("code", "status"), STATUSES)
def test_exit_statuses(record, code, status):
    for by, options, environment, propagates in (
        ("record", [], {}, True),
        ("module", [], {}, False),
        ("module", ["--propagate-script-exit"], {}, True),
        ("record", ["--no-propagate-script-exit"], {}, False),
        ("module", [], {"CODETRACER_PROPAGATE_SCRIPT_EXIT": "1"}, True),
    ):
        answer = record(code=code, by=by, options=options, env=environment)
        assert answer.status == (status if propagates else 0), (answer, by, options)
        assert (SENTENCE.format(status) in answer.err) == (status != 0 and not propagates)
        assert answer.names == ["prog.ct"]


def test_interrupted_program_dies_of_it_in_both_modes(record):
    for by in ("record", "module"):
        assert record(code="raise KeyboardInterrupt", by=by).status == -signal.SIGINT


@pytest.mark.parametrize("first", ["ct", "json", "binary", "binary-v0", "journal"])
@pytest.mark.parametrize("second", ["ct", "json", "binary", "binary-v0", "journal"])
def test_our_earlier_trace_is_replaced_whole(record, first, second):
    names = {"ct": ["other.ct"], "journal": ["other.ctj"], "json": ["trace.json", "trace_metadata.json", "trace_paths.json"]}
    names["binary"] = names["binary-v0"] = ["trace.bin", *names["json"][1:]]
    before = record("-c", "x = 1", options=["--format", first])
    foreign = {"notes.txt": b"n", "foreign.ct": b"\xc0\xde\x72\xac\xe2" + bytes(5000), "empty.ctj": b""}
    for name, content in foreign.items():
        (before.trace / name).write_bytes(content)
    answer = record(code="x = 1", options=["--format", second])
    assert answer.status == 0, answer
    expected = [name.replace("other", "prog") for name in names[second]]
    assert [name for name in answer.names if name not in foreign and name != "files"] == expected, answer
    assert {name: (answer.trace / name).read_bytes() for name in foreign} == foreign


def test_default_folder_and_environment(tmp_path, record_script):
    (tmp_path / "prog.py").write_text("")
    command = [sys.executable, str(record_script), "prog.py"]
    subprocess.run(command, cwd=tmp_path, env=environment_for(), check=True)
    subprocess.run(command, cwd=tmp_path, env=environment_for(CODETRACER_PYTHON_RECORDER_OUT_DIR="else/where"), check=True)
    assert os.listdir(tmp_path / "trace-out") == os.listdir(tmp_path / "else" / "where") == ["prog.ct"]
    assert stat.S_IMODE((tmp_path / "trace-out").stat().st_mode) == stat.S_IMODE((tmp_path / "else" / "where").stat().st_mode) == 0o700


def test_private_folder_while_it_runs(record):
    answer = record(code="import os\nfor n in os.listdir('trace'): print(n[:11], oct(os.stat('trace/' + n).st_mode), sorted(os.listdir('trace/' + n)))")
    assert answer.out == ".recording- 0o40700 ['journal.ctj', 'journal.live']\n"
    assert answer.names == ["prog.ct"]


def test_program_that_changes_folder_and_removes_things(record, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    assert record(code="import os\nos.chdir('elsewhere')", out="trace").names == [] and (tmp_path / "trace" / "prog.ct").exists()
    answer = record(code="import shutil\nshutil.rmtree('trace')")
    assert answer.status == 1 and len(answer.err.splitlines()) == 1 and answer.err.startswith("codetracer: ")


def test_killed_program_leaves_the_recording(record):
    answer = record(code="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert answer.status == -signal.SIGKILL and answer.err == ""
    assert [name[:11] for name in answer.names] == [".recording-"]
    assert "journal.ctj" in os.listdir(answer.trace / answer.names[0])


def test_children_print_and_write_nothing(record):
    code = "import os\npid = os.fork()\nif pid: print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\nelse: raise SystemExit(5)"
    for by in ("record", "module"):
        answer = record(code=code, by=by)
        assert (answer.status, answer.out, answer.names) == (0, "5\n", ["prog.ct"]) and answer.err.count("codetracer: ") == len(answer.err.splitlines()) == 1


# ---- the end of the export, with a stand-in for the extension ----


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("ignored", [False, True])
def test_signal_during_the_export(tmp_path, record_script, number, status, ignored):
    (tmp_path / "prog.py").write_text(f"import signal\nsignal.signal({int(number)}, signal.{'SIG_IGN' if ignored else 'SIG_DFL'})\n")
    ready = tmp_path / "ready"
    process = subprocess.Popen(
        [sys.executable, str(record_script), "-o", "trace", "prog.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=environment_for(fake="export-slow", CODETRACER_FAKE_READY=ready),
    )  # fmt: skip
    wait_for(ready.exists)
    process.send_signal(number)
    if ignored:
        time.sleep(0.3)
        assert process.poll() is None
        process.kill()
        process.communicate()
        return
    error = process.communicate(timeout=30)[1]
    assert process.returncode == status
    assert error == "codetracer: stopped while writing the trace; the recording is complete and kept: codetracer-trace recover trace\n"
    (private,) = os.listdir(tmp_path / "trace")
    assert os.listdir(tmp_path / "trace" / private) == ["journal.ctj"]


@pytest.mark.parametrize("fault", ["export-enospc", "export-broken", "run-enospc"])
@pytest.mark.parametrize(("code", "by", "status"), [("", "record", 1), ("", "module", 1), ("1/0", "module", 1), ("raise SystemExit(7)", "record", 7)])
def test_failed_export_keeps_the_journal(record, fault, code, by, status):
    before = record("-c", "x = 1", options=["--format=journal"], fake="")
    answer = record(code=code + "\n", by=by, fake=fault)
    assert answer.status == status
    assert "codetracer-trace recover " in answer.err.splitlines()[-1] and ("No space left" in answer.err or fault == "export-broken")
    assert before.names[-1] == "command.ctj" and "command.ctj" in answer.names  # what was there stays
    (private,) = [name for name in answer.names if name.startswith(".recording-")]
    assert "journal.ctj" in os.listdir(answer.trace / private) and "trace" not in os.listdir(answer.trace / private)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
@pytest.mark.parametrize("quiet", [False, True])
def test_progress_only_on_a_terminal(tmp_path, record_script, quiet):
    (tmp_path / "prog.py").write_text("")
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, str(record_script), *["--quiet"] * quiet, "-o", "trace", "prog.py"], cwd=tmp_path, stderr=theirs,
        env=environment_for(fake="export-slow", CODETRACER_FAKE_READY=tmp_path / "ready"),
    )  # fmt: skip
    os.close(theirs)
    wait_for((tmp_path / "ready").exists)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert (b"writing the trace [#" in os.read(ours, 100_000)) is not quiet
    os.close(ours)


def test_program_that_does_not_start_replaces_nothing(record, tmp_path):
    before = record("-c", "x = 1")
    kept = (before.trace / "command.ct").read_bytes()
    for arguments in (["-m", "absent"], ["-m", "json"]):
        answer = record(*arguments, by="module")
        assert answer.status == 1 and "nothing was recorded" in answer.err and answer.names == ["command.ct"]
        assert (answer.trace / "command.ct").read_bytes() == kept
    assert record("-m", "absent", out=tmp_path / "new").names == [] and not (tmp_path / "new").exists()


# ---- what is skipped ----


def test_prefixes_are_those_of_sysconfig():
    standard = prefixes.standard_library()
    for name in ("stdlib", "platstdlib"):
        path = sysconfig.get_path(name)
        if sys.prefix == sys.base_prefix or name == "stdlib":
            assert path in standard
    assert os.path.dirname(os.__file__) in standard
    assert not any(path.endswith(("/", "\\")) for path in standard)
    kept = prefixes.site_packages(standard)
    for name in ("purelib", "platlib"):
        path = sysconfig.get_path(name)
        assert path in kept or not any(path.startswith(folder + os.sep) for folder in standard)
    assert str(Path(cli.__file__).parent) in prefixes.own()


@pytest.mark.parametrize("format", ["ct", "ct-single", "ct-multi"])
def test_which_ct_files_are_ours(tmp_path, record, format):
    ours = (record(code="", options=["--format", format]).trace / "prog.ct").read_bytes()
    foreign = ours.replace(b"\x1acodetracer-python-recorder", b"\x1acodetracer-ruby-recorder..")
    nobody = Path(__file__).parents[1] / "golden"
    upstream = [path.read_bytes() for path in nobody.rglob("*.ct") if b"python-recorder" not in path.read_bytes()]
    assert upstream
    for content, answer in (
        *((content, False) for content in (b"", folder.CT_MAGIC, folder.CT_MAGIC + os.urandom(20_000), ours[:5000], foreign, *upstream)),
        (ours, True),
    ):
        (tmp_path / "a.ct").write_bytes(content)
        assert folder._is_ct(str(tmp_path / "a.ct")) is answer


def test_a_program_of_the_standard_library_is_told_what_to_do(record):
    seen = record("-m", "json.tool", stdin="{}")
    assert seen.status == 0 and "0 steps" in seen.err and "--include-stdlib" in seen.err, seen
    assert "--include-stdlib" not in record("-m", "json.tool", options=["--include-stdlib"], stdin="{}").err
    for failing in (["-m", "json.tool"], ["-m", "no_such_module"]):  # which of the two did run is not asked
        seen = record(*failing, out="none", stdin="[")
        assert seen.status == 1 and seen.err.endswith("\ncodetracer: nothing was recorded, because the program failed before any line that is recorded; 'none' is as it was\n"), seen


@pytest.mark.parametrize("line", ["# -*- coding: latin-1 -*-", "#!/usr/bin/python\n# vim: set fileencoding=ISO_8859_15 :", "# coding=cp1252"])
def test_print_shows_sources_in_their_encoding(record, tmp_path, line):
    """What Python itself makes of the bytes."""
    encoding = "cp1252" if "1252" in line else "iso-8859-15" if "15" in line else "latin-1"
    text = {"latin-1": "Grüße ½", "iso-8859-15": "Grüße € œ", "cp1252": "Grüße € “œ”"}[encoding]
    (tmp_path / "prog.py").write_bytes(f"{line}\nx = '{text}'\n".encode(encoding))
    answer = record("prog.py")
    assert answer.status == 0, answer
    (tmp_path / "prog.py").unlink()
    printed = subprocess.run([reading.trace_tool(), "print", "trace"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True).stdout
    assert f"x = '{text}'" in printed


def test_source_of_a_file_whose_name_is_no_utf8(record, tmp_path):
    name = os.fsencode(tmp_path) + b"/bad\xff.py"
    try:
        with open(name, "wb") as file:
            file.write(b"x = 'kept all the same'\n")
    except OSError:
        pytest.skip("this file system takes no such name")
    answer = record("--quiet", os.fsdecode(name))
    assert answer.status == 0, answer
    os.unlink(name)
    printed = subprocess.run([reading.trace_tool(), "print", "trace"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "x = 'kept all the same'" in printed
