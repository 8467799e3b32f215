"""Imported by import_fails.py: raises while it is imported."""

READY = True
raise ValueError("not importable")
