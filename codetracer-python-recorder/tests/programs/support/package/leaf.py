"""A module in a package, imported by import_sibling.py."""

from . import LEVEL


def name():
    return "%s %d" % (__name__, LEVEL)
