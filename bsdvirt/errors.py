"""All errors that are reported to users, and their exit codes.

An error says what happened, with the path or name, and what to do next.
"""

from __future__ import annotations

TYPE_CHECKING = False
# As in cli/streams.py: the module typing is slow to import.
if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_CONFLICT = 4
EXIT_HOST = 5

STDERR_TAIL_LINES = 4


class BsdvirtError(Exception):
    """An error for the user: one sentence, and a hint what to do next."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadValueError(ValueError):
    """A value is invalid; the message is one sentence. `at` is the place in a value with parts
    (a dotted path below the value). `hint` is what to do; without one, the property's help
    is shown."""

    def __init__(self, message: str, *, at: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.hint = hint


class UsageError(BsdvirtError):
    """Wrong usage or input: nothing was changed."""

    exit_code = EXIT_USAGE


class NotFoundError(BsdvirtError):
    """No guest, network, release or file of that name."""

    exit_code = EXIT_NOT_FOUND


class ConflictError(BsdvirtError):
    """It exists already, is in use or protected, or another operation is in progress."""

    exit_code = EXIT_CONFLICT


class HostError(BsdvirtError):
    """The host lacks something: a dataset, a module, a setting, a privilege."""

    exit_code = EXIT_HOST


class FetchError(BsdvirtError):
    """A download failed, or its contents are wrong."""


class StepError(BsdvirtError):
    """A step of a plan failed; the steps before were undone, or are named."""


_PROGRESS = r"\d\d:\d\d:\d\d\s+\d+\s+\S+@|(full|incremental)\s+\S+@|size\s+\d+$"
"""A line of `zfs send -vP`, which says nothing about a failure."""


def without_progress(text: str) -> str:
    """Return the lines that do not tell of progress."""
    import re

    return "".join(line for line in text.splitlines(True) if not re.match(_PROGRESS, line.strip()))


def end_of(stderr: str) -> str:
    """Return the last lines of standard error, without those that tell of progress."""
    every, said = (
        [line.strip() for line in text.splitlines() if line.strip()]
        for text in (stderr, without_progress(stderr))
    )
    return " / ".join((said or every)[-STDERR_TAIL_LINES:])


class CommandError(StepError):
    """A command of the base system failed, with the end of its output."""

    def __init__(
        self,
        argv: Sequence[str],
        status: int,
        stderr: str,
        *,
        timed_out: bool = False,
        hint: str = "",
    ) -> None:
        import shlex

        tail = end_of(stderr)
        how = "timed out" if timed_out else f"exit status {status}"
        super().__init__(f"{shlex.join(argv)}: {how}" + (f": {tail}" if tail else ""), hint)
        self.argv = tuple(argv)
        self.status = status
        self.stderr = stderr
        self.timed_out = timed_out


class Interrupted(StepError):  # noqa: N818
    """A signal asked the process to end; the steps before were undone."""


class UnexpectedError(BsdvirtError):
    """An unexpected exception: a fault in bsdvirt."""


def as_told(error: Exception) -> BsdvirtError:
    """Return any error as a BsdvirtError: an error of one guest must not stop the work on others,
    nor the host's shutdown."""
    if isinstance(error, BsdvirtError):
        return error
    if isinstance(error, OSError) and error.strerror:
        return HostError(f"{error.filename or 'system'}: {error.strerror}")
    return UnexpectedError(
        f"unexpected: {type(error).__name__}: {error}",
        "a fault in bsdvirt: --debug shows where; please report it",
    )
