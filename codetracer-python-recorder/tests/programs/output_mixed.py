"""Standard output and standard error in turn within one line."""

import sys


def both(text):
    print(text); print(text, file=sys.stderr); print(text)


both("x")
sys.stderr.write("error\n")
print("unicode é 漢".encode("ascii", "replace").decode())
