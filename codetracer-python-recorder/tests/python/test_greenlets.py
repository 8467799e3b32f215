"""Greenlets, which change the chain of frames without an event. What is expected is by hand, from what greenlet says of switch() and throw()."""

import textwrap

import pytest
import reading
from support import frameworks


@pytest.fixture
def seen(journal, tmp_path):
    """seen(code): what is recorded from start("inner") to the program's end. Line 1 is the first line of `code`."""
    frameworks.need("greenlet")

    def run(code):
        code = textwrap.dedent(code).lstrip("\n") + "stop()\n"
        journal(code, plainly=True, env=frameworks.environment())
        return reading.Journal(reading.print_json(tmp_path / "inner"))

    return run


def test_one_that_is_switched_out_when_recording_begins(seen):
    """Its frames are in no thread's chain, and its next event is a line."""
    answer = seen("""
        from greenlet import getcurrent, greenlet
        from codetracer_python_recorder import start, stop
        class Mine(greenlet):
            pass
        def within(main):
            main.switch()
            a = 1
            return a
        def waits(main):
            within(main)
            b = 2
        waiting = [kind(waits) for kind in (greenlet, Mine)]
        for g in waiting:
            g.switch(getcurrent())
        start("inner")
        for g in waiting:
            g.switch()
    """)
    assert (answer.lines("within"), answer.lines("waits")) == ([7, 8, 7, 8], [11, 11])


def test_an_exception_thrown_into_one_that_is_switched_out(seen):
    """It is raised where the greenlet had switched, passes through its frames, and ends in the caller of throw()."""
    answer = seen("""
        from greenlet import getcurrent, greenlet
        from codetracer_python_recorder import start, stop
        main = getcurrent()
        def within():
            main.switch()
        def waits():
            try:
                within()
            except KeyError:
                within()
        g = greenlet(waits)
        start("inner")
        g.switch()
        g.throw(KeyError("first"))
        try:
            g.throw(ValueError("second"))
        except ValueError:
            pass
    """)
    told = [(event["event"], event["function"], event["line"]) for event in answer.of("raise", "handled")]
    assert told == [
        ("raise", "within", 5), ("raise", "waits", 8), ("handled", "waits", 9),
        ("raise", "within", 5), ("raise", "waits", 10), ("raise", "<module>", 16), ("handled", "<module>", 17),
    ]  # fmt: skip
    assert [event["function"] for event in answer.of("unwind")] == ["within", "within", "waits"]


def test_gr_frame_of_a_subclass_is_not_run(seen):
    answer = seen("""
        from greenlet import getcurrent, greenlet
        from codetracer_python_recorder import start, stop
        class Mine(greenlet):
            @property
            def gr_frame(self): raise SystemExit("run")
        def waits(main):
            main.switch()
            a = 1
        g = Mine(waits)
        g.switch(getcurrent())
        start("inner")
        g.switch()
    """)
    assert answer.lines("waits") == [8]


@pytest.mark.parametrize("text", ["value = 1", "class greenlet: gr_frame = None", "def __getattr__(name): raise SystemExit(name)"])
def test_another_module_of_that_name(journal, tmp_path, text):
    """The program's own, which has nothing to do with greenlets."""
    (tmp_path / "greenlet.py").write_text(text + "\n")
    code = 'import greenlet\nfrom codetracer_python_recorder import start, stop\ndef f(): return 1\nstart("inner")\nf()\nstop()\n'
    journal(code, plainly=True)
    assert reading.Journal(reading.print_json(tmp_path / "inner")).lines("f") == [3]
