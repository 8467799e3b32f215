"""Runs one module of CPython's own tests as `python -m test` does, and writes down how each test in it ended, at once, so that it is known when the process dies.

    one.py RESULTS MODULE

RESULTS gets a JSON list per event: how a test began or ended, its name, and of a failure the traceback. Nothing here is the recorder's: the plain run does the same.
"""

import json
import os
import sys


def observe(descriptor):
    from test.libregrtest import testresult

    def tell(what, test, why=""):
        try:
            name = test.id()
        except Exception:  # what a test of unittest made, or one of unittest's placeholders
            name = str(test)
        os.write(descriptor, (json.dumps([what, name, why]) + "\n").encode())

    class Result(testresult.RegressionTestResult):
        def startTest(self, test):
            tell("begun", test)
            super().startTest(test)

        def addSuccess(self, test):
            tell("passed", test)
            super().addSuccess(test)

        def addFailure(self, test, err):
            super().addFailure(test, err)
            tell("failed", test, self.failures[-1][1])

        def addError(self, test, err):
            super().addError(test, err)
            tell("failed", test, self.errors[-1][1])

        def addSkip(self, test, reason):
            tell("skipped", test, reason)
            super().addSkip(test, reason)

        def addExpectedFailure(self, test, err):
            tell("failed as expected", test)
            super().addExpectedFailure(test, err)

        def addUnexpectedSuccess(self, test):
            tell("passed unexpectedly", test)
            super().addUnexpectedSuccess(test)

        def addSubTest(self, test, subtest, err):
            super().addSubTest(test, subtest, err)
            if err is not None:
                failed = self.failures if issubclass(err[0], test.failureException) else self.errors
                tell("failed", subtest, failed[-1][1])

    testresult.RegressionTestResult = Result


# A process that multiprocessing spawns imports this file under another name.
if __name__ == "__main__":
    results, module = sys.argv[1:]
    observe(os.open(results, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    sys.argv[1:] = ["--fail-env-changed", "--randseed", "1", module]
    from test.libregrtest.main import main

    main()
