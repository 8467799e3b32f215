"""Forks and other processes: the child is as without us, prints nothing, touches none of the parent's files; the parent's trace is whole. And signals."""

import os
import signal

import pytest

STRICT = ("-W", "error")

FORKS = {
    "fork": """
pid = os.fork()
if pid == 0:
    x = work(1)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "fork_child_ends_normally": """
pid = os.fork()
if pid == 0:
    work(1)
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "fork_child_raises": """
sys.excepthook = lambda *a: None
pid = os.fork()
if pid == 0:
    raise ValueError
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "fork_many": """
for n in range(20):
    pid = os.fork()
    if pid == 0:
        work(n); os._exit(n)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), work(n))
""",
    "fork_of_a_fork": """
pid = os.fork()
if pid == 0:
    inner = os.fork()
    if inner == 0: work(3); os._exit(0)
    os.waitpid(inner, 0); work(2); os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "fork_in_a_deep_call": """
def down(n):
    if n: return down(n - 1)
    pid = os.fork()
    if pid == 0: return 0
    os.waitpid(pid, 0)
    return 1
if down(50) == 0: work(9); os._exit(0)
print("parent")
""",
    "forkpty": """
pid, fd = os.forkpty()
if pid == 0:
    work(1); os._exit(0)
try: os.read(fd, 10)
except OSError: pass
os.waitpid(pid, 0); os.close(fd); print("parent")
""",
    "subprocess": """
import subprocess
print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout)
print(subprocess.run([sys.executable, "-c", "pass"], preexec_fn=lambda: work(1)).returncode)
""",
    "system": """
print(os.system("exit 3"))
with os.popen("echo hi") as pipe: print(pipe.read())
""",
    "posix_spawn": """
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 4"], {})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    "exec_in_child": """
pid = os.fork()
if pid == 0: os.execv("/bin/sh", ["sh", "-c", "exit 6"])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
}
HEAD = "import os, sys\ndef work(n):\n    total = 0\n    for i in range(50):\n        total += i * n\n    return total\nwork(1)\n"


@pytest.mark.parametrize("name", FORKS)
def test_child(journal, name):
    code = HEAD + FORKS[name] + "work(100)\nprint('end')\n"
    plain = journal(code, plainly=True, flags=STRICT)
    answer = journal(code, flags=STRICT)
    assert (answer.out, answer.err) == (plain.out, plain.err) and answer.out.endswith("end\n")
    # The parent's trace is whole: to its last line, with only its own calls.
    assert answer.arguments("work")[0] == {"n": 1} and answer.arguments("work")[-1] == {"n": 100}
    assert [event["value"] for event in answer.of("return", function="work")][-1] == sum(range(50)) * 100
    calls = len(answer.of("call", function="work"))
    assert calls == (22 if name == "fork_many" else 2)
    assert answer.of("return", function="<module>")
    assert os.listdir(answer.trace) == ["prog.ctj"]


MULTIPROCESSING = """
import multiprocessing, os, sys
def square(n): return n * n
def main():
    context = multiprocessing.get_context("{method}")
    with context.Pool(2) as pool:
        print(pool.map(square, range(6)))
    queue = context.Queue()
    process = context.Process(target=send, args=(queue,)); process.start()
    print(queue.get()); process.join(); print(process.exitcode)
def send(queue): queue.put(square(9))
if __name__ == "__main__":
    square(1)
    main()
    square(2)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(journal, method):
    # (From 3.12 on multiprocessing's own thread makes a forking Pool warn: no -W error for it.)
    flags = () if method == "fork" else STRICT
    answer = journal(MULTIPROCESSING.format(method=method), flags=flags)
    assert (answer.out, answer.err.replace("\n", "")[:200]) == ("[0, 1, 4, 9, 16, 25]\n81\n0\n", ""), answer.err
    assert answer.arguments("square") == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_process_pool_executor(journal, method):
    code = f"""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def square(n): return n * n
if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("{method}")) as pool:
        print(list(pool.map(square, range(5))))
    square(7)
"""
    plain, answer = journal(code, plainly=True), journal(code)
    assert (answer.out, answer.err) == (plain.out, plain.err) and answer.out == "[0, 1, 4, 9, 16]\n"
    assert answer.arguments("square") == [{"n": 7}]


def test_process_with_strict_warnings(journal):
    """One Process by fork, under -W error: multiprocessing has no thread of its own here, so there is nothing to warn of."""
    answer = journal(
        "import multiprocessing\ndef f(): pass\nif __name__ == '__main__':\n    p = multiprocessing.get_context('fork').Process(target=f); p.start(); p.join(); print(p.exitcode)\n",
        flags=STRICT,
    )
    assert (answer.out, answer.err) == ("0\n", "")


def test_fork_when_much_was_recorded(journal):
    """The writer thread has run by then; it is joined before each fork, and nothing is lost."""
    code = """
import os
def work(n):
    text = str(n) * 50
    return text
def many(begin):
    for n in range(begin, begin + 15000): work(n)
many(0)
for k in range(3):
    pid = os.fork()
    if pid == 0: work(-1); os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    many(15000 * (k + 1))
print("end")
"""
    answer = journal(code, flags=STRICT, events=False)
    assert (answer.out, answer.err) == ("end\n", "")
    assert answer.summary["calls"] == 60_000 + 4 + 1
    import reading

    calls = [event["arguments"]["n"] for event in reading.print_json(answer.trace, "--function", "work") if event["event"] == "call"]
    assert calls == list(range(60_000))


def test_fork_in_a_thread(journal):
    code = """
import os, threading, warnings
warnings.simplefilter("ignore")
def work(n): return n
def body():
    pid = os.fork()
    if pid == 0:
        work(1); os._exit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); work(2)
for _ in range(5):
    t = threading.Thread(target=body); t.start(); t.join()
work(3)
"""
    answer = journal(code)
    assert (answer.out, answer.err) == ("3\n" * 5, "")
    assert answer.arguments("work") == [{"n": 2}] * 5 + [{"n": 3}]


def test_fork_while_other_threads_run(journal):
    code = """
import os, threading, warnings
warnings.simplefilter("ignore")
end = False
def spin():
    while not end: sum(range(2000))
threads = [threading.Thread(target=spin) for _ in range(3)]
for t in threads: t.start()
for n in range(10):
    pid = os.fork()
    if pid == 0: os._exit(n)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == n
end = True
for t in threads: t.join()
print("end")
"""
    answer = journal(code, events=False)
    assert (answer.out, answer.err) == ("end\n", "")


def test_child_does_not_write_to_the_parents_files(journal):
    """The child runs on after the parent has finished; it works much and then looks: the journal is what it was."""
    code = """
import os, sys, time
def work(n): return [n] * 10
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    for n in range(20000): work(n)
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
    maps = open("/proc/self/maps").read()
    os.write(w, str(([n for n in names if "journal" in n], "journal.live" in maps)).encode())
    os._exit(0)
os.waitpid(pid, 0)
print(os.read(r, 1000).decode())
work(-1)
"""
    answer = journal(code)
    assert answer.out == "([], False)\n"
    assert answer.arguments("work") == [{"n": -1}]


def test_c_library_that_forks(journal):
    """fork() called behind CPython's back."""
    answer = journal(
        """
import ctypes, os
libc = ctypes.PyDLL(None)
def work(n): return n
pid = libc.fork()
if pid == 0:
    work(1); os._exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
work(5)
"""
    )
    assert (answer.out, answer.err) == ("2\n", "") and answer.arguments("work") == [{"n": 5}]


# ---- signals ----


def test_every_signal_that_can_be_handled(journal):
    """Handlers run in the main thread, in order, as plain; our writer thread takes none."""
    code = """
import os, signal, threading, time
main = threading.get_ident()
log = []
def handler(number, frame):
    log.append((number, threading.get_ident() == main, frame.f_code.co_name))
numbers = sorted(set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})
for number in numbers: signal.signal(number, handler)
def busy(n):
    for i in range(n):
        x = [i] * 50
def run():
    busy(20000)
    for number in numbers:
        os.kill(os.getpid(), number)
        busy(20)
run()
print([n for n, *_ in log] == numbers, all(here for _, here, _ in log), len(log))
if os.path.exists("/proc/self/task"):
    # Every thread that is not Python's blocks all signals.
    for task in os.listdir("/proc/self/task"):
        if int(task) != threading.get_native_id():
            blocked = [int(line.split()[1], 16) for line in open(f"/proc/self/task/{task}/status") if line.startswith("SigBlk")][0]
            print("other thread blocks all:", all(blocked >> (n - 1) & 1 for n in numbers))
"""
    answer = journal(code, events=False)
    lines = answer.out.splitlines()
    assert lines[0].startswith("True True ") and answer.err == ""
    assert all(line.endswith("True") for line in lines[1:])


def test_signal_handler_nests_in_the_call_that_it_interrupts(journal):
    answer = journal(
        """
import os, signal
def handler(number, frame): inner()
def inner(): return 1
signal.signal(signal.SIGUSR1, handler)
def f():
    os.kill(os.getpid(), signal.SIGUSR1)
    x = 1
    return x
f()
"""
    )
    calls = {event["function"]: event["depth"] for event in answer.of("call")}
    assert calls == {"<module>": 0, "f": 1, "handler": 2, "inner": 3}


def test_alarm_while_sleeping_and_in_loops(journal):
    answer = journal(
        """
import signal, time
count = 0
def handler(*a):
    global count
    count += 1
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
end = time.monotonic() + 0.2
while time.monotonic() < end: pass
time.sleep(0.1)
signal.setitimer(signal.ITIMER_REAL, 0)
print(count > 5)
""",
        events=False,
    )
    assert (answer.out, answer.err) == ("True\n", "")


def test_keyboard_interrupt_in_the_program(journal):
    answer = journal(
        "import os, signal\ndef f():\n    try:\n        os.kill(os.getpid(), signal.SIGINT)\n        for _ in range(10**6): pass\n    except KeyboardInterrupt:\n        return 'caught'\nprint(f())\n"
    )
    assert answer.out == "caught\n" and [event["value"]["type"] for event in answer.of("handled", function="f")] == ["KeyboardInterrupt"]


def test_death_by_signal_is_death_by_the_same_signal(journal):
    answer = journal("import os, signal\nx = 1\nos.kill(os.getpid(), signal.SIGTERM)\n", check=False, events=False)
    assert answer.status == -signal.SIGTERM
