"""sys.exit with a text: it goes to standard error, the status is 1."""

import sys

sys.exit("stopped")
