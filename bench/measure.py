"""One run of a program under a recorder, measured: CPU of the process and its children, wall time, peak memory, bytes written, and how long the process goes on after
the program's end. Who measures: run.py (cost per line), scaling.py (cost against size and length), formats.py (finished traces)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUPPORT = HERE / "support"
RESULTS = HERE / "results"
DOCUMENT = HERE.parent / "docs" / "performance.md"
TIMEOUT = 60

OURS = "{python} -m codetracer_python_recorder --quiet --propagate-script-exit -o {out} --format "
THEIRS = "{peer} -m codetracer_python_recorder --propagate-script-exit --trace-dir {out} --format "


class Bench:
    def __init__(self, python, peer, scratch):
        # Not resolved: the link is what makes it the virtual environment's.
        self.python, self.peer, self.scratch = os.path.abspath(python), os.path.abspath(peer), Path(scratch)
        self.extension = self.scratch / "extension"
        self.extension.mkdir()
        include = self.ask(python, "import sysconfig; print(sysconfig.get_path('include'))")
        compiler = os.environ.get("CC", "cc").split()
        output = self.extension / "floor_events.so"
        subprocess.run([*compiler, "-O2", "-shared", "-fPIC", "-I" + include, str(HERE / "floor.c"), "-o", str(output)], check=True)
        self.launch = self.scratch / "launch"
        subprocess.run([*compiler, "-O2", str(HERE / "launch.c"), "-o", str(self.launch)], check=True)
        self.benchmarks = Path(self.ask(peer, "import pyperformance; print(pyperformance.__path__[0])")) / "data-files" / "benchmarks"
        self.counts = {}

    @staticmethod
    def ask(python, code):
        return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()

    def script(self, program):
        """In a folder of its own: a recorder may look at what lies beside it."""
        folder = self.scratch / ("program-" + program)
        target = folder / (program + ".py")
        if not target.exists():
            folder.mkdir()
            ours = HERE / "workloads" / (program + ".py")
            shutil.copy(ours if ours.exists() else self.benchmarks / program / "run_benchmark.py", target)
        return target

    def run(self, command, program, *arguments, timeout=TIMEOUT):
        """The words of `command` (its fields filled in), the program's script and its arguments. What was measured; with "failed" and "log" when it failed."""
        out, end, log, report = (self.scratch / name for name in ("out", "end", "log", "report"))
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        end.unlink(missing_ok=True)
        report.write_text("0 0 0 0")
        words = command.format(python=self.python, peer=self.peer, support=SUPPORT, out=out).split()
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "CODETRACER_"))}
        env.update(BENCH_END=str(end), PYTHONPATH=f"{SUPPORT}:{self.extension}", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")
        with open(log, "w+b") as file:
            started = time.monotonic()
            process = subprocess.Popen(
                [str(self.launch), str(report), *words, str(self.script(program)), *map(str, arguments)], env=env, cwd=self.scratch, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=file, start_new_session=True,
            )  # fmt: skip
            timed_out = False

            def stop(*_):
                nonlocal timed_out
                timed_out = True
                os.killpg(process.pid, signal.SIGKILL)

            signal.signal(signal.SIGALRM, stop)
            signal.alarm(timeout)
            try:
                printed = process.stdout.read()
                process.wait()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                signal.alarm(0)
            stopped = time.monotonic()
        user, system, memory, status = report.read_text().split()
        status = os.waitstatus_to_exitcode(int(status)) or process.returncode
        result = {
            "cpu": float(user) + float(system),
            "wall": stopped - started,
            "memory": int(memory),
            "bytes": sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) if out.exists() else 0,
            "printed": printed.decode(errors="replace")[:200],
            "after": stopped - float(end.read_text()) if end.exists() and end.read_text() else None,
        }
        if timed_out or status:
            result["failed"] = f"over {timeout} s" if timed_out else f"status {status}"
            result["log"] = log.read_text(errors="replace")[-500:]
        return result

    def lines(self, program, size):
        if (program, size) not in self.counts:
            file = self.scratch / "counts"
            result = self.run(f"{{python}} {{support}}/under_floor.py {file}", program, size)
            if "failed" in result:
                sys.exit(f"{program} {size}: counting its lines failed: {result['failed']}\n{result.get('log')}")
            self.counts[program, size] = list(map(int, file.read_text().split()))
        return self.counts[program, size]


def document_between(begin, end, text):
    whole = DOCUMENT.read_text()
    before, rest = whole.split(begin)
    _, after = rest.split(end)
    DOCUMENT.write_text(before + begin + "\n" + text + "\n" + end + after)
