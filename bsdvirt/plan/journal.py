"""The journal: what an operation was about to do, written before it does it.

One file an operation, in the pool's state directory: a header with the whole plan,
then records, each begun by a line feed, so that one that was cut short spoils no other.
The file is gone when the operation has ended: what lies there is under way (its owner
holds the lock) or was cut short. It is run only on the host that wrote it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from dataclasses import dataclass, field
from typing import get_args

import msgspec

from bsdvirt.errors import HostError, StepError
from bsdvirt.host.fs import Fs
from bsdvirt.plan.step import Kind, Plan, Step

SUFFIX = ".journal"
JOURNAL_LIMIT = 64 << 20
"""Bytes: a header holds the files that the plan writes, and an undo what stood there."""
ASIDE = ".aside"
"""The suffix of a journal that was set aside: kept to be read, never run."""


class Header(msgspec.Struct, frozen=True):
    plan: Plan
    boot: str
    pid: int
    host: str = ""
    """kern.hostuuid of the host that wrote it, the only one that runs it."""
    began: float = 0.0
    """In seconds since 1970."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """`begun` and `done` count through steps, then finish."""

    begun: int | None = None
    done: int | None = None
    committed: bool = False
    ended: bool = False
    """Nothing is left to do: only the file's names are to go."""


class CommitUnknownError(StepError):
    """Nobody can tell whether the commit record is on disk: what recovery reads decides."""


# Made once, here: msgspec's first look at a type is not safe in several threads.
_HEADER = msgspec.json.Decoder(Header)
_RECORD = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class Entry:
    """A journal as read back."""

    path: str
    header: Header
    begun: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    committed: bool = False
    ended: bool = False

    @property
    def plan(self) -> Plan:
        return self.header.plan

    def begun_steps(self) -> list[Step]:
        """The steps that were begun, in order."""
        return self._steps(self.begun)

    def under_way(self) -> list[Step]:
        """Those of them that were not seen to end."""
        return self._steps(self.begun - self.done)

    def _steps(self, indices: set[int]) -> list[Step]:
        every = (*self.plan.steps, *self.plan.finish)
        return [every[index] for index in sorted(indices)]


class Journal:
    """The journal of an operation that this process runs."""

    def __init__(self, fs: Fs, paths: list[str], descriptor: int, durable: bool) -> None:
        self._fs = fs
        self._path = paths[0]
        self._paths = paths
        self._descriptor = descriptor
        self._durable = durable
        self.begun: list[int] = []

    @classmethod
    def open(cls, fs: Fs, directory: str, plan: Plan, boot: str, host: str = "") -> Journal:
        """Write the header; durably where any step's effect outlives a reboot. `host` is
        the uuid of this one.

        Raises HostError where it cannot be written.
        """
        durable = any(step.durable for step in (*plan.steps, *plan.finish))
        paths = [f"{directory}/{name}" for name in file_names(plan)]
        path = paths[0]
        # The values of properties are subclasses of str: written as what they are.
        header = msgspec.json.encode(
            Header(plan, boot, os.getpid(), host, time.time()), enc_hook=str
        ).decode()
        try:
            fs.write(path, header + "\n", 0o600, sync=durable)
            for other in paths[1:]:
                fs.link(path, other)
            if durable and len(paths) > 1:
                fs.sync_dir(directory)
            descriptor = os.open(fs.path(path), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(
                f"the journal cannot be written: {path}: {error.strerror}",
                "see that the pool is imported, has room and is not read-only",
            ) from error
        return cls(fs, paths, descriptor, durable)

    def begin(self, index: int, step: Step) -> None:
        self.begun.append(index)
        self._append(Record(begun=index), step.durable)

    def done(self, index: int) -> None:
        self._append(Record(done=index), False)

    def commit(self) -> None:
        """The point of no return. Where its record is not known to be on disk it is cut off
        again, so that what is undone now is not carried on by a later recovery.

        Raises StepError; CommitUnknownError where it could not be cut off.
        """
        before = os.fstat(self._descriptor).st_size
        try:
            self._append(Record(committed=True), self._durable)
        except StepError as error:
            try:
                os.ftruncate(self._descriptor, before)
                os.fsync(self._descriptor)
                self._fs.synced(self._path)
            except OSError:
                raise CommitUnknownError(error.message, "bsdvirt doctor --repair") from error
            raise

    def close(self, *, sync: bool = False) -> None:
        """The operation has ended: nothing is left to undo or to finish. `sync` makes the
        journal's end outlive a power loss at once."""
        if len(self._paths) > 1:
            # Of several names the first may go, and the power before the last does.
            with contextlib.suppress(StepError):
                self._append(Record(ended=True), self._durable)
        self.give_up()
        if sync and self._durable:
            with contextlib.suppress(OSError):
                self._fs.sync_dir(os.path.dirname(self._path))

    def give_up(self) -> None:
        """Take the file away: nothing more is written."""
        os.close(self._descriptor)
        for path in self._paths:
            with contextlib.suppress(OSError):
                self._fs.unlink(path)

    def leave(self) -> None:
        """Keep the file for a later recovery."""
        os.close(self._descriptor)

    def _append(self, record: Record, sync: bool) -> None:
        data = b"\n" + msgspec.json.encode(record)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            if sync:
                os.fsync(self._descriptor)
                self._fs.synced(self._path)
        except OSError as error:
            raise StepError(
                f"the journal cannot be written: {self._path}: {error.strerror}"
            ) from error


def file_names(plan: Plan) -> list[str]:
    """One for each thing that the plan is about: all are names of one file."""
    return [f"{plan.kind}.{name}.{plan.op}{SUFFIX}" for name in (plan.subject, *plan.also)]


def drop(fs: Fs, entry: Entry) -> None:
    """Take a journal away that has served: under all its names."""
    names = file_names(entry.plan)
    directory = os.path.dirname(entry.path)
    if len(names) > 1 and not entry.ended:
        fs.append(entry.path, "\n" + msgspec.json.encode(Record(ended=True)).decode())
    for name in names:
        fs.unlink(f"{directory}/{name}")


def set_aside(fs: Fs, path: str, entry: Entry | None) -> str:
    """Keep a journal under a name that nothing runs, and drop its other names; that name."""
    directory, own = os.path.split(path)
    kept = path.removesuffix(SUFFIX) + ASIDE
    os.replace(fs.path(path), fs.path(kept))
    for name in file_names(entry.plan) if entry else ():
        if name != own:
            fs.unlink(f"{directory}/{name}")
    fs.sync_dir(directory)
    return kept


def aside(fs: Fs, directory: str) -> list[str]:
    """The journals that were set aside."""
    return [f"{directory}/{name}" for name in fs.listdir(directory) if name.endswith(ASIDE)]


def subjects(fs: Fs, directory: str) -> list[tuple[Kind, str, str]]:
    """Return what has a journal: kind, name, and path. Reads the directory only."""
    found: list[tuple[Kind, str, str]] = []
    for name in fs.listdir(directory):
        kind, _, rest = name.partition(".")
        if name.endswith(SUFFIX) and kind in get_args(Kind):
            subject = rest.removesuffix(SUFFIX).rpartition(".")[0]
            known = "pool" if kind == "root" else kind
            found.append((known, subject, f"{directory}/{name}"))  # type: ignore[arg-type]
    return found


def read(fs: Fs, path: str) -> Entry | None:
    """A journal of another process; None where it has ended meanwhile. A record that was
    cut short did not happen: nothing was done after it.

    Raises HostError for a file that is no journal, or not one of root's alone.
    """
    try:
        data = _contents(fs, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "look at the file") from error
    head, *lines = data.split(b"\n")
    try:
        entry = Entry(path, _HEADER.decode(head))
    except (msgspec.DecodeError, RecursionError) as error:
        raise HostError(
            f"{path}: not a journal that this bsdvirt can read: {error}",
            f"run the version that wrote it, or bsdvirt doctor --set-aside {path}",
        ) from error
    if path.rpartition("/")[2] not in file_names(entry.plan):
        raise HostError(
            f"{path}: the journal of another thing, by its contents",
            f"bsdvirt doctor --set-aside {path}",
        )
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            _take(entry, _RECORD.decode(line))
    return entry


def _contents(fs: Fs, path: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(fs.path(path), flags), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise HostError(f"{path}: not a file of ours", "look at it, and remove it")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise HostError(f"{path}: others may write it", "look at it, and remove it")
        if status.st_size > JOURNAL_LIMIT:
            raise HostError(f"{path}: too large for a journal", "look at it, and remove it")
        return stream.read(JOURNAL_LIMIT)


def _take(entry: Entry, record: Record) -> None:
    every = range(len(entry.plan.steps) + len(entry.plan.finish))
    if record.begun is not None and record.begun in every:
        entry.begun.add(record.begun)
    if record.done is not None and record.done in every:
        entry.done.add(record.done)
    entry.committed = entry.committed or record.committed
    entry.ended = entry.ended or record.ended
