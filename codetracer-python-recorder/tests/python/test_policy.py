"""Errors, policy, variables of the environment, activation; and what docs/errors.md, environment.md and compatibility.md say of them."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import reading
from codetracer_python_recorder import cli, errors, policy, reporting
from conftest import HERE, PACKAGE, environment_for

DOCS = PACKAGE.parent / "docs"
SOURCES = PACKAGE / "codetracer_python_recorder"
IMPORT = "from codetracer_python_recorder import *\nimport codetracer_python_recorder as package, os, sys\n"
# 50 MB of recording in half a second: more than the room of SMALL_DISK, in which a recording can begin.
LARGE = """
import os
def f():
    data = [os.urandom(200) for _ in range(200)]
    return len(data)
for i in range(1200): f()
print("end")
"""


# No file above some 30 MB. Not by preexec_fn: with the worker's threads, Python between fork and exec may wait for ever (tests/python/terminals.py).
SMALL_DISK = ["/bin/sh", "-c", 'ulimit -f 58000; exec "$@"', "sh"]


@pytest.fixture
def program(tmp_path):
    """Plain Python; (status, stdout, stderr)."""

    def run(code, *flags, status=0, limit=(), imports=IMPORT, **variables):
        (tmp_path / "prog.py").write_text(imports + code)
        process = subprocess.run(
            [*limit, sys.executable, *flags, "prog.py"], cwd=tmp_path, env=environment_for(**variables), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert process.returncode == status, process.stderr
        return process.stdout, process.stderr

    return run


@pytest.fixture
def limited(tmp_path, record_script):
    """codetracer-record under a limit of the system; (status, stdout, stderr)."""

    def run(code, *options, limit=SMALL_DISK, by="record", **variables):
        (tmp_path / "prog.py").write_text(code)
        command = [str(record_script)] if by == "record" else ["-m", "codetracer_python_recorder"]
        process = subprocess.run(
            [*limit, sys.executable, *command, "-o", "trace", *options, "prog.py"], cwd=tmp_path, env=environment_for(**variables),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return process.returncode, process.stdout, process.stderr

    return run


def steps(trace):
    from codetracer_python_recorder import read

    with read(trace) as opened:
        return [(step.function, step.line) for step in opened.steps]


# ---- errors ----


def test_classes():
    import builtins

    import codetracer_python_recorder as package

    for name, kind in [("UsageError", "Usage"), ("EnvironmentError", "Environment"), ("TargetError", "Target"), ("InternalError", "Internal")]:
        error = getattr(package, name)("ERR_X", "a sentence", path="p", also="q")
        assert isinstance(error, package.RecorderError) and isinstance(error, Exception) and name in package.__all__
        assert (error.code, error.kind, error.context, error.message) == ("ERR_X", kind, {"path": "p", "also": "q"}, "a sentence")
        assert str(error) == "[ERR_X] a sentence (also=q, path=p)" and str(package.UsageError("ERR_X", "s")) == "[ERR_X] s"
    assert package.EnvironmentError is not builtins.EnvironmentError


# Code: a program, under plain Python, that meets it, and its kind. The rest is provoked by the tests below.
FROM_PYTHON = {
    "ERR_ALREADY_TRACING": ("start('t'); start('u')", "Usage", "RuntimeError"),
    "ERR_TRACE_DIR_CONFLICT": ("open('f', 'w').close(); start('f')", "Usage", "ValueError"),
    "ERR_TRACE_DIR_CREATE_FAILED": ("start('/proc/no/such')", "Environment", "Exception"),
    "ERR_UNSUPPORTED_FORMAT": ("start('t', format='x')", "Usage", "ValueError"),
    "ERR_TRACER_INSTALL_CONFLICT": ("[sys.monitoring.use_tool_id(n, 'x') for n in range(6)]; start('t')", "Environment", "RuntimeError"),
    "ERR_INVALID_POLICY_VALUE": ("configure_policy(on_recorder_error='x')", "Usage", "ValueError"),
    "ERR_TRACE_MISSING": ("start('t', policy={'require_trace': True}, start_at='nowhere'); stop()", "Usage", "Exception"),
    "ERR_USAGE": ("start('t', max_depth=0)", "Usage", "ValueError"),
    "ERR_IO": ("configure_policy(log_file='/proc/no/such'); start('t')", "Environment", "Exception"),
}


@pytest.mark.parametrize("code", FROM_PYTHON)
def test_code_from_python(program, tmp_path, code):
    line, kind, base = FROM_PYTHON[code]
    out, _ = program(f"try:\n    {line}\nexcept RecorderError as e:\n    print(e.code, e.kind, isinstance(e, {base})); print(e)\nstop()")
    first, second = out.splitlines()
    assert first == f"{code} {kind} True" and re.fullmatch(rf"\[{code}\] [^\[\]]+?( \((\w+=[^=]*?)(, \w+=[^=]*)*\))?", second)
    assert not list(tmp_path.glob("*/.recording-*"))


# Code: options, what is recorded, exit status.
FROM_COMMAND = {
    "ERR_MISSING_POSITIONAL_ARG": ([], [], 2),
    "ERR_USAGE": (["--nonsense"], ["-c", ""], 2),
    "ERR_TARGET": ([], ["no-such.py"], 2),
    "ERR_UNSUPPORTED_FORMAT": (["--format=x"], ["-c", ""], 2),
    "ERR_INVALID_POLICY_VALUE": (["--on-recorder-error=x"], ["-c", ""], 2),
    "ERR_TRACE_DIR_CONFLICT": (["-o", "file"], ["-c", ""], 1),
    "ERR_TRACE_DIR_CREATE_FAILED": (["-o", "/proc/no"], ["-c", ""], 1),
    "ERR_IO": (["--log-file=/proc/no/such"], ["-c", ""], 1),
    "ERR_TRACE_MISSING": (["--require-trace", "--start-at=nowhere"], ["-c", ""], 1),
}


@pytest.mark.parametrize("code", FROM_COMMAND)
@pytest.mark.parametrize("how", ["option", "variable", "words"])
def test_code_from_the_command_line(record, tmp_path, code, how):
    options, target, status = FROM_COMMAND[code]
    (tmp_path / "file").touch()
    variables = {"CODETRACER_JSON_ERRORS": "1"} if how == "variable" else {}
    answer = record(*target, options=[*["--json-errors"] * (how == "option"), *options], env=variables)
    assert answer.status == status and answer.names == []
    (line,) = answer.err.splitlines()
    if how == "words":
        assert not line.startswith("{") and code not in line
        return
    seen = json.loads(line)
    assert list(seen) == sorted(seen) == ["context", "error_code", "error_kind", "message", "run_id", "trace_id"]
    assert seen["error_code"] == code and seen["trace_id"] is None and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", seen["run_id"])
    assert all(isinstance(value, str) for value in seen["context"].values())


def test_unknown_error(record):
    answer = record(code="", options=["--json-errors"], fake="export-broken")
    assert answer.status == 1 and json.loads(answer.err)["error_code"] == "ERR_UNKNOWN" and json.loads(answer.err)["error_kind"] == "Internal"


def test_no_memory_to_begin(program):
    """Addresses for what is there and a little more."""
    code = """
import resource
import codetracer_python_recorder.session, codetracer_python_recorder.folder
used = int(open('/proc/self/statm').read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20),) * 2)
try: start('t')
except RecorderError as e: print(e.code, os.path.exists('t'))
"""
    if "CODETRACER_SANITIZE" in os.environ:
        pytest.skip("sanitizers reserve all addresses")
    assert program(code)[0] in ("ERR_NO_MEMORY False\n", "ERR_IO False\n")


def test_no_memory_is_told_by_its_own_code(program):
    code = "from codetracer_python_recorder import _native\ndef start_(*a): raise MemoryError\n_native.start = start_\ntry: start('t')\nexcept RecorderError as e: print(e, os.path.exists('t'))"
    assert program(code)[0] == "[ERR_NO_MEMORY] there is not enough memory to start a recording; give the process more False\n"


def test_json_text():
    for value in ["", 'a"b\\c\n\x00\x7f', "é€𝄞\ud800", {"b": 1, "a": {"c": None, "Z": -5}}]:
        assert json.loads(reporting.json_text(value)) == value
        assert reporting.json_text(value).isascii() and len(reporting.json_text(value).splitlines()) == 1


# ---- a recording that fails ----


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 1), (("--on-recorder-error=abort",), 1), (("--on-recorder-error=disable",), 0), (("--on-recorder-error=disable", "--require-trace"), 1)],
)
@pytest.mark.parametrize("by", ["record", "module"])
def test_disk_full(limited, tmp_path, options, status, by):
    seen, out, err = limited(LARGE, *options, by=by)
    assert (seen, out) == (status, "end\n")
    assert err == "codetracer: recording stopped before the program's end (File too large); what was recorded until then is kept: codetracer-trace recover trace\n"
    (private,) = (tmp_path / "trace").iterdir()
    assert private.name.startswith(".recording-") and len(steps(tmp_path / "trace")) > 100
    for command in ("print", "verify", "info", "recover"):  # each says why, and not that the program was killed
        done = subprocess.run([reading.trace_tool(), command, tmp_path / "trace"], capture_output=True, text=True)
        assert "(File too large)" in done.stdout + done.stderr and "killed" not in done.stdout + done.stderr, command
    done = subprocess.run([reading.trace_tool(), "info", tmp_path / "trace"], capture_output=True, text=True)
    assert f"recovered (the recording was cut: it could not be written (error {errno.EFBIG}))" in done.stdout


def test_disk_full_and_the_programs_status(limited):
    for options in ((), ("--on-recorder-error=disable",)):
        assert limited(LARGE + "raise SystemExit(7)", *options)[0] == 7


def test_disk_full_with_json_and_log(limited, tmp_path):
    status, _, err = limited(LARGE, "--json-errors", "--log-file=log")
    assert status == 1 and json.loads(err)["error_code"] == "ERR_TRACE_INCOMPLETE"
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line)["error_code"] == "ERR_TRACE_INCOMPLETE" and json.loads(line)["message"] == json.loads(err)["message"]


@pytest.mark.parametrize("options", [("--format=journal",), ("--format=json", "--export-string=1", "--export-nodes=1")])
def test_keep_partial_trace(limited, tmp_path, options):
    status, out, err = limited(LARGE, "--keep-partial-trace", *options)
    assert (status, out) == (1, "end\n") and err.endswith("is kept: trace/prog.ctj\n" if "journal" in options[0] else "is kept: trace\n")
    assert not list((tmp_path / "trace").glob(".recording-*")) and len(steps(tmp_path / "trace")) > 100


def test_disk_full_from_python(program, tmp_path):
    out, err = program(f"start('t')\n{LARGE}\ntry: stop()\nexcept RecorderError as e: print(e.code)", limit=SMALL_DISK)
    assert (out, err) == ("end\nERR_TRACE_INCOMPLETE\n", "")
    out, err = program(f"start('t', policy=dict(on_recorder_error='disable'))\n{LARGE}\nstop()", limit=SMALL_DISK)
    assert out == "end\n" and err.startswith("codetracer: recording stopped before the program's end")
    out, err = program(f"start('t')\n{LARGE}", limit=SMALL_DISK)  # ended by the recorder: the status is the program's
    assert out == "end\n" and err.startswith("codetracer: recording stopped")


def test_failure_does_not_replace_an_exception(program):
    out, err = program(f"try:\n    with trace('t'):\n        exec({LARGE!r})\n        1/0\nexcept ZeroDivisionError as e: print(repr(e))", fake="export-enospc")
    assert out.endswith("ZeroDivisionError('division by zero')\n") and err.startswith("codetracer: the trace could not be written (No space left")


def test_folder_removed_meanwhile(record):
    code = "import os, shutil\nshutil.rmtree(os.environ['TRACE'])\nprint('end')"
    for option, status in (("abort", 1), ("disable", 0)):
        answer = record(code=code, options=["--json-errors", f"--on-recorder-error={option}"], env={"TRACE": "trace"})
        assert (answer.status, answer.out) == (status, "end\n") and json.loads(answer.err)["error_code"] == "ERR_IO"
        assert "the program has removed its folder" in answer.err


def test_folder_that_cannot_be_written(record, tmp_path, as_user):
    (tmp_path / "closed").mkdir(0o500)
    answer = record(code="print('end')", options=["--json-errors"], out=tmp_path / "closed" / "t")
    assert answer.status == 1 and json.loads(answer.err)["error_code"] == "ERR_TRACE_DIR_CREATE_FAILED"


@pytest.mark.parametrize(("options", "code", "status", "out"), [
    ([], "print('end')", 1, ""),
    (["--on-recorder-error=disable"], "print('end')", 0, "end\n"),
    (["--on-recorder-error=disable"], "print('end'); raise SystemExit(3)", 3, "end\n"),
    (["--on-recorder-error=disable", "--require-trace"], "print('end')", 1, ""),
])  # fmt: skip
@pytest.mark.parametrize("fault", ["folder", "start"])
def test_recording_cannot_begin(record, options, code, status, out, fault):
    options = [*options, *["--out-dir=/proc/no"] * (fault == "folder")]
    answer = record(code=code, options=options, fake="start-enospc" if fault == "start" else None)
    assert (answer.status, answer.out, answer.names) == (status, out, []) and ("cannot be written" if fault == "folder" else "could not start") in answer.err


BEGIN_FAILS = (
    "from codetracer_python_recorder import _native, is_tracing, record, start\n"
    "def fail(*arguments): raise OSError(28, 'No space left on device')\n_native.start = fail\n"
)
CANNOT_BEGIN = "codetracer: recording into 't' could not start (No space left on device); it needs 5 MB there to begin: make room, or choose another folder\n"


def test_start_under_disable(program):
    """The program runs on without a recording. With a required trace, and by default, start() raises as ever."""
    code = BEGIN_FAILS + "with start('t') as session:\n    print(is_tracing(), session)\nsession.flush()\nsession.stop()\n"
    out, err = program(code, imports="", CODETRACER_ON_RECORDER_ERROR="disable")
    assert (out, err) == ("False <TraceSession 't' format='ct' not recorded>\n", CANNOT_BEGIN)
    for more in ({}, {"CODETRACER_ON_RECORDER_ERROR": "disable", "CODETRACER_REQUIRE_TRACE": "1"}):
        out, err = program(code, imports="", status=1, **more)
        assert out == "" and "EnvironmentError: [ERR_IO]" in err
    _, err = program("start('t', formt='ct')\n", status=1, CODETRACER_ON_RECORDER_ERROR="disable")
    assert "there is no option 'formt'" in err


def test_a_function_that_is_recorded_does_not_fail_because_of_us(program):
    out, err = program(BEGIN_FAILS + "@record('t')\ndef f(n): return n + 1\nprint(f(1), f(2))\n", imports="")
    assert (out, err) == ("2 3\n", CANNOT_BEGIN)


def test_require_trace_leaves_nothing(record, tmp_path):
    before = record(code="x = 1")
    assert before.status == 0
    answer = record(code="x = 1", options=["--require-trace", "--start-at=nowhere", "--format=json"])
    assert answer.status == 1 and answer.names == before.names and "no line of the program was recorded" in answer.err
    assert record(code="x = 1", options=["--require-trace"]).status == 0


# ---- log ----


def test_log_lines(record, tmp_path):
    log = tmp_path / "log"
    assert record(code="print(1)", options=["--log-level=info", f"--log-file={log}", "--quiet"]).err == ""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["recording started", "recording finished"]
    for line in lines:
        assert {"ts_micros", "level", "target", "run_id", "message", "module_path", "file", "line", "fields"} == set(line)
        assert line["level"] == "INFO" and line["target"] == "codetracer_python_recorder"
    assert lines[1]["fields"]["steps"] == 1 and lines[0]["run_id"] == lines[1]["run_id"]
    answer = record(code="print(1)", options=["--quiet"], env={"CODETRACER_LOG_LEVEL": "codetracer_python_recorder=debug"})
    assert [json.loads(line)["level"] for line in answer.err.splitlines()] == ["INFO", "INFO"]
    for level in ("warn", "off", "other=trace"):
        assert record(code="print(1)", options=["--quiet", f"--log-level={level}"]).err == ""
    assert record(code="", options=["--log-level=loud"]).status == 2


# ---- policy ----

DEFAULTS = {
    "on_recorder_error": "abort", "require_trace": False, "keep_partial_trace": False, "log_level": None, "log_file": None, "json_errors": False,
    "module_name_from_globals": True, "propagate_script_exit": False, "io_capture": {"line_proxies": True, "fd_fallback": False},
}  # fmt: skip


def test_policy_snapshot(program):
    assert eval(program("print(policy_snapshot())")[0]) == DEFAULTS
    out, _ = program(
        "configure_policy(require_trace=True, log_file='f', io_capture_line_proxies=False); configure_policy(json_errors=True)\nprint(policy_snapshot())"
    )
    assert eval(out) == {**DEFAULTS, "require_trace": True, "log_file": "f", "json_errors": True, "io_capture": {"line_proxies": False, "fd_fallback": False}}


def test_order_of_policies(program):
    code = """
seen = lambda: policy_snapshot()['on_recorder_error']
print(seen())
os.environ['CODETRACER_ON_RECORDER_ERROR'] = 'abort'
print(seen()); configure_policy_from_env(); print(seen())
os.environ['CODETRACER_ON_RECORDER_ERROR'] = 'disable'
with start('t'): print(seen())
with start('t', apply_env_policy=False): print(seen())
with start('t', policy={'on_recorder_error': 'abort'}): print(seen())
print(seen())
configure_policy(on_recorder_error='abort')
with trace('t'): print(seen())
with trace('t', policy={'on_recorder_error': 'disable'}, apply_env_policy=False): print(seen())
"""
    out, err = program(code, CODETRACER_ON_RECORDER_ERROR="DISABLE")
    assert out.split() == ["disable", "disable", "abort", "disable", "abort", "abort", "disable", "abort", "disable"] and err == ""


def test_policy_arguments_are_checked(program):
    code = """
for call in (lambda: configure_policy(require_trace=1), lambda: configure_policy(log_level='x'), lambda: start('t', policy={'nonsense': 1}),
             lambda: start('t', policy=[1]), lambda: configure_policy(io_capture_fd_fallback=1), lambda: configure_policy(log_file=3)):
    try: call()
    except (ValueError, TypeError) as e: print(e.code)
print(is_tracing())
"""
    assert program(code)[0].split() == ["ERR_INVALID_POLICY_VALUE"] * 6 + ["False"]


@pytest.mark.parametrize("text", ["1", "TRUE", "t", "yes", " Y "])
def test_booleans(text):
    assert policy.boolean("X", text) is True


@pytest.mark.parametrize("text", ["0", "false", "F", "no", "n"])
def test_booleans_that_are_false(text):
    assert policy.boolean("X", text) is False


@pytest.mark.parametrize("variable", [name for name in policy._VARIABLES if name != "CODETRACER_LOG_FILE"] + ["CODETRACER_CAPTURE_IO"])
def test_variables_are_checked(variable):
    assert policy.of_environment({variable: ""}) in ({}, {"io_capture_line_proxies": True, "io_capture_fd_fallback": False})
    with pytest.raises(errors.UsageError, match=variable) as caught:
        policy.of_environment({variable: "perhaps"})
    assert caught.value.code == "ERR_INVALID_POLICY_VALUE" and caught.value.context == {"name": variable}


def test_capture_words():
    for text, proxies in [(word, False) for word in ("0", "off", "FALSE", "disable", "disabled", "none")] + [(word, True) for word in ("1", "on", "true", "enable", "enabled", "proxies", "proxy", "")]:
        assert policy.capture("X", text) == {"io_capture_line_proxies": proxies, "io_capture_fd_fallback": False}
    for text in ("proxies+fd", "fd", "proxies,mirror", "Fallback"):
        assert policy.capture("X", text) == {"io_capture_line_proxies": True, "io_capture_fd_fallback": True}


def test_descriptors_are_captured_on_linux_only(monkeypatch):
    monkeypatch.setattr(policy.sys, "platform", "darwin")
    with pytest.raises(errors.UsageError, match="on Linux only; use proxies or off"):
        policy.capture("X", "proxies+fd")
    assert policy.explicit({"io_capture_line_proxies": False, "io_capture_fd_fallback": True}) == {"io_capture_line_proxies": False, "io_capture_fd_fallback": False}


@pytest.mark.parametrize("how", ["option", "variable"])
def test_io_capture_off(record, tmp_path, how):
    from codetracer_python_recorder import read

    options, variables = (["--io-capture=off"], {}) if how == "option" else ([], {"CODETRACER_CAPTURE_IO": "off"})
    for more, count in ((options, 0), (["--io-capture=proxies"], 2)):
        answer = record(code="print('text')", options=["--format=journal", *more], env=variables)
        assert answer.status == 0 and answer.out == "text\n"
        with read(answer.trace) as trace:
            assert len(list(trace.outputs)) == count


def test_modules_named_after_their_files(record, tmp_path):
    (tmp_path / "pkg" / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/mod.py"):
        (tmp_path / "pkg" / name).write_text("x = 1\n")
    code = "import pkg.inner.mod\n"
    for options, variables, main in (([], {}, "__main__"), (["--no-module-name-from-globals"], {}, "prog"), ([], {"CODETRACER_MODULE_NAME_FROM_GLOBALS": "0"}, "prog")):
        answer = record(code=code, options=["--format=json", *options], env=variables)
        names = [event["Function"]["name"] for event in json.loads((answer.trace / "trace.json").read_text()) if "Function" in event]
        assert names == ["<toplevel>", f"<{main}>", "<pkg>", "<pkg.inner>", "<pkg.inner.mod>"]


# ---- variables ----


def test_codetracer_trace(program, tmp_path):
    out, err = program("def f(): return 1\nprint(f(), is_tracing())", CODETRACER_TRACE="auto")
    assert (out, err) == ("1 True\n", "") and os.listdir(tmp_path / "auto") == ["prog.ct"]
    assert ("f", 3) in steps(tmp_path / "auto")
    program("raise SystemExit(4)", status=4, CODETRACER_TRACE="auto2", CODETRACER_FORMAT="json")
    assert "trace.json" in os.listdir(tmp_path / "auto2")
    out, err = program("stop(); print(os.listdir('auto3'))", CODETRACER_TRACE="auto3")
    assert out == "['prog.ct']\n"


def test_codetracer_trace_that_cannot_be(program, tmp_path):
    (tmp_path / "file").touch()
    out, err = program("print('end')", CODETRACER_TRACE="file")
    assert out == "end\n" and err == "codetracer: the output folder 'file' is a file; choose a folder\n"
    out, err = program("print('end')", CODETRACER_TRACE="t", CODETRACER_REQUIRE_TRACE="perhaps")
    assert out == "end\n" and "CODETRACER_REQUIRE_TRACE" in err
    out, err = program("print('end')", CODETRACER_TRACE="file", CODETRACER_JSON_ERRORS="1")
    assert json.loads(err)["error_code"] == "ERR_TRACE_DIR_CONFLICT"


def test_codetracer_trace_under_the_command_line(record, tmp_path):
    answer = record(code="print(1)", env={"CODETRACER_TRACE": str(tmp_path / "auto")})
    assert answer.status == 0 and answer.names == ["prog.ct"] and not (tmp_path / "auto").exists()


def test_disabled(record, program, tmp_path, plain):
    for by in ("record", "module"):
        for code in ("print('end')", "raise SystemExit(5)", "1/0"):
            answer, expected = record(code=code, by=by, env={"CODETRACER_PYTHON_RECORDER_DISABLED": "true"}), plain(code=code)
            assert (answer.status, answer.out, answer.err, answer.names) == (expected.status, expected.out, expected.err, [])
    program("print(is_tracing())", CODETRACER_TRACE="auto", CODETRACER_PYTHON_RECORDER_DISABLED="1")
    assert not (tmp_path / "auto").exists()
    assert record(code="", env={"CODETRACER_PYTHON_RECORDER_DISABLED": "perhaps"}).status == 2


def test_uploads_are_named_in_one_warning(record, program):
    variables = {"CODETRACER_MANAGED_UPLOAD_URL": "http://x", "CODETRACER_MANAGED_UPLOAD_TOKEN": "secret"}
    warning = "codetracer: ignored, because this recorder sends nothing over a network: CODETRACER_MANAGED_UPLOAD_TOKEN, CODETRACER_MANAGED_UPLOAD_URL\n"
    answer = record(code="print(1)", options=["--quiet"], env=variables)
    assert (answer.status, answer.err) == (0, warning)
    assert program("for n in range(3):\n    with trace('t'): pass", **variables)[1] == warning


def test_format_from_the_environment(record):
    assert record(code="", env={"CODETRACER_FORMAT": "journal"}).names == ["prog.ctj"]
    assert record(code="", options=["--format=ct"], env={"CODETRACER_FORMAT": "journal"}).names == ["prog.ct"]
    assert record(code="", env={"CODETRACER_FORMAT": "x"}).status == 2


@pytest.mark.parametrize("options", [["--omniscient-db=lazy"], ["--autoformat"], ["--no-autoformat"]])
def test_options_without_effect(same, options):
    same(code="print(1)", options=["--quiet", *options])
    with pytest.raises(errors.UsageError):
        cli.Options("name", ["--omniscient-db=maybe", "a.py"], {}, True)


@pytest.mark.parametrize("variable", ["RUST_LOG", "CT_AUTOFORMAT", "CT_AUTOFORMAT_THRESHOLD", "CODETRACER_OMNISCIENT_DB_MODE"])
def test_variables_without_effect(same, variable):
    same(code="print(1)", env={variable: "1"})


def test_programs_modules_are_its_own(record, plain):
    code = "import sys\nprint(*sorted(name for name in sys.modules if not name.startswith('codetracer')))"
    options = ["--quiet", "--json-errors", "--log-level=info", "--log-file=log", "--require-trace"]
    expected, seen = (set(run(code=code, **how).out.split()) for run, how in ((plain, {}), (record, {"options": options})))
    assert seen - expected <= {"atexit", "_signal"}


# ---- rows of docs/compatibility.md that no other test holds ----


def test_arguments_in_the_metadata(program, tmp_path):
    from codetracer_python_recorder import read

    program("sys.argv = ['name', 'a', 3, 'b c']\nwith trace('t', format='json'): x = 1\nwith trace('u'): x = 1")
    metadata = json.loads((tmp_path / "t" / "trace_metadata.json").read_text())
    assert (metadata["program"], metadata["args"], metadata["workdir"]) == ("name", ["a", "b c"], str(tmp_path))
    program("del sys.argv\nwith trace('v', format='json'): x = 1")
    assert json.loads((tmp_path / "v" / "trace_metadata.json").read_text())["program"] == "<unknown>"
    with read(tmp_path / "u") as opened:
        assert opened.metadata["program"] == "name"


def test_flushed_recording_can_be_read(program):
    code = "import subprocess\ns = start('t')\nx = 1\ns.flush()\nif not os.fork():\n    t = package.read('t'); print(len(t.steps) > 0, t.complete, flush=True); os._exit(0)\nos.wait(); stop()"
    assert program(code)[0] == "True False\n"


def test_module_that_is_loaded_again(record, tmp_path):
    from codetracer_python_recorder import read

    (tmp_path / "mod.py").write_text("def f(): return 1\n")
    code = "import importlib, mod, pathlib, sys\nsys.dont_write_bytecode = True\nfor n in range(3):\n    mod.f()\n    pathlib.Path('mod.py').write_text('#\\n' * (n + 1) + 'def f(): return 1\\n')\n    importlib.reload(mod)\n"
    answer = record(code=code)
    with read(answer.trace) as trace:
        assert [(call.function, call.line) for call in trace.calls if call.function == "f"] == [("f", 1), ("f", 2), ("f", 3)]
        assert [call.function for call in trace.calls if call.module == "mod"].count("<module>") == 4


# ---- activation ----

PROGRAM = "import mod\ny = 1\nmod.g()\nz = 2\n"
MODULE = "def g():\n    return 5\nx = g()\n"


def test_activation_path(record, tmp_path):
    (tmp_path / "mod.py").write_text(MODULE)
    answer = record(code=PROGRAM, options=["--activation-path=mod.py"])
    assert answer.status == 0 and steps(answer.trace) == [("<module>", 1), ("<module>", 3), ("g", 2)] and "not recorded to" not in answer.err
    answer = record(code=PROGRAM, options=["--activation-path=prog.py"])
    assert len(steps(answer.trace)) == 8
    answer = record(code=PROGRAM, options=["--activation-path=elsewhere/mod.py"])
    assert "no start point was reached: " in answer.err and "elsewhere/mod.py (no module of this file was loaded); " in answer.err
    assert len(steps(answer.trace)) == 8  # what was there stays


def test_activation_ends_by_an_exception(record, tmp_path):
    (tmp_path / "mod.py").write_text("x = 1\n1/0\n")
    answer = record(code="try: import mod\nexcept ZeroDivisionError: pass\ny = 1\n", options=["--activation-path=mod.py"])
    assert steps(answer.trace) == [("<module>", 1), ("<module>", 2)]


@pytest.mark.parametrize("end", ["return helper.h(n)", "helper.h(n); 1 / 0"])
def test_activation_in_code_that_is_not_recorded(record, tmp_path, end):
    """Its file is skipped by a filter: what it calls is recorded, until it ends, also by an exception."""
    (tmp_path / "helper.py").write_text("def h(n):\n    return n\n")
    (tmp_path / "mod.py").write_text(f"import helper\ndef g(n):\n    {end}\n")
    (tmp_path / "f.toml").write_text(
        '[meta]\nname = "f"\nversion = 1\n[scope]\ndefault_exec = "trace"\ndefault_value_action = "allow"\n[[scope.rules]]\nselector = "pkg:mod"\nexec = "skip"\n'
    )
    code = "import helper, mod\ntry: mod.g(1)\nexcept ZeroDivisionError: pass\nhelper.h(2)\n"
    answer = record(code=code, options=["--activation-path=mod.py", "--trace-filter=f.toml"])
    assert answer.status == 0 and [s for s in steps(answer.trace) if s[0] == "h"] == [], answer  # the module's body was the root
    code = "import helper, mod, codetracer_python_recorder as c\nwith c.trace('t', start_on_enter='mod.py', trace_filter='f.toml'):\n"
    (tmp_path / "two.py").write_text(f"{code}    try: mod.g(1)\n    except ZeroDivisionError: pass\n    x = helper.h(2)\n")
    done = subprocess.run([sys.executable, "two.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True)
    assert done.returncode == 0 and [s for s in steps(tmp_path / "t") if s[0] == "h"] == [("h", 2)], done


def test_activation_generator_in_code_that_is_not_recorded(tmp_path):
    """A yield does not end it, nor does its end in a pause go unnoticed."""
    (tmp_path / "mod.py").write_text("def g(call):\n    call(1)\n    yield\n    call(2)\n    yield\n")
    (tmp_path / "f.toml").write_text(
        '[meta]\nname = "f"\nversion = 1\n[scope]\ndefault_exec = "trace"\ndefault_value_action = "allow"\n[[scope.rules]]\nselector = "pkg:mod"\nexec = "skip"\n'
    )
    code = "import mod, codetracer_python_recorder as c\ndef h(n):\n    return n\nwith c.trace('t', start_on_enter='mod.py', trace_filter='f.toml'):\n    g = mod.g(h)\n"
    for end, expected in (("    h(3); next(g); h(4); next(g); h(5); next(g, 0); h(6)\n", 5), ("    next(g); c.pause(); list(g); c.resume(); h(6)\n", 1)):
        (tmp_path / "two.py").write_text(code + end)
        done = subprocess.run([sys.executable, "two.py"], cwd=tmp_path, env=environment_for(), capture_output=True, text=True)
        assert done.returncode == 0, done
        seen = [s for s in steps(tmp_path / "t") if s[0] == "h"]
        assert len(seen) == expected - (expected == 5), seen  # h(1), h(4), h(2), h(5), or h(1)


def test_start_on_enter(program, tmp_path):
    (tmp_path / "gen.py").write_text("def g():\n    yield 1\n    yield 2\n")
    program("import gen\nstart('t', start_on_enter='gen.py')\nx = 1\nfor n in gen.g():\n    y = n\nz = 1\nlist(gen.g())")
    inside = [line for function, line in steps(tmp_path / "t") if function == "g"]
    assert inside == [2, 3]  # one activation, to its end, and not the second
    assert steps(tmp_path / "t")[0] == ("g", 2) and ("<module>", 8) not in steps(tmp_path / "t")


def test_activation_that_ends_within_a_pause(program, tmp_path):
    (tmp_path / "mod.py").write_text("import codetracer_python_recorder as c\ndef f():\n    x = 1\n    c.pause()\ndef g():\n    return 2\n")
    program("import mod\nstart('t', start_on_enter='mod.py')\nmod.f()\nresume()\nmod.g()")
    assert [function for function, _ in steps(tmp_path / "t")] == ["f", "f"]


# ---- the documents ----


def text(name):
    return (DOCS / name).read_text()


def rows(document):
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in document.splitlines() if line.startswith("| ")]


def test_every_code_is_in_the_document():
    used = {code for path in SOURCES.rglob("*.py") for code in re.findall(r'"(ERR_[A-Z_]+)"', path.read_text())}
    told = [row[0].strip("`") for row in rows(text("errors.md")) if row[0].startswith("`ERR_")]
    assert sorted(told) == sorted(used)


def test_every_code_has_a_test():
    tests = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    for row in rows(text("errors.md")):
        if row[0].startswith("`ERR_"):
            assert row[0].strip("`") in tests, row[0]


def test_every_variable_is_in_the_document():
    used = {name for path in SOURCES.rglob("*.py") for name in re.findall(r'"(C(?:ODETRACER|T)_[A-Z_]*[A-Z])"', path.read_text())}
    told = set(re.findall(r"`(C(?:ODETRACER|T)_[A-Z_]*[A-Z])", "".join(row[0] for row in rows(text("environment.md")))))
    assert used - {"CT_MAGIC"} <= told


def test_every_row_of_the_compatibility_table_has_a_test():
    count = 0
    for row in rows(text("compatibility.md")):
        if row[0] in ("Feature", "---") or set(row[0]) == {"-"}:
            continue
        assert len(row) == 6 and all(row), row
        for name in re.findall(r"`(test_\w+)`", row[5]):
            assert any(f"def {name}(" in path.read_text() for path in HERE.glob("test_*.py")), name
            count += 1
        assert re.search(r"`test_\w+`", row[5]), row
    assert count > 40


@pytest.mark.parametrize("name", ["errors.md", "environment.md"])
def test_commands_of_the_documents(record_script, tmp_path, name):
    (tmp_path / "prog.py").write_text("import codetracer_python_recorder\nprint('end')\n")
    commands = re.findall(r"^    \$ (.*)\n((?:    (?!\$).*\n)*)", text(name), re.MULTILINE)
    assert commands
    for command, expected in commands:
        command = command.replace("codetracer-record", f"{sys.executable} {record_script}").replace(" python ", f" {sys.executable} ")
        process = subprocess.run(command, shell=True, cwd=tmp_path, env=environment_for(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        shown = re.sub(r'"run_id":"[^"]*"', '"run_id":"…"', process.stdout)
        assert shown.splitlines() == [line[4:] for line in expected.splitlines()], command


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", (DOCS / "errors.md").read_text() if (DOCS / "errors.md").exists() else "", re.DOTALL))
def test_python_of_the_document(program, code):
    program(code)
