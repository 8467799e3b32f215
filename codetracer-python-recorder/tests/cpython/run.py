"""Runs CPython's own tests, module by module, plainly and under the recorder with --include-stdlib, and compares how each test ended.

    python run.py [--slice I/N | --slice commits/N] [--same] [--minutes M] [--jobs J] [MODULE ...]

The interpreter is the one that runs this; the recorder is the one installed with it. A MODULE is a name as `python -m test` takes it, or a pattern (test_asyncio.*); without
any, all of them. A module counts

    same        every test ended recorded as it did plainly, the status is the same, the trace is whole (`codetracer-trace verify`) and has the tests' own calls in it
    different   not so, twice: after a difference both runs are made again, and only what differs both times counts
    slow        plainly it takes more than 60 s, or recorded it is still at work at the limit of recorded runs (--limit); one that stands still then is different
    none        plainly no test runs here (another system's, a resource that is not there)
    cannot      cannot.toml says why

Status 1 if a module is different. With --minutes no module begins after M minutes, none goes on a minute longer, and those that were not reached are named.
"""

import argparse
import collections
import fnmatch
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import traceback
from pathlib import Path

import table

HERE = Path(__file__).resolve().parent
VERSION = "%d.%d" % sys.version_info[:2]
PLAIN_LIMIT = 60
# Where the default limits of values give a recording no end in time, for values are looked at that are larger than any program's, smaller ones are tried.
SMALL = ("--max-items", "20", "--max-depth", "2", "--max-attr-depth", "1")
# So many seconds before its limit a process is watched for whether it does anything.
WATCHED = 15
# Of a test's own failures so much is shown.
SHOWN = 2_500


def cpu_seconds(pid):
    """What a process has used of the processor; grows without end where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.monotonic()


class Run:
    """One process. `tests`: how each test ended, by name, in order, for some names are there twice; `why`: tracebacks; `status` None: it had no end within the
    limit, and `stuck`: did nothing towards it any more."""

    def __init__(self, command, module, limit, folder):
        results = folder / "results"
        temporary = folder / "tmp"
        temporary.mkdir(parents=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("CODETRACER_", "MAKE", "MFLAGS", "PYTEST_"))}
        environment["TMPDIR"] = str(temporary)
        begun = time.monotonic()
        with open(folder / "output", "wb") as output:
            process = subprocess.Popen(
                [*command, str(HERE / "one.py"), str(results), module],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder, start_new_session=True,
            )  # fmt: skip
            self.stuck = False
            try:
                self.status = process.wait(timeout=max(limit - WATCHED, 1))
            except subprocess.TimeoutExpired:
                self.status, used = None, cpu_seconds(process.pid)
                try:
                    self.status = process.wait(timeout=WATCHED)
                except subprocess.TimeoutExpired:
                    self.stuck = cpu_seconds(process.pid) - used < 0.5
            if self.status is None:
                # faulthandler says where it stands.
                process.send_signal(signal.SIGABRT)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    pass
            # What it left behind. A session whose leader is gone may have no process any more.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.seconds = time.monotonic() - begun
        self.output = (folder / "output").read_text(errors="backslashreplace")
        self.tests, self.why, self.last = collections.defaultdict(list), {}, None
        for line in results.read_text().splitlines() if results.exists() else []:
            what, name, why = json.loads(line)
            if what == "begun":
                self.last = name
            else:
                self.tests[name].append(what)
                self.why[name] = why
        # Tests make files that nobody may read, or folders.
        subprocess.run(["chmod", "-R", "u+rwx", str(temporary)], stderr=subprocess.DEVNULL)
        shutil.rmtree(temporary, ignore_errors=True)

    @property
    def ran(self):
        return sum(1 for outcomes in self.tests.values() if outcomes != ["skipped"])

    def ending(self):
        if self.status is None:
            return f"{'stood still' if self.stuck else 'had no end'} after {self.seconds:.0f} s, in {self.last}"
        return f"ended by signal {-self.status}, in {self.last}" if self.status < 0 else f"ended with status {self.status}"


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def differences(plain, recorded, excepted):
    """What differs, as {name of the test: sentence}; under "" what is of the whole process."""
    found = {}
    for name in [*plain.tests, *(name for name in recorded.tests if name not in plain.tests)]:
        if matches(name, excepted):
            continue
        expected, seen = (", ".join(run.tests.get(name, ["did not run"])) for run in (plain, recorded))
        if expected != seen:
            found[name] = f"{expected}; recorded: {seen}"
    if plain.status != recorded.status and not (excepted and recorded.status in (0, 2)):
        found[""] = f"{plain.ending()}; recorded it {recorded.ending()}"
    return found


class Trace:
    """What the recording left: `problem`, or None; `seen`: how many of the tests' functions are among the recorded calls, by name."""

    def __init__(self, folder, module, recorded):
        self.seen = self.of = 0
        self.problem = self.look(folder, module, recorded)

    def look(self, folder, module, recorded):
        if not folder.exists():
            return "there is no trace"
        verified = tool("verify", folder)
        if verified.returncode:
            return "verify: " + (verified.stdout + verified.stderr)[-SHOWN:]
        listed = tool("print", "--functions", "--json", folder)
        if listed.returncode:
            return "print: " + listed.stderr[-SHOWN:]
        place = os.path.join("test", *module.removeprefix("test.").split("."))
        called, own = set(), 0
        for line in listed.stdout.splitlines():
            function = json.loads(line)
            called.add(function["function"].rpartition(".")[2])
            own += f"{os.sep}{place}.py" in function["file"] or f"{os.sep}{place}{os.sep}" in function["file"]
        names = {name.partition(" ")[0].rpartition(".")[2] for name, outcomes in recorded.tests.items() if outcomes != ["skipped"]}
        self.seen, self.of = len(names & called), len(names)
        return None if own else "there is no call of the test file in the trace"


def tool(command, *arguments):
    program = Path(sys.executable).parent / "codetracer-trace"
    return subprocess.run([program, command, *map(str, arguments)], capture_output=True, text=True, errors="backslashreplace")


class Outcome:
    """Of a module. `found`: what differs, and why, by test; `once`: what did so only once."""

    def __init__(self, module, verdict, sentence, found=None, once=None, **facts):
        self.module, self.verdict, self.sentence, self.found, self.once, self.facts = module, verdict, sentence, found or {}, once or {}, facts


def examine(module, listed, limit, end, idle, small):
    """Runs a module both ways, a second time where that differs; no run goes on beyond `end`. `small`: the default limits of values are known to be too much."""
    if idle:
        listed = [entry for entry in listed if not entry.get("idle")]
    whole = [entry for entry in listed if "tests" not in entry]
    if whole:
        return Outcome(module, "cannot", whole[0]["reason"])
    excepted = [pattern for entry in listed for pattern in entry["tests"]]
    found, unsteady = None, {}
    for attempt in (1, 2):
        # Sockets' names must not be long, so it is not within the checkout.
        with tempfile.TemporaryDirectory(prefix="ct", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            (folder / "p").mkdir()
            plain = Run([sys.executable], module, min(PLAIN_LIMIT, end - time.monotonic()), folder / "p")
            if plain.status is None:
                return Outcome(module, "slow", f"plainly more than {PLAIN_LIMIT} s")
            if not plain.ran:
                return Outcome(module, "none", "no test runs here")
            for values in (SMALL,) if small else ((), SMALL):
                shutil.rmtree(folder / "r", ignore_errors=True)
                (folder / "r").mkdir()
                trace = folder / "r" / "trace"
                command = [str(Path(sys.executable).parent / "codetracer-record"), "-q", "--format", "journal", "--include-stdlib", *values, "-o", str(trace)]
                recorded = Run([sys.executable, *([str(HERE / "idle.py")] if idle else command)], module, min(limit, end - time.monotonic()), folder / "r")
                if recorded.status is not None or recorded.stuck:
                    break
            now = differences(plain, recorded, excepted)
            seconds = f"plainly {plain.seconds:.1f} s, recorded {recorded.seconds:.1f} s"
            tests = sum(outcomes != ["skipped"] and not matches(name, excepted) for name, outcomes in plain.tests.items())
            facts = dict(tests=tests, plain=round(plain.seconds, 1), recorded=round(recorded.seconds, 1))
            if recorded.status is None and not recorded.stuck:
                return Outcome(module, "slow", f"recorded, it {recorded.ending()}; {seconds}", **facts)
            looked = Trace(trace, module, recorded)
            if not idle and looked.problem and recorded.status is not None and recorded.status >= 0:
                now[" "] = looked.problem
            for test, what in now.items():
                now[test] = (what, recorded.why.get(test) or (recorded.output[-SHOWN:] if not test else ""))
        if found is not None:
            both = found | now
            unsteady = {test: both[test] for test in both if (test in found) != (test in now)}
            now = {test: what for test, what in now.items() if test in found}
        found = now
        if not found:
            break
    facts.update(small=bool(values), failed=sum("failed" in outcomes for outcomes in plain.tests.values()), excepted=excepted, unsteady=sorted(unsteady))
    also = [f"{looked.seen} of {looked.of} named functions in the trace"]
    if values:
        also.append("recorded with " + " ".join(values))
    if facts["failed"]:
        also.append(f"{facts['failed']} fail plainly")
    if unsteady:
        also.append("not twice: " + ", ".join(test.strip() or "the process" for test in unsteady))
    sentence = "; ".join([f"{facts['tests']} tests", seconds, *also])
    return Outcome(module, "different" if found else "same", sentence, found, unsteady, **facts)


def listed_for(module):
    """What cannot.toml says of a module, for this version."""
    with open(HERE / "cannot.toml", "rb") as file:
        entries = tomllib.load(file)["cannot"]
    return [entry for entry in entries if fnmatch.fnmatchcase(module, entry["module"]) and VERSION in entry.get("versions", [VERSION])]


def all_modules():
    done = subprocess.run([sys.executable, "-m", "test", "--list-tests"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{sys.executable} has no `test` package, with which CPython's own tests come (Debian has it as libpython{VERSION}-testsuite): {done.stderr[-300:]}")
    return done.stdout.split()


def commits():
    counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return int(counted.stdout) if counted.returncode == 0 else 0


def chosen(modules, patterns, part, same):
    if same:
        modules = [module for module, result in table.kept(VERSION).items() if result["verdict"] == "same" and module in modules]
    if patterns:
        unknown = [pattern for pattern in patterns if not any(matches(module, [pattern]) for module in modules)]
        if unknown:
            sys.exit(f"CPython {VERSION} has no test module {', '.join(unknown)}")
        modules = [module for pattern in patterns for module in modules if fnmatch.fnmatchcase(module, pattern)]
        modules = list(dict.fromkeys(modules))
    if part:
        number, _, of = part.partition("/")
        of = int(of)
        number = commits() % of + 1 if number == "commits" else int(number)
        if not 1 <= number <= of:
            sys.exit(f"a slice is I/N with I from 1 to N, or commits/N, not {part}")
        # Neighbours are of one kind, and often of one cost: each slice has one of them.
        modules = modules[number - 1 :: of]
        print(f"Slice {number}/{of}: {len(modules)} modules of CPython {VERSION}", flush=True)
    return modules


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    parser.add_argument("--slice")
    parser.add_argument("--same", action="store_true", help="only modules that were the same when table.py was last run")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=600, help="seconds for a recorded run")
    parser.add_argument("--idle", action="store_true", help="not the recorder, but a tool that does nothing (idle.py): what is in cannot.toml because of it must be different")
    parser.add_argument("--results", type=Path, help="a line of JSON for each module is added to this file")
    options = parser.parse_args()
    # A shell's background jobs ignore Ctrl-C, and so would the tests of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    modules = chosen(all_modules(), options.modules, options.slice, options.same)
    small = {module for module, result in table.kept(VERSION).items() if result.get("small")} if options.same else set()
    waiting = collections.deque(enumerate(modules, 1))
    outcomes, lock = [], threading.Lock()
    end = time.monotonic() + 60 * options.minutes if options.minutes else math.inf

    def work():
        while True:
            with lock:
                if not waiting or time.monotonic() > end:
                    return
                number, module = waiting.popleft()
            try:
                outcome = examine(module, listed_for(module), options.limit, end + 60, options.idle, module in small)
            except Exception:
                outcome = Outcome(module, "different", "this runner failed", {"": ("this runner failed", traceback.format_exc())})
            with lock:
                outcomes.append(outcome)
                print(f"[{number}/{len(modules)}] {module}: {outcome.verdict}: {outcome.sentence}", flush=True)
                for test, (what, why) in (outcome.found | outcome.once).items():
                    print(f"    {test.strip() or 'the process'}{', once' if test in outcome.once else ''}: {what}")
                    if why:
                        print("        " + why[-SHOWN:].rstrip().replace("\n", "\n        "), flush=True)
                if options.results:
                    with open(options.results, "a") as file:
                        file.write(json.dumps(dict(module=module, verdict=outcome.verdict, sentence=outcome.sentence, found=list(outcome.found), **outcome.facts)) + "\n")

    workers = [threading.Thread(target=work) for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    verdicts = collections.defaultdict(list)
    for outcome in outcomes:
        verdicts[outcome.verdict].append(outcome.module)
    print(f"\nCPython {VERSION}: {len(outcomes)} of {len(modules)} modules")
    for verdict in ("same", "different", "slow", "none", "cannot"):
        names = sorted(verdicts[verdict])
        print(f"{verdict:<12}{len(names):4}  {', '.join(names) if verdict != 'same' else ''}".rstrip())
    if waiting:
        print(f"{'not reached':<12}{len(waiting):4}  {', '.join(module for _, module in waiting)}")
    print(f"{len(verdicts['same'])} passed, {len(verdicts['different'])} failed, {len(outcomes) - len(verdicts['same']) - len(verdicts['different'])} skipped")
    return 1 if verdicts["different"] or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
