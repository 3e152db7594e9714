"""A command running on the simulated host."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from bsdvirt.host.fs import Fs
from bsdvirt_sim.releases import RELEASES, Release
from bsdvirt_sim.snapdir import HostFiles
from bsdvirt_sim.state import Dataset, Host, Interface, Jail


class UnknownCommand(AssertionError):  # noqa: N818
    """A command, or a form of one, that the simulated host does not know.

    It is an error of the caller (or a gap in the simulation), never an answer of the host: no
    capture shows what a real FreeBSD prints.
    """

    def __init__(self, argv: Sequence[str], why: str = "") -> None:
        words = shlex.join(argv)
        super().__init__(
            f"the simulated host does not know: {words}" + (f" ({why})" if why else "")
        )


class Exit(Exception):  # noqa: N818
    """The command ends here with that status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class TimedOut(Exception):  # noqa: N818
    """The command took longer than its timeout."""


class Run:
    """A command: the state it reads, its output, and the (virtual) time it takes."""

    def __init__(
        self,
        argv: Sequence[str],
        state: Host,
        directory: Path,
        *,
        changes: bool | None,
        limit: float,
        wide: bool = False,
    ) -> None:
        self.argv = tuple(argv)
        self.state = state
        self.directory = directory
        self.fs: Fs = HostFiles(
            directory, lambda: ((d.mounted, d.guid) for d in state.datasets.values() if d.mounted)
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self.declared = changes
        self.known = False
        self.limit = limit
        self.elapsed = 0.0
        self.wide = wide
        self.status = 0
        self.piped = False
        self.piped_into = False
        self.data: IO[bytes] | None = None
        """What passes through a pipe: the output of this command, or its input."""

    # ---- whether the command reads or changes ----

    def reads(self) -> None:
        """Declare that this form changes nothing. Raises where the caller said that it does."""
        self._is(False)

    def changes(self) -> None:
        """Declare that this form changes the host. Raises where the caller said that it reads."""
        self._is(True)

    def _is(self, changes: bool) -> None:
        self.known = True
        if self.declared is not None and self.declared != changes:
            kind = "changes the host" if changes else "only reads"
            raise UnknownCommand(self.argv, f"it {kind}, but was run with changes={self.declared}")

    def unknown(self, why: str = "") -> UnknownCommand:
        return UnknownCommand(self.argv, why)

    def only_wide(self, why: str) -> None:
        """Refuse a form that captures show and bsdvirt never uses, unless `wide`."""
        if not self.wide:
            raise self.unknown(why)

    # ---- output ----

    def passes(self) -> IO[bytes]:
        """Return where the output goes that passes through a pipe."""
        if self.data is None:
            raise self.unknown("its output goes into a pipe")
        return self.data

    def print(self, text: str = "") -> None:
        self.out.append(text + "\n")

    def warn(self, text: str) -> None:
        self.err.append(text + "\n")

    def fail(self, text: str, status: int = 1) -> Exit:
        self.warn(text)
        return Exit(status)

    def fail_silently(self) -> Exit:
        """End the command, whose errors were printed."""
        return Exit(1)

    # ---- time ----

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass. Raises TimedOut after the command's timeout."""
        self.elapsed += seconds
        if self.elapsed > self.limit:
            raise TimedOut

    def now(self) -> int:
        return int(time.time())

    # ---- shortcuts ----

    @property
    def release(self) -> Release:
        """The host's release, and how it differs from others."""
        return RELEASES[self.state.version]

    def path(self, path: str) -> Path:
        return self.fs.path(path)

    def serial(self) -> int:
        self.state.serial += 1
        return self.state.serial

    def dataset(self, name: str) -> Dataset | None:
        return self.state.datasets.get(name)

    def jail(self, name: str, dying: bool = False) -> Jail | None:
        """Return a jail by name or number: a name of digits only is a jid."""
        if name.isdigit():
            jail = self.state.jails.get(int(name))
            return jail if jail is not None and (dying or not jail.dying) else None
        for jail in self.state.jails.values():
            if jail.name == name and (dying or not jail.dying):
                return jail
        return None

    def interface(self, name: str, jail: int = 0) -> Interface | None:
        """Return an interface by its name in a network stack (0 is the host's)."""
        if jail and name == "lo0":
            return self.state.jails[jail].lo0
        return self.state.interfaces.get(key(name, jail))


def key(name: str, jail: int) -> str:
    """Return the key of an interface in the state: names are unique within one stack only."""
    return f"{jail}:{name}" if jail else name


class Machine(Protocol):
    """The simulated host, as its parts use it."""

    directory: Path

    @property
    def fs(self) -> Fs: ...

    def change(self) -> AbstractContextManager[Host]:
        """Lock the host and yield its state, which is saved at the end."""


Tool = Callable[[Run, list[str]], int]
"""A tool: takes the command and its arguments, and returns the exit status."""


def options(
    run: Run, words: list[str], plain: str, valued: str = ""
) -> tuple[dict[str, list[str]], list[str]]:
    """Parse words as getopt(3) does; an unknown option raises."""
    found: dict[str, list[str]] = {}
    index = 0
    while index < len(words):
        word = words[index]
        if not word.startswith("-") or word == "-":
            break
        if word == "--":
            index += 1
            break
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            if letter in plain:
                found.setdefault(letter, []).append("")
            elif letter in valued:
                if not rest:
                    index += 1
                    if index >= len(words):
                        raise run.unknown(f"-{letter} without a value")
                    rest = words[index]
                found.setdefault(letter, []).append(rest)
                rest = ""
            else:
                raise run.unknown(f"option -{letter}")
        index += 1
    return found, words[index:]


def split_environment(words: list[str]) -> tuple[list[str], list[str]]:
    """Split the words of env(1) into its assignments and the command."""
    count = next((n for n, word in enumerate(words) if "=" not in word), len(words))
    return words[:count], words[count:]
