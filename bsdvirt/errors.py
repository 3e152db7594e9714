"""Every error that bsdvirt tells a user about, and the exit code each ends with.

An error says what happened, to which path or name, and what to do next.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_CONFLICT = 4
EXIT_HOST = 5

STDERR_TAIL_LINES = 4


class BsdvirtError(Exception):
    """What a user is told: one sentence, and a hint at what to do next."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(BsdvirtError):
    """Wrong words or wrong input: nothing was changed."""

    exit_code = EXIT_USAGE


class NotFoundError(BsdvirtError):
    """No guest, network, release or file of that name."""

    exit_code = EXIT_NOT_FOUND


class ConflictError(BsdvirtError):
    """It exists already, is in use, is protected, or somebody else is at it."""

    exit_code = EXIT_CONFLICT


class HostError(BsdvirtError):
    """The host lacks something: a dataset, a module, a setting, a privilege."""

    exit_code = EXIT_HOST


class FetchError(BsdvirtError):
    """What was to come over the network did not, or is not what it should be."""


class StepError(BsdvirtError):
    """A step of a plan failed; what had been done was undone, or is named."""


class CommandError(StepError):
    """A command of the base system failed, with its own last words."""

    def __init__(
        self,
        argv: Sequence[str],
        status: int,
        stderr: str,
        *,
        timed_out: bool = False,
        hint: str = "",
    ) -> None:
        said = [line.strip() for line in stderr.splitlines() if line.strip()]
        tail = " / ".join(said[-STDERR_TAIL_LINES:])
        how = "timed out" if timed_out else f"exit status {status}"
        super().__init__(f"{shlex.join(argv)}: {how}" + (f": {tail}" if tail else ""), hint)
        self.argv = tuple(argv)
        self.status = status
        self.stderr = stderr
        self.timed_out = timed_out


class Interrupted(StepError):  # noqa: N818
    """A signal asked us to end; what had been done was undone."""


class UnexpectedError(BsdvirtError):
    """Something that nothing of ours foresaw: a fault of bsdvirt's own."""


def as_told(error: Exception) -> BsdvirtError:
    """Any error as one that a user is told: what befell one guest must not stop the work on
    the others, nor the host's shutdown."""
    if isinstance(error, BsdvirtError):
        return error
    if isinstance(error, OSError) and error.strerror:
        return HostError(f"{error.filename or 'system'}: {error.strerror}")
    return UnexpectedError(
        f"unexpected: {type(error).__name__}: {error}",
        "a fault in bsdvirt: --debug shows where; please report it",
    )
