"""What the recorder raises and reports: one sentence each, that says what is wrong, where, and what helps.

`code` is a stable name for programs, `kind` one of four groups, `context` the values in the sentence. Mistakes in calling
the Python API are ValueError, TypeError and RuntimeError, too, as everywhere in Python. docs/errors.md has a line for each code: a test compares.
"""


class RecorderError(Exception):
    """Base of all. `message` is the sentence, str() the same between code and context: `[CODE] message (key=value, key=value)`.
    `status` is the exit status that the command line gives."""

    kind = "Internal"
    status = 1

    def __init__(self, code: str, message: str, *, status: int | None = None, **context: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context = context
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        values = ", ".join(f"{key}={value}" for key, value in sorted(self.context.items()))
        return f"[{self.code}] {self.message}" + (f" ({values})" if values else "")


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


class AlreadyTracing(UsageError, RuntimeError):
    """There is a recording in this process."""


class BadValue(UsageError, ValueError):
    """An argument or a setting has a value that is not possible."""


class BadType(UsageError, TypeError):
    """An argument has the wrong type, or there is no such argument."""


class InstallConflict(EnvironmentError, RuntimeError):
    """The interpreter does not let a recording begin."""


class NotFinished(EnvironmentError):
    """The program was recorded, but its trace could not be put in place. The recording was kept in `folder`."""

    def __init__(self, code: str, message: str, *, folder: str) -> None:
        super().__init__(code, message, folder=folder)
        self.folder = folder


def sentence(error: BaseException) -> str:
    """For people: without code and context."""
    return error.message if isinstance(error, RecorderError) else str(error)


def reason(error: OSError) -> str:
    """The system's words for an error, with the file when it is known."""
    text = error.strerror or str(error) or type(error).__name__
    return f"{text}: {error.filename!r}" if error.filename else text


def recover_command(folder: str) -> str:
    """What to type to turn a recording that was kept into a trace."""
    plain = folder and all(letter.isalnum() or letter in "/._-+=:,@" for letter in folder)
    quoted = folder if plain else "'" + folder.replace("'", "'\\''") + "'"
    return f"codetracer-trace recover {quoted}"
