"""Imported by import_sibling.py."""

SETTING = [n for n in range(2)]


def triple(n):
    return n * 3
