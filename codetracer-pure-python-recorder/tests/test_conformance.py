"""The traces are accepted by ct-verify, which reads them with the crates that CodeTracer publishes.

The programs are those of the native recorder's differential tests. Where ct-verify is not found the tests are skipped,
except in CI.
"""

import os
import pathlib
import subprocess

import pytest

from conftest import CHECKOUT

TOOLS = pathlib.Path(os.environ.get("CODETRACER_TOOLS", CHECKOUT.parent / "shared" / "tools"))
VERIFY = TOOLS / "ct-verify" / "ct-verify"
PROGRAMS = CHECKOUT / "codetracer-python-recorder" / "tests" / "programs"
NAMES = """
    class_body comprehension_class coroutines cycles deep_values generator_throw hostile_methods import_sibling long_values
    many_attributes output_mixed threads_alternating uncaught unicode_strings
""".split()


@pytest.fixture
def verify():
    if not VERIFY.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("ct-verify is not in %s (CODETRACER_TOOLS)" % TOOLS)
        pytest.skip("ct-verify is not in %s (CODETRACER_TOOLS)" % TOOLS)

    def run(folder):
        command = [str(VERIFY), "--strict", "--empty-frames-ok", str(folder)]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    return run


@pytest.mark.parametrize("name", NAMES)
def test_ct_verify(record, verify, name):
    program = PROGRAMS / (name + ".py")
    if not program.exists():
        pytest.skip("not in a checkout of both packages")
    support = "import sys; sys.path.insert(0, %r)\n" % str(PROGRAMS / "support")
    trace = record(support + program.read_text("utf-8"))
    verified = verify(trace.folder)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "open-at-end 0" in verified.stdout
