"""What the recorder raises and reports: one sentence each, that says what is wrong, where, and what helps.

`code` is a stable name for programs, `kind` one of four groups, `context` the values in the sentence. Mistakes in calling
the Python API are plain ValueError, TypeError and RuntimeError, as everywhere in Python.
"""


class RecorderError(Exception):
    """Base of all. `status` is the exit status that the command line gives."""

    kind = "Internal"
    status = 1

    def __init__(self, code: str, message: str, *, status: int | None = None, **context: str) -> None:
        super().__init__(message)
        self.code = code
        self.context = context
        if status is not None:
            self.status = status


class UsageError(RecorderError):
    """The command line or the call is wrong."""

    kind = "Usage"
    status = 2


class EnvironmentError(RecorderError):
    """The place of the trace, the disk or the system says no."""

    kind = "Environment"


class TargetError(RecorderError):
    """The program to be recorded cannot be run."""

    kind = "Target"


class InternalError(RecorderError):
    """A fault of the recorder."""


class NotFinished(EnvironmentError):
    """The program was recorded, but its trace could not be put in place. The recording was kept in `folder`."""

    def __init__(self, code: str, message: str, *, folder: str) -> None:
        super().__init__(code, message, folder=folder)
        self.folder = folder


def reason(error: OSError) -> str:
    """The system's words for an error, with the file when it is known."""
    text = error.strerror or str(error) or type(error).__name__
    return f"{text}: {error.filename!r}" if error.filename else text


def recover_command(folder: str) -> str:
    """What to type to turn a recording that was kept into a trace."""
    plain = folder and all(letter.isalnum() or letter in "/._-+=:,@" for letter in folder)
    quoted = folder if plain else "'" + folder.replace("'", "'\\''") + "'"
    return f"codetracer-trace recover {quoted}"
