"""Which folders hold code that is not recorded: the standard library (without site-packages below it), this package, and the inside of test frameworks when
they run the program.

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


def is_installed(script: str, standard: list[str]) -> bool:
    """Whether a program is of the environment, and not of the project that it works for: a console script, or a file of an installed package."""
    base = getattr(sys.modules.get("site"), "USER_BASE", None)
    homes = [sys.prefix, sys.base_prefix, *([base] if isinstance(base, str) else [])]
    scripts = _with_real([os.path.join(home, "Scripts" if os.name == "nt" else "bin") for home in homes])
    packages = tuple(os.path.join(folder, "") for folder in [*site_packages(standard), *(path for path in sys.path if path.endswith(("site-packages", "dist-packages")))])
    return any(os.path.dirname(path) in scripts or path.startswith(packages) for path in _with_real([script]))


def own(launcher: str | None = None) -> list[str]:
    return _with_real([os.path.dirname(__file__), *([launcher] if launcher else [])])


# What runs tests or cells: packages whose own code is not what is being debugged. Test modules for one framework often import from the other.
_TEST_TOOLS = (
    "_pytest", "pytest", "pluggy", "iniconfig", "packaging", "pygments", "py", "xdist", "execnet", "coverage",
    "pytest_asyncio", "pytest_benchmark", "pytest_cov", "pytest_django", "pytest_env", "pytest_forked", "pytest_html", "pytest_instafail",
    "pytest_metadata", "pytest_mock", "pytest_order", "pytest_randomly", "pytest_repeat", "pytest_rerunfailures", "pytest_socket", "pytest_split",
    "pytest_subtests", "pytest_sugar", "pytest_timeout", "pytest_trio", "pytest_twisted",
    "hypothesis", "_hypothesis_pytestplugin", "_hypothesis_globals", "anyio/pytest_plugin.py",
)  # fmt: skip
_NOTEBOOK = (
    "IPython", "ipykernel", "jupyter_client", "jupyter_core", "traitlets", "tornado", "zmq", "comm", "debugpy", "nest_asyncio", "prompt_toolkit", "wcwidth",
    "pygments", "IPython_pygments_lexers", "ipython_pygments_lexers", "jedi", "parso", "matplotlib_inline", "decorator", "stack_data", "executing", "asttokens",
    "pure_eval", "psutil", "dateutil", "pexpect", "ptyprocess",
)  # fmt: skip
# Of these no rule of a filter decides: the user has not chosen to run under them as under a test framework.
HOSTS = ("ipython",)
FRAMEWORKS = {"pytest": _TEST_TOOLS, "unittest": ("unittest", *_TEST_TOOLS), "ipython": _NOTEBOOK}


def framework(name: str) -> list[str]:
    """The folders of a framework's packages, and the files of its modules, loaded or not."""
    from _frozen_importlib_external import PathFinder

    found: list[str] = []
    for entry in FRAMEWORKS[name]:
        package, _, file = entry.partition("/")
        spec = getattr(sys.modules.get(package), "__spec__", None)
        if spec is None:
            try:
                spec = PathFinder.find_spec(package)
            except Exception:
                continue
        if spec is not None:
            places = spec.submodule_search_locations or ([spec.origin] if spec.has_location else [])
            found += [os.path.join(place, file) if file else place for place in places]
    return _with_real(found)
