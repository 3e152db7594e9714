"""Compare a guest's root with the release that it was made from and a newer one, and decide which
version of each path is kept.

The guest's administrator controls its root: it is compared within the directories of the release
only, each opened from its parent; no link is followed, and of what only the guest has nothing is
read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from bsdvirt.errors import HostError
from bsdvirt.host.merge.accounts import merge_accounts
from bsdvirt.host.merge.text import LONGEST, merge_text

Choice = Literal["", "ours", "theirs"]
"""What is kept where both have changed: nothing is decided, the guest's, or the release's."""
SYSTEM = (
    "bin", "boot", "lib", "libexec", "rescue", "sbin", "usr/bin", "usr/include", "usr/lib",
    "usr/lib32", "usr/libdata", "usr/libexec", "usr/sbin", "usr/share", "usr/tests",
)  # fmt: skip
"""Directories of the base system, where the newer release wins, and what the guest removed
returns."""
DATA = ("var",)
"""Directories of data, where the guest's are kept."""
MOST = 100_000
"""Paths that are decided about one by one: directories of the guest's own count as one."""
PASSING = ("dev", "proc", "sys", "tmp", "var/run")
"""Directories whose contents do not outlive a start."""
ACCOUNTS = ("etc/master.passwd", "etc/group")
UNITS = {
    "etc/master.passwd": ("etc/passwd", "etc/pwd.db", "etc/spwd.db"),
    "etc/login.conf": ("etc/login.conf.db",),
    "etc/services": ("var/db/services.db",),
}
"""Files that are made from others: they are kept together, or made again."""
SERVICES = "etc/services"
"""Its database is in another directory: it is always made again."""
_DERIVED = {made for every in UNITS.values() for made in every}
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BLOCK = 1 << 20
Check = Callable[[], None]


class Decisions(Struct, dict=True):
    """What is done to a copy of the newer release. Paths are relative to the root."""

    carry: list[str] = field(default_factory=list)
    """Copied from the guest's root, directories with all in them."""
    remove: list[str] = field(default_factory=list)
    """Removed before that: in the way of what is copied, or removed by the guest."""
    merge: dict[str, bytes] = field(default_factory=dict)
    """Merged contents."""
    modes: list[str] = field(default_factory=list)
    """Get the guest's mode and owner."""
    conflicts: dict[str, str] = field(default_factory=dict)
    """Not decided, and why."""
    replaced: list[str] = field(default_factory=list)
    """Changed by the guest, and replaced by the newer release's."""

    @property
    def digest(self) -> str:
        """Changes with any decision."""
        summary = hashlib.sha256()
        parts = (
            self.carry, self.remove, sorted(self.merge.items()), self.modes, self.conflicts,
            self.replaced,
        )  # fmt: skip
        for part in parts:
            summary.update(repr(part).encode("utf-8", "surrogateescape"))
        return summary.hexdigest()


class Place(Struct, frozen=True):
    """A directory that is open, or None where it does not exist."""

    descriptor: int | None

    def names(self) -> set[str]:
        if self.descriptor is None:
            return set()
        with os.scandir(self.descriptor) as entries:
            return {entry.name for entry in entries}

    def look(self, name: str) -> Entry | None:
        if self.descriptor is None:
            return None
        try:
            found = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return Entry(self.descriptor, name, found)

    @contextlib.contextmanager
    def enter(self, name: str) -> Iterator[Place]:
        """Open a directory in it; one that does not exist, or is none, is empty."""
        if self.descriptor is None:
            yield Place(None)
            return
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=self.descriptor)
        except OSError:
            yield Place(None)
            return
        try:
            yield Place(descriptor)
        finally:
            os.close(descriptor)


class Entry(Struct, frozen=True):
    """A file, link, directory or other in an open directory."""

    directory: int
    name: str
    found: os.stat_result

    @property
    def kind(self) -> int:
        return stat.S_IFMT(self.found.st_mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.found.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.found.st_mode)

    @property
    def rights(self) -> tuple[int, int, int]:
        return stat.S_IMODE(self.found.st_mode), self.found.st_uid, self.found.st_gid

    def same(self, other: Entry) -> bool:
        """Return whether both are the same kind with the same content. A clone has the very files
        of its origin, by number and time of change: only others are read."""
        mine, theirs = self.found, other.found
        if self.kind != other.kind:
            return False
        if stat.S_ISLNK(mine.st_mode):
            return self._link() == other._link()
        if not self.is_file:
            return True
        if mine.st_size != theirs.st_size:
            return False
        if (mine.st_ino, mine.st_ctime_ns) == (theirs.st_ino, theirs.st_ctime_ns):
            return True
        return self._digest() == other._digest()

    def _link(self) -> str:
        return os.readlink(self.name, dir_fd=self.directory)

    def _digest(self) -> bytes:
        summary = hashlib.sha256()
        with self._open() as descriptor:
            left = self.found.st_size
            while left > 0 and (block := os.read(descriptor, min(BLOCK, left))):
                summary.update(block)
                left -= len(block)
        return summary.digest()

    def read(self) -> bytes | None:
        """Return the content of a file that is short enough to be merged."""
        if not self.is_file or self.found.st_size > LONGEST:
            return None
        with self._open() as descriptor:
            content = b""
            while len(content) <= LONGEST and (block := os.read(descriptor, BLOCK)):
                content += block
        return content if len(content) <= LONGEST else None

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        descriptor = os.open(self.name, _FILE, dir_fd=self.directory)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise HostError(f"{self.name} is no regular file any more", "try again")
            yield descriptor
        finally:
            os.close(descriptor)

    def is_empty(self) -> bool:
        """Whether it is a directory without anything in it."""
        if not self.is_directory:
            return False
        with Place(self.directory).enter(self.name) as inside:
            return not inside.names()


class Three(Struct, frozen=True):
    """The versions of one directory: of the release that a root was made from, of the root, and of
    the newer release."""

    base: Place
    mine: Place
    theirs: Place

    def names(self) -> list[str]:
        return sorted(self.base.names() | self.mine.names())

    @contextlib.contextmanager
    def enter(self, name: str) -> Iterator[Three]:
        with (
            self.base.enter(name) as base,
            self.mine.enter(name) as mine,
            self.theirs.enter(name) as theirs,
        ):
            yield Three(base, mine, theirs)


def compare(
    base: Path, mine: Path, theirs: Path, choice: Choice, check: Check = lambda: None
) -> Decisions:
    """Decide about all paths of a root. `check` is called repeatedly, and raises to stop."""
    decisions = Decisions()
    with contextlib.ExitStack() as stack:
        places = []
        for path in (base, mine, theirs):
            descriptor = os.open(path, _DIRECTORY)
            stack.callback(os.close, descriptor)
            places.append(Place(descriptor))
        _Comparison(decisions, choice, check).directory("", Three(*places))
    return decisions


class _Comparison(Struct, frozen=True):
    decisions: Decisions
    choice: Choice
    check: Check

    def directory(self, path: str, three: Three) -> None:
        """Decide about all in a directory. It is not deeper than the releases are."""
        self.check()
        for name in three.names():
            inner = f"{path}/{name}" if path else name
            if inner in _DERIVED or inner == ".zfs":
                continue
            base, mine, theirs = (
                place.look(name) for place in (three.base, three.mine, three.theirs)
            )
            if mine is None:
                if base is not None:
                    self._gone(inner, base, theirs)
            elif mine.is_directory and self._both_directories(base, theirs):
                if theirs is not None and mine.rights != (base or theirs).rights:
                    self.decisions.modes.append(inner)
                if inner not in PASSING:
                    with three.enter(name) as deeper:
                        self.directory(inner, deeper)
            elif base is None:
                self._added(inner, mine, theirs, three)
            else:
                self._changed(inner, base, mine, theirs, three)

    @staticmethod
    def _both_directories(base: Entry | None, theirs: Entry | None) -> bool:
        """Whether a directory of the guest is one of a release, and not in the way of one."""
        others = [one for one in (base, theirs) if one is not None]
        return bool(others) and all(one.is_directory for one in others)

    def _gone(self, path: str, base: Entry, theirs: Entry | None) -> None:
        """The guest has removed it."""
        if theirs is None or base.is_directory or _in(path, SYSTEM):
            return
        if base.same(theirs):
            self.decisions.remove.append(path)

    def _added(self, path: str, mine: Entry, theirs: Entry | None, three: Three) -> None:
        """Only the guest has it, or the newer release adds the same path."""
        if theirs is None:
            self._keep(path, None, three)
        elif theirs.is_empty():
            self._keep(path, theirs, three)
        elif not mine.same(theirs):
            self._conflict(path, theirs, "added by both", three)

    def _changed(
        self, path: str, base: Entry, mine: Entry, theirs: Entry | None, three: Three
    ) -> None:
        if mine.same(base):
            if theirs is not None and theirs.kind == mine.kind and mine.rights != base.rights:
                self.decisions.modes.append(path)
            return
        if theirs is None:
            if _in(path, SYSTEM):
                self.decisions.replaced.append(path)
            else:
                self._keep(path, None, three)
        elif theirs.same(base) and (not theirs.is_directory or theirs.is_empty()):
            self._keep(path, theirs, three)
        elif mine.same(theirs):
            return
        elif _in(path, SYSTEM):
            self.decisions.replaced.append(path)
        else:
            self._merge(path, base, mine, theirs, three)

    def _merge(self, path: str, base: Entry, mine: Entry, theirs: Entry, three: Three) -> None:
        contents = [one.read() for one in (base, mine, theirs)]
        before, own, new = contents
        if before is None or own is None or new is None:
            self._conflict(path, theirs, "changed by both", three)
            return
        if path in ACCOUNTS:
            self._merged(path, merge_accounts(before, own, new), base, mine)
            return
        found = merge_text(before, own, new)
        if found is None:
            self._conflict(
                path, theirs, "changed by both, and not a text that can be merged", three
            )
        elif found.conflicts and not self.choice:
            lines = ", ".join(map(str, found.conflicts[:5]))
            self.decisions.conflicts[path] = f"changed by both at line {lines}"
        elif found.conflicts and self.choice == "theirs":
            swapped = merge_text(before, new, own)
            assert swapped is not None
            self._merged(path, swapped.text, base, mine)
        else:
            self._merged(path, found.text, base, mine)

    def _merged(self, path: str, content: bytes, base: Entry, mine: Entry) -> None:
        self.decisions.merge[path] = content
        if mine.rights != base.rights:
            self.decisions.modes.append(path)

    def _conflict(self, path: str, theirs: Entry, why: str, three: Three) -> None:
        ours = self.choice == "ours" or _in(path, DATA)
        if _in(path, SYSTEM):
            self.decisions.replaced.append(path)
        elif ours and (not theirs.is_directory or theirs.is_empty()):
            self._keep(path, theirs, three)
        elif self.choice:
            self.decisions.replaced.append(path)
        else:
            self.decisions.conflicts[path] = why

    def _keep(self, path: str, theirs: Entry | None, three: Three) -> None:
        """Keep the guest's, with the files that are made from it."""
        if len(self.decisions.carry) > MOST:
            raise HostError(
                f"more than {MOST} files in directories of the base system, such as"
                f" /{path.rpartition('/')[0]}",
                "move them to a directory of their own",
            )
        mine = three.mine.look(path.rpartition("/")[2])
        if path == SERVICES and mine and (content := mine.read()) is not None:
            self.decisions.merge[path] = content
            return
        if theirs is not None:
            self.decisions.remove.append(path)
        self.decisions.carry.append(path)
        for made in UNITS.get(path, ()):
            if path != SERVICES and three.mine.look(made.rpartition("/")[2]):
                self.decisions.carry.append(made)


def _in(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)
