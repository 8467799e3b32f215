"""timed(main) runs main(n), n from the command line, once. It prints the result, and writes to the file that BENCH_END names (if any) when
main was done: CLOCK_MONOTONIC is one clock for all processes, so the harness can tell how long the process went on after that."""

import os
import sys
import time


def timed(main):
    result = main(int(sys.argv[1]))
    end = time.monotonic()
    print(result)
    if os.environ.get("BENCH_END"):
        with open(os.environ["BENCH_END"], "w") as file:
            file.write(repr(end))
