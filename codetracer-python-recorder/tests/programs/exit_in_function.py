"""sys.exit in a function, through finally, with a status."""

import sys


def leave():
    try:
        sys.exit(3)
    finally:
        print("leaving")


leave()
