"""Print the files of a package folder that belong into an installation, one per line, relative to the source root.

Left out: caches, hidden files and built extensions (the build installs the one it made itself).
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT = (".pyc", ".pyo", ".so", ".pyd", ".tmp", "~", "codetracer-forward")


def main(package: str) -> None:
    for folder, folders, names in os.walk(os.path.join(ROOT, package)):
        folders[:] = sorted(f for f in folders if f != "__pycache__" and not f.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(BUILT):
                print(os.path.relpath(os.path.join(folder, name), ROOT).replace(os.sep, "/"))


if __name__ == "__main__":
    main(sys.argv[1])
