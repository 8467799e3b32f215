"""Which folders hold code that is not recorded: the standard library (without site-packages below it), and this package.

The folders are those of `sysconfig.get_path("stdlib")` and `("platstdlib")`, put together from what is loaded already:
importing sysconfig costs more than the rest of the start, and the program would find it in its sys.modules. A test compares.
"""

import os
import sys


def _with_real(folders: list[str]) -> list[str]:
    """The folders as Python names them and as they really are: a code object may carry either. No trailing separators."""
    found: list[str] = []
    for folder in folders:
        for path in (os.path.abspath(folder), os.path.realpath(folder)):
            if path not in found:
                found.append(path)
    return found


def standard_library() -> list[str]:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}" + getattr(sys, "abiflags", "").replace("d", "")
    folders = [os.path.dirname(os.__file__)]
    stdlib_dir = getattr(sys, "_stdlib_dir", None)
    if stdlib_dir:
        folders.append(stdlib_dir)
    if os.name == "nt":
        folders += [os.path.join(sys.base_prefix, "Lib"), os.path.join(sys.base_exec_prefix, "DLLs")]
    else:
        folders += [
            os.path.join(sys.base_prefix, "lib", version),
            os.path.join(sys.base_prefix, sys.platlibdir, version),
            os.path.join(sys.base_exec_prefix, sys.platlibdir, version),
            os.path.join(sys.base_exec_prefix, "lib", version),
            os.path.join(sys.base_prefix, sys.platlibdir, f"python{sys.version_info[0]}{sys.version_info[1]}.zip"),
        ]
    return _with_real(folders)


def site_packages(standard: list[str]) -> list[str]:
    """Folders of installed packages that lie below the standard library's."""
    return [os.path.join(folder, name) for folder in standard for name in ("site-packages", "dist-packages")]


def own() -> list[str]:
    return _with_real([os.path.dirname(__file__)])
