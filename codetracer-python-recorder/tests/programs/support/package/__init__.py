"""A package, imported by import_sibling.py."""

LEVEL = 1
