"""IPython and Jupyter: `%%codetracer` records a cell.

The texts of all cells so far are kept in the trace: a cell calls functions that earlier ones defined. IPython's own code is not recorded.
"""

import argparse
import linecache
import re
import shlex

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class

from . import errors, export, session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def load(shell: "Any") -> None:
    shell.register_magics(CodeTracerMagics)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> "NoReturn":
        raise UsageError(f"%%codetracer: {message}")


def _options(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%%codetracer", add_help=False, allow_abbrev=False)
    parser.add_argument("-o", "--out", "--out-dir", default="trace-out")
    parser.add_argument("--format", default=session.DEFAULT_FORMAT)
    try:
        options = parser.parse_args(shlex.split(line))
        options.format = export.canonical(options.format)
    except ValueError as error:
        raise UsageError(f"%%codetracer: {errors.sentence(error)}") from None
    return options


@magics_class
class CodeTracerMagics(Magics):
    @cell_magic
    def codetracer(self, line: str, cell: str) -> None:
        """%%codetracer [--out DIR] [--format FORMAT]: runs the cell and records it into the folder DIR (trace-out), in a format of codetracer-record (ct)."""
        options = _options(line)
        shell: "Any" = self.shell
        # As run_cell() will do in a moment: the cell's name, and its text under it.
        shell.compile.cache(shell.transform_cell(cell), shell.execution_count, raw_code=cell)
        number = shell.displayhook.prompt_count  # of the cell that runs; execution_count may be the next one's
        policy = None
        try:
            policy = session.effective_policy()
            recording = session.Recording(options.out, options.format, f"cell-{number}", session.Limits({}), policy=policy)
            session._register_at_exit()
            recording.begin([], program=f"In [{number}]", script=None, framework="ipython", sources=_cells(shell), left_out=_names(shell, number))
        except (errors.RecorderError, ValueError, RuntimeError) as error:
            if isinstance(error, errors.EnvironmentError) and session.runs_anyway(policy):
                print(f"codetracer: {error.message}")
                _run(shell, cell)
                return
            raise UsageError(f"%%codetracer: {errors.sentence(error)}") from None
        try:
            _run(shell, cell)
        finally:
            try:
                result = recording.finish()
            except errors.RecorderError as error:
                print(f"codetracer: {errors.sentence(error)}")
            else:
                if result is not None:
                    print(f"codetracer: {result.sentence()}")


def _run(shell: "Any", cell: str) -> None:
    """As without the magic's line: a semicolon at the end silences it, which IPython looks for in its history, and what fails it is shown once and makes the
    outer cell a failed one, so that Jupyter runs no further ones."""
    hook = shell.displayhook
    hook.quiet = lambda: hook.semicolon_at_end_of_expression(cell)
    try:
        result = shell.run_cell(cell, store_history=False)
    finally:
        del hook.quiet
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        return

    def ends(outer: "Any") -> None:
        forget()
        outer.error_in_exec = error

    def forget() -> None:
        shell.events.unregister("post_run_cell", ends)
        shell.events.unregister("pre_execute", forget)  # of a silent cell the end is not told, so that another one begins

    shell.events.register("post_run_cell", ends)
    shell.events.register("pre_execute", forget)


def _cells(shell: "Any") -> dict[str, str]:
    """File name: text, of each cell that IPython knows."""
    found = {}
    for name in getattr(shell.compile, "_filename_map", ()):
        entry = linecache.cache.get(name)
        if entry is not None and len(entry) > 2:
            found[name] = "".join(entry[2])
    return found


_OF_HISTORY = re.compile(r"_{1,3}|_i{1,3}|_i?[0-9]+")


def _names(shell: "Any", number: int) -> list[str]:
    """Variables in the user's namespace that are IPython's: what %who leaves out, and the history of inputs and outputs, also that of cell `number`, which is
    to run."""
    hidden = shell.user_ns_hidden
    return [f"_{number}", *(name for name, value in list(shell.user_ns.items()) if _OF_HISTORY.fullmatch(name) or (name in hidden and hidden[name] is value))]
