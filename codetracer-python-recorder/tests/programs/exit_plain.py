"""sys.exit without a status."""

import sys

print("before")
sys.exit()
