"""A module next to the program's folder is imported: its module code and functions are recorded."""

import sys
import os

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

import sibling
from package import leaf

print(sibling.triple(2), sibling.SETTING, leaf.name())
import sibling
