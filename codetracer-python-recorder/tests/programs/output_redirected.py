"""Output into a StringIO is no output of the program."""

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()) as captured:
    print("captured")
print("shown", captured.getvalue() == "captured\n")
